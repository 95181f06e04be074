//! What browsers sound like: which codec they and the box agree on, what loss does to it, and who hears whom in conferences
//! and on recordings.

use crate::branch::Branch;
use crate::network::Town;
use crate::phones::{Phone, Place};
use crate::remote::{branch_in, place};
use crate::sound::share;

/// Samples a second on recordings, and bytes of their header.
const SECOND: usize = 8_000;
const HEADER: usize = 44;

fn phone(branch: &Branch, place: &Place, kind: &str, user: &str, hertz: f64) -> Phone {
    Phone::registered_at(place, kind, user, &branch.password(user), hertz)
}

fn figure(phone: &mut Phone, script: &str) -> f64 {
    phone.run(script).as_f64().expect("a number")
}

/// One browser knows Opus alone, the other PCMU alone: the box decodes and codes between them.
#[test]
fn opus_and_pcmu_hear_each_other_also_where_every_twentieth_packet_is_lost() {
    let town = Town::new();
    let branch = branch_in(&town);
    let mut wide = phone(&branch, &place(&branch, &town.home), "sip.js", "202", 659.0);
    let mut narrow = phone(&branch, &place(&branch, &town.branch), "jssip", "201", 523.0);
    narrow.run("phones.only('PCMU')");
    // Else both would take the PCMU that Chromium offers as well.
    wide.run("phones.only('opus')");
    narrow.run("phone.call('202')");
    wide.until("a ring", "phone.ringing");
    wide.run("phone.answer()");
    narrow.hears(659.0);
    wide.hears(523.0);
    assert_eq!(wide.run("phone.codecs()"), "audio/opus audio/opus");
    assert_eq!(narrow.run("phone.codecs()"), "audio/PCMU audio/PCMU");
    let coded = branch.ask(&["calls", "--active"])[0]["coded"].to_string();
    assert!(coded.contains("opus") && coded.contains("pcmu"), "{coded}");
    for percent in [0, 5] {
        if percent > 0 {
            town.lose(percent);
        }
        wide.run("phone.listen(523)");
        narrow.run("phone.listen(659)");
        let [heard, spoken] = ["phone.concealed()", "phone.samples()"];
        let before = [figure(&mut wide, heard), figure(&mut wide, spoken)];
        // Ten seconds of it: some 25 packets are lost each way.
        wide.until("ten seconds", "phone.listened > 10");
        let concealed = figure(&mut wide, heard) - before[0];
        let concealed = 100.0 * concealed / (figure(&mut wide, spoken) - before[1]).max(1.0);
        let share = |phone: &mut Phone| 100.0 * figure(phone, "phone.had / phone.looks");
        let (there, here) = (share(&mut wide), share(&mut narrow));
        println!(
            "{percent} % lost each way: the Opus side has the tone {there:.1} % of the time and conceals {concealed:.1} %, \
             the PCMU side has it {here:.1} %"
        );
        assert!(there > 90.0 && here > 90.0, "{percent} %");
        assert!(if percent > 0 { concealed > 1.0 } else { concealed < 3.0 }, "{concealed} %");
    }
    wide.hears(523.0);
    narrow.hears(659.0);
    // What Chromium offers by itself, and what the box takes of it for its own sound.
    narrow.run("phone.hangUp()");
    wide.until("the end", "phone.ended !== ''");
    let mut plain = phone(&branch, &place(&branch, &town.branch), "sip.js", "203", 784.0);
    plain.calls("600");
    plain.hears(784.0);
    let chosen = "phone.codecs()";
    assert_eq!(plain.run(chosen), "audio/PCMU audio/PCMU", "what is made here costs least");
    plain.run("phone.hangUp()");
    assert_eq!(branch.record(2)["class"], "success");
    // With another that chooses by itself, both have what both like best, and the box decodes nothing.
    let mut other = phone(&branch, &place(&branch, &town.branch), "jssip", "201", 880.0);
    plain.run("phone.call('201')");
    other.until("a ring", "phone.ringing");
    other.run("phone.answer()");
    plain.hears(880.0);
    other.hears(784.0);
    assert_eq!(plain.run(chosen), "audio/opus audio/opus");
    assert_eq!(other.run(chosen), "audio/opus audio/opus");
    let coded = &branch.ask(&["calls", "--active"])[0]["coded"];
    assert!(coded.as_array().is_none_or(Vec::is_empty), "{coded}");
}

#[test]
fn three_browsers_in_a_conference_hear_the_two_others_and_not_themselves() {
    let branch = Branch::start();
    let place = Place::beside(&branch);
    let tones = [523.0, 659.0, 784.0];
    let kinds = [("sip.js", "201"), ("jssip", "202"), ("sip.js", "203")];
    let mut all: Vec<Phone> = kinds
        .iter()
        .zip(tones)
        .map(|((kind, user), tone)| phone(&branch, &place, kind, user, tone))
        .collect();
    // The second has G.711 alone, the others have Opus: the room is mixed of both.
    all[1].run("phones.only('PCMU')");
    all.iter_mut().for_each(|one| one.calls("800"));
    for (at, one) in all.iter_mut().enumerate() {
        for (of, tone) in tones.iter().enumerate() {
            let (what, script) = match of == at {
                true => ("it does not hear itself", format!("phone.stands({tone}) < 10")),
                false => ("it hears another", format!("phone.stands({tone}) > 20")),
            };
            one.until(what, &script);
        }
    }
    all[0].run("phone.hangUp()");
    all[1].until("one has gone", "phone.stands(523) < 10 && phone.stands(784) > 20");
    all[2].until("one has gone", "phone.stands(523) < 10 && phone.stands(659) > 20");
}

#[test]
fn two_browsers_on_tape_have_a_side_each() {
    let branch = Branch::demo_in(&[], |text, _| {
        let own = "number = \"201\"\nname = \"Reception\"\n";
        assert!(text.contains(own), "the demo's 201");
        text.replace(own, &format!("{own}record = \"always\"\n"))
    });
    let place = Place::beside(&branch);
    let mut first = phone(&branch, &place, "sip.js", "202", 659.0);
    let mut second = phone(&branch, &place, "jssip", "201", 523.0);
    // What is on tape was coded in two ways.
    first.run("phones.only('PCMU')");
    second.run("phones.only('opus')");
    first.run("phone.call('201')");
    second.until("a ring", "phone.ringing");
    second.run("phone.answer()");
    first.hears(523.0);
    second.hears(659.0);
    first.run("phone.listen(523)");
    first.until("three seconds of it", "phone.listened > 3");
    first.run("phone.hangUp()");
    second.until("the end", "phone.ended !== ''");
    let tape = branch.until("the tape", || {
        let files = std::fs::read_dir(branch.folder().join("data/recordings")).ok()?;
        let mut files = files.filter_map(Result::ok).map(|file| file.path());
        files.find(|path| path.extension().is_some_and(|own| own == "tape"))
    });
    let bytes = branch.opened(&tape);
    let words = bytes[HEADER..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
    let samples: Vec<i16> = words.collect();
    let side = |side: usize| samples.iter().skip(side).step_by(2).copied().collect::<Vec<_>>();
    // What is far from both ends is two people who talk.
    for (samples, own, other) in [(side(0), 659.0, 523.0), (side(1), 523.0, 659.0)] {
        let middle = samples.len() / 2;
        let piece = &samples[middle - SECOND / 2..middle + SECOND / 2];
        let (own, other) = (share(piece, own), share(piece, other));
        assert!(own > 0.8 && other < 0.01, "{own} of its own, {other} of the other's");
    }
}
