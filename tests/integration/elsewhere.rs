//! The assembled cartridge and `gear`, copied away from where they were built, are all that it takes.

use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, run, wait};
use cart_test::{get, own_ip};
use rustix::process::Signal;

use crate::cartridge::{self, assembled};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_cartridge_and_gear_in_one_directory_serve_with_nothing_of_the_source_tree() {
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let cartridge = assembled();
    let gear = cartridge::gear(&cartridge);
    // As a Dockerfile copies them: the program finds the cartridge that lies beside it.
    let opt = place.join("opt");
    std::fs::create_dir(&opt).unwrap();
    copy(&cartridge, &opt.join("advanced-python"));
    copy(&gear, &opt.join("gear"));

    let env = GearEnv::from_process();
    let env = GearEnv::new().with("PATH", env.get("PATH").unwrap());
    let command = CommandSpec::new(opt.join("gear"), &env)
        .args(["serve", "opt/advanced-python/template", "--listen", &format!("{}:0", own_ip())])
        .dir(place);
    let mut serving = Serving(run::piped(&command).unwrap());
    let line = line(&mut serving.0);
    let url = line.split(' ').find_map(|word| word.strip_prefix("http://")).unwrap();
    let address = url.trim_end_matches('/').parse().unwrap();
    assert!(get(address, "/").body.contains("Your app is running"));

    let source = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let built = cartridge::target();
    let family = family(serving.0.id());
    assert!(family.len() > 3, "gear, supervisor, nginx and Python were to be looked at");
    for pid in family {
        for of in [source, &built] {
            let used = used_of(pid, of);
            assert!(used.is_empty(), "{:?} uses {used:?}", process::command_line(pid));
        }
    }
    assert!(serving.end().unwrap().success());
}

/// A `gear serve` that ends with the test, whatever comes of it.
struct Serving(Child);

impl Serving {
    fn end(&mut self) -> Option<ExitStatus> {
        ProcessId::of(self.0.id())?.signal(Signal::TERM);
        wait::until(LIMIT, || self.0.try_wait().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    let copied = CommandSpec::new("/bin/cp", &GearEnv::new()).args(["-a", from.as_str()]);
    run::checked(&copied.arg(to.as_str()), LIMIT).unwrap();
}

/// The line that says where the app is served.
fn line(serving: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(serving.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Serving"), "it does not serve: {line:?}");
    line.trim_end().to_owned()
}

/// A process and all that it started.
fn family(pid: u32) -> Vec<u32> {
    let children = process::children(pid).into_iter();
    [vec![pid], children.flat_map(family).collect()].concat()
}

/// What a process has mapped, opened or been told of below a directory.
fn used_of(pid: u32, directory: &Utf8Path) -> Vec<String> {
    let read = |file: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let links = |file: &str| std::fs::read_link(format!("/proc/{pid}/{file}")).ok();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let open = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let paths = open.chain(links("cwd")).chain(links("exe"));
    let paths = paths.filter_map(|path| Utf8PathBuf::from_path_buf(path).ok());
    let texts = [read("maps"), read("cmdline"), read("environ")];
    let words = texts.iter().flat_map(|text| text.split(['\0', '\n', ' ', '=', ':']));
    let words = words.map(Utf8PathBuf::from);
    paths.chain(words).filter(|p| p.starts_with(directory)).map(Utf8PathBuf::into_string).collect()
}
