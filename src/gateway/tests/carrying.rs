//! Calls that live through a restart: whoever talks goes on talking, and each call has one record with its true length.

use super::*;
use crate::call::Activity;

const CARRIER: usize = 0;
const ANN: usize = 2;
const BOB: usize = 3;

impl World {
    /// A branch under systemd, in whose network nothing is lost.
    fn kept_by_systemd(seed: u64, loss: u64) -> World {
        let mut world = World::of(seed, CONFIG, loss);
        world.gateway.carry_calls();
        world
    }

    /// The program is gone at once, and another runs with what was kept. Answers how many calls it could take up.
    fn killed_and_started(&mut self, seed: u64) -> usize {
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |_| ());
        }
        assert!(replay.damage.is_none());
        self.gateway = branch_of(self.now, CONFIG, replay.resume, &self.keys, seed);
        self.open.clear();
        self.closed.clear();
        self.recording.clear();
        self.taping.clear();
        self.bridged.clear();
        self.sealed.clear();
        (self.taps, self.hushed, self.paused) = Default::default();
        (self.written, self.over) = (crate::journal::Token::default(), false);
        self.gateway.carry_calls();
        let left = std::mem::take(&mut self.kept);
        let taken =
            left.values().filter(|l| self.gateway.handle_left(self.now, &l.bytes).is_some());
        let taken = taken.count();
        self.gateway.handle_started(self.now, false);
        self.carry_out();
        taken
    }

    /// The program is told to begin anew, and does.
    fn restarted(&mut self, seed: u64) -> usize {
        self.gateway.handle_control(self.now, ReplyTo(1), &admin::Command::Leave);
        self.gateway.handle_stop(self.now);
        self.carry_out();
        self.pass(Duration::from_secs(3));
        assert!(self.over, "it does not end");
        self.killed_and_started(seed)
    }

    /// Pairs who hear each other, the smaller id first.
    fn pairs(&self) -> BTreeSet<(LegId, LegId)> {
        self.bridged.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect()
    }

    fn talking(&self) -> BTreeSet<CallId> {
        let views = self.gateway.calls.views().into_iter();
        let talks = views.filter(|view| matches!(view.activity, Activity::Talking(_)));
        talks.map(|view| view.call).collect()
    }

    /// Two talk: whoever is at `from` has called `to`, where `at` has answered.
    fn talk(&mut self, from: usize, to: &str, at: usize) {
        self.call(from, to);
        self.carry_out();
        self.pass(Duration::from_secs(2));
        self.take_call(at);
        self.carry_out();
        self.pass(Duration::from_secs(1));
    }

    /// Whether somebody has had an answer of 200 to a BYE.
    fn heard_out(&self, at: usize) -> bool {
        let is = |bytes: &Vec<u8>| {
            let text = String::from_utf8_lossy(bytes);
            text.starts_with("SIP/2.0 200") && text.contains(" BYE\r\n")
        };
        self.parties[at].received.iter().any(is)
    }
}

#[test]
fn two_who_talk_go_on_and_their_record_tells_the_true_length() {
    type Begins = fn(&mut World, u64) -> usize;
    let (killed, restarted): (Begins, Begins) = (World::killed_and_started, World::restarted);
    for (begins, (from, to, at)) in [
        (killed, (CARRIER, "+15550101", 1)),
        (restarted, (CARRIER, "+15550101", 1)),
        (killed, (ANN, "203", BOB)),
        (restarted, (1, "95550123", CARRIER)),
    ] {
        let mut world = World::kept_by_systemd(3, 0);
        world.talk(from, to, at);
        let (talking, pairs) = (world.talking(), world.pairs());
        assert_eq!((talking.len(), pairs.len()), (1, 1), "{from} to {to}");
        world.pass(Duration::from_secs(30));
        assert_eq!(begins(&mut world, 99), 1, "{from} to {to}");
        assert_eq!((world.talking(), world.pairs()), (talking, pairs), "the same two");
        assert_eq!(world.gateway.pool.in_use(), 2);
        world.pass(Duration::from_secs(30));
        assert!(!world.talking().is_empty(), "{:?}", world.records());
        world.hang_up(at);
        world.carry_out();
        world.pass(Duration::from_secs(5));
        assert!(world.heard_out(at), "the BYE is answered");
        assert_eq!(world.parties[from].ended.len(), 1, "the other one hears of it");
        let records = world.records();
        assert_eq!(records.len(), 1, "{records:?}");
        let talked = records[0].ended.since(records[0].connected.expect("they talked"));
        assert!((60..70).contains(&talked.as_secs()), "{talked:?}");
        assert!(world.kept.is_empty(), "nothing is left of it");
        assert!(world.gateway.calls.is_empty() && world.gateway.legs.is_empty());
    }
}

#[test]
fn who_was_on_hold_is_on_hold_and_is_fetched_back() {
    let mut world = World::kept_by_systemd(5, 0);
    world.talk(ANN, "203", BOB);
    let session = *world.parties[ANN].up.first().expect("a call");
    let offer = |direction| {
        let own = SocketAddr::from(([192, 0, 2, 22], 5060));
        let origin = sdp::Origin::new(1, 2, own.ip());
        sdp::audio_offer(origin, own.ip(), 9_000, &[Codec::pcmu()], Some(101), direction)
    };
    world.parties[ANN].endpoint.reoffer(world.now, session, &offer(Direction::SendOnly));
    world.carry_out();
    world.pass(Duration::from_secs(2));
    assert!(world.pairs().is_empty(), "music plays");
    assert_eq!(world.killed_and_started(98), 1);
    assert!(world.pairs().is_empty(), "music plays still");
    assert_eq!(world.gateway.calls.views()[0].held_by.len(), 1);
    world.parties[ANN].endpoint.reoffer(world.now, session, &offer(Direction::SendRecv));
    world.carry_out();
    world.pass(Duration::from_secs(2));
    assert_eq!(world.pairs().len(), 1, "they talk again");
    world.finish();
    assert!(world.gateway.calls.is_empty());
}

#[test]
fn what_cannot_be_read_ends_the_call_where_it_says_to_whom_it_was() {
    let mut world = World::kept_by_systemd(7, 0);
    world.talk(ANN, "203", BOB);
    for kept in world.kept.values_mut() {
        let text = String::from_utf8(kept.bytes.clone()).expect("text");
        kept.bytes = text.replace("\"version\":1", "\"version\":9").into_bytes();
    }
    assert_eq!(world.killed_and_started(97), 0);
    world.pass(Duration::from_secs(3));
    for at in [ANN, BOB] {
        assert!(matches!(world.parties[at].ended.as_slice(), [Ended::ByeReceived { .. }]), "{at}");
    }
    assert_eq!((world.gateway.pool.in_use(), world.records().len()), (0, 1));
    // Whatever bytes are damaged, nothing falls over.
    world.talk(ANN, "203", BOB);
    let whole = world.kept.values().next().expect("a call").bytes.clone();
    let mut random = Random::from_number(1);
    for _ in 0..2_000 {
        let mut damaged = whole.clone();
        let at = random.below(damaged.len() as u64) as usize;
        match random.below(3) {
            0 => damaged.truncate(at),
            1 => damaged[at] = random.bits() as u8,
            _ => drop(damaged.remove(at)),
        }
        let mut other = branch_of(world.now, CONFIG, Resume::default(), &[], 5);
        other.carry_calls();
        let taken = other.handle_left(world.now, &damaged);
        assert_eq!(other.calls.len(), usize::from(taken.is_some()));
        assert_eq!(taken, taken.filter(|_| other.handle_left(world.now, &damaged).is_none()));
    }
}

#[test]
fn whenever_it_restarts_who_talks_goes_on_and_every_call_has_one_record() {
    let (mut restarts, mut carried) = (0, 0);
    for seed in 0..40 {
        let mut world = World::kept_by_systemd(seed, 20);
        for step in 0..120 {
            world.act();
            let wait = world.random.below(4_000);
            world.pass(Duration::from_millis(wait));
            if world.random.below(12) > 0 {
                continue;
            }
            restarts += 1;
            let model: BTreeSet<_> = world.kept.keys().copied().collect();
            assert!(model.is_subset(&world.talking()), "seed {seed}: only who talks is kept");
            let heard = world.pairs();
            let taken = world.killed_and_started(1_000 + seed * 1_000 + step);
            assert_eq!(taken, model.len(), "seed {seed}, step {step}");
            assert_eq!(world.talking(), model, "seed {seed}, step {step}");
            assert!(world.pairs().is_subset(&heard), "seed {seed}: nobody hears somebody else");
            carried += taken;
        }
        world.finish();
        let gateway = &world.gateway;
        assert!(gateway.calls.is_empty() && gateway.legs.is_empty(), "seed {seed}");
        assert!(world.open.is_empty() && world.kept.is_empty(), "seed {seed}: {:?}", world.kept);
        assert_eq!((gateway.endpoint.alive().0, gateway.pool.in_use()), (0, 0), "seed {seed}");
        let (arrived, records) = world.kept();
        assert_eq!(arrived, records, "seed {seed}: each call has one record");
    }
    assert!(restarts > 200 && carried > 25, "{restarts} restarts, {carried} calls carried");
}
