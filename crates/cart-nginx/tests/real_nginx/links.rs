//! Links in `public/`: to what is the link's owner's, and to what is somebody else's.

use std::os::unix::fs::{lchown, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;

use crate::app::App;
use crate::bench::Bench;

/// What a request is answered with when no file was found.
const BY_THE_APP: &str = "GET ";

/// A directory beside the repository with a file, `index.html` and a directory.
fn neighbour(bench: &Bench, name: &str) -> Utf8PathBuf {
    let place = bench.dir.path().parent().unwrap().join(name);
    std::fs::create_dir_all(place.join("sub")).unwrap();
    for file in ["file", "index.html", "sub/file"] {
        files::write_atomic(&place.join(file), b"out", 0o644).unwrap();
    }
    place
}

/// Makes a link somebody else's; only root can, and then the files of the gear are root's.
fn of_somebody_else(link: &Utf8Path) {
    if rustix::process::geteuid().is_root() {
        lchown(link, Some(65534), Some(65534)).unwrap();
    }
}

/// A place that the gear's user does not own: made so by root, otherwise the system's.
fn strange(bench: &Bench) -> Utf8PathBuf {
    if !rustix::process::geteuid().is_root() {
        return "/usr/lib".into();
    }
    let place = neighbour(bench, "strange");
    for path in ["", "sub", "file", "index.html", "sub/file"] {
        lchown(place.join(path), Some(65534), Some(65534)).unwrap();
    }
    place
}

/// A file in [`strange`].
fn file_of(strange: &Utf8Path) -> Utf8PathBuf {
    let ours = strange.join("file");
    if ours.exists() { ours } else { "/usr/lib/os-release".into() }
}

fn link(to: impl AsRef<Utf8Path>, at: &Utf8Path) -> Utf8PathBuf {
    symlink(to.as_ref(), at).unwrap();
    at.to_owned()
}

#[test]
fn links_to_what_is_the_gears_own_are_followed_wherever_it_is() {
    let bench = Bench::new().file("public/real.txt", "real").file("public/sub/f", "f");
    let public = bench.repo.join("public");
    let data = neighbour(&bench, "data");
    // As a node has it: runtime/data is a link, and so may be what leads to it.
    link("data", &data.with_file_name("data-by-link"));
    link(data.with_file_name("data-by-link"), &public.join("media"));
    link(&data, &public.join("sub/deep"));
    link("real.txt", &public.join("again.txt"));
    link("again.txt", &public.join("chain.txt"));
    link(data.join("file"), &public.join("one-file"));
    let _app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    for path in ["/media/file", "/media/sub/file", "/sub/deep/file", "/one-file"] {
        assert_eq!(bench.get(path).text(), "out", "{path}");
    }
    assert_eq!(bench.get("/again.txt").text(), "real");
    assert_eq!(bench.get("/chain.txt").text(), "real");
}

#[test]
fn links_to_what_is_somebody_elses_are_no_files() {
    let bench = Bench::new().file("public/real.txt", "real").file("public/sub/f", "f");
    let public = bench.repo.join("public");
    let data = neighbour(&bench, "data");
    let strange = strange(&bench);
    let file = file_of(&strange);
    of_somebody_else(&link("/", &public.join("elsewhere")));
    of_somebody_else(&link("/proc/self/root", &public.join("self")));
    link(&file, &public.join("file"));
    link(&strange, &public.join("directory"));
    link(&strange, &public.join("sub/middle"));
    link(&file, &public.join("style.css.gz"));
    // A chain that begins with links of one's own, inside and outside of public.
    link("file", &public.join("chain"));
    link(&file, &data.join("outside"));
    link(data.join("outside"), &public.join("longer"));
    // Behind a link that may be followed.
    link(&data, &public.join("media"));
    // The link itself is somebody else's, what it leads to the gear's.
    of_somebody_else(&link(data.join("file"), &public.join("planted")));
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve();
    let name = file.file_name().unwrap();
    for path in [
        "/file",
        &format!("/directory/{name}"),
        "/directory/sub/file",
        "/sub/middle/sub/file",
        "/style.css",
        "/style.css.gz",
        "/chain",
        "/longer",
        "/media/outside",
        "/elsewhere/etc/passwd",
        "/self/etc/passwd",
    ] {
        assert!(bench.get(path).text().starts_with(BY_THE_APP), "{path} {:?}", bench.get(path));
    }
    if rustix::process::geteuid().is_root() {
        assert!(bench.get("/planted").text().starts_with(BY_THE_APP));
    }
    assert!(app.seen().len() > 10);
    assert_eq!(bench.get("/real.txt").text(), "real");
    assert!(bench.error_log().contains("(40: Too many levels of symbolic links)"));
}

#[test]
fn a_site_of_files_alone_follows_no_others_either() {
    let bench = Bench::new().file("public/index.html", "home");
    let public = bench.repo.join("public");
    let data = neighbour(&bench, "data");
    link(&data, &public.join("media"));
    link(strange(&bench), &public.join("directory"));
    std::fs::create_dir(public.join("sub")).unwrap();
    link(file_of(&strange(&bench)), &public.join("sub/index.html"));
    let mut site = bench.site();
    site.upstream = None;
    let _nginx = bench.serve_site(&site);
    assert_eq!(bench.get("/").text(), "home");
    assert_eq!(bench.get("/media/").text(), "out", "an index file behind a link");
    for path in ["/directory/", "/directory/index.html", "/sub/", "/sub/index.html"] {
        let answer = bench.get(path);
        assert!(matches!(answer.status(), 403 | 404), "{path}: {answer:?}");
    }
}
