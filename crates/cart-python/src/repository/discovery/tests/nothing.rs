//! Repositories in which no app is found, files that cannot be read, and what is kept.

use super::*;

#[test]
fn nothing_at_all_is_told_with_what_was_looked_for() {
    insta::assert_snapshot!(refused(&[]), @r#"
    no app was found in REPO: there is none in app.py, application.py, wsgi.py, asgi.py or main.py, nor in a package.
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
}

#[test]
fn the_nearest_things_are_named() {
    insta::assert_snapshot!(refused(&[
        ("requirments.txt", "flask\n"),
        (".venv/pyvenv.cfg", ""),
        ("analysis.ipynb", "{}"),
        ("back/app/main.py", FASTAPI),
    ]), @r#"
    no app was found in REPO: there is none in app.py, application.py, wsgi.py, asgi.py or main.py, nor in a package.
        OPENSHIFT_PYTHON_WSGI_APPLICATION=back/:app.main:app   (an instance of FastAPI, back/app/main.py:2)
        requirments.txt is there: packages are read from requirements.txt
        .venv is a virtual environment, which is of no use on another machine: take it out of the repository
        analysis.ipynb is a notebook, not a program that serves
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
    insta::assert_snapshot!(refused(&[("app.py", "from flask import Flask\nif __name__ == '__main__':\n    app = Flask('x')\n    app.run()\n")]), @r#"
    no app was found in REPO: there is none in app.py.
        app.py:3 binds `app` only below `if __name__ == "__main__":`, so nobody can import it: bind it above that
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
    insta::assert_snapshot!(refused(&[("app.py", "import bottle\nbottle.run(port=8080)\n")]), @r#"
    no app was found in REPO: there is none in app.py.
        app.py:2 calls bottle.run(), but what it serves has no name in that file
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
    insta::assert_snapshot!(refused(&[("app.py", "def create_app(config):\n    pass\n")]), @r#"
    no app was found in REPO: there is none in app.py.
        app.py:1 has create_app(config), which cannot be called without arguments: name them, as in OPENSHIFT_PYTHON_WSGI_APPLICATION=app:create_app("production")
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
    insta::assert_snapshot!(refused(&[("app.py", "async def create_app():\n    pass\n")]), @r#"
    no app was found in REPO: there is none in app.py.
        app.py:1 has create_app(), which is `async`: no server awaits it
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
    insta::assert_snapshot!(refused(&[("app.py", "from aiohttp import web\napp = web.Application()\n")]), @r#"
    no app was found in REPO: there is none in app.py.
        app.py:2 makes an app of aiohttp, which is neither WSGI nor ASGI
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
    insta::assert_snapshot!(refused(&[("app.py", "app = None\n")]), @r#"
    no app was found in REPO: there is none in app.py.
    Add app.py with a WSGI or ASGI callable named `application` or `app`, or name yours: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
}

#[test]
fn the_reason_is_told_where_it_can_be_seen() {
    for (source, reason) in [
        (
            "from aiohttp import web\nasync def init():\n    app = web.Application()\n    return app\n",
            "app.py:2 makes an app of aiohttp, which is neither WSGI nor ASGI",
        ),
        (
            "import tornado.web\ndef make_app():\n    return tornado.web.Application([])\n\
             if __name__ == '__main__':\n    app = make_app()\n",
            "app.py:2 makes an app of Tornado, which is neither WSGI nor ASGI",
        ),
        (
            "from http.server import HTTPServer\nHTTPServer(('', 1), None).serve_forever()\n",
            "app.py:2 makes an app of http.server, which is neither WSGI nor ASGI",
        ),
        (
            "import streamlit as st\nst.title('x')\n",
            "app.py is a program of Streamlit, which has a server of its own and is neither WSGI nor ASGI",
        ),
        (
            "from flask import Flask\ndef main():\n    app = Flask('x')\n    app.run()\n",
            "app.py:3 makes an app of Flask inside main(), where nobody can import it: bind it to a \
             name at the top level, or let a function create_app() return it",
        ),
        (
            "from pyramid.config import Configurator\ndef main(settings, **more):\n    \
             c = Configurator()\n    return c.make_wsgi_app()\n",
            "app.py:2 has main(settings), which cannot be called without arguments: name them, as \
             in OPENSHIFT_PYTHON_WSGI_APPLICATION=app:main({})",
        ),
    ] {
        let text = refused(&[("app.py", source)]);
        assert!(text.lines().nth(1).unwrap().trim() == reason, "{text}");
    }
    let manage = "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\n";
    let text = refused(&[("manage.py", manage), ("shop/settings.py", "")]);
    assert!(text.contains("there is neither wsgi.py nor asgi.py beside them"), "{text}");
}

#[test]
fn a_file_that_serves_by_itself_when_it_is_imported_is_refused() {
    for (source, call) in [
        ("app.run()\n", "app.run"),
        ("import waitress\nwaitress.serve(app)\n", "waitress.serve"),
        (
            "from wsgiref.simple_server import make_server as m\nserver = m('', 1, app)\n\
             server.serve_forever()\n",
            "server.serve_forever",
        ),
        ("from flask_socketio import SocketIO\nio = SocketIO(app)\nio.run(app)\n", "io.run"),
    ] {
        let source = format!("{FLASK}{source}");
        let text = refused(&[("app.py", &source)]);
        let line = source.lines().count();
        let reason = format!("app.py:{line} calls {call}() as soon as ");
        assert!(text.starts_with(&reason), "{text}");
    }
    for sound in [
        "import subprocess\nsubprocess.run(['true'])\n",
        "if __name__ == '__main__':\n    app.run()\n",
        "import os\nif 'LOCAL' in os.environ:\n    app.run()\n",
        "def main():\n    app.run()\n",
    ] {
        told(&[("app.py", &format!("{FLASK}{sound}"))]);
    }
    // Whoever only imports the app is not needed for it.
    let start = ("start.py", "from shop import app\napp.run()\n");
    let said = ("Procfile", "web: python start.py\n");
    let shown = told(&[start, ("shop.py", FLASK), said]);
    assert_eq!(shown, "WSGI shop:app, an instance of Flask: Procfile:1 runs start.py");
}

#[test]
fn a_file_that_hides_the_package_it_imports_is_refused() {
    insta::assert_snapshot!(refused(&[("flask.py", FLASK)]), @r"
    flask.py hides the package flask that it imports, because it has its name
    Give the file another name
    ");
}

#[test]
fn a_factory_of_what_no_server_here_serves_is_none() {
    let source = "import tornado.web\ndef make_app():\n    return tornado.web.Application([])\n";
    let text = refused(&[("main.py", source)]);
    let hint = "main.py:2 makes an app of Tornado, which is neither WSGI nor ASGI";
    assert!(text.contains(hint), "{text}");
}

#[test]
fn python_2_is_called_so() {
    for source in [
        "print 1\n",
        "try:\n    x()\nexcept A, e:\n    raise\n",
        "if 1 <> 2: pass\n",
        "exec 'x'\n",
        "try:\n    x()\nexcept (A, B), e:\n    pass\n",
        "def f():\n    if x: print 'a', 1\n",
        "raise A, 'b'\n",
    ] {
        let mut repo = Repo::new(&[("app.py", source)]);
        // One Python is enough to offer, and there may be many.
        let folder = PYTHON.executable.parent().unwrap();
        repo.env = GearEnv::new().with("PATH", folder.as_str());
        let text = repo.refused();
        assert!(
            text.contains("is Python 2, which is not served; on offer: Python 3."),
            "{source}{text}"
        );
    }
    // One that is not for the app does not count.
    assert!(told(&[("app.py", FLASK), ("old.py", "print 1\n")]).starts_with("WSGI app:app, "));
}

#[test]
fn a_mistake_in_the_apps_file_does_not_let_another_be_served() {
    insta::assert_snapshot!(refused(&[("app.py", "from flask import Flask\napp = Flask(\n"), ("main.py", FASTAPI)]).replace("'(' was never closed", "unexpected EOF while parsing"), @r#"
    app.py:2 is not Python 3.X: SyntaxError: unexpected EOF while parsing
    Mend it, or name another file: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
}

#[test]
fn what_the_parser_cannot_take_stops_nobody_else() {
    let deep = format!("x = {}1{}\n", "(".repeat(50_000), ")".repeat(50_000));
    let minus = format!("x = {}1\n", "-".repeat(200_000));
    let long = "x = 1\n".repeat(100_000);
    let files = [
        ("aaa.py", &*deep),
        ("bbb.py", &minus),
        ("ccc.py", &long),
        ("ddd.py", "x = '\0'\n"),
        ("shop.py", FLASK),
    ];
    assert!(told(&files).starts_with("WSGI shop:app, "));
    let text = refused(&[("app.py", &minus), ("main.py", FASTAPI)]);
    assert!(text.starts_with("app.py could not be parsed"), "{text}");
    let repo = Repo::new(&[("app.py", &long)]);
    let named = repo.find_with(Some("app:app"), &PYTHON).unwrap();
    assert_eq!((named.entry_point.to_string().as_str(), named.interface), ("app:app", None));
}

#[test]
fn nothing_of_the_app_is_run_or_imported() {
    let repo = Repo::new(&[]);
    let mark = repo.path().join("mark");
    let marks = format!("open({:?}, 'w')\n", mark.as_str());
    for name in [
        "ast.py",
        "json.py",
        "hashlib.py",
        "tokenize.py",
        "sitecustomize.py",
        "encodings/__init__.py",
    ] {
        repo.write(name, &marks);
    }
    repo.write("app.py", &format!("{marks}{FLASK}"));
    repo.write("gunicorn.conf.py", &marks);
    repo.write("manage.py", &marks);
    let env = GearEnv::from_process()
        .with("PYTHONPATH", repo.path().as_str())
        .with("PYTHONSTARTUP", repo.path().join("app.py").as_str());
    let repo = Repo { env, ..repo };
    assert_eq!(repo.found().entry_point.to_string(), "app:app");
    assert!(!mark.exists());
}

#[test]
fn no_program_runs_when_nothing_has_changed() {
    let repo =
        Repo::new(&[("app.py", FLASK), ("gunicorn.conf.py", "workers = 2\n"), ("lib/x.py", "")]);
    assert!(repo.found().is_new);
    let gone = {
        // The same Python by its marks, which is not there any more.
        let place = repo.path().with_file_name("python");
        std::fs::copy(&PYTHON.executable, &place).unwrap();
        let interpreter = interpreter::ask(&PYTHON.executable, &repo.env).unwrap();
        BasePython::of(&interpreter::Interpreter { executable: place, ..interpreter }).unwrap()
    };
    assert!(!repo.find_with(None, &gone).unwrap().is_new, "another Python, the same decision");
    std::fs::remove_file(&gone.executable).unwrap();
    let again = repo.find_with(None, &gone).unwrap();
    assert_eq!((again.entry_point.to_string().as_str(), again.is_new), ("app:app", false));
    repo.write("app.py", FASTAPI);
    assert!(repo.find_with(None, &gone).is_err(), "changed, and nobody can read it");
}

#[test]
fn links_that_lead_out_of_the_repository_are_not_read() {
    let repo = Repo::new(&[]);
    let outside = repo.path().with_file_name("outside.py");
    cart_core::files::write_atomic(&outside, FLASK.as_bytes(), 0o644).unwrap();
    std::fs::create_dir_all(repo.path()).unwrap();
    std::os::unix::fs::symlink(&outside, repo.path().join("app.py")).unwrap();
    let text = repo.refused();
    assert!(text.starts_with("no app was found in REPO"), "{text}");
    assert!(text.contains("app.py is a link to what is not in the repository"), "{text}");
}

#[test]
fn a_file_that_is_meant_and_broken_makes_no_other_file_the_app() {
    let refused = refused(&[("app.py", "import no_such_module\n"), ("helper.py", FLASK)]);
    assert!(!refused.contains("the app is"), "{refused}");
    assert!(
        told(&[("lib.py", "import no_such_module\n"), ("helper.py", FLASK)]).contains("helper:app")
    );
}
