//! Whoever calls from outside hears that the call is recorded and which key refuses, and presses it or not: what each of the
//! two hears, and what is on the disk.

use std::fs;
use std::path::PathBuf;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::{Party, share};

/// Each party's tone, in hertz: while both are told, and afterwards.
const CALLER: [f64; 2] = [550.0, 800.0];
const CALLED: [f64; 2] = [1_050.0, 1_450.0];
const NUMBER: &str = "+15557654321";
const SECOND: usize = 8_000;
/// The announcement takes four seconds and a bit: the notice, which key refuses, and the key.
const TOLD: usize = 4 * SECOND;
/// Bytes of a WAV file's header.
const HEADER: usize = 44;

const SITE: &str = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
    [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
    [[extension]]\nnumber = \"201\"\nsecret = { file = \"@DIR@/phone\" }\n\
    [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\nrecord = \"always\"\n\
    record_notice = { refuse_digit = \"2\", refuse_for = 2 }\n\
    [[inbound]]\nnumber = \"+15550101\"\nto = \"extension:201\"\n";

struct Scene {
    branch: Branch,
    caller: Party,
    called: Party,
    carrier: Sipp,
    phone: Sipp,
}

impl Scene {
    /// 201 answers the carrier's caller, who hangs up `talk` ms later; both are being told.
    fn new(talk: &str) -> Scene {
        let branch = Branch::run_with(SITE, "127.0.0.1:@PORT@", &[("phone", "tulip")]);
        let caller = Party::new(branch.free + 100, CALLER[0]);
        let called = Party::new(branch.free + 110, CALLED[0]);
        sipp(&branch, "register", 1, &[("expires", "300")]).succeeds();
        let rtp = called.port.to_string();
        let phone = sipp(&branch, "phone_answers", 1, &[("rtp", &*rtp), ("ring", "100")]);
        let rtp = caller.port.to_string();
        let keys = [("from", NUMBER), ("to", "+15550101"), ("more", "Subject: none")];
        let keys = [&keys[..], &[("rtp", &*rtp), ("talk", talk)]].concat();
        let carrier = sipp(&branch, "trunk_says", 2, &keys);
        let scene = Scene { branch, caller, called, carrier, phone };
        let port = |sipp: &Sipp| scene.branch.until("where to speak", || sipp.audio_port());
        scene.caller.speak_to(port(&scene.carrier));
        scene.called.speak_to(port(&scene.phone));
        let words = |party: &Party| {
            let heard = party.heard();
            heard.loud() && heard.samples.len() > SECOND / 2
        };
        let both = || (words(&scene.caller) && words(&scene.called)).then_some(());
        scene.branch.until("both to hear words", both);
        assert!(!scene.caller.heard().hears(CALLED[0]) && !scene.called.heard().hears(CALLER[0]));
        scene
    }

    /// Both say something else from now on.
    fn sing_on(&self) {
        self.caller.sing(CALLER[1]);
        self.called.sing(CALLED[1]);
    }

    fn they_hear_each_other(&self) {
        let hear = || {
            let (caller, called) = (self.caller.heard(), self.called.heard());
            (caller.hears(CALLED[1]) && called.hears(CALLER[1])).then_some(())
        };
        self.branch.until("both voices", hear);
    }

    fn files(&self) -> Vec<PathBuf> {
        files(&self.branch)
    }

    /// The caller hangs up.
    fn ends(self) -> Left {
        let Scene { branch, caller, carrier, phone, .. } = self;
        carrier.succeeds();
        phone.succeeds();
        let record = branch.record(1);
        let person = branch.until("what was said on the person's record", || {
            let shown = branch.answer(&["contact", "show", NUMBER])?.to_string();
            shown.contains("\"recording\"").then_some(shown)
        });
        Left {
            consent: record["consent"].clone(),
            heard: caller.heard().samples.len(),
            person,
            branch,
        }
    }
}

/// What there is after a call.
struct Left {
    branch: Branch,
    /// What the call's record says of consent, and the person's.
    consent: serde_json::Value,
    person: String,
    /// How many samples the caller heard.
    heard: usize,
}

fn files(branch: &Branch) -> Vec<PathBuf> {
    let folder = branch.folder().join("data/recordings");
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    files.map(|file| file.path()).collect()
}

fn sipp(branch: &Branch, scenario: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let account = (scenario == "register").then_some(("201", "tulip"));
    let port = branch.free + port;
    Sipp::start(branch, &Setting { scenario, port, keys: &keys, account, transport: "u1" })
}

#[test]
fn a_caller_who_presses_the_key_is_not_recorded_and_talks_on() {
    let scene = Scene::new("9000");
    let before = scene.caller.heard().samples.len();
    scene.caller.press(2);
    scene.sing_on();
    scene.they_hear_each_other();
    let took = scene.caller.heard().samples.len() - before;
    assert!(took < TOLD - SECOND, "the announcement ended at the key: {took} samples");
    let talked = scene.called.heard().samples.len() + 2 * SECOND;
    let heard = || (scene.called.heard().samples.len() > talked).then_some(());
    scene.branch.until("two seconds more", heard);
    assert_eq!(scene.files(), [] as [PathBuf; 0]);
    let Left { branch, consent, person, .. } = scene.ends();
    assert_eq!(consent, serde_json::json!({ "given": false, "how": "key" }));
    assert_eq!(files(&branch), [] as [PathBuf; 0], "not a frame");
    assert!(person.contains("\"given\":false"), "{person}");
    println!("refused: both talk {took} samples after the key; no file; {consent}");
}

#[test]
fn without_the_key_the_recording_begins_after_the_announcement_and_holds_nothing_from_before() {
    let scene = Scene::new("11000");
    assert_eq!(scene.files(), [] as [PathBuf; 0], "they are being told");
    scene.sing_on();
    scene.they_hear_each_other();
    scene.branch.until("the recording to begin", || scene.files().pop());
    let Left { branch, consent, person, heard } = scene.ends();
    assert_eq!(consent, serde_json::json!({ "given": true, "how": "heard" }));
    assert!(person.contains("\"given\":true"), "{person}");
    let whole = |path: &PathBuf| path.extension().is_some_and(|end| end == "tape");
    let file = branch.until("the whole file", || files(&branch).into_iter().find(whole));
    let bytes = branch.opened(&file);
    let side = |at: usize| -> Vec<i16> {
        let frames = bytes[HEADER..].chunks_exact(4);
        frames.map(|frame| i16::from_le_bytes([frame[at], frame[at + 1]])).collect()
    };
    let [left, right] = [side(0), side(2)];
    println!("given: {heard} samples heard in all, {} on tape; {consent}", left.len());
    assert!(left.len() > 2 * SECOND && left.len() + TOLD < heard + SECOND / 4, "it begins later");
    for (side, own) in [(&left, CALLER), (&right, CALLED)] {
        let blocks: Vec<_> = side.chunks_exact(SECOND / 50).collect();
        let with = |tone| blocks.iter().filter(|block| share(block, tone) > 0.5).count();
        assert_eq!(with(own[0]), 0, "nothing of what was said while they were told");
        assert!(with(own[1]) * 2 > blocks.len(), "{} of {}", with(own[1]), blocks.len());
    }
}
