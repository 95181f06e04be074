//! What `[web]` says, and `[media]` of browsers.

use super::{Check, Step};
use crate::config::settings::MOST_THREADS;
use crate::webhook::Target;

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn pages(&mut self) {
        for (place, origin) in self.settings.web.origins.iter().enumerate() {
            let good = Target::parse(origin).is_ok_and(|target| target.tls && target.path == "/");
            // A browser names the default port never, and writes hosts small.
            let plain = !origin.ends_with('/') && *origin == origin.to_ascii_lowercase();
            if !good || !plain {
                let at = [Key("web"), Key("origins"), At(place)];
                let allowed = "`https://HOST` or `https://HOST:PORT`, as browsers have it";
                self.tell(&at, "no page comes from there", allowed);
            }
        }
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
