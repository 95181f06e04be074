//! A link to a carrier: connects, reads and writes as its machine says.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time;
use tokio_rustls::TlsConnector;

use super::wire::{Happened, Stream, Teller, Wire, until};
use super::{ORDERS, Order, TOLD, Told};
use crate::driver::clock;
use crate::random::Random;
use crate::smpp::client::{Client, Host, Output, Settings};

/// For the connection, and for TLS on it.
const CONNECT: Duration = Duration::from_secs(10);
/// Orders that are taken at once before the socket has its turn.
const AT_ONCE: usize = 64;

/// The way to a link's task.
#[derive(Debug)]
pub struct Link {
    /// What it is to do.
    pub orders: mpsc::Sender<Order>,
    /// What it tells.
    pub told: mpsc::Receiver<Told>,
}

/// A link and its task. Without `tls` hosts that speak it are not reached. It ends when it is told to stop, or when nobody
/// listens to it any more.
pub fn link(
    settings: Settings,
    tls: Option<Arc<ClientConfig>>,
    random: Random,
) -> (Link, impl Future<Output = ()> + Send) {
    let (orders, to_do) = mpsc::channel(ORDERS);
    let (tells, told) = mpsc::channel(TOLD);
    let task = async move {
        let client = Client::new(clock::now(), settings, random);
        let teller = Teller::new(tells);
        Task { client, tls, to_do, teller, wire: None, connect: None, closing: false }.run().await;
    };
    (Link { orders, told }, task)
}

struct Task {
    client: Client,
    tls: Option<Arc<ClientConfig>>,
    to_do: mpsc::Receiver<Order>,
    teller: Teller<Told>,
    wire: Option<Wire>,
    connect: Option<Host>,
    closing: bool,
}

enum Event {
    Wire(Happened),
    Order(Option<Order>),
    Told(bool),
    Due,
}

impl Task {
    async fn run(mut self) {
        self.client.handle_timeout(clock::now());
        loop {
            self.drain();
            if let Some(host) = self.connect.take() {
                self.connect(host).await;
            } else if self.closing {
                self.close().await;
            } else if self.client.stopped() {
                break;
            } else {
                let event = self.next().await;
                if !self.handle(event) {
                    break;
                }
            }
        }
        if let Some(wire) = self.wire.take() {
            wire.close().await;
        }
        self.teller.finish().await;
    }

    async fn next(&mut self) -> Event {
        let deadline = self.client.deadline();
        let room = self.teller.has_room();
        let wire = async {
            match &mut self.wire {
                Some(wire) => wire.next(room).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            listened = self.teller.tell() => Event::Told(listened),
            order = self.to_do.recv() => Event::Order(order),
            happened = wire => Event::Wire(happened),
            () = until(deadline) => Event::Due,
        }
    }

    /// False when the task is to end.
    fn handle(&mut self, event: Event) -> bool {
        let now = clock::now();
        match event {
            Event::Wire(Happened::Read(octets)) => self.client.handle_octets(now, &octets),
            Event::Wire(Happened::Wrote(octets)) => self.client.handle_written(now, octets),
            Event::Wire(Happened::Ended) => self.closing = true,
            Event::Told(listened) => return listened,
            Event::Due => self.client.handle_timeout(now),
            Event::Order(None) => {
                self.to_do.close();
                return false;
            }
            Event::Order(Some(order)) => {
                self.order(order);
                for _ in 1..AT_ONCE {
                    let Ok(order) = self.to_do.try_recv() else { break };
                    self.order(order);
                }
            }
        }
        true
    }

    fn order(&mut self, order: Order) {
        let now = clock::now();
        match order {
            Order::Send(sending) => self.client.handle_send(now, sending),
            Order::Answer(handle, status, pdu) => {
                self.client.handle_answer(now, handle, status, pdu)
            }
            Order::Stop => self.client.handle_stop(now),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            let told = match output {
                Output::Write(octets) => {
                    if let Some(wire) = &mut self.wire {
                        wire.push(&octets);
                    }
                    continue;
                }
                Output::Connect(host) => {
                    self.connect = Some(host);
                    continue;
                }
                Output::Close => {
                    self.closing = true;
                    continue;
                }
                Output::Up(kind, name) => Told::Up(kind, name.to_string()),
                Output::Down(why, again) => Told::Down(why, again),
                Output::Asked(handle, pdu) => Told::Asked(handle, pdu),
                Output::Told(pdu) => Told::Notice(pdu),
                Output::Fate(ticket, fate) => Told::Fate(ticket, fate),
                Output::Late(ticket, status, pdu) => Told::Late(ticket, status, pdu),
                Output::Throttled(pause) => Told::Throttled(pause),
            };
            self.teller.push(told);
        }
    }

    /// What is sent meanwhile is away.
    async fn connect(&mut self, host: Host) {
        let mut dialled = pin!(time::timeout(CONNECT, dial(&host, self.tls.clone())));
        let stream = loop {
            tokio::select! {
                biased;
                stream = &mut dialled => break stream,
                _ = self.teller.tell() => {}
                Some(order) = self.to_do.recv() => self.order(order),
            }
            self.drain();
            if self.client.stopped() {
                return;
            }
        };
        match stream {
            Ok(Ok(stream)) => {
                self.wire = Some(Wire::new(stream));
                self.client.handle_connected(clock::now());
            }
            _ => self.client.handle_closed(clock::now()),
        }
    }

    async fn close(&mut self) {
        self.closing = false;
        if let Some(wire) = self.wire.take() {
            let written = wire.close().await;
            self.client.handle_written(clock::now(), written);
        }
        self.client.handle_closed(clock::now());
    }
}

async fn dial(host: &Host, tls: Option<Arc<ClientConfig>>) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((host.name.as_str(), host.port)).await?;
    stream.set_nodelay(true)?;
    if !host.tls {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.name.clone());
    let (Some(tls), Ok(name)) = (tls, name) else { return Err(io::ErrorKind::Unsupported.into()) };
    let stream = TlsConnector::from(tls).connect(name, stream).await?;
    Ok(Box::new(stream))
}
