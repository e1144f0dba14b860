//! The process that sees to it that no file is served compressed after it has changed:
//! `PROGRAM watch-files TREE SOURCES`, with the sources as JSON. The supervisor starts it, and starts it again:
//! what changed meanwhile is seen at its start.

use std::io::{self, Write};
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::exit_code;
use cart_nginx::precompressed::{self, Source};

/// The word by which the cartridge's program is told to be this.
const WORD: &str = "watch-files";

/// The arguments by which it watches the files of `sources` and their `tree`.
pub(crate) fn arguments(tree: &Utf8Path, sources: &[Source]) -> [String; 3] {
    // Text and paths that are text: there is nothing in it that JSON has not.
    let sources = serde_json::to_string(sources).unwrap_or_default();
    [WORD.to_owned(), tree.to_string(), sources]
}

/// Does this work if the command line of this process asks for it.
pub(crate) fn run() -> Option<ExitCode> {
    let words: Vec<String> = std::env::args().collect();
    let [_, word, tree, sources] = words.as_slice() else { return None };
    if word != WORD {
        return None;
    }
    let Ok(sources) = serde_json::from_str::<Vec<Source>>(sources) else {
        return Some(ExitCode::from(exit_code::FAILED));
    };
    let error = precompressed::watch(&sources, &Utf8PathBuf::from(tree));
    // It is the supervisor's log; there is nobody else to tell.
    let _ = writeln!(io::stderr(), "{WORD}: {error}");
    // Nothing is left to look after until a deploy makes it anew, and has another one of this look after it.
    loop {
        std::thread::park();
    }
}
