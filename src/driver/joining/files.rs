//! Files of messages that nobody has any more: whoever they were about was erased, or their time was over.
//!
//! The look-up store says which: it knows every message. A file that was kept anew a moment ago is left alone, since its
//! message may not have reached the store yet.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::driver::channels::Shelf;
use crate::driver::clock;
use crate::driver::looking::Readers;
use crate::messaging::Content;
use crate::store::Rows;
use crate::store::messages::{ORPHANS, messages_with, orphan_of};

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(60);
/// How long ago a file has to have been kept: far longer than the store is behind.
const REST: Duration = Duration::from_secs(600);
/// Rows that are read at once.
const PAGE: usize = 256;

/// Takes such files away for as long as the box runs.
pub fn sweep(runtime: &Handle, readers: Readers, shelf: Arc<Shelf>) {
    runtime.spawn(async move {
        loop {
            sleep(EVERY).await;
            sweep_once(&readers, &shelf).await;
        }
    });
}

async fn sweep_once(readers: &Readers, shelf: &Arc<Shelf>) {
    let mut after = None;
    while let Some((found, last)) = page(readers, after).await {
        after = Some(last);
        let shelf = shelf.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let now = clock::now().unix;
            let old = |content: &Content| match shelf.forget_old(*content, now, REST) {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, "a file that nobody has cannot be taken away");
                    false
                }
            };
            found.iter().filter(|content| old(content)).count()
        });
        match taken.await {
            Ok(count @ 1..) => tracing::info!(count, "files of messages that nobody has are gone"),
            _ => continue,
        }
    }
}

/// Some of them, and the last key that was looked at; nothing at the end, or while the store does not answer.
async fn page(readers: &Readers, after: Option<Vec<u8>>) -> Option<(Vec<Content>, Vec<u8>)> {
    let (tell, told) = oneshot::channel();
    let asked = readers.read(move |eyes| {
        let found = eyes.and_then(|eyes| orphans(eyes.rows, after.as_deref()));
        // Whoever asked may have gone with the box.
        let _ = tell.send(found);
    });
    asked.ok()?;
    told.await.ok()?
}

fn orphans(rows: &dyn Rows, after: Option<&[u8]>) -> Option<(Vec<Content>, Vec<u8>)> {
    let rows_of = rows.page(ORPHANS, after, PAGE);
    let last = rows_of.last()?.0.clone();
    let alone = |content: &Content| rows.page(&messages_with(*content), None, 1).is_empty();
    let found = rows_of.iter().filter_map(|(key, _)| orphan_of(key)).filter(alone).collect();
    Some((found, last))
}
