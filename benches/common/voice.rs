//! Something like a voice, in packets.

use branchline::media::Codec;
use branchline::media::codec::opus::Wishes;
use branchline::media::codec::{Encoder, Rate};
use bytes::Bytes;

/// A second of a tone that wavers, in packets of 20 ms.
pub fn packets(codec: Codec) -> Vec<Bytes> {
    let mut encoder = Encoder::new(codec, Wishes::default()).expect("a codec of the box");
    let sample = |n: usize| {
        let t = n as f64 / 8_000.0;
        let pitch = 180.0 + 60.0 * (t * 9.0).sin();
        let voice: f64 = (1..6)
            .map(|k| (t * pitch * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k))
            .sum();
        (voice * 5_000.0 * (0.6 + 0.4 * (t * 25.0).sin())) as i16
    };
    let packet = |frame: usize| {
        let samples: Vec<i16> = (frame * 160..(frame + 1) * 160).map(sample).collect();
        let mut out = Vec::new();
        assert!(encoder.encode(&samples, Rate::Narrow, &mut out));
        Bytes::from(out)
    };
    (0..50).map(packet).collect()
}
