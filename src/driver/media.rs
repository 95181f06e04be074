//! Media threads: each owns the sockets of its legs and one packet plane, and waits for packets, commands and the beat.
//!
//! Commands arrive through a bounded mailbox; events leave in batches, so a burst of them is one letter to the loop.
//! Recordings are handed to a thread of their own ([`taping`](crate::driver::taping)): a slow disk must not be heard.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::driver::carrying::Keeping;
use crate::driver::clock;
use crate::driver::gather::Gather;
use crate::driver::mailbox::{Full, Mailbox, Sender, mailbox};
use crate::driver::peer::{self, Opened, Own, Peers, Sealed};
use crate::driver::taping::Recorder;
use crate::driver::turn::Letter;
use crate::id::LegId;
use crate::media::peer::{Credentials, Lost};
use crate::media::stock::Wish;
use crate::media::{Command, Event, Kind, Moving, Output, Plane, plane};
use crate::random::Random;
use crate::time::earliest;

/// Packets taken from one socket before the others have their turn.
const PACKETS_A_TURN: usize = 32;
/// The largest packet that is read whole: an Ethernet frame; sound in our packets is far shorter.
const MAX_PACKET: usize = 1_600;
/// Kernel buffer of one port: a second of 20 ms packets, many times over.
const PORT_BUFFER: usize = 256 << 10;
/// The same while no leg has it: the least that the kernel gives, which a packet or two fill.
const HELD_BUFFER: usize = 1;
/// Packets that are taken out of such a socket: more than fit.
const MOST_STRAY: usize = 16;
/// Kernel buffer of a port that all browsers of a thread share: at the usual 208 kB, two hundred legs lost a third.
const SHARED_BUFFER: usize = 8 << 20;
/// Packets taken from a shared port before others have their turn.
const SHARED_A_TURN: usize = 256;
/// Expedited forwarding (RFC 3246) in the place of the traffic class.
const EXPEDITED: u32 = 46 << 2;
/// Events that may wait while the loop's mailbox is full; key presses beyond are lost, which is counted.
const MAX_EVENTS: usize = 4_096;
/// Packets a second of one thread above which they are let gather: 80 legs at 20 ms.
const BUSY: u32 = 4_000;
/// For how long: a twentieth of a packet, which nobody hears, and several packets at that rate.
const GATHER: Duration = Duration::from_millis(1);
/// Where a browser's packets come from, for the plane, which needs not know.
const NOWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
/// The epoll mark of the mailbox; sockets have their place times two, shared ones this bit.
const BELL: u64 = u64::MAX;
const SHARED: u64 = 1 << 62;

/// The way to one media thread.
#[derive(Debug)]
pub struct Handle {
    commands: Sender<Post>,
    lateness: Arc<Lateness>,
    tally: Arc<Tally>,
}

/// Packets that a thread has dropped, in the order of [`crate::media::Dropped::KINDS`].
#[derive(Debug, Default)]
struct Tally([AtomicU64; 4]);

/// How late a thread is, in microseconds.
#[derive(Debug, Default)]
struct Lateness {
    /// The worst since it was last looked at.
    worst: AtomicU64,
    /// The sum, since the start, of all that was above the limit.
    above: AtomicU64,
}

impl Handle {
    /// Leaves a command; it is carried out once the thread is woken. Never waits.
    pub fn leave(&self, command: Command) -> Result<(), Full> {
        self.commands.leave(Post::Command(command))
    }

    /// Wakes the thread.
    pub fn wake(&self) {
        self.commands.ring();
    }

    /// Has copies of a leg's sockets handed to the keeper, under this name.
    pub fn keep(&self, leg: LegId, name: String) -> Result<(), Full> {
        self.commands.post(Post::Keep { leg, name })
    }

    /// How late the beat was at worst since this was last asked.
    pub fn take_lateness(&self) -> Duration {
        Duration::from_micros(self.lateness.worst.swap(0, Ordering::Relaxed))
    }

    /// Packets that were dropped so far, in the order of [`crate::media::Dropped::KINDS`].
    pub fn dropped(&self) -> [u64; 4] {
        self.tally.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// By how much the beat has been late since the start, beats within the limit not counted.
    pub fn late_so_far(&self) -> Duration {
        Duration::from_micros(self.lateness.above.load(Ordering::Relaxed))
    }
}

/// What a media thread is told.
#[derive(Debug)]
enum Post {
    /// By the loop.
    Command(Command),
    /// By the loop: a leg's sockets are to be kept for the program's next run.
    Keep { leg: LegId, name: String },
    /// By another media thread: a leg that is its own from now on.
    Leg { leg: LegId, ports: Option<Ports>, browser: Option<Box<Browser>>, moving: Option<Moving> },
    /// By another media thread: the port that a leg's browser comes to now.
    Port { leg: LegId, port: Arc<UdpSocket> },
    /// By another media thread: of a browser whose port is here and whose leg is there, or the other way round.
    Word { leg: LegId, word: peer::Word },
}

/// What goes along with a leg in a browser.
struct Browser {
    held: peer::Held,
    port: Arc<UdpSocket>,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("port", &self.port).finish_non_exhaustive()
    }
}

/// Starts `count` threads; what happens goes to `mailbox_of_loop`, recordings to `recorder`. A beat later than `limit` counts
/// as late. Browsers know the box as `own`.
pub fn spawn(
    count: usize,
    limit: Duration,
    settings: &plane::Settings,
    own: &Arc<Own>,
    random: &mut Random,
    mailbox_of_loop: &Sender<Letter>,
    (recorder, keeping): (&Recorder, &Keeping),
) -> io::Result<Vec<Handle>> {
    let boxes = (0..count).map(|_| mailbox()).collect::<Result<Vec<_>, _>>()?;
    let held = Held::default();
    let posts: Vec<_> = boxes.iter().map(|(sender, _)| sender.clone()).collect();
    boxes
        .into_iter()
        .enumerate()
        .map(|(number, (commands, mailbox))| {
            let lateness = Arc::<Lateness>::default();
            let tally = Arc::<Tally>::default();
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            epoll.add(mailbox.bell(), EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
            let mut media = Thread {
                plane: Plane::new(settings.clone(), random.fork()),
                mailbox,
                bell: commands.clone(),
                others: posts.clone(),
                epoll,
                ports: Vec::new(),
                free: Vec::new(),
                by_leg: BTreeMap::new(),
                held: held.clone(),
                keeping: keeping.clone(),
                peers: Peers::new(own.clone(), number),
                shared: Vec::new(),
                at_shared: BTreeMap::new(),
                letters: mailbox_of_loop.clone(),
                events: Vec::new(),
                recorder: recorder.clone(),
                lateness: lateness.clone(),
                tally: tally.clone(),
                limit,
            };
            thread::Builder::new().name(format!("media-{number}")).spawn(move || media.run())?;
            Ok(Handle { commands, lateness, tally })
        })
        .collect()
}

/// A leg's sockets.
#[derive(Debug)]
struct Ports {
    leg: LegId,
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

/// Sockets that wait for a leg, of whichever thread, by where they are bound.
type Held = Arc<Mutex<BTreeMap<SocketAddr, (UdpSocket, UdpSocket)>>>;

struct Thread {
    plane: Plane,
    mailbox: Mailbox<Post>,
    bell: Sender<Post>,
    /// Every media thread, this one too.
    others: Vec<Sender<Post>>,
    epoll: Epoll,
    ports: Vec<Option<Ports>>,
    free: Vec<usize>,
    by_leg: BTreeMap<LegId, usize>,
    held: Held,
    keeping: Keeping,
    peers: Peers,
    /// The ports that browsers share, one for each address of ours that was ever told to one.
    shared: Vec<(SocketAddr, Arc<UdpSocket>)>,
    /// From which of them each leg in a browser is sent to; it may be another thread's.
    at_shared: BTreeMap<LegId, Arc<UdpSocket>>,
    letters: Sender<Letter>,
    events: Vec<Event>,
    recorder: Recorder,
    lateness: Arc<Lateness>,
    tally: Arc<Tally>,
    limit: Duration,
}

/// Commands taken before packets have their turn.
const COMMANDS_A_TURN: usize = 64;

impl Thread {
    fn run(&mut self) {
        let mut ready = [EpollEvent::empty(); 128];
        let mut buffer = [0; MAX_PACKET];
        let mut gather = Gather::new(BUSY, GATHER);
        loop {
            let count = match self.epoll.wait(&mut ready, self.patience()) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => {
                    // Only a descriptor that is none could do this; without epoll there is no media thread.
                    tracing::error!(%error, "a media thread cannot wait and ends");
                    return;
                }
            };
            self.note_lateness();
            for event in ready.iter().take(count) {
                match event.data() {
                    BELL => self.read_commands(),
                    mark if mark & SHARED != 0 => self.read_shared(mark & !SHARED, &mut buffer),
                    mark => self.read_port(mark, &mut buffer),
                }
            }
            let now = clock::now();
            if self.plane.deadline().is_some_and(|deadline| deadline <= now.instant) {
                self.plane.handle_timeout(now);
            }
            if self.peers.deadline().is_some_and(|deadline| deadline <= now.instant) {
                self.peers.handle_timeout(now.instant);
            }
            self.carry_out();
            self.post_events();
            self.note_dropped();
            if let Some(pause) = gather.handle_taken(now.instant, count, self.plane.deadline()) {
                thread::sleep(pause);
            }
        }
    }

    fn patience(&self) -> EpollTimeout {
        // Events that found the loop's mailbox full are tried again soon, whatever else is due: records wait for them.
        let longest: u16 = if self.events.is_empty() { 1_000 } else { 5 };
        let Some(deadline) = earliest(self.plane.deadline(), self.peers.deadline()) else {
            return match self.events.is_empty() {
                true => EpollTimeout::NONE,
                false => EpollTimeout::from(longest),
            };
        };
        let left = deadline.saturating_duration_since(Instant::now());
        EpollTimeout::from(left.as_micros().div_ceil(1_000).min(longest.into()) as u16)
    }

    fn note_lateness(&self) {
        if let Some(deadline) = self.plane.deadline() {
            let late = Instant::now().saturating_duration_since(deadline);
            let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            self.lateness.worst.fetch_max(micros, Ordering::Relaxed);
            if late > self.limit {
                self.lateness.above.fetch_add(micros, Ordering::Relaxed);
            }
        }
    }

    fn note_dropped(&self) {
        let mut dropped = self.plane.dropped();
        dropped.strangers += self.peers.strangers();
        for (place, count) in self.tally.0.iter().zip(dropped.figures()) {
            place.store(count, Ordering::Relaxed);
        }
    }

    fn read_commands(&mut self) {
        self.mailbox.quiet();
        for _ in 0..COMMANDS_A_TURN {
            let Some(post) = self.mailbox.take() else { return };
            match post {
                Post::Command(command) => self.plane.handle_command(clock::now(), command),
                Post::Leg { leg, ports, browser, moving } => {
                    self.arrived(leg, ports, browser, moving)
                }
                Post::Keep { leg, name } => self.keep_for_next(leg, name),
                Post::Port { leg, port } => {
                    self.at_shared.entry(leg).and_modify(|known| *known = port);
                }
                Post::Word { leg, word: peer::Word::Ours(local, ours) } => {
                    // It may be gone again in the meantime.
                    if self.peers.at(leg).is_some() {
                        self.open_peer(leg, local, ours);
                    }
                }
                Post::Word { leg, word } => {
                    if matches!(word, peer::Word::Gone) {
                        self.at_shared.remove(&leg);
                    }
                    let opened = self.peers.handle_word(clock::now().instant, leg, word);
                    self.hear(opened);
                }
            }
            // A command that opens a port is carried out before one that sends from it.
            self.carry_out();
        }
        self.bell.ring();
    }

    fn read_port(&mut self, mark: u64, buffer: &mut [u8]) {
        let place = (mark >> 1) as usize;
        let kind = if mark & 1 == 0 { Kind::Rtp } else { Kind::Rtcp };
        for _ in 0..PACKETS_A_TURN {
            let Some(ports) = self.ports.get(place).and_then(Option::as_ref) else { return };
            let socket = if kind == Kind::Rtp { &ports.rtp } else { &ports.rtcp };
            match socket.recv_from(buffer) {
                Ok((length, from)) => {
                    let packet = buffer.get(..length).unwrap_or_default();
                    let leg = ports.leg;
                    self.plane.handle_packet(clock::now(), leg, kind, from, packet);
                }
                // What an earlier packet met on its way (ICMP) is no news.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    fn read_shared(&mut self, place: u64, buffer: &mut [u8]) {
        let place = place as usize;
        for _ in 0..SHARED_A_TURN {
            let Some((_, port)) = self.shared.get(place) else { return };
            match port.recv_from(buffer) {
                Ok((length, from)) => {
                    let packet = buffer.get(..length).unwrap_or_default();
                    let now = clock::now().instant;
                    let opened = self.peers.handle_datagram(now, place, from, packet);
                    self.hear(opened);
                }
                // What an earlier packet met on its way (ICMP) is no news.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    /// A browser's packet, opened, is one like any other.
    fn hear(&mut self, opened: Option<Opened>) {
        if let Some((leg, kind, bytes)) = opened {
            self.plane.handle_packet(clock::now(), leg, kind, NOWHERE, &bytes);
        }
    }

    fn carry_out(&mut self) {
        loop {
            self.carry_out_peers();
            let Some(output) = self.plane.poll_output() else { return };
            match output {
                Output::Stock(Wish::Hold(local)) => self.hold(local),
                Output::Stock(Wish::Release(local)) => drop(self.take_held(local)),
                Output::Open { leg, local } => {
                    if let Err(error) = self.open(leg, local) {
                        tracing::warn!(%leg, port = local.port(), %error, "no sockets for a leg");
                        self.plane.handle_open_failed(leg);
                    }
                }
                Output::OpenPeer { leg, local, ours } => self.open_peer(leg, local, ours),
                Output::Pair { leg, theirs } => {
                    // What comes to a port of its own would be anybody's.
                    drop(self.shut(leg));
                    self.peers.pair(clock::now().instant, leg, &theirs);
                }
                Output::Shut { leg } => {
                    drop(self.shut(leg));
                    self.peers.close(clock::now().instant, leg);
                    self.carry_out_peers();
                    self.at_shared.remove(&leg);
                }
                Output::HandOver { leg, to, moving } => self.hand_over(leg, to, moving),
                Output::Send { leg, kind, to, bytes } => {
                    self.send(leg, kind, to, &bytes);
                    self.plane.recycle(bytes);
                }
                Output::Recording { recording, samples, last, .. } => {
                    if self.recorder.write(recording, samples, last).is_err() {
                        tracing::warn!(%recording, "the disk is too slow for a recording; a piece of it is lost");
                    }
                }
                Output::Event(Event::Digit { .. }) if self.events.len() >= MAX_EVENTS => {}
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn carry_out_peers(&mut self) {
        while let Some(output) = self.peers.poll_output() {
            match output {
                peer::Output::Send { leg, to, bytes } => self.send_shared(leg, to, &bytes),
                peer::Output::Up { leg, at } => self.plane.handle_paired(clock::now(), leg, at),
                peer::Output::Lost { leg, why } => self.plane.handle_lost(leg, why),
                peer::Output::Refused { leg, why } => self.plane.handle_refused(leg, why),
                peer::Output::Tell { thread, leg, word } => {
                    // A thread that cannot keep up loses packets, as a full socket would.
                    let _ =
                        self.others.get(thread).map(|other| other.post(Post::Word { leg, word }));
                }
            }
        }
    }

    fn send_shared(&self, leg: LegId, to: SocketAddr, bytes: &[u8]) {
        if let Some(port) = self.at_shared.get(&leg) {
            // A packet that the kernel will not take is a lost packet.
            let _ = port.send_to(bytes, to);
        }
    }

    /// Lets a leg's browser come to the shared port at `local`, which is opened if it is not yet.
    fn open_peer(&mut self, leg: LegId, local: SocketAddr, ours: Credentials) {
        if let Some(thread) = self.peers.home_elsewhere(leg) {
            // A leg that came from another thread keeps that one's port.
            let word = peer::Word::Ours(local, ours);
            let _ = self.others.get(thread).map(|other| other.post(Post::Word { leg, word }));
            return;
        }
        match self.shared_port(local) {
            Ok((place, port)) => {
                if let Some(at) = self.peers.at(leg) {
                    let port = port.clone();
                    let _ = self.others.get(at).map(|other| other.post(Post::Port { leg, port }));
                }
                self.at_shared.insert(leg, port);
                self.peers.open(leg, place, ours);
            }
            Err(error) => {
                tracing::warn!(%leg, %local, %error, "the port for browsers cannot be had");
                self.plane.handle_lost(leg, Lost::NoPort);
            }
        }
    }

    fn shared_port(&mut self, local: SocketAddr) -> io::Result<(usize, Arc<UdpSocket>)> {
        let known = self.shared.iter().position(|(at, _)| *at == local);
        if let Some((place, (_, port))) = known.and_then(|at| Some((at, self.shared.get(at)?))) {
            return Ok((place, port.clone()));
        }
        let port = Arc::new(bind(local, SHARED_BUFFER)?);
        let place = self.shared.len();
        let mark = SHARED | place as u64;
        self.epoll.add(port.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, mark))?;
        self.shared.push((local, port.clone()));
        Ok((place, port))
    }

    fn send(&mut self, leg: LegId, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        match self.peers.seal(leg, kind, bytes) {
            Sealed::NotOurs => {}
            Sealed::Not => return,
            Sealed::To(to, sealed) => return self.send_shared(leg, to, &sealed),
        }
        let ports = self.by_leg.get(&leg).and_then(|place| self.ports.get(*place)?.as_ref());
        if let Some(ports) = ports {
            let socket = if kind == Kind::Rtp { &ports.rtp } else { &ports.rtcp };
            // A packet that the kernel will not take is a lost packet; sound does not wait.
            let _ = socket.send_to(bytes, to);
        }
    }

    fn open(&mut self, leg: LegId, local: SocketAddr) -> io::Result<()> {
        let held = || self.keeping.take(local).or_else(|| self.take_held(local));
        let (rtp, rtcp) = match held() {
            Some(pair) => pair,
            None => pair(local)?,
        };
        for socket in [&rtp, &rtcp] {
            let _ = SockRef::from(socket).set_recv_buffer_size(PORT_BUFFER);
        }
        self.keep(Ports { leg, rtp, rtcp })
    }

    /// Hands copies of a leg's sockets to the keeper. A leg that is gone, or is another thread's by now, is opened anew
    /// after a restart.
    fn keep_for_next(&self, leg: LegId, name: String) {
        let ports = self.by_leg.get(&leg).and_then(|place| self.ports.get(*place)?.as_ref());
        let copies = ports.map(|ports| (ports.rtp.try_clone(), ports.rtcp.try_clone()));
        if let Some((Ok(rtp), Ok(rtcp))) = copies {
            self.keeping.store(name, rtp, rtcp);
        }
    }

    /// Opens sockets for a leg to come.
    fn hold(&mut self, local: SocketAddr) {
        let pair = pair(local);
        if let Err(error) = &pair {
            tracing::debug!(port = local.port(), %error, "a media port is not to be had");
        }
        let held = pair.is_ok();
        if let Ok(pair) = pair {
            self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(local, pair);
        }
        self.events.push(Event::Held { local, held });
    }

    /// Sockets that were opened before, with what strangers have sent there taken out.
    fn take_held(&self, local: SocketAddr) -> Option<(UdpSocket, UdpSocket)> {
        let pair = self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&local)?;
        for socket in [&pair.0, &pair.1] {
            let mut left = MOST_STRAY;
            while left > 0 && socket.recv_from(&mut [0]).is_ok() {
                left -= 1;
            }
        }
        Some(pair)
    }

    /// Listens at a leg's sockets.
    fn keep(&mut self, ports: Ports) -> io::Result<()> {
        let place = self.free.last().copied().unwrap_or(self.ports.len());
        for (socket, kind) in [(&ports.rtp, 0), (&ports.rtcp, 1)] {
            let mark = (place as u64) << 1 | kind;
            self.epoll.add(socket.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, mark))?;
        }
        // Only now: a place that could not be listened at stays free.
        if self.free.pop().is_none() {
            self.ports.push(None);
        }
        self.by_leg.insert(ports.leg, place);
        if let Some(slot) = self.ports.get_mut(place) {
            *slot = Some(ports);
        }
        Ok(())
    }

    /// Lets a leg's sockets go; they are closed with what is answered.
    fn shut(&mut self, leg: LegId) -> Option<Ports> {
        let place = self.by_leg.remove(&leg)?;
        // A closed socket leaves epoll by itself.
        let ports = self.ports.get_mut(place).and_then(Option::take)?;
        self.free.push(place);
        Some(ports)
    }

    /// Gives a leg to another thread. What has arrived for it waits in its sockets.
    fn hand_over(&mut self, leg: LegId, to: usize, moving: Option<Moving>) {
        let ports = self.shut(leg);
        if let Some(ports) = &ports {
            for socket in [&ports.rtp, &ports.rtcp] {
                // It was added when the leg was opened.
                let _ = self.epoll.delete(socket.as_fd());
            }
        }
        let held = self.peers.hand_over(leg, to);
        self.carry_out_peers();
        let port = self.at_shared.get(&leg).cloned();
        let browser = held.zip(port).map(|(held, port)| Box::new(Browser { held, port }));
        let post = Post::Leg { leg, ports, browser, moving };
        let posted = self.others.get(to).map(|other| other.post(post));
        if !matches!(posted, Some(Ok(()))) {
            tracing::warn!(%leg, "a leg could not be handed to another media thread");
            self.events.push(Event::Astray { leg });
        }
    }

    fn arrived(
        &mut self,
        leg: LegId,
        ports: Option<Ports>,
        browser: Option<Box<Browser>>,
        moving: Option<Moving>,
    ) {
        if let Some(Browser { held, port }) = browser.map(|browser| *browser) {
            self.at_shared.insert(leg, port);
            self.peers.arrived(leg, held);
        }
        if let Some(Err(error)) = ports.map(|ports| self.keep(ports)) {
            tracing::warn!(%leg, %error, "no sockets for a leg");
            self.plane.handle_open_failed(leg);
        }
        self.plane.handle_arrived(clock::now(), leg, moving);
    }

    fn post_events(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.events);
        if let Err(Letter::Media(events)) = self.letters.try_post(Letter::Media(events)) {
            self.events = events;
        }
    }
}

/// A socket for sound and one for reports.
fn pair(local: SocketAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let above = local.port().checked_add(1).ok_or(io::ErrorKind::AddrNotAvailable)?;
    let above = SocketAddr::new(local.ip(), above);
    Ok((bind(local, HELD_BUFFER)?, bind(above, HELD_BUFFER)?))
}

fn bind(local: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Priority and room are worth having, and a call works without them.
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = match local {
        SocketAddr::V4(_) => socket.set_tos_v4(EXPEDITED),
        SocketAddr::V6(_) => socket.set_tclass_v6(EXPEDITED),
    };
    socket.bind(&SockAddr::from(local))?;
    Ok(socket.into())
}
