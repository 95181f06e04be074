//! Conversations on tape, read from the disk: each party on a side of its own, in time, also when one is a fax machine.

use std::fs;
use std::path::PathBuf;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::{Party, share};

/// Each party's tone, in hertz.
const CALLER: f64 = 550.0;
const CALLER_NUMBER: &str = "+15557654321";
const CALLED: f64 = 900.0;
/// What a fax machine answers with (CED, ITU-T T.30).
const FAX: f64 = 2_100.0;
const SECOND: usize = 8_000;
/// Bytes of a WAV file's header, and of a second of both sides.
const HEADER: usize = 44;
const SECOND_BYTES: usize = 4 * SECOND;

/// A branch that records what 201 says and is told; 201 is registered and talks with the carrier's caller.
struct Scene {
    branch: Branch,
    caller: Party,
    called: Party,
    carrier: Sipp,
    phone: Sipp,
}

impl Scene {
    /// They talk, and are on tape; the caller hangs up `talk` ms after the answer.
    fn new(talk: &str) -> Scene {
        let text = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
             [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
             [[extension]]\nnumber = \"201\"\nsecret = { file = \"@DIR@/phone\" }\nrecord = \"always\"\n\
             [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
             [[inbound]]\nnumber = \"+15550101\"\nto = \"extension:201\"\n";
        let branch = Branch::run_with(text, "127.0.0.1:@PORT@", &[("phone", "tulip")]);
        let caller = Party::new(branch.free + 100, CALLER);
        let called = Party::new(branch.free + 110, CALLED);
        sipp(&branch, "register", 1, &[("expires", "300")]).succeeds();
        let rtp = called.port.to_string();
        let phone = sipp(&branch, "phone_answers", 1, &[("rtp", &*rtp), ("ring", "100")]);
        let rtp = caller.port.to_string();
        let keys = [("from", "+15557654321"), ("to", "+15550101"), ("more", "Subject: none")];
        let keys = [&keys[..], &[("rtp", &*rtp), ("talk", talk)]].concat();
        let carrier = sipp(&branch, "trunk_says", 2, &keys);
        let scene = Scene { branch, caller, called, carrier, phone };
        let port = |sipp: &Sipp| scene.branch.until("where to speak", || sipp.audio_port());
        scene.caller.speak_to(port(&scene.carrier));
        scene.called.speak_to(port(&scene.phone));
        scene
    }

    fn files(&self, end: &str) -> Vec<PathBuf> {
        let folder = self.branch.folder().join("data/recordings");
        let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let files = files.map(|file| file.path());
        files.filter(|path| path.extension().is_some_and(|own| own == end)).collect()
    }

    /// Waits until so many seconds are on the disk.
    fn runs_for(&self, seconds: usize) {
        let long = |path: &PathBuf| {
            fs::metadata(path)
                .is_ok_and(|file| file.len() as usize >= HEADER + seconds * SECOND_BYTES)
        };
        let what = format!("{seconds} s on tape");
        self.branch.until(&what, || self.files("part").iter().any(long).then_some(()));
    }

    /// The caller hangs up. The tape's file, and what is in it.
    fn end(&self) -> (PathBuf, Vec<u8>) {
        let file = self.branch.until("the whole file", || self.files("tape").pop());
        assert!(
            self.files("part").is_empty() && self.files("tape").len() == 1,
            "one tape, and whole"
        );
        let bytes = self.branch.opened(&file);
        (file, bytes)
    }

    /// The caller hangs up. What is on tape then, left and right.
    fn ends(self) -> [Vec<i16>; 2] {
        let (_, bytes) = self.end();
        let word = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
        assert_eq!((word(20), word(22), word(24), word(34)), (1, 2, SECOND, 16), "16 bits, stereo");
        let samples: Vec<_> = bytes[HEADER..]
            .chunks_exact(2)
            .map(|two| i16::from_le_bytes([two[0], two[1]]))
            .collect();
        self.carrier.succeeds();
        self.phone.succeeds();
        [0, 1].map(|side| samples.iter().skip(side).step_by(2).copied().collect())
    }
}

fn sipp(branch: &Branch, scenario: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let account = (scenario == "register").then_some(("201", "tulip"));
    let port = branch.free + port;
    Sipp::start(branch, &Setting { scenario, port, keys: &keys, account, transport: "u1" })
}

/// Half seconds of a side, without those in which it begins and ends.
fn pieces(side: &[i16]) -> impl Iterator<Item = &[i16]> {
    let pieces = side.len() / (SECOND / 2);
    side.chunks_exact(SECOND / 2).skip(1).take(pieces.saturating_sub(2))
}

/// Packets' lengths of a side, 20 ms each, that are `tone` and nothing else. On a machine that is busy a party may stutter,
/// which spoils those at the seams alone.
fn clean(side: &[i16], tone: f64) -> usize {
    side.chunks_exact(SECOND / 50).filter(|block| share(block, tone) > 0.9).count()
}

#[test]
fn a_conversation_on_tape_has_the_caller_left_and_the_called_right_and_nothing_of_the_other() {
    let scene = Scene::new("9000");
    scene.runs_for(3);
    assert!(scene.caller.heard().hears(CALLED) && scene.called.heard().hears(CALLER));
    let [left, right] = scene.ends();
    assert!(left.len() == right.len() && left.len() >= 3 * SECOND, "{} samples", left.len());
    for (side, own, other) in [(&left, CALLER, CALLED), (&right, CALLED, CALLER)] {
        assert!(pieces(side).all(|piece| share(piece, other) < 0.01), "nothing of {other} Hz");
        let (clean, all) = (clean(side, own), side.len() * 50 / SECOND);
        assert!(clean * 2 > all, "its own {own} Hz for {clean} of {all}");
    }
}

#[test]
fn a_fax_machine_in_a_call_on_tape_is_passed_on_as_it_is_and_the_tape_keeps_both_in_time() {
    let scene = Scene::new("13000");
    scene.runs_for(2);
    scene.called.sing(FAX);
    scene.branch.until("the fax machine", || scene.caller.heard().hears(FAX).then_some(()));
    let status = || scene.branch.ask(&["status"]);
    let machines = || {
        let counters = status()["counters"].clone();
        let line = counters.as_array()?.iter().find(|line| line[0] == "fax machines and modems")?;
        line[1].as_u64()
    };
    scene.branch.until("the machine to be noticed", || (machines() == Some(1)).then_some(()));
    let from = scene.caller.heard().samples.len();
    scene.branch.until("two seconds of fax", || {
        (scene.caller.heard().samples.len() > from + 2 * SECOND).then_some(())
    });
    let heard = scene.caller.heard().samples[from..].to_vec();
    assert!(share(&heard, FAX) > 0.995, "not a sample is lost, moved or made up on the way");
    assert!(scene.called.heard().hears(CALLER), "and the way back is open");
    scene.called.sing(CALLED);
    scene.branch.until("the voice again", || scene.caller.heard().hears(CALLED).then_some(()));
    assert_eq!(machines(), Some(1), "one machine");
    let [left, right] = scene.ends();
    assert_eq!(left.len(), right.len());
    let (caller, all) = (clean(&left, CALLER), left.len() * 50 / SECOND);
    assert!(caller * 2 > all, "the caller goes on as before: {caller} of {all}");
    let fax = clean(&right, FAX);
    assert!((50..250).contains(&fax), "two seconds of fax: {fax} of {all}");
    for half in [&right[..SECOND], &right[right.len() - SECOND..]] {
        let voice = clean(half, CALLED);
        assert!(voice >= 5 && clean(half, FAX) == 0, "the voice before and after: {voice}");
    }
}

#[test]
fn a_tape_of_somebody_who_is_erased_opens_no_more_not_even_a_copy_from_before() {
    let scene = Scene::new("3000");
    let (file, sound) = scene.end();
    // A stretch of both voices that stands nowhere else.
    let canary = sound[sound.len() / 2..][..64].to_vec();
    let branch = &scene.branch;
    let data = branch.folder().join("data");
    let clear = |folder: &std::path::Path| is_in_a_file(folder, &canary);
    assert!(!clear(&data), "no sound is on the disk in clear");
    let contact = |order: &[&str]| branch.answer(&[&["contact"], order].concat());
    branch.until("the call on the caller's timeline", || {
        let shown = contact(&["show", CALLER_NUMBER])?;
        shown.to_string().contains("recordings").then_some(())
    });
    let id = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
    let saved = branch.folder().join("saved.wav");
    let save = || {
        let (data, saved) = (data.to_str().expect("text"), saved.to_str().expect("text"));
        branch.orders(&["recording", &id, "--data", data, "-o", saved])
    };
    assert!(save());
    assert_eq!(fs::read(&saved).expect("a file"), sound, "whoever may opens it");
    fs::remove_file(&saved).expect("removed");
    let acts = branch.ask(&["acts"]).to_string();
    assert!(acts.contains("get_recording_audio") && acts.contains(&id), "{acts}");
    let copies = branch.folder().join("copies");
    fs::create_dir(&copies).expect("a folder");
    let copy = copies.join(file.file_name().expect("a name"));
    fs::copy(&file, &copy).expect("a copy");
    let hold = contact(&["hold", CALLER_NUMBER, "--reason", "a court asks"]).expect("held");
    assert!(contact(&["erase", CALLER_NUMBER, "--yes"]).is_none(), "a hold stands");
    assert!(file.exists() && branch.opened(&copy) == sound, "and keeps the key");
    let hold = hold["hold"].as_str().expect("an id").to_owned();
    contact(&["release", CALLER_NUMBER, &hold]).expect("released");
    contact(&["erase", CALLER_NUMBER, "--yes"]).expect("erased");
    assert!(!file.exists());
    let shut = branch.opens(&copy).expect_err("its key is gone").to_string();
    assert!(shut.contains("erased"), "{shut}");
    assert!(!clear(&data) && !clear(&copies));
    assert!(!save() && !saved.exists());
}

fn is_in_a_file(folder: &std::path::Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return is_in_a_file(&path, bytes);
        }
        // A file may go while we look, such as one of the store's that was replaced.
        let text = fs::read(&path).unwrap_or_default();
        text.windows(bytes.len()).any(|window| window == bytes)
    })
}
