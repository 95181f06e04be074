//! People in a whole branch: the store that looks them up, and what becomes of orders about them.

use super::*;
use crate::admin::{Command, Ordered, Reply};
use crate::context::{Happening, Identity, Kind, Moment, Order, Way, Who};
use crate::journal::record::{Found, decode};
use crate::journal::replay::Entry;
use crate::store::context::looking::Dossier;
use crate::store::context::looking::{Eyes, Question};
use crate::store::project;
use crate::store::tests::Table;

/// A look-up store that follows the journal when it is asked.
#[derive(Default)]
pub(super) struct Shelf {
    table: Table,
    /// How much of which segment it has read.
    read: (usize, usize),
    /// Whether it reads no further.
    pub stands: bool,
}

impl World {
    /// Answers a question about people at once.
    pub(super) fn look(&mut self, to: LookFor, question: &Question) {
        self.follow();
        let keys = self.gateway.journal.keys().reading();
        let eyes = Eyes { rows: &self.shelf.table, keys };
        let answer = eyes.answer(self.now.unix, question);
        self.gateway.handle_looked(self.now, to, answer);
    }

    /// Reads records of calls, which the store has as far as it was let follow the journal.
    pub(super) fn read_records(&mut self, to: ReplyTo, wanted: &crate::store::Wanted) {
        if !self.store_waits && !self.disk_waits {
            self.project();
        }
        let found = crate::store::look(wanted, &self.shelf.table);
        self.gateway.handle_records(to, Some(found));
    }

    pub(super) fn project(&mut self) {
        self.follow();
        let position = crate::journal::Token(self.shelf.table.meta().position);
        self.gateway.handle_projected(self.now, position);
    }

    /// Asks over the control socket, and answers what is answered by now.
    pub(super) fn ask(&mut self, command: &Command) -> Option<Reply> {
        let to = 1_000 + self.replies.len() as u64;
        self.gateway.handle_control(self.now, ReplyTo(to), command);
        self.carry_out();
        self.replies.get(&to).cloned()
    }

    pub(super) fn order(&mut self, order: Order) -> Result<Ordered, String> {
        match self.ask(&Command::Contact { order, seen: None }) {
            Some(Reply::Ordered(done)) => Ok(done),
            Some(Reply::Declined(why)) => Err(why.to_string()),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn person(&mut self, who: Who) -> Option<Box<Dossier>> {
        match self.ask(&Command::Person { who, moments: 100 }) {
            Some(Reply::Person(dossier)) => Some(dossier),
            Some(Reply::Declined(_)) => None,
            other => panic!("{other:?}"),
        }
    }

    fn follow(&mut self) {
        if self.shelf.stands {
            return;
        }
        let mut entries = Vec::new();
        let (segment, offset) = self.shelf.read;
        if self.journal.get(segment).is_none_or(|bytes| bytes.len() < offset) {
            // A restart: another journal, and a store that is made again from it.
            self.shelf = Shelf::default();
        }
        let Shelf { table, read: (segment, offset), .. } = &mut self.shelf;
        while let Some(bytes) = self.journal.get(*segment) {
            while let Found::Record(record) = decode(&bytes[*offset..]) {
                let event = serde_json::from_slice(record.payload).ok();
                entries.push(Entry { seq: record.seq, at: record.at, event });
                *offset += record.bytes.len();
            }
            if *segment + 1 == self.journal.len() {
                break;
            }
            (*segment, *offset) = (*segment + 1, 0);
        }
        let batch = project(table.meta(), &entries, table);
        table.write(batch);
    }
}

#[test]
fn who_has_called_before_is_known_while_it_rings() {
    let mut world = World::of(1, CONFIG, 0);
    for known in [false, true] {
        world.call(0, "+15550100");
        world.seconds(1);
        let calls: Vec<_> = world.gateway.calls.views().iter().map(|call| call.call).collect();
        let [call] = calls[..] else { panic!("{calls:?}") };
        let caller = world.gateway.known_caller(call);
        assert_eq!(caller.map(|caller| caller.last.len()), known.then_some(1));
        world.hang_up(0);
        world.seconds(20);
        assert!(world.gateway.contexts.is_empty(), "a call that is over is forgotten here");
    }
}

#[test]
fn a_call_out_is_remembered_under_the_number_in_full() {
    let mut world = World::of(1, CONFIG, 0);
    world.call(1, "914085551200");
    world.seconds(2);
    world.hang_up(1);
    world.seconds(20);
    world.follow();
    let keys = world.gateway.journal.keys().reading();
    let eyes = Eyes { rows: &world.shelf.table, keys };
    let who = Identity { kind: Kind::Phone, value: "+14085551200".to_owned() };
    let caller = eyes.caller(&who, world.now.unix).expect("whom we called is known");
    let [Moment { what: Happening::Call { way: Way::Out, .. }, .. }] = &caller.last[..] else {
        panic!("{caller:?}")
    };
}

const CALLER: &str = "+15557654321";

fn caller() -> Who {
    Who::Identity(Kind::Phone, CALLER.to_owned())
}

fn edit(name: &str, expects: Option<u64>) -> Order {
    let fields = BTreeMap::from([("name".to_owned(), Some(name.to_owned()))]);
    Order::Edit { who: caller(), expects, fields, source: Default::default(), channel: None }
}

fn create(name: &str, identity: &str) -> Order {
    let Ok(Who::Identity(kind, value)) = identity.parse() else { panic!("{identity}") };
    Order::Create {
        fields: BTreeMap::from([("name".to_owned(), name.to_owned())]),
        identities: vec![Identity { kind, value }],
        source: Default::default(),
        channel: None,
    }
}

#[test]
fn whoever_orders_sees_what_came_of_it_and_a_stale_edit_changes_nothing() {
    let mut world = World::of(1, CONFIG, 0);
    world.seconds(1);
    world.order(create("Ann", CALLER)).expect("made");
    let seen = world.person(caller()).expect("there");
    let version = seen.contacts[0].version;
    world.order(edit("Ann Lee", Some(version))).expect("the version that was seen");
    let why = world.order(edit("Bob", Some(version))).expect_err("another one by now");
    assert!(why.contains("version"), "{why}");
    let field = world.person(caller()).expect("there").contacts[0].fields["name"].clone();
    assert_eq!(field.now.value.as_deref(), Some("Ann Lee"));
    assert_eq!(field.before[0].value.as_deref(), Some("Ann"), "what was said before stays known");
}

/// Two edits that were both looked up before either was kept: the second sees the first.
#[test]
fn two_who_edit_at_once_do_not_both_win() {
    let mut world = World::of(1, CONFIG, 0);
    world.seconds(1);
    world.order(create("Ann", CALLER)).expect("made");
    let version = world.person(caller()).expect("there").contacts[0].version;
    world.disk_waits = true;
    for (to, name) in [(1, "Bea"), (2, "Cid")] {
        let command = Command::Contact { order: edit(name, Some(version)), seen: None };
        world.gateway.handle_control(world.now, ReplyTo(to), &command);
        world.carry_out();
    }
    assert!(!world.replies.contains_key(&1), "nothing is said before it is on the disk");
    world.disk_waits = false;
    world.disk_goes_on();
    world.carry_out();
    assert!(matches!(world.replies[&1], Reply::Ordered(_)));
    assert!(matches!(world.replies[&2], Reply::Declined(_)), "{:?}", world.replies[&2]);
    let name = world.person(caller()).expect("there").contacts[0].fields["name"].clone();
    assert_eq!(name.now.value.as_deref(), Some("Bea"));
    assert!(world.gateway.orders.is_empty());
}

#[test]
fn a_person_is_erased_with_the_message_they_left_unless_a_hold_stands() {
    let mut world = World::of(1, CONFIG, 0);
    world.call(0, "+15550100");
    world.seconds(2);
    world.press("3");
    world.seconds(20);
    world.hang_up(0);
    world.seconds(20);
    let known = world.person(caller()).expect("who called is known");
    let [Moment { what: Happening::Call { recordings, .. }, .. }] =
        &known.timeline.iter().map(|placed| placed.moment.clone()).collect::<Vec<_>>()[..]
    else {
        panic!("{known:?}")
    };
    assert_eq!((recordings.len(), world.files.len()), (1, 1), "a message was left");
    let hold = world.order(Order::Hold { who: caller(), reason: "case 7".to_owned() });
    let hold = hold.expect("held").hold.expect("a hold");
    let why = world.order(Order::Erase { who: caller(), rule: None }).expect_err("a hold stands");
    assert!(why.contains("case 7"), "{why}");
    world.order(Order::Release { who: caller(), hold }).expect("released");
    let erased = world.order(Order::Erase { who: caller(), rule: None }).expect("erased");
    assert!(world.person(caller()).is_none());
    assert!(recordings.iter().all(|recording| !world.files.contains(recording)));
    let Some(Reply::Erasures(proofs)) = world.ask(&Command::Erasures) else { panic!() };
    assert_eq!(
        proofs.iter().map(|proof| Some(proof.erasure)).collect::<Vec<_>>(),
        [erased.erasure]
    );
    assert_eq!(proofs[0].recordings as usize, recordings.len());
    let mut replay = Replay::default();
    for segment in &world.journal {
        replay.read(segment, &mut |_| {});
    }
    assert!(replay.damage.is_none(), "the chain holds");
    // The next call of that number is a stranger's.
    world.call(0, "+15550101");
    world.seconds(2);
    world.hang_up(0);
    world.seconds(20);
    let stranger = world.person(caller()).expect("known again");
    assert_ne!(stranger.person, known.person);
    assert_eq!(stranger.timeline.len(), 1);
}

#[test]
fn who_has_not_been_heard_of_for_long_is_erased_by_rule_unless_held() {
    let rules = "[retention]\npeople = 30\n[[legal_hold]]\ntag = \"trial\"\nreason = \"a court\"\n";
    let mut world = World::of(1, &format!("{CONFIG}{rules}"), 0);
    world.seconds(1);
    for (name, number) in
        [("Ann", "+14085550001"), ("Bob", "+14085550002"), ("Cid", "+14085550003")]
    {
        world.order(create(name, number)).expect("made");
    }
    let who = |number: &str| Who::Identity(Kind::Phone, number.to_owned());
    let tag = "trial".to_owned();
    world.order(Order::Tag { who: who("+14085550002"), tag, on: true }).expect("tagged");
    world.now.unix = world.now.unix + Duration::from_secs(31 * 86_400);
    let note = Order::Note { who: who("+14085550003"), case: None, text: "called".to_owned() };
    world.order(note).expect("noted");
    world.seconds(60);
    assert!(world.person(who("+14085550001")).is_none(), "a month of silence");
    assert!(world.person(who("+14085550002")).is_some(), "held");
    assert!(world.person(who("+14085550003")).is_some(), "heard of today");
    let Some(Reply::Erasures(proofs)) = world.ask(&Command::Erasures) else { panic!() };
    assert_eq!(proofs[0].rule.as_deref(), Some("retention.people"));
}

/// A conversation of this caller with extension 201, which is recorded; the recordings, which lie on the disk.
fn recorded(world: &mut World, days_ago: u64) -> Vec<crate::id::RecordingId> {
    let now = world.now.unix;
    world.now.unix = now - Duration::from_secs(days_ago * 86_400);
    world.call(0, "+15550101");
    world.seconds(1);
    world.take_call(1);
    world.seconds(20);
    world.hang_up(0);
    world.seconds(20);
    world.now.unix = now;
    let known = world.person(caller()).expect("who called is known");
    let Some(Happening::Call { recordings, .. }) =
        known.timeline.iter().map(|placed| placed.moment.what.clone()).next()
    else {
        panic!("{known:?}")
    };
    assert!(!recordings.is_empty(), "it was recorded");
    world.files.extend(&recordings);
    recordings
}

#[test]
fn recordings_go_by_rule_with_their_keys_unless_somebody_holds_them() {
    let rules = "[retention]\nrecordings = 30\ntimeline = 10\n";
    let always =
        CONFIG.replacen("number = \"201\"\n", "number = \"201\"\nrecord = \"always\"\n", 1);
    let mut world = World::of(1, &format!("{always}{rules}"), 0);
    world.seconds(1);
    world.order(create("Ann", CALLER)).expect("made");
    world.order(create("Ann as well", "email:ann@example.com")).expect("made");
    let mail = Who::Identity(Kind::Email, "ann@example.com".to_owned());
    let held = Order::Hold { who: mail.clone(), reason: "a court".to_owned() };
    let hold = world.order(held).expect("held").hold.expect("a hold");
    let merge = Order::Merge { kept: caller(), gone: mail.clone() };
    world.order(merge).expect("merged");
    let old = recorded(&mut world, 31);
    let new = recorded(&mut world, 29);
    world.seconds(120);
    let words = |world: &mut World| {
        let Some(Reply::Status(status)) = world.ask(&Command::Status) else { panic!() };
        let part = status.parts.into_iter().find(|part| part.name == "retention");
        part.expect("its part").words
    };
    assert!(old.iter().chain(&new).all(|id| world.files.contains(id)), "another contact is held");
    let told = words(&mut world);
    assert!(told.contains("1 more are held") && told.contains("0 forgotten"), "{told}");
    let shown = world.person(caller()).expect("there").timeline.len();
    assert_eq!(shown, 2, "and nothing is taken off the timeline");
    world.order(Order::Release { who: mail, hold }).expect("released");
    let keys = world.gateway.journal.keys().reading();
    let before = keys.clone();
    world.seconds(120);
    assert!(old.iter().all(|id| !world.files.contains(id)), "31 days");
    assert!(new.iter().all(|id| world.files.contains(id)), "29 days");
    let told = words(&mut world);
    assert!(told.contains("1 forgotten since the start"), "{told}");
    // The journal says what went, when and by which rule, and not of whom.
    let mut said = Vec::new();
    for segment in &world.journal {
        let mut rest = &segment[..];
        while let Found::Record(record) = decode(rest) {
            let text = String::from_utf8_lossy(record.payload).into_owned();
            said.extend(Some(text).filter(|text| text.contains("tapes_forgotten")));
            rest = &rest[record.bytes.len()..];
        }
    }
    let [said] = &said[..] else { panic!("{said:?}") };
    assert!(said.contains("retention.recordings") && said.contains(&old[0].to_string()), "{said}");
    assert!(said.contains("\"keys\":1") && !said.contains("5557654321"), "{said}");
    let key = |call: crate::id::CallId| {
        crate::journal::personal::Reads::by_name(&before, &crate::journal::context::call_name(call))
    };
    let calls = world.ask(&Command::CallRecords { limit: 9, after: None });
    let Some(Reply::CallRecords(calls)) = calls else { panic!() };
    let keys = world.gateway.journal.keys().reading();
    let (known, gone): (Vec<_>, Vec<_>) =
        calls.iter().partition(|line| keys.knows(&key(line.call)));
    assert!(gone.iter().all(|line| before.knows(&key(line.call))), "they had keys");
    assert_eq!((known.len(), gone.len()), (1, 1));
    // What is not shown any more goes with the person all the same.
    let shown = world.person(caller()).expect("there").timeline.len();
    assert_eq!(shown, 0, "ten days");
    world.order(Order::Erase { who: caller(), rule: None }).expect("erased");
    assert!(new.iter().all(|id| !world.files.contains(id)));
    let keys = world.gateway.journal.keys().reading();
    assert!(calls.iter().all(|line| !keys.knows(&key(line.call))));
}

#[test]
fn a_message_stays_longer_than_its_mailbox_wants_while_whoever_left_it_is_held() {
    let kept = CONFIG.replacen("max_messages = 3 }", "max_messages = 3, retention_days = 1 }", 1);
    let inbound = "[[inbound]]\nnumber = \"+15550103\"\nto = \"voicemail:203\"\n";
    let mut world = World::of(1, &format!("{kept}{inbound}"), 0);
    world.call(0, "+15550103");
    world.seconds(30);
    world.hang_up(0);
    world.seconds(20);
    let messages = world.gateway.journal.live().mail.messages.len();
    assert_eq!((messages, world.files.len()), (1, 1), "a message was left");
    let hold = world.order(Order::Hold { who: caller(), reason: "a court".to_owned() });
    let hold = hold.expect("held").hold.expect("a hold");
    world.now.unix = world.now.unix + Duration::from_secs(2 * 86_400);
    world.seconds(120);
    assert_eq!(world.files.len(), 1, "held");
    world.order(Order::Release { who: caller(), hold }).expect("released");
    world.seconds(120);
    assert!(world.files.is_empty(), "a day was enough");
    assert!(world.gateway.journal.live().mail.messages.is_empty());
}
