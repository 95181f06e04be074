//! Whatever happens, nothing is left over.

use super::*;

#[test]
fn whatever_parties_do_every_call_ends_and_nothing_is_left() {
    let (mut calls, mut answered, mut joined, mut transferred) = (0, 0, 0, 0);
    for seed in 0..60 {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.act();
            let wait = world.random.below(4_000);
            world.pass(Duration::from_millis(wait));
        }
        world.finish();
        let gateway = &world.gateway;
        let up: Vec<_> =
            gateway.calls.views().iter().map(|call| format!("{:?}", call.activity)).collect();
        assert!(up.is_empty(), "seed {seed}: calls are up: {up:?}");
        assert!(gateway.legs.is_empty(), "seed {seed}: legs are left");
        assert!(world.open.is_empty(), "seed {seed}: media threads hold {:?}", world.open);
        assert_eq!(gateway.endpoint.alive().0, 0, "seed {seed}: sessions are left");
        assert_eq!(gateway.pool.in_use(), 0, "seed {seed}: ports are left");
        assert!(
            gateway.walks.is_empty() && gateway.playing.is_empty(),
            "seed {seed}: walks or clips are left"
        );
        assert!(gateway.work.is_empty(), "seed {seed}: the queue's work is left");
        assert!(gateway.timesheet.is_empty(), "seed {seed}: work is left on the timesheet");
        assert!(gateway.orders.is_empty(), "seed {seed}: orders are left");
        assert!(gateway.contexts.is_empty(), "seed {seed}: what is known of callers is left");
        assert!(gateway.consents.is_empty(), "seed {seed}: what was said to recording is left");
        assert!(gateway.keeping.is_empty(), "seed {seed}: records or answers are left");
        assert_eq!(gateway.keeping.unheard_of, 0, "seed {seed}: a record waited for nothing");
        assert!(gateway.voicemail.is_empty(), "seed {seed}: visits or recordings are left");
        let mail = &gateway.journal.live().mail;
        let boxes = gateway.voicemail.boxes();
        let listed: BTreeSet<_> =
            boxes.messages(&"203".into()).iter().map(|message| message.id).collect();
        assert!(mail.begun.is_empty(), "seed {seed}: messages are on their way for ever");
        assert_eq!(listed, mail.messages.keys().copied().collect(), "seed {seed}");
        assert!(mail.messages.keys().all(|id| world.files.contains(id)), "seed {seed}");
        assert!(
            gateway.journal.live().calls.is_empty() && gateway.journal.live().places.is_empty()
        );
        for (agent, presence) in gateway.roster.iter() {
            use crate::agent::Presence;
            let stuck =
                matches!(presence, Presence::Offered | Presence::Talking | Presence::WrapUp);
            assert!(!stuck, "seed {seed}: {} is stuck in {presence:?}", agent.id);
        }
        let (arrived, records) = world.kept();
        assert_eq!(arrived, records, "seed {seed}: each call has one record");
        calls += world.calls;
        answered += world.answered;
        joined += world.joined;
        transferred += world.transferred;
    }
    assert!(
        calls > 1_500 && answered > 800 && joined > 150 && transferred > 40,
        "{calls} calls, {answered} answered, {joined} joined, {transferred} transferred"
    );
}

/// What the gateway sends in answer to `bytes` from a stranger, at once.
fn answers(world: &mut World, peer: [u8; 4], bytes: &[u8]) -> Vec<Vec<u8>> {
    let peer = SocketAddr::from((peer, 5060));
    let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection: ConnectionId(0) };
    world.gateway.handle_sip(world.now, flow, bytes);
    let mut sent = Vec::new();
    while let Some(output) = world.gateway.poll_output() {
        match output {
            Output::Sip { bytes, .. } => sent.push(bytes),
            other => world.carry_out_one(other),
        }
    }
    sent
}

#[test]
fn strangers_leave_nothing_behind_and_get_at_most_one_small_answer() {
    let mut world = World::new(1);
    let before = world.gateway.endpoint.alive();
    for number in 0..60_000 {
        let method = ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "MESSAGE"][number % 6];
        let tag = if method == "BYE" { ";tag=x" } else { "" };
        let request = format!(
            "{method} sip:911@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.250:5060;branch=z9hG4bK{number}\r\n\
             From: <sip:me@192.0.2.1>;tag=a\r\nTo: <sip:911@192.0.2.1>{tag}\r\nCall-ID: {number}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        // Each from another address of the site: of one, or of a stranger, not as many would be read.
        let peer = [10, 0, (number >> 8) as u8, number as u8];
        let sent = answers(&mut world, peer, request.as_bytes());
        let bytes: usize = sent.iter().map(Vec::len).sum();
        assert!(
            sent.len() == 1 && bytes < 3 * request.len(),
            "{method}: {bytes} bytes in {}",
            sent.len()
        );
    }
    assert_eq!(world.gateway.endpoint.alive(), before, "sessions or transactions are left");
    world.pass(Duration::from_secs(40));
    while let Some(output) = world.gateway.poll_output() {
        assert!(!matches!(output, Output::Sip { .. }), "an answer to a stranger is repeated");
    }
}
