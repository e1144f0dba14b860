//! What an nginx must have, and what is used only where it is there: one table for each.

use semver::Version;

use crate::machine::build::Build;

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

/// Something that is used only where the nginx at hand has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `pcre_jit`
    PcreJit,
    /// `worker_shutdown_timeout`
    ShutdownTimeout,
    /// `keepalive_time` and `keepalive_timeout` in an upstream
    BoundedPool,
    /// `hash` in an upstream
    Hash,
    /// `keepalive_min_timeout`
    KeepaliveMinTimeout,
    /// `max_headers`
    MaxHeaders,
    /// `nginx -e FILE`
    ErrorLogOption,
    /// Networks of IPv6
    Ipv6,
    /// `real_ip_header`
    RealIp,
    /// `stub_status`
    StubStatus,
    /// `gzip`
    Gzip,
    /// `volatile` in a map
    VolatileMap,
    /// `fastcgi_temp_path`
    Fastcgi,
    /// `uwsgi_temp_path`
    Uwsgi,
    /// `scgi_temp_path`
    Scgi,
}

/// One row of [`FEATURES`].
#[derive(Clone, Debug)]
pub struct Row {
    /// What is used.
    pub feature: Feature,
    /// From which version on.
    pub since: Version,
    /// Which module it needs.
    pub module: Module,
    /// Why it is worth having, or what is lost without it.
    pub reason: &'static str,
}

/// Where a feature comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// nginx's core.
    Core,
    /// A module that is there unless compiled out.
    Standard(&'static str),
    /// A module that is there only if asked for.
    Optional(&'static str),
    /// Core from the version on; before, only if asked for.
    CoreOrOptional(&'static str),
    /// Wherever the program knows this directive, whatever its version.
    Directive(&'static str),
}

/// Everything that depends on the nginx at hand. Versions from nginx's own documentation.
pub const FEATURES: &[Row] = &[
    Row {
        feature: Feature::PcreJit,
        since: MINIMUM,
        module: Module::Optional("pcre-jit"),
        reason: "a twentieth less work for a small file; where the system forbids it, patterns are read as without it",
    },
    Row {
        feature: Feature::ShutdownTimeout,
        since: Version::new(1, 11, 11),
        module: Module::Core,
        reason: "without it, workers that were replaced stay for as long as one client does",
    },
    Row {
        feature: Feature::BoundedPool,
        since: Version::new(1, 19, 10),
        module: Module::Standard("http_upstream_keepalive_module"),
        reason: "about a third more requests per second; a pool without both bounds would lose requests when the app's server is replaced, so without them there is none",
    },
    Row {
        feature: Feature::Hash,
        since: MINIMUM,
        module: Module::Standard("http_upstream_hash_module"),
        reason: "without it, no client can be kept with one worker",
    },
    Row {
        feature: Feature::KeepaliveMinTimeout,
        since: Version::new(1, 27, 4),
        module: Module::Core,
        reason: "without it, a worker that was replaced closes kept connections of clients although a request may be on its way",
    },
    Row {
        feature: Feature::MaxHeaders,
        since: MINIMUM,
        module: Module::Directive("max_headers"),
        reason: "without it, a request may have as many headers as fit into its size",
    },
    Row {
        feature: Feature::ErrorLogOption,
        since: Version::new(1, 19, 5),
        module: Module::Core,
        reason: "without it, nginx complains that it may not write to the log of its compilation",
    },
    Row {
        feature: Feature::Ipv6,
        since: Version::new(1, 11, 5),
        module: Module::CoreOrOptional("ipv6"),
        reason: "an nginx without it cannot read such a network",
    },
    Row {
        feature: Feature::RealIp,
        since: MINIMUM,
        module: Module::Optional("http_realip_module"),
        reason: "without it, the address in the access log and in X-Real-IP is the proxy's in front",
    },
    Row {
        feature: Feature::StubStatus,
        since: MINIMUM,
        module: Module::Optional("http_stub_status_module"),
        reason: "without it, nobody counts requests",
    },
    Row {
        feature: Feature::Gzip,
        since: MINIMUM,
        module: Module::Standard("http_gzip_module"),
        reason: "text is sent compressed",
    },
    Row {
        feature: Feature::VolatileMap,
        since: Version::new(1, 11, 7),
        module: Module::Standard("http_map_module"),
        reason: "without it, what an app redirects to inside (X-Accel-Redirect) is looked for where its own request would be",
    },
    Row {
        feature: Feature::Fastcgi,
        since: MINIMUM,
        module: Module::Standard("http_fastcgi_module"),
        reason: "its temporary files must lie inside the gear",
    },
    Row {
        feature: Feature::Uwsgi,
        since: MINIMUM,
        module: Module::Standard("http_uwsgi_module"),
        reason: "its temporary files must lie inside the gear",
    },
    Row {
        feature: Feature::Scgi,
        since: MINIMUM,
        module: Module::Standard("http_scgi_module"),
        reason: "its temporary files must lie inside the gear",
    },
];

/// Whether a build has a feature.
#[must_use]
pub fn has(build: &Build, feature: Feature) -> bool {
    let row = FEATURES.iter().find(|row| row.feature == feature);
    row.is_some_and(|row| {
        let new_enough = build.version >= row.since;
        match row.module {
            Module::Core => new_enough,
            Module::Standard(module) => new_enough && build.has_standard(module),
            Module::Optional(module) => new_enough && build.has_optional(module),
            Module::CoreOrOptional(module) => new_enough || build.has_optional(module),
            Module::Directive(directive) => build.has_directive(directive),
        }
    })
}

/// The directives that only a look into nginx's program tells of.
pub fn directives() -> impl Iterator<Item = &'static str> {
    FEATURES.iter().filter_map(|row| match row.module {
        Module::Directive(directive) => Some(directive),
        _ => None,
    })
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

    /// A version just below; none of the table's ends in 0.0.
    fn before(version: &Version) -> Version {
        Version::new(version.major, version.minor, version.patch - 1)
    }

    #[test]
    fn each_feature_starts_at_its_version() {
        for row in FEATURES.iter().filter(|row| !matches!(row.module, Module::Directive(_))) {
            let flags = match row.module {
                Module::Optional(module) => format!("--with-{module}"),
                _ => String::new(),
            };
            assert!(has(&build(&row.since, &flags), row.feature), "{row:?}");
            assert!(!has(&build(&before(&row.since), &flags), row.feature), "{row:?}");
        }
    }

    #[test]
    fn each_feature_needs_its_module() {
        let newest = Version::new(1, 99, 0);
        for row in FEATURES {
            match row.module {
                Module::Core => {}
                Module::Standard(module) => {
                    let without = build(&newest, &format!("--without-{module}"));
                    assert!(!has(&without, row.feature), "{row:?}");
                }
                Module::Optional(_) => assert!(!has(&build(&newest, ""), row.feature), "{row:?}"),
                Module::CoreOrOptional(module) => {
                    let old = build(&before(&row.since), &format!("--with-{module}"));
                    assert!(has(&old, row.feature), "{row:?}");
                }
                Module::Directive(directive) => {
                    assert!(!has(&build(&newest, ""), row.feature), "{row:?}");
                    let program = format!("\0{directive}\0");
                    let knows =
                        build(&MINIMUM, "").with_directives_of(program.as_bytes(), directives());
                    assert!(has(&knows, row.feature), "{row:?}");
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
