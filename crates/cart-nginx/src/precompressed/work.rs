//! Compressing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use camino::Utf8PathBuf;
use cart_core::files::FileError;

use super::changes::Changes;
use super::encoding::{self, Encoding};
use super::index::{Index, Known};
use super::left_out::{LeftOut, Reason};
use super::parallel;
use super::sources::content;
use super::sources::content::Found;
use super::tree::{self, Tree};

type Variants = Vec<(Encoding, Vec<u8>)>;

/// Work on a tree that has begun.
pub(super) struct Work<'a> {
    tree: &'a Tree<'a>,
    changes: Changes,
    /// Where variants of contents are that are wanted, and their sizes in bytes.
    known: BTreeMap<String, Vec<(Encoding, Utf8PathBuf, u64)>>,
    /// Smaller ones are not compressed, in bytes.
    smallest: u64,
    /// No content is begun after it.
    end: Instant,
}

/// Files of one content.
struct Job {
    sha256: String,
    targets: Vec<(String, Found)>,
}

/// What became of a job.
struct Outcome {
    placed: Vec<(String, Known)>,
    left_out: Option<(Reason, Vec<(String, Found)>)>,
    compressed: bool,
}

impl<'a> Work<'a> {
    /// Takes out of the tree what must not be there any more.
    pub(super) fn begin(
        tree: &'a Tree<'a>,
        mut changes: Changes,
        smallest: u64,
        end: Instant,
    ) -> Result<Self, FileError> {
        tree.begin(&changes.index)?;
        let mut known = BTreeMap::new();
        for (path, kept) in &changes.index.originals {
            if changes.new.contains_key(&kept.sha256) {
                let variant = |(encoding, size): (&Encoding, &u64)| {
                    (*encoding, tree.variant(*encoding, path), *size)
                };
                known.insert(kept.sha256.clone(), kept.variants.iter().map(variant).collect());
            }
        }
        for (path, gone) in &changes.gone {
            let wanted = changes.new.contains_key(&gone.sha256);
            if wanted && !known.contains_key(&gone.sha256) {
                let aside = |(encoding, size): (&Encoding, &u64)| {
                    Ok((*encoding, tree.put_aside(*encoding, path, &gone.sha256)?, *size))
                };
                let aside: Result<_, FileError> = gone.variants.iter().map(aside).collect();
                known.insert(gone.sha256.clone(), aside?);
            }
        }
        tree.remove_all(&changes.gone)?;
        tree.date(&mut changes.index, &changes.dated)?;
        Ok(Self { tree, changes, known, smallest, end })
    }

    /// Makes all that is new; answers what is known then, and how many contents were compressed. The first
    /// error ends it.
    pub(super) fn finish(mut self, left_out: &mut LeftOut) -> Result<(Index, usize), FileError> {
        let new = std::mem::take(&mut self.changes.new);
        let mut jobs: Vec<Job> =
            new.into_iter().map(|(sha256, targets)| Job { sha256, targets }).collect();
        // The longest first, so that the cores end together.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.size()));
        let failed = AtomicBool::new(false);
        let alone = |job: &Job| job.size() >= encoding::LARGE as u64;
        let outcomes = parallel::each(jobs, alone, |job| {
            if failed.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let outcome = self.compress(job);
            failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
            outcome.map(Some)
        });
        let (mut index, mut compressed) = (self.changes.index, 0);
        for outcome in outcomes {
            let Some(outcome) = outcome? else {
                continue;
            };
            index.originals.extend(outcome.placed);
            compressed += usize::from(outcome.compressed);
            if let Some((reason, targets)) = outcome.left_out {
                for (path, _) in targets {
                    left_out.note(reason, &path);
                }
            }
        }
        Ok((index, compressed))
    }

    fn compress(&self, job: Job) -> Result<Outcome, FileError> {
        let mut outcome = Outcome { placed: Vec::new(), left_out: None, compressed: false };
        let variants = match self.known_variants(&job.sha256) {
            Some(variants) => variants,
            None if Instant::now() >= self.end => {
                outcome.left_out = Some((Reason::Late, job.targets));
                return Ok(outcome);
            }
            None => {
                let Some(content) = job.content() else {
                    outcome.left_out = Some((Reason::Changing, job.targets));
                    return Ok(outcome);
                };
                outcome.compressed = job.size() >= self.smallest;
                let of = |source| FileError::new("compress", &job.targets[0].1.file, source);
                encoding::variants(content, self.smallest).map_err(of)?
            }
        };
        let sizes: BTreeMap<Encoding, u64> =
            variants.iter().map(|(encoding, variant)| (*encoding, variant.len() as u64)).collect();
        for (path, found) in job.targets {
            for (encoding, variant) in &variants {
                self.tree.place(*encoding, &path, variant, found.state.mtime)?;
            }
            let (sha256, variants) = (job.sha256.clone(), sizes.clone());
            outcome.placed.push((path, Known { state: found.state, sha256, variants }));
        }
        Ok(outcome)
    }

    /// Those that an earlier build made of the same content.
    fn known_variants(&self, sha256: &str) -> Option<Variants> {
        let read = |(encoding, file, size): &(Encoding, Utf8PathBuf, u64)| {
            Some((*encoding, tree::read_of_size(file, *size)?))
        };
        self.known.get(sha256)?.iter().map(read).collect()
    }
}

impl Job {
    fn size(&self) -> u64 {
        self.targets[0].1.state.size
    }

    /// From whichever file still has it.
    fn content(&self) -> Option<Vec<u8>> {
        let mut contents = self.targets.iter().filter_map(|(_, found)| content::read(found).ok());
        contents.find(|content| content::sha256(content) == self.sha256)
    }
}
