//! What strangers send besides sound in the clear: all that the ports for sound and the shared ones could take for a
//! browser's (RFC 7983).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rcgen::CertificateParams;
use rtc::crypto::{RTCCryptoProvider, SignatureScheme, default_provider};
use rtc::dtls::config::ConfigBuilder;
use rtc::dtls::endpoint::Endpoint;
use rtc::shared::TransportProtocol;
use rtc::stun::attributes::{ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;
use webrtc::peer_connection::{RTCCertificate, SrtpProtectionProfile};

use crate::legs::STRANGE;

/// Different ones of each kind.
const DIFFERENT: usize = 8;

/// What came back to strangers.
#[derive(Debug, Default, Clone, Copy)]
pub struct Got {
    /// RTP, SRTP, reports.
    pub sound: u64,
    /// Answers to checks.
    pub stun: u64,
    /// Anything else: DTLS.
    pub other: u64,
}

impl Got {
    /// Sorts one in (RFC 7983 section 7).
    pub fn note(&mut self, packet: &[u8]) {
        match packet.first() {
            Some(128..=191) => self.sound += 1,
            Some(0..=3) => self.stun += 1,
            _ => self.other += 1,
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        format!(
            "{} packets of sound, {} of DTLS or anything else, {} STUN answers sent to strangers",
            self.sound, self.other, self.stun
        )
    }
}

/// Packets of every kind, made before they are sent.
pub struct Packets {
    provider: Arc<dyn RTCCryptoProvider>,
    plain: Vec<Vec<u8>>,
    /// Checks that name legs that there are, by a password that is not theirs.
    named: Vec<Vec<u8>>,
    names: Vec<String>,
}

impl Packets {
    pub fn new() -> Packets {
        let provider = default_provider().expect("ring");
        let mut plain = Vec::new();
        for number in 0..DIFFERENT {
            plain.push(hello(&provider));
            plain.push(sealed(number as u32));
            plain.push(check(&provider, &format!("nobody{number}:x")));
            let mut spoilt = check(&provider, "spoilt:x");
            spoilt.truncate(20 + 4 * number);
            plain.push(spoilt);
            plain.extend(records(number as u8));
        }
        Packets { provider, plain, named: Vec::new(), names: Vec::new() }
    }

    /// These legs there are now.
    pub fn know(&mut self, names: &[String]) {
        if self.names != names {
            let check = |name: &String| check(&self.provider, &format!("{name}:x"));
            self.named = names.iter().map(check).collect();
            self.names = names.to_vec();
        }
    }

    /// One after another; every eighth is a check that names a leg.
    pub fn nth(&self, number: u64) -> &[u8] {
        let of = |list: &[Vec<u8>], at: u64| (at % list.len().max(1) as u64) as usize;
        match self.named.get(of(&self.named, number / 8)) {
            Some(named) if number.is_multiple_of(8) => named,
            _ => &self.plain[of(&self.plain, number)],
        }
    }
}

/// A hello as a browser sends it, with a certificate and keys of its own behind it.
fn hello(provider: &Arc<dyn RTCCryptoProvider>) -> Vec<u8> {
    let params = CertificateParams::new(vec!["stranger".to_owned()]).expect("a name");
    let scheme = SignatureScheme::EcdsaP256Sha256;
    let own = RTCCertificate::generate(provider.crypto(), scheme, params).expect("a certificate");
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider.clone())
        .with_certificates(vec![own.dtls_certificate.clone()])
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80])
        .with_insecure_skip_verify(true)
        .build(true, None)
        .expect("a configuration");
    let peer = SocketAddr::from(([192, 0, 2, 1], 9));
    let mut endpoint = Endpoint::new(peer, TransportProtocol::UDP, None);
    endpoint.connect(Instant::now(), peer, Arc::new(config), None).expect("it begins");
    endpoint.poll_transmit().expect("a hello").message.to_vec()
}

/// What looks like sealed sound, of some source.
fn sealed(source: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, source as u8, 0, 0, 0, 160];
    packet.extend(source.to_be_bytes());
    packet.extend([STRANGE; 170]);
    packet
}

/// A sound check of somebody who does not know the password.
fn check(provider: &Arc<dyn RTCCryptoProvider>, name: &str) -> Vec<u8> {
    let mut message = Message::new();
    let text = TextAttribute::new(ATTR_USERNAME, name.to_owned());
    let parts: [Box<dyn Setter>; 3] =
        [Box::new(BINDING_REQUEST), Box::new(TransactionId::new()), Box::new(text)];
    message.build(&parts).expect("a message");
    message.add(ATTR_PRIORITY, &[110, 0, 30, 255]);
    message.add(ATTR_USE_CANDIDATE, &[]);
    let guess = "a guess that is none".to_owned();
    let integrity =
        MessageIntegrity::new_short_term_integrity_with_provider(guess, provider.crypto());
    integrity.add_to(&mut message).expect("integrity");
    FINGERPRINT.add_to(&mut message).expect("a fingerprint");
    message.raw
}

/// Alerts that end associations, changes of keys and data, of the first epoch and of the next.
fn records(number: u8) -> Vec<Vec<u8>> {
    let record = |kind: u8, epoch: u8, body: [u8; 2]| {
        let mut packet = vec![kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, number, 0, 2];
        packet.extend(body);
        packet
    };
    vec![
        record(21, 0, [2, 40]),
        record(21, 0, [1, 0]),
        record(21, 1, [2, 40]),
        record(20, 0, [1, 1]),
        record(23, 1, [7, 7]),
        record(22, 0, [1, number]),
    ]
}
