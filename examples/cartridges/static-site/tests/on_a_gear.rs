//! The cartridge on a real gear, as an author would test one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use cart_test::{TestGear, get};

/// The cartridge as it is delivered: metadata, the program, and a link to it for each hook.
fn assembled(place: &Utf8Path) -> Utf8PathBuf {
    let source = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("cartridge");
    let cartridge = place.join("static-site");
    for directory in ["metadata", "bin", "usr/bin"] {
        std::fs::create_dir_all(cartridge.join(directory)).unwrap();
    }
    let manifest = "metadata/manifest.yml";
    std::fs::copy(source.join(manifest), cartridge.join(manifest)).unwrap();
    let program = cartridge.join("usr/bin/static-site");
    std::fs::copy(env!("CARGO_BIN_EXE_static-site"), program).unwrap();
    for hook in ["setup", "control", "teardown"] {
        symlink("../usr/bin/static-site", cartridge.join("bin").join(hook)).unwrap();
    }
    cartridge
}

#[test]
fn files_are_served_and_a_changed_configuration_is_taken_over() {
    let place = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let app = place.join("app");
    std::fs::create_dir_all(app.join("public")).unwrap();
    let mut gear = TestGear::new(&assembled(place), "1", &[]);
    gear.deploy(&app).done();
    gear.write("public/page.html", "<p>hello");
    assert_eq!(get(gear.address(), "/page.html").body, "<p>hello");
    assert_eq!(get(gear.address(), "/nothing.html").status, 404);

    gear.set("OPENSHIFT_NGINX_MAX_BODY_SIZE", "no size");
    gear.control("restart").failed_saying(&["OPENSHIFT_NGINX_MAX_BODY_SIZE", "no size"]);
    gear.control("status").done();

    gear.set("OPENSHIFT_NGINX_MAX_BODY_SIZE", "1m");
    let address = "<%= ENV['OPENSHIFT_STATIC_SITE_IP'] %>:<%= ENV['OPENSHIFT_STATIC_SITE_PORT'] %>";
    gear.write("nginx.conf.erb", &format!("server {{ listen {address}; return 200 own; }}\n"));
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/page.html").body, "own");
    gear.control("stop").done();
    assert_ne!(gear.control("status").code, 0);
}
