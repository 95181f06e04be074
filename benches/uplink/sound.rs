//! Calls that go on: what they send is counted where it comes out of the box.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::calls::Exchange;
use crate::wire::Peer;

/// Octets of a packet of 20 ms of G.711.
const PACKET: usize = 172;
/// The time of a packet.
const BEAT: Duration = Duration::from_millis(20);

/// Calls in which everybody speaks.
pub struct Talk<'a> {
    exchange: Exchange<'a>,
    there: Vec<[SocketAddr; 2]>,
    began: Instant,
    /// Packets that were sent each way of all calls, since the calls began, and when counting began.
    turns: usize,
    counted_from: usize,
    heard: usize,
    streams: BTreeMap<u32, Stream>,
}

/// One way of one call.
#[derive(Default)]
struct Stream {
    last: Option<(Instant, u32)>,
    /// RFC 3550 section 6.4.1, in seconds.
    jitter: f64,
    /// The most that two packets were further apart than they were sent.
    latest: f64,
}

impl<'a> Talk<'a> {
    /// Sets so many calls up and lets the box learn where everybody is.
    pub fn begin(carrier: &'a Peer, phones: &'a Peer, count: usize) -> Talk<'a> {
        let mut exchange = Exchange::new(carrier, phones, 1);
        exchange.dial_all(count);
        exchange.wait(|dialled| dialled.sound.iter().all(Option::is_some));
        let calls = exchange.calls.iter();
        let there: Vec<_> =
            calls.filter_map(|dialled| Some([dialled.sound[0]?, dialled.sound[1]?])).collect();
        assert_eq!(there.len(), count, "calls were set up");
        let (began, streams) = (Instant::now(), BTreeMap::new());
        let mut talk =
            Talk { exchange, there, began, turns: 0, counted_from: 0, heard: 0, streams };
        talk.go_on(Duration::from_secs(1));
        talk
    }

    /// Counts from here on.
    pub fn start(&mut self) {
        self.settle();
        (self.began, self.counted_from, self.heard) = (Instant::now(), self.turns, 0);
        self.streams.clear();
    }

    /// Sends what is due and takes what came.
    pub fn turn(&mut self) {
        let since = self.began.elapsed().as_secs_f64() / BEAT.as_secs_f64();
        let due = self.counted_from + (since * self.there.len() as f64) as usize;
        while self.turns < due {
            self.send();
        }
        self.hear();
    }

    fn send(&mut self) {
        let (call, beat) = (self.turns % self.there.len(), self.turns / self.there.len());
        let mut packet = [0x55; PACKET];
        packet[..2].copy_from_slice(&[0x80, 0]);
        packet[2..4].copy_from_slice(&(beat as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(beat as u32 * 160).to_be_bytes());
        for (peer, to) in self.exchange.sound.iter().zip(self.there[call]) {
            packet[8..12].copy_from_slice(&u32::from(to.port()).to_be_bytes());
            let _ = peer.socket.send_to(&packet, to);
        }
        self.turns += 1;
    }

    fn hear(&mut self) {
        let mut buffer = [0; 2_048];
        for (side, peer) in self.exchange.sound.iter().enumerate() {
            while let Ok((length, _)) = peer.socket.recv_from(&mut buffer) {
                if length != PACKET || buffer[1] & 0x7f != 0 {
                    continue;
                }
                self.heard += 1;
                let word = |at: usize| {
                    u32::from_be_bytes(buffer[at..at + 4].try_into().expect("four octets"))
                };
                let name = word(8) ^ (side as u32) << 31;
                self.streams.entry(name).or_default().came(Instant::now(), word(4));
            }
        }
    }

    fn go_on(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.turn();
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Takes what is still on its way.
    fn settle(&mut self) {
        let end = Instant::now() + Duration::from_millis(200);
        while Instant::now() < end {
            self.hear();
        }
    }

    /// Listens for a while, and prints it.
    pub fn line(&mut self, name: &str, span: Duration) {
        self.start();
        self.go_on(span);
        self.print(name);
    }

    /// What was counted.
    pub fn print(&mut self, name: &str) {
        self.settle();
        let sent = 2 * (self.turns - self.counted_from);
        let mut jitter: Vec<f64> = self.streams.values().map(|stream| stream.jitter).collect();
        jitter.sort_by(f64::total_cmp);
        let middle = jitter.get(jitter.len() / 2).copied().unwrap_or_default();
        let worst = jitter.last().copied().unwrap_or_default();
        let late = self.streams.values().map(|stream| stream.latest).fold(0.0, f64::max);
        println!(
            "{} calls {name:<18} {} of {sent} packets lost, jitter {:.2} ms (worst call {:.2}), latest packet {:.1} ms",
            self.there.len(),
            sent.saturating_sub(self.heard),
            middle * 1e3,
            worst * 1e3,
            late * 1e3
        );
    }

    /// Hangs up.
    pub fn end(mut self) {
        self.exchange.hang_up_all();
    }
}

impl Stream {
    fn came(&mut self, at: Instant, stamp: u32) {
        if let Some((last, before)) = self.last.replace((at, stamp)) {
            let apart = at.duration_since(last).as_secs_f64();
            let sent = f64::from(stamp.wrapping_sub(before) as i32) / 8_000.0;
            self.jitter += ((apart - sent).abs() - self.jitter) / 16.0;
            self.latest = self.latest.max(apart - sent);
        }
    }
}
