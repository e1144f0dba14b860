//! Addresses and networks, as `OPENSHIFT_NGINX_TRUSTED_PROXIES` lists them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One network, its host bits zero. Displayed as nginx reads it: `10.0.0.0/8`, `::1/128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `ADDRESS` or `ADDRESS/PREFIX`. Bits past the prefix are dropped, nginx warns of them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        (prefix <= most).then(|| Self::new(address, prefix))
    }

    /// Whether it is one of IPv6.
    #[must_use]
    pub fn is_ipv6(self) -> bool {
        self.address.is_ipv6()
    }

    /// Whether every address of `other` is one of it.
    fn contains(self, other: Self) -> bool {
        self.is_ipv6() == other.is_ipv6()
            && self.prefix <= other.prefix
            && Self::new(other.address, self.prefix) == self
    }

    /// A network that is none of a single address, as two: nginx's `geo` takes `/0` for its default.
    fn halves(self) -> [Self; 2] {
        let prefix = self.prefix + 1;
        let upper: IpAddr = match self.address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() | 1 << (32 - prefix)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() | 1 << (128 - prefix)).into(),
        };
        [Self { prefix, ..self }, Self { address: upper, prefix }]
    }

    /// Which part of the addresses of `all` it has, from 0 to 1.
    fn share_of(self, all: Self) -> f64 {
        if self.contains(all) {
            1.0
        } else if all.contains(self) {
            f64::from(self.prefix - all.prefix).exp2().recip()
        } else {
            0.0
        }
    }

    fn new(address: IpAddr, prefix: u8) -> Self {
        let address = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or_default();
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or_default();
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        };
        Self { address, prefix }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The networks of a list, each once; `none` is the empty list, `all` is everybody. Everybody must be
/// meant: networks that together have half of all addresses or more are no list of proxies.
#[must_use]
pub fn parse_list(text: &str) -> Option<Vec<Network>> {
    if text.trim().eq_ignore_ascii_case("all") {
        return Some([ALL_V4.halves(), ALL_V6.halves()].concat());
    }
    let networks = listed(text, Network::parse, PartialEq::eq)?;
    (!is_everybody(&networks)).then_some(networks)
}

/// What a list names, with spaces or commas between; what is the same as one before counts once, `none` is
/// the empty list.
pub(crate) fn listed<T>(
    text: &str,
    read: impl Fn(&str) -> Option<T>,
    same: impl Fn(&T, &T) -> bool,
) -> Option<Vec<T>> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    let mut found: Vec<T> = Vec::new();
    for word in text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()) {
        let one = read(word)?;
        if !found.iter().any(|known| same(known, &one)) {
            found.push(one);
        }
    }
    (!found.is_empty()).then_some(found)
}

const ALL_V4: Network = Network { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 0 };
const ALL_V6: Network = Network { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 0 };
/// Every address of IPv6 that is given to somebody in the internet (RFC 4291).
const PUBLIC_V6: Network =
    Network { address: IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), prefix: 3 };

/// Who is near enough to see what is no visitor's business: this machine, `own` being its address, and
/// the trusted proxies, unless everybody is trusted.
#[must_use]
pub(crate) fn near(own: IpAddr, trusted: &[Network]) -> Vec<Network> {
    let most = if own.is_ipv4() { 32 } else { 128 };
    let loopback = [Network::parse("127.0.0.0/8"), Network::parse("::1")];
    let mut near: Vec<Network> = Vec::new();
    let trusted = if is_everybody(trusted) { &[] } else { trusted };
    let own = (!own.is_unspecified()).then(|| Network::new(own, most));
    for network in loopback.into_iter().flatten().chain(own).chain(trusted.iter().copied()) {
        if !near.iter().any(|other| other.contains(network)) {
            near.push(network);
        }
    }
    near
}

/// Whether these networks together have half of all addresses or more.
fn is_everybody(networks: &[Network]) -> bool {
    [ALL_V4, PUBLIC_V6].iter().any(|all| share(networks, *all) >= 0.5)
}

/// Which part of the addresses of `all` these networks have together.
fn share(networks: &[Network], all: Network) -> f64 {
    let within_another =
        |network: &&Network| networks.iter().any(|o| o != *network && o.contains(**network));
    networks.iter().filter(|n| !within_another(n)).map(|n| n.share_of(all)).sum()
}

/// Where a gear's proxies are: on the same host (the node's front end, a proxy of one's own box)
/// or, for the haproxy of a scaled application, on another host of the same private network. TLS
/// ends there, so an app learns only from their header that its visitor came by https.
#[must_use]
pub fn loopback_and_private() -> Vec<Network> {
    let v4 = |a, b, c, d, prefix| Network::new(Ipv4Addr::new(a, b, c, d).into(), prefix);
    let v6 = |first, last, prefix| {
        Network::new(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last).into(), prefix)
    };
    vec![
        v4(127, 0, 0, 0, 8),
        v4(10, 0, 0, 0, 8),
        v4(172, 16, 0, 0, 12),
        v4(192, 168, 0, 0, 16),
        v6(0, 1, 128),
        v6(0xfc00, 0, 7),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(networks: &[Network]) -> String {
        let words: Vec<String> = networks.iter().map(Network::to_string).collect();
        words.join(" ")
    }

    #[test]
    fn lists_are_cleaned_up() {
        let list =
            parse_list("10.1.2.3/8, 10.0.0.0/8\t192.168.7.9,,fd00::1/8 ::1 64.0.0.0/2").unwrap();
        assert_eq!(shown(&list), "10.0.0.0/8 192.168.7.9/32 fd00::/8 ::1/128 64.0.0.0/2");
        assert_eq!(parse_list(" None "), Some(Vec::new()));
    }

    #[test]
    fn this_machine_and_trusted_proxies_are_near_and_nobody_is_if_all_are_trusted() {
        let own = "192.0.2.7".parse().unwrap();
        let trusted = parse_list("127.0.0.1 192.0.2.0/24 192.0.2.9 fd00::/8").unwrap();
        assert_eq!(
            shown(&near(own, &trusted)),
            "127.0.0.0/8 ::1/128 192.0.2.7/32 192.0.2.0/24 fd00::/8"
        );
        let all = parse_list("all").unwrap();
        assert_eq!(shown(&near(own, &all)), "127.0.0.0/8 ::1/128 192.0.2.7/32");
        assert_eq!(shown(&near("0.0.0.0".parse().unwrap(), &[])), "127.0.0.0/8 ::1/128");
    }

    #[test]
    fn everybody_is_one_word_and_no_sum_of_networks() {
        assert_eq!(shown(&parse_list(" All\n").unwrap()), "0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1");
        let quarters = "0.0.0.0/2 64.0.0.0/2 128.0.0.0/2 192.0.0.0/2";
        let eighths = "1.0.0.0/8 2.0.0.0/7 4.0.0.0/6 8.0.0.0/5 16.0.0.0/4 32.0.0.0/3 64.0.0.0/2 \
                       128.0.0.0/3";
        for everybody in [
            "0.0.0.0/0",
            "1.2.3.4/0",
            "::/0",
            "10.0.0.0/8 ::1 ::/0",
            "0.0.0.0/1 128.0.0.0/1",
            "0.0.0.0/1",
            "128.0.0.0/1,127.0.0.0/8",
            quarters,
            eighths,
            "2000::/3",
            "2000::/4",
            "::/1 8000::/1",
            "all 10.0.0.1",
        ] {
            assert_eq!(parse_list(everybody), None, "{everybody:?}");
        }
        for some in
            ["0.0.0.0/2 1.0.0.0/8 10.0.0.0/2", "fc00::/7 8000::/1", "2000::/5 2001:db8::/32"]
        {
            assert!(parse_list(some).is_some(), "{some:?}");
        }
    }

    #[test]
    fn the_default_is_loopback_and_private() {
        assert_eq!(
            shown(&loopback_and_private()),
            "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1/128 fc00::/7"
        );
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "",
            ",",
            "localhost",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "10.0.0.0;",
            "10.0.0.0/8 1;}",
            "none 10.0.0.1",
        ] {
            assert_eq!(parse_list(bad), None, "{bad:?}");
        }
    }
}
