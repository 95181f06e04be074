//! What one site says of files, carried out off the connection's task, one thing after another.

use std::collections::VecDeque;

use tokio::task::{JoinHandle, spawn_blocking};

use super::Store;
use crate::hub::blobs::{Found, Intake, Output};
use crate::uplink::blob::{Hash, Refusal, Said};

/// What came of something.
pub(in crate::driver::hub) enum Done {
    Found(Hash, Found),
    Written(Hash, Option<u64>),
    Looked(Hash, Result<(), Refusal>),
    Noted,
}

/// One site's files on their way in.
pub(in crate::driver::hub) struct Taking {
    site: String,
    store: Store,
    intake: Intake,
    /// Bounded by what the intake lets ahead.
    orders: VecDeque<Output>,
    doing: Option<JoinHandle<Done>>,
}

impl Taking {
    pub(in crate::driver::hub) fn new(site: &str, store: Store) -> Taking {
        Taking {
            site: site.to_owned(),
            store,
            intake: Intake::default(),
            orders: VecDeque::new(),
            doing: None,
        }
    }

    /// The site says something. Answers what to say to it.
    pub(in crate::driver::hub) fn handle_said(&mut self, said: Said) -> Vec<Said> {
        self.intake.handle_said(said);
        self.go_on()
    }

    /// Something is done; never when nothing is to do.
    pub(in crate::driver::hub) async fn done(&mut self) -> Done {
        loop {
            match &mut self.doing {
                None => std::future::pending::<()>().await,
                Some(doing) => {
                    let done = doing.await;
                    self.doing = None;
                    // Otherwise it was ended with the runtime.
                    return done.unwrap_or(Done::Noted);
                }
            }
        }
    }

    /// What came of it. Answers what to say to the site.
    pub(in crate::driver::hub) fn handle_done(&mut self, done: Done) -> Vec<Said> {
        match done {
            Done::Found(hash, found) => self.intake.handle_found(hash, found),
            Done::Written(hash, upto) => self.intake.handle_written(hash, upto),
            Done::Looked(hash, looked) => self.intake.handle_looked(hash, looked),
            Done::Noted => {}
        }
        self.go_on()
    }

    fn go_on(&mut self) -> Vec<Said> {
        let mut say = Vec::new();
        while let Some(output) = self.intake.poll_output() {
            match output {
                Output::Send(said) => say.push(said),
                // A site that offers without end is answered as fast as the disk is.
                Output::Look(_) | Output::Waiting(_) => {
                    let same = std::mem::discriminant(&output);
                    self.orders.retain(|order| std::mem::discriminant(order) != same);
                    self.orders.push_back(output);
                }
                Output::Write { .. } | Output::Finish(_) => self.orders.push_back(output),
            }
        }
        if self.doing.is_none()
            && let Some(order) = self.orders.pop_front()
        {
            let (store, site) = (self.store.clone(), self.site.clone());
            self.doing = Some(spawn_blocking(move || carry_out(&store, &site, order)));
        }
        say
    }
}

fn carry_out(store: &Store, site: &str, order: Output) -> Done {
    match order {
        Output::Look(offer) => Done::Found(offer.hash, store.look(site, &offer)),
        Output::Write { hash, offset, bytes } => {
            let written = store.write(site, hash, offset, &bytes);
            if let Err(error) = &written {
                tracing::warn!(site, %error, "a file of a site cannot be written; its events go on");
            }
            Done::Written(hash, written.ok())
        }
        Output::Finish(offer) => {
            let looked = store.finish(site, &offer);
            if looked.is_ok() {
                let (kind, size) = (offer.named.kind.name(), offer.size);
                tracing::info!(site, kind, size, hash = %offer.hash, "a file of a site is here");
            }
            Done::Looked(offer.hash, looked)
        }
        Output::Waiting(waiting) => {
            store.waits(site, waiting);
            Done::Noted
        }
        Output::Send(_) => Done::Noted,
    }
}
