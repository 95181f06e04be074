//! Looking people up beside the store's own thread, so that no batch that is being written keeps a ring waiting.
//!
//! Three threads: one for what a ring or an order needs, which is short; one for who writes, which is short too and may be
//! thousands at once; one for whatever may take longer. Searches go to
//! the index ([`search`]), which has its own. They read the
//! store's rows, and texts with a copy of the keys that is kept up from what the journal hands to the disk.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread;

use crate::driver::clock;
use crate::driver::search::{self, Index};
use crate::id::RecordingId;
use crate::journal;
use crate::journal::personal::{Personal, Reading, Reads, Subject};
use crate::journal::tape::{self, Shut};
use crate::messaging::ledger;
use crate::store::Rows;
use crate::store::context::looking::{Answer, Eyes, Question};

/// Questions that may wait for one thread: as many calls as arrive in a second of a branch under attack.
const WAITING: usize = 1_024;
/// Who writes: as much as the ledger takes in at once. Behind them no ring waits.
const WRITERS: usize = ledger::MOST_LOOKS;

/// The store's rows, once it is open.
pub type Shelf = Arc<Mutex<Option<Arc<dyn Rows + Send + Sync>>>>;

type Job = Box<dyn FnOnce(Option<Eyes<'_>>) + Send>;

/// The way to all of them.
#[derive(Clone)]
pub struct Readers {
    short: mpsc::SyncSender<Job>,
    writers: mpsc::SyncSender<Job>,
    long: mpsc::SyncSender<Job>,
    index: Index,
    keys: Arc<Keys>,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readers")
    }
}

/// More waits than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// Keys that are read by some and added to by one; nobody holds them longer than one text takes.
#[derive(Debug)]
struct Keys(RwLock<Reading>);

impl Reads for Keys {
    fn read(&self, personal: &Personal) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).read(personal)
    }

    fn subject(&self, personal: &Personal) -> Subject {
        self.0.read().unwrap_or_else(PoisonError::into_inner).subject(personal)
    }

    fn by_name(&self, name: &str) -> Subject {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_name(name)
    }

    fn tape(&self, header: &[u8; tape::HEADER], recording: RecordingId) -> Result<tape::Key, Shut> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).tape(header, recording)
    }
}

impl Readers {
    /// Starts the threads, which read from `shelf` what `keys` can read.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(shelf: &Shelf, keys: Reading) -> io::Result<Readers> {
        let keys = Arc::new(Keys(RwLock::new(keys)));
        let start = |name: &str, most: usize| {
            let (jobs, waiting) = mpsc::sync_channel::<Job>(most);
            let (shelf, keys) = (shelf.clone(), keys.clone());
            let thread = thread::Builder::new().name(name.to_owned());
            thread.spawn(move || run(&waiting, &shelf, &keys)).map(|_| jobs)
        };
        let index = Index::start(shelf, keys.clone())?;
        let (short, long) = (start("look-up", WAITING)?, start("read-out", WAITING)?);
        Ok(Readers { short, writers: start("writers", WRITERS)?, long, index, keys })
    }

    /// What finds people by words; whoever changes rows tells it.
    pub fn index(&self) -> Index {
        self.index.clone()
    }

    /// Who reads texts, with keys that are kept up.
    pub fn texts(&self) -> Arc<dyn Reads + Send + Sync> {
        self.keys.clone()
    }

    /// The journal hands something to the disk; keys among it are taken up.
    pub fn keep_up(&self, output: &journal::Output) {
        let keys = || self.keys.0.write().unwrap_or_else(PoisonError::into_inner);
        match output {
            journal::Output::Keys(entries) => keys().add(entries),
            journal::Output::Forget(subjects) => keys().forget(subjects),
            journal::Output::Segment { .. }
            | journal::Output::Write { .. }
            | journal::Output::Hurry => {}
        }
    }

    /// Asks; `answer` is called on a reader's thread, or the index's.
    ///
    /// # Errors
    /// When more waits than may; `answer` is not called then.
    pub fn ask(
        &self,
        question: Question,
        answer: impl FnOnce(Answer) + Send + 'static,
    ) -> Result<(), Busy> {
        if let Question::Search(search) = question {
            return self.index.search(search, answer).map_err(|search::Busy| Busy);
        }
        let short = matches!(
            question,
            Question::Caller(_)
                | Question::Known(_)
                | Question::View(_)
                | Question::Stands(_)
                | Question::Message(_)
        );
        let writer = matches!(question, Question::Writer { .. });
        let job: Job = Box::new(move |eyes| {
            answer(match eyes {
                Some(eyes) => eyes.answer(clock::now().unix, &question),
                None => Answer::NotReady,
            });
        });
        let jobs = match () {
            () if writer => &self.writers,
            () if short => &self.short,
            () => &self.long,
        };
        jobs.try_send(job).map_err(|_| Busy)
    }

    /// Lets the thread for longer things look at whatever it likes; nothing to look with while the store is not open.
    ///
    /// # Errors
    /// When more waits than may; `look` is not called then.
    pub fn read(&self, look: impl FnOnce(Option<Eyes<'_>>) + Send + 'static) -> Result<(), Busy> {
        self.long.try_send(Box::new(look)).map_err(|_| Busy)
    }
}

fn run(waiting: &mpsc::Receiver<Job>, shelf: &Shelf, keys: &Keys) {
    while let Ok(job) = waiting.recv() {
        let rows = shelf.lock().unwrap_or_else(PoisonError::into_inner).clone();
        job(rows.as_ref().map(|rows| Eyes { rows: rows.as_ref(), keys }));
    }
}
