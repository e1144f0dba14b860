//! The cartridge under test and the apps that it serves.

use camino::{Utf8Path, Utf8PathBuf};
use cart_test::{TestGear, own_ip};

/// The target directory of this very build: tests are in its `debug/deps`, programs in its `debug`.
pub fn target() -> Utf8PathBuf {
    let me = Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap();
    let programs = me.ancestors().skip(1).find(|place| !place.ends_with("deps")).unwrap();
    programs.parent().unwrap().to_owned()
}

/// The assembled cartridge, `dist/advanced-python` in the target directory.
pub fn assembled() -> Utf8PathBuf {
    let cartridge = target().join("dist/advanced-python");
    assert!(
        cartridge.join("usr/bin/advanced-python").exists(),
        "{cartridge} is missing: run `cargo xtask dist` first, or `cargo xtask test`"
    );
    cartridge
}

/// The program `gear`, which was built with the cartridge in `target/dist/`.
pub fn gear(cartridge: &Utf8Path) -> Utf8PathBuf {
    let gear = cartridge.ancestors().nth(2).unwrap().join("debug/gear");
    assert!(gear.exists(), "{gear} is missing: run `cargo xtask dist --debug` first");
    gear
}

/// The words with which `gear` serves by the assembled cartridge, on an address that nobody else has.
pub fn serve() -> Vec<String> {
    let listen = format!("{}:0", own_ip());
    ["serve", "--cartridge", assembled().as_str(), "--listen", &listen].map(str::to_owned).into()
}

/// An app of `examples/apps/`.
pub fn example(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/apps").join(name)
}

/// An app of `tests/fixtures/apps/`.
pub fn fixture(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps").join(name)
}

/// A gear on which nothing runs yet.
pub fn empty_gear(variables: &[(&str, &str)]) -> TestGear {
    TestGear::new(&assembled(), "3", variables)
}

/// A gear on which `app` runs.
pub fn running(app: &Utf8Path, variables: &[(&str, &str)]) -> TestGear {
    let mut gear = empty_gear(variables);
    gear.deploy(app).done();
    gear
}

/// The variable that chooses the server.
pub const SERVER: &str = "OPENSHIFT_PYTHON_SERVER";
