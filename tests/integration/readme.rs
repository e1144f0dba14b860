//! What README and docs promise.

use camino::Utf8Path;

#[test]
fn the_table_of_variables_is_the_codes() {
    let readme = page("README.md");
    let of_variable = |l: &&str| ["| `OPENSHIFT_", "| `WEB_"].iter().any(|s| l.starts_with(s));
    let rows: Vec<String> = readme.lines().filter(of_variable).map(str::to_owned).collect();
    let rows: Vec<String> = rows.into_iter().filter(|l| l.matches(" | ").count() == 3).collect();
    let expected: Vec<String> = cart_hooks::settings()
        .map(|s| format!("| `{}` | {} | {} | {} |", s.name, s.meaning, s.default, s.allowed))
        .collect();
    assert_eq!(rows, expected, "the README's table should be:\n{}", expected.join("\n"));
}

#[test]
fn the_table_of_figures_is_the_codes() {
    let rows: Vec<String> = page("docs/metrics.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(str::to_owned)
        .collect();
    let expected: Vec<String> = cart_hooks::KINDS
        .iter()
        .map(|kind| {
            let service = if kind.of_service { "SERVICE." } else { "" };
            format!("| `{service}{}` | `{}` | {} |", kind.name, kind.metric, kind.meaning)
        })
        .collect();
    assert_eq!(rows, expected, "the table should be:\n{}", expected.join("\n"));
}

#[test]
fn the_dashboard_shows_figures_that_there_are() {
    let dashboard: serde_json::Value = serde_json::from_str(&page("docs/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut queries: Vec<&str> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(queries.len() >= panels.len());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    queries.extend(variables.iter().filter_map(|v| v["query"]["query"].as_str()));
    for query in queries {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics: Vec<&str> = words.filter(|w| w.starts_with("advanced_python_")).collect();
        assert!(!metrics.is_empty(), "{query}");
        for metric in metrics {
            assert!(cart_hooks::KINDS.iter().any(|kind| kind.metric == metric), "{metric}");
        }
    }
}

fn page(path: &str) -> String {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_table_of_servers_is_the_codes() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("docs/servers.md")).unwrap();
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("| server |"))
        .take_while(|line| line.starts_with("| "))
        .collect();
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
