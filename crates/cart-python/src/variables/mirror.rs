//! The package index that somebody prefers to the default one.

use std::fmt;

/// A checked `http` or `https` URL. It may hold a user and a password, which are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MirrorUrl {
    text: String,
    scheme: &'static str,
    credentials: Option<String>,
    rest: String,
}

impl MirrorUrl {
    /// Answers `None` for anything but `http(s)://[user[:password]@]host[:port][/path]`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return None;
        }
        let (scheme, after) = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| Some((scheme, text.strip_prefix(scheme)?)))?;
        let authority_ends = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (credentials, rest) = match after[..authority_ends].rfind('@') {
            Some(at) => (Some(after[..at].to_owned()), &after[at + 1..]),
            None => (None, after),
        };
        let url = Self { text: text.to_owned(), scheme, credentials, rest: rest.to_owned() };
        url.has_sound_host().then_some(url)
    }

    /// The whole URL, credentials included, for pip alone.
    #[must_use]
    pub fn with_credentials(&self) -> &str {
        &self.text
    }

    /// `host` or `host:port`.
    #[must_use]
    pub fn host_and_port(&self) -> &str {
        let ends = self.rest.find(['/', '?', '#']).unwrap_or(self.rest.len());
        &self.rest[..ends]
    }

    /// Whether what comes over it cannot be changed on the way.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == "https://"
    }

    fn has_sound_host(&self) -> bool {
        let authority = self.host_and_port();
        // An IPv6 address is full of colons, and stands in brackets for that reason.
        let (host, port) = match authority.rfind(']') {
            Some(end) => authority.split_at(end + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port_sound = match port.strip_prefix(':') {
            Some(number) => number.parse::<u16>().is_ok_and(|n| n > 0),
            None => port.is_empty(),
        };
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host_sound = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))
            }
        };
        host_sound && port_sound
    }
}

/// Without user and password: what is shown ends up in a log.
impl fmt::Display for MirrorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme, self.rest)
    }
}

/// As it is shown to people.
impl fmt::Debug for MirrorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = if self.credentials.is_some() { " (credentials hidden)" } else { "" };
        write!(f, "{self}{hidden}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_for_pip_alone() {
        let url = MirrorUrl::parse("https://me:s3c@ret@mirror.example.com:8443/simple/").unwrap();
        assert_eq!(url.to_string(), "https://mirror.example.com:8443/simple/");
        assert_eq!(url.host_and_port(), "mirror.example.com:8443");
        assert!(!format!("{url:?}").contains("s3c"));
        assert!(url.with_credentials().contains("me:s3c@ret@"));
    }

    #[test]
    fn only_sound_http_urls_pass() {
        for good in ["http://m", "https://m:1/x?y", "http://[::1]:8080/simple", "http://127.0.0.1"]
        {
            assert!(MirrorUrl::parse(good).is_some(), "{good}");
        }
        for bad in [
            "mirror.example.com",
            "ftp://m",
            "http://",
            "http:///simple",
            "http://m:0/",
            "http://m:port/",
            "http://a b/",
            "http://[::1",
            "http://m;x/",
            "-i http://m",
        ] {
            assert_eq!(MirrorUrl::parse(bad), None, "{bad}");
        }
    }
}
