//! Whom the app believes, by default and behind an nginx configuration of its own.

use cart_test::{TestGear, raw};

use crate::cartridge::{fixture, running};

const TRUSTED_PROXIES: &str = "OPENSHIFT_NGINX_TRUSTED_PROXIES";

/// What a stranger may say to be taken for somebody else, and names that become the same variable.
const CLAIMS: &str = "X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-Proto: https\r\n\
    X-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 666\r\nX-Forwarded-Prefix: /evil\r\n\
    X-Forwarded-Server: evil\r\nX-Forwarded-Scheme: https\r\nX-Forwarded-Ssl: on\r\n\
    X-Forwarded-User: evil\r\nX-Scheme: https\r\nX-Url-Scheme: https\r\nFront-End-Https: on\r\n\
    X-Script-Name: /evil\r\nScript-Name: /evil\r\nX-Original-URL: /evil\r\nX-Rewrite-URL: /evil\r\n\
    X-Real-IP: 192.0.2.66\r\nX-Client-IP: 192.0.2.66\r\nTrue-Client-IP: 192.0.2.66\r\n\
    X-Cluster-Client-IP: 192.0.2.66\r\nCF-Connecting-IP: 192.0.2.66\r\nFastly-Client-IP: 192.0.2.66\r\n\
    Forwarded: for=192.0.2.66;proto=https;host=evil.example\r\nRemote-User: evil\r\n\
    X_Forwarded_For: 192.0.2.66\r\nX_Real_IP: 192.0.2.66\r\nX-Real_IP: 192.0.2.66\r\n\
    X_Forwarded_Proto: https\r\nSCRIPT_NAME: /evil\r\nPATH_INFO: /evil\r\nREMOTE_USER: evil\r\n\
    REMOTE_ADDR: 192.0.2.66\r\n";

fn seen(gear: &TestGear) -> String {
    let request = format!(
        "GET /request HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{CLAIMS}X-CSRFToken: 1\r\n\r\n"
    );
    let answer = raw(gear.address(), request.as_bytes());
    assert!(answer.contains("HTTP_X_CSRFTOKEN=1\n"), "{answer}");
    // Any digits may be in the name that the request gets.
    answer
        .lines()
        .filter(|line| !line.starts_with("HTTP_X_REQUEST_ID="))
        .fold(String::new(), |lines, line| lines + line + "\n")
}

fn believes_nothing(gear: &TestGear, what: &str) {
    let answer = seen(gear);
    for lie in ["evil", "192.0.2.66", "=https", "=on\n", "=666"] {
        assert!(!answer.contains(lie), "{what}: {lie} in {answer}");
    }
    assert!(answer.contains("REMOTE_ADDR=127.0.0.1\n"), "{what}: {answer}");
}

/// As people wrote them for the original cartridge.
const THEIRS: &str = "server {
    listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;
    location / {
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_pass http://appserver;
    }
}
";

#[test]
fn a_stranger_is_not_believed_whatever_the_header_is_called() {
    let gear = running(&fixture("mirror"), &[(TRUSTED_PROXIES, "none")]);
    believes_nothing(&gear, "by default");
    gear.write("nginx.conf.erb", THEIRS);
    gear.control("reload").done();
    believes_nothing(&gear, "behind its own configuration");
}

#[test]
fn a_trusted_proxy_is_believed_what_is_on_the_list() {
    let gear = running(&fixture("mirror"), &[]);
    let variables = |answer: &str| {
        let said = ["evil", "192.0.2.66", "=https", "=on", "=666"];
        let mut names: Vec<String> = answer
            .lines()
            .filter(|line| line.starts_with("HTTP_") && said.iter().any(|lie| line.contains(lie)))
            .map(|line| line.split('=').next().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let always = ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST"];
    let mut expected =
        [&always[..], &["HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX"]].concat();
    expected.extend(["HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP"]);
    assert_eq!(variables(&seen(&gear)), expected);

    gear.set("OPENSHIFT_NGINX_TRUSTED_HEADERS", "Remote-User");
    gear.control("restart").done();
    let expected =
        [&["HTTP_REMOTE_USER"], &always[..], &["HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP"]]
            .concat();
    assert_eq!(variables(&seen(&gear)), expected);
}

#[test]
fn everybody_is_believed_only_if_that_is_meant() {
    let gear = running(&fixture("mirror"), &[]);
    for not_meant in ["0.0.0.0/0", "::/0", "10.0.0.0/8 0.0.0.0/1 128.0.0.0/1"] {
        gear.set(TRUSTED_PROXIES, not_meant);
        gear.control("restart").failed_saying(&[TRUSTED_PROXIES, not_meant, "all"]);
    }
    gear.set(TRUSTED_PROXIES, "all");
    gear.control("restart").done();
    assert!(seen(&gear).contains("HTTP_X_REAL_IP=192.0.2.66\n"));
}
