//! The registrar (RFC 3261 section 10.3): which phone is where, and until when.
//!
//! Owns the bindings of every extension. Who may register has been decided before a request gets here.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::message::{Headers, Method, Request, Response, Status, Transport};
use crate::sip::outbound;
use crate::sip::uri::{NameAddr, Scheme, Uri};
use crate::time::{Now, UnixTime};

/// Phones at one extension: a desk phone, a softphone, a mobile, and room (bad-input table row 21).
pub const MAX_CONTACTS: usize = 10;

/// Longest Contact, `+sip.instance` and Call-ID in bytes: each registration is written to the disk.
const MAX_CONTACT: usize = 512;
const MAX_INSTANCE: usize = 200;
const MAX_CALL_ID: usize = 256;
/// Proxies between a phone and us, and the bytes of their addresses together: a branch has one or two, and each
/// registration is written to the disk.
const MAX_PATH: usize = 8;
const MAX_PATH_BYTES: usize = 1_024;
/// The option tag of [`Binding::path`] (RFC 3327 section 4.1).
pub const PATH: &str = "path";
/// Changes of one extension at once, and how many more come with each second: phones that all come back after a power
/// cut stay far below, one that renews in a loop does not fill the disk.
const MOST_CHANGES: f64 = 100.0;
const CHANGES_A_SECOND: f64 = 1.0;
/// Seconds after which a phone that changes too often may try again.
const RETRY_AFTER_S: u32 = 30;

/// How long registrations last.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Shortest, in seconds; a shorter wish is answered 423 (section 10.3 step 7). Default 60.
    pub min_s: u32,
    /// When the phone has no wish, in seconds. Default 3,600.
    pub default_s: u32,
    /// Longest, in seconds. Default 7,200.
    pub max_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { min_s: 60, default_s: 3_600, max_s: 7_200 }
    }
}

/// One phone of one extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The extension.
    pub user: String,
    /// The Contact, as the phone gave it, with the number of its flow.
    pub contact: String,
    /// `UDP`, `TCP` or `TLS`.
    pub transport: String,
    /// Our address that the REGISTER came to.
    pub local: SocketAddr,
    /// The address that it came from.
    pub peer: SocketAddr,
    /// The connection that it came over; 0 for datagrams, and for all after a restart.
    #[serde(skip)]
    pub connection: u64,
    /// Until when.
    pub expires: UnixTime,
    /// Call-ID of the registration.
    pub call_id: String,
    /// Its CSeq.
    pub cseq: u32,
    /// The phone's User-Agent.
    #[serde(default)]
    pub user_agent: String,
    /// `+sip.instance` (RFC 5626): the phone's own name, which stays when its address changes.
    #[serde(default)]
    pub instance: Option<String>,
    /// Preference in thousandths, higher first (`q`).
    #[serde(default)]
    pub preference: u16,
    /// The proxies between us and the phone, the nearest first (`Path`, RFC 3327).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// Which of the phone's flows this is (`reg-id`, RFC 5626); nothing for a phone that has one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reg_id: Option<u32>,
}

impl Binding {
    /// Where calls to this phone go: back along the way that its REGISTER came, which works behind address translation
    /// and over connections that only the phone can open.
    pub fn flow(&self) -> Flow {
        Flow {
            transport: Transport::parse(&self.transport).unwrap_or(Transport::Udp),
            local: self.local,
            peer: self.peer,
            connection: ConnectionId(self.connection),
        }
    }

    /// As [`Self::flow`], for requests.
    pub fn route(&self) -> Route {
        Route::Flow(self.flow())
    }

    /// The Request-URI for calls to this phone.
    pub fn uri(&self) -> Option<Uri> {
        NameAddr::parse(&self.contact).ok().map(|contact| contact.uri)
    }

    /// A request to this phone, without its Via. The proxies on the way become its route set (RFC 3327 section 5.3); it
    /// leaves along [`Self::flow`] all the same. The Path only tells whoever sent the REGISTER where to pass it on: we
    /// look none of its names up and send nothing there, so that no phone can make us send to somebody else.
    pub fn request(&self, method: Method) -> Option<Request> {
        let mut request = Request::new(method, self.uri()?);
        self.push_routes(&mut request.headers);
        Some(request)
    }

    /// Adds the proxies on the way, as [`Self::request`] does.
    pub fn push_routes(&self, headers: &mut Headers) {
        for hop in &self.path {
            // It was read from a header once: it holds no line break.
            let _ = headers.push("Route", hop.clone());
        }
    }
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // a change is moved once, from here to whoever keeps it
pub enum Change {
    /// A phone registered or renewed its registration.
    Bound(Binding),
    /// A phone is gone.
    Unbound {
        /// The extension.
        user: String,
        /// The Contact.
        contact: String,
    },
}

/// The answer to a REGISTER and what it changed.
#[derive(Debug)]
pub struct Outcome {
    /// To send once the changes are kept.
    pub response: Response,
    /// To keep.
    pub changes: Vec<Change>,
}

/// Every binding.
#[derive(Debug)]
pub struct Registrar {
    settings: Settings,
    bindings: BTreeMap<String, Vec<Binding>>,
    /// No binding expires before this. It may be too early, for a refresh moves a binding and not this; so it costs no
    /// walk over every phone with every packet.
    soonest: Option<UnixTime>,
    expired: VecDeque<Change>,
    paces: BTreeMap<String, Pace>,
}

/// How many changes an extension has left.
#[derive(Debug, Clone, Copy)]
struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * CHANGES_A_SECOND).min(MOST_CHANGES);
        self.at = now;
        let taken = self.left >= 1.0;
        self.left -= f64::from(u8::from(taken));
        taken
    }
}

/// What one Contact of a REGISTER asks for.
struct Wish {
    contact: NameAddr,
    seconds: u32,
}

impl Registrar {
    /// Nobody registered.
    pub fn new(settings: Settings) -> Self {
        Registrar {
            settings,
            bindings: BTreeMap::new(),
            soonest: None,
            expired: VecDeque::new(),
            paces: BTreeMap::new(),
        }
    }

    /// Carries out a REGISTER for `user`, which has come over `flow`.
    pub fn handle(&mut self, now: Now, user: &str, request: &Request, flow: Flow) -> Outcome {
        let refused =
            |status| Outcome { response: Response::to(request, status), changes: Vec::new() };
        let (Ok(call_id), Ok(cseq)) = (request.call_id(), request.cseq()) else {
            return refused(Status::BAD_REQUEST);
        };
        if call_id.len() > MAX_CALL_ID {
            return refused(Status::BAD_REQUEST);
        }
        let path = match path(request) {
            Ok(path) => path,
            Err(Status::BAD_EXTENSION) => return unknown_to_the_phone(request),
            Err(status) => return refused(status),
        };
        let wishes = match self.wishes(request) {
            Ok(wishes) => wishes,
            Err(Status::INTERVAL_TOO_BRIEF) => return self.too_brief(request),
            Err(status) => return refused(status),
        };
        let contacts = wishes.iter().flatten().map(|wish| wish.contact.clone());
        let reg_id = match outbound::flow_number(request, &contacts.collect::<Vec<_>>()) {
            Ok(reg_id) => reg_id,
            Err(status) => return refused(status),
        };
        let order = Order { call_id: call_id.to_owned(), cseq: cseq.number, path, reg_id };
        if self.is_stale(user, &wishes, &order) {
            return refused(Status::SERVER_INTERNAL_ERROR);
        }
        let changes_something = wishes.as_ref().is_none_or(|wishes| !wishes.is_empty());
        if changes_something && !self.is_in_pace(now, user) {
            let mut response = Response::to(request, Status::SERVICE_UNAVAILABLE);
            // Digits hold no line break.
            let _ = response.headers.push("Retry-After", RETRY_AFTER_S.to_string());
            return Outcome { response, changes: Vec::new() };
        }
        let changes = match wishes {
            None => self.unbind_all(user),
            Some(wishes) => match self.bind(now, user, wishes, request, flow, &order) {
                Ok(changes) => changes,
                Err(status) => return refused(status),
            },
        };
        let mut response = self.listing(now, user, request);
        for hop in &order.path {
            // It was read from a header: it holds no line break.
            let _ = response.headers.push("Path", hop.clone());
        }
        if order.reg_id.is_some() {
            outbound::confirm(&mut response, &flow, !order.path.is_empty());
        }
        Outcome { response, changes }
    }

    fn is_in_pace(&mut self, now: Now, user: &str) -> bool {
        let whole = Pace { left: MOST_CHANGES, at: now.instant };
        self.paces.entry(user.to_owned()).or_insert(whole).take(now.instant)
    }

    /// What the Contacts ask for; nothing stands for `*`, which takes everything back.
    fn wishes(&self, request: &Request) -> Result<Option<Vec<Wish>>, Status> {
        let header = request.expires();
        if request.headers.contact_is_wildcard() {
            // Section 10.3 step 6: the wildcard goes alone and with Expires 0.
            let alone = request.headers.all("Contact").count() == 1;
            return if alone && header == Some(0) { Ok(None) } else { Err(Status::BAD_REQUEST) };
        }
        let contacts = request.contacts().map_err(|_| Status::BAD_REQUEST)?;
        if contacts.len() > MAX_CONTACTS {
            return Err(Status::FORBIDDEN);
        }
        let wish = |contact: NameAddr| {
            let too_long = contact.uri.to_string().len() > MAX_CONTACT
                || instance(&contact).is_some_and(|instance| instance.len() > MAX_INSTANCE);
            if too_long {
                return Err(Status::BAD_REQUEST);
            }
            let own = contact.params.get("expires").and_then(|text| text.parse().ok());
            let seconds: u32 = own.or(header).unwrap_or(self.settings.default_s);
            match seconds {
                0 => Ok(Wish { contact, seconds }),
                seconds if seconds < self.settings.min_s => Err(Status::INTERVAL_TOO_BRIEF),
                seconds => Ok(Wish { contact, seconds: seconds.min(self.settings.max_s) }),
            }
        };
        contacts.into_iter().map(wish).collect::<Result<_, _>>().map(Some)
    }

    fn too_brief(&self, request: &Request) -> Outcome {
        let mut response = Response::to(request, Status::INTERVAL_TOO_BRIEF);
        // Digits hold no line break.
        let _ = response.headers.push("Min-Expires", self.settings.min_s.to_string());
        Outcome { response, changes: Vec::new() }
    }

    /// Section 10.3 steps 6 and 7: an older request of the same registration changes nothing.
    fn is_stale(&self, user: &str, wishes: &Option<Vec<Wish>>, order: &Order) -> bool {
        let bindings = self.bindings.get(user).map(Vec::as_slice).unwrap_or_default();
        let concerned = |binding: &&Binding| match wishes {
            None => true,
            Some(wishes) => wishes.iter().any(|wish| is_same(binding, &wish.contact, order.reg_id)),
        };
        bindings
            .iter()
            .filter(concerned)
            .any(|binding| binding.call_id == order.call_id && order.cseq <= binding.cseq)
    }

    fn unbind_all(&mut self, user: &str) -> Vec<Change> {
        self.bindings.remove(user).unwrap_or_default().into_iter().map(unbound).collect()
    }

    fn bind(
        &mut self,
        now: Now,
        user: &str,
        wishes: Vec<Wish>,
        request: &Request,
        flow: Flow,
        order: &Order,
    ) -> Result<Vec<Change>, Status> {
        let bindings = self.bindings.entry(user.to_owned()).or_default();
        let mut after = bindings.clone();
        let mut changes = Vec::new();
        for wish in wishes {
            let (replaced, kept): (Vec<_>, Vec<_>) = after
                .into_iter()
                .partition(|binding| is_same(binding, &wish.contact, order.reg_id));
            after = kept;
            let binding =
                (wish.seconds > 0).then(|| binding_of(now, user, &wish, request, flow, order));
            // A change names a Contact as it was kept, which may be written in another way than the one that ends it.
            let ended = replaced.into_iter().filter(|old| {
                binding.as_ref().is_none_or(|binding| binding.contact != old.contact)
            });
            changes.extend(ended.map(unbound));
            changes.extend(binding.clone().map(Change::Bound));
            after.extend(binding);
        }
        if after.len() > MAX_CONTACTS {
            return Err(Status::FORBIDDEN);
        }
        // An extension has one phone, as a rule, and a list would keep room for four.
        after.shrink_to_fit();
        let soonest = after.iter().map(|binding| binding.expires);
        self.soonest = self.soonest.into_iter().chain(soonest).min();
        *bindings = after;
        if bindings.is_empty() {
            self.bindings.remove(user);
        }
        Ok(changes)
    }

    /// Section 10.3 step 8: a 200 lists every binding with the time it has left.
    fn listing(&self, now: Now, user: &str, request: &Request) -> Response {
        let mut response = Response::to(request, Status::OK);
        for binding in self.flows(now, user) {
            let left = binding.expires.since(now.unix).as_secs();
            let Ok(mut contact) = NameAddr::parse(&binding.contact) else { continue };
            contact.params.set("expires", Some(&left.to_string()));
            if let (Some(_), Some(instance)) = (binding.reg_id, &binding.instance) {
                contact.params.set("+sip.instance", Some(&format!("\"{instance}\"")));
            }
            // It was read from a header once: it holds no line break.
            let _ = response.headers.push("Contact", contact.to_string());
        }
        response
    }

    /// The phones of an extension: the preferred first, then the newest. Of a phone with several flows the newest, for no
    /// phone is to ring twice (RFC 5626 section 6).
    pub fn contacts(&self, now: Now, user: &str) -> Vec<&Binding> {
        let mut flows = self.flows(now, user);
        let mut seen = Vec::new();
        flows.retain(|binding| match (&binding.instance, binding.reg_id) {
            (Some(phone), Some(_)) if seen.contains(phone) => false,
            (Some(phone), Some(_)) => {
                seen.push(phone.clone());
                true
            }
            _ => true,
        });
        flows
    }

    /// The other flows of a phone, for when this one fails: the newest first.
    pub fn other_flows(&self, now: Now, one: &Binding) -> Vec<&Binding> {
        let mut flows = self.flows(now, &one.user);
        let phone = one.instance.as_ref().filter(|_| one.reg_id.is_some());
        flows.retain(|other| {
            phone.is_some() && other.instance.as_ref() == phone && other.reg_id != one.reg_id
        });
        flows
    }

    /// Every way to the phones of an extension, in the order of [`Self::contacts`].
    pub fn flows(&self, now: Now, user: &str) -> Vec<&Binding> {
        let mut live: Vec<_> = self
            .bindings
            .get(user)
            .into_iter()
            .flatten()
            .filter(|binding| binding.expires > now.unix)
            .collect();
        live.reverse();
        live.sort_by_key(|binding| std::cmp::Reverse(binding.preference));
        live
    }

    /// Takes up a binding that was kept before a restart. Its connection, if it had one, is gone.
    pub fn restore(&mut self, binding: Binding) {
        let bindings = self.bindings.entry(binding.user.clone()).or_default();
        bindings.retain(|known| known.contact != binding.contact);
        if bindings.len() < MAX_CONTACTS {
            self.soonest = self.soonest.into_iter().chain([binding.expires]).min();
            bindings.reserve_exact(1);
            bindings.push(binding);
        }
    }

    /// A connection is gone, and with it the way to the phones that registered over it (RFC 5626 section 5.3).
    pub fn handle_closed(&mut self, connection: ConnectionId) {
        let gone = |binding: &Binding| binding.connection == connection.0;
        for bindings in self.bindings.values_mut() {
            self.expired.extend(bindings.iter().filter(|b| gone(b)).cloned().map(unbound));
            bindings.retain(|binding| !gone(binding));
        }
        self.bindings.retain(|_, bindings| !bindings.is_empty());
    }

    /// Forgets what has expired.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.soonest.is_none_or(|soonest| soonest > now.unix) {
            return;
        }
        for bindings in self.bindings.values_mut() {
            self.expired
                .extend(bindings.iter().filter(|b| b.expires <= now.unix).cloned().map(unbound));
            bindings.retain(|binding| binding.expires > now.unix);
        }
        self.bindings.retain(|_, bindings| !bindings.is_empty());
        self.soonest = self.bindings.values().flatten().map(|binding| binding.expires).min();
    }

    /// When the next binding may expire.
    pub fn deadline(&self, now: Now) -> Option<Instant> {
        let next = self.soonest?;
        // A second late is early enough: calls look at the time themselves.
        Some(now.instant + next.since(now.unix) + Duration::from_secs(1))
    }

    /// The next binding that was lost by itself.
    pub fn poll_output(&mut self) -> Option<Change> {
        self.expired.pop_front()
    }

    /// Every extension that has a phone, with its phones.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Binding])> {
        self.bindings.iter().map(|(user, bindings)| (user.as_str(), bindings.as_slice()))
    }
}

/// What a REGISTER says of all its Contacts alike.
struct Order {
    call_id: String,
    cseq: u32,
    path: Vec<String>,
    /// The number of the flow.
    reg_id: Option<u32>,
}

/// The proxies that a REGISTER came through. RFC 3327 section 5.3: 420 where the phone does not say that it knows of
/// Path, for then it cannot see that a proxy has put itself between. Section 4: each hop is a loose router.
fn path(request: &Request) -> Result<Vec<String>, Status> {
    let hops = request.headers.addresses("Path").map_err(|_| Status::BAD_REQUEST)?;
    if hops.is_empty() {
        return Ok(Vec::new());
    }
    if !request.headers.lists("Supported", PATH) {
        return Err(Status::BAD_EXTENSION);
    }
    let is_loose = |hop: &NameAddr| {
        matches!(hop.uri.scheme, Scheme::Sip | Scheme::Sips) && hop.uri.params.has("lr")
    };
    let written: Vec<_> = hops.iter().map(NameAddr::to_string).collect();
    let bytes: usize = written.iter().map(String::len).sum();
    let fits = written.len() <= MAX_PATH && bytes <= MAX_PATH_BYTES;
    if fits && hops.iter().all(is_loose) { Ok(written) } else { Err(Status::BAD_REQUEST) }
}

fn unknown_to_the_phone(request: &Request) -> Outcome {
    let mut response = Response::to(request, Status::BAD_EXTENSION);
    // A constant without line breaks.
    let _ = response.headers.push("Unsupported", PATH);
    Outcome { response, changes: Vec::new() }
}

fn binding_of(
    now: Now,
    user: &str,
    wish: &Wish,
    request: &Request,
    flow: Flow,
    order: &Order,
) -> Binding {
    let mut contact = NameAddr::new(wish.contact.uri.clone());
    if let Some(number) = order.reg_id {
        // Two flows of one phone may give the same address; both are kept.
        contact.params.set(outbound::REG_ID, Some(&number.to_string()));
    }
    let q: f32 = wish.contact.params.get("q").and_then(|q| q.parse().ok()).unwrap_or(1.0);
    Binding {
        user: user.to_owned(),
        contact: contact.to_string(),
        transport: flow.transport.as_str().to_owned(),
        local: flow.local,
        peer: flow.peer,
        connection: flow.connection.0,
        expires: now.unix + Duration::from_secs(wish.seconds.into()),
        call_id: order.call_id.clone(),
        cseq: order.cseq,
        user_agent: request
            .headers
            .get("User-Agent")
            .unwrap_or_default()
            .chars()
            .take(80)
            .collect(),
        instance: instance(&wish.contact),
        preference: (q.clamp(0.0, 1.0) * 1_000.0) as u16,
        path: order.path.clone(),
        reg_id: order.reg_id,
    }
}

/// The same phone: the same instance, or an equivalent Contact (section 19.1.4). Of a phone with several flows, the same
/// flow, whatever its Contact (RFC 5626 section 6).
fn is_same(binding: &Binding, contact: &NameAddr, reg_id: Option<u32>) -> bool {
    let given = instance(contact);
    if reg_id.is_some() && binding.reg_id.is_some() {
        return given == binding.instance && reg_id == binding.reg_id;
    }
    if given.is_some() && given == binding.instance {
        return true;
    }
    binding.uri().is_some_and(|uri| uri.equivalent(&contact.uri))
}

fn instance(contact: &NameAddr) -> Option<String> {
    contact.params.unquoted("+sip.instance")
}

fn unbound(binding: Binding) -> Change {
    Change::Unbound { user: binding.user, contact: binding.contact }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
