//! Reports against figures that were worked out by hand: a fixed log of facts, and F1 to F14 over it.

mod clocks;
mod golden;
mod journal;
mod people;

use branchline::hours;
use branchline::report::fact::Fact;
use branchline::report::grid::Every;
use branchline::report::{By, Done, Query, Report, Settings};
use branchline::time::UnixTime;

/// A moment by its RFC 3339 form.
pub fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<jiff::Timestamp>().expect("a time").as_microsecond())
}

/// A question over a span, in the zone of Berlin, with the words of the site.
pub fn query(from: &str, to: &str, every: Every, by: By) -> Query {
    Query {
        from: at(from),
        to: at(to),
        zone: hours::zone("Europe/Berlin").expect("in the database"),
        every,
        by,
        hours: None,
        open: None,
        settings: Settings::default(),
    }
}

/// Facts from lines of JSON.
pub fn facts(text: &str) -> Vec<Fact> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The report over facts that reach until `now`.
pub fn report(query: Query, facts: &[Fact], now: &str) -> Done {
    let mut report = Report::new(query).expect("a sound question");
    facts.iter().for_each(|fact| report.handle(fact));
    report.finish(at(now))
}
