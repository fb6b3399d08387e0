//! JSON on several lines: an object has a line for each key, an array of plain values stays on one. Nothing but white
//! space is changed, so `20.10` stays `20.10`.

/// Appends `json`, which is known to be JSON, at this depth of indentation. Nesting has the bound of frames.
pub(super) fn indent(json: &str, depth: usize, out: &mut Vec<u8>) {
    let mut depth = depth;
    let mut open: Vec<bool> = Vec::new();
    let mut tokens = Tokens { rest: json }.peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                out.extend_from_slice(token.as_bytes());
                let is_empty = matches!(tokens.peek(), Some(&"}" | &"]"));
                let on_lines = !is_empty && (token == "{" || holds_more(&tokens));
                open.push(on_lines);
                if on_lines {
                    depth += 1;
                    new_line(depth, out);
                }
            }
            "}" | "]" => {
                if open.pop() == Some(true) {
                    depth -= 1;
                    new_line(depth, out);
                }
                out.extend_from_slice(token.as_bytes());
            }
            "," => {
                out.push(b',');
                if open.last() == Some(&true) { new_line(depth, out) } else { out.push(b' ') }
            }
            ":" => out.extend_from_slice(b": "),
            scalar => out.extend_from_slice(scalar.as_bytes()),
        }
    }
}

/// Whether the array that was just opened holds an array or an object.
fn holds_more(tokens: &std::iter::Peekable<Tokens<'_>>) -> bool {
    tokens.clone().take_while(|token| *token != "]").any(|token| matches!(token, "{" | "["))
}

fn new_line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
}

#[derive(Clone)]
struct Tokens<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let end = match self.rest.bytes().next()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => end_of_string(self.rest),
            _ => self.rest.find(['}', ']', ',', ' ', '\t', '\r', '\n']).unwrap_or(self.rest.len()),
        };
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(token)
    }
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indented(json: &str) -> String {
        let mut out = Vec::new();
        indent(json, 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn objects_have_lines_and_plain_arrays_do_not() {
        assert_eq!(
            indented(r#"{"a":[20.10,"℃"],"b":{},"c":[{"d":null}],"e \" } [":1e3}"#),
            "{\n  \"a\": [20.10, \"℃\"],\n  \"b\": {},\n  \"c\": [\n    {\n      \"d\": null\n    }\n  ],\n  \"e \\\" } [\": 1e3\n}"
        );
        assert_eq!(indented(" 1.0 "), "1.0");
        assert_eq!(indented(r#""a\\""#), r#""a\\""#);
    }
}
