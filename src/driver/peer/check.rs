//! Connectivity checks (RFC 8445 section 7.3) as the lite side answers them: none is made here.
//!
//! What a check says is looked at without a copy, so that a flood of them costs little; only one that names a leg of ours
//! is worth a hash.

use std::net::SocketAddr;

use rtc::crypto::RTCCrypto;
use rtc::stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_USE_CANDIDATE};
use rtc::stun::error_code::{CODE_ROLE_CONFLICT, CODE_UNAUTHORIZED, ErrorCode};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_ERROR, BINDING_SUCCESS, Message, MessageType, Setter};
use rtc::stun::xoraddr::XorMappedAddress;

use crate::media::peer::Credentials;

/// The longest check that is looked at; a browser's has some 120 bytes.
const LONGEST: usize = 512;
/// Bytes of a STUN message's head (RFC 8489 section 5), and what stands in every one of them.
const HEAD: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0, 1];
const USERNAME: u16 = 0x0006;
const INTEGRITY: u16 = 0x0008;
/// The longest name fragment (RFC 8839 section 5.4).
const LONGEST_NAME: usize = 256;

/// What became of a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// Its sender knows our password: this is to be answered, and whether this way is the one to use.
    Good {
        /// To be sent back.
        answer: Vec<u8>,
        /// Whether the other side chose this way.
        nominates: bool,
    },
    /// To be told what is wrong with it.
    Refused(Vec<u8>),
    /// Not worth an answer.
    Dropped,
}

/// Our name in a check: whom it is for. Nothing for what is no check, or could not be trusted whatever it said.
pub fn name(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..HEAD).filter(|_| bytes.len() <= LONGEST)?;
    let length = usize::from(u16::from_be_bytes([*head.get(2)?, *head.get(3)?]));
    let sound = head.starts_with(&BINDING_REQUEST)
        && head.get(4..8) == Some(&COOKIE)
        && length == bytes.len() - HEAD
        && length.is_multiple_of(4);
    let mut rest = bytes.get(HEAD..).filter(|_| sound)?;
    let mut name = None;
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let [kind_high, kind_low, length_high, length_low] = *head;
        let kind = u16::from_be_bytes([kind_high, kind_low]);
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let value = after.get(..length)?;
        match kind {
            // The first one counts (RFC 8489 section 14).
            USERNAME if name.is_none() => {
                let text = std::str::from_utf8(value).ok()?;
                name = Some(text.split_once(':')?.0).filter(|name| name.len() <= LONGEST_NAME);
            }
            // What stands behind it is not covered by it.
            INTEGRITY => return name.filter(|_| length == 20),
            _ => {}
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// Answers a check that names us.
pub fn answer(
    bytes: &[u8],
    from: SocketAddr,
    ours: &Credentials,
    crypto: &dyn RTCCrypto,
) -> Checked {
    let mut check = Message::new();
    if check.unmarshal_binary(bytes).is_err() {
        return Checked::Dropped;
    }
    // Every check has one (RFC 8445 section 7.1), and it covers what the integrity does not.
    if FINGERPRINT.check(&check).is_err() {
        return Checked::Dropped;
    }
    if MessageIntegrity::check(&mut check, ours.password.as_bytes(), crypto).is_err() {
        return refusal(&check, ErrorCode(CODE_UNAUTHORIZED.0));
    }
    // We are lite, and so controlled; somebody else who thinks so too has to change (RFC 8445 section 7.3.1.1).
    if check.contains(ATTR_ICE_CONTROLLED) {
        return refusal(&check, ErrorCode(CODE_ROLE_CONFLICT.0));
    }
    let integrity =
        MessageIntegrity::new_short_term_integrity_with_provider(ours.password.clone(), crypto);
    let address = XorMappedAddress { ip: from.ip(), port: from.port() };
    let parts: [Box<dyn Setter + '_>; 3] =
        [Box::new(address), Box::new(integrity), Box::new(FINGERPRINT)];
    match written(&check, BINDING_SUCCESS, &parts) {
        Some(answer) => Checked::Good { answer, nominates: check.contains(ATTR_USE_CANDIDATE) },
        None => Checked::Dropped,
    }
}

fn refusal(check: &Message, code: ErrorCode) -> Checked {
    let parts: [Box<dyn Setter>; 2] = [Box::new(code), Box::new(FINGERPRINT)];
    written(check, BINDING_ERROR, &parts).map_or(Checked::Dropped, Checked::Refused)
}

fn written(check: &Message, kind: MessageType, parts: &[Box<dyn Setter + '_>]) -> Option<Vec<u8>> {
    let mut answer = Message::new();
    answer.build(&[Box::new(kind), Box::new(check.transaction_id)]).ok()?;
    for part in parts {
        part.add_to(&mut answer).ok()?;
    }
    Some(answer.raw)
}

#[cfg(test)]
pub mod tests {
    use rtc::crypto::{RTCCryptoProvider, default_provider};
    use rtc::stun::attributes::{ATTR_USERNAME, AttrType, RawAttribute};
    use rtc::stun::message::{BINDING_REQUEST, TransactionId};
    use rtc::stun::textattrs::TextAttribute;

    use super::*;

    pub fn ours() -> Credentials {
        Credentials { ufrag: "us".to_owned(), password: "p".repeat(22) }
    }

    fn crypto() -> std::sync::Arc<dyn RTCCryptoProvider> {
        default_provider().expect("ring")
    }

    /// A check such as a browser makes.
    pub fn check(name: &str, password: &str, with: &[AttrType]) -> Vec<u8> {
        let provider = crypto();
        let mut message = Message::new();
        let text = TextAttribute::new(ATTR_USERNAME, name.to_owned());
        message
            .build(&[Box::new(BINDING_REQUEST), Box::new(TransactionId::new()), Box::new(text)])
            .unwrap();
        for kind in with {
            message.add(*kind, &[]);
        }
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            password.to_owned(),
            provider.crypto(),
        );
        integrity.add_to(&mut message).unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }

    fn verdict(bytes: &[u8]) -> Checked {
        answer(bytes, "192.0.2.7:4000".parse().unwrap(), &ours(), crypto().crypto())
    }

    #[test]
    fn who_knows_the_password_is_answered_and_may_choose() {
        let password = ours().password;
        let plain = check("us:them", &password, &[]);
        assert_eq!(name(&plain), Some("us"));
        let Checked::Good { answer, nominates: false } = verdict(&plain) else {
            panic!("not good")
        };
        let mut read = Message::new();
        read.unmarshal_binary(&answer).unwrap();
        let provider = crypto();
        MessageIntegrity::check(&mut read, password.as_bytes(), provider.crypto()).unwrap();
        FINGERPRINT.check(&read).unwrap();
        let nominating = check("us:them", &password, &[ATTR_USE_CANDIDATE]);
        assert!(matches!(verdict(&nominating), Checked::Good { nominates: true, .. }));
    }

    #[test]
    fn who_does_not_is_refused_and_who_is_controlled_too_is_told() {
        assert!(matches!(verdict(&check("us:them", "wrong", &[])), Checked::Refused(_)));
        let mut controlled = Message::new();
        let text = TextAttribute::new(ATTR_USERNAME, "us:them".to_owned());
        let role = RawAttribute { typ: ATTR_ICE_CONTROLLED, length: 8, value: vec![0; 8] };
        controlled
            .build(&[
                Box::new(BINDING_REQUEST),
                Box::new(TransactionId::new()),
                Box::new(text),
                Box::new(role),
            ])
            .unwrap();
        let provider = crypto();
        MessageIntegrity::new_short_term_integrity_with_provider(
            ours().password,
            provider.crypto(),
        )
        .add_to(&mut controlled)
        .unwrap();
        FINGERPRINT.add_to(&mut controlled).unwrap();
        assert!(matches!(verdict(&controlled.raw), Checked::Refused(_)));
    }

    /// Bad-input table row 33.
    #[test]
    fn what_is_no_sound_check_names_nobody() {
        let good = check("us:them", &ours().password, &[]);
        for cut in 0..good.len() {
            assert_eq!(name(&good[..cut]), None, "{cut} bytes");
        }
        let mut no_integrity = Message::new();
        let text = TextAttribute::new(ATTR_USERNAME, "us:them".to_owned());
        no_integrity.build(&[Box::new(BINDING_REQUEST), Box::new(text)]).unwrap();
        assert_eq!(name(&no_integrity.raw), None);
        assert_eq!(name(&check(&"u".repeat(400), "p", &[])), None, "a huge name");
        let mut misaligned = good.clone();
        misaligned.push(0);
        misaligned[3] += 1;
        assert_eq!(name(&misaligned), None);
        for place in 0..good.len() {
            for bit in 0..8 {
                let mut spoilt = good.clone();
                spoilt[place] ^= 1 << bit;
                if name(&spoilt) == Some("us") {
                    let verdict = verdict(&spoilt);
                    assert!(!matches!(verdict, Checked::Good { .. }), "bit {bit} of byte {place}");
                }
            }
        }
    }
}
