//! Calls that a program outside drives: begun, sent on, held, recorded, played to, asked for keys, ended.
//!
//! A program may what the phone may that it acts for: the same dial plan, the same caps, the same limits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::admin::api::bodies::Party;
use crate::admin::api::feed::Happening;
use crate::admin::{Command, Reply};
use crate::call::ending::Cause;
use crate::call::plan::{Asked, Destination, Origin};
use crate::call::record::Peer;
use crate::call::{LegEvent, Origination};
use crate::gateway::sound::Playing;
use crate::gateway::{By, Gateway};
use crate::id::{AgentId, CallId, ExtensionId, LegId};
use crate::ivr::ClipName;
use crate::time::{Now, earliest};

/// The longest that keys are waited for at once.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Most keys that are wanted at once: a card number, and some.
const MOST_KEYS: usize = 32;

/// What programs wait for.
#[derive(Debug, Default)]
pub(super) struct Driving {
    collecting: BTreeMap<LegId, Collecting>,
    /// Legs that a program lets send the other party on: their phones have not asked, and are not told how it went.
    sending: BTreeSet<LegId>,
}

/// Keys that a program wants of a party.
#[derive(Debug)]
struct Collecting {
    call: CallId,
    digits: String,
    most: usize,
    until: Instant,
}

impl Driving {
    pub fn deadline(&self) -> Option<Instant> {
        self.collecting.values().map(|own| Some(own.until)).fold(None, earliest)
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.collecting.is_empty() && self.sending.is_empty()
    }
}

impl Gateway {
    /// Carries out an order of a program.
    pub(super) fn drive(&mut self, now: Now, by: &By, command: &Command) -> Reply {
        let done = match command {
            Command::Originate { from, to } => return self.originate(now, by, from, to),
            Command::Transfer { call, to, with } => {
                self.send_on(now, by, *call, to.as_deref(), *with)
            }
            Command::Hold { call, on } => self.hold(now, by, *call, *on),
            Command::Tape { call, on } => self.tape_on_order(now, by, *call, *on),
            Command::Play { call, prompt, party } => self.play_on_order(by, *call, prompt, *party),
            Command::Collect { call, party, keys, seconds, prompt } => {
                let wanted = (usize::from(*keys), Duration::from_secs((*seconds).into()));
                self.collect(now, by, *call, *party, wanted, prompt.as_deref())
            }
            _ => Err("that is no order for a call".to_owned()),
        };
        match done {
            Ok(()) => Reply::Done,
            Err(why) => Reply::Refused(why),
        }
    }

    /// Rings a phone first, and then calls the number for whoever answers there.
    fn originate(&mut self, now: Now, by: &By, from: &ExtensionId, to: &str) -> Reply {
        if self.extension(from.as_str()).is_none() {
            return Reply::Refused(format!("there is no extension {from}"));
        }
        if by.own.as_ref().is_some_and(|agent| self.phone_of_agent(agent) != Some(from)) {
            return Reply::Refused("an agent calls from the own phone alone".to_owned());
        }
        if !self.rate.admit(now) {
            return Reply::NotReady("too many calls in this second".to_owned());
        }
        let destination = match self.where_to(now, from, to) {
            Ok(destination) => destination,
            Err(why) => return Reply::Refused(why),
        };
        let (call, leg) = (CallId(self.random.bits()), LegId(self.random.bits()));
        let (extension, to) = (from.clone(), to.to_owned());
        let wanted = Origination { call, leg, extension, to, destination };
        match self.calls.handle_originate(now, wanted) {
            Ok(()) => Reply::Begun(call),
            Err(cause) => Reply::NotReady(format!("no new call at this moment: {}", cause.name())),
        }
    }

    /// Where a number leads that a phone would dial. Help is called by people, who are where they say; and codes are for
    /// the phone that dials them.
    fn where_to(&self, now: Now, from: &ExtensionId, to: &str) -> Result<Destination, String> {
        let asked = Asked { dialled: to, from: Origin::Extension(from.clone()), unix: now.unix };
        match self.plan.decide(&asked).destination {
            Destination::Emergency { .. } => Err("help is called from a phone alone".to_owned()),
            Destination::Feature(..) | Destination::Override(..) | Destination::Page(_) => {
                Err("that is a code for phones".to_owned())
            }
            Destination::Nowhere(why) => {
                Err(format!("that number leads nowhere: {}", Cause::from(&why).name()))
            }
            destination => Ok(destination),
        }
    }

    fn phone_of_agent(&self, agent: &AgentId) -> Option<&ExtensionId> {
        self.roster.settings(agent).map(|settings| &settings.extension)
    }

    /// The two legs of a conversation, the caller's first, if `by` may act on it.
    fn talking(&self, by: &By, call: CallId) -> Result<[LegId; 2], String> {
        let caller = self.calls.caller(call).ok_or_else(|| format!("there is no call {call}"))?;
        let other = self.calls.partner(caller);
        let other = other.ok_or_else(|| format!("nobody talks in the call {call}"))?;
        let own = by.own.as_ref().map(|agent| self.phone_of_agent(agent));
        let has = |leg: LegId, phone| self.phone_at(leg).is_some_and(|own| Some(own) == phone);
        match own {
            Some(phone) if !has(caller, phone) && !has(other, phone) => {
                Err("an agent acts on the own calls alone".to_owned())
            }
            _ => Ok([caller, other]),
        }
    }

    fn phone_at(&self, leg: LegId) -> Option<&ExtensionId> {
        match &self.legs.get(leg)?.peer {
            Peer::Extension(extension) => Some(extension),
            Peer::Trunk(_) => None,
        }
    }

    /// The phone in a conversation that orders are carried out for: the called one, or the caller's.
    fn phone_in(&self, by: &By, call: CallId) -> Result<(LegId, ExtensionId), String> {
        let [caller, other] = self.talking(by, call)?;
        let own = by.own.as_ref().and_then(|agent| self.phone_of_agent(agent));
        let phones = [other, caller].map(|leg| Some((leg, self.phone_at(leg)?.clone())));
        let phones = phones.into_iter().flatten();
        let mut phones = phones.filter(|(_, phone)| own.is_none_or(|own| own == phone));
        phones.next().ok_or_else(|| "no phone of the branch is in this call".to_owned())
    }

    /// Sends the other party on: to a number, or to whoever the phone talks with in another call.
    fn send_on(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        to: Option<&str>,
        with: Option<CallId>,
    ) -> Result<(), String> {
        let (leg, phone) = self.phone_in(by, call)?;
        let done = match (to, with) {
            (Some(to), None) => {
                let destination = self.where_to(now, &phone, to)?;
                self.driving.sending.insert(leg);
                self.calls.handle_transfer(now, leg, destination)
            }
            (None, Some(with)) => {
                let [caller, other] = self.talking(by, with)?;
                let own = [caller, other].into_iter().find(|l| self.phone_at(*l) == Some(&phone));
                let own = own.ok_or_else(|| format!("{phone} is not in the call {with}"))?;
                self.driving.sending.insert(leg);
                self.calls.handle_join(now, leg, own)
            }
            _ => return Err("give either `to` or `with`".to_owned()),
        };
        if !done {
            self.driving.sending.remove(&leg);
        }
        done.then_some(()).ok_or_else(|| "nobody could be sent on".to_owned())
    }

    /// Whether a transfer was a program's, which follows it on the feed.
    pub(super) fn was_sent_on(&mut self, leg: LegId) -> bool {
        self.driving.sending.remove(&leg)
    }

    /// Puts the other party on hold for a phone, or takes it off.
    fn hold(&mut self, now: Now, by: &By, call: CallId, on: bool) -> Result<(), String> {
        let (leg, _) = self.phone_in(by, call)?;
        self.calls.handle_leg(now, leg, if on { LegEvent::Held } else { LegEvent::Resumed });
        Ok(())
    }

    fn tape_on_order(&mut self, now: Now, by: &By, call: CallId, on: bool) -> Result<(), String> {
        let [a, b] = self.talking(by, call)?;
        if on { self.start_tape(now, a, b) } else { self.end_tape(a, b) }
    }

    fn play_on_order(
        &mut self,
        by: &By,
        call: CallId,
        prompt: &str,
        party: Party,
    ) -> Result<(), String> {
        let [caller, other] = self.talking(by, call)?;
        let clips = self.prompts.clips(&[ClipName::from(prompt)]);
        if clips.is_empty() {
            return Err(format!("there is no prompt {prompt}"));
        }
        let legs: &[LegId] = match party {
            Party::Caller => &[caller],
            Party::Other => &[other],
            Party::Both => &[caller, other],
        };
        for leg in legs {
            self.play(*leg, Playing::Ordered(call), clips.clone(), false, false);
        }
        Ok(())
    }

    /// What a program had played has come to its end: the two hear each other again.
    pub(super) fn order_played(&mut self, leg: LegId, call: CallId) {
        if let Some(partner) = self.calls.partner(leg) {
            self.join(leg, partner);
        }
        self.publish(Happening::CallPlayed { call });
    }

    fn collect(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        party: Party,
        (most, time): (usize, Duration),
        prompt: Option<&str>,
    ) -> Result<(), String> {
        let [caller, other] = self.talking(by, call)?;
        let leg = match party {
            Party::Caller => caller,
            Party::Other => other,
            Party::Both => return Err("keys are wanted of one party".to_owned()),
        };
        if let Some(prompt) = prompt {
            self.play_on_order(by, call, prompt, party)?;
        }
        let (most, until) = (most.clamp(1, MOST_KEYS), now.instant + time.min(LONGEST_WAIT));
        let wanted = Collecting { call, digits: String::new(), most, until };
        self.driving.collecting.insert(leg, wanted);
        Ok(())
    }

    /// A key was pressed: whether a program wanted it. Nobody else hears of it then.
    pub(super) fn is_collected(&mut self, leg: LegId, key: char) -> bool {
        let Some(own) = self.driving.collecting.get_mut(&leg) else { return false };
        if key != '#' {
            own.digits.push(key);
        }
        if key == '#' || own.digits.len() >= own.most {
            self.collected(leg, true);
        }
        true
    }

    fn collected(&mut self, leg: LegId, complete: bool) {
        if let Some(Collecting { call, digits, .. }) = self.driving.collecting.remove(&leg) {
            self.publish(Happening::CallCollected { call, digits, complete });
        }
    }

    /// The time for keys is over.
    pub(super) fn collecting_times_out(&mut self, now: Now) {
        let due = self.driving.collecting.iter().filter(|(_, own)| own.until <= now.instant);
        let due: Vec<_> = due.map(|(leg, _)| *leg).collect();
        due.into_iter().for_each(|leg| self.collected(leg, false));
    }

    /// A leg is gone: nobody presses a key there any more.
    pub(super) fn forget_driven(&mut self, leg: LegId) {
        self.driving.sending.remove(&leg);
        self.collected(leg, false);
    }
}
