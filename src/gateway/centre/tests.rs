//! Applications of a branch, in virtual time.

#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::call::country::Country;
use crate::id::{ContactId, ConversationId, MessageId};
use crate::messaging::application::{Due, Owed, Recent, Refused, Submission};
use crate::messaging::channel::NotStored;
use crate::messaging::{Kind, State};
use crate::smpp::pdu::{Address, Message, Named};
use crate::smpp::session::{Fate, Unsent};
use crate::smpp::tlv::{Tlvs, tag};
use crate::time::UnixTime;

const SHOP: &str = "shop";

struct Scene {
    centre: Centre,
    now: Now,
    handles: u64,
}

fn settings() -> Settings {
    let application = Application {
        system_id: SHOP.into(),
        channels: vec!["carrier".into()],
        destinations: vec!["+1*".into()],
        purpose: "service".into(),
        wording: Wording::default(),
    };
    Settings {
        applications: [(ApplicationId::from("booking"), application)].into(),
        numbers: Numbers {
            from: None,
            from_kind: (None, None),
            to_kind: (None, None),
            plus: false,
            country: Country::from_code("US").expect("a country"),
        },
        print: hmac::Key::new(hmac::HMAC_SHA256, b"key"),
    }
}

fn text(text: &str) -> Message {
    Message {
        from: Address::of("+15550100"),
        to: Address::of("+12125550123"),
        registered_delivery: 1,
        short_message: Bytes::copy_from_slice(text.as_bytes()),
        ..Message::default()
    }
}

fn part(number: u8, of: u8, words: &str) -> Message {
    let tlvs = Tlvs::default()
        .with(tag::SAR_REFERENCE, vec![0, 7])
        .with(tag::SAR_TOTAL, vec![of])
        .with(tag::SAR_NUMBER, vec![number]);
    Message { tlvs, ..text(words) }
}

impl Scene {
    fn new(scraps: Vec<Scrap>) -> Scene {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let centre = Centre::new(now, settings(), scraps, Random::from_number(1));
        let mut scene = Scene { centre, now, handles: 0 };
        scene.outputs();
        scene
    }

    fn outputs(&mut self) -> Vec<Output> {
        let all = std::iter::from_fn(|| self.centre.poll_output());
        all.filter(|output| !matches!(output, Output::Tell(Input::State(..)))).collect()
    }

    fn up(&mut self, link: u64) -> Vec<Output> {
        self.centre.handle_up(self.now, LinkId(link), SHOP, BindKind::Transceiver);
        self.outputs()
    }

    fn down(&mut self, link: u64) {
        self.centre.handle_down(self.now, LinkId(link), SHOP);
        self.outputs();
    }

    fn ask(&mut self, link: u64, message: Message) -> Vec<Output> {
        self.handles += 1;
        let asked = (Handle(self.handles), Pdu::Submit(Box::new(message)));
        self.centre.handle_asked(self.now, LinkId(link), SHOP, asked);
        self.outputs()
    }

    fn order(&mut self, order: Order) -> Vec<Output> {
        self.centre.handle_order(self.now, order);
        self.outputs()
    }

    fn pass(&mut self, time: Duration) -> Vec<Output> {
        self.now = Now { instant: self.now.instant + time, unix: self.now.unix + time };
        self.centre.handle_timeout(self.now);
        self.outputs()
    }
}

/// What is handed in, alone.
fn submitted(outputs: &[Output]) -> (WishTicket, Submission) {
    let [Output::Tell(Input::Submit(ticket, submission))] = outputs else { panic!("{outputs:?}") };
    (*ticket, (**submission).clone())
}

/// How something is answered, alone: the status and the id.
fn answered(outputs: &[Output]) -> (Status, String) {
    let [Output::Answer(_, _, status, pdu)] = outputs else { panic!("{outputs:?}") };
    let id = match pdu {
        Some(Pdu::SubmitResp(Named { id, .. })) => id.to_string(),
        _ => String::new(),
    };
    (*status, id)
}

fn receipt(id: &str) -> Due<String> {
    Due {
        application: "booking".into(),
        message: MessageId(1),
        conversation: ConversationId(2),
        contact: ContactId(3),
        kind: Kind::Phone,
        peer: "+12125550123".into(),
        what: Owed::Receipt {
            id: id.into(),
            from: "+15550100".into(),
            asked: UnixTime(1_700_000_000_000_000),
            at: UnixTime(1_700_000_060_000_000),
            state: State::Delivered,
            why: None,
        },
    }
}

fn sent(outputs: &[Output]) -> (Ticket, Message) {
    let [Output::Send(to, sending)] = outputs else { panic!("{outputs:?}") };
    assert_eq!(to, SHOP);
    (sending.ticket, sending.pdu.message().expect("a message").clone())
}

fn taken() -> Fate {
    Fate::Answered(Status::OK, Pdu::DeliverResp(Named::default()))
}

#[test]
fn a_message_is_answered_once_it_is_stored_and_not_before() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let (ticket, submission) = submitted(&scene.ask(1, text("hello")));
    assert_eq!((submission.text.as_str(), submission.to.value.as_str()), ("hello", "+12125550123"));
    let (status, id) = answered(&scene.order(Order::Stored(ticket)));
    assert_eq!((status, &id), (Status::OK, &submission.asker.parts[0].id));
    assert_eq!(id.len(), 19);
    let (ticket, _) = submitted(&scene.ask(1, text("more")));
    let why = Refused::NotNow(NotStored::TooMuch);
    let (status, _) = answered(&scene.order(Order::NotStored(ticket, why)));
    assert_eq!(status, Status::THROTTLED, "it comes again, and slower");
}

#[test]
fn what_may_not_be_sent_is_refused_and_told_apart() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let to = |number: &str| Message { to: Address::of(number), ..text("x") };
    for (message, wanted) in [
        (to("+442071838750"), Status::INVALID_DESTINATION),
        (to("72345"), Status::INVALID_DESTINATION),
        (Message { data_coding: 4, ..text("x") }, Status::INVALID_DATA_CODING),
        (text(""), Status::INVALID_MESSAGE_LENGTH),
        (Message { validity: "nonsense".into(), ..text("x") }, Status::INVALID_VALIDITY),
        (Message { schedule: "nonsense".into(), ..text("x") }, Status::INVALID_SCHEDULE),
        (Message { esm_class: 4, ..text("x") }, Status::INVALID_ESM_CLASS),
        (Message { replace: 1, ..text("x") }, Status::INVALID_REPLACE_FLAG),
    ] {
        assert_eq!(answered(&scene.ask(1, message)).0, wanted);
    }
    assert_eq!(scene.centre.standing()[0].refused, 8);
}

#[test]
fn the_same_again_after_a_link_has_ended_is_the_same_and_on_one_link_it_is_not() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let (first, _) = submitted(&scene.ask(1, text("ok")));
    let (second, _) = submitted(&scene.ask(1, text("ok")));
    assert_ne!(first, second);
    let (_, id) = answered(&scene.order(Order::Stored(first)));
    scene.down(1);
    scene.up(2);
    // One was answered and one was not; each comes once more.
    assert_eq!(answered(&scene.ask(2, text("ok"))), (Status::OK, id));
    assert!(scene.ask(2, text("ok")).is_empty(), "it is on its way to the disk");
    let outputs = scene.order(Order::Stored(second));
    assert!(matches!(&outputs[..], [Output::Answer(LinkId(2), _, Status::OK, _)]), "{outputs:?}");
    submitted(&scene.ask(2, text("ok")));
    assert_eq!(scene.centre.figures().0, 2);
}

#[test]
fn what_was_certainly_read_is_not_remembered() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let (ticket, _) = submitted(&scene.ask(1, text("ok")));
    scene.order(Order::Stored(ticket));
    scene.pass(Duration::from_secs(120));
    scene.down(1);
    scene.up(2);
    submitted(&scene.ask(2, text("ok")));
}

#[test]
fn after_a_crash_what_was_taken_shortly_before_is_known() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let (_, submission) = submitted(&scene.ask(1, text("ok")));
    let part = submission.asker.parts[0].clone();
    let old = Recent { application: "booking".into(), part: part.clone(), at: UnixTime(0) };
    let late = Recent { at: UnixTime(100_000_000_000), ..old.clone() };
    let mut again = Scene::new(Vec::new());
    again.order(Order::Recent(vec![old, late]));
    again.up(1);
    assert_eq!(answered(&again.ask(1, text("ok"))), (Status::OK, part.id));
    submitted(&again.ask(1, text("ok")));
}

#[test]
fn parts_are_kept_answered_and_handed_in_as_one_whatever_happens_between() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let mut kept = Vec::new();
    for (number, words) in [(2, "two"), (1, "one ")] {
        let outputs = scene.ask(1, part(number, 2, words));
        let [Output::Keep(scrap)] = &outputs[..] else { panic!("{outputs:?}") };
        kept.push(scrap.clone());
        scene.centre.handle_kept(scene.now, scrap.id, true);
        let outputs = scene.outputs();
        assert!(matches!(&outputs[0], Output::Answer(_, _, Status::OK, _)), "{outputs:?}");
        if number == 1 {
            let (_, submission) = submitted(&outputs[1..]);
            assert_eq!(submission.text, "one two");
        }
    }
    // The box dies before the ledger has it: what is handed in again has the same ids, and so is the same.
    let mut again =
        Scene { centre: Centre::new(scene.now, settings(), kept, Random::from_number(2)), ..scene };
    let (ticket, submission) = submitted(&again.outputs());
    assert!(submission.whole);
    assert_eq!(submission.asker.parts.len(), 2);
    let why = Refused::NotNow(NotStored::NotReady);
    assert!(again.order(Order::NotStored(ticket, why)).is_empty());
    let (ticket, same) = submitted(&again.pass(Duration::from_secs(3)));
    assert_eq!(same, submission);
    let outputs = again.order(Order::Stored(ticket));
    assert!(matches!(&outputs[..], [Output::Forget(ids)] if ids.len() == 2), "{outputs:?}");
    let refused = again.ask(1, part(1, 2, "one "));
    assert_eq!(answered(&refused).0, Status::OK, "its answer may not have been read");
}

#[test]
fn a_part_that_is_not_kept_is_not_taken() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let outputs = scene.ask(1, part(1, 2, "one "));
    let [Output::Keep(scrap)] = &outputs[..] else { panic!("{outputs:?}") };
    scene.centre.handle_kept(scene.now, scrap.id, false);
    let outputs = scene.outputs();
    assert!(matches!(
        &outputs[..],
        [Output::Forget(_), Output::Answer(_, _, Status::SYSTEM_ERROR, _)]
    ));
}

#[test]
fn a_receipt_waits_for_a_link_and_is_told_until_it_is_taken() {
    let mut scene = Scene::new(Vec::new());
    assert!(scene.order(Order::Tell(5, Box::new(receipt("17")), None)).is_empty());
    let (ticket, message) = sent(&scene.up(1));
    assert_eq!(message.esm_class, 4);
    assert_eq!(
        (message.from.shown().as_str(), message.to.shown().as_str()),
        ("+12125550123", "+15550100")
    );
    let words = String::from_utf8(message.short_message.to_vec()).unwrap();
    assert!(
        words.starts_with("id:17 sub:001 dlvrd:001 ")
            && words.ends_with("stat:DELIVRD err:000 text:")
    );
    // Its link ends before it has answered.
    scene.centre.handle_fate(scene.now, ticket, &Fate::Doubtful);
    scene.down(1);
    let (ticket, _) = sent(&scene.up(2));
    let busy = Fate::Answered(Status::THROTTLED, Pdu::DeliverResp(Named::default()));
    scene.centre.handle_fate(scene.now, ticket, &busy);
    assert!(scene.outputs().is_empty(), "it wants less");
    let (ticket, _) = sent(&scene.pass(Duration::from_secs(3)));
    scene.centre.handle_fate(scene.now, ticket, &taken());
    assert_eq!(scene.outputs(), [Output::Tell(Input::Heard(5))]);
    assert!(scene.up(3).is_empty(), "it has it");
}

#[test]
fn a_long_text_goes_part_by_part_and_what_was_taken_of_it_is_not_told_again() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let due = Due { what: Owed::Text { to: Some("+15550100".into()) }, ..receipt("") };
    let words = "word ".repeat(50);
    let (first, message) = sent(&scene.order(Order::Tell(1, Box::new(due), Some(words))));
    assert!(message.headed());
    scene.centre.handle_fate(scene.now, first, &taken());
    let (second, other) = sent(&scene.outputs());
    assert_ne!(message.short_message, other.short_message);
    scene.centre.handle_fate(scene.now, second, &Fate::NotSent(Unsent::Away));
    scene.down(1);
    let (again, same) = sent(&scene.up(2));
    assert_eq!(same, other);
    scene.centre.handle_fate(scene.now, again, &taken());
    assert_eq!(scene.outputs(), [Output::Tell(Input::Heard(1))]);
}

#[test]
fn what_an_application_refuses_for_good_is_given_up() {
    let mut scene = Scene::new(Vec::new());
    scene.up(1);
    let (ticket, _) = sent(&scene.order(Order::Tell(1, Box::new(receipt("17")), None)));
    let no = Fate::Answered(Status::RECEIVER_REJECT, Pdu::DeliverResp(Named::default()));
    scene.centre.handle_fate(scene.now, ticket, &no);
    assert_eq!(scene.outputs(), [Output::Tell(Input::Heard(1))]);
    let standing = &scene.centre.standing()[0];
    assert_eq!((standing.given_up, standing.last_error.as_deref()), (1, Some("ESME_RX_R_APPN")));
}
