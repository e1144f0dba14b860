//! What a library offers to others, by its `lib.rs`: the list in its README.

use camino::Utf8Path;
use syn::{Item, UseTree, Visibility};

/// A line for each name: that of a module with the names in it.
pub(super) fn of(src: &Utf8Path) -> Vec<String> {
    let mut lines = Vec::new();
    for item in parsed(&src.join("lib.rs")) {
        match item {
            Item::Use(it) if is_public(&it.vis) => used(&it.tree, &mut Vec::new(), src, &mut lines),
            Item::Mod(it) if is_public(&it.vis) => {
                lines.push(module(&it.ident.to_string(), &[it.ident.to_string()], src));
            }
            other => lines.extend(name(&other).map(|name| format!("- `{name}`"))),
        }
    }
    lines.sort_unstable();
    lines
}

fn used(tree: &UseTree, before: &mut Vec<String>, src: &Utf8Path, lines: &mut Vec<String>) {
    match tree {
        UseTree::Path(tree) => {
            before.push(tree.ident.to_string());
            used(&tree.tree, before, src, lines);
            before.pop();
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| used(tree, before, src, lines));
        }
        UseTree::Name(tree) => {
            let name = tree.ident.to_string();
            let mut path = before.clone();
            if name != "self" {
                path.push(name);
            }
            let name = path.last().cloned().unwrap_or_default();
            let is_module =
                name.starts_with(|c: char| c.is_lowercase()) && file(&path, src).is_some();
            lines.push(if is_module { module(&name, &path, src) } else { format!("- `{name}`") });
        }
        UseTree::Rename(tree) => lines.push(format!("- `{}`", tree.rename)),
        UseTree::Glob(_) => panic!("a glob hides what is offered"),
    }
}

fn module(name: &str, path: &[String], src: &Utf8Path) -> String {
    let file = file(path, src).unwrap_or_else(|| panic!("{path:?}"));
    let names: Vec<String> = parsed(&file).iter().flat_map(names_of).collect();
    format!("- `{name}`: {}", names.join(", "))
}

fn file(path: &[String], src: &Utf8Path) -> Option<camino::Utf8PathBuf> {
    let place = path.iter().fold(src.to_owned(), |place, name| place.join(name));
    let files = [place.with_extension("rs"), place.join("mod.rs")];
    files.into_iter().find(|file| file.is_file())
}

/// The names that an item of a module makes public, in code.
fn names_of(item: &Item) -> Vec<String> {
    let names = match item {
        Item::Use(it) if is_public(&it.vis) => {
            let mut lines = Vec::new();
            last_names(&it.tree, &mut lines);
            lines
        }
        other => name(other).into_iter().collect(),
    };
    names.into_iter().map(|name| format!("`{name}`")).collect()
}

fn last_names(tree: &UseTree, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(tree) => last_names(&tree.tree, names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| last_names(tree, names)),
        UseTree::Name(tree) => names.push(tree.ident.to_string()),
        UseTree::Rename(tree) => names.push(tree.rename.to_string()),
        UseTree::Glob(_) => {}
    }
}

fn name(item: &Item) -> Option<String> {
    let (visibility, name) = match item {
        Item::Fn(it) => (&it.vis, &it.sig.ident),
        Item::Struct(it) => (&it.vis, &it.ident),
        Item::Enum(it) => (&it.vis, &it.ident),
        Item::Trait(it) => (&it.vis, &it.ident),
        Item::Type(it) => (&it.vis, &it.ident),
        Item::Const(it) => (&it.vis, &it.ident),
        Item::Static(it) => (&it.vis, &it.ident),
        Item::Mod(it) => (&it.vis, &it.ident),
        _ => return None,
    };
    is_public(visibility).then(|| name.to_string())
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn parsed(file: &Utf8Path) -> Vec<Item> {
    let text = std::fs::read_to_string(file).unwrap();
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}")).items
}
