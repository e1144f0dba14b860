//! Every server behaves as the others do: a short run of what `cargo xtask conformance` plays.

use std::sync::Mutex;

use tests::conformance::{self, CHECKS, Check, Length};
use tests::way::{self, WAYS, Way};

use crate::cartridge::assembled;

/// How many servers are looked at together.
const TOGETHER: usize = 2;
/// Other ways than those by default: kinds of worker, and what apps pin.
const MORE: &[&str] = &[
    "gunicorn-gthread",
    "gunicorn-sync",
    "gunicorn-20-gthread",
    "gunicorn-asgi",
    "gunicorn-uvicorn",
    "uvicorn-0.16",
];

#[test]
fn every_server_behaves_as_the_others_do() {
    conform(way::defaults(), Length::OwnGear);
}

#[test]
fn other_kinds_of_worker_and_old_versions_behave_as_the_others_do() {
    let more = WAYS.iter().filter(|way| MORE.contains(&way.name));
    assert_eq!(more.clone().count(), MORE.len());
    conform(more, Length::Short);
}

fn conform(ways: impl Iterator<Item = &'static Way> + Send, longest: Length) {
    let checks: Vec<&Check> = CHECKS.iter().filter(|check| check.length <= longest).collect();
    let ways = Mutex::new(ways);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..TOGETHER {
            scope.spawn(|| {
                while let Some(way) = { ways.lock().unwrap().next() } {
                    let row = conformance::play(&assembled(), way, &checks, |_, _| ());
                    failures.lock().unwrap().extend(row.failures());
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
