//! Signing in at a provider: OpenID Connect Core 1.0 with the authorization code flow, and PKCE (RFC 7636).
//!
//! Owns what a browser carries while it is away, what a token has to say, and which user somebody with such a token is.
//! That the token is the provider's own is proved by a driver before it comes here. What belongs to one sign-in is made
//! from the browser's cookie with a key of this run, so a flood of sign-ins that nobody ends is remembered nowhere.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::admin::access::leaving::{self, Leaver, Leaving, Wrong};
use crate::config::settings::Oidc;
use crate::id::AgentId;
use crate::journal::act::Role;
use crate::random::Random;
use crate::time::{Now, UnixTime};

/// How long somebody may take at the provider: a password, a second factor, a phone that has to be found first.
pub const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Sign-ins that came back and may not come back again. Beyond, the oldest is forgotten: its code was used up at the
/// provider, which is the first to refuse it.
const MOST_USED: usize = 4_096;
/// Random bytes of the cookie.
const BYTES: usize = 32;
/// Where a provider sends browsers back to, behind the address of this box.
pub const BACK: &str = "/api/v1/session/provider/back";

/// What proves this box to the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// As the configuration's file has it.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// Itself, to be sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why somebody who comes back is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// The browser does not carry what it was sent away with, or too late, or a second time.
    State,
    /// Another provider answers.
    Issuer,
    /// The token is for somebody else's program.
    Audience,
    /// It is over, or not yet begun, or says neither.
    Time,
    /// It was given for another sign-in.
    Nonce,
    /// It does not say who it is about, or what they are called.
    Nameless,
    /// Nothing in it gives a role.
    Roleless,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stranger::State => {
                "this browser has not begun that sign-in here, or long ago, or ended it already"
            }
            Stranger::Issuer => "the answer is another provider's",
            Stranger::Audience => "the provider's token is for another program",
            Stranger::Time => {
                "the provider's token is over, or not valid yet: do the clocks agree?"
            }
            Stranger::Nonce => "the provider's token was given for another sign-in",
            Stranger::Nameless => {
                "the provider's token has no name that a user could have: see name_claim"
            }
            Stranger::Roleless => {
                "the provider gives no role here: see role_claim and roles in [oidc]"
            }
        })
    }
}

/// Somebody who is sent to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// What the browser keeps meanwhile. A secret of the browser and this box.
    pub cookie: String,
    /// Comes back with the browser.
    pub state: String,
    /// Comes back in the token.
    pub nonce: String,
    /// Of the verifier (RFC 7636 section 4.2).
    pub challenge: String,
}

/// Somebody who has come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// What the token has to carry.
    pub nonce: String,
    /// What proves to the provider that whoever began ends it.
    pub verifier: String,
}

/// Who somebody is, by the provider's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider's own name for them, which never changes and is nobody else's.
    pub subject: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The agent that they are.
    pub agent: Option<AgentId>,
    /// What the provider calls its session with them (OpenID Connect Back-Channel Logout 1.0 section 2.1).
    pub session: Option<String>,
}

/// What a token says (OpenID Connect Core section 2).
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether a token is for this program and no other.
    pub(super) fn is(&self, client: &str) -> bool {
        match self {
            Audience::One(own) => own == client,
            Audience::Many(all) => !all.is_empty() && all.iter().all(|own| own == client),
        }
    }
}

/// The provider that the configuration names.
#[derive(Debug)]
pub struct Provider {
    rules: Oidc,
    issuer: String,
    roles: Vec<(String, Role)>,
    key: hmac::Key,
    used: BTreeSet<String>,
    leaving: Leaving,
    order: VecDeque<String>,
    random: Random,
}

impl Provider {
    /// Nothing where the configuration names none.
    pub fn new(rules: &Oidc, mut random: Random) -> Option<Provider> {
        let mut key = [0; BYTES];
        random.fill(&mut key);
        // The configuration's check has read each of them.
        let roles = rules
            .roles
            .iter()
            .filter_map(|given| Some((given.value.clone(), given.role.parse::<Role>().ok()?)));
        Some(Provider {
            issuer: rules.issuer.clone()?,
            roles: roles.collect(),
            rules: rules.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            used: BTreeSet::new(),
            leaving: Leaving::default(),
            order: VecDeque::new(),
            random,
        })
    }

    /// The provider, as it names itself.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where it sends browsers back to.
    pub fn redirect(&self) -> String {
        format!("{}{BACK}", self.rules.here.trim_end_matches('/'))
    }

    /// Somebody wants to sign in there.
    pub fn begin(&mut self, now: Now) -> Away {
        let made = format!("{}.{}", self.random.hex(BYTES), now.unix.seconds());
        let cookie = format!("{made}.{}", self.part("cookie", &made));
        let verifier = self.part("verifier", &made);
        Away {
            cookie,
            state: self.part("state", &made),
            nonce: self.part("nonce", &made),
            challenge: URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())),
        }
    }

    /// Where the browser goes then, with the parameters of OpenID Connect Core section 3.1.2.1.
    pub fn ask(&self, endpoint: &str, away: &Away) -> String {
        let scope = std::iter::once("openid").chain(self.rules.scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.rules.client_id),
            ("redirect_uri", &self.redirect()),
            ("scope", &scope),
            ("state", &away.state),
            ("nonce", &away.nonce),
            ("code_challenge", &away.challenge),
            ("code_challenge_method", "S256"),
        ]);
        let mark = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{mark}{query}")
    }

    /// What the token end-point is sent (RFC 6749 section 4.1.3).
    pub fn exchange(&self, code: &str, returned: &Returned) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", self.redirect()),
            ("client_id", self.rules.client_id.clone()),
            ("code_verifier", returned.verifier.clone()),
        ]
    }

    /// Somebody comes back, with what the browser kept; each cookie once. `issuer` is who says that they answer, where
    /// the provider says so (RFC 9207).
    ///
    /// # Errors
    /// When the browser did not begin this, or when another provider answers.
    pub fn end(
        &mut self,
        now: Now,
        cookie: &str,
        state: &str,
        issuer: Option<&str>,
    ) -> Result<Returned, Stranger> {
        let (made, proof) = cookie.rsplit_once('.').ok_or(Stranger::State)?;
        let begun = made.rsplit_once('.').and_then(|(_, at)| at.parse::<i64>().ok());
        let begun = begun.ok_or(Stranger::State)?;
        let own = self.is_part("cookie", made, proof) && self.is_part("state", made, state);
        let age = now.unix.seconds().checked_sub(begun).ok_or(Stranger::State)?;
        let fresh = (0..=LONGEST.as_secs() as i64).contains(&age);
        if !own || !fresh || self.used.contains(made) {
            return Err(Stranger::State);
        }
        if issuer.is_some_and(|issuer| issuer != self.issuer) {
            return Err(Stranger::Issuer);
        }
        self.use_up(made);
        Ok(Returned { nonce: self.part("nonce", made), verifier: self.part("verifier", made) })
    }

    /// Who somebody is whose token says this. Its signature has been proved.
    ///
    /// # Errors
    /// When it is not a token for this sign-in at this box, or nobody here.
    pub fn person(&self, now: UnixTime, claims: &Claims, nonce: &str) -> Result<Person, Stranger> {
        if claims.iss != self.issuer {
            return Err(Stranger::Issuer);
        }
        let client = &self.rules.client_id;
        let party = claims.azp.as_ref().is_none_or(|party| party == client);
        if !claims.aud.is(client) || !party {
            return Err(Stranger::Audience);
        }
        let (now, skew) = (now.seconds() as f64, f64::from(self.rules.clock_skew_s));
        let begun = |at: Option<f64>| at.is_none_or(|at| at <= now + skew);
        if claims.exp <= now - skew || !begun(claims.nbf) || !begun(claims.iat) {
            return Err(Stranger::Time);
        }
        if claims.nonce.as_deref() != Some(nonce) {
            return Err(Stranger::Nonce);
        }
        let name = self.text(claims, &self.rules.name_claim).ok_or(Stranger::Nameless)?;
        if claims.sub.is_empty() || claims.sub.len() > 255 {
            return Err(Stranger::Nameless);
        }
        let agent = self.rules.agent_claim.as_ref().and_then(|claim| self.text(claims, claim));
        Ok(Person {
            subject: claims.sub.clone(),
            name: name.to_lowercase(),
            role: self.role(claims).ok_or(Stranger::Roleless)?,
            agent: agent.map(AgentId::from),
            session: self.text(claims, "sid").map(str::to_owned),
        })
    }

    fn text<'a>(&self, claims: &'a Claims, name: &str) -> Option<&'a str> {
        match name {
            "sub" => Some(&claims.sub),
            name => claims.rest.get(name)?.as_str(),
        }
    }

    /// The first rule that fits. Text is compared whole: a group that only begins like another is another.
    fn role(&self, claims: &Claims) -> Option<Role> {
        let values: Vec<&str> = match claims.rest.get(&self.rules.role_claim)? {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let mut fitting = self.roles.iter().filter(|(value, _)| values.contains(&value.as_str()));
        fitting.next().map(|(_, role)| *role)
    }

    /// Somebody has signed out at the provider, as this says. Its signature has been proved.
    ///
    /// # Errors
    /// When it is no logout token for this box, or was shown before.
    pub fn end_sessions(
        &mut self,
        now: UnixTime,
        claims: &leaving::Claims,
    ) -> Result<Leaver, Wrong> {
        let rules = (self.issuer.as_str(), self.rules.client_id.as_str(), self.rules.clock_skew_s);
        self.leaving.take(now, rules, claims)
    }

    /// Where a browser ends the session at the provider too (OpenID Connect RP-Initiated Logout 1.0 section 2).
    pub fn leave(&self, endpoint: &str) -> String {
        let back = format!("{}{}", self.rules.here.trim_end_matches('/'), self.rules.landing);
        let client = &self.rules.client_id;
        let query = form(&[("client_id", client), ("post_logout_redirect_uri", &back)]);
        let mark = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{mark}{query}")
    }

    /// A part of a sign-in, which nobody without the key can tell from any other text.
    fn part(&self, of: &str, made: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, format!("{of} {made}").as_bytes()))
    }

    fn is_part(&self, of: &str, made: &str, text: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
        // Compares in a time that tells nothing of how much was right.
        hmac::verify(&self.key, format!("{of} {made}").as_bytes(), &bytes).is_ok()
    }

    fn use_up(&mut self, made: &str) {
        if self.order.len() >= MOST_USED
            && let Some(oldest) = self.order.pop_front()
        {
            self.used.remove(&oldest);
        }
        self.used.insert(made.to_owned());
        self.order.push_back(made.to_owned());
    }
}

/// `application/x-www-form-urlencoded`, which a query is too.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Everything but what RFC 3986 section 2.3 leaves as it is.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;
    use crate::config::settings::OidcRole;

    const ISSUER: &str = "https://login.example.com";

    fn provider() -> Provider {
        let given = |value: &str, role: &str| OidcRole { value: value.into(), role: role.into() };
        let rules = Oidc {
            issuer: Some(ISSUER.to_owned()),
            client_id: "branch".to_owned(),
            here: "https://box.example.com/".to_owned(),
            roles: vec![given("bl-admins", "admin"), given("bl", "agent")],
            agent_claim: Some("desk".to_owned()),
            ..Oidc::default()
        };
        Provider::new(&rules, Random::from_number(5)).unwrap()
    }

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
    }

    fn claims(change: &[(&str, Value)]) -> Claims {
        let mut claims = json!({
            "iss": ISSUER, "sub": "u1", "aud": "branch", "exp": 1_700_000_300, "iat": 1_700_000_000,
            "nonce": "n", "preferred_username": "Ann", "groups": ["x", "bl"], "desk": "ann",
            "sid": "s1",
        });
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn whoever_began_comes_back_once_and_in_time() {
        let mut provider = provider();
        let away = provider.begin(now());
        let other = provider.begin(now());
        let url = provider.ask("https://login.example.com/auth", &away);
        assert!(
            url.contains("redirect_uri=https%3A%2F%2Fbox.example.com%2Fapi%2Fv1%2Fsession"),
            "{url}"
        );
        assert!(url.contains(&format!("&state={}&", away.state)) && !url.contains(&away.cookie));
        let refused = [
            (other.cookie.as_str(), away.state.as_str()),
            (away.cookie.as_str(), other.state.as_str()),
            (away.cookie.as_str(), ""),
            ("", away.state.as_str()),
            ("a.1.b", away.state.as_str()),
            (away.cookie.trim_end_matches(|c| c != '.'), away.state.as_str()),
        ];
        for (cookie, state) in refused {
            assert_eq!(provider.end(now(), cookie, state, None), Err(Stranger::State), "{cookie}");
        }
        let late = now().after(LONGEST + Duration::from_secs(1));
        assert_eq!(provider.end(late, &away.cookie, &away.state, None), Err(Stranger::State));
        let foreign = Some("https://evil.example.com");
        assert_eq!(provider.end(now(), &away.cookie, &away.state, foreign), Err(Stranger::Issuer));
        let back = provider.end(now(), &away.cookie, &away.state, Some(ISSUER)).unwrap();
        assert_eq!(back.nonce, away.nonce);
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, back.verifier.as_bytes()));
        assert_eq!(hash, away.challenge);
        assert!((43..=128).contains(&back.verifier.len()), "RFC 7636 section 4.1");
        let again = provider.end(now(), &away.cookie, &away.state, None);
        assert_eq!(again, Err(Stranger::State), "replayed");
    }

    #[test]
    fn another_run_knows_none_of_it_and_memory_is_bounded() {
        let mut provider = provider();
        let away = provider.begin(now());
        let mut other =
            Provider { key: hmac::Key::new(hmac::HMAC_SHA256, b"x"), ..self::provider() };
        assert_eq!(other.end(now(), &away.cookie, &away.state, None), Err(Stranger::State));
        for _ in 0..2 * MOST_USED {
            let away = provider.begin(now());
            assert!(provider.end(now(), &away.cookie, &away.state, None).is_ok());
        }
        assert!(provider.used.len() <= MOST_USED && provider.order.len() <= MOST_USED);
    }

    #[test]
    fn a_token_says_who_somebody_is() {
        let person = provider().person(now().unix, &claims(&[]), "n").unwrap();
        let agent = Some(AgentId::from("ann"));
        let name = "ann".to_owned();
        let session = Some("s1".to_owned());
        let subject = "u1".to_owned();
        assert_eq!(person, Person { subject, name, role: Role::Agent, agent, session });
        let both = claims(&[("groups", json!(["bl", "bl-admins"]))]);
        let admin = provider().person(now().unix, &both, "n").unwrap();
        assert_eq!(admin.role, Role::Admin, "the first rule counts, whatever the token's order");
        let one = claims(&[("groups", json!("bl"))]);
        assert_eq!(provider().person(now().unix, &one, "n").unwrap().role, Role::Agent);
    }

    #[test]
    fn whatever_is_wrong_with_a_token_nobody_is_let_in() {
        let seconds = |after: i64| json!(1_700_000_000 + after);
        let wrong = [
            ("iss", json!("https://login.example.com/"), Stranger::Issuer),
            ("iss", json!("https://evil.example.com"), Stranger::Issuer),
            ("aud", json!("other"), Stranger::Audience),
            ("aud", json!(["branch", "other"]), Stranger::Audience),
            ("aud", json!([]), Stranger::Audience),
            ("azp", json!("other"), Stranger::Audience),
            ("exp", seconds(-60), Stranger::Time),
            ("nbf", seconds(61), Stranger::Time),
            ("iat", seconds(61), Stranger::Time),
            ("nonce", json!("m"), Stranger::Nonce),
            ("nonce", Value::Null, Stranger::Nonce),
            ("sub", json!(""), Stranger::Nameless),
            ("preferred_username", json!(7), Stranger::Nameless),
            ("groups", json!(["bl-admin", "BL", "bl2"]), Stranger::Roleless),
            ("groups", json!({"bl": true}), Stranger::Roleless),
        ];
        for (name, value, why) in wrong {
            let told = provider().person(now().unix, &claims(&[(name, value.clone())]), "n");
            assert_eq!(told, Err(why), "{name} = {value}");
        }
        for good in [("exp", seconds(-59)), ("nbf", seconds(60)), ("iat", seconds(60))] {
            let claims = claims(std::slice::from_ref(&good));
            assert!(
                provider().person(now().unix, &claims, "n").is_ok(),
                "within the skew: {good:?}"
            );
        }
    }

    #[test]
    fn roles_of_the_configuration_are_those_of_the_journal() {
        assert_eq!(Role::ALL.map(Role::name), OidcRole::NAMES);
    }
}
