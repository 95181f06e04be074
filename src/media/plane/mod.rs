//! The plane: legs, who hears whom, and everything that is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::id::{LegId, RecordingId, RoomId};
use crate::media::codec::Rate;
use crate::media::keys;
use crate::media::leg::{Heard, Leg, Sound, Source};
use crate::media::mixer::Mix;
use crate::media::peer::Lost;
use crate::media::player::Player;
use crate::media::recorder::Recorder;
use crate::media::rtp::{self, Packet};
use crate::media::srtp::Refused;
use crate::media::tape::Tape;
use crate::media::tone::Tone;
use crate::media::{Command, Dropped, Event, Kind, Output};
use crate::random::Random;
use crate::time::{Now, earliest};

mod mixing;
mod moving;
mod taping;
mod tapping;

pub use moving::Moving;

/// Packets of our own making leave on a common beat, so that one wake-up serves many legs.
const BEAT: Duration = Duration::from_millis(10);
/// Mean time between reports (RFC 3550 section 6.2: five seconds at least).
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked at whether peers are heard.
const WATCH: Duration = Duration::from_secs(2);
/// The beep before a recording.
const BEEP: Duration = Duration::from_millis(400);
/// Buffers kept for reuse: as many packets as one turn sends.
const MAX_SPARE: usize = 1_024;

/// What a plane is told once.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// A leg from which nothing has come for this long is told of; never, when absent.
    pub inactivity: Option<Duration>,
    /// The same for a leg that was put on hold.
    pub inactivity_on_hold: Option<Duration>,
}

/// All legs of one media thread.
#[derive(Debug)]
pub struct Plane {
    settings: Settings,
    random: Random,
    legs: BTreeMap<LegId, Leg>,
    /// Legs with something due, by when.
    due: BTreeSet<(Instant, LegId)>,
    /// Legs that another plane will hand over, and what they were told meanwhile.
    expected: BTreeMap<LegId, Vec<Command>>,
    rooms: BTreeMap<RoomId, Mix>,
    tapes: BTreeMap<RecordingId, Tape>,
    /// By who listens in.
    taps: BTreeMap<LegId, tapping::Tap>,
    /// When rooms are mixed and tapes run on; nothing while there is none.
    mixing: Option<Instant>,
    epoch: Option<Instant>,
    outputs: VecDeque<Output>,
    dropped: Dropped,
    spare: Vec<Vec<u8>>,
    cname: String,
}

impl Plane {
    /// A plane without legs.
    pub fn new(settings: Settings, mut random: Random) -> Self {
        Plane {
            cname: random.hex(8),
            settings,
            random,
            legs: BTreeMap::new(),
            due: BTreeSet::new(),
            expected: BTreeMap::new(),
            rooms: BTreeMap::new(),
            tapes: BTreeMap::new(),
            taps: BTreeMap::new(),
            mixing: None,
            epoch: None,
            outputs: VecDeque::new(),
            dropped: Dropped::default(),
            spare: Vec::new(),
        }
    }

    /// Carries out a command. One for a leg that does not exist is late, and ignored.
    pub fn handle_command(&mut self, now: Now, command: Command) {
        let Some(command) = self.not_for_expected(command) else { return };
        match command {
            Command::Stock(wish) => self.outputs.push_back(Output::Stock(wish)),
            Command::Open { leg, local } => self.open(leg, local),
            Command::OpenPeer { leg, local, ours } => {
                self.make(leg);
                self.outputs.push_back(Output::OpenPeer { leg, local, ours });
            }
            Command::Pair { leg, theirs } => self.outputs.push_back(Output::Pair { leg, theirs }),
            Command::Rebind { leg, local } => self.rebind(leg, local),
            Command::Configure { leg, stream } => {
                let report = self.next_report(now);
                self.with(leg, |leg| {
                    leg.configure(now.instant, stream);
                    leg.report_due.get_or_insert(report);
                    leg.watch_due.get_or_insert(now.instant + WATCH);
                });
            }
            Command::Bridge { a, b } => self.bridge(now, a, b),
            Command::Unbridge { leg } => self.unbridge(leg),
            Command::Mix { room, leg, speaks, hears } => {
                self.mix(now, room, leg, speaks, hears);
            }
            Command::Unmix { leg } => self.unmix(leg),
            Command::Play { leg, token, clips, repeat, stop_on_digit } => {
                let player = Player::clips(token, clips, repeat, stop_on_digit);
                self.start(now, leg, player);
            }
            Command::Tone { leg, tone } => self.start(now, leg, Player::tone(tone)),
            Command::StopPlay { leg } => self.with(leg, |leg| {
                if matches!(leg.source, Source::Player(_)) {
                    leg.hear_no_more();
                }
            }),
            Command::Echo { leg, on } => {
                self.unmix(leg);
                self.with(leg, |leg| leg.hear(if on { Source::Echo } else { Source::Silence }));
            }
            Command::SendDigits { leg, digits } => self.press(now, leg, &digits),
            Command::Record { leg, recording, max, stop_after_silence, stop_on_digit, beep } => {
                let wait = if beep { BEEP } else { Duration::ZERO };
                let recorder = Recorder::new(
                    now.instant,
                    recording,
                    wait,
                    max,
                    stop_after_silence,
                    stop_on_digit,
                );
                self.record(now, leg, recorder, beep);
            }
            Command::StopRecord { leg } => self.stop_recording(leg),
            Command::Expect { leg } => drop(self.expected.insert(leg, Vec::new())),
            Command::Move { leg, to } => self.hand_over(leg, to),
            Command::Tape { left, right, recording, max } => {
                self.tape(now, [left, right], recording, max);
            }
            Command::PauseTape { recording, paused } => {
                if let Some(tape) = self.tapes.get_mut(&recording) {
                    tape.pause(paused);
                }
            }
            Command::StopTape { recording } => self.stop_tape(recording),
            Command::Hush { leg, on } => self.with(leg, |leg| leg.hush(on)),
            Command::Tap { leg, led, other, part } => self.tap(now, leg, [led, other], part),
            Command::Untap { leg } => self.stop_tap_of(leg),
            Command::Look { leg } => {
                if let Some(own) = self.legs.get(&leg) {
                    let report = own.report();
                    self.tell(Event::Looked { leg, report });
                }
            }
            Command::Close { leg } => self.close(leg),
        }
    }

    /// A packet arrived at a leg's port.
    pub fn handle_packet(
        &mut self,
        now: Now,
        leg: LegId,
        kind: Kind,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        let Some(guarded) = self.legs.get_mut(&leg).filter(|leg| leg.is_guarded()) else {
            return self.packet(now, leg, kind, from, bytes);
        };
        let mut clear = self.spare.pop().unwrap_or_default();
        let before = guarded.dropped();
        if guarded.open(kind, from, bytes, &mut clear) {
            self.packet(now, leg, kind, from, &clear);
        } else {
            self.dropped.count(before, guarded.dropped());
        }
        self.recycle(clear);
    }

    /// A packet of a browser's could not be opened.
    pub fn handle_refused(&mut self, id: LegId, why: Refused) {
        if let Some(leg) = self.legs.get_mut(&id) {
            let before = leg.dropped();
            leg.refuse(why);
            self.dropped.count(before, leg.dropped());
        }
    }

    /// What has been dropped of what came to all legs.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// The driver could not open a leg's sockets.
    pub fn handle_open_failed(&mut self, leg: LegId) {
        self.tell(Event::OpenFailed { leg });
    }

    /// A browser has shown who it is, and is there: what waited to be played to it begins.
    pub fn handle_paired(&mut self, now: Now, id: LegId, from: SocketAddr) {
        self.with(id, |leg| leg.paired(now.instant, from));
        self.tell(Event::Paired { leg: id });
    }

    /// A browser could not be paired with, or is gone.
    pub fn handle_lost(&mut self, id: LegId, why: Lost) {
        self.tell(Event::Lost { leg: id, why });
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((at, id)) = self.due.first().copied() {
            if at > now.instant {
                break;
            }
            self.due.pop_first();
            self.leg_due(now, id);
        }
        if self.mixing.is_some_and(|at| at <= now.instant) {
            self.mix_on(now);
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        earliest(self.due.first().map(|(at, _)| *at), self.mixing)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes a sent packet's buffer back.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// How many legs there are.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }
}

/// Commands.
impl Plane {
    fn open(&mut self, id: LegId, local: SocketAddr) {
        self.make(id);
        self.outputs.push_back(Output::Open { leg: id, local });
    }

    /// A leg, unless it is there: one that may be answered in a browser has two ports.
    fn make(&mut self, id: LegId) {
        if self.legs.contains_key(&id) {
            return;
        }
        let bits = self.random.bits();
        // Random starts, as RFC 3550 section 5.1 wants; half the sequence space, so that none wraps at once.
        let leg = Leg::new((bits >> 32) as u32, bits as u16 & 0x7fff, self.random.bits() as u32);
        self.legs.insert(id, leg);
    }

    fn rebind(&mut self, id: LegId, local: SocketAddr) {
        if self.legs.contains_key(&id) {
            self.outputs.extend([Output::Shut { leg: id }, Output::Open { leg: id, local }]);
        }
    }

    fn bridge(&mut self, now: Now, a: LegId, b: LegId) {
        for (id, partner) in [(a, b), (b, a)] {
            self.unmix(id);
            self.with(id, |leg| {
                leg.hear(Source::Partner(partner));
                leg.listening = leg.listening.map(|_| now.instant);
            });
        }
    }

    fn unbridge(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let partner = match leg.source {
            Source::Partner(partner) => Some(partner),
            _ => self
                .legs
                .iter()
                .find(|(_, other)| matches!(other.source, Source::Partner(of) if of == id))
                .map(|(partner, _)| *partner),
        };
        let apart = |leg: &mut Leg| {
            if matches!(leg.source, Source::Partner(_)) {
                leg.hear(Source::Silence);
            }
        };
        self.with(id, apart);
        if let Some(partner) = partner {
            self.with(partner, apart);
        }
    }

    fn start(&mut self, now: Now, id: LegId, player: Player) {
        // The first packet leaves at once: somebody has pressed a key and waits.
        self.with(id, |leg| {
            leg.hear(Source::Player(player));
            leg.due.get_or_insert(now.instant);
        });
    }

    fn press(&mut self, now: Now, id: LegId, digits: &str) {
        let beat = self.next_beat(now.instant);
        self.with(id, |leg| {
            leg.press(digits);
            leg.due.get_or_insert(beat);
        });
    }

    fn record(&mut self, now: Now, id: LegId, recorder: Recorder, beep: bool) {
        self.stop_recording(id);
        let ends = recorder.ends;
        self.with(id, |leg| leg.recorder = Some(recorder));
        if beep {
            self.start(now, id, Player::tone(Tone::Beep));
        }
        self.due.insert((ends, id));
    }

    fn stop_recording(&mut self, id: LegId) {
        let Some(recorder) = self.legs.get_mut(&id).and_then(|leg| leg.recorder.take()) else {
            return;
        };
        let recording = recorder.recording;
        let (samples, duration) = recorder.finish();
        self.outputs.push_back(Output::Recording { recording, samples, channels: 1, last: true });
        self.tell(Event::Recorded { leg: id, recording, duration });
    }

    fn close(&mut self, id: LegId) {
        self.stop_recording(id);
        self.stop_tapes_of(id);
        self.stop_tap_of(id);
        self.unbridge(id);
        self.unmix(id);
        let Some(leg) = self.legs.remove(&id) else { return };
        for at in leg.times().into_iter().flatten() {
            self.due.remove(&(at, id));
        }
        self.outputs.push_back(Output::Shut { leg: id });
        self.tell(Event::Closed { leg: id, report: leg.report() });
    }

    /// Changes a leg and keeps the list of what is due in step.
    fn with(&mut self, id: LegId, change: impl FnOnce(&mut Leg)) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let before = leg.times();
        change(leg);
        let after = leg.times();
        if before == after {
            return;
        }
        for at in before.into_iter().flatten() {
            self.due.remove(&(at, id));
        }
        self.due.extend(after.into_iter().flatten().map(|at| (at, id)));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn next_beat(&mut self, now: Instant) -> Instant {
        let epoch = *self.epoch.get_or_insert(now);
        let beats = now.saturating_duration_since(epoch).as_micros() / BEAT.as_micros() + 1;
        epoch + BEAT * u32::try_from(beats).unwrap_or(u32::MAX)
    }

    /// The last beat that is not after `at`.
    fn beat_before(&mut self, at: Instant) -> Instant {
        let epoch = *self.epoch.get_or_insert(at);
        let beats = at.saturating_duration_since(epoch).as_micros() / BEAT.as_micros();
        epoch + BEAT * u32::try_from(beats).unwrap_or(u32::MAX)
    }

    fn next_report(&mut self, now: Now) -> Instant {
        // Between half and one and a half times the mean (RFC 3550 section 6.3.1).
        let millis = REPORT_EVERY.as_millis() as u64;
        now.instant + Duration::from_millis(millis / 2 + self.random.below(millis))
    }
}

/// Packets and time.
impl Plane {
    /// A packet in the clear.
    fn packet(&mut self, now: Now, id: LegId, kind: Kind, from: SocketAddr, bytes: &[u8]) {
        match kind {
            Kind::Rtp => self.rtp(now, id, from, bytes),
            Kind::Rtcp => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    let before = leg.dropped();
                    leg.receive_report(now, from, bytes);
                    self.dropped.count(before, leg.dropped());
                }
            }
        }
    }

    fn rtp(&mut self, now: Now, id: LegId, from: SocketAddr, bytes: &[u8]) {
        let (Some(packet), Some(leg)) = (rtp::read(bytes), self.legs.get_mut(&id)) else { return };
        let Some(stream) = leg.stream else { return };
        let before = leg.dropped();
        let heard = leg.receive(now.instant, from, &packet);
        let swallowed = matches!(heard, Heard::Press { key, .. } if leg.swallows(key));
        if heard == Heard::Nothing || swallowed {
            self.dropped.count(before, leg.dropped());
            return;
        }
        let masked = leg.is_masked();
        let room = leg.room.is_some();
        let to = if room { None } else { self.hearer_of(id) };
        let sound = match heard {
            Heard::Sound => self.sound(id, to, &packet),
            Heard::Press { key: Some(digit), lasted } => {
                self.pressed(id, digit, lasted);
                None
            }
            Heard::Press { key: None, .. } | Heard::Noise | Heard::Nothing => None,
        };
        let sound = sound.and_then(|sound| self.attend(now, id, &packet, sound));
        if self.legs.get(&id).is_some_and(|leg| leg.tape.is_some()) {
            self.put_on_tape(id, &packet, heard, sound.as_ref());
        }
        if self.legs.get(&id).is_some_and(|leg| leg.tap.is_some()) {
            self.put_on_tap(id, &packet, heard, sound.as_ref());
        }
        if room {
            return self.speak(id, &packet, heard, sound.as_ref());
        }
        let tapped = to.is_some_and(|to| self.is_tapped(to, id));
        let Some((to, listener)) = to.and_then(|to| Some((to, self.legs.get_mut(&to)?))) else {
            return;
        };
        if let Heard::Press { key, .. } = heard
            && listener.stream.is_some_and(|stream| stream.tones)
        {
            return key.into_iter().for_each(|key| self.press(now, to, &key.to_string()));
        }
        if !hears(listener, id, to) {
            return;
        }
        // What cannot be decoded cannot be looked into: then nothing of it is passed on.
        if masked && heard == Heard::Sound && sound.is_none() {
            return;
        }
        // It comes in a mix, with whoever listens in.
        if tapped && matches!(heard, Heard::Sound | Heard::Noise) {
            return;
        }
        if let Some(sound) = sound.filter(|_| masked || listener.needs_coding(&stream)) {
            let packets = listener.carry(now.instant, &sound, &mut self.spare);
            return packets.into_iter().for_each(|packet| self.send(to, Kind::Rtp, packet));
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        let written = match heard {
            Heard::Press { .. } if tapped || listener.needs_coding(&stream) => {
                listener.carry_press(now.instant, &packet, &stream, &mut buffer)
            }
            _ => listener.relay(now.instant, &packet, &stream, &mut buffer),
        };
        if written {
            self.send(to, Kind::Rtp, buffer);
        } else {
            self.recycle(buffer);
        }
    }

    /// Who hears `id` now.
    fn hearer_of(&self, id: LegId) -> Option<LegId> {
        match self.legs.get(&id).map(|leg| &leg.source) {
            Some(Source::Echo) => Some(id),
            Some(Source::Partner(partner)) => Some(*partner),
            _ => self.listener_of(id),
        }
    }

    /// What a packet sounds like, if anybody has to know: `to` or somebody else.
    fn sound(&mut self, id: LegId, to: Option<LegId>, packet: &Packet<'_>) -> Option<Sound> {
        let leg = self.legs.get(&id)?;
        let stream = leg.stream?;
        let masked = leg.is_masked();
        let joined = leg.tap.is_some() || leg.room.is_some();
        let kept = masked || joined || leg.recorder.is_some() || leg.tape.is_some();
        let hearer = to.and_then(|to| self.legs.get(&to).filter(|leg| hears(leg, id, to)));
        let coded = hearer.filter(|leg| masked || leg.needs_coding(&stream));
        let coded = coded.and_then(|leg| leg.stream);
        if !kept && coded.is_none() && !leg.listens_to(packet) {
            return None;
        }
        let wide = coded.is_some_and(|to| to.codec.is_wide());
        let rate = if wide { Rate::Wide } else { Rate::Narrow };
        self.legs.get_mut(&id)?.hear_packet(packet, rate)
    }

    /// Sound came: whoever has to know what is in it looks. Answers what others may hear of it.
    fn attend(&mut self, now: Now, id: LegId, packet: &Packet<'_>, sound: Sound) -> Option<Sound> {
        let leg = self.legs.get_mut(&id)?;
        let (machine, key) = leg.attend(packet, &sound);
        let key = key.filter(|_| !leg.is_masked());
        let sound = leg.masked(sound);
        if machine {
            self.carry_data(id);
            self.tell(Event::Machine { leg: id });
        }
        if let Some(key) = key {
            self.pressed(id, key, keys::LEAST);
        }
        self.keep(now, id, &sound);
        Some(sound)
    }

    /// Somebody who hears `id` though `id` hears something else, such as a caller who is played to while bridged.
    fn listener_of(&self, id: LegId) -> Option<LegId> {
        let of = |leg: &Leg| matches!(leg.source, Source::Partner(partner) if partner == id);
        self.legs.iter().find(|(_, leg)| of(leg)).map(|(listener, _)| *listener)
    }

    fn send(&mut self, id: LegId, kind: Kind, mut bytes: Vec<u8>) {
        let Some(leg) = self.legs.get_mut(&id) else { return self.recycle(bytes) };
        let to = match kind {
            Kind::Rtp => leg.destination(),
            Kind::Rtcp => leg.report_destination(),
        };
        match to.filter(|_| leg.seal(kind, &mut bytes)) {
            Some(to) => self.outputs.push_back(Output::Send { leg: id, kind, to, bytes }),
            None => self.recycle(bytes),
        }
    }

    /// A key was pressed: it is told, and ends what it should end.
    fn pressed(&mut self, id: LegId, digit: char, duration: Duration) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let ended = match &leg.source {
            Source::Player(player) if player.stop_on_digit => player.token,
            _ => None,
        };
        let stops = leg.recorder.as_ref().is_some_and(|recorder| recorder.stop_on_digit);
        self.tell(Event::Digit { leg: id, digit, duration });
        if let Some(token) = ended {
            self.with(id, Leg::hear_no_more);
            self.tell(Event::Played { leg: id, token, interrupted: true });
        }
        if stops {
            self.stop_recording(id);
        }
    }

    /// Keeps the sound of a leg that is being recorded.
    fn keep(&mut self, now: Now, id: LegId, sound: &Sound) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(recorder) = &mut leg.recorder else { return };
        let complete = recorder.take(now.instant, sound.timestamp, &sound.narrow);
        let recording = recorder.recording;
        if let Some(samples) = recorder.chunk() {
            self.kept(recording, samples);
        }
        if complete {
            self.stop_recording(id);
        }
    }

    fn kept(&mut self, recording: RecordingId, samples: Vec<i16>) {
        self.outputs.push_back(Output::Recording { recording, samples, channels: 1, last: false });
    }

    fn leg_due(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.recorder.as_ref().is_some_and(|recorder| recorder.ends <= now.instant) {
            self.stop_recording(id);
        }
        let Some(leg) = self.legs.get(&id) else { return };
        let [due, report_due, watch_due] = leg.times();
        if due.is_some_and(|due| due <= now.instant) {
            self.play_on(now, id);
        }
        if report_due.is_some_and(|due| due <= now.instant) {
            self.report(now, id);
        }
        if watch_due.is_some_and(|due| due <= now.instant) {
            self.watch(now, id);
        }
    }

    /// Looks whether a leg is heard that should be.
    fn watch(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (before, unheard) = (leg.one_way, leg.is_unheard(now.instant));
        self.with(id, |leg| {
            leg.watch_due = Some(now.instant + WATCH);
            leg.one_way = unheard;
            leg.was_one_way |= unheard;
        });
        if before != unheard {
            self.tell(Event::OneWay { leg: id, now: unheard });
        }
    }

    /// The next packet of what a leg is played, or of a key that is pressed towards it.
    fn play_on(&mut self, now: Now, id: LegId) {
        let mut buffer = self.spare.pop().unwrap_or_default();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let last = leg.due.take().unwrap_or(now.instant);
        let ptime =
            Duration::from_millis(u64::from(leg.stream.map_or(20, |s| s.ptime_ms.clamp(10, 60))));
        let (written, over) = if leg.is_pressing() {
            (leg.press_on(now.instant, &mut buffer), false)
        } else {
            leg.play(now.instant, &mut buffer)
        };
        let playing = matches!(leg.source, Source::Player(_));
        let ended = match &leg.source {
            Source::Player(player) if over => Some(player.token),
            _ => None,
        };
        let goes_on = (playing && !over) || leg.is_pressing();
        // After the first packet, which waited for nothing, the beat is kept, even when a turn was late; after a long
        // stop it begins anew instead of hurrying.
        let next = self.beat_before(last + ptime);
        let next = if next + ptime * 5 < now.instant { now.instant + ptime } else { next };
        self.with(id, |leg| {
            if ended.is_some() {
                leg.hear_no_more();
            }
            leg.due = goes_on.then_some(next);
        });
        if written {
            self.send(id, Kind::Rtp, buffer)
        } else {
            self.recycle(buffer)
        }
        if let Some(Some(token)) = ended {
            self.tell(Event::Played { leg: id, token, interrupted: false });
        }
    }

    fn report(&mut self, now: Now, id: LegId) {
        let next = self.next_report(now);
        let cname = self.cname.clone();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let packet = leg.write_report(now.unix, &cname);
        let silent = leg.silent_since().map(|since| now.instant.saturating_duration_since(since));
        // Who is on hold may send nothing at all.
        let limit = match leg.stream.is_some_and(|stream| stream.receive) {
            true => self.settings.inactivity,
            false => self.settings.inactivity_on_hold,
        };
        self.with(id, |leg| leg.report_due = Some(next));
        if let Some(packet) = packet {
            self.send(id, Kind::Rtcp, packet);
        }
        if let (Some(limit), Some(silent_for)) = (limit, silent)
            && silent_for >= limit
        {
            self.tell(Event::Inactive { leg: id, silent_for });
        }
    }
}

/// Whether `listener`, whose id is `own`, hears `id` now.
fn hears(listener: &Leg, id: LegId, own: LegId) -> bool {
    match listener.source {
        Source::Partner(partner) => partner == id,
        Source::Echo => own == id,
        Source::Silence | Source::Room | Source::Tap | Source::Player(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
