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
    let (odd, own) = ("../zürich\0*>".repeat(40), "../zürich\0*>".to_owned());
    people.handle_event(&odd, &event(&odd, &own, 1, &[&odd], "Ann")).unwrap();
    let rows = people.book.clone();
    assert!(rows.get(&card_name(&Holder { site: odd, contact: own })).unwrap().is_some());
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

/// What berne was told of a field of a contact, the shown value first.
fn heard<B: Book>(people: &People<B>, site: &str) -> Vec<String> {
    let Some(told) = people.tell(site).unwrap() else { return Vec::new() };
    people.took(site, told.upto).unwrap();
    let values = told.changes.into_iter().flat_map(|change| {
        let Word::Card { known, .. } = serde_json::from_value(change).unwrap() else { panic!() };
        let field = known.card.fields.get("name").cloned().unwrap_or_default();
        let values = field.values().map(|(_, value)| value.clone().unwrap_or_default());
        values.collect::<Vec<_>>()
    });
    values.collect()
}

fn said(contact: &str, card: Card) -> Vec<u8> {
    serde_json::to_vec(&Event::Card { contact: contact.to_owned(), card }).unwrap()
}

fn card_of(site: &str, contact: &str, wall: i64, tokens: &[&str], name: &str) -> Card {
    let body = event(site, contact, wall, tokens, name);
    let Event::Card { card, .. } = serde_json::from_slice(&body).unwrap() else { panic!() };
    card
}

/// Basel was taken over: it puts words into berne's mouth, and claims to have seen what berne will say.
#[test]
fn nobody_speaks_in_anothers_name() {
    let people = People::new(MemoryBook::default());
    for (site, contact) in [("berne", "1"), ("chur", "9"), ("basel", "7")] {
        people.handle_event(site, &event(site, contact, 5, &["#p"], site)).unwrap();
    }
    ["berne", "chur", "basel"].iter().for_each(|site| while !heard(&people, site).is_empty() {});
    // A card with berne's number is not taken up at all.
    let forged = card_of("berne", "1", 50, &["#p"], "forged");
    assert_eq!(people.handle_event("basel", &said("8", forged.clone())), Ok(News::new()));
    // In a card of its own: a word of berne's that berne has not said, and that berne has said so much already.
    let mut own = card_of("basel", "7", 60, &["#p"], "basel too");
    own.fields.get_mut("name").unwrap().merge(&forged.fields["name"]);
    people.handle_event("basel", &said("7", own)).unwrap();
    assert_eq!(heard(&people, "chur"), ["basel too"]);
    // What berne says next is shown beside it.
    people.handle_event("berne", &event("berne", "1", 6, &["#p"], "berne again")).unwrap();
    let mut chur = Shared::<Option<String>>::default();
    let known = people.ask("chur", &["#p".to_owned()]).unwrap().unwrap();
    let all: Vec<Known> = serde_json::from_value(known).unwrap();
    all.iter().for_each(|one| chur.merge(&one.card.fields["name"]));
    let names: Vec<_> = chur.values().map(|(_, name)| name.clone().unwrap()).collect();
    assert_eq!(names, ["basel too", "berne again"]);
    // Past all clocks nobody says anything: there would be no later moment.
    let late = event("basel", "7", i64::MAX, &["#p"], "for ever");
    assert_eq!(people.handle_event("basel", &late), Ok(News::new()));
    // What was heard of berne and is passed on, as a branch does that settles it, is still berne's.
    let mut settled = card_of("chur", "9", 70, &["#p"], "settled");
    let mut field = chur.clone();
    field.set(settled.stamp, Some("settled".to_owned()));
    settled.fields.insert("name".to_owned(), field);
    people.handle_event("chur", &said("9", settled)).unwrap();
    let all = people.ask("basel", &["#p".to_owned()]).unwrap().unwrap();
    let all: Vec<Known> = serde_json::from_value(all).unwrap();
    let mut basel = Shared::<Option<String>>::default();
    all.iter().for_each(|one| basel.merge(&one.card.fields["name"]));
    assert_eq!(basel.values().count(), 1, "{basel:?}");
}

/// Basel fills a field with words of ever more contacts of its own; others' words find room beside them.
#[test]
fn no_branch_leaves_no_room_for_the_others() {
    let people = People::new(MemoryBook::default());
    people.handle_event("berne", &event("berne", "1", 5, &["#p"], "berne")).unwrap();
    let mut all = Shared::<Option<String>>::default();
    for at in 0..100 {
        let contact = format!("c{at}");
        let card = card_of("basel", &contact, 10 + at, &["#p"], &contact);
        all.merge(&card.fields["name"]);
        let crowd = Card { fields: BTreeMap::from([("name".to_owned(), all.clone())]), ..card };
        people.handle_event("basel", &said(&contact, crowd)).unwrap();
    }
    let known = people.ask("chur", &["#p".to_owned()]).unwrap().unwrap();
    let known: Vec<Known> = serde_json::from_value(known).unwrap();
    let (basel, berne): (Vec<_>, Vec<_>) = known.iter().partition(|one| one.site == "basel");
    assert_eq!((basel.len(), berne.len()), (16, 1), "contacts by one token");
    assert!(basel.iter().all(|one| one.card.fields["name"].values().count() <= 4));
}

/// Cards that are longer than a frame come from a box that does not look at its own: whoever shares a token is told all the
/// same, in so much as a frame takes.
#[test]
fn a_card_that_is_too_long_breaks_nobodys_line() {
    use crate::uplink::frame::{Answer, Frame, LONGEST};
    let people = People::new(MemoryBook::default());
    people.handle_event("berne", &event("berne", "1", 5, &["#p"], "berne")).unwrap();
    for at in 0..40 {
        let site = format!("s{at}");
        let mut long = card_of(&site, "7", 6, &["#p"], "basel");
        for field in 0..4 {
            let mut value = Shared::default();
            value.set(long.stamp, Some("x".repeat(15_000)));
            long.fields.insert(format!("f{field}"), value);
        }
        let mut more = Shared::default();
        more.set(long.stamp, Some("x".repeat(2_000_000)));
        long.fields.insert("g".to_owned(), more);
        people.handle_event(&site, &said("7", long)).unwrap();
    }
    let mut cards = 0;
    while let Some(told) = people.tell("berne").unwrap() {
        cards += told.changes.len();
        people.took("berne", told.upto).unwrap();
        assert!(Frame::Told(told).to_bytes().len() < LONGEST);
    }
    assert_eq!(cards, 40);
    let known = people.ask("berne", &["#p".to_owned()]).unwrap();
    assert!(known.is_some());
    assert!(Frame::Answer(Answer { mark: 1, known }).to_bytes().len() < LONGEST);
    // Names that are too long are no contacts, and what names none is passed over.
    let long = "1".repeat(1_000);
    let odd = event("basel", &long, 6, &["#p"], "basel");
    assert_eq!(people.handle_event("basel", &odd), Ok(News::new()));
}

/// The hub has lost its rows and begins anew; what a site says that it has of the ones before is nothing of these.
#[test]
fn what_a_site_has_of_an_older_hub_is_not_what_this_one_tells_it() {
    let mut before = 0;
    for epoch in [1, 2] {
        let people = People::begun(MemoryBook::default(), epoch);
        people.handle_event("berne", &event("berne", "1", 1, &["#p"], "Ann")).unwrap();
        people.handle_event("basel", &event("basel", "7", 2, &["#p"], "Anna")).unwrap();
        let told = people.tell("berne").unwrap().expect("something");
        people.took("berne", before).unwrap();
        people.took("berne", u64::MAX).unwrap();
        assert_eq!(people.tell("berne").unwrap(), Some(told.clone()), "nothing of it was taken");
        assert_ne!(told.upto, before);
        before = told.upto;
    }
}
