//! Answers that come in parts. Each part is sent only when the one before was seen here, so that no
//! clock has to say whether it came in time.

use std::io::Read;

use flate2::read::GzDecoder;

use cart_core::files;
use cart_test::TestGear;

use super::super::http::{Chunks, head};
use super::Stage;

pub(super) fn streams(stage: &Stage) {
    for kind in ["text/plain", "application/json"] {
        parts_arrive(&stage.gear, kind, "");
    }
    // A browser accepts gzip, and who streams text says that it shall not wait.
    parts_arrive(&stage.gear, "text/plain&no", "Accept-Encoding: gzip\r\n");
}

pub(super) fn events(stage: &Stage) {
    for accepted in ["", "Accept-Encoding: gzip\r\n"] {
        parts_arrive(&stage.gear, "text/event-stream", accepted);
    }
}

/// Asks the app's page `/events` for parts of this type (with `&no` behind it the app asks nginx not to
/// buffer). The app waits for a file before it goes on.
///
/// # Panics
/// When a part does not arrive.
pub fn parts_arrive(gear: &TestGear, kind: &str, accepted: &str) {
    let seen = |number: usize| gear.gear().layout().data().join(format!("seen-{number}"));
    (0..3).for_each(|number| files::remove_if_exists(&seen(number)).unwrap());
    let what = format!("{kind} {accepted:?}");
    let request =
        format!("GET /events?{kind} HTTP/1.1\r\nHost: h\r\n{accepted}Connection: close\r\n\r\n");
    let (head, answer) = head(gear.address(), &request);
    assert!(head.contains("Transfer-Encoding: chunked"), "{what}: {head}");
    let mut body: Box<dyn Read> = Box::new(Chunks::new(answer));
    if head.contains("Content-Encoding: gzip") {
        body = Box::new(GzDecoder::new(body));
    }
    for number in 0..3 {
        let mut event = [0; "data: 0\n\n".len()];
        body.read_exact(&mut event).unwrap_or_else(|e| panic!("{what}, part {number}: {e}"));
        assert_eq!(event, format!("data: {number}\n\n").as_bytes(), "{what}");
        files::write_atomic(&seen(number), b"", 0o644).unwrap();
    }
    assert_eq!(body.read_to_end(&mut Vec::new()).unwrap(), 0, "{what}");
}
