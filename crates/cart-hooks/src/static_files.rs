//! Files that nginx serves beside `public/` and what people set: those of `wsgi/static/`, as with
//! OpenShift's own Python cartridge, and those that a Django project has collected.

use cart_core::cartridge::Context;
use cart_nginx::{Folder, FolderPath};
use cart_python::collected::Collected;
use cart_python::{Places, PythonApp};

use crate::error::Error;
use crate::messages;

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
