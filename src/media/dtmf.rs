//! Key presses as RTP events (RFC 4733): each press reported once, however often its packets come.

use std::time::Duration;

/// Packets before the end of a press that we send: with 20 ms each, 100 ms, which every receiver takes.
pub const PACKETS: u16 = 5;
/// The end is sent three times (section 2.5.1.4).
pub const ENDS: u16 = 3;
/// The longest press that is believed; a longer one is a stuck or forged event (bad-input table row 32).
const LONGEST: Duration = Duration::from_secs(10);

/// The events of the sixteen keys, in order of their codes.
const KEYS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// One packet's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The key's code.
    pub code: u8,
    /// Whether the key has been let go.
    pub end: bool,
    /// Ticks since it was pressed.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; nothing if it is too short.
    pub fn read(payload: &[u8]) -> Option<Event> {
        let [code, flags, high, low] = *payload.get(..4)? else { return None };
        Some(Event { code, end: flags & 0x80 != 0, duration: u16::from_be_bytes([high, low]) })
    }

    /// Writes a payload, at the usual volume of -10 dBm0.
    pub fn write(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, if self.end { 0x80 | 10 } else { 10 }, high, low]
    }
}

/// A payload whose duration counts ticks of `from` a second, in ticks of `to`; nothing if it is too short.
pub fn in_clock(payload: &[u8], from: u32, to: u32) -> Option<[u8; 4]> {
    let [code, flags, high, low] = *payload.get(..4)? else { return None };
    let ticks = u64::from(u16::from_be_bytes([high, low])) * u64::from(to) / u64::from(from.max(1));
    // A press longer than the counter is told to last as long as it can (section 2.5.1.3).
    let [high, low] = (ticks.min(u64::from(u16::MAX)) as u16).to_be_bytes();
    Some([code, flags, high, low])
}

/// The key of a code.
pub fn key(code: u8) -> Option<char> {
    KEYS.get(usize::from(code)).copied()
}

/// The code of a key.
pub fn code(key: char) -> Option<u8> {
    KEYS.iter().position(|known| *known == key.to_ascii_uppercase()).map(|at| at as u8)
}

/// Hears the key presses in one stream.
#[derive(Debug, Default)]
pub struct Ear {
    current: Option<Press>,
}

/// The press under way or last heard.
#[derive(Debug, Clone, Copy)]
struct Press {
    /// When it began in the stream's clock: this names it (section 2.2.2).
    timestamp: u32,
    event: Event,
}

impl Ear {
    /// Takes an event packet. Answers the key if this is the first packet of a press: acting at once costs nothing, and
    /// a lost end does not matter.
    pub fn hear(&mut self, timestamp: u32, event: Event) -> Option<char> {
        let pressed = key(event.code)?;
        let Some(last) = self.current else {
            self.current = Some(Press { timestamp, event });
            return Some(pressed);
        };
        // A packet of an earlier press that was overtaken: timestamps only grow.
        if (timestamp.wrapping_sub(last.timestamp) as i32) < 0 {
            return None;
        }
        let same = last.timestamp == timestamp && last.event.code == event.code;
        let goes_on = same || last.goes_on_as(event);
        let ended = event.end || (same && last.event.end);
        self.current = Some(Press { timestamp, event: Event { end: ended, ..event } });
        (!goes_on).then_some(pressed)
    }
}

impl Press {
    /// Whether `event` under another timestamp is this press all the same: of one that fills its counter there are
    /// several parts (section 2.5.1.3), and some phones count their clock on while a key is held.
    fn goes_on_as(self, event: Event) -> bool {
        let longer = event.duration > self.event.duration || self.event.duration == u16::MAX;
        self.event.code == event.code && !self.event.end && longer
    }
}

/// How long a press has lasted, as far as is known; capped.
pub fn lasted(event: Event, clock_rate: u32) -> Duration {
    let micros = u64::from(event.duration) * 1_000_000 / u64::from(clock_rate.max(1));
    Duration::from_micros(micros).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_press_is_heard_once_whatever_is_lost_repeated_or_late() {
        let event = |duration, end| Event { code: 5, end, duration };
        let mut ear = Ear::default();
        let all = [
            (100, event(160, false)),
            (100, event(320, false)),
            (100, event(320, true)),
            (100, event(320, true)),
            (900, event(160, false)),
            (100, event(320, true)),
            (900, event(160, true)),
        ];
        let heard: String = all.into_iter().filter_map(|(at, event)| ear.hear(at, event)).collect();
        assert_eq!(heard, "55");
        assert_eq!(Ear::default().hear(7, event(800, true)), Some('5'), "only the end arrived");
    }

    /// Bad-input table row 32.
    #[test]
    fn a_press_is_one_digit_however_long_it_is_and_whatever_its_clock_does() {
        let event = |duration, end| Event { code: 5, end, duration };
        let mut held = Ear::default();
        let mut heard = 0;
        // Held for a minute: the counter is full every eight seconds, and the next part has a timestamp of its own.
        for part in 0..8u32 {
            for step in 1..=409u32 {
                let duration = (step * 160).min(65_535) as u16;
                heard += u32::from(held.hear(part * 65_535, event(duration, false)).is_some());
            }
            heard += u32::from(held.hear(part * 65_535, event(65_535, false)).is_some());
        }
        assert_eq!(heard, 1);
        // A phone whose clock runs on while the key is down.
        let mut running = Ear::default();
        let packets = (1..=20).map(|n| (n * 160, event(n as u16 * 160, n == 20)));
        assert_eq!(packets.filter_map(|(at, event)| running.hear(at, event)).count(), 1);
        assert_eq!(running.hear(9_000, event(160, false)), Some('5'), "the next press is one");
        // The end of a press was lost, and the same key is pressed again.
        let mut lost = Ear::default();
        assert_eq!(lost.hear(0, event(480, false)), Some('5'));
        assert_eq!(lost.hear(4_000, event(160, false)), Some('5'));
        assert_eq!(lost.hear(4_000, Event { code: 6, ..event(320, false) }), Some('6'));
    }

    #[test]
    fn a_press_lasts_as_long_on_any_clock() {
        let told = |ticks: u16| Event { code: 4, end: true, duration: ticks }.write();
        assert_eq!(in_clock(&told(800), 8_000, 48_000), Some(told(4_800)));
        assert_eq!(in_clock(&told(4_800), 48_000, 8_000), Some(told(800)));
        assert_eq!(in_clock(&told(16_000), 8_000, 48_000), Some(told(u16::MAX)), "two seconds");
        assert_eq!(in_clock(&told(160), 8_000, 8_000), Some(told(160)));
        assert_eq!(in_clock(&[1, 2, 3], 8_000, 48_000), None);
    }

    #[test]
    fn keys_and_payloads_read_back() {
        for key in KEYS {
            assert_eq!(super::key(code(key).unwrap()), Some(key));
        }
        let event = Event { code: 11, end: true, duration: 800 };
        assert_eq!(Event::read(&event.write()), Some(event));
        assert_eq!(Event::read(&[1, 2, 3]), None);
        assert_eq!(code('x'), None);
        assert_eq!(lasted(Event { duration: 65_535, ..event }, 1), LONGEST);
    }
}
