//! The journal on one side, everything on the other: what is kept, and who waits until it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::admin::Reply;
use crate::agent::Presence;
use crate::call::protection::Protection;
use crate::call::record::Record;
use crate::call::{self, Saying};
use crate::gateway::{Gateway, ReplyTo};
use crate::id::{AgentId, CallId, LegId};
use crate::journal::event::{CallEvent, CallRecord, Event, Quality, What};
use crate::journal::personal::Personal;
use crate::journal::text::Text;
use crate::journal::{Failure, State, Token};
use crate::media;
use crate::sip::endpoint::ServerKey;
use crate::sip::flow::Flow;
use crate::sip::message::{Request, Response};
use crate::sip::registrar::{Binding, Change};
use crate::time::{Now, UnixTime};

/// How long a call record waits for the last word on how its legs sounded.
const QUALITY_TIME: Duration = Duration::from_secs(2);
/// Percent of the disk in use above which no message is recorded, and above which single events of calls are not kept.
/// Call records and registrations always are.
const NO_RECORDINGS: u8 = 90;
pub(super) const NO_EVENTS: u8 = 95;

/// What is on its way to the journal.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// Answers that wait until what they confirm is on the disk.
    answers: Vec<(Token, ServerKey, Response)>,
    /// Callers of feature codes who are told once what they chose is on the disk.
    sayings: Vec<(Token, CallId, Saying)>,
    /// Replies to those whose act is on its way to the disk.
    pub(super) replies: Vec<(Token, ReplyTo, Reply)>,
    /// Orders that are answered once they are on the disk, and not before.
    pub(super) kept: Vec<(Token, ReplyTo)>,
    /// Legs whose media thread has not said yet how they sounded.
    /// Legs that say soon how they were, and how their sound was protected.
    closing: BTreeMap<LegId, Option<Protection>>,
    qualities: BTreeMap<LegId, Quality>,
    records: BTreeMap<CallId, (Instant, Record)>,
    pub(super) unshown: super::ended::Unshown,
    /// Legs whose record was kept without the last word on them: a media thread was silent for too long.
    pub unheard_of: u64,
    /// Percent of the disk in use.
    pub room: u8,
}

impl Keeping {
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
            && self.sayings.is_empty()
            && self.replies.is_empty()
            && self.kept.is_empty()
            && self.closing.is_empty()
            && self.qualities.is_empty()
            && self.records.is_empty()
    }

    /// Whether the record of a call is being put together.
    pub fn is_ending(&self, call: CallId) -> bool {
        self.records.contains_key(&call)
    }

    /// What is known of a call whose record is being put together.
    pub fn record_of(&self, call: CallId) -> Option<&Record> {
        self.records.get(&call).map(|(_, record)| record)
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.records.values().map(|(until, _)| *until).min()
    }
}

/// What the journal's thread tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Everything up to this is on the disk.
    Stored(Token),
    /// It is not.
    Failed(Failure),
    /// So much of the disk is in use, in percent.
    Room(u8),
}

impl Gateway {
    /// The journal's thread says something.
    pub fn handle_journal(&mut self, now: Now, kept: Kept) {
        match kept {
            Kept::Stored(upto) => self.journal.handle_stored(now, upto),
            Kept::Failed(why) => self.journal.handle_failed(now, why),
            Kept::Room(used) => self.keeping.room = used,
        }
        self.send_answers(now);
        self.mail_is_stored(now);
        self.orders_are_stored(now);
        self.journeys_are_stored(now);
        self.messages_are_stored(now);
        self.send_web_answers();
        self.send_replies();
        self.send_kept();
        self.hearing_is_stored();
        self.settle(now);
    }

    /// Sends what was waiting for the disk. While the disk fails, phones are served from memory all the same: a branch
    /// that cannot be called helps nobody, and the status page says that registrations would not survive a restart.
    fn send_answers(&mut self, now: Now) {
        let failed = self.journal.state() != State::Healthy;
        let waiting = std::mem::take(&mut self.keeping.answers);
        for (token, key, response) in waiting {
            if failed || self.journal.is_stored(token) {
                self.endpoint.respond(now, key, response);
            } else {
                self.keeping.answers.push((token, key, response));
            }
        }
        let waiting = std::mem::take(&mut self.keeping.sayings);
        for (token, call, saying) in waiting {
            if failed || self.journal.is_stored(token) {
                self.calls.handle_feature(call, saying);
            } else {
                self.keeping.sayings.push((token, call, saying));
            }
        }
    }

    /// Tells a caller that something is done once this is on the disk; at once while the disk fails.
    pub(super) fn say_when_kept(&mut self, now: Now, event: Event, call: CallId, saying: Saying) {
        let token = self.keep(now, event);
        if self.journal.state() == State::Healthy {
            self.keeping.sayings.push((token, call, saying));
        } else {
            self.calls.handle_feature(call, saying);
        }
    }

    pub(super) fn keep(&mut self, now: Now, event: Event) -> Token {
        self.journal.append(now, event)
    }

    /// A phone registers. The answer waits until the binding is on the disk. So does one that changes nothing: it tells of
    /// bindings that may still be on their way.
    pub(super) fn register(
        &mut self,
        now: Now,
        key: ServerKey,
        request: &Request,
        user: &str,
        flow: Flow,
    ) {
        let outcome = self.registrar.handle(now, user, request, flow);
        if outcome.response.headers.get("Flow-Timer").is_some() {
            let silence = crate::sip::outbound::SILENCE;
            self.outputs.push_back(super::Output::Expect(flow.connection, silence));
        }
        for change in outcome.changes {
            self.keep_change(now, change);
        }
        let newest = self.journal.newest();
        if self.journal.state() == State::Healthy && !self.journal.is_stored(newest) {
            self.keeping.answers.push((newest, key, outcome.response));
        } else {
            self.endpoint.respond(now, key, outcome.response);
        }
    }

    pub(super) fn keep_change(&mut self, now: Now, change: Change) -> Token {
        match &change {
            Change::Bound(binding) => {
                let (extension, way) = (&binding.user, &binding.transport);
                let known = self.journal.live().bindings.get(binding.user.as_str());
                if known.is_none_or(|phones| !phones.has(&binding.contact)) {
                    tracing::info!(%extension, %way, until = %binding.expires, "a phone is registered");
                }
            }
            Change::Unbound { user, .. } => tracing::info!(extension = %user, "a phone is gone"),
        }
        self.registration_changed(now, &change);
        if let Change::Bound(binding) = &change {
            self.rings_again(&binding.user.as_str().into());
            self.phone_is_back(binding);
        }
        let event = match change {
            Change::Bound(binding) => Event::Bound {
                user: binding.user.clone(),
                contact: binding.contact.clone(),
                // A binding is plain data; there is nothing in it that JSON could not say.
                binding: Text::of(&binding).unwrap_or_default(),
            },
            Change::Unbound { user, contact } => Event::Unbound { user, contact },
        };
        self.keep(now, event)
    }

    pub(super) fn keep_presence(
        &mut self,
        now: Now,
        agent: AgentId,
        presence: &Presence,
        idle_since: UnixTime,
    ) {
        let presence = presence.clone();
        self.keep(now, Event::Agent { agent, presence, idle_since });
    }

    pub(super) fn keep_call_event(&mut self, now: Now, event: call::Event) {
        // An arrival opens the call in the journal, so that a restart knows which calls it cut off.
        let essential = matches!(event.what, call::What::Arrived { .. });
        if let call::What::Arrived { peer, from, .. } = &event.what {
            self.look_for_caller(event.call, peer, from);
        }
        if essential || self.keeping.room < NO_EVENTS {
            self.keep(now, Event::Call(event.into()));
        }
    }

    /// Something in a call that the IVR knows.
    pub(super) fn keep_walk_event(&mut self, now: Now, call: CallId, what: What) {
        if self.keeping.room < NO_EVENTS {
            self.keep(now, Event::Call(CallEvent { call, at: now.unix, what }));
        }
    }

    /// Whether there is room for messages.
    pub(super) fn may_record(&self) -> bool {
        self.keeping.room < NO_RECORDINGS
    }

    /// A leg's media thread was told to forget it; it will say how it was.
    pub(super) fn expect_quality(&mut self, leg: LegId, protection: Option<Protection>) {
        self.keeping.closing.insert(leg, protection);
    }

    pub(super) fn keep_quality(&mut self, now: Now, leg: LegId, report: &media::Report) {
        self.note_sound(now, leg, report);
        // A record that has not waited for it is written.
        let Some(protection) = self.keeping.closing.remove(&leg) else { return };
        let quality = Quality {
            sent: report.sent,
            received: report.received,
            lost: report.lost,
            jitter_ms: report.jitter_ms,
            round_trip_ms: report.round_trip_ms,
            mos: report.mos,
            mos_there: report.mos_there,
            spoken_s: report.spoken_s,
            one_way: report.one_way,
            machine: report.machine,
            forged: report.forged,
            replayed: report.replayed,
            protection,
        };
        self.keeping.qualities.insert(leg, quality);
        self.keep_records(now);
    }

    /// A call is over; its record is kept once every leg's quality is known.
    pub(super) fn call_ended(&mut self, now: Now, record: Record) {
        self.work_forget(now, record.call);
        self.callback_over(record.call);
        self.help_ended(now, &record);
        self.walks.remove(&record.call);
        self.survey_over(record.call);
        self.hot_desks.handle_call_ended(record.call);
        self.end_visit(now, record.call);
        self.keeping.records.insert(record.call, (now.instant + QUALITY_TIME, record));
        self.keep_records(now);
    }

    /// Keeps the records that are complete, or have waited long enough.
    pub(super) fn keep_records(&mut self, now: Now) {
        let closing = &self.keeping.closing;
        let complete = |(until, record): &(Instant, Record)| {
            *until <= now.instant || !record.legs.iter().any(|leg| closing.contains_key(&leg.leg))
        };
        let ready: Vec<_> = self
            .keeping
            .records
            .iter()
            .filter(|(_, record)| complete(record))
            .map(|(call, _)| *call)
            .collect();
        for call in ready {
            let Some((_, record)) = self.keeping.records.remove(&call) else { continue };
            let legs: Vec<_> = record.legs.iter().map(|leg| leg.leg).collect();
            let silent = legs.iter().filter(|leg| self.keeping.closing.contains_key(leg));
            for leg in silent {
                self.keeping.unheard_of += 1;
                tracing::warn!(%call, %leg, "a media thread does not say how a leg sounded");
            }
            let contact = self.goes_on_with(call);
            let party = self.party_of(&record);
            let qualities = &self.keeping.qualities;
            let outside = party.clone();
            let mut kept = CallRecord::new(record, party, |leg| qualities.get(&leg).copied());
            kept.fee = self.fee_of(&kept);
            kept.consent = self.consents.over(call);
            kept.contact = contact;
            for leg in legs {
                self.keeping.qualities.remove(&leg);
                self.keeping.closing.remove(&leg);
            }
            let (call, cause) = (kept.call, kept.cause.name());
            tracing::info!(%call, direction = ?kept.direction, cause, "a call has ended");
            self.note_end(&kept);
            self.tell_end(now, &kept);
            let heard = self.hears_calls().then(|| kept.clone());
            self.keep_record(now, kept);
            self.hear_call(now, call, heard.as_ref(), outside);
        }
    }

    /// Takes up what was live before a restart. Calls did not survive it, and are recorded as cut off.
    pub(super) fn restore(&mut self, now: Now, first_start: bool) {
        let live = self.journal.live().clone();
        for (_, binding) in live.bindings.values().flat_map(|phones| phones.iter()) {
            match binding.read::<Binding>() {
                Ok(binding) => {
                    self.gate.trust.vouch(now.instant, binding.peer);
                    self.registrar.restore(binding);
                }
                Err(error) => {
                    tracing::warn!(%error, "a registration from before the restart cannot be read")
                }
            }
        }
        self.restore_desk();
        for (agent, standing) in &live.agents {
            self.await_page(now, agent);
            let done =
                self.roster.restore(now, agent, standing.presence.clone(), standing.idle_since);
            self.tell_roster(done);
        }
        if first_start {
            let signed_in: Vec<_> = self
                .settings
                .agents
                .iter()
                .filter(|agent| agent.signed_in)
                .map(|agent| agent.id.clone())
                .collect();
            for agent in signed_in {
                let done = self.roster.handle_sign_in(now, &agent);
                self.tell_roster(done);
            }
        }
        self.remember_help(now, live.help.values().cloned());
        self.calls.restore_spending(live.spending.clone());
        self.restore_subscriptions(now, &live.subscriptions);
        self.restore_mail();
        self.derive_tokens();
        self.restore_promises(now);
        for item in live.places.keys() {
            self.keep(now, Event::QueueLeft { item: *item });
        }
        for (call, open) in live.calls {
            if self.calls.numbers(call).is_some() {
                // It goes on.
                continue;
            }
            let from = self.journal.keys().read(&open.from);
            let party = from.and_then(|from| self.full_number(&from));
            let record = cut_off(now, call, open, party.clone());
            let heard = self.hears_calls().then(|| record.clone());
            self.keep_record(now, record);
            self.hear_call(now, call, heard.as_ref(), party);
        }
        self.restore_journeys(now);
        self.restore_errands(now);
        self.restore_messages(now);
        self.keep(now, Event::Started { version: env!("CARGO_PKG_VERSION").to_owned() });
    }
}

/// The record of a call that a restart cut off.
fn cut_off(
    now: Now,
    call: CallId,
    open: crate::journal::live::OpenCall,
    party: Option<String>,
) -> CallRecord {
    use crate::call::ending::Cause;
    use crate::call::record::Peer;
    use crate::journal::event::Direction;
    let so_far = open.so_far;
    CallRecord {
        call,
        direction: match open.peer {
            Peer::Trunk(_) | Peer::Chat(_) => Direction::Inbound,
            Peer::Extension(_) if so_far.dialled => Direction::Outbound,
            Peer::Extension(_) => Direction::Internal,
        },
        origin: open.peer,
        from: open.from,
        to: open.to,
        party: party.map(Personal::Clear),
        contact: None,
        arrived: open.arrived,
        answered: so_far.answered,
        connected: so_far.connected,
        ended: now.unix,
        queue: so_far.queue,
        agent: so_far.agent,
        conference: so_far.conference,
        cause: Cause::Interrupted,
        class: Cause::Interrupted.class(),
        legs: Vec::new(),
        recordings: so_far.recordings,
        diversions: so_far.diversions,
        diverted_by: None,
        fee: None,
        consent: so_far.consent,
    }
}
