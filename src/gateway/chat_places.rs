//! How many are ahead of whoever waits at a page of the site. They are told when it changes, and when they wait no more.

use std::collections::BTreeMap;

use crate::channel::Channel;
use crate::gateway::Gateway;
use crate::id::{ChannelId, ConversationId};
use crate::messaging::channel::Order;
use crate::messaging::{Address, Owner};
use crate::time::Now;

/// Visitors who are told at a time: behind so many nobody looks at a number.
const MOST_TOLD: usize = 200;

/// What visitors were told last.
#[derive(Debug, Default)]
pub(super) struct ChatPlaces(BTreeMap<ConversationId, (ChannelId, Address, u32)>);

impl Gateway {
    /// The queues may stand otherwise than before.
    pub(super) fn tell_chat_places(&mut self, now: Now) {
        let places = self.chat_places(now);
        let before = std::mem::take(&mut self.chat_places.0);
        let gone = before.iter().filter(|(talk, _)| !places.contains_key(talk));
        let gone = gone.map(|(_, (channel, to, _))| (channel.clone(), to.clone(), None));
        let changed = places.iter().filter(|(talk, own)| before.get(talk) != Some(own));
        let changed =
            changed.map(|(_, (channel, to, ahead))| (channel.clone(), to.clone(), Some(*ahead)));
        let told: Vec<_> = gone.chain(changed).collect();
        self.chat_places.0 = places;
        for (channel, to, ahead) in told {
            self.order_channel(now, channel, Order::Place { to, ahead });
        }
    }

    /// Who waits at a page, and how many are ahead of them.
    fn chat_places(&self, now: Now) -> BTreeMap<ConversationId, (ChannelId, Address, u32)> {
        let open = &self.journal.live().talks.open;
        let waiting = open.iter().filter_map(|(talk, own)| {
            let Owner::Queue { item, .. } = &own.owner else { return None };
            let way = self.talks.way(*talk).filter(|way| way.work == Channel::Chat)?;
            let ahead = self.queues.place(now, *item)?.saturating_sub(1);
            let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
            Some((*talk, (way.channel.clone(), way.address(), ahead)))
        });
        waiting.take(MOST_TOLD).collect()
    }
}
