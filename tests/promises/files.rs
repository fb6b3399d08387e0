//! The files that people write: whatever lies there instead of a small text is refused at once, with a sentence.

use std::path::Path;
use std::process::Command;

use crate::support::binary;

/// What the program says to these arguments with this home, on standard error. It may not take long.
fn said(home: &Path, args: &[&str]) -> String {
    let program = binary();
    let mut command = Command::new("timeout");
    command.arg("30").arg(program.get_program()).args(args).current_dir(home).env_clear().env("HOME", home);
    let ran = command.stdin(std::process::Stdio::null()).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{args:?}: {said}");
    said
}

/// What may lie where a file was meant, and what is said of it.
fn no_files(folder: &Path) -> Vec<(String, &'static str)> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(path("pipe.toml")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", path("endless.toml")).unwrap();
    std::fs::create_dir(path("folder.toml")).unwrap();
    std::fs::write(path("large.toml"), vec![b'#'; 5 * 1024 * 1024]).unwrap();
    std::fs::write(path("latin.toml"), b"# caf\xe9").unwrap();
    vec![
        (path("pipe.toml"), "cannot be read: it is no file but a pipe or a device; name a file"),
        (path("endless.toml"), "cannot be read: it is no file but a pipe or a device; name a file"),
        (path("folder.toml"), "cannot be read: it is no file but a folder; name the file in it"),
        (path("large.toml"), "bytes; is it the right file?"),
        (path("latin.toml"), "is not UTF-8 at byte 5; save it as UTF-8"),
    ]
}

#[test]
fn accounts_in_a_fifo_or_an_endless_file_are_refused_with_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    for (file, sentence) in no_files(home.path()) {
        let add = ["user", "add", "jana", "--subscribe", "#", "--users", &file];
        let commands: [&[&str]; 4] = [
            &["--listen", "127.0.0.1:0", "--users", &file],
            &["config", "check", "--users", &file],
            &["user", "list", "--users", &file],
            &add,
        ];
        for command in commands {
            let said = said(home.path(), command);
            assert!(said.contains(&file) && said.contains(sentence), "{command:?}: {said}");
        }
    }
}

#[test]
fn a_configuration_in_a_fifo_or_an_endless_file_is_refused_with_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    for (file, sentence) in no_files(home.path()) {
        let said = said(home.path(), &["config", "check", "--config", &file]);
        assert!(said.contains(&file) && said.contains(sentence), "{said}");
    }
}

#[test]
fn a_link_in_a_fifo_or_an_endless_file_is_refused_with_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    for (file, sentence) in no_files(home.path()) {
        let said = said(home.path(), &["bridge", "check", &file]);
        assert!(said.contains(&file) && said.contains(sentence), "{said}");
    }
}

#[test]
fn the_clients_file_and_its_password_in_a_fifo_or_an_endless_file_are_refused_with_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/clown-hub");
    std::fs::create_dir_all(&folder).unwrap();
    let client = folder.join("client.toml");
    for (file, sentence) in no_files(home.path()) {
        std::fs::write(&client, format!("url = 'ws://anna@127.0.0.1:1'\npassword_file = '{file}'")).unwrap();
        let told = said(home.path(), &["nodes"]);
        assert!(told.contains(&file) && told.contains(sentence), "{told}");
        std::fs::remove_file(&client).unwrap();
        std::os::unix::fs::symlink(&file, &client).unwrap();
        let told = said(home.path(), &["nodes"]);
        assert!(told.contains("client.toml") && told.contains(sentence), "{told}");
        std::fs::remove_file(&client).unwrap();
    }
}

#[test]
fn every_mistake_in_client_toml_is_told_at_once() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/clown-hub");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("client.toml"), "urll = 's3cret'\npassword_file = 5\n").unwrap();
    let said = said(home.path(), &["nodes"]).replace(home.path().to_str().unwrap(), "HOME");
    insta::assert_snapshot!(said, @r"
    clown-hub: client.toml
    HOME/.config/clown-hub/client.toml:1:1: urll: unknown key; did you mean url?
    HOME/.config/clown-hub/client.toml:2:17: password_file: expected a text in quotes, found a number
    ");
}
