//! A month reported, of facts and of the journal that they are made from: how long it takes, and how that grows. `cargo
//! bench --bench report`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use branchline::driver::reports;
use branchline::hours;
use branchline::id::{AgentId, QueueId, WorkId};
use branchline::random::Random;
use branchline::report::counter::Counter;
use branchline::report::fact::{Case, Channel, Fact, Person, Place, State, What, Words};
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
        from_journal(size);
    }
}

/// The same from files of a journal, as `branchline report` reads them.
fn from_journal(size: usize) {
    let folder =
        std::env::temp_dir().join(format!("branchline-bench-report-{}", std::process::id()));
    let (events, bytes) = journal::write(&folder, size / journal::EVENTS);
    let began = Instant::now();
    let mut report = Report::new(query(By::Queue)).expect("a sound question");
    let whole = reports::read(&folder, &Words::default(), &mut report).expect("it is there");
    let done = report.finish(UnixTime(BEGIN + MONTH));
    let took = began.elapsed();
    let _ = std::fs::remove_dir_all(&folder);
    let handed: i64 = done.rows.iter().map(|row| row.counts.get(Counter::Handoffs)).sum();
    assert!(whole && handed > 0, "all of it was read");
    println!(
        "report: a journal of {events} events and {} MB: {took:.2?} ({:.0} a second)",
        bytes >> 20,
        events as f64 / took.as_secs_f64()
    );
    assert!(took < LIMIT, "a month takes too long");
}

fn query(by: By) -> Query {
    Query {
        from: UnixTime(BEGIN),
        to: UnixTime(BEGIN + MONTH),
        zone: hours::zone("Europe/Berlin").expect("in the database"),
        every: Every::Quarter,
        by,
        hours: None,
        open: None,
        settings: Settings { rates: BTreeMap::new(), ..Settings::default() },
    }
}

fn report(by: By, facts: &[Fact]) -> (usize, usize) {
    let mut report = Report::new(query(by)).expect("a sound question");
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

/// A journal of calls, each through a menu and a queue to an agent.
mod journal {
    use std::fs::{self, File};
    use std::io::{BufWriter, Write};
    use std::path::Path;
    use std::time::{Duration, Instant};

    use branchline::agent::Presence;
    use branchline::call::ending::Cause;
    use branchline::call::record::Peer;
    use branchline::channel::Channel;
    use branchline::driver::segments;
    use branchline::id::{AgentId, CallId, ItemId, LegId, OfferId};
    use branchline::journal::chain::Sealer;
    use branchline::journal::event::{CallEvent, CallRecord, Direction, Event, What};
    use branchline::journal::personal::{Keyring, Personal};
    use branchline::journal::work::{Reading, Step, Work};
    use branchline::journal::{Journal, Output, Resume};
    use branchline::random::Random;
    use branchline::time::{Now, UnixTime};

    use super::{BEGIN, MONTH};

    /// Events of one call.
    pub const EVENTS: usize = 10;

    /// Writes so many calls. Answers events and bytes.
    pub fn write(folder: &Path, calls: usize) -> (usize, u64) {
        fs::create_dir_all(folder).expect("a folder");
        let mut random = Random::from_number(1);
        let mut now = Now { instant: Instant::now(), unix: UnixTime(BEGIN) };
        let keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let sealer = Sealer::from_seed(&[2; 32]).expect("a seed");
        let mut journal = Journal::new(now, Resume::default(), keys, sealer);
        let (mut file, mut bytes) = (None::<BufWriter<File>>, 0);
        for number in 0..calls as u64 {
            let begin = BEGIN + MONTH / calls as i64 * number as i64;
            for event in call(&mut random, number, begin) {
                let step = Duration::from_millis(1);
                now =
                    Now { instant: now.instant + step, unix: UnixTime(begin.max(now.unix.0 + 1)) };
                journal.append(now, event);
            }
            while let Some(output) = journal.poll_output() {
                match output {
                    Output::Segment { first } => {
                        let path = segments::path(folder, first);
                        file = Some(BufWriter::new(File::create(path).expect("a segment")));
                    }
                    Output::Write { bytes: written, upto, .. } => {
                        bytes += written.len() as u64;
                        let file = file.as_mut().expect("a segment was begun");
                        file.write_all(&written).expect("there is room");
                        journal.handle_stored(now, upto);
                    }
                    _ => {}
                }
            }
        }
        (calls * EVENTS, bytes)
    }

    fn call(random: &mut Random, number: u64, begin: i64) -> [Event; EVENTS] {
        let (call, at) = (CallId(number), UnixTime(begin));
        let agent = AgentId::from(format!("agent{}", random.below(200)).as_str());
        let queue = format!("queue{}", random.below(10));
        let from = Personal::from(format!("+1408555{:04}", random.below(10_000)).as_str());
        let told = |what| Event::Call(CallEvent { call, at, what });
        let work = |what| {
            let (item, queue, channel) = (ItemId(number), queue.as_str().into(), Channel::Voice);
            Event::Work(Work { item, channel, queue, at, call: Some(call), contact: None, what })
        };
        let (peer, to) = (Peer::Trunk("carrier".into()), Personal::from("+15550100"));
        let skills = Default::default();
        let queued = Step::Queued { arrived: at, priority: 0, skills, errand: None };
        let record = CallRecord {
            call,
            direction: Direction::Inbound,
            origin: peer.clone(),
            from: from.clone(),
            to: to.clone(),
            party: Some(from.clone()),
            arrived: at,
            answered: Some(at),
            connected: Some(at),
            ended: at,
            queue: Some(queue.as_str().into()),
            agent: Some(agent.clone()),
            conference: None,
            cause: Cause::Completed,
            class: Cause::Completed.class(),
            legs: Vec::new(),
            recordings: Vec::new(),
            diversions: Vec::new(),
            diverted_by: None,
            fee: None,
            consent: None,
            contact: None,
        };
        let presence = Presence::Ready;
        [
            told(What::Arrived { peer, from, to, nobody: false }),
            told(What::Ivr { flow: "main".into() }),
            work(queued),
            work(Step::Offered { agent: agent.clone(), offer: OfferId(number), rule: None }),
            work(Step::Read { agent: agent.clone(), how: Reading::Shown }),
            told(What::Answered { leg: LegId(number) }),
            work(Step::Taken { agent: agent.clone(), waited_ms: 1_000, clock_ms: 1_000 }),
            work(Step::Closed { agent: agent.clone(), talk_ms: 9_000, hold_ms: 0, known: None }),
            Event::Agent { agent, presence, idle_since: at },
            Event::CallRecord(Box::new(record)),
        ]
    }
}
