//! How a leg was: loss, jitter, round trip, and what a listener would have said.

use serde::{Deserialize, Serialize};

/// A leg's figures at its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Packets that we sent.
    pub sent: u64,
    /// Packets of sound that arrived from the peer.
    pub received: u64,
    /// Packets that never arrived (RFC 3550 appendix A.3).
    pub lost: u64,
    /// Packets that arrived twice.
    pub repeated: u64,
    /// Packets that were overtaken.
    pub late: u64,
    /// Interarrival jitter at the end, in milliseconds (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
    /// Round trip by RTCP, in milliseconds, if the peer reports.
    pub round_trip_ms: Option<f64>,
    /// The score that the peer itself gives to what it hears of us (RFC 3611), if it reports so.
    pub mos_there: Option<f64>,
    /// Packets from others than the peer; dropped.
    pub strangers: u64,
    /// Packets of a kind that was not agreed on; dropped.
    pub unusable: u64,
    /// Whether its packets were protected (SRTP) at the end.
    pub protected: bool,
    /// Packets that did not prove themselves: another key, no protection at all, forgeries; dropped.
    pub forged: u64,
    /// Protected packets that were here before; dropped.
    pub replayed: u64,
    /// Seconds in which anything but silence came, as far as samples of it tell.
    pub spoken_s: f64,
    /// Whether the peer was sent sound and not heard for seconds, at any time.
    pub one_way: bool,
    /// Whether a fax machine or a modem was there.
    pub machine: bool,
    /// Estimated mean opinion score for listening, 1 to 4.5; nothing if too little was heard to say.
    pub mos: Option<f64>,
}

impl Report {
    /// Loss in percent of what should have arrived.
    pub fn loss_percent(&self) -> f64 {
        let expected = self.received + self.lost;
        if expected == 0 { 0.0 } else { self.lost as f64 * 100.0 / expected as f64 }
    }
}

/// The E-model of ITU-T G.107 with its default values, for G.711: a rating by delay and loss, 0 to 100.
pub fn rating(loss_percent: f64, jitter_ms: f64, round_trip_ms: f64) -> f64 {
    // A receiver's buffer of twice the jitter, and one packet.
    let delay = round_trip_ms / 2.0 + 2.0 * jitter_ms + 20.0;
    let late = if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0.0 };
    // G.113 appendix I: G.711 with concealment, random loss.
    let equipment = 95.0 * loss_percent / (loss_percent + 25.1);
    (93.2 - 0.024 * delay - late - equipment).clamp(0.0, 100.0)
}

/// The same as a score, 1 to 4.5.
pub fn mos(loss_percent: f64, jitter_ms: f64, round_trip_ms: f64) -> f64 {
    let rating = rating(loss_percent, jitter_ms, round_trip_ms);
    1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_line_is_good_and_a_lossy_one_is_not() {
        assert!((mos(0.0, 0.0, 0.0) - 4.4).abs() < 0.05);
        assert!(mos(5.0, 5.0, 50.0) < 4.0);
        assert!(mos(30.0, 50.0, 600.0) < 2.0);
        assert!(mos(100.0, 1e6, 1e6) >= 1.0);
    }

    #[test]
    fn loss_is_of_what_should_have_come() {
        let report = Report { received: 75, lost: 25, ..Report::default() };
        assert_eq!(report.loss_percent(), 25.0);
        assert_eq!(Report::default().loss_percent(), 0.0);
    }
}
