//! What a box proves itself with: a key that it made and never gives away, and the hub's word that it is a site's.
//!
//! Three files and a name, in one folder; only their owner reads them.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::driver::line::proving::{self, Proof};
use crate::driver::tls::not_after;
use crate::driver::whole;
use crate::time::UnixTime;
use crate::uplink::frame::{Certificate, Request};

const KEY: &str = "key.pem";
const CERTIFICATE: &str = "cert.pem";
const AUTHORITY: &str = "ca.pem";
const SITE: &str = "site";

/// Why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKeys {
    /// The box was not enrolled.
    NotEnrolled,
    /// A file cannot be read or written.
    File(io::ErrorKind),
    /// What is in them does not go together.
    Content,
    /// It was enrolled as another site than its configuration says.
    OtherSite,
}

/// All of them.
#[derive(Debug)]
pub struct Keys {
    /// The site that the hub knows this box as.
    pub site: String,
    /// When the certificate ends.
    pub ends: Option<UnixTime>,
    /// What connections are made with.
    pub config: Arc<ClientConfig>,
    key: KeyPair,
}

impl Keys {
    /// Those in a folder, which must be `wanted`'s where that is said.
    ///
    /// # Errors
    /// When there are none, or they are of no use.
    pub fn read(folder: &Path, wanted: Option<&str>) -> Result<Keys, NoKeys> {
        let site = text(folder, SITE)?;
        if wanted.is_some_and(|wanted| wanted != site) {
            return Err(NoKeys::OtherSite);
        }
        let key = key(folder)?;
        let chain = certificates(&text(folder, CERTIFICATE)?)?;
        let authority = certificates(&text(folder, AUTHORITY)?)?;
        let ends = chain.first().and_then(|own| not_after(own));
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|_| NoKeys::Content)?;
        let proof = Proof { chain, key: private };
        let config = proving::site(&authority, proof).map_err(|_| NoKeys::Content)?;
        Ok(Keys { site, ends, config, key })
    }

    /// A request for another certificate for the same key.
    pub fn request(&self) -> Option<Request> {
        Some(Request { secret: None, request: request(&self.key).ok()? })
    }

    /// Keeps another certificate for the same key; it is used from the next connection on.
    ///
    /// # Errors
    /// When it is of no use, or cannot be written.
    pub fn renew(&mut self, folder: &Path, certificate: &Certificate) -> Result<(), NoKeys> {
        let chain = certificates(&certificate.certificate)?;
        let authority = certificates(&text(folder, AUTHORITY)?)?;
        let ends = chain.first().and_then(|own| not_after(own));
        let private =
            PrivateKeyDer::try_from(self.key.serialize_der()).map_err(|_| NoKeys::Content)?;
        let proof = Proof { chain, key: private };
        let config = proving::site(&authority, proof).map_err(|_| NoKeys::Content)?;
        write(folder, CERTIFICATE, &certificate.certificate)?;
        (self.config, self.ends) = (config, ends);
        Ok(())
    }
}

/// The key of a box that is being enrolled: the one that is there, or a new one, which is on the disk then.
///
/// # Errors
/// When it cannot be read or written.
pub fn make(folder: &Path) -> Result<KeyPair, NoKeys> {
    match key(folder) {
        Err(NoKeys::NotEnrolled) => {
            let key = KeyPair::generate().map_err(|_| NoKeys::Content)?;
            write(folder, KEY, &key.serialize_pem())?;
            Ok(key)
        }
        there => there,
    }
}

/// A request for a certificate. Which site it is for is the hub's to say.
///
/// # Errors
/// When the key does not sign.
pub fn request(key: &KeyPair) -> Result<String, NoKeys> {
    let request = CertificateParams::default().serialize_request(key);
    request.and_then(|request| request.pem()).map_err(|_| NoKeys::Content)
}

/// Keeps what the hub has given a new box.
///
/// # Errors
/// When it cannot be written.
pub fn keep(folder: &Path, given: &Certificate) -> Result<(), NoKeys> {
    write(folder, CERTIFICATE, &given.certificate)?;
    write(folder, AUTHORITY, &given.authority)?;
    write(folder, SITE, &given.site)
}

fn key(folder: &Path) -> Result<KeyPair, NoKeys> {
    KeyPair::from_pem(&text(folder, KEY)?).map_err(|_| NoKeys::Content)
}

fn text(folder: &Path, name: &str) -> Result<String, NoKeys> {
    fs::read_to_string(folder.join(name)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NoKeys::NotEnrolled,
        kind => NoKeys::File(kind),
    })
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), NoKeys> {
    whole::write(&folder.join(name), text.as_bytes(), 0o600)
        .map_err(|error| NoKeys::File(error.kind()))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, NoKeys> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    all.ok().filter(|all| !all.is_empty()).ok_or(NoKeys::Content)
}
