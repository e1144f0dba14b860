//! What changes while it is served.

use std::os::unix::fs::symlink;

use cart_core::wait;

use super::*;

/// Watches a place for as long as the test program runs.
fn watch(place: &Place) {
    let (sources, tree) = (place.sources(), place.tree());
    std::thread::spawn(move || super::watch(&sources, &tree));
}

/// Writes another content in the same place.
fn overwrite(path: &Utf8Path) {
    let mut file = fs::OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, &script(3000, 9)).unwrap();
}

fn has(place: &Place, path: &str) -> bool {
    let listed = place.listed();
    ["gzip", "br", "zstd", "identity"].iter().any(|it| listed.contains(&format!("{it}/{path}")))
}

fn goes(place: &Place, path: &str) {
    let gone = wait::until(Duration::from_secs(20), || (!has(place, path)).then_some(()));
    assert!(gone.is_some(), "{path}: {:?}", place.listed());
}

#[test]
fn the_variants_of_what_is_written_replaced_removed_or_moved_go_and_no_others() {
    let place = Place::new();
    let names = ["written", "replaced", "removed", "moved", "short", "kept", "far/away/kept"];
    for name in names {
        place.file(&format!("public/{name}.js"), script(3000, 1));
    }
    place.file("public/dir/deep/a.js", script(3000, 2)).file("static/b.js", script(3000, 3));
    place.make();
    watch(&place);
    place.file("new.js", "new");
    let path = |name: &str| place.path(&format!("public/{name}.js"));
    overwrite(&path("written"));
    fs::rename(place.path("new.js"), path("replaced")).unwrap();
    fs::remove_file(path("removed")).unwrap();
    fs::rename(path("moved"), place.path("away.js")).unwrap();
    fs::OpenOptions::new().write(true).open(path("short")).unwrap().set_len(10).unwrap();
    fs::rename(place.path("public/dir"), place.path("elsewhere")).unwrap();
    for name in ["written", "replaced", "removed", "moved", "short", "dir/deep/a"] {
        goes(&place, &format!("{name}.js"));
    }
    for kept in ["kept.js", "far/away/kept.js", "static/b.js"] {
        assert!(has(&place, kept), "{kept}");
    }
    overwrite(&place.path("static/b.js"));
    goes(&place, "static/b.js");
}

#[test]
fn what_changed_before_anybody_watched_goes_too() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1)).file("public/b.js", script(3000, 1)).make();
    overwrite(&place.path("public/a.js"));
    watch(&place);
    goes(&place, "a.js");
    assert!(has(&place, "b.js"));
}

#[test]
fn what_links_lead_to_is_watched_too() {
    let place = Place::new();
    place.file("real/dir/a.js", script(3000, 1)).file("real/b.js", script(3000, 2));
    symlink("../real/dir", place.path("public/dir")).unwrap();
    symlink("../real/b.js", place.path("public/b.js")).unwrap();
    symlink("b.js", place.path("public/c.js")).unwrap();
    place.make();
    assert!(has(&place, "dir/a.js") && has(&place, "b.js") && has(&place, "c.js"));
    watch(&place);
    overwrite(&place.path("real/dir/a.js"));
    overwrite(&place.path("real/b.js"));
    for path in ["dir/a.js", "b.js", "c.js"] {
        goes(&place, path);
    }
}

#[test]
fn what_the_next_build_makes_is_watched_and_what_was_removed_is_made_again() {
    let place = Place::new();
    watch(&place);
    place.file("public/a.js", script(3000, 1)).make();
    overwrite(&place.path("public/a.js"));
    goes(&place, "a.js");
    place.file("public/a.js", script(3000, 1)).file("public/new/b.js", script(3000, 2)).make();
    // Whoever watches had to see the tree anew; what he removed meanwhile, one more build makes.
    let made = wait::until(Duration::from_secs(20), || {
        place.make();
        (has(&place, "a.js") && has(&place, "new/b.js")).then_some(())
    });
    assert!(made.is_some());
    place.assert_true();
    overwrite(&place.path("public/new/b.js"));
    goes(&place, "new/b.js");
}

#[test]
fn a_tree_that_cannot_be_watched_goes() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1)).make();
    let sources = [Source::new("/../", place.path("public"))];
    let error = super::watch(&sources, &place.tree());
    assert!(matches!(error, PrecompressError::At { .. }), "{error}");
    assert!(!place.tree().exists());
}

#[test]
fn what_stands_above_a_file_or_comes_before_it_is_watched_too() {
    let place = Place::new();
    for path in ["public/vendor/js/a.js", "static/deep/b.js", "public/c/d/e.js"] {
        place.file(path, script(3000, 1));
    }
    // Of another size: both may be of one tick of the clock.
    place.file("other/js/a.js", script(3500, 2));
    place.make();
    watch(&place);
    fs::rename(place.path("public/vendor"), place.path("old")).unwrap();
    fs::rename(place.path("other"), place.path("public/vendor")).unwrap();
    goes(&place, "vendor/js/a.js");
    // The first source that has a path wins.
    place.file("public/static/deep/b.js", script(3000, 3));
    goes(&place, "static/deep/b.js");
    assert!(has(&place, "c/d/e.js"));
}

#[test]
fn a_file_is_watched_by_all_of_its_names() {
    let place = Place::new();
    for name in ["b", "first", "last"] {
        place.file(&format!("public/{name}.js"), script(3000, 1));
    }
    fs::hard_link(place.path("public/b.js"), place.path("second.js")).unwrap();
    place.make();
    watch(&place);
    // One name more, as the last good generation gives to a whole environment, is no change. The second that goes
    // was seen after it, by who watched already when the first went.
    overwrite(&place.path("public/first.js"));
    goes(&place, "first.js");
    fs::hard_link(place.path("public/b.js"), place.path("third.js")).unwrap();
    fs::remove_file(place.path("second.js")).unwrap();
    overwrite(&place.path("public/last.js"));
    goes(&place, "last.js");
    assert!(has(&place, "b.js"));
    overwrite(&place.path("third.js"));
    goes(&place, "b.js");
}

#[test]
fn what_was_removed_because_it_was_touched_is_made_again_after_a_start() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1)).file("public/b.js", script(3000, 2)).make();
    watch(&place);
    place.touch("public/a.js", 1_700_000_000);
    goes(&place, "a.js");
    place.prune();
    let made = wait::until(Duration::from_secs(20), || {
        place.make();
        has(&place, "a.js").then_some(())
    });
    assert!(made.is_some() && has(&place, "b.js"));
    place.assert_true();
}
