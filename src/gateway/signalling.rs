//! SIP on one side, calls on the other: who may start what, and which session is which leg.

use std::time::Instant;

use crate::call::caller_id::NOBODY;
use crate::call::ending::Cause;
use crate::call::plan::{Asked, Destination, Origin};
use crate::call::record::Peer;
use crate::call::{Arrival, LegEvent};
use crate::config::settings::EarlyMedia;
use crate::gateway::legs::{Leg, Unchecked};
use crate::gateway::{Gateway, Output, causes, tabs};
use crate::id::{CallId, ExtensionId, LegId};
use crate::sip::access::Verdict;
use crate::sip::endpoint::{Ended, Event, Failure, ServerKey, SessionId};
use crate::sip::flow::{ConnectionId, Flow};
use crate::sip::message::{Method, Request, Response, Status, Transport};
use crate::sip::refer::Replaces;
use crate::sip::reliable;
use crate::sip::sdp::SessionDescription;
use crate::sip::uri::Scheme;
use crate::time::Now;

/// How many new calls a second are taken on: a bucket of one second's worth.
#[derive(Debug)]
pub(super) struct Rate {
    most: f64,
    left: f64,
    filled: Option<Instant>,
    /// Calls refused so far.
    pub refused: u64,
}

impl Rate {
    pub fn new(a_second: u16) -> Self {
        let most = f64::from(a_second);
        Rate { most, left: most, filled: None, refused: 0 }
    }

    /// Takes one call on, or counts it as refused.
    pub fn admit(&mut self, now: Now) -> bool {
        if let Some(filled) = self.filled.replace(now.instant) {
            let grown = now.instant.saturating_duration_since(filled).as_secs_f64() * self.most;
            self.left = (self.left + grown).min(self.most);
        }
        let admitted = self.left >= 1.0;
        if admitted {
            self.left -= 1.0;
        } else {
            self.refused += 1;
        }
        admitted
    }
}

/// Seconds after which a refused caller may try again: long enough for a call to end here, short for a person.
const RETRY_AFTER_S: u32 = 5;

/// Calls of a carrier at a time that help makes and answers: above what a branch can need, below what fills its ports.
const MOST_CALLED_BACK: usize = 30;
/// Calls of that kind a second. Help that makes more is not help; they are taken on as ordinary ones are.
pub(super) const CALLED_BACK_A_SECOND: u16 = 3;
/// Why a phone stops ringing that another was faster than (RFC 3326 section 3.1).
pub(super) const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// What calls that may be forged can take of a limit.
pub(super) fn three_quarters(limit: u16) -> u16 {
    limit - limit / 4
}

/// Calls for help of one phone at a time.
const MOST_HELP: usize = 3;

impl Gateway {
    /// What the endpoint says.
    pub(super) fn handle_endpoint(&mut self, now: Now, event: Event) {
        match event {
            Event::Request { key, request, flow } => self.request(now, key, &request, flow),
            Event::Response { key, response } => {
                if !self.text_answered(now, key, Some(response.status))
                    && !self.phone_answered(now, key, Some(response.status), false)
                    && !self.notify_answered(now, key, &response)
                {
                    self.trunk_response(now, key, &response);
                }
            }
            Event::Failed { key, why } => {
                if !self.text_failed(now, key, why == Failure::Unreachable)
                    && !self.phone_answered(now, key, None, why == Failure::Unreachable)
                    && !self.notify_failed(key, why == Failure::Unreachable)
                {
                    self.trunk_failed(now, key);
                }
            }
            Event::Invited { session, request, offer, replaces, flow } => {
                self.invited(now, session, &request, offer, replaces.as_ref(), flow);
            }
            Event::Progress { session, status, sdp } => self.progress(now, session, status, sdp),
            Event::Answered { session, sdp } => self.answered(now, session, sdp),
            Event::Confirmed { session, sdp } => self.confirmed(now, session, sdp),
            Event::ReofferAnswered { session, sdp } => {
                self.described(now, session, sdp);
                self.legs.of_session(session).into_iter().for_each(|id| self.matched(now, id));
            }
            Event::Reoffered { session, sdp } => self.reoffered(now, session, sdp),
            Event::Info { session, content_type, body } => {
                self.info(now, session, &content_type, &body);
            }
            Event::Elsewhere { session, key, request, flow } => {
                self.elsewhere(now, session, key, request, flow);
            }
            Event::Refer { session, key, request, to, flow } => {
                if self.may_refer(now, session, key, &request, flow) {
                    self.refer(now, session, key, &request, &to);
                }
            }
            Event::OfferDue { session } => {
                let leg = self.legs.of_session(session).and_then(|id| self.legs.get(id));
                if let Some(ours) = leg.and_then(|leg| leg.ours.clone()) {
                    self.endpoint.reoffer(now, session, &ours);
                }
            }
            Event::ReofferRefused { session, .. } => {
                self.legs.of_session(session).into_iter().for_each(|id| self.offer_refused(id));
            }
            Event::Heard { tag } => self.heard_us(now, &tag),
            Event::Ended { session, cause } => self.session_ended(now, session, &cause),
        }
    }

    /// Requests outside of calls: registrations, probes, and what we do not do.
    fn request(&mut self, now: Now, key: ServerKey, request: &Request, flow: Flow) {
        let verdict = self.judge(now, request, flow, false);
        if request.method == Method::SUBSCRIBE {
            return self.subscribe(now, key, request, verdict, flow);
        }
        if request.method == Method::MESSAGE && self.phone_writes(now, key, request, &verdict) {
            return;
        }
        let response = match verdict {
            Verdict::Drop => return self.endpoint.forget(key),
            Verdict::Challenge(response) | Verdict::Refuse(response) => response,
            Verdict::User { username } if request.method == Method::REGISTER => {
                return self.register(now, key, request, &username, flow);
            }
            _ if request.method == Method::OPTIONS => self.endpoint.capabilities(request),
            // Nobody is transferred who is in no call (RFC 3515 section 2.4.4 leaves it to the policy).
            _ if request.method == Method::REFER => Response::to(request, Status::FORBIDDEN),
            _ => self.endpoint.not_allowed(request),
        };
        self.endpoint.respond_once(now, key, request, response);
    }

    /// A request within a call from another host than the call's: a carrier has many, and a phone that moved to another
    /// network shows its password.
    fn elsewhere(
        &mut self,
        now: Now,
        session: SessionId,
        key: ServerKey,
        request: Request,
        flow: Flow,
    ) {
        let verdict = self.judge(now, &request, flow, false);
        let leg = self.legs.of_session(session).and_then(|id| self.legs.get_mut(id));
        let Some(leg) = leg else { return self.endpoint.forget(key) };
        let is_peer = match &verdict {
            Verdict::Trunk(trunk) => leg.peer == Peer::Trunk(trunk.clone()),
            Verdict::User { username } => {
                let phone = ExtensionId::from(username.as_str());
                let person = self.hot_desks.person_at(&phone).clone();
                leg.peer == Peer::Extension(person) || leg.peer == Peer::Extension(phone)
            }
            _ => false,
        };
        if is_peer {
            leg.hosts.insert(session, flow.peer.ip());
            return self.endpoint.admit(now, session, key, request, flow);
        }
        let response = match verdict {
            Verdict::Drop => return self.endpoint.forget(key),
            Verdict::Challenge(response) | Verdict::Refuse(response) => response,
            Verdict::Trunk(_) | Verdict::User { .. } | Verdict::Open => {
                Response::to(&request, Status::FORBIDDEN)
            }
        };
        self.endpoint.respond_once(now, key, &request, response);
    }

    /// A new call, if its caller may make one.
    fn invited(
        &mut self,
        now: Now,
        session: SessionId,
        request: &Request,
        offer: Option<SessionDescription>,
        replaces: Option<&Replaces>,
        flow: Flow,
    ) {
        let dialled = dialled(request);
        let help = self.plan.is_for_help(&dialled);
        let mut unchecked = None;
        let mut challenge = None;
        let mut account = None;
        let (peer, origin) = match self.judge(now, request, flow, help) {
            Verdict::Trunk(trunk) => (Peer::Trunk(trunk.clone()), Origin::Trunk(trunk)),
            Verdict::User { username } => {
                let phone = ExtensionId::from(username.as_str());
                // Help comes to where the phone stands, whoever has signed in there.
                let person = if help { &phone } else { self.hot_desks.person_at(&phone) };
                let person = person.clone();
                account = Some(phone);
                (Peer::Extension(person.clone()), Origin::Extension(person))
            }
            verdict if help && self.is_on_site(flow.peer.ip()) => {
                let extension = self.unproven_caller(request, flow);
                let registered = self.is_registered_at(now, &extension, flow);
                let by = if registered { Unchecked::Registered } else { Unchecked::Stranger };
                unchecked = Some(by);
                if let Verdict::Challenge(response) = verdict {
                    challenge = Some(response);
                }
                (Peer::Extension(extension.clone()), Origin::Extension(extension))
            }
            Verdict::Challenge(response) | Verdict::Refuse(response) => {
                return self.endpoint.refuse_once(now, session, response);
            }
            Verdict::Open | Verdict::Drop => return self.endpoint.ignore(session),
        };
        // Without a password help is called, and nothing else is done: no other call is answered or taken over.
        if let Some(replaces) = replaces.filter(|_| unchecked.is_none()) {
            return self.replace(now, session, (request, offer, flow), (peer, dialled), replaces);
        }
        if is_open_way(request, flow) && !help {
            let response = Response::to(request, Status::UNSUPPORTED_URI_SCHEME);
            return self.endpoint.refuse_once(now, session, response);
        }
        if self.lacks_reliability(&peer, request) {
            return self.endpoint.refuse_once(now, session, extension_required(request));
        }
        let asked = Asked { dialled: &dialled, from: origin.clone(), unix: now.unix };
        let destination = match self.called_back(now, &origin, &dialled) {
            Some(phone) => Destination::CallBack(phone),
            None => self.plan.decide(&asked).destination,
        };
        if unchecked.is_some() && !matches!(destination, Destination::Emergency { .. }) {
            let response = Response::to(request, Status::FORBIDDEN);
            return self.endpoint.refuse_once(now, session, response);
        }
        if !destination.is_help() && !self.lateness.admit(now.instant) {
            return self.endpoint.refuse_once(now, session, too_late(request));
        }
        if let Some(cause) = self.too_many(now, &peer, &destination, (unchecked, flow)) {
            // Nothing is kept of it: a carrier's address is easily forged, and a flood must not fill our tables.
            // Whoever has a password gets through to help with it, however many others have none.
            let response = challenge.unwrap_or_else(|| refusal(request, cause));
            return self.endpoint.refuse_once(now, session, response);
        }
        self.endpoint.trying(now, session);
        let help = match &destination {
            Destination::Emergency { number, .. } => Some(number.clone()),
            _ => None,
        };
        let source = flow.peer.ip();
        let leg = self.caller_leg(session, &peer, offer, flow, destination.is_help());
        if let Destination::Conference(conference) = &destination {
            let thread = self.thread_for(conference);
            self.legs.get_mut(leg).into_iter().for_each(|leg| leg.thread = thread);
        }
        if let (Some(leg), Ok(Some(hops))) = (self.legs.get_mut(leg), request.max_forwards()) {
            leg.hops = hops;
        }
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.account = account;
            leg.unchecked = unchecked;
        }
        let call = CallId(self.random.bits());
        tracing::info!(%call, from = %peer, help = help.is_some(), "a call has arrived");
        self.watch(call, leg, session);
        let (from, name) = self.caller(request, &peer);
        self.take_wishes(leg, request);
        let diverted_by = self.diverted_by(leg, request);
        let to = dialled;
        let arrival = Arrival { call, leg, peer, origin, from, name, to, diverted_by, destination };
        if let (Some(number), Peer::Extension(phone)) = (help, &arrival.peer) {
            let there = unchecked == Some(Unchecked::Registered);
            let proven = unchecked.is_none() || there && flow.transport.is_reliable();
            self.called_for_help(now, call, phone.clone(), number, (source, proven));
            if let Some(by) = unchecked.filter(|_| !proven) {
                self.doubt(call, session, by);
            }
        }
        self.calls.handle_arrived(now, arrival);
    }

    pub(super) fn caller_leg(
        &mut self,
        session: SessionId,
        peer: &Peer,
        offer: Option<SessionDescription>,
        flow: Flow,
        help: bool,
    ) -> LegId {
        let id = LegId(self.random.bits());
        let thread = self.next_thread();
        let mut leg = Leg::new(peer.clone(), flow.local.ip(), thread);
        leg.sessions.push(session);
        leg.hosts.insert(session, flow.peer.ip());
        leg.forgeable = matches!(peer, Peer::Trunk(_)) && !flow.transport.is_reliable();
        leg.help = help;
        leg.chosen = Some(session);
        leg.theirs = offer;
        self.legs.insert(id, leg);
        self.leg_changed(id);
        id
    }

    /// Whether a call comes over a trunk on which no call is to be without reliable provisional answers, and is.
    fn lacks_reliability(&self, peer: &Peer, request: &Request) -> bool {
        let Peer::Trunk(trunk) = peer else { return false };
        let policy = self.trunk_settings(trunk).map(|settings| settings.prack);
        policy == Some(reliable::Policy::Require) && !reliable::is_known(request)
    }

    /// What the gate says; a connection on which somebody has shown who he is may stay.
    pub(super) fn judge(&mut self, now: Now, request: &Request, flow: Flow, help: bool) -> Verdict {
        let verdict = self.gate.handle(now, request, flow, help);
        if let Verdict::Trunk(trunk) = &verdict
            && let Some(trunk) = self.trunks.get_mut(trunk)
        {
            trunk.handle_request(now);
        }
        let known = matches!(verdict, Verdict::Trunk(_) | Verdict::User { .. });
        if known && flow.connection != ConnectionId(0) {
            self.outputs.push_back(Output::Trust(flow.connection));
        }
        verdict
    }

    /// The limit that stands in a new call's way. Calls for help know one: nobody needs more of them than this at a time,
    /// and a phone that makes more takes the ports and lines of others who need help.
    /// A stranger's calls in the name of a phone do not count as the phone's.
    pub(super) fn too_many(
        &mut self,
        now: Now,
        peer: &Peer,
        destination: &Destination,
        (unchecked, flow): (Option<Unchecked>, Flow),
    ) -> Option<Cause> {
        let forgeable = matches!(peer, Peer::Trunk(_)) && !flow.transport.is_reliable();
        if let Destination::CallBack(_) = destination {
            if self.legs.count(peer, true) >= MOST_CALLED_BACK {
                return Some(Cause::Congestion);
            }
            // Beyond what help needs they are calls like others.
            if self.callback_rate.admit(now) {
                return None;
            }
        } else if destination.is_help() {
            let up = self.legs.helping(peer, unchecked);
            let many = up >= MOST_HELP || self.too_many_unproven(unchecked);
            return many.then_some(Cause::Congestion);
        }
        let most = match peer {
            Peer::Extension(_) => self.settings.limits.calls_per_extension,
            Peer::Trunk(trunk) => self.trunk_settings(trunk)?.max_calls,
            Peer::Chat(chat) => self.chat_settings(chat)?.calls_at_once,
        };
        let full = self.legs.count(peer, false) >= usize::from(most)
            && self.legs.count(peer, false) - self.shams_at(peer) >= usize::from(most);
        let fast = match peer {
            Peer::Trunk(trunk) => self.trunk_rates.get_mut(trunk),
            Peer::Extension(_) | Peer::Chat(_) => None,
        };
        let fast = fast.is_some_and(|(calls_in, _)| !calls_in.admit(now));
        let flooded = forgeable && !self.has_room_for_forgeable(now);
        (full || fast || flooded || !self.rate.admit(now)).then_some(Cause::Congestion)
    }

    /// Calls that come in datagrams in a carrier's name, which anybody can write, leave a quarter of the box to phones and
    /// to others, until their callers have shown that they hear us.
    fn has_room_for_forgeable(&mut self, now: Now) -> bool {
        self.legs.unheard() < usize::from(three_quarters(self.settings.limits.calls))
            && self.forgeable_rate.admit(now)
    }

    /// Calls to a phone that may be forged: they do not keep it from calling. Carriers have none.
    fn shams_at(&self, peer: &Peer) -> usize {
        let Peer::Extension(_) = peer else { return 0 };
        let caller = |leg: LegId| self.calls.caller(self.calls.call_of(leg)?);
        let legs = self.legs.of_peer(peer).into_iter();
        legs.filter(|leg| caller(*leg).is_some_and(|caller| self.legs.is_unheard(caller))).count()
    }

    /// The caller's number and name.
    fn caller(&self, request: &Request, peer: &Peer) -> (String, Option<String>) {
        match peer {
            Peer::Extension(extension) => (extension.to_string(), None),
            Peer::Trunk(trunk) => self.carriers_caller(request, trunk),
            Peer::Chat(_) => (NOBODY.to_owned(), None),
        }
    }

    fn progress(
        &mut self,
        now: Now,
        session: SessionId,
        status: Status,
        sdp: Option<SessionDescription>,
    ) {
        let Some(id) = self.legs.of_session(session) else { return };
        self.heard_of(now, id);
        self.leg_changed(id);
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.ringing |= status != Status::TRYING;
        let Some(leg) = self.legs.get(id) else { return };
        // Early sound is passed on from a trunk's single session; of several phones, nobody could say whose it is.
        let early = sdp.is_some() && leg.sessions.len() == 1;
        let policy = match &leg.peer {
            Peer::Trunk(trunk) => self.trunk_settings(trunk).map(|trunk| trunk.early_media),
            Peer::Extension(_) | Peer::Chat(_) => None,
        };
        let early = match policy.unwrap_or_default() {
            EarlyMedia::Pass => early,
            EarlyMedia::Ringback => false,
            EarlyMedia::Ignore if early && status != Status::RINGING => return,
            EarlyMedia::Ignore => false,
        };
        if early && self.agree(now, id, session, sdp) {
            return self.calls.handle_leg(now, id, LegEvent::EarlyMedia);
        }
        if status != Status::TRYING {
            self.calls.handle_leg(now, id, LegEvent::Ringing);
        }
    }

    fn answered(&mut self, now: Now, session: SessionId, sdp: Option<SessionDescription>) {
        let Some(id) = self.legs.of_session(session) else { return };
        self.heard_of(now, id);
        self.outward_done(id);
        self.leg_changed(id);
        let Some(leg) = self.legs.get_mut(id) else { return };
        if leg.chosen.is_some() {
            // Another phone was faster; the loser's leg is cut with the reason that RFC 3326 gives for it.
            return self.endpoint.hang_up(now, session, Some(ELSEWHERE));
        }
        leg.chosen = Some(session);
        let losers: Vec<_> =
            leg.sessions.iter().copied().filter(|other| *other != session).collect();
        for loser in losers {
            self.answered_elsewhere(now, loser);
        }
        if self.agree(now, id, session, sdp) || self.is_agreed(id) {
            self.calls.handle_leg(now, id, LegEvent::Answered);
        } else {
            self.set_worst(id, Cause::MediaRefused);
            self.endpoint.hang_up(now, session, Some("SIP;cause=488;text=\"Not Acceptable Here\""));
        }
    }

    fn session_ended(&mut self, now: Now, session: SessionId, ended: &Ended) {
        let Some(id) = self.legs.remove_session(session) else { return };
        if self.next_flow(now, id, session, ended)
            || self.goes_on(now, id, ended)
            || self.is_forwarded(now, id, ended)
        {
            return;
        }
        let Some(leg) = self.legs.get_mut(id) else { return };
        let cause = causes::of_session(ended);
        let was_chosen = leg.chosen == Some(session);
        if !was_chosen {
            leg.worst = Some(causes::more_telling(leg.worst, cause));
        }
        let over = was_chosen || (leg.chosen.is_none() && leg.sessions.is_empty());
        if over {
            let cause = leg.worst.unwrap_or(cause);
            self.leg_over(now, id, cause);
        }
    }

    /// A leg has no session left: its sound ends, its call hears of it.
    pub(super) fn leg_over(&mut self, now: Now, id: LegId, cause: Cause) {
        self.outward_done(id);
        self.leg_changed(id);
        if let Some(leg) = self.legs.remove(id) {
            self.close_media(now, id, &leg);
        }
        self.calls.handle_leg(now, id, LegEvent::Ended(cause));
    }

    fn set_worst(&mut self, id: LegId, cause: Cause) {
        if let Some(leg) = self.legs.get_mut(id) {
            leg.worst = Some(cause);
        }
    }

    /// Refuses a caller who was not answered.
    pub(super) fn refuse(&mut self, now: Now, id: LegId, cause: Cause) {
        let Some(session) = self.legs.get(id).and_then(Leg::session) else { return };
        let status = causes::to_status(cause);
        self.set_worst(id, cause);
        let warning = self.take_warning(id).filter(|_| status == Status::NOT_ACCEPTABLE_HERE);
        let (after, warning) = (retry_after(status), warning.as_deref());
        if tabs::is_page(session) {
            return self.end_in_page(now, session, cause);
        }
        self.endpoint.reject_because(now, session, status, after, warning);
    }

    /// Ends a leg with everything that rings for it.
    pub(super) fn hang_up(&mut self, now: Now, id: LegId, cause: Cause) {
        let Some(leg) = self.legs.get_mut(id) else {
            // It never got as far as a session: nobody to tell but the call.
            return self.calls.handle_leg(now, id, LegEvent::Ended(cause));
        };
        leg.worst.get_or_insert(cause);
        let sessions = leg.sessions.clone();
        if sessions.is_empty() {
            return self.leg_over(now, id, cause);
        }
        // A phone that another was faster than does not show a missed call.
        let elsewhere = leg.chosen.is_none() && cause == Cause::Completed;
        let reason = if elsewhere { Some(ELSEWHERE.to_owned()) } else { causes::reason(cause) };
        for session in sessions {
            match tabs::is_page(session) {
                true if elsewhere => self.end_in_page(now, session, Cause::Abandoned),
                true => self.end_in_page(now, session, cause),
                false => self.endpoint.hang_up(now, session, reason.as_deref()),
            }
        }
    }

    /// 180 to the caller.
    pub(super) fn ring(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        if std::mem::replace(&mut leg.ringing, true) {
            return;
        }
        let Some(session) = leg.session() else { return };
        if tabs::is_page(session) {
            self.ring_in_page(id, session);
            return self.leg_changed(id);
        }
        // Who made no offer and takes only reliable answers gets ours in the first of them (RFC 3262 section 5).
        let wanted = self.endpoint.wants_description(session);
        let ours = if wanted { self.describe_answer(now, id, None) } else { None };
        self.endpoint.ring(now, session, Status::RINGING, ours.as_ref());
        self.leg_changed(id);
    }

    /// 183 with our description: the caller hears what comes from `from`.
    pub(super) fn early(&mut self, now: Now, id: LegId, from: LegId) {
        let Some(ours) = self.describe_answer(now, id, Some(from)) else { return };
        if let Some(session) = self.legs.get(id).and_then(Leg::session) {
            match tabs::is_page(session) {
                true => self.describe_to_page(session, &ours, false),
                false => self.endpoint.ring(now, session, Status::PROGRESS, Some(&ours)),
            }
            self.join(id, from);
        }
    }

    /// 200 to the caller.
    pub(super) fn answer(&mut self, now: Now, id: LegId, with: Option<LegId>) {
        // Who takes a call over came on a thread of their own; while no sound has begun, moving costs nothing.
        if let Some(thread) = with.and_then(|with| self.legs.get(with)).map(|leg| leg.thread)
            && let Some(leg) = self.legs.get_mut(id).filter(|leg| !leg.has_media())
        {
            leg.thread = thread;
        }
        // A carrier is known by its address alone, and a datagram can name any.
        if let Some(leg) = self.legs.get_mut(id) {
            leg.waits = leg.forgeable && leg.negotiated.is_none();
        }
        self.leg_changed(id);
        match self.describe_answer(now, id, with) {
            Some(ours) => {
                if let Some(session) = self.legs.get(id).and_then(Leg::session) {
                    if tabs::is_page(session) {
                        self.describe_to_page(session, &ours, false);
                        return self.talk_in_page(id, session);
                    }
                    self.endpoint.answer(now, session, &ours);
                }
                with.into_iter().for_each(|with| self.match_codecs(now, id, with));
            }
            None => self.refuse(now, id, Cause::MediaRefused),
        }
    }
}

/// Whether a request to an address that is to be reached securely came over a way that anybody may listen to (RFC 3261
/// section 26.2.2, RFC 5630 section 3.1).
fn is_open_way(request: &Request, flow: Flow) -> bool {
    let secure = matches!(flow.transport, Transport::Tls | Transport::Wss);
    request.uri.scheme == Scheme::Sips && !secure
}

/// The dialled number: the user of a SIP URI, the whole of a tel: or urn: one (RFC 3966, RFC 5031).
fn dialled(request: &Request) -> String {
    match &request.uri.user {
        Some(user) => user.clone(),
        None => request.uri.to_string(),
    }
}

/// The answer to a call without reliable provisional answers, where there is to be none (RFC 3261 section 21.4.16).
fn extension_required(request: &Request) -> Response {
    let mut response = Response::to(request, Status::EXTENSION_REQUIRED);
    // A constant without line breaks.
    let _ = response.headers.push("Require", reliable::OPTION);
    response
}

/// The answer to a call that is not taken on.
fn refusal(request: &Request, cause: Cause) -> Response {
    let status = causes::to_status(cause);
    let mut response = Response::to(request, status);
    if let Some(seconds) = retry_after(status) {
        // Digits hold no line break.
        let _ = response.headers.push("Retry-After", seconds.to_string());
    }
    response
}

/// The answer to a call that a box which is late does not take on. The reason is told, because it is nobody's fault who
/// called and no limit that is configured: switching equipment congestion (RFC 3326, in responses by RFC 6432).
fn too_late(request: &Request) -> Response {
    let mut response = refusal(request, Cause::Congestion);
    // A constant without line breaks.
    let _ = response.headers.push("Reason", "Q.850;cause=42;text=\"Too busy to be heard well\"");
    response
}

fn retry_after(status: Status) -> Option<u32> {
    (status == Status::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S)
}
