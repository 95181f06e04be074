//! Callers who are asked how it was: SIPp is who calls and the agent's phone; what the branch made of it is read from its own
//! reports and from the callers' records.

use serde_json::Value;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

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
[[inbound]]
number = "+15550101"
to = "queue:monthly"
[[inbound]]
number = "+15550102"
to = "queue:always"
[[queue]]
name = "monthly"
members = ["ann"]
wrap_up = 1
survey = { flow = "survey", every_days = 30 }
[[queue]]
name = "always"
members = ["ann"]
wrap_up = 1
survey = { flow = "survey", every_days = 0 }
[[agent]]
id = "ann"
extension = "202"
[flow.survey]
start = "ask"
[flow.survey.collect.ask]
prompt = ["survey-satisfied", "survey-or-never"]
variable = "score"
min = 1
max = 1
next = "thanks"
[flow.survey.hang_up.thanks]
prompt = "survey-thanks"
"#;

const MONTHLY: &str = "+15550101";
const ALWAYS: &str = "+15550102";
/// The event of the star (RFC 4733 section 3.2).
const STAR: u8 = 10;

/// A branch with one agent at a phone, and an ear and a mouth for callers.
struct Scene {
    branch: Branch,
    caller: Party,
    agent: Party,
}

impl Scene {
    fn new() -> Scene {
        let branch = Branch::run_with(CONFIG, "127.0.0.1:@PORT@", &[("202", "secret\n")]);
        let caller = Party::new(branch.free + 100, 550.0);
        let agent = Party::new(branch.free + 110, 900.0);
        let scene = Scene { branch, caller, agent };
        scene.sipp("register", 5, &[("expires", "300".to_owned())], true).succeeds();
        let keys = [("to", "*41".to_owned()), ("rtp", scene.agent.port.to_string())];
        scene.sipp("phone_dials", 5, &keys, true).succeeds();
        scene
    }

    fn sipp(&self, scenario: &str, port: u16, keys: &[(&str, String)], account: bool) -> Sipp {
        let account = account.then_some(("202", "secret"));
        let port = self.branch.free + port;
        Sipp::start(&self.branch, &Setting { scenario, port, keys, account, transport: "u1" })
    }

    /// Somebody calls, talks with the agent, who hangs up, and stays. Then keys this, where the branch asks.
    fn calls(&self, from: &str, to: &str, key: Option<u8>) {
        let ready = || self.branch.ask(&["agents"])[0]["state"] == "ready";
        self.branch.until("ann to be ready", || ready().then_some(()));
        let keys = [("ring", "200".to_owned()), ("talk", "1500".to_owned())];
        let rtp = [("rtp", self.agent.port.to_string())];
        let phone = self.sipp("phone_answers_hangs_up", 5, &[&keys[..], &rtp[..]].concat(), false);
        let keys = [("from", from.to_owned()), ("to", to.to_owned())];
        let rtp = [("rtp", self.caller.port.to_string())];
        let call = self.sipp("trunk_waits", 2, &[&keys[..], &rtp[..]].concat(), false);
        phone.succeeds();
        if let Some(key) = key {
            let asks = || self.branch.ask(&["calls", "--active"])[0]["doing"] == "in the IVR";
            self.branch.until("the question", || asks().then_some(()));
            self.caller.press(key);
        }
        // The scenario ends with the branch's BYE: who is not asked is let go at once.
        call.succeeds();
    }

    /// Above and below the line of a figure.
    fn figure(&self, formula: &str) -> (f64, f64) {
        let folder = self.branch.folder().join("data");
        let folder = folder.to_str().expect("a path");
        let options = ["report", "--data", folder, "--zone", "UTC", "--formula", formula];
        let report = self.branch.ask(&options);
        let number = |key: &str| report["totals"][0]["figures"][0][key].as_f64();
        (number("numerator").unwrap_or_default(), number("denominator").unwrap_or_default())
    }

    /// Surveys: answers, and how many were asked.
    fn answered(&self) -> (f64, f64) {
        self.figure("F13-csat-response")
    }

    fn record(&self, of: &str) -> (String, Value) {
        let text = self.branch.ask_text(&["contact", "show", of]);
        (text, self.branch.ask(&["contact", "show", of]))
    }
}

#[test]
fn who_was_asked_for_the_first_time_is_left_alone_for_a_month() {
    let scene = Scene::new();
    scene.calls("+15557654321", MONTHLY, Some(4));
    assert_eq!(scene.answered(), (1.0, 1.0));
    assert_eq!(scene.figure("F13-csat"), (1.0, 1.0), "4 of 5");
    scene.calls("+15557654321", MONTHLY, None);
    assert_eq!(scene.answered(), (1.0, 1.0), "not asked again");
    scene.calls("+15557650001", MONTHLY, Some(2));
    assert_eq!((scene.answered(), scene.figure("F13-csat")), ((2.0, 2.0), (1.0, 2.0)));
}

#[test]
fn who_presses_the_star_is_asked_no_more_and_the_record_says_so() {
    let scene = Scene::new();
    // Asked each time, until the star.
    scene.calls("+15557654321", ALWAYS, Some(5));
    scene.calls("+15557654321", ALWAYS, Some(STAR));
    assert_eq!(scene.answered(), (1.0, 2.0));
    let (page, record) = scene.record("+15557654321");
    assert!(page.contains("refused survey by voice"), "{page}");
    let consent = &record["contacts"][0]["consents"][0];
    assert_eq!((&consent["given"], &consent["purpose"]), (&false.into(), &"survey".into()));
    assert_eq!(consent["said"]["source"], "customer", "{consent}");
    scene.calls("+15557654321", ALWAYS, None);
    assert_eq!(scene.answered(), (1.0, 2.0), "not asked any more");
    // So is somebody of whom nothing is known before.
    scene.calls("+15557650001", ALWAYS, Some(STAR));
    scene.calls("+15557650001", ALWAYS, None);
    assert_eq!(scene.answered(), (1.0, 3.0));
    assert!(scene.record("+15557650001").0.contains("refused survey by voice"));
}
