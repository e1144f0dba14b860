//! Whether an app is live and ready, as whoever looks after a pod asks nginx.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cart_core::wait;
use cart_nginx::health;
use cart_test::{TestGear, get};
use rustix::process::Signal;
use tests::processes;

use crate::cartridge::{fixture, running};

const LIMIT: Duration = Duration::from_secs(60);

fn status(gear: &TestGear) -> [u16; 3] {
    [health::LIVE, health::READY, "/"].map(|path| get(gear.address(), path).status)
}

#[test]
fn a_restart_under_load_never_makes_it_unready() {
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "2")]);
    let (address, over) = (gear.address(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asking = |path: &'static str| {
            let over = &over;
            move || {
                let mut asked = 0_u32;
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(get(address, path).status, 200, "{path} after {asked}");
                    asked += 1;
                }
                asked
            }
        };
        let paths = [health::READY, health::LIVE, "/", "/request"];
        let clients = paths.map(|path| scope.spawn(asking(path)));
        gear.control("restart").done();
        gear.set("OPENSHIFT_PYTHON_SERVER", "gunicorn");
        gear.control("restart").done();
        gear.set("OPENSHIFT_NGINX_METRICS_PATH", "/figures");
        gear.control("reload").done();
        over.store(true, Ordering::Relaxed);
        let asked = clients.into_iter().map(|thread| thread.join().unwrap());
        assert!(asked.min() > Some(0));
    });
}

#[test]
fn told_that_the_end_is_near_it_serves_on_and_is_ready_again_with_the_next_start() {
    let gear = running(&fixture("mirror"), &[]);
    assert_eq!(status(&gear), [200, 200, 200]);
    gear.control("unready").done();
    assert_eq!(status(&gear), [200, 503, 200]);
    let supervisor = processes::supervisor(&gear);
    supervisor.signal(Signal::KILL);
    processes::successor(&gear, supervisor);
    assert_eq!(status(&gear), [200, 503, 200]);
    gear.control("start").done();
    assert_eq!(status(&gear), [200, 200, 200]);
    gear.control("unready").done();
    gear.control("restart").done();
    assert_eq!(status(&gear), [200, 200, 200]);

    // A server that crashes is missed until it answers again.
    processes::server(&gear).signal(Signal::KILL);
    let ended = || gear.log("supervisor.log").contains("crashed with signal 9").then_some(());
    assert!(wait::until(LIMIT, ended).is_some(), "{}", gear.log("supervisor.log"));
    let ready = || (status(&gear) == [200, 200, 200]).then_some(());
    assert!(wait::until(LIMIT, ready).is_some(), "{}", gear.log("supervisor.log"));

    gear.control("stop").done();
    let said = gear.control("unready");
    said.done();
    assert!(said.text.contains("Application is stopped: nothing is ready"), "{}", said.text);
}
