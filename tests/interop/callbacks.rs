//! Callers who would rather be called back: SIPp is who calls, the agent's phone, and the carrier's phone that the box calls
//! back. Each party has a tone of its own; what became of the promise is read from the journal.

use std::time::{Duration, Instant};

use branchline::journal::event::Event;
use branchline::journal::replay::Replay;
use branchline::journal::work::Work;
use serde_json::Value;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

/// Each party's tone, in hertz.
const CALLER: f64 = 550.0;
const AGENT: f64 = 900.0;
const PERSON: f64 = 1_250.0;

const CONFIG: &str = r#"[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = []
tls = []
digests = ["md5"]
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
[[extension]]
number = "202"
secret = { file = "@DIR@/202" }
[[trunk]]
name = "carrier"
accept_from = ["127.0.0.1"]
servers = ["127.0.0.1:@CARRIER@"]
probe = 0
[[inbound]]
number = "+15550100"
to = "ivr:main"
[[inbound]]
number = "+15550101"
to = "queue:support"
[[outbound]]
name = "outside"
prefix = "9"
strip = 1
trunks = ["carrier"]
[[queue]]
name = "support"
members = ["ann"]
wrap_up = 1
callback = { key = "1", dial = "9", tries = @TRIES@, every = 60 }
[[agent]]
id = "ann"
extension = "202"
[flow.main]
start = "menu"
[flow.main.menu.menu]
prompt = ["welcome", "callback-offer", "n5"]
choices = { 5 = "back" }
[flow.main.callback.back]
queue = "support"
keyed = true
"#;

/// A branch where nobody is signed in, a caller's ear and mouth, an agent's, and a person's at the carrier.
struct Scene {
    branch: Branch,
    caller: Party,
    agent: Party,
    person: Party,
}

impl Scene {
    fn new(tries: u8) -> Scene {
        let text = CONFIG.replace("@TRIES@", &tries.to_string());
        let branch = Branch::run_with(&text, "127.0.0.1:@PORT@", &[("202", "secret\n")]);
        let caller = Party::new(branch.free + 100, CALLER);
        let agent = Party::new(branch.free + 110, AGENT);
        let person = Party::new(branch.free + 130, PERSON);
        Scene { branch, caller, agent, person }
    }

    fn sipp(&self, scenario: &str, port: u16, keys: &[(&str, String)], account: bool) -> Sipp {
        let account = account.then_some(("202", "secret"));
        let port = self.branch.free + port;
        Sipp::start(&self.branch, &Setting { scenario, port, keys, account, transport: "u1" })
    }

    /// Somebody calls a number of the branch, and stays until the branch hangs up.
    fn calls(&self, from: &str, to: &str) -> Sipp {
        let keys = [
            ("from", from.to_owned()),
            ("to", to.to_owned()),
            ("rtp", self.caller.port.to_string()),
        ];
        let calls = self.sipp("trunk_waits", 2, &keys, false);
        self.branch.until("the branch to speak", || self.caller.heard().loud().then_some(()));
        calls
    }

    fn presses(&self, keys: &[u8]) {
        keys.iter().for_each(|key| self.caller.press(*key));
    }

    /// The agent's phone registers and dials the code to sign in.
    fn agent_comes(&self) {
        self.sipp("register", 5, &[("expires", "300".to_owned())], true).succeeds();
        let rtp = Party::new(self.branch.free + 120, 700.0);
        let keys = [("to", "*41".to_owned()), ("rtp", rtp.port.to_string())];
        self.sipp("phone_dials", 5, &keys, true).succeeds();
    }

    /// The agent's phone, which answers after `ring` milliseconds.
    fn phone(&self, ring: u16) -> Sipp {
        let keys = [("ring", ring.to_string()), ("rtp", self.agent.port.to_string())];
        self.sipp("phone_answers", 5, &keys, false)
    }

    /// The person's phone behind the carrier.
    fn carrier(&self, scenario: &str, talk: u16) -> Sipp {
        let keys = [
            ("ring", "500".to_owned()),
            ("talk", talk.to_string()),
            ("rtp", self.person.port.to_string()),
        ];
        self.sipp(scenario, 1, &keys, false)
    }

    fn queue(&self) -> Value {
        self.branch.ask(&["queues"])[0].clone()
    }

    fn promised(&self, waiting: u64) {
        self.branch.until("the promise", || (self.queue()["waiting"] == waiting).then_some(()));
    }

    fn both_hear_each_other(&self) {
        self.branch.until("the person to hear the agent", || {
            self.person.heard().hears(AGENT).then_some(())
        });
        self.branch.until("the agent to hear the person", || {
            self.agent.heard().hears(PERSON).then_some(())
        });
        assert!(self.agent.heard().share(CALLER) < 0.05, "the first call is over");
    }

    /// What records say of items of work, in their order.
    fn work(&self) -> Vec<Work> {
        let mut found = Vec::new();
        let mut replay = Replay::default();
        let folder = self.branch.folder().join("data/journal");
        for segment in branchline::driver::segments::list(&folder).expect("segments") {
            let bytes = std::fs::read(&segment.path).expect("a segment");
            replay.read(&bytes, &mut |entry| {
                if let Some(Event::Work(work)) = entry.event {
                    found.push(work);
                }
            });
        }
        found
    }

    /// The names of the steps; all of them are one item's.
    fn steps(&self) -> Vec<String> {
        let work = self.work();
        assert!(work.iter().all(|step| step.item == work[0].item), "one interaction: {work:?}");
        let name = |work: &Work| serde_json::to_value(work).expect("JSON")["what"].clone();
        work.iter().map(|work| name(work).as_str().expect("a name").to_owned()).collect()
    }

    /// The agent has nothing to do any more, and nobody is called again.
    fn all_is_done(&self) {
        let state = || self.branch.ask(&["agents"])[0]["state"].clone();
        self.branch.until("ann to be ready", || (state() == "ready").then_some(()));
        let until = Instant::now() + Duration::from_secs(3);
        // Whatever were to ring would ring at once: she is free.
        while Instant::now() < until {
            assert_eq!((state(), self.queue()["waiting"].clone()), ("ready".into(), 0.into()));
        }
    }

    /// An agent becomes free: her phone rings, then the person's, who talk for a while.
    fn agent_calls_back(&self, number: &str) -> Value {
        let person = self.carrier("phone_answers_hangs_up", 4_000);
        self.agent_comes();
        let phone = self.phone(1_500);
        self.branch.until("the agent's phone", || phone.has_got("INVITE sip:").then_some(()));
        assert!(!person.has_got("INVITE"), "nobody is called before the agent is there");
        self.both_hear_each_other();
        let live = self.branch.ask(&["calls", "--active"]);
        let call = live.as_array().expect("a list").iter().find(|call| call["doing"] == "talking");
        let call = call.expect("they talk")["call"].clone();
        let messages = person.succeeds();
        assert!(messages.contains(&format!("INVITE sip:{number}@127.0.0.1")), "{messages}");
        phone.succeeds();
        self.branch.until("its record", || {
            let calls = self.branch.ask(&["calls"]);
            calls.as_array()?.iter().find(|record| record["call"] == call).cloned()
        })
    }
}

const KEPT: [&str; 6] = ["offered", "taken", "attempted", "kept", "closed", "wrapped_up"];

#[test]
fn who_waits_presses_a_key_hangs_up_and_is_called_back_by_an_agent() {
    let scene = Scene::new(2);
    let calls = scene.calls("+15557654321", "+15550101");
    scene.presses(&[1, 1]);
    calls.succeeds();
    scene.promised(1);
    let record = scene.agent_calls_back("15557654321");
    assert_eq!((&record["direction"], &record["cause"]), (&"outbound".into(), &"completed".into()));
    assert!(record["talk_s"].as_f64().expect("a span") > 2.0, "{record}");
    scene.all_is_done();
    let steps = scene.steps();
    assert_eq!(steps[..3], ["queued", "promised", "moved"]);
    assert_eq!(steps[3..], KEPT);
    let work = scene.work();
    let call = |at: usize| work[at].call.expect("a call").to_string();
    assert_eq!(record["call"], call(5), "the interaction goes on in the call back");
    assert_ne!(call(0), call(5));
}

#[test]
fn a_flow_offers_a_call_back_and_the_caller_is_called_at_the_own_number() {
    let scene = Scene::new(2);
    let calls = scene.calls("+15557654321", "+15550100");
    scene.presses(&[5, 1]);
    calls.succeeds();
    scene.promised(1);
    // Who asks again is called once.
    let calls = scene.calls("+15557654321", "+15550100");
    scene.presses(&[5, 1]);
    calls.succeeds();
    scene.promised(1);
    let record = scene.agent_calls_back("15557654321");
    assert_eq!(record["cause"], "completed");
    scene.all_is_done();
    let steps = scene.steps();
    assert_eq!(
        (&steps[..2], &steps[2..]),
        (&["queued", "promised"].map(String::from)[..], &KEPT.map(String::from)[..])
    );
}

#[test]
fn who_hides_the_number_keys_another_one_and_nobody_is_made_to_call_a_dear_one() {
    let scene = Scene::new(2);
    let calls = scene.calls("anonymous", "+15550100");
    // 1-900 and 911 are refused, 408 555 1234 is read back and confirmed.
    scene.presses(&[5, 1, 9, 0, 0, 5, 5, 5, 1, 2, 3, 4, 11, 9, 1, 1, 11]);
    scene.presses(&[4, 0, 8, 5, 5, 5, 1, 2, 3, 4, 11, 1]);
    calls.succeeds();
    scene.promised(1);
    scene.agent_calls_back("14085551234");
    scene.all_is_done();
    assert_eq!(scene.steps()[2..], KEPT);
}

#[test]
fn who_is_busy_is_called_again_a_minute_later_and_then_no_more() {
    let scene = Scene::new(2);
    let calls = scene.calls("+15557654321", "+15550101");
    scene.presses(&[1, 1]);
    calls.succeeds();
    scene.promised(1);
    let person = scene.carrier("phone_busy", 0);
    scene.agent_comes();
    let phone = scene.phone(300);
    person.succeeds();
    phone.succeeds();
    let failed = Instant::now();
    scene.promised(1);
    let person = scene.carrier("phone_answers_hangs_up", 3_000);
    let phone = scene.phone(300);
    let soon = failed + Duration::from_secs(50);
    while Instant::now() < soon {
        assert!(!phone.has_got("INVITE sip:"), "not before its time");
        std::thread::sleep(Duration::from_millis(200));
    }
    scene.both_hear_each_other();
    person.succeeds();
    phone.succeeds();
    scene.all_is_done();
    let steps = scene.steps();
    assert_eq!(steps[3..7], ["offered", "taken", "attempted", "attempt_failed"]);
    assert_eq!(steps[7..], KEPT);
}

#[test]
fn who_does_not_answer_as_often_as_was_promised_is_called_no_more_and_the_agent_is_free() {
    let scene = Scene::new(1);
    let calls = scene.calls("+15557654321", "+15550101");
    scene.presses(&[1, 1]);
    calls.succeeds();
    scene.promised(1);
    let person = scene.carrier("phone_rings", 0);
    scene.agent_comes();
    let phone = scene.phone(300);
    person.succeeds();
    phone.succeeds();
    scene.all_is_done();
    assert_eq!(scene.steps()[3..], ["offered", "taken", "attempted", "attempt_failed"]);
}
