//! The variables that a node gives to every gear, whatever its cartridge (node-contract.md,
//! Environment).

use camino::Utf8PathBuf;
use cart_core::files::{self, FileError};

use crate::layout::identity;
use crate::layout::paths::Layout;

/// Writes the variables of the gear of the application `name`.
///
/// # Errors
/// [`FileError`] naming a variable's file.
pub(crate) fn write(layout: &Layout, name: &str) -> Result<(), FileError> {
    const NAMESPACE: &str = "local";
    const DOMAIN: &str = "localhost";
    let directory = |path: Utf8PathBuf| format!("{path}/");
    let (home, tmp) = (layout.home().to_owned(), directory(layout.tmp()));
    let dns = format!("{name}-{NAMESPACE}.{DOMAIN}");
    for (variable, value) in [
        ("OPENSHIFT_APP_DNS", dns.clone()),
        ("OPENSHIFT_APP_NAME", name.to_owned()),
        ("OPENSHIFT_APP_UUID", layout.uuid().to_owned()),
        ("OPENSHIFT_GEAR_DNS", dns),
        ("OPENSHIFT_GEAR_NAME", name.to_owned()),
        ("OPENSHIFT_GEAR_UUID", layout.uuid().to_owned()),
        ("OPENSHIFT_GEAR_MEMORY_MB", machine_memory_mb().to_string()),
        ("OPENSHIFT_NAMESPACE", NAMESPACE.to_owned()),
        ("OPENSHIFT_CLOUD_DOMAIN", DOMAIN.to_owned()),
        ("OPENSHIFT_BROKER_HOST", DOMAIN.to_owned()),
        ("OPENSHIFT_SECRET_TOKEN", secret()?),
        ("OPENSHIFT_HOMEDIR", directory(home.clone())),
        ("OPENSHIFT_DATA_DIR", directory(layout.data())),
        ("OPENSHIFT_REPO_DIR", directory(layout.repo())),
        ("OPENSHIFT_DEPENDENCIES_DIR", directory(layout.dependencies())),
        ("OPENSHIFT_BUILD_DEPENDENCIES_DIR", directory(layout.build_dependencies())),
        ("OPENSHIFT_DEPLOYMENTS_DIR", directory(layout.deployments())),
        ("OPENSHIFT_LOG_DIR", directory(layout.logs())),
        ("OPENSHIFT_TMP_DIR", tmp.clone()),
        ("TMP_DIR", tmp.clone()),
        ("TMPDIR", tmp.clone()),
        ("TMP", tmp),
        ("HISTFILE", home.join("app-root/data/.bash_history").into_string()),
        ("GEM_HOME", home.join(".gem").into_string()),
        ("OPENSHIFT_KEEP_DEPLOYMENTS", "1".to_owned()),
        ("OPENSHIFT_AUTO_DEPLOY", "true".to_owned()),
        ("OPENSHIFT_DEPLOYMENT_BRANCH", "master".to_owned()),
        ("OPENSHIFT_DEPLOYMENT_TYPE", "git".to_owned()),
        ("OPENSHIFT_UMASK", "022".to_owned()),
    ] {
        files::write_unsynced(&layout.env().join(variable), value.as_bytes(), 0o640)?;
    }
    Ok(())
}

fn secret() -> Result<String, FileError> {
    Ok([identity::hexadecimal(30)?, identity::hexadecimal(30)?].concat())
}

/// A gear on one's own box is not limited; what it may use is what the machine has.
fn machine_memory_mb() -> u64 {
    let system = rustix::system::sysinfo();
    // The type is the machine's word, 32 bits on some.
    #[allow(clippy::useless_conversion, reason = "32 bits wide on 32-bit machines")]
    let total = u64::from(system.totalram);
    total * u64::from(system.mem_unit) / (1024 * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::sources;

    #[test]
    fn directories_end_in_a_slash_where_the_contract_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let home = camino::Utf8Path::from_path(dir.path()).unwrap().join("g");
        let layout = Layout::new(home, "0123");
        layout.create().unwrap();
        write(&layout, "app").unwrap();
        let written = sources::variables(&layout.env()).unwrap();
        for (name, value) in &written {
            let (name, value) = (name.to_str().unwrap(), value.to_str().unwrap());
            let is_directory = name.ends_with("DIR") || name == "TMP";
            assert_eq!(value.ends_with('/'), is_directory, "{name}={value}");
            assert!(!is_directory || camino::Utf8Path::new(value).is_dir(), "{name}={value}");
            assert!(!value.is_empty(), "{name}");
        }
        assert_eq!(written.len(), 29);
    }
}
