//! Calls that a carrier says were passed on before they reached the branch (RFC 5806, RFC 7044).

use super::*;
use crate::context::{Kind, Order, Who};

const CARRIER: usize = 0;
/// Whose mobile passes calls on; the extension has that number.
const MOBILE: &str = "+15550203";

/// 201 and 203 have mailboxes, +15550109 is the number of the mailboxes, and 203 shows its mobile's number.
fn scene(trunk: &str) -> World {
    let changes = [
        ("servers = [\"192.0.2.100\"]", format!("servers = [\"192.0.2.100\"]\n{trunk}")),
        ("number = \"201\"\n", "number = \"201\"\nvoicemail = {}\n".to_owned()),
        ("number = \"203\"\n", format!("number = \"203\"\ncaller_id = \"{MOBILE}\"\n")),
        (
            "[[internal]]\n",
            "[[inbound]]\nnumber = \"+15550109\"\nto = \"messages\"\n[[internal]]\n".to_owned(),
        ),
        (
            "trunks = [\"carrier\"]",
            "trunks = [\"carrier\"]\nfrom_trunks = [\"carrier\"]".to_owned(),
        ),
    ];
    let text = changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    World::of(1, &text, 0)
}

impl World {
    fn messages(&self, extension: &str) -> u32 {
        self.gateway.mailbox(&extension.into()).new
    }

    /// Who passed each call on, as the records say it.
    fn diverted_by(&self) -> Vec<Option<String>> {
        let mut found = Vec::new();
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::CallRecord(record)) = entry.event {
                    let read = |by| self.gateway.journal.keys().read(by).unwrap_or_default();
                    found.push(record.diverted_by.as_ref().map(read));
                }
            });
        }
        found
    }

    fn call_diverted(&mut self, to: &str, header: (&str, &str)) {
        self.call_saying(CARRIER, to, &[header]);
        self.carry_out();
    }
}

const DIVERSIONS: [(&str, &str); 2] = [
    (
        "Diversion",
        "<sip:+15550777@carrier>;reason=unconditional, <sip:+15550203@carrier>;reason=no-answer",
    ),
    (
        "History-Info",
        "<sip:+15550203@carrier>;index=1, <sip:+15550777@carrier;cause=408>;index=1.1, \
         <sip:+15550109@us;cause=302>;index=1.1.1",
    ),
];

#[test]
fn the_number_of_the_mailboxes_takes_a_message_for_who_passed_the_call_on_first() {
    for header in DIVERSIONS {
        let mut world = scene("trusted = true");
        world.call_diverted("+15550109", header);
        world.pass(Duration::from_secs(20));
        world.finish();
        assert_eq!(world.messages("203"), 1, "{}", header.0);
        assert_eq!(world.diverted_by(), [Some(MOBILE.to_owned())], "{}", header.0);
    }
}

#[test]
fn who_passed_a_call_on_is_forgotten_with_whoever_called() {
    let mut world = scene("trusted = true");
    world.call_diverted("+15550109", DIVERSIONS[0]);
    world.pass(Duration::from_secs(20));
    world.finish();
    assert_eq!(world.diverted_by(), [Some(MOBILE.to_owned())]);
    let who = Who::Identity(Kind::Phone, "+15557654321".to_owned());
    world.order(Order::Erase { who, rule: None }).expect("erased");
    assert_eq!(
        world.diverted_by(),
        [Some(String::new())],
        "there was a number, and nobody knows which"
    );
}

#[test]
fn a_message_goes_to_who_was_called_first_and_not_to_who_did_not_answer() {
    let mut world = scene("trusted = true");
    world.call_diverted("+15550101", DIVERSIONS[0]);
    world.pass(Duration::from_secs(60));
    world.finish();
    assert_eq!((world.messages("203"), world.messages("201")), (1, 0));
    // A number that is nobody's here says nothing about whose message it is.
    world.call_diverted("+15550101", ("Diversion", "<sip:+15550999@carrier>;reason=user-busy"));
    world.pass(Duration::from_secs(60));
    world.finish();
    assert_eq!((world.messages("203"), world.messages("201")), (1, 1));
    let known = [MOBILE, "+15550999"].map(|by| Some(by.to_owned()));
    assert_eq!(world.diverted_by(), known);
}

#[test]
fn a_carrier_that_is_not_trusted_and_a_phone_are_not_believed() {
    let mut world = scene("");
    world.call_diverted("+15550101", DIVERSIONS[0]);
    world.pass(Duration::from_secs(60));
    world.finish();
    assert_eq!((world.messages("203"), world.messages("201")), (0, 1));
    let mut world = scene("trusted = true");
    world.call_saying(2, "201", &[DIVERSIONS[0]]);
    world.carry_out();
    world.pass(Duration::from_secs(60));
    world.finish();
    assert_eq!((world.messages("203"), world.messages("201")), (0, 1));
    assert_eq!(world.diverted_by(), [None]);
}

#[test]
fn what_is_passed_on_again_tells_the_next_carrier_all_of_it_if_that_may_know() {
    for (shows, told) in [
        ("shows = \"any\"", &["+15550100", "+15550777", MOBILE][..]),
        ("", &["+15550100", MOBILE][..]),
    ] {
        let mut world = scene(&format!("trusted = true\n{shows}"));
        world.call_diverted("+15550100", DIVERSIONS[0]);
        world.pass(Duration::from_secs(1));
        let leg = *world.open.first().unwrap();
        let duration = Duration::from_millis(100);
        world.gateway.handle_media(world.now, media::Event::Digit { leg, digit: '5', duration });
        world.carry_out();
        world.pass(Duration::from_secs(1));
        let invite = world.parties[CARRIER].invites.last().expect("the call goes out again");
        let by = |line: &str| line.trim_start_matches("<sip:").split('@').next().map(str::to_owned);
        let passed: Vec<_> = invite.headers.all("Diversion").filter_map(by).collect();
        assert_eq!(passed, told, "{shows}");
    }
}
