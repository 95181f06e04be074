//! Files of messages that nobody has any more: whoever they were about was erased, or their time was over; and those that
//! nobody ever had, such as what a visitor has uploaded and never said.
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
use crate::store::messages::{ORPHANS, messages_with, orphan_of};
use crate::store::{META_KEY, Meta, Rows};

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(60);
/// How long ago a file has to have been kept: far longer than the store is behind.
const REST: Duration = Duration::from_secs(600);
/// How often it is looked for files that no message ever had, and so how long after a start for the first time.
const UNSAID_EVERY: Duration = Duration::from_secs(3_600);
/// How long ago such a file has to have been kept: whoever uploads something says it on the same day, or uploads it again.
const UNSAID_REST: Duration = Duration::from_secs(24 * 3_600);
/// Records that the store may take up within [`EVERY`] for it to be believed what no message has: while it is made anew from
/// the journal it takes up many more, and knows few messages yet.
const QUIET: u64 = 2_000;
/// Rows that are read at once.
const PAGE: usize = 256;

/// Takes such files away for as long as the box runs.
pub fn sweep(runtime: &Handle, readers: Readers, shelf: Arc<Shelf>) {
    runtime.spawn(async move {
        let mut looked = tokio::time::Instant::now();
        loop {
            let before = position(&readers).await;
            sleep(EVERY).await;
            sweep_once(&readers, &shelf).await;
            let quiet = match (before, position(&readers).await) {
                (Some(before), Some(after)) => after.saturating_sub(before) <= QUIET,
                _ => false,
            };
            if quiet && looked.elapsed() >= UNSAID_EVERY {
                looked = tokio::time::Instant::now();
                sweep_unsaid(&readers, &shelf).await;
            }
        }
    });
}

async fn sweep_once(readers: &Readers, shelf: &Arc<Shelf>) {
    let mut after = None;
    while let Some((found, last)) = page(readers, after).await {
        after = Some(last);
        take_away(shelf, found, REST).await;
    }
}

/// Takes these away where they are that old.
async fn take_away(shelf: &Arc<Shelf>, found: Vec<Content>, rest: Duration) {
    let shelf = shelf.clone();
    let taken = tokio::task::spawn_blocking(move || {
        let now = clock::now().unix;
        let old = |content: &Content| match shelf.forget_old(*content, now, rest) {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "a file that nobody has cannot be taken away");
                false
            }
        };
        found.iter().filter(|content| old(content)).count()
    });
    if let Ok(count @ 1..) = taken.await {
        tracing::info!(count, "files of messages that nobody has are gone");
    }
}

/// What was kept long ago and no message has.
async fn sweep_unsaid(readers: &Readers, shelf: &Arc<Shelf>) {
    let listing = shelf.clone();
    let old = move || listing.kept_before(clock::now().unix, UNSAID_REST);
    let Ok(Ok(old)) = tokio::task::spawn_blocking(old).await else { return };
    for some in old.chunks(PAGE) {
        let (tell, told) = oneshot::channel();
        let some = some.to_vec();
        let asked = readers.read(move |eyes| {
            // Whoever asked may have gone with the box.
            let _ = tell.send(eyes.map(|eyes| without_message(eyes.rows, some)));
        });
        let Ok(Some(found)) = (match asked {
            Ok(()) => told.await,
            Err(_) => return,
        }) else {
            return;
        };
        take_away(shelf, found, UNSAID_REST).await;
    }
}

/// Those of them that no message has.
fn without_message(rows: &dyn Rows, mut files: Vec<Content>) -> Vec<Content> {
    files.retain(|content| rows.page(&messages_with(*content), None, 1).is_empty());
    files
}

/// How far the store has followed the journal; nothing while it does not answer.
async fn position(readers: &Readers) -> Option<u64> {
    let (tell, told) = oneshot::channel();
    let asked = readers.read(move |eyes| {
        let meta = eyes.and_then(|eyes| eyes.rows.get(META_KEY));
        let _ = tell.send(meta.and_then(|row| Meta::decode(&row)).map(|meta| meta.position));
    });
    asked.ok()?;
    told.await.ok()?
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Table;

    #[test]
    fn what_a_message_has_is_no_file_that_nobody_said() {
        let mut rows = Table::default();
        let (said, unsaid) = (Content([1; 32]), Content([2; 32]));
        rows.0.insert([messages_with(said), vec![0; 8]].concat(), Vec::new());
        assert_eq!(without_message(&rows, vec![said, unsaid]), [unsaid]);
    }
}
