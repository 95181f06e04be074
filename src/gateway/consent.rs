//! Whether whoever is outside lets a conversation be recorded: asked before anything is on tape, and remembered.
//!
//! The queue or the trunk says what is played and which key refuses (`record_notice`); without it the site's own notice is
//! played and nobody is asked. What was said goes along with whoever said it, to other agents and into other calls, stands
//! in the records of the calls, and goes onto the person's record. Calls for help ask nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::admin::api::feed::Happening;
use crate::call::consent::Consent;
use crate::call::record::Peer;
use crate::config::settings::RecordNotice;
use crate::context::{Caller, Channel, Identity, Order, RECORDING, Source, Who};
use crate::gateway::Gateway;
use crate::gateway::sound::Playing;
use crate::id::{ActorId, CallId, ContactId, LegId};
use crate::ivr::{ClipName, prompts, speak};
use crate::journal::event::What;
use crate::media::Clip;
use crate::time::{Now, earliest};

/// What was said to being recorded, and who may say it at this moment.
#[derive(Debug, Default)]
pub(super) struct Consents {
    /// By the leg of whoever said it.
    said: BTreeMap<LegId, Consent>,
    /// By the call, for its record: the last word.
    calls: BTreeMap<CallId, Consent>,
    /// Who may refuse.
    open: BTreeMap<LegId, Open>,
    /// Who is called, as far as the store knows.
    called: BTreeMap<CallId, Caller>,
}

/// A leg whose key refuses.
#[derive(Debug)]
struct Open {
    key: char,
    /// How long after the announcement it does.
    window: Duration,
    /// Until when it does, and who is there; nothing while the announcement is heard.
    heard: Option<(Instant, Whose)>,
}

impl Open {
    fn until(&self) -> Option<Instant> {
        self.heard.as_ref().map(|(until, _)| *until)
    }
}

/// Who it is that says it.
#[derive(Debug)]
struct Whose {
    contact: Option<ContactId>,
    identity: Option<Identity<String>>,
    /// The last word on it before this call.
    before: Option<bool>,
}

impl Consents {
    /// When the next may refuse no more.
    pub fn deadline(&self) -> Option<Instant> {
        self.open.values().map(Open::until).fold(None, earliest)
    }

    /// What was said in a call.
    pub fn of_call(&self, call: CallId) -> Option<Consent> {
        self.calls.get(&call).copied()
    }

    /// A call is over. What was said in it.
    pub fn over(&mut self, call: CallId) -> Option<Consent> {
        self.called.remove(&call);
        self.calls.remove(&call)
    }

    /// The store knows who is called.
    pub fn called(&mut self, call: CallId, caller: Caller) {
        self.called.insert(call, caller);
    }

    /// People were erased.
    pub fn forget(&mut self, contacts: &[ContactId]) {
        self.called.retain(|_, caller| !contacts.contains(&caller.contact));
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let Consents { said, calls, open, called } = self;
        said.is_empty() && calls.is_empty() && open.is_empty() && called.is_empty()
    }
}

/// Who is asked, and what is played.
impl Gateway {
    /// Whose word counts between two: that of whoever is outside, the caller's where both are; of two phones the caller's
    /// where a queue asks.
    fn asked_of(&self, [a, b]: [LegId; 2]) -> Option<LegId> {
        let call = self.calls.call_of(a)?;
        let caller = self.calls.caller(call);
        let [one, other] = if caller == Some(b) { [b, a] } else { [a, b] };
        let help = |leg| self.legs.get(leg).is_none_or(|leg| leg.help);
        if help(one) || help(other) {
            return None;
        }
        let outside = |leg: &LegId| self.is_outside(*leg);
        let queue = self.queue_notice(call).and(caller);
        [one, other].into_iter().find(outside).or(queue)
    }

    fn queue_notice(&self, call: CallId) -> Option<&RecordNotice> {
        let queue = self.calls.queue(call)?;
        self.settings.queues.iter().find(|own| own.name == *queue)?.record_notice.as_ref()
    }

    /// What the queue says that the call came through, or else the trunk.
    fn notice_of(&self, asked: LegId) -> Option<&RecordNotice> {
        let trunk = || match &self.legs.get(asked)?.peer {
            Peer::Trunk(trunk) => self.trunk_settings(trunk)?.record_notice.as_ref(),
            Peer::Extension(_) | Peer::Chat(_) => None,
        };
        self.queue_notice(self.calls.call_of(asked)?).or_else(trunk)
    }

    /// Who is at a leg outside, as far as the store has said.
    fn known_at(&self, leg: LegId) -> Option<&Caller> {
        let call = self.calls.call_of(leg)?;
        if self.calls.caller(call) == Some(leg) {
            return self.known_caller(call);
        }
        self.consents.called.get(&call)
    }

    fn whose(&self, leg: LegId) -> Whose {
        let known = self.known_at(leg).map(|caller| (caller.contact, caller.recording));
        let (contact, before) = known.map_or((None, None), |(id, before)| (Some(id), before));
        let identity = self.calls.call_of(leg).and_then(|call| {
            if self.calls.caller(call) == Some(leg) {
                return self.caller_identity(call);
            }
            self.called_identity(call)
        });
        let identity = identity.filter(|_| self.is_outside(leg));
        Whose { contact, identity, before }
    }

    fn is_outside(&self, leg: LegId) -> bool {
        let peer = self.legs.get(leg).map(|leg| &leg.peer);
        matches!(peer, Some(Peer::Trunk(_) | Peer::Chat(_)))
    }

    /// Why these two are not recorded: somebody has refused it, in this call or, where nobody asks again, in an earlier one.
    pub(super) fn refused_to_record(&self, pair: [LegId; 2]) -> Option<(LegId, Consent)> {
        let asked = self.asked_of(pair)?;
        if let Some(said) = self.consents.said.get(&asked) {
            return (!said.given).then_some((asked, *said));
        }
        let before = self.known_at(asked).filter(|known| known.shared.is_none())?;
        let notice = self.notice_of(asked);
        let again = notice.is_some_and(|own| own.refuse_digit.is_some() && own.ask_again);
        let refused = before.recording == Some(false) && !again;
        refused.then_some((asked, Consent::REFUSED_EARLIER))
    }

    /// Who of two has to hear that they are recorded, and what. Whoever has agreed to it in this call is not told again.
    pub(super) fn record_notices(&self, pair: [LegId; 2]) -> Vec<(LegId, Vec<Clip>)> {
        let asked = self.asked_of(pair);
        let notice = asked.and_then(|asked| self.notice_of(asked));
        if notice.is_none() && !self.settings.media.recording_notice {
            return Vec::new();
        }
        let agreed = |leg: &LegId| self.consents.said.get(leg).is_some_and(|said| said.given);
        let language = asked.and_then(|asked| self.known_at(asked)?.language.as_deref());
        let clips = self.prompts.clips(&words(notice, language));
        let told = pair.into_iter().filter(|leg| !agreed(leg));
        told.map(|leg| (leg, clips.clone())).collect()
    }
}

/// The clips of a notice.
fn words(notice: Option<&RecordNotice>, language: Option<&str>) -> Vec<ClipName> {
    let own = notice.and_then(|notice| {
        let theirs = language.and_then(|language| notice.languages.get(language));
        theirs.or(notice.prompt.as_ref())
    });
    let key = notice.and_then(|notice| notice.refuse_digit);
    match (own, key) {
        (Some(own), _) => vec![ClipName::from(own.as_str())],
        (None, None) => vec![ClipName::from(prompts::RECORDING_NOTICE)],
        (None, Some(key)) => {
            let words = [prompts::RECORDING_NOTICE, prompts::RECORDING_REFUSE];
            let words = words.into_iter().map(ClipName::from);
            words.chain(speak::digits(&key.to_string())).collect()
        }
    }
}

/// What is said.
impl Gateway {
    /// Two are being told: whoever is outside may refuse from now on, unless they have agreed already.
    pub(super) fn may_refuse(&mut self, pair: [LegId; 2]) {
        let Some(asked) = self.asked_of(pair) else { return };
        let notice = self.notice_of(asked);
        let key = notice.and_then(|own| Some((own.refuse_digit?, own.refuse_for)));
        if let Some((key, seconds)) = key.filter(|_| !self.consents.said.contains_key(&asked)) {
            let window = Duration::from_secs(seconds.into());
            self.consents.open.insert(asked, Open { key, window, heard: None });
        }
    }

    /// Two have heard all of it: whoever could refuse and did not has agreed, and may think better of it for a while.
    pub(super) fn notice_heard(&mut self, now: Now, pair: [LegId; 2]) {
        let heard: Vec<_> =
            pair.into_iter().filter(|leg| self.consents.open.contains_key(leg)).collect();
        for leg in heard {
            let whose = self.whose(leg);
            if let Some(open) = self.consents.open.get_mut(&leg) {
                open.heard = Some((now.instant + open.window, whose));
            }
            self.said(now, leg, Consent::GIVEN);
        }
    }

    /// Two part before they have heard it: nobody was asked.
    pub(super) fn notice_broken_off(&mut self, pair: [LegId; 2]) {
        let unheard = |leg: &LegId, open: &Open| pair.contains(leg) && open.heard.is_none();
        self.consents.open.retain(|leg, open| !unheard(leg, open));
    }

    /// A key at a leg. Answers whether it refused a recording.
    pub(super) fn refuses_by_key(&mut self, now: Now, leg: LegId, key: char) -> bool {
        let in_time = |open: &Open| open.until().is_none_or(|until| now.instant < until);
        if !self.consents.open.get(&leg).is_some_and(|open| open.key == key && in_time(open)) {
            return false;
        }
        self.consents.open.remove(&leg);
        self.said(now, leg, Consent::REFUSED);
        let whose = self.whose(leg);
        self.consent_goes_on_record(now, whose, false);
        self.record_no_more(now, leg);
        true
    }

    /// It is settled in a call what somebody says: for its record, and for whoever follows it.
    pub(super) fn said(&mut self, now: Now, leg: LegId, consent: Consent) {
        let Some(call) = self.calls.call_of(leg) else { return };
        self.consents.said.insert(leg, consent);
        if self.consents.calls.insert(call, consent) == Some(consent) {
            return;
        }
        self.keep_walk_event(now, call, What::Consented { leg, consent });
        self.note(now.unix, call, Some(leg), consent.words().to_owned());
        tracing::info!(%call, "{}", consent.words());
        let Consent { given, how } = consent;
        self.publish(Happening::CallConsent { call, given, how });
    }

    /// Whoever has said it in another call says the same in this one.
    pub(super) fn consent_comes_along(&mut self, now: Now, pair: [LegId; 2]) {
        let said = |leg: LegId| self.consents.said.get(&leg).map(|said| (leg, *said));
        let said: Vec<_> = pair.into_iter().filter_map(said).collect();
        said.into_iter().for_each(|(leg, consent)| self.said(now, leg, consent));
    }

    /// Those who have not refused in time have agreed.
    pub(super) fn consents_time_out(&mut self, now: Now) {
        let due = |open: &Open| open.until().is_some_and(|until| until <= now.instant);
        let due: Vec<_> =
            self.consents.open.iter().filter(|(_, open)| due(open)).map(|(leg, _)| *leg).collect();
        due.into_iter().for_each(|leg| self.consent_stands(now, leg));
    }

    /// A leg goes.
    pub(super) fn consent_left(&mut self, now: Now, leg: LegId) {
        self.consent_stands(now, leg);
        self.consents.said.remove(&leg);
    }

    /// Nobody refuses any more at a leg.
    fn consent_stands(&mut self, now: Now, leg: LegId) {
        let open = self.consents.open.remove(&leg);
        if let Some((_, whose)) = open.and_then(|open| open.heard) {
            self.consent_goes_on_record(now, whose, true);
        }
    }

    /// The word goes on the person's record, where whoever may can change it, unless it stands there already. Whoever is
    /// known by nothing yet is by the number from now on; whoever hides it cannot be known again.
    fn consent_goes_on_record(&mut self, now: Now, whose: Whose, given: bool) {
        let Whose { contact, identity, before } = whose;
        if before == Some(given) {
            return;
        }
        let (source, through) = (Source::Customer, Some(Channel::Voice));
        let by = || ActorId::from(RECORDING);
        let who = match (contact, identity) {
            (Some(contact), _) => Who::Contact(contact),
            (None, Some(identity)) => {
                let who = Who::Identity(identity.kind, identity.value.clone());
                let (fields, identities) = (BTreeMap::new(), vec![identity]);
                let new = Order::Create { fields, identities, source, channel: through };
                self.take_order_of(now, by(), new);
                who
            }
            (None, None) => return,
        };
        let (channel, purpose) = (Channel::Voice, RECORDING.to_owned());
        let order = Order::Consent { who, channel, purpose, given, source, through };
        self.take_order_of(now, by(), order);
    }

    /// Tells a phone that nothing is recorded.
    pub(super) fn say_not_recorded(&mut self, leg: LegId) {
        let clips = self.prompts.clip(prompts::NOT_POSSIBLE);
        self.play(leg, Playing::Aside, clips, false, false);
    }

    /// An aside is over: the two hear each other again.
    pub(super) fn aside_played(&mut self, leg: LegId) {
        if let Some(partner) = self.calls.partner(leg) {
            self.join(leg, partner);
        }
    }
}
