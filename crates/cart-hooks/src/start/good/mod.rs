//! The last good generation: what is needed to start it again, whatever becomes of the app's
//! repository, its variables and its virtual environment.
//!
//! `good/generation.json` says how it is started, from copies in a directory beside it: `N/code/`,
//! `N/launchers/`, and `N/virtenv`, a link to `virtenv-M/`, which generations share while the
//! environment stays the same. Copies that differ go into new directories, and the file is replaced last: a kill at any
//! moment leaves one whole generation. Directories that it does not name are leftovers.

mod code;
mod moves;

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use cart_core::cartridge::Context;
use cart_core::files::{self, FileError};
use cart_core::{CartridgeDir, process, tree};
use cart_nginx::{Rendered, Stage};
use cart_python::support;
use cart_python::virtualenv::kept::{self, Mark};
use cart_supervisor::ServiceSpec;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::start::ready::Ready;
use crate::start::wanted::Wanted;
use code::Code;
use moves::Moves;

/// Raised when an older file must not be believed any more.
const FORMAT: u32 = 2;
/// What the name of a directory with an environment begins with.
const VIRTENV: &str = "virtenv-";

/// A generation that proved itself, ready to be started again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Good {
    format: u32,
    /// The directory with its code.
    number: u64,
    /// When it proved itself, in seconds since 1970.
    since: u64,
    /// The Python server's name.
    pub(crate) server: String,
    /// The version of its Python.
    pub(crate) python: Version,
    /// The app's repository that the copy was made of.
    pub(crate) repo: Utf8PathBuf,
    /// Whether there is a copy of the code; else it was too large.
    pub(crate) has_code: bool,
    environment: Environment,
    /// The Python server, from the copies.
    pub(crate) appserver: ServiceSpec,
    /// The second one, if there was one.
    #[serde(default)]
    pub(crate) websocketserver: Option<ServiceSpec>,
    /// What runs beside it, from the copies, too.
    #[serde(default)]
    pub(crate) background: Vec<ServiceSpec>,
    /// What tells figures, if a path for them was set: nginx's configuration has it.
    #[serde(default)]
    pub(crate) metrics: Option<ServiceSpec>,
    /// nginx; its files below `public/` are those of the copy.
    pub(crate) nginx: ServiceSpec,
    config: Config,
}

impl Good {
    /// The last good generation of the cartridge in `dir`. One that cannot be read is as good as
    /// none: the next success makes another.
    pub(crate) fn read(dir: &CartridgeDir) -> Option<Self> {
        let bytes = std::fs::read(record(dir)).ok()?;
        let good: Self = serde_json::from_slice(&bytes).ok()?;
        (good.format == FORMAT).then_some(good)
    }

    /// When it proved itself, for people.
    pub(crate) fn date(&self) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.since);
        humantime::format_rfc3339_seconds(time).to_string()
    }

    /// nginx's configuration with it.
    pub(crate) fn config(&self) -> Rendered {
        Rendered {
            main: self.config.main.bytes(),
            appserver: self.config.appserver.bytes(),
            server: self.config.server.bytes(),
        }
    }
}

/// Keeps what has just proved itself as `ready` and `wanted` say, its configuration in place.
///
/// # Errors
/// [`FileError`] naming what could not be written or copied; the generation that was kept before
/// still is.
pub(crate) fn keep(ctx: &Context<'_>, ready: &Ready, wanted: &Wanted) -> Result<(), FileError> {
    let top = top(ctx.dir);
    files::create_dir(&top, 0o700)?;
    let code = Code::read(&ready.app.places.repo, code::LIMIT)?;
    let mark = Mark::of(&ready.app.places.environment);
    let (place, environment) = match Former::read(ctx.dir) {
        Some(former) if former.is_of(ready, code.as_ref(), mark.as_ref()) => {
            (former.place, former.good.environment)
        }
        former => {
            sweep(ctx.dir)?;
            fill(&top, ready, code.as_ref(), mark, former)?
        }
    };
    support::write(&place.launchers())?;
    let moves = Moves::of(ready, &place, code.is_some());
    let config = Stage::in_place(ctx.dir)?;
    write(ctx.dir, &moves.good(ready, wanted, place.number, environment, config))
}

/// Whether what lies in the repository now is what is kept, with the same environment.
pub(crate) fn is_kept(ctx: &Context<'_>, ready: &Ready) -> bool {
    let places = &ready.app.places;
    let code = Code::read(&places.repo, code::LIMIT);
    let mark = Mark::of(&places.environment);
    code.ok()
        .zip(Former::read(ctx.dir))
        .is_some_and(|(code, former)| former.is_of(ready, code.as_ref(), mark.as_ref()))
}

/// The generation that is kept, with its copies as they are now.
struct Former {
    good: Good,
    place: Place,
    code: Option<Code>,
}

impl Former {
    fn read(dir: &CartridgeDir) -> Option<Self> {
        let good = Good::read(dir)?;
        let place = Place::of(&top(dir), &good);
        let code = Code::read(&place.code(), code::LIMIT).ok().flatten();
        Some(Self { good, place, code })
    }

    /// Whether it is of this code, where none is none, and of the environment with this mark.
    fn is_of(&self, ready: &Ready, code: Option<&Code>, mark: Option<&Mark>) -> bool {
        let holds = match code {
            None => !self.place.code().exists(),
            Some(_) => self.code.as_ref() == code,
        };
        self.good.repo == ready.app.places.repo && self.has_environment(mark) && holds
    }

    /// Whether its environment is a copy of the one with this mark. One without a mark is of nothing.
    fn has_environment(&self, mark: Option<&Mark>) -> bool {
        let same = mark.is_some() && self.good.environment.mark.as_ref() == mark;
        same && self.place.virtenv().is_dir()
    }
}

/// Copies what differs from the `former` generation into new directories. Nothing is synced: that
/// would wait for what everybody else on the node has written. A power failure seconds after a
/// deploy may cost the copies; the repository is there then, too.
fn fill(
    top: &Utf8Path,
    ready: &Ready,
    code: Option<&Code>,
    mark: Option<Mark>,
    former: Option<Former>,
) -> Result<(Place, Environment), FileError> {
    let places = &ready.app.places;
    let number = 1 + numbered(top).map(|(number, _)| number).max().unwrap_or(0);
    let mut place = Place { top: top.to_owned(), number, environment: number };
    files::create_dir(&place.path(), 0o700)?;
    if let Some(code) = code {
        let copy = former.as_ref().and_then(|it| Some((it.code.as_ref()?, it.place.code())));
        let copy = copy.as_ref().map(|(code, root)| (*code, root.as_path()));
        code.copy(&places.repo, &place.code(), copy)?;
    }
    if let Some(former) = former
        && !former.good.environment.names_code
        && former.has_environment(mark.as_ref())
    {
        place.environment = former.good.environment.number;
        place.link_environment()?;
        return Ok((place, former.good.environment));
    }
    let moves = Moves::of_repo(ready, &place, code.is_some());
    let moved = kept::keep(&places.environment, &place.environment_itself(), &moves.pairs())?;
    place.link_environment()?;
    // Without a copy of the code it was not looked for.
    let names_code = moved || code.is_none();
    Ok((place, Environment { number, mark, names_code }))
}

/// Keeps a new configuration of nginx with the generation that is kept, if it is that one which
/// runs: `wanted` says what does.
///
/// # Errors
/// As [`keep`].
pub(crate) fn keep_config(
    ctx: &Context<'_>,
    ready: &Ready,
    wanted: &Wanted,
) -> Result<(), FileError> {
    let Some(good) = Good::read(ctx.dir) else {
        return Ok(());
    };
    let moves = Moves::of(ready, &Place::of(&top(ctx.dir), &good), good.has_code);
    let environment = good.environment.clone();
    let config = Stage::in_place(ctx.dir)?;
    let now = moves.good(ready, wanted, good.number, environment, config);
    let changed =
        now.config != good.config || now.nginx != good.nginx || now.background != good.background;
    let same = (&now.appserver, &now.websocketserver) == (&good.appserver, &good.websocketserver);
    if changed && same {
        return write(ctx.dir, &Good { since: good.since, ..now });
    }
    Ok(())
}

/// Removes what is in `good/` and not part of the last good generation: leftovers of a copying
/// that was killed, and former generations. One from which somebody still runs, a server that was
/// replaced and finishes its work, is removed another time.
///
/// # Errors
/// [`FileError`] naming what could not be removed.
pub(crate) fn sweep(dir: &CartridgeDir) -> Result<(), FileError> {
    let top = top(dir);
    let kept = Good::read(dir).map(|good| Place::of(&top, &good).path());
    let (environments, generations): (Vec<_>, Vec<_>) =
        numbered(&top).map(|(_, path)| path).partition(|path| is_environment(path));
    // Whoever runs is known by his generation, where he works and by which he was started.
    let mut used = Vec::new();
    for generation in generations {
        if Some(&generation) == kept.as_ref() || !process::users_of(&generation).is_empty() {
            used.extend(generation.join("virtenv").canonicalize_utf8());
        } else {
            tree::remove(&generation)?;
        }
    }
    for environment in environments {
        let is_used = environment.canonicalize_utf8().is_ok_and(|it| used.contains(&it));
        if !is_used && process::users_of(&environment).is_empty() {
            tree::remove(&environment)?;
        }
    }
    Ok(())
}

fn is_environment(path: &Utf8Path) -> bool {
    path.file_name().is_some_and(|name| name.starts_with(VIRTENV))
}

/// The directories with copies, and their numbers.
fn numbered(top: &Utf8Path) -> impl Iterator<Item = (u64, Utf8PathBuf)> {
    top.read_dir_utf8().into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name();
        let number = name.strip_prefix(VIRTENV).unwrap_or(name).parse().ok()?;
        Some((number, entry.into_path()))
    })
}

fn top(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.path().join("good")
}

fn record(dir: &CartridgeDir) -> Utf8PathBuf {
    top(dir).join("generation.json")
}

/// It holds the environment of the app: nobody else may read it.
fn write(dir: &CartridgeDir, good: &Good) -> Result<(), FileError> {
    let path = record(dir);
    let json = serde_json::to_vec(good)
        .map_err(|e| FileError::new("write", &path, std::io::Error::other(e)))?;
    // Not synced, as the copies are not: it must not outlive a power failure that they have not.
    files::write_unsynced(&path, &json, 0o600)
}

/// The copy of an environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Environment {
    number: u64,
    /// By what it is known whether the one in use is still the same.
    mark: Option<Mark>,
    /// Whether something in it leads to the copy of the code, as a project that was installed for
    /// editing does: then it is of use for that code only.
    names_code: bool,
}

/// The directories with the copies of one generation.
#[derive(Debug)]
struct Place {
    top: Utf8PathBuf,
    number: u64,
    environment: u64,
}

impl Place {
    fn of(top: &Utf8Path, good: &Good) -> Self {
        Self { top: top.to_owned(), number: good.number, environment: good.environment.number }
    }

    fn path(&self) -> Utf8PathBuf {
        self.top.join(self.number.to_string())
    }

    fn code(&self) -> Utf8PathBuf {
        self.path().join("code")
    }

    /// By this name its own servers know the environment.
    fn virtenv(&self) -> Utf8PathBuf {
        self.path().join("virtenv")
    }

    fn environment_itself(&self) -> Utf8PathBuf {
        self.top.join(format!("{VIRTENV}{}", self.environment))
    }

    fn link_environment(&self) -> Result<(), FileError> {
        let (link, target) = (self.virtenv(), format!("../{VIRTENV}{}", self.environment));
        symlink(target, &link).map_err(|source| FileError::new("make the link", &link, source))
    }

    /// There is none: what is compressed is the newest release.
    fn precompressed(&self) -> Utf8PathBuf {
        self.path().join("precompressed")
    }

    fn launchers(&self) -> Utf8PathBuf {
        self.path().join("launchers")
    }
}

/// nginx's three files.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Config {
    main: Bytes,
    appserver: Bytes,
    server: Bytes,
}

/// A text as such where it is one, so that the file stays small.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Other(Vec<u8>),
}

impl Bytes {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Other(bytes) => bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
