//! HTTP digest for SIP (RFC 3261 section 22, RFC 7616, RFC 8760): challenges that we give, and answers to theirs.
//!
//! The server side ([`Digest`]) keeps no state for a challenge until it is answered rightly: a nonce is a time with a
//! keyed hash over it. Knows nothing of users beyond their secrets, and nothing of who may do what.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use md5::{Digest as _, Md5};
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::random::Random;
use crate::sip::message::{Method, is_token};
use crate::sip::uri::{Uri, quote, unquote};
use crate::time::{Now, UnixTime};

/// How long a nonce may be used. Phones keep one between refreshes; stale=true lets them go on without asking a person.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// Nonces whose counts are remembered. Each is 30 bytes; when there are more, the oldest become stale.
const MAX_NONCES: usize = 20_000;
/// How far behind the highest count a request may come: datagrams overtake each other.
const COUNT_WINDOW: u32 = 32;

/// A hash that both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// What every phone has.
    Md5,
    /// RFC 8760; preferred.
    Sha256,
}

impl Algorithm {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Algorithm::Md5, Algorithm::Sha256]
            .into_iter()
            .find(|a| a.as_str().eq_ignore_ascii_case(text))
    }

    fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text.as_bytes())),
            Algorithm::Sha256 => hex(digest(&SHA256, text.as_bytes()).as_ref()),
        }
    }
}

/// Lower-case hexadecimal digits: each registration needs some two hundred.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or('0');
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text
}

/// A password. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A password in clear.
    pub fn plain(password: &str) -> Self {
        Secret(password.to_owned())
    }

    /// The password in clear: for the phone that it belongs to, and for nobody else.
    pub fn clear(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An account of ours at somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its name.
    pub username: String,
    /// Its password.
    pub secret: Secret,
    /// Only this realm is answered; any when absent.
    pub realm: Option<String>,
}

/// The answer to the strongest challenge that we can answer; nothing if there is none, or the realm is not ours.
pub fn answer(
    challenges: &[&str],
    credentials: &Credentials,
    method: &Method,
    uri: &str,
    count: u32,
    cnonce: &str,
) -> Option<String> {
    let (algorithm, fields) = best(challenges, credentials)?;
    let (realm, nonce) = (fields.get("realm")?, fields.get("nonce")?);
    let auth =
        fields.get("qop").map(|qop| qop.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")));
    if auth == Some(false) {
        return None;
    }
    let count = format!("{count:08x}");
    let qop = auth.map(|_| ("auth", count.as_str(), cnonce));
    let ha1 = algorithm.hash(&format!("{}:{realm}:{}", credentials.username, credentials.secret.0));
    let response = respond(algorithm, &ha1, nonce, qop, method, uri);
    let mut text = format!(
        "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{response}\", algorithm={}",
        quote(&credentials.username),
        quote(realm),
        quote(nonce),
        algorithm.as_str()
    );
    if qop.is_some() {
        text += &format!(", qop=auth, nc={count}, cnonce=\"{cnonce}\"");
    }
    if let Some(opaque) = fields.get("opaque") {
        text += &format!(", opaque={}", quote(opaque));
    }
    Some(text)
}

/// The hash of the challenge that [`answer`] would answer.
pub fn strongest(challenges: &[&str], credentials: &Credentials) -> Option<Algorithm> {
    best(challenges, credentials).map(|(algorithm, _)| algorithm)
}

fn best(challenges: &[&str], credentials: &Credentials) -> Option<(Algorithm, Fields)> {
    let read = challenges.iter().filter_map(|challenge| Fields::parse(challenge));
    let known = read.filter_map(|fields| {
        Some((Algorithm::parse(fields.get("algorithm").unwrap_or("MD5"))?, fields))
    });
    let realm = credentials.realm.as_deref();
    known
        .filter(|(_, fields)| realm.is_none_or(|realm| fields.get("realm") == Some(realm)))
        .max_by_key(|(algorithm, _)| *algorithm)
}

fn respond(
    algorithm: Algorithm,
    ha1: &str,
    nonce: &str,
    qop: Option<(&str, &str, &str)>,
    method: &Method,
    uri: &str,
) -> String {
    let ha2 = algorithm.hash(&format!("{}:{uri}", method.as_str()));
    algorithm.hash(&match qop {
        Some((qop, count, cnonce)) => format!("{ha1}:{nonce}:{count}:{cnonce}:{qop}:{ha2}"),
        None => format!("{ha1}:{nonce}:{ha2}"),
    })
}

/// The parameters of a Digest header.
#[derive(Debug)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(header: &str) -> Option<Fields> {
        let rest = header.trim_start();
        let (scheme, mut rest) = rest.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case("digest") || !rest.starts_with([' ', '\t']) {
            return None;
        }
        let mut fields = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(Fields(fields));
            }
            let (name, after) = rest.split_once('=')?;
            let (value, left) = value(after.trim_start())?;
            if !is_token(name.trim()) {
                return None;
            }
            fields.push((name.trim().to_ascii_lowercase(), value));
            rest = left;
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One value and what follows it; quoted text may hold escaped quotes.
fn value(text: &str) -> Option<(String, &str)> {
    if !text.starts_with('"') {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.to_owned(), rest));
    }
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })?;
    let (quoted, rest) = text.split_at(end + 1);
    Some((unquote(quoted), rest))
}

/// What a request's credentials are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They are right.
    Right {
        /// Whose they are.
        username: String,
    },
    /// The nonce is too old, was used, or was never given to this source: ask again with `stale=true`. It says nothing
    /// about the password.
    Stale,
    /// The password or name is wrong. The nonce was right: the source has received our challenge.
    Wrong {
        /// Whose they claim to be.
        username: String,
    },
    /// There are none that we could read.
    Missing,
}

/// The side that challenges.
#[derive(Debug)]
pub struct Digest {
    realm: String,
    algorithms: Vec<Algorithm>,
    key: hmac::Key,
    random: Random,
    dummy: Secret,
    counts: BTreeMap<NonceId, Counts>,
    /// Nonces made up to this moment are worth nothing unless their count is remembered.
    forgotten: i64,
}

/// What tells a nonce of ours from all others: when it was made, and its randomness. The oldest is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct NonceId {
    at: UnixTime,
    random: u64,
}

impl NonceId {
    /// Reads what [`Digest::mint`] wrote in front of the seal.
    fn parse(nonce: &str) -> Option<NonceId> {
        let at = i64::from_str_radix(nonce.get(..16)?, 16).ok()?;
        let random = u64::from_str_radix(nonce.get(16..32)?, 16).ok()?;
        Some(NonceId { at: UnixTime(at), random })
    }
}

#[derive(Debug)]
struct Counts {
    highest: u32,
    seen: u32,
}

impl Digest {
    /// Challenges for `realm` with these algorithms, in this order: a phone takes the first that it knows (RFC 8760
    /// section 2.4).
    pub fn new(realm: &str, algorithms: &[Algorithm], mut random: Random) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        Digest {
            realm: realm.to_owned(),
            algorithms: algorithms.to_vec(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            dummy: Secret(random.hex(16)),
            random,
            counts: BTreeMap::new(),
            forgotten: 0,
        }
    }

    /// The WWW-Authenticate values of one challenge, in the order of the algorithms.
    /// With `md5_alone` only MD5 is offered, where it is among them.
    pub fn challenge(
        &mut self,
        now: Now,
        source: IpAddr,
        stale: bool,
        md5_alone: bool,
    ) -> Vec<String> {
        let nonce = self.mint(now, source);
        let one = |algorithm: &Algorithm| {
            let stale = if stale { ", stale=true" } else { "" };
            let realm = quote(&self.realm);
            let name = algorithm.as_str();
            format!(
                "Digest realm={realm}, nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}"
            )
        };
        let md5_alone = md5_alone && self.algorithms.contains(&Algorithm::Md5);
        self.algorithms.iter().filter(|a| !md5_alone || **a == Algorithm::Md5).map(one).collect()
    }

    /// Judges an Authorization header from `source`. `secret` finds a user's password; an unknown user costs the same
    /// work.
    pub fn verify<'s>(
        &mut self,
        now: Now,
        source: IpAddr,
        method: &Method,
        uri: &Uri,
        header: &str,
        secret: impl Fn(&str) -> Option<&'s Secret>,
    ) -> Verdict {
        let Some(claim) = Claim::read(header, &self.realm) else { return Verdict::Missing };
        if !names(&claim.uri, uri) || !self.algorithms.contains(&claim.algorithm) {
            return Verdict::Missing;
        }
        // The nonce is judged first: whoever made one up, or took another's, learns nothing about a password. It may
        // also be from before a restart, and then `stale` spares the phone's user a question.
        if !self.is_fresh(now, source, &claim.nonce) {
            return Verdict::Stale;
        }
        let known = secret(&claim.username).cloned();
        let password = known.as_ref().unwrap_or(&self.dummy);
        let ha1 =
            claim.algorithm.hash(&format!("{}:{}:{}", claim.username, self.realm, password.0));
        let qop = Some(("auth", claim.count_text.as_str(), claim.cnonce.as_str()));
        let expected = respond(claim.algorithm, &ha1, &claim.nonce, qop, method, &claim.uri);
        let equal = same(expected.as_bytes(), claim.response.to_ascii_lowercase().as_bytes());
        if !equal || known.is_none() {
            return Verdict::Wrong { username: claim.username };
        }
        if !self.counts_up(&claim.nonce, claim.count) {
            return Verdict::Stale;
        }
        Verdict::Right { username: claim.username }
    }

    /// Whether whoever sent this header has received a challenge of ours at `source`. Says nothing of the password.
    pub fn proves(&self, now: Now, source: IpAddr, header: &str) -> bool {
        let nonce = Fields::parse(header);
        let nonce = nonce.as_ref().and_then(|fields| fields.get("nonce"));
        nonce.is_some_and(|nonce| self.is_fresh(now, source, nonce))
    }

    /// Time, some randomness, and a keyed hash over both and the address that is challenged: whoever uses the nonce has
    /// received it there, and nobody can use it in another's name.
    fn mint(&mut self, now: Now, source: IpAddr) -> String {
        let text = format!("{:016x}{}", now.unix.0, self.random.hex(8));
        let seal = self.seal(&text, source);
        format!("{text}{seal}")
    }

    fn seal(&self, text: &str, source: IpAddr) -> String {
        let seal = hmac::sign(&self.key, format!("{text}{source}").as_bytes());
        hex(seal.as_ref().get(..16).unwrap_or_default())
    }

    /// Whether we gave this nonce to this source, and not long ago.
    fn is_fresh(&self, now: Now, source: IpAddr, nonce: &str) -> bool {
        let Some((text, seal)) = nonce.split_at_checked(32) else { return false };
        let Some(NonceId { at, .. }) = NonceId::parse(text) else { return false };
        // A clock that was set back makes nonces from the future: they are worth as little as old ones.
        same(self.seal(text, source).as_bytes(), seal.as_bytes())
            && at <= now.unix
            && now.unix.since(at) <= NONCE_LIFETIME
    }

    /// Whether `count` is new for this nonce.
    fn counts_up(&mut self, nonce: &str, count: u32) -> bool {
        let Some(nonce) = NonceId::parse(nonce) else { return false };
        if let Some(counts) = self.counts.get_mut(&nonce) {
            return counts.take(count);
        }
        // Its count may be one of those that were forgotten.
        if nonce.at.0 <= self.forgotten {
            return false;
        }
        if self.counts.len() >= MAX_NONCES
            && let Some((oldest, _)) = self.counts.pop_first()
        {
            self.forgotten = oldest.at.0;
        }
        self.counts.insert(nonce, Counts { highest: count, seen: 1 });
        true
    }

    /// Forgets the counts of nonces that are too old to be used.
    pub fn forget_old(&mut self, now: Now) {
        let oldest = NonceId { at: now.unix - NONCE_LIFETIME, random: 0 };
        self.counts = self.counts.split_off(&oldest);
    }
}

impl Counts {
    /// Takes a count that is higher than all before, or within the window and not seen yet.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let step = count - self.highest;
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if behind >= COUNT_WINDOW || self.seen & (1 << behind) != 0 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }
}

/// The user that an Authorization header names.
pub fn claimed_user(header: &str) -> Option<String> {
    Fields::parse(header)?.get("username").map(str::to_owned)
}

/// The Authorization header of somebody who answers our challenge.
struct Claim {
    algorithm: Algorithm,
    username: String,
    nonce: String,
    uri: String,
    count: u32,
    count_text: String,
    cnonce: String,
    response: String,
}

impl Claim {
    fn read(header: &str, realm: &str) -> Option<Claim> {
        let fields = Fields::parse(header)?;
        let get = |name: &str| fields.get(name).map(str::to_owned);
        if fields.get("realm")? != realm || !fields.get("qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        let count_text = get("nc")?;
        if count_text.len() != 8 {
            return None;
        }
        Some(Claim {
            algorithm: Algorithm::parse(fields.get("algorithm").unwrap_or("MD5"))?,
            username: get("username")?,
            nonce: get("nonce")?,
            uri: get("uri")?,
            count: u32::from_str_radix(&count_text, 16).ok()?,
            count_text,
            cnonce: get("cnonce")?,
            response: get("response")?,
        })
    }
}

/// Whether the digest's URI is the request's: the same text, an equivalent URI, or the same host, since phones write
/// it with and without user, port and parameters (RFC 7616 section 3.4.6 leaves it to us).
fn names(written: &str, uri: &Uri) -> bool {
    if written == uri.to_string() {
        return true;
    }
    let same_user = |written: &Uri| written.user.is_none() || written.user == uri.user;
    Uri::parse(written).is_ok_and(|written| {
        written.equivalent(uri) || (written.host == uri.host && same_user(&written))
    })
}

/// Comparison in constant time; only the length can be told from how long it takes.
fn same(a: &[u8], b: &[u8]) -> bool {
    #[allow(deprecated)] // ring offers no other name for it yet
    ring::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Instant;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
    }

    fn alice() -> Credentials {
        Credentials { username: "alice".into(), secret: Secret::plain("pa\"ss"), realm: None }
    }

    /// RFC 7616 section 3.9.1 gives these values for both algorithms.
    #[test]
    fn the_values_of_rfc_7616_come_out() {
        let mufasa = Credentials {
            username: "Mufasa".into(),
            secret: Secret::plain("Circle of Life"),
            realm: None,
        };
        let challenge = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let get = Method::parse("GET").unwrap_or_else(|| Method::other("GET"));
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let text = challenge(algorithm);
            let answer = answer(&[&text], &mufasa, &get, "/dir/index.html", 1, cnonce).unwrap();
            assert!(answer.contains(response), "{answer}");
        }
    }

    fn round(
        digest: &mut Digest,
        now: Now,
        credentials: &Credentials,
        count: u32,
        which: usize,
    ) -> (String, Verdict) {
        let challenge = digest.challenge(now, HERE, false, false);
        let header = answer(
            &[&challenge[which]],
            credentials,
            &Method::REGISTER,
            "sip:branch.example",
            count,
            "0a4f113b",
        )
        .unwrap();
        let verdict = check(digest, now, &header);
        (header, verdict)
    }

    fn check(digest: &mut Digest, now: Now, header: &str) -> Verdict {
        let secret = Secret::plain("pa\"ss");
        let uri = Uri::parse("sip:branch.example").unwrap();
        digest.verify(now, HERE, &Method::REGISTER, &uri, header, |user| {
            (user == "alice").then_some(&secret)
        })
    }

    #[test]
    fn a_right_password_passes_once_for_each_count() {
        let mut digest =
            Digest::new("branchline", &[Algorithm::Sha256, Algorithm::Md5], Random::from_number(1));
        for which in 0..2 {
            let (header, verdict) = round(&mut digest, now(), &alice(), 1, which);
            assert_eq!(verdict, Verdict::Right { username: "alice".into() });
            assert_eq!(check(&mut digest, now(), &header), Verdict::Stale, "a replay");
        }
        let (_, verdict) = round(&mut digest, now(), &alice(), 300, 0);
        assert_eq!(verdict, Verdict::Right { username: "alice".into() }, "nc is hexadecimal");
    }

    #[test]
    fn the_strongest_challenge_is_answered_and_only_for_our_realm() {
        let mut digest =
            Digest::new("branchline", &[Algorithm::Sha256, Algorithm::Md5], Random::from_number(1));
        let both = digest.challenge(now(), HERE, false, false);
        let both: Vec<_> = both.iter().map(String::as_str).collect();
        let header = answer(&both, &alice(), &Method::INVITE, "sip:x", 1, "c").unwrap();
        assert!(header.contains("algorithm=SHA-256"));
        let elsewhere = Credentials { realm: Some("other".into()), ..alice() };
        assert_eq!(answer(&both, &elsewhere, &Method::INVITE, "sip:x", 1, "c"), None);
    }

    #[test]
    fn wrong_stale_forged_and_unreadable_answers_are_told_apart() {
        let mut digest =
            Digest::new("branchline", &[Algorithm::Sha256, Algorithm::Md5], Random::from_number(1));
        let wrong = Credentials { secret: Secret::plain("guess"), ..alice() };
        let (_, verdict) = round(&mut digest, now(), &wrong, 1, 0);
        assert_eq!(verdict, Verdict::Wrong { username: "alice".into() });
        let nobody = Credentials { username: "mallory".into(), ..alice() };
        let (_, verdict) = round(&mut digest, now(), &nobody, 1, 0);
        assert_eq!(verdict, Verdict::Wrong { username: "mallory".into() });
        let (header, _) = round(&mut digest, now(), &alice(), 1, 0);
        let late = now().after(NONCE_LIFETIME + Duration::from_secs(1));
        assert_eq!(check(&mut digest, late, &header), Verdict::Stale);
        let forged = header.replace("nonce=\"0", "nonce=\"1");
        assert_eq!(check(&mut digest, now(), &forged), Verdict::Stale);
        for text in ["", "Digest", "Basic YWxpY2U6", "Digest username=\"alice", "Digest a=b, ="] {
            assert_eq!(check(&mut digest, now(), text), Verdict::Missing, "{text}");
        }
    }

    #[test]
    fn counts_may_overtake_each_other_but_not_repeat() {
        let mut counts = Counts { highest: 5, seen: 1 };
        assert!(counts.take(7));
        assert!(counts.take(6));
        assert!(!counts.take(6));
        assert!(!counts.take(5));
        assert!(counts.take(1000));
        assert!(!counts.take(900), "too far behind");
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", alice()).contains("ss\""));
    }

    #[test]
    fn a_nonce_is_worth_nothing_at_another_address() {
        let mut digest = Digest::new("branch", &[Algorithm::Sha256], Random::from_number(1));
        let (header, verdict) = round(&mut digest, now(), &alice(), 1, 0);
        assert_eq!(verdict, Verdict::Right { username: "alice".into() });
        let secret = Secret::plain("pa\"ss");
        let uri = Uri::parse("sip:branch.example").unwrap();
        let mut elsewhere = |header: &str| {
            let there = IpAddr::from([192, 0, 2, 2]);
            digest.verify(now(), there, &Method::REGISTER, &uri, header, |_| Some(&secret))
        };
        assert_eq!(elsewhere(&header), Verdict::Stale);
        let wrong = header.replace("response=\"", "response=\"0");
        assert_eq!(elsewhere(&wrong), Verdict::Stale, "the answer is the same as to the right one");
    }

    #[test]
    fn a_nonce_whose_count_was_forgotten_is_stale() {
        let mut digest = Digest::new("branch", &[Algorithm::Md5], Random::from_number(1));
        let start = now();
        let (first, verdict) = round(&mut digest, start, &alice(), 1, 0);
        assert_eq!(verdict, Verdict::Right { username: "alice".into() });
        for place in 0..MAX_NONCES {
            let later = start.after(Duration::from_micros(place as u64 + 1));
            round(&mut digest, later, &alice(), 1, 0);
        }
        let later = start.after(Duration::from_secs(1));
        assert_eq!(check(&mut digest, later, &first), Verdict::Stale);
    }
}
