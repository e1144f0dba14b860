//! The words that a node understands on a hook's standard output (node-contract.md, Running
//! scripts): a prefix, a colon and a space at the start of each line.

use std::io::{self, Write};

use crate::disk::fault;

/// Who a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The person who asked for the operation: what came of it.
    Result,
    /// The person who asked for the operation: anything else worth saying.
    Message,
    /// The person who asked for the operation: what is wrong, and what to do.
    Error,
}

impl Audience {
    fn prefix(self) -> &'static str {
        match self {
            Self::Result => "CLIENT_RESULT",
            Self::Message => "CLIENT_MESSAGE",
            Self::Error => "CLIENT_ERROR",
        }
    }
}

/// `text` with the prefix before each of its lines and a newline after the last; without
/// [words](fault::harmless) that a node would misread.
#[must_use]
pub fn lines(audience: Audience, text: &str) -> String {
    fault::harmless(text)
        .trim_end()
        .lines()
        .map(|line| format!("{}: {}\n", audience.prefix(), line.trim_end()))
        .collect()
}

/// Says `text` to `audience` on `out`, at once.
///
/// # Errors
/// When `out` cannot be written to.
pub fn say(out: &mut dyn Write, audience: Audience, text: &str) -> io::Result<()> {
    out.write_all(lines(audience, text).as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_gets_the_prefix() {
        assert_eq!(
            lines(Audience::Error, "app.py is missing.\n\nAdd it.\n"),
            "CLIENT_ERROR: app.py is missing.\nCLIENT_ERROR: \nCLIENT_ERROR: Add it.\n"
        );
        assert_eq!(lines(Audience::Result, ""), "");
    }

    #[test]
    fn an_apps_words_do_not_become_a_fault_of_the_nodes() {
        let text = "BlockingIOError: [Errno 11] Resource temporarily unavailable";
        assert_eq!(
            lines(Audience::Result, text),
            "CLIENT_RESULT: BlockingIOError: [Errno 11] EAGAIN: a process, a thread or memory is \
             lacking for the moment\n"
        );
    }
}
