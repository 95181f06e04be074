//! Headless Chromium, driven over its DevTools protocol through a pair of pipes: no port, no library, no driver program.
//!
//! Its microphone is a sound file that plays from the start, again and again. What it hears is looked at in the page, with
//! the Fourier transform that browsers bring along.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::branch::PATIENCE;

/// How long one command may take: pages build their whole bundle within it.
const COMMAND_TIME: Duration = Duration::from_secs(60);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A browser; ends with the test.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    events: VecDeque<Value>,
    next: u64,
    folder: PathBuf,
}

/// One page of it.
pub struct Page {
    session: String,
}

impl Browser {
    /// Starts one whose microphone is a tone of so many hertz; silence for 0.
    pub fn start(hertz: f64) -> Browser {
        Browser::start_in(&[], hertz)
    }

    /// The same behind a command that puts it elsewhere.
    pub fn start_in(enter: &[String], hertz: f64) -> Browser {
        let folder = std::env::temp_dir().join(format!(
            "branchline-browser-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let microphone = folder.join("microphone.wav");
        std::fs::write(&microphone, tone(hertz)).expect("a microphone");
        // Chromium reads commands from descriptor 3 and answers at 4.
        let script = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut words = enter.iter().map(String::as_str).chain(["sh"]);
        let mut process = Command::new(words.next().expect("a program"))
            .args(words)
            .args(["-c", script, "sh", "chromium", "--headless=new", "--remote-debugging-pipe"])
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--mute-audio", "--disable-background-networking", "--disable-extensions"])
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .arg(format!("--use-file-for-fake-audio-capture={}", microphone.display()))
            .args(["--autoplay-policy=no-user-gesture-required", "--ignore-certificate-errors"])
            // A network namespace has loopback alone, which ICE leaves out otherwise.
            .args(["--allow-loopback-in-peer-connection"])
            .arg("--disable-features=WebRtcHideLocalIpsWithMdns,Translate,OptimizationHints")
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromium starts; tests/run installs it");
        let commands = process.stdin.take().expect("a pipe");
        let mut answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while answers.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
                bytes.pop();
                let message = serde_json::from_slice(&bytes);
                if message.is_ok_and(|message| sender.send(message).is_err()) {
                    return;
                }
                bytes.clear();
            }
        });
        Browser { process, commands, messages, events: VecDeque::new(), next: 0, folder }
    }

    /// A page at an address.
    pub fn open(&mut self, url: &str) -> Page {
        let target = self.command(None, "Target.createTarget", json!({"url": "about:blank"}));
        let id = target["targetId"].as_str().expect("a target").to_owned();
        let attached =
            self.command(None, "Target.attachToTarget", json!({"targetId": id, "flatten": true}));
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let page = Page { session };
        self.tell(&page, "Page.enable", json!({}));
        self.tell(&page, "Runtime.enable", json!({}));
        self.tell(&page, "Page.navigate", json!({"url": url}));
        self.until(
            &page,
            "the page",
            "document.readyState === 'complete' && location.href !== 'about:blank'",
        );
        page
    }

    /// Whatever the protocol has, of a page.
    pub fn tell(&mut self, page: &Page, method: &str, parameters: Value) -> Value {
        let session = page.session.clone();
        self.command(Some(&session), method, parameters)
    }

    /// What a piece of script comes to; promises are waited for.
    pub fn run(&mut self, page: &Page, script: &str) -> Value {
        match self.try_run(page, script) {
            Ok(value) => value,
            Err(wrong) => panic!("{wrong}\nin {}", script.chars().take(400).collect::<String>()),
        }
    }

    /// The same of one that may fail.
    pub fn try_run(&mut self, page: &Page, script: &str) -> Result<Value, String> {
        let parameters = json!({
            "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true
        });
        let result = self.tell(page, "Runtime.evaluate", parameters);
        match result.get("exceptionDetails") {
            None => Ok(result["result"]["value"].clone()),
            Some(wrong) => {
                let said = wrong["exception"]["description"].as_str();
                Err(said.or(wrong["text"].as_str()).unwrap_or("it failed").to_owned())
            }
        }
    }

    /// Waits until a piece of script is true.
    pub fn until(&mut self, page: &Page, what: &str, script: &str) {
        let limit = Instant::now() + PATIENCE;
        loop {
            match self.try_run(page, script) {
                Ok(Value::Bool(true)) => return,
                last if Instant::now() > limit => {
                    let log = self.try_run(page, "JSON.stringify(window.heardOf || [])");
                    let state = self.try_run(page, "window.phone && phone.describe()");
                    panic!("{what} did not come: {last:?}\n{log:?}\n{state:?}");
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The page as it looks.
    #[allow(dead_code)]
    pub fn picture(&mut self, page: &Page, file: &Path) {
        use base64::Engine as _;
        let shot = self.tell(page, "Page.captureScreenshot", json!({"format": "png"}));
        let data = shot["data"].as_str().expect("a picture");
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
        std::fs::write(file, bytes).expect("the picture is kept");
    }

    /// What has happened in the browser since this was last asked.
    #[allow(dead_code)]
    pub fn events(&mut self) -> Vec<Value> {
        self.events.extend(self.messages.try_iter());
        self.events.drain(..).collect()
    }

    fn command(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut command = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).expect("the browser reads");
        let limit = Instant::now() + COMMAND_TIME;
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            let Ok(message) = self.messages.recv_timeout(left) else {
                panic!("the browser does not answer {method}");
            };
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            if message.get("method").is_some() && self.events.len() < 10_000 {
                self.events.push_back(message);
            }
        }
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
