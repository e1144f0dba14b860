//! A template: parsed once, rendered as often as wanted.

mod fast;

use crate::Context;
use crate::Rendered;
use crate::evaluate::walk as eval;
use crate::given::error::{ErbError, ErbErrorKind};
use crate::parse::parse_limits;
use crate::parse::program::Program;
use crate::parse::scan;

/// A parsed ERB template.
#[derive(Debug)]
pub struct Template {
    name: String,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Fast(Vec<fast::Part>),
    Program(Program),
}

impl Template {
    /// Parses a template. `name` is what errors call it, normally its path.
    ///
    /// # Errors
    /// Code that is not Ruby, that nests too deeply to be evaluated, or a template that declares
    /// an encoding other than UTF-8.
    pub fn parse(source: &[u8], name: &str) -> Result<Template, ErbError> {
        let error = |line, kind| ErbError { file: name.to_owned(), line, kind };
        if let Some(construct) = unusual_magic_comment(source) {
            return Err(error(1, ErbErrorKind::Unsupported { construct }));
        }
        parse_limits::check_size(source)
            .map_err(|passed| error(passed.line, ErbErrorKind::Limit { limit: passed.limit }))?;
        let pieces = scan::scan(source);
        let body = match fast::parse(&pieces) {
            Some(parts) => Body::Fast(parts),
            None => Body::Program(Program::parse(&pieces, name)?),
        };
        Ok(Template { name: name.to_owned(), body })
    }

    /// Renders the template.
    ///
    /// # Errors
    /// An exception that the code raises, a construct that cart-erb does not evaluate, or a
    /// rendering that would take too long.
    pub fn render(&self, context: &Context) -> Result<Rendered, ErbError> {
        match &self.body {
            Body::Fast(parts) => fast::render(parts, context).map_err(|(line, stop)| ErbError {
                file: self.name.clone(),
                line,
                kind: stop.into_kind(),
            }),
            Body::Program(program) => eval::render(program, &self.name, context),
        }
    }
}

/// Parses and renders a template once; see [`Template`].
///
/// # Errors
/// Those of [`Template::parse`] and [`Template::render`].
pub fn render(source: &[u8], name: &str, context: &Context) -> Result<Rendered, ErbError> {
    Template::parse(source, name)?.render(context)
}

/// ERB reads Ruby's magic comments off the comments that a template starts with. Those that change
/// nothing here are let pass; one that does is returned by name.
fn unusual_magic_comment(source: &[u8]) -> Option<String> {
    let mut rest = source;
    while let Some((comment, after)) = leading_comment(rest) {
        let comment = String::from_utf8_lossy(comment).to_ascii_lowercase();
        if let Some(encoding) = setting(&comment, "coding")
            && !encoding.starts_with("utf-8")
        {
            return Some(format!("the encoding `{encoding}`"));
        }
        if ["frozen_string_literal", "frozen-string-literal"]
            .iter()
            .any(|name| setting(&comment, name) == Some("true"))
        {
            return Some("`frozen_string_literal`".to_owned());
        }
        rest = after;
    }
    None
}

/// The comment that a template starts with, and what follows it.
fn leading_comment(source: &[u8]) -> Option<(&[u8], &[u8])> {
    let line_end = source.iter().position(|byte| *byte == b'\n').unwrap_or(source.len());
    let line = &source[..line_end];
    if let Some(comment) = line.strip_prefix(b"<%#") {
        let end = crate::values::text::rfind(comment, b"%>", comment.len())?;
        return Some((&comment[..end], &source[b"<%#".len() + end + 2..]));
    }
    let comment = line.strip_prefix(b"%#")?;
    Some((comment, source.get(line_end + 1..).unwrap_or_default()))
}

/// The value in `name: value` or `name = value`.
fn setting<'c>(comment: &'c str, name: &str) -> Option<&'c str> {
    let (_, rest) = comment.split_once(name)?;
    let rest = rest.trim_start().strip_prefix([':', '='])?.trim_start();
    let end = rest.find(|char: char| !char.is_alphanumeric() && !"-_".contains(char));
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests;
