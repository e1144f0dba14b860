//! Which files get which variants.

use super::*;

fn reasons(made: &Made) -> Vec<(Reason, usize, &str)> {
    made.left_out.iter().map(|(reason, left)| (reason, left.count, left.first.as_str())).collect()
}

#[test]
fn sizes_from_the_smallest_to_the_largest_count() {
    let place = Place::new();
    for size in [1023, 1024, 4000, 4001] {
        place.file(&format!("public/{size}.txt"), script(size, 1));
    }
    let made = place.make_within(&Limits { largest: 4000, ..Limits::default() });
    let has = |size: usize| !place.decoded(&format!("{size}.txt")).is_empty();
    assert_eq!([1023, 1024, 4000, 4001].map(has), [false, true, true, false]);
    let expected = [(Reason::TooSmall, 1, "1023.txt"), (Reason::TooLarge, 1, "4001.txt")];
    assert_eq!(reasons(&made), expected);
}

#[test]
fn what_is_small_is_there_as_it_is_too_whether_it_is_compressed_or_not() {
    let place = Place::new();
    for size in [0, 1, 1023, 3000, 32 << 10, (32 << 10) + 1] {
        place.file(&format!("public/{size}.txt"), script(size, 1));
    }
    let made = place.file("public/noise.txt", noise(3000)).make();
    place.assert_true();
    let listed = place.listed();
    let mut as_it_is: Vec<_> = listed.iter().filter_map(|p| p.strip_prefix("identity/")).collect();
    as_it_is.sort_unstable();
    assert_eq!(as_it_is, ["0.txt", "1.txt", "1023.txt", "3000.txt", "32768.txt", "noise.txt"]);
    assert_eq!((made.originals, made.variants), (3, 9));
    let expected = [(Reason::TooSmall, 3, "0.txt"), (Reason::Worthless, 1, "noise.txt")];
    assert_eq!(reasons(&made), expected);
    place.file("public/1.txt", "2").prune();
    assert!(!place.listed().contains(&"identity/1.txt".to_owned()));
}

#[test]
fn only_types_that_are_worth_it_and_no_hidden_files_but_well_known_ones() {
    let place = Place::new();
    let text = script(3000, 1);
    for path in [
        "a.js",
        ".well-known/security.txt",
        "photo.png",
        "a.js.gz",
        "a.js.br",
        "a.js.zst",
        "a.svgz",
        "noextension",
        ".hidden.js",
        ".git/config.txt",
        "sub/.cache/a.js",
    ] {
        place.file(&format!("public/{path}"), &text);
    }
    assert_eq!(place.make().originals, 2);
    assert_eq!(place.decoded("a.js").len(), 3);
    assert_eq!(place.decoded(".well-known/security.txt").len(), 3);
}

#[test]
fn what_compression_does_not_make_smaller_has_no_variant_at_all_and_without_any_there_is_no_tree() {
    let place = Place::new();
    place.file("public/font.ttf", noise(40_000));
    let made = place.make();
    assert_eq!(reasons(&made), [(Reason::Worthless, 1, "font.ttf")]);
    assert!(!place.tree().exists());
    place.file("public/a.js", script(3000, 1));
    assert_eq!(place.make().originals, 1);
    assert!(place.decoded("font.ttf").is_empty());
    // It is known by now, and not tried again.
    assert_eq!(place.make().compressed, 0);
    assert_eq!(reasons(&place.make()), [(Reason::Worthless, 1, "font.ttf")]);
}

#[test]
fn no_two_variants_of_a_file_have_one_size_and_each_is_worth_it() {
    for size in (1024..3000).step_by(61) {
        // Short ones, whose sizes are near each other; some hardly worth it.
        let mut content = script(size, size as u64);
        content.splice(..size * 2 / 3, noise(size * 2 / 3));
        let variants = encoding::variants(content.clone(), 1024).unwrap();
        let length = |wanted| {
            let mut of = variants.iter().filter(|(encoding, _)| *encoding == wanted);
            of.next().map(|(_, variant)| variant.len())
        };
        let [gzip, brotli, zstd, identity] = Encoding::ALL.map(length);
        assert_eq!(identity.is_some(), gzip.is_none() || variants.len() == 4, "{size}");
        assert!(gzip.is_some() || variants.len() == 1);
        let worth = |length: Option<usize>| length.is_none_or(|l| l * 100 <= size * 95);
        assert!(worth(gzip) && worth(brotli) && worth(zstd), "{size}");
        assert!(brotli.is_none_or(|brotli| Some(brotli) < gzip), "{size}");
        assert!(zstd.is_none() || (zstd != gzip && zstd != brotli), "{size}");
    }
}

#[test]
fn the_first_source_that_has_a_path_wins_even_if_its_file_gets_no_variant() {
    let place = Place::new();
    let (ours, theirs) = (script(3000, 1), script(3000, 2));
    place.file("public/static/a.js", &ours).file("static/a.js", &theirs);
    place.file("public/static/small.js", "1").file("static/small.js", &theirs);
    place.file("static/only.js", &theirs);
    place.make();
    assert!(place.decoded("static/a.js").values().all(|decoded| *decoded == ours));
    assert!(place.decoded("static/small.js").is_empty());
    assert_eq!(place.decoded("static/only.js").len(), 3);
    place.assert_true();
}

#[test]
fn a_file_of_one_source_and_a_directory_of_another_may_have_one_name() {
    let place = Place::new();
    let text = script(3000, 1);
    place.file("public/static/a.js/b.js", &text).file("static/a.js", &text);
    place.file("public/static/c.js", &text).file("static/c.js/d.js", &text);
    let made = place.make();
    assert_eq!(made.originals, 2);
    assert_eq!(reasons(&made), [(Reason::Clash, 2, "static/a.js")]);
    place.assert_true();
}

#[test]
fn beyond_the_limits_nothing_is_looked_at() {
    let place = Place::new();
    let text = script(3000, 1);
    for path in ["public/a.js", "public/d/b.js", "public/d/e/c.js", "static/a.js"] {
        place.file(path, &text);
    }
    let made = place.make_within(&Limits { depth: 1, ..Limits::default() });
    assert_eq!(reasons(&made), [(Reason::TooDeep, 1, "d/e")]);
    assert_eq!(made.originals, 3);
    // Two in public/, two in d/.
    let made = place.make_within(&Limits { entries: 4, ..Limits::default() });
    assert_eq!(reasons(&made), [(Reason::TooMany, 1, "d/e")]);
    assert_eq!((made.originals, made.removed), (2, 1));
    assert!(place.decoded("static/a.js").is_empty(), "it might not be the first");
    let made = place.make_within(&Limits { time: Duration::ZERO, ..Limits::default() });
    assert_eq!(made.compressed, 0, "all of it is known by its content");
    place.file("public/new.js", script(3000, 9));
    let made = place.make_within(&Limits { time: Duration::ZERO, ..Limits::default() });
    assert_eq!(reasons(&made), [(Reason::Late, 1, "new.js")]);
    assert_eq!(place.make().compressed, 1);
}

#[test]
fn names_that_are_not_utf_8_and_what_is_no_file_are_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.file("public/a.js", script(3000, 1));
    let strange = place.path("public").as_std_path().join(std::ffi::OsStr::from_bytes(b"\xff.js"));
    fs::copy(place.path("public/a.js"), strange).unwrap();
    let fifo = place.path("public/pipe.js");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        fifo.as_std_path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let made = place.make();
    assert_eq!((made.originals, made.left_out.of(Reason::Name).unwrap().count), (1, 1));
}

#[test]
fn a_source_is_at_a_plain_path_and_may_be_missing() {
    let place = Place::new();
    place.file("public/a.js", script(3000, 1));
    let at = |at: &str| {
        make(&[Source::new(at, place.path("public"))], &place.tree(), &Limits::default())
    };
    assert_eq!(at("/x/y").unwrap().originals, 1);
    assert_eq!(place.decoded("x/y/a.js").len(), 3);
    let error = at("/x/../../y").unwrap_err().to_string();
    assert!(error.contains("\"/x/../../y\" is no path on the site"), "{error}");
    let nothing = [Source::new("/", place.path("missing"))];
    assert_eq!(make(&nothing, &place.tree(), &Limits::default()).unwrap().removed, 1);
    assert!(!place.tree().exists());
}
