//! `[oidc]`: where people sign in who have an account elsewhere.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretRef;
use crate::webhook::Reach;

/// `[oidc]`: an OpenID Connect provider where people sign in. Passwords of this box go on working beside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oidc {
    /// The provider, as it names itself: `https://login.example.com`. Default none: nobody signs in elsewhere.
    pub issuer: Option<String>,
    /// What the provider calls this box.
    pub client_id: String,
    /// What proves to the provider that it is this box; default none, for a public client.
    pub client_secret: Option<SecretRef>,
    /// Where browsers reach this box: `https://HOST`; the provider has `https://HOST/api/v1/session/provider/back` as
    /// the redirect URI.
    pub here: String,
    /// Where a browser goes once somebody has signed in: a path of this box. Default `/`.
    pub landing: String,
    /// Scopes besides `openid` that are asked for. Default `profile`.
    pub scopes: Vec<String>,
    /// The claim that is the user's name here. Default `preferred_username`.
    pub name_claim: String,
    /// The claim that says which agent a user is; default none.
    pub agent_claim: Option<String>,
    /// The claim that roles are read from, a text or a list of texts. Default `groups`.
    pub role_claim: String,
    /// Which value gives which role; the first one that somebody has counts. Whoever has none is not let in.
    pub roles: Vec<OidcRole>,
    /// Seconds that the provider's clock may differ from ours; 0 to 300, default 60.
    pub clock_skew_s: u16,
    /// Whether the provider may be at a private address, over plain HTTP too; default no.
    pub private: bool,
    /// Authorities that prove its server besides the system's: a PEM file. Default none.
    pub authorities: Option<PathBuf>,
}

/// A value of the role claim, and the role that it gives.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcRole {
    /// The value.
    pub value: String,
    /// `agent`, `supervisor`, `admin` or `auditor`.
    pub role: String,
}

impl OidcRole {
    /// Roles that there are.
    pub const NAMES: [&str; 4] = ["agent", "supervisor", "admin", "auditor"];
}

impl Default for Oidc {
    fn default() -> Self {
        Oidc {
            issuer: None,
            client_id: String::new(),
            client_secret: None,
            here: String::new(),
            landing: "/".to_owned(),
            scopes: vec!["profile".to_owned()],
            name_claim: "preferred_username".to_owned(),
            agent_claim: None,
            role_claim: "groups".to_owned(),
            roles: Vec::new(),
            clock_skew_s: 60,
            private: false,
            authorities: None,
        }
    }
}

impl Oidc {
    /// Which addresses the provider may have.
    pub fn reach(&self) -> Reach {
        Reach { private: self.private }
    }
}
