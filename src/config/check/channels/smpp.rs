//! What `[channels.NAME.smpp]` says.

use super::{Check, Step};
use crate::config::settings::channel::smpp::{Binding, Smpp, address};
use crate::config::settings::{Channel, ChannelKind};
use crate::id::ChannelId;

use Step::{At, Key};

/// Octets of each field of a bind, without its NUL (SMPP 3.4 section 4.1.1), and of `service_type`.
const SYSTEM_ID: usize = 15;
const SYSTEM_TYPE: usize = 12;
const ADDRESS_RANGE: usize = 40;
const SERVICE_TYPE: usize = 5;
/// Characters of a sender's name (3GPP TS 23.040 section 9.1.2.5), and digits of its number (SMPP 3.4 section 5.2.8).
const NAME: usize = 11;
const NUMBER: usize = 20;
/// Hosts of one carrier: it has two or three.
const HOSTS: usize = 8;

impl Check<'_, '_> {
    pub(super) fn smpp_of(&mut self, name: &ChannelId, own: &Channel) {
        let at = [Key("channels"), Key(name.as_str())];
        match (&own.smpp, own.kind) {
            (None, ChannelKind::Smpp) => {
                let what = "nothing says where the carrier is";
                self.tell(&at, what, &format!("`[channels.{name}.smpp]` beside it"));
            }
            (Some(_), kind) if kind != ChannelKind::Smpp => {
                let [channels, name] = at;
                let at = [channels, name, Key("smpp")];
                self.tell(&at, "this channel is no carrier's SMPP", "`kind = \"smpp\"`");
            }
            (Some(smpp), _) => self.carrier(name, own, smpp),
            (None, _) => {}
        }
    }

    fn carrier(&mut self, name: &ChannelId, own: &Channel, smpp: &Smpp) {
        let at = |key: &'static str| [Key("channels"), Key(name.as_str()), Key("smpp"), Key(key)];
        self.hosts(name, smpp);
        for (key, text, most) in [
            ("system_id", &smpp.system_id, SYSTEM_ID),
            ("system_type", &smpp.system_type, SYSTEM_TYPE),
            ("address_range", &smpp.address_range, ADDRESS_RANGE),
            ("service_type", &smpp.service_type, SERVICE_TYPE),
        ] {
            if text.len() > most || !text.is_ascii() || text.contains(char::is_control) {
                let allowed = format!("up to {most} letters, digits and signs");
                self.tell(&at(key), "SMPP has no room for that", &allowed);
            }
        }
        if smpp.system_id.is_empty() {
            self.tell(&at("system_id"), "a carrier has to know who binds", "the name it gave you");
        }
        self.within(&at("enquire_s"), smpp.enquire_s, 5..=600);
        self.within(&at("answer_s"), smpp.answer_s, 2..=120);
        self.within(&at("clock_minutes"), smpp.clock_minutes, -720..=840);
        for (key, ton) in [
            ("address_ton", Some(smpp.address_ton)),
            ("from_ton", smpp.from_ton),
            ("to_ton", smpp.to_ton),
        ] {
            self.within(&at(key), ton.unwrap_or(0), 0..=6);
        }
        for (key, npi) in [
            ("address_npi", Some(smpp.address_npi)),
            ("from_npi", smpp.from_npi),
            ("to_npi", smpp.to_npi),
        ] {
            self.within(&at(key), npi.unwrap_or(0), 0..=18);
        }
        if smpp.from.as_ref().is_some_and(|from| !is_sender(from)) {
            let allowed = format!("`+` and digits, digits, or up to {NAME} letters");
            self.tell(&at("from"), "nobody can send from there", &allowed);
        }
        if smpp.authorities.is_some() && !smpp.tls {
            let what = "nothing is proved without TLS";
            self.tell(&at("authorities"), what, "`tls = true` beside it");
        }
        if smpp.bind == Binding::Transmitter && own.queue.is_some() {
            let what = "nothing comes by a link that only transmits";
            self.tell(&at("bind"), what, "\"transceiver\", \"separate\", or no `queue`");
        }
    }

    fn hosts(&mut self, name: &ChannelId, smpp: &Smpp) {
        let at = |key: Step<'static>| {
            [Key("channels"), Key(name.as_str()), Key("smpp"), Key("hosts"), key]
        };
        if smpp.hosts.is_empty() || smpp.hosts.len() > HOSTS {
            let what = format!("a carrier has {} hosts", smpp.hosts.len());
            self.tell(&at(At(0))[..4], what, &format!("1 to {HOSTS}"));
        }
        for (place, host) in smpp.hosts.iter().enumerate() {
            if address(host).is_none() {
                let what = format!("`{host}` is no host with a port");
                self.tell(&at(At(place)), what, "as in \"smpp.example.com:2775\"");
            }
        }
    }
}

fn is_sender(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let number = !digits.is_empty()
        && digits.len() <= NUMBER
        && digits.bytes().all(|octet| octet.is_ascii_digit());
    let name = text.is_ascii()
        && text.len() <= NAME
        && text.bytes().any(|octet| octet.is_ascii_alphabetic())
        && !text.contains(char::is_control);
    number || name
}
