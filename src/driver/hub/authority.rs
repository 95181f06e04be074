//! The hub's own authority: it is made at the first start, signs for this hub and its sites, and for nobody else.
//!
//! Its key stays in the hub's folder, readable by its owner only. Sites are known by the certificates that they were given
//! (`sites`), so that a signature alone lets nobody in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};

use crate::driver::line::SERVER_NAME;
use crate::driver::line::proving::{Proof, fingerprint};
use crate::driver::tls::element;
use crate::driver::whole;
use crate::time::UnixTime;
use crate::uplink::token::Fingerprint;

/// The authority's certificate, for whoever wants to see it.
const CERTIFICATE: &str = "ca.pem";
/// Its key.
const KEY: &str = "ca.key";
/// What it is called.
const NAME: &str = "Branchline hub";

/// Why there is no authority.
#[derive(Debug)]
pub enum NoAuthority {
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// A file is not what it should be.
    Content(PathBuf),
    /// Key and certificate do not go together.
    Make(rcgen::Error),
    /// Sites were let in by one whose certificate is gone.
    Gone(PathBuf),
}

impl std::fmt::Display for NoAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoAuthority::File(path, error) => write!(f, "{}: {error}", path.display()),
            NoAuthority::Content(path) => {
                write!(f, "{}: not a certificate or key in PEM form", path.display())
            }
            NoAuthority::Gone(path) => write!(
                f,
                "{} is gone, and the folder is that of a hub: with a new authority no site would be let in any more.\n  \
                 Bring {CERTIFICATE} and {KEY} back from a copy; or give an empty folder, and enrol every box anew.",
                path.display()
            ),
            NoAuthority::Make(error) => write!(f, "no certificate could be made: {error}"),
        }
    }
}

impl std::error::Error for NoAuthority {}

/// What is no request for a certificate: not PKCS#10, of another kind of key than P-256, or not signed by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARequest;

/// The authority.
#[derive(Debug)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// That of a hub's folder; made where there is none and nothing of a hub is there. Whoever calls it holds the folder's
    /// lock.
    ///
    /// # Errors
    /// When its files cannot be read or written, or are gone.
    pub fn open(folder: &Path) -> Result<Authority, NoAuthority> {
        let (path, key_path) = (folder.join(CERTIFICATE), folder.join(KEY));
        // The certificate is written last: without it the first start was not finished.
        let wrong = |error| NoAuthority::File(path.clone(), error);
        if !path.try_exists().map_err(wrong)? {
            if was_used(folder).map_err(wrong)? {
                return Err(NoAuthority::Gone(path));
            }
            make(folder)?;
        }
        let key = read(&key_path)?;
        let key = KeyPair::from_pem(&key).map_err(|_| NoAuthority::Content(key_path))?;
        let pem = read(&path)?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| NoAuthority::Content(path))?;
        Ok(Authority { certificate, pem, issuer: Issuer::new(own(), key) })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The same in PEM form.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What tokens know it by.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.certificate)
    }

    /// What QUIC's resets are made with: the same at each start, and at every hub of this authority.
    pub fn resets(&self) -> [u8; 32] {
        let key = self.issuer.key().serialize_der();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        let made = ring::hmac::sign(&key, b"resets of QUIC");
        // SHA-256 has 32 octets.
        made.as_ref().try_into().unwrap_or_default()
    }

    /// What a hub proves itself with. It is made anew at each start, and its key is nowhere else.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn hub(&self) -> Result<Proof, NoAuthority> {
        let key = KeyPair::generate().map_err(NoAuthority::Make)?;
        let mut wanted = named(SERVER_NAME);
        wanted.subject_alt_names = CertificateParams::new(vec![SERVER_NAME.to_owned()])
            .map_err(NoAuthority::Make)?
            .subject_alt_names;
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let made = wanted.signed_by(&key, &self.issuer).map_err(NoAuthority::Make)?;
        let chain = vec![made.der().clone(), self.certificate.clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|_| NoAuthority::Make(rcgen::Error::CouldNotParseKeyPair))?;
        Ok(Proof { chain, key })
    }

    /// A certificate for a site by its request, which lasts until then; in PEM form, and what it is known by. Of the
    /// request the key alone counts: what else it says of itself is not heeded.
    ///
    /// # Errors
    /// When it is no request.
    pub fn certify(
        &self,
        site: &str,
        request: &str,
        ends: UnixTime,
    ) -> Result<(String, Fingerprint), NotARequest> {
        let key = requested(request).ok_or(NotARequest)?;
        let mut wanted = named(site);
        wanted.not_after = date_time_ymd(1970, 1, 1)
            + Duration::from_secs(u64::try_from(ends.seconds()).unwrap_or_default());
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let made = wanted.signed_by(&key, &self.issuer).map_err(|_| NotARequest)?;
        Ok((made.pem(), fingerprint(made.der())))
    }
}

/// What of any request is noted down: SHA-256 of its key.
pub fn key_of(request: &str) -> Option<Fingerprint> {
    let digest = ring::digest::digest(&ring::digest::SHA256, &requested(request)?.0);
    digest.as_ref().try_into().ok().map(Fingerprint)
}

fn own() -> CertificateParams {
    let mut own = named(NAME);
    own.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    own
}

/// From the first day of all clocks: one that is dead begins there.
fn named(name: &str) -> CertificateParams {
    let mut named = CertificateParams::default();
    named.not_before = date_time_ymd(1970, 1, 1);
    named.distinguished_name = rcgen::DistinguishedName::new();
    named.distinguished_name.push(DnType::CommonName, name);
    named.use_authority_key_identifier_extension = true;
    named
}

/// What a hub puts into its folder once it has an authority: sites, tokens, what they sent, and what is looked up.
const OF_A_HUB: [&str; 4] = ["sites", "tokens", "stream", "lookup"];

/// Whether an authority was in use here: there is something in one of a hub's folders.
fn was_used(folder: &Path) -> io::Result<bool> {
    for part in OF_A_HUB {
        match fs::read_dir(folder.join(part)) {
            Ok(mut files) => {
                if files.next().is_some() {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn make(folder: &Path) -> Result<(), NoAuthority> {
    let key = KeyPair::generate().map_err(NoAuthority::Make)?;
    let made = own().self_signed(&key).map_err(NoAuthority::Make)?;
    write(&folder.join(KEY), key.serialize_pem().as_bytes(), 0o600)?;
    write(&folder.join(CERTIFICATE), made.pem().as_bytes(), 0o644)
}

fn read(path: &Path) -> Result<String, NoAuthority> {
    fs::read_to_string(path).map_err(|error| NoAuthority::File(path.to_owned(), error))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), NoAuthority> {
    whole::write(path, bytes, mode).map_err(|error| NoAuthority::File(path.to_owned(), error))
}

/// The public key of a request: a point on P-256.
struct Requested(Vec<u8>);

impl PublicKeyData for Requested {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// RFC 2986 section 4: CertificationRequest is CertificationRequestInfo (version, subject, subjectPKInfo, attributes), the
/// algorithm, and the signature over the first by the key in it.
fn requested(pem: &str) -> Option<Requested> {
    let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, request, _) = element(&der)?;
    let (_, wanted, rest) = element(request)?;
    let signed = request.get(..request.len() - rest.len())?;
    let (_, _, rest) = element(rest)?;
    let (_, signature, _) = element(rest)?;
    let (_, _, rest) = element(wanted)?;
    let (_, _, rest) = element(rest)?;
    let (_, key, _) = element(rest)?;
    let (_, _, rest) = element(key)?;
    let (_, key, _) = element(rest)?;
    // Bit strings begin with how many of their last bits do not count: none.
    let (key, signature) = (key.strip_prefix(&[0])?, signature.strip_prefix(&[0])?);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(signed, signature).ok()?;
    Some(Requested(key.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> String {
        let key = KeyPair::generate().unwrap();
        CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap()
    }

    #[test]
    fn a_request_that_its_key_has_signed_gets_a_certificate_and_no_other() {
        let folder = std::env::temp_dir().join(format!("branchline-ca-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let authority = Authority::open(&folder).unwrap();
        let ends = UnixTime(4_000_000_000_000_000);
        let (pem, print) = authority.certify("berne", &request(), ends).unwrap();
        let made = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert_eq!(fingerprint(&made), print);
        assert_eq!(crate::driver::tls::not_after(&made), Some(ends));
        // The authority is the same after a new start.
        let again = Authority::open(&folder).unwrap();
        assert_eq!(again.fingerprint(), authority.fingerprint());

        let good = CertificateSigningRequestDer::from_pem_slice(request().as_bytes()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.to_vec();
            bad[at] ^= 1;
            let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &bad);
            let pem = format!(
                "-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"
            );
            if let Some(key) = requested(&pem) {
                // Octets that nobody signs for say only how long something is or what kind.
                assert!(good.windows(65).any(|part| part == key.0), "octet {at}");
            }
        }
        assert_eq!(authority.certify("berne", "", ends), Err(NotARequest));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_authority_that_is_gone_is_not_replaced_in_silence() {
        let folder = std::env::temp_dir().join(format!("branchline-gone-{}", std::process::id()));
        fs::create_dir_all(folder.join("sites")).unwrap();
        let print = Authority::open(&folder).unwrap().fingerprint();
        // The first start was cut short before the certificate was written: no site can have been let in.
        fs::remove_file(folder.join(CERTIFICATE)).unwrap();
        assert_ne!(Authority::open(&folder).unwrap().fingerprint(), print);
        let print = Authority::open(&folder).unwrap().fingerprint();
        fs::write(folder.join("sites").join("berne.json"), "{}").unwrap();
        for gone in [&[CERTIFICATE][..], &[CERTIFICATE, KEY]] {
            let kept = gone.iter().map(|name| fs::read(folder.join(name)).unwrap());
            let kept: Vec<_> = kept.collect();
            gone.iter().for_each(|name| fs::remove_file(folder.join(name)).unwrap());
            let refused = Authority::open(&folder).unwrap_err();
            assert!(matches!(refused, NoAuthority::Gone(_)), "{refused}");
            assert!(refused.to_string().contains("from a copy"), "{refused}");
            assert!(!folder.join(CERTIFICATE).exists());
            gone.iter()
                .zip(kept)
                .for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
        }
        assert_eq!(Authority::open(&folder).unwrap().fingerprint(), print);
        fs::remove_dir_all(&folder).unwrap();
    }
}
