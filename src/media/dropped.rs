//! Packets that were dropped, by why: what an admin looks at who wonders whether somebody is at the branch's sound.

/// How many, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// From others than the peer.
    pub strangers: u64,
    /// Of a kind that was not agreed on, or no RTP at all.
    pub unusable: u64,
    /// Not under the key that was agreed on.
    pub forged: u64,
    /// Here before.
    pub replayed: u64,
}

impl Dropped {
    /// How many there are, in the order of the fields.
    pub const KINDS: [&str; 4] = ["stranger", "unusable", "forged", "replayed"];

    /// The figures in the order of [`Dropped::KINDS`].
    pub fn figures(self) -> [u64; 4] {
        [self.strangers, self.unusable, self.forged, self.replayed]
    }

    /// Counts as well what came between two looks at a leg.
    pub(super) fn count(&mut self, before: Dropped, after: Dropped) {
        self.strangers += after.strangers.saturating_sub(before.strangers);
        self.unusable += after.unusable.saturating_sub(before.unusable);
        self.forged += after.forged.saturating_sub(before.forged);
        self.replayed += after.replayed.saturating_sub(before.replayed);
    }
}
