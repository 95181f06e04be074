//! The way of browsers in, SIP over WSS (RFC 7118), and desk phones that say back what they hear.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::PATIENCE;
use crate::sip::{accept, authorization, header, sdp, with_body};
use crate::socket::Socket;

/// The box as its phones and browsers know it.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Where it takes SIP.
    pub sip: SocketAddr,
    /// Where its pages are.
    pub pages: SocketAddr,
    /// Everybody's password.
    pub password: &'static str,
}

/// Who calls with this number.
pub fn browser(call: usize) -> String {
    format!("{}", 3_000 + call)
}

/// Who is called by it.
pub fn phone(call: usize) -> String {
    format!("{}", 4_000 + call)
}

/// The extensions of so many of both, for the configuration.
pub fn extensions(count: usize, secret: &str) -> String {
    let extension = |number: String| {
        format!("[[extension]]\nnumber = \"{number}\"\nsecret = {{ file = \"{secret}\" }}\n")
    };
    (0..count).map(|n| extension(browser(n)) + &extension(phone(n))).collect()
}

/// What the phones heard: packets in all, and how many of them with this byte all through.
#[derive(Debug, Default)]
pub struct Heard {
    /// In all.
    pub all: AtomicUsize,
    /// Of strangers.
    pub strange: AtomicUsize,
}

/// The phones on the desks, at `own`: they take every call, and say back what they hear to where it came from. What is
/// filled with `strange` is counted apart.
pub fn register_phones(place: Place, own: IpAddr, count: usize, strange: u8) -> Arc<Heard> {
    let heard = Arc::new(Heard::default());
    let sound = UdpSocket::bind((own, 0)).expect("a port");
    let described = sdp(sound.local_addr().expect("bound"));
    let counted = heard.clone();
    std::thread::spawn(move || {
        let mut packet = [0; 2_048];
        while let Ok((length, from)) = sound.recv_from(&mut packet) {
            let payload = packet.get(12..length).unwrap_or_default();
            counted.all.fetch_add(1, Ordering::Relaxed);
            if payload.starts_with(&[strange; 8]) {
                counted.strange.fetch_add(1, Ordering::Relaxed);
            }
            let _ = sound.send_to(&packet[..length], from);
        }
    });
    let socket = UdpSocket::bind((own, 0)).expect("a port");
    let at = socket.local_addr().expect("bound");
    socket.connect(place.sip).expect("a way");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time limit");
    (0..count).for_each(|own| register(&socket, place, at, &phone(own)));
    let mut buffer = [0; 65_536];
    socket.set_read_timeout(None).expect("no time limit");
    std::thread::spawn(move || {
        while let Ok(length) = socket.recv(&mut buffer) {
            let Ok(request) = std::str::from_utf8(&buffer[..length]) else { continue };
            let body = if request.starts_with("INVITE") { described.as_str() } else { "" };
            if !request.starts_with("SIP/2.0") && !request.starts_with("ACK") {
                let _ = socket.send(accept(request, at, body).as_bytes());
            }
        }
    });
    heard
}

fn register(socket: &UdpSocket, place: Place, at: SocketAddr, user: &str) {
    let limit = Instant::now() + PATIENCE;
    let host = place.sip.ip();
    let mut shown = String::new();
    let mut buffer = [0; 65_536];
    for cseq in 1.. {
        assert!(Instant::now() < limit, "{user} is not registered");
        let message = format!(
            "REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKr{user}x{cseq}\r\n\
             From: <sip:{user}@{host}>;tag=r\r\nTo: <sip:{user}@{host}>\r\nCall-ID: r{user}\r\n\
             CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@{at}>\r\nExpires: 3600\r\n{shown}"
        );
        // Nobody is there yet at first.
        let _ = socket.send(with_body(message, "").as_bytes());
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let answer = String::from_utf8_lossy(&buffer[..length]);
        // What a phone asked twice is answered twice.
        if header(&answer, "Call-ID") != format!("r{user}") {
            continue;
        }
        match answer.get(8..11) {
            Some("200") => return,
            Some("401") => {
                let uri = format!("sip:{host}");
                shown = authorization(&answer, "REGISTER", &uri, user, place.password);
            }
            _ => {}
        }
    }
}

/// A connection for browsers' calls, one after another.
pub struct Line {
    socket: Socket<TlsStream<TcpStream>>,
    place: Place,
    /// Calls so far, so that no two are the same.
    calls: usize,
}

/// A call that is up.
#[derive(Debug, Clone)]
pub struct Up {
    /// The box's answer to the browser's offer.
    pub sdp: String,
    number: usize,
    who: usize,
    tagged: String,
    cseq: u32,
}

impl Line {
    /// Opens one; `first` is a number that no other line has calls near.
    pub async fn open(place: Place, first: usize) -> Line {
        let mut config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = TcpStream::connect(place.pages).await.expect("the pages' port");
        let name = ServerName::from(place.pages.ip());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
        let (url, origin) =
            (format!("wss://{}/sip", place.pages), format!("https://{}", place.pages));
        Line { socket: Socket::open(stream, &url, "sip", &origin).await, place, calls: first }
    }

    fn address(&self, who: usize) -> String {
        format!("sip:{}@{}", phone(who), self.place.sip.ip())
    }

    async fn send(&mut self, call: &Up, method: &str, more: &str, body: &str) {
        let (uri, browser, host) = (self.address(call.who), browser(call.who), self.place.sip.ip());
        let Up { number, cseq, tagged, .. } = call;
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WSS browser.invalid;branch=z9hG4bK{number}x{cseq}{method}\r\n\
             From: <sip:{browser}@{host}>;tag=b\r\n{tagged}{more}Call-ID: b{number}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:{browser}@browser.invalid;transport=ws>\r\n"
        );
        self.socket.say(with_body(message, body)).await;
    }

    /// Browser `who` calls phone `who`.
    pub async fn call(&mut self, who: usize, offer: &str) -> Up {
        self.calls += 1;
        let to = format!("To: <{}>\r\n", self.address(who));
        let sdp = String::new();
        let mut call = Up { sdp, number: self.calls, who, tagged: to.clone(), cseq: 1 };
        self.send(&call, "INVITE", "", offer).await;
        loop {
            let answer = self.socket.hear().await;
            if header(&answer, "Call-ID") != format!("b{}", call.number)
                || !header(&answer, "CSeq").starts_with(&call.cseq.to_string())
            {
                continue;
            }
            let tagged = format!("To: {}\r\n", header(&answer, "To"));
            match answer.get(8..11).unwrap_or_default() {
                status @ ("401" | "407") if call.cseq == 1 => {
                    let challenge =
                        answer.replace("\r\nProxy-Authenticate:", "\r\nWWW-Authenticate:");
                    let (uri, user) = (self.address(who), browser(who));
                    let password = self.place.password;
                    let mut shown = authorization(&challenge, "INVITE", &uri, &user, password);
                    if status == "407" {
                        shown = format!("Proxy-{shown}");
                    }
                    call.tagged = tagged;
                    self.send(&call, "ACK", "", "").await;
                    (call.tagged, call.cseq) = (to.clone(), 2);
                    self.send(&call, "INVITE", &shown, offer).await;
                }
                "200" => {
                    call.tagged = tagged;
                    self.send(&call, "ACK", "", "").await;
                    call.sdp = answer.split_once("\r\n\r\n").expect("a body").1.to_owned();
                    return call;
                }
                status if status >= "300" => panic!("{answer}"),
                _ => {}
            }
        }
    }

    /// Ends one, and waits until the box says so too.
    #[allow(dead_code)]
    pub async fn hang_up(&mut self, mut call: Up) {
        call.cseq += 1;
        self.send(&call, "BYE", "", "").await;
        let (own, cseq) = (format!("b{}", call.number), format!("{} BYE", call.cseq));
        loop {
            let answer = self.socket.hear().await;
            if header(&answer, "Call-ID") == own && header(&answer, "CSeq") == cseq {
                return;
            }
        }
    }
}

/// The box's certificate is its own.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
