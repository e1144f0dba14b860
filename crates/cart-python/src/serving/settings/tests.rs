use super::*;

fn error(name: &str, value: &str) -> String {
    PythonSettings::from_env(&GearEnv::new().with(name, value)).expect_err(value).to_string()
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let settings = PythonSettings::from_env(&GearEnv::new()).unwrap();
    assert!(settings.server.is_none() && settings.interface.is_none());
    assert_eq!(settings.worker_class().as_str(), WORKER_CLASS.default);
    assert_eq!(settings.start_timeout.as_secs().to_string(), START_TIMEOUT.default);
    assert_eq!(settings.drain_timeout.as_secs().to_string(), DRAIN_TIMEOUT.default);
    assert_eq!(settings.probe_path.as_str(), PROBE_PATH.default);
    assert_eq!(settings.probe_statuses.to_string(), PROBE_STATUS.default);
    assert!(
        settings.application.is_none() && settings.workers.is_none() && settings.mirror.is_none()
    );
    assert_eq!(settings.installer, Choice::UvElsePip);
}

#[test]
fn every_allowed_server_is_registered_and_the_reverse() {
    let names: Vec<_> = crate::serving::server::SERVERS.iter().map(|s| s.name()).collect();
    let (last, first) = names.split_last().unwrap();
    assert_eq!(SERVER.allowed, format!("{} or {last}", first.join(", ")));
}

#[test]
fn a_mistyped_server_gets_the_one_that_was_meant() {
    insta::assert_snapshot!(error("OPENSHIFT_PYTHON_SERVER", "gunicron"), @r#"OPENSHIFT_PYTHON_SERVER is "gunicron", but allowed is: wsgiref, gevent, gunicorn, uvicorn, hypercorn, granian, waitress, cheroot, tornado, uwsgi or custom; did you mean `gunicorn`?"#);
    insta::assert_snapshot!(error("OPENSHIFT_PYTHON_SERVER", "apache"), @r#"OPENSHIFT_PYTHON_SERVER is "apache", but allowed is: wsgiref, gevent, gunicorn, uvicorn, hypercorn, granian, waitress, cheroot, tornado, uwsgi or custom"#);
}

#[test]
fn every_wrong_value_is_named_with_its_variable() {
    for (setting, value) in [
        (WORKERS, "0"),
        (WORKERS, "1001"),
        (WORKERS, "many"),
        (WEB_CONCURRENCY, "auto"),
        (WORKER_CLASS, "gevnt"),
        (THREADS, "-1"),
        (PROCESSES, "worker"),
        (WSGI_APPLICATION, "app:"),
        (WSGI_APPLICATION, "../app.py"),
        (APPLICATION, "app:create_app(os.environ)"),
        (INTERFACE, "rsgi"),
        (REQUIREMENTS_PATH, "a\nb"),
        (PYPI_MIRROR_URL, "mirror.example.com"),
        (COLLECTSTATIC, "1"),
        (INSTALLER, "conda"),
        (START_TIMEOUT, "0"),
        (DRAIN_TIMEOUT, "3601"),
        (MAX_MEMORY, "15m"),
        (MAX_MEMORY, "half"),
        (PROBE_PATH, "health"),
        (PROBE_STATUS, "200-"),
        (LOG_SIZE, "1k"),
        (LOG_FILES, "0"),
    ] {
        let text = error(setting.name, value);
        assert!(text.starts_with(&format!("{} is {value:?}", setting.name)), "{text}");
        assert!(text.contains(setting.allowed), "{text}");
    }
}

#[test]
fn static_files_are_collected_unless_somebody_says_no_as_here_or_as_with_heroku() {
    let collects = |ours: &str, herokus: &str| {
        let env = GearEnv::new().with(COLLECTSTATIC.name, ours);
        let env = env.with(DISABLE_COLLECTSTATIC, herokus);
        PythonSettings::from_env(&env).unwrap().collects_static
    };
    assert!(collects("", "") && collects("", "0") && collects("yes", "1"));
    assert!(!collects("no", "") && !collects("", "1"));
}

#[test]
fn the_app_has_two_variables_that_must_not_contradict_each_other() {
    let both = |usual, other| {
        let env = GearEnv::new().with(WSGI_APPLICATION.name, usual).with(APPLICATION.name, other);
        let named = PythonSettings::from_env(&env).map(|settings| settings.application.unwrap());
        named.map(|(variable, app)| format!("{variable}={app}")).unwrap_or_else(|e| e.to_string())
    };
    assert_eq!(both("", "main:app"), "OPENSHIFT_PYTHON_APPLICATION=main:app");
    assert_eq!(both("main:app", "main:app"), "OPENSHIFT_PYTHON_WSGI_APPLICATION=main:app");
    insta::assert_snapshot!(both("wsgi", "main:app"), @r#"OPENSHIFT_PYTHON_APPLICATION is "main:app", but allowed is: what OPENSHIFT_PYTHON_WSGI_APPLICATION says, wsgi:application: set one of them only"#);
}

#[test]
fn right_values_are_taken_over() {
    let env = GearEnv::new()
        .with(SERVER.name, "gunicorn")
        .with(WORKERS.name, "7")
        .with(WORKER_CLASS.name, "uvicorn.workers.UvicornWorker")
        .with(THREADS.name, "12")
        .with(INSTALLER.name, "pip")
        .with(WSGI_APPLICATION.name, "wsgi/main.py:app")
        .with(REQUIREMENTS_PATH.name, "requirements/live.txt")
        .with(PROBE_STATUS.name, "200-399,401");
    let settings = PythonSettings::from_env(&env).unwrap();
    assert_eq!(settings.server.unwrap().name(), "gunicorn");
    assert_eq!((settings.workers, settings.threads), (Some(7), Some(12)));
    assert_eq!(settings.worker_class().as_str(), "uvicorn.workers.UvicornWorker");
    assert_eq!(settings.application.unwrap().1.to_string(), "wsgi/main.py:app");
    assert_eq!(settings.installer, Choice::Pip);
    assert_eq!(settings.requirements_path.unwrap(), "requirements/live.txt");
    assert_eq!(settings.probe_statuses.to_string(), "200-399,401");
}

#[test]
fn what_is_set_of_the_first_holds_as_far_as_it_is_about_both() {
    let env = GearEnv::new()
        .with("OPENSHIFT_PYTHON_SERVER", "gunicorn")
        .with("OPENSHIFT_PYTHON_WORKERS", "7")
        .with("WEB_CONCURRENCY", "5")
        .with("OPENSHIFT_PYTHON_INTERFACE", "wsgi")
        .with("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "9")
        .with(websocket::APPLICATION.name, "asgi:app");
    let first = PythonSettings::from_env(&env).unwrap();
    let second = first.of_second(first.websocket.as_ref().unwrap());
    assert!(second.server.is_none() && second.interface.is_none());
    assert_eq!((second.workers, second.web_concurrency), (None, None));
    assert_eq!(second.drain_timeout.as_secs(), 9);
    assert_eq!(second.application.unwrap().1.to_string(), "asgi:app");
}
