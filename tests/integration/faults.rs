//! What the machine lacks leaves what runs running, and is named.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::entry::NOT_ANSWERING;
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, GearEnv, run, wait};
use cart_test::{TestGear, get, try_get};
use tempfile::TempDir;
use tests::faults::limit::{Lowered, open_files};
use tests::faults::{LIMIT, Untouched, control_by, plain, refused};
use tests::processes::{child, settled, supervisor, those_of};

use crate::cartridge::{assembled, fixture, running};

/// How long a whole place full of faults may take.
const PLAY: Duration = Duration::from_secs(180);
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
fn no_descriptor_left_for_a_hook() {
    let gear = running(&fixture("mirror"), &[]);
    let before = Untouched::now(&gear);
    // A hard limit would be nginx's, too; a soft one is raised by nobody.
    let hard = control_by(&gear, &["prlimit", "--nofile=100"], "restart");
    refused(&hard, &["may open 100 files", "ulimit -n"]);
    before.still(&gear);
    for most in 4..9 {
        let soft = format!("--nofile={most}:");
        let outcome = control_by(&gear, &["prlimit", &soft], "restart");
        refused(&outcome, &["no file descriptor is left", "ulimit -n"]);
        before.still(&gear);
    }
    gear.control("restart").done();
    no_descriptor_left_for_the_supervisor(&gear);
    no_descriptor_left_for_nginx(&gear);
}

fn no_descriptor_left_for_the_supervisor(gear: &TestGear) {
    assert!(settled(gear, LIMIT));
    let process = supervisor(gear);
    let before = Untouched::now(gear);
    for more in 0..8 {
        let _few = Lowered::files(process, open_files(process) + more);
        if more > 0 {
            let outcome = gear.control("restart");
            println!("{more}: {} {}", outcome.code, outcome.text);
        }
    }
    let _ = before;
}

fn no_descriptor_left_for_nginx(gear: &TestGear) {
    let master = child(gear, "nginx: master");
    let workers = those_of(master, "worker process");
    let few: Vec<Lowered> =
        workers.iter().map(|worker| Lowered::files(*worker, open_files(*worker) + 1)).collect();
    let outcome = gear.control("status");
    println!("{} {}", outcome.code, outcome.text);
    drop(few);
    gear.control("status").done();
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
        let played = run::checked(&command, PLAY).unwrap_or_else(|e| panic!("{e}"));
        println!("{}", played.stdout_text());
    }
}
