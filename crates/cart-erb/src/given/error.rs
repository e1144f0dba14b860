//! What can go wrong with a template, told with the line in the user's own file.

/// A template that cannot be rendered. Displayed as `FILE:LINE: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {kind}")]
pub struct ErbError {
    /// The template's name, as it was given to [`Template::parse`](crate::Template::parse).
    pub file: String,
    /// The line in the template, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub kind: ErbErrorKind,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErbErrorKind {
    /// The code in the tags is not Ruby.
    #[error("syntax error, {message}")]
    Syntax {
        /// What the parser met.
        message: String,
    },
    /// The code raises an exception, in any Ruby.
    #[error("{message} ({class})")]
    Raised {
        /// Ruby's name of the exception, such as `KeyError`.
        class: String,
        /// The exception's message.
        message: String,
    },
    /// Ruby could evaluate this; cart-erb does not. A caller may delegate to a real `erb`
    /// (see [`fallback`](crate::given::fallback)).
    #[error(
        "not evaluated in process: {construct}; write it otherwise, or let a real `erb` render it"
    )]
    Unsupported {
        /// The name of the construct, such as `backticks` or `File.read`.
        construct: String,
    },
    /// The rendering was given up, because it would take too long, too much memory or too deep a
    /// stack.
    #[error("gave up: {limit}")]
    Limit {
        /// The limit that was passed.
        limit: String,
    },
}

impl ErbError {
    /// True when a real `erb` may be able to render what cart-erb refuses.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.kind, ErbErrorKind::Unsupported { .. })
    }
}
