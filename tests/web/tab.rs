//! A tab of the browser, and what a person does at it: open a page, wait for what they would see there, press keys, point,
//! take pictures.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::branch::PATIENCE;
use crate::browser::Pipe;

/// A tab.
pub struct Tab {
    pipe: Rc<RefCell<Pipe>>,
    session: String,
}

impl Tab {
    /// A tab whose session this is, as wide as a laptop's window.
    pub fn attached(pipe: Rc<RefCell<Pipe>>, session: String) -> Tab {
        let tab = Tab { pipe, session };
        for domain in ["Page.enable", "Runtime.enable", "Network.enable"] {
            tab.ask(domain, json!({}));
        }
        tab.size(1366, 768);
        tab
    }

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

    /// Lets scripts run that the page's own policy forbids: for what the tests bring along.
    pub fn passes_over_its_policy(&self) {
        self.ask("Page.setBypassCSP", json!({ "enabled": true }));
        self.reload();
    }

    /// What an expression has as its value; promises are waited for.
    pub fn value(&self, expression: &str) -> Value {
        let short: String = expression.chars().take(400).collect();
        self.try_value(expression).unwrap_or_else(|wrong| panic!("{wrong}\nin {short}"))
    }

    /// The same of one that may fail.
    pub fn try_value(&self, expression: &str) -> Result<Value, String> {
        let wanted = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true
        });
        let told = self.ask("Runtime.evaluate", wanted);
        match told.get("exceptionDetails") {
            None => Ok(told["result"]["value"].clone()),
            Some(wrong) => {
                let said = wrong["exception"]["description"].as_str();
                Err(said.or(wrong["text"].as_str()).unwrap_or("it failed").to_owned())
            }
        }
    }

    /// Waits until an expression is true, and answers its value.
    pub fn until(&self, what: &str, expression: &str) -> Value {
        self.comes_true(expression)
            .unwrap_or_else(|last| panic!("waited in vain for: {what}: {last}\n{}", self.text()))
    }

    /// The same; what it was last where it does not come true.
    pub fn comes_true(&self, expression: &str) -> Result<Value, String> {
        let begun = Instant::now();
        loop {
            let last = match self.try_value(expression) {
                Ok(value @ (Value::Null | Value::Bool(false))) => value.to_string(),
                Ok(value) => return Ok(value),
                Err(wrong) => wrong,
            };
            if begun.elapsed() > PATIENCE {
                return Err(last);
            }
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
            "ArrowLeft" => (37, String::new()),
            "ArrowRight" => (39, String::new()),
            "Home" => (36, String::new()),
            "End" => (35, String::new()),
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
        self.clicks_at(&at);
    }

    /// Clicks with the mouse at a place of the window: its distance from the left and from above.
    pub fn clicks_at(&self, at: &Value) {
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
        self.shoot(path, json!({ "format": "png" }));
    }

    /// The same as WebP, which is small enough to be kept.
    pub fn small_picture(&self, path: &Path) {
        self.shoot(path, json!({ "format": "webp", "quality": 82 }));
    }

    fn shoot(&self, path: &Path, wanted: Value) {
        let told = self.ask("Page.captureScreenshot", wanted);
        let data = told["data"].as_str().expect("a picture");
        let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data);
        std::fs::write(path, data.expect("base64")).expect("it can be written");
    }

    /// What the page has complained of since it was asked last: scripts that failed, and what its own policy forbade.
    pub fn complaints(&self) -> Vec<String> {
        self.value("1");
        let mine = self.pipe.borrow_mut().events_of(&self.session);
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
