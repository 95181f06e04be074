//! The receiver's process, and who it is.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// The secret, and the one before.
pub const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// See [`NEW`].
pub const OLD: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// A certificate for 127.0.0.1 that proves itself, and its key.
pub fn identity() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a key");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// A Python of tests/run.
pub fn python() -> Command {
    let folder = std::env::var("BRANCHLINE_PYTHON")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target/python").to_owned());
    let mut python = Command::new(format!("{folder}/bin/python3"));
    // Programs beside each other leave nothing compiled among the sources.
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// A receiver in a process of its own; ends with the test.
pub struct Receiver {
    process: Child,
    orders: ChildStdin,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Starts one that checks with `secret` and does as `mode` says. `folder` has its certificate and key.
    pub fn start(folder: &Path, port: u16, secret: &str, mode: &str) -> Receiver {
        Receiver::run("receiver.py", folder, port, &[secret, mode])
    }

    /// Starts a program beside this one.
    pub fn run(program: &str, folder: &Path, port: u16, more: &[&str]) -> Receiver {
        let mut process = python()
            .arg(format!("{}/tests/hooks/{program}", env!("CARGO_MANIFEST_DIR")))
            .arg(port.to_string())
            .args([folder.join("receiver.pem"), folder.join("receiver.key")])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs; tests/run installs it");
        let orders = process.stdin.take().expect("its input is a pipe");
        let mut output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let mut ready = String::new();
        output.read_line(&mut ready).expect("its output can be read");
        assert!(ready.contains("ready"), "{ready:?}");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).expect("JSON");
                kept.lock().expect("lines").push(value);
            }
        });
        Receiver { process, orders, lines }
    }

    /// Does otherwise from here on.
    pub fn becomes(&mut self, mode: &str) {
        writeln!(self.orders, "{mode}").expect("it listens");
    }

    /// Everything that it has said.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().expect("lines").clone()
    }

    /// Messages that came, each time that they came. Each was signed, and would not have passed as another.
    pub fn messages(&self) -> Vec<Value> {
        let lines = self.lines.lock().expect("lines");
        let messages: Vec<_> =
            lines.iter().filter(|line| line["id"].is_string()).cloned().collect();
        for message in &messages {
            assert_eq!((&message["good"], &message["forged"]), (&true.into(), &false.into()));
            assert_eq!(message["path"], "/in", "nothing is sent to where it was told to go");
        }
        messages
    }

    /// Events in the order in which they came first.
    pub fn events(&self) -> Vec<Value> {
        let mut seen = BTreeSet::new();
        let messages = self.messages();
        let events = messages
            .iter()
            .flat_map(|message| message["body"]["events"].as_array().expect("events").clone());
        events.filter(|event| seen.insert(event["id"].to_string())).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Demands that events are whole and in order: the agent paused, went on, paused, and records only go up.
pub fn in_order(events: &[Value]) {
    rising(events);
    let states: Vec<_> = events.iter().map(|event| event["data"]["presence"].clone()).collect();
    assert!(states.windows(2).all(|two| two[0] != two[1]), "{states:?}");
}

/// Demands that their records go up.
pub fn rising(events: &[Value]) {
    let record = |event: &Value| -> u64 {
        let id = event["id"].as_str().expect("an id");
        id.rsplit('-').next().expect("a number").parse().expect("a number")
    };
    let records: Vec<_> = events.iter().map(record).collect();
    assert!(records.is_sorted(), "{records:?}");
}
