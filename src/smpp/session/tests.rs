use super::*;
use crate::smpp::pdu::{Message, Named};
use crate::time::UnixTime;

/// Two ends of one link, with a socket in between that takes everything at once unless it is held.
struct Link {
    now: Now,
    esme: Session,
    smsc: Session,
    told: [Vec<Output>; 2],
    /// Nothing is taken from us any more.
    cut: bool,
    /// It is taken and goes nowhere.
    lost: bool,
    written: [u64; 2],
}

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

fn bind(kind: BindKind) -> Bind {
    let (system_id, password) = (Text::from("shop"), Text::from("secret"));
    let (system_type, range) = (Text::default(), Address::default());
    Bind { kind, system_id, password, system_type, version: 0x34, range }
}

fn submit(to: &str, text: &str) -> Pdu {
    let short_message = Bytes::copy_from_slice(text.as_bytes());
    Pdu::Submit(Box::new(Message { to: Address::of(to), short_message, ..Message::default() }))
}

fn deliver(to: &str) -> Pdu {
    Pdu::Deliver(Box::new(Message { to: Address::of(to), ..Message::default() }))
}

fn sending(ticket: u64, pdu: Pdu) -> Sending {
    Sending { ticket: Ticket(ticket), pdu, until: None }
}

impl Link {
    fn with(limits: Limits, kind: BindKind, grant: Grant) -> Link {
        let now = now();
        let esme = Session::esme(now, limits, bind(kind), Random::from_number(1));
        let smsc = Session::smsc(now, limits, Text::from("box"), Random::from_number(2));
        let told = [Vec::new(), Vec::new()];
        let mut link = Link { now, esme, smsc, told, cut: false, lost: false, written: [0, 0] };
        link.run();
        assert!(matches!(link.told[1].pop(), Some(Output::Prove(_))));
        link.smsc.handle_verdict(now, Ok(grant));
        link.run();
        assert_eq!(link.esme.bound(), Some(kind));
        link.told = [Vec::new(), Vec::new()];
        link
    }

    fn bound() -> Link {
        Link::with(Limits::default(), BindKind::Transceiver, Grant::default())
    }

    /// Carries octets until nobody has any more.
    fn run(&mut self) {
        loop {
            let mut moved = false;
            for end in 0..2 {
                let (from, to) = match end {
                    0 => (&mut self.esme, &mut self.smsc),
                    _ => (&mut self.smsc, &mut self.esme),
                };
                while let Some(output) = from.poll_output() {
                    moved = true;
                    match output {
                        Output::Write(octets) if !self.cut => {
                            self.written[end] += octets.len() as u64;
                            from.handle_written(self.now, self.written[end]);
                            if !self.lost {
                                to.handle_octets(self.now, &octets);
                            }
                        }
                        Output::Write(_) => {}
                        other => self.told[end].push(other),
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        while let Some(due) =
            [self.esme.deadline(), self.smsc.deadline()].into_iter().flatten().min()
        {
            if due > end.instant {
                break;
            }
            self.now = self.now.after(due.saturating_duration_since(self.now.instant));
            self.esme.handle_timeout(self.now);
            self.smsc.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    fn submit(&mut self, ticket: u64, to: &str, text: &str) {
        self.esme.handle_send(self.now, sending(ticket, submit(to, text)));
        self.run();
    }

    /// What was asked of the message centre and waits.
    fn asked(&mut self) -> Vec<(Handle, String)> {
        let mut asked = Vec::new();
        self.told[1].retain(|output| match output {
            Output::Asked(handle, pdu) => {
                let text = pdu.message().map(|m| m.octets().clone()).unwrap_or_default();
                asked.push((*handle, String::from_utf8_lossy(&text).into_owned()));
                false
            }
            _ => true,
        });
        asked
    }

    fn answer(&mut self, handle: Handle, status: Status, id: &str) {
        let named = Named { id: Text::from(id), ..Named::default() };
        let pdu = status.is_ok().then_some(Pdu::SubmitResp(named));
        self.smsc.handle_answer(self.now, handle, status, pdu);
        self.run();
    }

    fn fates(&mut self, end: usize) -> Vec<(u64, Fate)> {
        let told = std::mem::take(&mut self.told[end]);
        let fates = told.into_iter().filter_map(|output| match output {
            Output::Fate(ticket, fate) => Some((ticket.0, fate)),
            _ => None,
        });
        fates.collect()
    }

    fn ended(&self, end: usize) -> Option<Ended> {
        self.told[end].iter().find_map(|output| match output {
            Output::Close(why) => Some(*why),
            _ => None,
        })
    }
}

#[test]
fn a_message_is_answered_only_when_its_owner_says_so() {
    let mut link = Link::bound();
    link.submit(1, "+15550101", "hello");
    assert_eq!(link.fates(0), []);
    let asked = link.asked();
    assert_eq!(asked[0].1, "hello");
    link.answer(asked[0].0, Status::OK, "a1");
    match &link.fates(0)[..] {
        [(1, Fate::Answered(Status::OK, pdu))] => {
            assert_eq!(pdu.id().map(ToString::to_string).as_deref(), Some("a1"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_window_holds_no_more_than_it_may() {
    let limits = Limits { window: 3, ..Limits::default() };
    let mut link = Link::with(limits, BindKind::Transceiver, Grant::default());
    for ticket in 0..10 {
        link.submit(ticket, &format!("+1555010{ticket}"), &ticket.to_string());
    }
    let first = link.asked();
    assert_eq!(first.len(), 3);
    link.answer(first[1].0, Status::OK, "x");
    let next: Vec<_> = link.asked().into_iter().map(|(_, text)| text).collect();
    assert_eq!(next, ["3"]);
}

#[test]
fn more_than_they_may_ask_at_once_is_put_off() {
    let limits = Limits { window: 10, theirs: 2, ..Limits::default() };
    let mut link = Link::with(limits, BindKind::Transceiver, Grant::default());
    for ticket in 0..3 {
        link.submit(ticket, &format!("+1555010{ticket}"), "x");
    }
    assert_eq!(link.asked().len(), 2);
    assert_eq!(link.smsc.counters().refused, 1);
    assert!(link.told[0].iter().any(|output| matches!(output, Output::Throttled(_))));
}

#[test]
fn two_messages_to_one_receiver_are_never_on_their_way_at_once() {
    let mut link = Link::bound();
    for (ticket, to) in [(1, "+15550101"), (2, "+15550101"), (3, "+15550102")] {
        link.submit(ticket, to, &ticket.to_string());
    }
    let asked = link.asked();
    let texts: Vec<_> = asked.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["1", "3"]);
    link.answer(asked[0].0, Status::OK, "x");
    assert_eq!(link.asked()[0].1, "2");
}

#[test]
fn a_throttled_link_pauses_and_nothing_overtakes() {
    let limits = Limits { window: 4, ..Limits::default() };
    let mut link = Link::with(limits, BindKind::Transceiver, Grant::default());
    for ticket in 0..8 {
        link.submit(ticket, &format!("+1555010{}", ticket % 2), &ticket.to_string());
    }
    let (mut taken, mut refusals, mut rounds) = (Vec::new(), 0, 0);
    while taken.len() < 8 {
        rounds += 1;
        assert!(rounds < 100, "it comes to an end: {taken:?}");
        for (handle, text) in link.asked() {
            if refusals < 5 {
                refusals += 1;
                link.answer(handle, Status::THROTTLED, "");
            } else {
                taken.push(text);
                link.answer(handle, Status::OK, "x");
            }
        }
        link.pass(Duration::from_secs(30));
    }
    for receiver in [0, 1] {
        let of: Vec<u32> =
            taken.iter().filter_map(|t| t.parse().ok()).filter(|t| t % 2 == receiver).collect();
        assert!(of.is_sorted(), "order is kept: {of:?}");
    }
    assert_eq!(link.fates(0).len(), 8);
}

#[test]
fn each_pause_is_longer_than_the_one_before() {
    let mut link = Link::bound();
    link.submit(1, "+15550101", "x");
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let asked = link.asked();
        link.answer(asked[0].0, Status::QUEUE_FULL, "");
        let pause = link.told[0].drain(..).find_map(|output| match output {
            Output::Throttled(pause) => Some(pause),
            _ => None,
        });
        let pause = pause.expect("it pauses");
        link.pass(pause - Duration::from_millis(1));
        assert_eq!(link.asked().len(), 0, "nothing in a pause");
        link.pass(Duration::from_millis(2));
        // The link stays alive meanwhile, so that the same message comes on it.
        pauses.push(pause);
    }
    assert!(pauses[..4].is_sorted(), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE * 5 / 4));
}

#[test]
fn what_was_written_whole_is_doubtful_and_what_was_not_is_not_sent() {
    let mut link = Link::bound();
    link.submit(1, "+15550101", "on the wire");
    let before = link.written[0];
    link.cut = true;
    link.submit(2, "+15550102", "in the socket's way");
    // All but the last octet of the second message.
    link.esme.handle_written(link.now, before);
    let whole = link.esme.produced;
    link.esme.handle_written(link.now, whole - 1);
    link.esme.handle_closed();
    link.run();
    let fates = link.fates(0);
    assert_eq!(fates, [(1, Fate::Doubtful), (2, Fate::NotSent(Unsent::Away))]);
}

#[test]
fn no_answer_is_a_doubt_and_a_late_answer_ends_it() {
    let mut link = Link::bound();
    link.submit(1, "+15550101", "x");
    let asked = link.asked();
    link.pass(Duration::from_secs(31));
    assert_eq!(link.fates(0), [(1, Fate::Doubtful)]);
    assert_eq!(link.esme.bound(), Some(BindKind::Transceiver), "the link itself is alive");
    link.answer(asked[0].0, Status::OK, "late");
    assert!(matches!(link.told[0][..], [Output::Late(Ticket(1), Status::OK, _)]));
}

#[test]
fn silence_is_asked_about_and_a_dead_link_ends() {
    let mut link = Link::bound();
    link.pass(Duration::from_secs(3_600));
    assert!(link.esme.bound().is_some(), "an hour of silence, and both are there");
    link.lost = true;
    link.pass(Duration::from_secs(61));
    assert_eq!(link.ended(0), Some(Ended::Dead));
}

#[test]
fn a_link_that_nobody_uses_is_unbound() {
    let inactivity = Some(Duration::from_secs(300));
    let limits = Limits { inactivity, ..Limits::default() };
    let mut link = Link::with(limits, BindKind::Transceiver, Grant::default());
    link.pass(Duration::from_secs(299));
    assert_eq!(link.ended(0), None);
    link.pass(Duration::from_secs(2));
    assert_eq!(link.ended(0), Some(Ended::Inactive));
}

#[test]
fn unbinding_waits_for_what_is_on_its_way_and_refuses_the_rest() {
    let limits = Limits { window: 1, ..Limits::default() };
    let mut link = Link::with(limits, BindKind::Transceiver, Grant::default());
    link.submit(1, "+15550101", "x");
    link.submit(2, "+15550102", "y");
    link.esme.handle_unbind(link.now);
    link.run();
    assert_eq!(link.ended(0), None, "one waits for its answer");
    let asked = link.asked();
    link.answer(asked[0].0, Status::OK, "a");
    assert_eq!(link.ended(0), Some(Ended::Unbound));
    assert_eq!(link.ended(1), Some(Ended::UnboundByPeer));
    let fates = link.fates(0);
    assert_eq!(fates[0], (2, Fate::NotSent(Unsent::Away)));
    assert!(matches!(fates[1], (1, Fate::Answered(Status::OK, _))));
}

#[test]
fn a_peer_that_never_answers_does_not_hold_up_unbinding() {
    let mut link = Link::bound();
    link.submit(1, "+15550101", "x");
    link.esme.handle_unbind(link.now);
    link.pass(Duration::from_secs(11));
    assert_eq!(link.ended(0), None, "their answer is open, so they wait with theirs");
    link.pass(Duration::from_secs(60));
    assert!(link.ended(0).is_some());
    link.esme.handle_closed();
    link.run();
    assert_eq!(link.fates(0), [(1, Fate::Doubtful)]);
}

#[test]
fn what_is_out_of_place_is_refused_by_name() {
    let mut link = Link::with(Limits::default(), BindKind::Receiver, Grant::default());
    link.submit(1, "+15550101", "x");
    assert_eq!(link.fates(0), [(1, Fate::NotSent(Unsent::WrongBind))]);
    // What a peer does that does not check itself.
    for (pdu, status) in [
        (submit("1", "x"), Status::WRONG_STATE),
        (deliver("1"), Status::WRONG_STATE),
        (Pdu::Bind(bind(BindKind::Receiver)), Status::ALREADY_BOUND),
        (Pdu::Other(0x0001_0203, Bytes::new()), Status::INVALID_COMMAND),
    ] {
        let mut octets = BytesMut::new();
        Command::new(Status::OK, 77, pdu.clone()).write(&mut octets);
        link.smsc.handle_octets(link.now, &octets);
        let Some(Output::Write(answer)) = link.smsc.poll_output() else { panic!("no answer") };
        let answer = Command::read(&answer).expect("a PDU");
        assert_eq!((answer.status, answer.sequence), (status, 77));
        assert_eq!(answer.pdu.command(), pdu.refusal().unwrap_or(Pdu::GenericNack).command());
    }
    assert_eq!(link.smsc.counters().misplaced, 4);
}

#[test]
fn nothing_but_a_bind_is_taken_before_one() {
    let limits = Limits::default();
    let mut smsc = Session::smsc(now(), limits, Text::from("box"), Random::from_number(1));
    let mut octets = BytesMut::new();
    Command::new(Status::OK, 1, submit("1", "x")).write(&mut octets);
    smsc.handle_octets(now(), &octets);
    let Some(Output::Write(answer)) = smsc.poll_output() else { panic!("no answer") };
    assert_eq!(Command::read(&answer).expect("a PDU").status, Status::WRONG_STATE);
}

#[test]
fn a_refused_bind_ends_both_ends() {
    let start = now();
    let limits = Limits::default();
    let mut smsc = Session::smsc(start, limits, Text::from("box"), Random::from_number(1));
    let mut esme =
        Session::esme(start, limits, bind(BindKind::Transmitter), Random::from_number(2));
    let Some(Output::Write(octets)) = esme.poll_output() else { panic!("no bind") };
    smsc.handle_octets(start, &octets);
    assert!(matches!(smsc.poll_output(), Some(Output::Prove(_))));
    smsc.handle_verdict(start, Err(Status::BIND_FAILED));
    let Some(Output::Write(octets)) = smsc.poll_output() else { panic!("no answer") };
    esme.handle_octets(start, &octets);
    let refused = Output::Close(Ended::Refused(Status::BIND_FAILED));
    assert_eq!(esme.poll_output(), Some(refused.clone()));
    assert_eq!(smsc.poll_output(), Some(refused));
}

#[test]
fn nobody_stays_who_does_not_bind() {
    let start = now();
    let mut smsc =
        Session::smsc(start, Limits::default(), Text::from("box"), Random::from_number(1));
    let due = smsc.deadline().expect("it waits for a bind");
    smsc.handle_timeout(start.after(due - start.instant));
    assert_eq!(smsc.poll_output(), Some(Output::Close(Ended::NotBound)));
}

#[test]
fn a_pdu_that_drips_in_ends_the_link() {
    let mut link = Link::bound();
    for octet in [0, 0, 0, 40, 0, 0] {
        link.smsc.handle_octets(link.now, &[octet]);
        link.pass(Duration::from_secs(3));
    }
    assert_eq!(link.ended(1), None);
    link.pass(Duration::from_secs(3));
    assert_eq!(link.ended(1), Some(Ended::Slow));
}

#[test]
fn ten_megabytes_are_refused_and_end_the_link() {
    let mut link = Link::bound();
    link.smsc.handle_octets(link.now, &10_000_000u32.to_be_bytes());
    let Some(Output::Write(answer)) = link.smsc.poll_output() else { panic!("no answer") };
    let answer = Command::read(&answer).expect("a PDU");
    assert_eq!((answer.status, answer.pdu), (Status::INVALID_COMMAND_LENGTH, Pdu::GenericNack));
    link.run();
    assert_eq!(link.ended(1), Some(Ended::Length(10_000_000)));
}

#[test]
fn a_rate_is_kept_and_a_foreign_sender_refused() {
    let senders = Senders::Only(vec!["15550100".into()]);
    let grant = Grant { rate: Some(Rate::per_second(2)), senders, window: None };
    let mut link = Link::with(Limits::default(), BindKind::Transceiver, grant);
    for ticket in 0..3 {
        link.submit(ticket, &format!("+1555010{ticket}"), "x");
    }
    assert_eq!(link.asked().len(), 2);
    let forged = Message { from: Address::of("BANK"), ..Message::default() };
    link.esme.paused = None;
    link.esme.room = 9;
    link.esme.queue.clear();
    let pdu = Pdu::Submit(Box::new(forged));
    link.esme.handle_send(link.now, sending(9, pdu));
    link.run();
    let fates = link.fates(0);
    assert!(matches!(fates[..], [(9, Fate::Answered(Status::INVALID_SOURCE, _))]), "{fates:?}");
}

#[test]
fn a_message_whose_time_is_over_is_not_sent() {
    let limits = Limits { window: 1, ..Limits::default() };
    let mut link = Link::with(limits, BindKind::Transceiver, Grant::default());
    link.submit(1, "+15550101", "x");
    let until = Some(link.now.instant + Duration::from_secs(5));
    let late = Sending { until, ..sending(2, submit("+15550102", "y")) };
    link.esme.handle_send(link.now, late);
    link.pass(Duration::from_secs(6));
    let asked = link.asked();
    link.answer(asked[0].0, Status::OK, "a");
    assert!(link.fates(0).contains(&(2, Fate::NotSent(Unsent::Expired))));
}

#[test]
fn a_full_queue_says_when_to_come_again() {
    let limits = Limits { window: 1, queue: 1, ..Limits::default() };
    let mut link = Link::with(limits, BindKind::Transceiver, Grant::default());
    for ticket in 0..3 {
        link.submit(ticket, "+15550101", "x");
    }
    let pause = Limits::default().pause;
    assert_eq!(link.fates(0), [(2, Fate::NotSent(Unsent::Full(pause)))]);
}

#[test]
fn an_outbind_is_answered_with_a_bind() {
    let start = now();
    let limits = Limits::default();
    let (name, password) = (Text::from("carrier"), Text::from("pw"));
    let mut smsc = Session::calling(start, limits, name, password, Random::from_number(1));
    let mut esme = Session::called(start, limits, bind(BindKind::Receiver), Random::from_number(2));
    let Some(Output::Write(octets)) = smsc.poll_output() else { panic!("no outbind") };
    esme.handle_octets(start, &octets);
    let Some(Output::Prove(asked)) = esme.poll_output() else { panic!("not asked") };
    assert_eq!(asked.system_id, Text::from("carrier"));
    esme.handle_verdict(start, Ok(Grant::default()));
    let Some(Output::Write(octets)) = esme.poll_output() else { panic!("no bind") };
    smsc.handle_octets(start, &octets);
    assert!(
        matches!(smsc.poll_output(), Some(Output::Prove(bind)) if bind.kind == BindKind::Receiver)
    );
}

#[test]
fn an_answer_to_nothing_changes_nothing() {
    let mut link = Link::bound();
    link.submit(1, "+15550101", "x");
    for pdu in [Pdu::DeliverResp(Named::default()), Pdu::EnquireLinkResp] {
        let mut octets = BytesMut::new();
        // The number of the submit_sm, but of another kind.
        let sequence = link.esme.sequence;
        Command::new(Status::OK, sequence, pdu).write(&mut octets);
        link.esme.handle_octets(link.now, &octets);
    }
    assert_eq!(link.esme.counters().stray, 2);
    assert_eq!(link.esme.load(), (1, 0), "it still waits");
}

#[test]
fn one_that_does_not_read_is_let_go() {
    let mut link = Link::bound();
    link.cut = true;
    link.submit(1, "+15550101", "x");
    link.pass(Duration::from_secs(21));
    assert_eq!(link.ended(0), Some(Ended::Stalled));
}
