//! Rules that are carried out while the box is killed again and again: each step of each journey runs once.
//!
//! The receiver is this test's own; what it was told of is held against the journal, the list of tasks and the records of
//! people, read from the running box.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use branchline::journal::event::Event;
use branchline::journey::Change;
use branchline::random::Random;
use serde_json::{Value, json};

use crate::hook::{self, SECRET};
use crate::site::{Folder, Site};

/// How often the box is killed.
const KILLS: usize = 50;

/// What the receiver was told of: the step, under which webhook-id, and what of it.
type Told = Vec<(String, String, Value)>;

/// A receiver that takes its time now and then, so that a kill may come between a message and its answer.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Told>>);

impl Receiver {
    fn listen(&self, at: SocketAddr) {
        let listener = TcpListener::bind(at).expect("the receiver's port");
        let receiver = self.clone();
        std::thread::spawn(move || {
            let mut random = Random::from_number(7);
            for stream in listener.incoming() {
                let wait = Duration::from_millis(random.below(8));
                receiver.take(stream.expect("a connection"), wait);
            }
        });
    }

    fn take(&self, mut stream: TcpStream, wait: Duration) {
        let Some(hook::Message { id, events }) = hook::read(&stream) else { return };
        for event in events {
            assert_eq!(event["type"], "journey.due");
            let step = event["data"]["step"].as_str().expect("a step").to_owned();
            let told = (step, id.clone(), event["data"].clone());
            self.0.lock().expect("told").push(told);
        }
        std::thread::sleep(wait);
        // Who was killed meanwhile hears nothing.
        let _ = write!(stream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
}

/// The box's control socket, in its own words.
struct Console(PathBuf);

impl Console {
    /// The answer; nothing while the box is down.
    fn ask(&self, question: &Value) -> Option<Value> {
        let mut stream = UnixStream::connect(&self.0).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        writeln!(stream, "{question}").ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    fn journeys(&self) -> Option<Value> {
        let answer = self.ask(&json!({"command": "journeys", "limit": 100_000}))?;
        Some(answer["value"].clone())
    }

    /// Tells of an event until it is taken, however often the box is killed meanwhile.
    fn tells(&self, event: &Value) -> Option<String> {
        let answer = self.ask(&json!({"command": "site_events", "events": [event]}))?;
        answer["value"][0].as_str().map(str::to_owned)
    }
}

fn rule(quiet: &str) -> String {
    let steps = [
        "webhook = 'crm'",
        "wait = '1s'",
        "message = 'sms'\ntext = 'Hello.'",
        "task = 'support'\ntext = 'Look.'",
        "wait = '1s'",
        "note = true\ntext = 'Noted by rule.'",
        "webhook = 'crm'",
    ];
    let steps: String = steps.iter().map(|step| format!("[[step]]\n{step}\n")).collect();
    format!("on = 'cart'\nquiet = {quiet}\nat_most = {{ messages = 3, within = '1d' }}\n{steps}")
}

/// Quiet hours of a minute, half a day away: the test runs at any hour.
fn far_off() -> String {
    let now = jiff::Timestamp::now().as_second() / 60 + 12 * 60;
    let clock = |minute: i64| format!("'{:02}:{:02}'", minute / 60 % 24, minute % 60);
    format!("{{ from = {}, to = {} }}", clock(now), clock(now + 1))
}

fn site(folder: &Folder, data: &Path, at: SocketAddr) -> Site {
    fs::create_dir_all(&folder.0).expect("a folder");
    fs::write(folder.0.join("hook"), SECRET).expect("the secret");
    fs::write(folder.0.join("rule.toml"), rule(&far_off())).expect("the rule");
    let more = format!(
        "[[webhook]]\nname = \"crm\"\nurl = \"http://{at}/in\"\nevents = [\"journey.due\"]\nprivate = true\n\
         personal = true\nsecret = {{ file = \"{}/hook\" }}\nlongest_wait_s = 5\ntries = 0\n\
         [messages]\nsms = \"webhook:crm\"\n[journey.cart]\nfile = \"rule.toml\"\n\
         [[queue]]\nname = \"support\"\nmembers = [\"ann\"]\n[[agent]]\nid = \"ann\"\nextension = \"300\"\n",
        folder.0.display()
    );
    Site::with(&folder.0, data, &more)
}

fn phone(person: usize) -> String {
    format!("+1408555{person:04}")
}

fn cart(person: usize) -> Value {
    json!({"id": format!("cart-{person}"), "kind": "cart", "consent": true,
        "identities": [{"kind": "phone", "value": phone(person)}]})
}

/// Somebody who has agreed to text messages.
fn known(console: &Console, site: &Site, person: usize) {
    let order = json!({"order": "create", "fields": {"time_zone": "UTC"},
        "identities": [{"kind": "phone", "value": phone(person)}]});
    site.until("a contact", || {
        let answer = console.ask(&json!({"command": "contact", "order": order}))?;
        (answer["reply"] == "ordered").then_some(())
    });
    let who = format!("phone:{}", phone(person));
    let order = json!({"order": "consent", "who": who, "channel": "sms", "purpose": "service", "given": true});
    site.until("their consent", || {
        let answer = console.ask(&json!({"command": "contact", "order": order}))?;
        (answer["reply"] == "ordered").then_some(())
    });
}

#[test]
fn each_step_of_each_journey_runs_once_through_fifty_kills() {
    let folder = Folder::new("journeys");
    let data = folder.0.join("data");
    let at = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let at = at.expect("a port");
    let receiver = Receiver::default();
    receiver.listen(at);
    let site = site(&folder, &data, at);
    let console = Console(folder.0.join("admin.sock"));
    let (mut running, _) = site.start();
    let people = 2 * KILLS;
    (0..people).for_each(|person| known(&console, &site, person));
    let mut random = Random::from_number(11);
    let (mut told, mut again) = (0_usize, 0);
    for _ in 0..KILLS {
        // Two more leave a cart while the box is killed, at any moment: before they are heard, while, or after.
        let (wait, life) = (random.below(300), random.below(1_200));
        let teller = Console(console.0.clone());
        let telling = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(wait));
            (told..told + 2).map(|person| teller.tells(&cart(person))).collect::<Vec<_>>()
        });
        std::thread::sleep(Duration::from_millis(life));
        running.kill();
        let answers = telling.join().expect("who tells");
        running = site.start().0;
        // What was not acknowledged is said again.
        for (person, answer) in (told..told + 2).zip(answers) {
            if answer.is_none() {
                let answer = site.until("an answer", || console.tells(&cart(person)));
                again += usize::from(answer == "again");
            } else {
                let answer = site.until("an answer", || console.tells(&cart(person)));
                assert_eq!(answer, "again", "acknowledged, and forgotten");
            }
        }
        told += 2;
    }
    site.until("the end of all journeys", || {
        let found = console.journeys()?;
        (found["count"] == 0 && found["events_waiting"] == 0).then_some(())
    });
    site.until("the receiver", || {
        let line = site.ask(&["webhooks"])?[0].clone();
        (line["behind"] == 0).then_some(())
    });
    // One journey each, with three steps for the receiver: the first word, the message, the last word.
    let at_receiver = receiver.0.lock().expect("told").clone();
    let mut by_step: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (step, id, _) in &at_receiver {
        by_step.entry(step).or_default().insert(id);
    }
    assert_eq!(by_step.len(), 3 * people, "each step that the receiver carries out, and no other");
    let twice: Vec<_> = by_step.iter().filter(|(_, ids)| ids.len() != 1).collect();
    assert!(twice.is_empty(), "one step under several ids: {twice:?}");
    let repeats = at_receiver.len() - by_step.len();
    let mut numbers: Vec<_> = at_receiver
        .iter()
        .filter(|(_, _, data)| data["action"]["do"] == "message")
        .map(|(step, _, data)| (data["to"]["value"].as_str().expect("a number"), step))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let wanted: Vec<String> = (0..people).map(phone).collect();
    let numbers: Vec<_> = numbers.into_iter().map(|(number, _)| number.to_owned()).collect();
    assert_eq!(numbers, wanted, "one message to each number");
    // One task and one note each.
    let found = console.journeys().expect("an answer");
    assert_eq!(found["tasks"].as_array().expect("tasks").len(), people);
    for person in 0..people {
        let who = format!("phone:{}", phone(person));
        let answer = site.until("a record", || {
            console.ask(&json!({"command": "person", "who": who, "moments": 100}))
        });
        let moments = answer["value"]["timeline"].as_array().expect("a timeline").clone();
        let count = |what: &str| moments.iter().filter(|one| one["what"] == what).count();
        assert_eq!((count("note"), count("seen")), (1, 1), "{answer}");
    }
    running.stop();
    // In the journal each step is over once, and was meant before it was handed over.
    let (entries, damage) = site.journal();
    assert!(damage.is_none(), "{damage:?}");
    let (mut meant, mut due, mut did) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        let Some(Event::Journey(journey)) = entry.event else { continue };
        match journey.change {
            Change::Intends { key, .. } => _ = meant.insert(key),
            Change::Due { key, .. } => {
                assert!(meant.contains(&key), "{key} was not meant");
                assert!(due.insert(key), "{key} was handed over twice");
            }
            Change::Did { key, .. } => assert!(did.insert(key), "{key} was over twice"),
            _ => {}
        }
    }
    assert_eq!((due.len(), did.len()), (5 * people, 7 * people));
    println!(
        "{KILLS} kills, {people} journeys, {} steps, each once; {repeats} of {} messages came again under \
         their own id, {again} events were said again",
        did.len(),
        at_receiver.len()
    );
}

/// Somebody in every time zone there is, at whatever time it is: those whom it is night for are left alone, the others have
/// their message.
#[test]
fn nobody_is_written_to_by_night_wherever_they_are() {
    let folder = Folder::new("nights");
    let data = folder.0.join("data");
    let at = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let at = at.expect("a port");
    let receiver = Receiver::default();
    receiver.listen(at);
    let site = site(&folder, &data, at);
    let rule = "on = 'cart'\n[[step]]\nmessage = 'sms'\ntext = 'Hello.'\n";
    fs::write(folder.0.join("rule.toml"), rule).expect("the rule");
    let (running, _) = site.start();
    let console = Console(folder.0.join("admin.sock"));
    let zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let order = |order: Value| {
        site.until("an order", || {
            let answer = console.ask(&json!({"command": "contact", "order": order}))?;
            (answer["reply"] == "ordered").then_some(())
        });
    };
    for (person, zone) in zones.iter().enumerate() {
        order(json!({"order": "create", "fields": {"time_zone": zone},
            "identities": [{"kind": "phone", "value": phone(person)}]}));
        order(json!({"order": "consent", "who": format!("phone:{}", phone(person)),
            "channel": "sms", "purpose": "service", "given": true}));
        assert_eq!(console.tells(&cart(person)).as_deref(), Some("kept"));
    }
    let waiting = site.until("everybody to be written to or left alone", || {
        let found = console.journeys()?;
        let lines = found["running"].as_array()?.clone();
        let asleep = |line: &Value| line["words"] == "waits for the end of quiet hours";
        let settled = found["events_waiting"] == 0 && lines.iter().all(asleep);
        (settled && receiver.0.lock().expect("told").len() + lines.len() == zones.len())
            .then_some(lines.len())
    });
    let told = receiver.0.lock().expect("told").clone();
    for (_, _, data) in &told {
        let number = data["to"]["value"].as_str().expect("a number");
        let person: usize = number.trim_start_matches("+1408555").parse().expect("a person");
        let zone = jiff::tz::TimeZone::get(&zones[person]).expect("a zone");
        let at: jiff::Timestamp = data["at"]
            .as_str()
            .map_or_else(jiff::Timestamp::now, |text| text.parse().expect("a time"));
        let hour = at.to_zoned(zone).hour();
        assert!((8..20).contains(&hour), "{} at {hour}", zones[person]);
    }
    println!("{} zones: {} written to, {waiting} left alone", zones.len(), told.len());
    assert!(waiting > zones.len() / 10 && told.len() > zones.len() / 10);
    running.stop();
}
