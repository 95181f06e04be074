//! `[parking]`: places where a caller waits until somebody dials the place.

use serde::Deserialize;

use crate::call::desk::Slots;
use crate::call::plan::Target;

/// `[parking]`: places where a caller waits until somebody dials the place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parking {
    /// Numbers of the places, at most 100 of one length. Default `701-709`; places whose number something else has are
    /// left out then.
    pub slots: Slots,
    /// Seconds until a parked caller rings back at who parked; 10 to 3,600, or 0 for never. Default 120.
    pub comeback: u16,
    /// Where callers go whom nobody takes back then. When absent they stay parked, and ring back again.
    pub overflow: Option<Target>,
}

impl Default for Parking {
    fn default() -> Self {
        Parking { slots: Slots::default(), comeback: 120, overflow: None }
    }
}
