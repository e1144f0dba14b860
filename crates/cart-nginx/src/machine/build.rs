//! What an nginx is: its version, and the modules it was compiled with, read from `nginx -V`.

use std::collections::BTreeSet;

use semver::Version;

pub(crate) const MAX_HEADERS: &str = "max_headers";

/// The directives that only a look into nginx's program tells of.
pub(crate) const DIRECTIVES: &[&str] = &[MAX_HEADERS];

/// What `nginx -V` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The version of nginx itself: OpenResty's and Tengine's own numbers do not count.
    pub version: Version,
    /// Its `configure` arguments of the form `--with-...` and `--without-...`, dashes cut off.
    flags: BTreeSet<String>,
    /// Those of [`DIRECTIVES`] which its program knows.
    directives: BTreeSet<&'static str>,
}

impl Build {
    /// Reads the output of `nginx -V`; `None` when there is no version in it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { version: version(text)?, flags: flags(text), directives: BTreeSet::new() })
    }

    /// Looks into nginx's program for [`DIRECTIVES`]: no version tells of them, for distributions add them
    /// to older ones. A directive's name stands there as a string that ends with a zero.
    #[must_use]
    pub(crate) fn with_directives_of(self, program: &[u8]) -> Self {
        let strings = || program.split(|byte| *byte == 0);
        self.with_directives(|directive| strings().any(|string| string == directive.as_bytes()))
    }

    /// With those of [`DIRECTIVES`] that its program `knows`.
    #[must_use]
    pub(crate) fn with_directives(mut self, knows: impl Fn(&str) -> bool) -> Self {
        self.directives.extend(DIRECTIVES.iter().filter(|directive| knows(directive)));
        self
    }

    /// Whether its program was found to know a directive.
    #[must_use]
    pub fn has_directive(&self, directive: &str) -> bool {
        self.directives.contains(directive)
    }

    /// Whether a module is compiled in that is not unless asked for, such as
    /// `http_realip_module`. One that would have to be loaded (`=dynamic`) is not.
    #[must_use]
    pub fn has_optional(&self, module: &str) -> bool {
        self.flags.contains(&format!("with-{module}"))
    }

    /// Whether a module is compiled in that is unless told otherwise, such as
    /// `http_gzip_module`.
    #[must_use]
    pub fn has_standard(&self, module: &str) -> bool {
        let without_all = module.starts_with("http_") && self.flags.contains("without-http");
        let without_it = self.flags.contains(&format!("without-{module}"));
        !without_all && !without_it
    }
}

/// `nginx/1.2.3` wherever it stands (Tengine says it beside its own version), else
/// `openresty/1.21.4.1` (whose first three numbers are nginx's), else the first `NAME/1.2.3`.
fn version(text: &str) -> Option<Version> {
    let words = || text.split(|c: char| c.is_whitespace() || c == '(' || c == ')');
    let named = |name: &str| {
        words().find_map(|word| three_numbers(word.strip_prefix(name)?.strip_prefix('/')?))
    };
    let first_line = text.lines().next().unwrap_or_default();
    named("nginx").or_else(|| named("openresty")).or_else(|| {
        first_line.split_whitespace().find_map(|word| three_numbers(word.split_once('/')?.1))
    })
}

fn three_numbers(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).map_or(part, |end| &part[..end]);
        digits.parse::<u64>().ok()
    });
    Some(Version::new(numbers.next()??, numbers.next()??, numbers.next()??))
}

fn flags(text: &str) -> BTreeSet<String> {
    let arguments =
        text.lines().find_map(|line| line.strip_prefix("configure arguments:")).unwrap_or_default();
    outside_quotes(arguments)
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--"))
        .filter(|word| word.starts_with("with"))
        .map(str::to_owned)
        .collect()
}

/// Compilers' options stand in single quotes and may hold words that look like ours.
fn outside_quotes(text: &str) -> String {
    text.split('\'').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed_version(text: &str) -> Option<String> {
        version(text).map(|v| v.to_string())
    }

    #[test]
    fn every_kind_of_version_is_read() {
        for (text, expected) in [
            ("nginx version: nginx/1.22.1\n", "1.22.1"),
            ("nginx version: nginx/1.18.0 (Ubuntu)\nbuilt by gcc", "1.18.0"),
            ("nginx version: nginx/1.25.3 (nginx-plus-r31)", "1.25.3"),
            ("nginx version: openresty/1.21.4.1", "1.21.4"),
            ("Tengine version: Tengine/2.3.3\nnginx version: nginx/1.18.0", "1.18.0"),
            ("Tengine version: Tengine/2.2.0 (nginx/1.8.1)", "1.8.1"),
            ("Angie version: Angie/1.4.0", "1.4.0"),
            ("nginx version: nginx/1.29.0-rc1", "1.29.0"),
        ] {
            assert_eq!(parsed_version(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "nginx version: nginx/unknown", "apache 2.4", "x/1.2"] {
            assert_eq!(parsed_version(text), None, "{text}");
        }
    }

    #[test]
    fn modules_are_read_from_the_configure_arguments() {
        let build = Build::parse(
            "nginx version: nginx/1.22.1\nbuilt with OpenSSL\nTLS SNI support enabled\n\
             configure arguments: --with-cc-opt='-g --with-http_v2_module -O2' \
             --prefix=/usr/share/nginx --with-http_realip_module \
             --with-http_geoip_module=dynamic --without-http_uwsgi_module",
        )
        .unwrap();
        assert!(build.has_optional("http_realip_module"));
        assert!(!build.has_optional("http_v2_module"), "stands in quotes");
        assert!(!build.has_optional("http_geoip_module"), "would be loaded");
        assert!(build.has_standard("http_gzip_module"));
        assert!(!build.has_standard("http_uwsgi_module"));
    }

    #[test]
    fn a_directive_is_a_string_of_the_program() {
        let build = Build::parse("nginx version: nginx/1.22.1").unwrap();
        let other = build.clone().with_directives_of(b"\x7fELF\0max\0xmax_headers\0max_headers_\0");
        assert!(!other.has_directive("max_headers"));
        assert!(build.with_directives_of(b"\x7fELF\0max_headers\0").has_directive("max_headers"));
    }

    #[test]
    fn without_http_there_is_no_http_module() {
        let build =
            Build::parse("nginx version: nginx/1.22.1\nconfigure arguments: --without-http")
                .unwrap();
        assert!(!build.has_standard("http_proxy_module"));
        assert!(build.has_standard("pcre"));
    }
}
