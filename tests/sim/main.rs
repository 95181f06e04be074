//! Queues and roster together, driven by seeded random events in virtual time, against a naive model.
#![allow(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use branchline::agent::{self, Presence, Reason, Roster};
use branchline::id::{AgentId, ItemId, OfferId, QueueId, SkillId};
use branchline::queue::{self, Declined, Item, Member, Queues, Refused, Strategy};
use branchline::random::Random;
use branchline::time::{Now, UnixTime, earliest};

const SEEDS: u64 = 10;
const EVENTS: u64 = 12_000;
const AGENTS: usize = 8;
const QUEUES: [(&str, Strategy, i32); 4] = [
    ("all", Strategy::RingAll, 0),
    ("idle", Strategy::LongestIdle, 10),
    ("round", Strategy::RoundRobin, 0),
    ("fixed", Strategy::FixedOrder, 30),
];

/// What the model knows of a waiting item: everything needed to rank it by hand.
#[derive(Clone)]
struct Caller {
    id: ItemId,
    queue: usize,
    priority: i32,
    arrived: UnixTime,
    number: u64,
    skilled: bool,
    offer: Option<OfferId>,
    refused: Vec<(AgentId, Instant)>,
}

struct Sim {
    now: Now,
    random: Random,
    queues: Queues,
    roster: Roster,
    waiting: Vec<Caller>,
    /// The model's own view of who could be offered work, told by roster outputs only.
    free: BTreeSet<AgentId>,
    ringing: BTreeMap<AgentId, OfferId>,
    talking: BTreeMap<AgentId, Caller>,
    offers: BTreeMap<OfferId, (ItemId, Instant)>,
    counts: [[u64; 4]; 4], // arrived, connected, abandoned, overflowed
    next: u64,
    kinds: BTreeMap<&'static str, u64>,
}

fn agent(n: usize) -> AgentId {
    AgentId::from(format!("a{n}").as_str())
}

fn is_member(queue: usize, agent: usize) -> bool {
    agent % 4 == queue || (agent + 1) % 4 == queue || agent == 7
}

fn index(agent: &AgentId) -> usize {
    agent.as_str()[1..].parse().unwrap()
}

fn skills(agent: usize) -> BTreeMap<SkillId, u8> {
    let has = agent.is_multiple_of(3);
    has.then(|| (SkillId::from("fr"), 5)).into_iter().collect()
}

impl Sim {
    fn new(seed: u64) -> Self {
        let settings = |(q, (name, strategy, priority)): (usize, &(&str, Strategy, i32))| {
            let members = (0..AGENTS).filter(|a| is_member(q, *a));
            queue::Settings {
                name: QueueId::from(*name),
                strategy: *strategy,
                priority: *priority,
                members: members.map(|a| Member { agent: agent(a), order: 0 }).collect(),
                max_waiting: 12,
                max_wait: 900,
                ..Default::default()
            }
        };
        let people = (0..AGENTS).map(|a| agent::Settings {
            id: agent(a),
            extension: "201".into(),
            skills: skills(a),
            wrap_up: (a as u32 % 3) * 10,
        });
        Sim {
            now: Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) },
            random: Random::from_number(seed),
            queues: Queues::new(
                QUEUES.iter().enumerate().map(settings).collect(),
                Random::from_number(seed + 1000),
            ),
            roster: Roster::new(people.collect()),
            waiting: Vec::new(),
            free: BTreeSet::new(),
            ringing: BTreeMap::new(),
            talking: BTreeMap::new(),
            offers: BTreeMap::new(),
            counts: [[0; 4]; 4],
            next: 0,
            kinds: BTreeMap::new(),
        }
    }

    fn rank(&self, c: &Caller) -> (i128, i128, u64) {
        let waited = i128::from(self.now.unix.0 - c.arrived.0) / 1000;
        let base = i128::from((QUEUES[c.queue].2 + c.priority).clamp(0, 100)) * 1000;
        (-(base + waited * 5 / 60).min(100_000), i128::from(c.arrived.0), c.number)
    }

    fn can(&self, c: &Caller, a: &AgentId) -> bool {
        let held = c.refused.iter().any(|(who, until)| who == a && *until > self.now.instant);
        let n = index(a);
        is_member(c.queue, n) && (!c.skilled || n.is_multiple_of(3)) && !held
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.random.below(of.len() as u64) as usize).cloned()
    }

    fn step(&mut self) {
        let dice = self.random.below(100);
        let who = agent(self.random.below(AGENTS as u64) as usize);
        let kind = match dice {
            0..=17 => self.arrive(),
            18..=21 => self.abandon(),
            22..=27 => self.toggle(&who),
            28..=29 => self.sign_out(&who),
            30..=33 => self.pause(&who),
            34..=51 => self.answer(),
            52..=55 => self.decline(),
            56..=72 => self.hang_up(),
            73..=74 => self.dead_call(),
            75..=76 => self.wrap_up(&who),
            77..=79 => self.other_call(&who),
            _ => self.pass_time(),
        };
        *self.kinds.entry(kind).or_default() += 1;
        self.settle();
        // As the loop does: what is due already, such as a returned item past its longest wait, runs at once.
        self.queues.handle_timeout(self.now);
        self.roster.handle_timeout(self.now);
        self.settle();
        self.check();
    }

    fn arrive(&mut self) -> &'static str {
        let queue = self.random.below(4) as usize;
        let priority = self.random.below(80) as i32;
        let skilled = self.random.below(6) == 0;
        let item = Item {
            id: ItemId(self.next),
            queue: QueueId::from(QUEUES[queue].0),
            arrived: self.now.unix,
            priority,
            skills: skilled.then(|| (SkillId::from("fr"), 3)).into_iter().collect(),
            preferred: None,
        };
        self.counts[queue][0] += 1;
        let full = self.waiting.iter().filter(|c| c.queue == queue).count() >= 12;
        let (id, arrived, number) = (item.id, self.now.unix, self.next);
        self.next += 1;
        if !full {
            let (offer, refused) = (None, Vec::new());
            let caller = Caller { id, queue, priority, arrived, number, skilled, offer, refused };
            self.waiting.push(caller);
        }
        match self.queues.handle_enqueue(self.now, item) {
            Ok(()) => assert!(!full, "let into a full queue"),
            Err(Refused::Overflow(queue::Why::Full, _)) => {
                assert!(full, "refused though not full");
                self.counts[queue][3] += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
        "arrive"
    }

    fn abandon(&mut self) -> &'static str {
        let ids: Vec<_> = self.waiting.iter().map(|c| c.id).collect();
        if let Some(id) = self.one(&ids) {
            self.queues.handle_abandon(self.now, id);
            return "abandon";
        }
        "nothing to do"
    }

    fn toggle(&mut self, who: &AgentId) -> &'static str {
        match self.roster.presence(who) {
            Some(Presence::SignedOut) => self.roster.handle_sign_in(self.now, who).unwrap(),
            Some(Presence::Paused(_)) => self.roster.handle_resume(self.now, who).unwrap(),
            _ => {}
        }
        "sign in or resume"
    }

    fn sign_out(&mut self, who: &AgentId) -> &'static str {
        self.roster.handle_sign_out(self.now, who).unwrap();
        "sign out"
    }

    fn pause(&mut self, who: &AgentId) -> &'static str {
        let _ = self.roster.handle_pause(self.now, who, Reason::Chosen("tea".into()));
        "pause"
    }

    fn live(&mut self) -> Option<(AgentId, OfferId)> {
        let live: Vec<_> = self.ringing.iter().map(|(a, o)| (a.clone(), *o)).collect();
        self.one(&live)
    }

    fn answer(&mut self) -> &'static str {
        let Some((who, offer)) = self.live() else { return "nothing to do" };
        let others: Vec<_> =
            self.ringing.iter().filter(|(_, o)| **o == offer).map(|(a, _)| a.clone()).collect();
        let item = self.queues.handle_accepted(self.now, offer, who.clone()).unwrap();
        assert_eq!(self.offers[&offer].0, item);
        for other in others {
            let again = self.queues.handle_accepted(self.now, offer, other);
            assert!(again.is_err(), "two agents took one offer");
        }
        "answer"
    }

    fn decline(&mut self) -> &'static str {
        let Some((who, offer)) = self.live() else { return "nothing to do" };
        let why = [Declined::Missed, Declined::Refused, Declined::Unreachable];
        let why = self.one(&why).unwrap();
        if why == Declined::Refused {
            let until = self.now.instant + queue::REFUSAL_HOLD;
            let item = self.offers[&offer].0;
            let caller = self.waiting.iter_mut().find(|c| c.id == item).unwrap();
            caller.refused.push((who.clone(), until));
        }
        self.queues.handle_declined(self.now, offer, who, why);
        "decline"
    }

    fn hang_up(&mut self) -> &'static str {
        let on: Vec<_> = self.talking.keys().cloned().collect();
        if let Some(who) = self.one(&on) {
            let caller = self.talking.remove(&who).unwrap();
            self.queues.handle_finished(caller.id, Duration::from_secs(100));
            self.roster.handle_released(self.now, &who, None).unwrap();
            return "hang up";
        }
        "nothing to do"
    }

    fn dead_call(&mut self) -> &'static str {
        let on: Vec<_> = self.talking.keys().cloned().collect();
        if let Some(who) = self.one(&on) {
            let caller = self.talking.remove(&who).unwrap();
            self.counts[caller.queue][1] -= 1;
            let id = caller.id;
            self.waiting.push(caller);
            self.queues.handle_connected_failed(self.now, id);
            self.roster.handle_released(self.now, &who, Some(0)).unwrap();
            return "call dies";
        }
        "nothing to do"
    }

    fn wrap_up(&mut self, who: &AgentId) -> &'static str {
        let _ = self.roster.handle_wrapped_up(self.now, who);
        "wrapped up"
    }

    fn other_call(&mut self, who: &AgentId) -> &'static str {
        if self.random.below(2) == 0 {
            self.roster.handle_busy(who).unwrap();
        } else {
            self.roster.handle_idle(who).unwrap();
        }
        "other call"
    }

    /// Time passes, stopping at every deadline on the way.
    fn pass_time(&mut self) -> &'static str {
        let end = self.now.instant + Duration::from_millis(self.random.below(20_000));
        while let Some(at) =
            earliest(self.queues.deadline(), self.roster.deadline()).filter(|at| *at <= end)
        {
            let span = at.saturating_duration_since(self.now.instant);
            self.now = self.now.after(span);
            self.queues.handle_timeout(self.now);
            self.roster.handle_timeout(self.now);
            self.settle();
            let next = earliest(self.queues.deadline(), self.roster.deadline());
            assert!(next.is_none_or(|n| n > at), "a deadline stays due: the loop would spin");
            self.check();
        }
        self.now = self.now.after(end.saturating_duration_since(self.now.instant));
        "time passes"
    }

    /// Carries outputs between the two, as the gateway does.
    fn settle(&mut self) {
        loop {
            if let Some(output) = self.queues.poll_output() {
                self.on_queue(output);
            } else if let Some(output) = self.roster.poll_output() {
                self.on_roster(output);
            } else {
                return;
            }
        }
    }

    fn on_roster(&mut self, output: agent::Output) {
        match output {
            agent::Output::Ready { agent, since } => {
                self.free.insert(agent.clone());
                let skills = skills(index(&agent));
                self.queues.handle_agent_ready(self.now, agent, skills, since);
            }
            agent::Output::Unready { agent } => {
                self.free.remove(&agent);
                self.ringing.remove(&agent);
                self.queues.handle_agent_gone(self.now, agent);
            }
            agent::Output::Changed { .. } => {}
        }
    }

    fn on_queue(&mut self, output: queue::Output) {
        match output {
            queue::Output::Offer { offer, item, agents, ring_for } => {
                self.on_offer(offer, item, agents, ring_for);
            }
            queue::Output::Withdraw { offer, agent } => {
                if self.ringing.get(&agent) == Some(&offer) {
                    self.ringing.remove(&agent);
                    let _ = self.roster.handle_withdrawn(self.now, &agent);
                }
            }
            queue::Output::Missed { agent, offer, pauses, .. } => {
                assert_eq!(self.ringing.remove(&agent), Some(offer));
                self.roster.handle_missed(self.now, &agent, pauses).unwrap();
            }
            queue::Output::Connected { item, agent } => {
                let caller = self.take(item);
                self.counts[caller.queue][1] += 1;
                self.ringing.remove(&agent).expect("connected without ringing");
                self.roster.handle_answered(self.now, &agent).unwrap();
                assert!(self.talking.insert(agent, caller).is_none(), "two contacts at once");
            }
            queue::Output::Overflow { item, why, .. } => {
                let caller = self.take(item);
                assert_eq!(why, queue::Why::Waited);
                let waited = self.now.unix.since(caller.arrived);
                assert!(waited >= Duration::from_secs(900), "sent away early");
                self.counts[caller.queue][3] += 1;
            }
            queue::Output::Abandoned { item } => {
                let caller = self.take(item);
                self.counts[caller.queue][2] += 1;
            }
            queue::Output::Entered { .. }
            | queue::Output::Announce { .. }
            | queue::Output::Returned { .. } => {}
        }
    }

    fn take(&mut self, item: ItemId) -> Caller {
        let at = self.waiting.iter().position(|c| c.id == item).expect("left twice");
        let mut caller = self.waiting.remove(at);
        caller.offer = None;
        caller
    }

    fn on_offer(&mut self, offer: OfferId, item: ItemId, agents: Vec<AgentId>, ring: Duration) {
        let caller = self.waiting.iter().find(|c| c.id == item).expect("offers a stranger").clone();
        assert!(agents.len() == 1 || QUEUES[caller.queue].1 == Strategy::RingAll);
        for who in &agents {
            assert!(self.can(&caller, who), "offered to one who cannot take it");
            assert!(self.free.remove(who), "offered to an agent who is not free");
            assert!(self.ringing.insert(who.clone(), offer).is_none(), "two offers at once");
            self.roster.handle_offered(self.now, who).unwrap();
            let passed = self.waiting.iter().find(|c| {
                !self.is_offered(c)
                    && c.id != item
                    && self.can(c, who)
                    && self.rank(c) < self.rank(&caller)
            });
            assert!(passed.is_none(), "a better item was passed over");
        }
        self.offers.insert(offer, (item, self.now.instant + ring));
    }

    fn is_offered(&self, c: &Caller) -> bool {
        self.ringing.values().any(|o| self.offers.get(o).is_some_and(|(item, _)| *item == c.id))
    }

    fn check(&self) {
        for c in &self.waiting {
            let rings = self.ringing.values().filter(|o| self.offers[*o].0 == c.id);
            let offers: BTreeSet<_> = rings.collect();
            assert!(offers.len() <= 1, "an item in two offers");
            let idle = self.free.iter().find(|a| offers.is_empty() && self.can(c, a));
            assert!(idle.is_none(), "{idle:?} is idle while {:?} waits", c.id);
            let waited = self.now.unix.since(c.arrived);
            assert!(waited <= Duration::from_secs(920), "waits beyond the longest wait");
        }
        for offer in self.ringing.values() {
            let (_, ends) = self.offers[offer];
            assert!(ends + Duration::from_secs(20) >= self.now.instant, "rings for ever");
        }
        for (settings, presence) in self.roster.iter() {
            let who = &settings.id;
            match presence {
                Presence::Offered => assert!(self.ringing.contains_key(who), "{who} stuck"),
                Presence::Talking => assert!(self.talking.contains_key(who), "{who} stuck"),
                Presence::WrapUp => assert!(self.roster.deadline().is_some(), "{who} stuck"),
                _ => assert!(!self.ringing.contains_key(who), "{who} rings while {presence:?}"),
            }
        }
        for snapshot in self.queues.snapshot(self.now) {
            let q = QUEUES.iter().position(|q| snapshot.queue.as_str() == q.0).unwrap();
            let waiting = self.waiting.iter().filter(|c| c.queue == q).count();
            let c = snapshot.counters;
            let counted = [c.arrived, c.connected, c.abandoned, c.overflowed];
            assert_eq!((waiting, counted), (snapshot.waiting, self.counts[q]));
            assert_eq!(c.arrived, c.connected + c.abandoned + c.overflowed + waiting as u64);
        }
    }
}

#[test]
fn random_days_agree_with_the_model() {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 1..=SEEDS {
        let mut sim = Sim::new(seed);
        for _ in 0..EVENTS {
            sim.step();
        }
        for (kind, count) in &sim.kinds {
            *kinds.entry(kind).or_default() += count;
        }
        println!("seed {seed}: {EVENTS} events, counts per queue {:?}", sim.counts);
    }
    println!("{} events over seeds 1..={SEEDS}: {kinds:?}", SEEDS * EVENTS);
}
