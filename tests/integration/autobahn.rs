//! WebSockets keep to their protocol: a short form of what `cargo xtask autobahn` plays.

use tests::autobahn::{Cases, FEW, Stage};
use tests::way;

use crate::cartridge::assembled;

fn keeps_to_the_protocol(way: &str) {
    let stage = Stage::new(&assembled(), way::by_name(way).unwrap());
    let only = FEW.iter().map(|&pattern| pattern.to_owned()).collect();
    // Most cases give an answer one second, and others test beside us.
    let verdict = stage.play(&Cases { only, parallel: 2, ..Cases::default() });
    assert!(verdict.played > 60, "{}", verdict.played);
    assert!(verdict.failed.is_empty(), "{way}: {}", verdict.failed.join("\n"));
}

#[test]
fn gunicorns_threads_keep_to_the_protocol() {
    keeps_to_the_protocol("gunicorn-gthread");
}
