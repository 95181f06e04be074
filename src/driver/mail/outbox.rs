//! The task that hands letters over: one at a time, over a connection that is kept for a moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::smtp::Link;
use super::{FIRST_REST, LONGEST_REST, Post, jittered};
use crate::driver::clock;
use crate::messaging::contract::{Outcome, Outgoing};
use crate::messaging::mail::{Chain, Posted, write};
use crate::random::Random;

/// How long a connection waits for another letter.
const IDLE: Duration = Duration::from_secs(15);
/// How long a letter may have waited here: the ledger gives up on it a while later, and must not hear of it then.
const OLDEST: Duration = Duration::from_secs(60);
/// How soon one comes again that waited too long.
const SOON: Duration = Duration::from_secs(5);

/// A letter that is to go out, and since when.
pub(super) type Waiting = (Instant, Box<Outgoing>);

impl Post {
    /// Sends what comes, one after the other.
    pub(super) async fn send_all(
        self: Arc<Self>,
        mut waiting: mpsc::Receiver<Waiting>,
        mut random: Random,
    ) {
        // The account is tried at once: whoever set it up hears of a mistake before a customer does.
        let mut link = self.connect().await;
        let mut rest = FIRST_REST;
        loop {
            // While the server is away, it is tried without a letter: the ledger gives none.
            let away = self.is_away();
            let pause = if away { jittered(rest, &mut random) } else { IDLE };
            let next = match link.is_some() || away {
                true => timeout(pause, waiting.recv()).await,
                false => Ok(waiting.recv().await),
            };
            match next {
                Ok(None) => return,
                Ok(Some((since, outgoing))) => {
                    let outcome = match since.elapsed() > OLDEST {
                        true => Outcome::Throttled(SOON),
                        false => self.attempt(&mut link, &outgoing, &mut random).await,
                    };
                    self.came_of(&outgoing, outcome).await;
                }
                Err(_) if away => {
                    link = self.connect().await;
                    rest = if link.is_some() { FIRST_REST } else { (rest * 2).min(LONGEST_REST) };
                }
                Err(_) => {
                    if let Some(link) = link.take() {
                        link.close().await;
                    }
                }
            }
        }
    }

    fn is_away(&self) -> bool {
        matches!(super::hold(&self.health).outbox, Some(Some(_)))
    }

    /// A connection that is signed in; how that stands is told.
    async fn connect(&self) -> Option<Link> {
        let linked = self.setup.smtp.link().await;
        let (link, why) = match linked {
            Ok(link) => (Some(link), None),
            Err(why) => {
                tracing::warn!(channel = %self.channel, %why, "letters cannot be sent");
                (None, Some(why))
            }
        };
        self.is(|health| health.outbox = Some(why)).await;
        link
    }

    async fn attempt(
        &self,
        link: &mut Option<Link>,
        outgoing: &Outgoing,
        random: &mut Random,
    ) -> Outcome {
        let posted = match self.posted(outgoing, random) {
            Ok(posted) => posted,
            Err(outcome) => return outcome,
        };
        if let Some(mut old) = link.take()
            && old.is_there().await
        {
            *link = Some(old);
        }
        if link.is_none() {
            *link = self.connect().await;
        }
        let Some(mut own) = link.take() else { return Outcome::Away };
        let outcome = own.send(&posted).await;
        match outcome {
            Outcome::Accepted { .. } => {
                *link = Some(own);
                if let Some(thread) = &outgoing.thread {
                    self.learn(thread, &Chain { ids: vec![posted.id.clone()], subject: None });
                }
            }
            // The connection may be in the middle of anything.
            _ => own.close().await,
        }
        outcome
    }

    fn posted(&self, outgoing: &Outgoing, random: &mut Random) -> Result<Posted, Outcome> {
        let (chain, boundary) = (self.chain(outgoing.thread.as_deref()), random.hex(16));
        let limits = (self.setup.most as u64, boundary.as_str());
        let now = clock::now().unix;
        write(&self.setup.mailbox, now, outgoing, &chain, &*self.shelf, limits)
            .map_err(Outcome::Refused)
    }
}
