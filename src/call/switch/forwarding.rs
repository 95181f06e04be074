//! Calling an extension as its phone is set: forwards, do-not-disturb, call waiting; and pickup and intercom by code.

use super::{Calls, Output, Saying, What};
use crate::call::current::{Activity, Purpose};
use crate::call::desk::forward::MOST_FORWARDS;
use crate::call::desk::{Diversion, When, destination};
use crate::call::ending::Cause;
use crate::call::plan::Destination;
use crate::call::record::Peer;
use crate::id::{CallId, ExtensionId, LegId};
use crate::time::Now;

impl Calls {
    /// Rings an extension, or does what its phone is set to do instead.
    pub(super) fn call_extension(&mut self, now: Now, call: CallId, extension: ExtensionId) {
        if self.forward_call(now, call, &extension, When::Always) {
            return;
        }
        // Whoever was called before is out of it: a mailbox may take over from here.
        self.be(call, Activity::Ringing);
        if self.desk.is_not_to_be_disturbed(&extension) || self.desk.is_full(&extension) {
            return self.not_reached(now, call, &extension, Cause::Busy);
        }
        self.ring_extension(now, call, extension);
    }

    /// An extension could not be had: its forward for the case, or the end of this attempt.
    pub(super) fn not_reached(
        &mut self,
        now: Now,
        call: CallId,
        extension: &ExtensionId,
        cause: Cause,
    ) {
        let when = match cause {
            Cause::Busy | Cause::Declined => When::Busy,
            Cause::NoAnswer => When::NoAnswer,
            Cause::NotRegistered | Cause::Unreachable => When::Unregistered,
            _ => return self.failed(call, cause),
        };
        if self.forward_call(now, call, extension, when) {
            return;
        }
        match self.mailbox_for(call, extension, cause) {
            Some(mailbox) => self.go_to(now, call, Destination::Voicemail(mailbox)),
            None => self.failed(call, cause),
        }
    }

    /// The mailbox that takes a message from a caller who did not get through: of whoever was called first, else of the
    /// one that the call was forwarded to. Where a flow or a transfer asked for the extension, it is told of the failure
    /// instead: it knows better what the caller wants.
    fn mailbox_for(
        &self,
        call: CallId,
        extension: &ExtensionId,
        cause: Cause,
    ) -> Option<ExtensionId> {
        let state = self.calls.get(&call)?;
        let plain = state.activity == Activity::Ringing && !state.ivr_waits;
        if !plain || state.transferor.is_some() || !leaves_message(cause) {
            return None;
        }
        let first = self.diversions(call).first().map(|diversion| &diversion.by);
        let has_one = |extension: &&ExtensionId| self.settings.mailboxes.contains(*extension);
        let inside = first.into_iter().chain([extension]).find(has_one).cloned();
        self.diverted_mailbox(call).or(inside)
    }

    /// The mailbox of whoever passed the call on before it reached us, while nobody here has answered it.
    pub(super) fn diverted_mailbox(&self, call: CallId) -> Option<ExtensionId> {
        let state = self.calls.get(&call).filter(|state| state.connected.is_none())?;
        let extension = state.diverted_by.as_ref()?.extension.as_ref()?;
        self.settings.mailboxes.get(extension).cloned()
    }

    /// Passes a call on as the phone is set for the case. Answers whether that was the end of it here: passed on, or
    /// ended because it went round.
    fn forward_call(
        &mut self,
        now: Now,
        call: CallId,
        extension: &ExtensionId,
        when: When,
    ) -> bool {
        let Some(onward) = self.desk.forward(extension, when) else { return false };
        let Some(state) = self.calls.get_mut(&call) else { return false };
        // RFC 5806 section 4: each phone once, and not for ever.
        let before = state.diversions.get(state.history..).unwrap_or_default();
        if before.len() >= MOST_FORWARDS || before.iter().any(|other| other.by == *extension) {
            self.failed(call, Cause::LoopDetected);
            return true;
        }
        let diversion = Diversion { by: extension.clone(), when };
        state.diversions.push(diversion.clone());
        self.happened(now, call, What::Forwarded(diversion));
        self.go_to(now, call, destination(onward, extension));
        true
    }

    /// Answers for `picker` what rings at `other`, or, without one, what rings in its own pickup group.
    pub(super) fn pick_up(
        &mut self,
        now: Now,
        call: CallId,
        picker: &ExtensionId,
        other: Option<ExtensionId>,
    ) {
        let may = |extension: &ExtensionId| match &other {
            Some(other) => extension == other && self.desk.may_pick_up(picker, extension),
            None => extension != picker && self.desk.share_a_group(picker, extension),
        };
        let found = self.ringing_at(may);
        let leg = self.caller(call);
        let done = match (leg, found) {
            (Some(leg), Some(found)) => self.handle_pickup(now, leg, found),
            _ => false,
        };
        if !done {
            self.answer_caller(now, call, None);
            self.say(call, Saying::NotPossible);
        }
    }

    /// The leg that rings longest at an extension that `fits`.
    fn ringing_at(&self, fits: impl Fn(&ExtensionId) -> bool) -> Option<LegId> {
        let rings = |state: &super::Call| {
            let mut legs = state.ringing();
            let found = legs.find(|(_, leg)| matches!(&leg.peer, Peer::Extension(e) if fits(e)));
            found.map(|(leg, _)| (state.arrived, leg))
        };
        let reachable = |state: &&super::Call| {
            matches!(state.activity, Activity::Ringing | Activity::Queued(_))
        };
        self.calls.values().filter(reachable).filter_map(rings).min().map(|(_, leg)| leg)
    }

    /// Calls an extension whose phone answers by itself. Nobody is spoken to who talks or is not to be disturbed.
    pub(super) fn speak_to(&mut self, now: Now, call: CallId, extension: Option<ExtensionId>) {
        let known = |extension: &ExtensionId| self.desk.settings.phones.contains_key(extension);
        let Some(extension) = extension.filter(known) else {
            return self.failed(call, Cause::NoSuchNumber);
        };
        if self.desk.is_closed_to_speakers(&extension) {
            return self.failed(call, Cause::Busy);
        }
        let leg = self.add_leg(call, Peer::Extension(extension.clone()), Purpose::Asked);
        self.start_ringing(now, call, leg, self.settings.ring_time);
        self.outputs.push_back(Output::DialExtension { call, leg, extension, intercom: true });
    }
}

/// Whether a caller who was turned away like this wants to leave a message.
fn leaves_message(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NoAnswer
            | Cause::Busy
            | Cause::Declined
            | Cause::NotRegistered
            | Cause::Unreachable
            | Cause::NetworkFailure
    )
}
