use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use cart_core::{CommandSpec, programs, run};

use super::*;

const TIME: Time = Time(DEFAULT_TIME);

/// A small cartridge: modes, an empty directory, links to a file in another directory.
fn cartridge(at: &Utf8Path) -> Utf8PathBuf {
    let top = at.join("small");
    for directory in ["bin", "conf", "usr/bin"] {
        fs::create_dir_all(top.join(directory)).unwrap();
    }
    for (name, mode) in [("usr/bin/program", 0o755), ("README", 0o644), (".hidden", 0o600)] {
        files::write_atomic(&top.join(name), name.as_bytes(), mode).unwrap();
    }
    for directory in [".", "bin", "conf", "usr", "usr/bin"] {
        fs::set_permissions(top.join(directory), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for name in ["setup", "control"] {
        symlink("../usr/bin/program", top.join("bin").join(name)).unwrap();
    }
    top
}

/// Every path with its kind, mode and content.
fn listing(top: &Utf8Path) -> Vec<String> {
    entries(top)
        .unwrap()
        .iter()
        .map(|entry| match &entry.content {
            Content::Link(target) => format!("{} -> {target}", entry.name),
            Content::Directory => format!("{}/ {:o}", entry.name, entry.mode),
            Content::File(bytes) => {
                format!("{} {:o} {}", entry.name, entry.mode, String::from_utf8_lossy(bytes))
            }
        })
        .collect()
}

fn unpacked(program: &str, words: &[&str], into: &Utf8Path) -> Vec<String> {
    fs::create_dir(into).unwrap();
    let env = GearEnv::new().with("PATH", "/usr/bin:/bin");
    let program = programs::find(program, &env, &[]).unwrap();
    let command = CommandSpec::new(program, &env).args(words.iter().copied()).dir(into);
    run::checked(&command, Duration::from_secs(20)).unwrap();
    let tops: Vec<_> = into.read_dir_utf8().unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(tops.len(), 1, "one top directory");
    listing(tops[0].path())
}

#[test]
fn tar_and_unzip_give_back_modes_links_and_empty_directories() {
    let dir = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(dir.path()).unwrap();
    let top = cartridge(dir);
    let archives = pack(&top, "1.2", TIME).unwrap();
    assert!(archives.tar.ends_with("small-1.2.tar.gz"));
    let wanted = listing(&top);
    assert!(wanted.contains(&"small/bin/setup -> ../usr/bin/program".to_owned()), "{wanted:?}");
    assert!(wanted.contains(&"small/conf/ 755".to_owned()), "{wanted:?}");
    let tar = ["-xpzf", archives.tar.as_str()];
    assert_eq!(unpacked("tar", &tar, &dir.join("from-tar")), wanted);
    let zip = ["-q", archives.zip.as_str()];
    assert_eq!(unpacked("unzip", &zip, &dir.join("from-zip")), wanted);
}

#[test]
fn the_same_content_is_the_same_archive_whenever_and_wherever_it_was_made() {
    let packed = || {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let top = cartridge(dir);
        let old = std::time::SystemTime::UNIX_EPOCH
            + Duration::from_secs(u64::from(dir.as_str().len() as u32));
        fs::File::open(top.join("README")).unwrap().set_modified(old).unwrap();
        let archives = pack(&top, "1", TIME).unwrap();
        (fs::read(archives.tar).unwrap(), fs::read(archives.zip).unwrap())
    };
    assert!(packed() == packed());
}

#[test]
fn the_date_is_source_date_epochs() {
    let of = |value: &str| Time::from_env(&GearEnv::new().with("SOURCE_DATE_EPOCH", value));
    assert_eq!(of("1700000000").unwrap().0, 1_700_000_000);
    assert_eq!(Time::from_env(&GearEnv::new()).unwrap().0, DEFAULT_TIME);
    for wrong in ["", "today", "-1", "1", "99999999999999"] {
        let message = of(wrong).unwrap_err().to_string();
        assert!(message.starts_with(&format!("SOURCE_DATE_EPOCH={wrong} ")), "{message}");
    }
}
