//! What dialogs may do to each other: picked up, taken over, forwarded by the phone; and provisional answers in earnest.

use super::*;

const CARRIER: usize = 0;

/// 203 may pick up for everybody.
fn scene() -> World {
    let own = "number = \"203\"\nsecret = { file = \"x\" }\n";
    World::of(1, &CONFIG.replacen(own, &format!("{own}pickup = [\"*\"]\n"), 1), 0)
}

fn headers(name: &str, value: String) -> Headers {
    let mut headers = Headers::default();
    headers.push(name, value).unwrap();
    headers
}

impl World {
    fn after(&mut self, seconds: u64) {
        self.carry_out();
        self.pass(Duration::from_secs(seconds));
    }

    /// `at` calls in the place of a dialog.
    fn replace(&mut self, at: usize, dialog: String) -> Option<u16> {
        let before = self.parties[at].ended.len();
        let session = self.call_with(at, "202", headers("Replaces", dialog), true);
        self.after(1);
        let _ = session;
        match self.parties[at].ended.get(before) {
            Some(Ended::Refused { status, .. }) => Some(status.code()),
            _ => None,
        }
    }

    /// The name of the dialog that a party's newest ringing call has with the branch.
    fn ringing(&self, at: usize, more: &str) -> String {
        let (session, _) = self.parties[at].ringing.last().expect("it rings");
        self.parties[at].endpoint.named(*session, more)
    }

    fn conversation(&self, at: usize, more: &str) -> String {
        let session = *self.parties[at].up.first().expect("it talks");
        self.parties[at].endpoint.named(session, more)
    }

    /// Who is joined last, by name.
    fn joined(&self) -> BTreeSet<String> {
        let (a, b) = *self.bridges.last().expect("somebody was joined");
        [a, b].map(|leg| self.gateway.legs.get(leg).expect("it is up").peer.to_string()).into()
    }
}

impl World {
    /// Why the calls ended that have a record, in order.
    fn causes(&self) -> Vec<crate::call::ending::Cause> {
        let mut causes = Vec::new();
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::CallRecord(record)) = entry.event {
                    causes.push(record.cause);
                }
            });
        }
        causes
    }

    /// Nothing reaches this party any more, and nothing comes from it.
    fn cut_off(&mut self, at: usize) {
        self.parties[at].address = SocketAddr::from(([192, 0, 2, 250], 5060));
    }
}

fn two(a: &str, b: &str) -> BTreeSet<String> {
    [a, b].map(str::to_owned).into()
}

#[test]
fn a_call_that_rings_at_a_colleague_is_picked_up_by_its_dialog() {
    let mut world = scene();
    world.call(1, "202");
    world.after(1);
    let dialog = world.ringing(2, ";early-only");
    assert_eq!(world.replace(3, dialog), None);
    assert_eq!(world.joined(), two("extension 201", "extension 203"));
    assert_eq!(world.parties[2].ended, [Ended::Cancelled], "202 stops ringing");
    assert_eq!(world.answered, 2, "201 and 203 are both answered");
    let leg = |at: (LegId, LegId)| world.gateway.legs.get(at.0).unwrap().thread;
    let bridge = *world.bridges.last().unwrap();
    assert_eq!(leg(bridge), leg((bridge.1, bridge.0)), "both are on one media thread");
    world.hang_up(3);
    world.after(2);
    assert!(world.parties[1].up.is_empty() && world.gateway.calls.is_empty());
    assert_eq!(world.kept().1, 2, "each call has a record");
}

#[test]
fn what_may_not_be_picked_up_is_refused_and_rings_on() {
    let mut world = scene();
    world.call(1, "202");
    world.after(1);
    let nothing = "no-such-call;to-tag=a;from-tag=b".to_owned();
    assert_eq!(world.replace(3, nothing), Some(481));
    assert_eq!(world.replace(3, "only-half;to-tag=a".to_owned()), Some(400));
    // The caller's own dialog rings nowhere.
    let dialog = world.parties[1].endpoint.named(*world.parties[1].up.first().unwrap(), "");
    assert_eq!(world.replace(3, dialog), Some(481));
    let dialog = world.ringing(2, "");
    assert_eq!(world.replace(CARRIER, dialog), Some(403), "a carrier picks up nothing");
    // What rings at a carrier is nobody's to pick up.
    world.call(2, "95550123");
    world.after(1);
    let dialog = world.ringing(CARRIER, "");
    assert_eq!(world.replace(3, dialog), Some(403));
    assert_eq!(world.parties[2].ringing.len(), 1, "it rings on");
}

#[test]
fn who_may_not_pick_up_by_code_may_not_by_a_dialog_either() {
    let mut world = scene();
    world.call(3, "202");
    world.after(1);
    let dialog = world.ringing(2, "");
    assert_eq!(world.replace(1, dialog), Some(403), "201 is in no pickup group");
    assert!(world.parties[2].ended.is_empty(), "202 rings on");
}

#[test]
fn only_the_same_extension_goes_on_with_a_conversation() {
    let mut world = scene();
    world.call(1, "202");
    world.after(1);
    world.answer(2);
    assert_eq!(world.joined(), two("extension 201", "extension 202"));
    let dialog = world.conversation(2, "");
    assert_eq!(world.replace(3, dialog.clone()), Some(403), "203 takes over nothing of 202's");
    let early = world.conversation(2, ";early-only");
    assert_eq!(world.replace(2, early), Some(486));
    let before = world.bridges.len();
    assert_eq!(world.replace(2, dialog), None);
    assert_eq!(world.bridges.len(), before + 1);
    assert_eq!(world.joined(), two("extension 201", "extension 202"));
    assert!(matches!(world.parties[2].ended[..], [.., Ended::ByeReceived { .. }]));
    assert!(world.parties[1].ended.is_empty(), "201 talks on");
    world.hang_up(1);
    world.after(2);
    assert!(world.gateway.calls.is_empty() && world.gateway.legs.is_empty());
}

/// The newest call that rings at a party is sent elsewhere.
fn forward(world: &mut World, at: usize, contact: &str) {
    let (session, _) = world.parties[at].ringing.pop().expect("it rings");
    let now = world.now;
    world.parties[at].endpoint.redirect(now, session, contact);
    world.after(1);
}

#[test]
fn a_phone_forwards_its_caller_to_where_it_may_call_itself() {
    let mut world = scene();
    world.call(1, "202");
    world.after(1);
    forward(&mut world, 2, "<sip:203@192.0.2.1>");
    assert_eq!(world.parties[3].called.len(), 1, "203 rings");
    // A premium number and help are not called on the caller's behalf: refused by everybody.
    for contact in ["<sip:919005551212@192.0.2.1>", "<sip:911@192.0.2.1>", "<sip:203@192.0.2.1>"] {
        let mut world = scene();
        world.call(1, "202");
        world.after(1);
        let (called, own) = (world.parties[CARRIER].called.len(), contact.contains("203"));
        let target = if own { "<sip:202@192.0.2.1>" } else { contact };
        forward(&mut world, 2, target);
        assert_eq!(world.parties[CARRIER].called.len(), called, "{target}");
        assert!(matches!(world.parties[1].ended[..], [Ended::Refused { .. }]), "{target}");
    }
}

#[test]
fn two_phones_that_forward_to_each_other_come_to_an_end() {
    let mut world = scene();
    world.call(3, "202");
    world.after(1);
    let mut forwards = 0;
    while let Some(at) = [2, 1].into_iter().find(|at| !world.parties[*at].ringing.is_empty()) {
        let other = if at == 2 { "201" } else { "202" };
        forward(&mut world, at, &format!("<sip:{other}@192.0.2.1>"));
        forwards += 1;
        assert!(forwards < 20, "they forward for ever");
    }
    assert_eq!(forwards, 6, "five are followed");
    assert!(matches!(world.parties[3].ended[..], [Ended::Refused { .. }]));
    assert!(world.gateway.calls.is_empty() && world.gateway.legs.is_empty());
}

#[test]
fn a_carrier_sends_us_to_its_own_servers_alone_and_only_if_it_may() {
    let both = "servers = [\"192.0.2.99\", \"192.0.2.100\"]\nfollow_redirects = true";
    for (servers, contact, followed) in [
        ("servers = [\"192.0.2.100\"]", "<sip:5550123@192.0.2.100>", false),
        (both, "<sip:5550123@192.0.2.100>", true),
        (both, "<sip:5550123@192.0.2.77>", false),
        (both, "<sip:19005551212@192.0.2.100>", false),
    ] {
        let mut world =
            World::of(1, &CONFIG.replacen("servers = [\"192.0.2.100\"]", servers, 1), 0);
        world.call(1, "95550123");
        world.after(6);
        assert_eq!(world.parties[CARRIER].called.len(), 1);
        forward(&mut world, CARRIER, contact);
        assert_eq!(world.parties[CARRIER].called.len(), 1 + usize::from(followed), "{contact}");
    }
    let mut world = World::of(1, &CONFIG.replacen("servers = [\"192.0.2.100\"]", both, 1), 0);
    world.call(1, "95550123");
    world.after(6);
    for _ in 0..4 {
        forward(&mut world, CARRIER, "<sip:5550123@192.0.2.100>");
    }
    assert_eq!(world.parties[CARRIER].called.len(), 4, "three are followed");
    assert!(matches!(world.parties[1].ended[..], [Ended::Refused { .. }]));
}

#[test]
fn a_caller_without_an_offer_who_wants_reliable_answers_gets_ours_while_it_rings() {
    let mut world = scene();
    world.call_with(1, "202", headers("Require", "100rel".to_owned()), false);
    world.after(2);
    let leg = *world.open.first().expect("sound was opened for the caller");
    assert!(world.gateway.legs.get(leg).is_some_and(|leg| leg.ours.is_some()));
}

#[test]
fn a_trunk_that_needs_reliable_answers_refuses_calls_without() {
    let needs = "servers = [\"192.0.2.100\"]\nprack = \"require\"";
    let mut world = World::of(1, &CONFIG.replacen("servers = [\"192.0.2.100\"]", needs, 1), 0);
    let refused = |world: &World| match world.parties[CARRIER].ended.last() {
        Some(Ended::Refused { status, .. }) => Some(status.code()),
        _ => None,
    };
    world.reliable = crate::sip::reliable::Policy::Never;
    world.call(CARRIER, "+15550101");
    world.after(1);
    assert_eq!(refused(&world), Some(421));
    world.reliable = crate::sip::reliable::Policy::Offer;
    world.call(CARRIER, "+15550101");
    world.after(1);
    assert_eq!(world.parties[1].called.len(), 1, "201 rings");
}

#[test]
fn each_call_onward_may_go_through_one_hand_less() {
    let mut world = scene();
    world.call_with(1, "95550123", headers("Max-Forwards", "12".to_owned()), true);
    world.after(1);
    assert_eq!(world.parties[CARRIER].hops, [11]);
}

/// Whichever side it is that is gone, and whoever was to refresh: what the record says never depends on which leg ended
/// first (RFC 4028 section 10).
#[test]
fn a_call_with_a_party_that_is_gone_for_good_ends_as_a_lost_connection() {
    use crate::call::ending::Cause;
    for seed in 1..=20 {
        for gone in [CARRIER, 1] {
            let mut world = World::of(seed, CONFIG, 20);
            world.call(CARRIER, "+15550101");
            world.after(5);
            world.take_call(1);
            world.after(60);
            assert_eq!(world.joined(), two("trunk carrier", "extension 201"));
            world.cut_off(gone);
            world.after(2_000);
            assert_eq!(world.causes(), [Cause::ConnectionLost], "seed {seed}, {gone} is gone");
            world.after(60);
            assert!(world.gateway.calls.is_empty());
        }
    }
}
