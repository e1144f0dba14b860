//! What an nginx must have, and what is used only where it is there: each says what it needs.

use semver::Version;

use crate::machine::build::{Build, MAX_HEADERS};

/// The oldest nginx that keeps the promises; see [`MINIMUM_REASON`].
pub const MINIMUM: Version = Version::new(1, 9, 13);

/// Why nothing older will do. Source: nginx's CHANGES for 1.9.13.
pub const MINIMUM_REASON: &str =
    "an older one sends a POST a second time when the app's server died over it";

/// A module without which no configuration of ours can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its name, as `--without-NAME` has it.
    pub module: &'static str,
    /// What for.
    pub reason: &'static str,
}

/// Everything that every configuration uses and that can be compiled out.
pub const REQUIRED: &[Requirement] = &[
    Requirement { module: "http_proxy_module", reason: "it passes requests to the app" },
    Requirement { module: "http_map_module", reason: "it picks the headers that the app gets" },
    Requirement { module: "http_geo_module", reason: "it knows the trusted proxies" },
    Requirement { module: "http_rewrite_module", reason: "it refuses dot-files" },
    Requirement { module: "pcre", reason: "it refuses dot-files" },
];

/// Something that is used only where the nginx at hand has it: why it is worth having, or what is lost
/// without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `pcre_jit`: a twentieth less work for a small file; where the system forbids it, patterns are read as
    /// without it.
    PcreJit,
    /// `worker_shutdown_timeout`: without it, workers that were replaced stay for as long as one client does.
    ShutdownTimeout,
    /// `keepalive_time` and `keepalive_timeout` in an upstream: about a third more requests per second; a pool
    /// without both bounds would lose requests when the app's server is replaced, so without them there is
    /// none.
    BoundedPool,
    /// `hash` in an upstream: without it, no client can be kept with one worker.
    Hash,
    /// `keepalive_min_timeout`: without it, a worker that was replaced closes kept connections of clients
    /// although a request may be on its way.
    KeepaliveMinTimeout,
    /// `max_headers`: without it, a request may have as many headers as fit into its size.
    MaxHeaders,
    /// `nginx -e FILE`: without it, nginx complains that it may not write to the log of its compilation.
    ErrorLogOption,
    /// Networks of IPv6: an nginx without it cannot read such a network.
    Ipv6,
    /// `real_ip_header`: without it, the address in the access log and in X-Real-IP is the proxy's in front.
    RealIp,
    /// `stub_status`: without it, nobody counts requests.
    StubStatus,
    /// `gzip`: text is sent compressed.
    Gzip,
    /// `volatile` in a map: without it, what an app redirects to inside (X-Accel-Redirect) is looked for where
    /// its own request would be.
    VolatileMap,
    /// `$request_id`: without it, only a trusted proxy gives a request a name.
    RequestId,
    /// `log_format` with `escape=json`: without it, the access log stays text.
    JsonLog,
    /// `fastcgi_temp_path`: its temporary files must lie inside the gear.
    Fastcgi,
    /// `uwsgi_temp_path`: as those of [`Fastcgi`](Self::Fastcgi).
    Uwsgi,
    /// `scgi_temp_path`: as those of [`Fastcgi`](Self::Fastcgi).
    Scgi,
}

/// Where a feature comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Module {
    /// nginx's core.
    Core,
    /// A module that is there unless compiled out.
    Standard(&'static str),
    /// A module that is there only if asked for.
    Optional(&'static str),
    /// Core from the version on; before, only if asked for.
    CoreOrOptional(&'static str),
    /// Wherever the program knows this directive, whatever its version: one of
    /// [`DIRECTIVES`](crate::machine::build::DIRECTIVES).
    Directive(&'static str),
}

impl Feature {
    /// From which version on nginx has it, and by which module. Versions from nginx's own documentation.
    fn needs(self) -> (Version, Module) {
        use Module::{Core, CoreOrOptional, Directive, Optional, Standard};
        match self {
            Self::PcreJit => (MINIMUM, Optional("pcre-jit")),
            Self::ShutdownTimeout => (Version::new(1, 11, 11), Core),
            Self::BoundedPool => {
                (Version::new(1, 19, 10), Standard("http_upstream_keepalive_module"))
            }
            Self::Hash => (MINIMUM, Standard("http_upstream_hash_module")),
            Self::KeepaliveMinTimeout => (Version::new(1, 27, 4), Core),
            Self::MaxHeaders => (MINIMUM, Directive(MAX_HEADERS)),
            Self::ErrorLogOption => (Version::new(1, 19, 5), Core),
            Self::Ipv6 => (Version::new(1, 11, 5), CoreOrOptional("ipv6")),
            Self::RealIp => (MINIMUM, Optional("http_realip_module")),
            Self::StubStatus => (MINIMUM, Optional("http_stub_status_module")),
            Self::Gzip => (MINIMUM, Standard("http_gzip_module")),
            Self::VolatileMap => (Version::new(1, 11, 7), Standard("http_map_module")),
            Self::RequestId => (Version::new(1, 11, 0), Core),
            Self::JsonLog => (Version::new(1, 11, 8), Core),
            Self::Fastcgi => (MINIMUM, Standard("http_fastcgi_module")),
            Self::Uwsgi => (MINIMUM, Standard("http_uwsgi_module")),
            Self::Scgi => (MINIMUM, Standard("http_scgi_module")),
        }
    }
}

/// Whether a build has a feature.
#[must_use]
pub fn has(build: &Build, feature: Feature) -> bool {
    let (since, module) = feature.needs();
    let new_enough = build.version >= since;
    match module {
        Module::Core => new_enough,
        Module::Standard(module) => new_enough && build.has_standard(module),
        Module::Optional(module) => new_enough && build.has_optional(module),
        Module::CoreOrOptional(module) => new_enough || build.has_optional(module),
        Module::Directive(directive) => build.has_directive(directive),
    }
}

/// The first module that is required and missing.
#[must_use]
pub fn missing(build: &Build) -> Option<&'static Requirement> {
    REQUIRED.iter().find(|required| !build.has_standard(required.module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: &Version, flags: &str) -> Build {
        let text = format!("nginx version: nginx/{version}\nconfigure arguments: {flags}\n");
        Build::parse(&text).unwrap()
    }

    const ALL: [Feature; 17] = [
        Feature::PcreJit,
        Feature::ShutdownTimeout,
        Feature::BoundedPool,
        Feature::Hash,
        Feature::KeepaliveMinTimeout,
        Feature::MaxHeaders,
        Feature::ErrorLogOption,
        Feature::Ipv6,
        Feature::RealIp,
        Feature::StubStatus,
        Feature::Gzip,
        Feature::VolatileMap,
        Feature::RequestId,
        Feature::JsonLog,
        Feature::Fastcgi,
        Feature::Uwsgi,
        Feature::Scgi,
    ];

    /// A version just below; none of them ends in 0.0.
    fn before(version: &Version) -> Version {
        match version.patch.checked_sub(1) {
            Some(patch) => Version::new(version.major, version.minor, patch),
            None => Version::new(version.major, version.minor - 1, 99),
        }
    }

    #[test]
    fn each_feature_starts_at_its_version() {
        for feature in ALL {
            let (since, module) = feature.needs();
            let flags = match module {
                Module::Directive(_) => continue,
                Module::Optional(module) => format!("--with-{module}"),
                _ => String::new(),
            };
            assert!(has(&build(&since, &flags), feature), "{feature:?}");
            assert!(!has(&build(&before(&since), &flags), feature), "{feature:?}");
        }
    }

    #[test]
    fn each_feature_needs_its_module() {
        let newest = Version::new(1, 99, 0);
        for feature in ALL {
            let (since, module) = feature.needs();
            match module {
                Module::Core => {}
                Module::Standard(module) => {
                    let without = build(&newest, &format!("--without-{module}"));
                    assert!(!has(&without, feature), "{feature:?}");
                }
                Module::Optional(_) => assert!(!has(&build(&newest, ""), feature), "{feature:?}"),
                Module::CoreOrOptional(module) => {
                    let old = build(&before(&since), &format!("--with-{module}"));
                    assert!(has(&old, feature), "{feature:?}");
                }
                Module::Directive(directive) => {
                    assert!(!has(&build(&newest, ""), feature), "{feature:?}");
                    let program = format!("\0{directive}\0");
                    let knows = build(&MINIMUM, "").with_directives_of(program.as_bytes());
                    assert!(has(&knows, feature), "{feature:?}");
                }
            }
        }
    }

    #[test]
    fn each_required_module_is_missed() {
        assert_eq!(missing(&build(&MINIMUM, "")), None);
        for required in REQUIRED {
            let without = build(&MINIMUM, &format!("--without-{}", required.module));
            assert_eq!(missing(&without).unwrap().module, required.module);
        }
    }
}
