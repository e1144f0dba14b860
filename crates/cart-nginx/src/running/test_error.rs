//! Why nginx will not have a configuration, and where the fault is.

use std::borrow::Cow;

use camino::Utf8PathBuf;
use cart_core::run;

use crate::config::user_config::{UserLine, place_in_template, shown};

/// A configuration that nginx will not have.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// The fault is in the app's `nginx.conf.erb`.
    #[error("{}: {words}{}\n{remedy}", place_in_template(.at), shown(.at))]
    InUserConfig {
        /// The line.
        at: UserLine,
        /// nginx's words, or ours where it must not be shown this.
        words: String,
        /// What to do.
        remedy: Cow<'static, str>,
    },
    /// The fault is in a file that the app's `nginx.conf.erb` includes.
    #[error("{file}:{line}: {words}\n{remedy}")]
    InIncluded {
        /// The file.
        file: Utf8PathBuf,
        /// The line.
        line: usize,
        /// nginx's words, or ours where it must not be shown this.
        words: String,
        /// What to do.
        remedy: Cow<'static, str>,
    },
    /// The fault is in what the cartridge wrote.
    #[error(
        "nginx does not accept line {line} of the {file} that the cartridge wrote: {words}\nThat is a fault of the cartridge, or this nginx is not what it says it is: please report it with the output of `nginx -V`"
    )]
    InOurs {
        /// The file's name.
        file: String,
        /// The line.
        line: usize,
        /// nginx's words.
        words: String,
    },
    /// nginx did not say where.
    #[error("nginx does not accept its configuration: {words}\n{remedy}")]
    Nowhere {
        /// nginx's words.
        words: String,
        /// What to do.
        remedy: &'static str,
    },
    /// nginx ended without a word.
    #[error(
        "nginx ended with {status}, without a word, when it was to test its configuration\nReinstall nginx"
    )]
    Died {
        /// How.
        status: String,
    },
    /// nginx took too long.
    #[error(
        "the configuration cannot be tested: {0}\nnginx looks up the names of hosts in it, and opens the files that it names: do the name servers answer, and is none of the files a named pipe?"
    )]
    TooLong(#[source] run::RunError),
    /// nginx could not be started.
    #[error("the configuration cannot be tested: {0}")]
    Run(#[source] run::RunError),
}

impl TestError {
    pub(super) fn of_run(error: run::RunError) -> Self {
        match error {
            run::RunError::TimedOut { .. } => Self::TooLong(error),
            other => Self::Run(other),
        }
    }
}
