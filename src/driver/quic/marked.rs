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

#[cfg(test)]
mod tests {
    use nix::sys::socket::{ControlMessageOwned, recvmsg};
    use quinn::udp::EcnCodepoint;

    use super::*;

    #[tokio::test]
    async fn a_datagram_has_its_class_beside_the_mark_of_congestion() {
        let far = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&far).set_recv_tos_v4(true).unwrap();
        far.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let near = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        near.set_nonblocking(true).unwrap();
        let near = Marked::new(near, 8).unwrap();
        near.io.writable().await.unwrap();
        let what = Transmit {
            destination: far.local_addr().unwrap(),
            ecn: Some(EcnCodepoint::Ect0),
            contents: b"one, two, three",
            segment_size: Some(5),
            src_ip: None,
        };
        near.try_send(&what).unwrap();
        for expected in [&b"one, "[..], b"two, ", b"three"] {
            let (mut octets, mut space) = ([0; 64], nix::cmsg_space!(u8));
            let mut into = [IoSliceMut::new(&mut octets)];
            let flags = MsgFlags::empty();
            let came =
                recvmsg::<SockaddrStorage>(far.as_raw_fd(), &mut into, Some(&mut space), flags);
            let came = came.unwrap();
            let mark = came.cmsgs().unwrap().next();
            assert_eq!(mark, Some(ControlMessageOwned::Ipv4Tos(8 << 2 | EcnCodepoint::Ect0 as u8)));
            assert_eq!(came.iovs().next(), Some(expected));
        }
    }
}
