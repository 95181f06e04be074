//! One browser's association: its handshake, and the keys that come out of it (RFC 5763, RFC 5764).
//!
//! It is given only what came over a way that a check has proven, and says what is to be sent back. Whatever it is sent
//! by others than its peer ends nothing: alerts that nobody has signed are not even shown to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use ring::digest;
use rtc::crypto::RTCCryptoProvider;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error;
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP, SessionKeys};
use rtc::srtp::protection_profile::ProtectionProfile;
use webrtc::peer_connection::SrtpProtectionProfile;

use crate::media::Kind;
use crate::media::peer::{Far, Fingerprint, Hash, Lost};
use crate::media::srtp::{Keys, LONGEST_KEY, MasterKey, Protection, Refused, Suite};

/// How long a browser may take from the moment that it knows everything: people hang up after some ten seconds of
/// silence, and a path over a relay takes two.
const PATIENCE: Duration = Duration::from_secs(20);
/// Datagrams of one handshake that are looked at; a clean one has four, one over a bad radio link thirty.
const MOST_HANDSHAKE: u32 = 300;
/// Of each kind of record: alerts (RFC 5246 section 6.2.1).
const ALERT: u8 = 21;
/// The address that the core knows the peer by: there is one only, wherever it is.
const PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 65_535);

/// What came of a packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing.
    Nothing,
    /// The browser has shown who it is: keys are there.
    Up,
    /// It has not, or has closed the association.
    Lost(Lost),
}

/// One browser.
pub struct Link {
    dtls: Endpoint,
    /// The certificate that it was paired by: another one is another association.
    pub fingerprints: Vec<Fingerprint>,
    handshake: u32,
    /// By when it has to be up.
    due: Option<Instant>,
    protection: Option<Protection>,
}

impl Link {
    /// Waits for `far`, or goes to it.
    pub fn new(
        now: Instant,
        provider: &Arc<dyn RTCCryptoProvider>,
        certificate: &Certificate,
        far: &Far,
    ) -> Result<Link, Error> {
        let config = Arc::new(config(provider, certificate, far)?);
        let server = (!far.we_connect).then(|| config.clone());
        let mut dtls = Endpoint::new(PEER, TransportProtocol::UDP, server);
        if far.we_connect {
            dtls.connect(now, PEER, config, None)?;
        }
        Ok(Link {
            dtls,
            fingerprints: far.fingerprints.clone(),
            handshake: 0,
            due: Some(now + PATIENCE),
            protection: None,
        })
    }

    /// Takes a DTLS record over a proven way.
    pub fn handle_dtls(&mut self, now: Instant, bytes: &[u8]) -> Came {
        if is_plain_alert(bytes) {
            return Came::Nothing;
        }
        self.handshake += 1;
        if self.protection.is_none() && self.handshake > MOST_HANDSHAKE {
            return Came::Nothing;
        }
        let events = match self.dtls.read(now, PEER, None, BytesMut::from(bytes)) {
            Ok(events) => events,
            Err(Error::ErrNoMatchingCertificateFingerprint) => return self.lost(Lost::Stranger),
            // Garbage, or a record that is not its turn: the handshake goes on without it.
            Err(error) => {
                tracing::debug!(%error, "a DTLS record is of no use");
                return Came::Nothing;
            }
        };
        let mut came = Came::Nothing;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    came = if self.take_keys() { Came::Up } else { self.lost(Lost::Handshake) };
                }
                EndpointEvent::PeerClosed => came = self.lost(Lost::Closed),
                // Data channels are not offered.
                _ => {}
            }
        }
        came
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Came {
        if self.protection.is_none() && self.due.is_some_and(|due| due <= now) {
            let why = if self.handshake == 0 { Lost::NoPath } else { Lost::Handshake };
            return self.lost(why);
        }
        // An association that is not begun has no clock.
        let _ = self.dtls.handle_timeout(PEER, now);
        Came::Nothing
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        let again = self.dtls.poll_timeout(&PEER).filter(|_| self.protection.is_none());
        crate::time::earliest(self.due.filter(|_| self.protection.is_none()), again)
    }

    /// What is to be sent.
    pub fn poll_output(&mut self) -> Option<BytesMut> {
        self.dtls.poll_transmit().map(|transmit| transmit.message)
    }

    /// Says farewell.
    pub fn close(&mut self, now: Instant) {
        // There is nobody to tell if nobody came.
        let _ = self.dtls.close(now);
    }

    /// Opens a packet; nothing before there are keys.
    pub fn open(&mut self, kind: Kind, bytes: &[u8]) -> Option<Result<Vec<u8>, Refused>> {
        let protection = self.protection.as_mut()?;
        let mut clear = Vec::with_capacity(bytes.len());
        let opened = match kind {
            Kind::Rtp => protection.open_rtp(bytes, &mut clear),
            Kind::Rtcp => protection.open_rtcp(bytes, &mut clear),
        };
        Some(opened.map(|()| clear))
    }

    /// Seals a packet of ours; nothing before there are keys.
    pub fn seal(&mut self, kind: Kind, bytes: &[u8]) -> Option<Vec<u8>> {
        let protection = self.protection.as_mut()?;
        let mut packet = bytes.to_vec();
        let sealed = match kind {
            Kind::Rtp => protection.seal_rtp(&mut packet),
            Kind::Rtcp => protection.seal_rtcp(&mut packet),
        };
        sealed.then_some(packet)
    }

    /// Whether packets flow.
    pub fn is_up(&self) -> bool {
        self.protection.is_some()
    }

    fn lost(&mut self, why: Lost) -> Came {
        self.due = None;
        self.protection = None;
        Came::Lost(why)
    }

    /// The keys of RFC 5764 section 4.2.
    fn take_keys(&mut self) -> bool {
        let Some(state) = self.dtls.get_connection_state(PEER) else { return false };
        let Some((suite, profile)) = suite(state.srtp_protection_profile()) else { return false };
        let mut config = Config { profile, ..Config::default() };
        let length = config.keying_material_len();
        let Ok(material) = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)
        else {
            return false;
        };
        let split =
            config.set_session_keys_from_keying_material(material.as_ref(), state.is_client());
        if split.is_err() {
            return false;
        }
        self.protection = keys(suite, &config.keys).and_then(Protection::new);
        self.protection.is_some()
    }
}

/// The exported keys as the packet plane takes them: each master key with its salt behind.
fn keys(suite: Suite, exported: &SessionKeys) -> Option<Keys> {
    let key = |master: &[u8], salt: &[u8]| {
        let mut bytes = [0; LONGEST_KEY];
        let (first, second) = bytes.split_at_mut_checked(master.len())?;
        first.copy_from_slice(master);
        second.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(MasterKey::new(bytes))
    };
    let ours = key(&exported.local_master_key, &exported.local_master_salt)?;
    let theirs = key(&exported.remote_master_key, &exported.remote_master_salt)?;
    Some(Keys { suite, ours, theirs, resumed: false })
}

/// An alert that nobody has signed: of epoch 0 (RFC 6347 section 4.1.2.7 lets it be dropped). Anybody could have sent it.
fn is_plain_alert(bytes: &[u8]) -> bool {
    bytes.first() == Some(&ALERT) && bytes.get(3..5) == Some(&[0, 0])
}

fn config(
    provider: &Arc<dyn RTCCryptoProvider>,
    certificate: &Certificate,
    far: &Far,
) -> Result<HandshakeConfig, Error> {
    let expected = far.fingerprints.clone();
    let verify = move |shown: &[Vec<u8>], _: &[rustls::pki_types::CertificateDer<'static>]| {
        let shown = shown.first().ok_or(Error::ErrNonCertificate)?;
        let good = expected.iter().any(|one| hash(one.hash, shown) == one.value);
        if good { Ok(()) } else { Err(Error::ErrNoMatchingCertificateFingerprint) }
    };
    ConfigBuilder::default()
        .with_crypto_provider(provider.clone())
        .with_certificates(vec![certificate.clone()])
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ])
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // Certificates here are nobody's but their own: the fingerprint in the description is the proof (RFC 5763).
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(Arc::new(verify)))
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .build(far.we_connect, None)
}

/// A certificate's hash.
pub fn hash(hash: Hash, certificate: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, certificate).as_ref().to_vec()
}

fn suite(agreed: SrtpProtectionProfile) -> Option<(Suite, ProtectionProfile)> {
    match agreed {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => {
            Some((Suite::AesGcm, ProtectionProfile::AeadAes128Gcm))
        }
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
            Some((Suite::AesCm80, ProtectionProfile::Aes128CmHmacSha1_80))
        }
        _ => None,
    }
}
