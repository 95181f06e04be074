//! SIP.js and JsSIP in Chromium: phones in a browser that others wrote, over SIP over WebSockets (RFC 7118).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::branch::Branch;
use crate::browser::{self, Browser};
use crate::tab::Tab;

/// Both phones and what the tests want of them, as one script.
pub static BUNDLE: LazyLock<String> = LazyLock::new(|| {
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

/// Where a browser is, and where it finds the branch.
pub struct Place {
    /// What is put in front of a command that is to run there.
    pub enter: Vec<String>,
    /// The branch's HTTPS.
    pub https: String,
}

impl Place {
    /// Where the branch itself is.
    pub fn beside(branch: &Branch) -> Place {
        let https = branch.ready("https").as_str().expect("an address").to_owned();
        Place { enter: Vec::new(), https }
    }
}

/// A phone in a browser of its own.
pub struct Phone {
    pub tab: Tab,
    /// As long as the tab.
    _browser: Browser,
}

impl Phone {
    /// One of a kind, `sip.js` or `jssip`, that has the demo's account `user`, registered; it says a tone of `hertz`.
    pub fn registered(branch: &Branch, kind: &str, user: &str, hertz: f64) -> Phone {
        Phone::registered_at(&Place::beside(branch), kind, user, &branch.password(user), hertz)
    }

    /// The same anywhere.
    pub fn registered_at(
        place: &Place,
        kind: &str,
        user: &str,
        password: &str,
        hertz: f64,
    ) -> Phone {
        let mut phone = Phone::page_at(place, hertz);
        let server = format!("wss://{}/sip", place.https);
        phone.run(&format!("phones.make('{kind}', '{server}', '{user}', '{password}')"));
        phone.run("phone.register()");
        phone.until("a registration", "phone.registered");
        phone
    }

    /// A page of the box's with the phones in it, and nobody in them.
    pub fn page_at(place: &Place, hertz: f64) -> Phone {
        let microphone = browser::tone(hertz);
        // A phone that others wrote plays what it hears without being asked to.
        let plays = "--autoplay-policy=no-user-gesture-required";
        let browser = Browser::start_in(&place.enter, Some(&microphone), &[plays]);
        let tab = browser.person().tab();
        // The box's own origin.
        tab.open(&format!("https://{}/healthz", place.https));
        tab.passes_over_its_policy();
        tab.value(&BUNDLE);
        Phone { tab, _browser: browser }
    }

    pub fn run(&mut self, script: &str) -> serde_json::Value {
        self.tab.value(script)
    }

    pub fn until(&mut self, what: &str, script: &str) {
        if let Err(last) = self.tab.comes_true(script) {
            let log = self.tab.try_value("JSON.stringify(window.heardOf || [])");
            let state = self.tab.try_value("window.phone && phone.describe()");
            panic!("{what} did not come: {last}\n{log:?}\n{state:?}");
        }
    }

    /// Calls a number and waits until somebody answers.
    pub fn calls(&mut self, number: &str) {
        self.run(&format!("phone.call('{number}')"));
        self.until("an answer", "phone.talking");
    }

    /// Waits until it hears this tone.
    pub fn hears(&mut self, hertz: f64) {
        self.until(
            &format!("a tone of {hertz} Hz"),
            &format!("Math.abs(phone.hears() - {hertz}) < 15 && phone.stands({hertz}) > 20"),
        );
    }

    /// Waits until it hears something at all.
    pub fn hears_something(&mut self) {
        self.until("a sound", "phone.hears() > 0");
    }

    /// Waits until it hears nothing any more.
    pub fn hears_nothing(&mut self) {
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

#[test]
fn two_browsers_call_each_other_hold_move_and_transfer() {
    let branch = Branch::start();
    let mut first = Phone::registered(&branch, "sip.js", "201", 523.0);
    let mut second = Phone::registered(&branch, "jssip", "202", 659.0);
    first.run("phone.call('202')");
    second.until("a ring", "phone.ringing");
    second.run("phone.answer()");
    first.until("an answer", "phone.talking");
    first.hears(659.0);
    second.hears(523.0);
    second.run("phone.hold(true)");
    first.until("the other is not heard", "phone.stands(659) < 10");
    second.run("phone.hold(false)");
    first.hears(659.0);
    second.hears(523.0);
    // Other secrets, the same association: what a laptop does on another network.
    first.run("phone.restart()");
    first.hears(659.0);
    second.hears(523.0);
    // Also where the call's other leg is: one of the two has come from another thread than its port's.
    second.run("phone.restart()");
    first.hears(659.0);
    second.hears(523.0);
    first.run("phone.transfer('600')");
    second.hears(659.0);
    second.run("phone.hangUp()");
    second.until("the end", "phone.ended !== ''");
}

#[test]
fn a_desk_phone_and_a_browser_ring_for_one_extension_and_a_closed_connection_is_a_lost_phone() {
    let branch = Branch::start();
    let mut first = Phone::registered(&branch, "jssip", "201", 523.0);
    let mut second = Phone::registered(&branch, "sip.js", "203", 659.0);
    let mut third = Phone::registered(&branch, "jssip", "203", 784.0);
    first.run("phone.call('203')");
    second.until("a ring", "phone.ringing");
    third.until("a ring", "phone.ringing");
    third.run("phone.answer()");
    first.hears(784.0);
    third.hears(523.0);
    second.until("it rings no more", "!phone.ringing && phone.ended !== ''");
    first.run("phone.hangUp()");
    third.until("the end", "phone.ended !== ''");
    // One says that it goes, the other's connection is cut: neither is there any more.
    third.run("phone.agent.stop()");
    second.run("phone.vanish()");
    first.until("nobody there", "phone.ended !== ''");
    branch.until("the extension to be gone", || {
        first.run("phone.ended = ''; phone.call('203')");
        first.until("an end", "phone.ended !== ''");
        (first.run("phone.ended") == "480").then_some(())
    });
}

/// Bad-input table row 34 on a live box: hellos, alerts and sound of strangers at the shared ports, before the call, while it
/// is set up and while it is up.
#[test]
fn strangers_at_the_shared_ports_end_nothing_and_are_not_heard() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let branch = Branch::start();
    // The demo's sound begins 100 above; browsers' ports are the 64 below that.
    let first = branch.sip.port() + 100 - 64;
    let (over, sent) = (AtomicBool::new(false), std::sync::atomic::AtomicU64::new(0));
    let mut phone = Phone::registered(&branch, "sip.js", "201", 523.0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let hello: Vec<u8> = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 1]
                .into_iter()
                .chain(std::iter::repeat_n(7, 39))
                .collect();
            let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40];
            let sound: Vec<u8> = [0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4]
                .into_iter()
                .chain((0..160).map(|at| if at % 4 < 2 { 0x80 } else { 0 }))
                .collect();
            while !over.load(Ordering::Relaxed) {
                for port in first..first + 64 {
                    for packet in [&hello[..], &alert[..], &sound[..]] {
                        let _ = socket.send_to(packet, ("127.0.0.1", port));
                    }
                }
                sent.fetch_add(192, Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        for _ in 0..3 {
            phone.calls("600");
            phone.hears(523.0);
            phone.until("nothing but its own tone", "phone.stands(2000) < 15");
            phone.run("phone.hangUp()");
            phone.until("the end", "phone.ended !== ''");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(sent.load(Ordering::Relaxed) > 10_000, "{sent:?} packets of strangers");
}
