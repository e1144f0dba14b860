//! Ruby's regular expressions, translated to those of the `regex` crate.
//!
//! What the crate cannot do (look-around, back-references, atomic groups) is refused by name. What
//! it does differently is spelt out: `^` and `$` always mean lines, `\d \w \s` are ASCII, `\h` is a
//! hexadecimal digit, and groups without a name do not capture where others have one.

use std::fmt::Write;

use crate::values::flow::{Outcome, raise, refuse};

mod class;

/// A regular expression's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Options {
    /// `/i`
    pub(crate) ignore_case: bool,
    /// `/m`: the dot matches newlines too.
    pub(crate) multi_line: bool,
    /// `/x`: white space and comments mean nothing.
    pub(crate) extended: bool,
}

/// A translated regular expression.
#[derive(Debug)]
pub(crate) struct Translation {
    pub(crate) regex: String,
    /// It has a `^`, which Ruby never matches after a last newline.
    pub(crate) line_start: bool,
    /// It has a quantifier.
    pub(crate) repeats: bool,
    /// It ends in `\Z`: the group of this name holds the newline that is not part of the match.
    pub(crate) tail: bool,
}

/// The name of the group for `\Z`.
pub(crate) const TAIL: &str = "tail__";

/// Translates; `source` is what stands between the slashes.
pub(crate) fn translate(source: &str, options: Options) -> Outcome<Translation> {
    let chars: Vec<char> = source.chars().collect();
    let named = has_named_group(&chars);
    let regex = String::with_capacity(source.len() + 16);
    let mut translator = Translator {
        chars,
        at: 0,
        named,
        extended: vec![options.extended],
        out: Translation { regex, line_start: false, repeats: false, tail: false },
    };
    translator.run(options)?;
    Ok(translator.out)
}

fn has_named_group(chars: &[char]) -> bool {
    chars.windows(4).any(
        |window| matches!(window, ['(', '?', '<' | '\'', next] if *next != '=' && *next != '!'),
    )
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    named: bool,
    /// Whether `x` is on, for each open group.
    extended: Vec<bool>,
    out: Translation,
}

impl Translator {
    fn run(&mut self, options: Options) -> Outcome<()> {
        self.out.regex.push_str("(?m");
        self.out.regex.push_str(if options.ignore_case { "i" } else { "" });
        self.out.regex.push_str(if options.multi_line { "s" } else { "" });
        self.out.regex.push(')');
        while let Some(char) = self.next() {
            self.element(char)?;
        }
        if self.extended.len() > 1 {
            return broken("end pattern with unmatched parenthesis");
        }
        Ok(())
    }

    fn next(&mut self) -> Option<char> {
        let char = self.chars.get(self.at).copied();
        self.at += usize::from(char.is_some());
        char
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn rest_starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(at, char)| self.peek(at) == Some(char))
    }

    fn element(&mut self, char: char) -> Outcome<()> {
        match char {
            '\\' => self.escape(),
            '[' => {
                let class = class::translate(&self.chars, &mut self.at, 0)?;
                self.out.regex.push_str(&class);
                Ok(())
            }
            '(' => self.group(),
            ')' => {
                if self.extended.len() == 1 {
                    return broken("unmatched close parenthesis");
                }
                self.extended.pop();
                self.put(")")
            }
            '^' => {
                self.out.line_start = true;
                self.put("^")
            }
            '*' | '+' | '?' => self.quantifier(char),
            '{' => self.interval(),
            '#' if self.is_extended() => {
                while self.peek(0).is_some_and(|char| char != '\n') {
                    self.at += 1;
                }
                Ok(())
            }
            ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' if self.is_extended() => Ok(()),
            '.' | '$' | '|' => self.put(char.encode_utf8(&mut [0; 4])),
            _ => self.literal(char),
        }
    }

    fn is_extended(&self) -> bool {
        self.extended.last() == Some(&true)
    }

    fn put(&mut self, text: &str) -> Outcome<()> {
        self.out.regex.push_str(text);
        Ok(())
    }

    fn literal(&mut self, char: char) -> Outcome<()> {
        self.put(&regex::escape(char.encode_utf8(&mut [0; 4])))
    }

    /// `*`, `+` or `?`, perhaps lazy. A possessive one is refused.
    fn quantifier(&mut self, char: char) -> Outcome<()> {
        self.out.repeats = true;
        self.put(char.encode_utf8(&mut [0; 4]))?;
        match self.peek(0) {
            Some('?') => {
                self.at += 1;
                self.put("?")
            }
            Some('+') => refuse("a possessive quantifier in a regular expression"),
            _ => Ok(()),
        }
    }

    /// `{n}`, `{n,}`, `{,m}` or `{n,m}`; any other brace stands for itself.
    fn interval(&mut self) -> Outcome<()> {
        let digits = |from: usize| {
            (from..).take_while(|at| self.chars.get(*at).is_some_and(char::is_ascii_digit)).count()
        };
        let least = digits(self.at);
        let mut end = self.at + least;
        let comma = self.chars.get(end) == Some(&',');
        let most = if comma { digits(end + 1) } else { 0 };
        end += usize::from(comma) + most;
        if least + most == 0 || self.chars.get(end) != Some(&'}') {
            return self.literal('{');
        }
        self.out.repeats = true;
        let inner: String = self.chars[self.at..end].iter().collect();
        self.at = end + 1;
        let zero = if least == 0 { "0" } else { "" };
        let lazy = self.peek(0) == Some('?') && comma;
        self.at += usize::from(lazy);
        self.put(&format!("{{{zero}{inner}}}{}", if lazy { "?" } else { "" }))
    }

    fn group(&mut self) -> Outcome<()> {
        if self.peek(0) != Some('?') {
            self.extended.push(self.is_extended());
            return self.put(if self.named { "(?:" } else { "(" });
        }
        for (opener, name) in [
            ("?=", "look-ahead"),
            ("?!", "look-ahead"),
            ("?<=", "look-behind"),
            ("?<!", "look-behind"),
            ("?>", "an atomic group"),
            ("?(", "a conditional"),
            ("?~", "an absence operator"),
        ] {
            if self.rest_starts_with(opener) {
                return refuse(format!("{name} in a regular expression"));
            }
        }
        if self.rest_starts_with("?#") {
            while self.next().is_some_and(|char| char != ')') {}
            return Ok(());
        }
        self.at += 1;
        match self.next() {
            Some(':') => {
                self.extended.push(self.is_extended());
                self.put("(?:")
            }
            Some(quote @ ('<' | '\'')) => self.named_group(if quote == '<' { '>' } else { '\'' }),
            Some(first) => self.inline_options(first),
            None => broken("end pattern in group"),
        }
    }

    fn named_group(&mut self, close: char) -> Outcome<()> {
        let mut name = String::new();
        while let Some(char) = self.next() {
            if char == close {
                self.extended.push(self.is_extended());
                return self.put(&format!("(?P<{name}>"));
            }
            name.push(char);
        }
        broken("invalid group name")
    }

    /// `(?imx-imx)` up to the end of the group, or `(?imx-imx:...)`.
    fn inline_options(&mut self, first: char) -> Outcome<()> {
        let mut letters = String::new();
        let mut on = true;
        let mut extended = self.is_extended();
        let mut next = Some(first);
        while let Some(char) = next {
            match char {
                'i' => letters.push('i'),
                'm' => letters.push('s'),
                'x' => extended = on,
                '-' => {
                    on = false;
                    letters.push('-');
                }
                ')' => {
                    // Until the end of the group that this stands in.
                    if let Some(current) = self.extended.last_mut() {
                        *current = extended;
                    }
                    return self.put(&bare_options(&letters));
                }
                ':' => {
                    self.extended.push(extended);
                    let letters = letters.trim_end_matches('-');
                    return self.put(&format!("(?{letters}:"));
                }
                _ => return refuse(format!("the regular expression group `(?{char}`")),
            }
            next = self.next();
        }
        broken("end pattern in group")
    }

    fn escape(&mut self) -> Outcome<()> {
        let Some(char) = self.next() else { return broken("too short escape sequence") };
        match char {
            'A' => self.put(r"\A"),
            'z' => self.put(r"\z"),
            'Z' => self.end_before_newline(),
            'h' | 'H' | 'd' | 'D' | 'w' | 'W' | 's' | 'S' => {
                self.put(class::shorthand(char).unwrap_or_default())
            }
            'b' => self.put(r"\b"),
            'B' => self.put(r"\B"),
            'R' => self.put(r"(?:\r\n|[\n\x0B\f\r\u{85}\u{2028}\u{2029}])"),
            'p' | 'P' => {
                let property = class::property(&self.chars, &mut self.at, char)?;
                self.put(&property)
            }
            '1'..='9' => refuse("a back-reference in a regular expression"),
            'k' | 'g' => refuse("a reference to a group in a regular expression"),
            'G' | 'K' | 'X' => refuse(format!("`\\{char}` in a regular expression")),
            _ => {
                self.at -= 1;
                let code = class::char_escape(&self.chars, &mut self.at)?;
                write!(self.out.regex, "\\x{{{:X}}}", u32::from(code)).or_else(|_| Ok(()))
            }
        }
    }

    /// `\Z`, which may stand before a last newline but does not match it.
    fn end_before_newline(&mut self) -> Outcome<()> {
        if self.at < self.chars.len() || self.extended.len() > 1 || self.chars.contains(&'|') {
            return refuse("`\\Z` inside a regular expression");
        }
        self.out.tail = true;
        self.put(&format!("(?P<{TAIL}>\\n?)\\z"))
    }
}

/// `(?i-s)`; the crate has no `(?)` and no `(?-)`.
fn bare_options(letters: &str) -> String {
    let letters = letters.trim_end_matches('-');
    if letters.is_empty() { String::new() } else { format!("(?{letters})") }
}

fn broken<T>(message: &str) -> Outcome<T> {
    raise("RegexpError", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(source: &str) -> String {
        let regex = translate(source, Options::default()).unwrap().regex;
        regex::bytes::Regex::new(&regex).unwrap();
        regex.strip_prefix("(?m)").unwrap().to_owned()
    }

    #[test]
    fn escapes_and_anchors() {
        assert_eq!(translated(r"^\A\d\h\.\/$"), r"^\A[0-9][0-9a-fA-F]\x{2E}\x{2F}$");
        assert_eq!(translated(r"a\Z"), r"a(?P<tail__>\n?)\z");
        assert_eq!(translated(r"\x41\u00e9\u{1F600}\e\t"), r"\x{41}\x{E9}\x{1F600}\x{1B}\x{9}");
    }

    #[test]
    fn braces_that_are_no_interval_stand_for_themselves() {
        assert_eq!(translated("a{2}b{,3}c{4,}?{x}{}"), r"a{2}b{0,3}c{4,}?\{x\}\{\}");
    }

    #[test]
    fn groups() {
        assert_eq!(translated("(a)(?:b)(?i-m:c)(?#d)"), "(a)(?:b)(?i-s:c)");
        assert_eq!(translated("(a)(?<n>b)"), "(?:a)(?P<n>b)");
    }

    #[test]
    fn extended_drops_white_space_and_comments() {
        let options = Options { extended: true, ..Options::default() };
        let regex = translate("a b # c\n\\ d[ #]", options).unwrap().regex;
        assert_eq!(regex, r"(?m)ab\x{20}d[\x{20}\x{23}]");
    }

    #[test]
    fn what_the_crate_cannot_do_is_refused() {
        for source in ["(?=a)", "(?<!a)", r"(a)\1", "a++", "(?>a)", r"\Ga", r"a\Zb"] {
            assert!(translate(source, Options::default()).is_err(), "{source}");
        }
    }
}
