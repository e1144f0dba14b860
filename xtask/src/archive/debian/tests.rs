//! The package of a development build, on a Debian that has nothing else.

use super::*;
use crate::machine::install;
use cart_core::GearEnv;

#[test]
fn it_serves_on_a_bare_debian_and_leaves_nothing() {
    const LIMIT: Duration = Duration::from_secs(900);
    let workspace = Workspace::here(GearEnv::from_process()).unwrap();
    let keep = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(keep.path()).unwrap();
    let (gear, share) = (workspace.target.join("debug/gear"), directory.join("share"));
    let generate = CommandSpec::new(&gear, &workspace.env).args(["generate", share.as_str()]);
    run::checked(&generate, LIMIT).expect("`cargo xtask dist --debug` comes first");
    let cartridge = workspace.target.join("dist").join(NAME);
    let parts = Parts { cartridge: &cartridge, gear: &gear, share: &share, brings_nginx: false };
    let time = Time::from_env(&GearEnv::new()).unwrap();
    let package = pack(&workspace, &parts, "0.1.0", time, directory).unwrap();

    let script = workspace.root.join("xtask/fixtures/bare-debian.sh");
    let app = workspace.root.join("examples/apps/hello");
    let root = install::as_root(&workspace.env).expect("debootstrap needs root, or sudo");
    let output = run::checked(&root.args([script, package, app]), LIMIT).unwrap();
    let text = output.stdout_text();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[0], concat!("gear: /usr/bin/gear, gear ", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].contains("Hello"), "{text}");
    assert_eq!(lines.len(), 2, "it left something: {text}");
}
