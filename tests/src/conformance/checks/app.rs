//! What the app sees of the world, and the world of the app.

use cart_test::{get, raw};

use super::super::ask;
use super::Stage;

/// What a trusted proxy says of its client; the loopback address is one.
const SAID: &str = "Host: shop.example:81\r\nX-Forwarded-For: 203.0.113.9\r\n\
    X-Forwarded-Proto: https\r\n";
/// What a stranger may say to be taken for somebody else, and that no proxy is believed either.
const CLAIMS: &str = "X-Forwarded-Ssl: on\r\nX-Forwarded-User: evil\r\nX-Scheme: evil\r\n\
    X-Url-Scheme: evil\r\nFront-End-Https: on\r\nX-Script-Name: /evil\r\nScript-Name: /evil\r\n\
    X-Original-URL: /evil\r\nX-Rewrite-URL: /evil\r\nX-Client-IP: 192.0.2.66\r\n\
    True-Client-IP: 192.0.2.66\r\nForwarded: for=192.0.2.66;proto=evil;host=evil\r\n\
    Remote-User: evil\r\nRemote-Addr: 192.0.2.66\r\nX-Real-IP: 192.0.2.66\r\n\
    X-Forwarded-Prefix: /evil\r\nX-Forwarded-Port: 666\r\nX_Forwarded_For: 192.0.2.66\r\n\
    X_Forwarded_Proto: evil\r\nX_Real_IP: 192.0.2.66\r\nSCRIPT_NAME: /evil\r\n\
    PATH_INFO: /evil\r\nREMOTE_USER: evil\r\nREMOTE_ADDR: 192.0.2.66\r\n";

pub(super) fn cookies(stage: &Stage) {
    let headers = ["Cookie: a=1", "X-Other: 1", "Cookie: b=2"].map(str::to_owned);
    let answer = ask(stage.address(), "/told", &headers);
    assert!(answer.contains("cookie=a=1; b=2\n"), "{answer}");
}

pub(super) fn client(stage: &Stage) {
    is_told(stage, SAID, &["client=203.0.113.9", "scheme=https", "server=shop.example:81"]);
    is_told(stage, "Host: h\r\n", &["client=127.0.0.1", "scheme=http", "server=h:80"]);
}

pub(super) fn strangers(stage: &Stage) {
    let answer = is_told(
        stage,
        &format!("{SAID}{CLAIMS}"),
        &["client=203.0.113.9", "scheme=https", "server=shop.example:81", "mounted=", "user="],
    );
    // The request's name is made of any digits.
    let said = answer.lines().filter(|line| !line.starts_with("X-Request-ID: "));
    for lie in ["evil", "192.0.2.66", "666"] {
        assert!(said.clone().all(|line| !line.contains(lie)), "{lie} is in {answer}");
    }
}

/// What the app was told, which has these lines.
fn is_told(stage: &Stage, said: &str, lines: &[&str]) -> String {
    let asked = format!("GET /told HTTP/1.1\r\nConnection: close\r\n{said}\r\n");
    let answer = raw(stage.address(), asked.as_bytes());
    for line in lines {
        assert!(answer.contains(&format!("\n{line}\n")), "{line} is not in {answer}");
    }
    answer
}

pub(super) fn environment(stage: &Stage) {
    assert_eq!(stage.page("/directory"), stage.gear.repo());
    assert_eq!(stage.page("/variable?GREETING"), "good day");
    for name in ["OPENSHIFT_DATA_DIR", "OPENSHIFT_APP_NAME", "HOME", "PATH"] {
        assert_ne!(stage.page(&format!("/variable?{name}")), "(unset)", "{name}");
    }
    // It would be in the reports of every framework that shows a request.
    let told = stage.page("/told");
    assert!(told.contains("\nenvironment=\n"), "a request holds the process environment: {told}");
}

pub(super) fn output(stage: &Stage) {
    stage.page("/print?seen");
    stage.says("printed on stdout: seen\n");
    stage.says("printed on stderr: seen\n");
}

pub(super) fn exceptions(stage: &Stage) {
    let answer = get(stage.address(), "/raise?nobody");
    assert_eq!(answer.status, 500, "{}", answer.body);
    for secret in ["raised for", "Traceback", "pages.py", "ValueError"] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
    stage.says("ValueError: raised for nobody");
    assert!(stage.log().contains("Traceback (most recent call last)"), "{}", stage.log());
    stage.page("/sizes");
}

pub(super) fn lifespan(stage: &Stage) {
    assert_eq!(stage.page("/lifespan"), "yes");
    stage.gear.control("stop").done();
    stage.gear.control("start").done();
    stage.says("the app was told to shut down");
}
