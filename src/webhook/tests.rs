use std::time::{Duration, Instant};

use super::*;
use crate::id::HookId;
use crate::random::Random;
use crate::time::{Now, UnixTime};

const LIMITS: Limits = Limits {
    batch: 3,
    tries: 4,
    first_wait: Duration::from_secs(4),
    longest_wait: Duration::from_secs(10),
};

/// A receiver's courier and a journal whose even records are wanted; record `n` happened at second `n`.
struct Scene {
    now: Now,
    courier: Courier,
    kept: Option<Standing>,
    stored: u64,
    posts: Vec<Post>,
    limits: Limits,
}

impl Scene {
    fn new(limits: Limits) -> Scene {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let kept = Some(Standing::default());
        let mut scene = Scene {
            now,
            courier: courier(limits, kept.clone(), 0),
            kept,
            stored: 0,
            posts: Vec::new(),
            limits,
        };
        scene.turn();
        scene
    }

    fn stored(&mut self, upto: u64) {
        self.stored = upto;
        self.courier.handle_stored(self.now, upto);
        self.turn();
        self.pass(Duration::from_millis(100));
    }

    fn turn(&mut self) {
        while let Some(output) = self.courier.poll_output() {
            match output {
                Output::Read(reading) => self.courier.handle_page(self.now, Some(page(reading))),
                Output::Post(post) => self.posts.push(post),
                Output::Remember(change) => {
                    self.kept.get_or_insert_default().apply(&change.what);
                }
            }
        }
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.courier.handle_timeout(self.now);
        self.turn();
    }

    fn answer(&mut self, status: u16) {
        self.courier.handle_answer(self.now, Answer::Status { status, retry_after: None });
        self.turn();
    }

    /// Somebody orders something, which is kept first.
    fn order(&mut self, what: What) {
        self.kept.get_or_insert_default().apply(&what);
        self.courier.handle_order(self.now, &what);
    }

    /// The box is killed and starts again.
    fn restart(&mut self) {
        self.courier = courier(self.limits, self.kept.clone(), self.stored);
        self.stored(self.stored);
    }

    /// The records of the newest message.
    fn newest(&self) -> Vec<u64> {
        records(self.posts.last().expect("something was sent"))
    }
}

fn courier(limits: Limits, kept: Option<Standing>, stored: u64) -> Courier {
    let random = Random::from_number(1);
    Courier::new(HookId::from("crm"), limits, "box".to_owned(), kept, stored, random)
}

fn page(reading: Reading) -> Page {
    let wanted = |n: &u64| {
        let at = UnixTime(*n as i64 * 1_000_000);
        n.is_multiple_of(2) && reading.since <= at && at < reading.until
    };
    let numbers = (reading.first..=reading.last).filter(wanted).take(reading.most);
    let items: Vec<_> = numbers
        .map(|record| {
            let at = UnixTime(record as i64 * 1_000_000);
            Item { record, at, json: record.to_string() }
        })
        .collect();
    let full = items.len() == reading.most;
    let read_to = items.last().filter(|_| full).map_or(reading.last, |last| last.record);
    Page { items, read_to }
}

fn records(post: &Post) -> Vec<u64> {
    let inner = post.body.strip_prefix("{\"events\":[").and_then(|rest| rest.strip_suffix("]}"));
    inner.expect("events").split(',').map(|n| n.parse().expect("a number")).collect()
}

#[test]
fn messages_go_in_order_one_at_a_time() {
    let mut scene = Scene::new(LIMITS);
    scene.stored(9);
    assert_eq!(scene.newest(), [2, 4, 6]);
    scene.pass(Duration::from_secs(3_600));
    assert_eq!(scene.posts.len(), 1, "the first is still under way");
    scene.answer(200);
    assert_eq!(scene.newest(), [8]);
    scene.answer(204);
    assert_eq!(scene.courier.behind(), 0);
    assert_eq!(scene.kept.as_ref().map(|kept| kept.upto), Some(8));
    assert_eq!(scene.courier.deadline(), None);
}

#[test]
fn who_was_not_known_gets_what_happens_from_now_on() {
    let mut scene = Scene::new(LIMITS);
    scene.kept = None;
    scene.courier = courier(LIMITS, None, 100);
    scene.stored(102);
    assert_eq!(scene.newest(), [102]);
    // Killed before anything was answered: it is not skipped.
    scene.restart();
    assert_eq!(scene.newest(), [102]);
}

#[test]
fn a_message_that_is_not_taken_is_tried_later_and_later_under_its_own_id() {
    let mut scene = Scene::new(Limits { tries: 0, ..LIMITS });
    scene.stored(2);
    let mut waits = Vec::new();
    for _ in 0..6 {
        scene.answer(503);
        let due = scene.courier.deadline().expect("another try");
        waits.push(due - scene.now.instant);
        scene.pass(due - scene.now.instant);
    }
    for (wait, [least, most]) in waits.iter().zip([[2, 4], [4, 8], [5, 10], [5, 10], [5, 10]]) {
        let allowed = Duration::from_secs(least)..=Duration::from_secs(most);
        assert!(allowed.contains(wait), "{waits:?}");
    }
    assert_eq!(scene.posts.len(), 7);
    assert!(scene.posts.iter().all(|post| post.id == "box-2"));
    assert!(scene.posts[1].seconds > scene.posts[0].seconds, "the time is that of the try");
    assert_eq!(scene.courier.trouble(), Some((Why::Status(503), 6)));
}

#[test]
fn what_comes_meanwhile_does_not_join_a_message_that_was_tried() {
    let mut scene = Scene::new(LIMITS);
    scene.stored(3);
    scene.answer(500);
    scene.stored(8);
    scene.pass(Duration::from_secs(10));
    assert_eq!(scene.newest(), [2]);
    scene.answer(200);
    assert_eq!(scene.newest(), [4, 6, 8]);
}

#[test]
fn retry_after_is_kept_to_up_to_an_hour() {
    let mut scene = Scene::new(LIMITS);
    scene.stored(2);
    let busy =
        |after| Answer::Status { status: 429, retry_after: Some(Duration::from_secs(after)) };
    scene.courier.handle_answer(scene.now, busy(120));
    assert_eq!(scene.courier.deadline(), Some(scene.now.instant + Duration::from_secs(120)));
    scene.pass(Duration::from_secs(120));
    scene.courier.handle_answer(scene.now, busy(86_400));
    assert_eq!(scene.courier.deadline(), Some(scene.now.instant + Duration::from_secs(3_600)));
}

#[test]
fn after_the_last_try_a_message_is_given_up_and_the_next_one_goes() {
    let mut scene = Scene::new(Limits { batch: 1, ..LIMITS });
    scene.stored(4);
    for _ in 0..4 {
        assert_eq!(scene.newest(), [2]);
        scene.courier.handle_answer(scene.now, Answer::Not(Why::Late));
        scene.turn();
        scene.pass(Duration::from_secs(10));
    }
    assert_eq!(scene.newest(), [4]);
    let dead = &scene.kept.as_ref().expect("kept").dead;
    let found: Vec<_> = dead.iter().map(|d| (d.first, d.last, d.tries, d.why)).collect();
    assert_eq!(found, [(2, 2, 4, Why::Late)]);
}

#[test]
fn one_bad_event_does_not_take_its_neighbours_with_it() {
    let mut scene = Scene::new(LIMITS);
    scene.stored(8);
    assert_eq!(scene.newest(), [2, 4, 6]);
    scene.answer(422);
    assert_eq!(scene.newest(), [2]);
    scene.answer(200);
    assert_eq!(scene.newest(), [4]);
    scene.answer(422);
    assert_eq!(scene.newest(), [6]);
    scene.answer(200);
    assert_eq!(scene.newest(), [8]);
    let kept = scene.kept.expect("kept");
    assert_eq!(kept.dead.iter().map(|dead| dead.first).collect::<Vec<_>>(), [4]);
    assert_eq!(kept.given_up, 1);
}

#[test]
fn what_an_admin_can_mend_is_no_never() {
    for status in [301, 401, 403, 404, 408, 409, 425, 429, 500, 503] {
        let mut scene = Scene::new(LIMITS);
        scene.stored(2);
        scene.answer(status);
        assert!(scene.courier.deadline().is_some(), "{status}");
    }
    for status in [400, 413, 422] {
        let mut scene = Scene::new(LIMITS);
        scene.stored(2);
        scene.answer(status);
        assert_eq!(scene.kept.expect("kept").given_up, 1, "{status}");
    }
}

#[test]
fn records_are_sent_again_by_id_and_by_time_before_what_is_owed() {
    let mut scene = Scene::new(LIMITS);
    scene.stored(20);
    for _ in 0..4 {
        scene.answer(200);
    }
    assert_eq!((scene.newest(), scene.courier.behind()), (vec![20], 0));
    let (since, until) = (UnixTime(i64::MIN), UnixTime(i64::MAX));
    scene.order(What::Replay(Span { next: 4, end: 4, since, until }));
    let (since, until) = (UnixTime(7_000_000), UnixTime(15_000_000));
    scene.order(What::Replay(Span { next: 1, end: 20, since, until }));
    scene.turn();
    scene.pass(Duration::from_millis(100));
    assert_eq!(
        (scene.newest(), scene.posts.last().map(|post| post.id.as_str())),
        (vec![4], Some("box-4"))
    );
    scene.stored(22);
    scene.answer(200);
    assert_eq!(scene.newest(), [8, 10, 12]);
    // Killed between the two messages of the second order: it goes on with the second.
    scene.answer(200);
    assert_eq!(scene.newest(), [14]);
    scene.restart();
    assert_eq!(scene.newest(), [14]);
    scene.answer(200);
    assert_eq!(scene.newest(), [22]);
    assert!(scene.kept.expect("kept").again.is_empty());
}

#[test]
fn who_is_paused_is_sent_nothing_and_loses_nothing() {
    let mut scene = Scene::new(Limits { batch: 1, ..LIMITS });
    scene.stored(2);
    let at = scene.now.unix;
    scene.order(What::Paused { why: Pause::Admin, at });
    // What is under way comes to its end.
    scene.answer(200);
    scene.stored(6);
    scene.pass(Duration::from_secs(3_600));
    assert_eq!((scene.newest(), scene.courier.deadline()), (vec![2], None));
    assert_eq!(scene.courier.condition().behind, 4);
    assert!(scene.courier.condition().oldest.is_some());
    scene.restart();
    assert_eq!(scene.posts.len(), 1, "a pause outlives the box");
    scene.order(What::Resumed);
    scene.pass(Duration::from_millis(100));
    assert_eq!(scene.newest(), [4]);
    // Paused between two tries, it is tried at once when it goes on, under its own id.
    scene.answer(503);
    scene.order(What::Paused { why: Pause::Admin, at });
    assert_eq!(scene.courier.deadline(), None);
    scene.pass(Duration::from_secs(3_600));
    assert_eq!(scene.posts.len(), 2);
    scene.order(What::Resumed);
    scene.pass(Duration::ZERO);
    assert_eq!((scene.newest(), scene.posts.len()), (vec![4], 3));
    scene.answer(200);
    scene.answer(200);
    let condition = scene.courier.condition();
    assert_eq!((condition.behind, condition.oldest, condition.trouble), (0, None, None));
    assert_eq!((condition.tries, condition.failed), (3, 1), "since the restart");
}

#[test]
fn who_is_gone_is_left_alone_until_somebody_says_that_it_is_back() {
    let mut scene = Scene::new(LIMITS);
    scene.stored(8);
    scene.answer(410);
    scene.stored(12);
    scene.pass(Duration::from_secs(86_400));
    assert_eq!(scene.posts.len(), 1);
    let kept = scene.kept.clone().expect("kept");
    assert_eq!(kept.paused.map(|(why, _)| why), Some(Pause::Gone));
    assert_eq!((kept.given_up, kept.upto), (0, 0), "nothing is given up for it");
    assert_eq!(scene.courier.trouble(), Some((Why::Status(410), 1)));
    scene.restart();
    assert_eq!(scene.posts.len(), 1);
    scene.order(What::Resumed);
    scene.pass(Duration::from_millis(100));
    assert_eq!(scene.newest(), [2, 4, 6]);
    scene.answer(200);
    assert_eq!(scene.newest(), [8, 10, 12]);
}

/// An hour without a receiver, then one that is slow, then one that takes messages and forgets to say so: the order is
/// kept, everything arrives, twice only what was not answered, and nothing is gathered in memory meanwhile.
#[test]
fn after_an_hour_without_a_receiver_everything_arrives_once_and_in_order() {
    let mut scene = Scene::new(Limits { tries: 0, ..LIMITS });
    let began = scene.now.instant;
    let mut stored = 0;
    while scene.now.instant - began < Duration::from_secs(3_600) {
        stored += 2;
        scene.stored(stored);
        if scene.posts.len() > usize::try_from(scene.courier.condition().tries).expect("few") {
            scene.courier.handle_answer(scene.now, Answer::Not(Why::Unreachable));
            scene.turn();
        }
        scene.pass(Duration::from_secs(1));
    }
    let tries = scene.posts.len();
    assert!(scene.posts.iter().all(|post| post.id == scene.posts[0].id), "one message is tried");
    assert!((360..=730).contains(&tries), "{tries} tries in an hour, 5 to 10 seconds apart");
    let condition = scene.courier.condition();
    assert_eq!(condition.oldest, Some(UnixTime(2_000_000)));
    assert_eq!(condition.behind, stored);
    assert!(scene.courier.outputs_waiting() == 0, "what is owed is in the journal alone");
    // Slow, and every seventh answer is lost.
    let mut arrived = Vec::new();
    let mut again = 0;
    let mut seen = tries;
    while scene.courier.behind() > 0 {
        scene.pass(Duration::from_secs(9));
        if scene.posts.len() == seen {
            continue;
        }
        seen = scene.posts.len();
        let known = scene.newest().first().is_some_and(|first| arrived.contains(first));
        again += usize::from(known);
        if !known {
            arrived.extend(scene.newest());
        }
        match seen % 7 {
            0 => {
                scene.courier.handle_answer(scene.now, Answer::Not(Why::Late));
                scene.turn();
            }
            _ => scene.answer(200),
        }
    }
    assert_eq!(arrived, (1..=stored / 2).map(|n| n * 2).collect::<Vec<_>>());
    assert!(again > 10 && again < arrived.len() / 3, "{again} came again");
    println!("{} events, {tries} tries in the hour, {again} messages again", arrived.len());
}

#[test]
fn a_journal_that_cannot_be_read_is_read_later() {
    let mut scene = Scene::new(LIMITS);
    scene.courier.handle_stored(scene.now, 2);
    scene.now = scene.now.after(Duration::from_millis(100));
    scene.courier.handle_timeout(scene.now);
    assert!(matches!(scene.courier.poll_output(), Some(Output::Read(_))));
    scene.courier.handle_page(scene.now, None);
    scene.pass(Duration::from_secs(5));
    assert_eq!(scene.newest(), [2]);
}

/// A receiver that fails at random, a box that is killed at random: everything arrives, in order, and only what was under
/// way at a kill arrives twice.
#[test]
fn nothing_is_lost_or_out_of_order_however_it_goes() {
    for seed in 0..200 {
        let mut random = Random::from_number(seed);
        let mut scene = Scene::new(Limits { tries: 0, ..LIMITS });
        let mut taken: Vec<u64> = Vec::new();
        let mut seen = 0;
        while scene.stored < 300 || scene.courier.behind() > 0 {
            match random.below(10) {
                0..=2 => scene.stored((scene.stored + random.below(9)).min(300)),
                3 => scene.restart(),
                4 => scene.answer(503),
                _ => {
                    let fresh = scene.posts.len() > seen;
                    if fresh {
                        seen = scene.posts.len();
                        taken.extend(scene.newest());
                        // Taken, and the answer is lost in one of five.
                        if random.below(5) > 0 {
                            scene.answer(200);
                        } else {
                            scene.courier.handle_answer(scene.now, Answer::Not(Why::Late));
                            scene.turn();
                        }
                    }
                }
            }
            scene.pass(Duration::from_secs(10));
        }
        let mut whole = taken.clone();
        whole.sort_unstable();
        whole.dedup();
        assert_eq!(whole, (1..=150).map(|n| n * 2).collect::<Vec<_>>(), "seed {seed}");
        // First arrivals come in order.
        let mut high = 0;
        for record in &taken {
            assert!(*record <= high + 2, "seed {seed}: {record} before {}", high + 2);
            high = high.max(*record);
        }
    }
}

/// The vector that the standard's own libraries are tested with.
#[test]
fn signatures_are_those_of_the_standard() {
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
    let signed =
        secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    // While it is changed, whoever knows either secret finds its own.
    let new = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").expect("a secret");
    let alone = new.sign("msg_1", 1, b"{}");
    let both = new.beside(secret.clone()).sign("msg_1", 1, b"{}");
    assert_eq!(both, format!("{alone} {}", secret.sign("msg_1", 1, b"{}")));
    for wrong in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%%"]
    {
        assert!(Secret::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn targets_are_taken_apart_and_odd_ones_refused() {
    let target = Target::parse("https://crm.example.com:8443/in?x=1").expect("a target");
    assert_eq!((target.tls, target.host.as_str(), target.port), (true, "crm.example.com", 8443));
    assert_eq!(
        (target.authority.as_str(), target.path.as_str()),
        ("crm.example.com:8443", "/in?x=1")
    );
    let target = Target::parse("http://[::1]").expect("a target");
    assert_eq!((target.host.as_str(), target.port, target.path.as_str()), ("::1", 80, "/"));
    for wrong in [
        "",
        "ftp://x/",
        "https://",
        "https://a b/",
        "https://user:pw@x/",
        "https://x:0/",
        "https://x:99999/",
        "https://x/\r\nHost: y",
        "https://[::1/",
        "https://[x]/",
        "https://x/#a",
        "https://x\\y/",
    ] {
        assert_eq!(Target::parse(wrong), Err(NotATarget), "{wrong}");
    }
}

#[test]
fn addresses_inside_are_reached_only_where_that_was_said() {
    let (outside, inside) = (Reach { private: false }, Reach { private: true });
    for address in
        ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
    {
        let address = address.parse().expect("an address");
        assert!(outside.admit(true, address).is_err(), "{address}");
        assert!(
            inside.admit(true, address).is_ok() && inside.admit(false, address).is_ok(),
            "{address}"
        );
    }
    for address in [
        "0.0.0.0",
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "ff02::1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "::ffff:169.254.169.254",
        "3fff::1",
        "192.0.2.1",
    ] {
        assert!(inside.admit(true, address.parse().expect("an address")).is_err(), "{address}");
    }
    for address in ["93.184.216.34", "2600::1"] {
        let address = address.parse().expect("an address");
        assert!(outside.admit(true, address).is_ok(), "{address}");
        assert!(inside.admit(false, address).is_err(), "plain HTTP to {address}");
    }
}

#[test]
fn names_kinds_and_everything_are_wanted_and_what_names_nothing_is_told() {
    let wanted = Wanted::new(["call.*", "agent"]).expect("names");
    assert!(wanted.has("call.answered") && wanted.has("agent") && wanted.has_kind("call"));
    assert!(!wanted.has("call_record") && !wanted.has_kind("call_record"));
    // Neither keys that callers press nor PINs and accounts ever go out.
    let all = Wanted::new(["*"]).expect("everything");
    for never in ["call.collected", "voicemail.pin", "account", "bound", "context", "phone"] {
        assert!(!all.has(never), "{never}");
    }
    for wrong in ["call", "cal*", "call.*.x", "call.collected", "", "**"] {
        assert_eq!(Wanted::new([wrong]), Err(wrong));
    }
}
