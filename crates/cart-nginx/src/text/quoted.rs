//! Text that cannot break out of its place in a configuration.

use std::fmt;

/// One argument of a directive, in quotes. nginx reads back exactly the text it was made from,
/// whatever quotes, spaces, braces or semicolons that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quoted(String);

impl Quoted {
    /// For directives that do not look for variables in their argument (`server` in an upstream).
    ///
    /// # Errors
    /// [`QuoteError::Control`].
    pub(crate) fn literal(text: &str) -> Result<Self, QuoteError> {
        if let Some(found) = text.chars().find(|c| c.is_control()) {
            return Err(QuoteError::Control { found });
        }
        let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
        Ok(Self(format!("\"{escaped}\"")))
    }

    /// For directives that do (`root`): nginx has no way to write a `$` that is none.
    ///
    /// # Errors
    /// [`QuoteError::Dollar`], [`QuoteError::Control`].
    pub(crate) fn without_variables(text: &str) -> Result<Self, QuoteError> {
        if text.contains('$') {
            return Err(QuoteError::Dollar);
        }
        Self::literal(text)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that cannot stand in a configuration.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuoteError {
    /// A newline or another control character.
    #[error("it holds the control character {found:?}, which no configuration can hold")]
    Control {
        /// The first of them.
        found: char,
    },
    /// A `$`.
    #[error("it holds a $, which nginx would take for the start of a variable's name")]
    Dollar,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_the_quotes() {
        let quoted = |text| Quoted::literal(text).unwrap().to_string();
        assert_eq!(quoted("/plain"), r#""/plain""#);
        assert_eq!(quoted(r#"/a"; } {'b' \"#), r#""/a\"; } {'b' \\""#);
        assert_eq!(quoted("/ü $x"), "\"/ü $x\"");
    }

    #[test]
    fn what_cannot_be_quoted_is_refused() {
        assert_eq!(Quoted::literal("a\nb"), Err(QuoteError::Control { found: '\n' }));
        assert_eq!(Quoted::literal("a\0"), Err(QuoteError::Control { found: '\0' }));
        assert_eq!(Quoted::without_variables("/a$b"), Err(QuoteError::Dollar));
    }
}
