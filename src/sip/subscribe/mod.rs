//! The notifier (RFC 6665 section 4.2): who watches what, and what he is told when it changes.
//!
//! Owns every subscription from its SUBSCRIBE to its last NOTIFY. It does not know what the things that are watched look
//! like: it asks for their state whenever there is something to tell, so that what goes out is always the newest, and
//! whole. Who a request is from has been decided before it gets here.

pub mod dialog_info;
mod package;
mod subscription;
pub mod summary;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::sip::dialog::{Dialog, DialogId, Order};
use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::message::{Request, Response, Status};
use crate::sip::uri::Uri;
use crate::time::{Now, Timers};

pub use package::{Event, Package};
use subscription::{Flight, News, Subscription, contact};
pub use subscription::{Reason, Record};

/// Limits.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Shortest, in seconds; a shorter wish is answered 423 (section 4.2.1.1). Default 60.
    pub min_s: u32,
    /// When the watcher has no wish, in seconds. Default 3,600.
    pub default_s: u32,
    /// Longest, in seconds. Default 7,200.
    pub max_s: u32,
    /// Subscriptions of one user: a console with three pages of sixty lamps, and room.
    pub per_user: usize,
    /// Subscriptions at once: each holds about 2 kB here and a record in the journal.
    pub total: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { min_s: 60, default_s: 3_600, max_s: 7_200, per_user: 200, total: 10_000 }
    }
}

/// Seconds after which a watcher may try again when there are too many.
const RETRY_AFTER_S: u32 = 60;
/// How long a phone that answers a NOTIFY with Retry-After may make us wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Milliseconds after a restart within which every lamp is told how things are.
const SPREAD_MS: u64 = 3_000;
/// New subscriptions of one user at once, and how many more come with each second: each is written to the disk. A
/// console that is switched on stays below; one that subscribes in a loop does not fill the disk.
const MOST_BEGUN: f64 = 400.0;
const BEGUN_A_SECOND: f64 = 1.0;
/// By how much an end must move before it is written to the disk again.
const WORTH_KEEPING: Duration = Duration::from_secs(30);

/// One subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub u64);

/// Whether somebody may watch something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Yes.
    Granted,
    /// It is not his business.
    Denied,
    /// There is no such thing.
    NoSuch,
}

/// What a NOTIFY tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Of a mailbox.
    Messages {
        /// What waits.
        counts: summary::Counts,
        /// What to dial to hear it.
        account: Uri,
    },
    /// Of a phone, a group, a parking place.
    Dialogs {
        /// Who is watched.
        entity: Uri,
        /// All its calls.
        dialogs: Vec<dialog_info::Dialog>,
    },
}

/// What comes of an input.
#[derive(Debug)]
pub enum Output {
    /// Say how something is; answer with [`Notifier::handle_state`].
    Ask {
        /// For whom.
        id: SubscriptionId,
        /// Who watches: not everybody may see everything.
        watcher: String,
        /// What kind of thing.
        package: Package,
        /// Which.
        watched: String,
        /// Our address, as the watcher sees it.
        local: SocketAddr,
    },
    /// Send this NOTIFY; answer with [`Notifier::handle_response`] or [`Notifier::handle_failed`].
    Notify {
        /// Whose.
        id: SubscriptionId,
        /// Where to.
        route: Route,
        /// Our address.
        local: SocketAddr,
        /// The request.
        request: Box<Request>,
    },
    /// Keep this subscription.
    Keep {
        /// Its name, which stays over a restart.
        name: String,
        /// What to keep.
        record: Box<Record>,
    },
    /// A subscription that was kept is over.
    Over {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Expired(SubscriptionId),
    Turn(SubscriptionId),
}

/// Every subscription.
#[derive(Debug)]
pub struct Notifier {
    settings: Settings,
    random: Random,
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    by_dialog: HashMap<DialogId, SubscriptionId>,
    by_watched: BTreeMap<(Package, String), BTreeSet<SubscriptionId>>,
    by_watcher: BTreeMap<String, BTreeSet<SubscriptionId>>,
    timers: Timers<Due>,
    outputs: VecDeque<Output>,
    next: u64,
    /// How many subscriptions each user may still begin, and since when that holds.
    paces: BTreeMap<String, (f64, Instant)>,
    /// Subscriptions that ended because their NOTIFY was refused or not answered.
    pub dropped: u64,
}

/// What arrives.
impl Notifier {
    /// Nobody watches anything.
    pub fn new(settings: Settings, random: Random) -> Self {
        Notifier {
            settings,
            random,
            subscriptions: BTreeMap::new(),
            by_dialog: HashMap::new(),
            by_watched: BTreeMap::new(),
            by_watcher: BTreeMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            next: 0,
            paces: BTreeMap::new(),
            dropped: 0,
        }
    }

    /// Carries out a SUBSCRIBE of `watcher`, which has come over `flow`. `may` says who may watch what.
    pub fn handle_subscribe(
        &mut self,
        now: Now,
        watcher: &str,
        request: &Request,
        flow: Flow,
        may: impl FnOnce(Package, &str) -> Permission,
    ) -> Response {
        let Some(event) = Event::of(&request.headers) else { return bad_event(request) };
        if !event.package.is_read_by(&request.headers) {
            return Response::to(request, Status::NOT_ACCEPTABLE);
        }
        let seconds = request.expires().unwrap_or(self.settings.default_s);
        if seconds > 0 && seconds < self.settings.min_s {
            let mut response = Response::to(request, Status::INTERVAL_TOO_BRIEF);
            // Digits hold no line break.
            let _ = response.headers.push("Min-Expires", self.settings.min_s.to_string());
            return response;
        }
        let seconds = seconds.min(self.settings.max_s);
        if let Some(dialog) = DialogId::of_request(&request.headers) {
            return self.refresh(now, watcher, request, flow, &dialog, &event, seconds);
        }
        let watched = request.uri.user.clone().unwrap_or_default();
        // A phone may ask for its own messages without saying whose (RFC 3842 section 4.2).
        let watched = match event.package {
            Package::MessageSummary if watched.is_empty() => watcher.to_owned(),
            _ => watched,
        };
        match may(event.package, &watched) {
            Permission::Granted => {
                self.begin(now, watcher, &watched, request, flow, event, seconds)
            }
            Permission::Denied => Response::to(request, Status::FORBIDDEN),
            Permission::NoSuch => Response::to(request, Status::NOT_FOUND),
        }
    }

    /// Something that is watched may look different now.
    pub fn handle_changed(&mut self, now: Now, package: Package, watched: &str) {
        for id in self.watching(package, watched) {
            self.tell(now, id, News::IfChanged);
        }
    }

    /// The state that [`Output::Ask`] asked for; nothing, if what was watched is gone.
    pub fn handle_state(&mut self, now: Now, id: SubscriptionId, state: Option<State>) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let Some(state) = state else { return self.forget(id) };
        if subscription.flight != Flight::Asked && subscription.ending.is_none() {
            return;
        }
        subscription.flight = Flight::Free;
        if let Some(request) = subscription.notify(now, state) {
            subscription.flight = Flight::Unanswered;
            let (route, local) = (subscription.dialog.route(), subscription.dialog.local_address());
            self.outputs.push_back(Output::Notify { id, route, local, request: Box::new(request) });
        }
        if self.subscriptions.get(&id).is_some_and(|over| over.ending.is_some()) {
            self.forget(id);
        }
    }

    /// The phone answered a NOTIFY (section 4.2.2, RFC 5057): whoever does not know of the subscription, or wants none
    /// of it, has none; whoever asks for time gets it.
    pub fn handle_response(&mut self, now: Now, id: SubscriptionId, response: &Response) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        if response.status.is_success() {
            return self.go_on(now, id, Flight::Unanswered);
        }
        let asked = response.headers.get("Retry-After").and_then(|text| {
            text.split([';', '(', ' ']).next().and_then(|digits| digits.parse::<u64>().ok())
        });
        let Some(seconds) = asked else {
            self.dropped += 1;
            return self.forget(id);
        };
        subscription.news = News::Always;
        subscription.flight = Flight::Waiting;
        let wait = Duration::from_secs(seconds.max(1)).min(LONGEST_WAIT);
        self.timers.set(now.instant + wait, Due::Turn(id));
    }

    /// A NOTIFY was not answered, or, `unreachable`, could not be sent. A phone whose connection is gone registers
    /// again, and finds its lamps as they are.
    pub fn handle_failed(&mut self, id: SubscriptionId, unreachable: bool) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        if unreachable && subscription.dialog.flow().transport.is_reliable() {
            subscription.flight = Flight::Lost;
            subscription.news = News::Always;
        } else {
            self.dropped += 1;
            self.forget(id);
        }
    }

    /// A connection is gone.
    pub fn handle_closed(&mut self, connection: ConnectionId) {
        for subscription in self.subscriptions.values_mut() {
            if subscription.is_over(connection) {
                subscription.flight = Flight::Lost;
            }
        }
    }

    /// A phone registered: NOTIFYs to it go the same way as calls.
    pub fn handle_registered(&mut self, now: Now, user: &str, contact: &Uri, flow: Flow) {
        for id in self.of_watcher(user) {
            let Some(subscription) = self.subscriptions.get_mut(&id) else { continue };
            let lost = subscription.flight == Flight::Lost;
            if !subscription.is_from(contact) || (subscription.dialog.flow() == flow && !lost) {
                continue;
            }
            subscription.dialog.refresh(None, Some(flow));
            if lost {
                subscription.flight = Flight::Free;
                self.tell(now, id, News::Always);
            }
            self.keep(id, true);
        }
    }

    /// A phone is no longer registered: its lamps are nobody's.
    pub fn handle_unregistered(&mut self, user: &str, contact: &Uri) {
        for id in self.of_watcher(user) {
            let Some(subscription) = self.subscriptions.get(&id) else { continue };
            // One whose connection broke may come back; its subscriptions have an end of their own.
            if subscription.is_from(contact) && subscription.flight != Flight::Lost {
                self.end(id, Reason::Deactivated);
            }
        }
    }

    /// Takes up a subscription that was kept before a restart.
    pub fn restore(&mut self, now: Now, name: &str, record: &Record) {
        let resumed = Subscription::resume(now, record);
        let room = self.subscriptions.len() < self.settings.total;
        match resumed {
            Ok(mut subscription) if record.expires > now.unix && room => {
                subscription.kept = Some(record.expires);
                let id = self.insert(now, subscription);
                // Not all in the same moment.
                let wait = Duration::from_millis(self.random.below(SPREAD_MS));
                self.timers.set(now.instant + wait, Due::Turn(id));
            }
            _ => self.outputs.push_back(Output::Over { name: name.to_owned() }),
        }
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                Due::Expired(id) => self.end(id, Reason::Timeout),
                Due::Turn(id) => self.go_on(now, id, Flight::Waiting),
            }
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether anybody watches it.
    pub fn is_watched(&self, package: Package, watched: &str) -> bool {
        !self.by_watched.is_empty() && self.by_watched.contains_key(&(package, watched.to_owned()))
    }

    /// Everything of a kind that somebody watches.
    pub fn watched(&self, package: Package) -> impl Iterator<Item = &str> {
        let of_kind = self.by_watched.keys().filter(move |(kind, _)| *kind == package);
        of_kind.map(|(_, watched)| watched.as_str())
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }
}

/// Subscriptions begin, go on, end.
impl Notifier {
    #[allow(clippy::too_many_arguments)] // all that a SUBSCRIBE says
    fn begin(
        &mut self,
        now: Now,
        watcher: &str,
        watched: &str,
        request: &Request,
        flow: Flow,
        event: Event,
        seconds: u32,
    ) -> Response {
        let tag = self.random.hex(8);
        // Without a Contact there is nowhere to send a NOTIFY to (section 4.1.2.1).
        let (Ok(Some(place)), Ok(dialog)) =
            (request.contact(), Dialog::of_server(request, &tag, flow))
        else {
            return Response::to(request, Status::BAD_REQUEST);
        };
        self.supersede(watcher, watched, &event, &place.uri);
        if let Some(refusal) = self.too_many(now, watcher, request) {
            return refusal;
        }
        let expires = now.unix + Duration::from_secs(seconds.into());
        let mut subscription = Subscription::new(now, watcher, watched, event, dialog, expires);
        // A single look (section 4.4.3): one NOTIFY, and it is over.
        subscription.ending = (seconds == 0).then_some(Reason::Timeout);
        let id = self.insert(now, subscription);
        if seconds > 0 {
            self.keep(id, true);
        }
        self.tell(now, id, News::Always);
        granted(request, flow, seconds).with_to_tag(&tag)
    }

    /// A phone that was switched off and on has forgotten its subscriptions, and makes them anew.
    fn supersede(&mut self, watcher: &str, watched: &str, event: &Event, contact: &Uri) {
        for id in self.of_watcher(watcher) {
            let Some(known) = self.subscriptions.get(&id) else { continue };
            if known.watched == watched && known.event == *event && known.is_from(contact) {
                self.forget(id);
            }
        }
    }

    fn too_many(&mut self, now: Now, watcher: &str, request: &Request) -> Option<Response> {
        let own = self.by_watcher.get(watcher).map_or(0, BTreeSet::len);
        if own >= self.settings.per_user {
            return Some(Response::to(request, Status::FORBIDDEN));
        }
        let full = self.subscriptions.len() >= self.settings.total;
        (full || !self.is_in_pace(now, watcher)).then(|| {
            let mut response = Response::to(request, Status::SERVICE_UNAVAILABLE);
            // Digits hold no line break.
            let _ = response.headers.push("Retry-After", RETRY_AFTER_S.to_string());
            response
        })
    }

    fn is_in_pace(&mut self, now: Now, watcher: &str) -> bool {
        let (left, at) = self.paces.entry(watcher.to_owned()).or_insert((MOST_BEGUN, now.instant));
        let since = now.instant.saturating_duration_since(*at).as_secs_f64();
        *left = (*left + since * BEGUN_A_SECOND).min(MOST_BEGUN);
        *at = now.instant;
        let taken = *left >= 1.0;
        *left -= f64::from(u8::from(taken));
        taken
    }

    #[allow(clippy::too_many_arguments)] // all that a SUBSCRIBE says
    fn refresh(
        &mut self,
        now: Now,
        watcher: &str,
        request: &Request,
        flow: Flow,
        dialog: &DialogId,
        event: &Event,
        seconds: u32,
    ) -> Response {
        let id = self.by_dialog.get(dialog).copied();
        let known = id.and_then(|id| Some((id, self.subscriptions.get_mut(&id)?)));
        let own = known.filter(|(_, known)| known.watcher == watcher && known.event == *event);
        let Some((id, subscription)) = own else {
            return Response::to(request, Status::CALL_DOES_NOT_EXIST);
        };
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        if subscription.dialog.receive(number) == Order::Stale {
            return Response::to(request, Status::SERVER_INTERNAL_ERROR);
        }
        let moved = subscription.dialog.flow() != flow;
        subscription.dialog.refresh(request.contact().ok().flatten(), Some(flow));
        if subscription.flight == Flight::Lost {
            subscription.flight = Flight::Free;
        }
        subscription.expires = now.unix + Duration::from_secs(seconds.into());
        if seconds == 0 {
            self.end(id, Reason::Timeout);
        } else {
            self.set_expiry(now, id);
            self.keep(id, moved);
            self.tell(now, id, News::Always);
        }
        granted(request, flow, seconds)
    }

    /// There is something to tell. It is told at once, when the NOTIFY before was answered, or when its turn comes.
    fn tell(&mut self, now: Now, id: SubscriptionId, news: News) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        subscription.news = subscription.news.max(news);
        let must = subscription.news == News::Always || subscription.ending.is_some();
        match subscription.flight {
            Flight::Free => {}
            Flight::Waiting if must => {}
            _ => return,
        }
        match subscription.take_turn(now) {
            Err(at) if !must => {
                subscription.flight = Flight::Waiting;
                self.timers.set(at, Due::Turn(id));
            }
            _ => {
                subscription.flight = Flight::Asked;
                self.ask(id);
            }
        }
    }

    /// What was in the way is over.
    fn go_on(&mut self, now: Now, id: SubscriptionId, before: Flight) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        if subscription.flight != before {
            return;
        }
        subscription.flight = Flight::Free;
        if subscription.news != News::None {
            self.tell(now, id, News::IfChanged);
        }
    }

    fn ask(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.get(&id) else { return };
        self.outputs.push_back(Output::Ask {
            id,
            watcher: subscription.watcher.clone(),
            package: subscription.event.package,
            watched: subscription.watched.clone(),
            local: subscription.dialog.local_address(),
        });
    }

    /// Ends a subscription with a last NOTIFY, whatever became of the one before.
    fn end(&mut self, id: SubscriptionId, reason: Reason) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        if subscription.flight == Flight::Lost {
            return self.forget(id);
        }
        subscription.ending = Some(reason);
        subscription.news = News::Always;
        self.ask(id);
    }
}

/// The tables.
impl Notifier {
    fn insert(&mut self, now: Now, subscription: Subscription) -> SubscriptionId {
        self.next += 1;
        let id = SubscriptionId(self.next);
        self.by_dialog.insert(subscription.dialog.id.clone(), id);
        let key = (subscription.event.package, subscription.watched.clone());
        self.by_watched.entry(key).or_default().insert(id);
        self.by_watcher.entry(subscription.watcher.clone()).or_default().insert(id);
        self.subscriptions.insert(id, subscription);
        self.set_expiry(now, id);
        id
    }

    fn set_expiry(&mut self, now: Now, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        if let Some(timer) = subscription.timer.take() {
            self.timers.cancel(timer);
        }
        if subscription.ending.is_none() {
            let at = now.instant + subscription.expires.since(now.unix);
            subscription.timer = Some(self.timers.set(at, Due::Expired(id)));
        }
    }

    fn forget(&mut self, id: SubscriptionId) {
        let Some(gone) = self.subscriptions.remove(&id) else { return };
        gone.timer.map(|timer| self.timers.cancel(timer));
        self.by_dialog.remove(&gone.dialog.id);
        let key = (gone.event.package, gone.watched.clone());
        take_out(&mut self.by_watched, &key, id);
        take_out(&mut self.by_watcher, &gone.watcher, id);
        if gone.kept.is_some() {
            self.outputs.push_back(Output::Over { name: name(&gone.dialog.id) });
        }
    }

    /// Keeps it, unless what is kept is nearly the same.
    fn keep(&mut self, id: SubscriptionId, moved: bool) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let nearly = subscription.kept.is_some_and(|kept| {
            subscription.expires.since(kept) + kept.since(subscription.expires) < WORTH_KEEPING
        });
        if moved || !nearly {
            subscription.kept = Some(subscription.expires);
            let (name, record) = (name(&subscription.dialog.id), Box::new(subscription.record()));
            self.outputs.push_back(Output::Keep { name, record });
        }
    }

    fn watching(&self, package: Package, watched: &str) -> Vec<SubscriptionId> {
        let all = self.by_watched.get(&(package, watched.to_owned()));
        all.into_iter().flatten().copied().collect()
    }

    fn of_watcher(&self, watcher: &str) -> Vec<SubscriptionId> {
        self.by_watcher.get(watcher).into_iter().flatten().copied().collect()
    }
}

fn take_out<K: Ord>(
    table: &mut BTreeMap<K, BTreeSet<SubscriptionId>>,
    key: &K,
    id: SubscriptionId,
) {
    if let Some(ids) = table.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            table.remove(key);
        }
    }
}

/// A subscription's name over a restart: our tag is random, and so its own.
fn name(dialog: &DialogId) -> String {
    dialog.local.clone()
}

/// 489 with what there is to watch (section 4.2.1.1).
fn bad_event(request: &Request) -> Response {
    let mut response = Response::to(request, Status::BAD_EVENT);
    // A constant without line breaks.
    let _ = response.headers.push("Allow-Events", Package::ALL);
    response
}

fn granted(request: &Request, flow: Flow, seconds: u32) -> Response {
    let mut response = Response::to(request, Status::OK);
    for route in request.headers.all("Record-Route") {
        // It was read from a header.
        let _ = response.headers.push("Record-Route", route);
    }
    let own = contact(flow.local, flow.transport).to_string();
    for (name, value) in [("Expires", seconds.to_string()), ("Contact", own)] {
        // Digits and an address.
        let _ = response.headers.push(name, value);
    }
    response
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
