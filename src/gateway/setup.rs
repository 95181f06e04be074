//! From the configuration to machines: what each of them is told once.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::admin::access::provider;
use crate::agent::Roster;
use crate::call::Calls;
use crate::call::conference::Pin;
use crate::call::desk;
use crate::call::plan::{self, Plan};
use crate::config::Settings;
use crate::config::settings::{self, DigestAlgorithm, Transport as Way};
use crate::gateway::lateness::Lateness;
use crate::gateway::prompts::Prompts;
use crate::gateway::seen::Seen;
use crate::gateway::{
    Ending, Gateway, callers, hiding, keeping, legs, relays, signalling, voicemail, watching, work,
};

use crate::id::{ApplicationId, ChannelId, ConferenceId, ExtensionId, HookId, TrunkId};
use crate::ivr::mailbox::{self, Mailboxes};
use crate::ivr::{ClipName, Flows};
use crate::journal::Journal;
use crate::media::port::Pool;
use crate::media::stock::Stock;
use crate::messaging::adapter;
use crate::random::Random;
use crate::sip::access::{self, Gate};
use crate::sip::auth::{Algorithm, Credentials, Secret};
use crate::sip::endpoint::{self, Endpoint};
use crate::sip::hep;
use crate::sip::message::Transport;
use crate::sip::registrar::{self, Registrar};
use crate::sip::sdp::Codec;
use crate::sip::subscribe::{self, Notifier};
use crate::sip::transaction::Timing;
use crate::sip::trunk::{self, Network, Server, Trunk};
use crate::sip::trust;
use crate::time::UnixTime;
use crate::{agent, call, queue, webhook};

/// How long a port rests before another call gets it: late packets of the first are gone by then.
const PORT_REST: Duration = Duration::from_secs(10);
/// How long a carrier may take to answer a call.
const OUTBOUND_TIME: Duration = Duration::from_secs(60);
/// How long an extension rings when its own time is not set.
const RING_TIME: Duration = Duration::from_secs(25);

/// Everything that a gateway is made of.
#[derive(Debug)]
pub struct Setup {
    /// The configuration, checked.
    pub settings: Settings,
    /// Its flows, checked.
    pub flows: Flows,
    /// Every sound.
    pub prompts: Prompts,
    /// Passwords.
    pub secrets: Secrets,
    /// Where SIP is spoken.
    pub listening: Listening,
    /// Every address of this box.
    pub addresses: Vec<IpAddr>,
    /// The private networks that this box's interfaces are in.
    pub networks: Vec<Network>,
    /// How many media threads there are.
    pub threads: usize,
    /// The SHA-256 of the certificate that browsers are told; without one, none is let in.
    pub fingerprint: Option<Vec<u8>>,
}

/// Passwords, read from where the configuration says.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// What pages' passwords for relays are made of.
    pub relays: Option<relays::Secret>,
    /// Of phones, by extension.
    pub phones: BTreeMap<String, Secret>,
    /// Of accounts at carriers that are registered with.
    pub trunks: BTreeMap<TrunkId, Secret>,
    /// PINs of mailboxes.
    pub pins: BTreeMap<ExtensionId, String>,
    /// PINs of conferences.
    pub conference_pins: BTreeMap<ConferenceId, Pin>,
    /// PINs with which people sign in at other phones, by their extension.
    pub desk_pins: BTreeMap<ExtensionId, Pin>,
    /// Of accounts at carriers that calls out show alone.
    pub accounts: BTreeMap<TrunkId, Secret>,
    /// What the capture server asks for.
    pub capture: Option<hep::Key>,
    /// What messages to programs elsewhere are signed with.
    pub hooks: BTreeMap<HookId, webhook::Secret>,
    /// What proves this box to the provider where people sign in.
    pub provider: Option<provider::Secret>,
    /// What channels of messages need, by the keys under which it stands.
    pub channels: BTreeMap<(ChannelId, &'static str), adapter::Secret>,
    /// PINs of SIMs, by their channels and names.
    pub sims: BTreeMap<(ChannelId, String), adapter::Secret>,
    /// What proves applications that bind by SMPP.
    pub applications: BTreeMap<ApplicationId, adapter::Secret>,
}

/// Where SIP is spoken: the addresses that are bound.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    /// Over UDP.
    pub udp: Vec<SocketAddr>,
    /// Over TCP.
    pub tcp: Vec<SocketAddr>,
    /// Over TLS.
    pub tls: Vec<SocketAddr>,
}

impl Listening {
    /// Each of them, such as `udp 0.0.0.0:5060`.
    pub fn each(&self) -> impl Iterator<Item = String> {
        let kinds = [("udp", &self.udp), ("tcp", &self.tcp), ("tls", &self.tls)];
        kinds
            .into_iter()
            .flat_map(|(kind, all)| all.iter().map(move |address| format!("{kind} {address}")))
    }

    /// Whether something is bound to this very address.
    pub fn is_at(&self, address: IpAddr) -> bool {
        let mut all = self.udp.iter().chain(&self.tcp).chain(&self.tls);
        all.any(|bound| bound.ip() == address)
    }
}

impl Gateway {
    /// A gateway without calls.
    pub fn new(setup: Setup, journal: Journal, mut random: Random) -> Self {
        let Setup {
            settings,
            flows,
            prompts,
            secrets,
            listening,
            addresses,
            networks,
            threads,
            fingerprint,
        } = setup;
        let media = &settings.media;
        let boxes = mailboxes(&settings, &secrets, &flows);
        let pool = Pool::new(media.port_min, media.port_max, PORT_REST, random.fork());
        let pool = Stock::new(pool);
        let help = super::emergency::Help::new(&settings, networks);
        Gateway {
            endpoint: Endpoint::new(endpoint_settings(&settings), random.fork()),
            seen: seen(&settings, &secrets),
            gate: Gate::new(gate_settings(&settings, &secrets, help.site()), random.fork()),
            registrar: Registrar::new(registrar::Settings {
                min_s: settings.sip.timers.register_min_s,
                default_s: settings.sip.timers.register_default_s,
                max_s: settings.sip.timers.register_max_s,
            }),
            trunks: trunks(&settings, &secrets, &mut random),
            outward: BTreeMap::new(),
            patience: crate::time::Timers::default(),
            asked: super::trunks::Asked::default(),
            outside: outside(&settings),
            addresses,
            directory: directory(&settings),
            plan: Plan::new(settings.dial_rules()),
            calls: Calls::new(call_settings(&settings, &secrets), random.fork()),
            contexts: super::contexts::Contexts::default(),
            orders: super::orders::Orders::default(),
            crm: super::crm::Crm::new(&settings.crm),
            branches: super::branches::Branches::default(),
            search: super::retention::Search::default(),
            rules: settings.people_rules(),
            journeys: super::journeys::Walking::new(&settings),
            messages: super::messages::Messages::new(random.fork()),
            applications: super::applications::Applications::default(),
            talks: super::conversations::Talks::default(),
            unanswered: super::unanswered::Unanswered::default(),
            talking: super::talking::Talking::default(),
            phone_messages: super::phone_messages::PhoneMessages::default(),
            chat_places: super::chat_places::ChatPlaces::default(),
            codes: super::phone_codes::PhoneCodes::default(),
            visitors: super::visitors::Visitors::default(),
            help,
            hot_desks: desk::HotDesks::new(secrets.desk_pins.clone()),
            caller_ids: callers::caller_ids(&settings),
            trunk_rates: trunk_rates(&settings),
            queues: queues(&settings, random.fork()),
            roster: Roster::new(settings.agents.iter().map(agent_settings).collect()),
            flows: Arc::new(flows),
            voicemail: voicemail::Voicemail::new(boxes),
            phones: super::phones::Phones::default(),
            relays: relays::Relays::new(&settings.web.turn, secrets.relays.clone()),
            phone_secrets: secrets.phones.clone(),
            walks: BTreeMap::new(),
            surveys: Default::default(),
            stun: crate::sip::stun::Answers::default(),
            watching: watching::Watching::new(Notifier::new(
                subscription_settings(&settings),
                random.fork(),
            )),
            prompts,
            journal,
            keeping: keeping::Keeping::default(),
            legs: legs::Legs::default(),
            work: work::Work::default(),
            timesheet: super::timesheet::Timesheet::default(),
            promises: super::callbacks::Promises::default(),
            playing: BTreeMap::new(),
            held_keys: super::keys::HeldKeys::default(),
            sights: super::addresses::Sights::default(),
            faults: super::faults::Faults::default(),
            sampling: Default::default(),
            lateness: Lateness::new(Duration::from_millis(settings.limits.lateness_ms.into())),
            tapes: super::recording::Tapes::default(),
            consents: Default::default(),
            driving: Default::default(),
            payments: Default::default(),
            carrying: Default::default(),
            supervisions: Default::default(),
            feed: Default::default(),
            pool,
            codecs: settings.media.codecs.iter().map(|codec| own_codec(*codec)).collect(),
            thread: 0,
            threads,
            fingerprint,
            tabs: Default::default(),
            rate: signalling::Rate::new(settings.limits.new_calls_per_second),
            forgeable_rate: signalling::Rate::new(signalling::three_quarters(
                settings.limits.new_calls_per_second,
            )),
            callback_rate: signalling::Rate::new(signalling::CALLED_BACK_A_SECOND),
            started: UnixTime::default(),
            ending: Ending::No,
            anew: false,
            swept: None,
            health_at: None,
            outputs: std::collections::VecDeque::new(),
            random,
            settings,
            listening,
            running: Default::default(),
        }
    }
}

pub(super) fn directory(settings: &Settings) -> BTreeMap<ExtensionId, usize> {
    let numbers = settings.extensions.iter().enumerate();
    numbers.map(|(place, extension)| (extension.number.clone(), place)).collect()
}

fn seen(settings: &Settings, secrets: &Secrets) -> Seen {
    let capture = &settings.capture;
    let key = secrets.capture.clone();
    let agent = capture.hep.is_some().then_some(hep::Agent { id: capture.hep_id, key });
    Seen::new(usize::from(capture.memory_mb) << 20, agent)
}

fn endpoint_settings(settings: &Settings) -> endpoint::Settings {
    let millis = |millis: u32| Duration::from_millis(millis.into());
    let timers = &settings.sip.timers;
    endpoint::Settings {
        user_agent: concat!("Branchline/", env!("CARGO_PKG_VERSION")).to_owned(),
        timing: Timing {
            t1: millis(timers.t1_ms),
            t2: millis(timers.t2_ms),
            t4: millis(timers.t4_ms),
        },
        max_sessions: most_sessions(settings),
        session_expires: (timers.session_s > 0).then_some(timers.session_s),
        messages: super::messages::has_phones(settings),
        ..endpoint::Settings::default()
    }
}

/// Each call has a leg in and one or more out; emergency calls pass above the limit.
pub(super) fn most_sessions(settings: &Settings) -> usize {
    usize::from(settings.limits.calls) * 4 + 100
}

/// Subscriptions last as long as registrations.
fn subscription_settings(settings: &Settings) -> subscribe::Settings {
    let timers = &settings.sip.timers;
    subscribe::Settings {
        min_s: timers.register_min_s,
        default_s: timers.register_default_s,
        max_s: timers.register_max_s,
        ..subscribe::Settings::default()
    }
}

/// `site` are the networks whose phones reach help: what they send is read, whoever else is banned.
pub(super) fn gate_settings(
    settings: &Settings,
    secrets: &Secrets,
    site: &[Network],
) -> access::Settings {
    let networks = |trunk: &settings::Trunk| {
        // The configuration's check has read each of them.
        trunk.accept_from.iter().filter_map(|text| Network::parse(text).ok()).collect()
    };
    let trunks: Vec<(TrunkId, Vec<Network>)> =
        settings.trunks.iter().map(|trunk| (trunk.name.clone(), networks(trunk))).collect();
    let own = &settings.trust;
    let trust = trust::Settings {
        bans: own.bans,
        site: own
            .networks
            .iter()
            .filter_map(|text| Network::parse(text).ok())
            .chain(site.iter().copied())
            .collect(),
        trunks: trunks.iter().flat_map(|(_, networks)| networks.clone()).collect(),
        first: Duration::from_secs(u64::from(own.ban_s)),
    };
    access::Settings {
        realm: settings.sip.realm.clone(),
        algorithms: settings
            .sip
            .digests
            .iter()
            .map(|digest| match digest {
                DigestAlgorithm::Sha256 => Algorithm::Sha256,
                DigestAlgorithm::Md5 => Algorithm::Md5,
            })
            .collect(),
        trunks,
        users: secrets.phones.clone(),
        trust,
    }
}

pub(super) fn trunks(
    settings: &Settings,
    secrets: &Secrets,
    random: &mut Random,
) -> BTreeMap<TrunkId, Trunk> {
    let account = |trunk: &settings::Trunk| {
        let register = trunk.register.as_ref()?;
        let secret = secrets.trunks.get(&trunk.name)?.clone();
        let credentials = Credentials {
            username: register.username.clone(),
            secret,
            realm: register.realm.clone(),
        };
        Some(trunk::Register { credentials, expires_s: register.expires })
    };
    let own_account = |trunk: &settings::Trunk| {
        let (auth, secret) = (trunk.auth.as_ref()?, secrets.accounts.get(&trunk.name)?.clone());
        let (username, realm) = (auth.username.clone(), auth.realm.clone());
        Some(Credentials { username, secret, realm })
    };
    let told = |trunk: &settings::Trunk| trunk::Settings {
        servers: servers(trunk),
        transport: match trunk.transport {
            Way::Auto => None,
            Way::Udp => Some(Transport::Udp),
            Way::Tcp => Some(Transport::Tcp),
            Way::Tls => Some(Transport::Tls),
        },
        register: account(trunk),
        account: own_account(trunk),
        probe: (trunk.probe > 0).then(|| Duration::from_secs(trunk.probe.into())),
        keep_alive: (trunk.keep_alive > 0).then(|| Duration::from_secs(trunk.keep_alive.into())),
    };
    settings
        .trunks
        .iter()
        .map(|trunk| (trunk.name.clone(), Trunk::new(told(trunk), random.fork())))
        .collect()
}

/// Without a priority of its own, a server comes after those that stand before it.
fn servers(trunk: &settings::Trunk) -> Vec<Server> {
    let one = |(place, server): (u16, &settings::Server)| {
        let read = Server::parse(&server.host)?;
        let (priority, weight) = (server.priority.unwrap_or(place), server.weight.unwrap_or(1));
        Some(Server { priority, weight, ..read })
    };
    (0..).zip(&trunk.servers).filter_map(one).collect()
}

pub(super) fn outside(settings: &Settings) -> hiding::Outside {
    // The configuration's check has read each of them.
    let inside = settings.trust.networks.iter().filter_map(|text| Network::parse(text).ok());
    hiding::Outside { address: settings.sip.external_address, inside: inside.collect() }
}

/// New calls a second of each trunk: in, and out.
pub(super) fn trunk_rates(
    settings: &Settings,
) -> BTreeMap<TrunkId, (signalling::Rate, signalling::Rate)> {
    let rates = |trunk: &settings::Trunk| {
        let rate = signalling::Rate::new;
        (trunk.name.clone(), (rate(trunk.calls_in_per_second), rate(trunk.calls_out_per_second)))
    };
    settings.trunks.iter().map(rates).collect()
}

pub(super) fn call_settings(settings: &Settings, secrets: &Secrets) -> call::Settings {
    let conference = |conference: &settings::Conference| {
        let pin = secrets.conference_pins.get(&conference.name).cloned();
        (
            conference.name.clone(),
            call::conference::Conference { pin, most: conference.max_members.into() },
        )
    };
    let own = |extension: &settings::Extension| {
        (extension.number.clone(), Duration::from_secs(extension.ring_time.into()))
    };
    call::Settings {
        max_calls: settings.limits.calls.into(),
        ring_time: RING_TIME,
        ring_times: settings.extensions.iter().map(own).collect(),
        mailboxes: settings
            .extensions
            .iter()
            .filter(|extension| extension.voicemail.is_some())
            .map(|extension| extension.number.clone())
            .collect(),
        outbound_time: OUTBOUND_TIME,
        spending: budget_settings(settings),
        conferences: settings.conferences.iter().map(conference).collect(),
        desk: desk_settings(settings),
    }
}

fn budget_settings(settings: &Settings) -> call::budget::Settings {
    call::budget::Settings {
        country: settings.site.country,
        rates: settings.rates.clone(),
        price: settings.spending.price(),
        caps: settings.caps.clone(),
    }
}

pub(super) fn mailboxes(settings: &Settings, secrets: &Secrets, flows: &Flows) -> Mailboxes {
    let own = |extension: &settings::Extension| {
        let voicemail = extension.voicemail.as_ref()?;
        let days = u64::from(voicemail.retention_days);
        let mailbox = mailbox::Settings {
            pin: secrets.pins.get(&extension.number).cloned(),
            greeting: voicemail.greeting.as_deref().map(ClipName::from),
            max_length: Duration::from_secs(voicemail.max_length.into()),
            max_messages: voicemail.max_messages.into(),
            retention: (days > 0).then(|| Duration::from_secs(days * 86_400)),
        };
        Some((extension.number.clone(), mailbox))
    };
    Mailboxes::new(settings.extensions.iter().filter_map(own).collect(), flows.zone().clone())
}

fn desk_settings(settings: &Settings) -> desk::Settings {
    let phone = |extension: &settings::Extension| {
        let phone = desk::Phone {
            forwards: extension.forward.clone(),
            do_not_disturb: extension.do_not_disturb,
            no_call_waiting: !extension.call_waiting,
            most_calls: extension.busy_at.map(u32::from),
            no_intercom: !extension.intercom,
            pickup: extension.pickup.clone(),
        };
        (extension.number.clone(), phone)
    };
    let group = |group: &settings::Group| {
        let told = desk::Group {
            members: group.members.clone(),
            strategy: group.strategy,
            ring_time: group.ring_time,
            overflow: group.overflow.clone(),
        };
        (group.name.clone(), told)
    };
    let page = |page: &settings::Page| (page.name.clone(), page.members.clone());
    desk::Settings {
        phones: settings.extensions.iter().map(phone).collect(),
        groups: settings.groups.iter().map(group).collect(),
        pages: settings.pages.iter().map(page).collect(),
        parking: desk::Parking {
            slots: settings.parking.slots.clone(),
            comeback: Duration::from_secs(settings.parking.comeback.into()),
            overflow: settings.parking.overflow.clone(),
        },
    }
}

pub(super) fn agent_settings(agent: &settings::Agent) -> agent::Settings {
    agent::Settings {
        id: agent.id.clone(),
        extension: agent.extension.clone(),
        skills: agent.skills.clone(),
        wrap_up: 0,
    }
}

/// Queues as a configuration has them, with nobody in them.
pub fn queues(settings: &Settings, random: crate::random::Random) -> queue::Queues {
    let capacity = queue::Capacity::default().with(&settings.distribution);
    let own = settings.agents.iter().filter(|agent| agent.distribution != queue::Said::default());
    let own = own.map(|agent| (agent.id.clone(), capacity.with(&agent.distribution))).collect();
    let queues = queue::Queues::new(queue_settings(settings), random).with_capacity(capacity, own);
    let calendars = settings.opening().queues.into_iter();
    calendars.fold(queues, |queues, (queue, calendar)| queues.with_calendar(&queue, calendar))
}

fn queue_settings(settings: &Settings) -> Vec<queue::Settings> {
    settings.queues.iter().map(|queue| one_queue(queue, settings)).collect()
}

fn one_queue(queue: &settings::Queue, settings: &Settings) -> queue::Settings {
    let named = settings.agents.iter().filter(|agent| agent.queues.contains(&queue.name));
    let mut members: Vec<_> = queue.members.clone();
    for agent in named {
        if !members.contains(&agent.id) {
            members.push(agent.id.clone());
        }
    }
    let place = |(order, agent)| queue::Member { agent, order };
    let target =
        |own: &Option<plan::Target>| own.as_ref().or(queue.overflow.as_ref()).map(overflow_target);
    queue::Settings {
        name: queue.name.clone(),
        strategy: queue.strategy,
        members: (0..).zip(members).map(place).collect(),
        ring_time: queue.ring_time.into(),
        offer_time: queue.offer_time.into(),
        wrap_up: Some(queue.wrap_up.into()),
        music: queue.music.clone(),
        announce: queue::Announce {
            every: queue.announce_every.into(),
            position: queue.announce_position,
            wait: queue.announce_wait,
        },
        max_waiting: queue.max_waiting.into(),
        max_wait: queue.max_wait,
        overflow: queue::OverflowTargets {
            on_full: target(&queue.overflow_full).unwrap_or_default(),
            on_wait: target(&queue.overflow_wait).unwrap_or_default(),
            on_no_agent: target(&queue.overflow_no_agent),
        },
        skills: queue.skills.clone(),
        priority: queue.priority.into(),
        ageing: queue.ageing.into(),
        miss_pauses: queue.pause_on_miss,
        service_level: queue.service_level,
        relax: queue.relax.clone(),
        prefers: queue::Prefers { skills: queue.prefers.clone(), wait: queue.prefers_for },
        last_agent_for: queue.last_agent_for,
        last_agent_hours: queue.last_agent_hours,
        callback: queue.callback.as_ref().map_or_else(queue::Callback::default, |offered| {
            queue::Callback { tries: offered.tries, every: offered.every }
        }),
        ..queue::Settings::default()
    }
}

fn overflow_target(target: &plan::Target) -> queue::Target {
    match target {
        plan::Target::Extension(extension) => queue::Target::Extension(extension.clone()),
        plan::Target::Ivr(flow) => queue::Target::Flow(flow.clone()),
        plan::Target::Queue(queue) => queue::Target::Queue(queue.clone()),
        plan::Target::Voicemail(extension) => queue::Target::Voicemail(extension.clone()),
        // Neither an echo nor a conference is a place to leave a caller who waited for a person.
        plan::Target::Echo | plan::Target::Messages | plan::Target::Conference(_) => {
            queue::Target::HangUp
        }
        plan::Target::Group(group) => queue::Target::Group(group.clone()),
        plan::Target::Schedule(schedule) => queue::Target::Schedule(schedule.clone()),
    }
}

pub(super) fn own_codec(codec: settings::Codec) -> Codec {
    match codec {
        settings::Codec::Pcmu => Codec::pcmu(),
        settings::Codec::Pcma => Codec::pcma(),
        settings::Codec::G722 => Codec::new("G722", 8_000, 1, 9),
        // RFC 7587 section 6.1: redundancy is decoded; one channel, all else as it comes.
        settings::Codec::Opus => {
            Codec { fmtp: Some("useinbandfec=1".to_owned()), ..Codec::new("opus", 48_000, 2, 111) }
        }
    }
}
