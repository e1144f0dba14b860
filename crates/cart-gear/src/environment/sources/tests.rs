//! The order in which variables override each other.

use super::*;

struct Home {
    _keep: tempfile::TempDir,
    layout: Layout,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap().join("g");
        let layout = Layout::new(home, "0123");
        layout.create().unwrap();
        Self { _keep: dir, layout }
    }

    fn write(&self, place: &str, content: &[u8]) {
        let path = self.layout.home().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, content, 0o644).unwrap();
    }

    fn load(&self, node: &GearEnv, cartridge: Option<&str>) -> GearEnv {
        let cartridge = cartridge.map(|name| self.layout.cartridge(name));
        let primary = self.layout.cartridge("prim");
        let sources =
            Sources { layout: &self.layout, node, primary: Some(&primary), more_path: None };
        match cartridge {
            Some(directory) => sources.for_cartridge(&directory).unwrap(),
            None => sources.for_gear().unwrap(),
        }
    }
}

/// In the order of the contract: each place overrides all before it.
const PLACES: [&str; 5] = [".env/V", "other/env/V", ".env/publisher/V", "mine/env/V", "prim/env/V"];

#[test]
fn each_place_overrides_those_before_it() {
    let home = Home::new();
    let node = GearEnv::new().with("V", "node");
    assert_eq!(home.load(&node, None).get("V"), Some(OsStr::new("node")));
    for place in PLACES {
        home.write(place, place.as_bytes());
        // A cartridge's own env/ is laid over the gear's environment at the very end.
        let expected = if place == "prim/env/V" { "mine/env/V" } else { place };
        let env = home.load(&node, Some("mine"));
        assert_eq!(env.get("V"), Some(OsStr::new(expected)), "{place}");
    }
    assert_eq!(home.load(&node, None).get("V"), Some(OsStr::new("prim/env/V")));
}

#[test]
fn a_users_variable_beats_the_cartridges_own_but_not_the_nodes() {
    let home = Home::new();
    let node = GearEnv::new().with("FROM_NODE", "node");
    home.write(".env/OPENSHIFT_HOMEDIR", b"/g/");
    home.write(".env/OPENSHIFT_SECRET_TOKEN", b"node's");
    home.write("mine/env/OWN", b"cartridge");
    for name in ["OWN", "FROM_NODE", "OPENSHIFT_HOMEDIR", "OPENSHIFT_SECRET_TOKEN"] {
        home.write(&format!(".env/user_vars/{name}"), b"user");
    }
    let env = home.load(&node, Some("mine"));
    let seen = |name| env.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(seen("OWN"), "user");
    assert_eq!(seen("FROM_NODE"), "node");
    assert_eq!(seen("OPENSHIFT_HOMEDIR"), "/g/");
    assert_eq!(seen("OPENSHIFT_SECRET_TOKEN"), "user");
}

#[test]
fn one_newline_goes_and_what_is_no_variable_is_passed_over() {
    let home = Home::new();
    for (name, content) in [
        ("ONE", &b"a \n\n"[..]),
        ("CRLF", b"b\r\n"),
        ("NULS", b"c\0d"),
        ("BYTES", b"\xff"),
        ("T.erb", b"no"),
        ("R.rpmnew", b"no"),
        (".hidden", b"no"),
    ] {
        home.write(&format!("mine/env/{name}"), content);
    }
    let found = variables(&home.layout.home().join("mine/env")).unwrap();
    let found: Vec<_> = found.iter().map(|(n, v)| (n.to_str().unwrap(), v.as_bytes())).collect();
    let expected: [(&str, &[u8]); 4] =
        [("BYTES", b"\xff"), ("CRLF", b"b"), ("NULS", b"cd"), ("ONE", b"a \n")];
    assert_eq!(found, expected);
}

#[test]
fn path_is_primary_others_system_and_what_the_box_adds() {
    let home = Home::new();
    home.write("prim/env/OPENSHIFT_PRIM_PATH_ELEMENT", b"/p");
    home.write("other/env/OPENSHIFT_OTHER_PATH_ELEMENT", b"/o");
    home.write("prim/env/OPENSHIFT_PRIM_LD_LIBRARY_PATH_ELEMENT", b"/pl");
    home.write("other/env/OPENSHIFT_OTHER_LD_LIBRARY_PATH_ELEMENT", b"/ol");
    home.write("prim/env/PATH", b"/ignored");
    let primary = home.layout.cartridge("prim");
    let sources = Sources {
        layout: &home.layout,
        node: &GearEnv::new(),
        primary: Some(&primary),
        more_path: Some(OsStr::new("/box/bin")),
    };
    let env = sources.for_cartridge(&primary).unwrap();
    assert_eq!(env.get("PATH").unwrap(), "/p:/o:/bin:/usr/bin:/usr/sbin:/box/bin");
    assert_eq!(env.get("LD_LIBRARY_PATH").unwrap(), "/ol:/pl");
}

#[test]
fn a_gear_without_elements_has_the_systems_path_and_no_library_path() {
    let env = Home::new().load(&GearEnv::new(), None);
    assert_eq!(env.get("PATH").unwrap(), SYSTEM_PATH);
    assert_eq!(env.get("LD_LIBRARY_PATH"), None);
}

#[test]
fn home_carries_no_slash() {
    let home = Home::new();
    let env = home.load(&GearEnv::new(), None);
    assert_eq!(env.get("HOME").unwrap(), home.layout.home().as_str());
}

#[test]
fn a_session_strips_white_space_keeps_templates_and_prefers_the_users_variables() {
    let home = Home::new();
    for (place, content) in [
        (".env/OPENSHIFT_HOMEDIR", "/node\n"),
        (".env/V", "node"),
        ("prim/env/V", "cartridge \n\n"),
        ("prim/env/T.erb", "<%= 1 %>"),
        ("prim/env/OPENSHIFT_PRIM_PATH_ELEMENT", "/prim/bin"),
        (".env/user_vars/OPENSHIFT_HOMEDIR", "/mine"),
    ] {
        home.write(place, content.as_bytes());
    }
    let primary = home.layout.cartridge("prim");
    let node = GearEnv::new();
    let sources =
        Sources { layout: &home.layout, node: &node, primary: Some(&primary), more_path: None };
    let (session, script) = (sources.for_session().unwrap(), sources.for_gear().unwrap());
    let text = |env: &GearEnv, name: &str| env.get(name).map(|v| v.to_str().unwrap().to_owned());
    assert_eq!(text(&session, "V").as_deref(), Some("cartridge"));
    assert_eq!(text(&script, "V").as_deref(), Some("cartridge \n"));
    assert_eq!(text(&session, "T.erb").as_deref(), Some("<%= 1 %>"));
    assert_eq!(text(&session, "OPENSHIFT_HOMEDIR").as_deref(), Some("/mine"));
    assert_eq!(text(&script, "OPENSHIFT_HOMEDIR").as_deref(), Some("/node"));
    assert_eq!(text(&session, "HOME"), Some(format!("{}/", home.layout.home())));
    assert_eq!(text(&session, "PATH"), text(&script, "PATH"));
}
