//! Supervisors who listen in: their own phone rings, and whoever answers there hears a conversation.
//!
//! Somebody who listens in is in a call of their own, so that leaving changes nothing for the two who talk. Three ways:
//! heard by nobody, heard by the phone of the branch alone, heard by both; they are changed while it runs, by order or by
//! the keys 4, 5 and 6. It goes with the customer: on hold there is nothing to hear, and after a transfer to another phone
//! of the branch it goes on there, heard by nobody at first. With a conference, a party outside and the end of the call it
//! is over. Calls for help are never listened in to.

use std::collections::BTreeMap;

use crate::address::Number;
use crate::admin::Reply;
use crate::admin::api::bodies::Mode;
use crate::admin::api::feed::Happening;
use crate::call::plan::Destination;
use crate::call::record::Peer;
use crate::call::{Origination, Saying};
use crate::gateway::no::No;
use crate::gateway::{By, Gateway};
use crate::id::{AgentId, CallId, ExtensionId, LegId};
use crate::journal::act::{Act, Role, User, Who};
use crate::journal::event::Event;
use crate::media;
use crate::time::Now;

/// Those who listen in, by the call of theirs.
#[derive(Debug, Default)]
pub(super) struct Supervisions(BTreeMap<CallId, Supervision>);

/// One of them.
#[derive(Debug)]
struct Supervision {
    /// Who wanted it: what is changed by keys is done by them.
    by: Who,
    /// Their phone.
    phone: ExtensionId,
    /// Their leg, once they have answered.
    leg: Option<LegId>,
    /// The phone of the branch that is led, and whom it talks with.
    agent: LegId,
    customer: LegId,
    mode: Mode,
}

impl Supervisions {
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Gateway {
    /// Lets somebody listen in, or somebody who does take another part.
    pub(super) fn supervise(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        phone: Option<&ExtensionId>,
        mode: Mode,
    ) -> Reply {
        let runs = self.supervision_of(call);
        let same = |own: &CallId| {
            let own = self.supervisions.0.get(own).map(|own| &own.phone);
            phone.is_none() || phone == own
        };
        let done = match (runs, phone) {
            (Some(own), _) if same(&own) => {
                self.take_part(now, own, mode);
                Ok(())
            }
            (Some(_), _) => Err("somebody listens in already".into()),
            (None, Some(phone)) => self.begin_supervision(now, by, call, phone, mode),
            (None, None) => Err("say which phone is to ring".into()),
        };
        done.map_or_else(Reply::from, |()| Reply::Done)
    }

    fn begin_supervision(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        phone: &ExtensionId,
        mode: Mode,
    ) -> Result<(), No> {
        if self.extension(phone.as_str()).is_none() {
            return Err(format!("there is no extension {phone}").into());
        }
        let (agent, led) = self.phone_in(by, call)?;
        let customer = self.calls.partner(agent).ok_or("nobody talks there")?;
        self.may_be_heard(phone, [agent, customer])?;
        if !self.rate.admit(now) {
            return Err("too many calls in this second".into());
        }
        let (own, leg) = (CallId(self.random.bits()), LegId(self.random.bits()));
        let wanted = Origination {
            call: own,
            leg,
            extension: phone.clone(),
            to: led.to_string(),
            destination: Destination::Supervise(call),
        };
        let begun = self.calls.handle_originate(now, wanted);
        begun.map_err(|cause| format!("no new call at this moment: {}", cause.name()))?;
        let (by, phone) = (by.who.clone(), phone.clone());
        let supervision = Supervision { by, phone, leg: None, agent, customer, mode };
        self.supervisions.0.insert(own, supervision);
        Ok(())
    }

    /// Whether somebody at a phone may listen in to these two at all.
    fn may_be_heard(&self, phone: &ExtensionId, pair: [LegId; 2]) -> Result<(), No> {
        if pair.into_iter().any(|leg| self.legs.get(leg).is_none_or(|leg| leg.help)) {
            return Err("calls for help are not listened in to".into());
        }
        let own =
            |leg| self.legs.get(leg).is_some_and(|leg| leg.peer == Peer::Extension(phone.clone()));
        if pair.into_iter().any(own) {
            return Err("that phone talks in this call".into());
        }
        if !pair.into_iter().all(|leg| self.is_decoded(leg)) {
            return Err("their sound is passed on in a codec that is not decoded here".into());
        }
        Ok(())
    }

    fn is_decoded(&self, leg: LegId) -> bool {
        let agreed = self.legs.get(leg).and_then(|leg| leg.negotiated.as_ref());
        agreed.is_some_and(|agreed| agreed.codec.is_decoded())
    }

    /// Ends it.
    pub(super) fn end_supervision(&mut self, call: CallId) -> Result<(), String> {
        let own = self.supervision_of(call).ok_or_else(|| "nobody listens in".to_owned())?;
        self.calls.handle_supervision_over(own);
        Ok(())
    }

    /// Who listens in to a call, and how, for whoever may know.
    pub(super) fn supervised(&self, leads: bool, call: CallId) -> Option<Mode> {
        let own = self.supervisions.0.get(&self.supervision_of(call)?)?;
        let may = leads || self.settings.supervision.shown;
        own.leg.filter(|_| may).map(|_| own.mode)
    }

    fn supervision_of(&self, call: CallId) -> Option<CallId> {
        let of = |own: &Supervision| self.calls.call_of(own.customer) == Some(call);
        self.supervisions.0.iter().find(|(_, own)| of(own)).map(|(id, _)| *id)
    }

    /// Somebody has answered at the phone that is to listen in.
    pub(super) fn supervisor_came(&mut self, now: Now, own: CallId, leg: LegId) {
        let there = match self.supervisions.0.get_mut(&own) {
            Some(supervision)
                if self.calls.partner(supervision.agent) == Some(supervision.customer) =>
            {
                supervision.leg = Some(leg);
                true
            }
            _ => false,
        };
        if !there {
            return self.calls.handle_supervision_over(own);
        }
        self.let_listen(now, own);
        self.tell_supervision(now, own, true);
    }

    /// The one who listens in takes another part.
    fn take_part(&mut self, now: Now, own: CallId, mode: Mode) {
        let Some(supervision) = self.supervisions.0.get_mut(&own) else { return };
        supervision.mode = mode;
        if supervision.leg.is_some() {
            self.let_listen(now, own);
            self.tell_supervision(now, own, true);
        }
    }

    /// A key at a phone that listens in. Answers whether it is one.
    pub(super) fn supervisor_key(&mut self, now: Now, leg: LegId, key: char) -> bool {
        let own = self.supervisions.0.iter().find(|(_, own)| own.leg == Some(leg));
        let Some((id, supervision)) = own else { return false };
        let mode = match key {
            '4' => Mode::Monitor,
            '5' => Mode::Whisper,
            '6' => Mode::Barge,
            _ => return true,
        };
        let (id, who) = (*id, supervision.by.clone());
        let on = self.calls.call_of(supervision.customer).map(|call| call.to_string());
        let what = mode.operation().name().to_owned();
        self.take_part(now, id, mode);
        self.keep(now, Event::Act(Act { who, from: None, what, on, done: true, first: None }));
        true
    }

    /// These two talk with each other from now on.
    pub(super) fn supervisions_joined(&mut self, now: Now, a: LegId, b: LegId) {
        let has = |own: &Supervision| [a, b].contains(&own.customer) || [a, b].contains(&own.agent);
        let own: Vec<_> =
            self.supervisions.0.iter().filter(|(_, own)| has(own)).map(|(id, _)| *id).collect();
        for id in own {
            self.supervision_joined(now, id, [a, b]);
        }
    }

    fn supervision_joined(&mut self, now: Now, id: CallId, [a, b]: [LegId; 2]) {
        let Some(own) = self.supervisions.0.get_mut(&id) else { return };
        let other = if own.customer == a { b } else { a };
        let branch = |leg| {
            let peer = self.legs.get(leg).map(|leg| (&leg.peer, leg.help));
            matches!(peer, Some((Peer::Extension(phone), false)) if *phone != own.phone)
        };
        // The phone that was led talks with somebody else; the customer may yet be put through to another.
        if ![a, b].contains(&own.customer) {
            return;
        }
        if other != own.agent && !(own.leg.is_some() && branch(other) && self.is_decoded(other)) {
            return self.calls.handle_supervision_over(id);
        }
        let Some(own) = self.supervisions.0.get_mut(&id) else { return };
        if other != own.agent {
            (own.agent, own.mode) = (other, Mode::Monitor);
        }
        if own.leg.is_some() {
            let moved = own.agent == other;
            self.let_listen(now, id);
            if moved {
                self.tell_supervision(now, id, true);
            }
        }
    }

    /// A leg goes into a room, or is gone.
    pub(super) fn supervision_left(&mut self, now: Now, leg: LegId) {
        let of = |own: &Supervision| own.customer == leg || own.leg == Some(leg);
        let own: Vec<_> =
            self.supervisions.0.iter().filter(|(_, own)| of(own)).map(|(id, _)| *id).collect();
        for id in own {
            self.calls.handle_supervision_over(id);
            self.supervision_over(now, id);
        }
    }

    /// The call of one who listened in is over.
    pub(super) fn supervision_over(&mut self, now: Now, id: CallId) {
        if self.supervisions.0.get(&id).is_some_and(|own| own.leg.is_some()) {
            self.tell_supervision(now, id, false);
        }
        if let Some(Supervision { leg: Some(leg), .. }) = self.supervisions.0.remove(&id) {
            self.tell_leg(leg, |leg| media::Command::Untap { leg });
        }
    }

    /// Tells the media thread of the two who listens in, and how.
    fn let_listen(&mut self, now: Now, id: CallId) {
        let Some(own) = self.supervisions.0.get(&id) else { return };
        let (Some(leg), agent, customer) = (own.leg, own.agent, own.customer) else { return };
        let part = own.mode.part();
        let thread = |leg| self.legs.get(leg).map(|leg| leg.thread);
        let (Some(there), Some(here)) = (thread(agent), thread(leg)) else { return };
        if here != there {
            self.move_to(leg, there);
        }
        if !self.is_decoded(leg) {
            self.offer_mixable(now, leg);
        }
        self.command(there, media::Command::Tap { leg, led: agent, other: customer, part });
    }

    /// Says so to whoever follows the call, and to whoever looks at it later.
    fn tell_supervision(&mut self, now: Now, id: CallId, on: bool) {
        let Some(own) = self.supervisions.0.get(&id) else { return };
        let Some(call) = self.calls.call_of(own.customer) else { return };
        let (mode, by, customer) = (own.mode, own.phone.clone(), own.customer);
        let words = match (on, mode) {
            (false, _) => format!("{by} listens in no more"),
            (true, Mode::Monitor) => format!("{by} listens in, heard by nobody"),
            (true, Mode::Whisper) => format!("{by} listens in, heard by the phone of the branch"),
            (true, Mode::Barge) => format!("{by} listens in, heard by both"),
        };
        tracing::info!(%call, mode = ?on.then_some(mode), "a call is listened in to, or no more");
        self.note(now.unix, call, Some(customer), words);
        let (mode, shown) = (on.then_some(mode), self.settings.supervision.shown);
        self.publish(Happening::CallSupervised { call, by, mode, shown });
    }
}

/// By a code at a desk phone.
impl Gateway {
    /// Somebody has dialled the code for it with an agent's extension behind it, and hears the agent where that person
    /// leads a queue of the agent's. Whoever does not is told that it is not possible, whatever the reason, and both are
    /// written down.
    pub(super) fn supervise_by_code(
        &mut self,
        now: Now,
        own: CallId,
        mode: Mode,
        behind: Option<Number>,
        phone: &ExtensionId,
    ) {
        let led = behind.map(|number| ExtensionId::from(number.as_str()));
        let by = led.as_ref().and_then(|led| self.leader_at(own, phone, led));
        let pair = led.as_ref().and_then(|led| self.talk_of(led));
        let free = |pair: &[LegId; 2]| {
            let call = self.calls.call_of(pair[0]);
            let listened = call.is_some_and(|call| self.supervision_of(call).is_some());
            !listened && self.may_be_heard(phone, *pair).is_ok()
        };
        let allowed = by.is_some().then_some(pair).flatten().filter(free);
        let call = pair.and_then(|[agent, _]| self.calls.call_of(agent));
        let who = by.unwrap_or(Who::Stranger);
        let (what, done) = (mode.operation().name().to_owned(), allowed.is_some());
        let on = call.map(|call| call.to_string()).or(led.map(|led| led.to_string()));
        let act = Act { who: who.clone(), from: None, what, on, done, first: None };
        self.keep(now, Event::Act(act));
        let Some([agent, customer]) = allowed else {
            return self.calls.handle_feature(own, Saying::NotPossible);
        };
        let phone = phone.clone();
        let supervision = Supervision { by: who, phone, leg: None, agent, customer, mode };
        self.supervisions.0.insert(own, supervision);
        self.calls.handle_supervising(now, own);
    }

    /// The one at a phone who leads a queue of the agents at another: a user who may listen in and is the agent at that
    /// phone, where the phone has proved that it is that phone.
    fn leader_at(&self, own: CallId, phone: &ExtensionId, led: &ExtensionId) -> Option<Who> {
        let leg = self.calls.caller(own).and_then(|leg| self.legs.get(leg));
        leg.filter(|leg| leg.unchecked.is_none())?;
        let (here, there) = (self.agents_at(phone), self.agents_at(led));
        let leads = |user: &&User| {
            let may = matches!(user.role, Role::Supervisor | Role::Admin) && !user.disabled;
            let agent = user.agent.as_ref().filter(|agent| may && here.contains(agent));
            agent.is_some_and(|agent| self.leads_one_of(agent, &there))
        };
        let users = &self.journal.live().accounts.users;
        users.values().find(leads).map(|user| Who::User(user.name.clone()))
    }

    /// Whether an agent leads a queue in which one of the others takes calls.
    fn leads_one_of(&self, leader: &AgentId, agents: &[AgentId]) -> bool {
        self.settings.queues.iter().any(|queue| {
            let leads = queue.supervisors.is_empty() || queue.supervisors.contains(leader);
            leads && self.queues.members(&queue.name).iter().any(|agent| agents.contains(agent))
        })
    }

    /// The two of a conversation at a phone, the phone's own leg first.
    fn talk_of(&self, phone: &ExtensionId) -> Option<[LegId; 2]> {
        let legs = self.legs.of_peer(&Peer::Extension(phone.clone()));
        legs.into_iter().find_map(|leg| Some([leg, self.calls.partner(leg)?]))
    }
}

impl Mode {
    /// As media threads call it.
    fn part(self) -> media::Part {
        match self {
            Mode::Monitor => media::Part::Monitor,
            Mode::Whisper => media::Part::Whisper,
            Mode::Barge => media::Part::Barge,
        }
    }
}
