//! What `[[webhook]]` and `[crm]` say.

use super::{Check, Step};
use crate::config::settings::CRM_HOOK;
use crate::webhook::{EVENTS, Target, Wanted, delivery};

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn webhooks(&mut self) {
        let settings = self.settings;
        for (index, hook) in settings.webhooks.iter().enumerate() {
            let place = self.place("webhook", index);
            let at = |key| [Key("webhook"), At(place), Key(key)];
            let mut before = settings.webhooks.iter().take(index);
            if before.any(|other| other.name == hook.name) {
                self.tell(&at("name"), format!("there is a webhook `{}` already", hook.name), "");
            }
            self.receiver(&at("url"), &hook.url, hook.private);
            let crm = settings.crm.url.is_some() && hook.name.as_str() == CRM_HOOK;
            if crm {
                let what = "[crm] is the webhook `crm` already";
                self.tell(&at("name"), what, "another name");
            }
            if hook.events.is_empty() {
                self.tell(&at("events"), "it would be told nothing", "`[\"*\"]` for everything");
            }
            self.events(&at("events"), &hook.events);
            self.within(&at("batch"), hook.batch, delivery::BATCH);
            self.within(&at("timeout_s"), hook.timeout_s, delivery::TIMEOUT_S);
            self.within(&at("tries"), hook.tries, delivery::TRIES);
            self.within(&at("longest_wait_s"), hook.longest_wait_s, delivery::LONGEST_WAIT_S);
        }
        self.crm();
    }

    fn crm(&mut self) {
        let crm = &self.settings.crm;
        let at = |key| [Key("crm"), Key(key)];
        match &crm.url {
            Some(url) => {
                self.receiver(&at("url"), url, crm.private);
                if url.contains('?') {
                    let what = "`/lookup` and `/events` are put behind it";
                    self.tell(&at("url"), what, "an address without `?`");
                }
                if crm.secret.is_none() {
                    let what = "[crm] has no `secret`: nothing would be signed";
                    self.tell(&at("url"), what, "`secret = { file = \"...\" }`");
                }
            }
            None if crm.secret.is_some() => {
                self.tell(&at("secret"), "[crm] has no `url`", "`https://HOST/PATH`");
            }
            None => {}
        }
        self.events(&at("events"), &crm.events);
        self.within(&at("timeout_ms"), crm.timeout_ms, 100..=5_000);
        self.within(&at("fresh_minutes"), crm.fresh_minutes, 0..=10_080);
        self.within(&at("unknown_minutes"), crm.unknown_minutes, 0..=10_080);
        self.within(&at("keep_days"), crm.keep_days, 1..=3_650);
    }

    /// Where a receiver is.
    pub(super) fn receiver(&mut self, at: &[Step<'_>], url: &str, private: bool) {
        match Target::parse(url) {
            Err(error) => self.tell(at, error.to_string(), "`https://HOST/PATH`"),
            Ok(target) if !target.tls && !private => {
                let what = "what happens in the branch would go out in clear";
                let allowed = "`https://`, or `private = true` for a receiver in the branch";
                self.tell(at, what, allowed);
            }
            Ok(_) => {}
        }
    }

    fn events(&mut self, at: &[Step<'static>], events: &[String]) {
        if let Err(name) = Wanted::new(events.iter().map(String::as_str)) {
            let what = format!("there is no event `{name}`");
            let problem = self.document.problem(at, what);
            self.out.push(problem.suggesting(name, EVENTS.iter().copied()));
        }
    }
}
