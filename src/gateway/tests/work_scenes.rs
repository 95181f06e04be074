//! Work in queues, told by what records say of it.

use super::scenes::scene;
use super::*;
use crate::admin::api::feed::Happening;
use crate::admin::queueing::{Explanation, WaitingItem};
use crate::admin::{Command, Reply};
use crate::context::{Kind, Order, Who};
use crate::id::ItemId;
use crate::journal::work::{Step, Work};
use crate::queue::Channel;

const ANN: usize = 2;
const BOB: usize = 3;

impl World {
    /// What records say of items of work, in their order.
    pub(super) fn work(&self) -> Vec<Work> {
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
    pub(super) fn steps(&self) -> Vec<String> {
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
fn a_board_shows_the_first_who_waits_at_once_and_a_crowd_in_few_words() {
    let mut world = scene(&[]);
    world.seconds(5);
    let waiting = |world: &World| {
        let queues = world.told.iter().filter_map(|happening| match happening {
            Happening::Queue(line) if line.queue.as_str() == "support" => Some(line.waiting),
            _ => None,
        });
        queues.collect::<Vec<_>>()
    };
    world.told.clear();
    world.call(1, "700");
    world.carry_out();
    world.pass(Duration::from_millis(100));
    assert_eq!(waiting(&world), [1], "told within a moment");
    for _ in 0..3 {
        world.call(1, "700");
        world.carry_out();
        world.pass(Duration::from_millis(5));
    }
    world.pass(Duration::from_millis(100));
    assert_eq!(waiting(&world), [1, 2, 4], "one at once, the others together");
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

const CARRIER: usize = 0;

/// Callers from outside wait in a queue where nobody is signed in yet, and may be called back.
const WITH_CALLBACKS: [(&str, &str); 4] = [
    ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]"),
    (
        "max_wait = 60\noverflow = \"extension:201\"",
        "callback = { dial = \"9\", tries = 2, every = 60 }",
    ),
    ("extension = \"202\"\nsigned_in = true", "extension = \"202\""),
    ("extension = \"203\"\nsigned_in = true", "extension = \"203\""),
];

fn with_callbacks() -> World {
    scene(&WITH_CALLBACKS)
}

impl World {
    /// The caller of the newest call presses a key.
    pub(super) fn press_key(&mut self, digit: char) {
        let view = self.gateway.calls.views().into_iter().max_by_key(|view| view.arrived).unwrap();
        let leg = self.gateway.calls.caller(view.call).unwrap();
        self.gateway
            .handle_media(self.now, media::Event::Digit { leg, digit, duration: Duration::ZERO });
        self.seconds(1);
    }

    /// The box dies at this moment and starts from what is on the disk; agents and phones are where they were.
    fn dies(&mut self) {
        self.dies_with(&WITH_CALLBACKS);
    }

    pub(super) fn dies_with(&mut self, changes: &[(&str, &str)]) {
        let mut replay = Replay::default();
        self.journal.iter().for_each(|segment| _ = replay.read(segment, &mut |_| {}));
        self.parties.iter_mut().for_each(|party| {
            party.ringing.clear();
            party.up.clear();
        });
        let config = super::scenes::config(changes);
        self.gateway = branch_of(self.now, &config, replay.resume, &self.keys, 77);
        self.gateway.handle_started(self.now, false);
        self.seconds(1);
    }

    pub(super) fn sign_in(&mut self, agent: &str) {
        self.gateway.roster.handle_sign_in(self.now, &agent.into()).unwrap();
        self.gateway.handle_timeout(self.now);
        self.seconds(1);
    }

    /// A caller from outside waits for ten seconds, asks to be called back and confirms; the box hangs up.
    fn promise(&mut self) {
        self.call(CARRIER, "+15550101");
        self.seconds(10);
        self.press_key('1');
        self.press_key('1');
        self.seconds(20);
        assert!(self.gateway.calls.is_empty(), "the line is free again");
    }
}

#[test]
fn a_caller_is_called_back_at_the_old_place_with_the_agent_on_the_line_first() {
    let mut world = with_callbacks();
    world.promise();
    assert_eq!(world.steps(), ["queued", "promised", "moved"]);
    world.call(1, "700");
    world.seconds(2);
    world.sign_in("ann");
    assert_eq!(world.parties[ANN].ringing.len(), 1);
    assert!(world.parties[CARRIER].called.is_empty(), "nobody is called before the agent is there");
    world.take_call(ANN);
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["15557654321"]);
    world.take_call(CARRIER);
    world.seconds(30);
    world.hang_up(CARRIER);
    world.seconds(1);
    let promised = |work: &&Work| work.channel == Channel::Callback;
    let work = world.work();
    let item = work[0].item;
    let mine: Vec<_> = work.iter().filter(|work| work.item == item).filter(promised).collect();
    let names: Vec<_> =
        mine.iter().map(|w| serde_json::to_value(w).unwrap()["what"].clone()).collect();
    assert_eq!(
        names,
        ["promised", "moved", "offered", "taken", "attempted", "kept", "closed"],
        "{work:?}"
    );
    world.seconds(5);
    assert_eq!(world.parties[ANN].ringing.len(), 1, "then who came later and held the line");
    world.take_call(ANN);
    world.seconds(2);
    world.hang_up(1);
    world.seconds(30);
    assert!(world.gateway.work.is_empty() && world.gateway.timesheet.is_empty());
    assert!(world.gateway.promises.is_idle());
    assert!(world.gateway.journal.live().promises.0.is_empty());
}

#[test]
fn who_does_not_answer_is_called_again_after_a_while_and_then_no_more() {
    let mut world = with_callbacks();
    world.promise();
    world.sign_in("ann");
    for (attempt, wait) in [(1, 45), (2, 300)] {
        assert_eq!(world.parties[ANN].ringing.len(), 1, "attempt {attempt}");
        world.take_call(ANN);
        world.seconds(1);
        world.reject(CARRIER);
        world.seconds(20);
        assert!(world.gateway.calls.is_empty(), "the agent heard that nobody is there");
        assert!(world.parties[ANN].ringing.is_empty(), "not at once");
        if attempt == 1 {
            world.dies();
            world.seconds(5);
            assert!(world.parties[ANN].ringing.is_empty(), "nor because the box began anew");
        }
        world.seconds(wait);
    }
    assert_eq!(world.parties[CARRIER].called.len(), 2);
    assert!(world.gateway.journal.live().promises.0.is_empty());
    assert!(world.gateway.work.is_empty() && world.gateway.timesheet.is_empty());
}

#[test]
fn whoever_is_erased_is_called_back_no_more_and_their_number_is_in_no_promise() {
    let mut world = with_callbacks();
    world.promise();
    let numbers = |world: &World| {
        let keys = Keyring::open(&[1; 32], &world.keys, crate::random::Random::from_number(1));
        let mut read = Vec::new();
        for mut work in world.work() {
            work.for_each_personal(&mut |personal| read.extend(keys.read(personal)));
        }
        read
    };
    assert_eq!(numbers(&world), ["+15557654321", "+15550101"]);
    let who = Who::Identity(Kind::Phone, "+15557654321".to_owned());
    world.order(Order::Erase { who, rule: None }).expect("erased");
    assert!(numbers(&world).is_empty());
    assert!(world.gateway.journal.live().promises.0.is_empty());
    world.sign_in("ann");
    world.seconds(60);
    assert!(world.parties[ANN].ringing.is_empty() && world.parties[CARRIER].called.is_empty());
    assert!(world.gateway.work.is_empty() && world.gateway.timesheet.is_empty());
}

#[test]
fn whom_the_dial_plan_does_not_let_call_is_not_promised_a_call() {
    let mut world = with_callbacks();
    world.gateway.settings.queues[0].callback.as_mut().unwrap().dial = "8".to_owned();
    world.call(CARRIER, "+15550101");
    world.seconds(10);
    world.press_key('1');
    world.press_key('1');
    world.seconds(20);
    assert_eq!(world.gateway.calls.len(), 1, "the caller waits on");
    assert_eq!(world.steps(), ["queued"]);
}

#[test]
fn nobody_is_promised_a_call_while_the_disk_fails() {
    use crate::journal::Failure;
    let mut world = with_callbacks();
    world.call(CARRIER, "+15550101");
    world.seconds(10);
    world.press_key('1');
    world.disk_works = false;
    world.gateway.handle_journal(world.now, super::super::Kept::Failed(Failure::Full));
    world.press_key('1');
    world.seconds(20);
    assert_eq!(world.gateway.calls.len(), 1, "the caller waits on");
    assert!(world.gateway.journal.live().promises.0.is_empty());
    world.disk_works = true;
    world.seconds(20);
    world.press_key('1');
    world.press_key('1');
    world.seconds(20);
    assert!(world.gateway.calls.is_empty(), "promised once it can be kept");
    assert_eq!(world.gateway.journal.live().promises.0.len(), 1);
}

#[test]
fn an_agent_who_refuses_to_call_back_leaves_the_promise_as_it_is() {
    let mut world = with_callbacks();
    world.promise();
    world.sign_in("ann");
    world.reject(ANN);
    world.seconds(5);
    assert!(world.parties[ANN].ringing.is_empty() && world.parties[CARRIER].called.is_empty());
    world.seconds(30);
    assert_eq!(world.parties[ANN].ringing.len(), 1, "asked again");
    assert_eq!(world.gateway.journal.live().promises.0.len(), 1);
}

#[test]
fn a_promise_outlives_the_box_before_during_and_after_the_agent_is_rung() {
    for (moment, attempts) in [("waiting", 0), ("ringing", 0), ("calling", 1)] {
        let mut world = with_callbacks();
        world.promise();
        let promised = world.gateway.journal.live().promises.clone();
        if moment != "waiting" {
            world.sign_in("ann");
        }
        if moment == "calling" {
            world.take_call(ANN);
            world.seconds(1);
            assert_eq!(world.parties[CARRIER].called.len(), 1);
        }
        world.dies();
        let kept = world.gateway.journal.live().promises.clone();
        let (item, open) = kept.0.first_key_value().expect("the promise is there");
        assert_eq!(kept.0.len(), 1, "{moment}");
        assert_eq!(open.promise, promised.0[item].promise, "{moment}");
        assert_eq!(open.attempts, attempts, "{moment}");
        if moment == "waiting" {
            world.sign_in("ann");
        }
        assert_eq!(world.parties[ANN].ringing.len(), 1, "{moment}: it is ann's turn");
        world.take_call(ANN);
        world.seconds(1);
        world.take_call(CARRIER);
        world.seconds(5);
        world.hang_up(CARRIER);
        world.seconds(5);
        assert!(world.gateway.journal.live().promises.0.is_empty(), "{moment}: kept");
    }
}

/// The same with a second queue, where only bob works.
fn with_sales() -> Vec<(&'static str, &'static str)> {
    let sales = (
        "[[agent]]\nid = \"ann\"",
        "[[queue]]\nname = \"sales\"\nmembers = [\"bob\"]\ncallback = { dial = \"9\" }\n[[agent]]\nid = \"ann\"",
    );
    WITH_CALLBACKS.into_iter().chain([sales]).collect()
}

impl World {
    fn done(&mut self, command: Command) -> Result<(), String> {
        match self.ask(&command) {
            Some(Reply::Done) => Ok(()),
            Some(Reply::Refused(why)) => Err(why),
            other => panic!("{other:?}"),
        }
    }

    fn waiting(&mut self, queue: &str) -> Vec<WaitingItem> {
        match self.ask(&Command::Waiting { queue: queue.into() }) {
            Some(Reply::Waiting(items)) => items,
            other => panic!("{other:?}"),
        }
    }

    fn explained(&mut self, item: ItemId) -> Explanation {
        match self.ask(&Command::Explain { queue: None, item }) {
            Some(Reply::Explained(told)) => *told,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_supervisor_is_told_why_somebody_waits_and_moves_them_with_what_they_have_waited() {
    let mut world = scene(&with_sales());
    world.call(CARRIER, "+15550101");
    world.seconds(10);
    let waits = world.waiting("support").remove(0);
    assert_eq!((waits.position, waits.why.as_str()), (1, "nobody is free for it: 2 signed out"));
    let item = waits.item;
    let told = world.explained(item);
    assert_eq!(told.agents.iter().map(|a| a.standing.as_str()).collect::<Vec<_>>(), ["absent"; 2]);
    let (queue, to) = (None, "nowhere".into());
    let why = world.done(Command::MoveToQueue { queue: queue.clone(), item, to }).unwrap_err();
    assert_eq!(why, "no queue is called nowhere");
    let (elsewhere, to) = (Some("sales".into()), "support".into());
    let why = world.done(Command::MoveToQueue { queue: elsewhere, item, to }).unwrap_err();
    assert!(why.starts_with("there is no item"), "it waits in another queue: {why}");
    let to = Channel::Message;
    let why = world.done(Command::MoveToChannel { queue: None, item, to }).unwrap_err();
    assert_eq!(why, "nothing carries a message on this box");
    world.done(Command::MoveToQueue { queue, item, to: "sales".into() }).unwrap();
    world.done(Command::Prioritise { queue: None, item, priority: 80 }).unwrap();
    assert!(world.waiting("support").is_empty());
    assert!(world.waiting("sales")[0].waited_s >= 9, "as if they had come here");
    assert_eq!(world.waiting("sales")[0].priority, 80);
    assert_eq!(world.steps(), ["queued", "rerouted", "prioritised"]);
    world.sign_in("ann");
    assert!(world.parties[ANN].ringing.is_empty(), "she does not work in sales");
    world.sign_in("bob");
    let told = world.explained(item);
    assert_eq!(told.waiting.unwrap().why, "it rings at bob");
    assert_eq!((told.chosen.len(), told.chosen[0].rule.as_str()), (1, "longest-idle"));
    world.take_call(BOB);
    world.seconds(5);
    let told = world.explained(item);
    assert!(told.waiting.is_none() && told.chosen.len() == 1, "why bob has it");
    let why = world.done(Command::Prioritise { queue: None, item, priority: 1 }).unwrap_err();
    assert!(why.starts_with("there is no item"), "{why}");
    world.hang_up(CARRIER);
    world.seconds(60);
    assert!(world.gateway.work.is_empty() && world.gateway.timesheet.is_empty());
    assert_eq!(world.work().last().map(|work| work.queue.clone()), Some("sales".into()));
}

#[test]
fn who_is_moved_to_a_call_back_keeps_place_queue_and_priority_over_a_restart() {
    let mut world = scene(&with_sales());
    world.call(CARRIER, "+15550101");
    world.seconds(10);
    let item = world.waiting("support").remove(0).item;
    world.done(Command::MoveToChannel { queue: None, item, to: Channel::Callback }).unwrap();
    world.seconds(20);
    assert!(world.gateway.calls.is_empty(), "told so, and the line is free");
    world.done(Command::MoveToQueue { queue: None, item, to: "sales".into() }).unwrap();
    world.done(Command::Prioritise { queue: None, item, priority: 60 }).unwrap();
    let why = world.done(Command::MoveToChannel { queue: None, item, to: Channel::Voice });
    assert_eq!(why, Err("nobody is on the line".to_owned()));
    let before = world.waiting("sales").remove(0);
    world.dies_with(&with_sales());
    let after = world.waiting("sales").remove(0);
    assert_eq!((after.item, after.channel.as_str()), (item, "callback"));
    assert!((60..65).contains(&after.priority), "with what waiting adds: {}", after.priority);
    assert!(after.waited_s >= before.waited_s, "the place");
    world.sign_in("bob");
    world.take_call(BOB);
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["15557654321"]);
}

#[test]
fn whom_somebody_spoke_with_last_is_known_by_the_person_not_by_the_number() {
    let mut world = scene(&[
        ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]"),
        ("overflow = \"extension:201\"", "last_agent_hours = 24"),
    ]);
    // The first call makes the person known, the second says with whom they spoke.
    for _ in 0..2 {
        world.call(CARRIER, "+15550101");
        world.seconds(2);
        world.take_call(ANN);
        world.seconds(5);
        world.hang_up(CARRIER);
        world.seconds(30);
    }
    let contacts: Vec<_> = world.work().iter().filter_map(|work| work.contact).collect();
    assert!(!contacts.is_empty() && contacts.iter().all(|contact| *contact == contacts[0]));
    // A number that nobody can read any more leads to nobody, and after a restart it is known all the same.
    let number = crate::journal::work::number_name(
        &world.gateway.journal.keys().reading().by_number("+15557654321"),
    );
    let known = |world: &World| {
        world
            .gateway
            .journal
            .live()
            .last_agents
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(known(&world).len(), 2, "{:?} {number}", known(&world));
    assert!(known(&world).contains(&number));
    world.dies_with(&[
        ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]"),
        ("overflow = \"extension:201\"", "last_agent_hours = 24"),
    ]);
    for agent in ["ann", "bob"] {
        let reason = crate::agent::Reason::Chosen("tea".to_owned());
        world.gateway.roster.handle_pause(world.now, &agent.into(), reason).unwrap();
    }
    world.call(CARRIER, "+15550101");
    world.seconds(2);
    let item = world.waiting("support").remove(0).item;
    let last = world.gateway.queues.item(item).and_then(|waits| waits.last_agent.clone());
    assert_eq!(last, Some("ann".into()));
}
