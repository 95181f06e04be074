//! A whole shift in the browser: an agent signs in on the page, and every call is answered, held, asked about, sent on and
//! ended there. The caller is SIPp from a carrier, the colleague's desk phone is SIPp at 201; each says a tone of its own,
//! and what everybody hears is looked at at their own end.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::pages::Site;
use crate::peer::{Setting, Sipp};
use crate::shift::{KNOWN, prepare, register};
use crate::sound::Party;
use crate::tab::Tab;

/// What the agent's microphone hears, what the caller says, and what the colleague says; none is a note of the music on hold.
pub const AGENT: f64 = 1_130.0;
pub const CALLER: f64 = 659.0;
pub const COLLEAGUE: f64 = 880.0;

/// Looks at what comes out of the page's loudspeakers: the loudest frequency of each, and by how much one stands out.
pub const EAR: &str = "(() => { window.ears ??= new Map(); window.bins = () => [...document.querySelectorAll('audio')].map((out) \
    => out.srcObject ?? (out.src && (out.heardAs ??= out.captureStream()))).filter((own) => own?.active).map((own) => { if (!ears.has(own)) { const c = new AudioContext(); const a \
    = c.createAnalyser(); a.fftSize = 8192; a.smoothingTimeConstant = 0; c.createMediaStreamSource(own).connect(a); c.resume(); \
    ears.set(own, a) } const a = ears.get(own); const b = new Float32Array(a.frequencyBinCount); \
    a.getFloatFrequencyData(b); return [b, a.context.sampleRate / a.fftSize] }); window.stands = (hertz) => \
    Math.max(0, ...bins().map(([b, step]) => { const at = Math.round(hertz / step); const around = Math.max(...b.slice(at - 3, \
    at + 4)); const sorted = Array.from(b.slice(20, 600)).sort((x, y) => x - y); return around < -70 ? 0 : around - sorted[300] \
    })); window.loud = () => bins().some(([b]) => Math.max(...b) > -70); return true })()";

/// What somebody does at the page besides looking at it.
impl Tab {
    /// The agent's page, ready to talk in the browser. A steady tone is noise to what makes speech better, so that is off,
    /// by the box that a person would click.
    pub fn talks_here(&self) {
        self.points_at("Microphone, loudspeaker, network");
        self.points_at("Take out echo and noise");
        self.points_at("Close");
        self.points_at("Talk in this browser");
        self.sees("ring here too");
    }

    pub fn is_ready(&self) {
        self.points_at("Ready");
        let words = "document.querySelector('.presence .now').innerText.startsWith('Ready')";
        self.until("she is ready", words);
    }

    /// Waits until this tone is heard in the page.
    pub fn hears(&self, hertz: f64) {
        self.until(&format!("{hertz} Hz in the page"), &format!("{EAR} && stands({hertz}) > 20"));
    }

    pub fn hears_nothing_of(&self, hertz: f64) {
        self.until(
            &format!("no {hertz} Hz in the page"),
            &format!("{EAR} && stands({hertz}) < 10"),
        );
    }

    pub fn is_talking(&self) {
        self.until("a call", "document.querySelector('.middle .talking .controls')");
    }

    pub fn is_without_call(&self) {
        self.until("no call", "!document.querySelector('.middle .talking, .middle .ringing')");
    }
}

/// Somebody outside: a carrier's call into the queue, with sound.
pub struct Outside {
    pub sipp: Sipp,
    pub sound: Party,
}

impl Outside {
    /// Calls, passes the IVR by pressing 1, and waits in the queue.
    pub fn calls(site: &Site, port: u16) -> Outside {
        let sound = Party::new(site.branch.free + port + 200, CALLER);
        let keys = [
            ("rtp", sound.port.to_string()),
            ("from", KNOWN.to_owned()),
            ("to", "+15550100".to_owned()),
            ("talk", "500".to_owned()),
            ("press", "1".to_owned()),
        ];
        let port = site.branch.free + port;
        let setting = Setting {
            scenario: "trunk_presses",
            port,
            keys: &keys,
            account: None,
            transport: "u1",
        };
        let sipp = Sipp::start(&site.branch, &setting);
        let there = site.branch.until("where sound goes", || sipp.audio_port());
        sound.speak_to(there);
        Outside { sipp, sound }
    }

    pub fn hears(&self, site: &Site, hertz: f64) {
        hears(site, &self.sound, hertz);
    }
}

pub fn hears(site: &Site, party: &Party, hertz: f64) {
    let before = party.heard().samples.len();
    site.branch.until(&format!("{} to hear {hertz} Hz", party.port), || {
        let heard = party.heard();
        (heard.samples.len() >= before + 4_000 && heard.hears(hertz)).then_some(())
    });
}

pub fn hears_nothing_of(site: &Site, party: &Party, hertz: f64) {
    site.branch.until(&format!("{} not to hear {hertz} Hz", party.port), || {
        let before = party.heard().samples.len();
        // What is looked at has come since: nothing at all would be no proof.
        (before > 0).then_some(())?;
        site.branch
            .until("new sound", || (party.heard().samples.len() >= before + 4_000).then_some(()));
        (party.heard().share(hertz) < 0.02).then_some(())
    });
}

/// The phone on the colleague's desk, which answers at once.
pub fn colleague(site: &Site) -> (Sipp, Party) {
    let sound = Party::new(site.branch.free + 201, COLLEAGUE);
    let keys = [("rtp", sound.port.to_string()), ("ring", "300".to_owned())];
    let port = site.branch.free + 1;
    let setting =
        Setting { scenario: "phone_answers", port, keys: &keys, account: None, transport: "u1" };
    (Sipp::start(&site.branch, &setting), sound)
}

/// The longest time for which `party` did not hear a tone while `during` went on.
pub fn longest_silence(party: &Party, hertz: f64, during: impl FnOnce()) -> Duration {
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let (mut last, mut longest, mut seen) = (Instant::now(), Duration::ZERO, 0);
            loop {
                let heard = party.heard();
                // A tenth of a second of the newest sound, if any is new.
                let new = &heard.samples[heard.samples.len().saturating_sub(800)..];
                if heard.samples.len() > seen && crate::sound::share(new, hertz) > 0.5 {
                    last = Instant::now();
                }
                seen = heard.samples.len();
                longest = longest.max(last.elapsed());
                if over.load(std::sync::atomic::Ordering::Relaxed) {
                    return longest;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        during();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        watch.join().expect("it ends")
    })
}

/// An agent at a page that is a telephone, ready.
pub fn at_work(site: &Site) -> (crate::browser::Person, Tab) {
    prepare(site);
    let (person, tab) = site.signed_in("ann");
    tab.talks_here();
    tab.is_ready();
    (person, tab)
}

#[test]
fn a_call_is_answered_held_keyed_into_asked_about_and_wrapped_up_in_the_page() {
    let site = Site::that_hears(AGENT);
    register(&site, "201", 1);
    let (_ann, tab) = at_work(&site);
    let caller = Outside::calls(&site, 7);
    // Who calls, with what was before, stands there before anybody has answered.
    tab.until("the offer", "document.querySelector('.ringing')");
    let card = tab.value("document.querySelector('.ringing').innerText");
    let card = card.as_str().expect("text").to_owned();
    for part in ["Ann Lee", KNOWN, "Queue support", "Delivery of the heat pump", "bad line"] {
        assert!(card.contains(part), "{part} in {card}");
    }
    tab.until(
        "the timeline",
        "document.querySelector('.timeline')?.innerText.includes('brochure about heat pumps')",
    );
    assert!(!caller.sound.heard().hears(AGENT), "heard before she has answered");
    tab.points_at("Answer");
    tab.is_talking();
    tab.hears(CALLER);
    caller.hears(&site, AGENT);
    // On hold the caller hears music and she hears nothing.
    tab.points_at("Hold");
    hears_nothing_of(&site, &caller.sound, AGENT);
    assert!(caller.sound.heard().loud(), "music on hold");
    tab.hears_nothing_of(CALLER);
    tab.points_at("Resume");
    tab.hears(CALLER);
    caller.hears(&site, AGENT);
    tab.points_at("Mute");
    hears_nothing_of(&site, &caller.sound, AGENT);
    tab.hears(CALLER);
    tab.points_at("Mute");
    caller.hears(&site, AGENT);
    tab.points_at("Keys");
    tab.points_at("4");
    tab.points_at("2");
    site.branch.until("two keys", || {
        let keys: Vec<u8> = caller.sound.heard().digits.into_values().collect();
        (keys == [4, 2]).then_some(())
    });
    // Somebody is asked meanwhile: the caller waits, the two hear each other.
    let (phone, desk) = colleague(&site);
    tab.points_at("Ask somebody");
    tab.fill("Number or colleague", "201");
    tab.points_at("Call");
    tab.hears(COLLEAGUE);
    hears(&site, &desk, AGENT);
    hears_nothing_of(&site, &caller.sound, AGENT);
    // And all three together: each hears the two others.
    tab.points_at("Bring all together");
    tab.hears(CALLER);
    tab.hears(COLLEAGUE);
    for (party, two) in [(&caller.sound, [AGENT, COLLEAGUE]), (&desk, [AGENT, CALLER])] {
        site.branch.until("the two others", || {
            let heard = party.heard();
            two.iter().all(|tone| heard.share(*tone) > 0.2).then_some(())
        });
    }
    tab.points_at("Hang up");
    tab.until("after-work", "document.querySelector('.wrapup')");
    tab.fill("How it came out", "resolved");
    tab.points_at("Save");
    tab.until("done", "!document.querySelector('.wrapup')");
    tab.sees("Came out as resolved");
    let record = site.branch.ask(&["contact", "show", KNOWN]).to_string();
    assert!(record.contains("resolved"), "{record}");
    // The two others may go on without her.
    hears(&site, &desk, CALLER);
    drop((caller, phone));
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn a_caller_is_sent_on_with_and_without_asking_first() {
    let site = Site::that_hears(AGENT);
    register(&site, "201", 1);
    let (_ann, tab) = at_work(&site);
    // Without a word before.
    let caller = Outside::calls(&site, 7);
    tab.points_at("Answer");
    tab.hears(CALLER);
    let (phone, desk) = colleague(&site);
    tab.points_at("Transfer");
    tab.fill("Send the caller to", "201");
    tab.press("Enter");
    hears(&site, &desk, CALLER);
    caller.hears(&site, COLLEAGUE);
    tab.is_without_call();
    site.order("DELETE", &format!("/calls/{}", up(&site)), &Value::Null);
    caller.sipp.succeeds();
    phone.succeeds();
    drop((caller.sound, desk));
    // And with one.
    tab.until("after-work", "document.querySelector('.wrapup')");
    tab.points_at("Save and be ready");
    let caller = Outside::calls(&site, 8);
    tab.points_at("Answer");
    tab.hears(CALLER);
    let (phone, desk) = colleague(&site);
    tab.points_at("Ask somebody");
    tab.fill("Number or colleague", "201");
    tab.points_at("Call");
    tab.hears(COLLEAGUE);
    tab.points_at("Connect Ann Lee with this one");
    hears(&site, &desk, CALLER);
    caller.hears(&site, COLLEAGUE);
    tab.is_without_call();
    site.order("DELETE", &format!("/calls/{}", up(&site)), &Value::Null);
    caller.sipp.succeeds();
    phone.succeeds();
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

/// The one call that is up.
pub fn up(site: &Site) -> String {
    let calls = site.branch.ask(&["calls", "--active"]);
    calls[0]["call"].as_str().expect("a call").to_owned()
}
