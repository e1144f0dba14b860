//! The statements of a piece of configuration: just enough of nginx's grammar to see what an app's
//! own configuration defines, so that ours leaves it to it.
//!
//! Nothing is judged here: `nginx -t` does that. What cannot be read ends the list.

use std::ops::Range;

/// A directive with its arguments, up to its `;` or with its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The directive and its arguments, without quotes.
    pub(crate) words: Vec<Vec<u8>>,
    /// Where all of it stands, `;` or `}` included.
    pub(crate) range: Range<usize>,
    /// Where what is between its braces stands.
    pub(crate) block: Option<Range<usize>>,
}

impl Statement {
    /// The word at `index`, if it is there and text.
    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        std::str::from_utf8(self.words.get(index)?).ok()
    }

    /// What it includes, if it is an `include`.
    pub(crate) fn included(&self) -> Option<&str> {
        (self.word(0) == Some("include")).then(|| self.word(1)).flatten()
    }
}

/// Nobody nests blocks deeper; what does is left as it is. Each level is read once more.
const DEEPEST: usize = 32;

/// The statements of `text`, blocks unopened.
pub(crate) fn statements(text: &[u8]) -> Vec<Statement> {
    within(text, 0..text.len())
}

/// The statements of `text`, and those of every block in it, block by block.
pub(crate) fn blocks(text: &[u8]) -> Vec<Vec<Statement>> {
    let mut level = vec![statements(text)];
    let mut found = Vec::new();
    for _ in 0..DEEPEST {
        let inner = level.iter().flatten().filter_map(|statement| statement.block.clone());
        let next: Vec<_> = inner.map(|range| within(text, range)).collect();
        found.append(&mut level);
        level = next;
    }
    found
}

/// Whether one of `directives` stands anywhere in `text`, inside blocks, too.
pub(crate) fn mention(text: &[u8], directives: &[&str]) -> bool {
    let is_one = |s: &Statement| s.word(0).is_some_and(|word| directives.contains(&word));
    blocks(text).iter().flatten().any(is_one)
}

fn within(text: &[u8], range: Range<usize>) -> Vec<Statement> {
    let mut reader = Reader { text: &text[..range.end], at: range.start };
    let mut found = Vec::new();
    while let Some(statement) = reader.statement() {
        found.push(statement);
    }
    found
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

enum Token {
    Word(Vec<u8>),
    Open,
    Close,
    End,
}

impl Reader<'_> {
    fn statement(&mut self) -> Option<Statement> {
        self.skip_space();
        let start = self.at;
        let mut words = Vec::new();
        loop {
            match self.token()? {
                Token::Word(word) => words.push(word),
                Token::Close => return None,
                Token::End => {
                    return Some(Statement { words, range: start..self.at, block: None });
                }
                Token::Open => {
                    let block = self.block()?;
                    return Some(Statement { words, range: start..self.at, block: Some(block) });
                }
            }
        }
    }

    /// Goes past the `}` that closes the block whose `{` was just read.
    fn block(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut depth = 1_usize;
        loop {
            match self.token()? {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                Token::Word(_) | Token::End => {}
            }
            if depth == 0 {
                return Some(start..self.at - 1);
            }
        }
    }

    fn token(&mut self) -> Option<Token> {
        self.skip_space();
        let token = match *self.text.get(self.at)? {
            b'{' => Token::Open,
            b'}' => Token::Close,
            b';' => Token::End,
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                return self.quoted(quote).map(Token::Word);
            }
            _ => return Some(Token::Word(self.plain())),
        };
        self.at += 1;
        Some(token)
    }

    fn quoted(&mut self, quote: u8) -> Option<Vec<u8>> {
        let mut word = Vec::new();
        loop {
            match self.take()? {
                b'\\' => self.escaped(&mut word),
                byte if byte == quote => return Some(word),
                byte => word.push(byte),
            }
        }
    }

    fn plain(&mut self) -> Vec<u8> {
        let mut word = Vec::new();
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b';' => break,
                // `${name}` is a variable, not a block.
                b'{' if word.last() != Some(&b'$') => break,
                byte if byte.is_ascii_whitespace() => break,
                _ => self.at += 1,
            }
            if byte == b'\\' {
                self.escaped(&mut word);
            } else {
                word.push(byte);
            }
        }
        word
    }

    fn escaped(&mut self, word: &mut Vec<u8>) {
        match self.take() {
            Some(byte @ (b'"' | b'\'' | b'\\')) => word.push(byte),
            Some(byte) => word.extend([b'\\', byte]),
            None => word.push(b'\\'),
        }
    }

    fn take(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Past white space and comments; a `#` inside a word is none.
    fn skip_space(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            if byte == b'#' {
                let rest = &self.text[self.at..];
                let line = rest.iter().position(|b| *b == b'\n');
                self.at += line.unwrap_or(rest.len());
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
    }
}

/// What must not stand twice: a directive, or one of several log formats.
pub(crate) fn key(statement: &Statement) -> String {
    let name = statement.word(0).unwrap_or_default();
    match statement.word(1) {
        Some(format) if name == "log_format" => format!("{name} {format}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each statement as its words, `{}` for a block.
    fn outline(text: &str) -> Vec<String> {
        statements(text.as_bytes())
            .iter()
            .map(|s| {
                let words: Vec<_> = s.words.iter().map(|w| String::from_utf8_lossy(w)).collect();
                let block = if s.block.is_some() { " {}" } else { "" };
                words.join("|") + block
            })
            .collect()
    }

    #[test]
    fn directives_and_blocks() {
        assert_eq!(
            outline("gzip on;\nserver { listen 80; location / { root /x; } } tcp_nodelay on;"),
            ["gzip|on", "server {}", "tcp_nodelay|on"]
        );
    }

    #[test]
    fn blocks_in_blocks_are_opened_as_deep_as_anybody_nests() {
        let outlines = |text: &str| -> Vec<_> {
            blocks(text.as_bytes())
                .iter()
                .flatten()
                .filter_map(|s| s.word(0))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(outlines("a { b { c 1; } d 1; } e 1;"), ["a", "e", "b", "d", "c"]);
        let deep = format!("{}{}", "a {".repeat(100_000), "}".repeat(100_000));
        assert_eq!(blocks(deep.as_bytes()).len(), DEEPEST);
    }

    #[test]
    fn braces_and_semicolons_that_are_text() {
        assert_eq!(
            outline(
                r#"# } ; {
                log_format x '{"a": "}";}' "it's \" \\ \d";
                map ${host}_x $y { "~^a{2};" '}'; }
                set $z a#b; # gzip on;
                "#
            ),
            [r#"log_format|x|{"a": "}";}|it's " \ \d"#, "map|${host}_x|$y {}", "set|$z|a#b"]
        );
    }

    #[test]
    fn a_directive_is_found_at_any_depth_and_is_no_argument() {
        let found = |text: &str| mention(text.as_bytes(), &["a", "b"]);
        for text in ["b 1;", "x { y z { q; b 1; } }", "x {} a;", "x;\n# c\n'a' 1;"] {
            assert!(found(text), "{text}");
        }
        for text in ["", "x a;", "x { y b; } # a", "ab 1;", "x 'a; b'"] {
            assert!(!found(text), "{text}");
        }
        assert!(!found(&"{".repeat(1 << 20)), "depth costs nothing");
    }

    #[test]
    fn what_cannot_be_read_ends_the_list() {
        assert_eq!(outline("a 1; }\nb 2;"), ["a|1"]);
        assert_eq!(outline("a 1; b { c 2;"), ["a|1"]);
        assert_eq!(outline("a 1; b 'c;"), ["a|1"]);
        assert_eq!(outline("a 1; b 2"), ["a|1"]);
        assert_eq!(outline(""), [""; 0]);
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = b" a { b; } ";
        let found = statements(text);
        assert_eq!(&text[found[0].range.clone()], b"a { b; }");
        assert_eq!(&text[found[0].block.clone().unwrap()], b" b; ");
    }
}
