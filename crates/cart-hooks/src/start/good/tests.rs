use std::fs;
use std::os::unix::fs::PermissionsExt;

use cart_core::{CommandSpec, GearEnv, LogLimits};
use cart_supervisor::{Listen, Logging, Probe, Stop, StopSignal};

use super::*;

fn spec(command: CommandSpec) -> ServiceSpec {
    ServiceSpec {
        name: "appserver".to_owned(),
        label: "gunicorn".to_owned(),
        command,
        listen: vec![Listen::Unix("/g/c/run/appserver.sock".into())],
        log: "/g/c/logs/appserver.log".into(),
        probe: Probe::Reaction,
        start_limit: 60,
        logging: Logging::Own { files: Vec::new(), limits: LogLimits::default() },
        stop: Stop { signal: StopSignal::Term, linger: 5, drain: 30 },
        asked_where: Vec::new(),
        max_memory: None,
        is_aside: false,
    }
}

fn moves() -> Moves {
    let mut moves = Moves(Vec::new());
    moves.add("/g/app-root/runtime/repo".into(), "/g/c/good/3/code".into());
    moves.add("/g/c/virtenv".into(), "/g/c/good/3/virtenv".into());
    moves
}

fn good(number: u64) -> Good {
    let bytes = || Bytes::Text("x".to_owned());
    Good {
        format: FORMAT,
        number,
        since: 1_795_372_800,
        server: "gunicorn".to_owned(),
        python: Version::new(3, 11, 2),
        repo: "/g/repo".into(),
        has_code: true,
        environment: Environment { number, mark: None, names_code: false },
        appserver: spec(CommandSpec::new("/bin/true", &GearEnv::new())),
        websocketserver: None,
        metrics: None,
        background: Vec::new(),
        nginx: spec(CommandSpec::new("/bin/true", &GearEnv::new())),
        config: Config {
            main: bytes(),
            appserver: Bytes::Other(vec![0xff, b'\n']),
            server: bytes(),
        },
    }
}

fn cartridge() -> (tempfile::TempDir, CartridgeDir) {
    let keep = tempfile::tempdir().unwrap();
    let dir = CartridgeDir::new(Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap());
    files::create_dir(&top(&dir), 0o700).unwrap();
    (keep, dir)
}

#[test]
fn a_command_moves_with_its_variables_and_what_is_elsewhere_stays() {
    let env = GearEnv::new()
        .with("OPENSHIFT_REPO_DIR", "/g/app-root/runtime/repo/")
        .with("PYTHONPATH", "/g/app-root/runtime/repo/libs:/g/app-root/runtime/repository")
        .with("PATH", "/g/c/virtenv/bin:/usr/bin")
        .with("OPENSHIFT_DATA_DIR", "/g/app-root/data/");
    let command = CommandSpec::new("/g/c/virtenv/bin/python", &env)
        .args(["-m", "gunicorn", "app:application"])
        .dir("/g/app-root/runtime/repo");
    let moved = moves().spec(&spec(command)).command;
    assert_eq!(moved.to_string(), "/g/c/good/3/virtenv/bin/python -m gunicorn app:application");
    assert_eq!(moved.dir, "/g/c/good/3/code");
    let expected = GearEnv::new()
        .with("OPENSHIFT_REPO_DIR", "/g/c/good/3/code/")
        .with("PYTHONPATH", "/g/c/good/3/code/libs:/g/app-root/runtime/repository")
        .with("PATH", "/g/c/good/3/virtenv/bin:/usr/bin")
        .with("OPENSHIFT_DATA_DIR", "/g/app-root/data/");
    assert_eq!(moved.env, expected);
}

#[test]
fn what_is_written_is_read_again_and_readable_by_its_user_only() {
    let (_keep, dir) = cartridge();
    write(&dir, &good(7)).unwrap();
    let read = Good::read(&dir).unwrap();
    assert_eq!(read.date(), "2026-11-22T18:40:00Z");
    assert_eq!((read.number, read.config), (7, good(7).config));
    assert_eq!(fs::metadata(record(&dir)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_of_another_format_is_as_good_as_none() {
    let (_keep, dir) = cartridge();
    write(&dir, &Good { format: FORMAT + 1, ..good(7) }).unwrap();
    assert!(Good::read(&dir).is_none());
    files::write_atomic(&record(&dir), b"{", 0o600).unwrap();
    assert!(Good::read(&dir).is_none());
}

#[test]
fn a_sweep_leaves_the_last_good_generation_alone() {
    let (_keep, dir) = cartridge();
    for number in ["6", "7", "8"] {
        fs::create_dir_all(top(&dir).join(number).join("code")).unwrap();
    }
    write(&dir, &good(7)).unwrap();
    sweep(&dir).unwrap();
    assert!(top(&dir).join("7/code").is_dir());
    assert!(!top(&dir).join("6").exists() && !top(&dir).join("8").exists());
    assert!(record(&dir).exists());
}

#[test]
fn an_environment_stays_while_somebody_of_a_generation_with_it_works() {
    let (_keep, dir) = cartridge();
    let top = top(&dir);
    for (generation, environment) in [("5", "virtenv-3"), ("7", "virtenv-7")] {
        fs::create_dir_all(top.join(generation).join("code")).unwrap();
        fs::create_dir_all(top.join(environment)).unwrap();
        symlink(format!("../{environment}"), top.join(generation).join("virtenv")).unwrap();
    }
    write(&dir, &good(7)).unwrap();
    // Its command line names nothing of it, as that of a worker which has given itself a title.
    let command = CommandSpec::new("/bin/sleep", &GearEnv::new()).arg("60").dir(top.join("5/code"));
    let log = fs::File::create(dir.path().join("log")).unwrap();
    let mut worker = cart_core::run::service(&command, Vec::new(), &log).unwrap();
    sweep(&dir).unwrap();
    assert!(top.join("5/code").is_dir() && top.join("virtenv-3").is_dir());
    worker.kill().unwrap();
    worker.wait().unwrap();
    sweep(&dir).unwrap();
    assert!(!top.join("5").exists() && !top.join("virtenv-3").exists());
    assert!(top.join("7/virtenv").is_dir());
}

#[test]
fn a_sweep_before_the_first_success_is_done() {
    let keep = tempfile::tempdir().unwrap();
    sweep(&CartridgeDir::new(Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap())).unwrap();
}
