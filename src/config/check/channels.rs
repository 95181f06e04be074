//! What `[channels.NAME]` says.

mod chat;
mod mail;
mod service;

use std::collections::BTreeMap;

use super::{Check, Step};
use crate::config::settings::ChannelKind;
use crate::messaging::ledger;

mod smpp;

use Step::Key;

impl Check<'_, '_> {
    pub(super) fn channels(&mut self) {
        let settings = self.settings;
        let (queues, trunks) = (self.names_of("queue"), self.names_of("trunk"));
        let mut first = BTreeMap::new();
        for (name, own) in &settings.channels {
            let at = |key: &'static str| [Key("channels"), Key(name.as_str()), Key(key)];
            if let Some(queue) = &own.queue {
                self.known(&at("queue"), "queue", queue.as_str(), &queues);
            }
            if own.flow.is_some() && own.queue.is_none() {
                let what = "nobody goes on where the flow does not";
                self.tell(&at("flow"), what, "a `queue` beside it");
            }
            for trunk in &own.trunks {
                self.known(&at("trunks"), "trunk", trunk.as_str(), &trunks);
            }
            if own.rate.is_some_and(|rate| !(0.01..=1_000.0).contains(&rate)) {
                self.tell(
                    &at("rate"),
                    "so many messages a second are not possible",
                    "0.01 to 1000",
                );
            }
            self.within(&at("window"), own.window, 1..=1_000);
            if let Some(after) = own.fallback_after_s {
                self.within(&at("fallback_after_s"), after, 10..=86_400);
            }
            match &own.fallback {
                Some(other) if other == name || !settings.channels.contains_key(other) => {
                    let names = settings.channels.keys().filter(|one| *one != name);
                    let names: Vec<_> = names.map(|one| one.as_str()).collect();
                    let what = format!("`{other}` is no other channel");
                    self.tell(&at("fallback"), what, &names.join(", "));
                }
                None if own.fallback_after_s.is_some() => {
                    let what = "there is nowhere to go after that";
                    self.tell(&at("fallback_after_s"), what, "a `fallback` beside it");
                }
                _ => {}
            }
            self.smpp_of(name, own);
            if !own.kind.is_joined() {
                let what = "this version carries no such channel";
                self.tell(
                    &at("kind"),
                    what,
                    "\"sip\", \"modem\", \"chat\", \"smpp\", \"mail\", or a service such as \"telegram\"",
                );
            }
            self.service(name.as_str(), own);
            self.modems(name, own);
            self.chat(name.as_str(), own);
            self.mail(name.as_str(), own);
            if own.kind != ChannelKind::Sip {
                continue;
            }
            if let Some(other) = first.insert(own.kind, name) {
                let what = format!("the phones of the branch have the channel `{other}` already");
                self.tell(&at("kind"), what, "one channel of this kind");
            }
        }
        for language in &settings.messages.languages {
            if !ledger::is_known_language(language) {
                let known: Vec<_> = ledger::languages().collect();
                let at = [Key("messages"), Key("languages")];
                let what = format!("nobody here knows what STOP is in `{language}`");
                self.tell(&at, what, &known.join(", "));
            }
        }
    }
}
