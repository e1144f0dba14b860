//! The systemd unit that runs `gear boot` when the machine starts and `gear boot --stop` when it
//! ends.

use camino::{Utf8Path, Utf8PathBuf};

use crate::layout::error::GearError;

/// Whose unit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A user's own: it needs no root, and lingering to run without a login.
    User,
    /// The machine's, for the user of this name or number.
    System(String),
}

/// A unit as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Whose it is.
    pub whose: Whose,
    /// The program `gear`; an absolute path.
    pub program: Utf8PathBuf,
    /// The directory of the gears; an absolute path.
    pub gears: Utf8PathBuf,
    /// Where programs are found: a PATH.
    pub path: String,
}

/// What a gear never needs and is kept from. A gear must be able to do the same whoever started it:
/// what would make one that was started by the machine another than one that a person started is in
/// [`LEFT_OUT`]. The exception are programs that gain rights, setuid ones: nothing of a gear's is one, and
/// systemd sets `NoNewPrivileges` for whatever a user's service has of the others, too.
const KEPT_FROM: &str = "\
    NoNewPrivileges=yes\n\
    LockPersonality=yes\n\
    RestrictRealtime=yes\n\
    RestrictAddressFamilies=~AF_PACKET\n\
    SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap\n\
    SystemCallErrorNumber=EPERM\n";

/// What only the machine's systemd can keep a service from. A user's would fail to start it.
const KEPT_FROM_BY_THE_MACHINE: &str = "\
    ProtectControlGroups=yes\n\
    ProtectKernelLogs=yes\n\
    ProtectKernelModules=yes\n\
    ProtectKernelTunables=yes\n";

/// nginx that root starts becomes the gear's owner, for which it needs what this takes.
const KEPT_FROM_UNLESS_ROOT: &str = "CapabilityBoundingSet=\n";

/// What would break a gear, and why. It stands in the unit for whoever would add it.
const LEFT_OUT: &str = "\
    # Left out, because it would break a gear:\n\
    #   PrivateTmp, PrivateIPC, JoinsNamespaceOf: a command that a person types works on the same /tmp\n\
    #     and the same processes as what was started here\n\
    #   ProtectHome, RootDirectory, TemporaryFileSystem: gears live in homes, and apps use what is there\n\
    #   ProtectSystem, ReadOnlyPaths, UMask: an app may have files of its own anywhere, for anybody\n\
    #   PrivateDevices, DeviceAllow, ProtectClock: graphics cards and serial ports\n\
    #   PrivateNetwork, IPAddressDeny, AF_NETLINK: clients, databases, the list of addresses\n\
    #   PrivateUsers, DynamicUser, RemoveIPC: the gears' files and memory are the user's\n\
    #   ProtectProc, ProcSubset: `gear` and apps look at processes, memory and load\n\
    #   ProtectHostname: an app would go on with a name that the machine has no more\n\
    #   RestrictNamespaces, @mount: browsers without a window put their pages into namespaces\n\
    #   RestrictSUIDSGID: directories whose group is kept (chmod g+s)\n\
    #   MemoryDenyWriteExecute: just-in-time compilers, that of nginx's expressions among them\n\
    #   SystemCallArchitectures: programs of 32 bits\n\
    #   @privileged, @resources, @debug: chown to one's own group, nice, debuggers of Python\n";

/// Longer than the slowest stop of a gear, [`crate::home::boot::turn`]'s limits added up.
const STOP_SECONDS: u32 = 600;

impl Unit {
    /// Its file's name.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.whose {
            Whose::User => "gear.service".to_owned(),
            Whose::System(user) => format!("gear-{user}.service"),
        }
    }

    /// Whether it can be written: a line break in a value would be the end of it for systemd, and what
    /// follows would be a setting of its own.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn check(&self) -> Result<(), GearError> {
        let user = match &self.whose {
            Whose::User => "",
            Whose::System(name) => name,
        };
        let values = [
            ("the path of the program gear", self.program.as_str()),
            ("GEAR_HOME", self.gears.as_str()),
            ("PATH", self.path.as_str()),
            ("the name of the owner of GEAR_HOME", user),
        ];
        match values.into_iter().find(|(_, value)| value.contains(char::is_control)) {
            Some((what, value)) => Err(GearError::wrong(format!(
                "{what} has a line break or another control character in it, which no systemd unit can hold: {value:?}. Use another one"
            ))),
            None => Ok(()),
        }
    }

    /// Its file's content. Starting and stopping is left to `gear`: systemd signals nothing that
    /// belongs to a gear, and waits as long as a start takes.
    #[must_use]
    pub fn text(&self) -> String {
        let program = program(&self.program);
        let (user, wanted_by) = match &self.whose {
            Whose::User => (String::new(), "default.target"),
            Whose::System(name) => (format!("User={name}\n"), "multi-user.target"),
        };
        let (by_the_machine, unless_root) = match &self.whose {
            Whose::User => ("", ""),
            Whose::System(root) if ["root", "0"].contains(&root.as_str()) => {
                (KEPT_FROM_BY_THE_MACHINE, "")
            }
            Whose::System(_) => (KEPT_FROM_BY_THE_MACHINE, KEPT_FROM_UNLESS_ROOT),
        };
        format!(
            "# Written by `gear boot --install`, removed by `gear boot --uninstall`.\n\
             [Unit]\n\
             Description=gears in {gears}\n\
             After=network.target\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             RemainAfterExit=yes\n\
             {user}\
             Environment={home}\n\
             Environment={path}\n\
             ExecStart={program} boot\n\
             ExecStop={program} boot --stop\n\
             TimeoutStartSec=infinity\n\
             TimeoutStopSec={STOP_SECONDS}\n\
             KillMode=process\n\
             \n\
             # What no gear needs. For apps that call sudo, or a sendmail that gains rights, see docs/gear.md.\n\
             {KEPT_FROM}{by_the_machine}{unless_root}\
             {LEFT_OUT}\
             \n\
             [Install]\n\
             WantedBy={wanted_by}\n",
            gears = self.gears.as_str().replace('%', "%%"),
            home = quoted(&format!("GEAR_HOME={}", self.gears)),
            path = quoted(&format!("PATH={}", self.path)),
        )
    }
}

/// Where systemd looks for a user's own units.
#[must_use]
pub fn user_directory(config: &Utf8Path) -> Utf8PathBuf {
    config.join("systemd/user")
}

/// Where systemd looks for the machine's units.
pub const SYSTEM_DIRECTORY: &str = "/etc/systemd/system";

/// A word as systemd reads it back: `%` begins a specifier, a backslash protects.
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{escaped}\"")
}

/// In a command line, `$` begins a variable, too.
fn program(path: &Utf8Path) -> String {
    quoted(path.as_str()).replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(whose: Whose) -> Unit {
        Unit {
            whose,
            program: "/opt/gear bin/gear".into(),
            gears: "/srv/100%/gears".into(),
            path: "/opt/python/bin:/usr/bin".into(),
        }
    }

    #[test]
    fn a_users_unit() {
        insta::assert_snapshot!(unit(Whose::User).text());
        assert_eq!(unit(Whose::User).name(), "gear.service");
    }

    #[test]
    fn a_machines_unit_names_its_user_and_is_wanted_by_the_machine() {
        let unit = unit(Whose::System("www".into()));
        assert_eq!(unit.name(), "gear-www.service");
        let text = unit.text();
        assert!(text.contains("\nUser=www\n"), "{text}");
        assert!(text.contains("\nCapabilityBoundingSet=\n"), "{text}");
        assert!(text.ends_with("[Install]\nWantedBy=multi-user.target\n"), "{text}");
    }

    #[test]
    fn roots_nginx_may_become_another_user() {
        let text = unit(Whose::System("root".into())).text();
        assert!(text.contains("\nNoNewPrivileges=yes\n"), "{text}");
        assert!(!text.contains("CapabilityBoundingSet"), "{text}");
    }

    #[test]
    fn what_would_be_a_setting_of_its_own_is_refused() {
        let whose = || Whose::System("www".into());
        assert!(unit(whose()).check().is_ok());
        let gears = Unit { gears: "/g\nUser=root".into(), ..unit(whose()) };
        let program = Unit { program: "/bin/\rgear".into(), ..unit(whose()) };
        let path = Unit { path: "/bin:/a\tb".into(), ..unit(Whose::User) };
        let said = [gears, program, path, unit(Whose::System("a\nb".into()))]
            .map(|unit| unit.check().unwrap_err().to_string());
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn what_systemd_would_take_for_something_else_is_protected() {
        assert_eq!(quoted(r#"a"b\c%d"#), r#""a\"b\\c%%d""#);
        assert_eq!(program(Utf8Path::new("/a$b")), "\"/a$$b\"");
    }
}
