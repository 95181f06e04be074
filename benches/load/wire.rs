//! Just enough SIP for a carrier and some phones: datagrams, headers, answers.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use md5::{Digest, Md5};

use crate::WINDOW;

/// A header's value; the first where there are several.
pub fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// The text of a parameter in quotation marks.
pub fn quoted<'m>(value: &'m str, name: &str) -> &'m str {
    value
        .split_once(&format!("{name}=\""))
        .map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default())
}

pub fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text");
        hex
    })
}

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
        let tag = if header(request, "To").contains("tag=") { "" } else { ";tag=phone" };
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        // Every Via of every hop, and every hop that wants to stay in between.
        for line in request.lines().take_while(|line| !line.is_empty()) {
            if ["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"]
                .iter()
                .any(|name| line.starts_with(name))
            {
                write!(answer, "{line}\r\n").expect("text");
            }
        }
        write!(
            answer,
            "To: {}{tag}\r\nContact: <sip:phone@{}>\r\n",
            header(request, "To"),
            self.at
        )
        .expect("text");
        self.send(&with_body(answer, body));
    }
}

pub fn with_body(mut message: String, body: &str) -> String {
    if !body.is_empty() {
        message += "Content-Type: application/sdp\r\n";
    }
    write!(message, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("text");
    message
}

pub fn sdp(at: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n",
        at.ip(),
        at.port()
    )
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
