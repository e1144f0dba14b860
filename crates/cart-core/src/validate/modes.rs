//! The files of a cartridge: which scripts are there, modes, links (node-contract.md, Lifecycle,
//! control, Gear layout, Delivery).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;

use super::facts::{FILE, Facts};
use super::reading::element::inside;
use super::reading::finding::Findings;
use crate::processes::programs;

/// True for what may be run by somebody; links are followed.
pub(super) fn is_executable(path: &Utf8Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The scripts in `bin/`.
pub(super) fn check_scripts(directory: &Utf8Path, facts: &Facts, findings: &mut Findings) {
    for needed in ["metadata", "bin"] {
        if !directory.join(needed).is_dir() {
            let message = "is missing: no cartridge is instantiated without this directory";
            findings.in_file(needed).error(1, message);
        }
    }
    if directory.join("bin").is_dir() && directory.join("bin/control").symlink_metadata().is_err() {
        let message = "is missing: a node silently starts nothing";
        findings.in_file("bin/control").error(1, message);
    }
    for (script, consequence) in [
        ("control", Some("a node silently skips it, so nothing is started")),
        ("setup", Some("configure fails with 126")),
        ("install", Some("configure fails with 126")),
        ("post_install", Some("configure fails with 126")),
        ("teardown", None),
        ("upgrade", None),
        ("metrics", None),
    ] {
        let file = Utf8Path::new("bin").join(script);
        if !directory.join(&file).exists() || is_executable(&directory.join(&file)) {
            continue;
        }
        let mut at = findings.in_file(&file);
        match consequence {
            Some(text) => at.error(1, format!("is not executable: {text}; chmod +x it")),
            None => at.warning(1, "is not executable, so it is never run; chmod +x it"),
        }
    }
    check_metrics(directory, facts, findings);
}

fn check_metrics(directory: &Utf8Path, facts: &Facts, findings: &mut Findings) {
    let script = directory.join("bin/metrics").exists();
    if script && facts.metrics.is_none() {
        let message = "is never run: the manifest has no element Metrics";
        findings.in_file("bin/metrics").warning(1, message);
    }
    if let (false, Some(line)) = (script, facts.metrics) {
        findings.in_file(FILE).error(line, "Metrics is declared, but bin/metrics is missing");
    }
}

/// Modes, links and interpreters of everything in the cartridge.
pub(super) fn check_tree(directory: &Utf8Path, findings: &mut Findings) {
    check_below(directory, Utf8Path::new(""), findings);
}

fn check_below(root: &Utf8Path, directory: &Utf8Path, findings: &mut Findings) {
    let entries = match root.join(directory).read_dir() {
        Ok(entries) => entries,
        Err(error) => {
            return findings.in_file(directory).error(1, format!("cannot be listed: {error}"));
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            let message = format!("holds a name that is not UTF-8: {}", name.to_string_lossy());
            findings.in_file(directory).error(1, message);
            continue;
        };
        let file = directory.join(name);
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_symlink() {
            check_link(root, &file, findings);
            continue;
        }
        check_mode(&file, &metadata, findings);
        if metadata.is_dir() && name != ".git" {
            check_below(root, &file, findings);
        } else if metadata.is_file() {
            check_file(root, &file, findings);
        }
    }
}

fn check_mode(file: &Utf8Path, metadata: &fs::Metadata, findings: &mut Findings) {
    let mode = metadata.permissions().mode() & 0o7777;
    let mut at = findings.in_file(file);
    if mode & 0o002 != 0 {
        at.warning(1, format!("may be written by everybody (mode {mode:04o}); chmod o-w it"));
    }
    // On a gear, usr/ is root's and shared; everything else is the gear's own copy.
    let shared = file.starts_with("usr");
    let (read, enter, who) = match shared {
        true => (0o004, 0o005, "others: usr/ belongs to root on a node, and is shared"),
        false => (0o400, 0o500, "its owner"),
    };
    let wanted = if metadata.is_dir() { enter } else { read };
    if mode & wanted != wanted {
        at.error(1, format!("cannot be read (mode {mode:04o}) by {who}"));
    } else if shared && metadata.is_file() && mode & 0o111 != 0 && mode & 0o001 == 0 {
        at.error(1, format!("cannot be executed (mode {mode:04o}) by {who}"));
    }
}

fn check_link(root: &Utf8Path, file: &Utf8Path, findings: &mut Findings) {
    let mut at = findings.in_file(file);
    let Ok(target) = root.join(file).read_link_utf8() else {
        return at.error(1, "leads to a name that is not UTF-8");
    };
    let directory = file.parent().unwrap_or(Utf8Path::new(""));
    if target.is_absolute() || inside(&directory.join(&target)).is_none() {
        let message = format!(
            "is a link out of the cartridge, to {target}; only relative links inside it arrive on \
             a gear"
        );
        at.error(1, message);
    } else if !root.join(file).exists() {
        at.error(1, format!("is a link to {target}, which is missing"));
    }
}

fn check_file(root: &Utf8Path, file: &Utf8Path, findings: &mut Findings) {
    let application = ["usr/template", "usr/template.git"].iter().any(|t| file.starts_with(t));
    if file.starts_with("usr") && file.extension() == Some("erb") && !application {
        let message = "is never rendered: usr/ is shared by all gears; put it elsewhere and name \
             it in processed_templates";
        findings.in_file(file).warning(1, message);
    }
    let script = ["bin", "hooks"].iter().any(|d| file.starts_with(d));
    if script && programs::has_carriage_return(&root.join(file)) {
        let message = "ends its first line in CR LF, so its interpreter is not found; use LF";
        findings.in_file(file).error(1, message);
    }
}
