use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
thread_local! {
    static CALLED: RefCell<BTreeSet<(String, String)>> = RefCell::default();
}

/// Remembers a call that was answered.
pub(crate) fn note(class: &str, name: &str) {
    CALLED.with_borrow_mut(|called| called.insert((class.to_owned(), name.to_owned())));
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
