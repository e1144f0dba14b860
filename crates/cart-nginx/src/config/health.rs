//! Where nginx itself says whether it answers, and whether everything serves, to whoever looks after it: in our
//! server block, and in each of an app's own configuration.

use crate::text::statement::{self, Statement};

/// Answers 200 as long as nginx answers, and the app is up or will be started again; else 503.
pub const LIVE: &str = "/.well-known/cartridge/live";

/// Answers 200 while everything serves and nobody has said that the end is near, else 503. An app that has
/// such a path itself is not asked for it; nor for [`LIVE`].
pub const READY: &str = "/.well-known/cartridge/ready";

/// An app's own configuration with each of `locations` in each of its servers that has none of that path. Lines
/// stay where they are.
pub(crate) fn completed(text: &[u8], locations: &str) -> Vec<u8> {
    let lines: Vec<&str> = locations.lines().map(str::trim).collect();
    let locations = lines.join(" ");
    let mut completed = text.to_vec();
    let statements = statement::statements(text);
    let servers = statements.into_iter().filter(|s| s.word(0) == Some("server"));
    for block in servers.filter_map(|server| server.block).rev() {
        let inside = statement::statements(&text[block.clone()]);
        let is_own = |one: &Statement| inside.iter().any(|other| other.words == one.words);
        let missing = statement::statements(locations.as_bytes());
        let missing = missing.iter().filter(|one| !is_own(one));
        let missing: String =
            missing.map(|s| format!(" {}", &locations[s.range.clone()])).collect();
        completed.splice(block.start..block.start, missing.bytes());
    }
    completed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_that_does_not_speak_of_them_gets_the_locations() {
        let own = "server { location = /x { return 418; } }\n";
        let text =
            format!("map $a $b {{ default 1; }}\nserver {{\n  listen 1;\n}}\nserver {{}}\n{own}");
        let given = "\n  location = /x {\n    return 200 \"x\\n\";\n  }\n";
        let completed = String::from_utf8(completed(text.as_bytes(), given)).unwrap();
        let line = "location = /x { return 200 \"x\\n\"; }";
        assert_eq!(
            completed,
            format!(
                "map $a $b {{ default 1; }}\nserver {{ {line}\n  listen 1;\n}}\nserver {{ {line}}}\n{own}"
            )
        );
    }
}
