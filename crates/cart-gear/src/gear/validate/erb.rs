//! The templates that a node renders: `env/*.erb` and the `processed_templates`
//! (node-contract.md, Lifecycle, configure).

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::glob;
use cart_core::managed_files::ManagedFiles;
use cart_core::validate::Findings;
use cart_erb::{Context, ErbError, ErbErrorKind, FileTest, Template};

/// What each variable holds when a template is tried: text, and a number.
const MADE_UP: &str = "1";

pub(super) fn check(directory: &Utf8Path, findings: &mut Findings) {
    for file in templates(directory) {
        // One that cannot be read is found by its mode.
        if let Ok(source) = std::fs::read(directory.join(&file))
            && let Some(error) = objection(&source, file.as_str())
        {
            note(&file, &error, findings);
        }
    }
}

fn note(file: &Utf8Path, error: &ErbError, findings: &mut Findings) {
    let mut at = findings.in_file(file);
    match &error.kind {
        ErbErrorKind::Unsupported { construct } => {
            let message = format!(
                "{construct} needs a real `erb`, which not every machine has; write it otherwise"
            );
            at.warning(error.line, message);
        }
        ErbErrorKind::Limit { .. } => at.warning(error.line, error.kind.to_string()),
        ErbErrorKind::Syntax { .. } | ErbErrorKind::Raised { .. } => {
            let message = format!(
                "{}: a node only logs it, and leaves an empty file beside the template",
                error.kind
            );
            at.error(error.line, message);
        }
    }
}

/// The templates, relative to the cartridge. Entries that lead elsewhere, and a `managed_files.yml`
/// that cannot be read, are found by others.
fn templates(directory: &Utf8Path) -> BTreeSet<Utf8PathBuf> {
    let managed = ManagedFiles::read(directory).unwrap_or_default();
    let listed = managed.processed_templates.iter().map(|entry| entry.trim());
    let patterns = listed.filter(|entry| !entry.starts_with(['~', '/']) && !entry.contains(".."));
    patterns
        .chain(["env/*.erb"])
        .flat_map(|pattern| glob::files(directory, pattern))
        .filter_map(|path| path.strip_prefix(directory).ok().map(Utf8Path::to_owned))
        // A link on a gear, which patterns do not follow.
        .filter(|path| !path.starts_with("usr"))
        .collect()
}

/// What is wrong with a template, as far as that can be told without its gear: it is parsed, and
/// tried with made-up values. What such a rendering raises may be the values' fault, so it is no
/// objection.
fn objection(source: &[u8], name: &str) -> Option<ErbError> {
    let template = match Template::parse(source, name) {
        Ok(template) => template,
        Err(error) => return Some(error),
    };
    let variables = names(&String::from_utf8_lossy(source));
    let env = variables.into_iter().map(|variable| (variable, MADE_UP));
    let nothing_is_there = |_: FileTest, _: &[u8]| false;
    let tried = template.render(&Context::new(env, nothing_is_there));
    tried.err().filter(|error| !matches!(error.kind, ErbErrorKind::Raised { .. }))
}

/// Words in capitals: whatever the template may ask the environment for.
fn names(source: &str) -> BTreeSet<String> {
    source
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|word| !word.contains(|c: char| c.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(source: &str) -> Option<String> {
        objection(source.as_bytes(), "T").map(|error| error.to_string())
    }

    #[test]
    fn values_that_only_a_gear_has_are_no_objection() {
        assert_eq!(said("<%= Integer(ENV['OPENSHIFT_X']) + 1 %> <%= ENV['lower'] + 'x' %>"), None);
        assert_eq!(said("<% raise 'no' unless File.exist?('/x') %>"), None);
    }

    #[test]
    fn mistakes_and_what_needs_ruby_are_told_with_their_line() {
        let syntax = said("a\n<% if ENV['A'] %>\nb\n").unwrap();
        assert!(syntax.starts_with("T:") && syntax.contains("syntax error"), "{syntax}");
        let backticks = said("a\n<% if ENV['A'] %>\n<%= `date` %>\n<% end %>\n").unwrap();
        assert!(backticks.starts_with("T:3: not evaluated in process"), "{backticks}");
    }
}
