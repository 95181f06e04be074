//! Keys for SRTP in session descriptions: `a=crypto` (RFC 4568), its suites, and whether a leg wants any.
//!
//! Owns the line's text and what of it we can keep to. Keys are never printed but onto the wire. It protects no packets.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

/// Lines of one media line that are read: a phone with every suite there is sends about ten.
pub const MAX_CRYPTO: usize = 16;

/// Bytes of the longest master key with its salt.
pub const LONGEST_KEY: usize = 30;

/// Some leave padding out, or something in the bits that stand for nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How packets are protected (the IANA registry of SRTP crypto suites).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Suite {
    /// AES in counter mode with a tag of 80 bits: what every phone has.
    AesCm80,
    /// AES-GCM with a tag of 128 bits (RFC 7714).
    AesGcm,
    /// AES in counter mode with a tag of 32 bits: taken, never offered.
    AesCm32,
}

impl Suite {
    /// What we offer, best known first: some phones look at the first line alone.
    pub const OFFERED: [Suite; 2] = [Suite::AesCm80, Suite::AesGcm];

    /// Its registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Suite::AesCm80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesGcm => "AEAD_AES_128_GCM",
            Suite::AesCm32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    fn parse(text: &str) -> Option<Suite> {
        [Suite::AesCm80, Suite::AesGcm, Suite::AesCm32].into_iter().find(|s| s.as_str() == text)
    }

    /// Bytes of its master key with the salt behind.
    pub fn key_length(self) -> usize {
        match self {
            Suite::AesCm80 | Suite::AesCm32 => 30,
            Suite::AesGcm => 28,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A master key with its salt behind. Never printed but as part of a line that goes out, or of what a run of the program
/// leaves for the next, in memory.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key([u8; LONGEST_KEY]);

impl Key {
    /// Of as many bytes as a suite wants; what is beyond is not looked at.
    pub const fn new(bytes: [u8; LONGEST_KEY]) -> Key {
        Key(bytes)
    }

    /// All bytes, zeros where a suite wants less.
    pub fn bytes(&self) -> [u8; LONGEST_KEY] {
        self.0
    }

    fn parse(suite: Suite, text: &str) -> Option<Key> {
        // 30 bytes are 40 characters: whatever is longer is none.
        let read = BASE64.decode(text.get(..text.len().min(44))?).ok()?;
        let mut bytes = [0; LONGEST_KEY];
        bytes.get_mut(..suite.key_length())?.copy_from_slice(exactly(&read, suite.key_length())?);
        Some(Key(bytes))
    }
}

fn exactly(bytes: &[u8], length: usize) -> Option<&[u8]> {
    (bytes.len() == length).then_some(bytes)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// One `a=crypto` line (RFC 4568 section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crypto {
    /// What an answer names the line by; up to nine digits.
    pub tag: u32,
    /// What it offers; nothing where that is none of our suites, or comes with a key or a condition that we cannot keep
    /// to. The line counts all the same: there was one.
    pub offered: Option<(Suite, Key)>,
}

impl Crypto {
    /// Reads what stands behind `a=crypto:`; nothing if that is no such line at all.
    pub(super) fn parse(text: &str) -> Option<Crypto> {
        let mut fields = text.split_ascii_whitespace();
        let tag = fields.next().filter(|tag| is_tag(tag))?.parse().ok()?;
        let (suite, keys) = (fields.next()?, fields.next()?);
        let usable = fields.all(is_harmless);
        let read = |suite: Suite| Some((suite, Key::parse(suite, sole_key(keys)?)?));
        let offered = Suite::parse(suite).filter(|_| usable).and_then(read);
        Some(Crypto { tag, offered })
    }
}

/// As it goes out; a line that was not understood has nothing to say.
impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((suite, key)) = &self.offered else { return Ok(()) };
        let key = key.0.get(..suite.key_length()).unwrap_or_default();
        write!(f, "a=crypto:{} {suite} inline:{}\r\n", self.tag, BASE64.encode(key))
    }
}

fn is_tag(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The key of `inline:key|lifetime`. Several keys, or one with a name (MKI), would have to be told apart packet by
/// packet: such a line is passed over, and with it only lines that nearly nobody sends.
fn sole_key(text: &str) -> Option<&str> {
    let (method, info) = text.split_once(':')?;
    let mut parts = info.split('|');
    let key = parts.next()?;
    let lifetime = parts.next();
    let sole = method.eq_ignore_ascii_case("inline") && parts.next().is_none();
    (sole && !info.contains(';') && lifetime.is_none_or(is_lifetime)).then_some(key)
}

/// Packets that a key is good for (section 6.1): `2^31`, or digits. Whoever sends with the key keeps to it; a call of ours
/// is over, or has another key, long before any that is worth the name.
fn is_lifetime(text: &str) -> bool {
    let digits = text.strip_prefix("2^").unwrap_or(text);
    is_tag(digits) && digits.parse::<u32>().is_ok_and(|count| count > 0)
}

/// Whether a session parameter (section 6.3) may be passed over: the size of the sender's window (WSH), which ours is
/// never below, and what is marked as optional with a hyphen. All others ask for less protection than we give, or for what
/// we cannot do, and the line must not be taken then.
fn is_harmless(parameter: &str) -> bool {
    let window = parameter.strip_prefix("WSH=").and_then(|size| size.parse::<u32>().ok());
    window.is_some_and(|size| size >= 64) || parameter.starts_with('-')
}

/// What a leg of ours wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// Nothing: sound is in the clear.
    #[default]
    Clear,
    /// Protection where the other side has it, else sound in the clear.
    Either,
    /// Protection, or nothing.
    Protected,
}

/// What both sides agreed on: one suite, a key for each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// How.
    pub suite: Suite,
    /// What we protect with.
    pub ours: Key,
    /// What they protect with.
    pub theirs: Key,
}

/// Whether a profile is one of SRTP without DTLS.
pub(super) fn is_secure(proto: &str) -> bool {
    matches!(proto, "RTP/SAVP" | "RTP/SAVPF")
}

/// Whether a profile is one of RTP in the clear, or with protection that may be left out.
pub(super) fn is_plain(proto: &str) -> bool {
    matches!(proto, "RTP/AVP" | "RTP/AVPF")
}

/// The line of an offer that we take: the other side's order (section 5.1.2), a short tag last.
pub(super) fn chosen(lines: &[Crypto]) -> Option<(u32, Suite, Key)> {
    let usable = || lines.iter().filter_map(|line| line.offered.map(|(s, key)| (line.tag, s, key)));
    usable().find(|(_, suite, _)| *suite != Suite::AesCm32).or_else(|| usable().next())
}

/// What an answer's lines mean: the one that names a line of our offer, with its suite (section 5.1.3). Not with our own
/// key: both ways under one key are two packets under one number, some day.
pub(super) fn agreed(offer: &[Crypto], answer: &[Crypto]) -> Option<Agreed> {
    let fits = |line: &Crypto| {
        let (suite, theirs) = line.offered?;
        let own = offer.iter().find(|own| own.tag == line.tag)?;
        let (_, ours) = own.offered.filter(|(own, _)| *own == suite)?;
        (ours != theirs).then_some(Agreed { suite, ours, theirs })
    };
    answer.iter().find_map(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn suite_of(text: &str) -> Option<Suite> {
        Crypto::parse(text).and_then(|line| line.offered).map(|(suite, _)| suite)
    }

    /// The line of RFC 4568 section 4.1, and lines as phones send them.
    #[test]
    fn lines_of_the_standard_and_of_phones_are_read() {
        let usable = [
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"),
            format!("1 AES_CM_128_HMAC_SHA1_80 INLINE:{KEY}|1048576 WSH=1024 -x=1"),
            format!("999999999  AES_CM_128_HMAC_SHA1_80 \tinline:{KEY}"),
        ];
        for line in &usable {
            assert_eq!(suite_of(line), Some(Suite::AesCm80), "{line}");
        }
        let gcm = "AAECAwQFBgcICQoLDA0OD6ChoqOkpaanqKmqqw";
        assert_eq!(suite_of(&format!("2 AEAD_AES_128_GCM inline:{gcm}==")), Some(Suite::AesGcm));
        assert_eq!(suite_of(&format!("2 AEAD_AES_128_GCM inline:{gcm}")), Some(Suite::AesGcm));
        let line = Crypto::parse(&usable[0]).unwrap();
        assert_eq!(line.to_string(), format!("a=crypto:{}\r\n", usable[0]));
    }

    #[test]
    fn what_we_cannot_keep_to_is_a_line_without_an_offer() {
        let unusable = [
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTCP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} FEC_ORDER=FEC_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} WSH=1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|0"),
            format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}AAAA"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80 inline:WVNf".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80 inline:====".to_owned(),
            format!("1 AEAD_AES_128_GCM inline:{KEY}"),
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 aes_cm_128_hmac_sha1_80 inline:{KEY}"),
        ];
        for line in &unusable {
            let read = Crypto::parse(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((read.tag, read.offered), (1, None), "{line}");
            assert_eq!(read.to_string(), "");
        }
        for line in ["", "1", "1 AES_CM_128_HMAC_SHA1_80", "-1 A inline:", "1234567890 A inline:x"]
        {
            assert_eq!(Crypto::parse(line), None, "{line}");
        }
    }

    #[test]
    fn their_order_decides_and_a_short_tag_comes_last() {
        let key = Key::new([3; LONGEST_KEY]);
        let line = |tag, suite| Crypto { tag, offered: Some((suite, key)) };
        let unknown = Crypto { tag: 9, offered: None };
        let offer =
            [unknown, line(1, Suite::AesCm32), line(2, Suite::AesGcm), line(3, Suite::AesCm80)];
        assert_eq!(chosen(&offer), Some((2, Suite::AesGcm, key)));
        assert_eq!(chosen(&offer[..2]), Some((1, Suite::AesCm32, key)));
        assert_eq!(chosen(&offer[..1]), None);
    }

    #[test]
    fn an_answer_names_a_line_of_the_offer_and_has_a_key_of_its_own() {
        let (ours, theirs) = (Key::new([1; LONGEST_KEY]), Key::new([2; LONGEST_KEY]));
        let line = |tag, suite, key| Crypto { tag, offered: Some((suite, key)) };
        let offer = [line(1, Suite::AesCm80, ours), line(2, Suite::AesGcm, ours)];
        let got = agreed(&offer, &[line(2, Suite::AesGcm, theirs)]);
        assert_eq!(got, Some(Agreed { suite: Suite::AesGcm, ours, theirs }));
        for wrong in [
            line(3, Suite::AesGcm, theirs),
            line(1, Suite::AesGcm, theirs),
            line(1, Suite::AesCm80, ours),
        ] {
            assert_eq!(agreed(&offer, &[wrong]), None, "{wrong:?}");
        }
        assert!(!format!("{got:?}").contains("2, 2"), "a key is printed");
    }
}
