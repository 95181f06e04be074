//! Events that sites and shops tell of: counted without consent, kept and told with it.

use super::{For, MOST_HEARD};
use crate::admin::api::feed::Happening;
use crate::admin::api::sites::{SiteEvent, Taken};
use crate::admin::{Command, Reply};
use crate::context::{Identity, Who};
use crate::gateway::{By, Gateway, ReplyTo};
use crate::id::ContactId;
use crate::journal::State;
use crate::journal::context::{detail_name, personal};
use crate::journal::event::Event;
use crate::journal::personal::Personal;
use crate::journal::site::Site;
use crate::time::Now;

/// Ids that are remembered here: twice as many as the journal remembers.
const MOST_TOLD: usize = 20_000;
/// Bytes of a keyed hash that stand for an event's id: nobody makes up two that are alike.
const ID_BYTES: usize = 16;

impl Gateway {
    /// Takes events of a site; answered once all that are kept are on the disk. A bad one keeps nobody from the rest.
    pub(in crate::gateway) fn take_site_events(
        &mut self,
        now: Now,
        to: ReplyTo,
        by: &By,
        command: &Command,
    ) {
        let Command::SiteEvents { events } = command else { return };
        if self.journal.state() != State::Healthy {
            let why = "the disk does not work: nothing would be kept".to_owned();
            return self.outputs.push_back(crate::gateway::Output::Reply(to, Reply::NotReady(why)));
        }
        let taken = events.iter().map(|event| self.take_site_event(now, by, event)).collect();
        let token = self.journal.newest();
        self.keeping.replies.push((token, to, Reply::SiteEvents(taken)));
        self.send_replies();
    }

    fn take_site_event(&mut self, now: Now, by: &By, event: &SiteEvent) -> Taken {
        let count = self.journeys.counted.entry((event.kind.clone(), event.consent)).or_default();
        *count += 1;
        if !event.consent {
            return Taken::Counted;
        }
        let country = self.settings.site.country;
        let read = |one: &Identity<String>| {
            Identity::read(one.kind, &one.value, &|digits| country.full(digits))
        };
        let identities = match event.identities.iter().map(read).collect::<Result<Vec<_>, _>>() {
            Ok(identities) => identities,
            Err(why) => return Taken::Refused(format!("that is no identity: {why}")),
        };
        let Some(first) = identities.first().cloned() else {
            return Taken::Refused("nothing says who it was".to_owned());
        };
        // What the sender calls it may name somebody: under a key it does not.
        let name = format!("site event {} {}", by.who, event.id);
        let id = self.journal.keys().token(&name, ID_BYTES);
        if !self.journeys.told.insert(id.clone()) {
            return Taken::Again;
        }
        let detail =
            event.detail.clone().map(|text| Personal::Named { subject: detail_name(&first), text });
        let site = Site {
            kind: event.kind.clone(),
            id: id.clone(),
            at: event.at.unwrap_or(now.unix).min(now.unix),
            channel: event.channel(),
            identities: identities.into_iter().map(|one| one.map(&mut personal)).collect(),
            together: event.together,
            detail,
        };
        let token = self.keep(now, Event::Site(site.clone()));
        self.forget_told();
        let who = Who::Identity(first.kind, first.value);
        self.hear(now, &event.kind, format!("site/{id}"), who.clone(), &event.attributes);
        match self.journeys.looks.len() < MOST_HEARD {
            true => self.look_for_journey(token, who, For::Feed(Box::new(site))),
            // The store is away for long: the feed is told without whom it was.
            false => self.tell_site_event(None, &site),
        }
        Taken::Kept
    }

    /// As many ids are remembered here as the journal remembers, or some more.
    fn forget_told(&mut self) {
        let known = self.journal.live().told.ids();
        if self.journeys.told.len() > MOST_TOLD {
            self.journeys.told = known.cloned().collect();
        }
    }

    pub(super) fn tell_site_event(&mut self, person: Option<ContactId>, site: &Site) {
        let (kind, at) = (site.kind.clone(), site.at);
        self.publish(Happening::SiteEvent { kind, at, person });
    }

    /// Events of sites so far, by kind and whether they were kept.
    pub(in crate::gateway) fn site_counts(&self) -> impl Iterator<Item = (&str, bool, u64)> {
        let counts = self.journeys.counted.iter();
        counts.map(|((kind, kept), count)| (kind.as_str(), *kept, *count))
    }
}
