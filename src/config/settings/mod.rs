//! The settings of the sections that no other module owns, one file for each, and all sections together.
//!
//! Ranges stand beside the fields and are checked in `check.rs`; what a setting does is the business of who uses it.

mod admin;
mod agent;
mod conference;
mod extension;
mod flow;
mod limits;
mod location;
mod log;
mod media;
mod prompts;
mod queue;
mod sip;
mod site;
mod spending;
mod trunk;
mod trust;
mod voicemail;

use crate::call::budget::{Cap, Rate};
use crate::call::plan::{Emergency, Features, Inbound, Internal, Outbound, Rules};

pub use admin::Admin;
pub use agent::Agent;
pub use conference::Conference;
pub use extension::Extension;
pub use flow::FlowFile;
pub use limits::Limits;
pub use location::Location;
pub use log::{Format, Level, Log};
pub use media::{Codec, Media};
pub use prompts::Prompts;
pub use queue::Queue;
pub use sip::{DigestAlgorithm, Sip, Timers};
pub use site::Site;
pub use spending::Spending;
pub use trunk::{Register, Transport, Trunk};
pub use trust::Trust;
pub use voicemail::Voicemail;

/// Everything in the configuration, checked: every reference in it leads somewhere.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `[site]`.
    pub site: Site,
    /// `[sip]`.
    pub sip: Sip,
    /// `[media]`.
    pub media: Media,
    /// `[[extension]]`.
    pub extensions: Vec<Extension>,
    /// `[[trunk]]`.
    pub trunks: Vec<Trunk>,
    /// `[[inbound]]`.
    pub inbound: Vec<Inbound>,
    /// `[[internal]]`.
    pub internal: Vec<Internal>,
    /// `[[outbound]]`.
    pub outbound: Vec<Outbound>,
    /// `[spending]`.
    pub spending: Spending,
    /// `[[rate]]`.
    pub rates: Vec<Rate>,
    /// `[[cap]]`.
    pub caps: Vec<Cap>,
    /// `[emergency]`.
    pub emergency: Emergency,
    /// `[[conference]]`.
    pub conferences: Vec<Conference>,
    /// `[[location]]`.
    pub locations: Vec<Location>,
    /// `[[queue]]`.
    pub queues: Vec<Queue>,
    /// `[[agent]]`.
    pub agents: Vec<Agent>,
    /// `[features]`.
    pub features: Features,
    /// `[prompts]`.
    pub prompts: Prompts,
    /// `[admin]`.
    pub admin: Admin,
    /// `[limits]`.
    pub limits: Limits,
    /// `[trust]`.
    pub trust: Trust,
    /// `[log]`.
    pub log: Log,
}

impl Settings {
    /// The part that the dial plan is compiled from.
    pub fn dial_rules(&self) -> Rules {
        Rules {
            country: self.site.country,
            extensions: self.extensions.iter().map(|e| e.number.clone()).collect(),
            trunks: self
                .trunks
                .iter()
                .filter(|t| !t.servers.is_empty())
                .map(|t| t.name.clone())
                .collect(),
            inbound: self.inbound.clone(),
            internal: self.internal.clone(),
            conferences: self
                .conferences
                .iter()
                .map(|conference| (conference.number.clone(), conference.name.clone()))
                .collect(),
            outbound: self.outbound.clone(),
            emergency: self.emergency.clone(),
            features: self.features.clone(),
        }
    }
}
