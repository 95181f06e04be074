//! Who is told what: by tokens, once, until they have it; and whatever another hub does at the same time.

use std::cell::{Cell, RefCell};

use super::*;
use crate::context::card::writer;
use crate::context::shared::Shared;
use crate::random::Random;
use crate::stamp::Stamp;

fn event(site: &str, contact: &str, wall: i64, tokens: &[&str], name: &str) -> Vec<u8> {
    let stamp = Stamp { wall, count: 0, site: writer(site, contact) };
    let mut field = Shared::default();
    field.set(stamp, Some(name.to_owned()));
    let card = Card {
        stamp,
        tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
        fields: BTreeMap::from([("name".to_owned(), field)]),
        ..Card::default()
    };
    serde_json::to_vec(&Event::Card { contact: contact.to_owned(), card }).unwrap()
}

fn erased(contact: &str, spreads: bool) -> Vec<u8> {
    let (erasure, contacts) = ("E1".to_owned(), vec![contact.to_owned()]);
    serde_json::to_vec(&Event::Erased { erasure, contacts, spreads }).unwrap()
}

fn sites(news: &News) -> Vec<&str> {
    news.iter().map(String::as_str).collect()
}

/// What a site is told, and that it has it from then on: of which contact of which site, to which of its own, the name.
fn told<B: Book>(people: &People<B>, site: &str) -> Vec<(String, Vec<String>, String)> {
    let Some(told) = people.tell(site).unwrap() else { return Vec::new() };
    assert_eq!(people.tell(site).unwrap().as_ref(), Some(&told), "the same until it has it");
    people.took(site, told.upto).unwrap();
    let word = |change| match serde_json::from_value(change).unwrap() {
        Word::Card { to, known } => {
            let name = known.card.fields.get("name").and_then(Shared::value).cloned().flatten();
            (format!("{}/{}", known.site, known.contact), to, name.unwrap_or_default())
        }
        Word::Erase { to, asked, .. } => {
            (format!("{}/{}", asked.site, asked.erasure), to, "-".into())
        }
    };
    told.changes.into_iter().map(word).collect()
}

fn line(of: &str, to: &[&str], name: &str) -> (String, Vec<String>, String) {
    (of.to_owned(), to.iter().map(|to| (*to).to_owned()).collect(), name.to_owned())
}

#[test]
fn whoever_has_a_token_in_common_is_told_and_nobody_else() {
    let people = People::new(MemoryBook::default());
    people.handle_event("berne", &event("berne", "1", 1, &["#p"], "Ann")).unwrap();
    people.handle_event("chur", &event("chur", "5", 1, &["#q"], "Bea")).unwrap();
    assert_eq!(told(&people, "berne"), []);
    let news =
        people.handle_event("basel", &event("basel", "7", 2, &["#p", "#x"], "Anna")).unwrap();
    assert_eq!(sites(&news), ["basel", "berne"]);
    assert_eq!(told(&people, "basel"), [line("berne/1", &["7"], "Ann")]);
    assert_eq!(told(&people, "berne"), [line("basel/7", &["1"], "Anna")]);
    assert_eq!(told(&people, "chur"), []);
    // From here on each change is told, and of several while the site is away the last one.
    for (wall, name) in [(3, "A."), (4, "Anna L."), (5, "Anna Lee")] {
        people.handle_event("basel", &event("basel", "7", wall, &["#p", "#x"], name)).unwrap();
    }
    assert_eq!(told(&people, "berne"), [line("basel/7", &["1"], "Anna Lee")]);
    assert_eq!(told(&people, "basel"), []);
    // The number is not theirs any more.
    people.handle_event("basel", &event("basel", "7", 6, &["#x"], "Anna Lee")).unwrap();
    people.handle_event("berne", &event("berne", "1", 7, &["#p"], "Ann Lee")).unwrap();
    assert_eq!((told(&people, "basel"), told(&people, "berne")), (vec![], vec![]));
}

#[test]
fn a_question_is_answered_with_what_other_sites_know() {
    let people = People::new(MemoryBook::default());
    people.handle_event("berne", &event("berne", "1", 1, &["#p"], "Ann")).unwrap();
    let ask = |site: &str, token: &str| people.ask(site, &[token.to_owned()]).unwrap();
    let known: Vec<Known> = serde_json::from_value(ask("basel", "#p").unwrap()).unwrap();
    assert_eq!((known[0].site.as_str(), known[0].contact.as_str()), ("berne", "1"));
    assert_eq!((ask("basel", "#q"), ask("berne", "#p")), (None, None));
    people.handle_event("berne", &erased("1", true)).unwrap();
    assert_eq!(ask("basel", "#p"), None);
}

#[test]
fn an_erasure_is_asked_for_where_the_person_is_known_and_confirmed() {
    let people = People::new(MemoryBook::default());
    for (site, contact) in [("berne", "1"), ("basel", "7"), ("chur", "9")] {
        people.handle_event(site, &event(site, contact, 1, &["#p"], "Ann")).unwrap();
    }
    ["berne", "basel", "chur"].iter().for_each(|site| drop(told(&people, site)));
    let asked = Asked { site: "berne".to_owned(), erasure: "E1".to_owned() };
    // Twice: whoever tells may not know that it was told.
    people.handle_event("berne", &erased("1", true)).unwrap();
    people.handle_event("berne", &erased("1", true)).unwrap();
    assert_eq!(told(&people, "basel"), [line("berne/E1", &["7"], "-")]);
    let confirm = |site: &str, done, why: Option<&str>| {
        let (asked, why) = (asked.clone(), why.map(str::to_owned));
        let waits = false;
        let body = serde_json::to_vec(&Event::Confirmed { asked, done, waits, why }).unwrap();
        people.handle_event(site, &body).unwrap();
        people.erasure(&asked_of()).unwrap().unwrap()
    };
    fn asked_of() -> Asked {
        Asked { site: "berne".to_owned(), erasure: "E1".to_owned() }
    }
    assert_eq!(confirm("basel", true, None).open().collect::<Vec<_>>(), ["chur"]);
    let refused = confirm("chur", false, Some("held"));
    assert_eq!(refused.refused["chur"].as_deref(), Some("held"));
    assert_eq!(refused.open().count(), 0);
    // Nobody confirms who was not asked.
    assert!(!confirm("lugano", true, None).done.contains("lugano"));
    // The hub knows nothing of it any more, and what a rule of the site erased is its own matter.
    let row = people.book.get("card/berne/1").unwrap();
    assert_eq!(row, None);
    people.handle_event("basel", &erased("7", false)).unwrap();
    assert_eq!(told(&people, "chur").len(), 1, "what berne asked for, and nothing of basel's");
}

#[test]
fn what_is_no_event_of_ours_changes_nothing() {
    let people = People::new(MemoryBook::default());
    for body in [&b"{}"[..], b"", b"[", br#"{"event":"call","at":5}"#, br#"{"event":"card"}"#] {
        assert_eq!(people.handle_event("berne", body), Ok(News::new()));
    }
    assert!(people.book.is_empty());
    // Names of rows are plain whatever sites and contacts are called.
    let odd = "../zürich\0*>".repeat(40);
    people.handle_event(&odd, &event(&odd, &odd, 1, &[&odd], "Ann")).unwrap();
    let rows = people.book.clone();
    assert!(rows.get(&card_name(&Holder { site: odd.clone(), contact: odd })).unwrap().is_some());
}

/// A book that is away now and then, before or after something was put, as when a hub is killed half-way; and at which
/// another hub is at work between any two calls.
struct Torn {
    book: MemoryBook,
    random: RefCell<Random>,
    /// What the other hub does next, and at which of the calls.
    other: RefCell<Vec<(String, Vec<u8>)>>,
    inside: Cell<bool>,
    calm: Cell<bool>,
}

impl Torn {
    fn breaks(&self) -> bool {
        !self.calm.get() && self.random.borrow_mut().below(12) == 0
    }

    fn other_hub(&self) {
        if self.calm.get() || self.inside.get() || self.random.borrow_mut().below(3) > 0 {
            return;
        }
        self.inside.set(true);
        let next = self.other.borrow_mut().pop();
        if let Some((site, body)) = next {
            let people = People::new(self);
            // Whoever did not get through tries again later.
            if people.handle_event(&site, &body).is_err() {
                self.other.borrow_mut().insert(0, (site, body));
            }
        }
        self.inside.set(false);
    }
}

impl Book for &Torn {
    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, u64)>, Away> {
        self.other_hub();
        if self.breaks() { Err(Away) } else { self.book.get(name) }
    }

    fn put(&self, name: &str, row: &[u8], seen: u64) -> Result<(), NotPut> {
        self.other_hub();
        if self.breaks() {
            return Err(NotPut::Away);
        }
        self.book.put(name, row, seen)?;
        if self.breaks() { Err(NotPut::Away) } else { Ok(()) }
    }

    fn delete(&self, name: &str) -> Result<(), Away> {
        if self.breaks() { Err(Away) } else { self.book.delete(name) }
    }
}

/// Two hubs take up events of three sites on one book that breaks; in the end each site was told the last word of each
/// other that shares a token with it.
#[test]
fn hubs_that_break_and_race_leave_nobody_untold() {
    for seed in 0..400 {
        let mut random = Random::from_number(seed);
        let torn = Torn {
            book: MemoryBook::default(),
            random: RefCell::new(random.fork()),
            other: RefCell::default(),
            inside: Cell::new(false),
            calm: Cell::new(false),
        };
        let people = People::new(&torn);
        let all = [("berne", "1"), ("basel", "7"), ("chur", "9")];
        let mut heard: BTreeMap<(&str, String), String> = BTreeMap::new();
        let mut last: BTreeMap<&str, String> = BTreeMap::new();
        let mut listen = |people: &People<&Torn>, site: &'static str, takes: bool| {
            let Ok(Some(told)) = people.tell(site) else { return false };
            if !takes {
                return true;
            }
            for change in told.changes {
                let Ok(Word::Card { known, .. }) = serde_json::from_value(change) else { panic!() };
                let name = known.card.fields["name"].value().cloned().flatten().unwrap();
                heard.insert((site, known.site), name);
            }
            let _ = people.took(site, told.upto);
            true
        };
        for wall in 0..8 {
            let mut batch = Vec::new();
            for (site, contact) in all {
                if random.below(2) == 0 {
                    let name = format!("{site}{wall}");
                    batch.push((site.to_owned(), event(site, contact, wall, &["#p"], &name)));
                    last.insert(site, name);
                }
            }
            let (site, _) = all[usize::try_from(random.below(3)).unwrap()];
            listen(&people, site, random.below(2) == 0);
            // The one hub does the first, the other the rest at the same time; both until it is done.
            let first = batch.pop();
            *torn.other.borrow_mut() = batch;
            if let Some((site, body)) = first {
                while people.handle_event(&site, &body).is_err() {}
            }
            while let Some((site, body)) = { torn.other.borrow_mut().pop() } {
                while people.handle_event(&site, &body).is_err() {}
            }
        }
        torn.calm.set(true);
        for (site, _) in all {
            while listen(&people, site, true) {}
        }
        for (site, of) in all.iter().flat_map(|(s, _)| all.iter().map(move |(o, _)| (*s, *o))) {
            let both = last.contains_key(site) && last.contains_key(of) && site != of;
            let expected = last.get(of).filter(|_| both);
            assert_eq!(heard.get(&(site, of.to_owned())), expected, "seed {seed}: {site} of {of}");
        }
    }
}
