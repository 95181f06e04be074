//! A carrier without a wire: what it says is put in, what the ledger is told comes out.

#![allow(clippy::disallowed_methods)]

use bytes::Bytes;

use super::*;
use crate::call::country::Country;
use crate::id::MessageId;
use crate::messaging::contract::{Failure, Fault, Outcome, Outgoing, Status as Stands, Told};
use crate::messaging::{Address, Kind, Piece};
use crate::smpp::pdu::{self, Message, Named, Pdu};
use crate::smpp::receipt::{self, State as End};
use crate::smpp::session::{Fate, Unsent};
use crate::smpp::text::{Cut, Plain, parts};
use crate::time::UnixTime;

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

fn settings() -> Settings {
    Settings {
        binds: vec![BindKind::Transceiver],
        wording: Wording::default(),
        rules: Rules::default(),
        numbers: Numbers {
            from: Some("+15550100".into()),
            from_kind: (None, None),
            to_kind: (None, None),
            plus: false,
            country: Country::default(),
        },
        service_type: Text::default(),
        receipts: true,
        validity: Validity::None,
    }
}

/// A carrier, its drawer, and what a test has seen.
struct Scene {
    now: Now,
    carrier: Carrier,
    drawer: BTreeMap<ScrapId, Scrap>,
    handles: u64,
    told: Vec<(Receipt, Told<crate::messaging::Media<String>>)>,
    outcomes: Vec<Outcome>,
    states: Vec<State>,
    sent: VecDeque<Sending>,
    answers: Vec<(Handle, Status)>,
    /// Whether parts reach the disk.
    disk: bool,
}

impl Scene {
    fn new() -> Scene {
        let mut scene = Scene::with(now(), BTreeMap::new());
        scene.carrier.handle_up(scene.now, 0);
        scene.drain();
        scene
    }

    fn with(now: Now, drawer: BTreeMap<ScrapId, Scrap>) -> Scene {
        let scraps = drawer.values().cloned().collect();
        let carrier =
            Carrier::new(now, settings(), scraps, Random::from_number(drawer.len() as u64));
        let mut scene = Scene {
            now,
            carrier,
            drawer,
            handles: 0,
            told: Vec::new(),
            outcomes: Vec::new(),
            states: Vec::new(),
            sent: VecDeque::new(),
            answers: Vec::new(),
            disk: true,
        };
        scene.drain();
        scene
    }

    /// The same after `kill -9`: what was written is there.
    fn killed(self) -> Scene {
        let mut scene = Scene::with(self.now, self.drawer);
        scene.carrier.handle_up(scene.now, 0);
        scene.drain();
        scene
    }

    fn drain(&mut self) {
        while let Some(output) = self.carrier.poll_output() {
            match output {
                Output::Tell(Input::Told { receipt, told }) => {
                    self.told.extend(told.into_iter().map(|told| (receipt, told)));
                }
                Output::Tell(Input::Outcome { outcome, .. }) => self.outcomes.push(outcome),
                Output::Tell(Input::State(state)) => self.states.push(state),
                Output::Tell(Input::Capable(_) | Input::Call { .. }) => {}
                Output::Send(sending) => self.sent.push_back(sending),
                Output::Answer(_, handle, status) => self.answers.push((handle, status)),
                Output::Keep(scrap) if scrap.is_part() && !self.disk => {
                    self.carrier.handle_kept(self.now, scrap.id, false);
                }
                Output::Keep(scrap) => {
                    let (id, part) = (scrap.id, scrap.is_part());
                    self.drawer.insert(id, scrap);
                    if part {
                        self.carrier.handle_kept(self.now, id, true);
                    }
                }
                Output::Forget(ids) => ids.iter().for_each(|id| drop(self.drawer.remove(id))),
            }
        }
    }

    fn says(&mut self, message: Message) -> Handle {
        self.handles += 1;
        let handle = Handle(self.handles);
        self.carrier.handle_asked(self.now, 0, handle, Pdu::Deliver(Box::new(message)));
        self.drain();
        handle
    }

    fn order(&mut self, order: Order) {
        self.carrier.handle_order(self.now, order);
        self.drain();
    }

    fn link_ends(&mut self) {
        self.carrier.handle_down(self.now, 0, Down::Ended(Ended::Closed), None);
        self.carrier.handle_up(self.now, 0);
        self.drain();
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        while let Some(due) = self.carrier.deadline().filter(|due| *due <= end.instant) {
            self.now = self.now.after(due.saturating_duration_since(self.now.instant));
            self.carrier.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// What arrived, as key and text.
    fn arrived(&self) -> Vec<(String, String)> {
        let text = |told: &Told<_>| match told {
            Told::Arrived(arrived) => match arrived.pieces.as_slice() {
                [Piece::Text { text }] => Some((arrived.key.clone(), text.clone())),
                _ => panic!("no text"),
            },
            _ => None,
        };
        self.told.iter().filter_map(|(_, told)| text(told)).collect()
    }

    fn texts(&self) -> Vec<String> {
        self.arrived().into_iter().map(|(_, text)| text).collect()
    }

    fn send(&mut self, text: &str) {
        let outgoing = Outgoing {
            message: MessageId(7),
            attempt: 1,
            to: Address::new(Kind::Phone, "+15550101"),
            from: None,
            pieces: vec![Piece::text(text)],
            answers: None,
            thread: None,
            subject: None,
            until: self.now.unix + Duration::from_secs(3_600),
            urgent: false,
        };
        self.order(Order::Send(Box::new(outgoing)));
    }

    fn answered(&mut self, status: Status, id: &str) {
        let sending = self.sent.pop_front().expect("something was sent");
        let named = Named { id: Text::from(id), ..Named::default() };
        let fate = Fate::Answered(status, Pdu::SubmitResp(named));
        self.carrier.handle_fate(self.now, sending.ticket, fate);
        self.drain();
    }

    fn fate(&mut self, fate: Fate) {
        let sending = self.sent.pop_front().expect("something was sent");
        self.carrier.handle_fate(self.now, sending.ticket, fate);
        self.drain();
    }
}

fn text(text: &str) -> Message {
    let from = pdu::Address::of("+15550101");
    let to = pdu::Address::of("+15550100");
    let short_message = Bytes::copy_from_slice(text.as_bytes());
    Message { from, to, short_message, ..Message::default() }
}

fn in_parts(text: &str, reference: u16) -> Vec<Message> {
    let parts = parts(text, Wording { plain: Plain::Gsm, cut: Cut::Header }, reference);
    let head = self::text("");
    parts.expect("short enough").into_iter().map(|part| part.put(head.clone())).collect()
}

#[test]
fn what_comes_is_answered_only_when_it_is_stored() {
    let mut scene = Scene::new();
    let first = scene.says(text("hello"));
    let second = scene.says(text("again"));
    assert_eq!(scene.texts(), ["hello", "again"]);
    assert_eq!(scene.answers, [], "nothing is on the disk yet");
    scene.order(Order::Stored(Receipt(2)));
    scene.order(Order::NotStored(Receipt(1), NotStored::TooMuch));
    assert_eq!(scene.answers, [(second, Status::OK), (first, Status::THROTTLED)]);
    scene.says(text("hello"));
    assert_eq!(scene.texts().len(), 3, "what was not kept is told again");
}

#[test]
fn who_writes_the_same_twice_is_heard_twice() {
    let mut scene = Scene::new();
    for receipt in 1..=2 {
        scene.says(text("ok"));
        scene.order(Order::Stored(Receipt(receipt)));
    }
    let arrived = scene.arrived();
    assert_eq!(arrived.len(), 2);
    assert_ne!(arrived[0].0, arrived[1].0, "one key for both would lose one");
}

#[test]
fn what_is_said_again_after_the_link_ended_is_answered_and_not_told() {
    let mut scene = Scene::new();
    scene.says(text("ok"));
    scene.order(Order::Stored(Receipt(1)));
    scene.link_ends();
    let again = scene.says(text("ok"));
    assert_eq!(scene.texts(), ["ok"]);
    assert_eq!(scene.answers.last(), Some(&(again, Status::OK)));
    // The next one is somebody's own.
    scene.says(text("ok"));
    assert_eq!(scene.texts(), ["ok", "ok"]);
}

#[test]
fn what_is_said_again_while_it_is_stored_gets_its_answer_too() {
    let mut scene = Scene::new();
    scene.says(text("ok"));
    scene.link_ends();
    let again = scene.says(text("ok"));
    assert_eq!(scene.texts(), ["ok"]);
    scene.order(Order::Stored(Receipt(1)));
    assert!(scene.answers.contains(&(again, Status::OK)));
}

#[test]
fn what_is_said_again_after_a_crash_has_the_key_that_it_had() {
    let mut scene = Scene::new();
    scene.says(text("ok"));
    let before = scene.arrived();
    let mut scene = scene.killed();
    scene.says(text("ok"));
    assert_eq!(scene.arrived(), before, "the ledger knows it by its key");
    scene.says(text("ok"));
    assert_ne!(scene.arrived()[1].0, before[0].0);
}

#[test]
fn what_is_refused_after_a_crash_keeps_its_key_until_it_is_taken() {
    let mut scene = Scene::new();
    scene.says(text("ok"));
    scene.order(Order::Stored(Receipt(1)));
    let before = scene.arrived();
    let mut scene = scene.killed();
    // The link is back before the ledger is.
    for receipt in 1..=2 {
        let again = scene.says(text("ok"));
        scene.order(Order::NotStored(Receipt(receipt), NotStored::NotReady));
        assert_eq!(scene.answers.last(), Some(&(again, Status::THROTTLED)));
    }
    let mut scene = scene.killed();
    scene.says(text("ok"));
    assert_eq!(scene.arrived(), before, "the ledger knows it by its key");
}

#[test]
fn what_was_surely_answered_is_not_remembered() {
    let mut scene = Scene::new();
    scene.says(text("ok"));
    scene.order(Order::Stored(Receipt(1)));
    scene.pass(3 * MINUTE);
    assert_eq!(scene.drawer.len(), 0);
    scene.link_ends();
    scene.says(text("ok"));
    assert_eq!(scene.texts(), ["ok", "ok"], "an hour later it is another one");
}

#[test]
fn after_some_minutes_nothing_is_said_again_any_more() {
    let mut scene = Scene::new();
    scene.says(text("ok"));
    scene.order(Order::Stored(Receipt(1)));
    scene.link_ends();
    scene.pass(11 * MINUTE);
    scene.says(text("ok"));
    assert_eq!(scene.texts(), ["ok", "ok"]);
    assert_eq!(scene.drawer.len(), 1);
}

#[test]
fn each_part_is_answered_once_it_is_on_the_disk_and_the_whole_is_told_once() {
    let long = "naïve 😀 ".repeat(60);
    let mut scene = Scene::new();
    let messages = in_parts(&long, 7);
    for message in messages.iter().rev() {
        let handle = scene.says(message.clone());
        assert_eq!(scene.answers.last(), Some(&(handle, Status::OK)), "a window of one goes on");
    }
    assert_eq!(scene.texts(), [long]);
    scene.order(Order::Stored(Receipt(1)));
    scene.pass(3 * MINUTE);
    assert_eq!(scene.drawer.len(), 0);
}

#[test]
fn a_message_of_255_parts_survives_a_crash_at_any_of_them() {
    let long = "a".repeat(153 * 255);
    let messages = in_parts(&long, 7);
    assert_eq!(messages.len(), 255);
    let mut scene = Scene::new();
    for (number, message) in messages.into_iter().enumerate() {
        scene.says(message.clone());
        if number % 50 == 0 {
            scene = scene.killed();
            // Its answer may not have come through.
            scene.says(message);
            assert_eq!(scene.answers.last().map(|(_, status)| *status), Some(Status::OK));
        }
    }
    assert_eq!(scene.texts(), std::slice::from_ref(&long));
    let key = scene.arrived()[0].0.clone();
    // Told and not known to be stored: it is told again, by the same name.
    let mut scene = scene.killed();
    assert_eq!(scene.arrived(), [(key, long.clone())]);
    scene.order(Order::Stored(Receipt(1)));
    // The last part is said again: it is no part of anything new.
    let last = in_parts(&long, 7).pop().expect("255");
    let handle = scene.says(last);
    assert_eq!(scene.answers.last(), Some(&(handle, Status::OK)));
    assert_eq!(scene.carrier.parts_waiting(), 0);
    scene.pass(15 * MINUTE);
    assert_eq!(scene.drawer.len(), 0);
}

#[test]
fn a_whole_that_the_ledger_does_not_take_is_told_until_it_does() {
    let mut scene = Scene::new();
    in_parts(&"a".repeat(200), 7).into_iter().for_each(|part| {
        scene.says(part);
    });
    scene.order(Order::NotStored(Receipt(1), NotStored::Disk));
    scene.pass(MINUTE);
    assert_eq!(scene.texts().len(), 2);
    scene.order(Order::Stored(Receipt(2)));
    scene.pass(MINUTE);
    assert_eq!(scene.texts().len(), 2);
}

#[test]
fn a_part_that_the_disk_does_not_take_stays_with_the_carrier() {
    let mut scene = Scene::new();
    scene.disk = false;
    let parts = in_parts(&"a".repeat(200), 7);
    scene.says(parts[0].clone());
    assert_eq!(scene.answers[0].1, Status::RECEIVER_TEMPORARY);
    scene.disk = true;
    parts.into_iter().for_each(|part| {
        scene.says(part);
    });
    assert_eq!(scene.texts(), ["a".repeat(200)]);
}

#[test]
fn receipts_are_told_and_what_only_claims_to_be_one_is_not() {
    let mut scene = Scene::new();
    let receipt = |id: &str, state| {
        let receipt = receipt::Receipt {
            id: id.to_owned(),
            state,
            error: "005".into(),
            done: Some(UnixTime(1_700_000_000_000_000)),
            intermediate: false,
        };
        let text = receipt.text(UnixTime(1_700_000_000_000_000), "hello");
        Message { esm_class: pdu::RECEIPT, ..self::text(&text) }
    };
    scene.says(receipt("m-1", End::Delivered));
    scene.says(receipt("m-2", End::Undeliverable));
    let reports = |scene: &Scene| {
        let report = |told: &Told<_>| match told {
            Told::Report(report) => Some((report.reference.clone(), report.status.clone())),
            _ => None,
        };
        scene.told.iter().filter_map(|(_, told)| report(told)).collect::<Vec<_>>()
    };
    let failed = Failure { fault: Fault::Unknown, code: "UNDELIV 005".into() };
    let wanted =
        [("m-1".to_owned(), Stands::Delivered), ("m-2".to_owned(), Stands::Failed(failed))];
    assert_eq!(reports(&scene), wanted);
    let nameless = Message { esm_class: pdu::RECEIPT, ..text("call me back") };
    let handle = scene.says(nameless);
    assert_eq!(scene.answers, [(handle, Status::OK)]);
    assert_eq!((scene.texts().len(), scene.carrier.counters().nameless), (0, 1));
    // A person may write so; it is no receipt unless the link says that all such texts are.
    scene.says(text("id:m-1 sub:001 dlvrd:001 submit date:2311142213 done date:2311142213 stat:DELIVRD err:000 text:"));
    assert_eq!(scene.texts().len(), 1);
}

#[test]
fn a_long_text_goes_part_by_part_and_has_a_name_for_each() {
    let mut scene = Scene::new();
    scene.send(&"a".repeat(400));
    for id in ["a1", "a2", "a3"] {
        assert_eq!(scene.sent.len(), 1, "one at a time");
        scene.answered(Status::OK, id);
    }
    let references = ["a1", "a2", "a3"].map(str::to_owned).into();
    assert_eq!(scene.outcomes, [Outcome::Accepted { references }]);
}

#[test]
fn each_end_of_a_request_is_an_outcome() {
    let refused = |fault, code: &str| Outcome::Refused(Failure { fault, code: code.to_owned() });
    let answered = |status| Fate::Answered(status, Pdu::SubmitResp(Named::default()));
    for (fate, outcome) in [
        (answered(Status::INVALID_DESTINATION), refused(Fault::Address, "ESME_RINVDSTADR")),
        (answered(Status::SYSTEM_ERROR), refused(Fault::Network, "ESME_RSYSERR")),
        (answered(Status(0x403)), refused(Fault::Unknown, "0x00000403")),
        (Fate::NotSent(Unsent::Full(MINUTE)), Outcome::Throttled(MINUTE)),
        (Fate::NotSent(Unsent::Away), Outcome::Away),
        (Fate::NotSent(Unsent::Expired), refused(Fault::Expired, "")),
        (Fate::Doubtful, Outcome::Doubtful),
    ] {
        let mut scene = Scene::new();
        scene.send("hello");
        scene.fate(fate);
        assert_eq!(scene.outcomes, [outcome]);
    }
}

#[test]
fn the_rest_of_a_text_waits_for_the_link_and_is_never_begun_anew() {
    let mut scene = Scene::new();
    scene.send(&"a".repeat(200));
    scene.answered(Status::OK, "a1");
    scene.fate(Fate::NotSent(Unsent::Away));
    scene.carrier.handle_down(scene.now, 0, Down::Ended(Ended::Closed), None);
    scene.drain();
    assert_eq!((scene.outcomes.len(), scene.sent.len()), (0, 0));
    scene.carrier.handle_up(scene.now, 0);
    scene.drain();
    scene.answered(Status::OK, "a2");
    let references = ["a1", "a2"].map(str::to_owned).into();
    assert_eq!(scene.outcomes, [Outcome::Accepted { references }]);
}

#[test]
fn the_rest_of_a_text_that_never_goes_makes_it_unknown() {
    let mut scene = Scene::new();
    scene.send(&"a".repeat(200));
    scene.answered(Status::OK, "a1");
    for _ in 0..1_000 {
        if scene.sent.is_empty() {
            scene.pass(Duration::from_secs(1));
        } else {
            scene.fate(Fate::NotSent(Unsent::Away));
        }
    }
    assert_eq!(scene.outcomes, [Outcome::Doubtful]);
}

#[test]
fn how_it_is_is_said_in_words() {
    let mut scene = Scene::with(now(), BTreeMap::new());
    assert!(matches!(scene.states.last(), Some(State::Down(_))));
    scene.carrier.handle_up(scene.now, 0);
    scene.drain();
    assert_eq!(scene.states.last(), Some(&State::Up));
    scene.carrier.handle_throttled(scene.now, Duration::from_secs(2));
    scene.drain();
    assert!(matches!(scene.states.last(), Some(State::Degraded(_))));
    scene.pass(Duration::from_secs(3));
    assert_eq!(scene.states.last(), Some(&State::Up));
    let why = Down::Ended(Ended::Refused(Status::INVALID_PASSWORD));
    scene.carrier.handle_down(scene.now, 0, why, Some(MINUTE));
    scene.drain();
    let words = "it refuses the bind (ESME_RINVPASWD); it is tried again in 60 s";
    assert_eq!(scene.states.last(), Some(&State::Down(words.to_owned())));
}
