//! A UTF-8 locale for programs of an app whose environment names none.
//!
//! In the C locale, Python 3.6 takes ASCII for the encoding of what it prints and of the text files
//! that it opens. From 3.7 on it helps itself (PEP 538, PEP 540), but not the programs of other
//! languages that an app starts.

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use cart_core::GearEnv;

/// The variables that choose a locale's encoding, the one that wins first.
const CHOOSING: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];
/// Where glibc keeps its locales: a directory each, or all in one file.
const LOCALES: &str = "/usr/lib/locale";
const ARCHIVE: &str = "locale-archive";
/// How that file begins, and the longest list of names that is read from it.
const ARCHIVE_MAGIC: u32 = 0xde02_0109;
const LONGEST_LIST: u32 = 1024 * 1024;

/// The variable by which a program gets a UTF-8 locale of this machine, with its value; `None` when
/// `env` names a locale already, or has `PYTHONCOERCECLOCALE=0`, which says that the C locale is
/// meant.
#[must_use]
pub fn missing_from(env: &GearEnv) -> Option<(&'static str, String)> {
    let is_set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    if CHOOSING.iter().any(|name| is_set(name))
        || env.get("PYTHONCOERCECLOCALE").is_some_and(|v| v == "0")
    {
        return None;
    }
    match utf_8(LOCALES.into()) {
        // Not LC_CTYPE: what a person sets later, by whatever variable, wins over it.
        Some(locale) => Some(("LANG", locale)),
        // What can be done for Python 3.6 then.
        None if !is_set("PYTHONIOENCODING") => Some(("PYTHONIOENCODING", "utf-8".to_owned())),
        None => None,
    }
}

/// `env` with a UTF-8 locale, if it names none.
#[must_use]
pub fn completed(env: GearEnv) -> GearEnv {
    match missing_from(&env) {
        Some((name, value)) => env.with(name, value),
        None => env,
    }
}

/// The UTF-8 locale in `folder` that changes the least: that of C, English, or the first.
fn utf_8(folder: &Utf8Path) -> Option<String> {
    let languages = || {
        let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
        names.extend(archived(&folder.join(ARCHIVE)).unwrap_or_default());
        let mut languages: Vec<String> = names.iter().filter_map(|name| language(name)).collect();
        languages.sort();
        languages
    };
    let is_there = |name: &str| folder.join(name).is_dir();
    let language = match is_there("C.utf8") || is_there("C.UTF-8") {
        true => "C".to_owned(),
        false => {
            let languages = languages();
            let preferred =
                ["C", "en_US", "en_GB"].into_iter().find(|p| languages.iter().any(|l| l == p));
            preferred.map(str::to_owned).or_else(|| languages.first().cloned())?
        }
    };
    Some(format!("{language}.UTF-8"))
}

/// `de_DE` for `de_DE.utf8`, in any spelling of that.
fn language(name: &str) -> Option<String> {
    let (language, encoding) = name.split_once('.')?;
    let encoding = encoding.to_ascii_lowercase().replace('-', "");
    (encoding == "utf8" && !language.is_empty()).then(|| language.to_owned())
}

/// The names in glibc's archive of locales (`locale/locarchive.h`): the sixth and seventh number of
/// its head say where they stand, each with a zero behind it.
fn archived(path: &Utf8Path) -> Option<Vec<String>> {
    let file = File::open(path).ok()?;
    let mut head = [0; 28];
    file.read_exact_at(&mut head, 0).ok()?;
    let mut numbers = [0; 7];
    for (number, bytes) in numbers.iter_mut().zip(head.chunks_exact(4)) {
        *number = u32::from_ne_bytes(bytes.try_into().ok()?);
    }
    let [magic, _, _, _, _, offset, length] = numbers;
    if magic != ARCHIVE_MAGIC || length > LONGEST_LIST {
        return None;
    }
    let mut names = vec![0; length as usize];
    file.read_exact_at(&mut names, offset.into()).ok()?;
    let names =
        names.split(|byte| *byte == 0).map(|name| String::from_utf8_lossy(name).into_owned());
    Some(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(directories: &[&str]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        directories.iter().for_each(|name| std::fs::create_dir(dir.join(name)).unwrap());
        utf_8(dir)
    }

    #[test]
    fn the_locale_that_changes_the_least_is_taken() {
        assert_eq!(chosen(&["en_US.utf8", "C.utf8"]).unwrap(), "C.UTF-8");
        assert_eq!(chosen(&["C.UTF-8"]).unwrap(), "C.UTF-8");
        assert_eq!(chosen(&["de_DE.utf8", "en_US.utf8", "aa_ET"]).unwrap(), "en_US.UTF-8");
        assert_eq!(
            chosen(&["fr_FR.utf8", "de_DE.UTF-8", "de_AT.utf8@euro"]).unwrap(),
            "de_DE.UTF-8"
        );
        assert_eq!(chosen(&["de_DE", "en_US.iso88591"]), None);
        assert_eq!(utf_8("/nonexistent".into()), None);
    }

    #[test]
    fn the_names_in_glibcs_archive_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let names = b"de_DE.utf8\0en_US.utf8\0";
        let head = [ARCHIVE_MAGIC, 0, 56, 2, 907, 32, u32::try_from(names.len()).unwrap(), 4096];
        let mut archive: Vec<u8> = head.iter().flat_map(|n| n.to_ne_bytes()).collect();
        archive.extend(names);
        File::create(dir.join(ARCHIVE)).and_then(|file| file.write_all_at(&archive, 0)).unwrap();
        assert_eq!(utf_8(dir).unwrap(), "en_US.UTF-8");
    }

    #[test]
    fn what_a_person_has_set_is_left_alone() {
        for (name, value) in [
            ("LANG", "C"),
            ("LC_ALL", "POSIX"),
            ("LC_CTYPE", "de_DE"),
            ("PYTHONCOERCECLOCALE", "0"),
        ] {
            let env = GearEnv::new().with(name, value);
            assert_eq!(completed(env.clone()), env, "{name}");
        }
        let env = completed(GearEnv::new().with("LC_ALL", "").with("LC_TIME", "C"));
        let chosen = env.get("LANG").or_else(|| env.get("PYTHONIOENCODING"));
        assert!(chosen.is_some_and(|v| v.to_string_lossy().to_lowercase().contains("utf")));
    }
}
