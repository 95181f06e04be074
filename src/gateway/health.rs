//! Writing down how the box does, once a minute, where there is a head office to tell.

use std::time::Duration;

use super::Gateway;
use crate::admin::{Lamp, Part, Status};
use crate::journal::event::Event;
use crate::journal::health::{Health, Light};
use crate::time::Now;

/// How often: what a page that shows many boxes is expected to be as new as.
const EVERY: Duration = Duration::from_secs(60);
/// Parts of which it is told: a branch has a few dozen.
const MOST_PARTS: usize = 64;

impl Gateway {
    /// The box has started: it is told of at once.
    pub(super) fn begin_health(&mut self, now: Now) {
        let told = !self.settings.uplink.hub.is_empty();
        self.health_at = told.then_some(now.instant);
    }

    pub(super) fn health_times_out(&mut self, now: Now) {
        if self.health_at.take_if(|at| *at <= now.instant).is_none() {
            return;
        }
        self.health_at = Some(now.instant + EVERY);
        let health = health(self.status(now), self.keeping.room);
        self.journal.append(now, Event::Health(Box::new(health)));
    }
}

fn health(status: Status, disk: u8) -> Health {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let light = |part: Part| {
        let light = match part.lamp {
            Lamp::Green => Light::Green,
            Lamp::Amber => Light::Amber,
            Lamp::Red => Light::Red,
        };
        (part.name, light)
    };
    Health {
        version: status.version,
        started: status.started,
        disk,
        draining: status.draining,
        lamps: status.parts.into_iter().take(MOST_PARTS).map(light).collect(),
        calls: count(status.calls),
        most_calls: count(status.max_calls),
        waiting: count(status.waiting),
        agents_ready: count(status.agents_ready),
        agents_signed_in: count(status.agents_signed_in),
        phones: count(status.phones_registered),
    }
}
