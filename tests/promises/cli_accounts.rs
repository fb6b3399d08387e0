//! `clown-hub user`, `access` and `config`: what an operator does with files.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{PASSWORD, Ran, run, user};

struct Accounts {
    _dir: TempDir,
    file: String,
}

impl Accounts {
    fn with(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("users.toml");
        if !text.is_empty() {
            std::fs::write(&file, text).unwrap();
        }
        Self { file: file.to_str().unwrap().to_owned(), _dir: dir }
    }

    fn run(&self, args: &[&str], input: &str) -> Ran {
        // No hub of this machine is asked what became of it.
        let ran =
            run(&[args, &["--users", &self.file, "--set", "server.listen=127.0.0.1:1"]].concat(), input);
        Ran {
            stderr: ran.stderr.replace(&self.file, "USERS"),
            stdout: ran.stdout.replace(&self.file, "USERS"),
            ..ran
        }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }
}

#[test]
fn the_first_account_may_be_made_in_an_empty_folder() {
    let home = tempfile::tempdir().unwrap();
    let script = "echo 'another horse battery' | \"$0\" user add jana --admin && \"$0\" user list";
    let ran = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_clown-hub")])
        .env_clear()
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.contains("\njana\n"), "{said}");
    // The whole path: a hub that is started elsewhere does not look there.
    let file = home.path().join("config/users.toml");
    assert!(said.starts_with(&format!("jana is in {};", file.display())), "{said}");
    let ran = run(&["user", "add", "jana", "--admin", "--users", "nowhere/users.toml"], NEW);
    assert_eq!(ran.code, Some(2));
    assert_snapshot!(ran.stderr, @"clown-hub: there is no folder nowhere; make it first");
}

const NEW: &str = "another horse battery\n";

#[test]
fn an_account_is_added_changed_and_removed_and_the_rest_of_the_file_stays() {
    let first =
        user("anna", &["a/#"], &[], false).replace("[[user]]", "# at the top\n\n[[user]] # the first");
    let first = first.replace("subscribe =", "# what she reads\nsubscribe  =");
    let accounts = Accounts::with(&first);
    let added = accounts.run(&["user", "add", "emil", "--publish", "b/%u/#", "--retain"], NEW).succeeds();
    assert_snapshot!(added, @"emil is in USERS; no hub answers at 127.0.0.1:1: one that starts reads it");
    assert!(accounts.text().starts_with(&first), "{}", accounts.text());
    assert_eq!(std::fs::metadata(&accounts.file).unwrap().permissions().mode() & 0o007, 0);
    assert_snapshot!(accounts.run(&["user", "list"], "").succeeds(), @r"
    anna
      subscribe    a/#
      publish      nothing
    emil
      subscribe    nothing
      publish      b/emil/#; may retain
    ");
    accounts.run(&["user", "passwd", "anna"], NEW).succeeds();
    let hash = |text: &str| text.lines().find(|line| line.starts_with("password")).unwrap().to_owned();
    assert_ne!(hash(&accounts.text()), hash(&first));
    assert_eq!(accounts.text().replace(&hash(&accounts.text()), &hash(&first)).find(&first), Some(0));
    accounts.run(&["user", "remove", "emil"], "").succeeds();
    assert!(!accounts.text().contains("emil") && accounts.text().contains("# what she reads"));
    assert!(!accounts.text().contains(PASSWORD));
}

#[test]
fn where_a_cluster_has_the_accounts_the_file_of_a_hub_that_is_stopped_is_not_all() {
    let accounts = Accounts::with(&user("anna", &["a/#"], &[], false));
    let add =
        ["user", "add", "emil", "--node", "n", "--set", "users.source=cluster", "--set", "cluster.name=hall"];
    let server = ["--set", "cluster.servers=[\"nats://127.0.0.1:1\"]"];
    let added = accounts.run(&[&add[..], &server].concat(), NEW).succeeds();
    assert_snapshot!(added, @"emil is in USERS; no hub answers at 127.0.0.1:1: one that starts takes the accounts of its cluster in place of this file, if that has any (users.source); start it, then run the command again");
}

#[test]
fn a_file_that_is_not_there_is_begun() {
    let accounts = Accounts::with("");
    let first = accounts.run(&["user", "add", "anna", "--subscribe", "#"], NEW);
    assert_snapshot!(first.stderr, @"clown-hub: the first account is an admin, so that somebody may see and do everything: run `clown-hub user add NAME --admin` first");
    accounts.run(&["user", "add", "anna", "--admin"], NEW).succeeds();
    accounts.run(&["config", "check"], "").succeeds();
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let accounts = Accounts::with(&user("anna", &["a/#"], &["a/+/set"], false));
    let before = accounts.text();
    let mistake = |args: &[&str]| {
        let ran = accounts.run(args, NEW);
        assert_eq!((ran.code, accounts.text() == before), (Some(2), true));
        ran.stderr
    };
    assert_snapshot!(mistake(&["user", "add", "anna", "--publish", "#"]), @r#"clown-hub: USERS has an account "anna"; `clown-hub user passwd` changes its password"#);
    assert_snapshot!(mistake(&["user", "add", "emil"]), @"clown-hub: the account has no rights; give it a role, as --node nodes/kitchen/0, --dashboard nodes or --admin, or filters, as in --subscribe 'nodes/#'");
    assert_snapshot!(mistake(&["user", "passwd", "emil"]), @r#"clown-hub: USERS has no account "emil"; `clown-hub user list` shows them"#);
    assert_snapshot!(mistake(&["user", "remove", "anna"]), @"clown-hub: anna is the only account, and a hub needs one at least; to go back to the demo, stop the hub and delete USERS");
    assert!(
        mistake(&["user", "add", "emil", "--publish", "a+"])
            .contains("wildcard at byte 1 must be a whole level")
    );
    assert!(mistake(&["user", "add", "a/b", "--publish", "#"]).contains("must not contain '/'"));
}

#[test]
fn rights_are_explained_by_the_filter_that_decides() {
    let accounts = Accounts::with(&user("anna", &["a/#", "b/c"], &["a/+/set"], false));
    let explained = |args: &[&str]| {
        let ran = accounts.run(&[&["access", "explain"], args].concat(), "");
        (ran.code, ran.stdout + &ran.stderr)
    };
    let (code, text) = explained(&["anna", "publish", "a/lamp/set"]);
    assert_eq!(code, Some(0));
    assert_snapshot!(text, @r#"yes: anna may publish to a/lamp/set, by publish = ["a/+/set"]; but not with the option retain, as the account lacks retain = true"#);
    let (code, text) = explained(&["anna", "publish", "b/lamp/set"]);
    assert_eq!(code, Some(3));
    assert_snapshot!(text, @r#"clown-hub: no: anna may not publish to b/lamp/set: this takes the right publish, and none of its filters matches: publish = ["a/+/set"]"#);
    let (_, text) = explained(&["anna", "subscribe", "b/#"]);
    assert_snapshot!(text, @r#"clown-hub: no: anna may not subscribe to b/#: this takes the right subscribe, and one filter of the account must cover it whole, and these cover only a part: "b/c""#);
    let (code, text) = explained(&["anna", "subscribe", "a/b/#"]);
    assert_eq!(
        (code, text.as_str()),
        (Some(0), "yes: anna may subscribe to a/b/#, by subscribe = [\"a/#\"]\n")
    );
    assert_eq!(explained(&["emil", "publish", "a"]).0, Some(2));
    assert_eq!(explained(&["anna", "publish", "a/+"]).0, Some(2));
}

#[test]
fn the_configuration_is_checked_and_shown_with_where_it_comes_from() {
    let good = run(&["config", "check"], "").succeeds();
    assert_snapshot!(good, @"the configuration is good; it listens on 127.0.0.1:8080, with the demo user");
    let rules = r#"history.rules=[{filter = "a/#"}, {filter = "b"}, {filter = "a/b", off = true}]"#;
    let never = run(&["config", "check", "--set", rules], "");
    assert_eq!(never.code, Some(0));
    assert_snapshot!(never.stderr, @"clown-hub: history.rules, rule 3 (a/b) never counts: rule 1 (a/#) comes before it and names all of its topics");
    let bad = run(&["config", "check", "--set", "limits.filters=0", "--set", "server.listn=x"], "");
    assert_eq!(bad.code, Some(2));
    assert_snapshot!(bad.stderr, @r"
    clown-hub: configuration
    flag: unknown key server.listn; did you mean server.listen?
    flag: limits.filters: 0 is below the least of 1 (filters)
    ");
    let shown = run(&["config", "show", "--set", "limits.filters=50"], "").succeeds();
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("limits.filters"), ["limits.filters", "50", "flag"]);
    assert_eq!(line("server.listen"), ["server.listen", "\"127.0.0.1:8080\"", "default"]);
    let docs = run(&["config", "docs"], "").succeeds();
    assert!(docs.contains(
        "| `limits.filters` | `1000` | 1 to 100000 | filters | Filters that one connection may hold. |"
    ));
}

#[test]
fn a_file_keeps_who_may_read_it_as_the_hub_may_run_as_another_user() {
    let accounts = Accounts::with(&user("jana", &[], &["#"], false));
    std::fs::set_permissions(&accounts.file, PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(accounts.run(&["user", "add", "emil", "--node", "x"], NEW).code, Some(0));
    let file = std::fs::metadata(&accounts.file).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o640);
    if file.uid() == 0 && std::os::unix::fs::chown(&accounts.file, Some(1), Some(2)).is_ok() {
        assert_eq!(accounts.run(&["user", "remove", "emil"], "").code, Some(0));
        let file = std::fs::metadata(&accounts.file).unwrap();
        assert_eq!((file.uid(), file.gid(), file.permissions().mode() & 0o777), (1, 2, 0o640));
    }
}

#[test]
fn an_account_that_signed_in_with_its_certificate_alone_gets_a_password_when_it_is_given_one() {
    let jana = user("jana", &[], &["#"], false);
    let accounts =
        Accounts::with(&format!("{jana}\n[[user]]\nname = 'emil'\ncertificate = true\npublish = ['x']\n"));
    let ran = accounts.run(&["user", "passwd", "emil"], NEW);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(accounts.text().matches("password = ").count(), 2, "{}", accounts.text());
}

#[test]
fn accounts_that_are_written_as_one_list_are_not_changed_and_the_sentence_says_how_to_write_them() {
    let whole = user("jana", &[], &["#"], false);
    let hash = whole.lines().find_map(|line| line.strip_prefix("password = ")).unwrap();
    let text = format!("user = [{{ name = 'jana', password = {hash}, publish = ['#'] }}]\n");
    let accounts = Accounts::with(&text);
    let ran = accounts.run(&["user", "add", "emil", "--node", "x"], NEW);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("write each of them under a line [[user]]"), "{}", ran.stderr);
    assert_eq!(accounts.text(), text);
}
