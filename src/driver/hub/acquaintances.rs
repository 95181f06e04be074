//! People whom several branches know, at a hub that runs: follows what sites say of them, answers who somebody is, and wakes
//! the connections of sites that there is something to tell.
//!
//! It is in memory and made again from the sites' events at each start: sites are then told again what they were told before,
//! which changes nothing there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::embedded::Embedded;
use super::engine::{Engine, What};
use crate::hub::people::{Away, MemoryBook, People};
use crate::uplink::frame::{Answer, Ask, Class, Told};

/// After a failure of the disk.
const REST: Duration = Duration::from_secs(1);

/// What a hub knows of people. Copies are the same.
#[derive(Clone)]
pub struct Acquaintances(Arc<Inner>);

struct Inner {
    people: Mutex<People<MemoryBook>>,
    waiting: Mutex<BTreeMap<String, Arc<Notify>>>,
}

impl Acquaintances {
    /// Those of an engine. They are followed from here on, in the runtime that this is called in.
    pub fn follow(engine: &Engine) -> Acquaintances {
        let inner = Inner { people: Mutex::default(), waiting: Mutex::default() };
        let own = Acquaintances(Arc::new(inner));
        match engine {
            Engine::Embedded(embedded) => {
                tokio::spawn(own.clone().follow_events(embedded.clone()));
            }
            #[allow(unreachable_patterns, reason = "engines that are added are followed elsewhere")]
            _ => tracing::warn!("branches are not told of people whom they have in common"),
        }
        own
    }

    /// What wakes the connection of a site when there is something to tell it.
    pub fn news(&self, site: &str) -> Arc<Notify> {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(site.to_owned()).or_default().clone()
    }

    /// Who somebody is.
    pub async fn ask(&self, site: &str, ask: Ask) -> Answer {
        let (own, site, mark) = (self.clone(), site.to_owned(), ask.mark);
        let found = blocking(move || own.people().ask(&site, &ask.tokens)).await;
        Answer { mark, known: found.ok().flatten() }
    }

    /// What a site is to be told next, once it is noted what it has.
    pub async fn tell(&self, site: &str, took: Option<u64>) -> Option<Told> {
        let (own, site) = (self.clone(), site.to_owned());
        let next = move || {
            let people = own.people();
            took.map_or(Ok(()), |upto| people.took(&site, upto))?;
            people.tell(&site)
        };
        blocking(next).await.ok().flatten()
    }

    fn people(&self) -> MutexGuard<'_, People<MemoryBook>> {
        self.0.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow_events(self, embedded: Embedded) {
        let (mut grows, mut from) = (embedded.grows(), 1);
        let mut tail = embedded.tail();
        loop {
            let read = move || {
                let read = tail.read(from);
                Ok((tail, read))
            };
            let Ok((own, read)) = blocking(read).await else { return };
            tail = own;
            match read {
                Ok((kept, next)) if !kept.is_empty() => {
                    from = next;
                    let said = kept.into_iter().filter_map(|kept| match kept.what {
                        What::Event { event, .. } if event.class == Class::PERSON => {
                            Some((kept.site, event.body))
                        }
                        _ => None,
                    });
                    self.hear(said.collect()).await;
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

    /// What sites said of people is taken up, and whoever there is something to tell is woken.
    async fn hear(&self, said: Vec<(Arc<str>, Vec<u8>)>) {
        let own = self.clone();
        let all = move || {
            let mut news = BTreeSet::new();
            for (site, body) in said {
                news.extend(own.people().handle_event(&site, &body)?);
            }
            Ok(news)
        };
        let news = blocking(all).await.unwrap_or_default();
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = news.iter().filter_map(|site| waiting.get(site));
        waiting.for_each(|one| one.notify_one());
    }
}

/// Does something that takes its time on a thread that may.
async fn blocking<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, Away> + Send + 'static,
) -> Result<T, Away> {
    tokio::task::spawn_blocking(what).await.unwrap_or(Err(Away))
}
