//! RTCP sender and receiver reports (RFC 3550 section 6.4) and the VoIP metrics of RFC 3611: what we tell peers, and what they
//! tell: the round trip, and how they hear us.

use crate::time::UnixTime;

/// Seconds between the NTP era of 1900 and 1970.
const NTP_OFFSET: i64 = 2_208_988_800;

/// What we tell.
#[derive(Debug, Clone, Copy)]
pub struct Own {
    /// Our source.
    pub ssrc: u32,
    /// The timestamp that belongs to now.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Bytes of sound sent.
    pub bytes: u32,
}

/// What we tell of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The peer's source.
    pub ssrc: u32,
    /// Loss since the last report, in 256ths.
    pub fraction: u8,
    /// Packets lost in all.
    pub lost: u32,
    /// Highest sequence number, with its wraps.
    pub highest: u32,
    /// Jitter in ticks.
    pub jitter: u32,
    /// Middle of the NTP time of the peer's last report.
    pub last_report: u32,
    /// Time since then, in 65,536ths of a second.
    pub delay: u32,
}

/// What the peer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Middle of the NTP time of its sender report.
    pub sender_report: Option<u32>,
    /// Round trip by its report on us, in 65,536ths of a second.
    pub round_trip: Option<u32>,
    /// How it says that it hears us, in tenths of a mean opinion score (RFC 3611 section 4.7.5).
    pub mos_tenths: Option<u8>,
    /// Percent of our packets that it lost since its last report.
    pub lost_percent: Option<u8>,
}

/// How we hear a peer, for its ears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// The peer's source.
    pub ssrc: u32,
    /// Loss in percent since the beginning.
    pub loss_percent: f64,
    /// Round trip in milliseconds.
    pub round_trip_ms: f64,
    /// The rating of ITU-T G.107, 0 to 100.
    pub rating: f64,
    /// Estimated mean opinion score, 1 to 4.5.
    pub mos: f64,
}

/// An extended report.
const EXTENDED: u8 = 207;
/// Its block of VoIP metrics, and how many words that is without its first.
const VOIP_METRICS: u8 = 7;
const METRICS_WORDS: u16 = 8;
/// What stands for a figure that is not known (RFC 3611 section 4.7).
const UNKNOWN: u8 = 127;

/// Writes an extended report with VoIP metrics (RFC 3611 section 4.7) behind a compound packet. Who does not know it
/// passes it over. What is not measured here, such as levels and echo, is told to be unknown; we have no buffer of
/// our own on a bridge.
pub fn write_metrics(out: &mut Vec<u8>, own: u32, metrics: &Metrics) {
    let fraction = (metrics.loss_percent * 2.56).clamp(0.0, 255.0) as u8;
    let tenths = (metrics.mos * 10.0).round().clamp(10.0, 50.0) as u8;
    let milliseconds = (metrics.round_trip_ms.clamp(0.0, 65_535.0) as u16).to_be_bytes();
    out.extend([0x80, EXTENDED]);
    out.extend((METRICS_WORDS + 2).to_be_bytes());
    out.extend(own.to_be_bytes());
    out.extend([VOIP_METRICS, 0]);
    out.extend(METRICS_WORDS.to_be_bytes());
    out.extend(metrics.ssrc.to_be_bytes());
    // Loss, discards, then densities and durations of bursts and gaps: all of it counts as one gap.
    out.extend([fraction, 0, 0, fraction]);
    out.extend([0, 0, 0, 0]);
    out.extend(milliseconds);
    out.extend([0, 0]);
    // Signal, noise, echo return loss; the usual 16 packets that part bursts.
    out.extend([UNKNOWN, UNKNOWN, UNKNOWN, 16]);
    out.extend([metrics.rating.clamp(0.0, 100.0) as u8, UNKNOWN, tenths, tenths]);
    out.extend([0; 8]);
}

/// The score that the peer gives us, if it does.
fn score(packet: &[u8], ssrc: u32) -> Option<u8> {
    let mut at = 8;
    while let Some([kind, _, high, low]) = packet.get(at..at + 4) {
        let words = usize::from(u16::from_be_bytes([*high, *low]));
        if *kind == VOIP_METRICS && word(packet, at + 4) == Some(ssrc) {
            // Beyond 50 it says that it does not know.
            return packet.get(at + 26).copied().filter(|tenths| (10..=50).contains(tenths));
        }
        at += 4 + words * 4;
    }
    None
}

/// The middle 32 bits of an NTP time.
pub fn middle(now: UnixTime) -> u32 {
    let (seconds, fraction) = ntp(now);
    seconds << 16 | fraction >> 16
}

fn ntp(now: UnixTime) -> (u32, u32) {
    let seconds = now.seconds() + NTP_OFFSET;
    let micros = now.0.rem_euclid(1_000_000) as u64;
    (seconds as u32, (micros * (1 << 32) / 1_000_000) as u32)
}

/// A compound packet: sender or receiver report, and the CNAME that section 6.1 asks for.
pub fn write(now: UnixTime, own: Own, block: Option<Block>, cname: &str) -> Vec<u8> {
    let sends = own.packets > 0;
    let mut out = Vec::with_capacity(100);
    let words = 1 + if sends { 5 } else { 0 } + if block.is_some() { 6 } else { 0 };
    out.extend([0x80 | u8::from(block.is_some()), if sends { 200 } else { 201 }]);
    out.extend((words as u16).to_be_bytes());
    out.extend(own.ssrc.to_be_bytes());
    if sends {
        let (seconds, fraction) = ntp(now);
        for word in [seconds, fraction, own.timestamp, own.packets, own.bytes] {
            out.extend(word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        out.extend(block.ssrc.to_be_bytes());
        out.extend((u32::from(block.fraction) << 24 | block.lost.min(0x7f_ffff)).to_be_bytes());
        for word in [block.highest, block.jitter, block.last_report, block.delay] {
            out.extend(word.to_be_bytes());
        }
    }
    let name = &cname.as_bytes()[..cname.len().min(200)];
    let padded = (4 + 2 + name.len() + 1).next_multiple_of(4);
    out.extend([0x81, 202]);
    out.extend((padded as u16 / 4).to_be_bytes());
    out.extend(own.ssrc.to_be_bytes());
    out.extend([1, name.len() as u8]);
    out.extend(name);
    out.resize(out.len() + padded - (4 + 2 + name.len()), 0);
    out
}

/// Reads a compound packet; nothing if it is not one. `ssrc` is our own source.
pub fn read(bytes: &[u8], ssrc: u32, now: UnixTime) -> Option<Told> {
    let mut told = Told::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let [first, kind, high, low] = *rest.get(..4)? else { return None };
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let packet = rest.get(..length).filter(|_| first >> 6 == 2)?;
        let blocks = match kind {
            200 => {
                told.sender_report = Some(word(packet, 8)? << 16 | word(packet, 12)? >> 16);
                28
            }
            201 => 8,
            EXTENDED => {
                told.mos_tenths = score(packet, ssrc).or(told.mos_tenths);
                length
            }
            _ => length,
        };
        for at in (0..usize::from(first & 0x1f)).map(|n| blocks + n * 24) {
            let (Some(of), Some(loss), Some(last), Some(delay)) = (
                word(packet, at),
                word(packet, at + 4),
                word(packet, at + 16),
                word(packet, at + 20),
            ) else {
                continue;
            };
            if of != ssrc {
                continue;
            }
            told.lost_percent = Some(((loss >> 24) * 100).div_ceil(256) as u8);
            if last != 0 {
                told.round_trip = middle(now).wrapping_sub(last).checked_sub(delay);
            }
        }
        rest = rest.get(length..)?;
    }
    Some(told)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::random::Random;

    #[test]
    fn the_round_trip_comes_out_of_two_reports() {
        let start = UnixTime(1_700_000_000_250_000);
        let own = Own { ssrc: 1, timestamp: 0, packets: 5, bytes: 800 };
        let sent = write(start, own, None, "a@b");
        let told = read(&sent, 2, start).unwrap();
        let back = Block {
            ssrc: 1,
            fraction: 25,
            lost: 0,
            highest: 0,
            jitter: 0,
            last_report: told.sender_report.unwrap(),
            delay: 65_536 / 2,
        };
        let answer = write(start, Own { ssrc: 2, packets: 0, ..own }, Some(back), "c");
        let told = read(&answer, 1, start + Duration::from_millis(580)).unwrap();
        let round_trip = f64::from(told.round_trip.unwrap()) / 65_536.0;
        assert!((round_trip - 0.080).abs() < 0.001, "{round_trip}");
        assert_eq!(told.lost_percent, Some(10));
        assert_eq!(sent.len() % 4, 0);
    }

    #[test]
    fn how_one_hears_the_other_is_told_and_read() {
        let now = UnixTime(1_700_000_000_250_000);
        let own = Own { ssrc: 9, timestamp: 0, packets: 5, bytes: 800 };
        let mut sent = write(now, own, None, "a@b");
        let metrics =
            Metrics { ssrc: 7, loss_percent: 1.0, round_trip_ms: 80.0, rating: 88.0, mos: 4.23 };
        write_metrics(&mut sent, 9, &metrics);
        assert_eq!(sent.len() % 4, 0);
        assert_eq!(read(&sent, 7, now).unwrap().mos_tenths, Some(42));
        assert_eq!(read(&sent, 8, now).unwrap().mos_tenths, None, "about somebody else");
        for cut in 1..44 {
            let _ = read(&sent[..sent.len() - cut], 7, now);
        }
        let block = &sent[sent.len() - 36..];
        assert_eq!((block[0], block[26], &block[16..18]), (7, 42, &[0u8, 80][..]));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut random = Random::from_number(2);
        for _ in 0..100_000 {
            let mut bytes = vec![0; random.below(64) as usize];
            random.fill(&mut bytes);
            if let [first, kind, high, low, ..] = bytes.as_mut_slice() {
                (*first, *kind, *high, *low) = (0x80 | *first, 200 + (*kind & 7), 0, *low & 15);
            }
            let _ = read(&bytes, 1, UnixTime(0));
        }
    }
}
