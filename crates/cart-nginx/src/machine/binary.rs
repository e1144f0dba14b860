//! Finding an nginx that will do.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CartridgeDir, CommandSpec, GearEnv, fault, files, programs, run};
use semver::Version;

use crate::machine::build::{Build, DIRECTIVES};
use crate::machine::feature::{self, Feature, MINIMUM, MINIMUM_REASON};
use crate::machine::known::Mark;

/// Where nginx is installed and a gear's PATH may not lead.
const MORE_DIRECTORIES: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin"];

const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// An nginx: where it is and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Its absolute path.
    pub path: Utf8PathBuf,
    /// Its version and modules.
    pub build: Build,
}

impl Binary {
    /// The first nginx that will do: the cartridge's own `usr/nginx/sbin/nginx`, then those on the
    /// gear's PATH, then those in the usual places beside it. Where `believes` is not set, each is asked
    /// what it is, and nothing is kept.
    ///
    /// # Errors
    /// [`BinaryError`]: of the first nginx found when none will do, or that there is none.
    pub fn find(dir: &CartridgeDir, env: &GearEnv, believes: bool) -> Result<Self, BinaryError> {
        let at = |path: &Utf8Path| match believes {
            true => Self::known_or_asked(dir, path, env),
            false => Self::ask(path, env).map(|(asked, _)| asked),
        };
        let own = own_path(dir);
        let mut first_error = None;
        let own_if_there = own.is_file().then(|| own.clone());
        for path in own_if_there.into_iter().chain(programs::all("nginx", env, MORE_DIRECTORIES)) {
            match at(&path) {
                Ok(binary) => return Ok(binary),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| BinaryError::Missing { own, looked_in: looked_in(env) }))
    }

    /// The nginx at `path`, if it will do; asked unless it is the one that was asked the last time.
    fn known_or_asked(
        dir: &CartridgeDir,
        path: &Utf8Path,
        env: &GearEnv,
    ) -> Result<Self, BinaryError> {
        let mark = Mark::of(path);
        if let Some((directives, said)) = mark.as_ref().and_then(|mark| mark.said(dir)) {
            let mut known = Self::from_output(path, &said)?;
            let is_known = |name: &str| directives.split(' ').any(|known| known == name);
            known.build = known.build.with_directives(is_known);
            return Ok(known);
        }
        let (asked, said) = Self::ask(path, env)?;
        if let Some(mark) = mark {
            let mut directives = DIRECTIVES.to_vec();
            directives.retain(|name| asked.build.has_directive(name));
            mark.keep_said(dir, &directives, &said);
        }
        Ok(asked)
    }

    /// Asks the nginx at `path` what it is; answers its own words, too.
    fn ask(path: &Utf8Path, env: &GearEnv) -> Result<(Self, String), BinaryError> {
        let command = CommandSpec::new(path, env).arg("-V");
        let output = run::checked(&command, VERSION_LIMIT)
            .map_err(|source| BinaryError::of_run(path, source))?;
        let text = format!("{}\n{}", output.stderr_text(), output.stdout_text());
        let mut found = Self::from_output(path, &text)?;
        // One that may be run but not read has none of them.
        let program = files::read(path).unwrap_or_default();
        found.build = found.build.with_directives_of(&program);
        Ok((found, text))
    }

    /// Whether this nginx has a feature.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        feature::has(&self.build, feature)
    }

    fn from_output(path: &Utf8Path, text: &str) -> Result<Self, BinaryError> {
        let build = Build::parse(text).ok_or_else(|| BinaryError::NoVersion {
            path: path.to_owned(),
            said: text.lines().next().unwrap_or_default().to_owned(),
        })?;
        if build.version < MINIMUM {
            return Err(BinaryError::TooOld { path: path.to_owned(), found: build.version });
        }
        if let Some(missing) = feature::missing(&build) {
            return Err(BinaryError::Lacks {
                path: path.to_owned(),
                module: missing.module,
                reason: missing.reason,
            });
        }
        Ok(Self { path: path.to_owned(), build })
    }
}

/// Where a cartridge may bring its own nginx.
#[must_use]
pub(crate) fn own_path(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.usr().join("nginx/sbin/nginx")
}

fn looked_in(env: &GearEnv) -> String {
    let path = env.get("PATH").unwrap_or_default().to_string_lossy();
    let directories = path.split(':').filter(|d| !d.is_empty());
    let all: Vec<&str> = directories.chain(MORE_DIRECTORIES.iter().copied()).collect();
    all.join(", ")
}

/// No nginx that will do.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// There is none.
    #[error(
        "nginx was not found: neither {own} is there, nor an nginx in {looked_in}.\nInstall it with `apt-get install nginx` or `dnf install nginx`, or put one at {own}"
    )]
    Missing {
        /// Where the cartridge's own would be.
        own: Utf8PathBuf,
        /// The directories.
        looked_in: String,
    },
    /// The machine lacks what it takes to start it.
    #[error(transparent)]
    Shortage(run::RunError),
    /// It could not be started, or ended badly.
    #[error(
        "{path} does not tell its version: {source}\nReinstall nginx, or remove that file so that another nginx is found"
    )]
    Silent {
        /// The file.
        path: Utf8PathBuf,
        /// What happened.
        #[source]
        source: run::RunError,
    },
    /// It said something else.
    #[error(
        "{path} is no nginx that this cartridge knows: asked for its version it said {said:?}.\nInstall nginx {MINIMUM} or newer"
    )]
    NoVersion {
        /// The file.
        path: Utf8PathBuf,
        /// Its first line.
        said: String,
    },
    /// Too old.
    #[error(
        "{path} is nginx {found}, but {MINIMUM} or newer is needed: {MINIMUM_REASON}.\nInstall a newer nginx"
    )]
    TooOld {
        /// The file.
        path: Utf8PathBuf,
        /// Its version.
        found: Version,
    },
    /// Compiled without something that is needed.
    #[error(
        "{path} was compiled without {module}, which is needed: {reason}.\nInstall your system's own package of nginx, or compile it without `--without-{module}`"
    )]
    Lacks {
        /// The file.
        path: Utf8PathBuf,
        /// What is missing.
        module: &'static str,
        /// What for.
        reason: &'static str,
    },
}

impl BinaryError {
    fn of_run(path: &Utf8Path, source: run::RunError) -> Self {
        match source {
            run::RunError::NotStarted { source: ref why, .. } if fault::is_shortage(why) => {
                Self::Shortage(source)
            }
            source => Self::Silent { path: path.to_owned(), source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    struct Fake {
        _keep: tempfile::TempDir,
        dir: CartridgeDir,
    }

    impl Fake {
        fn new() -> Self {
            let keep = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
            Self { _keep: keep, dir: CartridgeDir::new(path) }
        }

        /// An nginx that says `text` when asked for its version.
        fn nginx(&self, place: &str, text: &str) -> Utf8PathBuf {
            let path = self.dir.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let script = format!("#!/bin/sh\necho '{text}' >&2\n");
            files::write_atomic(&path, script.as_bytes(), 0o755).unwrap();
            path
        }

        fn find(&self, path: &str) -> Result<Binary, BinaryError> {
            let path = self.dir.path().join(path);
            Binary::find(&self.dir, &GearEnv::new().with("PATH", path.as_str()), true)
        }
    }

    const GOOD: &str = "nginx version: nginx/1.22.1";
    const OLD: &str = "nginx version: nginx/1.9.12";

    #[test]
    fn the_cartridges_own_comes_first() {
        let fake = Fake::new();
        let own = fake.nginx("usr/nginx/sbin/nginx", GOOD);
        fake.nginx("bin/nginx", GOOD);
        assert_eq!(fake.find("bin").unwrap().path, own);
    }

    #[test]
    fn one_that_will_not_do_is_passed_over() {
        let fake = Fake::new();
        fake.nginx("usr/nginx/sbin/nginx", OLD);
        let good = fake.nginx("bin/nginx", GOOD);
        assert_eq!(fake.find("bin").unwrap().path, good);
    }

    #[test]
    fn the_real_one_will_do() {
        let found = Binary::find(&Fake::new().dir, &GearEnv::new(), true)
            .expect("these tests need nginx: apt-get install nginx");
        assert!(found.build.version >= MINIMUM);
        assert!(!found.build.has_optional("no_such_module"));
    }

    #[test]
    fn every_error_says_what_was_found_and_what_to_do() {
        let at = Utf8Path::new("/opt/sbin/nginx");
        let text = |output| Binary::from_output(at, output).unwrap_err().to_string();
        let silent = Binary::ask(Utf8Path::new("/nonexistent/nginx"), &GearEnv::new()).unwrap_err();
        let missing = BinaryError::Missing {
            own: "/g/c/usr/nginx/sbin/nginx".into(),
            looked_in: looked_in(&GearEnv::new().with("PATH", "/bin::/usr/bin")),
        };
        let all = [
            missing.to_string(),
            silent.to_string(),
            text("Apache/2\n"),
            text(OLD),
            text("nginx version: nginx/1.20.0\nconfigure arguments: --without-pcre"),
        ];
        insta::assert_snapshot!(all.join("\n\n"));
    }
}
