//! A supervisor's own phone listens in to a conversation and is heard by nobody, by the agent, by both: what each of the
//! three hears, by a tone of each, and what is on the recording.

use std::fs;

use serde_json::json;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::{Heard, Party, in_time, share};

/// Each party's tone, in hertz.
const CALLER: f64 = 550.0;
const AGENT: f64 = 1_050.0;
const SUPERVISOR: f64 = 1_650.0;
const TONES: [f64; 3] = [CALLER, AGENT, SUPERVISOR];

const SITE: &str = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
    [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\nrecording_notice = false\nthreads = 3\n\
    [[extension]]\nnumber = \"201\"\nsecret = { file = \"@DIR@/phone\" }\nrecord = \"always\"\n\
    [[extension]]\nnumber = \"203\"\nsecret = { file = \"@DIR@/phone\" }\n\
    [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
    [[inbound]]\nnumber = \"+15550101\"\nto = \"extension:201\"\n";

fn sipp(branch: &Branch, scenario: &str, port: u16, user: &str, keys: &[(&str, &str)]) -> Sipp {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let account = (scenario == "register").then_some((user, "tulip"));
    let port = branch.free + port;
    Sipp::start(branch, &Setting { scenario, port, keys: &keys, account, transport: "u1" })
}

/// Which of the three tones make up the last half second.
fn tones(heard: &Heard) -> Vec<f64> {
    TONES.into_iter().filter(|tone| heard.share(*tone) > 0.2).collect()
}

#[test]
fn each_part_is_heard_by_whom_it_is_for_and_only_what_both_hear_is_on_the_recording() {
    in_time(supervised);
}

fn supervised() {
    let branch = Branch::run_with(SITE, "127.0.0.1:@PORT@", &[("phone", "tulip")]);
    let caller = Party::new(branch.free + 100, CALLER);
    let agent = Party::new(branch.free + 110, AGENT);
    let supervisor = Party::new(branch.free + 120, SUPERVISOR);
    for (port, user) in [(1, "201"), (3, "203")] {
        sipp(&branch, "register", port, user, &[("expires", "300")]).succeeds();
    }
    let port = |party: &Party| party.port.to_string();
    let phone = sipp(&branch, "phone_answers", 1, "", &[("rtp", &port(&agent)), ("ring", "100")]);
    let own =
        sipp(&branch, "phone_answers", 3, "", &[("rtp", &port(&supervisor)), ("ring", "100")]);
    let rtp = port(&caller);
    let keys = [("from", "+15557654321"), ("to", "+15550101"), ("more", "Subject: none")];
    let keys = [&keys[..], &[("rtp", &*rtp), ("talk", "24000")]].concat();
    let carrier = sipp(&branch, "trunk_says", 2, "", &keys);
    for (party, signalling) in [(&caller, &carrier), (&agent, &phone)] {
        party.speak_to(branch.until("where to speak", || signalling.audio_port()));
    }
    let all = || [&caller, &agent, &supervisor].map(|party| tones(&party.heard()));
    let hear = |what: &str, expected: [&[f64]; 3]| {
        branch.until(what, || (all() == expected).then_some(()));
        println!("{what}: caller, agent and supervisor hear {:?}", all());
        // And so it stays: nothing comes late, and what a machine that stood still left out comes back.
        let so_far = agent.heard().samples.len();
        branch.until("half a second", || {
            (agent.heard().samples.len() > so_far + 5_000).then_some(())
        });
        for (now, expected) in all().iter().zip(expected) {
            assert!(now.iter().all(|tone| expected.contains(tone)), "{what}: {now:?}");
        }
        branch.until(what, || (all() == expected).then_some(()));
    };
    hear("before", [&[AGENT], &[CALLER], &[]]);
    let call = branch.ask(&["calls", "--active"])[0]["call"].as_str().expect("an id").to_owned();
    let order = |mode: &str| {
        let wanted = json!({ "command": "supervise", "call": call, "phone": "203", "mode": mode });
        let done = branch.control(&wanted);
        assert_eq!(done["reply"], "done", "{done}");
    };
    order("monitor");
    supervisor.speak_to(branch.until("where to speak", || own.audio_port()));
    hear("monitor", [&[AGENT], &[CALLER], &[CALLER, AGENT]]);
    order("whisper");
    hear("whisper", [&[AGENT], &[CALLER, SUPERVISOR], &[CALLER, AGENT]]);
    order("barge");
    hear("barge", [&[AGENT, SUPERVISOR], &[CALLER, SUPERVISOR], &[CALLER, AGENT]]);
    order("monitor");
    hear("monitor again", [&[AGENT], &[CALLER], &[CALLER, AGENT]]);
    // By the keys of the supervisor's own phone.
    supervisor.press(5);
    hear("whisper by a key", [&[AGENT], &[CALLER, SUPERVISOR], &[CALLER, AGENT]]);
    let over = branch.control(&json!({ "command": "unsupervise", "call": call }));
    assert_eq!(over["reply"], "done", "{over}");
    own.succeeds();
    branch.until("the two alone", || {
        (tones(&caller.heard()) == [AGENT] && tones(&agent.heard()) == [CALLER]).then_some(())
    });
    let ladder = branch.ask_text(&["calls", "show", &call]);
    for words in ["203 listens in, heard by nobody", "heard by both", "203 listens in no more"] {
        assert!(ladder.contains(words), "{words} in {ladder}");
    }
    let acts = branch.ask(&["acts"]).to_string();
    for act in ["monitor_call", "whisper_call", "barge_call", "end_supervision"] {
        assert!(acts.contains(act), "{act} in {acts}");
    }
    carrier.succeeds();
    phone.succeeds();
    on_tape(&branch);
}

/// The caller alone on the left; the agent on the right, and the supervisor only while both heard them.
fn on_tape(branch: &Branch) {
    let folder = branch.folder().join("data/recordings");
    let file = branch.until("the recording", || {
        let mut files = fs::read_dir(&folder).ok()?.filter_map(Result::ok).map(|file| file.path());
        files.find(|path| path.extension().is_some_and(|end| end == "tape"))
    });
    let bytes = branch.opened(&file);
    let samples = bytes[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
    let samples: Vec<_> = samples.collect();
    let sides = [0, 1].map(|side| {
        let own: Vec<i16> = samples.iter().skip(side).step_by(2).copied().collect();
        // Quarters of a second in which each tone is.
        TONES.map(|tone| own.chunks_exact(2_000).filter(|part| share(part, tone) > 0.15).count())
    });
    println!("quarters of a second on tape with each tone, left and right: {sides:?}");
    let [[caller, others @ ..], [not, agent, supervisor]] = sides;
    assert!(caller > 20 && others == [0, 0], "the caller alone");
    // It was heard by both for a second or two, of more than eight in which it spoke.
    assert!(not == 0 && agent > 20 && (2..16).contains(&supervisor), "{sides:?}");
}
