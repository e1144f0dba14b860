//! Where a `pyproject.toml` takes packages from that its `[project]` only names: `[tool.uv.sources]`
//! and `[tool.poetry.dependencies]`. Whoever passed over it would install what a stranger may have
//! put on the package index under the same name.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;
use toml::{Table, Value};

use super::asked::Asked;
use super::marker::{Marker, MarkerError};
use super::origin::Origin;
use crate::packages::spelling::normalized;

/// No workspace has more folders.
const MOST_FOLDERS: usize = 1000;

/// What is asked for, from where the `pyproject.toml` in `folder` takes it; several where that is
/// for different environments, `None` where it says nothing.
pub(crate) fn placed(
    asked: &Asked,
    pyproject: &Table,
    folder: &Utf8Path,
) -> Result<Option<Vec<Asked>>, MarkerError> {
    let tool = pyproject.get("tool");
    let by_uv = tool.and_then(|tool| tool.get("uv")?.get("sources"));
    let by_poetry = tool.and_then(|tool| tool.get("poetry")?.get("dependencies"));
    let mut found = Vec::new();
    for (list, linked) in [(by_uv, "editable"), (by_poetry, "develop")] {
        let entries = list.and_then(Value::as_table).into_iter().flatten();
        let of_it = entries.filter(|(name, _)| asked.is(name)).map(|(_, value)| value);
        let tables = of_it.flat_map(|value| match value {
            Value::Array(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        });
        for table in tables.filter_map(Value::as_table) {
            let mut one = Asked { origin: None, ..asked.clone() };
            one.take(table, linked)?;
            if table.get("workspace").and_then(Value::as_bool) == Some(true) {
                let path = member(&asked.name, pyproject, folder);
                one.origin = path.map(|path| Origin::Local { path, editable: true });
            }
            if let Some(Value::String(marker)) = table.get("marker") {
                one.marker = one.marker.and(&Marker::parse(marker, &[])?)?;
            }
            found.extend(one.origin.is_some().then_some(one));
        }
    }
    Ok(Some(found).filter(|found| asked.origin.is_none() && !found.is_empty()))
}

/// The folder of a workspace that holds this package, from the workspace's own.
fn member(name: &str, pyproject: &Table, folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let workspace = pyproject.get("tool")?.get("uv")?.get("workspace")?;
    let patterns = workspace.get("members")?.as_array()?.iter().filter_map(Value::as_str);
    let mut folders = patterns.flat_map(|pattern| match pattern.strip_suffix("/*") {
        Some(above) => {
            let entries = folder.join(above).read_dir_utf8().into_iter().flatten().flatten();
            let below = entries.map(|entry| Utf8Path::new(above).join(entry.file_name()));
            below.collect::<Vec<_>>()
        }
        None => vec![Utf8PathBuf::from(pattern)],
    });
    folders.by_ref().take(MOST_FOLDERS).find(|below| {
        let text = files::read_if_exists(&folder.join(below).join("pyproject.toml"));
        let read = text.ok().flatten().and_then(|text| toml::from_slice::<Table>(&text).ok());
        let named = read.as_ref().and_then(|read| read.get("project")?.get("name")?.as_str());
        named.is_some_and(|named| normalized(named) == normalized(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line: &str, pyproject: &str, folder: &Utf8Path) -> Option<Vec<String>> {
        let asked = Asked::of_line(line).unwrap().unwrap();
        let found = placed(&asked, &toml::from_str(pyproject).unwrap(), folder).unwrap()?;
        Some(found.iter().map(|asked| asked.line(Utf8Path::new("/repo"))).collect())
    }

    #[test]
    fn a_package_that_a_tool_takes_from_elsewhere_is_not_looked_for_on_the_index() {
        let repo = Utf8Path::new("/repo");
        for (line, sources, expected) in [
            (
                "My_Lib>=1",
                "[tool.uv.sources]\nmy-lib = {path = 'lib', editable = true}",
                "-e file:///repo/lib",
            ),
            (
                "a[x]",
                "[tool.uv.sources]\na = {git = 'https://example.com/a', tag = 'v1'}",
                "a[x] @ git+https://example.com/a@v1",
            ),
            (
                "a ; os_name == 'posix'",
                "[tool.uv.sources]\na = [{url = 'https://example.com/a.whl', marker = \"sys_platform == 'linux'\"}]",
                "a @ https://example.com/a.whl ; os_name == 'posix' and sys_platform == 'linux'",
            ),
            (
                "a",
                "[tool.poetry.dependencies]\na = {path = 'a', develop = true}",
                "-e file:///repo/a",
            ),
        ] {
            assert_eq!(lines(line, sources, repo), Some(vec![expected.to_owned()]), "{line}");
        }
        for (line, sources) in [
            ("a", "[tool.uv.sources]\nb = {path = 'b'}"),
            ("a", "[tool.uv.sources]\na = {index = 'x'}"),
            ("a", "[tool.poetry.dependencies]\na = '^1'"),
            ("a @ https://example.com/a.whl", "[tool.uv.sources]\na = {path = 'a'}"),
        ] {
            assert_eq!(lines(line, sources, repo), None, "{line} {sources}");
        }
    }

    #[test]
    fn a_member_of_the_workspace_is_taken_from_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        for name in ["one", "two"] {
            std::fs::create_dir_all(folder.join("packages").join(name)).unwrap();
            let text = format!("[project]\nname = 'my.{name}'\n");
            let file = folder.join("packages").join(name).join("pyproject.toml");
            files::write_atomic(&file, text.as_bytes(), 0o644).unwrap();
        }
        let sources = "[tool.uv.workspace]\nmembers = ['packages/*']\n[tool.uv.sources]\n\
                       my-two = {workspace = true}\nmy-three = {workspace = true}\n";
        let expected = vec!["-e file:///repo/packages/two".to_owned()];
        assert_eq!(lines("my-two", sources, folder), Some(expected));
        assert_eq!(lines("my-three", sources, folder), None);
    }
}
