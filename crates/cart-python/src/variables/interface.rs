//! How a server calls an app: WSGI (PEP 3333) or ASGI.

mod told;

use std::fmt;

pub use told::Told;

/// By which variable a launcher is told what is known of the app before it is imported. It counts
/// where the app itself does not tell; what a person has set goes before both.
pub(crate) const ASSUMED: &str = "CARTRIDGE_INTERFACE";

/// How an app wants to be called. A property of the app; a server can run one of them, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// `app(environ, start_response)`.
    Wsgi,
    /// `await app(scope, receive, send)`.
    Asgi,
}

impl Interface {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Wsgi => Self::Asgi,
            Self::Asgi => Self::Wsgi,
        }
    }

    /// What a launcher has found the app to be, if its last lines say that its server cannot run it
    /// (`cartridge_interface.py`).
    #[must_use]
    pub fn found_by_launcher(lines: &[String]) -> Option<Self> {
        lines.iter().rev().find_map(|line| {
            let (_, rest) = line.split_once("the app's interface is ")?;
            let (interface, _) = rest.split_once(", which this server does not run: ")?;
            Self::parse(interface)
        })
    }

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

    #[test]
    fn what_a_launcher_found_is_read_from_its_last_lines() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let said = "x\nserve_wsgiref.py: the app's interface is ASGI, which this server does not \
                    run: `app` in main.py is called with await\ny";
        assert_eq!(Interface::found_by_launcher(&lines(said)), Some(Interface::Asgi));
        assert_eq!(Interface::found_by_launcher(&lines("the app's interface is ASGI")), None);
    }
}
