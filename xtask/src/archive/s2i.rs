//! The builder image of source-to-image: `s2i build` makes an app's image with it. It is a base, `gear` with the
//! cartridge, and four scripts around them.

use camino::Utf8Path;
use cart_core::files::FileError;
use cart_core::tree;
use cart_gear::{Base, Contents, GearError, Image, Part, ask_base};
use serde_json::json;

use crate::args::ImageArguments;
use crate::assemble;
use crate::copy::{copy, make};
use crate::workspace::Workspace;

const NAME: &str = "advanced-python";
/// Where `s2i` looks for scripts in an image that says so.
const SCRIPTS: &str = "/usr/libexec/s2i";
/// What is built, and what installers downloaded for it.
const WRITTEN: [&str; 2] = ["/opt/app", "/opt/downloads"];

/// Makes the image of `gear` and the assembled cartridge; answers its name, too.
pub(crate) fn builder(
    workspace: &Workspace,
    arguments: &ImageArguments,
    gear: &Utf8Path,
    cartridge: &Utf8Path,
) -> Result<(String, Image), BuilderError> {
    let python = python_of(&arguments.base, workspace)?;
    let tag = arguments.tag.clone().unwrap_or_else(|| format!("localhost/{NAME}:{python}"));
    let cache = workspace.target.join("images");
    let (scripts, empty) = (cache.join(SCRIPTS.trim_start_matches('/')), cache.join("empty"));
    // Whatever the umask of the checkout was.
    tree::discard(&scripts)?;
    scripts.parent().map_or(Ok(()), make)?;
    copy(&workspace.root.join("xtask/s2i"), &scripts)?;
    make(&empty)?;
    assemble::set_modes(&scripts)?;
    assemble::set_modes(&empty)?;

    let contents = Contents {
        layers: vec![
            (
                "the cartridge",
                vec![
                    Part::whole(gear, "/opt/gear/gear"),
                    Part::whole(cartridge, format!("/opt/gear/{NAME}")),
                ],
            ),
            (
                "the scripts",
                WRITTEN
                    .iter()
                    .map(|to| Part::whole(&empty, *to))
                    .chain([Part::whole(&scripts, SCRIPTS)])
                    .collect(),
            ),
        ],
        config: config(&python),
    };
    let image = contents.image(&arguments.base, &tag, &arguments.output, &cache, &workspace.env)?;
    Ok((tag, image))
}

fn config(python: &str) -> serde_json::Value {
    let about = format!("Builds Python {python} apps and serves them behind nginx");
    json!({
        // Of group 0 where no passwd says otherwise, as any user whom OpenShift makes up.
        "User": "1001",
        "ExposedPorts": {"8080/tcp": {}},
        "Env": ["HOME=/tmp", "PORT=8080"],
        "Cmd": [format!("{SCRIPTS}/usage")],
        // Where whoever is made up has his home, by podman: it can be written to.
        "WorkingDir": "/tmp",
        "StopSignal": "SIGTERM",
        "Labels": {
            "io.openshift.s2i.scripts-url": format!("image://{SCRIPTS}"),
            "io.s2i.scripts-url": format!("image://{SCRIPTS}"),
            "io.openshift.expose-services": "8080:http",
            "io.openshift.tags": "builder,python",
            "io.k8s.display-name": format!("Python {python}"),
            "io.k8s.description": about,
            "org.opencontainers.image.title": NAME,
            "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
        },
    })
}

/// The version of the base's Python, `3.11`. It must be able to make environments.
fn python_of(base: &Base, workspace: &Workspace) -> Result<String, BuilderError> {
    let code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])";
    ask_base(base, &["python3", "-c", code], &workspace.env).map_err(BuilderError::NoPython)
}

/// An image that was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuilderError {
    #[error(
        "the base has no python3 that makes environments; name another by --base, or install python3 and python3-venv in it: {0}"
    )]
    NoPython(GearError),
    #[error("the image was not made: {0}")]
    Image(#[from] GearError),
    #[error("the image was not made: {0}")]
    File(#[from] FileError),
}
