//! Sessions of people who have signed in: a random name in a cookie, and how long each lasts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::admin::access::hash_token;
use crate::random::Random;
use crate::time::{Now, UnixTime};

/// A session that nobody uses for so long is over: somebody has left the desk.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// And any after so long: a shift, and a bit.
pub const LONGEST: Duration = Duration::from_secs(12 * 3_600);
/// Sessions at a time; the one that was used longest ago ends for a new one.
const MOST: usize = 2_000;
/// Of one user: several browsers at several desks.
const MOST_OF_USER: usize = 20;
/// Random bytes of the cookie, and of the token beside it.
const BYTES: usize = 32;

/// Somebody who has signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// A name for it that is no secret.
    pub id: String,
    /// Who.
    pub user: String,
    /// When they signed in.
    pub since: UnixTime,
    /// What the cookie says. A secret; kept here only until the answer leaves.
    pub cookie: String,
    /// What a request that changes something has to carry besides. A secret.
    pub csrf: String,
    /// Whether they signed in at the provider.
    pub elsewhere: bool,
    /// What the provider calls its own session with them, if it says so.
    pub there: Option<String>,
    /// What the user's password and role were then.
    pub(super) stamp: String,
    opened: Instant,
    used: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({}, {})", self.id, self.user)
    }
}

impl Session {
    /// Whether that is what has to come with the cookie.
    pub fn is_own(&self, csrf: &str) -> bool {
        // How long comparing hashes takes tells nothing of what they are hashes of.
        hash_token(csrf) == hash_token(&self.csrf)
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= IDLE
            || now.saturating_duration_since(self.opened) >= LONGEST
    }
}

/// Everybody who has signed in, by the hash of their cookie: comparing it tells nobody how much of it was right.
#[derive(Debug, Default)]
pub struct Sessions(BTreeMap<String, Session>);

impl Sessions {
    /// A new one.
    pub fn open(&mut self, now: Now, user: &str, stamp: String, random: &mut Random) -> Session {
        self.0.retain(|_, session| !session.is_over(now.instant));
        let own = self.0.values().filter(|session| session.user == user).count();
        if own >= MOST_OF_USER {
            self.end_oldest(|session| session.user == user);
        } else if self.0.len() >= MOST {
            self.end_oldest(|_| true);
        }
        let cookie = random.hex(BYTES);
        let session = Session {
            id: random.hex(8),
            user: user.to_owned(),
            since: now.unix,
            csrf: random.hex(BYTES),
            elsewhere: false,
            there: None,
            stamp,
            opened: now.instant,
            used: now.instant,
            cookie: cookie.clone(),
        };
        let kept = Session { cookie: String::new(), ..session.clone() };
        self.0.insert(hash_token(&cookie), kept);
        session
    }

    /// The session of this name was opened by somebody who signed in at the provider.
    pub fn came_back(&mut self, id: &str, there: Option<String>) {
        if let Some(session) = self.0.values_mut().find(|session| session.id == id) {
            (session.elsewhere, session.there) = (true, there);
        }
    }

    fn end_oldest(&mut self, which: impl Fn(&Session) -> bool) {
        let own = self.0.iter().filter(|(_, session)| which(session));
        let oldest = own.min_by_key(|(_, session)| session.used).map(|(key, _)| key.clone());
        oldest.map(|key| self.0.remove(&key));
    }

    /// The session of a cookie, used at this moment.
    pub fn touch(&mut self, now: Instant, cookie: &str) -> Option<&Session> {
        let key = hash_token(cookie);
        if self.0.get(&key)?.is_over(now) {
            self.0.remove(&key);
            return None;
        }
        let session = self.0.get_mut(&key)?;
        session.used = now;
        Some(session)
    }

    /// Whether a session goes on; who reads along in it uses it.
    pub fn is_open(&self, now: Instant, id: &str) -> bool {
        self.get(id).is_some_and(|session| now.saturating_duration_since(session.opened) < LONGEST)
    }

    /// By its name.
    pub fn get(&self, id: &str) -> Option<&Session> {
        self.0.values().find(|session| session.id == id)
    }

    /// Ends one. Answers whether there was one.
    pub fn close(&mut self, id: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|_, session| session.id != id);
        self.0.len() < before
    }

    /// Ends those that are not to be kept.
    pub fn retain(&mut self, keep: impl Fn(&Session) -> bool) {
        self.0.retain(|_, session| keep(session));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.0.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
