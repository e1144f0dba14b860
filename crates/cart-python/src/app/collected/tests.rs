use std::fs;

use cart_core::{CartridgeDir, Gear};

use super::*;
use crate::environment::installer::Choice;
use crate::testing::Site;

/// As much of Django as `cartridge_collect.py` and a manage.py meet; the real one is met on gears.
const DJANGO: &[(&str, &str)] = &[
    ("__init__.py", "def setup(): pass\n"),
    ("apps.py", "class apps:\n    is_installed = staticmethod(lambda name: True)\n"),
    ("conf.py", "import settings\n"),
    ("core/__init__.py", ""),
    (
        "core/management.py",
        "import settings\n\
         def execute_from_command_line(argv): raise SystemExit('Django itself was run')\n\
         def call_command(name, interactive, verbosity): settings.collect()\n",
    ),
];

const MANAGE_PY: &str = "def main():\n\
    \x20   from django.core.management import execute_from_command_line\n\
    \x20   execute_from_command_line(None)\n\
    if __name__ == '__main__':\n\
    \x20   main()\n";

/// A project whose settings are these lines of Python, and whose files have one content.
fn project(site: &Site, settings: &str, content: &str) {
    let packages = VirtualEnv::at(site.place()).site_packages().unwrap();
    fs::create_dir_all(packages.join("django-5.2.dist-info")).unwrap();
    fs::create_dir_all(packages.join("django/core")).unwrap();
    for (name, text) in DJANGO {
        files::write_atomic(&packages.join("django").join(name), text.as_bytes(), 0o644).unwrap();
    }
    site.write("manage.py", MANAGE_PY);
    let collect = format!(
        "import os\n{settings}\nSTATIC_URL = '/static/'\n\
         def collect():\n\
         \x20   os.makedirs(os.path.join(STATIC_ROOT, 'css'), exist_ok=True)\n\
         \x20   path = os.path.join(STATIC_ROOT, 'css/site.css')\n\
         \x20   if os.path.exists(path): os.remove(path)\n\
         \x20   with open(path, 'w') as file: file.write('{content}')\n\
         \x20   print('1 static file copied')\n"
    );
    site.write("settings.py", &collect);
}

fn app(site: &Site, variables: &[(&str, &str)]) -> PythonApp {
    let mut env = site
        .env()
        // Settings are rewritten faster than their compiled files are told apart.
        .with("PYTHONDONTWRITEBYTECODE", "1")
        .with("OPENSHIFT_HOMEDIR", site.path("gear").as_str())
        .with("OPENSHIFT_REPO_DIR", site.repo().as_str())
        .with("OPENSHIFT_TMP_DIR", site.path("gear/tmp").as_str());
    variables.iter().for_each(|(name, value)| env.set(*name, *value));
    let gear = Gear::from_env(&env).unwrap();
    let dir = CartridgeDir::new(site.path("gear/cart"));
    dir.create_all().unwrap();
    PythonApp::new(&env, &gear, &dir, "3").unwrap()
}

fn collect(app: &PythonApp) -> (Result<(), String>, String) {
    let mut told = String::new();
    let result = app.collect_static(&mut |line| told.push_str(line));
    (result.map_err(|e| e.to_string()), told)
}

fn served(site: &Site) -> Option<String> {
    let (collected, folder) = Collected::of(&site.place())?;
    assert_eq!(collected.url, "/static/");
    Some(fs::read_to_string(folder.join("css/site.css")).unwrap())
}

#[test]
fn what_was_collected_stays_until_the_next_is_served_wherever_the_project_has_it() {
    let site = Site::ready(Choice::UvElsePip);
    fs::create_dir_all(site.path("gear/app-root/data")).unwrap();
    let root = format!("STATIC_ROOT = '{}/files'", site.path("gear/app-root/data"));
    project(&site, &root, "first");
    let app = app(&site, &[]);
    assert_eq!(collect(&app), (Ok(()), String::new()), "nothing is told of what went well");
    assert_eq!(served(&site).as_deref(), Some("first"));
    let (_, first) = Collected::of(&site.place()).unwrap();

    project(&site, &root, "second");
    assert_eq!(collect(&app).0, Ok(()));
    assert_eq!(served(&site).as_deref(), Some("second"));
    assert_eq!(fs::read_to_string(first.join("css/site.css")).unwrap(), "first");
    sweep(&site.place()).unwrap();
    assert!(!first.exists());
    assert_eq!(served(&site).as_deref(), Some("second"));
}

#[test]
fn nothing_is_collected_where_it_is_not_wanted() {
    let site = Site::ready(Choice::UvElsePip);
    assert_eq!(collect(&app(&site, &[])).0, Ok(()), "no project");
    project(&site, "STATIC_ROOT = None", "");
    assert_eq!(collect(&app(&site, &[])).0, Ok(()), "no STATIC_ROOT");
    project(&site, "STATIC_ROOT = 'staticfiles'", "first");
    let without = app(&site, &[(COLLECTSTATIC.name, "no")]);
    assert_eq!(collect(&without).0, Ok(()));
    assert!(!site.repo().join("staticfiles").exists());
    assert_eq!(served(&site), None);

    assert_eq!(collect(&app(&site, &[])).0, Ok(()));
    assert_eq!(served(&site).as_deref(), Some("first"));
    assert_eq!(collect(&without).0, Ok(()));
    assert_eq!(served(&site), None, "what was collected before counts no more");
}

#[test]
fn a_failure_says_its_reason_first_and_what_was_collected_before_stays() {
    let site = Site::ready(Choice::UvElsePip);
    project(&site, "STATIC_ROOT = 'staticfiles'", "first");
    let app = app(&site, &[]);
    assert_eq!(collect(&app).0, Ok(()));
    project(&site, "raise ValueError('no SECRET_KEY')", "");
    let error = collect(&app).0.unwrap_err();
    let mut lines = error.lines();
    let first = "the static files could not be collected: ValueError: no SECRET_KEY";
    assert_eq!(lines.next(), Some(first), "{error}");
    assert_eq!(lines.last(), Some("Mend it, or set OPENSHIFT_PYTHON_COLLECTSTATIC=no"));
    assert_eq!(served(&site).as_deref(), Some("first"));
}

#[test]
fn a_folder_that_holds_the_apps_code_is_not_served() {
    let site = Site::ready(Choice::UvElsePip);
    project(&site, "STATIC_ROOT = None", "");
    for root in [".", "..", "/"] {
        let root = site.repo().join(root);
        let settings = format!("STATIC_ROOT = '{root}'\nSTATIC_URL = '/static/'\n");
        site.write("settings.py", &format!("{settings}def collect(): pass\n"));
        let (result, told) = collect(&app(&site, &[]));
        assert_eq!(result, Ok(()));
        assert!(told.contains("is in it, too"), "{told}");
        assert_eq!(served(&site), None);
    }
}
