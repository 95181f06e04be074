//! The TLS identity in force, and its renewal: whoever renews certificates writes the files, and nobody has to be told.
//!
//! The files are looked at every few seconds. A pair that works is used for every connection that is opened from then on;
//! connections that are open go on with what they have. A pair that does not work leaves the old one in place, and the
//! status says why.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;

use crate::admin::{Lamp, Part};
use crate::driver::tls::{self, Files, NoIdentity};
use crate::time::UnixTime;

/// How often the files are looked at; two looks that show the same mean that nobody is still writing.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long before its end a certificate is warned of: tools renew thirty days before, so by then something is wrong.
const WARNING: Duration = Duration::from_secs(21 * 24 * 3_600);

/// What tells one content of a file from the next without reading it: modification time, inode, size.
type Mark = (i64, i64, u64, u64);

/// The identity; copies are the same one.
#[derive(Clone)]
pub struct Identity {
    files: Files,
    held: Arc<Mutex<Held>>,
}

struct Held {
    config: Arc<ServerConfig>,
    expires: Option<UnixTime>,
    /// The files as they were when they were last read.
    read: [Option<Mark>; 2],
    /// The files as they were at the last look.
    seen: [Option<Mark>; 2],
    /// Why what is in the files is not used.
    wrong: Option<String>,
    refused: u64,
}

impl Identity {
    /// Reads the identity.
    ///
    /// # Errors
    /// When the files are not there, or do not work together.
    pub fn open(files: Files) -> Result<Identity, NoIdentity> {
        // Taken before the files are read: a change after this is seen at the first look.
        let read = marks(&files);
        let config = tls::read(&files)?;
        let expires = tls::expires(&files.certificate);
        let held = Held { config, expires, read, seen: read, wrong: None, refused: 0 };
        Ok(Identity { files, held: Arc::new(Mutex::new(held)) })
    }

    /// What new connections are answered with.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.held().config.clone()
    }

    /// Looks at the files for as long as the program runs.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let own = self.clone();
            // A disk that hangs holds up this watch and nothing else.
            let _ = tokio::task::spawn_blocking(move || own.look()).await;
        }
    }

    /// One look. A change is taken up at the look after it, when it is whole.
    fn look(&self) {
        let marks = marks(&self.files);
        let settled = {
            let mut held = self.held();
            let before = std::mem::replace(&mut held.seen, marks);
            before == marks && held.read != marks
        };
        if settled {
            self.renew(marks);
        }
    }

    fn renew(&self, marks: [Option<Mark>; 2]) {
        let (read, expires) = (tls::read(&self.files), tls::expires(&self.files.certificate));
        let mut held = self.held();
        held.read = marks;
        match read {
            Ok(config) => {
                held.config = config;
                held.expires = expires;
                held.wrong = None;
                tracing::info!("a renewed TLS certificate is in use");
            }
            Err(error) => {
                held.refused += 1;
                tracing::error!(%error, "a renewed TLS certificate cannot be used; the old one stays");
                held.wrong = Some(error.to_string());
            }
        }
    }

    /// How it looks to an admin.
    pub fn part(&self, now: UnixTime) -> Part {
        let held = self.held();
        let left = held.expires.map(|expires| (expires.since(now), expires <= now));
        let until = match held.expires {
            Some(expires) => format!("good until {}", day(expires)),
            None => "in use; its end cannot be read".to_owned(),
        };
        let (lamp, words) = match (&held.wrong, left) {
            (_, Some((_, true))) => {
                (Lamp::Red, format!("{until}: phones refuse it; put a new one in its place"))
            }
            (Some(why), _) => {
                (Lamp::Amber, format!("the old one stays, {until}; the new one is not used: {why}"))
            }
            (None, Some((left, _))) if left < WARNING => {
                let days = left.as_secs() / (24 * 3_600);
                (Lamp::Amber, format!("{until}, {days} days from now: renew it"))
            }
            (None, _) => (Lamp::Green, until),
        };
        Part { name: "tls certificate".to_owned(), lamp, words }
    }

    /// How many renewed pairs could not be used so far.
    pub fn refused(&self) -> u64 {
        self.held().refused
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn marks(files: &Files) -> [Option<Mark>; 2] {
    [mark(&files.certificate), mark(&files.key)]
}

/// Links are followed: tools that renew put a new file behind an old name.
fn mark(path: &Path) -> Option<Mark> {
    let found = fs::metadata(path).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.ino(), found.size()))
}

/// The date, as in `2027-01-31`.
fn day(time: UnixTime) -> String {
    time.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A folder of the test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path =
                std::env::temp_dir().join(format!("branchline-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn files(&self) -> Files {
            Files { certificate: self.0.join("certificate.pem"), key: self.0.join("key.pem") }
        }

        /// Writes a new pair that ends in so many days.
        fn renew(&self, days: i64) {
            let now = jiff::Timestamp::now().as_second();
            let mut params = rcgen::CertificateParams::new(vec!["branch".to_owned()]).unwrap();
            let at = std::time::SystemTime::UNIX_EPOCH
                + Duration::from_secs((now + days * 86_400).unsigned_abs());
            params.not_after = at.into();
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            fs::write(self.files().certificate, certificate.pem()).unwrap();
            fs::write(self.files().key, key.serialize_pem()).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn now() -> UnixTime {
        UnixTime(jiff::Timestamp::now().as_microsecond())
    }

    #[test]
    fn a_renewed_pair_is_used_and_a_broken_one_is_not() {
        let folder = Folder::new("renewed");
        folder.renew(90);
        let identity = Identity::open(folder.files()).unwrap();
        let first = identity.current();
        identity.look();
        identity.look();
        assert!(Arc::ptr_eq(&first, &identity.current()), "nothing has changed");
        assert_eq!(identity.part(now()).lamp, Lamp::Green);

        folder.renew(90);
        identity.look();
        assert!(Arc::ptr_eq(&first, &identity.current()), "somebody may still be writing");
        identity.look();
        let second = identity.current();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!((identity.part(now()).lamp, identity.refused()), (Lamp::Green, 0));

        // The key of another pair, then no certificate at all.
        let other = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.files().key, other.serialize_pem()).unwrap();
        (0..3).for_each(|_| identity.look());
        fs::write(folder.files().certificate, "no certificate").unwrap();
        (0..3).for_each(|_| identity.look());
        assert!(Arc::ptr_eq(&second, &identity.current()));
        let part = identity.part(now());
        assert_eq!((part.lamp, identity.refused()), (Lamp::Amber, 2));
        assert!(part.words.contains("certificate.pem: no certificate"), "{}", part.words);

        folder.renew(90);
        (0..2).for_each(|_| identity.look());
        assert_eq!(identity.part(now()).lamp, Lamp::Green);
    }

    #[test]
    fn its_end_is_told_in_time() {
        let folder = Folder::new("ends");
        let lamp = |days| {
            folder.renew(days);
            let part = Identity::open(folder.files()).unwrap().part(now());
            (part.lamp, part.words)
        };
        assert_eq!(lamp(90).0, Lamp::Green);
        let (amber, words) = lamp(10);
        assert!(amber == Lamp::Amber && words.contains(" days from now: renew it"), "{words}");
        assert_eq!(lamp(-1).0, Lamp::Red);
    }
}
