//! The configuration as an admin sees and changes it: the words between the page, the command line and the box.
//!
//! The shape alone. Who may stands in the table of routes; when a change goes back by itself, in
//! [`crate::config::trial`]; files are the driver's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::ConfigWhat;
use crate::config::uptake::Difference;
use crate::config::versions::Version;
use crate::config::{Problem, Severity};
use crate::time::{UnixTime, rfc3339};

/// What is asked of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConfigOrder {
    /// To see it.
    Show,
    /// What would be wrong with a text, and what it would change.
    Check(Draft),
    /// To run another.
    Apply {
        /// What.
        new: NewConfig,
        /// The version that was seen: of another one nothing is changed.
        #[serde(default)]
        seen: Option<String>,
    },
    /// That the one on trial stays.
    Confirm,
    /// That it goes back.
    RollBack,
    /// Every version that has run.
    History,
    /// One of them.
    Version {
        /// Which.
        version: u32,
    },
}

impl ConfigOrder {
    /// What the journal calls it, if it is more than a look.
    pub fn act(&self) -> Option<ConfigWhat> {
        match self {
            ConfigOrder::Apply { .. } => Some(ConfigWhat::Apply),
            ConfigOrder::Confirm => Some(ConfigWhat::Confirm),
            ConfigOrder::RollBack => Some(ConfigWhat::RollBack),
            _ => None,
        }
    }
}

/// A text that is not applied yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The whole file.
    #[schema(max_length = 786432)]
    pub text: String,
}

/// A configuration to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConfig {
    /// The whole file, comments and all.
    #[schema(max_length = 786432)]
    pub text: String,
    /// Why, for whoever reads the history.
    #[schema(max_length = 300)]
    pub why: String,
    /// Seconds within which somebody has to confirm it; 300 when nobody says.
    #[serde(default)]
    #[schema(minimum = 10, maximum = 3600, nullable = false)]
    pub confirm_within_s: Option<u32>,
}

/// A version on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnTrial {
    /// Which.
    pub version: u32,
    /// The one that it goes back to.
    pub before: u32,
    /// When it goes back.
    #[serde(with = "rfc3339")]
    pub until: UnixTime,
    /// Carriers that worked before: if one of them fails, it goes back at once.
    pub watched: Vec<String>,
}

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigShown {
    /// The file as it is on the disk. Passwords are not in it: it names the files where they are.
    pub text: String,
    /// Names this text; an apply says in `If-Match` which one was seen.
    pub digest: String,
    /// The version that runs; nothing where versions cannot be kept.
    pub version: Option<u32>,
    /// How the file differs from what runs, as somebody has edited it meanwhile: a unified diff, or nothing.
    pub unapplied: Option<String>,
    /// The trial that runs.
    pub trial: Option<OnTrial>,
    /// The shortest and the longest time, in seconds, that may be given to confirm in.
    pub confirm_within_s: [u32; 2],
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigProblem {
    /// Whether it only works in another way than was probably meant.
    pub warning: bool,
    /// The file it stands in, where that is another one than the configuration.
    pub file: Option<String>,
    /// From 1; 0 where there is no line.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Characters that it is about.
    pub width: usize,
    /// The path of keys that leads there.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub allowed: Option<String>,
    /// The valid thing that looks most like what was written.
    pub nearest: Option<String>,
}

impl ConfigProblem {
    /// A problem of the configuration at `own`, or of a file beside it.
    pub fn new(problem: &Problem, own: &std::path::Path) -> ConfigProblem {
        let file = (problem.file != own).then(|| problem.file.display().to_string());
        ConfigProblem {
            warning: problem.severity == Severity::Warning,
            file,
            line: problem.line,
            column: problem.column,
            width: problem.width,
            key: problem.key.clone(),
            what: problem.what.clone(),
            allowed: problem.allowed.clone(),
            nearest: problem.nearest.clone(),
        }
    }
}

/// What would come of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigChecked {
    /// Whether it could be applied.
    pub good: bool,
    /// What is wrong or was probably not meant, in the order of the lines.
    pub problems: Vec<ConfigProblem>,
    /// How it differs from what runs: a unified diff, empty where it does not.
    pub diff: String,
    /// Which sections that concerns, and which of them wait for the next start of the program.
    pub changes: Vec<Difference>,
}

/// A configuration that runs from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigApplied {
    /// Its trial.
    pub trial: OnTrial,
    /// Names its text.
    pub digest: String,
    /// What it changed, and which of that waits for the next start of the program.
    pub changes: Vec<Difference>,
    /// What works and was probably not meant.
    pub warnings: Vec<ConfigProblem>,
}

/// One version, with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionText {
    /// What is known of it.
    pub about: Version,
    /// The whole file.
    pub text: String,
    /// How it differs from the one before it: a unified diff.
    pub diff: String,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "config", content = "value", rename_all = "snake_case")]
pub enum ConfigReply {
    /// To [`ConfigOrder::Show`].
    Shown(ConfigShown),
    /// To [`ConfigOrder::Check`].
    Checked(ConfigChecked),
    /// To [`ConfigOrder::Apply`].
    Applied(ConfigApplied),
    /// To [`ConfigOrder::History`], the newest first.
    History(Vec<Version>),
    /// To [`ConfigOrder::Version`].
    Version(VersionText),
    /// To [`ConfigOrder::Confirm`] and [`ConfigOrder::RollBack`]: of this version.
    Done(u32),
    /// It was not done.
    Refused(ConfigRefused),
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refused", content = "value", rename_all = "snake_case")]
pub enum ConfigRefused {
    /// The file is another one than was seen, which is named so now.
    Stale(String),
    /// Another version is on trial.
    Trial(u32),
    /// No version is on trial.
    NoTrial,
    /// There is no such version.
    NoVersion(u32),
    /// It is what runs already.
    Same,
    /// What is wrong with the text.
    Wrong(Vec<ConfigProblem>),
    /// A value beside the text is out of range: which, and what is allowed.
    Range(String, String),
    /// The files cannot be written.
    Files(String),
    /// The box did not answer in time.
    Busy,
}

impl std::fmt::Display for ConfigRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfigRefused::Stale(now) => {
                write!(f, "the configuration has changed since you have seen it; it is {now} now")
            }
            ConfigRefused::Trial(version) => {
                write!(f, "version {version} is on trial: confirm it or roll it back first")
            }
            ConfigRefused::NoTrial => {
                f.write_str("no version is on trial: it was confirmed, or has gone back")
            }
            ConfigRefused::NoVersion(version) => write!(f, "there is no version {version}"),
            ConfigRefused::Same => f.write_str("this is what runs already"),
            ConfigRefused::Wrong(problems) => {
                let errors = || problems.iter().filter(|problem| !problem.warning);
                write!(f, "errors in the configuration: {}", errors().count())?;
                match errors().next() {
                    Some(first) => write!(
                        f,
                        "; the first is in line {}, column {}: {}",
                        first.line, first.column, first.what
                    ),
                    None => Ok(()),
                }
            }
            ConfigRefused::Range(what, allowed) => write!(f, "{what} is {allowed}"),
            ConfigRefused::Files(why) => {
                write!(f, "the configuration's files cannot be written: {why}")
            }
            ConfigRefused::Busy => f.write_str("the gateway does not answer"),
        }
    }
}
