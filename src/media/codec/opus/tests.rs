use super::*;
use crate::media::detect::Goertzel;
use crate::random::Random;

/// A voice: harmonics of 125 Hz under an envelope.
fn voice(rate: Rate, count: usize) -> Vec<i16> {
    let sample = |n: usize| {
        let t = n as f64 / f64::from(rate.hertz());
        let part = |k: u32| (std::f64::consts::TAU * 125.0 * f64::from(k) * t).sin() / f64::from(k);
        let envelope = 0.6 + 0.4 * (std::f64::consts::TAU * 3.0 * t).sin();
        ((1..12).map(part).sum::<f64>() * 5_000.0 * envelope) as i16
    };
    (0..count).map(sample).collect()
}

fn frames(rate: Rate, milliseconds: usize, count: usize, wishes: &Wishes) -> Vec<Vec<u8>> {
    let length = rate.hertz() as usize * milliseconds / 1_000;
    let mut encoder = Encoder::new(rate, wishes).unwrap();
    encoder.expect_loss(if wishes.fec { 15 } else { 0 });
    let packet = |samples: &[i16]| {
        let mut out = Vec::new();
        encoder.encode(samples, &mut out).unwrap();
        out
    };
    voice(rate, length * count).chunks(length).map(packet).collect()
}

#[test]
fn format_parameters_are_read_as_rfc_7587_has_them() {
    let all =
        "maxplaybackrate=16000; stereo=0;useinbandfec=1; usedtx=1;cbr=1;maxaveragebitrate=20000;x";
    let wishes = Wishes { fec: true, dtx: true, cbr: true, rate: 16_000, bits: Some(20_000) };
    assert_eq!(Wishes::read(all), wishes);
    assert_eq!(Wishes::read(""), Wishes::default());
    let odd = "maxplaybackrate=-1;maxaveragebitrate=1;useinbandfec=yes;cbr";
    assert_eq!(Wishes::read(odd), Wishes { bits: Some(BITS_LEAST), ..Wishes::default() });
}

#[test]
fn a_packet_is_as_long_as_its_first_octets_say() {
    for (rate, ms) in [(Rate::Narrow, 10), (Rate::Narrow, 20), (Rate::Wide, 40), (Rate::Wide, 60)] {
        for packet in frames(rate, ms, 5, &Wishes::default()) {
            assert_eq!(length(&packet), Some(ms * 10), "{packet:?}");
        }
    }
    // Section 3.2: configurations 31 (20 ms CELT) and 16 (2.5 ms), one frame and two.
    assert_eq!(length(&[31 << 3, 1, 2]), Some(200));
    assert_eq!(length(&[16 << 3 | 1, 1, 2]), Some(50));
    assert_eq!(length(&[16 << 3 | 1, 1, 2, 3]), None, "R3: the two are of one size");
    assert_eq!(length(&[1 << 3 | 2, 1, 9, 9]), Some(400));
    assert_eq!(length(&[1 << 3 | 2, 9, 9]), None, "R4: the first is longer than the packet");
    assert_eq!(length(&[1 << 3 | 3, 7, 0, 0, 0, 0, 0, 0, 0]), None, "R5: 140 ms");
    assert_eq!(length(&[1 << 3 | 3, 0]), None, "R5: no frame");
    assert_eq!(length(&[1 << 3 | 3, 0x41, 255, 255]), None, "R6: padding without an end");
    assert_eq!(length(&[1 << 3 | 3, 0x42, 2, 7, 7, 0, 0]), Some(400));
    assert_eq!(length(&[1 << 3 | 3, 0x82, 3, 1, 1]), None, "R7");
    assert_eq!(length(&[]), None);
    assert_eq!(length(&[8; LARGEST + 1]), None);
}

/// In milliseconds of CPU there is no limit that holds on every machine; that no bytes are a panic does.
#[test]
fn no_bytes_are_a_panic_and_none_are_more_sound_than_a_packet_may_have() {
    let mut random = Random::from_number(5);
    let good = frames(Rate::Wide, 20, 20, &Wishes { fec: true, ..Wishes::default() });
    let mut decoder = Decoder::new(Rate::Narrow).unwrap();
    for turn in 0..4_000usize {
        let mut packet = match turn % 3 {
            0 => vec![0; 1 + random.below(80) as usize],
            _ => good[turn % good.len()].clone(),
        };
        match turn % 3 {
            0 => random.fill(&mut packet),
            1 => {
                let place = random.below(packet.len() as u64) as usize;
                packet[place] ^= 1 << random.below(8);
            }
            _ => packet.truncate(random.below(packet.len() as u64 + 1) as usize),
        }
        let mut out = Vec::new();
        if turn % 5 == 0 {
            let _ = decoder.recover(&packet, 20, &mut out);
            assert!(out.is_empty() || out.len() == 160);
            out.clear();
        }
        let told = decoder.decode(&packet, &mut out);
        assert!(out.len() <= 8 * LONGEST_MS);
        assert_eq!(told.is_ok(), !out.is_empty(), "{packet:?}");
        assert!(told.is_err() || length(&packet).map(|tenths| tenths * 8 / 10) == Some(out.len()));
    }
}

#[test]
fn a_tone_comes_back_at_either_rate_whatever_rate_it_was_coded_at() {
    for (coded, decoded) in
        [(Rate::Narrow, Rate::Narrow), (Rate::Narrow, Rate::Wide), (Rate::Wide, Rate::Narrow)]
    {
        let mut encoder = Encoder::new(coded, &Wishes::default()).unwrap();
        let mut decoder = Decoder::new(decoded).unwrap();
        let tone = |n: usize| {
            let angle = std::f64::consts::TAU * 700.0 * n as f64 / f64::from(coded.hertz());
            (angle.sin() * 8_000.0) as i16
        };
        let samples: Vec<i16> = (0..coded.hertz() as usize).map(tone).collect();
        let mut heard = Vec::new();
        for frame in samples.chunks(coded.hertz() as usize / 50) {
            let mut packet = Vec::new();
            encoder.encode(frame, &mut packet).unwrap();
            decoder.decode(&packet, &mut heard).unwrap();
        }
        assert_eq!(heard.len(), decoded.hertz() as usize);
        let hertz = f64::from(decoded.hertz());
        assert!(Goertzel::share(&heard[heard.len() / 2..], 700.0, hertz) > 0.95, "{coded:?}");
    }
}

/// How much of what should be heard is error, in decibels below it.
fn fidelity(ought: &[i16], heard: &[i16]) -> f64 {
    let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|s| s * s).sum::<f64>();
    let signal = energy(&mut ought.iter().map(|s| f64::from(*s)));
    let error = energy(&mut ought.iter().zip(heard).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (signal / error.max(1.0)).log10()
}

/// Every fifth packet is lost. What the next one has of it is nearer than what is made up.
#[test]
fn what_was_lost_is_had_from_the_next_packet() {
    let packets = frames(Rate::Narrow, 20, 200, &Wishes { fec: true, ..Wishes::default() });
    let mut decoder = Decoder::new(Rate::Narrow).unwrap();
    let mut ought = Vec::new();
    packets.iter().for_each(|packet| decoder.decode(packet, &mut ought).unwrap());
    let lossy = |redundancy: bool| {
        let mut decoder = Decoder::new(Rate::Narrow).unwrap();
        let mut heard = Vec::new();
        let mut lost = false;
        for (n, packet) in packets.iter().enumerate() {
            if n % 5 == 4 {
                lost = true;
                continue;
            }
            match std::mem::take(&mut lost) {
                true if redundancy => decoder.recover(packet, 20, &mut heard).unwrap(),
                true => decoder.conceal(20, &mut heard).unwrap(),
                false => {}
            }
            decoder.decode(packet, &mut heard).unwrap();
        }
        fidelity(&ought[..heard.len()], &heard)
    };
    let (with, without) = (lossy(true), lossy(false));
    assert!(with > without + 2.0 && with > 6.0, "{with} dB with, {without} without");
}

#[test]
fn a_peers_wishes_are_obeyed() {
    let sizes = |wishes: Wishes, rate| -> Vec<usize> {
        frames(rate, 20, 100, &wishes).iter().map(Vec::len).collect()
    };
    let steady = sizes(Wishes { cbr: true, ..Wishes::default() }, Rate::Narrow);
    assert!(steady.iter().all(|size| *size == steady[0]), "{steady:?}");
    let few: usize =
        sizes(Wishes { bits: Some(6_000), ..Wishes::default() }, Rate::Narrow).iter().sum();
    let many: usize = sizes(Wishes::default(), Rate::Narrow).iter().sum();
    assert!(few * 3 < many * 2, "{few} octets and {many}");
    // Configurations 0 to 3 are narrowband, 8 to 11 wideband (RFC 6716 table 2).
    let band = |rate: u32| {
        let wishes = Wishes { rate, ..Wishes::default() };
        frames(Rate::Wide, 20, 20, &wishes).last().unwrap()[0] >> 5
    };
    assert_eq!((band(8_000), band(48_000)), (0, 2));
    let mut quiet = Encoder::new(Rate::Narrow, &Wishes { dtx: true, ..Wishes::default() }).unwrap();
    let silent: Vec<usize> = (0..100)
        .map(|_| {
            let mut out = Vec::new();
            quiet.encode(&[0; 160], &mut out).unwrap();
            out.len()
        })
        .collect();
    assert!(silent.iter().filter(|size| **size <= 2).count() > 50, "{silent:?}");
}
