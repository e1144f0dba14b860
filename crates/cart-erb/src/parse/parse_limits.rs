//! Refuses templates that the parser could not hold, before it gets them.
//!
//! The parser is fast, and takes some hundred bytes of memory per byte of code, with a few
//! exceptions, which are counted here as they look, without knowing what stands in a string: a
//! hash's pairs, a `case`'s clauses, blocks with many variables around them, and carriage returns.

use std::collections::HashSet;

use crate::parse::scan::{Kind, Piece};
use crate::values::limits::{
    MOST_BLOCK_NAMES, MOST_CLAUSES, MOST_PAIRS, MOST_RETURNS, MOST_TAGS, MOST_TEMPLATE,
};

/// A template that is too much: the line, and the limit it passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) line: usize,
    pub(crate) limit: String,
}

/// Refuses a template that is longer than any should be, before anything is made of it.
pub(crate) fn check_size(source: &[u8]) -> Result<(), Passed> {
    if source.len() <= MOST_TEMPLATE {
        return Ok(());
    }
    let line = 1 + source[..MOST_TEMPLATE].iter().filter(|byte| **byte == b'\n').count();
    let limit = format!("more than {MOST_TEMPLATE} bytes in one template; make several of it");
    Err(Passed { line, limit })
}

/// Refuses pieces whose program the parser could not hold.
pub(crate) fn check(pieces: &[Piece]) -> Result<(), Passed> {
    let mut count = Count::default();
    for piece in pieces.iter().filter(|piece| piece.kind != Kind::Text) {
        count.tags += piece.len() + b"<%=%>".len();
        if piece.is_code() {
            count.code(&piece.content);
        }
        if let Some(limit) = count.passed() {
            return Err(Passed { line: piece.line, limit });
        }
    }
    Ok(())
}

/// What was counted so far. Each is at least what the parser will meet.
#[derive(Default)]
struct Count<'p> {
    tags: usize,
    pairs: usize,
    clauses: usize,
    blocks: usize,
    names: HashSet<&'p [u8]>,
    returns: usize,
}

impl<'p> Count<'p> {
    fn code(&mut self, code: &'p [u8]) {
        let mut at = 0;
        while let Some(byte) = code.get(at) {
            let length = code[at..].iter().take_while(|byte| in_word(byte)).count();
            if length > 0 {
                self.word(code, at, length);
                at += length;
                continue;
            }
            let (before, next) = (at.checked_sub(1).map(|at| code[at]), code.get(at + 1));
            match (byte, next) {
                (b'=', Some(b'>')) => self.pairs += 1,
                // `'a': 1`
                (b'\'' | b'"', Some(b':')) if code.get(at + 2) != Some(&b':') => self.pairs += 1,
                (b'-', Some(b'>')) => self.blocks += 1,
                // Not the `#{` of a string.
                (b'{', _) if before != Some(b'#') => self.blocks += 1,
                (b'\r', next) if next != Some(&b'\n') => self.returns += 1,
                _ => {}
            }
            at += 1;
        }
    }

    fn word(&mut self, code: &'p [u8], at: usize, length: usize) {
        let word = &code[at..at + length];
        match word {
            b"when" | b"in" | b"rescue" => self.clauses += 1,
            b"do" => self.blocks += 1,
            // Variables begin with a small letter.
            [first, ..] if !first.is_ascii_uppercase() && !first.is_ascii_digit() => {
                self.names.insert(word);
            }
            _ => {}
        }
        let mut rest = &code[at + length..];
        if let [b'?' | b'!', after @ ..] = rest {
            rest = after;
        }
        // `name: value`, but not the `//host:port` of a string.
        let before = at.checked_sub(1).map(|at| code[at]);
        let may_start =
            before.is_none_or(|byte| byte.is_ascii_whitespace() || b"{(,[|".contains(&byte));
        if may_start && matches!(rest, [b':', after @ ..] if after.first() != Some(&b':')) {
            self.pairs += 1;
        }
    }

    fn passed(&self) -> Option<String> {
        let most = |most: usize, what: &str| {
            Some(format!("more than {most} {what} in one template; make several of it"))
        };
        if self.tags > MOST_TAGS {
            return most(MOST_TAGS, "bytes of tags");
        }
        if self.pairs > MOST_PAIRS {
            return most(MOST_PAIRS, "pairs (`a => b`, `a: b`) in the Ruby");
        }
        if self.clauses > MOST_CLAUSES {
            return most(MOST_CLAUSES, "clauses (`when`, `in`, `rescue`) in the Ruby");
        }
        if self.blocks.saturating_mul(self.names.len()) > MOST_BLOCK_NAMES {
            return most(MOST_BLOCK_NAMES, "blocks times names in the Ruby");
        }
        if self.returns > MOST_RETURNS {
            return most(MOST_RETURNS, "carriage returns without a newline in the Ruby");
        }
        None
    }
}

fn in_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii()
}
