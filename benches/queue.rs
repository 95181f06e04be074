//! What it costs to decide who goes next: offers per second with 200 agents, and memory per waiting item, at three sizes.
//!
//! `cargo bench --bench queue` prints them. A turn is what one contact costs the queues: it comes, it is offered to the
//! agent who became ready, is taken, ends, and the deadline is asked for as the loop does after each input.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use branchline::id::{AgentId, ItemId, QueueId};
use branchline::queue::{Channel, Item, Member, Output, Queues, Settings, Skills, Strategy};
use branchline::random::Random;
use branchline::time::{Now, UnixTime};

const AGENTS: usize = 200;
const QUEUES: usize = 10;
/// Agents per queue: each works in three.
const MEMBERS: usize = AGENTS * 3 / QUEUES;
const SIZES: [usize; 3] = [100, 1_000, 10_000];
const TURNS: usize = 2_000;

struct Floor {
    now: Now,
    queues: Queues,
    random: Random,
    next: u64,
    /// Who rings, or has something, in the order in which they will be done with it.
    busy: VecDeque<AgentId>,
}

fn agent(number: usize) -> AgentId {
    AgentId::from(format!("agent-{number:03}").as_str())
}

fn queue(number: usize) -> QueueId {
    QueueId::from(format!("queue-{number}").as_str())
}

fn skills(agent: usize) -> Skills {
    [("french".into(), (agent % 5) as u8 + 1), ("billing".into(), (agent % 3) as u8 + 1)].into()
}

impl Floor {
    fn new() -> Floor {
        let settings = |number: usize| {
            let place = |member: usize| (number * AGENTS / QUEUES + member) % AGENTS;
            let member = |(order, place): (u32, usize)| Member { agent: agent(place), order };
            Settings {
                name: queue(number),
                strategy: Strategy::LongestIdle,
                members: (0..).zip((0..MEMBERS).map(place)).map(member).collect(),
                max_waiting: usize::MAX,
                max_wait: 0,
                skills: [("billing".into(), 1)].into(),
                ..Settings::default()
            }
        };
        let random = Random::from_number(1);
        Floor {
            now: Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) },
            queues: Queues::new((0..QUEUES).map(settings).collect(), random),
            random: Random::from_number(2),
            next: 0,
            busy: VecDeque::new(),
        }
    }

    /// An item comes. Answers the offers that were made.
    fn come(&mut self, channel: Channel) -> usize {
        let id = ItemId(self.next);
        self.next += 1;
        self.now = self.now.after(Duration::from_millis(7));
        let french = self.random.below(3) as u8;
        let item = Item {
            id,
            queue: queue(self.random.below(QUEUES as u64) as usize),
            arrived: self.now.unix,
            priority: self.random.below(30) as i32,
            skills: if french > 0 { [("french".into(), french)].into() } else { Skills::new() },
            preferred: None,
            channel,
            last_agent: None,
        };
        self.queues.handle_enqueue(self.now, item).expect("there is room");
        self.carry_out()
    }

    fn ready(&mut self, who: AgentId) -> usize {
        let number: usize = who.as_str()["agent-".len()..].parse().expect("a number");
        self.queues.handle_agent_ready(self.now, who, skills(number), self.now.unix);
        self.carry_out()
    }

    /// Takes each offer, and says how many there were.
    fn carry_out(&mut self) -> usize {
        let mut offers = 0;
        while let Some(output) = self.queues.poll_output() {
            if let Output::Offer { offer, agents, .. } = output {
                offers += 1;
                let who = agents.into_iter().next().expect("somebody");
                let item = self.queues.handle_accepted(self.now, offer, who.clone());
                let item = item.expect("nobody else had it");
                self.queues.handle_finished(item, Duration::from_secs(180));
                self.busy.push_back(who);
            }
        }
        offers
    }
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("pages") * 4096
}

fn offers(waiting: usize) -> f64 {
    let mut floor = Floor::new();
    for _ in 0..waiting {
        floor.come(Channel::Voice);
    }
    let mut offers: usize = (0..AGENTS).map(|number| floor.ready(agent(number))).sum();
    assert_eq!(
        floor.queues.snapshot(floor.now).iter().map(|s| s.waiting).sum::<usize>() + offers,
        waiting
    );
    for _ in 0..offers {
        floor.come(Channel::Voice);
    }
    offers = 0;
    let began = Instant::now();
    for _ in 0..TURNS {
        offers += floor.come(Channel::Voice);
        if let Some(who) = floor.busy.pop_front() {
            offers += floor.ready(who);
        }
        std::hint::black_box(floor.queues.deadline());
    }
    assert!(offers * 10 > TURNS * 9, "only {offers} offers in {TURNS} turns");
    offers as f64 / began.elapsed().as_secs_f64()
}

fn main() {
    // First, and in one growing row: what was freed before would be taken up again unseen.
    let mut floor = Floor::new();
    let (mut before, mut there) = (resident(), 0);
    for waiting in [1_000, 5_000, 20_000] {
        for _ in there..waiting {
            floor.come(Channel::Mail);
        }
        let now = resident();
        let bytes = now.saturating_sub(before) / (waiting - there);
        println!("{there:>6} to {waiting:>6} waiting: {bytes} bytes resident each");
        (before, there) = (now, waiting);
    }
    drop(floor);
    for waiting in SIZES {
        let rate = offers(waiting);
        let each = 1e6 / rate;
        println!("{AGENTS} agents, {waiting:>6} waiting: {rate:>9.0} offers/s, {each:.1} µs each");
    }
}
