//! Gears on a disk without room, and with trees in them that no path and no table of descriptors is
//! long enough for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use camino::Utf8Path;
use cart_core::tree::Descent;
use cart_core::{CommandSpec, files, run};
use common::gears::{Gears, LIMIT, answer};
use rustix::fs::{Mode, OFlags};

const GEAR: &str = env!("CARGO_BIN_EXE_gear");
/// More directories than a process may have descriptors below, and a longer path than the system takes.
const DEEP: usize = 900;
const NAME: &str = "deep";

/// Makes a tree with a file at its very bottom.
fn dig(root: &Utf8Path) {
    let mut way = Descent::at(root.as_std_path()).unwrap();
    for _ in 0..DEEP {
        rustix::fs::mkdirat(way.directory(), NAME, Mode::RWXU).unwrap();
        way.enter(NAME).unwrap();
    }
    let flags = OFlags::CREATE | OFlags::WRONLY;
    drop(rustix::fs::openat(way.directory(), "bottom", flags, Mode::RUSR).unwrap());
}

/// How deep a tree is, and whether the file is at its bottom.
fn depth(root: &Utf8Path) -> (usize, bool) {
    let mut way = Descent::at(root.as_std_path()).unwrap();
    while way.enter(NAME).is_ok() {}
    let bottom = rustix::fs::statat(way.directory(), "bottom", rustix::fs::AtFlags::empty());
    (way.depth(), bottom.is_ok())
}

/// Runs `gear` by way of another program.
fn by(gears: &Gears, wrapper: &[&str], args: &[&str]) -> (Option<i32>, String) {
    let command = CommandSpec::new(wrapper[0], &gears.env)
        .args(wrapper[1..].iter().copied())
        .arg(GEAR)
        .args(args.iter().copied());
    let output = run::output(&command, LIMIT).unwrap();
    (output.status.code(), format!("{}\n{}", output.stdout_text(), output.stderr_text()))
}

#[track_caller]
fn done((code, said): (Option<i32>, String)) -> String {
    assert_eq!(code, Some(0), "{said}");
    said
}

/// `unshare` that lets a program see a file system of its own mounted on `directory`.
fn mounted_on<'a>(directory: &'a Utf8Path, options: &'a str) -> Vec<&'a str> {
    let script = "mount -t tmpfs -o $0 none $1 && shift && exec \"$@\"";
    let mut wrapper = vec!["/usr/bin/unshare", "--mount"];
    if !rustix::process::geteuid().is_root() {
        wrapper.push("--map-root-user");
    }
    wrapper.extend(["/bin/sh", "-c", script, options, directory.as_str()]);
    wrapper
}

#[test]
fn a_tree_deeper_than_descriptors_and_paths_is_saved_restored_and_destroyed() {
    let few = ["/usr/bin/prlimit", "--nofile=64"];
    let gears = Gears::new();
    let url = gears.create("blog");
    let home = gears.home("blog");
    let data = home.join("app-root/data");
    let file = gears.place.records.join("deep.tar.gz");
    dig(&data);
    done(by(&gears, &few, &["snapshot", "blog", file.as_str()]));
    cart_core::tree::empty(&data).unwrap();
    for _ in 0..2 {
        // The second one finds what the first has put in place, and removes it.
        done(by(&gears, &few, &["restore", "blog", file.as_str()]));
        assert_eq!(depth(&data), (DEEP, true));
        assert!(!home.join(".restore").exists());
    }
    // The app's own code, too, and what is kept of it.
    dig(&home.join("app-root/runtime/repo"));
    done(by(&gears, &few, &["restart", "blog"]));
    assert!(answer(&url).contains("A small app"));
    done(by(&gears, &few, &["destroy", "blog", "--yes"]));
    assert_eq!(gears.place.left_behind(), [".locks"]);
}

#[test]
fn what_a_killed_destroy_left_is_listed_and_destroyed() {
    let gears = Gears::new();
    gears.create("blog");
    gears.gear(&["stop", "blog"]).done();
    let (home, aside) = (gears.home("blog"), gears.place.gears.join(".old.blog"));
    std::fs::rename(home, &aside).unwrap();
    std::fs::remove_file(aside.join(".gear.json")).unwrap();
    dig(&aside.join("app-root/data"));
    let listed = gears.json(&["list", "--json"]);
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&"blog".into(), &"unfinished".into()));
    assert_eq!(listed[0]["home"], aside.as_str());
    let said = gears.gear(&["start", "blog"]).failed(1);
    assert!(said.contains("`gear destroy blog`"), "{said}");
    gears.gear(&["destroy", "blog", "--yes"]).done();
    assert_eq!(gears.place.left_behind(), [".locks"]);
    assert!(gears.gear(&["destroy", "blog", "--yes"]).failed(2).contains("no gear \"blog\""));
}

/// Something that even root cannot remove: a file system is mounted there.
#[test]
fn what_cannot_be_removed_is_listed_and_stands_in_nobodys_way() {
    let gears = Gears::new();
    let busy = gears.place.gears.join(".old.blog/busy");
    std::fs::create_dir_all(&busy).unwrap();
    let record = gears.record_to();
    let mut create = gears.create_args("blog", &record);
    create.extend(["--from", gears.place.app.as_str()]);
    done(by(&gears, &mounted_on(&busy, "size=64k"), &create));
    let listed = gears.gear(&["list"]);
    assert!(
        listed.done().contains("blog") && listed.err().contains(".old.blog"),
        "{}",
        listed.err()
    );

    let file = gears.place.records.join("blog.tar.gz");
    gears.gear(&["snapshot", "blog", file.as_str()]).done();
    let home = gears.home("blog");
    let busy = home.join(".restore/busy");
    std::fs::create_dir_all(&busy).unwrap();
    assert_eq!(gears.json(&["list", "--json"])[0]["left_over"][0], home.join(".restore").as_str());
    assert!(gears.gear(&["list"]).err().contains("`gear tidy blog` removes it"));
    for _ in 0..2 {
        done(by(&gears, &mounted_on(&busy, "size=64k"), &["restore", "blog", file.as_str()]));
        std::fs::create_dir_all(&busy).unwrap();
    }
    let listed = gears.gear(&["list"]).err();
    assert!(listed.contains(".restore.0") && listed.contains(".restore.1"), "{listed}");
    gears.gear(&["tidy", "blog"]).done();
    assert!(!home.join(".restore").exists() && home.join(".restore.1").exists());
    // All of it goes with the gear.
    gears.gear(&["destroy", "blog", "--yes"]).done();
    assert_eq!(gears.place.left_behind(), [".locks"]);
}

/// Neither bytes nor files are left, and what must be done is done: the shell plays it where the small
/// disk is mounted.
#[test]
fn on_a_full_disk_a_gear_is_stopped_started_tidied_and_destroyed() {
    let gears = Gears::new();
    let script = gears.place.records.join("play");
    files::write_atomic(&script, PLAY.as_bytes(), 0o755).unwrap();
    let record = gears.record_to();
    let saved = gears.place.records.join("saved.tar.gz");
    let arguments = [
        gears.place.gears.as_str(),
        gears.place.cartridge.as_str(),
        gears.place.app.as_str(),
        &record,
        saved.as_str(),
    ];
    let command: Vec<&str> = mounted_on(&gears.place.gears, "size=16m,nr_inodes=2k,mode=0755");
    let play = CommandSpec::new(command[0], &gears.env)
        .args(command[1..].iter().copied())
        .args([script.as_str(), GEAR])
        .args(arguments);
    let output = run::output(&play, LIMIT).unwrap();
    let said = format!("{}\n{}", output.stdout_text(), output.stderr_text());
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("The disk is full, so what goes on cannot be noted"), "{said}");
}

const PLAY: &str = r#"#!/bin/sh -eux
gear=$1 gears=$2 cartridge=$3 app=$4 record=$5
runtime=$gears/blog/app-root/runtime
trap '"$gear" destroy blog --yes || true' EXIT
fill() { cat /dev/zero >>"$gears/ballast" || true; }
no_more_files() { mkdir -p "$gears/many"; (cd "$gears/many" && seq 1 3000 | xargs touch) 2>/dev/null || true; }
"$gear" create blog --cartridge "$cartridge" --from "$app" --env "$record"
for lack in fill no_more_files; do
    $lack
    ! sh -c 'echo room >"$1"' sh "$runtime/another"
    "$gear" stop blog
    test "$(cat "$runtime/.state")" = stopped
    test -e "$runtime/.stop_lock"
    # The recording cartridge itself writes down a pid.
    test ! -e "$gears/ballast" || truncate -s -4K "$gears/ballast"
    "$gear" start blog
    test "$(cat "$runtime/.state")" = started
    test ! -e "$runtime/.stop_lock"
    "$gear" status blog
    rm -rf "$gears/ballast" "$gears/many" "$runtime/another"
done
fill
"$gear" snapshot blog - >"$6"
test -s "$6"
"$gear" tidy blog
"$gear" destroy blog --yes
test ! -e "$gears/blog"
"#;
