//! `gear extract`, of snapshots of a gear here and of one on a node. Archives that do harm are in
//! `hostile_snapshots.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, files, run, tree};
use common::clone::{Clone, names};
use common::gears::{Gears, LIMIT};

fn write(path: &Utf8Path, content: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    files::write_atomic(path, content.as_bytes(), 0o644).unwrap();
}

fn read(path: impl AsRef<Utf8Path>) -> String {
    std::fs::read_to_string(path.as_ref()).unwrap()
}

fn mode(path: &Utf8Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// Where a test extracts to.
fn to(gears: &Gears) -> Utf8PathBuf {
    gears.place.records.join("shop")
}

/// The gear `blog` as a node packs it, after `change` was made to a copy of its home.
fn of_a_node(gears: &Gears, change: impl FnOnce(&Utf8Path)) -> Utf8PathBuf {
    let home = gears.home("blog");
    let uuid = read(home.join(".env/OPENSHIFT_GEAR_UUID"));
    let node = gears.place.records.join("node");
    files::create_dir(&node, 0o755).unwrap();
    let copy = node.join(&uuid);
    tree::copy(&home, &copy, |_| false).unwrap();
    change(&copy);
    let file = gears.place.records.join("node.tar.gz");
    let tar = CommandSpec::new("/bin/tar", &gears.env)
        .args(["--ignore-failed-read", "-czf", file.as_str()])
        .args(
            ["repo", "dependencies"]
                .map(|part| format!("--exclude=./{uuid}/app-root/runtime/{part}")),
        )
        .arg(format!("./{uuid}"))
        .dir(&node);
    run::checked(&tar, LIMIT).unwrap();
    file
}

#[test]
fn code_data_and_variables_of_a_gear_are_taken_and_nothing_else() {
    let gears = Gears::new();
    let (_, clone) = Clone::that_serves(&gears);
    gears.gear(&["env", "set", "blog", "GREETING= \"hi\" # there", "EMPTY="]).done();
    gears.gear(&["env", "set", "blog", "LINES=one\ntwo"]).done();
    let data = gears.home("blog").join("app-root/data");
    write(&data.join("deep/page"), "kept");
    symlink("/usr/bin/env", data.join("link")).unwrap();
    let file = gears.place.records.join("blog.tar.gz");
    gears.gear(&["snapshot", "blog", file.as_str()]).done();

    let to = to(&gears);
    files::create_dir(&to, 0o755).unwrap();
    let ended = gears.gear(&["extract", file.as_str(), to.as_str()]);
    let (out, err) = (ended.done(), ended.err());
    let head = clone.git(&["rev-parse", "--short=7", "HEAD"]);
    assert!(out.contains(&format!(", commit {head}")), "{out}");
    assert!(out.ends_with("/variables.env  EMPTY, GREETING, RECORD_TO"), "{out}");
    assert!(err.contains("the value of LINES is not one line"), "{err}");
    assert!(err.contains(&format!("gear serve {to}/app --env-file")), "{err}");
    assert!(!err.contains("of its cartridges") && !err.contains("jobs"), "{err}");

    assert_eq!(names(&to), ["app", "data", "variables.env"]);
    assert_eq!(names(&to.join("app")), ["index.html"]);
    assert_eq!(read(to.join("app/index.html")), "good");
    assert_eq!(read(to.join("data/deep/page")), "kept");
    assert_eq!(to.join("data/link").read_link_utf8().unwrap(), "/usr/bin/env");
    let expected = format!("EMPTY=\nGREETING= \"hi\" # there\n{}\n", gears.record_to());
    assert_eq!(read(to.join("variables.env")), expected);
    assert_eq!((mode(&to), mode(&to.join("variables.env"))), (0o700, 0o600));

    // What is there is not written over.
    let refused = gears.gear(&["extract", file.as_str(), to.as_str()]).failed(2);
    assert!(refused.contains("not an empty directory"), "{refused}");
    assert_eq!(names(&to), ["app", "data", "variables.env"]);

    // And what was taken out serves, with what the variables were.
    let other = ["create", "other", "--cartridge", gears.place.cartridge.as_str()];
    let (app, variables) = (to.join("app"), to.join("variables.env"));
    let from = ["--from", app.as_str(), "--env-file", variables.as_str(), "--env", "EMPTY=not"];
    gears.gear(&[&other[..], &from[..]].concat()).done();
    let listed = gears.json(&["env", "list", "other", "--json"]);
    assert_eq!(listed["GREETING"], " \"hi\" # there");
    assert_eq!(listed["EMPTY"], "not", "--env beats a file");
}

#[test]
fn of_a_nodes_gear_what_is_left_behind_is_told() {
    let gears = Gears::new();
    gears.create("blog");
    let file = of_a_node(&gears, |home| {
        let deployment = home.join("app-deployments/current/repo");
        write(&deployment.join(".openshift/cron/daily/README"), "");
        write(&deployment.join(".openshift/cron/daily/report"), "#!/bin/sh\n");
        let job = deployment.join(".openshift/cron/daily/report");
        std::fs::set_permissions(job, PermissionsExt::from_mode(0o755)).unwrap();
        let manifest = read(home.join("recorder/metadata/manifest.yml"));
        let database = manifest.replace("Name: Recorder", "Name: mysql");
        assert_ne!(manifest, database);
        write(&home.join("mysql/metadata/manifest.yml"), &database);
        write(&home.join("mysql/data/tables"), "");
        std::fs::remove_dir_all(home.join(".env/user_vars")).unwrap();
        // As an app's own archive may be.
        std::fs::set_permissions(&deployment, PermissionsExt::from_mode(0o555)).unwrap();
    });
    let to = to(&gears);
    let ended = gears.gear(&["extract", file.as_str(), to.as_str()]);
    let (out, err) = (ended.done(), ended.err());
    assert!(out.contains("no variables of the app's user"), "{out}");
    for words in ["`rhc env list`", "cartridges (Recorder, mysql)", "/app/.openshift/cron by"] {
        assert!(err.contains(words), "{words}: {err}");
    }
    assert_eq!(read(to.join("variables.env")), "");
    assert_eq!(names(&to.join("app")), [".openshift", "index.html"]);
}

#[test]
fn without_a_deployment_the_last_commit_is_taken_and_its_repository_runs_nothing() {
    let gears = Gears::new();
    let (_, clone) = Clone::that_serves(&gears);
    clone.commit(&[(".gitattributes", Some("* filter=evil\n"))]);
    clone.push(&["master"]);
    let ran = gears.place.records.join("ran");
    let file = of_a_node(&gears, |home| {
        std::fs::remove_dir_all(home.join("app-deployments")).unwrap();
        let config = home.join("git/blog.git/config");
        let filter =
            format!("[filter \"evil\"]\n\tsmudge = \"touch {ran}; cat\"\n\trequired = true\n");
        write(&config, &format!("{}{filter}", read(&config)));
    });
    let to = to(&gears);
    let out = gears.gear(&["extract", file.as_str(), to.as_str()]).done();
    let head = clone.git(&["rev-parse", "--short=7", "HEAD"]);
    assert!(out.contains(&format!("commit {head} of its git repository")), "{out}");
    assert_eq!(read(to.join("app/index.html")), "good");
    assert_eq!(names(&to.join("app")), [".gitattributes", "index.html"]);
    assert!(!ran.exists());
}

#[test]
fn variables_that_are_links_or_have_no_name_are_none() {
    let gears = Gears::new();
    gears.create("blog");
    let secret = gears.place.records.join("secret");
    write(&secret, "s3cret");
    let file = of_a_node(&gears, |home| {
        let variables = home.join(".env/user_vars");
        symlink(&secret, variables.join("LINK")).unwrap();
        write(&variables.join("DIRECTORY/X"), "x");
        write(&variables.join("NO-NAME"), "x");
        write(&variables.join("OLD"), "value\n");
        write(&variables.join("LONG"), &"x".repeat(300 * 1024));
    });
    let to = to(&gears);
    gears.gear(&["extract", file.as_str(), to.as_str()]).done();
    let expected = format!("OLD=value\n{}\n", gears.record_to());
    assert_eq!(read(to.join("variables.env")), expected);
}

#[test]
fn a_snapshot_without_code_is_refused() {
    let gears = Gears::new();
    gears.create("blog");
    let file = of_a_node(&gears, |home| {
        for part in ["app-deployments", "git"] {
            std::fs::remove_dir_all(home.join(part)).unwrap();
        }
    });
    let to = to(&gears);
    let said = gears.gear(&["extract", file.as_str(), to.as_str()]).failed(1);
    assert!(said.contains("neither a deployment nor a commit"), "{said}");
    assert!(!to.exists());
    assert_eq!(names(&gears.place.records).iter().filter(|n| n.starts_with(".shop")).count(), 0);
}
