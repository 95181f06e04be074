//! What `[http]`, `[provisioning]` and `[[phone]]` say: networks, addresses, lines and keys.

use std::collections::BTreeSet;

use super::trunks::bits_of;
use super::{Check, Step};
use crate::address::Number;

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn web(&mut self) {
        let settings = self.settings;
        for (i, network) in settings.http.networks.iter().enumerate() {
            let at = [Key("http"), Key("networks"), At(i)];
            match bits_of(network) {
                Some(0) if !settings.http.listen.is_empty() => {
                    let what = format!("`{network}` lets the whole world ask for configurations");
                    let problem = self.document.problem(&at, what).warning();
                    self.out.push(problem.allowing("the networks of the branch"));
                }
                Some(_) => {}
                None => {
                    let what = format!("`{network}` is no address or network");
                    self.tell(&at, what, "such as `192.168.0.0/16`");
                }
            }
        }
        for (i, relay) in settings.http.relays.iter().enumerate() {
            if bits_of(relay).is_none_or(|bits| bits == 0) {
                let what = format!("`{relay}` is not the address of a relay");
                let at = [Key("http"), Key("relays"), At(i)];
                self.tell(&at, what, "such as `10.0.0.7`");
            }
        }
        let own = &settings.provisioning;
        let at = |key| [Key("provisioning"), Key(key)];
        self.within(&at("repeat_hours"), own.repeat_hours, 1..=720);
        if (!own.url.is_empty() || !settings.phones.is_empty()) && own.host().is_none() {
            let what = "desk phones need the address of the box over HTTPS";
            self.tell(&at("url"), what, "such as `https://pbx.example:8443`, without a path");
        }
        if !own.server.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b)) {
            let what = format!("`{}` is no host", own.server);
            self.tell(&at("server"), what, "a host or an address, without a port");
        }
    }

    pub(super) fn desk_phones(&mut self) {
        let settings = self.settings;
        let extensions = self.names_of("extension");
        let mut seen = BTreeSet::new();
        for (index, phone) in settings.phones.iter().enumerate() {
            let place = self.place("phone", index);
            if phone.lines.is_empty() {
                let what = "a phone has at least one line";
                self.tell(&[Key("phone"), At(place), Key("lines")], what, "numbers of extensions");
            }
            for (i, line) in phone.lines.iter().enumerate() {
                let at = [Key("phone"), At(place), Key("lines"), At(i)];
                self.known(&at, "extension", line.as_str(), &extensions);
            }
            for (i, key) in phone.keys.iter().enumerate() {
                if Number::parse(&key.number).is_err() {
                    let at = [Key("phone"), At(place), Key("keys"), At(i), Key("number")];
                    self.tell(&at, format!("`{}` cannot be dialled", key.number), "a number");
                }
            }
            if !seen.insert(&phone.mac) {
                let what = "another [[phone]] has this hardware address already";
                self.tell(&[Key("phone"), At(place), Key("mac")], what, "");
            }
        }
        if !settings.phones.is_empty() && settings.http.listen.is_empty() {
            let what = "no phone can fetch its configuration: HTTPS listens nowhere";
            let problem = self.document.problem(&[Key("phone")], what).warning();
            self.out.push(problem.allowing("addresses in `[http] listen`"));
        }
    }
}
