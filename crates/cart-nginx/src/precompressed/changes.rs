//! What must be done, from what is known and what was found.

use std::collections::{BTreeMap, BTreeSet};

use super::encoding::LARGE;
use super::index::{Index, Known};
use super::parallel;
use super::sources::content;
use super::sources::content::Found;
use super::sources::scan::Scan;
use super::tree::Tree;

/// What must be done.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What stays, with the times that it will have.
    pub(super) index: Index,
    /// Of that, what gets another time.
    pub(super) dated: BTreeSet<String>,
    /// What has variants that must go.
    pub(super) gone: BTreeMap<String, Known>,
    /// What has none, by the SHA-256 of its content.
    pub(super) new: BTreeMap<String, Vec<(String, Found)>>,
}

impl Changes {
    /// Reads what has no variants, or lacks one that [`watch`](super::watch) removed, only with the tree in
    /// which there are to be `new` ones.
    pub(super) fn of(known: Index, scan: &mut Scan, new: Option<&Tree<'_>>) -> Self {
        let wants_new = new.is_some();
        let is_whole = |path: &str, known: &Known| new.is_none_or(|tree| tree.has_all(path, known));
        let mut changes = Self::default();
        let mut known = known.originals;
        let mut unsure = Vec::new();
        for (path, found) in &scan.originals {
            match known.get(path) {
                Some(known) if known.state == found.state && is_whole(path, known) => {}
                // Of another size, it is certainly another content.
                Some(known) if known.state.size != found.state.size && !wants_new => continue,
                None if !wants_new => continue,
                _ => {
                    unsure.push((path.clone(), found.clone()));
                    continue;
                }
            }
            changes.index.originals.extend(known.remove_entry(path));
        }
        let alone = |(_, found): &(String, Found)| found.state.size >= LARGE as u64;
        let read = parallel::each(unsure, alone, |(path, found)| {
            let digest = content::read(&found).map(|content| content::sha256(&content));
            (path, found, digest)
        });
        for (path, found, digest) in read {
            let digest = match digest {
                Ok(digest) => digest,
                Err(reason) => {
                    scan.left_out.note(reason, &path);
                    continue;
                }
            };
            match known.remove(&path) {
                Some(old) if old.sha256 == digest && is_whole(&path, &old) => {
                    changes.dated.insert(path.clone());
                    let now = Known { state: found.state, ..old };
                    changes.index.originals.insert(path, now);
                }
                old => {
                    changes.gone.extend(old.map(|old| (path.clone(), old)));
                    if wants_new {
                        changes.new.entry(digest).or_default().push((path, found));
                    }
                }
            }
        }
        changes.gone.append(&mut known);
        for targets in changes.new.values_mut() {
            targets.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        changes
    }

    /// Whether anything must be done.
    pub(super) fn any(&self) -> bool {
        !(self.dated.is_empty() && self.gone.is_empty() && self.new.is_empty())
    }
}
