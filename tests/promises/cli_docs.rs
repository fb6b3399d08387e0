//! What the documents and the help texts show is run, and completions load in the shells they are for.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Client, Hub, run};

/// Runs a script where `clown-hub` is ours and everything else starts from nothing.
fn shell(program: &[&str], script: &str, home: &Path, url: &str) -> Output {
    let ours = Path::new(env!("CARGO_BIN_EXE_clown-hub")).parent().unwrap();
    let path = format!("{}:{}", ours.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(script).env_clear().current_dir(home);
    command.env("PATH", path).env("HOME", home).env("CLOWN_HUB_URL", url);
    if url.is_empty() {
        command.env_remove("CLOWN_HUB_URL");
    }
    command.output().unwrap()
}

#[test]
fn every_command_of_the_page_on_the_command_line_works() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(&home.path().join(".local/state/clown-hub"), &["simulator.run=on"]);
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let blocks: Vec<_> = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 6, "{} blocks were found", blocks.len());
    for block in blocks {
        let script =
            format!("set -euo pipefail\n{}", block.replace("127.0.0.1:8080", &hub.address.to_string()));
        let url = if block.contains("client.toml") { "" } else { &url };
        let ran = shell(&["bash", "-c"], &script, home.path(), url);
        assert!(ran.status.success(), "{block}\n{ran:?}");
    }
}

#[tokio::test]
async fn the_commands_of_the_page_on_the_store_work_and_the_copy_takes_its_place() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/store.md")).unwrap();
    let restore = page.lines().find_map(|line| line.strip_prefix("$ clown-hub restore ")).unwrap();
    let restore = restore.replace("/var/lib/clown-hub", "$HOME/.local/state/clown-hub");
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join(".local/state/clown-hub");
    let hub = Hub::with_store(&store, &["store.durability=commit"]);
    let mut attic = Client::open(&hub, "/talk/home/attic?side=node", "{}").await;
    attic.publish("thermometer/0", "20.10").await;
    let blocks: Vec<_> = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 3);
    let works = |script: &str| {
        let ran = shell(&["bash", "-c"], &format!("set -euo pipefail\n{script}"), home.path(), "");
        assert!(ran.status.success() && ran.stderr.is_empty(), "{script}: {ran:?}");
    };
    for block in blocks {
        works(block);
    }
    drop(attic);
    hub.stopped().await;
    std::fs::remove_dir_all(&store).unwrap();
    works(&format!("clown-hub restore {restore}"));
    works("clown-hub store compact");
    let hub = Hub::with_store(&store, &[]);
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let kept = run(&["sub", "home/attic/thermometer/#", "--retained", "only", "--url", &url], "").succeeds();
    assert_eq!(kept, "home/attic/thermometer/0 20.10\n");
}

/// Runs a program and stops it as Ctrl-C does; how it ended is how that ends.
const STOP: &str = "stop_after_2_s() { timeout --preserve-status -s INT 2 \"$@\"; }";

#[test]
fn the_commands_of_the_readme_work() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (store, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::with_store(store.path(), &["simulator.run=on"]);
    let example = "bridges/mosquitto.toml.example";
    std::fs::create_dir(home.path().join("bridges")).unwrap();
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(example), home.path().join(example)).unwrap();
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let ours: Vec<_> = blocks.filter(|block| block.contains("\nclown-hub")).collect();
    assert_eq!(ours.len(), 3);
    for block in ours {
        let block = block.replace("127.0.0.1:8080", &hub.address.to_string());
        // The hub itself runs until it is told to stop, here at a port that is free.
        let block =
            block.replace("clown-hub --listen 0.0.0.0:8080", "stop_after_2_s clown-hub --listen 0.0.0.0:0");
        // A line of input in place of a person at the prompt. Relays are switched over a broker in `tests/bridge/files.rs`.
        let lines = block.lines().filter(|line| !line.contains("mosquitto_pub"));
        // No pipe, which a command that does not read would break.
        let typed = |line: &str| match line.strip_prefix("clown-hub ") {
            Some(rest) => format!("<<< 'correct horse battery' clown-hub {rest}"),
            None => line.to_owned(),
        };
        let script = lines.map(typed).collect::<Vec<_>>().join("\n");
        let ran = shell(&["bash", "-c"], &format!("set -euo pipefail\n{STOP}\n{script}"), home.path(), "");
        assert!(ran.status.success(), "{script}\n{ran:?}");
    }
}

#[test]
fn every_help_fits_a_screen_and_has_an_example() {
    let commands = "serve|pub|sub|req|reply|context add|context use|context list|context remove|nodes|cluster status|sim|user hash|user add|user passwd|user list|user remove|token add|token list|token revoke|sessions|sessions revoke|access explain|backup|restore|store check|store compact|store forget|\
                    bridge check|bridge ports|config check|config show|config docs|completions";
    for command in commands.split('|') {
        let args: Vec<_> = command.split(' ').chain(["-h"]).collect();
        let help = run(&args, "").succeeds();
        assert!(help.contains("Example"), "{help}");
        assert!(help.lines().count() <= 24 && help.lines().all(|line| line.chars().count() <= 120), "{help}");
    }
}

#[test]
fn completions_load_in_bash_and_complete() {
    let home = tempfile::tempdir().unwrap();
    let script = "set -eu; eval \"$(clown-hub completions bash)\"; complete -p clown-hub; \
                  COMP_WORDS=(clown-hub su); COMP_CWORD=1; _clown__hub clown-hub su clown-hub; echo \"${COMPREPLY[*]}\"";
    let ran = shell(&["bash", "--norc", "-c"], script, home.path(), "");
    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && ran.stderr.is_empty() && text.trim_end().ends_with("\nsub"), "{ran:?}");
}

/// A zsh at work in a terminal: the keys of `clown-hub su⇥ --form⇥ js⇥` are typed, and what is run is the completed line.
const ZSH: &str = r#"
zmodload zsh/zpty
mkdir functions
clown-hub completions zsh > functions/_clown-hub
zpty shell zsh -f -i
zpty -w shell 'PS1=; unset zle_bracketed_paste; bindkey "^I" complete-word; unsetopt menu_complete auto_menu'
zpty -w shell 'fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D'
zpty -w shell 'clown-hub() { print -r -- "RAN<$*>" }; print READY | tr A-Z a-z'
zpty -r -m shell said '*ready*'
zpty -n -w shell $'clown-hub su\t--form\tjs\t\n'
zpty -r -m shell said '*RAN<*>*'
print -r -- ${${said##*RAN<}%%>*}
zpty -d shell
"#;

#[test]
fn completions_load_in_zsh_and_complete() {
    if Command::new("zsh").arg("--version").output().is_err() {
        println!("zsh is not installed, so its completions were not loaded: tests/shells/install");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // A shell that waits for more is one that did not complete.
    let ran = shell(&["timeout", "20", "zsh", "-f", "-c"], ZSH, home.path(), "");
    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && text.trim_end() == "sub --format=json", "{ran:?}");
}
