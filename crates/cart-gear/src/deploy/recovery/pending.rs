//! A deployment that serves already although the branch has yet to move: what it waits for.

use camino::Utf8PathBuf;
use cart_core::process::ProcessId;
use serde::{Deserialize, Serialize};

use crate::layout::paths::Layout;

/// The move of a branch that a deployment waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// The branch.
    pub(crate) branch: String,
    /// The commit that it is to be, which is deployed.
    pub(crate) sha: String,
    /// git's process that moves it; none where that is nobody but the one who deploys.
    pub(crate) git: Option<ProcessId>,
}

impl Pending {
    /// The beginning of the commit's hash, as people write it.
    pub(crate) fn short(&self) -> &str {
        self.sha.get(..7).unwrap_or(&self.sha)
    }
}

/// Where the process of the last git is that has decided.
pub(crate) fn decided_file(layout: &Layout) -> Utf8PathBuf {
    layout.home().join(".gear-push.json")
}
