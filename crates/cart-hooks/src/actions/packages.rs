//! What is installed for the app, for those who keep lists of that.

use cart_python::PythonApp;
use serde_json::json;

/// A list of objects in a line: type, name and version, by the names of package URLs (purl).
pub(crate) fn list(app: &PythonApp) -> String {
    let (python, packages) = app.installed();
    let python =
        python.map(|version| json!({"type": "generic", "name": "python", "version": version}));
    let packages = packages
        .iter()
        .map(|(name, version)| json!({"type": "pypi", "name": name, "version": version}));
    serde_json::Value::from_iter(python.into_iter().chain(packages)).to_string()
}
