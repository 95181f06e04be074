//! Caps on spending, told by what people notice: who is refused, who is cut off and hears why, and who is not.

use super::*;
use crate::call::budget::{Lift, Subject};

const CARRIER: usize = 0;

/// A minute costs 1.00, of which 201 may spend two in an hour.
const CAPS: &str = "[spending]\nper_minute = 1.0\n[[cap]]\nof = \"extension:201\"\nwithin = \"hour\"\n\
                    money = 2.0\n[flow.main]";

fn world(caps: &str) -> World {
    World::of(1, &CONFIG.replacen("[flow.main]", caps, 1), 0)
}

impl World {
    /// The newest call that rings at a party is answered.
    pub fn answer(&mut self, at: usize) {
        let party = &mut self.parties[at];
        let (session, offer) = party.ringing.pop().expect("it rings");
        let own = party.address;
        let local = Local {
            origin: sdp::Origin::new(2, 1, own.ip()),
            address: own.ip(),
            port: 9_002,
            codecs: vec![Codec::pcmu()],
            preference: Preference::Theirs,
            direction: Direction::SendRecv,
            events: true,
            own: sdp::Own::CLEAR,
        };
        let answer = sdp::answer(&offer.expect("we always offer"), &local).unwrap();
        party.endpoint.answer(self.now, session, &answer.sdp);
        party.up.insert(session);
        self.pass_seconds(1);
    }

    fn pass_seconds(&mut self, seconds: u64) {
        self.carry_out();
        self.pass(Duration::from_secs(seconds));
    }

    fn spending(&mut self) -> admin::Spending {
        self.gateway.spending(self.now)
    }

    fn calls_at_carrier(&self) -> usize {
        self.parties[CARRIER].called.len()
    }
}

#[test]
fn a_call_that_reaches_the_cap_ends_outside_at_once_and_inside_with_a_word() {
    let mut world = world(CAPS);
    world.call(1, "95550123");
    world.pass_seconds(1);
    world.answer(CARRIER);
    world.pass_seconds(100);
    assert!(world.parties[CARRIER].ended.is_empty(), "the second minute is paid");
    world.pass_seconds(20);
    assert!(matches!(world.parties[CARRIER].ended[..], [Ended::ByeReceived { .. }]));
    world.pass_seconds(5);
    assert!(matches!(world.parties[1].ended[..], [Ended::ByeReceived { .. }]), "after the words");
    world.call(1, "95550123");
    world.pass_seconds(1);
    let refused = world.parties[1].ended.last();
    assert!(
        matches!(refused, Some(Ended::Refused { status: Status::FORBIDDEN, .. })),
        "{refused:?}"
    );
    world.call(2, "95550123");
    world.pass_seconds(1);
    assert_eq!(world.calls_at_carrier(), 2, "the cap was 201's alone");
    world.finish();
    let spending = world.spending();
    let cap = &spending.caps[0];
    assert_eq!((cap.percent, cap.spent, cap.cap), (100, 2.0, 2.0), "{cap:?}");
}

#[test]
fn help_is_called_over_every_cap_and_costs_nothing() {
    let caps = "[[cap]]\nof = \"site\"\nwithin = \"day\"\ncalls = 0\nminutes = 0\n[flow.main]";
    let mut world = world(caps);
    world.call(1, "95550123");
    world.pass_seconds(1);
    assert_eq!(world.calls_at_carrier(), 0);
    for dialled in ["911", "9911", "*67911"] {
        world.call(1, dialled);
        world.pass_seconds(1);
        world.answer(CARRIER);
        world.pass_seconds(300);
        world.hang_up(1);
        world.pass_seconds(1);
    }
    assert_eq!(world.parties[CARRIER].called, ["911", "911", "911"]);
    assert!(world.spending().spent.is_empty());
}

#[test]
fn a_transfer_out_is_paid_by_the_phone_that_transferred() {
    let mut world = world(CAPS);
    world.call(CARRIER, "+15550101");
    world.pass_seconds(1);
    world.answer(1);
    let session = *world.parties[1].up.first().unwrap();
    world.parties[1].endpoint.refer(world.now, session, "sip:95550123@192.0.2.1", None);
    world.pass_seconds(2);
    assert_eq!(world.parties[CARRIER].called, ["5550123"]);
    world.answer(CARRIER);
    world.pass_seconds(150);
    assert!(world.gateway.calls.is_empty(), "both outside are let go: nobody is left inside");
    let spent = world.spending().spent;
    let own = spent.iter().find(|spent| spent.of == Subject::Extension("201".into()));
    assert_eq!(own.map(|spent| (spent.calls, spent.money)), Some((1, 2.0)));
}

#[test]
fn what_was_spent_and_lifted_is_known_after_a_restart() {
    let caps = "[[cap]]\nof = \"extensions\"\nwithin = \"day\"\ncalls = 1\n[flow.main]";
    let mut world = world(caps);
    for _ in 0..2 {
        world.call(1, "95550123");
        world.pass_seconds(1);
    }
    assert_eq!(world.calls_at_carrier(), 1);
    let amber = world.gateway.spending_part(world.now).expect("something to look at");
    assert!(
        amber.words.contains("100 % of the calls that extension 201 may spend"),
        "{}",
        amber.words
    );
    let live = world.gateway.journal.live().spending.clone();
    let mut after = self::world(caps);
    after.gateway.calls.restore_spending(live);
    after.call(1, "95550123");
    after.pass_seconds(1);
    assert_eq!(after.calls_at_carrier(), 0);
    let lifted = after.gateway.lift_caps(after.now, Some(&Subject::Extension("201".into())), 1);
    assert_eq!(lifted, admin::Reply::Done);
    after.call(1, "95550123");
    after.pass_seconds(1);
    assert_eq!(after.calls_at_carrier(), 1);
    let until = after.now.unix - Duration::from_secs(1) + Duration::from_secs(3_600);
    let kept = after.gateway.journal.live().spending.clone();
    let expected = Lift { subject: Some(Subject::Extension("201".into())), until };
    let mut same = kept.clone();
    same.lift(expected);
    assert_eq!(same, kept, "an auditor finds it in the journal");
    let refused = after.gateway.lift_caps(after.now, Some(&Subject::Site), 1);
    assert!(matches!(refused, admin::Reply::Refused(_)), "the site has no cap");
}

/// The call rings for a second, which costs nothing, and lasts 90 s: its answer and two begun minutes, 0.005 + 2 x 0.01.
#[test]
fn what_a_carrier_takes_for_a_call_in_stands_in_its_record_and_in_no_cap() {
    let price =
        "servers = [\"192.0.2.100\"]\ninbound_price = { per_minute = 0.01, per_call = 0.005 }";
    let caps = ("[flow.main]", CAPS);
    let mut world =
        World::of(1, &scenes::config(&[("servers = [\"192.0.2.100\"]", price), caps]), 0);
    let mut fees = Vec::new();
    for answered in [true, false] {
        world.call(CARRIER, "+15550101");
        world.pass_seconds(1);
        if answered {
            world.pick_up(1);
            world.pass_seconds(90);
        }
        world.hang_up(CARRIER);
        world.pass_seconds(3);
    }
    let mut replay = Replay::default();
    for segment in &world.journal {
        replay.read(segment, &mut |entry| {
            if let Some(Kept::CallRecord(record)) = entry.event {
                fees.push(record.fee.map(f64::from));
            }
        });
    }
    assert_eq!(fees, [Some(0.025), None], "who was not answered costs nothing");
    let spent: f64 = world.spending().spent.iter().map(|spent| spent.money).sum();
    assert_eq!(spent, 0.0, "nobody in here has spent it");
}
