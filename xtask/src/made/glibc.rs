//! What a program asks of the machine it runs on: read from the program itself, so that a release
//! that needs too new a glibc is noticed here and not on somebody's node.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use object::elf::{DT_NEEDED, FileHeader64};
use object::read::elf::FileHeader;
use object::{Endianness, StringTable};
use semver::Version;

/// The newest glibc that may be needed: CentOS 7's, and the oldest that Rust supports.
pub(crate) const OLDEST: Version = Version::new(2, 17, 0);

/// The newest libgcc that may be needed, as binary wheels have it (PEP 599): it is on every system with
/// glibc, and uv's program needs one.
const OLDEST_LIBGCC: Version = Version::new(4, 8, 0);

/// What every system with glibc brings.
const OF_SYSTEM: [&str; 8] = [
    "libc.so",
    "libm.so",
    "libpthread.so",
    "libdl.so",
    "librt.so",
    "libutil.so",
    "ld-linux",
    "libgcc_s.so",
];

/// Makes sure that a program runs wherever glibc 2.17 is, and answers the version of it that it needs.
pub(crate) fn check(program: &Utf8Path) -> Result<Version, GlibcError> {
    let bytes = files::read(program)?;
    let wants = wants(&bytes)
        .map_err(|source| GlibcError::Unreadable { path: program.to_owned(), source })?;
    let path = || program.to_owned();
    if let Some(library) = wants.libraries.iter().find(|name| !is_of_system(name)) {
        return Err(GlibcError::Library { path: path(), library: library.clone() });
    }
    let mut newest = Version::new(0, 0, 0);
    for name in wants.versions {
        if version("GCC_", &name).is_some_and(|version| version <= OLDEST_LIBGCC) {
            continue;
        }
        let version = version("GLIBC_", &name).filter(|version| *version <= OLDEST);
        let Some(version) = version else {
            return Err(GlibcError::TooNew { path: path(), name });
        };
        newest = newest.max(version);
    }
    if newest == Version::new(0, 0, 0) {
        return Err(GlibcError::Nothing { path: path() });
    }
    Ok(newest)
}

/// Names of libraries and of symbol versions, as they stand in the file.
#[derive(Debug, Default)]
struct Wants {
    libraries: Vec<String>,
    versions: Vec<String>,
}

fn wants(bytes: &[u8]) -> object::Result<Wants> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let mut wants = Wants::default();
    let dynamic = sections.dynamic_table(endian, bytes)?;
    for entry in dynamic.iter().filter(|entry| entry.tag == DT_NEEDED) {
        wants.libraries.push(text(dynamic.string(entry)?));
    }
    if let Some((mut files, link)) = sections.gnu_verneed(endian, bytes)? {
        let strings: StringTable<'_> = sections.strings(endian, bytes, link)?;
        while let Some((_, mut symbols)) = files.next()? {
            while let Some(symbol) = symbols.next()? {
                wants.versions.push(text(symbol.name(endian, strings)?));
            }
        }
    }
    Ok(wants)
}

fn is_of_system(library: &str) -> bool {
    OF_SYSTEM.iter().any(|name| library.starts_with(name))
}

/// `GLIBC_2.17` and `GLIBC_2.2.5`; others, such as `GLIBC_ABI_DT_RELR`, are no old one's.
fn version(library: &str, name: &str) -> Option<Version> {
    let numbers = name.strip_prefix(library)?.split('.').map(str::parse);
    match numbers.collect::<Result<Vec<u64>, _>>().ok()?.as_slice() {
        [major, minor] => Some(Version::new(*major, *minor, 0)),
        [major, minor, patch] => Some(Version::new(*major, *minor, *patch)),
        _ => None,
    }
}

/// A program that would not run on every machine it is meant for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GlibcError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} is no program whose needs can be read: {source}")]
    Unreadable { path: Utf8PathBuf, source: object::Error },
    #[error("{path} names no symbol version of glibc: it is not linked as releases are")]
    Nothing { path: Utf8PathBuf },
    #[error(
        "{path} needs {name}, and a node may have glibc {OLDEST} only: find the call that needs it, or link for an older glibc (xtask/src/made/tools.rs)"
    )]
    TooNew { path: Utf8PathBuf, name: String },
    #[error("{path} needs {library}, which a node may not have: link it statically")]
    Library { path: Utf8PathBuf, library: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tiny libraries; `xtask/fixtures/elf/README.md` says how they were made.
    fn checked(name: &str) -> Result<Version, GlibcError> {
        check(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/elf").join(name))
    }

    #[test]
    fn the_newest_symbol_version_counts() {
        assert_eq!(checked("needs-2.17.so").unwrap(), Version::new(2, 17, 0));
    }

    #[test]
    fn a_symbol_of_a_newer_glibc_is_refused_by_name() {
        let Err(GlibcError::TooNew { name, .. }) = checked("needs-2.25.so") else {
            panic!("2.25 is too new")
        };
        assert_eq!(name, "GLIBC_2.25");
    }

    #[test]
    fn a_library_that_glibc_does_not_bring_is_refused() {
        let Err(GlibcError::Library { library, .. }) = checked("needs-libz.so") else {
            panic!("zlib is not glibc's")
        };
        assert_eq!(library, "libz.so.1");
    }

    /// As uv's program does.
    #[test]
    fn an_old_libgcc_may_be_needed() {
        assert_eq!(checked("needs-libgcc.so").unwrap(), Version::new(2, 17, 0));
    }

    #[test]
    fn what_is_not_linked_for_glibc_at_all_is_refused() {
        assert!(matches!(checked("needs-nothing.so"), Err(GlibcError::Nothing { .. })));
        assert!(matches!(checked("README.md"), Err(GlibcError::Unreadable { .. })));
    }

    #[test]
    fn versions_are_compared_as_numbers_and_abi_marks_are_none() {
        let glibc = |name| version("GLIBC_", name);
        assert!(glibc("GLIBC_2.4").unwrap() < glibc("GLIBC_2.17").unwrap());
        assert_eq!(glibc("GLIBC_2.2.5"), Some(Version::new(2, 2, 5)));
        assert_eq!(glibc("GLIBC_ABI_DT_RELR"), None);
        assert_eq!(glibc("GCC_3.0"), None);
    }
}
