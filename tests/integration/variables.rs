//! The one list of variables: the cartridge brings it along.

use camino::Utf8Path;
use cart_core::variables::{FILE, Variable};

#[test]
fn the_list_that_the_cartridge_brings_is_the_codes() {
    let list: Vec<Variable> = cart_hooks::variables().collect();
    let expected = serde_json::to_string_pretty(&list).unwrap() + "\n";
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../cartridge").join(FILE);
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{path} should be:\n{expected}");
}

#[test]
fn names_are_there_once_and_what_holds_is_said() {
    let mut names: Vec<String> = cart_hooks::variables().map(|variable| variable.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for Variable { name, meaning, default, allowed, .. } in cart_hooks::variables() {
        assert!(![meaning, default, allowed].iter().any(String::is_empty), "{name}");
    }
}
