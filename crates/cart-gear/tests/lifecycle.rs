//! The life of a gear with a cartridge that records how it is called.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::time::Duration;

use cart_core::files;
use cart_gear::{
    GearError, GearOnDisk, GearOptions, Listen, Progress, Silent, State, Throwaway, answer,
};

use common::{Place, mentioning, path};

fn gear(place: &Place) -> Throwaway {
    let mut options = GearOptions::new(&place.cartridge, "smallapp");
    options.more_path = Some(path());
    options.listen = Listen::At("127.0.0.1:0".parse().unwrap());
    let gear = Throwaway::create(options, &place.gears).unwrap();
    gear.set_user_variable("RECORD_TO", place.records.as_str()).unwrap();
    gear
}

/// A gear that serves the app.
fn serving(place: &Place) -> Throwaway {
    let mut gear = gear(place);
    gear.configure("1", &mut Silent).unwrap();
    gear.populate(&place.app).unwrap();
    gear.build_and_deploy(&mut Silent).unwrap();
    gear
}

#[derive(Default)]
struct Notices(Vec<String>);

impl Progress for Notices {
    fn notice(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

const BUILD: [&str; 9] = [
    "control stop",
    "control pre-repo-archive",
    "control update-configuration",
    "control pre-build",
    "control build",
    "control update-configuration",
    "control deploy",
    "control start",
    "control post-deploy",
];

#[test]
fn a_whole_life_in_the_nodes_order() {
    let place = Place::new();
    let mut gear = serving(&place);
    gear.post_install(&mut Silent).unwrap();
    let mut expected = vec!["setup --version 1", "install --version 1"];
    expected.extend(BUILD);
    expected.push("post_install --version 1");
    assert_eq!(place.calls(), expected);
    assert_eq!(gear.state(), State::Started);
    let limit = Duration::from_secs(20);
    let address = gear.visit().unwrap();
    assert_eq!(answer::wait_for(address, limit, &Default::default()).unwrap(), 200);

    gear.stop(&mut Silent).unwrap();
    assert_eq!(gear.state(), State::Stopped);
    assert!(gear.layout().stop_lock().exists());
    gear.destroy(&mut Silent).unwrap();
    expected.extend(["control stop", "control stop", "teardown"]);
    assert_eq!(place.calls(), expected);
    assert!(place.left_behind().is_empty());
    assert!(mentioning(place.gears.as_str()).is_empty());
}

#[test]
fn scripts_run_in_the_cartridges_directory_with_the_gears_environment_only() {
    let place = Place::new();
    let mut gear = gear(&place);
    gear.set_user_variable("RECORDER_CHOICE", "user").unwrap();
    gear.configure("2", &mut Silent).unwrap();
    assert!(!gear.health(&mut Silent).unwrap().healthy, "it was never started");
    let home = gear.layout().home().to_owned();
    for call in ["setup --version 2", "install --version 2", "control status"] {
        assert_eq!(place.record(call, "cwd"), home.join("recorder"));
        assert_eq!(place.record(call, "umask"), "0022");
        let saw =
            |variable: &str| place.saw(call, variable).unwrap_or_else(|| panic!("{variable}"));
        assert_eq!(saw("HOME"), home);
        assert_eq!(saw("OPENSHIFT_HOMEDIR"), format!("{home}/"));
        assert_eq!(saw("OPENSHIFT_REPO_DIR"), format!("{home}/app-root/runtime/repo/"));
        assert_eq!(saw("OPENSHIFT_RECORDER_DIR"), format!("{home}/recorder/"));
        assert_eq!(saw("OPENSHIFT_PRIMARY_CARTRIDGE_DIR"), format!("{home}/recorder/"));
        assert_eq!(saw("OPENSHIFT_RECORDER_IDENT"), "tests:Recorder:2:0.0.1");
        assert_eq!(saw("OPENSHIFT_RECORDER_IP"), "127.0.0.1");
        assert_eq!(saw("TMPDIR"), saw("OPENSHIFT_TMP_DIR"));
        assert!(saw("TMPDIR").starts_with(home.as_str()) && saw("TMPDIR").ends_with('/'));
        assert!(saw("PATH").starts_with("/bin:/usr/bin:/usr/sbin:"));
        assert_eq!(saw("RECORDER_CHOICE"), "user", "a user's variable beats the cartridge's own");
        assert_eq!(saw("RECORDER_GREETING"), "Hello from smallapp", "rendered before setup");
        for leaked in ["CARGO", "CARGO_MANIFEST_DIR", "USER", "LOGNAME"] {
            assert_eq!(place.saw(call, leaked), None, "{leaked}");
        }
    }
    gear.unset_user_variable("RECORDER_CHOICE").unwrap();
    let env = gear.environment().unwrap();
    assert_eq!(env.get("RECORDER_CHOICE").unwrap(), "cartridge");
    gear.destroy(&mut Silent).unwrap();
}

#[test]
fn the_cartridge_is_a_copy_but_for_usr_and_its_templates_are_rendered() {
    let place = Place::new();
    let mut gear = gear(&place);
    gear.configure("1", &mut Silent).unwrap();
    let directory = gear.cartridge().unwrap().directory.clone();
    assert_eq!(directory.join("usr").read_link_utf8().unwrap(), place.cartridge.join("usr"));
    assert!(!directory.join("bin").is_symlink());
    let port = gear.visit().unwrap().port();
    let conf = std::fs::read_to_string(directory.join("conf/it.conf")).unwrap();
    assert_eq!(conf, format!("listen 127.0.0.1:{port}\n"));
    assert!(!directory.join("conf/it.conf.erb").exists());
    assert!(!directory.join("env/RECORDER_GREETING.erb").exists());
    assert!(directory.join("kept").is_dir());
    let built = directory.join("built").read_link_utf8().unwrap();
    assert_eq!(built, gear.layout().dependencies().join("built"));
    gear.destroy(&mut Silent).unwrap();
    assert!(place.cartridge.join("conf/it.conf.erb").exists(), "the source is as it was");
}

#[test]
fn a_template_that_fails_is_a_notice_and_the_rest_goes_on() {
    let place = Place::new();
    let broken = place.cartridge.join("conf/broken.erb");
    files::write_atomic(&broken, b"<%= nil + 'x' %>\n", 0o644).unwrap();
    let mut gear = gear(&place);
    let mut notices = Notices::default();
    gear.configure("1", &mut notices).unwrap();
    assert!(notices.0[0].contains("conf/broken.erb:1: "), "{:?}", notices.0);
    let conf = gear.cartridge().unwrap().directory.join("conf");
    assert_eq!(std::fs::read(conf.join("broken")).unwrap(), b"");
    assert!(conf.join("broken.erb").exists() && conf.join("it.conf").exists());
    gear.destroy(&mut Silent).unwrap();
}

#[test]
fn teardown_finds_the_endpoint_variables_gone() {
    let place = Place::new();
    serving(&place).destroy(&mut Silent).unwrap();
    assert!(place.saw("control stop", "OPENSHIFT_RECORDER_IP").is_some());
    assert_eq!(place.saw("teardown", "OPENSHIFT_RECORDER_IP"), None);
    assert_eq!(place.saw("teardown", "OPENSHIFT_RECORDER_PORT"), None);
}

#[test]
fn a_failing_script_is_told_with_its_words_and_nothing_is_left() {
    let place = Place::new();
    let mut gear = gear(&place);
    gear.set_user_variable("FAIL_AT", "install --version 1").unwrap();
    let error = gear.configure("1", &mut Silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bin/install ended with exit code 9:\ntold to fail at install --version 1"
    );
    gear.destroy(&mut Silent).unwrap();
    assert_eq!(place.calls(), ["setup --version 1", "install --version 1", "teardown"]);
    assert!(place.left_behind().is_empty());
}

/// The app as it is now takes the place of the code on the gear, and is built and deployed.
fn pushed(gear: &mut GearOnDisk, place: &Place) -> Result<(), GearError> {
    gear.populate(&place.app)?;
    gear.build_and_deploy(&mut Silent)
}

#[test]
fn a_failed_build_leaves_the_gear_stopped_and_no_deployment() {
    let place = Place::new();
    let mut gear = serving(&place);
    gear.set_user_variable("FAIL_AT", "control build").unwrap();
    let error = pushed(&mut gear, &place).unwrap_err();
    assert_eq!((error.code(), gear.state()), (Some(9), State::Stopped));
    let deployments = gear.layout().deployments();
    // The one that was built before, by-id and current.
    assert_eq!(deployments.read_dir().unwrap().count(), 3);
    gear.destroy(&mut Silent).unwrap();
}

#[test]
fn a_script_that_is_not_executable_fails_as_on_a_node() {
    let place = Place::new();
    let setup = place.cartridge.join("bin/setup");
    let script = std::fs::read(&setup).unwrap();
    files::write_atomic(&setup, &script, 0o644).unwrap();
    let mut gear = gear(&place);
    let error = gear.configure("1", &mut Silent).unwrap_err();
    let GearError::NotExecutable { path, .. } = error else { panic!("{error}") };
    assert!(path.ends_with("recorder/bin/setup"), "{path}");
    gear.destroy(&mut Silent).unwrap();
}

#[test]
fn hooks_of_the_app_run_where_the_contract_has_them() {
    let place = Place::new();
    let hook = "#!/bin/sh\necho \"hook $(basename \"$0\") in $(pwd)\" >>\"$RECORD_TO/calls\"\n";
    for name in ["pre_build", "build", "deploy", "pre_start", "post_start", "post_deploy"] {
        place.action_hook(name, hook, 0o755);
    }
    place.action_hook("pre_stop", hook, 0o644);
    place.action_hook("pre_start_Recorder", "export FROM_HOOK=seen\n", 0o755);
    let mut gear = gear(&place);
    gear.configure("1", &mut Silent).unwrap();
    gear.populate(&place.app).unwrap();
    let mut notices = Notices::default();
    gear.build_and_deploy(&mut notices).unwrap();
    let home = gear.layout().home();
    let expected: Vec<String> = [
        "control stop",
        "control pre-repo-archive",
        "control update-configuration",
        "control pre-build",
        "hook pre_build",
        "control build",
        "hook build",
        "control update-configuration",
        "control deploy",
        "hook deploy",
        "hook pre_start",
        "control start",
        "hook post_start",
        "control post-deploy",
        "hook post_deploy",
    ]
    .iter()
    .map(|call| match call.strip_prefix("hook") {
        Some(_) => format!("{call} in {home}"),
        None => (*call).to_owned(),
    })
    .collect();
    assert_eq!(place.calls()[2..], expected);
    assert_eq!(place.saw("control start", "FROM_HOOK").as_deref(), Some("seen"));
    assert!(notices.0[0].contains("pre_stop is not executable"), "{:?}", notices.0);
    gear.destroy(&mut Silent).unwrap();
}

#[test]
fn a_hot_push_neither_stops_nor_starts_and_a_clean_one_builds_anew() {
    let place = Place::new();
    let mut gear = serving(&place);
    let marker = gear.layout().dependencies().join("built/marker");
    let built = || std::fs::read_to_string(&marker).unwrap().lines().count();
    assert_eq!(built(), 1);

    let before = place.calls().len();
    place.marker("hot_deploy");
    files::write_atomic(&place.app.join("new.txt"), b"", 0o644).unwrap();
    pushed(&mut gear, &place).unwrap();
    let hot: Vec<&str> = BUILD
        .into_iter()
        .filter(|call| !["control stop", "control start"].contains(call))
        .collect();
    assert_eq!(place.calls()[before..], hot);
    assert!(gear.layout().deployments().join("current/repo/new.txt").exists());
    assert_eq!((built(), gear.state()), (2, State::Started));

    let before = place.calls().len();
    std::fs::remove_dir_all(place.app.join(".openshift")).unwrap();
    place.marker("force_clean_build");
    pushed(&mut gear, &place).unwrap();
    assert_eq!(place.calls()[before..], BUILD);
    assert_eq!(built(), 1);
    gear.destroy(&mut Silent).unwrap();
}

#[test]
fn what_a_node_refuses_is_refused_and_named() {
    let place = Place::new();
    let refused = |version: &str| {
        let mut gear = gear(&place);
        let error = gear.configure(version, &mut Silent).unwrap_err();
        gear.destroy(&mut Silent).unwrap();
        error.to_string()
    };
    let text = refused("7");
    assert!(text.contains("\"7\"") && text.contains("1, 2"), "{text}");

    let name = place.cartridge.join("env/OPENSHIFT_HOMEDIR");
    files::write_atomic(&name, b"/", 0o644).unwrap();
    assert!(refused("1").contains("env/OPENSHIFT_HOMEDIR"));
    files::remove_if_exists(&name).unwrap();

    let install =
        "#!/bin/sh\ntouch \"$OPENSHIFT_HOMEDIR/visible\" \"$OPENSHIFT_HOMEDIR/.hidden\"\n";
    files::write_atomic(&place.cartridge.join("bin/install"), install.as_bytes(), 0o755).unwrap();
    assert!(refused("1").contains("made visible in"));
}

#[test]
fn a_gear_that_is_dropped_takes_its_processes_with_it() {
    let place = Place::new();
    let gear = serving(&place);
    assert!(!gear.processes().alive().is_empty());
    drop(gear);
    assert!(mentioning(place.gears.as_str()).is_empty());
    assert!(place.left_behind().is_empty());
}

#[test]
fn a_directory_that_is_no_cartridge_and_a_long_path_are_named() {
    let place = Place::new();
    let options = GearOptions::new(&place.app, "a");
    let error = Throwaway::create(options, &place.gears).unwrap_err();
    assert!(error.to_string().contains("is no cartridge"), "{error}");
    let long = place.gears.join("x".repeat(60));
    files::create_dir(&long, 0o755).unwrap();
    let mut options = GearOptions::new(&place.cartridge, "a");
    options.listen = Listen::At("127.0.0.1:0".parse().unwrap());
    let error = Throwaway::create(options, &long).unwrap_err();
    assert!(error.to_string().contains("too long for sockets"), "{error}");
    assert_eq!(long.read_dir().unwrap().count(), 0);
}
