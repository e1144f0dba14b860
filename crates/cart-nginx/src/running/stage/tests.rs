use super::*;
use crate::config::user_config::UserLine;

struct Fake {
    _keep: tempfile::TempDir,
    dir: CartridgeDir,
}

impl Fake {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        Self { _keep: keep, dir: CartridgeDir::new(path) }
    }

    fn stage(&self, server: &str) -> Stage {
        let rendered = Rendered {
            main: b"main".to_vec(),
            appserver: b"appserver".to_vec(),
            server: server.as_bytes().to_vec(),
        };
        Stage::write(&self.dir, &rendered, None).unwrap()
    }

    fn in_place(&self) -> Option<String> {
        let file = self.dir.conf().join(SERVER_FILE);
        files::read_if_exists(&file).unwrap().map(|b| String::from_utf8(b).unwrap())
    }
}

#[test]
fn what_is_not_promoted_changes_nothing() {
    let fake = Fake::new();
    let stage = fake.stage("1");
    assert!(layout::stage(&fake.dir).is_dir());
    drop(stage);
    assert!(!layout::stage(&fake.dir).exists());
    assert_eq!(fake.in_place(), None);
}

#[test]
fn promoting_says_whether_anything_changed() {
    let fake = Fake::new();
    assert_eq!(fake.stage("1").promote().unwrap(), Change::Some);
    let same = fake.stage("1");
    assert!(!same.changes() && !layout::stage(&fake.dir).exists(), "it takes room");
    assert_eq!(same.promote().unwrap(), Change::Some, "nginx has not obeyed yet");
    files::remove_if_exists(&layout::pending_file(&fake.dir)).unwrap();
    assert_eq!(fake.stage("1").promote().unwrap(), Change::None);
    assert_eq!(fake.stage("2").promote().unwrap(), Change::Some);
    assert_eq!(fake.in_place().as_deref(), Some("2"));
    assert!(!layout::stage(&fake.dir).exists());
}

#[test]
fn a_stage_left_by_a_killed_hook_is_in_nobodys_way() {
    let fake = Fake::new();
    std::mem::forget(fake.stage("1"));
    assert_eq!(fake.stage("2").promote().unwrap(), Change::Some);
    assert_eq!(fake.in_place().as_deref(), Some("2"));
}

#[test]
fn only_the_gears_user_may_read_what_holds_passwords() {
    use std::os::unix::fs::PermissionsExt;
    let fake = Fake::new();
    let stage = fake.stage("1");
    let mode = |path: &Utf8Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&layout::stage(&fake.dir)), 0o700);
    assert_eq!(mode(&layout::stage(&fake.dir).join(MAIN_FILE)), 0o600);
    stage.promote().unwrap();
    assert_eq!(mode(&fake.dir.conf().join(SERVER_FILE)), 0o600);
}

#[test]
fn testing_inherits_no_socket_and_writes_to_no_foreign_log() {
    let at = |version| Binary {
        path: "/usr/sbin/nginx".into(),
        build: crate::machine::build::Build::parse(version).unwrap(),
    };
    let dir = CartridgeDir::new("/g/c".into());
    let env = GearEnv::new().with("NGINX", "3;").with("A", "1");
    let new = test_command(&dir, &layout::stage(&dir), &at("nginx/1.19.5"), &env, "-t");
    assert_eq!(
        new.to_string(),
        "/usr/sbin/nginx -t -q -p /g/c -c /g/c/conf.next/nginx.conf -e stderr"
    );
    assert_eq!(new.env, GearEnv::new().with("A", "1"));
    let old = test_command(&dir, &layout::stage(&dir), &at("nginx/1.19.4"), &env, "-t");
    assert!(!old.to_string().contains("-e"), "{old}");
}

#[test]
fn every_error_says_where_and_what_to_do() {
    let place = |line| Some(crate::running::complaint::Place { file: "/c/x.conf".into(), line });
    let fake = Fake::new();
    let stage = fake.stage("");
    let words = |words: &str, place| Complaint { words: words.to_owned(), place };
    let ours = crate::running::complaint::Place {
        file: layout::stage(&fake.dir).join(MAIN_FILE),
        line: 7,
    };
    let at = |line: Option<(usize, String)>| UserLine {
        file: "/r/nginx.conf.erb".into(),
        line,
        rendered: 5,
    };
    let in_user = |line| TestError::InUserConfig {
        at: at(line),
        words: "nginx says: unknown directive \"rot\"".to_owned(),
        remedy: "Look for a typing error".into(),
    };
    let all = [
        in_user(Some((3, "rot <%= ENV['X'] %>;".to_owned()))).to_string(),
        in_user(None).to_string(),
        stage.explain(words("host not found in upstream \"db\"", place(4))).to_string(),
        stage.explain(words("unknown directive \"x\"", Some(ours))).to_string(),
        stage
            .explain(words("open() \"/x\" failed (28: No space left on device)", None))
            .to_string(),
        TestError::Died { status: "signal 9".to_owned() }.to_string(),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}
