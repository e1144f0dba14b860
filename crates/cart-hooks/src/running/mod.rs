//! What runs: the supervisor that is asked, what it says, figures.

pub(crate) mod figures;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod serve_metrics;
pub(crate) mod state;
pub(crate) mod supervisor;
pub(crate) mod upstreams;
