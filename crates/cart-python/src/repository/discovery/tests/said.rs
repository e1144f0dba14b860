//! What the repository or a variable says.

use super::*;

const MANAGE: &str = "import os\ndef main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n";
const DJANGO_WSGI: &str =
    "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n";
const DJANGO_ASGI: &str =
    "from django.core.asgi import get_asgi_application\napplication = get_asgi_application()\n";

#[test]
fn a_procfile_names_the_app() {
    let app = ("mysite/wsgi.py", WSGI);
    let package = ("mysite/__init__.py", "");
    for (line, shown) in [
        ("gunicorn mysite.wsgi", "WSGI mysite.wsgi:application, a WSGI function"),
        (
            "sh -c 'exec gunicorn -w 4 mysite.wsgi:application'",
            "WSGI mysite.wsgi:application, a WSGI function",
        ),
        (
            "newrelic-admin run-program gunicorn mysite.wsgi",
            "WSGI mysite.wsgi:application, a WSGI function",
        ),
        ("python -m gunicorn mysite.wsgi", "WSGI mysite.wsgi:application, a WSGI function"),
        ("cd mysite && gunicorn wsgi", "WSGI mysite/:wsgi:application, a WSGI function"),
        (
            "PYTHONPATH=mysite:$PYTHONPATH gunicorn wsgi",
            "WSGI mysite/:wsgi:application, a WSGI function",
        ),
        ("gunicorn --chdir mysite wsgi", "WSGI mysite/:wsgi:application, a WSGI function"),
        ("uvicorn --app-dir mysite web:app", "ASGI mysite/:web:app, an instance of FastAPI"),
        (
            "uvicorn --factory mysite.factory:create_app",
            "ASGI mysite.factory:create_app(), an instance of FastAPI",
        ),
        (
            "gunicorn 'mysite.factory:create_app()'",
            "ASGI mysite.factory:create_app(), an instance of FastAPI",
        ),
        (
            "flask --app mysite.factory run",
            "ASGI mysite.factory:create_app(), an instance of FastAPI",
        ),
        ("python mysite/web.py", "ASGI mysite/:web:app, an instance of FastAPI"),
        ("python -m mysite.web", "ASGI mysite.web:app, an instance of FastAPI"),
    ] {
        let factory = "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n";
        let procfile = format!("web: {line}\n");
        let told = told(&[
            app,
            package,
            ("mysite/web.py", FASTAPI),
            ("mysite/factory.py", factory),
            ("Procfile", &procfile),
        ]);
        assert!(told.starts_with(&format!("{shown}: Procfile:1 ")), "{line}: {told}");
    }
}

#[test]
fn an_installed_package_may_be_named() {
    let repo = Repo::new(&[("Procfile", "web: uvicorn superset.app:site\n")]);
    let found = repo.found();
    assert_eq!(found.because, "the app is superset.app:site: Procfile:1 says so");
    assert_eq!((found.interface, found.is_named), (None, true));
    let problem = found.entry_point.locate(&repo.path(), &[]).unwrap_err();
    insta::assert_snapshot!(repo.shown(found.not_there(problem)), @r#"
    Procfile:1 names the app superset.app:site, but superset/app.py is missing in REPO
    Add it, or name your app's module or file in OPENSHIFT_PYTHON_WSGI_APPLICATION
    "#);
}

#[test]
fn other_files_name_the_app() {
    let web = ("web.py", FASTAPI);
    let pyproject =
        ("pyproject.toml", "[project]\nname = 'x'\n\n[tool.fastapi]\nentrypoint = 'web:app'\n");
    assert_eq!(
        told(&[web, pyproject]),
        "ASGI web:app, an instance of FastAPI: pyproject.toml:5 says so"
    );
    let conf = ("gunicorn.conf.py", "wsgi_app = 'web'\nworkers = 3\n");
    assert_eq!(
        told(&[web, conf]),
        "ASGI web:app, an instance of FastAPI: gunicorn.conf.py:1 says so"
    );
    for value in ["web", "web.py", "'web:app'", "web:app  # the app", "./web.py:app", "web/"] {
        let flask = format!("# x\nexport FLASK_APP={value}\nFLASK_DEBUG=1\n");
        let told = told(&[("web.py", FLASK), (".flaskenv", &flask), ("app.py", FASTAPI)]);
        assert_eq!(told, "WSGI web:app, an instance of Flask: .flaskenv:2 says so", "{value}");
    }
}

#[test]
fn a_django_project_says_where_its_app_is() {
    let project = [("manage.py", MANAGE), ("shop/settings.py", ""), ("shop/wsgi.py", DJANGO_WSGI)];
    assert_eq!(
        told(&project),
        "WSGI shop.wsgi:application, an app of Django: manage.py:3 says that the settings are shop.settings"
    );
    let both = [&project[..], &[("shop/asgi.py", DJANGO_ASGI)]].concat();
    assert_eq!(
        told(&both),
        "WSGI shop.wsgi:application, an app of Django: manage.py:3 says that the settings are \
         shop.settings; shop/asgi.py is there, too, but nothing asks for ASGI"
    );
    let asked =
        [&both[..], &[("shop/settings.py", "ASGI_APPLICATION = 'shop.asgi.application'\n")]]
            .concat();
    assert_eq!(
        told(&asked),
        "ASGI shop.asgi:application, an app of Django: manage.py:3 says that the settings are \
         shop.settings, and these name an ASGI_APPLICATION"
    );
    let beside = Repo::new(&asked).find_beside(Some("VARIABLE"), None, &PYTHON).unwrap();
    assert_eq!(
        beside.because,
        "the app is shop.wsgi:application, an app of Django: manage.py:3 says that the settings are \
         shop.settings, and VARIABLE names what is served beside it"
    );
    let elsewhere = [
        (
            "manage.py",
            "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = \"config.settings.live\"\n",
        ),
        ("config/settings/live.py", "from .base import *\n"),
        ("config/settings/base.py", "WSGI_APPLICATION = 'config.web.application'\n"),
        ("config/web.py", DJANGO_WSGI),
    ];
    assert!(
        told(&elsewhere).starts_with("WSGI config.web:application, an app of Django: manage.py:2 ")
    );
    let flat = [
        ("manage.py", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')\n"),
        ("settings.py", ""),
        ("wsgi.py", DJANGO_WSGI),
    ];
    assert!(told(&flat).starts_with("WSGI wsgi:application, an app of Django: manage.py:2 "));
    let procfile = [
        ("Procfile", "web: cd back && python manage.py runserver 0.0.0.0:$PORT\n"),
        ("back/manage.py", MANAGE),
        ("back/shop/wsgi.py", DJANGO_WSGI),
    ];
    assert!(told(&procfile).starts_with("WSGI back/:shop.wsgi:application, an app of Django: "));
}

#[test]
fn the_only_django_project_in_a_folder_is_taken() {
    let one = [("back/manage.py", MANAGE), ("back/shop/wsgi.py", DJANGO_WSGI)];
    assert_eq!(
        told(&one),
        "WSGI back/:shop.wsgi:application, an app of Django: back/manage.py:3 says that the \
         settings are shop.settings"
    );
    let two =
        [&one[..], &[("front/manage.py", MANAGE), ("front/shop/wsgi.py", DJANGO_WSGI)]].concat();
    let text = refused(&two);
    assert!(text.contains("    front has a manage.py of Django: "), "{text}");
}

#[test]
fn source_to_image_names_the_app() {
    let shop = ("shop/web.py", FLASK);
    let manage = [("back/manage.py", MANAGE), ("back/shop/wsgi.py", DJANGO_WSGI)];
    for (environment, shown) in [
        ("# x\nAPP_MODULE=shop.web:app\n", "WSGI shop.web:app, an instance of Flask"),
        ("APP_MODULE=web:app\nAPP_HOME=shop\n", "WSGI shop/:web:app, an instance of Flask"),
        ("APP_FILE=shop/web.py\n", "WSGI shop/:web:app, an instance of Flask"),
        ("APP_HOME=back\n", "WSGI back/:shop.wsgi:application, an app of Django"),
    ] {
        let files = [&[shop, ("app.py", FASTAPI), (".s2i/environment", environment)], &manage[..]];
        let told = told(&files.concat());
        assert!(told.starts_with(&format!("{shown}: ")), "{environment}{told}");
    }
    let text = refused(&[("main.py", FASTAPI), (".s2i/environment", "APP_MODULE=main:web\n")]);
    assert!(text.starts_with(".s2i/environment:1 names the app main:web, but main.py "), "{text}");
}

#[test]
fn settings_that_a_procfile_names_say_where_the_app_is() {
    let apps = [("one.py", FLASK), ("two.py", FLASK)];
    for (line, file, text, shown) in [
        ("uwsgi uwsgi.ini", "uwsgi.ini", "[uwsgi]\nmodule = two:app\n", "two:app"),
        ("uwsgi --ini x/u.ini", "x/u.ini", "callable = app\nwsgi-file = two.py\n", "two.py:app"),
        ("gunicorn -c conf/live.py", "conf/live.py", "\nwsgi_app = 'two:app'\n", "two:app"),
    ] {
        let procfile = format!("web: {line}\n");
        let told = told(&[&apps[..], &[("Procfile", &procfile), (file, text)]].concat());
        let shown = format!("WSGI {shown}, an instance of Flask: {file}:2 says so");
        assert_eq!(told, shown);
    }
}

#[test]
fn a_variable_goes_before_everything() {
    let repo = Repo::new(&[
        ("Procfile", "web: gunicorn main:app\n"),
        ("app.py", FLASK),
        ("main.py", FASTAPI),
    ]);
    let found = |set| repo.find_with(Some(set), &PYTHON).unwrap();
    let set = found("app:app");
    assert_eq!(
        set.because,
        "the app is app:app, an instance of Flask: OPENSHIFT_PYTHON_WSGI_APPLICATION says so"
    );
    assert_eq!(set.decided_by, DecidedBy::Variable(WSGI_APPLICATION.name));
    repo.write("app.py", "def create_app(name='x', debug=True):\n    pass\n");
    assert_eq!(
        found("app:create_app('y', debug=False)").entry_point.to_string(),
        "app:create_app('y', debug=False)"
    );
    assert_eq!(found("app:create_app").entry_point.to_string(), "app:create_app()");
    assert_eq!(found("elsewhere:app").interface, None);
}

#[test]
fn a_name_that_is_not_there_is_refused_with_those_that_are() {
    insta::assert_snapshot!(refused(&[("main.py", FASTAPI), ("Procfile", "x: y\nweb: gunicorn main:application\n")]), @r#"
    Procfile:2 names the app main:application, but main.py binds no `application` when it is imported
    Correct that line, or set
        OPENSHIFT_PYTHON_WSGI_APPLICATION=main:app   (an instance of FastAPI, main.py:2)
    "#);
    let repo = Repo::new(&[("main.py", FASTAPI)]);
    insta::assert_snapshot!(repo.shown(repo.find_with(Some("main:web"), &PYTHON).unwrap_err()), @r#"
    OPENSHIFT_PYTHON_WSGI_APPLICATION names the app main:web, but main.py binds no `web` when it is imported
    It has
        OPENSHIFT_PYTHON_WSGI_APPLICATION=main:app   (an instance of FastAPI, main.py:2)
    "#);
    insta::assert_snapshot!(refused(&[("main.py", ""), ("Procfile", "web: gunicorn main:app\n")]), @r#"
    Procfile:1 names the app main:app, but main.py binds no `app` when it is imported
    Bind it there, or name the app's own: OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable
    "#);
    insta::assert_snapshot!(refused(&[("Procfile", "web: gunicorn 'main:create_app(os.environ)'\n")]), @r#"
    Procfile:1 names "main:create_app(os.environ)" as the app, which is neither `module:callable` nor a file
    Correct it, or set OPENSHIFT_PYTHON_WSGI_APPLICATION=module:callable, which goes before it
    "#);
}
