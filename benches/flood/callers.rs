//! People who call while it rains: a carrier's callers, and phones that show their password. They repeat what is not
//! answered, as RFC 3261 section 17 has it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::branch::{HOST, PASSWORD, PHONES};
use crate::sip::{accept, authorization, header, sdp, sound_of, with_body};
use crate::sound::Sound;

const T1: Duration = Duration::from_millis(500);
/// Timer B.
const PATIENCE: Duration = Duration::from_secs(32);

/// A socket that loses nothing by itself.
pub fn bind(at: [u8; 4], port: u16) -> UdpSocket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
    let socket = socket.expect("a socket");
    let _ = socket.set_recv_buffer_size(8 << 20);
    socket.bind(&SocketAddr::from((at, port)).into()).expect("an address");
    socket.set_nonblocking(true).expect("no waiting");
    UdpSocket::from(socket)
}

/// What became of the calls since the last report.
#[derive(Default)]
pub struct Report {
    pub asked: usize,
    pub done: usize,
    pub slowest: Duration,
    p99: Duration,
    refused: BTreeMap<String, usize>,
}

impl Report {
    pub fn words(&self) -> String {
        let ms = |span: Duration| span.as_secs_f64() * 1e3;
        format!(
            "{} of {} set up, p99 {:.1} ms, slowest {:.1} ms, refused {:?}",
            self.done,
            self.asked,
            ms(self.p99),
            ms(self.slowest),
            self.refused
        )
    }
}

struct Call {
    /// From the carrier, or from a phone.
    phone: Option<usize>,
    to: usize,
    began: Instant,
    setup: Option<Duration>,
    over: bool,
    kept: bool,
    reported: bool,
    cseq: u32,
    /// What is repeated until it is answered, when, and after how long.
    again: Option<(String, Instant, Duration)>,
    remote: String,
    contact: String,
    sound: [Option<SocketAddr>; 2],
}

/// The carrier and the phones.
pub struct Callers {
    carrier: UdpSocket,
    phones: UdpSocket,
    calls: Vec<Call>,
    /// Calls that the box rang a phone for, by their Call-ID there.
    there: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
    registered: usize,
    audio: [SocketAddr; 2],
}

impl Callers {
    pub fn new() -> Callers {
        let nowhere = SocketAddr::from((HOST, 9));
        Callers {
            carrier: bind([192, 0, 2, 100], 5_060),
            phones: bind([192, 0, 2, 9], 5_060),
            calls: Vec::new(),
            there: BTreeMap::new(),
            refused: BTreeMap::new(),
            registered: 0,
            audio: [nowhere, nowhere],
        }
    }

    /// Every phone registers.
    pub fn register(&mut self) {
        for phone in 0..PHONES {
            let before = self.registered;
            let mut sent = Instant::now() - T1;
            let limit = Instant::now() + PATIENCE;
            while self.registered == before {
                assert!(Instant::now() < limit, "phone {phone} cannot register");
                if sent.elapsed() >= T1 {
                    self.send(Some(phone), &register(phone, 1, ""));
                    sent = Instant::now();
                }
                self.turn();
            }
        }
    }

    /// Sets calls up that stay.
    pub fn talk(&mut self, sound: &mut Sound, count: usize) {
        let at = |end: &UdpSocket| end.local_addr().expect("bound");
        self.audio = [at(&sound.ends[0]), at(&sound.ends[1])];
        for _ in 0..count {
            let call = self.new_call(None, true);
            let limit = Instant::now() + PATIENCE;
            while self.calls[call].sound.iter().any(Option::is_none) {
                assert!(Instant::now() < limit, "calls cannot be set up: {:?}", self.refused);
                self.turn();
            }
            if let [Some(a), Some(b)] = self.calls[call].sound {
                sound.add([a, b]);
            }
        }
    }

    /// One more caller: from the carrier and from a phone in turn.
    pub fn dial(&mut self) {
        let number = self.calls.len();
        let phone = (number % 2 == 1).then_some(number % PHONES);
        self.new_call(phone, false);
    }

    fn new_call(&mut self, phone: Option<usize>, kept: bool) -> usize {
        let number = self.calls.len();
        self.calls.push(Call {
            phone,
            to: (number * 7 + 3) % PHONES,
            began: Instant::now(),
            setup: None,
            over: false,
            kept,
            reported: kept,
            cseq: 1,
            again: None,
            remote: String::new(),
            contact: String::new(),
            sound: [None, None],
        });
        self.request(number, "INVITE", 1, "");
        number
    }

    fn request(&mut self, number: usize, method: &str, cseq: u32, authorization: &str) {
        let call = &self.calls[number];
        let at = self.socket(call.phone).local_addr().expect("bound");
        let own = match call.phone {
            Some(phone) => format!("<sip:{}@192.0.2.1>", 2_000 + phone),
            None => format!("<sip:+15559{number:06}@192.0.2.100>"),
        };
        let uri = if call.contact.is_empty() { uri(call) } else { call.contact.clone() };
        let to = if call.remote.is_empty() { format!("<{uri}>") } else { call.remote.clone() };
        let kind = if method == "ACK" && call.contact.is_empty() { "INVITE" } else { method };
        let body =
            if method == "INVITE" { sdp(self.audio[0].min(self.audio[0])) } else { String::new() };
        let body = body.replace(&self.audio[0].ip().to_string(), &at.ip().to_string());
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKg{number}x{cseq}{kind}\r\n\
             From: {own};tag=g\r\nTo: {to}\r\nCall-ID: g{number}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\
             X-Call: {number}\r\nContact: <sip:good@{at}>\r\n{authorization}"
        );
        let message = with_body(message, &body);
        self.send(self.calls[number].phone, &message);
        if method != "ACK" {
            self.calls[number].again = Some((message, Instant::now() + T1, T1));
            self.calls[number].cseq = cseq;
        }
    }

    fn socket(&self, phone: Option<usize>) -> &UdpSocket {
        if phone.is_some() { &self.phones } else { &self.carrier }
    }

    fn send(&self, phone: Option<usize>, message: &str) {
        // A full buffer loses it, as networks do.
        let _ = self.socket(phone).send_to(message.as_bytes(), SocketAddr::from((HOST, 5_060)));
    }

    /// Reads what is there, and repeats what was not answered.
    pub fn turn(&mut self) {
        let mut buffer = [0; 65_536];
        for phones in [true, false] {
            let socket = if phones { &self.phones } else { &self.carrier };
            let socket = socket.try_clone().expect("a descriptor");
            while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                if let Ok(message) = std::str::from_utf8(&buffer[..length]) {
                    self.hear(phones, message);
                }
            }
        }
        let now = Instant::now();
        for number in 0..self.calls.len() {
            let call = &mut self.calls[number];
            let Some((message, at, wait)) = &mut call.again else { continue };
            if call.began.elapsed() > PATIENCE * 2 {
                call.again = None;
            } else if *at <= now {
                *wait *= 2;
                *at = now + *wait;
                let (message, phone) = (message.clone(), call.phone);
                self.send(phone, &message);
            }
        }
    }

    fn hear(&mut self, phones: bool, message: &str) {
        if message.starts_with("SIP/2.0") {
            return self.answer(message);
        }
        let at = if phones { self.phones.local_addr() } else { self.carrier.local_addr() };
        let at = at.expect("bound");
        let phone = phones.then_some(0);
        if message.starts_with("INVITE") {
            // Which call it is, the caller's number tells; of phones, the order in which they called.
            let from = header(message, "From");
            let call = from.split_once("+15559").and_then(|(_, rest)| rest.get(..6)?.parse().ok());
            let known: Option<usize> =
                call.or_else(|| self.there.get(header(message, "Call-ID")).copied());
            if let Some(call) = known {
                self.there.insert(header(message, "Call-ID").to_owned(), call);
                self.calls[call].sound[1] = sound_of(message);
            }
            let audio = SocketAddr::new(at.ip(), self.audio[1].port());
            self.send(phone, &accept(message, at, &sdp(audio)));
        } else if !message.starts_with("ACK") {
            self.send(phone, &accept(message, at, ""));
        }
    }

    fn answer(&mut self, message: &str) {
        let status = message.get(8..11).unwrap_or_default();
        let cseq = header(message, "CSeq");
        let call = header(message, "Call-ID");
        if let Some(phone) = call.strip_prefix('r').and_then(|number| number.parse::<usize>().ok())
        {
            if status == "200" {
                self.registered += 1;
            } else if status == "401" {
                let shown = authorization(
                    message,
                    "REGISTER",
                    "sip:192.0.2.1",
                    &(2_000 + phone).to_string(),
                    PASSWORD,
                );
                self.send(Some(phone), &register(phone, 2, &shown));
            }
            return;
        }
        let number = call.strip_prefix('g').and_then(|number| number.parse::<usize>().ok());
        let Some(number) = number.filter(|number| *number < self.calls.len()) else { return };
        let known = format!("{} ", self.calls[number].cseq);
        if cseq.starts_with(&known) {
            self.calls[number].again = None;
        }
        match (status, cseq.ends_with("INVITE")) {
            (status, true) if status < "200" => {}
            ("200", true) => self.answered(number, message),
            ("401", true) if self.calls[number].cseq == 1 => {
                self.acknowledge(number, message, 1);
                let user = (2_000 + self.calls[number].phone.unwrap_or_default()).to_string();
                let uri = uri(&self.calls[number]);
                let shown = authorization(message, "INVITE", &uri, &user, PASSWORD);
                self.request(number, "INVITE", 2, &shown);
            }
            ("401", true) => self.acknowledge(number, message, 1),
            (status, true) => {
                *self.refused.entry(status.to_owned()).or_default() += 1;
                let cseq = self.calls[number].cseq;
                self.acknowledge(number, message, cseq);
                self.calls[number].over = true;
            }
            ("200" | "481", false) => self.calls[number].over = true,
            _ => {}
        }
    }

    /// The ACK of a refusal carries its tag, and the branch of its INVITE.
    fn acknowledge(&mut self, number: usize, message: &str, cseq: u32) {
        self.calls[number].remote = header(message, "To").to_owned();
        self.request(number, "ACK", cseq, "");
        self.calls[number].remote.clear();
    }

    fn answered(&mut self, number: usize, message: &str) {
        let call = &mut self.calls[number];
        let first = call.setup.is_none();
        call.setup = call.setup.or(Some(call.began.elapsed()));
        call.remote = header(message, "To").to_owned();
        let contact = header(message, "Contact");
        call.contact = contact.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        call.sound[0] = sound_of(message);
        let (cseq, kept) = (call.cseq, call.kept);
        if first || call.again.is_some() {
            self.request(number, "ACK", cseq.min(2), "");
        }
        if first && !kept {
            self.request(number, "BYE", cseq + 1, "");
        }
    }

    /// Waits until every call is over that should be.
    pub fn finish(&mut self, sound: &mut Sound) {
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit
            && self.calls.iter().any(|call| !call.kept && !call.over && call.again.is_some())
        {
            self.turn();
            sound.turn();
        }
    }

    /// What became of the calls since the last report.
    pub fn report(&mut self) -> Report {
        let mut setups = Vec::new();
        let mut report = Report { refused: std::mem::take(&mut self.refused), ..Report::default() };
        for call in self.calls.iter_mut().filter(|call| !call.reported) {
            call.reported = true;
            report.asked += 1;
            setups.extend(call.setup);
        }
        setups.sort();
        report.done = setups.len();
        report.slowest = setups.last().copied().unwrap_or_default();
        report.p99 = setups.get(setups.len() * 99 / 100).copied().unwrap_or_default();
        report
    }
}

fn uri(call: &Call) -> String {
    let to = 2_000 + call.to;
    match call.phone {
        Some(_) => format!("sip:{to}@192.0.2.1"),
        None => format!("sip:+1555{to}@192.0.2.1"),
    }
}

fn register(phone: usize, cseq: u32, authorization: &str) -> String {
    let user = 2_000 + phone;
    let message = format!(
        "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKr{phone}x{cseq}\r\n\
         From: <sip:{user}@192.0.2.1>;tag=r\r\nTo: <sip:{user}@192.0.2.1>\r\nCall-ID: r{phone}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@192.0.2.9:5060>\r\nExpires: 3600\r\n{authorization}"
    );
    with_body(message, "")
}
