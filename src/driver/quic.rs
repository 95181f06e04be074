//! QUIC (RFC 9000) between box and hub: endpoints, connections, their one stream both ways, and one that files go by.
//!
//! With `marked`, the only file that names quinn. It carries octets and proves who is who; what they say is for `line` and beyond.
//!
//! Early data (0-RTT) is not used: it saves one round trip of a connection that lives for days and is made half a second
//! after the last one at the earliest, and whoever has a copy of it could send it again. A changed address costs no
//! handshake at all: the connection goes on from the new one.

mod marked;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionError, IdleTimeout, TransportConfig, VarInt};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::CertificateDer;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::time::timeout;

use self::marked::Marked;
use super::line::{NoLine, SERVER_NAME};

/// A connection on which nothing came for so long is over. Longer than the silence that either end's machine allows, which
/// ends it with a reason.
const IDLE: Duration = Duration::from_secs(120);
/// Octets that the other side may send ahead of what was read here, and that are held until they are acknowledged: a fast
/// line of 100 Mbit/s with 300 ms of round trip.
const WINDOW: u32 = 4 << 20;
/// Octets that somebody may send who has not said who it is: a greeting, or a request for a certificate, and no more.
const WINDOW_OF_A_GUEST: u32 = 16 << 10;
/// Room in the system for datagrams that came and were not read yet: a window comes in one burst on a fast line.
const SOCKET_BUFFER: usize = 4 << 20;
/// Connections that are being made and wait for their turn; others are turned away, and try again.
const MOST_INCOMING: usize = 1_024;
/// Handshakes under way from which on a newcomer has to show that its address is its own (RFC 9000 section 8.1.2).
const BUSY: usize = 64;
/// The priority of the stream that files go by; others have 0.
const BEHIND: i32 = -1;
/// How long the last words may take to get through.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where connections are made from, or come to.
#[derive(Debug)]
pub struct Endpoint(quinn::Endpoint);

/// Somebody who wants to connect.
#[derive(Debug)]
pub struct Incoming(quinn::Incoming);

/// A connection with one stream each way.
#[derive(Debug)]
pub struct Connection {
    connection: quinn::Connection,
    /// Ours, where we connected: it is moved when the address changes.
    endpoint: Option<quinn::Endpoint>,
}

/// What comes.
#[derive(Debug)]
pub struct Coming(quinn::RecvStream);

/// What goes.
#[derive(Debug)]
pub struct Going(quinn::SendStream);

/// Connects, from any address of this box, and opens the stream.
///
/// # Errors
/// When nobody answers, or one end does not prove who it is.
pub async fn connect(
    to: SocketAddr,
    config: Arc<rustls::ClientConfig>,
    dscp: u8,
) -> Result<(Connection, Coming, Going), NoLine> {
    let socket = Marked::new(socket(any(to))?, dscp)?;
    let (own, runtime) = (quinn::EndpointConfig::default(), Arc::new(quinn::TokioRuntime));
    let endpoint = quinn::Endpoint::new_with_abstract_socket(own, None, socket, runtime)?;
    let crypto = QuicClientConfig::try_from(config).map_err(|_| NoLine::Unproved)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport(WINDOW));
    let connecting = endpoint.connect_with(config, to, SERVER_NAME).map_err(|_| NoLine::Away)?;
    let connection = connecting.await.map_err(why)?;
    let (going, coming) = connection.open_bi().await.map_err(why)?;
    let connection = Connection { connection, endpoint: Some(endpoint) };
    Ok((connection, Coming(coming), Going(going)))
}

impl Endpoint {
    /// Listens. `resets` is a secret that stays the same over a new start: boxes that were connected before learn by it
    /// at once that their connection is gone (RFC 9000 section 10.3).
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn listen(
        at: SocketAddr,
        config: Arc<rustls::ServerConfig>,
        resets: &[u8],
    ) -> io::Result<Endpoint> {
        let crypto = QuicServerConfig::try_from(config).map_err(io::Error::other)?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(transport(WINDOW_OF_A_GUEST)).max_incoming(MOST_INCOMING);
        let runtime = Arc::new(quinn::TokioRuntime);
        let mut endpoint = quinn::EndpointConfig::default();
        let resets = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, resets);
        endpoint.reset_key(Arc::new(resets)).cid_generator(|| Box::new(Names(SystemRandom::new())));
        quinn::Endpoint::new(endpoint, Some(config), socket(at)?, runtime).map(Endpoint)
    }

    /// Who comes next; nobody when it is closed. `busy` handshakes are under way.
    pub async fn accept(&self, busy: impl Fn() -> usize) -> Option<Incoming> {
        loop {
            let incoming = self.0.accept().await?;
            if busy() < BUSY || incoming.remote_address_validated() {
                return Some(Incoming(incoming));
            }
            // It is the system that could not send it, and whoever comes tries again.
            let _ = incoming.retry();
        }
    }
}

impl Incoming {
    /// Where it comes from.
    pub fn from(&self) -> SocketAddr {
        self.0.remote_address()
    }

    /// Says no, in one datagram.
    pub fn refuse(self) {
        self.0.refuse();
    }

    /// Lets it in, and waits until it opens its stream.
    ///
    /// # Errors
    /// When it does not, or does not prove who it is.
    pub async fn connection(self) -> Result<(Connection, Coming, Going), NoLine> {
        let connection = self.0.await.map_err(why)?;
        let (going, coming) = connection.accept_bi().await.map_err(why)?;
        Ok((Connection { connection, endpoint: None }, Coming(coming), Going(going)))
    }
}

impl Connection {
    /// What the other end proves itself with, its own certificate first.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let identity = self.connection.peer_identity();
        identity.and_then(|any| any.downcast().ok()).map(|all| *all).unwrap_or_default()
    }

    /// Which protocol was agreed on.
    pub fn protocol(&self) -> Vec<u8> {
        let data = self.connection.handshake_data();
        let data = data.and_then(|any| any.downcast::<quinn::crypto::rustls::HandshakeData>().ok());
        data.and_then(|data| data.protocol).unwrap_or_default()
    }

    /// The other end has said who it is: it may send as much as a window holds.
    pub fn trust(&self) {
        self.connection.set_receive_window(VarInt::from_u32(WINDOW));
    }

    /// Where the other end is now: it may move.
    pub fn from(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// This box has another address: the connection goes on from there.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub fn moved(&self, dscp: u8) -> io::Result<()> {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        endpoint.rebind_abstract(Marked::new(socket(any(self.from()))?, dscp)?)
    }

    /// The stream that files go by, opened now; what goes by any other goes before it.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn open_behind(&self) -> Result<Going, NoLine> {
        let stream = self.connection.open_uni().await.map_err(why)?;
        // It fails where the stream is closed: it was opened a moment ago.
        let _ = stream.set_priority(BEHIND);
        Ok(Going(stream))
    }

    /// The way to what the other end opens of that kind.
    pub fn behind(&self) -> Behind {
        Behind(self.connection.clone())
    }

    /// Ends it.
    pub fn close(&self) {
        self.connection.close(VarInt::from_u32(0), b"");
    }

    /// Waits, for a while, until the other end has heard the last words, or has ended the connection itself.
    pub async fn closed(&self) {
        let _ = timeout(LAST_WORDS, self.connection.closed()).await;
    }
}

/// Where streams of files come from.
#[derive(Debug)]
pub struct Behind(quinn::Connection);

impl Behind {
    /// The next that the other end opens. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn accept(&self) -> Result<Coming, NoLine> {
        self.0.accept_uni().await.map(Coming).map_err(why)
    }
}

impl Coming {
    /// What came next, in order; nothing when no more comes. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn read(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, NoLine> {
        let chunk = self.0.read_chunk(usize::MAX, true).await;
        match chunk {
            Ok(chunk) => Ok(chunk.map(|chunk| chunk.bytes)),
            Err(quinn::ReadError::ConnectionLost(error)) => Err(why(error)),
            Err(_) => Err(NoLine::Away),
        }
    }
}

impl Going {
    /// Takes as much of it as there is room for, and says how much. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<usize, NoLine> {
        match self.0.write(bytes).await {
            Ok(count) => Ok(count),
            Err(quinn::WriteError::ConnectionLost(error)) => Err(why(error)),
            Err(_) => Err(NoLine::Away),
        }
    }

    /// Nothing more comes; waits, for a while, until the other side has all.
    pub async fn finish(&mut self) {
        if self.0.finish().is_ok() {
            let _ = timeout(LAST_WORDS, self.0.stopped()).await;
        }
    }
}

/// Names of connections, at random. Those that a hub can tell from others' would be passed over in silence after a new start.
#[derive(Debug)]
struct Names(SystemRandom);

/// Octets of a connection's name: with 2^64 of them no two connections meet.
const NAME: usize = 8;

impl quinn::ConnectionIdGenerator for Names {
    fn generate_cid(&mut self) -> quinn::ConnectionId {
        let mut name = [0; NAME];
        // The kernel has randomness once it has been up for a moment, and the authority's key was made before.
        let _ = self.0.fill(&mut name);
        quinn::ConnectionId::new(&name)
    }

    fn cid_len(&self) -> usize {
        NAME
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// `window`: what the other side may send at first, of all streams together.
fn transport(window: u32) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .receive_window(VarInt::from_u32(window))
        .send_window(WINDOW.into());
    Arc::new(transport)
}

/// The unspecified address of the family of `to`: the system chooses which of the box's own it is, datagram by datagram.
fn any(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn socket(at: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Room is worth having, and the line works without it.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.bind(&SockAddr::from(at))?;
    Ok(socket.into())
}

/// Codes from here on are alerts of TLS (RFC 9001 section 4.8).
const TLS_ALERT: std::ops::Range<u64> = 0x100..0x200;

fn why(error: ConnectionError) -> NoLine {
    let code = match error {
        ConnectionError::TransportError(error) => u64::from(error.code),
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::TimedOut => return NoLine::Silent,
        ConnectionError::ApplicationClosed(_) | ConnectionError::LocallyClosed => {
            return NoLine::Ended;
        }
        _ => return NoLine::Away,
    };
    if TLS_ALERT.contains(&code) { NoLine::Unproved } else { NoLine::Away }
}
