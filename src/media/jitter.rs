//! The jitter buffer, where sound is decoded here: packets go in as they come, samples come out in time.
//!
//! Adaptive and bounded. It waits 40 ms at first. A packet that comes too late makes it wait longer by as much, up to
//! 200 ms; when every packet of two seconds came with more than 30 ms to spare, it waits 10 ms less, and takes those
//! 10 ms out of a quiet place if there is one. That also follows a sender whose clock is a little fast or slow. What is
//! missing is concealed ([`conceal`](crate::media::conceal)) or, where the sender said so, comfort noise.
//!
//! Two-party bridges are relayed packet by packet and never come through here: the phone at the end has a buffer of
//! its own, and two add up.

use std::collections::VecDeque;

use crate::media::RATE;
use crate::media::comfort::Noise;
use crate::media::conceal::Conceal;

const MILLISECOND: usize = RATE as usize / 1_000;
/// Waited for at first: two packets of the usual length.
const START: usize = 40 * MILLISECOND;
/// The least to wait: half a packet.
const LEAST: usize = 10 * MILLISECOND;
/// The most to wait: beyond it, people talk into each other.
const MOST: usize = 200 * MILLISECOND;
/// Sound that may be held: more than the wait and a burst; a packet from beyond it begins a new stream.
const HELD: usize = 500 * MILLISECOND;
/// Taken out at a time when the wait has been too long.
const STEP: usize = 10 * MILLISECOND;
/// Packets that must have come early before the wait is shortened: two seconds of the usual length.
const SPAN: u32 = 100;
/// Below this, ten milliseconds can be taken out unheard.
const QUIET: i16 = 400;

/// The buffer of one stream.
#[derive(Debug)]
pub struct Jitter {
    /// The timestamp of the sample in front; nothing before the first packet.
    front: Option<u32>,
    /// What is held from there on; nothing where it is missing.
    window: VecDeque<Option<i16>>,
    /// Samples to wait before the one in front is played.
    wait: usize,
    /// Where the last gap that was played over began: a packet from before it has been played, or given up.
    gap: u32,
    /// Whether the sample before the one in front was missing.
    in_gap: bool,
    /// How early the packets of this span came.
    span: Span,
    /// What the earliest of the span before had to spare.
    before: usize,
    /// Whether something is to be taken out when it is quiet, and after how many more packets regardless.
    shorten: Option<u32>,
    conceal: Conceal,
    noise: Option<Noise>,
    /// Whether the wait is never shortened, and gaps are left silent: what comes is no voice.
    data: bool,
    /// What became of it.
    pub figures: Figures,
}

/// How early packets came, in samples before they were due, and how many there were.
#[derive(Debug, Clone, Copy)]
struct Span {
    least: usize,
    most: usize,
    packets: u32,
}

const NOTHING_YET: Span = Span { least: usize::MAX, most: 0, packets: 0 };

/// Counts since the beginning, in samples at 8 kHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Played as they came.
    pub played: u64,
    /// Made up in place of what was lost.
    pub concealed: u64,
    /// Came too late to be played.
    pub late: u64,
}

impl Default for Jitter {
    fn default() -> Self {
        Jitter {
            front: None,
            window: VecDeque::new(),
            wait: 0,
            gap: 0,
            in_gap: false,
            span: NOTHING_YET,
            before: 0,
            shorten: None,
            conceal: Conceal::default(),
            noise: None,
            data: false,
            figures: Figures::default(),
        }
    }
}

impl Jitter {
    /// Takes the sound of a packet. `timestamp` counts samples.
    pub fn put(&mut self, timestamp: u32, samples: &[i16]) {
        self.noise = None;
        let ahead = self.front.map(|front| timestamp.wrapping_sub(front) as i32);
        let near = |ahead: &i32| ahead.unsigned_abs() as usize + samples.len() <= HELD;
        match ahead.filter(near) {
            None => self.begin(timestamp),
            Some(ahead)
                if ahead < 0 && !self.make_room(timestamp, ahead.unsigned_abs() as usize) =>
            {
                self.figures.late += samples.len() as u64;
                return;
            }
            Some(_) => {}
        }
        self.insert(timestamp, samples);
        self.judge(timestamp);
    }

    /// The far end falls silent, and describes the silence.
    pub fn put_noise(&mut self, payload: &[u8]) {
        if self.data {
            return;
        }
        match (Noise::read(payload), &mut self.noise) {
            (Some(newer), Some(noise)) => noise.renew(newer),
            (Some(newer), none) => *none = Some(newer),
            (None, _) => {}
        }
    }

    /// What comes is no voice but data in tones, as a fax sends it: from now on nothing is cut or made up. A packet that is
    /// late is waited for in silence; that spoils no more than losing it, and its followers are heard.
    pub fn carry_data(&mut self) {
        self.data = true;
        self.shorten = None;
    }

    /// The next samples. Answers whether there is anything but silence in them.
    pub fn take(&mut self, out: &mut [i16]) -> bool {
        self.shorten_quietly();
        out.iter_mut().fold(false, |any, place| {
            let (sample, sounds) = self.next();
            *place = sample;
            any | sounds
        })
    }

    /// How long the packets wait that come earliest, in milliseconds.
    pub fn delay_ms(&self) -> u16 {
        (self.delay() / MILLISECOND) as u16
    }

    fn delay(&self) -> usize {
        self.span.most.max(self.before)
    }

    fn begin(&mut self, timestamp: u32) {
        if self.front.is_none() {
            self.conceal.rest();
        }
        self.window.clear();
        self.front = Some(timestamp);
        self.in_gap = true;
        self.wait = if self.data { MOST / 2 } else { START };
        // One that was overtaken by the first still has its place.
        self.gap = timestamp.wrapping_sub(self.wait as u32);
        (self.span, self.before, self.shorten) = (NOTHING_YET, self.wait, None);
    }

    /// Makes room in front for a packet that is `late` samples too late, by waiting longer. Answers whether it is worth it.
    fn make_room(&mut self, timestamp: u32, late: usize) -> bool {
        if (timestamp.wrapping_sub(self.gap) as i32) < 0 {
            return false;
        }
        let missing = late.saturating_sub(self.wait);
        if missing > 0 && self.delay() + missing > MOST {
            return false;
        }
        self.before += missing;
        self.span.most += missing;
        self.wait = self.wait + missing - late;
        (0..late).for_each(|_| self.window.push_front(None));
        self.front = Some(timestamp);
        true
    }

    fn insert(&mut self, timestamp: u32, samples: &[i16]) {
        let Some(front) = self.front else { return };
        let start = timestamp.wrapping_sub(front) as usize;
        let end = start + samples.len();
        if self.window.len() < end {
            self.window.resize(end, None);
        }
        for (place, sample) in self.window.iter_mut().skip(start).zip(samples) {
            *place = Some(*sample);
        }
    }

    /// Looks how early packets come.
    fn judge(&mut self, timestamp: u32) {
        let Some(front) = self.front else { return };
        let early = timestamp.wrapping_sub(front) as usize + self.wait;
        self.span.least = self.span.least.min(early);
        self.span.most = self.span.most.max(early);
        self.span.packets += 1;
        if let Some(patience) = &mut self.shorten {
            *patience = if early > MOST { 0 } else { patience.saturating_sub(1) };
        }
        if self.span.packets < SPAN {
            return;
        }
        if self.span.least > LEAST + 2 * STEP && !self.data {
            self.shorten.get_or_insert(SPAN);
        }
        (self.before, self.span) = (self.span.most, NOTHING_YET);
    }

    /// Takes ten milliseconds out, in a quiet place if one comes soon.
    fn shorten_quietly(&mut self) {
        let Some(patience) = self.shorten else { return };
        if self.wait > 0 || self.window.len() < 2 * STEP {
            return;
        }
        let quiet = |sample: &Option<i16>| sample.is_none_or(|s| s.unsigned_abs() < QUIET as u16);
        if patience > 0 && !self.window.iter().take(STEP).all(quiet) {
            return;
        }
        self.window.drain(..STEP);
        self.front = self.front.map(|front| front.wrapping_add(STEP as u32));
        self.gap = self.front.unwrap_or_default();
        self.before = self.before.saturating_sub(STEP);
        self.span.most = self.span.most.saturating_sub(STEP);
        self.shorten = None;
    }

    fn next(&mut self) -> (i16, bool) {
        let Some(front) = self.front else { return (0, false) };
        if self.wait > 0 {
            self.wait -= 1;
            return self.fill();
        }
        self.front = Some(front.wrapping_add(1));
        match self.window.pop_front().flatten() {
            Some(sample) => {
                self.in_gap = false;
                self.gap = front.wrapping_add(1);
                self.figures.played += 1;
                (if self.data { sample } else { self.conceal.good(sample) }, true)
            }
            None => {
                if !self.in_gap {
                    self.in_gap = true;
                    self.gap = front;
                }
                self.fill()
            }
        }
    }

    /// What is played where nothing came.
    fn fill(&mut self) -> (i16, bool) {
        if self.data {
            return (0, false);
        }
        if let Some(noise) = &mut self.noise {
            self.conceal.rest();
            return (noise.sample(), true);
        }
        let (sample, sounds) = self.conceal.missing();
        self.figures.concealed += u64::from(sounds);
        (sample, sounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::comfort;
    use crate::random::Random;

    const FRAME: usize = 160;

    /// Sound whose every sample tells its place.
    fn frame(number: u32) -> Vec<i16> {
        (0..FRAME as u32).map(|n| ((number * FRAME as u32 + n) % 20_000 + 1_000) as i16).collect()
    }

    fn take(jitter: &mut Jitter) -> Vec<i16> {
        let mut out = vec![0; FRAME];
        jitter.take(&mut out);
        out
    }

    #[test]
    fn what_comes_in_time_is_played_as_it_came_after_forty_milliseconds() {
        let mut jitter = Jitter::default();
        let mut out = Vec::new();
        for number in 0..50 {
            jitter.put((u32::MAX - 1_000).wrapping_add(number * FRAME as u32), &frame(number));
            out.extend(take(&mut jitter));
        }
        assert!(out[..START].iter().all(|sample| *sample == 0));
        let expected: Vec<i16> = (0..50).flat_map(frame).collect();
        assert_eq!(out[START + BLENDED..], expected[BLENDED..50 * FRAME - START]);
        assert_eq!(jitter.figures.concealed, 0);
    }

    /// The first samples after a gap are blended.
    const BLENDED: usize = 32;

    #[test]
    fn jitter_beyond_the_wait_makes_it_longer_and_nothing_is_lost_again() {
        let mut jitter = Jitter::default();
        let mut random = Random::from_number(5);
        // Packets arrive up to 90 ms late, in 10 ms steps of the clock.
        let mut arrivals: Vec<(u64, u32)> =
            (0..1_000).map(|n| (u64::from(n) * 2 + random.below(10), n)).collect();
        arrivals.sort_unstable();
        let mut before = Figures::default();
        let mut next = 0;
        for step in 0..2_000u64 {
            while let Some((_, number)) = arrivals.get(next).filter(|(at, _)| *at <= step) {
                jitter.put(number * FRAME as u32, &frame(*number));
                next += 1;
            }
            if step % 2 == 0 {
                take(&mut jitter);
            }
            if step == 400 {
                before = jitter.figures;
            }
        }
        assert!((70..=140).contains(&jitter.delay_ms()), "{}", jitter.delay_ms());
        let lost =
            (jitter.figures.late - before.late) + (jitter.figures.concealed - before.concealed);
        assert!(lost * 50 < jitter.figures.played, "{lost} of {:?}", jitter.figures);
    }

    #[test]
    fn after_the_storm_the_wait_becomes_short_again() {
        let mut jitter = Jitter::default();
        jitter.put(0, &[0; FRAME]);
        (0..8).for_each(|_| drop(take(&mut jitter)));
        for number in 1..8 {
            jitter.put(number * FRAME as u32, &[0; FRAME]);
        }
        let worst = jitter.delay_ms();
        for number in 8..3_000 {
            take(&mut jitter);
            jitter.put(number * FRAME as u32, &[0; FRAME]);
        }
        assert!(worst >= 100 && jitter.delay_ms() <= 40, "{worst} {}", jitter.delay_ms());
    }

    #[test]
    fn a_sender_with_another_clock_is_followed() {
        for skew in [-5i64, 5] {
            let mut jitter = Jitter::default();
            // Half a percent, far worse than any phone, for ten minutes.
            let mut sent = 0;
            for tick in 0..30_000i64 {
                while sent * (1_000 + skew) <= tick * 1_000 {
                    jitter.put(sent as u32 * FRAME as u32, &[0; FRAME]);
                    sent += 1;
                }
                take(&mut jitter);
                assert!(jitter.window.len() <= HELD && jitter.delay() <= MOST + START);
            }
            let figures = jitter.figures;
            assert!(figures.late * 100 < figures.played, "{skew}: {figures:?}");
        }
    }

    /// Whatever comes, in whatever order, however often: bounded, no panic, and always as many samples as asked for.
    #[test]
    fn any_arrivals_keep_within_bounds() {
        for seed in 0..300 {
            let mut random = Random::from_number(seed);
            let mut jitter = Jitter::default();
            let mut timestamp = random.bits() as u32;
            for _ in 0..400 {
                match random.below(12) {
                    0 => timestamp = timestamp.wrapping_add(random.bits() as u32),
                    1 => jitter.put_noise(&[random.bits() as u8, random.bits() as u8]),
                    2 => timestamp = timestamp.wrapping_sub(random.below(3_000) as u32),
                    3..=7 => {
                        let length = random.below(500) as usize;
                        jitter.put(timestamp, &vec![1_000; length]);
                        timestamp = timestamp.wrapping_add(length as u32);
                    }
                    _ => drop(take(&mut jitter)),
                }
                assert!(jitter.window.len() <= HELD + MOST, "{}", jitter.window.len());
                assert!(jitter.delay() <= HELD + MOST, "{}", jitter.delay());
                assert!(jitter.wait <= MOST + START, "{}", jitter.wait);
            }
        }
    }

    #[test]
    fn a_packet_that_comes_twice_is_played_once() {
        let mut jitter = Jitter::default();
        for number in 0..200 {
            jitter.put(number * FRAME as u32, &frame(number));
            if number >= 3 {
                jitter.put((number - 3) * FRAME as u32, &frame(number - 3));
            }
            take(&mut jitter);
        }
        assert!(jitter.delay() <= START);
        assert_eq!(jitter.figures.late, 197 * FRAME as u64);
    }

    #[test]
    fn described_silence_sounds_as_described_and_ends_with_speech() {
        let mut jitter = Jitter::default();
        for number in 0..5 {
            jitter.put(number * FRAME as u32, &frame(number));
        }
        jitter.put_noise(&[50]);
        let heard: Vec<i16> = (0..30).flat_map(|_| take(&mut jitter)).collect();
        let told = comfort::describe(&heard[2_000..]);
        assert!((48..=52).contains(&told[0]), "{told:?}");
        jitter.put(35 * FRAME as u32, &frame(35));
        assert!((0..10).any(|_| take(&mut jitter).iter().any(|s| *s > 900)));
    }

    #[test]
    fn data_that_comes_later_from_now_on_is_waited_for_once_and_then_heard_whole() {
        let mut jitter = Jitter::default();
        let mut out = Vec::new();
        for beat in 0..200u32 {
            // The way gets 60 ms longer after the machine was known.
            let number =
                if beat < 50 { Some(beat) } else { beat.checked_sub(3).filter(|n| *n >= 50) };
            number.into_iter().for_each(|number| jitter.put(number * FRAME as u32, &frame(number)));
            if beat == 20 {
                jitter.carry_data();
            }
            out.extend(take(&mut jitter));
        }
        assert_eq!(jitter.figures.late, 0);
        let last: Vec<i16> = (150..190).flat_map(frame).collect();
        assert!(out.windows(last.len()).any(|heard| heard == last), "not a sample is missing");
    }

    #[test]
    fn data_is_neither_stretched_nor_made_up() {
        let mut jitter = Jitter::default();
        jitter.carry_data();
        let mut out = Vec::new();
        for number in 0..400u32 {
            if number % 10 != 9 {
                jitter.put(number * FRAME as u32, &frame(number));
            }
            out.extend(take(&mut jitter));
        }
        let wait = MOST / 2;
        for (number, heard) in out[wait..].chunks_exact(FRAME).enumerate() {
            let ought = if number % 10 == 9 { vec![0; FRAME] } else { frame(number as u32) };
            assert_eq!(heard, ought, "{number}");
        }
    }
}
