//! `gear image`.

use cart_gear::Output;

use crate::args::ImageArguments;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

/// Answers the digest of the image.
pub(crate) fn image(arguments: &ImageArguments, context: &mut Context) -> Result<(), Failure> {
    context.listen_to_signals()?;
    let options = caller::image_options(arguments, context.env).map_err(Failure::usage)?;
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
