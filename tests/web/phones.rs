//! SIP.js and JsSIP in Chromium: phones in a browser that others wrote, over SIP over WebSockets (RFC 7118).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::json;

use crate::branch::Branch;
use crate::browser::{Browser, Page};

/// Both phones and what the tests want of them, as one script.
static BUNDLE: LazyLock<String> = LazyLock::new(|| {
    let modules = root().join("target/phones/node_modules");
    let output = Command::new(modules.join(".bin/esbuild"))
        .arg(root().join("tests/web/phones.js"))
        .args(["--bundle", "--format=iife", "--define:global=window"])
        .env("NODE_PATH", &modules)
        .output()
        .expect("esbuild runs; tests/run installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tests/run installs the phones\n{said}");
    String::from_utf8(output.stdout).expect("a script is text")
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A phone in a browser of its own.
pub struct Phone {
    browser: Browser,
    page: Page,
}

impl Phone {
    /// One of a kind, `sip.js` or `jssip`, that has the demo's account `user`, registered; it says a tone of `hertz`.
    fn registered(branch: &Branch, kind: &str, user: &str, hertz: f64) -> Phone {
        let mut phone = Phone::new(branch, kind, user, &branch.password(user), hertz);
        phone.run("phone.register()");
        phone.until("a registration", "phone.registered");
        phone
    }

    fn new(branch: &Branch, kind: &str, user: &str, password: &str, hertz: f64) -> Phone {
        let https = branch.ready("https").as_str().expect("an address").to_owned();
        let mut browser = Browser::start(hertz);
        // The box's own origin; what is served there has a policy against scripts, which the browser is told to pass over.
        let page = browser.open(&format!("https://{https}/healthz"));
        browser.tell(&page, "Page.setBypassCSP", json!({"enabled": true}));
        browser.tell(&page, "Page.reload", json!({}));
        browser.until(&page, "the page", "document.readyState === 'complete'");
        browser.run(&page, &BUNDLE);
        let mut phone = Phone { browser, page };
        let server = format!("wss://{https}/sip");
        phone.run(&format!("phones.make('{kind}', '{server}', '{user}', '{password}')"));
        phone
    }

    fn run(&mut self, script: &str) -> serde_json::Value {
        self.browser.run(&self.page, script)
    }

    fn until(&mut self, what: &str, script: &str) {
        self.browser.until(&self.page, what, script);
    }

    /// Calls a number and waits until somebody answers.
    fn calls(&mut self, number: &str) {
        self.run(&format!("phone.call('{number}')"));
        self.until("an answer", "phone.talking");
    }

    /// Waits until it hears this tone.
    fn hears(&mut self, hertz: f64) {
        self.until(
            &format!("a tone of {hertz} Hz"),
            &format!("Math.abs(phone.hears() - {hertz}) < 15 && phone.stands({hertz}) > 20"),
        );
    }

    /// Waits until it hears something at all.
    fn hears_something(&mut self) {
        self.until("a sound", "phone.hears() > 0");
    }

    /// Waits until it hears nothing any more.
    fn hears_nothing(&mut self) {
        self.until("silence", "phone.hears() === 0");
    }
}

fn echo_and_ivr(kind: &str) {
    let branch = Branch::start();
    let mut phone = Phone::registered(&branch, kind, "201", 523.0);
    phone.calls("600");
    phone.hears(523.0);
    phone.run("phone.hangUp()");
    phone.until("the end", "phone.ended !== ''");
    phone.hears_nothing();
    phone.calls("500");
    phone.hears_something();
    phone.run("phone.press('9')");
    // 9 is the echo test.
    phone.hears(523.0);
    phone.run("phone.hangUp()");
    phone.until("the end", "phone.ended !== ''");
    let record = branch.record(2);
    assert_eq!(record["class"], "success", "{record}");
}

#[test]
fn sip_js_hears_itself_in_the_echo_and_presses_a_key_in_the_ivr() {
    echo_and_ivr("sip.js");
}

#[test]
fn jssip_hears_itself_in_the_echo_and_presses_a_key_in_the_ivr() {
    echo_and_ivr("jssip");
}
