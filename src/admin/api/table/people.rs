//! The records of people.

use crate::admin::Ordered;
use crate::admin::api::orders::{
    CaseChange, ConsentChange, Moments, NewCase, NewDisposition, NewHold, NewNote, NewPerson,
    NewPin, NewSharing, OneIdentity, OtherCase, OtherContact, PersonChange, Preference,
    Verification,
};
use crate::admin::api::people::{ErasureLine, HitLine, MomentLine, PersonRecord};
use crate::admin::api::table::query::{KNOWN_BY, PAGED, WORDS};
use crate::admin::api::table::{
    ADMINS, AUDITORS, LEADERS, Method, Operation, Route, Shape, WORKERS, get, one, page,
};
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/people", Operation::FindPeople, page::<PersonRecord>())
        .by(WORKERS, Some(Scope::People))
        .asks(KNOWN_BY)
        .says("Whoever is known by exactly this; one person or nobody."),
    get("/people", Operation::NewPerson, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewPerson>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Make a contact."),
    get("/people/{contact}", Operation::OnePerson, one::<PersonRecord>(200))
        .by(WORKERS, Some(Scope::People))
        .says("One person: contacts, identities, cases, consent, pinned facts, and what happened last."),
    get("/people/{contact}/export", Operation::ExportPerson, one::<PersonRecord>(200))
        .by(LEADERS, Some(Scope::People))
        .says("Everything that is kept of a person, for whoever has a right to it. Who takes it is written down first."),
    get("/people/{contact}/timeline", Operation::Timeline, page::<MomentLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(PAGED)
        .says("What happened with a person, the newest first."),
    get("/search", Operation::Search, page::<HitLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(WORDS)
        .says("People, cases and moments that words fit, people first, then cases, then what happened, the newest first."),
    get("/people/{contact}", Operation::EditPerson, one::<Ordered>(200))
        .with(Method::Patch, Some(Shape::of::<PersonChange>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Say fields, or take them away; of the version that was seen where one is named."),
    get("/people/{contact}", Operation::ErasePerson, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Erase a person: every contact, key, row and recording. A legal hold stands against it."),
    get("/people/{contact}/notes", Operation::Note, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewNote>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Write a note."),
    get("/people/{contact}/dispositions", Operation::Dispose, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewDisposition>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Say how something came out."),
    get("/people/{contact}/identities", Operation::LinkIdentity, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OneIdentity>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Give a contact an identity that nobody else has."),
    get("/people/{contact}/identities", Operation::UnlinkIdentity, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(LEADERS, Some(Scope::Records))
        .asks(KNOWN_BY)
        .says("Take an identity away."),
    get("/people/shared", Operation::ShareIdentity, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewSharing>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Say that several people share an identity: it names nobody from then on."),
    get("/people/{contact}/unshared", Operation::UnshareIdentity, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OneIdentity>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Say that a shared identity is this person's after all."),
    get("/people/{contact}/merge", Operation::MergePerson, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OtherContact>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Make one person of two contacts, under the name of this one."),
    get("/people/{contact}/unmerge", Operation::UnmergePerson, one::<Ordered>(200))
        .with(Method::Post, None)
        .by(LEADERS, Some(Scope::Records))
        .says("Take back the merge by which this contact became part of another."),
    get("/people/{contact}/tags/{tag}", Operation::Tag, one::<Ordered>(200))
        .with(Method::Put, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Put a tag on."),
    get("/people/{contact}/tags/{tag}", Operation::Untag, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Take a tag off."),
    get("/people/{contact}/pins", Operation::Pin, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewPin>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Pin a fact, which is shown before all else."),
    get("/people/{contact}/pins/{pin}", Operation::Unpin, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Take a pinned fact off."),
    get("/people/{contact}/consent", Operation::Consent, one::<Ordered>(200))
        .with(Method::Put, Some(Shape::of::<ConsentChange>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Note that consent was given or refused."),
    get("/people/{contact}/preferred", Operation::Prefer, one::<Ordered>(200))
        .with(Method::Put, Some(Shape::of::<Preference>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Note which channel a person prefers."),
    get("/people/{contact}/verified", Operation::Verify, one::<Ordered>(200))
        .with(Method::Put, Some(Shape::of::<Verification>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Note that a person was identified, and how surely."),
    get("/people/{contact}/cases", Operation::OpenCase, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewCase>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Open a case."),
    get("/cases/{case}", Operation::ChangeCase, one::<Ordered>(200))
        .with(Method::Patch, Some(Shape::of::<CaseChange>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Close a case or open it again, or say fields of it."),
    get("/cases/{case}/link", Operation::LinkCase, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<Moments>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Add moments to a case."),
    get("/cases/{case}/unlink", Operation::UnlinkCase, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<Moments>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Take moments out of a case."),
    get("/cases/{case}/split", Operation::SplitCase, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewCase>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Make a part of a case a case of its own."),
    get("/cases/{case}/merge", Operation::MergeCases, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OtherCase>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Let another case go up in this one."),
    get("/people/{contact}/holds", Operation::HoldPerson, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewHold>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Let nothing of a person be erased."),
    get("/people/{contact}/holds/{hold}", Operation::ReleasePerson, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("End a legal hold."),
    get("/erasures", Operation::Erasures, page::<ErasureLine>())
        .by(AUDITORS, Some(Scope::Audit))
        .says("Erasures that were, with nothing of whom they were about."),
];
