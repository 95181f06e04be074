//! Sound through calls, and keys pressed in them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use branchline::media::{Codec, srtp};

use crate::calls::Exchange;
use crate::process::{cpu, is_installed, memory};
use crate::rtpengine::{Control, Daemon};
use crate::server::{Server, on_its_cores};
use crate::sip::sdp;
use crate::wire::Peer;
use crate::{PATIENCE, WINDOW, voice};

/// The key that the carrier seals with, the same in each call; each of them is a source of its own.
const KEY: [u8; srtp::LONGEST_KEY] = [0x5a; srtp::LONGEST_KEY];
/// The same as `a=crypto` tells it.
const CRYPTO: &str =
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpa\r\n";
/// Bytes of a packet of 20 ms, and of the tag behind it where it is sealed.
const PACKET: usize = 172;
const TAG: usize = 10;

/// One line: G.711 both ways through `count` calls; where it is `sealed`, the carrier's side of it by SRTP, so that each
/// packet is opened or sealed once.
pub fn relay(server: &Server, carrier: &Peer, phones: &Peer, count: usize, sealed: bool) {
    let before = server.memory();
    let run = 1_000_000 + count + if sealed { 500_000 } else { 0 };
    let mut exchange = Exchange::new(carrier, phones, run);
    exchange.crypto = sealed.then(|| CRYPTO.to_owned());
    let key = srtp::MasterKey::new(KEY);
    let keys = srtp::Keys { suite: srtp::Suite::AesCm80, ours: key, theirs: key, resumed: false };
    let mut seal = sealed.then(|| srtp::Protection::new(keys).expect("a known suite"));
    exchange.dial_all(count);
    exchange.wait(|dialled| dialled.sound.iter().all(Option::is_some));
    let there: Vec<[SocketAddr; 2]> = exchange
        .calls
        .iter()
        .filter_map(|dialled| Some([dialled.sound[0]?, dialled.sound[1]?]))
        .collect();
    assert_eq!(there.len(), count, "calls were set up");
    // Half a second in which the box learns where everybody is.
    talk(&exchange.sound, &there, 0, Duration::from_millis(500), seal.as_mut());
    let cpu = server.cpu();
    let (sent, heard) = talk(&exchange.sound, &there, 25, WINDOW, seal.as_mut());
    let each = (server.cpu() - cpu) / heard as f64;
    let memory = (server.memory() - before) / count as f64;
    let who = if sealed { "branchline, SRTP on one side" } else { "branchline" };
    print_relay(who, count, each, heard, sent, memory);
    exchange.hang_up_all();
}

/// The same lines with rtpengine, told of the calls by this end.
pub fn relay_by_rtpengine() {
    if !is_installed("rtpengine") {
        return println!("rtpengine: not installed");
    }
    let here = IpAddr::from([127, 0, 0, 1]);
    let daemon = Daemon::start(on_its_cores("rtpengine"), here, &(10_000..=27_999));
    let (mut control, process) = (Control::connect(here), daemon.0.id());
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let sound = [Peer::new([127, 0, 0, 9], nowhere), Peer::new([127, 0, 0, 8], nowhere)];
    let mut first = 0;
    for count in [100, 200, 400] {
        let before = memory(process);
        let there: Vec<[SocketAddr; 2]> = (first..first + count)
            .filter_map(|call| control.call(call, &sdp(sound[0].at), &sdp(sound[1].at), &[]))
            .collect();
        assert_eq!(there.len(), count, "calls were set up");
        talk(&sound, &there, 0, Duration::from_millis(500), None);
        let before_cpu = cpu(process);
        let (sent, heard) = talk(&sound, &there, 25, WINDOW, None);
        let each = (cpu(process) - before_cpu) / heard as f64;
        let memory = (memory(process) - before) / count as f64;
        print_relay("rtpengine", count, each, heard, sent, memory);
        (first..first + count).for_each(|call| control.forget(call));
        first += count;
    }
}

fn print_relay(who: &str, count: usize, each: f64, heard: usize, sent: usize, memory: f64) {
    println!(
        "{who:<10}  relayed G.711 {count:>9} calls {each:8.1} us CPU a packet, {heard} of {sent} heard, {memory:.0} kB a call"
    );
}

/// Everybody speaks for `span`, the first of each two sealed where there is something to seal with; answers how many
/// packets were sent and heard.
fn talk(
    sound: &[Peer; 2],
    there: &[[SocketAddr; 2]],
    first: usize,
    span: Duration,
    mut seal: Option<&mut srtp::Protection>,
) -> (usize, usize) {
    let mut packet = [0x55; PACKET];
    packet[0] = 0x80;
    packet[1] = 0;
    let mut sealed = Vec::with_capacity(PACKET + TAG);
    let total = there.len() * (span.as_millis() / 20) as usize;
    let (mut turns, mut heard) = (0, 0);
    let mut buffer = [0; 2_048];
    let mut hear = || {
        let mut heard = 0;
        for peer in sound {
            while let Ok((length, _)) = peer.socket.recv_from(&mut buffer) {
                // Reports (RTCP) have other payload types.
                let whole = length == PACKET || length == PACKET + TAG;
                heard += usize::from(whole && buffer[1] & 0x7f == 0);
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
            for (side, (peer, to)) in sound.iter().zip(there[call]).enumerate() {
                // The port that it goes to is as good a name for a stream as any.
                packet[8..12].copy_from_slice(&u32::from(to.port()).to_be_bytes());
                sealed.clear();
                sealed.extend_from_slice(&packet);
                if let Some(seal) = seal.as_mut().filter(|_| side == 0) {
                    assert!(seal.seal_rtp(&mut sealed), "each number once");
                }
                let _ = peer.socket.send_to(&sealed, to);
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

/// The payload type that Opus has here.
const OPUS: u8 = 111;

/// Opus alone, at an address.
fn opus_at(at: SocketAddr) -> String {
    sdp(at).replace("AVP 0", &format!("AVP {OPUS}\r\na=rtpmap:{OPUS} opus/48000/2"))
}

/// One line: G.711 from the carrier to phones that speak Opus, and back, through `count` calls.
pub fn transcode(server: &Server, carrier: &Peer, phones: &Peer, count: usize) {
    let mut exchange = Exchange::new(carrier, phones, 3_000_000 + count);
    exchange.answer = Some(opus_at(exchange.sound[1].at));
    exchange.dial_all(count);
    exchange.wait(|dialled| dialled.sound.iter().all(Option::is_some));
    let there: Vec<[SocketAddr; 2]> = exchange
        .calls
        .iter()
        .filter_map(|dialled| Some([dialled.sound[0]?, dialled.sound[1]?]))
        .collect();
    assert_eq!(there.len(), count, "calls were set up");
    speak(&exchange.sound, &there, 0, Duration::from_secs(1));
    let cpu = server.cpu();
    let (sent, heard) = speak(&exchange.sound, &there, 50, WINDOW);
    print_transcode("branchline", count, server.cpu() - cpu, sent, heard);
    exchange.hang_up_all();
}

/// The same with rtpengine, which has libopus in it.
pub fn transcode_by_rtpengine(count: usize) {
    if !is_installed("rtpengine") {
        return println!("rtpengine: not installed");
    }
    let here = IpAddr::from([127, 0, 0, 1]);
    let daemon = Daemon::start(on_its_cores("rtpengine"), here, &(10_000..=27_999));
    let (mut control, process) = (Control::connect(here), daemon.0.id());
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let sound = [Peer::new([127, 0, 0, 9], nowhere), Peer::new([127, 0, 0, 8], nowhere)];
    let (offer, answer) = (sdp(sound[0].at), opus_at(sound[1].at));
    let there: Vec<[SocketAddr; 2]> = (0..count)
        .filter_map(|call| control.call_with(call, &offer, &answer, &[], Some("opus")))
        .collect();
    assert_eq!(there.len(), count, "calls were set up");
    speak(&sound, &there, 0, Duration::from_secs(1));
    let before = cpu(process);
    let (sent, heard) = speak(&sound, &there, 50, WINDOW);
    print_transcode("rtpengine", count, cpu(process) - before, sent, heard);
}

fn print_transcode(who: &str, count: usize, cpu: f64, sent: usize, heard: [usize; 2]) {
    let all: usize = heard.iter().sum();
    println!(
        "{who:<10}  PCMU <-> Opus {count:>13} calls {:8.1} us CPU a packet, {all} of {sent} heard ({} of G.711, {} of Opus)",
        cpu / all as f64,
        heard[0],
        heard[1]
    );
}

/// Everybody speaks for `span`, the first of each two in G.711 and the other in Opus; answers how many packets were sent,
/// and how many each side heard in its own codec.
fn speak(
    sound: &[Peer; 2],
    there: &[[SocketAddr; 2]],
    first: usize,
    span: Duration,
) -> (usize, [usize; 2]) {
    let kinds = [(Codec::Pcmu, 0, 160), (Codec::Opus, OPUS, 960)]
        .map(|(codec, payload_type, step)| (voice::packets(codec), payload_type, step));
    let total = there.len() * (span.as_millis() / 20) as usize;
    let mut heard = [0, 0];
    let mut buffer = [0; 2_048];
    let mut hear = || {
        for ((peer, heard), (_, own, _)) in sound.iter().zip(&mut heard).zip(&kinds) {
            while let Ok((length, _)) = peer.socket.recv_from(&mut buffer) {
                *heard += usize::from(length > 12 && buffer[1] & 0x7f == *own);
            }
        }
    };
    let began = Instant::now();
    for turn in 0..total {
        while began.elapsed() < span.mul_f64(turn as f64 / total as f64) {
            hear();
        }
        let (call, beat) = (turn % there.len(), first + turn / there.len());
        for ((peer, to), (packets, payload_type, step)) in sound.iter().zip(there[call]).zip(&kinds)
        {
            let mut packet = vec![0x80, *payload_type];
            packet.extend((beat as u16).to_be_bytes());
            packet.extend((beat as u32 * step).to_be_bytes());
            packet.extend(u32::from(to.port()).to_be_bytes());
            packet.extend_from_slice(&packets[beat % packets.len()]);
            let _ = peer.socket.send_to(&packet, to);
        }
    }
    let limit = Instant::now() + Duration::from_millis(200);
    while Instant::now() < limit {
        hear();
    }
    (2 * total, heard)
}

/// Presses of each caller that are measured.
const PRESSES: usize = 20;
/// Silence after which a prompt is over.
const SILENCE: Duration = Duration::from_millis(300);
/// The payload type of telephone-events.
const EVENTS: u8 = 101;

/// One line: `count` callers in an IVR, each of whom speaks all the time and presses a key now and then; how long it
/// takes from the first packet of the press to the first packet of the prompt that it brings. The key acts with its first
/// packet, so the end of the press is not waited for.
pub fn digits(server: &Server, carrier: &Peer, phones: &Peer, count: usize) {
    let mut exchange = Exchange::new(carrier, phones, 2_000_000 + count);
    exchange.all_to = Some("0100".to_owned());
    exchange.events = Some(EVENTS);
    exchange.dial_all(count);
    exchange.wait(|dialled| dialled.sound[0].is_some());
    let mut callers: Vec<Caller> = exchange
        .calls
        .iter()
        .filter_map(|dialled| dialled.sound[0])
        .map(|to| Caller { to, sent: 0, pressed: None, heard: Instant::now(), presses: 0 })
        .collect();
    assert_eq!(callers.len(), count, "calls were set up");
    let mut took = press(&exchange.sound[0], &mut callers);
    took.sort();
    let at = |percent: usize| {
        took.get(took.len() * percent / 100).map_or(f64::NAN, |t| t.as_secs_f64() * 1e3)
    };
    println!(
        "{:<10}  digit -> prompt {count:>7} calls {:8.2} ms at p50, {:.2} ms at p99, {} of {} presses",
        server.kind,
        at(50),
        at(99),
        took.len(),
        count * PRESSES,
    );
    exchange.hang_up_all();
}

/// Somebody in the IVR.
struct Caller {
    to: SocketAddr,
    /// Packets sent.
    sent: u32,
    /// When the key went down whose prompt has not begun.
    pressed: Option<Instant>,
    /// When the last packet of a prompt came.
    heard: Instant,
    presses: usize,
}

impl Caller {
    fn packet(&mut self, payload_type: u8, marked: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type | if marked { 0x80 } else { 0 }];
        packet.extend((self.sent as u16).to_be_bytes());
        packet.extend((self.sent * 160).to_be_bytes());
        packet.extend(u32::from(self.to.port()).to_be_bytes());
        packet.extend(payload);
        self.sent += 1;
        packet
    }
}

fn press(peer: &Peer, callers: &mut [Caller]) -> Vec<Duration> {
    let places: BTreeMap<SocketAddr, usize> =
        callers.iter().enumerate().map(|(place, caller)| (caller.to, place)).collect();
    let mut took = Vec::new();
    let mut buffer = [0; 2_048];
    let began = Instant::now();
    let mut turns = 0;
    let limit = 4 * PATIENCE;
    while callers.iter().any(|caller| caller.presses < PRESSES || caller.pressed.is_some())
        && began.elapsed() < limit
    {
        // Everybody speaks, one after the other, each every 20 ms.
        let due = (began.elapsed().as_secs_f64() / 0.02 * callers.len() as f64) as usize;
        while turns < due {
            let place = turns % callers.len();
            let caller = &mut callers[place];
            let idle = caller.pressed.is_none() && caller.heard.elapsed() > SILENCE;
            let packet = if idle && caller.presses < PRESSES {
                caller.presses += 1;
                // Key 1, at the usual volume, for 20 ms so far.
                let packet = caller.packet(EVENTS, true, &[1, 10, 0, 160]);
                caller.pressed = Some(Instant::now());
                packet
            } else {
                caller.packet(0, false, &[0x55; 160])
            };
            let _ = peer.socket.send_to(&packet, caller.to);
            turns += 1;
        }
        while let Ok((length, from)) = peer.socket.recv_from(&mut buffer) {
            if length == 172 && buffer[1] & 0x7f == 0 {
                let caller = &mut callers[places[&from]];
                caller.heard = Instant::now();
                took.extend(caller.pressed.take().map(|pressed| pressed.elapsed()));
            }
        }
    }
    took
}
