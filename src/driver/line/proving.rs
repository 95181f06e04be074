//! Who is who on the line: TLS 1.3 with certificates of the hub's own authority, on both ends.
//!
//! The hub's certificate has no end that matters, because a box whose clock is dead has to reach it; what a site may do
//! ends with its certificate, which the hub reads by its own clock. A box that has none yet knows the authority by its
//! fingerprint, which its token has.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

use crate::uplink::frame;
use crate::uplink::token::{Fingerprint, PROTOCOL as ENROL};

/// What somebody is proved with: a chain, its own certificate first, and the key.
#[derive(Debug)]
pub struct Proof {
    /// The chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of its first.
    pub key: PrivateKeyDer<'static>,
}

/// What of a certificate is noted down: SHA-256 of it.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    // SHA-256 has 32 octets.
    Fingerprint(digest.as_ref().try_into().unwrap_or_default())
}

/// A box that has been enrolled.
///
/// # Errors
/// When the files do not go together.
pub fn site(
    authority: &[CertificateDer<'static>],
    proof: Proof,
) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in authority {
        roots.add(certificate.clone())?;
    }
    let mut config = ClientConfig::builder_with_provider(ring_provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(proof.chain, proof.key)?;
    config.alpn_protocols = vec![frame::ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// A box that is being enrolled, and knows the hub's authority by its fingerprint.
///
/// # Errors
/// When TLS has no versions.
pub fn newcomer(authority: Fingerprint) -> Result<Arc<ClientConfig>, Error> {
    let mut config = ClientConfig::builder_with_provider(ring_provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Known(authority)))
        .with_no_client_auth();
    config.alpn_protocols = vec![ENROL.to_vec()];
    Ok(Arc::new(config))
}

/// The hub: whoever has a certificate of its authority, and newcomers, who have none and may only be enrolled.
///
/// # Errors
/// When its certificate and key do not go together.
pub fn hub(authority: &CertificateDer<'static>, proof: Proof) -> Result<Arc<ServerConfig>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), ring_provider())
        .allow_unauthenticated()
        .build()
        .map_err(|_| Error::General("no authority".to_owned()))?;
    let mut config = ServerConfig::builder_with_provider(ring_provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(proof.chain, proof.key)?;
    config.alpn_protocols = vec![frame::ALPN.to_vec(), ENROL.to_vec()];
    // A session that is taken up again would prove itself by a certificate that may have been revoked or ended since.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn ring_provider() -> Arc<CryptoProvider> {
    Arc::new(provider::default_provider())
}

/// Proves a hub by the fingerprint of its authority, which stands last in what it shows.
#[derive(Debug)]
struct Known(Fingerprint);

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let authority = others.last().ok_or(unknown.clone())?;
        if fingerprint(authority) != self.0 {
            return Err(unknown);
        }
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), ring_provider())
            .build()
            .map_err(|_| unknown)?
            .verify_server_cert(own, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // TLS 1.3 alone is spoken.
        Err(Error::InvalidCertificate(CertificateError::BadSignature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let own = provider::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &own)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
