//! Work in queues, told by what records say of it.

use super::scenes::scene;
use super::*;
use crate::journal::work::{Step, Work};

const ANN: usize = 2;
const BOB: usize = 3;

impl World {
    /// What records say of items of work, in their order.
    fn work(&self) -> Vec<Work> {
        let mut found = Vec::new();
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::Work(work)) = entry.event {
                    found.push(work);
                }
            });
        }
        found
    }

    /// A party whose phone rings refuses.
    fn reject(&mut self, at: usize) {
        let party = &mut self.parties[at];
        let (session, _) = party.ringing.pop().expect("it rings");
        party.endpoint.reject(self.now, session, Status::BUSY_HERE, None);
    }

    /// The names of the steps.
    fn steps(&self) -> Vec<String> {
        let name = |work: &Work| serde_json::to_value(work).unwrap()["what"].clone();
        self.work().iter().map(|work| name(work).as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn the_life_of_a_caller_in_a_queue_is_recorded_from_coming_to_after_work() {
    let mut world = scene(&[]);
    world.call(1, "700");
    world.seconds(7);
    world.take_call(ANN);
    world.seconds(20);
    world.hang_up(1);
    world.seconds(10);
    assert_eq!(world.steps(), ["queued", "offered", "offered", "taken", "closed", "wrapped_up"]);
    let work = world.work();
    assert!(work.iter().all(|step| step.item == work[0].item && step.call == work[0].call));
    match (&work[3].what, &work[4].what, &work[5].what) {
        (
            Step::Taken { agent, waited_ms: 6_500..7_500, clock_ms: 6_500..7_500 },
            Step::Closed { talk_ms: 19_000..21_000, hold_ms: 0, .. },
            Step::WrappedUp { wrap_ms: 3_000, .. },
        ) => assert_eq!(agent.as_str(), "ann"),
        other => panic!("{other:?}"),
    }
    assert!(world.gateway.timesheet.is_empty());
}

#[test]
fn a_caller_who_gives_up_one_who_flows_out_and_a_refusal_are_told_apart() {
    let mut world = scene(&[]);
    world.call(1, "700");
    world.seconds(4);
    world.hang_up(1);
    world.seconds(2);
    assert_eq!(world.steps(), ["queued", "offered", "offered", "abandoned"]);
    let last = world.work().pop().unwrap();
    assert!(matches!(last.what, Step::Abandoned { waited_ms: 3_500..4_500, .. }), "{last:?}");
    world.call(1, "700");
    world.seconds(2);
    world.reject(BOB);
    world.seconds(70);
    let steps = world.steps().split_off(4);
    assert_eq!(steps[..4], ["queued", "offered", "offered", "declined"]);
    assert_eq!(steps.last().map(String::as_str), Some("flowed_out"), "{steps:?}");
}
