//! Lamps: who watches which phone or mailbox, and what it looks like right now.
//!
//! [`crate::sip::subscribe`] owns the subscriptions, the calls and the voicemail what is to be seen; this file tells the
//! one when the other may have changed, and writes one in the other's words.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::address::Number;
use crate::call::desk::Slot;
use crate::call::record::Peer;
use crate::config::Settings;
use crate::gateway::Gateway;
use crate::id::{ExtensionId, GroupId, LegId};
use crate::journal::event::Event;
use crate::journal::text::Text;
use crate::sip::access::Verdict;
use crate::sip::endpoint::{ClientKey, ServerKey, SessionId};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request, Response, Status};
use crate::sip::registrar::{Binding, Change};
use crate::sip::subscribe::dialog_info::{self, Direction, Party};
use crate::sip::subscribe::summary::{self, Counts};
use crate::sip::subscribe::{Notifier, Output, Package, Permission, Record, State, SubscriptionId};
use crate::sip::uri::{NameAddr, Uri, host_port};
use crate::time::Now;

/// The subscriptions, and what stands between them and the calls.
#[derive(Debug)]
pub(super) struct Watching {
    pub notifier: Notifier,
    /// Whose NOTIFY a request of ours is.
    asked: BTreeMap<ClientKey, SubscriptionId>,
    /// Who may look different since they were told last.
    touched: BTreeSet<String>,
}

impl Watching {
    pub fn new(notifier: Notifier) -> Self {
        Watching { notifier, asked: BTreeMap::new(), touched: BTreeSet::new() }
    }
}

/// What others tell.
impl Gateway {
    /// What waits in an extension's mailbox.
    pub fn mailbox(&self, extension: &ExtensionId) -> Counts {
        let counts = self.voicemail.boxes().counts(extension);
        Counts { new: counts.new, old: counts.old }
    }

    /// Messages came, were heard or deleted: the lamps of that mailbox are told.
    pub fn messages_changed(&mut self, now: Now, extension: &ExtensionId) {
        self.watching.notifier.handle_changed(now, Package::MessageSummary, extension.as_str());
        self.tell_unasked(now, extension);
    }

    /// A number that can be watched may look different.
    pub(super) fn lamp_changed(&mut self, watched: &str) {
        if self.watching.notifier.is_watched(Package::Dialog, watched) {
            self.watching.touched.insert(watched.to_owned());
        }
    }

    /// A leg began, rang, was answered, or is about to end: so does its extension's lamp.
    pub(super) fn leg_changed(&mut self, leg: LegId) {
        if self.watching.notifier.is_empty() {
            return;
        }
        if let Some(Peer::Extension(extension)) = self.legs.get(leg).map(|leg| leg.peer.clone()) {
            self.lamp_changed(extension.as_str());
        }
        self.places_changed();
    }

    /// Both parties have another one now.
    pub(super) fn legs_joined(&mut self, a: LegId, b: LegId) {
        self.leg_changed(a);
        self.leg_changed(b);
    }

    /// Somebody was parked or fetched, or a group rings or no longer: the few lamps of numbers that are no phones are
    /// looked at, and told if they look different.
    pub(super) fn places_changed(&mut self) {
        let watched = self.watching.notifier.watched(Package::Dialog);
        let places = watched.filter(|watched| !is_extension(&self.settings, watched));
        let places: Vec<_> = places.map(str::to_owned).collect();
        self.watching.touched.extend(places);
    }
}

/// What a number is whose lamp may be watched.
enum Watched {
    /// A phone.
    Phone(ExtensionId),
    /// A parking place.
    Place(Slot),
    /// A group of phones.
    Group(GroupId),
}

fn what_is(settings: &Settings, watched: &str) -> Option<Watched> {
    if is_extension(settings, watched) {
        return Some(Watched::Phone(watched.into()));
    }
    let number = Number::parse(watched).ok()?;
    let group = settings.groups.iter().find(|group| group.number.as_ref() == Some(&number));
    match group {
        Some(group) => Some(Watched::Group(group.name.clone())),
        None => settings.parking.slots.find(&number).map(Watched::Place),
    }
}

/// Subscriptions.
impl Gateway {
    /// A SUBSCRIBE. Whoever has shown a password may watch what can be watched in the branch, and their own mailbox.
    pub(super) fn subscribe(
        &mut self,
        now: Now,
        key: ServerKey,
        request: &Request,
        verdict: Verdict,
        flow: Flow,
    ) {
        let username = match verdict {
            Verdict::User { username } => username,
            Verdict::Drop => return self.endpoint.forget(key),
            Verdict::Challenge(response) | Verdict::Refuse(response) => {
                return self.endpoint.respond_once(now, key, request, response);
            }
            Verdict::Trunk(_) | Verdict::Open => {
                let response = Response::to(request, Status::FORBIDDEN);
                return self.endpoint.respond_once(now, key, request, response);
            }
        };
        let settings = &self.settings;
        let may = |package, watched: &str| match package {
            _ if what_is(settings, watched).is_none() => Permission::NoSuch,
            Package::MessageSummary if watched != username => Permission::Denied,
            Package::MessageSummary | Package::Dialog => Permission::Granted,
        };
        let response = self.watching.notifier.handle_subscribe(now, &username, request, flow, may);
        self.endpoint.respond(now, key, response);
    }

    pub(super) fn notifier_says(&mut self, now: Now, output: Output) {
        match output {
            Output::Ask { id, watcher, package, watched, local } => {
                let state = self.state_of(package, &watched, &watcher, local);
                self.watching.notifier.handle_state(now, id, state);
            }
            Output::Notify { id, route, local, request } => {
                let key = self.endpoint.request(now, route, local, *request, None);
                self.watching.asked.insert(key, id);
            }
            Output::Keep { name, record } => {
                // A subscription is plain data. The phone's answer does not wait for the disk: what a power cut takes, the
                // phone makes anew when it refreshes.
                let subscription = Text::of(&record).unwrap_or_default();
                self.keep(now, Event::Subscribed { name, subscription });
            }
            Output::Over { name } => {
                self.keep(now, Event::Unsubscribed { name });
            }
        }
    }

    /// One of those who look different is told. Answers whether there was one.
    pub(super) fn tell_watchers(&mut self, now: Now) -> bool {
        let Some(watched) = self.watching.touched.pop_first() else { return false };
        self.watching.notifier.handle_changed(now, Package::Dialog, &watched);
        true
    }

    /// The answer to a NOTIFY. Says whether it was one.
    pub(super) fn notify_answered(
        &mut self,
        now: Now,
        key: ClientKey,
        response: &Response,
    ) -> bool {
        let id = self.watching.asked.remove(&key);
        id.map(|id| self.watching.notifier.handle_response(now, id, response)).is_some()
    }

    /// A NOTIFY without an answer. Says whether it was one.
    pub(super) fn notify_failed(&mut self, key: ClientKey, unreachable: bool) -> bool {
        let id = self.watching.asked.remove(&key);
        id.map(|id| self.watching.notifier.handle_failed(id, unreachable)).is_some()
    }

    /// A phone registered, or is gone: so is the way to its lamps.
    pub(super) fn registration_changed(&mut self, now: Now, change: &Change) {
        match change {
            Change::Bound(binding) => {
                let Some(uri) = binding.uri() else { return };
                let flow = binding.flow();
                self.watching.notifier.handle_registered(now, &binding.user, &uri, flow);
                self.tell_unasked(now, &binding.user.as_str().into());
            }
            Change::Unbound { user, contact } => {
                if let Ok(contact) = NameAddr::parse(contact) {
                    self.watching.notifier.handle_unregistered(user, &contact.uri);
                }
            }
        }
    }

    /// Takes up the subscriptions that were live before a restart: no phone has to do anything for its lamps.
    pub(super) fn restore_subscriptions(&mut self, now: Now, kept: &BTreeMap<String, Text>) {
        for (name, subscription) in kept {
            match subscription.read::<Record>() {
                Ok(record) => self.watching.notifier.restore(now, name, &record),
                Err(error) => {
                    tracing::warn!(%error, "a subscription from before the restart cannot be read");
                }
            }
        }
    }
}

/// What is to be seen.
impl Gateway {
    fn state_of(
        &self,
        package: Package,
        watched: &str,
        watcher: &str,
        local: SocketAddr,
    ) -> Option<State> {
        let account = account(watched, local);
        match package {
            Package::MessageSummary => {
                let counts = self.mailbox(&ExtensionId::from(watched));
                Some(State::Messages { counts, account: self.message_account(local) })
            }
            Package::Dialog => {
                let sees = watcher == watched || self.sees_callers(watcher);
                let dialogs = match what_is(&self.settings, watched)? {
                    Watched::Phone(extension) => {
                        let legs = self.legs.of_peer(&Peer::Extension(extension)).into_iter();
                        legs.flat_map(|leg| self.dialogs_of(leg, sees, local)).collect()
                    }
                    Watched::Group(group) => {
                        let legs = self.calls.ringing_for(&group).into_iter();
                        legs.flat_map(|leg| self.dialogs_of(leg, sees, local)).collect()
                    }
                    Watched::Place(slot) => self.parked_dialog(slot, sees, local),
                };
                Some(State::Dialogs { entity: account, dialogs })
            }
        }
    }

    /// The dialogs of one leg: of the phone that answered, else of each that rings.
    fn dialogs_of(&self, id: LegId, sees: bool, local: SocketAddr) -> Vec<dialog_info::Dialog> {
        let Some(leg) = self.legs.get(id) else { return Vec::new() };
        let sessions = match leg.chosen {
            Some(chosen) => vec![chosen],
            None => leg.sessions.clone(),
        };
        let remote = if sees { self.other_party(id, local) } else { None };
        let calls = self.calls.call_of(id).and_then(|call| self.calls.caller(call)) == Some(id);
        let direction = if calls { Direction::Initiator } else { Direction::Recipient };
        let dialog = |session: SessionId| {
            let names = self.endpoint.names(session)?;
            let state = match (names.confirmed, leg.ringing) {
                (true, _) => dialog_info::State::Confirmed,
                (false, true) => dialog_info::State::Early,
                (false, false) => dialog_info::State::Trying,
            };
            // The phone's own tag is the local one: the body speaks of the phone, not of us.
            let names = dialog_info::Names {
                call_id: names.call_id,
                local: names.theirs,
                remote: names.ours,
            };
            let (id, remote) = (format!("{id}-{}", session.0), remote.clone());
            Some(dialog_info::Dialog { id, names: Some(names), direction, state, remote })
        };
        sessions.into_iter().filter_map(dialog).collect()
    }

    /// The dialog of whoever is parked at a place, as the place would have it: it was called, and has answered.
    fn parked_dialog(&self, slot: Slot, sees: bool, local: SocketAddr) -> Vec<dialog_info::Dialog> {
        let parked = self.calls.parked_at(slot);
        let call = parked.and_then(|leg| self.calls.call_of(leg));
        let (Some(leg), Some(call)) = (parked, call) else { return Vec::new() };
        let number = self.calls.numbers(call).map(|(from, _)| from).filter(|_| sees);
        let remote =
            number.map(|from| Party { display: None, uri: account(from, local).to_string() });
        vec![dialog_info::Dialog {
            id: leg.to_string(),
            // Who is parked is fetched by dialling the place.
            names: None,
            direction: Direction::Recipient,
            state: dialog_info::State::Confirmed,
            remote,
        }]
    }

    /// Who is at the other end, for those who may know.
    fn other_party(&self, leg: LegId, local: SocketAddr) -> Option<Party> {
        let call = self.calls.call_of(leg)?;
        let (from, to) = self.calls.numbers(call)?;
        let number = if self.calls.caller(call) == Some(leg) { to } else { from };
        let own = self.extension(number);
        let display = own.map(|own| own.name.clone()).filter(|name| !name.is_empty());
        Some(Party { display, uri: account(number, local).to_string() })
    }

    fn sees_callers(&self, watcher: &str) -> bool {
        let own = self.extension(watcher);
        own.is_some_and(|own| own.sees_callers)
    }
}

/// Message lamps of phones that do not ask.
impl Gateway {
    /// What a phone dials to hear its messages.
    fn message_account(&self, local: SocketAddr) -> Uri {
        let code = self.settings.features.voicemail.as_ref();
        account(code.map_or("voicemail", Number::as_str), local)
    }

    /// Some phones show a lamp without having subscribed. They are told where the extension's settings say so.
    fn tell_unasked(&mut self, now: Now, extension: &ExtensionId) {
        let own = self.extension(extension.as_str());
        if !own.is_some_and(|own| own.unasked_message_lamp) {
            return;
        }
        let counts = self.mailbox(extension);
        let phones: Vec<Binding> =
            self.registrar.contacts(now, extension.as_str()).into_iter().cloned().collect();
        for binding in phones {
            let account = account(extension.as_str(), binding.local);
            let Some(mut request) = binding.request(Method::NOTIFY) else { continue };
            let own = NameAddr::new(account.clone()).to_string();
            for (name, value) in [
                ("From", own.clone()),
                ("To", own.clone()),
                ("Contact", own),
                ("Event", Package::MessageSummary.name().to_owned()),
                ("Subscription-State", "terminated;reason=noresource".to_owned()),
            ] {
                // Made of an address and of an extension's digits.
                let _ = request.headers.push(name, value);
            }
            let body = summary::body(counts, &self.message_account(binding.local)).into_bytes();
            let Ok(request) = request.with_body(Package::MessageSummary.content_type(), body)
            else {
                continue;
            };
            self.endpoint.request(now, binding.route(), binding.local, request, None);
        }
    }
}

fn is_extension(settings: &Settings, watched: &str) -> bool {
    settings.extensions.iter().any(|own| own.number.as_str() == watched)
}

/// A number of ours, as whoever talks to `local` writes it.
fn account(user: &str, local: SocketAddr) -> Uri {
    let (host, port) = host_port(local);
    Uri::sip(Some(user), host, Some(port))
}
