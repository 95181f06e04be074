//! Transfers: a phone sends the party it talks with to somebody else.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

const CALLER: f64 = 550.0;
const FIRST: f64 = 900.0;
const THIRD: f64 = 1_300.0;

struct Scene {
    branch: Branch,
    caller: Party,
    first: Party,
    third: Party,
}

impl Scene {
    /// 201 and 203 are registered from ports 1 and 3.
    fn new() -> Scene {
        let branch = Branch::start();
        let party = |offset, tone| Party::new(branch.free + offset, tone);
        let (caller, first, third) = (party(100, CALLER), party(110, FIRST), party(120, THIRD));
        let scene = Scene { branch, caller, first, third };
        for (user, port) in [("201", 1), ("203", 3)] {
            let setting = Setting {
                scenario: "register",
                port: scene.branch.free + port,
                keys: &[("expires", "300".to_owned())],
                account: Some((user, &scene.branch.password(user))),
                transport: "u1",
            };
            Sipp::start(&scene.branch, &setting).succeeds();
        }
        scene
    }

    fn sipp(&self, scenario: &'static str, port: u16, keys: &[(&str, &str)]) -> Sipp {
        let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let port = self.branch.free + port;
        let setting = Setting { scenario, port, keys: &keys, account: None, transport: "u1" };
        Sipp::start(&self.branch, &setting)
    }

    fn phone(&self, scenario: &'static str, third: &str, refusal: &str) -> Sipp {
        let rtp = self.first.port.to_string();
        let keys = [
            ("rtp", &*rtp),
            ("ring", "100"),
            ("talk", "1500"),
            ("third", third),
            ("refusal", refusal),
        ];
        self.sipp(scenario, 1, &keys)
    }

    fn carrier(&self, scenario: &'static str, talk: &str) -> Sipp {
        let rtp = self.caller.port.to_string();
        let keys = [("from", "+15557654321"), ("to", "+15550101"), ("rtp", &*rtp), ("talk", talk)];
        self.sipp(scenario, 2, &keys)
    }

    fn hear_each_other(&self, a: (&Party, f64), b: (&Party, f64)) {
        for (listener, tone) in [(a.0, b.1), (b.0, a.1)] {
            self.branch.until(&format!("{tone} Hz to be heard"), || {
                listener.heard().hears(tone).then_some(())
            });
        }
    }
}

#[test]
fn a_caller_who_is_transferred_talks_with_the_third_and_the_first_is_let_go() {
    let scene = Scene::new();
    let before = scene.branch.records();
    let rtp = scene.third.port.to_string();
    let third = scene.sipp("phone_answers", 3, &[("rtp", &rtp), ("ring", "300")]);
    let first = scene.phone("phone_transfers", "203", "");
    let carrier = scene.carrier("trunk_hangs_up", "6000");
    scene.caller.speak_to(scene.branch.until("the answer", || carrier.audio_port()));
    scene.hear_each_other((&scene.caller, CALLER), (&scene.first, FIRST));
    first.succeeds();
    scene.hear_each_other((&scene.caller, CALLER), (&scene.third, THIRD));
    carrier.succeeds();
    let messages = third.succeeds();
    assert!(messages.contains("+15557654321"), "203 sees who is calling: {messages}");
    let record = scene.branch.record(before + 1);
    assert_eq!(record["cause"], "completed", "{record}");
    assert_eq!(record["reached"], "extension 203", "{record}");
}

#[test]
fn a_phone_transfers_only_to_where_it_may_call_itself() {
    // A dear number, a call for help, nothing at all.
    for (third, refusal) in [("919005551212", "403"), ("911", "403"), ("888", "404")] {
        let scene = Scene::new();
        let first = scene.phone("phone_transfer_refused", third, refusal);
        let carrier = scene.carrier("trunk_waits", "0");
        scene.caller.speak_to(scene.branch.until("the answer", || carrier.audio_port()));
        scene.hear_each_other((&scene.caller, CALLER), (&scene.first, FIRST));
        first.succeeds();
        carrier.succeeds();
    }
}
