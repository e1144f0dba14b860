//! Rewriting the absolute paths inside an environment that was built in another place, or that
//! came from a gear with another home: scripts' first lines, `activate`, and the links of
//! editable installs into the app's repository.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};

use super::VirtualEnv;

/// No script or link file is longer; what is may be a compiled program.
const LONGEST: u64 = 256 * 1024;

/// Replaces, in every text file of `venv` that holds paths, each path that starts with one of
/// the `moves`' old places. Each file changes at once or not at all, and running it again after
/// an interruption is harmless. Answers whether any changed.
///
/// # Errors
/// [`FileError`] naming a file that could not be read or written.
pub fn relocate(venv: &VirtualEnv, moves: &[(&Utf8Path, &Utf8Path)]) -> Result<bool, FileError> {
    let moves: Vec<_> = moves.iter().filter(|(old, new)| old != new).collect();
    if moves.is_empty() {
        return Ok(false);
    }
    let mut any = false;
    for path in text_files(venv) {
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if !metadata.is_file() || metadata.len() > LONGEST {
            continue;
        }
        let Ok(old_text) = String::from_utf8(files::read(&path)?) else {
            continue;
        };
        let new_text = moves.iter().fold(old_text.clone(), |text, (old, new)| {
            replace_path(&text, old.as_str(), new.as_str())
        });
        if new_text != old_text {
            let mode = metadata.permissions().mode() & 0o7777;
            // Nor does the stamp, which comes last, wait for the disk.
            files::write_unsynced(&path, new_text.as_bytes(), mode)?;
            any = true;
        }
    }
    Ok(any)
}

/// Whether a file of site-packages is rewritten in place by installers, or by us.
pub(super) fn is_link_file(name: &str) -> bool {
    name.ends_with(".pth") || name.ends_with(".egg-link") || is_finder(name)
}

/// Whether a file of site-packages is the module by which setuptools links a project.
pub(super) fn is_finder(name: &str) -> bool {
    name.starts_with("__editable__") && name.ends_with(".py")
}

fn text_files(venv: &VirtualEnv) -> Vec<Utf8PathBuf> {
    let mut found = vec![venv.dir().join("pyvenv.cfg")];
    found.extend(files::list(&venv.bin()).unwrap_or_default());
    let site = venv.site_packages().and_then(|site| files::list(&site).ok());
    for path in site.into_iter().flatten() {
        match path.file_name() {
            Some(name) if is_link_file(name) => found.push(path),
            Some(name) if name.ends_with(".dist-info") => {
                let url = path.join("direct_url.json");
                if url.is_file() {
                    found.push(url);
                }
            }
            _ => {}
        }
    }
    found
}

/// Replaces `old` where it is a whole path or the beginning of one. A text in which `new` stands
/// already, and would be found again because it begins with `old`, is left alone.
#[must_use]
pub fn replace_path(text: &str, old: &str, new: &str) -> String {
    let extends_old = new.strip_prefix(old).is_some_and(|rest| rest.starts_with('/'));
    if extends_old && find_path(text, new).is_some() {
        return text.to_owned();
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find_path(rest, old) {
        result.push_str(&rest[..at]);
        result.push_str(new);
        rest = &rest[at + old.len()..];
    }
    result + rest
}

/// Where `path` stands in `text`, not as part of a longer name.
fn find_path(text: &str, path: &str) -> Option<usize> {
    let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.match_indices(path).map(|(at, _)| at).find(|at| {
        let after = text[at + path.len()..].chars().next();
        !after.is_some_and(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn whole_paths_are_replaced_and_longer_names_are_not() {
        let text = "#!/g/a/virtenv/bin/python\nX=/g/a/virtenv-old\nY='/g/a/virtenv'\n";
        assert_eq!(
            replace_path(text, "/g/a/virtenv", "/g/b/virtenv"),
            "#!/g/b/virtenv/bin/python\nX=/g/a/virtenv-old\nY='/g/b/virtenv'\n"
        );
    }

    #[test]
    fn doing_it_twice_is_harmless_even_when_the_new_place_is_inside_the_old() {
        let once = replace_path("#!/g/bin/python\n", "/g", "/g/sub");
        assert_eq!(once, "#!/g/sub/bin/python\n");
        assert_eq!(replace_path(&once, "/g", "/g/sub"), once);
    }

    #[test]
    fn scripts_keep_their_mode_and_compiled_programs_their_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let venv = VirtualEnv::at(Utf8Path::from_path(dir.path()).unwrap());
        fs::create_dir(venv.bin()).unwrap();
        let (tool, compiled) = (venv.bin().join("tool"), venv.bin().join("compiled"));
        files::write_atomic(&tool, b"#!/old/bin/python\n", 0o755).unwrap();
        files::write_atomic(&compiled, b"\xff/old/bin/python", 0o755).unwrap();
        relocate(&venv, &[("/old".into(), "/new".into())]).unwrap();
        assert_eq!(files::read(&tool).unwrap(), b"#!/new/bin/python\n");
        assert_eq!(files::read(&compiled).unwrap(), b"\xff/old/bin/python");
        let mode = fs::metadata(&tool).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}
