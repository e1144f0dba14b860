//! Who listens on an address, as far as this user may see it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::processes::process;

/// A process that listens on an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its pid.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl Holder {
    /// The process that listens on `address`, or on its port at all addresses; `None` when there
    /// is none or it belongs to another user.
    #[must_use]
    pub fn of(address: SocketAddr) -> Option<Self> {
        let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|table| std::fs::read_to_string(table).ok())
            .flat_map(|table| listening(&table, address))
            .collect();
        let pid = process::all()
            .into_iter()
            .find(|pid| inodes.iter().any(|inode| has_socket(*pid, inode)))?;
        let command = process::command_line(pid).unwrap_or_else(|| "an unknown program".into());
        Some(Self { pid, command })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (pid {})", self.command, self.pid)
    }
}

/// The inodes of sockets in a table of the kernel's that listen on `address`.
fn listening(table: &str, address: SocketAddr) -> Vec<String> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let local = socket_address(fields.get(1)?)?;
            let same_ip = local.ip() == address.ip()
                || local.ip().is_unspecified()
                || address.ip().is_unspecified();
            let matches = *fields.get(3)? == LISTEN && local.port() == address.port() && same_ip;
            fields.get(9).filter(|_| matches).map(|inode| (*inode).to_owned())
        })
        .collect()
}

/// `0100007F:1F90` is 127.0.0.1:8080: 32-bit words in the machine's byte order, then the port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let bytes: Vec<u8> = ip
        .as_bytes()
        .chunks(8)
        .filter_map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok())
        .flat_map(u32::to_ne_bytes)
        .collect();
    let ip: IpAddr = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

fn has_socket(pid: u32, inode: &str) -> bool {
    let wanted = format!("socket:[{inode}]");
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn this_process_is_found_by_both_kinds_of_address() {
        for local in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(local) else { continue };
            let holder = Holder::of(listener.local_addr().unwrap()).unwrap();
            assert_eq!(holder.pid, std::process::id(), "{local}");
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_spelling_is_read() {
        let spelt = |text| socket_address(text).unwrap().to_string();
        assert_eq!(spelt("0100007F:1F90"), "127.0.0.1:8080");
        assert_eq!(spelt("00000000000000000000000001000000:0050"), "[::1]:80");
        assert_eq!(socket_address("garbage"), None);
    }
}
