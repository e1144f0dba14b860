//! Pushing to gears with real git, and the recording cartridge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use cart_core::files;
use common::clone::{Clone, names, saying};
use common::gears::{Gears, page};

/// What a push to a started gear calls.
const PUSH: [&str; 8] = [
    "control pre-repo-archive",
    "control update-configuration",
    "control pre-build",
    "control build",
    "control update-configuration",
    "control deploy",
    "control restart",
    "control post-deploy",
];

fn with(replacement: Option<&'static str>) -> Vec<&'static str> {
    PUSH.into_iter()
        .filter_map(|call| if call == "control restart" { replacement } else { Some(call) })
        .collect()
}

/// What was called while `change` was done.
fn calls_of<T>(gears: &Gears, change: impl FnOnce() -> T) -> (Vec<String>, T) {
    let before = gears.place.calls().len();
    let outcome = change();
    (gears.place.calls()[before..].to_vec(), outcome)
}

fn fail_at(gears: &Gears, call: &str) {
    gears.gear(&["env", "set", "blog", &format!("FAIL_AT={call}")]).done();
}

#[test]
fn each_kind_of_push_calls_what_the_contract_has_in_its_order() {
    let gears = Gears::new();
    let url = gears.create("blog");
    assert_eq!(
        gears.place.calls()[2],
        "control stop",
        "the first build is the node's to the letter"
    );
    let clone = Clone::of(&gears, "blog", "clone");
    assert!(clone.directory.join("index.html").is_file(), "the app is the first commit");

    let sha = clone.page("pushed");
    let (calls, said) = calls_of(&gears, || clone.push(&["master"]));
    assert_eq!(calls, PUSH);
    assert_eq!(page(&url), "pushed");
    assert!(said.contains("remote: gear: control build"), "{said}");
    let last = format!("blog serves {} at {url}", &sha[..7]);
    assert!(said.contains(&last), "{said}");
    let newest = &gears.deployments("blog")[0];
    assert_eq!((newest["sha"].as_str(), newest["ref"].as_str()), (Some(&*sha), Some("master")));
    assert_eq!(newest["active"], true);
    assert_eq!(newest["checksum"].as_str().unwrap().len(), 40);

    clone.commit(&[(".openshift/markers/hot_deploy", Some(""))]);
    let (calls, _) = calls_of(&gears, || clone.push(&["master"]));
    assert_eq!(calls, with(None));
    assert_eq!(gears.deployments("blog")[0]["hot_deploy"], true);

    let built = gears.place.gears.join("blog/app-root/runtime/dependencies/built/marker");
    let times = || std::fs::read_to_string(&built).unwrap().lines().count();
    assert_eq!(times(), 3);
    clone.commit(&[
        (".openshift/markers/hot_deploy", None),
        (".openshift/markers/force_clean_build", Some("")),
    ]);
    let (calls, _) = calls_of(&gears, || clone.push(&["master"]));
    assert_eq!((calls, times()), (PUSH.map(str::to_owned).to_vec(), 1));

    clone.commit(&[(".openshift/markers/force_clean_build", None)]);
    gears.gear(&["stop", "blog"]).done();
    let (calls, _) = calls_of(&gears, || clone.push(&["master"]));
    assert_eq!(calls, with(Some("control start")));
    assert_eq!(gears.state("blog"), "started");
    assert!(!gears.place.gears.join("blog/app-root/runtime/.stop_lock").exists());

    let (calls, said) = calls_of(&gears, || gears.gear(&["deploy", "blog", "--stop-first"]).err());
    let mut literal = vec!["control stop"];
    literal.extend(with(Some("control start")));
    assert_eq!(calls, literal, "{said}");
    for variable in ["LEAKED", "LANG", "GIT_DIR", "GIT_QUARANTINE_PATH", "GEAR_HOME"] {
        assert_eq!(gears.place.saw("control pre-build", variable), None, "{variable}");
    }
}

#[test]
fn what_fails_refuses_the_push_and_what_served_serves() {
    let gears = Gears::new();
    let (url, clone) = Clone::that_serves(&gears);
    let kept = gears.deployments("blog");
    let home = gears.home("blog");
    let on_disk = names(&home.join("app-deployments"));
    clone.page("better");
    for (call, afterwards) in [
        ("control build", None),
        ("control deploy", Some("control start")),
        ("control restart", Some("control start")),
        ("control post-deploy", Some("control restart")),
    ] {
        fail_at(&gears, call);
        let (calls, said) = calls_of(&gears, || clone.refused(&["master"]));
        let end = calls.iter().position(|c| c == call).unwrap();
        let rest: Vec<&str> = calls[end + 1..].iter().map(String::as_str).collect();
        assert_eq!(rest, Vec::from_iter(afterwards), "after {call}");
        let reason = format!(
            "gear: the push is refused, and blog is as it was: {call} ended with exit code 9"
        );
        assert_eq!(saying(&said, &reason).len(), 1, "{said}");
        assert!(said.contains(&format!("told to fail at {call}")), "{said}");
        assert_eq!(page(&url), "good", "after {call}");
        assert_eq!(gears.deployments("blog"), kept);
        assert_eq!(names(&home.join("app-deployments")), on_disk);
        let status = gears.json(&["status", "blog", "--json"]);
        assert_eq!(
            (status["state"].as_str(), status["healthy"].as_bool()),
            (Some("started"), Some(true))
        );
    }
    let marker = home.join("app-root/runtime/dependencies/built/marker");
    let built = std::fs::read_to_string(marker).unwrap().lines().count();
    assert_eq!(built, 2, "dependencies are those of what serves");
    gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    clone.push(&["master"]);
    assert_eq!(page(&url), "better");

    gears.gear(&["stop", "blog"]).done();
    fail_at(&gears, "control start");
    clone.page("best");
    clone.refused(&["master"]);
    assert_eq!(gears.state("blog"), "stopped");
    assert!(home.join("app-root/runtime/.stop_lock").exists());
    let repo = home.join("app-root/runtime/repo/index.html");
    assert_eq!(std::fs::read_to_string(repo).unwrap(), "better");
}

/// A cartridge may serve what worked last although its start failed, and nothing that serves may be
/// overlooked by what stops and boots.
#[test]
fn dependencies_that_a_refused_push_did_not_change_are_left_alone() {
    let gears = Gears::new();
    gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    // Installed by a restart, say: the deployment knows nothing of it, and what serves may use it.
    let installed = gears.place.gears.join("blog/app-root/runtime/dependencies/installed");
    files::write_atomic(&installed, b"later", 0o644).unwrap();
    fail_at(&gears, "control build");
    clone.page("broken");
    clone.refused(&["master"]);
    assert!(installed.exists(), "what serves lost a package");
}

#[test]
fn a_failed_start_leaves_a_gear_that_keeps_one_deployment_started_and_a_failed_build_stopped() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["configure", "blog", "--keep-deployments", "1"]).done();
    let stop_lock = gears.place.gears.join("blog/app-root/runtime/.stop_lock");
    let after = |call| {
        fail_at(&gears, call);
        gears.gear(&["deploy", "blog", "--stop-first"]).failed(1);
        (gears.state("blog"), stop_lock.exists())
    };
    assert_eq!(after("control build"), ("stopped".to_owned(), true));
    assert_eq!(after("control start"), ("started".to_owned(), false));
    let boot = gears.gear(&["boot"]);
    boot.failed(1);
    assert!(boot.out().contains("blog: failed: control start"), "tried again: {}", boot.out());
    assert_eq!(after("control deploy"), ("stopped".to_owned(), true));
}

#[test]
fn a_deployment_that_was_kept_is_put_in_place_again() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    for content in ["one", "two", "three"] {
        clone.page(content);
        clone.push(&["master"]);
    }
    let kept = gears.deployments("blog");
    assert_eq!(kept.len(), 3, "as many as are kept by default");
    let (calls, said) = calls_of(&gears, || gears.gear(&["activate", "blog", "previous"]));
    said.done();
    let activation = ["update-configuration", "deploy", "restart", "post-deploy"];
    assert_eq!(calls, activation.map(|action| format!("control {action}")));
    assert_eq!(page(&url), "two");

    let first = kept[2]["id"].as_str().unwrap();
    fail_at(&gears, "control deploy");
    gears.gear(&["activate", "blog", first]).failed(1);
    assert_eq!(page(&url), "two", "what was in place is so again");
    assert_eq!(gears.deployments("blog")[0]["activations"].as_array().unwrap().len(), 2);
    gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    gears.gear(&["activate", "blog", &first[..6]]).done();
    assert_eq!(page(&url), "one");
    let unknown = gears.gear(&["activate", "blog", "xyz"]).failed(2);
    assert!(unknown.contains(first), "{unknown}");

    gears.gear(&["configure", "blog", "--keep-deployments", "1"]).done();
    clone.page("four");
    clone.push(&["master"]);
    assert_eq!(gears.deployments("blog").len(), 1);
    assert_eq!(names(&gears.place.gears.join("blog/app-deployments/by-id")).len(), 1);
    let nothing = gears.gear(&["configure", "blog"]).failed(2);
    assert!(nothing.contains("--keep-deployments"), "{nothing}");
    let none = gears.gear(&["activate", "blog", "previous"]).failed(2);
    assert!(none.contains("no deployment before the current one"), "{none}");
}

#[test]
fn what_is_not_deployed_is_told_and_what_to_do() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    let first = page(&url);
    clone.page("second");
    clone.git(&["tag", "v1"]);
    let (calls, said) = calls_of(&gears, || clone.push(&["master:topic", "v1"]));
    assert!(calls.is_empty(), "{calls:?}");
    assert!(said.contains("the branch topic is kept and not deployed"), "{said}");
    assert!(said.contains("gear deploy blog v1"), "{said}");
    assert_eq!(page(&url), first);
    gears.gear(&["deploy", "blog", "v1"]).done();
    assert_eq!(page(&url), "second");
    assert_eq!(gears.deployments("blog")[0]["ref"], "v1");
    let unknown = gears.gear(&["deploy", "blog", "v2"]).failed(2);
    assert!(unknown.contains("no commit \"v2\""), "{unknown}");

    let said = clone.refused(&[":master"]);
    assert!(said.contains("cannot be deleted"), "{said}");
    gears.gear(&["configure", "blog", "--auto-deploy", "false"]).done();
    clone.page("third");
    let said = clone.push(&["master"]);
    assert!(said.contains("`gear deploy blog` deploys it"), "{said}");
    assert_eq!(page(&url), "second");
    gears.gear(&["deploy", "blog"]).done();
    assert_eq!(page(&url), "third");

    gears
        .gear(&["configure", "blog", "--auto-deploy", "true", "--deployment-branch", "live"])
        .done();
    clone.page("fourth");
    clone.push(&["master", "master:live"]);
    assert_eq!(page(&url), "fourth");
    assert_eq!(gears.deployments("blog")[0]["ref"], "live");
    gears.gear(&["configure", "blog", "--deployment-type", "binary"]).done();
    clone.page("fifth");
    let said = clone.refused(&["master:live"]);
    assert!(said.contains("--deployment-type git"), "{said}");
}

#[test]
fn a_directory_is_committed_and_a_repository_elsewhere_makes_a_gear() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let index = gears.place.app.join("index.html");
    files::write_atomic(&index, b"from a directory", 0o644).unwrap();
    fail_at(&gears, "control build");
    let app = gears.place.app.clone();
    gears.gear(&["deploy", "blog", "--from", app.as_str()]).failed(1);
    gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    let clone = Clone::of(&gears, "blog", "clone");
    assert_eq!(clone.git(&["rev-list", "--count", "HEAD"]), "1", "what failed is not committed");
    gears.gear(&["deploy", "blog", "--from", app.as_str()]).done();
    assert_eq!(page(&url), "from a directory");
    clone.git(&["pull", "--quiet"]);
    assert_eq!(clone.git(&["rev-list", "--count", "HEAD"]), "2");
    let again = gears.gear(&["deploy", "blog", "--from", app.as_str()]);
    again.done();
    assert!(again.err().contains("Nothing is different"), "{}", again.err());
    assert_eq!(
        clone.git(&["ls-remote", "origin", "master"])[..40],
        clone.git(&["rev-parse", "HEAD"])
    );

    clone.git(&["submodule", "--quiet", "add", clone.directory.as_str(), "part"]);
    clone.page("with a submodule");
    let said = clone.push(&["master"]);
    assert!(said.contains("Submodules are not fetched") && said.contains("part"), "{said}");

    let record = gears.record_to();
    let mut args = gears.create_args("shop", &record);
    let source = format!("{}#master", clone.directory);
    args.extend(["--git", &source]);
    let said = gears.gear(&args).done();
    let shop = said.strip_prefix("shop is at ").unwrap_or_else(|| panic!("{said}")).to_owned();
    assert_eq!(page(&shop), "with a submodule");
}

#[test]
fn pointers_to_what_git_lfs_keeps_are_told() {
    let gears = Gears::new();
    gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n",
        "4d7a".repeat(16)
    );
    let says_so = format!("{}{}", pointer, "what is said of it\n".repeat(60));
    clone.commit(&[
        ("media/logo.png", Some(&pointer)),
        ("about-lfs.txt", Some(&says_so)),
        ("small.txt", Some(&"x".repeat(200))),
    ]);
    let said = clone.push(&["master"]);
    let told = "these files hold nothing but pointers to it: media/logo.png (commit";
    assert!(said.contains(told), "{said}");
    let many: Vec<String> = (10..22).map(|n| format!("media/{n}.png")).collect();
    let many: Vec<(&str, Option<&str>)> =
        many.iter().map(|name| (name.as_str(), Some(pointer.as_str()))).collect();
    clone.commit(&many);
    let said = clone.push(&["master"]);
    assert!(said.contains("media/19.png and 3 more (commit"), "{said}");
}

#[test]
fn a_hook_whose_lines_end_as_on_windows_refuses_the_push() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let clone = Clone::of(&gears, "blog", "clone");
    let before = page(&url);
    clone.git(&["config", "core.autocrlf", "false"]);
    for hook in ["pre_build", "post_restart", "pre_build_Recorder", "post_deploy_Recorder"] {
        let file = format!(".openshift/action_hooks/{hook}");
        clone.commit(&[(&file, Some("#!/bin/bash\r\necho hello\r\n"))]);
        clone.git(&["update-index", "--chmod=+x", &file]);
        clone.git(&["commit", "--quiet", "--message", "executable"]);
        let said = clone.refused(&["master"]);
        let reason = format!("{file} cannot be run: the first line of ");
        assert_eq!(saying(&said, &reason).len(), 1, "{said}");
        assert!(
            said.contains("ends in a carriage return") && !said.contains("not found"),
            "{said}"
        );
        assert_eq!(page(&url), before);
        clone.git(&["rm", "--quiet", "-f", &file]);
    }
}
