//! `[web]`: what people use in a browser.

use serde::Deserialize;

use crate::config::secret::SecretRef;

/// `[web]`: what people use in a browser, at the addresses of `[http]` or `[api]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Origins beside the box's own whose pages may connect to the box: `https://HOST` or `https://HOST:PORT`. Default none.
    pub origins: Vec<String>,
    /// Relays for browsers whose network lets no sound through.
    pub turn: Turn,
    /// Seconds that a call waits for the page that was its telephone, and that nothing is offered to an agent whose page is
    /// gone: a reload takes two, another network ten; longer silence people do not bear. 5 to 120. Default 20.
    pub resume_s: u16,
}

impl Default for Web {
    fn default() -> Self {
        Web { origins: Vec::new(), turn: Turn::default(), resume_s: 20 }
    }
}

/// `[web.turn]`: servers that pass sound on (RFC 8656) for browsers that cannot reach the box with it themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// Where they are, as RFC 7065 writes it: `turn:HOST:PORT?transport=udp`, `turns:HOST:PORT?transport=tcp`. Default none.
    pub urls: Vec<String>,
    /// What the relays and this box know, and nobody else: pages get passwords made of it. Coturn: `static-auth-secret`.
    pub secret: Option<SecretRef>,
    /// For how many hours such a password is good; 1 to 48, default 12. A page that stays open gets a new one in time.
    pub hours: u16,
}

impl Default for Turn {
    fn default() -> Self {
        Turn { urls: Vec::new(), secret: None, hours: 12 }
    }
}
