//! Static files: ours, an nginx tuned by hand, the original's, Apache, WhiteNoise in a Python server.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files};

use crate::bench::candidate::{APACHE, Candidate, ORIGINAL, OURS, TUNED};
use crate::bench::load::{Asked, CONNECTIONS};
use crate::bench::parts::{Outcome, Told};
use crate::bench::peer::apache::{self, Serves};
use crate::bench::peer::nginx::{self, Behind, Front};
use crate::bench::peer::{Peer, Venv, free_address};
use crate::bench::rounds;
use crate::bench::with::With;
use crate::bench::{Bench, Budget, Interrupted};
use crate::cartridge::fixture;

/// How many files are in the mix, and in how many directories.
const FILES: usize = 10_000;
const DIRECTORIES: usize = 100;
/// The sizes of sixteen of them in a row: most are small, and the large ones make most of the bytes.
const SIZES: [usize; 16] = [
    600, 2_000, 600, 6_000, 2_000, 600, 16_000, 2_000, 600, 6_000, 2_000, 40_000, 600, 6_000,
    2_000, 16_000,
];
const KINDS: [&str; 4] = ["js", "css", "html", "svg"];

/// gunicorn with WhiteNoise.
const WHITENOISE: &str = "WhiteNoise";
const ITS_PACKAGES: &str = "gunicorn[gevent]\nwhitenoise\n";

pub(super) fn play(bench: &Bench, told: Told<'_>) -> Result<(), Interrupted> {
    let place = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    // Apache serves as nobody.
    std::fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
    let list = place.join("paths");
    write(&place.join("app"), &list);
    let (candidates, about) = candidates(bench, &place.join("app"));
    let loads = [
        ("1 KB", Asked::Path("/1k.js"), 1024),
        ("100 KB", Asked::Path("/100k.js"), 102_400),
        ("mix", Asked::AnyOf(list), SIZES[0]),
    ];
    let mut budget = Budget::new(loads.len());
    for (name, asked, length) in loads {
        candidates.iter().for_each(|candidate| candidate.answers(&asked, length));
        let about = match asked {
            Asked::Path(path) | Asked::Echo(path) => format!("GET {path}, {about}"),
            Asked::AnyOf(_) => format!("GET of any of {FILES} files, {about}"),
        };
        let contest = rounds::play(bench, name, &about, &candidates, &asked, budget.next_ends())?;
        told(Outcome::Contest(contest));
    }
    Ok(())
}

/// Writes an app with its files, and the list of those in the mix.
fn write(app: &Utf8Path, list: &Utf8Path) {
    let public = app.join("public");
    let file = |path: &Utf8Path, length: usize| {
        let line = b"// what is in it does not matter as long as it is text\n";
        let text: Vec<u8> = line.iter().copied().cycle().take(length).collect();
        files::write_unsynced(path, &text, 0o644).unwrap();
    };
    for directory in 0..DIRECTORIES {
        std::fs::create_dir_all(public.join(directory.to_string())).unwrap();
    }
    std::fs::copy(fixture("bench").join("app.py"), app.join("app.py")).unwrap();
    file(&public.join("1k.js"), 1024);
    file(&public.join("100k.js"), 102_400);
    let mut paths = String::new();
    for number in 0..FILES {
        let path = path(number);
        file(&public.join(&path), SIZES[number % SIZES.len()]);
        paths += &format!("/{path}\n");
    }
    files::write_unsynced(list, paths.as_bytes(), 0o644).unwrap();
}

/// A file of the mix. Kinds and sizes have nothing to do with each other.
fn path(number: usize) -> Utf8PathBuf {
    let kind = KINDS[number / SIZES.len() % KINDS.len()];
    format!("{}/{number}.{kind}", number % DIRECTORIES).into()
}

fn candidates(bench: &Bench, app: &Utf8Path) -> (Vec<Candidate>, String) {
    let ours = Candidate::ours(OURS, &bench.cartridge, app, &[]);
    let with = ours.with();
    let public = app.join("public");
    let front = |name, front| {
        let address = free_address();
        Candidate::others(name, address, |place| {
            vec![nginx::start(&with.nginx, front, address, Behind::Files(&public), place)]
        })
    };
    let mut candidates = vec![front(TUNED, Front::Tuned)];
    if bench.wants(ORIGINAL) {
        candidates.push(front(ORIGINAL, Front::Original));
    }
    if bench.wants(APACHE) {
        let address = free_address();
        let start = |place: &Utf8Path| vec![apache::start(address, Serves::Files(&public), place)];
        candidates.push(Candidate::others(APACHE, address, start));
    }
    if bench.wants(WHITENOISE) {
        let packages = ITS_PACKAGES.to_owned();
        let venv = bench.place.join("venvs/whitenoise");
        let venv = Venv::prepare(venv, &With { packages, ..with.clone() }, &bench.uv());
        let address = free_address();
        let start = |place: &Utf8Path| vec![whitenoise(&venv, address, &public, place)];
        candidates.push(Candidate::others(WHITENOISE, address, start));
    }
    candidates.push(ours);
    (candidates, format!("{CONNECTIONS} connections; {}", with.versions()))
}

/// gunicorn with two workers whose app serves the files itself.
fn whitenoise(venv: &Venv, address: SocketAddr, public: &Utf8Path, directory: &Utf8Path) -> Peer {
    for file in ["app.py", "with_whitenoise.py"] {
        std::fs::copy(fixture("bench").join(file), directory.join(file)).unwrap();
    }
    let env = GearEnv::new()
        .with("PATH", "/usr/bin:/bin")
        .with("HOME", directory.as_str())
        .with("PYTHONPATH", directory.as_str())
        .with("FILES", public.as_str());
    let words = ["--worker-class", "gevent", "--workers", "2", "--bind"];
    let command = CommandSpec::new(venv.program("gunicorn"), &env)
        .args(words)
        .args([address.to_string().as_str(), "with_whitenoise:application"]);
    Peer::start(command, directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_mix_has_every_kind_in_every_size() {
        let of = |number: usize| (path(number).extension().unwrap().to_owned(), SIZES[number % 16]);
        let seen: BTreeSet<_> = (0..FILES).map(of).collect();
        let sizes: BTreeSet<_> = SIZES.iter().collect();
        assert_eq!(seen.len(), KINDS.len() * sizes.len());
        assert_eq!((0..FILES).map(path).collect::<BTreeSet<_>>().len(), FILES);
    }
}
