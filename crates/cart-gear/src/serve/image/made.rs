//! The steps from an app's directory to an image.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files;
use serde_json::{Value, json};

use super::buildah::{Buildah, Volume};
use super::contents::{Contents, Image};
use super::facts::{DATA, ImageOptions, LINGER, PORT, PREPARED, PROGRAMS, USER};
use super::layer::Part;
use super::place::{Place, apart, give};
use super::sbom;
use crate::layout::error::GearError;
use crate::layout::installed::Source;
use crate::scripts::progress::{Caller, Progress};
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
    let base = buildah.fetch(&options.base, &options.cache)?;
    progress.step("the app, in the base", Caller::Control);
    place.settle(&base.id)?;
    build(&buildah, options, &base.id, &place)?;
    progress.step("the layers", Caller::Control);
    let cartridge = Source::read(&options.cartridge)?;
    write_bill(&cartridge, &place)?;
    let layers = layers(options, &cartridge, &place);
    let contents = Contents { layers, config: config(options) };
    let ImageOptions { base: of, tag, output, .. } = options;
    contents.put(&buildah, (of, &base), &place.directory, (tag, output))
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
fn write_bill(Source { manifest, .. }: &Source, place: &Place) -> Result<(), GearError> {
    let cartridge = Package {
        kind: "generic".to_owned(),
        name: manifest.directory_name(),
        version: manifest.cartridge_version.clone(),
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
fn layers(
    options: &ImageOptions,
    cartridge: &Source,
    place: &Place,
) -> Vec<(&'static str, Vec<Part>)> {
    let prepared =
        |name: &str| Part::whole(&place.prepared.join(name), Utf8Path::new(PREPARED).join(name));
    let program = Part::whole(&options.program, format!("{PROGRAMS}/gear"));
    let without = cartridge.managed.image_exclusions.iter().map(Utf8PathBuf::from).collect();
    let cartridge = Part { without, ..Part::whole(&options.cartridge, cartridge_in(options)) };
    vec![
        ("the cartridge", vec![program, cartridge]),
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
}
