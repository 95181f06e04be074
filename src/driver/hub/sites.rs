//! Which sites are let in: by the certificates that they were given here, and by nothing else.
//!
//! One file for each site, and one for each token that was not used. A running hub and `branchline hub token`, `revoke` and
//! `sites` beside it work on the same files under one lock; the hub looks whether they have changed several times a second.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::driver::whole;
use crate::time::{UnixTime, rfc3339};
use crate::uplink::token::{Fingerprint, Secret, is_site};

/// Certificates of one site at a time: the one that it has, and the one that it is given before that ends.
const MOST_CERTIFICATES: usize = 4;
/// A folder that was changed within this span may be changed again without its date showing it.
const DATES_ARE_SURE_AFTER: Duration = Duration::from_secs(2);

/// One site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its name.
    pub site: String,
    /// Those that are let in.
    pub certificates: Vec<Given>,
    /// When it was shut out, unless it was enrolled anew since.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    pub revoked: Option<UnixTime>,
}

impl Site {
    /// Those that have ended go, and the oldest where there are too many; never the one that it came with.
    fn add(&mut self, given: Given, came_with: Option<&str>) {
        self.certificates.retain(|one| given.given < one.ends && one.sha256 != given.sha256);
        while self.certificates.len() >= MOST_CERTIFICATES {
            let other = |one: &Given| Some(&*one.sha256) != came_with;
            let Some(oldest) = self.certificates.iter().position(other) else { break };
            self.certificates.remove(oldest);
        }
        self.certificates.push(given);
    }
}

/// A certificate that was given to a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// When.
    #[serde(with = "rfc3339")]
    pub given: UnixTime,
    /// When it ends.
    #[serde(with = "rfc3339")]
    pub ends: UnixTime,
}

/// A token that was handed out.
#[derive(Debug, Serialize, Deserialize)]
struct Ticket {
    site: String,
    #[serde(with = "rfc3339")]
    ends: UnixTime,
    /// SHA-256 of the key that used it: that box may ask again when it did not hear the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_by: Option<String>,
}

/// All sites, as they were read.
pub type Known = Arc<BTreeMap<String, Site>>;

/// Who is let in by a certificate.
///
/// Nobody by one that was not given, was taken back or has ended.
pub fn who(known: &Known, certificate: Fingerprint, now: UnixTime) -> Option<(&Site, &Given)> {
    let print = certificate.to_string();
    known.values().find_map(|site| {
        let given = site.certificates.iter().find(|given| given.sha256 == print)?;
        (site.revoked.is_none() && now < given.ends).then_some((site, given))
    })
}

/// The files of a hub.
#[derive(Debug, Clone)]
pub struct Sites {
    folder: PathBuf,
}

impl Sites {
    /// Those in a hub's folder, which is made where it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(hub: &Path) -> io::Result<Sites> {
        for part in ["sites", "tokens"] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(hub.join(part))?;
        }
        Ok(Sites::of(hub))
    }

    /// Those in a hub's folder, which may be there or not.
    pub fn of(hub: &Path) -> Sites {
        Sites { folder: hub.to_owned() }
    }

    /// The hub's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Nobody else changes anything while this is held.
    ///
    /// # Errors
    /// When the file cannot be had.
    pub fn lock(&self) -> io::Result<Flock<File>> {
        let path = self.folder.join("sites.lock");
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
    }

    /// When the files were changed last; nothing when that is so near that they may be changed again.
    pub fn changed(&self) -> Option<SystemTime> {
        let at =
            fs::metadata(self.folder.join("sites")).and_then(|folder| folder.modified()).ok()?;
        let age = SystemTime::now().duration_since(at).unwrap_or_default();
        (age > DATES_ARE_SURE_AFTER).then_some(at)
    }

    /// All sites. One whose file cannot be read is as it was known `last`, and not let in where it was not known; the others
    /// are.
    ///
    /// # Errors
    /// When their folder cannot be read: that says nothing of any of them.
    pub fn read(&self, last: &Known) -> io::Result<Known> {
        let mut sites = BTreeMap::new();
        for file in fs::read_dir(self.folder.join("sites"))? {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let site = match fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?)) {
                Ok(site) => Some(site),
                // It went in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => {
                    tracing::error!(file = %path.display(), %error, "a site's file cannot be read");
                    last.get(name).cloned()
                }
            };
            sites.extend(site.map(|site: Site| (site.site.clone(), site)));
        }
        Ok(Arc::new(sites))
    }

    /// A token is handed out, which can be used until then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn hand_out(&self, site: &str, secret: Secret, ends: UnixTime) -> io::Result<()> {
        let ticket = Ticket { site: site.to_owned(), ends, used_by: None };
        whole::write(&self.ticket(secret), &serde_json::to_vec_pretty(&ticket)?, 0o600)
    }

    /// Whose a token is, which is used up by this for all keys but this one.
    ///
    /// # Errors
    /// When it is not known, has ended or was used, there is nothing in it; else when files cannot be read or written.
    pub fn use_up(
        &self,
        secret: Secret,
        key: Fingerprint,
        now: UnixTime,
    ) -> io::Result<Option<String>> {
        let _lock = self.lock()?;
        let path = self.ticket(secret);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let mut ticket: Ticket = serde_json::from_slice(&text)?;
        let key = key.to_string();
        let fits = now < ticket.ends && ticket.used_by.as_ref().is_none_or(|used| *used == key);
        if !fits {
            return Ok(None);
        }
        ticket.used_by = Some(key);
        whole::write(&path, &serde_json::to_vec_pretty(&ticket)?, 0o600)?;
        Ok(Some(ticket.site))
    }

    /// A site is let in by this certificate too, which a token was used up for. One that was shut out is let in by it
    /// alone. Answers whether the token still holds: whoever shuts a site out takes its tokens back.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn enrol(&self, secret: Secret, site: &str, given: Given) -> io::Result<bool> {
        let _lock = self.lock()?;
        if !self.ticket(secret).try_exists()? {
            return Ok(false);
        }
        self.change(site, |site| {
            if site.revoked.take().is_some() {
                site.certificates.clear();
            }
            site.add(given, None);
        })?;
        Ok(true)
    }

    /// A site is let in by this certificate too, because it is by the one that it came with. Answers whether that still
    /// holds.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn renew(&self, site: &str, came_with: &Given, given: Given) -> io::Result<bool> {
        let _lock = self.lock()?;
        let mut holds = false;
        self.change(site, |site| {
            let same = |one: &Given| one.sha256 == came_with.sha256;
            holds = site.revoked.is_none() && site.certificates.iter().any(same);
            if holds {
                site.add(given, Some(&came_with.sha256));
            }
        })?;
        Ok(holds)
    }

    /// A site has come with this certificate: older ones are of no use any more.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn uses(&self, site: &str, certificate: Fingerprint) -> io::Result<()> {
        let print = certificate.to_string();
        let _lock = self.lock()?;
        self.change(site, |site| {
            let given =
                site.certificates.iter().find(|one| one.sha256 == print).map(|one| one.given);
            if let Some(given) = given {
                site.certificates.retain(|one| one.given >= given);
            }
        })
    }

    /// A site is shut out, and the tokens that were handed out for it are worth nothing. Answers whether it was known.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn revoke(&self, site: &str, now: UnixTime) -> io::Result<bool> {
        if !is_site(site) || !self.file(site).exists() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        self.take_back_tokens(site)?;
        self.change(site, |site| {
            site.certificates.clear();
            site.revoked = Some(now);
        })?;
        Ok(true)
    }

    fn take_back_tokens(&self, site: &str) -> io::Result<()> {
        for file in fs::read_dir(self.folder.join("tokens"))? {
            let path = file?.path();
            // What cannot be read lets nobody in either.
            let ticket: Option<Ticket> =
                fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
            if ticket.is_some_and(|ticket| ticket.site == site) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Only while the lock is held.
    fn change(&self, name: &str, change: impl FnOnce(&mut Site)) -> io::Result<()> {
        let mut site = match fs::read(self.file(name)) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Site { site: name.to_owned(), certificates: Vec::new(), revoked: None }
            }
            Err(error) => return Err(error),
        };
        let before = site.clone();
        change(&mut site);
        if site == before {
            return Ok(());
        }
        whole::write(&self.file(name), &serde_json::to_vec_pretty(&site)?, 0o600)
    }

    fn file(&self, site: &str) -> PathBuf {
        self.folder.join("sites").join(format!("{site}.json"))
    }

    /// By a digest of its secret: whoever reads the hub's files cannot use it.
    fn ticket(&self, secret: Secret) -> PathBuf {
        let digest = ring::digest::digest(&ring::digest::SHA256, &secret.0);
        let name = digest.as_ref().try_into().map(Fingerprint).unwrap_or_default();
        self.folder.join("tokens").join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(sha256: &str) -> Given {
        Given {
            sha256: sha256.to_owned(),
            given: UnixTime(5_000_000),
            ends: UnixTime(1_000_000_000),
        }
    }

    #[test]
    fn who_is_shut_out_neither_renews_nor_comes_back_with_an_old_token() {
        let folder = std::env::temp_dir().join(format!("branchline-sites-{}", std::process::id()));
        let sites = Sites::open(&folder).unwrap();
        let (used, spare, key) = (Secret([1; 16]), Secret([2; 16]), Fingerprint([3; 32]));
        sites.hand_out("berne", used, UnixTime(1_000_000_000)).unwrap();
        sites.hand_out("berne", spare, UnixTime(1_000_000_000)).unwrap();
        assert_eq!(sites.use_up(used, key, UnixTime(5_000_000)).unwrap().as_deref(), Some("berne"));
        assert!(sites.enrol(used, "berne", given("a")).unwrap());
        assert!(sites.renew("berne", &given("a"), given("b")).unwrap());
        assert!(!sites.renew("berne", &given("of nobody"), given("c")).unwrap());

        assert!(sites.revoke("berne", UnixTime(7_000_000)).unwrap());
        assert!(!sites.renew("berne", &given("b"), given("d")).unwrap());
        assert_eq!(sites.use_up(used, key, UnixTime(8_000_000)).unwrap(), None);
        assert_eq!(sites.use_up(spare, key, UnixTime(8_000_000)).unwrap(), None);
        // It was using it up at that moment.
        assert!(!sites.enrol(used, "berne", given("e")).unwrap());
        let berne = sites.read(&Known::default()).unwrap()["berne"].clone();
        assert_eq!((berne.certificates, berne.revoked), (Vec::new(), Some(UnixTime(7_000_000))));

        // A new token is the office's word.
        sites.hand_out("berne", used, UnixTime(1_000_000_000)).unwrap();
        assert!(sites.enrol(used, "berne", given("f")).unwrap());
        assert_eq!(sites.read(&Known::default()).unwrap()["berne"].revoked, None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_read_once_says_nothing_of_any_site() {
        let folder = std::env::temp_dir().join(format!("branchline-known-{}", std::process::id()));
        let sites = Sites::open(&folder).unwrap();
        for (site, secret) in [("berne", Secret([1; 16])), ("basel", Secret([2; 16]))] {
            sites.hand_out(site, secret, UnixTime(1_000_000_000)).unwrap();
            assert!(sites.enrol(secret, site, given(site)).unwrap());
        }
        let known = sites.read(&Known::default()).unwrap();
        assert_eq!(known.len(), 2);
        // One file is damaged: its site is as it was, and the other one's file counts.
        fs::write(sites.file("berne"), b"{").unwrap();
        assert!(sites.revoke("basel", UnixTime(7_000_000)).unwrap());
        let then = sites.read(&known).unwrap();
        assert_eq!(then["berne"], known["berne"]);
        assert!(then["basel"].revoked.is_some());
        assert!(!sites.read(&Known::default()).unwrap().contains_key("berne"));
        // The folder is away, as where there are no descriptors left.
        fs::rename(folder.join("sites"), folder.join("away")).unwrap();
        assert!(sites.read(&known).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn however_often_it_renews_the_certificate_that_a_site_came_with_stays() {
        let folder = std::env::temp_dir().join(format!("branchline-renews-{}", std::process::id()));
        let sites = Sites::open(&folder).unwrap();
        sites.hand_out("berne", Secret([1; 16]), UnixTime(1_000_000_000)).unwrap();
        assert!(sites.enrol(Secret([1; 16]), "berne", given("own")).unwrap());
        for other in 0..10 {
            assert!(sites.renew("berne", &given("own"), given(&other.to_string())).unwrap());
        }
        let berne = sites.read(&Known::default()).unwrap()["berne"].clone();
        let prints: Vec<_> = berne.certificates.iter().map(|one| &*one.sha256).collect();
        assert_eq!(prints, ["own", "7", "8", "9"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
