//! `[channels.NAME]`: ways by which messages come and go.

mod chat;
mod mail;
pub mod modem;
mod service;
pub mod smpp;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::SecretRef;
use crate::context::Channel as Consents;
use crate::id::{ChannelId, FlowId, QueueId, TrunkId};
use crate::messaging::Kind;
use crate::messaging::adapter::Secret;
use crate::queue::Channel as Work;

pub use chat::{Ask, Calls, Chat, Invite};
pub use mail::{Mail, Security};
pub use service::Service;
pub use smpp::Smpp;

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Texts to and from the phones of the branch (RFC 3428).
    Sip,
    /// Text messages by GSM modems of the box.
    Modem,
    /// Text messages by a carrier's SMPP.
    Smpp,
    /// The site's mailbox.
    Mail,
    /// The chat on the site's pages.
    Chat,
    /// Text messages by Twilio, or by whoever speaks like it.
    Twilio,
    /// Text messages by Vonage.
    Vonage,
    /// Text messages by Telnyx.
    Telnyx,
    /// Text messages by Plivo.
    Plivo,
    /// Text messages by Sinch.
    Sinch,
    /// WhatsApp's own API.
    Whatsapp,
    /// Facebook Messenger.
    Messenger,
    /// Instagram.
    Instagram,
    /// A bot of Telegram.
    Telegram,
    /// LINE.
    Line,
    /// Viber.
    Viber,
    /// Anything else, by a program of the site's own.
    Hook,
}

impl ChannelKind {
    /// How what comes by it counts in queues and reports.
    pub fn work(self) -> Work {
        match self {
            ChannelKind::Mail => Work::Mail,
            ChannelKind::Chat => Work::Chat,
            _ => Work::Message,
        }
    }

    /// What consents call it.
    pub fn consents(self) -> Consents {
        use ChannelKind::*;
        match self {
            Modem | Smpp | Twilio | Vonage | Telnyx | Plivo | Sinch => Consents::Sms,
            Mail => Consents::Mail,
            Chat => Consents::Chat,
            Sip | Whatsapp | Messenger | Instagram | Telegram | Line | Viber | Hook => {
                Consents::Message
            }
        }
    }

    /// What addresses it reaches, the best first.
    pub fn reaches(self) -> &'static [Kind] {
        use ChannelKind::*;
        match self {
            Sip => &[Kind::Sip, Kind::Phone],
            Modem | Smpp | Twilio | Vonage | Telnyx | Plivo | Sinch => &[Kind::Phone, Kind::Short],
            Mail => &[Kind::Email],
            Chat => &[Kind::Visitor],
            Whatsapp => &[Kind::Phone, Kind::Business],
            Messenger | Instagram | Telegram | Line | Viber => &[Kind::Business],
            Hook => &[Kind::Phone, Kind::Business],
        }
    }

    /// Whether this box carries it.
    pub fn is_joined(self) -> bool {
        use ChannelKind::*;
        matches!(self, Sip | Modem | Smpp | Mail | Chat) || self.is_service()
    }

    /// Whether it is a service with an API, which `[channels.NAME.service]` says more about.
    pub fn is_service(self) -> bool {
        Service::needed(self).is_some()
    }
}

/// `[channels.NAME]`: a way by which messages come and go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What it is.
    pub kind: ChannelKind,
    /// Whose agents answer what comes by it. Nobody is asked when absent; it is kept all the same.
    #[serde(default)]
    pub queue: Option<QueueId>,
    /// The flow that answers first; people of `queue` go on. Needs words at each node that speaks. None when absent.
    #[serde(default)]
    pub flow: Option<FlowId>,
    /// Trunks over which it takes messages too. None by default: a carrier's address is easily forged.
    #[serde(default)]
    pub trunks: Vec<TrunkId>,
    /// Messages a second that go out at most; 0.01 to 1,000. As many as it takes when absent.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Messages that are on their way to the other side at a time; 1 to 1,000, default 16.
    #[serde(default = "window")]
    pub window: u16,
    /// Another channel of the same person, for what does not arrive.
    #[serde(default)]
    pub fallback: Option<ChannelId>,
    /// Seconds after which what was not delivered counts as not arrived; 10 to 86,400. Only what failed when absent.
    #[serde(default)]
    pub fallback_after_s: Option<u32>,
    /// The service, where it is one.
    #[serde(default)]
    pub service: Option<Service>,
    /// What its modems have in common.
    #[serde(default)]
    pub modem: Option<modem::Modem>,
    /// Its SIMs, each by a name of its own.
    #[serde(default)]
    pub sim: BTreeMap<String, modem::Sim>,
    /// The carrier of a channel of the kind `smpp`.
    #[serde(default)]
    pub smpp: Option<Smpp>,
    /// The chat, where it is one.
    #[serde(default)]
    pub chat: Option<Chat>,
    /// The mailbox, where it is one.
    #[serde(default)]
    pub mail: Option<Mail>,
}

impl Channel {
    /// What it needs that nobody else may know: the key under which it stands, with points between tables, and where it is.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let carrier = self.smpp.iter().map(|smpp| ("smpp.password", &smpp.password));
        let service = self.service.iter().flat_map(Service::secrets);
        let mail = self.mail.iter().map(|mail| ("mail.password", &mail.password));
        let chat = self.chat.iter().flat_map(Chat::secrets);
        service.chain(carrier).chain(mail).chain(chat).collect()
    }

    /// What a secret has to be that is not.
    pub fn mistake_in(&self, key: &str, secret: &str) -> Option<&'static str> {
        let signing = key == "service.signing" || key == "service.old_signing";
        let standard = self.kind == ChannelKind::Hook && signing;
        (standard && Secret::standard(secret).is_none())
            .then_some("it is not `whsec_` and 24 to 64 bytes in base64")
    }
}

fn window() -> u16 {
    16
}
