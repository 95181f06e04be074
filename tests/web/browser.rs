//! Headless Chromium, driven over its DevTools protocol through a pair of pipes: no port, no library, no driver program.
//!
//! Its microphone beeps, or is a sound file that plays from the start, again and again.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::tab::Tab;

/// How long one command may take: pages build their whole bundle within it.
const COMMAND_TIME: Duration = Duration::from_secs(60);
/// Events that are kept for whoever asks: a page that complains for ever is not to fill the memory.
const MOST_EVENTS: usize = 10_000;
/// What a page asks that goes away meanwhile.
const GONE: i64 = -32_000;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A browser with nothing kept from before; ends with the test.
pub struct Browser {
    pipe: Rc<RefCell<Pipe>>,
    process: Child,
    folder: PathBuf,
}

impl Browser {
    /// Starts one whose microphone beeps. It takes the box's own certificate.
    pub fn start() -> Browser {
        Browser::start_in(&[], None, &[])
    }

    /// The same whose microphone hears a sound (a WAV file), again and again.
    pub fn that_hears(sound: &[u8]) -> Browser {
        Browser::start_in(&[], Some(sound), &[])
    }

    /// The same behind a command that puts it elsewhere.
    pub fn that_hears_in(enter: &[String], sound: &[u8]) -> Browser {
        Browser::start_in(enter, Some(sound), &[])
    }

    /// The same behind a command that puts it elsewhere, with options of its own.
    pub fn start_in(enter: &[String], sound: Option<&[u8]>, options: &[&str]) -> Browser {
        let name = format!(
            "branchline-browser-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let microphone = folder.join("microphone.wav");
        if let Some(sound) = sound {
            std::fs::write(&microphone, sound).expect("a microphone");
        }
        let hears = format!("--use-file-for-fake-audio-capture={}", microphone.display());
        // The browser reads at descriptor 3 and writes at 4.
        let line = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut words = enter.iter().map(String::as_str).chain(["sh"]);
        let mut process = Command::new(words.next().expect("a program"))
            .args(words)
            .args(["-c", line, "chromium", "--headless=new", "--remote-debugging-pipe"])
            .args(["--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--disable-extensions"])
            .args(["--hide-scrollbars", "--mute-audio", "--ignore-certificate-errors"])
            .args(["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"])
            // A network namespace has loopback alone, which ICE leaves out otherwise.
            .arg("--allow-loopback-in-peer-connection")
            .arg("--disable-features=WebRtcHideLocalIpsWithMdns,Translate,OptimizationHints")
            .args(sound.map(|_| hears))
            .args(options)
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromium starts; tests/run installs it");
        let to = process.stdin.take().expect("its input is a pipe");
        let from = told_by(process.stdout.take().expect("its output is a pipe"));
        let pipe = Pipe { to, from, asked: 0, events: Vec::new() };
        Browser { pipe: Rc::new(RefCell::new(pipe)), process, folder }
    }

    /// Somebody who has nothing in common with other people.
    pub fn person(&self) -> Person {
        let made = self.pipe.borrow_mut().ask(None, "Target.createBrowserContext", json!({}));
        let context = made["browserContextId"].as_str().expect("an id").to_owned();
        Person { pipe: self.pipe.clone(), context }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its children go with it once nobody talks to them any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Somebody at a browser, with cookies of their own.
pub struct Person {
    pipe: Rc<RefCell<Pipe>>,
    context: String,
}

impl Person {
    /// A new tab.
    pub fn tab(&self) -> Tab {
        let wanted = json!({ "url": "about:blank", "browserContextId": self.context });
        let made = self.pipe.borrow_mut().ask(None, "Target.createTarget", wanted);
        let wanted = json!({ "targetId": made["targetId"], "flatten": true });
        let attached = self.pipe.borrow_mut().ask(None, "Target.attachToTarget", wanted);
        let session = attached["sessionId"].as_str().expect("an id").to_owned();
        Tab::attached(self.pipe.clone(), session)
    }
}

/// The way to a browser and back.
pub struct Pipe {
    to: ChildStdin,
    from: Receiver<Value>,
    asked: u64,
    events: Vec<Value>,
}

impl Pipe {
    /// Has the browser do something, in a session or by itself, and answers what came of it.
    pub fn ask(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let mut question = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            question["sessionId"] = session.into();
        }
        let mut text = question.to_string().into_bytes();
        text.push(0);
        self.to.write_all(&text).expect("the browser listens");
        let limit = Instant::now() + COMMAND_TIME;
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            let told = self.from.recv_timeout(left);
            let told = told.unwrap_or_else(|_| panic!("{method}: the browser does not answer"));
            if told["id"] == id {
                // A page that goes away while it is asked answers nothing; whoever waits asks the next one.
                let gone = told["error"]["code"] == GONE && method == "Runtime.evaluate";
                assert!(gone || told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].clone();
            }
            if self.events.len() < MOST_EVENTS {
                self.events.push(told);
            }
        }
    }

    /// What has happened in a session since this was asked last.
    pub fn events_of(&mut self, session: &str) -> Vec<Value> {
        let own = |event: &Value| event["sessionId"] == session;
        let (mine, others) = std::mem::take(&mut self.events).into_iter().partition(own);
        self.events = others;
        mine
    }
}

/// Reads what the browser tells: JSON with a zero behind each.
fn told_by(output: impl std::io::Read + Send + 'static) -> Receiver<Value> {
    let (sender, told) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output);
        let mut text = Vec::new();
        while lines.read_until(0, &mut text).is_ok_and(|length| length > 0) {
            text.pop();
            let own = serde_json::from_slice(&text).expect("JSON");
            if sender.send(own).is_err() {
                return;
            }
            text.clear();
        }
    });
    told
}

/// Ten seconds of a tone, as a WAV file at 48 kHz.
pub fn tone(hertz: f64) -> Vec<u8> {
    const RATE: u32 = 48_000;
    let samples = (0..RATE * 10).map(|at| {
        let turn = std::f64::consts::TAU * hertz * f64::from(at) / f64::from(RATE);
        (turn.sin() * 8_000.0) as i16
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1u16, 1].map(u16::to_le_bytes).concat());
    file.extend([RATE, RATE * 2].map(u32::to_le_bytes).concat());
    file.extend([2u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}
