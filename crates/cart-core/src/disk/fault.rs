//! What the system says when it runs out of something, in words that tell what to do.
//!
//! Its own words for a full table of processes are also a matter of safety: output that contains
//! them turns the result of a whole operation into another one (node-contract.md, Running scripts).

use std::borrow::Cow;
use std::io;

use rustix::io::Errno;

/// The words of the system that no output of a hook may contain.
const POISON: &str = "Resource temporarily unavailable";
/// What stands in their place where nobody knows what was lacking.
const ANTIDOTE: &str = "EAGAIN: a process, a thread or memory is lacking for the moment";

/// What `error` means, without the path, which whoever has the error knows: what the system lacks
/// and how it gets it, or, for any other error, the system's own words.
#[must_use]
pub fn words(error: &io::Error) -> Cow<'static, str> {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => {
            "the disk or its quota is full. Make room and try again".into()
        }
        Some(Errno::MFILE) => {
            "no file descriptor is left: this process may open no more files. Raise its limit \
             (`ulimit -n`)"
                .into()
        }
        Some(Errno::NFILE) => {
            "no file descriptor is left on this machine: end what keeps so many files open, or \
             raise fs.file-max"
                .into()
        }
        Some(Errno::ACCESS | Errno::PERM) => format!(
            "permission denied to the user {}. Look at its owner and mode, and at those of the \
             directory that it stands in",
            rustix::process::geteuid().as_raw()
        )
        .into(),
        Some(Errno::ROFS) => {
            "the file system is mounted read-only. Look why: after errors of the disk, the system \
             does that itself"
                .into()
        }
        Some(Errno::AGAIN) => ANTIDOTE.into(),
        _ => harmless(&error.to_string()).into_owned().into(),
    }
}

/// What it means that a process could not be started.
#[must_use]
pub fn words_of_start(error: &io::Error) -> Cow<'static, str> {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN) => "no process is left: this user, or this container, has as many as \
                               it may have. End some, or raise the limit (`ulimit -u`)"
            .into(),
        _ => words(error),
    }
}

/// Whether the system refused for want of something (or too much of it, as variables are), so that the
/// thing asked for is not to blame.
#[must_use]
pub fn is_shortage(error: &io::Error) -> bool {
    use Errno as E;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(E::AGAIN | E::NOMEM | E::MFILE | E::NFILE | E::NOSPC | E::DQUOT | E::TOOBIG)
    )
}

/// `text` without the words that a node takes for a fault of its own: an app or a package may have
/// printed them.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.contains(POISON) { text.replace(POISON, ANTIDOTE).into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errno: Errno) -> io::Error {
        errno.into()
    }

    #[test]
    fn what_is_lacking_is_told_with_the_remedy() {
        let user = rustix::process::geteuid().as_raw().to_string();
        let faults = [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::MFILE,
            Errno::NFILE,
            Errno::ACCESS,
            Errno::ROFS,
            Errno::AGAIN,
            Errno::NOENT,
        ];
        let said = faults.map(|errno| words(&of(errno)).replace(&user, "UID"));
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn a_full_table_of_processes_is_told_and_not_in_the_systems_words() {
        insta::assert_snapshot!(
            words_of_start(&of(Errno::AGAIN)),
            @"no process is left: this user, or this container, has as many as it may have. End some, or raise the limit (`ulimit -u`)"
        );
        assert_eq!(words_of_start(&of(Errno::NOSPC)), words(&of(Errno::NOSPC)));
        assert!(is_shortage(&of(Errno::AGAIN)));
        assert!(!is_shortage(&of(Errno::NOENT)));
    }

    #[test]
    fn words_that_a_node_misreads_are_replaced_wherever_they_come_from() {
        let wrapped = io::Error::other(format!("pip: {}", of(Errno::AGAIN)));
        for text in [words(&of(Errno::AGAIN)), words(&wrapped)] {
            assert!(!text.contains(POISON), "{text}");
        }
        let printed = "BlockingIOError: [Errno 11] Resource temporarily unavailable";
        insta::assert_snapshot!(
            harmless(printed),
            @"BlockingIOError: [Errno 11] EAGAIN: a process, a thread or memory is lacking for the moment"
        );
        assert!(matches!(harmless("anything else"), Cow::Borrowed(_)));
    }
}
