//! Nothing that one visitor does reaches another: a short run of what `cargo xtask desync` does at
//! length.

use tests::desync::{self, Front, Stage};
use tests::way;

use crate::cartridge::assembled;

fn harms_nobody(way: &str, front: Front) -> Stage {
    let mut stage = Stage::new(&assembled(), way::by_name(way).unwrap(), front);
    let mut wrong = Vec::new();
    for attack in desync::few() {
        let outcome = stage.play(&attack);
        let said = outcome.harm.into_iter().chain(outcome.refused);
        wrong.extend(said.map(|text| format!("{attack}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage
}

#[test]
fn behind_an_apps_own_nginx_configuration_gevent_harms_no_stranger() {
    harms_nobody("gevent", Front::Theirs);
}

#[test]
fn an_old_gunicorn_of_the_apps_choice_harms_no_stranger() {
    harms_nobody("gunicorn-23-gthread", Front::Ours);
}

#[test]
fn an_asgi_worker_of_gunicorn_harms_no_stranger() {
    harms_nobody("gunicorn-uvicorn", Front::Ours);
}
