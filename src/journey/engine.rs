//! The machine that walks journeys through their steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::hours;
use crate::id::JourneyId;
use crate::journey::kept::{Kept, Running};
use crate::journey::rule::{Doing, Rule, fingerprint, holds};
use crate::journey::{Action, Change, Event, Key, Outcome, Person, Why};
use crate::time::{Now, UnixTime};

/// The most journeys at a time: beyond it something is wrong with a rule or with who sends events.
pub const MOST_RUNNING: usize = 100_000;
/// The wall clock is looked at again at least so often while anything waits: it may be set.
const LOOK: Duration = Duration::from_secs(60);

/// What is to be told or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// For the journal.
    Record(Change),
    /// To be done once everything recorded before it is on the disk; answer with [`Journeys::handle_done`].
    Do {
        /// Under this key: if it was seen before, it is done already.
        key: Key,
        /// For whom.
        person: Person,
        /// What.
        action: Action,
    },
}

/// Whether an event was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// So many journeys began.
    Taken(usize),
    /// [`MOST_RUNNING`] are running.
    Full,
}

/// All journeys.
#[derive(Debug)]
pub struct Journeys {
    rules: BTreeMap<String, (Rule, u64)>,
    zone: TimeZone,
    kept: Kept,
    due: BTreeSet<(UnixTime, JourneyId)>,
    /// Steps that were asked for and are not known to be done.
    asked: BTreeSet<Key>,
    outputs: VecDeque<Output>,
}

impl Journeys {
    /// None yet; `zone` is the site's.
    pub fn new(rules: BTreeMap<String, Rule>, zone: TimeZone) -> Self {
        let printed = |(name, rule): (String, Rule)| {
            let print = rule.print();
            (name, (rule, print))
        };
        Journeys {
            rules: rules.into_iter().map(printed).collect(),
            zone,
            kept: Kept::default(),
            due: BTreeSet::new(),
            asked: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes up what was kept before a restart. Steps that were about to be done are asked for again.
    pub fn restore(&mut self, now: Now, kept: Kept) {
        self.kept = kept;
        for journey in self.kept.running.keys().copied().collect::<Vec<_>>() {
            self.advance(now, journey);
        }
    }

    /// Something happened.
    pub fn handle_event(&mut self, now: Now, event: &Event) -> Verdict {
        self.end_those_that_stop(now, event);
        let beginning = self.rules.iter().filter(|(_, (rule, _))| rule.begins_with(event));
        let beginning: Vec<_> = beginning
            .map(|(name, (rule, print))| {
                let asked = rule.asks_for();
                let known = |(name, _): &(&String, &String)| asked.contains(name.as_str());
                let attributes = event.attributes.iter().filter(known);
                let attributes = attributes.map(|(a, b)| (a.clone(), b.clone())).collect();
                Change::Began {
                    journey: JourneyId(fingerprint(&[name, &event.id])),
                    rule: name.clone(),
                    print: *print,
                    person: event.person,
                    attributes,
                }
            })
            .collect();
        let mut begun = Vec::new();
        for change in beginning {
            let Change::Began { journey, .. } = change else { continue };
            if self.kept.running.contains_key(&journey) || self.kept.over.contains_key(&journey) {
                continue;
            }
            if self.kept.running.len() >= MOST_RUNNING {
                return Verdict::Full;
            }
            self.record(now, change);
            begun.push(journey);
        }
        self.note_standing(now, event);
        begun.iter().for_each(|journey| self.advance(now, *journey));
        Verdict::Taken(begun.len())
    }

    /// Who carries out a step has done it, or refuses it. Said again it changes nothing.
    pub fn handle_done(&mut self, now: Now, key: Key, outcome: Outcome) {
        if self.asked.remove(&key) {
            self.record(now, Change::Did { key, outcome });
            self.advance(now, key.journey);
        }
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((at, journey)) = self.due.first().copied()
            && at <= now.unix
        {
            self.due.pop_first();
            self.advance(now, journey);
        }
    }

    /// When something is due. The wall clock decides, so it is looked at more often than that.
    pub fn deadline(&self, now: Now) -> Option<Instant> {
        let (at, _) = self.due.first()?;
        Some(now.instant + at.since(now.unix).min(LOOK))
    }

    /// The next thing to record or do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is kept of them.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Names of the rules.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.rules.keys().map(String::as_str)
    }

    fn record(&mut self, now: Now, change: Change) {
        self.kept.apply(now.unix, &change);
        self.outputs.push_back(Output::Record(change));
    }

    fn end_those_that_stop(&mut self, now: Now, event: &Event) {
        let ends = |running: &Running| {
            running.person == event.person
                && self
                    .rules
                    .get(&running.rule)
                    .is_some_and(|(rule, _)| rule.stop_on.contains(&event.kind))
        };
        let ending = self.kept.running.iter().filter(|(_, running)| ends(running));
        for journey in ending.map(|(journey, _)| *journey).collect::<Vec<_>>() {
            self.end(now, journey, Why::Event);
        }
    }

    /// What an event says of a person holds for all journeys of theirs.
    fn note_standing(&mut self, now: Now, event: &Event) {
        let person = event.person;
        let concerned = self.kept.running.values().any(|running| running.person == person);
        if concerned && self.kept.standings.get(&person) != Some(&event.standing) {
            self.record(now, Change::Standing { person, standing: event.standing.clone() });
        }
    }

    /// Goes on with a journey as far as it goes by now.
    fn advance(&mut self, now: Now, journey: JourneyId) {
        // Each turn ends a step, makes the journey wait, or ends it: a rule has few steps.
        while let Some(next) = self.next(now, journey) {
            match next {
                Next::Record(change) => self.record(now, change),
                Next::End(why) => return self.end(now, journey, why),
                Next::Sleep(until) => {
                    self.due.insert((until, journey));
                    return;
                }
                Next::Do(key, message, person, action) => {
                    self.record(now, Change::Intends { key, message });
                    self.asked.insert(key);
                    return self.outputs.push_back(Output::Do { key, person, action });
                }
            }
        }
    }

    /// What a journey does next; nothing while a step of it is being done.
    fn next(&self, now: Now, journey: JourneyId) -> Option<Next> {
        let running = self.kept.running.get(&journey)?;
        let Some((rule, _)) = self.rules.get(&running.rule).filter(|(_, p)| *p == running.print)
        else {
            return Some(Next::End(Why::RuleChanged));
        };
        let key = Key { journey, step: running.step };
        if self.asked.contains(&key) {
            return None;
        }
        let standing = self.kept.standings.get(&running.person);
        let did = |outcome| Some(Next::Record(Change::Did { key, outcome }));
        // What was handed over before a crash is done.
        if self.kept.handed.contains_key(&key) {
            return did(Outcome::Done);
        }
        if rule.offer && standing.is_some_and(|standing| standing.open_case) {
            return Some(Next::End(Why::OpenCase));
        }
        if let Some(until) = running.until.filter(|until| *until > now.unix) {
            return Some(Next::Sleep(until));
        }
        let Some((condition, doing)) = rule.steps.get(usize::from(running.step)) else {
            return Some(Next::End(Why::Finished));
        };
        if !holds(condition, &running.attributes) {
            return did(Outcome::NotMeant);
        }
        match doing {
            Doing::Stop => Some(Next::End(Why::Stopped)),
            Doing::Wait(_) if running.until.is_some() => did(Outcome::Done),
            Doing::Wait(span) => {
                let until = UnixTime(now.unix.0.saturating_add(*span));
                Some(Next::Record(Change::Waits { journey, until }))
            }
            Doing::Act(action) => self.act(now, key, running, rule, action),
        }
    }

    fn act(
        &self,
        now: Now,
        key: Key,
        running: &Running,
        rule: &Rule,
        action: &Action,
    ) -> Option<Next> {
        let person = running.person;
        let standing = self.kept.standings.get(&person).cloned().unwrap_or_default();
        // What was about to be done before a crash was allowed then, and counted.
        if let Some(channel) = action.channel().filter(|_| !running.intended) {
            let consent = format!("{}/{}", channel.name(), rule.purpose);
            if !standing.consents.contains(&consent) {
                return Some(Next::Record(Change::Did { key, outcome: Outcome::NoConsent }));
            }
            if self.is_capped(now, person, rule) {
                return Some(Next::Record(Change::Did { key, outcome: Outcome::Capped }));
            }
        }
        if action.reaches_person() {
            let zone = standing.zone.as_deref().and_then(hours::zone);
            let zone = zone.unwrap_or_else(|| self.zone.clone());
            let loud = rule.quiet.over(now.unix, &zone);
            if loud > now.unix {
                let until = loud;
                return Some(Next::Record(Change::Waits { journey: key.journey, until }));
            }
        }
        Some(Next::Do(key, action.channel().is_some(), person, action.clone()))
    }

    fn is_capped(&self, now: Now, person: Person, rule: &Rule) -> bool {
        let (most, within) = rule.at_most;
        let recent = |at: &&UnixTime| now.unix.0.saturating_sub(at.0) < within;
        let written = self.kept.written.get(&person);
        written.is_some_and(|times| times.iter().filter(recent).count() >= most)
    }

    fn end(&mut self, now: Now, journey: JourneyId, why: Why) {
        self.asked.retain(|key| key.journey != journey);
        self.due.retain(|(_, waiting)| *waiting != journey);
        self.record(now, Change::Ended { journey, why });
    }
}

/// What a journey does next.
enum Next {
    Record(Change),
    End(Why),
    Sleep(UnixTime),
    Do(Key, bool, Person, Action),
}
