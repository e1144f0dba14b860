//! Locks, with a real pip, a real uv and a package index on this machine that has newer versions.

use sha2::{Digest, Sha256};

use super::*;

with_each_installer! {
    what_each_kind_of_lock_says_is_installed_although_the_index_has_newer,
    a_package_that_is_not_what_its_hash_says_is_refused_in_every_kind_of_lock,
    requirements_of_which_only_some_have_hashes_are_refused,
    what_a_lock_has_no_more_is_there_no_more,
    a_locked_version_that_no_index_has_is_told_with_its_line,
    the_servers_packages_leave_what_is_locked_alone,
    a_lock_for_another_python_is_refused_and_pipenvs_is_spoken_of,
    local_packages_of_a_lock_are_installed_and_their_changes_count,
    a_pipfile_and_poetrys_wishes_are_installed_without_a_lock,
    an_app_that_cannot_be_built_gets_its_dependencies_and_runs_from_its_folder,
    an_app_with_a_lock_is_linked_without_looking_for_its_dependencies,
}

/// An app and an index on which `alpha` 2.0 is newer than what any lock here says.
struct Shop {
    site: Site,
    index: std::net::SocketAddr,
}

impl Shop {
    fn new(installer: Choice) -> Self {
        let site = Site::ready(installer);
        site.offer("alpha", "1.0");
        site.offer("alpha", "2.0");
        site.offer_with("beta", "1.0", &["alpha", "missing-from-every-index"]);
        for name in ["fast", "devtool", "opt", "win"] {
            site.offer(name, "1.0");
        }
        let index = serve_index(site.path("shelf"));
        Self { site, index }
    }

    /// `sha256:...` of a package of the shelf.
    fn hash(&self, name: &str) -> String {
        let wheel = self.site.path(&format!("shelf/{name}-py3-none-any.whl"));
        let hash = Sha256::digest(files::read(&wheel).unwrap());
        hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn wish(&self, server: &'static [Requirement]) -> Wish {
        let mut wish = self.site.wish(server);
        wish.env.remove("PIP_NO_INDEX");
        wish.env.remove("PIP_FIND_LINKS");
        wish.env.set("PIP_INDEX_URL", format!("http://{}/simple", self.index));
        wish
    }

    fn ensure(&self, server: &'static [Requirement]) -> (Result<Ensured, DependencyError>, String) {
        let wish = self.wish(server);
        let said = wish.inputs.said.iter();
        let mut told: String = said.map(|line| format!("{line}\n")).collect();
        let result = ensure(&wish, &mut |line| told = format!("{told}{line}\n"));
        (result, told)
    }

    fn ensured(&self) -> (bool, String) {
        let (result, told) = self.ensure(NO_SERVER);
        (result.unwrap_or_else(|error| panic!("{error}\n{told}")).changed, told)
    }

    /// What is installed of what is on the shelf.
    fn has(&self) -> String {
        let venv = VirtualEnv::at(self.site.place());
        let names = ["alpha", "beta", "fast", "devtool", "opt", "win"];
        let there =
            names.iter().filter_map(|name| Some(format!("{name} {}", venv.installed(name)?)));
        there.collect::<Vec<_>>().join(", ")
    }
}

const AS_LOCKED: &str = "alpha 1.0, beta 1.0, fast 1.0";

/// `alpha` 1.0, `beta` with its extra that brings `fast`, nothing of developers, Windows or another
/// extra. `HASH-name` stands for a hash.
const LOCKS: [(&str, &str); 5] = [
    (
        "uv.lock",
        r#"version = 1
requires-python = ">=3.6"
[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "beta", extra = ["speed"] }]
[package.optional-dependencies]
more = [{ name = "opt" }]
[package.dev-dependencies]
dev = [{ name = "devtool" }]
[[package]]
name = "alpha"
version = "1.0"
source = { registry = "https://example.com/simple" }
wheels = [{ url = "https://example.com/alpha.whl", hash = "HASH-alpha" }]
[[package]]
name = "beta"
version = "1.0"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "alpha" }, { name = "win", marker = "sys_platform == 'win32'" }]
wheels = [{ url = "https://example.com/beta.whl", hash = "HASH-beta" }]
[package.optional-dependencies]
speed = [{ name = "fast" }]
[[package]]
name = "fast"
version = "1.0"
source = { registry = "https://example.com/simple" }
[[package]]
name = "devtool"
version = "1.0"
source = { registry = "https://example.com/simple" }
[[package]]
name = "opt"
version = "1.0"
source = { registry = "https://example.com/simple" }
[[package]]
name = "win"
version = "1.0"
source = { registry = "https://example.com/simple" }
"#,
    ),
    (
        "pylock.toml",
        r#"lock-version = "1.0"
default-groups = ["default"]
[[packages]]
name = "alpha"
version = "1.0"
wheels = [{ url = "https://example.com/alpha.whl", hashes = { sha256 = "BARE-alpha" } }]
[[packages]]
name = "beta"
version = "1.0"
marker = "'default' in dependency_groups"
wheels = [{ url = "https://example.com/beta.whl", hashes = { sha256 = "BARE-beta" } }]
[[packages]]
name = "fast"
version = "1.0"
[[packages]]
name = "devtool"
version = "1.0"
marker = "'dev' in dependency_groups"
[[packages]]
name = "opt"
version = "1.0"
marker = "'more' in extras"
[[packages]]
name = "win"
version = "1.0"
marker = "sys_platform == 'win32'"
"#,
    ),
    (
        "poetry.lock",
        r#"[[package]]
name = "alpha"
version = "1.0"
groups = ["main", "dev"]
files = [{ file = "alpha.whl", hash = "HASH-alpha" }]
[[package]]
name = "beta"
version = "1.0"
groups = ["main"]
files = [{ file = "beta.whl", hash = "HASH-beta" }]
[[package]]
name = "fast"
version = "1.0"
groups = ["main"]
[[package]]
name = "devtool"
version = "1.0"
groups = ["dev"]
[[package]]
name = "opt"
version = "1.0"
optional = true
groups = ["main"]
markers = "extra == \"more\""
[[package]]
name = "win"
version = "1.0"
groups = ["main"]
markers = "sys_platform == \"win32\""
[metadata]
lock-version = "2.1"
python-versions = "^3.6"
"#,
    ),
    (
        "pdm.lock",
        r#"[metadata]
lock_version = "4.5.1"
[[package]]
name = "alpha"
version = "1.0"
groups = ["default", "dev"]
files = [{ file = "alpha.whl", hash = "HASH-alpha" }]
[[package]]
name = "beta"
version = "1.0"
groups = ["default"]
files = [{ file = "beta.whl", hash = "HASH-beta" }]
[[package]]
name = "beta"
version = "1.0"
extras = ["speed"]
groups = ["default"]
dependencies = ["beta==1.0", "fast"]
files = [{ file = "beta.whl", hash = "HASH-beta" }]
[[package]]
name = "fast"
version = "1.0"
groups = ["default"]
[[package]]
name = "devtool"
version = "1.0"
groups = ["dev"]
[[package]]
name = "opt"
version = "1.0"
groups = ["more"]
[[package]]
name = "win"
version = "1.0"
groups = ["default"]
marker = "sys_platform == \"win32\""
"#,
    ),
    (
        "Pipfile.lock",
        r#"{"_meta": {"pipfile-spec": 6, "sources": []},
"default": {
    "alpha": {"version": "==1.0", "hashes": ["HASH-alpha"]},
    "beta": {"version": "==1.0", "extras": ["speed"], "hashes": ["HASH-beta"]},
    "fast": {"version": "==1.0"},
    "win": {"version": "==1.0", "markers": "sys_platform == 'win32'"}
},
"develop": {"devtool": {"version": "==1.0"}}}"#,
    ),
];

fn with_hashes(shop: &Shop, lock: &str) -> String {
    let (alpha, beta) = (shop.hash("alpha-1.0"), shop.hash("beta-1.0"));
    let bare = |hash: &str| hash.trim_start_matches("sha256:").to_owned();
    lock.replace("BARE-alpha", &bare(&alpha))
        .replace("BARE-beta", &bare(&beta))
        .replace("HASH-alpha", &alpha)
        .replace("HASH-beta", &beta)
}

fn what_each_kind_of_lock_says_is_installed_although_the_index_has_newer(installer: Choice) {
    for (name, lock) in LOCKS {
        let shop = Shop::new(installer);
        shop.site.write("requirements.txt", "alpha\n");
        shop.site.write(name, &with_hashes(&shop, lock));
        let (changed, told) = shop.ensured();
        assert!(changed, "{name}");
        assert!(
            told.starts_with(&format!(
                "The packages of {name} were taken; requirements.txt is there, too, and was not\n\
                 Installing the packages of {name}\n"
            )),
            "{told}"
        );
        assert_eq!(shop.has(), AS_LOCKED, "{name}");
        assert_eq!(installed_by(&shop.site, "alpha-1.0"), by(installer), "{name}");
        assert!(!shop.ensured().0, "{name}");
        shop.site.write("requirements.txt", "alpha>=2\n");
        assert!(!shop.ensured().0, "what is passed over does not count");
    }
}

fn a_package_that_is_not_what_its_hash_says_is_refused_in_every_kind_of_lock(installer: Choice) {
    let shop = Shop::new(installer);
    for (name, lock) in LOCKS {
        let right = with_hashes(&shop, lock);
        let alpha = shop.hash("alpha-1.0");
        let wrong = shop.hash("alpha-2.0");
        let bare = |hash: &str| hash.trim_start_matches("sha256:").to_owned();
        shop.site.write(name, &right.replace(&bare(&alpha), &bare(&wrong)));
        let error = shop.ensure(NO_SERVER).0.unwrap_err().to_string();
        let start =
            format!("the packages of {name} could not be installed: `alpha==1.0` ({name}, line ");
        assert!(error.starts_with(&start), "{error}");
        assert_eq!(shop.has(), "", "{name}");
        fs::remove_file(shop.site.repo().join(name)).unwrap();
    }
}

fn requirements_of_which_only_some_have_hashes_are_refused(installer: Choice) {
    let shop = Shop::new(installer);
    let hashed = format!("alpha==1.0 \\\n    --hash={}\n", shop.hash("alpha-1.0"));
    shop.site.write("requirements.txt", &format!("{hashed}fast==1.0\n"));
    let error = shop.ensure(NO_SERVER).0.unwrap_err().to_string();
    assert!(error.contains("could not be installed: some requirements have hashes and"), "{error}");
    shop.site.write("requirements.txt", &hashed);
    shop.ensured();
    assert_eq!(shop.has(), "alpha 1.0");
}

fn what_a_lock_has_no_more_is_there_no_more(installer: Choice) {
    let shop = Shop::new(installer);
    let pinned = |name: &str| format!("\"{name}\": {{\"version\": \"==1.0\"}}");
    let lock = |packages: &[String]| {
        format!("{{\"_meta\": {{\"pipfile-spec\": 6}}, \"default\": {{{}}}}}", packages.join(", "))
    };
    shop.site.write("Pipfile.lock", &lock(&[pinned("alpha"), pinned("fast")]));
    shop.ensured();
    shop.site.write("Pipfile.lock", &lock(&[pinned("alpha"), pinned("opt")]));
    let (_, told) = shop.ensured();
    let why = "The virtual environment is made anew, without what is not locked any more: fast\n";
    assert!(told.contains(why), "{told}");
    assert_eq!(shop.has(), "alpha 1.0, opt 1.0");
    shop.site.write("Pipfile.lock", &lock(&[pinned("alpha"), pinned("opt"), pinned("win")]));
    let (_, told) = shop.ensured();
    assert!(!told.contains("anew"), "{told}");
}

fn a_locked_version_that_no_index_has_is_told_with_its_line(installer: Choice) {
    let shop = Shop::new(installer);
    let (name, lock) = LOCKS[0];
    shop.site.write(
        name,
        &with_hashes(&shop, lock).replacen("version = \"1.0\"\n", "version = \"7.0\"\n", 1),
    );
    let error = shop.ensure(NO_SERVER).0.unwrap_err().to_string();
    let first = error.lines().next().unwrap();
    assert!(
        first.contains("no version of `alpha==7.0` fits Python 3.")
            && first.contains("(uv.lock, line 13)"),
        "{error}"
    );
}

/// It needs another `alpha` than the locked one.
const HUNGRY: &[Requirement] = &[Requirement {
    name: "engine",
    lines: &["engine>=2,<3"],
    oldest: Version::new(1, 0, 0),
    optional: false,
}];

fn the_servers_packages_leave_what_is_locked_alone(installer: Choice) {
    let shop = Shop::new(installer);
    let (name, lock) = LOCKS[0];
    shop.site.write(name, &with_hashes(&shop, lock));
    shop.site.offer_with("engine", "2.0", &["alpha>=1"]);
    shop.site.offer_with("engine", "2.1", &["alpha>=2"]);
    let (result, told) = shop.ensure(HUNGRY);
    result.unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert_eq!(shop.site.run("engine", &[]), "2.0", "an older one that goes with the lock");
    assert_eq!(shop.has(), AS_LOCKED);

    fs::remove_file(shop.site.path("shelf/engine-2.0-py3-none-any.whl")).unwrap();
    fs::remove_dir_all(shop.site.place()).unwrap();
    let error = shop.ensure(HUNGRY).0.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "engine does not go with alpha==1.0 (uv.lock), and what is locked is not changed. Lock \
             versions that go with it, or choose another server by OPENSHIFT_PYTHON_SERVER\n"
        ),
        "{error}"
    );
    assert!(error.contains("alpha>=2"), "what the installer says of it: {error}");
}

fn a_lock_for_another_python_is_refused_and_pipenvs_is_spoken_of(installer: Choice) {
    let shop = Shop::new(installer);
    // Else it would be the lock that decides.
    let python = interpreter::find(&Wanted::Any, &shop.site.env()).unwrap();
    shop.site.write(".python-version", &python.version.to_string());
    let (name, lock) = LOCKS[0];
    shop.site.write(name, &with_hashes(&shop, lock).replace(">=3.6", ">=3.6,<3.7"));
    let error = shop.ensure(NO_SERVER).0.unwrap_err().to_string();
    assert!(
        error.starts_with("uv.lock: `requires-python` is `>=3.6,<3.7`, and this Python is 3."),
        "{error}"
    );
    fs::remove_file(shop.site.repo().join(name)).unwrap();

    let lock = r#"{"_meta": {"pipfile-spec": 6, "requires": {"python_version": "2.7"}},
                   "default": {"alpha": {"version": "==1.0"}}}"#;
    shop.site.write("Pipfile.lock", lock);
    let (_, told) = shop.ensured();
    assert!(
        told.starts_with("Pipfile.lock: `python_version` is `==2.7.*`, and this Python is 3."),
        "{told}"
    );
    assert_eq!(shop.has(), "alpha 1.0");
}

fn local_packages_of_a_lock_are_installed_and_their_changes_count(installer: Choice) {
    let shop = Shop::new(installer);
    let lock = "lock-version = '1.0'\n[[packages]]\nname = 'linked'\n\
                directory = { path = 'libs/my lib', editable = true }\n";
    shop.site.write("pylock.toml", lock);
    shop.site.write("libs/my lib/pyproject.toml", LINKED);
    shop.site.write("libs/my lib/backend.py", BACKEND);
    shop.site.write("libs/my lib/linked_module.py", "print('linked')\n");
    shop.ensured();
    assert_eq!(shop.site.run("python", &["-c", "import linked_module"]), "linked");
    assert!(!shop.ensured().0);
    shop.site
        .write("libs/my lib/pyproject.toml", &LINKED.replace("version = '1'", "version = '2'"));
    assert!(shop.ensured().0);
}

fn a_pipfile_and_poetrys_wishes_are_installed_without_a_lock(installer: Choice) {
    let shop = Shop::new(installer);
    shop.site.write("Pipfile", "[packages]\nalpha = '<2'\n[dev-packages]\ndevtool = '*'\n");
    let (_, told) = shop.ensured();
    assert!(told.starts_with("Installing the packages of Pipfile\n"), "{told}");
    assert_eq!(shop.has(), "alpha 1.0");

    let shop = Shop::new(installer);
    let wishes = "[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\npython = '^3.6'\n\
                  alpha = '^1.0'\nopt = {version = '*', optional = true}\nwin = {version = '*', platform = 'win32'}\n\
                  [tool.poetry.group.dev.dependencies]\ndevtool = '*'\n";
    shop.site.write("pyproject.toml", wishes);
    let (_, told) = shop.ensured();
    assert!(told.starts_with("Installing the dependencies of pyproject.toml\n"), "{told}");
    assert_eq!(shop.has(), "alpha 1.0");
}

/// A build tool that makes no package of this folder, in words of its own.
const REFUSING: &str = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['tools']\n\
                        [project]\nname = 'app'\nversion = '1'\n";
const REFUSAL: &str = "def build_editable(*args, **kwargs):\n    raise ValueError('no idea what to ship')\n\
                       build_wheel = build_editable\n";
const SAID: &str = "The app could not be installed as a package (pyproject.toml: ValueError: no idea what to \
                    ship). It runs from its folder, and its dependencies are installed\n";

fn an_app_that_cannot_be_built_gets_its_dependencies_and_runs_from_its_folder(installer: Choice) {
    let shop = Shop::new(installer);
    shop.site.write("pyproject.toml", &format!("{REFUSING}dependencies = ['alpha<2']\n"));
    shop.site.write("tools/backend.py", REFUSAL);
    shop.site.write("src/within/__init__.py", "print('found')\n");
    let (_, told) = shop.ensured();
    assert!(told.contains(SAID), "{told}");
    assert!(told.ends_with(SAID) && !told.contains("Preparing"), "{told}");
    assert_eq!(shop.has(), "alpha 1.0");
    assert_eq!(shop.site.run("python", &["-c", "import within"]), "found", "src is imported from");
    assert!(!shop.ensured().0);

    // What only a build can tell cannot be done without it.
    shop.site.write("pyproject.toml", &format!("{REFUSING}dynamic = ['dependencies']\n"));
    let error = shop.ensure(NO_SERVER).0.unwrap_err().to_string();
    assert!(
        error.starts_with("the app as a package (pyproject.toml) could not be installed"),
        "{error}"
    );
}

fn an_app_with_a_lock_is_linked_without_looking_for_its_dependencies(installer: Choice) {
    let shop = Shop::new(installer);
    let (name, lock) = LOCKS[2];
    shop.site.write(name, &with_hashes(&shop, lock));
    shop.site.write("backend.py", BACKEND);
    shop.site.write("linked_module.py", "print('linked')\n");
    shop.site.write("pyproject.toml", &format!("{LINKED}dependencies = ['beta', 'forgotten']\n"));
    let (_, told) = shop.ensured();
    assert!(
        told.starts_with(
            "poetry.lock is older than pyproject.toml: it has no forgotten, which is not installed. \
             Lock again\n"
        ),
        "{told}"
    );
    assert_eq!(shop.has(), AS_LOCKED);
    assert!(VirtualEnv::at(shop.site.place()).installed("linked").is_some());

    shop.site.write("tools/backend.py", REFUSAL);
    shop.site.write("pyproject.toml", &format!("{REFUSING}dependencies = ['beta']\n"));
    let (_, told) = shop.ensured();
    assert!(told.contains(SAID), "{told}");
}
