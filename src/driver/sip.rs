//! SIP sockets: datagrams on the loop's own thread, so that a request is parsed and answered without a change of thread;
//! streams by [`streams`](crate::driver::streams).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::driver::streams::Streams;
use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::message::Transport;
use crate::sip::trust;

/// The largest UDP payload there is.
pub const MAX_DATAGRAM: usize = 65_535;
/// Kernel buffer for SIP datagrams: room for a burst of 4,000 messages of 2 kB while the loop is busy.
const SOCKET_BUFFER: usize = 8 << 20;
/// Looked-up source addresses at once; 100 bytes each.
const MAX_LOCALS: usize = 4096;
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
        socket.bind(&SockAddr::from(local))?;
        Datagrams::over(socket.into())
    }

    /// Takes over a socket that is bound already.
    pub fn over(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let own = SockRef::from(&socket);
        // The kernel may grant less than asked for; that costs retransmissions under floods, not correctness.
        let _ = own.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = own.set_send_buffer_size(SOCKET_BUFFER);
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

impl Sockets {
    /// Takes the bound UDP sockets and the stream side.
    pub fn new(datagrams: Vec<Datagrams>, streams: Streams) -> Self {
        Sockets { datagrams, streams, locals: BTreeMap::new() }
    }

    /// The stream side.
    pub fn streams(&self) -> Streams {
        self.streams.clone()
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
        self.streams.learn(name, addresses);
    }

    /// A connection is dead once nothing has come over it for so long.
    pub fn expect(&mut self, connection: ConnectionId, silence: Duration) {
        self.streams.expect(connection, silence);
    }

    /// Whoever speaks on this connection has shown a password, or is a carrier: it may stay as long as it likes.
    pub fn trust(&mut self, connection: ConnectionId) {
        self.streams.trust(connection);
    }

    /// Closes the connection that we opened there, if there is one.
    pub fn disconnect(&mut self, route: &Route) {
        self.streams.hang_up(route.transport(), route.peer());
    }

    /// Closes connections of strangers at `source`, now and as they come, or no longer.
    pub fn bar(&mut self, change: trust::Change) {
        match change {
            trust::Change::Barred(source) => self.streams.bar(source),
            trust::Change::Freed(source) => self.streams.free(source),
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

    /// The addresses that the box has now: what was looked up and is none of them any more is looked up anew.
    pub fn keep_locals(&mut self, addresses: &[IpAddr]) {
        self.locals.retain(|_, (local, _)| addresses.contains(local));
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
        if self.locals.len() >= MAX_LOCALS {
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
