//! The box's part in measuring speech: packets in, samples out, and samples in, packets out. `benches/speech.py` plays the
//! other part and compares; it starts this.
//!
//! `encode PERCENT` makes Opus packets of samples at 8 kHz for a peer that loses so many; `carry` takes Opus packets through
//! the packet plane to a leg with mu-law; `conceal` takes mu-law through the jitter buffer of rooms and recordings. Samples are
//! 16 bits, packets have two octets of length before them (all ones: it was lost), both little end first.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use branchline::id::LegId;
use branchline::media::codec::opus::Wishes;
use branchline::media::codec::{Encoder, Rate, g711};
use branchline::media::jitter::Jitter;
use branchline::media::{Codec, Command, Kind, Output, Plane, Stream, plane, rtp};
use branchline::random::Random;
use branchline::time::{Now, UnixTime};

/// 20 ms at 8 kHz.
const FRAME: usize = 160;
/// In place of the length of a packet that was lost.
const LOST: u16 = u16::MAX;

fn main() {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).expect("standard input");
    let mut words = std::env::args().skip(1);
    let out = match words.next().as_deref() {
        Some("encode") => {
            let percent = words.next().and_then(|word| word.parse().ok()).expect("a percentage");
            encode(&bytes, percent)
        }
        Some("carry") => carry(&packets(&bytes)),
        Some("conceal") => conceal(&packets(&bytes)),
        // `cargo bench` starts it with nothing to do.
        _ => return println!("python3 benches/speech.py measures speech; see there"),
    };
    std::io::stdout().write_all(&out).expect("standard output");
}

fn packets(bytes: &[u8]) -> Vec<Option<&[u8]>> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while let [low, high, after @ ..] = rest {
        let length = u16::from_le_bytes([*low, *high]);
        if length == LOST {
            packets.push(None);
            rest = after;
            continue;
        }
        let (packet, after) = after.split_at(usize::from(length).min(after.len()));
        packets.push(Some(packet));
        rest = after;
    }
    packets
}

fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn encode(bytes: &[u8], percent: u8) -> Vec<u8> {
    let samples: Vec<i16> =
        bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let wishes = Wishes { fec: true, ..Wishes::default() };
    let mut encoder = Encoder::new(Codec::Opus, wishes).expect("Opus");
    encoder.expect_loss(percent);
    let mut out = Vec::new();
    for frame in samples.chunks_exact(FRAME) {
        let mut packet = Vec::new();
        assert!(encoder.encode(frame, Rate::Narrow, &mut packet));
        out.extend((packet.len() as u16).to_le_bytes());
        out.extend(packet);
    }
    out
}

fn stream(codec: Codec, clock_rate: u32, remote: SocketAddr) -> Stream {
    Stream {
        codec,
        payload_type: 0,
        clock_rate,
        dtmf: None,
        ours: (0, None),
        dtmf_clock: 8_000,
        wishes: Wishes::default(),
        tones: false,
        comfort: None,
        ptime_ms: 20,
        remote,
        signalled: None,
        waits: false,
        remote_rtcp: None,
        send: true,
        receive: true,
        protection: None,
        peer: false,
    }
}

fn carry(packets: &[Option<&[u8]>]) -> Vec<u8> {
    let mut now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
    let mut plane = Plane::new(plane::Settings::default(), Random::from_number(1));
    let (a, b) = (LegId(1), LegId(2));
    let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
    for (leg, codec, clock_rate) in [(a, Codec::Opus, 48_000), (b, Codec::Pcmu, 8_000)] {
        plane.handle_command(now, Command::Open { leg, local: at(5_000) });
        let stream = stream(codec, clock_rate, at(4_000 + leg.0 as u16));
        plane.handle_command(now, Command::Configure { leg, stream });
    }
    plane.handle_command(now, Command::Bridge { a, b });
    let mut heard = Vec::new();
    for (n, payload) in (0u32..).zip(packets) {
        now = now.after(Duration::from_millis(20));
        let Some(payload) = *payload else { continue };
        let (sequence, timestamp) = (n as u16, n * 960);
        let header =
            rtp::Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 7, payload };
        let mut bytes = Vec::new();
        rtp::write(&mut bytes, &header);
        plane.handle_packet(now, a, Kind::Rtp, at(4_001), &bytes);
        while let Some(output) = plane.poll_output() {
            if let Output::Send { leg, kind: Kind::Rtp, bytes, .. } = output
                && leg == b
            {
                let packet = rtp::read(&bytes).expect("a packet of ours");
                heard.extend(packet.payload.iter().map(|code| g711::ulaw_decode(*code)));
            }
        }
    }
    octets(&heard)
}

fn conceal(packets: &[Option<&[u8]>]) -> Vec<u8> {
    let mut jitter = Jitter::default();
    let mut heard = Vec::new();
    for (n, payload) in (0u32..).zip(packets) {
        if let Some(payload) = payload {
            let samples: Vec<i16> = payload.iter().map(|code| g711::ulaw_decode(*code)).collect();
            jitter.put(n * FRAME as u32, &samples);
        }
        let mut frame = [0; FRAME];
        jitter.take(&mut frame);
        heard.extend(frame);
    }
    octets(&heard)
}
