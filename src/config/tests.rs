mod rules;

use std::fs;
use std::time::Duration;

use super::*;
use tempfile::TempDir;

/// A directory with no configuration in it, or with this text as `config/hub.toml`.
struct Place(TempDir);

impl Place {
    fn empty() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn with(text: &str) -> Self {
        let place = Self::empty();
        fs::create_dir(place.0.path().join("config")).unwrap();
        fs::write(place.0.path().join("config/hub.toml"), text).unwrap();
        place
    }

    fn load(&self, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, String> {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let directory = self.0.path().to_owned();
        self.told(&Sources { file: None, directory, env: owned(env), flags: owned(flags) })
    }

    /// What is told, with the path of this place left out.
    fn told(&self, sources: &Sources) -> Result<Settings, String> {
        let directory = format!("{}/", self.0.path().display());
        load(sources).map_err(|mistakes| mistakes.to_string().replace(&directory, ""))
    }
}

fn file(text: &str) -> String {
    Place::with(text).load(&[], &[]).unwrap_err()
}

fn env(name: &str, value: &str) -> String {
    Place::empty().load(&[(name, value)], &[]).unwrap_err()
}

fn flag(name: &str, value: &str) -> String {
    Place::empty().load(&[], &[(name, value)]).unwrap_err()
}

#[test]
fn the_defaults_load_without_any_file() {
    let settings = Place::empty().load(&[], &[]).unwrap();
    assert_eq!(settings.server.listen, ([127, 0, 0, 1], 8080).into());
    assert_eq!(settings.server.line_listen, None);
    assert_eq!(settings.server.drain, Duration::from_secs(5));
    assert_eq!(settings.limits.topic, crate::topic::Limits::default());
    assert_eq!(settings.limits.messages_per_second.map(std::num::NonZero::get), Some(20_000));
    assert_eq!(settings.limits.batch, Duration::from_secs(5));
    assert_eq!(settings.users.remember, Duration::from_hours(1));
    assert_eq!(settings.users.web_session, Duration::from_hours(12));
    assert_eq!(settings.simulator.base.as_str(), "nodes/bridge/0");
    assert_eq!((settings.simulator.run, settings.log.format), (Run::Demo, LogFormat::Text));
}

#[test]
fn a_copy_of_the_defaults_is_a_configuration() {
    assert_eq!(Place::with(HUB_TOML).load(&[], &[]), Place::empty().load(&[], &[]));
}

#[test]
fn flags_override_the_environment_which_overrides_the_file_which_overrides_the_defaults() {
    let place = Place::with("[limits]\nfilters = 1\nconnections = 1\nhandshakes = 1\n");
    let variables =
        [("CLOWN_HUB__LIMITS__CONNECTIONS", "2"), ("CLOWN_HUB__LIMITS__HANDSHAKES", "2"), ("PATH", "/bin")];
    let limits = place.load(&variables, &[("limits.handshakes", "3")]).unwrap().limits;
    assert_eq!(
        (limits.topic.max_levels, limits.filters, limits.connections, limits.handshakes),
        (32, 1, 2, 3)
    );
}

#[test]
fn the_last_of_several_flags_counts() {
    let settings = Place::empty().load(&[], &[("server.io_threads", "2"), ("server.io_threads", "3")]);
    assert_eq!(settings.unwrap().server.io_threads, Some(3));
}

#[test]
fn texts_of_environment_and_flags_are_read_by_the_type_of_their_key() {
    let variables = [
        ("CLOWN_HUB__SERVER__ORIGINS", "https://house.example, null, file://"),
        ("CLOWN_HUB__RETAINED__ALWAYS", ""),
        ("CLOWN_HUB__LOG__FILTER", "info,clown_hub::hub=debug"),
        ("CLOWN_HUB__SIMULATOR__SPEED", "2"),
        ("CLOWN_HUB_CONFIG", "elsewhere.toml"),
        ("CLOWN_HUB_URL", "ws://hub"),
        ("CLOWN_HUBS", "another program's"),
    ];
    let flags = [("server.line_listen", "[::1]:0"), ("limits.messages_per_second", "0")];
    let settings = Place::empty().load(&variables, &flags).unwrap();
    let origins: Vec<_> = settings.server.origins.iter().map(WebOrigin::as_str).collect();
    assert_eq!(origins, ["https://house.example", "null", "file://"]);
    assert_eq!(settings.retained.always, []);
    assert_eq!(settings.log.filter, "info,clown_hub::hub=debug");
    assert!((settings.simulator.speed - 2.0).abs() < f64::EPSILON);
    assert_eq!(settings.server.line_listen, Some("[::1]:0".parse().unwrap()));
    assert_eq!(settings.limits.messages_per_second, None);
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place_and_key() {
    let place = Place::with("[server]\nlisten = 8080\n[limits]\nmessage_bytes = 12\n[bogus]\nx = 1\n");
    let variables = [("CLOWN_HUB__SERVER__LISTN", "x"), ("CLOWN_HUB__OUTBOX__MESSAGES", "many")];
    let flags = [("simulator.run", "sometimes"), ("nothing", "x")];
    let told = place.load(&variables, &flags).unwrap_err();
    let expected = [
        "config/hub.toml:6:1: unknown key bogus.x; docs/configuration.md lists them all",
        "CLOWN_HUB__SERVER__LISTN: unknown key server.listn; did you mean server.listen?",
        "flag: unknown key nothing; docs/configuration.md lists them all",
        "config/hub.toml:2:10: server.listen: expected a text in quotes, found the number 8080",
        "config/hub.toml:4:17: limits.message_bytes: 12 is below the least of 1024 (bytes)",
        "CLOWN_HUB__OUTBOX__MESSAGES: outbox.messages: expected a whole number from 1 to 1000000 (messages), \
         found the text \"many\"",
        "flag: simulator.run: expected one of demo, on, off, found \"sometimes\"",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_probably_meant() {
    let told = |text| file(text).split_once(": ").unwrap().1.to_owned();
    assert_eq!(told("[limits]\nfilter = 1"), "unknown key limits.filter; did you mean limits.filters?");
    assert_eq!(told("[limit]\nfilters = 1"), "unknown key limit.filters; did you mean limits.filters?");
    assert_eq!(told("listen = ''"), "unknown key listen; did you mean server.listen?");
    assert_eq!(told("[limits]\nlisten = ''"), "unknown key limits.listen; did you mean server.listen?");
    assert_eq!(told("'server.listen' = ''"), "unknown key \"server.listen\"; did you mean server.listen?");
    assert_eq!(told("[bogus]"), "unknown key bogus; docs/configuration.md lists them all");
    assert_eq!(
        told("[server.tls]\non = true"),
        "unknown key server.tls.on; docs/configuration.md lists them all"
    );
    assert_eq!(told("server = 5"), "server is a section and takes no value; give its keys values");
    assert_eq!(flag("server", "5"), "flag: server is a section and takes no value; give its keys values");
    assert_eq!(flag("server.lisetn", ""), "flag: unknown key server.lisetn; did you mean server.listen?");
}

#[test]
fn a_switch_is_true_or_false_wherever_it_is_said() {
    let enabled = |env: &[(&str, &str)], flags: &[(&str, &str)]| {
        let settings = Place::with("[diagnostics]\nenabled = true").load(env, flags);
        settings.map(|settings| settings.diagnostics.enabled)
    };
    assert_eq!(enabled(&[], &[]), Ok(true));
    assert_eq!(enabled(&[("CLOWN_HUB__DIAGNOSTICS__ENABLED", "false")], &[]), Ok(false));
    assert_eq!(
        enabled(&[("CLOWN_HUB__DIAGNOSTICS__ENABLED", "false")], &[("diagnostics.enabled", "true")]),
        Ok(true)
    );
    assert_eq!(
        flag("diagnostics.enabled", "yes"),
        "flag: diagnostics.enabled: expected true or false, found the text \"yes\""
    );
}

#[test]
fn an_unknown_variable_is_refused_with_the_spelling_that_was_meant() {
    assert_eq!(
        env("CLOWN_HUB_SERVER_LISTEN", "x"),
        "CLOWN_HUB_SERVER_LISTEN: unknown variable; did you mean CLOWN_HUB__SERVER__LISTEN, with two underscores?"
    );
    assert_eq!(
        env("CLOWN_HUB_LIMITS__TOPIC_BYTES", "x"),
        "CLOWN_HUB_LIMITS__TOPIC_BYTES: unknown variable; did you mean CLOWN_HUB__LIMITS__TOPIC_BYTES, with two \
         underscores?"
    );
    assert_eq!(
        env("CLOWN_HUB_SERVICE_HOST", "x"),
        "CLOWN_HUB_SERVICE_HOST: unknown variable; a key is set with two underscores, as CLOWN_HUB__SERVER__LISTEN"
    );
    assert_eq!(
        env("CLOWN_HUB__server__listen", "127.0.0.1:0"),
        "CLOWN_HUB__server__listen: write it in capitals, as CLOWN_HUB__SERVER__LISTEN"
    );
    assert_eq!(
        env("CLOWN_HUB__SERVER_LISTEN", "x"),
        "CLOWN_HUB__SERVER_LISTEN: unknown key server_listen; did you mean server.listen?"
    );
}

#[test]
fn a_wrong_type_names_where_it_comes_from_what_was_expected_and_what_was_found() {
    let told = |text| file(text).split_once(": ").unwrap().1.to_owned();
    let number = "limits.filters: expected a whole number from 1 to 100000 (filters), found";
    assert_eq!(told("limits.filters = '7'"), format!("{number} the text \"7\""));
    assert_eq!(told("limits.filters = 7.5"), format!("{number} the number 7.5"));
    assert_eq!(told("limits.filters = true"), format!("{number} true"));
    assert_eq!(told("limits.filters = []"), format!("{number} a list"));
    let table = "expected a value, found a table of keys";
    assert_eq!(told("limits.filters.x = 1"), format!("limits.filters: {table}"));
    assert_eq!(
        told("retained.never = [{}]"),
        "retained.never: expected a list of topic filters in quotes, found a table of keys"
    );
    assert_eq!(
        told("limits.filters = 99999999999999999999"),
        "limits.filters: expected a number of 64 bits, found \"99999999999999999999\""
    );
    assert_eq!(
        told("retained.always = 'a'"),
        "retained.always: expected a list of topic filters in quotes, found the text \"a\""
    );
    assert_eq!(
        told("retained.always = [1]"),
        "retained.always: expected a list of topic filters in quotes, found the number 1"
    );
    assert_eq!(
        env("CLOWN_HUB__LIMITS__FILTERS", ""),
        format!("CLOWN_HUB__LIMITS__FILTERS: {number} the text \"\"")
    );
    assert_eq!(flag("limits.filters", "1e3"), format!("flag: {number} the text \"1e3\""));
}

#[test]
fn a_value_out_of_range_is_told_with_the_bound_and_its_unit() {
    assert_eq!(flag("limits.filters", "0"), "flag: limits.filters: 0 is below the least of 1 (filters)");
    assert_eq!(flag("limits.filters", "-1"), "flag: limits.filters: -1 is below the least of 1 (filters)");
    assert_eq!(
        flag("server.drain_seconds", "301"),
        "flag: server.drain_seconds: 301 is above the most of 300 (seconds)"
    );
    for speed in ["0", "NaN", "inf", "10001"] {
        let told = flag("simulator.speed", speed);
        let expected = "flag: simulator.speed: expected a number from 0.1 to 10000 (times real time), found ";
        assert_eq!(told, format!("{expected}{speed}"));
    }
}

#[test]
fn a_text_that_cannot_be_read_is_told_with_what_is_allowed() {
    assert_eq!(
        flag("server.listen", "house:8080"),
        "flag: server.listen: expected an address and a port such as 127.0.0.1:8080 or [::]:8080, found \
         \"house:8080\""
    );
    for port in ["8080", ":8080", "*:8080"] {
        assert_eq!(
            flag("server.listen", port),
            "flag: server.listen: found a port alone; write 127.0.0.1:8080 for programs of this machine only, or \
             0.0.0.0:8080 for the whole network (which takes accounts)"
        );
    }
    assert_eq!(
        flag("server.listen", "::1"),
        "flag: server.listen: found an address without a port; write [::1]:8080"
    );
    assert_eq!(flag("users.file", ""), "flag: users.file: expected a path, found nothing");
    assert_eq!(
        flag("log.filter", "hub=loud"),
        "flag: log.filter: expected a level (error, warn, info, debug, trace) or levels by module such as \
         info,clown_hub::hub=debug, found \"hub=loud\""
    );
    assert_eq!(
        flag("simulator.base", "a//b"),
        "flag: simulator.base: \"a//b\": base topic has an empty level at byte 2"
    );
    assert_eq!(
        flag("retained.never", "a/#, a#"),
        "flag: retained.never: \"a#\": wildcard at byte 1 must be a whole level"
    );
}

#[test]
fn an_origin_that_no_browser_sends_is_refused() {
    let told = |text| flag("server.origins", text).replace("flag: server.origins: ", "");
    assert_eq!(
        told("house.example"),
        "\"house.example\" is no web origin; write it as https://house.example"
    );
    let full = "is no web origin; write it as https://house.example, each one in full";
    assert_eq!(told("https://*.example"), format!("\"https://*.example\" {full}"));
    assert_eq!(told("https://"), format!("\"https://\" {full}"));
    let path = "has a path, which an origin has not; leave out what follows the host";
    assert_eq!(told("https://a.example/"), format!("\"https://a.example/\" {path}"));
    let capitals = "has capitals, which browsers do not send; write it in lower case";
    assert_eq!(told("https://A.example"), format!("\"https://A.example\" {capitals}"));
    let port = "names the usual port, which browsers leave out; leave it out";
    assert_eq!(told("https://a.example:443"), format!("\"https://a.example:443\" {port}"));
}

#[test]
fn values_that_do_not_go_together_are_told_at_the_one_that_was_set() {
    assert_eq!(
        flag("outbox.hard_messages", "999"),
        "flag: outbox.hard_messages: 999 is below outbox.messages, which is 1000 by default"
    );
    assert_eq!(
        flag("outbox.messages", "10001"),
        "flag: outbox.messages: 10001 is above outbox.hard_messages, which is 10000 by default"
    );
    assert_eq!(
        file("outbox = { messages = 3, hard_messages = 2 }"),
        "config/hub.toml:1:42: outbox.hard_messages: 2 is below outbox.messages, which is 3 (config/hub.toml:1:23)"
    );
    assert_eq!(
        flag("limits.message_bytes", "16777216"),
        "flag: limits.message_bytes: 16777216 is above outbox.hard_bytes, which is 8388608 by default"
    );
    assert_eq!(
        flag("retained.bytes", "1024"),
        "flag: retained.bytes: 1024 is below limits.message_bytes, which is 1048576 by default"
    );
    assert_eq!(
        flag("limits.ping_seconds", "4"),
        "flag: limits.ping_seconds: 4 is below limits.pong_seconds, which is 5 by default"
    );
    assert_eq!(
        flag("limits.topic_levels", "2"),
        "the defaults: simulator.base: \"nodes/bridge/0\": topic has 3 levels, the limit is 2"
    );
    let twice = file("retained = { always = ['a'], never = ['b', 'a'] }");
    assert_eq!(twice, "config/hub.toml:1:38: retained.never: \"a\" is in retained.always too");
    assert_eq!(
        flag("server.line_listen", "127.0.0.1:8080"),
        "flag: server.line_listen: 127.0.0.1:8080 is the address of server.listen too"
    );
}

#[test]
fn a_wrong_value_is_not_compared_with_others() {
    let told = file("[outbox]\nhard_messages = 0\nmessages = 20000");
    assert_eq!(told, "config/hub.toml:2:17: outbox.hard_messages: 0 is below the least of 1 (messages)");
    let told = Place::with("[outbox\n").load(&[("CLOWN_HUB__OUTBOX__MESSAGES", "20000")], &[]).unwrap_err();
    assert!(!told.contains("outbox.messages"), "{told}");
}

#[test]
fn a_text_in_the_place_of_a_list_is_told_with_its_place() {
    assert_eq!(
        file("[server]\norigins = \"http://house\"\n"),
        "config/hub.toml:2:11: server.origins: expected a list of web origins in quotes, found the text \"http://house\""
    );
}

#[test]
fn a_mistake_of_syntax_carries_line_and_column() {
    assert_eq!(file("[server]\nlisten = \n"), "config/hub.toml:2:10: there is no value behind the =");
    let told = file("[server]\nio_threads = 1\nio_threads = 2\n");
    assert_eq!(
        told,
        "config/hub.toml:3:1: duplicate key: this key or section stands further up, too; keep one of the two"
    );
    let told = file("# ℃ ℃\n # ℃ \u{1}");
    assert!(told.starts_with("config/hub.toml:2:6: "), "{told}");
}

#[test]
fn mistakes_of_syntax_are_told_in_order_and_once_a_line() {
    let told = file("[server]\nlisten: 'a'\nio_threads 5\n");
    let expected = [
        "config/hub.toml:2:7: invalid unquoted key, expected letters, numbers, `-`, `_`",
        "config/hub.toml:3:12: key with no value, expected `=`",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    assert_eq!(file(&"x\n".repeat(500_000)).lines().count(), 20);
    assert_eq!(file(&"x = [".repeat(200_000)).lines().count(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
    let place = Place::with("");
    let told = |file: PathBuf| {
        let sources = Sources { file: Some(file), ..Sources::default() };
        place.told(&sources).unwrap_err()
    };
    let path = |name: &str| place.0.path().join(name);
    assert_eq!(
        told(path("hub.tml")),
        "hub.tml: there is no such file; name one that exists, or none to run with the defaults"
    );
    assert_eq!(
        told(path("config")),
        "config: cannot be read: it is no file but a folder; name the file in it"
    );
    fs::write(path("latin.toml"), b"# caf\xe9").unwrap();
    assert_eq!(told(path("latin.toml")), "latin.toml: is not UTF-8 at byte 5; save it as UTF-8");
    fs::write(path("big.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert_eq!(told(path("big.toml")), "big.toml: has more than 1048576 bytes; is it the right file?");
}

#[test]
fn the_file_that_was_asked_for_is_read_instead_of_the_usual_one() {
    let place = Place::with("server.io_threads = 2");
    let other = place.0.path().join("other.toml");
    fs::write(&other, "limits.filters = 7").unwrap();
    let directory = place.0.path().to_owned();
    let settings = load(&Sources { file: Some(other), directory, ..Sources::default() }).unwrap();
    assert_eq!((settings.server.io_threads, settings.limits.filters), (Some(1), 7));
}

#[test]
fn a_long_value_is_not_told_back_whole_and_stays_on_one_line() {
    let secret = format!("line\n{}", "s".repeat(100));
    let told = env("CLOWN_HUB__SERVER__LISTEN", &secret);
    assert!(told.contains("\"line\\nsss") && told.ends_with("105 characters in all"), "{told}");
    assert!(!told.contains(&"s".repeat(41)), "{told}");
    assert!(flag(&"k".repeat(1000), "").len() < 200);
    assert!(env(&format!("CLOWN_HUB__{}", "K".repeat(1000)), "").len() < 300);
    assert_eq!(flag("simulator.run", "a\u{1b}[2J").lines().count(), 1);
}

#[test]
fn two_mistakes_are_two_lines_and_each_can_be_looked_at() {
    let flags = vec![("a".to_owned(), String::new()), ("server.io_threads".to_owned(), "0".to_owned())];
    let directory = Place::empty().0.path().to_owned();
    let mistakes = load(&Sources { directory, flags, ..Sources::default() }).unwrap_err();
    let keys: Vec<_> =
        mistakes.iter().map(|mistake| (mistake.place.as_str(), mistake.key.as_deref())).collect();
    assert_eq!(keys, [("flag", None), ("flag", Some("server.io_threads"))]);
    assert_eq!(mistakes.to_string().lines().count(), 2);
}

/// A key, its default as TOML, and its range with its unit.
type Row = (String, String, String);

fn without_default((key, _, range): Row) -> (String, String) {
    (key, range)
}

/// The code takes its defaults from `hub.toml`, so it has none of its own to compare.
fn rows_of_the_code() -> Vec<(String, String)> {
    let (settings, asked, mistakes) =
        examine(&Sources { directory: "/nowhere".into(), ..Sources::default() });
    assert_eq!((settings.is_some(), mistakes), (true, vec![]));
    let range = |asked: &Asked| format!("{} {}", asked.range, asked.unit).trim_end().to_owned();
    asked.iter().map(|asked| (asked.key.to_owned(), range(asked))).collect()
}

/// The line right above a key is its range and unit.
fn rows_of_hub_toml() -> Vec<Row> {
    let (mut section, mut above, mut rows) = ("", "", Vec::new());
    for line in HUB_TOML.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let (false, Some((name, default))) = (line.starts_with('#'), line.split_once(" = ")) {
            let range = above.strip_prefix("# ").unwrap();
            rows.push((format!("{section}.{name}"), default.to_owned(), range.to_owned()));
        }
        above = line;
    }
    rows
}

fn rows_of_the_document() -> Vec<Row> {
    let table =
        include_str!("../../docs/configuration.md").lines().skip_while(|line| !line.starts_with("| key "));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let ["", key, default, range, unit, meaning, bound, ""] = cells[..] else { panic!("{line}") };
        assert!(!meaning.is_empty() && !bound.is_empty(), "{line}");
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        (bare(key), bare(default), format!("{range} {unit}").trim_end().to_owned())
    };
    table.skip(2).take_while(|line| line.starts_with('|')).map(row).collect()
}

#[test]
fn hub_toml_has_the_keys_the_ranges_and_the_units_of_the_code_in_the_same_order() {
    let file: Vec<_> = rows_of_hub_toml().into_iter().map(without_default).collect();
    assert_eq!(file, rows_of_the_code());
}

#[test]
fn the_document_has_the_keys_the_defaults_the_ranges_and_the_units_of_hub_toml() {
    assert_eq!(rows_of_the_document(), rows_of_hub_toml());
}

#[test]
fn every_example_of_a_mistake_in_the_document_is_what_the_hub_says() {
    let place = Place::with("[limits]\nmessage_bytes = 12");
    let told =
        place.load(&[("CLOWN_HUB__SERVER__LISTN", "x")], &[("simulator.run", "sometimes")]).unwrap_err();
    let document = include_str!("../../docs/configuration.md");
    for line in told.lines() {
        assert!(document.lines().any(|documented| documented == line), "{line}");
    }
}

#[test]
fn a_key_with_two_letters_swapped_suggests_that_key() {
    let defaults = Defaults::parse(HUB_TOML).unwrap();
    for key in defaults.keys() {
        for at in 1..key.len() {
            let mut letters: Vec<char> = key.chars().collect();
            letters.swap(at - 1, at);
            let wrong: String = letters.into_iter().collect();
            assert_eq!(defaults.nearest(&wrong), Some(key), "{wrong}");
        }
    }
}

#[test]
fn a_list_in_a_flag_may_stand_between_commas_or_be_written_as_in_a_file() {
    let filters = |text: &str| {
        let flags = vec![("retained.always".to_owned(), text.to_owned())];
        let directory = PathBuf::from("/nowhere");
        let loaded = load(&Sources { directory, flags, ..Sources::default() });
        loaded.map(|settings| settings.retained.always.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(filters("a/b, c/#").unwrap(), ["a/b", "c/#"]);
    assert_eq!(filters(r#"["a/b", "c/#"]"#).unwrap(), ["a/b", "c/#"]);
    assert_eq!(filters("[]").unwrap(), Vec::<String>::new());
    assert!(filters("[a/b").unwrap_err().to_string().contains("retained.always: expected a list"));
}

/// The copy is for people, who may change it; what is compiled in must not change with it.
#[test]
fn the_configuration_that_people_are_given_is_the_one_that_is_compiled_in() {
    assert_eq!(
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/hub.toml")).unwrap(),
        HUB_TOML
    );
}
