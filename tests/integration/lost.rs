//! No more is lost than was promised: a short run of what `cargo xtask lost` does at length.

use std::time::Duration;

use cart_test::Rate;
use tests::lost::{self, Stage};

use crate::cartridge::assembled;

/// Past the five seconds after which a replaced server is told to end.
const AFTERWARDS: Duration = Duration::from_secs(6);

/// Others test beside us; that it is back by itself is looked at here, how soon by `cargo xtask lost`.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each server once, and each kind of change once: the changes go on under load one after the
/// other, so that only the whole table, which `cargo xtask lost` makes, is long.
fn is_kept(server: &'static str, scenario: &str) {
    let stage = Stage::new(&assembled(), server);
    let row = stage.play(lost::by_name(scenario).unwrap(), Rate::PerSecond(200), AFTERWARDS);
    assert!(row.tally.answered > 500, "{}", lost::line(&row));
    assert!(
        row.kept(PATIENCE),
        "{}\n{}\n{}",
        lost::headings(),
        lost::line(&row),
        lost::details(&row).join("\n")
    );
}

#[test]
fn a_restart_of_gunicorn_loses_nothing() {
    is_kept("gunicorn", "restart");
}

#[test]
fn a_switch_from_wsgiref_to_gevent_loses_nothing() {
    is_kept("wsgiref", "switch-to-gevent");
}

#[test]
fn a_hot_deploy_on_gevent_loses_nothing() {
    is_kept("gevent", "hot-deploy");
}

#[test]
fn a_push_to_wsgiref_loses_nothing() {
    is_kept("wsgiref", "git-push");
}

#[test]
fn a_failed_restart_loses_nothing() {
    is_kept("wsgiref", "fail-import");
}

#[test]
fn an_upgrade_of_the_cartridge_loses_nothing() {
    is_kept("wsgiref", "upgrade");
}

#[test]
fn a_supervisor_that_is_killed_and_then_the_app_lose_what_was_in_hand() {
    is_kept("gunicorn", "supervisor-then-app");
}

#[test]
fn a_killed_writer_loses_nothing() {
    is_kept("wsgiref", "writer");
}

#[test]
fn what_is_killed_at_once_is_back_when_one_of_ours_lives() {
    is_kept("gevent", "all-but-one");
}

#[test]
fn a_lost_run_directory_is_mended_by_a_start() {
    is_kept("wsgiref", "lost-run");
}
