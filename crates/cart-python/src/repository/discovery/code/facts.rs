//! What stands at the top of a Python file, as `python/read_source.py` tells it.

use serde::{Deserialize, Serialize};

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    /// SHA-256 of what was read, in hexadecimal.
    pub(crate) digest: String,
    /// Why nothing else is told.
    pub(crate) failure: Option<Failure>,
    /// What names are bound to, in the order of the file.
    pub(crate) bindings: Vec<Binding>,
    /// Modules of which all names are imported.
    pub(crate) stars: Vec<String>,
    /// Modules that are imported anywhere in it, without relative ones.
    pub(crate) modules: Vec<String>,
    /// Whether it imports from its own package by dots.
    pub(crate) relative: bool,
    /// What it sets `DJANGO_SETTINGS_MODULE` to.
    pub(crate) settings: Vec<Said>,
    /// Calls that serve, such as `app.run()`.
    pub(crate) runs: Vec<Run>,
    /// What functions make of classes from elsewhere.
    pub(crate) inner: Vec<Inner>,
    /// Names of apps that are put into others, such as by `app.mount("/api", api)`.
    pub(crate) mounted: Vec<String>,
    /// Whether names may be bound in ways that no statement shows, such as `globals()[...] = `.
    pub(crate) opaque: bool,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) what: Unread,
    /// From 1; 0 where there is none.
    pub(crate) line: usize,
    /// In Python's words.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unread {
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
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// Whether that happens only where the file is run as a program.
    pub(crate) guarded: bool,
    pub(crate) value: Value,
    pub(crate) annotation: Option<String>,
}

/// A string with its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A call that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) line: usize,
    pub(crate) of: String,
    pub(crate) guarded: bool,
    /// Whether no condition stands before it.
    pub(crate) always: bool,
}

/// An instance that a function makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inner {
    pub(crate) line: usize,
    pub(crate) of: String,
    pub(crate) function: String,
}

/// What a name is bound to. Dotted names are whole (`flask.Flask`), those of the same module have
/// a colon in front (`:app`), those of modules beside it their dots; `()` stands for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub(crate) enum Value {
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
pub(crate) struct Function {
    pub(crate) coroutine: bool,
    /// The first parameters that are given by position.
    pub(crate) names: Vec<String>,
    /// How many of them have no default.
    pub(crate) required: usize,
    /// How many that can only be named have no default.
    pub(crate) named: usize,
    /// Whether it takes any number by position.
    pub(crate) any: bool,
    pub(crate) decorators: Vec<String>,
    /// What it may answer.
    pub(crate) returns: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Class {
    pub(crate) bases: Vec<String>,
    /// Its constructor, with `self`.
    pub(crate) init: Option<Function>,
    /// Its `__call__`, with `self`.
    pub(crate) call: Option<Function>,
    pub(crate) iterates: bool,
}

impl Facts {
    /// Bindings that are there when the file is imported.
    pub(crate) fn imported(&self) -> impl DoubleEndedIterator<Item = &Binding> {
        self.bindings.iter().filter(|binding| !binding.guarded)
    }

    /// The binding of a name that counts when the file is imported.
    pub(crate) fn last(&self, name: &str) -> Option<&Binding> {
        self.imported().rfind(|binding| binding.name == name)
    }

    pub(crate) fn binds(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// The string that a name is bound to last.
    pub(crate) fn text(&self, name: &str) -> Option<(usize, &str)> {
        let binding = self.last(name)?;
        match &binding.value {
            Value::Text { of } => Some((binding.line, of)),
            _ => None,
        }
    }
}
