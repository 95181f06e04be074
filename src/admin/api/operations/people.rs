//! Requests about people, and what is answered.

use super::{Asked, Reading, all, json};
use crate::admin::access::idempotency::Given;
use crate::admin::api::bodies::Page;
use crate::admin::api::orders::{
    CaseChange, ConsentChange, Moments, NewCase, NewDisposition, NewHold, NewNote, NewPerson,
    NewPin, NewSharing, OneIdentity, OtherCase, OtherContact, PersonChange, Preference,
    Verification, Wrong, identity,
};
use crate::admin::api::people::{
    ErasureLine, HitLine, MomentLine, PersonRecord, place, read_place,
};
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::table::{Operation, Route};
use crate::admin::{Command, Reply};
use crate::context::{Order, Refused, Who};
use crate::store::context::finding::Hits;

/// Moments that come with a record: a page of what is looked at first.
const SHOWN: usize = 20;
/// Moments of an export: everything there is.
const EVERYTHING: usize = 1_000_000;

/// What a request about people asks for; nothing if it is about something else.
pub fn ask(asked: &Reading) -> Result<Option<Command>, Problem> {
    let contact = || asked.id("contact").map(Who::Contact);
    let person = |moments| Ok::<_, Problem>(Command::Person { who: contact()?, moments });
    Ok(Some(match asked.route.operation {
        Operation::FindPeople => {
            let known = identity(asked.query("identity").unwrap_or_default());
            let known = known.map_err(|Wrong(_, should)| wrong("query/identity", should))?;
            let who = Who::Identity(known.kind, known.value);
            Command::Person { who, moments: SHOWN }
        }
        Operation::OnePerson => person(SHOWN)?,
        Operation::ExportPerson => person(EVERYTHING)?,
        Operation::Timeline => {
            let after =
                asked.query("after").map(|text| read_place(text).ok_or_else(|| asked.no_cursor()));
            Command::Timeline { who: contact()?, limit: asked.limit(), after: after.transpose()? }
        }
        Operation::Search => {
            let after =
                asked.query("after").map(|text| text.parse().map_err(|_| asked.no_cursor()));
            let text = asked.query("q").unwrap_or_default().to_owned();
            Command::Search { text, after: after.transpose()?, limit: asked.limit() }
        }
        Operation::Erasures => Command::Erasures,
        _ => match order(asked)? {
            Some(order) => {
                let honoured = asked.route.honours_if_match();
                let seen = honoured.then(|| versions(asked.asked)).transpose()?.flatten();
                Command::Contact { order, seen }
            }
            None => return Ok(None),
        },
    }))
}

fn order(asked: &Reading) -> Result<Option<Order>, Problem> {
    if asked.route.path.contains("{case}") {
        return case_order(asked).map(Some);
    }
    let in_body = |Wrong(member, should)| wrong(&format!("body/{member}"), should);
    match asked.route.operation {
        Operation::NewPerson => {
            return asked.body::<NewPerson>()?.order().map(Some).map_err(in_body);
        }
        Operation::ShareIdentity => {
            let NewSharing { identity: text, sharing } = asked.body()?;
            let identity = identity(&text).map_err(in_body)?;
            return Ok(Some(Order::Share { identity, sharing }));
        }
        _ if !asked.route.path.contains("{contact}") => return Ok(None),
        _ => {}
    }
    let contact = asked.id("contact")?;
    let who = Who::Contact(contact);
    let one = |body: OneIdentity| identity(&body.identity).map_err(in_body);
    Ok(Some(match asked.route.operation {
        Operation::EditPerson => asked.body::<PersonChange>()?.order(who),
        Operation::ErasePerson => Order::Erase { who, rule: None },
        Operation::Note => {
            let NewNote { text, case } = asked.body()?;
            Order::Note { who, case, text }
        }
        Operation::Dispose => asked.body::<NewDisposition>()?.order(who),
        Operation::LinkIdentity => Order::Link { who, identity: one(asked.body()?)? },
        Operation::UnlinkIdentity => {
            let known = identity(asked.query("identity").unwrap_or_default());
            let identity = known.map_err(|Wrong(_, should)| wrong("query/identity", should))?;
            Order::Unlink { who, identity }
        }
        Operation::UnshareIdentity => Order::Unshare { who, identity: one(asked.body()?)? },
        Operation::MergePerson => {
            let OtherContact { gone } = asked.body()?;
            Order::Merge { kept: who, gone: Who::Contact(gone) }
        }
        Operation::UnmergePerson => Order::Unmerge { gone: contact },
        Operation::Tag => Order::Tag { who, tag: asked.name("tag")?.to_owned(), on: true },
        Operation::Untag => Order::Tag { who, tag: asked.name("tag")?.to_owned(), on: false },
        Operation::Pin => asked.body::<NewPin>()?.order(who),
        Operation::Unpin => Order::Unpin { who, pin: asked.id("pin")? },
        Operation::Consent => asked.body::<ConsentChange>()?.order(who),
        Operation::Prefer => {
            let Preference { channel } = asked.body()?;
            Order::Prefer { who, channel }
        }
        Operation::Verify => {
            let Verification { level, minutes, case } = asked.body()?;
            Order::Verify { who, case, level, minutes }
        }
        Operation::OpenCase => asked.body::<NewCase>()?.order(who).map_err(in_body)?,
        Operation::HoldPerson => {
            let NewHold { reason } = asked.body()?;
            Order::Hold { who, reason }
        }
        Operation::ReleasePerson => Order::Release { who, hold: asked.id("hold")? },
        _ => return Ok(None),
    }))
}

fn case_order(asked: &Reading) -> Result<Order, Problem> {
    let case = asked.id("case")?;
    let order = match asked.route.operation {
        Operation::LinkCase => asked.body::<Moments>()?.link(case),
        Operation::UnlinkCase => asked.body::<Moments>()?.unlink(case),
        Operation::SplitCase => asked.body::<NewCase>()?.split(case),
        Operation::MergeCases => {
            let OtherCase { gone } = asked.body()?;
            Ok(Order::MergeCases { kept: case, gone })
        }
        _ => asked.body::<CaseChange>()?.order(case),
    };
    order.map_err(|Wrong(member, should)| wrong(&format!("body/{member}"), should))
}

/// The versions that the header `If-Match` names (RFC 9110 section 13.1.1); nothing where it asks for none in particular.
/// A weak tag and one that is no version of ours match nothing.
fn versions(asked: &Asked) -> Result<Option<Vec<u64>>, Problem> {
    let Some(text) = asked.if_match.as_deref().map(str::trim).filter(|text| *text != "*") else {
        return Ok(None);
    };
    let mut versions = Vec::new();
    for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        let (weak, strong) = tag.strip_prefix("W/").map_or((false, tag), |tag| (true, tag));
        let own = strong.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let own = own.filter(|text| !text.contains('"'));
        let Some(own) = own else {
            return Err(wrong("header/If-Match", "a contact's version in quotation marks"));
        };
        let plain = !weak && own.bytes().all(|b| b.is_ascii_digit());
        versions.extend(own.parse::<u64>().ok().filter(|_| plain));
    }
    Ok(Some(versions))
}

fn wrong(at: &str, should: &str) -> Problem {
    Problem::new(Kind::Malformed, format!("this is not {should}"), format!("give {should}")).at(at)
}

/// What is answered about people.
pub fn answer(route: &Route, asked: &Asked, reply: Reply) -> Result<Given, Problem> {
    match reply {
        Reply::Ordered(done) => json(route, &done),
        Reply::Person(dossier) => {
            let record = PersonRecord::from(*dossier);
            match route.operation {
                Operation::FindPeople => all(route, vec![record]),
                // Edits go to the contact that the path names: its version is what they have to have seen. The rest of the
                // record is no part of it, so that a call that comes in meanwhile stops nobody's edit.
                _ => {
                    let own = asked.path.get("contact").and_then(|text| text.parse().ok());
                    let own = record.contacts.iter().find(|line| Some(line.contact) == own);
                    let etag = own.map(|line| line.version);
                    Ok(Given { etag, ..json(route, &record)? })
                }
            }
        }
        Reply::Timeline(moments) => {
            let full = moments.len() >= (Reading { route, asked }).limit();
            let next = moments.last().filter(|_| full).map(|last| place(last.place));
            let items = moments.into_iter().map(MomentLine::from).collect();
            json(route, &Page { items, next })
        }
        Reply::Hits(Hits { hits, next }) => {
            let items = hits.into_iter().map(HitLine::from).collect();
            json(route, &Page { items, next: next.map(|next| next.to_string()) })
        }
        Reply::Erasures(proofs) => {
            all(route, proofs.into_iter().map(ErasureLine::from).collect::<Vec<_>>())
        }
        Reply::Declined(Refused::UnknownContact | Refused::UnknownIdentity)
            if route.operation == Operation::FindPeople =>
        {
            all(route, Vec::<PersonRecord>::new())
        }
        Reply::Declined(why) => Err(declined(route, asked, &why)),
        _ => Err(Problem::busy()),
    }
}

/// Why an order was not carried out, as a problem.
fn declined(route: &Route, asked: &Asked, why: &Refused) -> Problem {
    let named = route.parameters().next().is_some();
    let (kind, advice) = match why {
        Refused::UnknownContact
        | Refused::UnknownIdentity
        | Refused::UnknownCase
        | Refused::UnknownMoment
        | Refused::UnknownPin
        | Refused::UnknownHold
        | Refused::NotLinked
            if named =>
        {
            (Kind::NotFound, "look the person up, and name what is there")
        }
        Refused::Stale(_) if asked.if_match.is_some() => {
            (Kind::Stale, "read the record again, and change that version")
        }
        Refused::Stale(_) => (Kind::Conflict, "read the record again, and change that version"),
        Refused::Held(_) => (Kind::Conflict, "an admin ends the hold when its reason is gone"),
        Refused::SharedIdentity(_)
        | Refused::Taken(_)
        | Refused::SamePerson
        | Refused::NotMerged
        | Refused::CaseClosed
        | Refused::ForeignCase
        | Refused::NothingToSplit
        | Refused::TooMany => (Kind::Conflict, "read the record, and change what it says"),
        _ => (Kind::Refused, "give what the refusal says"),
    };
    let problem = Problem::new(kind, why.to_string(), advice);
    match route.operation {
        // The only thing that it names.
        Operation::NewTask => problem.at("body/contact"),
        _ => problem,
    }
}
