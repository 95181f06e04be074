//! Interactions as rows that any other program reads: calls, written messages, contacts; lines of JSON, or Parquet.
//!
//! One table for all three, because each is one contact of one person with one site; what a kind does not have is missing.
//! Times are microseconds since 1970, in UTC.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde::Serialize;

use crate::time::UnixTime;

/// Rows of one group of a Parquet file: what a reader holds at once.
const GROUP: usize = 100_000;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(default)]
pub struct Interaction {
    /// `call`, `message` or `contact`.
    pub kind: String,
    /// The site.
    pub site: String,
    /// What the site calls it.
    pub id: String,
    /// When it began.
    pub at: UnixTime,
    /// `inbound`, `outbound`, `internal`; of messages `in` and `out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The caller's number, or the address of whoever wrote or was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The dialled number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The conversation of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The channel of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The queue of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Who took the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Why a call ended; what became of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A contact's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When a call was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<UnixTime>,
    /// When it was over; of other kinds the last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixTime>,
    /// What a carrier takes for it, in millionths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_millionths: Option<i64>,
}

type Text = fn(&Interaction) -> Option<&str>;
type Whole = fn(&Interaction) -> Option<i64>;

enum Column {
    Text(&'static str, Text),
    Time(&'static str, Whole),
    Whole(&'static str, Whole),
}

const COLUMNS: [Column; 18] = [
    Column::Text("kind", |row| Some(&row.kind)),
    Column::Text("site", |row| Some(&row.site)),
    Column::Text("id", |row| Some(&row.id)),
    Column::Time("at", |row| Some(row.at.0)),
    Column::Text("direction", |row| row.direction.as_deref()),
    Column::Text("from", |row| row.from.as_deref()),
    Column::Text("to", |row| row.to.as_deref()),
    Column::Text("contact", |row| row.contact.as_deref()),
    Column::Text("conversation", |row| row.conversation.as_deref()),
    Column::Text("channel", |row| row.channel.as_deref()),
    Column::Text("queue", |row| row.queue.as_deref()),
    Column::Text("agent", |row| row.agent.as_deref()),
    Column::Text("outcome", |row| row.outcome.as_deref()),
    Column::Text("text", |row| row.text.as_deref()),
    Column::Text("name", |row| row.name.as_deref()),
    Column::Time("answered", |row| row.answered.map(|at| at.0)),
    Column::Time("ended", |row| row.ended.map(|at| at.0)),
    Column::Whole("fee_millionths", |row| row.fee_millionths),
];

/// Writes lines of JSON.
///
/// # Errors
/// Of whatever they are written to.
pub fn jsonl(rows: &[Interaction], out: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes a Parquet file.
///
/// # Errors
/// Of whatever it is written to.
pub fn parquet(rows: &[Interaction], out: impl Write + Send) -> io::Result<()> {
    write(rows, out).map_err(io::Error::other)
}

fn write(rows: &[Interaction], out: impl Write + Send) -> Result<(), ParquetError> {
    let columns: String = COLUMNS
        .iter()
        .map(|column| match column {
            Column::Text(name, _) => format!("optional binary {name} (STRING);"),
            Column::Time(name, _) => format!("optional int64 {name} (TIMESTAMP(MICROS,true));"),
            Column::Whole(name, _) => format!("optional int64 {name};"),
        })
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message interactions {{ {columns} }}"))?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for rows in rows.chunks(GROUP) {
        let mut group = file.next_row_group()?;
        for column in &COLUMNS {
            let Some(mut writer) = group.next_column()? else { break };
            match column {
                Column::Text(_, of) => {
                    let there = |row| of(row).map(ByteArray::from);
                    let (values, levels) = split(rows.iter().map(there));
                    writer.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
                }
                Column::Time(_, of) | Column::Whole(_, of) => {
                    let (values, levels) = split(rows.iter().map(of));
                    writer.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
                }
            }
            writer.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// What is there, and of each row whether it is.
fn split<T>(rows: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for row in rows {
        levels.push(i16::from(row.is_some()));
        values.extend(row);
    }
    (values, levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_a_column_and_a_missing_one_is_not_written() {
        let row = Interaction { kind: "call".to_owned(), ..Interaction::default() };
        let mut lines = Vec::new();
        jsonl(&[row.clone(), row], &mut lines).expect("written");
        let lines = String::from_utf8(lines).expect("text");
        assert_eq!(lines.lines().count(), 2);
        assert_eq!(lines.lines().next(), Some(r#"{"kind":"call","site":"","id":"","at":0}"#));
        let whole = Interaction {
            direction: Some(String::new()),
            from: Some(String::new()),
            to: Some(String::new()),
            contact: Some(String::new()),
            conversation: Some(String::new()),
            channel: Some(String::new()),
            queue: Some(String::new()),
            agent: Some(String::new()),
            outcome: Some(String::new()),
            text: Some(String::new()),
            name: Some(String::new()),
            answered: Some(UnixTime(1)),
            ended: Some(UnixTime(1)),
            fee_millionths: Some(1),
            ..Interaction::default()
        };
        let value = serde_json::to_value(whole).expect("JSON");
        let names: Vec<_> = COLUMNS
            .iter()
            .map(|column| match column {
                Column::Text(name, _) | Column::Time(name, _) | Column::Whole(name, _) => *name,
            })
            .collect();
        let fields = value.as_object().expect("an object");
        assert_eq!(fields.len(), names.len());
        assert!(names.iter().all(|name| fields.contains_key(*name)));
    }
}
