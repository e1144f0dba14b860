//! Files as browsers want them: compressed, cached for as long as is right, with indexes and a fallback.

use std::collections::BTreeSet;

use cart_core::{GearEnv, files};
use cart_nginx::{NginxSettings, layout};

use crate::app::{App, Reply};
use crate::bench::Bench;
use crate::http::Message;

/// A bench with a stylesheet, and what a build has made of it: nginx decodes nothing, so any content will do.
fn bench() -> Bench {
    let bench = Bench::new()
        .file("public/a.css", &"a { color: red }\n".repeat(100))
        .file("public/plain.css", &"b { color: red }\n".repeat(100))
        .file("public/index.html", &"<p>index</p>\n".repeat(100))
        .file("public/picture.png", "png");
    for coding in ["br", "zstd", "gzip"] {
        for file in ["a.css", "index.html"] {
            let path = layout::precompressed(&bench.dir).join(coding).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            files::write_atomic(&path, variant(file, coding).as_bytes(), 0o644).unwrap();
        }
    }
    bench
}

/// No two of one length, as the tags go by it.
fn variant(file: &str, coding: &str) -> String {
    let more = if coding == "zstd" { "!" } else { "" };
    format!("{file} in {coding}{more}")
}

fn ask(bench: &Bench, method: &str, path: &str, headers: &[&str]) -> Message {
    let start = format!("{method} {path} HTTP/1.1");
    let mut head = vec![start.as_str(), "Host: h", "Connection: close"];
    head.extend(headers);
    bench.ask(&head, b"")
}

#[test]
fn a_client_gets_the_coding_that_it_takes_and_we_like_best() {
    let bench = bench();
    let _nginx = bench.serve();
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip,br;q=0.2", "br"),
        ("BR", "br"),
        ("gzip, deflate, br;q=0, zstd", "zstd"),
        ("br;q=0.000, zstd; q=0 , gzip ;q=1.0", "gzip"),
        ("gzip", "gzip"),
        ("x-gzip;q=1, gzip;q=0.001", "gzip"),
    ] {
        for (path, file) in [("/a.css?v=1", "a.css"), ("/", "index.html")] {
            let answer = ask(&bench, "GET", path, &[&format!("Accept-Encoding: {accepted}")]);
            assert_eq!(answer.text(), variant(file, coding), "{accepted}");
            assert_eq!(answer.header("content-encoding"), Some(coding), "{accepted}");
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{accepted}");
        }
    }
    for accepted in ["identity", "", "*", "br;q=0, gzip;q=0", "brotli", "xbr", "gzip/br", "br;q=2"]
    {
        let answer = ask(&bench, "GET", "/a.css", &[&format!("Accept-Encoding: {accepted}")]);
        assert_eq!(answer.header("content-encoding"), None, "{accepted}");
        assert!(answer.text().starts_with("a {"), "{accepted}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{accepted}");
    }
}

#[test]
fn each_variant_is_a_file_of_its_own_with_the_type_of_the_original() {
    let bench = bench();
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let ask_for = |coding: &str, more: &[&str]| {
        let accepts = format!("Accept-Encoding: {coding}");
        ask(&bench, "GET", "/a.css", &[&[accepts.as_str()], more].concat())
    };
    let tags = ["br", "zstd", "gzip", "identity"].map(|coding| {
        let answer = ask_for(coding, &[]);
        assert_eq!(answer.header("content-type"), Some("text/css"), "{coding}");
        let tag = answer.header("etag").unwrap().to_owned();
        let again = ask_for(coding, &[&format!("If-None-Match: {tag}")]);
        assert_eq!((again.status(), again.body.len()), (304, 0), "{coding}");
        assert_eq!(again.header("vary"), Some("Accept-Encoding"), "{coding}");
        let part = ask_for(coding, &["Range: bytes=1-2", &format!("If-Range: {tag}")]);
        assert_eq!((part.status(), &part.body), (206, &answer.body[1..3].to_vec()), "{coding}");
        tag
    });
    assert_eq!(BTreeSet::from(tags.clone()).len(), 4, "{tags:?}");
    let head = bench.head("/a.css", &["Accept-Encoding: br"]);
    assert!(head.contains("\r\nContent-Length: 11\r\n"), "{head}");
    assert!(app.seen().is_empty());
    let posted = ask(&bench, "POST", "/a.css", &["Accept-Encoding: gzip, br", "Content-Length: 0"]);
    assert_eq!(posted.text(), "POST /a.css HTTP/1.1");
    // Nobody gets at the files by their own path, or at what is beside them.
    for path in ["/br/a.css", "/none/a.css", "/../index.json", "/gzip/../index.json"] {
        let answer = ask(&bench, "GET", path, &["Accept-Encoding: br"]);
        assert!(answer.text().starts_with("GET ") || answer.status() == 400, "{path} {answer:?}");
    }
}

#[test]
fn what_was_not_compressed_is_sent_as_it_is_or_compressed_now() {
    let bench = bench();
    let _nginx = bench.serve();
    let plain = ask(&bench, "GET", "/plain.css", &["Accept-Encoding: br"]);
    assert_eq!((plain.header("content-encoding"), plain.body.len()), (None, 1700));
    let now = ask(&bench, "GET", "/plain.css", &["Accept-Encoding: br;q=0, gzip"]);
    assert_eq!(now.header("content-encoding"), Some("gzip"));
    let picture = ask(&bench, "GET", "/picture.png", &["Accept-Encoding: br"]);
    assert_eq!((picture.text().as_str(), picture.header("vary")), ("png", None));
}

#[test]
fn a_name_that_holds_a_hash_is_for_ever_and_every_other_is_asked_for_again() {
    let for_ever = [
        "base.5f3a9c1d2b4e.css",
        "main.3b1f0c9e.chunk.js",
        "logo.1a2b3c4d5e6f.png",
        "chunk-1a2b3c4d5e6f7a8b.js",
        "css/main.deadbee1.css.map",
        "assets/index-BJ8xK2_q.js",
        "static/media/font-x9Kq2LmZ.woff2",
    ];
    let again = [
        "my-document.css",
        "my-Document.css",
        "report-20251126.pdf",
        "photo-550e8400-e29b-41d4-a716-4466554400a1.png",
        "user-507f1f77bcf86cd799439011.jpg",
        "avatar-5f3a9c1d.png",
        "device-00a1b2c3d4e5.json",
        "invoice-2026a001.pdf",
        "static/img/IMG-iPhone15.jpg",
        "assets/my-document.css",
        "assets/logo-Retina2x.png",
        "jquery-3.7.1.min.js",
        "facade.js",
        "x-decade99.js.txt/plain.js",
        "index-BJ8xK2_q.js",
        "index.html",
        "",
    ];
    let mut bench = Bench::new().file("public/index.html", "index");
    for name in for_ever.iter().chain(&again).filter(|name| !name.is_empty()) {
        bench = bench.file(&format!("public/{name}"), "content");
    }
    let _nginx = bench.serve();
    let said = |name: &str| {
        let answer = bench.get(&format!("/{name}"));
        assert_eq!(answer.status(), 200, "{name}");
        answer.header("cache-control").unwrap_or_default().to_owned()
    };
    for name in for_ever {
        assert_eq!(said(name), "max-age=31536000, immutable", "{name}");
    }
    for name in again {
        assert_eq!(said(name), "no-cache", "{name}");
    }
}

#[test]
fn a_page_that_the_app_does_not_know_gets_the_fallback_and_nothing_else_does() {
    let bench = Bench::new().file("public/sub/app.html", "the one page");
    let app = App::start(&bench.socket(), |request, _| {
        let status = if request.start.contains("/api/") { "200 OK" } else { "404 Not Found" };
        Reply::Answer(status, request.start.clone())
    });
    let mut site = bench.site();
    let env = GearEnv::new().with("OPENSHIFT_NGINX_FALLBACK", "/sub/app.html");
    site.settings = NginxSettings::from_env(&env).unwrap();
    let _nginx = bench.serve_site(&site);
    let html = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let page = ask(&bench, "GET", "/any/page?x=1", &[html]);
    assert_eq!((page.status(), page.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(page.header("content-type"), Some("text/html"));
    assert_eq!(page.text(), "the one page");
    let head = bench.head("/any/page", &[html]);
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\nContent-Length: 12\r\n"));
    assert!(!app.seen().is_empty(), "the app is asked first");
    let known = ask(&bench, "GET", "/api/x", &[html]);
    assert_eq!((known.status(), known.text().as_str()), (200, "GET /api/x HTTP/1.1"));
    for (method, path, accept) in [
        ("GET", "/gone.js", "Accept: */*"),
        ("GET", "/any/page", "Accept: application/json"),
        ("POST", "/any/page", html),
    ] {
        let answer = ask(&bench, method, path, &[accept, "Content-Length: 0"]);
        let own = format!("{method} {path} HTTP/1.1");
        assert_eq!((answer.status(), answer.text()), (404, own), "the app's own words");
    }
}

#[test]
fn folders_that_people_name_are_served_where_they_say() {
    let bench = Bench::new()
        .file("public/a.txt", "public")
        .file("dist/a.txt", "dist")
        .file("dist/b.txt", "dist")
        .file("dist/index.html", "dist")
        .file("up/c.txt", "up");
    let app = App::parrot(&bench.socket());
    let mut site = bench.site();
    let env = GearEnv::new().with("OPENSHIFT_NGINX_STATIC", "/=dist /media=up /no/=none");
    site.settings = NginxSettings::from_env(&env).unwrap();
    site.serve(Vec::new());
    let missing: Vec<String> = site.not_served().iter().map(ToString::to_string).collect();
    assert!(missing.len() == 1 && missing[0].contains("/none"), "{missing:?}");
    let _nginx = bench.serve_site(&site);
    for (path, text) in
        [("/a.txt", "public"), ("/b.txt", "dist"), ("/", "dist"), ("/media/c.txt", "up")]
    {
        assert_eq!(bench.get(path).text(), text, "{path}");
    }
    assert!(app.seen().is_empty());
    for path in ["/c.txt", "/media/a.txt", "/media/", "/no/c.txt"] {
        assert_eq!(bench.get(path).text(), format!("GET {path} HTTP/1.1"));
    }
}
