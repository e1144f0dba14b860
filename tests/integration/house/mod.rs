//! What the project's own files keep to: folders that read like tables of contents, and imports that
//! run one way.

mod imports;
mod surface;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use imports::Crate;

/// How many entries a folder of a program or a library has at most, and its `src`, which is read first.
const ENTRIES: usize = 12;
const ENTRIES_OF_SRC: usize = 10;
/// Lines of a file, beyond which it wants splitting.
const LINES: usize = 400;
/// Those that are longer, and why.
const LONG: &[(&str, &str)] = &[
    ("crates/cart-core/src/processes/process.rs", "half of it is tests of what it tells"),
    (
        "crates/cart-python/src/app/dependencies.rs",
        "one decision: what is installed, and from what",
    ),
    ("crates/cart-python/src/packages/locks/tests/fixtures.rs", "locks, one beside the other"),
    ("crates/cart-python/src/app/dependencies/tests.rs", "one site for all tests"),
    ("crates/cart-python/src/app/dependencies/tests/locked.rs", "one site for all tests"),
    ("crates/cart-gear/tests/snapshot.rs", "one gear for all tests"),
];

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files from which programs and libraries are compiled, as `crates/cart-core/src/lib.rs`.
fn roots() -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for package in packages() {
        let src = package.join("src");
        let bins = folders(&src.join("bin")).into_iter().map(|bin| bin.join("main.rs"));
        let usual = ["lib.rs", "main.rs"].map(|name| src.join(name));
        found.extend(usual.into_iter().chain(bins).filter(|file| file.is_file()));
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

fn folders(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    entries.map(|entry| entry.path().to_owned()).filter(|path| path.is_dir()).collect()
}

/// All files of Rust of the workspace, by their paths in it.
fn files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open =
        ["cartridge", "crates", "examples", "tests", "xtask"].map(|p| root().join(p)).to_vec();
    while let Some(directory) = open.pop() {
        for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                open.push(path.to_owned());
            } else if path.extension() == Some("rs") {
                let below = path.strip_prefix(root()).unwrap().to_string();
                found.insert(below, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(found.len() > 100);
    found
}

#[test]
fn no_two_files_import_each_other_by_whatever_way() {
    let circles: Vec<String> =
        roots().iter().flat_map(|file| Crate::read(file).circles()).collect();
    assert!(circles.is_empty(), "move what both need to a file below:\n{}", circles.join("\n"));
}

#[test]
fn a_wing_imports_only_from_those_above_it_in_the_list() {
    let libraries = roots().into_iter().filter(|file| file.file_name() == Some("lib.rs"));
    let libraries = libraries.filter(|file| file.starts_with(root().join("crates")));
    let climbing: Vec<String> = libraries.flat_map(|file| Crate::read(&file).climbing()).collect();
    assert!(climbing.is_empty(), "these imports run upwards:\n{}", climbing.join("\n"));
}

#[test]
fn a_folder_reads_like_a_table_of_contents() {
    let mut long = Vec::new();
    for file in roots().iter().filter(|file| !file.starts_with(root().join("tests"))) {
        let mut open = vec![file.parent().unwrap().to_owned()];
        while let Some(folder) = open.pop() {
            let entries: Vec<_> = folder.read_dir_utf8().unwrap().flatten().collect();
            // The page itself is none of its entries.
            let count =
                entries.iter().filter(|e| !["snapshots", "mod.rs"].contains(&e.file_name()));
            let count = count.count();
            let most = if folder.ends_with("src") { ENTRIES_OF_SRC } else { ENTRIES };
            if count > most {
                long.push(format!("{folder}: {count}"));
            }
            open.extend(folders(&folder));
        }
    }
    assert!(
        long.is_empty(),
        "at most {ENTRIES} entries, {ENTRIES_OF_SRC} in src:\n{}",
        long.join("\n")
    );
}

#[test]
fn a_file_is_short_or_has_a_reason() {
    let long: Vec<String> = files()
        .iter()
        .map(|(file, text)| (file.as_str(), text.lines().count()))
        .filter(|(file, count)| *count > LINES && !LONG.iter().any(|(known, _)| known == file))
        .map(|(file, count)| format!("{file}: {count}"))
        .collect();
    assert!(long.is_empty(), "more than {LINES} lines:\n{}", long.join("\n"));
    for (known, _) in LONG {
        let count = files().get(*known).map_or(0, |text| text.lines().count());
        assert!(count > LINES, "{known} is short, and needs no reason any more");
    }
}

#[test]
fn a_file_says_first_what_it_is_for() {
    let is_named = |file: &&String| !file.ends_with("tests.rs") && !file.ends_with("build.rs");
    let files = files();
    let silent: Vec<&String> = files
        .iter()
        .filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("#![doc"))
        .map(|(file, _)| file)
        .filter(is_named)
        .collect();
    assert!(silent.is_empty(), "no `//!` at the beginning of {silent:#?}");
}

/// The packages of the workspace: their directories.
fn packages() -> Vec<Utf8PathBuf> {
    let beside = ["cartridge", "tests", "xtask"].map(|name| root().join(name));
    let more = ["crates", "examples/cartridges"].map(|place| folders(&root().join(place)));
    let all = beside.into_iter().chain(more.into_iter().flatten());
    all.filter(|directory| directory.join("Cargo.toml").is_file()).collect()
}

#[test]
fn a_dependency_is_used_and_has_a_reason() {
    let files = files();
    let mut wrong = Vec::new();
    for package in packages() {
        let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
        let below = package.strip_prefix(root()).unwrap();
        let text = |(file, text): (&String, &String)| {
            Utf8Path::new(file).starts_with(below).then(|| text.clone())
        };
        let code: String = files.iter().filter_map(text).collect();
        let (mut section, mut before) = (String::new(), "");
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line.to_owned();
            }
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let is_one = section.ends_with("dependencies]") && !name.is_empty();
            if is_one && !line.starts_with(['#', '[']) {
                // Its library is called otherwise.
                let name = if name == "md-5" { "md5" } else { name }.replace('-', "_");
                let uses = [format!("{name}::"), format!("use {name};")];
                if !uses.iter().any(|words| code.contains(words)) {
                    wrong.push(format!("{below}: {name} is not used"));
                }
                // One reason may be for several.
                if before.is_empty() || before.starts_with('[') {
                    wrong.push(format!("{below}: nothing says why {name} is there"));
                }
            }
            before = line;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_readme_lists_what_its_library_offers() {
    const HEADING: &str = "## What it offers";
    for package in folders(&root().join("crates")) {
        let expected = surface::of(&package.join("src"));
        let readme = std::fs::read_to_string(package.join("README.md")).unwrap();
        let section = readme.lines().skip_while(|line| *line != HEADING).skip(1);
        let section = section.take_while(|line| !line.starts_with("## "));
        let found: Vec<&str> = section.filter(|line| line.starts_with("- ")).collect();
        let list = expected.join("\n");
        assert_eq!(found, expected, "{package}/README.md, below {HEADING:?}, should list:\n{list}");
    }
}

#[test]
fn the_changelog_has_the_version() {
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(changelog.lines().any(|line| line.starts_with(&version)), "no heading {version:?}");
}

#[test]
fn a_public_module_has_a_name_of_its_own() {
    let mut known: BTreeMap<String, Utf8PathBuf> = BTreeMap::new();
    for package in folders(&root().join("crates")) {
        for line in surface::of(&package.join("src")).iter().filter(|line| line.contains("`:")) {
            let name = line.split('`').nth(1).unwrap_or_default();
            if let Some(other) = known.insert(name.to_owned(), package.clone()) {
                panic!("both {other} and {package} have a public module {name}");
            }
        }
    }
}
