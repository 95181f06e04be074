//! Somebody is erased: what of them has left, or is about to, goes as well.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use branchline::call::record::Peer;
use branchline::context::{Act, Change, How, Identity, Kind, Source};
use branchline::driver::journal::{self, Done, Leaving, Opened};
use branchline::driver::{clock, outbox};
use branchline::id::{CallId, ContactId, ErasureId};
use branchline::journal::context::{contact_subject, identity_subject, to_seal};
use branchline::journal::event::{CallEvent, Event, What};
use branchline::random::Random;
use branchline::uplink::policy::{Class, Treatment};

use crate::Folder;
use crate::out::{filtered_by, go_on, held, leaving, open_leaving, until};

/// Tells the child where to work, and whom to erase.
const DATA: &str = "BRANCHLINE_TEST_ERASED";
const WHOM: &str = "BRANCHLINE_TEST_ERASED_WHOM";
/// Events without anybody in them, and their octets: more than a segment of an outbox.
pub const OTHERS: u64 = 30;
pub const LONG: usize = 400_000;

/// Everything leaves, in clear.
pub fn all() -> Leaving {
    let said = Class::ALL.map(|class| (class, Treatment::Send)).into();
    Leaving { said, ..leaving() }
}

/// Somebody, with marks that nothing else has.
pub struct Person(pub u64);

impl Person {
    fn contact(&self) -> ContactId {
        ContactId(1_000_000 + self.0)
    }

    fn number(&self) -> Identity<String> {
        Identity { kind: Kind::Phone, value: format!("+1555{:07}", 8_000_000 + self.0) }
    }

    /// By which they would be found anywhere.
    pub fn marks(&self) -> [String; 3] {
        [self.number().value, format!("Nameless{}x", self.0), format!("verbatim{}x", self.0)]
    }

    /// What the branch knows of them.
    pub fn all(&self) -> Vec<Event> {
        let [number, name, text] = self.marks();
        let (contact, at) = (self.contact(), clock::now().unix);
        let field = |value: String| Change::Field {
            contact,
            name: "name".to_owned(),
            value: Some(value),
            source: Source::Agent,
            channel: None,
        };
        let changes = vec![
            Change::Created { contact },
            Change::Linked { contact, identity: self.number(), how: How::Said },
            field(name),
            Change::Noted { contact, case: None, text },
        ];
        let (from, to) = (number.as_str().into(), "+15550100".into());
        let peer = Peer::Trunk("carrier".into());
        let what = What::Arrived { peer, from, to, nobody: false };
        vec![
            Event::Context(to_seal(Act { by: "ann".into(), at, changes })),
            Event::Call(CallEvent { call: CallId(self.0), at, what }),
        ]
    }

    /// Destroys their keys and says so.
    pub fn erase(&self, opened: &mut Opened) {
        let keys = opened.journal.keys().reading();
        let subjects =
            [contact_subject(keys, self.contact()), identity_subject(keys, &self.number())];
        let (contacts, erasure) = (vec![self.contact()], ErasureId(self.0));
        let now = clock::now();
        opened.journal.forget(now, &subjects, |keys| {
            let change = Change::Erased { erasure, contacts, keys, recordings: 0, rule: None };
            let (by, at, changes) = ("ann".into(), now.unix, vec![change]);
            Event::Context(to_seal(Act { by, at, changes }))
        });
    }
}

/// Somebody else's words, which stay.
pub fn other(number: u64, octets: usize) -> Event {
    let text = format!("other{number} {}", "x".repeat(octets));
    let changes = vec![Change::Noted { contact: ContactId(7), case: None, text }];
    Event::Context(to_seal(Act { by: "ann".into(), at: clock::now().unix, changes }))
}

/// Which of these texts stand in any file below a folder.
pub fn found(folder: &Path, marks: &[String]) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(found(&path, marks));
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        let has = |mark: &&String| bytes.windows(mark.len()).any(|part| part == mark.as_bytes());
        all.extend(marks.iter().filter(has).map(|mark| (path.clone(), mark.clone())));
    }
    all
}

pub fn outward(data: &Path) -> branchline::journal::outward::Outward {
    all().outward(&journal::reading(data).expect("keys"))
}

/// Waits until an erasure is carried out in the outbox.
pub fn until_erased(data: &Path, marks: &[String]) {
    let folder = outbox::folder(data);
    until("the outbox to be without them", || {
        !folder.join("erasing").exists() && found(&folder, marks).is_empty()
    });
}

pub fn until_stored(opened: &mut Opened, hears: &mpsc::Receiver<Done>) {
    until("the journal to be written", || {
        go_on(opened, hears);
        opened.journal.is_stored(opened.journal.newest())
    });
}

/// The outbox is what the preview shows, and so is the journal, filtered.
fn assert_same(data: &Path, outbox: &outbox::Outbox) {
    let held = held(outbox);
    assert_eq!(held, filtered_by(data, &outward(data), usize::MAX), "the journal");
    let mut shown = Vec::new();
    let about = outbox::About::All;
    outbox::preview(data, &outward(data), &about, &mut |event| shown.push(event)).expect("shown");
    assert_eq!(crate::out::hashed(shown.into_iter()), held, "the preview");
}

#[test]
fn what_has_not_left_is_made_again_without_whoever_was_erased() {
    let folder = Folder::new("erased");
    let data = &folder.0;
    let (mut opened, hears) = open_leaving(data, 1, all());
    let outbox = opened.outbox.clone().expect("an outbox");
    let person = Person(1);
    for event in person.all() {
        opened.journal.append(clock::now(), event);
    }
    for number in 0..OTHERS {
        opened.journal.append(clock::now(), other(number, LONG));
        go_on(&mut opened, &hears);
    }
    for event in Person(2).all().into_iter().chain(person.all()) {
        opened.journal.append(clock::now(), event);
    }
    until_stored(&mut opened, &hears);
    let before = filtered_by(data, &outward(data), usize::MAX);
    until("the outbox", || outbox.span().borrow().newest == before.1);
    assert_eq!(found(&outbox::folder(data), &person.marks()).len(), 6, "in two segments");
    // A reader stands in the middle.
    let read = outbox.read(2, 1).expect("read");
    assert!(!read.is_empty());
    person.erase(&mut opened);
    until_stored(&mut opened, &hears);
    until_erased(data, &person.marks());
    assert!(!outbox.read(3, 1).expect("read").is_empty());
    assert_eq!(found(&outbox::folder(data), &Person(2).marks()).len(), 3, "others stay");
    until("the erasure in it", || outbox.span().borrow().newest == before.1 + 1);
    assert_same(data, &outbox);
    // It goes on as it was, and is there after a start.
    opened.journal.append(clock::now(), other(OTHERS, 10));
    until_stored(&mut opened, &hears);
    opened.handle.finish();
    let (opened, _hears) = open_leaving(data, 2, all());
    let outbox = opened.outbox.clone().expect("an outbox");
    opened.handle.finish();
    let held = held(&outbox);
    println!("{} events, {}", held.1, held.0);
    assert_same(data, &outbox);
}

/// The child that is killed while it erases. Does nothing when it runs as a test among others.
#[test]
fn child() {
    let (Ok(data), Ok(whom)) = (env::var(DATA), env::var(WHOM)) else { return };
    let (mut opened, hears) = open_leaving(Path::new(&data), 3, all());
    Person(whom.parse().expect("a number")).erase(&mut opened);
    until_stored(&mut opened, &hears);
    // For all that it knows: whoever started it knows when it ends.
    until("the end", || false);
}

fn start(data: &Path, whom: u64) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "erased::child", "--nocapture"]);
    command.env(DATA, data).env(WHOM, whom.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a child")
}

#[test]
fn an_erasure_that_a_kill_cut_short_is_finished() {
    let folder = Folder::new("erased-kills");
    let data = &folder.0;
    let kills = u64::from(crate::kills());
    let (mut opened, hears) = open_leaving(data, 1, all());
    for whom in 0..kills {
        for event in Person(whom).all() {
            opened.journal.append(clock::now(), event);
        }
        opened.journal.append(clock::now(), other(whom, LONG / 4));
        go_on(&mut opened, &hears);
    }
    until_stored(&mut opened, &hears);
    opened.handle.finish();
    let mut random = Random::from_number(11);
    let mut middle = 0;
    for whom in 0..kills {
        let erasing = outbox::folder(data).join("erasing");
        let mut child = start(data, whom);
        if whom % 2 == 0 {
            // Until it is at it: there is not much time between.
            let end = std::time::Instant::now() + Duration::from_secs(5);
            while !erasing.exists() && std::time::Instant::now() < end {
                std::hint::spin_loop();
            }
        }
        std::thread::sleep(Duration::from_micros(random.below(150_000)));
        child.kill().expect("killed");
        child.wait().expect("gone");
        middle += u32::from(erasing.exists());
    }
    // A start finishes it; those whose erasure was not on the disk are erased now.
    let (mut opened, hears) = open_leaving(data, 4, all());
    let outbox = opened.outbox.clone().expect("an outbox");
    let erased = |whom: &u64| {
        let (all, words) = (outbox::About::All, ErasureId(*whom).to_string());
        let mut erased = false;
        let mut each = |event: branchline::uplink::frame::Event| {
            let text = String::from_utf8_lossy(&event.body).into_owned();
            erased |= text.starts_with("{\"event\":\"erased\"") && text.contains(&words);
        };
        outbox::preview(data, &outward(data), &all, &mut each).expect("shown");
        erased
    };
    let begun: Vec<_> = (0..kills).filter(erased).collect();
    until_erased(data, &begun.iter().flat_map(|whom| Person(*whom).marks()).collect::<Vec<_>>());
    for whom in 0..kills {
        Person(whom).erase(&mut opened);
    }
    until_stored(&mut opened, &hears);
    opened.handle.finish();
    let (begun, events) = (begun.len(), held(&outbox).1);
    println!(
        "{kills} kills, {middle} in the middle, {begun} erasures on the disk, {events} events"
    );
    assert!(begun > 0, "none was on the disk when it was killed");
    let marks: Vec<String> = (0..kills).flat_map(|whom| Person(whom).marks()).collect();
    assert_eq!(found(&outbox::folder(data), &marks), []);
    assert_same(data, &outbox);
}
