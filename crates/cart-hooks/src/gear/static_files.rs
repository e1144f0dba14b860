//! Files that nginx serves beside `public/` and what people set: those of `wsgi/static/`, as with
//! OpenShift's own Python cartridge, and those that a Django project has collected.

use camino::Utf8Path;
use cart_core::cartridge::Context;
use cart_core::tree;
use cart_nginx::precompressed::{self, Limits, PrecompressError, Source};
use cart_nginx::{Folder, FolderPath, Site};
use cart_python::collected::Collected;
use cart_python::{Places, PythonApp};

use crate::error::Error;
use crate::messages;
use crate::names::FILES;
use crate::running::supervisor::supervisor;

/// Where the other cartridge has its static files, in the repository.
const WSGI_STATIC: &str = "wsgi/static";
/// And in the site.
const WSGI_STATIC_AT: &str = "/static/";

/// The folders that there may be, in the order in which a file is looked for.
pub(crate) fn folders(ctx: &Context<'_>) -> Vec<Folder> {
    let environment = Places::on_gear(ctx.gear, ctx.dir).environment;
    let wsgi = Some((WSGI_STATIC_AT.to_owned(), ctx.gear.repo.join(WSGI_STATIC)));
    let collected = Collected::of(&environment).map(|(collected, folder)| (collected.url, folder));
    let found = [wsgi, collected].into_iter().flatten();
    let folder =
        |(at, directory): (String, _)| Some(Folder { at: FolderPath::parse(&at)?, directory });
    found.filter_map(folder).collect()
}

/// Collects the static files of a Django project, and says so if nginx will not serve them.
pub(crate) fn collect(ctx: &mut Context<'_>, app: &PythonApp) -> Result<(), Error> {
    app.collect_static(&mut |line| ctx.progress(line))?;
    let collected = Collected::of(&app.places.environment);
    if let Some((collected, _)) = collected.filter(|(c, _)| FolderPath::parse(&c.url).is_none()) {
        ctx.message(&messages::static_url_is_no_place(&collected.url));
    }
    Ok(())
}

/// Compresses the text among the files of the app that is being deployed. Without that they are served as they
/// are, so that nothing fails for it.
pub(crate) fn compress(ctx: &mut Context<'_>, site: &Site) -> Result<(), Error> {
    let make = |sources: &[Source], tree: &Utf8Path| {
        precompressed::make(sources, tree, &Limits::default())
    };
    if let Some(made) = with_tree(ctx, site, make)?.filter(|made| made.compressed > 0) {
        ctx.message(&messages::compressed(&made));
    }
    Ok(())
}

/// Has nobody look after what was compressed until the next start: a deploy exchanges all files, and then
/// compresses what has changed.
pub(crate) fn leave_alone(ctx: &Context<'_>) {
    // One that goes on all the same costs time, and nothing else.
    if let Ok(Some(client)) = supervisor(ctx.dir).find() {
        let _ = client.retire(FILES);
    }
}

/// Before a start: what was compressed and has changed since is not served any more.
pub(crate) fn prune(ctx: &mut Context<'_>, site: &Site) -> Result<(), Error> {
    with_tree(ctx, site, precompressed::prune).map(drop)
}

/// Does something with the compressed files, unless there are to be none.
fn with_tree<T>(
    ctx: &mut Context<'_>,
    site: &Site,
    work: impl FnOnce(&[Source], &Utf8Path) -> Result<T, PrecompressError>,
) -> Result<Option<T>, Error> {
    if site.has_own_configuration() || !site.settings.precompress {
        tree::remove(&site.precompressed)?;
        return Ok(None);
    }
    let built = Places::on_gear(ctx.gear, ctx.dir).environment;
    match work(&site.sources(&built), &site.precompressed) {
        Ok(done) => Ok(Some(done)),
        Err(error) => {
            ctx.message(&error.to_string());
            // Nothing is certain about it, so it must not be served.
            tree::remove(&site.precompressed)?;
            Ok(None)
        }
    }
}
