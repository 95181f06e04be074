//! Several SIMs that send as one: which of them a message takes, and when.
//!
//! It stands beside the modems and not with the conversations, because what it counts are parts, and what it spares are
//! SIMs: operators limit them by the second, the month and the number of people, and block those that write too much. It is
//! pure: it knows names of SIMs, numbers and limits, and is told what time it is. What was sent before a restart is told to
//! it again with [`Pool::note_sent`].

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::time::{Now, UnixTime};

/// Messages that wait at most: half a day of a SIM that sends one part in three seconds.
const MOST_WAITING: usize = 16_384;
/// People whose SIM is remembered: the eldest is forgotten.
const MOST_STICKY: usize = 100_000;
/// How often SIMs that were at their limit are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
const MONTH: i64 = 30 * DAY;

/// What a SIM may do; nothing: as much as it can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Parts in any second.
    pub second: Option<u32>,
    /// Parts in any hour.
    pub hour: Option<u32>,
    /// Parts in any 24 hours.
    pub day: Option<u32>,
    /// Parts in any 30 days.
    pub month: Option<u32>,
    /// Different recipients in any 30 days.
    pub recipients: Option<u32>,
}

/// What a SIM has sent of late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Parts in the last hour.
    pub hour: u32,
    /// Parts in the last 24 hours.
    pub day: u32,
    /// Parts in the last 30 days.
    pub month: u32,
    /// Different recipients in the last 30 days, where these are limited.
    pub recipients: u32,
}

/// Which SIMs may send to numbers that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What a number begins with, `+` included. The longest that fits counts.
    pub prefix: String,
    /// The SIMs, the best first. None: nothing is sent there.
    pub sims: Vec<String>,
}

/// Something to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What its owner calls it.
    pub id: u64,
    /// To whom: for the rules alone. Personal data.
    pub to: String,
    /// What the recipient is called where it is remembered: always the same for one number, and need not be the number.
    pub person: String,
    /// In how many parts: that is what operators count.
    pub parts: u32,
    /// After this it is of no use.
    pub until: UnixTime,
    /// A code that somebody waits for: ahead of everything that is not.
    pub urgent: bool,
}

/// What to do with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Give it to this SIM.
    Give {
        /// Which message.
        id: u64,
        /// To which SIM.
        sim: String,
    },
    /// Its time is over.
    Expired(u64),
    /// No SIM may send there.
    NoWay(u64),
    /// More wait than may.
    Full(u64),
}

/// The SIMs of a site.
#[derive(Debug, Default)]
pub struct Pool {
    sims: BTreeMap<String, Sim>,
    rules: Vec<Rule>,
    sticky: BTreeMap<String, (String, UnixTime)>,
    urgent: VecDeque<Item>,
    waiting: VecDeque<Item>,
    look: Option<Instant>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct Sim {
    limits: Limits,
    up: bool,
    /// Parts with their second, of the last minute; with their minute, of the last hour; and so on.
    windows: [Window; 4],
    recipients: BTreeMap<String, i64>,
}

/// Parts in a span of time, counted in steps of it.
#[derive(Debug)]
struct Window {
    span: i64,
    step: i64,
    steps: VecDeque<(i64, u32)>,
}

impl Window {
    fn new(span: i64, step: i64) -> Window {
        Window { span, step, steps: VecDeque::new() }
    }

    fn note(&mut self, second: i64, parts: u32) {
        let step = second.div_euclid(self.step);
        match self.steps.back_mut().filter(|(last, _)| *last == step) {
            Some((_, count)) => *count = count.saturating_add(parts),
            None => self.steps.push_back((step, parts)),
        }
    }

    /// So many parts were not sent after all; it is not known when they would have been, and it was lately.
    fn take_back(&mut self, mut parts: u32) {
        for (_, count) in self.steps.iter_mut().rev() {
            let fewer = parts.min(*count);
            *count -= fewer;
            parts -= fewer;
        }
    }

    fn count(&mut self, second: i64) -> u32 {
        // A step counts until all of it lies behind the span: rather late than above the limit.
        let first = (second - self.span).div_euclid(self.step);
        while self.steps.front().is_some_and(|(step, _)| *step < first + i64::from(self.step == 1))
        {
            self.steps.pop_front();
        }
        self.steps.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

impl Sim {
    fn new(limits: Limits) -> Sim {
        let windows = [
            Window::new(1, 1),
            Window::new(HOUR, MINUTE),
            Window::new(DAY, HOUR / 4),
            Window::new(MONTH, DAY / 4),
        ];
        Sim { limits, up: false, windows, recipients: BTreeMap::new() }
    }

    fn note(&mut self, second: i64, person: &str, parts: u32) {
        if parts > 0 {
            self.windows.iter_mut().for_each(|window| window.note(second, parts));
        }
        if self.limits.recipients.is_some() && !person.is_empty() {
            self.recipients.insert(person.to_owned(), second);
        }
    }

    fn used(&mut self, second: i64) -> Used {
        let [_, hour, day, month] = &mut self.windows;
        let [hour, day, month] = [hour, day, month].map(|window| window.count(second));
        self.recipients.retain(|_, at| *at > second - MONTH);
        let recipients = u32::try_from(self.recipients.len()).unwrap_or(u32::MAX);
        Used { hour, day, month, recipients }
    }

    /// Whether so many parts may go to this person now.
    fn has_room(&mut self, second: i64, to: &str, parts: u32) -> bool {
        let Limits { second: per_second, hour, day, month, recipients } = self.limits;
        let limits = [per_second, hour, day, month];
        let within = limits.iter().zip(&mut self.windows).all(|(limit, window)| {
            let count = window.count(second);
            // A message of more parts than a second may have goes alone.
            limit.is_none_or(|limit| {
                count.saturating_add(parts) <= limit
                    || (count == 0 && limit > 0 && window.span == 1)
            })
        });
        let Some(most) = recipients else { return within };
        self.recipients.retain(|_, at| *at > second - MONTH);
        let known = self.recipients.contains_key(to);
        within && (known || self.recipients.len() < usize::try_from(most).unwrap_or(usize::MAX))
    }
}

impl Pool {
    /// One with these SIMs, in the order in which they are preferred by name, and rules.
    pub fn new(sims: impl IntoIterator<Item = (String, Limits)>, rules: Vec<Rule>) -> Pool {
        let sims = sims.into_iter().map(|(name, limits)| (name, Sim::new(limits))).collect();
        Pool { sims, rules, ..Pool::default() }
    }

    /// A SIM can send now, or cannot.
    pub fn handle_up(&mut self, now: Now, sim: &str, up: bool) {
        if let Some(sim) = self.sims.get_mut(sim) {
            sim.up = up;
        }
        self.turn(now);
    }

    /// Something is to be sent.
    pub fn handle_item(&mut self, now: Now, item: Item) {
        if self.allowed(&item.to).is_empty() {
            return self.outputs.push_back(Output::NoWay(item.id));
        }
        if self.urgent.len() + self.waiting.len() >= MOST_WAITING {
            return self.outputs.push_back(Output::Full(item.id));
        }
        match item.urgent {
            true => self.urgent.push_back(item),
            false => self.waiting.push_back(item),
        }
        self.turn(now);
    }

    /// A person wrote to a SIM: the answer comes from the same.
    pub fn handle_heard(&mut self, at: UnixTime, person: &str, sim: &str) {
        if self.sims.contains_key(sim) {
            self.stick(person, sim, at);
        }
    }

    /// So many parts were sent to a person before: what limits count after a restart. Nobody is meant where the person is
    /// empty. In order of time.
    pub fn note_sent(&mut self, at: UnixTime, sim: &str, person: &str, parts: u32) {
        if let Some(known) = self.sims.get_mut(sim) {
            known.note(at.seconds(), person, parts);
            if !person.is_empty() {
                self.stick(person, sim, at);
            }
        }
    }

    /// A SIM did not send what it was given.
    pub fn handle_unsent(&mut self, sim: &str, parts: u32) {
        if let Some(known) = self.sims.get_mut(sim) {
            known.windows.iter_mut().for_each(|window| window.take_back(parts));
        }
    }

    /// Whether every SIM that may send to a number is down.
    pub fn is_down(&self, to: &str) -> bool {
        let allowed = self.allowed(to);
        let up = |name: &String| self.sims.get(name).is_some_and(|sim| sim.up);
        !allowed.is_empty() && !allowed.iter().any(up)
    }

    /// Takes back one that waits; answers whether it did.
    pub fn withdraw(&mut self, id: u64) -> bool {
        let before = self.waiting();
        self.urgent.retain(|item| item.id != id);
        self.waiting.retain(|item| item.id != id);
        self.waiting() < before
    }

    /// What a SIM has sent of late; nothing for one that is not known.
    pub fn used(&mut self, now: Now, sim: &str) -> Option<Used> {
        self.sims.get_mut(sim).map(|sim| sim.used(now.unix.seconds()))
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.look.is_some_and(|at| at <= now.instant) {
            self.turn(now);
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.look
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Messages that wait.
    pub fn waiting(&self) -> usize {
        self.urgent.len() + self.waiting.len()
    }

    fn stick(&mut self, person: &str, sim: &str, at: UnixTime) {
        if self.sticky.len() >= MOST_STICKY && !self.sticky.contains_key(person) {
            let eldest = self.sticky.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(eldest) = eldest.map(|(person, _)| person.clone()) {
                self.sticky.remove(&eldest);
            }
        }
        self.sticky.insert(person.to_owned(), (sim.to_owned(), at));
    }

    /// The SIMs that may send to a number: those of the longest rule, or all.
    fn allowed(&self, to: &str) -> Vec<String> {
        let fits = self.rules.iter().filter(|rule| to.starts_with(&rule.prefix));
        match fits.max_by_key(|rule| rule.prefix.len()) {
            Some(rule) => rule.sims.clone(),
            None => self.sims.keys().cloned().collect(),
        }
    }

    /// Gives out what can go. What cannot keeps its place, and holds up nobody whose SIM is another.
    fn turn(&mut self, now: Now) {
        for urgent in [true, false] {
            let lane = if urgent { &mut self.urgent } else { &mut self.waiting };
            let mut kept = VecDeque::new();
            for item in std::mem::take(lane) {
                if item.until <= now.unix {
                    self.outputs.push_back(Output::Expired(item.id));
                } else if let Some(sim) = self.choose(now, &item) {
                    self.note_sent(now.unix, &sim, &item.person, item.parts);
                    self.outputs.push_back(Output::Give { id: item.id, sim });
                } else {
                    kept.push_back(item);
                }
            }
            let lane = if urgent { &mut self.urgent } else { &mut self.waiting };
            *lane = kept;
        }
        self.look = (self.waiting() > 0).then_some(now.instant + LOOK_AGAIN);
    }

    /// The SIM that this person knows, where it may and can; else the first that may, and can. A SIM that is at its limit
    /// for the moment is waited for by those who know it; one that is down, or at its limit for longer, is not.
    fn choose(&mut self, now: Now, item: &Item) -> Option<String> {
        let mut allowed = self.allowed(&item.to);
        let second = now.unix.seconds();
        if let Some((known, _)) = self.sticky.get(&item.person) {
            allowed.sort_by_key(|sim| sim != known);
        }
        let known = self.sticky.get(&item.person).map(|(sim, _)| sim.clone());
        for name in allowed {
            let Some(sim) = self.sims.get_mut(&name).filter(|sim| sim.up) else { continue };
            if sim.has_room(second, &item.person, item.parts) {
                return Some(name);
            }
            let unhurried = Limits { second: None, ..sim.limits };
            let limits = std::mem::replace(&mut sim.limits, unhurried);
            let soon = sim.has_room(second, &item.person, item.parts);
            sim.limits = limits;
            if soon && known.as_ref() == Some(&name) {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn start() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(1_764_000_000_000_000) }
    }

    fn pool(limits: Limits, rules: &[(&str, &[&str])]) -> (Pool, Now) {
        let sims = ["a", "b"].map(|name| (name.to_owned(), limits));
        let rules = rules.iter().map(|(prefix, sims)| Rule {
            prefix: (*prefix).to_owned(),
            sims: sims.iter().map(|sim| (*sim).to_owned()).collect(),
        });
        let (mut pool, now) = (Pool::new(sims, rules.collect()), start());
        pool.handle_up(now, "a", true);
        pool.handle_up(now, "b", true);
        (pool, now)
    }

    fn item(now: Now, id: u64, to: &str, parts: u32) -> Item {
        let until = now.unix + Duration::from_secs(7_200);
        Item { id, to: to.to_owned(), person: to.to_owned(), parts, until, urgent: false }
    }

    fn given(pool: &mut Pool) -> Vec<(u64, String)> {
        std::iter::from_fn(|| pool.poll_output())
            .map(|output| match output {
                Output::Give { id, sim } => (id, sim),
                Output::Expired(id) => (id, "expired".to_owned()),
                Output::NoWay(id) => (id, "no way".to_owned()),
                Output::Full(id) => (id, "full".to_owned()),
            })
            .collect()
    }

    fn pairs(pairs: &[(u64, &str)]) -> Vec<(u64, String)> {
        pairs.iter().map(|(id, sim)| (*id, (*sim).to_owned())).collect()
    }

    #[test]
    fn a_person_keeps_the_sim_that_they_wrote_to_until_it_is_down() {
        let (mut pool, now) = pool(Limits::default(), &[]);
        pool.handle_heard(now.unix, "+1", "b");
        pool.handle_item(now, item(now, 1, "+1", 1));
        pool.handle_item(now, item(now, 2, "+2", 1));
        pool.handle_up(now, "b", false);
        pool.handle_item(now, item(now, 3, "+1", 1));
        assert_eq!(given(&mut pool), pairs(&[(1, "b"), (2, "a"), (3, "a")]));
    }

    #[test]
    fn the_longest_rule_decides_and_may_forbid() {
        let rules: &[(&str, &[&str])] = &[("+49", &["b"]), ("+49900", &[]), ("+", &["a"])];
        let (mut pool, now) = pool(Limits::default(), rules);
        for (id, to) in [(1, "+4930"), (2, "+49900123"), (3, "+1")] {
            pool.handle_item(now, item(now, id, to, 1));
        }
        assert_eq!(given(&mut pool), pairs(&[(1, "b"), (2, "no way"), (3, "a")]));
    }

    #[test]
    fn parts_are_counted_in_every_span() {
        let spans = [
            (Limits { hour: Some(5), ..Limits::default() }, HOUR + MINUTE),
            (Limits { day: Some(5), ..Limits::default() }, DAY + HOUR),
            (Limits { month: Some(5), ..Limits::default() }, MONTH + DAY),
        ];
        for (limits, span) in spans {
            let (mut pool, now) = pool(limits, &[("", &["a"])]);
            let long =
                |item: Item| Item { until: item.until + Duration::from_secs(90 * 86_400), ..item };
            for id in 1..=3 {
                pool.handle_item(now, long(item(now, id, "+1", 2)));
            }
            assert_eq!(given(&mut pool), pairs(&[(1, "a"), (2, "a")]), "{limits:?}");
            let span = Duration::from_secs(span.unsigned_abs());
            pool.handle_timeout(now.after(span * 9 / 10));
            assert_eq!(given(&mut pool), [], "{limits:?}");
            pool.handle_timeout(now.after(span));
            assert_eq!(given(&mut pool), pairs(&[(3, "a")]), "{limits:?}");
        }
    }

    #[test]
    fn a_second_has_its_limit_and_a_long_message_still_goes() {
        let limits = Limits { second: Some(2), ..Limits::default() };
        let (mut pool, now) = pool(limits, &[("", &["a"])]);
        for (id, parts) in [(1, 1), (2, 1), (3, 5)] {
            pool.handle_item(now, item(now, id, "+1", parts));
        }
        assert_eq!(given(&mut pool), pairs(&[(1, "a"), (2, "a")]));
        assert!(pool.deadline().is_some());
        pool.handle_timeout(now.after(LOOK_AGAIN));
        assert_eq!(given(&mut pool), pairs(&[(3, "a")]));
        assert_eq!(pool.deadline(), None);
    }

    #[test]
    fn people_are_counted_and_those_who_are_known_are_not_counted_again() {
        let limits = Limits { recipients: Some(1), ..Limits::default() };
        let (mut pool, now) = pool(limits, &[]);
        for (id, to) in [(1, "+1"), (2, "+1"), (3, "+2"), (4, "+3")] {
            pool.handle_item(now, item(now, id, to, 1));
        }
        assert_eq!(given(&mut pool), pairs(&[(1, "a"), (2, "a"), (3, "b")]));
        assert_eq!(pool.waiting(), 1);
    }

    #[test]
    fn a_code_goes_first_and_what_is_late_is_given_back() {
        let (mut pool, now) = pool(Limits::default(), &[]);
        pool.handle_up(now, "a", false);
        pool.handle_up(now, "b", false);
        pool.handle_item(now, item(now, 1, "+1", 1));
        pool.handle_item(now, Item { until: now.unix + MINUTE_LONG, ..item(now, 2, "+2", 1) });
        pool.handle_item(now, Item { urgent: true, ..item(now, 3, "+3", 1) });
        let later = now.after(MINUTE_LONG);
        pool.handle_up(later, "a", true);
        assert_eq!(given(&mut pool), pairs(&[(3, "a"), (1, "a"), (2, "expired")]));
    }

    const MINUTE_LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_was_sent_before_a_restart_still_counts() {
        let limits = Limits { day: Some(3), ..Limits::default() };
        let (mut pool, now) = pool(limits, &[("", &["a"])]);
        pool.note_sent(now.unix - MINUTE_LONG, "a", "+1", 3);
        pool.handle_item(now, item(now, 1, "+1", 1));
        assert_eq!(given(&mut pool), []);
    }
}
