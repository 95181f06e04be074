//! What `[[webhook]]` says.

use super::{Check, Step};
use crate::webhook::{EVENTS, Target, Wanted};

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
            match Target::parse(&hook.url) {
                Err(error) => self.tell(&at("url"), error.to_string(), "`https://HOST/PATH`"),
                Ok(target) if !target.tls && !hook.private => {
                    let what = "what happens in the branch would go out in clear";
                    let allowed = "`https://`, or `private = true` for a receiver in the branch";
                    self.tell(&at("url"), what, allowed);
                }
                Ok(_) => {}
            }
            if hook.events.is_empty() {
                self.tell(&at("events"), "it would be told nothing", "`[\"*\"]` for everything");
            }
            if let Err(name) = Wanted::new(hook.events.iter().map(String::as_str)) {
                let what = format!("there is no event `{name}`");
                let problem = self.document.problem(&at("events"), what);
                self.out.push(problem.suggesting(name, EVENTS.iter().copied()));
            }
            self.within(&at("batch"), hook.batch, 1..=100);
            self.within(&at("timeout_s"), hook.timeout_s, 1..=120);
            self.within(&at("tries"), hook.tries, 0..=10_000);
            self.within(&at("longest_wait_s"), hook.longest_wait_s, 5..=86_400);
        }
    }
}
