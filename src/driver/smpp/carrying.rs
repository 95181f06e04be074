//! A channel's task: the links to one carrier, the ledger's orders, and the drawer of scraps.
//!
//! It decides nothing. While the ledger takes nothing, nothing is read from the links.

use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::{mpsc, oneshot};

use super::cabinet::Cabinet;
use super::drawer::Drawer;
use super::wire::{Teller, until};
use super::{Link, Order as ToLink, Told};
use crate::driver::clock;
use crate::gateway::carrier::{Carrier, LinkNumber, Output, Scrap, ScrapId, Snapshot};
use crate::messaging::channel::{Input, Order};

/// What the links say that is taken before the outputs have their turn.
const AT_ONCE: usize = 64;

/// What the task is made of.
#[derive(Debug)]
pub struct Carrying {
    /// What decides.
    pub carrier: Carrier,
    /// The links, the one that sends first.
    pub links: Vec<Link>,
    /// What the ledger orders.
    pub orders: mpsc::Receiver<Order>,
    /// The way to the ledger.
    pub tell: mpsc::Sender<Input>,
    /// Where scraps are kept.
    pub drawer: Drawer,
    /// Who asks how it is.
    pub questions: mpsc::Receiver<oneshot::Sender<Snapshot>>,
}

/// The scraps of an earlier run; one that cannot be read is none.
pub fn scraps(drawer: &Drawer) -> Vec<Scrap> {
    drawer.records().values().filter_map(|bytes| Scrap::read(bytes)).collect()
}

/// Carries messages until there is nobody who gives orders.
pub async fn carry(carrying: Carrying) {
    let Carrying { carrier, links, orders, tell, drawer, questions } = carrying;
    let teller = Teller::new(tell);
    let cabinet = Cabinet::new(drawer);
    Task { carrier, links, orders, teller, cabinet, questions }.run().await;
}

struct Task {
    carrier: Carrier,
    links: Vec<Link>,
    orders: mpsc::Receiver<Order>,
    teller: Teller<Input>,
    cabinet: Cabinet,
    questions: mpsc::Receiver<oneshot::Sender<Snapshot>>,
}

enum Event {
    Told(LinkNumber, Option<Told>),
    Order(Option<Order>),
    Kept(Vec<u64>, bool),
    Handed(bool),
    Asked(Option<oneshot::Sender<Snapshot>>),
    Due,
}

impl Task {
    async fn run(mut self) {
        loop {
            self.drain().await;
            let event = self.next().await;
            if !self.handle(event) {
                break;
            }
        }
        for link in &self.links {
            // A link that has ended is as wanted.
            let _ = link.orders.send(ToLink::Stop).await;
        }
        for link in &mut self.links {
            while link.told.recv().await.is_some() {}
        }
    }

    async fn next(&mut self) -> Event {
        let deadline = self.carrier.deadline();
        let listening = self.teller.has_room();
        tokio::select! {
            biased;
            // Nothing is told before what knows it again is written.
            handed = self.teller.tell(), if self.cabinet.is_written() => Event::Handed(handed),
            (parts, kept) = self.cabinet.synced() => Event::Kept(parts, kept),
            order = self.orders.recv() => Event::Order(order),
            (link, told) = said(&mut self.links), if listening => Event::Told(link, told),
            asked = self.questions.recv(), if !self.questions.is_closed() => Event::Asked(asked),
            () = until(deadline) => Event::Due,
        }
    }

    /// False when the task is to end.
    fn handle(&mut self, event: Event) -> bool {
        let now = clock::now();
        match event {
            Event::Order(Some(order)) => {
                self.carrier.handle_order(now, order);
                for _ in 1..AT_ONCE {
                    let Ok(order) = self.orders.try_recv() else { break };
                    self.carrier.handle_order(now, order);
                }
            }
            Event::Told(link, Some(told)) => {
                self.told(link, told);
                for _ in 1..AT_ONCE {
                    let more = self.links.get_mut(link).and_then(|link| link.told.try_recv().ok());
                    let Some(told) = more else { break };
                    self.told(link, told);
                }
            }
            Event::Kept(parts, kept) => {
                for part in parts {
                    self.carrier.handle_kept(now, ScrapId(part), kept);
                }
            }
            Event::Handed(listened) => return listened,
            Event::Asked(Some(asked)) => {
                // Whoever asked may have gone.
                let _ = asked.send(self.carrier.snapshot());
            }
            Event::Asked(None) => {}
            Event::Due => self.carrier.handle_timeout(now),
            Event::Order(None) | Event::Told(_, None) => return false,
        }
        true
    }

    fn told(&mut self, link: LinkNumber, told: Told) {
        let now = clock::now();
        match told {
            Told::Up(..) => self.carrier.handle_up(now, link),
            Told::Down(why, again) => self.carrier.handle_down(now, link, why, again),
            Told::Asked(handle, pdu) => self.carrier.handle_asked(now, link, handle, pdu),
            Told::Fate(ticket, fate) => self.carrier.handle_fate(now, ticket, fate),
            Told::Throttled(pause) => self.carrier.handle_throttled(now, pause),
            // Somebody can be reached again: what waits goes out anyway. An answer that comes after a message was said to be
            // unknown changes nothing: who has looked at it may have sent it again.
            Told::Notice(_) | Told::Late(..) => {}
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.carrier.poll_output() {
            match output {
                Output::Tell(input) => self.teller.push(input),
                Output::Send(sending) => self.order(0, ToLink::Send(sending)).await,
                Output::Answer(link, handle, status) => {
                    self.order(link, ToLink::Answer(handle, status, None)).await;
                }
                Output::Keep(scrap) => {
                    self.cabinet.keep(scrap.id.0, scrap.write(), scrap.is_part());
                }
                Output::Forget(ids) => self.cabinet.forget(ids.into_iter().map(|id| id.0)),
            }
        }
        self.cabinet.flush();
    }

    /// A link's task takes orders at any time; it has ended only when all of this does.
    async fn order(&self, link: LinkNumber, order: ToLink) {
        if let Some(link) = self.links.get(link) {
            let _ = link.orders.send(order).await;
        }
    }
}

/// What one of the links says.
async fn said(links: &mut [Link]) -> (LinkNumber, Option<Told>) {
    poll_fn(|context| {
        for (number, link) in links.iter_mut().enumerate() {
            if let Poll::Ready(told) = link.told.poll_recv(context) {
                return Poll::Ready((number, told));
            }
        }
        Poll::Pending
    })
    .await
}
