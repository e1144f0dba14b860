use super::*;

struct Repo {
    _keep: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Repo {
    fn with(template: &[u8]) -> Self {
        let repo = Self::empty();
        files::write_atomic(&repo.path.join(FILE_NAME), template, 0o644).unwrap();
        repo
    }

    fn empty() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        Self { _keep: keep, path }
    }

    fn load(&self, env: &GearEnv) -> Result<Option<UserConfig>, UserConfigError> {
        UserConfig::load(&self.path, env, false)
    }

    /// An error's words, without this repository's path.
    fn error(&self, erb_fallback: bool, env: &GearEnv) -> String {
        let error = UserConfig::load(&self.path, env, erb_fallback).unwrap_err();
        error.to_string().replace(self.path.as_str(), "REPO")
    }
}

#[test]
fn without_a_template_there_is_nothing() {
    assert_eq!(Repo::empty().load(&GearEnv::new()).unwrap(), None);
}

#[test]
fn the_gears_environment_counts_and_lines_lead_back() {
    let repo = Repo::with(b"# first\n<%= ENV['TWO_LINES'] %>\nserver { <%= ENV['X'] %> }\n");
    let env = GearEnv::new().with("TWO_LINES", "a 1;\nb 2;").with("X", "c 3;");
    let user = repo.load(&env).unwrap().unwrap();
    assert_eq!(user.text(), b"# first\na 1;\nb 2;\nserver { c 3; }\n");
    let line = user.line(4);
    assert_eq!(line.file, repo.path.join(FILE_NAME));
    assert_eq!(line.line, Some((3, "server { <%= ENV['X'] %> }".into())));
    let names: Vec<String> = user.directives().into_iter().collect();
    assert_eq!(names, ["a", "b", "server"]);
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    let repo = Repo::with(b"# \xff\xfe\n");
    assert_eq!(repo.load(&GearEnv::new()).unwrap().unwrap().text(), b"# \xff\xfe\n");
}

#[test]
fn wrong_ruby_is_named_with_its_line() {
    let error = Repo::with(b"a;\n<% if ! %>\n").error(false, &GearEnv::new());
    assert!(error.starts_with("REPO/nginx.conf.erb:2: syntax error"), "{error}");
}

#[test]
fn what_the_evaluator_refuses_is_not_run() {
    let repo = Repo::with(b"\n<%= `touch #{ENV['REPO']}/ran` %>\n");
    let env = GearEnv::new().with("REPO", repo.path.as_str());
    let error = repo.error(false, &env);
    assert!(error.starts_with("REPO/nginx.conf.erb:2: "), "{error}");
    assert!(
        error.ends_with("OPENSHIFT_NGINX_ERB_FALLBACK=yes lets it render this file"),
        "{error}"
    );
    assert!(!repo.path.join("ran").exists());
}

#[test]
fn a_real_erb_renders_it_where_allowed_but_never_as_root() {
    let repo = Repo::with(b"<%= `true` %>\n");
    let erb = repo.path.join("erb");
    files::write_atomic(&erb, b"#!/bin/sh\necho \"# rendered from ${1##*/}\"\n", 0o755).unwrap();
    let env = GearEnv::new().with("PATH", repo.path.as_str());
    if rustix::process::geteuid().is_root() {
        let error = repo.error(true, &env);
        assert!(error.ends_with("as root, nothing of an app is run"), "{error}");
        return;
    }
    let user = UserConfig::load(&repo.path, &env, true).unwrap().unwrap();
    assert_eq!(user.text(), b"# rendered from nginx.conf.erb\n");
    assert_eq!(user.line(1).line, None);
}

#[test]
fn what_is_no_file_is_refused() {
    let repo = Repo::empty();
    files::create_dir(&repo.path.join(FILE_NAME), 0o755).unwrap();
    let error = repo.error(false, &GearEnv::new());
    assert_eq!(error, "REPO/nginx.conf.erb is no template: it must be a file of at most 1 MiB");
}
