//! Addresses and networks, as `OPENSHIFT_NGINX_TRUSTED_PROXIES` lists them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One network. Displayed as nginx reads it: `10.0.0.0/8`, `::1/128`.
pub use ipnet::IpNet as Network;
use ipnet::{Ipv4Net, Ipv6Net};

/// `ADDRESS` or `ADDRESS/PREFIX`. Bits past the prefix are dropped, nginx warns of them.
fn parse(text: &str) -> Option<Network> {
    let Some((address, prefix)) = text.split_once('/') else {
        return Some(text.parse::<IpAddr>().ok()?.into());
    };
    // `+8` is a number, too.
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = prefix.parse().ok().filter(|_| digits)?;
    Some(Network::new(address.parse().ok()?, prefix).ok()?.trunc())
}

/// A network that is none of a single address, as two: nginx's `geo` takes `/0` for its default.
fn halves(network: Network) -> Vec<Network> {
    network.subnets(network.prefix_len() + 1).into_iter().flatten().collect()
}

/// Which part of the addresses of `all` a network has, from 0 to 1.
fn share_of(network: Network, all: Network) -> f64 {
    if network.contains(&all) {
        1.0
    } else if all.contains(&network) {
        f64::from(network.prefix_len() - all.prefix_len()).exp2().recip()
    } else {
        0.0
    }
}

/// The networks of a list, each once; `none` is the empty list, `all` is everybody. Everybody must be
/// meant: networks that together have half of all addresses or more are no list of proxies.
#[must_use]
pub fn parse_list(text: &str) -> Option<Vec<Network>> {
    if text.trim().eq_ignore_ascii_case("all") {
        return Some([halves(ALL_V4), halves(ALL_V6)].concat());
    }
    let networks = listed(text, parse, PartialEq::eq)?;
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

const ALL_V4: Network = v4(0, 0, 0, 0, 0);
const ALL_V6: Network = v6(0, 0, 0);
/// Every address of IPv6 that is given to somebody in the internet (RFC 4291).
const PUBLIC_V6: Network = v6(0x2000, 0, 3);
const LOOPBACK: [Network; 2] = [v4(127, 0, 0, 0, 8), v6(0, 1, 128)];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Network {
    Network::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(first: u16, last: u16, prefix: u8) -> Network {
    Network::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last), prefix))
}

/// Who is near enough to see what is no visitor's business: this machine, `own` being its address, and
/// the trusted proxies, unless everybody is trusted.
#[must_use]
pub(crate) fn near(own: IpAddr, trusted: &[Network]) -> Vec<Network> {
    let mut near: Vec<Network> = Vec::new();
    let trusted = if is_everybody(trusted) { &[] } else { trusted };
    let own = (!own.is_unspecified()).then(|| Network::from(own));
    for network in LOOPBACK.into_iter().chain(own).chain(trusted.iter().copied()) {
        if !near.iter().any(|other| other.contains(&network)) {
            near.push(network);
        }
    }
    near
}

/// Who can be one who looks after this machine: `own`, loopback, every address that is private (RFC 1918, RFC
/// 4193), of a link, or of a provider's own network (RFC 6598), as nodes of clusters have them; and the trusted
/// proxies, unless everybody is trusted.
#[must_use]
pub(crate) fn within(own: IpAddr, trusted: &[Network]) -> Vec<Network> {
    let of_links = [v4(169, 254, 0, 0, 16), v6(0xfe80, 0, 10), v4(100, 64, 0, 0, 10)];
    let trusted = if is_everybody(trusted) { &[] } else { trusted };
    near(own, &[&loopback_and_private(), &of_links[..], trusted].concat())
}

/// Whether these networks together have half of all addresses or more.
fn is_everybody(networks: &[Network]) -> bool {
    [ALL_V4, PUBLIC_V6].iter().any(|all| share(networks, *all) >= 0.5)
}

/// Which part of the addresses of `all` these networks have together.
fn share(networks: &[Network], all: Network) -> f64 {
    let within_another =
        |network: &&Network| networks.iter().any(|o| o != *network && o.contains(*network));
    networks.iter().filter(|n| !within_another(n)).map(|n| share_of(*n, all)).sum()
}

/// Where a gear's proxies are: on the same host (the node's front end, a proxy of one's own box)
/// or, for the haproxy of a scaled application, on another host of the same private network. TLS
/// ends there, so an app learns only from their header that its visitor came by https.
#[must_use]
pub fn loopback_and_private() -> Vec<Network> {
    vec![
        LOOPBACK[0],
        v4(10, 0, 0, 0, 8),
        v4(172, 16, 0, 0, 12),
        v4(192, 168, 0, 0, 16),
        LOOPBACK[1],
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
    fn who_has_no_address_in_the_internet_is_within() {
        let private = "127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 \
                       169.254.0.0/16 fe80::/10 100.64.0.0/10";
        assert_eq!(shown(&within("0.0.0.0".parse().unwrap(), &[])), private);
        assert_eq!(
            shown(&within("192.0.2.7".parse().unwrap(), &[])),
            private.replace("::1/128 ", "::1/128 192.0.2.7/32 ")
        );
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
