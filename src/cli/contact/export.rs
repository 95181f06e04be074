//! All people in a file that an import reads again: whole records as lines of JSON, or what fits a flat table as CSV.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use super::rows::Format;
use crate::admin::{Command, Reply};
use crate::cli::{ask, exit};
use crate::context::{Kind, Line, Person, Piece, Row};
use crate::id::ContactId;
use crate::store::context::filing::{Pieces, Record};
use crate::store::context::looking::Dossier;

/// Contacts in one question: the box is kept for some milliseconds by each.
const AT_A_TIME: usize = 100;
/// Columns that are there for everybody; fields come behind them.
const COLUMNS: [&str; 9] =
    ["branchline_id", "phone", "email", "handle", "sip", "account", "business", "shared", "tags"];
/// What a flat table has no room for.
const LEFT_OUT: &str = "CSV has fields as they are, numbers and addresses, and tags. It leaves out who said what and when, \
    consent, the preferred channel, verified levels, pinned facts, legal holds, merges, cases and what happened: \
    --format jsonl has them";

/// Shows `each` all people, a page at a time.
///
/// # Errors
/// When the box does not answer, or `each` says so.
pub fn people(
    options: &ask::Options,
    each: &mut dyn FnMut(Person) -> io::Result<()>,
) -> io::Result<()> {
    let ask = |after| Command::People { after, limit: AT_A_TIME };
    pages(options, &ask, &mut |reply| match reply {
        Reply::People(page) => {
            let count = page.people.len();
            page.people.into_iter().try_for_each(&mut *each)?;
            Ok((count, page.next))
        }
        other => Err(no_page(other)),
    })
}

/// Shows `each` all whole records, a page at a time.
fn records(
    options: &ask::Options,
    each: &mut dyn FnMut(Vec<Record>) -> io::Result<()>,
) -> io::Result<()> {
    let ask = |after| Command::Records { after, limit: AT_A_TIME };
    pages(options, &ask, &mut |reply| match reply {
        Reply::Records(page) => {
            let count = page.records.len();
            each(page.records)?;
            Ok((count, page.next))
        }
        other => Err(no_page(other)),
    })
}

/// Asks for one page after the other; `take` answers how many were on one, and behind whom the next begins.
fn pages(
    options: &ask::Options,
    ask: &dyn Fn(Option<ContactId>) -> Command,
    take: &mut dyn FnMut(Reply) -> io::Result<(usize, Option<ContactId>)>,
) -> io::Result<()> {
    let mut line = ask::Line::open(&options.socket)?;
    let mut count = 0;
    let mut next = Some(ask(None));
    while let Some(question) = next {
        line.send(&question)?;
        let (more, after) = take(line.hear()?)?;
        count += more;
        progress(Some(count));
        next = after.map(|after| ask(Some(after)));
    }
    progress(None);
    Ok(())
}

fn no_page(reply: Reply) -> io::Error {
    match reply {
        Reply::NotReady(why) | Reply::Refused(why) => io::Error::other(why),
        _ => io::Error::other("the box answered something else"),
    }
}

fn progress(count: Option<usize>) {
    if io::stderr().is_terminal() {
        match count {
            Some(count) => eprint!("\r{count} people"),
            None => eprint!("\r\x1b[K"),
        }
    }
}

/// Whether a record is a line's that several people share, and no person's.
fn is_line(record: &Dossier) -> bool {
    let own = |line: &Line| record.contacts.iter().any(|contact| contact.id == line.line);
    record.shared.iter().any(own)
}

/// Writes all people to the standard output.
pub fn main(options: &ask::Options, format: Format) -> ExitCode {
    let out = BufWriter::new(io::stdout().lock());
    let written = match format {
        Format::Csv => as_csv(options, out),
        Format::Jsonl => as_jsonl(options, out),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that closed the pipe early, such as `head`, has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => exit::fail(exit::UNAVAILABLE, format!("not all was written: {error}")),
    }
}

/// A page at a time: first who they are, then what happened, then cases. Lines about the same person stand apart, so that an
/// import has many on their way at a time.
fn as_jsonl(options: &ask::Options, mut out: impl Write) -> io::Result<()> {
    let mut late = Vec::new();
    records(options, &mut |page| {
        let mut pieces: Vec<Pieces> = page.into_iter().map(Pieces::from).collect();
        late.extend(pieces.iter_mut().flat_map(|pieces| std::mem::take(&mut pieces.late)));
        let most = pieces.iter().map(|pieces| pieces.moments.len()).max().unwrap_or(0);
        let people = pieces.iter().map(|pieces| &pieces.person);
        let moments =
            (0..most).flat_map(|at| pieces.iter().filter_map(move |own| own.moments.get(at)));
        let most = pieces.iter().map(|pieces| pieces.cases.len()).max().unwrap_or(0);
        let cases = (0..most).flat_map(|at| pieces.iter().filter_map(move |own| own.cases.get(at)));
        for piece in people.chain(moments).chain(cases) {
            write_line(&mut out, piece)?;
        }
        Ok(())
    })?;
    late.iter().try_for_each(|piece| write_line(&mut out, piece))?;
    out.flush()
}

fn write_line(mut out: impl Write, piece: &Piece) -> io::Result<()> {
    serde_json::to_writer(&mut out, piece)?;
    out.write_all(b"\n")
}

/// Reads all people twice: the heading needs every field's name, and nobody knows how many people there are.
fn as_csv(options: &ask::Options, out: impl Write) -> io::Result<()> {
    let mut names = BTreeSet::new();
    people(options, &mut |person| {
        names.extend(person.row().fields.into_keys());
        Ok(())
    })?;
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(heading(&names))?;
    let mut write = |person: Person| {
        let row = person.row();
        if let Some(new) = row.fields.keys().find(|name| !names.contains(*name)) {
            let words = format!("the field `{new}` came up meanwhile: export once more");
            return Err(io::Error::other(words));
        }
        Ok::<_, io::Error>(writer.write_record(cells(&row, &names))?)
    };
    let people = |page: Vec<Record>| {
        page.into_iter().map(|record| record.dossier).filter(|dossier| !is_line(dossier))
    };
    records(options, &mut |page| people(page).map(person_of).try_for_each(&mut write))?;
    writer.flush()?;
    eprintln!("{LEFT_OUT}");
    Ok(())
}

fn person_of(record: Dossier) -> Person {
    let Dossier { person, contacts, shared, .. } = record;
    let shared = shared.into_iter().map(|line| (line.identity, line.sharing)).collect();
    Person { person, contacts, shared, others: BTreeSet::new() }
}

/// Fields are marked as such, so that one called `phone` is no number that somebody is known by.
fn heading(names: &BTreeSet<String>) -> impl Iterator<Item = String> {
    let columns = COLUMNS.into_iter().map(str::to_owned);
    columns.chain(names.iter().map(|name| format!("field:{name}")))
}

fn cells(row: &Row, names: &BTreeSet<String>) -> Vec<String> {
    let own = |kind: Kind| {
        let held = row.identities.iter().filter(|held| held.shared.is_none());
        let values = held.filter(|held| held.identity.kind == kind);
        values.map(|held| held.identity.value.as_str()).collect::<Vec<_>>().join("\n")
    };
    let shared = row.identities.iter().filter_map(|held| {
        let why = match held.shared? {
            crate::context::Sharing::Family => "family",
            crate::context::Sharing::Office => "office",
            crate::context::Sharing::Kiosk => "kiosk",
        };
        Some(format!("{}:{}={why}", held.identity.kind, held.identity.value))
    });
    let kinds = [Kind::Phone, Kind::Email, Kind::Handle, Kind::Sip, Kind::Account, Kind::Business];
    let mut cells = vec![row.contact.map(|id| id.to_string()).unwrap_or_default()];
    cells.extend(kinds.into_iter().map(own));
    cells.push(shared.collect::<Vec<_>>().join("\n"));
    cells.push(row.tags.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
    cells.extend(names.iter().map(|name| row.fields.get(name).cloned().unwrap_or_default()));
    cells
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Columns, read};
    use super::*;
    use crate::context::{Held, Identity, Sharing};
    use crate::id::ContactId;

    fn held(kind: Kind, value: &str, shared: Option<Sharing>) -> Held {
        Held { identity: Identity { kind, value: value.to_owned() }, shared }
    }

    #[test]
    fn what_is_written_is_read_again_as_it_was() {
        let field = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let row = Row {
            contact: Some(ContactId(7)),
            identities: vec![
                held(Kind::Phone, "+14085551200", None),
                held(Kind::Phone, "+14085551201", None),
                held(Kind::Phone, "+14085551202", Some(Sharing::Office)),
                held(Kind::Business, "whatsapp:A=b;c", None),
                held(Kind::Sip, "ann;x@example.com", Some(Sharing::Family)),
            ],
            fields: [
                field("phone", "not a number, a field"),
                field("name", "Ann \"the\" Lee;\r\nof, Berlin"),
                field("id", "=1+1"),
            ]
            .into(),
            tags: ["vip".to_owned(), "a.b".to_owned()].into(),
        };
        let names: BTreeSet<_> = row.fields.keys().cloned().chain(["city".to_owned()]).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(heading(&names)).expect("written");
        writer.write_record(cells(&row, &names)).expect("written");
        let csv = writer.into_inner().expect("written");
        let jsonl = serde_json::to_vec(&row).expect("written");
        for (bytes, format) in [(csv, Format::Csv), (jsonl, Format::Jsonl)] {
            let rows = read(io::Cursor::new(bytes), format, Columns::new(&[], "crm"));
            let rows: Vec<_> = rows.expect("readable").collect();
            let [Ok(line)] = &rows[..] else { panic!("{rows:?}") };
            let mut again = line.row.clone();
            let mut row = row.clone();
            again.identities.sort();
            row.identities.sort();
            assert_eq!(again, row, "{format:?}");
        }
    }
}
