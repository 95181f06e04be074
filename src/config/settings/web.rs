//! `[web]`: what people use in a browser.

use serde::Deserialize;

/// `[web]`: what people use in a browser, at the addresses of `[http]` or `[api]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Origins beside the box's own whose pages may connect to the box: `https://HOST` or `https://HOST:PORT`. Default none.
    pub origins: Vec<String>,
}
