//! Links between pages: each leads to a file that is there, and to a heading of it, if it names one.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

/// Lines that the README has less than.
const README: usize = 120;

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files of the repository whose names end in one of `extensions`, by their paths in it.
fn files(extensions: &[&str]) -> BTreeMap<Utf8PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root()];
    while let Some(directory) = open.pop() {
        for entry in directory.read_dir_utf8().unwrap().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                if ![".git", "target"].contains(&entry.file_name()) {
                    open.push(path.to_owned());
                }
            } else if path.extension().is_some_and(|e| extensions.contains(&e)) {
                let below = path.strip_prefix(root()).unwrap().to_owned();
                // Some are fixtures, in other encodings.
                let bytes = std::fs::read(path).unwrap();
                found.insert(below, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    found
}

/// A page without its blocks of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Where a page's links lead, but those to the web and to items of Rust, which `cargo doc` follows.
fn links(page: &str) -> Vec<String> {
    let text = prose(page).collect::<Vec<_>>().join("\n");
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|l| l.0);
    let named = text.lines().filter(|line| line.starts_with('['));
    let named = named.filter_map(|line| line.split_once("]: ")).map(|l| l.1);
    let targets = inline.chain(named).filter_map(|target| target.split_whitespace().next());
    let is_ours = |target: &&str| !["://", "::", "mailto:"].iter().any(|s| target.contains(s));
    targets.filter(is_ours).map(|t| t.trim_matches(['<', '>']).to_owned()).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in prose(page) {
        let text = line.trim_start_matches('#');
        if !(1..=6).contains(&(line.len() - text.len())) || !text.starts_with(' ') {
            continue;
        }
        let name: String = without_links(text.trim())
            .chars()
            .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
            .map(|c| if c == ' ' { '-' } else { c })
            .flat_map(char::to_lowercase)
            .collect();
        let nth = (1..).map(|n| format!("{name}-{n}"));
        let free = std::iter::once(name.clone()).chain(nth).find(|a| !found.contains(a));
        found.extend(free);
    }
    found
}

/// Of `[text](target)` the text.
fn without_links(heading: &str) -> String {
    let mut pieces = heading.split("](");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |text, rest| text + rest.split_once(')').map_or(rest, |r| r.1))
}

/// What is wrong with a link of `page`, if anything is.
fn fault(page: &Utf8Path, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(p, a)| (p, Some(a)));
    let target = match path.strip_prefix('/') {
        Some(from_top) => root().join(from_top),
        None if path.is_empty() => root().join(page),
        None => root().join(page).parent().unwrap().join(path),
    };
    if !target.exists() {
        return Some(format!("{page}: {link} leads to no file"));
    }
    let anchor = anchor?;
    let text = std::fs::read_to_string(&target).unwrap_or_default();
    (!anchors(&text).iter().any(|a| a == anchor))
        .then(|| format!("{page}: {link} leads to no heading"))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_of_it() {
    let pages = files(&["md"]);
    let all: Vec<(&Utf8PathBuf, String)> = pages
        .iter()
        .flat_map(|(page, text)| links(text).into_iter().map(move |l| (page, l)))
        .collect();
    assert!(all.len() > 100, "{}", all.len());
    let faults: Vec<String> = all.iter().filter_map(|(page, link)| fault(page, link)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let page = "[a](docs/gear.md#commands) ![b](docs/no.svg \"c\")\n```\n[d](no.md)\n```\n[e]: #no\n\
                [f](https://example.com/) [`g`](h::i) [j](docs/gear.md#no)\n## k";
    let found = links(page);
    assert_eq!(found, ["docs/gear.md#commands", "docs/no.svg", "docs/gear.md#no", "#no"]);
    let faults: Vec<bool> =
        found.iter().map(|link| fault(Utf8Path::new("README.md"), link).is_some()).collect();
    assert_eq!(faults, [false, true, true, true]);
}

#[test]
fn anchors_are_githubs() {
    let page =
        "# What `--json` gives\n## Socket.IO, _with_ 2\n```\n# no\n```\n### [A](b.md)\n#no\n# A";
    assert_eq!(anchors(page), ["what---json-gives", "socketio-_with_-2", "a", "a-1"]);
}

#[test]
fn a_page_of_docs_that_anything_names_is_there() {
    let mut count = 0;
    for (file, text) in files(&["erb", "md", "py", "rs", "sample", "snap", "toml", "yml"]) {
        for rest in text.split("docs/").skip(1) {
            let is_name = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '/'].contains(&c);
            let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
            if after.starts_with(".md") && file != "tests/integration/readme/links.rs" {
                count += 1;
                let page = root().join(format!("docs/{name}.md"));
                assert!(page.is_file(), "{file} names {page}");
            }
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn the_readme_is_short() {
    let count = files(&["md"])[Utf8Path::new("README.md")].lines().count();
    assert!(count < README, "README.md has {count} lines: move what is long to a page of docs/");
}

#[test]
fn an_index_names_every_page_beside_it() {
    let pages = files(&["md"]);
    for index in ["docs/README.md", "docs/decisions/README.md"].map(Utf8Path::new) {
        let named = links(&pages[index]);
        let beside = pages.keys().filter(|p| p.parent() == index.parent() && *p != index);
        let missing: Vec<&str> = beside
            .map(|page| page.file_name().unwrap())
            .filter(|name| !named.iter().any(|link| link == name))
            .collect();
        assert!(missing.is_empty(), "{index} does not name {missing:?}");
    }
}
