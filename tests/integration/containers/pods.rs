//! Pods are replaced, killed and evicted, and clients notice no more than they may: a short run of what `cargo
//! xtask lost --pods` does at length.

use cart_test::Rate;
use tests::pods::{Change, Pods};

#[test]
fn pods_come_and_go_and_no_request_is_lost() {
    let mut pods = Pods::start();
    for change in [Change::Rollout, Change::Kill] {
        let outcome = pods.play(change, Rate::PerSecond(200), 2000);
        assert!(outcome.tally.answered >= 2000, "{}", outcome.line());
        assert!(outcome.kept(), "{}", outcome.line());
    }
}
