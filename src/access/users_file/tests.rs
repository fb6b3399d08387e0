use super::super::password::cheap_hash;
use super::*;

/// The sentences, one a line; `HASH` in the text is a good one.
fn refused(text: &str) -> String {
    let text = text.replace("HASH", &cheap_hash("x"));
    let errors = read(&text, "users.toml").unwrap_err();
    errors.iter().flat_map(|error| [error.to_string(), "\n".to_owned()]).collect()
}

fn good(text: &str) -> Vec<Account> {
    read(&text.replace("HASH", &cheap_hash("x")), "users.toml").unwrap()
}

fn texts(filters: &[Filter]) -> Vec<&str> {
    filters.iter().map(Filter::as_str).collect()
}

#[test]
fn the_example_loads_and_nobody_in_it_has_the_demo_password() {
    let example = include_str!("../../../config/users.toml.example");
    let accounts = read(example, "users.toml").unwrap();
    let names: Vec<&str> = accounts.iter().map(|account| &*account.user.name).collect();
    assert_eq!(names, ["jana", "gateway", "display"]);
    for account in &accounts {
        assert!(!account.hash.verifies(b"bigclown"), "{}", account.user.name);
    }
    assert_eq!(texts(&accounts[0].user.rights.publish), ["nodes/+/+/relay/+/set", "home/jana/#"]);
}

#[test]
fn a_user_has_what_the_file_says_and_nothing_it_does_not_say() {
    let accounts = good(
        r#"
        [[user]]
        name = "jana novák"
        password = "HASH"
        subscribe = ["nodes/#", "$SYS/#"]
        publish = ["%u/set", "home/%u/#", "%U/%/u%"]
        retain = true
        [[user]]
        name = "nobody"
        password = "HASH"
        "#,
    );
    let [jana, nobody] = accounts.as_slice() else { panic!("{accounts:?}") };
    assert_eq!(texts(&jana.user.rights.subscribe), ["nodes/#", "$SYS/#"]);
    assert_eq!(texts(&jana.user.rights.publish), ["jana novák/set", "home/jana novák/#", "%U/%/u%"]);
    assert!(jana.user.rights.retain);
    assert_eq!(*nobody.user.rights, Rights::default());
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file() {
    let text = r#"
title = "x"
[[user]]
name = "jana"
pasword = "HASH"
subscribe = ["a/#/b", "ok", 7]
retain = "yes"
[[user]]
name = "a:b"
password = "secret word"
publish = "nodes/#"
[[user]]
name = "jana"
password = "HASH"
publish = ["home-%u", ""]
"#;
    assert_eq!(
        refused(text),
        r#"users.toml:2:1: key title: unknown key; there are token, user
users.toml:3:1: user "jana", key password: is missing: run `clown-hub user hash`
users.toml:5:1: user "jana", key pasword: unknown key; did you mean password?
users.toml:6:14: user "jana", key subscribe: "a/#/b": '#' at byte 2 must be the last level
users.toml:6:29: user "jana", key subscribe: expected a text in quotes, found a number
users.toml:7:10: user "jana", key retain: expected true or false, found a text in quotes
users.toml:9:8: user "a:b", key name: must not contain ':'
users.toml:10:12: user "a:b", key password: no argon2id hash ($argon2id$v=19$m=..,t=..,p=..$salt$hash): run `clown-hub user hash`
users.toml:11:11: user "a:b", key publish: expected a list of filters, found a text in quotes
users.toml:13:8: user "jana", key name: is taken by the user in line 4
users.toml:15:12: user "jana", key publish: "home-%u": %u must be a whole level
users.toml:15:23: user "jana", key publish: "": topic is empty
"#
    );
}

#[test]
fn a_file_without_users_lets_nobody_in_by_mistake() {
    let sentence = "users.toml:1:1: no user in this file: add [[user]] with a name and a password\n";
    for text in ["", "# nobody\n", "\n\n", "user = []"] {
        assert_eq!(refused(text), sentence, "{text:?}");
    }
    assert_eq!(
        refused("[user]\nname = \"jana\"\npassword = \"HASH\"\n"),
        "users.toml:1:1: key user: expected a list of tables, each as [[user]], found a table of keys\n"
    );
    assert_eq!(
        refused("user = [\"jana\"]"),
        "users.toml:1:9: user number 1, key user: expected a table, found a text in quotes\n"
    );
    assert_eq!(
        refused("[[users]]\nname = \"jana\"\n"),
        "users.toml:1:1: no user in this file: add [[user]] with a name and a password\n\
         users.toml:1:3: key users: unknown key; did you mean user?\n"
    );
}

#[test]
fn what_is_no_toml_is_told_with_line_and_column_and_without_the_text() {
    let text = "[[user]]\nname = \"jana\"\npassword = $secret\nretain = \n";
    let told = refused(text);
    assert!(told.starts_with("users.toml:3:12: a text is in quotes; write password = \"…\"\n"), "{told}");
    assert!(told.contains("users.toml:4:"), "both: {told}");
    assert!(!told.contains("secret"), "{told}");
    assert!(refused("[[user]]\nname = \"a\"\nname = \"b\"\n").starts_with("users.toml:3:1: duplicate key"));
}

#[test]
fn a_name_that_would_break_http_or_topics_is_refused() {
    let name = |name: &str| {
        let told = refused(&format!("[[user]]\nname = {name}\npassword = \"HASH\"\n"));
        let (_, sentence) = told.trim_end().split_once("key name: ").unwrap();
        sentence.to_owned()
    };
    assert_eq!(name("\"\""), "is empty");
    assert_eq!(name(&format!("\"{}\"", "ž".repeat(33))), "has 66 bytes, the limit is 64");
    assert_eq!(name("\"a:b\""), "must not contain ':'");
    assert_eq!(name("\"a/b\""), "must not contain '/'");
    assert_eq!(name("\"+\""), "must not contain '+'");
    assert_eq!(name("\"#\""), "must not contain '#'");
    assert_eq!(name("\"$SYS\""), "must not begin with '$'");
    assert_eq!(name("\"hub\""), "is a name that the hub uses itself");
    assert_eq!(name(r#""a\nb""#), r"must not contain the control character '\n'");
    assert_eq!(name(r#""a\u0000""#), r"must not contain the control character '\0'");
    assert_eq!(name("\" a\""), "must not begin or end with a blank");
    assert_eq!(name("\"a\u{a0}\""), "must not begin or end with a blank");
    assert_eq!(name("7"), "expected a text in quotes, found a number");
    good(&format!("[[user]]\nname = \"{}\"\npassword = \"HASH\"\n", "x".repeat(64)));
    good("[[user]]\nname = \"a$ b%u@c.example\"\npassword = \"HASH\"\n");
}

#[test]
fn a_user_without_a_name_is_told_by_number() {
    assert_eq!(
        refused("[[user]]\nname = \"jana\"\npassword = \"HASH\"\n\n[[user]]\npassword = \"HASH\"\n"),
        "users.toml:5:1: user number 2, key name: is missing\n"
    );
}

#[test]
fn a_password_in_plain_text_is_refused_and_never_repeated() {
    let told = refused("[[user]]\nname = \"jana\"\npassword = \"hunter2\"\n");
    assert!(told.contains("run `clown-hub user hash`") && !told.contains("hunter2"), "{told}");
    let absurd =
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    assert_eq!(
        refused(&format!("[[user]]\nname = \"jana\"\npassword = \"{absurd}\"\n")),
        "users.toml:3:12: user \"jana\", key password: m=4194304 KiB of memory is outside 1024 to 1048576: \
         run `clown-hub user hash`\n"
    );
}

#[test]
fn a_rule_that_gets_too_long_with_the_name_in_it_is_refused() {
    let name = "n".repeat(64);
    let rule = format!("{}/%u", "x".repeat(1000));
    let told =
        refused(&format!("[[user]]\nname = \"{name}\"\npassword = \"HASH\"\npublish = [\"{rule}\"]\n"));
    assert!(told.trim_end().ends_with("topic has 1065 bytes, the limit is 1024"), "{told}");
}
