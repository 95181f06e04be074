//! A channel with pages, a ledger and a record around it, in virtual time.

#![allow(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::channel::Channel as Work;
use crate::id::{ChannelId, ContactId, ConversationId, MessageId};
use crate::messaging::Way;
use crate::messaging::contract::Status;
use crate::messaging::voice::Told;

const START: UnixTime = UnixTime(1_800_000_000_000_000);

/// A disk that keeps at once, or not, and what is on it.
struct World {
    now: Now,
    chat: Chat,
    random: Random,
    keeps: bool,
    /// What was said, by its key, and what was sent, as the record has it.
    record: Vec<Message<String>>,
    keys: BTreeSet<String>,
    reports: Vec<(String, Status)>,
    outcomes: Vec<Outcome>,
    heard: Vec<Arrived<Media<String>>>,
    typing: Vec<bool>,
    /// What pages said of calls by voice.
    called: Vec<String>,
    pages: BTreeMap<u64, Vec<Value>>,
    closed: BTreeSet<u64>,
    next: u64,
}

fn settings() -> Settings {
    Settings {
        connections: 20,
        per_address: 12,
        remembered: Duration::from_secs(30 * 86_400),
        largest_file: 1 << 20,
    }
}

fn print(key: &str) -> Fingerprint {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    Fingerprint(std::array::from_fn(|at| digest.as_ref()[at]))
}

fn chat(seed: u64) -> Chat {
    let seal = Seal::new(&[1; 32], Some(b"shared"));
    Chat::new(settings(), seal, Random::from_number(seed), Box::new(print))
}

impl World {
    fn new() -> World {
        World {
            now: Now { instant: Instant::now(), unix: START },
            chat: chat(1),
            random: Random::from_number(2),
            keeps: true,
            record: Vec::new(),
            keys: BTreeSet::new(),
            reports: Vec::new(),
            outcomes: Vec::new(),
            heard: Vec::new(),
            typing: Vec::new(),
            called: Vec::new(),
            pages: BTreeMap::new(),
            closed: BTreeSet::new(),
            next: 0,
        }
    }

    /// The program ends and begins anew.
    fn restart(&mut self) {
        self.chat = chat(self.random.bits());
        self.pages.clear();
    }

    fn passes(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some(due) = self.chat.deadline().filter(|due| *due <= end) {
            self.now = self.now.after(due.saturating_duration_since(self.now.instant));
            self.chat.handle_timeout(self.now);
            self.turn();
        }
        self.now = self.now.after(end.saturating_duration_since(self.now.instant));
    }

    fn opens(&mut self, hello: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.pages.insert(id, Vec::new());
        let (from, local) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 9]));
        self.chat.handle_opened(self.now, ConnectionId(id), Ends { from, local });
        self.turn();
        self.sends(id, hello);
        id
    }

    fn sends(&mut self, id: u64, what: Value) {
        self.chat.handle_frame(self.now, ConnectionId(id), &what.to_string());
        self.turn();
    }

    fn closes(&mut self, id: u64) {
        self.chat.handle_closed(self.now, ConnectionId(id));
        self.pages.remove(&id);
    }

    fn writes(&mut self, to: &str, text: &str) -> MessageId {
        let message = MessageId(self.random.bits());
        self.branch_writes(to, message, 1, text);
        message
    }

    fn branch_writes(&mut self, to: &str, message: MessageId, attempt: u8, text: &str) {
        let outgoing = Outgoing {
            message,
            attempt,
            to: Address::new(Kind::Visitor, to),
            from: None,
            pieces: vec![Piece::text(text)],
            answers: None,
            thread: None,
            subject: None,
            until: START + Duration::from_secs(86_400),
            urgent: false,
        };
        self.record.retain(|own| own.id != message);
        self.record.push(self.kept(to, message, State::Sent, text));
        self.chat.handle_order(self.now, Order::Send(Box::new(outgoing)));
        self.turn();
    }

    fn kept(&self, peer: &str, id: MessageId, state: State, text: &str) -> Message<String> {
        Message {
            id,
            conversation: ConversationId(1),
            contact: ContactId(1),
            at: self.now.unix,
            way: Way {
                channel: ChannelId::from("site"),
                work: Work::Chat,
                kind: Kind::Visitor,
                peer: peer.to_owned(),
                thread: None,
                own: None,
            },
            pieces: vec![Piece::text(text)],
            subject: None,
            answers: None,
            sent: None,
            key: None,
            refusal: None,
            automatic: false,
            name: None,
            proved: None,
            out: None,
            state,
            since: self.now.unix,
            why: None,
        }
    }

    fn turn(&mut self) {
        while let Some(output) = self.chat.poll_output() {
            match output {
                Output::Say(id, what) => {
                    let text = serde_json::to_value(&what).expect("JSON");
                    self.pages.entry(id.0).or_default().push(text);
                }
                Output::Close(id) => drop(self.closed.insert(id.0)),
                Output::Tell(Input::Told { receipt, told }) => self.told(receipt, told),
                Output::Tell(Input::Outcome { outcome, .. }) => self.outcomes.push(outcome),
                Output::Tell(Input::Call { said, .. }) => self.called.push(format!("{said:?}")),
                Output::Tell(other) => panic!("{other:?}"),
                Output::Read(visitor) => {
                    let record = self.record.clone();
                    self.chat.handle_past(self.now, &visitor, Some(&record));
                }
            }
        }
    }

    fn told(&mut self, receipt: Receipt, told: Vec<Heard>) {
        if !self.keeps {
            let order = Order::NotStored(receipt, NotStored::Disk);
            return self.chat.handle_order(self.now, order);
        }
        for one in told {
            match one {
                Heard::Arrived(arrived) if self.keys.insert(arrived.key.clone()) => {
                    let id = MessageId(self.random.bits());
                    let Piece::Text { text } = &arrived.pieces[0] else { panic!("words") };
                    let mut kept = self.kept(&arrived.from.value, id, State::Received, text);
                    kept.key = Some(print(&arrived.key));
                    self.record.push(kept);
                    self.heard.push(*arrived);
                }
                Heard::Arrived(_) => {}
                Heard::Report(report) => self.reports.push((report.reference, report.status)),
                Heard::Typing { on, .. } => self.typing.push(on),
                other => panic!("{other:?}"),
            }
        }
        self.chat.handle_order(self.now, Order::Stored(receipt));
    }

    fn last(&self, id: u64) -> &Value {
        self.pages[&id].last().expect("something was said")
    }

    fn welcomed(&self, id: u64) -> &Value {
        let mut all = self.pages[&id].iter();
        all.find(|what| what["type"] == "welcome").expect("a welcome")
    }

    fn visitor(&self, id: u64) -> String {
        let token = self.welcomed(id)["token"].as_str().expect("a token");
        let seal = Seal::new(&[1; 32], None);
        seal.visitor(self.now.unix, token).expect("a good one").as_str().to_owned()
    }
}

fn hello(token: &Value) -> Value {
    json!({"type": "hello", "token": token})
}

fn say(client: &str, text: &str) -> Value {
    json!({"type": "say", "client": client, "text": text})
}

fn texts(lines: &Value) -> Vec<String> {
    let lines = lines.as_array().expect("lines").iter();
    lines.map(|line| line["pieces"][0]["text"].as_str().unwrap_or("").to_owned()).collect()
}

#[test]
fn a_line_is_acknowledged_when_it_is_on_the_disk_and_not_before() {
    let mut world = World::new();
    let page = world.opens(json!({"type": "hello", "page": "Boots"}));
    world.keeps = false;
    world.sends(page, say("a", "hello"));
    assert_eq!(*world.last(page), json!({"type": "nack", "client": "a", "why": "later"}));
    assert!(world.heard.is_empty());
    world.keeps = true;
    world.sends(page, say("a", "hello"));
    let ack = world.last(page).clone();
    assert_eq!((ack["type"].as_str(), ack["seq"].as_u64()), (Some("ack"), Some(1)));
    world.sends(page, say("a", "hello"));
    assert_eq!(*world.last(page), ack, "said again, it is acknowledged again");
    assert_eq!(world.heard.len(), 1);
}

#[test]
fn who_comes_back_gets_what_they_missed_and_nothing_else() {
    let mut world = World::new();
    let page = world.opens(json!({"type": "hello"}));
    let (token, visitor) = (world.welcomed(page)["token"].clone(), world.visitor(page));
    world.sends(page, say("a", "one"));
    world.writes(&visitor, "two");
    assert_eq!(world.last(page)["type"], "line");
    let epoch = world.welcomed(page)["epoch"].clone();
    world.closes(page);
    world.writes(&visitor, "three");
    let again = json!({"type": "hello", "token": token, "epoch": epoch, "upto": 2});
    let page = world.opens(again);
    let welcome = world.welcomed(page);
    assert_eq!(
        (welcome["fresh"].as_bool(), texts(&welcome["lines"])),
        (Some(false), vec!["three".to_owned()])
    );
    world.closes(page);
    world.restart();
    let late =
        json!({"type": "hello", "token": token, "epoch": epoch, "upto": 3, "pending": ["a"]});
    let page = world.opens(late);
    let welcome = world.welcomed(page);
    assert_eq!(welcome["fresh"], true);
    assert_eq!(texts(&welcome["lines"]), ["one", "two", "three"]);
    assert_eq!(welcome["lines"][0]["client"], "a", "a page finds its own line");
}

#[test]
fn what_is_said_to_somebody_away_is_accepted_and_delivered_when_they_are_back() {
    let mut world = World::new();
    let page = world.opens(json!({"type": "hello"}));
    let (token, visitor) = (world.welcomed(page)["token"].clone(), world.visitor(page));
    world.closes(page);
    world.passes(Duration::from_secs(3_600));
    assert_eq!(world.chat.figures(), (0, 0), "nobody is kept in mind for ever");
    let message = world.writes(&visitor, "are you there?");
    let name = message.to_string();
    assert_eq!(world.outcomes, [Outcome::Accepted { references: vec![name.clone()] }]);
    assert_eq!(world.reports, []);
    let page = world.opens(hello(&token));
    assert_eq!(texts(&world.welcomed(page)["lines"]), ["are you there?"]);
    world.sends(page, json!({"type": "got", "upto": 1}));
    world.sends(page, json!({"type": "got", "upto": 1}));
    world.sends(page, json!({"type": "seen", "upto": 1}));
    let told = [(name.clone(), Status::Delivered), (name, Status::Read)];
    assert_eq!(world.reports, told);
}

#[test]
fn a_report_that_was_not_kept_is_told_again() {
    let mut world = World::new();
    let page = world.opens(json!({"type": "hello"}));
    let visitor = world.visitor(page);
    world.writes(&visitor, "hello");
    world.keeps = false;
    world.sends(page, json!({"type": "seen", "upto": 1}));
    world.keeps = true;
    world.sends(page, json!({"type": "seen", "upto": 1}));
    assert_eq!(world.reports.len(), 1);
}

#[test]
fn every_page_of_a_visitor_shows_the_same() {
    let mut world = World::new();
    let one = world.opens(json!({"type": "hello"}));
    let token = world.welcomed(one)["token"].clone();
    let two = world.opens(hello(&token));
    world.sends(one, say("a", "hello"));
    assert_eq!(world.last(one)["type"], "ack");
    assert_eq!(
        (&world.last(two)["type"], &world.last(two)["id"]),
        (&json!("line"), &world.last(one)["id"])
    );
    let to = Address::new(Kind::Visitor, world.visitor(one));
    let typing = Order::Typing { to: to.clone(), thread: None, on: true };
    world.chat.handle_order(world.now, typing);
    world.chat.handle_order(world.now, Order::Read { to, thread: None, reference: None });
    world.turn();
    assert_eq!(*world.last(two), json!({"type": "seen", "upto": 1}));
    let three = world.opens(hello(&token));
    assert_eq!(
        (&world.welcomed(three)["seen"], &world.welcomed(three)["typing"]),
        (&json!(1), &json!(true))
    );
}

#[test]
fn one_that_is_sent_again_is_shown_once() {
    let mut world = World::new();
    let page = world.opens(json!({"type": "hello"}));
    let visitor = world.visitor(page);
    let message = world.writes(&visitor, "hello");
    world.branch_writes(&visitor, message, 2, "hello");
    let lines = world.pages[&page].iter().filter(|what| what["type"] == "line");
    assert_eq!((lines.count(), world.outcomes.len()), (1, 2));
}

#[test]
fn nobody_reads_what_was_said_to_another() {
    let mut world = World::new();
    let one = world.opens(json!({"type": "hello"}));
    let (first, token) = (world.visitor(one), world.welcomed(one)["token"].clone());
    world.writes(&first, "for you alone");
    let two = world.opens(json!({"type": "hello"}));
    assert_eq!(world.welcomed(two)["lines"], json!([]));
    assert_ne!(world.visitor(two), first);
    let forged = format!("A{}", &token.as_str().expect("text")[1..]);
    let three = world.opens(hello(&json!(forged)));
    assert_eq!(*world.last(three), json!({"type": "refused", "why": "token"}));
    assert!(world.closed.contains(&three));
    world.passes(Duration::from_secs(31 * 86_400));
    let four = world.opens(hello(&token));
    assert_eq!(*world.last(four), json!({"type": "refused", "why": "expired"}));
    let made_up = json!({"user": "c-17", "until": 1_900_000_000, "proof": "00"});
    let five = world.opens(json!({"type": "hello", "identity": made_up}));
    assert_eq!(*world.last(five), json!({"type": "refused", "why": "identity"}));
}

#[test]
fn a_flood_is_slowed_and_then_ended() {
    let mut world = World::new();
    let page = world.opens(json!({"type": "hello"}));
    for count in 0..40 {
        world.sends(page, say(&format!("c{count}"), "again"));
    }
    let slowed = world.pages[&page].iter().filter(|what| what["why"] == "slowly").count();
    assert_eq!((world.heard.len(), slowed), (12, 21));
    assert_eq!(*world.last(page), json!({"type": "refused", "why": "flood"}));
    let token = world.welcomed(page)["token"].clone();
    let page = world.opens(hello(&token));
    world.passes(Duration::from_secs(5));
    for count in 50..60 {
        world.sends(page, say(&format!("c{count}"), "again"));
    }
    assert_eq!(world.heard.len(), 17, "whoever comes back has no new burst");
    let frames = (0..200).map(|_| json!({"type": "typing", "on": true}));
    frames.for_each(|frame| world.sends(page, frame));
    assert!(world.closed.contains(&page));
    assert!(world.typing.len() < 3, "{:?}", world.typing);
}

#[test]
fn senseless_things_are_answered_and_change_nothing() {
    let mut world = World::new();
    let page = world.opens(json!({"type": "hello"}));
    let long = "é".repeat(LONGEST_TEXT + 1);
    for (what, why) in [
        (say("a", " \n"), "empty"),
        (say("", "hello"), "empty"),
        (say("a b", "hello"), "empty"),
        (say("a", &long), "too_long"),
        (json!({"type": "say", "client": "a"}), "empty"),
        (json!({"type": "say", "client": "a", "file": "made-up"}), "file"),
    ] {
        world.sends(page, what);
        assert_eq!(world.last(page)["why"], why);
    }
    world.sends(page, json!({"type": "dance"}));
    world.sends(page, json!({"type": "seen", "upto": 99}));
    world.sends(page, json!({"type": "hello"}));
    assert!(world.heard.is_empty() && world.reports.is_empty() && world.closed.is_empty());
    let early = world.opens(say("a", "before I said who I am"));
    assert_eq!(*world.last(early), json!({"type": "refused", "why": "senseless"}));
    let silent = world.opens(json!({"type": "hello"}));
    world.passes(IDLE);
    assert_eq!(*world.last(silent), json!({"type": "refused", "why": "idle"}));
}

#[test]
fn there_is_so_much_room_and_no_more() {
    let mut world = World::new();
    let pages: Vec<_> = (0..13).map(|_| world.opens(json!({"type": "hello"}))).collect();
    assert_eq!(*world.last(pages[12]), json!({"type": "refused", "why": "full"}));
    world.closes(pages[0]);
    let next = world.opens(json!({"type": "hello"}));
    assert_eq!(world.last(next)["type"], "welcome");
}

#[test]
fn nobody_is_welcomed_before_the_record_shows_what_was_kept() {
    let mut world = World::new();
    world.keeps = false;
    let page = world.opens(json!({"type": "hello"}));
    assert_eq!(*world.last(page), json!({"type": "refused", "why": "full"}));
    assert!(world.closed.contains(&page));
}

#[test]
fn somebody_the_site_knows_is_who_it_says() {
    let mut world = World::new();
    let until = START.seconds() + 600;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"shared");
    let tag = ring::hmac::sign(&key, format!("c-17.{until}").as_bytes());
    let proof: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let known = json!({"user": "c-17", "until": until, "proof": proof});
    let about = json!({"name": " Ada\u{7} ", "mail": "ada@example.org"});
    let page = world.opens(json!({"type": "hello", "identity": known, "about": about}));
    world.sends(page, say("a", "hello"));
    assert_eq!(world.heard[0].from.value, "account:c-17");
    assert_eq!(world.heard[0].name.as_deref(), Some("Ada <ada@example.org>"));
}

#[test]
fn a_call_is_one_pages_and_the_others_hear_that_there_is_an_invitation() {
    let mut world = World::new();
    let first = world.opens(json!({ "type": "hello" }));
    let token = world.pages[&first][0]["token"].clone();
    let second = world.opens(json!({ "type": "hello", "token": token }));
    let visitor = world.chat.visits.keys().next().expect("one").clone();
    let says = |world: &mut World, told: Told| {
        world.pages.values_mut().for_each(Vec::clear);
        world.chat.handle_order(world.now, Order::Call { to: address(&visitor), told });
        world.turn();
        [first, second].map(|page| world.pages.get(&page).map_or(0, Vec::len))
    };
    assert_eq!(says(&mut world, Told::Invited { on: true }), [1, 1]);
    world.sends(first, json!({ "type": "call", "what": "ask" }));
    assert_eq!(says(&mut world, Told::Ready { relays: Vec::new() }), [1, 0]);
    world.sends(second, json!({ "type": "call", "what": "ask" }));
    let busy = json!({ "type": "call", "what": "refused", "why": "busy" });
    assert_eq!(world.pages[&second].last(), Some(&busy), "one call of a visitor's at a time");
    world.sends(second, json!({ "type": "call", "what": "hangup" }));
    world.sends(first, json!({ "type": "call", "what": "offer", "sdp": "v=0" }));
    world.sends(first, json!({ "type": "call", "what": "gone" }));
    assert_eq!(world.called, ["ask", "offer"], "no page says that it is gone");
    assert_eq!(says(&mut world, Told::Answer { sdp: String::new() }), [1, 0]);
    // Whoever talks for an hour is not idle.
    world.passes(Duration::from_secs(3_600));
    assert!(world.closed.contains(&second) && !world.closed.contains(&first));
    // Its page goes and comes again: it hears that the call waits, and goes on with it.
    world.closes(first);
    let third = world.opens(json!({ "type": "hello", "token": token }));
    let told: Vec<_> = world.pages[&third].iter().map(|told| told["what"].clone()).collect();
    assert_eq!(told[1..], [json!("invited"), json!("waiting")]);
    world.sends(third, json!({ "type": "call", "what": "resume" }));
    assert_eq!(world.called, ["ask", "offer", "gone", "resume"]);
    let fourth = world.opens(json!({ "type": "hello", "token": token }));
    world.sends(fourth, json!({ "type": "call", "what": "resume" }));
    assert_eq!(world.pages[&third].last().expect("a word")["why"], "elsewhere");
    says(&mut world, Told::Ended { why: "completed".to_owned() });
    assert_eq!(world.pages[&fourth].last().expect("a word")["what"], "ended");
    world.closes(fourth);
    world.turn();
    assert_eq!(world.called.len(), 5, "nothing is up any more that could be gone");
}
