//! A card number that is keyed in while a payment pause runs, three ways: as telephone-events, in the sound itself, and by
//! INFO. Then it is looked for in all that there is of the call; and, so that this search can fail, once more with the
//! same keys and no pause.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::UdpSocket;
use std::path::Path;

use serde_json::json;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::{Heard, Party, in_time, key_blocks};

const CALLER: f64 = 550.0;
const CALLED: f64 = 1_050.0;
const NUMBER: &str = "+15557654321";
/// Digits of a card's number, and of what stands on its back.
const KEYS: usize = 16 + 3;
/// Below the ports of all branches, which have to know them beforehand: of the two capture servers.
const CAPTURE: [u16; 2] = [10_070, 10_071];

const SITE: &str = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
    [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\nrecording_notice = false\n\
    [log]\nlevel = \"trace\"\n\
    [[extension]]\nnumber = \"201\"\nsecret = { file = \"@DIR@/phone\" }\nrecord = \"always\"\n\
    [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
    [[inbound]]\nnumber = \"+15550101\"\nto = \"extension:201\"\n";

/// What there is of a call, and where a card number may have gone.
struct Left {
    card: String,
    agent: Heard,
    /// What the agent's phone was told in signalling.
    agent_told: String,
    /// The caller's side of the recording, and how much of it is nothing at all.
    tape: Vec<i16>,
    /// Everything in bytes, by what it is.
    places: Vec<(&'static str, Vec<u8>)>,
}

fn digits() -> String {
    let random = RandomState::new();
    (0..KEYS).map(|at| char::from(b'0' + (random.hash_one(at) % 10) as u8)).collect()
}

/// An INFO for each key, as SIPp says them.
fn infos(card: &str) -> String {
    let one = |(at, key): (usize, char)| {
        let cseq = at + 2;
        format!(
            "<send retrans=\"500\"><![CDATA[\nINFO [next_url] SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
             From: \"SIPp\" <sip:[from]@[local_ip]:[local_port]>;tag=[call_number]c[pid]\n\
             To: <sip:[to]@[remote_ip]:[remote_port]>[peer_tag_param]\nCall-ID: [call_id]\n\
             CSeq: {cseq} INFO\nMax-Forwards: 70\nContent-Type: application/dtmf-relay\n\
             Content-Length: [len]\n\nSignal={key}\nDuration=160\n\n]]></send>\n\
             <recv response=\"200\"/>\n<pause milliseconds=\"300\"/>\n"
        )
    };
    card.chars().enumerate().map(one).collect()
}

/// 201 is registered; the carrier's caller is put through, keys the card number in three ways, and hangs up.
fn pay(capture: u16, paused: bool) -> Left {
    let card = digits();
    let server = UdpSocket::bind(("127.0.0.1", capture)).expect("the port is free");
    server.set_nonblocking(true).expect("a socket");
    let text = format!("{SITE}[capture]\nhep = \"127.0.0.1:{capture}\"\n");
    let files = [("phone", "tulip")];
    let branch = Branch::run_to(&text, "127.0.0.1:@PORT@", &files, Some("log"));
    let caller = Party::new(branch.free + 100, CALLER);
    let agent = Party::new(branch.free + 110, CALLED);
    let start = |scenario: &str, port: u16, keys: &[(&str, String)]| {
        let account = (scenario == "register").then_some(("201", "tulip"));
        let port = branch.free + port;
        Sipp::start(&branch, &Setting { scenario, port, keys, account, transport: "u1" })
    };
    start("register", 1, &[("expires", "300".to_owned())]).succeeds();
    let rtp = |party: &Party| ("rtp", party.port.to_string());
    let phone = start("phone_answers", 1, &[rtp(&agent), ("ring", "100".to_owned())]);
    let keys = [
        ("infos", infos(&card)),
        ("from", NUMBER.to_owned()),
        ("to", "+15550101".to_owned()),
        rtp(&caller),
        ("talk", "8000".to_owned()),
        ("after", "22000".to_owned()),
        ("more", "Subject: none".to_owned()),
    ];
    let carrier = start("trunk_keys_in", 2, &keys);
    for (party, signalling) in [(&caller, &carrier), (&agent, &phone)] {
        party.speak_to(branch.until("where to speak", || signalling.audio_port()));
    }
    branch.until("both voices", || {
        (caller.heard().hears(CALLED) && agent.heard().hears(CALLER)).then_some(())
    });
    let call = branch.ask(&["calls", "--active"])[0]["call"].as_str().expect("an id").to_owned();
    let order = |on: bool| {
        let done = branch.control(&json!({ "command": "payment", "call": call, "on": on }));
        assert_eq!(done["reply"], "done", "{done}");
    };
    if paused {
        order(true);
    }
    assert!(!carrier.has_got("INFO sip:"), "the pause came in time");
    branch.until("every key by INFO", || (carrier.count("CSeq: 20 INFO") >= 2).then_some(()));
    card.bytes().for_each(|key| caller.press(key - b'0'));
    branch.until("every key as an event", || caller.is_idle().then_some(()));
    caller.press_in_sound(&card);
    branch.until("every key in the sound", || caller.is_idle().then_some(()));
    let so_far = agent.heard().samples.len();
    branch.until("a second more", || (agent.heard().samples.len() > so_far + 8_000).then_some(()));
    branch.until("the voice, which goes on", || agent.heard().hears(CALLER).then_some(()));
    if paused {
        order(false);
        let ladder = branch.ask_text(&["calls", "show", &call]);
        assert!(ladder.contains("payment pause begins"), "{ladder}");
        assert!(ladder.contains("payment pause is over"), "{ladder}");
    }
    carrier.succeeds();
    let agent_told = phone.succeeds();
    branch.record(1);
    look(&branch, &server, &call, card, agent.heard(), agent_told)
}

/// Gathers all that is left.
fn look(
    branch: &Branch,
    server: &UdpSocket,
    call: &str,
    card: String,
    agent: Heard,
    agent_told: String,
) -> Left {
    let folder = branch.folder();
    let tape = branch.until("the recording", || {
        let files = fs::read_dir(folder.join("data/recordings")).ok()?.filter_map(Result::ok);
        let mut tapes = files.map(|file| file.path());
        tapes.find(|path| path.extension().is_some_and(|end| end == "tape"))
    });
    let tape = branch.opened(&tape);
    let pcap = folder.join("call.pcap");
    branch.ask_text(&["calls", "capture", call, "--out", &pcap.display().to_string()]);
    branch.until("the call on the timeline", || {
        let shown = branch.answer(&["contact", "show", NUMBER])?;
        shown.to_string().contains(call).then_some(())
    });
    let mut copies = Vec::new();
    let mut datagram = [0; 65_536];
    while let Ok(count) = server.recv(&mut datagram) {
        copies.extend_from_slice(&datagram[..count]);
    }
    let mut stored = Vec::new();
    all_files(&folder.join("data"), &mut stored);
    let text = |arguments: &[&str]| branch.ask_text(arguments).into_bytes();
    let data = folder.join("data").display().to_string();
    let places = vec![
        ("capture of the call", fs::read(&pcap).expect("a capture")),
        ("copies for the capture server", copies),
        ("log at trace", fs::read(folder.join("log")).expect("a log")),
        ("ladder", text(&["calls", "show", call, "--json"])),
        ("record of the call", text(&["calls", "--json"])),
        ("timeline", text(&["contact", "show", NUMBER, "--json"])),
        ("journal of people, opened", text(&["contact", "export", NUMBER])),
        ("journal, as it is", text(&["journal", &data, "--dump"])),
        ("acts", text(&["acts", "--json"])),
        ("every file of journal and store", stored),
        ("the recording", tape.clone()),
    ];
    let tape = tape[44..].chunks_exact(4).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    Left { card, agent, agent_told, tape, places }
}

fn all_files(folder: &Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        match entry.path().is_dir() {
            true => all_files(&entry.path(), all),
            // A file may go while we look.
            false => all.extend(fs::read(entry.path()).unwrap_or_default()),
        }
    }
}

impl Left {
    fn has(&self, place: &str, bytes: &[u8]) -> bool {
        let own = self.places.iter().find(|(name, _)| *name == place).expect("a place");
        own.1.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Where seven of the digits stand one after the other, or one of them as INFO says it.
    fn found(&self) -> Vec<&'static str> {
        let runs: Vec<&[u8]> = self.card.as_bytes().windows(7).collect();
        let has = |bytes: &[u8]| {
            runs.iter().any(|run| bytes.windows(run.len()).any(|window| window == *run))
                || (0..10).any(|key| {
                    let said = format!("Signal={key}");
                    bytes.windows(said.len()).any(|window| window == said.as_bytes())
                })
        };
        self.places.iter().filter(|(_, bytes)| has(bytes)).map(|(name, _)| *name).collect()
    }
}

#[test]
fn of_a_card_number_that_is_keyed_in_a_payment_pause_nothing_is_left_anywhere() {
    let left = pay(CAPTURE[0], true);
    println!(
        "{KEYS} keys three ways: to the agent {} events and {} blocks of tones in {} s, on tape {} in {} s",
        left.agent.digits.len(),
        left.agent.key_blocks(),
        left.agent.samples.len() / 8_000,
        key_blocks(&left.tape),
        left.tape.len() / 8_000,
    );
    assert!(left.agent.digits.is_empty(), "{:?}", left.agent.digits);
    assert_eq!((left.agent.keys_in_sound().as_str(), left.agent.key_blocks()), ("", 0));
    assert!(!left.agent_told.contains("Signal="), "{}", left.agent_told);
    assert_eq!(key_blocks(&left.tape), 0, "no tone on tape");
    let silent = left.tape.iter().filter(|sample| **sample == 0).count();
    assert!(silent > 15 * 8_000 && left.tape.len() > silent + 4 * 8_000, "silence, and voice");
    for (name, bytes) in &left.places {
        println!("searched: {name}, {} bytes", bytes.len());
        assert!(!bytes.is_empty(), "{name}");
    }
    assert_eq!(left.found(), [""; 0]);
    // What was looked through is what it should be.
    for place in ["capture of the call", "copies for the capture server"] {
        assert!(left.has(place, b"INFO sip:") && left.has(place, NUMBER.as_bytes()), "{place}");
    }
    for place in ["record of the call", "timeline", "journal of people, opened"] {
        assert!(left.has(place, &NUMBER.as_bytes()[1..]), "{place}");
    }
    assert!(left.has("acts", b"begin_payment") && left.has("acts", b"end_payment"));
    assert!(left.has("log at trace", b"a payment pause begins"));
}

#[test]
fn the_same_keys_without_a_pause_are_heard_and_found() {
    in_time(in_the_open);
}

fn in_the_open() {
    let left = pay(CAPTURE[1], false);
    let mut told: Vec<u8> = left.agent.digits.values().map(|code| b'0' + code).collect();
    let mut keyed = left.card.repeat(2).into_bytes();
    told.sort_unstable();
    keyed.sort_unstable();
    println!(
        "{KEYS} keys three ways: to the agent {} events and {} blocks of tones, on tape {}",
        left.agent.digits.len(),
        left.agent.key_blocks(),
        key_blocks(&left.tape),
    );
    assert_eq!(told, keyed, "by INFO, and by events");
    assert_eq!(left.agent.keys_in_sound(), left.card);
    assert!(left.agent.key_blocks() > 10 * KEYS && key_blocks(&left.tape) > 10 * KEYS);
    // What is not secret stands where it belongs, and no place for numbers that are keyed in.
    let mut all = left.agent.clone();
    all.samples = left.tape.clone();
    assert_eq!(all.keys_in_sound(), left.card, "on tape");
}
