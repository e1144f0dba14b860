//! What a visitor gets, and what the app gets of it.

use std::io::{BufReader, Read, Write};

use cart_core::{CommandSpec, files, run, wait};
use cart_nginx::{Connections, Folder, FolderPath, forwarded, health, layout, network};

use crate::app::{App, Reply};
use crate::bench::{Bench, LIMIT};
use crate::http::Message;

#[test]
fn nginx_accepts_every_kind_of_site_without_a_warning() {
    let plain = Bench::new();
    let mut files_only = plain.site();
    files_only.upstream = None;
    let mut single = plain.site();
    single.upstream.as_mut().unwrap().connections = Connections::OneEach;
    let mut odd = plain.site();
    odd.repo = plain.dir.path().join(r#"a "b"; } {\ 'c'"#);
    odd.upstream.as_mut().unwrap().sockets = vec![plain.dir.run().join(r#"s"; {$x.sock"#)];
    let at = FolderPath::parse("/a.b/~c/").unwrap();
    odd.folders = vec![
        Folder { at: FolderPath::root(), directory: odd.repo.join("public") },
        Folder { at, directory: odd.repo.join("static") },
    ];
    odd.settings.fallback = Some("/index.html".to_owned());
    let mut below = plain.site();
    below.folders = odd.folders.split_off(1);
    odd.folders.extend(below.folders.iter().cloned());
    let mut none = plain.site();
    none.folders = Vec::new();
    odd.settings.access_log = false;
    odd.settings.trusted_proxies = Vec::new();
    odd.host = None;
    let mut trusting = plain.site();
    trusting.settings.trusted_proxies = network::parse_list("all").unwrap();
    trusting.settings.trusted_headers =
        forwarded::parse_list(&format!("{} Remote-User", "x".repeat(40))).unwrap();
    let with_limits = |line: u64, head: u64, response_head: u64| {
        let mut site = plain.site();
        site.settings.max_line_size = line;
        site.settings.max_head_size = head;
        site.settings.max_response_head_size = response_head;
        site
    };
    let (k, m) = (1 << 10, 1 << 20);
    let least = with_limits(k, k, 4 * k);
    let most = with_limits(m, m, m);
    let mixed = with_limits(k, m, 63 * k + 1);
    let all = [plain.site(), files_only, single, odd, below, none, trusting, least, most, mixed];
    for site in all {
        plain.nginx().configure(&site).unwrap();
        let file = layout::main_file(&plain.dir);
        let test = CommandSpec::new(plain.nginx().binary().path.as_path(), &plain.env)
            .args(["-t", "-q", "-p", plain.dir.path().as_str(), "-c", file.as_str()])
            .args(["-e", "stderr"]);
        assert_eq!(run::checked(&test, LIMIT).unwrap().stderr_text(), "");
    }
}

#[test]
fn static_files_need_no_app() {
    let bench = Bench::new()
        .file("public/hello.txt", "hello")
        .file("public/sub/a.mjs", "1")
        .file("public/app.wasm", "2")
        .file("public/with space", "3");
    let _nginx = bench.serve();
    let hello = bench.get("/hello.txt?x=1");
    assert_eq!((hello.status(), hello.text().as_str()), (200, "hello"));
    assert_eq!(hello.header("content-type"), Some("text/plain"));
    assert_eq!(hello.header("server"), Some("nginx"), "no version");
    assert_eq!(bench.get("/sub/a.mjs").header("content-type"), Some("text/javascript"));
    assert_eq!(bench.get("/app.wasm").header("content-type"), Some("application/wasm"));
    assert_eq!(bench.get("/with%20space").text(), "3");
}

/// As after a deploy, by which directories are exchanged.
#[test]
fn other_files_in_the_same_place_are_served_soon() {
    let bench = Bench::new()
        .file("public/page.txt", "old")
        .file("public/gone.txt", "gone")
        .file("next/page.txt", "new one")
        .file("next/come.txt", "come");
    let _nginx = bench.serve();
    let seen = || ["/page.txt", "/gone.txt", "/come.txt"].map(|path| bench.get(path));
    // What is no file is the app's, which is not there.
    assert_eq!(seen().map(|answer| answer.status()), [200, 200, 502]);
    let (old, new) = (bench.repo.join("public"), bench.repo.join("next"));
    std::fs::rename(&old, bench.repo.join("former")).unwrap();
    std::fs::rename(&new, &old).unwrap();
    let is_new = || {
        let [page, gone, come] = seen();
        let texts = (page.text(), gone.status(), come.text());
        (texts == ("new one".to_owned(), 502, "come".to_owned())).then_some(())
    };
    assert!(wait::until(LIMIT, is_new).is_some(), "{:?}", seen().map(|answer| answer.text()));
}

/// Also right after it was asked for in vain.
#[test]
fn a_file_that_the_app_has_just_made_is_there() {
    let bench = Bench::new();
    let _nginx = bench.serve();
    for name in 0..20 {
        let path = format!("/{name}.txt");
        assert_eq!(bench.get(&path).status(), 502);
        bench.write(&format!("public{path}"), "made");
        assert_eq!(bench.get(&path).text(), "made");
    }
}

#[test]
fn text_is_compressed_for_who_can_read_it() {
    let bench = Bench::new().file("public/long.css", &"a { color: red }\n".repeat(200));
    let _nginx = bench.serve();
    let ask = |encoding: &str| {
        bench.ask(&["GET /long.css HTTP/1.1", "Host: h", encoding, "Connection: close"], b"")
    };
    assert_eq!(ask("Accept-Encoding: gzip").header("content-encoding"), Some("gzip"));
    assert_eq!(ask("Accept: */*").header("content-encoding"), None);
}

#[test]
fn everything_else_goes_to_the_app() {
    let bench = Bench::new().file("public/page", "file").file("public/dir/index.html", "file");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    assert_eq!(bench.get("/").text(), "GET / HTTP/1.1");
    assert_eq!(bench.get("/a%20b?c=%2F").text(), "GET /a%20b?c=%2F HTTP/1.1");
    assert_eq!(bench.get("/dir").text(), "GET /dir HTTP/1.1");
    assert_eq!(bench.get("/dir/").text(), "file", "the index of a directory");
    assert_eq!(bench.get("/none/").text(), "GET /none/ HTTP/1.1");
    assert_eq!(bench.post("/dir/", b"").text(), "POST /dir/ HTTP/1.1");
    assert_eq!(bench.post("/form", b"body").text(), "POST /form HTTP/1.1");
    assert_eq!(app.last().body, b"body");
    // A file is only ever read: what else is done with its path is the app's business.
    assert_eq!(bench.get("/page").text(), "file");
    assert_eq!(bench.post("/page", b"x").text(), "POST /page HTTP/1.1");
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let start = format!("{method} /page HTTP/1.1");
        assert_eq!(bench.ask(&[&start, "Host: h", "Connection: close"], b"").text(), start);
    }
}

#[test]
fn without_a_public_directory_everything_goes_to_the_app() {
    let bench = Bench::new();
    std::fs::remove_dir(bench.repo.join("public")).unwrap();
    let _app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    assert_eq!(bench.get("/x").text(), "GET /x HTTP/1.1");
}

#[test]
fn dot_files_are_refused_and_nothing_beside_public_is_served() {
    let bench = Bench::new()
        .file("public/.git/config", "secret")
        .file("public/sub/.env", "secret")
        .file("public/.well-known/acme/x", "open")
        .file("public/.well-known/.htpasswd", "secret")
        .file("app.py", "secret");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    for path in [
        "/.git/config",
        "/%2egit/config",
        "/sub/.env",
        "/sub//.env",
        "/.well-known/.htpasswd",
        "/.x",
    ] {
        assert_eq!(bench.get(path).status(), 404, "{path}");
        assert_eq!(bench.post(path, b"").status(), 404, "{path}");
    }
    assert_eq!(app.seen().len(), 0);
    assert_eq!(bench.get("/.well-known/acme/x").text(), "open");
    assert_eq!(bench.get("/.well-known/webfinger").text(), "GET /.well-known/webfinger HTTP/1.1");
    for path in ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/sub/../../app.py"] {
        assert_ne!(bench.get(path).text(), "secret", "{path}");
    }
}

#[test]
fn without_a_host_the_app_gets_its_own_name() {
    let bench = Bench::new();
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    bench.ask(&["GET / HTTP/1.0"], b"");
    assert_eq!(app.last().header("host"), Some("app-me.example.com"));
    bench.get("/");
    assert_eq!(app.last().header("host"), Some("h"));
}

#[test]
fn a_websocket_passes_both_ways() {
    let bench = Bench::new();
    let app = App::start(&bench.socket(), |_, _| Reply::Echo);
    let _nginx = bench.serve();
    let mut stream = bench.connect();
    let upgrade =
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).unwrap();
    let mut from = BufReader::new(stream.try_clone().unwrap());
    assert_eq!(Message::read(&mut from).unwrap().unwrap().status(), 101);
    assert_eq!(app.last().header("upgrade"), Some("websocket"));
    assert_eq!(app.last().header("connection"), Some("upgrade"));
    for word in [b"one".as_slice(), b"two\0\xff"] {
        stream.write_all(word).unwrap();
        let mut back = vec![0; word.len()];
        from.read_exact(&mut back).unwrap();
        assert_eq!(back, word);
    }
}

#[test]
fn bodies_may_be_as_big_as_the_variable_says() {
    let bench = Bench::new().set("OPENSHIFT_NGINX_MAX_BODY_SIZE", "3m");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let body = vec![b'x'; 3 * 1024 * 1024];
    assert_eq!(bench.post("/", &body).status(), 200);
    assert_eq!(app.last().body.len(), body.len());
    let start = "POST / HTTP/1.1";
    let length = format!("Content-Length: {}", body.len() + 1);
    assert_eq!(bench.ask(&[start, "Host: h", "Connection: close", &length], b"").status(), 413);
    assert_eq!(app.seen().len(), 1);
}

#[test]
fn a_get_whose_server_died_is_asked_again_and_a_post_is_not() {
    let bench = Bench::new();
    let app = App::start(&bench.socket(), |request, _| match request.header("x-tries") {
        Some(_) => Reply::Die,
        None => Reply::Answer("200 OK", "fine".to_owned()),
    });
    let _nginx = bench.serve();
    let asked = |start: &str| {
        let before = app.seen().len();
        let head = [start, "Host: h", "Connection: close", "X-Tries: 1", "Content-Length: 0"];
        (bench.ask(&head, b"").status(), app.seen().len() - before)
    };
    assert_eq!(asked("GET / HTTP/1.1"), (502, 2));
    assert_eq!(asked("POST / HTTP/1.1"), (502, 1));
    // None of these failures counts against the socket.
    assert_eq!(bench.get("/").text(), "fine");
}

#[test]
fn the_second_try_of_a_get_succeeds() {
    let bench = Bench::new();
    let app = App::start(&bench.socket(), |_, before| match before {
        0 => Reply::Die,
        _ => Reply::Answer("200 OK", "fine".to_owned()),
    });
    let _nginx = bench.serve();
    assert_eq!(bench.get("/").text(), "fine");
    assert_eq!(app.seen().len(), 2);
}

#[test]
fn an_app_that_is_back_is_asked_at_once() {
    let bench = Bench::new();
    let _nginx = bench.serve();
    let down = bench.get("/");
    assert_eq!(down.status(), 502);
    assert_eq!(down.header("server"), Some("nginx"));
    assert!(!down.text().contains("nginx/"), "{}", down.text());
    let _app = App::parrot(&bench.socket());
    assert_eq!(bench.get("/").status(), 200, "in the same second");
}

#[test]
fn plain_requests_share_a_connection_where_the_server_can() {
    let bench = Bench::new();
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    bench.get("/1");
    bench.get("/2");
    let seen = app.seen();
    assert_eq!(seen[0].request.header("connection"), None);
    assert_eq!(seen[0].connection, seen[1].connection);
}

#[test]
fn plain_requests_have_a_connection_each_where_it_cannot() {
    let bench = Bench::new();
    let app = App::parrot(&bench.socket());
    let mut site = bench.site();
    site.upstream.as_mut().unwrap().connections = Connections::OneEach;
    let _nginx = bench.serve_site(&site);
    bench.get("/1");
    bench.get("/2");
    let seen = app.seen();
    assert_eq!(seen[0].request.header("connection"), Some("close"));
    assert_ne!(seen[0].connection, seen[1].connection);
}

#[test]
fn a_site_of_files_has_index_pages() {
    let bench = Bench::new().file("public/index.html", "home").file("public/.env", "secret");
    let mut site = bench.site();
    site.upstream = None;
    let _nginx = bench.serve_site(&site);
    assert_eq!(bench.get("/").text(), "home");
    assert_eq!(bench.get("/missing").status(), 404);
    assert_eq!(bench.get("/.env").status(), 404);
}

#[test]
fn requests_are_logged() {
    let bench = Bench::new();
    let _app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    bench.get("/logged");
    let log = layout::access_log(&bench.dir);
    let logged = || {
        let text = String::from_utf8(files::read(&log).unwrap()).unwrap();
        text.contains("\"GET /logged HTTP/1.1\" 200").then_some(())
    };
    assert!(wait::until(LIMIT, logged).is_some());
    assert_eq!(bench.error_log(), "");
}

#[test]
fn whoever_looks_after_it_is_told_whether_it_is_live_and_ready() {
    let bench = Bench::new()
        .set("OPENSHIFT_NGINX_TRUSTED_PROXIES", "none")
        .file("public/.well-known/cartridge/ready", "a file of the app's");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let said = |path: &str| {
        let answer = bench.get(path);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        (answer.status(), answer.text())
    };
    for _ in 0..2 {
        assert_eq!(said(health::LIVE), (200, "live\n".to_owned()));
        assert_eq!(said(health::READY), (503, "not ready\n".to_owned()));
        files::write_atomic(&bench.dir.ready_file(), b"", 0o600).unwrap();
        assert_eq!(said(health::READY), (200, "ready\n".to_owned()));
        files::remove_if_exists(&bench.dir.ready_file()).unwrap();
    }
    // Nobody who speaks for somebody else learns of it, nor does the app hear of such a question.
    for header in ["X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "Via: 1.1 proxy"] {
        for path in [health::LIVE, health::READY] {
            let first = format!("GET {path} HTTP/1.1");
            let answer = bench.ask(&[&first, "Host: h", "Connection: close", header], b"");
            assert_eq!(answer.status(), 404, "{header}");
        }
    }
    assert_eq!(bench.get("/last").status(), 200);
    assert_eq!(app.last().start, "GET /last HTTP/1.1");
    assert_eq!(app.seen().len(), 1);
    let logged = || {
        let log = std::fs::read_to_string(layout::access_log(&bench.dir)).unwrap();
        log.contains("GET /last").then_some(log)
    };
    let log = wait::until(LIMIT, logged).unwrap();
    assert!(!log.contains(health::READY), "{log}");
}
