//! A branch in a network of its own, whose line to head office is cut, loses datagrams, and has another address afterwards.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use branchline::driver::{files, journal};
use serde_json::Value;

use self::network::{RELAY, Town};
use super::*;
use crate::out;

#[path = "../../web/network.rs"]
#[allow(dead_code)]
mod network;

const PROGRAM: &str = env!("CARGO_BIN_EXE_branchline");
/// Where the hub is in its network.
const PORT: u16 = 7_443;

/// Ends with the test.
struct Process(Child);

impl Process {
    fn end(mut self) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("small"));
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).expect("it is there");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The line, as `branchline uplink --json` shows it.
fn line(socket: &Path) -> Value {
    let output = Command::new(PROGRAM).args(["uplink", "--json", "--socket"]).arg(socket).output();
    serde_json::from_slice(&output.expect("the command").stdout).unwrap_or_default()
}

fn wait_until(what: &str, socket: &Path, is: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let line = line(socket);
        if is(&line) {
            return line;
        }
        assert!(begun.elapsed() < 2 * PATIENCE, "{what} took too long: {line:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_home(line: &Value) -> bool {
    line["up"] == true && line["backlog"] == 0 && line["arrived"].as_u64() > Some(0)
}

/// Calls in as the carrier, and hangs up.
fn call(town: &Town) {
    let mut sipp = town.branch.command("sipp");
    sipp.args(["-sn", "uac", "-s", "+15550100", "127.0.0.1:15060", "-m", "1", "-d", "500"]);
    sipp.args(["-i", "127.0.0.1", "-timeout", "30s", "-nostdin"]);
    let done = sipp.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(done.expect("sipp; tests/run installs it").success(), "the call did not go through");
}

/// Says something in the chat of the branch's page; it is on the box's disk then.
fn chat(town: &Town, page: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/uplink/line/chat.py");
    let mut visitor = town.branch.command("python3");
    let output = visitor.args([script, page, "Is it ready?"]).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn while_the_line_is_cut_calls_go_on_and_head_office_learns_of_them_from_another_address() {
    let folder = Folder::new("town");
    let (dir, home) = (folder.0.join("hub"), folder.0.join("demo"));
    let town = Town::new();
    let mut hub = town.relay.command(PROGRAM);
    hub.args(["hub", "--listen", &format!("{RELAY}:{PORT}"), "--dir"]).arg(&dir);
    let hub = Process(hub.stdout(Stdio::null()).spawn().expect("the hub"));
    let token = Command::new(PROGRAM).args(["hub", "token", "berne", "--dir"]).arg(&dir).output();
    let token = String::from_utf8(token.expect("a token").stdout).expect("text");
    let mut demo = town.branch.command(PROGRAM);
    demo.args(["demo", "--json", "--hub", &format!("{RELAY}:{PORT}"), "--token", token.trim()]);
    let mut demo = demo.arg("--dir").arg(&home).stdout(Stdio::piped()).spawn().expect("a demo");
    let mut ready = String::new();
    BufReader::new(demo.stdout.take().expect("its output")).read_line(&mut ready).expect("a line");
    let ready: Value = serde_json::from_str(&ready).expect("it is ready");
    let demo = Process(demo);
    let socket = PathBuf::from(ready["socket"].as_str().expect("a socket"));
    let before = wait_until("the demo's own call", &socket, is_home);
    let arrived = before["arrived"].as_u64();
    // Cut: calls, texts and chats pass as before, and what is said of them waits.
    town.router.run("iptables -I FORWARD -j DROP");
    call(&town);
    chat(&town, ready["chat"].as_str().expect("a page with the chat"));
    let texts = ready["texts"].as_str().expect("a SIM");
    fs::write(texts, "+14085551200 Is it ready?\n").expect("a text");
    let cut = wait_until("a backlog", &socket, |line| line["backlog"].as_u64() > Some(3));
    assert_eq!(cut["arrived"].as_u64(), arrived, "it was not cut");
    // Back, with a twentieth of all datagrams lost, and the box at another address.
    town.router.run("iptables -D FORWARD -j DROP");
    for way in ["-i", "-o"] {
        let lost = "-m statistic --mode random --probability 0.05 -j DROP";
        town.router.run(&format!("iptables -A FORWARD -p udp {way} branch {lost}"));
    }
    town.move_branch();
    call(&town);
    let after = wait_until("everything at the hub", &socket, |line| {
        is_home(line) && line["arrived"].as_u64() > cut["arrived"].as_u64()
    });
    println!(
        "route {}, line since {} (before {})",
        after["route"], after["since"], before["since"]
    );
    demo.end();
    hub.end();
    let ready = files::load(&home.join("gateway.toml")).expect("its configuration");
    let settings = ready.checked.loaded.settings;
    let outward = journal::leaving(&settings).expect("its policy");
    let data = home.join("data");
    let outward = outward.outward(&journal::reading(&data).expect("keys"));
    let kept = kept(&Embedded::open(&dir).expect("an engine"), "berne");
    for (expected, (number, _)) in (1..).zip(&kept) {
        assert_eq!(*number, expected, "without gap, none twice");
    }
    let upto = after["arrived"].as_u64().expect("a number");
    assert!(kept.len() as u64 >= upto, "{} of {upto}", kept.len());
    // What the box wrote when it ended it tells the next time.
    let said = out::filtered_by(&data, &outward, kept.len());
    let at_hub = out::hashed(kept.into_iter().map(|(_, event)| event));
    println!("{} events: journal {}, hub {}", at_hub.1, said.0, at_hub.0);
    assert_eq!(at_hub, said);
}
