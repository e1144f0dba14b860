//! What all checks read with and write to: YAML with its lines, elements, findings.

pub(super) mod element;
pub(super) mod finding;
pub(super) mod yaml;
