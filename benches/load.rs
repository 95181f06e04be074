//! CPU of a whole box per unit of work: bridged calls, relayed packets, registrations.
//!
//! `cargo bench --bench load` starts the release binary on cores 0 and 1 with its journal on the disk, drives it over
//! loopback from the other cores, and prints one line for each kind of work and each of three sizes. The CPU time is
//! what the kernel counted for the box over the measured window, divided by the work that was seen done at this end.
//! `cargo bench --bench load calls` runs one kind.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

/// Phones that the box knows.
const PHONES: usize = 4_000;
/// Their password.
const PASSWORD: &str = "a load of phones";
/// How long each line measures.
const WINDOW: Duration = Duration::from_secs(5);
/// How long a call of the `calls` lines lasts.
const TALK: Duration = Duration::from_secs(2);
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the box listens.
const PORT: u16 = 28_060;
/// Hosts that the phones of the `registrations` lines are at: a box gives no single host all of its room.
const HOSTS: u8 = 16;
/// Where the phones take calls.
const PHONE_PORT: u16 = 28_070;

/// The box under load.
struct Site {
    process: Child,
    folder: PathBuf,
    sip: SocketAddr,
}

impl Site {
    fn start() -> Site {
        let folder = std::env::temp_dir().join(format!("branchline-load-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("secret"), PASSWORD).expect("the password");
        let config = folder.join("gateway.toml");
        fs::write(&config, configuration(&folder)).expect("the configuration");
        let process = Command::new("taskset")
            .args(["-c", "0,1", env!("CARGO_BIN_EXE_branchline"), "run", "-c"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset (util-linux) and the box start");
        Site { process, folder, sip: SocketAddr::from(([127, 0, 0, 1], PORT)) }
    }

    /// CPU time of all its threads, user and system, in microseconds.
    fn cpu(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        let nanoseconds: f64 = tasks
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<f64>().ok())
            .sum();
        nanoseconds / 1_000.0
    }

    /// Its resident memory in kB.
    fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("VmRSS")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn configuration(folder: &Path) -> String {
    let mut text = format!(
        "[site]\ndata_dir = \"{0}/data\"\n[admin]\nsocket = \"{0}/admin.sock\"\n\
         [sip]\nudp = [\"127.0.0.1:{PORT}\"]\ntcp = []\ntls = []\n\
         [media]\nport_min = 10000\nport_max = 27999\n\
         [limits]\ncalls = 10000\nnew_calls_per_second = 1000\n\
         [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.9\"]\nmax_calls = 5000\n",
        folder.display()
    );
    for phone in 0..PHONES {
        write!(
            text,
            "[[extension]]\nnumber = \"{0}\"\nsecret = {{ file = \"{1}/secret\" }}\n\
             [[inbound]]\nnumber = \"+1555{0}\"\nto = \"extension:{0}\"\n",
            number(phone),
            folder.display()
        )
        .expect("text");
    }
    text
}

fn number(phone: usize) -> String {
    format!("{}", 200_000 + phone)
}

/// A header's value; the first where there are several.
fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// The text of a parameter in quotation marks.
fn quoted<'m>(value: &'m str, name: &str) -> &'m str {
    value
        .split_once(&format!("{name}=\""))
        .map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default())
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text");
        hex
    })
}

/// One socket of this end.
struct Peer {
    socket: UdpSocket,
    at: SocketAddr,
    sip: SocketAddr,
}

impl Peer {
    fn new(at: [u8; 4], sip: SocketAddr) -> Peer {
        Peer::at(SocketAddr::from((at, 0)), sip)
    }

    fn at(at: SocketAddr, sip: SocketAddr) -> Peer {
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

    fn send(&self, message: &str) {
        while let Err(error) = self.socket.send_to(message.as_bytes(), self.sip) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        }
    }

    fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b str> {
        let (length, _) = self.socket.recv_from(buffer).ok()?;
        std::str::from_utf8(&buffer[..length]).ok()
    }

    /// Answers a request with 200.
    fn accept(&self, request: &str, body: &str) {
        let tag = if header(request, "To").contains("tag=") { "" } else { ";tag=phone" };
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            write!(answer, "{name}: {}\r\n", header(request, name)).expect("text");
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

fn with_body(mut message: String, body: &str) -> String {
    if !body.is_empty() {
        message += "Content-Type: application/sdp\r\n";
    }
    write!(message, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("text");
    message
}

fn sdp(at: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n",
        at.ip(),
        at.port()
    )
}

/// What is due at a steady rate.
struct Pace {
    began: Instant,
    rate: usize,
    done: usize,
}

impl Pace {
    fn new(rate: usize) -> Pace {
        Pace { began: Instant::now(), rate, done: 0 }
    }

    /// The numbers of what has become due.
    fn due(&mut self) -> std::ops::Range<usize> {
        let from = self.done;
        let passed = self.began.elapsed().min(WINDOW).as_secs_f64();
        self.done = (passed * self.rate as f64) as usize;
        from..self.done
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= WINDOW
    }
}

fn register(peer: &Peer, phone: usize, turn: usize, cseq: usize, authorization: &str) {
    let user = number(phone);
    let message = format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {0};branch=z9hG4bKr{phone}x{turn}x{cseq}\r\n\
         From: <sip:{user}@127.0.0.1>;tag=r\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: r{phone}x{turn}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@127.0.0.8:{PHONE_PORT}>\r\n\
         Expires: 3600\r\n{authorization}",
        peer.at
    );
    peer.send(&with_body(message, ""));
}

/// Answers a challenge.
fn authorize(peer: &Peer, challenge: &str) {
    let call = header(challenge, "Call-ID");
    let (phone, turn) = call[1..].split_once('x').expect("a call of ours");
    let (phone, turn) = (phone.parse().expect("a number"), turn.parse().expect("a number"));
    let md5_challenge = challenge
        .lines()
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: "))
        .find(|line| !line.contains("SHA-256"))
        .expect("MD5 is offered");
    let (realm, nonce) = (quoted(md5_challenge, "realm"), quoted(md5_challenge, "nonce"));
    let user = number(phone);
    let secret = md5(&format!("{user}:{realm}:{PASSWORD}"));
    let what = md5("REGISTER:sip:127.0.0.1");
    let response = md5(&format!("{secret}:{nonce}:00000001:c:auth:{what}"));
    let authorization = format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", \
         uri=\"sip:127.0.0.1\", qop=auth, nc=00000001, cnonce=\"c\", response=\"{response}\", algorithm=MD5\r\n"
    );
    register(peer, phone, turn, 2, &authorization);
}

/// Reads what is there; answers how many registrations were taken.
fn registered(peer: &Peer) -> usize {
    let mut buffer = [0; 65_536];
    let mut taken = 0;
    while let Some(message) = peer.receive(&mut buffer) {
        match message.get(8..11) {
            Some("401") => authorize(peer, message),
            Some("200") if header(message, "CSeq").ends_with("REGISTER") => taken += 1,
            _ if message.starts_with("OPTIONS") => peer.accept(message, ""),
            _ => {}
        }
    }
    taken
}

/// Every phone registers once, over and over until it is there.
fn register_all(peer: &Peer) {
    let limit = Instant::now() + 6 * PATIENCE;
    for phone in 0..PHONES {
        // The first also waits until the box has started.
        let mut turn = 0;
        loop {
            register(peer, phone, turn, 1, "");
            let again = Instant::now() + Duration::from_millis(100);
            let mut taken = 0;
            while taken == 0 && Instant::now() < again {
                taken = registered(peer);
            }
            if taken > 0 {
                break;
            }
            assert!(Instant::now() < limit, "phone {phone} cannot register");
            turn += 1;
        }
    }
}

/// One line: registrations with digest, challenge and answer together.
fn registrations(site: &Site, rate: usize) {
    let hosts: Vec<Peer> = (0..HOSTS).map(|host| Peer::new([127, 0, 1, host], site.sip)).collect();
    let all = || hosts.iter().map(registered).sum::<usize>();
    let cpu = site.cpu();
    let mut pace = Pace::new(rate);
    let mut taken = 0;
    let mut turn = 1_000 * rate;
    while !pace.is_over() {
        for due in pace.due() {
            turn += 1;
            register(&hosts[due % hosts.len()], due % PHONES, turn, 1, "");
        }
        taken += all();
    }
    let limit = Instant::now() + PATIENCE;
    while taken < pace.done && Instant::now() < limit {
        taken += all();
    }
    let each = (site.cpu() - cpu) / taken as f64;
    println!(
        "REGISTER, MD5 digest {rate:>5}/s  {each:8.1} us CPU each, {} of {} taken",
        taken, pace.done
    );
}

/// A call that the carrier makes to a phone.
#[derive(Default)]
struct Dialled {
    sent: Option<Instant>,
    /// Until the carrier has the answer.
    setup: Option<Duration>,
    to: String,
    contact: String,
    /// Where the box takes sound: from the carrier, from the phone.
    sound: [Option<SocketAddr>; 2],
    ended: bool,
}

/// The carrier, the phones and their calls.
struct Exchange<'a> {
    carrier: &'a Peer,
    phones: &'a Peer,
    sound: [Peer; 2],
    /// In which run, so that no two calls have the same name.
    run: usize,
    calls: Vec<Dialled>,
    /// Calls of the box to a phone, by their Call-ID there.
    there: BTreeMap<String, usize>,
    /// How often which status was the answer.
    refused: BTreeMap<String, usize>,
}

impl<'a> Exchange<'a> {
    fn new(carrier: &'a Peer, phones: &'a Peer, run: usize) -> Self {
        let sound =
            [Peer::new([127, 0, 0, 9], carrier.sip), Peer::new([127, 0, 0, 8], carrier.sip)];
        Exchange {
            carrier,
            phones,
            sound,
            run,
            calls: Vec::new(),
            there: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    fn request(&self, call: usize, method: &str, cseq: u32, body: &str) {
        let dialled = &self.calls[call];
        let (user, at, run) = (number(call % PHONES), self.carrier.at, self.run);
        let uri = if dialled.contact.is_empty() {
            format!("sip:+1555{user}@127.0.0.1")
        } else {
            dialled.contact.clone()
        };
        let to = if dialled.to.is_empty() { format!("<{uri}>") } else { dialled.to.clone() };
        // The ACK of a refusal belongs to the INVITE's transaction; only an answer brings a tag.
        let branch = if dialled.to.is_empty() { "INVITE" } else { method };
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKc{run}x{call}{branch}\r\n\
             From: <sip:+15559{call:06}@127.0.0.9>;tag=c\r\nTo: {to}\r\nCall-ID: c{run}x{call}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:carrier@{at}>\r\n"
        );
        self.carrier.send(&with_body(message, body));
    }

    fn dial(&mut self, call: usize) {
        self.calls.push(Dialled { sent: Some(Instant::now()), ..Dialled::default() });
        self.request(call, "INVITE", 1, &sdp(self.sound[0].at));
    }

    /// Reads what is there for both.
    fn turn(&mut self) {
        let mut buffer = [0; 65_536];
        let (carrier, phones) = (self.carrier, self.phones);
        while let Some(message) = phones.receive(&mut buffer) {
            self.at_phone(message);
        }
        while let Some(message) = carrier.receive(&mut buffer) {
            self.at_carrier(message);
        }
    }

    fn at_phone(&mut self, message: &str) {
        if message.starts_with("INVITE") {
            // The carrier's number names the call.
            let from = header(message, "From");
            let call = from.split_once("+15559").and_then(|(_, rest)| rest.get(..6)?.parse().ok());
            let call: usize = call.expect("the caller's number");
            self.there.insert(header(message, "Call-ID").to_owned(), call);
            self.calls[call].sound[1] = sound_of(message);
            self.phones.accept(message, &sdp(self.sound[1].at));
        } else if !message.starts_with("SIP/2.0") && !message.starts_with("ACK") {
            self.phones.accept(message, "");
        }
    }

    fn at_carrier(&mut self, message: &str) {
        if message.starts_with("OPTIONS") || message.starts_with("BYE") {
            return self.carrier.accept(message, "");
        }
        let call = header(message, "Call-ID").split_once('x').and_then(|(_, n)| n.parse().ok());
        let Some(call) = call.filter(|call: &usize| *call < self.calls.len()) else { return };
        let cseq = header(message, "CSeq");
        let status = message.get(8..11).unwrap_or_default();
        if status >= "300" {
            *self.refused.entry(status.to_owned()).or_default() += 1;
            self.request(call, "ACK", 1, "");
        }
        if status != "200" {
            return;
        }
        if cseq == "1 INVITE" {
            let dialled = &mut self.calls[call];
            dialled.setup = dialled.setup.or(dialled.sent.map(|sent| sent.elapsed()));
            dialled.to = header(message, "To").to_owned();
            let contact = header(message, "Contact");
            dialled.contact = contact.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            dialled.sound[0] = sound_of(message);
            self.request(call, "ACK", 1, "");
        } else if cseq == "2 BYE" {
            self.calls[call].ended = true;
        }
    }

    fn wait(&mut self, mut until: impl FnMut(&Dialled) -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !self.calls.iter().all(&mut until) && Instant::now() < limit {
            self.turn();
        }
    }

    fn hang_up_all(&mut self) {
        for call in 0..self.calls.len() {
            if !self.calls[call].ended {
                self.request(call, "BYE", 2, "");
                self.turn();
            }
        }
        self.wait(|dialled| dialled.ended);
    }
}

/// Where the box takes sound, from its session description.
fn sound_of(message: &str) -> Option<SocketAddr> {
    let port = message.split_once("m=audio ")?.1.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}

/// One line: calls from the carrier to a phone and back down, without sound.
fn calls(site: &Site, carrier: &Peer, phones: &Peer, rate: usize) {
    let mut exchange = Exchange::new(carrier, phones, rate);
    let cpu = site.cpu();
    let mut pace = Pace::new(rate);
    let mut hung_up = 0;
    while !pace.is_over() || hung_up < exchange.calls.len() {
        for call in pace.due() {
            exchange.dial(call);
        }
        while let Some(dialled) = exchange.calls.get(hung_up) {
            if dialled.sent.is_none_or(|sent| sent.elapsed() < TALK) {
                break;
            }
            exchange.request(hung_up, "BYE", 2, "");
            hung_up += 1;
        }
        exchange.turn();
    }
    exchange.wait(|dialled| dialled.ended);
    let done = exchange.calls.iter().filter(|dialled| dialled.ended).count();
    let each = (site.cpu() - cpu) / 1_000.0 / done as f64;
    let mut setups: Vec<_> = exchange.calls.iter().filter_map(|dialled| dialled.setup).collect();
    setups.sort();
    let late =
        setups.get(setups.len() * 99 / 100).map_or(f64::NAN, |late| late.as_secs_f64() * 1e3);
    println!(
        "call as B2BUA {rate:>11}/s  {each:8.2} ms CPU each, {done} of {} done, set-up p99 {late:.1} ms, refused: {:?}",
        exchange.calls.len(),
        exchange.refused
    );
}

/// One line: G.711 both ways through `count` calls.
fn relay(site: &Site, carrier: &Peer, phones: &Peer, count: usize) {
    let mut exchange = Exchange::new(carrier, phones, 1_000_000 + count);
    let mut dialled = 0;
    let began = Instant::now();
    while dialled < count {
        // Well below the limit of new calls a second.
        if began.elapsed() > Duration::from_millis(4) * dialled as u32 {
            exchange.dial(dialled);
            dialled += 1;
        }
        exchange.turn();
    }
    exchange.wait(|dialled| dialled.sound.iter().all(Option::is_some));
    let there: Vec<[SocketAddr; 2]> = exchange
        .calls
        .iter()
        .filter_map(|dialled| Some([dialled.sound[0]?, dialled.sound[1]?]))
        .collect();
    assert_eq!(there.len(), count, "calls were set up");
    // Half a second in which the box learns where everybody is.
    talk(&exchange, &there, 0, Duration::from_millis(500));
    let cpu = site.cpu();
    let (sent, heard) = talk(&exchange, &there, 25, WINDOW);
    let each = (site.cpu() - cpu) / heard as f64;
    println!("relayed G.711 {count:>9} calls  {each:8.1} us CPU a packet, {heard} of {sent} heard");
    exchange.hang_up_all();
}

/// Everybody speaks for `span`; answers how many packets were sent and heard.
fn talk(
    exchange: &Exchange<'_>,
    there: &[[SocketAddr; 2]],
    first: usize,
    span: Duration,
) -> (usize, usize) {
    let mut packet = [0x55; 172];
    packet[0] = 0x80;
    packet[1] = 0;
    let total = there.len() * (span.as_millis() / 20) as usize;
    let (mut turns, mut heard) = (0, 0);
    let mut buffer = [0; 2_048];
    let mut hear = || {
        let mut heard = 0;
        for peer in &exchange.sound {
            while let Ok((length, _)) = peer.socket.recv_from(&mut buffer) {
                // Reports (RTCP) have other payload types.
                heard += usize::from(length == 172 && buffer[1] & 0x7f == 0);
            }
        }
        heard
    };
    let began = Instant::now();
    while turns < total {
        let due = (began.elapsed().as_secs_f64() / 0.02 * there.len() as f64) as usize;
        while turns < due.min(total) {
            let (call, beat) = (turns % there.len(), first + turns / there.len());
            packet[2..4].copy_from_slice(&(beat as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(beat as u32 * 160).to_be_bytes());
            for (peer, to) in exchange.sound.iter().zip(there[call]) {
                // The port that it goes to is as good a name for a stream as any.
                packet[8..12].copy_from_slice(&u32::from(to.port()).to_be_bytes());
                let _ = peer.socket.send_to(&packet, to);
            }
            turns += 1;
        }
        heard += hear();
    }
    let limit = Instant::now() + Duration::from_millis(200);
    while heard < 2 * total && Instant::now() < limit {
        heard += hear();
    }
    (2 * total, heard)
}

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wants =
        |kind: &str| wanted.is_empty() || wanted.iter().any(|word| kind.contains(word.as_str()));
    // On a machine of two cores there is no other place, and the figures are worse for it.
    let own = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-acp", "2-3", &own]).stdout(Stdio::null()).status();
    let site = Site::start();
    let phones = Peer::at(SocketAddr::from(([127, 0, 0, 8], PHONE_PORT)), site.sip);
    let carrier = Peer::new([127, 0, 0, 9], site.sip);
    register_all(&phones);
    println!("{PHONES} phones are registered; the box has {:.0} MB", site.memory() / 1_024.0);
    if wants("calls") {
        for rate in [50, 200, 400] {
            calls(&site, &carrier, &phones, rate);
        }
    }
    if wants("relay") {
        for count in [100, 200, 400] {
            relay(&site, &carrier, &phones, count);
        }
    }
    // Last, for it moves the phones to other hosts.
    if wants("registrations") {
        for rate in [200, 1_000, 4_000] {
            registrations(&site, rate);
        }
    }
}
