//! Datagrams of a carrier and of some phones, and their pace.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use crate::WINDOW;
use crate::sip::accept;

/// One socket of this end.
pub struct Peer {
    pub socket: UdpSocket,
    pub at: SocketAddr,
    pub sip: SocketAddr,
}

impl Peer {
    pub fn new(at: [u8; 4], sip: SocketAddr) -> Peer {
        Peer::at(SocketAddr::from((at, 0)), sip)
    }

    pub fn at(at: SocketAddr, sip: SocketAddr) -> Peer {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
        let socket = socket.expect("a socket");
        // A receiver that loses packets would be taken for a box that loses them.
        let _ = socket.set_recv_buffer_size(8 << 20);
        socket.bind(&at.into()).expect("an address");
        socket.set_nonblocking(true).expect("no waiting");
        let socket = UdpSocket::from(socket);
        let at = socket.local_addr().expect("bound");
        Peer { socket, at, sip }
    }

    pub fn send(&self, message: &str) {
        while let Err(error) = self.socket.send_to(message.as_bytes(), self.sip) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        }
    }

    /// Sends what may not arrive.
    pub fn try_send(&self, message: &str) {
        let _ = self.socket.send_to(message.as_bytes(), self.sip);
    }

    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b str> {
        let (length, _) = self.socket.recv_from(buffer).ok()?;
        std::str::from_utf8(&buffer[..length]).ok()
    }

    /// Answers a request with 200.
    pub fn accept(&self, request: &str, body: &str) {
        self.send(&accept(request, self.at, body));
    }
}

/// What is due at a steady rate.
pub struct Pace {
    began: Instant,
    rate: usize,
    pub done: usize,
}

impl Pace {
    pub fn new(rate: usize) -> Pace {
        Pace { began: Instant::now(), rate, done: 0 }
    }

    /// The numbers of what has become due.
    pub fn due(&mut self) -> std::ops::Range<usize> {
        let from = self.done;
        let passed = self.began.elapsed().min(WINDOW).as_secs_f64();
        self.done = (passed * self.rate as f64) as usize;
        from..self.done
    }

    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= WINDOW
    }
}
