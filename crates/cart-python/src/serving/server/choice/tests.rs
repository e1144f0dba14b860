use cart_core::GearEnv;

use super::*;
use crate::repository::procfile::Process;
use crate::variables::names::SERVER;

fn chosen(
    variables: &[(&str, &str)],
    web: &str,
    interface: Option<Interface>,
) -> Result<Chosen, CannotRun> {
    let mut env = GearEnv::new();
    variables.iter().for_each(|(name, value)| env.set(*name, *value));
    let settings = PythonSettings::from_env(&env).unwrap();
    let process = Process { name: "web".to_owned(), command: web.to_owned(), line: 2 };
    let web = (!web.is_empty()).then(|| WebCommand::parse(&process));
    choose(&settings, web.as_ref(), interface, false)
}

fn by(variables: &[(&str, &str)], web: &str, interface: Option<Interface>) -> (String, DecidedBy) {
    let chosen = chosen(variables, web, interface).unwrap();
    (chosen.server.name().to_owned(), chosen.decided_by)
}

const GUNICORN: &[(&str, &str)] = &[("OPENSHIFT_PYTHON_SERVER", "gunicorn")];
const ASGI: Option<Interface> = Some(Interface::Asgi);
const WSGI: Option<Interface> = Some(Interface::Wsgi);

#[test]
fn a_variable_goes_before_the_procfile_and_that_before_the_interface() {
    for (variables, web, interface, server, decided_by) in [
        (GUNICORN, "waitress-serve a:b", WSGI, "gunicorn", DecidedBy::Variable),
        (&[], "gunicorn a:b", WSGI, "gunicorn", DecidedBy::Procfile),
        (&[], "uvicorn a:b", None, "uvicorn", DecidedBy::Procfile),
        (&[], "waitress-serve a:b", WSGI, "waitress", DecidedBy::Procfile),
        (&[], "fastapi run a.py", ASGI, "uvicorn", DecidedBy::Procfile),
        (&[], "", ASGI, "uvicorn", DecidedBy::Interface),
        (&[], "", WSGI, "wsgiref", DecidedBy::Interface),
        (&[], "", None, "wsgiref", DecidedBy::Nothing),
        // What we do not have, and what is for development.
        (&[], "daphne a:b", None, "uvicorn", DecidedBy::Interface),
        (&[], "daphne a:b", WSGI, "wsgiref", DecidedBy::Interface),
        (&[], "python manage.py runserver", WSGI, "wsgiref", DecidedBy::Interface),
        (&[], "./start.sh", None, "wsgiref", DecidedBy::Nothing),
    ] {
        let wanted = (server.to_owned(), decided_by);
        assert_eq!(by(variables, web, interface), wanted, "{web} {interface:?}");
    }
}

#[test]
fn options_that_mean_something_are_taken_over_and_the_others_named() {
    let web =
        "gunicorn a:b --workers 2 -t 30 -k gthread --threads=8 --bind 0.0.0.0:$PORT --log-file -";
    let taken = chosen(&[], web, WSGI).unwrap();
    assert_eq!((taken.settings.workers, taken.settings.threads), (Some(2), Some(8)));
    assert_eq!(taken.settings.worker_class().as_str(), "gthread");
    assert_eq!(taken.timeout, Some(30));
    let procfile = taken.procfile.unwrap();
    assert_eq!(procfile.taken, ["--workers 2", "-t 30", "-k gthread", "--threads=8"]);
    assert_eq!(procfile.unused, ["--bind 0.0.0.0:$PORT", "--log-file -"]);
    assert!(procfile.is_followed && procfile.line == 2);
}

#[test]
fn options_of_other_servers_mean_the_same_here() {
    let web = "uwsgi --http-socket :$PORT --master -p 4 --threads 2 -w a:b";
    let taken = chosen(&[], web, WSGI).unwrap();
    assert_eq!((taken.settings.workers, taken.settings.threads), (Some(4), Some(2)));
    assert_eq!((taken.server.name(), taken.decided_by), ("uwsgi", DecidedBy::Procfile));
    let procfile = taken.procfile.unwrap();
    assert_eq!(procfile.taken, ["-p 4", "--threads 2"]);
    assert_eq!(procfile.unused, ["--http-socket :$PORT", "--master"]);
    let taken = chosen(&[], "waitress-serve --threads=8 --port=$PORT a:b", WSGI).unwrap();
    assert_eq!((taken.server.name(), taken.settings.threads), ("waitress", Some(8)));
}

#[test]
fn what_is_no_number_here_or_unknown_is_not_taken_over() {
    let web = "gunicorn a:b -w $WEB_CONCURRENCY -k eventlet --timeout never -c gunicorn.conf.py";
    let taken = chosen(&[], web, WSGI).unwrap();
    assert_eq!((taken.settings.workers, taken.timeout), (None, None));
    assert_eq!(taken.settings.worker_class, None);
    let procfile = taken.procfile.unwrap();
    assert_eq!(procfile.unused, ["-w $WEB_CONCURRENCY", "-k eventlet", "--timeout never"]);
}

#[test]
fn a_variable_goes_before_an_option() {
    let variables = [
        ("OPENSHIFT_PYTHON_WORKERS", "7"),
        ("OPENSHIFT_PYTHON_WORKER_CLASS", "sync"),
        ("OPENSHIFT_PYTHON_THREADS", "3"),
    ];
    let taken = chosen(&variables, "gunicorn a:b -w 2 -k gthread --threads 8", WSGI).unwrap();
    assert_eq!((taken.settings.workers, taken.settings.threads), (Some(7), Some(3)));
    assert_eq!(taken.settings.worker_class().as_str(), "sync");
}

#[test]
fn threads_without_a_class_are_gthread_as_with_gunicorn() {
    let class = |web| chosen(&[], web, WSGI).unwrap().settings.worker_class();
    assert_eq!(class("gunicorn a:b --threads 4").as_str(), "gthread");
    assert_eq!(class("gunicorn a:b --threads 1").as_str(), "gevent");
}

#[test]
fn options_of_another_server_than_the_variables_are_not_for_it() {
    let taken = chosen(GUNICORN, "waitress-serve --threads=8 a:b", WSGI).unwrap();
    assert_eq!(taken.settings.threads, None);
    assert!(!taken.procfile.unwrap().is_followed);
    // But they are for the one that stands in for it.
    let taken = chosen(&[], "daphne --threads=8 --port=$PORT a:b", WSGI).unwrap();
    assert_eq!(taken.settings.threads, Some(8));
    let procfile = taken.procfile.unwrap();
    assert_eq!((procfile.is_followed, procfile.program.as_str()), (false, "daphne"));
    assert_eq!(procfile.unused, ["--port=$PORT"]);
}

#[test]
fn a_server_that_cannot_run_the_app_is_an_error_with_those_that_can() {
    let gevent = [("OPENSHIFT_PYTHON_SERVER", "gevent")];
    insta::assert_snapshot!(chosen(&gevent, "", ASGI).unwrap_err());
    insta::assert_snapshot!(chosen(GUNICORN, "", ASGI).unwrap_err());
    insta::assert_snapshot!(chosen(&[], "uvicorn a:b", WSGI).unwrap_err());
    assert!(chosen(&[], "gunicorn a:b -k uvicorn.workers.UvicornWorker", ASGI).is_ok());
    let class = ("OPENSHIFT_PYTHON_WORKER_CLASS", "asgi");
    assert!(chosen(&[GUNICORN[0], class], "", ASGI).is_ok());
    assert!(chosen(&[GUNICORN[0], class], "", WSGI).is_err());
}

#[test]
fn a_person_says_what_the_app_is_and_a_chosen_server_does_too() {
    let says = [("OPENSHIFT_PYTHON_INTERFACE", "ASGI")];
    let taken = chosen(&says, "", WSGI).unwrap();
    assert_eq!((taken.server.name(), taken.is_wish()), ("uvicorn", true));
    assert_eq!(chosen(GUNICORN, "", None).unwrap().interface, WSGI);
    let nothing = chosen(&[], "", None).unwrap();
    assert_eq!((nothing.interface, nothing.is_wish()), (None, false));
}

#[test]
fn an_apps_own_configuration_of_gunicorn_may_name_the_class_of_workers() {
    let gunicorn = |class: &str| {
        let env = GearEnv::new().with(SERVER.name, "gunicorn").with(WORKER_CLASS.name, class);
        let settings = PythonSettings::from_env(&env).unwrap();
        choose(&settings, None, Some(Interface::Asgi), true).map(|chosen| chosen.interface)
    };
    assert_eq!(gunicorn(""), Ok(Some(Interface::Asgi)));
    assert!(gunicorn("gthread").is_err(), "the variable goes before it");
}
