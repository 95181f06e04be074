//! The fleet, as an engine has it: on one machine a view that follows the stream and is kept now and then; in a cluster put
//! together from the newest of each site's stream when somebody asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::engine::{Contact, Engine, NotRead, What};
use super::jetstream::JetStream;
use super::rows::Rows;
use crate::driver::clock;
use crate::hub::fleet::{Fleet, Site};
use crate::hub::people::{Book, NotPut};
use crate::hub::subject;

/// How often the view is kept: what is missing after a kill is read from the stream again.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// After a failure of the disk.
const REST: Duration = Duration::from_secs(1);
/// The row of the whole view.
const FLEET: &str = "fleet";
/// How often a row is tried that another hub changes at the same moment.
const MOST_RACES: usize = 8;

/// The view of one machine.
#[derive(Debug, Clone, Default)]
pub struct View(Arc<Mutex<Fleet>>);

impl View {
    fn hold(&self) -> MutexGuard<'_, Fleet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was heard of a site's line.
    pub fn heard(&self, site: &str, what: Contact) {
        self.hold().handle_contact(clock::now().unix, "", site, what);
    }

    /// Begins with what was kept, and follows the stream for as long as the hub runs.
    pub async fn follow(self, engine: Engine, rows: Rows) {
        let kept = match rows.get(FLEET) {
            Ok(Some((row, _))) => serde_json::from_slice::<Fleet>(&row).ok(),
            _ => None,
        };
        let next = {
            let mut fleet = self.hold();
            let mut before = kept.unwrap_or_default();
            before.handle_start(clock::now().unix, "");
            // Sites that connected while the row was read are newer than it.
            before.sites.append(&mut fleet.sites);
            *fleet = before;
            fleet.next.max(1)
        };
        let streams = engine.streams().await.unwrap_or_default();
        let Some(stream) = streams.first() else { return };
        let mut tail = engine.tail(stream, next);
        let mut due = tokio::time::Instant::now() + KEEP_EVERY;
        loop {
            match tail.read().await {
                Ok(page) if !page.kept.is_empty() => {
                    let mut fleet = self.hold();
                    page.kept.iter().for_each(|kept| fleet.handle_kept(kept));
                }
                Ok(_) => {
                    let _ = tokio::time::timeout(KEEP_EVERY, tail.grown()).await;
                }
                Err(NotRead) => tokio::time::sleep(REST).await,
            }
            if due <= tokio::time::Instant::now() {
                due = tokio::time::Instant::now() + KEEP_EVERY;
                self.keep(&rows).await;
            }
        }
    }

    async fn keep(&self, rows: &Rows) {
        let row = serde_json::to_vec(&*self.hold()).unwrap_or_default();
        let rows = rows.clone();
        let kept = tokio::task::spawn_blocking(move || put(&rows, FLEET, |_| row.clone())).await;
        if !matches!(kept, Ok(Ok(()))) {
            tracing::warn!("the view of the sites cannot be kept for now");
        }
    }
}

/// Puts what a row becomes, whatever it is by then.
///
/// # Errors
/// When it cannot be kept.
pub fn put(rows: &Rows, name: &str, new: impl Fn(Option<&[u8]>) -> Vec<u8>) -> Result<(), NotPut> {
    let mut last = NotPut::Raced;
    for _ in 0..MOST_RACES {
        let known = rows.get(name)?;
        let seen = known.as_ref().map_or(0, |(_, revision)| *revision);
        match rows.put(name, &new(known.as_ref().map(|(row, _)| &row[..])), seen) {
            Err(NotPut::Raced) => last = NotPut::Raced,
            done => return done,
        }
    }
    Err(last)
}

/// The row of a site's line in a cluster. A name may have no more than letters, digits, `-`, `_` and `=`, as in its stream.
fn row_of(site: &str) -> String {
    format!("site/{}", subject::stream(site))
}

/// Remembers in the cluster what was heard of a site's line.
pub fn heard_in_cluster(cluster: &JetStream, hub: &str, site: &str, what: Contact) {
    let (rows, hub, site) = (cluster.rows_book(), hub.to_owned(), site.to_owned());
    cluster.runtime().spawn_blocking(move || {
        let now = clock::now().unix;
        let kept = put(&rows, &row_of(&site), |row| {
            let mut known = row.and_then(read).unwrap_or_default();
            known.handle_contact(now, &hub, what.clone());
            serde_json::to_vec(&known).unwrap_or_default()
        });
        if kept.is_err() {
            tracing::warn!(site, "what was heard of a line cannot be kept in the cluster");
        }
    });
}

fn read(row: &[u8]) -> Option<Site> {
    serde_json::from_slice(row).ok()
}

/// All sites as they are now.
///
/// # Errors
/// When the cluster does not answer.
pub async fn fleet(engine: &Engine) -> Result<Fleet, NotRead> {
    match engine {
        Engine::Embedded(embedded) => Ok(embedded.view().hold().clone()),
        Engine::JetStream(cluster) => in_cluster(cluster).await,
    }
}

async fn in_cluster(cluster: &JetStream) -> Result<Fleet, NotRead> {
    let mut fleet = Fleet::default();
    for stream in cluster.streams().await? {
        let Some(name) = subject::site_of(&stream) else { continue };
        let (rows, row) = (cluster.rows_book(), row_of(&name));
        let known = tokio::task::spawn_blocking(move || rows.get(&row)).await;
        let known = known.map_err(|_| NotRead)?.map_err(|_| NotRead)?;
        let mut site = known.and_then(|(row, _)| read(&row)).unwrap_or_default();
        let newest = [cluster.newest(&name, "health").await?, cluster.newest(&name, "*").await?];
        for kept in newest.into_iter().flatten() {
            // What was lost is counted on one machine only: here it would be counted at each look.
            match kept.what {
                What::Event { .. } => site.handle_kept(&kept),
                What::Lost { upto, .. } => site.have = site.have.max(upto),
            }
        }
        fleet.sites.insert(name, site);
    }
    Ok(fleet)
}
