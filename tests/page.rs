//! What a build makes of the page: with npm all of it, as the browser tests see; without npm, or where nobody wants it, a
//! list that is empty. `build.rs` is compiled and run here as cargo does it.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by a panic")]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use tempfile::TempDir;

/// The build script as a program.
static SCRIPT: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut compile = Command::new(rustc);
    compile
        .args(["--edition=2024", "--cap-lints=allow", "-o"])
        .arg(folder.path().join("build"))
        .arg("build.rs");
    assert!(compile.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    folder
});

/// Runs it where `programs` are all there is: names, and what they do as shell scripts.
fn build(out: &Path, programs: &[(&str, &str)], without_page: &str) -> Output {
    let path = TempDir::new().unwrap();
    for (name, does) in programs {
        let file = path.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut script = Command::new(SCRIPT.path().join("build"));
    script.current_dir(env!("CARGO_MANIFEST_DIR")).env("PATH", path.path()).env("OUT_DIR", out);
    script.env("CLOWN_HUB_WITHOUT_PAGE", without_page).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_build_without_npm_or_without_a_network_has_no_page_and_says_what_is_missing() {
    let no_network: &[_] = &[("npm", "echo no network >&2; exit 1")];
    for (programs, missing) in [(&[][..], "npm: "), (no_network, "npm failed: no network")] {
        let out = TempDir::new().unwrap();
        let output = build(out.path(), programs, "");
        assert!(output.status.success(), "{output:?}");
        let warning = format!("cargo:warning=the hub is built without its page: {missing}");
        assert!(said(&output).contains(&warning), "{}", said(&output));
        assert_eq!(fs::read_to_string(out.path().join("page.rs")).unwrap(), "&[]");
    }
}

#[test]
fn who_wants_no_page_is_not_warned() {
    let out = TempDir::new().unwrap();
    let output = build(out.path(), &[], "1");
    assert!(output.status.success() && !said(&output).contains("warning"), "{output:?}");
    assert_eq!(fs::read_to_string(out.path().join("page.rs")).unwrap(), "&[]");
}

#[test]
fn a_page_that_does_not_build_ends_the_build() {
    let out = TempDir::new().unwrap();
    let node = "[ \"$1\" = --version ] || { echo 'app.tsx: no' >&2; exit 1; }";
    let output = build(out.path(), &[("npm", "exit 0"), ("node", node)], "");
    assert!(!output.status.success(), "{output:?}");
    assert!(said(&output).contains("the page does not build: node failed: app.tsx: no"), "{}", said(&output));
}

#[test]
fn packages_are_installed_once_for_a_lockfile_and_a_build_looks_only_at_what_it_uses() {
    let out = TempDir::new().unwrap();
    let npm = "mkdir -p node_modules; : >> node_modules/.package-lock.json; echo ran >> npm-ran";
    let programs = [("npm", npm), ("node", "exit 0"), ("mkdir", "exec /bin/mkdir \"$@\"")];
    for _ in 0..2 {
        let output = build(out.path(), &programs, "");
        assert!(output.status.success(), "{output:?}");
        let watched: Vec<_> = said(&output)
            .lines()
            .filter_map(|line| line.strip_prefix("cargo:rerun-if-changed=").map(str::to_owned))
            .collect();
        assert!(
            watched.contains(&"web/src".to_owned()) && !watched.contains(&"web".to_owned()),
            "{watched:?}"
        );
    }
    assert_eq!(fs::read_to_string(out.path().join("web/npm-ran")).unwrap(), "ran\n");
}
