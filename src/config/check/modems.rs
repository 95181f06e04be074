//! What `[channels.NAME.modem]` and `[channels.NAME.sim.SIM]` say.

use super::{Check, Step};
use crate::config::settings::modem::{ALPHABETS, Sim};
use crate::config::settings::{Channel, ChannelKind};
use crate::id::ChannelId;

use Step::{At, Key};

/// SIMs of one channel: more than a box has places for, and few enough for a table.
const MOST_SIMS: usize = 16;
/// A limit beyond this is none.
const MOST_PARTS: u32 = 1_000_000;
/// Digits of an IMEI (TS 23.003 section 6.2.1), with its check digit.
const IMEI: usize = 15;
/// Digits of an ICCID (ITU-T E.118).
const ICCID: std::ops::RangeInclusive<usize> = 18..=20;

impl Check<'_, '_> {
    pub(super) fn modems(&mut self, name: &ChannelId, own: &Channel) {
        let at = |key: &'static str| [Key("channels"), Key(name.as_str()), Key(key)];
        if own.kind != ChannelKind::Modem {
            let keys = [("modem", own.modem.is_some()), ("sim", !own.sim.is_empty())];
            for (key, _) in keys.iter().filter(|(_, said)| *said) {
                self.tell(&at(key), "this channel has no modems", "`kind = \"modem\"` beside it");
            }
            return;
        }
        if own.sim.is_empty() || own.sim.len() > MOST_SIMS {
            let what = "a channel of this kind has 1 to 16 SIMs";
            self.tell(&at("kind"), what, &format!("`[channels.{name}.sim.SIM]` for each"));
        }
        self.shared(name, own);
        for (sim, one) in &own.sim {
            self.sim(name, sim, one);
        }
        let any: Vec<_> = own.sim.iter().filter(|(_, one)| one.is_anywhere()).collect();
        if let [_, (second, _), ..] = any[..] {
            let what = "nothing says which modem or SIM is which";
            let at = [Key("channels"), Key(name.as_str()), Key("sim"), Key(second)];
            self.tell(&at, what, "`port`, `imei` or `iccid`");
        }
    }

    fn shared(&mut self, name: &ChannelId, own: &Channel) {
        let Some(shared) = &own.modem else { return };
        let at = |key: &'static str| [Key("channels"), Key(name.as_str()), Key("modem"), Key(key)];
        self.within(&at("max_parts"), shared.max_parts, 1..=255);
        for language in &shared.alphabets {
            if !ALPHABETS.iter().any(|(known, _)| known == language) {
                let known: Vec<_> = ALPHABETS.iter().map(|(known, _)| *known).collect();
                let what = format!("no text message has an alphabet for `{language}`");
                self.tell(&at("alphabets"), what, &known.join(", "));
            }
        }
        for (place, route) in shared.routes.iter().enumerate() {
            let [channels, channel, modem, key] = at("routes");
            let here = [channels, channel, modem, key, At(place)];
            let digits = route.prefix.strip_prefix('+').unwrap_or(&route.prefix);
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                let what = format!("no number begins with `{}`", route.prefix);
                self.tell(&here, what, "digits, with a `+` in front for a country");
            }
            for sim in route.sims.iter().filter(|sim| !own.sim.contains_key(*sim)) {
                let known: Vec<_> = own.sim.keys().map(String::as_str).collect();
                self.tell(&here, format!("there is no SIM `{sim}`"), &known.join(", "));
            }
        }
    }

    fn sim(&mut self, name: &ChannelId, sim: &str, one: &Sim) {
        let at = |key: &'static str| {
            [Key("channels"), Key(name.as_str()), Key("sim"), Key(sim), Key(key)]
        };
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if one.imei.as_ref().is_some_and(|imei| imei.len() != IMEI || !digits(imei)) {
            self.tell(&at("imei"), "that is no serial number of a modem", "15 digits");
        }
        if one.iccid.as_ref().is_some_and(|iccid| !ICCID.contains(&iccid.len()) || !digits(iccid)) {
            self.tell(&at("iccid"), "that is no serial number of a SIM", "18 to 20 digits");
        }
        for (key, limit) in [
            ("per_second", one.per_second),
            ("per_hour", one.per_hour),
            ("per_day", one.per_day),
            ("per_month", one.per_month),
            ("recipients", one.recipients),
        ] {
            if let Some(limit) = limit {
                self.within(&at(key), limit, 1..=MOST_PARTS);
            }
        }
    }
}
