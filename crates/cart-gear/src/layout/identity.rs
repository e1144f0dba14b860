//! Random identities, from the system's own source.

use camino::Utf8Path;
use cart_core::files::{self, FileError};

/// `digits` random hexadecimal digits, at most 30. A UUID of the kernel's has 122 random bits;
/// its version and variant stand at fixed places and are left out.
///
/// # Errors
/// [`FileError`] when the kernel gives none.
pub(crate) fn hexadecimal(digits: usize) -> Result<String, FileError> {
    let uuid = files::read(Utf8Path::new("/proc/sys/kernel/random/uuid"))?;
    Ok(String::from_utf8_lossy(&uuid)
        .chars()
        .enumerate()
        .filter(|(at, c)| *at != 14 && *at != 19 && c.is_ascii_hexdigit())
        .map(|(_, c)| c)
        .take(digits)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_digits_as_asked_for_and_others_each_time() {
        let (one, two) = (hexadecimal(24).unwrap(), hexadecimal(24).unwrap());
        assert_eq!((one.len(), hexadecimal(30).unwrap().len()), (24, 30));
        assert_ne!(one, two);
    }
}
