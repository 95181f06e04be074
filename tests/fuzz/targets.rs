//! What each fuzz target does with its bytes. Nothing here may panic, whatever they are; what must hold besides is
//! asserted. libFuzzer runs these (`fuzz_targets/`), and `cargo test --test fuzz` replays the corpus through them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use branchline::id::{LegId, RecordingId};
use branchline::media::codec::Rate;
use branchline::media::codec::opus::{self as opus_codec, Decoder};
use branchline::media::plane::{self, Plane};
use branchline::media::{self, Clip, Codec, Kind, Stream, dtmf, rtcp, rtp, srtp};
use branchline::random::Random;
use branchline::sip::auth::{self, Algorithm, Credentials, Digest, Secret};
use branchline::sip::endpoint::{self, Endpoint, Event, Invite, SessionId};
use branchline::sip::flow::{ConnectionId, Flow, Route};
use branchline::sip::framing::{Frame, StreamFramer};
use branchline::sip::message::{
    Headers, Message, Method, Rejected, Request, Response, Status, Transport, parse,
};
use branchline::sip::sdp::{self, Direction, Local, Preference, SessionDescription};
use branchline::sip::uri::{Host, NameAddr, Uri};
use branchline::sip::wire::Why;
use branchline::smpp::codec::Command;
use branchline::smpp::frame::Framer;
use branchline::smpp::pdu::{Address, Bind, BindKind, Pdu, Text};
use branchline::smpp::receipt::{Receipt, Rules};
use branchline::smpp::session::{Grant, Handle, Limits, Output, Sending, Session, Ticket};
use branchline::smpp::status::Status as CommandStatus;
use branchline::smpp::text::{Content, Plain};
use branchline::smpp::{self, schedule};
use branchline::sms::modem::{self, Kept, Modem, NoLine, Order, Profiles};
use branchline::sms::simulated::{Make, Simulated};
use branchline::time::{Now, UnixTime};

#[path = "letters.rs"]
mod letters;
#[path = "messages.rs"]
mod messages;

#[path = "adapters.rs"]
mod services;

pub use letters::{imap, mail};
pub use messages::{assemble, pdu};
pub use services::adapters;

/// A target: takes any bytes.
pub type Target = fn(&[u8]);

/// Each target by its name, as its folder under `corpus/` is called.
pub const ALL: [(&str, Target); 18] = [
    ("wire", wire),
    ("uri", uri),
    ("sdp", sdp),
    ("digest", digest),
    ("rtp_rtcp", rtp_rtcp),
    ("srtp", srtp),
    ("wav", wav),
    ("framing", framing),
    ("endpoint", endpoint),
    ("plane", plane),
    ("opus", opus),
    ("smpp", smpp),
    ("pdu", pdu),
    ("assemble", assemble),
    ("at", at),
    ("adapters", adapters),
    ("mail", mail),
    ("imap", imap),
];

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

/// What was read and is printed reads back as the same.
pub fn wire(bytes: &[u8]) {
    for stream in [false, true] {
        match parse(bytes, stream) {
            Ok(message) => {
                look_at(&message);
                let printed = message.encode();
                match parse(&printed, true) {
                    Ok(again) => assert_eq!(again.encode(), printed),
                    // The length that is written may be the one line too many.
                    Err(why) => assert_eq!(why.why(), Why::TooLarge, "what we print, we read"),
                }
            }
            Err(Rejected::Answer(response, _)) => {
                let printed = response.encode();
                // Vias and tags of what could not be read are copied as they came: it need not be a message.
                let _ = parse(&printed, stream);
            }
            Err(Rejected::Drop(_)) => {}
        }
    }
}

fn look_at(message: &Message) {
    let headers = message.headers();
    let _ = (headers.vias(), headers.from(), headers.to(), headers.contacts(), headers.cseq());
    let _ = (headers.routes("Route"), headers.max_forwards(), headers.expires());
    let _ = (headers.list("Supported"), headers.address("Refer-To"), message.sdp());
    if let Message::Request(request) = message {
        let answer = Response::to(request, Status::OK).with_to_tag("tag");
        parse(&answer.encode(), true).expect("an answer to what we read is a message");
    }
}

/// What was read and is printed reads back as the same.
pub fn uri(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(uri) = Uri::parse(&text) {
        let printed = uri.to_string();
        let again = Uri::parse(&printed);
        assert_eq!(again.as_ref(), Ok(&uri), "{printed}");
        assert!(uri.equivalent(&uri), "{printed}");
    }
    if let Ok(named) = NameAddr::parse(&text) {
        let printed = named.to_string();
        assert_eq!(NameAddr::parse(&printed).as_ref(), Ok(&named), "{printed}");
    }
    let _ = NameAddr::parse_list(&text);
}

/// A description reads back as it was printed, and an answer has a line for each line of the offer.
pub fn sdp(bytes: &[u8]) {
    let Ok(offer) = SessionDescription::parse(bytes) else { return };
    let printed = offer.to_string();
    let again = SessionDescription::parse(printed.as_bytes()).expect("what we print, we read");
    assert_eq!(again.to_string(), printed);
    let address = IpAddr::from([192, 0, 2, 1]);
    let local = Local {
        origin: sdp::Origin::new(1, 1, address),
        address,
        port: 9_000,
        codecs: vec![sdp::Codec::pcmu(), sdp::Codec::pcma()],
        preference: Preference::Theirs,
        direction: Direction::SendRecv,
        events: true,
        own: sdp::Own::CLEAR,
    };
    if let Ok(answered) = sdp::answer(&offer, &local) {
        assert_eq!(answered.sdp.media.len(), offer.media.len());
        let text = answered.sdp.to_string();
        SessionDescription::parse(text.as_bytes()).expect("an answer is a description");
        assert!(answered.audio.remote.port() != 0);
        let _ = sdp::negotiated(&answered.sdp, &offer);
    }
    let ours = sdp::audio_offer(
        sdp::Origin::new(1, 1, address),
        address,
        9_000,
        &local.codecs,
        Some(101),
        Direction::SendRecv,
    );
    let _ = sdp::negotiated(&ours, &offer);
    keyed(&offer, &local, ours);
}

/// The same where keys are wanted: who must have them gets them or nothing, and an answer has none of the offer's.
fn keyed(offer: &SessionDescription, local: &Local, mut ours: SessionDescription) {
    let key = |byte| sdp::crypto::Key::new([byte; sdp::crypto::LONGEST_KEY]);
    for wish in [sdp::crypto::Wish::Either, sdp::crypto::Wish::Protected] {
        let own = sdp::Own { wish, fresh: key(9), before: None };
        if let Ok(answered) = sdp::answer(offer, &Local { own, ..local.clone() }) {
            let agreed = answered.audio.protection;
            assert!(agreed.is_some() || wish == sdp::crypto::Wish::Either);
            assert!(agreed.is_none_or(|agreed| agreed.ours == key(9)));
        }
        sdp::protect(&mut ours, wish, &[(sdp::crypto::Suite::AesCm80, key(8))]);
        if let Ok(agreed) = sdp::negotiated(&ours, offer) {
            let clear = wish == sdp::crypto::Wish::Either;
            assert!(agreed.protection.map_or(clear, |agreed| agreed.theirs != agreed.ours));
        }
    }
}

/// Sealed packets (SRTP, SRTCP): what comes is opened or refused, and what is not sealed with the key is never opened.
pub fn srtp(bytes: &[u8]) {
    let key = |byte| srtp::MasterKey::new([byte; srtp::LONGEST_KEY]);
    for suite in [srtp::Suite::AesCm80, srtp::Suite::AesCm32, srtp::Suite::AesGcm] {
        let keys = srtp::Keys { suite, ours: key(1), theirs: key(2), resumed: false };
        let mut protection = srtp::Protection::new(keys).expect("a known suite");
        let mut clear = Vec::new();
        assert!(protection.open_rtp(bytes, &mut clear).is_err(), "nobody knows the key");
        assert!(protection.open_rtcp(bytes, &mut clear).is_err(), "nobody knows the key");
        let there = srtp::Keys { suite, ours: key(2), theirs: key(1), resumed: false };
        let mut there = srtp::Protection::new(there).expect("a known suite");
        let mut sealed = bytes.to_vec();
        if protection.seal_rtp(&mut sealed) {
            // Extensions in forms that nobody sends are lost on their way, and harm nothing.
            let _ = there.open_rtp(&sealed, &mut clear);
            assert!(!protection.seal_rtp(&mut bytes.to_vec()), "one number, twice");
        }
        let mut sealed = bytes.to_vec();
        if protection.seal_rtcp(&mut sealed) {
            let _ = there.open_rtcp(&sealed, &mut clear);
        }
    }
}

/// Challenges are answered and answers judged; no bytes are the right password.
pub fn digest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<_> = text.lines().collect();
    let secret = Secret::plain("correct horse");
    let own = Credentials { username: "201".into(), secret: secret.clone(), realm: None };
    let uri = "sip:branch";
    if let Some(answer) = auth::answer(&lines, &own, &Method::INVITE, uri, 1, "cnonce") {
        // A challenge with a line break in it becomes no header.
        let set = Headers::default().push("Authorization", answer.clone());
        assert_eq!(set.is_ok(), !answer.contains(['\r', '\n', '\0']));
    }
    let algorithms = [Algorithm::Sha256, Algorithm::Md5];
    let mut gate = Digest::new("branchline", &algorithms, Random::from_number(1));
    let source = IpAddr::from([192, 0, 2, 9]);
    let challenge = gate.challenge(now(), source, false, false);
    let nonce = challenge[0].split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
    let uri = Uri::parse(uri).expect("a URI");
    for line in lines {
        let line = line.replace("$NONCE", nonce.expect("it has a nonce"));
        let _ = auth::claimed_user(&line);
        let known = |user: &str| (user == "201").then_some(&secret);
        let verdict = gate.verify(now(), source, &Method::INVITE, &uri, &line, known);
        assert!(!matches!(verdict, auth::Verdict::Right { .. }), "{line}");
    }
}

/// A packet reads back as it was written.
pub fn rtp_rtcp(bytes: &[u8]) {
    if let Some(packet) = rtp::read(bytes) {
        let mut written = Vec::new();
        rtp::write(&mut written, &packet);
        assert_eq!(rtp::read(&written), Some(packet));
        if let Some(event) = dtmf::Event::read(packet.payload) {
            let mut ear = dtmf::Ear::default();
            let first = ear.hear(packet.timestamp, event);
            assert!(first.is_none() || ear.hear(packet.timestamp, event).is_none(), "one press");
            assert!(dtmf::lasted(event, packet.ssrc) <= Duration::from_secs(60));
        }
    }
    for ssrc in [1, u32::MAX] {
        let _ = rtcp::read(bytes, ssrc, now().unix);
    }
}

/// A file is sound or a reason.
pub fn wav(bytes: &[u8]) {
    if let Ok(clip) = media::wav::read(bytes) {
        assert!(format!("{clip:?}").len() < 1 << 30);
    }
}

/// Where a stream is cut into reads changes nothing.
pub fn framing(bytes: &[u8]) {
    let Some((step, stream)) = bytes.split_first() else { return };
    let frames = |step: usize| {
        let mut framer = StreamFramer::default();
        let mut frames = Vec::new();
        for piece in stream.chunks(step) {
            framer.push(piece);
            frames.extend(std::iter::from_fn(|| framer.next()));
        }
        frames
    };
    let whole = frames(stream.len().max(1));
    assert_eq!(frames(usize::from(*step).max(1)), whole);
    for frame in whole {
        if let Frame::Message(message) = frame {
            let _ = parse(&message, true);
        }
    }
}

/// Datagrams, time and decisions in the order of the bytes; afterwards nothing may be left over.
///
/// A line that begins with `~` and a letter ends a datagram and says what happens next. In a datagram, `$TAG` stands
/// for the tag that the endpoint gave last, `$BRANCH`, `$CALLID` and `$CSEQ` for what its last message had: so the bytes
/// can answer and go on.
pub fn endpoint(bytes: &[u8]) {
    let mut scene = Scene::new();
    for step in bytes.split(|byte| *byte == b'~').take(64) {
        let Some((what, datagram)) = step.split_first() else { continue };
        scene.choose(*what);
        if !datagram.is_empty() {
            scene.arrives(datagram);
        }
        scene.carry_out();
    }
    scene.finish();
}

struct Scene {
    now: Now,
    endpoint: Endpoint,
    sessions: BTreeSet<SessionId>,
    what: u8,
    peer: SocketAddr,
    transport: Transport,
    last: [(&'static str, String); 4],
}

const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5060);

impl Scene {
    fn new() -> Scene {
        let settings = endpoint::Settings { max_transactions: 500, ..Default::default() };
        Scene {
            now: now(),
            endpoint: Endpoint::new(settings, Random::from_number(1)),
            sessions: BTreeSet::new(),
            what: b'a',
            peer: SocketAddr::from(([192, 0, 2, 9], 5060)),
            transport: Transport::Udp,
            last: ["$TAG", "$BRANCH", "$CALLID", "$CSEQ"].map(|name| (name, String::new())),
        }
    }

    /// What the letter stands for: time that passes, who sends, what is decided about the next thing.
    fn choose(&mut self, what: u8) {
        self.what = what;
        match what {
            b'1'..=b'9' => self.pass(Duration::from_millis(1 << (2 * (what - b'0')))),
            b'u' => self.transport = Transport::Udp,
            b't' => self.transport = Transport::Tcp,
            b'p' => self.peer = SocketAddr::from(([192, 0, 2, 9], 5060)),
            b'q' => self.peer = SocketAddr::from(([198, 51, 100, 7], 9)),
            b'i' => self.invite(),
            b'h' => self.with_a_session(|scene, id| {
                scene.endpoint.hang_up(scene.now, id, Some("Q.850;cause=16"));
            }),
            b'o' => self.with_a_session(|scene, id| {
                let offer = description();
                scene.endpoint.reoffer(scene.now, id, &offer);
            }),
            b'n' => self.with_a_session(|scene, id| {
                scene.endpoint.notify_refer(scene.now, id, Status::OK);
            }),
            b'd' => self.with_a_session(|scene, id| {
                scene.endpoint.info(scene.now, id, "application/dtmf", b"5");
            }),
            b'x' => {
                let route = self.route();
                self.endpoint.handle_unreachable(self.now, &route);
            }
            _ => {}
        }
        self.carry_out();
    }

    fn with_a_session(&mut self, act: impl FnOnce(&mut Scene, SessionId)) {
        if let Some(id) = self.sessions.first().copied() {
            act(self, id);
        }
    }

    fn flow(&self) -> Flow {
        let connection = ConnectionId(u64::from(self.transport != Transport::Udp));
        Flow { transport: self.transport, local: LOCAL, peer: self.peer, connection }
    }

    fn route(&self) -> Route {
        Route::Address { transport: Transport::Udp, peer: self.peer }
    }

    fn arrives(&mut self, datagram: &[u8]) {
        let mut datagram = datagram.to_vec();
        for (name, value) in &self.last {
            datagram = replaced(&datagram, name.as_bytes(), value.as_bytes());
        }
        self.endpoint.handle_received(self.now, self.flow(), &datagram);
    }

    fn invite(&mut self) {
        let uri = Uri::sip(Some("201"), Host::Ip(self.peer.ip()), Some(self.peer.port()));
        let invite = Invite {
            route: self.route(),
            local: LOCAL,
            to: NameAddr::new(uri.clone()),
            from: NameAddr::new(Uri::sip(Some("100"), Host::Ip(LOCAL.ip()), None)),
            uri,
            headers: Headers::default(),
            sdp: Some(description()),
            beside: None,
            reliable: Default::default(),
            credentials: Some(Credentials {
                username: "100".into(),
                secret: Secret::plain("x"),
                realm: None,
            }),
        };
        let id = self.endpoint.invite(self.now, invite);
        self.sessions.insert(id);
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                endpoint::Output::Send { bytes, .. } => self.sent(&bytes),
                endpoint::Output::Event(event) => self.decide(event),
            }
        }
    }

    /// Whatever we send is a message.
    fn sent(&mut self, bytes: &[u8]) {
        let Ok(message) = parse(bytes, true) else {
            // A refusal repeats the headers of a message that could not be read.
            assert!(bytes.starts_with(b"SIP/2.0 4") || bytes.starts_with(b"SIP/2.0 5"));
            return;
        };
        let headers = message.headers();
        let is_ours = matches!(message, Message::Request(_));
        let tagged = if is_ours { headers.from() } else { headers.to() };
        let branch = headers.top_via().ok().and_then(|via| via.branch().map(str::to_owned));
        let values = [
            tagged.ok().and_then(|named| named.tag().map(str::to_owned)),
            branch,
            headers.call_id().ok().map(str::to_owned),
            headers.cseq().ok().map(|cseq| cseq.number.to_string()),
        ];
        for ((_, last), value) in self.last.iter_mut().zip(values) {
            if let Some(value) = value {
                *last = value;
            }
        }
    }

    fn decide(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Invited { session, request, .. } => {
                self.sessions.insert(session);
                self.answer_call(session, &request);
            }
            Event::Request { key, request, .. } => match self.what {
                b'f' => self.endpoint.forget(key),
                b's' => {
                    let response = Response::to(&request, Status::FORBIDDEN);
                    self.endpoint.respond_once(now, key, &request, response);
                }
                _ => self.endpoint.respond(now, key, Response::to(&request, Status::OK)),
            },
            Event::Reoffered { session, .. } if self.what == b'r' => {
                self.endpoint.refuse_reoffer(now, session, Status::NOT_ACCEPTABLE_HERE);
            }
            Event::Reoffered { session, .. } => {
                self.endpoint.answer_reoffer(now, session, &description());
            }
            Event::Refer { session, key, request, .. } => {
                self.endpoint.accept_refer(now, session, key, &request);
            }
            Event::Elsewhere { session, key, request, flow } => match self.what {
                b'f' => self.endpoint.forget(key),
                _ => self.endpoint.admit(now, session, key, request, flow),
            },
            Event::OfferDue { session } => self.endpoint.reoffer(now, session, &description()),
            Event::Ended { session, .. } => {
                assert!(self.sessions.remove(&session), "an end for each beginning, and one");
            }
            _ => {}
        }
    }

    fn answer_call(&mut self, session: SessionId, request: &Request) {
        let now = self.now;
        match self.what {
            b'f' => self.endpoint.ignore(session),
            b's' => {
                let response = Response::to(request, Status::FORBIDDEN);
                self.endpoint.refuse_once(now, session, response);
            }
            b'r' => self.endpoint.reject(now, session, Status::BUSY_HERE, Some(5)),
            b'w' => self.endpoint.ring(now, session, Status::RINGING, None),
            b'e' => {
                self.endpoint.trying(now, session);
                self.endpoint.ring(now, session, Status::PROGRESS, Some(&description()));
                self.endpoint.answer(now, session, &description());
            }
            _ => self.endpoint.answer(now, session, &description()),
        }
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now.instant + span;
        for _ in 0..5_000 {
            let Some(due) = self.endpoint.deadline().filter(|due| *due <= until) else { break };
            self.now = self.now.after(due.saturating_duration_since(self.now.instant));
            self.endpoint.handle_timeout(self.now);
            self.carry_out();
        }
        self.now = self.now.after(until.saturating_duration_since(self.now.instant));
    }

    /// Everybody hangs up, and then there is nothing.
    fn finish(&mut self) {
        for _ in 0..3 {
            for session in self.sessions.clone() {
                self.endpoint.hang_up(self.now, session, None);
            }
            self.carry_out();
            self.pass(Duration::from_secs(400));
        }
        assert!(self.sessions.is_empty(), "a session is left over");
        assert_eq!(self.endpoint.alive(), (0, 0), "something is left over");
    }
}

fn replaced(bytes: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(value);
        rest = &rest[at + name.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn description() -> SessionDescription {
    let address = LOCAL.ip();
    let origin = sdp::Origin::new(1, 1, address);
    let codecs = [sdp::Codec::pcmu()];
    sdp::audio_offer(origin, address, 9_000, &codecs, Some(101), Direction::SendRecv)
}

/// Commands and packets in the order of the bytes: a letter, a length, and so many bytes.
pub fn plane(bytes: &[u8]) {
    let mut now = now();
    let mut plane = Plane::new(plane::Settings::default(), Random::from_number(1));
    let mut packets: BTreeMap<LegId, u64> = BTreeMap::new();
    let mut rest = bytes;
    let (a, b) = (LegId(1), LegId(2));
    for leg in [a, b] {
        plane.handle_command(now, media::Command::Open { leg, local: LOCAL });
        let stream = stream_of(leg, Codec::Pcmu);
        plane.handle_command(now, media::Command::Configure { leg, stream });
    }
    for _ in 0..256 {
        let [what, length, tail @ ..] = rest else { break };
        let (piece, after) = tail.split_at(tail.len().min(usize::from(*length)));
        rest = after;
        let leg = if what & 0x80 == 0 { a } else { b };
        let from = SocketAddr::from(([192, 0, 2, 9 + (what >> 6 & 1)], 4_000 + leg.0 as u16));
        match what & 0x1f {
            0..=7 => plane.handle_packet(now, leg, Kind::Rtp, from, piece),
            8 | 9 => plane.handle_packet(now, leg, Kind::Rtcp, from, piece),
            10 => plane.handle_command(now, media::Command::Bridge { a, b }),
            11 => plane.handle_command(now, media::Command::Unbridge { leg }),
            12 => plane.handle_command(now, media::Command::Echo { leg, on: *length > 9 }),
            13 => {
                let digits = String::from_utf8_lossy(piece).into_owned();
                plane.handle_command(now, media::Command::SendDigits { leg, digits });
            }
            14 => plane.handle_command(
                now,
                media::Command::Record {
                    leg,
                    recording: RecordingId(1),
                    max: Duration::from_secs(10),
                    stop_after_silence: Some(Duration::from_secs(2)),
                    stop_on_digit: true,
                    beep: *length > 9,
                },
            ),
            15 => {
                let codec = [Codec::Pcmu, Codec::Pcma, Codec::Relay][usize::from(*length) % 3];
                let stream = stream_of(leg, codec);
                plane.handle_command(now, media::Command::Configure { leg, stream });
            }
            16 => {
                let clips: Vec<Clip> = media::wav::read(piece).into_iter().collect();
                let (repeat, stop_on_digit) = (*length > 200, *length > 99);
                let command = media::Command::Play { leg, token: 1, clips, repeat, stop_on_digit };
                plane.handle_command(now, command);
            }
            17 => plane.handle_command(now, media::Command::StopPlay { leg }),
            18 => plane.handle_command(now, media::Command::StopRecord { leg }),
            19 => plane.handle_command(now, media::Command::Close { leg }),
            20 => plane.handle_command(now, media::Command::Open { leg, local: LOCAL }),
            _ => {
                now = now.after(Duration::from_millis(u64::from(*length)));
                plane.handle_timeout(now);
            }
        }
        while let Some(output) = plane.poll_output() {
            if let media::Output::Send { leg, kind: Kind::Rtp, bytes, .. } = output {
                assert!(rtp::read(&bytes).is_some(), "what we send is a packet");
                *packets.entry(leg).or_default() += 1;
                plane.recycle(bytes);
            }
        }
    }
    for leg in [a, b] {
        plane.handle_command(now, media::Command::Close { leg });
    }
    assert!(plane.is_empty(), "a leg is left over");
}

fn stream_of(leg: LegId, codec: Codec) -> Stream {
    Stream {
        codec,
        payload_type: if codec == Codec::Pcma { 8 } else { 0 },
        clock_rate: 8_000,
        dtmf: Some(101),
        ours: (if codec == Codec::Pcma { 8 } else { 0 }, Some(101)),
        dtmf_clock: 8_000,
        wishes: Default::default(),
        tones: true,
        comfort: Some(13),
        ptime_ms: 20,
        remote: SocketAddr::from(([192, 0, 2, 9], 4_000 + leg.0 as u16)),
        signalled: None,
        waits: false,
        remote_rtcp: None,
        send: true,
        receive: true,
        protection: None,
        peer: false,
    }
}

/// Payloads of Opus one after another, each with a length of two octets before it: decoded, made up and recovered at both
/// rates, and carried over to G.711 in a plane. Whatever they are, a packet is 120 ms of sound at most and is through in far
/// less than that.
pub fn opus(bytes: &[u8]) {
    let mut decoders =
        [Rate::Narrow, Rate::Wide].map(|rate| (rate, Decoder::new(rate).expect("a rate of Opus")));
    let mut now = now();
    let mut plane = Plane::new(plane::Settings::default(), Random::from_number(1));
    let (a, b) = (LegId(1), LegId(2));
    for (leg, codec) in [(a, Codec::Opus), (b, Codec::Pcmu)] {
        plane.handle_command(now, media::Command::Open { leg, local: LOCAL });
        let stream = Stream { clock_rate: 48_000, ..stream_of(leg, codec) };
        let stream = if leg == a { stream } else { stream_of(leg, codec) };
        plane.handle_command(now, media::Command::Configure { leg, stream });
    }
    plane.handle_command(now, media::Command::Bridge { a, b });
    let from = SocketAddr::from(([192, 0, 2, 9], 4_001));
    let mut rest = bytes;
    let (mut sequence, mut timestamp) = (0u16, 0u32);
    while let [high, low, after @ ..] = rest {
        // The upper five bits say how many packets were lost before, the rest how long this one is.
        let lost = u16::from(high >> 3);
        let length = usize::from(u16::from_be_bytes([high & 7, *low])).min(after.len());
        let (payload, after) = after.split_at(length);
        rest = after;
        let began = Instant::now();
        for (rate, decoder) in &mut decoders {
            let mut out = Vec::new();
            if lost > 0 {
                let _ = decoder.recover(payload, 20, &mut out);
                let _ = decoder.conceal(usize::from(lost.min(6)) * 20, &mut out);
                out.clear();
            }
            let told = decoder.decode(payload, &mut out);
            let ought =
                opus_codec::length(payload).map(|tenths| tenths * rate.hertz() as usize / 10_000);
            assert!(out.len() <= rate.hertz() as usize * opus_codec::LONGEST_MS / 1_000);
            assert!(told.is_err() || ought == Some(out.len()), "as long as it says");
        }
        sequence = sequence.wrapping_add(1 + lost);
        timestamp = timestamp.wrapping_add(960 * (1 + u32::from(lost)));
        let mut packet = Vec::new();
        let header =
            rtp::Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 7, payload };
        rtp::write(&mut packet, &header);
        now = now.after(Duration::from_millis(20));
        plane.handle_packet(now, a, Kind::Rtp, from, &packet);
        let mut sound = 0;
        while let Some(output) = plane.poll_output() {
            if let media::Output::Send { kind: Kind::Rtp, bytes, .. } = output {
                sound += rtp::read(&bytes).expect("what we send is a packet").payload.len();
                plane.recycle(bytes);
            }
        }
        assert!(sound <= 8 * 260, "120 ms that were lost, 120 that came, and what was left over");
        assert!(began.elapsed() < Duration::from_secs(2), "bounded");
    }
}

static PROFILES: LazyLock<Arc<Profiles>> =
    LazyLock::new(|| Arc::new(Profiles::shipped().expect("what is shipped can be read")));

/// A modem that says anything, in any pieces, at any time, while it is given orders: every message that is to be sent has one
/// outcome at most. What is heard is also said to a simulated modem.
pub fn at(bytes: &[u8]) {
    let mut now = now();
    let settings = modem::Settings { pin: Some("1234".to_owned()), ..modem::Settings::default() };
    let mut modem = Modem::new(settings, PROFILES.clone(), Kept::default());
    let mut other = Simulated::new(now, Make::default());
    let (mut sent, mut over) = (BTreeSet::new(), BTreeSet::new());
    modem.handle_opened(now, false);
    for (turn, chunk) in bytes.split(|octet| *octet == 0xff).enumerate() {
        let Some((first, said)) = chunk.split_first() else { continue };
        now = now.after(Duration::from_millis(u64::from(*first >> 4) * 700));
        modem.handle_timeout(now);
        other.handle_timeout(now);
        let id = turn as u64;
        match first & 15 {
            0 => modem.handle_gone(now),
            1 => modem.handle_opened(now, turn % 2 == 0),
            2 => modem.handle_order(now, Order::Ussd("*100#".to_owned())),
            3 => modem.handle_order(now, Order::Reset),
            4 => modem.handle_no_line(now, NoLine::Absent),
            5 | 6 => {
                sent.insert(id);
                let (to, parts) = ("+15550002".to_owned(), vec![said.to_vec(); 2]);
                let until = now.unix + Duration::from_secs(60);
                let urgent = first & 1 == 0;
                let send = modem::Send { id, to, parts, until, urgent };
                modem.handle_order(now, Order::Send(send));
            }
            _ => {}
        }
        modem.handle_bytes(now, said);
        other.handle_bytes(now, said);
        while let Some(output) = modem.poll_output() {
            match output {
                modem::Output::Told(modem::Told::Arrived { key, .. }) if turn % 2 == 0 => {
                    modem.handle_order(now, Order::Stored(key));
                }
                modem::Output::Told(modem::Told::Sent { id, .. }) => {
                    assert!(sent.contains(&id) && over.insert(id), "one outcome for {id}");
                }
                _ => {}
            }
        }
        while other.poll_output().is_some() {}
    }
    let _ = (modem.snapshot(), modem.transcript(), modem.deadline());
}

/// Octets and events at both ends of an SMPP link. Each request of ours has one fate, windows hold what they may, and what
/// was read is written as it came.
pub fn smpp(bytes: &[u8]) {
    let Some((end, script)) = bytes.split_first() else { return };
    let mut link = SmppLink::new(*end);
    for step in script.split(|octet| *octet == b'~').take(64) {
        let Some((what, octets)) = step.split_first() else { continue };
        link.step(*what, octets);
        link.carry_out();
    }
    link.finish();
}

struct SmppLink {
    now: Now,
    session: Session,
    open: Vec<Handle>,
    fates: BTreeMap<u64, usize>,
    sent: u64,
    written: u64,
    offered: u64,
}

impl SmppLink {
    fn new(end: u8) -> SmppLink {
        let (now, random) = (now(), Random::from_number(1));
        let limits =
            Limits { window: 3, theirs: 3, queue: 5, ordered: end & 4 == 0, ..Limits::default() };
        let text = Text::from("box");
        let bind = Bind {
            kind: smpp_kind(end >> 3),
            system_id: text.clone(),
            password: text.clone(),
            system_type: text.clone(),
            version: 0x34,
            range: Address::default(),
        };
        let session = match end & 3 {
            0 => Session::esme(now, limits, bind, random),
            1 => Session::called(now, limits, bind, random),
            2 => Session::smsc(now, limits, text, random),
            _ => Session::calling(now, limits, text.clone(), text, random),
        };
        let (open, fates) = (Vec::new(), BTreeMap::new());
        SmppLink { now, session, open, fates, sent: 0, written: 0, offered: 0 }
    }

    /// What the letter stands for. A capital one is a PDU whose header is right: its sequence and status come first.
    fn step(&mut self, what: u8, octets: &[u8]) {
        let now = self.now;
        match what {
            b'a' => self.session.handle_octets(now, octets),
            b't' => {
                let seconds = octets.first().copied().unwrap_or(1);
                self.now = now.after(Duration::from_secs(u64::from(seconds)));
                self.session.handle_timeout(self.now);
            }
            b'w' => {
                self.written = self.offered;
                self.session.handle_written(now, self.written);
            }
            b'v' => self.session.handle_verdict(now, Ok(Grant::default())),
            b'r' => self.session.handle_verdict(now, Err(CommandStatus::BIND_FAILED)),
            b'u' => self.session.handle_unbind(now),
            b's' => self.send(octets),
            b'o' => {
                let status = CommandStatus(octets.first().copied().unwrap_or(0).into());
                for handle in std::mem::take(&mut self.open) {
                    self.session.handle_answer(now, handle, status, None);
                }
            }
            b'A'..=b'Z' => self.arrives(what, octets),
            _ => {}
        }
    }

    fn send(&mut self, octets: &[u8]) {
        let to = Address::of(&octets.first().copied().unwrap_or(b'1').to_string());
        let short_message = octets.to_vec().into();
        let message = Box::new(smpp::pdu::Message { to, short_message, ..Default::default() });
        let pdu = match self.sent % 3 {
            0 => Pdu::Submit(message),
            1 => Pdu::Deliver(message),
            _ => Pdu::Data(message),
        };
        let ticket = Ticket(self.sent);
        self.sent += 1;
        self.session.handle_send(self.now, Sending { ticket, pdu, until: None });
    }

    fn arrives(&mut self, what: u8, octets: &[u8]) {
        const COMMANDS: [u32; 26] = [
            0x01,
            0x02,
            0x09,
            0x0B,
            0x04,
            0x05,
            0x103,
            0x21,
            0x03,
            0x08,
            0x07,
            0x15,
            0x06,
            0x102,
            0x111,
            0x112,
            0x113,
            0x8000_0000,
            0x8000_0001,
            0x8000_0009,
            0x8000_0004,
            0x8000_0005,
            0x8000_0103,
            0x8000_0006,
            0x8000_0015,
            0x8000_0021,
        ];
        let command = COMMANDS[usize::from(what - b'A')];
        let (sequence, status) = match octets {
            [sequence, status, ..] => (u32::from(*sequence), u32::from(*status)),
            _ => (1, 0),
        };
        let body = octets.get(2..).unwrap_or_default();
        let length = 16 + body.len() as u32;
        let head = [length, command, status, sequence].map(u32::to_be_bytes).concat();
        let frame = [&head[..], body].concat();
        smpp_is_kept(&frame);
        self.session.handle_octets(self.now, &frame);
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Write(octets) => {
                    self.offered += octets.len() as u64;
                    let mut framer = Framer::new(1 << 20);
                    framer.push(self.now.instant, &octets);
                    while let Some(frame) =
                        framer.next(self.now.instant).expect("what we write has a length")
                    {
                        Command::read(&frame).expect("what we write, we read");
                    }
                }
                Output::Asked(handle, pdu) => {
                    self.open.push(handle);
                    smpp_look_at(&pdu);
                }
                Output::Fate(ticket, _) => *self.fates.entry(ticket.0).or_default() += 1,
                _ => {}
            }
        }
        let (window, queue) = self.session.load();
        assert!(window <= 3 && queue <= 5 + 3, "{window} on their way, {queue} in the queue");
        assert!(
            self.session
                .deadline()
                .is_none_or(|at| at + Duration::from_secs(1_000) > self.now.instant)
        );
    }

    fn finish(mut self) {
        self.session.handle_closed();
        self.carry_out();
        assert_eq!(self.fates.len() as u64, self.sent, "each has a fate");
        assert!(self.fates.values().all(|times| *times == 1), "and only one");
    }
}

fn smpp_kind(number: u8) -> BindKind {
    [BindKind::Transceiver, BindKind::Transmitter, BindKind::Receiver][usize::from(number % 3)]
}

/// Stray octets at the end and what stands behind a NUL aside, a second reading is the first.
fn smpp_is_kept(frame: &[u8]) {
    let Ok(command) = Command::read(&frame.to_vec().into()) else { return };
    let write = |command: &Command| {
        let mut out = Default::default();
        command.write(&mut out);
        out.freeze()
    };
    let written = write(&command);
    let again = Command::read(&written).expect("what we write, we read");
    assert_eq!(write(&again), written);
}

/// Everything that is read out of a message.
fn smpp_look_at(pdu: &Pdu) {
    let Some(message) = pdu.message() else { return };
    for plain in [Plain::Gsm, Plain::Packed, Plain::Latin1, Plain::Utf8] {
        let content = Content::of(message, plain);
        let _ = content.text();
        if let Some(part) = content.part {
            assert!(part.sequence >= 1 && part.sequence <= part.total);
        }
    }
    let rules = Rules { unmarked: true, ..Rules::default() };
    if let Some(receipt) = Receipt::read(message, rules) {
        let _ = receipt.text(now().unix, &receipt.error);
    }
    let _ = (schedule::read(&message.schedule, now()), schedule::read(&message.validity, now()));
    let _ = (message.from.shown(), message.to.shown());
}
