//! `restore_transforms` of a cartridge: sed expressions over the names in a snapshot, as `tar
//! --transform` takes them (node-contract.md, Snapshot, restore).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use cart_core::GearEnv;
use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::layout::error::GearError;

/// The expressions, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Transforms {
    expressions: Vec<Expression>,
}

/// What a name in an archive names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// An entry itself.
    Entry,
    /// What a symbolic link points to.
    SymbolicLink,
    /// The file that a hard link is another name of.
    HardLink,
}

#[derive(Clone, Debug)]
struct Expression {
    pattern: Regex,
    replacement: Vec<Piece>,
    /// From which match on (counted from 1), and whether all that follow, too.
    first: usize,
    all: bool,
    symbolic: bool,
    hard: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    /// 0 is the whole match.
    Group(usize),
}

impl Transforms {
    /// Reads the expressions. Variables of `env` are put in first, since a node hands them to a
    /// shell between double quotes.
    ///
    /// # Errors
    /// [`GearError`] naming the expression and what about it is not understood.
    pub(super) fn read(expressions: &[String], env: &GearEnv) -> Result<Self, GearError> {
        let read = |text: &String| {
            let put_in = with_variables(text.trim(), env);
            Expression::read(put_in.as_bytes()).map_err(|reason| {
                GearError::failed(format!(
                    "restore_transforms of the cartridge: {text:?}: {reason}"
                ))
            })
        };
        Ok(Self { expressions: expressions.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// What `name` becomes.
    #[must_use]
    pub(super) fn apply(&self, name: &[u8], names: Names) -> Vec<u8> {
        let mut name = name.to_vec();
        for expression in &self.expressions {
            let meant = match names {
                Names::Entry => true,
                Names::SymbolicLink => expression.symbolic,
                Names::HardLink => expression.hard,
            };
            if meant {
                name = expression.apply(&name);
            }
        }
        name
    }
}

impl Expression {
    fn read(text: &[u8]) -> Result<Self, String> {
        let (Some(b's'), Some(delimiter)) = (text.first(), text.get(1).copied()) else {
            return Err("only s/pattern/replacement/ is understood".to_owned());
        };
        if matches!(delimiter, b'\\' | b'\n') {
            return Err("its delimiter is none".to_owned());
        }
        let (pattern, rest) = until(&text[2..], delimiter).ok_or("the pattern does not end")?;
        let (replacement, flags) = until(rest, delimiter).ok_or("the replacement does not end")?;
        let mut extended = false;
        let mut ignore_case = false;
        let mut number = String::new();
        let (mut all, mut symbolic, mut hard) = (false, true, true);
        for flag in flags {
            match flag {
                b'g' => all = true,
                b'i' | b'I' => ignore_case = true,
                b'x' => extended = true,
                b's' => symbolic = true,
                b'S' => symbolic = false,
                b'h' => hard = true,
                b'H' => hard = false,
                // Whether it applies to names of entries, which it does.
                b'r' => {}
                b'0'..=b'9' => number.push(char::from(*flag)),
                other => {
                    return Err(format!("the flag {:?} is not understood", char::from(*other)));
                }
            }
        }
        let first = if number.is_empty() { 1 } else { number.parse().unwrap_or(0) };
        if first == 0 {
            return Err(format!("there is no match number {number}"));
        }
        let pattern = RegexBuilder::new(&translated(&pattern, extended)?)
            .unicode(false)
            .case_insensitive(ignore_case)
            .build()
            .map_err(|error| error.to_string())?;
        let replacement = pieces(&replacement)?;
        let most = pattern.captures_len();
        if replacement.iter().any(|piece| matches!(piece, Piece::Group(n) if *n >= most)) {
            return Err("the replacement names a group that the pattern does not have".to_owned());
        }
        Ok(Self { pattern, replacement, first, all, symbolic, hard })
    }

    fn apply(&self, name: &[u8]) -> Vec<u8> {
        let mut result = Vec::with_capacity(name.len());
        let mut from = 0;
        for (index, found) in self.pattern.captures_iter(name).enumerate() {
            let number = index + 1;
            if number < self.first || (number > self.first && !self.all) {
                continue;
            }
            // Group 0 is there in every match.
            if let Some(whole) = found.get(0) {
                result.extend_from_slice(&name[from..whole.start()]);
                self.replace(&found, &mut result);
                from = whole.end();
            }
        }
        result.extend_from_slice(&name[from..]);
        result
    }

    fn replace(&self, found: &Captures<'_>, result: &mut Vec<u8>) {
        for piece in &self.replacement {
            match piece {
                Piece::Text(text) => result.extend_from_slice(text),
                Piece::Group(number) => {
                    result.extend_from_slice(found.get(*number).map_or(b"", |g| g.as_bytes()));
                }
            }
        }
    }
}

/// Up to the next delimiter that no backslash protects; that backslash goes.
fn until(text: &[u8], delimiter: u8) -> Option<(Vec<u8>, &[u8])> {
    let mut part = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at).copied() {
        match (byte, text.get(at + 1).copied()) {
            (b'\\', Some(next)) if next == delimiter => part.push(next),
            (b'\\', Some(next)) => part.extend([b'\\', next]),
            _ if byte == delimiter => return Some((part, &text[at + 1..])),
            _ => part.push(byte),
        }
        at += if byte == b'\\' { 2 } else { 1 };
    }
    None
}

fn pieces(replacement: &[u8]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut bytes = replacement.iter().copied();
    while let Some(byte) = bytes.next() {
        let group = match byte {
            b'&' => Some(0),
            b'\\' => match bytes.next() {
                Some(digit @ b'0'..=b'9') => Some(usize::from(digit - b'0')),
                Some(letter) if letter.is_ascii_alphabetic() => {
                    return Err(format!(
                        "\\{} in the replacement is not understood",
                        char::from(letter)
                    ));
                }
                Some(other) => {
                    text.push(other);
                    None
                }
                None => return Err("the replacement ends in a backslash".to_owned()),
            },
            other => {
                text.push(other);
                None
            }
        };
        if let Some(number) = group {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            pieces.push(Piece::Group(number));
        }
    }
    pieces.push(Piece::Text(text));
    pieces.retain(|piece| *piece != Piece::Text(Vec::new()));
    Ok(pieces)
}

/// A POSIX expression, basic or extended, in the words of the crate `regex`.
fn translated(pattern: &[u8], extended: bool) -> Result<String, String> {
    let pattern = std::str::from_utf8(pattern).map_err(|e| e.to_string())?;
    let mut result = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        // A star at the beginning repeats nothing, so it is one.
        let begins = result.is_empty() || result == "^" || result.ends_with(['(', '|']);
        match c {
            '\\' => match chars.next() {
                None => return Err("the pattern ends in a backslash".to_owned()),
                Some(special @ ('(' | ')' | '{' | '}' | '|' | '+' | '?')) if !extended => {
                    result.push(special);
                }
                Some(digit) if digit.is_ascii_digit() => {
                    return Err(format!("\\{digit} in the pattern is not understood"));
                }
                Some(letter) if letter.is_alphanumeric() => {
                    return Err(format!("\\{letter} in the pattern is not understood"));
                }
                Some(other) => result.push_str(&regex::escape(&other.to_string())),
            },
            '*' if begins => result.push_str("\\*"),
            '.' | '*' | '^' | '$' => result.push(c),
            '(' | ')' | '{' | '}' | '|' | '+' | '?' if extended => result.push(c),
            '[' => result.push_str(&bracket(&mut chars)?),
            other => result.push_str(&regex::escape(&other.to_string())),
        }
    }
    Ok(result)
}

/// A set of characters; a backslash in it is one, and `]` is one at its beginning.
fn bracket(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut set = String::from("[");
    if chars.next_if_eq(&'^').is_some() {
        set.push('^');
    }
    let mut first = true;
    loop {
        match chars.next() {
            None => return Err("a [ in the pattern has no ]".to_owned()),
            Some(']') if !first => break,
            Some('[') if chars.peek() == Some(&':') => {
                set.push('[');
                for c in chars.by_ref() {
                    set.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            Some(c @ ('\\' | '[' | ']' | '&' | '~')) => set.extend(['\\', c]),
            Some(c) => set.push(c),
        }
        first = false;
    }
    set.push(']');
    Ok(set)
}

/// `$NAME` and `${NAME}` as a shell puts them in between double quotes; one that is not set is
/// nothing.
fn with_variables(text: &str, env: &GearEnv) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let braced = after.strip_prefix('{').and_then(|a| a.split_once('}'));
        let (name, left) = match braced {
            Some((name, left)) => (name, left),
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if name.is_empty()
            || !name.chars().all(is_name)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            // An end of line in the pattern.
            result.push('$');
            rest = after;
            continue;
        }
        let value = env.get(name).unwrap_or(OsStr::new(""));
        result.push_str(&String::from_utf8_lossy(value.as_bytes()));
        rest = left;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transformed(expression: &str, name: &str) -> Result<String, String> {
        let env = GearEnv::new().with("OPENSHIFT_GEAR_NAME", "blog");
        let transforms =
            Transforms::read(&[expression.to_owned()], &env).map_err(|error| error.to_string())?;
        let name = transforms.apply(name.as_bytes(), Names::Entry);
        Ok(String::from_utf8(name).unwrap())
    }

    #[test]
    fn expressions_mean_what_tar_takes_them_for() {
        for (expression, name, expected) in [
            (
                "s|${OPENSHIFT_GEAR_NAME}/data|app-root/data|",
                "./u/blog/data/x",
                "./u/app-root/data/x",
            ),
            (
                "s|git/.*\\.git|git/$OPENSHIFT_GEAR_NAME.git|",
                "./u/git/old.git/HEAD",
                "./u/git/blog.git/HEAD",
            ),
            ("s/a/b/", "aaa", "baa"),
            ("s/a/b/g", "aaa", "bbb"),
            ("s/a/b/2", "aaa", "aba"),
            ("s/a/b/2g", "aaa", "abb"),
            ("s/A/b/i", "aaa", "baa"),
            ("s,x\\,y,z,", "x,y", "z"),
            ("s/\\(a*\\)b\\{2\\}/[\\1&]/", "aabb", "[aaaabb]"),
            ("s/(a+)b?/<\\1>/x", "aab", "<aa>"),
            ("s/a+(b)/plain/", "a+(b)", "plain"),
            ("s/*/star/", "a*", "astar"),
            ("s/[]\\x]/-/g", "a]\\x", "a---"),
            ("s/[[:digit:]]*$/N/", "v12", "vN"),
            ("s/^u/\\&/", "up", "&p"),
        ] {
            assert_eq!(transformed(expression, name).as_deref(), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_named() {
        for (expression, reason) in [
            ("y/a/b/", "only s/pattern/replacement/"),
            ("s/a/b", "replacement does not end"),
            ("s/a", "pattern does not end"),
            ("s/a/b/e", "flag 'e'"),
            ("s/a/\\Ub/", "\\U in the replacement"),
            ("s/\\(a\\)\\1/b/", "\\1 in the pattern"),
            ("s/a/\\1/", "a group that the pattern does not have"),
            ("s/[a/b/", "has no ]"),
            ("s/\\(a/b/", "unclosed group"),
        ] {
            let error = transformed(expression, "a").unwrap_err();
            assert!(error.contains(reason) && error.contains("restore_transforms"), "{error}");
        }
    }

    #[test]
    fn flags_say_which_links_are_meant() {
        let env = GearEnv::new();
        let one = Transforms::read(&["s/a/b/SH".to_owned()], &env).unwrap();
        assert_eq!(one.apply(b"a", Names::Entry), b"b");
        assert_eq!(one.apply(b"a", Names::SymbolicLink), b"a");
        assert_eq!(one.apply(b"a", Names::HardLink), b"a");
    }
}
