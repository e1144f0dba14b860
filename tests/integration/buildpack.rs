//! The Cloud Native Buildpack, by the phases of its specification, as a platform's lifecycle runs them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::run::{self, Output};
use cart_core::{CommandSpec, GearEnv, wait};
use cart_test::{get, own_ip};
use rustix::process::Signal;

use crate::cartridge::{example, target};

const LIMIT: Duration = Duration::from_secs(600);

struct Platform {
    place: Utf8PathBuf,
    env: GearEnv,
    _keep: tempfile::TempDir,
}

impl Platform {
    fn new() -> Self {
        let keep = tempfile::TempDir::with_prefix_in("cnb-", "/tmp").unwrap();
        let place = Utf8Path::from_path(keep.path()).unwrap().to_owned();
        for directory in ["layers", "platform/env"] {
            std::fs::create_dir_all(place.join(directory)).unwrap();
        }
        let xtask = target().join("debug/xtask");
        let env = GearEnv::from_process();
        let made = CommandSpec::new(xtask, &env).args([
            "image",
            "--assembled",
            "--buildpack",
            place.join("buildpack").as_str(),
        ]);
        run::checked(&made, LIMIT).expect("`cargo xtask dist --debug` comes first");
        let variable = place.join("platform/env/OPENSHIFT_PYTHON_WORKERS");
        cart_core::files::write_atomic(&variable, b"1", 0o644).unwrap();
        let env = env
            .with("CNB_BUILDPACK_DIR", place.join("buildpack").as_str())
            .with("CNB_LAYERS_DIR", place.join("layers").as_str())
            .with("CNB_PLATFORM_DIR", place.join("platform").as_str())
            .with("CNB_BUILD_PLAN_PATH", place.join("plan.toml").as_str())
            .with("CNB_BP_PLAN_PATH", place.join("plan.toml").as_str());
        Self { place, env, _keep: keep }
    }

    fn phase(&self, name: &str, app: &Utf8Path) -> Output {
        let program = self.place.join("buildpack/bin").join(name);
        run::output(&CommandSpec::new(program, &self.env).dir(app), LIMIT).unwrap()
    }

    fn build(&self, app: &Utf8Path) -> String {
        let output = self.phase("build", app);
        let said = [output.stdout_text(), output.stderr_text()].join("\n");
        assert!(output.status.success(), "{said}");
        said
    }
}

#[test]
fn a_buildpack_detects_builds_twice_and_its_process_serves() {
    const READY: &str = "The environment is ready";
    let platform = Platform::new();
    let app = example("flask");
    assert_eq!(platform.phase("detect", &app).status.code(), Some(0));
    assert_eq!(platform.phase("detect", &platform.place).status.code(), Some(100));

    let said = platform.build(&app);
    assert!(said.contains(READY), "{said}");
    let said = platform.build(&app);
    assert!(!said.contains(READY), "packages are installed again: {said}");
    let layers = platform.place.join("layers");
    let types = |name: &str| std::fs::read_to_string(layers.join(name)).unwrap();
    assert_eq!(types("gear.toml"), "[types]\nlaunch = true\n");
    assert_eq!(types("app.toml"), "[types]\nlaunch = true\ncache = true\n");

    let launch = types("launch.toml");
    assert!(launch.contains("type = \"web\"\n") && launch.contains("default = true\n"), "{launch}");
    let command = launch.lines().find_map(|line| line.strip_prefix("command = ")).unwrap();
    // An array of strings is the same in both languages.
    let words: Vec<String> = serde_json::from_str(command).unwrap();
    let web = CommandSpec::new(&*words[0], &GearEnv::new().with("PATH", "/usr/bin:/bin:/usr/sbin"))
        .args(words[1..].iter().cloned())
        .args(["--listen", &format!("{}:0", own_ip())]);
    let mut web = run::piped(&web).unwrap();
    let mut line = String::new();
    BufReader::new(web.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let process = ProcessId::of(web.id()).unwrap();
    let url = line.split(' ').find_map(|word| word.strip_prefix("http://"));
    let address: Option<SocketAddr> =
        url.and_then(|url| url.trim_end().trim_end_matches('/').parse().ok());
    let health = address.map(|address| get(address, "/health").body);
    process.signal(Signal::TERM);
    let ended = wait::until(LIMIT, || web.try_wait().unwrap());
    assert_eq!(health.as_deref(), Some("1"), "{line}");
    assert_eq!(ended.unwrap().code(), Some(0));
}
