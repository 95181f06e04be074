//! The whole box, in a process of its own, with simulated modems at its lines: what comes is read over the API, what goes out
//! is seen by the network, and it is killed where that hurts.

mod quirks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use branchline::driver::channels::{Client, Reply};
use branchline::journal::act::Scope;
use branchline::messaging::web::Ask;
use branchline::sms::simulated::{Make, Registration, deliver};
use branchline::webhook::Reach;
use serde_json::{Value, json};

use crate::branch::Branch;
use crate::sim::{Sim, clock, delivers, read};

/// How long anything may take: a modem that comes back takes five seconds to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one request may take.
const SOON: Duration = Duration::from_secs(20);
/// When what the API did not take is asked again: its own advice is a second at least.
const AGAIN: Duration = Duration::from_secs(1);

/// A box and its modems.
struct Whole {
    branch: Branch,
    url: String,
    client: Client,
    token: String,
    runtime: tokio::runtime::Runtime,
}

impl Whole {
    fn start(channels: &str) -> Whole {
        let config = format!(
            "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n[media]\nport_min = @RTP_FIRST@\n\
             port_max = @RTP_LAST@\n[http]\nlisten = [\"127.0.0.1:@SECOND@\"]\n{channels}"
        );
        let branch = Branch::run_with(&config, "127.0.0.1:@PORT@", &[]);
        let url = format!("https://127.0.0.1:{}", branch.free + 2);
        let certificate: PathBuf = branch.folder().join("data/tls/certificate.pem");
        let near = Reach { private: true };
        let client = Client::new(near, Some(&certificate)).expect("the box's certificate");
        let mut add = vec!["token", "add", "test", "--role", "admin"];
        add.extend(Scope::ALL.iter().flat_map(|scope| ["--scope", scope.name()]));
        let token = branch.ask(&add)["token"].as_str().expect("a token").to_owned();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Whole { branch, url, client, token, runtime }
    }

    fn api(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        headers.extend(body.as_ref().map(|_| ("content-type", "application/json".to_owned())));
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let url = format!("{}/api/v1{path}", self.url);
        let ask = Ask { method, url, headers, body, within: SOON };
        let end = Instant::now() + PATIENCE;
        let mut reply = self.runtime.block_on(self.client.ask(&ask));
        // The API takes so many requests a second from one token, and none while its store is opened.
        while matches!(reply, Reply::Replied { status: 429 | 503, .. }) {
            assert!(Instant::now() < end, "{method} {path} was not taken: {reply:?}");
            std::thread::sleep(AGAIN);
            reply = self.runtime.block_on(self.client.ask(&ask));
        }
        match reply {
            Reply::Replied { status, body, .. } => {
                (status, serde_json::from_slice(&body).unwrap_or_default())
            }
            // It is being started again.
            _ => (0, Value::Null),
        }
    }

    /// Who has written, by their addresses.
    fn people(&self) -> Vec<String> {
        let (_, talks) = self.api("GET", "/conversations?limit=200", None);
        let talks = talks["items"].as_array().into_iter().flatten();
        talks.map(|talk| text(&talk["way"]["address"])).collect()
    }

    /// What people have written, as address and words.
    fn written(&self) -> Vec<(String, String)> {
        let (_, talks) = self.api("GET", "/conversations?limit=200", None);
        let mut written = Vec::new();
        for talk in talks["items"].as_array().into_iter().flatten() {
            let path = format!("/conversations/{}/messages?limit=200", text(&talk["conversation"]));
            let (_, messages) = self.api("GET", &path, None);
            for message in messages["items"].as_array().into_iter().flatten() {
                if message["direction"] == "in" {
                    let words = text(&message["pieces"][0]["text"]);
                    written.push((text(&message["way"]["address"]), words));
                }
            }
        }
        written.sort();
        written
    }

    fn send(&self, channel: &str, to: &str, text: &str) -> String {
        let wanted = json!({"channel": channel, "to": to, "text": text, "purpose": "code"});
        let (made, sent) = self.api("POST", "/messages", Some(wanted));
        assert_eq!(made, 201, "{sent}");
        self::text(&sent["message"])
    }

    fn state(&self, message: &str) -> String {
        text(&self.api("GET", &format!("/messages/{message}"), None).1["state"])
    }

    #[track_caller]
    fn until<T>(&self, what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + patience;
        loop {
            if let Some(found) = look() {
                return found;
            }
            let lines = || self.branch.ask_text(&["modems"]);
            assert!(Instant::now() < end, "{what} did not come\n{}", lines());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn stands(&self, message: &str, state: &str) {
        self.until(state, PATIENCE, || (self.state(message) == state).then_some(()));
    }

    /// How modems are, by their SIMs' names.
    fn modems(&self) -> BTreeMap<String, Value> {
        let lines = self.branch.ask(&["modems"]);
        let lines = lines.as_array().expect("a list").iter();
        lines.map(|line| (text(&line["name"]), line.clone())).collect()
    }

    #[track_caller]
    fn is(&self, sim: &str, state: &str) {
        self.until(state, PATIENCE, || (self.modems()[sim]["state"] == state).then_some(()));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

const ONE: &str = "[channels.sms]\nkind = \"modem\"\n";

/// One modem, and a box that has found it.
fn one(name: &str, make: Make) -> (Sim, Whole) {
    let sim = Sim::new(name, make);
    let whole = Whole::start(&format!("{ONE}{}", sim.table("sms", "front")));
    whole.is("front", "ready");
    (sim, whole)
}

#[test]
fn a_text_comes_in_an_answer_goes_out_and_its_report_is_seen() {
    let (sim, whole) = one("plain", Make::default());
    let long = "Is the bicycle ready? \u{1f6b2} ".repeat(9);
    for part in delivers("+15550001", &long, 3).into_iter().rev() {
        assert!(sim.receive(part));
    }
    assert!(sim.receive(deliver("+15550009", "short", clock())));
    let written = whole.until("both texts", PATIENCE, || {
        let written = whole.written();
        (written.len() >= 2).then_some(written)
    });
    let all = [("+15550001".to_owned(), long), ("+15550009".to_owned(), "short".to_owned())];
    assert_eq!(written, all);
    whole.until("an empty memory", PATIENCE, || (sim.kept() == 0).then_some(()));

    let words = "It is. ".repeat(40);
    let message = whole.send("sms", "+15550001", &words);
    whole.stands(&message, "sent");
    let sent = sim.sent();
    assert_eq!((sent.len(), read(&sent)), (2, words));
    assert!(sent.iter().all(|part| part.to() == "+15550001" && part.wants_report()));
    sim.plugged.with({
        let number = sent[0].reference;
        move |now, modem| modem.report(now, number, 0)
    });
    whole.until("one report", PATIENCE, || {
        (whole.modems()["front"]["outstanding"] == 1).then_some(())
    });
    assert_eq!(whole.state(&message), "sent", "one part of two");
    sim.report(1);
    whole.stands(&message, "delivered");
    assert_eq!(sim.sent().len(), 2);

    // What helps to find out what it lacks says nothing of anybody.
    let bundle = whole.branch.ask(&["modems", "doctor", "front"]).to_string();
    for secret in ["15550001", "15550009", "bicycle", "490154203237518", "8901260000000000018"] {
        assert!(!bundle.contains(secret), "{secret} in {bundle}");
    }
    assert!(bundle.contains("CMGL") && bundle.contains("\"profile\""), "{bundle}");
    let balance = whole.branch.ask_text(&["modems", "ask", "front", "*100#"]);
    assert!(balance.to_lowercase().contains("balance"), "{balance}");
    let table = whole.branch.ask_text(&["modems"]);
    assert!(table.contains("strong (21/31)") && table.contains("2 a day"), "{table}");
}

#[test]
fn a_kill_between_parts_loses_none_and_shows_the_text_once() {
    let (sim, mut whole) = one("parts", Make::default());
    let long = "All work and no play makes Jack a dull boy. ".repeat(10);
    let parts = delivers("+15550001", &long, 7);
    let count = parts.len();
    for (at, part) in parts.into_iter().enumerate() {
        assert!(sim.receive(part));
        whole.until("an empty memory", PATIENCE, || (sim.kept() == 0).then_some(()));
        if at + 1 < count {
            assert!(whole.written().is_empty());
            whole.branch.kill_and_start_again();
            whole.is("front", "ready");
        }
    }
    let written = whole.until("the text", PATIENCE, || {
        let written = whole.written();
        (!written.is_empty()).then_some(written)
    });
    assert_eq!(written, [("+15550001".to_owned(), long.clone())]);
    whole.branch.kill_and_start_again();
    whole.is("front", "ready");
    assert!(sim.receive(deliver("+15550001", "after", clock())));
    let written = whole.until("another", PATIENCE, || {
        let written = whole.written();
        (written.len() >= 2).then_some(written)
    });
    let from = "+15550001".to_owned();
    assert_eq!(written, [(from.clone(), long), (from, "after".to_owned())]);
}

#[test]
fn a_kill_between_wire_and_record_is_unknown_and_nothing_is_sent_again() {
    let (sim, mut whole) = one("wire", Make::default());
    sim.plugged.with(|_, modem| modem.lose_answer());
    let message = whole.send("sms", "+15550002", "once");
    whole.until("the part", PATIENCE, || (sim.sent().len() == 1).then_some(()));
    whole.branch.kill_and_start_again();
    whole.is("front", "ready");
    whole.stands(&message, "unknown");
    // What is asked for after it goes, and it does not come along.
    let next = whole.send("sms", "+15550002", "next");
    whole.stands(&next, "sent");
    let sent = sim.sent();
    assert_eq!((read(&sent[..1]), read(&sent[1..])), ("once".to_owned(), "next".to_owned()));
    sim.report(1);
    whole.stands(&next, "delivered");
    assert_eq!(whole.state(&message), "unknown");
}

#[test]
fn a_report_finds_its_message_after_a_kill() {
    let (sim, mut whole) = one("report", Make::default());
    let message = whole.send("sms", "+15550002", &"both parts ".repeat(20));
    whole.stands(&message, "sent");
    sim.report(1);
    whole.until("one report", PATIENCE, || {
        (whole.modems()["front"]["outstanding"] == 1).then_some(())
    });
    whole.branch.kill_and_start_again();
    whole.is("front", "ready");
    let number = sim.sent()[0].reference;
    sim.plugged.with(move |now, modem| modem.report(now, number, 0));
    whole.stands(&message, "delivered");
}

#[test]
fn a_full_memory_is_emptied_and_a_long_text_goes_through_two_places() {
    let sim = Sim::new("full", Make::default());
    sim.plugged.with(|_, modem| modem.set_capacity(2));
    let early: Vec<_> =
        (0..3).map(|n| sim.receive(deliver("+15550003", &format!("early {n}"), clock()))).collect();
    assert_eq!(early, [true, true, false], "its memory is full");
    let whole = Whole::start(&format!("{ONE}{}", sim.table("sms", "front")));
    whole.is("front", "ready");
    let long = "A text of more parts than there are places for. ".repeat(20);
    for part in delivers("+15550001", &long, 1) {
        whole.until("room", PATIENCE, || sim.receive(part.clone()).then_some(()));
    }
    let written = whole.until("all of it", PATIENCE, || {
        let written = whole.written();
        (written.len() >= 3).then_some(written)
    });
    assert_eq!(written[0], ("+15550001".to_owned(), long));
    assert!(written[1..].iter().all(|(from, _)| from == "+15550003"));
    assert!(!whole.modems()["front"]["full"].as_bool().expect("it is said"));
}

#[test]
fn a_modem_that_is_pulled_out_is_missed_and_what_waits_goes_when_it_is_back() {
    let (sim, whole) = one("hot", Make::default());
    sim.plugged.with(|_, modem| modem.unplug());
    whole.is("front", "absent");
    let red = || {
        let parts = whole.branch.ask(&["status"])["parts"].clone();
        let parts = parts.as_array().expect("parts").iter();
        let mut own = parts.filter(|part| part["name"] == "channel sms" && part["lamp"] == "red");
        own.next().map(|part| text(&part["words"]))
    };
    let words = whole.until("a red lamp", PATIENCE, red);
    assert!(words.contains("front: not there"), "{words}");
    let message = whole.send("sms", "+15550002", "later");
    sim.plugged.with(|now, modem| modem.plug(now));
    whole.is("front", "ready");
    whole.stands(&message, "sent");
    assert_eq!(read(&sim.sent()), "later");
    sim.plugged.with(|_, modem| modem.set_registration(Registration::Denied));
    whole.is("front", "denied");
}
