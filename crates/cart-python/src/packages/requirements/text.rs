//! The text of a requirements file and the lines in it, as pip sees them: facts read off pip's
//! `req_file.py` and `encoding.py`, versions 21.3 to 25.

use std::collections::BTreeMap;

use cart_core::GearEnv;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A file's text; `None` when it is not in the encoding that it is read in, of which pip complains.
pub(super) fn decoded(bytes: &[u8]) -> Option<String> {
    // The longer mark first: that of UTF-16 begins the one of UTF-32, too.
    let (text, wrong) = if let Some(rest) = bytes.strip_prefix(b"\xff\xfe\0\0") {
        utf_32(rest, u32::from_le_bytes)
    } else if let Some(rest) = bytes.strip_prefix(b"\0\0\xfe\xff") {
        utf_32(rest, u32::from_be_bytes)
    } else {
        let marked =
            [(&b"\xef\xbb\xbf"[..], UTF_8), (b"\xff\xfe", UTF_16LE), (b"\xfe\xff", UTF_16BE)];
        let found = marked.iter().find_map(|(mark, e)| Some((bytes.strip_prefix(*mark)?, *e)));
        let (rest, encoding) = found.unwrap_or_else(|| (bytes, named_encoding(bytes)));
        let (text, wrong) = encoding.decode_without_bom_handling(rest);
        (text.into_owned(), wrong)
    };
    (!wrong).then_some(text)
}

fn utf_32(bytes: &[u8], number: fn([u8; 4]) -> u32) -> (String, bool) {
    let chunks = bytes
        .chunks(4)
        .map(|chunk| chunk.try_into().ok().and_then(|four| char::from_u32(number(four))));
    let text: Option<String> = chunks.collect();
    (text.clone().unwrap_or_default(), text.is_none())
}

/// What a comment in one of the first two lines names (PEP 263), else UTF-8, which pip finds in the
/// locale that it is run in.
fn named_encoding(bytes: &[u8]) -> &'static Encoding {
    let mut first = bytes.split(|byte| *byte == b'\n').take(2).filter(|l| l.starts_with(b"#"));
    let Some(name) = first.find_map(coding) else { return UTF_8 };
    let name = name.to_ascii_lowercase().replace('_', "-");
    // Spellings of Python that are none on the web.
    let name = match &*name {
        "latin-1" | "latin" => "latin1",
        "utf-8-sig" | "u8" => "utf-8",
        "mac-roman" => "macintosh",
        other => other,
    };
    // One that is unknown here has letters and digits where ASCII has them, as a rule.
    Encoding::for_label(name.as_bytes()).unwrap_or(WINDOWS_1252)
}

/// `NAME` in `coding: NAME` or `coding=NAME`.
fn coding(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let named = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    line.match_indices("coding").find_map(|(at, word)| {
        let rest = line[at + word.len()..].strip_prefix([':', '='])?;
        let name: String = rest.trim_start().chars().take_while(named).collect();
        (!name.is_empty()).then_some(name)
    })
}

/// Where Python breaks lines, besides after CR LF.
const BREAKS: [char; 10] =
    ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

/// The lines of a text, whatever ends them.
pub(super) fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BREAKS) {
        lines.push(&rest[..at]);
        let after = &rest[at..];
        let one = after.chars().next().map_or(0, char::len_utf8);
        rest = after.strip_prefix("\r\n").unwrap_or(&after[one..]);
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// A text with `\n` at the end of each line.
pub(super) fn with_plain_breaks(text: &str) -> String {
    let end = if text.ends_with(BREAKS) { "\n" } else { "" };
    lines(text).join("\n") + end
}

/// The lines that say something, each with the number of the first that it was joined from. Lines
/// that end with `\` are joined with the next, comments are removed.
pub(super) fn logical(lines: &[&str]) -> Vec<(usize, String)> {
    let mut logical = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in lines.iter().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        if line.ends_with('\\') && !is_comment {
            joined.push_str(line.trim_matches('\\'));
            open = Some((number, joined));
            continue;
        }
        // A comment ends what was begun, and must not become a part of its last word.
        joined.push_str(if is_comment { " " } else { "" });
        joined.push_str(line);
        logical.push((number, joined));
    }
    logical.extend(open);
    let said = |(number, line): (usize, String)| {
        let line = without_comment(&line).trim();
        (!line.is_empty()).then(|| (number, line.to_owned()))
    };
    logical.into_iter().filter_map(said).collect()
}

/// A `#` begins a comment only at the beginning or after white space: URLs have it too.
fn without_comment(line: &str) -> &str {
    let at = line
        .char_indices()
        .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with(char::is_whitespace)));
    at.map_or(line, |(at, _)| &line[..at])
}

/// The names in a line's `${NAME}`: capitals, digits and underscores.
pub(super) fn variables(line: &str) -> Vec<&str> {
    let named = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let parts = line.split("${").skip(1);
    let names = parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name);
    names.filter(|name| !name.is_empty() && name.chars().all(named)).collect()
}

/// Replaces the `${NAME}` of a line whose variable is set, and notes what was put there; others stay
/// as they are.
pub(super) fn expanded(line: &str, env: &GearEnv, used: &mut BTreeMap<String, String>) -> String {
    let mut text = line.to_owned();
    for name in variables(line) {
        let value = env.get(name).unwrap_or_default().to_string_lossy();
        if !value.is_empty() {
            text = text.replace(&format!("${{{name}}}"), &value);
            used.insert(name.to_owned(), value.into_owned());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_that_pip_reads_is_read() {
        let utf_16 = |order: fn(u16) -> [u8; 2]| "\u{feff}ü==1".encode_utf16().flat_map(order);
        let utf_32 =
            |order: fn(u32) -> [u8; 4]| "\u{feff}ü==1".chars().map(u32::from).flat_map(order);
        let texts: [Vec<u8>; 6] = [
            "ü==1".into(),
            "\u{feff}ü==1".into(),
            utf_16(u16::to_le_bytes).collect(),
            utf_16(u16::to_be_bytes).collect(),
            utf_32(u32::to_le_bytes).collect(),
            utf_32(u32::to_be_bytes).collect(),
        ];
        for text in texts {
            assert_eq!(decoded(&text).as_deref(), Some("ü==1"), "{text:?}");
        }
        for (bytes, last) in [
            (&b"# -*- coding: latin-1 -*-\n\xfc"[..], "ü"),
            (b"#\n# vim: set fileencoding=iso8859_15 :\n\xa4", "€"),
            (b"#coding=cp1251\r\n\xff", "я"),
            (b"# coding: klingon\n==", "=="),
        ] {
            let text = decoded(bytes).unwrap();
            assert_eq!(lines(&text).last(), Some(&last), "{text}");
        }
        assert_eq!(decoded(b"#\n#\n# coding: latin-1\n\xfc"), None);
        assert_eq!(decoded(b"\xff\xfe\0\0a\0\0"), None);
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        for text in ["a\n\nb\n", "a", "", "\n"] {
            assert_eq!(with_plain_breaks(text), text, "the same, as most files are");
        }
        assert_eq!(
            lines("a\rb\r\nc\n\nd\u{c}e\u{b}f\u{2028}g\u{85}"),
            ["a", "b", "c", "", "d", "e", "f", "g"]
        );
        assert!(lines("").is_empty());
    }

    #[test]
    fn lines_are_joined_and_comments_go_as_pip_has_it() {
        let text = "# a\\\nsix \\\n  ==1 \\\n# why\nurl#egg=x # y\nlast\\";
        let expected =
            [(2, "six   ==1"), (5, "url#egg=x"), (6, "last")].map(|(n, l)| (n, l.to_owned()));
        assert_eq!(logical(&lines(text)), expected);
    }

    #[test]
    fn only_variables_that_are_set_are_replaced_and_noted() {
        let env = GearEnv::new().with("STAGE", "prod").with("EMPTY", "").with("low", "x");
        let mut used = BTreeMap::new();
        let text = expanded("${STAGE} ${EMPTY} ${low} $STAGE ${NONE} ${STAGE}", &env, &mut used);
        assert_eq!(text, "prod ${EMPTY} ${low} $STAGE ${NONE} prod");
        assert_eq!(used.into_iter().collect::<Vec<_>>(), [("STAGE".to_owned(), "prod".to_owned())]);
    }
}
