//! IVR flows on one side, calls and sound on the other.

use std::time::Duration;

use crate::admin::api::feed::Happening;
use crate::call::ending::Cause;
use crate::call::plan::{Asked, Destination, Origin};
use crate::gateway::Gateway;
use crate::gateway::sound::Playing;
use crate::id::{CallId, FlowId, LegId, RecordingId};
use crate::ivr::{self, Walk};
use crate::journal::context::{call_name, of_call};
use crate::journal::event::What;
use crate::media;
use crate::time::Now;

impl Gateway {
    pub(super) fn start_walk(&mut self, now: Now, call: CallId, flow: &FlowId) {
        let walk = Walk::new(self.flows.clone(), flow);
        self.walks.insert(call, walk);
        self.with_walk(now, call, |walk, now| walk.handle_started(now));
    }

    pub(super) fn end_walk(&mut self, call: CallId) {
        self.walks.remove(&call);
    }

    pub(super) fn resume_walk(&mut self, now: Now, call: CallId, cause: Cause) {
        let outcome = match cause {
            Cause::Busy => ivr::Outcome::Busy,
            Cause::NoAnswer => ivr::Outcome::NoAnswer,
            _ => ivr::Outcome::Failed,
        };
        self.with_walk(now, call, |walk, now| walk.handle_refused(now, outcome));
    }

    pub(super) fn walk_played(&mut self, now: Now, call: CallId) {
        self.with_walk(now, call, Walk::handle_played);
    }

    /// A key press: for the flow, if the caller of one pressed it.
    pub(super) fn digit(&mut self, now: Now, leg: LegId, digit: char) {
        let Some(call) = self.calls.call_of(leg) else { return };
        self.calls.handle_key(now, leg, digit);
        if self.calls.caller(call) == Some(leg)
            && !self.pin_key(now, leg, digit)
            && !self.callback_key(now, call, digit)
        {
            self.with_walk(now, call, |walk, now| walk.handle_digit(now, digit));
            self.visit_digit(now, call, digit);
        }
    }

    pub(super) fn recorded(
        &mut self,
        now: Now,
        leg: LegId,
        recording: RecordingId,
        length: Duration,
    ) {
        if self.visit_has_recorded(now, recording, length) {
            return;
        }
        let Some(call) = self.calls.call_of(leg) else { return };
        self.calls.handle_recorded(call, recording);
        self.with_walk(now, call, |walk, now| walk.handle_recorded(now, recording, length));
    }

    pub(super) fn walks_time_out(&mut self, now: Now) {
        let due: Vec<_> = self
            .walks
            .iter()
            .filter(|(_, walk)| walk.deadline().is_some_and(|deadline| deadline <= now.instant))
            .map(|(call, _)| *call)
            .collect();
        for call in due {
            self.with_walk(now, call, Walk::handle_timeout);
        }
    }

    /// The caller whom a program may give orders for at this moment, where the call is at a program's node.
    pub(super) fn waits_for_orders(&self, call: CallId) -> Option<LegId> {
        self.calls.caller(call).filter(|_| self.walks.get(&call).is_some_and(Walk::takes_orders))
    }

    pub(super) fn walk_ordered(&mut self, now: Now, call: CallId) {
        self.with_walk(now, call, |walk, _| walk.handle_order());
    }

    pub(super) fn walk_order_done(&mut self, now: Now, call: CallId) {
        self.with_walk(now, call, Walk::handle_order_done);
    }

    /// Sends a caller on who waits for a program's orders.
    pub(super) fn walk_sent_on(&mut self, now: Now, call: CallId, to: ivr::Destination) {
        self.with_walk(now, call, |walk, _| walk.handle_sent_on());
        self.walk_leaves(now, call, to);
    }

    /// Takes a message of a caller who waits for a program's orders, until the program ends it.
    pub(super) fn walk_records(&mut self, now: Now, call: CallId, longest: Duration) {
        if let Some(leg) = self.waits_for_orders(call) {
            self.walk_ordered(now, call);
            self.record(now, leg, call, longest, None, false);
        }
    }

    /// Tells one walk something and does what it wants.
    pub(super) fn with_walk(&mut self, now: Now, call: CallId, tell: impl FnOnce(&mut Walk, Now)) {
        let Some(walk) = self.walks.get_mut(&call) else { return };
        tell(walk, now);
        while let Some(output) = self.walks.get_mut(&call).and_then(Walk::poll_output) {
            self.walk_says(now, call, output);
        }
    }

    fn walk_says(&mut self, now: Now, call: CallId, output: ivr::Output) {
        let Some(leg) = self.calls.caller(call) else { return };
        match output {
            ivr::Output::Play { clips, interruptible } => {
                let clips = self.prompts.clips(&self.with_articles(&clips));
                self.play(leg, Playing::Walk(call), clips, false, interruptible);
            }
            ivr::Output::StopPlaying => self.stop_playing(leg),
            ivr::Output::Record { max, silence, beep } => {
                self.record(now, leg, call, max, silence, beep)
            }
            ivr::Output::Leave(destination) => self.walk_leaves(now, call, destination),
            ivr::Output::Waits { node } => {
                let (from, to) = self.calls.numbers(call).unwrap_or_default();
                let (from, to) = (from.to_owned(), to.to_owned());
                self.publish(Happening::CallWaits { call, program: node, from, to });
            }
            ivr::Output::Callable { keyed, abroad, queue } => {
                let keyed = keyed.as_deref().map(|keyed| (keyed, abroad));
                self.walk_asks_callable(now, call, &queue, keyed);
            }
            ivr::Output::CallBack { keyed, abroad, place } => {
                let keyed = keyed.as_deref().map(|keyed| (keyed, abroad));
                self.promise_in_flow(now, call, keyed, place);
            }
            ivr::Output::Code { digits } => self.code_keyed(now, call, &digits),
            ivr::Output::HangUp => self.calls.handle_ivr_hang_up(call),
            ivr::Output::Echo => self.echo(leg),
            ivr::Output::Visited { node } => {
                self.survey_node(call, &node);
                self.keep_walk_event(now, call, What::Node { node });
            }
            ivr::Output::Collected { name, digits } => {
                self.survey_collected(now, call, &name, &digits);
                // With a key of its own for each call: they may be anything, and are the caller's alone.
                let digits = of_call(call, digits);
                self.keep_walk_event(now, call, What::Collected { name, digits });
            }
        }
    }

    /// Takes a message, if there is room for one; the walk goes on without it if there is not.
    fn record(
        &mut self,
        now: Now,
        leg: LegId,
        call: CallId,
        max: Duration,
        silence: Option<Duration>,
        beep: bool,
    ) {
        let recording = RecordingId(self.random.bits());
        if !self.may_record() {
            tracing::warn!(%call, "a message was not recorded: the disk is nearly full");
            return self.with_walk(now, call, |walk, now| {
                walk.handle_recorded(now, recording, Duration::ZERO)
            });
        }
        self.seal(recording, &call_name(call), 1);
        self.tell_leg(leg, |leg| media::Command::Record {
            leg,
            recording,
            max,
            stop_after_silence: silence,
            stop_on_digit: true,
            beep,
        });
    }

    pub(super) fn walk_leaves(&mut self, now: Now, call: CallId, destination: ivr::Destination) {
        match destination {
            ivr::Destination::Queue { queue, skills, priority } => {
                self.calls.handle_ivr_queue(now, call, queue, priority, skills);
            }
            ivr::Destination::Extension(extension) => {
                self.calls.handle_ivr_leave(now, call, Destination::Extension(extension));
            }
            ivr::Destination::Group(group) => {
                self.calls.handle_ivr_leave(now, call, Destination::Group(group));
            }
            ivr::Destination::Voicemail(mailbox) => {
                self.calls.handle_ivr_leave(now, call, Destination::Voicemail(mailbox));
            }
            ivr::Destination::Number(number) => {
                if let Some(destination) = self.outside(now, call, number.as_str()) {
                    self.calls.handle_ivr_leave(now, call, destination);
                }
            }
        }
    }

    /// Where the dial plan sends a number that a flow or a queue wants to call for this caller.
    pub(super) fn outside(&self, now: Now, call: CallId, number: &str) -> Option<Destination> {
        let from: Origin = self.calls.origin(call)?.clone();
        let asked = Asked { dialled: number, from, unix: now.unix };
        Some(self.plan.decide(&asked).destination)
    }
}
