//! The line between box and hub: the same frames over QUIC and over TLS.
//!
//! Both ends prove who they are by certificates of the hub's own authority (`proving`). QUIC is in `quic`; where UDP does
//! not pass, TLS 1.3 over TCP carries the same octets.

pub mod proving;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::quic;
use crate::uplink::frame::{self, Frame};
use crate::uplink::{Down, Route};

/// What every hub is called in its certificate: it may have any address, and move. That it is this one is proved by its
/// authority, which signs for nobody else.
pub const SERVER_NAME: &str = "hub.branchline";
/// Octets that are read from TLS at a time: four records.
const READING: usize = 64 << 10;
/// The same of somebody who has not said who it is.
const READING_OF_A_GUEST: usize = 4 << 10;
/// Octets of the longest frame of such a one: a greeting, or a request for a certificate.
const FRAME_OF_A_GUEST: usize = 8 << 10;
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why there is no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLine {
    /// Nobody is there, or the way there is broken.
    Away,
    /// Nothing came for too long.
    Silent,
    /// One end does not prove who it is.
    Unproved,
    /// The other end has ended it.
    Ended,
    /// What came is no frame.
    Nonsense,
}

impl From<io::Error> for NoLine {
    fn from(error: io::Error) -> NoLine {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(_) => NoLine::Unproved,
            None => NoLine::Away,
        }
    }
}

impl From<NoLine> for Down {
    fn from(why: NoLine) -> Down {
        match why {
            NoLine::Away | NoLine::Ended => Down::Away,
            NoLine::Silent => Down::Silent,
            NoLine::Unproved => Down::Unproved,
            NoLine::Nonsense => Down::Protocol,
        }
    }
}

/// A connection, both ways.
#[derive(Debug)]
pub struct Line {
    /// What comes.
    pub coming: Coming,
    /// What goes.
    pub going: Going,
    /// What it runs over.
    pub route: Route,
    /// Which protocol was agreed on.
    pub protocol: Vec<u8>,
    /// What the other end proved itself with, its own certificate first.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Where the other end was when it was made.
    pub from: SocketAddr,
}

/// Connects by one route.
///
/// # Errors
/// When nobody answers, or one end does not prove who it is.
pub async fn connect(
    route: Route,
    to: SocketAddr,
    config: Arc<rustls::ClientConfig>,
    dscp: u8,
) -> Result<Line, NoLine> {
    match route {
        Route::Quic => Ok(Line::by_quic(quic::connect(to, config, dscp).await?)),
        Route::Tls => {
            let stream = TcpStream::connect(to).await?;
            let _ = mark(&stream, to, dscp);
            let name = ServerName::try_from(SERVER_NAME).map_err(|_| NoLine::Unproved)?;
            let stream = TlsConnector::from(config).connect(name, stream).await?;
            Line::by_tls(TlsStream::Client(stream), to)
        }
    }
}

/// Lets somebody in who came over TCP.
///
/// # Errors
/// When it does not prove who it is.
pub async fn accept(
    stream: TcpStream,
    from: SocketAddr,
    config: Arc<rustls::ServerConfig>,
) -> Result<Line, NoLine> {
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    Line::by_tls(TlsStream::Server(stream), from).map(Line::of_a_guest)
}

/// Marks what a socket sends with a class of traffic (RFC 2474): routers let voice pass before it.
///
/// # Errors
/// When the system does not take it.
pub fn mark<'s>(socket: impl Into<SockRef<'s>>, to: SocketAddr, dscp: u8) -> io::Result<()> {
    let class = u32::from(dscp) << 2;
    let socket: SockRef<'s> = socket.into();
    match to {
        SocketAddr::V4(_) => socket.set_tos_v4(class),
        SocketAddr::V6(_) => socket.set_tclass_v6(class),
    }
}

impl Line {
    /// Out of a connection by QUIC.
    pub fn by_quic(
        (connection, coming, going): (quic::Connection, quic::Coming, quic::Going),
    ) -> Line {
        let behind = Behind::Waiting(connection.behind());
        Line {
            route: Route::Quic,
            protocol: connection.protocol(),
            certificates: connection.certificates(),
            from: connection.from(),
            coming: Coming {
                way: ComingBy::Quic(coming, behind),
                reader: frame::Reader::default(),
                behind: frame::Reader::default(),
            },
            going: Going::new(GoingBy::Quic(going, connection, None)),
        }
    }

    /// Whoever came has not said who it is, and may not say much else. [`Line::trust`] ends that.
    pub fn of_a_guest(mut self) -> Line {
        self.coming.reader = frame::Reader::up_to(FRAME_OF_A_GUEST);
        if let ComingBy::Tls(_, buffer) = &mut self.coming.way {
            *buffer = vec![0; READING_OF_A_GUEST];
        }
        self
    }

    /// It has said who it is: its frames may be as long as any.
    pub fn trust(&mut self) {
        self.coming.reader.trust();
        if let ComingBy::Tls(_, buffer) = &mut self.coming.way {
            buffer.resize(READING, 0);
        }
        if let GoingBy::Quic(_, connection, _) = &self.going.way {
            connection.trust();
        }
    }

    fn by_tls(stream: TlsStream<TcpStream>, from: SocketAddr) -> Result<Line, NoLine> {
        let (tcp, session) = stream.get_ref();
        // Frames are whole when they are written: nothing is gained by waiting for more.
        tcp.set_nodelay(true)?;
        let local = tcp.local_addr()?;
        let protocol = session.alpn_protocol().unwrap_or_default().to_vec();
        let certificates = session.peer_certificates().unwrap_or_default();
        let certificates = certificates.iter().map(|one| one.clone().into_owned()).collect();
        let (read, write) = split(stream);
        let way = ComingBy::Tls(read, vec![0; READING]);
        Ok(Line {
            coming: Coming {
                way,
                reader: frame::Reader::default(),
                behind: frame::Reader::default(),
            },
            going: Going::new(GoingBy::Tls(write, local)),
            route: Route::Tls,
            protocol,
            certificates,
            from,
        })
    }
}

/// Frames as they come.
#[derive(Debug)]
pub struct Coming {
    way: ComingBy,
    reader: frame::Reader,
    /// Frames of the stream that files come by.
    behind: frame::Reader,
}

/// The stream that files come by.
#[derive(Debug)]
enum Behind {
    /// It was not opened.
    Waiting(quic::Behind),
    /// It is there.
    Open(quic::Coming),
}

impl Behind {
    /// What came next by it. Nothing is lost when this is dropped.
    async fn read(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, NoLine> {
        if let Behind::Waiting(from) = self {
            *self = Behind::Open(from.accept().await?);
        }
        match self {
            Behind::Open(coming) => coming.read().await,
            Behind::Waiting(_) => Ok(None),
        }
    }
}

#[derive(Debug)]
enum ComingBy {
    Quic(quic::Coming, Behind),
    Tls(ReadHalf<TlsStream<TcpStream>>, Vec<u8>),
}

impl Coming {
    /// The next frame. Nothing is lost when this is dropped before it is there.
    ///
    /// # Errors
    /// When the line is broken or ended, or what came is no frame.
    pub async fn next(&mut self) -> Result<Frame, NoLine> {
        loop {
            if let Some(frame) = self.reader.next_frame().map_err(|_| NoLine::Nonsense)? {
                return Ok(frame);
            }
            // Files have a stream of their own, and nothing else may come by it.
            match self.behind.next_frame().map_err(|_| NoLine::Nonsense)? {
                Some(frame @ Frame::Blob(_)) => return Ok(frame),
                Some(_) => return Err(NoLine::Nonsense),
                None => {}
            }
            match &mut self.way {
                ComingBy::Quic(coming, behind) => tokio::select! {
                    biased;
                    bytes = coming.read() => {
                        self.reader.push(bytes?.ok_or(NoLine::Ended)?.as_ref());
                    }
                    bytes = behind.read() => {
                        self.behind.push(bytes?.ok_or(NoLine::Ended)?.as_ref());
                    }
                },
                ComingBy::Tls(read, buffer) => match read.read(buffer).await? {
                    0 => return Err(NoLine::Ended),
                    count => self.reader.push(buffer.get(..count).unwrap_or_default()),
                },
            }
        }
    }
}

/// Frames as they go: those that wait for room, and the way.
#[derive(Debug)]
pub struct Going {
    way: GoingBy,
    waiting: VecDeque<Vec<u8>>,
    /// Octets of the first that were written.
    written: usize,
    /// What goes when nothing else does: pieces of files.
    behind: VecDeque<Vec<u8>>,
    /// Octets of the first of them that were written by a stream of its own.
    behind_written: usize,
    /// Whether TLS may hold octets that the system had no room for.
    unflushed: bool,
}

#[derive(Debug)]
enum GoingBy {
    /// The stream that files go by is opened with the first of them.
    Quic(quic::Going, quic::Connection, Option<quic::Going>),
    Tls(WriteHalf<TlsStream<TcpStream>>, SocketAddr),
}

impl Going {
    fn new(way: GoingBy) -> Going {
        Going {
            way,
            waiting: VecDeque::new(),
            written: 0,
            behind: VecDeque::new(),
            behind_written: 0,
            unflushed: false,
        }
    }

    /// Takes a frame, which goes when there is room. How many wait is bounded by whoever says them: a window of events, and
    /// an answer to each frame that came.
    pub fn push(&mut self, frame: &Frame) {
        self.waiting.push_back(frame.to_bytes());
    }

    /// Takes a piece of a file, which goes behind everything else: by QUIC in a stream of its own, by TLS between frames. How
    /// many wait is bounded by the window of files.
    pub fn push_behind(&mut self, frame: &Frame) {
        self.behind.push_back(frame.to_bytes());
    }

    /// Frames that wait for room.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Writes what waits, as far as there is room; waits for ever where nothing waits. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// When the line is broken.
    pub async fn go_on(&mut self) -> Result<(), NoLine> {
        let Some(first) = self.waiting.front() else {
            match &self.way {
                GoingBy::Quic(..) if !self.behind.is_empty() => return self.go_on_behind().await,
                GoingBy::Tls(..) if !self.behind.is_empty() => {
                    // From here on it is as any other: half a frame cannot wait for a whole one.
                    self.waiting.extend(self.behind.pop_front());
                    return Ok(());
                }
                _ => {}
            }
            if std::mem::take(&mut self.unflushed) {
                // A flush that is dropped is made up for by the next write.
                self.unflushed = true;
                self.flush().await?;
                self.unflushed = false;
                return Ok(());
            }
            return std::future::pending().await;
        };
        let rest = first.get(self.written..).unwrap_or_default();
        let count = match &mut self.way {
            GoingBy::Quic(going, ..) => going.write(rest).await?,
            GoingBy::Tls(write, _) => {
                self.unflushed = true;
                write.write(rest).await?
            }
        };
        self.written += count;
        if self.written >= first.len() {
            self.waiting.pop_front();
            self.written = 0;
        }
        Ok(())
    }

    /// A piece of a file, by a stream of its own.
    async fn go_on_behind(&mut self) -> Result<(), NoLine> {
        let (GoingBy::Quic(_, connection, stream), Some(first)) =
            (&mut self.way, self.behind.front())
        else {
            return Ok(());
        };
        let stream = match stream {
            Some(stream) => stream,
            None => stream.insert(connection.open_behind().await?),
        };
        let rest = first.get(self.behind_written..).unwrap_or_default();
        self.behind_written += stream.write(rest).await?;
        if self.behind_written >= first.len() {
            self.behind.pop_front();
            self.behind_written = 0;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), NoLine> {
        match &mut self.way {
            GoingBy::Quic(..) => Ok(()),
            GoingBy::Tls(write, _) => Ok(write.flush().await?),
        }
    }

    /// Says the last words and ends the line, within a while.
    pub async fn end(mut self) {
        let _ = timeout(LAST_WORDS, async {
            while !self.waiting.is_empty() {
                self.go_on().await?;
            }
            self.flush().await
        })
        .await;
        match &mut self.way {
            GoingBy::Quic(going, connection, _) => {
                going.finish().await;
                connection.close();
            }
            GoingBy::Tls(write, _) => {
                let _ = timeout(LAST_WORDS, write.shutdown()).await;
            }
        }
    }

    /// This box has these addresses now. Answers whether the line goes on.
    pub fn moved(&self, own: &[std::net::IpAddr], dscp: u8) -> bool {
        match &self.way {
            GoingBy::Quic(_, connection, _) => connection.moved(dscp).is_ok(),
            GoingBy::Tls(_, local) => own.contains(&local.ip()),
        }
    }
}
