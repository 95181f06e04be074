//! Keys in the sound itself (ITU-T Q.23), where a party knows no telephone-events: the menu acts on them, and they are
//! made for who understands no other.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

const CALLER: f64 = 550.0;
const CALLED: f64 = 1_050.0;

fn sipp(
    branch: &Branch,
    scenario: &str,
    port: u16,
    user: Option<&str>,
    keys: &[(&str, &str)],
) -> Sipp {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let password = user.map(|user| branch.password(user)).unwrap_or_default();
    let account = user.map(|user| (user, &*password));
    let port = branch.free + port;
    Sipp::start(branch, &Setting { scenario, port, keys: &keys, account, transport: "u1" })
}

/// The carrier calls `to` and talks for [talk] ms.
fn calls_in(branch: &Branch, scenario: &str, to: &str, ear: &Party, talk: &str) -> Sipp {
    let rtp = ear.port.to_string();
    let keys = [
        ("from", "+15557654321"),
        ("to", to),
        ("rtp", &*rtp),
        ("talk", talk),
        ("more", "Subject: none"),
    ];
    sipp(branch, scenario, 9, None, &keys)
}

/// 201 is registered, and answers on the same port.
fn answers(branch: &Branch, scenario: &str, ear: &Party) -> Sipp {
    sipp(branch, "register", 1, Some("201"), &[("expires", "300")]).succeeds();
    let rtp = ear.port.to_string();
    sipp(branch, scenario, 1, None, &[("rtp", &*rtp), ("ring", "100")])
}

/// Each speaks as soon as it is known where, and hears the other.
fn talk(branch: &Branch, parties: [(&Party, &Sipp); 2]) {
    for (party, signalling) in parties {
        party.speak_to(branch.until("where to speak", || signalling.audio_port()));
    }
    for (party, tone) in [(parties[0].0, CALLED), (parties[1].0, CALLER)] {
        let heard = || party.heard().hears(tone).then_some(());
        branch.until(&format!("{tone} Hz to be heard"), heard);
    }
}

#[test]
fn a_caller_without_telephone_events_walks_through_the_menu_by_tones() {
    let branch = Branch::start();
    let caller = Party::new(branch.free + 100, CALLER);
    let carrier = calls_in(&branch, "trunk_without_events", "+15550100", &caller, "8000");
    branch.until("the menu", || caller.heard().loud().then_some(()));
    assert!(!caller.heard().hears(CALLER), "nobody speaks with the caller's own voice yet");
    // The echo test.
    caller.press_in_sound("9");
    branch.until("the caller's own voice", || caller.heard().hears(CALLER).then_some(()));
    assert!(caller.heard().digits.is_empty(), "events were not agreed on");
    let messages = carrier.succeeds();
    assert!(!messages.contains("telephone-event"), "{messages}");
}

#[test]
fn events_are_made_tones_for_a_phone_that_knows_no_events_and_its_tones_are_heard_once() {
    let branch = Branch::start();
    let caller = Party::new(branch.free + 100, CALLER);
    let called = Party::new(branch.free + 110, CALLED);
    let phone = answers(&branch, "phone_without_events", &called);
    let carrier = calls_in(&branch, "trunk_says", "+15550101", &caller, "8000");
    talk(&branch, [(&caller, &carrier), (&called, &phone)]);
    // 5, 8, 8, star and hash (RFC 4733 section 3.2).
    [5, 8, 8, 10, 11].into_iter().for_each(|key| caller.press(key));
    branch
        .until("five keys as tones", || (called.heard().keys_in_sound() == "588*#").then_some(()));
    assert!(called.heard().digits.is_empty(), "the phone knows no events");
    branch.until("the caller again", || called.heard().hears(CALLER).then_some(()));
    called.press_in_sound("27");
    branch.until("two keys as tones", || (caller.heard().keys_in_sound() == "27").then_some(()));
    assert!(caller.heard().digits.is_empty(), "what is in the sound is not said twice");
    carrier.succeeds();
    phone.succeeds();
    assert_eq!(called.heard().keys_in_sound(), "588*#", "and none came twice");
}
