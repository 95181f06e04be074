//! A changed configuration on one side, every machine that was told of the old one on the other; and the trial that the
//! change is on.
//!
//! Calls that are up go on as they were begun. Which sections are taken up here, and which wait for the next start,
//! stands in [`crate::config::uptake`].

use std::sync::Arc;

use crate::admin::api::feed::{ConfigState, Happening};
use crate::admin::{Lamp, Part};
use crate::config::Settings;
use crate::config::trial::{Pending, Reason, Trial};
use crate::config::uptake::Difference;
use crate::gateway::prompts::Prompts;
use crate::gateway::{Gateway, Output, Secrets, setup};
use crate::ivr::Flows;
use crate::journal::act::{Act, Who};
use crate::journal::event::Event;
use crate::random::Random;
use crate::time::Now;

/// What the box is to run with from now on.
#[derive(Debug)]
pub struct Change {
    /// The configuration, checked.
    pub settings: Settings,
    /// Its flows, checked.
    pub flows: Flows,
    /// Every sound.
    pub prompts: Prompts,
    /// Passwords.
    pub secrets: Secrets,
    /// How it came.
    pub standing: Standing,
    /// What of it waits for the next start of the program.
    pub waits: Vec<Difference>,
}

/// Which version runs, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its number; 0 where versions cannot be kept.
    pub version: u32,
    /// The trial that it is on.
    pub trial: Option<Pending>,
    /// The version that was rolled back to it, and why.
    pub rolled_back: Option<(u32, Reason)>,
}

/// Why versions cannot be kept, and so no change applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In words.
    pub words: String,
    /// Whether the files are closed to the box, as a site may want them: then that is no fault.
    pub closed: bool,
}

/// What is known of the configuration that runs.
#[derive(Debug, Default)]
pub(super) struct Running {
    version: u32,
    trial: Option<Trial>,
    /// What was rolled back last, and not looked at by applying another.
    rolled_back: Option<(u32, Reason)>,
    /// What waits for the next start.
    waits: Vec<String>,
    /// Why versions cannot be kept.
    fault: Option<Fault>,
}

impl Running {
    pub fn deadline(&self) -> Option<std::time::Instant> {
        self.trial.as_ref()?.deadline()
    }
}

impl Gateway {
    /// How the configuration stands that the program has started with; why versions cannot be kept, if they cannot.
    pub fn handle_standing(&mut self, now: Now, standing: Standing, fault: Option<Fault>) {
        if let Some((version, reason)) = &standing.rolled_back {
            self.tell_rolled_back(now, *version, reason);
        }
        self.running.fault = fault;
        self.stand(now, standing, &[]);
        self.settle(now);
    }

    /// The configuration has changed.
    pub fn handle_configuration(&mut self, now: Now, change: Change) {
        let Change { settings, flows, prompts, secrets, standing, waits } = change;
        let settings = settings.taken_up_by(&self.settings);
        self.take_up_lines(now, &settings, &secrets);
        self.take_up_people(now, &settings);
        self.voicemail.handle_boxes(setup::mailboxes(&settings, &secrets, &flows));
        self.codecs = settings.media.codecs.iter().map(|codec| setup::own_codec(*codec)).collect();
        self.phone_secrets = secrets.phones;
        (self.flows, self.prompts, self.settings) = (Arc::new(flows), prompts, settings);
        self.take_up_channels(now);
        match &standing.rolled_back {
            Some((version, reason)) => self.tell_rolled_back(now, *version, reason),
            None => self.publish_config(standing.version, ConfigState::Applied, None),
        }
        self.stand(now, standing, &waits);
        self.figures_changed(now);
        self.settle(now);
    }

    /// Somebody has confirmed the version on trial.
    pub fn handle_confirmed(&mut self, version: u32) {
        if self.running.trial.as_ref().is_some_and(|trial| trial.pending().version == version) {
            self.running.trial = None;
            self.publish_config(version, ConfigState::Confirmed, None);
        }
    }

    fn stand(&mut self, now: Now, standing: Standing, waits: &[Difference]) {
        let waits = waits.iter().filter(|difference| !difference.live);
        self.running.waits = waits.map(|difference| difference.key.clone()).collect();
        self.running.version = standing.version;
        self.running.rolled_back = standing.rolled_back;
        self.running.trial = standing.trial.map(|pending| Trial::new(now, pending));
        self.watch_trial(now);
    }

    /// Carriers, numbers, phones: who may call, and where it goes.
    fn take_up_lines(&mut self, now: Now, settings: &Settings, secrets: &Secrets) {
        self.help.handle_settings(settings);
        self.gate.handle_settings(setup::gate_settings(settings, secrets, self.help.site()));
        self.take_up_trunks(now, settings, secrets);
        self.endpoint.handle_most_sessions(setup::most_sessions(settings));
        self.outside = setup::outside(settings);
        self.directory = setup::directory(settings);
        self.plan = crate::call::plan::Plan::new(settings.dial_rules());
        self.caller_ids = super::callers::caller_ids(settings);
        self.trunk_rates = setup::trunk_rates(settings);
        let rate = settings.limits.new_calls_per_second;
        self.rate = super::signalling::Rate::new(rate);
        self.forgeable_rate = super::signalling::Rate::new(super::signalling::three_quarters(rate));
        self.calls.handle_settings(setup::call_settings(settings, secrets));
        self.hot_desks.handle_pins(secrets.desk_pins.clone());
    }

    /// A trunk that is told what it was told before goes on as it is; another one is begun anew.
    fn take_up_trunks(&mut self, now: Now, settings: &Settings, secrets: &Secrets) {
        let new = setup::trunks(settings, secrets, &mut self.random);
        let gone: Vec<_> =
            self.trunks.keys().filter(|id| !new.contains_key(*id)).cloned().collect();
        for id in gone {
            self.trunks.remove(&id);
            self.forget_asked(&id);
        }
        for (id, mut trunk) in new {
            let known = self.trunks.get(&id);
            if known.is_some_and(|known| known.settings() == trunk.settings()) {
                continue;
            }
            trunk.handle_started(now);
            self.trunks.insert(id.clone(), trunk);
            self.forget_asked(&id);
        }
    }

    /// Queues, agents, and what is decided about people.
    fn take_up_people(&mut self, now: Now, settings: &Settings) {
        self.rules = settings.people_rules();
        let agents: Vec<_> = settings.agents.iter().map(setup::agent_settings).collect();
        self.roster.handle_settings(now, agents);
        let signed_in = |(agent, presence): (&crate::agent::Settings, &crate::agent::Presence)| {
            let there = *presence != crate::agent::Presence::SignedOut;
            there.then(|| (agent.id.clone(), agent.skills.clone()))
        };
        let present: Vec<_> = self.roster.iter().filter_map(signed_in).collect();
        for (agent, skills) in present {
            self.queues.handle_agent_present(agent, skills);
        }
        // Only what it says of queues is taken of it.
        let queues = setup::queues(settings, Random::from_number(0));
        self.queues.handle_settings(now, queues);
    }
}

/// The trial.
impl Gateway {
    /// Looks at carriers and phones, and carries out what the trial says.
    pub(super) fn watch_trial(&mut self, now: Now) {
        let Some(trial) = &mut self.running.trial else { return };
        for (id, trunk) in &self.trunks {
            trial.handle_trunk(now, id, trunk.works());
        }
        let phones = |extension: &crate::config::settings::Extension| {
            !self.registrar.flows(now, extension.number.as_str()).is_empty()
        };
        trial.handle_phones(now, self.settings.extensions.iter().any(phones));
        trial.handle_timeout(now);
        if let Some(reason) = trial.poll_output() {
            let version = trial.pending().version;
            tracing::warn!(version, %reason, "the configuration on trial goes back");
            self.outputs.push_back(Output::RollBack(version, reason));
        }
    }

    /// Carriers that work, and whether there are phones: what a trial compares with.
    pub fn health(&self, now: Now) -> (Vec<crate::id::TrunkId>, bool) {
        let works = self.trunks.iter().filter(|(_, trunk)| trunk.works());
        let phones = |extension: &crate::config::settings::Extension| {
            !self.registrar.flows(now, extension.number.as_str()).is_empty()
        };
        (works.map(|(id, _)| id.clone()).collect(), self.settings.extensions.iter().any(phones))
    }

    /// What was not done by a person is in the journal and on the feed all the same.
    fn tell_rolled_back(&mut self, now: Now, version: u32, reason: &Reason) {
        if *reason != Reason::Asked {
            let what = crate::admin::api::Operation::RollBackConfig.name().to_owned();
            let on = Some(version.to_string());
            let act = Act { who: Who::Gateway, from: None, what, on, done: true, first: None };
            self.keep(now, Event::Act(act));
        }
        self.publish_config(version, ConfigState::RolledBack, Some(reason.to_string()));
    }

    fn publish_config(&mut self, version: u32, state: ConfigState, why: Option<String>) {
        self.publish(Happening::Configuration { version, state, why });
    }

    /// What an admin has to know of it at a glance.
    pub(super) fn configuration_part(&self) -> Option<Part> {
        let running = &self.running;
        let amber =
            |words| Some(Part { name: "configuration".to_owned(), lamp: Lamp::Amber, words });
        if let Some(fault) = &running.fault {
            let words = &fault.words;
            let lamp = if fault.closed { Lamp::Green } else { Lamp::Amber };
            let words = format!("its folder cannot be written, so no change is applied: {words}");
            return Some(Part { name: "configuration".to_owned(), lamp, words });
        }
        if let Some(trial) = &running.trial {
            let own = trial.pending();
            return amber(format!(
                "version {} is on trial until {}: `branchline config confirm`, or it goes back to version {}",
                own.version, own.until, own.before
            ));
        }
        if let Some((version, reason)) = &running.rolled_back {
            return amber(format!("version {version} was rolled back: {reason}"));
        }
        if !running.waits.is_empty() {
            let keys = running.waits.join(", ");
            return amber(format!("waits for the next start of the program: {keys}"));
        }
        let words = format!("version {}", running.version);
        (running.version > 0).then(|| Part {
            name: "configuration".to_owned(),
            lamp: Lamp::Green,
            words,
        })
    }
}
