//! What a kill may leave behind.

use super::index::Index;
use super::*;

/// Says in the index of a tree what it says between [`Tree::begin`] and [`Tree::finish`].
fn unfinished(place: &Place, change: impl FnOnce(&mut Index)) {
    let path = place.tree().join("index.json");
    let mut index = Index::parse(&fs::read(&path).unwrap()).unwrap();
    index.finished = false;
    change(&mut index);
    files::write_unsynced(&path, &index.to_text(), 0o644).unwrap();
}

fn three() -> Place {
    let place = Place::new();
    for (name, seed) in [("a", 1), ("b", 2), ("d/c", 3)] {
        place.file(&format!("public/{name}.js"), script(3000, seed));
    }
    place.make();
    place
}

/// Both ways on from a state, which must end alike: with no variant that is none.
fn both(state: impl Fn(&Place)) {
    for builds in [true, false] {
        let place = three();
        state(&place);
        if builds {
            assert_eq!(place.make().originals, 3);
            place.assert_true();
            let before = place.state();
            assert_eq!((place.make().compressed, place.state()), (0, before), "it is whole again");
        } else {
            place.prune();
            place.assert_true();
            let before = place.state();
            assert_eq!((place.prune().removed, place.state()), (0, before), "it is whole again");
        }
        let names: Vec<String> = place.listed();
        assert!(names.iter().all(|name| !name.starts_with("tmp")), "{names:?}");
    }
}

#[test]
fn before_the_variants_of_what_changed_were_removed() {
    both(|place| {
        place.file("public/a.js", script(3000, 9));
        unfinished(place, |index| drop(index.originals.remove("a.js")));
    });
}

#[test]
fn after_new_variants_were_placed_and_then_the_original_was_put_back() {
    both(|place| {
        // As if a.js had been b.js for the time of the build.
        unfinished(place, |index| drop(index.originals.remove("a.js")));
        for encoding in ["gzip", "br", "zstd"] {
            let tree = place.tree();
            let at = |name: &str| tree.join(encoding).join(name);
            fs::copy(at("b.js"), at("a.js")).unwrap();
        }
    });
}

#[test]
fn between_the_variants_of_a_file_and_with_things_half_written() {
    both(|place| {
        unfinished(place, |index| drop(index.originals.remove("d/c.js")));
        fs::remove_file(place.tree().join("br/d/c.js")).unwrap();
        fs::remove_file(place.tree().join("zstd/d/c.js")).unwrap();
        fs::create_dir(place.tree().join("tmp")).unwrap();
        place.file("tree/tmp/0123", "half").file("tree/.index.json.Abc", "half");
        place.file("tree/gzip/new/and/deep.js", "half");
    });
}

#[test]
fn before_variants_got_their_new_time() {
    both(|place| {
        place.touch("public/a.js", 1_500_000_000);
        let time = 1_500_000_000 * 1_000_000_000;
        unfinished(place, |index| index.originals.get_mut("a.js").unwrap().state.mtime = time);
    });
}

#[test]
fn with_a_variant_that_the_disk_lost() {
    both(|place| {
        unfinished(place, |_| {});
        place.file("tree/br/a.js", "");
        fs::remove_file(place.tree().join("zstd/b.js")).unwrap();
    });
}

fn write(index: &Utf8Path, text: &str) {
    files::write_unsynced(index, text.as_bytes(), 0o644).unwrap();
}

#[test]
fn with_an_index_that_nobody_can_read() {
    type Ruin = fn(&Utf8Path);
    let ruins: [Ruin; 3] = [
        |index| fs::remove_file(index).unwrap(),
        |index| write(index, "{\"version\":1,"),
        |index| write(index, r#"{"version":0,"finished":true,"originals":{}}"#),
    ];
    for ruin in ruins {
        let place = three();
        ruin(&place.tree().join("index.json"));
        assert_eq!(place.prune(), Pruned::default());
        assert!(!place.tree().exists());
        place.make();
        ruin(&place.tree().join("index.json"));
        assert_eq!(place.make().compressed, 3);
        place.assert_true();
    }
}

#[test]
fn a_tree_that_is_something_else_is_replaced() {
    let place = three();
    fs::remove_dir_all(place.tree()).unwrap();
    place.file("tree", "a file");
    assert!(!place.tree().join("gzip").is_dir());
    assert_eq!(place.make().compressed, 3);
    fs::remove_dir_all(place.tree().join("br")).unwrap();
    std::os::unix::fs::symlink(place.path("public"), place.tree().join("br")).unwrap();
    unfinished(&place, |_| {});
    assert_eq!(place.make().compressed, 3, "they lack a variant");
    place.assert_true();
    assert_eq!(fs::read(place.path("public/a.js")).unwrap(), script(3000, 1));
}
