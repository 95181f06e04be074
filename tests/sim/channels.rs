//! Every channel at once, by seeded random events in virtual time: after each event and at each offer, what the queues
//! did is held against a reference that knows the rules as plain lists: who may have what, who goes first, who is waited
//! for. Restarts and moves to another channel happen in between and must change nobody's place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use branchline::hours::{self, Calendar};
use branchline::id::{AgentId, ItemId, OfferId};
use branchline::queue::affinity::{Last, LastAgents};
use branchline::queue::{
    Announce, Callback, Capacity, Channel, Declined, Item, Member, Output, Prefers, Queues,
    Refused, Relax, Settings, Strategy,
};
use branchline::random::Random;
use branchline::time::{Now, UnixTime};

const SEEDS: u64 = 10;
const DRAWS: u64 = 22_000;
/// Least effective events over all seeds.
const FLOOR: u64 = 100_000;
const AGENTS: usize = 7;
/// People who come again and again.
const PEOPLE: usize = 40;
/// Items at once.
const MOST: usize = 36;
const HOLD: i64 = 30_000;
/// The same of what nobody waits for on a line or at a screen.
const HOLD_LATER: i64 = 900_000;
/// How long before it is due an item goes before all else.
const URGENT: i64 = 1_800_000;
/// 2023-11-14 22:13:20 UTC: midnight, when the second queue closes, comes in every run.
const START: i64 = 1_700_000_000_000;
/// Minutes after midnight until which nobody of the second queue is called back.
const OPENS: i64 = 6 * 60;

struct Line {
    name: &'static str,
    strategy: Strategy,
    priority: i32,
    ageing: u32,
    ring: i64,
    most: i64,
    miss_pauses: bool,
    /// Level of French that counts as enough after so long; needed by items that want it.
    relax: &'static [(i64, u8)],
    /// Level of French that is preferred, and for how long nobody else is asked.
    prefers: (u8, i64),
    last_for: i64,
    /// For how long it is remembered who had somebody last.
    last_within: i64,
    callback: (u8, i64),
    closes: bool,
    members: &'static [usize],
}

const LINES: [Line; 3] = [
    Line {
        name: "idle",
        strategy: Strategy::LongestIdle,
        priority: 10,
        ageing: 5,
        ring: 15_000,
        most: 900_000,
        miss_pauses: true,
        relax: &[(60_000, 3), (120_000, 0)],
        prefers: (0, 0),
        last_for: 40_000,
        last_within: 3_600_000,
        callback: (3, 120_000),
        closes: false,
        members: &[0, 1, 2, 3, 6],
    },
    Line {
        name: "round",
        strategy: Strategy::RoundRobin,
        priority: 0,
        ageing: 20,
        ring: 20_000,
        most: 600_000,
        miss_pauses: false,
        relax: &[(90_000, 2)],
        prefers: (4, 25_000),
        last_for: 0,
        last_within: 600_000,
        callback: (2, 300_000),
        closes: true,
        members: &[1, 3, 4, 5],
    },
    Line {
        name: "ring",
        strategy: Strategy::RingAll,
        priority: 5,
        ageing: 0,
        ring: 10_000,
        most: 600_000,
        miss_pauses: false,
        relax: &[],
        prefers: (0, 0),
        last_for: 0,
        last_within: 0,
        callback: (2, 60_000),
        closes: false,
        members: &[2, 4, 6],
    },
];

/// Caps, weights and what may ring beside, as the reference has them: a table of numbers by hand.
const CAPS: [usize; 6] = [1, 1, 3, 3, 5, 5];
const WEIGHTS: [u32; 6] = [51, 51, 16, 16, 8, 8];

fn may_ring_beside(held: Channel, new: Channel) -> bool {
    !held.is_spoken() || matches!(new, Channel::Chat | Channel::Message)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hand {
    Rings,
    Has,
    AfterWork,
}

#[derive(Debug, Default)]
struct Person {
    signed_in: bool,
    on_duty: bool,
    /// Free for the phone, and without a contact since.
    phone: Option<i64>,
    hands: BTreeMap<u64, (Channel, Hand)>,
}

#[derive(Debug)]
struct Work {
    channel: Channel,
    queue: usize,
    priority: i32,
    /// Level of French that it wants.
    french: u8,
    arrived: i64,
    last: Option<usize>,
    person: u64,
    refused: Vec<(usize, i64)>,
    not_before: i64,
    paused: bool,
    attempts: u8,
    /// By when it is to be done.
    due: Option<i64>,
    rings: Option<(OfferId, Vec<usize>)>,
    taken: Option<usize>,
}

struct Sim {
    now: Now,
    t: i64,
    random: Random,
    queues: Queues,
    people: Vec<Person>,
    work: BTreeMap<u64, Work>,
    next: u64,
    signs: u64,
    effective: u64,
    figures: BTreeMap<&'static str, u64>,
    /// Who had whom, in order, and what the box remembers of it.
    had: Vec<(u64, usize, i64)>,
    known: LastAgents<()>,
    /// Items that were told to have come in and to have gone out.
    gone: BTreeSet<u64>,
}

fn level(agent: usize) -> u8 {
    [5, 0, 3, 4, 0, 2, 5][agent]
}

fn name(agent: usize) -> AgentId {
    AgentId::from(format!("a{agent}").as_str())
}

fn number(agent: &AgentId) -> usize {
    agent.as_str()[1..].parse().unwrap()
}

fn skills(level: u8) -> branchline::queue::Skills {
    (level > 0).then(|| ("fr".into(), level)).into_iter().collect()
}

fn seconds(ms: i64) -> u32 {
    (ms / 1000) as u32
}

fn settings(line: &Line) -> Settings {
    let member = |(order, agent): (u32, &usize)| Member { agent: name(*agent), order };
    let relax = |(after, level): &(i64, u8)| Relax {
        after: seconds(*after),
        skill: "fr".into(),
        level: *level,
    };
    Settings {
        name: line.name.into(),
        strategy: line.strategy,
        priority: line.priority,
        ageing: line.ageing,
        ring_time: seconds(line.ring),
        max_wait: seconds(line.most),
        max_waiting: 6,
        miss_pauses: line.miss_pauses,
        announce: Announce { every: 0, ..Announce::default() },
        relax: line.relax.iter().map(relax).collect(),
        prefers: Prefers { skills: skills(line.prefers.0), wait: seconds(line.prefers.1) },
        last_agent_for: seconds(line.last_for),
        callback: Callback { tries: line.callback.0, every: seconds(line.callback.1) },
        members: (0..).zip(line.members).map(member).collect(),
        ..Settings::default()
    }
}

fn queues(seed: u64) -> Queues {
    let text = "name = 'day'\nopen = [{ days = 'mon-sun', from = '06:00', to = '24:00' }]";
    let day = Calendar::new(&toml::from_str(text).unwrap(), &hours::zone("UTC").unwrap()).unwrap();
    let queues = Queues::new(LINES.iter().map(settings).collect(), Random::from_number(seed));
    queues
        .with_capacity(Capacity::default(), BTreeMap::new())
        .with_calendar(&LINES[1].name.into(), day)
}

impl Sim {
    fn new(seed: u64) -> Self {
        Sim {
            now: Now { instant: Instant::now(), unix: UnixTime(START * 1000) },
            t: 0,
            random: Random::from_number(seed),
            queues: queues(seed + 500),
            people: (0..AGENTS).map(|_| Person::default()).collect(),
            work: BTreeMap::new(),
            next: 0,
            signs: 0,
            effective: 0,
            figures: BTreeMap::new(),
            had: Vec::new(),
            known: LastAgents::default(),
            gone: BTreeSet::new(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.below(of.len())].clone()) }
    }

    fn count(&mut self, what: &'static str) {
        *self.figures.entry(what).or_default() += 1;
    }

    fn all(&self, fits: impl Fn(&Work) -> bool) -> Vec<u64> {
        self.work.iter().filter(|(_, work)| fits(work)).map(|(id, _)| *id).collect()
    }

    fn step(&mut self) {
        let before = self.signs;
        self.act();
        self.settle();
        if self.queues.deadline().is_some_and(|at| at <= self.now.instant) {
            self.time_out();
        }
        self.check();
        self.effective += u64::from(self.signs > before);
    }

    fn act(&mut self) {
        match self.below(100) {
            0..24 => self.arrive(),
            24..27 => self.abandon(),
            27..45 => self.accept(),
            45..50 => self.decline(),
            50..63 => self.finish(),
            63..69 => self.wrapped_up(),
            69..71 => self.dies(),
            71..75 => self.customer_absent(),
            75 => self.pick(),
            76 => self.give_back(),
            77..81 => self.move_channel(),
            81..84 => self.pause_or_resume(),
            84..90 => self.come_or_go(),
            90 if self.below(12) == 0 => self.restart(),
            91 => self.move_queue(),
            92 => self.prioritise(),
            _ => self.pass_time(),
        }
    }

    fn arrive(&mut self) {
        let channel = Channel::ALL[[0, 0, 0, 2, 2, 2, 3, 4, 4, 5][self.below(10)]];
        let queue = self.below(LINES.len());
        // Enough to choose from; more would only make each look at all of them slower.
        if self.work.len() >= MOST {
            return;
        }
        // Each at a moment of its own: of two that came at once, a restart may turn the order round.
        self.move_to(self.now.instant + Duration::from_millis(1));
        let ago = if self.below(8) == 0 { self.below(100_000) as i64 } else { 0 };
        let arrived = self.t - ago;
        if self.work.values().any(|work| work.arrived == arrived) {
            return;
        }
        let french = [0, 0, 0, 3, 5][self.below(5)];
        let person = self.below(PEOPLE) as u64;
        let last = self.last_agent(person, &LINES[queue]);
        let priority = self.below(40) as i32;
        let dues = channel == Channel::Task && self.below(2) == 0;
        let due = dues.then(|| self.t + self.below(3_600_000) as i64);
        let work = Work {
            channel,
            queue,
            priority,
            french,
            arrived,
            last,
            person,
            refused: Vec::new(),
            not_before: 0,
            paused: false,
            attempts: 0,
            due,
            rings: None,
            taken: None,
        };
        let id = self.next;
        self.next += 1;
        let item = self.item(id, &work);
        self.work.insert(id, work);
        let live = self.all(|w| w.queue == queue && w.channel.is_live() && w.taken.is_none());
        match self.queues.handle_enqueue(self.now, item) {
            Ok(()) => {
                self.signs += 1;
                self.settle();
                self.tell_due(id);
            }
            Err(Refused::Overflow(..)) => {
                assert!(live.len() > 6 && channel.is_live(), "there was room");
                self.leave(id, "full");
            }
            Err(other) => panic!("{other:?}"),
        }
        self.count(channel.name());
    }

    /// Who had a person last, by the plain list and by what the box remembers: both say the same.
    fn last_agent(&mut self, person: u64, line: &Line) -> Option<usize> {
        let had = self.had.iter().rev().find(|(who, ..)| *who == person);
        let had =
            had.filter(|(_, _, at)| self.t - at < line.last_within).map(|(_, agent, _)| *agent);
        let within = Duration::from_millis(line.last_within as u64);
        let id = person.to_string();
        let found = self.known.find([id.as_str()].into_iter(), self.now.unix, within, |()| true);
        assert_eq!(found.map(number), had, "person {person} at {}", self.t);
        if had.is_some() {
            self.count("known from before");
        }
        had
    }

    fn tell_due(&mut self, id: u64) {
        if let Some(due) = self.work.get(&id).and_then(|work| work.due) {
            self.queues.handle_due(self.now, ItemId(id), UnixTime((START + due) * 1000));
            self.settle();
            self.count("with a due time");
        }
    }

    fn item(&self, id: u64, work: &Work) -> Item {
        Item {
            id: ItemId(id),
            queue: LINES[work.queue].name.into(),
            arrived: UnixTime((START + work.arrived) * 1000),
            priority: work.priority,
            skills: skills(work.french),
            preferred: None,
            channel: work.channel,
            last_agent: work.last.map(name),
        }
    }

    fn leave(&mut self, id: u64, how: &'static str) {
        self.work.remove(&id).expect("it was there");
        assert!(self.gone.insert(id), "it left twice");
        self.count(how);
        self.signs += 1;
    }

    fn abandon(&mut self) {
        let waiting = self.all(|work| work.taken.is_none());
        if let Some(id) = self.one(&waiting) {
            self.queues.handle_abandon(self.now, ItemId(id));
        }
    }

    fn ringing(&mut self) -> Option<(u64, OfferId, usize)> {
        let all = self.all(|work| work.rings.is_some());
        let id = self.one(&all)?;
        let (offer, agents) = self.work[&id].rings.clone()?;
        Some((id, offer, self.one(&agents)?))
    }

    fn accept(&mut self) {
        let Some((id, offer, agent)) = self.ringing() else { return };
        let taken = self.queues.handle_accepted(self.now, offer, name(agent));
        assert_eq!(taken, Ok(ItemId(id)));
        for other in 0..AGENTS {
            assert!(self.queues.handle_accepted(self.now, offer, name(other)).is_err(), "twice");
        }
    }

    fn decline(&mut self) {
        let Some((_, offer, agent)) = self.ringing() else { return };
        let why = self.one(&[Declined::Missed, Declined::Refused, Declined::Unreachable]);
        self.queues.handle_declined(self.now, offer, name(agent), why.unwrap());
    }

    fn one_taken(&mut self, fits: impl Fn(&Work) -> bool) -> Option<(u64, usize)> {
        let taken = self.all(|work| work.taken.is_some() && fits(work));
        let id = self.one(&taken)?;
        Some((id, self.work[&id].taken?))
    }

    fn finish(&mut self) {
        let Some((id, agent)) = self.one_taken(|_| true) else { return };
        self.queues.handle_finished(ItemId(id), Duration::from_secs(60));
        self.people[agent].hands.get_mut(&id).unwrap().1 = Hand::AfterWork;
        let person = self.work[&id].person;
        self.had.push((person, agent, self.t));
        let last = Last { agent: name(agent), at: self.now.unix, proof: None };
        self.known.remember(person.to_string(), last);
        self.leave(id, "finished");
    }

    /// After-work ends: of a call the agent is ready again, of all else the place is free.
    fn wrapped_up(&mut self) {
        let after = |person: &Person| {
            let works = |hand: &(Channel, Hand)| hand.1 == Hand::AfterWork;
            person.hands.iter().find(|(_, hand)| works(hand)).map(|(id, hand)| (*id, hand.0))
        };
        let all: Vec<_> =
            (0..AGENTS).filter_map(|a| after(&self.people[a]).map(|work| (a, work))).collect();
        let Some((agent, (id, channel))) = self.one(&all) else { return };
        self.signs += 1;
        if channel.is_spoken() {
            self.free_phone(agent);
        } else {
            self.people[agent].hands.remove(&id);
            self.queues.handle_wrapped_up(self.now, &name(agent), ItemId(id));
        }
    }

    /// The roster says that an agent is ready, if that is so.
    fn free_phone(&mut self, agent: usize) {
        let person = &mut self.people[agent];
        // Told when they are back: until then nothing is offered to them anyway.
        if !person.signed_in || !person.on_duty {
            return;
        }
        person.hands.retain(|_, (channel, _)| !channel.is_spoken());
        person.phone = Some(self.t);
        self.queues.handle_agent_ready(self.now, name(agent), skills(level(agent)), self.now.unix);
    }

    fn dies(&mut self) {
        let Some((id, _)) = self.one_taken(|work| work.channel != Channel::Callback) else {
            return;
        };
        self.queues.handle_connected_failed(self.now, ItemId(id));
    }

    /// An agent takes something without being asked: what they may have and have room for, and nothing else.
    fn pick(&mut self) {
        let waiting = self.all(|work| work.taken.is_none());
        let Some(id) = self.one(&waiting) else { return };
        // Half of them think better of what they refused.
        let refused: Vec<_> = self.work[&id].refused.iter().map(|(agent, _)| *agent).collect();
        let again = if self.below(2) == 0 { self.one(&refused) } else { None };
        let agent = again.unwrap_or_else(|| self.below(AGENTS));
        let work = &self.work[&id];
        let rings = self.rings_for(work, agent);
        let mut asked = Work { refused: Vec::new(), ..self.copy(work) };
        asked.rings = None;
        let may = !work.channel.is_spoken()
            && (rings || (self.suits(&asked, agent) && self.fits(agent, work.channel)));
        let done = self.queues.handle_picked(self.now, ItemId(id), &name(agent));
        assert_eq!(done.is_ok(), may, "{agent} and {id} at {}: {done:?}", self.t);
        if done.is_ok() && !rings {
            let channel = self.work[&id].channel;
            let before = self.people[agent].hands.insert(id, (channel, Hand::Rings));
            assert!(before.is_none(), "it was in hand already");
            self.count("picked");
        }
    }

    fn copy(&self, work: &Work) -> Work {
        Work { refused: work.refused.clone(), rings: work.rings.clone(), ..*work }
    }

    /// An agent gives back what they have: it waits again, and they are not asked about it for a while.
    fn give_back(&mut self) {
        let Some((id, agent)) = self.one_taken(|work| !work.channel.is_spoken()) else { return };
        let before = self.queues.waited(self.now, ItemId(id));
        self.queues.handle_given_back(self.now, ItemId(id));
        assert_eq!(self.queues.waited(self.now, ItemId(id)), before, "it lost its place");
        self.work.get_mut(&id).unwrap().refused.push((agent, self.t + HOLD_LATER));
        self.count("given back");
    }

    fn customer_absent(&mut self) {
        let taken = self.one_taken(|work| work.channel == Channel::Callback);
        if let Some((id, _)) = taken {
            self.queues.handle_attempt_failed(self.now, ItemId(id));
        }
    }

    fn move_channel(&mut self) {
        let waiting = self.all(|work| work.taken.is_none());
        let Some(id) = self.one(&waiting) else { return };
        // There and back, by every channel.
        let often = [Channel::Callback, Channel::Callback, Channel::Callback, Channel::Chat];
        let to = if self.below(3) == 0 { self.one(&Channel::ALL) } else { self.one(&often) };
        let before = self.queues.position(self.now, ItemId(id));
        assert!(self.queues.handle_move_channel(self.now, ItemId(id), to.unwrap()));
        assert_eq!(self.queues.position(self.now, ItemId(id)), before, "a move changed the place");
    }

    /// Somebody wants it in another queue: there it stands as if it had come there when it came.
    fn move_queue(&mut self) {
        let waiting = self.all(|work| work.taken.is_none());
        let Some(id) = self.one(&waiting) else { return };
        let to = self.below(LINES.len());
        let before = self.queues.waited(self.now, ItemId(id));
        let moved = self.queues.handle_move_queue(self.now, ItemId(id), &LINES[to].name.into());
        assert_eq!(moved, Ok(()));
        assert_eq!(self.queues.waited(self.now, ItemId(id)), before, "a move took the wait away");
    }

    fn prioritise(&mut self) {
        let waiting = self.all(|work| work.taken.is_none());
        let Some(id) = self.one(&waiting) else { return };
        let priority = self.below(101) as i32;
        self.work.get_mut(&id).unwrap().priority = priority;
        assert!(self.queues.handle_prioritise(self.now, ItemId(id), priority));
        self.signs += 1;
        self.count("prioritised");
    }

    fn pause_or_resume(&mut self) {
        let written = self.all(|w| w.taken.is_none() && !w.channel.is_spoken());
        let Some(id) = self.one(&written) else { return };
        let paused = !self.work[&id].paused;
        self.work.get_mut(&id).unwrap().paused = paused;
        if paused {
            self.queues.handle_pause(self.now, ItemId(id));
        } else {
            self.queues.handle_resume(self.now, ItemId(id));
        }
        self.signs += 1;
    }

    fn come_or_go(&mut self) {
        let agent = self.below(AGENTS);
        let talks = self.people[agent].hands.values().any(|(channel, hand)| {
            channel.is_spoken() && matches!(hand, Hand::Has | Hand::AfterWork)
        });
        let person = &mut self.people[agent];
        self.signs += 1;
        if !person.on_duty {
            (person.signed_in, person.on_duty) = (true, true);
            if talks {
                self.queues.handle_agent_stays(self.now, &name(agent));
            } else {
                self.free_phone(agent);
            }
            return;
        }
        (person.on_duty, person.phone) = (false, None);
        if talks || self.below(2) == 0 {
            self.queues.handle_agent_gone(self.now, name(agent));
        } else {
            person_out(&mut self.people[agent]);
            self.queues.handle_agent_absent(self.now, name(agent));
        }
    }

    /// The box dies. Calls are gone; whoever was promised a call, and whatever is written, waits again at its place.
    fn restart(&mut self) {
        let places = self.places();
        let kept = serde_json::to_string(&self.known).unwrap();
        self.known = serde_json::from_str(&kept).unwrap();
        self.queues = queues(self.next);
        self.people = (0..AGENTS).map(|_| Person::default()).collect();
        for id in self.all(|work| work.channel == Channel::Voice) {
            self.leave(id, "cut off");
        }
        let mut left: Vec<u64> = self.work.keys().copied().collect();
        while !left.is_empty() {
            let id = left.swap_remove(self.random.below(left.len() as u64) as usize);
            let work = self.work.get_mut(&id).unwrap();
            (work.rings, work.paused) = (None, false);
            work.refused.clear();
            if let Some(agent) = work.taken.filter(|_| !work.channel.is_spoken()) {
                // What is written stays in the hand that it was in.
                let hand = (work.channel, Hand::Has);
                self.people[agent].hands.insert(id, hand);
                let item = self.item(id, &self.work[&id]);
                let again = self.queues.handle_held_before(self.now, item, name(agent));
                again.expect("nothing that was kept is turned away");
                self.restart_due(id);
                self.count("held over a restart");
                continue;
            }
            work.taken = None;
            let (attempts, at) = (work.attempts, UnixTime((START + work.not_before) * 1000));
            let item = self.item(id, &self.work[&id]);
            let again = self.queues.handle_promised_before(self.now, item, attempts, Some(at));
            again.expect("nothing that was kept is turned away");
            self.restart_due(id);
        }
        while self.queues.poll_output().is_some() {}
        let kept = |(queue, order): (usize, Vec<u64>)| {
            let kept = order.into_iter().filter(|id| self.work.contains_key(id)).collect();
            (queue, kept)
        };
        let kept: Vec<(usize, Vec<u64>)> = places.into_iter().map(kept).collect();
        for ((queue, order), (_, after)) in kept.into_iter().zip(self.places()) {
            let after: Vec<_> = after.into_iter().filter(|id| order.contains(id)).collect();
            assert_eq!(order, after, "a restart changed places in {}", LINES[queue].name);
        }
        self.signs += 1;
        self.count("restarts");
    }

    fn restart_due(&mut self, id: u64) {
        if let Some(due) = self.work[&id].due {
            self.queues.handle_due(self.now, ItemId(id), UnixTime((START + due) * 1000));
        }
    }

    /// Who waits in each queue, in the order in which the queues say they stand.
    fn places(&self) -> Vec<(usize, Vec<u64>)> {
        let line = |queue| {
            let waiting = self.all(|work| work.queue == queue && work.taken.is_none());
            let mut placed: Vec<_> = waiting
                .into_iter()
                .map(|id| (self.queues.position(self.now, ItemId(id)), id))
                .collect();
            placed.sort_unstable();
            (queue, placed.into_iter().map(|(_, id)| id).collect())
        };
        (0..LINES.len()).map(line).collect()
    }

    fn pass_time(&mut self) {
        let next = self.queues.deadline().unwrap_or(self.now.instant).max(self.now.instant);
        let some = self.now.instant + Duration::from_millis(self.random.below(20_000));
        let end = if self.below(3) == 0 { next.min(some) } else { some };
        while let Some(at) = self.queues.deadline().filter(|at| *at <= end) {
            self.move_to(at);
            self.time_out();
            assert!(self.queues.deadline().is_none_or(|next| next > at), "the loop would spin");
            self.check();
        }
        self.move_to(end);
    }

    fn move_to(&mut self, at: Instant) {
        let span = at.saturating_duration_since(self.now.instant);
        self.now = self.now.after(span);
        self.t = (self.now.unix.0 / 1000) - START;
    }

    fn time_out(&mut self) {
        self.queues.handle_timeout(self.now);
        for work in self.work.values_mut() {
            work.refused.retain(|(_, until)| *until > self.t);
        }
        self.settle();
    }

    /// Takes in what the queues say, holding each offer against the reference; then phones that fell silent are free.
    fn settle(&mut self) {
        let (mut silent, mut paused) = (BTreeSet::new(), BTreeSet::new());
        loop {
            while let Some(output) = self.queues.poll_output() {
                self.signs += 1;
                self.take_in(output, &mut silent, &mut paused);
            }
            // One at a time: what comes of it is looked at before the next.
            if let Some(agent) = paused.pop_first() {
                self.queues.handle_agent_gone(self.now, name(agent));
            } else if let Some(agent) = silent.pop_first() {
                self.free_phone(agent);
            } else {
                return;
            }
        }
    }

    fn take_in(
        &mut self,
        output: Output,
        silent: &mut BTreeSet<usize>,
        paused: &mut BTreeSet<usize>,
    ) {
        match output {
            Output::Entered { .. } | Output::Announce { .. } => {}
            Output::Offer { offer, item, agents, .. } => {
                self.check_offer(item.0, offer, &agents.iter().map(number).collect::<Vec<_>>());
            }
            Output::Withdraw { offer, agent } => {
                let agent = number(&agent);
                if self.stop_ringing(offer, agent) {
                    silent.insert(agent);
                }
            }
            Output::Missed { agent, offer, why, pauses } => {
                let agent = number(&agent);
                let found = self.work.values_mut().find(|w| rings_at(w, offer, agent)).unwrap();
                let line = &LINES[found.queue];
                let rings = found.channel.is_live() || found.channel.is_spoken();
                assert_eq!(pauses, rings && line.miss_pauses && why != Declined::Refused);
                if pauses {
                    paused.insert(agent);
                    let person = &mut self.people[agent];
                    (person.on_duty, person.phone) = (false, None);
                } else {
                    let hold = if rings { HOLD } else { HOLD_LATER };
                    found.refused.push((agent, self.t + hold));
                }
                if self.stop_ringing(offer, agent) {
                    silent.insert(agent);
                }
                self.count("declined");
            }
            Output::Connected { item, agent } => {
                let agent = number(&agent);
                let work = self.work.get_mut(&item.0).unwrap();
                assert!(work.taken.replace(agent).is_none(), "two agents have it");
                work.rings = None;
                self.people[agent].hands.get_mut(&item.0).unwrap().1 = Hand::Has;
                self.count("taken");
            }
            Output::Overflow { item, .. } => {
                let work = &self.work[&item.0];
                assert!(work.channel.is_live(), "nobody waits on a line");
                self.leave(item.0, "flowed out");
            }
            Output::Abandoned { item } => self.leave(item.0, "abandoned"),
            Output::Returned { item } => {
                silent.extend(self.back(item.0));
                self.count("returned");
            }
            Output::Moved { item, from, to } => {
                let work = self.work.get_mut(&item.0).unwrap();
                assert_eq!(std::mem::replace(&mut work.channel, to), from);
                work.not_before = 0;
                self.count("moved");
            }
            Output::Rerouted { item, from, to } => {
                let work = self.work.get_mut(&item.0).unwrap();
                assert_eq!(LINES[work.queue].name, from.as_str());
                work.queue = LINES.iter().position(|line| line.name == to.as_str()).unwrap();
                self.count("rerouted");
            }
            Output::TriedAgain { item, attempts, at } => {
                silent.extend(self.back(item.0));
                let work = self.work.get_mut(&item.0).unwrap();
                work.attempts += 1;
                let line = &LINES[work.queue];
                let again = opening(line, self.t + line.callback.1);
                assert_eq!((attempts, at.0), (work.attempts, (START + again) * 1000));
                work.not_before = again;
                self.count("tried again");
            }
            Output::GaveUp { item, attempts } => {
                silent.extend(self.back(item.0));
                let work = &self.work[&item.0];
                assert_eq!(attempts, work.attempts + 1);
                // More, where it comes from a queue that tries more often.
                assert!(attempts >= LINES[work.queue].callback.0);
                self.leave(item.0, "given up");
            }
        }
    }

    /// An item is in nobody's hand any more. Answers whose phone is free for it.
    fn back(&mut self, id: u64) -> Option<usize> {
        let work = self.work.get_mut(&id).unwrap();
        work.refused.retain(|(_, until)| *until > self.t);
        let agent = work.taken.take().expect("somebody had it");
        let (channel, _) = self.people[agent].hands.remove(&id).unwrap();
        channel.is_spoken().then_some(agent)
    }

    /// Answers whether it was the phone.
    fn stop_ringing(&mut self, offer: OfferId, agent: usize) -> bool {
        for work in self.work.values_mut() {
            if rings_at(work, offer, agent) {
                let (_, agents) = work.rings.as_mut().unwrap();
                agents.retain(|a| *a != agent);
                if agents.is_empty() {
                    work.rings = None;
                }
            }
        }
        let hands = &mut self.people[agent].hands;
        let ringing: Vec<_> = hands
            .iter()
            .filter(|(_, (_, hand))| *hand == Hand::Rings)
            .map(|(id, (channel, _))| (*id, *channel))
            .collect();
        let mut phone = false;
        for (id, channel) in ringing {
            let still = self.work.get(&id).and_then(|work| work.rings.as_ref());
            if still.is_none_or(|(_, agents)| !agents.contains(&agent)) {
                self.people[agent].hands.remove(&id);
                phone |= channel.is_spoken();
            }
        }
        phone
    }

    fn fits(&self, agent: usize, channel: Channel) -> bool {
        let person = &self.people[agent];
        let free = if channel.is_spoken() { person.phone.is_some() } else { person.on_duty };
        let place = |c: Channel| Channel::ALL.iter().position(|o| *o == c).unwrap();
        let held: Vec<Channel> = person.hands.values().map(|(channel, _)| *channel).collect();
        let same = held.iter().filter(|other| **other == channel).count();
        let weight: u32 = held.iter().map(|c| WEIGHTS[place(*c)]).sum();
        free && same < CAPS[place(channel)]
            && weight + WEIGHTS[place(channel)] <= 100
            && held.iter().all(|other| *other == channel || may_ring_beside(*other, channel))
    }

    /// Whether the agent may ever have it as things stand, free or not.
    fn suits(&self, work: &Work, agent: usize) -> bool {
        let line = &LINES[work.queue];
        let waited = self.t - work.arrived;
        let steps = line.relax.iter().filter(|(after, _)| *after <= waited);
        let needed = steps.map(|(_, level)| *level).fold(work.french, u8::min);
        let refused = work.refused.iter().any(|(a, _)| *a == agent);
        line.members.contains(&agent)
            && self.people[agent].signed_in
            && level(agent) >= needed
            && !refused
    }

    fn rings_for(&self, work: &Work, agent: usize) -> bool {
        work.rings.as_ref().is_some_and(|(_, agents)| agents.contains(&agent))
    }

    /// Who may be asked about an item at this moment.
    fn able(&self, work: &Work) -> Vec<usize> {
        let line = &LINES[work.queue];
        let waited = self.t - work.arrived;
        if work.paused || work.not_before > self.t || work.taken.is_some() {
            return Vec::new();
        }
        if work.channel == Channel::Callback && opening(line, self.t) != self.t {
            return Vec::new();
        }
        let able = |a: &usize| {
            self.suits(work, *a) && !self.rings_for(work, *a) && self.fits(*a, work.channel)
        };
        let able: Vec<_> = (0..AGENTS).filter(able).collect();
        if let Some(last) = work.last {
            let coming = self.suits(work, last) && self.people[last].on_duty;
            if able.contains(&last) {
                return vec![last];
            }
            if coming && !self.rings_for(work, last) && waited < line.last_for {
                return Vec::new();
            }
        }
        let liked: Vec<_> = able.iter().copied().filter(|a| level(*a) >= line.prefers.0).collect();
        if waited < line.prefers.1 || (line.strategy != Strategy::RingAll && !liked.is_empty()) {
            return liked;
        }
        able
    }

    fn rank(&self, id: u64) -> (i64, i64) {
        let work = &self.work[&id];
        let line = &LINES[work.queue];
        let waited = self.t - work.arrived;
        if work.due.is_some_and(|due| due - URGENT <= self.t) {
            return (-101_000, -waited);
        }
        let base = i64::from((line.priority + work.priority).clamp(0, 100)) * 1000;
        let points = (base + waited * i64::from(line.ageing) / 60).min(100_000);
        (-points, -waited)
    }

    fn check_offer(&mut self, id: u64, offer: OfferId, agents: &[usize]) {
        let work = &self.work[&id];
        assert!(work.taken.is_none(), "what somebody has is offered");
        let joins = work.rings.as_ref().is_some_and(|(known, _)| *known == offer);
        assert!(work.rings.is_none() || joins, "a second offer of one item");
        let able = self.able(work);
        assert!(!agents.is_empty() && agents.iter().all(|a| able.contains(a)), "at {}", self.t);
        let line = &LINES[work.queue];
        assert!(line.strategy == Strategy::RingAll || agents.len() == 1, "one at a time");
        let mine = self.rank(id);
        for (other, rival) in self.work.iter().filter(|(o, w)| **o != id && w.rings.is_none()) {
            let better = joins || self.rank(*other) < mine;
            let passed = better && self.able(rival).iter().any(|a| agents.contains(a));
            assert!(!passed, "{id} went before {other} at {}", self.t);
        }
        self.check_strategy(&able, &self.work[&id], agents);
        let channel = self.work[&id].channel;
        for agent in agents {
            let person = &mut self.people[*agent];
            if channel.is_spoken() {
                person.phone = None;
            }
            assert!(person.hands.insert(id, (channel, Hand::Rings)).is_none(), "rings twice");
        }
        let rings = self.work.get_mut(&id).unwrap().rings.get_or_insert((offer, Vec::new()));
        rings.1.extend(agents);
        self.count("offered");
        self.check_hands();
    }

    fn check_strategy(&self, able: &[usize], work: &Work, agents: &[usize]) {
        let asked = |a: &usize| work.last == Some(*a);
        if LINES[work.queue].strategy != Strategy::LongestIdle || agents.iter().any(asked) {
            return;
        }
        let least = |a: &usize| -> i64 {
            if work.channel.is_spoken() {
                return self.people[*a].phone.unwrap();
            }
            let place = |c: Channel| Channel::ALL.iter().position(|o| *o == c).unwrap();
            self.people[*a].hands.values().map(|(c, _)| i64::from(WEIGHTS[place(*c)])).sum()
        };
        let chosen = least(&agents[0]);
        assert!(
            able.iter().all(|a| least(a) >= chosen),
            "another was idle for longer: {agents:?} of {able:?} at {}",
            self.t
        );
    }

    /// Never more in hand than fits, by the tables alone.
    fn check_hands(&self) {
        for person in &self.people {
            let place = |c: Channel| Channel::ALL.iter().position(|o| *o == c).unwrap();
            let mut counts = [0; 6];
            person.hands.values().for_each(|(channel, _)| counts[place(*channel)] += 1);
            assert!((0..6).all(|c| counts[c] <= CAPS[c]), "over a cap: {counts:?}");
            let weight: u32 = (0..6).map(|c| counts[c] as u32 * WEIGHTS[c]).sum();
            assert!(weight <= 100, "too heavy: {counts:?}");
        }
    }

    fn check(&mut self) {
        for (id, work) in &self.work {
            if work.rings.is_none() {
                assert_eq!(self.able(work), Vec::<usize>::new(), "{id} waits at {}", self.t);
            }
        }
        for (agent, person) in self.people.iter().enumerate() {
            let mut held: Vec<_> =
                person.hands.iter().map(|(id, (channel, _))| (ItemId(*id), *channel)).collect();
            held.sort_unstable();
            let mut known = self.queues.in_hand(&name(agent));
            known.sort_unstable();
            assert_eq!(known, held, "agent {agent} has other things in hand at {}", self.t);
        }
        let callbacks_out = |p: &Person| {
            p.hands
                .values()
                .filter(|(c, hand)| *c == Channel::Callback && *hand == Hand::Has)
                .count()
        };
        assert!(self.people.iter().all(|p| callbacks_out(p) <= 1), "two calls back at once");
        let counted: u64 = self
            .queues
            .snapshot(self.now)
            .iter()
            .map(|s| {
                let c = s.counters;
                let gone = c.connected + c.abandoned + c.overflowed + c.unreached + c.taken_out;
                assert_eq!(c.arrived, gone + s.waiting as u64, "somebody was lost");
                s.waiting as u64
            })
            .sum();
        assert_eq!(counted, self.all(|work| work.taken.is_none()).len() as u64);
        let waiting = self.all(|work| work.taken.is_none());
        if let Some(id) = self.one(&waiting) {
            let queue = self.work[&id].queue;
            let mine = self.rank(id);
            let ahead = |o: &&u64| self.work[*o].queue == queue && self.rank(**o) < mine;
            let place = 1 + waiting.iter().filter(ahead).count();
            assert_eq!(self.queues.position(self.now, ItemId(id)), Some(place));
            let why = self.queues.why_waiting(self.now, ItemId(id)).expect("it waits");
            assert_eq!((why.position, why.agents.len()), (place, LINES[queue].members.len()));
        }
    }

    /// Nothing new comes and everybody works: then nobody waits for ever.
    fn drain(&mut self) {
        for work in 0..self.next {
            if self.work.get(&work).is_some_and(|w| w.paused) {
                self.work.get_mut(&work).unwrap().paused = false;
                self.queues.handle_resume(self.now, ItemId(work));
                self.settle();
            }
        }
        for _ in 0..200_000 {
            if self.work.is_empty() {
                return;
            }
            for agent in 0..AGENTS {
                if !self.people[agent].on_duty {
                    let talks = self.people[agent].hands.values().any(|(c, _)| c.is_spoken());
                    let person = &mut self.people[agent];
                    (person.signed_in, person.on_duty) = (true, true);
                    if talks {
                        self.queues.handle_agent_stays(self.now, &name(agent));
                    } else {
                        self.free_phone(agent);
                    }
                    self.settle();
                }
            }
            match self.below(4) {
                0 => self.accept(),
                1 => self.finish(),
                2 => self.wrapped_up(),
                _ => self.pass_time(),
            }
            self.settle();
            self.check();
        }
        panic!("{} items starve", self.work.len());
    }
}

fn person_out(person: &mut Person) {
    person.signed_in = false;
    person.hands.retain(|_, (channel, hand)| !channel.is_spoken() || *hand == Hand::Rings);
}

fn rings_at(work: &Work, offer: OfferId, agent: usize) -> bool {
    work.rings.as_ref().is_some_and(|(known, agents)| *known == offer && agents.contains(&agent))
}

/// The moment itself, or when the queue opens next.
fn opening(line: &Line, t: i64) -> i64 {
    let minute = (START + t) / 60_000 % 1440;
    if !line.closes || minute >= OPENS {
        return t;
    }
    let midnight = (START + t) / 86_400_000 * 86_400_000;
    midnight + OPENS * 60_000 - START
}

#[test]
fn random_days_of_every_channel_keep_to_the_rules() {
    let mut figures: BTreeMap<&str, u64> = BTreeMap::new();
    let mut effective = 0;
    for seed in 1..=SEEDS {
        let mut sim = Sim::new(seed);
        for _ in 0..DRAWS {
            sim.step();
        }
        sim.drain();
        sim.figures.iter().for_each(|(what, n)| *figures.entry(what).or_default() += n);
        effective += sim.effective;
    }
    println!("{figures:?}");
    println!("{effective} effective events over {SEEDS} seeds, every channel");
    assert!(effective >= FLOOR, "only {effective} effective events");
    let seldom: Vec<_> = figures.iter().filter(|(_, n)| **n < 20).collect();
    assert!(seldom.is_empty(), "something hardly happened: {seldom:?}");
}
