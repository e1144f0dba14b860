//! Why an evaluation stopped: an exception, a refusal, a limit, or `break` and `next` on their way.

use crate::given::error::ErbErrorKind;

/// The reason, and the place in the program where it happened (set by the innermost node).
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) why: Why,
    pub(crate) at: Option<usize>,
}

/// The reasons. What a block or loop is left with by `Break` and `Next`, the evaluator keeps.
#[derive(Debug, Clone)]
pub(crate) enum Why {
    Raise(Raised),
    Refuse(String),
    Limit(String),
    Break,
    Next,
}

/// An exception of the template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raised {
    pub(crate) class: String,
    pub(crate) message: String,
}

/// A result of evaluation. Boxed, because it is passed up through every level.
pub(crate) type Outcome<T> = Result<T, Box<Stop>>;

impl Stop {
    pub(crate) fn new(why: Why) -> Box<Stop> {
        Box::new(Stop { why, at: None })
    }

    /// Keeps the innermost place.
    pub(crate) fn located(mut self: Box<Self>, at: usize) -> Box<Stop> {
        self.at.get_or_insert(at);
        self
    }

    /// The error kind for a caller; `break` and `next` have found nothing to leave.
    pub(crate) fn into_kind(self) -> ErbErrorKind {
        match self.why {
            Why::Raise(Raised { class, message }) => ErbErrorKind::Raised { class, message },
            Why::Refuse(construct) => ErbErrorKind::Unsupported { construct },
            Why::Limit(limit) => ErbErrorKind::Limit { limit },
            Why::Break => outside("break"),
            Why::Next => outside("next"),
        }
    }
}

fn outside(word: &str) -> ErbErrorKind {
    ErbErrorKind::Syntax { message: format!("`{word}` outside a block or loop") }
}

/// An exception of the given class.
pub(crate) fn raise<T>(class: &str, message: impl Into<String>) -> Outcome<T> {
    Err(Stop::new(Why::Raise(Raised { class: class.to_owned(), message: message.into() })))
}

/// `TypeError`.
pub(crate) fn type_error<T>(message: impl Into<String>) -> Outcome<T> {
    raise("TypeError", message)
}

/// `ArgumentError`.
pub(crate) fn argument_error<T>(message: impl Into<String>) -> Outcome<T> {
    raise("ArgumentError", message)
}

/// Something that Ruby evaluates and we do not.
pub(crate) fn refuse<T>(construct: impl Into<String>) -> Outcome<T> {
    Err(Stop::new(Why::Refuse(construct.into())))
}

/// A limit of time, memory or depth.
pub(crate) fn limit<T>(limit: impl Into<String>) -> Outcome<T> {
    Err(Stop::new(Why::Limit(limit.into())))
}

/// True when `class` is `ancestor` or inherits from it, for the exceptions that templates meet.
pub(crate) fn inherits(class: &str, ancestor: &str) -> bool {
    let mut class = class;
    loop {
        if class == ancestor {
            return true;
        }
        class = match class {
            "Exception" => return false,
            "StandardError" => "Exception",
            "KeyError" | "StopIteration" => "IndexError",
            "NoMethodError" => "NameError",
            "FrozenError" => "RuntimeError",
            "FloatDomainError" => "RangeError",
            "Errno::EINVAL" => "SystemCallError",
            _ => "StandardError",
        };
    }
}
