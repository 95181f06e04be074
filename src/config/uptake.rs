//! What of a changed configuration a running box takes up at once, and what waits for its next start.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use utoipa::ToSchema;

use crate::config::settings::{Channel, ChannelKind, Limits, Media, Messages, Settings, Sip};
use crate::id::ChannelId;

/// Sections that are taken up when the program starts: sockets, files that stay open, connections elsewhere, and what
/// was told to threads. In those that are named with a dot, only these keys.
const AT_START: &[&str] = &[
    "site",
    "sip.udp",
    "sip.tcp",
    "sip.tls",
    "sip.realm",
    "sip.digests",
    "sip.certificate",
    "sip.private_key",
    "sip.authorities",
    "sip.name_servers",
    "sip.timers",
    "media.address",
    "media.port_min",
    "media.port_max",
    "media.browser_port",
    "media.threads",
    "emergency.networks",
    "http",
    "api",
    "oidc",
    "web",
    "reports",
    "provisioning",
    "admin",
    "limits.lateness_ms",
    "trust",
    "capture",
    "metrics",
    "webhook",
    "crm",
    "uplink",
    "backup",
    "messages.sms",
    "messages.chat",
    "messages.mail",
    "channels",
    "smpp_server",
    "journey",
    "log",
];

/// Of a channel, what is taken up at once: who answers, and what goes out when and which way instead. What is said of the
/// other side waits. Of the phones of the branch nothing does.
const OF_CHANNELS: &[&str] = &["queue", "flow", "rate", "window", "fallback", "fallback_after_s"];

/// A part of the configuration that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The section, or section and key, such as `trunk` or `sip.udp`.
    pub key: String,
    /// Whether a running box takes it up; else the next start does.
    pub live: bool,
}

/// What differs between two files, in the order of their names. Text that is no TOML differs in nothing.
pub fn differences(running: &str, new: &str) -> Vec<Difference> {
    let (Some(running), Some(new)) = (parsed(running), parsed(new)) else { return Vec::new() };
    let keys: BTreeSet<&String> = running.keys().chain(new.keys()).collect();
    let told = |key: String| Difference { live: !waits(&key), key };
    let mut found: Vec<Difference> = Vec::new();
    for key in keys {
        match (running.get(key), new.get(key)) {
            (one, other) if one == other => {}
            (one, other) if key == "channels" => found.extend(of_channels(one, other)),
            (one, other) if has_single_keys(key) => {
                found.extend(inside(key, one, other).into_iter().map(told));
            }
            _ => found.push(told(key.clone())),
        }
    }
    found
}

/// What differs of channels, each by its name.
fn of_channels(one: Option<&Value>, other: Option<&Value>) -> Vec<Difference> {
    let (one, other) = (table(one), table(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differs = |name: &&&String| one.get(name.as_str()) != other.get(name.as_str());
    let told = |name: &String| {
        let (one, other) = (one.get(name).map(rest_of), other.get(name).map(rest_of));
        let phones = |rest: &Option<Table>| {
            let kind = rest.as_ref().and_then(|rest| rest.get("kind")).and_then(Value::as_str);
            rest.is_none() || kind == Some("sip")
        };
        Difference {
            key: format!("channels.{name}"),
            live: one == other || phones(&one) && phones(&other),
        }
    };
    names.iter().filter(differs).map(|name| told(name)).collect()
}

/// What of a channel waits for the next start.
fn rest_of(channel: &Value) -> Table {
    let mut rest = table(Some(channel));
    rest.retain(|key, _| !OF_CHANNELS.contains(&key));
    rest
}

fn table(value: Option<&Value>) -> Table {
    value.and_then(Value::as_table).cloned().unwrap_or_default()
}

fn parsed(text: &str) -> Option<Table> {
    text.parse().ok()
}

/// Whether single keys of a section are taken up in another way than the others.
fn has_single_keys(section: &str) -> bool {
    AT_START.iter().any(|own| own.split_once('.').is_some_and(|(head, _)| head == section))
}

fn inside(section: &str, one: Option<&Value>, other: Option<&Value>) -> Vec<String> {
    let (one, other) = (table(one), table(other));
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differs = |key: &&&String| one.get(key.as_str()) != other.get(key.as_str());
    keys.iter().filter(differs).map(|key| format!("{section}.{key}")).collect()
}

fn waits(key: &str) -> bool {
    let section = key.split_once('.').map_or(key, |(section, _)| section);
    AT_START.contains(&key) || AT_START.contains(&section)
}

impl Settings {
    /// These settings as far as a running box takes them up, and for the rest what it has been running with.
    pub fn taken_up_by(self, running: &Settings) -> Settings {
        let old = running.clone();
        let emergency = crate::call::plan::Emergency {
            networks: old.emergency.networks.clone(),
            ..self.emergency
        };
        Settings {
            sip: Sip {
                external_address: self.sip.external_address,
                prack: self.sip.prack,
                follow_redirects: self.sip.follow_redirects,
                ..old.sip
            },
            media: Media {
                codecs: self.media.codecs,
                recording_notice: self.media.recording_notice,
                help_unencrypted: self.media.help_unencrypted,
                ..old.media
            },
            limits: Limits { lateness_ms: old.limits.lateness_ms, ..self.limits },
            emergency,
            site: old.site,
            http: old.http,
            api: old.api,
            oidc: old.oidc,
            web: old.web,
            reports: old.reports,
            provisioning: old.provisioning,
            admin: old.admin,
            trust: old.trust,
            capture: old.capture,
            metrics: old.metrics,
            webhooks: old.webhooks,
            crm: old.crm,
            uplink: old.uplink,
            backup: old.backup,
            messages: Messages {
                sms: old.messages.sms,
                chat: old.messages.chat,
                mail: old.messages.mail,
                ..self.messages
            },
            channels: channels(self.channels, old.channels),
            smpp_server: old.smpp_server,
            journeys: old.journeys,
            log: old.log,
            ..self
        }
    }
}

/// Channels as a running box has them.
fn channels(
    mut new: BTreeMap<ChannelId, Channel>,
    old: BTreeMap<ChannelId, Channel>,
) -> BTreeMap<ChannelId, Channel> {
    let mut taken = BTreeMap::new();
    for (name, old) in old {
        match (new.remove(&name), old.kind) {
            (Some(new), kind) if new.kind == kind => {
                let Channel { queue, flow, rate, window, fallback, fallback_after_s, .. } = new;
                let trunks = if kind == ChannelKind::Sip { new.trunks } else { old.trunks };
                let own = Channel {
                    queue,
                    flow,
                    trunks,
                    rate,
                    window,
                    fallback,
                    fallback_after_s,
                    ..old
                };
                taken.insert(name, own);
            }
            (None, ChannelKind::Sip) => {}
            _ => _ = taken.insert(name, old),
        }
    }
    // Phones are there without anybody to join them.
    taken.extend(new.into_iter().filter(|(_, new)| new.kind == ChannelKind::Sip));
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SECTIONS;

    fn told(running: &str, new: &str) -> Vec<(String, bool)> {
        differences(running, new).into_iter().map(|d| (d.key, d.live)).collect()
    }

    #[test]
    fn a_trunk_is_taken_up_at_once_and_a_listener_is_not() {
        let running = "[sip]\nudp = [\"0.0.0.0:5060\"]\n[[trunk]]\nname = \"a\"\n";
        let new = "# moved\n[sip]\nudp = [\"0.0.0.0:5070\"]\nfollow_redirects = false\n[[trunk]]\nname = \"b\"\n";
        let expected = [("sip.follow_redirects", true), ("sip.udp", false), ("trunk", true)];
        assert_eq!(told(running, new), expected.map(|(key, live)| (key.to_owned(), live)));
        assert_eq!(told(running, &format!("# a comment\n{running}")), []);
        assert_eq!(told(running, "[sip"), []);
    }

    #[test]
    fn of_a_channel_its_queue_is_taken_up_at_once_and_its_service_is_not() {
        let running = "[channels.a]\nkind = \"sip\"\n[channels.b]\nkind = \"mail\"\nrate = 1.0\n";
        for (new, expected) in [
            (
                "[channels.b]\nkind = \"mail\"\nrate = 2.0\n",
                &[("channels.a", true), ("channels.b", true)][..],
            ),
            (
                "[channels.a]\nkind = \"sip\"\n[channels.b]\nkind = \"mail\"\n[channels.b.mail]\nuser = \"x\"\n",
                &[("channels.b", false)],
            ),
            (
                "[channels.a]\nkind = \"mail\"\n[channels.b]\nkind = \"mail\"\nrate = 1.0\n",
                &[("channels.a", false)],
            ),
        ] {
            let expected = expected.iter().map(|(key, live)| ((*key).to_owned(), *live));
            assert_eq!(told(running, new), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_section_that_waits_is_one() {
        for own in AT_START {
            let section = own.split('.').next().unwrap();
            assert!(SECTIONS.contains(&section), "{own}");
        }
    }

    #[test]
    fn what_waits_keeps_what_runs() {
        let load = |text: &'static str| {
            let path = std::path::Path::new("gateway.toml");
            crate::config::load(path, &|_| Ok(text.to_owned())).unwrap().settings
        };
        let running =
            load("[sip]\nudp = [\"0.0.0.0:5060\"]\n[limits]\ncalls = 10\nlateness_ms = 50\n");
        let new = load(
            "[sip]\nudp = [\"0.0.0.0:5070\"]\nfollow_redirects = false\n[limits]\ncalls = 20\nlateness_ms = 70\n",
        );
        let taken = new.taken_up_by(&running);
        assert_eq!(taken.sip.udp, running.sip.udp);
        assert!(!taken.sip.follow_redirects);
        assert_eq!((taken.limits.calls, taken.limits.lateness_ms), (20, 50));
    }
}
