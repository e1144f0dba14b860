//! The address and port that a cartridge gets: free, or an error that says who has it.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use camino::Utf8Path;
use cart_core::GearEnv;
use cart_core::listening::Holder;
use cart_core::manifest::{Endpoint, Manifest};
use sha1::{Digest, Sha1};

use crate::layout::error::GearError;

/// What the one who makes a gear wants of its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// 127.0.0.1 and the manifest's port, or the next free one.
    #[default]
    Anywhere,
    /// Exactly this; port 0 is a free one of the system's choice.
    At(SocketAddr),
}

/// The endpoints of one cartridge on one gear: variables and addresses, first the one that people
/// visit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// One per endpoint of the manifest.
    pub bound: Vec<Bound>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The variable that holds the address.
    pub ip_variable: String,
    /// The variable that holds the port.
    pub port_variable: String,
    /// The address to listen on.
    pub address: SocketAddr,
    /// The port that was wanted, where another one had to be taken.
    pub instead_of: Option<u16>,
}

impl Bound {
    /// An endpoint of a manifest at an address.
    pub(crate) fn new(manifest: &Manifest, endpoint: &Endpoint, address: SocketAddr) -> Self {
        Self {
            ip_variable: manifest.variable(&endpoint.private_ip_name),
            port_variable: manifest.variable(&endpoint.private_port_name),
            address,
            instead_of: None,
        }
    }
}

impl Endpoints {
    /// The variables of all endpoints, with their values.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, String)> {
        self.bound.iter().flat_map(|Bound { ip_variable, port_variable, address, .. }| {
            let (ip, port) = (address.ip().to_string(), address.port().to_string());
            [(ip_variable.as_str(), ip), (port_variable.as_str(), port)]
        })
    }

    /// Chooses an address for each endpoint of a manifest. All were free when they were looked
    /// at; nothing keeps them free.
    ///
    /// # Errors
    /// [`GearError`] naming the address, and its holder where it can be seen.
    pub fn choose(manifest: &Manifest, listen: Listen) -> Result<Self, GearError> {
        let mut endpoints = Self::default();
        for (index, endpoint) in manifest.endpoints.iter().enumerate() {
            let wanted = endpoint.private_port;
            let address = match listen {
                Listen::At(address) if index == 0 => exactly(address)?,
                Listen::At(address) => endpoints.next_free(address.ip(), wanted)?,
                Listen::Anywhere => endpoints.next_free(Ipv4Addr::LOCALHOST.into(), wanted)?,
            };
            let asked_for = matches!(listen, Listen::At(_)) && index == 0;
            let instead_of = (!asked_for && address.port() != wanted).then_some(wanted);
            let bound = Bound::new(manifest, endpoint, address);
            endpoints.bound.push(Bound { instead_of, ..bound });
        }
        Ok(endpoints)
    }

    /// The endpoints of a gear that stays: as on a node, one address of 127.0.0.0/8 per
    /// `Private-IP-Name`, the first of `own` that is in none of `others` and on which the manifest's
    /// own ports are free (node-contract.md, manifest.yml). With [`Listen::At`], that is the first
    /// endpoint's address. `others` are those of other gears, which may be stopped now.
    ///
    /// # Errors
    /// [`GearError`] naming the address, and its holder where it can be seen.
    pub fn reserve(
        manifest: &Manifest,
        listen: Listen,
        own: OwnAddresses,
        others: &[SocketAddr],
    ) -> Result<Self, GearError> {
        let mut endpoints = Self::default();
        let mut ips: Vec<(&str, IpAddr)> = Vec::new();
        for (index, endpoint) in manifest.endpoints.iter().enumerate() {
            let name = endpoint.private_ip_name.as_str();
            let known = ips.iter().find(|(known, _)| *known == name).map(|(_, ip)| *ip);
            let address = match (listen, known) {
                (Listen::At(address), _) if index == 0 => asked_for(address, others)?,
                // Its port was looked at when the address was chosen.
                (_, Some(ip)) if ip.is_loopback() => SocketAddr::new(ip, endpoint.private_port),
                (_, Some(ip)) => endpoints.next_free(ip, endpoint.private_port)?,
                (_, None) => {
                    let here = manifest.endpoints.iter().filter(|e| e.private_ip_name == name);
                    let ports: Vec<u16> = here.map(|e| e.private_port).collect();
                    let mine: Vec<IpAddr> = ips.iter().map(|(_, ip)| *ip).collect();
                    SocketAddr::new(own.free(&ports, &mine, others)?, endpoint.private_port)
                }
            };
            ips.push((name, address.ip()));
            endpoints.bound.push(Bound::new(manifest, endpoint, address));
        }
        Ok(endpoints)
    }

    /// The endpoints of a manifest as the variables of a gear have them; those that have none are
    /// left out.
    #[must_use]
    pub fn of_variables(manifest: &Manifest, variables: &GearEnv) -> Self {
        let value = |name: &str| variables.get(&manifest.variable(name)).and_then(OsStr::to_str);
        let bound = manifest.endpoints.iter().filter_map(|endpoint| {
            let ip: IpAddr = value(&endpoint.private_ip_name)?.parse().ok()?;
            let port: u16 = value(&endpoint.private_port_name)?.parse().ok()?;
            Some(Bound::new(manifest, endpoint, SocketAddr::new(ip, port)))
        });
        Self { bound: bound.collect() }
    }

    /// Where people visit the app, as one would reach it from this machine.
    #[must_use]
    pub fn visit(&self) -> Option<SocketAddr> {
        let address = self.bound.first()?.address;
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Some(SocketAddr::new(ip, address.port()))
    }

    /// The first port from `port` on that is free and not given to another endpoint already.
    fn next_free(&self, ip: IpAddr, port: u16) -> Result<SocketAddr, GearError> {
        const TRIES: u16 = 200;
        let last = port.saturating_add(TRIES);
        for candidate in port..=last {
            let address = SocketAddr::new(ip, candidate);
            if self.bound.iter().any(|b| b.address.port() == candidate) {
                continue;
            }
            match TcpListener::bind(address) {
                Ok(_) => return Ok(address),
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(unusable(address, &source)),
            }
        }
        Err(GearError::failed(format!(
            "every port of {ip} from {port} to {last} is taken: choose one with --listen"
        )))
    }
}

/// Where the addresses of the gears in one directory begin. What is in another directory may be
/// stopped, and nobody knows of it: so each begins elsewhere, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddresses {
    first: u32,
}

impl OwnAddresses {
    /// 127.64.0.0 to 127.191.255.255: neither the first ones of 127.0.0.0/8, where people and systems
    /// put things of their own, nor the last.
    const BASE: u32 = Ipv4Addr::new(127, 64, 0, 0).to_bits();
    const COUNT: u32 = 1 << 23;
    /// As many are looked at.
    const LOOKED_AT: u32 = 1 << 12;

    /// Those of the gears in `directory`, a path without links.
    #[must_use]
    pub fn of(directory: &Utf8Path) -> Self {
        let hash = Sha1::digest(directory.as_str());
        let number = hash[..4].iter().fold(0, |number, byte| (number << 8) | u32::from(*byte));
        Self { first: number % Self::COUNT }
    }

    /// From the first on, and from the lowest on after the highest.
    fn all(self) -> impl Iterator<Item = Ipv4Addr> {
        (0..Self::LOOKED_AT)
            .map(move |n| Ipv4Addr::from_bits(Self::BASE + (self.first + n) % Self::COUNT))
            .filter(|ip| !matches!(ip.octets()[3], 0 | 255))
    }

    /// The first address that nobody has and on which all `ports` are free.
    fn free(
        self,
        ports: &[u16],
        mine: &[IpAddr],
        others: &[SocketAddr],
    ) -> Result<IpAddr, GearError> {
        let is_anothers = |ip: IpAddr| {
            others.iter().any(|other| {
                other.ip() == ip || (other.ip().is_unspecified() && ports.contains(&other.port()))
            })
        };
        let mut last = Ipv4Addr::LOCALHOST;
        for own in self.all() {
            last = own;
            let ip = IpAddr::V4(own);
            if mine.contains(&ip) || is_anothers(ip) {
                continue;
            }
            let mut free = true;
            for port in ports {
                let address = SocketAddr::new(ip, *port);
                match TcpListener::bind(address) {
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::AddrInUse => free = false,
                    Err(source) => return Err(unusable(address, &source)),
                }
            }
            if free {
                return Ok(ip);
            }
        }
        let first = self.all().next().unwrap_or(last);
        Err(GearError::failed(format!(
            "every address from {first} to {last} is taken: choose another one with --listen"
        )))
    }
}

fn asked_for(address: SocketAddr, others: &[SocketAddr]) -> Result<SocketAddr, GearError> {
    let overlaps = |other: &&SocketAddr| {
        let everywhere = other.ip().is_unspecified() || address.ip().is_unspecified();
        other.port() == address.port() && (everywhere || other.ip() == address.ip())
    };
    match others.iter().find(overlaps) {
        Some(_) => Err(GearError::failed(format!(
            "{address} is the address of another gear: choose another one with --listen"
        ))),
        None => exactly(address),
    }
}

fn exactly(address: SocketAddr) -> Result<SocketAddr, GearError> {
    match TcpListener::bind(address).and_then(|listener| listener.local_addr()) {
        Ok(bound) => Ok(bound),
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
            let holder = Holder::of(address);
            let by = holder.map_or_else(String::new, |holder| format!(" by {holder}"));
            Err(GearError::failed(format!(
                "{address} is taken{by}: stop what listens there, or choose another address with --listen"
            )))
        }
        Err(source) => Err(unusable(address, &source)),
    }
}

/// This machine does not have the address, or we may not use the port.
fn unusable(address: SocketAddr, source: &io::Error) -> GearError {
    GearError::failed(format!(
        "cannot listen on {address}: {source}; choose an address of this machine and a port above 1023"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(port: u16) -> Manifest {
        let endpoint = |ip: &str, name: &str, port| Endpoint {
            private_ip_name: ip.into(),
            private_port_name: name.into(),
            private_port: port,
            public_port_name: None,
        };
        Manifest {
            name: "Tiny".into(),
            short_name: "TINY".into(),
            version: "1".into(),
            versions: vec![],
            vendor: "us".into(),
            cartridge_version: "0.1".into(),
            compatible_versions: Vec::new(),
            install_build_required: false,
            metrics: false,
            endpoints: vec![endpoint("IP", "PORT", port), endpoint("IP", "ADMIN_PORT", port)],
        }
    }

    #[test]
    fn a_taken_default_port_is_passed_over_and_no_port_is_given_twice() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = busy.local_addr().unwrap().port();
        let chosen = Endpoints::choose(&manifest(port), Listen::Anywhere).unwrap();
        let ports: Vec<u16> = chosen.bound.iter().map(|b| b.address.port()).collect();
        assert!(ports[0] > port && ports[1] > ports[0], "{ports:?}");
        assert_eq!(chosen.bound[0].instead_of, Some(port));
        assert_eq!(chosen.bound[0].ip_variable, "OPENSHIFT_TINY_IP");
        assert_eq!(chosen.bound[1].port_variable, "OPENSHIFT_TINY_ADMIN_PORT");
    }

    #[test]
    fn an_address_that_was_asked_for_and_is_taken_names_its_holder() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = busy.local_addr().unwrap();
        let error = Endpoints::choose(&manifest(80), Listen::At(address)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("{address} is taken by ")), "{text}");
        assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
        assert!(text.contains("--listen"), "{text}");
    }

    #[test]
    fn a_strangers_address_is_unusable_and_port_0_is_a_free_one() {
        let strange = Listen::At("192.0.2.1:8080".parse().unwrap());
        let error = Endpoints::choose(&manifest(8080), strange).unwrap_err();
        assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:8080: "), "{error}");
        let any = Listen::At("127.0.0.1:0".parse().unwrap());
        let chosen = Endpoints::choose(&manifest(8080), any).unwrap();
        assert_ne!(chosen.bound[0].address.port(), 0);
        assert_eq!(chosen.bound[0].instead_of, None);
    }

    #[test]
    fn all_addresses_are_visited_by_the_loopback_one() {
        let bound = |address: &str| Endpoints {
            bound: vec![Bound {
                ip_variable: String::new(),
                port_variable: String::new(),
                address: address.parse().unwrap(),
                instead_of: None,
            }],
        };
        let visit = |address| bound(address).visit().unwrap().to_string();
        assert_eq!(visit("0.0.0.0:81"), "127.0.0.1:81");
        assert_eq!(visit("[::]:81"), "[::1]:81");
        assert_eq!(visit("127.0.0.2:81"), "127.0.0.2:81");
    }
}
