//! Templates with no tag but `<%= ENV['X'] %>`, which nine out of ten are: no parser needed.

use crate::Context;
use crate::given::rendered::{Mark, Rendered};
use crate::parse::scan::{Kind, Piece};
use crate::values::flow::Stop;
use crate::values::limits::check_string;

/// A part of such a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text { text: Vec<u8>, line: usize },
    Var { name: Vec<u8>, line: usize },
}

/// The parts of a template, if it is one of these.
pub(crate) fn parse(pieces: &[Piece]) -> Option<Vec<Part>> {
    pieces
        .iter()
        .filter(|piece| piece.kind != Kind::Comment)
        .map(|piece| {
            let line = piece.line;
            match piece.kind {
                Kind::Text => Some(Part::Text { text: piece.content.clone(), line }),
                Kind::Value => {
                    variable(&piece.content).map(|name| Part::Var { name: name.to_vec(), line })
                }
                _ => None,
            }
        })
        .collect()
}

/// Renders the parts. An unset variable is nothing. An output that is too long is an error with the
/// line where it became so.
pub(crate) fn render(parts: &[Part], context: &Context) -> Result<Rendered, (usize, Box<Stop>)> {
    let mut bytes = Vec::new();
    let mut marks = Vec::with_capacity(parts.len());
    for part in parts {
        let offset = bytes.len();
        let (line, text, added) = match part {
            Part::Text { text, line } => (*line, true, text.as_slice()),
            Part::Var { name, line } => (*line, false, context.var(name).unwrap_or_default()),
        };
        check_string(offset + added.len()).map_err(|stop| (line, stop))?;
        marks.push(Mark { offset, line, text });
        bytes.extend_from_slice(added);
    }
    Ok(Rendered::new(bytes, marks))
}

/// The name in `ENV['NAME']` or `ENV["NAME"]`.
fn variable(code: &[u8]) -> Option<&[u8]> {
    let inner = code.trim_ascii().strip_prefix(b"ENV[")?.strip_suffix(b"]")?;
    let name = quoted(inner, b"'").or_else(|| quoted(inner, b"\""))?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    name.iter().all(plain).then_some(name)
}

fn quoted<'c>(code: &'c [u8], quote: &[u8]) -> Option<&'c [u8]> {
    code.strip_prefix(quote)?.strip_suffix(quote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealFiles;
    use crate::parse::scan::scan;

    #[test]
    fn renders_variables_and_text() {
        let source = b"a\n<%= ENV['X'] %>\n<%# no %><%=ENV[\"Y\"]%>-<%= ENV['NONE'] %>\xFF";
        let parts = parse(&scan(source)).unwrap();
        let context = Context::new([("X", "1\n2"), ("Y", "y")], RealFiles);
        let rendered = render(&parts, &context).unwrap();
        assert_eq!(rendered.bytes, b"a\n1\n2\ny-\xFF");
        let lines: Vec<usize> = (1..=4).map(|line| rendered.template_line(line)).collect();
        assert_eq!(lines, [1, 2, 2, 3]);
    }

    #[test]
    fn an_output_that_is_too_long_is_a_limit_where_it_becomes_so() {
        let parts = parse(&scan("<%= ENV['X'] %>\n".repeat(20).as_bytes())).unwrap();
        let context = Context::new([("X", "x".repeat(100_000))], RealFiles);
        assert_eq!(render(&parts, &context).unwrap_err().0, 11);
    }

    #[test]
    fn anything_else_is_not_fast() {
        for source in [
            "<%= ENV['X'] || 1 %>",
            "<% ENV['X'] %>",
            "% x\n",
            "<%= ENV['X\"] %>",
            "<%= ENV['#{x}'] %>",
            "<%= ENV[x] %>",
            "<%= ENV['] %>",
        ] {
            assert_eq!(parse(&scan(source.as_bytes())), None, "{source}");
        }
    }
}
