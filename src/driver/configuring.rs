//! The configuration of the running box: checked, applied on trial, confirmed, rolled back; one order at a time.
//!
//! Carries out what [`crate::config::trial`] and the table of routes have decided: files by [`Shelf`], the change itself
//! by a letter to the loop. Reading and checking takes a tenth of a second, which is why the loop does none of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::admin::configuring::{
    ConfigApplied, ConfigChecked, ConfigOrder, ConfigProblem, ConfigRefused, ConfigReply,
    ConfigShown, Draft, NewConfig, OnTrial, VersionText,
};
use crate::admin::{Command, Reply};
use crate::config::trial::{self, Pending, Reason};
use crate::config::uptake::{Difference, differences};
use crate::config::versions::{LONGEST_TEXT, LONGEST_WHY, diff, digest};
use crate::config::{Fragment, Problem};
use crate::driver::clock;
use crate::driver::files::{self, Ready};
use crate::driver::mailbox::Sender;
use crate::driver::turn::Letter;
use crate::driver::versions::Shelf;
use crate::gateway::{By, Change, Fault, Standing};
use crate::id::TrunkId;

/// How long the loop may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Who keeps the configuration's files.
#[derive(Debug, Clone)]
pub struct Configuring(Arc<Keeper>);

#[derive(Debug)]
struct Keeper {
    letters: Sender<Letter>,
    file: PathBuf,
    /// What the program has started with: what waits for a start is measured by it.
    started: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Or why versions cannot be kept.
    shelf: Result<Shelf, io::Error>,
    /// What runs.
    running: String,
    standing: Standing,
    /// What runs again if the one on trial goes back.
    before: Option<Box<Ready>>,
}

/// Before anything is read: what happened to a trial while the program did not run. Answers the version that went back.
pub fn begin(file: &Path) -> Option<(u32, Reason)> {
    let begun = Shelf::open(file).and_then(|mut shelf| shelf.begin(clock::now().unix));
    begun.unwrap_or_else(|error| {
        tracing::warn!(%error, "the versions of the configuration cannot be read");
        None
    })
}

/// The program does not start with what stands there: if that is on trial, it goes back. Answers the version that went.
pub fn give_up(file: &Path) -> Option<(u32, Reason)> {
    let mut shelf = Shelf::open(file).ok()?;
    let version = shelf.roll_back(Reason::Start, clock::now().unix).ok()??;
    Some((version, Reason::Start))
}

impl Configuring {
    /// Of the configuration that the program starts with.
    pub fn open(
        whole: &Fragment,
        letters: Sender<Letter>,
        went_back: Option<(u32, Reason)>,
    ) -> Configuring {
        let (file, text) = (whole.file.clone(), whole.text().to_owned());
        let opened = Shelf::open(&file).and_then(|mut shelf| {
            let version = shelf.read(&text, clock::now().unix)?;
            Ok((shelf, version))
        });
        let (shelf, version) = match opened {
            Ok((shelf, version)) => (Ok(shelf), version),
            Err(error) => {
                tracing::warn!(%error, "versions of the configuration cannot be kept");
                (Err(error), 0)
            }
        };
        let trial = shelf.as_ref().ok().and_then(|shelf| shelf.pending().cloned());
        let standing = Standing { version, trial, rolled_back: went_back };
        let state = State { shelf, running: text.clone(), standing, before: None };
        Configuring(Arc::new(Keeper { letters, file, started: text, state: Mutex::new(state) }))
    }

    /// How the configuration stands that the program has started with, and why versions cannot be kept.
    pub fn standing(&self) -> (Standing, Option<Fault>) {
        let state = self.0.hold();
        let fault = |error: &io::Error| Fault {
            words: error.to_string(),
            closed: matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ),
        };
        (state.standing.clone(), state.shelf.as_ref().err().map(fault))
    }

    /// Carries an order out. Who has changed something is in the journal before this answers.
    pub async fn carry_out(&self, by: By, order: ConfigOrder) -> Reply {
        let (act, keeper, who) = (order.act(), self.0.clone(), by.who.to_string());
        let health = match &order {
            ConfigOrder::Apply { .. } => self.health(by.clone()).await,
            _ => None,
        };
        let done = tokio::task::spawn_blocking(move || keeper.work(&who, order, health));
        let reply = done.await.unwrap_or(ConfigReply::Refused(ConfigRefused::Busy));
        if let Some(what) = act {
            let (version, done) = match &reply {
                ConfigReply::Applied(applied) => (Some(applied.trial.version), true),
                ConfigReply::Done(version) => (Some(*version), true),
                _ => (None, false),
            };
            if self.0.ask(by, Command::ConfigAct { what, version, done }).await.is_none() {
                // It has happened all the same, and the list of versions says who did it.
                tracing::warn!("a change of the configuration is not in the journal");
            }
        }
        Reply::Config(Box::new(reply))
    }

    async fn health(&self, by: By) -> Option<(Vec<TrunkId>, bool)> {
        match self.0.ask(by, Command::Health).await? {
            Reply::Health(trunks, phones) => Some((trunks, phones)),
            _ => None,
        }
    }

    /// The version on trial goes back by itself. It is done away from the loop.
    pub fn go_back(&self, version: u32, reason: Reason) {
        let keeper = self.0.clone();
        let done = thread::Builder::new().name("rollback".to_owned()).spawn(move || {
            let mut state = keeper.hold();
            // Somebody may have confirmed it at this very moment.
            if state.standing.trial.as_ref().is_some_and(|trial| trial.version == version)
                && let Err(why) = keeper.roll_back(&mut state, reason)
            {
                tracing::error!(%why, "a configuration on trial cannot go back");
            }
        });
        if let Err(error) = done {
            tracing::error!(%error, "a configuration on trial cannot go back; the next start does it");
        }
    }
}

type Done<T> = Result<T, ConfigRefused>;

impl Keeper {
    fn hold(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, by: By, command: Command) -> Option<Reply> {
        let (answer, answered) = oneshot::channel();
        self.letters.deliver(Letter::Api(by, command, answer)).await.ok()?;
        timeout(ANSWER_TIME, answered).await.ok()?.ok()
    }

    fn work(
        &self,
        who: &str,
        order: ConfigOrder,
        health: Option<(Vec<TrunkId>, bool)>,
    ) -> ConfigReply {
        let mut state = self.hold();
        let state = &mut *state;
        let done = match order {
            ConfigOrder::Show => self.show(state).map(ConfigReply::Shown),
            ConfigOrder::Check(draft) => self.check(state, &draft).map(ConfigReply::Checked),
            ConfigOrder::Apply { new, seen } => {
                let health = health.ok_or(ConfigRefused::Busy);
                health
                    .and_then(|health| self.apply(state, who, new, seen, health))
                    .map(ConfigReply::Applied)
            }
            ConfigOrder::Confirm => self.confirm(state, who).map(ConfigReply::Done),
            ConfigOrder::RollBack => self.roll_back(state, Reason::Asked).map(ConfigReply::Done),
            ConfigOrder::History => state.shelf().map(|shelf| {
                ConfigReply::History(shelf.versions().0.iter().rev().cloned().collect())
            }),
            ConfigOrder::Version { version } => {
                self.version(state, version).map(ConfigReply::Version)
            }
        };
        done.unwrap_or_else(ConfigReply::Refused)
    }

    fn show(&self, state: &mut State) -> Done<ConfigShown> {
        let text = match &state.shelf {
            Ok(shelf) => {
                shelf.current().map_err(|error| ConfigRefused::Files(error.to_string()))?
            }
            Err(_) => state.running.clone(),
        };
        let differs =
            (text != state.running).then(|| diff(&state.running, &text, ("running", "file")));
        let seconds = |span: Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        Ok(ConfigShown {
            digest: digest(&text),
            text,
            version: Some(state.standing.version).filter(|version| *version > 0),
            unapplied: differs,
            trial: state.standing.trial.as_ref().map(on_trial),
            confirm_within_s: [seconds(trial::SHORTEST), seconds(trial::LONGEST)],
        })
    }

    fn check(&self, state: &State, draft: &Draft) -> Done<ConfigChecked> {
        of_length(&draft.text)?;
        // What who runs it may not read is an error as well: secrets are looked at, and not told.
        let (good, problems) = match files::load_text(&self.file, &draft.text) {
            Ok(ready) => (true, ready.checked.loaded.warnings),
            Err(problems) => (false, problems),
        };
        Ok(ConfigChecked {
            good,
            problems: self.told(&problems),
            diff: diff(&state.running, &draft.text, ("running", "new")),
            changes: differences(&state.running, &draft.text),
        })
    }

    fn told(&self, problems: &[Problem]) -> Vec<ConfigProblem> {
        problems.iter().map(|problem| ConfigProblem::new(problem, &self.file)).collect()
    }

    fn apply(
        &self,
        state: &mut State,
        who: &str,
        new: NewConfig,
        seen: Option<String>,
        (trunks, phones): (Vec<TrunkId>, bool),
    ) -> Done<ConfigApplied> {
        let NewConfig { text, why, confirm_within_s } = new;
        of_length(&text)?;
        let (why, window) = (reason(why)?, window(confirm_within_s)?);
        let shelf = state.shelf()?;
        let current = digest(&shelf.current().map_err(|error| files_are(&error))?);
        if seen.is_some_and(|seen| seen != current) {
            return Err(ConfigRefused::Stale(current));
        }
        if let Some(trial) = &state.standing.trial {
            return Err(ConfigRefused::Trial(trial.version));
        }
        if text == state.running {
            return Err(ConfigRefused::Same);
        }
        let load = |text: &str| {
            files::load_text(&self.file, text)
                .map_err(|problems| ConfigRefused::Wrong(self.told(&problems)))
        };
        let ready = load(&text)?;
        let warnings = self.told(&ready.checked.loaded.warnings);
        // What could not be put back is not put at risk.
        let before = load(&state.running).map_err(|why| {
            ConfigRefused::Files(format!("what runs could not be put back: {why}"))
        })?;
        let now = clock::now().unix;
        let pending = Pending {
            version: 0,
            before: state.standing.version,
            begun: now,
            until: now + window,
            trunks,
            phones,
            starts: 0,
        };
        let said = (who.to_owned(), why);
        state.shelf_mut()?.apply(&text, said, pending, now).map_err(|error| files_are(&error))?;
        let trial = state.shelf()?.pending().cloned();
        let changes = differences(&state.running, &text);
        state.before = Some(Box::new(before));
        (state.running, state.standing.trial) = (text, trial.clone());
        state.standing.rolled_back = None;
        let pending = trial.ok_or(ConfigRefused::Busy)?;
        state.standing.version = pending.version;
        self.run(state, ready)?;
        Ok(ConfigApplied {
            trial: on_trial(&pending),
            digest: digest(&state.running),
            changes,
            warnings,
        })
    }

    fn confirm(&self, state: &mut State, who: &str) -> Done<u32> {
        let version = state.shelf_mut()?.confirm(who.to_owned(), clock::now().unix);
        let version = version.map_err(|error| files_are(&error))?.ok_or(ConfigRefused::NoTrial)?;
        (state.standing.trial, state.before) = (None, None);
        // A loop that has stopped has no trial.
        let _ = self.letters.deliver_blocking(Letter::Confirmed(version));
        Ok(version)
    }

    fn roll_back(&self, state: &mut State, reason: Reason) -> Done<u32> {
        let trial = state.standing.trial.clone().ok_or(ConfigRefused::NoTrial)?;
        let shelf = state.shelf_mut()?;
        let old = shelf.text(trial.before).map_err(|error| files_are(&error))?;
        let gone = shelf.roll_back(reason.clone(), clock::now().unix);
        let version = gone.map_err(|error| files_are(&error))?.ok_or(ConfigRefused::NoTrial)?;
        let before = match state.before.take() {
            Some(before) => Ok(*before),
            // It was applied before this start.
            None => files::load_text(&self.file, &old),
        };
        (state.running, state.standing.trial) = (old, None);
        state.standing.version = trial.before;
        state.standing.rolled_back = Some((version, reason));
        match before {
            Ok(ready) => self.run(state, ready)?,
            Err(problems) => {
                let first = problems.first().map(ToString::to_string).unwrap_or_default();
                tracing::error!(%first, "the configuration of before has errors now; it is in its place");
            }
        }
        if differences(&self.started, &state.running).iter().any(|difference| !difference.live) {
            // The program was started with what went back: its listeners are that one's.
            let _ = self.letters.deliver_blocking(Letter::Restart);
        }
        Ok(version)
    }

    fn version(&self, state: &State, version: u32) -> Done<VersionText> {
        let shelf = state.shelf()?;
        let about = shelf.versions().get(version).cloned();
        let about = about.ok_or(ConfigRefused::NoVersion(version))?;
        let text = shelf.text(version).map_err(|error| files_are(&error))?;
        let diff = shelf.diff(version).map_err(|error| files_are(&error))?;
        Ok(VersionText { about, text, diff })
    }

    /// Hands what is to run to the loop.
    fn run(&self, state: &State, ready: Ready) -> Done<()> {
        let Ready { checked, secrets } = ready;
        let change = Change {
            settings: checked.loaded.settings,
            flows: checked.flows,
            prompts: checked.prompts,
            secrets,
            standing: state.standing.clone(),
            waits: self.waiting(&state.running),
        };
        let sent = self.letters.deliver_blocking(Letter::Configuration(Box::new(change)));
        sent.map_err(|_| ConfigRefused::Busy)
    }

    fn waiting(&self, text: &str) -> Vec<Difference> {
        let mut all = differences(&self.started, text);
        all.retain(|difference| !difference.live);
        all
    }
}

impl State {
    fn shelf(&self) -> Done<&Shelf> {
        self.shelf.as_ref().map_err(files_are)
    }

    fn shelf_mut(&mut self) -> Done<&mut Shelf> {
        self.shelf.as_mut().map_err(|why| files_are(why))
    }
}

fn files_are(error: &io::Error) -> ConfigRefused {
    ConfigRefused::Files(error.to_string())
}

fn on_trial(pending: &Pending) -> OnTrial {
    OnTrial {
        version: pending.version,
        before: pending.before,
        until: pending.until,
        watched: pending.trunks.iter().map(ToString::to_string).collect(),
    }
}

fn of_length(text: &str) -> Done<()> {
    match text.len() <= LONGEST_TEXT {
        true => Ok(()),
        false => {
            Err(ConfigRefused::Range("text".to_owned(), format!("at most {LONGEST_TEXT} bytes")))
        }
    }
}

fn reason(why: String) -> Done<String> {
    let why = why.trim();
    let good = (1..=LONGEST_WHY).contains(&why.chars().count()) && !why.contains(char::is_control);
    match good {
        true => Ok(why.to_owned()),
        false => {
            let allowed = format!("1 to {LONGEST_WHY} characters on one line");
            Err(ConfigRefused::Range("why".to_owned(), allowed))
        }
    }
}

fn window(seconds: Option<u32>) -> Done<Duration> {
    let asked = seconds.map_or(trial::USUAL, |seconds| Duration::from_secs(seconds.into()));
    match (trial::SHORTEST..=trial::LONGEST).contains(&asked) {
        true => Ok(asked),
        false => {
            let allowed =
                format!("{} to {} seconds", trial::SHORTEST.as_secs(), trial::LONGEST.as_secs());
            Err(ConfigRefused::Range("confirm_within_s".to_owned(), allowed))
        }
    }
}
