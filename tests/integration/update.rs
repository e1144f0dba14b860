//! `control update`: another nginx takes over on the port that stays open.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::process;
use cart_test::{Load, Rate, TestGear, get};
use tempfile::TempDir;

use tests::processes::nginx;

use crate::cartridge::{assembled, example, fixture};

/// nginx gives its clients up to 30 seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// A copy of the cartridge, for whoever puts something into its `usr`, which gears share.
fn copy() -> TempDir {
    let place = TempDir::with_prefix("cartridge-").unwrap();
    copy_tree(&assembled(), Utf8Path::from_path(place.path()).unwrap());
    place
}

fn copy_tree(from: &Utf8Path, to: &Utf8Path) {
    for entry in from.read_dir_utf8().unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&place).unwrap();
            copy_tree(entry.path(), &place);
        } else if entry.file_type().unwrap().is_symlink() {
            std::os::unix::fs::symlink(entry.path().read_link_utf8().unwrap(), place).unwrap();
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
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
}
