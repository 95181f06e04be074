//! The journal, read from end to end for an auditor: away from whatever waits, one reading at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::admin::Command;
use crate::admin::access::idempotency::Given;
use crate::admin::api::Route;
use crate::admin::api::operations;
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::verdict::Verdict;
use crate::driver::api::Api;
use crate::driver::api::doing::tell;
use crate::driver::{clock, journal, segments};
use crate::gateway::By;
use crate::journal::chain::unhex;
use crate::journal::replay::Replay;

/// Readings at once: each reads gigabytes.
const AT_ONCE: usize = 1;

/// Where it is read.
#[derive(Debug, Clone)]
pub struct Verifier {
    data: Arc<PathBuf>,
    turns: Arc<Semaphore>,
}

impl Verifier {
    /// Over the journal of a data folder.
    pub fn new(data: &Path) -> Verifier {
        Verifier { data: Arc::new(data.to_owned()), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// Reads it, and writes down that somebody had it read.
pub async fn verify(
    api: &Api,
    route: &Route,
    by: By,
    noted: Option<(u64, String)>,
) -> Result<Given, Problem> {
    let Ok(turn) = api.verifier.turns.clone().try_acquire_owned() else {
        let detail = "the journal is being read for somebody already";
        return Err(Problem::new(Kind::Busy, detail, "ask again in some seconds").after(10));
    };
    let (data, who) = (api.verifier.data.clone(), by.who.to_string());
    let read = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        read(&data, who, noted)
    });
    let verdict = match read.await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => {
            tracing::error!(%error, "the journal cannot be read for an auditor");
            let detail = format!("the journal cannot be read: {error}");
            return Err(Problem::new(Kind::Busy, detail, "look at the disk").after(60));
        }
        Err(_) => return Err(Problem::busy()),
    };
    tell(api, by, Command::Verified { record: verdict.record, whole: verdict.whole }).await?;
    operations::json(route, &verdict)
}

fn read(data: &Path, who: String, noted: Option<(u64, String)>) -> io::Result<Verdict> {
    let text = fs::read_to_string(data.join("keys/seal.pub"))?.trim().to_owned();
    let key = unhex(&text).ok_or_else(|| io::Error::other("the key is not hexadecimal"))?;
    let mut replay = Replay::new(Some(key));
    if let Some((record, head)) = &noted {
        replay.look_for(*record, head);
    }
    let (mut records, at) = (0, clock::now().unix);
    let segments = segments::list(&journal::folder(data))?;
    for segment in &segments {
        replay.read(&fs::read(&segment.path)?, &mut |_| records += 1);
    }
    Ok(Verdict::new((at, who), text, (records, segments.len()), &replay, noted.is_some()))
}
