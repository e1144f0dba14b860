//! Hooks of the app's own in `.openshift/action_hooks/` (node-contract.md, control).

use camino::{Utf8Path, Utf8PathBuf};

use crate::scripts::run::is_executable;

/// The hooks of one repository.
#[derive(Clone, Debug)]
pub(crate) struct ActionHooks {
    directory: Utf8PathBuf,
}

/// What is at a hook's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A file that cannot be run, which is worth a word and no more.
    NotExecutable(Utf8PathBuf),
    /// A script.
    Script(Utf8PathBuf),
}

/// When a hook runs, as seen from the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// `pre_`
    Before,
    /// `post_`
    After,
}

impl When {
    /// The name of the hook that runs at this time of `action`.
    #[must_use]
    pub(crate) fn of(self, action: &str) -> String {
        let prefix = match self {
            Self::Before => "pre",
            Self::After => "post",
        };
        format!("{prefix}_{}", action.replace('-', "_"))
    }
}

impl ActionHooks {
    /// The hooks of the code in `repo`.
    #[must_use]
    pub(crate) fn of(repo: &Utf8Path) -> Self {
        Self { directory: repo.join(".openshift/action_hooks") }
    }

    /// The hook called `name`.
    #[must_use]
    pub(crate) fn find(&self, name: &str) -> Found {
        let path = self.directory.join(name);
        if is_executable(&path) {
            Found::Script(path)
        } else if path.is_file() {
            Found::NotExecutable(path)
        } else {
            Found::Nothing
        }
    }

    /// The hooks that are read by the shell which runs the action, for the cartridge `name` and
    /// for this `version` of it, in their order.
    #[must_use]
    pub(crate) fn sourced(
        &self,
        when: When,
        action: &str,
        name: &str,
        version: &str,
    ) -> Vec<Found> {
        let base = format!("{}_{name}", when.of(action));
        [base.clone(), format!("{base}-{version}")]
            .iter()
            .map(|name| self.find(name))
            .filter(|found| *found != Found::Nothing)
            .collect()
    }
}

/// A shell program that reads `before`, runs `control action`, reads `after`, and ends at the
/// first failure. What `before` exports reaches control.
#[must_use]
pub(crate) fn around(
    before: &[Utf8PathBuf],
    control: &Utf8Path,
    action: &str,
    after: &[Utf8PathBuf],
) -> String {
    let read = |hooks: &[Utf8PathBuf]| -> String {
        hooks.iter().map(|hook| format!(". {}\n", quoted(hook.as_str()))).collect()
    };
    format!(
        "set -e\n{}{} {}\n{}",
        read(before),
        quoted(control.as_str()),
        quoted(action),
        read(after)
    )
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    #[test]
    fn names_follow_the_action_and_a_mode_decides() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Utf8Path::from_path(dir.path()).unwrap();
        let hooks = repo.join(".openshift/action_hooks");
        std::fs::create_dir_all(&hooks).unwrap();
        for (name, mode) in [
            ("pre_start", 0o755),
            ("post_start", 0o644),
            ("pre_force_reload_Tiny", 0o755),
            ("pre_force_reload_Tiny-1", 0o644),
        ] {
            files::write_atomic(&hooks.join(name), b"", mode).unwrap();
        }
        let found = ActionHooks::of(repo);
        let script = Found::Script(hooks.join("pre_start"));
        assert_eq!(found.find(&When::Before.of("start")), script);
        let notice = Found::NotExecutable(hooks.join("post_start"));
        assert_eq!(found.find(&When::After.of("start")), notice);
        assert_eq!(found.find("pre_stop"), Found::Nothing);
        assert_eq!(
            found.sourced(When::Before, "force-reload", "Tiny", "1"),
            [
                Found::Script(hooks.join("pre_force_reload_Tiny")),
                Found::NotExecutable(hooks.join("pre_force_reload_Tiny-1")),
            ]
        );
    }

    #[test]
    fn the_shell_program_reads_hooks_around_the_action() {
        let text = around(
            &["/g/it's".into()],
            "/g/tiny/bin/control".into(),
            "start",
            &["/g/after".into()],
        );
        let expected = "set -e\n. '/g/it'\\''s'\n'/g/tiny/bin/control' 'start'\n. '/g/after'\n";
        assert_eq!(text, expected);
    }
}
