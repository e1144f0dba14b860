//! What the machine lacks leaves what runs running, and is named.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::exit_code::NOT_ANSWERING;
use cart_core::{CommandSpec, GearEnv, run, wait};
use cart_test::{TestGear, get, try_get};
use tempfile::TempDir;
use tests::faults::limit::Lowered;
use tests::faults::{LIMIT, Untouched, control_by, refused};
use tests::processes::{nginx, server, settled, supervisor, those_of};

use crate::cartridge::{SERVER, assembled, fixture, running};

/// How long a whole place full of faults may take.
const PLAY: Duration = Duration::from_secs(600);
/// What the supervisor says in its log of a hook for which it has no descriptor.
const NOT_ACCEPTED: &str = "it cannot be accepted: no file descriptor";
/// Less than the 30 seconds that a server gets which was given no time of its own.
const SOON: Duration = Duration::from_secs(25);
/// Bytes and files of the small disk: a gear takes a third of it.
const SMALL: &str = "size=64m,nr_inodes=20k,mode=0755";

#[test]
fn a_full_disk_and_one_that_is_read_only() {
    let place = Place::new();
    // Mounted where nobody but the gear sees it; it goes with the last process that does.
    let script = "mount -t tmpfs -o $0 none $1 && shift && exec \"$@\"";
    let own_mounts: &[&str] = match rustix::process::geteuid().is_root() {
        true => &["--mount"],
        false => &["--mount", "--map-root-user"],
    };
    let wrapper: Vec<&str> = own_mounts
        .iter()
        .copied()
        .chain(["/bin/sh", "-c", script, SMALL, place.gears.as_str()])
        .collect();
    place.play("small-disk", "/usr/bin/unshare", &wrapper);
}

#[test]
fn unwritable_files_and_a_full_table_of_processes() {
    let place = Place::new();
    if !rustix::process::geteuid().is_root() {
        return place.play("other-user", "/usr/bin/env", &[]);
    }
    // Nobody else's, and in every container's range; two runs on one machine differ.
    let user = 20_000 + std::process::id() % 40_000;
    std::os::unix::fs::chown(&place.gears, Some(user), Some(user)).unwrap();
    let [uid, gid] = ["uid", "gid"].map(|id| format!("--re{id}={user}"));
    place.play("other-user", "/usr/bin/setpriv", &[&uid, &gid, "--clear-groups"]);
}

#[test]
fn no_descriptor_left_for_a_hook_the_supervisor_or_nginx() {
    let gear = running(&fixture("mirror"), &[]);
    let before = Untouched::now(&gear);
    // A hard limit would be nginx's, too; a soft one is raised by nobody.
    let hard = control_by(&gear, &["prlimit", "--nofile=100"], "restart");
    refused(&hard, &["may open 100 files", "ulimit -n"]);
    before.still(&gear);
    // How many it takes where nothing has changed is its own affair.
    let mut refusals = 0;
    for most in 4..20 {
        let soft = format!("--nofile={most}:");
        let outcome = control_by(&gear, &["prlimit", &soft], "restart");
        if outcome.code == 0 {
            break;
        }
        refused(&outcome, &["no file descriptor is left", "ulimit -n"]);
        before.still(&gear);
        refusals += 1;
    }
    assert!(refusals > 0, "the limit is none");
    gear.control("restart").done();
    no_descriptor_left_for_the_supervisor(&gear);
    no_descriptor_left_for_nginx(&gear);
}

fn no_descriptor_left_for_the_supervisor(gear: &TestGear) {
    let process = supervisor(gear);
    let before = Untouched::now(gear);
    // Enough to be asked, not enough to start something; how many that is, is its own affair.
    let mut refusals = 0;
    for more in 1..20 {
        let few = Lowered::files(process, more);
        let outcome = gear.control("restart");
        if outcome.code == 0 {
            break;
        }
        refused(&outcome, &["no file descriptor is left", "still serves"]);
        before.still(gear);
        refusals += 1;
        drop(few);
        gear.control("status").done();
    }
    assert!(refusals > 0, "the limit is none: {}", gear.log("supervisor.log"));
    let before = Untouched::now(gear);
    // Not even enough to be asked: whoever asks waits until it is.
    let refused = || gear.log("supervisor.log").matches(NOT_ACCEPTED).count();
    let refused_before = refused();
    std::thread::scope(|scope| {
        let none = Lowered::files(process, 0);
        let status = scope.spawn(|| gear.control("status"));
        let asked = wait::until(LIMIT, || (refused() > refused_before).then_some(()));
        assert!(asked.is_some() && !status.is_finished(), "{:?}", status.join());
        before.still(gear);
        drop(none);
        status.join().unwrap().done();
    });
    gear.control("restart").done();
}

/// A worker that can take a connection and open none to the app.
fn no_descriptor_left_for_nginx(gear: &TestGear) {
    assert!(settled(gear, LIMIT));
    let workers = those_of(nginx(gear), "worker process");
    let few: Vec<Lowered> = workers.iter().map(|worker| Lowered::files(*worker, 1)).collect();
    let status = gear.control("status");
    status.failed_saying(&["status 500", "nginx-error.log"]);
    assert_eq!(status.code, i32::from(NOT_ANSWERING));
    assert!(gear.log("nginx-error.log").contains("Too many open files"));
    drop(few);
    gear.control("status").done();
    assert_eq!(get(gear.address(), "/").body, "mirror");
}

/// Neither what replaces it nor a stop waits for it any longer than it was given.
#[test]
fn a_server_that_ignores_being_told_to_end() {
    let gear = running(&fixture("deaf"), &[("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "1")]);
    let deaf = server(&gear);
    assert_eq!(get(gear.address(), "/").body, "deaf");
    gear.control("restart").done();
    assert!(deaf.wait_gone(SOON), "the old one still runs");
    // The line is written when the signal has been sent, and the end may be seen before.
    let told = || gear.log("supervisor.log").contains("killed").then_some(());
    assert!(wait::until(LIMIT, told).is_some(), "{}", gear.log("supervisor.log"));
    assert_eq!(get(gear.address(), "/").body, "deaf");
    let begin = Instant::now();
    gear.control("stop").done();
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert!(try_get(gear.address(), "/").is_err());
}

/// A clock that is set while requests are finished cuts none short and keeps no old server.
#[test]
fn a_clock_that_jumps_under_a_server_that_is_to_end() {
    let gear = running(&fixture("clock"), &[(SERVER, "gevent")]);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| get(gear.address(), "/slow").body);
        let begun = || gear.repo().join("begun").exists().then_some(());
        assert!(wait::until(LIMIT, begun).is_some());
        gear.control("restart").done();
        assert_eq!(slow.join().unwrap(), "clock");
    });
    assert!(settled(&gear, LIMIT), "the old one still runs");
    assert_eq!(get(gear.address(), "/").body, "clock");
}

/// Files from the future and from 1970, as a clock leaves them that was wrong when they were made.
#[test]
fn times_of_files_that_cannot_be_right() {
    let gear = running(&fixture("mirror"), &[]);
    let code = std::fs::read_to_string(gear.repo().join("app.py")).unwrap();
    let pid = || get(gear.address(), "/pid").body;
    let before = pid();
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    for (time, word) in [
        (SystemTime::now() + 10 * YEAR, "future"),
        (SystemTime::UNIX_EPOCH, "beginning"),
        (SystemTime::now(), "present"),
    ] {
        for directory in [gear.cartridge().to_owned(), gear.gear().layout().runtime()] {
            set_times(&directory, time);
        }
        assert!(gear.control("start").done().text.contains("running already"), "{word}");
        gear.control("status").done();
        assert_eq!(gear.control("build").done().text, "", "{word}");
        // Of another size each time: Python itself tells a changed file by size and time.
        gear.write("app.py", &code.replace("b\"mirror\"", &format!("b\"{word}\"")));
        set_times(&gear.repo(), time);
        gear.deploy_hot().done();
        assert_eq!(get(gear.address(), "/").body, word);
    }
    assert_ne!(pid(), before);
}

/// Gives every file below a directory this time of its last change.
fn set_times(directory: &Utf8Path, time: SystemTime) {
    for entry in directory.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            set_times(entry.path(), time);
        } else if kind.is_file() {
            std::fs::File::open(entry.path()).unwrap().set_modified(time).unwrap();
        }
    }
}

/// The cartridge, the app and the program `faults`, where every user can read them, and a
/// directory for gears.
struct Place {
    directory: Utf8PathBuf,
    gears: Utf8PathBuf,
    _keep: TempDir,
}

impl Place {
    fn new() -> Self {
        let keep = TempDir::with_prefix_in("faults-", "/tmp").unwrap();
        let directory = Utf8Path::from_path(keep.path()).unwrap().to_owned();
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
        let gears = directory.join("gears");
        std::fs::create_dir(&gears).unwrap();
        let program = Utf8Path::new(env!("CARGO_BIN_EXE_faults"));
        let copies = [
            (assembled(), "cartridge"),
            (fixture("mirror"), "app"),
            (program.to_owned(), "faults"),
        ];
        for (from, name) in copies {
            let copy = CommandSpec::new("/bin/cp", &GearEnv::from_process()).args([
                "--recursive",
                from.as_str(),
                directory.join(name).as_str(),
            ]);
            run::checked(&copy, LIMIT).unwrap();
        }
        Self { directory, gears, _keep: keep }
    }

    /// Lets `program` with its `args` play all faults of this kind.
    fn play(&self, kind: &str, program: &str, args: &[&str]) {
        // What everybody may run: a Python in root's home is of no use to another user.
        let env = GearEnv::new().with("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        let command = CommandSpec::new(program, &env)
            .args(args.iter().copied())
            .arg(self.directory.join("faults"))
            .arg(kind)
            .args(["--cartridge", self.directory.join("cartridge").as_str()])
            .args(["--app", self.directory.join("app").as_str()])
            .args(["--place", self.gears.as_str()])
            .dir("/");
        let needs = "these tests need root, or user name spaces, and a tmpfs that can be mounted";
        // Whole: what failed stands before the logs of the gear.
        let output = run::output(&command, PLAY).unwrap_or_else(|e| panic!("{e}\n({needs})"));
        let said = [output.stdout_text(), output.stderr_text()].join("\n");
        assert!(output.status.success(), "{said}\n({needs})");
    }
}
