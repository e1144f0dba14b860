use super::*;

fn launch(entry_point: &str) -> Launch {
    Launch {
        venv: VirtualEnv::at("/gear/advanced-python/virtenv"),
        app_dir: "/gear/app-root/runtime/repo".into(),
        entry_point: EntryPoint::parse(entry_point).unwrap(),
        interface: None,
        workers: 5,
        sockets: 1,
        worker_class: WorkerClass::default(),
        threads: None,
        timeout: None,
        drain: Duration::from_secs(30),
        env: GearEnv::new()
            .with("PATH", "/bin:/usr/bin")
            .with("PYTHONHOME", "/elsewhere")
            .with("PYTHONPATH", "/the/apps/own")
            .with("GIT_DIR", "."),
        launchers: "/gear/advanced-python/conf/python".into(),
    }
}

/// Program, arguments, directory and environment, one line each.
fn shown(server: &str, launch: &Launch) -> String {
    let command = by_name(server).unwrap().command(launch);
    let mut lines = vec![command.program.to_string()];
    lines.extend(command.args.iter().map(|a| format!("  {a}")));
    lines.push(format!("in {}", command.dir));
    for (name, value) in command.env.iter() {
        lines.push(format!("{}={}", name.display(), value.display()));
    }
    lines.join("\n")
}

#[test]
fn wsgiref_command() {
    insta::assert_snapshot!(shown("wsgiref", &launch("app")));
}

#[test]
fn gevent_command() {
    insta::assert_snapshot!(shown("gevent", &launch("wsgi/main.py:app")));
}

#[test]
fn gunicorn_command() {
    insta::assert_snapshot!(shown("gunicorn", &launch("app")));
}

#[test]
fn gunicorn_command_for_a_file_on_threads() {
    let launch = Launch {
        threads: Some(8),
        worker_class: WorkerClass::parse("gthread").unwrap(),
        timeout: Some(30),
        ..launch("wsgi/main.py:site.app")
    };
    insta::assert_snapshot!(shown("gunicorn", &launch));
}

#[test]
fn a_server_whose_clients_stay_with_one_worker_has_a_socket_for_each() {
    let launch = Launch { workers: 2, sockets: 2, ..launch("app") };
    for server in SERVERS.iter().filter(|server| server.has_workers()) {
        let shown = shown(server.name(), &launch);
        let told = ["--sockets\n  2\n", "--bind\n  fd://3\n  --bind\n  fd://4\n"];
        assert!(told.iter().any(|told| shown.contains(told)), "{shown}");
    }
}

#[test]
fn a_server_with_threads_is_told_how_many() {
    let launch = Launch { threads: Some(8), ..launch("app") };
    for server in ["wsgiref", "waitress", "cheroot", "tornado", "uwsgi"] {
        let shown = shown(server, &launch);
        let file = format!("/conf/python/serve_{server}.py\n  --threads\n  8\n  --workers\n  5\n");
        assert!(shown.contains(&file), "{shown}");
    }
}

#[test]
fn a_program_of_the_app_gets_the_socket_as_a_service_of_systemd_does() {
    insta::assert_snapshot!(shown("custom", &launch(".openshift/action_hooks/server")));
}

#[test]
fn uvicorn_command() {
    let launch = Launch { interface: Some(Interface::Asgi), ..launch("main:app") };
    insta::assert_snapshot!(shown("uvicorn", &launch));
}

#[test]
fn hypercorn_and_granian_commands() {
    let launch = Launch { interface: Some(Interface::Asgi), ..launch("main:app") };
    insta::assert_snapshot!(shown("hypercorn", &launch));
    insta::assert_snapshot!(shown("granian", &launch));
}

#[test]
fn names_are_different_and_descriptions_are_one_line() {
    for server in SERVERS {
        assert_eq!(by_name(server.name()).unwrap().name(), server.name());
        assert!(!server.description().contains('\n') && !server.description().is_empty());
    }
}

#[test]
fn mistyped_names_lead_to_the_right_ones() {
    for (typed, meant) in [
        ("gunicron", Some("gunicorn")),
        ("Gunicorn", Some("gunicorn")),
        ("gevnt", Some("gevent")),
        ("wsgi", Some("uwsgi")),
        ("wsgirf", Some("wsgiref")),
        ("apache", None),
        ("uwsgy", Some("uwsgi")),
        ("x", None),
    ] {
        assert_eq!(closest(typed), meant, "{typed}");
    }
}

#[test]
fn packages_are_asked_for_only_where_they_are_used() {
    let names = |server: &str, class: &str| -> Vec<_> {
        let class = WorkerClass::parse(class).unwrap_or_default();
        let needed = by_name(server).unwrap().requirements(&class);
        needed.iter().map(|r| r.name).collect()
    };
    assert!(names("wsgiref", "").is_empty());
    assert_eq!(names("gevent", ""), ["gevent"]);
    assert_eq!(names("gunicorn", ""), ["gunicorn", "gevent", "packaging"]);
    let class = "gunicorn.workers.ggevent.GeventPyWSGIWorker";
    assert_eq!(names("gunicorn", class), ["gunicorn", "gevent", "packaging"]);
    assert_eq!(names("gunicorn", "sync"), ["gunicorn"]);
    assert_eq!(names("uvicorn", ""), ["uvicorn", "websockets", "httptools"]);
    assert_eq!(names("hypercorn", ""), ["hypercorn"]);
    assert_eq!(names("granian", ""), ["granian"]);
}

#[test]
fn every_line_of_a_requirement_names_its_package() {
    let class = WorkerClass::default();
    for requirement in SERVERS.iter().flat_map(|server| server.requirements(&class)) {
        for line in requirement.lines {
            assert!(line.starts_with(requirement.name), "{line}");
        }
    }
}
