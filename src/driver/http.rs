//! HTTPS: connections of the branch's phones, people and programs, on a runtime of their own.
//!
//! It bounds whoever connects (how many, how long, how much) and knows nothing of what they ask: that is the router's, which
//! [`api`](crate::driver::api) builds. Networks that are not served are cut off before TLS.

mod linger;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::appliance::site::card::is_rescue;
use crate::driver::http::linger::Lingering;
use crate::driver::identity::Identity;
use crate::sip::trunk::Network;

/// Connections at once: every phone of a large branch after a power cut, in turn.
const MAX_CONNECTIONS: usize = 256;
/// Of one address (bad-input table row 37).
const MAX_PER_SOURCE: usize = 20;
/// Of one relay, which speaks for many: half of all, so that a flood that it passes on leaves the branch its own.
const MAX_PER_RELAY: usize = MAX_CONNECTIONS / 2;
/// How long a TLS handshake may take, and then each request until its last header line.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection takes requests: a phone asks for a handful of files, and comes again tomorrow; a program that
/// asks on is told with the next answer that it is the last, and connects again. One that rested until now is not cut off
/// just as it asks.
const LIFE: Duration = Duration::from_secs(60);
/// How long what is being answered then may go on. Whoever streams stays until the session would be over.
const LAST_ANSWER: Duration = Duration::from_secs(30);
const LAST_STREAM: Duration = Duration::from_secs(12 * 3_600);
/// A peer that takes nothing in for so long is gone, or too slow to be worth a place.
const STUCK: Duration = Duration::from_secs(30);
/// Bytes of a request's head, and lines of it.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// How long what is being answered may go on once the box ends.
pub const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Who may connect.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Networks that are served.
    pub served: Vec<Network>,
    /// Addresses that pass on what others ask; they are served too.
    pub relays: Vec<Network>,
}

impl Sources {
    /// Whether somebody at `from` is served where he has come to. At the rescue address, whatever networks the site has chosen:
    /// it is there for when they are wrong.
    fn serve(&self, from: IpAddr, to: IpAddr) -> bool {
        let mut chosen = self.served.iter().chain(&self.relays);
        is_rescue(from, to) || chosen.any(|network| network.contains(from))
    }

    /// Connections that this address may have at once.
    fn room(&self, from: IpAddr) -> usize {
        match self.relays.iter().any(|network| network.contains(from)) {
            true => MAX_PER_RELAY,
            false => MAX_PER_SOURCE,
        }
    }
}

/// The server, shared by its connections.
#[derive(Clone)]
pub struct Server {
    identity: Identity,
    sources: Arc<Sources>,
    connections: Places,
    /// Those of connections that are over but for what is still coming in.
    lingering: Places,
    router: axum::Router,
}

/// Whose connection a request came over.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other side.
    pub from: IpAddr,
    /// Its port.
    pub port: u16,
    /// Ours.
    pub local: SocketAddr,
    streams: Arc<AtomicUsize>,
}

impl Peer {
    /// An answer that goes on for hours has begun; it has ended when the mark is dropped.
    pub fn streams(&self) -> Streaming {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Streaming(self.streams.clone())
    }
}

/// See [`Peer::streams`].
#[derive(Debug, Default)]
pub struct Streaming(Arc<AtomicUsize>);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    /// A server that shows `identity`, serves `sources`, and lets `router` answer.
    pub fn new(identity: &Identity, sources: Sources, router: axum::Router) -> Self {
        Server {
            identity: identity.clone(),
            sources: Arc::new(sources),
            connections: Places::default(),
            lingering: Places::default(),
            router,
        }
    }

    /// What a new connection is shown: the identity that is in force when it comes.
    fn tls(&self) -> TlsAcceptor {
        let mut config = ServerConfig::clone(&self.identity.current());
        // Old phones speak HTTP/1.0, and most name no protocol at all.
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Listens on `address`. Answers the address that was bound.
    pub fn listen(
        &self,
        runtime: &tokio::runtime::Handle,
        address: SocketAddr,
    ) -> io::Result<SocketAddr> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&SockAddr::from(address))?;
        socket.listen(128)?;
        self.listen_over(runtime, socket.into())
    }

    /// The same over a socket that takes connections already.
    pub fn listen_over(
        &self,
        runtime: &tokio::runtime::Handle,
        socket: std::net::TcpListener,
    ) -> io::Result<SocketAddr> {
        socket.set_nonblocking(true)?;
        let _guard = runtime.enter();
        let listener = TcpListener::from_std(socket)?;
        let bound = listener.local_addr()?;
        runtime.spawn(self.clone().accept(listener));
        Ok(bound)
    }

    async fn accept(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let from = peer.ip().to_canonical();
                    let Ok(local) = stream.local_addr() else { continue };
                    // Who has no place, or is not served, is cut off without a word.
                    if self.sources.serve(from, local.ip())
                        && let Some(place) = self.connections.enter(from, self.sources.room(from))
                    {
                        tokio::spawn(self.clone().serve(stream, (from, peer.port()), place));
                    }
                }
                Err(error) => {
                    // Too few descriptors, most likely: they come back as connections end.
                    tracing::warn!(%error, "an HTTPS connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self, stream: TcpStream, (from, port): (IpAddr, u16), _place: Place) {
        let Ok(local) = stream.local_addr() else { return };
        // A peer that vanished, or reads no further, is let go by the system; not all of them know how.
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(STUCK));
        let Ok(Ok(stream)) = timeout(PATIENCE, self.tls().accept(stream)).await else { return };
        let source = (from, self.sources.room(from));
        let stream = Lingering::new(stream, source, self.lingering);
        let peer = Peer { from, port, local, streams: Arc::default() };
        let router = TowerToHyperService::new(self.router);
        let streams = peer.streams.clone();
        let until = Instant::now() + LIFE;
        let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let answer = router.call(request);
            async move {
                let mut answer = answer.await?;
                // Where it becomes a WebSocket, the header says so.
                if until <= Instant::now() {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().entry(CONNECTION).or_insert(close);
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), answer)
            // A WebSocket goes on by itself, within bounds of its own.
            .with_upgrades();
        let mut connection = pin!(connection);
        // However it ends, it ends: a phone that went away tells nobody.
        if timeout(LIFE + PATIENCE + LAST_ANSWER, connection.as_mut()).await.is_err()
            && streams.load(Ordering::Relaxed) > 0
        {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(LAST_STREAM, connection).await;
        }
    }
}

/// Who has how many connections.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

impl Places {
    /// A place for one more of this source, which may have so many.
    fn enter(&self, from: IpAddr, room: usize) -> Option<Place> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = table.values().sum();
        let own = table.get(&from).copied().unwrap_or_default();
        if all >= MAX_CONNECTIONS || own >= room {
            return None;
        }
        table.insert(from, own + 1);
        Some(Place { from, places: self.clone() })
    }
}

/// A connection's place; free again when it is dropped.
struct Place {
    from: IpAddr,
    places: Places,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = table.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                table.remove(&self.from);
            }
        }
    }
}
