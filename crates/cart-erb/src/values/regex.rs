//! Regular expressions at work: matching, and what a match knows.

use std::ops::Range;
use std::rc::Rc;

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::values::flow::{Outcome, limit, refuse};
use crate::values::limits::{BYTES_PER_STEP, Budget, LONGEST_PATTERN};
use crate::values::pattern::{self, Options, TAIL};
use crate::values::text;

/// A compiled regular expression.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    options: Options,
    regex: Regex,
    line_start: bool,
    tail: bool,
    /// It has quantifiers, so that a search may look at all of a text before it finds a short match.
    repeats: bool,
    /// How much work a byte of text may be: each state may be looked at for it.
    weight: usize,
}

/// How large a regular expression may get when it is compiled, and the weight of one of that size:
/// it is not known before, so a little is tried first. Beyond the last it is refused. Measured: with
/// these weights the slowest searches known take some seconds in all.
const SIZES: [(usize, usize); 5] =
    [(2 * 1024, 1), (8 * 1024, 8), (64 * 1024, 128), (512 * 1024, 1024), (4 * 1024 * 1024, 8192)];
/// What a small one takes, with what it remembers of its searches.
const SMALL: usize = 256 * 1024;
/// What it may remember of one kind of search. Without this limit it would be megabytes.
const MEMORY_OF_SEARCHES: usize = 64 * 1024;

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source && self.options == other.options
    }
}

impl Pattern {
    pub(crate) fn new(source: &[u8], options: Options, budget: &Budget) -> Outcome<Pattern> {
        if source.len() > LONGEST_PATTERN {
            return limit(format!("a regular expression longer than {LONGEST_PATTERN} bytes"));
        }
        let source = text::valid(source)?.to_owned();
        let translation = pattern::translate(&source, options)?;
        let Some((regex, weight)) = compiled(&translation.regex, budget)? else {
            return refuse(format!("the regular expression /{source}/"));
        };
        let pattern::Translation { line_start, tail, repeats, .. } = translation;
        Ok(Pattern { source, options, regex, line_start, tail, repeats, weight })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The names of its groups, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.regex.capture_names().flatten().filter(|name| *name != TAIL)
    }

    /// The first match at or after a byte offset of a text, which must be valid UTF-8.
    pub(crate) fn find(
        self: &Rc<Self>,
        hay: &Rc<Vec<u8>>,
        from: usize,
        budget: &Budget,
    ) -> Outcome<Option<Match>> {
        if from == 0 {
            budget.read(hay.len())?;
            text::valid(hay)?;
        }
        let steps = |end: usize| 1 + (end - from).saturating_mul(self.weight) / BYTES_PER_STEP;
        budget.charge(steps(hay.len()))?;
        let Some(captures) = self.regex.captures_at(hay, from) else { return Ok(None) };
        let groups = self.groups(&captures);
        let found = Match { groups, hay: hay.clone(), pattern: Some(self.clone()) };
        if !self.repeats {
            // Each character of it is at most one of the text: it has not looked further.
            let end = hay.len().min(found.span().end + 4 * self.source.len());
            budget.refund(steps(hay.len()) - steps(end));
        }
        let whole = found.span();
        let after_last_newline =
            whole.is_empty() && whole.start == hay.len() && hay.ends_with(b"\n");
        if self.line_start && after_last_newline {
            // Ruby's `^` does not match there. Where it may not be the `^` that matched, give up.
            if self.always_starts_line() {
                return Ok(None);
            }
            return refuse(format!("`^` at the end of a text in /{}/", self.source));
        }
        Ok(Some(found))
    }

    fn groups(&self, captures: &Captures<'_>) -> Vec<Option<Range<usize>>> {
        let tail = captures.name(TAIL).map(|group| group.start());
        let count = captures.len() - usize::from(self.tail);
        let mut groups: Vec<_> =
            (0..count).map(|at| captures.get(at).map(|group| group.range())).collect();
        if let (Some(tail), Some(Some(whole))) = (tail, groups.first_mut()) {
            whole.end = tail;
        }
        groups
    }

    /// True if no match is possible without the pattern's first `^`.
    fn always_starts_line(&self) -> bool {
        self.source.starts_with('^') && !self.source.contains('|')
    }

    /// `Regexp#to_s`
    pub(crate) fn to_s(&self) -> Vec<u8> {
        let on: String = self.letters(true).collect();
        let off: String = self.letters(false).collect();
        let dash = if off.is_empty() { "" } else { "-" };
        format!("(?{on}{dash}{off}:{})", self.escaped_source()).into_bytes()
    }

    /// `Regexp#inspect`
    pub(crate) fn inspect(&self) -> Vec<u8> {
        let letters: String = self.letters(true).collect();
        format!("/{}/{letters}", self.escaped_source()).into_bytes()
    }

    fn letters(&self, on: bool) -> impl Iterator<Item = char> {
        let Options { ignore_case, multi_line, extended } = self.options;
        [('m', multi_line), ('i', ignore_case), ('x', extended)]
            .into_iter()
            .filter(move |(_, set)| *set == on)
            .map(|(letter, _)| letter)
    }

    fn escaped_source(&self) -> String {
        let mut out = String::with_capacity(self.source.len());
        let mut chars = self.source.chars();
        while let Some(char) = chars.next() {
            match char {
                '\\' => {
                    out.push('\\');
                    out.extend(chars.next());
                }
                '/' => out.push_str("\\/"),
                _ => out.push(char),
            }
        }
        out
    }
}

/// Compiles; `None` for what the crate does not accept. Gives the weight, too.
fn compiled(regex: &str, budget: &Budget) -> Outcome<Option<(Regex, usize)>> {
    budget.make(SMALL)?;
    for (size, weight) in SIZES {
        if size > SMALL {
            budget.make(3 * size)?;
        }
        let mut builder = RegexBuilder::new(regex);
        match builder.size_limit(size).dfa_size_limit(MEMORY_OF_SEARCHES).build() {
            Ok(regex) => return Ok(Some((regex, weight))),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// `Regexp.escape`
pub(crate) fn escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x0C => out.extend_from_slice(b"\\f"),
            0x0B => out.extend_from_slice(b"\\v"),
            b' ' | b'#' | b'$' | b'(' | b')' | b'*' | b'+' | b'-' | b'.' | b'?' | b'[' | b'\\'
            | b']' | b'^' | b'{' | b'|' | b'}' => out.extend_from_slice(&[b'\\', *byte]),
            _ => out.push(*byte),
        }
    }
    out
}

/// A match: `$~`.
#[derive(Debug)]
pub(crate) struct Match {
    hay: Rc<Vec<u8>>,
    groups: Vec<Option<Range<usize>>>,
    /// `None` for a match of a plain text.
    pattern: Option<Rc<Pattern>>,
}

impl Match {
    /// A match of a plain text, as `gsub('a', 'b')` makes one.
    pub(crate) fn plain(hay: &Rc<Vec<u8>>, span: Range<usize>) -> Match {
        Match { hay: hay.clone(), groups: vec![Some(span)], pattern: None }
    }

    /// Where in the text it is, in bytes.
    pub(crate) fn span(&self) -> Range<usize> {
        self.groups.first().cloned().flatten().unwrap_or(0..0)
    }

    pub(crate) fn whole(&self) -> &[u8] {
        &self.hay[self.span()]
    }

    pub(crate) fn before(&self) -> &[u8] {
        &self.hay[..self.span().start]
    }

    pub(crate) fn after(&self) -> &[u8] {
        &self.hay[self.span().end..]
    }

    pub(crate) fn hay(&self) -> &Rc<Vec<u8>> {
        &self.hay
    }

    /// How many groups there are, the whole match included.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn group_span(&self, index: usize) -> Option<Range<usize>> {
        self.groups.get(index).cloned().flatten()
    }

    pub(crate) fn group(&self, index: usize) -> Option<&[u8]> {
        self.group_span(index).map(|span| &self.hay[span])
    }

    /// The index of a named group.
    pub(crate) fn index_of(&self, name: &[u8]) -> Option<usize> {
        let names = self.pattern.as_ref()?.regex.capture_names();
        names
            .enumerate()
            .filter(|(_, known)| known.is_some_and(|known| known.as_bytes() == name))
            .map(|(index, _)| index)
            .last()
    }

    /// The names of its groups, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pattern.iter().flat_map(|pattern| pattern.names())
    }

    pub(crate) fn pattern(&self) -> Option<&Rc<Pattern>> {
        self.pattern.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(pattern: &str, hay: &str) -> Option<Range<usize>> {
        let budget = Budget::default();
        let pattern = Pattern::new(pattern.as_bytes(), Options::default(), &budget).unwrap();
        let hay = Rc::new(hay.as_bytes().to_vec());
        let found = Rc::new(pattern).find(&hay, 0, &budget).unwrap();
        found.map(|found| found.span())
    }

    #[test]
    fn anchors_are_rubys() {
        assert_eq!(span("^b$", "a\nb\nc"), Some(2..3));
        assert_eq!(span(r"\Ab", "a\nb"), None);
        assert_eq!(span(r"b\Z", "b\n"), Some(0..1));
        assert_eq!(span(r"b\z", "b\n"), None);
        assert_eq!(span("^$", "a\n"), None);
        assert_eq!(span("$", "a"), Some(1..1));
    }

    #[test]
    fn options_are_written_in_rubys_order() {
        let options = Options { ignore_case: true, ..Options::default() };
        let pattern = Pattern::new(b"a/b\\/c", options, &Budget::default()).unwrap();
        assert_eq!(pattern.to_s(), br"(?i-mx:a\/b\/c)");
        assert_eq!(pattern.inspect(), br"/a\/b\/c/i");
    }

    #[test]
    fn escape_is_rubys() {
        assert_eq!(escape(b"a.b-c /\n#"), br"a\.b\-c\ /\n\#");
    }
}
