//! What `[messages]` says.

use super::{Check, Step};
use crate::config::settings::ChannelKind;
use crate::journey::quiet::minutes;
use crate::journey::{Carrier, Channel};

use Step::Key;

impl Check<'_, '_> {
    pub(super) fn messages(&mut self) {
        let settings = self.settings;
        let hooks = self.names_of("webhook");
        let own = &settings.messages;
        for (key, text) in [("quiet_from", &own.quiet_from), ("quiet_to", &own.quiet_to)] {
            if minutes(text).is_none() {
                self.tell(&[Key("messages"), Key(key)], "that is no time of day", "\"20:00\"");
            }
        }
        for (channel, text) in settings.messages.each() {
            let at = [Key("messages"), Key(channel.name())];
            match text.parse() {
                Err(wrong) => {
                    let what = format!("`{text}` carries no messages");
                    self.tell(&at, what, &format!("{wrong}"));
                }
                Ok(Carrier::Channel(name)) => match settings.channels.get(&name) {
                    None => {
                        let names: Vec<_> = settings.channels.keys().map(|n| n.as_str()).collect();
                        let what = format!("there is no channel `{name}`");
                        self.tell(&at, what, &names.join(", "));
                    }
                    Some(own) => {
                        let mail = own.kind == ChannelKind::Mail;
                        if mail != (channel == Channel::Mail) {
                            let what = format!("the channel `{name}` carries something else");
                            self.tell(&at, what, "a channel of that kind");
                        }
                    }
                },
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
