//! Foreign phones that are called: they hold and are held, transfer and are transferred, and linphone joins two calls by itself.

use crate::peer::Sipp;
use crate::phones::{FIRST, Make, SECOND, Scene};
use crate::tls::BARESIP as PHONE;

impl Scene {
    /// 202, the first, calls the foreign phone, which answers.
    fn first_calls(&mut self, scenario: &str, talk: &str) -> Sipp {
        let rtp = self.first.port.to_string();
        let call = self.sipp(scenario, "202", 3, &[("to", "203"), ("rtp", &rtp), ("talk", talk)]);
        let (rings, command) = match self.phone.make {
            Make::Baresip => ("Incoming call", "accept"),
            Make::Linphone => ("Receiving new incoming call", "answer"),
        };
        self.until("the phone to ring", || self.phone.program.log().contains(rings));
        self.phone.say(command, "");
        call
    }

    fn first_hears_music(&self) {
        self.until("the first to hear music", || {
            let heard = self.first.heard();
            heard.loud() && heard.share(PHONE) < 0.2
        });
    }
}

fn holds_a_call_that_came_in(make: Make) {
    let mut scene = Scene::new(make);
    let first = scene.first_calls("phone_dials_hangs_up", "12000");
    scene.phone_and_first_talk();
    scene.phone.hold();
    scene.first_hears_music();
    scene.phone.say("resume", "");
    scene.phone_and_first_talk();
    scene.phone.say(if make == Make::Baresip { "hangup" } else { "terminate" }, "");
    scene.until("the first to be let go", || first.has_got("BYE sip:"));
}

#[test]
fn baresip_holds_a_call_that_came_in() {
    holds_a_call_that_came_in(Make::Baresip);
}

#[test]
fn linphone_holds_a_call_that_came_in() {
    holds_a_call_that_came_in(Make::Linphone);
}

/// The other side of a hold: the foreign phone hears the music.
fn is_held(make: Make) {
    let mut scene = Scene::new(make);
    let first = scene.first_calls("phone_dials_holds", "3000");
    scene.phone_and_first_talk();
    scene.until("the phone to hear music", || {
        let heard = scene.phone.heard();
        heard.loud() && heard.share(FIRST) < 0.2
    });
    scene.phone_and_first_talk();
    first.succeeds();
}

#[test]
fn baresip_is_held_and_hears_music() {
    is_held(Make::Baresip);
}

#[test]
fn linphone_is_held_and_hears_music() {
    is_held(Make::Linphone);
}

fn transfers_a_caller(make: Make) {
    let mut scene = Scene::new(make);
    let before = scene.branch.records();
    let second = scene.second_answers("6000");
    let first = scene.first_calls("phone_dials_hangs_up", "12000");
    scene.phone_and_first_talk();
    scene.phone.transfer("201");
    scene.first_and_second_talk();
    second.succeeds();
    scene.until("the first to be let go", || first.has_got("BYE sip:"));
    let record = scene.branch.record(before + 1);
    assert_eq!(record["reached"], "extension 201", "{record}");
}

#[test]
fn baresip_transfers_a_caller() {
    transfers_a_caller(Make::Baresip);
}

#[test]
fn linphone_transfers_a_caller() {
    transfers_a_caller(Make::Linphone);
}

/// The foreign phone is the party that is sent on: it keeps its call and talks with another.
fn is_transferred(make: Make) {
    let mut scene = Scene::new(make);
    let first = scene.first_answers();
    let rtp = scene.second.port.to_string();
    let keys = [("rtp", &*rtp), ("ring", "100"), ("talk", "2500"), ("third", "202")];
    let second = scene.sipp("phone_transfers", "201", 1, &keys);
    scene.phone.call("201");
    scene.until("the phone to hear the second", || scene.phone.heard().hears(SECOND));
    scene.phone_and_first_talk();
    second.succeeds();
    scene.phone.say(if make == Make::Baresip { "hangup" } else { "terminate" }, "");
    first.succeeds();
}

#[test]
fn baresip_is_transferred() {
    is_transferred(Make::Baresip);
}

#[test]
fn linphone_is_transferred() {
    is_transferred(Make::Linphone);
}

/// The phone's own conference: it joins two calls of the branch, and each of the others hears the third through it.
#[test]
fn linphone_joins_two_calls_by_itself() {
    let mut scene = Scene::new(Make::Linphone);
    let (first, second) = (scene.first_answers(), scene.second_answers("14000"));
    scene.phone.call("202");
    scene.phone_and_first_talk();
    scene.phone.hold();
    scene.first_hears_music();
    scene.phone.call("201");
    scene.until("the second to hear the phone", || scene.second.heard().hears(PHONE));
    scene.phone.say("conference", "add 1");
    scene.phone.say("conference", "add 2");
    let hears = |share: f64| share > 0.25;
    scene.until("the first to hear the second", || hears(scene.first.heard().share(SECOND)));
    scene.until("the second to hear the first", || hears(scene.second.heard().share(FIRST)));
    second.succeeds();
    drop(first);
}
