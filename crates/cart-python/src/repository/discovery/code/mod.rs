//! The app's code, read as syntax trees: what stands in its files, and what its names stand for.

pub(super) mod facts;
pub(super) mod reader;

pub(super) mod known;
pub(super) mod modules;
pub(super) mod sight;

pub(super) mod serving;
