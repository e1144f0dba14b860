//! Character classes and escapes of Ruby's regular expressions.

use std::fmt::Write;

use crate::values::flow::{Outcome, limit, raise, refuse};
use crate::values::limits::DEEPEST_CLASS;

/// The crate's form of `\d` and its like, inside or outside a class. ASCII, as in Ruby.
pub(super) fn shorthand(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t-\r ]",
        'S' => r"[^\t-\r ]",
        'h' => "[0-9a-fA-F]",
        'H' => "[^0-9a-fA-F]",
        _ => return None,
    })
}

/// `[:alpha:]` and its like; Unicode, as in Ruby.
fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "alpha" => r"\p{Alphabetic}",
        "digit" => r"\p{Nd}",
        "alnum" => r"[\p{Alphabetic}\p{Nd}]",
        "upper" => r"\p{Uppercase}",
        "lower" => r"\p{Lowercase}",
        "space" => r"\p{White_Space}",
        "blank" => r"[\p{Zs}\t]",
        "cntrl" => r"\p{Cc}",
        "xdigit" => "[0-9a-fA-F]",
        "word" => r"\w",
        "punct" => r"[\p{P}$+<=>\x5E`|\x7E]",
        "ascii" => r"[\x00-\x7F]",
        _ => return None,
    })
}

/// Translates a class; `at` stands behind its `[`, and is moved behind its `]`.
pub(super) fn translate(chars: &[char], at: &mut usize, depth: usize) -> Outcome<String> {
    if depth > DEEPEST_CLASS {
        return limit(format!("character classes nested more than {DEEPEST_CLASS} levels deep"));
    }
    let mut out = String::from("[");
    if chars.get(*at) == Some(&'^') {
        *at += 1;
        out.push('^');
    }
    let start = *at;
    loop {
        let Some(char) = chars.get(*at).copied() else {
            return raise("RegexpError", "premature end of char-class");
        };
        *at += 1;
        match char {
            // Directly after the opener it stands for itself, if another one follows.
            ']' if *at == start + 1 && !chars[*at..].contains(&']') => {
                return raise("RegexpError", "empty char-class");
            }
            ']' if *at > start + 1 => break,
            '[' if chars.get(*at) == Some(&':') => match posix_class(chars, at) {
                Some(class) => out.push_str(&class),
                None => put(&mut out, '['),
            },
            '[' => {
                let inner = translate(chars, at, depth + 1)?;
                out.push_str(&inner);
            }
            '&' if chars.get(*at) == Some(&'&') => {
                *at += 1;
                out.push_str("&&");
            }
            '\\' => escape(chars, at, &mut out)?,
            '-' if is_range(chars, *at, start) => out.push('-'),
            _ => put(&mut out, char),
        }
    }
    out.push(']');
    Ok(out)
}

/// True if the `-` before `at` is between two ends.
fn is_range(chars: &[char], at: usize, start: usize) -> bool {
    let first = at == start + 1;
    let after_shorthand = at >= 3 && chars[at - 3] == '\\' && shorthand(chars[at - 2]).is_some();
    !first && !after_shorthand && !matches!(chars.get(at), Some(']') | Some('[') | None)
}

fn put(out: &mut String, char: char) {
    if char.is_ascii_alphanumeric() || !char.is_ascii() {
        out.push(char);
    } else {
        put_code(out, char);
    }
}

fn put_code(out: &mut String, char: char) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\x{{{:X}}}", u32::from(char));
}

/// `[:name:]` or `[:^name:]`; `at` stands behind its first bracket.
fn posix_class(chars: &[char], at: &mut usize) -> Option<String> {
    let negated = chars.get(*at + 1) == Some(&'^');
    let start = *at + 1 + usize::from(negated);
    let length = chars[start..].iter().take_while(|char| char.is_ascii_alphabetic()).count();
    let name: String = chars[start..start + length].iter().collect();
    let class = posix(&name)?;
    if chars.get(start + length..start + length + 2) != Some(&[':', ']']) {
        return None;
    }
    *at = start + length + 2;
    Some(if negated { format!("[^{class}]") } else { class.to_owned() })
}

fn escape(chars: &[char], at: &mut usize, out: &mut String) -> Outcome<()> {
    let Some(char) = chars.get(*at).copied() else {
        return raise("RegexpError", "premature end of char-class");
    };
    if let Some(class) = shorthand(char) {
        *at += 1;
        out.push_str(class);
        return Ok(());
    }
    match char {
        'p' | 'P' => {
            *at += 1;
            out.push_str(&property(chars, at, char)?);
        }
        'b' => {
            *at += 1;
            put_code(out, '\u{8}');
        }
        'R' | 'X' => return refuse(format!("`\\{char}` in a character class")),
        _ => put_code(out, char_escape(chars, at)?),
    }
    Ok(())
}

/// `\p{name}`, `\p{^name}` or `\P{name}`; `at` stands behind the letter.
pub(super) fn property(chars: &[char], at: &mut usize, letter: char) -> Outcome<String> {
    let close = chars[*at..].iter().position(|char| *char == '}');
    let (Some('{'), Some(close)) = (chars.get(*at), close) else {
        return raise("RegexpError", "invalid character property name");
    };
    let name: String = chars[*at + 1..*at + close].iter().collect();
    *at += close + 1;
    let (caret, name) = match name.strip_prefix('^') {
        Some(name) => (true, name),
        None => (false, name.as_str()),
    };
    let negated = caret != (letter == 'P');
    Ok(match posix(&name.to_ascii_lowercase()) {
        Some(class) if negated => format!("[^{class}]"),
        Some(class) => class.to_owned(),
        None => format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' }),
    })
}

/// The character that an escape stands for; `at` stands behind the backslash.
pub(super) fn char_escape(chars: &[char], at: &mut usize) -> Outcome<char> {
    let Some(char) = chars.get(*at).copied() else {
        return raise("RegexpError", "too short escape sequence");
    };
    *at += 1;
    let code = match char {
        'n' => return Ok('\n'),
        't' => return Ok('\t'),
        'r' => return Ok('\r'),
        'f' => return Ok('\u{c}'),
        'v' => return Ok('\u{b}'),
        'a' => return Ok('\u{7}'),
        'e' => return Ok('\u{1b}'),
        'x' => digits(chars, at, 16, 2),
        'u' if chars.get(*at) == Some(&'{') => {
            *at += 1;
            let code = digits(chars, at, 16, 6);
            if chars.get(*at) != Some(&'}') {
                return refuse("several characters in one `\\u{}`");
            }
            *at += 1;
            code
        }
        'u' => digits(chars, at, 16, 4),
        '0'..='7' => {
            *at -= 1;
            digits(chars, at, 8, 3)
        }
        'c' | 'C' | 'M' => return refuse(format!("`\\{char}` in a regular expression")),
        _ => return Ok(char),
    };
    match code {
        Some(code) if code >= 0x80 && char != 'u' => refuse("bytes in a regular expression"),
        Some(code) => match char::from_u32(code) {
            Some(char) => Ok(char),
            None => raise("RegexpError", "invalid Unicode range"),
        },
        None => raise("RegexpError", "invalid hex escape"),
    }
}

fn digits(chars: &[char], at: &mut usize, base: u32, most: usize) -> Option<u32> {
    let length = chars[*at..].iter().take(most).take_while(|char| char.is_digit(base)).count();
    let text: String = chars[*at..*at + length].iter().collect();
    *at += length;
    u32::from_str_radix(&text, base).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(source: &str) -> String {
        let chars: Vec<char> = source.chars().collect();
        let mut at = 1;
        let class = translate(&chars, &mut at, 0).unwrap();
        assert_eq!(at, chars.len());
        regex::bytes::Regex::new(&class).unwrap();
        class
    }

    #[test]
    fn ranges_and_literals() {
        assert_eq!(class("[a-z_-]"), r"[a-z\x{5F}\x{2D}]");
        assert_eq!(class("[-a^]"), r"[\x{2D}a\x{5E}]");
        assert_eq!(class("[^]a]"), r"[^\x{5D}a]");
        assert_eq!(class(r"[\w-.]"), r"[[0-9A-Za-z_]\x{2D}\x{2E}]");
    }

    #[test]
    fn nested_and_named_classes() {
        assert_eq!(class("[[:alpha:][:^digit:]]"), r"[\p{Alphabetic}[^\p{Nd}]]");
        assert_eq!(class("[a-z&&[^b]]"), "[a-z&&[^b]]");
        assert_eq!(class(r"[\b\d]"), r"[\x{8}[0-9]]");
    }
}
