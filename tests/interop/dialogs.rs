//! What the RFCs say of dialogs, played by SIPp: reliable provisional answers, UPDATE, late offers, offers that cross,
//! timers that run out on either side, redirections, pickup, the last hop, taking every registration back.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

const CALLER: f64 = 550.0;
const CALLED: f64 = 900.0;

struct Scene {
    branch: Branch,
    caller: Party,
    called: Party,
}

impl Scene {
    /// A branch with these phones, each on the port of its last digit.
    fn new(phones: &[&str]) -> Scene {
        let branch = Branch::start();
        let caller = Party::new(branch.free + 100, CALLER);
        let called = Party::new(branch.free + 110, CALLED);
        let scene = Scene { branch, caller, called };
        for user in phones {
            scene.phone("register", user, &[("expires", "300")]).succeeds();
        }
        scene
    }

    /// A phone on the port that it registers from.
    fn phone(&self, scenario: &'static str, user: &str, keys: &[(&str, &str)]) -> Sipp {
        let port = user.parse::<u16>().expect("an extension") - 200;
        let rtp = self.called.port.to_string();
        self.sipp(scenario, port, Some(user), &[keys, &[("rtp", &rtp)]].concat())
    }

    /// The carrier calls 201.
    fn carrier(&self, scenario: &'static str, talk: &str) -> Sipp {
        let rtp = self.caller.port.to_string();
        let keys = [("from", "+15557654321"), ("to", "+15550101"), ("rtp", &*rtp), ("talk", talk)];
        self.sipp(scenario, 9, None, &keys)
    }

    fn sipp(
        &self,
        scenario: &'static str,
        port: u16,
        user: Option<&str>,
        keys: &[(&str, &str)],
    ) -> Sipp {
        let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let password = user.map(|user| self.branch.password(user)).unwrap_or_default();
        let setting = Setting {
            scenario,
            port: self.branch.free + port,
            keys: &keys,
            account: user.map(|user| (user, &*password)),
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting)
    }

    /// Both begin to speak as soon as it is known where, and hear each other.
    fn hear_each_other(&self, carrier: &Sipp, phone: &Sipp) {
        self.caller.speak_to(self.branch.until("where to speak", || carrier.audio_port()));
        self.called.speak_to(self.branch.until("where to speak", || phone.audio_port()));
        for (party, tone) in [(&self.caller, CALLED), (&self.called, CALLER)] {
            let heard = || party.heard().hears(tone).then_some(());
            self.branch.until(&format!("{tone} Hz to be heard"), heard);
        }
    }
}

#[test]
fn early_sound_is_acknowledged_on_both_legs_and_changed_before_the_answer() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_early_reliable", "201", &[("ring", "2500")]);
    let carrier = scene.carrier("trunk_pracks", "2500");
    scene.hear_each_other(&carrier, &phone);
    carrier.succeeds();
    phone.succeeds();
}

#[test]
fn an_update_before_the_first_answer_is_to_be_tried_later() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_answers", "201", &[("ring", "1500")]);
    let carrier = scene.carrier("trunk_updates_too_early", "1500");
    carrier.succeeds();
    phone.succeeds();
}

#[test]
fn a_caller_who_makes_no_offer_answers_ours_and_is_heard() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_answers", "201", &[("ring", "200")]);
    let carrier = scene.carrier("trunk_late_offer", "3000");
    scene.hear_each_other(&carrier, &phone);
    carrier.succeeds();
    phone.succeeds();
}

#[test]
fn an_offer_that_crosses_the_peer_s_is_made_again_and_the_call_goes_on() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_answers", "201", &[("ring", "100")]);
    let carrier = scene.carrier("trunk_glares", "0");
    scene.hear_each_other(&carrier, &phone);
    carrier.succeeds();
    phone.succeeds();
}

#[test]
fn a_peer_that_must_refresh_and_does_not_is_hung_up_on() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_answers", "201", &[("ring", "100")]);
    let carrier = scene.carrier("trunk_never_refreshes", "0");
    scene.hear_each_other(&carrier, &phone);
    carrier.succeeds();
    phone.succeeds();
    assert_eq!(scene.branch.record(1)["cause"], "connection_lost");
}

#[test]
fn a_peer_that_answers_no_refresh_is_hung_up_on() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_answers", "201", &[("ring", "100")]);
    let carrier = scene.carrier("trunk_falls_silent", "0");
    scene.hear_each_other(&carrier, &phone);
    carrier.succeeds();
    phone.succeeds();
    assert_eq!(scene.branch.record(1)["cause"], "connection_lost");
}

#[test]
fn a_phone_that_answers_302_sends_its_caller_to_a_colleague() {
    let scene = Scene::new(&["201", "203"]);
    let before = scene.branch.records();
    let first = scene.phone("phone_forwards", "201", &[("third", "203")]);
    let third = scene.phone("phone_answers", "203", &[("ring", "200")]);
    let carrier = scene.carrier("trunk_hangs_up", "3000");
    scene.hear_each_other(&carrier, &third);
    carrier.succeeds();
    first.succeeds();
    third.succeeds();
    assert_eq!(scene.branch.record(before + 1)["reached"], "extension 203");
}

#[test]
fn a_phone_forwards_nobody_to_where_it_may_not_call_itself() {
    let scene = Scene::new(&["201"]);
    let before = scene.branch.records();
    let first = scene.phone("phone_forwards", "201", &[("third", "919005551212")]);
    let rtp = scene.caller.port.to_string();
    let keys = [("from", "+15557654321"), ("to", "+15550101"), ("rtp", &*rtp), ("code", "502")];
    let carrier = scene.sipp("trunk_refused", 9, None, &keys);
    carrier.succeeds();
    first.succeeds();
    assert!(scene.branch.record(before + 1)["reached"].is_null());
}

/// What stands in a Replaces header for the dialog of the phone that this SIPp is.
fn dialog(phone: &Sipp) -> Option<String> {
    let ringing = phone.message("SIP/2.0 180")?;
    let line = |name: &str| {
        let found = ringing.lines().find_map(|line| line.strip_prefix(name));
        found.map(|value| value.trim().to_owned())
    };
    let tag = |name| line(name)?.split("tag=").nth(1).map(str::to_owned);
    Some(format!("{};to-tag={};from-tag={}", line("Call-ID:")?, tag("To:")?, tag("From:")?))
}

#[test]
fn a_colleague_picks_up_what_rings_by_its_dialog_and_talks_with_the_caller() {
    let scene = Scene::new(&["201", "203"]);
    let first = scene.phone("phone_rings", "201", &[]);
    let carrier = scene.carrier("trunk_waits", "0");
    let replaces = scene.branch.until("the phone to ring", || dialog(&first));
    let nothing = format!("x{replaces}");
    let keys = [("to", "201"), ("code", "481"), ("replaces", &*nothing)];
    scene.phone("phone_may_not_pick_up", "203", &keys).succeeds();
    let keys = [("to", "201"), ("talk", "3000"), ("replaces", &*replaces)];
    let colleague = scene.phone("phone_picks_up", "203", &keys);
    scene.hear_each_other(&carrier, &colleague);
    let messages = first.succeeds();
    assert!(messages.contains("Call completed elsewhere"), "201 shows no missed call: {messages}");
    colleague.succeeds();
    carrier.succeeds();
}

#[test]
fn a_call_at_its_last_hop_goes_nowhere() {
    let scene = Scene::new(&[]);
    scene.carrier("trunk_at_its_last_hop", "0").succeeds();
}

#[test]
fn a_phone_takes_every_registration_back_at_once_and_only_in_the_right_words() {
    let scene = Scene::new(&["201"]);
    let bindings = || {
        let phones = scene.branch.ask(&["phones"]);
        let of_201 = |line: &&serde_json::Value| line["extension"] == "201";
        let line = phones.as_array().into_iter().flatten().find(of_201).cloned();
        line.and_then(|line| line["bindings"].as_array().map(Vec::len)).unwrap_or(0)
    };
    assert_eq!(bindings(), 1);
    scene.phone("register_wildcard", "201", &[("expires", "300"), ("code", "400")]).succeeds();
    assert_eq!(bindings(), 1, "a wildcard that does not expire takes nothing back");
    scene.phone("register_wildcard", "201", &[("expires", "0"), ("code", "200")]).succeeds();
    assert_eq!(bindings(), 0);
}

/// A fax is not for us: T.38 is refused, and the machines go on in G.711, which passes (RFC 3261 section 14.2: what was agreed
/// stands).
#[test]
fn t38_is_refused_and_the_sound_goes_on() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_answers", "201", &[("ring", "100")]);
    let carrier = scene.carrier("trunk_faxes", "3000");
    scene.hear_each_other(&carrier, &phone);
    scene.branch.until("the refusal", || carrier.has_got("SIP/2.0 488").then_some(()));
    let later = scene.called.heard().packets + 50;
    scene
        .branch
        .until("a second of sound more", || (scene.called.heard().packets > later).then_some(()));
    scene.hear_each_other(&carrier, &phone);
    carrier.succeeds();
    phone.succeeds();
}

#[test]
fn an_info_that_nobody_understands_is_refused_and_a_key_press_is_not() {
    let scene = Scene::new(&["201"]);
    let phone = scene.phone("phone_answers", "201", &[("ring", "100")]);
    let carrier = scene.carrier("trunk_informs", "2500");
    scene.hear_each_other(&carrier, &phone);
    carrier.succeeds();
    phone.succeeds();
}
