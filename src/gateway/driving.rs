//! Calls that a program outside drives: begun, sent on, held, recorded, played to, asked for keys, ended.
//!
//! A program may what the phone may that it acts for: the same dial plan, the same caps, the same limits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::address::Number;
use crate::admin::api::bodies::Party;
use crate::admin::api::feed::Happening;
use crate::admin::{Command, Reply};
use crate::call::ending::Cause;
use crate::call::plan::{Asked, Destination, Origin};
use crate::call::record::Peer;
use crate::call::{CallView, LegEvent, Origination};
use crate::gateway::no::No;
use crate::gateway::sound::Playing;
use crate::gateway::{By, Gateway};
use crate::id::{AgentId, CallId, ExtensionId, LegId};
use crate::ivr::{self, ClipName};
use crate::media;
use crate::time::{Now, earliest};

/// The longest that keys are waited for at once.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// The longest that a program records one caller at a time: a long message.
const LONGEST_MESSAGE: Duration = Duration::from_secs(600);
/// Most keys that are wanted at once: a card number, and some.
const MOST_KEYS: usize = 32;
/// What somebody is told who is bound to one agent.
const NOT_THEIRS: No = No::NotYours("an agent acts on the own calls alone");

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
            Command::PauseTape { call, on } => self.pause_on_order(by, *call, *on),
            Command::Payment { call, on } => self.pay_on_order(now, by, *call, *on),
            Command::Play { call, prompt, party } => {
                self.play_on_order(now, by, *call, prompt, *party)
            }
            Command::Collect { call, party, keys, seconds, prompt } => {
                let wanted = (usize::from(*keys), Duration::from_secs((*seconds).into()));
                self.collect(now, by, *call, *party, wanted, prompt.as_deref())
            }
            _ => Err("that is no order for a call".into()),
        };
        done.map_or_else(Reply::from, |()| Reply::Done)
    }

    /// Rings a phone first, and then calls the number for whoever answers there.
    fn originate(&mut self, now: Now, by: &By, from: &ExtensionId, to: &str) -> Reply {
        if self.extension(from.as_str()).is_none() {
            return Reply::Refused(format!("there is no extension {from}"));
        }
        if by.own.as_ref().is_some_and(|agent| self.phone_of_agent(agent) != Some(from)) {
            return No::NotYours("an agent calls from the own phone alone").into();
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

    /// Where a number leads that a phone would dial.
    fn where_to(&self, now: Now, from: &ExtensionId, to: &str) -> Result<Destination, String> {
        let asked = Asked { dialled: to, from: Origin::Extension(from.clone()), unix: now.unix };
        for_programs(self.plan.decide(&asked).destination)
    }

    /// Where a caller is sent who waits for a program's orders: what a flow might send that caller to.
    fn where_for(&self, now: Now, call: CallId, to: &str) -> Result<ivr::Destination, String> {
        let (kind, name) = to.split_once(':').unwrap_or(("extension", to));
        let there = match kind {
            "queue" => self.settings.queues.iter().any(|queue| queue.name.as_str() == name),
            "group" => self.settings.groups.iter().any(|group| group.name.as_str() == name),
            "extension" | "voicemail" => self.extension(name).is_some(),
            _ => false,
        };
        Ok(match kind {
            "queue" if there => {
                let (queue, skills) = (name.into(), BTreeMap::new());
                ivr::Destination::Queue { queue, skills, priority: 0 }
            }
            "group" if there => ivr::Destination::Group(name.into()),
            "voicemail" if there => ivr::Destination::Voicemail(name.into()),
            "extension" if there => ivr::Destination::Extension(name.into()),
            _ => {
                let gone = || format!("there is no call {call}");
                for_programs(self.outside(now, call, to).ok_or_else(gone)?)?;
                let number = Number::parse(to).map_err(|_| format!("{to} is no number"))?;
                ivr::Destination::Number(number)
            }
        })
    }

    fn phone_of_agent(&self, agent: &AgentId) -> Option<&ExtensionId> {
        self.roster.settings(agent).map(|settings| &settings.extension)
    }

    /// Those in a call who may hear something or press keys for `by`: the two of a conversation, the caller's first, or the
    /// one caller whom a program has taken over.
    fn parties(&self, by: &By, call: CallId) -> Result<(LegId, Option<LegId>), No> {
        match self.waits_for_orders(call) {
            Some(_) if by.own.is_some() => Err(NOT_THEIRS),
            Some(caller) => Ok((caller, None)),
            None => self.talking(by, call).map(|[caller, other]| (caller, Some(other))),
        }
    }

    /// Whether `by` may know of a call: an agent of those that the own phone talks in.
    pub(super) fn may_see(&self, by: &By, call: &CallView) -> bool {
        let Some(agent) = &by.own else { return true };
        let Some(phone) = self.phone_of_agent(agent) else { return false };
        let caller = self.calls.caller(call.call).and_then(|leg| self.phone_at(leg));
        let with = call.with.iter().any(|peer| *peer == Peer::Extension(phone.clone()));
        with || caller == Some(phone)
    }

    /// Ends a call; an agent ends a conversation of the own phone alone.
    pub(super) fn hang_up_on_order(&mut self, by: &By, call: CallId) -> Reply {
        if by.own.is_some()
            && let Err(why) = self.talking(by, call)
        {
            return why.into();
        }
        if !self.calls.handle_hang_up(call) {
            return Reply::Refused(format!(
                "there is no call {call}; `branchline calls --active` lists them"
            ));
        }
        tracing::info!(%call, "somebody ended a call by order");
        Reply::Done
    }

    /// The two legs of a conversation, the caller's first, if `by` may act on it.
    fn talking(&self, by: &By, call: CallId) -> Result<[LegId; 2], No> {
        let caller = self.calls.caller(call).ok_or_else(|| format!("there is no call {call}"))?;
        let other = self.calls.partner(caller);
        let other = other.ok_or_else(|| format!("nobody talks in the call {call}"))?;
        let own = by.own.as_ref().map(|agent| self.phone_of_agent(agent));
        let has = |leg: LegId, phone| self.phone_at(leg).is_some_and(|own| Some(own) == phone);
        match own {
            Some(phone) if !has(caller, phone) && !has(other, phone) => Err(NOT_THEIRS),
            _ => Ok([caller, other]),
        }
    }

    fn phone_at(&self, leg: LegId) -> Option<&ExtensionId> {
        match &self.legs.get(leg)?.peer {
            Peer::Extension(extension) => Some(extension),
            Peer::Trunk(_) | Peer::Chat(_) => None,
        }
    }

    /// The phone in a conversation that orders are carried out for: the called one, or the caller's.
    pub(super) fn phone_in(&self, by: &By, call: CallId) -> Result<(LegId, ExtensionId), No> {
        let [caller, other] = self.talking(by, call)?;
        let own = by.own.as_ref().and_then(|agent| self.phone_of_agent(agent));
        let phones = [other, caller].map(|leg| Some((leg, self.phone_at(leg)?.clone())));
        let phones = phones.into_iter().flatten();
        let mut phones = phones.filter(|(_, phone)| own.is_none_or(|own| own == phone));
        phones.next().ok_or_else(|| "no phone of the branch is in this call".into())
    }

    /// Sends the other party on: to a number, or to whoever the phone talks with in another call.
    fn send_on(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        to: Option<&str>,
        with: Option<CallId>,
    ) -> Result<(), No> {
        if self.waits_for_orders(call).is_some() {
            self.parties(by, call)?;
            let to = to.ok_or("a caller who waits is sent to a number")?;
            let destination = self.where_for(now, call, to)?;
            self.walk_sent_on(now, call, destination);
            return Ok(());
        }
        let (leg, done) = match (to, with) {
            (Some(to), None) => {
                let (leg, phone) = self.phone_in(by, call)?;
                let destination = self.where_to(now, &phone, to)?;
                self.driving.sending.insert(leg);
                (leg, self.calls.handle_transfer(now, leg, destination))
            }
            (None, Some(with)) => {
                let [leg, own] = self.phone_in_both(by, call, with)?;
                self.driving.sending.insert(leg);
                (leg, self.calls.handle_join(now, leg, own))
            }
            _ => return Err("give either `to` or `with`".into()),
        };
        if !done {
            self.driving.sending.remove(&leg);
        }
        done.then_some(()).ok_or_else(|| "nobody could be sent on".into())
    }

    /// The legs of the phone that talks in both calls.
    fn phone_in_both(&self, by: &By, one: CallId, other: CallId) -> Result<[LegId; 2], No> {
        let own = by.own.as_ref().map(|agent| self.phone_of_agent(agent));
        let (legs, others) = (self.talking(by, one)?, self.talking(by, other)?);
        let pairs = legs.iter().flat_map(|leg| others.iter().map(move |other| [*leg, *other]));
        let same = |[leg, other]: &[LegId; 2]| {
            let phone = self.phone_at(*leg);
            phone.is_some() && phone == self.phone_at(*other) && own.is_none_or(|own| own == phone)
        };
        let mut pairs = pairs.filter(same);
        pairs.next().ok_or_else(|| format!("no phone talks in {one} and in {other}").into())
    }

    /// Whether a transfer was a program's, which follows it on the feed.
    pub(super) fn was_sent_on(&mut self, leg: LegId) -> bool {
        self.driving.sending.remove(&leg)
    }

    /// Puts the other party on hold for a phone, or takes it off.
    fn hold(&mut self, now: Now, by: &By, call: CallId, on: bool) -> Result<(), No> {
        let (leg, _) = self.phone_in(by, call)?;
        self.calls.handle_leg(now, leg, if on { LegEvent::Held } else { LegEvent::Resumed });
        Ok(())
    }

    fn tape_on_order(&mut self, now: Now, by: &By, call: CallId, on: bool) -> Result<(), No> {
        match self.parties(by, call)? {
            (a, Some(b)) if on => Ok(self.start_tape(now, a, b)?),
            (a, Some(b)) => Ok(self.end_tape(a, b)?),
            (_, None) if on && !self.may_record() => {
                Err("the disk is nearly full: nothing is recorded".into())
            }
            (_, None) if on => {
                self.walk_records(now, call, LONGEST_MESSAGE);
                Ok(())
            }
            (caller, None) => {
                self.tell_leg(caller, |leg| media::Command::StopRecord { leg });
                Ok(())
            }
        }
    }

    fn pause_on_order(&mut self, by: &By, call: CallId, on: bool) -> Result<(), No> {
        let [a, b] = self.talking(by, call)?;
        Ok(self.pause_tape(a, b, on)?)
    }

    fn play_on_order(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        prompt: &str,
        party: Party,
    ) -> Result<(), No> {
        let (caller, other) = self.parties(by, call)?;
        let clips = self.prompts.clips(&[ClipName::from(prompt)]);
        if clips.is_empty() {
            return Err(format!("there is no prompt {prompt}").into());
        }
        let legs = match party {
            Party::Caller => [Some(caller), None],
            Party::Other => [Some(other.unwrap_or(caller)), None],
            Party::Both => [Some(caller), other],
        };
        self.walk_ordered(now, call);
        for leg in legs.into_iter().flatten() {
            self.play(leg, Playing::Ordered(call), clips.clone(), false, false);
        }
        Ok(())
    }

    /// What a program had played has come to its end: the two hear each other again.
    pub(super) fn order_played(&mut self, now: Now, leg: LegId, call: CallId) {
        if let Some(partner) = self.calls.partner(leg) {
            self.join(leg, partner);
        }
        self.publish(Happening::CallPlayed { call });
        self.order_done(now, leg, call);
    }

    /// An order is carried out: the next one is waited for, unless keys are still wanted.
    fn order_done(&mut self, now: Now, leg: LegId, call: CallId) {
        if !self.driving.collecting.contains_key(&leg) && !self.playing.contains_key(&leg) {
            self.walk_order_done(now, call);
        }
    }

    fn collect(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        party: Party,
        (most, time): (usize, Duration),
        prompt: Option<&str>,
    ) -> Result<(), No> {
        let (caller, other) = self.parties(by, call)?;
        let leg = match party {
            Party::Caller => caller,
            Party::Other => other.unwrap_or(caller),
            Party::Both => return Err("keys are wanted of one party".into()),
        };
        if self.keys_are_secret(leg) {
            return Err("a payment pause runs: these keys are for nobody".into());
        }
        if let Some(prompt) = prompt {
            self.play_on_order(now, by, call, prompt, party)?;
        }
        self.walk_ordered(now, call);
        let (most, until) = (most.clamp(1, MOST_KEYS), now.instant + time.min(LONGEST_WAIT));
        let wanted = Collecting { call, digits: String::new(), most, until };
        self.driving.collecting.insert(leg, wanted);
        Ok(())
    }

    /// A key was pressed: whether a program wanted it. Nobody else hears of it then.
    pub(super) fn is_collected(&mut self, now: Now, leg: LegId, key: char) -> bool {
        let Some(own) = self.driving.collecting.get_mut(&leg) else { return false };
        if key != '#' {
            own.digits.push(key);
        }
        if key == '#' || own.digits.len() >= own.most {
            self.collected(leg, true);
            if let Some(call) = self.calls.call_of(leg) {
                self.order_done(now, leg, call);
            }
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
        for leg in due {
            self.collected(leg, false);
            if let Some(call) = self.calls.call_of(leg) {
                self.order_done(now, leg, call);
            }
        }
    }

    /// A leg is gone: nobody presses a key there any more.
    pub(super) fn forget_driven(&mut self, leg: LegId) {
        self.driving.sending.remove(&leg);
        self.forget_collecting(leg);
    }

    /// No key is wanted of a leg any more.
    pub(super) fn forget_collecting(&mut self, leg: LegId) {
        self.collected(leg, false);
    }
}

/// Help is called by people, who are where they say; and codes are for the phone that dials them.
fn for_programs(destination: Destination) -> Result<Destination, String> {
    match destination {
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
