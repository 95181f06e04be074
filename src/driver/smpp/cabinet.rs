//! A drawer beside a task: what has to be on the disk goes there on a thread that may wait.

use std::future::pending;

use tokio::task::{JoinHandle, spawn_blocking};

use super::drawer::{Change, Drawer};

/// The drawer, and what is to go into it.
pub(super) struct Cabinet {
    /// Away while it is synced.
    drawer: Option<Drawer>,
    changes: Vec<Change>,
    /// Those of them that are answered once they are on the disk.
    parts: Vec<u64>,
    syncing: Option<JoinHandle<(Drawer, Vec<u64>, bool)>>,
}

impl Cabinet {
    pub(super) fn new(drawer: Drawer) -> Cabinet {
        Cabinet { drawer: Some(drawer), changes: Vec::new(), parts: Vec::new(), syncing: None }
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_written(&self) -> bool {
        self.changes.is_empty()
    }

    /// Keeps a record; with `told` it is said when it is on the disk.
    pub(super) fn keep(&mut self, id: u64, record: Vec<u8>, told: bool) {
        self.changes.push(Change::Put(id, record));
        if told {
            self.parts.push(id);
        }
    }

    pub(super) fn forget(&mut self, ids: impl Iterator<Item = u64>) {
        self.changes.extend(ids.map(Change::Gone));
    }

    /// Writes what there is. What has to be on the disk goes there on a thread that may wait, and everything that comes
    /// meanwhile goes together after it.
    pub(super) fn flush(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let Some(mut drawer) = self.drawer.take() else { return };
        let changes = std::mem::take(&mut self.changes);
        let parts = std::mem::take(&mut self.parts);
        if parts.is_empty() {
            if let Err(error) = drawer.change(changes, false) {
                tracing::warn!(%error, "what is said again may be taken twice");
            }
            self.drawer = Some(drawer);
            return;
        }
        self.syncing = Some(spawn_blocking(move || {
            let changed = drawer.change(changes, true);
            if let Err(error) = &changed {
                tracing::error!(%error, "a part of a long message cannot be kept");
            }
            (drawer, parts, changed.is_ok())
        }));
    }

    /// What was on its way to the disk is there, or is not.
    pub(super) async fn synced(&mut self) -> (Vec<u64>, bool) {
        let Some(syncing) = &mut self.syncing else { return pending().await };
        let synced = syncing.await;
        self.syncing = None;
        match synced {
            Ok((drawer, parts, kept)) => {
                self.drawer = Some(drawer);
                (parts, kept)
            }
            // A panic has ended the program.
            Err(_) => (Vec::new(), false),
        }
    }
}
