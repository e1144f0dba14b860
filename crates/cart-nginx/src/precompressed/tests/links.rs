//! Links are followed as nginx follows them.

use std::os::unix::fs::{lchown, symlink};

use super::*;

#[test]
fn links_to_what_is_the_same_users_are_followed_and_have_the_time_of_what_they_lead_to() {
    let place = Place::new();
    place.file("elsewhere/deep/a.js", script(3000, 1)).touch("elsewhere/deep/a.js", 1_500_000_000);
    symlink("../elsewhere", place.path("public/dir")).unwrap();
    symlink("dir/deep/a.js", place.path("public/b.js")).unwrap();
    symlink("b.js", place.path("public/c.js")).unwrap();
    symlink("nowhere.js", place.path("public/dangling.js")).unwrap();
    let made = place.make();
    assert_eq!((made.originals, made.compressed), (3, 1));
    place.assert_true();
    assert_eq!(made.left_out.of(Reason::Link).unwrap().first, "dangling.js");
}

#[test]
fn links_to_what_is_somebody_elses_are_no_files_and_take_no_path() {
    let place = Place::new();
    place.file("static/strange/a.js", script(3000, 1)).file("elsewhere/a.js", script(3000, 2));
    fs::create_dir(place.path("public/static")).unwrap();
    let link = place.path("public/static/strange");
    if rustix::process::geteuid().is_root() {
        symlink(place.path("elsewhere"), &link).unwrap();
        lchown(&link, Some(65534), Some(65534)).unwrap();
    } else {
        symlink("/usr/lib", &link).unwrap();
    }
    let made = place.make();
    assert_eq!(made.left_out.of(Reason::Link).unwrap().first, "static/strange");
    assert_eq!(made.originals, 1);
    assert_eq!(place.decoded("static/strange/a.js")["gzip"], script(3000, 1));
}

#[test]
fn links_that_lead_out_of_where_nothing_changes_get_no_variants_but_have_their_paths() {
    let place = Place::new();
    place.file("data/up.js", script(3000, 1)).file("repo/static/a.js", script(3000, 2));
    place.file("static/media/up.js", script(3000, 3)).file("static/one.js", script(3000, 3));
    for (to, at) in [
        ("../../repo/static", "public/inside"),
        ("../../data", "public/static/media"),
        ("../../data/up.js", "public/static/one.js"),
    ] {
        fs::create_dir_all(place.path(at).parent().unwrap()).unwrap();
        // As deep as the deepest: the links of public/ itself have one `..` less.
        let to = if at.matches('/').count() == 1 { &to[3..] } else { to };
        symlink(to, place.path(at)).unwrap();
    }
    let mut sources = place.sources();
    sources[0].within = Some(place.path("repo"));
    let made = make(&sources, &place.tree(), &Limits::default()).unwrap();
    let left = made.left_out.of(Reason::Outside).unwrap();
    assert_eq!((left.count, left.first.as_str()), (2, "static/media"));
    assert_eq!(place.decoded("inside/a.js").len(), 3);
    assert_eq!(made.originals, 1, "what is behind them in another source is not served");
}

#[test]
fn loops_end() {
    let place = Place::new();
    place.file("public/d/a.js", script(3000, 1)).file("static/d/up/a.js", script(3000, 2));
    symlink("..", place.path("public/d/up")).unwrap();
    symlink("self.js", place.path("public/self.js")).unwrap();
    let made = place.make();
    assert_eq!(made.left_out.of(Reason::Loop).unwrap().first, "d/up");
    assert_eq!(made.originals, 2);
    // Two links to a directory are no loop, but they multiply: the limit ends it.
    for level in 0..20 {
        fs::create_dir(place.path(&format!("public/{level}"))).unwrap();
        for name in ["x", "y"] {
            let to = format!("../{}", level + 1);
            symlink(to, place.path(&format!("public/{level}/{name}"))).unwrap();
        }
    }
    let limits = Limits { entries: 2000, ..Limits::default() };
    assert_eq!(place.make_within(&limits).left_out.of(Reason::TooMany).unwrap().count, 1);
}
