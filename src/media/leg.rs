//! One leg: the stream that comes in, and the one stream that goes out.
//!
//! Whatever a leg hears, a prompt, music, the other party, it hears as one RTP stream with one SSRC, sequence numbers
//! without holes and a clock that runs on: phones drop what looks like a stranger.

mod carrying;
mod guard;
mod hearing;
mod hush;
mod incoming;
mod outgoing;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use carrying::Carrying;
use guard::Guard;
use hearing::Hearing;
use hush::Hush;

use crate::id::{LegId, RecordingId, RoomId};
use crate::media::codec::Encoder;
use crate::media::dtmf;
use crate::media::keys;
use crate::media::listening::Listening;
use crate::media::player::Player;
use crate::media::recorder::Recorder;
use crate::media::{Codec, Stream};
use crate::time::UnixTime;

/// Packets from one unexpected place before it is believed, and how long the expected one is waited for (bad-input
/// table row 30): long enough to be hard to hit by spraying, short enough that nobody misses a word.
const PROBATION_PACKETS: u32 = 5;
const PROBATION_TIME: Duration = Duration::from_millis(200);

/// A peer that is sent sound and not heard for this long has a line that goes one way: longer than any pause between
/// packets, short enough that the two are still on the line.
const ONE_WAY: Duration = Duration::from_secs(4);

pub(super) use hearing::Sound;

/// What a leg hears.
#[derive(Debug)]
pub(super) enum Source {
    Silence,
    Player(Player),
    Partner(LegId),
    /// All the others in its room.
    Room,
    /// What two others say to each other.
    Tap,
    Echo,
}

/// Where the peer's packets come from. The address that the peer described is believed at once and always: a lock on
/// another place is lost when it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Latch {
    /// Nobody has been heard yet.
    Open,
    /// Somebody other than expected sends.
    Probation { from: SocketAddr, ssrc: u32, packets: u32, since: Instant },
    /// This is the peer.
    Locked { from: SocketAddr },
}

/// What has been counted of the stream that comes in.
#[derive(Debug)]
struct Incoming {
    latch: Latch,
    ssrc: Option<u32>,
    base: u16,
    highest: u16,
    wraps: u32,
    received: u64,
    received_before: u64,
    expected_before: u64,
    told_received: u64,
    lost_elsewhere: u64,
    recent: u64,
    repeated: u64,
    late: u64,
    strangers: u64,
    unusable: u64,
    forged: u64,
    replayed: u64,
    jitter: f64,
    transit: Option<i64>,
    /// Arrivals are measured from here.
    epoch: Option<Instant>,
    last: Option<Instant>,
    /// When sound last came, or comfort noise in its place.
    sounded: Option<Instant>,
    sender_report: Option<(u32, UnixTime)>,
    round_trip: Option<u32>,
    mos_there: Option<u8>,
    ear: dtmf::Ear,
}

/// The stream that goes out.
#[derive(Debug)]
struct Outgoing {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    at: Option<Instant>,
    fresh: bool,
    sent: u64,
    bytes: u64,
    relay: Option<Relay>,
    digits: VecDeque<u8>,
    press: Option<Press>,
    /// Codes what we make, once there is something.
    encoder: Option<Encoder>,
    /// What it made last; the room is used again.
    payload: Vec<u8>,
    /// Percent of our packets that the peer says it loses.
    loss: Option<u8>,
}

/// How a relayed stream maps onto ours.
#[derive(Debug, Clone, Copy)]
struct Relay {
    ssrc: u32,
    first: u16,
    sequence: u16,
    timestamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    code: u8,
    packets: u16,
    timestamp: u32,
}

/// What came of an incoming packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that anybody should hear.
    Nothing,
    /// Sound.
    Sound,
    /// Silence, described as comfort noise.
    Noise,
    /// A packet of a key press; the first of its press names the key.
    Press { key: Option<char>, lasted: Duration },
}

#[derive(Debug)]
pub(super) struct Leg {
    pub stream: Option<Stream>,
    pub source: Source,
    /// The room it is in, whether or not it hears something else just now.
    pub room: Option<RoomId>,
    /// Who listens in where it takes part, itself perhaps.
    pub tap: Option<LegId>,
    /// The tape it is on.
    pub tape: Option<RecordingId>,
    pub recorder: Option<Recorder>,
    /// When the next packet of our own making is due.
    pub due: Option<Instant>,
    /// When the next report is due.
    pub report_due: Option<Instant>,
    /// When the peer was last told something that makes it speak: an answer, a resumed call, somebody to talk to.
    pub listening: Option<Instant>,
    /// When it is next looked at whether the peer is heard.
    pub watch_due: Option<Instant>,
    /// Whether the peer is not heard though it should be, now and at any time.
    pub one_way: bool,
    pub was_one_way: bool,
    guard: Guard,
    ears: Listening,
    keys: keys::Listener,
    hearing: Hearing,
    hush: Hush,
    carrying: Carrying,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Leg {
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Leg {
            stream: None,
            source: Source::Silence,
            room: None,
            tap: None,
            tape: None,
            recorder: None,
            due: None,
            report_due: None,
            listening: None,
            watch_due: None,
            one_way: false,
            was_one_way: false,
            guard: Guard::default(),
            ears: Listening::default(),
            hearing: Hearing::default(),
            hush: Hush::default(),
            carrying: Carrying::default(),
            keys: keys::Listener::default(),
            incoming: Incoming {
                latch: Latch::Open,
                ssrc: None,
                base: 0,
                highest: 0,
                wraps: 0,
                received: 0,
                received_before: 0,
                expected_before: 0,
                told_received: 0,
                lost_elsewhere: 0,
                recent: 0,
                repeated: 0,
                late: 0,
                strangers: 0,
                unusable: 0,
                forged: 0,
                replayed: 0,
                jitter: 0.0,
                transit: None,
                epoch: None,
                last: None,
                sounded: None,
                sender_report: None,
                round_trip: None,
                mos_there: None,
                ear: dtmf::Ear::default(),
            },
            outgoing: Outgoing {
                ssrc,
                sequence,
                timestamp,
                at: None,
                fresh: true,
                sent: 0,
                bytes: 0,
                relay: None,
                digits: VecDeque::new(),
                press: None,
                encoder: None,
                payload: Vec::new(),
                loss: None,
            },
        }
    }

    /// Takes up what was agreed on. A peer that moved has to show itself anew.
    pub fn configure(&mut self, now: Instant, stream: Stream) {
        self.listening = Some(now);
        if self.stream.is_some_and(|before| before.remote != stream.remote) {
            self.incoming.latch = Latch::Open;
        }
        let stream = in_frames(stream);
        let speaks = |stream: &Stream| (stream.codec, stream.wishes, stream.ptime_ms);
        if self.stream.as_ref().map(speaks) != Some(speaks(&stream)) {
            self.outgoing.encoder = None;
            (self.hearing, self.carrying) = (Hearing::default(), Carrying::default());
        }
        self.protect(stream.protection);
        self.stream = Some(stream);
    }

    /// The browser that this leg is of has been found.
    pub fn paired(&mut self, now: Instant, from: SocketAddr) {
        self.listening = Some(now);
        self.incoming.latch = Latch::Locked { from };
    }

    /// Changes what the leg hears.
    pub fn hear(&mut self, source: Source) {
        self.source = source;
        self.outgoing.relay = None;
        self.outgoing.fresh = true;
        self.due = None;
    }

    /// The same comes from elsewhere from now on: the far end is told that something new begins.
    pub fn hear_anew(&mut self) {
        self.outgoing.relay = None;
        self.outgoing.fresh = true;
    }

    /// What the leg heard is over: back to its room, or silence.
    pub fn hear_no_more(&mut self) {
        self.hear(if self.room.is_some() { Source::Room } else { Source::Silence });
    }

    /// Where packets to the peer go: where it has shown itself, else where it said it is.
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.incoming.latch {
            Latch::Locked { from } => Some(from),
            _ => self
                .stream
                .map(|stream| stream.remote)
                .filter(|to| !to.ip().is_unspecified() && to.port() != 0),
        }
    }

    /// When something is due: the next packet, report and look.
    pub fn times(&self) -> [Option<Instant>; 3] {
        [self.due, self.report_due, self.watch_due]
    }

    /// Where reports go.
    pub fn report_destination(&self) -> Option<SocketAddr> {
        if self.stream?.peer {
            return self.destination();
        }
        self.stream?.remote_rtcp.filter(|to| !to.ip().is_unspecified() && to.port() != 0)
    }

    /// Whether nothing may be sent yet.
    fn holds_back(&self) -> bool {
        let heard = matches!(self.incoming.latch, Latch::Locked { .. });
        self.stream.is_some_and(|stream| stream.waits || stream.peer) && !heard
    }

    /// Since when nothing has come from the peer. A peer that has never been heard is waited for from the moment that it
    /// was last told to speak.
    pub fn silent_since(&self) -> Option<Instant> {
        self.incoming.last.max(self.listening)
    }
}

/// An Opus packet of ours is one frame, and not every length is one (RFC 6716 section 2.1.4).
fn in_frames(stream: Stream) -> Stream {
    let ptime_ms = match stream.ptime_ms {
        _ if stream.codec != Codec::Opus => stream.ptime_ms,
        0..20 => 10,
        20..40 => 20,
        40..60 => 40,
        60.. => 60,
    };
    Stream { ptime_ms, ..stream }
}
