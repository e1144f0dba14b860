use super::*;

fn read(command: &str) -> WebCommand {
    WebCommand::parse(&Process { name: "web".to_owned(), command: command.to_owned(), line: 3 })
}

/// Program, app and folder, in one line.
fn told(command: &str) -> String {
    let web = read(command);
    let factory = if web.is_factory { " (factory)" } else { "" };
    let directory = web.directory.map(|d| format!(" in {d}")).unwrap_or_default();
    format!("{} {}{factory}{directory}", web.program, web.app.unwrap_or_else(|| "?".to_owned()))
}

#[test]
fn the_app_is_found_wherever_it_stands() {
    for (command, wanted) in [
        ("gunicorn mysite.wsgi", "gunicorn mysite.wsgi"),
        ("gunicorn -w 4 mysite.wsgi:app --log-file -", "gunicorn mysite.wsgi:app"),
        ("gunicorn --log-file - --preload -b=0.0.0.0:$PORT app:app", "gunicorn app:app"),
        ("gunicorn -w4 'app:create_app()'", "gunicorn app:create_app() (factory)"),
        (
            "gunicorn \"app:create_app(mode='x y')\"",
            "gunicorn app:create_app(mode='x y') (factory)",
        ),
        ("gunicorn -c gunicorn.conf.py", "gunicorn ?"),
        ("gunicorn --chdir src shop.wsgi", "gunicorn shop.wsgi in src"),
        ("gunicorn --pythonpath ./a,b shop.wsgi", "gunicorn shop.wsgi in a"),
        ("uvicorn main:app --host=0.0.0.0 --port=${PORT:-5000}", "uvicorn main:app"),
        (
            "uvicorn --no-access-log --factory --app-dir src main:make",
            "uvicorn main:make (factory) in src",
        ),
        ("hypercorn wsgi:main:app --bind 0.0.0.0:$PORT", "hypercorn main:app"),
        ("hypercorn wsgi:app", "hypercorn wsgi:app"),
        ("granian --interface asgi --factory main:make", "granian main:make (factory)"),
        (
            "waitress-serve --port=$PORT --call flaskr:create_app",
            "waitress-serve flaskr:create_app (factory)",
        ),
        ("daphne -b 0.0.0.0 -p $PORT mysite.asgi:application", "daphne mysite.asgi:application"),
        ("uwsgi --http :$PORT --master --module shop.wsgi --callable app", "uwsgi shop.wsgi:app"),
        ("uwsgi --mount /=wsgi.py", "uwsgi wsgi.py"),
        ("uwsgi uwsgi.ini", "uwsgi ?"),
        ("fastapi run app/main.py --port $PORT", "fastapi run app/main.py"),
        ("fastapi run", "fastapi run ?"),
        ("FLASK_APP=hello flask run -h 0.0.0.0 -p $PORT", "flask run hello"),
        ("flask --app shop.web run", "flask run shop.web"),
        ("python manage.py runserver 0.0.0.0:$PORT", "manage.py manage.py"),
        ("python -u app.py", "python app.py"),
        ("python3 -m shop", "python shop"),
    ] {
        assert_eq!(told(command), wanted, "{command}");
    }
}

#[test]
fn what_only_starts_another_program_is_looked_through() {
    for command in [
        "exec gunicorn a.b:c",
        "env A=b C='d e' gunicorn a.b:c",
        "A=b gunicorn a.b:c",
        "python -m gunicorn a.b:c",
        "python3.12 -X dev -m gunicorn a.b:c",
        "/app/.venv/bin/gunicorn a.b:c",
        "newrelic-admin run-program gunicorn a.b:c",
        "opentelemetry-instrument gunicorn a.b:c",
        "poetry run gunicorn a.b:c",
        "uv run --no-sync gunicorn a.b:c",
        "honcho run gunicorn a.b:c",
        "bash -c 'exec gunicorn a.b:c'",
        "gunicorn a.b:c > /dev/null 2>&1",
        "gunicorn a.b:c | tee log",
    ] {
        assert_eq!(told(command), "gunicorn a.b:c", "{command}");
    }
}

#[test]
fn folders_add_up_and_other_commands_are_told() {
    assert_eq!(told("cd src && exec gunicorn --chdir ./shop a:b"), "gunicorn a:b in src/shop");
    assert_eq!(told("cd src; gunicorn a:b"), "gunicorn a:b in src");
    assert_eq!(told("cd . && gunicorn a:b"), "gunicorn a:b");
    let web = read("export A=b && python manage.py migrate && gunicorn a:b & celery worker");
    assert_eq!(web.program, Program::Gunicorn);
    assert_eq!(web.beside, ["python manage.py migrate", "celery worker"]);
    assert_eq!(web.variables, [("A".to_owned(), "b".to_owned())]);
    assert_eq!(web.line, 3);
}

#[test]
fn options_have_one_name_however_they_are_written() {
    for command in
        ["gunicorn -w 4 a", "gunicorn -w4 a", "gunicorn --workers=4 a", "gunicorn a --workers 4"]
    {
        let web = read(command);
        let option = web.option("workers").unwrap();
        assert_eq!(option.value.as_deref(), Some("4"), "{command}");
        assert!(command.contains(&option.written), "{}", option.written);
        assert_eq!(web.options.len(), 1);
    }
    let web = read("gunicorn -b 0.0.0.0:$PORT -w 2 -w 3 --preload a");
    assert_eq!(web.option("workers").unwrap().value.as_deref(), Some("3"));
    assert_eq!(web.option("bind").unwrap().value.as_deref(), Some("0.0.0.0:$PORT"));
    assert_eq!(web.option("preload").unwrap().value, None);
}

#[test]
fn the_interface_is_told_where_the_program_has_but_one() {
    for (command, wanted) in [
        ("gunicorn a:b", Some(Interface::Wsgi)),
        ("gunicorn -k uvicorn.workers.UvicornWorker a:b", Some(Interface::Asgi)),
        ("gunicorn -k uvicorn_worker.UvicornWorker a:b", Some(Interface::Asgi)),
        ("gunicorn -k gthread a:b", Some(Interface::Wsgi)),
        ("uvicorn a:b", Some(Interface::Asgi)),
        ("uvicorn --interface wsgi a:b", Some(Interface::Wsgi)),
        ("hypercorn a:b", None),
        ("hypercorn wsgi:a:b", Some(Interface::Wsgi)),
        ("granian --interface wsgi a:b", Some(Interface::Wsgi)),
        ("python app.py", None),
    ] {
        assert_eq!(read(command).interface(), wanted, "{command}");
    }
}

#[test]
fn what_is_not_understood_has_no_app() {
    for (command, program) in [
        ("./start.sh", "start.sh"),
        ("gunicorn 'a:b", "gunicorn 'a:b"),
        ("node server.js", "node"),
        ("python manage.py migrate", "manage.py"),
        ("&&", ""),
        ("python", "python"),
    ] {
        let web = read(command);
        assert_eq!(web.program.to_string(), program, "{command}");
        assert_eq!(web.program.server(), None, "{command}");
        assert!(web.app.is_none() || command.contains("manage.py"), "{command}");
    }
}
