//! What a script printed, line by line, and whom each line is for (node-contract.md, Running
//! scripts).

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Whom a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// `CLIENT_RESULT`: the person who asked, what came of it.
    Result,
    /// `CLIENT_MESSAGE`: the person who asked.
    Message,
    /// `CLIENT_ERROR` and `CLIENT_INTERNAL_ERROR`: the person who asked, what is wrong.
    Error,
    /// `CLIENT_DEBUG`: whoever looks for a fault.
    Debug,
    /// A word to the node or the broker (`ATTR`, `ENV_VAR_ADD`, ...), kept with its prefix.
    ForBroker,
    /// Anything else: no node shows it to anybody.
    Plain,
}

const FOR_PEOPLE: [(&str, Said); 5] = [
    ("CLIENT_RESULT", Said::Result),
    ("CLIENT_MESSAGE", Said::Message),
    ("CLIENT_ERROR", Said::Error),
    ("CLIENT_INTERNAL_ERROR", Said::Error),
    ("CLIENT_DEBUG", Said::Debug),
];

const FOR_BROKER: [&str; 10] = [
    "APP_INFO",
    "ATTR",
    "CART_DATA",
    "CART_PROPERTIES",
    "ENV_VAR_ADD",
    "ENV_VAR_ADD_UNIQUE",
    "APP_ENV_VAR_REMOVE",
    "SSH_KEY_ADD",
    "APP_SSH_KEY_ADD",
    "BROKER_AUTH_KEY_ADD",
];

/// One line of a script's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it came from.
    pub stream: Stream,
    /// Whom it is for.
    pub said: Said,
    /// The text, without the prefix where it is for people; bytes that are not text are shown as
    /// U+FFFD.
    pub text: String,
}

impl Line {
    /// Reads a line as a node would. A node reads prefixes on standard output only; a script's
    /// errors carry them on standard error, too, and lose them there all the same.
    #[must_use]
    pub fn parse(stream: Stream, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\r', '\n']);
        // A script that says an empty line often loses the space after the colon.
        let (prefix, rest) = text.split_once(':').unwrap_or(("", text));
        let rest = rest.strip_prefix(' ').or(rest.is_empty().then_some(""));
        let known = FOR_PEOPLE.iter().find(|(known, _)| *known == prefix);
        let (said, text) = match (known, rest) {
            (Some((_, said)), Some(rest)) => (*said, rest),
            _ if FOR_BROKER.contains(&prefix) => (Said::ForBroker, text),
            _ => (Said::Plain, text),
        };
        Self { stream, said, text: text.to_owned() }
    }
}

/// All that a script printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookOutput {
    /// The lines in the order they came, both streams together.
    pub lines: Vec<Line>,
    /// Whether something that the script started kept its output open after it had ended. A node
    /// would have waited 20 seconds for that.
    pub held_open: bool,
}

impl HookOutput {
    /// The lines for one audience, joined by newlines.
    #[must_use]
    pub fn text(&self, said: Said) -> String {
        let lines: Vec<&str> = self
            .lines
            .iter()
            .filter(|line| line.said == said)
            .map(|line| line.text.as_str())
            .collect();
        lines.join("\n")
    }

    /// What explains a failure best: the errors it said, or else its last lines.
    #[must_use]
    pub fn explanation(&self) -> String {
        const LAST: usize = 20;
        let errors = self.text(Said::Error);
        if !errors.is_empty() {
            return errors;
        }
        let from = self.lines.len().saturating_sub(LAST);
        let last: Vec<&str> = self.lines[from..].iter().map(|l| l.text.as_str()).collect();
        last.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_says_whom_a_line_is_for() {
        let parse = |text: &str| {
            let line = Line::parse(Stream::Out, text.as_bytes());
            (line.said, line.text)
        };
        for (text, said, rest) in [
            ("CLIENT_RESULT: done: well\n", Said::Result, "done: well"),
            ("CLIENT_MESSAGE:   indented", Said::Message, "  indented"),
            ("CLIENT_ERROR: bad\r\n", Said::Error, "bad"),
            ("CLIENT_INTERNAL_ERROR: worse", Said::Error, "worse"),
            ("CLIENT_ERROR:", Said::Error, ""),
            ("CLIENT_ERROR:x", Said::Plain, "CLIENT_ERROR:x"),
            (" CLIENT_ERROR: x", Said::Plain, " CLIENT_ERROR: x"),
            ("ENV_VAR_ADD: A=b", Said::ForBroker, "ENV_VAR_ADD: A=b"),
            ("plain: text", Said::Plain, "plain: text"),
            ("", Said::Plain, ""),
        ] {
            assert_eq!(parse(text), (said, rest.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn errors_explain_a_failure_and_without_them_the_last_lines() {
        let output = |lines: &[&str]| HookOutput {
            lines: lines.iter().map(|l| Line::parse(Stream::Err, l.as_bytes())).collect(),
            held_open: false,
        };
        assert_eq!(output(&["noise", "CLIENT_ERROR: why"]).explanation(), "why");
        let many: Vec<String> = (0..30).map(|n| format!("line {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let explanation = output(&many).explanation();
        assert!(explanation.starts_with("line 10\n") && explanation.ends_with("line 29"));
    }
}
