//! What stands at the top of a Python file, as `python/read_source.py` tells it.

use serde::{Deserialize, Serialize};

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// SHA-256 of what was read, in hexadecimal.
    pub(super) digest: String,
    /// Why nothing else is told.
    pub(super) failure: Option<Failure>,
    /// What names are bound to, in the order of the file.
    pub(super) bindings: Vec<Binding>,
    /// Modules of which all names are imported.
    pub(super) stars: Vec<String>,
    /// Modules that are imported anywhere in it, without relative ones.
    pub(super) modules: Vec<String>,
    /// Whether it imports from its own package by dots.
    pub(super) relative: bool,
    /// What it sets `DJANGO_SETTINGS_MODULE` to.
    pub(super) settings: Vec<Said>,
    /// Calls that serve, such as `app.run()`.
    pub(super) runs: Vec<Run>,
    /// What functions make of classes from elsewhere.
    pub(super) inner: Vec<Inner>,
    /// Names of apps that are put into others, such as by `app.mount("/api", api)`.
    pub(super) mounted: Vec<String>,
    /// Whether names may be bound in ways that no statement shows, such as `globals()[...] = `.
    pub(super) opaque: bool,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) what: Unread,
    /// From 1; 0 where there is none.
    pub(super) line: usize,
    /// In Python's words.
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unread {
    /// It is not Python of this version.
    Syntax,
    /// It is Python 2.
    Python2,
    /// The parser has its limits.
    Parser,
    /// It cannot be opened.
    Unreadable,
}

/// One name that a statement binds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) line: usize,
    /// Whether that happens only where the file is run as a program.
    pub(super) guarded: bool,
    pub(super) value: Value,
    pub(super) annotation: Option<String>,
}

/// A string with its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) line: usize,
    pub(super) text: String,
}

/// A call that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) line: usize,
    pub(super) of: String,
    pub(super) guarded: bool,
    /// Whether no condition stands before it.
    pub(super) always: bool,
}

/// An instance that a function makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inner {
    pub(super) line: usize,
    pub(super) of: String,
    pub(super) function: String,
}

/// What a name is bound to. Dotted names are whole (`flask.Flask`), those of the same module have
/// a colon in front (`:app`), those of modules beside it their dots; `()` stands for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub(super) enum Value {
    Call {
        of: String,
        given: Vec<Value>,
    },
    Name {
        of: String,
    },
    Either {
        of: Vec<Value>,
    },
    Function(Function),
    Class(Class),
    Text {
        of: String,
    },
    /// A number, a list and the like.
    Literal,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Function {
    pub(super) coroutine: bool,
    /// The first parameters that are given by position.
    pub(super) names: Vec<String>,
    /// How many of them have no default.
    pub(super) required: usize,
    /// How many that can only be named have no default.
    pub(super) named: usize,
    /// Whether it takes any number by position.
    pub(super) any: bool,
    pub(super) decorators: Vec<String>,
    /// What it may answer.
    pub(super) returns: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Class {
    pub(super) bases: Vec<String>,
    /// Its constructor, with `self`.
    pub(super) init: Option<Function>,
    /// Its `__call__`, with `self`.
    pub(super) call: Option<Function>,
    pub(super) iterates: bool,
}

impl Facts {
    /// Bindings that are there when the file is imported.
    pub(super) fn imported(&self) -> impl DoubleEndedIterator<Item = (usize, &Binding)> {
        self.bindings.iter().enumerate().filter(|(_, binding)| !binding.guarded)
    }

    pub(super) fn binds(&self, name: &str) -> bool {
        self.imported().any(|(_, binding)| binding.name == name)
    }

    /// The string that a name is bound to last.
    pub(super) fn text(&self, name: &str) -> Option<(usize, &str)> {
        let (_, binding) = self.imported().rfind(|(_, binding)| binding.name == name)?;
        match &binding.value {
            Value::Text { of } => Some((binding.line, of)),
            _ => None,
        }
    }
}
