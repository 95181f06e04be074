//! `branchline export`: interactions as lines of JSON or as Parquet, for any other program. Needs no running box.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::admin::export::Export;
use crate::cli::exit;
use crate::driver::{journal, segments};
use crate::journal::event::Event;
use crate::journal::record::{Found, decode};
use crate::report::interaction::{self, Interaction};
use crate::time::UnixTime;

/// What `branchline export` takes.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    how: How,
    /// The data folder of the site.
    #[arg(long, default_value = "/var/lib/branchline")]
    data: PathBuf,
    /// What the site is called in the rows.
    #[arg(long, default_value = "branch")]
    site: String,
}

/// What is written, and where to.
#[derive(Debug, Args)]
pub struct How {
    /// From when: a day (2026-01-31), or a moment as RFC 3339 writes it.
    #[arg(long, value_parser = moment)]
    since: UnixTime,
    /// As what.
    #[arg(long, default_value = "jsonl")]
    format: Format,
    /// The file; printed where there is none.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A JSON object on each line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

fn moment(text: &str) -> Result<UnixTime, String> {
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && let Ok(begins) = day.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(UnixTime(begins.timestamp().as_microsecond()));
    }
    let read = text.parse::<jiff::Timestamp>();
    read.map(|at| UnixTime(at.as_microsecond())).map_err(|_| {
        "a day such as 2026-01-31, or a moment such as 2026-01-31T08:00:00Z".to_owned()
    })
}

impl How {
    /// From when on.
    pub fn since(&self) -> UnixTime {
        self.since
    }

    /// Writes rows, and says how many.
    pub fn write(&self, rows: &[Interaction]) -> ExitCode {
        let done = match &self.out {
            Some(path) => self.to_file(rows, path),
            None => self.to(rows, BufWriter::new(io::stdout())),
        };
        match done {
            Ok(()) => {
                eprintln!("{} interactions since {}", rows.len(), self.since);
                ExitCode::SUCCESS
            }
            Err(error) => exit::fail(exit::IO, error),
        }
    }

    /// It is there whole or not at all, and for nobody else: it has numbers and texts of people.
    fn to_file(&self, rows: &[Interaction], path: &Path) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let draft = PathBuf::from(name);
        let file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let mut out = BufWriter::new(file);
        self.to(rows, &mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&draft, path)
    }

    fn to(&self, rows: &[Interaction], mut out: impl Write + Send) -> io::Result<()> {
        match self.format {
            Format::Jsonl => interaction::jsonl(rows, &mut out)?,
            Format::Parquet => interaction::parquet(rows, &mut out)?,
        }
        out.flush()
    }
}

/// Carries it out.
pub fn main(options: &Options) -> ExitCode {
    match read(options) {
        Ok(rows) => options.how.write(&rows),
        Err(error) => exit::fail(exit::NO_INPUT, error),
    }
}

fn read(options: &Options) -> Result<Vec<Interaction>, journal::CannotOpen> {
    let keys = journal::reading(&options.data)?;
    let mut export = Export::new(&options.site, options.how.since, &keys);
    let folder = journal::folder(&options.data);
    let wrong = |error| journal::CannotOpen::File(folder.clone(), error);
    for segment in segments::list(&folder).map_err(wrong)? {
        let bytes = fs::read(&segment.path).map_err(wrong)?;
        let mut rest = &bytes[..];
        loop {
            match decode(rest) {
                Found::Record(record) => {
                    rest = rest.get(record.bytes.len()..).unwrap_or_default();
                    if let Ok(event) = serde_json::from_slice::<Event>(record.payload) {
                        export.handle(&event);
                    }
                }
                Found::Damage(skip) => rest = rest.get(skip..).unwrap_or_default(),
                Found::Torn | Found::End => break,
            }
        }
    }
    Ok(export.finish())
}
