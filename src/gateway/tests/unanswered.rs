//! What somebody wrote before the box was killed: it is offered after the start, once, and to nobody who need not answer.

use super::message_scenes::PHONES;
use super::scenes::{config, scene};
use super::talk_scenes::{ANN_ALONE, DESK, FLOW};
use super::*;
use crate::admin::Reply;
use crate::admin::api::errands;
use crate::admin::api::messages::Doing;
use crate::journal::record::{Found, decode};
use crate::messaging::channel::{Heard, Input, NotStored, Order, Receipt};
use crate::messaging::contract::Arrived;
use crate::messaging::{Address, Kind, Owner, What};

const BRANCH: &[(&str, &str)] = &[PHONES, DESK, ANN_ALONE];

impl World {
    /// These are told at once, and the box is killed when they are on the disk and nobody knows yet.
    fn told_and_killed(&mut self, changes: &[(&str, &str)], texts: &[(String, &str)]) {
        self.disk_waits = true;
        let arrived = texts.iter().map(|(number, text)| {
            let from = Address::new(Kind::Phone, number.as_str());
            Heard::Arrived(Box::new(Arrived::text(format!("{number} {text}"), from, *text)))
        });
        let told = arrived.collect();
        let input = Input::Told { receipt: Receipt(77), told };
        self.gateway.handle_channel(self.now, &"phones".into(), input);
        self.carry_out();
        let arrived = self.entries().into_iter();
        let arrived = arrived.filter(|entry| matches!(entry.what, What::Arrived { .. })).count();
        assert!(arrived >= texts.len(), "it is on the disk");
        assert!(self.gateway.journal.live().errands.0.is_empty(), "nobody was told");
        self.disk_waits = false;
        self.killed_again(changes);
    }

    fn killed_again(&mut self, changes: &[(&str, &str)]) {
        self.told.clear();
        let seed = 9 + self.journal.len() as u64;
        self.is_killed(&config(changes), seed);
        self.seconds(2);
    }

    /// The end of the journal is not on the disk from the first such record on.
    fn loses_from(&mut self, first: impl Fn(&Kept) -> bool) {
        for bytes in &mut self.journal {
            let mut at = 0;
            while let Found::Record(record) = decode(&bytes[at..]) {
                if serde_json::from_slice(record.payload).is_ok_and(|event| first(&event)) {
                    return bytes.truncate(at);
                }
                at += record.bytes.len();
            }
        }
        panic!("there is no such record");
    }
}

fn one(text: &str) -> Vec<(String, &str)> {
    vec![("+15550121".to_owned(), text)]
}

#[test]
fn what_was_on_the_disk_when_the_box_was_killed_is_offered_once() {
    let mut world = scene(BRANCH);
    world.told_and_killed(BRANCH, &one("Is anybody there?"));
    let offers = world.offered();
    assert_eq!(offers.len(), 1, "{offers:?}");
    let [(item, open)] = world.gateway.journal.live().errands.0.iter().collect::<Vec<_>>()[..]
    else {
        panic!("one piece of work")
    };
    assert_eq!(*item, offers[0].0);
    let (talk, _) = open.errand.talk.clone().expect("a conversation");
    assert!(matches!(world.owner(talk), Owner::Queue { item: own, .. } if own == *item));
    // Said again by its channel it is the same message, and the same offer.
    let item = *item;
    world.told.clear();
    world.text_from("+15550121", "Is anybody there?");
    assert_eq!(world.offered(), []);
    // Killed again, it waits at its place, and is offered as what it was.
    world.killed_again(BRANCH);
    assert_eq!(world.offered().iter().map(|(item, _)| *item).collect::<Vec<_>>(), [item]);
    assert_eq!(world.gateway.journal.live().errands.0.len(), 1);
    assert_eq!(world.works_on("ann", item, errands::Doing::Take), Reply::Done);
    world.killed_again(BRANCH);
    assert_eq!(world.offered(), [], "ann has it");
}

#[test]
fn everybody_who_wrote_at_once_is_offered() {
    let mut world = scene(BRANCH);
    let count = 1_500;
    let texts: Vec<_> = (0..count).map(|n| (format!("+1555{n:07}"), "Hello?")).collect();
    world.told_and_killed(BRANCH, &texts);
    world.seconds(10);
    assert_eq!(world.gateway.journal.live().errands.0.len(), count);
    let mut talks: Vec<_> = world.gateway.journal.live().errands.0.values().collect();
    talks.sort_by_key(|open| open.errand.talk.clone());
    talks.dedup_by_key(|open| open.errand.talk.clone());
    assert_eq!(talks.len(), count, "each once");
}

#[test]
fn an_item_whose_conversation_was_not_yet_said_to_wait_is_not_made_twice() {
    let mut world = scene(BRANCH);
    world.text_from("+15550121", "Is anybody there?");
    let [(item, _)] = world.offered()[..] else { panic!("an offer") };
    world.loses_from(
        |event| matches!(event, Kept::Message(entry) if matches!(entry.what, What::Owner { .. })),
    );
    world.killed_again(BRANCH);
    assert_eq!(world.offered().iter().map(|(item, _)| *item).collect::<Vec<_>>(), [item]);
    let open = &world.gateway.journal.live().errands.0;
    assert_eq!(open.keys().copied().collect::<Vec<_>>(), [item]);
    let (talk, _) = open[&item].errand.talk.clone().expect("a conversation");
    assert!(matches!(world.owner(talk), Owner::Queue { item: own, .. } if own == item));
    assert_eq!(world.works_on("ann", item, errands::Doing::Take), Reply::Done);
    assert!(matches!(world.owner(talk), Owner::Agent { .. }));
    // Taken, and not yet said to be ann's.
    world.loses_from(|event| {
        matches!(event, Kept::Message(entry) if matches!(entry.what, What::Owner { owner: Owner::Agent { .. }, .. }))
    });
    world.killed_again(BRANCH);
    assert_eq!(world.offered(), []);
    let owner = Owner::Agent { agent: "ann".into(), item: Some(item) };
    assert_eq!(world.owner(talk), owner);
    let close = Doing::Close { code: None, fields: BTreeMap::new() };
    assert_eq!(world.in_talk(Some("ann"), talk, close), Reply::Done);
    assert_eq!(world.owner(talk), Owner::Nobody);
}

#[test]
fn nobody_is_asked_about_what_was_answered_ended_or_refused() {
    let mut world = scene(BRANCH);
    world.told_and_killed(BRANCH, &one("STOP"));
    world.seconds(5);
    assert_eq!((world.offered(), world.gateway.journal.live().errands.0.len()), (vec![], 0));
    // Another one wrote, was answered, and it is over.
    let mut world = scene(BRANCH);
    world.text_from("+15550122", "Hello?");
    let talk = world.newest_talk();
    assert_eq!(world.claims("ann", talk), Reply::Done);
    assert!(matches!(world.replies_in(Some("ann"), talk, "Hi."), Reply::Queued { .. }));
    let close = Doing::Close { code: None, fields: BTreeMap::new() };
    assert_eq!(world.in_talk(Some("ann"), talk, close), Reply::Done);
    world.killed_again(BRANCH);
    assert_eq!((world.offered(), world.owner(talk)), (vec![], Owner::Nobody));
    // A flow has answered: it does not say so again.
    let flow = &[FLOW, DESK, ANN_ALONE];
    let mut world = scene(flow);
    world.text_from("+15550121", "Hello?");
    world.killed_again(flow);
    let turns = world.entries().into_iter().filter(|e| matches!(e.what, What::Queued { .. }));
    assert_eq!(turns.count(), 1);
}

#[test]
fn a_store_that_is_behind_at_the_start_makes_it_late_and_not_lost_or_twice() {
    let mut world = scene(BRANCH);
    world.shelf.stands = true;
    world.told_and_killed(BRANCH, &one("Is anybody there?"));
    assert_eq!(world.offered(), [], "it is not known yet who that is");
    // What comes meanwhile is left with whoever brings it.
    let from = Address::new(Kind::Phone, "+15550121");
    let told = vec![Heard::Arrived(Box::new(Arrived::text("a", from, "Hello?")))];
    let input = Input::Told { receipt: Receipt(78), told };
    world.gateway.handle_channel(world.now, &"phones".into(), input);
    let turned = std::iter::from_fn(|| world.gateway.poll_output()).any(|output| {
        matches!(output, Output::Channel(_, order)
            if matches!(*order, Order::NotStored(Receipt(78), NotStored::NotReady)))
    });
    assert!(turned || world.entries().len() == 1, "nothing is taken in");
    world.shelf.stands = false;
    world.project();
    world.seconds(2);
    assert_eq!(world.offered().len(), 1);
    assert_eq!(world.gateway.journal.live().errands.0.len(), 1);
}

#[test]
fn a_disk_that_does_not_work_at_the_start_makes_it_late_and_not_lost() {
    let mut world = scene(BRANCH);
    world.told_and_killed(BRANCH, &one("Is anybody there?"));
    assert_eq!(world.offered().len(), 1);
    // The disk goes just when it is to be queued.
    let entering = world.gateway.conversation_of(world.offered()[0].0).expect("a conversation").1;
    let (talk, item) = (entering.talk, world.offered()[0].0);
    world.gateway.errand_taken_out(world.now, item);
    world.carry_out();
    world.disk_works = false;
    world.text_from("+15550199", "This is not kept.");
    let now = world.now;
    let entered = world.gateway.conversation_comes_in(now, entering, "support".into());
    assert!(entered.is_err());
    world.seconds(20);
    assert_eq!(world.owner(talk.0), Owner::Nobody);
    world.disk_works = true;
    world.seconds(60);
    assert!(matches!(world.owner(talk.0), Owner::Queue { .. }), "it waits as soon as it can");
    let open = &world.gateway.journal.live().errands.0;
    let theirs =
        open.values().filter(|open| open.errand.talk.as_ref().is_some_and(|of| of.0 == talk.0));
    assert_eq!(theirs.count(), 1);
}

/// Whoever writes on a page waits for support too.
const PAGE: (&str, &str) = (
    "[flow.main]\n",
    "[channels.page]\nkind = \"chat\"\nqueue = \"support\"\nchat = { origins = [\"https://shop.example\"] }\n[flow.main]\n",
);

#[test]
fn whoever_writes_on_a_page_is_not_sent_to_a_telephone_nor_away() {
    // Callers go to a telephone after a minute, and she does not take it.
    let mut world = scene(&[PAGE, ANN_ALONE]);
    let from = Address::new(Kind::Visitor, "v0123456789abcdef0123456789abcdef");
    let told = vec![Heard::Arrived(Box::new(Arrived::text("a", from, "Hello?")))];
    let input = Input::Told { receipt: Receipt(1), told };
    world.gateway.handle_channel(world.now, &"page".into(), input);
    world.seconds(2);
    let waits = |world: &World| {
        let open = &world.gateway.journal.live().errands.0;
        open.values().map(|open| open.channel).collect::<Vec<_>>()
    };
    assert_eq!(waits(&world), [crate::queue::Channel::Chat]);
    world.seconds(120);
    assert_eq!(waits(&world), [crate::queue::Channel::Message], "it is there for whoever comes");
    let talk = world.newest_talk();
    assert!(matches!(world.owner(talk), Owner::Queue { .. }));
}
