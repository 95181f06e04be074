//! Calls for help: who may make one without a password, where the caller is, what the carrier and the branch are told,
//! whom a call back rings.
//!
//! Joins [`crate::call::help`], which knows places and calls, with the networks of the site, the journal and SIP. What is
//! dialled for help is the dial plan's answer; which trunk takes it is [`super::trunks`]'.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::address::Number;
use crate::admin::{Lamp, Part};
use crate::call::help::{Called, Memory, Place, Places};
use crate::call::plan::Origin;
use crate::call::record::Record;
use crate::config::Settings;
use crate::config::settings::Location;
use crate::gateway::Gateway;
use crate::gateway::legs::Unchecked;
use crate::gateway::sound::Playing;
use crate::id::{CallId, ExtensionId, LegId, LocationId, TrunkId};
use crate::ivr::{ClipName, prompts, speak};
use crate::journal::event::Event;
use crate::sip::endpoint::{Invite, SessionId};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request};
use crate::sip::pidf;
use crate::sip::registrar::Binding;
use crate::sip::trunk::Network;
use crate::sip::uri::{NameAddr, Uri, host_port};
use crate::time::Now;

/// Calls for help at a time whose callers have shown no password: a source address is easily forged on a LAN, and
/// forged calls would take the lines of real ones. A whole office that sees a fire makes fewer.
const MOST_UNPROVEN: usize = 10;
/// Calls whose phone is yet to be proven; beyond, those are forgotten that no call back would be led by.
const MOST_DOUBTED: usize = 400;
/// The same of those who write from where a phone is registered, until they have shown that they hear us: forging that
/// takes more, and most phones of a branch call so.
const MOST_CLAIMED: usize = 30;
/// How long the status page tells of a call for help that is over.
const TOLD_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Places, networks, and the calls for help of the last hours.
#[derive(Debug, Default)]
pub(super) struct Help {
    places: Places,
    /// Which networks each place lies in.
    networks: Vec<(Network, LocationId)>,
    /// Whose phones need no password for help.
    site: Vec<Network>,
    memory: Memory,
    /// Calls that are up and whose callers have shown nothing yet.
    unproven: BTreeMap<CallId, Unchecked>,
    /// Calls for help that are up.
    up: BTreeSet<CallId>,
    /// Calls for help that no carrier took.
    failed: BTreeSet<CallId>,
    /// Calls from where a phone is registered, by the tag of ours that only who hears us there can know.
    doubted: BTreeMap<String, CallId>,
}

impl Help {
    /// `own` are the private networks of this box's interfaces.
    pub fn new(settings: &Settings, own: Vec<Network>) -> Help {
        let read = |texts: &[String]| -> Vec<Network> {
            // The configuration's check has read each of them.
            texts.iter().filter_map(|text| Network::parse(text).ok()).collect()
        };
        let emergency = &settings.emergency;
        let place = |location: &Location| Place {
            name: location.name.clone(),
            words: location.words(),
            callback: location.callback.clone(),
            has_networks: !location.networks.is_empty(),
        };
        let phone = |extension: &crate::config::settings::Extension| {
            Some((extension.number.clone(), extension.location.clone()?))
        };
        let networks = settings.locations.iter().flat_map(|location| {
            read(&location.networks).into_iter().map(|network| (network, location.name.clone()))
        });
        let hours = u64::from(emergency.callback_hours);
        Help {
            places: Places {
                places: settings
                    .locations
                    .iter()
                    .map(|location| (location.name.clone(), place(location)))
                    .collect(),
                phones: settings.extensions.iter().filter_map(phone).collect(),
                default: emergency.location.clone(),
            },
            networks: networks.collect(),
            site: emergency.networks.as_deref().map_or(own, read),
            memory: Memory::new(Duration::from_secs(hours * 3_600)),
            ..Help::default()
        }
    }

    /// Other places count from now on; calls that are up, and whose callback is awaited, stay known.
    pub fn handle_settings(&mut self, settings: &Settings) {
        let new = Help::new(settings, self.site.clone());
        (self.places, self.networks) = (new.places, new.networks);
    }

    /// The networks whose phones need no password for help.
    pub fn site(&self) -> &[Network] {
        &self.site
    }

    /// Where the phone at this address is.
    fn place(&self, phone: &ExtensionId, source: Option<IpAddr>) -> Option<&Place> {
        let mut here: Vec<_> = self
            .networks
            .iter()
            .filter(|(network, _)| source.is_some_and(|source| network.contains(source)))
            .collect();
        here.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix()));
        let here: Vec<_> = here.into_iter().map(|(_, name)| name.clone()).collect();
        self.places.of(phone, &here)
    }

    #[cfg(test)]
    pub fn memory_is_empty(&self, now: Now) -> bool {
        self.memory.recent(now.unix).next().is_none()
    }

    fn words(&self, name: Option<&LocationId>) -> Option<&str> {
        Some(self.places.places.get(name?)?.words.as_str())
    }
}

/// Who may call.
impl Gateway {
    /// Whether a call for help from there is taken without a password.
    pub(super) fn is_on_site(&self, source: IpAddr) -> bool {
        self.help.site.iter().any(|network| network.contains(source))
    }

    /// Who a caller on the site is that has shown no password: the extension that it claims to be, or its address.
    pub(super) fn unproven_caller(&self, request: &Request, flow: Flow) -> ExtensionId {
        let claimed = request.from().ok().and_then(|from| from.uri.user);
        let known = claimed
            .map(|user| ExtensionId::from(user.as_str()))
            .filter(|claimed| self.extension(claimed.as_str()).is_some());
        known.unwrap_or_else(|| {
            ExtensionId::from(flow.peer.ip().to_canonical().to_string().as_str())
        })
    }

    /// Whether a caller without a password may be whom it claims to be: its phone is registered at this very address. In
    /// a datagram anybody can claim that; [`Self::doubt`] is for it.
    pub(super) fn is_registered_at(&self, now: Now, phone: &ExtensionId, flow: Flow) -> bool {
        let bindings = self.registrar.flows(now, phone.as_str());
        bindings.iter().any(|binding| binding.route().peer() == flow.peer)
    }

    /// Whether one more caller without a password is too many.
    pub(super) fn too_many_unproven(&self, unchecked: Option<Unchecked>) -> bool {
        let Some(by) = unchecked else { return false };
        let most = match by {
            Unchecked::Stranger => MOST_UNPROVEN,
            Unchecked::Registered => MOST_CLAIMED,
        };
        self.help.unproven.values().filter(|own| **own == by).count() >= most
    }
}

/// What becomes known.
impl Gateway {
    /// Somebody calls for help: it is remembered, and the branch is told at once. Nothing here waits for anything, and
    /// the call does not wait for this.
    pub(super) fn called_for_help(
        &mut self,
        now: Now,
        call: CallId,
        phone: ExtensionId,
        number: Number,
        from: (IpAddr, bool),
    ) {
        let (source, proven) = from;
        let place = self.help.place(&phone, Some(source));
        let (place, callback) =
            place.map_or((None, None), |place| (Some(place.name.clone()), place.callback.clone()));
        let called = Called { call, at: now.unix, phone, number, place, callback, proven };
        tracing::warn!(%call, phone = %called.phone, place = ?called.place, "a call for help");
        self.help.up.insert(call);
        self.help.memory.handle_called(now.unix, called.clone());
        self.tell_the_branch(now, &self.notice(&called));
        self.keep(now, Event::CalledForHelp(called));
    }

    /// A call for help came without a password: from anybody on the site, or in a datagram from where its phone is
    /// registered, which anybody can write. Who answers what `session` says there, with its tag, is there: that is proof,
    /// also of a call that was given up before anybody took it.
    pub(super) fn doubt(&mut self, call: CallId, session: SessionId, by: Unchecked) {
        self.help.unproven.insert(call, by);
        if by == Unchecked::Stranger {
            return;
        }
        let tag = self.endpoint.names(session).map(|names| names.ours);
        let doubted = &mut self.help.doubted;
        let memory = &self.help.memory;
        if doubted.len() >= MOST_DOUBTED {
            doubted.retain(|_, call| memory.knows(*call));
        }
        doubted.extend(tag.map(|tag| (tag, call)));
    }

    /// Somebody has heard us.
    pub(super) fn heard_us(&mut self, now: Now, tag: &str) {
        if let Some(call) = self.help.doubted.remove(tag) {
            self.help.unproven.remove(&call);
            self.help_is_proven(now, call);
        }
    }

    /// A call for help came from the phone that it names, or somebody has answered it, who may call back.
    pub(super) fn help_is_proven(&mut self, now: Now, call: CallId) {
        if let Some(called) = self.help.memory.prove(call) {
            self.keep(now, Event::CalledForHelp(called));
        }
    }

    /// Calls for help from before a restart.
    pub(super) fn remember_help(&mut self, now: Now, calls: impl Iterator<Item = Called>) {
        let mut calls: Vec<_> = calls.collect();
        calls.sort_by_key(|called| called.at);
        calls.into_iter().for_each(|called| self.help.memory.handle_called(now.unix, called));
    }

    /// A call is over. Where it was for help and nobody took it, the branch must know.
    pub(super) fn help_ended(&mut self, now: Now, record: &Record) {
        self.help.unproven.remove(&record.call);
        if !self.help.up.remove(&record.call) || record.connected.is_some() {
            return;
        }
        use crate::call::ending::Cause;
        if matches!(record.cause, Cause::Abandoned | Cause::Completed) {
            return;
        }
        tracing::error!(call = %record.call, cause = record.cause.name(), "a call for help failed");
        self.help.failed.insert(record.call);
        let called = self.help.memory.recent(now.unix).find(|called| called.call == record.call);
        if let Some(called) = called {
            let text = format!(
                "EMERGENCY CALL DID NOT GET THROUGH: {} called {}. Help must be called by other means.",
                called.phone, called.number
            );
            self.tell_the_branch(now, &text);
        }
    }

    fn notice(&self, called: &Called) -> String {
        let words = self.help.words(called.place.as_ref()).unwrap_or("a place that is not known");
        let back = match &called.callback {
            Some(number) => format!("; call back {number}"),
            None => String::new(),
        };
        let (phone, number) = (&called.phone, &called.number);
        format!("EMERGENCY CALL: {phone} calls {number} at {}, from {words}{back}", called.at)
    }

    /// Phones that are to know when somebody calls for help get a text (RFC 3428).
    fn tell_the_branch(&mut self, now: Now, text: &str) {
        let told: Vec<Binding> = self
            .settings
            .emergency
            .notify
            .iter()
            .flat_map(|extension| self.registrar.contacts(now, extension.as_str()))
            .cloned()
            .collect();
        told.iter().for_each(|binding| self.text(now, binding, text));
    }

    fn text(&mut self, now: Now, binding: &Binding, text: &str) {
        let Some(mut request) = binding.request(Method::MESSAGE) else { return };
        let (host, port) = host_port(binding.local);
        let to = NameAddr::new(Uri::sip(Some(&binding.user), host.clone(), Some(port)));
        let from = NameAddr::new(Uri::sip(Some("emergency"), host, Some(port)));
        // Both are made of addresses and of an extension's digits.
        let _ = request.headers.push("From", from.to_string());
        let _ = request.headers.push("To", to.to_string());
        if let Ok(request) = request.with_body("text/plain", text.as_bytes().to_vec()) {
            self.endpoint.request(now, binding.route(), binding.local, request, None);
        }
    }

    /// What the status page says of calls for help: those that are up, those of the last day, those that failed.
    pub(super) fn help_parts(&self, now: Now) -> Vec<Part> {
        let recent = self.help.memory.recent(now.unix).rev();
        let part = |called: &Called| {
            let up = self.help.up.contains(&called.call);
            let failed = self.help.failed.contains(&called.call);
            let state = match (up, failed) {
                (true, _) => "now",
                (false, true) => "DID NOT GET THROUGH",
                (false, false) => "over",
            };
            let lamp = if up || failed { Lamp::Red } else { Lamp::Amber };
            let words = format!("{state}; {}", self.notice(called));
            Part { name: "call for help".to_owned(), lamp, words }
        };
        recent.filter(|called| now.unix.since(called.at) < TOLD_FOR).map(part).collect()
    }
}

/// What the carrier is told.
impl Gateway {
    /// Makes an INVITE say who calls for help and, `with_place`, where: the number that leads back, the address as a
    /// PIDF-LO document beside the offer (RFC 6442 section 3.1).
    pub(super) fn dress_for_help(
        &self,
        now: Now,
        call: CallId,
        trunk: &TrunkId,
        with_place: bool,
        invite: &mut Invite,
    ) {
        let Some(called) = self.help.memory.recent(now.unix).find(|called| called.call == call)
        else {
            return;
        };
        if let Some(number) = &called.callback {
            invite.from.uri.user = Some(number.as_str().to_owned());
        }
        let own = NameAddr::new(invite.from.uri.clone());
        // RFC 3325: the number that the branch vouches for. Made of digits and an address.
        let _ = invite.headers.set("P-Asserted-Identity", own.to_string());
        let takes = self.trunk_settings(trunk).is_some_and(|settings| settings.pidf_lo);
        let place = called.place.as_ref().filter(|_| with_place && takes);
        let location = self
            .settings
            .locations
            .iter()
            .find(|location| place.is_some_and(|name| location.name == *name));
        let Some(location) = location else { return };
        let civic = location.civic(self.settings.site.country.code());
        let entity = own.uri.to_string();
        let device = format!("phone{}", phone_name(&called.phone));
        let document =
            pidf::Document { entity: &entity, device: &device, civic: &civic, at: called.at };
        let id = format!("place-{call}@{}", own.uri.host);
        if pidf::point_at(&id, &mut invite.headers).is_ok() {
            invite.beside = Some(document.part(&id));
        }
    }

    /// The phone that is meant by a call from outside to a number that help was given. Where anybody may have called in a
    /// phone's name, and nobody answered, it is not rung: somebody who was told of the call is.
    pub(super) fn called_back(
        &self,
        now: Now,
        origin: &Origin,
        dialled: &str,
    ) -> Option<ExtensionId> {
        if !matches!(origin, Origin::Trunk(_)) {
            return None;
        }
        let number = self.plan.number(dialled)?;
        let same = |own: &Number, other: &Number| self.plan.same_line(own, other);
        let called = self.help.memory.last(now.unix, &number, same)?;
        // A phone that nobody knows cannot be rung; somebody who was told of the call can.
        let known = self.extension(called.phone.as_str()).is_some() && called.proven;
        let told = self.settings.emergency.notify.iter();
        Some(&called.phone).filter(|_| known).into_iter().chain(told).next().cloned()
    }
}

/// The phone's name as a document's id: letters and digits.
fn phone_name(phone: &ExtensionId) -> String {
    phone.as_str().chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Trying it out.
impl Gateway {
    /// Reads out which number and place help would see, and sends them as a text; nothing leaves the box.
    pub(super) fn say_where(&mut self, now: Now, call: CallId, leg: LegId) {
        let Some(Origin::Extension(phone)) = self.calls.origin(call).cloned() else { return };
        let source = self.legs.get(leg).and_then(|leg| leg.host());
        let place = self.help.place(&phone, source).cloned();
        let number = self.seen_number(&phone, place.as_ref());
        let words = place.as_ref().map_or("a place that is not known", |place| &place.words);
        let text =
            format!("Test of emergency calls: {phone} would be seen as {number}, at {words}.");
        let names = self.spoken(&number, place.as_ref());
        let clips = self.prompts.clips(&names);
        self.play(leg, Playing::Farewell(call), clips, false, false);
        let bindings: Vec<Binding> =
            self.registrar.contacts(now, phone.as_str()).into_iter().cloned().collect();
        bindings.iter().for_each(|binding| self.text(now, binding, &text));
    }

    /// What help would see as the caller's number over the first trunk that takes the call.
    fn seen_number(&self, phone: &ExtensionId, place: Option<&Place>) -> String {
        let extension = self.extension(phone.as_str());
        let first = self.settings.emergency.trunks.first();
        let trunk = self
            .settings
            .trunks
            .iter()
            .find(|trunk| first.is_none_or(|first| trunk.name == *first));
        let own = place
            .and_then(|place| place.callback.clone())
            .or_else(|| extension?.caller_id.clone())
            .or_else(|| trunk?.caller_id.clone());
        own.map_or_else(|| phone.to_string(), |number| number.to_string())
    }

    fn spoken(&self, number: &str, place: Option<&Place>) -> Vec<ClipName> {
        let mut names = vec![ClipName::from(prompts::HELP_TEST)];
        names.extend(speak::digits(number));
        let Some(place) = place else {
            names.push(ClipName::from(prompts::HELP_NO_PLACE));
            return names;
        };
        names.push(ClipName::from(prompts::HELP_PLACE));
        // The site's own recording says a place best.
        let own = format!("place-{}", place.name);
        if !self.prompts.clip(&own).is_empty() {
            names.push(ClipName::from(own.as_str()));
            return names;
        }
        let location = self.settings.locations.iter().find(|known| known.name == place.name);
        let parts = location.map(|location| {
            [
                (prompts::HELP_HOUSE, &location.house_number),
                (prompts::HELP_FLOOR, &location.floor),
                (prompts::HELP_ROOM, &location.room),
                (prompts::HELP_POSTAL, &location.postal_code),
            ]
        });
        for (word, value) in parts.into_iter().flatten().filter(|(_, value)| !value.is_empty()) {
            names.push(ClipName::from(word));
            names.extend(speak::digits(value));
        }
        names
    }
}
