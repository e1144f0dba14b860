//! What somebody pushed, and what of it the gear is to deploy.

use cart_core::files::{self, FileError};

use crate::deploy::deployments::KEEP;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::paths::Layout;

const BRANCH: &str = "OPENSHIFT_DEPLOYMENT_BRANCH";
const AUTO_DEPLOY: &str = "OPENSHIFT_AUTO_DEPLOY";
const TYPE: &str = "OPENSHIFT_DEPLOYMENT_TYPE";

/// One line that git gives to `pre-receive` and `post-receive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRef {
    /// The whole name, `refs/heads/master` for example.
    pub name: String,
    /// What it was; none when it is new.
    pub old: Option<String>,
    /// What it is to be; none when it is deleted.
    pub new: Option<String>,
}

impl PushedRef {
    /// The refs in the standard input of a hook: `OLD NEW NAME` in each line.
    #[must_use]
    pub fn parse(input: &str) -> Vec<Self> {
        let object = |text: &str| (!text.chars().all(|c| c == '0')).then(|| text.to_owned());
        input
            .lines()
            .filter_map(|line| {
                let mut words = line.splitn(3, ' ');
                let (old, new, name) = (words.next()?, words.next()?, words.next()?);
                Some(Self { name: name.to_owned(), old: object(old), new: object(new) })
            })
            .collect()
    }

    /// As people call it.
    fn short(&self) -> String {
        match (self.name.strip_prefix("refs/heads/"), self.name.strip_prefix("refs/tags/")) {
            (Some(branch), _) => format!("the branch {branch}"),
            (_, Some(tag)) => format!("the tag {tag}"),
            _ => self.name.clone(),
        }
    }
}

/// What a gear's variables say of pushes (node-contract.md, Environment).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The branch that is deployed.
    pub branch: String,
    /// Whether a push is deployed by itself.
    pub auto_deploy: bool,
    /// Whether the gear is deployed by git at all.
    pub by_git: bool,
}

impl Settings {
    /// Those of a gear.
    ///
    /// # Errors
    /// [`FileError`] naming a variable's file that cannot be read.
    pub(crate) fn of(layout: &Layout) -> Result<Self, FileError> {
        let read = |name: &str| -> Result<String, FileError> {
            let content = files::read_if_exists(&layout.env().join(name))?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&content).trim().to_owned())
        };
        let branch = read(BRANCH)?;
        Ok(Self {
            branch: if branch.is_empty() { "master".to_owned() } else { branch },
            auto_deploy: read(AUTO_DEPLOY)? != "false",
            by_git: read(TYPE)? != "binary",
        })
    }
}

impl GearOnDisk {
    /// Sets how many deployments the gear keeps, at least one; the next deployment removes others.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep_deployments(&self, count: u32) -> Result<(), FileError> {
        self.set_variable(KEEP, &count.max(1).to_string())
    }

    /// Sets the branch that is deployed when it is pushed.
    ///
    /// # Errors
    /// [`GearError`], also when no branch can have this name.
    pub fn set_deployment_branch(&self, branch: &str) -> Result<(), GearError> {
        if let Some(repository) = self.repository_if_any()? {
            repository.set_branch(branch)?;
        }
        Ok(self.set_variable(BRANCH, branch)?)
    }

    /// Sets whether a push is deployed by itself.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn set_auto_deploy(&self, auto: bool) -> Result<(), FileError> {
        self.set_variable(AUTO_DEPLOY, if auto { "true" } else { "false" })
    }

    /// Sets whether the gear takes pushes.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn set_deployed_by_git(&self, by_git: bool) -> Result<(), FileError> {
        self.set_variable(TYPE, if by_git { "git" } else { "binary" })
    }

    fn set_variable(&self, name: &str, value: &str) -> Result<(), FileError> {
        files::write_atomic(&self.layout.env().join(name), value.as_bytes(), 0o640)
    }
}

/// What becomes of a push, and what its pusher is told beside that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It is refused as a whole.
    Refuse {
        /// Why, and what to do.
        reason: String,
    },
    /// Nothing of it is deployed.
    Store {
        /// Why not, for each ref, and what to do.
        notices: Vec<String>,
    },
    /// The deployment branch is deployed.
    Deploy {
        /// What the branch was; none when it is new.
        old: Option<String>,
        /// What it is to be.
        new: String,
        /// What becomes of the other refs.
        notices: Vec<String>,
    },
}

impl Plan {
    /// The plan for a push of `refs` to the gear `name`.
    #[must_use]
    pub(crate) fn of(refs: &[PushedRef], settings: &Settings, name: &str) -> Self {
        let Settings { branch, auto_deploy, by_git } = settings;
        if !by_git {
            return Self::Refuse {
                reason: format!(
                    "{name} is not deployed by git (OPENSHIFT_DEPLOYMENT_TYPE is binary): `gear configure {name} --deployment-type git` changes that"
                ),
            };
        }
        let deployed = format!("refs/heads/{branch}");
        let (main, others): (Vec<_>, Vec<_>) = refs.iter().partition(|r| r.name == deployed);
        let mut notices: Vec<String> =
            others.iter().map(|other| other_ref(other, branch, name)).collect();
        match main.first() {
            Some(PushedRef { new: None, .. }) => Self::Refuse {
                reason: format!(
                    "{branch} is what {name} runs and cannot be deleted: push another commit to it, or remove the gear with `gear destroy {name}`"
                ),
            },
            Some(PushedRef { old, new: Some(new), .. }) if *auto_deploy => {
                Self::Deploy { old: old.clone(), new: new.clone(), notices }
            }
            Some(_) => {
                notices.push(format!(
                    "{branch} is kept and not deployed (OPENSHIFT_AUTO_DEPLOY is false): `gear deploy {name}` deploys it"
                ));
                Self::Store { notices }
            }
            None => Self::Store { notices },
        }
    }

    /// What the pusher is told beside the outcome.
    #[must_use]
    pub(crate) fn notices(&self) -> &[String] {
        match self {
            Self::Refuse { .. } => &[],
            Self::Store { notices } | Self::Deploy { notices, .. } => notices,
        }
    }
}

fn other_ref(other: &PushedRef, branch: &str, name: &str) -> String {
    let what = other.short();
    if other.new.is_none() {
        return format!("{what} is deleted; what runs is not touched");
    }
    let plain = ["refs/heads/", "refs/tags/"].iter().find_map(|p| other.name.strip_prefix(p));
    let word = plain.unwrap_or(&other.name);
    format!(
        "{what} is kept and not deployed: only {branch} is (`git push REMOTE {word}:{branch}`, or `gear deploy {name} {word}`)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const NOTHING: &str = "0000000000000000000000000000000000000000";

    fn plan(refs: &[(&str, &str, &str)], change: impl FnOnce(&mut Settings)) -> Plan {
        let mut settings =
            Settings { branch: "master".to_owned(), auto_deploy: true, by_git: true };
        change(&mut settings);
        let input: String =
            refs.iter().map(|(old, new, name)| format!("{old} {new} {name}\n")).collect();
        Plan::of(&PushedRef::parse(&input), &settings, "blog")
    }

    #[test]
    fn the_deployment_branch_is_deployed_and_all_else_is_told() {
        let refs = [
            (NOTHING, B, "refs/heads/feature/x"),
            (A, B, "refs/heads/master"),
            (NOTHING, B, "refs/tags/v1"),
            (A, NOTHING, "refs/heads/old"),
        ];
        let plan = plan(&refs, |_| ());
        let Plan::Deploy { old, new, .. } = &plan else { panic!("{plan:?}") };
        assert_eq!((old.as_deref(), new.as_str()), (Some(A), B));
        insta::assert_snapshot!(plan.notices().join("\n"));
    }

    #[test]
    fn the_first_push_has_no_former_commit() {
        let plan = plan(&[(NOTHING, A, "refs/heads/master")], |_| ());
        assert!(matches!(plan, Plan::Deploy { old: None, .. }), "{plan:?}");
    }

    #[test]
    fn another_branch_can_be_the_one() {
        let plan = plan(&[(A, B, "refs/heads/master")], |s| s.branch = "main".to_owned());
        insta::assert_snapshot!(plan.notices().join("\n"));
        assert!(matches!(plan, Plan::Store { .. }));
    }

    #[test]
    fn a_deletion_a_binary_gear_and_a_push_that_waits_say_what_to_do() {
        let reason = |plan: Plan| match plan {
            Plan::Refuse { reason } => reason,
            other => other.notices().join("\n"),
        };
        let push = [(A, B, "refs/heads/master")];
        let all = [
            reason(plan(&[(A, NOTHING, "refs/heads/master")], |_| ())),
            reason(plan(&push, |s| s.by_git = false)),
            reason(plan(&push, |s| s.auto_deploy = false)),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}
