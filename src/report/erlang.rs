//! How many agents a load needs: Erlang C, where everybody waits for ever, and Erlang A, where people give up.
//!
//! Both take arrivals at random (Poisson), handle times and patience as exponential, and agents as alike. Nothing is
//! computed with factorials or powers that overflow: Erlang B is built up agent by agent, and the states of the queue are
//! summed relative to the one where all agents are busy.

use std::time::Duration;

/// What is to be planned for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Contacts in an hour.
    pub calls: f64,
    /// Mean handle time.
    pub handle_time: Duration,
    /// Mean time until somebody gives up; for ever when absent.
    pub patience: Option<Duration>,
}

/// How it goes with some agents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// So many agents.
    pub agents: u32,
    /// Who has to wait at all, 0 to 1.
    pub waits: f64,
    /// Who is answered within the target, of all who call, 0 to 1.
    pub service_level: f64,
    /// Mean wait of those answered, in seconds, with those who need not wait; nothing where the queue grows for ever.
    pub answer_seconds: Option<f64>,
    /// Mean wait of all, in seconds, with those who give up; nothing where the queue grows for ever.
    pub wait_seconds: Option<f64>,
    /// Who gives up, 0 to 1.
    pub abandons: f64,
    /// How much of their time agents are in contacts, 0 to 1.
    pub occupancy: f64,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impossible {
    /// A number that is none, is negative, or is zero where that makes no sense.
    Number,
    /// Not even [`MOST_AGENTS`] would do.
    TooMany,
}

/// The most agents that are tried. A site with so many asks its planners.
pub const MOST_AGENTS: u32 = 20_000;
/// Where a sum has grown beyond this, all of it is scaled down.
const LARGE: f64 = 1e200;

impl Load {
    /// The load in erlangs: contacts at a time if nobody ever waited.
    pub fn erlangs(&self) -> f64 {
        self.calls * self.handle_time.as_secs_f64() / 3_600.0
    }

    fn is_sound(&self) -> bool {
        let patience = self.patience.is_none_or(|patience| patience > Duration::ZERO);
        let sane = self.calls.is_finite() && self.calls > 0.0 && self.erlangs() > 0.0;
        sane && patience && self.erlangs() < f64::from(MOST_AGENTS)
    }
}

/// The fewest agents with whom `level` of all contacts (0 to 1) is answered within `target`, and how it goes then.
pub fn agents_for(load: &Load, level: f64, target: Duration) -> Result<Outlook, Impossible> {
    if !load.is_sound() || !(0.0..1.0).contains(&level) {
        return Err(Impossible::Number);
    }
    // More agents are never worse, so the first that are enough are found by halving.
    let enough = |agents| outlook(load, agents, target).is_ok_and(|o| o.service_level >= level);
    let (mut few, mut many) = (0, 1);
    while !enough(many) {
        if many >= MOST_AGENTS {
            return Err(Impossible::TooMany);
        }
        (few, many) = (many, (many * 2).min(MOST_AGENTS));
    }
    while many - few > 1 {
        let middle = few + (many - few) / 2;
        if enough(middle) { many = middle } else { few = middle }
    }
    outlook(load, many, target)
}

/// How it goes with so many agents.
pub fn outlook(load: &Load, agents: u32, target: Duration) -> Result<Outlook, Impossible> {
    if !load.is_sound() || agents == 0 || agents > MOST_AGENTS {
        return Err(Impossible::Number);
    }
    Ok(match load.patience {
        None => erlang_c(load, agents, target.as_secs_f64()),
        Some(patience) => erlang_a(load, agents, target.as_secs_f64(), patience.as_secs_f64()),
    })
}

/// Erlang B: who is turned away where nobody can wait. B(0) = 1, B(n) = aB(n-1) / (n + aB(n-1)).
pub fn erlang_b(erlangs: f64, agents: u32) -> f64 {
    (1..=agents).fold(1.0, |blocked, n| {
        let offered = erlangs * blocked;
        offered / (f64::from(n) + offered)
    })
}

/// Erlang C = B / (1 - rho(1 - B)), and the wait of those who wait is exponential with rate (n - a) / handle time.
fn erlang_c(load: &Load, agents: u32, target: f64) -> Outlook {
    let (erlangs, n) = (load.erlangs(), f64::from(agents));
    let handle = load.handle_time.as_secs_f64();
    let occupancy = erlangs / n;
    if occupancy >= 1.0 {
        let none = (None, None);
        return Outlook {
            agents,
            waits: 1.0,
            service_level: 0.0,
            answer_seconds: none.0,
            wait_seconds: none.1,
            abandons: 0.0,
            occupancy: 1.0,
        };
    }
    let blocked = erlang_b(erlangs, agents);
    let waits = blocked / (1.0 - occupancy * (1.0 - blocked));
    let wait = waits * handle / (n - erlangs);
    Outlook {
        agents,
        waits,
        service_level: 1.0 - waits * (-(n - erlangs) * target / handle).exp(),
        answer_seconds: Some(wait),
        wait_seconds: Some(wait),
        abandons: 0.0,
        occupancy,
    }
}

/// Erlang A, the queue M/M/n+M of Palm.
///
/// With rates l of arrivals, m of service, t of giving up, and c = nm/t: the state with j waiting has the weight
/// l^j / ((nm + t)(nm + 2t)...(nm + jt)) relative to the one with all agents busy and nobody waiting, and all states with
/// free agents together weigh 1/B - 1. Who comes while j wait has j + 1 departures ahead; e to the minus t times that wait
/// is distributed as Beta(c, j + 1). From this: answered at all c / (c + j + 1); answered within T that, times
/// 1 - I(c + 1, j + 1) at e^(-tT); and the mean wait of those the harmonic sum of 1/(c + 1) to 1/(c + 1 + j), over t.
fn erlang_a(load: &Load, agents: u32, target: f64, patience: f64) -> Outlook {
    let handle = load.handle_time.as_secs_f64();
    let (arrivals, leaving) = (load.calls / 3_600.0, 1.0 / patience);
    let serving = f64::from(agents) / handle;
    let c = serving / leaving;
    let mut free = 1.0 / erlang_b(load.erlangs(), agents) - 1.0;
    let mut late = Late::new(c + 1.0, (-target * leaving).exp());
    let (mut weight, mut harmonic) = (1.0, 0.0);
    let mut sums = Sums::default();
    let mut j = 0.0;
    loop {
        let answered = weight * c / (c + j + 1.0);
        harmonic += 1.0 / (c + 1.0 + j);
        sums.all += weight;
        sums.waiting += weight * j;
        sums.answered += answered;
        sums.in_time += answered * (1.0 - late.share);
        sums.wait += answered * harmonic / leaving;
        j += 1.0;
        let step = arrivals / (serving + j * leaving);
        weight *= step;
        if step < 1.0 && weight < sums.all * 1e-18 {
            break;
        }
        late.next();
        if sums.all > LARGE {
            weight /= LARGE;
            free /= LARGE;
            sums.scale(1.0 / LARGE);
        }
    }
    let all = free + sums.all;
    let served = (free + sums.answered) / all;
    let finite = free.is_finite();
    let share = |part: f64| if finite { part / all } else { 0.0 };
    Outlook {
        agents,
        waits: share(sums.all),
        service_level: if finite { (free + sums.in_time) / all } else { 1.0 },
        answer_seconds: Some(if finite { sums.wait / (free + sums.answered) } else { 0.0 }),
        wait_seconds: Some(share(sums.waiting) / arrivals),
        abandons: share(sums.waiting) * leaving / arrivals,
        occupancy: load.erlangs() * if finite { served } else { 1.0 } / f64::from(agents),
    }
}

/// Sums over the states in which all agents are busy.
#[derive(Debug, Default)]
struct Sums {
    all: f64,
    waiting: f64,
    answered: f64,
    in_time: f64,
    wait: f64,
}

impl Sums {
    fn scale(&mut self, by: f64) {
        for sum in [
            &mut self.all,
            &mut self.waiting,
            &mut self.answered,
            &mut self.in_time,
            &mut self.wait,
        ] {
            *sum *= by;
        }
    }
}

/// The regularised incomplete beta function I(a, b) at y, for b = 1, 2, 3...: I(a, 1) = y^a, and each step adds
/// y^a (1 - y)^b / (b B(a, b)). In logarithms, because y^a alone underflows with some hundred agents.
#[derive(Debug)]
struct Late {
    a: f64,
    b: f64,
    y: f64,
    term: f64,
    share: f64,
}

impl Late {
    fn new(a: f64, y: f64) -> Self {
        let first = a * y.ln();
        Late { a, b: 1.0, y, term: first + (1.0 - y).ln() + a.ln(), share: first.exp() }
    }

    fn next(&mut self) {
        self.share = (self.share + self.term.exp()).min(1.0);
        self.term += ((1.0 - self.y) * (self.a + self.b) / (self.b + 1.0)).ln();
        self.b += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn load(calls: f64, handle: f64, patience: Option<f64>) -> Load {
        Load {
            calls,
            handle_time: Duration::from_secs_f64(handle),
            patience: patience.map(Duration::from_secs_f64),
        }
    }

    #[track_caller]
    fn near(value: f64, wanted: f64, within: f64) {
        assert!((value - wanted).abs() <= within, "{value} is not {wanted}");
    }

    const TWENTY: Duration = Duration::from_secs(20);

    /// B for 2 agents and 1 erlang by hand: (1/2) / (1 + 1 + 1/2) = 0.2. C = 0.2 / (1 - 0.5 x 0.8) = 1/3.
    #[test]
    fn erlang_b_and_c_by_hand() {
        near(erlang_b(1.0, 2), 0.2, 1e-15);
        let outlook = outlook(&load(20.0, 180.0, None), 2, Duration::ZERO).unwrap();
        near(outlook.waits, 1.0 / 3.0, 1e-14);
        near(outlook.service_level, 2.0 / 3.0, 1e-14);
        near(outlook.answer_seconds.unwrap(), 60.0, 1e-12);
    }

    /// The example in the documentation of pyworkforce 0.5: 100 calls in 30 minutes of 3 minutes each, 80 % within 20 s:
    /// 14 positions, service level 0.8883500191794669, waiting probability 0.1741319335950498, occupancy 0.714.
    #[test]
    fn erlang_c_as_another_program_has_it() {
        let found = agents_for(&load(200.0, 180.0, None), 0.8, TWENTY).unwrap();
        assert_eq!(found.agents, 14);
        near(found.service_level, 0.8883500191794669, 1e-12);
        near(found.waits, 0.1741319335950498, 1e-12);
        near(found.occupancy, 0.7142857142857143, 1e-12);
    }

    /// The example of Mandelbaum and Zeltyn ("Service engineering in action: the Palm/Erlang-A queue", 2007): 48 calls a
    /// minute of one minute each, 50 agents, patience of 2 minutes. Erlang C: mean wait 20.8 s, occupancy 96 %. Erlang A:
    /// 3.1 % abandon, 3.7 s, 93 %.
    #[test]
    fn erlang_a_as_published() {
        let c = outlook(&load(2_880.0, 60.0, None), 50, TWENTY).unwrap();
        near(c.wait_seconds.unwrap(), 20.8, 0.05);
        near(c.occupancy, 0.96, 1e-9);
        let a = outlook(&load(2_880.0, 60.0, Some(120.0)), 50, TWENTY).unwrap();
        near(a.abandons, 0.031, 0.0005);
        near(a.wait_seconds.unwrap(), 3.7, 0.05);
        near(a.occupancy, 0.93, 0.001);
    }

    /// Where people are as patient as calls are long, the number of people is Poisson. One agent, one erlang: the agent is
    /// busy with probability 1 - 1/e, 1/e abandon (those present less those served), and half of what an arrival to a busy
    /// agent with nobody before it hopes for comes true: c = 1, so c / (c + 1).
    #[test]
    fn erlang_a_by_hand() {
        let a = outlook(&load(3_600.0, 1.0, Some(1.0)), 1, Duration::ZERO).unwrap();
        let e = std::f64::consts::E;
        near(a.waits, 1.0 - 1.0 / e, 1e-12);
        near(a.abandons, 1.0 / e, 1e-12);
        near(a.occupancy, 1.0 - 1.0 / e, 1e-12);
        near(a.service_level, 1.0 / e, 1e-12);
        near(a.wait_seconds.unwrap(), 1.0 / e, 1e-12);
        // All who are ever answered are answered within a very long time.
        let late = outlook(&load(3_600.0, 1.0, Some(1.0)), 1, Duration::from_secs(600)).unwrap();
        near(late.service_level, 1.0 - 1.0 / e, 1e-9);
    }

    /// Against a simulation that knows none of the formulas: people with patience in one line before agents.
    #[test]
    fn erlang_a_as_it_is_played_out() {
        for (calls, agents, patience) in [(120.0, 6, 60.0), (120.0, 5, 240.0), (400.0, 19, 90.0)] {
            let load = load(calls, 180.0, Some(patience));
            let wanted = outlook(&load, agents, TWENTY).unwrap();
            let played = play(&load, agents, 300_000);
            near(wanted.service_level, played[0], 0.01);
            near(wanted.abandons, played[1], 0.01);
            near(wanted.answer_seconds.unwrap() / 180.0, played[2] / 180.0, 0.01);
            near(wanted.waits, played[3], 0.01);
        }
    }

    /// Answered within 20 s, abandoned, mean wait of those answered, waited at all.
    fn play(load: &Load, agents: u32, people: u32) -> [f64; 4] {
        let mut random = Random::from_number(5);
        let mut draw = |mean: f64| {
            let unit = (random.below(1 << 52) as f64 + 0.5) / (1_u64 << 52) as f64;
            -unit.ln() * mean
        };
        let patience = load.patience.unwrap().as_secs_f64();
        let mut free_at = vec![0.0_f64; agents as usize];
        let (mut now, mut counts) = (0.0, [0.0; 4]);
        for _ in 0..people {
            now += draw(3_600.0 / load.calls);
            // First come, first served: the next agent to be free takes who comes next, unless that one has left by then.
            let (index, at) =
                free_at.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
            let wait = (at - now).max(0.0);
            counts[3] += f64::from(u8::from(wait > 0.0));
            if wait > draw(patience) {
                counts[1] += 1.0;
                continue;
            }
            free_at[index] = now + wait + draw(load.handle_time.as_secs_f64());
            counts[0] += f64::from(u8::from(wait <= 20.0));
            counts[2] += wait;
        }
        let answered = f64::from(people) - counts[1];
        let all = f64::from(people);
        [counts[0] / all, counts[1] / all, counts[2] / answered, counts[3] / all]
    }

    #[test]
    fn hundreds_of_agents_overload_and_nonsense_stay_finite() {
        for (calls, agents) in [(1.0, 1_000), (10_000.0, 501), (30_000.0, 900), (200_000.0, 50)] {
            for patience in [None, Some(30.0), Some(100_000.0)] {
                for target in [0, 20, 3_600] {
                    let load = load(calls, 180.0, patience);
                    let o = outlook(&load, agents, Duration::from_secs(target)).unwrap();
                    let shares = [o.waits, o.service_level, o.abandons, o.occupancy];
                    let sane = |share: &f64| (-1e-9..=1.0 + 1e-9).contains(share);
                    assert!(shares.iter().all(sane), "{load:?} {o:?}");
                    assert!(o.answer_seconds.is_none_or(f64::is_finite), "{load:?} {o:?}");
                    assert!(o.wait_seconds.is_none_or(f64::is_finite), "{load:?} {o:?}");
                }
            }
        }
        for load in [load(f64::NAN, 1.0, None), load(-1.0, 1.0, None), load(1e12, 180.0, None)] {
            assert_eq!(agents_for(&load, 0.8, TWENTY), Err(Impossible::Number));
        }
        // What does not give up is Erlang C in the limit.
        let (a, c) = (load(200.0, 180.0, Some(1e7)), load(200.0, 180.0, None));
        let (a, c) = (outlook(&a, 14, TWENTY).unwrap(), outlook(&c, 14, TWENTY).unwrap());
        near(a.service_level, c.service_level, 1e-4);
        assert!(
            agents_for(&load(40_000.0, 180.0, Some(60.0)), 0.8, TWENTY).unwrap().agents > 1_000
        );
    }
}
