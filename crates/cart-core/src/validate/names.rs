//! Names: of the cartridge and its vendor, and of the variables that it ships in `env/`
//! (node-contract.md, manifest.yml and Environment).

use camino::Utf8Path;

use super::facts::Facts;
use super::reading::element::is_variable_name;
use super::reading::finding::{Findings, InFile};
use super::reading::yaml::Entry;

/// Variables that a node writes for every gear (`~/.env`). A file of such a name in `env/` fails
/// configure.
const OF_THE_GEAR: &[&str] = &[
    "GEM_HOME",
    "HISTFILE",
    "OPENSHIFT_APP_DNS",
    "OPENSHIFT_APP_NAME",
    "OPENSHIFT_APP_SSH_KEY",
    "OPENSHIFT_APP_SSH_PUBLIC_KEY",
    "OPENSHIFT_APP_UUID",
    "OPENSHIFT_AUTO_DEPLOY",
    "OPENSHIFT_BROKER_HOST",
    "OPENSHIFT_BUILD_DEPENDENCIES_DIR",
    "OPENSHIFT_CARTRIDGE_SDK_BASH",
    "OPENSHIFT_CARTRIDGE_SDK_RUBY",
    "OPENSHIFT_CLOUD_DOMAIN",
    "OPENSHIFT_DATA_DIR",
    "OPENSHIFT_DEPENDENCIES_DIR",
    "OPENSHIFT_DEPLOYMENTS_DIR",
    "OPENSHIFT_DEPLOYMENT_BRANCH",
    "OPENSHIFT_DEPLOYMENT_TYPE",
    "OPENSHIFT_GEAR_DNS",
    "OPENSHIFT_GEAR_MEMORY_MB",
    "OPENSHIFT_GEAR_NAME",
    "OPENSHIFT_GEAR_UUID",
    "OPENSHIFT_HOMEDIR",
    "OPENSHIFT_KEEP_DEPLOYMENTS",
    "OPENSHIFT_LOG_DIR",
    "OPENSHIFT_NAMESPACE",
    "OPENSHIFT_PRIMARY_CARTRIDGE_DIR",
    "OPENSHIFT_REPO_DIR",
    "OPENSHIFT_SECRET_TOKEN",
    "OPENSHIFT_TMP_DIR",
    "OPENSHIFT_UMASK",
    "TMP",
    "TMPDIR",
    "TMP_DIR",
];

const LONGEST: usize = 32;
/// Directories of every gear that a cartridge's would be in the way of.
const RESERVED: [&str; 2] = ["app-root", "git"];

/// `Name`: it becomes a directory on the gear.
pub(super) fn check_name(entry: &Entry, name: &str, at: &mut InFile<'_>) {
    check_pattern(entry, name, "-._", "[a-z0-9]([a-z0-9_.-]*[a-z0-9])?", at);
    if RESERVED.contains(&name) {
        let message =
            format!("Name '{name}' is reserved; {} are the gear's own", RESERVED.join(", "));
        at.error(entry.value.line, message);
    }
}

/// `Cartridge-Vendor`: with the name, it becomes a directory of the node's repository.
pub(super) fn check_vendor(entry: &Entry, vendor: &str, facts: &Facts, at: &mut InFile<'_>) {
    check_pattern(entry, vendor, "_", "[a-z0-9]([a-z0-9_]*[a-z0-9])?", at);
    if vendor == "redhat" {
        let message = "Cartridge-Vendor 'redhat' is reserved: a broker refuses it in a \
             downloadable cartridge";
        at.note(facts.if_downloadable(), entry.value.line, message);
    }
}

fn check_pattern(entry: &Entry, text: &str, inside: &str, pattern: &str, at: &mut InFile<'_>) {
    let (line, element) = (entry.value.line, entry.key.scalar().unwrap_or_default());
    let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = text.starts_with(simple)
        && text.ends_with(simple)
        && text.chars().all(|c| simple(c) || inside.contains(c));
    if !fits {
        at.error(line, format!("{element} '{text}' does not match pattern {pattern}"));
    }
    if text.chars().count() > LONGEST {
        let message = format!("{element} '{text}' must be no longer than {LONGEST} characters");
        at.error(line, message);
    }
}

/// `Cartridge-Short-Name`: the middle of every variable of the cartridge.
pub(super) fn check_short_name(entry: &Entry, name: &str, at: &mut InFile<'_>) {
    if name.contains('-') {
        let message = format!(
            "Cartridge-Short-Name '{name}' is not valid: it must not contain `-`, because it \
             becomes a part of variables (OPENSHIFT_<SHORT>_DIR)"
        );
        at.error(entry.value.line, message);
    } else if !is_variable_name(&format!("_{name}")) {
        let message = format!(
            "Cartridge-Short-Name '{name}' cannot be a part of a variable; allowed are letters, \
             digits and `_`"
        );
        at.error(entry.value.line, message);
    }
}

/// The files of `env/`.
pub(super) fn check_env(directory: &Utf8Path, facts: &Facts, findings: &mut Findings) {
    let mut names: Vec<String> = match directory.join("env").read_dir_utf8() {
        Ok(entries) => entries.flatten().map(|e| e.file_name().to_owned()).collect(),
        Err(_) => return,
    };
    names.retain(|name| !name.starts_with('.') && !name.ends_with(".rpmnew"));
    let setup = directory.join("bin/setup").exists();
    for file in &names {
        let mut at = findings.in_file(format!("env/{file}"));
        let variable = file.strip_suffix(".erb").unwrap_or(file);
        if variable != file && !setup {
            at.error(1, "is never rendered: a node renders env/*.erb only if there is a bin/setup");
        }
        if variable != file && names.iter().any(|name| name == variable) {
            at.warning(1, format!("replaces env/{variable} when it is rendered; keep one of them"));
        }
        check_variable(variable, facts, &mut at);
    }
}

fn check_variable(variable: &str, facts: &Facts, at: &mut InFile<'_>) {
    if OF_THE_GEAR.contains(&variable) {
        let message = format!("{variable} is the gear's own variable: configure fails; rename it");
        at.error(1, message);
    } else if facts.endpoint_variables.iter().any(|name| name == variable) {
        let message = format!(
            "{variable} is the variable of an endpoint in the manifest, which the node writes for \
             the gear: configure fails; rename it"
        );
        at.error(1, message);
    } else if !is_variable_name(variable) {
        let message =
            format!("`{variable}` is no name that a shell can read; use A-Z, 0-9 and `_`");
        at.warning(1, message);
    } else if variable == "PATH" {
        at.warning(1, "a cartridge's own PATH is ignored; use OPENSHIFT_<SHORT>_PATH_ELEMENT");
    } else if ["DIR", "IDENT"].iter().any(|s| facts.variable(s).as_deref() == Some(variable)) {
        at.warning(1, format!("{variable} is written by the node, over this file"));
    }
    check_path_element(variable, facts, at);
}

/// The node tells the primary cartridge's element by the name of its directory in capitals.
fn check_path_element(variable: &str, facts: &Facts, at: &mut InFile<'_>) {
    let Some(rest) = variable.strip_prefix("OPENSHIFT_") else { return };
    let middle =
        rest.strip_suffix("_LD_LIBRARY_PATH_ELEMENT").or(rest.strip_suffix("_PATH_ELEMENT"));
    if let (Some(middle), Some(name)) = (middle, &facts.name)
        && name.to_uppercase() != middle
    {
        let message = format!(
            "is not put in front of other cartridges' elements: a node looks for \
             OPENSHIFT_{}_..., after the cartridge's directory",
            name.to_uppercase()
        );
        at.warning(1, message);
    }
}
