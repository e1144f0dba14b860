//! Which files are worth compressing, by their names.

/// Extensions of the types that nginx compresses (`gzip_types` in `nginx.defaults.conf`, and HTML, which it
/// always does), as `mime.conf` gives types to extensions; sorted. Not `svgz`, which is compressed.
pub(crate) const EXTENSIONS: &[&str] = &[
    "atom",
    "bmp",
    "conf",
    "css",
    "csv",
    "cur",
    "eot",
    "geojson",
    "htm",
    "html",
    "ico",
    "js",
    "json",
    "jsonld",
    "log",
    "map",
    "markdown",
    "md",
    "mjs",
    "otf",
    "rss",
    "shtml",
    "svg",
    "text",
    "ttf",
    "txt",
    "vtt",
    "wasm",
    "webmanifest",
    "xhtml",
    "xml",
    "xsd",
    "xsl",
];

/// Whether a file of this name has a type that is compressed. As nginx does, in any case of letters.
pub(in crate::precompressed) fn compressible(name: &str) -> bool {
    let Some((_, extension)) = name.rsplit_once('.') else {
        return false;
    };
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_those_of_the_types_that_nginx_compresses() {
        let defaults = include_str!("../../../templates/nginx.defaults.conf");
        let line = defaults.lines().find_map(|l| l.trim().strip_prefix("gzip_types ")).unwrap();
        let mut types: Vec<&str> = line.trim_end_matches(';').split(' ').collect();
        types.push("text/html");
        let mime = include_str!("../../../templates/mime.conf");
        let mut extensions: Vec<&str> = mime
            .lines()
            .filter_map(|line| line.trim().strip_suffix(';')?.split_once(' '))
            .filter(|(kind, _)| types.contains(kind))
            .flat_map(|(_, extensions)| extensions.split(' '))
            .filter(|extension| *extension != "svgz")
            .collect();
        extensions.sort_unstable();
        assert_eq!(EXTENSIONS, extensions, "what it should be is on the right");
    }

    #[test]
    fn the_last_extension_counts_in_any_case() {
        for name in ["a.js", "A.JS", "a.min.js", "a.js.map", ".js"] {
            assert!(compressible(name), "{name}");
        }
        for name in ["a.js.gz", "a.br", "a.zst", "a.png", "a.svgz", "js", "a.", "a"] {
            assert!(!compressible(name), "{name}");
        }
    }
}
