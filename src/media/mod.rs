//! The packet plane: RTP in, RTP out, without sockets.
//!
//! One [`Plane`] for each media thread. It relays between the legs of a call without decoding where it can, converts
//! between the G.711 laws where it must and between other codecs where nothing else is left, plays, records, sends and
//! hears digits, and counts what a person would complain about. Knows nothing of SIP, calls or queues: it is told what
//! to do by [`Command`]s and tells what happened by [`Event`]s.
//!
//! [`leg`] is one stream in and one out; [`plane`] owns the legs and joins them; [`rtp`], [`rtcp`], [`dtmf`] are the
//! wire; [`keys`] are key presses in the sound itself, `mask` takes them out of it; [`codec`], [`tone`], [`player`], [`recorder`], [`wav`], [`detect`] are sound; [`jitter`], [`conceal`] and
//! [`comfort`] make steady sound of what arrives, [`mixer`] one of many; [`quality`] judges; [`port`] hands out port
//! numbers, [`stock`] those whose sockets are open already; [`srtp`] seals and opens; [`peer`] is what browsers add.

pub mod codec;
pub mod comfort;
pub mod conceal;
pub mod detect;
mod dropped;
pub mod dtmf;
pub mod jitter;
pub mod keys;
pub mod leg;
mod listening;
mod mask;
pub mod mixer;
pub mod peer;
pub mod plane;
pub mod player;
pub mod port;
pub mod quality;
pub mod recorder;
pub mod rtcp;
pub mod rtp;
pub mod srtp;
pub mod stock;
mod tape;
pub mod tone;
pub mod wav;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::id::{LegId, RecordingId, RoomId};

pub use dropped::Dropped;
pub use plane::{Moving, Plane};
pub use player::Clip;
pub use quality::{Report, mos, rating};

/// Samples a second, everywhere in the plane.
pub const RATE: u32 = 8_000;

/// What is in the packets of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722: 16 kHz, though its RTP clock counts 8,000 a second.
    G722,
    /// Opus.
    Opus,
    /// Something that is passed on as it is, to a leg that has the same.
    Relay,
}

impl Codec {
    /// Whether it is one of the two laws of G.711, of which either is made from the other by table.
    pub fn is_g711(self) -> bool {
        matches!(self, Codec::Pcmu | Codec::Pcma)
    }

    /// Whether it may carry more than a telephone does.
    pub fn is_wide(self) -> bool {
        matches!(self, Codec::G722 | Codec::Opus)
    }

    /// Whether what is in packets of the one is passed on to a leg with the other without being decoded.
    pub fn passes_as(self, other: Codec) -> bool {
        self == other || (self.is_g711() && other.is_g711())
    }
}

/// What was agreed on for one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// What is in the packets.
    pub codec: Codec,
    /// Its payload type on this leg.
    pub payload_type: u8,
    /// Ticks of the RTP clock a second.
    pub clock_rate: u32,
    /// The payload type of telephone-events (RFC 4733), if agreed.
    pub dtmf: Option<u8>,
    /// Ticks a second in which telephone-events tell how long a key is pressed: those of the codec's clock, or 8,000 with
    /// peers that know no others (RFC 4733 section 2.1 asks for the former).
    pub dtmf_clock: u32,
    /// What the peer asked of an Opus coder.
    pub wishes: codec::opus::Wishes,
    /// What the peer's packets may say instead: the payload types of our own description, for codec and telephone-events,
    /// where the peer's differ (RFC 3264 section 5.1: each side is sent what it listed itself).
    pub ours: (u8, Option<u8>),
    /// Whether key presses are in the sound itself, to be heard there and made there: nothing better was agreed on.
    pub tones: bool,
    /// The payload type of comfort noise (RFC 3389), if agreed.
    pub comfort: Option<u8>,
    /// Milliseconds of sound in a packet that we make.
    pub ptime_ms: u8,
    /// Where we send until the peer has shown where it really is.
    pub remote: SocketAddr,
    /// The host that the leg is signalled from. The peer's packets come from there or from the host of `remote`: a phone
    /// behind address translation knows neither its port nor its address.
    pub signalled: Option<IpAddr>,
    /// Where we send RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether nothing is sent until the peer has been heard or this is taken back: a caller whose address is not proven
    /// yet must not make us send to somebody else.
    pub waits: bool,
    /// Whether the peer wants to hear.
    pub send: bool,
    /// Whether the peer may be heard.
    pub receive: bool,
    /// What packets are sealed with; nothing where they are in the clear.
    pub protection: Option<srtp::Keys>,
    /// Whether packets come opened from a peer in a browser, who has proven who it is ([`peer`]); `remote` is nowhere then.
    pub peer: bool,
}

impl Stream {
    /// Whether a packet of the peer's with this payload type is sound.
    pub fn is_sound(&self, payload_type: u8) -> bool {
        payload_type == self.payload_type || payload_type == self.ours.0
    }

    /// Whether it is a telephone-event.
    pub fn is_event(&self, payload_type: u8) -> bool {
        Some(payload_type) == self.dtmf || Some(payload_type) == self.ours.1
    }

    /// Whether the peer's packets may come from `host`.
    pub fn is_known_host(&self, host: IpAddr) -> bool {
        self.remote.ip() == host || self.signalled == Some(host)
    }
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// Open sockets that a leg will be given, or close them.
    Stock(stock::Wish),
    /// Make a leg with its sockets: RTP at `local`, RTCP one port above. Again with another port where that one could not be
    /// had.
    Open {
        /// The new leg.
        leg: LegId,
        /// Where it receives.
        local: SocketAddr,
    },
    /// Wait for a browser at the port that all of a thread's share: for a new leg, or beside a leg's own port, or with
    /// other secrets than before (an ICE restart).
    OpenPeer {
        /// The leg.
        leg: LegId,
        /// The shared port.
        local: SocketAddr,
        /// By which it knows us.
        ours: peer::Credentials,
    },
    /// Say who is to come there.
    Pair {
        /// The leg.
        leg: LegId,
        /// Who.
        theirs: peer::Far,
    },
    /// Let a leg receive and send elsewhere from now on; everything else about it stays.
    Rebind {
        /// The leg.
        leg: LegId,
        /// Where it receives now; RTCP one port above.
        local: SocketAddr,
    },
    /// Say what was agreed on; again whenever that changes.
    Configure {
        /// The leg.
        leg: LegId,
        /// What was agreed on.
        stream: Stream,
    },
    /// Let two legs hear each other.
    Bridge {
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Part a leg from its partner.
    Unbridge {
        /// Either of the two.
        leg: LegId,
    },
    /// Put a leg into a room, which is there from its first member to its last: everybody in it hears all who speak,
    /// but nobody himself. Again to change what the leg may. Parts it from a partner; its codec must be one that is decoded. All
    /// members of a room are on one media thread.
    Mix {
        /// The room; any number that no other has.
        room: RoomId,
        /// The leg.
        leg: LegId,
        /// Whether the others hear it.
        speaks: bool,
        /// Whether it hears the others.
        hears: bool,
    },
    /// Take a leg out of its room.
    Unmix {
        /// The leg.
        leg: LegId,
    },
    /// Play clips, one after the other, in place of whatever the leg hears now.
    Play {
        /// Who hears it.
        leg: LegId,
        /// Names this playing in [`Event::Played`].
        token: u64,
        /// What.
        clips: Vec<Clip>,
        /// From the start again, for ever.
        repeat: bool,
        /// A key press ends it.
        stop_on_digit: bool,
    },
    /// Play a tone until told otherwise.
    Tone {
        /// Who hears it.
        leg: LegId,
        /// Which.
        tone: tone::Tone,
    },
    /// Fall silent; no [`Event::Played`] follows.
    StopPlay {
        /// Who hears it no more.
        leg: LegId,
    },
    /// Send a leg its own sound.
    Echo {
        /// The leg.
        leg: LegId,
        /// Whether.
        on: bool,
    },
    /// Press keys towards a leg (RFC 4733).
    SendDigits {
        /// The leg.
        leg: LegId,
        /// `0-9`, `*`, `#`, `A-D`; others are passed over.
        digits: String,
    },
    /// Record what a leg says.
    Record {
        /// The leg.
        leg: LegId,
        /// Names the recording.
        recording: RecordingId,
        /// At most this long.
        max: Duration,
        /// End after this much silence.
        stop_after_silence: Option<Duration>,
        /// A key press ends it.
        stop_on_digit: bool,
        /// Beep first.
        beep: bool,
    },
    /// End a recording; [`Event::Recorded`] follows.
    StopRecord {
        /// The leg.
        leg: LegId,
    },
    /// Wait for a leg that another plane hands over: what is said to it meanwhile is kept until it is here.
    Expect {
        /// The leg.
        leg: LegId,
    },
    /// Hand a leg over, with its sockets and all that is known of it. Told after the other plane was told to expect it.
    Move {
        /// The leg.
        leg: LegId,
        /// Which plane; the driver numbers them.
        to: usize,
    },
    /// Record what two legs say, each on a side of its own; [`Event::Taped`] follows, with the end of either at the latest.
    Tape {
        /// On the left.
        left: LegId,
        /// On the right.
        right: LegId,
        /// Names the recording.
        recording: RecordingId,
        /// At most this long.
        max: Duration,
    },
    /// Let nothing of what is said onto such a recording for a while: silence as long stands in its place.
    PauseTape {
        /// Which.
        recording: RecordingId,
        /// Nothing goes onto it, or everything again.
        paused: bool,
    },
    /// End such a recording.
    StopTape {
        /// Which.
        recording: RecordingId,
    },
    /// Let nobody know which keys are pressed at a leg: no [`Event::Digit`], no telephone-events to others, and no tones in
    /// what they hear, what is mixed and what is recorded. Or everybody again, once no key is held down.
    Hush {
        /// The leg.
        leg: LegId,
        /// Whether.
        on: bool,
    },
    /// Let a leg hear what two say to each other, and take part in it; again to change how. All three are on one media
    /// thread, and their codecs are decoded. Over with any of them.
    Tap {
        /// Who listens in.
        leg: LegId,
        /// The one of the two who is led.
        led: LegId,
        /// The other.
        other: LegId,
        /// How.
        part: Part,
    },
    /// Let it hear nothing any more, and nobody it.
    Untap {
        /// Who listened in.
        leg: LegId,
    },
    /// Say how a leg is; [`Event::Looked`] follows.
    Look {
        /// The leg.
        leg: LegId,
    },
    /// Forget a leg; [`Event::Closed`] follows.
    Close {
        /// The leg.
        leg: LegId,
    },
}

impl Command {
    /// Whether nobody hears it if it is carried out some milliseconds later.
    pub fn can_wait(&self) -> bool {
        matches!(
            self,
            Command::Stock(_) | Command::Open { .. } | Command::Look { .. } | Command::Close { .. }
        )
    }
}

/// How somebody who listens in takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Heard by nobody.
    Monitor,
    /// Heard by the one who is led alone.
    Whisper,
    /// Heard by both.
    Barge,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Sockets are held for legs to come, or could not be had.
    Held {
        /// RTP here, RTCP one port above.
        local: SocketAddr,
        /// Whether they are.
        held: bool,
    },
    /// A leg's sockets could not be had: the port is taken, or the system has no more. The leg waits for others.
    OpenFailed {
        /// The leg.
        leg: LegId,
    },
    /// A leg could not be handed to another media thread: it is nowhere.
    Astray {
        /// The leg.
        leg: LegId,
    },
    /// A key was pressed: once for each press.
    Digit {
        /// By whom.
        leg: LegId,
        /// Which.
        digit: char,
        /// How long, as far as is known yet.
        duration: Duration,
    },
    /// All clips have been played, or a key press ended them.
    Played {
        /// To whom.
        leg: LegId,
        /// Which playing.
        token: u64,
        /// Whether a key press ended it.
        interrupted: bool,
    },
    /// A recording has ended.
    Recorded {
        /// Of whom.
        leg: LegId,
        /// Which.
        recording: RecordingId,
        /// How long it is.
        duration: Duration,
    },
    /// A recording of two legs has ended.
    Taped {
        /// Which.
        recording: RecordingId,
        /// How long it is.
        duration: Duration,
    },
    /// A room has as many members as it may: the leg is not in it.
    RoomFull {
        /// The leg.
        leg: LegId,
        /// The room.
        room: RoomId,
    },
    /// A leg is sent sound, should be heard, and is not; or is heard again.
    OneWay {
        /// The leg that is not heard.
        leg: LegId,
        /// Whether it is so now.
        now: bool,
    },
    /// A fax machine or a modem is at a leg: from now on its sound is passed on untouched.
    Machine {
        /// The leg.
        leg: LegId,
    },
    /// Nothing has come from a leg for this long, though something should.
    Inactive {
        /// The leg.
        leg: LegId,
        /// For how long.
        silent_for: Duration,
    },
    /// A browser has shown who it is: packets flow.
    Paired {
        /// The leg.
        leg: LegId,
    },
    /// A browser has not, or is gone.
    Lost {
        /// The leg.
        leg: LegId,
        /// Why.
        why: peer::Lost,
    },
    /// How a leg is at this moment.
    Looked {
        /// The leg.
        leg: LegId,
        /// How it was up to now.
        report: Report,
    },
    /// A leg is forgotten.
    Closed {
        /// The leg.
        leg: LegId,
        /// How it was.
        report: Report,
    },
}

/// Which of a leg's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Rtp,
    /// Reports.
    Rtcp,
}

/// What the driver has to carry out.
#[derive(Debug)]
pub enum Output {
    /// Open sockets that a leg will be given, and say so in [`Event::Held`]; or close them.
    Stock(stock::Wish),
    /// Open the leg's sockets, or give it those that are held for it.
    Open {
        /// The leg.
        leg: LegId,
        /// RTP here, RTCP one port above.
        local: SocketAddr,
    },
    /// Wait for a browser.
    OpenPeer {
        /// The leg.
        leg: LegId,
        /// At this shared port.
        local: SocketAddr,
        /// Who knows us by these.
        ours: peer::Credentials,
    },
    /// The browser is this one.
    Pair {
        /// The leg.
        leg: LegId,
        /// Who.
        theirs: peer::Far,
    },
    /// Close them.
    Shut {
        /// The leg.
        leg: LegId,
    },
    /// Give the leg's sockets to another plane, with this for [`Plane::handle_arrived`].
    HandOver {
        /// The leg.
        leg: LegId,
        /// Which plane.
        to: usize,
        /// The leg itself; nothing if there is none.
        moving: Option<Moving>,
    },
    /// Send a packet; give the buffer back with [`Plane::recycle`].
    Send {
        /// From which leg's port.
        leg: LegId,
        /// Which of the two.
        kind: Kind,
        /// Where to.
        to: SocketAddr,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// Sound to be kept, at 8 kHz.
    Recording {
        /// Which recording.
        recording: RecordingId,
        /// The next samples; none at its end. Of two channels, left and right in turn.
        samples: Vec<i16>,
        /// One channel or two.
        channels: u8,
        /// Whether this is its end.
        last: bool,
    },
    /// Somebody above must know.
    Event(Event),
}
