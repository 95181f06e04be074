//! A branch with its data where the test wants it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use branchline::journal::replay::{Damage, Entry, Replay};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Extensions of the site: `300` and up.
pub const EXTENSIONS: u32 = 200;
/// Their password.
pub const PASSWORD: &str = "correct horse";
/// The longest start that a branch may have to wait for: an unoptimised build, beside other tests that start dozens. What a
/// start takes by itself is measured by `benches/load`; what must not be is one that hangs on what it finds.
pub const START: Duration = Duration::from_secs(5);
/// How long a thing may take that is not what the test is about, on a slow disk beside a dozen of others.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Ports for sound of one test.
const SOUND_PORTS: u16 = 750;
/// As much of a log as somebody reads.
const LINES: usize = 60;

/// A site's configuration.
pub struct Site {
    folder: PathBuf,
    pub data: PathBuf,
    pub sip: SocketAddr,
    config: PathBuf,
}

/// A port that nobody has, below those that the system gives to sockets of phones: while a branch is down, none of them
/// may get its port. Two runs at once begin at different places.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 25_000 + (std::process::id() as u16 % 97 * 71 + step) % 7_000;
        if std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The first of the ports that a test's branches have for sound. Branches of two tests at once have none in common: one
/// that finds a port taken turns a call down.
fn sound_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    thread_local!(static OWN: u16 = NEXT.fetch_add(1, Ordering::Relaxed));
    10_000 + OWN.with(|own| *own) % 20 * SOUND_PORTS
}

impl Site {
    /// A site below `folder` with its data in `data`.
    pub fn new(folder: &Path, data: &Path) -> Site {
        Site::with(folder, data, "")
    }

    /// The same with `more` in its configuration.
    pub fn with(folder: &Path, data: &Path, more: &str) -> Site {
        let port = free_port();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("secret"), PASSWORD).unwrap();
        let extensions: String = (0..EXTENSIONS)
            .map(|n| {
                format!(
                    "[[extension]]\nnumber = \"{}\"\nsecret = {{ file = \"{}/secret\" }}\n",
                    300 + n,
                    folder.display()
                )
            })
            .collect();
        let sound = sound_ports();
        // A machine that tests is late now and then.
        let limits = if more.contains("[limits]") { "" } else { "\n[limits]\nlateness_ms = 0\n" };
        let text = format!(
            "[site]\ndata_dir = \"{}\"\n[sip]\nudp = [\"127.0.0.1:{port}\"]\ntcp = []\ntls = []\n\
             [media]\nport_min = {sound}\nport_max = {}\nthreads = 1\n[admin]\nsocket = \"{}/admin.sock\"\n\
             [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
             [[inbound]]\nnumber = \"+15550100\"\nto = \"echo\"\n{extensions}{more}{limits}",
            data.display(),
            sound + SOUND_PORTS - 1,
            folder.display(),
        );
        let config = folder.join(format!("gateway-{port}.toml"));
        fs::write(&config, text).unwrap();
        let sip = SocketAddr::from(([127, 0, 0, 1], port));
        Site { folder: folder.to_owned(), data: data.to_owned(), sip, config }
    }

    /// Starts the branch and waits until it answers a probe. Answers how long that took.
    pub fn start(&self) -> (Running, Duration) {
        let began = Instant::now();
        let running = self.launch();
        while !crate::phones::answers(self.sip) {
            assert!(
                began.elapsed() < PATIENCE,
                "the branch does not answer: {}",
                self.logged_last()
            );
        }
        (running, began.elapsed())
    }

    /// Starts the branch and waits for nothing.
    pub fn launch(&self) -> Running {
        let process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["run", "-c"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Running { process }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The last of that, which a test that fails prints.
    pub fn logged_last(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
    }

    /// Asks the branch with its own command line; nothing if it refuses.
    pub fn ask(&self, arguments: &[&str]) -> Option<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(arguments)
            .args(["--json", "--socket"])
            .arg(self.folder.join("admin.sock"))
            .output()
            .unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The lamp and words of a part of the box.
    pub fn part(&self, name: &str) -> (String, String) {
        let status = self.ask(&["status"]).unwrap();
        let parts = status["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["name"] == name).unwrap();
        (part["lamp"].as_str().unwrap().to_owned(), part["words"].as_str().unwrap().to_owned())
    }

    /// Waits until `look` finds something.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < limit, "waited in vain for {what}: {}", self.logged_last());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ids of the calls that the branch has records of.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.until("call records", || self.ask(&["calls", "--limit", "100000"]));
        calls
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["call"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The whole journal, read back and judged.
    pub fn journal(&self) -> (Vec<Entry>, Damage) {
        let key = fs::read_to_string(self.data.join("keys/seal.pub")).unwrap();
        let mut replay = Replay::new(branchline::journal::chain::unhex(&key));
        let mut entries = Vec::new();
        for segment in branchline::driver::segments::list(&self.data.join("journal")).unwrap() {
            replay.read(&fs::read(segment.path).unwrap(), &mut |entry| entries.push(entry));
        }
        (entries, replay.damage)
    }
}

/// A running branch.
pub struct Running {
    process: Child,
}

impl Running {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end, and waits for that.
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("branchline-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
