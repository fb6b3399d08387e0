//! `clown-hub context`: hubs have names, one of them is in use, and nobody else reads the passwords.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Hub, PASSWORD, binary, user};

/// A person with a home directory of their own.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What a command says, on both outputs, and its exit code.
    fn types(&self, words: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
        let mut command = binary();
        command.args(words).env("HOME", self.0.path()).envs(variables.iter().copied());
        let ran = command.output().unwrap();
        let said = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
        assert!(!said.contains(PASSWORD), "{said}");
        (ran.status.code().unwrap(), said)
    }

    fn does(&self, words: &[&str]) -> String {
        let (code, said) = self.types(words, &[]);
        assert_eq!(code, 0, "{said}");
        said
    }

    fn folder(&self) -> std::path::PathBuf {
        self.0.path().join(".config/clown-hub")
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn two_hubs_have_names_and_one_is_gone_to_unless_another_is_named() {
    let hubs =
        ["house", "lab"].map(|name| (name, Hub::with_users(&[user("jana", &["#"], &["#"], true)], &[])));
    let home = Home::new();
    for (name, hub) in &hubs {
        let password = home.0.path().join("secret");
        std::fs::write(&password, PASSWORD).unwrap();
        std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
        let url = format!("ws://jana@{}/{name}", hub.address);
        home.does(&["context", "add", name, &url, "--password-file", password.to_str().unwrap()]);
    }
    let read = |words: &[&str]| home.does(&[&["sub", "--retained", "only"], words].concat());
    home.does(&["context", "use", "house"]);
    home.does(&["pub", "who", "\"house\"", "--retain"]);
    home.does(&["pub", "who", "\"lab\"", "--retain", "--context", "lab"]);
    assert_eq!(read(&["who"]), "who \"house\"\n");
    assert_eq!(read(&["who", "--context", "lab"]), "who \"lab\"\n");
    let (_, by_variable) = home.types(&["sub", "who", "--retained", "only"], &[("CLOWN_HUB_CONTEXT", "lab")]);
    assert_eq!(by_variable, "who \"lab\"\n");
    let list = home.does(&["context", "list"]);
    assert!(list.contains("* house  ws://127.0.0.1:") && list.contains("  lab  ws://127.0.0.1:"), "{list}");
    home.does(&["context", "remove", "house"]);
    let list = home.does(&["context", "list"]);
    assert!(!list.contains("house") && !list.contains('*'), "{list}");
}

#[test]
fn a_context_with_a_password_is_for_its_owner_alone_and_is_not_replaced_unasked() {
    let home = Home::new();
    let url = format!("ws://jana:{}@hub.local/nodes", PASSWORD.replace(' ', "%20"));
    let said = home.does(&["context", "add", "house", &url, "--use"]);
    assert!(said.contains("ws://hub.local/nodes"), "{said}");
    let folder = home.folder();
    assert_eq!((mode(&folder.join("contexts/house.toml")), mode(&folder.join("contexts"))), (0o600, 0o700));
    let (code, said) = home.types(&["context", "add", "house", "ws://other"], &[]);
    assert!(code == 2 && said.contains("--replace"), "{said}");
    home.does(&["context", "add", "house", "ws://other.local", "--replace"]);
    assert!(home.does(&["context", "list"]).contains("* house  ws://other.local"));
}

#[test]
fn a_context_that_is_not_there_is_told_with_those_that_are() {
    let home = Home::new();
    home.does(&["context", "add", "lab", "ws://127.0.0.1:1"]);
    for (words, variables, told) in [
        (
            &["nodes", "--context", "house"][..],
            &[][..],
            "--context: there is no context \"house\"; there are: lab",
        ),
        (&["nodes"], &[("CLOWN_HUB_CONTEXT", "house")], "CLOWN_HUB_CONTEXT: there is no context \"house\""),
        (&["nodes"], &[("CLOWN_HUB_CONTEXT", "../x")], "CLOWN_HUB_CONTEXT: a context is named with letters"),
        (&["context", "use", "house"], &[], "context use: there is no context \"house\""),
        (&["context", "add", "a/b", "ws://x"], &[], "a context is named with letters"),
        (&["context", "add", "x", "http://hub"], &[], "the URL of a hub begins with ws://"),
        (&["nodes", "--context", "lab", "--url", "ws://x"], &[], "leave one out"),
    ] {
        let (code, said) = home.types(words, variables);
        assert!(code == 2 && said.contains(told), "{words:?}: {said}");
    }
    std::fs::write(home.folder().join("context"), "gone\n").unwrap();
    let (code, said) = home.types(&["nodes"], &[]);
    assert!(code == 2 && said.contains("the context in use: there is no context \"gone\""), "{said}");
}
