//! A card number that is keyed in in a browser while a payment pause runs: telephone-events over DTLS-SRTP, which are for
//! nobody either.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use serde_json::json;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::phones::Phone;
use crate::sound::{Party, key_blocks};

const CUSTOMER: f64 = 523.0;
const AGENT: f64 = 1_050.0;
const KEYS: usize = 16 + 3;
const SECOND: usize = 8_000;

fn digits() -> String {
    let random = RandomState::new();
    (0..KEYS).map(|at| char::from(b'0' + (random.hash_one(at) % 10) as u8)).collect()
}

fn sipp(branch: &Branch, scenario: &str, keys: &[(&str, String)]) -> Sipp {
    let password = branch.password("202");
    let account = (scenario == "register").then_some(("202", password.as_str()));
    let port = branch.free + 1;
    Sipp::start(branch, &Setting { scenario, port, keys, account, transport: "u1" })
}

fn all_files(folder: &Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        match path.metadata() {
            Ok(what) if what.is_dir() => all_files(&path, all),
            // The modem's port is none: to read it is to wait for what the modem says.
            Ok(what) if what.is_file() => all.extend(fs::read(path).unwrap_or_default()),
            // A file may go while we look.
            _ => {}
        }
    }
}

/// A browser of this kind calls the desk phone 202, whose agent asks for a card number.
fn pays(kind: &str) {
    let branch = Branch::start();
    let agent = Party::new(branch.free + 210, AGENT);
    sipp(&branch, "register", &[("expires", "300".to_owned())]).succeeds();
    let keys = [("rtp", agent.port.to_string()), ("ring", "100".to_owned())];
    let desk_phone = sipp(&branch, "phone_answers", &keys);
    let mut phone = Phone::registered(&branch, kind, "201", CUSTOMER);
    phone.calls("202");
    agent.speak_to(branch.until("where to speak", || desk_phone.audio_port()));
    phone.hears(AGENT);
    branch.until("the customer", || agent.heard().hears(CUSTOMER).then_some(()));
    let call = branch.ask(&["calls", "--active"])[0]["call"].as_str().expect("an id").to_owned();
    let order = |order: &str, on: bool| {
        let done = branch.control(&json!({ "command": order, "call": call, "on": on }));
        assert_eq!(done["reply"], "done", "{done}");
    };
    order("tape", true);
    let files = |end: &str| {
        let folder = fs::read_dir(branch.folder().join("data/recordings")).ok()?;
        let mut files = folder.filter_map(Result::ok).map(|file| file.path());
        files.find(|path| path.extension().is_some_and(|own| own == end))
    };
    branch.until("the recording", || files("part"));
    branch.until("the customer again", || agent.heard().hears(CUSTOMER).then_some(()));
    let told = || agent.heard().digits.into_values().collect::<Vec<_>>();
    phone.run("phone.press('7')");
    branch.until("a key that is no secret", || (told() == [7]).then_some(()));
    order("payment", true);
    let card = digits();
    let before = agent.heard().samples.len();
    phone.run(&format!("phone.press('{card}')"));
    // JsSIP leaves half a second between them: the pause is over when the last of them has been sent, and not before.
    phone.until("the last key", "!phone.keysLeft()");
    let sent = agent.heard().samples.len();
    branch.until("what comes behind it", || {
        (agent.heard().samples.len() > sent + SECOND).then_some(())
    });
    assert_eq!(told(), [7], "nothing but what came before the pause");
    let seconds = (agent.heard().samples.len() - before) / SECOND;
    let heard = agent.heard();
    assert!(heard.hears(CUSTOMER), "the voice goes on");
    order("payment", false);
    phone.run("phone.press('3')");
    branch.until("a key that is none again", || (told().len() > 1).then_some(()));
    assert_eq!(told(), [7, 3], "and none between them");
    assert_eq!((heard.keys_in_sound().as_str(), heard.key_blocks()), ("", 0));
    phone.run("phone.hangUp()");
    phone.until("the end", "phone.ended !== ''");
    desk_phone.succeeds();
    branch.record(1);
    let tape = branch.opened(&branch.until("the whole recording", || files("tape")));
    let sides = [0, 2].map(|at| {
        let frames = tape[44..].chunks_exact(4);
        frames.map(|frame| i16::from_le_bytes([frame[at], frame[at + 1]])).collect::<Vec<_>>()
    });
    assert_eq!(sides.each_ref().map(|side| key_blocks(side)), [0, 0], "no tone on tape");
    let silent = sides[0].iter().filter(|sample| **sample == 0).count();
    assert!(silent + SECOND > seconds * SECOND, "silence for {seconds} s: {silent} samples");
    assert!(sides[0].len() > silent + SECOND, "and voice");
    let pcap = branch.folder().join("call.pcap");
    branch.ask_text(&["calls", "capture", &call, "--out", &pcap.display().to_string()]);
    let mut left = Vec::new();
    all_files(&branch.folder(), &mut left);
    left.extend(branch.ask_text(&["calls", "show", &call, "--json"]).into_bytes());
    let run = |run: &&[u8]| left.windows(run.len()).any(|window| window == *run);
    assert!(left.len() > 100_000, "there is something to look through");
    assert_eq!(card.as_bytes().windows(7).find(run), None, "in {} bytes", left.len());
    println!(
        "{kind}: {KEYS} keys in a pause of {seconds} s, to the agent {:?} in all; no tone in {} s on tape; {} bytes searched",
        told(),
        sides[0].len() / SECOND,
        left.len()
    );
}

#[test]
fn of_keys_that_sip_js_presses_in_a_payment_pause_nothing_is_left() {
    pays("sip.js");
}

#[test]
fn of_keys_that_jssip_presses_in_a_payment_pause_nothing_is_left() {
    pays("jssip");
}
