//! A past day again under other rules, in virtual time: with the arrivals, handle times and shifts that were.
//!
//! What is taken for given: who gave up does so at the same wait, and who was answered is patient for as long as it takes;
//! whoever is called back leaves the line at the same wait; a contact takes as long as it took, whoever has it, or as
//! long as the others of its queue did where nobody had it; a phone is answered after as long as it rang on average at
//! that agent's. Nobody refuses. Who flowed out to another queue comes there when they did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::{AgentId, ItemId, OfferId, QueueId};
use crate::queue::affinity::{Last, LastAgents};
use crate::queue::{Channel, Item, Output, Queues, Skills};
use crate::time::{Now, UnixTime};

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// This agent had it.
    Answered(AgentId),
    /// Whoever waited gave up.
    Abandoned,
    /// Somebody else ended the wait.
    TakenOut,
    /// It went elsewhere.
    FlowedOut,
    /// It waited still when the day was over.
    Waiting,
}

/// One that waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What came, where and since when it waits.
    pub item: Item,
    /// When it came into this queue.
    pub at: UnixTime,
    /// How its wait ended then, after how long.
    pub was: (End, Duration),
    /// After what wait it was promised a call.
    pub promised: Option<Duration>,
    /// Talk, hold and after-work.
    pub handled: Option<Duration>,
    /// By what whoever it was is known when they come again.
    pub people: Vec<String>,
    /// By when it is to be done.
    pub due: Option<UnixTime>,
}

/// What an agent was to the queues from some moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Not signed in.
    Out,
    /// On pause.
    Paused,
    /// Took work.
    On,
}

/// All that is known of a day.
#[derive(Debug, Clone, Default)]
pub struct Day {
    /// It begins.
    pub from: UnixTime,
    /// It ends.
    pub to: UnixTime,
    /// Those who waited, in the order in which they came.
    pub pieces: Vec<Piece>,
    /// Who took work from when on, in order.
    pub shifts: Vec<(UnixTime, AgentId, Duty)>,
    /// How long it rings at an agent's until they answer.
    pub rings: BTreeMap<AgentId, Duration>,
    /// Who had whom last before the day.
    pub last_agents: LastAgents<()>,
}

/// How a day went.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// How each wait ended, and after how long.
    pub ends: BTreeMap<ItemId, (End, Duration)>,
    /// Who was in a contact, from when to when.
    pub contacts: Vec<(AgentId, UnixTime, UnixTime)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A contact is over, after-work and all.
    Over(ItemId, AgentId),
    Shift(usize),
    /// Gives up, or is taken out.
    Leaves(usize),
    Promised(usize),
    Answers(OfferId, AgentId),
    Comes(usize),
}

impl Day {
    /// As it was.
    pub fn as_it_was(&self) -> Course {
        let mut course = Course::default();
        for piece in &self.pieces {
            if let (End::Answered(agent), waited) = &piece.was {
                let from = piece.item.arrived + *waited;
                let to = (from + piece.handled.unwrap_or_default()).min(self.to);
                course.contacts.push((agent.clone(), from.min(to), to));
            }
            course.ends.insert(piece.item.id, piece.was.clone());
        }
        course
    }

    /// As it would have been with these queues, which are empty, and agents with these skills. `start` is any moment of the
    /// steady clock; what its wall clock says does not matter.
    pub fn again(&self, start: Now, queues: Queues, skills: BTreeMap<AgentId, Skills>) -> Course {
        let mut run = Run {
            day: self,
            start,
            queues,
            skills,
            events: BTreeSet::new(),
            duty: BTreeMap::new(),
            talks: BTreeMap::new(),
            idle: BTreeMap::new(),
            channels: BTreeMap::new(),
            handled: self.mean_handled(),
            last_agents: self.last_agents.clone(),
            people: BTreeMap::new(),
            course: Course::default(),
        };
        run.events.extend((0..).zip(&self.shifts).map(|(at, s)| (s.0, Event::Shift(at))));
        run.events.extend((0..).zip(&self.pieces).map(|(at, p)| (p.at, Event::Comes(at))));
        run.pass();
        run.course
    }

    /// How long contacts of each queue took.
    fn mean_handled(&self) -> BTreeMap<QueueId, Duration> {
        let mut sums: BTreeMap<QueueId, (Duration, u32)> = BTreeMap::new();
        for piece in &self.pieces {
            if let Some(handled) = piece.handled {
                let sum = sums.entry(piece.item.queue.clone()).or_default();
                *sum = (sum.0 + handled, sum.1 + 1);
            }
        }
        sums.into_iter().map(|(queue, (sum, of))| (queue, sum / of.max(1))).collect()
    }

    /// How much of the time that each agent was there for work they were in a contact: F6, in contact and there.
    pub fn occupancy(&self, course: &Course) -> BTreeMap<AgentId, (Duration, Duration)> {
        let mut on: BTreeMap<&AgentId, Vec<(UnixTime, UnixTime)>> = BTreeMap::new();
        let mut since: BTreeMap<&AgentId, UnixTime> = BTreeMap::new();
        for (at, agent, duty) in &self.shifts {
            match duty {
                Duty::On => _ = since.entry(agent).or_insert(*at),
                _ => {
                    if let Some(from) = since.remove(agent) {
                        on.entry(agent).or_default().push((from, *at));
                    }
                }
            }
        }
        for (agent, from) in since {
            on.entry(agent).or_default().push((from, self.to));
        }
        let mut busy: BTreeMap<&AgentId, Vec<(UnixTime, UnixTime)>> = BTreeMap::new();
        for (agent, from, to) in &course.contacts {
            busy.entry(agent).or_default().push((*from, *to));
        }
        let agents: BTreeSet<_> = on.keys().chain(busy.keys()).copied().collect();
        let of = |agent: &AgentId| {
            let busy = busy.get(agent).cloned().unwrap_or_default();
            let there = on.get(agent).cloned().unwrap_or_default();
            (length(busy.clone()), length(busy.into_iter().chain(there).collect()))
        };
        agents.into_iter().map(|agent| (agent.clone(), of(agent))).collect()
    }
}

/// How long spans are together, where they lie over each other once.
fn length(mut spans: Vec<(UnixTime, UnixTime)>) -> Duration {
    spans.sort_unstable();
    let (mut sum, mut until) = (Duration::ZERO, UnixTime(i64::MIN));
    for (from, to) in spans {
        let from = from.max(until);
        sum += to.since(from);
        until = until.max(to);
    }
    sum
}

struct Run<'a> {
    day: &'a Day,
    start: Now,
    queues: Queues,
    skills: BTreeMap<AgentId, Skills>,
    events: BTreeSet<(UnixTime, Event)>,
    duty: BTreeMap<AgentId, Duty>,
    /// Contacts on the phone: while one is up, or in after-work, the agent is not ready.
    talks: BTreeMap<AgentId, ItemId>,
    /// Since when an agent has been without a contact.
    idle: BTreeMap<AgentId, UnixTime>,
    channels: BTreeMap<ItemId, Channel>,
    handled: BTreeMap<QueueId, Duration>,
    /// Who had whom last in this course of the day.
    last_agents: LastAgents<()>,
    people: BTreeMap<ItemId, &'a [String]>,
    course: Course,
}

impl Run<'_> {
    fn now(&self, at: UnixTime) -> Now {
        Now { instant: self.start.instant + at.since(self.day.from), unix: at }
    }

    fn pass(&mut self) {
        let mut at = self.day.from;
        loop {
            let due = self.queues.deadline();
            let due =
                due.map(|due| self.day.from + due.saturating_duration_since(self.start.instant));
            let next = self.events.first().map(|(at, _)| *at);
            let Some(next) = [due, next].into_iter().flatten().min() else { break };
            if next >= self.day.to {
                break;
            }
            at = at.max(next);
            match due.is_some_and(|due| due <= next) {
                true => self.queues.handle_timeout(self.now(at)),
                false => {
                    let event = self.events.pop_first().map(|(_, event)| event);
                    event.into_iter().for_each(|event| self.happens(at, event));
                }
            }
            self.settle(at);
        }
        self.finish();
    }

    fn happens(&mut self, at: UnixTime, event: Event) {
        let now = self.now(at);
        match event {
            Event::Comes(index) => self.comes(at, index),
            Event::Shift(index) => self.shift(at, index),
            Event::Leaves(index) => {
                let Some(piece) = self.day.pieces.get(index) else { return };
                let id = piece.item.id;
                if self.queues.item(id).is_some() {
                    self.ends(at, id, piece.was.0.clone());
                    match piece.was.0 {
                        End::TakenOut => self.queues.handle_taken_out(now, id),
                        _ => self.queues.handle_abandon(now, id),
                    }
                }
            }
            Event::Promised(index) => {
                if let Some(piece) = self.day.pieces.get(index) {
                    self.queues.handle_move_channel(now, piece.item.id, Channel::Callback);
                }
            }
            // Somebody else was faster, or it was taken back: nothing.
            Event::Answers(offer, agent) => _ = self.queues.handle_accepted(now, offer, agent),
            Event::Over(item, agent) => self.over(at, item, &agent),
        }
    }

    fn comes(&mut self, at: UnixTime, index: usize) {
        let Some(piece) = self.day.pieces.get(index) else { return };
        let (id, now) = (piece.item.id, self.now(at));
        self.people.insert(id, &piece.people);
        let within = self.queues.last_agent_within(&piece.item.queue);
        let names = piece.people.iter().map(String::as_str);
        let last_agent = self.last_agents.find(names, at, within, |()| true).cloned();
        if self.queues.handle_enqueue(now, Item { last_agent, ..piece.item.clone() }).is_err() {
            return self.ends(at, id, End::FlowedOut);
        }
        piece.due.into_iter().for_each(|due| self.queues.handle_due(now, id, due));
        let then = |waited: Duration| piece.item.arrived + waited;
        if let Some(waited) = piece.promised {
            self.events.insert((then(waited).max(at), Event::Promised(index)));
        }
        if let (End::Abandoned | End::TakenOut, waited) = &piece.was {
            self.events.insert((then(*waited).max(at), Event::Leaves(index)));
        }
    }

    fn shift(&mut self, at: UnixTime, index: usize) {
        let Some((_, agent, duty)) = self.day.shifts.get(index) else { return };
        let (now, agent) = (self.now(at), agent.clone());
        let before = self.duty.insert(agent.clone(), *duty);
        match duty {
            Duty::On if before == Some(Duty::On) => {}
            Duty::On => {
                self.idle.insert(agent.clone(), at);
                self.ready(at, &agent);
            }
            Duty::Paused => {
                let skills = self.skills.get(&agent).cloned().unwrap_or_default();
                self.queues.handle_agent_present(agent.clone(), skills);
                self.queues.handle_agent_gone(now, agent);
            }
            Duty::Out => self.queues.handle_agent_absent(now, agent),
        }
    }

    /// An agent is ready, if that is so.
    fn ready(&mut self, at: UnixTime, agent: &AgentId) {
        if self.duty.get(agent) == Some(&Duty::On) && !self.talks.contains_key(agent) {
            let skills = self.skills.get(agent).cloned().unwrap_or_default();
            let idle = self.idle.get(agent).copied().unwrap_or(at);
            self.queues.handle_agent_ready(self.now(at), agent.clone(), skills, idle);
        }
    }

    fn over(&mut self, at: UnixTime, item: ItemId, agent: &AgentId) {
        self.queues.handle_finished(item, self.handled_of(item));
        for name in self.people.get(&item).copied().unwrap_or_default() {
            let last = Last { agent: agent.clone(), at, proof: None };
            self.last_agents.remember(name.clone(), last);
        }
        self.idle.insert(agent.clone(), at);
        if self.talks.get(agent) == Some(&item) {
            self.talks.remove(agent);
            self.ready(at, agent);
        } else {
            self.queues.handle_wrapped_up(self.now(at), agent, item);
        }
    }

    fn handled_of(&self, item: ItemId) -> Duration {
        let piece = self.day.pieces.iter().find(|piece| piece.item.id == item);
        let mean = piece.and_then(|piece| self.handled.get(&piece.item.queue).copied());
        piece.and_then(|piece| piece.handled).or(mean).unwrap_or(Duration::from_secs(180))
    }

    fn settle(&mut self, at: UnixTime) {
        while let Some(output) = self.queues.poll_output() {
            match output {
                Output::Offer { offer, item, agents, ring_for } => {
                    let channel = self.queues.channel(item).unwrap_or_default();
                    self.channels.insert(item, channel);
                    for agent in agents {
                        let rings = self.day.rings.get(&agent).copied().unwrap_or_default();
                        // Whoever is slower than that did answer all the same.
                        let rings = rings.min(ring_for.saturating_sub(Duration::from_secs(1)));
                        self.events.insert((at + rings, Event::Answers(offer, agent)));
                    }
                }
                Output::Withdraw { agent, .. } | Output::Missed { agent, .. } => {
                    self.ready(at, &agent);
                }
                Output::Connected { item, agent } => self.connected(at, item, agent),
                Output::Overflow { item, .. } => self.ends(at, item, End::FlowedOut),
                _ => {}
            }
        }
    }

    fn connected(&mut self, at: UnixTime, item: ItemId, agent: AgentId) {
        self.ends(at, item, End::Answered(agent.clone()));
        let over = at + self.handled_of(item);
        self.course.contacts.push((agent.clone(), at, over.min(self.day.to)));
        if self.channels.get(&item).is_none_or(|channel| channel.is_spoken()) {
            self.talks.insert(agent.clone(), item);
        }
        self.events.insert((over, Event::Over(item, agent)));
    }

    fn ends(&mut self, at: UnixTime, item: ItemId, end: End) {
        let waited = self.queues.waited(self.now(at), item).unwrap_or_default();
        self.course.ends.insert(item, (end, waited));
    }

    fn finish(&mut self) {
        let to = self.now(self.day.to);
        for piece in &self.day.pieces {
            let id = piece.item.id;
            if self.queues.item(id).is_some() {
                let waited = self.queues.waited(to, id).unwrap_or_default();
                self.course.ends.insert(id, (End::Waiting, waited));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Member, Settings, Strategy};
    use crate::random::Random;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn at(second: u64) -> UnixTime {
        UnixTime(1_700_000_000_000_000) + seconds(second)
    }

    fn piece(id: u64, came: u64, was: (End, u64), handled: Option<u64>) -> Piece {
        Piece {
            item: Item {
                id: ItemId(id),
                queue: "support".into(),
                arrived: at(came),
                priority: 0,
                skills: Skills::new(),
                preferred: None,
                channel: Channel::Voice,
                last_agent: None,
            },
            at: at(came),
            was: (was.0, seconds(was.1)),
            promised: None,
            people: Vec::new(),
            due: None,
            handled: handled.map(seconds),
        }
    }

    /// Ann alone from 0 to 600 s; bob signs in at 100 s. Three callers, and one who gives up after 40 s.
    fn day() -> Day {
        let ann = || End::Answered("ann".into());
        let bob = || End::Answered("bob".into());
        Day {
            from: at(0),
            to: at(600),
            pieces: vec![
                piece(1, 10, (ann(), 5), Some(120)),
                piece(2, 20, (bob(), 85), Some(60)),
                piece(3, 30, (End::Abandoned, 40), None),
                piece(4, 200, (ann(), 5), Some(100)),
            ],
            shifts: vec![(at(0), "ann".into(), Duty::On), (at(100), "bob".into(), Duty::On)],
            rings: [("ann".into(), seconds(5)), ("bob".into(), seconds(5))].into(),
            last_agents: LastAgents::default(),
        }
    }

    fn rules(strategy: Strategy, members: &[&str]) -> Queues {
        let member = |(order, agent): (u32, &&str)| Member { agent: (*agent).into(), order };
        let settings = Settings {
            name: "support".into(),
            strategy,
            members: (0..).zip(members).map(member).collect(),
            ..Settings::default()
        };
        Queues::new(vec![settings], Random::from_number(1))
    }

    fn again(day: &Day, queues: Queues) -> Course {
        #[allow(clippy::disallowed_methods)]
        let instant = std::time::Instant::now();
        day.again(Now { instant, unix: UnixTime(0) }, queues, BTreeMap::new())
    }

    #[test]
    fn under_the_rules_that_were_a_day_goes_as_it_went() {
        let day = day();
        // Item 4: ann is without a contact since 135 s, bob since 165 s.
        let course = again(&day, rules(Strategy::LongestIdle, &["ann", "bob"]));
        assert_eq!(course.ends, day.as_it_was().ends);
        let occupancy = day.occupancy(&course);
        // Ann: 15..135 and 205..305 of 600 s; bob: 105..165 of 500 s.
        assert_eq!(occupancy["ann"], (seconds(220), seconds(600)));
        assert_eq!(occupancy["bob"], (seconds(60), seconds(500)));
        assert_eq!(day.occupancy(&day.as_it_was()), occupancy);
    }

    #[test]
    fn under_a_changed_rule_it_goes_as_worked_out_by_hand() {
        // Bob is asked first: item 4 is his.
        let course = again(&day(), rules(Strategy::FixedOrder, &["bob", "ann"]));
        assert_eq!(course.ends[&ItemId(2)], (End::Answered("bob".into()), seconds(85)));
        assert_eq!(course.ends[&ItemId(4)], (End::Answered("bob".into()), seconds(5)));
        // Without bob: ann has item 1 until 135 s, item 2 from 140 to 200 s, item 4 from 205 s; item 3 still gives up at 70.
        let course = again(&day(), rules(Strategy::LongestIdle, &["ann"]));
        let ann = || End::Answered("ann".into());
        assert_eq!(course.ends[&ItemId(1)], (ann(), seconds(5)));
        assert_eq!(course.ends[&ItemId(2)], (ann(), seconds(120)));
        assert_eq!(course.ends[&ItemId(3)], (End::Abandoned, seconds(40)));
        assert_eq!(course.ends[&ItemId(4)], (ann(), seconds(5)));
    }

    #[test]
    fn what_is_to_be_done_soon_goes_first_that_day_too() {
        let mut day = day();
        let third = piece(3, 30, (End::Answered("bob".into()), 100), Some(50));
        day.pieces[2] = Piece { due: Some(at(100)), ..third };
        // Ann has item 1 until 135 s, then item 3 from 140 to 190 s, though item 2 came before it.
        let course = again(&day, rules(Strategy::LongestIdle, &["ann"]));
        assert_eq!(course.ends[&ItemId(3)].1, seconds(110));
        assert_eq!(course.ends[&ItemId(2)].1, seconds(175));
    }

    #[test]
    fn who_was_not_answered_then_takes_as_long_as_the_others() {
        let mut day = day();
        day.shifts.push((at(0), "cleo".into(), Duty::On));
        day.shifts.sort_by_key(|(at, ..)| *at);
        // Cleo takes item 2 at once; item 3 is hers then? No: she talks until 80 s, and it gives up at 70 s.
        let course = again(&day, rules(Strategy::LongestIdle, &["ann", "cleo"]));
        assert_eq!(course.ends[&ItemId(2)], (End::Answered("cleo".into()), Duration::ZERO));
        assert_eq!(course.ends[&ItemId(3)].0, End::Abandoned);
        // With a fourth there is somebody for item 3, for a mean of (120 + 60 + 100) / 3 s.
        day.shifts.insert(0, (at(0), "dan".into(), Duty::On));
        let course = again(&day, rules(Strategy::FixedOrder, &["ann", "cleo", "dan"]));
        assert_eq!(course.ends[&ItemId(3)], (End::Answered("dan".into()), Duration::ZERO));
        let (_, from, to) = course.contacts.iter().find(|(who, ..)| who.as_str() == "dan").unwrap();
        assert_eq!(to.since(*from).as_secs(), 280 / 3);
    }

    #[test]
    fn who_had_somebody_last_is_asked_first_where_the_rule_says_so_in_the_course_of_the_day_as_it_is()
     {
        let mut day = day();
        for (piece, person) in [(0, "lee"), (3, "lee")] {
            day.pieces[piece].people = vec![person.to_owned()];
        }
        let rules = |hours| {
            let member = |(order, agent): (u32, &str)| Member { agent: agent.into(), order };
            let settings = Settings {
                name: "support".into(),
                strategy: Strategy::FixedOrder,
                members: (0..).zip(["bob", "ann"]).map(member).collect(),
                last_agent_hours: hours,
                ..Settings::default()
            };
            Queues::new(vec![settings], Random::from_number(1))
        };
        // Bob is first in the list; with the rule item 4 is ann's, who had item 1.
        assert_eq!(again(&day, rules(0)).ends[&ItemId(4)].0, End::Answered("bob".into()));
        assert_eq!(again(&day, rules(1)).ends[&ItemId(4)].0, End::Answered("ann".into()));
        // Who had them on the day before counts as well, and who has them now counts more.
        let last = Last { agent: "bob".into(), at: at(0), proof: None };
        day.last_agents.remember("lee".to_owned(), last);
        assert_eq!(again(&day, rules(1)).ends[&ItemId(4)].0, End::Answered("ann".into()));
        day.pieces[0].people.clear();
        assert_eq!(again(&day, rules(1)).ends[&ItemId(4)].0, End::Answered("bob".into()));
    }
}
