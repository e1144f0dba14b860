//! Strings as Ruby sees them: bytes that are mostly UTF-8, where an invalid byte is a character.

use memchr::memmem;

use crate::values::flow::{Outcome, argument_error};

/// The characters of a string.
pub(crate) fn chars(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (char, after) = rest.split_at(char_len(rest).min(rest.len()));
        rest = after;
        (!char.is_empty()).then_some(char)
    })
}

/// How many characters a string has.
pub(crate) fn char_count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { bytes.len() } else { chars(bytes).count() }
}

/// The byte offset of a character; the length of the string if it has fewer.
pub(crate) fn char_offset(bytes: &[u8], index: usize) -> usize {
    if bytes.is_ascii() {
        return index.min(bytes.len());
    }
    chars(bytes).take(index).map(<[u8]>::len).sum()
}

/// The length in bytes of the first character; 1 for an invalid byte.
pub(crate) fn char_len(bytes: &[u8]) -> usize {
    let width = match bytes.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => return 1,
    };
    match bytes.get(..width) {
        Some(char) if std::str::from_utf8(char).is_ok() => width,
        _ => 1,
    }
}

/// The character index of a byte offset.
pub(crate) fn char_index(bytes: &[u8], offset: usize) -> usize {
    char_count(&bytes[..offset])
}

/// A string whose characters must all be valid, as Ruby demands for searching and splitting.
pub(crate) fn valid(bytes: &[u8]) -> Outcome<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => argument_error("invalid byte sequence in UTF-8"),
    }
}

/// Without one line ending: `\r\n`, `\n` or `\r`.
pub(crate) fn chomp(bytes: &[u8]) -> &[u8] {
    match bytes {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] | [line @ .., b'\r'] => line,
        _ => bytes,
    }
}

/// Ruby's white space for `strip`, which includes NUL.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t'..=b'\r' | b' ')
}

/// Where `needle` first stands in `hay` at or after `from`.
pub(crate) fn find(hay: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    if needle.is_empty() {
        return (from <= hay.len()).then_some(from);
    }
    memmem::find(hay.get(from..)?, needle).map(|at| at + from)
}

/// Where `needle` last stands in `hay`, starting at or before `from`.
pub(crate) fn rfind(hay: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let last = hay.len().checked_sub(needle.len())?.min(from);
    memmem::rfind(&hay[..last + needle.len()], needle)
}

/// Text for a message, with `?` marks where it is not UTF-8.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines of a string, each with its ending; `""` as separator means paragraphs.
pub(crate) fn lines<'t>(bytes: &'t [u8], separator: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    let paragraphs = separator.is_empty();
    let separator: &[u8] = if paragraphs { b"\n\n" } else { separator };
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let mut end = find(rest, separator, 0).map_or(rest.len(), |at| at + separator.len());
        while paragraphs && rest.get(end) == Some(&b'\n') {
            end += 1;
        }
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// Changes the case of each character; Ruby refuses strings that are not valid.
pub(crate) fn map_chars<C: Iterator<Item = char>>(
    bytes: &[u8],
    change: impl Fn(usize, char) -> C,
) -> Outcome<Vec<u8>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let changed = text.chars().enumerate().flat_map(|(at, char)| change(at, char));
            Ok(changed.collect::<String>().into_bytes())
        }
        Err(_) => argument_error("input string invalid"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bytes_are_characters_of_their_own() {
        assert_eq!(char_count("aé€😀".as_bytes()), 4);
        assert_eq!(char_count(b"\xE2\x82"), 2);
        assert_eq!(char_count(b"\xFFa\xC3"), 3);
    }

    #[test]
    fn lines_keep_their_endings() {
        assert!(lines(b"a\nb", b"\n").eq([b"a\n".as_slice(), b"b"]));
        assert!(lines(b"a\n\n\nb\n", b"").eq([b"a\n\n\n".as_slice(), b"b\n"]));
        assert!(lines(b"", b"\n").next().is_none());
    }

    #[test]
    fn chomp_takes_one_ending() {
        assert_eq!(chomp(b"a\r\n"), b"a");
        assert_eq!(chomp(b"a\n\n"), b"a\n");
        assert_eq!(chomp(b"a"), b"a");
    }
}
