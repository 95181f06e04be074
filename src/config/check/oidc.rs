//! What `[oidc]` says.

use super::{Check, Step};
use crate::config::settings::OidcRole;
use crate::webhook::Target;

use Step::{At, Key};

/// The longest that the provider's clock may be off: a token lives for minutes.
const SKEW: std::ops::RangeInclusive<u16> = 0..=300;

impl Check<'_, '_> {
    pub(super) fn oidc(&mut self) {
        let own = &self.settings.oidc;
        let Some(issuer) = &own.issuer else { return };
        let at = |key| [Key("oidc"), Key(key)];
        match Target::parse(issuer) {
            Ok(target) if target.tls || own.private => {}
            _ => {
                let allowed = "`https://HOST`, or `private = true` for a provider in the branch";
                self.tell(&at("issuer"), "people would sign in at a place without proof", allowed);
            }
        }
        if !Target::parse(&own.here).is_ok_and(|target| target.tls && target.path == "/") {
            let allowed = "`https://HOST` or `https://HOST:PORT`, as browsers have it";
            self.tell(&at("here"), "the provider would not know where to send people", allowed);
        }
        if own.client_id.is_empty() {
            self.tell(&at("client_id"), "the provider would not know who asks", "its client's id");
        }
        let path = own.landing.starts_with('/') && !own.landing.starts_with("//");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._~-#".contains(&b);
        if !path || !own.landing.bytes().all(plain) {
            self.tell(&at("landing"), "that is no path of this box", "such as `/desk`");
        }
        if own.roles.is_empty() {
            let allowed = "such as `roles = [{ value = \"branch-admins\", role = \"admin\" }]`";
            self.tell(&at("roles"), "nobody would be let in", allowed);
        }
        for (place, given) in own.roles.iter().enumerate() {
            if !OidcRole::NAMES.contains(&given.role.as_str()) {
                let at = [Key("oidc"), Key("roles"), At(place), Key("role")];
                let problem = self.document.problem(&at, format!("no role `{}`", given.role));
                self.out.push(problem.suggesting(&given.role, OidcRole::NAMES));
            }
        }
        self.within(&at("clock_skew_s"), own.clock_skew_s, SKEW);
    }
}
