//! A demo branch in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use branchline::driver::tape::Recording;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Each branch takes a block of ports from here on. All blocks end below 32,768, where the ports begin that the
/// kernel gives to whoever asks for any port: nobody else's socket is ever in a block.
const FIRST_PORT: u16 = 11_000;
/// In each block: SIP from 0, the branch's sound from 100 to 499, the test's peers from 600.
const BLOCK_PORTS: u16 = 1_000;
/// Far more than branches that run side by side.
const BLOCKS: u16 = 21;
/// First and last port of the branch's sound, from the beginning of the block.
const RTP_OFFSETS: (u16, u16) = (100, 499);
/// How long an expected thing may take to show before the test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Calls that `branchline demo` places through itself before it is ready: to sign in, to be called, to sign out.
const DEMO_CALLS: usize = 3;

static BLOCKS_TAKEN: Mutex<Blocks> =
    Mutex::new(Blocks { taken: [false; BLOCKS as usize], next: 0 });

struct Blocks {
    taken: [bool; BLOCKS as usize],
    /// Where the search for a free one begins: who was let go last is taken last, so that late packets miss nobody.
    next: usize,
}

/// A block of ports; given back when it is dropped.
struct Block(u16);

impl Block {
    fn take() -> Block {
        let mut blocks = BLOCKS_TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = usize::from(BLOCKS);
        let free = (0..count).map(|n| (blocks.next + n) % count).find(|n| !blocks.taken[*n]);
        let free = free.expect("more branches side by side than there are blocks of ports");
        blocks.taken[free] = true;
        blocks.next = (free + 1) % count;
        Block(free as u16)
    }

    fn base(&self) -> u16 {
        FIRST_PORT + self.0 * BLOCK_PORTS
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut blocks = BLOCKS_TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        blocks.taken[usize::from(self.0)] = false;
    }
}

/// A running branch; ends with the test.
pub struct Branch {
    process: Child,
    ready: Value,
    /// Where SIP is spoken.
    pub sip: SocketAddr,
    /// First of the ports that the test may use for its peers.
    pub free: u16,
    /// Records of calls that are not the test's.
    earlier: usize,
    /// Last, so that it is given back when the folder and the process are gone.
    _block: Block,
}

impl Branch {
    /// Starts one and waits until it is ready.
    pub fn start() -> Branch {
        Branch::demo(Block::take(), &[], None)
    }

    /// One behind a command that puts it elsewhere, with a configuration that `change` makes of the demo's, before its
    /// holes are filled, and of its folder.
    #[allow(dead_code)]
    pub fn demo_in(enter: &[String], change: impl FnOnce(&str, &Path) -> String) -> Branch {
        let block = Block::take();
        let base = block.base();
        let folder =
            std::env::temp_dir().join(format!("branchline-demo-{}-{base}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let text = change(include_str!("../../src/cli/demo/gateway.toml"), &folder);
        let ports = [
            ("@SIP@", 0),
            ("@TLS@", 1),
            ("@HTTPS@", 2),
            ("@CARRIER@", 5),
            ("@RTP_FIRST@", RTP_OFFSETS.0),
            ("@RTP_LAST@", RTP_OFFSETS.1),
        ];
        let text = text.replace("@DIR@", &folder.display().to_string());
        let text = ports
            .into_iter()
            .fold(text, |text, (hole, above)| text.replace(hole, &(base + above).to_string()));
        std::fs::write(folder.join("gateway.toml"), text).expect("the configuration");
        Branch::demo(block, enter, Some(&folder))
    }

    fn demo(block: Block, enter: &[String], folder: Option<&Path>) -> Branch {
        let base = block.base();
        let program = env!("CARGO_BIN_EXE_branchline");
        let mut words = enter.iter().map(String::as_str).chain([program]);
        let mut process = Command::new(words.next().expect("a program"))
            .args(words)
            .args(["demo", "--json", "--port-base", &base.to_string()])
            .args(folder.iter().flat_map(|folder| [Path::new("--dir"), folder]))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the branch starts");
        let stdout = process.stdout.take().expect("its output is a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the branch was not ready: {error}: {line:?}"));
        assert_eq!(ready["ready"], true, "{line}");
        let sip = ready["sip"]["udp"].as_str().expect("an address").parse().expect("an address");
        let mut branch =
            Branch { process, ready, sip, free: base + 600, earlier: 0, _block: block };
        // The last of them may be written after the demo said that it is ready, and is not to be taken for a test's.
        branch.until("the demo's own records", || (branch.records() >= DEMO_CALLS).then_some(()));
        branch.earlier = DEMO_CALLS;
        branch
    }

    /// A branch of the test's own making: `text` is its configuration below the section `[admin]`.
    pub fn run(text: &str, sip: &str) -> Branch {
        Branch::run_with(text, sip, &[])
    }

    /// The same with files beside the configuration. `@DIR@` is their folder, `@CARRIER@` and `@SECOND@` ports that are free,
    /// `@RTP_FIRST@` to `@RTP_LAST@` the ports for its sound.
    pub fn run_with(text: &str, sip: &str, files: &[(&str, &str)]) -> Branch {
        Branch::run_to(text, sip, files, None)
    }

    /// The same, whose log lines go into the file `log` of its folder where that is named.
    pub fn run_to(text: &str, sip: &str, files: &[(&str, &str)], log: Option<&str>) -> Branch {
        let block = Block::take();
        let base = block.base();
        let folder =
            std::env::temp_dir().join(format!("branchline-own-{}-{base}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let socket = folder.join("admin.sock");
        let text = format!(
            "[site]\ndata_dir = \"{0}/data\"\n[admin]\nsocket = \"{0}/admin.sock\"\n{1}",
            folder.display(),
            text.replace("@PORT@", &base.to_string())
                .replace("@RTP_FIRST@", &(base + RTP_OFFSETS.0).to_string())
                .replace("@RTP_LAST@", &(base + RTP_OFFSETS.1).to_string())
                .replace("@CARRIER@", &(base + 601).to_string())
                .replace("@SECOND@", &(base + 602).to_string())
                .replace("@DIR@", &folder.display().to_string())
        );
        // A machine that tests is late now and then; who tests what lateness does says so.
        let text = match text.contains("[limits]") {
            true => text,
            false => format!("{text}\n[limits]\nlateness_ms = 0\n"),
        };
        for (name, content) in files {
            std::fs::write(folder.join(name), content).expect("a file of the branch");
        }
        let config = folder.join("gateway.toml");
        std::fs::write(&config, text).expect("the configuration");
        let log = log.map(|name| std::fs::File::create(folder.join(name)).expect("a log file"));
        let process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["run", "-c", &config.display().to_string()])
            .stderr(log.map_or_else(Stdio::inherit, Stdio::from))
            .spawn()
            .expect("the branch starts");
        let sip = sip.replace("@PORT@", &base.to_string()).parse().expect("an address");
        let ready = serde_json::json!({
            "socket": socket.display().to_string(),
            "dir": folder.display().to_string(),
            "accounts": [],
        });
        let branch = Branch { process, ready, sip, free: base + 600, earlier: 0, _block: block };
        branch
            .until("the control socket", || std::os::unix::net::UnixStream::connect(&socket).ok());
        branch
    }

    /// Kills a branch of the test's own making, as a power cut would, and starts it again.
    pub fn kill_and_start_again(&mut self) {
        self.process.kill().expect("it is running");
        self.process.wait().expect("it can be waited for");
        let folder = self.folder();
        let socket = folder.join("admin.sock");
        self.process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["run", "-c", &folder.join("gateway.toml").display().to_string()])
            .spawn()
            .expect("the branch starts");
        self.until("the control socket", || std::os::unix::net::UnixStream::connect(&socket).ok());
    }

    /// Nothing in the box moves for so long, as when another program takes its processors.
    pub fn stands_still(&self, time: Duration) {
        let process = Pid::from_raw(self.process.id() as i32);
        kill(process, Signal::SIGSTOP).expect("it is running");
        std::thread::sleep(time);
        kill(process, Signal::SIGCONT).expect("it is there");
    }

    /// Something that the demo said when it was ready.
    #[allow(dead_code)]
    pub fn ready(&self, name: &str) -> &Value {
        &self.ready[name]
    }

    /// The demo's folder.
    pub fn folder(&self) -> PathBuf {
        PathBuf::from(self.ready["dir"].as_str().expect("a folder"))
    }

    /// A recording, opened with the keys that there are by now.
    pub fn opened(&self, file: &Path) -> Vec<u8> {
        self.opens(file).expect("a recording that can be opened")
    }

    /// The same of one that may not open.
    pub fn opens(&self, file: &Path) -> std::io::Result<Vec<u8>> {
        let keys = branchline::driver::journal::reading(&self.folder().join("data"));
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        let folder = file.parent().expect("a folder");
        let recording = name.parse().expect("a recording's id");
        Recording::open(folder, recording, &keys.expect("keys"))?.read(u64::MAX)
    }

    /// The address of `transport`.
    pub fn address(&self, transport: &str) -> SocketAddr {
        self.ready["sip"][transport].as_str().expect("an address").parse().expect("an address")
    }

    /// An account's password.
    pub fn password(&self, user: &str) -> String {
        let accounts = self.ready["accounts"].as_array().expect("a list of accounts");
        let account = accounts.iter().find(|account| account["user"] == user).expect("the account");
        account["password"].as_str().expect("a password").to_owned()
    }

    /// Asks the branch with its own command line.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let text = self.ask_text(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).expect("an answer in JSON")
    }

    /// The same of something that may be refused, which is nothing.
    pub fn answer(&self, arguments: &[&str]) -> Option<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(arguments)
            .arg("--json")
            .env("BRANCHLINE_SOCKET", self.ready["socket"].as_str().expect("a socket"))
            .output()
            .expect("the command line runs");
        let answer = || serde_json::from_slice(&output.stdout).expect("an answer in JSON");
        output.status.success().then(answer)
    }

    /// Asks or orders at the control socket what no command of ours does. Answers the reply.
    pub fn control(&self, command: &Value) -> Value {
        let socket = self.ready["socket"].as_str().expect("a socket");
        let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("it listens");
        writeln!(stream, "{command}").expect("it reads");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("an answer in JSON")
    }

    /// Whether the branch does something that gives no answer.
    pub fn orders(&self, arguments: &[&str]) -> bool {
        let output = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(arguments)
            .env("BRANCHLINE_SOCKET", self.ready["socket"].as_str().expect("a socket"))
            .output();
        output.expect("the command line runs").status.success()
    }

    /// The same for people. A box that has just started is asked until it has made its look-up store ready.
    pub fn ask_text(&self, arguments: &[&str]) -> String {
        self.until("an answer", || {
            let output = Command::new(env!("CARGO_BIN_EXE_branchline"))
                .args(arguments)
                .env("BRANCHLINE_SOCKET", self.ready["socket"].as_str().expect("a socket"))
                .output()
                .expect("the command line runs");
            let said = String::from_utf8_lossy(&output.stderr);
            if said.contains("the look-up store is being made ready") {
                return None;
            }
            assert!(output.status.success(), "{said}");
            Some(String::from_utf8(output.stdout).expect("text"))
        })
    }

    /// The newest call record once the test has made `count` of them.
    pub fn record(&self, count: usize) -> Value {
        let calls = self.until("call records", || {
            let calls = self.ask(&["calls"]);
            (calls.as_array().map_or(0, Vec::len) >= self.earlier + count).then_some(calls)
        });
        calls[0].clone()
    }

    /// How many call records the test has made.
    pub fn records(&self) -> usize {
        self.ask(&["calls"]).as_array().map_or(0, Vec::len) - self.earlier
    }

    /// Waits until `look` finds something.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < limit, "waited {PATIENCE:?} in vain for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where the scenario files are.
    pub fn scenario(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop/sipp").join(name)
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let folder = self.folder();
        assert!(folder.starts_with(std::env::temp_dir()));
        let _ = std::fs::remove_dir_all(folder);
    }
}
