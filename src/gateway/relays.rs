//! Relays for agents' pages: which there are, and passwords for them that are good for a while.
//!
//! The password is made of a secret that the relay and this box share, and says in its name until when it is good: the
//! box never talks to a relay, and a relay knows no agents (what coturn calls `use-auth-secret`, described in
//! draft-uberti-behave-turn-rest-00).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::agent::desk::Relay;
use crate::config::settings::Turn;
use crate::time::UnixTime;

/// What relays and this box know, and nobody else. Never printed.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// Of its text; relays take it for bytes as they are.
    pub fn new(text: &str) -> Secret {
        // SHA-1 is what relays compute; a hash that is keyed needs nothing of it that is broken (RFC 6151 has the same of MD5).
        Secret(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The relays of the branch.
#[derive(Debug, Default)]
pub(super) struct Relays {
    urls: Vec<String>,
    secret: Option<Secret>,
    lifetime: Duration,
}

impl Relays {
    /// As configured.
    pub fn new(settings: &Turn, secret: Option<Secret>) -> Relays {
        let lifetime = Duration::from_secs(u64::from(settings.hours) * 3_600);
        Relays { urls: settings.urls.clone(), secret, lifetime }
    }

    /// After how long a page is told of a new password, while the old one is still good; never where there are no relays.
    pub fn renewal(&self) -> Option<Duration> {
        (!self.urls.is_empty()).then_some(self.lifetime / 2)
    }

    /// What a page of somebody's may use from now on; the relay sees what they are called here.
    pub fn for_page(&self, now: UnixTime, whose: &str) -> Vec<Relay> {
        let Some(secret) = self.secret.as_ref().filter(|_| !self.urls.is_empty()) else {
            return Vec::new();
        };
        let username = format!("{}:{whose}", (now + self.lifetime).seconds());
        let credential = STANDARD.encode(hmac::sign(&secret.0, username.as_bytes()));
        vec![Relay { urls: self.urls.clone(), username, credential }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `openssl dgst -sha1 -hmac north -binary | base64` of the name.
    #[test]
    fn a_password_is_what_a_relay_computes_of_the_name() {
        let urls = vec!["turn:relay.example.com".to_owned()];
        let turn = Turn { urls: urls.clone(), secret: None, hours: 12 };
        let relays = Relays::new(&turn, Some(Secret::new("north")));
        let now = UnixTime(1_433_895_918_506_000);
        let relay = relays.for_page(now, "ann").pop().expect("one");
        assert_eq!((relay.urls, relay.username.as_str()), (urls, "1433939118:ann"));
        assert_eq!(relay.credential, "t2+njqIci2S8+LPBbj9h9Rwt/J8=");
        assert_eq!(relays.renewal(), Some(Duration::from_secs(6 * 3_600)));
        let none = Relays::new(&Turn::default(), None);
        assert!(none.for_page(now, "ann").is_empty() && none.renewal().is_none());
    }
}
