//! Supervisors who listen in: who may, in which calls, and what becomes of it when the two part.

use super::parties::talk;
use super::*;
use crate::admin::Command;
use crate::admin::api::bodies::Mode;
use crate::journal::act::{Account, Role, User, Who};
use crate::media::Part;

const ACT: &str = "whisper_call";

/// A carrier's caller talks with 201.
fn scene() -> World {
    let mut world = World::of(1, CONFIG, 0);
    world.call(0, "+15550101");
    world.seconds(1);
    world.take_call(1);
    world.seconds(1);
    world
}

fn order(world: &mut World, command: &Command) -> admin::Reply {
    world.gateway.handle_control(world.now, ReplyTo(77), command);
    world.carry_out();
    world.replies.remove(&77).expect("an answer")
}

fn supervise(world: &mut World, call: CallId, phone: &str, mode: Mode) -> admin::Reply {
    let phone = (!phone.is_empty()).then(|| phone.into());
    order(world, &Command::Supervise { call, phone, mode })
}

/// 203 listens in.
fn listens(world: &mut World, mode: Mode) -> (CallId, LegId) {
    let (call, ..) = talk(world);
    assert_eq!(supervise(world, call, "203", mode), admin::Reply::Done);
    world.seconds(1);
    assert!(world.taps.is_empty(), "nobody has answered");
    world.take_call(3);
    world.seconds(1);
    (call, *world.taps.keys().next().expect("somebody listens in"))
}

fn told(world: &World) -> Vec<Option<Mode>> {
    let own = |told: &Happening| match told {
        Happening::CallSupervised { mode, shown: true, .. } => Some(*mode),
        _ => None,
    };
    world.told.iter().filter_map(own).collect()
}

#[test]
fn a_supervisor_is_rung_listens_in_takes_other_parts_and_leaves_the_two_alone() {
    let mut world = scene();
    let (call, customer, agent) = talk(&world);
    let (_, leg) = listens(&mut world, Mode::Monitor);
    assert_eq!(world.taps[&leg], ([agent, customer], Part::Monitor));
    assert_eq!(supervise(&mut world, call, "", Mode::Whisper), admin::Reply::Done);
    assert_eq!(world.taps[&leg].1, Part::Whisper);
    for (key, part) in [('6', Part::Barge), ('9', Part::Barge), ('4', Part::Monitor)] {
        let duration = Duration::from_millis(100);
        world.gateway.handle_media(world.now, media::Event::Digit { leg, digit: key, duration });
        world.carry_out();
        assert_eq!(world.taps[&leg].1, part, "{key}");
    }
    let other = supervise(&mut world, call, "202", Mode::Barge);
    assert!(matches!(other, admin::Reply::Refused(_)), "one at a time");
    let admin::Reply::ActiveCalls(calls) = order(&mut world, &Command::ActiveCalls) else {
        panic!("no list")
    };
    let line = calls.iter().find(|line| line.call == call).unwrap();
    assert_eq!(line.supervised, Some(Mode::Monitor));
    assert_eq!(order(&mut world, &Command::Unsupervise { call }), admin::Reply::Done);
    world.seconds(2);
    assert!(world.taps.is_empty() && world.parties[3].up.is_empty());
    assert!(world.gateway.supervisions.is_empty());
    assert_eq!(talk(&world), (call, customer, agent), "and they talk on");
    assert_eq!(world.bridged.get(&agent), Some(&customer));
    let parts = [Mode::Monitor, Mode::Whisper, Mode::Barge, Mode::Monitor].map(Some);
    assert_eq!(told(&world), [&parts[..], &[None]].concat());
    // Anew, and the supervisor's phone hangs up.
    listens(&mut world, Mode::Whisper);
    world.hang_up(3);
    world.seconds(2);
    assert!(world.taps.is_empty() && world.gateway.supervisions.is_empty());
    assert_eq!(world.gateway.calls.len(), 1);
    let acts = world.journal.concat();
    let has = |name: &str| acts.windows(name.len()).any(|window| window == name.as_bytes());
    assert!([ACT, "monitor_call", "barge_call", "end_supervision"].into_iter().all(has));
}

#[test]
fn it_goes_with_the_customer_to_another_phone_and_is_heard_by_nobody_there_at_first() {
    let mut world = scene();
    let (call, customer, _) = talk(&world);
    let (_, leg) = listens(&mut world, Mode::Barge);
    let transfer = |to: &str| Command::Transfer { call, to: Some(to.to_owned()), with: None };
    assert_eq!(order(&mut world, &transfer("202")), admin::Reply::Done);
    world.seconds(1);
    world.take_call(2);
    world.seconds(2);
    let (_, caller, agent) = talk(&world);
    assert_eq!(caller, customer);
    assert_eq!(world.taps[&leg], ([agent, customer], Part::Monitor), "they were not asked");
    // To a party outside it does not go.
    assert_eq!(order(&mut world, &transfer("95550123")), admin::Reply::Done);
    world.seconds(1);
    world.take_call(0);
    world.seconds(2);
    assert!(world.taps.is_empty() && world.gateway.supervisions.is_empty());
    assert!(world.parties[3].up.is_empty());
}

#[test]
fn it_ends_with_the_call_also_before_the_supervisor_has_answered() {
    for answers in [true, false] {
        let mut world = scene();
        if answers {
            listens(&mut world, Mode::Monitor);
        } else {
            let (call, ..) = talk(&world);
            supervise(&mut world, call, "203", Mode::Monitor);
            world.seconds(1);
        }
        world.hang_up(0);
        world.seconds(3);
        assert!(world.gateway.calls.is_empty() && world.gateway.supervisions.is_empty());
        assert!(world.taps.is_empty() && world.parties[3].ringing.is_empty());
        assert_eq!(world.gateway.pool.in_use(), 0);
    }
}

#[test]
fn who_is_not_there_who_talks_in_it_and_who_calls_for_help_is_not_listened_in_to() {
    let mut world = scene();
    let (call, ..) = talk(&world);
    for (phone, mode) in [("201", Mode::Monitor), ("299", Mode::Monitor), ("", Mode::Barge)] {
        let reply = supervise(&mut world, call, phone, mode);
        assert!(matches!(reply, admin::Reply::Refused(_)), "{phone}");
    }
    assert!(matches!(order(&mut world, &Command::Unsupervise { call }), admin::Reply::Refused(_)));
    world.hang_up(0);
    world.seconds(2);
    world.call(2, "911");
    world.seconds(1);
    world.take_call(0);
    world.seconds(1);
    let (call, ..) = talk(&world);
    let reply = supervise(&mut world, call, "203", Mode::Monitor);
    assert!(matches!(reply, admin::Reply::Refused(_)));
    assert!(world.parties[3].ringing.is_empty() && world.gateway.supervisions.is_empty());
}

/// A carrier's caller talks with ann at 202; sue is at 201, with a user of this role.
fn with_sue(role: Option<Role>, more: &[(&str, &str)]) -> World {
    let queue = ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]");
    let sue = ("[flow.main]", "[[agent]]\nid = \"sue\"\nextension = \"201\"\n[flow.main]");
    let mut world = super::scenes::scene(&[&[queue, sue], more].concat());
    if let Some(role) = role {
        let user = User {
            name: "susan".to_owned(),
            role,
            agent: Some("sue".into()),
            password: None,
            disabled: false,
            subject: None,
        };
        world.gateway.keep(world.now, Kept::Account(Account::User(user)));
        world.carry_out();
    }
    world.call(0, "+15550101");
    world.seconds(7);
    world.take_call(2);
    world.seconds(1);
    world
}

/// What the journal says of attempts to listen in: who, what, whether it was done.
fn attempts(world: &World) -> Vec<(Who, String, bool)> {
    let (mut acts, mut replay) = (Vec::new(), Replay::default());
    for segment in &world.journal {
        replay.read(segment, &mut |entry| {
            if let Some(Kept::Act(act)) = entry.event {
                acts.push((act.who, act.what, act.done));
            }
        });
    }
    acts
}

#[test]
fn a_supervisor_listens_in_by_a_code_of_the_own_phone() {
    let mut world = with_sue(Some(Role::Supervisor), &[]);
    let (_, customer, agent) = talk(&world);
    for (code, part) in
        [("*52202", Part::Monitor), ("*53202", Part::Whisper), ("*54202", Part::Barge)]
    {
        world.call(1, code);
        world.seconds(1);
        let (leg, tap) = world.taps.iter().next().map(|(leg, tap)| (*leg, *tap)).expect(code);
        assert_eq!(tap, ([agent, customer], part), "{code}");
        let duration = Duration::from_millis(100);
        world.gateway.handle_media(world.now, media::Event::Digit { leg, digit: '4', duration });
        world.carry_out();
        assert_eq!(world.taps[&leg].1, Part::Monitor, "keys change it as ever");
        world.hang_up(1);
        world.seconds(2);
        assert!(world.taps.is_empty() && world.gateway.supervisions.is_empty());
        assert_eq!(world.bridged.get(&agent), Some(&customer), "the two talk on");
    }
    let own = Who::User("susan".to_owned());
    let mut codes = Vec::new();
    for (who, what, done) in attempts(&world) {
        assert_eq!((who, done), (own.clone(), true));
        codes.push(what);
    }
    let keyed = "monitor_call";
    assert_eq!(codes, ["monitor_call", keyed, "whisper_call", keyed, "barge_call", keyed]);
}

#[test]
fn nobody_else_listens_in_by_a_code() {
    let led_by_bob = [("max_wait = 60", "max_wait = 60\nsupervisors = [\"bob\"]")];
    let led_by_sue = [("max_wait = 60", "max_wait = 60\nsupervisors = [\"bob\", \"sue\"]")];
    for (what, role, more, code, hears) in [
        ("no user", None, &[][..], "*52202", false),
        ("an agent", Some(Role::Agent), &[], "*52202", false),
        ("an auditor", Some(Role::Auditor), &[], "*54202", false),
        ("another queue's", Some(Role::Supervisor), &led_by_bob, "*52202", false),
        ("this queue's", Some(Role::Supervisor), &led_by_sue, "*52202", true),
        ("an admin", Some(Role::Admin), &[], "*53202", true),
        ("who does not talk", Some(Role::Supervisor), &[], "*52203", false),
        ("the own phone", Some(Role::Supervisor), &[], "*52201", false),
        ("no agent", Some(Role::Supervisor), &[], "*52999", false),
        ("nobody", Some(Role::Supervisor), &[], "*52", false),
    ] {
        let mut world = with_sue(role, more);
        world.call(1, code);
        world.seconds(1);
        assert_eq!(!world.taps.is_empty(), hears, "{what}");
        let attempts = attempts(&world);
        let dones: Vec<_> = attempts.iter().map(|(_, _, done)| *done).collect();
        assert_eq!(dones, [hears], "{what}: {attempts:?}");
        world.seconds(10);
        let up = !world.parties[1].up.is_empty();
        assert_eq!(up, hears, "{what}: hears that it is not possible, and no more");
    }
}
