//! What `[messages]` says.

use super::{Check, Step};
use crate::journey::{Carrier, Channel};

use Step::Key;

impl Check<'_, '_> {
    pub(super) fn messages(&mut self) {
        let settings = self.settings;
        let hooks = self.names_of("webhook");
        for (channel, text) in settings.messages.each() {
            let at = [Key("messages"), Key(channel.name())];
            match text.parse() {
                Err(wrong) => {
                    let what = format!("`{text}` carries no messages");
                    self.tell(&at, what, &format!("{wrong}"));
                }
                Ok(Carrier::Phone) if channel == Channel::Mail => {
                    self.tell(&at, "a phone takes no mail", "`webhook:NAME`");
                }
                Ok(Carrier::Phone) => {}
                Ok(Carrier::Webhook(name)) => {
                    self.known(&at, "webhook", name.as_str(), &hooks);
                    let hook = settings.webhooks.iter().find(|hook| hook.name == name);
                    let Some(hook) = hook else { continue };
                    if !hook.personal {
                        let what = format!("webhook `{name}` is not told whom a message is for");
                        self.tell(&at, what, "`personal = true` in its section");
                    }
                    if !hook.is_told_of_journeys() {
                        let what = format!("webhook `{name}` is not told of messages");
                        self.tell(&at, what, "\"journey.due\" among its `events`");
                    }
                }
            }
        }
    }
}
