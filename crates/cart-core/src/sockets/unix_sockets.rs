//! What the kernel knows of a listening unix socket: who waits to be accepted, and who was.
//!
//! Asked over netlink (sock_diag(7)), the way of `ss`; it costs a server nothing, and is the same for
//! all of them. Kernels before 3.3, and those without the module `unix_diag`, do not answer.

use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;
use rustix::io::retry_on_intr;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// Connections to listening sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// In the accept queue: nobody has taken them yet.
    pub waiting: u64,
    /// How many may wait there: what was last said with listen(2), up to the system's own limit.
    pub limit: u64,
    /// Accepted, and still open at the other end: some servers keep for a while what a client has closed.
    pub accepted: u64,
}

/// How long the kernel may take for a part of its answer.
const PATIENCE: Duration = Duration::from_millis(200);
/// The kernel answers in pieces of at most 32 KiB.
const PIECE: usize = 32 * 1024;

// linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h, net/tcp_states.h
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_UNIX: u8 = 1;
const ESTABLISHED: u8 = 1;
const LISTEN: u8 = 10;
const SHOW_NAME: u32 = 0x01;
const SHOW_PEER: u32 = 0x04;
const SHOW_QUEUE: u32 = 0x10;
const NAME: u16 = 0;
const PEER: u16 = 2;
const QUEUE: u16 = 4;
/// Bytes of a message's head, and of what says which socket it is about.
const HEAD: usize = 16;

/// The connections to the sockets that were bound by these names, together. A socket keeps the name by
/// which it was bound when its path is renamed, and those that it accepts have it, too.
///
/// # Errors
/// What the system says where it cannot be asked.
pub fn connections(names: &[Utf8PathBuf]) -> io::Result<Connections> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(SOCK_DIAG))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    sendto(&socket, &question(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut found = Connections::default();
    let mut piece = vec![0; PIECE];
    loop {
        // A wait that has a limit is cut short where the process was stopped meanwhile (signal(7)).
        let (length, _) = retry_on_intr(|| recv(&socket, &mut *piece, RecvFlags::empty()))?;
        let mut rest = piece.get(..length).unwrap_or_default();
        while let Some((kind, message)) = next(&mut rest) {
            match kind {
                NLMSG_DONE => return Ok(found),
                NLMSG_ERROR => return Err(refused(message)),
                _ => found.count(message, names),
            }
        }
    }
}

impl Connections {
    fn count(&mut self, message: &[u8], names: &[Utf8PathBuf]) {
        let (Some(state), Some(mut rest)) = (message.get(2), message.get(HEAD..)) else {
            return;
        };
        let (mut is_it, mut has_peer, mut queue, mut limit) = (false, false, 0, 0);
        while let Some((kind, value)) = attribute(&mut rest) {
            match kind {
                NAME => {
                    let name = value.strip_suffix(b"\0").unwrap_or(value);
                    is_it = names.iter().any(|wanted| wanted.as_str().as_bytes() == name);
                }
                // Its inode, which one that was closed has no more.
                PEER => has_peer = number(value, 0).is_some_and(|inode| inode != 0),
                QUEUE => {
                    queue = number(value, 0).unwrap_or(0).into();
                    limit = number(value, 4).unwrap_or(0).into();
                }
                _ => {}
            }
        }
        match *state {
            LISTEN if is_it => {
                self.waiting += queue;
                self.limit += limit;
            }
            // The kernel does not show those that wait: they have no inode yet.
            ESTABLISHED if is_it && has_peer => self.accepted += 1,
            _ => {}
        }
    }
}

/// All unix sockets that listen or are connected, with their names and queues.
fn question() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40);
    bytes.extend(40_u32.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    // Its number, and who asks: there is one question and one socket.
    bytes.extend([0; 8]);
    bytes.extend([AF_UNIX, 0, 0, 0]);
    bytes.extend((1_u32 << ESTABLISHED | 1 << LISTEN).to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend((SHOW_NAME | SHOW_PEER | SHOW_QUEUE).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes
}

/// The next message: its kind and what it says.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let length = usize::try_from(number(rest, 0)?).ok()?;
    let kind = u16::from_ne_bytes(rest.get(4..6)?.try_into().ok()?);
    let message = rest.get(HEAD..length)?;
    *rest = rest.get(aligned(length)..).unwrap_or_default();
    Some((kind, message))
}

/// The next attribute of a message.
fn attribute<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
    let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
    let value = rest.get(4..length)?;
    *rest = rest.get(aligned(length)..).unwrap_or_default();
    Some((kind, value))
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// An error of the kernel's is a negative number.
fn refused(message: &[u8]) -> io::Error {
    let code = number(message, 0).map_or(0, u32::cast_signed);
    io::Error::from_raw_os_error(code.saturating_neg())
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn who_waits_and_who_was_accepted_is_counted_also_after_a_rename() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (bound, path) = (dir.join("s.7.sock"), dir.join("s.sock"));
        let listener = UnixListener::bind(&bound).unwrap();
        std::fs::rename(&bound, &path).unwrap();
        let _other = UnixListener::bind(dir.join("s.8.sock")).unwrap();
        let clients: Vec<UnixStream> =
            (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
        let _nobody = UnixStream::connect(dir.join("s.8.sock")).unwrap();
        let names = [bound, dir.join("missing")];
        rustix::net::listen(&listener, 7).unwrap();
        let waiting = Connections { waiting: 3, limit: 7, accepted: 0 };
        assert_eq!(connections(&names).unwrap(), waiting);
        let taken = listener.accept().unwrap();
        let taken_one = Connections { waiting: 2, limit: 7, accepted: 1 };
        assert_eq!(connections(&names).unwrap(), taken_one);
        drop(clients);
        // It is kept on this side alone.
        assert_eq!(connections(&names).unwrap().accepted, 0);
        drop(taken);
        let _rest = (listener.accept().unwrap(), listener.accept().unwrap());
        assert_eq!(connections(&names[1..]).unwrap(), Connections::default());
    }

    #[test]
    fn what_is_cut_off_is_no_message() {
        assert_eq!(next(&mut &[40, 0, 0, 0, 20, 0][..]), None);
        assert_eq!(attribute(&mut &[8, 0, 4, 0, 1][..]), None);
        assert_eq!(refused(&(-2_i32).to_ne_bytes()).kind(), io::ErrorKind::NotFound);
    }
}
