//! What `[channels.NAME.chat]` says.

use crate::config::check::{Check, Step, web};
use crate::config::settings::{Calls, Channel, ChannelKind, Chat};

use Step::{At, Key};

/// Most invitations of one chat: a page looks through all of them.
const MOST_INVITES: usize = 20;

impl Check<'_, '_> {
    pub(super) fn chat(&mut self, name: &str, own: &Channel) {
        let place = [Key("channels"), Key(name), Key("chat")];
        match (own.kind, &own.chat) {
            (ChannelKind::Chat, Some(chat)) => {
                self.chat_of(name, chat);
                if chat.calls != Calls::Never && own.queue.is_none() {
                    let at = [Key("channels"), Key(name), Key("chat"), Key("calls")];
                    let allowed = "`queue` beside `kind`, or calls = \"never\"";
                    self.tell(&at, "calls of visitors have no queue to wait in", allowed);
                }
            }
            (ChannelKind::Chat, None) => {
                let what = "nobody's pages have this chat";
                self.tell(&place[..2], what, "a table `chat` with `origins`");
            }
            (_, Some(_)) => self.tell(&place, "this channel is no chat", "kind = \"chat\""),
            (_, None) => {}
        }
    }

    fn chat_of(&mut self, name: &str, chat: &Chat) {
        let at = |key: &'static str| [Key("channels"), Key(name), Key("chat"), Key(key)];
        if chat.origins.is_empty() {
            self.tell(&at("origins"), "nobody's pages have this chat", web::ORIGIN);
        }
        for (place, origin) in chat.origins.iter().enumerate() {
            if !web::is_origin(origin) {
                let at = [Key("channels"), Key(name), Key("chat"), Key("origins"), At(place)];
                self.tell(&at, "no page comes from there", web::ORIGIN);
            }
        }
        for (key, text, most) in [("title", &chat.title, 60), ("greeting", &chat.greeting, 500)] {
            if text.as_ref().is_some_and(|text| !says_something(text, most)) {
                self.tell(&at(key), "that cannot be shown", &format!("1 to {most} characters"));
            }
        }
        self.within(&at("connections"), chat.connections, 1..=5_000);
        self.within(&at("per_address"), chat.per_address, 1..=5_000);
        self.within(&at("remember_days"), chat.remember_days, 1..=365);
        self.within(&at("file_mb"), chat.file_mb, 0..=25);
        self.within(&at("calls_at_once"), chat.calls_at_once, 1..=100);
        if chat.invite.len() > MOST_INVITES {
            let allowed = format!("at most {MOST_INVITES}");
            self.tell(&at("invite"), "too many invitations", &allowed);
        }
        for (place, invite) in chat.invite.iter().enumerate() {
            let list = [Key("channels"), Key(name), Key("chat"), Key("invite"), At(place)];
            let at = |key: &'static str| [&list[..], &[Key(key)]].concat();
            if !invite.path.starts_with(['/', '*']) {
                let allowed = "a path such as \"/boots/*\"";
                self.tell(&at("path"), "no page has such a path", allowed);
            }
            if !says_something(&invite.text, 300) {
                self.tell(&at("text"), "that cannot be shown", "1 to 300 characters");
            }
            self.within(&at("after_s"), invite.after_s, 1..=3_600);
            self.within(&at("every_h"), invite.every_h, 1..=8_760);
        }
    }
}

fn says_something(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.contains(char::is_control)
}
