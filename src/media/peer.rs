//! What is told of a leg in a browser: the secrets by which both sides know each other (RFC 8839, RFC 8842).
//!
//! Whoever carries the packets of such a leg opens and seals them; the plane sees plain RTP and only knows that nobody
//! is heard or sent to before that has begun.

use std::fmt;

/// The name and the password by which connectivity checks are told from strangers' (RFC 8445 section 7.2.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name fragment: 4 to 256 ice-chars.
    pub ufrag: String,
    /// The password: 22 to 256 ice-chars.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// What a certificate is hashed with (RFC 8122 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256, which every browser writes.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Who the other side is to prove to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash.
    pub hash: Hash,
    /// Its value over the certificate.
    pub value: Vec<u8>,
}

/// The other side of a leg in a browser, as its description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Far {
    /// How its checks are signed by us, were we to make any; the name is part of what its checks carry.
    pub credentials: Credentials,
    /// Any of these is its certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// Whether we open the DTLS association; else they do.
    pub we_connect: bool,
}

/// Why packets of such a leg do not flow, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nobody came, or nobody who knew the password.
    NoPath,
    /// The handshake failed, or took too long.
    Handshake,
    /// Whoever shook hands has another certificate than described.
    Stranger,
    /// The other side closed the association.
    Closed,
    /// The port cannot be had.
    NoPort,
}
