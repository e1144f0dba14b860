use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
thread_local! {
    static CALLS: RefCell<BTreeSet<(String, String)>> = RefCell::default();
}

/// Remembers a call of this thread of a method that is evaluated.
pub(crate) fn note(class: &str, name: &str) {
    CALLS.with_borrow_mut(|calls| calls.insert((kin(class).to_owned(), name.to_owned())));
}

/// The calls since then, on this thread.
pub(crate) struct Calls(());

impl Calls {
    pub(crate) fn new() -> Calls {
        CALLS.take();
        Calls(())
    }

    /// Class and name of each.
    pub(crate) fn made(self) -> BTreeSet<(String, String)> {
        CALLS.take()
    }
}

/// Class and name of each method that is evaluated.
pub(crate) fn evaluated() -> impl Iterator<Item = (&'static str, &'static str)> {
    all()
        .filter(|(class, name, _)| method(class, name).flatten().is_some())
        .map(|(class, name, _)| (class, name))
}

/// The methods that are evaluated, as the README lists them.
fn listed() -> Vec<String> {
    let lists = [
        ("Functions", FUNCTIONS),
        ("Every object", OBJECT),
        ("Everything with items (`Array`, `Hash`, `Range`, `Enumerator`, `ENV`)", ENUMERABLE),
        ("`Array`", ARRAY),
        ("`Hash`", HASH),
        ("`ENV`", ENV),
        ("`Range`", RANGE),
        ("`Enumerator`", ENUMERATOR),
        ("`String`", STRING),
        ("`Symbol`", SYMBOL),
        ("`Integer`", INTEGER),
        ("`Float`", FLOAT),
        ("`nil`", NIL),
        ("`true`, `false`", BOOL),
        ("`Regexp`", REGEXP),
        ("`MatchData`", MATCH),
        ("Exceptions", EXCEPTION),
        ("`File`", FILE),
    ];
    let line = |(title, names): (&str, &str)| {
        let evaluated = names.split_ascii_whitespace().filter_map(|word| word.split_once(':'));
        let names: BTreeSet<&str> = evaluated.map(|(name, _)| name).collect();
        format!("- {title}: `{}`", names.into_iter().collect::<Vec<_>>().join(" "))
    };
    lists.into_iter().map(line).collect()
}

#[test]
fn the_readme_lists_what_is_evaluated() {
    let readme = include_str!("../../../README.md");
    let section = readme.split("## Which Ruby").nth(1).unwrap().split("\n## ").next().unwrap();
    let found: Vec<&str> = section.lines().filter(|line| line.starts_with("- ")).collect();
    let wanted = listed();
    assert_eq!(found, wanted, "the list should be:\n{}", wanted.join("\n"));
}

#[test]
fn names_are_found_whole() {
    assert!(is_method("String", "unpack"));
    assert!(!is_method("String", "unpac"));
    assert!(is_method("Hash", "each_slice"));
    assert!(is_method("ENV", "to_hash") && is_method("File", "read"));
    assert!(is_function("system") && !is_function("ssystem"));
    assert!(is_constant("Time") && !is_constant("Tim"));
    assert!(is_method("KeyError", "backtrace"));
}

#[test]
fn what_a_method_takes_is_read() {
    let takes = |class, name| {
        let takes = method(class, name).flatten().unwrap();
        (takes.least, takes.most, takes.waits)
    };
    assert_eq!(takes("Array", "first"), (0, 1, false));
    assert_eq!(takes("Array", "each_slice"), (1, 1, true));
    assert_eq!(takes("Array", "dig"), (1, usize::MAX, false));
    assert!(method("Enumerator", "inspect").is_some_and(|takes| takes.is_none()));
}
