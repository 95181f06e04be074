//! People in rows, against a model that keeps them in plain lists.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::CASES;
use super::looking::Eyes;
use crate::call::ending::Cause;
use crate::call::record::Peer;
use crate::context::{
    Act, Change, Channel, Happening, Identity, Kind, Order, Ref, Refused, Rules, Sharing, Source,
    Who, decide,
};
use crate::id::{CallId, CaseId, ContactId, RecordingId};
use crate::journal::chain::Sealer;
use crate::journal::context::to_seal;
use crate::journal::event::{CallRecord, Direction, Event};
use crate::journal::personal::{Keyring, Personal, Reads};
use crate::journal::record::{Found, decode as decode_record};
use crate::journal::replay::Entry;
use crate::journal::{Journal, Output, Resume};
use crate::random::Random;
use crate::store::tests::Table;
use crate::store::{META_KEY, Meta, project};
use crate::time::{Now, UnixTime};

mod filing;
mod written;

/// A journal, what it wrote, and the rows that came of it.
struct Site {
    now: Now,
    journal: Journal,
    random: Random,
    entries: Vec<Entry>,
    table: Table,
    rules: Rules,
}

impl Site {
    fn new(seed: u64) -> Site {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_000_000_000) };
        let keys = Keyring::open(&[1; 32], &[], Random::from_number(seed));
        let sealer = Sealer::from_seed(&[2; 32]).unwrap();
        Site {
            now,
            journal: Journal::new(now, Resume::default(), keys, sealer),
            random: Random::from_number(seed + 1),
            entries: Vec::new(),
            table: Table::default(),
            rules: Rules { verified_for: Duration::from_secs(600), ..Rules::default() },
        }
    }

    fn eyes(&self) -> Eyes<'_> {
        Eyes { rows: &self.table, keys: self.journal.keys().reading() }
    }

    /// Lets the rows follow what the journal wrote.
    fn follow(&mut self) {
        let before = self.entries.len();
        while let Some(output) = self.journal.poll_output() {
            let Output::Write { bytes, .. } = output else { continue };
            let mut rest = bytes.as_slice();
            while let Found::Record(record) = decode_record(rest) {
                let event = Some(serde_json::from_slice(record.payload).unwrap());
                self.entries.push(Entry { seq: record.seq, at: record.at, event });
                rest = &rest[record.bytes.len()..];
            }
        }
        let batch = project(self.table.meta(), &self.entries[before..], &self.table);
        self.table.write(batch);
        self.now = self.now.after(Duration::from_secs(1));
    }

    fn order(&mut self, order: Order) -> Result<Vec<Change<String>>, Refused> {
        let order = order.normalised(&|digits| Some(digits.to_owned()))?;
        let view = self.eyes().view(&order.needs());
        let (random, unix) = (&mut self.random, self.now.unix);
        let by = "ann".into();
        let changes = decide(&order, &view, &self.rules, &by, unix, &mut || random.bits())?;
        let act = Act { by, at: unix, changes: changes.clone() };
        if let Some(Change::Erased { contacts, .. }) = changes.first() {
            let doomed = self.eyes().doomed(&contacts.iter().copied().collect());
            let subjects: Vec<_> = doomed.subjects.into_iter().collect();
            self.journal.forget(self.now, &subjects, |_| Event::Context(to_seal(act)));
        } else if !changes.is_empty() {
            self.journal.append(self.now, Event::Context(to_seal(act)));
        }
        self.follow();
        Ok(changes)
    }

    /// A call from outside, under a number that is written in another way than in full.
    fn call(&mut self, number: &str, recording: Option<RecordingId>) -> CallId {
        let call = CallId(self.random.bits());
        let party = Some(Personal::from(number));
        let from = Personal::Clear(format!("0{}", number.trim_start_matches("+1")));
        let at = self.now.unix;
        let record = CallRecord {
            call,
            direction: Direction::Inbound,
            origin: Peer::Trunk("carrier".into()),
            from,
            to: Personal::from("+15550100"),
            party,
            contact: None,
            arrived: at,
            answered: Some(at),
            connected: None,
            ended: at,
            queue: None,
            agent: None,
            conference: None,
            cause: Cause::Completed,
            class: Cause::Completed.class(),
            legs: Vec::new(),
            recordings: recording.into_iter().collect(),
            diversions: Vec::new(),
            diverted_by: None,
            fee: None,
            consent: None,
        };
        self.journal.append(self.now, Event::CallRecord(Box::new(record)));
        self.follow();
        call
    }

    fn owner(&self, number: &str) -> Option<ContactId> {
        self.eyes().edge(&phone(number)).map(|edge| edge.owner)
    }

    /// Every text in the journal that can still be read.
    fn readable(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for event in self.entries.iter().filter_map(|entry| entry.event.clone()) {
            let mut event = event;
            event.for_each_personal(&mut |personal| {
                texts.extend(self.journal.keys().reading().read(personal));
            });
        }
        texts
    }

    /// Some of what happened with a contact's person.
    fn some_moments(&self, contact: ContactId, random: &mut Random) -> Vec<Ref> {
        let (_, members) = self.eyes().person(contact);
        let line = self.eyes().timeline(&members, None, usize::MAX);
        line.iter().map(|placed| placed.place).filter(|_| random.below(3) == 0).collect()
    }

    /// What is on a contact's own timeline, the newest first.
    fn told(&self, contact: ContactId) -> Vec<String> {
        let (_, members) = self.eyes().person(contact);
        let line = self.eyes().timeline(&members, None, usize::MAX);
        let tell = |what: &Happening<String>| match what {
            Happening::Note { text } => text.clone(),
            Happening::Call { call, .. } => call.to_string(),
            other => format!("{other:?}"),
        };
        line.iter().map(|placed| tell(&placed.moment.what)).collect()
    }
}

fn phone(number: &str) -> Identity<String> {
    Identity { kind: Kind::Phone, value: number.to_owned() }
}

fn created(changes: &[Change<String>]) -> ContactId {
    match changes.first() {
        Some(Change::Created { contact }) => *contact,
        other => panic!("{other:?}"),
    }
}

/// What somebody wants, in a plain list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    contact: ContactId,
    title: String,
    moments: BTreeSet<(UnixTime, u64, ContactId)>,
    merged_into: Option<CaseId>,
}

fn placed(moments: &[Ref]) -> impl Iterator<Item = (UnixTime, u64, ContactId)> {
    moments.iter().map(|one| (one.at, one.seq, one.contact))
}

/// What people are, in plain lists.
#[derive(Default)]
struct Model {
    /// By which numbers each contact is known.
    known: BTreeMap<ContactId, BTreeSet<String>>,
    /// Who uses each number that several people share; its owner is the line.
    users: BTreeMap<String, BTreeSet<ContactId>>,
    cases: BTreeMap<CaseId, Wish>,
    /// Contacts that are there, each with what happened, the oldest first.
    lines: BTreeMap<ContactId, Vec<(UnixTime, String)>>,
    owners: BTreeMap<String, ContactId>,
    /// Pairs that are one person, in the order they were said.
    merges: Vec<(ContactId, ContactId)>,
    ever: BTreeSet<ContactId>,
    erased: BTreeSet<String>,
}

impl Model {
    fn person(&self, contact: ContactId) -> BTreeSet<ContactId> {
        let mut all = BTreeSet::from([contact]);
        loop {
            let count = all.len();
            for (a, b) in &self.merges {
                if all.contains(a) || all.contains(b) {
                    all.extend([*a, *b]);
                }
            }
            if all.len() == count {
                return all;
            }
        }
    }

    fn told(&self, contact: ContactId) -> Vec<String> {
        let person = self.person(contact);
        let mut all: Vec<_> = person.iter().flat_map(|one| self.lines[one].clone()).collect();
        all.sort();
        all.into_iter().rev().map(|(_, text)| text).collect()
    }

    fn happened(&mut self, contact: ContactId, at: UnixTime, text: String) {
        self.lines.get_mut(&contact).expect("it is there").push((at, text));
    }

    fn new_contact(&mut self, contact: ContactId) {
        assert!(self.ever.insert(contact), "an id that was there before");
        self.lines.insert(contact, Vec::new());
        self.known.insert(contact, BTreeSet::new());
    }

    fn has(&mut self, contact: ContactId, number: &str) {
        self.known.get_mut(&contact).expect("it is there").insert(number.to_owned());
    }

    fn has_no_more(&mut self, contact: ContactId, number: &str) {
        self.known.get_mut(&contact).expect("it is there").remove(number);
    }

    fn open(&self, case: CaseId) -> Result<&Wish, Refused> {
        let wish = self.cases.get(&case).ok_or(Refused::UnknownCase)?;
        if wish.merged_into.is_none() { Ok(wish) } else { Err(Refused::CaseClosed) }
    }

    fn any_case(&self, random: &mut Random) -> Option<CaseId> {
        let count = self.cases.len() as u64;
        self.cases.keys().nth(random.below(count.max(1)) as usize).copied()
    }

    fn any(&self, random: &mut Random) -> Option<ContactId> {
        let count = self.lines.len() as u64;
        self.lines.keys().nth(random.below(count) as usize).copied()
    }
}

fn number(random: &mut Random) -> String {
    format!("+1555{:07}", random.below(12))
}

/// One random thing happens to both.
fn step(site: &mut Site, model: &mut Model, random: &mut Random) {
    let at = site.now.unix;
    let (a, b) = (model.any(random), model.any(random));
    match (random.below(16), a, b) {
        (0, ..) => {
            let (n, name) = (number(random), format!("name-{}", random.below(1 << 40)));
            let fields = BTreeMap::from([("name".to_owned(), name)]);
            let identities = vec![phone(&n)];
            let order = Order::Create {
                fields,
                identities,
                source: crate::context::Source::Agent,
                channel: None,
            };
            match (site.order(order), model.owners.get(&n)) {
                (Ok(changes), None) => {
                    let contact = created(&changes);
                    model.new_contact(contact);
                    model.has(contact, &n);
                    model.owners.insert(n, contact);
                }
                (Err(Refused::Taken(by)), Some(owner)) => assert_eq!(by, *owner),
                other => panic!("{other:?}"),
            }
        }
        (1 | 2, ..) => {
            let n = number(random);
            let call = site.call(&n, None);
            let owner = site.owner(&n).expect("a call makes a contact");
            match model.owners.get(&n) {
                Some(known) => assert_eq!(owner, *known),
                None => {
                    model.new_contact(owner);
                    model.has(owner, &n);
                    model.owners.insert(n, owner);
                }
            }
            model.happened(owner, at, call.to_string());
        }
        (3, Some(a), _) => {
            let text = format!("note-{}", random.below(1 << 40));
            site.order(Order::Note { who: Who::Contact(a), case: None, text: text.clone() })
                .expect("noted");
            model.happened(a, at, text);
        }
        (4, Some(a), _) => {
            let n = number(random);
            let done = site.order(Order::Link { who: Who::Contact(a), identity: phone(&n) });
            if let Some(users) = model.users.get_mut(&n) {
                done.expect("one more user");
                users.insert(a);
                return model.has(a, &n);
            }
            match model.owners.get(&n) {
                None => {
                    done.expect("linked");
                    model.has(a, &n);
                    model.owners.insert(n, a);
                }
                Some(owner) if *owner == a => assert_eq!(done, Ok(Vec::new())),
                Some(owner) => assert_eq!(done, Err(Refused::Taken(*owner))),
            }
        }
        (5, Some(a), _) => {
            let n = number(random);
            let done = site.order(Order::Unlink { who: Who::Contact(a), identity: phone(&n) });
            let owns = model.owners.get(&n) == Some(&a);
            if !model.known[&a].contains(&n) {
                return assert_eq!(done, Err(Refused::NotLinked));
            }
            match model.users.get_mut(&n) {
                Some(_) if owns => {
                    return assert_eq!(done, Err(Refused::SharedIdentity(Sharing::Family)));
                }
                Some(users) => _ = users.remove(&a),
                None if owns => _ = model.owners.remove(&n),
                None => {}
            }
            done.expect("unlinked");
            model.has_no_more(a, &n);
        }
        (6, Some(a), Some(b)) => merge(site, model, random, a, b),
        (7, Some(a), _) => {
            let done = site.order(Order::Unmerge { gone: a });
            match done {
                Ok(changes) => {
                    let [Change::Unmerged(merge)] = changes.as_slice() else { panic!() };
                    let pair = (merge.kept, merge.gone);
                    let place = model.merges.iter().position(|known| *known == pair);
                    model.merges.remove(place.expect("it was merged"));
                }
                Err(why) => assert_eq!(why, Refused::NotMerged),
            }
        }
        (8, Some(a), _) if random.below(3) == 0 => erase(site, model, a),
        (9, ..) => share(site, model, &number(random)),
        (10, Some(a), _) => unshare(site, model, &number(random), a),
        (11, Some(a), _) => {
            let (moments, title) =
                (site.some_moments(a, random), format!("note-{}", random.below(1 << 40)));
            let (who, named) = (Who::Contact(a), Some(title.clone()));
            let order = Order::OpenCase { who, title: named, moments: moments.clone() };
            let changes = site.order(order).expect("opened");
            let [Change::CaseOpened { case, .. }] = changes.as_slice() else { panic!() };
            if random.below(2) == 0 {
                let fields = BTreeMap::from([("due".to_owned(), Some(title.clone()))]);
                site.order(Order::EditCase { case: *case, fields }).expect("it is open");
            }
            let moments = placed(&moments).collect();
            model.cases.insert(*case, Wish { contact: a, title, moments, merged_into: None });
        }
        (12.., Some(a), _) => case_step(site, model, random, a),
        _ => {}
    }
}

/// Something happens to a case that is there.
fn case_step(site: &mut Site, model: &mut Model, random: &mut Random, a: ContactId) {
    let (Some(case), Some(other)) = (model.any_case(random), model.any_case(random)) else {
        return;
    };
    let own = |site: &Site| site.eyes().case(case).map(|row| row.moments).unwrap_or_default();
    match random.below(4) {
        0 => {
            let moments = site.some_moments(a, random);
            let done = site.order(Order::LinkCase { case, moments: moments.clone() });
            match model.open(case) {
                Err(why) => assert_eq!(done, Err(why)),
                Ok(wish) if !moments.is_empty() && !model.person(wish.contact).contains(&a) => {
                    assert_eq!(done, Err(Refused::UnknownMoment));
                }
                Ok(_) => {
                    done.expect("linked");
                    let wish = model.cases.get_mut(&case).expect("it is there");
                    wish.moments.extend(placed(&moments));
                }
            }
        }
        1 => {
            let some: Vec<_> = own(site).into_iter().filter(|_| random.below(2) == 0).collect();
            let done = site.order(Order::UnlinkCase { case, moments: some.clone() });
            match model.open(case) {
                Err(why) => assert_eq!(done, Err(why)),
                Ok(_) => {
                    done.expect("taken out");
                    let wish = model.cases.get_mut(&case).expect("it is there");
                    placed(&some).for_each(|one| _ = wish.moments.remove(&one));
                }
            }
        }
        2 => {
            let some: Vec<_> = own(site).into_iter().filter(|_| random.below(2) == 0).collect();
            let order = Order::SplitCase { case, title: None, moments: some.clone() };
            let done = site.order(order);
            match model.open(case).cloned() {
                Err(why) => assert_eq!(done, Err(why)),
                Ok(wish) if some.is_empty() || some.len() == wish.moments.len() => {
                    assert_eq!(done, Err(Refused::NothingToSplit));
                }
                Ok(wish) => {
                    let changes = done.expect("split");
                    let [Change::CaseSplit { case: new, .. }] = changes.as_slice() else {
                        panic!()
                    };
                    let moments: BTreeSet<_> = placed(&some).collect();
                    let from = model.cases.get_mut(&case).expect("it is there");
                    from.moments.retain(|one| !moments.contains(one));
                    let title = String::new();
                    model.cases.insert(*new, Wish { title, moments, ..wish });
                }
            }
        }
        _ => {
            let done = site.order(Order::MergeCases { kept: case, gone: other });
            let both = model.open(case).and_then(|one| Ok((one, model.open(other)?)));
            match both.map(|(one, gone)| (one.contact, gone.contact)) {
                Err(why) => assert_eq!(done, Err(why)),
                Ok((one, gone)) if case == other || !model.person(one).contains(&gone) => {
                    assert_eq!(done, Err(Refused::ForeignCase));
                }
                Ok(_) => {
                    done.expect("merged");
                    let gone = model.cases.get_mut(&other).expect("it is there");
                    gone.merged_into = Some(case);
                    let moments = std::mem::take(&mut gone.moments);
                    model.cases.get_mut(&case).expect("it is there").moments.extend(moments);
                }
            }
        }
    }
}

/// From now on a number is a line's own, and whoever had it is one of its users.
fn share(site: &mut Site, model: &mut Model, n: &str) {
    let order = Order::Share { identity: phone(n), sharing: Sharing::Family };
    let changes = site.order(order).expect("shared");
    let [Change::Shared { line, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    if model.users.contains_key(n) {
        return assert_eq!(model.owners[n], *line);
    }
    model.new_contact(*line);
    model.has(*line, n);
    let before = model.owners.insert(n.to_owned(), *line);
    model.users.insert(n.to_owned(), before.into_iter().collect());
}

/// It is one person's after all.
fn unshare(site: &mut Site, model: &mut Model, n: &str, a: ContactId) {
    let done = site.order(Order::Unshare { identity: phone(n), who: Who::Contact(a) });
    let Some(line) = model.owners.get(n).copied() else {
        return assert_eq!(done, Err(Refused::UnknownIdentity));
    };
    let Some(users) = model.users.remove(n) else {
        return assert_eq!(done, Err(Refused::NotLinked));
    };
    done.expect("it is one person's");
    users.into_iter().chain([line]).for_each(|one| model.has_no_more(one, n));
    model.has(a, n);
    model.owners.insert(n.to_owned(), a);
}

fn merge(site: &mut Site, model: &mut Model, random: &mut Random, a: ContactId, b: ContactId) {
    let order = Order::Merge { kept: Who::Contact(a), gone: Who::Contact(b) };
    let before = rows(&site.table);
    let done = site.order(order);
    if model.person(a).contains(&b) {
        assert_eq!(done, Err(Refused::SamePerson));
        return;
    }
    let changes = done.expect("merged");
    let [Change::Merged(merge)] = changes.as_slice() else { panic!("{changes:?}") };
    // Half of them are taken back at once: then every row is as it was, byte for byte.
    if random.below(2) == 0 {
        assert_ne!(rows(&site.table), before);
        site.order(Order::Unmerge { gone: merge.gone }).expect("taken back");
        assert_eq!(rows(&site.table), before);
    } else {
        model.merges.push((merge.kept, merge.gone));
    }
}

fn erase(site: &mut Site, model: &mut Model, a: ContactId) {
    site.order(Order::Erase { who: Who::Contact(a), rule: None }).expect("erased");
    let person = model.person(a);
    let gone: Vec<_> = model.lines.iter().filter(|(id, _)| person.contains(id)).collect();
    let notes = gone.iter().flat_map(|(_, line)| line.iter().map(|(_, text)| text.clone()));
    let theirs = model.cases.values().filter(|wish| person.contains(&wish.contact));
    let titles = theirs.map(|wish| wish.title.clone());
    let notes: Vec<_> = notes.chain(titles).filter(|text| text.starts_with("note-")).collect();
    let numbers = model.owners.iter().filter(|(_, owner)| person.contains(owner));
    let numbers: Vec<_> = numbers.map(|(number, _)| number.clone()).collect();
    let readable = site.readable();
    for text in notes.iter().chain(&numbers) {
        assert!(!readable.contains(text), "{text} can still be read");
    }
    model.erased.extend(notes);
    model.lines.retain(|id, _| !person.contains(id));
    model.known.retain(|id, _| !person.contains(id));
    for (number, users) in &mut model.users {
        if !person.contains(&model.owners[number]) {
            users.retain(|user| !person.contains(user));
            continue;
        }
        // The number of a line that is gone is nobody's.
        for user in users.iter() {
            if let Some(numbers) = model.known.get_mut(user) {
                numbers.remove(number);
            }
        }
    }
    model.users.retain(|number, _| !person.contains(&model.owners[number]));
    model.owners.retain(|_, owner| !person.contains(owner));
    model.cases.retain(|_, wish| !person.contains(&wish.contact));
    for wish in model.cases.values_mut() {
        wish.moments.retain(|(.., contact)| !person.contains(contact));
    }
    model.merges.retain(|(kept, _)| !person.contains(kept));
}

fn rows(table: &Table) -> BTreeMap<Vec<u8>, Vec<u8>> {
    table
        .0
        .iter()
        .filter(|(key, _)| *key != META_KEY)
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn compare(site: &Site, model: &Model) {
    let contacts: BTreeSet<_> =
        site.table.0.keys().filter(|key| key[0] == super::CONTACT).collect();
    assert_eq!(contacts.len(), model.lines.len());
    for contact in model.lines.keys() {
        assert_eq!(site.eyes().person(*contact).1, model.person(*contact));
        assert_eq!(site.told(*contact), model.told(*contact));
    }
    for n in 0..12 {
        let n = format!("+1555{n:07}");
        assert_eq!(site.owner(&n), model.owners.get(&n).copied(), "{n}");
        let edge = site.eyes().edge(&phone(&n)).filter(|edge| edge.sharing.is_some());
        assert_eq!(edge.map(|edge| edge.users), model.users.get(&n).cloned(), "{n}");
    }
    for (contact, numbers) in &model.known {
        let row = site.eyes().contact(*contact).expect("it is there");
        assert_eq!(row.identities.len(), numbers.len(), "{contact}");
    }
    let cases = site.table.0.keys().filter(|key| key.starts_with(CASES)).count();
    assert_eq!(cases, model.cases.len());
    for (case, wish) in &model.cases {
        let row = site.eyes().case(*case).expect("it is there");
        assert_eq!(placed(&row.moments).collect::<BTreeSet<_>>(), wish.moments, "{case}");
        assert!(row.fields.values().all(|said| *said == wish.title), "{case}: {row:?}");
        let known = (row.contact, row.merged_into);
        assert_eq!(known, (wish.contact, wish.merged_into), "{case}");
        // Whoever has a part in a case is led to it.
        for (.., contact) in &wish.moments {
            let key = super::pair_key(super::CASE_OF, contact.0, case.0);
            assert!(site.table.0.contains_key(&key), "{case} of {contact}");
        }
    }
}

#[test]
fn random_lives_are_as_a_plain_list_has_them_and_replay_to_the_same_rows() {
    for seed in 0..40 {
        let mut random = Random::from_number(seed);
        let (mut site, mut model) = (Site::new(seed), Model::default());
        for _ in 0..160 {
            step(&mut site, &mut model, &mut random);
            compare(&site, &model);
        }
        assert_eq!(site.table.counted(), site.table.meta());
        let readable = site.readable();
        assert!(model.erased.iter().all(|text| !readable.contains(text)), "it stays erased");
        let mut again = Table::default();
        again.write(project(Meta::default(), &site.entries, &again));
        assert_eq!(again, site.table, "made again from the journal");
        let mut pieces = Table::default();
        let mut at = 0;
        while at < site.entries.len() {
            let to = (at + 1 + random.below(9) as usize).min(site.entries.len());
            let batch = project(pieces.meta(), &site.entries[at..to], &pieces);
            pieces.write(batch);
            at = to;
        }
        assert_eq!(pieces, site.table, "in pieces");
    }
}

const ANN: &str = "+15550000001";

/// A site that Ann has called.
fn called_by_ann() -> (Site, Who) {
    let mut site = Site::new(1);
    site.call(ANN, None);
    (site, Who::Identity(Kind::Phone, ANN.to_owned()))
}

#[test]
fn a_pinned_fact_is_shown_until_it_expires_and_says_who_said_it() {
    let (mut site, who) = called_by_ann();
    let until = site.now.unix + Duration::from_secs(60);
    for (fact, until) in [("deaf in one ear", None), ("on holiday", Some(until))] {
        let (fact, channel) = (fact.to_owned(), Some(Channel::Voice));
        let (who, source) = (who.clone(), Source::Customer);
        site.order(Order::Pin { who, fact, source, channel, until }).expect("pinned");
    }
    let shown = |at| site.eyes().caller(&phone(ANN), at).expect("known").pins;
    assert_eq!(shown(site.now.unix), ["deaf in one ear", "on holiday"]);
    assert_eq!(shown(until), ["deaf in one ear"]);
    let contact = site.eyes().contact(site.owner(ANN).expect("known")).expect("there");
    for pin in contact.pins {
        let said = (pin.said.source, pin.said.channel, pin.said.by.as_str().to_owned());
        assert_eq!(said, (Source::Customer, Some(Channel::Voice), "ann".to_owned()));
    }
}

#[test]
fn a_verified_level_goes_with_its_case_through_splits_and_merges_and_ends_with_it() {
    let (mut site, who) = called_by_ann();
    site.call(ANN, None);
    let ann = site.owner(ANN).expect("known");
    let moments: Vec<_> = {
        let line = site.eyes().timeline(&BTreeSet::from([ann]), None, 9);
        line.iter().map(|placed| placed.place).collect()
    };
    let open = |site: &mut Site, moments: &[Ref]| {
        let (who, moments) = (who.clone(), moments.to_vec());
        let changes = site.order(Order::OpenCase { who, title: None, moments }).expect("opened");
        let [Change::CaseOpened { case, .. }] = changes[..] else { panic!("{changes:?}") };
        case
    };
    let level = |site: &Site, case| {
        let verified = site.eyes().case(case).expect("there").verified;
        verified.and_then(|verified| verified.level_at(site.now.unix))
    };
    let at_ring =
        |site: &Site| site.eyes().caller(&phone(ANN), site.now.unix).expect("known").verified;
    let case = open(&mut site, &moments);
    let minutes = Some(10);
    site.order(Order::Verify { who: who.clone(), case: Some(case), level: 2, minutes })
        .expect("so");
    assert_eq!((level(&site, case), at_ring(&site)), (Some(2), Some(2)));
    let order = Order::SplitCase { case, title: None, moments: moments[..1].to_vec() };
    let changes = site.order(order).expect("split");
    let [Change::CaseSplit { case: part, .. }] = changes[..] else { panic!("{changes:?}") };
    assert_eq!(level(&site, part), Some(2), "the part need not ask again");
    let plain = open(&mut site, &[]);
    assert_eq!(level(&site, plain), None);
    site.order(Order::MergeCases { kept: plain, gone: part }).expect("merged");
    assert_eq!(level(&site, plain), Some(2));
    for case in [case, plain] {
        assert_eq!(at_ring(&site), Some(2));
        site.order(Order::CloseCase { case, closed: true }).expect("closed");
    }
    assert_eq!(at_ring(&site), None, "what is over vouches for nobody");
}
