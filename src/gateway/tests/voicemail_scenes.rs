//! Mailboxes, told by what callers and owners notice.

use super::*;
use crate::admin::Mailbox;
use crate::journal::event::{Direction, Event};

const CARRIER: usize = 0;
const ANN: usize = 1;
const BOB: usize = 2;

/// Extension 201 has a mailbox.
fn scene() -> World {
    let own = "number = \"201\"\nsecret = { file = \"x\" }\n";
    let with = "number = \"201\"\nsecret = { file = \"x\" }\nvoicemail = {}\n";
    assert!(CONFIG.contains(own));
    World::of(1, &CONFIG.replacen(own, with, 1), 0)
}

impl World {
    fn seconds_pass(&mut self, seconds: u64) {
        self.carry_out();
        self.pass(Duration::from_secs(seconds));
    }

    fn counts(&self) -> (u32, u32) {
        let counts = self.gateway.mailbox(&"201".into());
        (counts.new, counts.old)
    }

    /// The box is killed here. What follows is another one, with the disk of the first.
    fn killed(mut self, live: crate::journal::live::Live) -> World {
        let files = std::mem::take(&mut self.files);
        let mut world = scene();
        world.files = files;
        let resume = Resume { live, ..Resume::default() };
        let keys = Keyring::open(&[1; 32], &[], Random::from_number(3));
        world.gateway.journal =
            Journal::new(world.now, resume, keys, Sealer::from_seed(&[2; 32]).unwrap());
        world.gateway.handle_started(world.now, false);
        world
    }

    fn replayed(&self) -> crate::journal::live::Live {
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |_| ());
        }
        replay.resume.live
    }

    pub(super) fn press(&mut self, keys: &str) {
        let leg = *self.open.iter().next().expect("a call is up");
        for digit in keys.chars() {
            let duration = Duration::from_millis(100);
            self.gateway.handle_media(self.now, media::Event::Digit { leg, digit, duration });
            self.carry_out();
        }
    }
}

#[test]
fn whoever_is_not_answered_leaves_a_message_that_the_owner_hears_and_deletes() {
    let mut world = scene();
    world.call(CARRIER, "+15550101");
    world.seconds_pass(24);
    assert_eq!((world.parties[ANN].ringing.len(), world.counts()), (1, (0, 0)));
    world.seconds_pass(20);
    assert!(world.parties[ANN].ringing.is_empty(), "it rings no more");
    assert_eq!(world.counts(), (1, 0));
    world.call(ANN, "*97");
    world.seconds_pass(1);
    world.press("1");
    world.seconds_pass(5);
    assert_eq!(world.counts(), (0, 1), "it was heard");
    world.press("7");
    assert_eq!(world.counts(), (0, 1), "until the call is over it can be taken back");
    world.hang_up(ANN);
    world.seconds_pass(2);
    assert_eq!((world.counts(), world.files.len()), ((0, 0), 0), "record and recording are gone");
}

#[test]
fn busy_declined_and_unregistered_lead_to_the_mailbox_and_a_flow_decides_for_itself() {
    let mut world = scene();
    for status in [Status::BUSY_HERE, Status::DECLINE] {
        world.call(BOB, "201");
        world.seconds_pass(1);
        let (session, _) = world.parties[ANN].ringing.pop().expect("it rings");
        world.parties[ANN].endpoint.reject(world.now, session, status, None);
        world.seconds_pass(20);
    }
    assert_eq!(world.counts(), (2, 0));
    world.register(ANN, 0);
    world.seconds_pass(1);
    world.call(CARRIER, "+15550101");
    world.seconds_pass(20);
    assert_eq!(world.counts(), (3, 0));
    world.call(CARRIER, "+15550100");
    world.seconds_pass(1);
    world.press("0");
    world.seconds_pass(40);
    assert_eq!(world.counts(), (3, 0), "the flow has asked for the extension, and is told");
}

#[test]
fn a_message_counts_once_its_file_and_its_record_are_on_the_disk() {
    let mut world = scene();
    world.register(ANN, 0);
    world.seconds_pass(1);
    world.disk_waits = true;
    world.call(CARRIER, "+15550101");
    while world.gateway.journal.live().mail.messages.is_empty() {
        world.seconds_pass(1);
    }
    assert_eq!(world.counts(), (0, 0), "its record is not stored yet");
    assert!(world.gateway.journal.live().mail.messages.len() == 1);
    world.disk_waits = false;
    world.disk_goes_on();
    assert_eq!(world.counts(), (1, 0));
}

#[test]
fn messages_survive_and_one_that_was_on_its_way_is_saved() {
    let mut world = scene();
    world.register(ANN, 0);
    world.seconds_pass(1);
    for _ in 0..2 {
        world.call(CARRIER, "+15550101");
        world.seconds_pass(20);
    }
    world.call(CARRIER, "+15550101");
    while world.gateway.journal.live().mail.begun.is_empty() {
        world.seconds_pass(1);
    }
    let begun = *world.gateway.journal.live().mail.begun.keys().next().unwrap();
    world.files.insert(begun);
    let live = world.replayed();
    assert_eq!((live.mail.messages.len(), live.mail.begun.len()), (2, 1));
    let mut world = world.killed(live);
    world.seconds_pass(1);
    assert_eq!(world.counts(), (3, 0));
}

#[test]
fn a_full_disk_is_told_and_a_silent_caller_leaves_nothing() {
    let mut world = scene();
    world.register(ANN, 0);
    world.seconds_pass(1);
    world.gateway.handle_journal(world.now, super::super::Kept::Room(91));
    world.call(CARRIER, "+15550101");
    world.seconds_pass(30);
    assert_eq!((world.counts(), world.files.len()), ((0, 0), 0));
    assert!(world.open.is_empty(), "the caller was let go");
}

#[test]
fn an_admin_sees_the_counts() {
    let mut world = scene();
    world.call(BOB, "701");
    world.seconds_pass(20);
    world.gateway.handle_control(world.now, ReplyTo(1), &admin::Command::Mailboxes);
    let reply =
        std::iter::from_fn(|| world.gateway.poll_output()).find_map(|output| match output {
            Output::Reply(_, admin::Reply::Mailboxes(mailboxes)) => Some(mailboxes),
            _ => None,
        });
    let line = |mailbox: &str, new| Mailbox { mailbox: mailbox.into(), new, old: 0 };
    assert_eq!(reply.unwrap(), [line("201", 0), line("203", 1)]);
}

#[test]
fn a_disk_that_comes_too_late_leaves_no_message_of_which_the_caller_heard_no() {
    let mut world = scene();
    world.register(ANN, 0);
    world.seconds_pass(1);
    world.disk_waits = true;
    world.call(CARRIER, "+15550101");
    while world.gateway.journal.live().mail.messages.is_empty() {
        world.seconds_pass(1);
    }
    assert!(!world.open.is_empty(), "the caller waits for a word");
    world.seconds_pass(12);
    assert!(world.open.is_empty(), "and was told, and let go");
    world.disk_waits = false;
    world.disk_goes_on();
    world.seconds_pass(1);
    let mail = &world.gateway.journal.live().mail;
    assert_eq!((mail.messages.len(), mail.begun.len()), (0, 0), "nor after a restart");
    assert_eq!((world.counts(), world.files.len()), ((0, 0), 0));
    world.call(CARRIER, "+15550101");
    world.seconds_pass(20);
    assert_eq!(world.counts(), (1, 0), "the next one is kept");
}

#[test]
fn who_hangs_up_while_the_disk_takes_its_time_has_left_a_message() {
    let mut world = scene();
    world.register(ANN, 0);
    world.seconds_pass(1);
    world.disk_waits = true;
    world.call(CARRIER, "+15550101");
    while world.gateway.journal.live().mail.messages.is_empty() {
        world.seconds_pass(1);
    }
    world.hang_up(CARRIER);
    world.seconds_pass(12);
    world.disk_waits = false;
    world.disk_goes_on();
    assert_eq!(world.counts(), (1, 0));
}

#[test]
fn a_flow_leads_to_a_mailbox() {
    let text = CONFIG.replacen("3 = \"message\"", "3 = \"message\", 4 = \"voicemail:203\"", 1);
    assert_ne!(text, CONFIG);
    let mut world = World::of(1, &text, 0);
    world.call(CARRIER, "+15550100");
    world.seconds_pass(1);
    world.press("4");
    world.seconds_pass(20);
    assert_eq!(world.gateway.mailbox(&"203".into()).new, 1);
    assert!(world.open.is_empty(), "the caller was thanked and let go");
}

#[test]
fn the_record_of_a_call_that_a_power_cut_ended_says_where_it_was() {
    let mut world = scene();
    world.call(CARRIER, "+15550100");
    world.seconds_pass(1);
    // With one leg up there is no doubt whose key it is.
    world.press("1");
    world.call(BOB, "95550123");
    world.seconds_pass(5);
    let live = world.replayed();
    assert_eq!(live.calls.len(), 2);
    let mut world = world.killed(live);
    world.seconds_pass(1);
    let mut records = Vec::new();
    let mut replay = Replay::default();
    for segment in &world.journal {
        replay.read(segment, &mut |entry| {
            if let Some(Event::CallRecord(record)) = entry.event {
                records.push((record.direction, record.queue.map(|queue| queue.to_string())));
            }
        });
    }
    records.sort_by_key(|(direction, _)| *direction as u8);
    let queue = Some("support".to_owned());
    assert_eq!(records, [(Direction::Inbound, queue), (Direction::Outbound, None)]);
}
