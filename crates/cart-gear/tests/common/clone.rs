//! A person's clone of a gear's repository, with a configuration of the person's own.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run::Output;
use cart_core::{CommandSpec, GearEnv, files, programs, run};

use super::gears::{Gears, LIMIT};
use super::path;

pub(crate) struct Clone {
    git: Utf8PathBuf,
    env: GearEnv,
    pub(crate) directory: Utf8PathBuf,
}

impl Clone {
    /// A clone of what has been deployed to the gear `name`.
    pub(crate) fn of(gears: &Gears, name: &str, directory: &str) -> Self {
        let clone = Self::bare_person(gears, directory);
        let repository = gears.place.gears.join(format!("{name}/git/{name}.git"));
        let target = clone.directory.clone();
        let home = clone.directory.parent().unwrap().to_owned();
        let args = ["clone", "--quiet", repository.as_str(), target.as_str()];
        run::checked(&CommandSpec::new(&clone.git, &clone.env).args(args).dir(home), LIMIT)
            .unwrap();
        clone
    }

    /// A gear `blog` that serves "good", which was pushed from this clone; its URL, too.
    pub(crate) fn that_serves(gears: &Gears) -> (String, Self) {
        let url = gears.create("blog");
        let clone = Self::of(gears, "blog", "clone");
        clone.page("good");
        clone.push(&["master"]);
        (url, clone)
    }

    /// A person whose repository is yet to be made.
    pub(crate) fn bare_person(gears: &Gears, directory: &str) -> Self {
        let home = gears.place.records.parent().unwrap().to_owned();
        // Hooks of the person's own must not stand in the way of the gear's.
        let config = "[core]\n\thooksPath = /nonexistent\n[init]\n\tdefaultBranch = master\n\
                      [user]\n\tname = A Person\n\temail = person@localhost\n\
                      [protocol \"file\"]\n\tallow = always\n";
        files::write_atomic(&home.join(".gitconfig"), config.as_bytes(), 0o644).unwrap();
        let env = GearEnv::new()
            .with("PATH", path())
            .with("HOME", home.as_str())
            .with("LANG", "tlh")
            .with("LEAKED", "yes");
        let git = programs::find("git", &env, &[]).unwrap();
        Self { git, env, directory: home.join(directory) }
    }

    pub(crate) fn command(&self, args: &[&str]) -> CommandSpec {
        CommandSpec::new(&self.git, &self.env).args(args.iter().copied()).dir(&self.directory)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        run::checked(&self.command(args), LIMIT).unwrap().stdout_text()
    }

    /// Writes files (`None`: removes them) and commits; answers the commit.
    pub(crate) fn commit(&self, changes: &[(&str, Option<&str>)]) -> String {
        for (file, content) in changes {
            let path = self.directory.join(file);
            match content {
                Some(content) => {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
                }
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "a change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn page(&self, text: &str) -> String {
        self.commit(&[("index.html", Some(text))])
    }

    pub(crate) fn try_push(&self, refs: &[&str]) -> Output {
        let mut args = vec!["push", "origin"];
        args.extend(refs);
        run::output(&self.command(&args), LIMIT).unwrap()
    }

    /// Demands that the push is accepted; answers what the pusher read.
    #[track_caller]
    pub(crate) fn push(&self, refs: &[&str]) -> String {
        let output = self.try_push(refs);
        assert!(output.status.success(), "{}", output.stderr_text());
        output.stderr_text()
    }

    /// Demands that the push is refused, and that the repository is as before; answers what the
    /// pusher read.
    #[track_caller]
    pub(crate) fn refused(&self, refs: &[&str]) -> String {
        let before = self.git(&["ls-remote", "origin"]);
        let output = self.try_push(refs);
        assert!(!output.status.success(), "{}", output.stderr_text());
        assert_eq!(self.git(&["ls-remote", "origin"]), before);
        output.stderr_text()
    }
}

/// The lines of `text` that contain `word`.
pub(crate) fn saying<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(word)).collect()
}

/// The names in a directory, sorted.
pub(crate) fn names(directory: &Utf8Path) -> Vec<String> {
    let entries = directory.read_dir_utf8().unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}
