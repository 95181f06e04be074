//! The box, a desk phone that says back what it hears, and the way of browsers in: SIP over WSS (RFC 7118).

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
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

const SIP: u16 = 26_060;
const PAGES: u16 = 26_061;
const PASSWORD: &str = "a browser and a phone";
/// Who calls, and who is called.
fn browser(call: usize) -> String {
    format!("{}", 3_000 + call)
}

fn phone(call: usize) -> String {
    format!("{}", 4_000 + call)
}

pub struct Branch {
    process: Child,
    folder: PathBuf,
}

impl Branch {
    /// One that knows so many browsers, and a desk phone for each.
    pub fn start(count: usize) -> Branch {
        let folder = std::env::temp_dir().join(format!("browser-branch-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let at = folder.display();
        let extension = |number: String| {
            format!("[[extension]]\nnumber = \"{number}\"\nsecret = {{ file = \"{at}/secret\" }}\n")
        };
        let text = format!(
            "[site]\ndata_dir = \"{at}/data\"\n[admin]\nsocket = \"{at}/admin.sock\"\n\
             [sip]\nudp = [\"127.0.0.1:{SIP}\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
             [http]\nlisten = [\"127.0.0.1:{PAGES}\"]\n[log]\nlevel = \"error\"\n\
             [media]\nport_min = 10000\nport_max = 19999\n{}",
            (0..count).map(|n| extension(browser(n)) + &extension(phone(n))).collect::<String>()
        );
        std::fs::write(folder.join("secret"), PASSWORD).expect("a password");
        let config = folder.join("gateway.toml");
        std::fs::write(&config, text).expect("its configuration");
        let mut command = Command::new("taskset");
        command.args(["-c", "0,1", env!("CARGO_BIN_EXE_branchline"), "run", "-c"]).arg(&config);
        let process =
            command.stderr(Stdio::null()).spawn().expect("taskset (util-linux) and the box");
        let branch = Branch { process, folder };
        branch.register_phones(count);
        branch
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The phones on the desks: they take every call, and say back what they hear to where it came from.
    fn register_phones(&self, count: usize) {
        let sound = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let described = sdp(sound.local_addr().expect("bound"));
        std::thread::spawn(move || {
            let mut packet = [0; 2_048];
            while let Ok((length, from)) = sound.recv_from(&mut packet) {
                let _ = sound.send_to(&packet[..length], from);
            }
        });
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let at = socket.local_addr().expect("bound");
        socket.connect(SocketAddr::from(([127, 0, 0, 1], SIP))).expect("loopback");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time limit");
        (0..count).for_each(|own| register(&socket, at, &phone(own)));
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
    }

    /// The browsers' way in.
    pub async fn line(&self) -> Line {
        let mut config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = TcpStream::connect(("127.0.0.1", PAGES)).await.expect("the pages' port");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
        let (url, origin) =
            (format!("wss://127.0.0.1:{PAGES}/sip"), format!("https://127.0.0.1:{PAGES}"));
        Line(Socket::open(stream, &url, "sip", &origin).await)
    }
}

fn register(socket: &UdpSocket, at: SocketAddr, user: &str) {
    let limit = Instant::now() + PATIENCE;
    let mut shown = String::new();
    let mut buffer = [0; 65_536];
    for cseq in 1.. {
        assert!(Instant::now() < limit, "{user} is not registered");
        let message = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKr{user}x{cseq}\r\n\
             From: <sip:{user}@127.0.0.1>;tag=r\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: r{user}\r\n\
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
                shown = authorization(&answer, "REGISTER", "sip:127.0.0.1", user, PASSWORD);
            }
            _ => {}
        }
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn address(call: usize) -> String {
    format!("sip:{}@127.0.0.1", phone(call))
}

/// One connection for all of them.
pub struct Line(Socket<TlsStream<TcpStream>>);

impl Line {
    async fn send(&mut self, call: usize, cseq: u32, method: &str, more: &str, body: &str) {
        let (uri, browser) = (address(call), browser(call));
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WSS browser.invalid;branch=z9hG4bK{call}x{cseq}{method}\r\n\
             From: <sip:{browser}@127.0.0.1>;tag=b\r\n{more}Call-ID: b{call}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:{browser}@browser.invalid;transport=ws>\r\n"
        );
        self.0.say(with_body(message, body)).await;
    }

    /// Calls the phone; the answer to the browser's offer.
    pub async fn call(&mut self, call: usize, offer: &str) -> String {
        let to = format!("To: <{}>\r\n", address(call));
        self.send(call, 1, "INVITE", &to, offer).await;
        loop {
            let answer = self.0.hear().await;
            if header(&answer, "Call-ID") != format!("b{call}") {
                continue;
            }
            let cseq = if header(&answer, "CSeq").starts_with('1') { 1 } else { 2 };
            let tagged = format!("To: {}\r\n", header(&answer, "To"));
            match answer.get(8..11).unwrap_or_default() {
                status @ ("401" | "407") => {
                    let challenge =
                        answer.replace("\r\nProxy-Authenticate:", "\r\nWWW-Authenticate:");
                    let (uri, user) = (address(call), browser(call));
                    let mut shown = authorization(&challenge, "INVITE", &uri, &user, PASSWORD);
                    if status == "407" {
                        shown = format!("Proxy-{shown}");
                    }
                    self.send(call, cseq, "ACK", &tagged, "").await;
                    self.send(call, 2, "INVITE", &(to.clone() + &shown), offer).await;
                }
                "200" => {
                    self.send(call, cseq, "ACK", &tagged, "").await;
                    return answer.split_once("\r\n\r\n").expect("a body").1.to_owned();
                }
                status if status >= "300" => panic!("{answer}"),
                _ => {}
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
