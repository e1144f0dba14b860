//! What a deployment consists of.

use camino::Utf8PathBuf;

use crate::layout::paths::Layout;

/// The parts of a deployment, which have the same names in `app-root/runtime`.
pub(crate) const PARTS: [&str; 3] = [CODE, "dependencies", "build-dependencies"];
/// That of the [`PARTS`] which the app works in.
pub(crate) const CODE: &str = "repo";

/// Where one of the [`PARTS`] is laid out before it is put in place.
pub(crate) fn beside(layout: &Layout, part: &str) -> Utf8PathBuf {
    layout.runtime().join(format!(".{part}.new"))
}
