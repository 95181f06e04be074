//! A socket whose datagrams belong to a class of traffic (RFC 2474), so that routers let voice pass before them.
//!
//! quinn's own writes the whole octet anew with each datagram, to mark congestion (RFC 3168), and so takes the class away.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// See the module.
pub(super) struct Marked {
    io: UdpSocket,
    state: UdpSocketState,
    /// The class, where it stands in the octet.
    class: u8,
}

impl Marked {
    /// Out of a socket of the system's, in a runtime.
    pub(super) fn new(socket: std::net::UdpSocket, dscp: u8) -> io::Result<Arc<Marked>> {
        let io = UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new((&io).into())?;
        Ok(Arc::new(Marked { io, state, class: dscp << 2 }))
    }

    fn send(&self, what: &Transmit<'_>) -> nix::Result<usize> {
        let octet = self.class | what.ecn.map_or(0, |bits| bits as u8);
        let wide = i32::from(octet);
        // Several datagrams at once, but for the last all of one size.
        let size = what.segment_size.filter(|size| *size < what.contents.len());
        let size = size.and_then(|size| u16::try_from(size).ok());
        let mark = match what.destination {
            SocketAddr::V4(_) => ControlMessage::Ipv4Tos(&octet),
            SocketAddr::V6(_) => ControlMessage::Ipv6TClass(&wide),
        };
        let mut own = vec![mark];
        own.extend(size.as_ref().map(ControlMessage::UdpGsoSegments));
        let to = SockaddrStorage::from(what.destination);
        let octets = [IoSlice::new(what.contents)];
        sendmsg(self.io.as_raw_fd(), &octets, &own, MsgFlags::empty(), Some(&to))
    }
}

impl fmt::Debug for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marked({:?})", self.io)
    }
}

impl AsyncUdpSocket for Marked {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Room(self))
    }

    fn try_send(&self, what: &Transmit<'_>) -> io::Result<()> {
        self.io.try_io(Interest::WRITABLE, || match self.send(what) {
            Ok(_) => Ok(()),
            Err(Errno::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
            // A card that cannot cut datagrams: quinn's own finds that out, and does without from then on.
            Err(Errno::EIO | Errno::EINVAL) => self.state.send((&self.io).into(), what),
            // The way is broken for the moment: as if it were lost on it.
            Err(_) => Ok(()),
        })
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_recv_ready(context))?;
            let read = || self.state.recv((&self.io).into(), buffers, meta);
            if let Ok(count) = self.io.try_io(Interest::READABLE, read) {
                return Poll::Ready(Ok(count));
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// Tells when there is room. Of a box's end one task alone waits for it: it has one connection.
#[derive(Debug)]
struct Room(Arc<Marked>);

impl UdpPoller for Room {
    fn poll_writable(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.io.poll_send_ready(context)
    }
}
