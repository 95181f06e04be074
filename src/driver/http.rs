//! HTTPS: connections of the branch's phones and people, on a runtime of their own.
//!
//! It bounds whoever connects (how many, how long, how much) and decides nothing: a whole question goes to the gateway,
//! its answer comes back. Networks that are not served are cut off before TLS.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::admin::web::{Method, Request, Response};
use crate::driver::identity::Identity;
use crate::driver::mailbox::Sender;
use crate::driver::turn::Letter;
use crate::sip::trunk::Network;

/// Connections at once: every phone of a large branch after a power cut, in turn.
const MAX_CONNECTIONS: usize = 256;
/// Of one address (bad-input table row 37).
const MAX_PER_SOURCE: usize = 20;
/// How long a TLS handshake may take, and then each request until its last header line.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may live: a phone asks for a handful of files, and comes again tomorrow.
const LIFE: Duration = Duration::from_secs(60);
/// Bytes of a request's head, and lines of it.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// Questions that wait for the gateway at once; it answers thousands in a second.
const MAX_QUESTIONS: usize = 32;
/// How long the gateway and its disk may take.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long what is being answered may go on once the box ends.
pub const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// The server, shared by its connections.
#[derive(Clone)]
pub struct Server {
    letters: Sender<Letter>,
    identity: Identity,
    networks: Arc<Vec<Network>>,
    connections: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    questions: Arc<Semaphore>,
}

impl Server {
    /// A server that shows `identity` and serves `networks`.
    pub fn new(identity: &Identity, networks: Vec<Network>, letters: Sender<Letter>) -> Self {
        Server {
            letters,
            identity: identity.clone(),
            networks: Arc::new(networks),
            connections: Arc::default(),
            questions: Arc::new(Semaphore::new(MAX_QUESTIONS)),
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
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&SockAddr::from(address))?;
        socket.listen(128)?;
        let _guard = runtime.enter();
        let listener = TcpListener::from_std(socket.into())?;
        let bound = listener.local_addr()?;
        runtime.spawn(self.clone().accept(listener));
        Ok(bound)
    }

    async fn accept(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let from = peer.ip().to_canonical();
                    // Who has no place, or is not served, is cut off without a word.
                    let served = self.networks.iter().any(|network| network.contains(from));
                    if served && let Some(place) = self.enter(from) {
                        tokio::spawn(self.clone().serve(stream, from, place));
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

    /// A place for one more connection of this source.
    fn enter(&self, from: IpAddr) -> Option<Place> {
        let mut table = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = table.values().sum();
        let own = table.entry(from).or_default();
        let full = all >= MAX_CONNECTIONS || *own >= MAX_PER_SOURCE;
        if full {
            if *own == 0 {
                table.remove(&from);
            }
            return None;
        }
        *own += 1;
        Some(Place { from, table: self.connections.clone() })
    }

    async fn serve(self, stream: TcpStream, from: IpAddr, _place: Place) {
        let Ok(Ok(stream)) = timeout(PATIENCE, self.tls().accept(stream)).await else { return };
        let answer = service_fn(|request: hyper::Request<Incoming>| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(from, &request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), answer);
        // However it ends, it ends: a phone that went away tells nobody.
        let _ = timeout(LIFE, connection).await;
    }

    /// Asks the gateway. A body is not read: no question of ours has one, and the connection ends with it.
    async fn answer(
        &self,
        from: IpAddr,
        request: &hyper::Request<Incoming>,
    ) -> hyper::Response<Full<Bytes>> {
        let method = match *request.method() {
            hyper::Method::GET => Method::Get,
            hyper::Method::HEAD => Method::Head,
            _ => Method::Other,
        };
        let path = request.uri().path().to_owned();
        let response = self.ask(Request { method, path, from }).await;
        let allows = response.status == 405;
        let body = if method == Method::Head { Bytes::new() } else { response.body.into() };
        let mut answer = hyper::Response::new(Full::new(body));
        *answer.status_mut() = hyper::StatusCode::from_u16(response.status)
            .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(response.content_type));
        // Secrets are in it: nobody on the way keeps them, and no browser takes them for something else.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if allows {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        if let Some(wait) = response.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        if method == Method::Other {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    async fn ask(&self, request: Request) -> Response {
        let Ok(_turn) = self.questions.try_acquire() else {
            let busy = Response::refusal(503, "busy; ask again soon");
            return Response { retry_after_s: Some(5), ..busy };
        };
        let (answer, answered) = oneshot::channel();
        let asked = self.letters.deliver(Letter::Web(request, answer)).await;
        match timeout(ANSWER_TIME, answered).await {
            Ok(Ok(response)) if asked.is_ok() => response,
            _ => Response::refusal(503, "the box does not answer; ask again soon"),
        }
    }
}

/// A connection's place; free again when it is dropped.
struct Place {
    from: IpAddr,
    table: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = table.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                table.remove(&self.from);
            }
        }
    }
}
