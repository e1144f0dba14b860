//! What a node would refuse in a cartridge, its templates included: [`cart_core::validate`] and
//! what ERB adds to it.

mod erb;

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::validate::Finding;

/// Checks the cartridge in `directory`, as its author delivers it. No script of it is run and
/// nothing is written. The findings come in the order of files and lines.
///
/// # Errors
/// [`FileError`] when `directory` cannot be listed.
pub fn validate(directory: &Utf8Path) -> Result<Vec<Finding>, FileError> {
    let mut findings = cart_core::validate::validate(directory)?;
    erb::check(directory, &mut findings);
    Ok(findings.sorted())
}
