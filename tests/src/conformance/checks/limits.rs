//! What nginx lets through, every server takes: no limit of its own is narrower.

use cart_python::server::Ability;

use super::super::http::{ask, many, status};
use super::super::stage::{MEGABYTE, MOST_BODY};
use super::Stage;
use crate::way::Way;

pub(super) fn requests(stage: &Stage) {
    let query = "q".repeat(60_000);
    passes(stage, &format!("/sizes?{query}"), &[], &format!("query {},", query.len()));
    refused(stage, "/length", &[format!("Content-Length: {}", MOST_BODY + 1)], "413");
}

pub(super) fn long_header(stage: &Stage) {
    let long = "x".repeat(MEGABYTE - "X-Long: \r\n".len());
    passes(stage, "/sizes", &[format!("X-Long: {long}")], &format!("long {},", long.len()));
    refused(stage, "/sizes", &[format!("X-Long: {long}x")], "400");
}

pub(super) fn many_headers(stage: &Stage) {
    passes(stage, "/sizes", &many(9900), "many 9900");
}

pub(super) fn long_url(stage: &Stage) {
    let query = "q".repeat(MEGABYTE - "GET /sizes? HTTP/1.1\r\n".len());
    passes(stage, &format!("/sizes?{query}"), &[], &format!("query {},", query.len()));
    refused(stage, &format!("/sizes?{query}q"), &[], "414");
}

pub(super) fn no_long_urls(way: &Way) -> Option<String> {
    way.cannot(Ability::LongUrls)
}

pub(super) fn answers(stage: &Stage) {
    passes(stage, &format!("/headers?{MEGABYTE}"), &[], "\r\nok");
    // The server's own share is less than 1 KiB.
    let more = MEGABYTE + 1024;
    refused(stage, &format!("/headers?{more}"), &[], "502");
    stage.says(&format!(" {more} bytes of headers"));
    stage.says("OPENSHIFT_NGINX_MAX_RESPONSE_HEAD_SIZE");
}

#[track_caller]
fn passes(stage: &Stage, target: &str, headers: &[String], seen: &str) {
    let answer = ask(stage.address(), target, headers);
    assert_eq!(status(&answer), "200", "{answer:.300}");
    assert!(answer.contains(seen), "{seen} is not in {:.600}", answer);
}

#[track_caller]
fn refused(stage: &Stage, target: &str, headers: &[String], wanted: &str) {
    let answer = ask(stage.address(), target, headers);
    assert_eq!(status(&answer), wanted, "{answer:.300}");
}
