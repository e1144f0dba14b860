//! What clients see: files, pages, headers, bodies.

use cart_test::{WebSocket, get, post, raw};

use crate::cartridge::{SERVER, example, fixture, running};

#[test]
fn files_of_public_come_from_nginx_and_everything_else_from_the_app() {
    let gear = running(&fixture("mirror"), &[]);
    let file = get(gear.address(), "/static.txt");
    assert_eq!((file.status, file.body.as_str()), (200, "static\n"));
    let page = get(gear.address(), "/some/page");
    assert_eq!((page.status, page.body.as_str()), (200, "mirror"));
    assert_eq!(page.header("server"), Some("nginx"), "the version is shown");

    // With the app's socket gone, files are still served.
    std::fs::remove_file(gear.cartridge().join("run/appserver.sock")).unwrap();
    assert_eq!(get(gear.address(), "/static.txt").body, "static\n");
    assert_eq!(get(gear.address(), "/some/page").status, 502);
    gear.control("restart").done();
    assert_eq!(get(gear.address(), "/some/page").body, "mirror");
}

#[test]
fn dot_files_are_served_by_nobody() {
    let gear = running(&fixture("mirror"), &[]);
    for path in
        ["/.htpasswd", "/.hidden/file.txt", "/.git/config", "/%2ehtpasswd", "/a/../.htpasswd"]
    {
        let answer = get(gear.address(), path);
        assert!(matches!(answer.status, 403 | 404), "{path}: {answer:?}");
        assert!(!answer.body.contains("secret"), "{path}");
    }
}

#[test]
fn bodies_reach_the_app_whole() {
    let gear = running(&fixture("mirror"), &[]);
    assert_eq!(post(gear.address(), "/echo", b"name=value").body, "name=value");
    let megabytes = vec![b'x'; 20 * 1024 * 1024];
    assert_eq!(post(gear.address(), "/length", &megabytes).body, megabytes.len().to_string());
}

#[test]
fn a_body_over_the_limit_is_refused_and_the_limit_can_be_set() {
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_NGINX_MAX_BODY_SIZE", "1k")]);
    assert_eq!(post(gear.address(), "/length", &[b'x'; 1024]).body, "1024");
    let refused = raw(
        gear.address(),
        b"POST /length HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1025\r\n\r\n",
    );
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
}

#[test]
fn a_health_check_without_a_host_is_answered_and_the_app_sees_its_own_name() {
    let gear = running(&fixture("mirror"), &[]);
    let dns = gear.gear().environment().unwrap();
    let dns = dns.required("OPENSHIFT_APP_DNS").unwrap().to_owned();
    let answer = raw(gear.address(), b"GET /request HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(&format!("HTTP_HOST={dns}\n")), "{answer}");
}

#[test]
fn the_app_learns_who_asked_and_how() {
    let gear = running(&fixture("mirror"), &[]);
    let answer = raw(
        gear.address(),
        b"GET /request HTTP/1.0\r\nHost: shop.example:81\r\nX-Forwarded-For: 203.0.113.9\r\n\
          X-Forwarded-Proto: https\r\n\r\n",
    );
    // Loopback is a trusted proxy: on a node, the front end is there.
    for line in [
        "REMOTE_ADDR=203.0.113.9\n",
        "wsgi.url_scheme=https\n",
        "HTTP_HOST=shop.example:81\n",
        "HTTP_X_FORWARDED_HOST=shop.example:81\n",
        "HTTP_X_FORWARDED_PROTO=https\n",
        "HTTP_X_REAL_IP=203.0.113.9\n",
    ] {
        assert!(answer.contains(line), "{line:?} is not in {answer}");
    }
}

#[test]
fn a_stranger_is_not_believed_what_he_says_of_himself() {
    let gear = running(&fixture("mirror"), &[("OPENSHIFT_NGINX_TRUSTED_PROXIES", "none")]);
    let answer = raw(
        gear.address(),
        b"GET /request HTTP/1.0\r\nHost: h\r\nX-Forwarded-For: 203.0.113.9\r\n\
          X-Forwarded-Proto: https\r\n\r\n",
    );
    assert!(answer.contains("REMOTE_ADDR=127.0.0.1\n"), "{answer}");
    assert!(answer.contains("wsgi.url_scheme=http\n"), "{answer}");
}

#[test]
fn the_welcome_app_is_well_and_keeps_secrets() {
    let gear = running(&example("welcome"), &[("MY_PASSWORD", "correct-horse")]);
    assert_eq!(get(gear.address(), "/health").body, "1");
    let page = get(gear.address(), "/");
    assert_eq!(page.status, 200);
    for shown in ["wsgiref", "nginx"] {
        assert!(page.body.contains(shown), "{shown} is not shown");
    }
    for path in ["/", "/env", "/health", "/nowhere"] {
        assert!(!get(gear.address(), path).body.contains("correct-horse"), "{path}");
    }
    assert_eq!(get(gear.address(), "/logo.svg").header("content-type"), Some("image/svg+xml"));
}

#[test]
fn the_welcome_page_shows_a_second_server() {
    // Which server it is, and its path, follow from that.
    let second = ("OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION", "app:application");
    let gear = running(&example("welcome"), &[(SERVER, "waitress"), second]);
    let page = get(gear.address(), "/").body;
    for shown in ["<strong>waitress</strong>", "and wsgiref below /ws", r#"data-websocket="yes""#] {
        assert!(page.contains(shown), "{shown} is not shown: {page}");
    }
    assert_eq!(WebSocket::open(gear.address(), "/ws").exchange("hello"), "hello");
}

#[test]
fn an_app_with_requirements_is_served() {
    let flask = running(&example("flask"), &[]);
    assert_eq!(get(flask.address(), "/health").body, "1");
}
