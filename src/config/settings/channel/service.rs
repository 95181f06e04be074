//! `[channels.NAME.service]`: a service with an API, and the site's account there.

use std::path::PathBuf;

use serde::Deserialize;

use super::ChannelKind;
use crate::config::SecretRef;
use crate::webhook::Reach;

/// `[channels.NAME.service]`. Which keys a kind needs and which it may have, [`Service::needed`] and [`Service::possible`] say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Where its API is, without a slash at the end. By default where the provider has it.
    pub url: Option<String>,
    /// Where it has files, where that is elsewhere. By default where the provider has them.
    pub files_url: Option<String>,
    /// The account, as the provider calls it.
    pub account: Option<String>,
    /// The app in the account.
    pub app: Option<String>,
    /// Of whom messages are: a number or a name.
    pub sender: Option<String>,
    /// By which network messages go, as the provider writes it; what a program of the site calls its people by.
    pub network: Option<String>,
    /// The account's token: what the box shows when it asks.
    pub token: Option<SecretRef>,
    /// The name of an API key that the box shows instead.
    pub key: Option<String>,
    /// That key's secret.
    pub key_secret: Option<SecretRef>,
    /// What signs what the service sends.
    pub signing: Option<SecretRef>,
    /// The same as it was before, while it is being changed. Default none.
    pub old_signing: Option<SecretRef>,
    /// By which name the service says that it signs with that.
    pub signing_key: Option<String>,
    /// The public key that proves what the service sends.
    pub public_key: Option<String>,
    /// What the service says when it calls for the first time.
    pub verify: Option<SecretRef>,
    /// Where the service shall tell what became of a message. By default where its own settings say.
    pub callback: Option<String>,
    /// The service keeps neither words nor numbers; default no.
    pub discard: bool,
    /// Whether it may be at a private address, over plain HTTP too; default no.
    pub private: bool,
    /// Authorities that prove its server besides the system's: a PEM file. Default none.
    pub authorities: Option<PathBuf>,
    /// Seconds that it may take to answer; 1 to 120, default 20.
    pub timeout_s: Option<u16>,
    /// Characters of the longest text; 1 to 65,536, default 4,096.
    pub longest: Option<u32>,
    /// Megabytes of the largest file; 0 to 32, default 16; 0: it takes none.
    pub file_mb: Option<u16>,
    /// It has templates; default no.
    pub templates: bool,
    /// It tells when something was delivered; default no.
    pub delivered: bool,
    /// It tells when something was read; default no.
    pub read: bool,
    /// It tells and shows that somebody is writing; default no.
    pub typing: bool,
    /// Hours after somebody has written for which the branch may write freely; 1 to 720. Always when absent.
    pub window_hours: Option<u16>,
}

/// What every kind may have.
const COMMON: &[&str] = &["url", "private", "authorities"];

impl Service {
    /// Keys that a kind needs; nothing: it has no service.
    pub fn needed(kind: ChannelKind) -> Option<&'static [&'static str]> {
        use ChannelKind::*;
        Some(match kind {
            Twilio => &["account", "token", "sender"],
            Vonage => &["account", "token", "signing", "sender"],
            Telnyx => &["token", "public_key", "sender"],
            Plivo => &["account", "token", "sender"],
            Sinch => &["account", "app", "key", "key_secret", "signing"],
            Whatsapp | Messenger | Instagram => &["account", "token", "signing", "verify"],
            Telegram => &["token"],
            Line => &["token", "signing"],
            Viber => &["token", "sender"],
            Hook => &["url", "network", "signing"],
            Sip | Modem | Smpp | Mail | Chat => return None,
        })
    }

    /// Keys that it may have besides.
    pub fn possible(kind: ChannelKind) -> impl Iterator<Item = &'static str> {
        use ChannelKind::*;
        let own: &[_] = match kind {
            Twilio => &["key", "key_secret", "signing_key", "signing", "callback", "discard"],
            Vonage | Sinch => &["network"],
            Telnyx | Plivo => &["callback"],
            Line => &["files_url"],
            Telegram => &["signing"],
            Hook => &[
                "sender",
                "old_signing",
                "timeout_s",
                "longest",
                "file_mb",
                "templates",
                "delivered",
                "read",
                "typing",
                "window_hours",
            ],
            _ => &[],
        };
        COMMON.iter().chain(own).copied()
    }

    /// Keys that say something.
    pub fn given(&self) -> Vec<&'static str> {
        let some = [
            ("url", self.url.is_some()),
            ("files_url", self.files_url.is_some()),
            ("account", self.account.is_some()),
            ("app", self.app.is_some()),
            ("sender", self.sender.is_some()),
            ("network", self.network.is_some()),
            ("token", self.token.is_some()),
            ("key", self.key.is_some()),
            ("key_secret", self.key_secret.is_some()),
            ("signing", self.signing.is_some()),
            ("old_signing", self.old_signing.is_some()),
            ("signing_key", self.signing_key.is_some()),
            ("public_key", self.public_key.is_some()),
            ("verify", self.verify.is_some()),
            ("callback", self.callback.is_some()),
            ("discard", self.discard),
            ("private", self.private),
            ("authorities", self.authorities.is_some()),
            ("timeout_s", self.timeout_s.is_some()),
            ("longest", self.longest.is_some()),
            ("file_mb", self.file_mb.is_some()),
            ("templates", self.templates),
            ("delivered", self.delivered),
            ("read", self.read),
            ("typing", self.typing),
            ("window_hours", self.window_hours.is_some()),
        ];
        some.into_iter().filter(|(_, said)| *said).map(|(key, _)| key).collect()
    }

    /// What nobody else may know, by key.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let all = [
            ("service.token", &self.token),
            ("service.key_secret", &self.key_secret),
            ("service.signing", &self.signing),
            ("service.old_signing", &self.old_signing),
            ("service.verify", &self.verify),
        ];
        all.into_iter().filter_map(|(key, from)| Some((key, from.as_ref()?))).collect()
    }

    /// Which addresses it may have.
    pub fn reach(&self) -> Reach {
        Reach { private: self.private }
    }
}
