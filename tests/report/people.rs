//! Service levels of the day that the definitions give as their example, made from contacts.

use branchline::id::WorkId;
use branchline::report::fact::{Channel, Fact, What};
use branchline::report::formula;
use branchline::report::grid::Every;
use branchline::report::{By, totals};
use branchline::time::UnixTime;

use crate::{at, query, report};

/// One call every 30 s. 80 answered, of which 60 after 10 s and 20 after 50 s; 20 abandoned: 10 after 3 s, 2 after 15 s,
/// 8 after 90 s.
fn same_day() -> Vec<Fact> {
    let fates = [(60, 10, true), (20, 50, true), (10, 3, false), (2, 15, false), (8, 90, false)];
    let each = fates
        .iter()
        .flat_map(|(count, wait, answered)| std::iter::repeat_n((*wait, *answered), *count));
    let mut facts = Vec::new();
    for (index, (wait, answered)) in each.enumerate() {
        let work = WorkId(index as u64 + 1);
        let entered = at("2026-11-16T08:00:00Z").0 + index as i64 * 30_000_000;
        let (queue, channel) = ("support".into(), Channel::Voice);
        facts.push(Fact { at: UnixTime(entered), what: What::Queued { work, queue, channel } });
        let agent = "anna".into();
        let what = if answered {
            What::Answered { work, agent, clock_ms: None }
        } else {
            What::Abandoned { work, clock_ms: None }
        };
        facts.push(Fact { at: UnixTime(entered + wait * 1_000_000), what });
    }
    facts.sort_by_key(|fact| fact.at);
    facts
}

#[test]
fn the_same_day_by_each_formula() {
    let query = query("2026-11-15T23:00:00Z", "2026-11-16T23:00:00Z", Every::Day, By::Queue);
    let done = report(query, &same_day(), "2026-11-17T00:00:00Z");
    let counts = &totals(&done.rows)[&Some("support".into())];
    let printed = |id: &str| {
        let value = formula::named(id).unwrap()[0].figure(counts).value.unwrap();
        format!("{:.1}", value * 100.0)
    };
    assert_eq!(printed("F3-asterisk-1"), "75.0");
    assert_eq!(printed("F3-asterisk-2"), "72.0");
    assert_eq!(printed("F3-connect-old"), "72.0");
    assert_eq!(printed("F3-genesys"), "60.0");
    assert_eq!(printed("F3-genesys+no-short"), "66.7");
    assert_eq!(printed("F3-genesys+no-abandons"), "75.0");
    assert_eq!(printed("F1"), "66.7", "ours");
    assert_eq!(printed("F2"), "60.0");
}

/// The target is set to 5 s at noon, and today's is 60 s. Each contact is judged by the target that was in force, unless
/// the past is rewritten.
#[test]
fn a_target_judges_those_who_came_under_it_unless_the_past_is_rewritten() {
    let mut facts = same_day();
    let change = What::Target { queue: "support".into(), seconds: 5 };
    // 60 calls of 10 s came in the first half hour.
    facts.push(Fact { at: at("2026-11-16T08:15:00Z"), what: change });
    facts.sort_by_key(|fact| fact.at);
    let mut query = query("2026-11-15T23:00:00Z", "2026-11-16T23:00:00Z", Every::Day, By::Nothing);
    query.settings.targets = [("support".into(), 60_000_000)].into();
    let done = report(query, &facts, "2026-11-17T00:00:00Z");
    let counts = &totals(&done.rows)[&None];
    let above = |id: &str| formula::named(id).unwrap()[0].figure(counts).numerator;
    // Before 08:15 there was no other target than today's; the call at 08:15:00 itself came with the change before it or
    // after it, as the log has it: facts of the same moment keep their order, and the call stands first.
    assert_eq!(above("F3-genesys"), 31.0);
    assert_eq!(above("F3-genesys+rewrite"), 80.0);
}
