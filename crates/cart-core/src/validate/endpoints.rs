//! `Endpoints` in `metadata/manifest.yml` (node-contract.md, manifest.yml).

use super::facts::{ENDPOINT_NAMES, Facts};
use super::reading::element::{check_keys, instead, is_variable_name};
use super::reading::finding::{InFile, Level};
use super::reading::yaml::{Node, Value};

const KNOWN: &[&str] = &[
    "Private-IP-Name",
    "Private-Port-Name",
    "Private-Port",
    "Public-Port-Name",
    "WebSocket-Port-Name",
    "WebSocket-Port",
    "Protocols",
    "Description",
    "Options",
    "Mappings",
];
const REQUIRED: [&str; 3] = ["Private-IP-Name", "Private-Port-Name", "Private-Port"];
const OPTIONS: &[&str] = &["ssl_to_gear", "primary"];
/// What a front end acts on.
const MAPPING_OPTIONS: &[&str] = &[
    "websocket",
    "connections",
    "bandwidth",
    "health",
    "redirect",
    "file",
    "gone",
    "forbidden",
    "noproxy",
    "tohttps",
    "ssl_to_gear",
    "target_update",
];

pub(super) fn check(root: &Node, facts: &Facts, at: &mut InFile<'_>) {
    let Some(entry) = root.get("Endpoints").filter(|entry| !entry.value.is_null()) else { return };
    if !entry.value.is_list() {
        return at.error(entry.key.line, "Endpoints is not valid: it must be a list");
    }
    let mut ports = Taken::default();
    for endpoint in entry.value.items() {
        if !endpoint.is_map() {
            let message = "Couldn't parse endpoint entry: it must be a map of elements";
            at.error(endpoint.line, message);
            continue;
        }
        check_endpoint(endpoint, at);
        ports.check(endpoint, at);
        check_options(endpoint, "an endpoint's Options", OPTIONS, at);
        check_mappings(endpoint, facts, at);
    }
}

fn check_endpoint(endpoint: &Node, at: &mut InFile<'_>) {
    check_keys(endpoint, "an endpoint", KNOWN, Level::Warning, at);
    for name in REQUIRED {
        if endpoint.get(name).is_none_or(|e| e.value.scalar().is_none()) {
            let message = format!(
                "Couldn't parse endpoint entry: {name} is missing; {} are all required",
                REQUIRED.join(", ")
            );
            at.error(endpoint.line, message);
        }
    }
    for name in ENDPOINT_NAMES {
        let Some(value) = endpoint.get(name).map(|e| &e.value) else { continue };
        if let Some(text) = value.scalar()
            && !is_variable_name(&format!("_{text}"))
        {
            let message = format!(
                "{name} '{text}' cannot end a variable; allowed are letters, digits and `_`"
            );
            at.error(value.line, message);
        }
    }
    for name in ["Private-Port", "WebSocket-Port"] {
        let Some(port) = endpoint.get(name).map(|e| &e.value) else { continue };
        match port.value {
            Value::Integer(1024..=65535) => {}
            Value::Integer(1..1024) => {
                let message = format!("{name} is below 1024: a gear's user may not listen there");
                at.error(port.line, message);
            }
            _ => at.error(
                port.line,
                format!("{name} must be an integer, without quotes, from 1024 to 65535"),
            ),
        }
    }
    if let Some(port) = endpoint.get("WebSocket-Port")
        && endpoint.get("WebSocket-Port-Name").is_none()
    {
        at.warning(port.key.line, "WebSocket-Port without WebSocket-Port-Name has no variable");
    }
}

/// Addresses and variables that earlier endpoints have.
#[derive(Default)]
struct Taken<'a> {
    addresses: Vec<(&'a str, &'a str)>,
    port_names: Vec<&'a str>,
}

impl<'a> Taken<'a> {
    fn check(&mut self, endpoint: &'a Node, at: &mut InFile<'_>) {
        let of = |name| endpoint.get(name).and_then(|e| e.value.scalar());
        if let (Some(ip), Some(port)) = (of("Private-IP-Name"), of("Private-Port")) {
            if self.addresses.contains(&(ip, port)) {
                let message = format!(
                    "port {port} of {ip} belongs to an endpoint above: configure fails; take \
                     another Private-Port or Private-IP-Name"
                );
                at.error(endpoint.line, message);
            }
            self.addresses.push((ip, port));
        }
        let Some(name) = of("Private-Port-Name") else { return };
        if self.port_names.contains(&name) {
            let message =
                format!("Private-Port-Name '{name}' stands for two ports; one variable holds one");
            at.error(endpoint.line, message);
        }
        self.port_names.push(name);
    }
}

/// `Options` are a map of names, or a list.
fn check_options(holder: &Node, of: &str, known: &[&str], at: &mut InFile<'_>) {
    let Some(options) = holder.get("Options").map(|e| &e.value) else { return };
    let keys = options.entries().iter().map(|entry| &entry.key);
    for option in keys.chain(options.items()) {
        let name = option.scalar().unwrap_or_default();
        if !known.contains(&name) {
            let message =
                format!("{of}: nothing acts on the option `{name}`; {}", instead(name, known));
            at.warning(option.line, message);
        }
    }
}

fn check_mappings(endpoint: &Node, facts: &Facts, at: &mut InFile<'_>) {
    let Some(entry) = endpoint.get("Mappings").filter(|e| !e.value.is_null()) else { return };
    if !entry.value.is_list() {
        return at.error(entry.key.line, "Mappings is not valid: it must be a list");
    }
    if let Some(protocols) = endpoint.get("Protocols") {
        let items = protocols.value.items();
        if !protocols.value.is_list() {
            at.error(protocols.key.line, "Protocols is not valid: it must be a list");
        } else if !items.iter().any(|p| matches!(p.scalar(), Some("http" | "https"))) {
            let message = "Mappings of an endpoint without the protocol http or https are ignored \
                 by the node's front end";
            at.warning(protocols.key.line, message);
        }
    }
    for mapping in entry.value.items() {
        check_mapping(mapping, facts, at);
    }
}

fn check_mapping(mapping: &Node, facts: &Facts, at: &mut InFile<'_>) {
    if !mapping.is_map() {
        let message = "Couldn't parse endpoint entry: a mapping holds Frontend and Backend";
        return at.error(mapping.line, message);
    }
    check_keys(mapping, "a mapping", &["Frontend", "Backend", "Options"], Level::Warning, at);
    let lacks = |name| mapping.get(name).is_none_or(|e| e.value.scalar().is_none());
    if lacks("Frontend") {
        let message = "a mapping needs a Frontend; the whole site is '' (with quotes)";
        at.error(mapping.line, message);
    }
    if lacks("Backend") {
        let message = "a mapping without Backend leads nowhere; the whole app is '' (with quotes)";
        at.warning(mapping.line, message);
    }
    if let Some(entry) = mapping.get("Frontend")
        && entry.value.text() == Some("")
        && !facts.is("web_framework")
        && !facts.is("web_proxy")
    {
        let message = "Frontend '' is honoured only for the primary cartridge of a gear or a \
             web_proxy; take a path of its own";
        at.warning(entry.key.line, message);
    }
    check_options(mapping, "a mapping's Options", MAPPING_OPTIONS, at);
}
