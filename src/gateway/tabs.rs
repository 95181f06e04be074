//! Agents' pages as telephones: what rings for an agent's extension rings in each of the agent's pages too.
//!
//! A page has sessions as a phone has, but they are not SIP's: each has an id of a range of its own, and where SIP would be
//! told something the page is. A page that is gone takes what rings along; what is up waits a while for the next page.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::agent::desk::{Caller, FromPage, PageId, Relay, State, ToPage, Up};
use crate::call::ending::Cause;
use crate::call::plan::{Asked, Destination, Origin};
use crate::call::record::Peer;
use crate::call::{self, Arrival, LegEvent, What};
use crate::gateway::visitors::Visitor;
use crate::gateway::{Gateway, Output, causes};
use crate::id::{AgentId, CallId, ExtensionId, LegId};
use crate::sip::endpoint::SessionId;
use crate::sip::flow::{ConnectionId, Flow};
use crate::sip::message::Transport;
use crate::sip::registrar::Binding;
use crate::sip::sdp::SessionDescription;
use crate::time::{Now, earliest};

/// Ids of pages' sessions: SIP counts from one.
const FIRST: u64 = 1 << 63;
/// The longest number that is looked at, as of a phone's.
const LONGEST_NUMBER: usize = 128;

/// How long pages have to come back to a box that was away. Longer than to one that was not: they ask every 15 seconds by
/// then, and where nobody looks at them browsers let them ask once a minute.
const AFTER_RESTART: Duration = Duration::from_secs(90);

/// A page that is open.
#[derive(Debug, Clone)]
pub struct Page {
    /// Whose it is.
    pub agent: AgentId,
    /// Where it is.
    pub from: IpAddr,
    /// Our address that it connected to.
    pub local: IpAddr,
}

/// Whose a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// An agent's, at a page of the desk.
    Agent(AgentId),
    /// A visitor's, at a page of the site: their chat knows at which.
    Visitor(Visitor),
}

#[derive(Debug)]
struct Session {
    /// The page that has it; nothing while it waits for the next.
    page: Option<PageId>,
    leg: LegId,
    whose: Whose,
    /// Whether the page has our answer.
    answered: bool,
    /// Until when it waits.
    until: Option<Instant>,
}

impl Session {
    fn is_of(&self, agent: &AgentId) -> bool {
        matches!(&self.whose, Whose::Agent(own) if own == agent)
    }
}

/// A page, and what rings there.
#[derive(Debug, Clone)]
struct Open {
    page: Page,
    extension: ExtensionId,
    /// Its session is over: what is up there goes on, and nothing else begins.
    expired: bool,
}

/// All open pages, and their sessions.
#[derive(Debug, Default)]
pub(super) struct Tabs {
    pages: BTreeMap<PageId, Open>,
    /// When pages are told of new passwords for relays, the same one after another.
    renewals: VecDeque<(Instant, PageId)>,
    sessions: BTreeMap<SessionId, Session>,
    minted: u64,
}

/// Whether a session is a page's.
pub(super) fn is_page(session: SessionId) -> bool {
    session.0 >= FIRST
}

/// Whether there is a way to a phone that began before a restart: to a browser (RFC 7118) there is none but its own.
fn can_be_called(phone: &Binding) -> bool {
    Transport::parse(&phone.transport)
        .is_some_and(|own| !matches!(own, Transport::Ws | Transport::Wss))
}

impl Tabs {
    /// Whether no page has a call.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// When somebody has waited long enough.
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.sessions.values().filter_map(|session| session.until).min();
        earliest(waiting, self.renewals.front().map(|(due, _)| *due))
    }

    fn open(&mut self, page: PageId, agent: AgentId, leg: LegId) -> SessionId {
        self.open_for(Whose::Agent(agent), Some(page), leg)
    }

    /// A new session.
    pub fn open_for(&mut self, whose: Whose, page: Option<PageId>, leg: LegId) -> SessionId {
        self.minted += 1;
        let id = SessionId(FIRST + self.minted);
        let session = Session { page, leg, whose, answered: false, until: None };
        self.sessions.insert(id, session);
        id
    }

    /// The session that a page has on a leg.
    fn of(&self, page: PageId, leg: LegId) -> Option<SessionId> {
        let own = |session: &Session| session.page == Some(page) && session.leg == leg;
        self.sessions.iter().find(|(_, session)| own(session)).map(|(id, _)| *id)
    }

    /// The session of a visitor's, and its leg.
    pub fn of_visitor(&self, visitor: &Visitor) -> Option<(SessionId, LegId)> {
        let own =
            |session: &Session| matches!(&session.whose, Whose::Visitor(own) if own == visitor);
        let found = self.sessions.iter().find(|(_, session)| own(session));
        found.map(|(id, session)| (*id, session.leg))
    }

    /// Whose session is on a leg.
    pub fn whose(&self, leg: LegId) -> Option<&Whose> {
        let found = self.sessions.values().find(|session| session.leg == leg);
        found.map(|session| &session.whose)
    }

    /// A session is on this leg.
    pub fn put_on(&mut self, session: SessionId, leg: LegId) {
        self.sessions.get_mut(&session).into_iter().for_each(|session| session.leg = leg);
    }

    /// Until when a session waits for its page; nothing: it is there.
    pub fn await_until(&mut self, session: SessionId, until: Option<Instant>) {
        self.sessions.get_mut(&session).into_iter().for_each(|session| session.until = until);
    }

    /// Whether a page of an agent's is open.
    pub fn has(&self, agent: &AgentId) -> bool {
        self.pages.values().any(|open| open.page.agent == *agent && !open.expired)
    }

    /// The pages in which an extension rings, and the addresses of theirs and ours.
    pub fn at(&self, extension: &ExtensionId) -> Vec<(PageId, Page)> {
        let own = |open: &Open| !open.expired && open.extension == *extension;
        let own = self.pages.iter().filter(|(_, open)| own(open));
        own.map(|(id, open)| (*id, open.page.clone())).collect()
    }

    /// The agent's pages besides one.
    fn others(&self, agent: &AgentId, besides: Option<PageId>) -> Vec<PageId> {
        let own = |(id, open): &(&PageId, &Open)| {
            open.page.agent == *agent && Some(**id) != besides && !open.expired
        };
        self.pages.iter().filter(own).map(|(id, _)| *id).collect()
    }

    /// The page that somebody can do something with.
    fn good(&self, page: PageId) -> Option<&Open> {
        self.pages.get(&page).filter(|open| !open.expired)
    }
}

/// Pages.
impl Gateway {
    /// A page of an agent's is open.
    pub fn handle_page_opened(&mut self, now: Now, id: PageId, page: Page) {
        let found = self.settings.agents.iter().find(|agent| agent.id == page.agent);
        let Some(extension) = found.map(|agent| agent.extension.clone()) else {
            self.tell_page(
                id,
                ToPage::Problem {
                    leg: None,
                    detail: "this user is no agent of the branch: nothing rings here".to_owned(),
                },
            );
            return self.settle(now);
        };
        let waiting = self
            .tabs
            .sessions
            .values()
            .filter(|session| session.is_of(&page.agent) && session.page.is_none());
        let up = |session: &Session| {
            Some(Up { leg: session.leg, call: self.calls.call_of(session.leg)? })
        };
        let calls = waiting.filter_map(up).collect();
        let position = self.hot_desks.phones_of(&extension).next().cloned();
        let agent = page.agent.clone();
        let own = Open { page, extension: extension.clone(), expired: false };
        self.tabs.pages.insert(id, own);
        let back = self.roster.handle_back(&agent);
        self.tell_roster(back);
        let relays = self.relays_for(now, id);
        self.tell_page(id, ToPage::Welcome { agent, extension, position, calls, relays });
        self.settle(now);
    }

    /// What a page may use that is open; it is told anew before that is over.
    fn relays_for(&mut self, now: Now, id: PageId) -> Vec<Relay> {
        let Some(Open { page, .. }) = self.tabs.pages.get(&id) else { return Vec::new() };
        if let Some(renewal) = self.relays.renewal() {
            self.tabs.renewals.push_back((now.instant + renewal, id));
        }
        self.relays.for_page(now.unix, page.agent.as_str())
    }

    fn renew_relays(&mut self, now: Now) {
        while let Some((_, id)) = self.tabs.renewals.pop_front_if(|(due, _)| *due <= now.instant) {
            if self.tabs.pages.contains_key(&id) {
                let relays = self.relays_for(now, id);
                self.tell_page(id, ToPage::Relays { relays });
            }
        }
    }

    /// A page is gone: what rings there goes back to where it came from, what is up waits.
    pub fn handle_page_closed(&mut self, now: Now, id: PageId) {
        let Some(open) = self.tabs.pages.remove(&id) else { return };
        self.tabs.renewals.retain(|(_, page)| *page != id);
        self.rings_no_more(now, id, &open);
        let until = now.instant + self.resume_time();
        let mut lost = Vec::new();
        for session in self.tabs.sessions.values_mut().filter(|own| own.page == Some(id)) {
            (session.page, session.until) = (None, Some(until));
            lost.push(session.leg);
        }
        for other in self.tabs.others(&open.page.agent, None) {
            for leg in &lost {
                if let Some(call) = self.calls.call_of(*leg) {
                    self.tell_page(other, ToPage::Lost { leg: *leg, call });
                }
            }
        }
        self.settle(now);
    }

    /// The session of whoever is at a page is over: what is up there goes on until it ends, or is resumed by somebody who
    /// has signed in again. A caller is not to suffer from how long a session lasts.
    pub fn handle_page_expired(&mut self, now: Now, id: PageId) {
        let Some(open) = self.tabs.pages.get_mut(&id) else { return };
        open.expired = true;
        let open = open.clone();
        self.rings_no_more(now, id, &open);
        self.tell_page(id, ToPage::Expired);
        self.may_be_over(id);
        self.settle(now);
    }

    /// What rings in a page goes back to where it came from. An agent with nothing else that rings is offered nothing for
    /// the time that a page has to come back: whoever loads it anew has missed no call.
    fn rings_no_more(&mut self, now: Now, id: PageId, open: &Open) {
        let extension = &open.extension;
        if self.tabs.at(extension).is_empty() && self.phones_of(now, extension).is_empty() {
            let away = self.roster.handle_away(&open.page.agent, now.instant + self.resume_time());
            self.tell_roster(away);
            self.settle(now);
        }
        let rings = |(id, session): &(&SessionId, &Session)| {
            self.legs.get(session.leg).is_none_or(|leg| leg.chosen != Some(**id))
        };
        let own = self.tabs.sessions.iter().filter(|(_, session)| session.page == Some(id));
        let own: Vec<_> = own.filter(rings).map(|(session, _)| *session).collect();
        own.into_iter().for_each(|own| self.page_session_over(now, own, Cause::Unreachable));
    }

    /// After a restart: whoever has no phone but those in browsers, which all have lost their connection, is offered nothing
    /// until one of them is back.
    pub(super) fn await_page(&mut self, now: Now, agent: &AgentId) {
        let Some(own) = self.roster.settings(agent) else { return };
        let phones = self.phones_of(now, &own.extension);
        if phones.iter().all(|phone| !can_be_called(phone)) {
            let until = now.instant + self.resume_time().max(AFTER_RESTART);
            let away = self.roster.handle_away(agent, until);
            self.tell_roster(away);
        }
    }

    /// A phone is there: agents at whom it rings are offered what there is.
    pub(super) fn rings_again(&mut self, phone: &ExtensionId) {
        for agent in self.agents_at(self.hot_desks.person_at(phone)) {
            let back = self.roster.handle_back(&agent);
            self.tell_roster(back);
        }
    }

    /// How long a page has to come back.
    pub(super) fn resume_time(&self) -> Duration {
        Duration::from_secs(self.settings.web.resume_s.into())
    }

    /// A page whose session is over ends with the last that was up there.
    fn may_be_over(&mut self, page: PageId) {
        let expired = self.tabs.pages.get(&page).is_some_and(|open| open.expired);
        if expired && self.tabs.sessions.values().all(|session| session.page != Some(page)) {
            self.tell_page(page, ToPage::Over);
        }
    }

    /// A page says something.
    pub fn handle_page(&mut self, now: Now, id: PageId, said: FromPage) {
        let always = matches!(said, FromPage::Hangup { .. } | FromPage::Ask);
        if !always && self.tabs.pages.get(&id).is_some_and(|open| open.expired) {
            let detail = "the session is over: sign in again".to_owned();
            self.tell_page(id, ToPage::Problem { leg: None, detail });
        } else if self.tabs.pages.contains_key(&id) {
            match said {
                FromPage::Answer { leg, sdp } => self.answer_in_page(now, id, leg, &sdp),
                FromPage::Decline { leg } => self.decline_in_page(now, id, leg),
                FromPage::Dial { number, sdp } => self.dial_in_page(now, id, &number, &sdp),
                FromPage::Resume { leg, sdp } => {
                    self.resume_in_page(now, id, leg, sdp.as_deref());
                }
                FromPage::Hangup { leg } => match self.tabs.of(id, leg) {
                    Some(session) => self.end_in_page(now, session, Cause::Completed),
                    None => self.no_such_call(id, leg),
                },
                FromPage::Ask => self.tell_page(id, ToPage::Here),
            }
        }
        self.settle(now);
    }

    /// Calls whose page has not come back are over.
    pub(super) fn pages_time_out(&mut self, now: Now) {
        self.renew_relays(now);
        let due = |session: &Session| session.until.is_some_and(|until| until <= now.instant);
        let all = self.tabs.sessions.iter().filter(|(_, session)| due(session));
        let due: Vec<_> = all.map(|(id, _)| *id).collect();
        for session in due {
            // A visitor's other pages know that it waits.
            self.say_ended(session, Cause::ConnectionLost);
            self.page_session_over(now, session, Cause::ConnectionLost);
        }
    }

    fn tell_page(&mut self, page: PageId, what: ToPage) {
        self.outputs.push_back(Output::Page(page, Box::new(what)));
    }

    fn tell_session(&mut self, session: SessionId, what: impl FnOnce(LegId) -> ToPage) {
        let Some(session) = self.tabs.sessions.get(&session) else { return };
        let (leg, page) = (session.leg, session.page);
        match session.whose.clone() {
            Whose::Agent(_) => {
                if let Some(page) = page {
                    self.tell_page(page, what(leg));
                }
            }
            Whose::Visitor(visitor) => self.tell_visitor_as_page(visitor, leg, what(leg)),
        }
    }

    fn no_such_call(&mut self, page: PageId, leg: LegId) {
        let detail = "that call is not this page's, or is over".to_owned();
        self.tell_page(page, ToPage::Problem { leg: Some(leg), detail });
    }

    /// The page's offer; nothing if it is none of a browser's, which the page is told.
    fn offer_of_page(
        &mut self,
        page: PageId,
        leg: Option<LegId>,
        sdp: &str,
    ) -> Option<SessionDescription> {
        let offer = SessionDescription::parse(sdp.as_bytes()).ok();
        let offer = offer.filter(|offer| offer.secured_audio().is_some());
        if offer.is_none() {
            let detail = "that is no description of a browser's sound".to_owned();
            self.tell_page(page, ToPage::Problem { leg, detail });
        }
        offer
    }

    /// Whoever rings for this leg rings in this page too.
    pub(super) fn ring_page(&mut self, call: CallId, leg: LegId, id: PageId, page: &Page) {
        let session = self.tabs.open(id, page.agent.clone(), leg);
        self.legs.add_session(leg, session, page.from);
        let number = self.calls.numbers(call).map_or("anonymous", |(from, _)| from).to_owned();
        let name = self.calls.name(call).map(str::to_owned);
        let queue = self.calls.queue(call).cloned();
        let caller = Caller { number, name };
        self.tell_page(id, ToPage::Ring { leg, call, queue, caller });
    }

    fn answer_in_page(&mut self, now: Now, id: PageId, leg: LegId, sdp: &str) {
        let Some(session) = self.tabs.of(id, leg) else { return self.no_such_call(id, leg) };
        let Some(offer) = self.offer_of_page(id, Some(leg), sdp) else { return };
        let Some(own) = self.legs.get_mut(leg).filter(|own| own.chosen.is_none()) else { return };
        own.chosen = Some(session);
        own.theirs = Some(offer);
        let losers: Vec<_> =
            own.sessions.iter().copied().filter(|other| *other != session).collect();
        losers.into_iter().for_each(|loser| self.answered_elsewhere(now, loser));
        self.leg_changed(leg);
        let caller = self.calls.call_of(leg).and_then(|call| self.calls.caller(call));
        let caller = caller.filter(|caller| *caller != leg);
        match self.describe_answer(now, leg, caller) {
            Some(ours) => {
                self.answer_page(leg, session, &ours);
                self.calls.handle_leg(now, leg, LegEvent::Answered);
            }
            None => {
                let detail = "this browser and the box share no codec".to_owned();
                self.tell_page(id, ToPage::Problem { leg: Some(leg), detail });
                self.page_session_over(now, session, Cause::MediaRefused);
            }
        }
    }

    /// No page of the agent's wants it.
    fn decline_in_page(&mut self, now: Now, id: PageId, leg: LegId) {
        if self.tabs.of(id, leg).is_none() {
            return self.no_such_call(id, leg);
        }
        let rings = self.legs.get(leg).is_some_and(|own| own.chosen.is_none());
        let all = self.tabs.sessions.iter().filter(|(_, session)| session.leg == leg && rings);
        let all: Vec<_> = all.map(|(session, _)| *session).collect();
        for session in all {
            self.tell_session(session, |leg| ToPage::Stop { leg, why: Cause::Declined.name() });
            self.page_session_over(now, session, Cause::Declined);
        }
    }

    fn dial_in_page(&mut self, now: Now, id: PageId, number: &str, sdp: &str) {
        let Some(offer) = self.offer_of_page(id, None, sdp) else { return };
        let Some(Open { page, extension, .. }) = self.tabs.good(id).cloned() else { return };
        let number: String = number.chars().filter(|c| !c.is_whitespace()).collect();
        let origin = Origin::Extension(extension.clone());
        let asked = Asked { dialled: &number, from: origin.clone(), unix: now.unix };
        let destination = self.plan.decide(&asked).destination;
        let help = match &destination {
            Destination::Emergency { number, .. } => Some(number.clone()),
            _ => None,
        };
        let peer = Peer::Extension(extension.clone());
        let flow = Flow {
            transport: Transport::Wss,
            local: SocketAddr::new(page.local, 0),
            peer: SocketAddr::new(page.from, 0),
            connection: ConnectionId(0),
        };
        let good = (1..=LONGEST_NUMBER).contains(&number.len());
        let late = help.is_none() && !self.lateness.admit(now.instant);
        if !good || late || self.too_many(now, &peer, &destination, (None, flow)).is_some() {
            let detail = match good {
                true => "no new call at this moment: too much is going on".to_owned(),
                false => format!("a number has 1 to {LONGEST_NUMBER} characters"),
            };
            return self.tell_page(id, ToPage::Problem { leg: None, detail });
        }
        // The id of the leg is not known before the session's, and the other way round.
        let session = self.tabs.open(id, page.agent, LegId(0));
        let leg = self.caller_leg(session, &peer, Some(offer), flow, help.is_some());
        self.tabs.put_on(session, leg);
        if let Destination::Conference(conference) = &destination {
            let thread = self.thread_for(conference);
            self.legs.get_mut(leg).into_iter().for_each(|leg| leg.thread = thread);
        }
        if let Some(own) = self.legs.get_mut(leg) {
            own.account = Some(extension.clone());
        }
        let call = CallId(self.random.bits());
        tracing::info!(%call, from = %peer, help = help.is_some(), "a call has arrived from a page");
        if let Some(number) = help {
            self.called_for_help(now, call, extension.clone(), number, (page.from, true));
        }
        let (from, to) = (extension.to_string(), number);
        let arrival = Arrival {
            call,
            leg,
            peer,
            origin,
            from,
            name: None,
            to,
            diverted_by: None,
            destination,
        };
        self.calls.handle_arrived(now, arrival);
    }

    /// A call that is up goes on in this page: it has lost its own, or its network, or is wanted here.
    fn resume_in_page(&mut self, now: Now, id: PageId, leg: LegId, sdp: Option<&str>) {
        let Some(Open { page, .. }) = self.tabs.good(id).cloned() else { return };
        let Some(session) = self.up_at(&page.agent, leg) else {
            return self.no_such_call(id, leg);
        };
        let offer = match sdp {
            Some(sdp) => match self.offer_of_page(id, Some(leg), sdp) {
                Some(offer) => Some(offer),
                None => return,
            },
            None => None,
        };
        let Some(own) = self.tabs.sessions.get_mut(&session) else { return };
        let before = own.page.replace(id).filter(|before| *before != id);
        own.until = None;
        let mut others = self.tabs.others(&page.agent, Some(id));
        others.extend(before.filter(|before| !others.contains(before)));
        for other in others {
            self.tell_page(other, ToPage::Stop { leg, why: "elsewhere".to_owned() });
        }
        before.into_iter().for_each(|before| self.may_be_over(before));
        if !self.goes_on_at(now, (leg, session), offer, (page.from, page.local)) {
            let detail = "the call cannot go on as this browser wants it".to_owned();
            self.tell_page(id, ToPage::Problem { leg: Some(leg), detail });
        }
    }

    /// A call goes on at a page that is at the first address and came to the second. Answers whether it can.
    pub(super) fn goes_on_at(
        &mut self,
        now: Now,
        (leg, session): (LegId, SessionId),
        offer: Option<SessionDescription>,
        (from, local): (IpAddr, IpAddr),
    ) -> bool {
        let is_gone = self.legs.get(leg).is_some_and(|own| self.is_gone(own.address));
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.hosts.insert(session, from);
            // The way that the page came by leads here now. Whether the address before still does is known only when the
            // box has looked again, seconds later.
            if is_gone || (offer.is_some() && !local.is_loopback()) {
                leg.address = local;
            }
        }
        let Some(offer) = offer else {
            self.talk_in_page(leg, session);
            return true;
        };
        match self.answer_again(now, leg, session, Some(offer)) {
            Some((ours, _)) => {
                self.answer_page(leg, session, &ours);
                true
            }
            None => false,
        }
    }

    /// The session that an agent has with this leg, if they have answered or dialled it in a page.
    fn up_at(&self, agent: &AgentId, leg: LegId) -> Option<SessionId> {
        let chosen = self.legs.get(leg)?.chosen?;
        let own = |session: &Session| session.leg == leg && session.is_of(agent);
        self.tabs.sessions.get(&chosen).is_some_and(own).then_some(chosen)
    }
}

/// What SIP would be told.
impl Gateway {
    /// Our answer, and that both may talk.
    pub(super) fn answer_page(
        &mut self,
        leg: LegId,
        session: SessionId,
        ours: &SessionDescription,
    ) {
        self.describe_to_page(session, ours, true);
        self.talk_in_page(leg, session);
    }

    /// Both may talk.
    pub(super) fn talk_in_page(&mut self, leg: LegId, session: SessionId) {
        let call = self.calls.call_of(leg);
        self.tell_session(session, |leg| ToPage::State {
            leg,
            call,
            state: State::Talking,
            why: None,
        });
    }

    /// Our answer alone: the caller hears what comes before anybody has answered. Once, unless it is another one.
    pub(super) fn describe_to_page(
        &mut self,
        session: SessionId,
        ours: &SessionDescription,
        again: bool,
    ) {
        let Some(known) = self.tabs.sessions.get_mut(&session) else { return };
        let told = std::mem::replace(&mut known.answered, true);
        if !told || again {
            self.tell_session(session, |leg| ToPage::Sdp { leg, sdp: ours.to_string() });
        }
    }

    /// One of two in a conversation has put the other on hold, or talks again: the other's page is told.
    pub(super) fn tell_page_of_hold(&mut self, event: &call::Event) {
        let (by, state) = match event.what {
            What::Held(by) => (by, State::Held),
            What::Resumed(by) => (by, State::Talking),
            _ => return,
        };
        let Some(leg) = self.calls.partner(by) else { return };
        let Some(session) = self.legs.get(leg).and_then(|leg| leg.chosen) else { return };
        let call = Some(event.call);
        self.tell_session(session, |leg| ToPage::State { leg, call, state, why: None });
    }

    /// The other side rings.
    pub(super) fn ring_in_page(&mut self, leg: LegId, session: SessionId) {
        let call = self.calls.call_of(leg);
        self.tell_session(session, |leg| ToPage::State {
            leg,
            call,
            state: State::Ringing,
            why: None,
        });
    }

    /// Another phone or page was faster.
    pub(super) fn answered_elsewhere(&mut self, now: Now, session: SessionId) {
        if !is_page(session) {
            return self.endpoint.hang_up(now, session, Some(super::signalling::ELSEWHERE));
        }
        self.tell_session(session, |leg| ToPage::Stop { leg, why: "elsewhere".to_owned() });
        self.tabs.sessions.remove(&session);
        self.legs.remove_session(session);
    }

    /// Ends a page's session for this reason.
    pub(super) fn end_in_page(&mut self, now: Now, session: SessionId, cause: Cause) {
        self.say_ended(session, cause);
        self.page_session_over(now, session, cause);
    }

    fn say_ended(&mut self, session: SessionId, cause: Cause) {
        let leg = self.tabs.sessions.get(&session).map(|session| session.leg);
        let chosen = leg.and_then(|leg| self.legs.get(leg)).and_then(|leg| leg.chosen);
        let (why, call) = (cause.name(), leg.and_then(|leg| self.calls.call_of(leg)));
        self.tell_session(session, |leg| match chosen == Some(session) {
            true => ToPage::State { leg, call, state: State::Ended, why: Some(why) },
            false => ToPage::Stop { leg, why },
        });
    }

    fn page_session_over(&mut self, now: Now, session: SessionId, cause: Cause) {
        let page = self.tabs.sessions.remove(&session).and_then(|session| session.page);
        page.into_iter().for_each(|page| self.may_be_over(page));
        let Some(id) = self.legs.remove_session(session) else { return };
        let Some(leg) = self.legs.get_mut(id) else { return };
        let was_chosen = leg.chosen == Some(session);
        if !was_chosen {
            leg.worst = Some(causes::more_telling(leg.worst, cause));
        }
        if was_chosen || (leg.chosen.is_none() && leg.sessions.is_empty()) {
            let cause = leg.worst.unwrap_or(cause);
            self.leg_over(now, id, cause);
        }
    }
}
