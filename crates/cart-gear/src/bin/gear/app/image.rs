//! `gear image`.

use camino::Utf8PathBuf;
use cart_core::GearEnv;
use cart_gear::{ImageOptions, Output, app_name};

use crate::args::{AppArguments, ImageArguments};
use crate::shared::beside;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

/// Answers the digest of the image. A signal ends it as any program: nothing that is built here waits for one.
pub(crate) fn image(arguments: &ImageArguments, context: &mut Context) -> Result<(), Failure> {
    let options = options(arguments, context.env).map_err(Failure::usage)?;
    let image = cart_gear::image(&options, context.terminal)?;
    context.terminal.done();
    let tag = &arguments.tag;
    for (what, digest, size) in &image.layers {
        let digest = digest.trim_start_matches("sha256:").get(..12).unwrap_or(digest);
        #[expect(clippy::cast_precision_loss, reason = "megabytes with one digit")]
        let megabytes = *size as f64 / 1e6;
        remark(&format!("{digest}  {megabytes:6.1} MB  {what}"));
    }
    remark(&match &options.output {
        Output::Storage => format!("{tag} is made: podman run --publish 8080:8080 {tag}"),
        Output::Layout(path) => format!("{tag} is in oci:{path}"),
        Output::DockerArchive(path) => format!("{tag} is in {path}: docker load --input {path}"),
    });
    answer(&image.digest);
    Ok(())
}

/// The image that `gear image` is asked for.
fn options(arguments: &ImageArguments, env: &GearEnv) -> Result<ImageOptions, String> {
    let AppArguments { app_dir, cartridge } = &arguments.app;
    if !app_dir.is_dir() {
        return Err(format!(
            "{app_dir} is not a directory: name the directory that holds the app's files"
        ));
    }
    let variables = caller::user_variables(cartridge, env);
    let found = match &cartridge.cartridge {
        Some(directory) => directory.clone(),
        None => beside::this_program()?,
    };
    let cartridge_dir =
        found.canonicalize_utf8().map_err(|error| format!("{found} cannot be read: {error}"))?;
    Ok(ImageOptions {
        app: app_dir.clone(),
        name: arguments.name.clone().unwrap_or_else(|| app_name(app_dir)),
        base: arguments.base.clone(),
        tag: arguments.tag.clone(),
        output: arguments.output.clone(),
        cartridge: cartridge_dir,
        version: cartridge.cartridge_version.clone(),
        installs: caller::for_installs(env, &variables),
        variables,
        program: caller::this_program()?,
        cache: cache(env)?,
        caller: env.clone(),
    })
}

/// Where this user's programs keep what they can make anew (XDG Base Directory Specification).
fn cache(env: &GearEnv) -> Result<Utf8PathBuf, String> {
    let directory = match env.directory("XDG_CACHE_HOME") {
        Ok(directory) => directory,
        Err(_) => env.directory("HOME").map_err(|error| error.to_string())?.join(".cache"),
    };
    Ok(directory.join("gear"))
}
