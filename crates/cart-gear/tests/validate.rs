//! The program `gear validate`, with our own cartridges and with mistakes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::os::unix::fs::symlink;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run::{self, Output};
use cart_core::{CommandSpec, GearEnv, files, tree};

/// A copy of a cartridge's sources with what is built added to them.
struct Cartridge {
    _keep: tempfile::TempDir,
    directory: Utf8PathBuf,
}

impl Cartridge {
    /// `source` is relative to the top of the workspace.
    fn assembled(source: &str, scripts: &[&str]) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(keep.path()).unwrap().join("cartridge");
        let top = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        tree::copy(&top.join(source), &directory, |_| false).unwrap();
        let cartridge = Self { _keep: keep, directory };
        cartridge.file("usr/bin/program", "#!/bin/sh\n", 0o755);
        std::fs::create_dir_all(cartridge.directory.join("bin")).unwrap();
        for script in scripts {
            let link = cartridge.directory.join("bin").join(script);
            symlink("../usr/bin/program", link).unwrap();
        }
        cartridge
    }

    fn file(&self, name: &str, text: &str, mode: u32) {
        let path = self.directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, text.as_bytes(), mode).unwrap();
    }

    fn validate(&self, args: &[&str]) -> Output {
        validate(&self.directory, args)
    }
}

fn validate(directory: &Utf8Path, args: &[&str]) -> Output {
    let command = CommandSpec::new(env!("CARGO_BIN_EXE_gear"), &GearEnv::new())
        .args(["validate", directory.as_str()])
        .args(args.iter().copied());
    run::output(&command, Duration::from_secs(30)).unwrap()
}

#[test]
fn our_own_cartridges_are_accepted() {
    for (source, scripts) in [
        ("cartridge", cart_core::entry::Entry::NAMES),
        ("examples/cartridges/static-site/cartridge", &["setup", "control", "teardown"][..]),
    ] {
        let output = Cartridge::assembled(source, scripts).validate(&[]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{source}");
        assert!(output.status.success(), "{source}");
    }
}

#[test]
fn templates_are_checked_and_findings_lead_to_files_that_exist() {
    let cartridge = Cartridge::assembled("examples/cartridges/static-site/cartridge", &["control"]);
    cartridge.file("bin/setup", "#!/bin/sh\n", 0o755);
    cartridge.file("metadata/managed_files.yml", "processed_templates:\n- conf/*.erb\n", 0o644);
    cartridge.file("env/OPENSHIFT_STATIC_SITE_A.erb", "<%= ENV['A' %>\n", 0o644);
    cartridge.file("env/OPENSHIFT_STATIC_SITE_B.erb", "<%= `date` %>\n", 0o644);
    cartridge.file("conf/wrong.conf.erb", "a\n<% if ENV['A'] then %>\nb <% end end %>\n", 0o644);
    cartridge.file("conf/good.conf.erb", "<%= ENV['HOME'] + '/x' %>\n<%= 1 / 0 %>\n", 0o644);
    let output = cartridge.validate(&[]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for line in text.lines() {
        assert!(Utf8Path::new(line.split(':').next().unwrap()).is_file(), "{line}");
    }
    insta::assert_snapshot!(text.replace(cartridge.directory.as_str(), "DIR"));
    assert!(!output.status.success());
}

#[test]
fn warnings_alone_are_no_failure_and_json_has_all_fields() {
    let cartridge = Cartridge::assembled("examples/cartridges/static-site/cartridge", &["control"]);
    cartridge.file("bin/metrics", "#!/bin/sh\n", 0o755);
    let output = cartridge.validate(&["--json"]);
    assert!(output.status.success());
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = serde_json::json!([{
        "file": cartridge.directory.join("bin/metrics"),
        "line": 1,
        "level": "warning",
        "message": "is never run: the manifest has no element Metrics",
    }]);
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_cartridge_at_all_is_refused() {
    let output = validate(Utf8Path::new("/nonexistent/cartridge"), &[]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("gear: cannot list /nonexistent/cartridge: "), "{said}");
    let empty = tempfile::tempdir().unwrap();
    let output = validate(Utf8Path::from_path(empty.path()).unwrap(), &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("metadata/manifest.yml:1: error: "));
}
