//! One thing wrong with the configuration, printed the way a compiler would: place, line, caret, what is allowed.
//!
//! It never prints what may be a secret: quoted text on a line whose key sounds like one is masked.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether the gateway may start all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It works, and the admin probably meant something else.
    Warning,
}

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the start.
    pub severity: Severity,
    /// The file it stands in.
    pub file: PathBuf,
    /// From 1; 0 when the file could not be read at all.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Characters to underline, at least 1.
    pub width: usize,
    /// The path of keys that leads there, such as `queue[1].members[0]`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub allowed: Option<String>,
    /// The valid thing that looks most like what was written.
    pub nearest: Option<String>,
    /// The line as it stands in the file, secrets masked.
    pub source_line: String,
}

/// A file's text, which turns byte spans into lines and columns.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it was read from.
    pub file: PathBuf,
    /// All of it.
    pub text: Arc<str>,
    /// Where its lines end: a file of thousands of sections is asked for a line thousands of times.
    ends: Arc<[usize]>,
}

/// Keys whose quoted values are masked in anything printed.
const SECRET_KEYS: [&str; 8] =
    ["secret", "passw", "kennwort", "token", "passphrase", "hep_key", "pin =", "pin="];

impl Source {
    /// A file and its text.
    pub fn new(file: &Path, text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Source { file: file.to_owned(), text: Arc::from(text), ends }
    }

    /// A problem with the bytes of `span`. A span outside the text is moved to its end.
    pub fn problem(&self, span: Range<usize>, key: &str, what: impl Into<String>) -> Problem {
        let start = self.floor(span.start);
        let end = self.floor(span.end.max(span.start));
        let before = self.text.get(..start).unwrap_or_default();
        let lines = self.ends.partition_point(|end| *end < start);
        let line_start = lines.checked_sub(1).and_then(|last| self.ends.get(last));
        let line_start = line_start.map_or(0, |end| end + 1);
        let rest = self.text.get(line_start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let line_end = line_start + line.len();
        let covered = self.text.get(start..end.min(line_end).max(start)).unwrap_or_default();
        Problem {
            severity: Severity::Error,
            file: self.file.clone(),
            line: lines + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            width: covered.chars().count().max(1),
            key: key.to_owned(),
            what: what.into(),
            allowed: None,
            nearest: None,
            source_line: masked(line),
        }
    }

    fn floor(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        (0..=at).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// `line` up to the first value of a key that sounds like a secret, unless that value only names where the secret is.
fn masked(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    // Lower-casing ASCII moves no byte, so places in `lower` are places in `line`.
    let value =
        SECRET_KEYS.iter().flat_map(|key| lower.match_indices(key)).filter_map(|(at, _)| {
            let equals = at + lower.get(at..)?.find('=')?;
            let value = line.get(equals + 1..)?.trim_start();
            (!value.starts_with('{') && !value.is_empty()).then_some(equals)
        });
    match value.min().and_then(|equals| line.get(..=equals)) {
        Some(shown) => format!("{shown} ********"),
        None => line.to_owned(),
    }
}

/// Puts problems in the order of the files, and takes out what is told twice.
pub fn order(problems: &mut Vec<Problem>) {
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    problems.dedup();
}

impl Problem {
    /// Whether it stops the start.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The file as a whole: it could not be read.
    pub fn unreadable(file: &Path, why: &std::io::Error) -> Problem {
        let what = format!("the file cannot be read: {why}");
        Problem { line: 0, ..Source::new(file, "").problem(0..0, "", what) }
    }

    /// Adds what would be right.
    pub fn allowing(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// Adds the one of `known` that `written` was probably meant to be, and the list of all when it is short.
    pub fn suggesting<'a>(
        mut self,
        written: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut known: Vec<&str> = known.into_iter().collect();
        let mut seen = BTreeSet::new();
        known.retain(|name| seen.insert(*name));
        self.nearest = nearest(written, known.iter().copied()).map(str::to_owned);
        if self.allowed.is_none() && !known.is_empty() {
            self.allowed = Some(listed(&known));
        }
        self
    }

    /// Lets the gateway start all the same.
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

/// Names that are listed before the rest is only counted: every section and every key of one fits, and of the prompts,
/// which nobody reads through, the nearest name is told anyhow.
const LISTED: usize = 64;
/// Characters of a line of them, as wide as a terminal is, less the gutter.
const WIDTH: usize = 72;

fn listed(known: &[&str]) -> String {
    let shown: Vec<_> = known.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    let rest = known.len().saturating_sub(LISTED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// A list in lines that fit, broken behind commas.
fn wrapped(list: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in list.split_inclusive(", ") {
        if lines.last().is_some_and(|line| line.len() + piece.trim_end().len() > WIDTH) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(piece);
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).filter(|l| !l.is_empty()).collect()
}

/// The one of `known` that is at most a third of its letters away from `written`.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let scored = known.into_iter().map(|name| (distance(&lower, &name.to_lowercase()), name));
    let (steps, name) = scored.min_by_key(|(steps, _)| *steps)?;
    (steps <= written.chars().count().max(name.chars().count()).div_ceil(3)).then_some(name)
}

/// Edits between two words: letters put in, taken out, replaced, or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            // Every row has b.len() + 1 places, and the swap looks two rows back only from the second row on.
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.severity == Severity::Error { "error" } else { "warning" };
        writeln!(f, "{kind}: {}", self.what)?;
        if self.line == 0 {
            return write!(f, "  --> {}", self.file.display());
        }
        let gutter = " ".repeat(self.line.to_string().len());
        writeln!(f, "{gutter}--> {}:{}:{}", self.file.display(), self.line, self.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{} | {}", self.line, self.source_line.replace('\t', " "))?;
        let key = if self.key.is_empty() { String::new() } else { format!(" {}", self.key) };
        write!(
            f,
            "{gutter} | {}{}{key}",
            " ".repeat(self.column.saturating_sub(1)),
            "^".repeat(self.width)
        )?;
        if let Some(allowed) = &self.allowed {
            let lines = wrapped(allowed);
            let indent = " ".repeat("allowed: ".len());
            let allowed = lines.join(&format!("\n{gutter}   {indent}"));
            write!(f, "\n{gutter} = allowed: {allowed}")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "\n{gutter} = did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_points_at_its_place() {
        let source = Source::new(Path::new("gateway.toml"), "[site]\nnmae = \"x\"\n");
        let problem = source
            .problem(7..11, "site.nmae", "unknown key `nmae`")
            .suggesting("nmae", ["name", "country"]);
        let expected = "error: unknown key `nmae`\n --> gateway.toml:2:1\n  |\n2 | nmae = \"x\"\n  | ^^^^ site.nmae\n  \
                        = allowed: `name`, `country`\n  = did you mean `name`?";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn a_secret_on_the_line_is_not_printed() {
        let source =
            Source::new(Path::new("g"), "secret = \"hunter2\"\nsecret = { file = \"/x\" }");
        let inline = "register = { username = \"u\", secret = \"hunter2\" }";
        assert_eq!(masked(inline), "register = { username = \"u\", secret = ********");
        assert_eq!(masked("voicemail = { pin = \"4711\" }"), "voicemail = { pin = ********");
        assert_eq!(masked("ping = 5"), "ping = 5");
        assert!(!source.problem(9..18, "secret", "x").to_string().contains("hunter2"));
        assert!(source.problem(19..25, "secret", "x").to_string().contains("/x"));
    }

    #[test]
    fn nearest_finds_slips_of_the_finger_and_not_strangers() {
        assert_eq!(nearest("suport", ["sales", "support"]), Some("support"));
        assert_eq!(nearest("mian", ["main", "night"]), Some("main"));
        assert_eq!(nearest("xyzzy", ["sales", "support"]), None);
    }

    #[test]
    fn a_span_outside_the_text_or_inside_a_letter_does_not_panic() {
        let source = Source::new(Path::new("g"), "a = \"\u{e9}\u{1F600}\"");
        for start in 0..40 {
            let _ = source.problem(start..start + 3, "", "x").to_string();
        }
        let _ = Source::new(Path::new("g"), "").problem(5..9, "", "x").to_string();
    }
}
