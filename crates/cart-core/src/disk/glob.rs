//! The patterns of `managed_files.yml`: `*` is any number of characters, `**` any number of
//! directories (node-contract.md, managed_files.yml).

use camino::{Utf8Path, Utf8PathBuf};

use crate::disk::tree::{Step, Walk};

/// The regular files below `base` that match `pattern`, sorted; hidden ones count. Directories that
/// cannot be listed match nothing.
#[must_use]
pub fn files(base: &Utf8Path, pattern: &str) -> Vec<Utf8PathBuf> {
    let mut found = entries(base, pattern);
    found.retain(|path| path.is_file());
    found
}

/// As [`files`], but directories and links count, too.
#[must_use]
pub fn entries(base: &Utf8Path, pattern: &str) -> Vec<Utf8PathBuf> {
    let mut found = vec![base.to_owned()];
    for component in Utf8Path::new(pattern).components() {
        let part = component.as_str();
        found = if part.contains('*') {
            found.iter().flat_map(|base| matching(base, part)).collect()
        } else {
            found.iter().map(|base| base.join(part)).collect()
        };
    }
    found.retain(|path| path.symlink_metadata().is_ok());
    found.sort();
    found.dedup();
    found
}

/// Entries of `base` that match `pattern`; all directories below it and itself for `**`.
fn matching(base: &Utf8Path, pattern: &str) -> Vec<Utf8PathBuf> {
    if pattern == "**" {
        return directories(base);
    }
    let Ok(entries) = base.read_dir_utf8() else {
        return Vec::new();
    };
    let entries = entries.flatten().map(|entry| entry.path().to_owned());
    let is_meant = |name: &str| matches(pattern.as_bytes(), name.as_bytes());
    entries.filter(|path| path.file_name().is_some_and(is_meant)).collect()
}

/// The directories below `base`, and itself. Those that no path leads to, because it would be too long
/// or not UTF-8, are left out.
fn directories(base: &Utf8Path) -> Vec<Utf8PathBuf> {
    const LONGEST_PATH: usize = 4096;
    let Ok(mut walk) = Walk::new(base) else {
        return Vec::new();
    };
    let mut found = vec![base.to_owned()];
    while let Some(step) = walk.next() {
        let Ok(Step::Entry(entry)) = step else { continue };
        let short = |below: &&Utf8Path| base.as_str().len() + below.as_str().len() < LONGEST_PATH;
        match Utf8Path::from_path(entry.below()).filter(short) {
            Some(below) if entry.is_dir() => found.push(base.join(below)),
            Some(_) => {}
            None => walk.skip(),
        }
    }
    found
}

/// Whether `name` matches `pattern`, in which `*` stands for any number of any bytes.
#[must_use]
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut in_pattern, mut in_name) = (0, 0);
    // Behind the last star, and what of the name it does not stand for: only that one is tried again.
    let mut star = None;
    while in_name < name.len() {
        match (pattern.get(in_pattern), star) {
            (Some(b'*'), _) => {
                in_pattern += 1;
                star = Some((in_pattern, in_name));
            }
            (Some(byte), _) if *byte == name[in_name] => {
                in_pattern += 1;
                in_name += 1;
            }
            (_, Some((behind, from))) => {
                star = Some((behind, from + 1));
                (in_pattern, in_name) = (behind, from + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[in_pattern..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_number_of_characters() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "ab", true),
            ("*.erb", "x.erb.txt", false),
            ("ä*", "äö", true),
            ("*a*b*", "-a-a-b", true),
            ("*aab", "aaaab", true),
            ("*a*c", "aaab", false),
            ("**", "", true),
        ] {
            let matched = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(matched, expected, "{pattern} {name}");
        }
        assert!(matches(b"*/conf.d/*", &[b"a/".repeat(1 << 20).as_slice(), b"/conf.d/x"].concat()));
    }
}
