//! Other branches, in a whole branch: who they know is known here while it rings, and both words are kept until somebody
//! says which is right.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::admin::{Command, Reply};
use crate::context::asked::Erasures;
use crate::context::card::{Asked, Card, Known, Masked, Word, writer};
use crate::context::shared::Shared;
use crate::context::{Change, Contact, Identity, Kind, Order, Source, Who};
use crate::gateway::branches::{FromOffice, ToOffice};
use crate::id::{CallId, ContactId};
use crate::journal::event::Event;
use crate::journal::record::{Found, decode};
use crate::stamp::Stamp;
use crate::uplink::frame::{Answer, Told};
use crate::uplink::policy::{Class, Policy};

const CALLER: &str = "+15557654321";

fn policy() -> Policy {
    Policy::new(&BTreeMap::new(), b"house")
}

fn world() -> World {
    let mut world = World::of(1, CONFIG, 0);
    world.gateway.share_people(policy(), Duration::from_secs(5), Erasures::Ask);
    world.office_says(FromOffice::Knows(true));
    world
}

fn who() -> Who {
    Who::Identity(Kind::Phone, CALLER.to_owned())
}

/// What basel says of the caller, at a time by its clock.
fn known(wall: i64, name: &str) -> Known {
    let stamp = Stamp { wall, count: 0, site: writer("basel", "7") };
    let mut field = Shared::default();
    field.set(stamp, Some(name.to_owned()));
    let masked = Masked { stamp, text: Some("(9 characters)".to_owned()) };
    let card = Card {
        stamp,
        tokens: [policy().token(Class::Number, CALLER)].into(),
        fields: BTreeMap::from([("name".to_owned(), field)]),
        masked: BTreeMap::from([("place".to_owned(), masked)]),
        ..Card::default()
    };
    Known { site: "basel".to_owned(), contact: "7".to_owned(), card }
}

impl World {
    fn office_says(&mut self, office: FromOffice) {
        self.gateway.handle_office(self.now, office);
        self.carry_out();
    }

    fn office_tells(&mut self, upto: u64, words: &[Value]) {
        self.office_says(FromOffice::Told(Told { upto, changes: words.to_vec() }));
    }

    fn rings_here(&mut self) -> CallId {
        self.call(0, "+15550101");
        self.seconds(1);
        let calls: Vec<_> = self.gateway.calls.views().iter().map(|call| call.call).collect();
        let [call] = calls[..] else { panic!("{calls:?}") };
        call
    }

    fn office_answers(&mut self, known: Option<Value>) {
        let Some(ToOffice::Ask(ask)) = self.office.pop() else { panic!("nobody was asked") };
        assert_eq!(ask.tokens, [policy().token(Class::Number, CALLER)]);
        self.office_says(FromOffice::Answer(Answer { mark: ask.mark, known }));
    }

    fn contact(&mut self) -> Contact<String> {
        let dossier = self.person(who()).expect("a contact");
        let [contact] = &dossier.contacts[..] else { panic!("{dossier:?}") };
        contact.clone()
    }

    fn create(&mut self, name: &str) -> ContactId {
        let identities = vec![Identity { kind: Kind::Phone, value: CALLER.to_owned() }];
        let fields = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        let (source, channel) = (Source::Agent, None);
        let made = self.order(Order::Create { fields, identities, source, channel }).unwrap();
        made.contact.unwrap()
    }

    /// What came of erasures that others asked for: whether it was done, somebody is asked, and whether it says why not.
    fn confirmed(&self) -> Vec<(bool, bool, bool, Asked)> {
        let all = self.people_changes().into_iter().filter_map(|change| match change {
            Change::Confirmed { done, waits, why, asked, .. } => {
                Some((done, waits, why.is_some(), asked))
            }
            _ => None,
        });
        all.collect()
    }

    /// Changes of people that are in the journal, sealed.
    fn people_changes(&self) -> Vec<Change<crate::journal::personal::Personal>> {
        let mut changes = Vec::new();
        for mut rest in self.journal.iter().map(Vec::as_slice) {
            while let Found::Record(record) = decode(rest) {
                if let Ok(Event::Context(act)) = serde_json::from_slice(record.payload) {
                    changes.extend(act.changes);
                }
                rest = &rest[record.bytes.len()..];
            }
        }
        changes
    }
}

fn asked(erasure: &str) -> Asked {
    Asked { site: "basel".to_owned(), erasure: erasure.to_owned() }
}

/// Basel has erased whoever had a number, and the office says which contact that is here.
fn erase(contact: ContactId, asked: &Asked, number: &str) -> Value {
    let (to, asked) = (vec![contact.to_string()], asked.clone());
    let tokens = [policy().token(Class::Number, number)].into();
    serde_json::to_value(Word::Erase { to, asked, tokens }).unwrap()
}

fn word(to: ContactId, known: Known) -> Value {
    serde_json::to_value(Word::Card { to: vec![to.to_string()], known }).unwrap()
}

#[test]
fn who_is_known_elsewhere_is_on_the_card_after_the_ring_has_begun() {
    let mut world = world();
    let call = world.rings_here();
    assert!(!world.parties[1].ringing.is_empty(), "the phone rings, and nobody has answered yet");
    assert!(world.gateway.known_caller(call).is_none());
    world.office_answers(Some(json!([known(5, "Ann Lee")])));
    world.seconds(1);
    let caller = world.gateway.known_caller(call).expect("the caller");
    assert_eq!(caller.name.as_deref(), Some("Ann Lee"));
    assert!(world.office.is_empty(), "the new card does not ask once more");
    let contact = world.contact();
    assert_eq!(contact.fields["name"].now.said.source, Source::Branch);
    assert_eq!(contact.fields["name"].now.said.by.as_str(), "basel");
    assert_eq!(contact.elsewhere[0].masked["place"], "(9 characters)");
    // From here on the office knows that this branch knows them.
    assert!(world.people_changes().iter().any(|change| matches!(change, Change::Carded { .. })));
    world.hang_up(0);
    world.seconds(20);
    world.rings_here();
    assert!(world.office.is_empty(), "who has a name is not asked for");
}

#[test]
fn nobody_waits_for_an_office_that_says_nothing_and_late_answers_change_nothing() {
    let mut world = world();
    let call = world.rings_here();
    world.seconds(5);
    world.office_answers(Some(json!([known(5, "Ann Lee")])));
    world.seconds(1);
    assert!(world.gateway.known_caller(call).is_none());
    assert_eq!(world.gateway.branches.counters.late, 1);
    world.hang_up(0);
    world.seconds(20);
    // The line is down: nothing is asked.
    world.office_says(FromOffice::Knows(false));
    world.rings_here();
    assert!(world.office.is_empty());
    world.hang_up(0);
    world.seconds(20);
    // What is no answer is none.
    world.office_says(FromOffice::Knows(true));
    world.rings_here();
    world.office_answers(Some(json!([{"site": 5}])));
    world.hang_up(0);
    world.seconds(20);
    world.rings_here();
    world.office_answers(None);
    assert_eq!(world.gateway.branches.counters.unknown, 2);
}

#[test]
fn both_words_stay_until_somebody_says_which_is_right() {
    let mut world = world();
    let contact = world.create("Ann");
    // Basel has said something else, and knew nothing of that. Its clock is ten years ahead.
    let ahead = world.now.unix.0 + 10 * 365 * 86_400 * 1_000_000;
    world.office_tells(4, &[json!({"something": "newer"}), word(contact, known(ahead, "Anna"))]);
    assert_eq!(world.office.pop(), Some(ToOffice::Took(4)));
    let row = world.contact();
    assert_eq!(row.field("name").map(String::as_str), Some("Anna"));
    let conflicts = row.conflicts("name");
    let others: Vec<_> = conflicts.iter().map(|(site, _, text)| (*site, *text)).collect();
    assert_eq!(others, [(None, Some(&"Ann".to_owned()))]);
    // It comes again: nothing is written, and it is acknowledged.
    let before = world.people_changes().len();
    world.office_tells(4, &[word(contact, known(ahead, "Anna"))]);
    assert_eq!(
        (world.office.pop(), world.people_changes().len()),
        (Some(ToOffice::Took(4)), before)
    );
    // Somebody says that the first was right; that is later than the clock of basel.
    let fields = BTreeMap::from([("name".to_owned(), Some("Ann".to_owned()))]);
    let (source, channel, expects) = (Source::Agent, None, None);
    world.order(Order::Edit { who: who(), expects, fields, source, channel }).unwrap();
    let row = world.contact();
    assert_eq!(row.field("name").map(String::as_str), Some("Ann"));
    assert_eq!(row.conflicts("name"), []);
    let shared = &row.shared["name"];
    assert!(shared.stamp().unwrap().wall >= ahead, "{shared:?}");
    // What basel had said before is known to be replaced.
    world.office_tells(5, &[word(contact, known(ahead, "Anna"))]);
    assert_eq!(world.contact().field("name").map(String::as_str), Some("Ann"));
}

#[test]
fn nothing_is_acknowledged_before_it_is_on_the_disk() {
    let mut world = world();
    let contact = world.create("Ann");
    world.disk_waits = true;
    world.office_tells(9, &[word(contact, known(1, "Anna"))]);
    assert_eq!(world.office, []);
    // The same once more while it is on its way changes nothing.
    world.office_tells(9, &[word(contact, known(1, "Anna"))]);
    world.disk_waits = false;
    world.disk_goes_on();
    world.carry_out();
    assert_eq!(world.office, [ToOffice::Took(9)]);
    // A disk that does not work acknowledges nothing.
    world.disk_works = false;
    world.office_tells(10, &[word(contact, known(2, "Anna L."))]);
    world.seconds(1);
    assert_eq!(world.office.len(), 1);
}

#[test]
fn an_erasure_elsewhere_is_done_here_and_confirmed_and_a_hold_refuses_it() {
    let mut world = world();
    world.gateway.share_people(policy(), Duration::from_secs(5), Erasures::Obey);
    let asked = asked("E");
    let contact = world.create("Ann");
    let held = world.order(Order::Hold { who: who(), reason: "a suit".to_owned() }).unwrap();
    let erase = erase(contact, &asked, CALLER);
    world.office_tells(1, std::slice::from_ref(&erase));
    assert_eq!(world.office.pop(), Some(ToOffice::Took(1)));
    assert!(world.person(who()).is_some());
    assert_eq!(world.confirmed(), [(false, false, true, asked.clone())]);
    world.order(Order::Release { who: who(), hold: held.hold.unwrap() }).unwrap();
    for upto in [2, 3] {
        world.office_tells(upto, std::slice::from_ref(&erase));
        assert_eq!(world.office.pop(), Some(ToOffice::Took(upto)));
        assert!(world.person(who()).is_none());
        assert_eq!(world.confirmed().last(), Some(&(true, false, false, asked.clone())));
    }
}

#[test]
fn what_was_known_before_there_was_an_office_is_told_with_the_first_change() {
    let mut world = World::of(1, CONFIG, 0);
    world.create("Ann");
    assert!(world.contact().shared.is_empty());
    world.gateway.share_people(policy(), Duration::from_secs(5), Erasures::Ask);
    let tag = Order::Edit {
        who: who(),
        expects: None,
        fields: BTreeMap::from([("city".to_owned(), Some("Berne".to_owned()))]),
        source: Source::Agent,
        channel: None,
    };
    world.order(tag).unwrap();
    let row = world.contact();
    assert_eq!(row.shared.keys().collect::<Vec<_>>(), ["city", "name"]);
    assert!(row.shared["name"].stamp() < row.shared["city"].stamp());
    assert!(matches!(
        world.ask(&Command::Person { who: who(), moments: 1 }),
        Some(Reply::Person(_))
    ));
}

/// A hub that was taken over says of anybody what it likes: a card, or an erasure, that is about somebody else by its tokens
/// is not taken up, and neither is one that says nothing of whom it is about.
#[test]
fn what_the_office_says_of_the_wrong_contact_is_not_taken_up() {
    let mut world = world();
    world.gateway.share_people(policy(), Duration::from_secs(5), Erasures::Obey);
    let contact = world.create("Ann");
    let mut strange = known(5, "Mallory");
    strange.card.tokens = [policy().token(Class::Number, "+15550001111")].into();
    let mut silent = known(5, "Mallory");
    silent.card.tokens.clear();
    let other = erase(contact, &asked("E"), "+15550001111");
    let old = json!({"erase": {"to": [contact.to_string()], "asked": asked("F")}});
    let words = [word(contact, strange.clone()), word(contact, silent), other, old];
    world.office_tells(1, &words);
    assert_eq!(world.office.pop(), Some(ToOffice::Took(1)), "and is not said again");
    assert_eq!(world.contact().field("name").map(String::as_str), Some("Ann"));
    let confirmed = [(false, false, true, asked("E")), (false, false, true, asked("F"))];
    assert_eq!(world.confirmed(), confirmed);
    assert_eq!(world.gateway.branches.counters.unfit, 4);
    // A number that several people have names nobody, to the office neither.
    let line = Identity { kind: Kind::Phone, value: CALLER.to_owned() };
    let sharing = crate::context::Sharing::Family;
    world.order(Order::Share { identity: line, sharing }).unwrap();
    world.office_tells(2, &[word(contact, known(9, "Anna"))]);
    assert_eq!(world.gateway.branches.counters.unfit, 5);
    // The answer to a question is about whom it was asked.
    let mut world = self::world();
    world.rings_here();
    world.office_answers(Some(json!([strange])));
    assert_eq!(world.gateway.branches.counters.unfit, 1);
    assert!(world.person(self::who()).is_none());
}

/// A branch that was taken over erases somebody: a person is asked here, who says yes or no, and the branch hears which.
#[test]
fn an_erasure_elsewhere_is_a_question_to_a_person_here() {
    let mut world = world();
    let contact = world.create("Ann");
    world.office_tells(1, &[erase(contact, &asked("E"), CALLER)]);
    assert_eq!(world.office.pop(), Some(ToOffice::Took(1)));
    let [wanted] = &world.contact().wanted[..] else { panic!() };
    assert_eq!((&wanted.asked, wanted.waits), (&asked("E"), true));
    assert_eq!(world.confirmed(), [(false, true, true, asked("E"))]);
    // No.
    let held = world.order(Order::Hold { who: who(), reason: "a suit".to_owned() }).unwrap();
    assert_eq!(world.confirmed().last(), Some(&(false, false, true, asked("E"))));
    assert!(!world.contact().wanted[0].waits);
    // Yes, and once it is erased nobody is asked about them any more.
    world.order(Order::Release { who: who(), hold: held.hold.unwrap() }).unwrap();
    world.office_tells(2, &[erase(contact, &asked("F"), CALLER)]);
    assert_eq!(world.contact().wanted.len(), 2);
    world.order(Order::Erase { who: who(), rule: None }).unwrap();
    assert!(world.person(who()).is_none());
    let all = world.confirmed();
    assert!(all.contains(&(true, false, false, asked("E"))), "{all:?}");
    assert_eq!(all.last(), Some(&(true, false, false, asked("F"))));
}

#[test]
fn no_branch_has_more_erased_in_a_day_than_people_ask_for() {
    let mut world = world();
    world.gateway.share_people(policy(), Duration::from_secs(5), Erasures::Obey);
    let contact = world.create("Ann");
    let orders: Vec<_> =
        (0..50).map(|at| erase(ContactId(at), &asked(&at.to_string()), CALLER)).collect();
    world.office_tells(1, &orders);
    // One more, of somebody who is here; and again after the box was started anew.
    for upto in [2, 3] {
        world.office_tells(upto, &[erase(contact, &asked("one more"), CALLER)]);
        assert!(world.person(who()).is_some());
        assert_eq!(world.confirmed().last(), Some(&(false, false, true, asked("one more"))));
    }
    // Of another branch it is done, and of that one tomorrow.
    let chur = Asked { site: "chur".to_owned(), erasure: "E".to_owned() };
    world.now = world.now.after(Duration::from_secs(86_400));
    world.office_tells(4, &[erase(ContactId(5), &chur, CALLER)]);
    world.office_tells(5, &[erase(contact, &asked("one more"), CALLER)]);
    assert!(world.person(who()).is_none());
}

/// More than a box has orders at a time, by an office that keeps to no bounds: all that may be is taken up, and acknowledged.
#[test]
fn however_much_is_told_at_once_it_comes_to_an_end() {
    let mut world = world();
    let contact = world.create("Ann");
    let mut to: Vec<_> = (0..2_000).map(|at| ContactId(at).to_string()).collect();
    to.insert(0, contact.to_string());
    let card = |wall: i64| {
        let known = known(wall, &format!("Ann {wall}"));
        serde_json::to_value(Word::Card { to: to.clone(), known }).unwrap()
    };
    let words: Vec<_> = (1..=40).map(card).collect();
    world.office_tells(7, &words);
    world.seconds(1);
    assert_eq!(world.office.pop(), Some(ToOffice::Took(7)));
    assert!(world.gateway.orders.is_empty());
    let row = world.contact();
    let others: Vec<_> =
        row.conflicts("name").into_iter().map(|(site, _, text)| (site, text.cloned())).collect();
    assert_eq!(others, [(Some("basel"), Some("Ann 40".to_owned()))], "the last of what was said");
}

/// A branch that has ever more contacts by one number fills nobody's page: others are heard beside it.
#[test]
fn no_branch_leaves_no_room_for_the_others_on_a_contact() {
    let mut world = world();
    let contact = world.create("Ann");
    let of = |site: &str, at: i64| {
        let stamp = Stamp { wall: at, count: 0, site: writer(site, &at.to_string()) };
        let mut field = Shared::default();
        field.set(stamp, Some(format!("{site} {at}")));
        let mut known = known(at, "Ann");
        (known.site, known.contact) = (site.to_owned(), at.to_string());
        known.card.stamp = stamp;
        known.card.fields = BTreeMap::from([("name".to_owned(), field)]);
        word(contact, known)
    };
    let crowd: Vec<_> = (1..=100).map(|at| of("basel", at)).collect();
    world.office_tells(1, &crowd);
    world.office_tells(2, &[of("chur", 101)]);
    world.seconds(1);
    let row = world.contact();
    let sites = |site: &str| row.elsewhere.iter().filter(|one| one.site == site).count();
    assert_eq!((sites("basel"), sites("chur")), (4, 1));
    let values: Vec<_> = row.shared["name"].values().filter_map(|(_, name)| name.clone()).collect();
    assert!(values.len() == 6 && values.contains(&"chur 101".to_owned()), "{values:?}");
}
