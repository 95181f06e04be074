//! Phones with one codec each: baresip with Opus (libopus) or G.722 (libspandsp) alone, linphone with Opus, SIPp with G.711
//! alone. Each hears the other's tone as loud as it was said, keys pass, and nothing is decoded between two who share one.

use std::time::Instant;

use serde_json::Value;

use crate::branch::{Branch, PATIENCE};
use crate::peer::{Setting, Sipp};
use crate::phones::{FIRST, Make, Phone, SECOND};
use crate::sound::{Heard, Party};
use crate::tls::BARESIP as PHONE;

/// The loudest sample of every party's tone.
const LOUD: f64 = 8_000.0;

const OPUS: &str = ";audio_codecs=opus/48000/2";
const G722: &str = ";audio_codecs=g722/16000/1";

/// baresip as 203, and SIPp with a tone each as 201 and 202.
struct Scene {
    phone: Phone,
    first: Party,
    second: Party,
    branch: Branch,
}

impl Scene {
    fn new(codecs: &str) -> Scene {
        let branch = Branch::start();
        let place = branch.free + 200;
        let account = ("203", &*branch.password("203"));
        let phone = Phone::start_at(Make::Baresip, &branch, place, account, codecs);
        let party = |offset, tone| Party::new(branch.free + offset, tone);
        let (first, second) = (party(100, FIRST), party(110, SECOND));
        let scene = Scene { phone, first, second, branch };
        for (user, port) in [("202", 2), ("201", 1)] {
            scene.sipp("register", user, port, &[("expires", "300")]).succeeds();
        }
        scene
    }

    fn sipp(&self, scenario: &str, user: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
        let password = self.branch.password(user);
        let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let port = self.branch.free + port;
        let account = Some((user, &*password));
        Sipp::start(
            &self.branch,
            &Setting { scenario, port, keys: &keys, account, transport: "u1" },
        )
    }

    /// 202, the first, answers and stays until somebody else ends the call.
    fn first_answers(&self) -> Sipp {
        let rtp = self.first.port.to_string();
        self.sipp("phone_answers", "202", 2, &[("rtp", &rtp), ("ring", "100")])
    }

    fn until(&self, what: &str, look: impl Fn() -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !look() {
            let log = || self.phone.program.log();
            assert!(Instant::now() < limit, "in vain for {what}; the phone printed: {}", log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// What an admin sees of the only call.
    fn coded(&self) -> Vec<Value> {
        let calls = self.branch.ask(&["calls", "--active"]);
        calls[0]["coded"].as_array().cloned().unwrap_or_default()
    }
}

/// How loud the last half second is, in decibels against the tone of a party.
fn level(heard: &Heard) -> f64 {
    let samples = &heard.samples[heard.samples.len().saturating_sub(4_000)..];
    let mean = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    20.0 * (mean.sqrt() * std::f64::consts::SQRT_2 / LOUD).log10()
}

/// Both hear the other's tone, hardly anything else, and as loud as it was said.
fn talk(scene: &Scene) {
    scene.until("the first to hear the phone", || scene.first.heard().share(PHONE) > 0.9);
    scene.until("the phone to hear the first", || scene.phone.heard().share(FIRST) > 0.9);
    for heard in [scene.first.heard(), scene.phone.heard()] {
        let level = level(&heard);
        println!("heard at {level:.2} dB of what was said");
        assert!(level.abs() < 2.0, "{level} dB");
    }
}

fn talks_with_a_plain_phone(codecs: &str, name: &str) {
    let mut scene = Scene::new(codecs);
    let first = scene.first_answers();
    scene.phone.call("202");
    talk(&scene);
    let coded = scene.coded();
    let one = format!("extension 203 {name} <-> extension 202 pcmu");
    let other = format!("extension 202 pcmu <-> extension 203 {name}");
    assert!(coded == [one] || coded == [other], "{coded:?}");
    // Keys, both ways, as events on either clock.
    scene.first.press(5);
    scene.until("the phone to hear a key", || {
        scene.phone.program.log().contains("event: '5' (end=1)")
    });
    scene.phone.say("sndcode", "8");
    scene.until("the first to hear a key", || {
        scene.first.heard().digits.into_values().collect::<Vec<_>>() == [8]
    });
    talk(&scene);
    // Hold music is made in its codec, and the voice comes back.
    scene.phone.hold();
    scene.until("the first to hear music", || {
        let heard = scene.first.heard();
        heard.loud() && heard.share(PHONE) < 0.2
    });
    scene.phone.say("resume", "");
    talk(&scene);
    scene.phone.say("hangup", "");
    first.succeeds();
}

#[test]
fn baresip_with_opus_alone_talks_with_a_plain_phone() {
    talks_with_a_plain_phone(OPUS, "opus");
}

#[test]
fn baresip_with_g722_alone_talks_with_a_plain_phone() {
    talks_with_a_plain_phone(G722, "g722");
}

/// A plain phone calls one that has Opus alone.
#[test]
fn baresip_with_opus_alone_is_called_by_a_plain_phone() {
    let mut scene = Scene::new(OPUS);
    let rtp = scene.first.port.to_string();
    let keys = [("rtp", &*rtp), ("to", "203"), ("talk", "8000")];
    let caller = scene.sipp("phone_dials_hangs_up", "202", 2, &keys);
    scene.until("the phone to ring", || scene.phone.program.log().contains("Incoming call"));
    scene.phone.say("accept", "");
    talk(&scene);
    assert_eq!(scene.coded().len(), 1);
    caller.succeeds();
}

/// The echo test says back what it hears, the menu is heard and hears a key.
fn walks_through_the_menu(codecs: &str) {
    let mut scene = Scene::new(codecs);
    scene.phone.call("500");
    scene.until("the menu to speak", || scene.phone.heard().loud());
    assert!(scene.phone.heard().share(PHONE) < 0.2, "that is the phone's own voice");
    scene.phone.say("sndcode", "9");
    scene.until("the phone to hear itself", || scene.phone.heard().share(PHONE) > 0.9);
    scene.phone.say("hangup", "");
    scene.until("the call to be over", || {
        scene.branch.ask(&["calls", "--active"]) == Value::Array(vec![])
    });
}

#[test]
fn baresip_with_opus_alone_walks_through_the_menu() {
    walks_through_the_menu(OPUS);
}

#[test]
fn baresip_with_g722_alone_walks_through_the_menu() {
    walks_through_the_menu(G722);
}

/// In a conference each of three hears the two others and not itself, whatever each speaks.
fn confers(codecs: &str) {
    let mut scene = Scene::new(codecs);
    scene.phone.call("800");
    let ports = [scene.first.port.to_string(), scene.second.port.to_string()];
    let others: Vec<_> = [("202", 3), ("201", 4)]
        .into_iter()
        .zip(&ports)
        .map(|((user, port), rtp)| {
            let keys = [("rtp", &**rtp), ("to", "800"), ("talk", "9000")];
            scene.sipp("phone_dials_hangs_up", user, port, &keys)
        })
        .collect();
    scene.until("everybody to hear the two others", || {
        let all = [
            (scene.first.heard(), [PHONE, SECOND], FIRST),
            (scene.second.heard(), [PHONE, FIRST], SECOND),
            (scene.phone.heard(), [FIRST, SECOND], PHONE),
        ];
        all.iter().all(|(heard, others, own)| {
            others.iter().all(|tone| (0.3..0.7).contains(&heard.share(*tone)))
                && heard.share(*own) < 0.02
        })
    });
    others.into_iter().for_each(|other| drop(other.succeeds()));
    scene.phone.say("hangup", "");
}

#[test]
fn baresip_with_opus_alone_confers() {
    confers(OPUS);
}

#[test]
fn baresip_with_g722_alone_confers() {
    confers(G722);
}

/// Two foreign phones of other makes that both have Opus: nothing is decoded between them.
#[test]
fn baresip_and_linphone_share_opus_and_are_passed_on() {
    let branch = Branch::start();
    let (own, other) = (branch.password("203"), branch.password("202"));
    let mut caller = Phone::start_at(
        Make::Baresip,
        &branch,
        branch.free + 200,
        ("203", &own),
        ";audio_codecs=opus/48000/2,pcmu",
    );
    let mut called =
        Phone::start_at(Make::Linphone, &branch, branch.free + 260, ("202", &other), "");
    caller.call("202");
    let until = |what: &str, caller: &Phone, called: &Phone, look: &dyn Fn() -> bool| {
        let limit = Instant::now() + PATIENCE;
        while !look() {
            let (one, other) = (caller.program.log(), called.program.log());
            assert!(Instant::now() < limit, "in vain for {what}: {one}\n{other}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    until("linphone to ring", &caller, &called, &|| {
        called.program.log().contains("Receiving new incoming call")
    });
    called.say("answer", "");
    // linphone writes the file's head at its end; with Opus there are 48,000 samples a second in it.
    until("linphone to hear baresip", &caller, &called, &|| {
        let samples = called.heard().samples.into_iter().step_by(6).collect();
        Heard { samples, ..Heard::default() }.hears(PHONE)
    });
    until("baresip to hear linphone", &caller, &called, &|| caller.heard().hears(PHONE));
    let calls = branch.ask(&["calls", "--active"]);
    assert_eq!(calls[0]["coded"], Value::Null, "{calls}");
    let id = calls[0]["call"].as_str().expect("an id").to_owned();
    let ladder = branch.ask(&["calls", "show", &id]);
    assert!(!ladder.to_string().contains("decoded and coded"), "{ladder}");
    caller.say("hangup", "");
}
