//! WebSockets keep to their protocol: a short form of what `cargo xtask autobahn` plays.

use tests::autobahn::{Cases, FEW, Stage};
use tests::desync;

use crate::cartridge::assembled;

fn keeps_to_the_protocol(way: &str) {
    let stage = Stage::new(&assembled(), desync::by_name(way).unwrap());
    let only = FEW.iter().map(|&pattern| pattern.to_owned()).collect();
    let verdict = stage.play(&Cases { only, parallel: 4, ..Cases::default() });
    assert!(verdict.played > 60, "{}", verdict.played);
    assert!(verdict.failed.is_empty(), "{way}: {}", verdict.failed.join("\n"));
}

#[test]
fn every_server_by_default_keeps_to_the_protocol() {
    let has_any = |server: &&str| desync::by_name(server).unwrap().has_websockets();
    for server in tests::lost::SERVERS.into_iter().filter(has_any) {
        keeps_to_the_protocol(server);
    }
}

#[test]
fn gunicorns_threads_keep_to_the_protocol() {
    keeps_to_the_protocol("gunicorn-gthread");
}
