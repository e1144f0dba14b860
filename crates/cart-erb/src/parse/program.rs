//! One Ruby program of a template, as ERB makes it: text appended to a buffer, code as it stands.
//!
//! That the program is the same as ERB's is what makes the same templates valid: blocks may span
//! tags, a comment swallows the text that follows it, and `<%= x do %>` is an error.

use lib_ruby_parser::{Node, Parser, ParserOptions};

use crate::given::error::{ErbError, ErbErrorKind};
use crate::parse::nesting;
use crate::parse::parse_limits;
use crate::parse::scan::{Kind, Piece};
use crate::values::limits::DEEPEST_TREE;

/// The variable that holds the text. ERB's name for it, which templates may use.
pub(crate) const BUFFER: &str = "_erbout";

/// A template as a parsed program.
#[derive(Debug)]
pub(crate) struct Program {
    tree: Option<Box<Node>>,
    lines: LineMap,
}

impl Program {
    /// Compiles and parses.
    pub(crate) fn parse(pieces: &[Piece], name: &str) -> Result<Program, ErbError> {
        let error = |line, kind| ErbError { file: name.to_owned(), line, kind };
        parse_limits::check(pieces)
            .map_err(|passed| error(passed.line, ErbErrorKind::Limit { limit: passed.limit }))?;
        let lines = compile(pieces);
        let code: usize = pieces.iter().filter(|piece| piece.is_code()).map(Piece::len).sum();
        let parsed = on_deep_stack(code, || parse(&lines, name)).map_err(|limit| {
            let first = pieces.iter().find(|piece| piece.is_code());
            error(first.map_or(1, |piece| piece.line), ErbErrorKind::Limit { limit })
        })?;
        match parsed {
            Ok(tree) => Ok(Program { tree, lines }),
            Err((at, kind)) => Err(error(lines.line_at(at), kind)),
        }
    }

    pub(crate) fn tree(&self) -> Option<&Node> {
        self.tree.as_deref()
    }

    /// The template's line at an offset of the program.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        self.lines.line_at(offset)
    }
}

/// A tree, or what is wrong with the program and where.
type Parsed = Result<Option<Box<Node>>, (usize, ErbErrorKind)>;

/// The parser walks conditions recursively, and Rust drops a tree recursively: both as deeply as the
/// code nests, which is not known before. So they get a stack for the deepest nesting that this much
/// code can have. What is not used of it costs no memory.
fn on_deep_stack(code: usize, work: impl FnOnce() -> Parsed + Send) -> Result<Parsed, String> {
    const LEAST: usize = 2 * 1024 * 1024;
    const PER_BYTE: usize = if cfg!(debug_assertions) { 4096 } else { 512 };
    let thread = std::thread::Builder::new().stack_size(LEAST + code * PER_BYTE);
    std::thread::scope(|scope| match thread.spawn_scoped(scope, work) {
        Ok(parser) => Ok(parser.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
        Err(source) => Err(format!("no thread to parse {code} bytes of Ruby with: {source}")),
    })
}

fn parse(lines: &LineMap, name: &str) -> Parsed {
    let options = ParserOptions {
        buffer_name: name.to_owned(),
        record_tokens: false,
        ..ParserOptions::default()
    };
    let result = Parser::new(lines.source.clone(), options).do_parse();
    let problem = result.diagnostics.iter().find(|problem| problem.is_error());
    let problem = problem.map(|problem| (problem.loc.begin, problem.render_message()));
    let invalid = lines
        .invalid_char(result.comments.iter().map(|comment| comment.location))
        .map(|at| (at, "a byte that is not UTF-8 in code".to_owned()));
    if let Some(deep) = result.ast.as_deref().and_then(nesting::too_deep) {
        let limit = format!("expressions nested more than {DEEPEST_TREE} levels deep");
        return Err((deep, ErbErrorKind::Limit { limit }));
    }
    match invalid.into_iter().chain(problem).min_by_key(|it| it.0) {
        Some((at, message)) => Err((at, ErbErrorKind::Syntax { message })),
        None => Ok(result.ast),
    }
}

/// The program's source, and where its commands come from.
#[derive(Debug, Default)]
struct LineMap {
    source: Vec<u8>,
    /// For each command: its offset in the program, and the template's line there.
    starts: Vec<(usize, usize)>,
    /// The offsets of the newlines in the program.
    newlines: Vec<usize>,
}

impl LineMap {
    fn line_at(&self, offset: usize) -> usize {
        let offset = offset.min(self.source.len());
        let index = self.starts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let Some((start, line)) = self.starts.get(index) else { return 1 };
        let before = |offset: usize| self.newlines.partition_point(|newline| *newline < offset);
        line + before(offset) - before(*start)
    }

    /// Where the program is not UTF-8, outside of comments. (Text is escaped in the program.)
    fn invalid_char(
        &self,
        mut comments: impl Iterator<Item = lib_ruby_parser::Loc>,
    ) -> Option<usize> {
        let at = std::str::from_utf8(&self.source).err()?.valid_up_to();
        let in_comment = comments.any(|comment| (comment.begin..comment.end).contains(&at));
        (!in_comment).then_some(at)
    }
}

fn compile(pieces: &[Piece]) -> LineMap {
    let mut writer = Writer::default();
    writer.push(1, &[BUFFER.as_bytes(), b" = +''"]);
    for piece in pieces {
        match piece.kind {
            Kind::Text => writer.text(piece),
            Kind::Value => {
                let buffer = BUFFER.as_bytes();
                writer.push(piece.line, &[buffer, b".<<((", &piece.content, b").to_s)"]);
            }
            Kind::Comment => {}
            Kind::Line => {
                writer.push(piece.line, &[&piece.content]);
                writer.end_line();
            }
            Kind::Code => match piece.content.strip_suffix(b"\n") {
                Some(code) => {
                    writer.push(piece.line, &[code]);
                    writer.end_line();
                }
                None => writer.push(piece.line, &[&piece.content]),
            },
        }
    }
    let last = pieces.last().map_or(1, last_line);
    writer.push(last, &[BUFFER.as_bytes()]);
    let mut map = writer.map;
    let newlines = map.source.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    map.newlines = newlines.map(|(at, _)| at).collect();
    map
}

/// The line on which a piece ends.
fn last_line(piece: &Piece) -> usize {
    piece.line + piece.content.iter().filter(|byte| **byte == b'\n').count()
}

#[derive(Default)]
struct Writer {
    map: LineMap,
    /// The program's current line has a command already.
    started: bool,
}

impl Writer {
    fn push(&mut self, line: usize, parts: &[&[u8]]) {
        if self.started {
            self.map.source.extend_from_slice(b"; ");
        }
        self.started = true;
        self.map.starts.push((self.map.source.len(), line));
        for part in parts {
            self.map.source.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) {
        self.map.source.push(b'\n');
        self.started = false;
    }

    /// Appends text, followed by a newline if the text has one: that ends a comment before it.
    fn text(&mut self, piece: &Piece) {
        let literal = literal(&piece.content);
        let end: &[u8] = if piece.content.contains(&b'\n') { b"\n" } else { b"" };
        self.push(piece.line, &[BUFFER.as_bytes(), b".<< ", &literal, b".freeze", end]);
    }
}

/// A string literal of any bytes, in ASCII and on one line.
fn literal(text: &[u8]) -> Vec<u8> {
    let mut literal = Vec::with_capacity(text.len() + 2);
    literal.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' | b'#' => literal.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => literal.push(*byte),
            _ => literal.extend_from_slice(format!("\\x{byte:02X}").as_bytes()),
        }
    }
    literal.push(b'"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::scan::scan;

    fn program(source: &str) -> String {
        String::from_utf8(compile(&scan(source.as_bytes())).source).unwrap()
    }

    #[test]
    fn program_is_erbs() {
        assert_eq!(
            program("a\n<% if x\n%>\n% y\n<%= \"é\" %>é#\n<%# c\nd %>z"),
            "_erbout = +''; _erbout.<< \"a\\x0A\".freeze\n;  if x\n\
             _erbout.<< \"\\x0A\".freeze\n;  y\n\
             _erbout.<<(( \"é\" ).to_s); _erbout.<< \"\\xC3\\xA9\\#\\x0A\".freeze\n\
             ; _erbout.<< \"z\".freeze; _erbout"
        );
    }

    #[test]
    fn lines_are_the_templates_after_comments_of_many_lines() {
        let lines = compile(&scan(b"<%# a\nb\nc %>\n<%= d %>\n<% e\n f %>g"));
        let line_of = |needle: &str| {
            lines.line_at(crate::values::text::find(&lines.source, needle.as_bytes(), 0).unwrap())
        };
        assert_eq!([line_of(" d "), line_of(" e"), line_of(" f"), line_of("\"g\"")], [4, 5, 6, 6]);
    }

    #[test]
    fn invalid_bytes_are_refused_in_code_only() {
        let parse = |source: &[u8]| Program::parse(&scan(source), "t");
        assert!(parse(b"\xE9<% # \xE9\n%>").is_ok());
        let error = parse(b"\n<% x = '\xE9' %>").unwrap_err();
        assert_eq!(error.to_string(), "t:2: syntax error, a byte that is not UTF-8 in code");
    }

    #[test]
    fn syntax_error_has_the_templates_line() {
        let error = Program::parse(&scan(b"a\n<%# x\n%>\n<%= 1 + %>\n"), "t").unwrap_err();
        assert_eq!(error.line, 4);
        assert!(matches!(error.kind, ErbErrorKind::Syntax { .. }));
    }
}
