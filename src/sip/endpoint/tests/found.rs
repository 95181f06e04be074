//! What fuzzing found (`tests/fuzz/fuzz_targets/endpoint.rs`), each by its name.

use super::*;

/// An INFO to a caller who was not answered yet got no answer: the call ended with a BYE, and its INVITE never did.
#[test]
fn a_call_whose_early_info_is_not_answered_is_refused_and_leaves_nothing() {
    let mut now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
    let mut endpoint = Endpoint::new(Settings::default(), Random::from_number(1));
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        peer: "192.0.2.9:5060".parse().unwrap(),
        connection: ConnectionId(0),
    };
    let invite = "INVITE sip:201@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
                  From: <sip:a@b>;tag=1\r\nTo: <sip:201@192.0.2.1>\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\n\
                  Contact: <sip:a@192.0.2.9>\r\nSupported: 100rel\r\nContent-Length: 0\r\n\r\n";
    endpoint.handle_received(now, flow, invite.as_bytes());
    let events = std::iter::from_fn(|| endpoint.poll_output());
    let session = events.filter_map(|output| match output {
        Output::Event(Event::Invited { session, .. }) => Some(session),
        _ => None,
    });
    let session = session.last().unwrap();
    endpoint.trying(now, session);
    endpoint.ring(now, session, Status::RINGING, None);
    endpoint.info(now, session, "application/dtmf", b"5");
    let mut finals = Vec::new();
    while let Some(due) = endpoint.deadline() {
        now = now.after(due.saturating_duration_since(now.instant));
        endpoint.handle_timeout(now);
        while let Some(output) = endpoint.poll_output() {
            if let Output::Send { bytes, .. } = output
                && bytes.starts_with(b"SIP/2.0 4")
            {
                finals.push(bytes);
            }
        }
    }
    assert!(!finals.is_empty(), "the caller is told");
    assert_eq!(endpoint.alive(), (0, 0));
}
