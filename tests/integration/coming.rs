//! Apps that were written for OpenShift's own Python cartridge, or for Heroku.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{files, tree, wait};
use cart_test::{TestGear, get};
use tests::processes::settled;
use tests::scripts::session;

use crate::cartridge::{assembled, empty_gear, fixture, gear, running};
use crate::push::activate_previous;

const LIMIT: Duration = Duration::from_secs(60);

/// What a person has in a directory.
struct App {
    _keep: tempfile::TempDir,
    directory: Utf8PathBuf,
}

impl App {
    fn of(fixture: &Utf8Path) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        tree::copy(fixture, &directory, |_| false).unwrap();
        Self { _keep: keep, directory }
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.directory.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
    }

    fn hook(&self, name: &str, script: &str) {
        let file = format!(".openshift/action_hooks/{name}");
        self.write(&file, script);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.directory.join(file), executable).unwrap();
    }

    /// A Procfile whose release prints the app's version, and leaves a line in the data directory.
    fn release(&self, version: &str, end: &str) {
        let line = format!("echo releasing {version}; cat version >>$OPENSHIFT_DATA_DIR/releases");
        self.write("Procfile", &format!("# What a deployment does.\nrelease: {line}; {end}\n"));
        self.write("version", &format!("{version}\n"));
        self.write("public/version", version);
    }
}

fn variable(gear: &TestGear, name: &str) -> String {
    get(gear.address(), &format!("/variable?{name}")).body
}

#[test]
fn the_app_hooks_sessions_and_templates_find_the_official_cartridges_variables() {
    let app = App::of(&fixture("mirror"));
    let names =
        ["DIR", "IP", "PORT", "VERSION", "LOG_DIR"].map(|n| format!("OPENSHIFT_PYTHON_{n}"));
    app.hook(
        "deploy",
        &format!(
            "#!/bin/sh\nfor n in {}; do eval echo \\$$n; done >$OPENSHIFT_DATA_DIR/hook",
            names.join(" ")
        ),
    );
    app.write(
        "nginx.conf.erb",
        "server {\n  listen <%= ENV['OPENSHIFT_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_PYTHON_PORT'] %>;\n\
         \x20 location /template { return 200 \"<%= ENV['OPENSHIFT_PYTHON_DIR'] %>\"; }\n\
         \x20 location / { proxy_pass http://$appserver; }\n}\n",
    );
    let gear = running(&app.directory, &[]);
    let (cartridge, address) = (gear.cartridge(), gear.address());
    let python =
        session(&gear, "python -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'").out;
    let expected = [
        format!("{cartridge}/"),
        address.ip().to_string(),
        address.port().to_string(),
        python,
        format!("{cartridge}/logs/"),
    ];
    for (name, expected) in names.iter().zip(&expected) {
        assert_eq!(variable(&gear, name), *expected, "{name}");
        assert_eq!(session(&gear, &format!("echo ${name}")).out, *expected, "{name}");
    }
    let layout = gear.gear().layout();
    let hook = fs::read_to_string(layout.data().join("hook")).unwrap();
    assert_eq!(hook.lines().collect::<Vec<_>>(), expected);
    assert_eq!(get(address, "/template").body, expected[0]);
    assert_eq!(variable(&gear, "PORT"), address.port().to_string());
    gear.set("PORT", "5000");
    gear.control("restart").done();
    assert!(settled(&gear, LIMIT));
    assert_eq!(variable(&gear, "PORT"), "5000");
}

#[test]
fn activate_works_in_a_hook_and_in_a_session_by_both_of_its_old_names() {
    let app = App::of(&fixture("mirror"));
    let names = ["$OPENSHIFT_PYTHON_DIR/virtenv", "${OPENSHIFT_HOMEDIR}python/virtenv"];
    app.hook(
        "post_deploy",
        &format!(
            "#!/bin/bash\nset -eu\nfor venv in {}; do\n  source $venv/bin/activate\n  \
             echo $(which python) $(python -c 'import sys; print(sys.prefix)')\n  deactivate\n\
             done >$OPENSHIFT_DATA_DIR/hook\n",
            names.join(" ")
        ),
    );
    let gear = running(&app.directory, &[]);
    let virtenv = gear.cartridge().join("virtenv");
    let expected = format!("{virtenv}/bin/python {virtenv}");
    let hook = fs::read_to_string(gear.gear().layout().data().join("hook")).unwrap();
    assert_eq!(hook.lines().collect::<Vec<_>>(), [&expected, &expected]);
    for name in names {
        let line = format!(". {name}/bin/activate; which python; which pip");
        let bin = virtenv.join("bin");
        assert_eq!(session(&gear, &line).out, format!("{bin}/python\n{bin}/pip"), "{name}");
    }
}

#[test]
fn a_hook_may_activate_an_environment_that_came_with_a_deployment_from_another_gear() {
    let from = running(&fixture("mirror"), &[]);
    let to = running(&fixture("mirror"), &[]);
    let (source, place) = (from.gear().layout().dependencies(), to.gear().layout().dependencies());
    let copied =
        session(&to, &format!("rm -rf {place}/virtenv && cp -a {source}/virtenv {place}/"));
    assert_eq!(copied.code, Some(0), "{copied:?}");
    to.control("deploy").done();
    let activated = session(&to, ". $OPENSHIFT_PYTHON_DIR/virtenv/bin/activate; echo $VIRTUAL_ENV");
    assert_eq!(activated.out, to.cartridge().join("virtenv"));
}

#[test]
fn the_files_of_wsgi_static_are_served_by_nginx_and_nothing_beside_them_is() {
    let app = App::of(&fixture("mirror"));
    app.write("wsgi/application", "source");
    app.write("wsgi/static/site.css", "body{}");
    app.write("wsgi/static/both", "wsgi");
    app.write("public/static/both", "public");
    let gear = running(&app.directory, &[]);
    let css = get(gear.address(), "/static/site.css");
    assert_eq!((css.body.as_str(), css.header("content-type")), ("body{}", Some("text/css")));
    assert_eq!(get(gear.address(), "/static/both").body, "public");
    for path in ["/static/none", "/wsgi/application", "/static/../wsgi/application"] {
        assert_eq!(get(gear.address(), path).body, "mirror", "{path}");
    }
    fs::remove_dir_all(gear.repo().join("wsgi/static")).unwrap();
    gear.control("reload").done();
    let app_s = || (get(gear.address(), "/static/site.css").body == "mirror").then_some(());
    assert!(wait::until(LIMIT, app_s).is_some());
}

#[test]
fn a_release_runs_once_for_each_deployment_and_one_that_fails_keeps_what_served() {
    let cartridge = assembled();
    let program = gear(&cartridge);
    let app = App::of(&fixture("mirror"));
    app.release("first", "test $PORT");
    let gear = TestGear::kept(&cartridge, "3", &[], &app.directory, &program);
    let releases = || {
        let text = fs::read_to_string(gear.gear().layout().data().join("releases")).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    // nginx knows files for a second.
    let serves = |version: &str| {
        let seen = || (get(gear.address(), "/version").body == version).then_some(());
        assert!(wait::until(LIMIT, seen).is_some(), "{version} is not served");
    };
    assert_eq!(releases(), ["first"]);
    gear.control("restart").done();
    gear.control("stop").done();
    gear.control("start").done();
    assert_eq!(releases(), ["first"]);
    serves("first");

    app.release("second", "true");
    let said = gear.push(&app.directory).done().text.clone();
    assert!(said.contains("Release (Procfile, line 2): echo releasing second"), "{said}");
    assert!(said.contains("  releasing second"), "{said}");
    let (at, before) = (said.find("control restart"), said.find("  releasing second"));
    assert!(before < at, "{said}");
    assert_eq!(releases().last().unwrap(), "second");
    serves("second");

    app.release("third", "echo the table is gone >&2; exit 3");
    let refused = gear.push(&app.directory);
    refused.failed_saying(&[
        "The release failed: it ended with exit code 3 (the table is gone)",
        "Procfile:2",
        "the push is refused",
    ]);
    assert_eq!(releases().last().unwrap(), "third");
    serves("second");
    gear.control("status").done();
    gear.control("restart").done();

    activate_previous(&gear, &program);
    serves("first");
    assert_eq!(releases(), ["first", "second", "third"], "a rollback releases nothing");
}

#[test]
fn where_nothing_serves_while_a_release_fails_what_worked_last_is_started() {
    let app = App::of(&fixture("mirror"));
    app.release("first", "true");
    let mut gear = running(&app.directory, &[]);
    app.release("second", "exit 1");
    // As a node does it: the app was stopped before the build.
    gear.deploy(&app.directory).failed_saying(&["The release failed: it ended with exit code 1"]);
    assert_eq!(get(gear.address(), "/").body, "mirror");
    assert_eq!(get(gear.address(), "/version").body, "first");
    let state = files::read(&gear.gear().layout().state_file()).unwrap();
    assert_eq!(state, b"started\n", "what runs is found by what stops and boots");
}

/// Where the fixture's app is.
const DJANGO_APP: (&str, &str) = ("OPENSHIFT_PYTHON_WSGI_APPLICATION", "mysite.wsgi:application");

#[test]
fn a_django_projects_static_files_are_collected_at_the_build_and_served_by_nginx() {
    let cartridge = assembled();
    let program = gear(&cartridge);
    let app = App::of(&fixture("django"));
    let gear = TestGear::kept(&cartridge, "3", &[DJANGO_APP], &app.directory, &program);
    assert_eq!(get(gear.address(), "/x").body, "Django: /x");
    let css = || get(gear.address(), "/assets/css/site.css");
    assert_eq!(css().body, "body { color: green }\n");
    assert!(css().header("etag").is_some());
    // Known without Python, and whatever becomes of the folder that Django filled.
    fs::remove_dir_all(gear.repo().join("staticfiles")).unwrap();
    gear.control("restart").done();
    assert_eq!(css().body, "body { color: green }\n");

    app.write("assets/css/site.css", "blue");
    let said = gear.push(&app.directory).done().text.clone();
    assert!(!said.contains("static file"), "no noise where nothing is wrong: {said}");
    let is = |text: &'static str| wait::until(LIMIT, || (css().body == text).then_some(()));
    assert!(is("blue").is_some());

    app.write("assets/css/site.css", "red");
    let settings = fs::read_to_string(app.directory.join("mysite/settings.py")).unwrap();
    app.write("mysite/settings.py", &format!("{settings}\nSECRET_KEY = os.environ['KEY']\n"));
    let refused = gear.push(&app.directory);
    refused.failed_saying(&[
        "the static files could not be collected: KeyError: 'KEY'",
        "OPENSHIFT_PYTHON_COLLECTSTATIC=no",
    ]);
    assert_eq!(
        (css().body.as_str(), get(gear.address(), "/x").body.as_str()),
        ("blue", "Django: /x")
    );

    activate_previous(&gear, &program);
    assert!(is("body { color: green }\n").is_some());
}

#[test]
fn static_files_of_django_may_lie_elsewhere_and_come_back_with_what_worked_last() {
    let data = tempfile::tempdir().unwrap();
    let elsewhere = data.path().join("files").to_string_lossy().into_owned();
    let app = App::of(&fixture("django"));
    let mut gear = running(&app.directory, &[DJANGO_APP, ("STATIC_ROOT", &elsewhere)]);
    assert_eq!(get(gear.address(), "/assets/css/site.css").body, "body { color: green }\n");
    assert!(!gear.repo().join("staticfiles").exists());

    app.write("assets/css/site.css", "blue");
    app.write("mysite/wsgi.py", "import no_such_module\ndef application(*_): pass\n");
    gear.deploy(&app.directory).failed_saying(&["no_such_module", "started instead"]);
    assert_eq!(get(gear.address(), "/assets/css/site.css").body, "body { color: green }\n");
    assert_eq!(get(gear.address(), "/x").body, "Django: /x");
}

#[test]
fn nothing_is_collected_where_somebody_said_no() {
    let mut gear = empty_gear(&[DJANGO_APP, ("DISABLE_COLLECTSTATIC", "1")]);
    gear.deploy(&fixture("django")).done();
    assert!(!gear.repo().join("staticfiles").exists());
    assert_eq!(get(gear.address(), "/assets/css/site.css").body, "Django: /assets/css/site.css");
}
