//! The headers by which a proxy speaks of its client, and whose word of them the app gets to hear.
//!
//! Only nginx knows who is at the other end, and nginx has no patterns for names of headers. So every
//! name by which servers, frameworks and load balancers say the same is written down here, and the app
//! gets none of them but what nginx says itself, and what `OPENSHIFT_NGINX_TRUSTED_HEADERS` lets a
//! trusted proxy say. Names with an underscore, which would become the same variable of WSGI, nginx
//! drops by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::statement::{self, Statement};
use crate::wanted::network::listed;

/// What nginx says of the client itself: its address, the scheme, the host; what its request is called in
/// logs; and its cookies, in one header where it sent several, because servers differ in how they join
/// them (RFC 6265, 5.4). The values are variables of `nginx.appserver.conf`, or nginx's own.
const OWN: [(&str, &str); 6] = [
    ("Cookie", "$http_cookie"),
    ("X-Real-IP", "$remote_addr"),
    ("X-Forwarded-For", "$app_forwarded_for"),
    ("X-Forwarded-Proto", "$app_proto"),
    ("X-Forwarded-Host", "$app_forwarded_host"),
    ("X-Request-ID", "$app_request_id"),
];

/// Names that are not for a proxy to say of its client: nginx sets them, or they belong to one
/// connection.
const NOT_SAID: [&str; 8] = [
    "Host",
    "Connection",
    "Upgrade",
    "Keep-Alive",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Expect",
];

/// The names that a proxy may give to what it says of its client, each read by some server,
/// framework or load balancer; and `Proxy`, which CGI takes for `HTTP_PROXY`.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "Proxy",
    // The one that has a standard (RFC 7239), and the family without one.
    "Forwarded", "Forwarded-For", "X-Forwarded", "X-Original-Forwarded-For",
    "X-Forwarded-Access-Token", "X-Forwarded-Addr", "X-Forwarded-Address", "X-Forwarded-Authority",
    "X-Forwarded-Base", "X-Forwarded-By", "X-Forwarded-Client-Cert", "X-Forwarded-Client-IP",
    "X-Forwarded-Context", "X-Forwarded-Email", "X-Forwarded-For-Original", "X-Forwarded-Groups",
    "X-Forwarded-Https", "X-Forwarded-IP", "X-Forwarded-Method", "X-Forwarded-Name",
    "X-Forwarded-Original-Host", "X-Forwarded-Path", "X-Forwarded-Path-Info", "X-Forwarded-Port",
    "X-Forwarded-Preferred-Username", "X-Forwarded-Prefix", "X-Forwarded-Protocol",
    "X-Forwarded-Query", "X-Forwarded-Remote-Addr", "X-Forwarded-Remote-User",
    "X-Forwarded-Request-Uri", "X-Forwarded-Roles", "X-Forwarded-Root", "X-Forwarded-Scheme",
    "X-Forwarded-Script-Name", "X-Forwarded-Server", "X-Forwarded-Server-Name",
    "X-Forwarded-Server-Port", "X-Forwarded-Ssl", "X-Forwarded-Ssl-Client-Cert",
    "X-Forwarded-Tls", "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info",
    "X-Forwarded-Uri", "X-Forwarded-Url", "X-Forwarded-User", "X-Forwarded-Userinfo",
    // The client's address.
    "Client-IP", "Cluster-Client-IP", "Proxy-Client-IP", "Real-IP", "Remote-Addr", "Remote-Host",
    "Remote-IP", "Source-IP", "True-Client-IP", "X-Client", "X-Client-Host", "X-Client-IP",
    "X-Client-Port", "X-Cluster-Client-IP", "X-Coming-From", "X-Host-IP", "X-IP",
    "X-Original-Remote-Addr", "X-Originating-IP", "X-ProxyUser-IP", "X-Real-Port", "X-Remote-Addr",
    "X-Remote-Host", "X-Remote-IP", "X-Remote-Port", "X-Source-IP", "X-True-Client-IP",
    "WL-Proxy-Client-IP", "Ali-CDN-Real-IP", "CDN-Real-IP", "CDN-Src-IP", "CF-Connecting-IP",
    "CF-Connecting-IPv6", "CF-IPCountry", "CF-Pseudo-IPv4", "CF-Visitor",
    "CloudFront-Viewer-Address", "DO-Connecting-IP", "Fastly-Client-IP", "Fly-Client-IP",
    "Incap-Client-IP", "X-Appengine-Remote-Addr", "X-Appengine-User-IP", "X-Azure-ClientIP",
    "X-Azure-SocketIP", "X-Envoy-External-Address", "X-Nf-Client-Connection-IP",
    "X-Vercel-Forwarded-For", "X-Vercel-Proxied-For",
    // The scheme.
    "CloudFront-Forwarded-Proto", "Fastly-SSL", "Fly-Forwarded-Port", "Fly-Forwarded-Proto",
    "Fly-Forwarded-Ssl", "Front-End-Https", "Https", "Url-Scheme", "WL-Proxy-SSL", "X-ARR-SSL",
    "X-Client-Proto", "X-Client-Scheme", "X-Front-End-Https", "X-Https", "X-Original-Proto",
    "X-Original-Scheme", "X-Proto", "X-Protocol", "X-Request-Scheme", "X-Scheme", "X-SSL",
    "X-Url-Scheme",
    // The host and its port.
    "X-Host", "X-HTTP-Host-Override", "X-Original-Host", "X-Original-Port", "X-Port",
    "X-Real-Host", "X-Server-Name", "X-Server-Port",
    // Where the app is mounted, and which path was asked for.
    "Path-Info", "Script-Name", "X-Base-Path", "X-Envoy-Original-Path", "X-Original-Method",
    "X-Original-Path", "X-Original-Uri", "X-Original-Url", "X-Path-Info", "X-Replaced-Path",
    "X-Request-Uri", "X-Rewrite-Url", "X-Root-Path", "X-Script-Name",
    // Who logged in at the proxy.
    "Auth-User", "Cf-Access-Authenticated-User-Email", "Remote-Email", "Remote-Groups",
    "Remote-Name", "Remote-User", "Tailscale-User-Login", "Tailscale-User-Name",
    "X-Auth-Request-Access-Token", "X-Auth-Request-Email", "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username", "X-Auth-Request-User", "X-Auth-User",
    "X-Authenticated-Email", "X-Authenticated-Groups", "X-Authenticated-User",
    "X-Authentik-Email", "X-Authentik-Groups", "X-Authentik-Name", "X-Authentik-Uid",
    "X-Authentik-Username", "X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id",
    "X-MS-Client-Principal", "X-MS-Client-Principal-Id", "X-MS-Client-Principal-Name",
    "X-Proxy-User", "X-Remote-Email", "X-Remote-Group", "X-Remote-Groups", "X-Remote-Name",
    "X-Remote-User", "X-Token-User-Email", "X-Token-User-Name", "X-Webauth-Email",
    "X-Webauth-Name", "X-Webauth-User",
    // The certificate of a client that showed one (RFC 9440, and the names before it).
    "Client-Cert", "Client-Cert-Chain", "SSL-Client-Cert", "SSL-Client-S-DN", "SSL-Client-Verify",
    "X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert-Subject",
    "X-ARR-ClientCert", "X-Client-Cert", "X-Client-Certificate", "X-Client-DN", "X-Client-S-DN",
    "X-Client-Verify", "X-SSL-Cert", "X-SSL-Client-Cert", "X-SSL-Client-CN", "X-SSL-Client-DN",
    "X-SSL-Client-S-DN", "X-SSL-Client-Verify", "X-SSL-Verified",
];

/// A header that the app gets as a trusted proxy said it, and from nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedHeader(String);

impl TrustedHeader {
    /// What nginx's tables of variables and of headers take as they are.
    const LONGEST: usize = 40;

    /// A header's name in letters, digits and hyphens that nginx does not set itself, or `None`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let of_a_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let taken = OWN.iter().map(|(own, _)| own).chain(&NOT_SAID);
        let fits = (1..=Self::LONGEST).contains(&name.len()) && name.bytes().all(of_a_name);
        let free = !taken.chain(&["none"]).any(|taken| taken.eq_ignore_ascii_case(name));
        (fits && free).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The end of nginx's variables for it.
    pub(crate) fn variable(&self) -> String {
        self.0.to_ascii_lowercase().replace('-', "_")
    }
}

/// What a trusted proxy may say when nobody chose: where it is reached, and where the app is mounted.
#[must_use]
pub fn port_and_prefix() -> Vec<TrustedHeader> {
    ["X-Forwarded-Port", "X-Forwarded-Prefix"].map(|name| TrustedHeader(name.to_owned())).into()
}

/// The headers of a list, each once; `none` is the empty list.
#[must_use]
pub fn parse_list(text: &str) -> Option<Vec<TrustedHeader>> {
    listed(text, TrustedHeader::parse, |one, other| one.0.eq_ignore_ascii_case(&other.0))
}

/// One `proxy_set_header`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) name: String,
    /// As nginx reads it: a variable, or `""` for a header that the app does not get.
    pub(crate) value: String,
}

/// What the app gets to hear: each header of [`OWN`] and [`KNOWN`], and those of a trusted proxy.
pub(crate) fn all(trusted: &[TrustedHeader]) -> Vec<Said> {
    let said = |name: &str, value: &str| Said { name: name.to_owned(), value: value.to_owned() };
    let is_trusted = |name: &str| trusted.iter().any(|header| header.0.eq_ignore_ascii_case(name));
    let own = OWN.iter().map(|(name, value)| said(name, value));
    let passed = trusted.iter().map(|h| said(h.name(), &format!("$said_{}", h.variable())));
    let dropped = KNOWN.iter().filter(|name| !is_trusted(name)).map(|name| said(name, "\"\""));
    own.chain(passed).chain(dropped).collect()
}

/// Names of headers, in lower case, by the file that sets them for the app at its top level.
pub(crate) type Included = BTreeMap<String, BTreeSet<String>>;

/// The files that a configuration includes, at whatever depth, as it names them.
pub(crate) fn includes(text: &[u8]) -> Vec<String> {
    let blocks = statement::blocks(text);
    let included = blocks.iter().flatten().filter_map(Statement::included);
    included.map(str::to_owned).collect()
}

/// The headers that a piece of configuration sets for the app at its top level, in lower case.
pub(crate) fn set_in(text: &[u8]) -> BTreeSet<String> {
    statement::statements(text).iter().filter_map(header).collect()
}

/// An app's own configuration in which each block that sets a header for the app, itself or by a
/// file of `included`, has all of `said`: nginx inherits all headers or none. What is set there
/// counts. Lines stay where they are.
pub(crate) fn completed(text: &[u8], said: &[Said], included: &Included) -> Vec<u8> {
    let mut places = Vec::new();
    for block in statement::blocks(text) {
        let mut set_here = BTreeSet::new();
        let mut end = None;
        for statement in &block {
            let of_a_file = statement.included().and_then(|file| included.get(file).cloned());
            let names = of_a_file.unwrap_or_else(|| header(statement).into_iter().collect());
            if !names.is_empty() {
                set_here.extend(names);
                end = Some(statement.range.end);
            }
        }
        if let Some(end) = end {
            let missing = said.iter().filter(|s| !set_here.contains(&s.name.to_ascii_lowercase()));
            let line = |s: &Said| format!(" proxy_set_header {} {};", s.name, s.value);
            places.push((end, missing.map(line).collect::<String>()));
        }
    }
    places.sort_by_key(|(at, _)| *at);
    let mut completed = text.to_vec();
    for (at, addition) in places.iter().rev() {
        completed.splice(at..at, addition.bytes());
    }
    completed
}

/// The header that a statement sets for the app, in lower case.
fn header(statement: &Statement) -> Option<String> {
    let sets_one = statement.word(0) == Some("proxy_set_header");
    sets_one.then(|| statement.word(1).unwrap_or_default().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_said_twice_and_each_fits() {
        let all = all(&port_and_prefix());
        let names: BTreeSet<String> = all.iter().map(|s| s.name.to_ascii_lowercase()).collect();
        assert_eq!(names.len(), all.len());
        assert!(names.iter().all(|name| name.len() <= TrustedHeader::LONGEST));
        assert!(names.iter().all(|name| !name.contains('_')));
    }

    #[test]
    fn a_trusted_header_is_passed_where_others_are_dropped() {
        let value = |trusted: &str, name: &str| {
            let said = all(&parse_list(trusted).unwrap());
            said.into_iter().find(|s| s.name.eq_ignore_ascii_case(name)).map(|s| s.value)
        };
        assert_eq!(value("none", "X-Forwarded-Prefix").unwrap(), "\"\"");
        assert_eq!(
            value("x-forwarded-prefix", "X-Forwarded-Prefix").unwrap(),
            "$said_x_forwarded_prefix"
        );
        assert_eq!(value("x-forwarded-prefix", "Remote-User").unwrap(), "\"\"");
        assert_eq!(value("X-Of-Ours", "X-Of-Ours").unwrap(), "$said_x_of_ours");
        assert_eq!(value("none", "X-Of-Ours"), None);
    }

    #[test]
    fn lists_are_names_of_headers_that_nginx_does_not_set() {
        let names = |text| {
            let list: Option<Vec<TrustedHeader>> = parse_list(text);
            list.map(|list| list.iter().map(|h| h.0.clone()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("Remote-User,x-a remote-user").unwrap(), "Remote-User x-a");
        assert_eq!(names(" None ").unwrap(), "");
        let long = "x".repeat(41);
        for bad in [
            "",
            ",",
            "a_b",
            "a: b",
            "a;",
            "$x",
            "none a",
            "host",
            "X-Real-IP",
            "X-Request-ID",
            "Upgrade",
            &long,
        ] {
            assert_eq!(names(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn each_block_with_headers_of_its_own_gets_ours_beside_them() {
        let said = [("A", "$a"), ("B", "\"\"")]
            .map(|(name, value)| Said { name: name.to_owned(), value: value.to_owned() });
        let text =
            "x { proxy_set_header a 1; # c\n y { z 1; proxy_set_header C 2;\n}\n}\nproxy_pass q;\n";
        assert_eq!(
            String::from_utf8(completed(text.as_bytes(), &said, &Included::new())).unwrap(),
            "x { proxy_set_header a 1; proxy_set_header B \"\"; # c\n y { z 1; proxy_set_header C 2; \
             proxy_set_header A $a; proxy_set_header B \"\";\n}\n}\nproxy_pass q;\n"
        );
        let plain = b"server { location / { proxy_pass http://appserver; } }\n";
        assert_eq!(completed(plain, &said, &Included::new()), plain);
    }

    #[test]
    fn a_file_that_sets_headers_counts_where_it_is_included() {
        let said = [("A", "$a"), ("B", "\"\"")]
            .map(|(name, value)| Said { name: name.to_owned(), value: value.to_owned() });
        let text = b"x { include /p; include /q; y { include /q; } }";
        assert_eq!(includes(text), ["/p", "/q", "/q"]);
        let set = set_in(b"proxy_set_header a 1;\nx { proxy_set_header B 1; }");
        let included = Included::from([("/p".to_owned(), set), ("/q".to_owned(), set_in(b"z 1;"))]);
        assert_eq!(
            String::from_utf8(completed(text, &said, &included)).unwrap(),
            "x { include /p; proxy_set_header B \"\"; include /q; y { include /q; } }"
        );
    }
}
