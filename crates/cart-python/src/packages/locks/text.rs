//! The text that an installer is given for a lock.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::origin::{anywhere, place};
use super::{Asked, Content, Fault, Lines, Locked, Origin};
use crate::packages::requirements::{Converted, Local, Package, Requirements};
use crate::packages::spelling::normalized;

/// Refuses what would be something else than itself in a line of requirements.
pub(super) fn check(package: &Locked) -> Result<(), Fault> {
    let named = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let plain = |text: &str| !text.contains(|c: char| c.is_control() || c.is_whitespace());
    let origin = match &package.origin {
        Origin::Version(version) => named(version, ".-_+!"),
        Origin::Range(range) => range.is_empty() || named(range, ".-_+!*<>=~,"),
        Origin::Url(url) => plain(url) && url.contains("://"),
        Origin::Local { path, .. } => !path.as_str().contains(char::is_control),
    };
    let hashes = package.hashes.iter().all(|hash| named(hash, ":"));
    if named(&package.name, "._-") && origin && hashes {
        return Ok(());
    }
    let message = format!("the name, version, source or a hash of `{}` is none", package.name);
    Err(Fault::plain(&message.replace(char::is_control, "?")).at(package.at))
}

/// The requirements of a lock.
pub(super) fn of_locked(
    repo: &Utf8Path,
    file: &Utf8Path,
    text: &str,
    content: &Content,
) -> Result<Requirements, Fault> {
    let converted =
        Converted { complete: true, python: content.python.clone(), ..Converted::default() };
    Ok(requirements(repo, file, text, &merged(&content.packages)?, converted))
}

/// The requirements of a list that locks nothing.
pub(super) fn of_asked(
    repo: &Utf8Path,
    file: &Utf8Path,
    text: &str,
    asked: &[Asked],
) -> Requirements {
    let at = |asked: &Asked| place_of(&asked.name, text);
    let packages: Vec<_> = asked.iter().map(|asked| asked.unlocked(at(asked))).collect();
    requirements(repo, file, text, &packages, Converted::default())
}

fn requirements(
    repo: &Utf8Path,
    file: &Utf8Path,
    text: &str,
    packages: &[Locked],
    mut converted: Converted,
) -> Requirements {
    let folder = file.parent().unwrap_or(repo);
    let mut found = Requirements { file: file.to_owned(), ..Requirements::default() };
    let lines = Lines::of(text.as_bytes());
    for package in packages {
        let Locked { name, extras, origin, marker, .. } = package;
        let line = lines.of_byte(package.at);
        found.packages.push(Package { name: normalized(name), file: file.to_owned(), line });
        if let Origin::Local { path, editable } = origin {
            let path = place(folder, path);
            // It is installed as the app's own package, which need not be possible.
            if is_same(&path, repo) && extras.is_empty() {
                converted.covers_project |= converted.complete;
                continue;
            }
            found.local.push(Local { path, editable: *editable && marker.is_always() });
        }
        let mut line = origin.line(name, extras, marker, folder);
        if let Origin::Version(_) = origin {
            converted.pinned.push_str(&line);
            converted.pinned.push('\n');
        }
        let is_vcs = matches!(origin, Origin::Url(url) if url.split("://").next().unwrap_or("").contains('+'));
        let hashed = !package.hashes.is_empty() && !is_vcs;
        if hashed {
            package.hashes.iter().for_each(|hash| line.push_str(&format!(" --hash={hash}")));
        }
        let list = if hashed { &mut converted.hashed } else { &mut converted.others };
        list.push_str(&line);
        list.push('\n');
    }
    found.asks_for_something = !(converted.hashed.is_empty() && converted.others.is_empty());
    // What is installed counts, and not where the gear's own directories lie.
    let text = converted.hashed.clone() + &converted.others;
    found.files.push((file.to_owned(), anywhere(&text, repo).into_bytes()));
    found.converted = Some(converted);
    found
}

/// Each package once, wherever one of its entries wants it: an installer refuses one that is named
/// twice.
fn merged(packages: &[Locked]) -> Result<Vec<Locked>, Fault> {
    let mut found: Vec<Locked> = Vec::new();
    let mut places = BTreeMap::new();
    for package in packages {
        let key = (normalized(&package.name), package.origin.clone());
        match places.get(&key) {
            Some(place) => {
                let there: &mut Locked = &mut found[*place];
                there.marker = there.marker.or(&package.marker)?;
                there.hashes.extend(package.hashes.clone());
            }
            None => {
                places.insert(key, found.len());
                found.push(package.clone());
            }
        }
    }
    for package in &mut found {
        package.hashes.sort();
        package.hashes.dedup();
    }
    Ok(found)
}

/// Where a key begins a line.
pub(super) fn place_of(key: &str, text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches(['"', '\'', ' ']).strip_prefix(key);
        if rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with('=')) {
            return at;
        }
        at += line.len();
    }
    0
}

/// Whether both paths lead to the same place, and there is something.
pub(crate) fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    let real = |path: &Utf8Path| path.canonicalize_utf8().ok();
    real(one).is_some() && real(one) == real(other)
}
