//! What people wait for: how long each command takes on a gear with a small app, and when the app answers.

mod first_answer;
mod last_byte;

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, process, programs, wait};

use super::app::bring_app;
use crate::bench::figures::{Figures, Line};
use crate::bench::gears::Gears;
use crate::bench::machine::Usage;
use crate::bench::parts::{Outcome, Told};
use crate::bench::peer::server::{At, SERVERS, Server};
use crate::bench::peer::{Venv, free_address};
use crate::bench::rounds;
use crate::bench::{Bench, Budget, Interrupted};
use crate::cartridge::SERVER;
use first_answer::FirstAnswer;

/// Python's own, one with processes, one for ASGI apps.
const OF: [&str; 3] = ["wsgiref", "gunicorn", "uvicorn"];
/// The gear.
const NAME: &str = "hello";
/// How long git may take with a gear's build in it.
const PUSH_LIMIT: Duration = Duration::from_secs(300);
/// So long a gear uses no processor before it is at rest.
const QUIET: Duration = Duration::from_millis(200);
/// And it comes to that within this.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);

/// What is measured in a round, in this order.
const ROWS: &[&str] = &[
    "create returns",
    "stop returns",
    "bare server answers",
    "start: app answers",
    "start returns",
    "restart: new answers",
    "restart returns",
    "reload returns",
    "status returns",
    "doctor returns",
    "push: new answers",
    "push returns",
    "destroy returns",
];

pub(super) fn play(bench: &Bench, told: Told<'_>) -> Result<(), Interrupted> {
    let is_played = |server: &&Server| OF.contains(&server.name) && bench.wants_server(server.name);
    let servers: Vec<&Server> = SERVERS.iter().filter(is_played).collect();
    let mut budget = Budget::new(servers.len());
    let mut rows: Vec<Line> =
        ROWS.iter().map(|name| Line { name, unit: "ms", cells: Vec::new() }).collect();
    let (mut played, mut others) = (0, Vec::new());
    for server in &servers {
        bench.go_on()?;
        let life = Life::new(bench, server)?;
        let counted = rounds::repeated(bench.rounds, budget.next_ends(), |_| {
            let before = Usage::now(&life.gears.processes());
            let times = life.round()?;
            let share = Usage::now(&life.gears.processes()).seen_others_since(&before);
            Ok((share, times))
        })?;
        for (nth, row) in rows.iter_mut().enumerate() {
            let cell = counted.rounds.iter().map(|round| round[nth].as_secs_f64() * 1000.0);
            row.cells.push(cell.collect());
        }
        played += counted.played;
        others.extend(counted.others);
    }
    if !servers.is_empty() {
        let about = "each command of gear on a gear with a small app, packages in the cache; a push counts \
                     from git's last byte until the new app answers, the others from their call";
        let columns = servers.iter().map(|server| server.name.to_owned()).collect();
        let (name, about) = ("life".to_owned(), about.to_owned());
        told(Outcome::Figures(Figures { name, about, columns, rows, played, others }));
    }
    Ok(())
}

/// A server's gear, made and destroyed in each round.
struct Life<'a> {
    bench: &'a Bench,
    server: &'a Server,
    gears: Gears,
    venv: Venv,
    app: Utf8PathBuf,
    _place: tempfile::TempDir,
}

impl<'a> Life<'a> {
    /// Makes the gear once, so that its packages are in the cache, and what the server needs alone.
    fn new(bench: &'a Bench, server: &'a Server) -> Result<Self, Interrupted> {
        let place = tempfile::tempdir().unwrap();
        let app = Utf8Path::from_path(place.path()).unwrap().join("app");
        std::fs::create_dir(&app).unwrap();
        bring_app(&app);
        server.way().bring_to(&app);
        let gears = Gears::new(bench);
        create(bench, server, &gears, &app)?;
        let venv = bench.place.join("venvs").join(server.name);
        let venv = Venv::prepare(venv, &gears.with(NAME), &bench.uv());
        gears.run(bench, &["destroy", NAME, "--yes"])?;
        Ok(Self { bench, server, gears, venv, app, _place: place })
    }

    /// Each of the rows once.
    fn round(&self) -> Result<Vec<Duration>, Interrupted> {
        let gear = |words: &[&str]| self.gears.run(self.bench, words);
        let created = create(self.bench, self.server, &self.gears, &self.app)?;
        let address = self.gears.address(NAME);
        let stopped = gear(&["stop", NAME])?;
        let bare = self.bare()?;

        let answer = FirstAnswer::of(address, text(0), &self.bench.end);
        let started = gear(&["start", NAME])?;
        let start = answer.after()?;

        // Workers that still import the app would find the new one.
        self.settles();
        let new = text(1);
        self.change(&self.gears.code(NAME), &new);
        let answer = FirstAnswer::of(address, new, &self.bench.end);
        let restarted = gear(&["restart", NAME])?;
        let restart = answer.after()?;

        let reloaded = gear(&["reload", NAME])?;
        let status = gear(&["status", NAME])?;
        let doctor = gear(&["doctor", self.app.as_str()])?;
        let (pushed, push) = self.push(text(2))?;
        let destroyed = gear(&["destroy", NAME, "--yes"])?;
        Ok(vec![
            created, stopped, bare, start, started, restart, restarted, reloaded, status, doctor,
            pushed, push, destroyed,
        ])
    }

    /// Waits until the gear does nothing.
    fn settles(&self) {
        let used = || -> Duration {
            let processes = self.gears.processes();
            processes.iter().filter_map(|it| process::processor_time(it.pid)).sum()
        };
        let (mut before, mut since) = (used(), Instant::now());
        let quiet = wait::until(SETTLE_LIMIT, || {
            let now = used();
            if now != before {
                (before, since) = (now, Instant::now());
            }
            (since.elapsed() >= QUIET).then_some(())
        });
        assert!(quiet.is_some(), "a gear on which nobody asks does not come to rest");
    }

    /// When the server alone answers.
    fn bare(&self) -> Result<Duration, Interrupted> {
        let address = free_address();
        let place = tempfile::TempDir::with_prefix_in("bench-", "/tmp").unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        let answer = FirstAnswer::of(address, text(0), &self.bench.end);
        let peer = self.server.start(&self.venv, &self.app, At::Address(address), "", place);
        let after = answer.after();
        drop(peer);
        after
    }

    /// Puts another answer into the app, which is one line of it.
    fn change(&self, code: &Utf8Path, new: &str) {
        for file in ["app.py", "asgi.py"] {
            let text = String::from_utf8(files::read(&self.app.join(file)).unwrap()).unwrap();
            assert!(text.contains(&self::text(0)), "{file} does not say {:?}", self::text(0));
            let text = text
                .replace(&self::text(0), new)
                .replace("b\"13\"", &format!("b\"{}\"", new.len()));
            files::write_unsynced(&code.join(file), text.as_bytes(), 0o644).unwrap();
        }
    }

    /// Pushes another answer: how long after git's last byte it was there, and how long the push took.
    fn push(&self, new: String) -> Result<(Duration, Duration), Interrupted> {
        let clone = tempfile::tempdir().unwrap();
        let clone = Utf8Path::from_path(clone.path()).unwrap();
        let trace = clone.join("trace");
        let work = clone.join("work");
        let env = GearEnv::from_process()
            .with("HOME", clone.as_str())
            .with("GIT_CONFIG_NOSYSTEM", "1")
            .with("GIT_TRACE2_EVENT", trace.as_str());
        let program = programs::find("git", &env, &[]).unwrap_or_else(|e| panic!("{e}"));
        let git = |words: &[&str]| {
            let command = CommandSpec::new(&program, &env).args(words.iter().copied());
            self.bench.done(&command.dir(clone), PUSH_LIMIT)
        };
        let work = work.as_str();
        git(&["clone", "--quiet", self.gears.repository(NAME).as_str(), work])?;
        self.change(work.into(), &new);
        let person = ["-c", "user.name=A Person", "-c", "user.email=person@localhost"];
        let commit = ["commit", "--quiet", "--all", "--message", "another answer"];
        git(&[&["-C", work][..], &person, &commit].concat())?;
        files::remove_if_exists(&trace).unwrap();

        let answer = FirstAnswer::of(self.gears.address(NAME), new, &self.bench.end);
        let began = Instant::now();
        git(&["-C", work, "push", "--quiet", "origin", "HEAD:master"])?;
        let took = began.elapsed();
        let answered = answer.after()?;
        let told = files::read(&trace).unwrap();
        let last_byte = last_byte::of_push(&String::from_utf8_lossy(&told));
        let last_byte = last_byte.unwrap_or_else(|| panic!("git did not say when it had sent all"));
        Ok((answered.saturating_sub(last_byte), took))
    }
}

/// Makes the gear with as many workers as the server has alone.
fn create(
    bench: &Bench,
    server: &Server,
    gears: &Gears,
    app: &Utf8Path,
) -> Result<Duration, Interrupted> {
    let way = server.way();
    let workers = server.workers.to_string();
    let more = [(SERVER, way.server), ("OPENSHIFT_PYTHON_WORKERS", &workers)];
    gears.create(bench, NAME, Some(app), &[&more, way.variables].concat())
}

/// What the app answers after so many changes; each is longer than the one before, because Python goes by
/// a file's length, too, when it looks whether it was compiled already.
fn text(changes: usize) -> String {
    format!("Hello, world{}", "!".repeat(changes + 1))
}
