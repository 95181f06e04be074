//! Chromium without a screen, driven over a pipe (Chrome DevTools Protocol): open a page, wait for what a person would see
//! there, press keys, take pictures.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::branch::PATIENCE;

/// A browser with nothing kept from before; ends with the test.
pub struct Browser {
    pipe: Rc<RefCell<Pipe>>,
    process: Child,
    folder: PathBuf,
}

struct Pipe {
    to: ChildStdin,
    from: Receiver<Value>,
    asked: u64,
    events: Vec<Value>,
}

impl Pipe {
    fn ask(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let mut question = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            question["sessionId"] = session.into();
        }
        let mut text = question.to_string().into_bytes();
        text.push(0);
        self.to.write_all(&text).expect("the browser listens");
        loop {
            let told = self.from.recv_timeout(PATIENCE);
            let told = told.unwrap_or_else(|_| panic!("{method}: the browser does not answer"));
            if told["id"] == id {
                // A page that goes away while it is asked answers nothing; whoever waits asks the next one.
                let gone = told["error"]["code"] == -32_000 && method == "Runtime.evaluate";
                assert!(gone || told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].clone();
            }
            self.events.push(told);
        }
    }
}

impl Browser {
    /// Starts one. It takes the box's own certificate, and has a microphone that beeps.
    pub fn start() -> Browser {
        Browser::with(&[], &[])
    }

    /// The same whose microphone hears a sound (a WAV file), again and again.
    pub fn that_hears(sound: &[u8]) -> Browser {
        Browser::that_hears_in(&[], sound)
    }

    /// The same behind a command that puts it elsewhere.
    pub fn that_hears_in(enter: &[String], sound: &[u8]) -> Browser {
        let name = format!("branchline-sound-{}.wav", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, sound).expect("a sound");
        Browser::with(enter, &[format!("--use-file-for-fake-audio-capture={}", file.display())])
    }

    fn with(enter: &[String], more: &[String]) -> Browser {
        let folder = std::env::temp_dir().join(format!(
            "branchline-browser-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let options = [
            "--headless=new",
            "--no-sandbox",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--ignore-certificate-errors",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            "--hide-scrollbars",
            "--mute-audio",
            // A network namespace has loopback alone, which ICE leaves out otherwise.
            "--allow-loopback-in-peer-connection",
            "--disable-features=WebRtcHideLocalIpsWithMdns,Translate,OptimizationHints",
            "--remote-debugging-pipe",
        ];
        // The browser reads at descriptor 3 and writes at 4.
        let line = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut words = enter.iter().map(String::as_str).chain(["sh"]);
        let mut process = Command::new(words.next().expect("a program"))
            .args(words)
            .args(["-c", line, "chromium"])
            .args(options)
            .args(more)
            .arg(format!("--user-data-dir={}", folder.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromium starts; tests/run installs it");
        let to = process.stdin.take().expect("its input is a pipe");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            while lines.read_until(0, &mut text).is_ok_and(|length| length > 0) {
                text.pop();
                let told = serde_json::from_slice(&text).expect("JSON");
                if sender.send(told).is_err() {
                    return;
                }
                text.clear();
            }
        });
        let pipe = Rc::new(RefCell::new(Pipe { to, from, asked: 0, events: Vec::new() }));
        Browser { pipe, process, folder }
    }

    /// A tab of somebody who has nothing in common with other people's.
    pub fn person(&self) -> Person {
        let made = self.ask("Target.createBrowserContext", json!({}));
        let context = made["browserContextId"].as_str().expect("an id").to_owned();
        Person { pipe: self.pipe.clone(), context }
    }

    fn ask(&self, method: &str, parameters: Value) -> Value {
        self.pipe.borrow_mut().ask(None, method, parameters)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
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
        let tab = Tab { pipe: self.pipe.clone(), session };
        for domain in ["Page.enable", "Runtime.enable", "Network.enable"] {
            tab.ask(domain, json!({}));
        }
        tab.size(1366, 768);
        tab
    }
}

/// A tab.
pub struct Tab {
    pipe: Rc<RefCell<Pipe>>,
    session: String,
}

impl Tab {
    fn ask(&self, method: &str, parameters: Value) -> Value {
        self.pipe.borrow_mut().ask(Some(&self.session), method, parameters)
    }

    /// How large the window is.
    pub fn size(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600
        });
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// Whether the system is dark.
    pub fn dark(&self, is: bool) {
        let value = if is { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        // Nothing is on its way from one colour to another when a picture is taken.
        let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        self.ask("Emulation.setEmulatedMedia", json!({ "features": [feature, still] }));
    }

    /// Has each page begin with a piece of script.
    pub fn begins_with(&self, script: &str) {
        self.ask("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// Loads the page anew, as F5 does.
    pub fn reload(&self) {
        self.value("window.before = true");
        self.ask("Page.reload", json!({}));
        self.until("the page anew", "!window.before && document.readyState === 'complete'");
    }

    /// Closes the tab.
    pub fn close(self) {
        self.ask("Page.close", json!({}));
    }

    /// Brings the tab to the front.
    pub fn to_front(&self) {
        self.ask("Page.bringToFront", json!({}));
    }

    /// Goes there.
    pub fn open(&self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url }));
        self.until(&format!("{url} has come"), "document.readyState === 'complete'");
    }

    /// What an expression has as its value.
    pub fn value(&self, expression: &str) -> Value {
        let wanted = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true
        });
        let told = self.ask("Runtime.evaluate", wanted);
        assert!(told["exceptionDetails"].is_null(), "{expression}: {}", told["exceptionDetails"]);
        told["result"]["value"].clone()
    }

    /// Waits until an expression is true, and answers its value.
    pub fn until(&self, what: &str, expression: &str) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.value(expression);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// All that can be read.
    pub fn text(&self) -> String {
        self.value("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until that can be read somewhere.
    pub fn sees(&self, words: &str) {
        self.until(words, &format!("document.body.innerText.includes({})", json!(words)));
    }

    /// Types, as a keyboard would, into whatever has the focus.
    pub fn types(&self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text }));
    }

    /// Presses a key, such as `Tab`, `Enter`, `a`; `Shift+Tab`, `Ctrl+k`.
    pub fn press(&self, key: &str) {
        let (with, name) =
            key.rsplit_once('+').filter(|(_, name)| !name.is_empty()).unwrap_or(("", key));
        let modifiers = match with {
            "Ctrl" => 2,
            "Shift" => 8,
            _ => 0,
        };
        let (code, text) = match name {
            "Enter" => (13, "\r".to_owned()),
            "Tab" => (9, String::new()),
            "Escape" => (27, String::new()),
            "ArrowDown" => (40, String::new()),
            "ArrowUp" => (38, String::new()),
            " " => (32, " ".to_owned()),
            letter => (u32::from(letter.as_bytes()[0].to_ascii_uppercase()), letter.to_owned()),
        };
        let text = if modifiers == 2 { String::new() } else { text };
        let down = json!({
            "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": name, "text": text,
            "modifiers": modifiers, "windowsVirtualKeyCode": code
        });
        self.ask("Input.dispatchKeyEvent", down);
        let up = json!({
            "type": "keyUp", "key": name, "modifiers": modifiers, "windowsVirtualKeyCode": code
        });
        self.ask("Input.dispatchKeyEvent", up);
    }

    /// Presses `Tab` until what has the focus is called so, as somebody without a mouse would.
    pub fn tab_to(&self, name: &str) {
        let called = "(() => { const e = document.activeElement; return (e.ariaLabel || e.labels?.[0]?.innerText || \
                      e.innerText || '').trim() })()";
        let mut passed = Vec::new();
        for _ in 0..80 {
            let own = self.value(called).as_str().unwrap_or_default().to_owned();
            if own.starts_with(name) {
                return;
            }
            passed.push(own);
            self.press("Tab");
        }
        panic!("no way to {name} by Tab: {passed:?}");
    }

    /// Clicks on the button or the link that is called so.
    pub fn click(&self, name: &str) {
        let find = format!(
            "(() => {{ const called = (e) => (e.ariaLabel || e.innerText || '').trim(); const all = \
             [...document.querySelectorAll('button, a[href], summary')].filter((e) => e.checkVisibility() && \
             !e.disabled && called(e).startsWith({0})); const same = all.filter((e) => called(e) === {0}); \
             const own = same.length ? same : all; const at = own.findLast((e) => e.closest('dialog')) ?? own[0]; \
             if (!at) return false; at.click(); return true }})()",
            json!(name)
        );
        self.until(&format!("something to click: {name}"), &find);
    }

    /// Clicks with the mouse on the button, box or link that is called so, where it is and as somebody would who sees it.
    pub fn points_at(&self, name: &str) {
        let find = format!(
            "(() => {{ const called = (e) => (e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || '').trim(); const all \
             = [...document.querySelectorAll('button, a[href], summary, input[type=checkbox]')].filter((e) => \
             e.checkVisibility() && !e.disabled && called(e).startsWith({0})); const same = all.filter((e) => called(e) === \
             {0}); const own = same.length ? same : all; const at = own.findLast((e) => e.closest('dialog')) ?? own[0]; if \
             (!at) return false; at.scrollIntoView({{ block: 'nearest' }}); const r = at.getBoundingClientRect(); const [x, y] \
             = [r.x + r.width / 2, r.y + r.height / 2]; const there = document.elementFromPoint(x, y); return \
             at.contains(there) || [...(at.labels ?? [])].some((e) => e.contains(there)) ? [x, y] : false }})()",
            json!(name)
        );
        let at = self.until(&format!("something to point at: {name}"), &find);
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 1)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            self.ask(
                "Input.dispatchMouseEvent",
                json!({
                    "type": kind, "x": at[0], "y": at[1], "button": button, "buttons": buttons, "clickCount": 1
                }),
            );
        }
    }

    /// Fills in the field with this label.
    pub fn fill(&self, label: &str, text: &str) {
        let find = format!(
            "(() => {{ const own = [...document.querySelectorAll('label')].findLast((e) => e.checkVisibility() && \
             e.innerText.trim().startsWith({0})); const at = own?.control; if (!at) return false; at.focus(); \
             at.select?.(); return true }})()",
            json!(label)
        );
        self.until(&format!("a field: {label}"), &find);
        self.types(text);
    }

    /// A picture of what is seen.
    pub fn picture(&self, path: &Path) {
        let told = self.ask("Page.captureScreenshot", json!({ "format": "png" }));
        let data = told["data"].as_str().expect("a picture");
        let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data);
        std::fs::write(path, data.expect("base64")).expect("it can be written");
    }

    /// The same as WebP, which is small enough to be kept.
    pub fn small_picture(&self, path: &Path) {
        let wanted = json!({ "format": "webp", "quality": 82 });
        let told = self.ask("Page.captureScreenshot", wanted);
        let data = told["data"].as_str().expect("a picture");
        let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data);
        std::fs::write(path, data.expect("base64")).expect("it can be written");
    }

    /// What the page has complained of since it was asked last: scripts that failed, and what its own policy forbade.
    pub fn complaints(&self) -> Vec<String> {
        self.value("1");
        let mut pipe = self.pipe.borrow_mut();
        let own = |event: &Value| event["sessionId"] == self.session.as_str();
        let (mine, others) =
            std::mem::take(&mut pipe.events).into_iter().partition::<Vec<_>, _>(own);
        pipe.events = others;
        let wrong = mine.iter().filter(|event| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        });
        wrong.map(|event| event["params"].to_string()).collect()
    }

    /// What axe finds wrong with the page as it is.
    pub fn axe(&self) -> Vec<String> {
        let bin = Path::new(env!("CARGO_BIN_EXE_branchline"));
        let target = bin.ancestors().nth(2).expect("target");
        let axe = target.join("node/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe).unwrap_or_else(|error| panic!("{axe:?}: {error}"));
        self.value(&format!("{axe}; true"));
        let run = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', \
                   'best-practice'] }).then((all) => all.violations.map((own) => own.id + ': ' + own.help + ': ' + \
                   own.nodes.map((at) => at.target.join(' ') + ' ' + (at.any[0]?.message ?? '')).join('; ')))";
        let found = self.value(run);
        found.as_array().expect("a list").iter().map(ToString::to_string).collect()
    }
}
