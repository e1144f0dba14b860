//! The one place of this program that prints.

/// Says a line to the person who runs the task; output that programs read goes elsewhere.
#[expect(clippy::print_stderr, reason = "this is the place that prints")]
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}
