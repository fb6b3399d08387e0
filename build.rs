//! Builds the page in `web/` with npm and esbuild, and lists its files for `src/server/page.rs`. Where npm or the network
//! is missing, the list is empty, and the hub serves one plain page that says how to get the full one.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, io};

/// What the page is made of. `node_modules` is not among it: cargo would look at each of its files at every build.
const PARTS: [&str; 5] = ["src", "build.mjs", "package.json", "package-lock.json", ".npmrc"];

/// How long npm looks for a network that is not there.
const PATIENCE: [&str; 4] = [
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
    "--fetch-timeout=60000",
];

/// Why there is no page.
enum Absence {
    /// Nobody wants one.
    Unwanted,
    /// Something is missing on this machine. The hub is built without the page.
    Missing(String),
    /// The page does not build: a mistake in it, or a disk that is full.
    Broken(String),
}

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CLOWN_HUB_WITHOUT_PAGE");
    for part in PARTS {
        println!("cargo:rerun-if-changed=web/{part}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let absence = match build(&out) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(absence) => absence,
    };
    match absence {
        Absence::Unwanted => {}
        Absence::Missing(what) => println!(
            "cargo:warning=the hub is built without its page: {what}. With Node.js, npm and a network: touch build.rs, and build again"
        ),
        Absence::Broken(what) => {
            println!("cargo:warning=the page does not build: {what}");
            return ExitCode::FAILURE;
        }
    }
    match fs::write(out.join("page.rs"), "&[]") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo:warning=the list of the page's files cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the page in a copy, so that nothing appears among the sources.
fn build(out: &Path) -> Result<(), Absence> {
    if env::var_os("CLOWN_HUB_WITHOUT_PAGE").is_some_and(|value| !value.is_empty()) {
        return Err(Absence::Unwanted);
    }
    let copy = out.join("web");
    let is_installed =
        copy_parts(Path::new("web"), &copy).map_err(|error| Absence::Broken(error.to_string()))?;
    if !is_installed {
        let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
        npm.args(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
            .args(PATIENCE);
        run(npm.current_dir(&copy)).map_err(Absence::Missing)?;
    }
    let mut node = Command::new("node");
    node.arg("build.mjs").arg(out).current_dir(&copy);
    if let Err(error) = Command::new("node").arg("--version").stdout(Stdio::null()).status() {
        return Err(Absence::Missing(format!("node: {error}")));
    }
    run(&mut node).map_err(Absence::Broken)
}

/// Runs a program to its end. What it says is told only if it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
    Err(format!("{name} failed: {said}"))
}

/// Copies what the page is made of. Returns whether the packages of this very lockfile are there already.
fn copy_parts(from: &Path, to: &Path) -> io::Result<bool> {
    let is_installed = to.join("node_modules/.package-lock.json").exists()
        && fs::read(to.join("package-lock.json")).ok() == fs::read(from.join("package-lock.json")).ok();
    if to.join("src").exists() {
        fs::remove_dir_all(to.join("src"))?;
    }
    fs::create_dir_all(to)?;
    for part in PARTS {
        copy(&from.join(part), &to.join(part))?;
    }
    Ok(is_installed)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
