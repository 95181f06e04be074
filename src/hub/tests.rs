//! The line in virtual time: it breaks, both ends crash, datagrams of nonsense come; what the office has is what the box
//! wrote, in order, each once.

#![allow(clippy::disallowed_methods)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::session::{self, Session};
use crate::random::Random;
use crate::uplink::frame::{Class, Event, Frame, Reason, Welcome};
use crate::uplink::{Down, Output, Route, Settings, State, Uplink};

fn settings() -> Settings {
    Settings {
        site: "berne".to_owned(),
        epoch: "1".to_owned(),
        program: "0.1.0".to_owned(),
        ceiling: None,
        tls: true,
    }
}

fn event(number: u64) -> Event {
    Event { class: Class::CALL, body: format!("{{\"n\":{number}}}").into_bytes() }
}

fn all(uplink: &mut Uplink) -> Vec<Output> {
    std::iter::from_fn(|| uplink.poll_output()).collect()
}

/// A box and an office, and what lies between.
struct World {
    now: Instant,
    random: Random,
    uplink: Uplink,
    /// What the box wrote, and the oldest that it still has.
    outbox: Vec<Event>,
    first: u64,
    /// What the box remembers over a crash: it may be behind.
    cursor: u64,
    session: Option<Session>,
    /// What the office has for good.
    kept: Vec<Event>,
    /// What the engine is given and has not said to be kept.
    pending: VecDeque<(u64, Vec<Event>)>,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
    connecting: bool,
    /// How often something was broken.
    broken: u32,
}

impl World {
    fn new(seed: u64) -> World {
        let now = Instant::now();
        let mut random = Random::from_number(seed);
        let uplink = Uplink::new(now, settings(), (1, 0), 0, random.fork());
        World {
            now,
            random,
            uplink,
            outbox: Vec::new(),
            first: 1,
            cursor: 0,
            session: None,
            kept: Vec::new(),
            pending: VecDeque::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            connecting: false,
            broken: 0,
        }
    }

    fn newest(&self) -> u64 {
        self.outbox.len() as u64
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..=29 => self.write(),
            30..=49 => self.carry_up(),
            50..=69 => self.carry_down(),
            70..=84 => self.engine(),
            85..=91 => self.time(),
            92..=94 => self.cut(),
            95 => self.box_crashes(),
            96 => self.office_crashes(),
            97 => self.let_go(),
            _ => self.connect(),
        }
        self.carry_out();
    }

    fn write(&mut self) {
        for _ in 0..=self.random.below(20) {
            self.outbox.push(event(self.newest() + 1));
        }
        self.uplink.handle_outbox(self.now, self.first, self.newest());
    }

    fn carry_up(&mut self) {
        for _ in 0..=self.random.below(4) {
            let Some(frame) = self.up.pop_front() else { return };
            if let Some(session) = &mut self.session {
                session.handle_frame(frame);
            }
        }
    }

    fn carry_down(&mut self) {
        for _ in 0..=self.random.below(4) {
            let Some(frame) = self.down.pop_front() else { return };
            self.uplink.handle_frame(self.now, frame);
        }
    }

    fn engine(&mut self) {
        let Some((first, events)) = self.pending.pop_front() else { return };
        // It is idempotent by number.
        let known = usize::try_from(self.kept.len() as u64 + 1 - first).unwrap();
        self.kept.extend(events.into_iter().skip(known));
        if let Some(session) = &mut self.session {
            session.handle_kept(self.kept.len() as u64);
        }
    }

    fn time(&mut self) {
        let span = Duration::from_millis(self.random.below(20_000));
        let until = self.now + span;
        while let Some(at) = self.uplink.deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.uplink.handle_timeout(self.now);
            self.carry_out();
        }
        self.now = until;
    }

    fn cut(&mut self) {
        self.broken += 1;
        self.lose();
        self.connecting = false;
        self.uplink.handle_gone(self.now, Down::Away);
    }

    fn lose(&mut self) {
        self.up.clear();
        self.down.clear();
        self.session = None;
        // What the engine was given it may keep all the same.
        if self.random.below(2) == 0 {
            while !self.pending.is_empty() {
                self.engine();
            }
        }
        self.pending.clear();
    }

    fn box_crashes(&mut self) {
        self.broken += 1;
        self.lose();
        self.connecting = false;
        let (random, outbox) = (self.random.fork(), (self.first, self.newest()));
        self.uplink = Uplink::new(self.now, settings(), outbox, self.cursor, random);
    }

    fn office_crashes(&mut self) {
        self.broken += 1;
        self.pending.clear();
        self.session = None;
        self.up.clear();
        self.down.clear();
    }

    /// The box keeps no longer what the office has.
    fn let_go(&mut self) {
        self.first = self.cursor + 1;
        self.uplink.handle_outbox(self.now, self.first, self.newest());
    }

    fn connect(&mut self) {
        if std::mem::take(&mut self.connecting) {
            self.session = Some(Session::new("berne".to_owned()));
            self.uplink.handle_connected(self.now);
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.uplink.poll_output() {
            match output {
                Output::Connect(_) => self.connecting = true,
                Output::Hangup => self.lose(),
                Output::Send(frame) => self.up.push_back(frame),
                Output::Read { from, most } => {
                    assert!(from >= self.first, "{from} is gone");
                    let mut size = 0;
                    let from_here = self.outbox.iter().skip(usize::try_from(from - 1).unwrap());
                    let events = from_here.take_while(|event| {
                        let goes = size == 0 || size + event.len() <= most;
                        size += event.len();
                        goes
                    });
                    let events = events.cloned().collect();
                    self.uplink.handle_read(self.now, from, events);
                }
                Output::Arrived(upto) => {
                    assert!(upto <= self.kept.len() as u64, "the office does not have {upto}");
                    // The cursor is written now and then.
                    if self.random.below(3) == 0 {
                        self.cursor = upto;
                    }
                }
                Output::State(_)
                | Output::Told(_)
                | Output::Answer(_)
                | Output::Blob(_)
                | Output::Amended(_)
                | Output::Renew
                | Output::Ahead
                | Output::Renewed(_) => {}
            }
        }
        let mut over = false;
        while let Some(output) = self.session.as_mut().and_then(Session::poll_output) {
            match output {
                session::Output::Position { .. } => {
                    let have = self.kept.len() as u64;
                    self.session.as_mut().into_iter().for_each(|own| own.handle_position(have));
                }
                session::Output::Keep { first, events } => self.pending.push_back((first, events)),
                session::Output::KeepLost { from, upto } => panic!("{from} to {upto} are lost"),
                session::Output::Send(frame) => self.down.push_back(frame),
                session::Output::Tell => {
                    self.session.as_mut().into_iter().for_each(|own| own.handle_told(None));
                }
                session::Output::Ask(_)
                | session::Output::Took { .. }
                | session::Output::Blob(_)
                | session::Output::Amend(_)
                | session::Output::Certify(_) => {}
                session::Output::Hangup => over = true,
            }
        }
        if over {
            self.session = None;
        }
    }

    fn settle(&mut self) {
        for _ in 0..100_000 {
            if self.kept.len() == self.outbox.len() && self.uplink.backlog() == 0 {
                return;
            }
            self.connect();
            self.carry_out();
            self.carry_up();
            self.carry_out();
            self.engine();
            self.carry_out();
            self.carry_down();
            self.carry_out();
            if self.up.is_empty() && self.down.is_empty() && self.pending.is_empty() {
                self.time();
            }
        }
        panic!("{} of {} arrived", self.kept.len(), self.outbox.len());
    }
}

#[test]
fn whatever_breaks_the_office_has_each_event_once_and_in_order() {
    let mut broken = 0;
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.step();
        }
        world.settle();
        assert!(world.kept == world.outbox, "seed {seed}");
        broken += world.broken;
    }
    assert!(broken > 3_000, "{broken}");
}

fn welcomed(now: Instant, newest: u64, have: u64) -> Uplink {
    let mut uplink = Uplink::new(now, settings(), (1, newest), 0, Random::from_number(1));
    uplink.handle_timeout(now);
    uplink.handle_connected(now);
    let welcome =
        Welcome { version: 1, have, window: 1_000_000, people: true, blobs: false, amends: false };
    uplink.handle_frame(now, Frame::Welcome(welcome));
    uplink
}

#[test]
fn an_office_that_claims_more_than_was_sent_is_not_believed() {
    let now = Instant::now();
    let mut uplink = welcomed(now, 10, 11);
    let outputs = all(&mut uplink);
    assert!(outputs.contains(&Output::Send(Frame::Close(Reason::Ahead))), "{outputs:?}");
    assert!(matches!(outputs.last(), Some(Output::State(State::Down(Down::Ahead, _)))));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Arrived(_))));
    assert!(outputs.contains(&Output::Ahead));

    // The box makes more, and has as many by now: they are others, and do not go under that name.
    uplink.handle_outbox(now, 1, 20);
    for (epoch, is_up) in [("1", false), ("another", true)] {
        uplink.handle_epoch(epoch.to_owned(), false);
        uplink.handle_timeout(now + Duration::from_secs(3_600));
        uplink.handle_connected(now);
        let welcome = Welcome {
            version: 1,
            have: 11,
            window: 1_000_000,
            people: true,
            blobs: false,
            amends: false,
        };
        uplink.handle_frame(now, Frame::Welcome(welcome));
        let reads = |output: &Output| matches!(output, Output::Read { from: 12, .. });
        assert_eq!(all(&mut uplink).iter().any(reads), is_up, "{epoch}");
    }

    let mut uplink = welcomed(now, 10, 0);
    uplink.handle_read(now, 1, vec![event(1), event(2)]);
    all(&mut uplink);
    uplink.handle_frame(now, Frame::Ack { upto: 3 });
    let outputs = all(&mut uplink);
    assert!(!outputs.iter().any(|output| matches!(output, Output::Arrived(_))), "{outputs:?}");
    assert_eq!(uplink.backlog(), 10);
}

#[test]
fn what_the_box_has_no_more_is_said_to_be_lost() {
    let now = Instant::now();
    let mut uplink = Uplink::new(now, settings(), (5, 9), 4, Random::from_number(1));
    uplink.handle_timeout(now);
    uplink.handle_connected(now);
    // The office came back with an older copy of what it had.
    let welcome = Welcome {
        version: 1,
        have: 2,
        window: 1_000_000,
        people: true,
        blobs: false,
        amends: false,
    };
    uplink.handle_frame(now, Frame::Welcome(welcome));
    let outputs = all(&mut uplink);
    assert!(outputs.contains(&Output::Send(Frame::Lost { from: 3, upto: 4 })), "{outputs:?}");
    assert!(matches!(outputs.last(), Some(Output::Read { from: 5, .. })));
}

#[test]
fn no_more_is_on_its_way_than_the_office_allows() {
    let now = Instant::now();
    let mut uplink = Uplink::new(now, settings(), (1, 1_000), 0, Random::from_number(1));
    uplink.handle_timeout(now);
    uplink.handle_connected(now);
    uplink.handle_frame(
        now,
        Frame::Welcome(Welcome {
            version: 1,
            have: 0,
            window: 100,
            people: false,
            blobs: false,
            amends: false,
        }),
    );
    let outputs = all(&mut uplink);
    let Some(Output::Read { from: 1, most: 100 }) = outputs.last() else { panic!("{outputs:?}") };
    uplink.handle_read(now, 1, (1..=9).map(event).collect());
    let outputs = all(&mut uplink);
    assert!(!outputs.iter().any(|output| matches!(output, Output::Read { .. })), "{outputs:?}");
    uplink.handle_frame(now, Frame::Ack { upto: 9 });
    let outputs = all(&mut uplink);
    assert!(outputs.iter().any(|output| matches!(output, Output::Read { from: 10, .. })));
}

#[test]
fn a_silent_office_is_left_and_udp_that_does_not_pass_gives_way_to_tls() {
    let mut now = Instant::now();
    let mut uplink = Uplink::new(now, settings(), (1, 1), 0, Random::from_number(1));
    let (mut routes, mut rests) = (Vec::new(), Vec::new());
    while routes.len() < 6 {
        now = uplink.deadline().unwrap().max(now);
        uplink.handle_timeout(now);
        for output in all(&mut uplink) {
            match output {
                Output::Connect(route) => routes.push(route),
                Output::State(State::Down(Down::Silent, again)) => rests.push(again - now),
                _ => {}
            }
        }
    }
    use Route::{Quic, Tls};
    assert_eq!(routes, [Quic, Quic, Tls, Quic, Quic, Tls]);
    assert!(rests.is_sorted_by(|a, b| a.as_secs_f64() * 0.9 < b.as_secs_f64()), "{rests:?}");

    let mut uplink = welcomed(now, 1, 1);
    all(&mut uplink);
    now = uplink.deadline().unwrap();
    uplink.handle_timeout(now);
    assert!(matches!(all(&mut uplink)[..], [Output::Send(Frame::Ping(_))]));
    now = uplink.deadline().unwrap();
    uplink.handle_timeout(now);
    let outputs = all(&mut uplink);
    assert!(matches!(outputs.last(), Some(Output::State(State::Down(Down::Silent, _)))));
}

#[test]
fn another_way_out_is_tried_at_once() {
    let mut now = Instant::now();
    let mut uplink = Uplink::new(now, settings(), (1, 1), 0, Random::from_number(1));
    for _ in 0..20 {
        now = uplink.deadline().unwrap().max(now);
        uplink.handle_timeout(now);
    }
    uplink.handle_gone(now, Down::Away);
    assert!(uplink.deadline().unwrap() > now + Duration::from_secs(60));
    all(&mut uplink);
    uplink.handle_way(now);
    assert_eq!(uplink.deadline(), Some(now));
    uplink.handle_timeout(now);
    assert!(all(&mut uplink).iter().any(|output| matches!(output, Output::Connect(_))));
}

#[test]
fn a_ceiling_holds_over_a_backlog() {
    let start = Instant::now();
    let slow = Settings { ceiling: Some(50_000), ..settings() };
    let mut uplink = Uplink::new(start, slow, (1, 1_000_000), 0, Random::from_number(1));
    let (mut now, mut sent, mut number) = (start, 0, 0);
    uplink.handle_timeout(now);
    uplink.handle_connected(now);
    uplink.handle_frame(
        now,
        Frame::Welcome(Welcome {
            version: 1,
            have: 0,
            window: 1 << 20,
            people: false,
            blobs: false,
            amends: true,
        }),
    );
    while now < start + Duration::from_secs(60) {
        let outputs = all(&mut uplink);
        if outputs.is_empty() {
            now = uplink.deadline().unwrap();
            uplink.handle_timeout(now);
            continue;
        }
        for output in outputs {
            match output {
                Output::Read { from, most } => {
                    let count = (most / 20).clamp(1, 200) as u64;
                    uplink.handle_read(now, from, (from..from + count).map(event).collect());
                }
                Output::Send(Frame::Events { events, .. }) => {
                    number += events.len() as u64;
                    sent += events.iter().map(Event::len).sum::<usize>();
                    uplink.handle_frame(now, Frame::Ack { upto: number });
                }
                _ => {}
            }
        }
    }
    assert!((2_900_000..=3_050_000).contains(&sent), "{sent}");
}

#[test]
fn a_site_that_is_not_who_it_proves_to_be_is_turned_away() {
    let hello = |site: &str, least| {
        let text = format!(
            r#"{{"site":"{site}","epoch":"1","least":{least},"most":9,"program":"","first":1,"newest":0}}"#
        );
        Frame::Hello(serde_json::from_str(&text).unwrap())
    };
    let close = |frames: Vec<Frame>| {
        let mut session = Session::new("berne".to_owned());
        frames.into_iter().for_each(|frame| session.handle_frame(frame));
        let outputs: Vec<_> = std::iter::from_fn(|| session.poll_output()).collect();
        match outputs.iter().rev().nth(1) {
            Some(session::Output::Send(Frame::Close(reason))) => *reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(close(vec![hello("basel", 1)]), Reason::Site);
    assert_eq!(close(vec![hello("berne", 2)]), Reason::Version);
    assert_eq!(close(vec![hello("berne", 1), hello("berne", 1)]), Reason::Protocol);
    assert_eq!(close(vec![Frame::Events { first: 1, events: vec![event(1)] }]), Reason::Protocol);
}

/// A connection of a site of which the engine says it has so many events.
fn that_has(events: u64) -> Session {
    let mut session = Session::new("berne".to_owned());
    let text =
        r#"{"site":"berne","epoch":"1","least":1,"most":1,"program":"","first":1,"newest":0}"#;
    session.handle_frame(Frame::Hello(serde_json::from_str(text).unwrap()));
    session.handle_position(events);
    while session.poll_output().is_some() {}
    session
}

#[test]
fn a_gap_ends_the_connection_and_a_repetition_does_not() {
    let mut session = that_has(5);
    session.handle_frame(Frame::Events { first: 4, events: (4..=7).map(event).collect() });
    let expected = session::Output::Keep { first: 6, events: vec![event(6), event(7)] };
    assert_eq!(session.poll_output(), Some(expected));
    session.handle_frame(Frame::Events { first: 9, events: vec![event(9)] });
    assert_eq!(session.poll_output(), Some(session::Output::Send(Frame::Close(Reason::Gap))));
    assert!(session.is_over());
}

#[test]
fn a_site_that_has_lost_all_numbers_there_are_is_hung_up_on() {
    let mut session = that_has(5);
    session.handle_frame(Frame::Lost { from: 1, upto: u64::MAX });
    assert_eq!(session.poll_output(), Some(session::Output::Send(Frame::Close(Reason::Protocol))));
    // An engine that says it has them all says so of a damaged file; nothing runs over.
    let mut session = that_has(u64::MAX);
    session.handle_frame(Frame::Events { first: 1, events: vec![event(1)] });
    assert!(!session.is_over());
}
