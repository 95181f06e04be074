//! Reports over the journal's files, read from their beginning: what was before and after the span matters too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

use crate::config::Settings;
use crate::driver::{clock, segments};
use crate::hours;
use crate::journal::facts::Facts;
use crate::journal::replay::Replay;
use crate::report::{self, Done, Query, Report};

/// Reports that are made at once: each takes a core for seconds where the journal is long.
const AT_ONCE: usize = 1;

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
    goals: Vec<String>,
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
            goals: settings.reports.goals.clone(),
            opening: Arc::new(settings.opening()),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// A report, made on a thread of its own; nothing while another is made, or if the disk cannot be read.
    pub async fn make(&self, query: Query) -> Option<Result<Done, report::Refused>> {
        let turn = self.turns.clone().try_acquire_owned().ok()?;
        let (journal, goals) = (self.journal.clone(), self.goals.clone());
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut report = match Report::new(query) {
                Ok(report) => report,
                Err(why) => return Some(Err(why)),
            };
            match read(&journal, &goals, &mut report) {
                Ok(_) => Some(Ok(report.finish(clock::now().unix))),
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be read for a report");
                    None
                }
            }
        });
        made.await.ok().flatten()
    }
}

/// Hands the facts of a journal to a report. Answers whether all of it could be read.
///
/// # Errors
/// When there is none, or its files cannot be read.
pub fn read(folder: &Path, goals: &[String], report: &mut Report) -> io::Result<bool> {
    let segments = segments::list(folder)?;
    if segments.is_empty() {
        return Err(io::Error::other("there is no journal here"));
    }
    let (mut replay, mut facts) = (Replay::new(None), Facts::new(goals));
    for segment in &segments {
        let bytes = fs::read(&segment.path)?;
        replay.read(&bytes, &mut |entry| facts.handle(&entry, &mut |fact| report.handle(&fact)));
    }
    Ok(replay.damage.is_none())
}
