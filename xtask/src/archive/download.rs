//! The manifest by which people add the cartridge to an application without an operator: ours with
//! the place of the archive in it (node-contract.md, Delivery).

use camino::Utf8PathBuf;
use cart_core::files::{self, FileError};
use md5::{Digest, Md5};

use crate::archive::Archives;

/// What a broker reads at most, in bytes.
const LIMIT: usize = 20_480;

/// Where the archive will be, which a node understands by how the URL ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceUrl {
    url: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tar,
    Zip,
    /// A repository that holds the cartridge; a node checks no sum of it.
    Git,
}

impl SourceUrl {
    /// Reads the URL of a command line.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let http = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        let one_word = !url.chars().any(|c| c.is_whitespace() || c.is_control());
        let ends = |end: &str| path.ends_with(end);
        let kind = if url.starts_with("git://") || (http && ends(".git")) {
            Kind::Git
        } else if http && (ends(".tar.gz") || ends(".tgz")) {
            Kind::Tar
        } else if http && ends(".zip") {
            Kind::Zip
        } else {
            return Err("a node takes http:// and https:// URLs that end in .tar.gz, .tgz, .zip \
                        or .git, and git:// ones"
                .to_owned());
        };
        if !one_word {
            return Err("a URL has no spaces".to_owned());
        }
        Ok(Self { url: url.to_owned(), kind })
    }

    /// Writes `manifest.yml` beside the archives and answers its path.
    pub(crate) fn write_manifest(
        &self,
        manifest: &str,
        archives: &Archives,
    ) -> Result<Utf8PathBuf, DownloadError> {
        let archive = match self.kind {
            Kind::Tar => Some(&archives.tar),
            Kind::Zip => Some(&archives.zip),
            Kind::Git => None,
        };
        let sum = match archive {
            Some(path) => Some(hex(&Md5::digest(files::read(path)?))),
            None => None,
        };
        let text = with_source(manifest, &self.url, sum.as_deref());
        if text.len() > LIMIT {
            return Err(DownloadError::TooLong { size: text.len() });
        }
        let path = archives.tar.with_file_name("manifest.yml");
        files::write_atomic(&path, text.as_bytes(), 0o644)?;
        Ok(path)
    }
}

/// The manifest with both keys at its end; what it said of them itself is gone.
fn with_source(manifest: &str, url: &str, sum: Option<&str>) -> String {
    let ours = |line: &&str| !line.starts_with("Source-Url:") && !line.starts_with("Source-Md5:");
    let mut text: String = manifest.lines().filter(ours).flat_map(|line| [line, "\n"]).collect();
    text.push_str(&format!("Source-Url: '{}'\n", url.replace('\'', "''")));
    if let Some(sum) = sum {
        text.push_str(&format!("Source-Md5: '{sum}'\n"));
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A manifest that was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "the manifest would have {size} bytes, and a broker reads {LIMIT}: shorten cartridge/metadata/manifest.yml"
    )]
    TooLong { size: usize },
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;

    const MANIFEST: &str = "Name: small\nSource-Url: http://old/x.zip\nCategories:\n- service\n";

    fn made(url: &str) -> Result<String, DownloadError> {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let archives = Archives { tar: dir.join("a.tar.gz"), zip: dir.join("a.zip") };
        files::write_atomic(&archives.tar, b"tar", 0o644).unwrap();
        files::write_atomic(&archives.zip, b"zip", 0o644).unwrap();
        let path = SourceUrl::parse(url).unwrap().write_manifest(MANIFEST, &archives)?;
        Ok(String::from_utf8(files::read(&path)?).unwrap())
    }

    #[test]
    fn the_sum_is_of_the_archive_that_the_url_names() {
        assert_eq!(
            made("https://x/a.tgz").unwrap(),
            "Name: small\nCategories:\n- service\nSource-Url: 'https://x/a.tgz'\n\
             Source-Md5: 'db5570bf61464b46e2bde31ed61a7dc6'\n"
        );
        let zip = made("http://x/it's.zip?v=1#top").unwrap();
        assert!(zip.contains("Source-Url: 'http://x/it''s.zip?v=1#top'\n"), "{zip}");
        assert!(zip.contains("Source-Md5: 'adcdbd79a8d84175c229b192aadc02f2'\n"), "{zip}");
        assert!(!made("https://x/a.git").unwrap().contains("Source-Md5"));
    }

    #[test]
    fn a_url_that_a_node_does_not_take_is_refused() {
        for wrong in [
            "x/a.zip",
            "ftp://x/a.zip",
            "https://x/a.tar.xz",
            "https://x/a b.zip",
            "https://x/?a.zip",
            "",
        ] {
            assert!(SourceUrl::parse(wrong).is_err(), "{wrong}");
        }
        assert!(SourceUrl::parse("git://x/a").is_ok());
    }

    #[test]
    fn a_manifest_that_a_broker_would_cut_off_is_not_made() {
        let url = format!("https://x/{}.zip", "a".repeat(LIMIT));
        assert!(matches!(made(&url), Err(DownloadError::TooLong { .. })));
    }
}
