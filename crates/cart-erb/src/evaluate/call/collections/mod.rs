//! Methods of what holds values: arrays, hashes, ranges, enumerators.

pub(super) mod array;
pub(super) mod array_change;
pub(super) mod enumerable;
pub(super) mod enumerable_find;
pub(super) mod enumerator;
pub(super) mod hash;
pub(super) mod range;
pub(super) mod sort;
