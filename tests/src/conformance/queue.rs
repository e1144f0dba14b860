//! How long the queue of a listening unix socket may be, whoever called `listen` on it last: the
//! kernel's word, over netlink (sock_diag(7)).

use camino::Utf8Path;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

// linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
const NLM_F_REQUEST: u16 = 1;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_UNIX: u8 = 1;
const SHOW_QUEUE: u32 = 0x10;
/// Bytes of a message's head, and again of what says which socket it is about.
const HEAD: usize = 16;

/// The limit of the queue of the socket that was bound as `path`.
///
/// # Panics
/// When there is no such socket, or the kernel does not say.
pub(super) fn limit(path: &Utf8Path) -> u32 {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap();
    // Flags that say it listens: __SO_ACCEPTCON.
    let listens = |line: &&str| line.ends_with(path.as_str()) && line.contains(" 00010000 ");
    let line = table.lines().find(listens).unwrap_or_else(|| panic!("{path} does not listen"));
    let inode: u32 = line.split_whitespace().nth(6).unwrap().parse().unwrap();

    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG));
    let socket = socket.unwrap();
    let mut question = Vec::new();
    question.extend(40_u32.to_ne_bytes());
    question.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    question.extend(NLM_F_REQUEST.to_ne_bytes());
    question.extend([0; 8]);
    question.extend([AF_UNIX, 0, 0, 0]);
    question.extend(u32::MAX.to_ne_bytes());
    question.extend(inode.to_ne_bytes());
    question.extend(SHOW_QUEUE.to_ne_bytes());
    // No cookie of the socket's is known.
    question.extend([0xff; 8]);
    sendto(&socket, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).unwrap();
    let mut answer = [0; 1024];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty()).unwrap();
    // One attribute: its length and kind, how many wait, how many may.
    let limit = answer[..length].get(2 * HEAD + 8..2 * HEAD + 12);
    u32::from_ne_bytes(limit.expect("the kernel's unix_diag answers").try_into().unwrap())
}
