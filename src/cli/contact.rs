//! One person: what is known, and what is done about it.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Subcommand;

use crate::admin::{Command, Ordered};
use crate::cli::{ask, exit, text};
use crate::context::{Happening, Identity, Moment, NotAnIdentity, Order, Sharing, Who};
use crate::id::{ContactId, HoldId};
use crate::store::context::Proof;
use crate::store::context::finding::{Hits, What};
use crate::store::context::looking::Dossier;

mod export;
mod import;
mod quality;
mod rows;

/// Moments that are shown of a timeline.
const SHOWN: usize = 20;
/// Moments in an export: everything there is.
const ALL: usize = 1_000_000;

fn who(text: &str) -> Result<Who, NotAnIdentity> {
    text.parse()
}

fn identity(text: &str) -> Result<Identity<String>, NotAnIdentity> {
    match text.parse()? {
        Who::Identity(kind, value) => Ok(Identity { kind, value }),
        Who::Contact(_) => Err(NotAnIdentity::Service),
    }
}

fn sharing(text: &str) -> Result<Sharing, String> {
    match text {
        "family" => Ok(Sharing::Family),
        "office" => Ok(Sharing::Office),
        "kiosk" => Ok(Sharing::Kiosk),
        _ => Err("`family`, `office` or `kiosk`".to_owned()),
    }
}

pub(super) fn field(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').ok_or("NAME=VALUE")?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

/// What can be done about a person. People are named by a contact's id, a number, an address, or KIND:VALUE.
#[derive(Debug, Subcommand)]
pub enum One {
    /// Show what is known of a person, with what happened of late.
    #[command(after_help = "Example: branchline contact show +14085551200")]
    Show {
        /// Who.
        #[arg(value_parser = who)]
        who: Who,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Find people, cases and what happened by words: their beginnings, with or without accents, or how a number ends.
    #[command(after_help = "Example: branchline contact search 'muller invoice'\n         \
                            branchline contact search 555-1200")]
    Search {
        /// The words; all of them fit.
        text: String,
        /// At most so many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=256))]
        limit: u16,
        /// The number that the page before ended with.
        #[arg(long)]
        after: Option<i64>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Write everything that is known of a person as JSON, for whoever has a right to it; or all people, as `import`
    /// reads them. Lines of JSON have whole records: fields with who said what and when, numbers and addresses, tags,
    /// consent, the preferred channel, pinned facts, legal holds, merges, cases, notes, dispositions and what else happened.
    /// They leave out recordings, which stay with the box that has their keys, what the CRM said, and suggestions. CSV has
    /// fields as they are, numbers and addresses, and tags.
    #[command(
        after_help = "Example: branchline contact export +14085551200 > person.json\n         \
                      branchline contact export --format csv > people.csv"
    )]
    Export {
        /// Who; all people when nobody.
        #[arg(value_parser = who)]
        who: Option<Who>,
        /// How all people are written.
        #[arg(long, default_value = "jsonl", conflicts_with = "who")]
        format: rows::Format,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Take people up from a CSV or JSONL file; doing it twice changes nothing.
    #[command(
        after_help = "Example: branchline contact import people.csv --map 'Full Name=name' --source crm"
    )]
    Import(import::FromFile),
    /// Tell how good the records of people are: who may be there twice, numbers that are none, old fields.
    #[command(after_help = "Example: branchline contact quality --months 12 --json")]
    Quality {
        /// Fields that nobody has said anew for so many months are stale.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(..=1_200))]
        months: u32,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Make a contact.
    #[command(after_help = "Example: branchline contact create +14085551200 --set name='Ann Lee'")]
    Create {
        /// What the person is known by.
        #[arg(value_parser = identity)]
        identities: Vec<Identity<String>>,
        /// A field, as NAME=VALUE; may be given several times.
        #[arg(long = "set", value_parser = field)]
        fields: Vec<(String, String)>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Set fields of a contact; NAME= takes one away.
    #[command(after_help = "Example: branchline contact edit +14085551200 --set name='Ann Lee'")]
    Edit {
        /// Who.
        #[arg(value_parser = who)]
        who: Who,
        /// A field, as NAME=VALUE; may be given several times.
        #[arg(long = "set", value_parser = field, required = true)]
        fields: Vec<(String, String)>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Write a note on a person's timeline.
    #[command(
        after_help = "Example: branchline contact note +14085551200 'wants a call on Monday'"
    )]
    Note {
        /// Who.
        #[arg(value_parser = who)]
        who: Who,
        /// What it says.
        text: String,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Give a contact one more number or address.
    #[command(after_help = "Example: branchline contact link +14085551200 ann@example.com")]
    Link {
        /// Who.
        #[arg(value_parser = who)]
        who: Who,
        /// Which.
        #[arg(value_parser = identity)]
        identity: Identity<String>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Take a number or address from a contact.
    #[command(after_help = "Example: branchline contact unlink +14085551200 ann@example.com")]
    Unlink {
        /// Who.
        #[arg(value_parser = who)]
        who: Who,
        /// Which.
        #[arg(value_parser = identity)]
        identity: Identity<String>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Say that several people share a number, so that it names nobody.
    #[command(after_help = "Example: branchline contact share +14085551200 --as family")]
    Share {
        /// Which.
        #[arg(value_parser = identity)]
        identity: Identity<String>,
        /// Why: `family`, `office` or `kiosk`.
        #[arg(long = "as", value_parser = sharing)]
        sharing: Sharing,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Make one person of two contacts; `unmerge` restores both.
    #[command(after_help = "Example: branchline contact merge 5R2T0QW8N4K1C ann@example.com")]
    Merge {
        /// Under whose name it goes on.
        #[arg(value_parser = who)]
        kept: Who,
        /// Who is the same person.
        #[arg(value_parser = who)]
        gone: Who,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Take back the merge by which a contact became part of another.
    #[command(after_help = "Example: branchline contact unmerge 5R2T0QW8N4K1C")]
    Unmerge {
        /// The contact that was merged into another, as `show` lists it.
        contact: ContactId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Erase a person for good: keys, rows, recordings. A proof of it stays.
    #[command(after_help = "Example: branchline contact erase +14085551200 --yes")]
    Erase {
        /// Whom.
        #[arg(value_parser = who)]
        who: Who,
        /// It cannot be taken back: this says that it is meant.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Let nothing of a person be erased.
    #[command(after_help = "Example: branchline contact hold +14085551200 --reason 'case 7/26'")]
    Hold {
        /// Whose.
        #[arg(value_parser = who)]
        who: Who,
        /// Why; whoever wants to erase is told.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        options: ask::Options,
    },
    /// End a legal hold.
    #[command(after_help = "Example: branchline contact release +14085551200 5R2T0QW8N4K1C")]
    Release {
        /// Whose.
        #[arg(value_parser = who)]
        who: Who,
        /// Which, as `show` lists it.
        hold: HoldId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// List erasures that were.
    #[command(after_help = "Example: branchline contact erasures --json")]
    Erasures(ask::Options),
}

/// Carries out what the arguments say.
pub fn main(one: One) -> ExitCode {
    let (order, options) = match one {
        One::Show { who, options } => {
            return ask::main(&options, &Command::Person { who, moments: SHOWN }, ask::Form::Text);
        }
        One::Search { text, limit, after, options } => {
            let command = Command::Search { text, after, limit: limit.into() };
            return ask::main(&options, &command, ask::Form::Text);
        }
        One::Export { who: None, format, options } => return export::main(&options, format),
        One::Export { who: Some(who), mut options, .. } => {
            options.json = true;
            return ask::main(&options, &Command::Person { who, moments: ALL }, ask::Form::Text);
        }
        One::Quality { months, options } => return quality::main(&options, months),
        One::Import(options) => return import::main(&options),
        One::Erasures(options) => {
            return ask::main(&options, &Command::Erasures, ask::Form::Text);
        }
        One::Erase { yes: false, .. } => {
            return exit::fail(exit::USAGE, "nothing was erased: add --yes if it is meant");
        }
        One::Create { identities, fields, options } => {
            let (fields, source) = (fields.into_iter().collect(), Default::default());
            (Order::Create { fields, identities, source, channel: None }, options)
        }
        One::Edit { who, fields, options } => {
            let value =
                |(name, value): (String, String)| (name, Some(value).filter(|v| !v.is_empty()));
            let (fields, source) = (fields.into_iter().map(value).collect(), Default::default());
            (Order::Edit { who, expects: None, fields, source, channel: None }, options)
        }
        One::Note { who, text, options } => (Order::Note { who, case: None, text }, options),
        One::Link { who, identity, options } => (Order::Link { who, identity }, options),
        One::Unlink { who, identity, options } => (Order::Unlink { who, identity }, options),
        One::Share { identity, sharing, options } => (Order::Share { identity, sharing }, options),
        One::Merge { kept, gone, options } => (Order::Merge { kept, gone }, options),
        One::Unmerge { contact, options } => (Order::Unmerge { gone: contact }, options),
        One::Erase { who, options, .. } => (Order::Erase { who, rule: None }, options),
        One::Hold { who, reason, options } => (Order::Hold { who, reason }, options),
        One::Release { who, hold, options } => (Order::Release { who, hold }, options),
    };
    ask::main(&options, &Command::Contact { order, seen: None }, ask::Form::Text)
}

/// What came of an order.
pub(super) fn ordered(done: &Ordered) -> String {
    let ids = [
        ("contact", done.contact.map(|id| id.to_string())),
        ("case", done.case.map(|id| id.to_string())),
        ("merge", done.merge.map(|id| id.to_string())),
        ("pin", done.pin.map(|id| id.to_string())),
        ("hold", done.hold.map(|id| id.to_string())),
        ("erasure", done.erasure.map(|id| id.to_string())),
    ];
    let ids = ids.into_iter().filter_map(|(name, id)| Some(format!(" {name} {}", id?)));
    format!("done{}\n", ids.collect::<String>())
}

/// A person for a terminal.
pub(super) fn page(dossier: &Dossier) -> String {
    let mut out = String::new();
    for contact in &dossier.contacts {
        let (id, version) = (contact.id, contact.version);
        let _ = writeln!(out, "contact {id} (version {version}), since {}", contact.created);
        for (name, field) in &contact.fields {
            if let Some(value) = &field.now.value {
                let _ = writeln!(out, "  {name}: {}", text::printable(value));
            }
        }
        for link in &contact.identities {
            let Identity { kind, value } = &link.identity;
            let _ = writeln!(out, "  {kind}: {}", text::printable(value));
        }
        if !contact.tags.is_empty() {
            let tags: Vec<_> = contact.tags.iter().map(String::as_str).collect();
            let _ = writeln!(out, "  tags: {}", tags.join(", "));
        }
        for consent in &contact.consents {
            let word = if consent.given { "agreed to" } else { "refused" };
            let (purpose, channel) = (text::printable(&consent.purpose), consent.channel);
            let _ = writeln!(out, "  {word} {purpose} by {channel}, at {}", consent.said.at);
        }
        for pin in &contact.pins {
            let _ = writeln!(out, "  ! {}", text::printable(&pin.fact));
        }
        if let Some(learned) = &contact.learned {
            let _ = writeln!(out, "  from CRM, at {}, until {}:", learned.at, learned.until);
            let named = [("id", &learned.id), ("link", &learned.link)];
            let named = named.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
            let fields = learned.fields.iter().map(|(name, text)| (name.as_str(), text));
            for (name, text) in named.chain(fields) {
                let _ = writeln!(out, "    {name}: {}", text::printable(text));
            }
        }
        for hold in &contact.holds {
            let _ = writeln!(out, "  legal hold {}: {}", hold.id, text::printable(&hold.reason));
        }
    }
    for merge in &dossier.merges {
        let _ =
            writeln!(out, "{} is {}: the same person, says {}", merge.gone, merge.kept, merge.by);
    }
    for case in dossier.cases.iter().filter(|case| case.is_open()) {
        let title = case.title.as_deref().unwrap_or("no title");
        let _ = writeln!(out, "open case {}: {}", case.id, text::printable(title));
    }
    for placed in &dossier.timeline {
        let _ = writeln!(out, "{}  {}", placed.moment.at, moment(&placed.moment));
    }
    out
}

fn moment(moment: &Moment<String>) -> String {
    let by = moment.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
    let words = match &moment.what {
        Happening::Call { call, way, talked, cause, .. } => {
            format!("call {call} {way:?}, talked {talked} s, {}", cause.replace('_', " "))
        }
        Happening::Message { channel, way, text, .. } => {
            format!("{channel} {way:?} {}", text.as_deref().unwrap_or_default())
        }
        Happening::Seen { channel, name, .. } => format!("{channel} {name}"),
        Happening::Note { text } => format!("note: {text}"),
        Happening::Disposition { code, .. } => format!("came out as {code}"),
    };
    text::printable(&(words + &by))
}

/// What was found, for a terminal.
pub(super) fn hits(found: &Hits) -> String {
    let mut out = String::new();
    for hit in &found.hits {
        let words = match &hit.what {
            What::Contact { identities } => {
                let all: Vec<_> = identities.iter().map(|one| one.value.as_str()).collect();
                all.join(", ")
            }
            What::Case { case, title } => {
                format!("case {case} {}", title.as_deref().unwrap_or_default())
            }
            What::Moment { moment: placed } => {
                format!("{} {}", placed.moment.at, moment(&placed.moment))
            }
        };
        let name = hit.name.as_deref().unwrap_or("-");
        let _ = writeln!(out, "{}", text::printable(&format!("{}  {name}  {words}", hit.person)));
    }
    match found.next {
        Some(next) => _ = writeln!(out, "more with --after {next}"),
        None if found.hits.is_empty() => out.push_str("nobody\n"),
        None => {}
    }
    out
}

/// Proofs of erasures for a terminal.
pub(super) fn proofs(proofs: &[Proof]) -> String {
    let mut out = String::new();
    for proof in proofs {
        let Proof { erasure, at, by, identities, moments, keys, recordings, .. } = proof;
        let _ = writeln!(
            out,
            "{erasure}  {at}  by {by}: {} contacts, {identities} identities, {moments} moments, \
             {keys} keys, {recordings} recordings",
            proof.contacts.len()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Kind;

    #[test]
    fn people_are_named_as_one_would_write_it() {
        let phone = Who::Identity(Kind::Phone, "+14085551200".to_owned());
        assert_eq!(who("+14085551200"), Ok(phone));
        let mail = Who::Identity(Kind::Email, "ann@example.com".to_owned());
        assert_eq!(who("ann@example.com"), Ok(mail));
        let account = Who::Identity(Kind::Account, "A-7".to_owned());
        assert_eq!(who("account:A-7"), Ok(account));
        let id = ContactId(u64::MAX).to_string();
        assert_eq!(who(&id), Ok(Who::Contact(ContactId(u64::MAX))));
        assert_eq!(who(&Who::Contact(ContactId(7)).to_string()), Ok(Who::Contact(ContactId(7))));
        let dialled = Who::Identity(Kind::Phone, "0014085551200".to_owned());
        assert_eq!(who("0014085551200"), Ok(dialled), "though it could be an id");
        assert!(who("ann").is_err() && identity(&id).is_err());
    }
}
