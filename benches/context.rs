//! Who calls: how long a look-up takes, and what a contact costs, at three sizes.
//!
//! `cargo bench --bench context` makes a journal of contacts with a name, a number and five moments each, lets the store be
//! made from it, and asks who calls as the loop does: a question to the reader's thread, the answer back. Once while
//! nothing else happens, once while the store takes up new calls, and once after it was opened again. `-- 20000` does one
//! size alone. Then it searches, a page of twenty hits at a time, and tells what the index took to make and what it weighs.
//! Prints p50, p99, p99.9 and the worst in microseconds, rows made a second, bytes of disk and memory per
//! contact. The aim is a p99 of a millisecond with 200,000 contacts and 1,000,000 moments.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use branchline::context::{Act, Change, Channel, Happening, How, Identity, Kind, Source, Way};
use branchline::driver::looking::Readers;
use branchline::driver::{clock, journal, store};
use branchline::id::ContactId;
use branchline::journal::context::to_seal;
use branchline::journal::event::Event;
use branchline::journal::{Journal, Token};
use branchline::random::Random;
use branchline::store::context::finding::{self, Search};
use branchline::store::context::looking::{Answer, Question};
use branchline::time::UnixTime;

/// Contacts at each size.
const SIZES: [u64; 3] = [20_000, 60_000, 200_000];
/// Moments of each contact.
const MOMENTS: i64 = 5;
/// Look-ups that are timed.
const LOOKS: usize = 20_000;
/// Searches of each kind that are timed, and hits on a page of them.
const SEARCHES: usize = 500;
const PAGE: usize = 20;
/// Records that are appended before the disk is waited for.
const AT_A_TIME: u64 = 500;
/// What happens while look-ups are timed the second time: a branch with ten times the calls of a large one.
const NEW_EVERY: Duration = Duration::from_millis(20);

fn main() {
    let given: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if given.is_empty() { SIZES.to_vec() } else { given };
    println!(
        "{:>9} {:>9}  {:<24} {:>8} {:>8} {:>8} {:>8}",
        "contacts", "moments", "microseconds", "p50", "p99", "p99.9", "worst"
    );
    for size in sizes {
        measure(size);
    }
}

fn measure(contacts: u64) {
    let folder = Folder::new(contacts);
    let mut site = Site::open(&folder.0);
    let before = memory();
    site.fill(contacts);
    let keys = memory().saturating_sub(before);
    let began = Instant::now();
    let store = site.store();
    let took = began.elapsed();
    let moments = contacts * MOMENTS.unsigned_abs();
    let readers = Readers::start(store.shelf(), site.journal.keys().reading().clone());
    let readers = readers.expect("three threads");
    store.tell(readers.index());
    let plain = memory();
    let began = Instant::now();
    while find(&readers, "customer", 1).is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (indexed, index) = (began.elapsed(), memory().saturating_sub(plain));
    line(contacts, moments, "quiet", look(&readers, contacts, 1));
    let searches: [(&str, &dyn Fn(u64) -> String); 5] = [
        ("search: a number's end", &|contact| format!("{:05}", contact % 100_000)),
        ("search: a whole name", &|contact| format!("customer number {contact}")),
        ("search: what one word begins", &|contact| format!("{}", 10 + contact % 90)),
        ("search: words in everything", &|_| "order mon".to_owned()),
        ("search: nothing", &|contact| format!("order {contact}x")),
    ];
    for (what, text) in searches {
        line(contacts, moments, what, search(&readers, contacts, text));
    }
    // The same while calls come in.
    let ends = Arc::new(AtomicBool::new(false));
    let (stop, more) = (ends.clone(), store.clone());
    let writer = std::thread::spawn(move || {
        let mut random = Random::from_number(9);
        while !stop.load(Ordering::Relaxed) {
            let contact = random.below(contacts);
            let at = clock::now().unix;
            site.append(vec![message(contact, at)]);
            let upto = site.written();
            more.follow(upto);
            std::thread::sleep(NEW_EVERY);
        }
        site
    });
    line(contacts, moments, "while the store writes", look(&readers, contacts, 2));
    ends.store(true, Ordering::Relaxed);
    let site = writer.join().expect("it writes");
    let size = bytes_of(&folder.0.join("store"));
    let journal = bytes_of(&folder.0.join("journal"));
    store.finish();
    drop(readers);
    let rest = memory().saturating_sub(before + keys);
    std::thread::sleep(Duration::from_secs(1));
    let store = site.store();
    let readers = Readers::start(store.shelf(), site.journal.keys().reading().clone());
    line(contacts, moments, "opened again", look(&readers.expect("two threads"), contacts, 3));
    println!(
        "{contacts:>9} {moments:>9}  made in {:.1} s: {:.0} rows a second; per contact: store {} B, journal {} B, keys in memory {} B, the rest {} B; search index in {:.1} s, {} B per contact",
        took.as_secs_f64(),
        (contacts * 2 + moments) as f64 / took.as_secs_f64(),
        size / contacts,
        journal / contacts,
        keys / contacts,
        rest.saturating_sub(index) / contacts,
        indexed.as_secs_f64(),
        index / contacts,
    );
    store.finish();
}

fn line(contacts: u64, moments: u64, what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
    println!(
        "{contacts:>9} {moments:>9}  {what:<24} {:>8.0} {:>8.0} {:>8.0} {:>8.0}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// Asks as the loop does, at the pace of a busy branch, so that each begins with cold caches of the processor.
fn look(readers: &Readers, contacts: u64, seed: u64) -> Vec<Duration> {
    let mut random = Random::from_number(seed);
    let (answers, answered) = mpsc::sync_channel(1);
    let mut took = Vec::with_capacity(LOOKS);
    for _ in 0..LOOKS {
        let who = identity(random.below(contacts));
        let answers = answers.clone();
        let began = Instant::now();
        let asked = readers.ask(Question::Caller(who), move |answer| {
            let _ = answers.send(answer);
        });
        asked.expect("nobody else asks");
        let answer = answered.recv().expect("an answer");
        took.push(began.elapsed());
        let Answer::Caller(Some(caller)) = answer else { panic!("{answer:?}") };
        assert!(caller.name.is_some() && caller.last.len() == 5);
        std::thread::sleep(Duration::from_micros(random.below(200)));
    }
    took
}

/// What a page of hits takes, as somebody sees who types.
fn search(readers: &Readers, contacts: u64, text: &dyn Fn(u64) -> String) -> Vec<Duration> {
    let mut random = Random::from_number(5);
    let took = (0..SEARCHES).map(|_| {
        let text = text(random.below(contacts));
        let began = Instant::now();
        find(readers, &text, PAGE).expect("an index");
        began.elapsed()
    });
    took.collect()
}

/// How much is found; nothing while the index is being made.
fn find(readers: &Readers, text: &str, limit: usize) -> Option<usize> {
    let expression = finding::expression(text).expect("words");
    let (answers, answered) = mpsc::sync_channel(1);
    let question = Question::Search(Search { expression, after: None, limit });
    let asked = readers.ask(question, move |answer| {
        let _ = answers.send(answer);
    });
    asked.expect("nobody else asks");
    match answered.recv().expect("an answer") {
        Answer::Found(hits) => Some(hits.hits.len()),
        _ => None,
    }
}

struct Site {
    data: PathBuf,
    journal: Journal,
    handle: journal::Handle,
    stored: Arc<Mutex<Token>>,
    last: Token,
}

impl Site {
    fn open(data: &Path) -> Site {
        let stored = Arc::new(Mutex::new(Token(0)));
        let told = stored.clone();
        let report = move |done| {
            if let journal::Done::Stored(upto) = done {
                *told.lock().expect("nobody panics") = upto;
            }
        };
        let mut random = Random::from_number(1);
        let opened = journal::open(data, clock::now(), &mut random, report).expect("a journal");
        let (journal, handle) = (opened.journal, opened.handle);
        Site { data: data.to_owned(), journal, handle, stored, last: Token(0) }
    }

    fn fill(&mut self, contacts: u64) {
        for contact in 0..contacts {
            let id = ContactId(contact);
            let mut changes = vec![Change::Created { contact: id }];
            let identity = identity(contact);
            changes.push(Change::Linked { contact: id, identity, how: How::Said });
            changes.push(Change::Field {
                contact: id,
                name: "name".to_owned(),
                value: Some(format!("Customer Number {contact}")),
                source: Source::Agent,
                channel: None,
            });
            let at = |n: i64| UnixTime(1_700_000_000_000_000 + n * 86_400_000_000);
            changes.extend((0..MOMENTS).map(|n| message(contact, at(n))));
            self.append(changes);
            if contact % AT_A_TIME == 0 {
                self.written();
            }
        }
        self.written();
    }

    fn append(&mut self, changes: Vec<Change<String>>) {
        let now = clock::now();
        let act = Act { by: "bench".into(), at: now.unix, changes };
        self.last = self.journal.append(now, Event::Context(to_seal(act)));
    }

    /// Waits until everything is on the disk.
    fn written(&mut self) -> Token {
        while let Some(output) = self.journal.poll_output() {
            self.handle.submit(output).expect("room");
        }
        while *self.stored.lock().expect("nobody panics") < self.last {
            std::thread::sleep(Duration::from_micros(200));
        }
        self.last
    }

    fn store(&self) -> store::Handle {
        let store = store::open(&self.data, self.last, None, |_| {}).expect("a thread");
        while store.state() != store::State::Ready {
            assert!(!matches!(store.state(), store::State::Off(_)), "{store:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        store
    }
}

fn identity(contact: u64) -> Identity<String> {
    Identity { kind: Kind::Phone, value: format!("+1408{contact:07}") }
}

fn message(contact: u64, at: UnixTime) -> Change<String> {
    let text = Some("Where is my order, please? It was to come on Monday.".to_owned());
    let what = Happening::Message { channel: Channel::Sms, way: Way::In, text, reference: None };
    Change::Happened { contact: ContactId(contact), at, what }
}

/// Memory of this process, in bytes.
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096
}

fn bytes_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// A folder that goes with the measurement.
struct Folder(PathBuf);

impl Folder {
    fn new(size: u64) -> Folder {
        let name = format!("branchline-context-{}-{size}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
