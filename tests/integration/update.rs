//! `control update`: another nginx takes over on the port that stays open.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::{process, tree};
use cart_test::{Load, Rate, TestGear, get};
use rustix::process::Signal;
use tempfile::TempDir;
use tests::processes::{nginx, supervisor};

use crate::cartridge::{assembled, example, fixture};

/// nginx gives its clients up to 30 seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// A copy of the cartridge, for whoever puts something into its `usr`, which gears share.
fn copy() -> TempDir {
    let place = TempDir::with_prefix("cartridge-").unwrap();
    tree::copy(&assembled(), Utf8Path::from_path(place.path()).unwrap(), |_| false).unwrap();
    place
}

#[test]
fn another_nginx_takes_over_and_nothing_is_lost() {
    let cartridge = copy();
    let cartridge = Utf8Path::from_path(cartridge.path()).unwrap();
    let gear = TestGear::new(cartridge, "3", &[]);
    assert!(gear.control("update").done().text.contains("Application is stopped"));
    for path in [fixture("sequence").join("app.py"), example("welcome").join("echo_socket.py")] {
        gear.write(path.file_name().unwrap(), &std::fs::read_to_string(&path).unwrap());
    }
    gear.control("start").done();
    let before = nginx(&gear);
    let current = gear.control("update").done().text.clone();
    assert!(current.contains("no other would be used"), "{current}");
    assert!(before.is_alive());

    let system = process::executable(before.pid).unwrap();
    let own = cartridge.join("usr/nginx/sbin");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::copy(&system, own.join("nginx")).unwrap();
    let load = Load::start(gear.address(), Rate::PerSecond(100));
    let said = gear.control("update").done().text.clone();
    assert!(said.contains(system.as_str()) && said.contains("/usr/nginx/sbin/nginx"), "{said}");
    assert!(said.contains("the port stayed open"), "{said}");
    assert!(before.wait_gone(LIMIT), "{before:?}");
    let tally = load.finish();
    assert!(tally.answered > 0 && tally.lost() == 0, "{tally:?}");

    let after = nginx(&gear);
    assert!(process::executable(after.pid).unwrap().ends_with("usr/nginx/sbin/nginx"));
    assert!(gear.control("update").done().text.contains("no other would be used"));
    gear.control("status").done();
    // Its file is replaced, as by a package of the same version.
    std::fs::remove_file(own.join("nginx")).unwrap();
    std::fs::copy(&system, own.join("nginx")).unwrap();
    assert!(gear.control("update").done().text.contains("(deleted)"));
    assert!(after.wait_gone(LIMIT), "{after:?}");
    assert_eq!(get(gear.address(), "/").body, "first");
    gear.control("status").done();

    // Whoever takes over from a supervisor that was killed does not have its port.
    let held = nginx(&gear);
    let dead = supervisor(&gear);
    dead.signal(Signal::KILL);
    assert!(dead.wait_gone(LIMIT));
    std::fs::remove_file(own.join("nginx")).unwrap();
    std::fs::copy(&system, own.join("nginx")).unwrap();
    let said = gear.control("update").done().text.clone();
    assert!(said.contains("Stop and start the app to change it"), "{said}");
    assert!(held.is_alive());
    assert_eq!(get(gear.address(), "/").body, "first");
}

#[test]
fn another_nginx_reaches_both_servers_on_all_of_their_sockets() {
    let cartridge = copy();
    let cartridge = Utf8Path::from_path(cartridge.path()).unwrap();
    let variables = [
        ("OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION", "live.py"),
        ("OPENSHIFT_PYTHON_WEBSOCKET_WORKERS", "2"),
        ("OPENSHIFT_PYTHON_STICKY", "yes"),
    ];
    let mut gear = TestGear::new(cartridge, "3", &variables);
    gear.deploy(&fixture("two-servers")).done();
    let servers = || std::fs::read(gear.cartridge().join("conf/nginx.appserver.conf")).unwrap();
    let before = servers();

    let system = process::executable(nginx(&gear).pid).unwrap();
    let own = cartridge.join("usr/nginx/sbin");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::copy(&system, own.join("nginx")).unwrap();
    // What is set by now is for the next start.
    gear.set("OPENSHIFT_PYTHON_WEBSOCKET_PATH", "/live");
    gear.control("update").done();
    assert!(process::executable(nginx(&gear).pid).unwrap().ends_with("usr/nginx/sbin/nginx"));
    assert!(servers() == before, "{}", String::from_utf8(servers()).unwrap());
    assert!(get(gear.address(), "/ws/a").body.starts_with("second 1 /ws/a"));
}
