//! The machine that walks journeys through their steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::hours;
use crate::id::{CaseId, JourneyId};
use crate::journey::daily::{self, Matches};
use crate::journey::kept::{Kept, Running, Written};
use crate::journey::rule::{Doing, Rule, fingerprint, holds, moment};
use crate::journey::{Action, Carrier, Change, Event, Key, Outcome, Passed, Person, Standing, Why};
use crate::time::{Now, UnixTime};

/// The most journeys at a time: beyond it something is wrong with a rule or with who sends events. Each takes some 200
/// bytes of every checkpoint.
pub const MOST_RUNNING: usize = 20_000;
/// The wall clock is looked at again at least so often while anything waits: it may be set.
const LOOK: Duration = Duration::from_secs(60);

/// What is to be told or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// For the journal.
    Record(Change),
    /// A rule begins with this moment: for whoever has a date in a field of their record, else for nobody in particular.
    /// Answer with [`Journeys::handle_timed`] once it has begun for all.
    Begin {
        /// Which rule.
        rule: String,
        /// The moment.
        at: UnixTime,
        /// For whom.
        dated: Option<Matches>,
    },
    /// To be looked up before the step is decided; answer with [`Journeys::handle_standing`].
    Look {
        /// For this step.
        key: Key,
        /// Who.
        person: Person,
    },
    /// To be done once everything recorded before it is on the disk; answer with [`Journeys::handle_done`].
    Do {
        /// Under this key: if it was seen before, it is done already.
        key: Key,
        /// By which rule.
        rule: String,
        /// For whom.
        person: Person,
        /// What.
        action: Action,
    },
}

/// All journeys.
#[derive(Debug)]
pub struct Journeys {
    rules: BTreeMap<String, (Rule, u64)>,
    zone: TimeZone,
    kept: Kept,
    due: BTreeSet<(UnixTime, JourneyId)>,
    /// When rules begin next that begin with the time, and those that are beginning.
    daily: BTreeMap<String, UnixTime>,
    beginning: BTreeSet<String>,
    /// Steps that were asked for and are not known to be done.
    asked: BTreeSet<Key>,
    /// Steps for which it is being looked up how the person stands, and those for which that is known.
    looking: BTreeSet<Key>,
    fresh: BTreeMap<Key, Standing>,
    outputs: VecDeque<Output>,
}

impl Journeys {
    /// None yet; `zone` is the site's.
    pub fn new(rules: BTreeMap<String, Rule>, zone: TimeZone) -> Self {
        let printed = |(name, mut rule): (String, Rule)| {
            if rule.daily.is_some() {
                // Each of them begins with its own time alone.
                rule.on = daily::kind_of(&name);
            }
            let print = rule.print();
            (name, (rule, print))
        };
        Journeys {
            rules: rules.into_iter().map(printed).collect(),
            zone,
            kept: Kept::default(),
            due: BTreeSet::new(),
            daily: BTreeMap::new(),
            beginning: BTreeSet::new(),
            asked: BTreeSet::new(),
            looking: BTreeSet::new(),
            fresh: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes up what was kept before a restart. Steps that were about to be done are asked for again.
    pub fn restore(&mut self, now: Now, kept: Kept) {
        self.kept = kept;
        self.set_clocks(now);
        for journey in self.kept.running.keys().copied().collect::<Vec<_>>() {
            self.advance(now, journey);
        }
    }

    /// When each rule begins that begins with the time: the first moment after the last one, but none that is long past.
    fn set_clocks(&mut self, now: Now) {
        let timed =
            self.rules.iter().filter_map(|(name, (rule, _))| Some((name, rule.daily.as_ref()?)));
        for (name, daily) in timed {
            if self.daily.contains_key(name) {
                continue;
            }
            let last = self.kept.timed.get(name).copied();
            if let Some(at) = daily.next(last, now.unix, &self.zone) {
                self.daily.insert(name.clone(), at);
            }
        }
    }

    /// A rule has begun with a moment for everybody.
    pub fn handle_timed(&mut self, now: Now, rule: &str, at: UnixTime) {
        self.beginning.remove(rule);
        self.record(now, Change::Timed { rule: rule.to_owned(), at });
        self.daily.remove(rule);
        self.set_clocks(now);
    }

    fn begin_daily(&mut self, now: Now) {
        // The clock was set: what is long past, or further away than any day of the week, is no moment of today's.
        let stale = |at: &UnixTime| {
            now.unix.since(*at) >= daily::MAKES_UP || at.since(now.unix) > daily::FURTHEST
        };
        if self.daily.values().any(stale) {
            self.daily.retain(|_, at| !stale(at));
            self.set_clocks(now);
        }
        let due = self.daily.extract_if(.., |_, at| *at <= now.unix);
        for (rule, at) in due.collect::<Vec<_>>() {
            let daily = self.rules.get(&rule).and_then(|(rule, _)| rule.daily.as_ref());
            let Some(daily) = daily.filter(|_| self.beginning.insert(rule.clone())) else {
                continue;
            };
            let dated = daily.dated.as_ref().and_then(|dated| dated.on(at, &self.zone));
            self.outputs.push_back(Output::Begin { rule, at, dated });
        }
    }

    /// Something happened. Answers what came of it.
    pub fn handle_event(&mut self, now: Now, event: &Event) -> Passed {
        let ended = self.end_those_that_stop(now, event);
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
                return Passed::Full;
            }
            self.record(now, change);
            begun.push(journey);
        }
        self.note_standing(now, event);
        begun.iter().for_each(|journey| self.advance(now, *journey));
        if begun.is_empty() && !ended { Passed::NotMeant } else { Passed::Taken }
    }

    /// Whether any rule begins with events of this kind, or ends at them.
    pub fn wants(&self, kind: &str) -> bool {
        self.rules.values().any(|(rule, _)| rule.on == kind || rule.stop_on.contains(kind))
    }

    /// Of what is known of an event, what rules ask for.
    pub fn wanted(&self, kind: &str, known: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let rules = self.rules.values().filter(|(rule, _)| rule.on == kind);
        let asked: BTreeSet<_> = rules.flat_map(|(rule, _)| rule.asks_for()).collect();
        let wanted = known.iter().filter(|(name, _)| asked.contains(name.as_str()));
        wanted.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// How somebody stands at this moment; nothing: they are not there any more.
    pub fn handle_standing(&mut self, now: Now, key: Key, standing: Option<Standing>) {
        if !self.looking.remove(&key) {
            return;
        }
        let Some(standing) = standing else { return self.end(now, key.journey, Why::Gone) };
        self.fresh.insert(key, standing);
        self.advance(now, key.journey);
    }

    /// The case that a step is about, where its rule begins with dates of cases.
    pub fn case_of(&self, key: Key) -> Option<CaseId> {
        let running = self.kept.running.get(&key.journey)?;
        let (rule, _) = self.rules.get(&running.rule)?;
        let case = running.attributes.get(daily::CASE).filter(|_| rule.is_of_cases());
        case?.parse().ok()
    }

    /// The case that a step is about is not open any more: nothing comes of it.
    pub fn handle_case_over(&mut self, now: Now, key: Key) {
        if self.looking.remove(&key) {
            self.end(now, key.journey, Why::CaseOver);
        }
    }

    /// Somebody stops a journey. Answers whether it was running.
    pub fn handle_stop(&mut self, now: Now, journey: JourneyId) -> bool {
        let runs = self.kept.running.contains_key(&journey);
        if runs {
            self.end(now, journey, Why::ByHand);
        }
        runs
    }

    /// A person was erased: so is what is known of them here.
    pub fn handle_gone(&mut self, now: Now, person: Person) {
        let theirs = self.kept.running.iter().filter(|(_, running)| running.person == person);
        for journey in theirs.map(|(journey, _)| *journey).collect::<Vec<_>>() {
            self.end(now, journey, Why::Gone);
        }
        self.kept.forget(person);
    }

    /// A task is done with. Answers whether it was there.
    pub fn handle_task_done(&mut self, now: Now, key: Key) -> bool {
        let known = self.kept.tasks.contains_key(&key);
        if known {
            self.record(now, Change::TaskDone { key });
        }
        known
    }

    /// Who carries a step out has it: on the disk before anything leaves the box.
    pub fn handle_handed(
        &mut self,
        now: Now,
        (key, person): (Key, Person),
        action: Action,
        carrier: Option<Carrier>,
    ) -> Change {
        let change = Change::Due { key, person, action, carrier };
        self.kept.apply(now.unix, &change);
        change
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
        self.begin_daily(now);
        while let Some((at, journey)) = self.due.first().copied()
            && at <= now.unix
        {
            self.due.pop_first();
            self.advance(now, journey);
        }
    }

    /// When something is due. The wall clock decides, so it is looked at more often than that.
    pub fn deadline(&self, now: Now) -> Option<Instant> {
        let first = self.due.first().map(|(at, _)| *at);
        let at = first.into_iter().chain(self.daily.values().copied()).min()?;
        Some(now.instant + at.since(now.unix).min(LOOK))
    }

    /// It was too long ago that a step was asked for: how the person stands is asked once more.
    pub fn handle_put_off(&mut self, now: Now, key: Key) {
        if self.asked.remove(&key) {
            self.advance(now, key.journey);
        }
    }

    /// Whether a step was asked for and is not known to be done.
    pub fn is_asked(&self, key: Key) -> bool {
        self.asked.contains(&key)
    }

    /// Whether it is being looked up how the person of a step stands.
    pub fn is_looking(&self, key: Key) -> bool {
        self.looking.contains(&key)
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
        // What was looked up holds for one decision.
        match &change {
            Change::Waits { journey, .. } => self.fresh.retain(|key, _| key.journey != *journey),
            Change::Intends { key, .. } | Change::Did { key, .. } => _ = self.fresh.remove(key),
            _ => {}
        }
        self.kept.apply(now.unix, &change);
        self.outputs.push_back(Output::Record(change));
    }

    /// Answers whether it ended any.
    fn end_those_that_stop(&mut self, now: Now, event: &Event) -> bool {
        let ends = |running: &Running| {
            running.person == event.person
                && self
                    .rules
                    .get(&running.rule)
                    .is_some_and(|(rule, _)| rule.stop_on.contains(&event.kind))
        };
        let ending = self.kept.running.iter().filter(|(_, running)| ends(running));
        let ending: Vec<_> = ending.map(|(journey, _)| *journey).collect();
        ending.iter().for_each(|journey| self.end(now, *journey, Why::Event));
        !ending.is_empty()
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
                Next::Look(key, person) => {
                    self.looking.insert(key);
                    return self.outputs.push_back(Output::Look { key, person });
                }
                Next::Do(key, rule, purpose, person, action) => {
                    self.record(now, Change::Intends { key, purpose });
                    self.asked.insert(key);
                    return self.outputs.push_back(Output::Do { key, rule, person, action });
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
        if self.asked.contains(&key) || self.looking.contains(&key) {
            return None;
        }
        let known = self.kept.standings.get(&running.person);
        let standing = self.fresh.get(&key).or(known);
        let did = |outcome| Some(Next::Record(Change::Did { key, outcome }));
        // What was handed over before a crash is done, as far as anybody knows.
        if let Some(due) = self.kept.handed.get(&key) {
            return did(due.carrier.as_ref().map_or(Outcome::Done, Carrier::after_crash));
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
            Doing::Until { .. } if running.until.is_some() => did(Outcome::Done),
            Doing::Until { attribute, before } => {
                let Some(at) = running.attributes.get(attribute).and_then(|text| moment(text))
                else {
                    return did(Outcome::NotMeant);
                };
                let until = UnixTime(at.0.saturating_sub(*before));
                match () {
                    () if at <= now.unix => Some(Next::End(Why::TooLate)),
                    () if until <= now.unix => did(Outcome::Done),
                    () => Some(Next::Record(Change::Waits { journey, until })),
                }
            }
            Doing::Act(_) if self.is_too_late(now, running, rule) => Some(Next::End(Why::TooLate)),
            Doing::Act(action) => self.act(now, key, running, rule, action),
        }
    }

    /// Whether what a step before this one waited for has come and gone: a reminder is of no use then.
    fn is_too_late(&self, now: Now, running: &Running, rule: &Rule) -> bool {
        let before = rule.steps.iter().take(usize::from(running.step));
        let mut moments = before.filter_map(|(_, doing)| match doing {
            Doing::Until { attribute, .. } => moment(running.attributes.get(attribute)?),
            _ => None,
        });
        moments.any(|at| at <= now.unix)
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
        let did = |outcome| Some(Next::Record(Change::Did { key, outcome }));
        if person == daily::NOBODY {
            // What can be done about nobody needs no look at anybody.
            return Some(Next::Do(key, running.rule.clone(), None, person, action.clone()));
        }
        let Some(standing) = self.fresh.get(&key) else { return Some(Next::Look(key, person)) };
        if !is_allowed(standing, rule, action) {
            return did(Outcome::NoConsent);
        }
        // What was about to be done before a crash was counted then.
        let counted = counted(rule, action);
        let capped = |purpose: &String| self.is_capped(now, person, rule, purpose);
        if !running.intended && counted.as_ref().is_some_and(capped) {
            return did(Outcome::Capped);
        }
        if action.reaches_person() {
            let loud = rule.quiet.over_all(now.unix, &self.zones(standing));
            if loud > now.unix {
                return Some(Next::Record(Change::Waits { journey: key.journey, until: loud }));
            }
        }
        Some(Next::Do(key, running.rule.clone(), counted, person, action.clone()))
    }

    /// Where a person is, or may be: as somebody has said, else as far as a number from abroad tells, else at the site.
    fn zones(&self, standing: &Standing) -> Vec<TimeZone> {
        if let Some(zone) = standing.zone.as_deref().and_then(hours::zone) {
            return vec![zone];
        }
        let abroad: Vec<_> = standing.abroad.iter().filter_map(|name| hours::zone(name)).collect();
        if abroad.is_empty() { vec![self.zone.clone()] } else { abroad }
    }

    /// Whether the person has had as many messages, or calls, for this purpose as the rule allows.
    fn is_capped(&self, now: Now, person: Person, rule: &Rule, purpose: &str) -> bool {
        let (most, within) = rule.at_most;
        let counts = |written: &&Written| {
            written.purpose == purpose && now.unix.0.saturating_sub(written.at.0) < within
        };
        let written = self.kept.written.get(&person);
        written.is_some_and(|all| all.iter().filter(counts).count() >= most)
    }

    fn end(&mut self, now: Now, journey: JourneyId, why: Why) {
        self.asked.retain(|key| key.journey != journey);
        self.looking.retain(|key| key.journey != journey);
        self.fresh.retain(|key, _| key.journey != journey);
        self.due.retain(|(_, waiting)| *waiting != journey);
        self.record(now, Change::Ended { journey, why });
    }
}

/// What a journey does next.
enum Next {
    Record(Change),
    End(Why),
    Sleep(UnixTime),
    Look(Key, Person),
    Do(Key, String, Option<String>, Person, Action),
}

/// As what something that reaches a person counts. Calls count apart from messages, by the same cap: a rule that begins
/// with a call that failed, or that is over, and has the person called again would go on without end.
fn counted(rule: &Rule, action: &Action) -> Option<String> {
    match action {
        Action::Message { .. } => Some(rule.purpose.clone()),
        Action::Callback { .. } => Some(format!("calls for {}", rule.purpose)),
        _ => None,
    }
}

/// Whether a person may be reached so, for the rule's purpose: by message if they have agreed, by call unless they have
/// refused; nobody is called with an offer that they have not agreed to.
fn is_allowed(standing: &Standing, rule: &Rule, action: &Action) -> bool {
    let said = |channel: &str| format!("{channel}/{}", rule.purpose);
    match action {
        Action::Message { channel, .. } => standing.consents.contains(&said(channel.name())),
        Action::Callback { .. } => {
            let agreed = standing.consents.contains(&said("voice"));
            agreed || !(rule.offer || standing.refused.contains(&said("voice")))
        }
        _ => true,
    }
}
