//! Gears that stay, through the program `gear`, with the recording cartridge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::io::{BufRead, BufReader};

use common::gears::{Gears, LIMIT, get};
use common::mentioning;

#[test]
fn a_gear_stays_through_its_whole_life_and_leaves_nothing() {
    let gears = Gears::new();
    let url = gears.create("blog");
    assert!(get(&url).unwrap().contains("A small app"));
    let calls = || gears.place.calls();
    let mut known = calls().len();
    let mut since = || {
        let all = calls();
        let new = all[known..].to_vec();
        known = all.len();
        new
    };
    let stop_lock = gears.place.gears.join("blog/app-root/runtime/.stop_lock");

    gears.gear(&["stop", "blog"]).done();
    assert_eq!((since(), gears.state("blog").as_str()), (vec!["control stop".into()], "stopped"));
    assert!(stop_lock.exists() && get(&url).is_none());
    since();

    gears.gear(&["reload", "blog"]).done();
    assert_eq!(since(), ["control force-reload"]);
    let refused = gears.gear(&["threaddump", "blog"]).failed(1);
    assert!(
        refused.contains("blog is stopped") && refused.contains("gear start blog"),
        "{refused}"
    );
    for nothing in ["idle", "unidle"] {
        let said = gears.gear(&[nothing, "blog"]);
        said.done();
        assert!(said.err().contains(&format!("nothing to {nothing}")), "{}", said.err());
    }
    gears.gear(&["tidy", "blog"]).done();
    assert_eq!(since(), ["control stop", "control tidy"], "a stopped gear stays stopped");
    assert!(stop_lock.exists());

    let started = gears.gear(&["start", "blog"]);
    started.done();
    assert!(started.err().contains(&format!("blog is started at {url}")), "{}", started.err());
    assert_eq!(since(), ["control start"]);
    assert!(!stop_lock.exists());
    gears.gear(&["reload", "blog"]).done();
    gears.gear(&["restart", "blog"]).done();
    assert_eq!(since(), ["control reload", "control restart"]);
    assert_eq!(gears.gear(&["threaddump", "blog"]).done(), "one thread, asleep");
    since();

    let rubbish = gears.place.gears.join("blog/.tmp");
    let own = rubbish.read_dir_utf8().unwrap().next().unwrap().unwrap().path().join("rubbish");
    std::fs::create_dir(&own).unwrap();
    gears.gear(&["tidy", "blog"]).done();
    assert_eq!(since(), ["control stop", "control tidy", "control start"]);
    assert!(!own.exists() && own.parent().unwrap().exists());

    gears.gear(&["idle", "blog"]).done();
    assert_eq!((since(), gears.state("blog").as_str()), (vec!["control stop".into()], "idle"));
    assert!(!stop_lock.exists());
    since();
    gears.gear(&["unidle", "blog"]).done();
    assert_eq!((since(), gears.state("blog").as_str()), (vec!["control start".into()], "started"));

    let refused = gears.gear(&["destroy", "blog"]).failed(2);
    assert!(refused.contains("--yes"), "{refused}");
    gears.gear(&["destroy", "blog", "--yes"]).done();
    assert_eq!(calls().last().unwrap(), "teardown");
    assert_eq!(gears.place.left_behind(), [".locks"]);
    assert!(
        gears
            .place
            .gears
            .join(".locks")
            .read_dir()
            .unwrap()
            .next()
            .is_some_and(|only| { only.unwrap().file_name() == ".addresses" })
    );
    assert!(mentioning(gears.place.gears.as_str()).is_empty());
    assert!(get(&url).is_none());
}

#[test]
fn two_gears_live_side_by_side_and_one_ends_without_the_other() {
    let gears = Gears::new();
    let (one, two) = (gears.create("one"), gears.create("two"));
    assert_ne!(one, two);
    assert!(one.starts_with("http://127.") && two.starts_with("http://127."), "{one} {two}");
    // A process of the second that stands in the first one's home.
    let script = format!("cd {}/one && echo ready && exec sleep 300", gears.place.gears);
    let mut stranger = gears.start(&["run", "two", "--", "sh", "-c", &script]);
    let mut said = String::new();
    BufReader::new(stranger.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "ready\n");
    gears.gear(&["destroy", "one", "--yes"]).done();
    assert!(get(&one).is_none() && get(&two).is_some());
    assert!(stranger.try_wait().unwrap().is_none(), "it belongs to the second");
    let table = gears.gear(&["list"]).done();
    assert!(
        table.starts_with("NAME") && table.contains("two") && !table.contains("one "),
        "{table}"
    );
    gears.gear(&["stop", "two"]).done();
    gears.gear(&["start", "two"]).done();
    assert_eq!(gears.json(&["list", "--json"])[0]["url"], two.as_str(), "for its whole life");
    gears.gear(&["destroy", "two", "--yes"]).done();
    assert!(cart_core::wait::until(LIMIT, || stranger.try_wait().unwrap()).is_some());
}

#[test]
fn idling_ends_daemons_that_stop_left_but_not_what_a_person_runs() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["env", "set", "blog", "LEAVE_BEHIND=sleeper"]).done();
    gears.gear(&["stop", "blog"]).done();
    gears.gear(&["start", "blog"]).done();
    let sleepers = || {
        let alive = mentioning(gears.place.records.as_str());
        let line = |pid: &u32| cart_core::process::command_line(*pid).unwrap_or_default();
        alive.iter().filter(|pid| line(pid).starts_with("sleep 30")).count()
    };
    let mut person = gears.start(&["run", "blog", "--", "sleep", "301"]);
    assert!(cart_core::wait::until(LIMIT, || (sleepers() == 2).then_some(())).is_some());
    gears.gear(&["idle", "blog"]).done();
    assert_eq!(sleepers(), 1);
    assert!(person.try_wait().unwrap().is_none());
    gears.gear(&["destroy", "blog", "--yes"]).done();
    assert!(cart_core::wait::until(LIMIT, || person.try_wait().unwrap()).is_some());
}

#[test]
fn what_programs_read_has_a_name_a_state_a_url_and_cartridges() {
    let gears = Gears::new();
    assert_eq!(gears.json(&["list", "--json"]), serde_json::json!([]));
    let url = gears.create("blog");
    let mut status = gears.json(&["status", "blog", "--json"]);
    let home = gears.home("blog");
    let mut expected = serde_json::json!({
        "name": "blog",
        "state": "started",
        "url": url,
        "cartridges": [{
            "name": "Recorder",
            "version": "1",
            "cartridge_version": "0.0.1",
            "source": gears.place.cartridge,
        }],
        "stop_lock": false,
        "home": home,
        "busy": null,
        "healthy": true,
        "said": ["it runs"],
        "metrics": {},
    });
    assert_eq!(status, expected);
    for only_of_status in ["healthy", "said", "metrics"] {
        expected.as_object_mut().unwrap().remove(only_of_status);
    }
    assert_eq!(gears.json(&["list", "--json"]), serde_json::json!([expected]));

    gears.gear(&["stop", "blog"]).done();
    status = gears.json(&["status", "blog", "--json"]);
    assert_eq!((&status["healthy"], &status["stop_lock"]), (&false.into(), &true.into()));
    assert_eq!(status["said"][0], "it does not run");
    let words = gears.gear(&["status", "blog"]).done();
    assert_eq!(words, format!("blog is stopped, {url}, Recorder 1\nit does not run"));
}

#[test]
fn variables_are_set_together_or_not_at_all_and_a_restart_is_hinted_at() {
    let gears = Gears::new();
    gears.create("blog");
    let set = gears.gear(&["env", "set", "blog", "A=1", "B=x=y"]);
    set.done();
    assert!(set.err().contains("gear restart blog"), "{}", set.err());
    let wrong = gears.gear(&["env", "set", "blog", "A=2", &format!("LONG={}", "v".repeat(513))]);
    assert!(wrong.failed(2).contains("513 bytes"), "{}", wrong.err());
    let wrong = gears.gear(&["env", "unset", "blog", "A", "RECORD_T"]).failed(2);
    assert!(wrong.contains("did you mean RECORD_TO?"), "{wrong}");
    let listed = gears.gear(&["env", "list", "blog"]).done();
    assert_eq!(listed, format!("A=1\nB=x=y\n{}", gears.record_to()));
    gears.gear(&["env", "unset", "blog", "A"]).done();
    let records = gears.place.records.as_str();
    let expected = serde_json::json!({ "B": "x=y", "RECORD_TO": records });
    assert_eq!(gears.json(&["env", "list", "blog", "--json"]), expected);
    gears.gear(&["restart", "blog"]).done();
    assert_eq!(gears.place.saw("control restart", "B").as_deref(), Some("x=y"));
    for never in ["LEAKED", "GEAR_HOME", "TERM"] {
        assert_eq!(gears.place.saw("control restart", never), None);
    }
}

#[test]
fn a_command_runs_as_in_a_session_on_the_gear() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["env", "set", "blog", "GREETING=hello  "]).done();
    let script =
        "pwd; umask; echo \"$HOME|$GREETING|$OPENSHIFT_GEAR_NAME|${LEAKED-}|$TERM\"; exit 7";
    let ran = gears.gear(&["run", "blog", "--", "sh", "-c", script]);
    assert_eq!(ran.code(), Some(7), "{}", ran.err());
    let home = gears.home("blog");
    assert_eq!(ran.out(), format!("{home}\n0077\n{home}/|hello|blog||dumb"));
    assert_eq!(gears.gear(&["run", "blog", "no-such-program"]).code(), Some(127));
    assert_eq!(gears.gear(&["run", "blog", "echo", "--json"]).done(), "--json");
}

#[test]
fn the_last_lines_of_the_logs_are_shown() {
    let gears = Gears::new();
    let url = gears.create("blog");
    for page in ["first", "second", "third"] {
        assert!(get(&format!("{url}{page}")).is_none());
    }
    let tail = gears.gear(&["tail", "blog", "-n", "2"]).done();
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(lines.len(), 2, "{tail}");
    assert!(lines.iter().all(|line| line.starts_with("web.log: ")), "{tail}");
    assert!(tail.contains("/third") && !tail.contains("/first"), "{tail}");

    gears.gear(&["env", "set", "blog", "OPENSHIFT_LOG_FORMAT=json"]).done();
    let tail = gears.gear(&["tail", "blog", "-n", "1"]).done();
    let line: serde_json::Value = serde_json::from_str(&tail).unwrap();
    assert_eq!(line["log"], "web");
    assert!(line["message"].as_str().unwrap().contains("/third"), "{tail}");
    let log = gears.home("blog").join("recorder/logs/web.log");
    let written = log.metadata().unwrap().modified().unwrap();
    let written = humantime::format_rfc3339_millis(written).to_string();
    assert_eq!(line["time"], written);
    // Who cannot read the value shows the logs all the same: they may say so.
    gears.gear(&["env", "set", "blog", "OPENSHIFT_LOG_FORMAT=xml"]).done();
    assert!(gears.gear(&["tail", "blog", "-n", "1"]).done().starts_with("web.log: "));
}

#[test]
fn without_an_app_the_cartridges_template_is_started_unbuilt() {
    let gears = Gears::new();
    let record = gears.record_to();
    let said = gears.gear(&gears.create_args("blog", &record)).done();
    let url = said.strip_prefix("blog is at ").unwrap();
    assert!(get(url).unwrap().contains("The template"));
    let calls =
        ["setup --version 1", "install --version 1", "control start", "post_install --version 1"];
    assert_eq!(gears.place.calls(), calls);
    let deployed = gears.place.gears.join("blog/app-deployments/current/repo/index.html");
    assert!(deployed.is_file());
}

#[test]
fn a_cartridge_without_a_template_gives_a_gear_on_which_nothing_was_started() {
    let gears = Gears::new();
    std::fs::remove_dir_all(gears.place.cartridge.join("template")).unwrap();
    let record = gears.record_to();
    assert_eq!(gears.gear(&gears.create_args("blog", &record)).done(), "blog is made");
    assert_eq!(gears.state("blog"), "new");
    assert!(!gears.place.calls().contains(&"control start".to_owned()));
}

#[test]
fn a_gear_goes_on_when_the_cartridge_it_came_from_is_removed() {
    let gears = Gears::new();
    let url = gears.create("blog");
    std::fs::remove_dir_all(&gears.place.cartridge).unwrap();
    gears.gear(&["restart", "blog"]).done();
    let answered = cart_core::wait::until(LIMIT, || get(&url));
    assert!(answered.is_some());
}

#[test]
fn wrong_names_are_told_with_the_right_one() {
    let gears = Gears::new();
    gears.create("blog");
    let wrong = gears.gear(&["stop", "bolg"]).failed(2);
    assert!(wrong.contains("no gear \"bolg\"") && wrong.contains("did you mean blog?"), "{wrong}");
    assert!(!gears.place.gears.join(".locks/bolg").exists());
    let record = gears.record_to();
    let again = gears.gear(&gears.create_args("blog", &record)).failed(1);
    assert!(again.contains("there is a gear blog already"), "{again}");
    assert_eq!(gears.state("blog"), "started");
    let name = gears.gear(&gears.create_args("my-blog", &record)).failed(2);
    assert!(name.contains("letters and digits"), "{name}");
}
