//! Snapshots that are damaged, of something else, or made to do harm: `gear restore` changes nothing, and
//! `gear extract` makes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::io::{Read, Write};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;
use common::gears::{Gears, answer, get};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// What `archive` is about, and its entries: kind, name, link or content.
type Entries<'a> = &'a [(EntryType, &'a str, &'a str)];

const DATA: (EntryType, &str, &str) = (EntryType::Directory, "./u/app-root/data/", "");

/// An archive with names as they are given, whatever they are.
fn archive(entries: Entries<'_>) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (kind, name, text) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let content = match kind {
            EntryType::Regular => text.as_bytes(),
            _ => {
                header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
                b""
            }
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

struct Target {
    gears: Gears,
    url: String,
    home: Utf8PathBuf,
    file: Utf8PathBuf,
}

impl Target {
    fn new() -> Self {
        let gears = Gears::new();
        let url = gears.create("blog");
        let home = gears.home("blog");
        files::write_atomic(&home.join("app-root/data/page"), b"now", 0o644).unwrap();
        let file = gears.place.records.join("hostile.tar.gz");
        Self { gears, url, home, file }
    }

    /// Demands that the archive is refused for this reason, before anything is done.
    #[track_caller]
    fn refuses(&self, archive: &[u8], reason: &str) {
        files::write_atomic(&self.file, archive, 0o600).unwrap();
        let before = (self.gears.place.calls(), self.names());
        let said = self.gears.gear(&["restore", "blog", self.file.as_str()]).failed(1);
        assert!(said.contains("nothing was changed"), "{reason}: {said}");
        assert!(said.contains(reason), "{reason}: {said}");
        assert_eq!((self.gears.place.calls(), self.names()), before, "{reason}");
        assert_eq!(std::fs::read(self.home.join("app-root/data/page")).unwrap(), b"now");
        assert!(get(&self.url).is_some(), "{reason}");
        let records = files::list(&self.gears.place.records).unwrap();
        let to = self.gears.place.records.join("extracted");
        let said = self.gears.gear(&["extract", self.file.as_str(), to.as_str()]).failed(1);
        assert!(said.contains("nothing was written"), "{reason}: {said}");
        assert!(said.contains(reason), "{reason}: {said}");
        assert_eq!(files::list(&self.gears.place.records).unwrap(), records, "{reason}");
    }

    fn names(&self) -> Vec<String> {
        let all = walkdir::WalkDir::new(&self.gears.place.gears).sort_by_file_name();
        let lasting = |path: &Utf8Path| !path.as_str().contains("/logs/");
        all.into_iter()
            .map(|entry| Utf8PathBuf::from_path_buf(entry.unwrap().into_path()).unwrap())
            .filter(|path| lasting(path))
            .map(Utf8PathBuf::into_string)
            .collect()
    }
}

#[test]
fn what_is_damaged_or_something_else_is_refused() {
    let target = Target::new();
    let whole =
        archive(&[DATA, (EntryType::Regular, "./u/app-root/data/page", &"then ".repeat(2000))]);
    let damaged = "no .tar.gz that can be read to its end";
    target.refuses(b"", damaged);
    target.refuses(b"<html>not found</html>", damaged);
    target.refuses(&whole[..whole.len() / 2], damaged);
    target.refuses(&whole[..whole.len() - 4], damaged);
    let mut wrong = whole;
    // The checksum at the very end.
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    target.refuses(&wrong, damaged);
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(&[b"no archive ".repeat(100)].concat()).unwrap();
    target.refuses(&zipped.finish().unwrap(), damaged);

    let no_gear = "it is no snapshot of a gear";
    target.refuses(&archive(&[]), no_gear);
    target.refuses(&archive(&[(EntryType::Regular, "app.py", "x")]), no_gear);
    target.refuses(&archive(&[(EntryType::Directory, "./u/app-deployments/", "")]), no_gear);
    target.refuses(
        &archive(&[DATA, (EntryType::Directory, "./v/app-root/data/", "")]),
        "u and v lie side by side",
    );
    let missing = target.gears.gear(&["restore", "blog", "/nowhere/x.tar.gz"]).failed(1);
    assert!(missing.contains("/nowhere/x.tar.gz"), "{missing}");
}

#[test]
fn names_and_links_that_lead_out_are_refused() {
    let target = Target::new();
    let out = "leads out of it";
    target.refuses(&archive(&[DATA, (EntryType::Regular, "/tmp/x", "x")]), out);
    target.refuses(&archive(&[DATA, (EntryType::Regular, "./u/app-root/data/../../x", "x")]), out);
    target.refuses(&archive(&[DATA, (EntryType::Regular, "../x", "x")]), out);
    let outside = target.gears.place.records.join("outside");
    std::fs::create_dir(&outside).unwrap();
    files::write_atomic(&outside.join("secret"), b"secret", 0o600).unwrap();
    target.refuses(
        &archive(&[
            DATA,
            (EntryType::Symlink, "./u/app-root/data/way", outside.as_str()),
            (EntryType::Regular, "./u/app-root/data/way/x", "x"),
        ]),
        "would be written through a link",
    );
    assert!(!outside.join("x").exists());
    target.refuses(
        &archive(&[
            DATA,
            (EntryType::Symlink, "./u/app-root/data/way", outside.as_str()),
            (EntryType::Directory, "./u/app-root/data/way", ""),
        ]),
        "is in it twice",
    );
    let hard = "is a hard link to something outside";
    let secret = outside.join("secret");
    for to in
        [secret.as_str(), "../../../records/outside/secret", "./u/.env/X", "./v/app-root/data/x"]
    {
        target.refuses(&archive(&[DATA, (EntryType::Link, "./u/app-root/data/x", to)]), hard);
    }
    let no_directory = "is no directory";
    target.refuses(
        &archive(&[(EntryType::Symlink, "./u/app-root/data", outside.as_str())]),
        no_directory,
    );
    target.refuses(
        &archive(&[DATA, (EntryType::Symlink, "./u/app-deployments", outside.as_str())]),
        no_directory,
    );
    target.refuses(
        &archive(&[DATA, (EntryType::Symlink, "./u/git/old.git", outside.as_str())]),
        no_directory,
    );
    target.refuses(
        &archive(&[DATA, (EntryType::Symlink, "./u/app-deployments/current", "/etc")]),
        "which is no deployment beside it",
    );
}

#[test]
fn devices_are_refused_and_harmless_rarities_are_not() {
    let target = Target::new();
    for kind in [EntryType::Char, EntryType::Block] {
        target.refuses(&archive(&[DATA, (kind, "./u/app-root/data/null", "")]), "a device");
        target.refuses(&archive(&[DATA, (kind, "./u/dev/null", "")]), "a device");
    }
    let fine = archive(&[
        DATA,
        (EntryType::Regular, "./u/app-root/data/page", "first"),
        (EntryType::Regular, "./u/app-root/data/page", "then"),
        (EntryType::Link, "./u/app-root/data/same", "./u/app-root/data/page"),
        (EntryType::Symlink, "./u/app-root/data/far", "/etc/passwd"),
        (EntryType::Fifo, "./u/app-root/data/pipe", ""),
        (EntryType::Regular, "./u/deep/er/x", "not taken"),
        (EntryType::Regular, "./u/app-root/data/without/its/directory", "x"),
    ]);
    files::write_atomic(&target.file, &fine, 0o600).unwrap();
    let ended = target.gears.gear(&["restore", "blog", target.file.as_str()]);
    ended.done();
    let said = ended.err();
    assert!(
        said.contains("because it is a pipe") && said.contains("holds no deployment"),
        "{said}"
    );
    let data = target.home.join("app-root/data");
    assert_eq!(std::fs::read_to_string(data.join("same")).unwrap(), "then");
    assert_eq!(data.join("far").read_link_utf8().unwrap(), "/etc/passwd");
    assert!(!data.join("pipe").exists() && data.join("without/its/directory").exists());
    assert!(!target.home.join("deep").exists());
    assert!(answer(&target.url).contains("A small app"), "its code is what it was");
}

/// An archive whose last entry says that it holds `size` bytes, and holds `held`.
fn boasting(kind: EntryType, name: &str, size: u64, held: u64) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let data = (EntryType::Directory, DATA.1, 0, 0);
    for (kind, name, size, held) in [data, (kind, name, size, held)] {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(size);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, std::io::repeat(b'a').take(held)).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn an_archive_that_makes_much_of_itself_gets_neither_memory_nor_disk() {
    let target = Target::new();
    let endless = 16 << 20;
    target.refuses(
        &boasting(EntryType::GNULongName, "././@LongLink", endless, endless),
        "behind ./u/app-root/data/ has more than 2048 KiB of names",
    );
    target.refuses(
        &boasting(EntryType::Regular, "./u/app-root/data/zeros", 1 << 50, 0),
        "./u/app-root/data/zeros does not fit: all that is taken may have at most",
    );
}
