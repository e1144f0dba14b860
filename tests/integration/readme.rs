//! What the README promises.

use camino::Utf8Path;

#[test]
fn the_table_of_variables_is_the_codes() {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let of_variable = |l: &&str| ["| `OPENSHIFT_", "| `WEB_"].iter().any(|s| l.starts_with(s));
    let rows: Vec<String> = readme.lines().filter(of_variable).map(str::to_owned).collect();
    let rows: Vec<String> = rows.into_iter().filter(|l| l.matches(" | ").count() == 3).collect();
    let expected: Vec<String> = cart_hooks::settings()
        .map(|s| format!("| `{}` | {} | {} | {} |", s.name, s.meaning, s.default, s.allowed))
        .collect();
    assert_eq!(rows, expected, "the README's table should be:\n{}", expected.join("\n"));
}
