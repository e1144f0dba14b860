use super::*;
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::Utf8PathBuf;
use cart_core::files;
use flate2::read::GzDecoder;

struct Home {
    _keep: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        std::fs::create_dir_all(path.join("app-root/data")).unwrap();
        Self { _keep: dir, path }
    }

    fn file(&self, name: &str, content: &[u8], mode: u32) -> Utf8PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, content, mode).unwrap();
        path
    }

    fn packed(&self) -> (Vec<u8>, Vec<String>) {
        let mut out = Vec::new();
        let all = Exclusions::default();
        let remarks = write(&mut out, &self.path, "uuid", &all, &Interrupts::default()).unwrap();
        (out, remarks)
    }
}

#[derive(Debug)]
struct Seen {
    kind: EntryType,
    mode: u32,
    mtime: u64,
    link: String,
    content: Vec<u8>,
}

fn read_back(archive: &[u8]) -> BTreeMap<String, Seen> {
    let mut seen = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let link = entry.link_name_bytes().map(|l| l.into_owned()).unwrap_or_default();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        let (mode, mtime) = (header.mode().unwrap(), header.mtime().unwrap());
        let (kind, link) = (header.entry_type(), String::from_utf8(link).unwrap());
        seen.insert(name, Seen { kind, mode, mtime, link, content });
    }
    seen
}

#[test]
fn names_modes_times_and_links_are_those_of_the_home() {
    let home = Home::new();
    let run = home.file("app-root/data/run", b"#!", 0o751);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    File::options().write(true).open(&run).unwrap().set_modified(time).unwrap();
    std::fs::hard_link(&run, home.path.join("app-root/data/same")).unwrap();
    std::fs::create_dir(home.path.join("git")).unwrap();
    std::fs::hard_link(&run, home.path.join("git/elsewhere")).unwrap();
    symlink("../data/run", home.path.join("app-root/link")).unwrap();
    home.file("app-root/runtime/repo/app.py", b"", 0o644);
    let long = format!("app-root/data/{}/{}", "d".repeat(90), "f".repeat(120));
    home.file(&long, b"long", 0o600);
    symlink("t".repeat(150), home.path.join("app-root/data/far")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(home.path.join("sock")).unwrap();

    let (archive, remarks) = home.packed();
    assert!(remarks.is_empty(), "{remarks:?}");
    let seen = read_back(&archive);
    let names: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert!(names.iter().all(|name| name.starts_with("./uuid/")), "{names:?}");
    let file = &seen["./uuid/app-root/data/run"];
    assert_eq!((file.kind, file.mode, file.mtime), (EntryType::Regular, 0o751, 1_000_000_000));
    let same = &seen["./uuid/app-root/data/same"];
    assert_eq!((same.kind, same.link.as_str()), (EntryType::Link, "./uuid/app-root/data/run"));
    assert_eq!(seen["./uuid/git/elsewhere"].content, b"#!", "another part has a copy");
    assert_eq!(seen["./uuid/app-root/link"].link, "../data/run");
    assert_eq!(seen[&format!("./uuid/{long}")].content, b"long");
    assert_eq!(seen["./uuid/app-root/data/far"].link, "t".repeat(150));
    assert_eq!(seen["./uuid/app-root/data/"].kind, EntryType::Directory);
    for out in
        ["./uuid/app-root/runtime/repo/", "./uuid/app-root/runtime/repo/app.py", "./uuid/sock"]
    {
        assert!(!names.contains(&out), "{out}");
    }
}

#[test]
fn a_file_that_becomes_shorter_is_filled_up_and_remarked() {
    let home = Home::new();
    let path = home.file("app-root/data/log", b"0123456789", 0o644);
    let stat = rustix::fs::stat(path.as_std_path()).unwrap();
    files::write_atomic(&path, b"01", 0o644).unwrap();
    let mut archive = Archive {
        builder: Builder::new(GzEncoder::new(Vec::new(), Compression::fast())),
        linked: HashMap::new(),
        remarks: Vec::new(),
        interrupts: &Interrupts::default(),
    };
    let mut walk = Walk::new(path.parent().unwrap()).unwrap();
    let Some(Ok(Step::Entry(entry))) = walk.next() else { panic!("nothing is there") };
    archive.add_file(&entry, &stat, b"./u/log".to_vec()).unwrap();
    assert!(archive.remarks[0].contains("became shorter"), "{:?}", archive.remarks);
    let bytes = archive.builder.into_inner().and_then(GzEncoder::finish).unwrap();
    assert_eq!(read_back(&bytes)["./u/log"].content, b"01\0\0\0\0\0\0\0\0");
}

#[test]
fn an_interrupt_and_a_full_disk_end_it() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let home = Home::new();
    home.file("app-root/data/big", &[7; 100_000], 0o644);
    std::fs::set_permissions(home.path.join("app-root"), PermissionsExt::from_mode(0o700)).unwrap();
    let all = Exclusions::default();
    let none = Interrupts::default();
    let error = write(Full, &home.path, "u", &all, &none).unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    none.raise();
    let error = write(io::sink(), &home.path, "u", &all, &none).unwrap_err();
    assert!(error.is_interrupt(), "{error}");
}
