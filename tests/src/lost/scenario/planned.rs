//! What people do on purpose, rightly and wrongly.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::Utf8Path;
use cart_core::wait;
use cart_test::get;

use super::{done, refused};
use crate::cartridge::{SERVER, example};
use crate::lost::{START_TIMEOUT, Stage};
use crate::processes::supervisor;

/// How long a replaced server may get requests still, over connections that nginx had to it.
const POOLED: Duration = Duration::from_secs(5);

const FAILING_PAGE: &str =
    "def application(environ, start_response):\n    raise ValueError('broken page')\n";

pub(super) fn two_restarts(stage: &Stage) -> Result<(), String> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| done(&stage.gear.control("restart")));
        let this = done(&stage.gear.control("restart"));
        this.and(other.join().unwrap())
    })
}

pub(super) fn switch(stage: &Stage, server: &str) -> Result<(), String> {
    stage.gear.set(SERVER, server);
    done(&stage.gear.control("restart"))?;
    let serves = stage.gear.control("server").text;
    if serves == server { Ok(()) } else { Err(format!("{serves} serves")) }
}

pub(super) fn variable(stage: &Stage) -> Result<(), String> {
    stage.gear.set("GREETING", "hello");
    done(&stage.gear.control("restart"))
}

pub(super) fn reload_nginx(stage: &Stage) -> Result<(), String> {
    let sample = example("welcome").join("nginx.conf.erb.sample");
    stage.gear.write("nginx.conf.erb", &std::fs::read_to_string(sample).unwrap());
    done(&stage.gear.control("reload"))
}

pub(super) fn reload_broken(stage: &Stage) -> Result<(), String> {
    stage.gear.write("nginx.conf.erb", "server {\n  nonsense;\n}\n");
    refused(&stage.gear.control("reload"))
}

pub(super) fn hot_deploy(stage: &Stage) -> Result<(), String> {
    let path = stage.gear.repo().join("app.py");
    let code = std::fs::read_to_string(path).unwrap().replace("\"first\"", "\"second\"");
    stage.gear.write("app.py", &code);
    done(&stage.gear.control("deploy"))?;
    let new = || (get(stage.gear.address(), "/").body == "second").then_some(());
    wait::until(POOLED, new).ok_or_else(|| "the old code is served still".to_owned())
}

/// The cartridge's programs are new files, and the next hook brings the supervisor of them.
pub(super) fn upgrade(stage: &Stage) -> Result<(), String> {
    let cartridge = stage.gear.cartridge();
    let (usr, next) = (cartridge.join("usr"), cartridge.join("usr.next"));
    std::fs::create_dir(&next).unwrap();
    for entry in usr.read_dir_utf8().unwrap().flatten() {
        let target = entry.path().canonicalize_utf8().unwrap();
        let place = next.join(entry.file_name());
        if entry.file_name() != "bin" {
            std::os::unix::fs::symlink(target, place).unwrap();
            continue;
        }
        std::fs::create_dir(&place).unwrap();
        for program in target.read_dir_utf8().unwrap().flatten() {
            std::fs::copy(program.path(), place.join(program.file_name())).unwrap();
        }
    }
    std::fs::rename(&usr, cartridge.join(format!("usr.{}", inode(&usr)))).unwrap();
    std::fs::rename(&next, &usr).unwrap();
    let before = supervisor(&stage.gear);
    done(&stage.gear.control("start"))?;
    let after = supervisor(&stage.gear);
    let runs = inode(format!("/proc/{}/exe", after.pid).as_str().into());
    match (before == after, runs == inode(&usr.join("bin/advanced-python"))) {
        (true, true) => Ok(()),
        (false, _) => Err("the supervisor is another process".to_owned()),
        (_, false) => Err("the supervisor runs from the old file".to_owned()),
    }
}

fn inode(path: &Utf8Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

pub(super) fn fail(stage: &Stage, code: &str) -> Result<(), String> {
    stage.gear.write("app.py", code);
    refused(&stage.gear.control("restart"))
}

pub(super) fn fail_hang(stage: &Stage) -> Result<(), String> {
    stage.gear.set("OPENSHIFT_PYTHON_START_TIMEOUT", START_TIMEOUT);
    fail(stage, "import time\ntime.sleep(3600)\n")
}

pub(super) fn fail_import(stage: &Stage) -> Result<(), String> {
    fail(stage, "import no_such_module\n")
}

pub(super) fn fail_500(stage: &Stage) -> Result<(), String> {
    fail(stage, FAILING_PAGE)
}
