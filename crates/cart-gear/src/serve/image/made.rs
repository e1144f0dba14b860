//! The steps from an app's directory to an image.

use std::fs::{DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{GearEnv, lock, tree};
use serde_json::{Value, json};
use walkdir::WalkDir;

use super::buildah::{Buildah, Volume, glance};
use super::contents::{Contents, Image};
use super::facts::{DATA, ImageOptions, LINGER, PORT, PREPARED, PROGRAMS, USER};
use super::layer::{self, Part};
use super::sbom;
use crate::deploy::git::no_code;
use crate::layout::error::GearError;
use crate::layout::installed::Source;
use crate::scripts::progress::{Caller, Progress};
use crate::serve::prepared::make::real;
use crate::serve::prepared::record::{FILE, Package, Prepared, SBOM};

/// Where a build in the base finds things.
const SOURCE: &str = "/tmp/src";
const DOWNLOADS: &str = "/tmp/downloads";
const ENVIRONMENT: &str = "/tmp/build-environment";
const VARIABLES: &str = "/tmp/build-variables";

/// The longest name of an app, in bytes: a label of DNS.
const LONGEST_NAME: usize = 63;

/// Makes an image of an app.
///
/// # Errors
/// [`GearError`]; an image that was made before is as it was.
pub fn image(options: &ImageOptions, progress: &mut dyn Progress) -> Result<Image, GearError> {
    check_name(&options.name)?;
    let app = apart(options)?;
    let buildah = Buildah::find(&options.caller)?;
    let place = Place::of(options, &app)?;
    progress.step("the base", Caller::Control);
    let base = buildah.base(&options.base)?;
    progress.step("the app, in the base", Caller::Control);
    place.settle(&base)?;
    build(&buildah, options, &base, &place)?;
    progress.step("the layers", Caller::Control);
    write_bill(options, &place)?;
    let contents = Contents { layers: layers(options, &place), config: config(options) };
    let ImageOptions { base: of, tag, output, cache, .. } = options;
    contents.put(&buildah, (&base, of), &place.directory, cache, (tag, output))
}

/// What is kept of one app from build to build.
struct Place {
    /// A copy of the app, which nobody changes while it is built.
    source: Utf8PathBuf,
    /// What was prepared.
    prepared: Utf8PathBuf,
    /// What installers have downloaded, of all apps.
    downloads: Utf8PathBuf,
    /// All of it, with the image.
    directory: Utf8PathBuf,
    /// In which base the app was prepared, by which cartridge.
    made_by: Utf8PathBuf,
    environment: Utf8PathBuf,
    variables: Utf8PathBuf,
    cartridge: String,
    /// Two builds of one app would write into one place.
    _lock: File,
}

/// The name becomes a part of paths, and of a container's words.
fn check_name(name: &str) -> Result<(), GearError> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match plain && (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with('-') {
        true => Ok(()),
        false => Err(GearError::wrong(format!(
            "{name:?} cannot be the name of an app: it has 1 to {LONGEST_NAME} letters, digits and hyphens, and no hyphen first"
        ))),
    }
}

/// The app's directory, if what is copied of it is not copied into itself.
fn apart(options: &ImageOptions) -> Result<Utf8PathBuf, GearError> {
    let app = real(&options.app)?;
    let cache = real(&options.cache)?;
    match cache.starts_with(&app) {
        false => Ok(app),
        true => Err(GearError::wrong(format!(
            "what is kept for the next build, in {cache}, would be inside the app's directory {app}: set XDG_CACHE_HOME to a directory elsewhere"
        ))),
    }
}

/// A directory that only this user can look into: what is below it may hold secrets of an app.
fn private(directory: &Utf8Path) -> Result<(), FileError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .and_then(|()| std::fs::set_permissions(directory, Permissions::from_mode(0o700)))
        .map_err(|error| FileError::new("make", directory, error))
}

impl Place {
    fn of(options: &ImageOptions, app: &Utf8Path) -> Result<Self, GearError> {
        let mut sum = sha2::Sha256::default();
        sha2::Digest::update(&mut sum, app.as_str());
        let place = options.cache.join(format!("{}-{}", options.name, &layer::named(sum)[7..19]));
        let downloads = options.cache.join("downloads");
        for directory in [&options.cache, &place, &downloads] {
            private(directory)?;
        }
        let Some(held) = lock::try_lock(&place.join("lock"))? else {
            return Err(GearError::failed(format!(
                "another `gear image` builds the app in {app} now: wait for its end"
            )));
        };
        let cartridge = glance(&options.cartridge)?;
        let source = place.join("source");
        tree::remove(&source)?;
        tree::copy(app, &source, no_code)?;
        give(&source)?;
        give(&downloads)?;
        Ok(Self {
            source,
            prepared: place.join("prepared"),
            downloads,
            made_by: place.join("made-by"),
            environment: place.join("environment"),
            variables: place.join("variables"),
            directory: place,
            cartridge,
            _lock: held,
        })
    }

    /// What another base or another cartridge has prepared goes: the same shall come of the same.
    fn settle(&self, base: &str) -> Result<(), GearError> {
        let now = format!("{base} {}", self.cartridge);
        if files::read_if_exists(&self.made_by)?.is_none_or(|before| before != now.as_bytes()) {
            tree::remove(&self.prepared)?;
            files::write_atomic(&self.made_by, now.as_bytes(), 0o644)?;
        }
        files::create_dir(&self.prepared, 0o770)?;
        Ok(give(&self.prepared)?)
    }
}

/// As root, what a build works with belongs to whoever builds in the base; else all of it is this user's, who is
/// called root there.
fn give(directory: &Utf8Path) -> Result<(), FileError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let failed = |error| FileError::new("give away", directory, error);
    let (user, group) = (USER.0 as u32, USER.1 as u32);
    for entry in WalkDir::new(directory) {
        let entry = entry.map_err(|error| failed(error.into()))?;
        lchown(entry.path(), Some(user), Some(group)).map_err(failed)?;
    }
    Ok(())
}

/// Lets the program and the cartridge of the image prepare the app, in a container of the base.
fn build(
    buildah: &Buildah,
    options: &ImageOptions,
    base: &str,
    place: &Place,
) -> Result<(), GearError> {
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { format!("{}:{}", USER.0, USER.1) } else { "0:0".to_owned() };
    let certificates = certificates(&options.installs);
    files::write_unsynced(&place.environment, environment(&options.installs).as_bytes(), 0o600)?;
    let (lines, words) = variables(&options.variables);
    files::write_unsynced(&place.variables, lines.as_bytes(), 0o600)?;
    give(&place.environment)?;
    give(&place.variables)?;
    let program = format!("{PROGRAMS}/gear");
    let cartridge = cartridge_in(options);
    let read_only = |from, to| Volume { from, to, is_read_only: true };
    let mut volumes = vec![
        read_only(&*options.program, &*program),
        read_only(&options.cartridge, cartridge.as_str()),
        read_only(&place.source, SOURCE),
        read_only(&place.environment, ENVIRONMENT),
        read_only(&place.variables, VARIABLES),
        Volume { from: &place.prepared, to: PREPARED, is_read_only: false },
        Volume { from: &place.downloads, to: DOWNLOADS, is_read_only: false },
    ];
    volumes.extend(certificates.iter().map(|file| read_only(file, file.as_str())));
    let script = format!(". {ENVIRONMENT} && exec \"$@\"");
    let named = format!("--name={}", options.name);
    let mut command =
        vec!["/bin/sh", "-c", &script, "sh", &program, "prepare", SOURCE, PREPARED, &named];
    if let Some(version) = &options.version {
        command.extend(["--cartridge-version", version]);
    }
    command.extend(["--env-file", VARIABLES]);
    command.extend(words.iter().map(String::as_str));
    let ran = buildah.run_in(base, &user, &volumes, &command);
    files::remove_if_exists(&place.environment)?;
    files::remove_if_exists(&place.variables)?;
    ran
}

/// The app's variables as lines of a file, and as words those that no line can hold: others may see the words of a
/// command.
fn variables(all: &[(String, String)]) -> (String, Vec<String>) {
    let (mut lines, mut words) = (String::new(), Vec::new());
    for (number, (name, value)) in all.iter().enumerate() {
        // Later ones win, but all words come after all lines.
        if all.iter().skip(number + 1).any(|(later, _)| later == name) {
            continue;
        }
        match is_name(name) && !value.contains('\n') && !value.ends_with('\r') {
            true => lines.push_str(&format!("{name}={value}\n")),
            false => words.push(format!("--env={name}={value}")),
        }
    }
    (lines, words)
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Tells in the image what was installed in it.
fn write_bill(options: &ImageOptions, place: &Place) -> Result<(), GearError> {
    let Source { manifest, .. } = Source::read(&options.cartridge)?;
    let cartridge = Package {
        kind: "generic".to_owned(),
        name: manifest.directory_name(),
        version: manifest.cartridge_version,
    };
    let bill = sbom::of(&Prepared::read(&place.prepared)?, &cartridge)?;
    files::write_if_changed(&place.prepared.join(SBOM), &bill, 0o644)?;
    Ok(())
}

/// Files that an installer is told of, to trust a server by.
fn certificates(installs: &GearEnv) -> Vec<Utf8PathBuf> {
    let paths = installs.iter().filter_map(|(name, value)| {
        let is_one = ["CERT", "SSL_CERT_FILE", "_BUNDLE"].iter();
        let is_one = is_one.clone().any(|end| name.to_str().is_some_and(|n| n.ends_with(end)));
        is_one.then(|| value.to_str().map(Utf8PathBuf::from)).flatten()
    });
    let mut files: Vec<_> = paths.filter(|path| path.is_absolute() && path.is_file()).collect();
    files.sort();
    files.dedup();
    files
}

/// What a shell reads to have the variables of an installer. Not words of a command: others may see those, and
/// an index may be told with a password.
fn environment(installs: &GearEnv) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let given = installs.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let mut lines: Vec<String> = given
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
        .collect();
    lines.push(format!("export PIP_CACHE_DIR={DOWNLOADS}/pip UV_CACHE_DIR={DOWNLOADS}/uv\n"));
    lines.concat()
}

/// The cartridge's directory in the image.
fn cartridge_in(options: &ImageOptions) -> Utf8PathBuf {
    Utf8Path::new(PROGRAMS).join(options.cartridge.file_name().unwrap_or("cartridge"))
}

/// What is in which layer of ours.
fn layers(options: &ImageOptions, place: &Place) -> Vec<(&'static str, Vec<Part>)> {
    let part = |from: &Utf8Path, to: Utf8PathBuf| Part { from: from.to_owned(), to };
    let prepared =
        |name: &str| part(&place.prepared.join(name), Utf8Path::new(PREPARED).join(name));
    let program = part(&options.program, format!("{PROGRAMS}/gear").into());
    vec![
        ("the cartridge", vec![program, part(&options.cartridge, cartridge_in(options))]),
        ("the packages", vec![prepared("dependencies")]),
        ("the app", vec![prepared("repo"), prepared(FILE), prepared(SBOM)]),
    ]
}

/// What runs in the image, and what is known of it.
fn config(options: &ImageOptions) -> Value {
    let name = &options.name;
    json!({
        "User": format!("{}:{}", USER.0, USER.1),
        "ExposedPorts": {format!("{PORT}/tcp"): {}},
        "Env": [format!("PORT={PORT}")],
        "Entrypoint": [format!("{PROGRAMS}/gear"), "serve", "--prepared", PREPARED, "--data", DATA, "--linger", LINGER.to_string()],
        "WorkingDir": format!("{PREPARED}/repo"),
        "StopSignal": "SIGTERM",
        "Labels": {
            "org.opencontainers.image.title": name,
            "io.k8s.display-name": name,
            "io.k8s.description": format!("{name}, prepared by gear {}", env!("CARGO_PKG_VERSION")),
            "io.openshift.expose-services": format!("{PORT}:http"),
            "io.openshift.tags": "python,gear",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_words_only_where_no_line_holds_them_and_the_last_of_a_name_counts() {
        let all =
            [("A", "1"), ("B", "x\ny"), ("C", "\r"), ("A", " s3cret # "), ("B", ""), ("-", "")];
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (lines, words) = variables(&all);
        assert_eq!(lines, "A= s3cret # \nB=\n");
        assert_eq!(words, ["--env=C=\r", "--env=-="]);
        assert_eq!(variables(&all[1..2]).1, ["--env=B=x\ny"]);
    }

    #[test]
    fn a_name_leads_nowhere() {
        assert!(check_name("my-shop2").is_ok() && check_name(&"n".repeat(LONGEST_NAME)).is_ok());
        for wrong in ["", "-x", "../up", "a b", "a/b", "\u{e4}", &"n".repeat(LONGEST_NAME + 1)] {
            assert!(check_name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_kept_is_this_users_and_one_build_has_it_outside_the_app() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        for made in ["app", "cartridge"] {
            std::fs::create_dir(dir.join(made)).unwrap();
        }
        let mut options = ImageOptions {
            app: dir.join("app"),
            name: "shop".to_owned(),
            base: "debian".parse().unwrap(),
            tag: "shop".to_owned(),
            output: "containers-storage".parse().unwrap(),
            cartridge: dir.join("cartridge"),
            version: None,
            variables: Vec::new(),
            program: dir.join("gear"),
            cache: dir.join("app/.cache/gear"),
            installs: GearEnv::new(),
            caller: GearEnv::new(),
        };
        let error = image(&options, &mut crate::scripts::progress::Silent).unwrap_err();
        assert_eq!(error.kind(), crate::layout::error::Kind::Wrong);
        assert!(error.to_string().contains("XDG_CACHE_HOME") && !dir.join("app/.cache").exists());
        options.cache = dir.join("cache");
        let app = apart(&options).unwrap();
        let place = Place::of(&options, &app).unwrap();
        for private in [&options.cache, &place.directory, &place.downloads] {
            assert_eq!(private.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
        }
        let Err(error) = Place::of(&options, &app) else { panic!("two builds at once") };
        assert!(error.to_string().contains("another `gear image`"), "{error}");
    }
}
