//! Apache with mod_wsgi, as `OpenShift`'s own Python cartridge configures them: from its httpd_nolog.conf,
//! openshift.conf.erb and performance.conf.erb.

use std::fmt::Write;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv, files, programs};

use super::Peer;

/// What it serves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Serves<'a> {
    /// The app `app.py` of a directory.
    App(&'a Utf8Path),
    /// Files below a directory.
    Files(&'a Utf8Path),
}

/// How Debian calls it, and Fedora.
const PROGRAMS: [&str; 2] = ["apache2", "httpd"];
const PROGRAM_DIRECTORIES: &[&str] = &["/usr/sbin", "/usr/bin"];
const MODULE_DIRECTORIES: [&str; 3] =
    ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules"];
/// What that cartridge loads and what here is not part of the program itself; the rest of its list has
/// nothing to do with these requests.
const MODULES: &[&str] = &[
    "mpm_prefork",
    "version",
    "unixd",
    "authn_core",
    "authz_core",
    "auth_basic",
    "authn_file",
    "authz_host",
    "authz_user",
    "include",
    "log_config",
    "logio",
    "env",
    "expires",
    "deflate",
    "headers",
    "setenvif",
    "mime",
    "status",
    "negotiation",
    "dir",
    "actions",
    "alias",
    "rewrite",
    "wsgi",
];
/// Nobody: Apache does not serve as root, and where another started it this has no effect.
const USER: &str = "#65534";

/// Starts it with a configuration that is written into `directory`, which everybody may look into then.
///
/// # Panics
/// When it is not installed, or cannot be started.
#[must_use]
pub(crate) fn start(listen: SocketAddr, serves: Serves<'_>, directory: &Utf8Path) -> Peer {
    let env = GearEnv::new().with("PATH", "/usr/bin:/bin");
    let program =
        PROGRAMS.iter().find_map(|name| programs::find(name, &env, PROGRAM_DIRECTORIES).ok());
    let program =
        program.unwrap_or_else(|| panic!("there is no Apache: install the package apache2"));
    let modules = MODULE_DIRECTORIES.iter().map(Utf8Path::new).find(|modules| modules.exists());
    let modules = modules.unwrap_or_else(|| panic!("none of {MODULE_DIRECTORIES:?} is there"));
    let wsgi = modules.join("mod_wsgi.so");
    assert!(wsgi.exists(), "{wsgi} is missing: install the package libapache2-mod-wsgi-py3");
    std::fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    let text = configuration(listen, serves, directory, modules, |module| module.exists());
    let file = directory.join("httpd.conf");
    files::write_unsynced(&file, text.as_bytes(), 0o644).unwrap();
    let command = CommandSpec::new(program, &env).args(["-D", "FOREGROUND", "-f", file.as_str()]);
    Peer::start(command, directory)
}

fn configuration(
    listen: SocketAddr,
    serves: Serves<'_>,
    directory: &Utf8Path,
    modules: &Utf8Path,
    is_there: impl Fn(&Utf8Path) -> bool,
) -> String {
    let mut text = format!(
        "ServerRoot {directory}\n\
         DefaultRuntimeDir {directory}\n\
         PidFile {directory}/httpd.pid\n\
         ServerName localhost\n\
         Listen {listen}\n"
    );
    for name in MODULES {
        let file = modules.join(format!("mod_{name}.so"));
        if is_there(&file) {
            line(&mut text, format_args!("LoadModule {name}_module {file}"));
        }
    }
    line(&mut text, format_args!("User {USER}\nGroup {USER}"));
    text.push_str(SETTINGS);
    match serves {
        // Its stack-size is left out: it is less than a thread may have.
        Serves::App(app) => line(
            &mut text,
            format_args!(
                "DocumentRoot {app}\n\
                 <Directory {app}>\n    AllowOverride all\n    Options -MultiViews\n</Directory>\n\
                 WSGIScriptAlias / {app}/app.py\n\
                 WSGISocketPrefix {directory}/wsgi\n\
                 WSGIPassAuthorization On\n\
                 WSGIDaemonProcess bench user={USER} group={USER} processes=2 threads=25 python-path={app}\n\
                 WSGIProcessGroup bench"
            ),
        ),
        Serves::Files(root) => line(
            &mut text,
            format_args!(
                "DocumentRoot {root}\n\
                 <Directory {root}>\n    AllowOverride all\n    Options -MultiViews\n</Directory>"
            ),
        ),
    }
    text
}

const SETTINGS: &str = "\
Timeout 5
KeepAlive Off
MaxKeepAliveRequests 100
KeepAliveTimeout 3
StartServers 1
MinSpareServers 1
MaxSpareServers 2
ServerLimit 60
MaxRequestWorkers 60
MaxConnectionsPerChild 0
UseCanonicalName Off
HostnameLookups Off
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
<Files ~ \"^\\.ht\">
    Require all denied
</Files>
DirectoryIndex index.html index.html.var
AccessFileName .htaccess
TypesConfig /etc/mime.types
AddHandler type-map var
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
LogLevel error
ErrorLog \"|/usr/bin/tee\"
LogFormat \"%{X-Forwarded-For}i %l %u %t \\\"%r\\\" %>s %b \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" combined
CustomLog \"|/usr/bin/tee\" combined
ServerSignature On
ExtendedStatus On
SetEnvIf X-Forwarded-Proto https HTTPS=1
BrowserMatch \"Mozilla/2\" nokeepalive
";

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_has_its_processes_and_files_have_none() {
        let text = |serves| {
            let listen = ([127, 0, 0, 1], 81).into();
            configuration(listen, serves, "/srv".into(), "/modules".into(), |module| {
                module != "/modules/mod_unixd.so"
            })
        };
        let (app, files) =
            (text(Serves::App("/srv/app".into())), text(Serves::Files("/pub".into())));
        for text in [&app, &files] {
            assert!(text.contains("\nListen 127.0.0.1:81\n"), "{text}");
            assert!(text.contains("LoadModule wsgi_module /modules/mod_wsgi.so\n"), "{text}");
            assert!(!text.contains("unixd_module"), "it is part of the program: {text}");
            assert!(
                text.contains("\nKeepAlive Off\n") && text.contains("ServerLimit 60\n"),
                "{text}"
            );
        }
        assert!(
            app.contains("WSGIScriptAlias / /srv/app/app.py\n")
                && app.contains("processes=2 threads=25")
        );
        assert!(
            files.contains("DocumentRoot /pub\n") && !files.contains("WSGIScriptAlias"),
            "{files}"
        );
    }
}
