//! Finding people by words: the only file that names rusqlite.
//!
//! The index is SQLite's FTS5, in memory alone: nothing of a person is on the disk that an erasure would have to find. A
//! thread of its own makes it from the store's rows at the start, and follows what the store's thread says has changed.
//! It holds no texts, only which words are in which rows.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::driver::looking::Shelf;
use crate::driver::priority::give_way;
use crate::journal::personal::Reads;
use crate::store::Rows;
use crate::store::context::finding::{self, FOUND, Hits, Search};
use crate::store::context::looking::{Answer, Eyes};

/// Jobs that may wait: searches, and batches of changed rows, of which there are five in a second.
const WAITING: usize = 1_024;
/// Rows that are read in one go when the index is made.
const PAGE: usize = 2_000;
/// How often it is looked whether the store is open.
const LOOK_FOR_STORE: Duration = Duration::from_millis(100);
/// Rows that fit and turn out to be gone, after which a search ends early: its page is short, and the next goes on.
const MOST_GONE: usize = 256;
/// How long after an erasure its words are taken out of memory for good, together with those of others.
const TIDY_AFTER: Duration = Duration::from_secs(60);

type Done = Box<dyn FnOnce(Answer) + Send>;

enum Job {
    Search(Search, Done),
    Changed(Vec<Vec<u8>>),
}

/// The way to the thread.
#[derive(Clone)]
pub struct Index {
    jobs: mpsc::SyncSender<Job>,
    /// Something changed that the thread was not told of: it makes the index anew.
    lost: Arc<AtomicBool>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Index")
    }
}

/// More waits than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl Index {
    /// Starts the thread, which reads from `shelf` what `keys` can read.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(shelf: &Shelf, keys: Arc<dyn Reads + Send + Sync>) -> io::Result<Index> {
        let (jobs, waiting) = mpsc::sync_channel(WAITING);
        let lost = Arc::<AtomicBool>::default();
        let mut thread = Thread { shelf: shelf.clone(), keys, lost: lost.clone(), tidy_at: None };
        let named = thread::Builder::new().name("search".to_owned());
        named.spawn(move || {
            give_way();
            thread.run(&waiting)
        })?;
        Ok(Index { jobs, lost })
    }

    /// Searches; `answer` is called on the index's thread.
    ///
    /// # Errors
    /// When more waits than may; `answer` is not called then.
    pub fn search(
        &self,
        search: Search,
        answer: impl FnOnce(Answer) + Send + 'static,
    ) -> Result<(), Busy> {
        self.jobs.try_send(Job::Search(search, Box::new(answer))).map_err(|_| Busy)
    }

    /// These rows have changed. Never waits.
    pub fn changed(&self, keys: Vec<Vec<u8>>) {
        if self.jobs.try_send(Job::Changed(keys)).is_err() {
            self.lost.store(true, Ordering::Release);
        }
    }
}

struct Thread {
    shelf: Shelf,
    keys: Arc<dyn Reads + Send + Sync>,
    lost: Arc<AtomicBool>,
    tidy_at: Option<Instant>,
}

/// Why the index cannot go on as it is.
enum Stop {
    /// Nobody needs it any more.
    Over,
    /// It is made anew: changes were missed, the store went, or SQLite ran out of memory.
    Again,
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Stop {
        tracing::error!(%error, "the search index is made anew");
        Stop::Again
    }
}

impl Thread {
    fn run(&mut self, waiting: &mpsc::Receiver<Job>) {
        loop {
            if !self.wait_for_store(waiting) {
                return;
            }
            self.lost.store(false, Ordering::Release);
            let began = Instant::now();
            let ended = self.fill(waiting).and_then(|(words, count)| {
                let took_ms = began.elapsed().as_millis();
                tracing::info!(rows = count, took_ms, "people can be searched for");
                self.follow(words, waiting)
            });
            match ended {
                Ok(()) | Err(Stop::Over) => return,
                // Not at once: what went wrong may do so again.
                Err(Stop::Again) => thread::sleep(LOOK_FOR_STORE),
            }
        }
    }

    /// Waits until the store is open. Whoever searches before is told so. Answers whether anybody is there still.
    fn wait_for_store(&self, waiting: &mpsc::Receiver<Job>) -> bool {
        loop {
            if self.rows().is_some() {
                return true;
            }
            match waiting.recv_timeout(LOOK_FOR_STORE) {
                Ok(Job::Search(_, done)) => done(Answer::NotReady),
                Ok(Job::Changed(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn rows(&self) -> Option<Arc<dyn Rows + Send + Sync>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the index of every row there is; then of those that changed meanwhile. Answers how many rows there were.
    fn fill(&self, waiting: &mpsc::Receiver<Job>) -> Result<(Words, usize), Stop> {
        let mut words = Words::new()?;
        let (mut count, mut changed) = (0, Vec::new());
        for prefix in FOUND {
            let mut after: Option<Vec<u8>> = None;
            loop {
                let began = Instant::now();
                let rows = self.rows().ok_or(Stop::Again)?;
                let page = rows.page(prefix, after.as_deref(), PAGE);
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                count += words.add(&page, &*self.keys)?;
                for job in waiting.try_iter() {
                    match job {
                        Job::Search(_, done) => done(Answer::NotReady),
                        Job::Changed(keys) => changed.extend(keys),
                    }
                }
                // Calls and whoever looks people up have the processor for as long again.
                thread::sleep(began.elapsed());
            }
        }
        let rows = self.rows().ok_or(Stop::Again)?;
        words.update(&changed, &*rows, &*self.keys)?;
        Ok((words, count))
    }

    fn follow(&mut self, mut words: Words, waiting: &mpsc::Receiver<Job>) -> Result<(), Stop> {
        loop {
            let job = match self.tidy_at {
                Some(at) => waiting.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => waiting.recv().map_err(RecvTimeoutError::from),
            };
            if self.lost.load(Ordering::Acquire) {
                if let Ok(Job::Search(_, done)) = job {
                    done(Answer::NotReady);
                }
                return Err(Stop::Again);
            }
            match job {
                Ok(Job::Search(search, done)) => {
                    let found = self.rows().map(|rows| {
                        words.search(&search, Eyes { rows: &*rows, keys: &*self.keys })
                    });
                    done(match found {
                        Some(Ok(hits)) => Answer::Found(hits),
                        Some(Err(error)) => {
                            tracing::error!(%error, "a search failed");
                            Answer::NotReady
                        }
                        None => Answer::NotReady,
                    });
                }
                Ok(Job::Changed(keys)) => {
                    let Some(rows) = self.rows() else { return Err(Stop::Again) };
                    let gone = words.update(&keys, &*rows, &*self.keys)?;
                    if gone && self.tidy_at.is_none() {
                        self.tidy_at = Instant::now().checked_add(TIDY_AFTER);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.tidy_at = None;
                    words.tidy()?;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(Stop::Over),
            }
        }
    }
}

/// Which words are in which rows.
struct Words(Connection);

impl Words {
    fn new() -> rusqlite::Result<Words> {
        let words = Connection::open_in_memory()?;
        // No content, and no places in it: which rows a word is in is all that is asked. What begins with a word is kept for
        // each length up to ten: without that SQLite gathers every row of every such word before it hands out the first,
        // which is 95 ms for a word that is in a million rows (0.1 ms with it). It costs a third more memory.
        words.execute_batch(
            "CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, detail=none, \
             prefix='2 3 4 5 6 7 8 9 10', tokenize='unicode61 remove_diacritics 2');
             CREATE TABLE places(number INTEGER PRIMARY KEY, key BLOB NOT NULL);",
        )?;
        Ok(Words(words))
    }

    /// Takes up rows that it does not know. Answers how many of them have words.
    fn add(&mut self, page: &[(Vec<u8>, Vec<u8>)], keys: &dyn Reads) -> rusqlite::Result<usize> {
        let mut count = 0;
        let all = self.0.transaction()?;
        for (key, row) in page {
            count += usize::from(put(&all, key, Some(row), keys)?);
        }
        all.commit()?;
        Ok(count)
    }

    /// Takes up rows that have changed, as they are by now. Answers whether any is gone.
    fn update(
        &mut self,
        changed: &[Vec<u8>],
        rows: &dyn Rows,
        keys: &dyn Reads,
    ) -> rusqlite::Result<bool> {
        let mut gone = false;
        let all = self.0.transaction()?;
        for key in changed {
            let row = rows.get(key);
            gone |= row.is_none();
            put(&all, key, row.as_deref(), keys)?;
        }
        all.commit()?;
        Ok(gone)
    }

    fn search(&mut self, search: &Search, eyes: Eyes<'_>) -> rusqlite::Result<Hits> {
        let mut found = self.0.prepare_cached(
            "SELECT words.rowid, key FROM words JOIN places ON number = words.rowid \
             WHERE words MATCH ?1 AND words.rowid < ?2 ORDER BY words.rowid DESC",
        )?;
        let mut rows = found.query(params![search.expression, search.after.unwrap_or(i64::MAX)])?;
        let (mut hits, mut gone) = (Hits::default(), 0);
        while let Some(row) = rows.next()? {
            let key: Vec<u8> = row.get(1)?;
            match eyes.hit(&key) {
                Some(hit) => hits.hits.push(hit),
                None => gone += 1,
            }
            if hits.hits.len() >= search.limit || gone >= MOST_GONE {
                hits.next = Some(row.get(0)?);
                break;
            }
        }
        Ok(hits)
    }

    /// Takes what was in rows that are gone out of memory.
    fn tidy(&mut self) -> rusqlite::Result<()> {
        self.0.execute_batch("INSERT INTO words(words) VALUES ('optimize')")
    }
}

/// Takes up a row as it is. Answers whether it has words.
fn put(
    words: &Connection,
    key: &[u8],
    row: Option<&[u8]>,
    keys: &dyn Reads,
) -> rusqlite::Result<bool> {
    let Some(number) = finding::number(key) else { return Ok(false) };
    let text = row.and_then(|row| finding::words(key, row, keys));
    let known = words.prepare_cached("DELETE FROM places WHERE number = ?1")?.execute([number])?;
    if known > 0 {
        words.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([number])?;
    }
    let Some(text) = text else { return Ok(false) };
    words
        .prepare_cached("INSERT INTO words(rowid, text) VALUES (?1, ?2)")?
        .execute(params![number, text])?;
    words
        .prepare_cached("INSERT INTO places(number, key) VALUES (?1, ?2)")?
        .execute(params![number, key])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Act, Change, How, Identity, Kind};
    use crate::id::ContactId;
    use crate::journal::context::to_seal;
    use crate::journal::event::Event;
    use crate::journal::personal::{Keyring, Personal};
    use crate::journal::replay::Entry;
    use crate::random::Random;
    use crate::store::{Meta, project};
    use crate::time::UnixTime;
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct Table(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Rows for Table {
        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.0.get(key).cloned()
        }

        fn keys(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
            self.page(prefix, None, usize::MAX).into_iter().map(|(key, _)| key).collect()
        }

        fn page(
            &self,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Vec<(Vec<u8>, Vec<u8>)> {
            let behind = |key: &&Vec<u8>| after.is_none_or(|after| key.as_slice() > after);
            let own = self.0.keys().filter(|key| key.starts_with(prefix)).filter(behind);
            own.take(limit).map(|key| (key.clone(), self.0[key].clone())).collect()
        }
    }

    /// A store, the keys to it, and an index that follows it.
    struct World {
        table: Table,
        ring: Keyring,
        words: Words,
        seq: u64,
        meta: Meta,
    }

    const ANN: ContactId = ContactId(8);
    const BEA: ContactId = ContactId(16);

    impl World {
        fn new() -> World {
            let ring = Keyring::open(&[7; 32], &[], Random::from_number(1));
            let words = Words::new().expect("an index");
            let mut world =
                World { table: Table::default(), ring, words, seq: 0, meta: Meta::default() };
            let phone = |value: &str| Identity { kind: Kind::Phone, value: value.to_owned() };
            let mail = |value: &str| Identity { kind: Kind::Email, value: value.to_owned() };
            for (contact, name, identity) in [
                (ANN, "Änne Müller-Lüdenscheidt", phone("+14085551200")),
                (BEA, "Bea Ortiz", mail("bea.ortiz@shop.example")),
            ] {
                let how = How::Said;
                let said = crate::context::Source::Agent;
                world.change(vec![
                    Change::Created { contact },
                    Change::Linked { contact, identity, how },
                    Change::Field {
                        contact,
                        name: "name".to_owned(),
                        value: Some(name.to_owned()),
                        source: said,
                        channel: None,
                    },
                ]);
            }
            world.note(ANN, "wants the blue kestrel lamp");
            world.note(BEA, "the lamp is broken, sends the invoice 4711 again");
            world
        }

        fn note(&mut self, contact: ContactId, text: &str) {
            self.change(vec![Change::Noted { contact, case: None, text: text.to_owned() }]);
        }

        fn change(&mut self, changes: Vec<Change<String>>) {
            self.seq += 1;
            let at = UnixTime(self.seq.cast_signed() * 1_000_000);
            let act = Act { by: "ann".into(), at, changes };
            let mut event = Event::Context(to_seal(act));
            let ring = &mut self.ring;
            event.for_each_personal(&mut |personal: &mut Personal| ring.seal(personal));
            let entry = Entry { seq: self.seq, at, event: Some(event) };
            let batch = project(self.meta, &[entry], &self.table);
            self.meta = batch.meta;
            let keys: Vec<_> = batch.rows.keys().cloned().collect();
            for (key, row) in batch.rows {
                match row {
                    Some(row) => drop(self.table.0.insert(key, row)),
                    None => drop(self.table.0.remove(&key)),
                }
            }
            let reading = self.ring.reading();
            self.words.update(&keys, &self.table, reading).expect("updated");
        }

        fn page(&mut self, text: &str, after: Option<i64>, limit: usize) -> Hits {
            let expression = finding::expression(text).expect("words");
            let eyes = Eyes { rows: &self.table, keys: self.ring.reading() };
            let search = Search { expression, after, limit };
            self.words.search(&search, eyes).expect("an answer")
        }

        /// Whom each hit is about, and whether it is the contact itself.
        fn finds(&mut self, text: &str) -> Vec<(ContactId, bool)> {
            let hits = self.page(text, None, 100).hits;
            let contact = |what| matches!(what, finding::What::Contact { .. });
            hits.into_iter().map(|hit| (hit.person, contact(hit.what))).collect()
        }

        /// Whether the index has a word in memory, findable or not.
        fn holds(&self, word: &str) -> bool {
            let mut blocks = self.words.0.prepare("SELECT block FROM words_data").expect("a table");
            let mut blocks = blocks.query([]).expect("blocks");
            while let Some(block) = blocks.next().expect("a block") {
                let block: Vec<u8> = block.get(0).expect("bytes");
                if block.windows(word.len()).any(|some| some == word.as_bytes()) {
                    return true;
                }
            }
            false
        }
    }

    #[test]
    fn people_are_found_by_beginnings_without_accents_and_by_how_a_number_ends() {
        let mut world = World::new();
        for text in ["muller", "MÜLL", "anne ludensch", "mu\u{308}ller", "müller-lü"] {
            assert_eq!(world.finds(text), [(ANN, true)], "{text}");
        }
        for text in ["1200", "555-1200", "(408) 555 1200", "+1 408 555 12 00", "0408 5551200"] {
            assert_eq!(world.finds(text), [(ANN, true)], "{text}");
        }
        assert_eq!(world.finds("1408"), [(ANN, true)], "how a number begins, in full");
        assert_eq!(world.finds("ortiz@shop.example"), [(BEA, true)]);
        assert!(world.finds("5551201").is_empty() && world.finds("uller").is_empty());
        assert_eq!(world.finds("lamp"), [(BEA, false), (ANN, false)], "the newest first");
        assert_eq!(world.finds("lamp kest"), [(ANN, false)], "all words fit");
        assert_eq!(world.finds("4711"), [(BEA, false)]);
        assert!(world.finds("\" OR lamp").is_empty(), "OR is a word like others");
    }

    #[test]
    fn pages_follow_each_other_without_holes_or_repeats() {
        let mut world = World::new();
        for number in 0..25 {
            world.note(BEA, &format!("page {number}"));
        }
        let (mut after, mut seen) = (None, 0);
        loop {
            let page = world.page("page", after, 10);
            seen += page.hits.len();
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, 25);
    }

    #[test]
    fn what_changes_is_found_as_it_is_and_what_is_erased_not_even_in_memory() {
        let mut world = World::new();
        assert!(world.holds("kestrel"));
        let contact = ANN;
        world.change(vec![Change::Field {
            contact,
            name: "name".to_owned(),
            value: Some("Anne Smith".to_owned()),
            source: crate::context::Source::Agent,
            channel: None,
        }]);
        assert!(world.finds("muller").is_empty());
        assert_eq!(world.finds("smith"), [(ANN, true)]);
        world.change(vec![Change::Erased {
            erasure: crate::id::ErasureId(1),
            contacts: vec![ANN],
            keys: 1,
            recordings: 0,
            rule: None,
        }]);
        assert!(world.finds("smith").is_empty() && world.finds("1200").is_empty());
        assert_eq!(world.finds("lamp"), [(BEA, false)]);
        world.words.tidy().expect("tidied");
        for word in ["kestrel", "smith", "muller", "14085551200"] {
            assert!(!world.holds(word), "{word}");
        }
        assert!(world.holds("invoice"));
        // A single segment with something that is gone in it is tidied as well.
        world.change(vec![Change::Erased {
            erasure: crate::id::ErasureId(2),
            contacts: vec![BEA],
            keys: 1,
            recordings: 0,
            rule: None,
        }]);
        world.words.tidy().expect("tidied");
        assert!(!world.holds("invoice"));
    }
}
