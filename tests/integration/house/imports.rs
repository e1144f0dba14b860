//! Which file of a crate imports from which other: by `use`, and by paths in its code. What is compiled
//! for tests only does not count.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The path of a module in its crate; the root's is empty.
type Path = Vec<String>;

/// The modules of a crate that are files of their own.
#[derive(Debug)]
pub(super) struct Crate {
    root: Utf8PathBuf,
    modules: BTreeMap<Path, Module>,
}

#[derive(Debug, Default)]
struct Module {
    /// Those that it declares, in its order.
    children: Vec<String>,
    /// Paths that stand in it, as they stand there.
    paths: BTreeSet<Path>,
}

impl Crate {
    /// The crate that is compiled from `root`.
    pub(super) fn read(root: &Utf8Path) -> Self {
        let mut found = Self { root: root.to_owned(), modules: BTreeMap::new() };
        found.add(Vec::new(), root, root.parent().unwrap());
        found
    }

    fn add(&mut self, path: Path, file: &Utf8Path, below: &Utf8Path) {
        let text = std::fs::read_to_string(file).unwrap();
        let tree = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut module = Module::default();
        module.visit_file(&tree);
        for child in &module.children {
            let files = [below.join(format!("{child}.rs")), below.join(child).join("mod.rs")];
            let Some(file) = files.iter().find(|file| file.is_file()) else { continue };
            let mut path = path.clone();
            path.push(child.clone());
            self.add(path, file, &below.join(child));
        }
        self.modules.insert(path, module);
    }

    /// The imports of `from`: the modules that its paths lead to, and by which path. A file's use of the
    /// ones that it is in does not count: they are what its folder has in common.
    fn imports(&self, from: &Path) -> BTreeMap<&Path, String> {
        let mut found = BTreeMap::new();
        for path in &self.modules[from].paths {
            let Some(absolute) = self.absolute(from, path) else { continue };
            let longest = (0..=absolute.len()).rev().map(|length| absolute[..length].to_vec());
            let known = longest.into_iter().find_map(|path| self.modules.get_key_value(&path));
            if let Some((to, _)) = known.filter(|(to, _)| !from.starts_with(to)) {
                found.insert(to, path.join("::"));
            }
        }
        found
    }

    fn absolute(&self, from: &Path, path: &Path) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        let mut absolute = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            // A word alone may be anything's name.
            child
                if !rest.is_empty() && self.modules[from].children.iter().any(|it| it == child) =>
            {
                [from.as_slice(), &[child.to_owned()]].concat()
            }
            _ => return None,
        };
        for name in rest {
            if name == "super" {
                absolute.pop()?;
            } else {
                absolute.push(name.clone());
            }
        }
        Some(absolute)
    }

    /// The imports that are on a way which leads back to where it began.
    pub(super) fn circles(&self) -> Vec<String> {
        let imports: BTreeMap<&Path, BTreeMap<&Path, String>> =
            self.modules.keys().map(|path| (path, self.imports(path))).collect();
        let mut left: BTreeSet<&Path> = self.modules.keys().collect();
        loop {
            let is_end = |path: &Path| {
                let leads_on = imports[path].keys().any(|to| left.contains(*to));
                !leads_on || !left.iter().any(|other| imports[*other].contains_key(path))
            };
            let over: Vec<&Path> = left.iter().copied().filter(|path| is_end(path)).collect();
            if over.is_empty() {
                break;
            }
            left.retain(|path| !over.contains(path));
        }
        let leading_on = |from: &Path| {
            let leading_on = imports[from].iter().filter(|(to, _)| left.contains(*to));
            leading_on.map(|(to, by)| self.line(from, to, by)).collect::<Vec<_>>()
        };
        left.iter().flat_map(|from| leading_on(from)).collect()
    }

    /// The imports of the root's modules from one that it declares after them.
    pub(super) fn climbing(&self) -> Vec<String> {
        let order = &self.modules[&Vec::new()].children;
        let place = |path: &Path| order.iter().position(|name| Some(name) == path.first());
        let mut lines = Vec::new();
        for from in self.modules.keys() {
            for (to, by) in self.imports(from) {
                if place(to) > place(from) && !from.is_empty() {
                    lines.push(self.line(from, to, &by));
                }
            }
        }
        lines
    }

    fn line(&self, from: &Path, to: &Path, by: &str) -> String {
        format!("{}: {} imports {} by {by}", self.root, from.join("::"), to.join("::"))
    }
}

impl Module {
    fn add_tree(&mut self, tree: &syn::UseTree, before: &Path) {
        let joined = |name: &syn::Ident| [before.as_slice(), &[name.to_string()]].concat();
        let path = match tree {
            syn::UseTree::Path(tree) => return self.add_tree(&tree.tree, &joined(&tree.ident)),
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add_tree(tree, before));
            }
            syn::UseTree::Name(syn::UseName { ident })
            | syn::UseTree::Rename(syn::UseRename { ident, .. })
                if ident != "self" =>
            {
                joined(ident)
            }
            syn::UseTree::Name(_) | syn::UseTree::Rename(_) | syn::UseTree::Glob(_) => {
                before.clone()
            }
        };
        self.paths.insert(path);
    }

    /// The paths in what a macro is given.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.paths.insert(std::mem::take(&mut path));
                    self.add_tokens(group.stream());
                }
                _ => {
                    self.paths.insert(std::mem::take(&mut path));
                }
            }
        }
        self.paths.insert(path);
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(it) => &it.attrs,
            syn::Item::Fn(it) => &it.attrs,
            syn::Item::Use(it) => &it.attrs,
            syn::Item::Impl(it) => &it.attrs,
            _ => &Vec::new(),
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() {
            self.children.push(item.ident.to_string());
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&item.tree, &Path::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.insert(path.segments.iter().map(|part| part.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
    }
}

fn is_for_tests(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|what| what.is_ident("test"))
}
