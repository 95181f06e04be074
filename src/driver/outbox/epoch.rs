//! Which outbox it is: the file `epoch`.
//!
//! Its first line is the outbox's name. Where it became another one because the office had what was never sent, a second line
//! says behind which number it begins, and a third when that was. A fourth, `refused`, says that the office is ahead of this
//! one too, and nothing is sent.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files;
use crate::random::Random;
use crate::time::UnixTime;

/// Seconds between two times that it becomes another one. An office that always claims to have more would otherwise be told
/// everything again each time that it says so; a box is not restored twice a day.
const REST: i64 = 86_400;

/// Which outbox it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Epoch {
    /// Its name.
    pub name: String,
    /// Behind which number it begins: those up to there were another one's, and have arrived.
    pub behind: u64,
    /// When it became another one.
    pub since: Option<i64>,
    /// The office is ahead of it.
    pub refused: bool,
}

fn path(folder: &Path) -> PathBuf {
    folder.join("epoch")
}

impl Epoch {
    /// A new one, of which nothing is known.
    pub fn new(random: &mut Random) -> Epoch {
        Epoch { name: random.hex(8), ..Epoch::default() }
    }

    /// The one in a folder.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(folder: &Path) -> io::Result<Epoch> {
        let text = fs::read_to_string(path(folder))?;
        let mut lines = text.lines().map(str::trim);
        Ok(Epoch {
            name: lines.next().unwrap_or_default().to_owned(),
            behind: lines.next().and_then(|line| line.parse().ok()).unwrap_or(0),
            since: lines.next().and_then(|line| line.parse().ok()),
            refused: lines.next() == Some("refused"),
        })
    }

    /// Keeps it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let Epoch { name, behind, since, refused } = self;
        let since = since.map(|since| since.to_string()).unwrap_or_default();
        let refused = if *refused { "refused\n" } else { "" };
        let text = format!("{name}\n{behind}\n{since}\n{refused}");
        files::write_whole(&path(folder), text.as_bytes())
    }

    /// What it is from now on, the office being ahead of it, and all up to `arrived` being known to have arrived: another
    /// one, or, where it became that a short while ago, the same one that is refused.
    pub fn after_ahead(&self, now: UnixTime, arrived: u64, random: &mut Random) -> Epoch {
        let now = now.seconds();
        // A clock that was wrong then says nothing.
        let lately = self.since.is_some_and(|since| (since..since + REST).contains(&now));
        match lately {
            true => Epoch { refused: true, ..self.clone() },
            false => Epoch { behind: arrived, since: Some(now), ..Epoch::new(random) },
        }
    }
}
