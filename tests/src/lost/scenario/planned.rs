//! What people do on purpose, rightly and wrongly.

use std::time::Duration;

use cart_core::wait;
use cart_test::get;

use super::{done, refused};
use crate::cartridge::{SERVER, example};
use crate::lost::{START_TIMEOUT, Stage};
use crate::way;

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
    is_served_by(stage, server)
}

/// To each other server as it is by default, one after the other, and back. From each to each is the
/// conformance suite's.
pub(super) fn switch_through_all(stage: &Stage) -> Result<(), String> {
    let home = way::defaults().filter(|way| way.server == stage.server);
    for way in way::defaults().filter(|way| way.server != stage.server).chain(home) {
        way.switch(&stage.gear);
        is_served_by(stage, way.server)?;
    }
    Ok(())
}

fn is_served_by(stage: &Stage, server: &str) -> Result<(), String> {
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
    done(&stage.gear.deploy_hot())?;
    serves(stage, "second")
}

/// The whole way: git, the hooks of the repository, a build, a deploy and a restart.
pub(super) fn git_push(stage: &Stage) -> Result<(), String> {
    let code = stage.code().replace("\"first\"", "\"second\"");
    done(&stage.push(&code))?;
    serves(stage, "second")
}

pub(super) fn git_push_broken(stage: &Stage) -> Result<(), String> {
    refused(&stage.push("import no_such_module\ndef application(*_): pass\n"))?;
    serves(stage, "first")?;
    let there = std::fs::read_to_string(stage.gear.repo().join("app.py")).unwrap();
    if there == stage.code() { Ok(()) } else { Err("the broken code was left behind".to_owned()) }
}

fn serves(stage: &Stage, version: &str) -> Result<(), String> {
    let new = || (get(stage.gear.address(), "/").body == version).then_some(());
    wait::until(POOLED, new).ok_or_else(|| format!("it does not serve the {version} code"))
}

pub(super) fn fail(stage: &Stage, code: &str) -> Result<(), String> {
    stage.gear.write("app.py", code);
    refused(&stage.gear.control("restart"))
}

pub(super) fn fail_hang(stage: &Stage) -> Result<(), String> {
    stage.gear.set("OPENSHIFT_PYTHON_START_TIMEOUT", START_TIMEOUT);
    fail(stage, "import time\ntime.sleep(3600)\ndef application(*_): pass\n")
}

pub(super) fn fail_import(stage: &Stage) -> Result<(), String> {
    fail(stage, "import no_such_module\ndef application(*_): pass\n")
}

pub(super) fn fail_500(stage: &Stage) -> Result<(), String> {
    fail(stage, FAILING_PAGE)
}
