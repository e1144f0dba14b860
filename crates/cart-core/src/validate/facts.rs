//! What is known of a manifest, for all checks: its place, its elements, what it says.

use super::reading::finding::Level;
use super::reading::yaml::Node;

/// The manifest's place in a cartridge.
pub(super) const FILE: &str = "metadata/manifest.yml";

/// The elements that there are (node-contract.md, manifest.yml).
pub(super) const KNOWN: &[&str] = &[
    "Additional-Control-Actions",
    "Architecture",
    "Cart-Data",
    "Cartridge-Short-Name",
    "Cartridge-Vendor",
    "Cartridge-Version",
    "Categories",
    "Compatible-Versions",
    "Components",
    "Configure-Order",
    "Conflicts",
    "Connections",
    "Description",
    "Display-Name",
    "Endpoints",
    "Group-Overrides",
    "Help-Topics",
    "Install-Build-Required",
    "License",
    "License-Url",
    "Metrics",
    "Name",
    "Native-Requires",
    "Obsolete",
    "Platform",
    "Provides",
    "Publishes",
    "Requires",
    "Scaling",
    "Source-Md5",
    "Source-Url",
    "Subscribes",
    "Suggests",
    "Vendor",
    "Version",
    "Version-Overrides",
    "Versions",
    "Website",
];

/// What the other checks want to know of a manifest.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) name: Option<String>,
    pub(super) short_name: Option<String>,
    /// It says where the cartridge is to be downloaded from.
    pub(super) downloadable: bool,
    /// The line of `Metrics`.
    pub(super) metrics: Option<usize>,
    pub(super) categories: Vec<String>,
    pub(super) endpoint_variables: Vec<String>,
}

impl Facts {
    pub(super) fn of(root: &Node) -> Self {
        let text = |name| root.get(name).and_then(|e| e.value.scalar()).map(str::to_owned);
        let mut facts = Self {
            name: text("Name"),
            short_name: text("Cartridge-Short-Name"),
            downloadable: root.get("Source-Url").is_some(),
            metrics: root.get("Metrics").map(|entry| entry.key.line),
            categories: strings(root.get("Categories").map(|e| &e.value)),
            endpoint_variables: Vec::new(),
        };
        let names = names(root);
        facts.endpoint_variables = names.filter_map(|name| facts.variable(name)).collect();
        facts
    }

    /// How bad it is what a broker refuses only in a downloadable cartridge.
    pub(super) fn if_downloadable(&self) -> Level {
        if self.downloadable { Level::Error } else { Level::Warning }
    }

    /// `OPENSHIFT_<SHORT>_<suffix>`.
    pub(super) fn variable(&self, suffix: &str) -> Option<String> {
        let short = self.short_name.as_deref()?.to_uppercase();
        Some(format!("OPENSHIFT_{short}_{suffix}"))
    }

    /// The name of the cartridge's directory on a gear.
    pub(super) fn directory(&self) -> Option<String> {
        self.name.as_deref().map(str::to_lowercase)
    }

    pub(super) fn is(&self, category: &str) -> bool {
        self.categories.iter().any(|c| c == category)
    }
}

fn strings(list: Option<&Node>) -> Vec<String> {
    let Some(list) = list else { return Vec::new() };
    // A single text is searched as a list is.
    let items = if list.is_list() { list.items() } else { std::slice::from_ref(list) };
    items.iter().filter_map(Node::scalar).map(str::to_owned).collect()
}

pub(super) const ENDPOINT_NAMES: [&str; 4] =
    ["Private-IP-Name", "Private-Port-Name", "Public-Port-Name", "WebSocket-Port-Name"];

/// The names of all variables that the endpoints of a manifest make, without their prefix.
fn names(root: &Node) -> impl Iterator<Item = &str> {
    let endpoints = root.get("Endpoints").map(|e| e.value.items()).unwrap_or_default();
    endpoints.iter().flat_map(|e| ENDPOINT_NAMES.iter().filter_map(|n| e.get(n)?.value.scalar()))
}
