//! Sound of the calls that are up, counted packet by packet.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::callers::bind;
use crate::legs::STRANGE;

/// Sound of good people.
const OURS: u8 = 0x55;
const BEAT: Duration = Duration::from_millis(20);

/// Both ends of every call that is up.
pub struct Sound {
    /// The carrier's socket and the phones'.
    pub ends: [UdpSocket; 2],
    /// Where the box takes sound of each call, from the carrier and from the phone.
    calls: Vec<[SocketAddr; 2]>,
    began: Instant,
    beats: u64,
    spoken: u64,
    heard: u64,
    foreign: u64,
}

impl Sound {
    pub fn new() -> Sound {
        let ends = [bind([192, 0, 2, 100], 0), bind([192, 0, 2, 9], 0)];
        Sound {
            ends,
            calls: Vec::new(),
            began: Instant::now(),
            beats: 0,
            spoken: 0,
            heard: 0,
            foreign: 0,
        }
    }

    pub fn add(&mut self, call: [SocketAddr; 2]) {
        self.calls.push(call);
    }

    /// The ports that these calls have at the box.
    pub fn ports(&self) -> Vec<u16> {
        self.calls.iter().flatten().map(SocketAddr::port).collect()
    }

    /// Speaks what is due and hears what is there.
    pub fn turn(&mut self) {
        let due = (self.began.elapsed().as_micros() / BEAT.as_micros()) as u64;
        while self.beats < due {
            self.beats += 1;
            self.speak();
        }
        self.hear();
    }

    /// What should have been said while nobody spoke is not said: all of it at once would be a flood of our own, and what is
    /// heard of that later would hide what is lost.
    pub fn resume(&mut self) {
        self.beats = (self.began.elapsed().as_micros() / BEAT.as_micros()) as u64;
    }

    fn speak(&mut self) {
        let mut packet = [OURS; 172];
        packet[0] = 0x80;
        packet[1] = 0;
        packet[2..4].copy_from_slice(&(self.beats as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(self.beats as u32 * 160).to_be_bytes());
        for call in &self.calls {
            for (end, to) in self.ends.iter().zip(call) {
                packet[8..12].copy_from_slice(&u32::from(to.port()).to_be_bytes());
                self.spoken += u64::from(end.send_to(&packet, to).is_ok());
            }
        }
    }

    fn hear(&mut self) {
        let mut buffer = [0; 2_048];
        for end in &self.ends {
            while let Ok((length, _)) = end.recv_from(&mut buffer) {
                let is_sound = length == 172 && buffer[1] & 0x7f == 0;
                self.heard += u64::from(is_sound && buffer[100] == OURS);
                self.foreign +=
                    u64::from(length > 12 && buffer[12..length].contains(&STRANGE) && is_sound);
            }
        }
    }

    /// Waits for the last packets; answers how many were spoken, heard, and the stranger's, since the last count.
    pub fn count(&mut self) -> (u64, u64, u64) {
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until {
            self.hear();
        }
        // What should have been said meanwhile is said now, and counts for the next time.
        let counted = (self.spoken, self.heard, self.foreign);
        (self.spoken, self.heard, self.foreign) = (0, 0, 0);
        counted
    }
}
