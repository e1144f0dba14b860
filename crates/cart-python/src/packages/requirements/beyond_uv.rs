//! What pip reads in requirements files and uv does not, or reads in another way.

use camino::Utf8Path;
use cart_core::files;

use super::line::shell_words;
use super::{Requirements, text};

/// Options that uv takes from a file, in the spelling in which it takes them.
const KNOWN: &[&str] = &[
    "-c",
    "-e",
    "-f",
    "-i",
    "-r",
    "--constraint",
    "--editable",
    "--extra-index-url",
    "--find-links",
    "--hash",
    "--index-url",
    "--no-binary",
    "--no-index",
    "--only-binary",
    "--requirement",
];
/// Kinds of repositories that uv takes nothing from.
const FOREIGN: &[&str] = &["bzr+", "hg+", "svn+"];

impl Requirements {
    /// Why only pip can install these as they are meant, if so: `FILE, line N, ...`.
    #[must_use]
    pub fn only_for_pip(&self) -> Option<String> {
        if let Some(local) = self.local.iter().find(|l| !l.editable && l.path.is_dir()) {
            // uv takes what it built of a folder before, unless certain files of it changed.
            let path = &local.path;
            return Some(format!("{path} is installed as a copy, whatever changed in it"));
        }
        self.files.iter().find_map(|(file, content)| {
            let name = file.file_name().unwrap_or_default();
            // What a lock says is written anew for whoever installs.
            if self.converted.is_none() && !is_plain(file, content) {
                return Some(format!("{name} is not plain UTF-8"));
            }
            let content = String::from_utf8_lossy(content);
            let mut lines = text::logical(&text::lines(&content)).into_iter();
            lines.find_map(|(number, line)| {
                let what = beyond(&line)?;
                Some(format!("uv does not know what {name}, line {number}, says: {what}"))
            })
        })
    }
}

/// Whether a file is on the disk as it was read here: in UTF-8, with today's ends of lines.
fn is_plain(file: &Utf8Path, read: &[u8]) -> bool {
    let Ok(content) = files::read(file) else { return false };
    let content = String::from_utf8_lossy(&content).replace("\r\n", "\n");
    content.as_bytes() == read
}

/// The first word of a line that uv does not take.
fn beyond(line: &str) -> Option<String> {
    let words = shell_words(line).unwrap_or_default();
    let mut editable = false;
    for word in &words {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        let is_option = word.starts_with('-') && word.len() > 1;
        let foreign = FOREIGN.iter().any(|kind| word.starts_with(kind));
        let unknown = is_option && !KNOWN.contains(&name);
        let linked_repository = editable && word.contains("+");
        if foreign || unknown || (linked_repository && word.contains("://")) {
            return Some(name.to_owned());
        }
        editable |= matches!(name, "-e" | "--editable");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::GearEnv;

    fn reason(content: &[u8]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let repo = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir(repo.join("lib")).unwrap();
        files::write_atomic(&repo.join("requirements.txt"), content, 0o644).unwrap();
        let read = Requirements::read(repo, None, &GearEnv::new()).unwrap().unwrap();
        read.only_for_pip().map(|reason| reason.replace(repo.as_str(), "REPO"))
    }

    #[test]
    fn what_uv_reads_as_pip_does_is_for_both() {
        for text in [
            "flask>=3 # web\r\nsix\r\n",
            "-i https://example.com/simple\n--extra-index-url=https://example.com\n-e ./lib\n",
            "six==1.16.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n",
            "--no-binary six\nsix; python_version < '4'\nx @ git+https://example.com/x.git\n",
            "# \u{fc}\nx-y[a,b]~=1.0\n",
        ] {
            assert_eq!(reason(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_uv_does_not_know_is_told_with_its_line() {
        for (text, what) in [
            ("flask\n--pre\n", "uv does not know what requirements.txt, line 2, says: --pre"),
            (
                "six --global-option=x\n",
                "uv does not know what requirements.txt, line 1, says: --global-option",
            ),
            (
                "-e git+https://example.com/x.git#egg=x\n",
                "uv does not know what requirements.txt, line 1, says: git+https://example.com/x.git#egg",
            ),
            (
                "hg+https://example.com/x#egg=x\n",
                "uv does not know what requirements.txt, line 1, says: hg+https://example.com/x#egg",
            ),
            ("./lib\n", "REPO/./lib is installed as a copy, whatever changed in it"),
            ("six\rflask\r", "requirements.txt is not plain UTF-8"),
        ] {
            assert_eq!(reason(text.as_bytes()).as_deref(), Some(what), "{text}");
        }
        let utf_16: Vec<u8> = "\u{feff}six\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(reason(&utf_16).as_deref(), Some("requirements.txt is not plain UTF-8"));
    }
}
