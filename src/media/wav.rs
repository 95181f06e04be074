//! WAV files: any rate, width and number of channels in; 8 kHz mono out.
//!
//! Prompts come from everywhere, so reading takes PCM of 8 to 32 bits, 32-bit floats, and G.711, and converts once at
//! load. Damaged files are verdicts, never panics.

use std::f64::consts::PI;
use std::fmt;

use crate::media::RATE;
use crate::media::codec::g711;
use crate::media::player::Clip;

/// The longest prompt we load: an hour. Memory is 16 kB a second.
const MAX_SECONDS: u64 = 3_600;
/// Zero crossings of the resampling filter on each side: 60 dB down, and prompts are loaded once.
const CROSSINGS: f64 = 16.0;

/// Why a file is no prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadWav {
    /// It does not begin as a WAV file does.
    NotWav,
    /// It ends in the middle.
    CutShort,
    /// A coding other than PCM, float, A-law or mu-law.
    Coding(u16),
    /// Widths, rates or channel counts that make no sense.
    Shape,
    /// No sound in it.
    Empty,
    /// Longer than an hour.
    TooLong,
}

impl fmt::Display for BadWav {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadWav::NotWav => f.write_str("this is not a WAV file"),
            BadWav::CutShort => f.write_str("the WAV file ends in the middle"),
            BadWav::Coding(code) => {
                write!(f, "WAV coding {code:#06x} is not known here; save it as 16-bit PCM")
            }
            BadWav::Shape => f.write_str("the WAV file's rate, width or channels make no sense"),
            BadWav::Empty => f.write_str("the WAV file has no sound in it"),
            BadWav::TooLong => f.write_str("the WAV file is longer than an hour"),
        }
    }
}

impl std::error::Error for BadWav {}

#[derive(Debug, Clone, Copy)]
struct Format {
    coding: u16,
    channels: usize,
    rate: u32,
    bytes: usize,
}

/// Reads a file.
pub fn read(file: &[u8]) -> Result<Clip, BadWav> {
    if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
        return Err(BadWav::NotWav);
    }
    let mut format = None;
    let mut rest = file.get(12..).ok_or(BadWav::CutShort)?;
    loop {
        let (name, length) = (rest.get(..4).ok_or(BadWav::CutShort)?, u32_at(rest, 4)?);
        let body = rest.get(8..).ok_or(BadWav::CutShort)?;
        let length = length as usize;
        match (name, format) {
            (b"fmt ", _) => {
                format = Some(read_format(body.get(..length).ok_or(BadWav::CutShort)?)?)
            }
            (b"data", Some(format)) => {
                // A file that was written by a pipe gives a length that was never filled in.
                let data = body.get(..length).unwrap_or(body);
                return convert(format, data);
            }
            _ => {}
        }
        rest = body.get(length + (length & 1)..).ok_or(BadWav::CutShort)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, BadWav> {
    let pair = bytes.get(at..at + 2).ok_or(BadWav::CutShort)?;
    Ok(u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, BadWav> {
    Ok(u32::from(u16_at(bytes, at)?) | u32::from(u16_at(bytes, at + 2)?) << 16)
}

fn read_format(body: &[u8]) -> Result<Format, BadWav> {
    let mut coding = u16_at(body, 0)?;
    if coding == 0xfffe {
        // The extensible form: the first two bytes of its GUID are the coding.
        coding = u16_at(body, 24)?;
    }
    let format = Format {
        coding,
        channels: usize::from(u16_at(body, 2)?),
        rate: u32_at(body, 4)?,
        bytes: usize::from(u16_at(body, 14)?).div_ceil(8),
    };
    let width = match coding {
        1 => 1..=4,
        3 => 4..=4,
        6 | 7 => 1..=1,
        other => return Err(BadWav::Coding(other)),
    };
    let sensible = (1..=16).contains(&format.channels)
        && (1_000..=384_000).contains(&format.rate)
        && width.contains(&format.bytes);
    if sensible { Ok(format) } else { Err(BadWav::Shape) }
}

fn convert(format: Format, data: &[u8]) -> Result<Clip, BadWav> {
    let frame = format.bytes * format.channels;
    let frames = data.chunks_exact(frame);
    if frames.len() as u64 > u64::from(format.rate) * MAX_SECONDS {
        return Err(BadWav::TooLong);
    }
    let mono: Vec<f32> = frames
        .map(|frame| {
            let sum: f32 = frame.chunks_exact(format.bytes).map(|s| sample(format.coding, s)).sum();
            sum / format.channels as f32
        })
        .collect();
    if mono.is_empty() {
        return Err(BadWav::Empty);
    }
    let at_rate = if format.rate == RATE { mono } else { resample(&mono, format.rate) };
    let samples = at_rate.iter().map(|s| (s * 32_768.0).clamp(-32_768.0, 32_767.0) as i16);
    Ok(Clip::new(samples.collect()))
}

/// One sample as -1 to 1.
fn sample(coding: u16, bytes: &[u8]) -> f32 {
    match (coding, bytes) {
        (6, [code]) => f32::from(g711::alaw_decode(*code)) / 32_768.0,
        (7, [code]) => f32::from(g711::ulaw_decode(*code)) / 32_768.0,
        (3, [a, b, c, d]) => {
            let value = f32::from_le_bytes([*a, *b, *c, *d]);
            if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
        }
        (_, [a]) => (f32::from(*a) - 128.0) / 128.0,
        (_, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
        (_, [a, b, c]) => i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0,
        (_, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0,
        _ => 0.0,
    }
}

/// A windowed sinc, cut off at the lower of the two rates' halves.
fn resample(input: &[f32], rate: u32) -> Vec<f32> {
    let ratio = f64::from(rate) / f64::from(RATE);
    let cut = (1.0 / ratio).min(1.0) * 0.95;
    let reach = CROSSINGS / cut;
    let length = (input.len() as f64 / ratio).floor() as usize;
    (0..length)
        .map(|n| {
            let centre = n as f64 * ratio;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize).min(input.len() - 1);
            let sum: f64 = (first..=last)
                .map(|at| f64::from(input[at]) * kernel(at as f64 - centre, cut, reach))
                .sum();
            sum as f32
        })
        .collect()
}

fn kernel(x: f64, cut: f64, reach: f64) -> f64 {
    let window = 0.5 + 0.5 * (PI * x / reach).cos();
    let sinc = if x == 0.0 { 1.0 } else { (PI * x * cut).sin() / (PI * x * cut) };
    cut * sinc * window
}

/// The header of a file with `bytes` of 16-bit mono samples at 8 kHz.
pub fn header(bytes: u32) -> Vec<u8> {
    header_of(bytes, 1)
}

/// The same of one channel or two.
pub fn header_of(bytes: u32, channels: u8) -> Vec<u8> {
    let frame = 2 * channels;
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF");
    header.extend(bytes.saturating_add(36).to_le_bytes());
    header.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    header.extend([channels, 0]);
    header.extend(RATE.to_le_bytes());
    header.extend((RATE * u32::from(frame)).to_le_bytes());
    header.extend([frame, 0]);
    header.extend(b"\x10\0data");
    header.extend(bytes.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::detect::Goertzel;
    use crate::random::Random;

    fn tone(rate: u32, channels: u16, bytes: u16, coding: u16) -> Vec<u8> {
        let mut data = Vec::new();
        for n in 0..rate {
            let value = (2.0 * PI * 700.0 * f64::from(n) / f64::from(rate)).sin() * 0.5;
            for _ in 0..channels {
                match (coding, bytes) {
                    (3, _) => data.extend((value as f32).to_le_bytes()),
                    (6, _) => data.push(g711::alaw_encode((value * 32_767.0) as i16)),
                    (7, _) => data.push(g711::ulaw_encode((value * 32_767.0) as i16)),
                    (_, 1) => data.push((value * 127.0 + 128.0) as u8),
                    (_, width) => {
                        let whole = ((value * 2_147_483_647.0) as i32).to_le_bytes();
                        data.extend(&whole[4 - usize::from(width)..]);
                    }
                }
            }
        }
        let mut file = Vec::new();
        file.extend(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0");
        file.extend(coding.to_le_bytes());
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend((rate * u32::from(channels * bytes)).to_le_bytes());
        file.extend((channels * bytes).to_le_bytes());
        file.extend((bytes * 8).to_le_bytes());
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn every_shape_becomes_the_same_tone() {
        let shapes = [
            (8_000, 1, 2, 1),
            (8_000, 1, 1, 7),
            (8_000, 2, 1, 6),
            (16_000, 1, 1, 1),
            (22_050, 2, 3, 1),
            (44_100, 2, 2, 1),
            (48_000, 1, 4, 3),
            (11_025, 1, 4, 1),
        ];
        for (rate, channels, bytes, coding) in shapes {
            let clip = read(&tone(rate, channels, bytes, coding)).unwrap();
            let samples = clip.samples();
            assert!((7_990..=8_000).contains(&samples.len()), "{rate}: {}", samples.len());
            let share = Goertzel::share(&samples[500..7_500], 700.0, 8_000.0);
            assert!(share > 0.97, "{rate} {channels} {bytes} {coding}: {share}");
            let peak = samples[500..7_500].iter().copied().max().unwrap();
            assert!((14_500..=18_000).contains(&peak), "{rate}: {peak}");
        }
    }

    #[test]
    fn sound_above_half_the_rate_does_not_fold_down() {
        let high: Vec<f32> = (0..48_000)
            .map(|n| (2.0 * PI * 7_000.0 * f64::from(n) / 48_000.0).sin() as f32)
            .collect();
        let out = resample(&high, 48_000);
        let loudest = out[500..7_500].iter().fold(0.0f32, |most, s| most.max(s.abs()));
        assert!(loudest < 0.01, "{loudest}");
    }

    #[test]
    fn what_is_no_wav_file_is_a_verdict() {
        assert_eq!(read(b"").unwrap_err(), BadWav::NotWav);
        assert_eq!(read(b"RIFF\0\0\0\0WAVE").unwrap_err(), BadWav::CutShort);
        let mut mp3 = tone(8_000, 1, 2, 1);
        mp3[20] = 0x55;
        assert_eq!(read(&mp3).unwrap_err(), BadWav::Coding(0x55));
        let mut random = Random::from_number(3);
        let good = tone(8_000, 1, 2, 1);
        for _ in 0..20_000 {
            let mut bad = good[..(random.below(200) as usize)].to_vec();
            if let Some(byte) = bad.get_mut(random.below(60) as usize) {
                *byte = random.bits() as u8;
            }
            let _ = read(&bad);
        }
    }

    #[test]
    fn a_header_of_ours_reads_back() {
        let mut file = header(4);
        file.extend([1, 0, 2, 0]);
        assert_eq!(read(&file).unwrap().samples(), [1, 2]);
    }
}
