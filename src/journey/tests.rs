//! Journeys in virtual time, with a driver that dies now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::rule::{Known, Mistake, Rule, Settings};
use super::*;
use crate::hours;
use crate::random::Random;
use crate::time::Now;

fn rule(text: &str) -> Rule {
    let settings: Settings = toml::from_str(text).unwrap();
    Rule::new(&settings, &known()).unwrap()
}

fn known() -> Known {
    let webhooks = [("crm".to_owned(), true), ("wall".to_owned(), false)].into();
    Known { queues: ["support".to_owned()].into(), webhooks, carried: Channel::ALL.into() }
}

fn rules(text: &str) -> BTreeMap<String, Rule> {
    [("sorry".to_owned(), rule(text))].into()
}

const SORRY: &str = "on = 'call-abandoned'\nwhen = { queue = ['support'] }\nstop_on = ['call-ended']\n\
    [[step]]\nwait = '30m'\n[[step]]\nmessage = 'sms'\ntext = 'We missed you.'\n\
    [[step]]\nwait = '1d'\n[[step]]\ntask = 'support'\ntext = 'Call them.'";

fn event(id: &str, person: u64, zone: &str) -> Event {
    let consents = ["sms/service".to_owned()].into();
    Event {
        id: id.to_owned(),
        kind: "call-abandoned".to_owned(),
        person: Person(person),
        attributes: [("queue".to_owned(), "support".to_owned())].into(),
        standing: Standing { zone: Some(zone.to_owned()), consents, ..Standing::default() },
    }
}

#[allow(clippy::disallowed_methods)]
fn at(text: &str) -> Now {
    let unix = UnixTime(text.parse::<Timestamp>().unwrap().as_microsecond());
    Now { instant: Instant::now(), unix }
}

/// The machine with what stands around it: a journal whose records are on the disk a little later, and somebody who
/// carries steps out once they are.
struct World {
    now: Now,
    rules: BTreeMap<String, Rule>,
    machine: Journeys,
    /// How people stand, whoever asks.
    people: BTreeMap<Person, Standing>,
    /// Whom nobody has asked after yet.
    looks: Vec<(Key, Person)>,
    /// What is on the disk.
    disk: Kept,
    /// What is not yet.
    waiting: Vec<Change>,
    /// Steps whose intention is not on the disk, or that are not carried out.
    asked: Vec<(Key, Person, Action)>,
    /// What was carried out, when and for whom.
    done: Vec<(Key, UnixTime, Person, Action)>,
    outcomes: Vec<(Key, Outcome)>,
    ends: Vec<Why>,
}

impl World {
    fn new(now: Now, rules: BTreeMap<String, Rule>) -> World {
        World {
            now,
            machine: Journeys::new(rules.clone(), TimeZone::UTC),
            rules,
            people: BTreeMap::new(),
            looks: Vec::new(),
            disk: Kept::default(),
            waiting: Vec::new(),
            asked: Vec::new(),
            done: Vec::new(),
            outcomes: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn tells(&mut self, event: &Event) -> Passed {
        self.people.insert(event.person, event.standing.clone());
        let verdict = self.machine.handle_event(self.now, event);
        self.listen();
        verdict
    }

    fn listen(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Record(change) => self.waiting.push(change),
                Output::Look { key, person } => self.looks.push((key, person)),
                Output::Do { key, person, action, .. } => self.asked.push((key, person, action)),
                Output::Begin { rule, at, .. } => self.machine.handle_timed(self.now, &rule, at),
            }
        }
        for (key, person) in std::mem::take(&mut self.looks) {
            let standing = self.people.get(&person).cloned();
            self.machine.handle_standing(self.now, key, standing);
            self.listen();
        }
    }

    /// Everything is on the disk.
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.waiting) {
            match &change {
                Change::Did { key, outcome } => self.outcomes.push((*key, *outcome)),
                Change::Ended { why, .. } => self.ends.push(*why),
                _ => {}
            }
            self.disk.apply(self.now.unix, &change);
        }
    }

    /// Who carries out steps takes one up: what is under a key that they know is passed over.
    fn carry_out(&mut self) {
        for (key, person, action) in std::mem::take(&mut self.asked) {
            self.done.push((key, self.now.unix, person, action.clone()));
            let due = self.machine.handle_handed(self.now, (key, person), action, None);
            self.disk.apply(self.now.unix, &due);
            self.machine.handle_done(self.now, key, Outcome::Done);
        }
        self.listen();
    }

    /// kill -9, and a start: what was not on the disk is gone.
    fn dies(&mut self) {
        self.waiting.clear();
        self.asked.clear();
        self.looks.clear();
        self.machine = Journeys::new(self.rules.clone(), TimeZone::UTC);
        self.machine.restore(self.now, self.disk.clone());
        self.listen();
    }

    /// Lets all happen that is due until `end`, dying at random before any sync and after.
    fn until(&mut self, end: UnixTime, mut dies: impl FnMut() -> bool) {
        loop {
            for part in 0..3 {
                if dies() {
                    self.dies();
                }
                match part {
                    0 => self.sync(),
                    1 => self.carry_out(),
                    _ => self.sync(),
                }
            }
            if !self.asked.is_empty() || !self.waiting.is_empty() {
                continue;
            }
            let Some(next) = self.machine.deadline(self.now) else { return };
            let span = next.saturating_duration_since(self.now.instant);
            // What is far off is reached in one leap: virtual time has nothing to look at in between.
            let span = self.leap().unwrap_or(span).max(Duration::from_millis(1));
            if self.now.unix + span > end {
                return;
            }
            self.now = self.now.after(span);
            self.machine.handle_timeout(self.now);
            self.listen();
        }
    }

    fn leap(&self) -> Option<Duration> {
        let next =
            self.machine.kept().running.values().filter_map(|running| running.until).min()?;
        Some(next.since(self.now.unix))
    }
}

fn never() -> bool {
    false
}

/// Virtual days after a moment.
fn days(now: Now, days: u64) -> UnixTime {
    now.unix + Duration::from_secs(days * 86_400)
}

#[test]
fn a_journey_waits_writes_and_makes_a_task() {
    let now = at("2026-11-16T12:00:00Z");
    let mut world = World::new(now, rules(SORRY));
    assert_eq!(world.tells(&event("e1", 7, "Europe/Berlin")), Passed::Taken);
    assert_eq!(world.tells(&event("e1", 7, "Europe/Berlin")), Passed::NotMeant, "said twice");
    world.until(days(now, 9), never);
    assert_eq!(world.tells(&event("e1", 7, "Europe/Berlin")), Passed::NotMeant, "said much later");
    let done: Vec<_> = world.done.iter().map(|(_, at, _, _)| at.to_string()).collect();
    assert_eq!(done, ["2026-11-16T12:30:00.000Z", "2026-11-17T12:30:00.000Z"]);
    assert_eq!(world.ends, [Why::Finished]);
    assert!(world.disk.running.is_empty() && world.disk.handed.is_empty());
    assert!(world.disk.standings.is_empty(), "nothing is kept of who has no journey");
}

#[test]
fn an_event_without_what_the_rule_asks_for_begins_nothing() {
    let mut world = World::new(at("2026-11-16T12:00:00Z"), rules(SORRY));
    let mut other = event("e1", 7, "UTC");
    other.attributes.insert("queue".to_owned(), "sales".to_owned());
    assert_eq!(world.tells(&other), Passed::NotMeant);
}

#[test]
fn what_happens_meanwhile_ends_it() {
    let mut world = World::new(at("2026-11-16T12:00:00Z"), rules(SORRY));
    world.tells(&event("e1", 7, "UTC"));
    world.tells(&Event { kind: "call-ended".to_owned(), ..event("e2", 8, "UTC") });
    assert_eq!(world.machine.kept().running.len(), 1, "about somebody else");
    world.tells(&Event { kind: "call-ended".to_owned(), ..event("e3", 7, "UTC") });
    world.until(days(world.now, 3), never);
    assert_eq!((world.done.len(), &world.ends[..]), (0, &[Why::Event][..]));
}

#[test]
fn no_offers_during_an_open_case() {
    let now = at("2026-11-16T12:00:00Z");
    let offer = "on = 'cart'\npurpose = 'marketing'\n[[step]]\nwait = '1h'\n\
                 [[step]]\nmessage = 'sms'\ntext = 'Ten percent off.'";
    let cart = |id: &str, open_case| {
        let mut event = Event { kind: "cart".to_owned(), ..event(id, 7, "UTC") };
        event.standing.consents.insert("sms/marketing".to_owned());
        event.standing.open_case = open_case;
        event
    };
    let mut world = World::new(now, rules(offer));
    assert_eq!(world.tells(&cart("e1", true)), Passed::NotMeant, "one is open");
    assert_eq!(world.tells(&cart("e2", false)), Passed::Taken);
    // Half an hour later one is opened.
    world.now = now.after(Duration::from_secs(1_800));
    world.tells(&Event { kind: "case-opened".to_owned(), ..cart("e3", true) });
    world.until(days(now, 2), never);
    assert_eq!((world.done.len(), &world.ends[..]), (0, &[Why::OpenCase][..]));
}

#[test]
fn messages_need_consent_and_have_a_cap() {
    let now = at("2026-11-16T12:00:00Z");
    let text = "on = 'call-abandoned'\nat_most = { messages = 2, within = '1d' }\n\
                [[step]]\nmessage = 'sms'\ntext = 'Hello.'";
    let mut world = World::new(now, rules(text));
    let mut silent = event("e0", 7, "UTC");
    silent.standing.consents = BTreeSet::new();
    for event in [silent, event("e1", 7, "UTC"), event("e2", 7, "UTC"), event("e3", 7, "UTC")] {
        world.tells(&event);
        world.until(days(now, 0), never);
    }
    let outcomes: Vec<_> = world.outcomes.iter().map(|(_, outcome)| *outcome).collect();
    let wanted = [Outcome::NoConsent, Outcome::Done, Outcome::Done, Outcome::Capped];
    assert_eq!(outcomes, wanted);
    world.now = now.after(Duration::from_secs(90_000));
    world.tells(&event("e4", 7, "UTC"));
    world.until(world.now.unix, never);
    assert_eq!(world.done.len(), 3, "a day later it may be written to again");
}

/// Each call that fails begins the rule anew: nobody is called without end for that.
#[test]
fn a_rule_that_begins_itself_again_calls_nobody_without_end() {
    let now = at("2026-11-16T12:00:00Z");
    let text = "on = 'call-abandoned'\nat_most = { messages = 2, within = '1d' }\n\
                [[step]]\nmessage = 'sms'\ntext = 'Hello.'\n[[step]]\ncallback = 'support'";
    let mut world = World::new(now, rules(text));
    for number in 0..20 {
        world.tells(&event(&format!("e{number}"), 7, "UTC"));
        world.until(days(now, 0), never);
    }
    let calls = |world: &World| {
        world.done.iter().filter(|(.., action)| matches!(action, Action::Callback { .. })).count()
    };
    assert_eq!((world.done.len(), calls(&world)), (4, 2), "two messages and two calls");
    world.now = now.after(Duration::from_secs(90_000));
    world.tells(&event("next day", 7, "UTC"));
    world.until(world.now.unix, never);
    assert_eq!(calls(&world), 3);
}

#[test]
fn a_rule_that_was_changed_is_not_gone_on_with() {
    let mut world = World::new(at("2026-11-16T12:00:00Z"), rules(SORRY));
    world.tells(&event("e1", 7, "UTC"));
    world.sync();
    world.rules = rules(&SORRY.replace("30m", "31m"));
    world.dies();
    world.until(days(world.now, 3), never);
    assert_eq!((world.done.len(), &world.ends[..]), (0, &[Why::RuleChanged][..]));
}

/// A step that was about to be done when the box died at noon is not done when it comes back at night.
#[test]
fn a_step_from_before_a_crash_waits_for_the_end_of_quiet_hours() {
    let now = at("2026-11-16T12:00:00Z");
    let mut world =
        World::new(now, rules("on = 'call-abandoned'\n[[step]]\nmessage = 'sms'\ntext = 'Hello.'"));
    world.tells(&event("e1", 7, "UTC"));
    world.sync();
    assert_eq!(world.asked.len(), 1);
    world.now = now.after(Duration::from_secs(11 * 3_600));
    world.dies();
    assert!(world.asked.is_empty());
    world.until(days(now, 2), never);
    let done: Vec<_> = world.done.iter().map(|(_, at, _, _)| at.to_string()).collect();
    assert_eq!(done, ["2026-11-17T08:00:00.000Z"]);
}

/// The moments of 2026 around which a zone's clocks change; where they never do, new year.
fn changes(zone: &TimeZone) -> Vec<UnixTime> {
    let first: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let last: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let found = zone.following(first).map(|change| change.timestamp());
    let found: Vec<_> = found.take_while(|at| *at < last).collect();
    let found = if found.is_empty() { vec![first] } else { found };
    found.iter().map(|at| UnixTime(at.as_microsecond())).collect()
}

/// 1,000 messages and more, two around each change of clocks in each zone there is: each person has one, none of them in
/// quiet hours, with a box that dies at any point, before anything is on the disk and after.
#[test]
fn each_person_has_one_message_and_none_at_night_in_all_zones_and_both_changes() {
    let mut random = Random::from_number(4);
    let (mut people, mut deaths, mut held_back) = (0_u64, 0_u64, 0_u64);
    let night = quiet::Quiet { from: 20 * 60, to: 8 * 60 };
    for name in jiff::tz::db().available() {
        let name = name.as_str();
        let Some(zone) = hours::zone(name) else { continue };
        for change in changes(&zone) {
            for _ in 0..2 {
                people += 1;
                let off = random.below(48 * 3_600) as i64 - 24 * 3_600;
                let mut now = at("2026-01-01T00:00:00Z");
                now.unix = UnixTime(change.0 + off * 1_000_000);
                held_back += u64::from(night.covers(now.unix + Duration::from_secs(1_800), &zone));
                let mut world = World::new(now, rules(SORRY));
                world.tells(&event("e", people, name));
                world.sync();
                let mut dies = || {
                    let dies = random.below(4) == 0;
                    deaths += u64::from(dies);
                    dies
                };
                world.until(days(now, 6), &mut dies);
                let messages: Vec<_> =
                    world.done.iter().filter(|(.., action)| action.channel().is_some()).collect();
                assert_eq!(messages.len(), 1, "{name}");
                assert_eq!(world.done.len(), 2, "{name}: and one task");
                let (_, at, person, _) = messages[0];
                assert_eq!(*person, Person(people));
                assert!(!night.covers(*at, &zone), "{name}: {at} is at night");
                assert_eq!(world.ends, [Why::Finished], "{name}");
            }
        }
    }
    println!("{people} people, {deaths} deaths, {held_back} messages held back by quiet hours");
    assert!(people > 1_000 && deaths > people && held_back > people / 4);
}

#[test]
fn mistakes_are_all_found_where_they_stand() {
    let text = "on = 'call-abandonned'\npurpose = 'fun'\nquiet = { from = '25:00', to = '08:00' }\n\
                at_most = { messages = 0, within = '2y' }\n\
                [[step]]\nwait = '31d'\n[[step]]\ncallback = 'suport'\n\
                [[step]]\nmessage = 'sms'\n[[step]]\nstop = true\nwebhook = 'crm'\n\
                [[step]]\nstop = true\ntext = 'x'";
    let settings: Settings = toml::from_str(text).unwrap();
    let problems = Rule::new(&settings, &known()).unwrap_err();
    let found: Vec<_> =
        problems.iter().map(|problem| (&problem.mistake, &text[problem.span.clone()])).collect();
    let kind = Mistake::Kind("call-abandonned".to_owned());
    let purpose = Mistake::Purpose("fun".to_owned());
    let queue = Mistake::Queue("suport".to_owned());
    assert_eq!(found.len(), 10, "{found:?}");
    let starts: Vec<_> = found.iter().take(7).cloned().collect();
    let wanted = [
        (&kind, "'call-abandonned'"),
        (&purpose, "'fun'"),
        (&Mistake::Time, "'25:00'"),
        (&Mistake::Messages, "0"),
        (&Mistake::Span, "'2y'"),
        (&Mistake::Span, "'31d'"),
        (&queue, "'suport'"),
    ];
    assert_eq!(starts, wanted);
    let rest: Vec<_> = found.iter().skip(7).map(|(mistake, _)| *mistake).collect();
    assert_eq!(rest, [&Mistake::Text, &Mistake::Step, &Mistake::Text]);
}
