//! A month of facts, reported: how long it takes, and how that grows. `cargo bench --bench report`.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use branchline::hours;
use branchline::id::{AgentId, QueueId, WorkId};
use branchline::random::Random;
use branchline::report::fact::{Case, Channel, Fact, Person, Place, State, What};
use branchline::report::formula;
use branchline::report::grid::Every;
use branchline::report::{By, Query, Report, Settings, totals};
use branchline::time::UnixTime;

/// 1 November 2026, 00:00 UTC, in microseconds, and the length of its month.
const BEGIN: i64 = 1_793_491_200_000_000;
const MONTH: i64 = 30 * 86_400_000_000;
const SIZES: [usize; 3] = [100_000, 300_000, 1_000_000];
/// What a month of 1,000,000 facts may take.
const LIMIT: Duration = Duration::from_secs(10);

fn main() {
    // `cargo test --benches` passes --test: a look whether it runs is enough then.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    for size in SIZES.into_iter().map(|size| if quick { size / 100 } else { size }) {
        let facts = month(size);
        for (name, by) in [("queue", By::Queue), ("agent", By::Agent)] {
            let began = Instant::now();
            let (rows, figures) = report(by, &facts);
            let took = began.elapsed();
            let rate = facts.len() as f64 / took.as_secs_f64();
            println!(
                "report: {} facts by {name} in quarter hours: {took:.2?} ({rate:.0} a second), {rows} rows, {figures} figures",
                facts.len()
            );
            assert!(took < LIMIT, "a month takes too long");
        }
    }
}

fn report(by: By, facts: &[Fact]) -> (usize, usize) {
    let query = Query {
        from: UnixTime(BEGIN),
        to: UnixTime(BEGIN + MONTH),
        zone: hours::zone("Europe/Berlin").expect("in the database"),
        every: Every::Quarter,
        by,
        hours: None,
        open: None,
        settings: Settings { rates: BTreeMap::new(), ..Settings::default() },
    };
    let mut report = Report::new(query).expect("a sound question");
    facts.iter().for_each(|fact| report.handle(fact));
    let done = report.finish(UnixTime(BEGIN + MONTH));
    let formulas = formula::all();
    let all = done.rows.iter().map(|row| &row.counts).chain(totals(&done.rows).values()).count();
    let figures = done.rows.iter().flat_map(|row| formulas.iter().map(|f| f.figure(&row.counts)));
    let with_value = figures.filter(|figure| figure.value.is_some()).count();
    assert!(all >= done.rows.len());
    (done.rows.len(), with_value)
}

/// Calls and chats of 10 queues and 200 agents, spread over the month, in order of time.
fn month(size: usize) -> Vec<Fact> {
    let mut random = Random::from_number(1);
    // A contact has about ten facts.
    let contacts = size / 10;
    let mut facts = Vec::with_capacity(size + 20);
    for number in 0..contacts {
        let begin = BEGIN + MONTH / contacts as i64 * number as i64;
        contact(&mut facts, &mut random, number as u64, begin);
    }
    facts.sort_by_key(|fact| fact.at);
    facts
}

fn contact(facts: &mut Vec<Fact>, random: &mut Random, number: u64, begin: i64) {
    let work = WorkId(number);
    let person = Some(Person(random.below(50_000)));
    let agent = AgentId::from(format!("agent{}", random.below(200)).as_str());
    let queue = QueueId::from(format!("queue{}", random.below(10)).as_str());
    let channel = if random.below(4) == 0 { Channel::Chat } else { Channel::Voice };
    let mut at = begin;
    let mut tell = |seconds: u64, what| {
        at += seconds as i64 * 1_000_000;
        facts.push(Fact { at: UnixTime(at), what });
    };
    let topic = (random.below(2) == 0).then(|| "billing".into());
    tell(0, What::Inbound { work, person, channel, topic });
    tell(5, What::Queued { work, queue, channel });
    if random.below(10) == 0 {
        return tell(random.below(60), What::Abandoned { work, clock_ms: None });
    }
    tell(3, What::Offered { work, agent: agent.clone() });
    tell(0, What::Agent { agent: agent.clone(), state: State::Engaged });
    tell(random.below(60), What::Answered { work, agent: agent.clone(), clock_ms: None });
    tell(60, What::Held { work });
    tell(20, What::Resumed { work });
    tell(random.below(300), What::Closed { work });
    tell(15, What::WrappedUp { work, agent: agent.clone() });
    tell(0, What::Agent { agent: agent.clone(), state: State::Ready });
    if let Some(person) = person {
        let place = Place { agent: Some(agent), ..Place::default() };
        tell(1, What::CaseClosed { case: Case(number), person, topic: "billing".into(), place });
    }
}
