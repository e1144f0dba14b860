//! What nginx says of a configuration that it will not have, and what can be done about it.

use camino::Utf8PathBuf;

/// The first thing that made nginx give up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// nginx's words, without time, level and place.
    pub words: String,
    /// Where, if nginx said it.
    pub place: Option<Place>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub file: Utf8PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

impl Complaint {
    /// Reads what nginx printed. Warnings do not count, and neither do the alerts that came before
    /// the emergency; where there is no emergency, the first line counts.
    #[must_use]
    pub(crate) fn parse(printed: &str) -> Self {
        let levels = ["[emerg]", "[crit]", "[error]", "[alert]"];
        let found = levels
            .iter()
            .find_map(|level| printed.lines().find_map(|line| Some(line.split_once(level)?.1)));
        let words = found.or_else(|| printed.lines().next()).unwrap_or("it said nothing");
        let words = without_process(words.trim());
        match place(words) {
            Some((words, place)) => Self { words: words.to_owned(), place: Some(place) },
            None => Self { words: words.to_owned(), place: None },
        }
    }

    /// The file or address that the words are about, for a complaint without a place.
    #[must_use]
    pub(crate) fn subject(&self) -> Option<&str> {
        let quoted = self.words.split('"').nth(1);
        let bound = || self.words.strip_prefix("bind() to ")?.split(' ').next();
        quoted.or_else(bound).filter(|subject| !subject.is_empty())
    }

    /// What to do about it, where that can be told from nginx's words.
    #[must_use]
    pub(crate) fn remedy(&self) -> &'static str {
        let known = REMEDIES.iter().find(|(words, _)| self.words.contains(words));
        known.map_or("Correct it and try again", |(_, remedy)| remedy)
    }
}

/// Words of nginx, and what helps. The first that fits counts.
const REMEDIES: &[(&str, &str)] = &[
    (
        "unknown directive",
        "Look for a typing error, or for a `;` missing on the line before; if it is right, this nginx was compiled without the module it belongs to",
    ),
    ("is not terminated by \";\"", "Put a `;` at the end of the directive"),
    (
        "unexpected end of file",
        "A `}`, a `;` or a closing quote is missing somewhere before the end of the file",
    ),
    (
        "unexpected \"}\"",
        "There is one `}` too many, or a `;` is missing on the line before. The file stands inside `http { }`, which it must not close",
    ),
    (
        "duplicate upstream \"appserver\"",
        "One definition in nginx.conf.erb itself replaces the cartridge's; a second one, or one in a file that it includes, is one too many: remove it",
    ),
    (
        "directive is duplicate",
        "It stands twice at the same level: one of the two must go. If the other is not in your files, it is the cartridge's, which gives way to nginx.conf.erb itself but not to a file that it includes",
    ),
    (
        "proxy_busy_buffers_size",
        "proxy_buffer_size, proxy_buffers and proxy_busy_buffers_size must fit each other: set all three at one place of nginx.conf.erb itself, then the cartridge sets none of them",
    ),
    (
        "directive is not allowed here",
        "The file stands inside `http { }`: only what may stand there, such as `server { }` and `upstream NAME { }`, is allowed at its top level",
    ),
    (
        "host not found",
        "The name cannot be looked up now: correct it, use an address, or give nginx a `resolver` and put the name into a variable",
    ),
    (
        "too long path in the unix domain socket",
        "A unix socket's path may have 107 bytes: use a shorter one",
    ),
    (
        "Permission denied",
        "Use an address, port or file that the gear's user may use: on a gear, the address that `listen` gets from the cartridge's _IP and _PORT variables, and files inside the gear",
    ),
    (
        "Cannot assign requested address",
        "Let `listen` use an address that this machine has: on a gear, the one from the cartridge's _IP and _PORT variables",
    ),
    (
        "Address already in use",
        "Something else listens there: stop it, or let `listen` use another port",
    ),
    ("No such device or address", "What is named is no file, but a socket or a terminal"),
    ("No such file or directory", "Correct the path, or create what is missing"),
    (
        "No space left on device",
        "Make room on the disk: `control tidy` removes what the cartridge does not need",
    ),
    (
        "Disk quota exceeded",
        "Make room in the gear: `control tidy` removes what the cartridge does not need",
    ),
    (
        "Read-only file system",
        "The disk is mounted read-only, which the system itself does after errors: look why",
    ),
    ("Too many open files", "Raise the limit on open files (`ulimit -n`)"),
    ("conflicting parameter", "Remove one of the two"),
];

/// `12#12: *3 words` in a log is `words` on standard error.
fn without_process(words: &str) -> &str {
    let Some((process, rest)) = words.split_once(": ") else {
        return words;
    };
    let is_process = !process.is_empty() && process.chars().all(|c| c.is_ascii_digit() || c == '#');
    if is_process && process.contains('#') { rest } else { words }
}

/// `words in FILE:LINE`
fn place(words: &str) -> Option<(&str, Place)> {
    let (before, after) = words.rsplit_once(" in ")?;
    let (file, line) = after.rsplit_once(':')?;
    let line = line.parse().ok()?;
    file.starts_with('/').then(|| (before, Place { file: file.into(), line }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(printed: &str) -> (String, Option<(String, usize)>) {
        let complaint = Complaint::parse(printed);
        (complaint.words, complaint.place.map(|p| (p.file.into_string(), p.line)))
    }

    #[test]
    fn a_line_with_a_place() {
        let printed = "nginx: [alert] could not open error log file: open() \"/var/log/nginx/error.log\" failed (13: Permission denied)\n\
             2026/01/01 00:00:00 [warn] 7#7: something in /c/nginx.conf:1\n\
             nginx: [emerg] unknown directive \"rot\" in /c/a b/nginx.server.conf:12\n\
             nginx: configuration file /c/nginx.conf test failed";
        assert_eq!(
            parse(printed),
            ("unknown directive \"rot\"".into(), Some(("/c/a b/nginx.server.conf".into(), 12)))
        );
    }

    #[test]
    fn a_line_of_a_log() {
        assert_eq!(
            parse(
                "2026/01/01 00:00:00 [emerg] 7#7: bind() to 0.0.0.0:80 failed (13: Permission denied)"
            ),
            ("bind() to 0.0.0.0:80 failed (13: Permission denied)".into(), None)
        );
    }

    #[test]
    fn words_that_look_like_a_place_but_are_none() {
        for words in [
            "open() \"/x in y:3\" failed (2: No such file or directory)",
            "host not found in upstream \"a:80\"",
            "invalid value in x:7",
        ] {
            assert_eq!(parse(&format!("nginx: [emerg] {words}")), (words.into(), None));
        }
    }

    #[test]
    fn a_host_that_is_not_found_has_a_place() {
        assert_eq!(
            parse("nginx: [emerg] host not found in upstream \"db\" in /c/nginx.server.conf:3"),
            ("host not found in upstream \"db\"".into(), Some(("/c/nginx.server.conf".into(), 3)))
        );
    }

    #[test]
    fn what_it_is_about_without_a_place() {
        for (words, subject) in [
            ("bind() to 0.0.0.0:80 failed (13: Permission denied)", Some("0.0.0.0:80")),
            ("open() \"/x y\" failed (2: No such file or directory)", Some("/x y")),
            ("no \"events\" section in configuration", Some("events")),
            ("mmap failed", None),
        ] {
            let complaint = Complaint { words: words.to_owned(), place: None };
            assert_eq!(complaint.subject(), subject);
        }
    }

    #[test]
    fn without_an_emergency_the_first_line_counts() {
        assert_eq!(parse("Segmentation fault\nmore"), ("Segmentation fault".into(), None));
        assert_eq!(parse(""), ("it said nothing".into(), None));
        assert_eq!(parse("nginx: [alert] mmap failed").0, "mmap failed");
    }
}
