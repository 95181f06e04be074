//! The hub's log of questions: who was asked for by which site, and at which sites they are known.
//!
//! One file a day in `questions`, a line for each question. It names people by their tokens, as the sites do; the files of
//! ninety days are kept.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::time::UnixTime;

/// Files that are kept, one a day: as long as somebody finds out that a branch was taken over.
const MOST_FILES: usize = 90;

/// The log.
#[derive(Debug)]
pub struct Questions {
    folder: PathBuf,
    open: Mutex<Option<(String, File)>>,
}

/// One question.
#[derive(Debug, Serialize)]
pub struct Question<'a> {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who asks.
    pub site: &'a str,
    /// By what.
    pub tokens: &'a [String],
    /// Sites whose cards were the answer.
    pub known_at: Vec<&'a str>,
    /// Questions of the site that were refused since the one before: it asks too much.
    #[serde(skip_serializing_if = "is_none")]
    pub refused: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(refused: &u64) -> bool {
    *refused == 0
}

impl Questions {
    /// That of a hub's folder.
    pub fn of(hub: &Path) -> Questions {
        Questions { folder: hub.join("questions"), open: Mutex::default() }
    }

    /// Writes one down.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn write(&self, question: &Question<'_>) -> io::Result<()> {
        let day = day(UnixTime(question.at));
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match open.take().filter(|(of, _)| *of == day) {
            Some((_, file)) => file,
            None => self.open(&day)?,
        };
        let (_, file) = open.insert((day, file));
        file.write_all(&line)
    }

    fn open(&self, day: &str) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut files: Vec<_> = fs::read_dir(&self.folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
            .collect();
        files.sort();
        let over = files.len().saturating_sub(MOST_FILES - 1);
        files.iter().take(over).try_for_each(fs::remove_file)?;
        let path = self.folder.join(format!("{day}.jsonl"));
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)
    }
}

/// A day, in UTC.
fn day(at: UnixTime) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_in_the_file_of_its_day_and_old_files_go() {
        let dir = std::env::temp_dir().join(format!("hub-questions-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let questions = Questions::of(&dir);
        let tokens = ["#0a".to_owned()];
        let ask = |day: i64| {
            let at = 1_795_283_297_000_000 + day * 86_400_000_000;
            let (known_at, refused) = (vec!["basel"], u64::from(day == 0));
            let question = Question { at, site: "berne", tokens: &tokens, known_at, refused };
            questions.write(&question).expect("written");
        };
        (0..100).for_each(ask);
        ask(99);
        let read = |day: &str| fs::read_to_string(dir.join(format!("questions/{day}.jsonl")));
        let last = day(UnixTime(1_795_283_297_000_000 + 99 * 86_400_000_000));
        let line = r##""site":"berne","tokens":["#0a"],"known_at":["basel"]}"##;
        let text = read(&last).expect("the last day");
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|one| one.ends_with(line)), "{text}");
        assert_eq!(fs::read_dir(dir.join("questions")).expect("files").count(), MOST_FILES);
        assert!(read(&day(UnixTime(1_795_283_297_000_000))).is_err(), "the first is gone");
        fs::remove_dir_all(&dir).expect("cleaned up");
    }
}
