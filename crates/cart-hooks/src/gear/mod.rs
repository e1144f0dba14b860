//! What lies on the gear beside the app: what people and the other cartridge's apps find there, and its
//! static files.

pub(crate) mod official;
pub(crate) mod session;
pub(crate) mod static_files;
pub(crate) mod watch_files;
