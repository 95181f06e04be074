//! Where a message came from and where one goes: the address pair, and the connection if there is one.

use std::net::SocketAddr;

use crate::sip::message::Transport;

/// A stream connection, named by the driver; 0 stands for datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// How a message reached us, and so how an answer goes back (RFC 3261 section 18.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Over what.
    pub transport: Transport,
    /// Our address, as the peer sees it.
    pub local: SocketAddr,
    /// The peer's address, as we see it.
    pub peer: SocketAddr,
    /// Over which connection.
    pub connection: ConnectionId,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// Back along a flow.
    Flow(Flow),
    /// To an address; the driver opens a connection if it needs one and has none.
    Address {
        /// Over what.
        transport: Transport,
        /// To whom.
        peer: SocketAddr,
    },
}

impl Route {
    /// Over what it goes.
    pub fn transport(&self) -> Transport {
        match self {
            Route::Flow(flow) => flow.transport,
            Route::Address { transport, .. } => *transport,
        }
    }

    /// To whom it goes.
    pub fn peer(&self) -> SocketAddr {
        match self {
            Route::Flow(flow) => flow.peer,
            Route::Address { peer, .. } => *peer,
        }
    }
}
