//! Signing out at a provider: what its logout token has to say (OpenID Connect Back-Channel Logout 1.0).
//!
//! That the token is the provider's own is proved by a driver before it comes here. Whoever shows a token again is
//! refused for as long as the token would count.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::admin::access::provider::Audience;
use crate::time::UnixTime;

/// What a logout token is told from every other token by (section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How old a token may be, in seconds: a provider sends it at once, and tries again for some minutes.
const OLDEST: f64 = 600.0;
/// Tokens that are remembered. Each was signed by the provider, which signs none twice; more than these in ten minutes
/// are refused, for a token that was forgotten could be shown again.
const MOST_SEEN: usize = 10_000;
/// Characters of the longest name of a token, a subject or a session.
const LONGEST: usize = 255;

/// What a logout token says.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    iss: String,
    aud: Audience,
    iat: f64,
    exp: f64,
    jti: String,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    sid: Option<String>,
    events: Map<String, Value>,
    #[serde(default)]
    nonce: Option<Value>,
}

/// Whose sessions end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    /// The provider's own name for them; whoever has the session, where that alone is named.
    pub subject: Option<String>,
    /// The one session, by the provider's name for it; all of them when nothing.
    pub session: Option<String>,
}

/// Why a token ends nobody's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Another provider's.
    Issuer,
    /// For another program.
    Audience,
    /// Over, too old, or of times to come.
    Time,
    /// It is about something else: who signs in has such tokens too.
    Event,
    /// It names nobody, or at a length that nobody has.
    Nobody,
    /// It was shown before.
    Again,
    /// More than may be remembered.
    TooMany,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrong::Issuer => "the logout token is another provider's",
            Wrong::Audience => "the logout token is for another program",
            Wrong::Time => {
                "the logout token is over, too old or not valid yet: do the clocks agree?"
            }
            Wrong::Event => "that is no logout token",
            Wrong::Nobody => "the logout token names nobody",
            Wrong::Again => "the logout token was shown before",
            Wrong::TooMany => "more logout tokens than are remembered",
        })
    }
}

/// Tokens that were shown, until they count no longer.
#[derive(Debug, Default)]
pub struct Leaving {
    seen: BTreeMap<String, i64>,
}

impl Leaving {
    /// Whose sessions a token ends, once (section 2.6).
    ///
    /// # Errors
    /// When it ends nobody's.
    pub fn take(
        &mut self,
        now: UnixTime,
        (issuer, client, skew): (&str, &str, u16),
        claims: &Claims,
    ) -> Result<Leaver, Wrong> {
        if claims.iss != issuer {
            return Err(Wrong::Issuer);
        }
        if !claims.aud.is(client) {
            return Err(Wrong::Audience);
        }
        let (seconds, skew) = (now.seconds() as f64, f64::from(skew));
        let fresh = (seconds - OLDEST - skew..=seconds + skew).contains(&claims.iat);
        if !fresh || claims.exp <= seconds - skew {
            return Err(Wrong::Time);
        }
        // A token of somebody who signs in carries a nonce and no event: it must not do for this (section 2.4).
        if claims.nonce.is_some() || !claims.events.get(EVENT).is_some_and(Value::is_object) {
            return Err(Wrong::Event);
        }
        let named = [&claims.sub, &claims.sid];
        let good = |text: &String| (1..=LONGEST).contains(&text.len());
        let names = named.into_iter().flatten();
        if named.iter().all(|name| name.is_none()) || !names.chain([&claims.jti]).all(good) {
            return Err(Wrong::Nobody);
        }
        self.remember(now, claims, skew)?;
        Ok(Leaver { subject: claims.sub.clone(), session: claims.sid.clone() })
    }

    fn remember(&mut self, now: UnixTime, claims: &Claims, skew: f64) -> Result<(), Wrong> {
        self.seen.retain(|_, until| *until > now.seconds());
        if self.seen.contains_key(&claims.jti) {
            return Err(Wrong::Again);
        }
        if self.seen.len() >= MOST_SEEN {
            return Err(Wrong::TooMany);
        }
        // Until it is too old whatever it says of its end.
        let until = claims.iat + OLDEST + 2.0 * skew;
        self.seen.insert(claims.jti.clone(), until.ceil() as i64 + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.example.com";
    const NOW: UnixTime = UnixTime(1_700_000_000_000_000);

    fn claims(change: &[(&str, Value)]) -> Claims {
        let mut claims = json!({
            "iss": ISSUER, "aud": "branch", "iat": 1_700_000_000, "exp": 1_700_000_120, "jti": "1",
            "sub": "u1", "events": { EVENT: {} },
        });
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        serde_json::from_value(claims).unwrap()
    }

    fn take(leaving: &mut Leaving, now: UnixTime, claims: &Claims) -> Result<Leaver, Wrong> {
        leaving.take(now, (ISSUER, "branch", 60), claims)
    }

    #[test]
    fn a_token_ends_sessions_once_for_as_long_as_it_counts() {
        let mut leaving = Leaving::default();
        let all = Leaver { subject: Some("u1".to_owned()), session: None };
        assert_eq!(take(&mut leaving, NOW, &claims(&[])), Ok(all));
        for seconds in 0..2_000 {
            let now = UnixTime(NOW.0 + seconds * 1_000_000);
            // Whatever it says of its end.
            for exp in [120, 100_000] {
                let told = take(&mut leaving, now, &claims(&[("exp", json!(1_700_000_000 + exp))]));
                assert!(matches!(told, Err(Wrong::Again | Wrong::Time)), "{seconds}: {told:?}");
            }
        }
        let late = UnixTime(NOW.0 + 2_000_000_000);
        let other = [
            ("jti", json!("3")),
            ("iat", json!(late.seconds())),
            ("exp", json!(late.seconds() + 9)),
        ];
        assert!(take(&mut leaving, late, &claims(&other)).is_ok());
        assert_eq!(leaving.seen.len(), 1, "the first is forgotten once it does not count");
        let one = claims(&[("sub", Value::Null), ("sid", json!("s")), ("jti", json!("2"))]);
        let one = take(&mut leaving, NOW, &one).unwrap();
        assert_eq!(one, Leaver { subject: None, session: Some("s".to_owned()) });
    }

    #[test]
    fn what_is_no_logout_token_ends_nothing() {
        let seconds = |after: i64| json!(1_700_000_000 + after);
        let wrong = [
            ("iss", json!("https://evil.example.com"), Wrong::Issuer),
            ("aud", json!("other"), Wrong::Audience),
            ("aud", json!(["branch", "other"]), Wrong::Audience),
            ("exp", seconds(-60), Wrong::Time),
            ("iat", seconds(61), Wrong::Time),
            ("iat", seconds(-661), Wrong::Time),
            ("nonce", json!("n"), Wrong::Event),
            ("events", json!({}), Wrong::Event),
            ("events", json!({ EVENT: true }), Wrong::Event),
            ("sub", Value::Null, Wrong::Nobody),
            ("sub", json!(""), Wrong::Nobody),
            ("sid", json!("x".repeat(300)), Wrong::Nobody),
            ("jti", json!(""), Wrong::Nobody),
        ];
        let mut leaving = Leaving::default();
        for (name, value, why) in wrong {
            let told = take(&mut leaving, NOW, &claims(&[(name, value.clone())]));
            assert_eq!(told, Err(why), "{name} = {value}");
        }
        assert!(leaving.seen.is_empty(), "nothing of these is remembered");
        for number in 0..2 * MOST_SEEN {
            let _ = take(&mut leaving, NOW, &claims(&[("jti", json!(format!("t{number}")))]));
        }
        assert_eq!(leaving.seen.len(), MOST_SEEN);
    }
}
