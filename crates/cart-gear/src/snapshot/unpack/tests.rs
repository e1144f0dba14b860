use std::collections::BTreeMap;

use cart_core::GearEnv;
use cart_core::tree::{self, Descent, Step, Walk};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::*;
use crate::snapshot::archive;
use crate::snapshot::exclusions::Exclusions;
use crate::snapshot::transforms::Transforms;

/// Room for nearly everything here: 64 MiB and 400 files.
const BYTES: u64 = 64 << 20;
const FILES: u64 = 400;

/// An archive to which tests add what they like.
struct Hostile(Builder<GzEncoder<Vec<u8>>>);

impl Hostile {
    fn new() -> Self {
        let mut new = Self(Builder::new(GzEncoder::new(Vec::new(), Compression::fast())));
        new.add(EntryType::Directory, "./u/app-root/data/", io::empty(), 0);
        new
    }

    fn add(&mut self, kind: EntryType, name: &str, content: impl Read, size: u64) {
        let mut header = Self::header(kind, name);
        header.set_size(size);
        header.set_cksum();
        self.0.append(&header, content.take(size)).unwrap();
    }

    fn header(kind: EntryType, name: &str) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header
    }

    /// Unpacks it; answers the remarks, or the error in words.
    fn unpacked(self) -> Result<Vec<String>, String> {
        let bytes = self.0.into_inner().unwrap().finish().unwrap();
        let place = tempfile::tempdir().unwrap();
        unpacked(&bytes, Utf8Path::from_path(place.path()).unwrap())
    }
}

fn unpacked(archive: &[u8], into: &Utf8Path) -> Result<Vec<String>, String> {
    let transforms = Transforms::read(&[], &GearEnv::new()).unwrap();
    let selection = Selection { git: true, about: false, gear: "blog", transforms: &transforms };
    let room = Room::of(into, BYTES, FILES, 4096);
    unpack_within(room, archive, into, &selection, &Interrupts::default())
        .map_err(|error| error.to_string())
}

/// Every kind of entry that a tar library collects in memory, or that makes much of little.
#[test]
fn an_entry_of_endless_names_or_attributes_is_refused_whatever_its_kind() {
    let endless = 64 << 20;
    let letters = || io::repeat(b'a');
    for kind in
        [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader, EntryType::GNUSparse]
    {
        let mut hostile = Hostile::new();
        hostile.add(EntryType::Regular, "./u/app-root/data/first", io::empty(), 0);
        if kind == EntryType::GNUSparse {
            // A file all of whose blocks are told in further headers, each of nothing.
            let mut header = Hostile::header(kind, "./u/app-root/data/sparse");
            header.as_gnu_mut().unwrap().set_is_extended(true);
            header.set_size(0);
            header.set_cksum();
            let mut more = [0; 512];
            more[504] = 1;
            let more = more.repeat(1 << 13);
            hostile.0.append(&header, more.as_slice()).unwrap();
        } else {
            hostile.add(kind, "././@LongLink", letters(), endless);
            hostile.add(EntryType::Regular, "./u/app-root/data/x", io::empty(), 0);
        }
        let error = hostile.unpacked().unwrap_err();
        assert!(error.contains("behind ./u/app-root/data/first has more than 2048 KiB"), "{error}");
    }
    // What tells of the whole archive is passed over, however long it is.
    let mut global = Hostile::new();
    global.add(EntryType::XGlobalHeader, "pax_global_header", letters(), endless);
    global.add(EntryType::Regular, "./u/app-root/data/x", io::empty(), 0);
    assert_eq!(global.unpacked().unwrap(), Vec::<String>::new());
    // A long name is none that nobody has.
    let mut long = Hostile::new();
    let name = format!("./u/app-root/data/{}x\0", "d/".repeat(150));
    long.add(EntryType::GNULongName, "././@LongLink", name.as_bytes(), name.len() as u64);
    long.add(EntryType::Regular, "x", io::empty(), 0);
    assert_eq!(long.unpacked().unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_unpacked_takes_a_share_of_the_disk_in_bytes_and_in_files() {
    let zeros = || io::repeat(0);
    let bytes = "at most 48 MiB, three quarters of what is free on the disk of ";
    // One big file, and many that are too much together.
    for (count, size) in [(1, BYTES), (8, BYTES / 10)] {
        let mut bomb = Hostile::new();
        for number in 0..count {
            bomb.add(EntryType::Regular, &format!("./u/app-root/data/{number}"), zeros(), size);
        }
        let error = bomb.unpacked().unwrap_err();
        assert!(error.contains(bytes), "{error}");
        assert!(
            error.contains(&format!("./u/app-root/data/{} does not fit", count - 1)),
            "{error}"
        );
    }
    // Nothing of a file is read that says itself that it does not fit.
    let mut boasts = Hostile::new();
    let mut header = Hostile::header(EntryType::Regular, "./u/app-root/data/boasts");
    header.set_size(1 << 50);
    header.set_cksum();
    boasts.0.append(&header, io::empty()).unwrap();
    assert!(boasts.unpacked().unwrap_err().contains("boasts does not fit"));

    type Name = fn(u64) -> String;
    let kinds: [(EntryType, Name); 4] = [
        (EntryType::Regular, |n| format!("./u/app-root/data/{n}")),
        (EntryType::Symlink, |n| format!("./u/app-root/data/{n}")),
        (EntryType::Directory, |n| format!("./u/app-root/data/{n}/")),
        // Two directories that have no entry.
        (EntryType::Regular, |n| format!("./u/app-root/data/{}/{n}/f", n / 2)),
    ];
    for (kind, name) in kinds {
        let mut bomb = Hostile::new();
        for number in 0..FILES {
            let mut header = Hostile::header(kind, &name(number));
            header.as_old_mut().linkname[0] = b'x';
            header.set_size(0);
            header.set_cksum();
            bomb.0.append(&header, io::empty()).unwrap();
        }
        let error = bomb.unpacked().unwrap_err();
        assert!(error.contains("at most 300 files, three quarters of what is free"), "{error}");
    }
}

#[test]
fn what_is_not_restored_takes_no_room_and_few_words() {
    let mut logs = Hostile::new();
    logs.add(EntryType::Regular, "./u/python/logs/huge", io::repeat(0), BYTES);
    for number in 0..500 {
        logs.add(EntryType::Fifo, &format!("./u/app-root/data/{number}"), io::empty(), 0);
    }
    let remarks = logs.unpacked().unwrap();
    assert_eq!(remarks.len(), MOST_REMARKS + 1);
    assert!(remarks[MOST_REMARKS].contains("400 more"), "{remarks:?}");
}

/// All that is in a directory: how deep, its name, its mode, and for directories their time.
fn all(root: &Utf8Path) -> BTreeMap<(usize, Vec<u8>), (u32, i64)> {
    let mut found = BTreeMap::new();
    let mut walk = Walk::new(root).unwrap();
    while let Some(step) = walk.next() {
        let Step::Entry(entry) = step.unwrap() else { continue };
        let stat = entry.stat().unwrap();
        let name = entry.name().as_encoded_bytes().to_vec();
        found.insert((entry.depth(), name), (stat.st_mode, stat.st_mtime));
    }
    found
}

#[test]
fn a_tree_deeper_than_any_path_comes_back_as_it_was() {
    // In names of this length it is longer than the system takes.
    const DEEP: usize = 250;
    const NAIVE: &[u8] = b"na\xefve";
    let keep = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(keep.path()).unwrap();
    let (home, into) = (place.join("home"), place.join("into"));
    std::fs::create_dir_all(home.join("app-root/data")).unwrap();
    std::fs::create_dir(&into).unwrap();
    let mut way = Descent::at(home.join("app-root/data").as_std_path()).unwrap();
    let name = "deep".repeat(10);
    let flags = OFlags::CREATE | OFlags::WRONLY;
    for _ in 0..DEEP {
        rustix::fs::mkdirat(way.directory(), name.as_str(), Mode::RWXU).unwrap();
        way.enter(name.as_str()).unwrap();
        drop(rustix::fs::openat(way.directory(), NAIVE, flags, Mode::RUSR).unwrap());
        rustix::fs::linkat(way.directory(), NAIVE, way.directory(), "z", AtFlags::empty()).unwrap();
    }
    while way.depth() > 0 {
        // Nobody but its owner can write to it, and nobody has since 2001.
        let left = way.leave().unwrap();
        rustix::fs::fchmod(&left, Mode::RUSR | Mode::XUSR).unwrap();
        rustix::fs::futimens(&left, &laid::both(1_000_000_000)).unwrap();
    }
    let mut bytes = Vec::new();
    let none = Exclusions::default();
    let remarks = archive::write(&mut bytes, &home, "u", &none, &Interrupts::default()).unwrap();
    assert_eq!(remarks, Vec::<String>::new());
    let transforms = Transforms::read(&[], &GearEnv::new()).unwrap();
    let selection = Selection { git: true, about: false, gear: "blog", transforms: &transforms };
    unpack(bytes.as_slice(), &into, &selection, &Interrupts::default()).unwrap();
    assert_eq!(all(&into.join("app-root/data")), all(&home.join("app-root/data")));
    tree::remove(&home).unwrap();
    tree::remove(&into).unwrap();
}

#[test]
fn directories_in_any_order_have_their_modes_and_times_in_the_end() {
    let mut mixed = Hostile::new();
    let time = 1_000_000_000;
    for name in ["a/", "b/", "a/c/"] {
        let mut header =
            Hostile::header(EntryType::Directory, &format!("./u/app-root/data/{name}"));
        header.set_mode(0o500);
        header.set_size(0);
        header.set_cksum();
        mixed.0.append(&header, io::empty()).unwrap();
    }
    for name in ["a/f", "b/f", "a/c/f"] {
        mixed.add(EntryType::Regular, &format!("./u/app-root/data/{name}"), io::empty(), 0);
    }
    let keep = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(keep.path()).unwrap();
    unpacked(&mixed.0.into_inner().unwrap().finish().unwrap(), place).unwrap();
    for name in ["a", "b", "a/c"] {
        let stat = rustix::fs::stat(place.join("app-root/data").join(name).as_std_path()).unwrap();
        assert_eq!((stat.st_mode & 0o777, stat.st_mtime), (0o500, time), "{name}");
    }
    tree::remove(&place.join("app-root")).unwrap();
}
