use std::fs;

use super::*;

const BRANCH: &str = "master";

fn place() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

fn repository(place: &Utf8Path) -> Repository {
    let git = Git::find(&GearEnv::from_process()).unwrap();
    let repository = Repository::at(place.join("git/app.git"), git);
    let receiver = Receiver { program: "/opt/it's/gear".into(), gears: "/g".into() };
    repository.make(BRANCH, "app", &receiver).unwrap();
    repository
}

fn write(path: &Utf8Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    files::write_atomic(path, content.as_bytes(), 0o644).unwrap();
}

#[test]
fn a_directory_becomes_a_commit_and_a_directory_again() {
    let (_keep, place) = place();
    let repository = repository(&place);
    let app = place.join("app");
    write(&app.join(".openshift/markers/hot_deploy"), "");
    write(&app.join(".gitignore"), "ignored\n");
    write(&app.join("ignored"), "all the same\n");
    write(&app.join(".git/config"), "");
    write(&app.join("below/.git/config"), "");
    write(&app.join("below/file"), "x");
    files::write_atomic(&app.join("run"), b"#!/bin/sh\n", 0o755).unwrap();
    assert_eq!(repository.commit(BRANCH).unwrap(), None);
    let commit = repository.commit_directory(&app, "first", None).unwrap();
    repository.move_branch(BRANCH, None, &commit).unwrap();
    let found = repository.commit("HEAD").unwrap().unwrap();
    assert_eq!(found.sha, commit.sha);
    assert_eq!(repository.names(&commit, ".openshift/markers").unwrap(), ["hot_deploy"]);
    assert!(repository.names(&commit, "nothing").unwrap().is_empty());
    assert!(repository.submodules(&commit).unwrap().is_empty());

    let to = place.join("to");
    fs::create_dir(&to).unwrap();
    repository.extract(&commit, &to).unwrap();
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(to.join("run").metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert!(to.join("ignored").is_file() && to.join("below/file").is_file());
    assert!(!to.join(".git").exists() && !to.join("below/.git").exists());
    assert_eq!(place.read_dir_utf8().unwrap().count(), 3, "git, app and to");
    assert!(!repository.path().join("index").exists());

    let same = repository.commit_directory(&app, "again", Some(&commit)).unwrap();
    assert_eq!(same, commit);
    write(&app.join("below/file"), "y");
    let second = repository.commit_directory(&app, "second", Some(&commit)).unwrap();
    assert_ne!(second.sha, commit.sha);
    assert!(repository.move_branch(BRANCH, None, &second).is_err(), "it is elsewhere");
    repository.move_branch(BRANCH, Some(&commit), &second).unwrap();
}

#[test]
fn another_repository_can_be_had_and_a_missing_one_is_named() {
    let (_keep, place) = place();
    let there = repository(&place);
    let app = place.join("app");
    write(&app.join("file"), "x");
    let commit = there.commit_directory(&app, "first", None).unwrap();
    there.move_branch("trunk", None, &commit).unwrap();
    there.set_branch("trunk").unwrap();
    let here = Repository::at(place.join("git/other.git"), there.git.clone());
    let receiver = Receiver { program: "/gear".into(), gears: "/g".into() };
    here.make(BRANCH, "other", &receiver).unwrap();
    let caller = GearEnv::from_process();
    let url = there.path().as_str();
    let fetched = here.fetch(url, None, BRANCH, &caller).unwrap();
    assert_eq!(fetched.sha, commit.sha);
    assert_eq!(here.fetch(url, Some("trunk"), BRANCH, &caller).unwrap().sha, commit.sha);
    let error = here.fetch("/nonexistent", None, BRANCH, &caller).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent cannot be fetched"), "{error}");
}

#[test]
fn hooks_name_the_program_the_gears_and_the_gear() {
    let (_keep, place) = place();
    let repository = repository(&place);
    let hook = fs::read_to_string(repository.path().join("hooks/pre-receive")).unwrap();
    insta::assert_snapshot!(hook);
    assert!(repository.path().join("hooks/post-receive").exists());
    assert_eq!(repository.path().join("hooks").read_dir_utf8().unwrap().count(), 2);
}

#[test]
fn a_locked_branch_is_told_unless_git_is_too_old_to_be_asked() {
    let (_keep, place) = place();
    let repository = repository(&place);
    let app = place.join("app");
    write(&app.join("file"), "x");
    let commit = repository.commit_directory(&app, "first", None).unwrap();
    let ask = |repository: &Repository| repository.would_not_move(BRANCH, None, &commit.sha);
    assert_eq!(ask(&repository).unwrap(), None);
    assert_eq!(repository.commit(BRANCH).unwrap(), None, "it was only asked");
    write(&repository.path().join("refs/heads/master.lock"), "");
    let reason = ask(&repository).unwrap().unwrap();
    assert!(
        reason.ends_with("File exists. Remove that file if no other git is at work"),
        "{reason}"
    );

    let real = cart_core::programs::find("git", &GearEnv::from_process(), &[]).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *update-ref*) echo fatal: unknown command: start >&2; exit 128 ;; esac\nexec {real} \"$@\"\n"
    );
    // Written by another process: one that another thread starts may hold what this one writes open.
    let write = r#"mkdir "$1" && printf %s "$2" >"$1/git" && chmod 755 "$1/git""#;
    let write = CommandSpec::new("/bin/sh", &GearEnv::from_process()).args(["-c", write, "sh"]);
    let old = place.join("old");
    run::checked(&write.arg(old.as_str()).arg(script), UNPACKING).unwrap();
    let git = Git::find(&GearEnv::new().with("PATH", old.as_str())).unwrap();
    assert_eq!(ask(&Repository::at(repository.path().to_owned(), git)).unwrap(), None);
}
