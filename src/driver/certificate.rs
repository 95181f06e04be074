//! The certificate that the box makes for itself, as long as nobody puts a proper one in its place: whom it names, how long it
//! lasts, and when it is made anew. The hub's page has one too.
//!
//! Phones in a branch seldom share a certificate authority with the box, so it is self-signed. Its key stays on the box,
//! readable by its owner only. It is made anew with the key that it has, so that whoever knows the box by its key goes on.
//! One that others gave is never touched: whoever renews it writes its files, and [`identity`](super::identity) takes them up.
//! Nothing is done here by itself: on a box a timer calls `branchline certificate renew`, and a hub looks once a day.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;

use super::tls::{self, Files, NoIdentity};
use super::whole;
use crate::config::Settings;
use crate::time::UnixTime;

/// How long it lasts. Apple's systems take none that lasts longer than 825 days, whoever signed it.
const LASTS: Duration = days(800);
/// How long before its end it is made anew: well before `status` begins to warn.
const BEFORE: Duration = days(60);
/// From when it is good: other machines' clocks are not this one's.
const EARLIER: Duration = days(1);
/// The program is not older than this; a clock that shows less is wrong (2026-01-01).
const NOT_BEFORE: UnixTime = UnixTime(1_767_225_600_000_000);
/// What it is called.
const NAME: &str = "Branchline";
/// Tags of DER (ITU-T X.680 section 8.6), and the identifier 2.5.4.3.
const IDENTIFIER: u8 = 0x06;
const UTF8: u8 = 0x0C;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
/// What versions before this one called it.
const BEFORE_THAT: &str = "rcgen self signed cert";

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// The box's certificate and the names that it should have.
#[derive(Debug, Clone)]
pub struct Certificate {
    files: Files,
    names: Vec<String>,
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Others gave it, and others renew it.
    NotOurs,
    /// It names the box, and lasts.
    Nothing,
    /// It does not name what the box is called or reached by now.
    Lacks(String),
    /// It ends within two months, has ended, or begins later than now: a clock was wrong when it was made.
    Dates,
}

impl Certificate {
    /// That of a configuration on this machine.
    pub fn of(settings: &Settings) -> Certificate {
        let (sip, own) = (&settings.sip, settings.site.data_dir.join("tls"));
        let certificate = sip.certificate.clone().unwrap_or_else(|| own.join("certificate.pem"));
        let key = sip.private_key.clone().unwrap_or_else(|| own.join("key.pem"));
        Certificate::new(Files { certificate, key }, names(settings))
    }

    /// One in these files. What no certificate can name is left out of the names: it is no reason to have none.
    pub fn new(files: Files, mut names: Vec<String>) -> Certificate {
        names.retain(|name| name.is_ascii() && ServerName::try_from(name.as_str()).is_ok());
        // `gw.example.` is gw.example, which is what stands in certificates.
        names.iter_mut().for_each(|name| name.truncate(name.trim_end_matches('.').len()));
        names.sort();
        names.dedup();
        Certificate { files, names }
    }

    /// Where it is.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Makes one where there is none, with a key where there is none of those either: a start that was cut off between the two
    /// goes on.
    ///
    /// # Errors
    /// When they cannot be written, or what is there as the key is none.
    pub fn begin(&self, now: UnixTime) -> Result<(), NoIdentity> {
        // An empty file is what a cut of power left of one.
        let there = |path: &Path| fs::metadata(path).is_ok_and(|file| file.len() > 0);
        match (there(&self.files.certificate), there(&self.files.key)) {
            (true, true) => return Ok(()),
            (false, true) => return self.renew(now),
            // Whoever gave it is told that its key is missing.
            (true, false) if matches!(self.due(now), Ok(Due::NotOurs) | Err(_)) => return Ok(()),
            (_, false) => {}
        }
        let key = KeyPair::generate().map_err(NoIdentity::Generate)?;
        write(&self.files.key, &key.serialize_pem(), 0o600)?;
        self.sign(&key, now)
    }

    /// What is to be done about it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn due(&self, now: UnixTime) -> Result<Due, NoIdentity> {
        let path = &self.files.certificate;
        let wrong = |error| NoIdentity::File(path.clone(), error);
        let text = fs::read(path).map_err(wrong)?;
        let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let all = all.map_err(|_| NoIdentity::Content(path.clone()))?;
        let [own] = all.as_slice() else { return Ok(Due::NotOurs) };
        let Some(said) = tls::said(own) else { return Err(NoIdentity::Content(path.clone())) };
        let ours = [NAME, BEFORE_THAT].map(common_name);
        if said.issuer != said.subject || !ours.iter().any(|name| name == said.subject) {
            return Ok(Due::NotOurs);
        }
        // A clock that is wrong now is no reason: it would be due again when that is put right.
        let known = now >= NOT_BEFORE;
        let late = said.begins > now || said.ends.since(now) < BEFORE;
        // What versions before this one made lasts until browsers are gone.
        if (known && late) || said.ends.since(said.begins) > LASTS {
            return Ok(Due::Dates);
        }
        let lacks = self.names.iter().find(|name| !is_named(own, name));
        Ok(lacks.map_or(Due::Nothing, |name| Due::Lacks(name.clone())))
    }

    /// Makes it anew with the key that it has. The program takes it up within seconds, and no connection ends.
    ///
    /// # Errors
    /// When the key cannot be read, or the file not be written.
    pub fn renew(&self, now: UnixTime) -> Result<(), NoIdentity> {
        let path = &self.files.key;
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| NoIdentity::File(path.clone(), error))?;
        let key = KeyPair::from_pem(&text).map_err(|_| NoIdentity::Content(path.clone()))?;
        self.sign(&key, now)
    }

    /// Makes it anew where that is due. Answers what was.
    ///
    /// # Errors
    /// As [`due`](Self::due) and [`renew`](Self::renew).
    pub fn renew_where_due(&self, now: UnixTime) -> Result<Due, NoIdentity> {
        let due = self.due(now)?;
        if matches!(due, Due::Lacks(_) | Due::Dates) {
            self.renew(now)?;
        }
        Ok(due)
    }

    fn sign(&self, key: &KeyPair, now: UnixTime) -> Result<(), NoIdentity> {
        let from = now.max(NOT_BEFORE).seconds() - seconds(EARLIER);
        let at = |second: i64| {
            date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(second).unwrap_or(0))
        };
        let mut wanted =
            CertificateParams::new(self.names.clone()).map_err(NoIdentity::Generate)?;
        (wanted.not_before, wanted.not_after) = (at(from), at(from + seconds(LASTS)));
        wanted.distinguished_name = DistinguishedName::new();
        wanted.distinguished_name.push(DnType::CommonName, NAME);
        wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let made = wanted.self_signed(key).map_err(NoIdentity::Generate)?;
        write(&self.files.certificate, &made.pem(), 0o644)
    }
}

/// What the box is called and reached by: what it is told to listen at, the host that phones fetch their settings from, its
/// name in the network, and its addresses in private networks. Others change from one day to the next, and with them
/// would the certificate.
fn names(settings: &Settings) -> Vec<String> {
    let web = settings.http.listen.iter().chain(&settings.api.listen);
    let told = settings.sip.tls.iter().chain(web).map(|at| at.ip());
    let private = |ip: &IpAddr| matches!(ip, IpAddr::V4(ip) if ip.is_private());
    let own = super::own_addresses().into_iter().filter(private);
    let mut names = vec!["branchline".to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    names.extend(told.filter(|ip| !ip.is_unspecified()).chain(own).map(|ip| ip.to_string()));
    names.extend(settings.provisioning.host().map(str::to_owned));
    names.extend(nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()));
    names
}

/// What is within the element of a name that has this and nothing else, in DER (RFC 5280 section 4.1.2.4): a set of one pair,
/// which is the common name's identifier and a text. For names of up to 100 octets.
fn common_name(name: &str) -> Vec<u8> {
    let element = |tag: u8, inner: &[u8]| {
        let length = u8::try_from(inner.len()).unwrap_or(0x7F);
        [&[tag, length], inner].concat()
    };
    let pair = [element(IDENTIFIER, &COMMON_NAME), element(UTF8, name.as_bytes())].concat();
    element(SET, &element(SEQUENCE, &pair))
}

fn is_named(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let (Ok(parsed), Ok(name)) =
        (ParsedCertificate::try_from(certificate), ServerName::try_from(name))
    else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), NoIdentity> {
    let written: io::Result<()> = whole::write(path, text.as_bytes(), mode);
    written.map_err(|error| NoIdentity::File(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000_000_000);

    /// A certificate in a folder of the test's own, which goes with it.
    struct Own(Certificate, PathBuf);

    impl Own {
        fn new(name: &str, names: &[&str]) -> Own {
            let folder = std::env::temp_dir().join(format!("own-{name}-{}", std::process::id()));
            let files =
                Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Own(Certificate::new(files, names), folder)
        }

        fn also(&mut self, name: &str) {
            self.0.names.push(name.to_owned());
        }

        fn due(&self, now: UnixTime) -> Due {
            self.0.due(now).expect("it can be read")
        }

        fn der(&self) -> CertificateDer<'static> {
            CertificateDer::from_pem_file(&self.0.files.certificate).expect("a certificate")
        }
    }

    impl Drop for Own {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.1);
        }
    }

    fn later(count: u64) -> UnixTime {
        UnixTime(NOW.0 + seconds(days(count)) * 1_000_000)
    }

    #[test]
    fn it_names_the_box_lasts_no_longer_than_browsers_take_and_is_good_at_once() {
        let own = Own::new("names", &["branchline", "192.168.1.20", "gw.example."]);
        own.0.begin(NOW).expect("made");
        assert_eq!(own.due(NOW), Due::Nothing);
        let der = own.der();
        let said = tls::said(&der).expect("read");
        assert!(said.begins < NOW && said.ends.since(said.begins) <= days(825));
        assert!(is_named(&der, "192.168.1.20") && !is_named(&der, "192.168.1.21"));
        tls::read(&own.0.files).expect("it works with its key");
        let before = der.to_vec();
        own.0.begin(later(1)).expect("there is one");
        assert_eq!(own.der().to_vec(), before);
        // The power went between the key and its certificate.
        let key = fs::read(&own.0.files.key).expect("a key");
        fs::remove_file(&own.0.files.certificate).expect("there");
        own.0.begin(later(1)).expect("made for the key that is there");
        tls::read(&own.0.files).expect("they work together");
        assert_eq!(fs::read(&own.0.files.key).expect("a key"), key);
        fs::write(&own.0.files.key, "").expect("written");
        own.0.begin(later(1)).expect("made anew, both");
        tls::read(&own.0.files).expect("they work together");
    }

    #[test]
    fn it_is_made_anew_with_its_key_for_a_new_address_and_before_its_end() {
        let mut own = Own::new("anew", &["branchline"]);
        own.0.begin(NOW).expect("made");
        let key = fs::read(&own.0.files.key).expect("a key");
        own.also("10.1.2.3");
        assert_eq!(own.due(NOW), Due::Lacks("10.1.2.3".to_owned()));
        own.0.renew_where_due(NOW).expect("made anew");
        assert_eq!(own.due(NOW), Due::Nothing);
        assert_eq!(own.due(later(738)), Due::Nothing);
        assert_eq!(own.due(later(740)), Due::Dates);
        own.0.renew(later(740)).expect("made anew");
        assert_eq!(own.due(later(740)), Due::Nothing);
        assert_eq!(fs::read(&own.0.files.key).expect("a key"), key);
        tls::read(&own.0.files).expect("they work together");
    }

    #[test]
    fn a_clock_that_was_wrong_when_it_was_made_is_no_harm() {
        let own = Own::new("clock", &["branchline"]);
        own.0.begin(UnixTime(0)).expect("made in 1970");
        assert_eq!(own.due(UnixTime(0)), Due::Nothing);
        assert_eq!(own.due(NOT_BEFORE), Due::Nothing);
        // Nor is one that is wrong years after a good one was made.
        own.0.renew(NOW).expect("made");
        assert_eq!(own.due(UnixTime(0)), Due::Nothing);
        // A year ahead, and put right.
        own.0.renew(later(365)).expect("made");
        assert_eq!(own.due(NOW), Due::Dates);
    }

    #[test]
    fn what_others_gave_is_left_alone_and_what_earlier_versions_made_is_not() {
        let own = Own::new("others", &["branchline", "10.1.2.3"]);
        own.0.begin(NOW).expect("made");
        let key = fs::read_to_string(&own.0.files.key).expect("a key");
        let key = KeyPair::from_pem(&key).expect("a key");
        let put = |params: &CertificateParams| {
            let made = params.self_signed(&key).expect("made").pem();
            fs::write(&own.0.files.certificate, &made).expect("written");
            made
        };
        // As rcgen makes them when it is told no more than names.
        let mut params = CertificateParams::new(vec!["branchline".to_owned()]).expect("names");
        let made = put(&params);
        assert_eq!(own.due(NOW), Due::Dates, "it lasts for ever");
        fs::write(&own.0.files.certificate, made.repeat(2)).expect("written");
        assert_eq!(own.due(NOW), Due::NotOurs, "a chain");
        for name in ["gateway.branch.example", "Hill Street Branchline"] {
            params.distinguished_name.push(DnType::CommonName, name);
            let made = put(&params);
            assert_eq!(own.0.renew_where_due(NOW).expect("read"), Due::NotOurs, "an admin's own");
            let there = fs::read_to_string(&own.0.files.certificate).expect("there");
            assert_eq!(there, made);
        }
        fs::write(&own.0.files.certificate, "nonsense").expect("written");
        assert_eq!(own.due(NOW), Due::NotOurs, "the box says so itself");
    }
}
