//! Where pip and uv keep what they downloaded and built, for all builds of a user.
//!
//! A cache keeps wheels that took minutes to compile. On a machine of somebody's own it is among the
//! caches in his home, for all his gears; on a node, where a gear's home cannot be written to, it is
//! where `tidy` empties: not in the data directory, whose content travels with every snapshot. A
//! directory that is not ours alone is not used. No file of an environment is one of a cache by
//! another name, so that what an app writes into the former stays there; but for the pip and the
//! setuptools that come with its Python.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, run};
use walkdir::WalkDir;

/// No cache may become larger, in bytes.
const LARGEST: u64 = 1 << 30;
/// Nor take more than this part of what is free beside it.
const SHARE: u64 = 4;
/// uv waits for others who use the cache.
const PRUNE_LIMIT: Duration = Duration::from_secs(60);

/// The directory that holds the caches of whoever runs this: `.cache` in his home, as the machine's
/// list of users has it, or else `tmp`.
pub(crate) fn place(tmp: &Utf8Path) -> Utf8PathBuf {
    let users = files::read(Utf8Path::new("/etc/passwd")).unwrap_or_default();
    let user = rustix::process::geteuid().as_raw();
    in_home(&String::from_utf8_lossy(&users), user).unwrap_or_else(|| tmp.to_owned())
}

fn in_home(users: &str, user: u32) -> Option<Utf8PathBuf> {
    let number = user.to_string();
    let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = fields.find(|fields| fields.get(2) == Some(&&*number))?;
    let home = Utf8Path::new(fields.get(5)?);
    let usable = home.is_absolute() && is_own_directory(&home.join(".cache"), user);
    usable.then(|| home.join(".cache"))
}

/// The directories of one user's caches.
#[derive(Clone, Debug)]
pub struct Cache {
    /// pip's; `None` when it must not be used.
    pip: Option<Utf8PathBuf>,
    /// uv's, the same.
    uv: Option<Utf8PathBuf>,
}

impl Cache {
    /// The caches below `tmp`, made if they are not there.
    #[must_use]
    pub fn below(tmp: &Utf8Path) -> Self {
        let user = rustix::process::geteuid().as_raw();
        let own = |tool: &str| {
            let directory = tmp.join(format!("{tool}-cache-{user}"));
            is_own_directory(&directory, user).then_some(directory)
        };
        Self { pip: own("pip"), uv: own("uv") }
    }

    /// What tells pip about its cache, unless the gear's variables do.
    pub(super) fn options_of_pip(&self, env: &GearEnv) -> Vec<String> {
        match is_set(env, &["PIP_CACHE_DIR", "PIP_NO_CACHE_DIR"]) {
            true => Vec::new(),
            false => options(self.pip.as_deref(), "--no-cache-dir"),
        }
    }

    /// The same for uv.
    pub(super) fn options_of_uv(&self, env: &GearEnv) -> Vec<String> {
        let usable = self.uv.as_deref().filter(|_| !is_set(env, &["PIP_NO_CACHE_DIR"]));
        match is_set(env, &["UV_CACHE_DIR", "UV_NO_CACHE"]) {
            true => Vec::new(),
            false => options(usable, "--no-cache"),
        }
    }

    /// Makes room after a build when a cache has grown too large: of pip's, the files go that were
    /// not used for longest; what uv's holds only uv can tell, and it waits for builds that use it.
    /// What cannot be removed is left for the next time.
    pub(super) fn prune(&self, uv: Option<&CommandSpec>) {
        if let Some(directory) = &self.pip {
            remove_oldest(directory, bound(directory));
        }
        let (Some(directory), Some(uv)) = (&self.uv, uv) else { return };
        let too_large = || size(directory) > bound(directory);
        for words in [&["prune", "--ci"][..], &["clean"]] {
            if !too_large() {
                return;
            }
            let options = ["--cache-dir", directory.as_str(), "cache"];
            let command = uv.clone().args(options).args(words.iter().copied());
            let _ = run::checked(&command, PRUNE_LIMIT);
        }
    }
}

fn options(directory: Option<&Utf8Path>, none: &str) -> Vec<String> {
    match directory {
        Some(directory) => vec!["--cache-dir".to_owned(), directory.to_string()],
        None => vec![none.to_owned()],
    }
}

fn is_set(env: &GearEnv, names: &[&str]) -> bool {
    names.iter().any(|name| env.get(name).is_some())
}

fn is_own_directory(path: &Utf8Path, user: u32) -> bool {
    if path.symlink_metadata().is_err() && files::create_dir(path, 0o700).is_err() {
        return false;
    }
    path.symlink_metadata().is_ok_and(|m| m.is_dir() && m.uid() == user && m.mode() & 0o022 == 0)
}

/// How large a cache may be in bytes, where it is.
fn bound(directory: &Utf8Path) -> u64 {
    let free = rustix::fs::statvfs(directory.as_std_path())
        .map_or(u64::MAX, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    LARGEST.min(free / SHARE)
}

/// A file, by when it was last used or written, with its size in bytes.
type Used = (i64, u64, std::path::PathBuf);

fn contents(directory: &Utf8Path) -> impl Iterator<Item = Used> {
    WalkDir::new(directory).into_iter().flatten().filter_map(|entry| {
        let metadata = entry.path().symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
        let used = metadata.atime().max(metadata.mtime());
        // What it takes on the disk: many small files take far more than they hold.
        Some((used, metadata.blocks() * 512, entry.into_path()))
    })
}

fn size(directory: &Utf8Path) -> u64 {
    contents(directory).map(|(_, size, _)| size).sum()
}

/// Removes the files that were not used for longest until half of `bound` is left, if there is more
/// than `bound`. pip writes and reads each of them as a whole.
fn remove_oldest(directory: &Utf8Path, bound: u64) {
    let mut found: Vec<Used> = contents(directory).collect();
    let mut left: u64 = found.iter().map(|(_, size, _)| size).sum();
    if left <= bound {
        return;
    }
    found.sort();
    for (_, size, path) in found {
        if left <= bound / 2 {
            return;
        }
        if std::fs::remove_file(path).is_ok() {
            left -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        (dir, path)
    }

    #[test]
    fn a_cache_that_is_not_ours_alone_is_not_used() {
        let (_keep, tmp) = folder();
        let env = GearEnv::new();
        let user = rustix::process::geteuid().as_raw();
        for tool in ["pip", "uv"] {
            let options = |env: &GearEnv| {
                let cache = Cache::below(&tmp);
                if tool == "pip" { cache.options_of_pip(env) } else { cache.options_of_uv(env) }
            };
            let cache = tmp.join(format!("{tool}-cache-{user}"));
            assert_eq!(options(&env), ["--cache-dir", cache.as_str()]);
            std::fs::remove_dir(&cache).unwrap();
            std::os::unix::fs::symlink("/", &cache).unwrap();
            assert_eq!(options(&env).len(), 1, "{tool}");
            assert!(options(&env)[0].starts_with("--no-cache"), "{tool}");
            let name = format!("{}_CACHE_DIR", tool.to_uppercase());
            assert!(options(&env.clone().with(&*name, "/elsewhere")).is_empty());
        }
    }

    #[test]
    fn a_home_that_can_be_written_to_has_the_caches() {
        let (_keep, home) = folder();
        let user = rustix::process::geteuid().as_raw();
        let users = format!("a:x:{}:0::/:/bin/sh\nb:x:{user}:0:B:{home}:/bin/sh\n", user + 1);
        assert_eq!(in_home(&users, user), Some(home.join(".cache")));
        assert_eq!(in_home(&users, user + 2), None);
        let nowhere = format!("b:x:{user}:0:B:/nonexistent:/bin/sh\n");
        assert_eq!(in_home(&nowhere, user), None);
        std::fs::remove_dir(home.join(".cache")).unwrap();
        std::os::unix::fs::symlink("/tmp", home.join(".cache")).unwrap();
        assert_eq!(in_home(&users, user), None, "it is everybody's");
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_only_when_there_is_too_much() {
        let (_keep, directory) = folder();
        let block = vec![1; 64 * 1024];
        for (name, age) in [("old", 300), ("older", 900), ("new", 0)] {
            let path = directory.join(name);
            files::write_atomic(&path, &block, 0o644).unwrap();
            let then = std::time::SystemTime::now() - Duration::from_secs(age);
            let times = std::fs::FileTimes::new().set_accessed(then).set_modified(then);
            std::fs::File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        }
        let all = size(&directory);
        remove_oldest(&directory, all);
        assert_eq!(size(&directory), all);
        remove_oldest(&directory, all - 1);
        let left: Vec<_> = directory.read_dir_utf8().unwrap().flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].file_name(), "new");
    }
}
