//! The cartridge on a real gear: a program is served, replaced, and kept when its successor fails.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;
use cart_test::{TestGear, get};

/// The cartridge as it is delivered: metadata, the program, and a link to it for each hook.
fn assembled(place: &Utf8Path) -> Utf8PathBuf {
    let source = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("cartridge");
    let cartridge = place.join("any-program");
    for directory in ["metadata", "bin", "usr/bin"] {
        std::fs::create_dir_all(cartridge.join(directory)).unwrap();
    }
    let manifest = "metadata/manifest.yml";
    std::fs::copy(source.join(manifest), cartridge.join(manifest)).unwrap();
    let program = cartridge.join("usr/bin/any-program");
    std::fs::copy(env!("CARGO_BIN_EXE_any-program"), program).unwrap();
    for hook in ["setup", "control", "teardown"] {
        symlink("../usr/bin/any-program", cartridge.join("bin").join(hook)).unwrap();
    }
    cartridge
}

/// A program that answers `body` on the socket that it is given.
fn server(body: &str) -> String {
    format!(
        "#!/usr/bin/env python3
import os, socket
assert (os.environ['LISTEN_FDS'], os.environ['LISTEN_PID']) == ('1', str(os.getpid()))
listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    with connection:
        if connection.recv(65536):
            connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: {}\\r\\n'
                               b'Connection: close\\r\\n\\r\\n{body}')
",
        body.len()
    )
}

#[test]
fn a_program_is_served_replaced_and_kept_when_its_successor_fails() {
    let place = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let app = place.join("app");
    std::fs::create_dir_all(app.join("public")).unwrap();
    files::write_atomic(&app.join("server"), server("first").as_bytes(), 0o755).unwrap();
    files::write_atomic(&app.join("public/style.css"), b"a {}", 0o644).unwrap();
    let mut gear = TestGear::new(&assembled(place), "1", &[]);
    gear.deploy(&app).done();
    assert_eq!(get(gear.address(), "/").body, "first");
    assert_eq!(get(gear.address(), "/style.css").body, "a {}");
    assert!(gear.control("status").done().text.contains("is running"));

    let replace = |text: &str| {
        files::write_atomic(&gear.repo().join("server"), text.as_bytes(), 0o755).unwrap();
        gear.control("restart")
    };
    replace("#!/bin/sh\necho no luck >&2\nexit 7\n").failed_saying(&["exit code 7"]);
    assert_eq!(get(gear.address(), "/").body, "first");
    replace(&server("second")).done();
    assert_eq!(get(gear.address(), "/").body, "second");
    gear.control("stop").done();
    assert_ne!(gear.control("status").code, 0);
}
