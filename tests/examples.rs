//! The examples under `config/` and `bridges/` are configurations that the hub takes.

use std::fs;
use std::path::PathBuf;

use clown_hub::access::Accounts;
use clown_hub::config::{Sources, load};
use clown_hub::links::file::parse;
use clown_hub::topic::Limits;

fn config() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config")
}

fn examples(is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(config()).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.ends_with(".toml.example") && is_wanted(&name)
    });
    named.map(|entry| entry.path()).collect()
}

#[test]
fn every_example_of_a_hub_is_taken() {
    let examples = examples(|name| name.starts_with("hub"));
    assert!(!examples.is_empty());
    for path in examples {
        let sources = Sources { file: Some(path.clone()), ..Sources::default() };
        assert!(load(&sources).is_ok(), "{}", load(&sources).unwrap_err());
    }
}

#[test]
fn every_example_of_accounts_is_taken_and_has_no_demo_user() {
    let examples = examples(|name| name.starts_with("users"));
    assert!(!examples.is_empty());
    for path in examples {
        let text = fs::read_to_string(&path).unwrap();
        let accounts = Accounts::parse(&text, &path.display().to_string()).unwrap();
        assert!(!accounts.is_demo());
    }
}

#[test]
fn every_example_of_a_link_is_taken() {
    let bridges = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bridges");
    let entries = fs::read_dir(&bridges).unwrap().flatten().map(|entry| entry.path());
    let mut names = Vec::new();
    for path in entries.filter(|path| path.extension().is_some_and(|extension| extension == "example")) {
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.display().to_string();
        let loaded = parse("example", &shown, &text, &Limits::default());
        let mistakes = loaded.err().into_iter().flatten().map(|mistake| mistake.to_string());
        assert_eq!(mistakes.collect::<Vec<_>>(), Vec::<String>::new());
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    let told = fs::read_to_string(bridges.join("README.md")).unwrap();
    let told = told.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned));
    let mut told: Vec<_> = told.collect();
    told.sort();
    assert_eq!(names, told, "bridges/README.md lists them all");
}
