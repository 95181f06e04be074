//! What a queue's figures say of those who wait, and of how long: as everybody reads them, beside what was.

use super::scenes::scene;
use super::*;
use crate::admin::api::feed::Happening;

const ANN: usize = 2;

/// Ann alone works in the queue.
const ONE_AGENT: [(&str, &str); 2] = [
    ("wrap_up = 3\nmax_wait = 60", "wrap_up = 0\nmax_wait = 7200"),
    ("extension = \"203\"\nsigned_in = true", "extension = \"203\""),
];

impl World {
    /// The queue as status, pages and programs have it.
    fn support(&self) -> admin::Queue {
        self.gateway.queue_lines(self.now).remove(0)
    }

    /// A figure of the queue as a monitoring program reads it.
    fn metric(&self, name: &str) -> Option<String> {
        let all = self.gateway.figures(self.now).into_text();
        let line = format!("branchline_{name}{{queue=\"support\"}} ");
        all.lines().find_map(|text| Some(text.strip_prefix(&line)?.to_owned()))
    }
}

/// Whoever follows the box live reads in one moment that a call is taken and that nobody waits.
#[test]
fn who_is_talked_to_waits_no_more_in_any_figure() {
    let mut world = scene(&ONE_AGENT);
    for _ in 0..3 {
        world.call(1, "700");
        world.seconds(2);
        assert_eq!(world.support().waiting, 1);
        world.told.clear();
        world.take_call(ANN);
        world.carry_out();
        let taken = |told: &Happening| matches!(told, Happening::CallTaken { .. });
        for _ in 0..200 {
            if world.told.iter().any(taken) {
                break;
            }
            world.pass(Duration::from_millis(5));
        }
        let at = world.told.iter().position(taken).expect("it is taken");
        assert_eq!(world.support().waiting, 0);
        assert_eq!(world.metric("queue_waiting").as_deref(), Some("0"));
        world.pass(Duration::from_millis(10));
        let said = world.told[at..].iter().filter_map(|told| match told {
            Happening::Queue(line) => Some(line.waiting),
            _ => None,
        });
        assert_eq!(said.collect::<Vec<_>>(), [0], "said in the same moment");
        world.seconds(5);
        assert_eq!(world.support().waiting, 0);
        world.hang_up(ANN);
        world.seconds(5);
    }
}

/// Twenty callers read how long the next one has to expect to wait, and wait. The share that the queue says was right is
/// the share that was.
#[test]
fn the_rate_of_estimates_that_held_is_what_happened() {
    let mut world = scene(&ONE_AGENT);
    let (mut held, mut lines) = (0, Vec::new());
    for turn in 0..20u64 {
        // Somebody has Ann on the line already.
        world.call(1, "700");
        world.seconds(2);
        world.take_call(ANN);
        world.seconds(2);
        let [from, to] = world.support().wait_s.expect("Ann is there");
        world.call(1, "700");
        let came = world.now.instant;
        // Within what was said, below it, above it; never so near to an end that a second counts.
        let wait = match turn % 4 {
            0 | 2 => from.midpoint(to),
            1 => from / 2,
            _ => to + 60,
        };
        world.seconds(wait);
        world.hang_up(ANN);
        world.seconds(1);
        world.take_call(ANN);
        world.seconds(1);
        assert_eq!(world.support().waiting, 0, "turn {turn}");
        let waited = (world.now.instant - came).as_secs();
        assert!(waited.abs_diff(from) > 1 && waited.abs_diff(to) > 1, "{from} to {to}, {waited}");
        held += usize::from((from..=to).contains(&waited));
        let line = world.support();
        assert_eq!((line.estimates, line.estimates_held), (turn as usize + 1, held));
        lines.push((from, to, waited));
        world.hang_up(ANN);
        world.seconds(3);
    }
    println!("{lines:?}");
    assert!((4..=16).contains(&held), "some held and some did not: {held}");
    let percent = held * 100 / 20;
    assert_eq!(world.support().estimates_held_percent.map(usize::from), Some(percent));
    let status = world.ask_status();
    let told = status.estimates.iter().find(|told| told.queue.as_str() == "support").unwrap();
    assert_eq!((told.estimates, told.held, usize::from(told.percent)), (20, held, percent));
    assert_eq!(world.metric("queue_estimates").as_deref(), Some("20"));
    assert_eq!(world.metric("queue_estimates_held"), Some(held.to_string()));
    let ratio = format!("{:.3}", held as f64 / 20.0);
    assert_eq!(world.metric("queue_estimate_hit_ratio"), Some(ratio));
}
