#![allow(clippy::disallowed_methods)]

use super::*;
use crate::random::Random;
use crate::sms::pdu::{Protocol, UserData};
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

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn two_messages_with_one_reference_are_two() {
    let mut assembler = Assembler::new(Settings::default());
    let other: String = LONG.chars().rev().collect();
    let now = now();
    let first = parts("+491761", LONG, Reference::Short(9), 0);
    let second = parts("+491761", &other, Reference::Short(9), 40);
    let elsewhere = parts("+491762", LONG, Reference::Short(9), 0);
    let wide = parts("+491761", LONG, Reference::Wide(9), 0);
    for which in [0, 1] {
        for (of, all) in [&first, &second, &elsewhere, &wide].into_iter().enumerate() {
            // The second message arrives in the other order.
            let part = if of == 1 { 1 - which } else { which };
            assembler.handle_deliver(now, (of, part), all[part].clone());
        }
    }
    let messages = messages(&mut assembler);
    let texts: Vec<_> = messages.iter().map(text).collect();
    assert_eq!(texts, [LONG, &other, LONG, LONG]);
    assert!(messages.iter().all(|message| message.is_whole() && message.flaws.is_empty()));
}

#[test]
fn a_part_that_comes_twice_is_told_with_the_message_or_as_repeated() {
    let mut assembler = Assembler::new(Settings::default());
    let all = parts("+491761", LONG, Reference::Short(9), 0);
    let mut at = now();
    for (id, part) in [(1, 0), (2, 0), (3, 1)] {
        assembler.handle_deliver(at, id, all[part].clone());
    }
    let whole = messages(&mut assembler);
    assert_eq!(text(&whole[0]), LONG);
    assert_eq!(whole[0].ids().copied().collect::<Vec<_>>(), [1, 2, 3]);
    at = at.after(HOUR / 2);
    assembler.handle_deliver(at, 4, all[1].clone());
    assert_eq!(assembler.poll_output(), Some(Output::Repeated { id: 4, of: whole[0].number }));
    // Long after, it is another message with the same number.
    assembler.handle_deliver(at.after(HOUR), 5, all[1].clone());
    assert_eq!((assembler.poll_output(), assembler.len()), (None, 1));
}

#[test]
fn what_is_not_complete_comes_out_in_time_and_the_rest_says_where_it_belongs() {
    let mut assembler = Assembler::new(Settings::default());
    let all = parts("+491761", &LONG.repeat(2), Reference::Short(9), 0);
    assert_eq!(all.len(), 3);
    let start = now();
    assembler.handle_deliver(start, 'a', all[0].clone());
    assembler.handle_deliver(start.after(HOUR / 2), 'c', all[2].clone());
    let due = assembler.deadline().expect("it waits");
    assert_eq!(due, start.instant + HOUR / 2 + HOUR, "an hour after the last part");
    assembler.handle_timeout(start.after(HOUR));
    assert!(assembler.poll_output().is_none());
    assembler.handle_timeout(Now { instant: due, unix: start.unix });
    let out = messages(&mut assembler);
    assert_eq!(out[0].missing, [2]);
    assert_eq!(out[0].ids().collect::<String>(), "ac");
    let gap = text(&out[0]).find(GAP).expect("it says that something is missing");
    assert!(LONG.starts_with(&text(&out[0])[..gap]));
    assert!(assembler.is_empty());
    let later = Now { instant: due + HOUR / 4, unix: start.unix };
    assembler.handle_deliver(later, 'b', all[1].clone());
    assembler.handle_timeout(later.after(HOUR));
    let rest = messages(&mut assembler);
    assert_eq!(
        (rest[0].continues, rest[0].missing.as_slice()),
        (Some(out[0].number), [1, 3].as_slice())
    );
    assert!(text(&rest[0]).starts_with(GAP) && text(&rest[0]).ends_with(GAP));
}

/// A sender that takes a minute for each part is waited for, in case it is two senders' habit of counting from one.
#[test]
fn parts_far_apart_are_joined_when_nothing_better_comes() {
    let mut assembler = Assembler::new(Settings::default());
    let now = now();
    let mut slow = parts("+491761", LONG, Reference::Short(1), 0);
    slow[1].time = at(90);
    assembler.handle_deliver(now, 1, slow[0].clone());
    assembler.handle_deliver(now, 2, slow[1].clone());
    assert!(assembler.poll_output().is_none());
    let due = assembler.deadline().expect("it waits");
    assert_eq!(due, now.instant + Duration::from_secs(120));
    assembler.handle_timeout(Now { instant: due, unix: now.unix });
    let out = messages(&mut assembler);
    assert_eq!((out.len(), out[0].is_whole(), text(&out[0])), (1, true, LONG));
    assert!(assembler.is_empty() && assembler.deadline().is_none());
}

/// What senders do that cut at 67 units, whatever stands there.
#[test]
fn an_emoji_and_an_escape_that_their_sender_cut_in_two_are_whole_again() {
    let part = |coding, sequence, user_data| {
        let mut deliver = parts("+491761", LONG, Reference::Short(3), 0).remove(0);
        deliver.coding = coding;
        let header = Header::new(
            Some(Concatenation { reference: Reference::Short(3), total: 2, sequence }),
            Default::default(),
        );
        deliver.user_data = match coding {
            Coding::UCS2 => UserData::octets(&header, user_data),
            _ => UserData::septets(&header, user_data),
        }
        .expect("it fits");
        deliver
    };
    let mut assembler = Assembler::new(Settings::default());
    assembler.handle_deliver(now(), 1, part(Coding::UCS2, 2, &[0xde, 0x42, 0, 0x21]));
    assembler.handle_deliver(now(), 2, part(Coding::UCS2, 1, &[0, 0x21, 0xd8, 0x3d]));
    assembler.handle_deliver(now(), 3, part(Coding::SEPTETS, 1, &[0x35, 0x1b]));
    assembler.handle_deliver(now(), 4, part(Coding::SEPTETS, 2, &[0x65, 0x21]));
    let messages = messages(&mut assembler);
    let read: Vec<_> =
        messages.iter().map(|message| (text(message), message.flaws.len())).collect();
    assert_eq!(read, [("!🙂!", 0), ("5€!", 0)]);
}

#[test]
fn memory_is_bounded_and_what_makes_room_comes_out() {
    let settings = Settings { per_sender: 20, total: 50, ..Settings::default() };
    let mut assembler = Assembler::new(settings);
    let all = parts("+491761", LONG, Reference::Short(0), 0);
    let mut handed = 0;
    for sender in 0..20 {
        for reference in 0..30 {
            let mut part = all[0].clone();
            part.originator = Address::number(&format!("+4917{sender}")).expect("a number");
            part.user_data.octets[3] = reference;
            assembler.handle_deliver(now(), handed, part);
            handed += 1;
            assert!(assembler.len() <= 50);
        }
    }
    let mut out: Vec<i32> = messages(&mut assembler)
        .iter()
        .flat_map(|one| one.ids().copied().collect::<Vec<_>>())
        .collect();
    assert_eq!(out.len(), 600 - 50, "the last 50 are kept");
    assembler.handle_timeout(now().after(2 * HOUR));
    out.extend(
        messages(&mut assembler).iter().flat_map(|one| one.ids().copied().collect::<Vec<_>>()),
    );
    out.sort_unstable();
    assert!(out.into_iter().eq(0..600), "every part comes out once");
    assert!(assembler.is_empty());
}

/// A restart forgets everything; what is still kept is handed in again, and nothing is lost.
#[test]
fn a_restart_loses_nothing_that_is_kept_until_it_is_stored() {
    let mut random = Random::from_number(6);
    for round in 0..200 {
        let sent: Vec<String> = (0..6)
            .map(|at| format!("{at}: {}", segment::tests::any_text(&mut random, 400)))
            .collect();
        let mut modem: Vec<(usize, Deliver)> = Vec::new();
        let mut arriving = Vec::new();
        for (at, text) in sent.iter().enumerate() {
            let reference = Reference::Short(if round % 2 == 0 { 1 } else { at as u8 });
            arriving.extend(parts("+491761", text, reference, 60 * at as u64));
        }
        for at in (1..arriving.len()).rev() {
            arriving.swap(at, random.below(at as u64 + 1) as usize);
        }
        let mut assembler = Assembler::new(Settings::default());
        let mut stored = Vec::new();
        for (id, part) in arriving.into_iter().enumerate() {
            modem.push((id, part.clone()));
            assembler.handle_deliver(now(), id, part);
            if random.below(5) == 0 {
                // Power is lost before what came out is stored.
                assembler = Assembler::new(Settings::default());
                for (id, part) in &modem {
                    assembler.handle_deliver(now(), *id, part.clone());
                }
            }
            for message in messages(&mut assembler) {
                modem.retain(|(id, _)| message.ids().all(|stored| stored != id));
                stored.push(text(&message).to_owned());
            }
        }
        stored.sort();
        let mut sent = sent;
        sent.sort();
        if round % 2 == 1 {
            assert_eq!(stored, sent);
            assert!(modem.is_empty());
        } else {
            // With one reference for all, a text can be whole in more than one way; no part of any is lost.
            let left: usize = assembler.len();
            assert_eq!(left, modem.len());
        }
    }
}

/// Any text, cut, in any order, twice or more: the same text.
#[test]
fn any_text_in_parts_in_any_order_is_the_same_text() {
    let mut random = Random::from_number(7);
    for round in 0..1_000u16 {
        let mut assembler = Assembler::new(Settings::default());
        let text_of = segment::tests::any_text(&mut random, 900);
        let reference =
            if round % 2 == 0 { Reference::Wide(round) } else { Reference::Short(round as u8) };
        let mut all = parts("72345", &text_of, reference, 0);
        if all.len() > 1 {
            all.extend(all.clone().into_iter().filter(|_| random.below(4) == 0));
        }
        for at in (1..all.len()).rev() {
            all.swap(at, random.below(at as u64 + 1) as usize);
        }
        let count = all.len();
        for (id, part) in all.into_iter().enumerate() {
            assembler.handle_deliver(now(), id, part);
        }
        let (mut ids, mut texts) = (0, Vec::new());
        while let Some(output) = assembler.poll_output() {
            match output {
                Output::Message(message) => {
                    ids += message.ids().count();
                    texts.push(text(&message).to_owned());
                }
                Output::Repeated { .. } => ids += 1,
            }
        }
        assert_eq!((texts, ids), (vec![text_of], count));
    }
}

#[test]
fn a_message_of_255_parts_is_put_together() {
    let long = "x".repeat(153 * 255);
    let mut all = parts("+491761", &long, Reference::Short(1), 0);
    assert_eq!(all.len(), 255);
    all.reverse();
    let mut assembler = Assembler::new(Settings::default());
    for (id, part) in all.into_iter().enumerate() {
        assembler.handle_deliver(now(), id, part);
    }
    let out = messages(&mut assembler);
    assert_eq!((out.len(), text(&out[0]) == long), (1, true));
    assert_eq!(out[0].ids().count(), 255);
}
