//! Names in a snapshot, `./<uuid>/app-root/data/...`, and where a restore puts what they name
//! (node-contract.md, Snapshot, restore).

use crate::layout::error::GearError;
use crate::snapshot::transforms::{Names, Transforms};

/// What is taken of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    /// Whether it takes the git repository.
    pub git: bool,
    /// Whether it takes what tells of the gear: its user's variables, and the manifests of its cartridges.
    pub about: bool,
    /// The name of the gear that is restored: its repository is called after it.
    pub gear: &'a str,
    /// What the cartridge wants names to become.
    pub transforms: &'a Transforms,
}

/// A place below a gear's home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// The names from the home on.
    pub components: Vec<Vec<u8>>,
    /// Whether the gear relies on its being a directory.
    pub must_be_directory: bool,
}

/// The components of a name, without `.`.
///
/// # Errors
/// [`GearError`] for an absolute one and for one with `..`.
pub(super) fn components(name: &[u8]) -> Result<Vec<&[u8]>, GearError> {
    let refused = || {
        let name = String::from_utf8_lossy(name);
        GearError::failed(format!("the name {name:?} leads out of it"))
    };
    if name.first() == Some(&b'/') || name.contains(&0) {
        return Err(refused());
    }
    let parts: Vec<&[u8]> =
        name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.contains(&b"..".as_slice()) {
        return Err(refused());
    }
    Ok(parts)
}

impl Selection<'_> {
    /// What a symbolic link is to point to.
    #[must_use]
    pub(super) fn symbolic_link(&self, content: &[u8]) -> Vec<u8> {
        self.transforms.apply(content, Names::SymbolicLink)
    }

    /// Where the entry with these components (the top directory first) is put, or what a hard link is
    /// another name of; nowhere when it is not restored.
    ///
    /// # Errors
    /// [`GearError`] when a transformation leads it elsewhere.
    pub(super) fn place(
        &self,
        name: &[&[u8]],
        names: Names,
    ) -> Result<Option<Location>, GearError> {
        if !self.takes(name.get(1..).unwrap_or_default()) {
            return Ok(None);
        }
        let full = [b"./".as_slice(), &name.join(&b'/')].concat();
        let transformed = self.transforms.apply(&full, names);
        let parts = components(&transformed)?;
        let below = parts.get(1..).unwrap_or_default();
        let mut components: Vec<Vec<u8>> = below.iter().map(|part| part.to_vec()).collect();
        if below.first() == Some(&b"git".as_slice())
            && let Some(repository) = components.get_mut(1)
        {
            *repository = format!("{}.git", self.gear).into_bytes();
        }
        if !self.takes(below) {
            let place = below.join(&b'/');
            return Err(GearError::failed(format!(
                "restore_transforms of the cartridge put {} at {}, where a restore puts nothing",
                String::from_utf8_lossy(&full),
                String::from_utf8_lossy(&place)
            )));
        }
        Ok(Some(Location { must_be_directory: is_structure(below), components }))
    }

    /// Whether what has this name below the top directory is restored.
    fn takes(&self, below: &[&[u8]]) -> bool {
        match below {
            [b"app-root", b"data", ..] | [b"app-deployments", ..] => true,
            // The gear's own hooks stay.
            [b"git", repository, rest @ ..] => {
                self.git
                    && repository.ends_with(b".git")
                    && rest.first() != Some(&b"hooks".as_slice())
            }
            [b".env", b"user_vars", _] | [_, b"metadata", b"manifest.yml"] => self.about,
            _ => false,
        }
    }
}

/// Directories that a gear's own work passes through: were they links, it would work elsewhere.
fn is_structure(below: &[&[u8]]) -> bool {
    const PARTS: [&[u8]; 3] = [b"repo", b"dependencies", b"build-dependencies"];
    match below {
        [b"app-root", b"data"] | [b"git", _] | [b"app-deployments"] => true,
        [b"app-deployments", b"by-id"] => true,
        [b"app-deployments", name] => name.first().is_some_and(u8::is_ascii_digit),
        [b"app-deployments", _, part] => PARTS.contains(part),
        [b"git", _, b"objects" | b"refs"] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::GearEnv;

    fn placed(name: &str, git: bool, transform: &[&str]) -> Result<Option<String>, GearError> {
        let texts: Vec<String> = transform.iter().map(|t| (*t).to_owned()).collect();
        let transforms = Transforms::read(&texts, &GearEnv::new()).unwrap();
        let selection = Selection { git, about: false, gear: "blog", transforms: &transforms };
        let location = selection.place(&components(name.as_bytes())?, Names::Entry)?;
        Ok(location.map(|l| String::from_utf8(l.components.join(&b'/')).unwrap()))
    }

    #[test]
    fn only_data_deployments_and_the_repository_are_taken() {
        for (name, git, place) in [
            ("./u/app-root/data/x", true, Some("app-root/data/x")),
            ("u/app-deployments/current", true, Some("app-deployments/current")),
            ("./u/git/old.git/HEAD", true, Some("git/blog.git/HEAD")),
            ("./u/git/old.git/HEAD", false, None),
            ("./u/git/old.git/hooks/pre-receive", true, None),
            ("./u/app-root/runtime/data", true, None),
            ("./u/python/data/x", true, None),
            ("./u/.env/TOKEN", true, None),
            ("./u/.env/user_vars/TOKEN", true, None),
            ("./u/python/metadata/manifest.yml", true, None),
            ("./u", true, None),
        ] {
            assert_eq!(placed(name, git, &[]).unwrap().as_deref(), place, "{name}");
        }
    }

    #[test]
    fn names_that_lead_out_are_refused_and_transformations_stay_in_the_parts() {
        for name in ["/u/app-root/data/x", "./u/../x", "u/app-root/data/.."] {
            let out = placed(name, true, &[]).unwrap_err().to_string();
            assert!(out.ends_with("leads out of it"), "{name}: {out}");
        }
        let moved = placed("./u/app-root/data/old/x", true, &["s|data/old|data/new|"]);
        assert_eq!(moved.unwrap().as_deref(), Some("app-root/data/new/x"));
        let out = placed("./u/app-root/data/x", true, &["s|app-root/data|.env|"]).unwrap_err();
        assert!(out.to_string().contains(" at .env/x, where a restore puts nothing"), "{out}");
        let up = placed("./u/app-root/data/x", true, &["s|app-root|..|"]).unwrap_err();
        assert!(up.to_string().ends_with("leads out of it"), "{up}");
    }

    #[test]
    fn the_directories_that_a_gear_passes_through_are_told() {
        let none = Transforms::default();
        let selection = Selection { git: true, about: false, gear: "blog", transforms: &none };
        let must = |name: &str| {
            let parts = components(name.as_bytes()).unwrap();
            selection.place(&parts, Names::Entry).unwrap().unwrap().must_be_directory
        };
        for name in ["u/app-root/data", "u/git/x.git", "u/app-deployments/2024-01/repo"] {
            assert!(must(name), "{name}");
        }
        for name in ["u/app-root/data/x", "u/app-deployments/current", "u/git/x.git/HEAD"] {
            assert!(!must(name), "{name}");
        }
    }
}
