//! What `[smpp_server]` says.

use std::collections::BTreeMap;

use super::{Check, Step, bits_of};
use crate::config::settings::smpp_server::Application;
use crate::id::ApplicationId;
use crate::messaging::{Kind, application::LONGEST_WORD};

use Step::{At, Key};

/// Octets of a `system_id` without its NUL (SMPP 3.4 section 5.2.1).
const SYSTEM_ID: usize = 15;
/// For what messages are.
const PURPOSES: [&str; 3] = ["service", "marketing", "code"];

impl Check<'_, '_> {
    pub(super) fn smpp_server(&mut self) {
        let own = &self.settings.smpp_server;
        let at = |key| [Key("smpp_server"), Key(key)];
        self.within(&at("enquire_s"), own.enquire_s, 5..=600);
        self.within(&at("answer_s"), own.answer_s, 2..=120);
        self.system_id(&at("system_id"), &own.system_id);
        if own.is_on() && own.applications.is_empty() {
            let allowed = "`[smpp_server.applications.NAME]` for each";
            self.tell(&[Key("smpp_server")], "nobody may bind", allowed);
        }
        for (i, address) in own.listen_tls.iter().enumerate() {
            if own.listen.contains(address) {
                let at = [Key("smpp_server"), Key("listen_tls"), At(i)];
                self.tell(&at, "it listens there without TLS already", "another port");
            }
        }
        let mut ids: BTreeMap<&str, &ApplicationId> = BTreeMap::new();
        for (name, application) in &own.applications {
            if let Some(other) = ids.insert(&application.system_id, name) {
                let what = format!("`{other}` binds by this already");
                self.tell(&of(name, "system_id"), what, "a name of its own");
            }
            self.application(name, application);
        }
    }

    fn application(&mut self, name: &ApplicationId, own: &Application) {
        self.system_id(&of(name, "system_id"), &own.system_id);
        self.within(&of(name, "links"), own.links, 1..=20);
        self.within(&of(name, "rate"), own.rate, 1..=10_000);
        self.within(&of(name, "window"), own.window, 1..=1_000);
        if own.binds.is_empty() {
            let allowed = "\"transmitter\", \"receiver\", \"transceiver\"";
            self.tell(&of(name, "binds"), "it may not bind at all", allowed);
        }
        if !PURPOSES.contains(&own.purpose.as_str()) {
            let allowed = PURPOSES.map(|one| format!("\"{one}\"")).join(", ");
            self.tell(&of(name, "purpose"), "no consent is asked for that", &allowed);
        }
        if own.kinds().iter().any(|kind| kind.sends()) && own.channels.is_empty() {
            let what = "nothing says by which channel its messages go";
            self.tell(
                &of(name, "channels"),
                what,
                "the name of a channel, or `binds = [\"receiver\"]`",
            );
        }
        self.application_networks(name, own);
        self.application_channels(name, own);
        for (key, patterns) in [("sources", &own.sources), ("destinations", &own.destinations)] {
            for (i, pattern) in patterns.iter().enumerate() {
                let bare = pattern.strip_suffix('*').unwrap_or(pattern);
                if bare.contains('*') || bare.len() > LONGEST_WORD || pattern.is_empty() {
                    let [section, table, name, key] = of(name, key);
                    let allowed = "such as `+15550100` or `+1555*`";
                    self.tell(&[section, table, name, key, At(i)], "no address is so", allowed);
                }
            }
        }
    }

    fn application_networks(&mut self, name: &ApplicationId, own: &Application) {
        for (i, network) in own.networks.iter().enumerate() {
            let [section, table, name, key] = of(name, "networks");
            let at = [section, table, name, key, At(i)];
            match bits_of(network) {
                Some(0) => {
                    let what = format!("`{network}` lets the whole world try passwords");
                    let problem = self.document.problem(&at, what).warning();
                    self.out.push(problem.allowing("the networks of the application"));
                }
                Some(_) => {}
                None => {
                    let what = format!("`{network}` is no address or network");
                    self.tell(&at, what, "such as `192.168.0.0/16`");
                }
            }
        }
    }

    fn application_channels(&mut self, name: &ApplicationId, own: &Application) {
        let settings = self.settings;
        for (key, channels) in [("channels", &own.channels), ("texts_by", &own.texts_by)] {
            for (i, channel) in channels.iter().enumerate() {
                let [section, table, name, key] = of(name, key);
                let at = [section, table, name, key, At(i)];
                let kind = settings.channels.get(channel).map(|channel| channel.kind);
                if !kind.is_some_and(|kind| kind.reaches().contains(&Kind::Phone)) {
                    let texts = settings.channels.iter();
                    let texts = texts.filter(|(_, own)| own.kind.reaches().contains(&Kind::Phone));
                    let names: Vec<_> = texts.map(|(name, _)| name.as_str()).collect();
                    let what = format!("`{channel}` is no channel that reaches numbers");
                    self.tell(&at, what, &names.join(", "));
                }
            }
        }
        let rules = [("texts_to", &own.texts_to), ("texts_words", &own.texts_words)];
        for (key, list) in rules {
            if !list.is_empty() && own.texts_by.is_empty() {
                self.tell(&of(name, key), "no channel's texts are its", "`texts_by` beside it");
            }
        }
    }

    fn system_id(&mut self, at: &[Step<'_>], text: &str) {
        let plain = text.is_ascii() && !text.contains(char::is_control);
        if text.is_empty() || text.len() > SYSTEM_ID || !plain {
            let allowed = format!("1 to {SYSTEM_ID} letters, digits and signs");
            self.tell(at, "SMPP has no room for that", &allowed);
        }
    }
}

fn of<'a>(name: &'a ApplicationId, key: &'static str) -> [Step<'a>; 4] {
    [Key("smpp_server"), Key("applications"), Key(name.as_str()), Key(key)]
}
