//! How the sound of a leg was protected on its way: what a call's record says of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How packets were protected, by registered name (RFC 4568 section 6.2, RFC 7714 section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suite {
    /// AES in counter mode with a tag of 80 bits.
    #[serde(rename = "AES_CM_128_HMAC_SHA1_80")]
    AesCm80,
    /// The same with a tag of 32 bits.
    #[serde(rename = "AES_CM_128_HMAC_SHA1_32")]
    AesCm32,
    /// AES-GCM.
    #[serde(rename = "AEAD_AES_128_GCM")]
    AesGcm,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Suite::AesCm80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::AesGcm => "AEAD_AES_128_GCM",
        })
    }
}

/// Why sound was in the clear though protection was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyClear {
    /// The other side had none to offer.
    NotOffered,
    /// Its keys would have travelled where anybody may read them.
    Signalling,
    /// It was a call for help, and nothing better was to be had.
    Help,
}

/// How a leg's sound was protected, where protection was asked for or agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// SRTP with keys in the signalling.
    Srtp {
        /// How.
        suite: Suite,
    },
    /// SRTP with keys from a handshake beside the sound, as browsers have it (DTLS-SRTP, RFC 5764).
    Dtls,
    /// Not at all.
    Clear {
        /// Why not.
        why: WhyClear,
    },
}

impl Protection {
    /// Whether it was protected.
    pub fn is_protected(&self) -> bool {
        matches!(self, Protection::Srtp { .. } | Protection::Dtls)
    }
}

/// As a person reads it.
impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Protection::Srtp { suite } => write!(f, "encrypted: SRTP {suite}"),
            Protection::Dtls => f.write_str("encrypted: DTLS-SRTP"),
            Protection::Clear { why: WhyClear::NotOffered } => {
                f.write_str("not encrypted: the other side has no key")
            }
            Protection::Clear { why: WhyClear::Signalling } => {
                f.write_str("not encrypted: the signalling is not TLS")
            }
            Protection::Clear { why: WhyClear::Help } => {
                f.write_str("not encrypted: a call for help goes through as it can")
            }
        }
    }
}
