//! Which files are left to go: lines that are added to a file, which is written anew when most of them are over.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Sends;
use crate::uplink::blob::{Named, Waiting};
use crate::uplink::blobs::{Next, Wanted};
use crate::uplink::frame::Event;

/// Files that wait at most: months of calls without a line. What comes behind them is not sent, and that is said.
const MOST: usize = 50_000;
/// Lines beyond those that count, from which on the file is written anew.
const MOST_OVER: usize = 10_000;
/// How long one is left alone that cannot be read now: a recording is finished within seconds.
const REST: Duration = Duration::from_secs(5);
/// What an event has that speaks of a file.
const MARK: &[u8] = b"\"blobs\":[";

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// This one waits.
    Add(Entry),
    /// This one does not any more.
    Off(Named),
    /// Events of an outbox were gone through up to there.
    Seen(String, u64),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    named: Named,
    n: u64,
    size: u64,
    #[serde(skip)]
    not_before: Option<Instant>,
    #[serde(skip)]
    held: bool,
}

/// The list.
pub(super) struct List {
    path: PathBuf,
    file: File,
    lines: usize,
    /// Lines that are not on the disk.
    unwritten: Vec<u8>,
    sends: Sends,
    epoch: String,
    seen: u64,
    noted: u64,
    order: VecDeque<Entry>,
    known: BTreeSet<Named>,
    octets: u64,
    kept_back: u64,
    full: bool,
}

impl List {
    /// Reads it. Without one it begins behind what the office has: nothing from before leaves.
    pub(super) fn open(path: &Path, epoch: &str, arrived: u64, sends: Sends) -> io::Result<List> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            text => Some(text?),
        };
        let seen = if text.is_none() { arrived } else { 0 };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut list = List {
            path: path.to_owned(),
            file: OpenOptions::new().append(true).create(true).mode(0o600).open(path)?,
            lines: 0,
            unwritten: Vec::new(),
            sends,
            epoch: epoch.to_owned(),
            seen,
            noted: seen,
            order: VecDeque::new(),
            known: BTreeSet::new(),
            octets: 0,
            kept_back: 0,
            full: false,
        };
        // A line that a kill has cut short is none: what it said is found again.
        for line in text.iter().flat_map(|text| text.lines()) {
            match serde_json::from_str(line) {
                Ok(Line::Add(entry)) => list.add(entry),
                Ok(Line::Off(named)) => list.remove(&named),
                Ok(Line::Seen(of, seen)) if of == epoch => list.seen = seen.max(list.seen),
                // That outbox is gone, and its numbers with it.
                Ok(Line::Seen(..)) | Err(_) => {}
            }
        }
        let kept: Vec<Named> =
            list.known.iter().filter(|named| !sends.lets(named.kind)).cloned().collect();
        list.kept_back = kept.len() as u64;
        kept.iter().for_each(|named| list.remove(named));
        list.rewrite()?;
        Ok(list)
    }

    /// Files of before that the policy does not let out any more.
    pub(super) fn kept_back(&self) -> u64 {
        self.kept_back
    }

    /// Events were gone through up to this one.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// What waits.
    pub(super) fn waiting(&self) -> Waiting {
        Waiting { files: self.order.len() as u64, octets: self.octets }
    }

    /// Goes through events. Answers whether there is more to send.
    pub(super) fn take(
        &mut self,
        first: u64,
        events: &[Event],
        size: impl Fn(&Named) -> Option<u64>,
    ) -> bool {
        // What lies before them was not gone through: it is, before the outbox lets go of it.
        if first > self.seen + 1 {
            return false;
        }
        let before = self.order.len();
        let seen = self.seen;
        for (n, event) in (first..).zip(events).filter(|(n, _)| *n > seen) {
            for (named, said) in spoken_of(event) {
                let size = size(&named).unwrap_or(said);
                self.list(Entry { named, n, size, not_before: None, held: false });
            }
        }
        self.seen = self.seen.max(first + events.len() as u64 - 1);
        self.order.len() > before
    }

    /// Events up to this one are not to be had any more.
    pub(super) fn skip(&mut self, upto: u64) {
        self.seen = self.seen.max(upto);
    }

    /// Once this answers, what was gone through is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.noted == self.seen && self.unwritten.is_empty() {
            return Ok(());
        }
        // Where nothing is listed it costs nothing to go through it again.
        let idle = self.unwritten.is_empty() && self.seen - self.noted < MOST as u64;
        if idle && self.order.is_empty() {
            return Ok(());
        }
        self.write(&Line::Seen(self.epoch.clone(), self.seen));
        self.file.write_all(&self.unwritten)?;
        self.file.sync_data()?;
        self.unwritten.clear();
        self.noted = self.seen;
        if self.lines > self.order.len() + MOST_OVER {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Which is next.
    pub(super) fn next(&self, now: Instant) -> Next {
        let free = || self.order.iter().filter(|entry| !entry.held);
        match free().find(|entry| entry.not_before.is_none_or(|at| at <= now)) {
            Some(entry) => Next::Wanted(Wanted { named: entry.named.clone(), n: entry.n }),
            None => {
                let soonest = free().filter_map(|entry| entry.not_before).min();
                soonest.map_or(Next::Nothing, Next::Later)
            }
        }
    }

    /// This one is not to be tried for a while.
    pub(super) fn later(&mut self, wanted: &Wanted, now: Instant) {
        let entry = self.order.iter_mut().find(|entry| entry.named == wanted.named);
        if let Some(entry) = entry {
            entry.not_before = Some(now + REST);
        }
    }

    /// This one has arrived, and is not asked for again, though it is not struck off yet.
    pub(super) fn hold(&mut self, named: &Named) {
        if let Some(entry) = self.order.iter_mut().find(|entry| entry.named == *named) {
            entry.held = true;
        }
    }

    /// This one does not wait any more. After a kill it may be there again: the office says at once that it has it.
    pub(super) fn strike(&mut self, named: &Named) {
        self.remove(named);
        self.write(&Line::Off(named.clone()));
        let written = self.file.write_all(&self.unwritten);
        if let Err(error) = &written {
            tracing::warn!(%error, "the list of files that go to the hub cannot be written");
        }
        if written.is_ok() {
            self.unwritten.clear();
        }
    }
}

impl List {
    fn list(&mut self, entry: Entry) {
        // An event may have been written under another policy.
        if !self.sends.lets(entry.named.kind) || self.known.contains(&entry.named) {
            return;
        }
        if self.order.len() >= MOST {
            if !std::mem::replace(&mut self.full, true) {
                tracing::error!(MOST, "so many files wait for the hub: others do not go there");
            }
            return self.kept_back += 1;
        }
        self.full = false;
        self.write(&Line::Add(entry.clone()));
        self.add(entry);
    }

    fn add(&mut self, entry: Entry) {
        if self.known.insert(entry.named.clone()) {
            self.octets += entry.size;
            self.order.push_back(entry);
        }
    }

    fn remove(&mut self, named: &Named) {
        if !self.known.remove(named) {
            return;
        }
        if let Some(at) = self.order.iter().position(|entry| entry.named == *named) {
            let size = self.order.remove(at).map_or(0, |entry| entry.size);
            self.octets -= size;
        }
    }

    fn write(&mut self, line: &Line) {
        // Texts and numbers always have a form.
        self.unwritten.extend(serde_json::to_vec(line).unwrap_or_default());
        self.unwritten.push(b'\n');
        self.lines += 1;
    }

    /// Under another name first: what has the name is whole.
    fn rewrite(&mut self) -> io::Result<()> {
        self.unwritten.clear();
        self.lines = 0;
        self.write(&Line::Seen(self.epoch.clone(), self.seen));
        for entry in self.order.clone() {
            self.write(&Line::Add(entry));
        }
        let new = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&self.unwritten)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.unwritten.clear();
        self.noted = self.seen;
        Ok(())
    }
}

/// Files that an event speaks of, with their octets where it says them. Whose they are it says once.
fn spoken_of(event: &Event) -> Vec<(Named, u64)> {
    #[derive(Deserialize)]
    struct Speaks {
        #[serde(default)]
        contact: Option<String>,
        blobs: Vec<Spoken>,
    }
    #[derive(Deserialize)]
    struct Spoken {
        #[serde(flatten)]
        named: Named,
        #[serde(default)]
        size: u64,
    }
    // Most events speak of none, and are not read for it.
    if !event.body.windows(MARK.len()).any(|part| part == MARK) {
        return Vec::new();
    }
    let Ok(Speaks { contact, blobs }) = serde_json::from_slice(&event.body) else {
        return Vec::new();
    };
    let whole = |Spoken { named, size }: Spoken| {
        let named = Named { contact: named.contact.or(contact.clone()), ..named };
        (named, size)
    };
    blobs.into_iter().map(whole).filter(|(named, _)| named.is_sound()).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::uplink::blob::Kind;
    use crate::uplink::frame::Class;

    const SENDS: Sends = Sends { recordings: true, files: true };

    fn event(body: &str) -> Event {
        Event { class: Class::CALL, body: body.as_bytes().to_vec() }
    }

    fn speaks(name: &str) -> Event {
        event(&format!(
            r#"{{"event":"call","contact":"C1","blobs":[{{"kind":"recording","name":"{name}"}}]}}"#
        ))
    }

    fn named(name: &str) -> Named {
        let contact = Some("C1".to_owned());
        Named { kind: Kind::Recording, name: name.to_owned(), contact }
    }

    fn size(_: &Named) -> Option<u64> {
        Some(10)
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("branchline-files-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&folder);
            Folder(folder)
        }

        fn open(&self, epoch: &str, sends: Sends) -> List {
            List::open(&self.0.join("files"), epoch, 0, sends).expect("a list")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_noted_is_there_after_a_kill_and_what_was_not_is_found_again() {
        let folder = Folder::new("kill");
        let mut list = folder.open("a", SENDS);
        let events = [speaks("R1"), event(r#"{"event":"call"}"#), speaks("R2")];
        assert!(list.take(1, &events, size));
        list.sync().expect("written");
        assert!(list.take(4, &[speaks("R3")], size));
        list.strike(&named("R1"));
        // Killed here: the strike may or may not be there, and R3 is not noted as seen.
        let mut list = folder.open("a", SENDS);
        assert_eq!(list.seen(), 3);
        list.take(4, &[speaks("R3")], size);
        let waiting: Vec<_> = list.order.iter().map(|entry| entry.named.clone()).collect();
        assert_eq!(waiting, [named("R2"), named("R3")]);
        assert_eq!(list.waiting(), Waiting { files: 2, octets: 20 });
    }

    #[test]
    fn a_torn_line_is_none_and_another_outbox_begins_anew() {
        let folder = Folder::new("torn");
        let mut list = folder.open("a", SENDS);
        list.take(1, &[speaks("R1"), speaks("R2")], size);
        list.sync().expect("written");
        let path = folder.0.join("files");
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, text + r#"{"add":{"kind":"rec"#).expect("written");
        let list = folder.open("b", SENDS);
        assert_eq!((list.seen(), list.waiting().files), (0, 2));
    }

    #[test]
    fn what_the_policy_keeps_by_now_is_struck_off() {
        let folder = Folder::new("policy");
        let mut list = folder.open("a", SENDS);
        list.take(1, &[speaks("R1")], size);
        list.sync().expect("written");
        let list = folder.open("a", Sends { recordings: false, files: true });
        assert_eq!((list.waiting().files, list.kept_back()), (0, 1));
        assert_eq!(list.next(Instant::now()), Next::Nothing);
    }

    #[test]
    fn the_same_is_listed_once_and_what_leads_elsewhere_not_at_all() {
        let folder = Folder::new("same");
        let mut list = folder.open("a", SENDS);
        let bad =
            r#"{"blobs":[{"kind":"file","name":"../../keys/box"},{"kind":"odd","name":"x"}]}"#;
        list.take(1, &[speaks("R1"), speaks("R1"), event(bad)], size);
        assert_eq!(list.waiting().files, 1);
        let now = Instant::now();
        let first = Wanted { named: named("R1"), n: 1 };
        assert_eq!(list.next(now), Next::Wanted(first.clone()));
        list.later(&first, now);
        assert_eq!(list.next(now), Next::Later(now + REST));
        assert_eq!(list.next(now + REST), Next::Wanted(first));
    }
}
