//! People whom several branches know, at a hub that runs: follows what sites say of them, answers who somebody is, and wakes
//! the connections of sites that there is something to tell.
//!
//! What is known of them is in the engine's rows, with how far the sites' events were taken up. After a start the events that
//! came since are taken up first, and until then nobody is told or answered anything: who was erased in them would be said
//! to be known once more. Where the rows were lost they are made again from the events that are still kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use super::embedded::Embedded;
use super::engine::{Engine, Kept, NotRead, What};
use super::questions::{Question, Questions as Log};
use super::rows::Rows;
use crate::driver::clock;
use crate::hub::asking::Questions;
use crate::hub::people::{Away, Book, News, NotPut, People};
use crate::time::Now;
use crate::uplink::frame::{Answer, Ask, Class, Told};

/// After a failure of the disk.
const REST: Duration = Duration::from_secs(1);
/// How often it is looked whether a cluster has the stream of another site.
const LOOK_FOR_SITES: Duration = Duration::from_secs(3);
/// What the stream of one machine is called in the rows.
const ALL: &str = "all";
/// Who holds events until they are taken up.
const READER: &str = "people";

/// What a hub knows of people. Copies are the same.
#[derive(Clone)]
pub struct Acquaintances(Arc<Inner>);

/// The engine's rows, many of which the disk takes at once: what was not taken up for good is taken up again after a start,
/// and nobody is told what the disk does not have.
#[derive(Debug, Clone)]
struct Soon(Rows);

impl Soon {
    fn flush(&self) -> Result<(), Away> {
        match &self.0 {
            Rows::Here(lookup) => lookup.flush().map_err(|_| Away),
            Rows::Cluster(..) => Ok(()),
        }
    }
}

impl Book for Soon {
    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, u64)>, Away> {
        self.0.get(name)
    }

    fn put(&self, name: &str, row: &[u8], seen: u64) -> Result<(), NotPut> {
        match &self.0 {
            Rows::Here(lookup) => lookup.put_soon(name, row, seen),
            rows => rows.put(name, row, seen),
        }
    }

    fn delete(&self, name: &str) -> Result<(), Away> {
        match &self.0 {
            Rows::Here(lookup) => lookup.delete_soon(name),
            rows => rows.delete(name),
        }
    }
}

struct Inner {
    people: People<Soon>,
    rows: Soon,
    /// Whether all was taken up that sites had said before the start.
    there: AtomicBool,
    questions: Mutex<Questions>,
    log: Log,
    waiting: Mutex<BTreeMap<String, Arc<Notify>>>,
}

impl Acquaintances {
    /// Those of an engine and a hub's folder. They are followed from here on, in the runtime that this is called in.
    pub fn follow(engine: &Engine, hub: &Path) -> Acquaintances {
        // A system that gives no randomness has started nothing so far.
        let epoch = clock::random().map_or(0, |mut random| random.below(1 << 31));
        let rows = Soon(engine.rows());
        let people = People::begun(rows.clone(), u32::try_from(epoch).unwrap_or_default());
        let inner = Inner {
            people,
            rows,
            there: AtomicBool::new(false),
            questions: Mutex::default(),
            log: Log::of(hub),
            waiting: Mutex::default(),
        };
        let own = Acquaintances(Arc::new(inner));
        match engine {
            Engine::Embedded(embedded) => {
                // Nothing is deleted before it is known how far they were.
                embedded.hold(READER, 0);
                tokio::spawn(own.clone().follow_events(embedded.clone()));
            }
            Engine::JetStream(_) => {
                tokio::spawn(own.clone().follow_streams(engine.clone()));
            }
        }
        own
    }

    /// What wakes the connection of a site when there is something to tell it.
    pub fn news(&self, site: &str) -> Arc<Notify> {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(site.to_owned()).or_default().clone()
    }

    /// Who somebody is; nothing for whoever asks too much.
    pub async fn ask(&self, now: Now, site: &str, ask: Ask) -> Answer {
        let Ask { mark, tokens } = ask;
        let refused = {
            let mut questions = self.0.questions.lock().unwrap_or_else(PoisonError::into_inner);
            questions.ask(now.instant, site)
        };
        let Some(refused) = refused.filter(|_| self.is_there()) else {
            return Answer { mark, known: None };
        };
        let (own, site) = (self.clone(), site.to_owned());
        let find = move || {
            let known = own.0.people.ask(&site, &tokens)?;
            let known_at = known.iter().flat_map(sites).collect();
            let at = now.unix.0;
            let question = Question { at, site: &site, tokens: &tokens, known_at, refused };
            if let Err(error) = own.0.log.write(&question) {
                // Whoever could ask without a trace could ask for everybody.
                tracing::error!(%error, site, "a question cannot be written down, and is not answered");
                return Err(Away);
            }
            Ok(known)
        };
        Answer { mark, known: blocking(find).await.ok().flatten() }
    }

    /// What a site is to be told next, once it is noted what it has.
    pub async fn tell(&self, site: &str, took: Option<u64>) -> Option<Told> {
        let (own, site) = (self.clone(), site.to_owned());
        let next = move || {
            let people = &own.0.people;
            took.map_or(Ok(()), |upto| people.took(&site, upto))?;
            let told = if own.is_there() { people.tell(&site)? } else { None };
            // Numbers that were told once are never another thing's.
            told.is_some().then(|| own.0.rows.flush()).transpose()?;
            Ok(told)
        };
        blocking(next).await.ok().flatten()
    }

    fn is_there(&self) -> bool {
        self.0.there.load(Ordering::Acquire)
    }

    async fn follow_events(self, embedded: Embedded) {
        let (mut grows, mut tail) = (embedded.grows(), embedded.tail());
        let start = *grows.borrow();
        let next = self.followed(ALL).await;
        // The events may not be those that were.
        let mut from = if next > start { 1 } else { next.max(1) };
        loop {
            embedded.hold(READER, from);
            if from >= start && !self.0.there.swap(true, Ordering::AcqRel) {
                self.wake(|_| true);
            }
            let read = move || {
                let read = tail.read(from);
                Ok((tail, read))
            };
            let Ok((own, read)) = blocking(read).await else { return };
            tail = own;
            match read {
                Ok((kept, next)) if !kept.is_empty() => {
                    let said = said(kept);
                    if !said.is_empty() {
                        self.hear(said, ALL, next).await;
                    }
                    from = next;
                }
                Ok((_, next)) => {
                    from = next;
                    // What is there and cannot be read yet is being written.
                    let there = *grows.borrow_and_update() > next;
                    if there {
                        tokio::time::sleep(REST).await;
                    } else if grows.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "what sites say of people cannot be read for now");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Follows a cluster, in which each site has a stream. Other hubs do the same on the same rows: whoever is first takes
    /// an event up, and for the others it comes a second time.
    async fn follow_streams(self, engine: Engine) {
        let mut known = BTreeSet::new();
        loop {
            let mut caught_up = Vec::new();
            let streams = engine.streams().await;
            for stream in streams.iter().flatten().filter(|stream| !known.contains(*stream)) {
                let (tell, caught) = oneshot::channel();
                caught_up.push(caught);
                let (own, engine) = (self.clone(), engine.clone());
                tokio::spawn(own.follow_stream(engine, stream.clone(), tell));
            }
            known.extend(streams.iter().flatten().cloned());
            for one in caught_up {
                // It says so, or has ended with the hub.
                let _ = one.await;
            }
            if streams.is_ok() && !self.0.there.swap(true, Ordering::AcqRel) {
                self.wake(|_| true);
            }
            tokio::time::sleep(LOOK_FOR_SITES).await;
        }
    }

    async fn follow_stream(self, engine: Engine, stream: String, caught_up: oneshot::Sender<()>) {
        let mut caught_up = Some(caught_up);
        let mut tail = engine.tail(&stream, self.followed(&stream).await.max(1));
        loop {
            let before = tail.next();
            match tail.read().await {
                Ok(page) => {
                    let said = said(page.kept);
                    if !said.is_empty() {
                        self.hear(said, &stream, page.next).await;
                    }
                    if page.next == before {
                        caught_up.take().map(|tell| tell.send(()));
                        tail.grown().await;
                    }
                }
                Err(NotRead) => tokio::time::sleep(REST).await,
            }
        }
    }

    /// The next event of a stream that was not taken up.
    async fn followed(&self, stream: &str) -> u64 {
        let (own, stream) = (self.clone(), stream.to_owned());
        lasting(move || own.0.people.followed(&stream)).await
    }

    /// What sites said of people is taken up, as often as it takes, and whoever there is something to tell is woken.
    async fn hear(&self, said: Vec<Said>, stream: &str, next: u64) {
        let (own, said, stream) = (self.clone(), Arc::new(said), stream.to_owned());
        let all = move || {
            let mut news = BTreeSet::new();
            for (site, body) in said.iter() {
                news.extend(own.0.people.handle_event(site, body)?);
            }
            // The disk has the rest before it has how far that is.
            own.0.rows.flush()?;
            own.0.people.follow(&stream, next)?;
            Ok::<News, Away>(news)
        };
        let news = lasting(all).await;
        if self.is_there() {
            self.wake(|site| news.contains(site));
        }
    }

    fn wake(&self, whom: impl Fn(&str) -> bool) {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().filter(|(site, _)| whom(site)).for_each(|(_, one)| one.notify_one());
    }
}

/// What a site said of people.
type Said = (Arc<str>, Vec<u8>);

fn said(kept: Vec<Kept>) -> Vec<Said> {
    let said = kept.into_iter().filter_map(|kept| match kept.what {
        What::Event { event, .. } if event.class == Class::PERSON => Some((kept.site, event.body)),
        _ => None,
    });
    said.collect()
}

/// Where those are known who are the answer to a question.
fn sites(known: &Value) -> impl Iterator<Item = &str> {
    known.as_array().into_iter().flatten().filter_map(|one| one.get("site")?.as_str())
}

/// Does something until it works.
async fn lasting<T: Send + 'static>(
    what: impl Fn() -> Result<T, Away> + Clone + Send + 'static,
) -> T {
    loop {
        match blocking(what.clone()).await {
            Ok(done) => return done,
            Err(Away) => tokio::time::sleep(REST).await,
        }
    }
}

/// Does something that takes its time on a thread that may.
async fn blocking<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, Away> + Send + 'static,
) -> Result<T, Away> {
    tokio::task::spawn_blocking(what).await.unwrap_or(Err(Away))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::context::card::{Card, Event as Word, writer};
    use crate::driver::hub::engine::{Batch, Outboxed};
    use crate::stamp::Stamp;
    use crate::uplink::frame::Event;

    async fn keep(embedded: &Embedded, site: &str, first: u64, said: &Word) {
        let of = Outboxed { site: site.to_owned(), epoch: "1".to_owned() };
        let body = serde_json::to_vec(said).expect("JSON");
        let events = vec![Event { class: Class::PERSON, body }];
        let kept = embedded.keep(&of, Batch::Events { first, events }).await;
        assert_eq!(kept.expect("an answer"), Ok(first));
    }

    fn card(site: &str, contact: &str, token: &str) -> Word {
        let stamp = Stamp { wall: 1, count: 0, site: writer(site, contact) };
        let fields = BTreeMap::new();
        let card = Card { stamp, tokens: [token.to_owned()].into(), fields, ..Card::default() };
        Word::Card { contact: contact.to_owned(), card }
    }

    impl Acquaintances {
        async fn known(&self, token: &str) -> bool {
            let ask = Ask { mark: 1, tokens: vec![token.to_owned()] };
            self.ask(clock::now(), "basel", ask).await.known.is_some()
        }

        async fn caught_up(&self) {
            let own = self.clone();
            let wait = async move {
                while !own.is_there() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), wait).await.expect("in time");
        }
    }

    /// A hub was killed after a person was erased at berne, and before it had taken that up.
    #[tokio::test]
    async fn whoever_was_erased_is_not_known_once_more_after_a_start() {
        let dir = std::env::temp_dir().join(format!("hub-acquaintances-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a folder");
        let embedded = Embedded::open(&dir).expect("an engine");
        let engine = Engine::Embedded(embedded.clone());
        let rows = engine.rows();
        for (at, (contact, token)) in [("1", "#p"), ("2", "#q")].into_iter().enumerate() {
            let said = card("berne", contact, token);
            keep(&embedded, "berne", at as u64 + 1, &said).await;
            let body = serde_json::to_vec(&said).expect("JSON");
            People::new(rows.clone()).handle_event("berne", &body).expect("a book");
        }
        keep(&embedded, "basel", 1, &card("basel", "7", "#p")).await;
        let (erasure, contacts) = ("E".to_owned(), vec!["1".to_owned()]);
        let erased = Word::Erased { erasure, contacts, spreads: true };
        keep(&embedded, "berne", 3, &erased).await;
        let people = Acquaintances::follow(&engine, &dir);
        // The events of before the start are not taken up yet, on the one thread that there is.
        assert!(!people.known("#p").await && !people.known("#q").await);
        assert_eq!(people.tell("basel", None).await, None);
        people.caught_up().await;
        assert!(!people.known("#p").await && people.known("#q").await);
        let asked = fs::read_dir(dir.join("questions")).expect("the log of questions");
        let asked: Vec<_> = asked.map(|file| file.expect("a file").path()).collect();
        let text = fs::read_to_string(&asked[0]).expect("text");
        assert!(text.contains(r##""tokens":["#q"],"known_at":["berne"]"##), "{text}");
        // The next start goes on where this one was, and nobody is erased at basel again.
        let told = people.tell("basel", None).await.expect("the erasure");
        assert_eq!(people.tell("basel", Some(told.upto)).await, None);
        assert_eq!(rows.get("followed/all").map(|row| row.is_some()), Ok(true));
        let again = Acquaintances::follow(&engine, &dir);
        again.caught_up().await;
        assert_eq!(again.tell("basel", None).await, None);
        fs::remove_dir_all(&dir).expect("cleaned up");
    }

    #[tokio::test]
    async fn whoever_asks_for_everybody_is_not_answered() {
        let dir = std::env::temp_dir().join(format!("hub-curious-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a folder");
        let embedded = Embedded::open(&dir).expect("an engine");
        keep(&embedded, "berne", 1, &card("berne", "1", "#p")).await;
        let people = Acquaintances::follow(&Engine::Embedded(embedded), &dir);
        people.caught_up().await;
        let now = clock::now();
        let mut answers = 0;
        for mark in 0..1_000 {
            let ask = Ask { mark, tokens: vec!["#p".to_owned()] };
            answers += u32::from(people.ask(now, "basel", ask).await.known.is_some());
        }
        assert_eq!(answers, 256);
        let ask = Ask { mark: 1, tokens: vec!["#p".to_owned()] };
        assert!(people.ask(now, "chur", ask).await.known.is_some(), "others are");
        fs::remove_dir_all(&dir).expect("cleaned up");
    }
}
