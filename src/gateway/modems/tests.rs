//! A channel of simulated SIMs, in virtual time: nothing is deleted too early, told twice or sent twice.

#![allow(clippy::disallowed_methods)]

use super::*;
use crate::id::MessageId;
use crate::messaging::channel::NotStored;
use crate::messaging::{Address, Kind, Piece};
use crate::sms::pdu::Reference;
use crate::sms::pdu::{Address as Number, Coding, ServiceTime, Status, Submit};
use crate::sms::segment::segment;
use crate::time::UnixTime;

struct World {
    now: Now,
    modems: Modems,
    /// What is on the disk.
    disk: Vec<Record>,
    given: u64,
    orders: Vec<(String, modem::Order)>,
    told: Vec<Input>,
}

impl World {
    fn new(sims: &[(&str, Limits)]) -> World {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_764_000_000_000_000) };
        let modems = Modems::new(now, settings(sims), Vec::new());
        let (disk, orders, told) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { now, modems, disk, given: 0, orders, told };
        world.turn(true);
        for (sim, _) in sims {
            world.is(sim, Condition::Ready);
        }
        world
    }

    /// Takes what comes out; `disk` is whether it takes what it is given.
    fn turn(&mut self, disk: bool) -> &mut Self {
        while let Some(output) = self.modems.poll_output() {
            match output {
                Output::Order(sim, order) => self.orders.push((sim, order)),
                Output::Tell(input) => self.told.push(input),
                Output::Keep(record) => {
                    self.given += 1;
                    if disk {
                        self.disk.push(record);
                        self.modems.handle_kept(self.now, self.given);
                    }
                }
            }
        }
        self
    }

    /// The power goes: what was on the disk is all there is.
    fn crash(&mut self, sims: &[(&str, Limits)]) {
        self.modems = Modems::new(self.now, settings(sims), self.disk.clone());
        self.disk = self.modems.whole();
        (self.given, self.orders, self.told) = (0, Vec::new(), Vec::new());
        self.turn(true);
        for (sim, _) in sims {
            self.is(sim, Condition::Ready);
        }
    }

    fn is(&mut self, sim: &str, condition: Condition) {
        self.modems.handle_told(self.now, sim, modem::Told::Condition(condition));
        self.turn(true);
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.modems.handle_timeout(self.now);
        self.turn(true);
    }

    fn arrive(&mut self, sim: &str, key: &str, deliver: &Deliver, disk: bool) {
        let told = modem::Told::Arrived {
            key: key.to_owned(),
            deliver: Some(Box::new(deliver.clone())),
            pdu: [&[0], &Tpdu::Deliver(deliver.clone()).octets()[..]].concat(),
        };
        self.modems.handle_told(self.now, sim, told);
        self.turn(disk);
    }

    fn send(&mut self, id: u64, to: &str, text: &str) {
        let outgoing = Outgoing {
            message: MessageId(id),
            attempt: 1,
            to: Address::new(Kind::Phone, to),
            from: None,
            pieces: vec![Piece::text(text)],
            answers: None,
            thread: None,
            subject: None,
            until: self.now.unix + Duration::from_secs(7_200),
            urgent: false,
        };
        self.modems.handle_order(self.now, Order::Send(Box::new(outgoing)));
        self.turn(true);
    }

    fn came(&mut self, id: u64, outcome: modem::Outcome) {
        let sim = self.sends().into_iter().find(|(_, send)| send.id == id).expect("it was given").0;
        self.modems.handle_told(self.now, &sim, modem::Told::Sent { id, outcome });
        self.turn(true);
    }

    fn answer(&mut self, order: Order) {
        self.modems.handle_order(self.now, order);
        self.turn(true);
    }

    /// What was told and is not answered, with its receipt.
    fn told(&self) -> Vec<(Receipt, &Heard)> {
        let told = self.told.iter().filter_map(|input| match input {
            Input::Told { receipt, told } => Some((*receipt, &told[0])),
            _ => None,
        });
        told.collect()
    }

    fn texts(&self) -> Vec<(String, String, String)> {
        let texts = self.told().into_iter().filter_map(|(_, heard)| match heard {
            Told::Arrived(arrived) => match &arrived.pieces[..] {
                [Piece::Text { text }] => {
                    Some((arrived.key.clone(), arrived.from.value.clone(), text.clone()))
                }
                _ => None,
            },
            _ => None,
        });
        texts.collect()
    }

    fn deleted(&self) -> Vec<&str> {
        let deleted = self.orders.iter().filter_map(|(_, order)| match order {
            modem::Order::Stored(key) => Some(key.as_str()),
            _ => None,
        });
        deleted.collect()
    }

    fn sends(&self) -> Vec<(String, modem::Send)> {
        let sends = self.orders.iter().filter_map(|(sim, order)| match order {
            modem::Order::Send(send) => Some((sim.clone(), send.clone())),
            _ => None,
        });
        sends.collect()
    }

    fn outcomes(&self) -> Vec<(u64, &Outcome)> {
        let outcomes = self.told.iter().filter_map(|input| match input {
            Input::Outcome { message, outcome, .. } => Some((message.0, outcome)),
            _ => None,
        });
        outcomes.collect()
    }
}

fn settings(sims: &[(&str, Limits)]) -> Settings {
    Settings {
        sims: sims.iter().map(|(name, limits)| ((*name).to_owned(), *limits)).collect(),
        routes: Vec::new(),
        options: segment::Options::default(),
        reports: true,
        most_parts: 10,
        country: Country::from_code("US").expect("a country"),
        key: [7; 32],
    }
}

const FREE: Limits = Limits { second: None, hour: None, day: None, month: None, recipients: None };
const ONE: &[(&str, Limits)] = &[("front", FREE)];

/// The messages in which a network delivers a text.
fn delivers(from: &str, text: &str, at: UnixTime) -> Vec<Deliver> {
    let parts = segment(text, &segment::Options::default(), Reference::Short(9)).expect("parts");
    let deliver = |part: segment::Part| Deliver {
        more: false,
        loops: false,
        report: false,
        reply_path: false,
        originator: Number::number(from).expect("a number"),
        protocol: crate::sms::pdu::Protocol::PLAIN,
        coding: Coding::new(part.alphabet, None),
        time: ServiceTime::at(at, 0).expect("a time"),
        user_data: part.user_data,
    };
    parts.into_iter().map(deliver).collect()
}

#[test]
fn a_text_is_deleted_when_the_ledger_has_it_and_not_before() {
    let mut world = World::new(ONE);
    let text = delivers("+15550001", "hello", world.now.unix).remove(0);
    world.arrive("front", "k1", &text, true);
    let known = ("k1".to_owned(), "+15550001".to_owned(), "hello".to_owned());
    assert_eq!(world.texts(), std::slice::from_ref(&known));
    assert!(world.deleted().is_empty());
    // The line went away and came back: the same again while the ledger is at it.
    world.arrive("front", "k1", &text, true);
    assert_eq!(world.texts().len(), 1);
    let receipt = world.told()[0].0;
    world.answer(Order::NotStored(receipt, NotStored::Disk));
    world.pass(TELL_AGAIN);
    assert_eq!(world.texts(), [known.clone(), known]);
    assert!(world.deleted().is_empty());
    let receipt = world.told()[1].0;
    world.answer(Order::Stored(receipt));
    assert_eq!(world.deleted(), ["k1"]);
}

#[test]
fn parts_are_deleted_when_the_diary_has_them_and_a_restart_between_loses_none() {
    let mut world = World::new(ONE);
    let long = "All work and no play makes Jack a dull boy. ".repeat(8);
    let parts = delivers("+15550001", &long, world.now.unix);
    assert_eq!(parts.len(), 3);
    // The disk takes nothing: the part stays on the modem.
    world.arrive("front", "k3", &parts[2], false);
    assert!(world.deleted().is_empty());
    world.crash(ONE);
    for (key, part) in [("k3", &parts[2]), ("k1", &parts[0])] {
        world.arrive("front", key, part, true);
    }
    assert_eq!(world.deleted(), ["k3", "k1"]);
    world.crash(ONE);
    assert!(world.texts().is_empty());
    world.arrive("front", "k2", &parts[1], true);
    let [(key, _, text)] = &world.texts()[..] else { panic!("{:?}", world.texts()) };
    assert_eq!(*text, long);
    // It was told, and a crash kept the answer away: the same key again.
    let key = key.clone();
    world.crash(ONE);
    assert_eq!(world.texts()[0].0, key);
    let receipt = world.told()[0].0;
    world.answer(Order::Stored(receipt));
    world.crash(ONE);
    assert!(world.texts().is_empty(), "it is done with");
    // A modem that did not delete one brings it in again.
    world.arrive("front", "k2", &parts[1], true);
    assert_eq!(world.deleted(), ["k2"]);
    world.pass(Duration::from_secs(7_200));
    assert!(world.texts().is_empty());
}

#[test]
fn what_cannot_be_read_is_kept_and_shown() {
    let mut world = World::new(ONE);
    let told = || modem::Told::Arrived { key: "odd".to_owned(), deliver: None, pdu: vec![1, 2] };
    world.modems.handle_told(world.now, "front", told());
    world.turn(false);
    assert!(world.deleted().is_empty());
    world.crash(ONE);
    world.modems.handle_told(world.now, "front", told());
    world.turn(true);
    assert_eq!(world.deleted(), ["odd"]);
    world.crash(ONE);
    assert_eq!(world.modems.figures(world.now, "front").map(|f| f.unreadable), Some(1));
}

#[test]
fn a_text_goes_out_in_parts_and_is_told_once_its_numbers_are_on_the_disk() {
    let mut world = World::new(ONE);
    world.send(5, "+15550002", &"x".repeat(200));
    let sends = world.sends();
    let [(sim, send)] = &sends[..] else { panic!("{sends:?}") };
    assert_eq!((sim.as_str(), send.to.as_str(), send.parts.len()), ("front", "+15550002", 2));
    let first = Tpdu::parse(&send.parts[0], Direction::FromPhone).expect("a message").value;
    let Tpdu::Submit(Submit { report, .. }) = first else { panic!("{first:?}") };
    assert!(report);
    let id = send.id;
    let outstanding = modem::Outstanding {
        reference: "r1".to_owned(),
        sim: "s".to_owned(),
        number: 1,
        check: 2,
        at: world.now.unix,
    };
    let remember = modem::Told::Remember(Change::Sent(outstanding));
    world.modems.handle_told(world.now, "front", remember);
    world.turn(false);
    let references = vec!["r1".to_owned(), "r2".to_owned()];
    let outcome = modem::Outcome::Accepted { references: references.clone() };
    world.modems.handle_told(world.now, "front", modem::Told::Sent { id, outcome });
    world.turn(false);
    assert!(world.outcomes().is_empty());
    world.modems.handle_kept(world.now, world.given);
    world.turn(true);
    assert_eq!(world.outcomes(), [(5, &Outcome::Accepted { references })]);
}

#[test]
fn a_report_is_over_when_the_ledger_has_it() {
    let mut world = World::new(ONE);
    let outstanding = modem::Outstanding {
        reference: "r1".to_owned(),
        sim: "s".to_owned(),
        number: 1,
        check: 2,
        at: world.now.unix,
    };
    let now = world.now;
    let told = [
        modem::Told::Remember(Change::Sent(outstanding)),
        modem::Told::Remember(Change::Over("r1".to_owned())),
        modem::Told::Report {
            key: "k".to_owned(),
            reference: Some("r1".to_owned()),
            report: Box::new(StatusReport {
                more: false,
                loops: false,
                about_command: false,
                reference: 1,
                recipient: Number::number("+15550002").expect("a number"),
                time: ServiceTime([0; 7]),
                discharged: ServiceTime::at(now.unix, 0).expect("a time"),
                status: Status::RECEIVED,
                options: crate::sms::pdu::Options::default(),
            }),
        },
    ];
    for told in told.clone() {
        world.modems.handle_told(now, "front", told);
        world.turn(true);
    }
    assert!(matches!(world.told()[0].1, Told::Report(_)));
    assert!(world.deleted().is_empty());
    world.crash(ONE);
    assert_eq!(world.modems.known("front").outstanding.len(), 1, "it comes again");
    for told in told.into_iter().skip(1) {
        world.modems.handle_told(now, "front", told);
        world.turn(true);
    }
    let receipt = world.told()[0].0;
    world.answer(Order::Stored(receipt));
    assert_eq!(world.deleted(), ["k"]);
    world.crash(ONE);
    assert!(world.modems.known("front").outstanding.is_empty());
}

#[test]
fn limits_hold_over_a_restart_and_what_no_sim_may_send_goes_back() {
    let limits = Limits { day: Some(2), ..FREE };
    let sims: &[(&str, Limits)] = &[("front", limits)];
    let mut world = World::new(sims);
    world.send(1, "+15550002", "one");
    let id = world.sends()[0].1.id;
    world.came(id, modem::Outcome::Accepted { references: vec!["r".to_owned()] });
    world.send(2, "+15550002", "two");
    let id = world.sends()[1].1.id;
    world.came(id, modem::Outcome::Away);
    world.crash(sims);
    // What did not go does not count.
    world.send(3, "+15550003", "three");
    assert_eq!(world.sends().len(), 1);
    let id = world.sends()[0].1.id;
    world.came(id, modem::Outcome::Accepted { references: vec!["r".to_owned()] });
    world.send(4, "+15550003", "four");
    assert_eq!(world.sends().len(), 1);
    world.pass(WAIT);
    assert_eq!(world.outcomes().last(), Some(&(4, &Outcome::Later(COME_AGAIN))));
    let figures = world.modems.figures(world.now, "front").expect("it is known");
    assert_eq!((figures.used.day, figures.limits.day), (2, Some(2)));
}

#[test]
fn whoever_wrote_to_a_sim_is_answered_by_it_also_after_a_restart() {
    let sims: &[(&str, Limits)] = &[("a", FREE), ("b", FREE)];
    let mut world = World::new(sims);
    let text = delivers("+15550001", "hello", world.now.unix).remove(0);
    world.arrive("b", "k", &text, true);
    world.send(1, "+15550001", "hello to you");
    world.send(2, "+15550009", "hello");
    let sims_of: Vec<_> = world.sends().into_iter().map(|(sim, _)| sim).collect();
    assert_eq!(sims_of, ["b", "a"]);
    world.crash(sims);
    world.send(3, "+15550001", "and again");
    assert_eq!(world.sends()[0].0, "b");
    let disk = serde_json::to_string(&world.disk).expect("json");
    assert!(!disk.contains("15550001") && !disk.contains("15550009"), "{disk}");
}

#[test]
fn without_a_sim_nothing_waits_here_and_the_state_says_why() {
    let mut world = World::new(ONE);
    world.is("front", Condition::NoSim);
    world.send(1, "+15550002", "one");
    assert_eq!(world.outcomes(), [(1, &Outcome::Away)]);
    let last = world.told.iter().rev().find_map(|input| match input {
        Input::State(state) => Some(state.clone()),
        _ => None,
    });
    assert_eq!(last, Some(State::Down("front: no SIM".to_owned())));
    world.is("front", Condition::Roaming);
    assert_eq!(world.told.last(), Some(&Input::State(State::Up)));
}

#[test]
fn what_is_no_text_for_a_number_is_refused_with_whose_doing_that_is() {
    let mut world = World::new(ONE);
    world.send(1, "+1555000222200044445555", "x");
    world.send(2, "+15550002", &"x".repeat(153 * 10 + 1));
    let faults: Vec<_> = world
        .outcomes()
        .into_iter()
        .map(|(id, outcome)| match outcome {
            Outcome::Refused(failure) => (id, failure.fault),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(faults, [(1, Fault::Address), (2, Fault::Content)]);
    // Somebody may have the first part: a network that is busy is no reason to send it again.
    world.send(3, "+15550002", &"x".repeat(200));
    let id = world.sends()[0].1.id;
    let why = modem::Refusal { whose: modem::Whose::Network, code: Some(42) };
    world.came(id, modem::Outcome::Refused { references: vec!["r".to_owned()], why });
    let last = world.outcomes().pop();
    assert!(matches!(last, Some((3, Outcome::Refused(f))) if !f.fault.may_pass()), "{last:?}");
}

#[test]
fn numbers_without_a_country_are_of_this_one_and_short_codes_are_short() {
    let mut world = World::new(ONE);
    for (key, from) in [("a", "4085551200"), ("b", "12345")] {
        let text = delivers(from, "hello", world.now.unix).remove(0);
        world.arrive("front", key, &text, true);
    }
    let mut name = delivers("+1555", "hello", world.now.unix).remove(0);
    name.originator = Number::name("Shop").expect("a name");
    world.arrive("front", "c", &name, true);
    let from: Vec<_> = world.texts().into_iter().map(|(_, from, _)| from).collect();
    assert_eq!(from, ["+14085551200", "12345", "Shop"]);
}
