//! Programs that take calls over: they answer in a flow, play, ask for keys, record, send callers on; keep what is said of a
//! card off a recording; bring two parties of one phone together. SIPp is the carrier and the phones.

use std::time::Duration;

use serde_json::Value;

use crate::Api;
use crate::driving::{Feed, phone, register};
use crate::peer::{Setting, Sipp};
use crate::sound::{Party, share};

const CONFIG: &str = r#"
[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = []
tls = []
digests = ["md5"]
[http]
listen = ["127.0.0.1:@SECOND@"]
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
recording_notice = false
[[extension]]
number = "201"
secret = { file = "@DIR@/phone" }
[[trunk]]
name = "carrier"
accept_from = ["127.0.0.1"]
[[inbound]]
number = "+15550100"
to = "ivr:desk"
[flow.desk]
start = "taken"
[flow.desk.program.taken]
wait = 1
otherwise = "extension:201"
"#;
/// Hertz.
const CALLER: f64 = 550.0;
const CALLED: f64 = 900.0;

fn sipp(api: &Api, scenario: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let account = (scenario == "register").then_some(("201", "tulip"));
    let port = api.branch.free + port;
    Sipp::start(&api.branch, &Setting { scenario, port, keys: &keys, account, transport: "u1" })
}

struct Scene {
    api: Api,
    feed: Feed,
    caller: Party,
    called: Party,
    carrier: Sipp,
    phone: Sipp,
    call: String,
}

impl Scene {
    /// A caller waits for a program; 201 would answer.
    fn new() -> Scene {
        let api = Api::start_own(CONFIG, &[("phone", "tulip")]);
        let caller = Party::new(api.branch.free + 100, CALLER);
        let called = Party::new(api.branch.free + 110, CALLED);
        sipp(&api, "register", 3, &[("expires", "300")]).succeeds();
        let rtp = called.port.to_string();
        let phone = sipp(&api, "phone_answers", 3, &[("rtp", &rtp), ("ring", "100")]);
        let feed = Feed::read(&api, None).begun();
        let rtp = caller.port.to_string();
        let keys = [("from", "+15557654321"), ("to", "+15550100"), ("rtp", rtp.as_str())];
        let carrier = sipp(&api, "trunk_waits", 4, &keys);
        let (_, waits) = feed.next("call_waits");
        assert_eq!((&waits["program"], &waits["from"]), (&"taken".into(), &"+15557654321".into()));
        let call = waits["call"].as_str().expect("an id").to_owned();
        Scene { api, feed, caller, called, carrier, phone, call }
    }

    fn order(&self, method: &str, verb: &str, body: Option<&str>) -> Value {
        self.api.order(method, &format!("/api/v1/calls/{}{verb}", self.call), body)
    }

    /// Both are heard: their sound goes to where the branch wants it.
    fn speak(&self) {
        for (sipp, party) in [(&self.carrier, &self.caller), (&self.phone, &self.called)] {
            let port = self.api.branch.until("where to speak", || sipp.audio_port());
            party.speak_to(port);
        }
    }

    fn state(&self) -> (String, String) {
        let (_, event) = self.feed.next("call_recording");
        let text = |name: &str| event[name].as_str().expect("text").to_owned();
        (text("state"), text("recording"))
    }
}

#[test]
fn a_program_answers_plays_collects_records_sends_on_and_pauses_the_tape() {
    let scene = Scene::new();
    scene.order("POST", "/play", Some(r#"{"prompt":"goodbye"}"#));
    scene.feed.next("call_played");
    // It waits a second for an order, and for as long as an order takes.
    scene.order("POST", "/collect", Some(r#"{"keys":3,"seconds":20,"prompt":"goodbye"}"#));
    let port = scene.api.branch.until("where to speak", || scene.carrier.audio_port());
    scene.caller.speak_to(port);
    std::thread::sleep(Duration::from_millis(1_500));
    [4, 0, 2].into_iter().for_each(|key| scene.caller.press(key));
    let (_, keys) = scene.feed.next("call_collected");
    assert_eq!((&keys["digits"], &keys["complete"]), (&"402".into(), &true.into()), "{keys}");
    // A message of the caller alone, until the program ends it.
    scene.order("POST", "/recording", None);
    std::thread::sleep(Duration::from_millis(1_200));
    scene.order("DELETE", "/recording", None);
    // On to a phone, where the two are on tape; the middle of it is nobody's business.
    scene.order("POST", "/transfer", Some(r#"{"to":"201"}"#));
    loop {
        if scene.feed.next("call_answered").1["by"] == "extension 201" {
            break;
        }
    }
    scene.speak();
    let path = format!("/api/v1/calls/{}", scene.call);
    let pause = format!("{path}/recording/pause");
    let way = crate::Way::token(&scene.api.token);
    scene.api.ask(&way, "POST", &pause, None).is_problem(422, "refused");
    scene.api.branch.until("both to be heard", || {
        (scene.caller.heard().hears(CALLED) && scene.called.heard().hears(CALLER)).then_some(())
    });
    scene.order("POST", "/recording", None);
    let (state, recording) = scene.state();
    assert_eq!(state, "runs");
    std::thread::sleep(Duration::from_millis(1_500));
    scene.order("POST", "/recording/pause", None);
    assert_eq!(scene.state(), ("paused".to_owned(), recording.clone()));
    std::thread::sleep(Duration::from_millis(1_500));
    scene.order("DELETE", "/recording/pause", None);
    assert_eq!(scene.state(), ("runs".to_owned(), recording.clone()));
    std::thread::sleep(Duration::from_millis(1_500));
    scene.order("DELETE", "/recording", None);
    assert_eq!(scene.state(), ("ended".to_owned(), recording.clone()));
    scene.order("DELETE", "", None);
    scene.carrier.succeeds();
    scene.phone.succeeds();
    // One file: both tones, a silence in the middle as long as the pause, both tones again.
    let file = scene.api.branch.folder().join("tape.wav");
    let record = scene.api.branch.until("its record", || {
        let one = scene.api.order("GET", &path, None);
        one["record"].is_object().then(|| one["record"].clone())
    });
    let tapes = record["recordings"].as_array().expect("a list").clone();
    assert_eq!(tapes.len(), 2, "the message, and the tape: {record}");
    assert!(tapes.contains(&recording.as_str().into()), "{record}");
    let out = file.display().to_string();
    let audio = format!("/api/v1/recordings/{recording}/audio");
    let header = format!("Authorization: Bearer {}", scene.api.token);
    scene.api.branch.until("the whole tape", || {
        let answer = scene.api.curl(&audio, &["-H", &header, "--output", &out, "--no-include"]);
        (answer.status == 200).then_some(())
    });
    let bytes = std::fs::read(&file).expect("the tape");
    let samples: Vec<i16> =
        bytes[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    for (side, tone) in [(0, CALLER), (1, CALLED)] {
        let side: Vec<i16> = samples.iter().skip(side).step_by(2).copied().collect();
        // Quarters of a second: sound, silence, sound.
        let kinds: Vec<char> = side
            .chunks_exact(2_000)
            .map(|piece| match piece.iter().all(|sample| *sample == 0) {
                true => '.',
                false if share(piece, tone) > 0.5 => 's',
                false => '?',
            })
            .collect();
        let text: String = kinds.iter().collect();
        eprintln!("tone {tone}: {text}");
        let (first, last) = (text.find('.').expect("a pause"), text.rfind('.').expect("a pause"));
        assert!((3..=7).contains(&(last + 1 - first)), "{text}");
        assert!(text[..first].contains("sss") && text[last..].contains("sss"), "{text}");
        assert!(text[first..=last].chars().all(|kind| kind == '.'), "{text}");
    }
    let acts = scene.api.order("GET", "/api/v1/acts", None).to_string();
    for act in ["start_recording", "pause_recording", "go_on_recording", "collect_keys"] {
        assert!(acts.contains(act), "{act} in {acts}");
    }
}

#[test]
fn a_caller_whom_no_program_takes_over_goes_on() {
    let scene = Scene::new();
    loop {
        if scene.feed.next("call_answered").1["by"] == "extension 201" {
            break;
        }
    }
    // It is the phone's call now, and a program may what it may there.
    scene.order("DELETE", "", None);
    scene.carrier.succeeds();
    scene.phone.succeeds();
}

#[test]
fn a_program_brings_two_parties_of_a_phone_together() {
    let api = Api::start();
    register(&api, &["201", "202", "203"]);
    let rtp = (api.branch.free + 110).to_string();
    let keys = [("rtp", rtp), ("ring", "100".to_owned())];
    let port = api.branch.free + 1;
    let setting =
        Setting { scenario: "phone_answers", port, keys: &keys, account: None, transport: "u1" };
    let asks = Sipp::start_many(&api.branch, &setting, 2);
    let (second, third) = (phone(&api, 2), phone(&api, 3));
    let feed = Feed::read(&api, None).begun();
    let mut calls = Vec::new();
    for to in ["202", "203"] {
        let begun =
            api.order("POST", "/api/v1/calls", Some(&format!(r#"{{"from":"201","to":"{to}"}}"#)));
        calls.push(begun["call"].as_str().expect("an id").to_owned());
        for by in ["extension 201".to_owned(), format!("extension {to}")] {
            assert_eq!(feed.next("call_answered").1["by"], by.as_str());
        }
    }
    let path = format!("/api/v1/calls/{}/transfer", calls[0]);
    api.order("POST", &path, Some(&format!(r#"{{"with":"{}"}}"#, calls[1])));
    feed.next("call_transferred");
    // The phone in the middle is out of it, and the two talk.
    asks.succeeds();
    let live = api.branch.until("the two to be together", || {
        let live = api.order("GET", "/api/v1/calls/live", None);
        let items = live["items"].as_array().expect("a list").clone();
        (items.len() == 1 && !items[0].to_string().contains("extension 201"))
            .then(|| items[0].clone())
    });
    assert!(live.to_string().contains("extension 203"), "{live}");
    api.order("DELETE", &format!("/api/v1/calls/{}", live["call"].as_str().expect("an id")), None);
    second.succeeds();
    third.succeeds();
}
