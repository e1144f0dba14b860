//! Whether a configuration listens where its gear is reached, and whether it reaches what it should.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::config::upstream::WEBSOCKETSERVER;
use crate::text::statement;

/// The port of a `listen` that names none.
const DEFAULT_PORT: u16 = 80;

/// Whether `text` says `listen ADDRESS`, `address` written in whatever way. Nothing is read more
/// closely: a configuration that works must not be refused for code of a module that we cannot read.
pub(crate) fn listens_on(text: &[u8], address: SocketAddr) -> bool {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let between = |c: char| c.is_whitespace() || ";{}\"'".contains(c);
    let mut words = lines.flat_map(|line| line.split(between)).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word == "listen" && words.next().is_some_and(|word| means(word, address)) {
            return true;
        }
    }
    false
}

/// Whether `text` names the app's second server anywhere, itself or by `$appserver`.
pub(crate) fn names_second_server(text: &[u8]) -> bool {
    names_any(text, &["$appserver", "${appserver}", WEBSOCKETSERVER])
}

/// Whether `text` names the app's socket itself, and not the upstream that has all of them.
pub(crate) fn names_app_socket(text: &[u8]) -> bool {
    names_any(text, &["run/appserver.sock"])
}

fn names_any(text: &[u8], names: &[&str]) -> bool {
    let is_named = |word: &Vec<u8>| {
        let word = String::from_utf8_lossy(word);
        names.iter().any(|name| word.contains(name))
    };
    statement::blocks(text).iter().flatten().any(|statement| statement.words.iter().any(is_named))
}

fn means(word: &str, address: SocketAddr) -> bool {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return SocketAddr::new(ip, DEFAULT_PORT) == address;
    }
    // A port alone, or all addresses, is another socket than the one of the gear's address.
    let host = word.rsplit_once(':').map_or("", |(host, _)| host);
    if host.is_empty() || host == "*" || host == "unix" {
        return false;
    }
    word.to_socket_addrs().is_ok_and(|mut found| found.any(|found| found == address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listens(text: &str) -> bool {
        listens_on(text.as_bytes(), "127.0.0.1:8080".parse().unwrap())
    }

    #[test]
    fn the_address_is_found_however_it_is_written() {
        for text in [
            "server { listen 127.0.0.1:8080; }",
            "server {\n    listen\t\"127.0.0.1:8080\" default_server;\n}",
            "listen 9000;\nlisten localhost:8080;",
            "content_by_lua_block { ngx.say('}') }\n listen 127.0.0.1:8080;",
        ] {
            assert!(listens(text), "{text}");
        }
        assert!(listens_on(b"listen 127.0.0.1;", "127.0.0.1:80".parse().unwrap()));
        assert!(listens_on(b"listen [::1]:8080;", "[::1]:8080".parse().unwrap()));
    }

    #[test]
    fn the_second_server_is_named_in_three_ways_and_not_in_comments() {
        let proxies = |to: &str| format!("server {{ location / {{ proxy_pass {to}; }} }}");
        for to in ["http://$appserver", "http://${appserver}/x", "\"http://websocketserver/ws\""] {
            assert!(names_second_server(proxies(to).as_bytes()), "{to}");
        }
        assert!(names_second_server(b"map $uri $mine { ~^/ws websocketserver; }"));
        for to in ["http://appserver", "http://appserver; # not http://$appserver\n"] {
            assert!(!names_second_server(proxies(to).as_bytes()), "{to}");
        }
    }

    #[test]
    fn another_address_is_not_it() {
        for text in [
            "",
            "server { listen 127.0.0.1:8081; }",
            "server { listen 8080; listen *:8080; listen 127.0.0.1; }",
            "# listen 127.0.0.1:8080;",
            "listen unix:/x:8080; listen",
        ] {
            assert!(!listens(text), "{text}");
        }
    }
}
