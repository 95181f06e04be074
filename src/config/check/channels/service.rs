//! What `[channels.NAME.service]` says.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::{Check, Step};
use crate::config::settings::{Channel, ChannelKind, Service};
use crate::webhook::Target;

use Step::Key;

/// Bytes of an Ed25519 key (RFC 8032).
const ED25519: usize = 32;

impl Check<'_, '_> {
    pub(super) fn service(&mut self, name: &str, own: &Channel) {
        let kind = [Key("channels"), Key(name), Key("kind")];
        let table = [Key("channels"), Key(name), Key("service")];
        match (Service::needed(own.kind), &own.service) {
            (Some(needed), Some(service)) => {
                self.keys(name, own.kind, needed, service);
                self.values(name, own.kind, service);
                self.way_in(&kind, own.kind, service);
            }
            (Some(needed), None) => {
                let what = format!("it needs `[channels.{name}.service]`");
                self.tell(&kind, what, &format!("a table with {}", quoted(needed)));
            }
            (None, Some(_)) => {
                self.tell(&table, "a channel of this kind is no service", "none");
            }
            (None, None) => {}
        }
    }

    /// What is there and what is not.
    fn keys(&mut self, name: &str, kind: ChannelKind, needed: &[&'static str], service: &Service) {
        let given: BTreeSet<_> = service.given().into_iter().collect();
        let absent: Vec<_> = needed.iter().copied().filter(|key| !given.contains(key)).collect();
        if !absent.is_empty() {
            let at = [Key("channels"), Key(name), Key("service")];
            let what = format!("a channel of this kind needs {}", quoted(&absent));
            self.tell(&at, what, "");
        }
        let known: BTreeSet<_> = Service::possible(kind).chain(needed.iter().copied()).collect();
        for key in given.difference(&known) {
            let known: Vec<_> = known.iter().copied().collect();
            let at = [Key("channels"), Key(name), Key("service"), Key(key)];
            self.tell(&at, "a channel of this kind has no use for it", &quoted(&known));
        }
        for (key, other) in
            [("key", "key_secret"), ("key_secret", "key"), ("signing_key", "signing")]
        {
            if given.contains(key) && !given.contains(other) && known.contains(other) {
                let at = [Key("channels"), Key(name), Key("service"), Key(key)];
                self.tell(&at, format!("it says nothing without `{other}`"), "");
            }
        }
        let twilio = kind == ChannelKind::Twilio && given.contains("signing");
        if twilio && !given.contains("signing_key") {
            let at = [Key("channels"), Key(name), Key("service"), Key("signing")];
            self.tell(&at, "it says nothing without `signing_key`", "");
        }
    }

    fn values(&mut self, name: &str, kind: ChannelKind, service: &Service) {
        let at = |key| [Key("channels"), Key(name), Key("service"), Key(key)];
        for (key, url) in [("url", &service.url), ("files_url", &service.files_url)] {
            if let Some(url) = url {
                self.receiver(&at(key), url, service.private);
            }
            if url.as_ref().is_some_and(|url| url.ends_with('/')) && kind != ChannelKind::Hook {
                self.tell(&at(key), "paths are put behind it", "an address without `/` at its end");
            }
        }
        if let Some(url) = &service.callback
            && let Err(error) = Target::parse(url)
        {
            self.tell(&at("callback"), error.to_string(), "`https://HOST/channels/NAME`");
        }
        for key in ["account", "app", "sender", "network", "key", "signing_key"] {
            let value = self.document.text(&at(key)).map(str::to_owned);
            if value.is_some_and(|text| text.is_empty() || text.contains(char::is_control)) {
                self.tell(&at(key), "this is no name", "a name as the service has it");
            }
        }
        let plain = |text: &String| {
            text.len() <= 32
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if kind == ChannelKind::Hook && !service.network.as_ref().is_none_or(plain) {
            let allowed = "up to 32 of letters, digits, `-`, `_` and `.`";
            self.tell(&at("network"), "people cannot be called so", allowed);
        }
        let public = service.public_key.as_ref().map(|key| STANDARD.decode(key));
        if public.is_some_and(|key| key.map_or(true, |key| key.len() != ED25519)) {
            self.tell(&at("public_key"), "this is no key", "32 bytes in base64");
        }
        self.figures(name, service);
    }

    fn figures(&mut self, name: &str, service: &Service) {
        let at = |key| [Key("channels"), Key(name), Key("service"), Key(key)];
        let within = [
            ("timeout_s", service.timeout_s.map(u32::from), 1..=120),
            ("longest", service.longest, 1..=65_536),
            ("file_mb", service.file_mb.map(u32::from), 0..=32),
            ("window_hours", service.window_hours.map(u32::from), 1..=720),
        ];
        for (key, value, range) in within {
            if let Some(value) = value {
                self.within(&at(key), value, range);
            }
        }
    }

    /// Whoever calls has to find somebody.
    fn way_in(&mut self, at: &[Step<'_>], kind: ChannelKind, service: &Service) {
        let settings = self.settings;
        let asked = kind == ChannelKind::Telegram && service.signing.is_none();
        if !asked && settings.http.listen.is_empty() && settings.api.listen.is_empty() {
            let what = "it calls the box over HTTPS, and the box does not listen for that";
            self.tell(at, what, "`listen` in [http] or [api]");
        }
    }
}

fn quoted(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::load;

    const LISTENS: &str = "[http]\nlisten = [\"127.0.0.1:8443\"]\n";

    /// What is told of a channel with these lines.
    fn told(kind: &str, service: &str, more: &str) -> Vec<String> {
        let text =
            format!("{more}[channels.a]\nkind = \"{kind}\"\n[channels.a.service]\n{service}\n");
        let problems = load(Path::new("gateway.toml"), &|_| Ok(text.clone())).err();
        problems.unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn one(problems: &[String], parts: &[&str]) {
        let good = |problem: &&String| parts.iter().all(|part| problem.contains(part));
        assert_eq!(problems.iter().filter(good).count(), 1, "{parts:?} in {problems:#?}");
    }

    #[test]
    fn a_kind_says_what_it_needs_and_what_it_has_no_use_for() {
        let problems = told("twilio", "account = \"AC1\"\napp = \"x\"", LISTENS);
        one(&problems, &["needs `token`, `sender`"]);
        one(&problems, &["no use for it", "`discard`"]);
        let problems = told("sip", "account = \"AC1\"", LISTENS);
        one(&problems, &["no service"]);
        let text = format!("{LISTENS}[channels.a]\nkind = \"line\"\n");
        let problems = load(Path::new("gateway.toml"), &|_| Ok(text.clone())).expect_err("absent");
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        one(&problems, &["`[channels.a.service]`", "`token`, `signing`"]);
    }

    #[test]
    fn who_is_called_listens_and_who_asks_need_not() {
        let token = "token = { credential = \"t\" }";
        assert_eq!(told("telegram", token, ""), Vec::<String>::new());
        let called = format!("{token}\nsigning = {{ credential = \"s\" }}");
        one(&told("telegram", &called, ""), &["calls the box over HTTPS", "[http] or [api]"]);
        assert_eq!(told("telegram", &called, LISTENS), Vec::<String>::new());
    }

    #[test]
    fn values_are_what_they_have_to_be() {
        let token = "token = { credential = \"t\" }\n";
        let telnyx = format!("{token}sender = \"+1555\"\npublic_key = \"c2hvcnQ=\"");
        one(&told("telnyx", &telnyx, LISTENS), &["no key", "32 bytes"]);
        let hook = "url = \"http://crm.example/in\"\nnetwork = \"a b\"\nsigning = { credential = \"s\" }\n\
                    timeout_s = 0\nfile_mb = 33\nlongest = 0";
        let problems = told("hook", hook, LISTENS);
        for parts in [
            ["in clear", "private"],
            ["cannot be called so", "letters"],
            ["timeout_s", "1 to 120"],
            ["file_mb", "0 to 32"],
            ["longest", "1 to 65536"],
        ] {
            one(&problems, &parts);
        }
        let alone = format!("{token}account = \"AC1\"\nsender = \"+1\"\nkey = \"SK1\"");
        one(&told("twilio", &alone, LISTENS), &["says nothing without `key_secret`"]);
        let half = format!(
            "{token}account = \"AC1\"\nsender = \"+1\"\nsigning = {{ credential = \"s\" }}"
        );
        one(&told("twilio", &half, LISTENS), &["says nothing without `signing_key`"]);
        let slash = format!("{token}url = \"https://api.telegram.org/\"");
        one(&told("telegram", &slash, ""), &["without `/` at its end"]);
    }
}
