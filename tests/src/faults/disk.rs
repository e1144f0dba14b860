//! A disk without room: the small one is filled by one big file, and emptied by its removal.

use std::fs::File;
use std::io::{ErrorKind, Write};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::exit_code::NOT_RUNNING;
use cart_core::process::ProcessId;
use cart_core::wait;
use cart_test::{TestGear, get};
use rustix::process::Signal;

use super::{LIMIT, Stage, Untouched, refused};
use crate::processes::{nginx, server, supervisor};

const FULL: &str = "the disk or its quota is full. Make room";

/// Takes all the room of a disk but `left` bytes, until it is dropped.
struct Ballast(Utf8PathBuf);

impl Ballast {
    fn all_but(place: &Utf8Path, left: u64) -> Self {
        Self::of(place.join("ballast"), left)
    }

    /// Takes what somebody has given back since.
    fn rest(place: &Utf8Path) -> Self {
        Self::of(place.join("ballast.rest"), 0)
    }

    fn of(file: Utf8PathBuf, left: u64) -> Self {
        let ballast = Self(file);
        let mut file = File::create(&ballast.0).unwrap();
        let error = std::iter::repeat_with(|| file.write_all(&[0; 4096])).find_map(Result::err);
        assert_eq!(error.unwrap().kind(), ErrorKind::StorageFull);
        file.set_len(file.metadata().unwrap().len().saturating_sub(left)).unwrap();
        ballast
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

pub(super) fn full_while_configuring(stage: &Stage, gear: &TestGear) {
    let before = Untouched::now(gear);
    gear.set("OPENSHIFT_NGINX_READ_TIMEOUT", "77");
    let full = Ballast::all_but(&stage.place, 0);
    for action in ["start", "restart", "reload", "update-configuration"] {
        refused(&gear.control(action), &[FULL, "nginx.conf"]);
        before.still(gear);
        gear.control("status").done();
    }
    drop(full);
    gear.control("restart").done();
    before_is_over(gear, &before);
}

#[track_caller]
fn before_is_over(gear: &TestGear, before: &Untouched) {
    assert_ne!(get(gear.address(), "/pid").body, before.pid);
    assert_ne!(super::content(&gear.cartridge().join("conf")), before.conf);
    before.nothing_left(gear);
}

/// Logs cannot be written, nor the supervisor's record: requests are answered all the same, and
/// what crashes is started again.
pub(super) fn full_while_serving(stage: &Stage, gear: &TestGear) {
    let _full = Ballast::all_but(&stage.place, 0);
    for _ in 0..20 {
        assert_eq!(get(gear.address(), "/").body, "mirror");
        assert_eq!(get(gear.address(), "/print").body, "printed");
    }
    for (name, serving) in [("the server", server as fn(&TestGear) -> _), ("nginx", nginx)] {
        let process: ProcessId = serving(gear);
        process.signal_group(Signal::KILL);
        assert!(process.wait_gone(LIMIT));
        assert_eq!(get(gear.address(), "/").body, "mirror", "after the end of {name}");
        let again = wait::until(LIMIT, || (gear.control("status").code == 0).then_some(()));
        assert!(again.is_some(), "{}", gear.control("status").text);
    }
    gear.control("tidy").done();
}

/// pip needs room for what it downloads, and an environment for what it holds.
pub(super) fn full_while_installing(stage: &Stage, gear: &TestGear) {
    gear.write("requirements.txt", "flask\n");
    let before = Untouched::now(gear);
    for (left, action) in [(0, "restart"), (1 << 20, "build")] {
        let _full = Ballast::all_but(&stage.place, left);
        refused(&gear.control(action), &[FULL]);
        before.still(gear);
    }
    gear.control("restart").done();
}

/// What runs is stopped and started again as it was, and needs no room for that.
pub(super) fn full_while_stopping(stage: &Stage, gear: &TestGear) {
    let pid = get(gear.address(), "/pid").body;
    let _full = Ballast::all_but(&stage.place, 0);
    for again in ["start", "restart"] {
        gear.control("stop").done();
        assert_eq!(gear.gear().processes().alive(), []);
        assert_eq!(gear.control("status").code, i32::from(NOT_RUNNING));
        let _rest = Ballast::rest(&stage.place);
        gear.control(again).done();
        assert_eq!(get(gear.address(), "/").body, "mirror");
        gear.control("status").done();
    }
    gear.control("restart").done();
    gear.control("reload").done();
    gear.control("stop").done();
    gear.control("start").done();
    assert_ne!(get(gear.address(), "/pid").body, pid);
}

pub(super) fn full_at_the_start(stage: &Stage, gear: &TestGear) {
    let full = Ballast::all_but(&stage.place, 4 << 20);
    let said = stage.try_gear().unwrap_err();
    assert!(said.contains(FULL), "{said}");
    super::plain(&said);
    drop(full);

    gear.control("stop").done();
    gear.set("OPENSHIFT_NGINX_READ_TIMEOUT", "78");
    let conf = super::content(&gear.cartridge().join("conf"));
    let full = Ballast::all_but(&stage.place, 0);
    for action in ["start", "restart"] {
        refused(&gear.control(action), &[FULL]);
        assert_eq!(gear.control("status").code, i32::from(NOT_RUNNING));
        assert_eq!(gear.gear().processes().alive(), []);
        assert!(super::content(&gear.cartridge().join("conf")) == conf, "conf/ was changed");
        assert_eq!(super::half_written(gear), Vec::<Utf8PathBuf>::new());
    }
    drop(full);
    gear.control("start").done();
}

/// A quota counts files, too.
pub(super) fn no_file_left(stage: &Stage, gear: &TestGear) {
    let before = Untouched::now(gear);
    gear.set("OPENSHIFT_NGINX_READ_TIMEOUT", "79");
    let many = stage.place.join("many");
    std::fs::create_dir(&many).unwrap();
    let error = (0..).find_map(|number| File::create(many.join(format!("{number}"))).err());
    assert_eq!(error.unwrap().kind(), ErrorKind::StorageFull);
    for action in ["restart", "reload"] {
        refused(&gear.control(action), &[FULL]);
        before.still(gear);
    }
    let process = supervisor(gear);
    process.signal(Signal::KILL);
    assert!(process.wait_gone(LIMIT));
    assert_eq!(get(gear.address(), "/").body, "mirror");
    gear.control("stop").done();
    assert_eq!(gear.gear().processes().alive(), []);
    std::fs::remove_dir_all(many).unwrap();
    gear.control("restart").done();
}
