//! What `[[trunk]]` says: servers, networks, accounts, limits.

use std::net::{IpAddr, SocketAddr};

use super::{Check, Step};
use crate::config::settings::Trunk;
use crate::sip::identity::Assertion;

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn trunks(&mut self) {
        let settings = self.settings;
        for (index, trunk) in settings.trunks.iter().enumerate() {
            let place = self.place("trunk", index);
            let at = |key| [Key("trunk"), At(place), Key(key)];
            self.within(&at("max_calls"), trunk.max_calls, 1..=10_000);
            self.within(&at("calls_in_per_second"), trunk.calls_in_per_second, 1..=1_000);
            self.within(&at("calls_out_per_second"), trunk.calls_out_per_second, 1..=1_000);
            if trunk.probe != 0 {
                self.within(&at("probe"), trunk.probe, 10..=3_600);
            }
            if trunk.keep_alive != 0 {
                self.within(&at("keep_alive"), trunk.keep_alive, 20..=840);
            }
            if let Some(price) = &trunk.inbound_price {
                let step = [Key("trunk"), At(place), Key("inbound_price"), Key("step")];
                self.within(&step, price.step, 1..=600);
            }
            if let Some(notice) = &trunk.record_notice {
                self.record_notice("trunk", place, notice);
            }
            self.networks(trunk, place);
            self.servers(trunk, place);
            self.registration(trunk, place);
            if trunk.servers.is_empty() && trunk.accept_from.is_empty() {
                let what = format!("trunk `{}` can neither make nor take calls", trunk.name);
                self.tell(&[Key("trunk"), At(place)], what, "`servers`, `accept_from`, or both");
            }
            let asserts = [Assertion::PAssertedIdentity, Assertion::RemotePartyId];
            if asserts.contains(&trunk.identity)
                && !trunk.servers.is_empty()
                && trunk.caller_id.is_none()
            {
                let what =
                    "there may be no number to assert: phones without their own show the trunk's";
                let problem = self.document.problem(&at("identity"), what).allowing("`caller_id`");
                self.out.push(problem.warning());
            }
        }
    }

    fn networks(&mut self, trunk: &Trunk, place: usize) {
        for (i, network) in trunk.accept_from.iter().enumerate() {
            let what = match bits_of(network) {
                Some(0) => format!("`{network}` would let anybody call without a password"),
                Some(_) => continue,
                None => format!("`{network}` is no address or network"),
            };
            let path = [Key("trunk"), At(place), Key("accept_from"), At(i)];
            self.tell(&path, what, "such as `192.0.2.7` or `192.0.2.0/24`");
        }
    }

    fn servers(&mut self, trunk: &Trunk, place: usize) {
        for (i, server) in trunk.servers.iter().enumerate() {
            let path = [Key("trunk"), At(place), Key("servers"), At(i)];
            if !is_server(&server.host) {
                let what = format!("`{}` is no server", server.host);
                self.tell(&path, what, "`host`, `host:port`, `address` or `[v6]:port`");
            }
            let Some(weight) = server.weight else { continue };
            let key = [Key("trunk"), At(place), Key("servers"), At(i), Key("weight")];
            self.within(&key, weight, 1..=1_000);
            if server.priority.is_none() {
                let what = "a weight counts among servers of one priority, and this has none";
                self.tell(
                    &key,
                    what,
                    "`priority` beside it, the same for those that share the calls",
                );
            }
        }
    }

    fn registration(&mut self, trunk: &Trunk, place: usize) {
        let accounts = [
            ("register", trunk.register.as_ref().map(|own| own.username.as_str())),
            ("auth", trunk.auth.as_ref().map(|own| own.username.as_str())),
        ];
        for (section, username) in accounts {
            let at = |key| [Key("trunk"), At(place), Key(section), Key(key)];
            if username.is_some_and(str::is_empty) {
                self.tell(&at("username"), "the user name is empty", "at least one character");
            }
            if username.is_some() && trunk.servers.is_empty() {
                let what = "there is no server to show the account to";
                self.tell(&[Key("trunk"), At(place), Key(section)], what, "`servers`");
            }
        }
        if let Some(register) = &trunk.register {
            let at = [Key("trunk"), At(place), Key("register"), Key("expires")];
            self.within(&at, register.expires, 60..=86_400);
        }
    }
}

/// The length of a network's prefix in bits; an address is a network of its own.
pub(super) fn bits_of(text: &str) -> Option<u8> {
    let (address, bits) =
        text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let most = if address.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
    bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|bits| *bits <= most)
}

pub(super) fn is_server(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() || text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |l: &str| {
        !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.len() <= 253
        && host.split('.').all(label)
        && port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0))
}
