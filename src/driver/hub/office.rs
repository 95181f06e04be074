//! The hub's end of the line: whoever proves to be a site says what happened there, and hears when it is kept.
//!
//! [`Office`] owns the listening sockets and one task for each connection; the sans-IO `hub::session` decides what may be
//! said, the engine keeps. It never needs a branch's secrets. A site has one connection: a newer one takes the place of the
//! one before, which is what a box does whose address went away.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::acquaintances::Acquaintances;
use super::authority::Authority;
use super::engine::{Batch, Contact, Engine, NotKept, Outboxed};
use super::enrolling::NoCertificate;
use super::files::{Store, Taking};
use super::guests::{Guest, Guests};
use super::sites::{Given, Known, Sites, who};
use crate::driver::line::proving::{self, fingerprint};
use crate::driver::line::{self, Line, NoLine};
use crate::driver::{clock, quic};
use crate::hub::quota::Quota;
use crate::hub::session::{Output, Session, WINDOW};
use crate::time::UnixTime;
use crate::uplink::blob::Said;
use crate::uplink::frame::{Amend, Answer, Ask, Certificate, Event, Frame, Request, Told};
use crate::uplink::token::{Fingerprint, PROTOCOL as ENROL};

/// How long a newcomer may take until it has said who it is. Three losses of a handshake at 200 ms.
const GREETING: Duration = Duration::from_secs(10);
/// How long a site may say nothing. It asks every 20 s whether the hub is there.
const SILENCE: Duration = Duration::from_secs(90);
/// How often it is looked whether somebody was let in or shut out.
const LOOK: Duration = Duration::from_millis(250);
/// How often a connection looks at its certificate's end, and at how long it has been silent.
const LOOK_AT_ONESELF: Duration = Duration::from_secs(15);
/// What of a certificate's time is left when the site is told to ask for another: it has four months of a year for it.
const RENEW_AT: u32 = 3;
/// Octets that were taken in and are not kept yet, from which on nothing more is read. Twice what sites are told: a site
/// that keeps to it is never stopped here.
const MOST_HELD: usize = 2 * WINDOW as usize;
/// Octets of all sites together that are taken in and not kept: half of what an engine lets wait. Each connection has its share,
/// so that many sites that come back at once wait for each other, and none is turned away.
const TOGETHER: usize = 128 << 20;
/// Batches of a connection that are not kept yet, from which on nothing more is read: some milliseconds of a disk, and few
/// enough that a site with tiny ones does not fill an engine's queue.
const MOST_KEEPING: usize = 256;
/// Answers that wait until the site takes them. Each is an answer to something that it said; one that says and does not
/// listen is not read any more.
const MOST_ANSWERS: usize = 4_096;
/// What was found out about people and waits: the session asks for no more at a time.
const MOST_FOUND: usize = 128;
/// How soon a site is told again to ask for another certificate, where it comes with the old one still.
const RENEW_AGAIN: Duration = Duration::from_secs(3_600);
/// The same where certificates last for seconds, as in tests.
const RENEW_AGAIN_SOON: Duration = Duration::from_secs(1);
/// How long to wait when the system has no descriptor left.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// The hub's end.
#[derive(Clone)]
pub struct Office(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) authority: Authority,
    pub(super) sites: Sites,
    known: watch::Receiver<Known>,
    engine: Engine,
    people: Acquaintances,
    /// How long certificates last.
    pub(super) certificates: Duration,
    guests: Guests,
    /// Where recordings and files of messages are, where they are taken.
    files: OnceLock<Store>,
    quota: Mutex<Quota>,
    /// What ends the connection of each site that has one.
    live: Mutex<BTreeMap<String, (u64, oneshot::Sender<()>)>>,
    /// Whether the hub is about to end. Each connection looks at it as long as it lasts.
    closes: watch::Sender<bool>,
}

impl Office {
    /// A hub's end over its files, in a runtime to which the caller belongs. Certificates last for so long.
    pub fn open(
        authority: Authority,
        sites: Sites,
        engine: Engine,
        certificates: Duration,
    ) -> Office {
        Office::open_with(authority, sites, engine, certificates, Quota::new(None))
    }

    /// The same, where each site may have no more kept than that.
    pub fn open_with(
        authority: Authority,
        sites: Sites,
        engine: Engine,
        certificates: Duration,
        quota: Quota,
    ) -> Office {
        let known = sites.read(&Known::default()).unwrap_or_else(|error| {
            tracing::error!(%error, "who is let in cannot be read; it is tried again");
            Known::default()
        });
        let (tell, known) = watch::channel(known);
        tokio::spawn(look(sites.clone(), tell));
        let quota = Mutex::new(quota);
        let guests = Guests::default();
        let (live, people) = (Mutex::default(), Acquaintances::follow(&engine, sites.folder()));
        let files = OnceLock::new();
        let inner = Inner {
            files,
            authority,
            sites,
            known,
            engine,
            people,
            certificates,
            guests,
            quota,
            live,
            closes: watch::Sender::new(false),
        };
        Office(Arc::new(inner))
    }

    /// Says good-bye to every site, so that each notices at once and not by a silence. Whoever does not listen is waited
    /// for no longer than the last words of a line take.
    pub async fn close(&self) {
        self.0.closes.send_replace(true);
        self.0.closes.closed().await;
    }

    /// Takes recordings and files of messages from here on, and lets go of those who were erased.
    pub fn keep_files(&self, store: Store) {
        let follow = super::files::follow(self.0.engine.clone(), store.clone());
        if self.0.files.set(store).is_ok() {
            tokio::spawn(follow);
        }
    }

    /// Listens at one address, for QUIC and for TLS. Answers where, which is another port where none was given.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn listen(&self, at: SocketAddr) -> io::Result<SocketAddr> {
        let proof = self.0.authority.hub().map_err(io::Error::other)?;
        let config =
            proving::hub(self.0.authority.certificate(), proof).map_err(io::Error::other)?;
        let tcp = TcpListener::bind(at).await?;
        let at = tcp.local_addr()?;
        let endpoint = quic::Endpoint::listen(at, config.clone(), &self.0.authority.resets())?;
        tokio::spawn(self.clone().accept_quic(endpoint));
        tokio::spawn(self.clone().accept_tcp(tcp, config));
        Ok(at)
    }

    async fn accept_quic(self, endpoint: quic::Endpoint) {
        while let Some(incoming) = endpoint.accept(|| self.0.guests.count()).await {
            let Some(guest) = self.0.guests.enter(incoming.from().ip()) else {
                incoming.refuse();
                continue;
            };
            let office = self.clone();
            tokio::spawn(async move {
                let line = async {
                    incoming.connection().await.map(|came| Line::by_quic(came).of_a_guest())
                };
                office.receive(line, guest).await;
            });
        }
    }

    async fn accept_tcp(self, listener: TcpListener, config: Arc<rustls::ServerConfig>) {
        loop {
            let (stream, from): (TcpStream, _) = match listener.accept().await {
                Ok(came) => came,
                Err(_) => {
                    sleep(NO_DESCRIPTOR).await;
                    continue;
                }
            };
            let Some(guest) = self.0.guests.enter(from.ip()) else { continue };
            let (office, config) = (self.clone(), config.clone());
            tokio::spawn(async move {
                office.receive(line::accept(stream, from, config), guest).await;
            });
        }
    }

    /// Somebody comes: it is a guest until it has said who it is.
    async fn receive(self, line: impl Future<Output = Result<Line, NoLine>>, guest: Guest) {
        let since = tokio::time::Instant::now();
        let Ok(Ok(line)) = timeout(GREETING, line).await else { return };
        if line.protocol == ENROL {
            // It is over when its question is answered.
            let _ = timeout(GREETING, self.enrol(line)).await;
            return;
        }
        let print = line.certificates.first().map(fingerprint);
        let now = clock::now().unix;
        let proved = match print {
            Some(print) => self.proved(print, now).await,
            None => None,
        };
        let Some(proved) = proved else { return turn_away(line).await };
        Conversation::new(self, line, proved).hold(since + GREETING, guest).await;
    }

    /// Whose a certificate is. One that is not known was perhaps given a moment ago, by another process or another hub.
    async fn proved(&self, print: Fingerprint, now: UnixTime) -> Option<Proved> {
        let known = self.0.known.borrow().clone();
        let own = |known: &Known| {
            let (site, given) = who(known, print, now)?;
            Some(Proved { site: site.site.clone(), print, given: given.clone() })
        };
        if let Some(proved) = own(&known) {
            return Some(proved);
        }
        let sites = self.0.sites.clone();
        own(&spawn_blocking(move || sites.read(&known)).await.ok()?.ok()?)
    }

    /// Octets of one connection that may be taken in and not kept yet.
    fn share(&self) -> usize {
        let live = self.0.live.lock().unwrap_or_else(PoisonError::into_inner).len();
        (TOGETHER / live.max(1)).min(MOST_HELD)
    }

    /// A site's connection takes the place of the one that it had. Answers its number, and what ends it.
    fn arrive(&self, site: &str) -> (u64, oneshot::Receiver<()>) {
        let mut live = self.0.live.lock().unwrap_or_else(PoisonError::into_inner);
        let number = live.get(site).map_or(0, |(number, _)| number + 1);
        let (end, ended) = oneshot::channel();
        // The one before notices that its place is taken.
        live.insert(site.to_owned(), (number, end));
        (number, ended)
    }

    /// It is over. Answers whether the site has no connection any more.
    fn leave(&self, site: &str, number: u64) -> bool {
        let mut live = self.0.live.lock().unwrap_or_else(PoisonError::into_inner);
        let own = live.get(site).is_some_and(|(other, _)| *other == number);
        if own {
            live.remove(site);
        }
        own
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").finish_non_exhaustive()
    }
}

/// Keeps what is known of the sites as the files say.
async fn look(sites: Sites, tell: watch::Sender<Known>) {
    let mut seen = None;
    while !tell.is_closed() {
        let (sites, last, before) = (sites.clone(), tell.borrow().clone(), seen);
        let looked = spawn_blocking(move || {
            let changed = sites.changed();
            let same = changed.is_some() && changed == before;
            (changed, (!same).then(|| sites.read(&last)))
        });
        match looked.await {
            Ok((changed, Some(Ok(known)))) => {
                tell.send_if_modified(|old| {
                    let other = **old != *known;
                    *old = known;
                    other
                });
                seen = changed;
            }
            // Who was let in before is so still: a folder that cannot be read once has shut nobody out.
            Ok((_, Some(Err(error)))) => tracing::error!(%error, "who is let in cannot be read"),
            Ok((_, None)) | Err(_) => {}
        }
        sleep(LOOK).await;
    }
}

/// Somebody has a certificate of ours that is not let in: it was taken back, or has ended.
async fn turn_away(line: Line) {
    let mut going = line.going;
    let mut session = Session::new(String::new());
    session.turn_away();
    while let Some(output) = session.poll_output() {
        if let Output::Send(frame) = output {
            going.push(&frame);
        }
    }
    going.end().await;
}

/// Who a connection has proved to be.
struct Proved {
    site: String,
    print: Fingerprint,
    given: Given,
}

type Position = std::pin::Pin<Box<dyn Future<Output = Result<u64, NotKept>> + Send>>;

/// One connection of one site.
struct Conversation {
    office: Office,
    line: Line,
    proved: Proved,
    session: Session,
    /// The outbox that it speaks of.
    outbox: Option<Outboxed>,
    asking: Option<Position>,
    /// What the engine was given, in order: how many octets, and its answer.
    keeping: VecDeque<(usize, oneshot::Receiver<Result<u64, NotKept>>)>,
    held: usize,
    heard: Instant,
    /// When it was told last to ask for another certificate.
    told: Option<Instant>,
    /// What was found out about people, and the way there.
    found: mpsc::Receiver<Found>,
    finds: mpsc::Sender<Found>,
    /// Files on their way, where they are taken.
    files: Option<Taking>,
    /// What the site has of what it was told, and is not noted yet.
    took: Option<u64>,
}

/// What was found out about people.
enum Found {
    /// Who somebody is.
    Answer(Answer),
    /// What the site is to be told.
    Told(Option<Told>),
    /// Its other certificate.
    Certified(Result<Certificate, NoCertificate>),
    /// What is left of kept events is done for good.
    Amended(u64),
}

impl Conversation {
    fn new(office: Office, line: Line, proved: Proved) -> Conversation {
        let (finds, found) = mpsc::channel(MOST_FOUND);
        Conversation {
            found,
            finds,
            took: None,
            files: office.0.files.get().map(|store| Taking::new(&proved.site, store.clone())),
            session: {
                let session = Session::new(proved.site.clone());
                let session = match office.0.files.get() {
                    Some(_) => session.with_blobs(),
                    None => session,
                };
                if office.0.engine.amends() { session.with_amends() } else { session }
            },
            office,
            line,
            proved,
            outbox: None,
            asking: None,
            keeping: VecDeque::new(),
            held: 0,
            heard: Instant::now(),
            told: None,
        }
    }

    /// Holds it until it is over.
    async fn hold(mut self, greeting: tokio::time::Instant, guest: Guest) {
        let (number, mut replaced) = self.office.arrive(&self.proved.site);
        let mut known = self.office.0.known.clone();
        let mut guest = Some(guest);
        let mut look = tokio::time::interval(self.look_every());
        let news = self.office.0.people.news(&self.proved.site);
        let mut closes = self.office.0.closes.subscribe();
        while !self.session.is_over() {
            let reads = self.held < self.office.share()
                && self.keeping.len() < MOST_KEEPING
                && self.line.going.waiting() < MOST_ANSWERS;
            tokio::select! {
                came = self.line.coming.next(), if reads => match came {
                    Ok(frame) => {
                        self.heard = Instant::now();
                        self.session.handle_frame(frame);
                    }
                    Err(NoLine::Nonsense) => self.session.handle_nonsense(),
                    Err(_) => break,
                },
                gone = self.line.going.go_on() => if gone.is_err() { break },
                have = position(&mut self.asking) => {
                    self.asking = None;
                    match have {
                        Ok(have) => self.session.handle_position(have),
                        Err(why) => self.not_kept(why),
                    }
                }
                kept = first(&mut self.keeping) => self.kept(kept),
                say = taken(&mut self.files) => self.say(say),
                changed = known.changed() => {
                    let now = clock::now().unix;
                    let in_still = who(&known.borrow_and_update(), self.proved.print, now).is_some();
                    if changed.is_err() || !in_still {
                        self.session.turn_away();
                    }
                }
                () = news.notified() => self.session.handle_news(),
                Some(found) = self.found.recv() => match found {
                    Found::Answer(answer) => self.session.handle_answer(answer),
                    Found::Told(told) => self.session.handle_told(told),
                    Found::Certified(made) => self.certified(made),
                    Found::Amended(mark) => self.session.handle_amended(mark),
                },
                _ = &mut replaced => break,
                () = async { _ = closes.wait_for(|closes| *closes).await } => break,
                () = tokio::time::sleep_until(greeting), if guest.is_some() => {
                    self.session.handle_silence();
                }
                _ = look.tick() => self.look(clock::now().unix),
            }
            self.carry_out();
            if self.session.is_open() && guest.take().is_some() {
                self.welcomed();
            }
        }
        self.carry_out();
        let site = self.proved.site;
        if self.office.leave(&site, number) && guest.is_none() {
            self.office.0.engine.heard(&site, Contact::Gone);
        }
        self.line.going.end().await;
    }

    fn welcomed(&mut self) {
        self.line.trust();
        let Proved { site, print, given } = &self.proved;
        let (sites, name, print) = (self.office.0.sites.clone(), site.clone(), *print);
        spawn_blocking(move || {
            if let Err(error) = sites.uses(&name, print) {
                tracing::warn!(site = name, %error, "a site's older certificates stay");
            }
        });
        let epoch = self.outbox.as_ref().map(|of| of.epoch.clone()).unwrap_or_default();
        let contact = Contact::Connected {
            route: self.line.route,
            version: self.session.program().to_owned(),
            certificate_ends: Some(given.ends),
            epoch,
            newest: self.session.newest(),
        };
        self.office.0.engine.heard(site, contact);
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Position { epoch } => {
                    let of = Outboxed { site: self.proved.site.clone(), epoch };
                    let engine = self.office.0.engine.clone();
                    self.outbox = Some(of.clone());
                    self.asking = Some(Box::pin(async move { engine.position(&of).await }));
                }
                Output::Keep { first, events } => {
                    let size = events.iter().map(Event::len).sum();
                    self.keep(size, Batch::Events { first, events });
                }
                Output::KeepLost { from, upto } => self.keep(0, Batch::Lost { from, upto }),
                Output::Certify(request) => self.certify(request),
                Output::Blob(said) => {
                    let say = self.files.as_mut().map(|files| files.handle_said(said));
                    self.say(say.unwrap_or_default());
                }
                Output::Amend(amend) => self.amend(amend),
                Output::Ask(ask) => self.ask(ask),
                Output::Tell => self.tell(),
                Output::Took { upto } => self.took = Some(upto),
                Output::Hangup => {}
                Output::Send(frame) => self.line.going.push(&frame),
            }
        }
    }

    fn say(&mut self, all: Vec<Said>) {
        all.into_iter().for_each(|said| self.line.going.push(&Frame::Blob(said)));
    }

    fn ask(&self, ask: Ask) {
        let (people, finds) = (self.office.0.people.clone(), self.finds.clone());
        let site = self.proved.site.clone();
        let now = clock::now();
        tokio::spawn(async move {
            // Whoever has gone wants no answer.
            let _ = finds.send(Found::Answer(people.ask(now, &site, ask).await)).await;
        });
    }

    fn tell(&mut self) {
        let (people, finds) = (self.office.0.people.clone(), self.finds.clone());
        let (site, took) = (self.proved.site.clone(), self.took.take());
        tokio::spawn(async move {
            let _ = finds.send(Found::Told(people.tell(&site, took).await)).await;
        });
    }

    /// Events that are kept are to be less. Where that fails nothing is said, and the site asks for it again with its next
    /// connection, or where it has none by then.
    fn amend(&mut self, amend: Amend) {
        let octets = amend.events.iter().map(|(_, event)| event.len() as u64).sum();
        let mut quota = self.office.0.quota.lock().unwrap_or_else(PoisonError::into_inner);
        let may = quota.take(Instant::now(), &self.proved.site, octets);
        drop(quota);
        if !may {
            return self.session.handle_too_much();
        }
        let (engine, finds) = (self.office.0.engine.clone(), self.finds.clone());
        let site = self.proved.site.clone();
        tokio::spawn(async move {
            let mark = amend.mark;
            // What is on its way before it is kept first.
            if engine.amend(&site, amend).await.is_ok() {
                let _ = finds.send(Found::Amended(mark)).await;
            }
        });
    }

    /// Another certificate is signed and written down, which takes the disk its time.
    fn certify(&self, request: Request) {
        let (office, finds) = (self.office.clone(), self.finds.clone());
        let (site, came_with) = (self.proved.site.clone(), self.proved.given.clone());
        tokio::spawn(async move {
            let made =
                spawn_blocking(move || office.renew(&site, &came_with, &request.request)).await;
            // One that panicked has ended the program.
            if let Ok(made) = made {
                let _ = finds.send(Found::Certified(made)).await;
            }
        });
    }

    /// Where there is none, the site is told to ask again after a while.
    fn certified(&mut self, made: Result<Certificate, NoCertificate>) {
        match made {
            Ok(certificate) => self.session.handle_certificate(certificate),
            Err(why) => {
                tracing::warn!(site = self.proved.site, %why, "a site gets no other certificate");
            }
        }
    }

    fn keep(&mut self, size: usize, batch: Batch) {
        let octets = batch.size() as u64;
        let mut quota = self.office.0.quota.lock().unwrap_or_else(PoisonError::into_inner);
        let may = quota.take(Instant::now(), &self.proved.site, octets);
        drop(quota);
        if !may {
            tracing::warn!(site = self.proved.site, "a site has more than [hub] site_mb_a_day");
            return self.session.handle_too_much();
        }
        // A session says what to keep after it was told the position of an outbox.
        let Some(of) = &self.outbox else { return };
        self.held += size;
        self.keeping.push_back((size, self.office.0.engine.keep(of, batch)));
    }

    /// The first of what the engine was given is kept, and others may be by now: one answer for all.
    fn kept(&mut self, mut answer: Option<Result<u64, NotKept>>) {
        let mut why = NotKept::Over;
        while let Some(kept) = answer {
            let upto = match kept {
                Ok(upto) => upto,
                Err(not) => {
                    why = not;
                    break;
                }
            };
            self.held -= self.keeping.pop_front().map_or(0, |(size, _)| size);
            answer = match self.keeping.front_mut().map(|(_, next)| next.try_recv()) {
                Some(Ok(next)) => Some(next),
                Some(Err(TryRecvError::Closed)) => None,
                Some(Err(TryRecvError::Empty)) | None => return self.session.handle_kept(upto),
            };
        }
        self.not_kept(why);
    }

    fn not_kept(&mut self, why: NotKept) {
        tracing::warn!(site = self.proved.site, %why, "what a site says is not kept");
        self.session.handle_not_kept();
    }

    /// A certificate that lasts for seconds, as in tests, is looked at as often.
    fn look_every(&self) -> Duration {
        LOOK_AT_ONESELF.min(self.office.0.certificates / 10).max(Duration::from_millis(10))
    }

    fn look(&mut self, now: UnixTime) {
        // Another hub may have taken in what this site is to be told; and what it did not say that it has, it is told again.
        self.session.handle_again();
        if self.heard.elapsed() > SILENCE {
            return self.session.handle_silence();
        }
        let Given { given, ends, .. } = self.proved.given;
        if now >= ends {
            // It has had months to ask for another, and may have got one since.
            return self.session.turn_away();
        }
        let left = ends.since(now);
        let again = (self.office.0.certificates / 100).clamp(RENEW_AGAIN_SOON, RENEW_AGAIN);
        let rests = self.told.is_some_and(|told| told.elapsed() < again);
        if !rests && self.session.is_open() && left < ends.since(given) / RENEW_AT {
            self.told = Some(Instant::now());
            self.session.renew();
        }
    }
}

/// What is to be said of files, once something is done.
async fn taken(files: &mut Option<Taking>) -> Vec<Said> {
    match files {
        Some(files) => {
            let done = files.done().await;
            files.handle_done(done)
        }
        None => std::future::pending().await,
    }
}

async fn position(asking: &mut Option<Position>) -> Result<u64, NotKept> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// The answer to the first; none when the engine has stopped.
async fn first(
    keeping: &mut VecDeque<(usize, oneshot::Receiver<Result<u64, NotKept>>)>,
) -> Option<Result<u64, NotKept>> {
    match keeping.front_mut() {
        Some((_, answer)) => answer.await.ok(),
        None => std::future::pending().await,
    }
}
