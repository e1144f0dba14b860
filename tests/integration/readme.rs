//! What README and docs promise: tables that are the code's, links that lead somewhere.

pub(crate) mod commands;
mod links;
pub(crate) mod migration;

use camino::Utf8Path;

#[test]
fn the_table_of_variables_is_the_codes() {
    let variables = page("docs/variables.md");
    let of_variable = |l: &&str| ["| `OPENSHIFT_", "| `WEB_"].iter().any(|s| l.starts_with(s));
    let rows: Vec<String> = variables.lines().filter(of_variable).map(str::to_owned).collect();
    let rows: Vec<String> = rows.into_iter().filter(|l| l.matches(" | ").count() == 3).collect();
    let expected: Vec<String> = cart_hooks::settings()
        .map(|s| format!("| `{}` | {} | {} | {} |", s.name, s.meaning, s.default, s.allowed))
        .collect();
    assert_eq!(rows, expected, "the table should be:\n{}", expected.join("\n"));
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

pub(crate) fn page(path: &str) -> String {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_table_of_servers_is_the_codes() {
    let text = page("docs/servers.md");
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("| server |"))
        .take_while(|line| line.starts_with("| "))
        .collect();
    let expected: Vec<String> = cart_python::server::table::lines();
    assert_eq!(rows, expected, "the table should be:\n{}", expected.join("\n"));

    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("| `OPENSHIFT_PYTHON_SERVER` | good for |"))
        .skip(2)
        .take_while(|line| line.starts_with("| "))
        .collect();
    let expected: Vec<String> = cart_python::SERVERS
        .iter()
        .map(|server| format!("| `{}` | {} |", server.name(), server.description()))
        .collect();
    assert_eq!(rows, expected, "the table should be:\n{}", expected.join("\n"));
}

#[test]
fn the_welcome_page_says_what_the_readme_shows() {
    let readme = page("README.md");
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let html = page("examples/apps/welcome/pages/welcome.html");
    let without_tags = html.split('<').map(|s| s.split_once('>').map_or(s, |(_, text)| text));
    let words: Vec<&str> = without_tags.flat_map(str::split_whitespace).collect();
    let said = words.concat();
    let (title, way) = shown.split_once("\n\n").unwrap();
    let (heading, lead) = title.split_once('\n').unwrap();
    // Roles and notes: what stands between them is the machine's.
    let is_the_machines =
        |s: &str| ["nginx ", "wsgiref ", "Python "].iter().any(|m| s.starts_with(m));
    let parts = way.lines().flat_map(|line| line.split("  ")).map(str::trim);
    let parts = parts.filter(|part| !is_the_machines(part));
    for text in [heading, lead].into_iter().chain(parts) {
        let joined: String = text.split_whitespace().collect();
        assert!(said.contains(&joined), "not on the page: {text}");
    }
}
