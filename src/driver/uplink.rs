//! The box's end of the line: it connects to the hub, reads the outbox for it, and carries frames.
//!
//! One task on a runtime of its own, so that no call waits for it; the sans-IO `uplink::Uplink` decides what it does. What
//! it proves itself with is in `uplink/keys`. Nothing of the branch waits for any of this: events are in the outbox, and
//! leave it when the hub has them.

pub mod blobs;
pub mod enrolling;
pub mod keys;
mod words;

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use self::blobs::Files;
use self::keys::{Keys, NoKeys};
use super::clock;
use super::line::{self, Line, NoLine};
use super::outbox::{Outbox, Span};
use crate::admin::UplinkLine;
use crate::gateway::branches::{FromOffice, ToOffice};
use crate::random::Random;
use crate::time::UnixTime;
use crate::uplink::frame::Frame;
use crate::uplink::policy::Policy;
use crate::uplink::{self, Down, Output, Route, State, Uplink};

/// Threads: one for the task and the disk, one for the line.
const THREADS: usize = 2;
/// How long one address of a hub may take to answer. Three of them have their turn within the machine's own limit.
const ONE_ADDRESS: Duration = Duration::from_secs(4);
/// How often it is looked whether this box has other addresses: LTE took over from a cable.
const LOOK_AT_ADDRESSES: Duration = Duration::from_secs(3);
/// How often it is looked whether the box was enrolled in the meantime.
const LOOK_FOR_KEYS: Duration = Duration::from_secs(3);

/// What an admin has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The hub's addresses, `name:port`, in the order in which they are tried.
    pub hubs: Vec<String>,
    /// The site's name; the one it was enrolled as when absent.
    pub site: Option<String>,
    /// Whether TLS is tried where UDP does not pass.
    pub tls: bool,
    /// Octets a second at most.
    pub ceiling: Option<u64>,
    /// The class of traffic (RFC 2474).
    pub dscp: u8,
    /// Where keys and certificates are.
    pub folder: PathBuf,
}

/// How the line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// How, and since when.
    pub state: Standing,
    /// Since when.
    pub since: UnixTime,
    /// The hub's address that is used, or was tried last.
    pub hub: Option<SocketAddr>,
    /// The site's name, once it is enrolled.
    pub site: Option<String>,
    /// When its certificate ends.
    pub certificate_ends: Option<UnixTime>,
    /// The hub has all up to this event.
    pub arrived: u64,
    /// The newest event of the outbox.
    pub newest: u64,
    /// When the hub has acknowledged something last.
    pub acknowledged: Option<UnixTime>,
    /// How it is with recordings and files of messages.
    pub files: blobs::Standing,
}

/// How the line is, as a box sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It was not enrolled, or its keys cannot be read.
    NoKeys(NoKeys),
    /// As the machine says.
    Line(State),
}

/// The way to the task.
#[derive(Debug, Clone)]
pub struct Handle {
    condition: watch::Receiver<Condition>,
    outbox: Outbox,
    holds: Arc<watch::Sender<Option<Instant>>>,
}

impl Handle {
    /// How the line is.
    pub fn condition(&self) -> Condition {
        self.condition.borrow().clone()
    }

    /// The same as a person is shown it. Reads the oldest event that waits from the disk.
    pub fn line(&self) -> UplinkLine {
        words::line(&self.condition(), &self.outbox)
    }

    /// Holds the line down for so long from now on; then it is made again, whatever has become of whoever asked.
    pub fn hold(&self, span: Duration) {
        self.holds.send_replace(Some(Instant::now() + span));
    }

    /// The same, and what follows.
    pub fn watch(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }
}

/// The way between the line and whoever has to do with people at the box.
pub struct Branch {
    /// What they ask and say. It may be gone: then nobody asks.
    pub orders: mpsc::Receiver<ToOffice>,
    /// What they are told. Answers whether there was room; what there was none for is lost, and told again.
    pub tell: Box<dyn Fn(FromOffice) -> bool + Send>,
}

impl Branch {
    /// Nobody.
    pub fn nobody() -> Branch {
        let (_, orders) = mpsc::channel(1);
        Branch { orders, tell: Box::new(|_| true) }
    }
}

/// Starts it for a box at which nobody has to do with people.
///
/// # Errors
/// As [`start_for`].
pub fn start(settings: Settings, outbox: Outbox, random: Random) -> io::Result<Handle> {
    start_for(Branch::nobody(), settings, outbox, random)
}

/// Starts it. It ends with the last handle.
///
/// # Errors
/// When the system gives no threads.
pub fn start_for(
    branch: Branch,
    settings: Settings,
    outbox: Outbox,
    random: Random,
) -> io::Result<Handle> {
    start_with((branch, None), settings, outbox, random)
}

/// Starts it for a box whose recordings or files of messages leave, too.
///
/// # Errors
/// As [`start_for`].
pub fn start_with(
    (branch, source): (Branch, Option<blobs::Source>),
    settings: Settings,
    outbox: Outbox,
    random: Random,
) -> io::Result<Handle> {
    let span = outbox.span();
    let condition = Condition {
        state: Standing::NoKeys(NoKeys::NotEnrolled),
        since: clock::now().unix,
        hub: None,
        site: None,
        certificate_ends: None,
        arrived: outbox.arrived(),
        newest: span.borrow().newest,
        acknowledged: None,
        files: blobs::Standing::default(),
    };
    let (tell, condition) = watch::channel(condition);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("uplink")
        .enable_all()
        .build()?;
    let (holds, hold) = watch::channel(None);
    let handle = Handle { condition, outbox: outbox.clone(), holds: Arc::new(holds) };
    let task = Task { branch, source, settings, outbox, span, random, tell, hold };
    thread::Builder::new().name("uplink".to_owned()).spawn(move || {
        // On a worker of its own: whoever only waits in `block_on` shares none.
        let _ = runtime.block_on(runtime.spawn(task.run()));
    })?;
    Ok(handle)
}

/// The folder of keys below a site's data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("uplink")
}

/// Whether a box whose data is there was enrolled.
pub fn is_enrolled(data: &Path) -> bool {
    Keys::read(&folder(data), None).is_ok()
}

/// What the configuration says of the line; nothing where it names no hub.
pub fn settings(own: &crate::config::settings::Uplink, data: &Path) -> Option<Settings> {
    let settings = Settings {
        hubs: own.hub.clone(),
        site: own.site.clone(),
        tls: own.tls_fallback,
        ceiling: own.ceiling(),
        dscp: own.dscp,
        folder: folder(data),
    };
    Some(settings).filter(|settings| !settings.hubs.is_empty())
}

/// Where files are that leave; nothing where the site's policy keeps them all.
pub fn source(
    policy: &Policy,
    recordings: PathBuf,
    keys: super::recordings::Keys,
    shelf: Option<Arc<super::channels::Shelf>>,
) -> Option<blobs::Source> {
    let sends = blobs::Sends::of(policy);
    let source = blobs::Source { sends, recordings, keys, shelf };
    (sends.recordings || sends.files).then_some(source)
}

struct Task {
    branch: Branch,
    source: Option<blobs::Source>,
    settings: Settings,
    outbox: Outbox,
    span: watch::Receiver<Span>,
    random: Random,
    tell: watch::Sender<Condition>,
    hold: watch::Receiver<Option<Instant>>,
}

impl Task {
    async fn run(self) {
        loop {
            match Keys::read(&self.settings.folder, self.settings.site.as_deref()) {
                Ok(keys) => {
                    self.tell.send_modify(|condition| {
                        condition.site = Some(keys.site.clone());
                        condition.certificate_ends = keys.ends;
                    });
                    return self.go(keys).await;
                }
                Err(why) => self.stands(Standing::NoKeys(why)),
            }
            tokio::select! {
                () = sleep(LOOK_FOR_KEYS) => {}
                () = self.tell.closed() => return,
            }
        }
    }

    fn stands(&self, state: Standing) {
        self.tell.send_if_modified(|condition| {
            let other = condition.state != state;
            if other {
                condition.state = state;
                condition.since = clock::now().unix;
            }
            other
        });
    }

    async fn go(self, keys: Keys) {
        let span = *self.span.borrow();
        let settings = uplink::Settings {
            site: keys.site.clone(),
            epoch: self.outbox.epoch(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            ceiling: self.settings.ceiling,
            tls: self.settings.tls,
        };
        let Task { branch, source, settings: own, outbox, span: spans, mut random, tell, hold } =
            self;
        let files = source.and_then(|source| open_files(&own.folder, source, &outbox));
        let now = clock::now().instant;
        let ends = (span.first, span.newest);
        let machine = Uplink::new(now, settings, ends, outbox.arrived(), random.fork());
        let open = None;
        let connecting = None;
        let addresses = super::own_addresses();
        let own = Box::new(Runner {
            branch,
            files,
            knew: false,
            settings: own,
            outbox,
            tell,
            hold,
            held: None,
            machine,
            came_with: keys.ends,
            keys,
            open,
            connecting,
            turn: 0,
            addresses,
        });
        own.run(spans).await;
    }
}

/// What came of a try: by which of the hub's addresses.
type Connected = (usize, SocketAddr, Result<Line, NoLine>);
type Connecting = Pin<Box<dyn Future<Output = Option<Connected>> + Send>>;

struct Runner {
    branch: Branch,
    files: Option<Files>,
    /// Whether the branch was told that somebody is there who may know people.
    knew: bool,
    settings: Settings,
    outbox: Outbox,
    tell: watch::Sender<Condition>,
    /// Until when somebody wants the line to be down.
    hold: watch::Receiver<Option<Instant>>,
    held: Option<Instant>,
    machine: Uplink,
    keys: Keys,
    /// When the certificate ends that the connection was made with.
    came_with: Option<UnixTime>,
    open: Option<(line::Coming, line::Going)>,
    connecting: Option<Connecting>,
    /// Which of the hub's addresses is tried first.
    turn: usize,
    addresses: Vec<IpAddr>,
}

impl Runner {
    async fn run(mut self, mut spans: watch::Receiver<Span>) {
        let mut look = tokio::time::interval(LOOK_AT_ADDRESSES);
        loop {
            self.carry_out();
            let files = self.files.as_ref().and_then(Files::deadline);
            let deadline = self.machine.deadline().into_iter().chain(files).min();
            let deadline = deadline.map(Instant::from_std);
            let (coming, going) = match &mut self.open {
                Some((coming, going)) => (Some(coming), Some(going)),
                None => (None, None),
            };
            tokio::select! {
                () = self.tell.closed() => return self.hang_up(),
                // Its sender is in the outbox, which is here too.
                Ok(()) = spans.changed() => {
                    let span = *spans.borrow_and_update();
                    self.tell.send_modify(|condition| condition.newest = span.newest);
                    self.machine.handle_outbox(clock::now().instant, span.first, span.newest);
                }
                came = next(coming) => match came {
                    Ok(frame) => self.machine.handle_frame(clock::now().instant, frame),
                    Err(why) => self.gone(why),
                },
                gone = go_on(going) => if let Err(why) = gone { self.gone(why) },
                connected = connected(&mut self.connecting) => self.connected(connected),
                Some(order) = self.branch.orders.recv() => match order {
                    ToOffice::Ask(ask) => self.machine.handle_ask(ask),
                    ToOffice::Took(upto) => self.machine.handle_took(upto),
                },
                opened = opened(&mut self.files) => if let Some(files) = &mut self.files {
                    files.handle_opened(clock::now().instant, opened);
                },
                () = due(deadline) => {
                    let now = clock::now().instant;
                    self.machine.handle_timeout(now);
                    if let Some(files) = &mut self.files {
                        files.handle_timeout(now);
                    }
                }
                // Its sender is in every handle, and this task ends with the last of them.
                Ok(()) = self.hold.changed() => self.hold_down(),
                () = due(self.held) => {
                    self.held = None;
                    self.machine.handle_way(clock::now().instant);
                }
                _ = look.tick() => self.look_at_addresses(),
            }
        }
    }

    fn hold_down(&mut self) {
        self.held = *self.hold.borrow_and_update();
        self.hang_up();
        self.machine.handle_gone(clock::now().instant, Down::Away);
    }

    fn gone(&mut self, why: NoLine) {
        self.open = None;
        self.machine.handle_gone(clock::now().instant, why.into());
    }

    fn connected(&mut self, connected: Option<Connected>) {
        self.connecting = None;
        let now = clock::now().instant;
        match connected {
            Some((turn, hub, Ok(line))) => {
                self.turn = turn;
                self.tell.send_modify(|condition| condition.hub = Some(hub));
                self.open = Some((line.coming, line.going));
                self.machine.handle_connected(now);
            }
            Some((turn, hub, Err(why))) => {
                // Next time another is the first.
                self.turn = turn + 1;
                self.tell.send_modify(|condition| condition.hub = Some(hub));
                self.machine.handle_gone(now, why.into());
            }
            None => self.machine.handle_gone(now, Down::Away),
        }
    }

    /// A cable was pulled or LTE took over: by QUIC the line goes on from the new address, by TLS a new one is made at once.
    fn look_at_addresses(&mut self) {
        let own = super::own_addresses();
        if own == self.addresses {
            return;
        }
        self.addresses = own;
        self.machine.handle_way(clock::now().instant);
        let Some((_, going)) = &self.open else { return };
        if !going.moved(&self.addresses, self.settings.dscp) {
            self.gone(NoLine::Away);
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Connect(route) => self.connect(route),
                Output::Hangup => self.hang_up(),
                Output::Send(frame) => self.send(&frame),
                Output::Read { from, most } => self.read(from, most),
                Output::Arrived(upto) => self.arrived(upto),
                Output::Ahead => self.outbox.office_is_ahead(self.machine.epoch()),
                // It has another one already: the office says so again because the connection is made with the old one.
                Output::Renew if self.keys.ends > self.came_with => {}
                Output::Renew => match self.keys.request() {
                    Some(request) => self.machine.handle_request(request),
                    None => tracing::error!("no request for another certificate can be made"),
                },
                Output::Renewed(certificate) => self.renewed(&certificate),
                Output::State(state) => self.state(state),
                Output::Told(told) => drop((self.branch.tell)(FromOffice::Told(told))),
                Output::Answer(answer) => drop((self.branch.tell)(FromOffice::Answer(answer))),
                Output::Amended(mark) => {
                    if let Err(error) = self.outbox.amended(mark) {
                        tracing::error!(%error, "what head office was told of an erasure stays on the disk");
                    }
                }
                Output::Blob(said) => {
                    if let Some(files) = &mut self.files {
                        files.handle_said(clock::now().instant, said);
                    }
                }
            }
        }
        self.amend();
        self.files_go_on();
        let knows = self.machine.knows_people();
        if knows != self.knew && (self.branch.tell)(FromOffice::Knows(knows)) {
            self.knew = knows;
        }
    }

    /// Tells the office what is left of events that it has, where somebody was erased.
    fn amend(&mut self) {
        if self.outbox.amends() == 0 || !self.machine.may_amend() {
            return;
        }
        match self.outbox.next_amend() {
            Ok(Some(amend)) => self.machine.handle_amend(amend),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "what head office is to be told of an erasure cannot be read")
            }
        }
        while let Some(Output::Send(frame)) = self.machine.poll_output() {
            self.send(&frame);
        }
    }

    /// Files go where nothing else has to.
    fn files_go_on(&mut self) {
        let Some(files) = &mut self.files else { return };
        let (machine, now) = (&mut self.machine, clock::now().instant);
        let line = machine.takes_blobs();
        let open = &mut self.open;
        files.go_on(
            now,
            line,
            |spent| {
                machine.handle_spent(spent);
                machine.spare(now)
            },
            |said, behind| match open {
                Some((_, going)) if behind => going.push_behind(&Frame::Blob(said)),
                Some((_, going)) => going.push(&Frame::Blob(said)),
                None => {}
            },
        );
        let standing = files.standing();
        self.tell.send_if_modified(|condition| {
            let other = condition.files != standing;
            condition.files = standing;
            other
        });
    }

    fn connect(&mut self, route: Route) {
        if let Some(until) = self.held {
            self.connecting = Some(Box::pin(async move {
                sleep_until(until).await;
                None
            }));
            return;
        }
        self.machine.handle_epoch(self.outbox.epoch(), self.outbox.is_behind_office());
        // What an admin or a renewal has put there since the last time.
        match Keys::read(&self.settings.folder, self.settings.site.as_deref()) {
            Ok(keys) if keys.site == self.keys.site => self.keys = keys,
            Ok(_) => {
                tracing::warn!("the site was enrolled under another name: restart the program")
            }
            // Those that were read before are as good as any.
            Err(why) => tracing::warn!(?why, "the keys of the line cannot be read"),
        }
        let ends = self.keys.ends;
        self.came_with = ends;
        self.tell.send_modify(|condition| condition.certificate_ends = ends);
        let (hubs, turn) = (self.settings.hubs.clone(), self.turn);
        let (config, dscp) = (self.keys.config.clone(), self.settings.dscp);
        self.connecting =
            Some(Box::pin(async move { reach(&hubs, turn, route, config, dscp).await }));
    }

    fn hang_up(&mut self) {
        self.connecting = None;
        if let Some((_, going)) = self.open.take() {
            tokio::spawn(going.end());
        }
    }

    fn send(&mut self, frame: &Frame) {
        if let Some((_, going)) = &mut self.open {
            going.push(frame);
        }
    }

    /// From the page cache nearly always: what was written last is sent first when the line is up.
    fn read(&mut self, from: u64, most: usize) {
        let events = match self.outbox.read(from, most) {
            Ok(events) => events,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                Vec::new()
            }
        };
        if let Some(files) = &mut self.files {
            files.handle_events(from, &events);
        }
        self.machine.handle_read(clock::now().instant, from, events);
    }

    fn arrived(&mut self, upto: u64) {
        let noted = self.files.as_mut().map_or(Ok(()), |files| files.note(&self.outbox, upto));
        match noted {
            Ok(()) => self.outbox.let_go(upto),
            // The next acknowledgement tries again.
            Err(error) => tracing::error!(%error, "which files go to the hub cannot be noted"),
        }
        self.tell.send_modify(|condition| {
            condition.arrived = upto;
            condition.acknowledged = Some(clock::now().unix);
        });
    }

    fn renewed(&mut self, certificate: &uplink::frame::Certificate) {
        if let Err(why) = self.keys.renew(&self.settings.folder, certificate) {
            tracing::error!(?why, "the new certificate of the line cannot be kept");
            return;
        }
        let ends = self.keys.ends;
        self.tell.send_modify(|condition| condition.certificate_ends = ends);
    }

    fn state(&mut self, state: State) {
        match &state {
            State::Trying(_) => {}
            State::Up(route) => tracing::info!(?route, "the line to the hub is up"),
            State::Down(why, _) => tracing::info!(?why, "the line to the hub is down"),
        }
        self.tell.send_modify(|condition| {
            condition.state = Standing::Line(state);
            condition.since = clock::now().unix;
        });
    }
}

/// Tries the hub's addresses one after the other, from one of them on; the answer of the last that was tried. Nothing when
/// it has none.
async fn reach(
    hubs: &[String],
    turn: usize,
    route: Route,
    config: Arc<rustls::ClientConfig>,
    dscp: u8,
) -> Option<Connected> {
    let mut all = Vec::new();
    for hub in hubs {
        // A name that is not known now may be later, and others may be known.
        all.extend(tokio::net::lookup_host(hub.as_str()).await.into_iter().flatten());
    }
    let mut last = None;
    for tried in turn..turn.saturating_add(all.len()) {
        let tried = tried % all.len();
        let to = *all.get(tried)?;
        let line = timeout(ONE_ADDRESS, line::connect(route, to, config.clone(), dscp)).await;
        let line = line.unwrap_or(Err(NoLine::Silent));
        let done = line.is_ok();
        last = Some((tried, to, line));
        if done {
            break;
        }
    }
    last
}

async fn next(coming: Option<&mut line::Coming>) -> Result<Frame, NoLine> {
    match coming {
        Some(coming) => coming.next().await,
        None => pending().await,
    }
}

async fn go_on(going: Option<&mut line::Going>) -> Result<(), NoLine> {
    match going {
        Some(going) => going.go_on().await,
        None => pending().await,
    }
}

async fn opened(files: &mut Option<Files>) -> blobs::Done {
    match files {
        Some(files) => files.opened().await,
        None => pending().await,
    }
}

fn open_files(folder: &Path, source: blobs::Source, outbox: &Outbox) -> Option<Files> {
    let files = Files::open(folder, source, outbox);
    if let Err(error) = &files {
        tracing::error!(%error, "no files go to the hub before the next start: their list cannot be read");
    }
    files.ok()
}

async fn connected(connecting: &mut Option<Connecting>) -> Option<Connected> {
    match connecting {
        Some(connecting) => connecting.await,
        None => pending().await,
    }
}

async fn due(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
