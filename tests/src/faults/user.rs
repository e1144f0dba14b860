//! Faults that root does not have: modes, and limits on processes.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::wait;
use cart_test::{TestGear, get};
use rustix::process::Signal;

use super::limit::Lowered;
use super::{LIMIT, Stage, Untouched, control_by, plain, refused, tasks_of_this_user};
use crate::processes::{server, supervisor};

/// Another mode, until it is dropped.
struct Mode(Utf8PathBuf, u32);

impl Mode {
    fn of(path: &Utf8Path, mode: u32) -> Self {
        let before = path.metadata().unwrap().permissions().mode();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        Self(path.to_owned(), before)
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        std::fs::set_permissions(&self.0, PermissionsExt::from_mode(self.1)).unwrap();
    }
}

const DENIED: &str = "permission denied to the user";

/// What hooks make, they also mend; the rest is named.
pub(super) fn unwritable(_: &Stage, gear: &TestGear) {
    let cartridge = gear.cartridge();
    // A configuration that is in place already is not written again.
    for own in ["", "conf", "run", "run/nginx", "logs"] {
        let _mode = Mode::of(&cartridge.join(own), 0o500);
        gear.control("restart").done();
    }
    let before = Untouched::now(gear);
    gear.set("OPENSHIFT_NGINX_WORKERS", "2");
    for (path, mode, named) in [("", 0o500, "conf.next"), ("run/hook.lock", 0o400, "run/hook.lock")]
    {
        let _mode = Mode::of(&cartridge.join(path), mode);
        refused(&gear.control("restart"), &[DENIED, named]);
        before.still(gear);
    }
    gear.set("OPENSHIFT_NGINX_WORKERS", "");
    gear.write("requirements.txt", "flask\n");
    let environment = cartridge.join("virtenv").canonicalize_utf8().unwrap();
    let mode = Mode::of(environment.parent().unwrap(), 0o500);
    refused(&gear.control("build"), &[DENIED, "virtenv"]);
    before.still(gear);
    drop(mode);
    gear.write("requirements.txt", "");
    gear.control("restart").done();
}

pub(super) fn no_process_left(_: &Stage, gear: &TestGear) {
    let refused_with = |more: usize| {
        let before = Untouched::now(gear);
        let limit = format!("--nproc={}", tasks_of_this_user() + more);
        let outcome = control_by(gear, &["prlimit", &limit], "restart");
        if outcome.code != 0 {
            refused(&outcome, &["no process is left", "ulimit -u"]);
            before.still(gear);
        }
        outcome.code != 0
    };
    // Where nothing has changed no program is run, and it is the supervisor that starts the server.
    assert!(!refused_with(0), "a restart runs programs");
    gear.set("OPENSHIFT_NGINX_WORKERS", "2");
    assert!(refused_with(0), "the limit is none");
    // How far a hook gets with one or two more is its own affair.
    for more in [1, 2] {
        refused_with(more);
    }
    gear.set("OPENSHIFT_NGINX_WORKERS", "");
    gear.control("restart").done();
}

pub(super) fn no_process_left_for_the_supervisor(_: &Stage, gear: &TestGear) {
    let before = Untouched::now(gear);
    let full = Lowered::processes(supervisor(gear), 1);
    refused(&gear.control("restart"), &["no process is left", "still serves"]);
    before.still(gear);

    // What crashes now cannot be started, until it can.
    let server = server(gear);
    server.signal_group(Signal::KILL);
    assert!(server.wait_gone(LIMIT));
    let said = wait::until(LIMIT, || {
        let status = gear.control("status");
        status.text.contains("no process is left").then_some(status)
    });
    let said = said.unwrap_or_else(|| panic!("{}", gear.control("status").text));
    plain(&said.text);
    drop(full);
    let again = wait::until(LIMIT, || (gear.control("status").code == 0).then_some(()));
    assert!(again.is_some(), "{}", gear.control("status").text);

    // The app itself can start none: what it prints then is harmless in the node's ears.
    let code = std::fs::read_to_string(gear.repo().join("app.py")).unwrap();
    gear.write("app.py", &format!("import os\nos.fork()\n{code}"));
    let before = Untouched::now(gear);
    // The hook and the server, and no child of the server's.
    let two_more = Lowered::processes(supervisor(gear), tasks_of_this_user() + 2);
    refused(&gear.control("restart"), &["BlockingIOError", "os.fork()", "still serves"]);
    before.still(gear);
    drop(two_more);
    gear.write("app.py", &code);
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
}
