//! What a killed `gear` leaves running.

use super::*;
use cart_core::{CommandSpec, GearEnv, run, wait};

const LIMIT: Duration = Duration::from_secs(20);

/// A group whose leader is gone and whose other process sleeps; answers both.
fn orphaned(env: &GearEnv) -> (ProcessId, ProcessId) {
    let script = ["-c", "sleep 300 >/dev/null 2>&1 & read go"];
    let shell = CommandSpec::new("/bin/sh", env).args(script).dir("/");
    let mut child = run::piped(&shell).unwrap();
    let leader = ProcessId::of_child(child.id()).unwrap();
    child.wait().unwrap();
    // While it is becoming another program, nobody sees whose it is.
    let sleeps = |member: &ProcessId| {
        process::command_line(member.pid).is_some_and(|line| line.starts_with("sleep"))
    };
    let member = || process::group_without(leader.pid).pop().filter(sleeps);
    (leader, wait::until(LIMIT, member).unwrap())
}

#[test]
fn what_a_script_started_is_ended_when_its_shell_is_gone_but_no_strangers() {
    let dir = tempfile::tempdir().unwrap();
    let home = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
    let processes = Processes::new(home.clone(), "cutoff");
    let path = GearEnv::new().with("PATH", "/bin:/usr/bin");
    let note = home.join("note");
    let end = |leader: ProcessId| {
        files::write_atomic(&note, &serde_json::to_vec(&leader).unwrap(), 0o600).unwrap();
        end_script(&note, &processes).unwrap();
    };
    let (leader, ours) = orphaned(&path.clone().with("OPENSHIFT_GEAR_UUID", "cutoff"));
    end(leader);
    assert!(!ours.is_alive(), "it would go on while what it changes is put back");
    let (leader, strangers) = orphaned(&path);
    end(leader);
    assert!(strangers.is_alive());
    strangers.signal(Signal::KILL);
}
