//! What an app asks for where nothing is locked yet: lines of `[project] dependencies`, entries of
//! `[tool.poetry.dependencies]` and of a Pipfile.

use camino::Utf8Path;
use toml::{Table, Value};

use super::Locked;
use super::marker::{Marker, MarkerError};
use super::origin::{Origin, vcs_url};
use super::range;
use crate::packages::spelling::{name_in, normalized};

/// One wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// As it is written.
    pub name: String,
    /// The package's extras.
    pub extras: Vec<String>,
    /// Versions that would do, in the index's spelling; empty for any.
    pub range: String,
    /// Where it is wanted.
    pub marker: Marker,
    /// A URL or a folder instead of a range.
    pub origin: Option<Origin>,
}

impl Asked {
    /// Reads `name[extra]>=1 ; marker` or `name @ url ; marker`; `None` when it is not one of
    /// these.
    pub(crate) fn of_line(line: &str) -> Result<Option<Self>, MarkerError> {
        let line = line.trim();
        let (name, rest) = line.split_at(name_in(line).len());
        if name.is_empty() {
            return Ok(None);
        }
        let rest = rest.trim_start();
        let (extras, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((extras, rest)) => (words(extras), rest.trim_start()),
            None => (Vec::new(), rest),
        };
        // A URL may have semicolons; then a space stands before the one of a marker.
        let is_url = rest.starts_with('@');
        let (what, marker) = match rest.split_once(if is_url { " ;" } else { ";" }) {
            Some((what, marker)) => (what.trim(), Marker::parse(marker, &[])?),
            None => (rest.trim(), Marker::always()),
        };
        let origin = what.strip_prefix('@').map(|url| Origin::of_url(url.trim()));
        let range = if is_url { "" } else { what.trim_matches(['(', ')']) };
        let range = range.split_whitespace().collect();
        Ok(Some(Self { name: name.to_owned(), extras, range, marker, origin }))
    }

    /// Reads an entry of Poetry's dependencies: a range, a table, or several tables for one name.
    /// One that is optional is none.
    pub(crate) fn of_poetry(name: &str, value: &Value) -> Result<Vec<Self>, MarkerError> {
        let one = |range: &str| Self::plain(name, range::from_poetry(range));
        Ok(match value {
            Value::String(range) => vec![one(range)],
            Value::Array(several) => {
                let each = several.iter().map(|value| Self::of_poetry(name, value));
                each.collect::<Result<Vec<_>, _>>()?.concat()
            }
            Value::Table(table) if table.get("optional").and_then(Value::as_bool) != Some(true) => {
                let mut asked = one(text(table, "version").unwrap_or("*"));
                asked.take(table, "develop")?;
                if let Some(platform) = text(table, "platform") {
                    asked.require(&format!("sys_platform == '{platform}'"))?;
                }
                if let Some(python) = text(table, "python") {
                    asked.marker = asked.marker.and(&python_marker(python)?)?;
                }
                vec![asked]
            }
            _ => Vec::new(),
        })
    }

    /// Reads an entry of a Pipfile: a range or a table.
    pub(crate) fn of_pipfile(name: &str, value: &Value) -> Result<Self, MarkerError> {
        let any = |range: &str| if range.trim() == "*" { String::new() } else { range.to_owned() };
        let Value::Table(table) = value else {
            return Ok(Self::plain(name, any(value.as_str().unwrap_or("*"))));
        };
        let mut asked = Self::plain(name, any(text(table, "version").unwrap_or("*")));
        asked.take(table, "editable")?;
        const NAMES: [&str; 8] = [
            "os_name",
            "sys_platform",
            "platform_machine",
            "platform_system",
            "platform_python_implementation",
            "python_version",
            "python_full_version",
            "implementation_name",
        ];
        for variable in NAMES {
            if let Some(condition) = text(table, variable) {
                asked.require(&format!("{variable} {condition}"))?;
            }
        }
        Ok(asked)
    }

    fn plain(name: &str, range: String) -> Self {
        let (name, extras) = match name.split_once('[') {
            Some((name, extras)) => (name, words(extras.trim_end_matches(']'))),
            None => (name, Vec::new()),
        };
        Self { name: name.to_owned(), extras, range, marker: Marker::always(), origin: None }
    }

    /// What Poetry and Pipenv spell alike, but for the word for a folder that is linked.
    pub(super) fn take(&mut self, table: &Table, linked: &str) -> Result<(), MarkerError> {
        if let Some(Value::Array(extras)) = table.get("extras") {
            self.extras.extend(extras.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        let reference = ["rev", "ref", "tag", "branch"].iter().find_map(|key| text(table, key));
        self.origin = if let Some(git) = text(table, "git") {
            Some(Origin::Url(vcs_url("git", git, reference, text(table, "subdirectory"))))
        } else if let Some(url) = text(table, "url") {
            Some(Origin::Url(url.to_owned()))
        } else if let Some(path) = text(table, "path").or_else(|| text(table, "file")) {
            let editable = table.get(linked).and_then(Value::as_bool) == Some(true);
            Some(match path.contains("://") {
                true => Origin::of_url(path),
                false => Origin::Local { path: path.into(), editable },
            })
        } else {
            None
        };
        match text(table, "markers") {
            Some(marker) => self.require(marker),
            None => Ok(()),
        }
    }

    fn require(&mut self, marker: &str) -> Result<(), MarkerError> {
        self.marker = self.marker.and(&Marker::parse(marker, &[])?)?;
        Ok(())
    }

    /// The requirement for it.
    pub(crate) fn line(&self, folder: &Utf8Path) -> String {
        let Locked { name, extras, origin, marker, .. } = self.unlocked(0);
        origin.line(&name, &extras, &marker, folder)
    }

    /// The same as a package of a list that locks nothing, which names it at the byte `at`.
    pub(super) fn unlocked(&self, at: usize) -> Locked {
        let Self { name, extras, range, marker, origin } = self.clone();
        let origin = origin.unwrap_or(Origin::Range(range));
        Locked { name, extras, origin, marker, hashes: Vec::new(), at, index: None }
    }

    /// Whether it asks for this package, in any spelling.
    pub(crate) fn is(&self, name: &str) -> bool {
        normalized(&self.name) == normalized(name)
    }
}

/// `^3.9` as a condition.
fn python_marker(range: &str) -> Result<Marker, MarkerError> {
    let mut marker = Marker::never();
    for alternative in range::alternatives(range) {
        let mut conditions = Marker::always();
        for part in alternative.split(',').filter(|part| !part.is_empty()) {
            let version = part.trim_start_matches(|c: char| "~=<>!".contains(c));
            let operator = &part[..part.len() - version.len()];
            let numbers = version.trim_end_matches(".*").split('.').count();
            let variable = if numbers > 2 { "python_full_version" } else { "python_version" };
            let condition = format!("{variable} {operator} '{version}'");
            conditions = conditions.and(&Marker::parse(&condition, &[])?)?;
        }
        marker = marker.or(&conditions)?;
    }
    Ok(if marker.is_never() { Marker::always() } else { marker })
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

/// What a `pyproject.toml` asks for: by `[project]`, else by Poetry's table; `None` when it has no
/// such list. Extras, groups and the version of Python are no part of it.
pub(crate) fn by_pyproject(pyproject: &Table) -> Result<Option<Vec<Asked>>, MarkerError> {
    let project = pyproject.get("project").and_then(Value::as_table);
    if let Some(Value::Array(lines)) = project.and_then(|p| p.get("dependencies")) {
        let lines = lines.iter().filter_map(Value::as_str).map(Asked::of_line);
        let asked: Result<Vec<_>, _> = lines.collect();
        return Ok(Some(asked?.into_iter().flatten().collect()));
    }
    let poetry = pyproject.get("tool").and_then(|tool| tool.get("poetry"));
    let Some(Value::Table(entries)) = poetry.and_then(|poetry| poetry.get("dependencies")) else {
        return Ok(None);
    };
    let entries = entries.iter().filter(|(name, _)| *name != "python");
    let asked: Result<Vec<_>, _> = entries.map(|(n, value)| Asked::of_poetry(n, value)).collect();
    Ok(Some(asked?.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(asked: &[Asked]) -> Vec<String> {
        asked.iter().map(|a| a.line(Utf8Path::new("/repo"))).collect()
    }

    #[test]
    fn poetrys_entries_become_requirements() {
        let text = "[tool.poetry.dependencies]\npython = '^3.9'\na = '^1.2'\n\
            b = {version='*', extras=['x'], markers=\"os_name == 'nt'\"}\nc = {version='1', optional=true}\n\
            d = [{version='<2', python='<3.12'}, {version='>=2', python='^3.12 || ^4.0'}]\n\
            e = {git='https://example.com/e.git', tag='v1', subdirectory='s'}\n\
            f = {path='../f', develop=true}\ng = {url='https://example.com/g.whl', platform='linux'}\n";
        let asked = by_pyproject(&toml::from_str(text).unwrap()).unwrap().unwrap();
        insta::assert_snapshot!(lines(&asked).join("\n"), @r"
        a>=1.2,<2
        b[x] ; os_name == 'nt'
        d<2 ; python_version < '3.12'
        d>=2 ; (python_version < '4' and python_version >= '3.12') or (python_version < '5' and python_version >= '4.0')
        e @ git+https://example.com/e.git@v1#subdirectory=s
        -e file:///repo/../f
        g @ https://example.com/g.whl ; sys_platform == 'linux'
        ");
    }

    #[test]
    fn lines_of_a_project_are_understood() {
        let text = "[project]\ndependencies = ['A.b [x, y] >=1, <2 ; os_name == \"nt\"', 'c(>=1)', \
                    'd @ https://example.com/d;x.whl ; os_name == \"nt\"', 'e']\n";
        let asked = by_pyproject(&toml::from_str(text).unwrap()).unwrap().unwrap();
        insta::assert_snapshot!(lines(&asked).join("\n"), @r#"
        A.b[x,y]>=1,<2 ; os_name == "nt"
        c>=1
        d @ https://example.com/d;x.whl ; os_name == "nt"
        e
        "#);
    }
}
