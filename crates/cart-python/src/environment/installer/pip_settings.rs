//! What people set for pip, in variables and in files, in uv's words.
//!
//! uv reads none of it. So that an app is installed from the same indexes whoever does the work,
//! each setting is translated; one that has no translation leaves the work to pip. Places and order
//! of the files, and of their sections, are pip's (`configuration.py`, `locations.py`).

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{GearEnv, files};

/// No configuration file is longer.
const LONGEST: u64 = 256 * 1024;

/// Settings that change what is printed, asked or kept, but not what is installed.
const WITHOUT_EFFECT: &[&str] = &[
    "cache-dir",
    "compile",
    "debug",
    "disable-pip-version-check",
    "exists-action",
    "log",
    "log-file",
    "no-cache-dir",
    "no-color",
    "no-compile",
    "no-input",
    "no-python-version-warning",
    "no-warn-conflicts",
    "no-warn-script-location",
    "progress-bar",
    "quiet",
    "require-virtualenv",
    "resume-retries",
    "retries",
    "root-user-action",
    "verbose",
];

/// pip's settings for uv.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    /// Options of `uv pip install`.
    pub(super) args: Vec<String>,
    /// Variables, which those that somebody set for uv itself go before.
    pub(super) variables: Vec<(&'static str, String)>,
}

/// The settings that pip would find in `env`, and for the environment in `venv`.
///
/// # Errors
/// In words, the one that uv cannot be told.
pub(super) fn translated(env: &GearEnv, venv: &Utf8Path) -> Result<Translated, String> {
    let mut found = Translated::default();
    for (name, setting) in settings(env, venv) {
        found.take(&name, &setting.value).map_err(|Untold| {
            format!("{} is set in {}, which uv has no word for", name, setting.place)
        })?;
    }
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let path = env.get(name).and_then(|path| path.to_str()).filter(|path| !path.is_empty());
        path.iter().for_each(|path| found.trust(path));
    }
    Ok(found)
}

/// A setting that uv has no word for.
struct Untold;

impl Translated {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Untold> {
        let words = || value.split_whitespace().map(str::to_owned);
        match name {
            "index-url" | "pypi-url" => self.set("UV_DEFAULT_INDEX", value),
            "extra-index-url" => {
                self.set("UV_EXTRA_INDEX_URL", &words().collect::<Vec<_>>().join(" "));
            }
            // Not among the arguments, which everybody on the machine can read: it may be a URL with
            // a password.
            "find-links" => self.set("UV_FIND_LINKS", &words().collect::<Vec<_>>().join(",")),
            "trusted-host" => self.each("--allow-insecure-host", words()),
            "constraint" => self.each("-c", words()),
            "no-binary" | "only-binary" => {
                let option = format!("--{name}");
                let names = value.split([',', ' ', '\n']).map(str::trim).filter(|n| !n.is_empty());
                self.each(&option, names.map(str::to_owned));
            }
            "cert" => self.trust(value),
            "proxy" => self.set("ALL_PROXY", value),
            "timeout" | "default-timeout" => self.set("UV_HTTP_TIMEOUT", value),
            "no-index" => self.when(value, &["--no-index"])?,
            "pre" => self.when(value, &["--prerelease", "allow"])?,
            "require-hashes" => self.when(value, &["--require-hashes"])?,
            "no-deps" | "no-dependencies" => self.when(value, &["--no-deps"])?,
            name if WITHOUT_EFFECT.contains(&name) => {}
            _ if matches!(is_on(value), Ok(false)) => {}
            _ => return Err(Untold),
        }
        Ok(())
    }

    fn set(&mut self, variable: &'static str, value: &str) {
        self.variables.push((variable, value.to_owned()));
    }

    fn each(&mut self, option: &str, values: impl Iterator<Item = String>) {
        self.args.extend(values.flat_map(|value| [option.to_owned(), value]));
    }

    fn when(&mut self, value: &str, words: &[&str]) -> Result<(), Untold> {
        if is_on(value)? {
            self.args.extend(words.iter().map(|word| (*word).to_owned()));
        }
        Ok(())
    }

    fn trust(&mut self, path: &str) {
        let is_directory = Utf8Path::new(path).is_dir();
        self.set(if is_directory { "SSL_CERT_DIR" } else { "SSL_CERT_FILE" }, path);
    }
}

/// pip's own words for yes and no.
fn is_on(value: &str) -> Result<bool, Untold> {
    match value.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err(Untold),
    }
}

/// A setting and where it is.
struct Setting {
    value: String,
    place: String,
}

fn settings(env: &GearEnv, venv: &Utf8Path) -> BTreeMap<String, Setting> {
    // By section first: what a file says for `install` goes before any `global`.
    let mut sections: [BTreeMap<String, Setting>; 3] = Default::default();
    for file in configuration_files(env, venv) {
        let is_short = std::fs::metadata(&file).is_ok_and(|m| m.is_file() && m.len() <= LONGEST);
        let Some(content) = is_short.then(|| files::read(&file).ok()).flatten() else { continue };
        for (section, name, value) in entries(&String::from_utf8_lossy(&content)) {
            let place = match section.as_str() {
                "global" => &mut sections[0],
                "install" => &mut sections[1],
                _ => continue,
            };
            place.insert(name, Setting { value, place: file.to_string() });
        }
    }
    for (variable, value) in env.iter() {
        let (Some(variable), Some(value)) = (variable.to_str(), value.to_str()) else { continue };
        if let Some(name) = variable.strip_prefix("PIP_").filter(|name| *name != "CONFIG_FILE") {
            let place = variable.to_owned();
            sections[2].insert(option(name), Setting { value: value.to_owned(), place });
        }
    }
    let mut merged = BTreeMap::new();
    sections.into_iter().for_each(|section| merged.extend(section));
    merged.retain(|_, setting| !setting.value.is_empty());
    super::pip::NOT_HONOURED.iter().for_each(|name| {
        // pip does not get these variables, but it reads the files.
        let name = option(&name["PIP_".len()..]);
        if merged.get(&name).is_some_and(|setting| setting.place.starts_with("PIP_")) {
            merged.remove(&name);
        }
    });
    merged
}

fn option(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-").trim_start_matches('-').to_owned()
}

/// pip's configuration files, those that count more behind the others.
fn configuration_files(env: &GearEnv, venv: &Utf8Path) -> Vec<Utf8PathBuf> {
    let get = |name: &str| env.get(name).and_then(|v| v.to_str()).filter(|v| !v.is_empty());
    let named = get("PIP_CONFIG_FILE");
    if named == Some("/dev/null") {
        return Vec::new();
    }
    let machine = get("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
    let mut found: Vec<Utf8PathBuf> =
        machine.split(':').map(|dir| Utf8Path::new(dir).join("pip/pip.conf")).collect();
    found.push("/etc/pip.conf".into());
    if let Some(home) = get("HOME").map(Utf8Path::new) {
        let configuration = get("XDG_CONFIG_HOME").map_or(home.join(".config"), Utf8PathBuf::from);
        found.extend([home.join(".pip/pip.conf"), configuration.join("pip/pip.conf")]);
    }
    found.push(venv.join("pip.conf"));
    found.extend(named.map(Utf8PathBuf::from));
    found
}

/// Section, option and value of each entry, as Python's `configparser` reads them.
fn entries(text: &str) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut section = String::new();
    for line in text.lines() {
        let said = line.trim();
        if said.is_empty() || said.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            if let Some((_, _, value)) = found.last_mut() {
                value.push('\n');
                value.push_str(said);
            }
        } else if let Some(name) = said.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.to_owned();
        } else {
            let (name, value) = said.split_once(['=', ':']).unwrap_or((said, ""));
            found.push((section.clone(), option(name.trim()), value.trim().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(env: &GearEnv) -> Result<Translated, String> {
        // No file of this machine counts.
        let env = match env.get("PIP_CONFIG_FILE") {
            None => env.clone().with("PIP_CONFIG_FILE", "/dev/null"),
            Some(_) => env.clone(),
        };
        translated(&env, Utf8Path::new("/nonexistent"))
    }

    #[test]
    fn indexes_and_the_like_are_translated() {
        let env = GearEnv::new()
            .with("PIP_INDEX_URL", "https://a.example.com/simple")
            .with("PIP_EXTRA_INDEX_URL", "https://b.example.com  https://c.example.com")
            .with("PIP_FIND_LINKS", "/shelf ./wheels")
            .with("PIP_NO_INDEX", "yes")
            .with("PIP_PRE", "0")
            .with("PIP_NO_BINARY", "one,two")
            .with("PIP_NO_COMPILE", "1")
            .with("PIP_CERT", "/etc/ca.pem")
            .with("PIP_TARGET", "/elsewhere")
            .with("PIP_QUIET", "1");
        let found = of(&env).unwrap();
        assert_eq!(found.args.join(" "), "--no-binary one --no-binary two --no-index");
        let variables: Vec<String> =
            found.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            variables,
            [
                "SSL_CERT_FILE=/etc/ca.pem",
                "UV_EXTRA_INDEX_URL=https://b.example.com https://c.example.com",
                "UV_FIND_LINKS=/shelf,./wheels",
                "UV_DEFAULT_INDEX=https://a.example.com/simple",
            ]
        );
    }

    #[test]
    fn what_uv_has_no_word_for_is_named_with_its_place() {
        let error = of(&GearEnv::new().with("PIP_PREFER_BINARY", "1")).unwrap_err();
        assert_eq!(error, "prefer-binary is set in PIP_PREFER_BINARY, which uv has no word for");
        assert_eq!(of(&GearEnv::new().with("PIP_PREFER_BINARY", "no")).unwrap().args, [""; 0]);
        assert!(of(&GearEnv::new().with("PIP_NO_INDEX", "perhaps")).is_err());
    }

    #[test]
    fn files_count_as_pip_reads_them_and_less_than_variables() {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap();
        let own = home.join("own.conf");
        std::fs::create_dir_all(home.join(".config/pip")).unwrap();
        let write = |path: &Utf8Path, text: &str| {
            files::write_atomic(path, text.as_bytes(), 0o644).unwrap();
        };
        write(
            &home.join(".config/pip/pip.conf"),
            "# mine\n[global]\nfind-links =\n    /one\n    # not this\n    /two\nno_index = true\n\
             [install]\ntimeout: 7\n[freeze]\nall = 1\n",
        );
        write(&own, "[global]\ntimeout = 9\nno-index = false\n");
        let env = GearEnv::new()
            .with("HOME", home.as_str())
            .with("XDG_CONFIG_DIRS", "/nonexistent")
            .with("PIP_CONFIG_FILE", own.as_str());
        let found = translated(&env, home).unwrap();
        let links = ("UV_FIND_LINKS", "/one,/two".to_owned());
        assert!(found.variables.contains(&links), "{found:?}");
        assert!(!found.args.contains(&"--no-index".to_owned()), "{:?}", found.args);
        assert!(found.variables.contains(&("UV_HTTP_TIMEOUT", "7".to_owned())), "{found:?}");
        let env = env.with("PIP_TIMEOUT", "5");
        let found = translated(&env, home).unwrap();
        assert!(found.variables.contains(&("UV_HTTP_TIMEOUT", "5".to_owned())), "{found:?}");
        write(&own, "[install]\ntarget = /elsewhere\n");
        let error = translated(&env, home).unwrap_err();
        assert_eq!(error, format!("target is set in {own}, which uv has no word for"));
    }
}
