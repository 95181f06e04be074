//! Everything that waits: sockets, files, threads, tasks, clocks.
//!
//! The only room with I/O in it. Each file owns one kind of it, and hands what arrives to the gateway with one reading of
//! the clocks; none of them decides anything about a call. [`start`] puts them together.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod api;
mod backups;
pub mod carrying;
pub mod certificate;
pub mod channels;
pub mod chat;
pub mod clock;
mod closing;
pub mod configuring;
pub mod control;
mod crm;
pub mod diary;
pub mod dns;
pub mod download;
pub mod fence;
pub mod fetch;
pub mod files;
pub mod gather;
pub mod held;
pub mod hep;
pub mod http;
pub mod hub;
pub mod identity;
pub mod joining;
pub mod journal;
pub mod line;
pub mod log;
pub mod looking;
pub mod mail;
pub mod mailbox;
pub mod media;
pub mod metrics;
pub mod modem;
pub mod ordering;
pub mod outbox;
mod outward;
pub mod peer;
mod post;
pub mod priority;
pub mod quic;
pub mod recordings;
pub mod reports;
pub mod search;
pub mod segments;
pub mod serial;
pub mod simulated;
pub mod sip;
pub mod site;
pub mod smpp;
pub mod store;
pub mod streams;
pub mod systemd;
pub mod tape;
pub mod taping;
pub mod tls;
pub mod turn;
pub mod uplink;
pub mod versions;
pub mod waking;
pub mod watchdog;
pub mod web_origin;
pub mod webhook;
pub mod whole;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use crate::admin::{Lamp, Part, Spans};
use crate::config::Settings;
use crate::config::trial::Reason;
use crate::gateway::{Gateway, Listening, Setup};
use crate::media::plane;
use crate::random::Random;
use crate::sip::trunk::Network;
use crate::webhook::Reach;
use api::promises::Promises;
use certificate::Certificate;
use configuring::Configuring;
use files::Ready;
use held::Held;
use identity::Identity;
use looking::Readers;
use mailbox::Sender;
use turn::{Letter, Loop};
use waking::Waking;
use web_origin::Origins;

/// A leg that should send and has not for this long is over: its phone lost power.
const INACTIVITY: Duration = Duration::from_secs(60);
/// The same for one that is on hold and may send nothing: nobody waits longer for a person who went away.
const INACTIVITY_ON_HOLD: Duration = Duration::from_secs(3600);
/// What every media thread is told.
const PLANE: plane::Settings =
    plane::Settings { inactivity: Some(INACTIVITY), inactivity_on_hold: Some(INACTIVITY_ON_HOLD) };
/// Threads for stream connections and the control socket; calls over UDP touch none of them.
const STREAM_THREADS: usize = 2;
/// Threads for HTTPS: what is asked there is small and can wait.
const WEB_THREADS: usize = 1;

/// How often the box's own addresses are looked at: a call whose address went away is silent for as long, and people
/// hang up after some ten seconds of silence.
const LOOK_AT_ADDRESSES: Duration = Duration::from_secs(3);

/// Why the box did not start.
#[derive(Debug)]
pub enum CannotStart {
    /// The system has no randomness to give.
    Random,
    /// The data folder.
    Data(PathBuf, io::Error),
    /// Another one is running on the same data.
    Running(PathBuf),
    /// An address cannot be had.
    Listen(&'static str, SocketAddr, io::Error),
    /// An address for HTTPS cannot be had.
    Web(SocketAddr, io::Error),
    /// The control socket cannot be had.
    Control(PathBuf, io::Error),
    /// The address for figures cannot be had.
    Metrics(SocketAddr, io::Error),
    /// No identity for TLS.
    Identity(tls::NoIdentity),
    /// The journal.
    Journal(journal::CannotOpen),
    /// A thread or something of that kind.
    System(io::Error),
}

impl fmt::Display for CannotStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotStart::Random => f.write_str("the system gives no randomness"),
            CannotStart::Data(path, error) => {
                write!(f, "the data folder {} cannot be used: {error}", path.display())
            }
            CannotStart::Running(path) => write!(
                f,
                "another branchline runs on the data folder {}: stop it, or give this one another folder",
                path.display()
            ),
            CannotStart::Listen(way, address, error) => write!(
                f,
                "SIP over {way} cannot listen on {address}: {error}\n  Is another program there? `ss -lpn` tells; \
                 change [sip] {way} in gateway.toml, or `demo --port-base`. Where systemd holds the port, \
                 `systemctl edit branchline-sip.socket` says where."
            ),
            CannotStart::Web(address, error) => write!(
                f,
                "HTTPS cannot listen on {address}: {error}\n  Is another program there? `ss -ltnp` tells; change [http] listen in gateway.toml."
            ),
            CannotStart::Control(path, error) => {
                write!(f, "the control socket {} cannot be made: {error}", path.display())
            }
            CannotStart::Metrics(address, error) => write!(
                f,
                "figures cannot be given at {address}: {error}\n  Is another program there? Change [metrics] listen."
            ),
            CannotStart::Identity(error) => write!(f, "no identity for TLS: {error}"),
            CannotStart::Journal(error) => write!(f, "the journal cannot be opened: {error}"),
            CannotStart::System(error) => write!(f, "the system refused: {error}"),
        }
    }
}

impl std::error::Error for CannotStart {}

impl From<io::Error> for CannotStart {
    fn from(error: io::Error) -> Self {
        CannotStart::System(error)
    }
}

impl From<nix::Error> for CannotStart {
    fn from(error: nix::Error) -> Self {
        CannotStart::System(error.into())
    }
}

/// A box that runs.
#[derive(Debug)]
pub struct Running {
    socket: PathBuf,
    letters: Sender<Letter>,
    turning: thread::JoinHandle<io::Result<bool>>,
    runtime: tokio::runtime::Runtime,
    web: Option<tokio::runtime::Runtime>,
    _lock: Flock<File>,
}

impl Running {
    /// The control socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Waits for its end: a signal, or the end of a drain.
    pub fn wait(self) -> ExitCode {
        self.wait_for_end().0
    }

    /// The same, and whether the program is to begin anew.
    pub fn wait_for_end(self) -> (ExitCode, bool) {
        let ended = self.turning.join();
        systemd::notify("STOPPING=1");
        self.runtime.shutdown_timeout(Duration::from_millis(200));
        if let Some(web) = self.web {
            web.shutdown_timeout(http::LAST_ANSWERS);
        }
        // The socket would be in nobody's way, but its absence says more plainly that nobody is there.
        let _ = fs::remove_file(&self.socket);
        match ended {
            Ok(Ok(anew)) => (ExitCode::SUCCESS, anew),
            Ok(Err(error)) => {
                tracing::error!(%error, "the loop ended");
                (ExitCode::from(71), false)
            }
            Err(_) => (ExitCode::from(70), false),
        }
    }

    /// Ends it.
    pub fn stop(self) -> ExitCode {
        // A loop that has stopped already reads no letters.
        let _ = self.letters.deliver_blocking(Letter::Stop);
        self.wait()
    }
}

/// Starts a box. `program` is this program, which reads an older store before the box opens it; `went_back` the version
/// of the configuration that was rolled back before this start.
pub fn start(
    ready: Ready,
    program: Option<PathBuf>,
    went_back: Option<(u32, Reason)>,
) -> Result<Running, CannotStart> {
    start_with(ready, program, went_back, &Held::default())
}

/// The same, with the sockets that systemd holds in place of sockets of its own.
pub fn start_with(
    ready: Ready,
    program: Option<PathBuf>,
    went_back: Option<(u32, Reason)>,
    held: &Held,
) -> Result<Running, CannotStart> {
    let mut random = clock::random().ok_or(CannotStart::Random)?;
    prepare_process();
    let mut settings = ready.checked.loaded.settings;
    let (letters, mailbox) = mailbox::mailbox()?;
    let (lock, opened, lost) = open_data(&mut settings, &mut random, &letters)?;
    let data = settings.site.data_dir.clone();
    let backups = backups::Backups::new(&data, &settings.backup);
    let beside = site::Beside::new(&ready.checked.loaded.whole.file);
    let configuring = Configuring::open(&ready.checked.loaded.whole, letters.clone(), went_back);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(STREAM_THREADS)
        .thread_name("streams")
        .enable_all()
        .build()?;
    // Before anybody can notice that we are there, and so before anybody would want us to end.
    listen_for_signals(&runtime, &letters)?;
    runtime.spawn(look_at_addresses(letters.clone()));
    let (sockets, listening, identity) = listen(&settings, &runtime, &letters, held)?;
    let turns = Arc::<AtomicU64>::default();
    let asked = listening.clone();
    let listens = listening.each().collect::<Vec<_>>().join(", ");
    let old_records = lost.or_else(|| old_records(&opened));
    let store = open_store(&data, opened.before, program, &letters)?;
    let readers = Readers::start(store.shelf(), opened.journal.keys().reading().clone())?;
    store.tell(readers.index());
    let threads = media_threads(&settings);
    let mirror = settings.capture.hep.as_deref().map(hep::Mirror::start).transpose()?;
    let folder = data.join("recordings");
    let parts = tape::unfinished(&folder);
    recordings::finish(runtime.handle(), folder.clone(), parts, readers.texts());
    let recorder = taping::Recorder::start(folder, letters.clone())?;
    let limit = Duration::from_millis(settings.limits.lateness_ms.into());
    let own = Arc::new(peer::Own::new().ok_or(CannotStart::Random)?);
    let socket = settings.admin.socket.clone();
    let (keeper, keeping) = carrying::start(&socket, held);
    let with = (&recorder, &keeping);
    let media = media::spawn(threads, limit, &PLANE, &own, &mut random, &letters, with)?;
    let metrics = settings.metrics.listen;
    let name_servers = settings.sip.name_servers.clone().into();
    let mut setup = Setup {
        settings,
        flows: ready.checked.flows,
        prompts: ready.checked.prompts,
        secrets: ready.secrets,
        listening,
        addresses: own_addresses(),
        networks: own_networks(),
        threads,
        fingerprint: Some(own.fingerprint().to_vec()),
    };
    let crm = crm::Crm::new(&setup.settings.crm, &setup.secrets.hooks, random.hex(6));
    let hooks = webhook::start(
        &setup.settings.receivers(),
        &setup.secrets.hooks,
        &opened.journal.live().hooks,
        &mut random,
        webhook::Common {
            journal: journal::folder(&data),
            stored: opened.before.0,
            prefix: opened.journal.keys().token("webhook", 6),
            texts: readers.texts(),
            letters: letters.clone(),
        },
    )?;
    let access = api::Guard::new(opened.journal.live().accounts.clone(), random.fork());
    let feed = api::Feed::new(&format!("{:x}", clock::now().unix.seconds()));
    let proof = setup.secrets.provider.take();
    let provider = api::provider::Provider::new(&setup.settings.oidc, proof, random.fork())
        .map_err(CannotStart::Identity)?;
    let (office, orders) = tokio::sync::mpsc::channel(OFFICE);
    let branch = branch(orders, letters.clone());
    let api = api::Api::new(
        letters.clone(),
        (access.clone(), feed.clone()),
        (configuring.clone(), api::Verifier::new(&data)),
        (data.join("recordings"), readers.texts()),
        provider,
        reports::Source::new(&setup.settings, journal::folder(&data)),
        networks(&setup.settings.api.admin_networks),
    );
    let origins = Origins::new(&setup.settings.web.origins);
    let api = api.serving(&origins);
    let door = Arc::new((sockets.streams(), origins));
    let files_key = opened.journal.keys().token("files of messages", joining::FILES_KEY);
    let joined = joining::start(&mut joining::Ground {
        settings: &setup.settings,
        secrets: &std::mem::take(&mut setup.secrets.channels),
        sims: &std::mem::take(&mut setup.secrets.sims),
        runtime: runtime.handle(),
        letters: &letters,
        random: &mut random,
        data: &data,
        files_key: joining::key(&files_key),
        keys: opened.journal.keys().reading().clone(),
        readers: &readers,
        passwords: &std::mem::take(&mut setup.secrets.applications),
        identity: identity.as_ref(),
    });
    let policy = opened.journal.outward().map(|outward| outward.policy().clone());
    let source = policy.as_ref().and_then(|policy| {
        uplink::source(policy, data.join("recordings"), readers.texts(), joined.shelf.clone())
    });
    let branch = (branch, source);
    let uplink = start_uplink(&setup.settings, opened.outbox.clone(), branch, &mut random)?;
    let own_client = channels::Client::new(Reach { private: true }, None);
    let own_client = own_client.map_err(CannotStart::Identity)?;
    let api = api.keeping(joined.shelf.clone());
    let seal = opened.journal.keys().token("callbacks of programs", joining::FILES_KEY);
    let path = data.join("callbacks.diary");
    let promises = Promises::open(&path, joining::key(&seal), random.fork());
    let twilio = api::door::Door::new(api.clone(), &setup.settings, (own_client, promises));
    twilio.take_up(runtime.handle());
    let calls = joined.calls.merge(api::door::router(twilio));
    let code = site::Beside::handed_code().filter(|_| !beside.is_set_up());
    let calls = match code {
        Some(code) => calls.merge(api::setting_up::router(&api, beside, code)),
        None => calls,
    };
    let web = serve_web(&setup.settings, identity.as_ref(), (api, calls), &door, held)?;
    let patience = Duration::from_millis(setup.settings.uplink.ask_ms.into());
    let erasures = setup.settings.uplink.erasures_from_others;
    let mut gateway = Gateway::new(setup, opened.journal, random);
    // With nothing that may leave nobody is asked or told either.
    if let Some(policy) = policy {
        gateway.share_people(policy, patience, erasures);
    }
    let turning = Loop {
        gateway,
        sockets,
        mirror,
        mailbox,
        sender: letters.clone(),
        waking: Waking::new(media.len()),
        media,
        journal: opened.handle,
        old_records,
        backups,
        office,
        uplink: uplink.clone(),
        outbox: opened.outbox,
        store,
        readers,
        name_servers,
        identity,
        runtime: runtime.handle().clone(),
        taken: 0,
        recordings: data.join("recordings"),
        recorder,
        turns: turns.clone(),
        spans: Spans::default(),
        looked: None,
        asked: BTreeMap::new(),
        web: BTreeMap::new(),
        pages: BTreeMap::new(),
        access,
        feed,
        hooks,
        crm,
        channels: joined.orders,
        applications: joined.applications,
        configuring: configuring.clone(),
        keeper,
        first_start: opened.before.0 == 0,
    };
    if let Some(address) = metrics {
        metrics::listen(runtime.handle(), address, letters.clone())
            .map_err(|error| CannotStart::Metrics(address, error))?;
    }
    control::listen(
        runtime.handle(),
        &socket,
        letters.clone(),
        (configuring, joined.modems, joined.smpp, uplink),
    )
    .map_err(|error| CannotStart::Control(socket.clone(), error))?;
    let turning = thread::Builder::new().name("loop".to_owned()).spawn(move || turning.run())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listens, "ready");
    systemd::notify("READY=1");
    watchdog::feed(runtime.handle(), &asked, turns, letters.clone());
    Ok(Running { socket, letters, turning, runtime, web, _lock: lock })
}

/// The line to head office, where there is a hub and something may leave.
fn start_uplink(
    settings: &Settings,
    outbox: Option<outbox::Outbox>,
    branch: (uplink::Branch, Option<uplink::blobs::Source>),
    random: &mut Random,
) -> io::Result<Option<uplink::Handle>> {
    let own = uplink::settings(&settings.uplink, &settings.site.data_dir);
    let both = own.zip(outbox);
    let start = |(own, outbox)| uplink::start_with(branch, own, outbox, random.fork());
    both.map(start).transpose()
}

/// Questions and acknowledgements that wait for the line: as many calls ring at a branch at once, and more.
const OFFICE: usize = 256;

/// What the line says of people goes to the loop.
fn branch(
    orders: tokio::sync::mpsc::Receiver<crate::gateway::branches::ToOffice>,
    letters: Sender<Letter>,
) -> uplink::Branch {
    let tell = move |said| letters.post(Letter::Office(said)).is_ok();
    uplink::Branch { orders, tell: Box::new(tell) }
}

/// The look-up store; the loop is told which record it reflects.
fn open_store(
    data: &Path,
    before: crate::journal::Token,
    program: Option<PathBuf>,
    letters: &Sender<Letter>,
) -> io::Result<store::Handle> {
    let letters = letters.clone();
    store::open(data, before, program, move |position| {
        // A loop that has stopped has no use for it.
        let _ = letters.deliver_blocking(Letter::Projected(position));
    })
}

/// HTTPS, on a runtime of its own: who asks there never keeps a phone call waiting.
fn serve_web(
    settings: &Settings,
    identity: Option<&Identity>,
    (api, calls): (api::Api, axum::Router),
    door: &streams::sockets::Door,
    held: &Held,
) -> Result<Option<tokio::runtime::Runtime>, CannotStart> {
    let (phones, own) = (&settings.http, &settings.api);
    let listens = !phones.listen.is_empty() || !own.listen.is_empty();
    let Some(identity) = identity.filter(|_| listens) else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WEB_THREADS)
        .thread_name("web")
        .enable_all()
        .build()?;
    let apart = !own.listen.is_empty();
    let at_phones = if apart { api::Serves::Phones } else { api::Serves::All };
    let all = [
        (&phones.listen, &phones.networks, at_phones),
        (
            &own.listen,
            if own.networks.is_empty() { &phones.networks } else { &own.networks },
            api::Serves::Api,
        ),
    ];
    for (addresses, served, what) in all {
        let router = api::router(api.clone(), what);
        let router = match what {
            api::Serves::Phones => router,
            api::Serves::All | api::Serves::Api => {
                router.merge(browser_phones().with_state(door.clone())).merge(calls.clone())
            }
        };
        let sources = http::Sources { served: networks(served), relays: networks(&phones.relays) };
        let server = http::Server::new(identity, sources, router);
        for address in addresses {
            let held = held.listener(*address)?;
            let bound = match held {
                Some(socket) => server.listen_over(runtime.handle(), socket),
                None => server.listen(runtime.handle(), *address),
            };
            let bound = bound.map_err(|error| CannotStart::Web(*address, error))?;
            tracing::info!(%bound, serves = ?what, "HTTPS");
        }
    }
    Ok(Some(runtime))
}

/// Where phones in browsers come to.
fn browser_phones() -> axum::Router<streams::sockets::Door> {
    axum::Router::new().route("/sip", axum::routing::get(streams::sockets::open))
}

/// Networks of the configuration, whose check has read each of them.
fn networks(texts: &[String]) -> Vec<Network> {
    texts.iter().filter_map(|text| Network::parse(text).ok()).collect()
}

/// Locks the data folder and opens the journal in it. A disk that fails at start is no reason to have no telephone:
/// beside the control socket, which is in memory, everything works but is forgotten with the next start.
fn open_data(
    settings: &mut Settings,
    random: &mut Random,
    letters: &Sender<Letter>,
) -> Result<(Flock<File>, journal::Opened, Option<Part>), CannotStart> {
    let leaving = leaving(settings);
    let mut open = |data: &Path| {
        let lock = lock(data)?;
        Ok((lock, open_journal(data, random, leaving.clone(), letters.clone())?))
    };
    let data = &settings.site.data_dir;
    let why = match open(data) {
        Ok((lock, opened)) => return Ok((lock, opened, None)),
        Err(why) => why,
    };
    let Some(spare) = settings.admin.socket.parent().filter(|_| is_the_disk(&why)) else {
        return Err(why);
    };
    tracing::error!(%why, "calls pass without a disk; nothing is kept");
    let words = format!(
        "{why}: calls pass, and nothing is kept over a restart; mend the disk and restart the program"
    );
    let spare = spare.join("without-disk");
    let (lock, opened) = open(&spare)?;
    settings.site.data_dir = spare;
    let part = Part { name: "data folder".to_owned(), lamp: Lamp::Red, words };
    Ok((lock, opened, Some(part)))
}

/// Whether the disk is at fault: a folder that is not there or not ours is a mistake in the configuration, which whoever
/// made it wants to be told.
fn is_the_disk(why: &CannotStart) -> bool {
    let (CannotStart::Data(_, error) | CannotStart::Journal(journal::CannotOpen::File(_, error))) =
        why
    else {
        return false;
    };
    !matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound)
}

/// What leaves the premises; nothing where there is no hub, or not the key that the site wants texts hashed with.
fn leaving(settings: &Settings) -> Option<journal::Leaving> {
    if settings.uplink.hub.is_empty() {
        return None;
    }
    let leaving = journal::leaving(settings);
    if let Err(error) = &leaving {
        tracing::error!(%error, "[uplink.policy] key_file cannot be read: head office is told nothing before the next start");
    }
    leaving.ok()
}

fn open_journal(
    data: &Path,
    random: &mut Random,
    leaving: Option<journal::Leaving>,
    letters: Sender<Letter>,
) -> Result<journal::Opened, CannotStart> {
    let report = move |done| {
        // A loop that has stopped has no use for it.
        let _ = letters.deliver_blocking(Letter::Journal(done));
    };
    journal::open_leaving(data, clock::now(), random, leaving, report).map_err(CannotStart::Journal)
}

/// What an admin has to know of the journal that earlier runs wrote.
fn old_records(opened: &journal::Opened) -> Option<Part> {
    let part = |lamp, words| Some(Part { name: "old records".to_owned(), lamp, words });
    if let Some(aside) = &opened.aside {
        let words = format!(
            "the journal's key is gone: it was set aside in {}; put the key back there and read it with `branchline journal`",
            aside.display()
        );
        return part(Lamp::Red, words);
    }
    let damage = &opened.damage;
    if damage.is_none() {
        return None;
    }
    let (bytes, breaks, broken_seals) = (damage.bytes, damage.breaks, damage.broken_seals);
    tracing::error!(bytes, breaks, broken_seals, "the journal is damaged");
    part(Lamp::Amber, "damaged: `branchline journal` on the data folder tells where".to_owned())
}

/// As many descriptors as the system lets us have, the usual 1,024 being two hundred calls; and files that are nobody
/// else's business, whatever the folder around them allows.
fn prepare_process() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::sys::stat::{Mode, umask};
    umask(Mode::from_bits_truncate(0o077));
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, "the limit of open files cannot be raised");
    }
}

/// Tells the loop which addresses the box has, as long as there is a loop.
async fn look_at_addresses(letters: Sender<Letter>) {
    loop {
        tokio::time::sleep(LOOK_AT_ADDRESSES).await;
        if letters.deliver(Letter::Addresses(own_addresses())).await.is_err() {
            return;
        }
    }
}

/// Every address of this box with its card; none where the system does not tell.
pub fn addresses_of_cards() -> Vec<(String, IpAddr)> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|own| IpAddr::V4(own.ip()));
            let address =
                v4.or_else(|| address.as_sockaddr_in6().map(|own| IpAddr::V6(own.ip())))?;
            Some((interface.interface_name, address))
        })
        .collect()
}

/// Every address of this box; none where the system does not tell.
pub fn own_addresses() -> Vec<IpAddr> {
    addresses_of_cards().into_iter().map(|(_, address)| address).collect()
}

/// The private networks that this box's interfaces are in (RFC 1918, RFC 4193): the branch's own. Not loopback, where
/// other programs are, nor link-local addresses, which the network gives to anybody who plugs in.
fn own_networks() -> Vec<Network> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    interfaces
        .filter_map(|interface| {
            let (address, mask) = (interface.address?, interface.netmask?);
            if let (Some(own), Some(mask)) = (address.as_sockaddr_in(), mask.as_sockaddr_in()) {
                let prefix = u32::from(mask.ip()).leading_ones();
                return own.ip().is_private().then(|| format!("{}/{prefix}", own.ip()));
            }
            let (own, mask) = (address.as_sockaddr_in6()?, mask.as_sockaddr_in6()?);
            let prefix = u128::from(mask.ip()).leading_ones();
            own.ip().is_unique_local().then(|| format!("{}/{prefix}", own.ip()))
        })
        .filter_map(|text| Network::parse(&text).ok())
        .collect()
}

/// Two programs on one journal would ruin it.
fn lock(data: &Path) -> Result<Flock<File>, CannotStart> {
    let wrong = |error| CannotStart::Data(data.to_owned(), error);
    // Call records and recordings are nobody else's business.
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true).mode(0o700).create(data).map_err(wrong)?;
    let path = data.join("lock");
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(wrong)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, _)| CannotStart::Running(data.to_owned()))
}

fn media_threads(settings: &Settings) -> usize {
    match settings.media.threads {
        0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads.into(),
    }
}

fn listen(
    settings: &Settings,
    runtime: &tokio::runtime::Runtime,
    letters: &Sender<Letter>,
    held: &Held,
) -> Result<(sip::Sockets, Listening, Option<Identity>), CannotStart> {
    let mut datagrams = Vec::new();
    let mut listening = Listening::default();
    for address in &settings.sip.udp {
        let bound = match held.datagrams(*address)? {
            Some(socket) => sip::Datagrams::over(socket),
            None => sip::Datagrams::bind(*address),
        };
        let bound = bound.map_err(|error| CannotStart::Listen("udp", *address, error))?;
        listening.udp.push(bound.local());
        datagrams.push(bound);
    }
    let proving =
        tls::Proving::new(settings.sip.authorities.as_deref()).map_err(CannotStart::Identity)?;
    let streams = streams::Streams::new(runtime.handle().clone(), letters.clone(), proving);
    for address in &settings.sip.tcp {
        let bound = listen_for_streams(&streams, *address, None, held);
        listening.tcp.push(bound.map_err(|error| CannotStart::Listen("tcp", *address, error))?);
    }
    let web = settings.http.listen.iter().chain(&settings.api.listen);
    let identity = match settings.sip.tls.is_empty() && web.count() == 0 {
        true => None,
        false => Some(identity(settings)?),
    };
    if let Some(identity) = &identity {
        runtime.spawn(identity.clone().watch());
        for address in &settings.sip.tls {
            let bound = listen_for_streams(&streams, *address, Some(identity.clone()), held);
            listening.tls.push(bound.map_err(|error| CannotStart::Listen("tls", *address, error))?);
        }
    }
    for idle in held.idle(&settings.sip.udp, &named_for_streams(settings)) {
        tracing::warn!(
            "systemd holds {idle}, which gateway.toml does not name: nobody is heard there"
        );
    }
    Ok((sip::Sockets::new(datagrams, streams), listening, identity))
}

fn listen_for_streams(
    streams: &streams::Streams,
    address: SocketAddr,
    identity: Option<Identity>,
    held: &Held,
) -> io::Result<SocketAddr> {
    match held.listener(address)? {
        Some(socket) => streams.listen_over(socket, identity),
        None => streams.listen(address, identity),
    }
}

/// Every address for connections in the configuration.
fn named_for_streams(settings: &Settings) -> Vec<SocketAddr> {
    let sip = settings.sip.tcp.iter().chain(&settings.sip.tls);
    sip.chain(&settings.http.listen).chain(&settings.api.listen).copied().collect()
}

fn identity(settings: &Settings) -> Result<Identity, CannotStart> {
    let own = Certificate::of(settings);
    own.begin(clock::now().unix).map_err(CannotStart::Identity)?;
    Identity::open(own.files().clone()).map_err(CannotStart::Identity)
}

fn listen_for_signals(
    runtime: &tokio::runtime::Runtime,
    letters: &Sender<Letter>,
) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let _guard = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let letters = letters.clone();
        let mut signals = signal(kind)?;
        runtime.spawn(async move {
            while signals.recv().await.is_some() {
                // A loop that has stopped already needs no telling.
                let _ = letters.deliver(Letter::Stop).await;
            }
        });
    }
    Ok(())
}
