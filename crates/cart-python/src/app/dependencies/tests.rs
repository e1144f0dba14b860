//! On real environments, made by the Python of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use cart_core::{files, wait};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::packages::without_code;
use super::*;
use crate::environment::interpreter::{self, Wanted};
use crate::environment::virtualenv::stage;
use crate::testing::{Site, serve_index};

mod python;

const NO_SERVER: &[Requirement] = &[];
const SERVER: &[Requirement] = &[Requirement {
    name: "engine",
    lines: &["engine>=2,<3; python_version >= '3'"],
    oldest: Version::new(1, 0, 0),
    optional: false,
}];
const NEWER_SERVER: &[Requirement] = &[Requirement {
    name: "engine",
    lines: &["engine>=3,<4"],
    oldest: Version::new(2, 0, 0),
    optional: false,
}];

const FASTER_SERVER: &[Requirement] = &[
    Requirement {
        name: "engine",
        lines: &["engine>=2,<3"],
        oldest: Version::new(1, 0, 0),
        optional: false,
    },
    Requirement {
        name: "turbo",
        lines: &["turbo>=1,<2; python_version >= '3'"],
        oldest: Version::new(0, 0, 0),
        optional: true,
    },
];

/// Each test runs with pip alone, and with uv.
macro_rules! with_each_installer {
    ($($name:ident,)*) => {
        mod with_pip {
            use crate::environment::installer::Choice;
            $(#[test] fn $name() { super::$name(Choice::Pip) })*
        }
        mod with_uv {
            use crate::environment::installer::Choice;
            $(#[test] fn $name() { super::$name(Choice::Uv) })*
        }
    };
}

with_each_installer! {
    what_was_done_is_not_done_again_and_nothing_is_run_to_find_that_out,
    a_failed_installation_leaves_the_environment_as_it_was,
    a_package_that_cannot_be_built_is_named_with_what_would_do_and_errors_come_once,
    requirements_in_any_form_that_pip_reads_are_installed_and_their_changes_too,
    a_server_switch_installs_the_servers_packages_alone,
    the_apps_own_version_of_a_servers_package_is_kept,
    what_a_server_can_do_without_is_added_only_compiled_and_left_out_elsewhere,
    what_a_server_can_do_without_is_not_added_to_what_the_app_says_whole,
    an_environment_that_was_moved_works_in_its_new_place,
    an_interpreter_that_was_replaced_or_removed_is_noticed,
    an_interrupted_installation_counts_for_nothing,
    a_clean_build_starts_from_nothing_behind_the_nodes_link,
    a_project_is_linked_or_its_dependencies_are_installed,
    an_app_whose_folders_are_no_packages_gets_its_dependencies,
    a_mirror_is_used_when_it_answers_and_only_then,
    what_is_installed_touches_no_file_of_the_environment_in_use_nor_of_a_cache,
    a_version_that_does_not_fit_is_told_with_the_python_and_what_there_is,
}

mod locked;

/// Every file below a folder, with what tells it from another: inode, size, time.
fn inventory(folder: &Utf8Path) -> BTreeMap<String, (u64, u64, i64)> {
    WalkDir::new(folder)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let m = entry.path().symlink_metadata().unwrap();
            let name = entry.path().to_string_lossy().into_owned();
            (name, (m.ino(), m.size(), m.mtime_nsec()))
        })
        .collect()
}

/// Who installed a package, by its own record.
fn installed_by(site: &Site, package: &str) -> String {
    let packages = VirtualEnv::at(site.place()).site_packages().unwrap();
    let installer = packages.join(format!("{package}.dist-info/INSTALLER"));
    String::from_utf8(files::read(&installer).unwrap()).unwrap().trim().to_owned()
}

fn by(installer: Choice) -> &'static str {
    if installer == Choice::Pip { "pip" } else { "uv" }
}

/// What is left beside the environment.
/// What stands there once the environment that was replaced is removed.
fn beside(place: &Utf8Path) -> Vec<String> {
    let replaced = place.with_file_name(".virtenv.old");
    wait::until(Duration::from_secs(60), || (!replaced.exists()).then_some(())).unwrap();
    let parent = place.parent().unwrap();
    let entries = parent.read_dir_utf8().unwrap();
    entries.map(|e| e.unwrap().file_name().to_owned()).collect()
}

fn what_was_done_is_not_done_again_and_nothing_is_run_to_find_that_out(installer: Choice) {
    let site = Site::new(installer);
    site.offer("one", "1.0");
    site.write("requirements.txt", "one\n");
    let (changed, told) = site.ensured(NO_SERVER);
    assert!(changed && told.contains("Making a virtual environment with Python 3."), "{told}");
    assert_eq!(site.run("python", &["-m", "one"]), "");
    assert_eq!(site.run("one", &[]), "1.0", "its own name stands in its scripts");
    assert_eq!(installed_by(&site, "one-1.0"), by(installer));
    assert!(site.run("pip", &["--version"]).starts_with("pip "), "a session has pip");
    let packages = VirtualEnv::at(site.place()).site_packages().unwrap();
    let compiled = packages.join("__pycache__").read_dir_utf8().unwrap();
    let compiled: Vec<_> = compiled.map(|e| e.unwrap().file_name().to_owned()).collect();
    assert!(
        compiled.len() == 1 && compiled[0].starts_with("one."),
        "what was imported: {compiled:?}"
    );
    assert!(!site.path("home/.cache").exists(), "a gear's home cannot be written to");

    // From here on its Python and every other cannot be run.
    let python = site.place().join("bin/python");
    fs::remove_file(&python).unwrap();
    files::write_atomic(&python, b"", 0o644).unwrap();
    let mut wish = site.wish(NO_SERVER);
    wish.env.set("PATH", "/nonexistent");
    let begun = Instant::now();
    const TIMES: u32 = 20;
    for _ in 0..TIMES {
        let ensured = ensure(&wish, &mut |line| panic!("{line}")).unwrap();
        assert!(!ensured.changed);
    }
    let each = begun.elapsed() / TIMES;
    assert!(each.as_millis() < 20, "{each:?}");
}

fn a_failed_installation_leaves_the_environment_as_it_was(installer: Choice) {
    let site = Site::ready(installer);
    site.offer("one", "1.0");
    site.write("requirements.txt", "one\n");
    site.ensured(NO_SERVER);
    let before = inventory(&site.place());

    site.write("requirements.txt", "one\nmissing-package>=7\n");
    let (result, _) = site.ensure(NO_SERVER);
    let text = result.unwrap_err().to_string();
    assert!(
        text.starts_with(
            "the packages of requirements.txt could not be installed: the package index offers no \
             `missing-package>=7` (requirements.txt, line 2). Check the name, and whether the index \
             can be reached\n"
        ),
        "{text}"
    );
    assert_eq!(inventory(&site.place()), before);
    assert_eq!(beside(&site.place()), ["virtenv"]);

    site.write("requirements.txt", "one\n");
    assert!(!site.ensured(NO_SERVER).0, "and it still counts as what it was");
}

fn a_package_that_cannot_be_built_is_named_with_what_would_do_and_errors_come_once(
    installer: Choice,
) {
    let site = Site::ready(installer);
    site.offer_unbuildable("one", "1.0");
    site.offer("one", "2.0");
    site.write("requirements.txt", "# old\none==1.0\n");
    let (result, told) = site.ensure(NO_SERVER);
    let text = result.unwrap_err().to_string();
    let first = text.lines().next().unwrap();
    assert!(
        first.contains("one 1.0 (requirements.txt, line 2) is not delivered compiled"),
        "{text}"
    );
    assert!(first.ends_with("Ask for one 2.0, which has a wheel"), "{text}");
    let lines = told.lines().chain(text.lines());
    let said = ["did not run successfully", "Failed to build `one==1.0`"];
    let errors = lines.filter(|line| said.iter().any(|said| line.contains(said))).count();
    assert_eq!(errors, 1, "{told}\n{text}");
    assert!(text.contains("x.c:1:1: error: no such thing"), "{text}");
    assert!(told.contains("one-1.0.tar.gz") || told.contains("Building one==1.0"), "{told}");
}

fn requirements_in_any_form_that_pip_reads_are_installed_and_their_changes_too(installer: Choice) {
    let site = Site::ready(installer);
    for name in ["one", "two", "three", "four"] {
        site.offer(name, "1.0");
    }
    let has = |name: &str| VirtualEnv::at(site.place()).installed(name).is_some();
    site.write("requirements.txt", "# deps\rone==1.0");
    site.ensured(NO_SERVER);
    assert!(has("one"));

    let utf_16: Vec<u8> =
        "\u{feff}-r base.txt\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    files::write_atomic(&site.repo().join("requirements.txt"), &utf_16, 0o644).unwrap();
    site.write("base.txt", "one==1.0\n");
    site.ensured(NO_SERVER);
    assert!(!site.ensured(NO_SERVER).0);
    site.write("base.txt", "two==1.0\n");
    site.ensured(NO_SERVER);
    assert!(has("two"), "a change of the included file counts");

    site.write("requirements.txt", "-r ${STAGE}.txt\n");
    site.write("dev.txt", "three\n");
    site.write("prod.txt", "four\n");
    for (stage, package) in [("dev", "three"), ("prod", "four")] {
        let wish = site.wish_in("gear", &[("STAGE", stage)]);
        assert!(ensure(&wish, &mut |_| ()).unwrap().changed);
        assert!(has(package), "{package}");
        assert!(!ensure(&wish, &mut |_| ()).unwrap().changed);
    }
}

fn a_server_switch_installs_the_servers_packages_alone(installer: Choice) {
    let site = Site::ready(installer);
    site.offer("one", "1.0");
    site.offer("engine", "2.1");
    site.write("requirements.txt", "one\n");
    site.ensured(NO_SERVER);
    let one = VirtualEnv::at(site.place()).site_packages().unwrap().join("one.py");
    let inode = fs::metadata(&one).unwrap().ino();

    let (changed, told) = site.ensured(SERVER);
    assert!(changed && told.starts_with("Installing engine for the server\n"), "{told}");
    assert_eq!(installed_by(&site, "engine-2.1"), by(installer));
    assert_eq!(site.run("engine", &[]), "2.1");
    assert_eq!(fs::metadata(&one).unwrap().ino(), inode, "a file is shared, not made anew");

    for server in [SERVER, NO_SERVER, SERVER] {
        assert!(!site.ensured(server).0, "it is there already");
    }

    site.offer("engine", "3.0");
    site.ensured(NEWER_SERVER);
    assert_eq!(site.run("engine", &[]), "3.0", "what we chose we may replace");
}

fn the_apps_own_version_of_a_servers_package_is_kept(installer: Choice) {
    let site = Site::ready(installer);
    for version in ["1.0", "1.5", "2.1"] {
        site.offer("engine", version);
    }
    site.write("requirements.txt", "engine==1.0\n");
    site.ensured(SERVER);
    assert_eq!(site.run("engine", &[]), "1.0");
    let (result, _) = site.ensure(NEWER_SERVER);
    assert_eq!(
        result.unwrap_err().to_string(),
        "engine 1.0, which the app asks for, is too old to serve it: 2.0.0 or newer is needed. Ask for \
         a newer one, or for none: then the cartridge chooses it"
    );

    // A bound asks for nothing, so the server's packages are installed, within it.
    site.write("requirements.txt", "-c bounds.txt\n");
    site.write("bounds.txt", "engine<2\n");
    let venv = VirtualEnv::at(site.place());
    fs::remove_dir_all(site.place()).unwrap();
    site.ensured(SERVER);
    assert_eq!(venv.installed("Engine").unwrap(), "1.5");
}

fn what_a_server_can_do_without_is_added_only_compiled_and_left_out_elsewhere(installer: Choice) {
    let site = Site::ready(installer);
    let venv = VirtualEnv::at(site.place());
    site.offer("engine", "2.1");
    site.offer_unbuildable("turbo", "1.0");
    let (changed, told) = site.ensured(FASTER_SERVER);
    assert!(changed && told.contains("The server runs without turbo: not to be had"), "{told}");
    assert_eq!(venv.installed("engine").unwrap(), "2.1");
    assert_eq!(venv.installed("turbo"), None);
    site.offer("turbo", "1.1");
    assert!(!site.ensured(FASTER_SERVER).0, "each start would ask again");

    site.offer("one", "1.0");
    site.write("requirements.txt", "one\nengine\n");
    site.ensured(FASTER_SERVER);
    assert_eq!(venv.installed("turbo").unwrap(), "1.1", "also beside an app's own engine");
    assert!(!site.ensured(FASTER_SERVER).0);
}

fn what_a_server_can_do_without_is_not_added_to_what_the_app_says_whole(installer: Choice) {
    let site = Site::ready(installer);
    let venv = VirtualEnv::at(site.place());
    for (name, version) in [("engine", "2.1"), ("turbo", "0.9"), ("turbo", "1.1")] {
        site.offer(name, version);
    }
    let wheel = files::read(&site.path("shelf/engine-2.1-py3-none-any.whl")).unwrap();
    let hash = Sha256::digest(wheel);
    let hash = hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    site.write("requirements.txt", &format!("engine==2.1 --hash=sha256:{hash}\n"));
    site.ensured(FASTER_SERVER);
    assert_eq!(venv.installed("engine").unwrap(), "2.1");
    assert_eq!(venv.installed("turbo"), None);

    site.write("requirements.txt", "engine\nturbo<1\n");
    site.ensured(FASTER_SERVER);
    assert_eq!(venv.installed("turbo").unwrap(), "0.9", "the app's own choice");
}

fn an_environment_that_was_moved_works_in_its_new_place(installer: Choice) {
    let site = Site::ready(installer);
    site.offer("one", "1.0");
    site.write("requirements.txt", "one\n-e ./lib\n");
    site.write("lib/pyproject.toml", LINKED);
    site.write("lib/backend.py", BACKEND);
    site.write("lib/linked_module.py", "");
    site.ensured(NO_SERVER);
    let where_is = ["-c", "import linked_module; print(linked_module.__file__)"];
    assert!(site.run("python", &where_is).contains("/gear/repo/lib/"));

    // A gear elsewhere: everything moves, and no pip, which has nothing to install from there.
    fs::remove_dir_all(site.path("shelf")).unwrap();
    fs::rename(site.path("gear"), site.path("another")).unwrap();
    let wish = site.wish_in("another", &[]);
    let mut told = Vec::new();
    let mut ensure = || ensure(&wish, &mut |l: &str| told.push(l.to_owned()));
    assert!(ensure().unwrap().changed);
    assert!(!ensure().unwrap().changed);
    assert_eq!(told, [""; 0]);

    let bin = site.path("another/cart/virtenv/bin");
    let text = String::from_utf8(files::read(&bin.join("one")).unwrap()).unwrap();
    assert!(text.starts_with(&format!("#!{bin}/python")), "{text}");
    fs::rename(site.path("another"), site.path("gear")).unwrap();
    assert!(site.ensured(NO_SERVER).0, "and back");
    assert!(site.run("python", &where_is).contains("/gear/repo/lib/"));
    assert_eq!(site.run("one", &[]), "1.0");

    // Settled after a restore, before anything is to be started.
    fs::rename(site.path("gear"), site.path("third")).unwrap();
    let (place, repo) = (site.path("third/cart/virtenv"), site.path("third/repo"));
    settle(&place, &repo).unwrap();
    let bin = place.join("bin");
    let text = String::from_utf8(files::read(&bin.join("one")).unwrap()).unwrap();
    assert!(text.starts_with(&format!("#!{bin}/python")), "{text}");
    let before = inventory(&place);
    settle(&place, &repo).unwrap();
    assert_eq!(inventory(&place), before, "there is nothing to do twice");
    settle(&site.path("nowhere"), &repo).unwrap();
}

fn an_interpreter_that_was_replaced_or_removed_is_noticed(installer: Choice) {
    let site = Site::ready(installer);
    site.ensured(NO_SERVER);
    let alter = |field: &str, value: &str| {
        let path = site.place().join("cartridge.json");
        let mut json: serde_json::Value =
            serde_json::from_slice(&files::read(&path).unwrap()).unwrap();
        json["python"][field] = serde_json::from_str(value).unwrap();
        files::write_atomic(&path, json.to_string().as_bytes(), 0o644).unwrap();
    };
    let inode = || fs::metadata(site.place()).unwrap().ino();

    let first = inode();
    alter("size", "1");
    assert_eq!(site.ensured(NO_SERVER), (true, String::new()), "an update of the same version");
    assert_eq!(inode(), first);
    assert!(!site.ensured(NO_SERVER).0);

    alter("executable", "\"/gone/python3\"");
    let (_, told) = site.ensured(NO_SERVER);
    assert!(
        told.starts_with(
            "The virtual environment is made anew: its interpreter /gone/python3 is gone\n"
        ),
        "{told}"
    );
    assert!(!site.ensured(NO_SERVER).0);

    alter("version", "\"3.3.0\"");
    let condition = VirtualEnv::at(site.place()).condition(&Wanted::Any.into(), &site.env());
    let reason = "it has Python 3.3.0, wanted is 3".to_owned();
    assert_eq!(condition, Condition::Unusable(reason));
}

fn an_interrupted_installation_counts_for_nothing(installer: Choice) {
    let site = Site::new(installer);
    // As the node makes it: a link to a directory among the dependencies.
    fs::create_dir_all(site.path("gear/dependencies/virtenv/bin")).unwrap();
    std::os::unix::fs::symlink("../dependencies/virtenv", site.place()).unwrap();
    fs::create_dir_all(site.path("gear/dependencies/.virtenv.new/bin")).unwrap();
    let (changed, told) = site.ensured(NO_SERVER);
    assert!(changed && told.contains("anew: it was not finished"), "{told}");
    assert_eq!(beside(&site.path("gear/dependencies/virtenv")), ["virtenv"]);
    assert!(site.place().symlink_metadata().unwrap().is_symlink());
}

fn a_clean_build_starts_from_nothing_behind_the_nodes_link(installer: Choice) {
    let site = Site::ready(installer);
    let target = site.path("gear/dependencies/virtenv");
    fs::create_dir(target.parent().unwrap()).unwrap();
    fs::rename(site.place(), &target).unwrap();
    std::os::unix::fs::symlink("../dependencies/virtenv", site.place()).unwrap();
    assert!(!site.ensured(NO_SERVER).0);
    files::write_atomic(&site.place().join("leftover"), b"", 0o644).unwrap();
    let wish = Wish { clean: true, ..site.wish(NO_SERVER) };
    assert!(ensure(&wish, &mut |_| ()).unwrap().changed);
    assert_eq!(beside(&site.place()), ["virtenv"], "the replaced one is removed");
    assert!(!site.place().join("leftover").exists());
    assert!(site.place().symlink_metadata().unwrap().is_symlink());
    assert!(!site.ensured(NO_SERVER).0);
    let mode = fs::metadata(site.place()).unwrap().permissions().mode();
    assert_eq!(mode & 0o755, 0o755);
}

fn a_project_is_linked_or_its_dependencies_are_installed(installer: Choice) {
    let site = Site::ready(installer);
    site.offer("one", "1.0");
    site.write("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['one']\n");
    let (_, told) = site.ensured(NO_SERVER);
    assert!(told.contains("Installing the dependencies of pyproject.toml\n"), "{told}");
    assert_eq!(site.run("one", &[]), "1.0");

    site.write("pyproject.toml", LINKED);
    site.write("backend.py", BACKEND);
    site.write("linked_module.py", "print('linked')\n");
    let (_, told) = site.ensured(NO_SERVER);
    assert!(told.contains("Installing the app as a package (pyproject.toml)\n"), "{told}");
    assert_eq!(site.run("python", &["-c", "import linked_module"]), "linked");
    let folders = VirtualEnv::at(site.place()).import_folders();
    assert!(folders.contains(&site.repo().canonicalize_utf8().unwrap()), "{folders:?}");
    site.write("linked_module.py", "print('changed')\n");
    assert!(!site.ensured(NO_SERVER).0, "new code needs no installation");
    assert_eq!(site.run("python", &["-c", "import linked_module"]), "changed");
}

fn an_app_whose_folders_are_no_packages_gets_its_dependencies(installer: Choice) {
    // With the real setuptools, from the package index.
    let site = Site::ready(installer);
    site.offer("one", "1.0");
    site.write("setup.py", SETUP);
    site.write("README.txt", "read by setup.py");
    site.write("public/index.html", "");
    site.write("wsgi/main.py", "");
    let mut env = GearEnv::from_process();
    env.set("PIP_FIND_LINKS", site.path("shelf").as_str());
    let wish = Wish { env, ..site.wish(NO_SERVER) };
    let mut told = String::new();
    let result = ensure(&wish, &mut |line| told = format!("{told}{line}\n"));
    assert!(result.is_ok(), "{}\n{told}", result.unwrap_err());
    assert!(told.contains("installing its dependencies only"), "{told}");
    assert_eq!(site.run("one", &[]), "1.0");
}

fn a_mirror_is_used_when_it_answers_and_only_then(installer: Choice) {
    let site = Site::ready(installer);
    site.offer("one", "1.0");
    site.offer("zero", "1.0");
    site.write("requirements.txt", "zero\n");
    let index = serve_index(site.path("shelf"));
    let told = |wish: Wish, mirror: &str| {
        let wish = Wish { mirror: MirrorUrl::parse(mirror), ..wish };
        let mut told = String::new();
        ensure(&wish, &mut |line| told = format!("{told}{line}\n")).unwrap();
        told
    };

    // Nobody listens on port 1; the shelf serves as the default index.
    let dead = told(site.wish(NO_SERVER), "http://127.0.0.1:1/simple");
    assert!(
        dead.contains(
            "The package index http://127.0.0.1:1/simple does not answer; the default index is \
             used instead\n"
        ),
        "{dead}"
    );

    site.write("requirements.txt", "zero\none\n");
    let mut wish = site.wish(NO_SERVER);
    wish.env.remove("PIP_NO_INDEX");
    wish.env.remove("PIP_FIND_LINKS");
    let alive = told(wish, &format!("http://{index}/simple"));
    assert!(!alive.contains("does not answer"), "{alive}");
    assert_eq!(site.run("one", &[]), "1.0");
}

fn what_is_installed_touches_no_file_of_the_environment_in_use_nor_of_a_cache(installer: Choice) {
    let site = Site::ready(installer);
    // Each of them brings `shared.py`, and a second one replaces it.
    for (name, version) in [("one", "1.0"), ("two", "1.0"), ("one", "2.0")] {
        site.offer_sharing(name, version, "shared.py");
    }
    site.write("requirements.txt", "one==1.0\n");
    site.ensured(NO_SERVER);
    let in_use = site.path("in-use");
    stage::copy_tree(&site.place(), &in_use).unwrap();
    let contents = || -> BTreeMap<_, _> {
        let files = WalkDir::new(&in_use).into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file());
        files.map(|f| (f.path().to_owned(), fs::read(f.path()).unwrap())).collect()
    };
    let before = contents();
    for wanted in ["one==1.0\ntwo\n", "one==2.0\ntwo\n", "one==1.0\ntwo\n"] {
        site.write("requirements.txt", wanted);
        site.ensured(NO_SERVER);
    }
    assert!(contents() == before, "a file that both environments share was written into");
    fs::remove_dir_all(&in_use).unwrap();
    let packages = VirtualEnv::at(site.place()).site_packages().unwrap();
    for file in ["one.py", "two.py", "shared.py", "two-1.0.dist-info/METADATA"] {
        let links = fs::metadata(packages.join(file)).unwrap().nlink();
        assert_eq!(links, 1, "{file} is a file of the cache, too");
    }
}

#[test]
fn what_uv_does_not_do_as_pip_does_is_left_to_pip_with_the_reason() {
    let site = Site::ready(Choice::Uv);
    for name in ["one", "two"] {
        site.offer(name, "1.0");
    }
    site.write("requirements.txt", "# \u{fc}\n--prefer-binary\none\n");
    let (_, told) = site.ensured(NO_SERVER);
    assert!(
        told.contains(
            "pip installs instead of uv: uv does not know what requirements.txt, line 2, says: \
             --prefer-binary\n"
        ),
        "{told}"
    );
    assert_eq!(installed_by(&site, "one-1.0"), "pip");

    site.write("requirements.txt", "one\ntwo\n");
    let wish = site.wish_in("gear", &[("PIP_IGNORE_REQUIRES_PYTHON", "1")]);
    let mut told = String::new();
    ensure(&wish, &mut |line| told = format!("{told}{line}\n")).unwrap();
    let reason =
        "ignore-requires-python is set in PIP_IGNORE_REQUIRES_PYTHON, which uv has no word for";
    assert!(told.contains(&format!("pip installs instead of uv: {reason}\n")), "{told}");
    assert_eq!(installed_by(&site, "two-1.0"), "pip");
}

#[test]
fn a_uv_that_was_asked_for_and_is_not_there_is_missed() {
    let site = Site::ready(Choice::Pip);
    site.offer("one", "1.0");
    site.write("requirements.txt", "one\n");
    let mut wish = Wish { installer: Choice::Uv, ..site.wish(NO_SERVER) };
    wish.env.set("PATH", "/usr/bin:/bin");
    let mut told = String::new();
    ensure(&wish, &mut |line| told = format!("{told}{line}\n")).unwrap();
    assert!(told.contains("There is no uv that will do"), "{told}");
    assert_eq!(installed_by(&site, "one-1.0"), "pip");
}

fn a_version_that_does_not_fit_is_told_with_the_python_and_what_there_is(installer: Choice) {
    let site = Site::ready(installer);
    for version in ["1.0", "1.5"] {
        site.offer("one", version);
    }
    site.write("requirements.txt", "one==7.0\n");
    let (result, _) = site.ensure(NO_SERVER);
    let text = result.unwrap_err().to_string();
    let first = text.lines().next().unwrap();
    let python = site.run("python", &["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    assert_eq!(
        first,
        format!(
            "the packages of requirements.txt could not be installed: no version of `one==7.0` fits \
             Python {python} (requirements.txt, line 1). On offer are 1.5 and 1.0"
        ),
        "{text}"
    );
}

/// A build tool that links the folder it stands in, so that no test needs one from elsewhere.
const LINKED: &str = "[build-system]\nrequires = []\nbuild-backend = 'backend'\n\
                      backend-path = ['.']\n[project]\nname = 'linked'\nversion = '1'\n";
const BACKEND: &str = r#"
import os, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "linked-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("linked.pth", os.getcwd() + "\n")
        wheel.writestr("linked-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: linked\nVersion: 1\n")
        wheel.writestr("linked-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("linked-1.dist-info/RECORD", "")
    return name
def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise SystemExit("only linked")
"#;

/// As apps for OpenShift had it: nothing about packages.
const SETUP: &str = "from setuptools import setup\n\
                     setup(name='YourApp', version='1', install_requires=['one'],\n\
                           long_description=open('README.txt').read())\n";

#[test]
fn files_with_names_that_are_not_utf8_are_beside_setup_py_as_others_are() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"na\xefve.txt");
    fs::File::create(dir.path().join(odd)).unwrap();
    let folder = without_code(Utf8Path::from_path(dir.path()).unwrap()).unwrap();
    assert!(folder.path().join(odd).is_file());
}
