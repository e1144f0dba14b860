//! nginx's master on a held socket: started, reloaded, killed, replaced.

use std::time::Duration;

use cart_core::{files, process};
use cart_nginx::{ServiceError, layout};
use rustix::process::Signal;

use crate::app::App;
use crate::bench::{Bench, LIMIT};

const RETURNS: &str = "server { listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>; return 200 \"<%= ENV['WORD'] %>\"; }\n";

#[test]
fn a_reload_changes_what_is_served_on_the_held_socket() {
    let bench = Bench::new().file("nginx.conf.erb", RETURNS).set("WORD", "one");
    let master = bench.serve();
    assert_eq!(bench.get("/").text(), "one");
    let before = master.workers();
    let bench = bench.set("WORD", "two");
    bench.nginx().configure(&bench.site()).unwrap();
    bench.nginx().reload(master.id, LIMIT).unwrap();
    assert!(master.workers().iter().any(|worker| !before.contains(worker)));
    // The old worker may take a connection until it has seen the signal to go.
    let changed = || (bench.get("/").text() == "two").then_some(());
    assert!(cart_core::wait::until(LIMIT, changed).is_some());
    for worker in before {
        assert!(worker.wait_gone(LIMIT));
    }
    assert_eq!(bench.get("/").text(), "two");
}

#[test]
fn several_workers_share_a_socket_and_none_gets_stuck_in_it() {
    let bench = Bench::new().set("OPENSHIFT_NGINX_WORKERS", "4");
    let _app = App::parrot(&bench.socket());
    let mut master = bench.serve();
    // Each connection wakes several workers, of which one gets it.
    for _ in 0..100 {
        assert_eq!(bench.get("/").status(), 200);
    }
    master.id.signal(Signal::QUIT);
    master.ended();
}

#[test]
fn a_reload_that_nginx_refuses_is_told_at_once_and_it_serves_on() {
    let bench = Bench::new();
    let _app = App::parrot(&bench.socket());
    let master = bench.serve();
    files::write_atomic(&layout::main_file(&bench.dir), b"nonsense;\n", 0o600).unwrap();
    let started = std::time::Instant::now();
    let error = bench.nginx().reload(master.id, LIMIT).unwrap_err();
    assert!(started.elapsed() < LIMIT);
    let ServiceError::NotReloaded { seconds: None, last_lines, .. } = error else {
        panic!("{error}")
    };
    assert!(last_lines.join("\n").contains("unknown directive \"nonsense\""), "{last_lines:?}");
    assert_eq!(bench.get("/x").status(), 200);
}

#[test]
fn a_master_that_is_gone_cannot_be_reloaded() {
    let bench = Bench::new();
    let mut master = bench.serve();
    master.id.signal(Signal::TERM);
    master.ended();
    let error = bench.nginx().reload(master.id, LIMIT).unwrap_err();
    assert!(matches!(error, ServiceError::Ended { .. }), "{error}");
}

#[test]
fn after_its_master_was_killed_a_second_one_serves_on_the_same_socket() {
    let bench = Bench::new();
    let _app = App::parrot(&bench.socket());
    let mut first = bench.serve();
    first.id.signal(Signal::KILL);
    first.ended();
    // Its workers know nothing of it and go on; no connection is refused.
    assert_eq!(bench.get("/between").status(), 200);
    let second = bench.start();
    second.serves();
    let orphans = process::group_without(first.id.pid);
    assert!(!orphans.is_empty());
    for orphan in &orphans {
        orphan.signal(Signal::QUIT);
    }
    for orphan in orphans {
        assert!(orphan.wait_gone(LIMIT));
    }
    assert_eq!(bench.get("/after").status(), 200);
    bench.nginx().reload(second.id, LIMIT).unwrap();
    assert_eq!(bench.get("/reloaded").status(), 200);
}

#[test]
fn a_killed_worker_is_replaced() {
    let bench = Bench::new();
    let _app = App::parrot(&bench.socket());
    let master = bench.serve();
    let worker = master.workers()[0];
    worker.signal(Signal::KILL);
    let replaced = || master.workers().first().copied().filter(|w| *w != worker);
    assert!(cart_core::wait::until(LIMIT, replaced).is_some());
    assert_eq!(bench.get("/").status(), 200);
}

#[test]
fn a_successor_takes_over_without_the_port_being_closed() {
    let bench = Bench::new();
    let app = App::parrot(&bench.socket());
    let mut first = bench.serve();
    let second = bench.start();
    second.serves();
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let until = std::time::Instant::now() + Duration::from_millis(300);
            let mut asked = 0;
            while std::time::Instant::now() < until {
                assert_eq!(bench.get("/").status(), 200);
                asked += 1;
            }
            asked
        });
        first.id.signal(Signal::QUIT);
        first.ended();
        asking.join().unwrap()
    });
    assert_eq!(app.seen().len(), asked);
    assert_eq!(bench.get("/").status(), 200);
    assert!(second.id.is_alive());
}

#[test]
fn logs_that_were_renamed_are_opened_anew() {
    let bench = Bench::new();
    let _app = App::parrot(&bench.socket());
    let master = bench.serve();
    let log = layout::access_log(&bench.dir);
    bench.get("/before");
    let old = log.with_extension("log.1");
    files::rename(&log, &old).unwrap();
    master.id.signal(Signal::USR1);
    assert!(cart_core::wait::until(LIMIT, || log.exists().then_some(())).is_some());
    let has = |path: &camino::Utf8Path, what: &str| {
        let text = String::from_utf8(files::read(path).unwrap()).unwrap();
        text.contains(what).then_some(())
    };
    assert!(cart_core::wait::until(LIMIT, || has(&old, "/before")).is_some());
    // The worker opens it a moment after the master.
    let logged = || {
        bench.get("/after");
        has(&log, "/after")
    };
    assert!(cart_core::wait::until(LIMIT, logged).is_some());
}
