//! The door of a leg: where keys were agreed on (SRTP), nothing passes in or out that is not under them.
//!
//! A packet is opened before anything looks at it: what does not prove itself never shows where the peer is, never counts
//! as a sign of life, and is never heard.

use std::net::SocketAddr;

use super::{Incoming, Leg};
use crate::media::srtp::{Keys, Protection, Refused};
use crate::media::{Dropped, Kind};

/// What stands at the door.
#[derive(Debug, Default)]
pub(super) enum Guard {
    /// Nobody: packets are in the clear.
    #[default]
    Clear,
    /// Both ways have their keys.
    Keys(Box<Protection>),
    /// There are to be keys, and they are of no use: nothing passes.
    Shut,
}

impl Leg {
    /// Takes up the keys that were agreed on, or that there are none.
    pub(super) fn protect(&mut self, keys: Option<Keys>) {
        let Some(keys) = keys else {
            self.guard = Guard::Clear;
            return;
        };
        let Guard::Keys(protection) = &mut self.guard else {
            let new = Protection::new(keys).map(|new| Guard::Keys(Box::new(new)));
            self.guard = new.unwrap_or(Guard::Shut);
            return;
        };
        match protection.rekey(keys) {
            Some(true) => self.outgoing.become_another(),
            Some(false) => {}
            None => self.guard = Guard::Shut,
        }
    }

    /// Whether packets have to be opened before anything looks at them.
    pub fn is_guarded(&self) -> bool {
        !matches!(self.guard, Guard::Clear)
    }

    /// Opens a packet into `clear`, or counts why not.
    pub fn open(
        &mut self,
        kind: Kind,
        from: SocketAddr,
        bytes: &[u8],
        clear: &mut Vec<u8>,
    ) -> bool {
        if !self.may_come(kind, from) {
            self.incoming.strangers += 1;
            return false;
        }
        let Guard::Keys(protection) = &mut self.guard else { return false };
        let opened = match kind {
            Kind::Rtp => protection.open_rtp(bytes, clear),
            Kind::Rtcp => protection.open_rtcp(bytes, clear),
        };
        opened.map_err(|why| self.refuse(why)).is_ok()
    }

    /// Counts a packet that could not be opened, here or where a browser's packets are.
    pub fn refuse(&mut self, why: Refused) {
        let count = match why {
            Refused::Short => &mut self.incoming.unusable,
            Refused::Forged | Refused::Crowded => &mut self.incoming.forged,
            Refused::Replayed => &mut self.incoming.replayed,
        };
        *count += 1;
    }

    /// What has been dropped of what came.
    pub fn dropped(&self) -> Dropped {
        let Incoming { strangers, unusable, forged, replayed, .. } = self.incoming;
        Dropped { strangers, unusable, forged, replayed }
    }

    /// Seals a packet in its buffer, where there are keys. Answers whether it may go.
    pub fn seal(&mut self, kind: Kind, packet: &mut Vec<u8>) -> bool {
        match (&mut self.guard, kind) {
            (Guard::Clear, _) => true,
            (Guard::Keys(protection), Kind::Rtp) => protection.seal_rtp(packet),
            (Guard::Keys(protection), Kind::Rtcp) => protection.seal_rtcp(packet),
            (Guard::Shut, _) => false,
        }
    }

    /// Whether a packet may be the peer's by where it comes from. It costs nothing to ask, and opening one does.
    fn may_come(&self, kind: Kind, from: SocketAddr) -> bool {
        let reports =
            |to: Option<SocketAddr>| kind == Kind::Rtcp && to.map(|to| to.ip()) == Some(from.ip());
        self.stream
            .is_some_and(|stream| stream.is_known_host(from.ip()) || reports(stream.remote_rtcp))
    }
}
