//! Carries out what the calls want: whom to ring over which way, who hears what.

use crate::call::ending::Cause;
use crate::call::record::Peer;
use crate::call::{LegEvent, Output, Saying, What};
use crate::config::settings;
use crate::gateway::legs::{Leg, Tried};
use crate::gateway::sound::Playing;
use crate::gateway::trunks::Outward;
use crate::gateway::{Gateway, browsers, desk};
use crate::id::{CallId, ChannelId, ExtensionId, LegId, TrunkId};
use crate::ivr::prompts;
use crate::sip::endpoint::{Invite, SessionId};
use crate::sip::message::Headers;
use crate::sip::outbound;
use crate::sip::registrar::Binding;
use crate::sip::sdp::SessionDescription;
use crate::sip::session::Ended;
use crate::sip::uri::{NameAddr, Uri, host_port};
use crate::time::Now;

/// How a phone is rung.
#[derive(Clone, Copy)]
struct Ring<'a> {
    extension: &'a ExtensionId,
    /// What it is offered.
    offer: &'a SessionDescription,
    /// Whether it answers by itself.
    intercom: bool,
}

impl Gateway {
    pub(super) fn calls_say(&mut self, now: Now, output: Output) {
        self.touch_said(&output);
        match output {
            Output::DialExtension { call, leg, extension, intercom } => {
                self.dial_extension(now, call, leg, extension, intercom)
            }
            Output::DialTrunk { call, leg, trunk, number, emergency, hidden, last } => {
                let wanted = Outward::new(call, trunk, number, emergency, hidden, last);
                self.dial_trunk(now, leg, wanted);
            }
            Output::Ring(leg) => self.ring(now, leg),
            Output::Early { leg, from } => self.early(now, leg, from),
            Output::Answer { leg, with } => self.answer(now, leg, with),
            Output::Refuse(leg, cause) => self.refuse(now, leg, cause),
            Output::HangUp(leg, cause) => self.hang_up(now, leg, cause),
            Output::Join(a, b) => {
                self.callback_joined(now, self.calls.call_of(a));
                self.legs_joined(a, b);
                self.bring_together(a, b);
                self.join(a, b);
                self.match_codecs(now, a, b);
                self.payments_joined(now, a, b);
                self.record_joined(now, a, b);
                self.supervisions_joined(now, a, b);
            }
            Output::Transferred(leg, failed) => self.transferred(now, leg, failed),
            Output::AskPin { call, again } => self.ask_pin(call, again),
            Output::Enter { leg, room } => {
                self.payment_left(now, leg);
                self.supervision_left(now, leg);
                self.enter(now, leg, room)
            }
            Output::Page { leg, room, speaks } => self.enter_as(now, leg, room, (speaks, !speaks)),
            Output::Music(leg) => self.music(leg, prompts::HOLD_MUSIC),
            Output::Ringback(leg) => self.ringback(leg),
            Output::Echo(leg) => self.echo(leg),
            Output::Supervise { call, leg } => self.supervisor_came(now, call, leg),
            Output::StartIvr { call, flow } => self.start_walk(now, call, &flow),
            Output::StartSurvey { call, flow, agent } => {
                self.start_survey(now, call, &flow, agent);
            }
            Output::ResumeIvr(call, cause) => self.resume_walk(now, call, cause),
            Output::EndIvr(call) => self.end_walk(call),
            Output::Visit(call, errand) => self.start_visit(now, call, errand),
            Output::Enqueue { call, queue, priority, skills, arrived } => {
                self.enqueue(now, call, queue, priority, skills, arrived);
            }
            Output::LeaveQueue(call, leaving) => self.leave_queue(now, call, leaving),
            Output::Offer(offer, agent, outcome) => self.offer_outcome(now, offer, agent, outcome),
            Output::ContactEnded(agent) => self.contact_ended(now, &agent),
            Output::Busy(extension) => self.phone_busy(&extension, true),
            Output::Idle(extension) => self.phone_busy(&extension, false),
            Output::Feature { call, feature, behind, extension } => {
                self.feature(now, call, feature, behind, &extension)
            }
            Output::Say(call, saying) => self.say(now, call, saying),
            Output::Route(call, destination) => self.route(now, call, destination),
            Output::Override(call, schedule, order) => {
                self.override_schedule(now, call, schedule, order)
            }
            Output::Parked { by, slot } => {
                self.places_changed();
                self.show_parked(now, &by, slot);
            }
            Output::Spent(spent) => self.keep_spent(now, spent),
            Output::Near(mark) => self.cap_is_near(&mark),
            Output::Happened(event) => {
                self.note_hold(&event);
                self.note_event(&event);
                self.tell_page_of_hold(&event);
                self.tell_visitor_of_answer(&event);
                if let What::TakenBy(_) = event.what {
                    self.plan_survey(now, event.call);
                }
                self.tell_call(now, &event);
                if let What::Answered(_) = event.what {
                    self.help_is_proven(now, event.call);
                }
                self.keep_call_event(now, event);
            }
            Output::Ended(record) => {
                self.supervision_over(now, record.call);
                self.call_ended(now, *record)
            }
        }
    }

    fn say(&mut self, now: Now, call: CallId, saying: Saying) {
        let Some(leg) = self.calls.caller(call) else { return };
        if saying == Saying::WhereYouAre {
            return self.say_where(now, call, leg);
        }
        let clips = self.sentence(saying);
        self.play(leg, Playing::Farewell(call), clips, false, false);
    }

    /// Rings every phone of an extension.
    fn dial_extension(
        &mut self,
        now: Now,
        call: CallId,
        id: LegId,
        extension: ExtensionId,
        intercom: bool,
    ) {
        let bindings = self.phones_of(now, &extension);
        let pages = self.tabs.at(&extension);
        let at_page = || pages.first().map(|(_, page)| page.local);
        let Some(address) = bindings.first().map(|first| first.local.ip()).or_else(at_page) else {
            return self.calls.handle_leg(now, id, LegEvent::Ended(Cause::NotRegistered));
        };
        let peer = Peer::Extension(extension.clone());
        let thread = if self.calls.is_originating(id) { self.next_thread() } else { 0 };
        self.begin_leg(call, id, Leg::new(peer, address, thread));
        let first = self.calls.is_originating(id);
        let caller = self.calls.caller(call).filter(|_| !first);
        for binding in bindings {
            let Some(offer) = self.offer_for(now, id, caller, &binding) else {
                continue;
            };
            self.ring_phone(
                now,
                call,
                id,
                &binding,
                Ring { extension: &extension, offer: &offer, intercom },
            );
        }
        for (page_id, page) in &pages {
            self.ring_page(call, id, *page_id, page);
        }
        if !pages.is_empty() {
            self.calls.handle_leg(now, id, LegEvent::Ringing);
        }
        let Some(leg) = self.legs.get(id) else { return };
        match (leg.sessions.is_empty(), leg.ours.is_some()) {
            (true, false) => self.no_media(now, id),
            (true, true) if leg.unacceptable.is_some() => {
                self.leg_over(now, id, Cause::MediaRefused)
            }
            (true, true) => self.leg_over(now, id, Cause::Unreachable),
            (false, _) => {}
        }
    }

    /// What a phone is offered that rings for this leg: each kind of phone the same, however many ring.
    fn offer_for(
        &mut self,
        now: Now,
        id: LegId,
        like: Option<LegId>,
        binding: &Binding,
    ) -> Option<SessionDescription> {
        if browsers::is_browser(binding) {
            return self.describe_browser_offer(id, like);
        }
        let known = self.legs.get(id).filter(|leg| leg.port.is_some());
        match known.and_then(|leg| leg.ours.clone()) {
            Some(ours) => Some(ours),
            None => self.describe_offer(now, id, like),
        }
    }

    /// Rings one phone over one of its flows; the others are there for when that fails.
    fn ring_phone(&mut self, now: Now, call: CallId, id: LegId, binding: &Binding, ring: Ring<'_>) {
        let Some(uri) = binding.uri() else { return };
        let Ring { extension, offer, intercom } = ring;
        let from = self.caller_id(call, binding.local.ip());
        let (host, port) = host_port(binding.local);
        let mut headers = self.onward(call);
        binding.push_routes(&mut headers);
        if intercom {
            desk::answer_by_itself(&mut headers, &host);
        }
        let transport = binding.route().transport();
        let Some(offer) = self.with_keys(now, id, Some(transport), offer) else { return };
        let invite = Invite {
            route: binding.route(),
            local: binding.local,
            uri,
            from,
            to: NameAddr::new(Uri::sip(Some(extension.as_str()), host, Some(port))),
            headers,
            sdp: Some(offer.clone()),
            beside: None,
            credentials: None,
            reliable: self.settings.sip.prack,
        };
        let host = invite.route.peer().ip();
        let session = self.endpoint.invite(now, invite);
        self.legs.add_session(id, session, host);
        self.keep_offer(id, session, offer);
        self.watch(call, id, session);
        if binding.reg_id.is_some()
            && let Some(leg) = self.legs.get_mut(id)
        {
            let tried = Tried { flows: vec![binding.clone()], intercom };
            leg.flows.insert(session, tried);
        }
    }

    /// The flow that a phone was rung over has failed: the next one of the same phone is tried (RFC 5626 section 5.3).
    /// Answers whether there is one.
    pub(super) fn next_flow(
        &mut self,
        now: Now,
        id: LegId,
        session: SessionId,
        ended: &Ended,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let Some(mut tried) = leg.flows.remove(&session) else { return false };
        let failed = match ended {
            Ended::Unreachable | Ended::TimedOut => true,
            Ended::Refused { status, .. } => status.code() == outbound::FLOW_FAILED,
            _ => false,
        };
        let given_up = leg.chosen.is_some() || leg.worst.is_some();
        let Some(one) = tried.flows.last().cloned().filter(|_| failed && !given_up) else {
            return false;
        };
        let new = |flow: &&Binding| tried.flows.iter().all(|old| old.reg_id != flow.reg_id);
        let next = self.registrar.other_flows(now, &one).into_iter().find(new).cloned();
        let (Some(next), Some(call)) = (next, self.calls.call_of(id)) else { return false };
        let Some(leg) = self.legs.get(id) else { return false };
        let Peer::Extension(extension) = leg.peer.clone() else { return false };
        let caller = self.calls.caller(call).filter(|caller| *caller != id);
        let Some(offer) = self.offer_for(now, id, caller, &next) else { return false };
        tracing::info!(leg = %id, "a phone's flow has failed; the next one is tried");
        let Some(leg) = self.legs.get(id) else { return false };
        let before = leg.sessions.len();
        let ring = Ring { extension: &extension, offer: &offer, intercom: tried.intercom };
        self.ring_phone(now, call, id, &next, ring);
        let Some(leg) = self.legs.get_mut(id).filter(|leg| leg.sessions.len() > before) else {
            return false;
        };
        tried.flows.push(next);
        if let Some(session) = leg.sessions.last() {
            leg.flows.insert(*session, tried);
        }
        true
    }

    /// What a call of ours takes over from the one that it is made for: it has gone through one hand more, so that a
    /// call which comes back to us again and again comes to an end (RFC 3261 section 16.6, RFC 7332).
    pub(super) fn onward(&self, call: CallId) -> Headers {
        let caller = self.calls.caller(call).and_then(|caller| self.legs.get(caller));
        let mut headers = Headers::default();
        if let Some(caller) = caller {
            // Digits hold no line break.
            let _ = headers.push("Max-Forwards", caller.hops.saturating_sub(1).to_string());
        }
        headers
    }

    /// Enters a leg to somebody in the table, on the media thread of the one who calls.
    pub(super) fn begin_leg(&mut self, call: CallId, id: LegId, leg: Leg) {
        let caller = self.calls.caller(call).and_then(|caller| self.legs.get(caller));
        let thread = caller.map_or(leg.thread, |caller| caller.thread);
        let help = leg.help || caller.is_some_and(|caller| caller.help);
        self.legs.insert(id, Leg { thread, help, ..leg });
        self.leg_changed(id);
    }

    /// No port is free.
    pub(super) fn no_media(&mut self, now: Now, id: LegId) {
        self.leg_over(now, id, Cause::Congestion);
    }

    /// Who calls, as a desk phone shows it.
    fn caller_id(&self, call: CallId, local: std::net::IpAddr) -> NameAddr {
        let number = self.calls.numbers(call).map_or("anonymous", |(from, _)| from);
        let mut shown = NameAddr::new(Uri::sip(Some(number), local.into(), None));
        let named = self.extension(number);
        let own = named.map(|extension| extension.name.clone()).filter(|name| !name.is_empty());
        shown.display = own.or_else(|| self.calls.name(call).map(str::to_owned));
        shown
    }

    /// What the configuration says of an extension.
    pub(super) fn extension(&self, number: &str) -> Option<&settings::Extension> {
        self.settings.extensions.get(*self.directory.get(number)?)
    }

    /// The settings of a chat, if that is one.
    pub(super) fn chat_settings(&self, chat: &ChannelId) -> Option<&settings::Chat> {
        self.settings.channels.get(chat)?.chat.as_ref()
    }

    pub(super) fn trunk_settings(&self, trunk: &TrunkId) -> Option<&settings::Trunk> {
        self.settings.trunks.iter().find(|settings| settings.name == *trunk)
    }
}
