//! TLS identities in files, a certificate and its key, and the authorities that others are proved by.
//!
//! Nothing is written here: where nobody gave the box an identity, [`certificate`](super::certificate) makes one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::time::UnixTime;

/// Where the identity is kept.
#[derive(Debug, Clone)]
pub struct Files {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Why there is no identity.
#[derive(Debug)]
pub enum NoIdentity {
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// A file is not PEM with what it should hold.
    Content(PathBuf),
    /// The key does not belong to the certificate, or is of a kind that TLS does not take.
    Mismatch(rustls::Error),
    /// No key could be made.
    Generate(rcgen::Error),
}

impl std::fmt::Display for NoIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoIdentity::File(path, error) => write!(f, "{}: {error}", path.display()),
            NoIdentity::Content(path) => {
                write!(f, "{}: no certificate or key in PEM form here", path.display())
            }
            NoIdentity::Mismatch(error) => {
                write!(f, "certificate and key do not work together: {error}")
            }
            NoIdentity::Generate(error) => {
                write!(f, "no self-signed certificate could be made: {error}")
            }
        }
    }
}

impl std::error::Error for NoIdentity {}

impl NoIdentity {
    /// The file that it is about, where it is about one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            NoIdentity::File(path, _) | NoIdentity::Content(path) => Some(path),
            NoIdentity::Mismatch(_) | NoIdentity::Generate(_) => None,
        }
    }
}

/// Where Linux distributions keep the certificates of public authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How we prove carriers' servers when we call them over TLS: by the system's authorities, and by a carrier's own. The
/// system's hundred and more are read when the first such connection is made, which most boxes never do: 3 ms of a start.
#[derive(Debug)]
pub struct Proving {
    own: rustls::RootCertStore,
    config: OnceLock<Option<Arc<rustls::ClientConfig>>>,
}

impl Proving {
    /// By the system's authorities and those in the file `own`.
    pub fn new(own: Option<&Path>) -> Result<Self, NoIdentity> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in own.map_or(Ok(Vec::new()), certificates)? {
            roots.add(certificate).map_err(NoIdentity::Mismatch)?;
        }
        Ok(Proving { own: roots, config: OnceLock::new() })
    }

    /// What a connection is made with. Nothing where there is no authority at all: then none is made.
    pub fn config(&self) -> Option<Arc<rustls::ClientConfig>> {
        self.config.get_or_init(|| config_of(with_system(self.own.clone()))).clone()
    }
}

/// The same at once, for whoever is about to connect.
pub fn client(own: Option<&Path>) -> Result<Option<Arc<rustls::ClientConfig>>, NoIdentity> {
    Ok(Proving::new(own)?.config())
}

fn with_system(mut roots: rustls::RootCertStore) -> rustls::RootCertStore {
    if let Ok(certificates) = CertificateDer::pem_file_iter(AUTHORITIES) {
        // A certificate that cannot be read proves nobody; the others do.
        roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    }
    roots
}

fn config_of(roots: rustls::RootCertStore) -> Option<Arc<rustls::ClientConfig>> {
    if roots.is_empty() {
        return None;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // The provider has the versions of TLS that rustls calls safe.
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(Arc::new(config))
}

/// Reads a file of authorities: when each of them ends, as far as that can be read.
///
/// # Errors
/// When it cannot be read, or one of them cannot be used.
pub fn authorities(path: &Path) -> Result<Vec<Option<UnixTime>>, NoIdentity> {
    let all = certificates(path)?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in &all {
        roots.add(certificate.clone()).map_err(NoIdentity::Mismatch)?;
    }
    Ok(all.iter().map(|certificate| not_after(certificate)).collect())
}

/// Reads the identity.
pub fn read(files: &Files) -> Result<Arc<ServerConfig>, NoIdentity> {
    let chain = certificates(&files.certificate)?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(NoIdentity::Mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(NoIdentity::Mismatch)?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NoIdentity> {
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, error))?;
    if all.is_empty() { Err(NoIdentity::Content(path.to_owned())) } else { Ok(all) }
}

fn unreadable(path: &Path, error: pem::Error) -> NoIdentity {
    match error {
        pem::Error::Io(error) => NoIdentity::File(path.to_owned(), error),
        _ => NoIdentity::Content(path.to_owned()),
    }
}

/// When the first certificate of a file ends; nothing if that cannot be read.
pub fn expires(path: &Path) -> Option<UnixTime> {
    let first = CertificateDer::pem_file_iter(path).ok()?.next()?.ok()?;
    not_after(&first)
}

/// The SHA-256 of a PEM file's first certificate, as browsers show it: pairs of capitals with colons.
pub fn print(path: &Path) -> Option<String> {
    let first = CertificateDer::pem_file_iter(path).ok()?.next()?.ok()?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &first);
    let pairs: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    Some(pairs.join(":"))
}

/// What a certificate says of itself.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// Who signed it, in DER.
    pub issuer: &'a [u8],
    /// Whose it is, in DER.
    pub subject: &'a [u8],
    /// From when it is good.
    pub begins: UnixTime,
    /// Until when it is good.
    pub ends: UnixTime,
}

/// RFC 5280 section 4.1: Certificate, TBSCertificate, and in it version, serial number, signature, issuer, validity, subject.
/// Only our own files are read so, and only to know names and dates.
pub(super) fn said(certificate: &[u8]) -> Option<Said<'_>> {
    let (_, certificate, _) = element(certificate)?;
    let (_, rest, _) = element(certificate)?;
    // The version may be left out, and is then that of 1988.
    let (tag, _, after) = element(rest)?;
    let rest = if tag == VERSION { after } else { rest };
    let (_, _, rest) = element(rest)?;
    let (_, _, rest) = element(rest)?;
    let (_, issuer, rest) = element(rest)?;
    let (_, validity, rest) = element(rest)?;
    let (_, subject, _) = element(rest)?;
    let (kind, begins, rest) = element(validity)?;
    let begins = time(kind, std::str::from_utf8(begins).ok()?)?;
    let (kind, ends, _) = element(rest)?;
    let ends = time(kind, std::str::from_utf8(ends).ok()?)?;
    Some(Said { issuer, subject, begins, ends })
}

/// When a certificate ends.
pub(super) fn not_after(certificate: &[u8]) -> Option<UnixTime> {
    Some(said(certificate)?.ends)
}

const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;

/// The first element: its tag, what is in it, and what comes after it (ITU-T X.690 section 8.1).
pub(super) fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..0x80 => (usize::from(short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            let length = digits.iter().try_fold(0usize, |length, digit| {
                length.checked_mul(256)?.checked_add(usize::from(*digit))
            })?;
            (length, rest)
        }
    };
    let (inner, after) = rest.split_at_checked(length)?;
    Some((*tag, inner, after))
}

/// `YYMMDDhhmmssZ`, which means 1950 to 2049, or `YYYYMMDDhhmmssZ` (RFC 5280 section 4.1.2.5).
fn time(kind: u8, text: &str) -> Option<UnixTime> {
    let digits = text.strip_suffix('Z')?;
    let digits = match (kind, digits.get(..2)?) {
        (UTC_TIME, century) if century < "50" => format!("20{digits}"),
        (UTC_TIME, _) => format!("19{digits}"),
        _ => digits.to_owned(),
    };
    let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &digits).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(UnixTime(at.timestamp().as_microsecond()))
}
