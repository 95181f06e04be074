//! The demo, with many people and a number that leads straight into a queue.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long an expected thing may take to show.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PROGRAM: &str = env!("CARGO_BIN_EXE_branchline");
const PORT: &str = "26000";
/// What is dialled to be in the queue at once.
pub const NUMBER: &str = "+15550102";

pub struct Branch {
    process: Child,
    folder: PathBuf,
    ready: Value,
    /// `https://HOST:PORT`.
    pub url: String,
    pub sip: SocketAddr,
}

impl Branch {
    pub fn start(people: usize) -> Branch {
        let folder = std::env::temp_dir().join(format!("branchline-page-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut demo = Command::new(PROGRAM)
            .args(["demo", "--json", "--port-base", PORT, "--dir"])
            .arg(&folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the demo starts");
        let mut line = String::new();
        let told = demo.stdout.take().expect("its output is a pipe");
        BufReader::new(told).read_line(&mut line).expect("its output can be read");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        // Its configuration and its users stay; a number is added to what it made.
        end(&mut demo);
        let config = folder.join("gateway.toml");
        let text = std::fs::read_to_string(&config).expect("its configuration");
        let mut text = with_ports(&text);
        write!(text, "\n[[inbound]]\nnumber = \"{NUMBER}\"\nto = \"queue:support\"\n")
            .expect("text");
        std::fs::write(&config, text).expect("its configuration");
        let process = Command::new(PROGRAM).arg("run").arg("-c").arg(&config).spawn();
        let text = |name: &str| ready[name].as_str().expect("text").to_owned();
        let url = format!("https://{}", text("https"));
        let sip = ready["sip"]["udp"].as_str().and_then(|text| text.parse().ok());
        let sip = sip.expect("an address");
        let branch = Branch { process: process.expect("it starts"), folder, url, sip, ready };
        let socket = branch.folder.join("admin.sock");
        let limit = Instant::now() + PATIENCE;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < limit, "the box does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        branch.take_up(people);
        branch
    }

    fn take_up(&self, people: usize) {
        let mut text = "name,phone,company\n".to_owned();
        for person in 0..people {
            writeln!(text, "Customer {person},{},Company {}", phone(person), person % 1_000)
                .expect("text");
        }
        let file = self.folder.join("people.csv");
        std::fs::write(&file, text).expect("a file");
        let began = Instant::now();
        // The store is being opened when the box answers already.
        let import = || {
            let mut import = Command::new(PROGRAM);
            import.args(["contact", "import", "--source", "bench"]).arg(&file);
            import.arg("--socket").arg(self.folder.join("admin.sock")).stderr(Stdio::null());
            import.status().is_ok_and(|status| status.success())
        };
        while !import() {
            assert!(began.elapsed() < PATIENCE, "nobody is taken up");
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("{people} people taken up in {:.0} s", began.elapsed().as_secs_f64());
    }

    /// The password of somebody who is called so in a list.
    pub fn password(&self, list: &str, key: &str, name: &str) -> String {
        let all = self.ready[list].as_array().expect("a list");
        let own = all.iter().find(|own| own[key] == name).expect("somebody");
        own["password"].as_str().expect("text").to_owned()
    }
}

/// The demo's ports for audio rest for ten seconds after a call, and are enough for ten calls a second: these are more.
fn with_ports(text: &str) -> String {
    let wider = |line: &str| match line.starts_with("port_max") {
        true => "port_max = 31999".to_owned(),
        false => line.to_owned(),
    };
    text.lines().map(wider).collect::<Vec<_>>().join("\n")
}

/// The number of a person.
pub fn phone(person: usize) -> String {
    format!("+4930{}", 10_000_000 + person)
}

fn end(process: &mut Child) {
    let _ = kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM);
    process.wait().expect("it ends");
}

impl Drop for Branch {
    fn drop(&mut self) {
        end(&mut self.process);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
