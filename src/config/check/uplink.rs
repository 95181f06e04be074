//! What `[uplink]` says.

use super::{Check, Step};
use crate::uplink::policy::Treatment;
use crate::uplink::token::is_site;

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn uplink(&mut self) {
        let uplink = &self.settings.uplink;
        let at = |key| [Key("uplink"), Key(key)];
        for (place, hub) in uplink.hub.iter().enumerate() {
            if !is_reachable(hub) {
                let what = format!("`{hub}` is no address of a hub");
                self.tell(&[Key("uplink"), Key("hub"), At(place)], what, "`NAME:PORT`");
            }
        }
        if let Some(site) = uplink.site.as_ref().filter(|site| !is_site(site)) {
            let what = format!("a site cannot be called `{site}`");
            self.tell(&at("site"), what, "1 to 63 ASCII letters, digits, `-` and `_`");
        }
        if let Some(kbps) = uplink.ceiling_kbps {
            self.within(&at("ceiling_kbps"), kbps, 16..=10_000_000);
        }
        self.within(&at("dscp"), uplink.dscp, 0..=63);
        self.within(&at("ask_ms"), uplink.ask_ms, 50..=5_000);
        for (key, said) in [("recording", uplink.policy.recording), ("file", uplink.policy.file)] {
            if said.is_some_and(|said| !matches!(said, Treatment::Keep | Treatment::Send)) {
                let what = "bytes are neither masked nor hashed".to_owned();
                let at = [Key("uplink"), Key("policy"), Key(key)];
                self.tell(&at, what, "`keep` or `send`");
            }
        }
        let budget = |key| [Key("uplink"), Key("budget"), Key(key)];
        self.within(&budget("max_mb"), uplink.budget.max_mb, 32..=1_000_000);
        self.within(&budget("alarm_percent"), uplink.budget.alarm_percent, 10..=100);
    }
}

/// A name or an address, and a port.
fn is_reachable(hub: &str) -> bool {
    let Some((name, port)) = hub.rsplit_once(':') else { return false };
    let letters = |c: char| c.is_ascii_alphanumeric() || "-.[]:".contains(c);
    let named = !name.is_empty() && name.chars().all(letters);
    // An address of IPv6 stands in brackets, or its last group would be the port.
    let bare = name.contains(':') && !(name.starts_with('[') && name.ends_with(']'));
    named && !bare && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_hub_has_a_name_and_a_port() {
        for good in ["hub.example.com:4433", "192.0.2.1:443", "[2001:db8::1]:4433"] {
            assert!(is_reachable(good), "{good}");
        }
        for bad in ["", "hub", ":443", "hub:", "hub:0", "hub:99999", "2001:db8::1:443", "a b:1"] {
            assert!(!is_reachable(bad), "{bad}");
        }
    }
}
