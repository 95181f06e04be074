//! What an admin sees of a call after the fact.

use super::*;
use crate::admin::{Command, Ladder, Reply, Told};

impl World {
    fn ladder(&mut self, call: CallId) -> Result<Ladder, String> {
        let ask = Command::ShowCall { call, whole: true };
        self.gateway.handle_control(self.now, ReplyTo(1), &ask);
        std::iter::from_fn(|| self.gateway.poll_output())
            .find_map(|output| match output {
                Output::Reply(_, Reply::Ladder(ladder)) => Some(Ok(ladder)),
                Output::Reply(_, Reply::Refused(why)) => Some(Err(why)),
                _ => None,
            })
            .expect("an answer")
    }

    fn only_call(&mut self) -> CallId {
        let views = self.gateway.calls.views();
        assert_eq!(views.len(), 1);
        views[0].call
    }
}

/// Who said what: `>` for the box's own words.
fn said(ladder: &Ladder, leg: usize) -> Vec<String> {
    let said = ladder.steps.iter().filter(|step| step.leg == Some(leg));
    said.filter_map(|step| match &step.what {
        Told::Sip { sent, label, .. } => Some(format!("{}{label}", if *sent { ">" } else { "<" })),
        Told::Note { .. } => None,
    })
    .collect()
}

#[test]
fn a_call_from_a_phone_to_another_is_a_ladder_on_both_sides() {
    let mut world = World::of(1, CONFIG, 0);
    world.call(1, "202");
    world.carry_out();
    world.pass(Duration::from_secs(2));
    let call = world.only_call();
    let live = world.ladder(call).expect("it is up");
    assert_eq!(live.ended, None);
    world.pick_up(2);
    world.carry_out();
    world.pass(Duration::from_secs(2));
    world.gateway.handle_control(world.now, ReplyTo(2), &Command::HangUp { call });
    world.carry_out();
    world.pass(Duration::from_secs(5));
    let ladder = world.ladder(call).expect("it is of late");
    assert_eq!(ladder.legs, ["extension 201", "extension 202"]);
    let caller = said(&ladder, 0);
    assert_eq!(caller[..3], ["<INVITE (SDP)", ">100 Trying", ">180 Ringing"], "{caller:?}");
    assert_eq!(caller[3..], [">200 OK (SDP)", "<ACK", ">BYE", "<200 OK"], "{caller:?}");
    let callee = said(&ladder, 1);
    assert_eq!(callee[0], ">INVITE (SDP)");
    assert_eq!(callee[callee.len() - 2..], [">BYE", "<200 OK"], "{callee:?}");
    assert_eq!(ladder.ended.map(|ended| ended.cause).as_deref(), Some("ended_by_admin"));
    let notes = ladder.steps.iter().filter(|step| matches!(step.what, Told::Note { .. })).count();
    assert!(notes >= 3, "who answered and how both sounded: {notes}");
    assert!(ladder.steps.windows(2).all(|two| two[0].us <= two[1].us));
    let whole: String = ladder
        .steps
        .iter()
        .filter_map(|step| match &step.what {
            Told::Sip { message, .. } => message.clone(),
            Told::Note { .. } => None,
        })
        .collect();
    assert!(whole.contains("Authorization: Digest") && whole.contains("response=\"xxxxxxxx"));
}

#[test]
fn nothing_is_remembered_where_memory_is_off_and_of_calls_that_there_were_not() {
    let mut world = World::of(1, CONFIG, 0);
    assert!(world.ladder(CallId(7)).is_err_and(|why| why.contains("long ago")));
    let off = format!("{CONFIG}\n[capture]\nmemory_mb = 0\n");
    let mut world = World::of(1, &off, 0);
    world.call(1, "202");
    world.carry_out();
    world.pass(Duration::from_secs(2));
    let call = world.only_call();
    assert!(world.ladder(call).is_err_and(|why| why.contains("memory_mb")));
    assert_eq!(world.gateway.seen.trace.bytes(), 0);
}

#[test]
fn a_capture_server_gets_every_message_that_is_read_or_sent() {
    let mirrored = format!("{CONFIG}\n[capture]\nhep = \"192.0.2.200:9060\"\n");
    let mut world = World::of(1, &mirrored, 0);
    let ask = b"OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKo\r\n\
        From: <sip:a@b>;tag=a\r\nTo: <sip:b@b>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\
        Content-Length: 0\r\n\r\n";
    let peer = SocketAddr::from(([192, 0, 2, 21], 5060));
    let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection: ConnectionId(0) };
    world.gateway.handle_sip(world.now, flow, ask);
    let packets: Vec<_> = std::iter::from_fn(|| world.gateway.poll_output())
        .filter_map(|output| if let Output::Capture(packet) = output { Some(packet) } else { None })
        .collect();
    assert_eq!(packets.len(), 2, "the question and its answer");
    assert!(packets.iter().all(|packet| packet.starts_with(b"HEP3")));
    assert!(packets[0].ends_with(ask));
}
