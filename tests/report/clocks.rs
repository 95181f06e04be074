//! Days when clocks change, and holidays.

use branchline::hours::{self, Calendar, State};
use branchline::id::WorkId;
use branchline::report::counter::Counter;
use branchline::report::fact::{Channel, Fact, What};
use branchline::report::grid::{Every, Grid};
use branchline::report::{By, Hours, HoursOf, Opening};
use branchline::time::UnixTime;

use crate::{at, query, report};

/// A call every ten minutes, from one moment to another.
fn calls(from: &str, to: &str) -> Vec<Fact> {
    let times = (at(from).0..at(to).0).step_by(600_000_000);
    let queued = |(index, at): (usize, i64)| Fact {
        at: UnixTime(at),
        what: What::Queued {
            work: WorkId(index as u64),
            queue: "support".into(),
            channel: Channel::Voice,
        },
    };
    times.enumerate().map(queued).collect()
}

/// Berlin's 29 March 2026 has 23 hours and 138 tens of minutes, 25 October has 25 hours and 150.
#[test]
fn a_day_has_as_many_calls_as_it_has_hours() {
    for (from, to, length) in [
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
    ] {
        let facts = calls("2026-03-01T00:00:00Z", "2026-11-01T00:00:00Z");
        let day = report(query(from, to, Every::Day, By::Nothing), &facts, to);
        assert_eq!(day.rows.len(), 1);
        assert_eq!(day.rows[0].counts.get(Counter::Queued), length * 6);
        let hours = report(query(from, to, Every::Hour, By::Nothing), &facts, to);
        assert_eq!(hours.rows.len() as i64, length);
        assert!(hours.rows.iter().all(|row| row.counts.get(Counter::Queued) == 6));
    }
}

#[test]
fn the_hour_that_comes_twice_has_two_names() {
    let (from, to) = ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    let done = report(query(from, to, Every::Half, By::Nothing), &calls(from, to), to);
    let grid = Grid::new(hours::zone("Europe/Berlin").unwrap(), Every::Half);
    let names: Vec<_> = done.rows.iter().map(|row| grid.name(row.slot.start)).collect();
    let twice: Vec<_> = names.iter().filter(|name| name.contains("T02:")).collect();
    let wanted = [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
    ];
    assert_eq!(twice, wanted.iter().collect::<Vec<_>>());
}

/// Office hours 08:00 to 17:00, 24 December a holiday: what began on it is told apart from what began when closed.
#[test]
fn a_holiday_is_told_apart() {
    let text = "name = 'office'\nholidays = ['12-24']\nopen = [{ days = 'mon-fri', from = '08:00', to = '17:00' }]";
    let settings: hours::Settings = toml::from_str(text).unwrap();
    let zone = hours::zone("Europe/Berlin").unwrap();
    // Wednesday 23 and Thursday 24 December 2026.
    let (from, to) = ("2026-12-22T23:00:00Z", "2026-12-24T23:00:00Z");
    let count = |state| {
        let mut query = query(from, to, Every::Day, By::Nothing);
        let of = HoursOf::Calendar(Calendar::new(&settings, &zone).unwrap());
        query.hours = Some(Hours { state, of });
        let done = report(query, &calls(from, to), to);
        done.rows.iter().map(|row| row.counts.get(Counter::Queued)).collect::<Vec<_>>()
    };
    assert_eq!(count(State::Open), [9 * 6], "of Wednesday");
    assert_eq!(count(State::Closed), [15 * 6], "of Wednesday");
    assert_eq!(count(State::Holiday), [24 * 6], "all of Thursday");
}

/// Support is open 08:00 to 17:00, sales has no calendar: each is judged by its own.
#[test]
fn each_queue_has_hours_of_its_own() {
    let text = "name = 'office'\nopen = [{ days = 'mon-fri', from = '08:00', to = '17:00' }]";
    let settings: hours::Settings = toml::from_str(text).unwrap();
    let office = Calendar::new(&settings, &hours::zone("Europe/Berlin").unwrap()).unwrap();
    let (from, to) = ("2026-12-21T23:00:00Z", "2026-12-22T23:00:00Z");
    let mut facts = calls(from, to);
    let sales = facts.clone().into_iter().map(|mut fact| {
        if let What::Queued { work, queue, .. } = &mut fact.what {
            (*work, *queue) = (WorkId(work.0 + 1_000), "sales".into());
        }
        fact
    });
    facts.extend(sales.collect::<Vec<_>>());
    facts.sort_by_key(|fact| fact.at);
    let mut opening = Opening::default();
    opening.queues.insert("support".into(), office.clone());
    opening.calendars.insert("office".to_owned(), office);
    let count = |state, calendar| {
        let mut query = query(from, to, Every::Day, By::Queue);
        query.hours = Some(opening.hours(state, calendar).unwrap());
        let done = report(query, &facts, to);
        let of = |name: &str| {
            let mut own = done.rows.iter().filter(|row| row.group.as_deref() == Some(name));
            own.next().map_or(0, |row| row.counts.get(Counter::Queued))
        };
        (of("support"), of("sales"))
    };
    assert_eq!(count(State::Open, None), (9 * 6, 24 * 6));
    assert_eq!(count(State::Closed, None), (15 * 6, 0));
    assert_eq!(count(State::Open, Some("office")), (9 * 6, 9 * 6), "one calendar for all");
    assert!(opening.hours(State::Open, Some("nothing")).is_none());
}
