//! The golden journal: a Sunday in Berlin that has 25 hours, written as the box writes it and reported by `branchline
//! report`, F11, F12 and F14 worked out by hand.
//!
//! 25 October 2026 lasts from 22:00 UTC of the day before to 23:00 UTC. All times below are UTC.
//!
//! | who | what |
//! |---|---|
//! | Ada | writes by chat 00:20; anna takes it 00:31 and gives it back 00:35; ben opens the record 00:35:30, takes it 00:36 and is done 00:46. Calls 01:30:00: a menu, from 01:30:20 queue support; the card is up at anna's, who takes it 01:30:30. She identifies Ada twice. Transfers at 01:32:20 to queue sales, where ben, who has looked at nothing, takes it 01:32:41 and writes down the account number that Ada had said already. It ends 01:35:00. |
//! | Bo | calls 10:00:00, hears the menu, hangs up 10:01:30 |
//! | Cy | writes by mail 11:00; the branch calls and talks with Cy at 11:30 |
//! | nobody | hides the number: calls 12:00 and 22:30, and gives up in the queue both times |
//! | Eve | calls 13:00:00, finds nobody in the queue, hangs up at the voicemail 13:00:40; writes by chat 13:05 |
//! | Fay | called on 5 October, when a case was opened; writes a message 14:00 |
//! | Gil | called on 5 October as well, without a case; writes a message 14:30 |

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use branchline::agent::Presence;
use branchline::call::budget::{Money, Price, Spent};
use branchline::call::ending::Cause;
use branchline::call::record::Peer;
use branchline::channel::Channel;
use branchline::context::{Act, Change, How, Identity, Kind, Source};
use branchline::driver::segments;
use branchline::id::{CallId, CaseId, ContactId, ItemId, LegId, OfferId};
use branchline::journal::chain::Sealer;
use branchline::journal::context::to_seal;
use branchline::journal::errands::Errand;
use branchline::journal::event::{CallEvent, CallRecord, Direction, Event, What};
use branchline::journal::personal::{Keyring, Personal};
use branchline::journal::work::{Reading, Step, Work};
use branchline::journal::{Journal, Output, Resume};
use branchline::queue::{Target, Why};
use branchline::random::Random;
use branchline::time::{Now, UnixTime};
use serde_json::Value;

use crate::at;

const ADA: u64 = 1;
const BO: u64 = 2;
const CY: u64 = 3;
const EVE: u64 = 5;
const FAY: u64 = 6;
const GIL: u64 = 7;
const NOBODY: &str = "anonymous";
const SUNDAY: &str = "2026-10-25";

fn number(of: u64) -> String {
    format!("+4930100000{of}")
}

/// What one call's record says besides who called.
#[derive(Default)]
struct End {
    answered: Option<UnixTime>,
    connected: Option<UnixTime>,
    queue: Option<&'static str>,
    agent: Option<&'static str>,
    out: bool,
}

/// A journal in the making, in the order of time.
struct Log {
    journal: Journal,
    now: Now,
    folder: PathBuf,
    segment: PathBuf,
}

impl Log {
    fn new(folder: &Path) -> Log {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder.join("journal")).unwrap();
        let now = Now { instant: Instant::now(), unix: at("2026-10-01T00:00:00Z") };
        let keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let journal =
            Journal::new(now, Resume::default(), keys, Sealer::from_seed(&[2; 32]).unwrap());
        Log { journal, now, folder: folder.join("journal"), segment: PathBuf::new() }
    }

    fn add(&mut self, time: &str, event: Event) {
        let unix = at(&if time.len() > 8 { time.to_owned() } else { format!("{SUNDAY}T{time}Z") });
        assert!(unix >= self.now.unix, "{time}: events are written in the order of time");
        let passed = Duration::from_micros((unix.0 - self.now.unix.0).unsigned_abs());
        self.now = Now { instant: self.now.instant + passed, unix };
        self.journal.append(self.now, event);
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(output) = self.journal.poll_output() {
            match output {
                Output::Segment { first } => self.segment = segments::path(&self.folder, first),
                Output::Write { bytes, .. } => {
                    let mut all = fs::read(&self.segment).unwrap_or_default();
                    all.extend(bytes);
                    fs::write(&self.segment, all).unwrap();
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, time: &str, call: u64, what: What) {
        self.add(time, Event::Call(CallEvent { call: CallId(call), at: self.now.unix, what }));
    }

    fn arrives(&mut self, time: &str, call: u64, from: &str) {
        let (peer, from) = (Peer::Trunk("carrier".into()), from.to_owned());
        let event = branchline::call::Event {
            call: CallId(call),
            at: self.now.unix,
            what: branchline::call::What::Arrived { peer, from, to: "+493055555".to_owned() },
        };
        self.add(time, Event::Call(event.into()));
    }

    fn work(&mut self, time: &str, item: u64, what: Step, of: (Channel, &str, Option<u64>, u64)) {
        let (channel, queue, call, contact) = of;
        let work = Work {
            item: ItemId(item),
            channel,
            queue: queue.into(),
            at: at(&if time.len() > 8 { time.to_owned() } else { format!("{SUNDAY}T{time}Z") }),
            call: call.map(CallId),
            contact: (contact > 0).then_some(ContactId(contact)),
            what,
        };
        self.add(time, Event::Work(work));
    }

    fn ends(&mut self, time: &str, call: u64, from: &str, end: End) {
        let ended = at(&if time.len() > 8 { time.to_owned() } else { format!("{SUNDAY}T{time}Z") });
        let price = Price {
            per_minute: Money::try_from(0.01).unwrap(),
            per_call: Money::try_from(0.005).unwrap(),
            step: 60,
        };
        let fee = end.answered.filter(|_| !end.out).map(|up| price.of(ended.since(up)));
        let cause = if end.connected.is_some() { Cause::Completed } else { Cause::Abandoned };
        let known = from != NOBODY;
        let (inside, outside) = (Peer::Extension("201".into()), Peer::Trunk("carrier".into()));
        let record = CallRecord {
            call: CallId(call),
            direction: if end.out { Direction::Outbound } else { Direction::Inbound },
            origin: if end.out { inside } else { outside },
            from: Personal::from(if end.out { "201" } else { from }),
            to: Personal::from(if end.out { from } else { "+493055555" }),
            party: known.then(|| Personal::from(from)),
            contact: None,
            arrived: end.answered.unwrap_or(ended),
            answered: end.answered,
            connected: end.connected,
            ended,
            queue: end.queue.map(Into::into),
            agent: end.agent.map(Into::into),
            conference: None,
            cause,
            class: cause.class(),
            legs: Vec::new(),
            recordings: Vec::new(),
            diversions: Vec::new(),
            diverted_by: None,
            fee,
            consent: None,
        };
        self.add(time, Event::CallRecord(Box::new(record)));
    }

    fn about(&mut self, time: &str, change: Change<String>) {
        let act = Act { by: "user anna".into(), at: self.now.unix, changes: vec![change] };
        self.add(time, Event::Context(to_seal(act)));
    }

    /// An agent has no after-work.
    fn ready(&mut self, time: &str, agent: &str) {
        let (agent, presence) = (agent.into(), Presence::Ready);
        self.add(time, Event::Agent { agent, presence, idle_since: UnixTime(0) });
    }

    fn knows(&mut self, time: &str, contact: u64) {
        let identity = Identity { kind: Kind::Phone, value: number(contact) };
        let contact = ContactId(contact);
        self.about(time, Change::Linked { contact, identity, how: How::First });
    }
}

fn queued(errand: bool) -> Step {
    let errand = errand.then(|| Box::new(Errand::default()));
    Step::Queued { arrived: UnixTime(0), priority: 0, skills: BTreeMap::new(), errand }
}

fn offered(agent: &str) -> Step {
    Step::Offered { agent: agent.into(), offer: OfferId(1), rule: None }
}

fn taken(agent: &str) -> Step {
    Step::Taken { agent: agent.into(), waited_ms: 0, clock_ms: 0 }
}

fn closed(agent: &str) -> Step {
    Step::Closed { agent: agent.into(), talk_ms: 0, hold_ms: 0, known: None }
}

fn sunday(time: &str) -> Option<UnixTime> {
    Some(at(&format!("{SUNDAY}T{time}Z")))
}

fn write(folder: &Path) {
    let mut log = Log::new(folder);
    for contact in [ADA, BO, CY, EVE, FAY, GIL] {
        log.knows("2026-10-02T08:00:00Z", contact);
    }
    // 5 October: Fay and Gil call, and talk with anna at her telephone.
    for (minute, contact) in [("10", FAY), ("20", GIL)] {
        let time = |second: &str| format!("2026-10-05T08:{minute}:{second}Z");
        let call = 100 + contact;
        log.arrives(&time("00"), call, &number(contact));
        log.call(&time("05"), call, What::Answered { leg: LegId(2) });
        if contact == FAY {
            let (case, contact) = (CaseId(1), ContactId(contact));
            let opened = Change::CaseOpened { case, contact, title: None, moments: Vec::new() };
            log.about(&time("30"), opened);
        }
        let answered = Some(at(&time("05")));
        let end = End { answered, connected: answered, ..End::default() };
        log.ends(&time("50"), call, &number(contact), end);
    }
    ada(&mut log);
    // Bo.
    log.arrives("10:00:00", 2, &number(BO));
    log.call("10:00:00", 2, What::Ivr { flow: "main".into() });
    log.ends("10:01:30", 2, &number(BO), End { answered: sunday("10:00:00"), ..End::default() });
    // Cy.
    let mail = (Channel::Mail, "support", None, CY);
    log.work("11:00:00", 12, queued(true), mail);
    let spent = Spent {
        payer: None,
        trunk: "carrier".into(),
        call: Some(CallId(3)),
        calls: 0,
        attempts: 0,
        seconds: 60,
        money: Money::try_from(0.02).unwrap(),
    };
    log.add("11:30:00", Event::Spent(spent));
    let end = End {
        answered: sunday("11:30:00"),
        connected: sunday("11:30:00"),
        out: true,
        ..End::default()
    };
    log.ends("11:30:50", 3, &number(CY), end);
    gives_up(&mut log, "12:00", 4);
    // Eve.
    let voice = (Channel::Voice, "support", Some(6), EVE);
    log.arrives("13:00:00", 6, &number(EVE));
    log.work("13:00:00", 23, queued(false), voice);
    let out = Step::FlowedOut { why: Why::NoAgent, target: Target::Voicemail("201".into()) };
    log.work("13:00:00", 23, out, voice);
    log.call("13:00:01", 6, What::Voicemail { mailbox: "201".into() });
    log.ends("13:00:40", 6, &number(EVE), End { answered: sunday("13:00:01"), ..End::default() });
    log.work("13:05:00", 13, queued(true), (Channel::Chat, "support", None, EVE));
    // Fay and Gil.
    log.work("14:00:00", 14, queued(true), (Channel::Message, "support", None, FAY));
    log.work("14:30:00", 15, queued(true), (Channel::Message, "support", None, GIL));
    gives_up(&mut log, "22:30", 5);
}

fn ada(log: &mut Log) {
    let chat = (Channel::Chat, "support", None, ADA);
    log.work("00:20:00", 11, queued(true), chat);
    log.work("00:30:00", 11, offered("anna"), chat);
    log.work("00:31:00", 11, taken("anna"), chat);
    log.work("00:35:00", 11, Step::Returned, chat);
    log.work("00:35:10", 11, offered("ben"), chat);
    let read = |agent: &str, how| Step::Read { agent: agent.into(), how };
    log.work("00:35:30", 11, read("ben", Reading::Opened), chat);
    log.work("00:36:00", 11, taken("ben"), chat);
    log.work("00:46:00", 11, closed("ben"), chat);
    log.ready("00:46:00", "ben");
    let (call, number) = (1, number(ADA));
    log.arrives("01:30:00", call, &number);
    log.call("01:30:00", call, What::Ivr { flow: "main".into() });
    log.call("01:30:01", call, What::Node { node: "menu".to_owned() });
    let support = (Channel::Voice, "support", Some(call), ADA);
    log.work("01:30:20", 21, queued(false), support);
    log.work("01:30:25", 21, offered("anna"), support);
    log.work("01:30:25", 21, read("anna", Reading::Shown), support);
    log.call("01:30:30", call, What::Answered { leg: LegId(2) });
    log.work("01:30:30", 21, taken("anna"), support);
    let until = at(&format!("{SUNDAY}T02:00:00Z"));
    let (contact, case, level) = (ContactId(ADA), None, 2);
    for time in ["01:31:00", "01:31:30"] {
        log.about(time, Change::Verified { contact, case, level, until });
    }
    let field = |value: &str| Change::Field {
        contact,
        name: "account".to_owned(),
        value: Some(value.to_owned()),
        source: Source::Customer,
        channel: None,
    };
    log.about("01:31:40", field("4711"));
    log.call("01:32:20", call, What::Transferred { leg: LegId(2) });
    log.work("01:32:20", 21, closed("anna"), support);
    log.ready("01:32:20", "anna");
    let sales = (Channel::Voice, "sales", Some(call), ADA);
    log.work("01:32:21", 22, queued(false), sales);
    log.work("01:32:30", 22, offered("ben"), sales);
    log.call("01:32:41", call, What::Answered { leg: LegId(3) });
    log.work("01:32:41", 22, taken("ben"), sales);
    log.about("01:33:00", Change::AskedAgain { contact, name: "account".to_owned() });
    log.about("01:33:00", field("4711"));
    log.work("01:35:00", 22, closed("ben"), sales);
    log.ready("01:35:00", "ben");
    let end = End {
        answered: sunday("01:30:00"),
        connected: sunday("01:30:30"),
        queue: Some("sales"),
        agent: Some("ben"),
        out: false,
    };
    log.ends("01:35:00", call, &number, end);
}

/// Somebody who hides the number waits for 30 s.
fn gives_up(log: &mut Log, minute: &str, call: u64) {
    let item = 30 + call;
    let voice = (Channel::Voice, "support", Some(call), 0);
    log.arrives(&format!("{minute}:00"), call, NOBODY);
    log.work(&format!("{minute}:00"), item, queued(false), voice);
    let gone = Step::Abandoned { waited_ms: 30_000, clock_ms: 30_000 };
    log.work(&format!("{minute}:30"), item, gone, voice);
    log.ends(&format!("{minute}:30"), call, NOBODY, End::default());
}

/// What `branchline report` prints over the journal.
fn report(name: &str, options: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    write(&folder);
    let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
    command.arg("report").args(options);
    command.args(["--zone", "Europe/Berlin", "--hourly-cost", "36", "--data"]).arg(&folder);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.is_empty(), "{words}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Above and below the line of a formula in one place of a report.
#[track_caller]
fn figure(place: &Value, id: &str) -> (f64, f64) {
    let figures = place["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["formula"] == id).expect(id);
    let micro = |key: &str| (found[key].as_f64().unwrap() * 1e6).round() / 1e6;
    (micro("numerator"), micro("denominator"))
}

fn group<'r>(report: &'r Value, name: &str) -> &'r Value {
    let totals = report["totals"].as_array().unwrap();
    let named = |one: &&Value| one["group"].as_str().unwrap_or_default() == name;
    totals.iter().find(named).unwrap_or_else(|| panic!("{name} in {totals:?}"))
}

const DAY: [&str; 5] = ["--from", SUNDAY, "--to", SUNDAY, "--json"];

/// Journeys of the Sunday: Ada's, Bo's, Cy's, one of each call of nobody, Eve's, Gil's new one; Fay's goes on since the 5th,
/// for its case is open. Begun in digital or self-service: Ada, Bo (the menu), Cy, Gil. Changed: Ada by choice; Cy, whom the
/// branch called; Eve, whom the queue had turned away. Begun in digital: Ada, Cy, Gil; of these on the telephone: Ada, Cy.
#[test]
fn f11_from_the_journal() {
    let day = report("f11", &[&DAY[..], &["--formula", "F11,F9-1"]].concat());
    let all = group(&day, "");
    let cases = [
        ("F11", 4.0, 7.0),
        ("F11-transition", 3.0, 7.0),
        ("F11-transition-chosen", 1.0, 7.0),
        ("F11-transition-forced", 2.0, 7.0),
        ("F11-escalation", 2.0, 3.0),
        // Both calls of nobody's are from nobody known, and no repeat.
        ("F9-1", 0.0, 5.0),
    ];
    for (id, above, below) in cases {
        assert_eq!(figure(all, id), (above, below), "{id}");
    }
    // On the 5th two journeys began, of which Fay's came to another channel: by choice, 20 days later.
    let fifth = ["--from", "2026-10-05", "--to", "2026-10-05", "--json", "--formula", "F11"];
    let fifth = report("f11-fifth", &fifth);
    assert_eq!(figure(group(&fifth, ""), "F11-transition-chosen"), (1.0, 2.0));
    assert_eq!(figure(group(&fifth, ""), "F11"), (0.0, 2.0));
}

/// Hand-overs: the chat from anna to ben, useful reply 660 s after she gave it back (00:35:00 to 00:46:00), record opened;
/// Ada from the menu to anna, 10 s (01:30:20 to 01:30:30), card shown, identified once more than needed; Ada from anna to
/// ben, 21 s (01:32:20 to 01:32:41), nothing looked at, asked again. Effort: 1 + 1 + 691 = 693 over 3.
#[test]
fn f12_from_the_journal() {
    let day = report("f12", &[&DAY[..], &["--by", "queue", "--formula", "F12"]].concat());
    let cases = [
        ("F12", (671.0, 2.0), (22.0, 1.0)),
        ("F12-asked", (0.0, 2.0), (1.0, 1.0)),
        ("F12-proved", (1.0, 2.0), (0.0, 1.0)),
        ("F12-reply", (670.0, 2.0), (21.0, 1.0)),
        ("F12-retention", (2.0, 2.0), (0.0, 1.0)),
    ];
    for (id, support, sales) in cases {
        assert_eq!(figure(group(&day, "support"), id), support, "{id} of support");
        assert_eq!(figure(group(&day, "sales"), id), sales, "{id} of sales");
    }
    // Both numbers open to the contacts behind them: the call and the chat.
    let open =
        report("f12-open", &["open", "F12-retention", "--from", SUNDAY, "--to", SUNDAY, "--json"]);
    let text = open.to_string();
    for contact in ["0000000000001", "000000000000B"] {
        assert!(text.contains(contact), "{contact} in {text}");
    }
}

/// The hour from two to three comes twice: the chat began in the first one, the call is in the second. The last call of
/// nobody's is in the 25th hour of the day.
#[test]
fn the_hour_that_comes_twice_has_figures_of_its_own() {
    let options = [&DAY[..], &["--interval", "60m", "--formula", "F11,F12-retention"]].concat();
    let day = report("hours", &options);
    let rows = day["rows"].as_array().unwrap();
    let row = |start: &str| rows.iter().find(|row| row["start"] == start).expect(start);
    let (first, second) = (row("2026-10-25T02:00:00+02:00"), row("2026-10-25T02:00:00+01:00"));
    assert_eq!(figure(first, "F11"), (1.0, 1.0));
    assert_eq!(figure(first, "F12-retention"), (1.0, 1.0), "the chat");
    assert_eq!(figure(second, "F11").1, 0.0);
    assert_eq!(figure(second, "F12-retention"), (1.0, 2.0), "to anna and to ben");
    assert_eq!(figure(row("2026-10-25T23:00:00+01:00"), "F11"), (0.0, 1.0), "the 25th hour");
}

/// Calls in, at 0.005 and 0.01 for each minute begun: Ada's 300 s 0.055, Bo's 90 s 0.025, Eve's 39 s at the voicemail 0.015;
/// nobody's were not answered. The call to Cy 0.02. Agents at 0.01 a second: anna 110 s with Ada (01:30:30 to 01:32:20), ben
/// 139 s (01:32:41 to 01:35:00): 2.49. Handled: once in each queue. Ben's chat: 600 s.
#[test]
fn f14_from_the_journal_with_calls_in() {
    let options = [&DAY[..], &["--by", "channel", "--formula", "F14"]].concat();
    let day = report("f14", &options);
    assert_eq!(figure(group(&day, "voice"), "F14"), (2.605, 2.0));
    assert_eq!(figure(group(&day, "chat"), "F14"), (6.0, 1.0));
    // What carriers take for Ada's call is the queue's and the agent's who had her last.
    let options = [&DAY[..], &["--by", "agent", "--formula", "F14"]].concat();
    let day = report("f14-agents", &options);
    assert_eq!(figure(group(&day, "ben"), "F14"), (7.445, 2.0));
    assert_eq!(figure(group(&day, "anna"), "F14"), (1.1, 1.0));
}
