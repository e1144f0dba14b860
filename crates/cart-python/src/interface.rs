//! How a server calls an app: WSGI (PEP 3333) or ASGI.

use std::fmt;

/// How an app wants to be called. A property of the app; a server can run one of them, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// `app(environ, start_response)`.
    Wsgi,
    /// `await app(scope, receive, send)`.
    Asgi,
}

impl Interface {
    /// Reads `wsgi` or `asgi`, as people write them in a variable.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "wsgi" => Some(Self::Wsgi),
            "asgi" => Some(Self::Asgi),
            _ => None,
        }
    }
}

/// As people say it: `WSGI`, `ASGI`.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wsgi => "WSGI",
            Self::Asgi => "ASGI",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_said() {
        for interface in [Interface::Wsgi, Interface::Asgi] {
            assert_eq!(Interface::parse(&format!(" {interface}\n")), Some(interface));
        }
        assert_eq!(Interface::parse("rsgi"), None);
    }
}
