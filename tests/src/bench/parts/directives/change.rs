//! One change to a configuration, as text: whatever else it has is left as it is.

use std::net::SocketAddr;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;

/// The files that we render; nginx is started with the first.
const FILES: [&str; 3] = ["nginx.conf", "nginx.appserver.conf", "nginx.server.conf"];

/// What is changed, and when it is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) name: &'static str,
    pub(super) loads: &'static [Load],
    pub(super) edit: Edit,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// The app.
    App,
    /// A file of 1 KB.
    Small,
    /// A file of 100 KB.
    Large,
}

/// What is done with a directive, wherever it stands on a line of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit {
    /// It becomes this line.
    Set(&'static str, &'static str),
    /// All of these are left out, so that nginx's defaults hold.
    Drop(&'static [&'static str]),
    /// It is left out where its line ends so.
    DropEnding(&'static str, &'static str),
    /// The block that begins so is left out.
    DropBlock(&'static str),
    /// This line comes behind it.
    After(&'static str, &'static str),
}

/// Our configuration as it is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    /// What it listens on.
    address: SocketAddr,
    /// The text of each of the files.
    texts: Vec<String>,
}

impl Rendered {
    /// That of a gear with this address, from the directory where it lies.
    ///
    /// # Panics
    /// When a file cannot be read, or does not say the address.
    pub(super) fn read(directory: &Utf8Path, address: SocketAddr) -> Self {
        let read = |file: &&str| {
            let text = files::read(&directory.join(file)).unwrap_or_else(|e| panic!("{e}"));
            String::from_utf8_lossy(&text).into_owned()
        };
        let texts: Vec<String> = FILES.iter().map(read).collect();
        let listens = texts.iter().any(|text| text.contains(&listen(address)));
        assert!(listens, "nothing in {directory} listens on {address}");
        Self { address, texts }
    }

    /// The same with one change.
    ///
    /// # Errors
    /// What was to be changed and is not there.
    pub(super) fn with(&self, edit: Edit) -> Result<Self, String> {
        let texts: Vec<String> = self.texts.iter().map(|text| edit.apply(text)).collect();
        if texts == self.texts {
            return Err(format!("{edit:?} changes nothing in {}", FILES.join(", ")));
        }
        Ok(Self { texts, ..*self })
    }

    /// Writes it, listening on another address; answers which file nginx is to be started with.
    ///
    /// # Panics
    /// When it cannot be written.
    pub(super) fn write(&self, directory: &Utf8Path, address: SocketAddr) -> Utf8PathBuf {
        for (file, text) in FILES.iter().zip(&self.texts) {
            let text = text.replace(&listen(self.address), &listen(address));
            files::write_unsynced(&directory.join(file), text.as_bytes(), 0o644).unwrap();
        }
        directory.join(FILES[0])
    }
}

impl Edit {
    fn apply(self, text: &str) -> String {
        if let Self::DropBlock(head) = self {
            return without_block(text, head);
        }
        let edited = text.lines().flat_map(|line| match self {
            Self::Set(name, new) if is(line, name) => vec![new],
            Self::Drop(names) if names.iter().any(|name| is(line, name)) => vec![],
            Self::DropEnding(name, end) if is(line, name) && line.ends_with(end) => vec![],
            Self::After(name, new) if is(line, name) => vec![line, new],
            _ => vec![line],
        });
        edited.flat_map(|line| [line, "\n"]).collect()
    }
}

fn listen(address: SocketAddr) -> String {
    format!("listen {address}")
}

/// Whether a line is this directive, from its first word to its end.
fn is(line: &str, name: &str) -> bool {
    line.split_ascii_whitespace().next() == Some(name) && line.trim_end().ends_with(';')
}

/// Without the block whose first line begins so, up to the brace that closes it, which stands below that
/// line's first letter.
fn without_block(text: &str, head: &str) -> String {
    let mut closing: Option<String> = None;
    let mut rest = String::new();
    for line in text.lines() {
        let inside = closing.is_some();
        if closing.as_deref() == Some(line) {
            closing = None;
        } else if !inside && line.trim_start().starts_with(head) && line.ends_with('{') {
            let indent = line.len() - line.trim_start().len();
            closing = Some(format!("{}}}", " ".repeat(indent)));
        } else if !inside {
            rest += line;
            rest += "\n";
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "\
server {
    listen 127.0.0.1:8080 default_server;
    keepalive 64;
    keepalive_timeout 2s;
    location ~ \"/\\.(?!x)\" {
        return 404;
    }
    location / {
        proxy_set_header A $a;
        proxy_set_header B \"\";
    }
}
";

    fn rendered() -> Rendered {
        let address = ([127, 0, 0, 1], 8080).into();
        Rendered {
            address,
            texts: vec!["events {\n}\n".to_owned(), String::new(), SERVER.to_owned()],
        }
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else() {
        let lines = |edit| {
            let changed = rendered().with(edit).unwrap().texts.remove(2);
            let new = changed.lines().filter(|line| !SERVER.contains(line)).collect::<String>();
            (SERVER.lines().count() - changed.lines().count(), new)
        };
        assert_eq!(lines(Edit::Set("keepalive", "keepalive 16;")), (0, "keepalive 16;".to_owned()));
        assert_eq!(lines(Edit::Drop(&["keepalive"])), (1, String::new()));
        assert_eq!(lines(Edit::DropEnding("proxy_set_header", "\"\";")), (1, String::new()));
        assert_eq!(lines(Edit::DropBlock("location ~")), (3, String::new()));
        let changed =
            rendered().with(Edit::After("keepalive", "multi on;")).unwrap().texts.remove(2);
        assert!(
            changed.contains("    keepalive 64;\nmulti on;\n    keepalive_timeout"),
            "{changed}"
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        for edit in
            [Edit::Drop(&["gzip"]), Edit::Set("sendfile", "x;"), Edit::DropBlock("location @")]
        {
            let lacking = rendered().with(edit).unwrap_err();
            assert!(lacking.contains("changes nothing in nginx.conf"), "{lacking}");
        }
        assert!(rendered().with(Edit::Drop(&["gzip"])).unwrap_err().contains("\"gzip\""));
    }

    #[test]
    fn a_copy_listens_elsewhere() {
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        rendered().write(place, ([127, 0, 0, 1], 9090).into());
        let again = Rendered::read(place, ([127, 0, 0, 1], 9090).into());
        assert!(again.texts[2].contains("listen 127.0.0.1:9090 default_server;"));
        assert!(!again.texts[2].contains("8080"));
    }
}
