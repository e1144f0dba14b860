use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use cart_core::files;

use super::*;

fn app() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
    let repo = path.join("repo");
    fs::create_dir_all(repo.join("static/css")).unwrap();
    put(&repo, "app.py", 0o644);
    put(&repo, "tool.sh", 0o755);
    put(&repo, "static/css/x.css", 0o444);
    (dir, path)
}

fn put(repo: &Utf8Path, name: &str, mode: u32) {
    files::write_atomic(&repo.join(name), name.as_bytes(), mode).unwrap();
}

fn read(root: &Utf8Path) -> Code {
    Code::read(root, LIMIT).unwrap().unwrap()
}

#[test]
fn a_copy_is_the_same_with_modes_times_and_links() {
    let (_keep, dir) = app();
    let (repo, copy) = (dir.join("repo"), dir.join("copy"));
    symlink("app.py", repo.join("relative")).unwrap();
    symlink(repo.join("static"), repo.join("absolute")).unwrap();
    symlink("/nowhere", repo.join("outside")).unwrap();
    let code = read(&repo);
    code.copy(&repo, &copy, None).unwrap();
    assert_eq!(read(&copy), code);
    assert_eq!(fs::read_link(copy.join("absolute")).unwrap(), copy.join("static"));
    assert_eq!(fs::read_link(copy.join("outside")).unwrap(), Path::new("/nowhere"));
    let (old, new) = (repo.join("tool.sh"), copy.join("tool.sh"));
    assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o755);
    let modified = |path| fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(modified(&old), modified(&new));
    assert_ne!(fs::metadata(&old).unwrap().ino(), fs::metadata(&new).unwrap().ino());
}

#[test]
fn what_is_the_same_as_in_a_former_copy_is_linked_to_that_and_never_to_the_repository() {
    let (_keep, dir) = app();
    let (repo, first, second) = (dir.join("repo"), dir.join("1"), dir.join("2"));
    read(&repo).copy(&repo, &first, None).unwrap();
    put(&repo, "app.py", 0o600);
    let code = read(&repo);
    code.copy(&repo, &second, Some((&read(&first), &first))).unwrap();
    assert_eq!(read(&second), code);
    let inode = |dir: &Utf8Path, name: &str| fs::metadata(dir.join(name)).unwrap().ino();
    assert_eq!(inode(&first, "tool.sh"), inode(&second, "tool.sh"));
    assert_ne!(inode(&first, "app.py"), inode(&second, "app.py"));
    assert_ne!(inode(&repo, "app.py"), inode(&second, "app.py"));
    assert_ne!(inode(&repo, "tool.sh"), inode(&second, "tool.sh"));
}

#[test]
fn a_changed_a_new_and_a_missing_file_make_a_difference() {
    let (_keep, dir) = app();
    let (repo, copy) = (dir.join("repo"), dir.join("copy"));
    read(&repo).copy(&repo, &copy, None).unwrap();
    put(&repo, "new.py", 0o644);
    assert_ne!(read(&repo), read(&copy));
    fs::remove_file(repo.join("new.py")).unwrap();
    assert_eq!(read(&repo), read(&copy));
    // The same bytes at another time: Python would compile it anew.
    put(&repo, "app.py", 0o644);
    assert_ne!(read(&repo), read(&copy));
    fs::remove_file(repo.join("app.py")).unwrap();
    assert_ne!(read(&repo), read(&copy));
}

#[test]
fn version_control_compiled_python_and_sockets_are_no_code() {
    let (_keep, dir) = app();
    let repo = dir.join("repo");
    let before = read(&repo);
    for name in [".git", "static/__pycache__"] {
        fs::create_dir(repo.join(name)).unwrap();
        put(&repo, &format!("{name}/x"), 0o644);
    }
    let _socket = std::os::unix::net::UnixListener::bind(repo.join("socket")).unwrap();
    assert_eq!(read(&repo), before);
}

#[test]
fn what_is_too_large_is_not_even_read_to_its_end() {
    let (_keep, dir) = app();
    let repo = dir.join("repo");
    assert!(Code::read(&repo, Limit { bytes: 10, entries: 9, path: 99 }).unwrap().is_none());
    assert!(Code::read(&repo, Limit { bytes: 999, entries: 2, path: 99 }).unwrap().is_none());
    assert!(Code::read(&repo, Limit { bytes: 999, entries: 9, path: 2 }).unwrap().is_none());
    assert!(Code::read(&repo, Limit { bytes: 999, entries: 9, path: 99 }).unwrap().is_some());
}

#[test]
fn a_repository_that_is_reached_by_a_link_is_read_and_one_that_is_not_there_is_named() {
    let (_keep, dir) = app();
    symlink("repo", dir.join("link")).unwrap();
    assert_eq!(read(&dir.join("link")), read(&dir.join("repo")));
    let error = Code::read(&dir.join("nothing"), LIMIT).unwrap_err().to_string();
    assert!(error.contains("nothing"), "{error}");
}
