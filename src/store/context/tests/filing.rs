//! Records out of one box and into another.

use super::*;
use crate::context::{Contact, Imported, Piece};
use crate::store::context::filing::Pieces;

impl Site {
    /// Every line of an export, as it is written.
    fn lines(&self) -> Vec<String> {
        let (records, next) = self.eyes().records(None, usize::MAX);
        assert_eq!(next, None);
        let mut lines = (Vec::new(), Vec::new());
        for pieces in records.into_iter().map(Pieces::from) {
            lines.0.push(pieces.person);
            lines.0.extend(pieces.moments);
            lines.0.extend(pieces.cases);
            lines.1.extend(pieces.late);
        }
        let text = |piece: &Piece| serde_json::to_string(piece).unwrap();
        lines.0.iter().chain(&lines.1).map(text).collect()
    }

    fn restore(&mut self, line: &str) -> Result<Imported, Refused> {
        let piece = Box::new(serde_json::from_str(line).unwrap());
        let order = Order::Restore { piece, source: "old".to_owned(), dry_run: false };
        self.order(order).map(|changes| Imported::by(&changes))
    }

    /// Takes all lines up; each changes something, and none does when it comes again.
    fn restore_all(&mut self, lines: &[String]) {
        for line in lines {
            assert_ne!(self.restore(line), Ok(Imported::Unchanged), "{line}");
        }
        self.changes_nothing(lines);
    }

    fn changes_nothing(&mut self, lines: &[String]) {
        for line in lines {
            assert_eq!(self.restore(line), Ok(Imported::Unchanged), "{line}");
        }
    }
}

#[test]
fn whatever_happened_an_empty_box_that_takes_a_file_in_writes_the_same_file() {
    for seed in 0..12 {
        let (mut site, mut model) = (Site::new(seed), Model::default());
        let mut random = Random::from_number(seed + 100);
        for _ in 0..150 {
            step(&mut site, &mut model, &mut random);
        }
        let lines = site.lines();
        assert!(lines.len() > 10, "seed {seed}: there is something to write");
        // Where all of it is known nothing changes, but for those whom somebody has parted by hand and who are parted here.
        site.changes_nothing(&lines);
        let mut other = Site::new(seed + 1_000);
        other.restore_all(&lines);
        assert_eq!(other.lines(), lines, "seed {seed}");
        // A store that is made again from that journal is the same.
        let batch = project(Meta::default(), &other.entries, &Table::default());
        let mut again = Table::default();
        again.write(batch);
        other.table = again;
        assert_eq!(other.lines(), lines, "seed {seed}");
        // And everybody can be merged, parted and erased there as at home.
        let known: Vec<_> = model.lines.keys().copied().collect();
        for contact in known {
            let told = site.told(contact);
            assert_eq!(other.told(contact), told, "seed {seed}");
        }
    }
}

fn contact(id: u64, name: &str, at: i64, number: Option<&str>) -> Contact<String> {
    let mut contact = Contact::new(ContactId(id), UnixTime(at), "bea".into());
    let change = Change::Field {
        contact: contact.id,
        name: "name".to_owned(),
        value: Some(name.to_owned()),
        source: Source::Customer,
        channel: Some(Channel::Mail),
    };
    contact.apply(UnixTime(at), &"bea".into(), &change);
    if let Some(number) = number {
        let (how, at, by) = (crate::context::How::Said, UnixTime(at), "bea".into());
        contact.link(crate::context::Link { identity: phone(number), how, at, by });
    }
    contact
}

fn line(contacts: Vec<Contact<String>>) -> String {
    let whole = crate::context::Whole {
        person: contacts[0].id,
        contacts,
        merges: Vec::new(),
        shared: Vec::new(),
    };
    serde_json::to_string(&Piece::Person(whole)).unwrap()
}

#[test]
fn of_two_words_the_later_counts_and_nothing_is_taken_away() {
    let mut site = Site::new(1);
    let later = site.now.unix.0 + 1;
    site.restore(&line(vec![contact(7, "Ann Lee", 5, Some("+15550001"))])).unwrap();
    let who = Who::Contact(ContactId(7));
    let consent = |given| Order::Consent {
        who: who.clone(),
        channel: Channel::Sms,
        purpose: "offers".to_owned(),
        given,
        source: Source::Customer,
        through: None,
    };
    site.order(consent(true)).unwrap();
    let before = site.lines();
    site.order(consent(false)).unwrap();
    site.order(Order::Tag { who: who.clone(), tag: "vip".to_owned(), on: true }).unwrap();
    let version = site.eyes().contact(ContactId(7)).unwrap().version;
    assert_eq!(site.restore(&before[0]), Ok(Imported::Unchanged), "consent stays refused");
    assert_eq!(site.restore(&line(vec![contact(7, "Ann", 4, None)])), Ok(Imported::Changed));
    let own = site.eyes().contact(ContactId(7)).unwrap();
    assert_eq!(own.field("name").map(String::as_str), Some("Ann Lee"), "that was said before");
    assert_eq!(own.fields["name"].before[0].value.as_deref(), Some("Ann"));
    assert!(own.version > version && own.tags.contains("vip") && own.identities.len() == 1);
    assert!(!own.consents[0].given);
    site.restore(&line(vec![contact(7, "Ann Leeson", later, None)])).unwrap();
    let own = site.eyes().contact(ContactId(7)).unwrap();
    assert_eq!(own.field("name").map(String::as_str), Some("Ann Leeson"));
}

#[test]
fn whoever_is_known_by_the_same_number_is_the_same_person_and_two_are_not_one() {
    let mut site = Site::new(2);
    site.call("+15550001", None);
    site.call("+15550002", None);
    let own = site.owner("+15550001").unwrap();
    let file = line(vec![contact(7, "Ann", 5, Some("+15550001"))]);
    assert_eq!(site.restore(&file), Ok(Imported::Created));
    assert_eq!(site.restore(&file), Ok(Imported::Unchanged));
    assert_eq!(site.eyes().person(own).1, BTreeSet::from([own, ContactId(7)]));
    assert_eq!(site.owner("+15550001"), Some(own), "the number stays where it was");
    site.order(Order::Unmerge { gone: ContactId(7) }).unwrap();
    let mut both = contact(8, "Bea", 5, Some("+15550001"));
    both.identities.extend(contact(8, "Bea", 5, Some("+15550002")).identities);
    assert!(matches!(site.restore(&line(vec![both])), Err(Refused::TwoPeople(..))));
    // What was parted by hand here a file does not join again.
    assert!(matches!(site.restore(&file), Err(Refused::TwoPeople(..))));
}

#[test]
fn whoever_was_erased_does_not_come_back_from_a_file() {
    let mut site = Site::new(3);
    site.call("+15550001", None);
    let ann = site.owner("+15550001").unwrap();
    site.order(Order::Note { who: Who::Contact(ann), case: None, text: "canary".to_owned() })
        .unwrap();
    site.call("+15550002", None);
    let bea = site.owner("+15550002").unwrap();
    let merged = Order::Merge { kept: Who::Contact(ann), gone: Who::Contact(bea) };
    site.order(merged).unwrap();
    let moments = site.eyes().timeline(&BTreeSet::from([ann, bea]), None, 9);
    let moments = moments.iter().map(|placed| placed.place).collect();
    let (who, title) = (Who::Contact(bea), Some("canary case".to_owned()));
    let opened = site.order(Order::OpenCase { who, title, moments }).unwrap();
    let [Change::CaseOpened { case, .. }] = opened[..] else { panic!("{opened:?}") };
    let fields = BTreeMap::from([("due".to_owned(), Some("canary day".to_owned()))]);
    site.order(Order::EditCase { case, fields }).unwrap();
    let lines = site.lines();
    assert!(lines[3].contains("canary day"), "{lines:?}");
    assert_eq!(lines.len(), 4, "a person, two timelines, a case: {lines:?}");
    site.order(Order::Erase { who: Who::Contact(ann), rule: None }).unwrap();
    let rest = site.lines();
    for line in &lines {
        assert!(matches!(site.restore(line), Err(Refused::Erased(_))), "{line}");
    }
    // Nor under the old id in a row of a spreadsheet.
    let row = crate::context::Row { contact: Some(bea), ..Default::default() };
    let order = Order::Import { row, source: "crm".to_owned(), dry_run: false };
    assert_eq!(site.order(order), Err(Refused::Erased(bea)));
    assert_eq!(site.lines(), rest);
    assert!(!site.readable().iter().any(|text| text.contains("canary")));
    // A box that was made again from the journal knows it too.
    let batch = project(Meta::default(), &site.entries, &Table::default());
    let mut again = Table::default();
    again.write(batch);
    site.table = again;
    assert!(matches!(site.restore(&lines[0]), Err(Refused::Erased(_))));
}

#[test]
fn lines_that_no_export_writes_are_refused_and_change_nothing() {
    let mut site = Site::new(4);
    let twice = line(vec![contact(7, "Ann", 5, None), contact(7, "Ann", 5, None)]);
    let stranger =
        line(vec![contact(7, "Ann", 5, None)]).replacen("0000000000007", "0000000000008", 1);
    let empty = line(vec![contact(7, " ", 5, None)]);
    let nobody = "{\"moments\":{\"contact\":\"0000000000007\",\"moments\":[]}}".to_owned();
    for line in [twice, stranger, empty, nobody] {
        let done = site.restore(&line);
        assert!(done.is_err(), "{line}: {done:?}");
    }
    site.restore(&line(vec![contact(7, "Ann", 5, None)])).unwrap();
    let note = |at: i64| format!("{{\"at\":{at},\"what\":\"note\",\"text\":\"x\"}}");
    let told = |notes: &str| {
        format!("{{\"moments\":{{\"contact\":\"0000000000007\",\"moments\":[{notes}]}}}}")
    };
    let twice = told(&format!("{},{}", note(5), note(5)));
    assert_eq!(site.restore(&twice), Err(Refused::NoRecord));
    let many: Vec<_> = (0..51).map(note).collect();
    assert_eq!(site.restore(&told(&many.join(","))), Err(Refused::TooMany));
    assert_eq!(site.lines().len(), 1);
}
