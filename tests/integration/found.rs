//! Apps from elsewhere, served with nothing set.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::exit_code::CONFIGURATION;
use cart_test::get;

use crate::cartridge::{empty_gear, running};

/// A repository with some files.
struct Repo(tempfile::TempDir);

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        for (name, content) in files {
            let path = repo.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            cart_core::files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
        }
        repo
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().to_owned()
    }
}

/// A WSGI function of this name that answers `body`.
fn wsgi(name: &str, body: &str) -> String {
    format!(
        "def {name}(environ, start_response):\n\
         \x20   start_response('200 OK', [('Content-Type', 'text/plain')])\n\
         \x20   return [b'{body}']\n"
    )
}

#[test]
fn apps_are_found_with_nothing_set_and_it_is_said_once_which() {
    let inner = wsgi("app", "made").replace('\n', "\n    ");
    let factory = format!("def create_app(config=None):\n    {inner}return app\n");
    let application = wsgi("application", "named");
    // As the examples of the official cartridge for Python 2 begin.
    let official = format!(
        "import os\nvirtenv = os.environ['OPENSHIFT_PYTHON_DIR'] + '/virtenv/'\n\
         virtualenv = os.path.join(virtenv, 'bin/activate_this.py')\n\
         try:\n    execfile(virtualenv, dict(__file__=virtualenv))\nexcept IOError:\n    pass\n\
         {application}"
    );
    let helper = "if __name__ == '__main__':\n    print('test server')\n";
    for (files, body, said) in [
        (&[("app.py", &*factory)][..], "made", "The app is app:create_app(), "),
        (
            &[
                ("mysite/__init__.py", ""),
                ("mysite/wsgi.py", &application),
                ("Procfile", "web: gunicorn mysite.wsgi\n"),
            ],
            "named",
            "The app is mysite.wsgi:application, a WSGI function: Procfile:1 says so",
        ),
        (
            &[("wsgi/application", &official), ("wsgi.py", helper)],
            "named",
            "The app is wsgi/application:application, a WSGI function: ",
        ),
        (
            &[("app.py", &wsgi("app", "file")), ("app/__init__.py", "")],
            "file",
            "The app is app.py:app, a WSGI function: ",
        ),
        (
            &[("site/__init__.py", ""), ("site/app.py", &wsgi("app", "site"))],
            "site",
            "The app is site/app.py:app, a WSGI function: ",
        ),
        (
            &[
                ("src/shop/__init__.py", ""),
                ("src/shop/page.py", "BODY = 1\n"),
                ("src/shop/web.py", &format!("from .page import BODY\n{application}")),
            ],
            "named",
            "The app is src/:shop.web:application, a WSGI function: ",
        ),
    ] {
        let repo = Repo::new(files);
        let gear = running(&repo.path(), &[]);
        assert_eq!(get(gear.address(), "/").body, body);
        let again = gear.control("restart");
        assert!(!again.done().text.contains("The app is"), "said twice: {}", again.text);
        std::fs::remove_file(gear.cartridge().join("run/found.json")).unwrap();
        let anew = gear.control("restart");
        assert!(anew.done().text.contains(said), "{}", anew.text);
    }
}

#[test]
fn an_app_of_flask_under_its_usual_name_is_served() {
    let app = "from flask import Flask\napp = Flask(__name__)\n\
               @app.route('/')\ndef index():\n    return 'ok'\n";
    let repo = Repo::new(&[("app.py", app), ("requirements.txt", "flask\n")]);
    let gear = running(&repo.path(), &[]);
    assert_eq!(get(gear.address(), "/").body, "ok");
}

#[test]
fn what_is_no_app_or_several_is_refused_before_anything_is_installed() {
    let two = wsgi("app", "two");
    for (files, said) in [
        (&[("app.py", &*two), ("main.py", &two)][..], "OPENSHIFT_PYTHON_WSGI_APPLICATION=main:app"),
        (
            &[("app.py", "print 1\n")],
            "app.py:1 is Python 2, which is not served; on offer: Python 3",
        ),
        (&[("requirments.txt", "flask\n")], "requirments.txt is there"),
    ] {
        let repo =
            Repo::new(&[files, &[("requirements.txt", "no-such-package-anywhere\n")]].concat());
        let mut gear = empty_gear(&[]);
        let refused = gear.deploy(&repo.path());
        refused.failed_saying(&[said]);
        assert_eq!(refused.code, i32::from(CONFIGURATION));
        assert!(!refused.text.contains("no-such-package-anywhere"), "{}", refused.text);
    }
}
