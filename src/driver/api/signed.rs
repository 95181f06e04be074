//! Whether a token was signed by one of a provider's keys (RFC 7515, RFC 7517, RFC 7518). The only file that names
//! `jsonwebtoken`; the arithmetic is ring's, as everywhere in the box.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey, Validation, decode,
    decode_header, errors,
};
use ring::signature as own;
use serde::de::DeserializeOwned;

/// Characters of the longest token: somebody in hundreds of groups has some thousands.
const LONGEST: usize = 64 << 10;
/// What a provider may sign with: what only it could have made. A shared secret or nothing at all is no signature.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why a token is nobody's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproved {
    /// It is no token, or signed in a way that proves nothing.
    Malformed,
    /// None of the keys has signed it; the provider may have others by now.
    Key,
}

/// A provider's keys.
#[derive(Debug, Clone)]
pub struct Keys(JwkSet);

impl Keys {
    /// As the provider gives them. Keys of a kind that is not known here do no harm.
    pub fn read(json: &[u8]) -> Option<Keys> {
        serde_json::from_slice(json).ok().map(Keys)
    }

    /// What a token says, if one of the keys has signed it.
    ///
    /// # Errors
    /// When none has.
    pub fn prove<C: DeserializeOwned + Clone>(&self, token: &str) -> Result<C, Unproved> {
        install();
        if token.len() > LONGEST {
            return Err(Unproved::Malformed);
        }
        let header = decode_header(token).map_err(|_| Unproved::Malformed)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Unproved::Malformed);
        }
        let named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
        for key in self.0.keys.iter().filter(named).filter(|key| fits(key, header.alg)) {
            let Ok(key) = DecodingKey::from_jwk(key) else { continue };
            // Who it is about, for whom, and when is looked at where the clock is given.
            let mut validation = Validation::new(header.alg);
            validation.required_spec_claims.clear();
            validation.validate_exp = false;
            validation.validate_aud = false;
            match decode::<C>(token, &key, &validation) {
                Ok(token) => return Ok(token.claims),
                Err(error) if matches!(error.kind(), ErrorKind::Json(_)) => {
                    return Err(Unproved::Malformed);
                }
                Err(_) => {}
            }
        }
        Err(Unproved::Key)
    }
}

/// Whether a key is one for signatures of this kind (RFC 7517 sections 4.2 and 4.4).
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let signs =
        key.common.public_key_use.as_ref().is_none_or(|what| *what == PublicKeyUse::Signature);
    let own = key.common.key_algorithm.as_ref().map(ToString::to_string);
    let name = format!("{algorithm:?}");
    signs && own.is_none_or(|own| own == name)
}

/// Has `jsonwebtoken` reckon with ring. Once in a run of the program.
fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: no_signer,
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // There is no other in this program.
        let _ = PROVIDER.install_default();
    });
}

/// The box signs nothing this way.
fn no_signer(_: &Algorithm, _: &EncodingKey) -> errors::Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> errors::Result<Box<dyn JwtVerifier>> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let kind = match (key.family(), key.kind()) {
        (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            let how = match algorithm {
                Algorithm::RS256 => &own::RSA_PKCS1_2048_8192_SHA256,
                Algorithm::RS384 => &own::RSA_PKCS1_2048_8192_SHA384,
                Algorithm::RS512 => &own::RSA_PKCS1_2048_8192_SHA512,
                Algorithm::PS256 => &own::RSA_PSS_2048_8192_SHA256,
                Algorithm::PS384 => &own::RSA_PSS_2048_8192_SHA384,
                Algorithm::PS512 => &own::RSA_PSS_2048_8192_SHA512,
                _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
            };
            Kind::Rsa(how, own::RsaPublicKeyComponents { n: n.clone(), e: e.clone() })
        }
        (AlgorithmFamily::Ec | AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(bytes)) => {
            let how: &dyn own::VerificationAlgorithm = match algorithm {
                Algorithm::ES256 => &own::ECDSA_P256_SHA256_FIXED,
                Algorithm::ES384 => &own::ECDSA_P384_SHA384_FIXED,
                Algorithm::EdDSA => &own::ED25519,
                _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
            };
            Kind::Point(own::UnparsedPublicKey::new(how, bytes.clone()))
        }
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(Ring { algorithm: *algorithm, kind }))
}

/// A key as ring has it.
struct Ring {
    algorithm: Algorithm,
    kind: Kind,
}

enum Kind {
    Rsa(&'static own::RsaParameters, own::RsaPublicKeyComponents<Vec<u8>>),
    Point(own::UnparsedPublicKey<Vec<u8>>),
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], proof: &Vec<u8>) -> Result<(), signature::Error> {
        let done = match &self.kind {
            Kind::Rsa(how, key) => key.verify(how, message, proof),
            Kind::Point(key) => key.verify(message, proof),
        };
        done.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
