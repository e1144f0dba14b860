//! Any bytes are a template that renders, or an error with a line of it: nothing panics, overflows the
//! stack or goes on.

#![no_main]

use cart_erb::{Context, FileTest, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // What has no tags is taken for Ruby, so that the lines of `tests/fixtures` are seeds, too.
    let source = match data.windows(2).any(|two| two == b"<%") {
        true => data.to_vec(),
        false => [b"<% ", data, b"\n%>text"].concat(),
    };
    let files = |test: FileTest, _: &[u8]| test == FileTest::Exists;
    let context = Context::new([("A", "a"), ("EMPTY", ""), ("N", "42"), ("U", "h\u{e9}")], files);
    let lines = 1 + source.iter().filter(|byte| **byte == b'\n').count();
    match render(&source, "t.erb", &context) {
        Ok(rendered) => {
            let last = 1 + rendered.bytes.iter().filter(|byte| **byte == b'\n').count();
            for line in [1, last / 2, last] {
                assert!((1..=lines).contains(&rendered.template_line(line)));
            }
        }
        Err(error) => assert!((1..=lines).contains(&error.line), "{error}"),
    }
});
