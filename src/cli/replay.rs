//! `branchline queues replay`: a past day again under today's rules and under changed ones, side by side.
//!
//! Needs no running box and changes nothing: it reads the data folder, or a copy of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::{check, exit, text};
use crate::config::{self, Settings};
use crate::driver::{clock, segments};
use crate::gateway;
use crate::hours;
use crate::id::{AgentId, CallId, ItemId, QueueId};
use crate::journal::days::Days;
use crate::journal::replay::Replay;
use crate::queue::rehearsal::{Course, Day, End};
use crate::random::Random;
use crate::report::span;
use crate::time::UnixTime;

/// Before that, whoever gives up has not waited (F1, F7).
const SHORT: Duration = Duration::from_secs(5);
/// Differences that are shown one by one.
const SHOWN: usize = 20;
/// What is taken for given, for whoever reads the figures.
const MODEL: &str = "Taken for given: who gave up does so at the same wait, who was answered is patient; a contact takes as \
                     long as it took, or as its queue's mean; phones are answered after as long as they rang on average; \
                     nobody refuses.";

/// What `branchline queues replay` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// From here on: a date, a local time such as 2026-11-16T08:00, or an RFC 3339 time. Default today.
    #[arg(long)]
    from: Option<String>,
    /// Until here; a date counts whole. Default as `--from`.
    #[arg(long)]
    to: Option<String>,
    /// A whole configuration file with other rules: a copy of gateway.toml with what is to be tried.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// The data folder; that of the configuration when absent.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Today's configuration.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// How one queue fared. Waits in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Fared {
    came: usize,
    answered: usize,
    in_target: usize,
    abandoned: usize,
    abandoned_short: usize,
    flowed_out: usize,
    taken_out: usize,
    waiting: usize,
    /// F1, percent.
    service_level: Option<f64>,
    /// F4.
    asa_ms: Option<u64>,
    longest_ms: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Told {
    queues: BTreeMap<QueueId, Fared>,
    /// F6 of each agent, percent.
    occupancy: BTreeMap<AgentId, f64>,
}

/// Somebody who fared differently.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Difference {
    /// When it came into the queue.
    came: UnixTime,
    item: ItemId,
    call: Option<CallId>,
    queue: QueueId,
    before: String,
    after: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    from: UnixTime,
    to: UnixTime,
    model: &'static str,
    as_it_was: Told,
    today: Told,
    changed: Option<Told>,
    /// From today's rules to the changed ones; where there are none, from what was to today's.
    differences: Vec<Difference>,
}

/// Reads, goes through the day, prints, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    match told(options) {
        Ok(text) => {
            // A reader that closed the pipe early, such as `head`, has seen what it wanted.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err((code, words)) => exit::fail(code, words),
    }
}

fn told(options: &Options) -> Result<String, (u8, String)> {
    let today = configured(&options.config)?;
    let changed = options.rules.as_deref().map(configured).transpose()?;
    let zone = hours::zone(&today.site.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let to = options.to.as_deref().or(options.from.as_deref());
    let (from, to) = span::read(options.from.as_deref(), to, &zone, clock::now().unix)
        .map_err(|text| (exit::USAGE, format!("{text} is no date and no time")))?;
    let data = options.data.clone().unwrap_or_else(|| today.site.data_dir.clone());
    let folder = data.join("journal");
    let mut days = Days::new(from, to);
    from_journal(&folder, &mut days)
        .map_err(|error| (exit::NO_INPUT, format!("{}: {error}", folder.display())))?;
    let (day, calls) = days.finish();
    let answer = answer(&day, &calls, &today, changed.as_ref());
    Ok(match options.json {
        true => serde_json::to_string_pretty(&answer).map(|text| text + "\n").unwrap_or_default(),
        false => page(&answer, &zone),
    })
}

fn configured(path: &Path) -> Result<Settings, (u8, String)> {
    match config::load(path, &|path| fs::read_to_string(path)) {
        Ok(loaded) => Ok(loaded.settings),
        Err(problems) => {
            let words = check::problems(&problems);
            Err((exit::CONFIG, format!("{} cannot be used:\n{words}", path.display())))
        }
    }
}

fn from_journal(folder: &Path, days: &mut Days) -> io::Result<()> {
    let segments = segments::list(folder)?;
    if segments.is_empty() {
        return Err(io::Error::other("there is no journal here"));
    }
    let mut replay = Replay::new(None);
    for segment in &segments {
        let bytes = fs::read(&segment.path)?;
        replay.read(&bytes, &mut |entry| days.handle(&entry));
    }
    Ok(())
}

fn answer(
    day: &Day,
    calls: &BTreeMap<ItemId, CallId>,
    today: &Settings,
    changed: Option<&Settings>,
) -> Answer {
    let again = |settings: &Settings| {
        let queues = gateway::empty_queues(settings, Random::from_number(1));
        let skills = settings.agents.iter().map(|a| (a.id.clone(), a.skills.clone())).collect();
        day.again(clock::now(), queues, skills)
    };
    let (was, now) = (day.as_it_was(), again(today));
    let then = changed.map(again);
    let differences = match &then {
        Some(then) => differences(day, calls, &now, then),
        None => differences(day, calls, &was, &now),
    };
    Answer {
        from: day.from,
        to: day.to,
        model: MODEL,
        as_it_was: fared(day, &was, today),
        today: fared(day, &now, today),
        changed: then.zip(changed).map(|(then, changed)| fared(day, &then, changed)),
        differences,
    }
}

fn fared(day: &Day, course: &Course, settings: &Settings) -> Told {
    let mut told = Told::default();
    let mut waits: BTreeMap<&QueueId, u128> = BTreeMap::new();
    for piece in &day.pieces {
        let queue = &piece.item.queue;
        let Some((end, waited)) = course.ends.get(&piece.item.id) else { continue };
        let own = settings.queues.iter().find(|own| own.name == *queue);
        let target = Duration::from_secs(own.map_or(20, |own| own.service_level).into());
        let fared = told.queues.entry(queue.clone()).or_default();
        fared.came += 1;
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        fared.longest_ms = fared.longest_ms.max(millis);
        match end {
            End::Answered(_) => {
                fared.answered += 1;
                fared.in_target += usize::from(*waited <= target);
                *waits.entry(queue).or_default() += waited.as_millis();
            }
            End::Abandoned if *waited < SHORT => fared.abandoned_short += 1,
            End::Abandoned => fared.abandoned += 1,
            End::TakenOut => fared.taken_out += 1,
            End::FlowedOut => fared.flowed_out += 1,
            End::Waiting => fared.waiting += 1,
        }
    }
    for (queue, fared) in &mut told.queues {
        let of = fared.answered + fared.abandoned;
        fared.service_level = (of > 0).then(|| fared.in_target as f64 * 100.0 / of as f64);
        let sum = waits.get(queue).copied().unwrap_or_default();
        fared.asa_ms = sum.checked_div(fared.answered as u128).and_then(|ms| ms.try_into().ok());
    }
    for (agent, (busy, there)) in day.occupancy(course) {
        let percent = if there.is_zero() { 0.0 } else { busy.as_secs_f64() / there.as_secs_f64() };
        told.occupancy.insert(agent, percent * 100.0);
    }
    told
}

fn differences(
    day: &Day,
    calls: &BTreeMap<ItemId, CallId>,
    before: &Course,
    after: &Course,
) -> Vec<Difference> {
    let words = |(end, waited): &(End, Duration)| match end {
        End::Answered(agent) => format!("{agent} after {} s", waited.as_secs()),
        End::Abandoned => format!("gave up after {} s", waited.as_secs()),
        End::TakenOut => format!("taken out after {} s", waited.as_secs()),
        End::FlowedOut => format!("sent elsewhere after {} s", waited.as_secs()),
        End::Waiting => "still waiting".to_owned(),
    };
    let one = |piece: &crate::queue::rehearsal::Piece| {
        let id = piece.item.id;
        let (before, after) = (words(before.ends.get(&id)?), words(after.ends.get(&id)?));
        let (call, queue) = (calls.get(&id).copied(), piece.item.queue.clone());
        let came = piece.at;
        (before != after).then_some(Difference { came, item: id, call, queue, before, after })
    };
    day.pieces.iter().filter_map(one).collect()
}

fn page(answer: &Answer, zone: &jiff::tz::TimeZone) -> String {
    let runs: Vec<(&str, &Told)> = [
        Some(("as it was", &answer.as_it_was)),
        Some(("today's rules", &answer.today)),
        answer.changed.as_ref().map(|told| ("changed rules", told)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let queue_rows = answer.as_it_was.queues.keys().flat_map(|queue| {
        runs.iter().map(move |(name, told)| {
            let fared = told.queues.get(queue).cloned().unwrap_or_default();
            vec![
                queue.to_string(),
                (*name).to_owned(),
                fared.came.to_string(),
                fared.answered.to_string(),
                fared.service_level.map_or_else(|| "-".to_owned(), |sl| format!("{sl:.1} %")),
                fared
                    .asa_ms
                    .map_or_else(|| "-".to_owned(), |ms| format!("{:.1}s", ms as f64 / 1e3)),
                format!("{} + {} short", fared.abandoned, fared.abandoned_short),
                fared.flowed_out.to_string(),
                fared.taken_out.to_string(),
                fared.waiting.to_string(),
                format!("{}s", fared.longest_ms / 1000),
            ]
        })
    });
    // All but the shares and the waits add up to who came.
    let head = &[
        "QUEUE",
        "RUN",
        "CAME",
        "ANSWERED",
        "IN TIME (F1)",
        "AFTER (F4)",
        "GAVE UP",
        "ELSEWHERE",
        "TAKEN OUT",
        "STILL WAITING",
        "LONGEST",
    ];
    let (from, to) = (span::write(answer.from, zone), span::write(answer.to, zone));
    let mut out = format!("From {from} to {to}, local time.\n\n");
    out += &text::columns(head, queue_rows, "nobody waited in that time");
    out.push('\n');
    let agents: std::collections::BTreeSet<_> =
        runs.iter().flat_map(|(_, told)| told.occupancy.keys()).collect();
    let agent_rows = agents.into_iter().map(|agent| {
        let percent = |told: &Told| told.occupancy.get(agent).copied().unwrap_or_default();
        let each = runs.iter().map(|(_, told)| format!("{:.1} %", percent(told)));
        [agent.to_string()].into_iter().chain(each).collect::<Vec<_>>()
    });
    let head: Vec<_> =
        ["BUSY (F6)"].into_iter().chain(runs.iter().map(|(name, _)| *name)).collect();
    out += &text::columns(&head, agent_rows, "nobody was there");
    // Writing to a string does not fail.
    let than = if answer.changed.is_some() {
        "under the changed rules than today's"
    } else {
        "today than it was"
    };
    let _ = writeln!(out, "\n{} fared differently {than}.", answer.differences.len());
    for one in answer.differences.iter().take(SHOWN) {
        let name = match one.call {
            Some(call) => format!("call {call}"),
            None => format!("item {}", one.item),
        };
        let (came, queue) = (span::write(one.came, zone), &one.queue);
        let _ = writeln!(out, "  {came} {queue}, {name}: {} -> {}", one.before, one.after);
    }
    if let Some(more @ 1..) = answer.differences.len().checked_sub(SHOWN) {
        let _ = writeln!(out, "  and {more} more: --json has them all");
    }
    let _ = writeln!(out, "\n{}", answer.model);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::Event;
    use crate::journal::replay::Entry;
    use crate::journal::work::{Step, Work};
    use crate::queue::Channel;

    const MIDNIGHT: i64 = 1_699_920_000;

    fn at(second: i64) -> UnixTime {
        UnixTime((MIDNIGHT + second) * 1_000_000)
    }

    /// A day of one queue as its records say it, worked out by hand. Ann works all day, bob from 100 s on. Item 1 comes at
    /// 10 s, rings for 5 s, is ann's for 120 s; item 2 comes at 20 s, has bob at 105 s for 50 + 10 s; item 3 gives up
    /// after 40 s, item 4 after 3 s.
    fn entries() -> Vec<Entry> {
        let work = |second, item, what| {
            let (item, call) = (ItemId(item), Some(CallId(item)));
            let (channel, queue, contact) = (Channel::Voice, "support".into(), None);
            (
                second,
                Event::Work(Work { item, channel, queue, at: at(second), call, contact, what }),
            )
        };
        let queued = |second| Step::Queued {
            arrived: at(second),
            priority: 0,
            skills: [].into(),
            errand: None,
        };
        let offered = |agent: &str| Step::Offered {
            agent: agent.into(),
            offer: crate::id::OfferId(1),
            rule: None,
        };
        let taken = |agent: &str, waited_ms| Step::Taken {
            agent: agent.into(),
            waited_ms,
            clock_ms: waited_ms,
        };
        let closed = |agent: &str, talk_ms| Step::Closed {
            agent: agent.into(),
            talk_ms,
            hold_ms: 0,
            known: None,
        };
        let gone = |waited_ms| Step::Abandoned { waited_ms, clock_ms: waited_ms };
        let ready = |second, agent: &str| {
            let (agent, idle_since) = (agent.into(), at(second));
            (second, Event::Agent { agent, presence: crate::agent::Presence::Ready, idle_since })
        };
        let all = vec![
            ready(-600, "ann"),
            work(10, 1, queued(10)),
            work(10, 1, offered("ann")),
            work(15, 1, taken("ann", 5_000)),
            work(20, 2, queued(20)),
            work(30, 3, queued(30)),
            work(70, 3, gone(40_000)),
            ready(100, "bob"),
            work(100, 2, offered("bob")),
            work(105, 2, taken("bob", 85_000)),
            work(135, 1, closed("ann", 120_000)),
            work(155, 2, closed("bob", 50_000)),
            work(165, 2, Step::WrappedUp { agent: "bob".into(), wrap_ms: 10_000, code: None }),
            work(300, 4, queued(300)),
            work(303, 4, gone(3_000)),
        ];
        let entry = |(second, event)| Entry { at: at(second), event: Some(event), seq: 0 };
        all.into_iter().map(entry).collect()
    }

    fn settings(members: &str) -> Settings {
        let text = format!(
            "[[extension]]\nnumber = \"201\"\nsecret = {{ file = \"x\" }}\n[[extension]]\nnumber = \"202\"\n\
             secret = {{ file = \"x\" }}\n[[queue]]\nname = \"support\"\n\
             members = [{members}]\nservice_level = 60\n[[agent]]\nid = \"ann\"\nextension = \"201\"\n\
             [[agent]]\nid = \"bob\"\nextension = \"202\"\n"
        );
        config::load(Path::new("g"), &|_| Ok(text.clone())).expect("a configuration").settings
    }

    #[test]
    fn a_day_is_told_as_worked_out_by_hand_under_every_rule() {
        let mut days = Days::new(at(0), at(600));
        entries().iter().for_each(|entry| days.handle(entry));
        let (day, calls) = days.finish();
        let (both, alone) = (settings("\"ann\", \"bob\""), settings("\"bob\""));
        let answer = answer(&day, &calls, &both, Some(&alone));
        let was = &answer.as_it_was.queues["support"];
        assert_eq!((was.came, was.answered, was.abandoned, was.abandoned_short), (4, 2, 1, 1));
        // One of two answers within 60 s, of two answered and one who gave up: 1 / 3.
        assert_eq!(was.service_level.map(f64::round), Some(33.0));
        assert_eq!((was.asa_ms, was.longest_ms), (Some(45_000), 85_000));
        // Ann was in a contact for 120 of 600 s, bob for 60 of 500 s.
        let percent = |told: &Told, agent: &str| told.occupancy[agent];
        assert_eq!(percent(&answer.as_it_was, "ann"), 20.0);
        assert_eq!(percent(&answer.as_it_was, "bob"), 12.0);
        // Item 4 is answered before it gives up only where nobody needs 5 s to answer: as it was.
        assert_eq!(answer.today, answer.as_it_was);
        // Bob alone has item 1 from 105 to 225 s and item 2 from 230 to 290 s; item 4 still gives up at 303 s.
        let changed = answer.changed.as_ref().expect("changed rules");
        let then = &changed.queues["support"];
        assert_eq!((then.answered, then.abandoned, then.abandoned_short), (2, 1, 1));
        assert_eq!((then.asa_ms, then.longest_ms), (Some((95_000 + 210_000) / 2), 210_000));
        assert_eq!(then.service_level, Some(0.0));
        assert_eq!((percent(changed, "ann"), percent(changed, "bob")), (0.0, 36.0));
        let told: Vec<_> =
            answer.differences.iter().map(|d| (d.item.0, d.after.as_str())).collect();
        assert_eq!(told, [(1, "bob after 95 s"), (2, "bob after 210 s")]);
        let page = page(&answer, &jiff::tz::TimeZone::UTC);
        assert!(
            page.contains("2 fared differently under the changed rules than today's."),
            "{page}"
        );
        assert!(page.contains("support, call "), "{page}");
        assert!(page.contains("ann after 5 s -> bob after 95 s"), "{page}");
        assert!(page.starts_with("From 2023-11-14 00:00:00 to 2023-11-14 00:10:00"), "{page}");
    }

    /// Whoever reads it can add it up: each who came is in one of the columns, under every rule.
    #[test]
    fn every_row_adds_up_to_who_came_and_what_is_left_off_is_said() {
        let mut days = Days::new(at(0), at(600));
        let mut all = entries();
        for item in 0..60i64 {
            for (second, what) in [
                (200 + item, queued_at(200 + item)),
                (210 + item, if item % 2 == 0 { Step::TakenOut } else { flows_out() }),
            ] {
                all.push(entry(second, 100 + item.unsigned_abs(), what));
            }
        }
        all.push(entry(500, 200, queued_at(500)));
        all.sort_by_key(|entry| entry.at);
        all.iter().for_each(|entry| days.handle(entry));
        let (day, calls) = days.finish();
        let answer = answer(&day, &calls, &settings("\"ann\", \"bob\""), None);
        let fared = &answer.as_it_was.queues["support"];
        assert_eq!((fared.came, fared.taken_out, fared.flowed_out, fared.waiting), (65, 30, 30, 1));
        let page = page(&answer, &jiff::tz::TimeZone::UTC);
        for told in [&answer.as_it_was, &answer.today] {
            let fared = &told.queues["support"];
            let gone = fared.answered + fared.abandoned + fared.abandoned_short;
            let gone = gone + fared.flowed_out + fared.taken_out + fared.waiting;
            assert_eq!(gone, fared.came, "{page}");
        }
        assert!(page.contains("STILL WAITING"), "{page}");
        let more = answer.differences.len() - SHOWN;
        assert!(page.contains(&format!("and {more} more")), "{page}");
    }

    fn entry(second: i64, item: u64, what: Step) -> Entry {
        let (item, call, queue) = (ItemId(item), Some(CallId(item)), "support".into());
        let (channel, contact, at) = (Channel::Voice, None, at(second));
        let work = Work { item, channel, queue, at, call, contact, what };
        Entry { at, event: Some(Event::Work(work)), seq: 0 }
    }

    fn queued_at(second: i64) -> Step {
        Step::Queued { arrived: at(second), priority: 0, skills: [].into(), errand: None }
    }

    fn flows_out() -> Step {
        let target = crate::queue::Target::HangUp;
        Step::FlowedOut { why: crate::queue::Why::Waited, target }
    }
}
