//! SRTP (RFC 3711, AES-GCM by RFC 7714): packets of a leg are sealed before they leave, and opened before anything looks
//! at them.
//!
//! Wraps `rtc-srtp`, which does the cryptography, and keeps what that crate leaves to its user: a window against replayed
//! packets, state for sources that have proven themselves and for a handful of others at most, no index of ours used
//! twice, and the change from one key to the next. Where keys come from is no concern of this file: two of them arrive,
//! one for each way (RFC 4568 section 6.1).

use std::fmt;

use rtc_shared::error::Error;
use rtc_srtp::context::Context;
use rtc_srtp::crypto::default_provider;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::media::rtp;

/// Packets that one may come behind another and still be new. RFC 3711 section 3.3.2 asks for 64 at least; twice as many
/// are 2.5 seconds at 20 ms, more than any jitter buffer waits.
const WINDOW: usize = 128;

/// Sources (SSRC) that are believed under one key. A phone has one, and takes another when it is taken off hold; state
/// stays with each, or its packets could be played again.
const MOST_SOURCES: usize = 64;

/// Sources that may be tried before the state that trying them made is thrown away: forging one costs an attacker a
/// packet, and us this much memory at most.
const MOST_TRIED: u8 = 64;

/// How often a peer's sequence numbers may have begun again before this run of the program: a day of packets every 20 ms.
/// The count is in no packet (RFC 3711 section 3.3.1); which one is true shows with the first packet.
const MOST_WRAPS: u32 = 66;

/// Bytes of the longest master key with its salt: 128 bits and 112.
pub const LONGEST_KEY: usize = 30;

/// Bytes of the shortest RTCP packet: the header and who sends it (RFC 3550 section 6.1).
const SHORTEST_RTCP: usize = 8;

/// The index that follows an SRTCP packet (RFC 3711 section 3.4).
const RTCP_INDEX: usize = 4;

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// AES in counter mode, a tag of 80 bits (RFC 3711).
    AesCm80,
    /// The same with a tag of 32 bits; RTCP has 80 all the same.
    AesCm32,
    /// AES-GCM, a tag of 128 bits (RFC 7714).
    AesGcm,
}

impl Suite {
    /// Bytes of its master key with the salt behind: 30, or 28 for AES-GCM.
    pub fn key_length(self) -> usize {
        self.profile().key_len() + self.profile().salt_len()
    }

    fn profile(self) -> ProtectionProfile {
        match self {
            Suite::AesCm80 => ProtectionProfile::Aes128CmHmacSha1_80,
            Suite::AesCm32 => ProtectionProfile::Aes128CmHmacSha1_32,
            Suite::AesGcm => ProtectionProfile::AeadAes128Gcm,
        }
    }

    /// Bytes that sealing adds to an RTP packet: 10, 4 or 16.
    fn tag(self) -> usize {
        self.profile().rtp_auth_tag_len() + self.profile().aead_auth_tag_len()
    }

    /// Bytes of an RTCP packet's tag that stand behind its index; in AES-GCM the tag stands before it (RFC 7714 section 9.2).
    fn tag_behind_index(self) -> usize {
        self.profile().rtcp_auth_tag_len()
    }

    /// Bytes that sealing adds to an RTCP packet.
    fn rtcp_tag(self) -> usize {
        RTCP_INDEX + self.profile().rtcp_auth_tag_len() + self.profile().aead_auth_tag_len()
    }
}

/// A master key with its salt behind. Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey([u8; LONGEST_KEY]);

impl MasterKey {
    /// Of as many bytes as the suite wants ([`Suite::key_length`]); what is beyond is not looked at.
    pub fn new(bytes: [u8; LONGEST_KEY]) -> MasterKey {
        MasterKey(bytes)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// What was agreed on for a leg: one suite, a key for each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// How.
    pub suite: Suite,
    /// What we seal with.
    pub ours: MasterKey,
    /// What the peer seals with.
    pub theirs: MasterKey,
    /// Whether the peer may have sealed with it for long: an earlier run of the program has opened that.
    pub resumed: bool,
}

/// Why a packet was not opened. It is dropped and counted, and changes nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too short to be one, or no RTP at all.
    Short,
    /// Its tag is wrong: another key, a packet in the clear, a forgery, or damage on the way.
    Forged,
    /// It was here before, or is too old to tell.
    Replayed,
    /// It is from one source more than are believed under one key.
    Crowded,
}

/// The protection of one leg, both ways.
pub struct Protection {
    keys: Keys,
    seal: Seal,
    open: Opener,
    /// What the peer sealed with before, for packets that were on their way while the key changed.
    before: Option<Opener>,
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("suite", &self.keys.suite).finish_non_exhaustive()
    }
}

impl Protection {
    /// Nothing if the cryptography below does not know the suite: then nothing may pass at all.
    pub fn new(keys: Keys) -> Option<Protection> {
        let seal = Seal::new(keys.suite, &keys.ours)?;
        let open = Opener::new(&keys)?;
        Some(Protection { keys, seal, open, before: None })
    }

    /// Takes up other keys. A way whose key stays goes on as it was, with its counters: the same key with counters from
    /// the start would seal two packets alike. Answers whether the leg needs a new source of its own (SSRC): our key has
    /// changed, and our sequence numbers have wrapped before. RFC 3711 section 3.3.1 lets the count of wraps go on then,
    /// and much of the field begins anew with the key; of a new source there is nothing to differ about.
    pub fn rekey(&mut self, keys: Keys) -> Option<bool> {
        let mut wrapped = false;
        if (self.keys.suite, self.keys.ours) != (keys.suite, keys.ours) {
            wrapped = self.seal.wrapped;
            self.seal = Seal::new(keys.suite, &keys.ours)?;
        }
        if (self.keys.suite, self.keys.theirs) != (keys.suite, keys.theirs) {
            let open = Opener::new(&keys)?;
            self.before = Some(std::mem::replace(&mut self.open, open));
        }
        self.keys = keys;
        Some(wrapped)
    }

    /// Opens an RTP packet; what is in it stands at the end of `clear` then.
    pub fn open_rtp(&mut self, bytes: &[u8], clear: &mut Vec<u8>) -> Result<(), Refused> {
        self.open_with(|opener| opener.rtp(bytes, clear))
    }

    /// Opens an RTCP packet; what is in it stands at the end of `clear` then.
    pub fn open_rtcp(&mut self, bytes: &[u8], clear: &mut Vec<u8>) -> Result<(), Refused> {
        self.open_with(|opener| opener.rtcp(bytes, clear))
    }

    fn open_with(
        &mut self,
        mut open: impl FnMut(&mut Opener) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let opened = open(&mut self.open);
        match (opened, &mut self.before) {
            (Err(Refused::Forged | Refused::Crowded), Some(before)) => open(before),
            // The peer has the new key: from now on nobody else may use the old one.
            (Ok(_), Some(_)) => {
                self.before = None;
                opened
            }
            _ => opened,
        }
    }

    /// Seals an RTP packet of ours in its buffer. Answers whether it may go: never two with one number.
    pub fn seal_rtp(&mut self, packet: &mut Vec<u8>) -> bool {
        self.seal.rtp(packet).is_some()
    }

    /// Seals an RTCP packet of ours in its buffer. Answers whether it may go.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> bool {
        self.seal.rtcp(packet).is_some()
    }
}

/// How a packet begins that has no contributing sources, extension or padding: as all do that we write.
const PLAIN: u8 = 0x80;

/// The way out.
struct Seal {
    context: Context,
    sent: Sent,
    /// Whether our sequence numbers began from 0 again under this key.
    wrapped: bool,
}

/// Which numbers have been used of late: a number that is used twice under one key gives both packets away, and with
/// AES-GCM the key that tags are made with (RFC 7714 section 8.1). A peer on the other side of a bridge must not be able
/// to bring that about by sending something twice.
#[derive(Default)]
struct Sent {
    source: Option<u32>,
    highest: u16,
    /// Bit n: `highest - n` has been used.
    recent: u128,
}

impl Sent {
    /// Whether this number is new; it is not any more then. Answers whether it began from 0 again as well.
    fn take(&mut self, source: u32, sequence: u16) -> Option<bool> {
        if self.source != Some(source) {
            *self = Sent { source: Some(source), highest: sequence, recent: 1 };
            return Some(false);
        }
        let ahead = rtp::ahead(sequence, self.highest);
        if ahead > 0 {
            let wrapped = sequence < self.highest;
            self.recent = self.recent.checked_shl(u32::from(ahead as u16)).unwrap_or(0) | 1;
            self.highest = sequence;
            return Some(wrapped);
        }
        let bit = 1u128.checked_shl(u32::from(ahead.unsigned_abs()))?;
        if self.recent & bit != 0 {
            return None;
        }
        self.recent |= bit;
        Some(false)
    }
}

impl Seal {
    fn new(suite: Suite, key: &MasterKey) -> Option<Seal> {
        Some(Seal { context: context(suite, key)?, sent: Sent::default(), wrapped: false })
    }

    fn rtp(&mut self, packet: &mut Vec<u8>) -> Option<()> {
        let header = rtp::read(packet)?;
        self.wrapped |= self.sent.take(header.ssrc, header.sequence)?;
        if packet.first() != Some(&PLAIN) {
            // Of an extension the crate seals as much as it understands, and fails where that is more than there is.
            let mut plain = Vec::with_capacity(packet.len());
            rtp::write(&mut plain, &header);
            *packet = plain;
        }
        let sealed = self.context.encrypt_rtp(packet).ok()?;
        replace(packet, &sealed);
        Some(())
    }

    fn rtcp(&mut self, packet: &mut Vec<u8>) -> Option<()> {
        let sealed = self.context.encrypt_rtcp(packet).ok()?;
        replace(packet, &sealed);
        Some(())
    }
}

fn replace(packet: &mut Vec<u8>, with: &[u8]) {
    packet.clear();
    packet.extend_from_slice(with);
}

/// The way in, under one key.
struct Opener {
    suite: Suite,
    key: MasterKey,
    resumed: bool,
    /// State of sources that have proven themselves.
    context: Context,
    rtp: Vec<u32>,
    rtcp: Vec<u32>,
    /// State of sources that have not, and how many there may be.
    tried: Option<(Context, u8)>,
}

impl Opener {
    fn new(keys: &Keys) -> Option<Opener> {
        let Keys { suite, theirs: key, resumed, .. } = *keys;
        let context = context(suite, &key)?;
        let (rtp, rtcp) = (Vec::with_capacity(1), Vec::with_capacity(1));
        Some(Opener { suite, key, resumed, context, rtp, rtcp, tried: None })
    }

    fn rtp(&mut self, bytes: &[u8], clear: &mut Vec<u8>) -> Result<(), Refused> {
        let ssrc = source(bytes, self.suite.tag()).ok_or(Refused::Short)?;
        if !self.rtp.contains(&ssrc) {
            let proven = self.prove(self.rtp.len(), |context| context.decrypt_rtp(bytes).map(drop));
            match proven {
                Err(Refused::Forged) if self.resumed && self.rtp.is_empty() => {
                    self.catch_up(ssrc, bytes)?;
                }
                proven => proven?,
            }
            self.rtp.push(ssrc);
        }
        let opened = self.context.decrypt_rtp(bytes).map_err(refusal)?;
        clear.extend_from_slice(&opened);
        Ok(())
    }

    /// Finds out how often the numbers of a source have begun again, and goes on from there.
    fn catch_up(&mut self, ssrc: u32, bytes: &[u8]) -> Result<(), Refused> {
        let mut tried = context_without_window(self.suite, &self.key).ok_or(Refused::Forged)?;
        for wraps in 1..=MOST_WRAPS {
            begin_again(&mut tried, ssrc);
            if tried.decrypt_rtp(bytes).is_ok() {
                (0..wraps).for_each(|_| begin_again(&mut self.context, ssrc));
                return Ok(());
            }
        }
        Err(Refused::Forged)
    }

    fn rtcp(&mut self, bytes: &[u8], clear: &mut Vec<u8>) -> Result<(), Refused> {
        let [first, _, _, _, a, b, c, d, ..] = *bytes else { return Err(Refused::Short) };
        if first >> 6 != 2 || bytes.len() < SHORTEST_RTCP + self.suite.rtcp_tag() {
            return Err(Refused::Short);
        }
        // The crate takes whatever says that it is not encrypted (RFC 3711 section 3.4, the E flag), its tag unseen; and we
        // never agree on reports in the clear.
        let index = bytes.len() - self.suite.tag_behind_index() - RTCP_INDEX;
        if bytes.get(index).is_none_or(|first| first & 0x80 == 0) {
            return Err(Refused::Forged);
        }
        let ssrc = u32::from_be_bytes([a, b, c, d]);
        if !self.rtcp.contains(&ssrc) {
            self.prove(self.rtcp.len(), |context| context.decrypt_rtcp(bytes).map(drop))?;
            self.rtcp.push(ssrc);
        }
        let opened = self.context.decrypt_rtcp(bytes).map_err(refusal)?;
        clear.extend_from_slice(&opened);
        Ok(())
    }

    /// Lets a packet of a new source prove it, in state that is thrown away: the crate makes some for whatever number a
    /// packet names, before it knows whether that is true.
    fn prove(
        &mut self,
        known: usize,
        open: impl Fn(&mut Context) -> Result<(), Error>,
    ) -> Result<(), Refused> {
        if known >= MOST_SOURCES {
            return Err(Refused::Crowded);
        }
        let (mut tried, left) = match self.tried.take() {
            Some((tried, left)) if left > 0 => (tried, left),
            _ => {
                (context_without_window(self.suite, &self.key).ok_or(Refused::Forged)?, MOST_TRIED)
            }
        };
        let proven = open(&mut tried);
        if proven.is_err() {
            self.tried = Some((tried, left - 1));
        }
        proven.map_err(refusal)
    }
}

/// Counts one wrap of a source's numbers. The crate lets nobody set the count: it is shown packets, steps apart that it
/// takes for going on, up to the middle, from where every number is one of the same round.
fn begin_again(context: &mut Context, ssrc: u32) {
    for sequence in [0x8000, 0xc000, 0x2000, 0x8000] {
        let header = rtp::Packet {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp: 0,
            ssrc,
            payload: &[],
        };
        let mut packet = Vec::new();
        rtp::write(&mut packet, &header);
        // It is thrown away: only the count is wanted.
        let _ = context.encrypt_rtp(&packet);
    }
}

fn refusal(error: Error) -> Refused {
    match error {
        Error::SrtpSsrcDuplicated(..) | Error::SrtcpSsrcDuplicated(..) => Refused::Replayed,
        Error::ErrTooShortRtp | Error::ErrTooShortRtcp => Refused::Short,
        _ => Refused::Forged,
    }
}

/// Who sends a sealed packet; nothing if it is none: its header with contributing sources and extension, and a tag of
/// `tag` bytes behind it, must fit. What is padding cannot be told before it is open.
fn source(bytes: &[u8], tag: usize) -> Option<u32> {
    let [first, _, _, _, _, _, _, _, a, b, c, d, ..] = *bytes else { return None };
    let mut header = rtp::HEADER + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let length = bytes.get(header + 2..header + 4)?;
        header += 4 + length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) * 4;
    }
    (first >> 6 == 2 && header + tag <= bytes.len()).then(|| u32::from_be_bytes([a, b, c, d]))
}

fn context(suite: Suite, key: &MasterKey) -> Option<Context> {
    made(suite, key, true)
}

/// For packets that prove a source: the crate's window would begin at the first number that it is shown, forged or not.
fn context_without_window(suite: Suite, key: &MasterKey) -> Option<Context> {
    made(suite, key, false)
}

fn made(suite: Suite, key: &MasterKey, windows: bool) -> Option<Context> {
    let profile = suite.profile();
    let (master, salt) = key.0.get(..suite.key_length())?.split_at_checked(profile.key_len())?;
    let provider = default_provider().ok()?;
    let rtp = windows.then(|| srtp_replay_protection(WINDOW));
    let rtcp = windows.then(|| srtcp_replay_protection(WINDOW));
    Context::new(master, salt, profile, rtp, rtcp, provider.crypto()).ok()
}

#[cfg(test)]
mod tests;
