//! What the other side says.

use super::*;
use crate::smpp::codec::Malformed;
use crate::smpp::pdu::RESPONSE;
use crate::smpp::status::Meaning;

impl Session {
    /// Takes what came from the socket.
    pub fn handle_octets(&mut self, now: Now, octets: &[u8]) {
        if self.state == State::Closed {
            return;
        }
        self.framer.push(now.instant, octets);
        while self.state != State::Closed {
            match self.framer.next(now.instant) {
                Ok(Some(frame)) => self.handle_frame(now.instant, &frame),
                Ok(None) => break,
                Err(length) => {
                    // Where the next PDU begins cannot be known (SMPP 3.4 section 4.3.1).
                    self.counters.malformed += 1;
                    let sequence = self.framer.sequence();
                    self.write(Status::INVALID_COMMAND_LENGTH, sequence, Pdu::GenericNack);
                    self.close(Ended::Length(length.0));
                }
            }
        }
        self.pump(now.instant);
    }

    /// Answers a request of theirs. Without a PDU the answer is the empty one of its kind; an answer to a request that is
    /// no longer open is dropped, for the link that it came over is gone.
    pub fn handle_answer(&mut self, now: Now, handle: Handle, status: Status, pdu: Option<Pdu>) {
        let Some(open) = self.open.remove(&handle) else { return };
        let fitting = pdu.filter(|pdu| pdu.command() == open.command | RESPONSE);
        if let Some(pdu) = fitting.or_else(|| empty_response(open.command)) {
            self.write(status, open.sequence, pdu);
        }
        self.end_drain_if_dry(now.instant);
    }

    fn handle_frame(&mut self, at: Instant, frame: &Bytes) {
        self.heard = at;
        match Command::read(frame) {
            Ok(command) if command.pdu.is_response() => self.handle_response(at, command),
            Ok(command) => self.handle_request(at, command),
            Err(malformed) => self.handle_malformed(at, malformed),
        }
    }

    /// A response that cannot be read still says by its header what became of the request.
    fn handle_malformed(&mut self, at: Instant, why: Malformed) {
        self.counters.malformed += 1;
        match empty_response(why.command & !RESPONSE) {
            Some(pdu) if why.command & RESPONSE != 0 => {
                self.handle_response(at, Command::new(why.status, why.sequence, pdu));
            }
            Some(pdu) => self.write(why.verdict, why.sequence, pdu),
            None => self.write(why.verdict, why.sequence, Pdu::GenericNack),
        }
    }

    fn handle_request(&mut self, at: Instant, command: Command) {
        let sequence = command.sequence;
        match command.pdu {
            Pdu::EnquireLink => self.write(Status::OK, sequence, Pdu::EnquireLinkResp),
            Pdu::Unbind => self.handle_their_unbind(at, sequence),
            Pdu::Bind(bind) => self.handle_bind(at, sequence, bind),
            Pdu::Outbind(system_id, password) => self.handle_outbind(at, system_id, password),
            Pdu::Other(..) => self.misplaced(Status::INVALID_COMMAND, sequence, None),
            pdu => self.handle_message(at, sequence, pdu),
        }
    }

    fn handle_message(&mut self, at: Instant, sequence: u32, pdu: Pdu) {
        let from = if self.role == Role::Esme { Role::Smsc } else { Role::Esme };
        let kind = match self.state {
            State::Bound(kind) | State::Draining(kind, ..) => Some(kind),
            _ => None,
        };
        if !kind.is_some_and(|kind| allowed(from, pdu.command(), kind)) {
            return self.misplaced(Status::WRONG_STATE, sequence, pdu.refusal());
        }
        self.active = at;
        if let Some(refused) = self.refusal(at, &pdu) {
            self.counters.refused += 1;
            if let Some(answer) = pdu.refusal() {
                self.write(refused, sequence, answer);
            }
            return;
        }
        let command = pdu.command();
        if empty_response(command).is_none() {
            return self.outputs.push_back(Output::Told(pdu));
        }
        self.handles += 1;
        let handle = Handle(self.handles);
        self.open.insert(handle, Open { sequence, command });
        self.outputs.push_back(Output::Asked(handle, pdu));
    }

    /// Why a request that is in its place is not taken all the same. It comes again later, for it stays with its sender.
    fn refusal(&mut self, at: Instant, pdu: &Pdu) -> Option<Status> {
        let window = self.limits.theirs.min(self.grant.window.unwrap_or(usize::MAX));
        if self.open.len() >= window || matches!(self.state, State::Draining(..)) {
            return Some(Status::QUEUE_FULL);
        }
        let message = pdu.message().filter(|_| self.role == Role::Smsc)?;
        if !self.grant.senders.allow(&message.from) {
            return Some(Status::INVALID_SOURCE);
        }
        let rate = self.grant.rate.as_mut()?;
        (!rate.take(at)).then_some(Status::THROTTLED)
    }

    fn handle_bind(&mut self, at: Instant, sequence: u32, bind: Bind) {
        let answer = Pdu::BindResp(bind.kind, Text::default(), Tlvs::default());
        match (self.role, self.state) {
            (Role::Smsc, State::Open(until)) => {
                self.state = State::Proving(bind.kind, sequence, until.max(at));
                self.outputs.push_back(Output::Prove(Box::new(bind)));
            }
            (Role::Smsc, _) => self.misplaced(Status::ALREADY_BOUND, sequence, Some(answer)),
            (Role::Esme, _) => self.misplaced(Status::WRONG_STATE, sequence, Some(answer)),
        }
    }

    fn handle_outbind(&mut self, at: Instant, system_id: Text, password: Text) {
        match (self.role, self.state, &self.bind) {
            (Role::Esme, State::Open(until), Some(own)) => {
                let asked = Bind { system_id, password, ..own.clone() };
                self.state = State::Proving(own.kind, 0, until.max(at));
                self.outputs.push_back(Output::Prove(Box::new(asked)));
            }
            _ => self.counters.misplaced += 1,
        }
    }

    fn handle_their_unbind(&mut self, at: Instant, sequence: u32) {
        match self.state {
            State::Bound(kind) | State::Draining(kind, ..) => {
                self.refuse_queue();
                let until = at + self.limits.drain;
                self.state = State::Draining(kind, Some(sequence), until);
                self.end_drain_if_dry(at);
            }
            _ => {
                self.write(Status::OK, sequence, Pdu::UnbindResp);
                self.close(Ended::UnboundByPeer);
            }
        }
    }

    fn misplaced(&mut self, status: Status, sequence: u32, answer: Option<Pdu>) {
        self.counters.misplaced += 1;
        self.write(status, sequence, answer.unwrap_or(Pdu::GenericNack));
    }

    fn handle_response(&mut self, at: Instant, command: Command) {
        let Command { status, sequence, pdu } = command;
        match (self.state, &pdu) {
            (State::Binding(kind, own, _), Pdu::BindResp(_, name, _)) if own == sequence => {
                return self.handle_bind_resp(at, kind, status, name.clone());
            }
            (State::Binding(_, own, _), Pdu::GenericNack) if own == sequence => {
                return self.close(Ended::Refused(status));
            }
            (State::Unbinding(own, _), Pdu::UnbindResp | Pdu::GenericNack) if own == sequence => {
                return self.close(Ended::Unbound);
            }
            _ => {}
        }
        if self.enquiry.is_some_and(|(own, _)| own == sequence) {
            // Whatever they make of the question, they are there.
            self.enquiry = None;
            return;
        }
        self.handle_answered(at, status, sequence, pdu);
    }

    fn handle_bind_resp(&mut self, at: Instant, kind: BindKind, status: Status, name: Text) {
        if status.is_ok() {
            self.become_bound(at, kind, name);
        } else {
            self.close(Ended::Refused(status));
        }
    }

    fn handle_answered(&mut self, at: Instant, status: Status, sequence: u32, pdu: Pdu) {
        let fits = |waiting: &Waiting| {
            pdu == Pdu::GenericNack || waiting.sending.pdu.command() | RESPONSE == pdu.command()
        };
        if !self.window.get(&sequence).is_some_and(fits) {
            return self.handle_late(status, sequence, pdu);
        }
        // It was there a line above.
        let Some(waiting) = self.window.remove(&sequence) else { return };
        self.active = at;
        self.free(&waiting.sending.pdu);
        self.trim_sent();
        if status.meaning() == Meaning::Throttled {
            self.throttle(at, waiting);
        } else {
            self.pauses = 0;
            self.room = (self.room + 1).min(self.limits.window.max(1));
            let ticket = waiting.sending.ticket;
            self.outputs.push_back(Output::Fate(ticket, Fate::Answered(status, pdu)));
        }
        self.end_drain_if_dry(at);
    }

    fn handle_late(&mut self, status: Status, sequence: u32, pdu: Pdu) {
        match self.late.iter().position(|(own, _)| *own == sequence) {
            Some(at) => {
                let ticket = self.late.remove(at).map(|(_, ticket)| ticket);
                self.outputs.extend(ticket.map(|ticket| Output::Late(ticket, status, pdu)));
            }
            None => self.counters.stray += 1,
        }
    }
}
