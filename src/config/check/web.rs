//! What `[web]` says, and `[media]` of browsers.

use std::net::Ipv6Addr;

use super::{Check, Step};
use crate::config::settings::MOST_THREADS;
use crate::webhook::Target;

use Step::{At, Key};

/// What an origin looks like.
pub(super) const ORIGIN: &str = "`https://HOST` or `https://HOST:PORT`, as browsers have it";

/// Whether a browser names pages so.
pub(super) fn is_origin(origin: &str) -> bool {
    let good = Target::parse(origin).is_ok_and(|target| target.tls && target.path == "/");
    // A browser names the default port never, and writes hosts small.
    good && !origin.ends_with('/') && *origin == origin.to_ascii_lowercase()
}

impl Check<'_, '_> {
    pub(super) fn pages(&mut self) {
        // A browser takes two seconds to load a page anew; after two minutes of silence nobody is left who waits.
        self.within(&[Key("web"), Key("resume_s")], self.settings.web.resume_s, 5..=120);
        for (place, origin) in self.settings.web.origins.iter().enumerate() {
            if !is_origin(origin) {
                let at = [Key("web"), Key("origins"), At(place)];
                self.tell(&at, "no page comes from there", ORIGIN);
            }
        }
    }

    pub(super) fn relays(&mut self) {
        let turn = &self.settings.web.turn;
        let at = |key| [Key("web"), Key("turn"), Key(key)];
        for (place, url) in turn.urls.iter().enumerate() {
            if !is_relay(url) {
                let at = [Key("web"), Key("turn"), Key("urls"), At(place)];
                let allowed = "`turn:HOST:PORT?transport=udp` or `turns:HOST:PORT?transport=tcp`";
                self.tell(&at, format!("`{url}` is no relay"), allowed);
            }
        }
        if !turn.urls.is_empty() && turn.secret.is_none() {
            let what = "relays, and nothing that passwords for them are made of";
            self.tell(&at("urls"), what, "`secret` beside it");
        }
        if turn.urls.is_empty() && turn.secret.is_some() {
            self.tell(&at("secret"), "a secret of relays, and no relay", "`urls` beside it");
        }
        self.within(&at("hours"), turn.hours, 1..=48);
    }

    pub(super) fn browser_ports(&mut self) {
        let media = &self.settings.media;
        let Some(first) = media.browser_port else { return };
        let at = [Key("media"), Key("browser_port")];
        let threads = if media.threads == 0 { MOST_THREADS } else { media.threads };
        let last = first.saturating_add(threads - 1);
        let (min, max) = (media.port_min, media.port_max);
        if first <= max && last >= min {
            let what = format!("ports {first} to {last} are among those for audio, {min} to {max}");
            self.tell(&at, what, "a port outside `media.port_min` to `media.port_max`");
        }
        self.within(&at, first, 1_024..=65_000);
    }
}

/// Whether browsers take this for a relay (RFC 7065 section 3.1).
fn is_relay(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("turns:").or_else(|| url.strip_prefix("turn:")) else {
        return false;
    };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(at, q)| (at, Some(q)));
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or_default())),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let letters = |c: u8| c.is_ascii_alphanumeric() || b".-".contains(&c);
    let named = !host.is_empty() && host.bytes().all(letters);
    let good_host = if place.starts_with('[') { host.parse::<Ipv6Addr>().is_ok() } else { named };
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let ways = ["transport=udp", "transport=tcp"];
    good_host && good_port && query.is_none_or(|query| ways.contains(&query))
}
