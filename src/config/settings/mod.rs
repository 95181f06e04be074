//! The settings of the sections that no other module owns, one file for each, and all sections together.
//!
//! Ranges stand beside the fields and are checked in `check.rs`; what a setting does is the business of who uses it.

mod admin;
mod agent;
mod api;
mod appliance;
mod backup;
mod capture;
pub mod channel;
mod conference;
mod crm;
mod distribution;
mod extension;
mod flow;
mod group;
mod http;
mod journey;
mod keys;
mod leaving;
mod limits;
mod location;
mod log;
mod media;
mod messages;
mod metrics;
mod oidc;
mod page;
mod parking;
mod payment;
mod people;
mod prompts;
mod provisioning;
mod queue;
mod recording;
mod reports;
mod sip;
mod site;
pub mod smpp_server;
mod spending;
mod supervision;
mod trunk;
mod trust;
mod update;
mod uplink;
mod voicemail;
mod web;
mod webhook;

use std::collections::BTreeMap;

use crate::call::budget::{Cap, Rate};
use crate::call::plan::{
    DeskRules, Emergency, Features, Inbound, Internal, Outbound, Rules, Schedule,
};
use crate::hours::{self, Calendar};
use crate::id::ChannelId;
use crate::journey::rule::Rule;

pub use admin::Admin;
pub use agent::Agent;
pub use api::Api;
pub use appliance::{Appliance, Wipe};
pub use backup::Backup;
pub use capture::Capture;
pub use channel::{Ask, Calls, Channel, ChannelKind, Chat, Invite, Mail, Security, Service, modem};
pub use conference::Conference;
pub use crm::{Crm, HOOK as CRM_HOOK};
pub use distribution::Distribution;
pub use extension::Extension;
pub use flow::FlowFile;
pub use group::Group;
pub use http::Http;
pub use journey::JourneyFile;
pub use keys::Keys;
pub use leaving::{Budget, Policy};
pub use limits::Limits;
pub use location::Location;
pub use log::{Format, Level, Log};
pub use media::{Codec, Encryption, KeysOver, MOST_THREADS, Media};
pub use messages::Messages;
pub use metrics::Metrics;
pub use oidc::{Oidc, OidcRole};
pub use page::Page;
pub use parking::Parking;
pub use payment::Payment;
pub use people::{Disposition, LegalHold, People, Retention};
pub use prompts::Prompts;
pub use provisioning::{DeskPhone, Mac, Provisioning};
pub use queue::{CallbackOffer, Queue, SCORE, Survey, Wanted};
pub use recording::{RecordNotice, Recording};
pub use reports::Reports;
pub use sip::{DigestAlgorithm, Sip, Timers};
pub use site::Site;
pub use smpp_server::SmppServer;
pub use spending::Spending;
pub use supervision::Supervision;
pub use trunk::{
    Account, EarlyMedia, External, Forwarded, Numbers, Register, Server, Shows, Transport, Trunk,
};
pub use trust::Trust;
pub use update::Update;
pub use uplink::Uplink;
pub use voicemail::Voicemail;
pub use web::{Turn, Web};
pub use webhook::Webhook;

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
    /// `[distribution]`.
    pub distribution: Distribution,
    /// `[[queue]]`.
    pub queues: Vec<Queue>,
    /// `[[agent]]`.
    pub agents: Vec<Agent>,
    /// `[features]`.
    pub features: Features,
    /// `[[group]]`.
    pub groups: Vec<Group>,
    /// `[[page]]`.
    pub pages: Vec<Page>,
    /// `[parking]`.
    pub parking: Parking,
    /// `[supervision]`.
    pub supervision: Supervision,
    /// `[payment]`.
    pub payment: Payment,
    /// `[[schedule]]`.
    pub schedules: Vec<Schedule>,
    /// `[[calendar]]`, those without mistakes: the IVR's check tells the mistakes.
    pub calendars: Vec<hours::Settings>,
    /// `[prompts]`.
    pub prompts: Prompts,
    /// `[http]`.
    pub http: Http,
    /// `[reports]`.
    pub reports: Reports,
    /// `[api]`.
    pub api: Api,
    /// `[oidc]`.
    pub oidc: Oidc,
    /// `[web]`.
    pub web: Web,
    /// `[provisioning]`.
    pub provisioning: Provisioning,
    /// `[[phone]]`.
    pub phones: Vec<DeskPhone>,
    /// `[admin]`.
    pub admin: Admin,
    /// `[limits]`.
    pub limits: Limits,
    /// `[capture]`.
    pub capture: Capture,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[trust]`.
    pub trust: Trust,
    /// `[people]`.
    pub people: People,
    /// `[retention]`.
    pub retention: Retention,
    /// `[[disposition]]`.
    pub dispositions: Vec<Disposition>,
    /// `[[legal_hold]]`.
    pub legal_holds: Vec<LegalHold>,
    /// `[crm]`.
    pub crm: Crm,
    /// `[uplink]`.
    pub uplink: Uplink,
    /// `[backup]`.
    pub backup: Backup,
    /// `[update]`.
    pub update: Update,
    /// `[[webhook]]`.
    pub webhooks: Vec<Webhook>,
    /// `[messages]`.
    pub messages: Messages,
    /// `[channels.NAME]`, those without mistakes, by name.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// `[smpp_server]`.
    pub smpp_server: SmppServer,
    /// `[journey.NAME]`, those without mistakes, by name.
    pub journeys: BTreeMap<String, Rule>,
    /// `[appliance]`.
    pub appliance: Appliance,
    /// `[log]`.
    pub log: Log,
}

impl Settings {
    /// Programs elsewhere that are told what happens: those of `[[webhook]]`, and the one of `[crm]`.
    pub fn receivers(&self) -> Vec<Webhook> {
        self.webhooks.iter().cloned().chain(self.crm.hook()).collect()
    }

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
            desk: self.desk_rules(),
        }
    }

    fn desk_rules(&self) -> DeskRules {
        // The site's zone was checked with its section.
        let zone = hours::zone(&self.site.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let calendar = |schedule: &Schedule| {
            let named = |calendar: &&hours::Settings| *calendar.name.get_ref() == schedule.calendar;
            Calendar::new(self.calendars.iter().find(named)?, &zone).ok()
        };
        let numbered = |group: &Group| Some((group.number.clone()?, group.name.clone()));
        DeskRules {
            groups: self.groups.iter().filter_map(numbered).collect(),
            pages: self.pages.iter().map(|p| (p.number.clone(), p.name.clone())).collect(),
            slots: self.parking.slots.clone(),
            schedules: self.schedules.iter().map(|s| (s.clone(), calendar(s))).collect(),
        }
    }
}
