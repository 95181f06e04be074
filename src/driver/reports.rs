//! Reports over the journal's files, read from their beginning: what was before and after the span matters too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::Settings;
use crate::driver::{clock, segments};
use crate::hours;
use crate::journal::facts::Facts;
use crate::journal::replay::Replay;
use crate::report::fact::Words;
use crate::report::{self, Done, Query, Report};

/// Reports that are made at once: each takes a core for seconds where the journal is long.
const AT_ONCE: usize = 1;
/// Those that are made or wait for their turn: a page asks for three side by side, and a handful of pages are looked at.
const MOST_ASKED: usize = 24;
/// How long one waits for its turn: two months of a busy branch before it. A connection has longer for its answer.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotMade {
    /// What was asked cannot be reported.
    Refused(report::Refused),
    /// Too many are asked for, or those before it took too long.
    Busy,
    /// The journal cannot be read.
    Unread,
}

/// What reports of this box are made from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The folder of segments.
    journal: PathBuf,
    /// The site's zone.
    pub zone: TimeZone,
    /// What the site means by its words.
    pub words: report::Settings,
    /// When the site is open.
    pub opening: Arc<report::Opening>,
    facts: Words,
    /// Places to be made or to wait, and turns to be made.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Source {
    /// Of a box with this configuration.
    pub fn new(settings: &Settings, journal: PathBuf) -> Source {
        Source {
            journal,
            // The configuration's check has found it.
            zone: hours::zone(&settings.site.time_zone).unwrap_or(TimeZone::UTC),
            words: settings.report_words(),
            facts: settings.fact_words(),
            opening: Arc::new(settings.opening()),
            places: Arc::new(Semaphore::new(MOST_ASKED)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// A report, made on a thread of its own when those that were asked for before it are made.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn make(&self, query: Query) -> Result<Done, NotMade> {
        // A question that makes no sense need not wait to be told so.
        let mut report = Report::new(query).map_err(NotMade::Refused)?;
        let place = self.places.clone().try_acquire_owned().map_err(|_| NotMade::Busy)?;
        let turn = timeout(LONGEST_WAIT, self.turns.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(NotMade::Busy) };
        let (journal, words) = (self.journal.clone(), self.facts.clone());
        let made = tokio::task::spawn_blocking(move || {
            // Whoever hangs up meanwhile leaves it to be finished: both are taken until then.
            let _taken = (place, turn);
            read(&journal, &words, &mut report).map(|_| report.finish(clock::now().unix))
        });
        match made.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                tracing::error!(%error, "the journal cannot be read for a report");
                Err(NotMade::Unread)
            }
            Err(_) => Err(NotMade::Unread),
        }
    }
}

/// Hands the facts of a journal to a report. Answers whether all of it could be read.
///
/// # Errors
/// When there is none, or its files cannot be read.
pub fn read(folder: &Path, words: &Words, report: &mut Report) -> io::Result<bool> {
    let segments = segments::list(folder)?;
    if segments.is_empty() {
        return Err(io::Error::other("there is no journal here"));
    }
    let (mut replay, mut facts) = (Replay::new(None), Facts::new(words));
    for segment in &segments {
        let bytes = fs::read(&segment.path)?;
        replay.read(&bytes, &mut |entry| facts.handle(&entry, &mut |fact| report.handle(&fact)));
    }
    Ok(replay.damage.is_none())
}
