//! Queues and roster together, driven by seeded random events in virtual time. After every call the outputs of the
//! queues must be those that the reference model foretold: which item goes first, and to which agents.
#![allow(clippy::disallowed_methods)]

mod branches;
mod channels;
mod model;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use branchline::agent::{self, Presence, Reason, Roster};
use branchline::id::{AgentId, ItemId, OfferId, QueueId, SkillId};
use branchline::queue::{
    self, Announce, Channel, Declined, Item, Member, OverflowTargets, Queues, Refused, Strategy,
    Target,
};
use branchline::random::Random;
use branchline::time::{Now, UnixTime, earliest};
use model::{Caller, Line, Model, Seen, speaks_french};
use people::{Person, State};

const SEEDS: u64 = 10;
/// Draws per seed; nearly every one is an effective event, and the count below holds the sum to it.
const DRAWS: u64 = 14_000;
/// Least effective events over all seeds.
const FLOOR: u64 = 100_000;
const AGENTS: usize = 8;

const LINES: [Line; 4] = [
    Line {
        name: "all",
        strategy: Strategy::RingAll,
        priority: 0,
        ageing: 5,
        ring: 20_000,
        most: 900_000,
        every: 60_000,
        room: 8,
        miss_pauses: true,
        leaves_when_unstaffed: false,
        members: &[0, 3, 4, 7],
    },
    Line {
        name: "idle",
        strategy: Strategy::LongestIdle,
        priority: 10,
        ageing: 20,
        ring: 15_000,
        most: 600_000,
        every: 0,
        room: 8,
        miss_pauses: true,
        leaves_when_unstaffed: false,
        members: &[0, 1, 4, 5, 7],
    },
    Line {
        name: "round",
        strategy: Strategy::RoundRobin,
        priority: 0,
        ageing: 0,
        ring: 20_000,
        most: 900_000,
        every: 45_000,
        room: 8,
        miss_pauses: true,
        leaves_when_unstaffed: false,
        members: &[7, 6, 5, 2, 1],
    },
    Line {
        name: "fixed",
        strategy: Strategy::FixedOrder,
        priority: 30,
        ageing: 5,
        ring: 10_000,
        most: 300_000,
        every: 30_000,
        room: 6,
        miss_pauses: false,
        leaves_when_unstaffed: true,
        members: &[6, 2, 7, 3],
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive,
    Abandon,
    SignIn,
    SignOut,
    Pause,
    Resume,
    Answer,
    AnswerLate,
    Decline,
    HangUp,
    CallDies,
    WrappedUp,
    OtherCall,
    TimePasses,
}

struct Sim {
    now: Now,
    /// Milliseconds since the start.
    t: i64,
    random: Random,
    queues: Queues,
    roster: Roster,
    model: Model,
    people: Vec<Person>,
    names: Vec<AgentId>,
    talking: BTreeMap<usize, u64>,
    /// Every offer that was made, with its item.
    offers: Vec<(OfferId, u64)>,
    /// The latest offer of each item.
    live: BTreeMap<u64, OfferId>,
    next: u64,
    /// Outputs and verdicts so far: what tells an effective event from one that did nothing.
    signs: u64,
    effective: u64,
    /// Agents who joined a ring.
    joins: u64,
    kinds: BTreeMap<Event, u64>,
    /// Few callers and slow answers: idle agents and long rings, instead of full queues.
    quiet: bool,
}

fn settings(line: &Line) -> queue::Settings {
    let seconds = |ms: i64| (ms / 1000) as u32;
    // Listed by name, so that only `order` brings them into the order they are asked in.
    let mut members: Vec<_> = line.members.iter().enumerate().collect();
    members.sort_by_key(|(_, agent)| **agent);
    let member =
        |(order, agent): (usize, &usize)| Member { agent: name(*agent), order: order as u32 };
    queue::Settings {
        name: line.name.into(),
        strategy: line.strategy,
        priority: line.priority,
        ageing: line.ageing,
        ring_time: seconds(line.ring),
        max_wait: seconds(line.most),
        max_waiting: line.room,
        miss_pauses: line.miss_pauses,
        announce: Announce { every: seconds(line.every), ..Announce::default() },
        overflow: OverflowTargets {
            on_no_agent: line.leaves_when_unstaffed.then_some(Target::HangUp),
            ..OverflowTargets::default()
        },
        members: members.into_iter().map(member).collect(),
        ..queue::Settings::default()
    }
}

fn name(agent: usize) -> AgentId {
    AgentId::from(format!("a{agent}").as_str())
}

fn number(agent: &AgentId) -> usize {
    agent.as_str()[1..].parse().unwrap()
}

fn french(level: u8, has: bool) -> BTreeMap<SkillId, u8> {
    has.then(|| ("fr".into(), level)).into_iter().collect()
}

fn wrap_up(agent: usize) -> u32 {
    (agent as u32 % 3) * 10
}

impl Sim {
    fn new(seed: u64) -> Self {
        let people = (0..AGENTS).map(|a| agent::Settings {
            id: name(a),
            extension: "201".into(),
            skills: french(5, speaks_french(a)),
            wrap_up: wrap_up(a),
        });
        let random = Random::from_number(seed + 1000);
        Sim {
            now: Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) },
            t: 0,
            random: Random::from_number(seed),
            queues: Queues::new(LINES.iter().map(settings).collect(), random),
            roster: Roster::new(people.collect()),
            model: Model::new(&LINES),
            people: vec![Person::new(); AGENTS],
            names: (0..AGENTS).map(name).collect(),
            talking: BTreeMap::new(),
            offers: Vec::new(),
            live: BTreeMap::new(),
            next: 0,
            signs: 0,
            effective: 0,
            joins: 0,
            kinds: BTreeMap::new(),
            quiet: seed.is_multiple_of(2),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn who(&self, fits: impl Fn(&Person) -> bool) -> Vec<usize> {
        (0..AGENTS).filter(|a| fits(&self.people[*a])).collect()
    }

    fn one_who(&mut self, fits: impl Fn(&Person) -> bool) -> usize {
        let who = self.who(fits);
        self.one(&who)
    }

    fn step(&mut self) {
        if self.below(100) == 0 {
            self.set_clock();
        }
        let event = self.choose();
        let before = self.signs;
        self.perform(event);
        self.settle();
        // As the loop does: what is due already, such as a returned item past its longest wait, runs at once.
        if earliest(self.queues.deadline(), self.roster.deadline())
            .is_some_and(|at| at <= self.now.instant)
        {
            self.time_out();
        }
        self.check();
        if self.signs > before {
            self.effective += 1;
            *self.kinds.entry(event).or_default() += 1;
        }
    }

    /// One of the events that can happen now.
    fn choose(&mut self) -> Event {
        let any = |fits: &dyn Fn(&Person) -> bool| self.people.iter().any(fits);
        let (arrive, answer) = if self.quiet { (6, 8) } else { (14, 22) };
        let possible = [
            (Event::Arrive, arrive, true),
            (Event::Abandon, 3, !self.model.callers.is_empty()),
            (Event::SignIn, 12, any(&|p| p.state == State::Out)),
            (Event::SignOut, 2, any(&can_sign_out)),
            (Event::Pause, 3, any(&can_pause)),
            (Event::Resume, 9, any(&can_resume)),
            (Event::Answer, answer, any(&|p| p.state == State::Offered)),
            (Event::AnswerLate, 1, !self.offers.is_empty()),
            (Event::Decline, 6, any(&|p| p.state == State::Offered)),
            (Event::HangUp, 14, !self.talking.is_empty()),
            (Event::CallDies, 2, !self.talking.is_empty()),
            (Event::WrappedUp, 2, any(&|p| p.state == State::WrapUp)),
            (Event::OtherCall, 3, true),
            (
                Event::TimePasses,
                22,
                earliest(self.queues.deadline(), self.roster.deadline()).is_some(),
            ),
        ];
        let total = possible.iter().filter(|p| p.2).map(|p| p.1).sum();
        let mut left = self.below(total);
        for (event, weight, can) in possible {
            if can && left < weight {
                return event;
            }
            left -= if can { weight } else { 0 };
        }
        Event::Arrive
    }

    /// Somebody sets the wall clock, by up to two days either way. Nothing may come of it.
    fn set_clock(&mut self) {
        let by = self.below(4 * 86_400) as i64 - 2 * 86_400;
        self.now.unix.0 += by * 1_000_000;
    }

    fn perform(&mut self, event: Event) {
        match event {
            Event::Arrive => self.arrive(),
            Event::Abandon => self.abandon(),
            Event::SignIn => self.sign_in(),
            Event::SignOut => self.sign_out(),
            Event::Pause => self.pause(),
            Event::Resume => self.resume(),
            Event::Answer => self.answer(),
            Event::AnswerLate => self.answer_late(),
            Event::Decline => self.decline(),
            Event::HangUp => self.hang_up(),
            Event::CallDies => self.call_dies(),
            Event::WrappedUp => self.wrapped_up(),
            Event::OtherCall => self.other_call(),
            Event::TimePasses => self.pass_time(),
        }
    }

    fn arrive(&mut self) {
        // On quiet days most come to the queue where everybody rings.
        let queue = self.below(LINES.len());
        let queue = if self.quiet && self.below(2) == 0 { 0 } else { queue };
        // Some were waiting before a restart. A clock set since then makes that the future, or days ago.
        let ago = match self.below(20) {
            0 => self.below(400_000) as i64,
            1 => -(self.below(400_000) as i64),
            2 => 86_400_001 + self.below(400_000) as i64,
            _ => 0,
        };
        let believed = if (0..=86_400_000).contains(&ago) { ago } else { 0 };
        let caller = Caller {
            id: self.next,
            queue,
            priority: self.below(80) as i32,
            french: self.below(6) == 0,
            preferred: (self.below(8) == 0).then(|| self.below(AGENTS)),
            came: self.t - believed,
            leaves_at: 0,
            told_at: None,
            held: Vec::new(),
            rings: Vec::new(),
            alone: false,
        };
        let item = Item {
            id: ItemId(self.next),
            queue: QueueId::from(LINES[queue].name),
            arrived: UnixTime(self.now.unix.0 - ago * 1000),
            priority: caller.priority,
            skills: french(3, caller.french),
            preferred: caller.preferred.map(name),
            channel: Channel::Voice,
            last_agent: None,
        };
        self.next += 1;
        let foretold = self.model.enqueue(self.t, caller);
        match (self.queues.handle_enqueue(self.now, item), foretold) {
            (Ok(()), Ok(foretold)) => self.compare(foretold),
            (Err(Refused::Overflow(why, _)), Err(foretold)) => {
                assert_eq!(why, foretold);
                self.signs += 1;
            }
            (is, foretold) => panic!("{is:?}, foretold {foretold:?}"),
        }
    }

    fn abandon(&mut self) {
        let ids: Vec<_> = self.model.callers.iter().map(|c| c.id).collect();
        let id = self.one(&ids);
        self.queues.handle_abandon(self.now, ItemId(id));
        let foretold = self.model.abandon(self.t, id);
        self.compare(foretold);
    }

    fn sign_in(&mut self) {
        let a = self.one_who(|p| p.state == State::Out);
        self.people[a].state = State::Ready;
        self.people[a].idle_since = self.now.unix.0;
        self.roster.handle_sign_in(self.now, &self.names[a]).unwrap();
    }

    fn sign_out(&mut self) {
        let a = self.one_who(can_sign_out);
        self.people[a].ask(State::Out);
        self.roster.handle_sign_out(self.now, &self.names[a]).unwrap();
        self.signs += 1;
    }

    fn pause(&mut self) {
        let a = self.one_who(can_pause);
        self.people[a].ask(State::Paused);
        self.roster.handle_pause(self.now, &self.names[a], Reason::Chosen("tea".into())).unwrap();
        self.signs += 1;
    }

    fn resume(&mut self) {
        let a = self.one_who(can_resume);
        self.people[a].resume();
        self.roster.handle_resume(self.now, &self.names[a]).unwrap();
        self.signs += 1;
    }

    /// An agent where it rings, with the offer and the item.
    fn ringing(&mut self) -> (usize, OfferId, u64) {
        let rings = |c: &Caller| c.rings.iter().map(|(a, _)| (*a, c.id)).collect::<Vec<_>>();
        let live: Vec<_> = self.model.callers.iter().flat_map(rings).collect();
        let (agent, item) = self.one(&live);
        (agent, self.live[&item], item)
    }

    fn answer(&mut self) {
        let (a, offer, item) = self.ringing();
        let rang: Vec<_> = (0..AGENTS).filter(|a| self.rings(*a) == Some(item)).collect();
        let answer = self.queues.handle_accepted(self.now, offer, name(a));
        assert_eq!(answer, Ok(ItemId(item)));
        for other in rang {
            let again = self.queues.handle_accepted(self.now, offer, name(other));
            assert!(again.is_err(), "two agents took one offer");
        }
        let foretold = self.model.accept(self.t, item, a);
        self.compare(foretold);
    }

    /// Which item rings at the agent's.
    fn rings(&self, agent: usize) -> Option<u64> {
        let at = |c: &&Caller| c.rings.iter().any(|(who, _)| *who == agent);
        self.model.callers.iter().find(at).map(|c| c.id)
    }

    /// Somebody answers or declines what does not ring there, or not any more.
    fn answer_late(&mut self) {
        let back = 1 + self.below(self.offers.len().min(20));
        let (offer, item) = self.offers[self.offers.len() - back];
        let others: Vec<_> = (0..AGENTS).filter(|a| self.rings(*a) != Some(item)).collect();
        if others.is_empty() {
            return;
        }
        let a = self.one(&others);
        self.queues.handle_declined(self.now, offer, name(a), Declined::Refused);
        assert!(self.queues.handle_accepted(self.now, offer, name(a)).is_err(), "answered late");
        self.signs += 1;
        self.compare(Vec::new());
    }

    fn decline(&mut self) {
        let (a, offer, item) = self.ringing();
        let why = self.one(&[Declined::Missed, Declined::Refused, Declined::Unreachable]);
        self.queues.handle_declined(self.now, offer, name(a), why);
        let foretold = self.model.decline(self.t, item, a, why);
        self.compare(foretold);
    }

    fn one_talking(&mut self) -> (usize, u64) {
        let on: Vec<_> = self.talking.iter().map(|(a, item)| (*a, *item)).collect();
        let (a, item) = self.one(&on);
        self.talking.remove(&a);
        (a, item)
    }

    fn hang_up(&mut self) {
        let (a, item) = self.one_talking();
        self.queues.handle_finished(ItemId(item), Duration::from_secs(100));
        self.model.finish(item);
        self.people[a].release(self.t, self.now.unix.0, wrap_up(a).into());
        self.roster.handle_released(self.now, &self.names[a], None).unwrap();
    }

    fn call_dies(&mut self) {
        let (a, item) = self.one_talking();
        self.queues.handle_connected_failed(self.now, ItemId(item));
        let foretold = self.model.call_died(self.t, item);
        self.compare(foretold);
        self.people[a].release(self.t, self.now.unix.0, 0);
        self.roster.handle_released(self.now, &self.names[a], Some(0)).unwrap();
    }

    fn wrapped_up(&mut self) {
        let a = self.one_who(|p| p.state == State::WrapUp);
        self.people[a].wrapped_up();
        self.roster.handle_wrapped_up(self.now, &self.names[a]).unwrap();
    }

    /// The phone gets busy with a call that no queue gave, or that call ends.
    fn other_call(&mut self) {
        let a = self.below(AGENTS);
        let busy = &mut self.people[a].busy;
        *busy = !*busy;
        if *busy {
            self.roster.handle_busy(&self.names[a]).unwrap();
        } else {
            self.roster.handle_idle(&self.names[a]).unwrap();
        }
        self.signs += 1;
    }

    /// Time passes, to the next deadline or by some seconds, and stops at every deadline on the way.
    fn pass_time(&mut self) {
        let next = earliest(self.queues.deadline(), self.roster.deadline());
        let next = next.map_or(self.now.instant, |at| at.max(self.now.instant));
        let some = self.now.instant + Duration::from_millis(self.random.below(20_000));
        let end = if self.below(2) == 0 { next } else { next.max(some) };
        while let Some(at) =
            earliest(self.queues.deadline(), self.roster.deadline()).filter(|at| *at <= end)
        {
            self.move_to(at);
            self.time_out();
            let next = earliest(self.queues.deadline(), self.roster.deadline());
            assert!(next.is_none_or(|n| n > at), "a deadline stays due: the loop would spin");
            self.check();
        }
        self.move_to(end);
    }

    fn move_to(&mut self, at: Instant) {
        let span = at.saturating_duration_since(self.now.instant);
        self.now = self.now.after(span);
        self.t += span.as_millis() as i64;
    }

    fn time_out(&mut self) {
        self.queues.handle_timeout(self.now);
        let foretold = self.model.time_out(self.t);
        self.compare(foretold);
        self.people.iter_mut().for_each(|p| p.time_out(self.t));
        self.roster.handle_timeout(self.now);
        self.settle();
    }

    /// Carries what the roster says to the queues, as the gateway does.
    fn settle(&mut self) {
        while let Some(output) = self.roster.poll_output() {
            self.signs += 1;
            let (now, t) = (self.now, self.t);
            let foretold = match output {
                agent::Output::Ready { agent, since } => {
                    let a = number(&agent);
                    assert_eq!(since.0, self.people[a].idle_since, "idle since the last contact");
                    self.queues.handle_agent_ready(now, agent, french(5, speaks_french(a)), since);
                    let idle = (now.unix.0 - since.0).max(0) / 1000;
                    self.model.ready(t, a, t - idle)
                }
                agent::Output::Unready { agent } => {
                    let a = number(&agent);
                    self.queues.handle_agent_gone(now, agent);
                    self.model.gone(t, a)
                }
                agent::Output::Changed { agent, to: Presence::SignedOut, .. } => {
                    let a = number(&agent);
                    self.queues.handle_agent_absent(now, agent);
                    self.model.absent(t, a)
                }
                agent::Output::Changed { agent, from: Presence::SignedOut, .. } => {
                    let a = number(&agent);
                    self.queues.handle_agent_present(agent, french(5, speaks_french(a)));
                    self.model.present.insert(a);
                    Vec::new()
                }
                _ => continue,
            };
            self.compare(foretold);
        }
    }

    /// The outputs of the last call must be the foretold ones, offers in their order, and are carried out.
    fn compare(&mut self, mut foretold: Vec<Seen>) {
        while let Some(output) = self.queues.poll_output() {
            self.signs += 1;
            let seen = self.carry_out(output);
            let is_offer = matches!(seen, Seen::Offer(..));
            let at = foretold.iter().position(|f| match f {
                Seen::Offer(..) => is_offer,
                other => *other == seen,
            });
            let said = at.map(|at| foretold.remove(at));
            assert_eq!(Some(&seen), said.as_ref(), "at {} ms; left: {foretold:?}", self.t);
        }
        assert!(foretold.is_empty(), "at {} ms this did not happen: {foretold:?}", self.t);
    }

    fn carry_out(&mut self, output: queue::Output) -> Seen {
        match output {
            queue::Output::Entered { item, .. } => Seen::Entered(item.0),
            queue::Output::Offer { offer, item, agents, ring_for } => {
                let agents: Vec<_> = agents.iter().map(number).collect();
                for a in &agents {
                    self.people[*a].rings();
                    self.roster.handle_offered(self.now, &self.names[*a]).unwrap();
                }
                if self.live.insert(item.0, offer) == Some(offer) {
                    self.joins += 1;
                } else {
                    self.offers.push((offer, item.0));
                }
                Seen::Offer(item.0, agents, ring_for.as_millis() as i64)
            }
            queue::Output::Withdraw { offer, agent } => {
                let a = number(&agent);
                // An agent who left by their own doing is not ringing any more.
                if self.people[a].state == State::Offered {
                    self.people[a].state = State::Ready;
                    self.roster.handle_withdrawn(self.now, &agent).unwrap();
                }
                Seen::Withdraw(self.item_of(offer), a)
            }
            queue::Output::Missed { agent, offer, why, pauses } => {
                let a = number(&agent);
                self.people[a].state = if pauses { State::Paused } else { State::Ready };
                self.roster.handle_missed(self.now, &agent, pauses).unwrap();
                Seen::Missed(self.item_of(offer), a, why, pauses)
            }
            queue::Output::Connected { item, agent } => {
                let a = number(&agent);
                self.people[a].state = State::Talking;
                self.roster.handle_answered(self.now, &agent).unwrap();
                assert!(self.talking.insert(a, item.0).is_none(), "two contacts at once");
                Seen::Connected(item.0, a)
            }
            queue::Output::Overflow { item, why, .. } => Seen::Overflow(item.0, why),
            queue::Output::Abandoned { item } => Seen::Abandoned(item.0),
            queue::Output::Returned { item } => Seen::Returned(item.0),
            queue::Output::Announce { item, position, .. } => {
                Seen::Announce(item.0, position.expect("positions are said"))
            }
            other => panic!("of a call nobody asked to move: {other:?}"),
        }
    }

    fn item_of(&self, offer: OfferId) -> u64 {
        let found = self.offers.iter().rev().find(|(o, _)| *o == offer);
        found.expect("an offer that was made").1
    }

    fn check(&mut self) {
        self.check_people();
        self.check_queues();
        let due = |at: Instant| at.duration_since(self.now.instant).as_millis() as i64 + self.t;
        assert_eq!(self.queues.deadline().map(due), self.model.deadline(self.t), "deadline");
        if self.below(8) == 0 {
            self.check_explanations();
        }
    }

    fn check_people(&self) {
        for (a, (settings, presence)) in self.roster.iter().enumerate() {
            let person = &self.people[a];
            let state = match presence {
                Presence::SignedOut => State::Out,
                Presence::Ready => State::Ready,
                Presence::Offered => State::Offered,
                Presence::Talking => State::Talking,
                Presence::WrapUp => State::WrapUp,
                Presence::Paused(_) => State::Paused,
            };
            assert_eq!(state, person.state, "{} at {} ms", settings.id, self.t);
            // Nobody is stuck: whatever is not a state of rest has something that will end it.
            assert_eq!(state == State::Talking, self.talking.contains_key(&a), "talks to nobody");
            assert_eq!(state == State::Offered, self.rings(a).is_some(), "nothing rings");
            assert!(state != State::WrapUp || person.wraps_until > self.t, "stuck in after-work");
            let free = state == State::Ready && !person.busy;
            assert_eq!(free, self.model.ready.contains_key(&a), "the queues think otherwise");
        }
        let wraps = self.people.iter().filter(|p| p.state == State::WrapUp);
        let first = wraps.map(|p| p.wraps_until).min();
        let due = |at: Instant| at.duration_since(self.now.instant).as_millis() as i64 + self.t;
        assert_eq!(self.roster.deadline().map(due), first, "after-work ends");
    }

    fn check_queues(&self) {
        for snapshot in self.queues.snapshot(self.now) {
            let q = LINES.iter().position(|l| snapshot.queue.as_str() == l.name).unwrap();
            let here = || self.model.callers.iter().filter(|c| c.queue == q);
            let c = snapshot.counters;
            let counted = [c.arrived, c.connected, c.abandoned, c.overflowed];
            assert_eq!((here().count(), self.model.counts[q]), (snapshot.waiting, counted));
            let gone = c.connected + c.abandoned + c.overflowed;
            assert_eq!(c.arrived, gone + snapshot.waiting as u64, "somebody was lost");
            assert_eq!(here().filter(|c| !c.rings.is_empty()).count(), snapshot.offered);
            let longest = here().map(|c| self.t - c.came).max().unwrap_or(0);
            assert_eq!(longest, snapshot.longest.as_millis() as i64);
            let among =
                |of: &dyn Fn(&usize) -> bool| LINES[q].members.iter().filter(|a| of(a)).count();
            assert_eq!(among(&|a| self.model.present.contains(a)), snapshot.present);
            assert_eq!(among(&|a| self.model.ready.contains_key(a)), snapshot.ready);
        }
    }

    fn check_explanations(&self) {
        for caller in &self.model.callers {
            let mut said = self.queues.explain(ItemId(caller.id));
            said.sort_by(|a, b| a.0.cmp(&b.0));
            let members = BTreeSet::from_iter(LINES[caller.queue].members.iter().copied());
            let standing = |a: usize| (name(a), self.model.standing(self.t, caller, a));
            assert_eq!(said, members.into_iter().map(standing).collect::<Vec<_>>());
        }
    }
}

fn is_present(p: &Person) -> bool {
    p.state != State::Out && p.then != Some(State::Out)
}

fn can_sign_out(p: &Person) -> bool {
    is_present(p)
}

fn can_pause(p: &Person) -> bool {
    is_present(p) && p.state != State::Paused && p.then.is_none()
}

fn can_resume(p: &Person) -> bool {
    p.state == State::Paused || p.then == Some(State::Paused)
}

#[test]
fn random_days_agree_with_the_model() {
    let mut kinds: BTreeMap<Event, u64> = BTreeMap::new();
    let (mut effective, mut joins) = (0, 0);
    for seed in 1..=SEEDS {
        let mut sim = Sim::new(seed);
        for _ in 0..DRAWS {
            sim.step();
        }
        sim.kinds.iter().for_each(|(kind, count)| *kinds.entry(*kind).or_default() += count);
        effective += sim.effective;
        joins += sim.joins;
    }
    println!("{joins} joined a ring; {kinds:?}");
    println!("{effective} effective events over {SEEDS} seeds");
    assert!(effective >= FLOOR, "only {effective} effective events");
    assert!(joins >= 200 && kinds.values().all(|n| *n >= 500), "something hardly happened");
}
