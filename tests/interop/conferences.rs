//! Conferences: three parties with three tones, each of whom hears the two others and not itself.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

const TONES: [f64; 3] = [550.0, 900.0, 1_300.0];

struct Scene {
    branch: Branch,
    parties: [Party; 3],
}

impl Scene {
    fn new() -> Scene {
        let branch = Branch::start();
        let free = branch.free;
        let party = |n: u16| Party::new(free + 100 + n * 10, TONES[usize::from(n)]);
        let parties = [party(0), party(1), party(2)];
        Scene { branch, parties }
    }

    fn register(&self, user: &str, port: u16) {
        let setting = Setting {
            scenario: "register",
            port: self.branch.free + port,
            keys: &[("expires", "300".to_owned())],
            account: Some((user, &self.branch.password(user))),
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting).succeeds();
    }

    /// `party` is the sound of this phone or carrier.
    fn sipp(
        &self,
        scenario: &'static str,
        user: Option<&str>,
        port: u16,
        party: usize,
        keys: &[(&str, &str)],
    ) -> Sipp {
        let password = user.map(|user| self.branch.password(user));
        let own = [("rtp", self.parties[party].port.to_string())];
        let keys: Vec<_> = own
            .into_iter()
            .chain(keys.iter().map(|(key, value)| (*key, (*value).to_owned())))
            .collect();
        let setting = Setting {
            scenario,
            port: self.branch.free + port,
            keys: &keys,
            account: user.zip(password.as_deref()),
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting)
    }

    /// Each of the three hears the two others, about equally loud, and nothing of itself.
    fn all_hear_each_other(&self) {
        for (listener, party) in self.parties.iter().enumerate() {
            self.branch.until(&format!("party {listener} to hear the two others"), || {
                let heard = party.heard();
                let fits = TONES.iter().enumerate().all(|(speaker, tone)| {
                    let share = heard.share(*tone);
                    if speaker == listener { share < 0.02 } else { (0.35..0.65).contains(&share) }
                });
                fits.then_some(())
            });
        }
    }

    fn hears(&self, listener: usize, tone: f64) {
        self.branch.until(&format!("{listener} to hear {tone} Hz"), || {
            self.parties[listener].heard().hears(tone).then_some(())
        });
    }
}

#[test]
fn three_phones_that_dial_a_conference_hear_each_other_and_not_themselves() {
    let scene = Scene::new();
    let before = scene.branch.records();
    let phones: Vec<_> = ["201", "202", "203"]
        .iter()
        .zip(1..)
        .map(|(user, n)| {
            let talk = ["7000", "4000", "7000"][usize::from(n) - 1];
            let keys = [("to", "800"), ("talk", talk)];
            scene.sipp("phone_dials_hangs_up", Some(user), n, usize::from(n) - 1, &keys)
        })
        .collect();
    scene.all_hear_each_other();
    let calls = scene.branch.ask(&["calls", "--active"]);
    let calls = calls.as_array().expect("a list");
    assert_eq!(calls.len(), 3, "{calls:?}");
    for call in calls {
        assert_eq!(call["doing"], "in conference demo", "{call}");
        assert_eq!(call["with"].as_str().map(|with| with.split(", ").count()), Some(2), "{call}");
    }
    // 202 leaves; the two others go on.
    scene.hears(0, TONES[2]);
    scene.hears(2, TONES[0]);
    phones.into_iter().for_each(|phone| drop(phone.succeeds()));
    let record = scene.branch.record(before + 3);
    assert_eq!((&record["conference"], &record["cause"]), (&"demo".into(), &"completed".into()));
}

#[test]
fn who_is_transferred_into_a_conference_keeps_the_one_who_did_it() {
    let scene = Scene::new();
    scene.register("201", 1);
    let keys = [("ring", "100"), ("talk", "1500"), ("third", "800"), ("stay", "6000")];
    let phone = scene.sipp("phone_confers", None, 1, 1, &keys);
    let keys = [("from", "+15557654321"), ("to", "+15550101"), ("talk", "11000")];
    let carrier = scene.sipp("trunk_hangs_up", None, 2, 0, &keys);
    scene.parties[0].speak_to(scene.branch.until("the answer", || carrier.audio_port()));
    scene.hears(1, TONES[0]);
    scene.branch.until("the conference", || {
        let calls = scene.branch.ask(&["calls", "--active"]);
        (calls[0]["doing"] == "in conference demo").then_some(())
    });
    let colleague = [("to", "800"), ("talk", "9000")];
    let colleague = scene.sipp("phone_dials_hangs_up", Some("203"), 3, 2, &colleague);
    scene.all_hear_each_other();
    phone.succeeds();
    scene.hears(0, TONES[2]);
    carrier.succeeds();
    colleague.succeeds();
}

#[test]
fn a_phone_brings_its_two_calls_together_with_a_code() {
    let scene = Scene::new();
    scene.register("202", 2);
    scene.register("203", 3);
    let answers = [("ring", "100")];
    let second = scene.sipp("phone_answers", None, 2, 1, &answers);
    let third = scene.sipp("phone_answers", None, 3, 2, &answers);
    let first = scene.sipp("phone_dials", Some("201"), 1, 0, &[("to", "202")]);
    scene.parties[1].speak_to(scene.branch.until("the call", || second.audio_port()));
    scene.hears(0, TONES[1]);
    // The phone's second line has a sound of its own, which nobody is to hear afterwards.
    let side = Party::new(scene.branch.free + 140, 1_700.0);
    let keys = [("to", "203".to_owned()), ("rtp", side.port.to_string())];
    let setting = Setting {
        scenario: "phone_dials",
        port: scene.branch.free + 4,
        keys: &keys,
        account: Some(("201", &scene.branch.password("201"))),
        transport: "u1",
    };
    let line = Sipp::start(&scene.branch, &setting);
    scene.parties[2].speak_to(scene.branch.until("the call", || third.audio_port()));
    scene.branch.until("203 to be heard", || side.heard().hears(TONES[2]).then_some(()));
    let whole = Party::new(scene.branch.free + 150, 2_100.0);
    let keys = [("to", "*46".to_owned()), ("rtp", whole.port.to_string()), ("talk", "4000".into())];
    let setting = Setting {
        scenario: "phone_dials_hangs_up",
        port: scene.branch.free + 5,
        keys: &keys,
        account: Some(("201", &scene.branch.password("201"))),
        transport: "u1",
    };
    let code = Sipp::start(&scene.branch, &setting);
    let both = |heard: &crate::sound::Heard, a: f64, b: f64| {
        [a, b].iter().all(|tone| (0.35..0.65).contains(&heard.share(*tone)))
    };
    scene
        .branch
        .until("201 to hear both", || both(&whole.heard(), TONES[1], TONES[2]).then_some(()));
    for (listener, other) in [(1, 2), (2, 1)] {
        scene.branch.until("the others to hear 201 and each other", || {
            both(&scene.parties[listener].heard(), 2_100.0, TONES[other]).then_some(())
        });
    }
    // The calls that it had are over; the three are one. When 201 leaves, the two others stay.
    first.succeeds();
    line.succeeds();
    code.succeeds();
    scene.hears(1, TONES[2]);
    drop((second, third));
}
