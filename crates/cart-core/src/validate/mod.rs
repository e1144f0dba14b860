//! What a node would refuse in a cartridge, or accept and not act upon: found in the files alone,
//! with file and line, before a node sees them (node-contract.md, all of it but what ERB is about).
//!
//! cart-core knows no ERB; `cart_gear::validate` adds the templates to this.

mod connections;
mod endpoints;
mod facts;
mod managed_files;
mod manifest;
mod modes;
mod names;
mod reading;
mod versions;

use camino::Utf8Path;

pub use reading::finding::{Finding, Findings, InFile, Level};

use crate::disk::files::{self, FileError};
use facts::Facts;
use reading::yaml::{Malformed, Node};

/// Checks manifest, managed files, scripts, modes, links and names of the cartridge in `directory`,
/// as its author delivers it. Nothing is run and nothing is written.
///
/// # Errors
/// [`FileError`] when `directory` cannot be listed. Whatever is wrong inside is a [`Finding`].
pub fn validate(directory: &Utf8Path) -> Result<Findings, FileError> {
    directory.read_dir_utf8().map_err(|e| FileError::new("list", directory, e))?;
    let mut findings = Findings::default();
    let facts = check_manifest(directory, &mut findings);
    managed_files::check(directory, &facts, &mut findings);
    modes::check_scripts(directory, &facts, &mut findings);
    modes::check_tree(directory, &mut findings);
    names::check_env(directory, &facts, &mut findings);
    Ok(findings)
}

/// Checks the manifest and what it says of other files; answers what the other checks want to know
/// of it.
fn check_manifest(directory: &Utf8Path, findings: &mut Findings) -> Facts {
    match read_manifest(directory) {
        Ok((root, size)) => {
            let facts = Facts::of(&root);
            manifest::check(&root, size, &facts, findings);
            connections::check(directory, &root, findings);
            facts
        }
        Err(wrong) => {
            findings.in_file(facts::FILE).error(wrong.line, wrong.message);
            Facts::default()
        }
    }
}

/// The manifest, and how many bytes it has.
fn read_manifest(directory: &Utf8Path) -> Result<(Node, usize), Malformed> {
    let wrong = |message: String| Malformed { line: 1, message };
    let bytes = files::read(&directory.join(facts::FILE))
        .map_err(|error| wrong(format!("cannot be read: {}", error.source)))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8".to_owned()))?;
    let root = Node::parse(&text)?;
    if !root.is_map() {
        let message = "is no manifest: it must be a map of elements, such as `Name: mine`";
        return Err(wrong(message.to_owned()));
    }
    Ok((root, text.len()))
}

#[cfg(test)]
mod tests;
