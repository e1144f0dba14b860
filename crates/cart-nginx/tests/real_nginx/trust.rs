//! Whom nginx believes what they say of a visitor.

use std::collections::BTreeSet;

use crate::app::App;
use crate::bench::Bench;
use crate::http::Message;

const NOBODY: (&str, &str) = ("OPENSHIFT_NGINX_TRUSTED_PROXIES", "none");

/// Ways to say the same as `X-Forwarded-*`, and to set a variable of WSGI that a server sets.
const SAME: [&str; 52] = [
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Protocol",
    "X-Forwarded-By",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Client-Cert",
    "x-forwarded-path",
    "X-Forwarded-Uri",
    "X-Forwarded",
    "Forwarded",
    "Forwarded-For",
    "X-Original-Forwarded-For",
    "X-Scheme",
    "X-Url-Scheme",
    "FRONT-END-HTTPS",
    "Https",
    "X-ARR-SSL",
    "X-Client-IP",
    "Client-IP",
    "True-Client-IP",
    "X-Cluster-Client-IP",
    "CF-Connecting-IP",
    "CF-Visitor",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "X-Originating-IP",
    "X-Remote-Addr",
    "Remote-Addr",
    "WL-Proxy-Client-IP",
    "X-Envoy-External-Address",
    "X-Host",
    "X-Original-Host",
    "X-HTTP-Host-Override",
    "X-Script-Name",
    "Script-Name",
    "Path-Info",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Original-Uri",
    "Remote-User",
    "X-Remote-User",
    "X-Auth-Request-User",
    "Client-Cert",
    "X-SSL-Client-Verify",
    "SCRIPT_NAME",
    "X_Forwarded_For",
    "X_REAL-IP",
    "REMOTE_USER",
];

/// What the app hears when a visitor claims all that, by name, but for what the visitor said of
/// something else.
fn heard(bench: &Bench, app: &App) -> BTreeSet<String> {
    let claims: Vec<String> = SAME.iter().map(|name| format!("{name}: evil")).collect();
    let mut head = vec!["GET /x HTTP/1.1", "Host: h", "Connection: close", "X-CSRFToken: 1"];
    head.extend(claims.iter().map(String::as_str));
    assert_eq!(bench.ask(&head, b"").status(), 200);
    let request = app.last();
    assert_eq!(request.header("x-csrftoken"), Some("1"));
    let names = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    names.filter(|name| !["host", "connection", "x-csrftoken"].contains(&name.as_str())).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const OWN: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-request-id"];

#[test]
fn a_stranger_is_believed_nothing_whatever_the_header_is_called() {
    let bench = Bench::new().set(NOBODY.0, NOBODY.1);
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    assert_eq!(heard(&bench, &app), set(&OWN));
}

#[test]
fn nor_behind_an_apps_own_configuration_that_sets_other_headers() {
    const SERVER: &str = "listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;";
    let one = "proxy_set_header X-Forwarded-User $http_x_csrftoken;";
    for (template, more) in [
        (format!("server {{ {SERVER} location / {{ proxy_pass http://appserver; }} }}\n"), None),
        (
            format!(
                "server {{ {SERVER} location / {{ {one}\n proxy_pass http://appserver; }} }}\n"
            ),
            Some("x-forwarded-user"),
        ),
        (
            format!("{one}\nserver {{ {SERVER} location / {{ proxy_pass http://appserver; }} }}\n"),
            Some("x-forwarded-user"),
        ),
        (
            format!(
                "server {{ {SERVER} proxy_set_header X-Script-Name /shop; location / {{ \
                 if ($uri = /x) {{ proxy_pass http://appserver; }} }} }}\n"
            ),
            Some("x-script-name"),
        ),
        (
            format!(
                "server {{ {SERVER} location / {{ include <%= ENV['OPENSHIFT_REPO_DIR'] %>params; \
                 proxy_pass http://appserver; }} }}\n"
            ),
            Some("x-script-name"),
        ),
    ] {
        let bench = Bench::new().set(NOBODY.0, NOBODY.1).file("nginx.conf.erb", &template).file(
            "params",
            "proxy_set_header X-Script-Name /shop;\nproxy_set_header X-Real-IP $remote_addr;\n",
        );
        let app = App::parrot(&bench.socket());
        let _nginx = bench.serve();
        let expected = set(&OWN).into_iter().chain(more.map(str::to_owned)).collect();
        assert_eq!(heard(&bench, &app), expected, "{template}");
        // What it sets itself is what it says, not what the visitor said.
        assert!(more.is_none_or(|name| app.last().header(name) != Some("evil")), "{template}");
    }
}

#[test]
fn a_trusted_proxy_says_what_is_on_the_list() {
    let passed = |variables: &[(&str, &str)]| {
        let bench = variables.iter().fold(Bench::new(), |bench, (n, v)| bench.set(n, v));
        let app = App::parrot(&bench.socket());
        let _nginx = bench.serve();
        &heard(&bench, &app) - &set(&OWN)
    };
    const LIST: &str = "OPENSHIFT_NGINX_TRUSTED_HEADERS";
    assert_eq!(passed(&[]), set(&["x-forwarded-port", "x-forwarded-prefix"]));
    assert_eq!(passed(&[(LIST, "none")]), set(&[]));
    let list = (LIST, "Remote-User x-client-ip X-CSRFToken-Not-Sent");
    assert_eq!(passed(&[list]), set(&["remote-user", "x-client-ip"]));
    assert_eq!(passed(&[list, NOBODY]), set(&[]));
    assert_eq!(passed(&[list, ("OPENSHIFT_NGINX_TRUSTED_PROXIES", "10.0.0.0/8")]), set(&[]));
    assert_eq!(
        passed(&[list, ("OPENSHIFT_NGINX_TRUSTED_PROXIES", "all")]),
        set(&["remote-user", "x-client-ip"])
    );
}

/// What a visitor may claim of themselves.
const CLAIMS: [&str; 10] = [
    "GET / HTTP/1.1",
    "Host: h",
    "Connection: close",
    "X-Forwarded-Proto: https, http",
    "X-Forwarded-For: 192.0.2.7",
    "X-Forwarded-Host: shop.example.com",
    "X-Forwarded-Ssl: on",
    "X-Real-IP: 192.0.2.8",
    "Forwarded: for=192.0.2.9;proto=https",
    "Proxy: evil",
];

fn believed(request: &Message) -> [Option<&str>; 4] {
    ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-for", "x-real-ip"]
        .map(|name| request.header(name))
}

#[test]
fn a_trusted_proxy_is_believed() {
    let bench = Bench::new();
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    bench.ask(&CLAIMS, b"");
    assert_eq!(
        believed(&app.last()),
        [Some("https"), Some("shop.example.com"), Some("192.0.2.7, 192.0.2.7"), Some("192.0.2.7")]
    );
    for dropped in ["x-forwarded-ssl", "forwarded", "proxy"] {
        assert_eq!(app.last().header(dropped), None, "{dropped}");
    }
}

#[test]
fn a_client_is_not() {
    let bench = Bench::new().set("OPENSHIFT_NGINX_TRUSTED_PROXIES", "none");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    bench.ask(&CLAIMS, b"");
    assert_eq!(
        believed(&app.last()),
        [Some("http"), Some("h"), Some("127.0.0.1"), Some("127.0.0.1")]
    );
}

#[test]
fn a_proxy_that_says_nonsense_changes_nothing() {
    let bench = Bench::new();
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    for nonsense in ["X-Forwarded-Proto: httpsx", "X-Forwarded-Proto: ftp", "X-Forwarded-For: me"] {
        bench.ask(&["GET / HTTP/1.1", "Host: h", "Connection: close", nonsense], b"");
        assert_eq!(app.last().header("x-forwarded-proto"), Some("http"), "{nonsense}");
        assert_eq!(app.last().header("x-real-ip"), Some("127.0.0.1"), "{nonsense}");
    }
}
