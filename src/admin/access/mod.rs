//! Who is let in through the API, and how far: passwords, sessions, tokens, lock-out, rates, repeated requests.
//!
//! Owns what is known of everybody who asks. Keeps no account itself: users and tokens are the journal's, and are handed
//! in whenever they change. Sessions are in memory alone: a restart signs everybody out. Nothing here can lock the
//! branch out of itself, because whoever may open the control socket makes users and passwords there.

pub mod events;
pub mod idempotency;
pub mod leaving;
pub mod lockout;
pub mod password;
pub mod provider;
pub mod rate;
pub mod sessions;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;
use std::time::Duration;

use ring::digest::{SHA256, digest};

use crate::id::AgentId;
use crate::journal::act::{Accounts, Role, Scope, Token, User, Who};
use crate::random::Random;
use crate::time::{Now, UnixTime};

use events::EventRates;
use idempotency::Repeats;
use leaving::Leaver;
use lockout::Lockout;
use rate::Rates;
use sessions::{Session, Sessions};

/// What every token begins with, so that one that was lost is recognised where it turns up.
pub const TOKEN_MARK: &str = "bl_";
/// Characters of a token that are no secret, its mark included.
pub const PREFIX: usize = 11;
/// Random bytes of a token: nobody tries 2 to the power of 256.
const TOKEN_BYTES: usize = 32;

/// Requests of one source in a second, and how many may come at once. A page that opens asks some twenty things.
const SOURCE_RATE: rate::Limit = rate::Limit { each_second: 50, burst: 200 };
/// Requests of one token in a second. A program that wants to know everything at once has the feed.
const TOKEN_RATE: rate::Limit = rate::Limit { each_second: 50, burst: 200 };

/// Sign-ins that failed which are written down, in the long run and at once: with two passwords looked at side by side a
/// crowd of sources could fill the disk with a gigabyte in a day.
const FAILURE_RATE: rate::Limit = rate::Limit { each_second: 1, burst: 100 };

/// By what those who come back from the provider are counted: no user can be called so.
const ELSEWHERE: &str = "*provider";

/// Who asks, once that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub who: Who,
    /// What they are to the box.
    pub role: Role,
    /// What a token is bound to; nothing for a person.
    pub scopes: Option<Vec<Scope>>,
    /// The agent that a person is.
    pub agent: Option<AgentId>,
    /// The session's number, of a person.
    pub session: Option<String>,
}

impl Principal {
    /// The agent whose own calls alone this one may act on. One with the role who is no agent may act on none.
    pub fn own(&self) -> Option<&AgentId> {
        static NOBODY: LazyLock<AgentId> = LazyLock::new(|| AgentId::from(""));
        (self.role == Role::Agent).then(|| self.agent.as_ref().unwrap_or(&NOBODY))
    }

    /// Whether the scope is theirs.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// They did not say who they are.
    Unknown,
    /// The token is none of ours, ended, or was revoked.
    Token,
    /// The session is none of ours, or over.
    Session,
    /// Name or password is wrong, or the user may not sign in. Which of them, nobody is told.
    Password,
    /// The request's CSRF token is not the session's.
    Forged,
    /// Too often; again after so long.
    TooOften(Duration),
}

/// Everything that is known of who asks.
#[derive(Debug)]
pub struct Access {
    accounts: Accounts,
    sessions: Sessions,
    lockout: Lockout,
    sources: Rates<IpAddr>,
    tokens: Rates<String>,
    failures: Rates<()>,
    /// Requests that carry a key of their own.
    pub repeats: Repeats,
    /// How often events are told of.
    pub events: EventRates,
    random: Random,
}

impl Access {
    /// With the accounts that there are.
    pub fn new(accounts: Accounts, random: Random) -> Access {
        Access {
            accounts,
            sessions: Sessions::default(),
            lockout: Lockout::default(),
            sources: Rates::new(SOURCE_RATE),
            tokens: Rates::new(TOKEN_RATE),
            failures: Rates::new(FAILURE_RATE),
            repeats: Repeats::default(),
            events: EventRates::default(),
            random,
        }
    }

    /// Users or tokens have changed: sessions of whoever may no longer sign in end at once.
    pub fn handle_accounts(&mut self, accounts: Accounts) {
        self.accounts = accounts;
        let users = &self.accounts.users;
        self.sessions.retain(|session| {
            let own = users.get(&session.user);
            own.is_some_and(|user| !user.disabled && stamp(user) == session.stamp)
        });
    }

    /// Whether a source may ask at all at this moment.
    pub fn admit(&mut self, now: Now, from: IpAddr) -> Result<(), Denied> {
        self.sources.take(now.instant, source(from)).map_err(Denied::TooOften)
    }

    /// Who shows this token.
    pub fn by_token(&mut self, now: Now, text: &str) -> Result<Principal, Denied> {
        let token = self.token(now.unix, text).ok_or(Denied::Token)?;
        let principal = Principal {
            who: Who::Token(token.prefix.clone()),
            role: token.role,
            scopes: Some(token.scopes.clone()),
            agent: None,
            session: None,
        };
        let prefix = token.prefix.clone();
        self.tokens.take(now.instant, prefix).map_err(Denied::TooOften)?;
        Ok(principal)
    }

    fn token(&self, now: UnixTime, text: &str) -> Option<&Token> {
        let token = self.accounts.tokens.get(text.get(..PREFIX)?)?;
        // How long comparing hashes takes tells nothing of what they are hashes of.
        let same = hash_token(text) == token.hash;
        let alive = token.expires.is_none_or(|end| now < end);
        (same && alive).then_some(token)
    }

    /// Who shows this session's cookie. Where something is to be changed, `csrf` is what the request carried beside it: a
    /// foreign page can make a browser send the cookie, and cannot know the other.
    pub fn by_session(
        &mut self,
        now: Now,
        cookie: &str,
        changes: bool,
        csrf: Option<&str>,
    ) -> Result<Principal, Denied> {
        let session = self.sessions.touch(now.instant, cookie).ok_or(Denied::Session)?;
        if changes && !session.is_own(csrf.unwrap_or_default()) {
            return Err(Denied::Forged);
        }
        let user = self.accounts.users.get(&session.user).ok_or(Denied::Session)?;
        Ok(principal(user, &session.id))
    }

    /// Somebody wants to sign in: the hash that the password has to match, or why they are not even asked. A name that
    /// nobody has gets a hash that no password matches, so that it takes as long as any other. It counts as a mistake from
    /// here on, until it turns out to be none: else a source could have as many guesses looked at side by side as it likes.
    pub fn begin_sign_in(&mut self, now: Now, name: &str, from: IpAddr) -> Result<String, Denied> {
        self.lockout.check(now.instant, name, source(from)).map_err(Denied::TooOften)?;
        self.lockout.failed(now.instant, name, source(from));
        let user = self.accounts.users.get(name).filter(|user| !user.disabled);
        let hash = user.and_then(|user| user.password.clone());
        Ok(hash.unwrap_or_else(|| password::NOBODY.to_owned()))
    }

    /// There was no time to look at the password: nothing can be learned from that, and nothing is counted.
    pub fn give_up_sign_in(&mut self, name: &str, from: IpAddr) {
        self.lockout.taken_back(name, source(from));
    }

    /// The password was looked at: a session, or the mark against the source stays.
    pub fn end_sign_in(
        &mut self,
        now: Now,
        name: &str,
        from: IpAddr,
        matched: bool,
    ) -> Result<(Principal, Session), Denied> {
        let user = self.accounts.users.get(name).filter(|user| matched && !user.disabled);
        let Some(user) = user.cloned() else {
            return Err(Denied::Password);
        };
        self.lockout.taken_back(name, source(from));
        self.lockout.succeeded(name, source(from));
        let session = self.sessions.open(now, name, stamp(&user), &mut self.random);
        Ok((principal(&user, &session.id), session))
    }

    /// A sign-in failed: whether that is written down, and of which user, if there is one of that name. What else somebody
    /// types there may be their password.
    pub fn note_failure(&mut self, now: Now, name: &str) -> Option<Option<String>> {
        self.failures.take(now.instant, ()).ok()?;
        Some(self.accounts.users.get(name).map(|user| user.name.clone()))
    }

    /// Somebody comes back from the provider: whether that is looked at now. Whoever guesses waits, as with passwords.
    pub fn begin_return(&self, now: Now, from: IpAddr) -> Result<(), Denied> {
        self.lockout.check(now.instant, ELSEWHERE, source(from)).map_err(Denied::TooOften)
    }

    /// It was nothing.
    pub fn failed_return(&mut self, now: Now, from: IpAddr) {
        self.lockout.failed(now.instant, ELSEWHERE, source(from));
    }

    /// The provider has said who it is: a session, where the user may sign in. `there` is what the provider calls its own
    /// session with them.
    pub fn end_return(
        &mut self,
        now: Now,
        name: &str,
        from: IpAddr,
        there: Option<String>,
    ) -> Result<(Principal, Session), Denied> {
        let user = self.accounts.users.get(name).filter(|user| !user.disabled);
        let user = user.cloned().ok_or(Denied::Password)?;
        self.lockout.succeeded(ELSEWHERE, source(from));
        let session = self.sessions.open(now, name, stamp(&user), &mut self.random);
        self.sessions.came_back(&session.id, there);
        Ok((principal(&user, &session.id), session))
    }

    /// The session that somebody is in.
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// Whether somebody who was let in still would be.
    pub fn is_still(&self, now: Now, who: &Principal) -> bool {
        match (&who.who, &who.session) {
            (_, Some(session)) => self.sessions.is_open(now.instant, session),
            (Who::Token(prefix), None) => {
                let token = self.accounts.tokens.get(prefix);
                token.is_some_and(|token| token.expires.is_none_or(|end| now.unix < end))
            }
            _ => false,
        }
    }

    /// Ends a session. Answers whether there was one.
    pub fn sign_out(&mut self, id: &str) -> bool {
        self.sessions.close(id)
    }

    /// Ends every session of a user. Answers how many there were.
    pub fn sign_out_user(&mut self, user: &str) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|session| session.user != user);
        before - self.sessions.len()
    }

    /// Somebody has signed out at the provider: ends the sessions that began there. Answers whose they were.
    pub fn sign_out_there(&mut self, issuer: &str, leaver: &Leaver) -> BTreeSet<String> {
        let users = &self.accounts.users;
        let subject = leaver.subject.as_ref().map(|subject| format!("{issuer} {subject}"));
        let leaves = |session: &Session| {
            let own = || users.get(&session.user).and_then(|user| user.subject.as_ref());
            session.elsewhere
                && subject.as_ref().is_none_or(|subject| own() == Some(subject))
                && leaver.session.as_ref().is_none_or(|id| session.there.as_ref() == Some(id))
        };
        let gone = self.sessions.iter().filter(|session| leaves(session));
        let gone = gone.map(|session| session.user.clone()).collect();
        self.sessions.retain(|session| !leaves(session));
        gone
    }

    /// Sessions, for whoever may see them.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// Random bytes for a salt.
    pub fn salt(&mut self) -> [u8; password::SALT] {
        let mut salt = [0; password::SALT];
        self.random.fill(&mut salt);
        salt
    }

    /// A token that nobody has: what is shown once, and what is kept of it.
    pub fn new_token(&mut self) -> (String, String, String) {
        new_token(&mut self.random)
    }
}

fn principal(user: &User, session: &str) -> Principal {
    Principal {
        who: Who::User(user.name.clone()),
        role: user.role,
        scopes: None,
        agent: user.agent.clone(),
        session: Some(session.to_owned()),
    }
}

/// Changes when a password, a role or the agent that somebody is does: sessions from before end, and with them feeds that
/// were let in as what the user was then.
fn stamp(user: &User) -> String {
    let agent = user.agent.as_ref().map_or("", AgentId::as_str);
    let password = user.password.as_deref().unwrap_or_default();
    let text = format!("{} {password} {agent}", user.role);
    hash_token(&text)
}

/// A token to be shown once, its prefix, its hash.
pub fn new_token(random: &mut Random) -> (String, String, String) {
    let text = format!("{TOKEN_MARK}{}", random.hex(TOKEN_BYTES));
    let prefix = text.get(..PREFIX).unwrap_or_default().to_owned();
    let hash = hash_token(&text);
    (text, prefix, hash)
}

/// What is kept of a token.
pub fn hash_token(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who is counted: an address, of IPv6 the network of 64 bits, in which anybody has as many addresses as he likes.
fn source(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(own) => Ipv6Addr::from_bits(own.to_bits() >> 64 << 64).into(),
        own => own,
    }
}

#[cfg(test)]
mod tests;
