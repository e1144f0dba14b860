//! Everything else that a node may call: upgrade, metrics, hooks of connections, and the actions
//! around builds, snapshots and restores.

use std::time::{Duration, Instant};

use cart_core::exit_code::{CONFIGURATION, USAGE};
use cart_core::process::{self, ProcessId};
use cart_core::{Cartridge, GearEnv, files, wait};
use cart_hooks::AdvancedPython;
use cart_test::{TestGear, get, try_get};
use rustix::process::Signal;

use tests::processes::{Stopped, kill_ours, nginx, server, supervisor};
use tests::scripts::{Ended, script, script_in, session};

use crate::cartridge::{SERVER, assembled, empty_gear, fixture, running};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_compatible_upgrade_touches_no_process_and_may_be_done_again() {
    let gear = running(&fixture("mirror"), &[]);
    let (app, nginx) = (server(&gear), nginx(&gear));
    let element = gear.cartridge().join("env/OPENSHIFT_ADVANCED_PYTHON_PATH_ELEMENT");
    std::fs::remove_file(&element).unwrap();
    // The node's agent has variables of its own, and there is no session.
    let mut env = gear.gear().environment().unwrap();
    env.set("GEM_PATH", "/opt/rh/ruby193");
    env.set("PATH", "/opt/rh/ruby193/bin:/usr/sbin:/usr/bin:/bin");
    env.set("HOME", "/root");
    for _ in 0..2 {
        let ended = script_in(&gear, "bin/upgrade", &["3", "0.0.9", "0.1.0"], &env);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(element.is_file());
    }
    assert!(app.is_alive() && nginx.is_alive());
    assert_eq!(get(gear.address(), "/").body, "mirror");
    assert_eq!(script(&gear, "bin/upgrade", &["3"]).code, Some(USAGE.into()));
}

#[test]
fn an_app_hooks_and_sessions_have_a_utf_8_locale_until_a_person_sets_another() {
    let gear = empty_gear(&[]);
    let locale = |env: &GearEnv| env.get("LANG").map(|v| v.to_string_lossy().into_owned());
    let for_gear = locale(&gear.gear().environment().unwrap()).unwrap();
    assert!(for_gear.ends_with(".UTF-8"), "{for_gear}");
    gear.set("LANG", "POSIX");
    assert_eq!(locale(&gear.gear().environment().unwrap()).unwrap(), "POSIX");
    assert_eq!(script(&gear, "bin/setup", &["--version", "3"]).code, Some(0));
    assert_eq!(locale(&gear.gear().environment().unwrap()).unwrap(), "POSIX");
}

#[test]
fn after_an_incompatible_upgrade_the_app_starts_again() {
    let gear = running(&fixture("mirror"), &[]);
    // A node kills whatever the stop has left; here everything, so that no file was tidied up.
    let services = process::children(supervisor(&gear).pid);
    kill_ours(&gear);
    for service in services.into_iter().filter_map(ProcessId::of) {
        service.signal_group(Signal::KILL);
        assert!(service.wait_gone(LIMIT));
    }
    assert!(try_get(gear.address(), "/").is_err());
    for step in [
        script(&gear, "bin/upgrade", &["3", "0.0.9", "0.1.0"]),
        script(&gear, "bin/setup", &["--version", "3"]),
    ] {
        assert_eq!(step.code, Some(0), "{step:?}");
    }
    gear.control("start").done();
    assert!(gear.control("status").done().text.contains("running"));
}

#[test]
fn set_env_is_taken_note_of_and_other_hooks_are_refused() {
    let gear = running(&fixture("mirror"), &[]);
    let app = server(&gear);
    let values = "'4f1c'='OPENSHIFT_MYSQL_DB_HOST=127.0.0.2; OPENSHIFT_MYSQL_DB_PORT=3306'";
    for arguments in [vec!["gear", "domain", values], vec!["gear", "domain"], vec![]] {
        let ended = script(&gear, "hooks/set-env", &arguments);
        assert_eq!((ended.code, &*ended.out, &*ended.err), (Some(0), "", ""));
    }
    assert!(app.is_alive());
    let unknown = gear.cartridge().join("hooks/set-db");
    std::os::unix::fs::symlink("../usr/bin/advanced-python", &unknown).unwrap();
    let ended = script(&gear, "hooks/set-db", &["gear", "domain", "uuid"]);
    assert_eq!(ended.code, Some(USAGE.into()));
    assert!(ended.err.contains("no connection hook \"set-db\"; it has set-env"), "{ended:?}");
}

#[test]
fn the_manifests_connections_are_those_of_the_program_and_of_the_directory() {
    let manifest = files::read(&assembled().join("metadata/manifest.yml")).unwrap();
    let manifest = String::from_utf8(manifest).unwrap();
    let hooks = assembled().join("hooks");
    let mut there: Vec<String> =
        hooks.read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned()).collect();
    there.sort();
    assert_eq!(there, AdvancedPython::CONNECTION_HOOKS);
    let (_, subscribes) = manifest.split_once("\nSubscribes:\n").unwrap();
    let subscribed: Vec<&str> = subscribes
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .collect();
    assert_eq!(subscribed, AdvancedPython::CONNECTION_HOOKS);
}

#[test]
fn metrics_are_told_without_any_variable_of_the_gears() {
    let gear =
        running(&fixture("mirror"), &[(SERVER, "gunicorn"), ("OPENSHIFT_PYTHON_WORKERS", "2")]);
    let lines = told(&gear, |lines| {
        // gunicorn answers before all its workers are there, and they may come while it is counted.
        let all = ["appserver.workers=2", "appserver.processes=3"];
        all.iter().all(|line| lines.lines().any(|l| l == *line))
    });
    for line in [
        "up=1",
        "supervised=1",
        "appserver.running=1",
        "appserver.crashes=0",
        "nginx.running=1",
        "nginx.crashes=0",
    ] {
        assert!(lines.lines().any(|l| l == line), "{line} is not in\n{lines}");
    }
    for name in ["appserver.generation", "appserver.uptime", "appserver.rss", "nginx.rss"] {
        let value = lines.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        assert!(value.is_some_and(|v| v.parse::<u64>().is_ok()), "{name} in\n{lines}");
    }
    kill_ours(&gear);
    assert_eq!(told(&gear, |lines| !lines.is_empty()), "supervised=0");
    gear.control("stop").done();
    assert_eq!(told(&gear, |lines| !lines.is_empty()), "up=0");
}

#[test]
fn metrics_of_a_supervisor_that_hangs_are_none_and_a_node_waits_long_enough_for_them() {
    let gear = running(&fixture("mirror"), &[]);
    let stopped = Stopped::stop(supervisor(&gear));
    // A busy machine may be slow now and then; what takes too long by itself is never in time.
    let in_time = wait::until(LIMIT, || {
        let begin = Instant::now();
        let ended = metrics(&gear);
        let in_time = begin.elapsed() < Duration::from_secs(1);
        (in_time || ended.code != Some(0)).then_some(ended)
    });
    stopped.go_on();
    let ended = in_time.unwrap();
    assert_eq!((ended.code, &*ended.out, &*ended.err), (Some(0), "", ""));
    assert_ne!(told(&gear, |lines| !lines.is_empty()), "");
}

/// What `bin/metrics` says once it says what is wanted: where a machine is so busy that the
/// supervisor does not answer in time, it says nothing.
fn told(gear: &TestGear, wanted: impl Fn(&str) -> bool) -> String {
    let mut last = None;
    let found = wait::until(LIMIT, || {
        let ended = metrics(gear);
        assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{ended:?}");
        let said = ended.out.clone();
        last = Some(ended);
        wanted(&said).then_some(said)
    });
    found.unwrap_or_else(|| panic!("{last:?}"))
}

fn metrics(gear: &TestGear) -> Ended {
    script_in(gear, "bin/metrics", &[], &GearEnv::new())
}

#[test]
fn actions_that_are_a_nodes_own_affair_change_nothing() {
    let gear = running(&fixture("mirror"), &[]);
    let (app, nginx) = (server(&gear), nginx(&gear));
    let layout = gear.gear().layout();
    let state = files::read(&layout.state_file()).unwrap();
    for action in [
        "pre-repo-archive",
        "pre-build",
        "post-deploy",
        "pre-receive",
        "post-receive",
        "pre-snapshot",
        "post-snapshot",
        "pre-restore",
        "post-restore",
        "update-configuration",
        "update-cluster",
        "enable-server",
        "disable-server",
        "tidy",
        "build",
        "start",
        "status",
    ] {
        gear.control(action).done();
        assert!(app.is_alive() && nginx.is_alive(), "{action}");
        assert_eq!(files::read(&layout.state_file()).unwrap(), state, "{action}");
        assert!(!layout.stop_lock().exists(), "{action}");
    }
    gear.control("stop").done();
    assert_eq!(files::read(&layout.state_file()).unwrap(), state);
    assert!(!layout.stop_lock().exists());
}

#[test]
fn an_environment_from_another_gear_works_after_a_restore() {
    let from = running(&fixture("mirror"), &[]);
    let to = running(&fixture("mirror"), &[]);
    to.control("stop").done();
    // What a node does: the deployment's dependencies take the place of those that are there.
    let (source, place) = (from.gear().layout().dependencies(), to.gear().layout().dependencies());
    let copied =
        session(&to, &format!("rm -rf {place}/virtenv && cp -a {source}/virtenv {place}/"));
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let home = from.gear().layout().home().to_owned();
    let mentions = format!("grep -rIl {home}/ {place}/virtenv/bin {place}/virtenv/pyvenv.cfg");
    assert_ne!(session(&to, &mentions).out, "", "nothing is to be relocated");
    to.control("post-restore").done();
    assert_eq!(session(&to, &mentions).out, "");
    let pip = session(&to, "pip --version");
    assert!(pip.out.contains(to.gear().layout().home().as_str()), "{pip:?}");
    assert_eq!(to.control("start").done().text.matches("environment is ready").count(), 0);
    assert_eq!(get(to.address(), "/").body, "mirror");
}

#[test]
fn a_restore_does_not_fail_for_want_of_a_start_or_for_a_wrong_setting() {
    let gear = empty_gear(&[]);
    gear.set(SERVER, "gunicron");
    gear.control("post-restore").done();
}

#[test]
fn a_session_has_the_apps_python_and_an_environment_is_not_made_from_itself() {
    let gear = running(&fixture("mirror"), &[]);
    let environment = gear.cartridge().join("virtenv");
    let really = environment.canonicalize_utf8().unwrap();
    let prefix = || session(&gear, "python -c 'import sys; print(sys.prefix)'").out;
    assert!([environment.as_str(), really.as_str()].contains(&&*prefix()), "{}", prefix());
    assert!(session(&gear, "pip --version").out.contains("/virtenv/"));
    let path = get(gear.address(), "/variable?PATH").body;
    assert_eq!(path.matches("/virtenv/bin").count(), 1, "{path}");

    let app = server(&gear);
    let deployment = gear.gear().layout().deployments().join("2999-01-01_00-00-00.000");
    std::fs::create_dir_all(&deployment).unwrap();
    let metadata = b"{\"hot_deploy\":null,\"force_clean_build\":true}\n";
    files::write_atomic(&deployment.join("metadata.json"), metadata, 0o644).unwrap();
    let said = gear.control("build").done().text.clone();
    assert!(said.contains("a clean build was asked for"), "{said}");
    assert!(app.is_alive());
    let config = files::read(&environment.join("pyvenv.cfg")).unwrap();
    let config = String::from_utf8(config).unwrap();
    let home = config.lines().find(|line| line.starts_with("home")).unwrap();
    assert!(!home.contains("virtenv"), "{home}");
    assert!([environment.as_str(), really.as_str()].contains(&&*prefix()), "{}", prefix());
}

#[test]
fn a_version_that_is_not_served_is_told_with_those_that_there_are() {
    let gear = empty_gear(&[]);
    let ended = script(&gear, "bin/setup", &["--version", "2.7"]);
    assert_eq!(ended.code, Some(CONFIGURATION.into()), "{ended:?}");
    for words in ["Python 2 is served no more", "there is Python 3."] {
        assert!(ended.err.contains(words), "{ended:?}");
    }
    let missing = script(&gear, "bin/setup", &["--version", "3.29"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("Python 3.29 was not found"), "{missing:?}");
}

#[test]
fn an_installed_app_is_startable_without_a_build_and_its_first_start_may_be_a_restart() {
    for action in ["start", "restart"] {
        let gear = empty_gear(&[]);
        let code = std::fs::read_to_string(fixture("mirror").join("app.py")).unwrap();
        gear.write("app.py", &code);
        gear.control(action).done();
        assert_eq!(get(gear.address(), "/").body, "mirror", "{action}");
    }
}

#[test]
fn a_record_of_another_boot_names_nobody() {
    let gear = running(&fixture("mirror"), &[]);
    let record = gear.cartridge().join("run/supervisor.json");
    let text = String::from_utf8(files::read(&record).unwrap()).unwrap();
    gear.control("stop").done();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    // The pids belong to others now; this process stands for all of them.
    let me = ProcessId::of(std::process::id()).unwrap();
    let app = text.split("\"process\":").nth(1).unwrap().split('}').next().unwrap().to_owned();
    let mine = format!("{{\"pid\":{},\"started\":{}", me.pid, me.started);
    let text = text.replace(&app, &mine).replace(boot.trim(), "of-another-boot");
    assert!(text.contains(&mine) && text.contains("of-another-boot"));
    files::write_atomic(&record, text.as_bytes(), 0o600).unwrap();
    assert!(gear.control("status").text.contains("stopped"));
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
    gear.control("stop").done();
    assert!(me.is_alive());
}

#[test]
fn teardown_ends_what_runs_without_the_variables_of_the_endpoint() {
    let gear = running(&fixture("mirror"), &[]);
    let supervisor = supervisor(&gear);
    let mut env = gear.gear().environment().unwrap();
    for name in ["IP", "PORT"] {
        env.remove(&format!("OPENSHIFT_ADVANCED_PYTHON_{name}"));
    }
    for _ in 0..2 {
        let ended = script_in(&gear, "bin/teardown", &[], &env);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    assert!(supervisor.wait_gone(LIMIT));
    assert!(try_get(gear.address(), "/").is_err());
}
