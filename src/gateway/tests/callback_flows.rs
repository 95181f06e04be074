//! Callers who are promised a call in a flow, told by who is rung in the end, and by who is not.

use super::scenes::scene;
use super::*;
use crate::journal::personal::Personal;

const CARRIER: usize = 0;
const ANN: usize = 2;

/// Key 7 of the menu offers a call back; nobody is signed in yet.
const OFFERED: [(&str, &str); 5] = [
    ("choices = { 1", "choices = { 7 = \"back\", 1"),
    (
        "[flow.main.record.message]",
        "[flow.main.callback.back]\nqueue = \"support\"\nkeyed = true\n[flow.main.record.message]",
    ),
    (
        "max_wait = 60\noverflow = \"extension:201\"",
        "callback = { dial = \"9\", tries = 2, every = 60 }",
    ),
    ("extension = \"202\"\nsigned_in = true", "extension = \"202\""),
    ("extension = \"203\"\nsigned_in = true", "extension = \"203\""),
];

fn offered() -> World {
    scene(&OFFERED)
}

impl World {
    /// Comes into the menu, presses these keys, each when what came before was said, and stays until it is over.
    fn walks(&mut self, at: usize, keys: &[&str]) {
        self.call(at, if at == CARRIER { "+15550100" } else { "500" });
        self.seconds(5);
        for all in keys {
            self.presses(all);
            self.seconds(5);
        }
        self.seconds(20);
    }

    /// Presses keys for as long as the line is up.
    fn presses(&mut self, keys: &str) {
        for key in keys.chars() {
            if !self.gateway.calls.is_empty() {
                self.press_key(key);
            }
        }
    }

    /// The carrier passes a call on of somebody who says that this is their number.
    fn call_as(&mut self, at: usize, to: &str, from: &'static str) {
        self.parties[at].user = Some(from);
        self.call(at, to);
        self.parties[at].user = None;
    }

    fn hang_up_all(&mut self, at: usize) {
        while !self.parties[at].up.is_empty() {
            self.hang_up(at);
        }
        self.seconds(2);
    }

    fn promises(&self) -> Vec<String> {
        let keys = self.gateway.journal.keys();
        let open = self.gateway.journal.live().promises.0.values();
        open.filter_map(|open| keys.read(&open.promise.number)).collect()
    }

    fn signs_in(&mut self, agent: &str) {
        self.gateway.roster.handle_sign_in(self.now, &agent.into()).unwrap();
        self.gateway.handle_timeout(self.now);
        self.seconds(1);
    }
}

#[test]
fn a_caller_presses_a_key_in_a_flow_and_is_called_back_once() {
    let mut world = offered();
    world.walks(CARRIER, &["7", "1"]);
    assert!(world.gateway.calls.is_empty(), "told so, and the line is free");
    assert_eq!(world.promises(), ["+15557654321"]);
    world.walks(CARRIER, &["7", "1"]);
    assert_eq!(world.promises().len(), 1, "asked twice, called once");
    world.signs_in("ann");
    assert_eq!(world.parties[ANN].ringing.len(), 1);
    assert!(world.parties[CARRIER].called.is_empty(), "nobody is called before the agent is there");
    world.take_call(ANN);
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["15557654321"]);
    world.take_call(CARRIER);
    world.seconds(20);
    assert!(!world.bridged.is_empty(), "they talk");
    world.hang_up(CARRIER);
    world.seconds(60);
    assert!(world.promises().is_empty() && world.parties[ANN].ringing.is_empty());
    assert!(world.gateway.work.is_empty() && world.gateway.timesheet.is_empty());
    assert!(world.gateway.promises.is_idle() && world.gateway.walks.is_empty());
    assert_eq!(world.parties[CARRIER].called.len(), 1);
}

#[test]
fn another_number_is_keyed_and_kept_as_its_owner_s() {
    let mut world = offered();
    world.walks(CARRIER, &["7", "2", "4085551234#", "1"]);
    assert_eq!(world.promises(), ["+14085551234"]);
    let live = world.gateway.journal.live().promises.clone();
    let kept = &live.0.values().next().unwrap().promise.number;
    assert!(!matches!(kept, Personal::Clear(_)), "sealed");
    world.signs_in("ann");
    world.take_call(ANN);
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["14085551234"]);
}

#[test]
fn whoever_first_waited_in_a_queue_keeps_that_place() {
    let mut world = scene(&[
        OFFERED[0],
        OFFERED[1],
        (
            "max_wait = 60\noverflow = \"extension:201\"",
            "max_wait = 60\ncallback = { dial = \"9\" }",
        ),
        OFFERED[3],
        OFFERED[4],
        (
            "choices = { 7 = \"back\", 1 = \"queue:support\"",
            "choices = { 7 = \"back\", 1 = \"wait\"",
        ),
        (
            "[flow.main.record.message]",
            "[flow.main.queue.wait]\nqueue = \"support\"\notherwise = \"back\"\n[flow.main.record.message]",
        ),
    ]);
    world.call(CARRIER, "+15550100");
    world.seconds(5);
    let began = world.now.unix;
    world.press_key('1');
    world.seconds(75);
    world.press_key('1');
    world.seconds(20);
    assert!(world.gateway.calls.is_empty());
    let live = world.gateway.journal.live().promises.clone();
    let promise = &live.0.values().next().expect("promised").promise;
    assert!(promise.arrived.since(began) < Duration::from_secs(2), "since they came to wait");
}

#[test]
fn what_may_not_be_called_is_not_promised_and_the_caller_goes_on() {
    for keyed in [
        "911",
        "9911",
        "112",
        "201",
        "500",
        "19005551234",
        "9005551234",
        "011442071838750",
        "4085550",
        "18765551234",
        "*72#",
        "5550100",
        "1010288",
        "0",
    ] {
        let mut world = offered();
        world.walks(CARRIER, &["7", "2", &format!("{keyed}#"), "1", "1"]);
        assert_eq!(world.promises(), [""; 0], "{keyed}");
        world.signs_in("ann");
        world.seconds(5);
        assert!(world.parties[ANN].ringing.is_empty(), "{keyed}");
        assert!(world.parties[CARRIER].called.is_empty(), "{keyed}");
    }
}

/// Numbers that call can be forged: a carrier passes on what somebody wrote.
#[test]
fn a_forged_caller_is_promised_nothing_that_agents_may_not_be_made_to_call() {
    for from in ["201", "911", "+19005551234", "+15550100", "anonymous", "*72", "700"] {
        for keys in [["7", "1"], ["1", "11"]] {
            let mut world = offered();
            world.call_as(CARRIER, "+15550100", from);
            world.seconds(5);
            for all in keys {
                world.presses(all);
                world.seconds(12);
            }
            assert_eq!(world.promises(), [""; 0], "{from}");
        }
    }
}

#[test]
fn a_phone_inside_is_called_back_at_its_own_number_and_keys_no_colleague_s() {
    let mut world = scene(&[
        OFFERED[0],
        OFFERED[1],
        OFFERED[2],
        OFFERED[3],
        OFFERED[4],
        (
            "[[internal]]\nnumber = \"700\"",
            "[[internal]]\nnumber = \"500\"\nto = \"ivr:main\"\n[[internal]]\nnumber = \"700\"",
        ),
    ]);
    world.walks(1, &["7", "2", "203#"]);
    assert_eq!(world.promises(), [""; 0]);
    world.hang_up(1);
    world.seconds(1);
    world.walks(1, &["7", "1"]);
    assert_eq!(world.promises(), ["201"]);
    world.signs_in("ann");
    world.take_call(ANN);
    world.seconds(1);
    assert_eq!(world.parties[1].ringing.len(), 1);
}

#[test]
fn one_caller_makes_the_branch_call_a_few_others_a_day_and_no_more() {
    let mut world = offered();
    for (number, open) in
        [("4085551231", 1), ("4085551232", 2), ("4085551233", 3), ("4085551234", 3)]
    {
        world.walks(CARRIER, &["7", "2", &format!("{number}#"), "1"]);
        world.hang_up_all(CARRIER);
        assert_eq!(world.promises().len(), open, "{number}");
    }
    world.walks(CARRIER, &["7", "1"]);
    assert_eq!(world.promises().len(), 4, "their own number is another thing");
}

/// Promises are counted over the death of the box.
#[test]
fn a_restart_forgives_nobody_who_makes_the_branch_call_others() {
    let mut world = offered();
    for number in ["4085551231", "4085551232", "4085551233"] {
        world.walks(CARRIER, &["7", "2", &format!("{number}#"), "1"]);
        world.hang_up_all(CARRIER);
    }
    assert_eq!(world.promises().len(), 3);
    for round in 0..2 {
        world.dies_with(&OFFERED);
        world.walks(CARRIER, &["7", "2", "4085551234#", "1"]);
        world.hang_up_all(CARRIER);
        assert_eq!(world.promises().len(), 3 + round, "three of one caller");
        world.call_as(CARRIER, "+15550100", "+14085551239");
        world.seconds(5);
        for keys in ["7", "2", &format!("408555124{round}#"), "1"] {
            world.presses(keys);
            world.seconds(5);
        }
        world.hang_up_all(CARRIER);
        assert_eq!(world.promises().len(), 4 + round, "another has three of their own");
    }
    world.seconds(86_400);
    world.dies_with(&OFFERED);
    world.walks(CARRIER, &["7", "2", "4085551234#", "1"]);
    world.hang_up_all(CARRIER);
    assert!(world.promises().contains(&"+14085551234".to_owned()), "a day later");
    let lately = world.gateway.journal.live().given.0.len();
    assert_eq!(lately, 1, "what is older than a day is not kept");
}

/// Whoever hides their number may be anybody: all of them together have a few others called, over a restart too.
#[test]
fn all_who_hide_their_number_share_twenty_calls_a_day() {
    let mut world = offered();
    for caller in 0..22 {
        if caller == 20 {
            world.dies_with(&OFFERED);
        }
        world.call_as(CARRIER, "+15550100", "anonymous");
        world.seconds(5);
        for keys in ["7", &format!("40855512{caller:02}#"), "1"] {
            world.presses(keys);
            world.seconds(5);
        }
        world.seconds(20);
        world.hang_up_all(CARRIER);
        assert_eq!(world.promises().len(), (caller + 1).min(20), "caller {caller}");
    }
}

#[test]
fn a_queue_takes_as_many_promises_as_callers() {
    let mut world = scene(&[
        OFFERED[0],
        OFFERED[1],
        (OFFERED[2].0, "max_waiting = 1\ncallback = { dial = \"9\" }"),
        OFFERED[3],
        OFFERED[4],
    ]);
    world.walks(CARRIER, &["7", "1"]);
    assert_eq!(world.promises().len(), 1);
    world.call_as(CARRIER, "+15550100", "+14085551235");
    world.seconds(5);
    world.press_key('7');
    world.seconds(6);
    world.press_key('1');
    world.seconds(10);
    assert_eq!(world.promises().len(), 1);
}

#[test]
fn nothing_is_promised_in_a_flow_while_the_disk_fails() {
    use crate::journal::Failure;
    let mut world = offered();
    world.call(CARRIER, "+15550100");
    world.seconds(5);
    world.press_key('7');
    world.seconds(5);
    world.disk_works = false;
    world.gateway.handle_journal(world.now, super::super::Kept::Failed(Failure::Full));
    world.press_key('1');
    world.seconds(20);
    assert!(world.gateway.calls.is_empty(), "the caller heard so, and was let go");
    world.disk_works = true;
    world.seconds(20);
    assert!(world.promises().is_empty());
    world.walks(CARRIER, &["7", "1"]);
    assert_eq!(world.promises().len(), 1, "promised once it can be kept");
}

/// It is a Monday afternoon by the clock of these scenes, and the branch opens on Tuesdays.
#[test]
fn while_it_is_closed_a_call_is_promised_for_the_next_opening() {
    let mut world = scene(&[
        OFFERED[0],
        OFFERED[1],
        (OFFERED[2].0, "calendar = \"office\"\ncallback = { dial = \"9\" }"),
        OFFERED[3],
        OFFERED[4],
        (
            "[flow.main]",
            "[[calendar]]\nname = \"office\"\ntime_zone = \"UTC\"\n\
             open = [{ days = \"tue\", from = \"08:00\", to = \"17:00\" }]\n[flow.main]",
        ),
    ]);
    let opens = world.gateway.queues.calls_back_from(world.now, &"support".into()).unwrap();
    assert!(opens > world.now.unix);
    let words = world.gateway.promised_words(world.now, &"support".into());
    assert_eq!(words, crate::call::Saying::CalledBackFrom(opens));
    assert!(world.gateway.sentence(words).len() >= 4, "with the day and the time");
    world.walks(CARRIER, &["7", "1"]);
    assert_eq!(world.promises().len(), 1);
    world.signs_in("ann");
    let left = opens.since(world.now.unix);
    world.pass(left - Duration::from_secs(60));
    assert!(world.parties[ANN].ringing.is_empty(), "not before it opens");
    world.register(ANN, 3_600);
    world.pass(Duration::from_secs(70));
    world.carry_out();
    assert_eq!(world.parties[ANN].ringing.len(), 1);
}

#[test]
fn who_waits_and_has_a_promise_already_is_called_once_at_the_first_place() {
    let mut world = offered();
    world.walks(CARRIER, &["7", "1"]);
    let first = world.gateway.journal.live().promises.clone();
    world.call(CARRIER, "+15550100");
    world.seconds(5);
    world.presses("1");
    world.seconds(10);
    assert_eq!(world.gateway.queues.snapshot(world.now)[0].waiting, 2);
    world.presses("11");
    world.seconds(20);
    assert!(world.gateway.calls.is_empty(), "told so, and the line is free");
    assert_eq!(world.gateway.journal.live().promises, first);
    let queue = world.gateway.queues.snapshot(world.now).remove(0);
    assert_eq!((queue.waiting, queue.counters.taken_out, queue.counters.abandoned), (1, 1, 0));
    assert!(world.gateway.journal.live().places.is_empty(), "nobody holds a line");
}
