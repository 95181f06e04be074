//! The reference: what the queues promise, said plainly over lists, without a look at how they keep it.
//!
//! Times are milliseconds of the steady clock since the start of the run; agents and queues are plain numbers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use branchline::queue::{Declined, Standing, Strategy, Why};

/// How long a refusal holds, in milliseconds.
const HOLD: i64 = 30_000;

/// One queue as the admin set it up.
#[derive(Clone, Copy)]
pub struct Line {
    pub name: &'static str,
    pub strategy: Strategy,
    pub priority: i32,
    pub ageing: u32,
    /// Milliseconds, as all spans here.
    pub ring: i64,
    pub most: i64,
    pub every: i64,
    pub room: usize,
    pub miss_pauses: bool,
    pub leaves_when_unstaffed: bool,
    /// Who works here, in the order in which they are asked.
    pub members: &'static [usize],
}

/// An output of the queues, with the item in place of the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Entered(u64),
    Offer(u64, Vec<usize>, i64),
    Withdraw(u64, usize),
    Connected(u64, usize),
    Announce(u64, usize),
    Overflow(u64, Why),
    Missed(u64, usize, Declined, bool),
    Abandoned(u64),
    Returned(u64),
}

#[derive(Debug, Clone)]
pub struct Caller {
    pub id: u64,
    pub queue: usize,
    pub priority: i32,
    pub french: bool,
    pub preferred: Option<usize>,
    /// When it came to wait; below zero when that was before the start.
    pub came: i64,
    pub leaves_at: i64,
    pub told_at: Option<i64>,
    pub held: Vec<(usize, i64)>,
    /// Who rings for it, and until when.
    pub rings: Vec<(usize, i64)>,
    /// Rings at the preferred agent's, where nobody joins.
    pub alone: bool,
}

/// Skill by number: every third agent speaks French.
pub fn speaks_french(agent: usize) -> bool {
    agent.is_multiple_of(3)
}

#[derive(Default)]
pub struct Model {
    pub lines: Vec<Line>,
    pub callers: Vec<Caller>,
    /// Who is with an agent, and since when.
    pub taken: Vec<(Caller, i64)>,
    pub present: BTreeSet<usize>,
    /// Who could be offered work, and since when they have been without.
    pub ready: BTreeMap<usize, i64>,
    /// Who was offered an item of the queue last.
    pub last: BTreeMap<usize, usize>,
    /// Per queue: arrived, connected, abandoned, overflowed.
    pub counts: Vec<[u64; 4]>,
}

impl Model {
    pub fn new(lines: &[Line]) -> Self {
        let counts = vec![[0; 4]; lines.len()];
        Model { lines: lines.to_vec(), counts, ..Default::default() }
    }

    pub fn enqueue(&mut self, t: i64, mut caller: Caller) -> Result<Vec<Seen>, Why> {
        let line = self.lines[caller.queue];
        self.counts[caller.queue][0] += 1;
        let unstaffed = !line.members.iter().any(|a| self.present.contains(a));
        let why = if line.leaves_when_unstaffed && unstaffed {
            Some(Why::NoAgent)
        } else {
            (self.length(caller.queue) >= line.room).then_some(Why::Full)
        };
        if let Some(why) = why {
            self.counts[caller.queue][3] += 1;
            return Err(why);
        }
        caller.leaves_at = t + line.most;
        caller.told_at = (line.every > 0).then_some(t + line.every);
        let mut seen = vec![Seen::Entered(caller.id)];
        self.callers.push(caller);
        seen.extend(self.decide(t));
        Ok(seen)
    }

    pub fn abandon(&mut self, t: i64, id: u64) -> Vec<Seen> {
        let (caller, mut seen) = self.leave(id);
        self.counts[caller.queue][2] += 1;
        seen.push(Seen::Abandoned(id));
        seen.extend(self.decide(t));
        seen
    }

    pub fn ready(&mut self, t: i64, agent: usize, idle_since: i64) -> Vec<Seen> {
        self.present.insert(agent);
        self.ready.insert(agent, idle_since);
        self.decide(t)
    }

    pub fn gone(&mut self, t: i64, agent: usize) -> Vec<Seen> {
        self.ready.remove(&agent);
        let mut seen = self.stop_ringing(agent);
        seen.extend(self.decide(t));
        seen
    }

    pub fn absent(&mut self, t: i64, agent: usize) -> Vec<Seen> {
        self.present.remove(&agent);
        let mut seen = self.gone(t, agent);
        for queue in 0..self.lines.len() {
            let line = self.lines[queue];
            if !line.leaves_when_unstaffed || line.members.iter().any(|a| self.present.contains(a))
            {
                continue;
            }
            let out: Vec<_> =
                self.callers.iter().filter(|c| c.queue == queue).map(|c| c.id).collect();
            for id in out {
                seen.extend(self.overflow(id, Why::NoAgent));
            }
        }
        seen.extend(self.decide(t));
        seen
    }

    pub fn accept(&mut self, t: i64, id: u64, agent: usize) -> Vec<Seen> {
        let (mut caller, mut seen) = self.leave(id);
        seen.retain(|s| *s != Seen::Withdraw(id, agent));
        caller.rings.clear();
        self.counts[caller.queue][1] += 1;
        self.taken.push((caller, t));
        seen.push(Seen::Connected(id, agent));
        seen.extend(self.decide(t));
        seen
    }

    pub fn decline(&mut self, t: i64, id: u64, agent: usize, why: Declined) -> Vec<Seen> {
        let mut seen = vec![self.miss(t, id, agent, why)];
        seen.extend(self.decide(t));
        seen
    }

    pub fn call_died(&mut self, t: i64, id: u64) -> Vec<Seen> {
        let at = self.taken.iter().position(|c| c.0.id == id).expect("was connected");
        let (mut caller, since) = self.taken.remove(at);
        caller.leaves_at += t - since;
        caller.told_at = caller.told_at.map(|due| due + t - since);
        self.counts[caller.queue][1] -= 1;
        self.callers.push(caller);
        let mut seen = vec![Seen::Returned(id)];
        seen.extend(self.decide(t));
        seen
    }

    pub fn finish(&mut self, id: u64) {
        self.taken.retain(|c| c.0.id != id);
    }

    pub fn time_out(&mut self, t: i64) -> Vec<Seen> {
        let mut seen = Vec::new();
        let rings = self.callers.iter().flat_map(|c| c.rings.iter().map(|r| (c.id, *r)));
        let late: Vec<_> = rings.filter(|(_, (_, until))| *until <= t).collect();
        for (id, (agent, _)) in late {
            seen.push(self.miss(t, id, agent, Declined::Missed));
        }
        let out: Vec<_> = self.callers.iter().filter(|c| c.leaves_at <= t).map(|c| c.id).collect();
        for id in out {
            seen.extend(self.overflow(id, Why::Waited));
        }
        seen.extend(self.decide(t));
        for at in 0..self.callers.len() {
            let caller = &self.callers[at];
            let every = self.lines[caller.queue].every;
            if caller.told_at.is_none_or(|due| due > t) {
                continue;
            }
            if caller.rings.is_empty() {
                seen.push(Seen::Announce(caller.id, self.place(t, caller)));
            }
            self.callers[at].told_at = Some(t + every);
        }
        seen
    }

    /// When something is due by itself.
    pub fn deadline(&self, t: i64) -> Option<i64> {
        let of = |c: &Caller| {
            let held = c.held.iter().map(|h| h.1).filter(|until| *until > t);
            let rings = c.rings.iter().map(|r| r.1);
            held.chain(rings).chain(c.told_at).chain([c.leaves_at]).min()
        };
        self.callers.iter().filter_map(of).min()
    }

    pub fn standing(&self, t: i64, caller: &Caller, agent: usize) -> Standing {
        if !self.present.contains(&agent) {
            Standing::Absent
        } else if caller.french && !speaks_french(agent) {
            Standing::Unskilled
        } else if caller.held.iter().any(|(who, until)| *who == agent && *until > t) {
            Standing::RefusedIt
        } else if caller.rings.iter().any(|(who, _)| *who == agent) {
            Standing::Ringing
        } else if self.ready.contains_key(&agent) {
            Standing::Able
        } else {
            Standing::NotReady
        }
    }

    pub fn length(&self, queue: usize) -> usize {
        self.callers.iter().filter(|c| c.queue == queue).count()
    }

    /// Priority with ageing, in thousandths.
    fn points(&self, t: i64, c: &Caller) -> i64 {
        let line = &self.lines[c.queue];
        let base = i64::from((line.priority + c.priority).clamp(0, 100)) * 1000;
        (base + (t - c.came) * i64::from(line.ageing) / 60).min(100_000)
    }

    fn goes_before(&self, t: i64, a: &Caller, b: &Caller) -> bool {
        let (pa, pb) = (self.points(t, a), self.points(t, b));
        if pa != pb {
            return pa > pb;
        }
        if a.came != b.came { a.came < b.came } else { a.id < b.id }
    }

    fn place(&self, t: i64, caller: &Caller) -> usize {
        let ahead = |c: &&Caller| c.queue == caller.queue && self.goes_before(t, c, caller);
        1 + self.callers.iter().filter(ahead).count()
    }

    /// Offers until no caller without an offer has an agent who could take it.
    fn decide(&mut self, t: i64) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some(at) = self.best(t) {
            let agents = self.pick(t, &self.callers[at]);
            let caller = &mut self.callers[at];
            let ring = self.lines[caller.queue].ring;
            caller.alone = agents.len() == 1 && caller.preferred == Some(agents[0]);
            caller.rings = agents.iter().map(|a| (*a, t + ring)).collect();
            if let Some(last) = agents.last() {
                self.last.insert(caller.queue, *last);
            }
            self.ready.retain(|a, _| !agents.contains(a));
            seen.push(Seen::Offer(caller.id, agents, ring));
        }
        seen.extend(self.join(t));
        seen
    }

    /// Each agent who is still free joins the best of the rings that everybody may join.
    fn join(&mut self, t: i64) -> Vec<Seen> {
        let mut joins: Vec<(usize, Vec<usize>)> = Vec::new();
        for agent in self.ready.keys().copied().collect::<Vec<_>>() {
            let may = |c: &Caller| {
                let line = &self.lines[c.queue];
                let open = line.strategy == Strategy::RingAll && !c.alone && !c.rings.is_empty();
                let able = self.standing(t, c, agent) == Standing::Able;
                open && able && line.members.contains(&agent)
            };
            let rings = (0..self.callers.len()).filter(|at| may(&self.callers[*at]));
            let better = |a: usize, b| self.goes_before(t, &self.callers[a], &self.callers[b]);
            let best = rings.reduce(|a, b| if better(b, a) { b } else { a });
            let Some(best) = best else { continue };
            match joins.iter_mut().find(|(at, _)| *at == best) {
                Some((_, agents)) => agents.push(agent),
                None => joins.push((best, vec![agent])),
            }
        }
        joins.sort_by(|a, b| {
            let first = self.goes_before(t, &self.callers[a.0], &self.callers[b.0]);
            if first { Ordering::Less } else { Ordering::Greater }
        });
        joins.into_iter().map(|(at, agents)| self.join_one(t, at, agents)).collect()
    }

    fn join_one(&mut self, t: i64, at: usize, mut agents: Vec<usize>) -> Seen {
        let caller = &mut self.callers[at];
        let line = &self.lines[caller.queue];
        agents.sort_by_key(|a| line.members.iter().position(|m| m == a));
        caller.rings.extend(agents.iter().map(|a| (*a, t + line.ring)));
        self.ready.retain(|a, _| !agents.contains(a));
        Seen::Offer(caller.id, agents, line.ring)
    }

    fn best(&self, t: i64) -> Option<usize> {
        if self.ready.is_empty() {
            return None;
        }
        let mut best: Option<usize> = None;
        for (at, caller) in self.callers.iter().enumerate() {
            if caller.rings.is_empty()
                && !self.able(t, caller).is_empty()
                && best.is_none_or(|b| self.goes_before(t, caller, &self.callers[b]))
            {
                best = Some(at);
            }
        }
        best
    }

    /// Members who could take the caller now, in the order in which they are asked.
    fn able(&self, t: i64, caller: &Caller) -> Vec<usize> {
        let members = self.lines[caller.queue].members.iter().copied();
        members.filter(|a| self.standing(t, caller, *a) == Standing::Able).collect()
    }

    fn pick(&self, t: i64, caller: &Caller) -> Vec<usize> {
        let able = self.able(t, caller);
        if let Some(preferred) = caller.preferred.filter(|p| able.contains(p)) {
            return vec![preferred];
        }
        let line = &self.lines[caller.queue];
        match line.strategy {
            Strategy::RingAll => able,
            Strategy::FixedOrder => able[..1].to_vec(),
            Strategy::LongestIdle => {
                let longest = able.iter().map(|a| self.ready[a]).min();
                able.into_iter().filter(|a| Some(self.ready[a]) == longest).take(1).collect()
            }
            Strategy::RoundRobin => {
                let last = self.last.get(&caller.queue);
                let turn = line.members.iter().position(|m| Some(m) == last).map_or(0, |p| p + 1);
                let round = line.members.iter().cycle().skip(turn);
                round
                    .take(line.members.len())
                    .filter(|m| able.contains(m))
                    .take(1)
                    .copied()
                    .collect()
            }
        }
    }

    fn miss(&mut self, t: i64, id: u64, agent: usize, why: Declined) -> Seen {
        let caller = self.callers.iter_mut().find(|c| c.id == id).expect("waits");
        caller.rings.retain(|(who, _)| *who != agent);
        let pauses = why != Declined::Refused && self.lines[caller.queue].miss_pauses;
        if !pauses {
            caller.held.push((agent, t + HOLD));
        }
        Seen::Missed(id, agent, why, pauses)
    }

    fn stop_ringing(&mut self, agent: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        for caller in &mut self.callers {
            if caller.rings.iter().any(|(who, _)| *who == agent) {
                caller.rings.retain(|(who, _)| *who != agent);
                seen.push(Seen::Withdraw(caller.id, agent));
            }
        }
        seen
    }

    fn leave(&mut self, id: u64) -> (Caller, Vec<Seen>) {
        let at = self.callers.iter().position(|c| c.id == id).expect("waits");
        let caller = self.callers.remove(at);
        let seen = caller.rings.iter().map(|(a, _)| Seen::Withdraw(id, *a)).collect();
        (caller, seen)
    }

    fn overflow(&mut self, id: u64, why: Why) -> Vec<Seen> {
        let (caller, mut seen) = self.leave(id);
        self.counts[caller.queue][3] += 1;
        seen.push(Seen::Overflow(id, why));
        seen
    }
}
