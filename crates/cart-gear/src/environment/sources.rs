//! The environment of a gear: files that later ones override, in the node's order
//! (node-contract.md, Environment).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files::{self, FileError};

use crate::layout::paths::Layout;

/// What every gear can find programs in.
pub(crate) const SYSTEM_PATH: &str = "/bin:/usr/bin:/usr/sbin";

/// The one variable of the node that a user's own may replace.
const SECRET_TOKEN: &str = "OPENSHIFT_SECRET_TOKEN";

/// Where the environment of a gear comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    /// The gear's own directories.
    pub layout: &'a Layout,
    /// What the machine gives to all gears; on a node the files of `/etc/openshift/env`.
    pub node: &'a GearEnv,
    /// The directory of the primary cartridge, if the gear has one yet.
    pub primary: Option<&'a Utf8Path>,
    /// Directories that come after those of the node in `PATH`, colon-separated.
    pub more_path: Option<&'a OsStr>,
}

impl Sources<'_> {
    /// What `for_gear` of the node answers: the environment of user hooks and of everything else
    /// that belongs to no cartridge. `HOME` carries no trailing slash.
    ///
    /// # Errors
    /// [`FileError`] naming a file or directory that cannot be read.
    pub(crate) fn for_gear(&self) -> Result<GearEnv, FileError> {
        self.load(None)
    }

    /// The environment of a script of the cartridge in `directory`: that of the gear, then the
    /// cartridge's own variables again (but not its `PATH`), then the user's.
    ///
    /// # Errors
    /// As [`for_gear`](Self::for_gear).
    pub(crate) fn for_cartridge(&self, directory: &Utf8Path) -> Result<GearEnv, FileError> {
        self.load(Some(directory))
    }

    /// The environment of a person's session on the gear. It is loaded apart from that of scripts:
    /// white space at the end of a value goes, templates count as variables, a user's variable
    /// replaces any other, and `HOME` has a slash at its end.
    ///
    /// # Errors
    /// As [`for_gear`](Self::for_gear).
    pub(crate) fn for_session(&self) -> Result<GearEnv, FileError> {
        let home = self.layout.home();
        let mut env = GearEnv::new().with("HOME", format!("{home}/"));
        add(&mut env, pairs(self.node));
        let mut places = vec![self.layout.env()];
        places.extend(directories(home)?.into_iter().map(|directory| directory.join("env")));
        let publishers = directories(&self.layout.env())?;
        places.extend(publishers.into_iter().filter(|p| *p != self.layout.user_vars()));
        places.extend(self.primary.map(|primary| primary.join("env")));
        for place in places {
            add(&mut env, session_variables(&place)?);
        }
        self.compute_paths(&mut env);
        add(&mut env, session_variables(&self.layout.user_vars())?);
        Ok(env)
    }

    fn load(&self, cartridge: Option<&Utf8Path>) -> Result<GearEnv, FileError> {
        let home = self.layout.home();
        let mut env = GearEnv::new().with("HOME", home.as_str());
        add(&mut env, pairs(self.node));
        add(&mut env, variables(&self.layout.env())?);
        let node_given: Vec<OsString> = env.iter().map(|(name, _)| name.to_owned()).collect();
        for directory in directories(home)? {
            add(&mut env, variables(&directory.join("env"))?);
        }
        for publisher in directories(&self.layout.env())? {
            if publisher != self.layout.user_vars() {
                add(&mut env, variables(&publisher)?);
            }
        }
        for directory in [cartridge, self.primary].into_iter().flatten() {
            add(&mut env, variables(&directory.join("env"))?);
        }
        self.compute_paths(&mut env);
        if let Some(directory) = cartridge {
            let own = variables(&directory.join("env"))?;
            add(&mut env, own.into_iter().filter(|(name, _)| name != "PATH"));
        }
        let user = variables(&self.layout.user_vars())?;
        let allowed = |name: &OsString| name == SECRET_TOKEN || !node_given.contains(name);
        add(&mut env, user.into_iter().filter(|(name, _)| allowed(name)));
        Ok(env)
    }

    fn compute_paths(&self, env: &mut GearEnv) {
        let mut path = self.elements(env, "_PATH_ELEMENT", Primary::First);
        path.push(OsStr::new(SYSTEM_PATH).to_owned());
        path.extend(self.more_path.map(OsStr::to_owned));
        let mut libraries = self.elements(env, "_LD_LIBRARY_PATH_ELEMENT", Primary::Last);
        libraries.extend(self.node.get("LD_LIBRARY_PATH").map(OsStr::to_owned));
        env.set("PATH", joined(&path));
        if libraries.is_empty() {
            env.remove("LD_LIBRARY_PATH");
        } else {
            env.set("LD_LIBRARY_PATH", joined(&libraries));
        }
    }

    /// The values of `OPENSHIFT_*<suffix>` in the order they were loaded, that of the primary
    /// cartridge in its place. The primary's is told by the name of its *directory* in capitals,
    /// so that of a cartridge with a hyphen in its name counts as any other's.
    fn elements(&self, env: &GearEnv, suffix: &str, place: Primary) -> Vec<OsString> {
        let primary = self
            .primary
            .and_then(Utf8Path::file_name)
            .map(|name| format!("OPENSHIFT_{}{suffix}", name.to_uppercase()));
        let is_element = |name: &OsStr| {
            let name = name.as_bytes();
            name.starts_with(b"OPENSHIFT_")
                && name.ends_with(suffix.as_bytes())
                // `_PATH_ELEMENT` ends the longer name, too.
                && (suffix != "_PATH_ELEMENT" || !name.ends_with(b"_LD_LIBRARY_PATH_ELEMENT"))
        };
        let (mut firsts, others): (Vec<_>, Vec<_>) = env
            .iter()
            .filter(|(name, value)| is_element(name) && !value.is_empty())
            .partition(|(name, _)| primary.as_deref().is_some_and(|p| *name == p));
        match place {
            Primary::First => firsts.extend(others),
            Primary::Last => firsts = others.into_iter().chain(firsts).collect(),
        }
        firsts.into_iter().map(|(_, v)| v.to_owned()).collect()
    }
}

/// Where the primary cartridge's element stands.
#[derive(Clone, Copy)]
enum Primary {
    First,
    Last,
}

/// The variables that a directory holds, one file each, sorted by name; none when it is missing.
/// One newline at the end of a value goes, and so do NULs; `*.erb`, `*.rpmnew` and hidden files
/// are no variables.
///
/// # Errors
/// [`FileError`] naming what cannot be read.
pub(crate) fn variables(directory: &Utf8Path) -> Result<Vec<(OsString, OsString)>, FileError> {
    let without_newline = |content: &[u8]| match content.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line).len(),
        None => content.len(),
    };
    read(directory, |name| !name.ends_with(".erb"), without_newline)
}

fn session_variables(directory: &Utf8Path) -> Result<Vec<(OsString, OsString)>, FileError> {
    read(directory, |_| true, |content| content.trim_ascii_end().len())
}

/// Each file that is a variable, with so much of its content as `length` says.
fn read(
    directory: &Utf8Path,
    is_variable: impl Fn(&str) -> bool,
    length: impl Fn(&[u8]) -> usize,
) -> Result<Vec<(OsString, OsString)>, FileError> {
    let mut found = Vec::new();
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default();
        let is_visible = !name.starts_with('.') && !name.ends_with(".rpmnew");
        if is_visible && is_variable(name) && path.is_file() {
            let mut content = files::read(&path)?;
            content.truncate(length(&content));
            content.retain(|byte| *byte != 0);
            found.push((name.into(), OsString::from_vec(content)));
        }
    }
    Ok(found)
}

/// Directories right below `parent` that are not hidden, sorted; links to directories count.
fn directories(parent: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let mut found = entries(parent)?;
    found.retain(|path| path.is_dir() && !path.file_name().is_some_and(|n| n.starts_with('.')));
    Ok(found)
}

fn entries(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = files::list(directory)?;
    paths.sort();
    Ok(paths)
}

fn pairs(env: &GearEnv) -> impl Iterator<Item = (OsString, OsString)> {
    env.iter().map(|(n, v)| (n.to_owned(), v.to_owned()))
}

fn add(env: &mut GearEnv, pairs: impl IntoIterator<Item = (OsString, OsString)>) {
    for (name, value) in pairs {
        env.set(name, value);
    }
}

fn joined(elements: &[OsString]) -> OsString {
    elements.join(OsStr::new(":"))
}

#[cfg(test)]
mod tests;
