#![allow(clippy::disallowed_methods)]

use super::*;
use Presence::{Offered, Paused, Ready, SignedOut, Talking, WrapUp};

const WRAP_UP: u32 = 30;

struct Desk {
    now: Now,
    roster: Roster,
}

/// A roster of one agent, `ann`, with [`WRAP_UP`], brought to `presence` with nothing left to tell.
fn desk(presence: &Presence) -> Desk {
    let settings =
        Settings { id: ann(), extension: "201".into(), skills: BTreeMap::new(), wrap_up: WRAP_UP };
    let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
    let mut roster = Roster::new(vec![settings]);
    let to: &[fn(&mut Roster, Now) -> Done] = match presence {
        SignedOut => &[],
        Ready => &[sign_in],
        Offered => &[sign_in, offered],
        Talking => &[sign_in, offered, answered],
        WrapUp => &[sign_in, offered, answered, released],
        Paused(_) => &[sign_in, pause],
    };
    to.iter().for_each(|step| step(&mut roster, now).unwrap());
    let mut desk = Desk { now, roster };
    assert_eq!(desk.presence(), *presence);
    desk.told();
    desk
}

fn ann() -> AgentId {
    "ann".into()
}

fn tea() -> Reason {
    Reason::Chosen("tea".to_owned())
}

fn sign_in(roster: &mut Roster, now: Now) -> Done {
    roster.handle_sign_in(now, &ann())
}

fn sign_out(roster: &mut Roster, now: Now) -> Done {
    roster.handle_sign_out(now, &ann())
}

fn pause(roster: &mut Roster, now: Now) -> Done {
    roster.handle_pause(now, &ann(), tea())
}

fn resume(roster: &mut Roster, now: Now) -> Done {
    roster.handle_resume(now, &ann())
}

fn offered(roster: &mut Roster, now: Now) -> Done {
    roster.handle_offered(now, &ann())
}

fn answered(roster: &mut Roster, now: Now) -> Done {
    roster.handle_answered(now, &ann())
}

fn withdrawn(roster: &mut Roster, now: Now) -> Done {
    roster.handle_withdrawn(now, &ann())
}

fn missed(roster: &mut Roster, now: Now) -> Done {
    roster.handle_missed(now, &ann(), true)
}

fn refused(roster: &mut Roster, now: Now) -> Done {
    roster.handle_missed(now, &ann(), false)
}

fn released(roster: &mut Roster, now: Now) -> Done {
    roster.handle_released(now, &ann(), None)
}

fn wrapped_up(roster: &mut Roster, now: Now) -> Done {
    roster.handle_wrapped_up(now, &ann())
}

impl Desk {
    fn presence(&self) -> Presence {
        self.roster.presence(&ann()).unwrap().clone()
    }

    /// What was told to the queues since the last time: `ready`, `unready`.
    fn told(&mut self) -> Vec<&'static str> {
        let word = |output| match output {
            Output::Ready { .. } => Some("ready"),
            Output::Unready { .. } => Some("unready"),
            _ => None,
        };
        std::iter::from_fn(|| self.roster.poll_output()).filter_map(word).collect()
    }

    fn after(&mut self, seconds: u64) -> Now {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.now
    }

    /// The time since which the agent is told to be idle.
    fn idle_since(&mut self) -> Option<UnixTime> {
        let since = |output| match output {
            Output::Ready { since, .. } => Some(since),
            _ => None,
        };
        std::iter::from_fn(|| self.roster.poll_output()).find_map(since)
    }
}

type Step = (&'static str, fn(&mut Roster, Now) -> Done);

const STEPS: [Step; 11] = [
    ("sign in", sign_in),
    ("sign out", sign_out),
    ("pause", pause),
    ("resume", resume),
    ("offered", offered),
    ("answered", answered),
    ("withdrawn", withdrawn),
    ("missed", missed),
    ("refused", refused),
    ("released", released),
    ("wrapped up", wrapped_up),
];

#[test]
fn every_input_in_every_state_leads_where_the_table_says() {
    let on_pause = Paused(tea());
    let dead = Paused(Reason::Missed);
    // State, input, next state, what the queues are told. Whatever is not listed does not fit.
    let table: Vec<(Presence, &str, Presence, &[&str])> = vec![
        (SignedOut, "sign in", Ready, &["ready"]),
        (Ready, "sign out", SignedOut, &["unready"]),
        (Ready, "pause", on_pause.clone(), &["unready"]),
        (Ready, "offered", Offered, &[]),
        (Offered, "sign out", SignedOut, &["unready"]),
        (Offered, "pause", on_pause.clone(), &["unready"]),
        (Offered, "answered", Talking, &[]),
        (Offered, "withdrawn", Ready, &["ready"]),
        (Offered, "missed", dead, &["unready"]),
        (Offered, "refused", Ready, &["ready"]),
        (Talking, "sign out", Talking, &[]),
        (Talking, "pause", Talking, &[]),
        (Talking, "released", WrapUp, &[]),
        (WrapUp, "sign out", WrapUp, &[]),
        (WrapUp, "pause", WrapUp, &[]),
        (WrapUp, "wrapped up", Ready, &["ready"]),
        (on_pause.clone(), "sign out", SignedOut, &[]),
        (on_pause.clone(), "pause", on_pause.clone(), &[]),
        (on_pause.clone(), "resume", Ready, &["ready"]),
    ];
    for from in [SignedOut, Ready, Offered, Talking, WrapUp, on_pause] {
        for (name, step) in STEPS {
            let mut desk = desk(&from);
            let done = step(&mut desk.roster, desk.now);
            let row = table.iter().find(|row| row.0 == from && row.1 == name);
            match row {
                Some((_, _, to, told)) => {
                    assert_eq!((done, &desk.presence()), (Ok(()), to), "{name} while {from:?}");
                    assert_eq!(desk.told(), *told, "{name} while {from:?}");
                }
                None => {
                    assert_eq!(done, Err(Misfit::WrongState), "{name} while {from:?}");
                    assert_eq!(desk.presence(), from, "{name} while {from:?}");
                    assert!(desk.told().is_empty());
                }
            }
        }
    }
}

#[test]
fn a_stranger_fits_nowhere() {
    for (name, step) in STEPS {
        let mut roster = Roster::new(Vec::new());
        assert_eq!(step(&mut roster, desk(&SignedOut).now), Err(Misfit::Unknown), "{name}");
        assert_eq!(roster.handle_busy(&ann()), Err(Misfit::Unknown));
        assert_eq!(roster.handle_idle(&ann()), Err(Misfit::Unknown));
        assert!(roster.poll_output().is_none());
    }
}

#[test]
fn after_work_ends_by_itself_on_time() {
    let mut desk = desk(&Talking);
    let end = desk.now.instant + Duration::from_secs(WRAP_UP.into());
    released(&mut desk.roster, desk.now).unwrap();
    assert_eq!(desk.roster.deadline(), Some(end));
    let early = desk.after(29);
    desk.roster.handle_timeout(early);
    assert_eq!(desk.presence(), WrapUp);
    let due = desk.after(1);
    desk.roster.handle_timeout(due);
    assert_eq!((desk.presence(), desk.told()), (Ready, vec!["ready"]));
    assert_eq!(desk.roster.deadline(), None);
}

#[test]
fn the_queue_may_say_how_long_after_work_is() {
    let mut short = desk(&Talking);
    short.roster.handle_released(short.now, &ann(), Some(0)).unwrap();
    assert_eq!((short.presence(), short.roster.deadline()), (Ready, None));
    let mut long = desk(&Talking);
    long.roster.handle_released(long.now, &ann(), Some(90)).unwrap();
    assert_eq!(long.roster.deadline(), Some(long.now.instant + Duration::from_secs(90)));
}

#[test]
fn after_work_that_ended_early_does_not_end_again() {
    let mut desk = desk(&WrapUp);
    wrapped_up(&mut desk.roster, desk.now).unwrap();
    offered(&mut desk.roster, desk.now).unwrap();
    let later = desk.after(60);
    desk.roster.handle_timeout(later);
    assert_eq!(desk.presence(), Offered);
}

#[test]
fn what_was_asked_for_during_a_contact_happens_after_it() {
    for (step, then) in
        [(sign_out as fn(&mut Roster, Now) -> Done, SignedOut), (pause, Paused(tea()))]
    {
        let mut desk = desk(&Talking);
        step(&mut desk.roster, desk.now).unwrap();
        released(&mut desk.roster, desk.now).unwrap();
        assert_eq!(desk.presence(), WrapUp, "after-work first");
        wrapped_up(&mut desk.roster, desk.now).unwrap();
        assert_eq!(desk.presence(), then);
        assert!(!desk.told().contains(&"ready"));
    }
}

#[test]
fn a_pause_asked_for_during_a_contact_can_be_taken_back() {
    let mut desk = desk(&Talking);
    pause(&mut desk.roster, desk.now).unwrap();
    resume(&mut desk.roster, desk.now).unwrap();
    assert_eq!(resume(&mut desk.roster, desk.now), Err(Misfit::WrongState));
    desk.roster.handle_released(desk.now, &ann(), Some(0)).unwrap();
    assert_eq!(desk.presence(), Ready);
}

#[test]
fn a_sign_out_asked_for_once_does_not_follow_the_next_contact() {
    let mut desk = desk(&Talking);
    sign_out(&mut desk.roster, desk.now).unwrap();
    desk.roster.handle_released(desk.now, &ann(), Some(0)).unwrap();
    for step in [sign_in, offered, answered, released, wrapped_up] {
        step(&mut desk.roster, desk.now).unwrap();
    }
    assert_eq!(desk.presence(), Ready);
}

#[test]
fn idle_time_counts_from_the_end_of_the_contact_through_pauses_and_missed_offers() {
    let mut desk = desk(&Talking);
    let end = desk.after(100);
    released(&mut desk.roster, end).unwrap();
    let wrapped = desk.after(30);
    desk.roster.handle_timeout(wrapped);
    assert_eq!(desk.idle_since(), Some(end.unix));
    for step in [pause, resume] {
        let now = desk.after(10);
        step(&mut desk.roster, now).unwrap();
    }
    assert_eq!(desk.idle_since(), Some(end.unix));
    for step in [offered, missed, resume] {
        let now = desk.after(10);
        step(&mut desk.roster, now).unwrap();
    }
    assert_eq!(desk.idle_since(), Some(end.unix));
}

#[test]
fn a_phone_busy_with_another_call_is_not_ready() {
    let mut desk = desk(&Ready);
    desk.roster.handle_busy(&ann()).unwrap();
    desk.roster.handle_busy(&ann()).unwrap();
    assert_eq!((desk.presence(), desk.told()), (Ready, vec!["unready"]));
    for step in [pause, resume] {
        step(&mut desk.roster, desk.now).unwrap();
    }
    assert_eq!(desk.told(), ["unready"], "still on that call");
    desk.roster.handle_idle(&ann()).unwrap();
    desk.roster.handle_idle(&ann()).unwrap();
    assert_eq!(desk.told(), ["ready"]);
}

#[test]
fn a_call_beside_a_pause_tells_the_queues_nothing() {
    let mut desk = desk(&Paused(tea()));
    desk.roster.handle_busy(&ann()).unwrap();
    desk.roster.handle_idle(&ann()).unwrap();
    assert!(desk.told().is_empty());
}

#[test]
fn a_restart_keeps_pauses_and_idle_time_and_ends_contacts() {
    let kept = |presence: &Presence| match presence {
        SignedOut => (SignedOut, vec![]),
        Paused(reason) => (Paused(reason.clone()), vec![]),
        _ => (Ready, vec!["ready"]),
    };
    let pauses = [Paused(tea()), Paused(Reason::Missed)];
    for before in [SignedOut, Ready, Offered, Talking, WrapUp].iter().chain(&pauses) {
        let mut desk = desk(&SignedOut);
        let idle_since = desk.now.unix - Duration::from_secs(500);
        desk.roster.restore(desk.now, &ann(), before.clone(), idle_since).unwrap();
        assert_eq!((desk.presence(), desk.told()), kept(before));
        assert_eq!(desk.roster.deadline(), None);
        if let Paused(_) = before {
            resume(&mut desk.roster, desk.now).unwrap();
            assert_eq!(desk.idle_since(), Some(idle_since));
        }
    }
    let mut ready = desk(&Ready);
    let again = ready.roster.restore(ready.now, &ann(), Ready, UnixTime(0));
    assert_eq!(again, Err(Misfit::WrongState), "only before anything happened");
}

#[test]
fn every_change_is_told_with_its_time() {
    let mut desk = desk(&Offered);
    let at = desk.after(5);
    answered(&mut desk.roster, at).unwrap();
    let told = Output::Changed { agent: ann(), from: Offered, to: Talking, at: at.unix };
    assert_eq!(desk.roster.poll_output(), Some(told));
    assert_eq!(desk.roster.poll_output(), None);
}

#[test]
fn a_pause_asked_for_during_a_contact_stops_other_work_at_once_and_taking_it_back_lets_it_come() {
    let mut desk = desk(&Talking);
    pause(&mut desk.roster, desk.now).unwrap();
    resume(&mut desk.roster, desk.now).unwrap();
    sign_out(&mut desk.roster, desk.now).unwrap();
    sign_in(&mut desk.roster, desk.now).unwrap();
    let told: Vec<_> = std::iter::from_fn(|| desk.roster.poll_output()).collect();
    let (leaving, staying) = (Output::Leaving { agent: ann() }, Output::Staying { agent: ann() });
    assert_eq!(told, [leaving.clone(), staying.clone(), leaving, staying]);
}

#[test]
fn after_work_of_written_contacts_ends_one_by_one_beside_a_call() {
    let mut desk = desk(&Ready);
    let ids = [(1, 30), (2, 10), (3, 0)];
    for (item, seconds) in ids {
        desk.roster.handle_written_released(desk.now, &ann(), ItemId(item), seconds).unwrap();
    }
    offered(&mut desk.roster, desk.now).unwrap();
    let ended = |roster: &mut Roster| -> Vec<u64> {
        let item = |output| match output {
            Output::WrappedUp { item, .. } => Some(item.0),
            _ => None,
        };
        std::iter::from_fn(|| roster.poll_output()).filter_map(item).collect()
    };
    assert_eq!(ended(&mut desk.roster), [3]);
    assert_eq!(desk.roster.deadline(), Some(desk.now.instant + Duration::from_secs(10)));
    let later = desk.after(10);
    desk.roster.handle_timeout(later);
    assert_eq!((ended(&mut desk.roster), desk.presence()), (vec![2], Offered));
    let later = desk.after(20);
    desk.roster.handle_timeout(later);
    assert_eq!((ended(&mut desk.roster), desk.roster.deadline()), (vec![1], None));
}

#[test]
fn whoever_is_to_be_ready_is_whatever_was_asked_for_before() {
    for from in [SignedOut, Ready, Paused(tea()), WrapUp] {
        let mut desk = desk(&from);
        desk.roster.handle_ready(desk.now, &ann()).unwrap();
        assert_eq!(desk.presence(), Ready, "from {from:?}");
    }
    // A sign-out or a pause in after-work waits for its end; who takes it back does not leave then.
    for ask in [sign_out as fn(&mut Roster, Now) -> Done, pause] {
        let mut own = desk(&WrapUp);
        ask(&mut own.roster, own.now).unwrap();
        own.told();
        own.roster.handle_ready(own.now, &ann()).unwrap();
        assert_eq!(own.presence(), Ready);
        let told: Vec<_> = std::iter::from_fn(|| own.roster.poll_output()).collect();
        assert!(told.contains(&Output::Staying { agent: ann() }), "{told:?}");
        let mut own = desk(&Talking);
        ask(&mut own.roster, own.now).unwrap();
        own.roster.handle_ready(own.now, &ann()).unwrap();
        own.roster.handle_released(own.now, &ann(), Some(0)).unwrap();
        assert_eq!(own.presence(), Ready);
    }
}

/// A page that is loaded anew while it rings: the agent has missed nothing, and is offered nothing until it is back.
#[test]
fn who_is_away_for_a_moment_is_offered_nothing_and_is_as_before_when_back() {
    let until = |desk: &Desk| desk.now.instant + Duration::from_secs(20);
    for presence in [Ready, Offered] {
        let mut desk = desk(&presence);
        let at = until(&desk);
        desk.roster.handle_away(&ann(), at).unwrap();
        assert_eq!(desk.told(), ["unready"]);
        if presence == Offered {
            desk.roster.handle_withdrawn(desk.now, &ann()).unwrap();
            assert!(desk.told().is_empty());
        }
        assert_eq!(desk.presence(), Ready);
        assert_eq!(desk.roster.deadline(), Some(at));
        desk.roster.handle_back(&ann()).unwrap();
        assert_eq!(desk.told(), ["ready"]);
        desk.roster.handle_back(&ann()).unwrap();
        assert!(desk.told().is_empty());
    }
    // Who does not come back is as anybody whose phone is not there.
    let mut desk = desk(&Ready);
    desk.roster.handle_away(&ann(), until(&desk)).unwrap();
    desk.told();
    desk.roster.handle_timeout(desk.now.after(Duration::from_secs(20)));
    assert_eq!(desk.told(), ["ready"]);
    assert_eq!(desk.roster.deadline(), None);
}

#[test]
fn who_is_away_while_talking_is_ready_only_when_both_are_over() {
    let mut desk = desk(&Talking);
    desk.roster.handle_away(&ann(), desk.now.instant + Duration::from_secs(20)).unwrap();
    assert!(desk.told().is_empty());
    desk.roster.handle_released(desk.now, &ann(), Some(0)).unwrap();
    assert!(desk.told().is_empty());
    desk.roster.handle_back(&ann()).unwrap();
    assert_eq!(desk.told(), ["ready"]);
}
