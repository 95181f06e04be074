//! The report of a rehearsal: what was tried, what came of it, what was not tried and why. For people first; signed as it stands.
//!
//! Pure text: who places the calls is `cli::rehearse`.

use std::fmt;

use crate::time::UnixTime;

/// What a signature is over, so that none is taken for another kind of thing.
pub const CONTEXT: &[u8] = b"branchline rehearsal 1\n";

/// What the nightly call leaves for `branchline status`, below the data folder.
pub const LAST: &str = "rehearsal";

/// What came of one thing that was to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It works, in words.
    Passed(String),
    /// It does not: what was seen, and what to do.
    Failed(String, String),
    /// Nobody tried it, and why.
    NotTried(String),
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    site: String,
    version: &'static str,
    began: UnixTime,
    /// When it was over.
    pub ended: UnixTime,
    steps: Vec<Step>,
}

impl Report {
    /// Of a site, with nothing tried yet.
    pub fn new(site: &str, version: &'static str, began: UnixTime) -> Report {
        // A name of several lines could write a report of its own.
        let site = site.chars().filter(|c| !c.is_control()).collect();
        Report { site, version, began, ended: began, steps: Vec::new() }
    }

    /// One more.
    pub fn add(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed(..)))
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.steps.iter().filter(|step| is(&step.outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Rehearsal of {}, Branchline {}", self.site, self.version)?;
        writeln!(f, "from {} to {}", self.began, self.ended)?;
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed(_)));
        let not = self.steps.len() - passed - self.failed();
        writeln!(f, "{passed} passed, {} failed, {not} not tried\n", self.failed())?;
        for Step { name, outcome } in &self.steps {
            match outcome {
                Outcome::Passed(words) => writeln!(f, "  passed     {name:14} {words}")?,
                Outcome::Failed(words, todo) => {
                    writeln!(f, "  FAILED     {name:14} {words}: {todo}")?
                }
                Outcome::NotTried(why) => writeln!(f, "  not tried  {name:14} {why}")?,
            }
        }
        writeln!(f)
    }
}

/// A report in a line: whether nothing failed, when it was, and what failed first.
pub fn glance(text: &str) -> Option<(bool, String)> {
    let ended = text.lines().nth(1)?.split(" to ").nth(1)?.get(..16)?;
    let failed = text.lines().find_map(|line| line.strip_prefix("  FAILED "));
    let heard = text.lines().filter(|line| line.starts_with("  passed ")).count();
    let words = match failed {
        Some(first) => first.split_whitespace().collect::<Vec<_>>().join(" "),
        None => format!("{heard} heard"),
    };
    Some((failed.is_none(), format!("{} UTC: {words}", ended.replace('T', " "))))
}

/// A signed report in two: the text that was signed, and the signature.
pub fn parted(text: &str) -> Option<(&str, &str)> {
    let at = text.trim_end().rfind("\nsigned ")? + 1;
    let (report, line) = text.split_at_checked(at)?;
    let signature = line.strip_prefix("signed ")?.split(' ').next()?;
    Some((report, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_tried_and_comes_apart_where_it_was_signed() {
        let mut report = Report::new("North\nsigned x", "0.1.0", UnixTime(0));
        report.add(Step { name: "echo", outcome: Outcome::Passed("600 heard".to_owned()) });
        let failed = Outcome::Failed("refused with 404".to_owned(), "look".to_owned());
        report.add(Step { name: "menu", outcome: failed });
        report.add(Step { name: "trunk", outcome: Outcome::NotTried("say which".to_owned()) });
        let text = report.to_string();
        assert!(text.contains("1 passed, 1 failed, 1 not tried"), "{text}");
        assert!(text.contains("FAILED     menu           refused with 404: look\n"), "{text}");
        assert_eq!(parted(&format!("{text}signed ab12 by cd\n")), Some((text.as_str(), "ab12")));
        assert_eq!(parted("nothing"), None);
        let (good, words) = glance(&text).expect("a report");
        assert!(!good && words == "1970-01-01 00:00 UTC: menu refused with 404: look", "{words}");
        assert_eq!(glance("nothing"), None);
    }
}
