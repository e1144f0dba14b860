//! What cannot be written or read.

use super::*;

#[test]
fn a_tree_that_cannot_be_written_is_an_error_that_names_it_and_says_how_files_are_served_then() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1));
    place.file("wall", "no directory");
    let tree = place.path("wall/tree");
    let error = make(&place.sources(), &tree, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains(tree.as_str()) && error.contains("served uncompressed"), "{error}");
}

#[test]
fn a_full_disk_is_told_with_the_remedy() {
    // Every write to it fails so.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let source = std::io::Write::write_all(&mut &full, b"x").unwrap_err();
    let error =
        PrecompressError::from(FileError::new("write", Utf8Path::new("/t/gz/a.js"), source));
    assert_eq!(
        error.to_string(),
        "static files cannot be compressed at build: cannot write /t/gz/a.js: the disk or its quota is \
         full. Make room and try again\nThey are served uncompressed, or compressed anew for each \
         visitor, until a build can"
    );
}

#[test]
fn something_in_the_place_of_a_variant_ends_the_work_and_the_next_build_mends_it() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1)).make();
    // Nobody but this module writes into the tree.
    place.file("tree/gz/b.js/in-the-way", "");
    place.file("public/b.js", script(3000, 2));
    let failed = make(&place.sources(), &place.tree(), &Limits::default());
    let error = failed.unwrap_err().to_string();
    assert!(error.contains("tree/gz/b.js: "), "{error}");
    assert_eq!(place.make().originals, 2);
    place.assert_true();
}

#[test]
fn a_file_that_cannot_be_read_is_left_out_and_has_its_path() {
    let place = Place::new();
    place.file("public/static/a.js", script(3000, 1)).file("static/a.js", script(3000, 2));
    fs::set_permissions(place.path("public/static/a.js"), fs::Permissions::from_mode(0o000))
        .unwrap();
    let made = place.make();
    // Root reads everything.
    let expected = if rustix::process::geteuid().is_root() { None } else { Some(1) };
    assert_eq!(made.left_out.of(Reason::Unreadable).map(|left| left.count), expected);
    assert_eq!(made.originals, usize::from(expected.is_none()));
}

#[test]
fn a_file_that_is_another_one_by_now_is_not_taken() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1));
    let scan = Scan::of(&place.sources(), &Limits::default()).unwrap();
    let found = &scan.originals["a.js"];
    assert_eq!(content::read(found), Ok(script(3000, 1)));
    place.file("public/a.js", script(3001, 1));
    assert_eq!(content::read(found), Err(Reason::Changing));
    fs::remove_file(place.path("public/a.js")).unwrap();
    assert_eq!(content::read(found), Err(Reason::Unreadable));
}
