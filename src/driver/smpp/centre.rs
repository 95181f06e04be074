//! The task that speaks with applications of the branch: the links of the server, the gateway's orders, and the drawer of
//! parts.
//!
//! It decides nothing. While the gateway takes nothing, nothing is read from the links.

use tokio::sync::{mpsc, oneshot};

use super::Told;
use super::cabinet::Cabinet;
use super::drawer::Drawer;
use super::server::{FromApplication, LinkLine, NotSent, Server};
use super::wire::{Teller, until};
use crate::driver::clock;
use crate::gateway::centre::{Centre, Output, Scrap, ScrapId, Standing};
use crate::messaging::application::{Input, Order};
use crate::smpp::session::{Fate, Ticket, Unsent};
use crate::time::Now;

/// What links and the gateway say that is taken before the outputs have their turn.
const AT_ONCE: usize = 64;

/// Somebody asks how it is: each application, and each link.
pub type Question = oneshot::Sender<(Vec<Standing>, Vec<LinkLine>)>;

/// What the task is made of.
pub struct Centring {
    /// What decides.
    pub centre: Centre,
    /// Whose links there are.
    pub server: Server,
    /// What they say.
    pub told: mpsc::Receiver<FromApplication>,
    /// What the gateway orders.
    pub orders: mpsc::Receiver<Order>,
    /// The way to the gateway.
    pub tell: mpsc::Sender<Input>,
    /// Where parts are kept.
    pub drawer: Drawer,
    /// Who asks how it is.
    pub questions: mpsc::Receiver<Question>,
}

/// The parts of an earlier run; one that cannot be read is none.
pub fn parts(drawer: &Drawer) -> Vec<Scrap> {
    drawer.records().values().filter_map(|bytes| Scrap::read(bytes)).collect()
}

/// Speaks with applications until there is nobody who gives orders.
pub async fn centre(centring: Centring) {
    let Centring { centre, server, told, orders, tell, drawer, questions } = centring;
    let (teller, cabinet) = (Teller::new(tell), Cabinet::new(drawer));
    Task { centre, server, told, orders, teller, cabinet, questions }.run().await;
}

struct Task {
    centre: Centre,
    server: Server,
    told: mpsc::Receiver<FromApplication>,
    orders: mpsc::Receiver<Order>,
    teller: Teller<Input>,
    cabinet: Cabinet,
    questions: mpsc::Receiver<Question>,
}

enum Event {
    Told(Option<FromApplication>),
    Order(Option<Order>),
    Kept(Vec<u64>, bool),
    Handed(bool),
    Asked(Option<Question>),
    Due,
}

impl Task {
    async fn run(mut self) {
        loop {
            self.drain();
            let event = self.next().await;
            if !self.handle(event) {
                break;
            }
        }
        self.server.stop();
    }

    async fn next(&mut self) -> Event {
        let deadline = self.centre.deadline();
        let listening = self.teller.has_room();
        tokio::select! {
            biased;
            handed = self.teller.tell() => Event::Handed(handed),
            (parts, kept) = self.cabinet.synced() => Event::Kept(parts, kept),
            order = self.orders.recv() => Event::Order(order),
            told = self.told.recv(), if listening => Event::Told(told),
            asked = self.questions.recv(), if !self.questions.is_closed() => Event::Asked(asked),
            () = until(deadline) => Event::Due,
        }
    }

    /// False when the task is to end.
    fn handle(&mut self, event: Event) -> bool {
        let now = clock::now();
        match event {
            Event::Order(Some(order)) => {
                self.centre.handle_order(now, order);
                for _ in 1..AT_ONCE {
                    let Ok(order) = self.orders.try_recv() else { break };
                    self.centre.handle_order(now, order);
                }
            }
            Event::Told(Some(told)) => {
                self.told(now, told);
                for _ in 1..AT_ONCE {
                    let Ok(told) = self.told.try_recv() else { break };
                    self.told(now, told);
                }
            }
            Event::Kept(parts, kept) => {
                for part in parts {
                    self.centre.handle_kept(now, ScrapId(part), kept);
                }
            }
            Event::Handed(listened) => return listened,
            Event::Due => self.centre.handle_timeout(now),
            Event::Asked(Some(asked)) => {
                // Whoever asked may have gone.
                let _ = asked.send((self.centre.standing(), self.server.lines()));
            }
            Event::Asked(None) => {}
            Event::Order(None) | Event::Told(None) => return false,
        }
        true
    }

    fn told(&mut self, now: Now, from: FromApplication) {
        let FromApplication { link, system_id, told } = from;
        match told {
            Told::Up(kind, _) => self.centre.handle_up(now, link, &system_id, kind),
            Told::Down(..) => self.centre.handle_down(now, link, &system_id),
            Told::Asked(handle, pdu) => {
                self.centre.handle_asked(now, link, &system_id, (handle, pdu));
            }
            Told::Fate(ticket, fate) => self.centre.handle_fate(now, ticket, &fate),
            // A late answer to something that is told again anyway; a pause holds the link, and nothing changes its place.
            Told::Notice(_) | Told::Late(..) | Told::Throttled(_) => {}
        }
    }

    fn drain(&mut self) {
        let now = clock::now();
        while let Some(output) = self.centre.poll_output() {
            match output {
                Output::Tell(input) => self.teller.push(input),
                Output::Answer(link, handle, status, pdu) => {
                    self.server.answer(link, handle, status, pdu);
                }
                Output::Send(system_id, sending) => {
                    let ticket = sending.ticket;
                    if let Err(why) = self.server.send(&system_id, sending) {
                        self.not_sent(now, ticket, why);
                    }
                }
                Output::Keep(scrap) => self.cabinet.keep(scrap.id.0, scrap.write(), true),
                Output::Forget(ids) => self.cabinet.forget(ids.into_iter().map(|id| id.0)),
            }
        }
        self.cabinet.flush();
    }

    fn not_sent(&mut self, now: Now, ticket: Ticket, why: NotSent) {
        let why = match why {
            NotSent::Away => Unsent::Away,
            NotSent::Full => Unsent::Full(std::time::Duration::from_secs(1)),
        };
        self.centre.handle_fate(now, ticket, &Fate::NotSent(why));
    }
}
