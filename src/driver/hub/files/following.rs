//! Erasure: the stream is followed, and what belonged to somebody who was erased goes.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Store;
use crate::driver::hub::engine::{Engine, Kept, NotRead, What};
use crate::uplink::frame::Class;

/// How often it is looked for new streams: in a cluster each site has one.
const LOOK: Duration = Duration::from_secs(10);
/// After a failure.
const REST: Duration = Duration::from_secs(1);
/// What an event of that kind has.
const MARK: &[u8] = b"\"erased\"";

/// Follows all streams for as long as the hub runs.
pub async fn follow(engine: Engine, store: Store) {
    let mut known = Vec::new();
    loop {
        for stream in engine.streams().await.unwrap_or_default() {
            if !known.contains(&stream) {
                known.push(stream.clone());
                tokio::spawn(follow_one(engine.clone(), store.clone(), stream));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn follow_one(engine: Engine, store: Store, stream: String) {
    let cursor = store.0.folder.join("next").join(file_name(&stream));
    let read = fs::read_to_string(&cursor).ok().and_then(|text| text.trim().parse().ok());
    let mut tail = engine.tail(&stream, read.unwrap_or(1));
    loop {
        match tail.read().await {
            Ok(page) if page.kept.is_empty() => tail.grown().await,
            Ok(page) => {
                while let Err(error) = erase(&store, &page.kept).await {
                    tracing::error!(%error, "what belonged to somebody who was erased cannot be taken away yet");
                    tokio::time::sleep(REST).await;
                }
                note(&cursor, page.next);
            }
            Err(NotRead) => tokio::time::sleep(REST).await,
        }
    }
}

/// After a kill some is gone through again, which changes nothing.
fn note(cursor: &PathBuf, next: u64) {
    if let Err(error) = fs::write(cursor, next.to_string()) {
        tracing::warn!(%error, "how far erasures were followed cannot be noted");
    }
}

fn file_name(stream: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    stream.chars().map(plain).collect()
}

async fn erase(store: &Store, page: &[Kept]) -> std::io::Result<()> {
    let all: Vec<_> = page.iter().filter_map(erased).collect();
    if all.is_empty() {
        return Ok(());
    }
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || {
        for (site, contacts) in all {
            let gone = store.erase(&site, &contacts)?;
            if gone > 0 {
                tracing::info!(site, gone, "files of somebody who was erased are gone");
            }
        }
        Ok(())
    });
    // Otherwise it was ended with the runtime.
    done.await.unwrap_or(Ok(()))
}

/// Whom an event says to be erased, and where.
fn erased(kept: &Kept) -> Option<(String, Vec<String>)> {
    #[derive(Deserialize)]
    struct Erased {
        event: String,
        contacts: Vec<String>,
    }
    let What::Event { event, .. } = &kept.what else { return None };
    let about =
        event.class == Class::PERSON && event.body.windows(MARK.len()).any(|part| part == MARK);
    let said: Erased = serde_json::from_slice(&event.body).ok().filter(|_| about)?;
    (said.event == "erased").then(|| (kept.site.to_string(), said.contacts))
}
