//! Who has seen the record of a person before speaking with them, as the journal has it.

use super::scenes::scene;
use super::*;
use crate::admin::Command;
use crate::context::Who;
use crate::gateway::By;
use crate::journal::act;
use crate::journal::work::{Reading, Step};

const CARRIER: usize = 0;
const ANN: usize = 2;
const TO_QUEUE: (&str, &str) =
    ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]");
const NO_BOB: (&str, &str) = ("extension = \"203\"\nsigned_in = true", "extension = \"203\"");

impl World {
    /// What was read, and how much was taken before.
    fn readings(&self) -> Vec<(Reading, usize)> {
        let (mut found, mut taken, mut replay) = (Vec::new(), 0, Replay::default());
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::Work(work)) = entry.event {
                    match work.what {
                        Step::Read { agent, how } => {
                            assert_eq!((agent.as_str(), work.contact.is_some()), ("ann", true));
                            found.push((how, taken));
                        }
                        Step::Taken { .. } => taken += 1,
                        _ => {}
                    }
                }
            });
        }
        found
    }

    /// Somebody from outside waits until ann's telephone rings.
    fn rings_at_ann(&mut self) {
        self.call(CARRIER, "+15550101");
        self.seconds(7);
    }

    fn talks(&mut self) {
        self.take_call(ANN);
        self.seconds(5);
        self.hang_up(CARRIER);
        self.seconds(30);
    }

    /// Ann opens the record of who calls, whoever that is.
    fn opens_record(&mut self) {
        let calls: Vec<_> = self.gateway.calls.views().iter().map(|call| call.call).collect();
        let contact = self.gateway.known_caller(calls[0]).expect("known").contact;
        let by = By { who: act::Who::User("ann".to_owned()), from: None, own: Some("ann".into()) };
        let command = Command::Person { who: Who::Contact(contact), moments: 5 };
        self.gateway.handle_api(self.now, ReplyTo(7_000), &by, &command);
        self.carry_out();
    }
}

#[test]
fn a_card_counts_as_seen_where_a_page_is_open_and_a_record_where_it_is_opened() {
    let mut world = scene(&[TO_QUEUE, NO_BOB]);
    world.opens(1);
    world.rings_at_ann();
    world.talks();
    assert_eq!(world.readings(), [], "nothing is known of a first caller");
    world.rings_at_ann();
    assert_eq!(world.readings(), [(Reading::Shown, 1)], "the card is up while it rings");
    world.opens_record();
    world.talks();
    assert_eq!(world.readings(), [(Reading::Shown, 1)], "said once");
    world.closes(1);
    world.rings_at_ann();
    world.talks();
    assert_eq!(world.readings().len(), 1, "without a page nobody has seen it");
    world.rings_at_ann();
    world.opens_record();
    world.talks();
    assert_eq!(world.readings()[1..], [(Reading::Opened, 3)]);
}
