//! `gear snapshot` and `gear restore`, with the recording cartridge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, files, run};
use common::clone::Clone;
use common::gears::{Gears, LIMIT, answer, get};
use flate2::read::GzDecoder;

const STOPPED_FOR_IT: [&str; 4] =
    ["control stop", "control pre-snapshot", "control post-snapshot", "control start"];

fn home(gears: &Gears, name: &str) -> Utf8PathBuf {
    gears.place.gears.join(name)
}

fn write(path: &Utf8Path, content: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    files::write_atomic(path, content.as_bytes(), 0o644).unwrap();
}

fn read(path: impl AsRef<Utf8Path>) -> String {
    std::fs::read_to_string(path.as_ref()).unwrap()
}

/// The calls that `during` brings about.
fn calls(gears: &Gears, during: impl FnOnce()) -> Vec<String> {
    let before = gears.place.calls().len();
    during();
    gears.place.calls()[before..].to_vec()
}

/// Names in a snapshot, without the top directory, and modes.
fn names(archive: &[u8]) -> BTreeMap<String, u32> {
    let mut names = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries().unwrap() {
        let entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let (top, below) = name.strip_prefix("./").unwrap().split_once('/').unwrap();
        assert_eq!(top.len(), 24, "the gear's uuid: {name}");
        names.insert(below.trim_end_matches('/').to_owned(), entry.header().mode().unwrap());
    }
    names
}

/// What a restore must not change: every file, link and directory with its mode and time.
fn state_of(home: &Utf8Path) -> BTreeMap<String, (u32, i64, String)> {
    let looked_at = ["app-root/data", "app-deployments", "app-root/runtime", "git"];
    let mut found = BTreeMap::new();
    for entry in looked_at.iter().flat_map(|part| walkdir::WalkDir::new(home.join(part))) {
        let Ok(entry) = entry else { continue };
        let metadata = entry.path().symlink_metadata().unwrap();
        let content = match metadata.is_file() {
            true => String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned(),
            false => String::new(),
        };
        let name = entry.path().to_str().unwrap().to_owned();
        found.insert(name, (metadata.mode(), metadata.mtime_nsec(), content));
    }
    found
}

#[test]
fn a_snapshot_holds_what_cannot_be_made_anew_and_hooks_run_in_order() {
    let gears = Gears::new();
    let managed = gears.place.cartridge.join("metadata/managed_files.yml");
    let lists = format!(
        "{}snapshot_exclusions:\n- logs\n- ~/app-root/data/cache\n- run/\n",
        read(&managed)
    );
    write(&managed, &lists);
    let control = gears.place.cartridge.join("bin/control");
    let hooks = read(&control).replace(
        "build) echo",
        "pre-snapshot) echo told to nobody; echo told to all >&2; echo dump >\"$OPENSHIFT_DATA_DIR/dump\" ;;\n\
         post-snapshot) rm \"$OPENSHIFT_DATA_DIR/dump\" ;;\nbuild) echo",
    );
    files::write_atomic(&control, hooks.as_bytes(), 0o755).unwrap();
    let url = gears.create("blog");
    let home = home(&gears, "blog");
    write(&home.join("app-root/data/kept"), "kept");
    std::fs::set_permissions(home.join("app-root/data/kept"), PermissionsExt::from_mode(0o751))
        .unwrap();
    write(&home.join("app-root/data/cache/big"), "big");
    write(&home.join("git/blog.git/description"), "blog");

    let file = gears.place.records.join("blog.tar.gz");
    let mut said = String::new();
    let during = calls(&gears, || {
        let ended = gears.gear(&["snapshot", "blog", file.as_str()]);
        assert_eq!(ended.done(), "");
        said = ended.err();
    });
    assert_eq!(during, STOPPED_FOR_IT);
    assert!(said.contains("told to all") && !said.contains("told to nobody"), "{said}");
    assert!(said.contains("\"run/\" excludes nothing"), "{said}");
    assert!(answer(&url).contains("A small app"), "it runs again");
    assert!(!home.join("app-root/runtime/.stop_lock").exists());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let names = names(&std::fs::read(&file).unwrap());
    assert_eq!(names["app-root/data/kept"], 0o751);
    for kept in [
        ".env/OPENSHIFT_GEAR_UUID",
        ".env/user_vars/RECORD_TO",
        "app-deployments/current",
        "app-deployments/by-id",
        "app-root/data/dump",
        "app-root/logs",
        "app-root/runtime",
        "git/blog.git/description",
        "recorder/bin/control",
        "recorder/run",
    ] {
        assert!(names.contains_key(kept), "{kept} is missing in {names:#?}");
    }
    for out in [
        ".tmp",
        ".ssh",
        ".sandbox",
        ".gear.json",
        "app-root/runtime/.state",
        "app-root/runtime/repo",
        "app-root/runtime/dependencies",
        "app-root/runtime/build-dependencies",
        "app-root/data/cache",
        "recorder/logs",
    ] {
        let found = names.keys().find(|name| Utf8Path::new(name).starts_with(out));
        assert_eq!(found, None);
    }
    assert!(!home.join("app-root/data/dump").exists(), "post-snapshot removed it");
}

#[test]
fn a_snapshot_goes_to_standard_output_and_a_nodes_tar_reads_it() {
    let gears = Gears::new();
    gears.create("blog");
    write(&home(&gears, "blog").join("app-root/data/deep/er"), "found");
    let out = run::output(&gears.command(&["snapshot", "blog"]), LIMIT).unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", out.stderr_text());
    let archive = gears.place.records.join("a.tar.gz");
    files::write_atomic(&archive, &out.stdout, 0o600).unwrap();
    // As a node extracts it.
    let to = gears.place.records.join("to");
    std::fs::create_dir(&to).unwrap();
    let tar = CommandSpec::new("/bin/tar", &gears.env)
        .args(["--strip=2", "--overwrite", "-xmz", "--wildcards", "./*/app-root/data"])
        .args(["./*/app-deployments", "-f", archive.as_str()])
        .dir(&to);
    run::checked(&tar, LIMIT).unwrap();
    assert_eq!(read(to.join("app-root/data/deep/er")), "found");
    assert!(to.join("app-deployments/current/repo/index.html").exists());
    assert!(!to.join("recorder").exists());
}

#[test]
fn a_snapshot_that_fails_leaves_no_file_and_a_running_gear() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let file = gears.place.records.join("blog.tar.gz");
    write(&file, "the one before");
    for (at, expected) in [
        ("control pre-snapshot", vec!["control stop", "control pre-snapshot", "control start"]),
        ("control post-snapshot", STOPPED_FOR_IT.to_vec()),
    ] {
        gears.gear(&["env", "set", "blog", &format!("FAIL_AT={at}")]).done();
        let during = calls(&gears, || {
            let said = gears.gear(&["snapshot", "blog", file.as_str()]).failed(1);
            assert!(said.contains(&format!("{at} ended with exit code 9")), "{said}");
        });
        assert_eq!(during, expected);
        answer(&url);
        assert_eq!(gears.state("blog"), "started");
        assert_eq!(read(&file), "the one before");
    }
    gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    let inside = home(&gears, "blog").join("app-root/data/x.tar.gz");
    let during = calls(&gears, || {
        let said = gears.gear(&["snapshot", "blog", inside.as_str()]).failed(1);
        assert!(said.contains("is in the gear itself"), "{said}");
        let nowhere = gears.place.records.join("missing/x.tar.gz");
        gears.gear(&["snapshot", "blog", nowhere.as_str()]).failed(1);
    });
    assert!(during.is_empty(), "{during:?}");
    let records = gears.place.records.read_dir_utf8().unwrap();
    let left: Vec<_> = records.map(|e| e.unwrap().file_name().to_owned()).collect();
    assert!(!left.iter().any(|name| name.starts_with(".blog.tar.gz")), "{left:?}");
}

#[test]
fn a_stopped_gear_stays_stopped_through_a_snapshot_and_a_restore() {
    let gears = Gears::new();
    let url = gears.create("blog");
    gears.gear(&["stop", "blog"]).done();
    let file = gears.place.records.join("blog.tar.gz");
    let during = calls(&gears, || drop(gears.gear(&["snapshot", "blog", file.as_str()]).done()));
    assert_eq!(during, STOPPED_FOR_IT[..3]);
    gears.gear(&["restore", "blog", file.as_str()]).done();
    let lock = home(&gears, "blog").join("app-root/runtime/.stop_lock");
    assert_eq!((gears.state("blog").as_str(), lock.exists()), ("stopped", true));
    assert!(get(&url).is_none());

    gears.gear(&["env", "set", "blog", "FAIL_AT=control start"]).done();
    let said = gears.gear(&["restore", "blog", file.as_str()]).failed(1);
    assert!(said.contains("control start ended with exit code 9"), "{said}");
    assert_eq!(gears.place.calls().last().map(String::as_str), Some("control stop"));
    assert_eq!((gears.state("blog").as_str(), lock.exists()), ("stopped", true));
}

#[test]
fn a_restore_brings_data_code_and_repository_back_in_the_nodes_order() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let home = home(&gears, "blog");
    write(&home.join("app-root/data/page"), "then");
    write(&home.join("app-root/data/.hidden"), "then");
    symlink("/usr/bin/env", home.join("app-root/data/link")).unwrap();
    write(&home.join("git/blog.git/description"), "then");
    write(&home.join("git/blog.git/hooks/pre-receive"), "then");
    let config = home.join("git/blog.git/config");
    write(&config, &read(&config).replace("hooksPath = hooks", "hooksPath = /elsewhere"));
    assert!(read(&config).contains("/elsewhere"));
    let file = gears.place.records.join("blog.tar.gz");
    gears.gear(&["snapshot", "blog", file.as_str()]).done();

    write(&home.join("app-root/data/page"), "now");
    write(&home.join("app-root/data/more"), "now");
    write(&home.join("git/blog.git/description"), "now");
    write(&home.join("git/blog.git/hooks/pre-receive"), "now");
    write(&home.join("app-root/runtime/repo/index.html"), "now");
    write(&home.join("recorder/logs/own.log"), "now");
    write(&home.join("app-root/runtime/dependencies/more"), "now");

    let during = calls(&gears, || drop(gears.gear(&["restore", "blog", file.as_str()]).done()));
    let expected = [
        "control stop",
        "control pre-restore",
        "control post-restore",
        "control update-configuration",
        "control deploy",
        "control start",
        "control post-deploy",
    ];
    assert_eq!(during, expected);
    assert_eq!(read(home.join("app-root/data/page")), "then");
    assert_eq!(read(home.join("app-root/data/.hidden")), "then");
    assert_eq!(home.join("app-root/data/link").read_link_utf8().unwrap(), "/usr/bin/env");
    assert!(!home.join("app-root/data/more").exists());
    assert_eq!(read(home.join("git/blog.git/description")), "then");
    assert_eq!(read(home.join("git/blog.git/hooks/pre-receive")), "now", "hooks stay");
    assert!(read(&config).contains("hooksPath = hooks"), "and git finds them");
    assert_eq!(read(home.join("recorder/logs/own.log")), "now", "logs stay");
    assert!(!home.join("app-root/runtime/dependencies/more").exists());
    assert!(home.join("recorder/built/marker").exists(), "dependencies are back");
    assert!(answer(&url).contains("A small app"));
    assert!(!home.join(".restore").exists());

    write(&home.join("git/blog.git/description"), "now");
    write(&home.join("app-root/data/page"), "now");
    let mut from = std::fs::File::open(&file).unwrap();
    let mut archive = Vec::new();
    from.read_to_end(&mut archive).unwrap();
    gears.gear(&["restore", "blog", file.as_str(), "--no-git"]).done();
    assert_eq!(read(home.join("git/blog.git/description")), "now");
    assert_eq!(read(home.join("app-root/data/page")), "then");
}

#[test]
fn a_snapshot_of_another_gear_and_of_a_node_is_restored() {
    let gears = Gears::new();
    gears.create("old");
    let old = home(&gears, "old");
    write(&old.join("app-root/data/page"), "old");
    write(&old.join("git/old.git/description"), "old");
    write(&old.join("app-deployments/current/repo/index.html"), "<h1>of the old one</h1>");
    // As a node packs it, in the directory of all gears.
    let uuid = read(old.join(".env/OPENSHIFT_GEAR_UUID"));
    let node = gears.place.records.join("node");
    std::fs::create_dir(&node).unwrap();
    cart_core::tree::copy(&old, &node.join(&uuid), |_| false).unwrap();
    symlink("/nowhere/usr", node.join(&uuid).join("recorder/usr2")).unwrap();
    let file = gears.place.records.join("node.tar.gz");
    let tar = CommandSpec::new("/bin/tar", &gears.env)
        .args(["--ignore-failed-read", "-czf", file.as_str()])
        .args([format!("--exclude=./{uuid}/app-root/runtime/repo"), format!("./{uuid}")])
        .dir(&node);
    run::checked(&tar, LIMIT).unwrap();

    let url = gears.create("new");
    gears.gear(&["restore", "new", file.as_str()]).done();
    let new = home(&gears, "new");
    assert_eq!(read(new.join("app-root/data/page")), "old");
    assert_eq!(read(new.join("git/new.git/description")), "old");
    assert!(!new.join("git/old.git").exists());
    assert_eq!(answer(&url), "<h1>of the old one</h1>");
    let env = read(new.join(".env/OPENSHIFT_GEAR_UUID"));
    assert_ne!(env, uuid, "variables stay");
    assert_eq!(read(new.join("app-root/runtime/data/page")), "old", "the link to data holds");
}

#[test]
fn transformations_of_the_cartridge_move_what_is_restored_or_are_refused() {
    let gears = Gears::new();
    let managed = gears.place.cartridge.join("metadata/managed_files.yml");
    let lists = read(&managed);
    write(&managed, &format!("{lists}restore_transforms:\n- s|data/old_\\(.*\\)|data/new_\\1|\n"));
    gears.create("blog");
    let home = home(&gears, "blog");
    write(&home.join("app-root/data/old_page"), "page");
    let file = gears.place.records.join("blog.tar.gz");
    gears.gear(&["snapshot", "blog", file.as_str()]).done();
    gears.gear(&["restore", "blog", file.as_str()]).done();
    assert_eq!(read(home.join("app-root/data/new_page")), "page");
    assert!(!home.join("app-root/data/old_page").exists());

    let own = home.join("recorder/metadata/managed_files.yml");
    for (expression, reason) in [
        ("y/a/b/", "only s/pattern/replacement/"),
        ("s|app-root/data|.env|", "restore puts nothing"),
    ] {
        write(&own, &format!("{lists}restore_transforms:\n- {expression}\n"));
        let before = state_of(&home);
        let during = calls(&gears, || {
            let said = gears.gear(&["restore", "blog", file.as_str()]).failed(1);
            assert!(said.contains("nothing was changed") && said.contains(reason), "{said}");
        });
        assert!(during.is_empty(), "{during:?}");
        assert_eq!(state_of(&home), before);
    }
}

#[test]
fn a_snapshot_that_is_killed_is_put_right_by_the_next_command_and_by_a_boot() {
    let gears = Gears::new();
    let url = gears.create("blog");
    gears.gear(&["env", "set", "blog", "BLOCK_AT=control pre-snapshot"]).done();
    let file = gears.place.records.join("blog.tar.gz");
    for next in [&["reload", "blog"][..], &["boot"]] {
        let mut killed = gears.start(&["snapshot", "blog", file.as_str()]);
        gears.called("control pre-snapshot");
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert!(get(&url).is_none() && gears.state("blog") == "stopped");
        gears.gear(next).done();
        assert!(answer(&url).contains("A small app"), "{next:?}");
        assert_eq!(gears.state("blog"), "started");
        assert!(!file.exists());
        // Each call is waited for anew.
        std::fs::remove_file(gears.place.records.join("calls")).unwrap();
    }
}

#[test]
fn a_hook_that_fails_before_anything_is_in_place_changes_nothing_and_one_after_says_so() {
    let gears = Gears::new();
    let url = gears.create("blog");
    let home = home(&gears, "blog");
    write(&home.join("app-root/data/page"), "then");
    let file = gears.place.records.join("blog.tar.gz");
    gears.gear(&["snapshot", "blog", file.as_str()]).done();
    write(&home.join("app-root/data/page"), "now");

    gears.gear(&["env", "set", "blog", "FAIL_AT=control pre-restore"]).done();
    let said = gears.gear(&["restore", "blog", file.as_str()]).failed(1);
    assert!(said.contains("the snapshot is not restored: control pre-restore"), "{said}");
    assert_eq!(read(home.join("app-root/data/page")), "now");
    answer(&url);
    assert_eq!(gears.state("blog"), "started");

    gears.gear(&["env", "set", "blog", "FAIL_AT=control deploy"]).done();
    let said = gears.gear(&["restore", "blog", file.as_str()]).failed(1);
    assert!(
        said.contains("data and code are restored") && said.contains("control deploy"),
        "{said}"
    );
    assert_eq!(read(home.join("app-root/data/page")), "then");
    assert_eq!(gears.state("blog"), "started", "it is still to run");
    gears.gear(&["env", "unset", "blog", "FAIL_AT"]).done();
    gears.gear(&["boot"]).done();
    answer(&url);
}

#[test]
fn names_that_are_not_utf8_live_as_others_do() {
    let odd = Path::new(OsStr::from_bytes(b"na\xefve.txt"));
    let gears = Gears::new();
    let made = |directory: &Utf8Path| {
        std::fs::File::create(directory.as_std_path().join(odd)).unwrap();
    };
    let is_in = |directory: &Utf8Path| directory.as_std_path().join(odd).is_file();
    made(&gears.place.app);
    gears.create("blog");
    let home = home(&gears, "blog");
    let repo = home.join("app-root/runtime/repo");
    assert!(is_in(&repo));

    let clone = Clone::of(&gears, "blog", "clone");
    assert!(is_in(&clone.directory));
    std::fs::create_dir(clone.directory.join("below")).unwrap();
    made(&clone.directory.join("below"));
    symlink(odd, clone.directory.join("link")).unwrap();
    clone.page("pushed");
    clone.push(&["master"]);
    assert!(is_in(&repo.join("below")));
    assert_eq!(std::fs::read_link(repo.join("link")).unwrap(), odd);
    assert!(is_in(&home.join("app-deployments/current/repo/below")));
    let kept = gears.deployments("blog");
    assert_eq!(kept[0]["checksum"].as_str().unwrap().len(), 40);

    // Also where there is nothing but what is ours.
    let data = home.join("app-root/data");
    for place in [&gears.place.gears, &home, &data, &home.join("app-root/runtime")] {
        made(place);
    }
    made(&home.join("app-deployments"));
    let snapshot = gears.place.records.join("blog.tar.gz");
    gears.gear(&["snapshot", "blog", snapshot.as_str()]).done();
    std::fs::remove_file(data.as_std_path().join(odd)).unwrap();
    gears.gear(&["deploy", "blog", "--from", clone.directory.as_str()]).done();
    gears.gear(&["restore", "blog", snapshot.as_str()]).done();
    assert!(is_in(&data) && is_in(&repo.join("below")));
    gears.gear(&["activate", "blog", kept[1]["id"].as_str().unwrap()]).done();
    assert!(is_in(&repo) && !repo.join("below").exists());
    assert_eq!(gears.gear(&["list"]).done().lines().count(), 2, "the head and blog");
    gears.gear(&["destroy", "blog", "--yes"]).done();
    assert!(!home.exists());
    std::fs::remove_file(gears.place.gears.as_std_path().join(odd)).unwrap();
}
