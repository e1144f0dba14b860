use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::disk::files;

fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

#[test]
fn modes_links_and_hidden_files_are_kept_and_named_ones_left_out() {
    let (_keep, dir) = directory();
    let (from, to) = (dir.join("from"), dir.join("to"));
    fs::create_dir_all(from.join("sub/__pycache__")).unwrap();
    fs::create_dir_all(from.join(".git")).unwrap();
    files::write_atomic(&from.join("sub/run"), b"#!", 0o750).unwrap();
    files::write_atomic(&from.join(".hidden"), b"h", 0o600).unwrap();
    symlink("sub/run", from.join("link")).unwrap();
    symlink("nowhere", from.join("dangling")).unwrap();
    let unwanted = |path: &Path| path == Path::new(".git") || path.ends_with("__pycache__");
    copy(&from, &to, unwanted).unwrap();
    copy(&from, &to, unwanted).unwrap();
    let mode = |n: &str| fs::metadata(to.join(n)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("sub/run"), mode(".hidden")), (0o750, 0o600));
    assert_eq!(fs::read_link(to.join("link")).unwrap().to_str(), Some("sub/run"));
    assert!(to.join("dangling").symlink_metadata().is_ok());
    assert!(!to.join(".git").exists() && !to.join("sub/__pycache__").exists());
}

#[test]
fn a_directory_that_nobody_may_write_into_stays_so_or_becomes_a_new_one() {
    let (_keep, dir) = directory();
    let from = dir.join("from");
    fs::create_dir_all(from.join("sub")).unwrap();
    files::write_atomic(&from.join("sub/file"), b"", 0o444).unwrap();
    for name in ["sub", ""] {
        fs::set_permissions(from.join(name), fs::Permissions::from_mode(0o555)).unwrap();
    }
    for (directories, kept) in [(Directories::Kept, true), (Directories::New, false)] {
        let to = dir.join(format!("{directories:?}"));
        copy_sharing(&from, &to, directories, |_| false, |_| true).unwrap();
        for name in ["sub", ""] {
            let mode = fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode == 0o555, kept, "{directories:?}: {mode:o} of {name:?}");
            assert!(kept || mode & 0o700 == 0o700, "{mode:o} of {name:?}");
        }
        remove(&to).unwrap();
    }
    remove(&from).unwrap();
}

#[test]
fn a_copy_has_the_time_of_what_was_copied() {
    let (_keep, dir) = directory();
    fs::create_dir(dir.join("from")).unwrap();
    let file = dir.join("from/f");
    files::write_atomic(&file, b"", 0o444).unwrap();
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_millis(951_782_400_250);
    File::open(&file).unwrap().set_modified(long_ago).unwrap();
    copy(&dir.join("from"), &dir.join("to"), |_| false).unwrap();
    assert_eq!(dir.join("to/f").metadata().unwrap().modified().unwrap(), long_ago);
}

#[test]
fn what_is_as_in_a_former_copy_is_that_file_and_all_else_a_new_one() {
    let (_keep, dir) = directory();
    let (from, former, to) = (dir.join("from"), dir.join("former"), dir.join("to"));
    fs::create_dir_all(from.join("sub")).unwrap();
    fs::create_dir(dir.join("elsewhere")).unwrap();
    for name in ["same", "content", "mode", "time", "sub/same", "sub/link"] {
        files::write_atomic(&from.join(name), b"1", 0o644).unwrap();
    }
    copy(&from, &former, |_| false).unwrap();
    copy(&from.join("sub"), &dir.join("elsewhere"), |_| false).unwrap();
    let time = |name: &str| from.join(name).metadata().unwrap().modified().unwrap();
    let was = time("content");
    files::write_atomic(&from.join("content"), b"2", 0o644).unwrap();
    File::open(from.join("content")).unwrap().set_modified(was).unwrap();
    fs::set_permissions(from.join("mode"), fs::Permissions::from_mode(0o600)).unwrap();
    File::open(from.join("time")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    files::write_atomic(&from.join("new"), b"1", 0o644).unwrap();
    fs::remove_file(former.join("sub/link")).unwrap();
    symlink(dir.join("elsewhere/link"), former.join("sub/link")).unwrap();
    copy_linking(&from, &to, &former).unwrap();
    let inode = |path: Utf8PathBuf| path.metadata().unwrap().ino();
    for name in ["same", "sub/same"] {
        assert_eq!(inode(to.join(name)), inode(former.join(name)), "{name}");
    }
    for name in ["content", "mode", "time", "sub/link", "new"] {
        assert_eq!(to.join(name).metadata().unwrap().nlink(), 1, "{name}");
        assert_eq!(fs::read(to.join(name)).unwrap(), fs::read(from.join(name)).unwrap());
    }
    assert_eq!(to.join("time").metadata().unwrap().modified().unwrap(), std::time::UNIX_EPOCH);
    // A directory on the way that is a link by now is not gone through.
    fs::remove_dir_all(former.join("sub")).unwrap();
    symlink(from.join("sub"), former.join("sub")).unwrap();
    copy_linking(&from, &dir.join("again"), &former).unwrap();
    assert_eq!(dir.join("again/sub/same").metadata().unwrap().nlink(), 1);
}

#[test]
fn without_a_former_copy_everything_is_copied() {
    let (_keep, dir) = directory();
    let (new, _) = two_directories(&dir);
    copy_linking(&new, &dir.join("to"), &dir.join("missing")).unwrap();
    assert_eq!(dir.join("to/new").metadata().unwrap().nlink(), 1);
}

fn two_directories(dir: &Utf8Path) -> (Utf8PathBuf, Utf8PathBuf) {
    for name in ["new", "current"] {
        fs::create_dir(dir.join(name)).unwrap();
        files::write_atomic(&dir.join(name).join(name), b"", 0o644).unwrap();
    }
    (dir.join("new"), dir.join("current"))
}

#[test]
fn two_directories_change_places() {
    let (_keep, dir) = directory();
    let (new, current) = two_directories(&dir);
    exchange(&new, &current).unwrap();
    assert!(current.join("new").exists() && new.join("current").exists());
    let error = exchange(&dir.join("missing"), &current).unwrap_err();
    assert!(error.to_string().contains("current"), "{error}");
    assert!(current.join("new").exists());
    exchange(&current, &dir.join("missing")).unwrap();
    assert!(dir.join("missing/new").exists() && !current.exists());
}

#[test]
fn where_names_cannot_be_exchanged_renames_do_it() {
    let (_keep, dir) = directory();
    let (new, current) = two_directories(&dir);
    exchange_in_steps(&new, &current).unwrap();
    assert!(current.join("new").exists() && new.join("current").exists());
    assert_eq!(dir.read_dir_utf8().unwrap().count(), 2, "something is left behind");
}

#[test]
fn what_a_kill_between_two_renames_left_aside_is_discarded() {
    let (_keep, dir) = directory();
    let (new, current) = two_directories(&dir);
    fs::rename(current, aside(&new)).unwrap();
    discard(&new).unwrap();
    assert_eq!(dir.read_dir_utf8().unwrap().count(), 0);
}

#[test]
fn a_root_that_is_a_link_is_followed() {
    let (_keep, dir) = directory();
    fs::create_dir(dir.join("real")).unwrap();
    files::write_atomic(&dir.join("real/f"), b"", 0o644).unwrap();
    symlink("real", dir.join("link")).unwrap();
    copy(&dir.join("link"), &dir.join("to"), |_| false).unwrap();
    assert!(dir.join("to/f").is_file());
}

#[test]
fn read_only_directories_are_copied_and_removed() {
    let (_keep, dir) = directory();
    fs::create_dir_all(dir.join("from/shut")).unwrap();
    files::write_atomic(&dir.join("from/shut/f"), b"", 0o444).unwrap();
    fs::set_permissions(dir.join("from/shut"), fs::Permissions::from_mode(0o555)).unwrap();
    copy(&dir.join("from"), &dir.join("to"), |_| false).unwrap();
    assert!(dir.join("to/shut/f").is_file());
    remove(&dir.join("to")).unwrap();
    remove(&dir.join("to")).unwrap();
    remove(&dir.join("from")).unwrap();
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn a_missing_source_is_named() {
    let (_keep, dir) = directory();
    let error = copy(&dir.join("missing"), &dir.join("to"), |_| false).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

/// With names of this length a path is longer than the system takes, and there are more directories
/// on it than a process may open by default.
const DEEP: usize = 1_100;
const NAME: &str = "deep";

/// Goes down as many directories, which it makes.
fn dig(root: &Utf8Path) -> Descent {
    fs::create_dir(root).unwrap();
    let mut descent = Descent::at(root.as_std_path()).unwrap();
    for _ in 0..DEEP {
        rustix::fs::mkdirat(descent.directory(), NAME, Mode::RWXU).unwrap();
        descent.enter(NAME).unwrap();
    }
    descent
}

#[test]
fn a_tree_deeper_than_any_path_is_copied_and_removed_with_little_of_everything() {
    let (_keep, dir) = directory();
    let small = std::thread::Builder::new().stack_size(128 * 1024).spawn(move || {
        let bottom = dig(&dir.join("from"));
        let flags = OFlags::CREATE | OFlags::WRONLY;
        drop(rustix::fs::openat(bottom.directory(), "f", flags, Mode::RUSR).unwrap());
        copy(&dir.join("from"), &dir.join("to"), |_| false).unwrap();
        let mut copied = Descent::at(dir.join("to").as_std_path()).unwrap();
        while copied.enter(NAME).is_ok() {}
        assert_eq!(copied.depth(), DEEP);
        assert!(rustix::fs::statat(copied.directory(), "f", AtFlags::empty()).is_ok());
        assert!(copied.held() < 20, "{}", copied.held());
        while copied.depth() > 0 {
            copied.leave().unwrap();
        }
        empty(&dir.join("to")).unwrap();
        assert_eq!(dir.join("to").read_dir_utf8().unwrap().count(), 0);
        remove(&dir.join("from")).unwrap();
        assert!(!dir.join("from").exists());
    });
    small.unwrap().join().unwrap();
}

#[test]
fn a_path_without_end_is_shown_by_its_ends() {
    let (_keep, dir) = directory();
    let bottom = dig(&dir.join("from"));
    rustix::fs::symlinkat("x", bottom.directory(), "link").unwrap();
    let mut walk = Walk::new(&dir.join("from")).unwrap();
    let mut last = None;
    while let Some(step) = walk.next() {
        if let Step::Entry(entry) = step.unwrap() {
            last = Some((entry.depth(), entry.shown(), entry.is_symlink()));
        }
    }
    let (depth, shown, is_link) = last.unwrap();
    assert!(depth == DEEP + 1 && is_link);
    assert!(
        shown.as_str().starts_with(dir.as_str()) && shown.as_str().ends_with("/deep/deep/link")
    );
    assert!(shown.as_str().len() < 1200, "{shown}");
    remove(&dir.join("from")).unwrap();
}

#[test]
fn a_directory_that_is_moved_away_under_a_walk_ends_it() {
    let (_keep, dir) = directory();
    let mut descent = dig(&dir.join("from"));
    fs::create_dir(dir.join("other")).unwrap();
    fs::rename(dir.join("from/deep/deep"), dir.join("other/deep")).unwrap();
    let error = std::iter::repeat_with(|| descent.leave()).find_map(Result::err).unwrap();
    assert_eq!(descent.depth(), 2);
    assert!(error.to_string().contains("moved"), "{error}");
}

#[test]
fn names_that_are_not_utf_8_are_copied_exchanged_and_removed() {
    let (_keep, dir) = directory();
    let name = |text: &'static [u8]| Path::new(OsStr::from_bytes(text));
    let from = dir.join("from").into_std_path_buf();
    let below = name(b"\xe9t\xe9").join(name(b"na\xefve.txt"));
    fs::create_dir_all(from.join(name(b"\xe9t\xe9"))).unwrap();
    fs::create_dir_all(from.join(name(b"left\xff"))).unwrap();
    drop(File::create(from.join(&below)).unwrap());
    symlink(name(b"\xe9t\xe9"), from.join(name(b"l\xeen"))).unwrap();
    copy(&dir.join("from"), &dir.join("to"), |below| below == name(b"left\xff")).unwrap();
    let to = dir.join("to").into_std_path_buf();
    assert!(to.join(&below).is_file());
    assert_eq!(fs::read_link(to.join(name(b"l\xeen"))).unwrap(), name(b"\xe9t\xe9"));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2);
    exchange(&dir.join("to"), &dir.join("from")).unwrap();
    assert_eq!(fs::read_dir(&from).unwrap().count(), 2);
    empty(&dir.join("to")).unwrap();
    remove(&dir.join("from")).unwrap();
    assert_eq!(fs::read_dir(dir.join("to")).unwrap().count(), 0);
}

#[test]
fn what_has_another_kind_in_the_copy_is_replaced_and_no_link_is_written_through() {
    let (_keep, dir) = directory();
    let (from, to, outside) = (dir.join("from"), dir.join("to"), dir.join("outside"));
    for made in [from.join("d"), to.join("f/full"), to.join("l"), outside.clone()] {
        fs::create_dir_all(made).unwrap();
    }
    symlink(&outside, to.join("d")).unwrap();
    symlink("x", from.join("l")).unwrap();
    for file in [from.join("d/in"), from.join("f"), to.join("f/full/f")] {
        files::write_atomic(&file, b"", 0o644).unwrap();
    }
    copy(&from, &to, |_| false).unwrap();
    assert!(to.join("f").is_file() && to.join("d/in").is_file() && to.join("l").is_symlink());
    assert_eq!(outside.read_dir_utf8().unwrap().count(), 0);
}

#[test]
fn a_walk_goes_on_behind_what_cannot_be_read() {
    let (_keep, dir) = directory();
    for name in ["a", "b", "c/in", "d"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    let mut walk = Walk::new(&dir).unwrap();
    let (mut seen, mut failed) = (Vec::new(), Vec::new());
    while let Some(step) = walk.next() {
        match step {
            Ok(Step::Entry(entry)) => {
                let below = entry.below().to_str().unwrap().to_owned();
                if below == "b" {
                    // Gone between being listed and being gone into.
                    fs::remove_dir(dir.join("b")).unwrap();
                } else if below == "c" {
                    walk.skip();
                }
                seen.push(below);
            }
            Ok(Step::Left(entry)) => seen.push(format!("{} left", entry.below().display())),
            Err(error) => failed.push(error.path),
        }
    }
    assert_eq!(seen, ["a", "a left", "b", "c", "d", "d left"]);
    assert_eq!(failed, [dir.join("b")]);
}
