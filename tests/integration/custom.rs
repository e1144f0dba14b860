//! A server that the app brings: it gets the socket as systemd hands one over.

use crate::cartridge::{SERVER, example, fixture, running};
use cart_test::{Load, Rate, TestGear, get};

const PROGRAM: &str = ".openshift/action_hooks/server";
const CUSTOM: (&str, &str) = (SERVER, "custom");

fn program(gear: &TestGear, text: &str, mode: u32) {
    let path = gear.repo().join(PROGRAM);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    cart_core::files::write_atomic(&path, text.as_bytes(), mode).unwrap();
}

#[test]
fn the_example_serves_without_a_callable_and_is_told_so() {
    let gear = running(&example("custom-server"), &[CUSTOM]);
    assert_eq!(get(gear.address(), "/health").body, "1");
    assert_eq!(get(gear.address(), "/").body, "Hello from a server of my own!");
    assert_eq!(gear.control("server").done().text, "custom");
    let doctor = gear.control("doctor").done().text.clone();
    assert!(doctor.contains("The app serves itself") && doctor.contains(PROGRAM), "{doctor}");
    gear.control("stop").done();
    gear.control("start").done();
    assert_eq!(get(gear.address(), "/health").body, "1");
}

/// gunicorn takes the socket only when all three variables are right.
#[test]
fn a_server_that_knows_systemd_takes_the_socket_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let app = camino::Utf8Path::from_path(place.path()).unwrap();
    for file in [fixture("sequence").join("app.py"), example("welcome").join("echo_socket.py")] {
        std::fs::copy(&file, app.join(file.file_name().unwrap())).unwrap();
    }
    let gear = running(app, &[]);
    program(&gear, "#!/bin/sh\nexec gunicorn --threads 8 app:application\n", 0o755);
    gear.write("requirements.txt", "gunicorn\n");
    let load = Load::start(gear.address(), Rate::PerSecond(200));
    gear.set(SERVER, "custom");
    gear.control("restart").done();
    gear.control("restart").done();
    assert_eq!(gear.control("server").done().text, "custom");
    gear.set(SERVER, "waitress");
    gear.control("restart").done();
    let tally = load.finish();
    assert!(tally.answered > 200, "{}", tally.answered);
    assert_eq!(tally.lost(), 0, "{}", tally.losses());
}

#[test]
fn a_program_that_cannot_serve_is_told_with_the_remedy() {
    let gear = running(&example("hello"), &[]);
    gear.set(SERVER, "custom");
    let restart = || gear.control("restart");
    restart().failed_saying(&[PROGRAM, "there is no", "descriptor 3"]);
    program(&gear, "#!/bin/sh\n", 0o644);
    restart().failed_saying(&[PROGRAM, "not executable", "chmod"]);
    program(&gear, "#!/bin/sh\r\nexec true\r\n", 0o755);
    restart().failed_saying(&[PROGRAM, "carriage return"]);
    program(&gear, "#!/bin/sh\necho out of luck\nexit 7\n", 0o755);
    restart().failed_saying(&["out of luck", "exit code 7"]);
    program(&gear, "#!/bin/no-such-shell\n", 0o755);
    restart().failed_saying(&["not found"]);
    // What served is still there.
    assert_eq!(get(gear.address(), "/health").body, "1");
}
