//! A message centre for applications on the premises: a listener, and one task for each connection.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task;
use tokio::time;
use tokio_rustls::TlsAcceptor;

use super::wire::{Happened, Stream, Teller, Wire, until};
use super::{ORDERS, Order, TOLD, Told};
use crate::admin::access::password;
use crate::driver::clock;
use crate::random::Random;
use crate::smpp::client::Down;
use crate::smpp::desk::{Account, Desk, LinkId};
use crate::smpp::pdu::{Bind, BindKind, Pdu, Text};
use crate::smpp::session::{Ended, Grant, Handle, Limits, Output, Sending, Session};
use crate::smpp::status::Status;
use crate::time::UnixTime;

/// Passwords that are proved at once: each takes 19 MiB and 35 ms of a core.
const PROVING: usize = 2;
/// After an error of the listener, as when there are no more descriptors.
const BREATH: Duration = Duration::from_millis(100);
/// Answers and orders that are taken at once before the socket has its turn.
const AT_ONCE: usize = 64;

/// The password of an account, as its file has it: a PHC string of Argon2id, or the password itself.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// What stands in the file; white space at its ends is none of it.
    pub fn of_file(text: &str) -> Password {
        Password(text.trim().to_owned())
    }

    pub(super) fn matches(&self, given: &Text) -> bool {
        if self.0.starts_with("$argon2") {
            return password::matches(&given.to_string(), &self.0);
        }
        #[allow(deprecated)] // ring offers no other name for it yet
        let same = ring::constant_time::verify_slices_are_equal(self.0.as_bytes(), &given.0);
        same.is_ok()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Where applications come in.
#[derive(Debug, Clone)]
pub struct Listener {
    /// On what it listens.
    pub address: SocketAddr,
    /// The box's identity; without one it speaks TCP alone.
    pub tls: Option<Tls>,
}

/// Who the box is at the moment of a connection: certificates are renewed while it runs.
#[derive(Clone)]
pub struct Tls(Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>);

impl Tls {
    /// As `current` says each time.
    pub fn new(current: impl Fn() -> Arc<ServerConfig> + Send + Sync + 'static) -> Tls {
        Tls(Arc::new(current))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// A link, for whoever looks.
#[derive(Debug, Clone)]
pub struct LinkLine {
    /// Who has bound.
    pub system_id: String,
    /// How.
    pub kind: BindKind,
    /// From where.
    pub source: IpAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// When it connected.
    pub since: UnixTime,
    /// Requests of theirs that were taken on it.
    pub asked: u64,
    /// Requests of theirs that were refused for their rate, their sender, or because too many waited.
    pub refused: u64,
    /// Requests of ours that are on their way on it.
    pub load: usize,
}

/// What is counted on a link.
#[derive(Debug, Default)]
struct Tally {
    asked: AtomicU64,
    refused: AtomicU64,
}

/// Something that the application on a link tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromApplication {
    /// Over which link.
    pub link: LinkId,
    /// Whose it is.
    pub system_id: Arc<str>,
    /// What.
    pub told: Told,
}

/// Why something was not given to a link. It has not been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// The application has no link that receives.
    Away,
    /// Its link has too much to do.
    Full,
}

/// A message centre.
#[derive(Debug, Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Text,
    limits: Limits,
    passwords: BTreeMap<String, Password>,
    table: Mutex<Table>,
    proving: Semaphore,
    tells: mpsc::Sender<FromApplication>,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct Table {
    desk: Desk,
    random: Random,
    last: u64,
    links: BTreeMap<LinkId, Way>,
    refused: u64,
}

/// The way to a link's task. Answers have their own: there are never more of them than open requests.
#[derive(Debug, Clone)]
struct Way {
    answers: mpsc::Sender<Order>,
    orders: mpsc::Sender<Order>,
    from: Arc<Origin>,
}

/// Where a link comes from, and what was counted on it.
#[derive(Debug)]
struct Origin {
    source: IpAddr,
    tls: bool,
    since: UnixTime,
    tally: Tally,
}

impl Server {
    /// For these accounts, each with its password; an account without one is refused. `name` is what it calls itself.
    pub fn new(
        name: &str,
        limits: Limits,
        accounts: Vec<(Account, Password)>,
        random: Random,
    ) -> (Server, mpsc::Receiver<FromApplication>) {
        let (tells, told) = mpsc::channel(TOLD);
        let passwords =
            accounts.iter().map(|(a, password)| (a.system_id.clone(), password.clone()));
        let passwords = passwords.collect();
        let desk = Desk::new(accounts.into_iter().map(|(account, _)| account).collect());
        let table = Table { desk, random, last: 0, links: BTreeMap::new(), refused: 0 };
        let shared = Shared {
            name: Text::from(name),
            limits,
            passwords,
            table: Mutex::new(table),
            proving: Semaphore::new(PROVING),
            tells,
            stop: watch::Sender::new(false),
        };
        (Server { shared: Arc::new(shared) }, told)
    }

    /// Opens a listener; the future takes connections until the server is stopped. Where it listens comes with it.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn listen(
        &self,
        listener: Listener,
    ) -> io::Result<(SocketAddr, impl Future<Output = ()> + Send + use<>)> {
        let socket = TcpListener::bind(listener.address).await?;
        let local = socket.local_addr()?;
        Ok((local, accept(self.shared.clone(), socket, listener.tls)))
    }

    /// Gives something to an application, over the link with the least to do.
    ///
    /// # Errors
    /// When there is none that takes it; it then stays with its owner, who is told when the application binds.
    pub fn send(&self, system_id: &str, sending: Sending) -> Result<LinkId, NotSent> {
        let mut table = self.shared.table();
        let link = table.desk.link_to(system_id).ok_or(NotSent::Away)?;
        let way = table.links.get(&link).ok_or(NotSent::Away)?;
        if way.orders.try_send(Order::Send(sending)).is_err() {
            table.desk.ended(link);
            return Err(NotSent::Full);
        }
        Ok(link)
    }

    /// Answers a request. Nothing happens when the link is gone: the application then sends it again.
    pub fn answer(&self, link: LinkId, handle: Handle, status: Status, pdu: Option<Pdu>) {
        let way = self.shared.table().links.get(&link).cloned();
        if let Some(way) = way {
            // Never full: there is room for one answer to each request that may be open.
            let _ = way.answers.try_send(Order::Answer(handle, status, pdu));
        }
    }

    /// Other accounts from now on; passwords stay those of the start.
    pub fn replace_accounts(&self, accounts: Vec<Account>) {
        self.shared.table().desk.replace_accounts(accounts);
    }

    /// Connections, and links among them.
    pub fn size(&self) -> (usize, usize) {
        self.shared.table().desk.size()
    }

    /// Each link that is bound.
    pub fn lines(&self) -> Vec<LinkLine> {
        let table = self.shared.table();
        let line = |(id, way): (&LinkId, &Way)| {
            let (system_id, kind, load) = table.desk.link(*id)?;
            let Origin { source, tls, since, tally } = &*way.from;
            Some(LinkLine {
                system_id: system_id.to_owned(),
                kind,
                source: *source,
                tls: *tls,
                since: *since,
                asked: tally.asked.load(Ordering::Relaxed),
                refused: tally.refused.load(Ordering::Relaxed),
                load,
            })
        };
        table.links.iter().filter_map(line).collect()
    }

    /// Connections that were not taken because there were too many.
    pub fn refused(&self) -> u64 {
        self.shared.table().refused
    }

    /// Closes the listeners, and unbinds every link in good order.
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }
}

impl Shared {
    /// A panic ends the program, so that nobody finds this broken.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is who he says. A refusal takes as long for whatever reason.
    async fn proves(&self, source: IpAddr, bind: &Bind) -> bool {
        let asked_at = time::Instant::now();
        let known = self.table().desk.knows(bind, source);
        let kept = self.passwords.get(&bind.system_id.to_string()).filter(|_| known).cloned();
        let proved = match kept {
            Some(kept) => self.matches(kept, bind.password.clone()).await,
            None => false,
        };
        if !proved {
            let wait = self.table().desk.refuse(clock::now().instant, source);
            tracing::warn!(%source, "a bind was refused: its name, its password or where it comes from");
            time::sleep_until(asked_at + wait).await;
        }
        proved
    }

    async fn matches(&self, kept: Password, given: Text) -> bool {
        let Ok(_one) = self.proving.acquire().await else { return false };
        task::spawn_blocking(move || kept.matches(&given)).await.unwrap_or(false)
    }
}

async fn accept(shared: Arc<Shared>, socket: TcpListener, tls: Option<Tls>) {
    let mut stop = shared.stop.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, peer)) = accepted else {
            time::sleep(BREATH).await;
            continue;
        };
        let source = peer.ip();
        let admitted = {
            let mut table = shared.table();
            let admitted = table.desk.connect(source);
            table.refused += u64::from(!admitted);
            table.last += 1;
            admitted.then(|| (LinkId(table.last), table.random.fork()))
        };
        if let Some((id, random)) = admitted {
            tokio::spawn(serve(shared.clone(), id, source, stream, tls.clone(), random));
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    id: LinkId,
    source: IpAddr,
    stream: TcpStream,
    tls: Option<Tls>,
    random: Random,
) {
    let (secure, since) = (tls.is_some(), clock::now().unix);
    let ready = time::timeout(shared.limits.bind, ready(stream, tls)).await;
    if let Ok(Ok(stream)) = ready {
        let from = Origin { source, tls: secure, since, tally: Tally::default() };
        Task::new(shared.clone(), id, from, stream, random).run().await;
    }
    let mut table = shared.table();
    table.links.remove(&id);
    table.desk.disconnect(id, source);
}

async fn ready(stream: TcpStream, tls: Option<Tls>) -> io::Result<Box<dyn Stream>> {
    stream.set_nodelay(true)?;
    Ok(match tls {
        Some(tls) => Box::new(TlsAcceptor::from((tls.0)()).accept(stream).await?),
        None => Box::new(stream),
    })
}

struct Task {
    shared: Arc<Shared>,
    id: LinkId,
    from: Arc<Origin>,
    session: Session,
    wire: Wire,
    system_id: Arc<str>,
    way: Option<Way>,
    answers: mpsc::Receiver<Order>,
    orders: mpsc::Receiver<Order>,
    proved: mpsc::Receiver<Option<Bind>>,
    proves: mpsc::Sender<Option<Bind>>,
    stop: watch::Receiver<bool>,
    stopping: bool,
    teller: Teller<FromApplication>,
    bound: bool,
    ended: Option<Ended>,
}

enum Event {
    Wire(Happened),
    Order(Option<Order>),
    Proved(Option<Bind>),
    Told(bool),
    Stop,
    Due,
}

impl Task {
    fn new(
        shared: Arc<Shared>,
        id: LinkId,
        from: Origin,
        stream: Box<dyn Stream>,
        random: Random,
    ) -> Task {
        let from = Arc::new(from);
        let (to_answer, answers) = mpsc::channel(shared.limits.theirs.max(1));
        let (to_do, orders) = mpsc::channel(ORDERS);
        let (proves, proved) = mpsc::channel(1);
        let (limits, name) = (shared.limits, shared.name.clone());
        Task {
            session: Session::smsc(clock::now(), limits, name, random),
            wire: Wire::new(stream),
            system_id: Arc::from(""),
            way: Some(Way { answers: to_answer, orders: to_do, from: from.clone() }),
            answers,
            orders,
            proved,
            proves,
            stop: shared.stop.subscribe(),
            stopping: false,
            teller: Teller::new(shared.tells.clone()),
            bound: false,
            ended: None,
            shared,
            id,
            from,
        }
    }

    async fn run(mut self) {
        loop {
            self.drain();
            if self.ended.is_some() {
                break;
            }
            let event = self.next().await;
            if !self.handle(event) {
                break;
            }
        }
        // Nothing more is given to it from here on; what was, is told as not sent.
        self.shared.table().links.remove(&self.id);
        self.orders.close();
        let written = std::mem::replace(&mut self.wire, Wire::new(Box::new(tokio::io::empty())));
        let written = written.close().await;
        self.session.handle_written(clock::now(), written);
        self.session.handle_closed();
        while let Ok(order) = self.orders.try_recv() {
            self.order(order);
        }
        self.drain();
        if self.bound {
            let why = Down::Ended(self.ended.unwrap_or(Ended::Closed));
            self.tell(Told::Down(why, None));
        }
        self.teller.finish().await;
    }

    async fn next(&mut self) -> Event {
        let deadline = self.session.deadline();
        let room = self.teller.has_room();
        let stopping = self.stopping;
        tokio::select! {
            biased;
            listened = self.teller.tell() => Event::Told(listened),
            order = self.answers.recv() => Event::Order(order),
            order = self.orders.recv() => Event::Order(order),
            proved = self.proved.recv() => Event::Proved(proved.flatten()),
            _ = self.stop.wait_for(|stop| *stop), if !stopping => Event::Stop,
            happened = self.wire.next(room) => Event::Wire(happened),
            () = until(deadline) => Event::Due,
        }
    }

    /// False when the connection has ended.
    fn handle(&mut self, event: Event) -> bool {
        let now = clock::now();
        match event {
            Event::Wire(Happened::Read(octets)) => self.session.handle_octets(now, &octets),
            Event::Wire(Happened::Wrote(octets)) => self.session.handle_written(now, octets),
            Event::Wire(Happened::Ended) => return false,
            Event::Told(listened) => return listened,
            Event::Due => self.session.handle_timeout(now),
            Event::Stop => {
                self.stopping = true;
                self.session.handle_unbind(now);
            }
            Event::Proved(bind) => {
                let verdict = self.verdict(bind.as_ref());
                self.session.handle_verdict(now, verdict);
            }
            Event::Order(order) => {
                if let Some(order) = order {
                    self.order(order);
                }
                for _ in 1..AT_ONCE {
                    let Ok(order) = self.answers.try_recv() else { break };
                    self.order(order);
                }
            }
        }
        true
    }

    fn order(&mut self, order: Order) {
        let now = clock::now();
        match order {
            Order::Send(sending) => self.session.handle_send(now, sending),
            Order::Answer(handle, status, pdu) => {
                self.session.handle_answer(now, handle, status, pdu);
            }
            Order::Stop => self.session.handle_unbind(now),
        }
    }

    fn drain(&mut self) {
        let refused = self.session.counters().refused;
        self.from.tally.refused.store(refused, Ordering::Relaxed);
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Write(octets) => self.wire.push(&octets),
                Output::Prove(bind) => self.prove(*bind),
                Output::Bound(kind, _) => self.become_bound(kind),
                Output::Asked(handle, pdu) => {
                    self.from.tally.asked.fetch_add(1, Ordering::Relaxed);
                    self.tell(Told::Asked(handle, pdu));
                }
                Output::Told(pdu) => self.tell(Told::Notice(pdu)),
                Output::Fate(ticket, fate) => {
                    self.shared.table().desk.ended(self.id);
                    self.tell(Told::Fate(ticket, fate));
                }
                Output::Late(ticket, status, pdu) => self.tell(Told::Late(ticket, status, pdu)),
                Output::Throttled(pause) => self.tell(Told::Throttled(pause)),
                Output::Close(why) => self.ended = Some(why),
            }
        }
    }

    fn prove(&mut self, bind: Bind) {
        self.system_id = Arc::from(bind.system_id.to_string());
        let (shared, source, proves) = (self.shared.clone(), self.from.source, self.proves.clone());
        tokio::spawn(async move {
            let proved = shared.proves(source, &bind).await;
            // The link may have ended meanwhile, and nobody waits.
            let _ = proves.send(proved.then_some(bind)).await;
        });
    }

    /// What comes of a bind whose password is right, or of one that was refused.
    fn verdict(&self, proved: Option<&Bind>) -> Result<Grant, Status> {
        let bind = proved.ok_or(Status::BIND_FAILED)?;
        self.shared.table().desk.bind(self.id, bind)
    }

    /// From here on things may be given to it: before its owner hears of it.
    fn become_bound(&mut self, kind: BindKind) {
        if let Some(way) = self.way.take() {
            self.shared.table().links.insert(self.id, way);
        }
        self.bound = true;
        self.tell(Told::Up(kind, self.system_id.to_string()));
    }

    fn tell(&mut self, told: Told) {
        let (link, system_id) = (self.id, self.system_id.clone());
        self.teller.push(FromApplication { link, system_id, told });
    }
}
