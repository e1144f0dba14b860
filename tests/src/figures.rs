//! The figures of a gear, as a test waits for them.

use std::collections::BTreeMap;
use std::time::Duration;

use cart_core::{GearEnv, wait};
use cart_test::TestGear;

use crate::scripts::script_in;

/// How long they may take to become so.
const LIMIT: Duration = Duration::from_secs(60);

/// What `bin/metrics` tells, as a node would ask it.
///
/// # Panics
/// When it tells nothing.
#[must_use]
pub fn figures(gear: &TestGear) -> BTreeMap<String, f64> {
    let ended = script_in(gear, "bin/metrics", &[], &GearEnv::new());
    assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{ended:?}");
    let figures = ended.out.lines().map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    figures.collect()
}

/// The figures once all of these are among them: on a busy machine one that is late is left out.
///
/// # Panics
/// When they are not in time.
#[must_use]
#[track_caller]
pub fn told(gear: &TestGear, names: &[&str]) -> BTreeMap<String, f64> {
    let all = wait::until(LIMIT, || {
        let figures = figures(gear);
        names.iter().all(|name| figures.contains_key(*name)).then_some(figures)
    });
    all.unwrap_or_else(|| panic!("{names:?} are not all in {:?}", figures(gear)))
}

/// Waits until these figures are so.
///
/// # Panics
/// When they are not in time.
#[track_caller]
pub fn becomes(gear: &TestGear, expected: &[(&str, f64)], what: &str) {
    let mut last = BTreeMap::new();
    let seen = wait::until(LIMIT, || {
        last = figures(gear);
        let is = |(name, value): &(&str, f64)| last.get(*name) == Some(value);
        expected.iter().all(is).then_some(())
    });
    assert!(seen.is_some(), "{what}: {expected:?} did not become true: {last:?}");
}
