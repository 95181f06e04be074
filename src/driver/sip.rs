//! SIP sockets: datagrams on the loop's own thread, streams (TCP and TLS) in tasks that frame and forward.
//!
//! UDP is read by the loop itself, so a request is parsed and answered without a change of thread. A stream connection
//! is one task; its messages reach the loop through the mailbox, which makes a slow loop slow the peer, not the memory.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::driver::mailbox::Sender;
use crate::driver::turn::Letter;
use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::framing::{Frame, StreamFramer};
use crate::sip::message::Transport;

/// The largest UDP payload there is.
pub const MAX_DATAGRAM: usize = 65_535;
/// Kernel buffer for SIP datagrams: room for a burst of 4,000 messages of 2 kB while the loop is busy.
const SOCKET_BUFFER: usize = 8 << 20;
/// Messages that may wait for one stream peer; one that reads slower than this is cut off.
const STREAM_QUEUE: usize = 256;
/// Stream connections at once: each costs one descriptor and about 20 kB.
const MAX_CONNECTIONS: usize = 4096;
/// Connections from one address that have not sent a whole message yet (bad-input table row 37).
const MAX_SILENT_PER_SOURCE: usize = 20;
/// How long a new connection may stay silent, or a TLS handshake may take.
const FIRST_MESSAGE_TIME: Duration = Duration::from_secs(10);
/// How long we try to open a connection; Timer F gives the whole transaction 32 s.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long a looked-up source address stays good: an address of the box may change with its DHCP lease.
const LOCAL_ADDRESS_TIME: Duration = Duration::from_secs(30);

/// One bound UDP socket.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    local: SocketAddr,
}

impl Datagrams {
    /// Binds `local`. IPv6 sockets take IPv6 alone, so that each family has its own listener.
    pub fn bind(local: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // The kernel may grant less than asked for; that costs retransmissions under floods, not correctness.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(local))?;
        let socket = UdpSocket::from(socket);
        let local = socket.local_addr()?;
        Ok(Datagrams { socket, local })
    }

    /// The next datagram, if one is there. Errors that an earlier send caused (ICMP) count as nothing.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            match self.socket.recv_from(buffer) {
                Ok(received) => return Some(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return None,
            }
        }
    }

    /// The address it is bound to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// What `epoll` waits for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Every SIP socket of the box.
pub struct Sockets {
    datagrams: Vec<Datagrams>,
    streams: Streams,
    locals: BTreeMap<IpAddr, (IpAddr, Instant)>,
}

/// The stream side, shared with its tasks.
#[derive(Clone)]
pub struct Streams {
    runtime: tokio::runtime::Handle,
    mailbox: Sender<Letter>,
    table: Arc<Mutex<Table>>,
    next: Arc<AtomicU64>,
    open: Arc<AtomicUsize>,
    client: Option<Arc<rustls::ClientConfig>>,
}

#[derive(Default)]
struct Table {
    connections: BTreeMap<u64, mpsc::Sender<Vec<u8>>>,
    dialled: BTreeMap<(u8, SocketAddr), u64>,
    silent: BTreeMap<IpAddr, usize>,
    /// Names that carriers' servers were found by; their certificates say the same.
    names: BTreeMap<IpAddr, String>,
}

impl Sockets {
    /// Takes the bound UDP sockets and the stream side.
    pub fn new(datagrams: Vec<Datagrams>, streams: Streams) -> Self {
        Sockets { datagrams, streams, locals: BTreeMap::new() }
    }

    /// The UDP sockets, in the order they were given.
    pub fn datagrams(&self) -> &[Datagrams] {
        &self.datagrams
    }

    /// The flow of a datagram that came from `peer` to socket `index`.
    pub fn datagram_flow(&mut self, index: usize, peer: SocketAddr) -> Option<Flow> {
        let bound = self.datagrams.get(index)?.local;
        let local = SocketAddr::new(self.specific(bound.ip(), peer.ip()), bound.port());
        Some(Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) })
    }

    /// A name was looked up: connections over TLS to these addresses demand a certificate for it.
    pub fn learn(&mut self, name: &str, addresses: &[IpAddr]) {
        let mut table = self.streams.lock();
        for address in addresses {
            table.names.insert(*address, name.to_owned());
        }
    }

    /// Our address as `peer` would see it: that of the interface on the way there.
    pub fn local_toward(&mut self, peer: IpAddr) -> IpAddr {
        let any: IpAddr = if peer.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        self.specific(any, peer)
    }

    /// Sends one message. What cannot be sent at once is reported through the mailbox.
    pub fn send(&mut self, route: Route, bytes: Vec<u8>) -> Result<(), Unsent> {
        match route {
            Route::Flow(flow) if flow.connection != ConnectionId(0) => {
                self.streams.send(flow.connection, bytes)
            }
            Route::Flow(flow) if flow.transport == Transport::Udp => {
                self.send_datagram(Some(flow.local), flow.peer, &bytes)
            }
            Route::Flow(flow) => self.streams.dial(flow.transport, flow.peer, bytes),
            Route::Address { transport: Transport::Udp, peer } => {
                self.send_datagram(None, peer, &bytes)
            }
            Route::Address { transport, peer } => self.streams.dial(transport, peer, bytes),
        }
    }

    fn send_datagram(
        &self,
        local: Option<SocketAddr>,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Unsent> {
        let fits = |socket: &&Datagrams| socket.local.is_ipv4() == peer.is_ipv4();
        let exact = self.datagrams.iter().filter(fits).find(|socket| {
            local.is_some_and(|local| {
                socket.local.port() == local.port()
                    && (socket.local.ip().is_unspecified() || socket.local.ip() == local.ip())
            })
        });
        let socket = exact.or_else(|| self.datagrams.iter().find(fits)).ok_or(Unsent)?;
        socket.socket.send_to(bytes, peer).map(|_| ()).map_err(|_| Unsent)
    }

    fn specific(&mut self, bound: IpAddr, peer: IpAddr) -> IpAddr {
        if !bound.is_unspecified() {
            return bound;
        }
        let now = Instant::now();
        if let Some((local, looked_up)) = self.locals.get(&peer)
            && now.duration_since(*looked_up) < LOCAL_ADDRESS_TIME
        {
            return *local;
        }
        if self.locals.len() >= MAX_CONNECTIONS {
            self.locals.clear();
        }
        let local = source_address(peer).unwrap_or(bound);
        self.locals.insert(peer, (local, now));
        local
    }
}

/// A message could not be handed to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsent;

/// The source address that the kernel would choose toward `peer`. Sends nothing.
fn source_address(peer: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // The discard port: a connected UDP socket sends nothing until it is written to.
    socket.connect((peer, 9))?;
    Ok(socket.local_addr()?.ip())
}

impl Streams {
    /// The stream side, with its tasks on `runtime`. Without `client`, no TLS connection is opened from here.
    pub fn new(
        runtime: tokio::runtime::Handle,
        mailbox: Sender<Letter>,
        client: Option<Arc<rustls::ClientConfig>>,
    ) -> Self {
        Streams {
            runtime,
            mailbox,
            table: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
            open: Arc::default(),
            client,
        }
    }

    /// Listens on `local`; with `tls`, every connection must shake hands first. Answers the bound address.
    pub fn listen(
        &self,
        local: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<SocketAddr> {
        let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(local))?;
        socket.listen(1024)?;
        let _guard = self.runtime.enter();
        let listener = TcpListener::from_std(socket.into())?;
        let bound = listener.local_addr()?;
        let streams = self.clone();
        self.runtime
            .spawn(async move { streams.accept(listener, tls.map(TlsAcceptor::from)).await });
        Ok(bound)
    }

    async fn accept(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
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
            if !self.admit(peer.ip()) {
                continue;
            }
            let streams = self.clone();
            let tls = tls.clone();
            tokio::spawn(async move {
                streams.serve_accepted(stream, peer, tls).await;
            });
        }
    }

    async fn serve_accepted(self, stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>) {
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return self.forget_silent(peer.ip()) };
        let connection = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let outgoing = self.enter(connection);
        let flow = |transport| Flow { transport, local, peer, connection };
        match tls {
            None => self.serve(stream, flow(Transport::Tcp), outgoing, true).await,
            Some(tls) => match tokio::time::timeout(FIRST_MESSAGE_TIME, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, flow(Transport::Tls), outgoing, true).await,
                _ => self.leave(connection, Some(peer.ip())),
            },
        }
    }

    fn admit(&self, source: IpAddr) -> bool {
        let mut table = self.lock();
        let silent = table.silent.entry(source).or_default();
        if *silent >= MAX_SILENT_PER_SOURCE || self.open.load(Ordering::Relaxed) >= MAX_CONNECTIONS
        {
            return false;
        }
        *silent += 1;
        true
    }

    fn forget_silent(&self, source: IpAddr) {
        let mut table = self.lock();
        if let Some(count) = table.silent.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                table.silent.remove(&source);
            }
        }
    }

    fn enter(&self, connection: ConnectionId) -> mpsc::Receiver<Vec<u8>> {
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        self.open.fetch_add(1, Ordering::Relaxed);
        self.lock().connections.insert(connection.0, sender);
        receiver
    }

    fn leave(&self, connection: ConnectionId, silent: Option<IpAddr>) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let mut table = self.lock();
        table.connections.remove(&connection.0);
        table.dialled.retain(|_, id| *id != connection.0);
        drop(table);
        if let Some(source) = silent {
            self.forget_silent(source);
        }
    }

    /// Reads frames and writes what is queued, until either side is done.
    async fn serve<S>(
        self,
        stream: S,
        flow: Flow,
        outgoing: mpsc::Receiver<Vec<u8>>,
        accepted: bool,
    ) where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let mut silent = accepted.then_some(flow.peer.ip());
        let answers = self.lock().connections.get(&flow.connection.0).map(mpsc::Sender::downgrade);
        tokio::select! {
            () = self.read(reader, flow, answers, &mut silent) => {}
            () = write(writer, outgoing) => {}
        }
        self.leave(flow.connection, silent);
        let _ = self.mailbox.deliver(Letter::ConnectionClosed(flow)).await;
    }

    async fn read<R: AsyncRead + Unpin>(
        &self,
        mut reader: R,
        flow: Flow,
        answers: Option<mpsc::WeakSender<Vec<u8>>>,
        silent: &mut Option<IpAddr>,
    ) {
        let mut framer = StreamFramer::default();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = reader.read(&mut buffer);
            let count = if silent.is_some() {
                match tokio::time::timeout(FIRST_MESSAGE_TIME, read).await {
                    Ok(count) => count,
                    Err(_) => return,
                }
            } else {
                read.await
            };
            let Ok(count @ 1..) = count else { return };
            framer.push(&buffer[..count]);
            while let Some(frame) = framer.next() {
                if let Some(source) = silent.take() {
                    self.forget_silent(source);
                }
                match frame {
                    Frame::Message(bytes) => {
                        let letter = Letter::Sip { flow, bytes };
                        if self.mailbox.deliver(letter).await.is_err() {
                            return;
                        }
                    }
                    Frame::KeepAlive => {
                        // RFC 5626 section 4.4.1: a double CRLF is answered with a single one.
                        if let Some(answers) = answers.as_ref().and_then(mpsc::WeakSender::upgrade)
                        {
                            let _ = answers.try_send(b"\r\n".to_vec());
                        }
                    }
                    Frame::Broken(_) => return,
                }
            }
        }
    }

    fn send(&self, connection: ConnectionId, bytes: Vec<u8>) -> Result<(), Unsent> {
        let mut table = self.lock();
        let sender = table.connections.get(&connection.0).ok_or(Unsent)?;
        if sender.try_send(bytes).is_err() {
            // The peer does not read: dropping its sender ends the connection's task.
            table.connections.remove(&connection.0);
            return Err(Unsent);
        }
        Ok(())
    }

    /// Sends over a connection that we opened to `peer`, opening one if there is none.
    fn dial(&self, transport: Transport, peer: SocketAddr, bytes: Vec<u8>) -> Result<(), Unsent> {
        let key = (u8::from(transport == Transport::Tls), peer);
        let known = self.lock().dialled.get(&key).copied();
        if let Some(id) = known {
            return self.send(ConnectionId(id), bytes);
        }
        if self.open.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            return Err(Unsent);
        }
        let connection = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let outgoing = self.enter(connection);
        self.lock().dialled.insert(key, connection.0);
        self.send(connection, bytes)?;
        let streams = self.clone();
        self.runtime
            .spawn(async move { streams.connect(transport, peer, connection, outgoing).await });
        Ok(())
    }

    async fn connect(
        self,
        transport: Transport,
        peer: SocketAddr,
        connection: ConnectionId,
        outgoing: mpsc::Receiver<Vec<u8>>,
    ) {
        let unreachable = Letter::Unreachable(Route::Address { transport, peer });
        let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_TIME, TcpStream::connect(peer)).await
        else {
            self.leave(connection, None);
            let _ = self.mailbox.deliver(unreachable).await;
            return;
        };
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return self.leave(connection, None) };
        let flow = Flow { transport, local, peer, connection };
        if transport == Transport::Tcp {
            return self.serve(stream, flow, outgoing, false).await;
        }
        let shaken = match self.client.clone() {
            Some(client) => {
                let connect = TlsConnector::from(client).connect(self.server_name(peer), stream);
                tokio::time::timeout(CONNECT_TIME, connect).await.ok().and_then(Result::ok)
            }
            None => None,
        };
        match shaken {
            Some(stream) => self.serve(stream, flow, outgoing, false).await,
            None => {
                self.leave(connection, None);
                let _ = self.mailbox.deliver(unreachable).await;
            }
        }
    }

    /// Who the other side has to prove to be.
    fn server_name(&self, peer: SocketAddr) -> ServerName<'static> {
        let known = self.lock().names.get(&peer.ip()).cloned();
        let name = known.and_then(|name| ServerName::try_from(name).ok());
        name.unwrap_or(ServerName::IpAddress(peer.ip().into()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut outgoing: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = outgoing.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}
