//! Whether anything that one visitor does reaches another. An app frames its answers as its visitor
//! wants, right and wrong; the visitor asks for upgrades, and leaves a request in the body of his own.
//! Each time strangers ask for something of theirs on the same connections to the app, and must get
//! it. `cargo xtask desync` plays everything on every server, a short form is an integration test.

mod attack;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_test::TestGear;
use tempfile::TempDir;

use crate::cartridge::{SERVER, example, fixture};
use crate::way::Way;
pub use attack::{Attack, SMUGGLED, all, few};

/// How long anybody waits for an answer. An answer that is cut short ends much sooner, or with the
/// time that nginx waits for the app.
const LIMIT: Duration = Duration::from_secs(20);
/// Seconds that nginx waits for the app.
const READ_TIMEOUT: &str = "3";
/// Strangers after each attack, one after the other.
const STRANGERS: u32 = 5;

/// Whose nginx configuration stands in front of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// The cartridge's.
    Ours,
    /// One that an app brought, as they were written for the original cartridge.
    Theirs,
}

/// A gear with the app that is attacked.
#[derive(Debug)]
pub struct Stage {
    gear: TestGear,
    data: Utf8PathBuf,
    strangers: u32,
    _place: TempDir,
}

/// What came of an attack.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The strangers who asked.
    pub strangers: u32,
    /// What those got who did not get their own answer, each in a line.
    pub harm: Vec<String>,
    /// What the attacker got, where it is wrong although he did nothing wrong.
    pub refused: Option<String>,
}

impl Stage {
    /// A gear of `cartridge` on which the app runs in this way.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn new(cartridge: &Utf8Path, way: &Way, front: Front) -> Self {
        let place = tempfile::tempdir().unwrap();
        let app = Utf8Path::from_path(place.path()).unwrap().to_owned();
        for entry in fixture("desync").read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), app.join(entry.file_name())).unwrap();
        }
        let write = |name: &str, text: &[u8]| {
            cart_core::files::write_atomic(&app.join(name), text, 0o644).unwrap();
        };
        way.bring_to(&app);
        if front == Front::Theirs {
            let theirs = std::fs::read(example("custom-nginx").join("nginx.conf.erb")).unwrap();
            write("nginx.conf.erb", &theirs);
        }
        let mut variables = vec![
            (SERVER, way.server),
            // Whoever shares a connection shares a process, too.
            ("OPENSHIFT_PYTHON_WORKERS", "1"),
            ("OPENSHIFT_NGINX_READ_TIMEOUT", READ_TIMEOUT),
            ("OPENSHIFT_PYTHON_PROBE_PATH", "/probe"),
        ];
        variables.extend(way.variables);
        let mut gear = TestGear::new(cartridge, "3", &variables);
        gear.deploy(&app).done();
        let data = gear.gear().layout().data();
        Self { gear, data, strangers: 0, _place: place }
    }

    /// Makes an attack, and lets strangers ask meanwhile and after it.
    pub fn play(&mut self, attack: &Attack) -> Outcome {
        let address = self.gear.address();
        let mut attacker = Attacker::ask(address, attack);
        let mut harm = Vec::new();
        // The head is here, the rest of the answer may still come.
        for _ in 0..STRANGERS {
            harm.extend(self.stranger(address));
        }
        attacker.go_on(attack);
        harm.extend(self.stranger(address));
        let got = attacker.leave();
        harm.extend(self.stranger(address));
        harm.extend(self.smuggled());
        let refused = attack.is_right().then(|| wrong_answer(attack, &got)).flatten();
        Outcome { strangers: STRANGERS + 2, harm, refused }
    }

    /// What the app and its server said.
    #[must_use]
    pub fn log(&self) -> String {
        self.gear.log("appserver.log")
    }

    /// Asks as somebody who knows nothing of the attack. What is wrong with the answer, if anything.
    fn stranger(&mut self, address: SocketAddr) -> Option<String> {
        self.strangers += 1;
        let path = format!("/stranger/{}", self.strangers);
        let request = format!("GET {path} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n");
        let answer = exchange(address, request.as_bytes());
        let expected = format!("\r\n\r\n{path}\n");
        let right = answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&expected);
        (!right).then(|| format!("asked for {path}, got {answer:?}"))
    }

    /// Requests that the app saw although nobody sent them as such.
    fn smuggled(&self) -> Option<String> {
        let file = self.data.join("seen");
        let seen = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::File::create(&file).unwrap();
        let found = seen.lines().find(|line| line.contains(SMUGGLED))?;
        Some(format!("a request that was hidden in another one reached the app: {found}"))
    }
}

/// The one who does something wrong, or has an app do it.
struct Attacker {
    stream: TcpStream,
    got: Vec<u8>,
}

impl Attacker {
    /// Sends the request and waits for the head of the answer.
    fn ask(address: SocketAddr, attack: &Attack) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut attacker = Self { stream, got: Vec::new() };
        attacker.stream.write_all(attack.request().as_bytes()).unwrap();
        while !attacker.has_head() && attacker.read() {}
        attacker
    }

    /// If the connection became his, he sends what would be another request.
    fn go_on(&mut self, attack: &Attack) {
        if self.got.starts_with(b"HTTP/1.1 101") {
            let _ = self.stream.write_all(attack.hidden().as_bytes());
        }
    }

    /// Says that he sends no more, and reads what there is. What he got.
    fn leave(mut self) -> String {
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.read() {}
        String::from_utf8_lossy(&self.got).into_owned()
    }

    fn has_head(&self) -> bool {
        self.got.windows(4).any(|window| window == b"\r\n\r\n")
    }

    fn read(&mut self) -> bool {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.got.extend_from_slice(&piece[..count]);
                true
            }
        }
    }
}

fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let answer = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    match answer() {
        Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
        Err(error) => format!("{error}"),
    }
}

/// What is wrong with the answer to one who did nothing wrong.
fn wrong_answer(attack: &Attack, got: &str) -> Option<String> {
    let body = if attack.method == "HEAD" { "\r\n\r\n" } else { "right answer\n" };
    // In chunks, its end is not the end.
    let right = got.starts_with("HTTP/1.1 200 ")
        && (got.ends_with(body) || got.replace("\r\n6\r\n", "").contains("right "));
    (!right).then(|| format!("got {got:?}"))
}
