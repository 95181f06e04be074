//! People out of files and into files, in a whole branch.

use super::*;
use crate::admin::{Command, PeoplePage, Reply};
use crate::context::{Held, Identity, Imported, Kind, Order, Person, Row, Sharing, Who};
use crate::id::ContactId;
use crate::random::Random;

fn held(text: &str, shared: Option<Sharing>) -> Held {
    let Ok(Who::Identity(kind, value)) = text.parse() else { panic!("{text}") };
    Held { identity: Identity { kind, value }, shared }
}

fn row(identities: &[&str], fields: &[(&str, &str)]) -> Row {
    Row {
        identities: identities.iter().map(|text| held(text, None)).collect(),
        fields: fields.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
        ..Row::default()
    }
}

fn import(world: &mut World, row: &Row) -> Result<Imported, String> {
    let order = Order::Import { row: row.clone(), source: "crm".to_owned(), dry_run: false };
    world.order(order).map(|done| done.imported.expect("a row did something"))
}

fn people(world: &mut World) -> Vec<Person> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Some(Reply::People(page)) = world.ask(&Command::People { after, limit: 3 }) else {
            panic!("no people");
        };
        let PeoplePage { people, next } = page;
        all.extend(people);
        match next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// Rows as another box would have written them: two boxes of a test make the same ids, two of the world never do.
fn foreign(rows: &[Row]) -> Vec<Row> {
    let other = |row: &Row| row.contact.map(|contact| ContactId(!contact.0));
    rows.iter().map(|row| Row { contact: other(row), ..row.clone() }).collect()
}

/// All people as rows, without the ids that they have here.
fn rows(world: &mut World) -> Vec<Row> {
    let rows = people(world).into_iter().map(|person| Row { contact: None, ..person.row() });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| row.identities.clone());
    rows
}

#[test]
fn a_row_makes_a_contact_once_and_adds_to_it_later() {
    let mut world = World::of(1, CONFIG, 0);
    let ann = row(&["business:crm:7", "4085551200"], &[("name", "Ann")]);
    assert_eq!(import(&mut world, &ann), Ok(Imported::Created));
    assert_eq!(import(&mut world, &ann), Ok(Imported::Unchanged));
    let version = people(&mut world)[0].contacts[0].version;
    let more = row(&["business:crm:7", "ann@example.com"], &[("name", "Ann Lee")]);
    let order = Order::Import { row: more.clone(), source: "crm".to_owned(), dry_run: true };
    assert_eq!(world.order(order).expect("tried").imported, Some(Imported::Changed));
    assert_eq!(people(&mut world)[0].contacts[0].version, version, "it was only tried");
    assert_eq!(import(&mut world, &more), Ok(Imported::Changed));
    assert_eq!(import(&mut world, &more), Ok(Imported::Unchanged));
    let all = people(&mut world);
    let [ann] = &all[..] else { panic!("{all:?}") };
    let name = &ann.contacts[0].fields["name"];
    assert_eq!(name.now.value.as_deref(), Some("Ann Lee"));
    assert_eq!(name.now.said.source, crate::context::Source::Import);
    assert_eq!(&*name.now.said.by.to_string(), "the console, import of crm");
    assert_eq!(ann.contacts[0].identities.len(), 3, "a number, an address, the file's id");
}

#[test]
fn a_row_that_names_nobody_or_two_is_refused_and_changes_nothing() {
    let mut world = World::of(1, CONFIG, 0);
    for one in ["+14085551200", "ann@example.com"] {
        assert_eq!(import(&mut world, &row(&[one], &[])), Ok(Imported::Created));
    }
    let before = rows(&mut world);
    let two = import(&mut world, &row(&["+14085551200", "ann@example.com"], &[("name", "Ann")]));
    assert!(two.as_ref().is_err_and(|why| why.contains("two people")), "{two:?}");
    let nobody = import(&mut world, &row(&[], &[("name", "Ann")]));
    assert!(nobody.is_err_and(|why| why.contains("nothing says who")));
    assert!(import(&mut world, &row(&["phone:110"], &[])).is_err());
    assert!(import(&mut world, &row(&["b@example.com"], &[("Bad Name", "x")])).is_err());
    assert_eq!(rows(&mut world), before);
    let (kept, gone) = ("+14085551200".parse().unwrap(), "ann@example.com".parse().unwrap());
    world.order(Order::Merge { kept, gone }).expect("merged");
    let both = row(&["+14085551200", "ann@example.com"], &[("name", "Ann")]);
    assert_eq!(import(&mut world, &both), Ok(Imported::Changed), "they are one now");
    assert_eq!(import(&mut world, &both), Ok(Imported::Unchanged));
    assert_eq!(people(&mut world).len(), 1);
}

#[test]
fn whoever_shares_a_line_or_has_none_is_themselves_in_another_box_too() {
    let mut world = World::of(1, CONFIG, 0);
    for name in ["ann", "bob"] {
        let mut row = row(&[&format!("{name}@example.com")], &[("name", name)]);
        row.identities.push(held("+14085551200", Some(Sharing::Family)));
        row.tags.insert("vip".to_owned());
        assert_eq!(import(&mut world, &row), Ok(Imported::Created));
        assert_eq!(import(&mut world, &row), Ok(Imported::Unchanged));
    }
    let unknown = Order::Create {
        fields: [("name".to_owned(), "Cy".to_owned())].into(),
        identities: Vec::new(),
        source: crate::context::Source::Agent,
        channel: None,
    };
    world.order(unknown).expect("made");
    let all: Vec<Row> = people(&mut world).iter().map(Person::row).collect();
    assert_eq!(all.len(), 3, "the line itself is nobody");
    for row in &all {
        assert_eq!(import(&mut world, row), Ok(Imported::Unchanged), "it came from here");
    }
    let mut other = World::of(2, CONFIG, 0);
    for expected in [Imported::Created, Imported::Unchanged] {
        for row in &foreign(&all) {
            assert_eq!(import(&mut other, row), Ok(expected));
        }
    }
    let there = rows(&mut other);
    let named = |rows: &[Row], name: &str| {
        rows.iter().find(|row| row.fields["name"] == name).cloned().expect("they are there")
    };
    let here = rows(&mut world);
    for name in ["ann", "bob"] {
        assert_eq!(named(&there, name), named(&here, name));
    }
    assert_eq!(named(&there, "Cy").identities[0].identity.kind, Kind::Business);
}

#[test]
fn random_rows_twice_are_what_they_were_once_and_go_round_through_another_box() {
    for seed in 0..20 {
        let mut random = Random::from_number(seed);
        let mut world = World::of(seed, CONFIG, 0);
        let mut taken = Vec::new();
        for _ in 0..60 {
            let row = any(&mut random);
            if import(&mut world, &row).is_ok() {
                assert_eq!(import(&mut world, &row), Ok(Imported::Unchanged), "{seed}: {row:?}");
                taken.push(row);
            }
        }
        assert!(taken.len() > 5, "most rows are good");
        let here = rows(&mut world);
        let all: Vec<Row> = people(&mut world).iter().map(Person::row).collect();
        let mut other = World::of(seed + 100, CONFIG, 0);
        for expected in [Imported::Created, Imported::Unchanged] {
            for row in &foreign(&all) {
                assert_eq!(import(&mut other, row), Ok(expected), "{seed}: {row:?}");
            }
        }
        assert_eq!(rows(&mut other), here, "{seed}");
    }
}

fn any(random: &mut Random) -> Row {
    let mut below = |n: u64| random.bits() % n;
    let mut row = Row::default();
    for _ in 0..=below(2) {
        let text = match below(3) {
            0 => format!("+140855512{:02}", below(12)),
            1 => format!("p{}@example.com", below(12)),
            _ => format!("account:A{}", below(12)),
        };
        row.identities.push(held(&text, None));
    }
    for name in ["name", "city"] {
        if below(2) == 0 {
            row.fields.insert(name.to_owned(), format!("{name} {}", below(5)));
        }
    }
    if below(4) == 0 {
        row.tags.insert(format!("t{}", below(3)));
    }
    row
}
