//! Folders of files beside `public/`.

use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use cart_nginx::{Folder, FolderPath, Site};

use crate::app::{App, Reply};
use crate::bench::Bench;

/// The site of `bench` with two folders of its repository at `/static/`.
fn site(bench: &Bench) -> Site {
    let mut site = bench.site();
    let folder = |directory: &str| Folder {
        at: FolderPath::parse("/static/").unwrap(),
        directory: bench.repo.join(directory),
    };
    site.serve(vec![folder("wsgi/static"), folder("collected")]);
    site
}

#[test]
fn public_goes_first_then_the_folders_in_their_order_then_the_app() {
    let bench = Bench::new()
        .file("public/static/a", "public")
        .file("wsgi/static/a", "first")
        .file("wsgi/static/b.css", "first")
        .file("collected/a", "second")
        .file("collected/b.css", "second")
        .file("collected/deep/with space", "second");
    let app = App::parrot(&bench.socket());
    let _nginx = bench.serve_site(&site(&bench));
    assert_eq!(bench.get("/static/a").text(), "public");
    let css = bench.get("/static/b.css?v=1");
    assert_eq!((css.text().as_str(), css.header("content-type")), ("first", Some("text/css")));
    assert!(css.header("etag").is_some() && css.header("last-modified").is_some());
    assert_eq!(bench.get("/static/deep/with%20space").text(), "second");
    assert!(app.seen().is_empty(), "files need no app");
    for path in ["/static/none", "/static/", "/static/deep", "/static/deep/", "/static", "/a"] {
        let start = format!("GET {path} HTTP/1.1");
        assert_eq!(bench.get(path).text(), start);
    }
    let asked = "/static/no%20ne?x=%2F";
    assert_eq!(bench.get(asked).text(), format!("GET {asked} HTTP/1.1"), "as it was asked");
    assert_eq!(bench.post("/static/b.css", b"x").text(), "POST /static/b.css HTTP/1.1");
}

#[test]
fn nothing_beside_a_folder_is_served_no_dot_file_in_it_and_no_link_to_somebody_elses() {
    let bench = Bench::new()
        .file("wsgi/application", "source")
        .file("wsgi/static/.env", "secret")
        .file("wsgi/static/.git/config", "secret")
        .file("wsgi/static/real", "real");
    let folder = bench.repo.join("wsgi/static");
    symlink("real", folder.join("own")).unwrap();
    let strange = Utf8Path::new("/proc/1/status");
    symlink(strange, folder.join("strange")).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(folder.join("strange"), Some(65534), Some(65534)).unwrap();
    }
    let _app = App::parrot(&bench.socket());
    let _nginx = bench.serve_site(&site(&bench));
    assert_eq!(bench.get("/static/own").text(), "real");
    for path in ["/static/.env", "/static/.git/config"] {
        assert_eq!(bench.get(path).status(), 404, "{path}");
    }
    for path in ["/static/../application", "/static/%2e%2e/application", "/static/strange"] {
        assert!(bench.get(path).text().starts_with("GET "), "{path} {:?}", bench.get(path));
    }
}

#[test]
fn a_folder_that_is_not_there_is_no_trouble_and_files_alone_are_served_without_an_app() {
    let bench = Bench::new().file("wsgi/static/a", "first");
    let mut site = site(&bench);
    site.upstream = None;
    let _nginx = bench.serve_site(&site);
    assert_eq!(bench.get("/static/a").text(), "first");
    assert_eq!(bench.get("/static/b").status(), 404);
}

#[test]
fn a_longer_path_goes_first_and_the_shorter_one_behind_it_with_public_and_without() {
    for has_public in [true, false] {
        let bench = Bench::new()
            .file("media/index.html", "index")
            .file("media/thumbs/both.css", "media")
            .file("media/thumbs/one.jpg", "media")
            .file("thumbs/both.css", "thumbs");
        if !has_public {
            std::fs::remove_dir(bench.repo.join("public")).unwrap();
        }
        let _app = App::parrot(&bench.socket());
        let mut site = bench.site();
        let folder = |at: &str, directory: &str| Folder {
            at: FolderPath::parse(at).unwrap(),
            directory: bench.repo.join(directory),
        };
        site.serve(vec![folder("/media/", "media"), folder("/media/thumbs/", "thumbs")]);
        let _nginx = bench.serve_site(&site);
        for (path, text) in [
            ("/media/thumbs/both.css", "thumbs"),
            ("/media/thumbs/one.jpg", "media"),
            ("/media/", "index"),
            ("/media/thumbs/none.css", "GET /media/thumbs/none.css HTTP/1.1"),
            ("/media/none/", "GET /media/none/ HTTP/1.1"),
            ("/", "GET / HTTP/1.1"),
        ] {
            assert_eq!(bench.get(path).text(), text, "{path} {has_public}");
        }
    }
}

/// The app answers with `X-Accel-Redirect`, and nginx looks for the file where a request for it would.
#[test]
fn an_app_sends_its_client_to_a_file_of_a_folder() {
    let bench = Bench::new().file("collected/a.bin", "file");
    let _app = App::start(&bench.socket(), |_, _| {
        Reply::Answer("200 OK\r\nX-Accel-Redirect: /static/a.bin", String::new())
    });
    let _nginx = bench.serve_site(&site(&bench));
    assert_eq!(bench.get("/go").text(), "file");
}

#[test]
fn only_files_of_the_release_are_compressed_beforehand() {
    let bench = Bench::new().file("static/a.css", "a");
    let data = bench.dir.path().parent().unwrap().join("data");
    std::fs::create_dir(&data).unwrap();
    symlink(&data, bench.repo.join("media")).unwrap();
    let mut site = bench.site();
    let folder =
        |at: &str, directory: Utf8PathBuf| Folder { at: FolderPath::parse(at).unwrap(), directory };
    let environment = bench.dir.path().join("environment");
    let built = environment.join("collected");
    std::fs::create_dir_all(&built).unwrap();
    site.serve(vec![
        folder("/static/", bench.repo.join("static")),
        folder("/media/", bench.repo.join("media")),
        folder("/data/", data),
        folder("/built/", built),
    ]);
    assert_eq!(site.folders.len(), 5);
    let at: Vec<String> = site.sources(&environment).into_iter().map(|source| source.at).collect();
    assert_eq!(at, ["/", "/static/", "/built/"]);
}
