//! A CRM that keeps the contract, and one that does not.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::Scene;
use crate::peer::{Setting, Sipp};
use crate::receiver::{NEW, Receiver};

/// Whom the CRM knows.
const ANN: &str = "+14085551200";

const CONFIG: &str = "[crm]\nurl = \"https://127.0.0.1:@SECOND@/branch\"\nsecret = { file = \"@DIR@/new\" }\n\
     authorities = \"@DIR@/receiver.pem\"\nprivate = true\nfresh_minutes = 0\nunknown_minutes = 0\n\
     [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
     [[inbound]]\nnumber = \"+15550100\"\nto = \"echo\"\n[[disposition]]\ncode = \"sold\"\n";

/// The live feed, read along.
struct Feed {
    process: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Feed {
    fn read(scene: &Scene) -> Feed {
        let mut process = Command::new("curl")
            .args(["--silent", "--no-buffer", "--insecure"])
            .args(["-H", &format!("Authorization: Bearer {}", scene.token)])
            .arg(format!("https://127.0.0.1:{}/api/v1/feed", scene.branch.free + 1))
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl runs; tests/run installs it");
        let lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = events.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = match line.strip_prefix("data: ") {
                    Some(data) => serde_json::from_str(data).expect("JSON"),
                    None if line.starts_with("retry") => Value::Null,
                    None => continue,
                };
                kept.lock().expect("events").push(event);
            }
        });
        let feed = Feed { process, events };
        scene
            .branch
            .until("the feed", || (!feed.events.lock().expect("events").is_empty()).then_some(()));
        feed
    }

    fn cards(&self) -> Vec<Value> {
        let events = self.events.lock().expect("events");
        let known = events.iter().filter(|event| event["event"] == "caller_known");
        known.map(|event| event["caller"].clone()).collect()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Scene {
    fn crm(&self) -> Receiver {
        Receiver::run("crm.py", &self.branch.folder(), self.port, &[NEW])
    }

    /// Somebody calls, and hangs up again. Answers after how long the branch had answered, in milliseconds.
    fn called_by(&self, from: &str, count: usize) -> f64 {
        let port = self.branch.free + 10;
        let keys = [("from", from), ("to", "+15550100"), ("talk", "1200")];
        let mut keys: Vec<_> = keys.map(|(key, value)| (key, value.to_owned())).into();
        keys.push(("rtp", (port + 100).to_string()));
        let setting = Setting {
            scenario: "trunk_hangs_up",
            port,
            keys: &keys,
            account: None,
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting).succeeds();
        let record = self.branch.record(count);
        let time = |name: &str| -> jiff::Timestamp {
            record[name].as_str().expect("a time").parse().expect("a time")
        };
        time("answered").duration_since(time("arrived")).as_secs_f64() * 1_000.0
    }

    fn asked(&self, crm: &Receiver) -> Vec<Value> {
        let asked = crm.lines().into_iter().filter(|line| line["path"] == "/branch/lookup");
        asked.map(|line| line["body"].clone()).collect()
    }

    fn crm_line(&self) -> Value {
        self.branch.ask(&["crm"])
    }
}

#[test]
fn the_crm_is_asked_while_it_rings_and_told_what_happened() {
    let scene = Scene::with(CONFIG);
    let crm = scene.crm();
    let tried = scene.branch.ask_text(&["crm", "test", ANN]);
    assert!(tried.contains("Ann Lee") && tried.contains("C-1001"), "{tried}");
    let stranger = scene.branch.ask_text(&["crm", "test", "+14085559999"]);
    assert!(stranger.contains("not known there"), "{stranger}");
    for (who, name) in [("ann@Example.com", "Ann Lee"), ("account:c-2002", "Bea Ortiz")] {
        let tried = scene.branch.ask_text(&["crm", "test", who]);
        assert!(tried.contains(name), "{who}: {tried}");
    }
    let feed = Feed::read(&scene);
    let took = scene.called_by(ANN, 1);
    let card = scene.branch.until("the card", || feed.cards().pop());
    assert_eq!(
        (&card["name"], &card["crm"]["fields"]["plan"]),
        (&"Ann Lee".into(), &"gold".into())
    );
    assert_eq!(card["crm"]["from"], "from CRM, just now");
    assert_eq!(card["crm"]["link"], "https://crm.example.com/c/C-1001");
    let asked = scene.asked(&crm);
    assert_eq!(asked[4]["identity"], format!("phone:{ANN}"));
    assert_eq!(asked[4]["contact"], Value::Null, "nobody knew her here");
    assert_eq!(asked.len(), 5, "four were tries");
    println!("the branch answered {took:.1} ms after the call arrived");
    // What happened is told, with what the CRM needs to find her.
    let contact = card["contact"].as_str().expect("an id").to_owned();
    scene.branch.ask_text(&["contact", "note", ANN, "wants a call on Monday"]);
    let told = scene.branch.until("what happened", || {
        let lines = crm.lines();
        let events = lines.iter().filter(|line| line["path"] == "/branch/events");
        let events = events.flat_map(|line| line["body"]["events"].as_array().expect("events"));
        let events: Vec<_> = events.cloned().collect();
        events.iter().any(|event| event["type"] == "person.note").then_some(events)
    });
    let kind = |kind: &str| told.iter().find(|event| event["type"] == kind);
    let call = kind("call_record").expect("the call");
    assert_eq!(call["data"]["from"], ANN);
    let note = &kind("person.note").expect("the note")["data"]["changes"][0];
    assert_eq!(
        (&note["text"], &note["contact"]),
        (&"wants a call on Monday".into(), &contact.as_str().into())
    );
    assert!(kind("person.changed").is_none(), "its own words are not told back: {told:?}");
    // The next question names her as the box does; the record says where the facts come from.
    scene.called_by(ANN, 2);
    scene.branch.until("the next question", || {
        scene.asked(&crm).last().filter(|ask| ask["contact"] == contact.as_str()).map(drop)
    });
    let shown = scene.branch.ask_text(&["contact", "show", ANN]);
    assert!(shown.contains("from CRM") && shown.contains("plan: gold"), "{shown}");
    let record = scene.api("GET", &format!("/people/{contact}"), None);
    assert!(record.1.contains("\"source\":\"crm\""), "{}", record.1);
    // Without the line: the last answer, with its age.
    drop(crm);
    let before = feed.cards().len();
    scene.called_by(ANN, 3);
    let cards = feed.cards();
    let last = cards.last().expect("a card");
    assert!(cards.len() > before && last["crm"]["fields"]["plan"] == "gold", "{last}");
    assert!(last["crm"]["age_s"].as_u64().is_some_and(|age| age >= 1), "{last}");
    // Erased is erased, here and there.
    scene.branch.ask_text(&["contact", "erase", ANN, "--yes"]);
    let crm = scene.crm();
    scene.branch.until("the erasure", || {
        crm.lines().iter().any(|line| line.to_string().contains("person.erased")).then_some(())
    });
    let line = scene.crm_line();
    assert_eq!((&line["found"], &line["unknown"]), (&5.into(), &1.into()), "{line}");
    assert!(scene.branch.ask_text(&["metrics"]).contains("crm_lookups_total{outcome=\"found\"} 5"));
}

#[test]
fn a_hostile_crm_costs_nothing_but_itself() {
    let scene = Scene::with(CONFIG);
    let mut crm = scene.crm();
    let feed = Feed::read(&scene);
    let mut count = 0;
    let mut worst = 0.0_f64;
    for mode in ["slow", "large", "deep", "wrong", "garbage", "refuses", "moved", "cut"] {
        crm.becomes(mode);
        let faults = scene.crm_line()["faults"].as_u64().expect("a number");
        count += 1;
        // What is tried is asked even while it rests.
        let tried = scene.branch.ask_text(&["crm", "test", ANN]);
        assert!(tried.starts_with("after "), "{mode}: {tried}");
        println!("{mode}: {}", tried.trim());
        worst = worst.max(scene.called_by(ANN, count));
        scene
            .branch
            .until(mode, || (scene.crm_line()["faults"].as_u64() > Some(faults)).then_some(()));
    }
    println!("the branch answered within {worst:.1} ms at the worst");
    assert!(worst < 500.0, "no call waits for it: {worst} ms");
    assert!(feed.cards().iter().all(|card| card["crm"] == Value::Null), "nothing was taken of it");
    let asked = crm.lines();
    assert!(asked.iter().all(|line| line["path"] != "/elsewhere"), "a redirect was followed");
    let status = scene.branch.ask(&["status"]);
    let parts = status["parts"].as_array().expect("parts");
    let lamp = parts.iter().find(|part| part["name"] == "crm").expect("its lamp");
    assert_eq!(lamp["lamp"], "amber", "{lamp}");
    // It comes to itself; how it ends its answers is its business.
    for mode in ["old", "ok"] {
        crm.becomes(mode);
        scene.branch.until(mode, || {
            scene.branch.ask_text(&["crm", "test", ANN]).contains("Ann Lee").then_some(())
        });
    }
    scene.called_by(ANN, count + 1);
    scene.branch.until("her card", || {
        feed.cards().last().filter(|card| card["crm"]["found"] == true).map(drop)
    });
}

#[test]
fn whoever_calls_under_a_new_number_is_found_by_account_and_an_address_is_asked_about() {
    const NEW_NUMBER: &str = "+14085557777";
    let scene = Scene::with(CONFIG);
    let crm = scene.crm();
    scene.branch.ask_text(&["contact", "create", NEW_NUMBER, "account:c-2002"]);
    let feed = Feed::read(&scene);
    scene.called_by(NEW_NUMBER, 1);
    let card = scene
        .branch
        .until("the card", || feed.cards().pop().filter(|card| card["crm"]["found"] == true));
    assert_eq!((&card["crm"]["id"], &card["name"]), (&"C-2002".into(), &"Bea Ortiz".into()));
    let asked = scene.asked(&crm).pop().expect("a question");
    assert_eq!(asked["also"], serde_json::json!(["account:C2002"]));
    // Nobody has called: what the CRM says goes on the record all the same.
    scene.branch.ask_text(&["crm", "ask", "ann@example.com"]);
    let shown = scene.branch.until("her record", || {
        // There is none until the answer has come.
        let show = ["contact", "show", "ann@example.com"];
        let shown = scene.branch.orders(&show).then(|| scene.branch.ask_text(&show))?;
        shown.contains("from CRM").then_some(shown)
    });
    assert!(shown.contains("plan: gold") && shown.contains("C-1001"), "{shown}");
}
