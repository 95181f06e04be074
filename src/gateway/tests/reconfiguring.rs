//! A configuration that changes under calls that are up and callers who wait.

use super::message_scenes::PHONES;
use super::scenes::{config, scene};
use super::*;
use crate::config::trial::{Pending, Reason, TRUNK_OUT, USUAL};
use crate::gateway::{Change, Standing};

const CARRIER: usize = 0;
const ANN: usize = 2;
const BOB: usize = 3;

impl World {
    /// `CONFIG` with something else in the place of something runs from now on.
    fn reconfigure(&mut self, changes: &[(&str, &str)], trial: Option<Pending>) {
        let text = config(changes);
        let loaded = crate::config::load(Path::new("g"), &|_| Ok(text.clone())).unwrap();
        let prompts = prompts::Prompts::builtin();
        let flows = loaded.flows(prompts.names()).unwrap();
        let phones = ["201", "202", "203"].map(|user| (user.to_owned(), Secret::plain("secret")));
        let trunks = BTreeMap::from([("carrier".into(), Secret::plain("secret"))]);
        let secrets = Secrets { phones: phones.into(), trunks, ..Secrets::default() };
        let version = if trial.is_some() { 2 } else { 3 };
        let standing = Standing { version, trial, rolled_back: None };
        let settings = loaded.settings;
        let change = Change { settings, flows, prompts, secrets, standing, waits: Vec::new() };
        self.gateway.handle_configuration(self.now, change);
        self.seconds(0);
    }

    fn pending(&self) -> Pending {
        let unix = self.now.unix;
        Pending {
            version: 2,
            before: 1,
            begun: unix,
            until: unix + USUAL,
            trunks: vec!["carrier".into()],
            phones: true,
            starts: 0,
        }
    }

    fn words_of(&mut self, name: &str) -> Option<String> {
        let status = self.ask_status();
        status.parts.into_iter().find(|part| part.name == name).map(|part| part.words)
    }
}

#[test]
fn who_waits_keeps_the_place_and_who_talks_goes_on() {
    let mut world = scene(&[("max_wait = 60", "max_wait = 600")]);
    world.call(CARRIER, "+15550101");
    world.seconds(2);
    world.take_call(1);
    world.seconds(5);
    assert_eq!(world.gateway.calls.len(), 1);
    world.call(1, "700");
    world.seconds(3);
    let waits = |world: &World| world.gateway.queue_lines(world.now)[0].waiting;
    let (before, talking) = (waits(&world), world.gateway.calls.len());
    assert!(before == 1 || world.parties[ANN].ringing.len() == 1, "somebody is in the queue");
    world.reconfigure(
        &[
            ("members = [\"ann\", \"bob\"]", "members = [\"ann\"]"),
            ("number = \"600\"\nto = \"echo\"", "number = \"601\"\nto = \"echo\""),
        ],
        None,
    );
    world.seconds(3);
    assert_eq!(world.gateway.calls.len(), talking, "nobody was cut off");
    assert_eq!(waits(&world), before);
    world.take_call(ANN);
    world.seconds(3);
    assert_eq!(waits(&world), 0, "ann has the caller who waited");
    // From now on the new plan and the new members count.
    world.call(BOB, "600");
    world.seconds(2);
    assert!(matches!(world.parties[BOB].ended.last(), Some(Ended::Refused { .. })));
}

#[test]
fn an_agent_who_is_gone_finishes_the_call_and_a_queue_that_is_gone_empties_first() {
    let mut world = scene(&[]);
    world.call(1, "700");
    world.seconds(4);
    world.take_call(ANN);
    world.seconds(3);
    let calls = world.gateway.calls.len();
    let ann = "[[agent]]\nid = \"ann\"\nextension = \"202\"\nsigned_in = true\n";
    world.reconfigure(&[(ann, ""), ("members = [\"ann\", \"bob\"]", "members = [\"bob\"]")], None);
    world.seconds(3);
    assert_eq!(world.gateway.calls.len(), calls, "the conversation goes on");
    let names = |world: &World| {
        world
            .gateway
            .agent_lines()
            .into_iter()
            .map(|line| line.agent.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&world), ["ann", "bob"]);
    world.hang_up(1);
    world.seconds(10);
    let states: Vec<_> = world.gateway.agent_lines().into_iter().map(|line| line.state).collect();
    assert_eq!(states[0], "signed out", "after the call and what follows it");
    world.reconfigure(&[(ann, ""), ("members = [\"ann\", \"bob\"]", "members = [\"bob\"]")], None);
    assert_eq!(names(&world), ["bob"]);
}

#[test]
fn a_trunk_that_does_not_work_any_more_takes_the_change_back_and_an_untouched_one_goes_on() {
    let mut world = scene(&[]);
    world.seconds(2);
    let (trunks, _) = world.gateway.health(world.now);
    assert_eq!(trunks.len(), 1, "it answers what it is asked");
    let untouched = world.gateway.trunks["carrier"].state();
    let pending = world.pending();
    world.reconfigure(
        &[("max_wait = 60", "max_wait = 90")],
        Some(Pending { phones: false, ..pending }),
    );
    assert_eq!(world.gateway.trunks["carrier"].state(), untouched);
    world.seconds(60);
    assert_eq!(world.going_back, [], "nothing is wrong with it");
    assert!(world.words_of("configuration").is_some_and(|words| words.contains("on trial until")));
    world.gateway.handle_confirmed(2);
    world.seconds(USUAL.as_secs());
    assert_eq!(world.going_back, [], "somebody has confirmed it");
    let pending = world.pending();
    let began = world.now;
    world.reconfigure(
        &[("servers = [\"192.0.2.100\"]", "servers = [\"192.0.2.99\"]")],
        Some(Pending { phones: false, ..pending }),
    );
    world.seconds(TRUNK_OUT.as_secs() + 1);
    assert_eq!(world.going_back, [(2, Reason::Trunk("carrier".into()))]);
    assert!(world.now.instant - began.instant < TRUNK_OUT * 2);
}

#[test]
fn nobody_who_confirms_is_nobody_who_is_waited_for() {
    let mut world = scene(&[]);
    world.seconds(2);
    let pending = world.pending();
    world.reconfigure(
        &[("max_wait = 60", "max_wait = 90")],
        Some(Pending { trunks: Vec::new(), phones: false, ..pending }),
    );
    world.seconds(USUAL.as_secs() - 2);
    assert_eq!(world.going_back, []);
    world.seconds(4);
    assert_eq!(world.going_back, [(2, Reason::Time)]);
}

#[test]
fn phones_may_write_from_the_moment_that_the_site_says_so() {
    let mut world = scene(&[]);
    world.writes(1, "text/plain", "Hello?");
    world.seconds(2);
    assert_eq!(world.answered_texts(1), [405]);
    world.reconfigure(&[PHONES], None);
    world.writes(1, "text/plain", "Hello?");
    world.seconds(2);
    assert_eq!(world.answered_texts(1)[1..], [202]);
    assert_eq!(world.gateway.journal.live().errands.0.len(), 1, "support is asked");
    // Nobody answers from now on; it is kept all the same.
    let (begin, text) = PHONES;
    world.reconfigure(&[(begin, &text.replace("queue = \"support\"\n", ""))], None);
    world.writes(2, "text/plain", "Anybody?");
    world.seconds(2);
    assert_eq!(
        (world.answered_texts(2), world.gateway.journal.live().errands.0.len()),
        (vec![202], 1)
    );
    world.reconfigure(&[], None);
    world.writes(1, "text/plain", "Hello?");
    world.seconds(2);
    assert_eq!(world.answered_texts(1)[2..], [405]);
}
