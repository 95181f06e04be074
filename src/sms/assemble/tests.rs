use super::*;
use crate::sms::pdu::Protocol;
use crate::sms::segment::{self, segment};
use crate::time::UnixTime;

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

fn at(second: u64) -> ServiceTime {
    let time = now().unix + Duration::from_secs(second);
    ServiceTime::at(time, 4).expect("a year of this century")
}

/// The deliveries that the parts of a text arrive in.
fn parts(from: &str, text: &str, reference: Reference, second: u64) -> Vec<Deliver> {
    let parts = segment(text, &segment::Options::default(), reference).expect("not that long");
    let deliver = |part: segment::Part| Deliver {
        more: false,
        loops: false,
        report: false,
        reply_path: false,
        originator: Address::number(from).expect("a number"),
        protocol: Protocol::PLAIN,
        coding: Coding::new(part.alphabet, None),
        time: at(second),
        user_data: part.user_data,
    };
    parts.into_iter().map(deliver).collect()
}

fn messages<K>(assembler: &mut Assembler<K>) -> Vec<Message<K>> {
    let outputs = std::iter::from_fn(|| assembler.poll_output());
    let message = |output| match output {
        Output::Message(message) => Some(message),
        Output::Repeated { .. } => None,
    };
    outputs.filter_map(message).collect()
}

fn text<K>(message: &Message<K>) -> &str {
    match &message.content {
        Content::Text(text) => text,
        Content::Octets(octets) => panic!("octets {octets:?}"),
    }
}

const LONG: &str = "Guten Tag, hier ist die Werkstatt. Ihr Wagen ist fertig und kann abgeholt werden, auch heute \
    noch bis 19 Uhr. Bitte denken Sie an den Schein. Der Preis ist 245 €. Bis gleich, Ihre Werkstatt an der Ecke!";

#[test]
fn parts_in_any_order_are_one_message_with_every_id() {
    let mut assembler = Assembler::new(Settings::default());
    let mut all = parts("+491761", LONG, Reference::Short(9), 0);
    assert_eq!(all.len(), 2);
    let (first, second) = (all.remove(0), all.remove(0));
    assembler.handle_deliver(now(), 'b', second);
    assert!(assembler.poll_output().is_none() && assembler.deadline().is_some());
    assembler.handle_deliver(now(), 'a', first);
    let messages = messages(&mut assembler);
    assert_eq!(messages.len(), 1);
    assert!(messages[0].is_whole());
    assert_eq!(text(&messages[0]), LONG);
    assert_eq!(messages[0].ids().collect::<String>(), "ab");
    assert!(assembler.is_empty() && assembler.deadline().is_none());
}
