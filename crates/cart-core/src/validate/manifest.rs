//! The elements of `metadata/manifest.yml` (node-contract.md, manifest.yml).

use super::facts::{FILE, Facts, KNOWN};
use super::reading::element::{check_keys, is_version};
use super::reading::finding::{Findings, InFile, Level};
use super::reading::yaml::{Entry, Node, Value};
use super::{endpoints, names, versions};

/// What a broker reads of a manifest that it gets by a URL.
const MOST_BYTES: usize = 20480;

const MANDATORY: [&str; 5] =
    ["Name", "Cartridge-Short-Name", "Cartridge-Vendor", "Version", "Cartridge-Version"];

/// One of these a broker wants to see among the categories.
const CATEGORIES: [&str; 7] =
    ["web_framework", "plugin", "service", "embedded", "web_proxy", "ci_builder", "external"];

/// All but the connections, which are about files, too. `size` is that of the file, in bytes.
pub(super) fn check(root: &Node, size: usize, facts: &Facts, findings: &mut Findings) {
    let mut at = findings.in_file(FILE);
    check_keys(root, "the manifest", KNOWN, Level::Warning, &mut at);
    check_size(size, facts, &mut at);
    for name in MANDATORY {
        let given = root.get(name).filter(|entry| !is_empty(&entry.value));
        match given {
            None => at.error(
                root.get(name).map_or(1, |entry| entry.key.line),
                format!("{name} is a required element"),
            ),
            Some(entry) => check_mandatory(entry, name, facts, &mut at),
        }
    }
    versions::check(root, &mut at);
    check_categories(root, facts, &mut at);
    check_provides(root, &mut at);
    if let Some(entry) = root.get("Scaling") {
        check_scaling(entry, facts, &mut at);
    }
    check_source(root, &mut at);
    if let Some(entry) = root.get("Install-Build-Required")
        && !matches!(entry.value.value, Value::Bool)
    {
        let message = "Install-Build-Required is true or false; anything else counts as true";
        at.warning(entry.value.line, message);
    }
    endpoints::check(root, facts, &mut at);
}

fn is_empty(node: &Node) -> bool {
    node.is_null() || node.text().is_some_and(|text| text.trim().is_empty())
}

fn check_size(size: usize, facts: &Facts, at: &mut InFile<'_>) {
    if size <= MOST_BYTES {
        return;
    }
    let message = format!(
        "has {size} bytes; a broker reads at most {MOST_BYTES} of a downloadable \
         cartridge's manifest"
    );
    at.note(facts.if_downloadable(), 1, message);
}

fn check_mandatory(entry: &Entry, name: &str, facts: &Facts, at: &mut InFile<'_>) {
    let Some(text) = entry.value.scalar() else {
        return at.error(entry.value.line, format!("{name} is not valid: it must be a text"));
    };
    match name {
        "Name" => names::check_name(entry, text, at),
        "Cartridge-Vendor" => names::check_vendor(entry, text, facts, at),
        "Cartridge-Short-Name" => names::check_short_name(entry, text, at),
        _ => versions::check_number(&entry.value, name, at),
    }
    if name == "Cartridge-Version" && !is_version(text) {
        let message = format!(
            "Cartridge-Version '{text}' counts as 0.0.0; allowed are digits and dots, as in '1.0.2'"
        );
        at.error(entry.value.line, message);
    }
}

fn check_categories(root: &Node, facts: &Facts, at: &mut InFile<'_>) {
    let all = CATEGORIES.join(", ");
    let Some(entry) = root.get("Categories") else {
        return at.error(1, format!("Categories is missing: a list with at least one of {all}"));
    };
    if !entry.value.is_list() {
        let message = format!("Categories is not valid: a list with at least one of {all}");
        return at.error(entry.value.line, message);
    }
    if !CATEGORIES.iter().any(|c| facts.is(c)) {
        at.error(entry.key.line, format!("Categories lacks one of {all}"));
    }
    if facts.is("web_framework") && facts.is("external") {
        at.error(entry.key.line, "Categories cannot hold both web_framework and external");
    }
}

fn check_provides(root: &Node, at: &mut InFile<'_>) {
    const WANTED: &str = "a broker wants a list of at least one feature, such as the Name";
    match root.get("Provides") {
        None => at.error(1, format!("Provides is missing; {WANTED}")),
        Some(entry) if entry.value.items().is_empty() => {
            at.error(entry.key.line, format!("Provides is empty; {WANTED}"));
        }
        Some(_) => {}
    }
}

fn check_scaling(entry: &Entry, facts: &Facts, at: &mut InFile<'_>) {
    const KNOWN: &[&str] = &["Min", "Max", "Min-Managed", "Multiplier", "Required"];
    if !entry.value.is_map() {
        return at.error(entry.value.line, "Scaling is not valid: it holds Min and Max");
    }
    check_keys(&entry.value, "Scaling", KNOWN, Level::Warning, at);
    let mut bounds = [None; 2];
    for (bound, name) in bounds.iter_mut().zip(["Min", "Max"]) {
        let Some(limit) = entry.value.get(name) else { continue };
        let line = limit.value.line;
        match limit.value.value {
            Value::Integer(0) if !facts.is("external") => at
                .error(line, format!("Scaling {name} 0 is allowed only for the category external")),
            Value::Integer(number) => *bound = Some((number, line)),
            _ => at.error(line, format!("Scaling {name} must be an integer")),
        }
    }
    if let [Some((min, _)), Some((max, line))] = bounds
        && (0..min).contains(&max)
    {
        at.error(line, format!("Scaling Max {max} is below Min {min}; -1 is no limit"));
    }
}

fn check_source(root: &Node, at: &mut InFile<'_>) {
    const ARCHIVES: [&str; 4] = [".zip", ".tar.gz", ".tgz", ".tar"];
    let Some(entry) = root.get("Source-Url") else { return };
    let (line, url) = (entry.value.line, entry.value.scalar().unwrap_or_default());
    let scheme = url.split_once(':').filter(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    });
    let Some((scheme, _)) = scheme else {
        let message =
            format!("Source-Url '{url}' is not valid: it must be absolute, with a scheme");
        return at.error(line, message);
    };
    let http = matches!(scheme, "http" | "https");
    let archive = http && ARCHIVES.iter().any(|end| url.ends_with(end));
    let fetched = archive || matches!(scheme, "git" | "file") || url.ends_with(".git");
    if !fetched {
        let message = format!(
            "Source-Url '{url}' is fetched by no node; allowed are git:, *.git, file:, and http(s) \
             to {}",
            ARCHIVES.join(", ")
        );
        at.error(line, message);
    }
    if let Some(md5) = root.get("Source-Md5")
        && fetched
        && !archive
    {
        at.warning(md5.key.line, "Source-Md5 is checked only for archives by http(s)");
    }
}
