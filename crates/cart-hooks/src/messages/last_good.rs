//! Words about the last good generation.

use cart_core::files::FileError;

/// After `explained`, when the last good generation was started.
pub(super) fn serves(explained: &str, server: &str, date: &str, has_code: bool) -> String {
    let of = match has_code {
        true => format!("with code, packages and variables of {date}"),
        false => format!(
            "with packages and variables of {date}, and the code in the repository, which is too \
             large for a copy"
        ),
    };
    format!(
        "{explained}\n\
         What worked last was started instead and serves: {server}, {of}. \
         When the mistake is mended, start or restart the application"
    )
}

/// After `explained`, when the last good generation could not be started either.
pub(super) fn failed(explained: &str, server: &str, date: &str, also: &str) -> String {
    format!("{explained}\nWhat worked last ({server}, {date}) was tried instead: {also}")
}

/// `status` of a last good generation, below what runs.
pub(crate) fn is_last_good(date: Option<&str>) -> String {
    let of = date.map(|date| format!(", of {date}")).unwrap_or_default();
    format!(
        "It is what worked last{of}, not what is in the repository: that did not come up. \
         `control restart` tries it again and says why"
    )
}

/// When what serves could not be kept.
pub(crate) fn not_kept(error: &FileError) -> String {
    format!(
        "The application runs, but could not be kept as the last good one: {error}. \
         Should the next change fail while it is stopped, an older one would be started, or none"
    )
}
