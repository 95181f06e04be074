//! Calls through the demo branch: SIPp is the carrier and the desk phones, the test's own parties are their ears.

use serde_json::Value;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

/// Each party's tone, in hertz.
const CALLER: f64 = 550.0;
const AGENT: f64 = 900.0;

/// One branch with a caller's and an agent's sound beside it.
struct Scene {
    branch: Branch,
    caller: Party,
    agent: Party,
}

impl Scene {
    /// A branch; 202 is registered and signed in, if wanted.
    fn new(signed_in: bool) -> Scene {
        let branch = Branch::start();
        let caller = Party::new(branch.free + 100, CALLER);
        let agent = Party::new(branch.free + 110, AGENT);
        let scene = Scene { branch, caller, agent };
        if signed_in {
            scene.register("202", 1);
            scene.dial("202", "*41", 1);
            scene
                .branch
                .until("ann to be ready", || (scene.state_of("ann") == "ready").then_some(()));
        }
        scene
    }

    /// Port number `number` for a SIPp.
    fn port(&self, number: u16) -> u16 {
        self.branch.free + number
    }

    fn register(&self, user: &str, port: u16) {
        let setting = Setting {
            scenario: "register",
            port: self.port(port),
            keys: &[("expires", "300".to_owned())],
            account: Some((user, &self.branch.password(user))),
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting).succeeds();
    }

    /// A phone dials a code and is hung up on when it has heard the answer.
    fn dial(&self, user: &str, to: &str, port: u16) {
        let party = Party::new(self.branch.free + 120, 1_250.0);
        let setting = Setting {
            scenario: "phone_dials",
            port: self.port(port),
            keys: &[("to", to.to_owned()), ("rtp", party.port.to_string())],
            account: Some((user, &self.branch.password(user))),
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting).succeeds();
    }

    /// The phone of 202, on the port that it registered from.
    fn phone(&self, scenario: &'static str, keys: &[(&str, String)]) -> Sipp {
        let keys: Vec<_> = [("rtp", self.agent.port.to_string())]
            .into_iter()
            .chain(keys.iter().cloned())
            .collect();
        let setting =
            Setting { scenario, port: self.port(1), keys: &keys, account: None, transport: "u1" };
        Sipp::start(&self.branch, &setting)
    }

    /// The phone of 201 calls `to`, and hangs up after `talk` ms of talk.
    fn calls(&self, to: &str, talk: u16) -> Sipp {
        let keys = [
            ("to", to.to_owned()),
            ("rtp", self.caller.port.to_string()),
            ("talk", talk.to_string()),
        ];
        let setting = Setting {
            scenario: "phone_dials_hangs_up",
            port: self.port(2),
            keys: &keys,
            account: Some(("201", &self.branch.password("201"))),
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting)
    }

    /// The carrier calls `to`.
    fn carrier(&self, scenario: &'static str, to: &str, keys: &[(&str, String)]) -> Sipp {
        let own = [
            ("from", "+15557654321".to_owned()),
            ("to", to.to_owned()),
            ("rtp", self.caller.port.to_string()),
        ];
        let keys: Vec<_> = own.into_iter().chain(keys.iter().cloned()).collect();
        let setting =
            Setting { scenario, port: self.port(2), keys: &keys, account: None, transport: "u1" };
        Sipp::start(&self.branch, &setting)
    }

    fn state_of(&self, agent: &str) -> String {
        let agents = self.branch.ask(&["agents"]);
        let found = agents.as_array().into_iter().flatten().find(|line| line["agent"] == agent);
        found.map_or_else(String::new, |line| line["state"].as_str().unwrap_or_default().to_owned())
    }

    /// The caller hears the menu and presses a key.
    fn press(&self, key: u8) {
        self.branch.until("the menu", || self.caller.heard().loud().then_some(()));
        self.caller.press(key);
    }

    fn both_hear_each_other(&self) {
        self.branch.until("the caller to hear the agent", || {
            self.caller.heard().hears(AGENT).then_some(())
        });
        self.branch.until("the agent to hear the caller", || {
            self.agent.heard().hears(CALLER).then_some(())
        });
    }
}

fn text<'v>(record: &'v Value, key: &str) -> &'v str {
    record[key].as_str().unwrap_or_default()
}

#[test]
fn a_caller_reaches_an_agent_through_menu_and_queue_and_hangs_up() {
    let scene = Scene::new(true);
    let before = scene.branch.records();
    let phone = scene.phone("phone_answers", &[("ring", "200".to_owned())]);
    let carrier = scene.carrier("trunk_hangs_up", "+15550100", &[("talk", "4000".to_owned())]);
    scene.press(1);
    scene.both_hear_each_other();
    assert_eq!(scene.state_of("ann"), "talking");
    carrier.succeeds();
    phone.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!(text(&record, "direction"), "inbound");
    assert_eq!((text(&record, "from"), text(&record, "to")), ("+15557654321", "+15550100"));
    assert_eq!((text(&record, "queue"), text(&record, "agent")), ("support", "ann"));
    assert_eq!((text(&record, "cause"), text(&record, "class")), ("completed", "success"));
    assert!(record["talk_s"].as_f64().unwrap() > 1.0, "{record}");
    assert_eq!(record["loss_percent"].as_f64(), Some(0.0), "{record}");
    assert!(record["mos"].as_f64().unwrap() > 4.0, "{record}");
    scene.branch.until("after-work", || (scene.state_of("ann") == "wrap-up").then_some(()));
    scene
        .branch
        .until("ann to be ready again", || (scene.state_of("ann") == "ready").then_some(()));
}

#[test]
fn the_agent_hangs_up_and_the_caller_is_let_go() {
    let scene = Scene::new(true);
    let before = scene.branch.records();
    let keys = [("ring", "100".to_owned()), ("talk", "2000".to_owned())];
    let phone = scene.phone("phone_answers_hangs_up", &keys);
    let carrier = scene.carrier("trunk_waits", "+15550100", &[]);
    scene.press(1);
    scene.both_hear_each_other();
    phone.succeeds();
    carrier.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!((text(&record, "agent"), text(&record, "cause")), ("ann", "completed"));
}

#[test]
fn a_caller_who_gives_up_while_it_rings_is_recorded_so() {
    let scene = Scene::new(false);
    scene.register("201", 1);
    let before = scene.branch.records();
    let phone = scene.phone("phone_rings", &[]);
    scene.carrier("trunk_cancels", "+15550101", &[]).succeeds();
    phone.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!((text(&record, "cause"), text(&record, "class")), ("abandoned", "caller"));
    assert!(record["connected"].is_null(), "nobody was reached");
}

#[test]
fn a_busy_phone_is_busy_to_the_caller() {
    let scene = Scene::new(false);
    scene.register("201", 1);
    let before = scene.branch.records();
    let phone = scene.phone("phone_busy", &[]);
    scene.carrier("trunk_refused", "+15550101", &[("code", "486".to_owned())]).succeeds();
    phone.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!((text(&record, "cause"), text(&record, "class")), ("busy", "upstream"));
}

#[test]
fn a_phone_that_nobody_answers_stops_ringing() {
    let scene = Scene::new(false);
    scene.register("201", 1);
    let before = scene.branch.records();
    let phone = scene.phone("phone_rings", &[]);
    scene.carrier("trunk_refused", "+15550101", &[("code", "480".to_owned())]).succeeds();
    phone.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!((text(&record, "cause"), text(&record, "class")), ("no_answer", "upstream"));
}

#[test]
fn a_number_that_leads_nowhere_and_a_phone_that_is_not_there() {
    let scene = Scene::new(false);
    let before = scene.branch.records();
    scene.carrier("trunk_refused", "+15550199", &[("code", "404".to_owned())]).succeeds();
    assert_eq!(text(&scene.branch.record(before + 1), "cause"), "no_such_number");
    scene.carrier("trunk_refused", "+15550101", &[("code", "480".to_owned())]).succeeds();
    assert_eq!(text(&scene.branch.record(before + 2), "cause"), "not_registered");
}

/// Who is put on hold hears music, and hears the other side again afterwards.
#[test]
fn hold_plays_music_and_resume_brings_the_voice_back() {
    let scene = Scene::new(true);
    let phone = scene.phone("phone_answers", &[("ring", "100".to_owned())]);
    let carrier = scene.carrier("trunk_holds", "+15550100", &[("talk", "3000".to_owned())]);
    scene.press(1);
    scene.both_hear_each_other();
    scene.branch.until("the agent to hear music", || {
        let heard = scene.agent.heard();
        (heard.loud() && heard.share(CALLER) < 0.2).then_some(())
    });
    scene.branch.until("the agent to hear the caller again", || {
        scene.agent.heard().hears(CALLER).then_some(())
    });
    scene.branch.until("the caller to hear the agent again", || {
        scene.caller.heard().hears(AGENT).then_some(())
    });
    carrier.succeeds();
    phone.succeeds();
}

/// A phone of the branch calls another by its number; each is challenged, and both hear each other.
#[test]
fn phones_of_the_branch_call_each_other() {
    let scene = Scene::new(false);
    scene.register("202", 1);
    let before = scene.branch.records();
    let phone = scene.phone("phone_answers", &[("ring", "100".to_owned())]);
    let dialling = scene.calls("202", 2500);
    scene.agent.speak_to(scene.branch.until("the offer to the phone", || phone.audio_port()));
    scene.both_hear_each_other();
    dialling.succeeds();
    phone.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!((text(&record, "direction"), text(&record, "cause")), ("internal", "completed"));
}

/// A phone behind an edge proxy (RFC 3327): its Contact and the inner proxy are addresses that nobody here reaches, so the
/// call arrives only because it goes back to whoever passed the REGISTER on, with the way written into it.
#[test]
fn a_phone_behind_a_proxy_is_called_along_its_path() {
    let scene = Scene::new(false);
    let register = |supported: &str, answer: &str, told: &str| {
        let keys = [
            ("expires", "300".to_owned()),
            ("supported", supported.to_owned()),
            ("answer", answer.to_owned()),
            ("told", told.to_owned()),
        ];
        let setting = Setting {
            scenario: "edge_registers",
            port: scene.port(1),
            keys: &keys,
            account: Some(("202", &scene.branch.password("202"))),
            transport: "u1",
        };
        Sipp::start(&scene.branch, &setting).succeeds();
    };
    register("timer", "420", "Unsupported: path");
    register("timer, path", "200", "Path: .sip:inner@10.99.0.7;lr");
    let before = scene.branch.records();
    let phone = scene.phone("edge_answers", &[("ring", "100".to_owned())]);
    let dialling = scene.calls("202", 2500);
    scene.agent.speak_to(scene.branch.until("the offer to the phone", || phone.audio_port()));
    scene.both_hear_each_other();
    dialling.succeeds();
    let messages = phone.succeeds().replace('\r', "");
    let (_, invite) = messages.split_once("INVITE ").expect("the call at the proxy");
    let (invite, _) = invite.split_once("\n\n").expect("its head");
    let edge = format!("Route: <sip:127.0.0.1:{};lr>\n", scene.port(1));
    assert!(invite.starts_with("sip:202@10.99.0.9:5062 SIP/2.0\n"), "{invite}");
    assert!(invite.contains(&format!("\n{edge}Route: <sip:inner@10.99.0.7;lr>\n")), "{invite}");
    let (_, bye) = messages.split_once("BYE ").expect("the end of the call");
    assert!(bye.contains(&format!("\n{edge}")), "{bye}");
    let record = scene.branch.record(before + 1);
    assert_eq!((text(&record, "direction"), text(&record, "cause")), ("internal", "completed"));
}

/// The echo test sends back what it hears.
#[test]
fn the_echo_test_is_an_echo() {
    let scene = Scene::new(false);
    let carrier = scene.carrier("trunk_hangs_up", "+15550100", &[("talk", "9000".to_owned())]);
    scene.press(9);
    scene
        .branch
        .until("the caller's own tone", || scene.caller.heard().hears(CALLER).then_some(()));
    carrier.succeeds();
}

/// A message is recorded with the caller's tone in it, ended by a key, and counted in the record.
#[test]
fn a_message_can_be_left() {
    let scene = Scene::new(false);
    let before = scene.branch.records();
    let carrier = scene.carrier("trunk_waits", "+15550100", &[]);
    scene.press(3);
    let folder = scene.branch.folder().join("data/recordings");
    scene.branch.until("the recording to begin", || {
        let parts = std::fs::read_dir(&folder).ok()?;
        let long = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.ok()?.metadata().ok().filter(|m| m.len() > 16_000)
        };
        parts.into_iter().find_map(long)
    });
    scene.caller.press(11);
    carrier.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!(record["recordings"].as_array().map(Vec::len), Some(1), "{record}");
    let file = scene.branch.until("the finished recording", || {
        let names = std::fs::read_dir(&folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        names.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "tape"))
    });
    let bytes = scene.branch.opened(&file);
    let samples: Vec<i16> =
        bytes[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let middle = samples[samples.len() / 4..samples.len() * 3 / 4].to_vec();
    let heard = crate::sound::Heard { samples: middle, ..Default::default() };
    assert!(heard.hears(CALLER), "the caller's tone is in the recording");
}

/// A call out over the trunk: the caller hears the carrier's own sound before anybody answers, and is challenged first.
#[test]
fn a_call_out_hears_the_carrier_before_it_is_answered() {
    let scene = Scene::new(false);
    let before = scene.branch.records();
    let keys = [("ring", "4000".to_owned()), ("rtp", scene.agent.port.to_string())];
    let carrier = Setting {
        scenario: "carrier_early",
        port: scene.branch.sip.port() + 5,
        keys: &keys,
        account: None,
        transport: "u1",
    };
    let carrier = Sipp::start(&scene.branch, &carrier);
    let dialling = scene.calls("95550123", 1500);
    scene.agent.speak_to(scene.branch.until("the call at the carrier", || carrier.audio_port()));
    scene
        .branch
        .until("the carrier's early sound", || scene.caller.heard().hears(AGENT).then_some(()));
    let up = scene.branch.ask(&["calls", "--active"]);
    assert_eq!(text(&up[0], "doing"), "ringing", "heard before it was answered");
    dialling.succeeds();
    let messages = carrier.succeeds();
    assert!(
        messages.contains("INVITE sip:5550123@127.0.0.1"),
        "the prefix is taken off: {messages}"
    );
    let record = scene.branch.record(before + 1);
    assert_eq!((text(&record, "direction"), text(&record, "cause")), ("outbound", "completed"));
}

/// Toll fraud: a caller from outside does not get out again, and a phone gets nowhere without its password.
#[test]
fn nobody_calls_out_who_may_not() {
    let scene = Scene::new(false);
    scene.carrier("trunk_refused", "95550123", &[("code", "403".to_owned())]).succeeds();
    let setting = Setting {
        scenario: "phone_refused",
        port: scene.port(3),
        keys: &[("to", "95550123".to_owned()), ("rtp", scene.caller.port.to_string())],
        account: Some(("201", "wrong")),
        transport: "u1",
    };
    Sipp::start(&scene.branch, &setting).succeeds();
}

/// Other programs have four of five ports of the range for sound, and get them while the box runs: nobody's call ends for
/// it, and an agent whose phone rings is reached.
#[test]
fn a_port_that_another_program_holds_costs_nobody_a_call() {
    let scene = Scene::new(true);
    let first = scene.branch.sip.port() + 100;
    let bind = |port: u16| std::net::UdpSocket::bind(("127.0.0.1", port)).ok();
    let pairs = (first..first + 400).step_by(2).filter(|port| port % 10 != 0);
    // Of some pairs the sound's port is taken, of others the reports'.
    let taken: Vec<_> = pairs.filter_map(|port| bind(port + u16::from(port % 4 == 0))).collect();
    assert!(taken.len() > 120, "the box has few of them: {}", taken.len());
    let before = scene.branch.records();
    let keys = [
        ("to", "600".to_owned()),
        ("rtp", scene.caller.port.to_string()),
        ("talk", "300".to_owned()),
    ];
    let setting = Setting {
        scenario: "phone_dials_hangs_up",
        port: scene.port(2),
        keys: &keys,
        account: Some(("201", &scene.branch.password("201"))),
        transport: "u1",
    };
    for round in 1..=5 {
        Sipp::start_many(&scene.branch, &setting, 4).succeeds();
        scene.branch.record(before + round * 4);
    }
    let calls = scene.branch.ask(&["calls"]);
    let causes = calls.as_array().expect("records").iter().take(20).map(|call| text(call, "cause"));
    assert_eq!(causes.collect::<Vec<_>>(), ["completed"; 20]);
    let phone = scene.phone("phone_answers", &[("ring", "200".to_owned())]);
    let carrier = scene.carrier("trunk_hangs_up", "+15550100", &[("talk", "4000".to_owned())]);
    scene.press(1);
    scene.both_hear_each_other();
    assert_eq!(scene.state_of("ann"), "talking");
    carrier.succeeds();
    phone.succeeds();
    assert_eq!(text(&scene.branch.record(before + 21), "agent"), "ann");
}
