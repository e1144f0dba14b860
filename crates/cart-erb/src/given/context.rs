//! What a rendering may look at: the environment, and whether a file exists.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// A question about a path that a template may ask (`File.exist?` and its like).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTest {
    /// `File.exist?`: something is there, symbolic links followed.
    Exists,
    /// `File.file?`: a regular file, symbolic links followed.
    File,
    /// `File.directory?`: a directory, symbolic links followed.
    Directory,
    /// `File.symlink?`: the path itself is a symbolic link.
    Symlink,
}

/// Answers a template's questions about files. Any function `Fn(FileTest, &[u8]) -> bool` is one.
pub trait FileTests: Send + Sync {
    /// True when `path` (bytes, as the template gave it) passes the test.
    fn test(&self, test: FileTest, path: &[u8]) -> bool;
}

impl<F> FileTests for F
where
    F: Fn(FileTest, &[u8]) -> bool + Send + Sync,
{
    fn test(&self, test: FileTest, path: &[u8]) -> bool {
        self(test, path)
    }
}

/// The real file system. Reads file metadata, nothing else; relative paths start at the process's
/// working directory, as in Ruby.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFiles;

impl FileTests for RealFiles {
    fn test(&self, test: FileTest, path: &[u8]) -> bool {
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        match test {
            FileTest::Exists => path.exists(),
            FileTest::File => path.is_file(),
            FileTest::Directory => path.is_dir(),
            FileTest::Symlink => path.is_symlink(),
        }
    }
}

/// The environment and the file tests that a template is rendered with.
#[derive(Clone)]
pub struct Context {
    env: Vec<(Vec<u8>, Vec<u8>)>,
    files: Arc<dyn FileTests>,
}

impl Context {
    /// A context of an environment, whose order `ENV.each` keeps, and of file tests, such as
    /// [`RealFiles`].
    pub fn new<K, V>(
        env: impl IntoIterator<Item = (K, V)>,
        files: impl FileTests + 'static,
    ) -> Context
    where
        K: Into<Vec<u8>>,
        V: Into<Vec<u8>>,
    {
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Context { env, files: Arc::new(files) }
    }

    /// The environment, in order.
    pub fn env(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.env
    }

    /// The value of one variable.
    pub fn var(&self, name: &[u8]) -> Option<&[u8]> {
        self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn files(&self) -> &dyn FileTests {
        &*self.files
    }
}

impl fmt::Debug for Context {
    /// Names only: values may be secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.env.iter().map(|(name, _)| String::from_utf8_lossy(name));
        out.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_files_answers_each_test() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        let tests = [FileTest::Exists, FileTest::File, FileTest::Directory, FileTest::Symlink];
        let answers =
            |path: &Path| tests.map(|test| RealFiles.test(test, path.as_os_str().as_bytes()));
        assert_eq!(answers(folder.path()), [true, false, true, false]);
        assert_eq!(answers(&link), [false, false, false, true]);
        let program = std::env::current_exe().unwrap();
        assert_eq!(answers(&program), [true, true, false, false]);
    }

    #[test]
    fn debug_shows_no_values() {
        let context = Context::new([("PASSWORD", "hunter2")], RealFiles);
        assert_eq!(format!("{context:?}"), r#"["PASSWORD"]"#);
    }
}
