//! What we say: the queue, the window, and what happens when the other side wants less.

use super::*;

/// How far behind the first in the queue one is looked for whose receiver has nothing on its way.
const LOOK_AHEAD: usize = 100;

impl Session {
    /// Sends a request, or keeps it until there is room. Its fate is told once.
    pub fn handle_send(&mut self, now: Now, sending: Sending) {
        let ticket = sending.ticket;
        let unsent = match self.state {
            State::Bound(kind) if !allowed(self.role, sending.pdu.command(), kind) => {
                Some(Unsent::WrongBind)
            }
            State::Bound(_) if self.queue.len() >= self.limits.queue => {
                Some(Unsent::Full(self.pause_left(now.instant)))
            }
            State::Bound(_) => None,
            _ => Some(Unsent::Away),
        };
        if let Some(unsent) = unsent {
            return self.outputs.push_back(Output::Fate(ticket, Fate::NotSent(unsent)));
        }
        self.orders += 1;
        self.queue.push_back((self.orders, sending));
        self.pump(now.instant);
    }

    /// How long to leave a link alone that is full: what is left of a pause, and the shortest one otherwise.
    fn pause_left(&self, at: Instant) -> Duration {
        let left = self.paused.map(|until| until.saturating_duration_since(at));
        left.unwrap_or(Duration::ZERO).max(self.limits.pause)
    }

    /// Sends what may be sent.
    pub(super) fn pump(&mut self, at: Instant) {
        if !matches!(self.state, State::Bound(_)) {
            return;
        }
        if self.paused.is_some_and(|until| at < until) {
            return;
        }
        self.paused = None;
        while self.window.len() < self.room {
            let Some((order, sending)) = self.next_to_send() else { return };
            if sending.until.is_some_and(|until| until <= at) {
                let fate = Fate::NotSent(Unsent::Expired);
                self.outputs.push_back(Output::Fate(sending.ticket, fate));
            } else {
                self.put_on_its_way(at, order, sending);
            }
        }
    }

    /// The first whose receiver has nothing on its way. One that is passed over holds back those to the same receiver.
    fn next_to_send(&mut self) -> Option<(u64, Sending)> {
        if !self.limits.ordered {
            return self.queue.pop_front();
        }
        let mut passed = BTreeSet::new();
        let at = self.queue.iter().take(LOOK_AHEAD).position(|(_, sending)| {
            match sending.pdu.destination() {
                Some(to) if self.busy.contains(to) || passed.contains(&to) => {
                    passed.insert(to);
                    false
                }
                _ => true,
            }
        })?;
        self.queue.remove(at)
    }

    fn put_on_its_way(&mut self, at: Instant, order: u64, sending: Sending) {
        let sequence = self.free_sequence();
        self.write(Status::OK, sequence, sending.pdu.clone());
        self.active = at;
        if sending.pdu.refusal().is_none() {
            // alert_notification has no answer: that it was written is all that can be known.
            let fate = Fate::Answered(Status::OK, Pdu::GenericNack);
            return self.outputs.push_back(Output::Fate(sending.ticket, fate));
        }
        if self.limits.ordered {
            self.busy.extend(sending.pdu.destination().cloned());
        }
        self.sent.push_back((at, sequence));
        self.window.insert(sequence, Waiting { order, sending, end: self.produced });
    }

    /// After two thousand million requests a number comes again: not while its first owner waits.
    fn free_sequence(&mut self) -> u32 {
        let mut sequence = self.next_sequence();
        while self.window.contains_key(&sequence) {
            sequence = self.next_sequence();
        }
        sequence
    }

    pub(super) fn free(&mut self, pdu: &Pdu) {
        if let Some(to) = pdu.destination().filter(|_| self.limits.ordered) {
            self.busy.remove(to);
        }
    }

    /// The other side wants less: this one goes back to its place, nothing is sent for a while, and then one at a time.
    pub(super) fn throttle(&mut self, at: Instant, waiting: Waiting) {
        self.counters.throttled += 1;
        let place = self.queue.partition_point(|(order, _)| *order < waiting.order);
        self.queue.insert(place, (waiting.order, waiting.sending));
        if matches!(self.state, State::Draining(..)) {
            return self.refuse_queue();
        }
        if self.paused.is_some_and(|until| at < until) {
            return;
        }
        let doubled = self.limits.pause.saturating_mul(1 << self.pauses.min(16));
        let pause = doubled.min(LONGEST_PAUSE.max(self.limits.pause));
        // Up to a quarter more, so that many links to one carrier do not come back as one.
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        let pause = pause + Duration::from_micros(self.random.below(micros / 4));
        self.pauses = self.pauses.saturating_add(1);
        self.room = 1;
        self.paused = Some(at + pause);
        self.outputs.push_back(Output::Throttled(pause));
    }

    /// Requests whose answer did not come in time are doubtful; their place in the window is free again.
    pub(super) fn forget_unanswered(&mut self, at: Instant) {
        while let Some((sent, sequence)) = self.sent.front().copied() {
            let answered = !self.window.contains_key(&sequence);
            if !answered && at < sent + self.limits.response {
                break;
            }
            self.sent.pop_front();
            let Some(waiting) = self.window.remove(&sequence) else { continue };
            self.free(&waiting.sending.pdu);
            let ticket = waiting.sending.ticket;
            // Even one that the socket has not taken yet: it has been given away and may still go out.
            self.remember_late(sequence, ticket);
            self.outputs.push_back(Output::Fate(ticket, Fate::Doubtful));
        }
        self.end_drain_if_dry(at);
    }

    /// Takes answered ones off the front, so that what is remembered is no longer than the oldest that waits.
    pub(super) fn trim_sent(&mut self) {
        while self.sent.front().is_some_and(|(_, sequence)| !self.window.contains_key(sequence)) {
            self.sent.pop_front();
        }
    }

    fn remember_late(&mut self, sequence: u32, ticket: Ticket) {
        if self.late.len() == LATE {
            self.late.pop_front();
        }
        self.late.push_back((sequence, ticket));
    }

    pub(super) fn refuse_queue(&mut self) {
        for (_, sending) in std::mem::take(&mut self.queue) {
            let fate = Fate::NotSent(Unsent::Away);
            self.outputs.push_back(Output::Fate(sending.ticket, fate));
        }
    }
}
