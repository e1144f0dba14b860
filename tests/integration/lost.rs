//! Nothing is lost: a short run of what `cargo xtask lost` does at length.

use std::time::Duration;

use cart_test::Rate;
use tests::lost::{self, Stage};

use crate::cartridge::assembled;

/// Past the five seconds after which a replaced server is told to end.
const AFTERWARDS: Duration = Duration::from_secs(6);

/// Each server once, and each kind of change once: the changes go on under load one after the
/// other, so that only the whole table, which `cargo xtask lost` makes, is long.
fn nothing_is_lost(server: &'static str, scenario: &str) {
    let stage = Stage::new(&assembled(), server);
    let row = stage.play(lost::by_name(scenario).unwrap(), Rate::PerSecond(200), AFTERWARDS);
    assert!(row.tally.answered > 500, "{}", lost::line(&row));
    assert!(
        row.kept(),
        "{}\n{}\n{}",
        lost::headings(),
        lost::line(&row),
        lost::details(&row).join("\n")
    );
}

#[test]
fn a_restart_of_gunicorn_loses_nothing() {
    nothing_is_lost("gunicorn", "restart");
}

#[test]
fn a_switch_from_wsgiref_to_gevent_loses_nothing() {
    nothing_is_lost("wsgiref", "switch-to-gevent");
}

#[test]
fn a_hot_deploy_on_gevent_loses_nothing() {
    nothing_is_lost("gevent", "hot-deploy");
}

#[test]
fn a_push_to_wsgiref_loses_nothing() {
    nothing_is_lost("wsgiref", "git-push");
}

#[test]
fn a_failed_restart_loses_nothing() {
    nothing_is_lost("wsgiref", "fail-import");
}
