//! What a start is asked for, and what it comes to.

/// Whether a service that runs as wanted is replaced all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renew {
    /// Only if a setting, the command or the environment differs.
    IfChanged,
    /// Always: its code may have changed.
    Always,
}

/// What a start or restart came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Up {
    /// It ran already as wanted.
    Already,
    /// Nothing ran before.
    Started,
    /// What ran before was replaced, or nginx took over a new configuration.
    Replaced,
}
