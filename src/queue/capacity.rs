//! How much one person has in hand at once: caps for each channel, and weights of all together, and what may ring while
//! something else is in hand.
//!
//! Neither caps nor weights say "one call and three chats, and no fourth": weights that admit it admit six chats as well,
//! caps that admit it admit five mails beside. Both together do.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::queue::Channel;

/// What one person can have in hand. What is not said of a channel is as in [`Capacity::default`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    /// Weight that all contacts in hand may come to.
    pub room: u16,
    /// Contacts of each channel at once.
    pub caps: BTreeMap<Channel, u8>,
    /// What one contact of each channel weighs.
    pub weights: BTreeMap<Channel, u16>,
    /// Channels that may ring while one of this channel is in hand.
    pub interrupts: BTreeMap<Channel, BTreeSet<Channel>>,
}

/// What of [`Capacity`] an admin says; the rest stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Said {
    /// Weight that all contacts in hand may come to; 1 to 1,000, default 100.
    pub room: Option<u16>,
    /// Contacts of each channel at once; 0 to 50, voice and callback 0 or 1. Default voice 1, callback 1, chat 3, message
    /// 3, mail 5, task 5.
    pub caps: BTreeMap<Channel, u8>,
    /// What one contact of each channel weighs; 0 to 1,000. Default voice 51, callback 51, chat 16, message 16, mail 8,
    /// task 8.
    pub weights: BTreeMap<Channel, u16>,
    /// Channels that may ring while one of this channel is in hand. Default beside a call chats and messages, beside all
    /// else everything.
    pub interrupts: BTreeMap<Channel, BTreeSet<Channel>>,
}

/// Why something more does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limit", rename_all = "kebab-case")]
pub enum Full {
    /// As many of the channel are in hand as may be.
    Cap {
        /// How many that is.
        cap: u8,
    },
    /// It would weigh too much with what is in hand.
    Weight {
        /// What is in hand weighs.
        load: u16,
        /// It weighs.
        weight: u16,
        /// The most.
        room: u16,
    },
    /// It may not ring while one of this channel is in hand.
    Interrupt {
        /// Which.
        by: Channel,
    },
}

impl Default for Capacity {
    /// One call with three chats beside: 51 + 3 x 16 = 99 of 100.
    fn default() -> Self {
        use Channel::{Callback, Chat, Mail, Message, Task, Voice};
        let everything = BTreeSet::from(Channel::ALL);
        // Who is on the phone hears a chat come in; a letter waits until the call is over.
        let beside_a_call = BTreeSet::from([Chat, Message]);
        Capacity {
            room: 100,
            caps: [(Voice, 1), (Callback, 1), (Chat, 3), (Message, 3), (Mail, 5), (Task, 5)].into(),
            weights: [(Voice, 51), (Callback, 51), (Chat, 16), (Message, 16), (Mail, 8), (Task, 8)]
                .into(),
            interrupts: [
                (Voice, beside_a_call.clone()),
                (Callback, beside_a_call),
                (Chat, everything.clone()),
                (Message, everything.clone()),
                (Mail, everything.clone()),
                (Task, everything),
            ]
            .into(),
        }
    }
}

impl Capacity {
    /// With what an admin says on top.
    pub fn with(&self, said: &Said) -> Capacity {
        let mut capacity = self.clone();
        capacity.room = said.room.unwrap_or(capacity.room);
        capacity.caps.extend(said.caps.iter().map(|(channel, cap)| (*channel, *cap)));
        capacity.weights.extend(said.weights.iter().map(|(channel, weight)| (*channel, *weight)));
        let interrupts = said.interrupts.iter();
        capacity.interrupts.extend(interrupts.map(|(channel, by)| (*channel, by.clone())));
        capacity
    }

    /// How many of a channel one person can have at once, with nothing else in hand.
    pub fn most(&self, channel: Channel) -> u8 {
        let weight = self.weight(channel);
        let by_weight = self.room.checked_div(weight).unwrap_or(u16::MAX);
        self.cap(channel).min(u8::try_from(by_weight).unwrap_or(u8::MAX))
    }

    /// Whether one more of `channel` fits to what is `held`, a channel for each contact.
    pub fn fits(
        &self,
        held: impl Iterator<Item = Channel> + Clone,
        channel: Channel,
    ) -> Result<(), Full> {
        let cap = self.cap(channel);
        let same = held.clone().filter(|other| *other == channel).count();
        if same >= usize::from(cap) {
            return Err(Full::Cap { cap });
        }
        let may = |by: &Channel| self.interrupts.get(by).is_some_and(|may| may.contains(&channel));
        // Whether a second one of a channel may ring is what its cap says.
        if let Some(by) = held.clone().find(|by| *by != channel && !may(by)) {
            return Err(Full::Interrupt { by });
        }
        let load = held.fold(0u16, |sum, one| sum.saturating_add(self.weight(one)));
        let (weight, room) = (self.weight(channel), self.room);
        if load.saturating_add(weight) > room {
            return Err(Full::Weight { load, weight, room });
        }
        Ok(())
    }

    /// What one contact weighs.
    pub fn weight(&self, channel: Channel) -> u16 {
        self.weights.get(&channel).copied().unwrap_or(0)
    }

    fn cap(&self, channel: Channel) -> u8 {
        self.caps.get(&channel).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Channel::{Callback, Chat, Mail, Message, Task, Voice};

    fn fits(held: &[Channel], channel: Channel) -> Result<(), Full> {
        Capacity::default().fits(held.iter().copied(), channel)
    }

    #[test]
    fn one_call_and_three_chats_fit_and_a_fourth_chat_does_not() {
        assert_eq!(fits(&[Voice, Chat, Chat], Chat), Ok(()));
        assert_eq!(fits(&[Chat, Chat, Chat], Voice), Ok(()));
        assert_eq!(fits(&[Voice, Chat, Chat, Chat], Chat), Err(Full::Cap { cap: 3 }));
        assert_eq!(fits(&[Chat, Chat, Chat], Chat), Err(Full::Cap { cap: 3 }));
    }

    #[test]
    fn what_caps_alone_admit_weighs_too_much() {
        let full = Full::Weight { load: 99, weight: 16, room: 100 };
        assert_eq!(fits(&[Voice, Chat, Chat, Chat], Message), Err(full));
        assert_eq!(fits(&[Chat, Chat, Chat, Mail, Mail, Mail, Mail, Mail], Task), Ok(()));
        let full = Full::Weight { load: 56, weight: 51, room: 100 };
        assert_eq!(fits(&[Chat, Chat, Mail, Mail, Mail], Voice), Err(full));
    }

    #[test]
    fn a_letter_does_not_ring_during_a_call_and_a_call_does_during_a_letter() {
        assert_eq!(fits(&[Voice], Mail), Err(Full::Interrupt { by: Voice }));
        assert_eq!(fits(&[Callback], Task), Err(Full::Interrupt { by: Callback }));
        assert_eq!(fits(&[Mail], Voice), Ok(()));
        assert_eq!(fits(&[Voice], Callback), Err(Full::Interrupt { by: Voice }));
    }

    #[test]
    fn what_an_admin_says_changes_that_and_nothing_else() {
        let said: Said =
            toml::from_str("room = 200\ncaps.chat = 5\ninterrupts.voice = []").unwrap();
        let capacity = Capacity::default().with(&said);
        let six = [Chat, Chat, Chat, Chat];
        assert_eq!(capacity.fits(six.into_iter(), Chat), Ok(()));
        assert_eq!(capacity.fits([Voice].into_iter(), Chat), Err(Full::Interrupt { by: Voice }));
        assert_eq!(capacity.weight(Chat), 16);
        assert_eq!((capacity.most(Chat), Capacity::default().most(Mail)), (5, 5));
        assert!(toml::from_str::<Said>("caps.fax = 1").is_err());
    }
}
