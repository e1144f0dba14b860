//! From text to a running nginx: tested, put in place, taken over.

pub(crate) mod complaint;
mod includes;
pub(crate) mod nginx;
mod reach;
pub(crate) mod service;
pub(crate) mod stage;
pub(crate) mod test_error;
