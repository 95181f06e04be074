//! What leaves the premises is the journal, filtered by the policy: through kill -9 at any moment, a disk that is full, and a
//! journal that failed and heals.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use branchline::agent::Presence;
use branchline::call::ending::Cause;
use branchline::call::record::Peer;
use branchline::driver::journal::{self, Done, Leaving, Opened};
use branchline::driver::{clock, outbox, segments};
use branchline::id::{CallId, LegId, QueueId};
use branchline::journal::act::{Act, Who};
use branchline::journal::event::{
    CallEvent, CallRecord, Direction, Event, LegRecord, Quality, What,
};
use branchline::journal::left::Count;
use branchline::journal::outward::{self, Outward};
use branchline::journal::replay::Replay;
use branchline::random::Random;
use branchline::time::UnixTime;

use crate::Folder;

/// As long as a condition may take: much more than it does, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tells the child where to work.
const DATA: &str = "BRANCHLINE_TEST_OUTBOX";

pub fn leaving() -> Leaving {
    let settings = outbox::Settings { most: 1 << 40, alarm: 1 << 40 };
    Leaving { said: BTreeMap::new(), key: Some(b"a key that branches share".to_vec()), settings }
}

fn outward(data: &Path) -> Outward {
    leaving().outward(&journal::reading(data).expect("keys"))
}

/// Something of a branch's day.
pub fn something(random: &mut Random) -> Event {
    let at = UnixTime(i64::try_from(random.below(1 << 50)).unwrap());
    let call = CallId(random.below(1 << 60));
    let number = format!("+1555{:07}", random.below(50));
    match random.below(6) {
        0 => {
            let (from, to) = (number.as_str().into(), "+15550100".into());
            let peer = Peer::Trunk("carrier".into());
            Event::Call(CallEvent {
                call,
                at,
                what: What::Arrived { peer, from, to, nobody: false },
            })
        }
        1 => {
            let what = What::Queued { queue: QueueId::from("support") };
            Event::Call(CallEvent { call, at, what })
        }
        2 => {
            // Numbers with many digits: what is made again must not differ in the last.
            let jitter_ms = 1.0 / (3 + random.below(1_000)) as f64;
            let quality = Quality { jitter_ms, mos: Some(4.4 - jitter_ms), ..Quality::default() };
            let leg = LegRecord {
                leg: LegId(random.below(1 << 60)),
                peer: Peer::Extension("201".into()),
                answered: Some(at),
                cause: Cause::Completed,
                quality: Some(quality),
            };
            Event::CallRecord(Box::new(CallRecord {
                call,
                direction: Direction::Inbound,
                origin: Peer::Trunk("carrier".into()),
                from: number.as_str().into(),
                to: "+15550100".into(),
                party: Some(number.as_str().into()),
                contact: None,
                arrived: at,
                answered: Some(at),
                connected: None,
                ended: at,
                queue: None,
                agent: None,
                conference: None,
                cause: Cause::Completed,
                class: Cause::Completed.class(),
                legs: vec![leg],
                recordings: Vec::new(),
                diversions: Vec::new(),
                diverted_by: None,
                fee: None,
                consent: None,
            }))
        }
        3 => Event::Agent { agent: "ann".into(), presence: Presence::Ready, idle_since: at },
        // Nothing leaves of it.
        4 => Event::Unbound { user: "201".to_owned(), contact: number },
        _ => {
            let what = "status".to_owned();
            Event::Act(Act {
                who: Who::Console,
                from: None,
                what,
                on: None,
                done: true,
                first: None,
            })
        }
    }
}

pub fn open(data: &Path, seed: u64) -> (Opened, mpsc::Receiver<Done>) {
    open_leaving(data, seed, leaving())
}

/// The same where something else may leave.
pub fn open_leaving(data: &Path, seed: u64, leaving: Leaving) -> (Opened, mpsc::Receiver<Done>) {
    let (says, hears) = mpsc::channel();
    let report = move |done| {
        let _ = says.send(done);
    };
    let mut random = Random::from_number(seed);
    let opened = journal::open_leaving(data, clock::now(), &mut random, Some(leaving), report);
    (opened.expect("a journal"), hears)
}

/// Takes in what the journal's thread says, and hands over what it is to do.
pub fn go_on(opened: &mut Opened, hears: &mpsc::Receiver<Done>) {
    let now = clock::now();
    for done in hears.try_iter() {
        match done {
            Done::Stored(upto) => opened.journal.handle_stored(now, upto),
            Done::Failed(why) => opened.journal.handle_failed(now, why),
            Done::Room(_) => {}
        }
    }
    opened.journal.handle_timeout(now);
    while let Some(output) = opened.journal.poll_output() {
        if opened.handle.submit(output).is_err() {
            opened.journal.handle_failed(now, branchline::journal::Failure::Slow);
        }
    }
}

/// The child that is killed: writes without end. Does nothing when it runs as a test among others.
#[test]
fn child() {
    let Ok(data) = env::var(DATA) else { return };
    let seed = u64::from(std::process::id());
    let mut random = Random::from_number(seed);
    let (mut opened, hears) = open(Path::new(&data), seed);
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        for _ in 0..random.below(60) {
            let event = something(&mut random);
            opened.journal.append(clock::now(), event);
        }
        go_on(&mut opened, &hears);
        std::thread::sleep(Duration::from_micros(random.below(3_000)));
    }
}

fn start(data: &Path) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "out::child", "--nocapture"]).env(DATA, data);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a child")
}

/// A hash over a row of events, and how many there are.
pub fn hashed(events: impl Iterator<Item = branchline::uplink::frame::Event>) -> (String, u64) {
    let mut count = Count::default();
    let mut all = 0;
    for event in events {
        count.add(&event);
        all += 1;
    }
    (count.said("", (1, all), UnixTime(0)).hash, all)
}

/// What the journal says, filtered by the policy, read without anything of the outbox.
pub fn filtered(data: &Path) -> (String, u64) {
    filtered_by(data, &outward(data), usize::MAX)
}

/// The same by another policy, of so many events at most.
pub fn filtered_by(data: &Path, outward: &Outward, most: usize) -> (String, u64) {
    let keys = journal::reading(data).expect("keys");
    let mut replay = Replay::default();
    let mut events = Vec::new();
    for segment in segments::list(&journal::folder(data)).expect("segments") {
        let bytes = fs::read(&segment.path).expect("a segment");
        replay.read(&bytes, &mut |entry| {
            if let Some(mut event) = entry.event {
                outward::open(&mut event, &keys);
                events.extend(outward.events(entry.at, &event));
            }
        });
    }
    assert!(replay.damage.is_none(), "{:?}", replay.damage);
    hashed(events.into_iter().take(most))
}

/// What the outbox holds, from its first number to its last.
pub fn held(outbox: &outbox::Outbox) -> (String, u64) {
    let newest = outbox.span().borrow().newest;
    let mut next = 1;
    let events = std::iter::from_fn(|| {
        let events = outbox.read(next, 100_000).expect("it is read");
        next += events.len() as u64;
        (!events.is_empty()).then_some(events)
    });
    let held = hashed(events.flatten());
    assert_eq!(held.1, newest, "numbers without gap");
    held
}

pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn after_any_kill_the_outbox_is_the_journal_filtered_by_the_policy() {
    let folder = Folder::new("kills");
    let data = &folder.0;
    // The outbox begins with the journal's first record.
    let (opened, _hears) = open(data, 1);
    let epoch = opened.outbox.as_ref().expect("an outbox").epoch();
    opened.handle.finish();
    let mut random = Random::from_number(7);
    let newest = || segments::list(&journal::folder(data)).map_or(0, |all| all.len());
    let kills = crate::kills();
    for kill in 0..kills {
        let before = newest();
        let mut child = start(data);
        // Not before it has begun, and then at any moment; at times in the middle of its start.
        if kill % 4 != 0 {
            until("the child to write", || newest() > before);
        }
        std::thread::sleep(Duration::from_millis(random.below(250)));
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    let (opened, _hears) = open(data, 2);
    let outbox = opened.outbox.clone().expect("an outbox");
    opened.handle.finish();
    let (held, filtered) = (held(&outbox), filtered(data));
    println!("{kills} kills, {} events: outbox {}, journal {}", held.1, held.0, filtered.0);
    assert!(held.1 > 50 * u64::from(kills), "{} events are few", held.1);
    assert_eq!(held, filtered);
    let mut shown = Vec::new();
    let all = outbox::About::All;
    outbox::preview(data, &outward(data), &all, &mut |event| shown.push(event)).expect("shown");
    assert_eq!(hashed(shown.into_iter()), held, "the preview is what lies in the outbox");
    assert_eq!(outbox.epoch(), epoch, "it is the same outbox throughout");
}

/// By a number, by an hour: what is shown is of that person or time, and all of it.
#[test]
fn a_preview_shows_one_person_or_one_hour_and_nobody_else() {
    let folder = Folder::new("preview");
    let data = &folder.0;
    let (mut opened, hears) = open(data, 1);
    let now = clock::now();
    let arrived = |call: u64, number: &str| {
        let (from, to) = (number.into(), "+15550100".into());
        let peer = Peer::Trunk("carrier".into());
        let what = What::Arrived { peer, from, to, nobody: false };
        Event::Call(CallEvent { call: CallId(call), at: now.unix, what })
    };
    let queued = |call: u64| {
        let what = What::Queued { queue: QueueId::from("support") };
        Event::Call(CallEvent { call: CallId(call), at: now.unix, what })
    };
    for event in [arrived(1, "+15550123"), arrived(2, "+15550124"), queued(2), queued(1)] {
        opened.journal.append(now, event);
    }
    go_on(&mut opened, &hears);
    opened.handle.finish();
    let shown = |about: outbox::About| {
        let mut lines = Vec::new();
        let mut each = |event: branchline::uplink::frame::Event| {
            lines.push(String::from_utf8(event.body).expect("text"));
        };
        outbox::preview(data, &outward(data), &about, &mut each).expect("shown");
        lines
    };
    let of_one = shown(outbox::About::Person("+15550123".to_owned()));
    assert_eq!(of_one.len(), 2, "{of_one:?}");
    let own = CallId(1).to_string();
    assert!(of_one.iter().all(|line| line.contains(&own)), "{of_one:?}");
    assert!(!of_one.concat().contains("5550123"), "numbers leave as tokens: {of_one:?}");
    let (then, hour) = (now.unix, Duration::from_secs(3_600));
    assert_eq!(shown(outbox::About::Time(then, then + hour)).len(), 4);
    assert_eq!(shown(outbox::About::Time(then - hour, then)), [""; 0]);
}

/// A disk of a few megabytes, in memory; unmounted with the test.
struct Disk(Folder);

impl Disk {
    fn new(name: &str, megabytes: u32) -> Disk {
        let folder = Folder::new(name);
        let size = format!("size={megabytes}M");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder.0);
        let mounted = mount.status().expect("mount is there").success();
        assert!(mounted, "disks for these tests need root");
        Disk(folder)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0.0).status();
    }
}

/// The disk fills up and is made room on: journal and outbox fail, each at its own moment, and heal.
#[test]
fn a_full_disk_and_a_journal_that_heals_lose_nothing_and_double_nothing() {
    let disk = Disk::new("full", 24);
    let data = disk.0.0.join("data");
    fs::create_dir_all(&data).expect("a folder");
    let (mut opened, hears) = open(&data, 1);
    let outbox = opened.outbox.clone().expect("an outbox");
    let mut random = Random::from_number(9);
    let filler = disk.0.0.join("filler");
    for round in 0..3 {
        for _ in 0..2_000 {
            opened.journal.append(clock::now(), something(&mut random));
            go_on(&mut opened, &hears);
        }
        // As a recording would: whatever room is left.
        let _ = fs::write(&filler, vec![0; 24 << 20]);
        until("the journal to fail", || {
            opened.journal.append(clock::now(), something(&mut random));
            go_on(&mut opened, &hears);
            opened.journal.state() != branchline::journal::State::Healthy
        });
        for _ in 0..50 {
            opened.journal.append(clock::now(), something(&mut random));
        }
        fs::remove_file(&filler).expect("room again");
        until("the journal to heal", || {
            go_on(&mut opened, &hears);
            opened.journal.state() == branchline::journal::State::Healthy
        });
        let expected = filtered_when_quiet(&mut opened, &hears, &data);
        until("the outbox to catch up", || {
            go_on(&mut opened, &hears);
            outbox.span().borrow().newest == expected.1 && !outbox.room().failed
        });
        assert_eq!(held(&outbox), expected, "round {round}");
    }
    opened.handle.finish();
}

/// The same as [`filtered`] once all that was appended is on the disk.
fn filtered_when_quiet(
    opened: &mut Opened,
    hears: &mpsc::Receiver<Done>,
    data: &Path,
) -> (String, u64) {
    until("the journal to be written", || {
        go_on(opened, hears);
        opened.journal.is_stored(opened.journal.newest())
    });
    filtered(data)
}
