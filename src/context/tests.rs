//! Decisions about people, by the rule that each is made by.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::id::{ActorId, CaseId, ContactId};
use crate::time::UnixTime;

/// Numbers as a site in Germany dials them.
fn german(digits: &str) -> Option<String> {
    match digits {
        full if full.starts_with('+') => Some(full.to_owned()),
        abroad if abroad.starts_with("00") => Some(abroad.replacen("00", "+", 1)),
        own if own.starts_with('0') => Some(own.replacen('0', "+49", 1)),
        _ => None,
    }
}

#[test]
fn the_same_identity_is_written_in_one_way() {
    let rows = [
        (Kind::Phone, "030 1234 567", Ok("+49301234567")),
        (Kind::Phone, "tel:+49-30-1234567", Ok("+49301234567")),
        (Kind::Phone, "0049 (30) 1234567", Ok("+49301234567")),
        (Kind::Phone, "110", Err(NotAnIdentity::Number)),
        (Kind::Phone, "anonymous", Err(NotAnIdentity::Number)),
        (Kind::Phone, "+1234567890123456", Err(NotAnIdentity::Number)),
        (Kind::Phone, "+0301234567", Err(NotAnIdentity::Number)),
        (Kind::Email, " Ann.Lee@Example.COM. ", Ok("ann.lee@example.com")),
        (Kind::Email, "ann", Err(NotAnIdentity::Address)),
        (Kind::Email, "a@b@c", Err(NotAnIdentity::Address)),
        (Kind::Email, "an n@example.com", Err(NotAnIdentity::Character)),
        (Kind::Sip, "sips:Ann@Example.com:5061;transport=tls", Ok("Ann@example.com")),
        (Kind::Sip, "sip:ann@[2001:DB8::1]:5060?x=y", Ok("ann@[2001:db8::1]")),
        (Kind::Sip, "ann@[2001:DB8::1]", Ok("ann@[2001:db8::1]")),
        (Kind::Handle, "Telegram:@AnnLee", Ok("telegram:annlee")),
        (Kind::Handle, "annlee", Err(NotAnIdentity::Service)),
        (Kind::Business, "WhatsApp:AbC.123", Ok("whatsapp:AbC.123")),
        (Kind::Account, " ab-12 345/6 ", Ok("AB123456")),
        (Kind::Account, "--", Err(NotAnIdentity::Length)),
        (Kind::Account, "", Err(NotAnIdentity::Length)),
    ];
    for (kind, text, written) in rows {
        let written = written.map(str::to_owned);
        assert_eq!(normalise(kind, text, &german), written, "{kind} {text}");
        if let Ok(written) = written {
            assert_eq!(normalise(kind, &written, &german), Ok(written.clone()), "once more");
        }
    }
    let long = format!("{}@example.com", "a".repeat(260));
    assert_eq!(normalise(Kind::Email, &long, &german), Err(NotAnIdentity::Length));
}

fn contact(id: u64) -> Contact<String> {
    Contact::new(ContactId(id), UnixTime(0), "ann".into())
}

fn says(contact: &mut Contact<String>, name: &str, value: &str, at: i64) {
    let change = Change::Field {
        contact: contact.id,
        name: name.to_owned(),
        value: Some(value.to_owned()),
        source: Source::Customer,
        channel: Some(Channel::Voice),
    };
    assert!(contact.apply(UnixTime(at), &"bob".into(), &change));
}

#[test]
fn a_field_says_who_said_it_and_what_was_said_before() {
    let mut ann = contact(1);
    says(&mut ann, "name", "Ann", 5);
    says(&mut ann, "name", "Ann Lee", 7);
    let field = &ann.fields["name"];
    let said = Said {
        source: Source::Customer,
        by: "bob".into(),
        at: UnixTime(7),
        channel: Some(Channel::Voice),
    };
    assert_eq!(field.now, Past { value: Some("Ann Lee".to_owned()), said });
    assert_eq!(field.before[0].value.as_deref(), Some("Ann"));
    assert_eq!(ann.version, 3);
    for n in 0..100 {
        says(&mut ann, "name", &n.to_string(), n);
    }
    assert_eq!(ann.fields["name"].before.len(), 10, "the journal has the others");
}

fn consents(contact: &mut Contact<String>, channel: Channel, given: bool, at: i64) {
    let change = Change::Consented {
        contact: contact.id,
        channel,
        purpose: "offers".to_owned(),
        given,
        source: Source::Customer,
        through: None,
    };
    assert!(contact.apply(UnixTime(at), &"bob".into(), &change));
}

#[test]
fn what_a_customer_prefers_outranks_cost_and_what_they_refused_outranks_all() {
    let offered = [Channel::Mail, Channel::Sms, Channel::Voice];
    let (mut ann, mut other) = (contact(1), contact(2));
    assert_eq!(choose(&[&ann], "offers", &offered), Some(Channel::Mail), "the cheapest");
    ann.preferred = Some(Channel::Voice);
    assert_eq!(choose(&[&ann], "offers", &offered), Some(Channel::Voice), "the preferred one");
    consents(&mut ann, Channel::Voice, false, 1);
    assert_eq!(choose(&[&ann], "offers", &offered), Some(Channel::Mail), "refused");
    assert_eq!(choose(&[&ann], "service", &offered), Some(Channel::Voice), "for offers alone");
    consents(&mut other, Channel::Voice, true, 2);
    assert_eq!(choose(&[&ann, &other], "offers", &offered), Some(Channel::Voice), "the last word");
    for channel in offered {
        consents(&mut ann, channel, false, 3);
    }
    assert_eq!(choose(&[&ann, &other], "offers", &offered), None);
}

#[test]
fn a_name_alone_is_no_evidence_and_two_things_are() {
    let (mut a, mut b) = (contact(1), contact(2));
    says(&mut a, "name", "Ann Lee", 1);
    says(&mut b, "name", "ann-lee", 1);
    assert_eq!(probable(&a, &b), None);
    says(&mut a, "birthday", "1980-02-03", 1);
    says(&mut b, "birthday", "1980-02-03", 1);
    let both = BTreeSet::from([Evidence::SameName, Evidence::SameBirthday]);
    assert_eq!(probable(&a, &b), Some(both));
    let mail = |contact: &mut Contact<String>, value: &str| {
        let identity = Identity { kind: Kind::Email, value: value.to_owned() };
        contact.link(Link { identity, how: How::Said, at: UnixTime(1), by: "ann".into() });
    };
    let (mut c, mut d) = (contact(3), contact(4));
    mail(&mut c, "ann.lee@example.com");
    mail(&mut d, "annlee+shop@example.com");
    assert_eq!(probable(&c, &d), Some(BTreeSet::from([Evidence::SimilarMail])));
}

/// A person with two moments, and a stranger.
fn view() -> View {
    let (mut view, place) =
        (View::default(), |seq| Ref { contact: ContactId(1), at: UnixTime(5), seq });
    view.contacts.insert(ContactId(1), contact(1));
    view.contacts.insert(ContactId(2), contact(2));
    view.moments.extend([place(1), place(2)]);
    let case = Case {
        id: CaseId(7),
        contact: ContactId(1),
        title: None,
        fields: BTreeMap::new(),
        opened: UnixTime(1),
        by: "ann".into(),
        closed: None,
        moments: vec![place(1), place(2)],
        verified: None,
        split_from: None,
        merged_into: None,
    };
    view.cases.insert(case.id, case);
    view
}

fn decided(order: &Order, view: &View, rules: &Rules) -> Result<Vec<Change<String>>, Refused> {
    let by: ActorId = "ann".into();
    let mut next = 100;
    decide(order, view, rules, &by, UnixTime(10_000_000), &mut || {
        next += 1;
        next
    })
}

fn one() -> Who {
    Who::Contact(ContactId(1))
}

#[test]
fn a_disposition_is_one_of_the_sites_and_has_what_it_requires() {
    let requires = Disposition { requires: vec!["amount".to_owned()] };
    let rules = Rules { dispositions: [("sold".to_owned(), requires)].into(), ..Rules::default() };
    let order = |code: &str, fields: &[(&str, &str)]| Order::Dispose {
        who: one(),
        case: None,
        call: None,
        code: code.to_owned(),
        fields: fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
    };
    let missing = Err(Refused::MissingField("amount".to_owned()));
    assert_eq!(decided(&order("sold", &[]), &view(), &rules), missing);
    assert!(decided(&order("sold", &[("amount", "12.50")]), &view(), &rules).is_ok());
    assert_eq!(decided(&order("lost", &[]), &view(), &rules), Err(Refused::UnknownDisposition));
    assert!(decided(&order("lost", &[]), &view(), &Rules::default()).is_ok());
    assert_eq!(decided(&order("So ld", &[]), &view(), &rules), Err(Refused::BadName));
}

#[test]
fn a_case_is_its_persons_and_a_split_takes_a_part_and_leaves_a_part() {
    let (view, rules) = (view(), Rules::default());
    let place = |seq| Ref { contact: ContactId(1), at: UnixTime(5), seq };
    let split = |moments: Vec<Ref>| Order::SplitCase { case: CaseId(7), title: None, moments };
    assert!(decided(&split(vec![place(2)]), &view, &rules).is_ok());
    for moments in [vec![], vec![place(1), place(2)]] {
        assert_eq!(decided(&split(moments), &view, &rules), Err(Refused::NothingToSplit));
    }
    assert_eq!(decided(&split(vec![place(3)]), &view, &rules), Err(Refused::UnknownMoment));
    let note = |who: u64, case: u64| Order::Note {
        who: Who::Contact(ContactId(who)),
        case: Some(CaseId(case)),
        text: "x".to_owned(),
    };
    assert!(decided(&note(1, 7), &view, &rules).is_ok());
    assert_eq!(decided(&note(2, 7), &view, &rules), Err(Refused::ForeignCase));
    assert_eq!(decided(&note(1, 8), &view, &rules), Err(Refused::UnknownCase));
    let foreign =
        Order::OpenCase { who: Who::Contact(ContactId(2)), title: None, moments: vec![place(1)] };
    assert_eq!(decided(&foreign, &view, &rules), Err(Refused::UnknownMoment));
    let mut closed = view.clone();
    closed.cases.get_mut(&CaseId(7)).unwrap().closed = Some(UnixTime(2));
    assert_eq!(decided(&note(1, 7), &closed, &rules), Err(Refused::CaseClosed));
}

#[test]
fn who_was_identified_is_not_asked_again_until_it_runs_out() {
    let rules = Rules { verified_for: Duration::from_secs(1_800), ..Rules::default() };
    let order =
        |level, minutes| Order::Verify { who: one(), case: Some(CaseId(7)), level, minutes };
    let changes = decided(&order(2, None), &view(), &rules).unwrap();
    let [Change::Verified { case: Some(CaseId(7)), level: 2, until, .. }] = changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(until, UnixTime(10_000_000) + Duration::from_secs(1_800));
    let verified = Verified { level: 2, at: UnixTime(10_000_000), until };
    assert_eq!(verified.level_at(UnixTime(9_999_999)), None, "not before");
    assert_eq!(verified.level_at(UnixTime(10_000_000)), Some(2));
    assert_eq!(verified.level_at(until), None, "it has run out");
    assert_eq!(decided(&order(10, None), &view(), &rules), Err(Refused::BadLevel));
}

#[test]
fn a_shared_line_names_nobody_and_what_comes_together_belongs_together() {
    let mut view = view();
    let phone = |value: &str| Identity { kind: Kind::Phone, value: value.to_owned() };
    let account = Identity { kind: Kind::Account, value: "A1".to_owned() };
    let edge =
        |owner: u64, sharing| Edge { owner: ContactId(owner), sharing, users: BTreeSet::new() };
    view.edges.insert(phone("+15550001"), edge(2, Some(Sharing::Family)));
    view.edges.insert(account.clone(), edge(1, None));
    let rules = Rules::default();
    let who = Who::Identity(Kind::Phone, "+15550001".to_owned());
    let note = Order::Note { who, case: None, text: "x".to_owned() };
    assert_eq!(decided(&note, &view, &rules), Err(Refused::SharedIdentity(Sharing::Family)));
    let happening =
        Happening::Seen { channel: Channel::Web, name: "cart".to_owned(), detail: None };
    let record = |identities: Vec<Identity<String>>, together| Order::Record {
        identities,
        together,
        at: None,
        happening: happening.clone(),
    };
    let at = |changes: &[Change<String>]| match changes.last() {
        Some(Change::Happened { contact, .. }) => *contact,
        other => panic!("{other:?}"),
    };
    // Signed in with an account, from a line that is shared: the account says who it is.
    let both = vec![phone("+15550001"), account.clone()];
    assert_eq!(at(&decided(&record(both, true), &view, &rules).unwrap()), ContactId(1));
    // A number that nobody has, in the same authenticated interaction, is the same person's from then on.
    let new = vec![account.clone(), phone("+15550002")];
    let changes = decided(&record(new.clone(), true), &view, &rules).unwrap();
    assert!(matches!(
        &changes[0],
        Change::Linked { contact: ContactId(1), how: How::Together, .. }
    ));
    let changes = decided(&record(new, false), &view, &rules).unwrap();
    assert_eq!(changes.len(), 1, "without proof it is nobody's");
    // Two that are known apart are suggested, and not merged.
    view.edges.insert(phone("+15550003"), edge(2, None));
    let apart = vec![account, phone("+15550003")];
    let changes = decided(&record(apart, true), &view, &rules).unwrap();
    assert!(matches!(&changes[0], Change::Suggested { evidence, .. }
        if *evidence == BTreeSet::from([Evidence::SameInteraction])));
}

/// The account number was said a quarter of an hour ago, and an identification holds for half an hour.
#[test]
fn what_the_person_has_just_said_and_says_again_was_asked_again() {
    let rules = Rules { verified_for: Duration::from_secs(1_800), ..Rules::default() };
    let asked_again = |value: Option<&str>, source, before: i64| {
        let mut view = view();
        let said = Said {
            source: Source::Agent,
            by: ActorId::from("user ann"),
            at: UnixTime(10_000_000 - before * 1_000_000),
            channel: None,
        };
        let now = Past { value: Some("4711".to_owned()), said };
        let contact = view.contacts.get_mut(&ContactId(1)).unwrap();
        contact.fields.insert("account".to_owned(), Field { now, before: Vec::new() });
        let fields = BTreeMap::from([("account".to_owned(), value.map(str::to_owned))]);
        let edit = Order::Edit { who: one(), expects: None, fields, source, channel: None };
        let changes = decided(&edit, &view, &rules).unwrap();
        assert!(matches!(changes.last(), Some(Change::Field { .. })), "it is written all the same");
        matches!(&changes[0], Change::AskedAgain { name, .. } if name == "account")
    };
    assert!(asked_again(Some("4711"), Source::Customer, 900));
    assert!(asked_again(Some("4711"), Source::Customer, 1_800));
    for (value, source, before) in [
        (Some("4712"), Source::Customer, 900),
        (None, Source::Customer, 900),
        // Whoever stores a form again has asked nobody.
        (Some("4711"), Source::Agent, 900),
        (Some("4711"), Source::Customer, 1_801),
    ] {
        assert!(!asked_again(value, source, before), "{value:?} {source:?} {before}");
    }
}

#[test]
fn limits_and_bad_words_are_told() {
    let (view, rules) = (view(), Rules::default());
    let fields =
        |name: &str, value: &str| BTreeMap::from([(name.to_owned(), Some(value.to_owned()))]);
    let edit = |fields| Order::Edit {
        who: one(),
        expects: None,
        fields,
        source: Source::Agent,
        channel: None,
    };
    assert_eq!(decided(&edit(fields("Name", "x")), &view, &rules), Err(Refused::BadName));
    assert_eq!(decided(&edit(fields("name", "  ")), &view, &rules), Err(Refused::BadText));
    let long = "x".repeat(16_385);
    assert_eq!(decided(&edit(fields("name", &long)), &view, &rules), Err(Refused::BadText));
    let many = (0..65).map(|n| (format!("f{n}"), Some("x".to_owned()))).collect();
    assert_eq!(decided(&edit(many), &view, &rules), Err(Refused::TooMany));
    let stranger = Order::Note { who: Who::Contact(ContactId(9)), case: None, text: "x".into() };
    assert_eq!(decided(&stranger, &view, &rules), Err(Refused::UnknownContact));
    let same = Order::Merge { kept: one(), gone: one() };
    assert_eq!(decided(&same, &view, &rules), Err(Refused::SamePerson));
    assert_eq!(
        decided(&Order::Unmerge { gone: ContactId(1) }, &view, &rules),
        Err(Refused::NotMerged)
    );
}
