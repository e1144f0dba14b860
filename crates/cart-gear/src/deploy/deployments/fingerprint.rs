//! Whether dependencies are the very files that they were: a look at each, not into it.

use camino::Utf8PathBuf;
use cart_core::tree;
use sha1::{Digest, Sha1};

use crate::layout::paths::Layout;

/// What identifies the gear's dependencies, in place; `None` when they cannot be looked at. What Python
/// compiles beside them while an app runs is none of them.
pub(crate) fn of_dependencies(layout: &Layout) -> Option<String> {
    of(&[layout.dependencies(), layout.build_dependencies()])
}

fn of(directories: &[Utf8PathBuf]) -> Option<String> {
    let mut sum = Sha1::new();
    for directory in directories {
        sum.update(directory.as_str());
        let glance = tree::glance(
            directory,
            |file| {
                let place = format!("\0{} {} {} ", file.st_ino, file.st_size, file.st_mtime);
                format!("{place}{} {}", file.st_mtime_nsec, file.st_mode)
            },
            |bytes| sum.update(bytes),
        );
        glance.ok()?;
        sum.update(b"\0\0");
    }
    Some(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use cart_core::files;

    #[test]
    fn a_file_that_is_replaced_is_seen_and_what_python_compiles_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let write = |name: &str| {
            std::fs::create_dir_all(place.join(name).parent().unwrap()).unwrap();
            files::write_atomic(&place.join(name), b"same", 0o644).unwrap();
        };
        let print = || of(std::slice::from_ref(&place)).unwrap();
        write("lib/flask.py");
        let before = print();
        write("lib/__pycache__/flask.pyc");
        assert_eq!(print(), before);
        write("lib/flask.py");
        assert_ne!(print(), before);
        assert_eq!(of(&[place.join("missing")]), None);
    }
}
