//! Recording one leg: packets come late, twice or not at all; the recording has them in time, with silence between.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::id::RecordingId;
use crate::media::RATE;

/// How long we wait for a packet that was overtaken: 200 ms.
const LATE: usize = RATE as usize / 5;
/// A jump beyond this is a new stream, not a gap: ten seconds.
const JUMP: u32 = RATE * 10;
/// Samples written at once: a second.
const CHUNK: usize = RATE as usize;
/// Below this, a packet's loudest sample is silence: a quiet room on a telephone.
const QUIET: i32 = 500;

/// A recording under way.
#[derive(Debug)]
pub(super) struct Recorder {
    pub recording: RecordingId,
    pub stop_on_digit: bool,
    not_before: Instant,
    /// When it ends whether or not anything arrives.
    pub ends: Instant,
    max: usize,
    silence: Option<usize>,
    /// The timestamp of the first sample in `window`.
    origin: Option<u32>,
    window: VecDeque<i16>,
    ready: Vec<i16>,
    written: usize,
    quiet: usize,
    spoken: bool,
}

impl Recorder {
    pub fn new(
        now: Instant,
        recording: RecordingId,
        wait: Duration,
        max: Duration,
        silence: Option<Duration>,
        stop_on_digit: bool,
    ) -> Self {
        let samples = |span: Duration| (span.as_millis() * u128::from(RATE) / 1_000) as usize;
        Recorder {
            recording,
            stop_on_digit,
            not_before: now + wait,
            ends: now + wait + max,
            max: samples(max),
            silence: silence.map(samples),
            origin: None,
            window: VecDeque::new(),
            ready: Vec::new(),
            written: 0,
            quiet: 0,
            spoken: false,
        }
    }

    /// Takes the sound of one packet. Answers whether the recording is complete.
    pub fn take(&mut self, now: Instant, timestamp: u32, samples: &[i16]) -> bool {
        if now < self.not_before {
            return false;
        }
        let origin = *self.origin.get_or_insert(timestamp);
        let ahead = timestamp.wrapping_sub(origin);
        if ahead as i32 <= -(JUMP as i32) || ahead as i32 >= JUMP as i32 {
            self.flush(self.window.len());
            self.origin = Some(timestamp);
            return self.take(now, timestamp, samples);
        }
        if (ahead as i32) < 0 {
            return false;
        }
        let start = ahead as usize;
        if self.window.len() < start + samples.len() {
            self.window.resize(start + samples.len(), 0);
        }
        for (place, sample) in self.window.iter_mut().skip(start).zip(samples) {
            *place = *sample;
        }
        self.listen(samples);
        if self.window.len() > LATE {
            self.flush(self.window.len() - LATE);
        }
        self.is_complete()
    }

    fn listen(&mut self, samples: &[i16]) {
        if samples.iter().any(|sample| i32::from(*sample).abs() > QUIET) {
            self.quiet = 0;
            self.spoken = true;
        } else {
            self.quiet += samples.len();
        }
    }

    fn is_complete(&self) -> bool {
        let silent = self.silence.is_some_and(|silence| self.quiet >= silence);
        silent || self.written + self.ready.len() + self.window.len() >= self.max
    }

    fn flush(&mut self, count: usize) {
        let count = count.min(self.window.len());
        self.ready.extend(self.window.drain(..count));
        if let Some(origin) = &mut self.origin {
            *origin = origin.wrapping_add(count as u32);
        }
    }

    /// A second of sound that is ready to be written.
    pub fn chunk(&mut self) -> Option<Vec<i16>> {
        if self.ready.len() < CHUNK {
            return None;
        }
        self.written += self.ready.len();
        Some(std::mem::take(&mut self.ready))
    }

    /// Everything that is left, without the silence that ended it.
    pub fn finish(mut self) -> (Vec<i16>, Duration) {
        self.flush(self.window.len());
        let cut = if self.spoken { self.quiet.min(self.ready.len()) } else { 0 };
        let keep = (self.ready.len() - cut).min(self.max.saturating_sub(self.written));
        self.ready.truncate(keep);
        // What was never louder than a quiet room is a recording of nothing.
        let total = if self.spoken { self.written + self.ready.len() } else { 0 };
        let length = Duration::from_millis(total as u64 * 1_000 / u64::from(RATE));
        (self.ready, length)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn recorder(now: Instant, max_s: u64, silence_s: Option<u64>) -> Recorder {
        let silence = silence_s.map(Duration::from_secs);
        Recorder::new(
            now,
            RecordingId(1),
            Duration::ZERO,
            Duration::from_secs(max_s),
            silence,
            true,
        )
    }

    #[test]
    fn late_lost_and_repeated_packets_are_put_right() {
        let now = Instant::now();
        let mut recorder = recorder(now, 60, None);
        for (place, value) in [(0, 1000), (2, 3000), (1, 2000), (1, 2000), (4, 5000)] {
            recorder.take(now, 7_000 + place * 160, &[value; 160]);
        }
        let (samples, length) = recorder.finish();
        let heard: Vec<i16> = samples.chunks(160).map(|chunk| chunk[0]).collect();
        assert_eq!(heard, [1000, 2000, 3000, 0, 5000]);
        assert_eq!(length, Duration::from_millis(100));
    }

    #[test]
    fn silence_ends_it_and_is_cut_off() {
        let now = Instant::now();
        let mut recorder = recorder(now, 60, Some(2));
        let mut packets = 0;
        for n in 0.. {
            packets = n;
            let value = if n < 50 { 4_000 } else { 0 };
            if recorder.take(now, n * 160, &[value; 160]) {
                break;
            }
        }
        assert_eq!(packets, 149, "one second of speech, two of silence");
        let mut total = 0;
        while let Some(chunk) = recorder.chunk() {
            total += chunk.len();
        }
        let (rest, _) = recorder.finish();
        assert!(total + rest.len() >= 8_000, "speech is kept");
    }

    #[test]
    fn the_longest_time_ends_it() {
        let now = Instant::now();
        let mut recorder = recorder(now, 1, None);
        let complete = (0..60).position(|n| recorder.take(now, n * 160, &[900; 160]));
        assert_eq!(complete, Some(49));
        assert_eq!(recorder.finish().1, Duration::from_secs(1));
    }

    #[test]
    fn a_new_stream_in_the_middle_is_no_gap_of_hours() {
        let now = Instant::now();
        let mut recorder = recorder(now, 60, None);
        recorder.take(now, 0, &[1; 160]);
        recorder.take(now, 2_000_000_000, &[2; 160]);
        recorder.take(now, 160, &[3; 160]);
        assert!(recorder.finish().0.len() <= 3 * 160);
    }
}
