//! Where a secret is kept: never in the configuration itself.
//!
//! It owns the reference and refuses clear text; reading the file or credential is a driver's work.

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::document::Step::{self, At, Key};
use super::settings::{CRM_HOOK, Settings};
use crate::id::{ApplicationId, ChannelId, ConferenceId, ExtensionId, HookId, TrunkId};

/// Where a secret is to be read from. Its debug form names nothing.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// A file that holds the secret and nothing else; a line end after it is dropped.
    File(PathBuf),
    /// A systemd credential of this name, found in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// Whose secret it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A desk phone.
    Phone(ExtensionId),
    /// The account that is registered with at a carrier.
    Trunk(TrunkId),
    /// The PIN of a mailbox.
    Mailbox(ExtensionId),
    /// The PIN of a conference.
    Conference(ConferenceId),
    /// The PIN with which somebody signs in at other phones as this extension.
    HotDesk(ExtensionId),
    /// The account that calls out alone show to a carrier.
    Account(TrunkId),
    /// What the capture server asks for.
    CaptureServer,
    /// A program elsewhere, which knows by it who tells it something.
    Hook(HookId),
    /// The same, as it was before.
    OldHook(HookId),
    /// The provider where people sign in.
    Provider,
    /// The relays that pages get passwords for.
    Relays,
    /// A channel of messages, which may have several: under which key this one stands.
    Channel(ChannelId, &'static str),
    /// A SIM of a channel.
    Sim(ChannelId, String),
    /// An application that binds by SMPP.
    Application(ApplicationId),
}

/// One secret that the drivers have to read.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose it is.
    pub owner: Owner,
    /// Where it is to be read from.
    pub from: &'a SecretRef,
    /// Where that is written in a configuration without mistakes.
    pub at: Vec<Step<'a>>,
}

impl Settings {
    /// Every secret that the drivers have to read.
    pub fn secrets(&self) -> Vec<Wanted<'_>> {
        let phones = self.extensions.iter().enumerate().map(|(place, e)| Wanted {
            owner: Owner::Phone(e.number.clone()),
            from: &e.secret,
            at: vec![Key("extension"), At(place), Key("secret")],
        });
        let lines = self.trunks.iter().enumerate().filter_map(|(place, trunk)| {
            Some(Wanted {
                owner: Owner::Trunk(trunk.name.clone()),
                from: &trunk.register.as_ref()?.secret,
                at: vec![Key("trunk"), At(place), Key("register"), Key("secret")],
            })
        });
        let pins = self.extensions.iter().enumerate().filter_map(|(place, e)| {
            Some(Wanted {
                owner: Owner::Mailbox(e.number.clone()),
                from: e.voicemail.as_ref()?.pin.as_ref()?,
                at: vec![Key("extension"), At(place), Key("voicemail"), Key("pin")],
            })
        });
        let conferences = self.conferences.iter().enumerate().filter_map(|(place, conference)| {
            Some(Wanted {
                owner: Owner::Conference(conference.name.clone()),
                from: conference.pin.as_ref()?,
                at: vec![Key("conference"), At(place), Key("pin")],
            })
        });
        let desks = self.extensions.iter().enumerate().filter_map(|(place, extension)| {
            Some(Wanted {
                owner: Owner::HotDesk(extension.number.clone()),
                from: extension.pin.as_ref()?,
                at: vec![Key("extension"), At(place), Key("pin")],
            })
        });
        let accounts = self.trunks.iter().enumerate().filter_map(|(place, trunk)| {
            Some(Wanted {
                owner: Owner::Account(trunk.name.clone()),
                from: &trunk.auth.as_ref()?.secret,
                at: vec![Key("trunk"), At(place), Key("auth"), Key("secret")],
            })
        });
        let capture = self.capture.hep_key.iter().map(|key| Wanted {
            owner: Owner::CaptureServer,
            from: key,
            at: vec![Key("capture"), Key("hep_key")],
        });
        let hooks = self.webhooks.iter().enumerate().map(|(place, hook)| Wanted {
            owner: Owner::Hook(hook.name.clone()),
            from: &hook.secret,
            at: vec![Key("webhook"), At(place), Key("secret")],
        });
        let old = self.webhooks.iter().enumerate().filter_map(|(place, hook)| {
            Some(Wanted {
                owner: Owner::OldHook(hook.name.clone()),
                from: hook.old_secret.as_ref()?,
                at: vec![Key("webhook"), At(place), Key("old_secret")],
            })
        });
        let crm = [
            ("secret", Owner::Hook(CRM_HOOK.into()), &self.crm.secret),
            ("old_secret", Owner::OldHook(CRM_HOOK.into()), &self.crm.old_secret),
        ];
        let crm = crm.into_iter().filter(|_| self.crm.url.is_some());
        let crm = crm.filter_map(|(key, owner, from)| {
            Some(Wanted { owner, from: from.as_ref()?, at: vec![Key("crm"), Key(key)] })
        });
        let people = phones.chain(lines).chain(pins).chain(conferences).chain(desks);
        let provider = self.oidc.client_secret.iter().map(|secret| Wanted {
            owner: Owner::Provider,
            from: secret,
            at: vec![Key("oidc"), Key("client_secret")],
        });
        let relays = self.web.turn.secret.iter().map(|secret| Wanted {
            owner: Owner::Relays,
            from: secret,
            at: vec![Key("web"), Key("turn"), Key("secret")],
        });
        let people = people.chain(accounts).chain(capture).chain(provider).chain(relays);
        let channels = self.channels.iter().flat_map(|(name, channel)| {
            channel.secrets().into_iter().map(move |(key, from)| {
                let at = [Key("channels"), Key(name.as_str())];
                let at = at.into_iter().chain(key.split('.').map(Key)).collect();
                Wanted { owner: Owner::Channel(name.clone(), key), from, at }
            })
        });
        let sims = self.channels.iter().flat_map(|(name, channel)| {
            channel.sim.iter().filter_map(move |(sim, own)| {
                let keys = ["channels", name.as_str(), "sim", sim, "pin"];
                Some(Wanted {
                    owner: Owner::Sim(name.clone(), sim.clone()),
                    from: own.pin.as_ref()?,
                    at: keys.map(Key).to_vec(),
                })
            })
        });
        let applications = self.smpp_server.applications.iter().map(|(name, own)| Wanted {
            owner: Owner::Application(name.clone()),
            from: &own.password,
            at: ["smpp_server", "applications", name.as_str(), "password"].map(Key).to_vec(),
        });
        let channels = channels.chain(sims).chain(applications);
        people.chain(hooks).chain(old).chain(crm).chain(channels).collect()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Phone(extension) => write!(f, "extension {extension}"),
            Owner::Mailbox(extension) => write!(f, "the mailbox of {extension}"),
            Owner::Conference(conference) => write!(f, "conference {conference}"),
            Owner::HotDesk(extension) => write!(f, "{extension} at other phones"),
            Owner::Hook(hook) => write!(f, "webhook {hook}"),
            Owner::OldHook(hook) => write!(f, "webhook {hook} before"),
            Owner::Trunk(trunk) | Owner::Account(trunk) => write!(f, "trunk {trunk}"),
            Owner::Relays => f.write_str("the relays for browsers"),
            Owner::Provider => f.write_str("the provider where people sign in"),
            Owner::CaptureServer => f.write_str("the capture server"),
            Owner::Application(name) => write!(f, "application {name}"),
            Owner::Channel(channel, key) => write!(f, "channel {channel} (`{key}`)"),
            Owner::Sim(channel, sim) => write!(f, "the SIM {sim} of channel {channel}"),
        }
    }
}

/// What an admin can do instead of writing a secret down in clear.
pub const WAY_OUT: &str =
    "`{ file = \"/etc/branchline/secrets/NAME\" }` or `{ credential = \"NAME\" }`";

/// How the refusal of clear text begins.
pub const IN_CLEAR: &str = "a secret may not stand in the configuration in clear";

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretRef(..)")
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WAY_OUT)
    }

    // Every plain value is refused here with our own words: the usual ones would repeat the secret.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(IN_CLEAR))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(IN_CLEAR))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::custom(IN_CLEAR))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(de::Error::custom("a secret names a `file` or a `credential`"));
        };
        let found = match key.as_str() {
            "file" => SecretRef::File(map.next_value()?),
            "credential" => SecretRef::Credential(map.next_value()?),
            other => return Err(de::Error::unknown_field(other, &["file", "credential"])),
        };
        match map.next_key::<String>()? {
            Some(_) => {
                Err(de::Error::custom("a secret has one of `file` and `credential`, not both"))
            }
            None => Ok(found),
        }
    }
}
