//! The carrier: npm `smpp`, in a process that outlives the box.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use serde_json::{Value, json};

use super::seen::Seen;

/// The program, and what it says that the box has not answered for.
pub struct Carrier {
    process: Child,
    orders: Mutex<ChildStdin>,
    open: Arc<Mutex<BTreeSet<String>>>,
}

fn held(open: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Carrier {
    /// At that port.
    pub fn new(port: u16, seen: Arc<Seen>) -> Carrier {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/smpp");
        let tools = std::env::var_os("BRANCHLINE_SMPP").map_or_else(|| own.into(), PathBuf::from);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durability/messages/carrier.js");
        let mut process = Command::new("node")
            .args([script, &port.to_string()])
            .env("SMPP_TOOLS", tools)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs; tests/run installs it");
        let lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let orders = Mutex::new(process.stdin.take().expect("its input is a pipe"));
        let open = Arc::<Mutex<BTreeSet<String>>>::default();
        let (ready, is_ready) = mpsc::channel();
        let answered = open.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let said: Value = serde_json::from_str(&line).expect("JSON");
                let text = |name: &str| said[name].as_str().expect("text").to_owned();
                match text("event").as_str() {
                    "ready" => ready.send(()).expect("it is waited for"),
                    "submitted" => seen.given(&text("text")),
                    "refused" => seen.refused(said["status"].as_u64().expect("a status")),
                    "answered" if held(&answered).remove(&text("key")) => seen.answered(),
                    _ => {}
                }
            }
        });
        is_ready.recv().expect("it listens");
        Carrier { process, orders, open }
    }

    /// Somebody writes; the text comes in parts where it is long.
    pub fn write(&self, from: &str, text: &str, reference: u8) {
        // Plain letters, of which 153 go into each part.
        let parts: Vec<&str> = match text.len() {
            ..=160 => vec![text],
            _ => text
                .as_bytes()
                .chunks(153)
                .map(|part| str::from_utf8(part).expect("letters"))
                .collect(),
        };
        for (number, part) in parts.iter().enumerate() {
            let key = format!("{text:.6} {number}");
            let mut order = json!({
                "key": key, "text": part, "source_addr": from.trim_start_matches('+'),
                "source_addr_ton": 1, "destination_addr": "15550100",
            });
            if parts.len() > 1 {
                let (whole, number) = (parts.len(), number + 1);
                order["udh"] = json!(format!("050003{reference:02x}{whole:02x}{number:02x}"));
            }
            held(&self.open).insert(key);
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(orders, "{order}").expect("it listens");
        }
    }

    /// Parts that the box has not answered for.
    pub fn open(&self) -> usize {
        held(&self.open).len()
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
