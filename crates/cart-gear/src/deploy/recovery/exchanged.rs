//! Directories of a gear in whose place a restore puts others: all of them or none, also when it is
//! killed. What was there lies where the others were laid out until the restore has ended.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree;
use serde::{Deserialize, Serialize};

use crate::deploy::deployments::replaced_code::{number_of, put_back_in};

/// Where a snapshot is laid out, in the gear's home.
pub const STAGING: &str = ".restore";

/// A directory that is to be exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its path below the gear's home, and below what is laid out.
    below: Utf8PathBuf,
    /// The number of the directory that was there before, if there was one.
    before: Option<u64>,
}

/// The parts, as they are before any of them is exchanged.
pub(crate) fn parts(home: &Utf8Path, below: Vec<Utf8PathBuf>) -> Vec<Part> {
    let part = |below: Utf8PathBuf| Part { before: number_of(&home.join(&below)), below };
    below.into_iter().map(part).collect()
}

/// Exchanges all parts with what is laid out, or none.
///
/// # Errors
/// [`FileError`] of the one that could not be exchanged.
pub(crate) fn exchange(home: &Utf8Path, parts: &[Part]) -> Result<(), FileError> {
    for part in parts {
        let (laid_out, live) = (home.join(STAGING).join(&part.below), home.join(&part.below));
        let done = match part.before {
            Some(_) => tree::exchange(&laid_out, &live),
            None => files::rename(&laid_out, &live),
        };
        if let Err(error) = done {
            exchange_back(home, parts)?;
            return Err(error);
        }
    }
    Ok(())
}

/// Puts back what was there before, however many of them were exchanged. Answers those that are not
/// to be found any more.
///
/// # Errors
/// [`FileError`] of the one that could not be put back.
pub(crate) fn exchange_back<'a>(
    home: &Utf8Path,
    parts: &'a [Part],
) -> Result<Vec<&'a Utf8Path>, FileError> {
    let mut lost = Vec::new();
    for part in parts.iter().rev() {
        let (laid_out, live) = (home.join(STAGING).join(&part.below), home.join(&part.below));
        let is_back = match part.before {
            Some(before) => put_back_in(&live, before, &laid_out)?,
            // Exchanged with nothing.
            None if number_of(&laid_out).is_some() || number_of(&live).is_none() => true,
            None => files::rename(&live, &laid_out).map(|()| true)?,
        };
        if !is_back {
            lost.push(part.below.as_path());
        }
    }
    Ok(lost)
}

/// Whether all parts are what they were before.
pub(crate) fn is_back(home: &Utf8Path, parts: &[Part]) -> bool {
    parts.iter().all(|part| number_of(&home.join(&part.below)) == part.before)
}

/// Keeps what is laid out from the next restore, which would remove it. Answers where it lies.
///
/// # Errors
/// [`FileError`] naming it.
pub(crate) fn keep_aside(home: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    let staging = home.join(STAGING);
    let mut names = (0_u32..).map(|n| home.join(format!("{STAGING}.{n}")));
    let aside = names.find(|name| name.symlink_metadata().is_err()).unwrap_or(staging.clone());
    if staging.symlink_metadata().is_ok() {
        files::rename(&staging, &aside)?;
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Utf8Path, text: &str) {
        std::fs::create_dir_all(directory).unwrap();
        files::write_atomic(&directory.join("text"), text.as_bytes(), 0o644).unwrap();
    }

    #[test]
    fn whatever_was_exchanged_is_put_back_and_what_cannot_be_is_told() {
        let keep = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(keep.path()).unwrap();
        let names = ["data", "deployments", "git/a.git"];
        std::fs::create_dir(home.join("git")).unwrap();
        for name in &names[..2] {
            write(&home.join(name), "old");
        }
        for name in names {
            write(&home.join(STAGING).join(name), "new");
        }
        let parts = parts(home, names.map(Utf8PathBuf::from).to_vec());
        let live = || names.map(|n| std::fs::read_to_string(home.join(n).join("text")).ok());
        let is = |text: [Option<&str>; 3]| assert_eq!(live(), text.map(|t| t.map(str::to_owned)));
        for exchanged in 0..=3 {
            exchange(home, &parts[..exchanged]).unwrap();
            assert_eq!(live().iter().flatten().filter(|t| *t == "new").count(), exchanged);
            assert!(exchange_back(home, &parts).unwrap().is_empty());
            is([Some("old"), Some("old"), None]);
        }
        std::fs::rename(home.join(STAGING).join("git"), home.join("elsewhere")).unwrap();
        exchange(home, &parts).unwrap_err();
        is([Some("old"), Some("old"), None]);
        // In the middle of an exchange that is made in steps.
        std::fs::rename(home.join("data"), home.join(STAGING).join("data.old")).unwrap();
        assert!(exchange_back(home, &parts).unwrap().is_empty());
        is([Some("old"), Some("old"), None]);
        assert!(is_back(home, &parts));
        exchange(home, &parts[..2]).unwrap();
        assert!(!is_back(home, &parts));
        let kept = keep_aside(home).unwrap();
        assert_eq!(std::fs::read_to_string(kept.join("data/text")).unwrap(), "old");
        assert_eq!(exchange_back(home, &parts).unwrap(), ["deployments", "data"]);
        is([Some("new"), Some("new"), None]);
    }
}
