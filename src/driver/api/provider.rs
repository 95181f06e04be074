//! The way to the provider where people sign in: what it says of itself, its keys, and the exchange of a code for a
//! token. A provider that is away keeps nobody from signing in with a password of this box: that goes another way.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::admin::access::leaving::{self, Leaver};
use crate::admin::access::provider::{
    self, Claims, Person, Returned, Secret, Stranger, escaped, form,
};
use crate::admin::api::operations::Back;
use crate::admin::api::problem::{Kind, Problem};
use crate::config::settings::Oidc;
use crate::driver::api::signed::{Keys, Unproved};
use crate::driver::clock;
use crate::driver::fetch::{Ask, Client, NoAnswer};
use crate::driver::tls::NoIdentity;
use crate::random::Random;

/// How long what a provider says of itself holds: it moves seldom, and is asked again when its keys do not fit.
const HOLDS: Duration = Duration::from_secs(3_600);
/// How soon it may be asked again, after a failure or for new keys: whoever forges tokens does not make us ask.
const REST: Duration = Duration::from_secs(10);
/// Sign-ins that wait for the provider at once.
const MOST_WAITING: usize = 16;

/// What a provider says of itself (OpenID Connect Discovery 1.0 section 3).
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    end_session_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Whether the secret goes in the form: only where the provider takes it nowhere else.
    fn takes_posted_secret_alone(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let has = |name: &str| methods.iter().any(|own| own == name);
        has("client_secret_post") && !has("client_secret_basic")
    }
}

/// What is known of it at a moment.
#[derive(Debug)]
struct Known {
    metadata: Metadata,
    keys: Keys,
    asked: Instant,
}

#[derive(Debug, Default)]
struct Memory {
    known: Option<Arc<Known>>,
    failed: Option<(Instant, Trouble)>,
}

/// What is wrong with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None(NoAnswer),
    Status(u16),
    Nonsense,
    Other,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::None(why) => write!(f, "{why}"),
            Trouble::Status(status) => write!(f, "it answers with {status}"),
            Trouble::Nonsense => f.write_str("its answer cannot be read"),
            Trouble::Other => f.write_str("it names itself otherwise than [oidc] issuer does"),
        }
    }
}

/// The token end-point's answer; nobody needs the access token.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// The provider.
pub struct Provider {
    machine: Mutex<provider::Provider>,
    secret: Option<Secret>,
    client_id: String,
    landing: String,
    client: Client,
    /// Held while it is asked: nobody else asks meanwhile.
    memory: tokio::sync::Mutex<Memory>,
    leave: Mutex<Option<String>>,
    waiting: Semaphore,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.hold().issuer())
    }
}

impl Provider {
    /// Nothing where the configuration names none.
    ///
    /// # Errors
    /// When the file of authorities cannot be read.
    pub fn new(
        rules: &Oidc,
        secret: Option<Secret>,
        random: Random,
    ) -> Result<Option<Provider>, NoIdentity> {
        let Some(machine) = provider::Provider::new(rules, random) else { return Ok(None) };
        Ok(Some(Provider {
            machine: Mutex::new(machine),
            secret,
            client_id: rules.client_id.clone(),
            landing: rules.landing.clone(),
            client: Client::new(rules.reach(), rules.authorities.as_deref())?,
            memory: tokio::sync::Mutex::default(),
            leave: Mutex::new(None),
            waiting: Semaphore::new(MOST_WAITING),
        }))
    }

    fn hold(&self) -> MutexGuard<'_, provider::Provider> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provider, as it names itself.
    pub fn issuer(&self) -> String {
        self.hold().issuer().to_owned()
    }

    /// Where a browser goes on once somebody has signed in.
    pub fn landing(&self) -> &str {
        &self.landing
    }

    /// Where a browser ends its session there, if the provider has such a place.
    pub fn leave(&self) -> Option<String> {
        self.leave.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Somebody wants to sign in: where their browser goes, and what it keeps meanwhile.
    pub async fn begin(&self) -> Result<(String, String), Problem> {
        let _place = self.waiting.try_acquire().map_err(|_| Problem::busy())?;
        let known = self.known(None).await?;
        let mut machine = self.hold();
        let away = machine.begin(clock::now());
        Ok((machine.ask(&known.metadata.authorization_endpoint, &away), away.cookie))
    }

    /// Somebody comes back: who they are.
    pub async fn end(&self, cookie: &str, back: &Back) -> Result<Person, Problem> {
        let _place = self.waiting.try_acquire().map_err(|_| Problem::busy())?;
        let issuer = back.issuer.as_deref();
        let returned = self.hold().end(clock::now(), cookie, &back.state, issuer);
        let returned = returned.map_err(stranger)?;
        let Some(code) = &back.code else {
            let why = back.error.as_deref().unwrap_or("it does not say why");
            let detail = format!("the provider let nobody in: {why}");
            return Err(Problem::new(
                Kind::NotAllowed,
                detail,
                "sign in there, or with a password",
            ));
        };
        let known = self.known(None).await?;
        let token = self.exchange(&known.metadata, code, &returned).await?;
        let claims = self.prove::<Claims>(known, &token).await?.map_err(unproved)?;
        let now = clock::now().unix;
        self.hold().person(now, &claims, &returned.nonce).map_err(stranger)
    }

    /// What a token says. Where no key fits, the provider may have new ones.
    async fn prove<C: DeserializeOwned + Clone>(
        &self,
        known: Arc<Known>,
        token: &str,
    ) -> Result<Result<C, Unproved>, Problem> {
        match known.keys.prove(token) {
            Err(Unproved::Key) => {}
            proved => return Ok(proved),
        }
        let newer = self.known(Some(known.asked)).await?;
        Ok(newer.keys.prove(token))
    }

    /// Somebody has signed out at the provider: whose sessions end.
    pub async fn end_sessions(&self, token: &str) -> Result<Leaver, Problem> {
        let _place = self.waiting.try_acquire().map_err(|_| Problem::busy())?;
        let known = self.known(None).await?;
        let wrong = |why: &dyn std::fmt::Display| {
            tracing::warn!(%why, "no session ends");
            let advice = "send a logout token of the provider that [oidc] names, once";
            Problem::new(Kind::Malformed, why.to_string(), advice).at("body/logout_token")
        };
        let claims = self.prove::<leaving::Claims>(known, token).await?;
        let claims = claims.map_err(|why| wrong(&said(why)))?;
        let leaver = self.hold().end_sessions(clock::now().unix, &claims);
        leaver.map_err(|why| wrong(&why))
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        returned: &Returned,
    ) -> Result<String, Problem> {
        let mut pairs = self.hold().exchange(code, returned);
        let mut ask = Ask::default();
        if let Some(secret) = &self.secret {
            if metadata.takes_posted_secret_alone() {
                pairs.push(("client_secret", secret.reveal().to_owned()));
            } else {
                // RFC 6749 section 2.3.1: each is written as in a form first.
                let both = format!("{}:{}", escaped(&self.client_id), escaped(secret.reveal()));
                ask.authorization = Some(format!("Basic {}", STANDARD.encode(both)));
            }
        }
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ask.form = Some(form(&pairs));
        let answer = self.client.fetch(&metadata.token_endpoint, ask).await;
        match read::<Tokens>(answer) {
            Ok(tokens) => Ok(tokens.id_token),
            Err(Trouble::Status(status @ 400..500)) => {
                let detail =
                    format!("the provider takes the sign-in back: it answers with {status}");
                let advice =
                    "begin again; if it stays so, compare [oidc] with what the provider has";
                Err(Problem::new(Kind::NotAllowed, detail, advice))
            }
            Err(trouble) => Err(away(trouble)),
        }
    }

    /// What is known of the provider, asked where that is old, or as old as `stale`.
    async fn known(&self, stale: Option<Instant>) -> Result<Arc<Known>, Problem> {
        let mut memory = self.memory.lock().await;
        let now = clock::now().instant;
        let age = |at: Instant| now.saturating_duration_since(at);
        if let Some(known) = &memory.known {
            let usable = age(known.asked) < HOLDS && stale != Some(known.asked);
            if usable || age(known.asked) < REST {
                return Ok(known.clone());
            }
        }
        let rests = memory.failed.filter(|(at, _)| age(*at) < REST).map(|(_, trouble)| trouble);
        let trouble = match rests {
            Some(trouble) => trouble,
            None => match self.look().await {
                Ok(known) => {
                    let known = Arc::new(known);
                    *memory = Memory { known: Some(known.clone()), failed: None };
                    return Ok(known);
                }
                Err(trouble) => {
                    tracing::warn!(%trouble, "the provider where people sign in is away");
                    memory.failed = Some((clock::now().instant, trouble));
                    trouble
                }
            },
        };
        // What was known goes on, unless it was just found wanting.
        match &memory.known {
            Some(known) if stale.is_none() => Ok(known.clone()),
            _ => Err(away(trouble)),
        }
    }

    async fn look(&self) -> Result<Known, Trouble> {
        let issuer = self.hold().issuer().to_owned();
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = read(self.client.fetch(&place, Ask::default()).await)?;
        // Section 4.3: another name is another provider.
        if metadata.issuer != issuer {
            return Err(Trouble::Other);
        }
        let keys = body(self.client.fetch(&metadata.jwks_uri, Ask::default()).await)?;
        let keys = Keys::read(&keys).ok_or(Trouble::Nonsense)?;
        let leave = metadata.end_session_endpoint.as_ref().map(|own| self.hold().leave(own));
        *self.leave.lock().unwrap_or_else(PoisonError::into_inner) = leave;
        Ok(Known { metadata, keys, asked: clock::now().instant })
    }
}

fn body(
    answer: Result<(u16, hyper::body::Bytes), NoAnswer>,
) -> Result<hyper::body::Bytes, Trouble> {
    match answer.map_err(Trouble::None)? {
        (200, body) => Ok(body),
        (status, _) => Err(Trouble::Status(status)),
    }
}

fn read<T: DeserializeOwned>(
    answer: Result<(u16, hyper::body::Bytes), NoAnswer>,
) -> Result<T, Trouble> {
    serde_json::from_slice(&body(answer)?).map_err(|_| Trouble::Nonsense)
}

fn away(trouble: Trouble) -> Problem {
    let detail = format!("the provider where people sign in cannot be used: {trouble}");
    let advice = "sign in with a password of this box: POST /api/v1/session";
    Problem::new(Kind::Busy, detail, advice).after(10)
}

fn said(why: Unproved) -> &'static str {
    match why {
        Unproved::Malformed => {
            "the provider's token is none, or signed in a way that proves nothing"
        }
        Unproved::Key => "none of the provider's keys has signed its token",
    }
}

fn unproved(why: Unproved) -> Problem {
    let detail = said(why);
    tracing::warn!(detail, "somebody is not let in");
    Problem::new(Kind::NotAllowed, detail, "sign in again; if it stays so, tell an admin")
}

fn stranger(why: Stranger) -> Problem {
    tracing::warn!(%why, "somebody is not let in");
    let kind = if why == Stranger::State { Kind::Forged } else { Kind::NotAllowed };
    Problem::new(
        kind,
        why.to_string(),
        "begin again at /api/v1/session/provider; an admin can look at [oidc]",
    )
}
