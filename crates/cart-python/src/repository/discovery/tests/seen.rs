//! What the code alone says.

use super::*;

#[test]
fn a_usual_name_in_a_usual_file_is_the_app() {
    assert_eq!(
        told(&[("app.py", FLASK)]),
        "WSGI app:app, an instance of Flask: no other file names one"
    );
    assert_eq!(
        told(&[("main.py", FASTAPI)]),
        "ASGI main:app, an instance of FastAPI: no other file names one"
    );
    assert_eq!(
        told(&[("app.py", WSGI)]),
        "WSGI app:application, a WSGI function: `application` in app.py is looked for first"
    );
    let asgi = "async def app(scope, receive, send):\n    pass\n";
    assert_eq!(
        told(&[("main.py", asgi)]),
        "ASGI main:app, an ASGI function: no other file names one"
    );
}

#[test]
fn imports_are_known_under_any_name() {
    for (source, shown) in [
        ("from flask import Flask as F\nsite = F('x')\n", "WSGI app:site, an instance of Flask"),
        ("import flask\nsite = flask.Flask('x')\n", "WSGI app:site, an instance of Flask"),
        (
            "import fastapi as f\napi: f.FastAPI = f.FastAPI()\n",
            "ASGI app:api, an instance of FastAPI",
        ),
        (
            "from fasthtml.common import *\napp, rt = fast_app()\n",
            "ASGI app:app, an app of FastHTML",
        ),
        (
            "from fasthtml.common import *\nsite = FastHTML()\n",
            "ASGI app:site, an instance of FastHTML",
        ),
        (
            "from dash import Dash\nd = Dash()\nserver = d.server\n",
            "WSGI app:server, an app of Dash",
        ),
        (
            "from pyramid.config import Configurator\nc = Configurator()\nmain = c.make_wsgi_app()\n",
            "WSGI app:main, an app of Pyramid",
        ),
        ("import bottle\nsite = bottle.default_app()\n", "WSGI app:site, an app of Bottle"),
        (
            "import falcon.asgi\napp = falcon.asgi.App()\n",
            "ASGI app:app, an instance of Falcon's App",
        ),
    ] {
        let told = told(&[("app.py", source)]);
        assert!(told.starts_with(shown), "{source}{told}");
    }
}

#[test]
fn conditions_classes_and_wrappers_are_followed() {
    for (source, shown) in [
        (
            "from flask import Flask\ntry:\n    app = Flask('a')\nexcept Exception:\n    app = None\n",
            "WSGI app:app, an instance of Flask",
        ),
        (
            "from flask import Flask\nclass Shop(Flask):\n    pass\napp = Shop('a')\n",
            "WSGI app:app, an instance of Flask",
        ),
        (
            "class Web:\n    def __call__(self, environ, start_response):\n        pass\napp = Web()\n",
            "WSGI app:app, an instance of Web, which is called as WSGI",
        ),
        (
            "class Web:\n    async def __call__(self, scope, receive, send):\n        pass\napp = Web()\n",
            "ASGI app:app, an instance of Web, which is called as ASGI",
        ),
        (
            "from flask import Flask\nfrom whitenoise import WhiteNoise\n\
             app = Flask('a')\napp.wsgi_app = WhiteNoise(app.wsgi_app)\n",
            "WSGI app:app, an instance of Flask",
        ),
        (
            "from flask import Flask\nfrom whitenoise import WhiteNoise\n\
             app = Flask('a')\napp = WhiteNoise(app)\n",
            "WSGI app:app, an instance of Flask in WhiteNoise",
        ),
        (
            "from flask import Flask\nfrom asgiref.wsgi import WsgiToAsgi\n\
             web = Flask('a')\napp = WsgiToAsgi(web)\n",
            "ASGI app:app, an instance of Flask in WsgiToAsgi",
        ),
        (
            "import socketio\nfrom fastapi import FastAPI\nsio = socketio.AsyncServer()\n\
             app = FastAPI()\nsocket_app = socketio.ASGIApp(sio, app)\n",
            "ASGI app:socket_app, an instance of FastAPI in ASGIApp",
        ),
        (
            "def make():\n    from flask import Flask\n    a = Flask('x')\n    return a\napp = make()\n",
            "WSGI app:app, an instance of Flask",
        ),
        (
            "def application(environ, start_response):\n    pass\napplication = Unknown(application)\n",
            "WSGI app:application, a WSGI function in Unknown",
        ),
        (
            "from webob.dec import wsgify\n@wsgify\ndef app(request):\n    pass\n",
            "WSGI app:app, a WSGI function",
        ),
    ] {
        let told = told(&[("app.py", source)]);
        assert!(told.starts_with(&format!("{shown}:")), "{source}{told}");
    }
}

#[test]
fn names_are_followed_through_the_repository() {
    assert_eq!(
        told(&[
            ("wsgi.py", "from shop import create_app\napplication = create_app()\n"),
            ("shop/__init__.py", "from .factory import *\n"),
            (
                "shop/factory.py",
                "from flask import Flask\ndef create_app(x=1):\n    return Flask('x')\n"
            ),
        ]),
        "WSGI wsgi:application, an instance of Flask: no other file names one"
    );
    assert_eq!(
        told(&[("run.py", "from shop import app\napp.run()\n"), ("shop/__init__.py", FLASK)]),
        "WSGI shop:app, an instance of Flask: no other file names one"
    );
    assert_eq!(
        told(&[("app.py", FLASK), ("wsgi.py", "from app import app\n")]),
        "WSGI wsgi:app, an instance of Flask: app.py names the same one"
    );
}

#[test]
fn the_file_that_adds_to_an_app_goes_before_the_one_that_makes_it() {
    let main = ("main.py", "from app import app\nimport views\n");
    assert_eq!(
        told(&[("app.py", FLASK), main]),
        "WSGI main:app, an instance of Flask: app.py names the same one"
    );
    let mutual = format!("{FLASK}import main\n");
    assert_eq!(
        told(&[("app.py", &mutual), main]),
        "WSGI app:app, an instance of Flask: main.py names the same one"
    );
}

#[test]
fn packages_and_src_are_looked_into() {
    for (files, shown) in [
        (&[("shop/__init__.py", FLASK)][..], "WSGI shop:app, an instance of Flask"),
        (&[("app/main.py", FASTAPI)], "ASGI app.main:app, an instance of FastAPI"),
        (&[("src/app.py", FLASK)], "WSGI src/:app:app, an instance of Flask"),
        (
            &[("src/shop/__init__.py", ""), ("src/shop/web.py", FLASK)],
            "WSGI src/:shop.web:app, an instance of Flask",
        ),
        (
            &[("src/main.py", "from fastapi import FastAPI\nfrom . import db\napp = FastAPI()\n")],
            "ASGI src.main:app, an instance of FastAPI",
        ),
        (
            &[
                ("api/main.py", "import db\nfrom flask import Flask\napp = Flask('x')\n"),
                ("api/db.py", ""),
            ],
            "WSGI api/:main:app, an instance of Flask",
        ),
        (&[("my-app.py", FLASK)], "WSGI my-app.py:app, an instance of Flask"),
        (&[("shop.py", FLASK), ("setup.py", FASTAPI)], "WSGI shop:app, an instance of Flask"),
    ] {
        let told = told(files);
        assert!(told.starts_with(&format!("{shown}:")), "{told}");
    }
}

#[test]
fn a_file_whose_name_leads_elsewhere_is_taken_as_a_file() {
    for (files, shown) in [
        (&[("app.py", FLASK), ("app/__init__.py", "")][..], "app.py:app"),
        (&[("app.py", FLASK), ("app/views.py", "")], "app:app"),
        (&[("queue.py", FLASK)], "queue.py:app"),
        (&[("site/__init__.py", ""), ("site/app.py", FLASK)], "site/app.py:app"),
        (&[("wsgi/__init__.py", FLASK)], "wsgi:app"),
    ] {
        let told = told(files);
        assert!(told.starts_with(&format!("WSGI {shown}, an instance of Flask: ")), "{told}");
    }
}

#[test]
fn what_holds_an_app_is_asked_for_it() {
    for (source, shown) in [
        ("import dash\napp = dash.Dash('x')\n", "app:app.server, an app of Dash"),
        (
            "from dash import Dash\nfrom flask import Flask\nsite = Flask('x')\n\
             app = Dash(server=site)\n",
            "app:site, an instance of Flask",
        ),
        ("import web\nsite = web.application(())\n", "app:site.wsgifunc(), an app of web.py"),
    ] {
        let told = told(&[("app.py", source)]);
        assert!(told.starts_with(&format!("WSGI {shown}: ")), "{source}{told}");
    }
}

#[test]
fn an_app_further_down_is_named_as_it_can_be_imported() {
    let beside = "import db\nfrom flask import Flask\napp = Flask('x')\n";
    let text = refused(&[("services/api/main.py", beside), ("services/api/db.py", "")]);
    assert!(text.contains("_APPLICATION=services/api/:main:app   ("), "{text}");
    let text = refused(&[("shop/__init__.py", ""), ("shop/one.py", FLASK), ("shop/two.py", FLASK)]);
    assert!(text.contains("_APPLICATION=shop.two:app   (an instance of Flask, "), "{text}");
}

#[test]
fn the_examples_apps_are_found() {
    for (name, shown) in [
        ("welcome", "app:application"),
        ("flask", "app:application"),
        ("src-layout", "src/:shop.web:application"),
    ] {
        let repo = Repo::new(&[]);
        let example =
            Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/apps").join(name);
        let found = find(&Search {
            repo: &example,
            set: None,
            program: None,
            beside: None,
            python: &PYTHON,
            env: &repo.env,
            place: &repo.path(),
        });
        assert_eq!(found.unwrap().entry_point.to_string(), shown);
    }
}

#[test]
fn the_helper_of_the_official_cartridge_goes_before_wsgi_py() {
    let helper = "if __name__ == '__main__':\n    print('test server')\n";
    assert_eq!(
        told(&[("wsgi/application", WSGI), ("wsgi.py", helper), ("app.py", FLASK)]),
        "WSGI wsgi/application:application, a WSGI function: `application` in wsgi/application is looked for first"
    );
    let imports = "import os\nfrom shop import site as application\n";
    assert!(told(&[("wsgi/application", imports)]).starts_with("? wsgi/application:application, "));
}

#[test]
fn what_is_put_into_another_app_is_not_the_app() {
    let main = "from fastapi import FastAPI\nfrom flask import Flask\n\
                from a2wsgi import WSGIMiddleware\nold = Flask('x')\napp = FastAPI()\n\
                app.mount('/old', WSGIMiddleware(old))\n";
    assert!(told(&[("main.py", main)]).starts_with("ASGI main:app, an instance of FastAPI:"));
    let outer =
        "from fastapi import FastAPI\nfrom api import api\nweb = FastAPI()\nweb.mount('/', api)\n";
    let inner = "from fastapi import FastAPI\napi = FastAPI()\n";
    assert!(told(&[("main.py", outer), ("api.py", inner)]).starts_with("ASGI main:web, "));
}

#[test]
fn a_factory_is_called_where_nothing_is_made() {
    let nested = "def create_app(config=None):\n    def app(environ, start_response):\n        pass\n    return app\n";
    assert_eq!(
        told(&[("app.py", nested)]),
        "WSGI app:create_app(), a WSGI function: no file binds an app to a name, so this function is called"
    );
    let typed = "from fastapi import FastAPI\ndef build() -> FastAPI:\n    return other()\n";
    assert!(told(&[("main.py", typed)]).starts_with("ASGI main:build(), an instance of FastAPI: "));
    let unknown = "from shop.web import start\ndef make_app():\n    return start()\n";
    assert!(told(&[("server/__init__.py", unknown)]).starts_with("? server:make_app(), "));
    let application = format!("{nested}application = create_app()\n");
    assert!(
        told(&[("wsgi.py", &application)])
            .starts_with("WSGI wsgi:application, a WSGI function, made by create_app(): ")
    );
}

#[test]
fn something_called_application_is_taken_though_nobody_can_see_what_it_is() {
    let imported = "from somewhere import site as application\n";
    assert_eq!(
        told(&[("app.py", imported)]),
        "? app:application, of a kind that shows only when it is imported: `application` in app.py is looked for first"
    );
    assert!(told(&[("wsgi.py", imported)]).starts_with("? wsgi:application, "));
}

#[test]
fn several_apps_are_refused_with_a_line_for_each() {
    insta::assert_snapshot!(refused(&[("app.py", FLASK), ("main.py", FASTAPI)]), @r"
    there are several apps here, and nothing says which one is to be served
    Set one of
        OPENSHIFT_PYTHON_WSGI_APPLICATION=app:app   (an instance of Flask, app.py:2)
        OPENSHIFT_PYTHON_WSGI_APPLICATION=main:app   (an instance of FastAPI, main.py:2)
    ");
    let both =
        "from flask import Flask\nfrom fastapi import FastAPI\napp = Flask('a')\napi = FastAPI()\n";
    insta::assert_snapshot!(refused(&[("app.py", both)]), @r#"
    there are several apps here, and nothing says which one is to be served
    Set one of
        OPENSHIFT_PYTHON_WSGI_APPLICATION=app:app   (an instance of Flask, app.py:3)
        OPENSHIFT_PYTHON_WSGI_APPLICATION=app:api   (an instance of FastAPI, app.py:4)
    "#);
    let several = "from flask import Flask\none = Flask('a')\ntwo = Flask('b')\n";
    insta::assert_snapshot!(refused(&[("app.py", several)]), @r#"
    there are several apps here, and nothing says which one is to be served
    Set one of
        OPENSHIFT_PYTHON_WSGI_APPLICATION=app:one   (an instance of Flask, app.py:2)
        OPENSHIFT_PYTHON_WSGI_APPLICATION=app:two   (an instance of Flask, app.py:3)
    "#);
}
