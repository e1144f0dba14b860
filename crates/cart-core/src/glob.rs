//! The patterns of `managed_files.yml`: `*` is any number of characters, `**` any number of
//! directories (node-contract.md, managed_files.yml).

use camino::{Utf8Path, Utf8PathBuf};

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
    let Ok(entries) = base.read_dir_utf8() else {
        return Vec::new();
    };
    let entries = entries.flatten().map(|entry| entry.path().to_owned());
    if pattern == "**" {
        let below = entries.filter(|path| path.is_dir() && !path.is_symlink());
        let deeper = below.flat_map(|path| matching(&path, "**"));
        return std::iter::once(base.to_owned()).chain(deeper).collect();
    }
    entries.filter(|path| path.file_name().is_some_and(|name| matches(pattern, name))).collect()
}

/// Whether `name` matches `pattern`, in which `*` stands for any number of characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(head) else {
        return false;
    };
    let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    ends.into_iter().any(|at| matches(rest, &name[at..]))
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
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
