//! CPU per unit of work of the hot paths, without sockets: wire, a transaction's life, a whole call through two
//! endpoints, the relay, the media beat, the journal's appending, a text message.
//!
//! `cargo bench --bench micro` prints them all, `cargo bench --bench micro relay` some. Times are of this machine; what
//! holds elsewhere is the ratio of two lines of one run.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use branchline::call::record::Peer;
use branchline::id::{CallId, ExtensionId, LegId};
use branchline::journal::chain::Sealer;
use branchline::journal::event::{CallEvent, Event as Happened, What};
use branchline::journal::personal::{Keyring, Personal};
use branchline::journal::{Journal, Output as Write, Resume};
use branchline::media::codec::opus::Wishes;
use branchline::media::codec::{Encoder, Rate};
use branchline::media::{
    self, Clip, Codec, Command, Kind, Output as Packet, Plane, Stream, plane, rtcp, rtp, srtp,
};
use branchline::random::Random;
use branchline::sip::endpoint::{Endpoint, Event, Invite, Output, Settings};
use branchline::sip::flow::{ConnectionId, Flow, Route};
use branchline::sip::message::{Headers, Message, Method, Request, Response, Status, Transport};
use branchline::sip::sdp::{self, Direction, Origin, SessionDescription, audio_offer};
use branchline::sip::transaction::{self, Timing, Transactions};
use branchline::sip::uri::{NameAddr, Uri};
use branchline::sip::wire;
use branchline::sms::pdu::{self, Address, Coding, Parsed, Pdu, Reference, Submit, Tpdu};
use branchline::sms::segment::{self, Options, segment};
use branchline::time::{Now, UnixTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const INVITE: &str = "INVITE sip:15550100@192.0.2.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK776asdhds;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Alice\" <sip:+15550123@192.0.2.2>;tag=1928301774\r\n\
    To: <sip:15550100@192.0.2.1>\r\n\
    Call-ID: a84b4c76e66710@192.0.2.2\r\n\
    CSeq: 314159 INVITE\r\n\
    Contact: <sip:+15550123@192.0.2.2:5060>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n\
    Supported: timer, replaces\r\n\
    User-Agent: bench\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 184\r\n\
    \r\n\
    v=0\r\no=- 3724394400 3724394405 IN IP4 192.0.2.2\r\ns=call\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
    m=audio 49172 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n";

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

/// Reading and writing one INVITE with a session description; rsip's own tokenizer and printer stand beside ours.
fn wire(c: &mut Criterion) {
    let Ok(message) = wire::parse(INVITE.as_bytes(), false) else { panic!("a good INVITE") };
    let theirs = rsip::SipMessage::try_from(INVITE.as_bytes()).expect("a good INVITE");
    let mut group = c.benchmark_group("wire");
    group.throughput(Throughput::Elements(1));
    group.bench_function("read INVITE", |b| {
        b.iter(|| wire::parse(black_box(INVITE.as_bytes()), false).is_ok());
    });
    group.bench_function("read INVITE, rsip", |b| {
        b.iter(|| rsip::SipMessage::try_from(black_box(INVITE.as_bytes())).is_ok());
    });
    group.bench_function("write INVITE", |b| b.iter(|| black_box(&message).encode()));
    group.bench_function("write INVITE, rsip", |b| b.iter(|| black_box(&theirs).to_string()));
    group.bench_function("read its SDP", |b| {
        let Message::Request(request) = &message else { panic!("an INVITE") };
        b.iter(|| black_box(request).sdp().is_some_and(|sdp| sdp.is_ok()));
    });
    group.finish();
}

/// Two transaction layers over UDP, without loss and without delay: who asks, and who answers.
struct Layers {
    now: Now,
    sides: [(Transactions, SocketAddr); 2],
    asked: u64,
}

impl Layers {
    fn new() -> Layers {
        let side = |port: u16| {
            let layer = Transactions::new(Timing::default(), 1_000);
            (layer, SocketAddr::from(([127, 0, 0, 1], port)))
        };
        Layers { now: now(), sides: [side(5060), side(5070)], asked: 0 }
    }

    /// A request that `template` is, under a branch of its own; each of `answers`; and every timer that is left. The ACK to
    /// a 2xx is not a transaction's business, and not in it.
    fn live(&mut self, template: &Request, answers: &[Status]) {
        self.asked += 1;
        let mut request = template.clone();
        let via = format!("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{:016x};rport", self.asked);
        request.headers.insert_first("Via", via).expect("a good header");
        let route = Route::Address { transport: Transport::Udp, peer: self.sides[1].1 };
        let client = self.sides[0].0.request(self.now, route, &request);
        let mut answered = 0;
        while self.step(client, answers, &mut answered) {}
        assert_eq!(answered, answers.len(), "every answer arrived");
        // Timers D, J, K, L and M are 32 seconds at most from here, in two steps where one sets another.
        for _ in 0..2 {
            self.now = self.now.after(Duration::from_secs(33));
            for (layer, _) in &mut self.sides {
                layer.handle_timeout(self.now);
                while layer.poll_output().is_some() {}
            }
        }
        assert!(self.sides.iter().all(|(layer, _)| layer.is_empty()), "nothing is left of it");
    }

    /// One word of one side. Answers whether there was one.
    fn step(
        &mut self,
        client: transaction::ClientKey,
        answers: &[Status],
        answered: &mut usize,
    ) -> bool {
        let side = match self.sides[0].0.poll_output() {
            Some(output) => (0, output),
            None => match self.sides[1].0.poll_output() {
                Some(output) => (1, output),
                None => return false,
            },
        };
        match side {
            (from, transaction::Output::Send { bytes, .. }) => self.deliver(1 - from, &bytes),
            (_, transaction::Output::Request { key, request, .. }) => {
                for status in answers {
                    let response = Response::to(&request, *status);
                    self.sides[1].0.respond(self.now, key, &response);
                }
            }
            (_, transaction::Output::Response { key, .. }) => {
                assert_eq!(key, client);
                *answered += 1;
            }
            _ => {}
        }
        true
    }

    fn deliver(&mut self, to: usize, bytes: &[u8]) {
        let (local, peer) = (self.sides[to].1, self.sides[1 - to].1);
        let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
        let Ok(message) = wire::parse(bytes, false) else { panic!("a good message") };
        self.sides[to].0.handle_message(self.now, flow, message);
    }
}

/// A transaction from the request to its last timer: both sides of it, with reading and writing its messages.
fn transaction(c: &mut Criterion) {
    let Ok(Message::Request(mut invite)) = wire::parse(INVITE.as_bytes(), false) else {
        panic!("a good INVITE")
    };
    invite.headers.remove("Via");
    let mut options = invite.clone();
    options.method = Method::OPTIONS;
    options.headers.set("CSeq", "7 OPTIONS").expect("a good header");
    options.body.clear();
    options.headers.remove("Content-Type");
    let mut group = c.benchmark_group("transaction");
    group.throughput(Throughput::Elements(1));
    let mut layers = Layers::new();
    let lives = [
        ("INVITE, ringing, answered", &invite, vec![Status::RINGING, Status::OK]),
        ("INVITE, ringing, busy, ACK", &invite, vec![Status::RINGING, Status::BUSY_HERE]),
        ("OPTIONS, 200", &options, vec![Status::OK]),
    ];
    for (name, request, answers) in lives {
        group.bench_function(name, |b| b.iter(|| layers.live(request, &answers)));
    }
    group.finish();
}

/// Two endpoints that hand each other what they send, at once and without loss.
struct Pair {
    now: Now,
    sides: [(Endpoint, SocketAddr); 2],
}

fn description(port: u16) -> SessionDescription {
    let address = "127.0.0.1".parse().expect("an address");
    let codecs = [sdp::Codec::pcmu()];
    audio_offer(Origin::new(1, 1, address), address, port, &codecs, Some(101), Direction::SendRecv)
}

impl Pair {
    fn new() -> Pair {
        let mut random = Random::from_number(1);
        let mut side = |port: u16| {
            let endpoint = Endpoint::new(Settings::default(), random.fork());
            (endpoint, SocketAddr::from(([127, 0, 0, 1], port)))
        };
        Pair { now: now(), sides: [side(5060), side(5070)] }
    }

    /// INVITE, 100, 180, 200, ACK, BYE, 200, and the five seconds and more until all timers have run out.
    fn call(&mut self) {
        let uri = Uri::parse("sip:201@127.0.0.1:5070").expect("a URI");
        let invite = Invite {
            route: Route::Address { transport: Transport::Udp, peer: self.sides[1].1 },
            local: self.sides[0].1,
            to: NameAddr::new(uri.clone()),
            uri,
            from: NameAddr::parse("<sip:caller@127.0.0.1>").expect("an address"),
            headers: Headers::default(),
            sdp: Some(description(4_000)),
            beside: None,
            credentials: None,
            reliable: Default::default(),
        };
        let caller = self.sides[0].0.invite(self.now, invite);
        let mut ended = 0;
        let mut work = VecDeque::from([0]);
        while let Some(side) = work.pop_front() {
            while let Some(output) = self.sides[side].0.poll_output() {
                match output {
                    Output::Send { bytes, .. } => {
                        self.deliver(1 - side, &bytes);
                        work.push_back(1 - side);
                    }
                    Output::Event(Event::Invited { session, .. }) => {
                        let endpoint = &mut self.sides[side].0;
                        endpoint.trying(self.now, session);
                        endpoint.ring(self.now, session, Status::RINGING, None);
                        endpoint.answer(self.now, session, &description(4_010));
                    }
                    Output::Event(Event::Confirmed { .. }) => {
                        self.sides[0].0.hang_up(self.now, caller, None);
                        work.push_back(0);
                    }
                    Output::Event(Event::Ended { .. }) => ended += 1,
                    Output::Event(_) => {}
                }
            }
        }
        assert_eq!(ended, 2, "the call ended on both sides");
        self.now = self.now.after(Duration::from_secs(40));
        for (endpoint, _) in &mut self.sides {
            while endpoint.deadline().is_some_and(|at| at <= self.now.instant) {
                endpoint.handle_timeout(self.now);
            }
            assert_eq!(endpoint.alive(), (0, 0), "nothing is left of the call");
        }
    }

    fn deliver(&mut self, to: usize, bytes: &[u8]) {
        let (local, peer) = (self.sides[to].1, self.sides[1 - to].1);
        let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
        self.sides[to].0.handle_received(self.now, flow, bytes);
    }
}

/// A call from INVITE to the last timer: both ends of it, seven messages written and seven read.
fn call(c: &mut Criterion) {
    let mut group = c.benchmark_group("sip");
    group.throughput(Throughput::Elements(1));
    let mut pair = Pair::new();
    group.bench_function("call, both ends", |b| b.iter(|| pair.call()));
    group.finish();
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn stream(codec: Codec, leg: LegId) -> Stream {
    Stream {
        codec,
        payload_type: if codec == Codec::Pcma { 8 } else { 0 },
        clock_rate: media::RATE,
        dtmf: Some(101),
        ours: (if codec == Codec::Pcma { 8 } else { 0 }, Some(101)),
        dtmf_clock: 8_000,
        wishes: Default::default(),
        tones: false,
        comfort: None,
        ptime_ms: 20,
        remote: at(10_000 + leg.0 as u16 * 2),
        signalled: None,
        waits: false,
        remote_rtcp: None,
        send: true,
        receive: true,
        protection: None,
        peer: false,
    }
}

/// A plane with `legs` legs, every second of them with `codec`, the others with mu-law.
fn plane(now: Now, legs: u64, codec: Codec) -> Plane {
    let mut plane = Plane::new(plane::Settings::default(), Random::from_number(1));
    for leg in (0..legs).map(LegId) {
        let codec = if leg.0 % 2 == 0 { Codec::Pcmu } else { codec };
        plane.handle_command(now, Command::Open { leg, local: at(30_000) });
        plane.handle_command(now, Command::Configure { leg, stream: stream(codec, leg) });
    }
    drain(&mut plane);
    plane
}

/// Carries out nothing; answers how many packets would have left.
fn drain(plane: &mut Plane) -> usize {
    let mut packets = 0;
    while let Some(output) = plane.poll_output() {
        if let Packet::Send { bytes, .. } = output {
            packets += 1;
            plane.recycle(bytes);
        }
    }
    packets
}

fn packet(sequence: u16) -> [u8; 172] {
    let mut packet = [0x55; 172];
    packet[..2].copy_from_slice(&[0x80, 0]);
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&7_u32.to_be_bytes());
    packet
}

/// One packet of 20 ms from one leg to its partner, among 400 legs.
fn relay(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay");
    group.throughput(Throughput::Elements(1));
    let ways = [
        ("as it is", Codec::Pcmu, false),
        ("mu-law to A-law", Codec::Pcma, false),
        ("as it is, to SRTP", Codec::Pcmu, true),
    ];
    for (name, codec, sealed) in ways {
        let mut now = now();
        let mut plane = plane(now, 400, codec);
        for leg in (0..400).filter(|leg| sealed && leg % 2 == 1).map(LegId) {
            let protection = Some(srtp_keys(srtp::Suite::AesCm80));
            let stream = Stream { protection, ..stream(codec, leg) };
            plane.handle_command(now, Command::Configure { leg, stream });
        }
        for pair in 0..200 {
            let (a, b) = (LegId(pair * 2), LegId(pair * 2 + 1));
            plane.handle_command(now, Command::Bridge { a, b });
        }
        let mut sequence = 0_u16;
        let mut pair = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                pair = (pair + 1) % 200;
                if pair == 0 {
                    sequence = sequence.wrapping_add(1);
                    now = now.after(Duration::from_millis(20));
                    plane.handle_timeout(now);
                    drain(&mut plane);
                }
                let leg = LegId(pair * 2);
                let from = at(10_000 + leg.0 as u16 * 2);
                plane.handle_packet(now, leg, Kind::Rtp, from, &packet(sequence));
                // The first packets of a stream are its probation.
                let sent = drain(&mut plane);
                assert!(sent <= 1);
                sent
            });
        });
    }
    group.finish();
}

fn srtp_keys(suite: srtp::Suite) -> srtp::Keys {
    // Both ways alike, so that one end opens what it has sealed.
    let key = srtp::MasterKey::new([7; srtp::LONGEST_KEY]);
    srtp::Keys { suite, ours: key, theirs: key, resumed: false }
}

/// One packet of 20 ms sealed, and one sealed and opened (SRTP).
fn seal(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp");
    group.throughput(Throughput::Elements(1));
    let suites = [
        ("AES_CM_128_HMAC_SHA1_80", srtp::Suite::AesCm80),
        ("AEAD_AES_128_GCM", srtp::Suite::AesGcm),
    ];
    for (name, suite) in suites {
        let mut here = srtp::Protection::new(srtp_keys(suite)).expect("a known suite");
        let (mut sequence, mut bytes, mut clear) = (0_u16, Vec::new(), Vec::new());
        let mut sealed = |here: &mut srtp::Protection, bytes: &mut Vec<u8>| {
            sequence = sequence.wrapping_add(1);
            bytes.clear();
            bytes.extend_from_slice(&packet(sequence));
            assert!(here.seal_rtp(bytes), "each number once");
        };
        group.bench_function(format!("{name}, protect"), |b| {
            b.iter(|| sealed(&mut here, &mut bytes));
        });
        // Its window begins where the numbers are by now.
        let mut there = srtp::Protection::new(srtp_keys(suite)).expect("a known suite");
        let mut here = srtp::Protection::new(srtp_keys(suite)).expect("a known suite");
        group.bench_function(format!("{name}, protect and unprotect"), |b| {
            b.iter(|| {
                sealed(&mut here, &mut bytes);
                clear.clear();
                there.open_rtp(&bytes, &mut clear).expect("sealed for it");
            });
        });
    }
    group.finish();
}

/// Sixteen seconds of something like a voice, at 8 kHz: harmonics of a pitch that moves, loud and quiet in turn, and noise.
fn voice() -> Vec<i16> {
    let mut random = Random::from_number(5);
    let mut phase = 0.0f64;
    (0..128_000)
        .map(|n| {
            let t = f64::from(n) / 8_000.0;
            phase += (140.0 + 40.0 * (t * 2.1).sin()) / 8_000.0;
            let part = |k: u32| (std::f64::consts::TAU * f64::from(k) * phase).sin() / f64::from(k);
            let loud =
                (0.55 + 0.45 * (t * 9.0).sin()) * if (t * 1.3).fract() < 0.7 { 1.0 } else { 0.02 };
            let noise = random.below(600) as f64 - 300.0;
            ((1..14).map(part).sum::<f64>() * 6_000.0 * loud + noise * loud) as i16
        })
        .collect()
}

/// One packet of 20 ms from one leg to a partner that has another codec: RTP in, decoded, coded, RTP out.
fn coding(c: &mut Criterion) {
    let codecs = [("PCMU", Codec::Pcmu), ("G722", Codec::G722), ("Opus", Codec::Opus)];
    let mut group = c.benchmark_group("coding");
    group.throughput(Throughput::Elements(1));
    for (from_name, from) in codecs {
        for (to_name, to) in codecs.iter().filter(|(_, to)| *to != from) {
            for lossy in [false, true] {
                if lossy && *to != Codec::Opus {
                    continue;
                }
                let told = if lossy { ", with redundancy" } else { "" };
                let mut pair = Coded::new(from, *to, lossy);
                group.bench_function(format!("{from_name} to {to_name}{told}"), |b| {
                    b.iter(|| pair.packet());
                });
            }
        }
    }
    group.finish();
}

/// Two legs that share no codec, and what the one says.
struct Coded {
    now: Now,
    plane: Plane,
    /// Packets of its codec, over and over.
    said: Vec<Vec<u8>>,
    sequence: u16,
    timestamp: u32,
    tick: u32,
}

impl Coded {
    fn new(from: Codec, to: Codec, lossy: bool) -> Coded {
        let now = now();
        let mut plane = Plane::new(plane::Settings::default(), Random::from_number(1));
        let (a, b) = (LegId(1), LegId(2));
        let wishes = Wishes { fec: true, ..Wishes::default() };
        for (leg, codec) in [(a, from), (b, to)] {
            let clock_rate = if codec == Codec::Opus { 48_000 } else { 8_000 };
            let stream = Stream { clock_rate, wishes, ..stream(codec, leg) };
            plane.handle_command(now, Command::Open { leg, local: at(30_000) });
            plane.handle_command(now, Command::Configure { leg, stream });
        }
        plane.handle_command(now, Command::Bridge { a, b });
        let mut encoder = Encoder::new(from, wishes).expect("a codec");
        let voice = voice();
        let said = voice.chunks(160).map(|samples| {
            let mut payload = Vec::new();
            encoder.encode(samples, Rate::Narrow, &mut payload);
            payload
        });
        let tick = if from == Codec::Opus { 960 } else { 160 };
        let said = said.collect();
        let mut coded = Coded { now, plane, said, sequence: 0, timestamp: 0, tick };
        for _ in 0..10 {
            coded.packet();
        }
        if lossy {
            coded.report_loss();
        }
        coded
    }

    fn packet(&mut self) -> usize {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.tick);
        self.now = self.now.after(Duration::from_millis(20));
        let payload = &self.said[usize::from(self.sequence) % self.said.len()];
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        let packet =
            rtp::Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 7, payload };
        let mut bytes = Vec::with_capacity(200);
        rtp::write(&mut bytes, &packet);
        self.plane.handle_packet(self.now, LegId(1), Kind::Rtp, at(10_002), &bytes);
        drain(&mut self.plane)
    }

    /// The partner says that it loses a tenth of what we send.
    fn report_loss(&mut self) {
        let payload = self.said[0].clone();
        let packet = rtp::Packet {
            marker: false,
            payload_type: 0,
            sequence: self.sequence + 1,
            timestamp: self.timestamp + self.tick,
            ssrc: 7,
            payload: &payload,
        };
        let mut bytes = Vec::new();
        rtp::write(&mut bytes, &packet);
        self.plane.handle_packet(self.now, LegId(1), Kind::Rtp, at(10_002), &bytes);
        self.sequence += 1;
        self.timestamp += self.tick;
        let sent =
            std::iter::from_fn(|| self.plane.poll_output()).find_map(|output| match output {
                Packet::Send { bytes, .. } => rtp::read(&bytes).map(|packet| packet.ssrc),
                _ => None,
            });
        let ssrc = sent.expect("it was coded");
        let own = rtcp::Own { ssrc: 9, timestamp: 0, packets: 0, bytes: 0 };
        let block = rtcp::Block {
            ssrc,
            fraction: 26,
            lost: 1,
            highest: 0,
            jitter: 0,
            last_report: 0,
            delay: 0,
        };
        let report = rtcp::write(self.now.unix, own, Some(block), "b");
        self.plane.handle_packet(self.now, LegId(2), Kind::Rtcp, at(10_004), &report);
        drain(&mut self.plane);
    }
}

/// 20 ms of a prompt for one leg, from the beat for 100 of them.
fn beat(c: &mut Criterion) {
    const LEGS: u64 = 100;
    let mut group = c.benchmark_group("beat");
    group.throughput(Throughput::Elements(LEGS));
    let start = now();
    let prompt = Clip::new((0..80_000).map(|n: i32| (n % 200 * 100) as i16).collect());
    group.bench_function("100 prompts", |b| {
        b.iter_batched_ref(
            || {
                let mut plane = plane(start, LEGS, Codec::Pcma);
                for leg in (0..LEGS).map(LegId) {
                    let clips = vec![prompt.clone()];
                    plane.handle_command(
                        start,
                        Command::Play { leg, token: 1, clips, repeat: true, stop_on_digit: true },
                    );
                }
                drain(&mut plane);
                (plane, start)
            },
            |(plane, now)| {
                *now = now.after(Duration::from_millis(20));
                plane.handle_timeout(*now);
                assert!(drain(plane) >= LEGS as usize, "everybody hears something");
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// One event of a call: sealed numbers, encoding, checksum, chain. The disk is not in it.
fn journal(c: &mut Criterion) {
    let mut group = c.benchmark_group("journal");
    group.throughput(Throughput::Elements(1));
    let now = now();
    let keys = Keyring::open(&[1; 32], &[], Random::from_number(3));
    let sealer = Sealer::from_seed(&[2; 32]).expect("a seed");
    let mut journal = Journal::new(now, Resume::default(), keys, sealer);
    let mut call = 0;
    group.bench_function("arrival", |b| {
        b.iter(|| {
            // Calls end; what is open stays small.
            call = (call + 1) % 100;
            let what = What::Arrived {
                peer: Peer::Extension(ExtensionId::from("201")),
                from: Personal::from("+15550123"),
                to: Personal::from("+15550199"),
                nobody: false,
            };
            let event = CallEvent { call: CallId(call), at: now.unix, what };
            journal.append(now, Happened::Call(event));
            while let Some(output) = journal.poll_output() {
                if let Write::Write { upto, .. } = output {
                    journal.handle_stored(now, upto);
                }
            }
        });
    });
    group.finish();
}

/// One text message read and written: as a modem prints it, of 160 characters and of 70 in UCS-2; a text cut in parts.
fn messages(c: &mut Criterion) {
    let destination = Address::number("+15550123").expect("a number");
    let hex = |text: &str| {
        let parts = segment(text, &Options::default(), Reference::Short(1)).expect("not that long");
        let part = parts.into_iter().next().expect("a part");
        let coding = Coding::new(part.alphabet, None);
        let submit = Submit::new(destination.clone(), coding, part.user_data);
        Pdu { centre: None, tpdu: Tpdu::Submit(submit) }.hex().0
    };
    let read = |hex: &str| {
        let parsed = Pdu::parse_hex(black_box(hex), pdu::Direction::FromPhone, None);
        let Ok(Parsed { value: Pdu { tpdu: Tpdu::Submit(submit), .. }, .. }) = parsed else {
            panic!("a submission")
        };
        submit.reading().content
    };
    let septets = "The quick brown fox is at {1} € now. ".repeat(4);
    let (plain, wide) = (hex(&septets), hex(&"жук".repeat(23)));
    let mut group = c.benchmark_group("sms");
    group.throughput(Throughput::Elements(1));
    group.bench_function("read 160 septets", |b| b.iter(|| read(&plain)));
    group.bench_function("read 70 of UCS-2", |b| b.iter(|| read(&wide)));
    group.bench_function("write 160 septets", |b| b.iter(|| hex(black_box(&septets))));
    group.bench_function("write 70 of UCS-2", |b| b.iter(|| hex(black_box(&"жук".repeat(23)))));
    let long = septets.repeat(8);
    group.bench_function("count 1,200 characters", |b| {
        b.iter(|| segment::count(black_box(&long), &Options::default(), Reference::Short(1)).parts);
    });
    group.finish();
}

criterion_group! {
    name = micro;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = wire, transaction, call, relay, coding, seal, beat, journal, messages
}
criterion_main!(micro);
