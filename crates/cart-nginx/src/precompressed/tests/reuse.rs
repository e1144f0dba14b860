//! What an earlier build made.

use super::*;

#[test]
fn where_nothing_changed_nothing_is_written() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1)).file("static/b.css", script(3000, 2));
    place.file("public/font.ttf", noise(3000));
    place.make();
    let before = place.state();
    let made = place.make();
    assert_eq!((made.compressed, made.removed, made.originals), (0, 0, 2));
    assert_eq!(place.prune(), Pruned { originals: 2, removed: 0, dated: 0 });
    assert_eq!(place.state(), before);
}

#[test]
fn a_checkout_that_gives_each_file_another_time_costs_no_compression() {
    for prunes in [false, true] {
        let place = Place::new();
        place.file("public/a.js", script(3000, 1)).touch("public/a.js", 1_500_000_000).make();
        let inode = |place: &Place| place.state()["br/a.js"].0;
        let before = inode(&place);
        place.file("public/a.js", script(3000, 1)).touch("public/a.js", 1_700_000_000);
        if prunes {
            assert_eq!(place.prune(), Pruned { originals: 1, removed: 0, dated: 1 });
        } else {
            assert_eq!((place.make().compressed, inode(&place)), (0, before));
        }
        place.assert_true();
        assert_eq!(place.decoded("a.js").len(), 3);
        let state = place.state();
        assert_eq!((place.make().compressed, place.state()), (0, state));
    }
}

#[test]
fn what_changed_is_compressed_anew_and_what_is_gone_is_removed() {
    let place = Place::new();
    let time = 1_500_000_000;
    place.file("public/a.js", script(3000, 1)).touch("public/a.js", time);
    place
        .file("public/d/e/gone.js", script(3000, 2))
        .file("public/stays.js", script(3000, 3))
        .make();
    // The same size and, as from an archive, the same time; another content.
    place.file("public/a.js", script(3000, 4)).touch("public/a.js", time);
    fs::remove_dir_all(place.path("public/d")).unwrap();
    let made = place.make();
    assert_eq!((made.compressed, made.removed, made.originals), (1, 2, 2));
    assert!(!place.tree().join("gzip/d").exists(), "nor its directories");
    place.assert_true();
}

#[test]
fn what_is_moved_or_doubled_or_exchanged_is_not_compressed_again() {
    let place = Place::new();
    let (one, other) = (script(3000, 1), script(4000, 2));
    place.file("public/one.js", &one).file("public/other.js", &other);
    // As a framework makes them: plain, and with the content's hash in the name.
    place.file("public/one.0123abcd.js", &one);
    assert_eq!(place.make().compressed, 2);
    place.file("public/one.js", &other).file("public/other.js", &one);
    fs::rename(place.path("public/one.0123abcd.js"), place.path("public/moved.js")).unwrap();
    place.file("static/double.js", &one);
    let made = place.make();
    assert_eq!((made.compressed, made.originals, made.variants), (0, 4, 12));
    place.assert_true();
    assert_eq!(place.decoded("one.js")["br"], other);
    assert!(!place.tree().join("tmp").exists());
}

#[test]
fn a_file_becomes_a_directory_and_back() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1)).make();
    fs::remove_file(place.path("public/a.js")).unwrap();
    place.file("public/a.js/b.js", script(3000, 1));
    assert_eq!((place.make().compressed, place.decoded("a.js/b.js").len()), (0, 3));
    fs::remove_dir_all(place.path("public/a.js")).unwrap();
    place.file("public/a.js", script(3000, 2));
    assert_eq!((place.make().compressed, place.decoded("a.js").len()), (1, 3));
    place.assert_true();
}

#[test]
fn a_file_that_appears_in_the_source_before_takes_the_path() {
    let place = Place::new();
    let time = 1_500_000_000;
    place.file("static/a.js", script(3000, 1)).touch("static/a.js", time).make();
    place.file("public/static/a.js", script(3000, 2)).touch("public/static/a.js", time);
    assert_eq!(place.prune().removed, 1);
    assert!(!place.tree().join("gzip").is_dir());
    assert_eq!(place.make().compressed, 1);
    place.assert_true();
}

#[test]
fn a_start_removes_what_changed_or_is_gone_and_makes_nothing() {
    let place = Place::new();
    for name in ["stays", "same_size", "other_size", "gone", "too_small"] {
        place.file(&format!("public/{name}.js"), script(3000, 1));
    }
    place.make();
    place
        .file("public/same_size.js", script(3000, 2))
        .file("public/other_size.js", script(3001, 1));
    place.file("public/too_small.js", "1").file("public/new.js", script(3000, 1));
    fs::remove_file(place.path("public/gone.js")).unwrap();
    assert_eq!(place.prune(), Pruned { originals: 1, removed: 4, dated: 0 });
    assert_eq!(place.decoded("stays.js").len(), 3);
    for name in ["same_size", "other_size", "gone", "too_small", "new"] {
        assert!(place.decoded(&format!("{name}.js")).is_empty(), "{name}");
    }
    fs::remove_file(place.path("public/stays.js")).unwrap();
    assert_eq!(place.prune().removed, 1);
    assert!(!place.tree().exists());
    assert_eq!(place.prune(), Pruned::default());
    assert!(!place.tree().exists(), "a start makes no tree");
}
