//! SIP over streams: one task for each connection, which frames what it reads and writes what is queued.
//!
//! Messages reach the loop through the mailbox, which makes a slow loop slow the peer, not the memory. A connection is a
//! stranger's until somebody on it has shown a password; strangers have little room and little time.

pub mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::driver::identity::Identity;
use crate::driver::mailbox::Sender;
use crate::driver::sip::Unsent;
use crate::driver::tls::Proving;
use crate::driver::turn::Letter;
use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::framing::{Frame, StreamFramer};
use crate::sip::message::Transport;
use crate::sip::trust::network;

/// Messages that may wait for one stream peer; one that reads slower than this is cut off.
const STREAM_QUEUE: usize = 256;
/// Connections that others opened, at once: each costs one descriptor and about 20 kB.
const MAX_ACCEPTED: usize = 4096;
/// Of these, connections of strangers: whatever they do, half of the room is left to phones that are known.
const MAX_STRANGERS: usize = MAX_ACCEPTED / 2;
/// Connections of strangers from one address (bad-input table row 37): a router with as many phones behind it that all
/// come back at the same moment.
const MAX_STRANGERS_PER_SOURCE: usize = 64;
/// Connections that we open, at once: one for each server of each trunk, and phones that are called back.
const MAX_DIALLED: usize = 1024;
/// How long a new connection may stay silent, or a TLS handshake may take. Keep-alives are no speech.
const FIRST_MESSAGE_TIME: Duration = Duration::from_secs(10);
/// How long a connection may stay a stranger's; a registration takes two round trips.
const STRANGER_TIME: Duration = Duration::from_secs(60);
/// How long the answer to something unreadable may take before its connection is closed.
const LAST_ANSWER_TIME: Duration = Duration::from_millis(500);
/// How often a connection that says nothing is looked at: what is dead may be so for this much longer.
const LOOK_AGAIN: Duration = Duration::from_secs(20);
/// How long we try to open a connection; Timer F gives the whole transaction 32 s.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// The stream side, shared with its tasks.
#[derive(Clone)]
pub struct Streams {
    runtime: tokio::runtime::Handle,
    mailbox: Sender<Letter>,
    table: Arc<Mutex<Table>>,
    next: Arc<AtomicU64>,
    proving: Arc<Proving>,
}

#[derive(Default)]
struct Table {
    connections: BTreeMap<u64, Connection>,
    accepted: usize,
    dialled: BTreeMap<(u8, SocketAddr), u64>,
    strangers: BTreeMap<IpAddr, usize>,
    /// Sources whose connections are closed as they come.
    barred: BTreeSet<IpAddr>,
    /// Names that carriers' servers were found by; their certificates say the same.
    names: BTreeMap<IpAddr, String>,
}

struct Connection {
    sender: mpsc::Sender<Vec<u8>>,
    /// Ends its task.
    cut: Arc<Notify>,
    trusted: Arc<AtomicBool>,
    /// After how many seconds of silence it is dead; 0 for never.
    silence: Arc<AtomicU64>,
    /// Where it came from, if the other side opened it.
    accepted: Option<IpAddr>,
}

/// A task's end of a connection; dropping it takes the connection out of the table.
struct Entered {
    id: ConnectionId,
    outgoing: mpsc::Receiver<Vec<u8>>,
    cut: Arc<Notify>,
    trusted: Arc<AtomicBool>,
    silence: Arc<AtomicU64>,
    /// Whether we opened it.
    ours: bool,
    table: Arc<Mutex<Table>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        lock(&self.table).leave(self.id);
    }
}

impl Table {
    fn strangers(&self) -> usize {
        self.strangers.values().sum()
    }

    fn forget_stranger(&mut self, source: IpAddr) {
        if let Some(count) = self.strangers.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.strangers.remove(&source);
            }
        }
    }

    fn leave(&mut self, id: ConnectionId) {
        self.dialled.retain(|_, dialled| *dialled != id.0);
        let Some(gone) = self.connections.remove(&id.0) else { return };
        let Some(source) = gone.accepted else { return };
        self.accepted -= 1;
        if !gone.trusted.load(Ordering::Relaxed) {
            self.forget_stranger(source);
        }
    }
}

fn lock(table: &Mutex<Table>) -> std::sync::MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Streams {
    /// The stream side, with its tasks on `runtime`. TLS connections from here prove the other side by `proving`.
    pub fn new(runtime: tokio::runtime::Handle, mailbox: Sender<Letter>, proving: Proving) -> Self {
        Streams {
            runtime,
            mailbox,
            table: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
            proving: Arc::new(proving),
        }
    }

    /// Listens on `local`; with `tls`, every connection must shake hands first. Answers the bound address.
    pub fn listen(&self, local: SocketAddr, tls: Option<Identity>) -> io::Result<SocketAddr> {
        let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(local))?;
        socket.listen(1024)?;
        self.listen_over(socket.into(), tls)
    }

    /// The same over a socket that takes connections already.
    pub fn listen_over(
        &self,
        socket: std::net::TcpListener,
        tls: Option<Identity>,
    ) -> io::Result<SocketAddr> {
        socket.set_nonblocking(true)?;
        let _guard = self.runtime.enter();
        let listener = TcpListener::from_std(socket)?;
        let bound = listener.local_addr()?;
        let streams = self.clone();
        self.runtime.spawn(async move { streams.accept(listener, tls).await });
        Ok(bound)
    }

    async fn accept(self, listener: TcpListener, tls: Option<Identity>) {
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors: the backlog keeps the peers waiting meanwhile.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(entered) = self.admit(network(peer.ip())) else { continue };
            let streams = self.clone();
            // Each connection gets the identity that is in force when it comes.
            let tls = tls.as_ref().map(|identity| TlsAcceptor::from(identity.current()));
            tokio::spawn(async move {
                streams.serve_accepted(stream, peer, tls, entered).await;
            });
        }
    }

    async fn serve_accepted(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<TlsAcceptor>,
        entered: Entered,
    ) {
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return };
        let flow = |transport| Flow { transport, local, peer, connection: entered.id };
        match tls {
            None => self.serve(stream, flow(Transport::Tcp), entered).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(FIRST_MESSAGE_TIME, tls.accept(stream)).await {
                    self.serve(stream, flow(Transport::Tls), entered).await;
                }
            }
        }
    }

    fn admit(&self, source: IpAddr) -> Option<Entered> {
        let mut table = lock(&self.table);
        if table.barred.contains(&source) {
            return None;
        }
        let own = table.strangers.get(&source).copied().unwrap_or_default();
        let full = table.accepted >= MAX_ACCEPTED || table.strangers() >= MAX_STRANGERS;
        if full || own >= MAX_STRANGERS_PER_SOURCE {
            return None;
        }
        table.strangers.insert(source, own + 1);
        table.accepted += 1;
        Some(self.enter(&mut table, Some(source)))
    }

    fn enter(&self, table: &mut Table, accepted: Option<IpAddr>) -> Entered {
        let (sender, outgoing) = mpsc::channel(STREAM_QUEUE);
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let trusted = Arc::new(AtomicBool::new(accepted.is_none()));
        let cut = Arc::new(Notify::new());
        let silence = Arc::new(AtomicU64::new(0));
        let connection = Connection {
            sender,
            cut: cut.clone(),
            trusted: trusted.clone(),
            silence: silence.clone(),
            accepted,
        };
        table.connections.insert(id.0, connection);
        let (ours, table) = (accepted.is_none(), self.table.clone());
        Entered { id, outgoing, cut, trusted, silence, ours, table }
    }

    /// Reads frames and writes what is queued, until either side is done.
    async fn serve<S>(self, stream: S, flow: Flow, mut entered: Entered)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        {
            let Entered { outgoing, trusted, silence, ours, cut, .. } = &mut entered;
            let mut writing = std::pin::pin!(write(writer, outgoing));
            let end = tokio::select! {
                end = self.read(reader, flow, (trusted, silence), *ours) => end,
                () = &mut writing => End::Closed,
                () = cut.notified() => End::Closed,
            };
            if end == End::Broken {
                // What broke the stream is answered first.
                let _ = timeout(LAST_ANSWER_TIME, writing).await;
            }
        }
        drop(entered);
        let _ = self.mailbox.deliver(Letter::ConnectionClosed(flow)).await;
    }

    async fn read<R: AsyncRead + Unpin>(
        &self,
        mut reader: R,
        flow: Flow,
        (trusted, silence): (&AtomicBool, &AtomicU64),
        ours: bool,
    ) -> End {
        let began = Instant::now();
        let mut heard = began;
        let mut patience = FIRST_MESSAGE_TIME;
        let mut framer = StreamFramer::default();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = reader.read(&mut buffer);
            let count = match trusted.load(Ordering::Relaxed) {
                true => match timeout(LOOK_AGAIN, read).await {
                    Ok(count) => count,
                    Err(_) if is_dead(silence, heard) => return End::Closed,
                    Err(_) => continue,
                },
                false => match timeout_at(began + patience, read).await {
                    Ok(count) => count,
                    Err(_) if trusted.load(Ordering::Relaxed) => continue,
                    Err(_) => return End::Closed,
                },
            };
            let Ok(count @ 1..) = count else { return End::Closed };
            heard = Instant::now();
            // The answer to a keep-alive of ours; two of them in the framer would look like a question.
            if ours && framer.is_empty() && buffer[..count] == *b"\r\n" {
                if self.mailbox.deliver(Letter::Pong(flow)).await.is_err() {
                    return End::Closed;
                }
                continue;
            }
            framer.push(&buffer[..count]);
            while let Some(frame) = framer.next() {
                match frame {
                    Frame::Message(bytes) => {
                        patience = STRANGER_TIME;
                        let letter = Letter::Sip { flow, bytes };
                        if self.mailbox.deliver(letter).await.is_err() {
                            return End::Closed;
                        }
                    }
                    // RFC 5626 section 4.4.1: a double CRLF is answered with a single one.
                    Frame::KeepAlive => {
                        let _ = self.send(flow.connection, b"\r\n".to_vec());
                    }
                    Frame::Broken(_) => return End::Broken,
                }
            }
        }
    }

    /// Sends over a connection that is open.
    pub fn send(&self, connection: ConnectionId, bytes: Vec<u8>) -> Result<(), Unsent> {
        let table = lock(&self.table);
        let open = table.connections.get(&connection.0).ok_or(Unsent)?;
        open.sender.try_send(bytes).map_err(|_| {
            // The peer does not read: its connection is of no use.
            open.cut.notify_one();
            Unsent
        })
    }

    /// Sends over a connection that we opened to `peer`, opening one if there is none.
    pub fn dial(
        &self,
        transport: Transport,
        peer: SocketAddr,
        bytes: Vec<u8>,
    ) -> Result<(), Unsent> {
        let key = (u8::from(transport == Transport::Tls), peer);
        let mut table = lock(&self.table);
        if let Some(id) = table.dialled.get(&key).copied() {
            drop(table);
            return self.send(ConnectionId(id), bytes);
        }
        if table.dialled.len() >= MAX_DIALLED {
            return Err(Unsent);
        }
        let entered = self.enter(&mut table, None);
        table.dialled.insert(key, entered.id.0);
        drop(table);
        self.send(entered.id, bytes)?;
        let streams = self.clone();
        self.runtime.spawn(async move { streams.connect(transport, peer, entered).await });
        Ok(())
    }

    /// Closes the connection that we opened to `peer`; what is sent there next opens another.
    pub fn hang_up(&self, transport: Transport, peer: SocketAddr) {
        let mut table = lock(&self.table);
        let id = table.dialled.remove(&(u8::from(transport == Transport::Tls), peer));
        if let Some(open) = id.and_then(|id| table.connections.get(&id)) {
            open.cut.notify_one();
        }
    }

    async fn connect(self, transport: Transport, peer: SocketAddr, entered: Entered) {
        if let Ok(Ok(stream)) = timeout(CONNECT_TIME, TcpStream::connect(peer)).await {
            let _ = stream.set_nodelay(true);
            let Ok(local) = stream.local_addr() else { return };
            let flow = Flow { transport, local, peer, connection: entered.id };
            if transport == Transport::Tcp {
                return self.serve(stream, flow, entered).await;
            }
            if let Some(stream) = self.shake_hands(peer, stream).await {
                return self.serve(stream, flow, entered).await;
            }
        }
        drop(entered);
        let unreachable = Letter::Unreachable(Route::Address { transport, peer });
        let _ = self.mailbox.deliver(unreachable).await;
    }

    async fn shake_hands(
        &self,
        peer: SocketAddr,
        stream: TcpStream,
    ) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
        let connector = TlsConnector::from(self.proving.config()?);
        let connect = connector.connect(self.server_name(peer), stream);
        timeout(CONNECT_TIME, connect).await.ok()?.ok()
    }

    /// Who the other side has to prove to be.
    fn server_name(&self, peer: SocketAddr) -> ServerName<'static> {
        let known = lock(&self.table).names.get(&peer.ip()).cloned();
        let name = known.and_then(|name| ServerName::try_from(name).ok());
        name.unwrap_or(ServerName::IpAddress(peer.ip().into()))
    }

    /// A name was looked up: connections over TLS to these addresses demand a certificate for it.
    pub fn learn(&self, name: &str, addresses: &[IpAddr]) {
        let mut table = lock(&self.table);
        for address in addresses {
            table.names.insert(*address, name.to_owned());
        }
    }

    /// Closes what strangers at `source` have opened, and what they open from now on.
    pub fn bar(&self, source: IpAddr) {
        let mut table = lock(&self.table);
        table.barred.insert(source);
        let theirs = |open: &&Connection| {
            open.accepted == Some(source) && !open.trusted.load(Ordering::Relaxed)
        };
        table.connections.values().filter(theirs).for_each(|open| open.cut.notify_one());
    }

    /// Takes connections from `source` again.
    pub fn free(&self, source: IpAddr) {
        lock(&self.table).barred.remove(&source);
    }

    /// The connection is dead once nothing has come over it for so long.
    pub fn expect(&self, connection: ConnectionId, silence: Duration) {
        if let Some(known) = lock(&self.table).connections.get(&connection.0) {
            known.silence.store(silence.as_secs(), Ordering::Relaxed);
        }
    }

    /// The connection is no stranger's any more.
    pub fn trust(&self, connection: ConnectionId) {
        let mut table = lock(&self.table);
        let Some(known) = table.connections.get(&connection.0) else { return };
        let source = known.accepted;
        if !known.trusted.swap(true, Ordering::Relaxed)
            && let Some(source) = source
        {
            table.forget_stranger(source);
        }
    }
}

/// Whether a connection has been silent for longer than it may be.
fn is_dead(silence: &AtomicU64, heard: Instant) -> bool {
    let most = silence.load(Ordering::Relaxed);
    most > 0 && heard.elapsed() >= Duration::from_secs(most)
}

/// Why nothing more is read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer closed it, it failed, or it was a stranger's for too long.
    Closed,
    /// What came last cannot be cut into messages.
    Broken,
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, outgoing: &mut mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = outgoing.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::driver::mailbox::{Mailbox, mailbox};

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));
    const OPTIONS: &[u8] = b"OPTIONS sip:b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

    fn streams() -> (Streams, Mailbox<Letter>) {
        let (sender, letters) = mailbox().expect("an eventfd");
        (
            Streams::new(tokio::runtime::Handle::current(), sender, Proving::new(None).unwrap()),
            letters,
        )
    }

    /// Sends `bytes` every five seconds. Answers how many seconds the connection lived, an hour at most.
    async fn lives(bytes: &'static [u8], trusted: bool) -> u64 {
        let (streams, mut letters) = streams();
        let entered = streams.admit(SOURCE).expect("room");
        let id = entered.id;
        let peer = SocketAddr::new(SOURCE, 5060);
        let flow = Flow { transport: Transport::Tcp, local: peer, peer, connection: id };
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let began = Instant::now();
        let serving = tokio::spawn(streams.clone().serve(ours, flow, entered));
        if trusted {
            streams.trust(id);
        }
        let (mut reads, mut writes) = tokio::io::split(theirs);
        tokio::spawn(async move { tokio::io::copy(&mut reads, &mut tokio::io::sink()).await });
        let rounds = AtomicUsize::new(0);
        let talk = async {
            loop {
                if writes.write_all(bytes).await.is_err() {
                    return;
                }
                while letters.take().is_some() {}
                rounds.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        };
        tokio::select! {
            _ = serving => {}
            () = talk => {}
            () = tokio::time::sleep(Duration::from_secs(3600)) => {}
        }
        assert!(rounds.load(Ordering::Relaxed) > 0);
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alives_do_not_keep_a_stranger() {
        assert_eq!(lives(b"\r\n\r\n", false).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_who_talks_stays_a_minute_and_a_phone_as_long_as_it_likes() {
        assert_eq!(lives(OPTIONS, false).await, 60);
        assert_eq!(lives(b"\r\n\r\n", true).await, 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_phone_that_is_to_send_keep_alives_and_falls_silent_is_gone() {
        let (streams, _letters) = streams();
        let entered = streams.admit(SOURCE).expect("room");
        let (id, began) = (entered.id, Instant::now());
        let peer = SocketAddr::new(SOURCE, 5060);
        let flow = Flow { transport: Transport::Tcp, local: peer, peer, connection: id };
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        let serving = tokio::spawn(streams.clone().serve(ours, flow, entered));
        streams.trust(id);
        streams.expect(id, Duration::from_secs(180));
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(110)).await;
            theirs.write_all(b"\r\n\r\n").await.expect("it is open");
        }
        serving.await.expect("it ends");
        let lived = began.elapsed().as_secs();
        assert!((1_100 + 180..=1_100 + 200).contains(&lived), "{lived} s");
    }

    #[tokio::test]
    async fn a_pong_is_told_a_ping_is_answered_and_a_dead_connection_is_closed() {
        let (streams, mut letters) = streams();
        let peer = SocketAddr::new(SOURCE, 5060);
        let entered = streams.enter(&mut lock(&streams.table), None);
        let flow = Flow { transport: Transport::Tcp, local: peer, peer, connection: entered.id };
        lock(&streams.table).dialled.insert((0, peer), entered.id.0);
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        let serving = tokio::spawn(streams.clone().serve(ours, flow, entered));
        for _ in 0..2 {
            theirs.write_all(b"\r\n").await.unwrap();
            let told = async {
                loop {
                    match letters.take() {
                        Some(letter) => return letter,
                        None => tokio::task::yield_now().await,
                    }
                }
            };
            assert!(matches!(told.await, Letter::Pong(told) if told == flow));
        }
        theirs.write_all(b"\r\n\r\n").await.unwrap();
        let mut answer = [0; 2];
        theirs.read_exact(&mut answer).await.unwrap();
        assert_eq!((&answer, letters.take().is_none()), (b"\r\n", true));
        streams.hang_up(Transport::Tcp, peer);
        serving.await.unwrap();
        assert_eq!(theirs.read(&mut answer).await.unwrap(), 0, "nothing more comes: it is closed");
        assert!(lock(&streams.table).dialled.is_empty());
    }

    #[tokio::test]
    async fn strangers_fill_their_share_and_phones_that_are_known_do_not_count() {
        let (streams, _letters) = streams();
        let phones: Vec<_> = (0..200)
            .map(|_| {
                let entered = streams.admit(SOURCE).expect("known phones take no stranger's place");
                streams.trust(entered.id);
                entered
            })
            .collect();
        let strangers: Vec<_> = std::iter::from_fn(|| streams.admit(SOURCE)).collect();
        assert_eq!(strangers.len(), MAX_STRANGERS_PER_SOURCE);
        let elsewhere = streams.admit(IpAddr::from([192, 0, 2, 10]));
        assert!(elsewhere.is_some(), "another source has room");
        drop((phones, strangers, elsewhere));
        let table = lock(&streams.table);
        assert!(table.strangers.is_empty() && table.connections.is_empty() && table.accepted == 0);
    }

    #[tokio::test]
    async fn who_is_barred_is_cut_off_and_a_phone_that_is_known_there_is_not() {
        let (streams, _letters) = streams();
        let phone = streams.admit(SOURCE).expect("room");
        streams.trust(phone.id);
        let stranger = streams.admit(SOURCE).expect("room");
        streams.bar(SOURCE);
        assert!(streams.admit(SOURCE).is_none());
        let soon = Duration::from_millis(50);
        assert!(timeout(soon, stranger.cut.notified()).await.is_ok());
        assert!(timeout(soon, phone.cut.notified()).await.is_err());
        streams.free(SOURCE);
        assert!(streams.admit(SOURCE).is_some());
    }

    #[tokio::test]
    async fn many_sources_leave_half_of_the_room() {
        let (streams, _letters) = streams();
        let sources = (0..=255).flat_map(|host| std::iter::repeat_n(host, 20));
        let entered: Vec<_> =
            sources.filter_map(|host| streams.admit(IpAddr::from([192, 0, 2, host]))).collect();
        assert_eq!(entered.len(), MAX_STRANGERS);
    }
}
