//! Trunks: which way of a carrier's a call out takes, how long it may take to say anything, which is next; and what
//! trunks ask carriers for themselves.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::address::Number;
use crate::call::LegEvent;
use crate::call::ending::Cause;
use crate::call::record::Peer;
use crate::gateway::legs::Leg;
use crate::gateway::{Gateway, Output};
use crate::id::{CallId, LegId, TrunkId};
use crate::sip::endpoint::{ClientKey, Ended, Invite, SessionId};
use crate::sip::flow::Route;
use crate::sip::message::{Response, Status, Transport};
use crate::sip::reliable::Policy;
use crate::sip::trunk::{self, Trunk, Way};
use crate::sip::uri::{Host, NameAddr, Uri, host_port};
use crate::time::{Now, TimerId};

/// How long a server may take to say anything at all while there is another to try. RFC 3261's own 32 s (timer B) are
/// for a person who has nowhere else to go; a carrier's 100 comes within a round trip.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same for a call for help.
const PATIENCE_FOR_HELP: Duration = Duration::from_secs(2);
/// The same where there is no other server.
const PATIENCE_WITH_THE_LAST: Duration = Duration::from_secs(12);

/// A leg to a carrier while nobody has answered it.
#[derive(Debug)]
pub(super) struct Outward {
    call: CallId,
    pub trunk: TrunkId,
    pub number: Number,
    pub help: bool,
    /// Whether the caller's number is hidden.
    hidden: bool,
    /// Whether no other trunk is left to try.
    last: bool,
    ways: VecDeque<Way>,
    /// Ways to try once more, without the caller's place: a carrier that lost a long datagram says nothing at all.
    bare: VecDeque<Way>,
    /// The way that is being tried with the caller's place.
    placed: Option<Way>,
    /// The way that a call for help is being tried by, which may be tried once more with sound in the clear.
    tried: Option<Way>,
    /// Who is being tried.
    peer: Option<SocketAddr>,
    /// Runs until the peer says something.
    patience: Option<TimerId>,
    /// How often a server has named another.
    pub redirects: u8,
}

impl Outward {
    pub fn new(
        call: CallId,
        trunk: TrunkId,
        number: Number,
        help: bool,
        hidden: bool,
        last: bool,
    ) -> Self {
        Outward {
            call,
            trunk,
            number,
            help,
            hidden,
            last,
            ways: VecDeque::new(),
            bare: VecDeque::new(),
            placed: None,
            tried: None,
            peer: None,
            patience: None,
            redirects: 0,
        }
    }

    pub fn is_over(&self, trunk: &TrunkId) -> bool {
        self.trunk == *trunk
    }

    /// Who is being tried.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip())
    }

    fn patience(&self) -> Duration {
        let none_left = self.ways.is_empty() && self.bare.is_empty();
        match (self.help, none_left && self.last) {
            (_, true) => PATIENCE_WITH_THE_LAST,
            (true, false) => PATIENCE_FOR_HELP,
            (false, false) => PATIENCE,
        }
    }
}

/// What trunks have asked and was not answered yet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Which server of which trunk an OPTIONS of ours was for.
    probes: BTreeMap<ClientKey, (TrunkId, SocketAddr)>,
    /// Which trunk a REGISTER of ours was for.
    registers: BTreeMap<ClientKey, TrunkId>,
}

/// Calls out.
impl Gateway {
    pub(super) fn dial_trunk(&mut self, now: Now, id: LegId, mut wanted: Outward) {
        let peer = Peer::Trunk(wanted.trunk.clone());
        let most = self.trunk_settings(&wanted.trunk).map_or(0, |settings| settings.max_calls);
        if !wanted.help && self.legs.count(&peer, false) >= usize::from(most) {
            return self.calls.handle_leg(now, id, LegEvent::Ended(Cause::Congestion));
        }
        let rate = self.trunk_rates.get_mut(&wanted.trunk).filter(|_| !wanted.help);
        if rate.is_some_and(|(_, calls_out)| !calls_out.admit(now)) {
            return self.calls.handle_leg(now, id, LegEvent::Ended(Cause::Congestion));
        }
        let Some(trunk) = self.trunks.get_mut(&wanted.trunk) else {
            return self.calls.handle_leg(now, id, LegEvent::Ended(Cause::Unreachable));
        };
        if trunk.is_resting() && !wanted.help {
            return self.calls.handle_leg(now, id, LegEvent::Ended(Cause::Congestion));
        }
        wanted.ways = if wanted.help { trunk.ways_for_help() } else { trunk.ways() }.into();
        // A trunk that is known to be dead costs a caller nothing while there is another.
        let pointless = trunk.is_silent() && !wanted.last && !wanted.help;
        let local = wanted.ways.front().map(|way| way.local).filter(|_| !pointless);
        // A box that has just started does not know yet where its carriers are: help waits for that moment.
        let waits = wanted.help && trunk.is_starting();
        let Some(local) = local.or(waits.then_some(IpAddr::from([0; 4]))) else {
            return self.calls.handle_leg(now, id, LegEvent::Ended(Cause::Unreachable));
        };
        let leg = Leg { help: wanted.help, ..Leg::new(peer, local, 0) };
        self.begin_leg(wanted.call, id, leg);
        self.note_dialled(wanted.call, &wanted.number);
        if !wanted.help {
            self.look_for_called(wanted.call);
        }
        if wanted.ways.is_empty() {
            wanted.patience = Some(self.patience.set(now.instant + PATIENCE_FOR_HELP, id));
            self.outward.insert(id, wanted);
            return;
        }
        self.outward.insert(id, wanted);
        self.try_next_way(now, id);
    }

    /// Names have been looked up: calls for help that waited for them go out, or on to the next trunk.
    pub(super) fn try_waiting(&mut self, now: Now) {
        let waiting = |wanted: &Outward| {
            wanted.help && wanted.peer.is_none() && wanted.ways.is_empty() && wanted.bare.is_empty()
        };
        let legs: Vec<LegId> =
            self.outward.iter().filter(|(_, wanted)| waiting(wanted)).map(|(id, _)| *id).collect();
        for id in legs {
            let Some(wanted) = self.outward.get_mut(&id) else { continue };
            let trunk = self.trunks.get_mut(&wanted.trunk).filter(|trunk| !trunk.is_starting());
            let Some(trunk) = trunk else { continue };
            wanted.ways = trunk.ways_for_help().into();
            if let Some(timer) = wanted.patience.take() {
                self.patience.cancel(timer);
            }
            if !self.try_next_way(now, id) {
                self.leg_over(now, id, Cause::Unreachable);
            }
        }
    }

    /// Sends an INVITE over the next way. Answers whether there was one.
    fn try_next_way(&mut self, now: Now, id: LegId) -> bool {
        let Some(wanted) = self.outward.get_mut(&id) else { return false };
        let with_place = !wanted.ways.is_empty();
        let Some(way) = wanted.ways.pop_front().or_else(|| wanted.bare.pop_front()) else {
            return false;
        };
        let help = wanted.help;
        wanted.placed = None;
        wanted.tried = help.then(|| way.clone());
        let (call, trunk) = (wanted.call, wanted.trunk.clone());
        let number = wanted.number.clone();
        let (peer, hidden) = (way.route.peer(), wanted.hidden);
        let again = way.clone();
        // Only once no other way is left: a dead server must not be asked twice before a living one.
        if with_place && help && wanted.last && wanted.ways.is_empty() {
            wanted.bare.push_back(way.clone());
        }
        wanted.peer = Some(peer);
        let until = now.instant + wanted.patience();
        wanted.patience = Some(self.patience.set(until, id));
        self.be_at(now, id, way.local);
        let caller = self.calls.caller(call);
        let Some(offer) = self.describe_offer(now, id, caller) else {
            self.no_media(now, id);
            return true;
        };
        let transport = way.route.transport();
        let Some(offer) = self.with_keys(now, id, Some(transport), &offer) else {
            return self.without_keys(now, id);
        };
        let number = self.called_number(&number, &trunk, help);
        let uri = Uri { user: Some(number.clone()), ..way.host };
        let host = Host::Ip(self.address_toward(peer.ip(), &trunk, way.local));
        let (from, mut headers) = self.shown_caller(call, &trunk, &host, (hidden, help));
        self.say_forwarded(call, (&trunk, &number), &host, &mut headers);
        for hop in way.routes {
            // It was read from a header once: it holds no line break.
            let _ = headers.push("Route", hop);
        }
        let mut invite = Invite {
            local: self.signalling_address(&way.route, way.local),
            route: way.route,
            from,
            to: NameAddr::new(uri.clone()),
            uri,
            headers,
            sdp: Some(offer.clone()),
            beside: None,
            credentials: self.trunks.get(&trunk).and_then(|trunk| trunk.credentials()).cloned(),
            reliable: self.prack_toward(&trunk, help),
        };
        if help {
            self.dress_for_help(now, call, &trunk, with_place, &mut invite);
            if let Some(wanted) = self.outward.get_mut(&id).filter(|_| invite.beside.is_some()) {
                wanted.placed = Some(again);
            }
        }
        let session = self.endpoint.invite(now, invite);
        self.legs.add_session(id, session, peer.ip());
        self.keep_offer(id, session, offer);
        self.watch(call, id, session);
        true
    }

    /// No key may travel this way, and one is required: perhaps the next one is better. The server is not at fault.
    fn without_keys(&mut self, now: Now, id: LegId) -> bool {
        let timer = self.outward.get_mut(&id).and_then(|wanted| wanted.patience.take());
        if let Some(timer) = timer {
            self.patience.cancel(timer);
        }
        if !self.try_next_way(now, id) {
            self.leg_over(now, id, Cause::MediaRefused);
        }
        true
    }

    /// The leg's sound is at the address of ours that faces this way.
    fn be_at(&mut self, now: Now, id: LegId, local: IpAddr) {
        let Some(leg) = self.legs.get_mut(id).filter(|leg| leg.address != local) else { return };
        leg.address = local;
        leg.ours = None;
        if let Some(port) = leg.port.take() {
            let thread = leg.thread;
            self.command(thread, crate::media::Command::Close { leg: id });
            self.pool.give_back(now.instant, port);
        }
    }

    /// The carrier said something about a call out: it is there.
    pub(super) fn heard_of(&mut self, now: Now, id: LegId) {
        let Some(wanted) = self.outward.get_mut(&id) else { return };
        if let Some(timer) = wanted.patience.take() {
            self.patience.cancel(timer);
        }
        if let Some(peer) = wanted.peer {
            let trunk = wanted.trunk.clone();
            self.with_trunk(&trunk, |trunk| trunk.handle_heard(now, peer));
        }
    }

    /// A connection is gone. While a call rings nothing is written there, and nobody would notice that its server is dead
    /// (RFC 3261 section 17.1.1.2): it is asked at once. One that cannot be reached any more fails the call, which then
    /// takes the next way; one that is there goes on with it over another connection (section 18.2.2).
    pub(super) fn carrier_hung_up(&mut self, peer: SocketAddr) {
        let rings = |wanted: &&Outward| wanted.peer == Some(peer) && wanted.patience.is_none();
        let trunk = self.outward.values().find(rings).map(|wanted| wanted.trunk.clone());
        if let Some(trunk) = trunk {
            self.with_trunk(&trunk, |trunk| trunk.handle_hung_up(peer));
        }
    }

    /// A leg is over, or was answered: no other way will be tried.
    pub(super) fn outward_done(&mut self, id: LegId) {
        if let Some(timer) = self.outward.remove(&id).and_then(|wanted| wanted.patience) {
            self.patience.cancel(timer);
        }
    }

    /// A session of a leg that nobody answered has ended. Answers whether another way is tried now (RFC 3263
    /// section 4.3: after a timeout, a transport that failed, or a 503).
    pub(super) fn goes_on(&mut self, now: Now, id: LegId, ended: &Ended) -> bool {
        let given_up = self.legs.get(id).is_none_or(|leg| leg.worst.is_some());
        let Some(wanted) = self.outward.get(&id) else { return false };
        match ended {
            Ended::TimedOut | Ended::Unreachable => {
                if let Some(peer) = wanted.peer {
                    let trunk = wanted.trunk.clone();
                    self.with_trunk(&trunk, |trunk| trunk.handle_missed(peer));
                }
            }
            Ended::Refused { status, retry_after, .. } => {
                let (peer, trunk) = (wanted.peer, wanted.trunk.clone());
                self.heard_of(now, id);
                if *status == Status::SERVICE_UNAVAILABLE
                    && let (Some(peer), Some(seconds)) = (peer, *retry_after)
                {
                    self.with_trunk(&trunk, |trunk| trunk.handle_overloaded(now, peer, seconds));
                }
                if (refuses_the_sound(*status) && self.without_protection(id))
                    || (refuses_the_place(*status) && self.without_place(id))
                {
                    return !given_up && self.try_next_way(now, id);
                }
                let way = self.redirected_way(id, ended);
                if *status != Status::SERVICE_UNAVAILABLE && way.is_none() {
                    return false;
                }
                if let (Some(wanted), Some(way)) = (self.outward.get_mut(&id), way) {
                    wanted.ways.push_front(way);
                }
            }
            _ => return false,
        }
        if let Some(wanted) = self.outward.get_mut(&id)
            && let Some(timer) = wanted.patience.take()
        {
            self.patience.cancel(timer);
        }
        !given_up && self.try_next_way(now, id)
    }

    /// The next try is the same server with sound in the clear, if a call for help asked it for encrypted sound alone.
    fn without_protection(&mut self, id: LegId) -> bool {
        let again = self.outward.get_mut(&id).and_then(|wanted| wanted.tried.take());
        let Some(way) = again.filter(|_| self.spare(id)) else { return false };
        if let Some(wanted) = self.outward.get_mut(&id) {
            wanted.ways.push_front(way);
        }
        true
    }

    /// The next try is the same server without the caller's place, if it was asked with it.
    fn without_place(&mut self, id: LegId) -> bool {
        let Some(wanted) = self.outward.get_mut(&id) else { return false };
        let Some(way) = wanted.placed.take() else { return false };
        wanted.bare.retain(|other| *other != way);
        wanted.bare.push_front(way);
        // Whatever is left of the carrier's servers will refuse the place as well.
        let ways = std::mem::take(&mut wanted.ways);
        wanted.bare.extend(ways);
        true
    }

    /// Servers that have not said anything in time.
    pub(super) fn patience_is_over(&mut self, now: Now) {
        while let Some(id) = self.patience.pop_due(now.instant) {
            let Some(wanted) = self.outward.get_mut(&id) else { continue };
            wanted.patience = None;
            if let Some(peer) = wanted.peer {
                let trunk = wanted.trunk.clone();
                self.with_trunk(&trunk, |trunk| trunk.handle_missed(peer));
            }
            self.leave_behind(now, id);
            if !self.try_next_way(now, id) {
                self.leg_over(now, id, Cause::Unreachable);
            }
        }
    }

    /// The INVITE of a way that is given up goes on without the leg: should it be answered late, it is hung up on.
    fn leave_behind(&mut self, now: Now, id: LegId) {
        let sessions: Vec<SessionId> =
            self.legs.get(id).map(|leg| leg.sessions.clone()).unwrap_or_default();
        for session in sessions {
            self.legs.remove_session(session);
            self.endpoint.hang_up(now, session, None);
        }
    }

    /// Whether a carrier is asked for reliable provisional answers. A call for help demands nothing.
    fn prack_toward(&self, trunk: &TrunkId, help: bool) -> Policy {
        let policy = self.trunk_settings(trunk).map_or_else(Policy::default, |own| own.prack);
        if help && policy == Policy::Require { Policy::Offer } else { policy }
    }

    /// Our address for Via and Contact on the way to a carrier: the listener of that transport.
    pub(super) fn signalling_address(&self, route: &Route, local: IpAddr) -> SocketAddr {
        self.own_listener(route.transport(), local)
    }

    /// Where we listen on a transport, at an address of ours.
    pub(super) fn own_listener(&self, transport: Transport, local: IpAddr) -> SocketAddr {
        let listeners = match transport {
            Transport::Udp => &self.listening.udp,
            Transport::Tcp => &self.listening.tcp,
            _ => &self.listening.tls,
        };
        let fits = |listener: &&SocketAddr| {
            listener.ip() == local
                || (listener.ip().is_unspecified() && listener.is_ipv4() == local.is_ipv4())
        };
        let port =
            listeners.iter().find(fits).map_or(transport.default_port(), |found| found.port());
        SocketAddr::new(local, port)
    }
}

/// Whether a carrier may mean our description by this refusal (RFC 3261 sections 21.4.13, 21.4.26 and 21.6.4).
fn refuses_the_sound(status: Status) -> bool {
    matches!(status.code(), 415 | 488 | 606)
}

/// Whether a carrier may mean the body of several parts, or what points into it, by this refusal.
fn refuses_the_place(status: Status) -> bool {
    [
        Status::BAD_REQUEST,
        Status::NOT_ACCEPTABLE,
        Status::REQUEST_ENTITY_TOO_LARGE,
        Status::UNSUPPORTED_MEDIA_TYPE,
        Status::BAD_EXTENSION,
        Status::BAD_LOCATION,
        Status::NOT_ACCEPTABLE_HERE,
        Status::NOT_IMPLEMENTED,
        Status::MESSAGE_TOO_LARGE,
        Status::SERVER_INTERNAL_ERROR,
    ]
    .contains(&status)
}

/// What trunks want for themselves.
impl Gateway {
    pub(super) fn trunk_says(&mut self, now: Now, id: &TrunkId, output: trunk::Output) {
        self.figures_changed(now);
        match output {
            trunk::Output::Resolve(question) => {
                self.outputs.push_back(Output::Resolve(question));
            }
            trunk::Output::Register { route, local, request, credentials } => {
                let local = self.signalling_address(&route, local);
                let mut request = *request;
                let user = Some(credentials.username.as_str());
                let (host, port) = host_port(local);
                let mut contact = NameAddr::new(Uri::sip(user, host, Some(port)));
                // Without it the carrier's calls would come by UDP (RFC 3261 section 19.1.1).
                if route.transport() != Transport::Udp {
                    let way = route.transport().as_str().to_ascii_lowercase();
                    contact.uri.params.set("transport", Some(&way));
                }
                // Made of an address and of a user name that the configuration's check has read.
                let _ = request.headers.push("Contact", contact.to_string());
                let key = self.endpoint.request(now, route, local, request, Some(credentials));
                self.asked.registers.insert(key, id.clone());
            }
            trunk::Output::Probe { route, local, request } => {
                let local = self.signalling_address(&route, local);
                let key = self.endpoint.request(now, route, local, *request, None);
                self.asked.probes.insert(key, (id.clone(), route.peer()));
            }
            trunk::Output::KeepAlive { route, bytes } => {
                self.outputs.push_back(Output::Sip { route, bytes: bytes.to_vec() });
            }
            trunk::Output::Disconnect(route) => {
                tracing::warn!(trunk = %id, peer = %route.peer(), "a carrier's connection is dead and is closed");
                self.outputs.push_back(Output::Disconnect(route));
            }
        }
    }

    /// A carrier answered a REGISTER or an OPTIONS of ours.
    pub(super) fn trunk_response(&mut self, now: Now, key: ClientKey, response: &Response) {
        if !response.status.is_final() {
            return;
        }
        if let Some((id, peer)) = self.asked.probes.remove(&key) {
            self.with_trunk(&id, |trunk| trunk.handle_heard(now, peer));
            return self.seen_from(now, &id, Some(peer), response);
        }
        if let Some(id) = self.asked.registers.remove(&key) {
            self.with_trunk(&id, |trunk| trunk.handle_response(now, response));
            self.seen_from(now, &id, None, response);
        }
    }

    /// The trunk is another from now on: what is answered to what it has asked is out of date.
    pub(super) fn forget_asked(&mut self, trunk: &TrunkId) {
        self.asked.probes.retain(|_, (asked, _)| asked != trunk);
        self.forget_registers(trunk);
    }

    /// What a REGISTER that is still out says is out of date, and so is what will be said to it.
    pub(super) fn forget_registers(&mut self, trunk: &TrunkId) {
        self.asked.registers.retain(|_, asked| asked != trunk);
    }

    /// A carrier did not answer a REGISTER or an OPTIONS of ours.
    pub(super) fn trunk_failed(&mut self, now: Now, key: ClientKey) {
        if let Some((id, peer)) = self.asked.probes.remove(&key) {
            return self.with_trunk(&id, |trunk| trunk.handle_missed(peer));
        }
        if let Some(id) = self.asked.registers.remove(&key) {
            self.with_trunk(&id, |trunk| trunk.handle_failed(now));
        }
    }

    /// Tells a trunk something, and the log how the trunk is when that changed.
    pub(super) fn with_trunk(&mut self, id: &TrunkId, tell: impl FnOnce(&mut Trunk)) {
        let Some(trunk) = self.trunks.get_mut(id) else { return };
        let before = trunk.state();
        tell(trunk);
        let after = trunk.state();
        if std::mem::discriminant(&before) != std::mem::discriminant(&after) {
            tracing::info!(trunk = %id, state = %after, "a trunk has changed");
        }
    }
}
