use super::*;
use cart_core::files;

fn place() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap().to_owned();
    (dir, path)
}

fn offer(directory: &Utf8Path, script: &str) -> Utf8PathBuf {
    std::fs::create_dir_all(directory).unwrap();
    let path = directory.join("uv");
    files::write_atomic(&path, format!("#!/bin/sh\n{script}\n").as_bytes(), 0o755).unwrap();
    path
}

#[test]
fn the_cartridges_own_comes_first_and_one_that_is_too_old_is_passed_over_with_a_line() {
    let (_keep, place) = place();
    let own = place.join("own/uv");
    let old = offer(&place.join("old"), "echo uv 0.4.30");
    let broken = offer(&place.join("broken"), "echo no >&2; exit 3");
    let new = offer(&place.join("new"), "echo 'uv 0.13.9 (x86_64-unknown-linux-gnu)'");
    let env = GearEnv::new().with("PATH", format!("{place}/old:{place}/broken:{place}/new"));
    let find = || {
        let mut told = Vec::new();
        let found = Program::find(&own, &env, &mut |line| told.push(line.to_owned()));
        (found.map(|uv| uv.path), told)
    };
    let (found, told) = find();
    assert_eq!(found.unwrap(), new);
    assert_eq!(
        told[0],
        format!("{old} is passed over: it is uv 0.4.30, and {OLDEST} or newer is needed")
    );
    assert!(told[1].starts_with(&format!("{broken} is passed over: ")), "{told:?}");
    offer(own.parent().unwrap(), "echo uv 1.0.0");
    assert_eq!(find(), (Some(own), vec![]));
}
