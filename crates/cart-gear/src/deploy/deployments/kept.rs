//! The deployments that a gear keeps: which there are, which one somebody means, and which go.

use camino::Utf8PathBuf;
use cart_core::files::{self, FileError};
use cart_core::tree;
use serde::Serialize;

use crate::deploy::deployments::deployment::Deployment;
use crate::deploy::deployments::metadata;
use crate::layout::error::GearError;
use crate::layout::paths::Layout;

/// The variable of the node that says how many deployments a gear keeps.
pub const KEEP: &str = "OPENSHIFT_KEEP_DEPLOYMENTS";

/// A deployment as people are told of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// 8 hexadecimal digits.
    pub id: String,
    /// When it was made, as ISO 8601 has it, in UTC.
    pub created: String,
    /// What a person called its code.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// The commit's hash; none when its code came from no repository.
    pub sha: Option<String>,
    /// Whether it is the one that is in place.
    pub active: bool,
    /// Whether its code carried the marker `hot_deploy`.
    pub hot_deploy: bool,
    /// Whether its code carried the marker `force_clean_build`.
    pub force_clean_build: bool,
    /// When it was put in place, in seconds since 1970, each time.
    pub activations: Vec<f64>,
    /// SHA-1 over the content of its files.
    pub checksum: Option<String>,
}

/// All deployments that were built, the one put in place last first.
///
/// # Errors
/// [`FileError`] naming what cannot be read.
pub fn all(layout: &Layout) -> Result<Vec<Deployment>, FileError> {
    let mut found = Vec::new();
    for directory in directories(layout)? {
        if directory.join(metadata::FILE).exists() {
            found.push(Deployment::open(directory)?);
        }
    }
    found.retain(|deployment| !deployment.id().is_empty());
    found.sort_by(|a, b| {
        let last = |d: &Deployment| d.metadata().activations.last().copied().unwrap_or(f64::MAX);
        last(b).total_cmp(&last(a)).then_with(|| b.name().cmp(a.name()))
    });
    Ok(found)
}

/// As [`all`], in words.
///
/// # Errors
/// As [`all`].
pub fn summaries(layout: &Layout) -> Result<Vec<Summary>, FileError> {
    let current = current_name(layout);
    let summary = |deployment: &Deployment| {
        let metadata = deployment.metadata();
        Summary {
            id: deployment.id().to_owned(),
            created: iso(deployment.name()),
            git_ref: metadata.git_ref.clone(),
            sha: metadata.git_sha1.clone(),
            active: current.as_deref() == Some(deployment.name()),
            hot_deploy: metadata.hot_deploy == Some(true),
            force_clean_build: metadata.force_clean_build == Some(true),
            activations: metadata.activations.clone(),
            checksum: metadata.checksum.clone(),
        }
    };
    Ok(all(layout)?.iter().map(summary).collect())
}

/// The deployment that is in place, if the gear has one.
///
/// # Errors
/// [`FileError`] when its metadata cannot be read.
pub fn current(layout: &Layout) -> Result<Option<Deployment>, FileError> {
    match current_name(layout).map(|name| layout.deployments().join(name)) {
        Some(directory) if directory.is_dir() => Deployment::open(directory).map(Some),
        _ => Ok(None),
    }
}

/// The deployment with this name, if it is kept.
///
/// # Errors
/// As [`current`].
pub(crate) fn named(layout: &Layout, name: &str) -> Result<Option<Deployment>, FileError> {
    let directory = layout.deployments().join(name);
    let is_kept = !name.is_empty() && directory.join(metadata::FILE).exists();
    is_kept.then(|| Deployment::open(directory)).transpose()
}

/// The deployment that a person means: an id, the beginning of one that no other has, or
/// `previous`, which is the one that was in place before the current one.
///
/// # Errors
/// [`GearError`].
pub fn choose(layout: &Layout, wanted: &str) -> Result<Deployment, GearError> {
    let deployments = all(layout)?;
    let current = current_name(layout).unwrap_or_default();
    let known = deployments.iter().map(Deployment::id).collect::<Vec<_>>().join(", ");
    if wanted == "previous" {
        let mut others = deployments.into_iter().filter(|d| d.name() != current && is_activated(d));
        return others.next().ok_or_else(|| {
            GearError::wrong(format!(
                "no deployment before the current one is kept: there is {known}"
            ))
        });
    }
    let mut meant: Vec<Deployment> = deployments
        .into_iter()
        .filter(|d| !wanted.is_empty() && d.id().starts_with(&wanted.to_lowercase()))
        .collect();
    match (meant.pop(), meant.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => {
            Err(GearError::wrong(format!("there is no deployment {wanted:?}: there are {known}")))
        }
        (Some(one), _) => {
            meant.push(one);
            let ids: Vec<&str> = meant.iter().map(Deployment::id).collect();
            let ids = ids.join(", ");
            Err(GearError::wrong(format!("{wanted:?} is the beginning of {ids}: write more of it")))
        }
    }
}

/// Removes deployments beyond as many as the gear keeps: those put in place longest ago first, the
/// current one never.
pub(crate) fn prune(layout: &Layout) -> Result<(), FileError> {
    let current = current_name(layout).unwrap_or_default();
    let mut kept = all(layout)?;
    // What was put in place longest ago comes last; `current` may be any of them after a roll back.
    kept.sort_by_key(|deployment| deployment.name() != current);
    let gone = kept.split_off(kept.len().min(to_keep(layout)?));
    let last = |d: &Deployment| d.metadata().activations.last().copied();
    let cutoff = gone.iter().filter_map(last).reduce(f64::max);
    for deployment in gone {
        deployment.discard(layout)?;
    }
    if let Some(cutoff) = cutoff {
        kept.iter_mut().try_for_each(|deployment| deployment.forget_activations(cutoff))?;
    }
    Ok(())
}

/// Removes what a build left that was killed: deployments that never got an id or were never in
/// place, but not the current one, and links to what is gone. What cannot be read may be of use.
pub(crate) fn remove_unfinished(layout: &Layout) -> Result<(), FileError> {
    let current = current_name(layout);
    for directory in directories(layout)? {
        let unfinished = !directory.join(metadata::FILE).exists()
            || Deployment::open(directory.clone()).is_ok_and(|d| !is_activated(&d));
        if unfinished && current.as_deref() != directory.file_name() {
            tree::remove(&directory)?;
        }
    }
    for link in files::list(&layout.deployments().join("by-id"))? {
        if !link.exists() {
            tree::remove(&link)?;
        }
    }
    Ok(())
}

fn is_activated(deployment: &Deployment) -> bool {
    !deployment.metadata().activations.is_empty()
}

/// How many deployments the gear keeps; at least the current one.
pub(crate) fn to_keep(layout: &Layout) -> Result<usize, FileError> {
    let content = files::read_if_exists(&layout.env().join(KEEP))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&content).trim().parse().unwrap_or(1).max(1))
}

/// The name of the current deployment, be it there or not.
pub(crate) fn current_name(layout: &Layout) -> Option<String> {
    let target = layout.deployments().join("current").read_link_utf8().ok()?;
    target.file_name().map(str::to_owned)
}

/// The directories of deployments, oldest first.
fn directories(layout: &Layout) -> Result<Vec<Utf8PathBuf>, FileError> {
    let mut found = files::list(&layout.deployments())?;
    found.retain(|path| {
        path.file_name().is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()))
    });
    found.sort();
    Ok(found)
}

/// `2026-01-31_23-59-59.999` as `2026-01-31T23:59:59.999Z`.
fn iso(name: &str) -> String {
    match name.split_once('_') {
        Some((date, time)) => format!("{date}T{}Z", time.replacen('-', ":", 2)),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::deployments::deployment::Markers;
    use crate::layout::error::Kind;
    use camino::Utf8Path;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Utf8Path::from_path(dir.path()).unwrap().join("g"), "u");
        layout.create().unwrap();
        files::write_atomic(&layout.env().join(KEEP), b"3", 0o644).unwrap();
        (dir, layout)
    }

    fn deploy(layout: &Layout) -> String {
        let mut new = Deployment::begin(layout, Markers::default(), "master", Some("a1")).unwrap();
        new.record(layout).unwrap();
        new.activate(layout).unwrap();
        prune(layout).unwrap();
        new.id().to_owned()
    }

    fn ids(layout: &Layout) -> Vec<String> {
        summaries(layout).unwrap().into_iter().map(|d| d.id).collect()
    }

    #[test]
    fn the_oldest_go_and_the_current_one_never() {
        let (_keep, layout) = layout();
        let made: Vec<String> = (0..4).map(|_| deploy(&layout)).collect();
        assert_eq!(ids(&layout), [&*made[3], &*made[2], &*made[1]]);
        choose(&layout, &made[1]).unwrap().activate(&layout).unwrap();
        assert_eq!(ids(&layout), [&*made[1], &*made[3], &*made[2]]);
        let active: Vec<bool> = summaries(&layout).unwrap().iter().map(|d| d.active).collect();
        assert_eq!(active, [true, false, false]);
        assert_eq!(current(&layout).unwrap().unwrap().id(), made[1]);
        let last = deploy(&layout);
        assert_eq!(ids(&layout), [&*last, &*made[1], &*made[3]]);
        let times = |id: &str| choose(&layout, id).unwrap().metadata().activations.len();
        assert_eq!(times(&made[1]), 1, "that before the time of what is gone is forgotten");
        files::write_atomic(&layout.env().join(KEEP), b"0", 0o644).unwrap();
        prune(&layout).unwrap();
        assert_eq!(ids(&layout), [&*last]);
    }

    #[test]
    fn an_id_may_be_cut_short_and_previous_is_the_one_before() {
        let (_keep, layout) = layout();
        let (first, second) = (deploy(&layout), deploy(&layout));
        assert_eq!(choose(&layout, "previous").unwrap().id(), first);
        assert_eq!(choose(&layout, &second.to_uppercase()).unwrap().id(), second);
        let same = first.chars().zip(second.chars()).take_while(|(a, b)| a == b).count();
        assert_eq!(choose(&layout, &second[..=same]).unwrap().id(), second);
        assert_eq!(choose(&layout, "").unwrap_err().kind(), Kind::Wrong);
        let error = choose(&layout, "x").unwrap_err().to_string();
        assert!(error.contains(&first) && error.contains(&second), "{error}");
        choose(&layout, "previous").unwrap().activate(&layout).unwrap();
        assert_eq!(choose(&layout, "previous").unwrap().id(), second);
    }

    #[test]
    fn what_was_never_in_place_is_unfinished() {
        let (_keep, layout) = layout();
        let done = deploy(&layout);
        Deployment::begin(&layout, Markers::default(), "master", None).unwrap();
        let mut built = Deployment::begin(&layout, Markers::default(), "master", None).unwrap();
        built.record(&layout).unwrap();
        remove_unfinished(&layout).unwrap();
        assert_eq!(ids(&layout), [&*done]);
        assert_eq!(files::list(&layout.deployments().join("by-id")).unwrap().len(), 1);
        // Killed before it could be noted.
        let mut current = current(&layout).unwrap().unwrap();
        current.keep_activations(0).unwrap();
        remove_unfinished(&layout).unwrap();
        assert_eq!(ids(&layout), [&*done]);
        let name = deploy(&layout);
        let directory = choose(&layout, &name).unwrap().directory().to_owned();
        deploy(&layout);
        files::write_atomic(&directory.join(metadata::FILE), b"?", 0o644).unwrap();
        remove_unfinished(&layout).unwrap();
        assert!(directory.exists(), "what nobody understands is not what nobody wants");
    }

    #[test]
    fn a_name_is_a_time() {
        assert_eq!(iso("2026-01-31_23-59-59.999"), "2026-01-31T23:59:59.999Z");
    }
}
