//! Desk-phone life with SIPp and baresip: who rings, who hears whom, each with a tone of their own.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

const CALLER: f64 = 550.0;
const FIRST: f64 = 900.0;
const THIRD: f64 = 1_300.0;

/// 201 and 203 are a group and pick up for each other; a carrier calls from loopback.
const SITE: &str = r#"
[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = []
tls = []
digests = ["md5"]
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
[[extension]]
number = "201"
secret = { file = "@DIR@/password" }
pickup = ["front"]
[[extension]]
number = "203"
secret = { file = "@DIR@/password" }
pickup = ["front"]
pin = { file = "@DIR@/pin" }
[[extension]]
number = "202"
secret = { file = "@DIR@/password" }
[[page]]
name = "all"
number = "390"
members = ["201", "202", "203"]
[[trunk]]
name = "carrier"
accept_from = ["127.0.0.1"]
[[inbound]]
number = "+15550101"
to = "extension:201"
[[inbound]]
number = "+15550102"
to = "group:all"
[[group]]
name = "all"
members = ["201", "203"]
"#;

struct Scene {
    branch: Branch,
    caller: Party,
    first: Party,
    third: Party,
}

impl Scene {
    /// 201 and 203 are registered from ports 1 and 3.
    fn new() -> Scene {
        let files = [("password", "secret\n"), ("pin", "4711\n")];
        let branch = Branch::run_with(SITE, "127.0.0.1:@PORT@", &files);
        let party = |offset, tone| Party::new(branch.free + offset, tone);
        let (caller, first, third) = (party(100, CALLER), party(110, FIRST), party(120, THIRD));
        let scene = Scene { branch, caller, first, third };
        for (user, port) in [("201", 1), ("203", 3)] {
            scene.sipp("register", port, Some(user), &[("expires", "300")]).succeeds();
        }
        scene
    }

    fn sipp(
        &self,
        scenario: &'static str,
        port: u16,
        user: Option<&str>,
        keys: &[(&str, &str)],
    ) -> Sipp {
        let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let port = self.branch.free + port;
        let account = user.map(|user| (user, "secret"));
        let setting = Setting { scenario, port, keys: &keys, account, transport: "u1" };
        Sipp::start(&self.branch, &setting)
    }

    /// The carrier calls, and talks for so many milliseconds.
    fn carrier(&self, to: &str, talk: &str) -> Sipp {
        let rtp = self.caller.port.to_string();
        let keys = [("from", "+15557654321"), ("to", to), ("rtp", &*rtp), ("talk", talk)];
        self.sipp("trunk_hangs_up", 2, None, &keys)
    }

    /// 203 answers after so many milliseconds.
    fn third_answers(&self, ring: &str) -> Sipp {
        let rtp = self.third.port.to_string();
        self.sipp("phone_answers", 3, None, &[("rtp", &rtp), ("ring", ring)])
    }

    /// 203 dials, from another port than the one it is called at.
    fn third_dials(&self, to: &str) -> Sipp {
        let rtp = self.third.port.to_string();
        self.sipp("phone_dials", 4, Some("203"), &[("to", to), ("rtp", &rtp)])
    }

    fn caller_speaks(&self, carrier: &Sipp) {
        self.caller.speak_to(self.branch.until("the answer", || carrier.audio_port()));
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
fn both_phones_of_a_group_ring_one_answers_and_the_other_is_told_why_it_stops() {
    let scene = Scene::new();
    let loser = scene.sipp("phone_rings", 1, None, &[]);
    let winner = scene.third_answers("500");
    let carrier = scene.carrier("+15550102", "3000");
    scene.caller_speaks(&carrier);
    scene.hear_each_other((&scene.caller, CALLER), (&scene.third, THIRD));
    carrier.succeeds();
    winner.succeeds();
    let messages = loser.succeeds();
    assert!(messages.contains("Call completed elsewhere"), "no missed call: {messages}");
    assert_eq!(scene.branch.record(1)["reached"], "extension 203");
}

#[test]
fn a_phone_forwards_when_busy_by_code_and_the_next_one_sees_who_calls() {
    let scene = Scene::new();
    let rtp = scene.first.port.to_string();
    scene.sipp("phone_dials", 4, Some("201"), &[("to", "*90203"), ("rtp", &rtp)]).succeeds();
    let busy = scene.sipp("phone_busy", 1, None, &[]);
    let answers = scene.third_answers("200");
    let carrier = scene.carrier("+15550101", "2000");
    scene.caller_speaks(&carrier);
    scene.hear_each_other((&scene.caller, CALLER), (&scene.third, THIRD));
    carrier.succeeds();
    busy.succeeds();
    let messages = answers.succeeds();
    assert!(messages.contains("sip:+15557654321@"), "203 sees who is calling: {messages}");
}

#[test]
fn a_colleague_picks_up_by_code_and_talks_with_the_caller() {
    let scene = Scene::new();
    let rings = scene.sipp("phone_rings", 1, None, &[]);
    let carrier = scene.carrier("+15550101", "3000");
    scene.branch.until("201 to ring", || rings.has_got("INVITE sip:").then_some(()));
    let colleague = scene.third_dials("**201");
    scene.caller_speaks(&carrier);
    scene.third.speak_to(scene.branch.until("the pickup", || colleague.answered_port()));
    scene.hear_each_other((&scene.caller, CALLER), (&scene.third, THIRD));
    carrier.succeeds();
    colleague.succeeds();
    assert!(rings.succeeds().contains("Call completed elsewhere"));
}

#[test]
fn a_caller_is_parked_by_transfer_hears_music_and_is_fetched_by_the_number() {
    let scene = Scene::new();
    let rtp = scene.first.port.to_string();
    let keys = [("rtp", &*rtp), ("ring", "100"), ("talk", "1000"), ("third", "*68")];
    let first = scene.sipp("phone_transfers", 1, None, &keys);
    let carrier = scene.carrier("+15550101", "9000");
    scene.caller_speaks(&carrier);
    scene.hear_each_other((&scene.caller, CALLER), (&scene.first, FIRST));
    first.succeeds();
    scene.branch.until("the caller to be parked", || {
        let calls = scene.branch.ask(&["calls", "--active"]);
        (calls[0]["doing"] == "parked at 701").then_some(())
    });
    let fetches = scene.third_dials("701");
    scene.third.speak_to(scene.branch.until("the fetching", || fetches.answered_port()));
    scene.hear_each_other((&scene.caller, CALLER), (&scene.third, THIRD));
    carrier.succeeds();
    fetches.succeeds();
}

#[test]
fn who_pages_is_heard_at_every_phone_and_hears_none_of_them() {
    let scene = Scene::new();
    let rtp = |party: &Party| party.port.to_string();
    let keys = [("rtp", &*rtp(&scene.first)), ("ring", "0")];
    let first = scene.sipp("phone_answers", 1, None, &keys);
    let third = scene.third_answers("0");
    let keys = [("to", "390"), ("rtp", &*rtp(&scene.caller)), ("talk", "4000")];
    let pager = scene.sipp("phone_dials_hangs_up", 4, Some("202"), &keys);
    scene.caller.speak_to(scene.branch.until("the page", || pager.answered_port()));
    for phone in [&scene.first, &scene.third] {
        scene.branch.until("the page to be heard", || phone.heard().hears(CALLER).then_some(()));
    }
    pager.succeeds();
    for messages in [first.succeeds(), third.succeeds()] {
        for header in ["Answer-Mode: Auto", ";answer-after=0", "info=alert-autoanswer"] {
            assert!(messages.contains(header), "{header}: {messages}");
        }
    }
    let heard = scene.caller.heard();
    assert!(!heard.hears(FIRST) && !heard.hears(THIRD), "one way");
}

#[test]
fn whoever_signs_in_at_another_phone_with_the_pin_is_called_there() {
    let scene = Scene::new();
    let rtp = scene.first.port.to_string();
    let keys = [("to", "*11203"), ("rtp", &*rtp)];
    let signs_in = scene.sipp("phone_dials", 4, Some("201"), &keys);
    scene.first.speak_to(scene.branch.until("the question", || signs_in.answered_port()));
    scene.branch.until("the question to be heard", || scene.first.heard().loud().then_some(()));
    // 4711 and the hash key, by RFC 4733.
    [4, 7, 1, 1, 11].into_iter().for_each(|key| scene.first.press(key));
    signs_in.succeeds();
    let phones = scene.branch.ask(&["phones"]);
    assert_eq!(phones[0]["set"][0], "is the phone of 203", "{phones}");
    // Both phones ring for 203 now; who sits at 201's desk answers.
    let answers = scene.sipp("phone_answers", 1, None, &[("rtp", &*rtp), ("ring", "300")]);
    let own = scene.sipp("phone_rings", 3, None, &[]);
    let keys = [("to", "203"), ("rtp", &*scene.caller.port.to_string()), ("talk", "3000")];
    let calls = scene.sipp("phone_dials_hangs_up", 5, Some("202"), &keys);
    scene.caller.speak_to(scene.branch.until("the answer", || calls.answered_port()));
    scene.hear_each_other((&scene.caller, CALLER), (&scene.first, FIRST));
    calls.succeeds();
    answers.succeeds();
    own.succeeds();
}
