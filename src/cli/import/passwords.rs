//! The users of `mosquitto_passwd`: a name and a hash a line. Pure.

use super::told::{Told, lines};

/// The names, with their lines. Hashes are of another kind than ours: nobody can tell the password behind them.
pub(super) fn read(text: &str) -> (Vec<(usize, String)>, Vec<Told>) {
    let (mut names, mut told): (Vec<(usize, String)>, Vec<_>) = (Vec::new(), Vec::new());
    for (line, entry) in lines(text) {
        match entry.split_once(':') {
            Some((name, _)) if names.iter().any(|(_, known)| known == name) => {
                told.push(Told::new(
                    line,
                    format!("the account {name:?} is there twice; the first one was taken"),
                ));
            }
            Some((name, _)) if !name.is_empty() => names.push((line, name.to_owned())),
            _ => told.push(Told::new(line, "no name and hash, as mosquitto_passwd writes them")),
        }
    }
    (names, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_and_nothing_of_the_hashes() {
        let (names, told) = read("# users\njana:$7$101$abc==$def==\n\nlamp:$6$x$y\njana:again\nsecret\n:x\n");
        assert_eq!(names, [(2, "jana".to_owned()), (4, "lamp".to_owned())]);
        assert_eq!(told.iter().map(|told| told.line).collect::<Vec<_>>(), [5, 6, 7]);
        assert!(!told.iter().any(|told| told.sentence.contains("secret")));
    }
}
