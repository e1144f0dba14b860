//! Builds: how long it takes until an app's packages are there, on a gear of ours and by the programs that
//! install them, alone.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, tree};
use tempfile::TempDir;

use super::app::bring_app;
use crate::bench::figures::{Figures, Line};
use crate::bench::gears::Gears;
use crate::bench::machine::Usage;
use crate::bench::parts::{Outcome, Told};
use crate::bench::rounds;
use crate::bench::{Bench, Budget, Interrupted};

/// What an app asks for, and what it asks for after a change of one line.
const REQUIREMENTS: [&str; 2] =
    ["flask==3.1.2\nrequests==2.32.5\n", "flask==3.1.2\nrequests==2.32.4\n"];
/// What is measured in a round, in this order.
const ROWS: [&str; 4] =
    ["nothing in the cache", "all in the cache", "one line changed", "nothing to do"];
/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(300);
const NAME: &str = "built";
/// Builds as somebody on the gear would, and tells how many microseconds that took.
const BUILD: &str = r#"
began=$(date +%s%N)
"$OPENSHIFT_ADVANCED_PYTHON_DIR/bin/control" build >&2 || exit 1
echo $((($(date +%s%N) - began) / 1000))
"#;
const FORGET: &str = r#"rm -rf "$OPENSHIFT_DEPENDENCIES_DIR/virtenv""#;

pub(super) fn play(bench: &Bench, told: Told<'_>) -> Result<(), Interrupted> {
    let gears = Gears::new(bench);
    let app = TempDir::new().unwrap();
    bring_app(Utf8Path::from_path(app.path()).unwrap());
    gears.create(bench, NAME, Utf8Path::from_path(app.path()), &[])?;
    let python = gears.with(NAME).python;
    // Nothing of it is in use while its environment goes.
    gears.run(bench, &["stop", NAME])?;
    let ours = |installer| Ours { bench, gears: &gears, installer };
    let alone = |uv: Option<Utf8PathBuf>, words| Alone { bench, python: &python, uv, words };
    let uv = bench.uv();
    let mut builders: Vec<(&str, Box<dyn Builder + '_>)> = Vec::new();
    if uv.exists() {
        builders.push(("ours, uv", Box::new(ours("uv"))));
        builders.push(("uv", Box::new(alone(Some(uv.clone()), &[]))));
        let words = &["--compile-bytecode"];
        builders.push(("uv, compiling", Box::new(alone(Some(uv), words))));
    }
    builders.push(("ours, pip", Box::new(ours("pip"))));
    builders.push(("pip", Box::new(alone(None, &[]))));

    let until = Budget::new(1).next_ends();
    let counted = rounds::repeated(bench.rounds, until, |_| {
        let before = Usage::now(&[]);
        let mut all = Vec::new();
        for (_, builder) in &builders {
            all.push(round(&**builder)?);
        }
        Ok((Usage::now(&[]).seen_others_since(&before), all))
    })?;
    let cell = |row: usize, column: usize| {
        counted.rounds.iter().map(|round| round[column][row].as_secs_f64()).collect()
    };
    let row = |(nth, name)| Line {
        name,
        unit: "s",
        cells: (0..builders.len()).map(|column| cell(nth, column)).collect(),
    };
    told(Outcome::Figures(Figures {
        name: "packages".to_owned(),
        about: format!(
            "{}; the first two rows make a new environment, too",
            REQUIREMENTS[0].trim_end().replace('\n', ", ")
        ),
        columns: builders.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows: ROWS.into_iter().enumerate().map(row).collect(),
        played: counted.played,
        others: counted.others,
    }));
    Ok(())
}

/// Somebody who makes an environment and installs into it.
trait Builder {
    /// Begins anew, with the caches in this directory.
    fn begin(&self, cache: &Utf8Path) -> Result<(), Interrupted>;
    /// Removes the environment.
    fn forget(&self, place: &Utf8Path) -> Result<(), Interrupted>;
    /// Installs these requirements, in `place` where it has none of its own, and says how long that took.
    fn build(&self, place: &Utf8Path, requirements: &str) -> Result<Duration, Interrupted>;
}

/// Each of the rows once.
fn round(builder: &dyn Builder) -> Result<Vec<Duration>, Interrupted> {
    let place = TempDir::new().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let [first, changed] = REQUIREMENTS;
    builder.begin(place)?;
    builder.forget(place)?;
    let cold = builder.build(place, first)?;
    builder.forget(place)?;
    let cached = builder.build(place, first)?;
    let one_changed = builder.build(place, changed)?;
    let nothing = builder.build(place, changed)?;
    Ok(vec![cold, cached, one_changed, nothing])
}

/// A gear of ours.
struct Ours<'a> {
    bench: &'a Bench,
    gears: &'a Gears,
    installer: &'static str,
}

impl Ours<'_> {
    fn shell(&self, script: &str) -> Result<String, Interrupted> {
        let output = self.gears.output(self.bench, &["run", NAME, "--", "sh", "-c", script])?;
        Ok(output.stdout_text())
    }
}

impl Builder for Ours<'_> {
    fn begin(&self, cache: &Utf8Path) -> Result<(), Interrupted> {
        let variables = [
            format!("OPENSHIFT_PYTHON_INSTALLER={}", self.installer),
            format!("UV_CACHE_DIR={cache}/uv"),
            format!("PIP_CACHE_DIR={cache}/pip"),
        ];
        let words: Vec<&str> =
            ["env", "set", NAME].into_iter().chain(variables.iter().map(String::as_str)).collect();
        self.gears.run(self.bench, &words).map(drop)
    }

    fn forget(&self, _place: &Utf8Path) -> Result<(), Interrupted> {
        self.shell(FORGET).map(drop)
    }

    fn build(&self, _place: &Utf8Path, requirements: &str) -> Result<Duration, Interrupted> {
        let file = self.gears.code(NAME).join("requirements.txt");
        files::write_unsynced(&file, requirements.as_bytes(), 0o644).unwrap();
        let told = self.shell(BUILD)?;
        let took = told.lines().last().and_then(|line| line.parse().ok());
        Ok(Duration::from_micros(took.unwrap_or_else(|| panic!("no time in {told:?}"))))
    }
}

/// A program that installs, as a person calls it: uv, or else pip.
struct Alone<'a> {
    bench: &'a Bench,
    python: &'a Utf8Path,
    uv: Option<Utf8PathBuf>,
    words: &'static [&'static str],
}

impl Alone<'_> {
    fn run(&self, place: &Utf8Path, program: &Utf8Path, words: &[&str]) -> Result<(), Interrupted> {
        let env = GearEnv::from_process()
            .with("UV_CACHE_DIR", place.join("uv").as_str())
            .with("PIP_CACHE_DIR", place.join("pip").as_str());
        let command = CommandSpec::new(program, &env).args(words.iter().copied());
        self.bench.done(&command, LIMIT).map(drop)
    }
}

impl Builder for Alone<'_> {
    fn begin(&self, _cache: &Utf8Path) -> Result<(), Interrupted> {
        Ok(())
    }

    fn forget(&self, place: &Utf8Path) -> Result<(), Interrupted> {
        tree::remove(&place.join("venv")).unwrap_or_else(|e| panic!("{e}"));
        Ok(())
    }

    fn build(&self, place: &Utf8Path, requirements: &str) -> Result<Duration, Interrupted> {
        let (venv, file) = (place.join("venv"), place.join("requirements.txt"));
        let own = venv.join("bin/python");
        files::write_unsynced(&file, requirements.as_bytes(), 0o644).unwrap();
        let is_new = !own.exists();
        let began = Instant::now();
        if let Some(uv) = &self.uv {
            if is_new {
                let words = ["venv", "--quiet", "--python", self.python.as_str(), venv.as_str()];
                self.run(place, uv, &words)?;
            }
            let words =
                ["pip", "install", "--quiet", "--python", own.as_str(), "-r", file.as_str()];
            self.run(place, uv, &[&words, self.words].concat())?;
        } else {
            if is_new {
                self.run(place, self.python, &["-m", "venv", venv.as_str()])?;
            }
            self.run(place, &own, &["-m", "pip", "install", "--quiet", "-r", file.as_str()])?;
        }
        Ok(began.elapsed())
    }
}
