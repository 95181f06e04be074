//! Rows of people in files: CSV as spreadsheets write it, and JSONL. What a column means, and what is wrong with a row.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use serde::Serialize;
use serde_json::Value;

use crate::address::Number;
use crate::context::{Held, Identity, Kind, NotAnIdentity, Piece, Row, Sharing, normalise};

/// Longest row of a spreadsheet: a quote that is not closed makes one row of the rest of the file.
const MOST_BYTES: usize = 48 * 1024;
/// Longest line of JSON: the box takes no question longer than 4 MiB, and JSON may make a text longer.
const MOST_JSON: usize = 2 << 20;
/// So far the first line is looked at to find out what separates its columns.
const HEADER_BYTES: usize = 64 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Values with separators (RFC 4180; semicolons and tabs too when read).
    Csv,
    /// An object in each line.
    Jsonl,
}

/// A row that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// In which line it begins, from 1.
    pub line: u64,
    /// In which column, as far as it is about one.
    pub column: Option<String>,
    /// What is wrong.
    pub why: String,
}

/// A row and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// In which line it begins, from 1.
    pub line: u64,
    /// What it says.
    pub row: Row,
    /// Or the line of a whole record that it is.
    pub piece: Option<Box<Piece>>,
    /// Columns with numbers: whether they read in full, the box alone can say.
    pub numbers: Vec<String>,
}

/// What a column is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Own,
    External,
    Identity(Kind),
    Shared,
    Tags,
    Field(String),
    Nothing,
}

/// What the columns of a file mean.
#[derive(Debug, Clone)]
pub struct Columns {
    maps: BTreeMap<String, String>,
    source: String,
}

impl Columns {
    /// Columns of a file of this source; `maps` says which mean something else than they are called.
    pub fn new(maps: &[(String, String)], source: &str) -> Columns {
        Columns { maps: maps.iter().cloned().collect(), source: source.to_owned() }
    }

    fn target(&self, column: &str) -> Target {
        let column = column.trim();
        let name = self.maps.get(column).map_or(column, String::as_str);
        match name.to_lowercase().as_str() {
            "" | "-" => Target::Nothing,
            "branchline_id" => Target::Own,
            "id" | "external_id" => Target::External,
            "phone" | "telephone" | "tel" | "mobile" => Target::Identity(Kind::Phone),
            "email" | "e-mail" | "mail" => Target::Identity(Kind::Email),
            "handle" => Target::Identity(Kind::Handle),
            "sip" => Target::Identity(Kind::Sip),
            "account" => Target::Identity(Kind::Account),
            "business" => Target::Identity(Kind::Business),
            "shared" => Target::Shared,
            "tags" => Target::Tags,
            name => Target::Field(slug(name.strip_prefix("field:").unwrap_or(name))),
        }
    }

    /// Takes one cell up; several values stand in lines of their own.
    fn put(&self, read: &mut Line, column: &str, cell: &str) -> Result<(), String> {
        let target = self.target(column);
        let cell = cell.trim();
        if cell.is_empty() {
            return Ok(());
        }
        let row = &mut read.row;
        let mut hold = |kind, value: &str, shared| {
            let identity = Identity { kind, value: value.to_owned() };
            row.identities.push(Held { identity: checked(identity)?, shared });
            Ok::<_, String>(())
        };
        let lines = || cell.lines().map(str::trim).filter(|line| !line.is_empty());
        match target {
            Target::Nothing => {}
            Target::Own => row.contact = Some(cell.parse().map_err(|_| "it is no contact's id")?),
            Target::External => {
                hold(Kind::Business, &format!("{}:{cell}", self.source), None)?;
            }
            Target::Identity(kind) => {
                if kind == Kind::Phone && !read.numbers.iter().any(|known| known == column) {
                    read.numbers.push(column.to_owned());
                }
                for line in lines() {
                    hold(kind, line, None)?;
                }
            }
            Target::Shared => {
                for line in lines() {
                    let (kind, value, sharing) = shared(line).ok_or(
                        "it is not KIND:VALUE=WHY, with `family`, `office` or `kiosk` for WHY",
                    )?;
                    hold(kind, value, Some(sharing))?;
                }
            }
            Target::Tags => {
                let tags = cell.split(|c: char| c.is_whitespace() || c == ',');
                row.tags.extend(tags.filter(|tag| !tag.is_empty()).map(str::to_owned));
            }
            Target::Field(name) => {
                if let Some(other) = row.fields.insert(name.clone(), cell.to_owned())
                    && other != cell
                {
                    return Err(format!("another column says something else for `{name}`"));
                }
            }
        }
        Ok(())
    }
}

/// The name of a field for a heading: small letters, digits and `_`, `-`, `.`.
fn slug(heading: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = heading
        .trim()
        .chars()
        .map(|c| if fits(c) { c.to_ascii_lowercase() } else { '_' })
        .collect();
    name.trim_matches('_').to_owned()
}

/// What can be said of an identity without the site's country.
fn checked(identity: Identity<String>) -> Result<Identity<String>, String> {
    let verdict = match identity.kind {
        Kind::Phone => Number::parse(identity.value.trim_start_matches("tel:"))
            .map(drop)
            .map_err(|_| NotAnIdentity::Number),
        kind => normalise(kind, &identity.value, &|_| None).map(drop),
    };
    verdict.map_err(|why| why.to_string())?;
    Ok(identity)
}

fn shared(line: &str) -> Option<(Kind, &str, Sharing)> {
    let (identity, why) = line.rsplit_once('=')?;
    let (kind, value) = identity.split_once(':')?;
    let kinds = [Kind::Phone, Kind::Email, Kind::Handle, Kind::Sip, Kind::Account, Kind::Business];
    let kind = kinds.into_iter().find(|one| one.name() == kind)?;
    super::sharing(why).ok().map(|sharing| (kind, value, sharing))
}

/// Reads a file row by row.
///
/// # Errors
/// When it cannot be read at all, or its heading cannot; each row is judged for itself.
pub fn read(
    file: impl Read + 'static,
    format: Format,
    columns: Columns,
) -> io::Result<Box<dyn Iterator<Item = Result<Line, Bad>>>> {
    let mut file = BufReader::with_capacity(HEADER_BYTES, file);
    let beginning = file.fill_buf()?;
    if beginning.starts_with(&[0xff, 0xfe]) || beginning.starts_with(&[0xfe, 0xff]) {
        return Err(io::Error::other("it is UTF-16: save it as UTF-8"));
    }
    if beginning.starts_with(&[0xef, 0xbb, 0xbf]) {
        file.consume(3);
    }
    match format {
        Format::Csv => csv_rows(file, columns),
        Format::Jsonl => Ok(json_rows(file, columns)),
    }
}

fn csv_rows(
    mut file: BufReader<impl Read + 'static>,
    columns: Columns,
) -> io::Result<Box<dyn Iterator<Item = Result<Line, Bad>>>> {
    let beginning = file.fill_buf()?;
    let delimiter = delimiter(beginning);
    // Where lines end with CR LF, the reader finds each record before it has counted the LF.
    let uncounted = u64::from(
        beginning
            .split(|b| *b == b'\n')
            .next()
            .is_some_and(|line| line.len() < beginning.len() && line.ends_with(b"\r")),
    );
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(file);
    let headings = reader.headers().map_err(io::Error::other)?.clone();
    let headings: Vec<String> = headings.iter().map(str::to_owned).collect();
    Ok(Box::new(
        reader
            .into_byte_records()
            .map(move |record| csv_row(&columns, &headings, uncounted, record)),
    ))
}

/// What separates columns: whichever of these is most frequent in the first line outside of quotes.
fn delimiter(beginning: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in beginning {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                counts.iter_mut().filter(|(one, _)| one == byte).for_each(|(_, n)| *n += 1);
            }
            _ => {}
        }
    }
    // Of two the first, as the standard has it.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(one, _)| one)
}

fn csv_row(
    columns: &Columns,
    headings: &[String],
    uncounted: u64,
    record: csv::Result<csv::ByteRecord>,
) -> Result<Line, Bad> {
    let record = record.map_err(|error| Bad {
        line: error.position().map_or(0, csv::Position::line),
        column: None,
        why: error.to_string(),
    })?;
    let line = record.position().map_or(0, csv::Position::line) + uncounted;
    let bad = |column: Option<&str>, why: &str| Bad {
        line,
        column: column.map(str::to_owned),
        why: why.to_owned(),
    };
    if record.len() > headings.len() {
        return Err(bad(None, "there are more values than headings: is one in need of quotes?"));
    }
    if record.as_slice().len() > MOST_BYTES {
        return Err(bad(None, "it is longer than 48 KiB: is a quote not closed?"));
    }
    let mut read = Line { line, row: Row::default(), piece: None, numbers: Vec::new() };
    for (heading, cell) in headings.iter().zip(record.iter()) {
        let cell = std::str::from_utf8(cell)
            .map_err(|_| bad(Some(heading), "it is not UTF-8: save the file as UTF-8"))?;
        columns.put(&mut read, heading, cell).map_err(|why| bad(Some(heading), &why))?;
    }
    Ok(read)
}

fn json_rows(
    file: BufReader<impl Read + 'static>,
    columns: Columns,
) -> Box<dyn Iterator<Item = Result<Line, Bad>>> {
    let lines = (1_u64..).zip(file.split(b'\n'));
    Box::new(lines.filter_map(move |(line, bytes)| {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(Bad { line, column: None, why: error.to_string() })),
        };
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        (!blank).then(|| json_row(&columns, line, &bytes))
    }))
}

fn json_row(columns: &Columns, line: u64, bytes: &[u8]) -> Result<Line, Bad> {
    let bad =
        |column: Option<&str>, why: String| Bad { line, column: column.map(str::to_owned), why };
    if bytes.len() > MOST_JSON {
        return Err(bad(None, "it is longer than 2 MiB".to_owned()));
    }
    let object: serde_json::Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| bad(None, format!("it is no JSON object (at byte {})", error.column())))?;
    let mut read = Line { line, row: Row::default(), piece: None, numbers: Vec::new() };
    if let Some(name) = piece_of(&object) {
        let piece = serde_json::from_slice(bytes).map_err(|error| {
            bad(
                Some(name),
                format!("it is no line that an export writes (at byte {})", error.column()),
            )
        })?;
        read.piece = Some(Box::new(piece));
        return Ok(read);
    }
    for (name, value) in object {
        json_cell(columns, &mut read, &name, value).map_err(|why| bad(Some(&name), why))?;
    }
    Ok(read)
}

/// Which line of a whole record an object is, if it is one.
fn piece_of(object: &serde_json::Map<String, Value>) -> Option<&'static str> {
    let own = ["person", "moments", "case"].into_iter();
    own.filter(|_| object.len() == 1).find(|name| object.get(*name).is_some_and(Value::is_object))
}

fn json_cell(columns: &Columns, read: &mut Line, name: &str, value: Value) -> Result<(), String> {
    const SHAPE: &str = "it is not of the shape that an export has";
    match (name, value) {
        (_, Value::Null) => Ok(()),
        ("contact", Value::String(id)) if id.parse::<crate::id::ContactId>().is_ok() => {
            read.row.contact = id.parse().ok();
            Ok(())
        }
        ("identities", value @ Value::Array(_)) => {
            let all: Vec<Held> = serde_json::from_value(value).map_err(|_| SHAPE)?;
            for held in all {
                let identity = checked(held.identity)?;
                read.row.identities.push(Held { identity, ..held });
            }
            Ok(())
        }
        ("fields", value @ Value::Object(_)) => {
            let all: BTreeMap<String, String> = serde_json::from_value(value).map_err(|_| SHAPE)?;
            read.row.fields.extend(all);
            Ok(())
        }
        (name, Value::Array(values)) => {
            for value in values {
                columns.put(read, name, value.as_str().ok_or(SHAPE)?)?;
            }
            Ok(())
        }
        (name, Value::String(text)) => columns.put(read, name, &text),
        (name, value @ (Value::Number(_) | Value::Bool(_))) => {
            columns.put(read, name, &value.to_string())
        }
        (_, Value::Object(_)) => Err(SHAPE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, format: Format, maps: &[(&str, &str)]) -> Vec<Result<Line, Bad>> {
        let maps: Vec<_> = maps.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let bytes = io::Cursor::new(text.as_bytes().to_vec());
        read(bytes, format, Columns::new(&maps, "crm")).expect("readable").collect()
    }

    fn identities(read: &Line) -> Vec<String> {
        let all = read.row.identities.iter();
        all.map(|held| format!("{}:{}", held.identity.kind, held.identity.value)).collect()
    }

    #[test]
    fn a_spreadsheet_is_read_as_it_was_saved() {
        let text = "\u{feff}ID;Full Name;Phone;E-Mail;Notes\r\n\
                    7;Ann Lee;+1 408 555 1200;Ann@Example.com;\"two\r\nlines; and \"\"quotes\"\"\"\r\n\
                    8;Bob;;bob@example.com;\r\n";
        let rows = all(text, Format::Csv, &[("Full Name", "name")]);
        let ann = rows[0].as_ref().expect("good");
        assert_eq!(ann.line, 2);
        assert_eq!(
            identities(ann),
            ["business:crm:7", "phone:+1 408 555 1200", "email:Ann@Example.com"]
        );
        assert_eq!(ann.row.fields["name"], "Ann Lee");
        assert_eq!(ann.row.fields["notes"], "two\r\nlines; and \"quotes\"");
        let bob = rows[1].as_ref().expect("good");
        assert_eq!((bob.line, bob.row.fields.len()), (4, 1), "what is empty is not said");
    }

    #[test]
    fn a_bad_row_says_where_and_the_rest_goes_on() {
        let text =
            "id,name,phone,email\n1,Ann,12ab,\n2,Bob,,not-an-address\n3,Cy,,,too,many\n4,Di,,\n";
        let rows = all(text, Format::Csv, &[]);
        let bad: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
        let places: Vec<_> = bad.iter().map(|bad| (bad.line, bad.column.as_deref())).collect();
        assert_eq!(places, [(2, Some("phone")), (3, Some("email")), (4, None)]);
        assert!(!bad.iter().any(|bad| bad.why.contains("12ab")), "values stay in the file");
        assert!(rows[3].is_ok());
        let latin = io::Cursor::new(b"id,name\n1,M\xfcller\n2,Ann\n".to_vec());
        let rows = read(latin, Format::Csv, Columns::new(&[], "crm")).expect("readable");
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows[0].as_ref().expect_err("not UTF-8").column.as_deref(), Some("name"));
        assert!(rows[1].is_ok());
    }

    #[test]
    fn lines_of_json_are_flat_or_as_an_export_has_them() {
        let text = "{\"id\":7,\"name\":\"Ann\",\"phone\":[\"+14085551200\",\"+14085551201\"]}\n\n\
                    {\"identities\":[{\"kind\":\"phone\",\"value\":\"+14085551202\",\"shared\":\"family\"}],\
                    \"fields\":{\"name\":\"Bob\"},\"tags\":[\"vip\"]}\n{broken\n[]\n";
        let rows = all(text, Format::Jsonl, &[]);
        let ann = rows[0].as_ref().expect("good");
        let three = ["business:crm:7", "phone:+14085551200", "phone:+14085551201"];
        assert_eq!(identities(ann), three);
        let bob = rows[1].as_ref().expect("good");
        assert_eq!(bob.row.identities[0].shared, Some(Sharing::Family));
        assert!(bob.row.tags.contains("vip"));
        let lines: Vec<_> = rows.iter().filter_map(|row| Some(row.as_ref().err()?.line)).collect();
        assert_eq!(lines, [4, 5]);
    }

    #[test]
    fn what_separates_columns_is_seen() {
        assert_eq!(delimiter(b"a,b;c,d\n;;;;"), b',');
        assert_eq!(delimiter(b"\"a,b,c\";d;e\n"), b';');
        assert_eq!(delimiter(b"a\tb\n"), b'\t');
        assert_eq!(delimiter(b"name\n"), b',');
    }
}
