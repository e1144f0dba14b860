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

#[test]
fn the_table_of_servers_is_the_codes() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("docs/servers.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
    let expected: Vec<String> = cart_python::server::table::lines();
    assert_eq!(rows, expected, "the table should be:\n{}", expected.join("\n"));

    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let rows: Vec<&str> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| `OPENSHIFT_PYTHON_SERVER` | good for |"))
        .skip(2)
        .take_while(|line| line.starts_with("| "))
        .collect();
    let expected: Vec<String> = cart_python::SERVERS
        .iter()
        .map(|server| format!("| `{}` | {} |", server.name(), server.description()))
        .collect();
    assert_eq!(rows, expected, "README's table should be:\n{}", expected.join("\n"));
}
