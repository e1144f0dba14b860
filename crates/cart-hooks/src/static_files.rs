//! Files that nginx serves beside `public/`: those of `wsgi/static/`, as with OpenShift's own Python
//! cartridge, and those that a Django project has collected.

use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
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

/// The folders that there are, in the order in which a file is looked for.
pub(crate) fn folders(ctx: &Context<'_>) -> Vec<Folder> {
    let environment = Places::on_gear(ctx.gear, ctx.dir).environment;
    let wsgi = Some((WSGI_STATIC_AT.to_owned(), ctx.gear.repo.join(WSGI_STATIC)));
    let collected = Collected::of(&environment).map(|(collected, folder)| (collected.url, folder));
    let found = [wsgi, collected].into_iter().flatten();
    let served = found.filter(|(_, directory)| has_owner_of(&ctx.gear.repo, directory));
    let folder = |(at, directory): (String, Utf8PathBuf)| {
        Some(Folder { at: FolderPath::parse(&at)?, directory })
    };
    served.filter_map(folder).collect()
}

/// A link to somebody else's directory is no folder, as in `public/`.
fn has_owner_of(repo: &Utf8Path, directory: &Utf8Path) -> bool {
    let owner = std::fs::metadata(repo).map(|metadata| metadata.uid()).ok();
    std::fs::metadata(directory).is_ok_and(|m| m.is_dir() && Some(m.uid()) == owner)
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    #[test]
    fn a_folder_is_a_directory_of_whom_the_repository_belongs_to() {
        let keep = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(keep.path()).unwrap();
        let (repo, data) = (home.join("repo"), home.join("data"));
        for directory in [&repo, &data] {
            std::fs::create_dir(directory).unwrap();
        }
        assert!(!has_owner_of(&repo, &repo.join("static")), "it is not there");
        symlink(&data, repo.join("static")).unwrap();
        assert!(has_owner_of(&repo, &repo.join("static")));
        let strange = if rustix::process::geteuid().is_root() {
            lchown(&data, Some(65534), Some(65534)).unwrap();
            data
        } else {
            "/usr".into()
        };
        symlink(strange, repo.join("another")).unwrap();
        assert!(!has_owner_of(&repo, &repo.join("another")));
    }
}
