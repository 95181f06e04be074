//! The outbox against a journal that is a list.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;
use crate::journal::chain::Sealer;
use crate::random::Random;
use crate::uplink::frame::{Class, Event};
use crate::uplink::outbox::write_all;

type Journal = Arc<Mutex<Vec<Vec<Event>>>>;

/// Record n of the list, from 1, is what a journal's record with that number becomes.
struct Again(Journal);

impl Derive for Again {
    fn derive(&mut self, after: u64, upto: u64) -> io::Result<Derived> {
        let journal = self.0.lock().unwrap();
        let through = upto.min(after + 7);
        let mut records = Vec::new();
        for token in after + 1..=through {
            write_all(&mut records, token, &journal[token as usize - 1]);
        }
        Ok(Derived { records, through })
    }

    /// What was another event until now.
    fn erased(&mut self, after: u64, upto: u64) -> io::Result<Derived> {
        self.derive(after, upto)
    }
}

struct World {
    data: PathBuf,
    journal: Journal,
    random: Random,
    settings: Settings,
}

const ROOMY: Settings = Settings { most: 1 << 40, alarm: 1 << 40 };

impl World {
    fn new(name: &str) -> World {
        let name = format!("branchline-outbox-{name}-{}", std::process::id());
        let data = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&data).unwrap();
        let random = Random::from_number(5);
        World { data, journal: Journal::default(), random, settings: ROOMY }
    }

    fn open(&mut self) -> (Outbox, Second) {
        let limit = self.journal.lock().unwrap().len() as u64;
        let again = Box::new(Again(self.journal.clone()));
        let sealer = Sealer::from_seed(&[7; 32]).unwrap();
        let folder = folder(&self.data);
        let (outbox, feed, keeper) =
            Keeper::open(folder, limit, self.settings, again, sealer, &mut self.random).unwrap();
        (outbox, keeper.start(feed).unwrap())
    }

    /// The journal has one more record; told to the outbox where there is one.
    fn append(&mut self, events: &[Event], second: Option<&mut Second>) {
        let mut journal = self.journal.lock().unwrap();
        journal.push(events.to_vec());
        let token = journal.len() as u64;
        drop(journal);
        if let Some(second) = second {
            let mut records = Vec::new();
            write_all(&mut records, token, events);
            second.feed.stored(token, records);
        }
    }

    /// Zero to three events of a record.
    fn some(&mut self) -> Vec<Event> {
        (0..self.random.below(4))
            .map(|_| {
                let mut body = vec![0; self.random.below(300) as usize];
                self.random.fill(&mut body);
                Event { class: Class(1 + self.random.below(8) as u8), body }
            })
            .collect()
    }

    fn all(&self) -> Vec<Event> {
        self.journal.lock().unwrap().concat()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !until() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn newest(outbox: &Outbox) -> u64 {
    outbox.span().borrow().newest
}

fn read_all(outbox: &Outbox, most: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let first = outbox.span().borrow().first;
    loop {
        let more = outbox.read(first + events.len() as u64, most).unwrap();
        if more.is_empty() {
            return events;
        }
        events.extend(more);
    }
}

#[test]
fn what_was_written_is_read_from_any_place_and_is_there_after_a_restart() {
    let mut world = World::new("plain");
    let (outbox, mut second) = world.open();
    let epoch = outbox.epoch();
    for _ in 0..500 {
        let events = world.some();
        world.append(&events, Some(&mut second));
    }
    let all = world.all();
    wait("synced", || newest(&outbox) == all.len() as u64);
    for most in [1, 300, 100_000] {
        assert!(read_all(&outbox, most) == all, "{most} octets at a time");
    }
    for from in (1..=all.len()).rev().step_by(13) {
        assert_eq!(outbox.read(from as u64, 1).unwrap(), [all[from - 1].clone()], "{from}");
    }
    assert!(outbox.read(all.len() as u64 + 1, 9).unwrap().is_empty());
    second.finish();
    let (outbox, second) = world.open();
    assert_eq!((outbox.epoch(), newest(&outbox)), (epoch, all.len() as u64));
    assert!(read_all(&outbox, 1_000) == all);
    second.finish();
}

/// Batches that were not told, files that end anywhere: what is there is the journal, none doubled and none missing.
#[test]
fn what_was_missed_is_made_again_with_the_same_numbers() {
    let mut world = World::new("missed");
    // Something before the first event, so that there is an outbox when the first cut comes.
    let (_, second) = world.open();
    second.finish();
    for round in 0..60 {
        let (outbox, mut second) = world.open();
        for _ in 0..world.random.below(40) {
            let events = world.some();
            if world.random.below(4) == 0 {
                world.append(&events, None);
                second.feed.failed();
            } else {
                world.append(&events, Some(&mut second));
            }
        }
        let events = world.some();
        world.append(&events, Some(&mut second));
        let all = world.all();
        wait("caught up", || newest(&outbox) == all.len() as u64);
        assert!(read_all(&outbox, 5_000) == all, "round {round}");
        second.finish();
        // A kill left the file shorter than it was, or with half a record behind.
        let last = files::list(&folder(&world.data)).unwrap().pop().unwrap();
        let cut = world.random.below(last.size.min(2_000));
        let file = OpenOptions::new().write(true).open(last.path(&folder(&world.data))).unwrap();
        file.set_len((last.size - cut).max(HEAD as u64)).unwrap();
    }
}

#[test]
fn what_the_office_has_goes_as_whole_segments_and_the_log_tells_of_it() {
    let mut world = World::new("let-go");
    let (outbox, mut second) = world.open();
    let event = Event { class: Class::CALL, body: vec![b'x'; 100_000] };
    for _ in 0..250 {
        world.append(std::slice::from_ref(&event), Some(&mut second));
    }
    wait("written", || newest(&outbox) == 250);
    assert!(files::list(&folder(&world.data)).unwrap().len() >= 3, "several segments");
    outbox.let_go(1_000_000);
    assert_eq!(outbox.arrived(), 250, "no more than there is");
    second.finish();
    let left = files::list(&folder(&world.data)).unwrap();
    assert_eq!(left.len(), 1);
    assert!(outbox.read(1, 100).unwrap().is_empty());
    let (outbox, mut second) = world.open();
    assert_eq!((outbox.arrived(), outbox.span().borrow().first), (250, left[0].first));
    world.append(&[event], Some(&mut second));
    wait("numbers go on", || newest(&outbox) == 251);
    outbox.let_go(251);
    second.finish();
    let text = fs::read_to_string(world.data.join("left.jsonl")).unwrap();
    let sealer = Sealer::from_seed(&[7; 32]).unwrap();
    let log = verify(&text, sealer.public_key());
    assert_eq!(log.faults, []);
    let spans: Vec<_> = log.lines.iter().map(|line| (line.said.from, line.said.upto)).collect();
    assert_eq!(spans, [(1, 250), (251, 251)]);
    assert_eq!(log.lines[0].said.classes, [("call".to_owned(), 250)].into());
    let changed = text.replacen("\"upto\":250", "\"upto\":249", 1);
    assert!(!verify(&changed, sealer.public_key()).faults.is_empty());
}

#[test]
fn over_the_budget_figures_go_first_and_messages_never() {
    let mut world = World::new("budget");
    world.settings = Settings { most: 20 << 20, alarm: 16 << 20 };
    let (outbox, mut second) = world.open();
    let body = vec![b'x'; 100_000];
    let classes = [Class::METRICS, Class::QUALITY, Class::HEALTH, Class::MESSAGE];
    let mut count = 0;
    let mut add = |world: &mut World, rounds: u64| {
        for _ in 0..rounds {
            let events = classes.map(|class| Event { class, body: body.clone() });
            world.append(&events, Some(&mut second));
        }
        count += rounds * classes.len() as u64;
        wait("written", || newest(&outbox) == count);
    };
    let left = |class| read_all(&outbox, 1 << 20).iter().filter(|e| e.class == class).count();
    add(&mut world, 35);
    assert_eq!((left(Class::METRICS), outbox.room().is_short()), (35, false));
    add(&mut world, 20);
    wait("figures go", || !outbox.room().is_over());
    assert!(left(Class::METRICS) < 55 && left(Class::SHED) > 0);
    assert_eq!((left(Class::QUALITY), left(Class::MESSAGE)), (55, 55), "only figures");
    add(&mut world, 60);
    wait("samples of quality go", || left(Class::QUALITY) < 60);
    add(&mut world, 120);
    wait("nothing more may go", || outbox.room().is_over() && left(Class::HEALTH) < 100);
    assert_eq!(left(Class::MESSAGE), 235, "never");
    assert_eq!(read_all(&outbox, 1 << 20).len() as u64, newest(&outbox), "every number is there");
    second.finish();
}

#[test]
fn damage_in_the_middle_costs_no_number_and_another_journal_begins_another_outbox() {
    let mut world = World::new("damage");
    let (outbox, mut second) = world.open();
    let event = |n: u8| Event { class: Class::CALL, body: vec![n; 200_000] };
    for n in 0..100 {
        world.append(&[event(n)], Some(&mut second));
    }
    wait("written", || newest(&outbox) == 100);
    let first = files::list(&folder(&world.data)).unwrap()[0];
    let path = first.path(&folder(&world.data));
    let mut bytes = fs::read(&path).unwrap();
    bytes[5 * 200_018 + 1_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let read = read_all(&outbox, 1 << 20);
    assert_eq!((read.len(), read[99].clone()), (100, event(99)));
    assert_eq!((read[4].clone(), read[5].class), (event(4), Class::SHED));
    let epoch = outbox.epoch();
    second.finish();
    world.journal.lock().unwrap().truncate(3);
    let (outbox, mut second) = world.open();
    assert_ne!(outbox.epoch(), epoch);
    world.append(&[event(7)], Some(&mut second));
    wait("it begins anew", || newest(&outbox) == 1);
    second.finish();
}

/// The journal does not have its old records any more: nothing can be made again from them.
#[test]
fn a_bit_that_flips_in_a_head_costs_nothing_and_what_is_damaged_is_kept() {
    let mut world = World::new("head");
    let (_, mut second) = world.open();
    for _ in 0..50 {
        let events = world.some();
        world.append(&events, Some(&mut second));
    }
    second.finish();
    let all = world.all();
    world.journal.lock().unwrap().iter_mut().for_each(Vec::clear);
    let segment = files::list(&folder(&world.data)).unwrap()[0];
    let path = segment.path(&folder(&world.data));
    for at in [0, 9, 20, 27] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let (outbox, second) = world.open();
        assert_eq!(newest(&outbox), all.len() as u64, "octet {at}");
        assert!(read_all(&outbox, 1_000) == all, "octet {at}");
        assert_eq!(fs::read(files::aside(&path)).unwrap(), bytes);
        second.finish();
    }
}

#[test]
fn what_cannot_be_read_is_set_aside_and_made_again() {
    let mut world = World::new("aside");
    let (outbox, mut second) = world.open();
    for n in 0..60 {
        let event = Event { class: Class::CALL, body: vec![n; 200_000] };
        world.append(&[event], Some(&mut second));
    }
    let all = world.all();
    wait("written", || newest(&outbox) == 60);
    second.finish();
    let last = *files::list(&folder(&world.data)).unwrap().last().unwrap();
    let path = last.path(&folder(&world.data));
    let spoiled: Vec<u8> = fs::read(&path).unwrap().iter().map(|byte| byte ^ 0x55).collect();
    fs::write(&path, &spoiled).unwrap();
    let (outbox, second) = world.open();
    wait("made again", || newest(&outbox) == 60);
    assert!(read_all(&outbox, 1 << 20) == all);
    assert!(fs::read(files::aside(&path)).unwrap() == spoiled, "it is kept");
    second.finish();
    // In the middle of the newest one.
    let last = *files::list(&folder(&world.data)).unwrap().last().unwrap();
    let path = last.path(&folder(&world.data));
    let _ = fs::remove_file(files::aside(&path));
    let mut bytes = fs::read(&path).unwrap();
    bytes[200_100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (outbox, second) = world.open();
    wait("made again", || newest(&outbox) == 60);
    assert!(read_all(&outbox, 1 << 20) == all);
    assert!(fs::read(files::aside(&path)).unwrap() == bytes, "it is kept");
    second.finish();
}

/// A hub that claims more each time makes it another outbox once a day, and nothing is sent under the name it refused.
#[test]
fn it_is_another_outbox_once_a_day_and_says_until_then_that_it_is_refused() {
    let mut world = World::new("another");
    let (outbox, mut second) = world.open();
    let event = Event { class: Class::CALL, body: b"{}".to_vec() };
    for _ in 0..10 {
        world.append(std::slice::from_ref(&event), Some(&mut second));
    }
    wait("ten", || newest(&outbox) == 10);
    outbox.let_go(4);
    let first = outbox.epoch();
    outbox.office_is_ahead("of yesterday");
    assert!(!outbox.is_behind_office());
    outbox.office_is_ahead(&first);
    assert!(outbox.is_behind_office());
    wait("another", || !outbox.is_behind_office());
    let name = outbox.epoch();
    assert_ne!(name, first);
    let span = *outbox.span().borrow();
    assert_eq!(span, Span { first: 5, newest: 10 }, "what had arrived is not sent again");
    outbox.office_is_ahead(&name);
    let file = folder(&world.data).join("epoch");
    let kept = || fs::read_to_string(&file).unwrap();
    wait("refused", || kept().contains("refused"));
    second.finish();
    let (outbox, second) = world.open();
    assert_eq!((outbox.epoch(), outbox.is_behind_office()), (name.clone(), true));
    second.finish();
    // A day later.
    let text = kept();
    let since = text.lines().nth(2).unwrap();
    let earlier = (since.parse::<i64>().unwrap() - 86_401).to_string();
    fs::write(&file, text.replace(since, &earlier)).unwrap();
    let (outbox, second) = world.open();
    outbox.office_is_ahead(&name);
    wait("another", || outbox.epoch() != name && !outbox.is_behind_office());
    second.finish();
    let text = fs::read_to_string(world.data.join("left.jsonl")).unwrap();
    let sealer = Sealer::from_seed(&[7; 32]).unwrap();
    assert_eq!(verify(&text, sealer.public_key()).faults, []);
}

/// The log is years long: a line is written behind it without reading it.
#[test]
fn a_long_log_goes_on_where_it_ends_whatever_was_cut_short() {
    let mut world = World::new("log");
    let sealer = Sealer::from_seed(&[7; 32]).unwrap();
    let path = world.data.join("left.jsonl");
    let event = Event { class: Class::CALL, body: b"{}".to_vec() };
    for round in 1..=100 {
        let (outbox, mut second) = world.open();
        world.append(std::slice::from_ref(&event), Some(&mut second));
        wait("written", || newest(&outbox) == round);
        outbox.let_go(round);
        second.finish();
        let text = fs::read(&path).unwrap();
        assert!(text.ends_with(b"\n"));
        // A power cut in the middle of a line.
        fs::write(&path, [&text[..], b"{\"said\":"].concat()).unwrap();
    }
    let log = verify(&fs::read_to_string(&path).unwrap(), sealer.public_key());
    assert_eq!((log.lines.len(), log.faults), (100, Vec::new()));
    assert!(fs::metadata(&path).unwrap().len() > 32 << 10, "longer than what is read of it");
}
