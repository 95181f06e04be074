//! The same page in Firefox (extended support release), driven over Marionette: an agent signs in, is called, answers by a key.
//!
//! Firefox gathers no candidates where there is loopback alone, so that the branch and the agent's home are networks of their
//! own. Without a sound card it has no Fourier transform either: what it says is looked at by frequency at the other end, what it
//! hears by its own measure of the energy of what arrives.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::branch::PATIENCE;
use crate::network::{Network, Town};
use crate::phones::Phone;
use crate::remote::{branch_in, place};

/// The port of its control, in a network where nothing else is.
const PORT: u16 = 2_828;
/// What its microphone hears.
const AGENT: f64 = 1_130.0;

/// A Firefox in a network; ends with the test.
struct Firefox {
    process: Child,
    /// What carries bytes to its control, which listens on that network's loopback alone.
    bridge: Child,
    to: ChildStdin,
    from: ChildStdout,
    asked: u64,
    folder: PathBuf,
}

impl Firefox {
    fn start(network: &Network) -> Firefox {
        let folder =
            std::env::temp_dir().join(format!("branchline-firefox-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let wishes = json!({
            "marionette.port": PORT,
            "media.navigator.streams.fake": true,
            "media.navigator.permission.disabled": true,
            "media.navigator.audio.fake_frequency": AGENT as u32,
            "media.peerconnection.ice.obfuscate_host_addresses": false,
            "network.manage-offline-status": false,
            "datareporting.policy.dataSubmissionEnabled": false,
            "app.update.enabled": false,
        });
        let lines = wishes.as_object().expect("wishes").iter();
        let lines = lines.map(|(name, value)| format!("user_pref(\"{name}\", {value});\n"));
        std::fs::write(folder.join("user.js"), lines.collect::<String>()).expect("its wishes");
        let process = network
            .command("firefox-esr")
            .args(["--headless", "--marionette", "--no-remote", "--profile"])
            .arg(&folder)
            .env("HOME", &folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("firefox-esr starts; tests/run installs it");
        let script = format!(
            "until exec 3<>/dev/tcp/127.0.0.1/{PORT}; do sleep 0.1; done; cat <&3 & exec cat >&3"
        );
        let mut bridge = network
            .command("bash")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("bash");
        let to = bridge.stdin.take().expect("a pipe");
        let from = bridge.stdout.take().expect("a pipe");
        let mut firefox = Firefox { process, bridge, to, from, asked: 0, folder };
        let hello = firefox.hear();
        assert_eq!(hello["marionetteProtocol"], 3, "{hello}");
        firefox.ask("WebDriver:NewSession", json!({ "acceptInsecureCerts": true }));
        firefox
    }

    /// `LENGTH:JSON`.
    fn hear(&mut self) -> Value {
        let (mut length, mut byte) = (0, [0]);
        loop {
            self.from.read_exact(&mut byte).expect("Firefox speaks");
            match byte[0] {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut text = vec![0; length];
        self.from.read_exact(&mut text).expect("Firefox speaks");
        serde_json::from_slice(&text).expect("JSON")
    }

    fn ask(&mut self, what: &str, with: Value) -> Value {
        self.asked += 1;
        let text = json!([0, self.asked, what, with]).to_string();
        write!(self.to, "{}:{text}", text.len()).expect("Firefox listens");
        self.to.flush().expect("Firefox listens");
        let answer = self.hear();
        assert!(answer[2].is_null(), "{what}: {}", answer[2]);
        answer[3].clone()
    }

    fn value(&mut self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.ask("WebDriver:ExecuteScript", json!({ "script": script, "args": [] }))["value"]
            .clone()
    }

    fn until(&mut self, what: &str, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != true {
            let text = self.value("document.body.innerText");
            assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types into what a selector finds.
    fn types(&mut self, into: &str, text: &str) {
        let id = self.find(into);
        self.ask("WebDriver:ElementSendKeys", json!({ "id": id, "text": text }));
    }

    fn clicks(&mut self, on: &str) {
        let id = self.find(on);
        self.ask("WebDriver:ElementClick", json!({ "id": id }));
    }

    fn find(&mut self, selector: &str) -> Value {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.ask("WebDriver:FindElement", wanted);
        found["value"].as_object().and_then(|own| own.values().next()).expect("an id").clone()
    }

    /// The energy of all that it has heard so far, by its own measure.
    fn heard(&mut self) -> f64 {
        let script = "const done = arguments[0]; (window.sessions ?? []).at(-1)?.getStats().then((all) => { let sum = 0; \
                      all.forEach((one) => { if (one.type === 'inbound-rtp') sum += one.totalAudioEnergy }); done(sum) }, \
                      () => done(0)) ?? done(0)";
        let wanted = json!({ "script": script, "args": [] });
        self.ask("WebDriver:ExecuteAsyncScript", wanted)["value"].as_f64().unwrap_or(0.0)
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        for process in [&mut self.bridge, &mut self.process] {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn firefox_answers_a_call_and_both_are_heard() {
    let town = Town::new();
    let branch = branch_in(&town);
    let (here, home) = (place(&branch, &town.branch), place(&branch, &town.home));
    let password = branch.password("201");
    let mut caller = Phone::registered_at(&here, "sip.js", "201", &password, 659.0);
    let mut firefox = Firefox::start(&town.home);
    firefox.ask("WebDriver:Navigate", json!({ "url": format!("https://{}", home.https) }));
    firefox.until("the form", "!!document.querySelector('input[name=name]')");
    // A steady tone is noise to what makes speech better.
    firefox.value("localStorage.setItem('branchline-cleaned', 'off')");
    let users = branch.ready("users").as_array().expect("users").clone();
    let ann = users.iter().find(|own| own["name"] == "ann").expect("Ann");
    firefox.types("input[name=name]", "ann");
    let enter = format!("{}\u{e007}", ann["password"].as_str().expect("text"));
    firefox.types("input[name=password]", &enter);
    firefox.until("the desk", "!!document.querySelector('input[role=switch]')");
    firefox.clicks("input[role=switch]");
    firefox.until("the channel", "document.body.innerText.includes('ring here too')");
    // So that the energy of what it hears can be asked for.
    firefox.value(
        "(() => { const own = RTCPeerConnection.prototype.createOffer; window.sessions = []; \
         RTCPeerConnection.prototype.createOffer = function (...all) { window.sessions.push(this); return own.apply(this, all) } \
         })()",
    );
    caller.run("phone.call('202')");
    firefox.until("the offer", "document.querySelectorAll('.ringing kbd').length === 2");
    firefox.types("body", "a");
    firefox.until("the call", "!!document.querySelector('.talking .controls')");
    caller.hears(AGENT);
    let before = firefox.heard();
    let begun = Instant::now();
    while firefox.heard() < before + 0.01 {
        assert!(begun.elapsed() < PATIENCE, "Firefox hears nothing: {before}");
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("Firefox is heard at {AGENT} Hz, and hears: energy {before:.4} and more");
    firefox.types("body", "h");
    let other = format!("Math.abs(phone.hears() - {AGENT}) > 15");
    caller.until("hold music instead", &other);
    firefox.types("body", "h");
    caller.hears(AGENT);
    caller.run("phone.hangUp()");
    firefox.until("the end", "!document.querySelector('.talking .controls')");
}
