//! A channel of GSM modems: one task for the channel, one for each modem, and a diary on the disk.
//!
//! [`Modems`] decides; this carries orders and what is told between it, the modems' tasks and the loop, writes its records,
//! and answers who asks how the modems are.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Ground, Joined};
use crate::admin::{Bundle, ModemLimit, ModemLine, ModemOrder, ModemReply, Said};
use crate::config::settings::{Channel, modem as settings};
use crate::driver::clock;
use crate::driver::diary::Diary;
use crate::driver::modem::{self, Lines, Running};
use crate::driver::serial::ports::Ports;
use crate::gateway::modems::{Figures, Modems, Output, Record, Settings};
use crate::id::ChannelId;
use crate::messaging::channel::{Input, Order};
use crate::sms::modem as sms;
use crate::sms::modem::pool::{Limits, Rule};
use crate::sms::modem::transcript::Entry;
use crate::sms::modem::{Modem, Profile, Profiles, Settings as Identity, Snapshot, Told};

/// What one modem has told and the channel has not taken yet.
const TOLD: usize = 64;
/// What the loop has not taken yet, before modems are heard no more.
const MOST_TELLS: usize = 256;
/// Who asks how modems are, at once.
const ASKS: usize = 16;
/// How soon a disk that took nothing is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How long a network may take to answer a question of USSD; the modem gives up after 60 s by itself.
const LONGEST_ASK: Duration = Duration::from_secs(70);
/// How long a channel may take to say how its modems are.
const LONGEST_LOOK: Duration = Duration::from_secs(4);
/// Digits of a serial number that may stand in a bundle.
const LAST: usize = 4;

/// The way to all modems of the box, for whoever asks about them.
#[derive(Debug, Clone, Default)]
pub struct Desk(Vec<(ChannelId, mpsc::Sender<Ask>)>);

/// What a network said, and whether it waits for an answer; or why it said nothing.
type Answered = Result<(String, bool), String>;

#[derive(Debug)]
enum Ask {
    List(oneshot::Sender<Vec<ModemLine>>),
    Doctor(String, oneshot::Sender<Option<Box<Bundle>>>),
    Ussd(String, String, oneshot::Sender<Answered>),
    Reset(String, oneshot::Sender<bool>),
}

impl Desk {
    /// Carries an order out.
    pub async fn carry_out(&self, order: ModemOrder) -> ModemReply {
        match order {
            ModemOrder::List => ModemReply::List(self.list().await),
            ModemOrder::Doctor { name } => match self.find(&name).await {
                Ok((desk, sim)) => {
                    let bundle = ask(desk, LONGEST_LOOK, |answer| Ask::Doctor(sim, answer)).await;
                    bundle.flatten().map_or_else(silent, ModemReply::Doctor)
                }
                Err(why) => ModemReply::Refused(why),
            },
            ModemOrder::Ask { name, text } => match self.find(&name).await {
                Ok((desk, sim)) => {
                    let answer =
                        ask(desk, LONGEST_ASK, |answer| Ask::Ussd(sim, text, answer)).await;
                    match answer {
                        Some(Ok((text, more))) => ModemReply::Answer { text, more },
                        Some(Err(why)) => ModemReply::Refused(why),
                        None => ModemReply::Refused("the network does not answer".to_owned()),
                    }
                }
                Err(why) => ModemReply::Refused(why),
            },
            ModemOrder::Reset { name } => match self.find(&name).await {
                Ok((desk, sim)) => {
                    match ask(desk, LONGEST_LOOK, |answer| Ask::Reset(sim, answer)).await {
                        Some(true) => ModemReply::Done,
                        _ => silent(),
                    }
                }
                Err(why) => ModemReply::Refused(why),
            },
        }
    }

    async fn list(&self) -> Vec<ModemLine> {
        let mut lines = Vec::new();
        for (_, desk) in &self.0 {
            lines.extend(ask(desk, LONGEST_LOOK, Ask::List).await.unwrap_or_default());
        }
        lines
    }

    /// The channel of a SIM, by its name alone or with its channel's in front.
    async fn find(&self, name: &str) -> Result<(&mpsc::Sender<Ask>, String), String> {
        let lines = self.list().await;
        let is = |line: &&ModemLine| {
            line.name == name || format!("{}/{}", line.channel, line.name) == name
        };
        let found: Vec<_> = lines.iter().filter(is).collect();
        match found[..] {
            [one] => {
                let desk = self.0.iter().find(|(channel, _)| channel.as_str() == one.channel);
                let desk = desk.map(|(_, desk)| (desk, one.name.clone()));
                desk.ok_or_else(|| "its channel has stopped".to_owned())
            }
            [] => {
                let known: Vec<_> = lines.iter().map(|line| line.name.as_str()).collect();
                Err(format!("no modem is called {name}; there is: {}", known.join(", ")))
            }
            _ => Err(format!("several modems are called {name}: write CHANNEL/{name}")),
        }
    }
}

fn silent() -> ModemReply {
    ModemReply::Refused("it does not answer".to_owned())
}

async fn ask<T>(
    desk: &mpsc::Sender<Ask>,
    patience: Duration,
    asked: impl FnOnce(oneshot::Sender<T>) -> Ask,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let whole = async {
        desk.send(asked(answer)).await.ok()?;
        answered.await.ok()
    };
    timeout(patience, whole).await.ok().flatten()
}

/// Starts the modems of a channel.
///
/// # Errors
/// When its profiles or its diary cannot be read: why, in words.
pub(super) fn start(
    ground: &mut Ground<'_>,
    joined: &mut Joined,
    name: &ChannelId,
    own: &Channel,
) -> Result<(), String> {
    let shared = own.modem.clone().unwrap_or_default();
    let profiles = Arc::new(profiles(&shared)?);
    let key = |of: &str| derived(&ground.files_key, of, name);
    let (path, seal) = (ground.data.join("modems").join(file_name(name)), key("diary"));
    let opened = Diary::open(&path, seal, ground.random.fork());
    let (diary, records) = opened.map_err(|error| format!("{}: {error}", path.display()))?;
    let settings = gateway_settings(ground, &shared, own, key("people"));
    let records = records.iter().filter_map(|record| serde_json::from_slice(record).ok());
    let modems = Modems::new(clock::now(), settings, records);
    let (sender, told) = mpsc::channel(TOLD);
    let mut running = BTreeMap::new();
    for (sim, one) in &own.sim {
        let pin = ground.sims.get(&(name.clone(), sim.clone())).map(|pin| pin.text().to_owned());
        let identity =
            Identity { label: sim.clone(), imei: one.imei.clone(), iccid: one.iccid.clone(), pin };
        let lines = match &one.port {
            Some(path) => Lines::One(path.clone()),
            None => Lines::Any(Ports::system()),
        };
        let supervised = Modem::new(identity, profiles.clone(), modems.known(sim));
        let own = forward(ground, sim.clone(), sender.clone());
        running.insert(sim.clone(), modem::start(ground.runtime, supervised, lines, own));
    }
    let (desk, asks) = mpsc::channel(ASKS);
    joined.modems.0.push((name.clone(), desk));
    let task = Task {
        channel: name.clone(),
        modems,
        running,
        profiles,
        tell: ground.way(name.clone()),
        tells: VecDeque::new(),
        asking: BTreeMap::new(),
        diary: Some(diary),
        writing: None,
        batch: Vec::new(),
        given: 0,
        try_again: None,
    };
    let orders = joined.orders.add(name.clone());
    ground.runtime.spawn(task.run(orders, told, asks));
    Ok(())
}

/// What is derived from the box's own key for one use of one channel.
fn derived(key: &[u8; 32], of: &str, channel: &ChannelId) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("modems {of} {channel}").as_bytes());
    let mut derived = [0; 32];
    derived.copy_from_slice(tag.as_ref());
    derived
}

/// A channel may be called anything.
fn file_name(channel: &ChannelId) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match channel.as_str().chars().all(plain) {
        true => format!("{channel}.diary"),
        false => {
            let whole = ring::digest::digest(&ring::digest::SHA256, channel.as_str().as_bytes());
            let hex: String = whole.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("={hex}.diary")
        }
    }
}

fn profiles(shared: &settings::Modem) -> Result<Profiles, String> {
    let mut own = Vec::new();
    if let Some(folder) = &shared.profiles {
        let told = |error: io::Error| format!("{}: {error}", folder.display());
        let entries = std::fs::read_dir(folder).map_err(told)?;
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(told)?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
            own.push((name.unwrap_or_default(), std::fs::read_to_string(&path).map_err(told)?));
        }
    }
    Profiles::with(&own).map_err(|error| error.to_string())
}

fn gateway_settings(
    ground: &Ground<'_>,
    shared: &settings::Modem,
    own: &Channel,
    key: [u8; 32],
) -> Settings {
    let limits = |sim: &settings::Sim| Limits {
        second: sim.per_second,
        hour: sim.per_hour,
        day: sim.per_day,
        month: sim.per_month,
        recipients: sim.recipients,
    };
    Settings {
        sims: own.sim.iter().map(|(name, sim)| (name.clone(), limits(sim))).collect(),
        routes: shared
            .routes
            .iter()
            .map(|route| Rule { prefix: route.prefix.clone(), sims: route.sims.clone() })
            .collect(),
        options: shared.options(),
        reports: shared.reports,
        most_parts: shared.max_parts,
        country: ground.settings.site.country,
        key,
    }
}

/// A way for one modem that says whose it is.
fn forward(
    ground: &Ground<'_>,
    sim: String,
    all: mpsc::Sender<(String, Told)>,
) -> mpsc::Sender<Told> {
    // One at a time: what the channel has no room for stays with the modem.
    let (sender, mut told) = mpsc::channel(1);
    ground.runtime.spawn(async move {
        while let Some(told) = told.recv().await {
            if all.send((sim.clone(), told)).await.is_err() {
                return;
            }
        }
    });
    sender
}

struct Task {
    channel: ChannelId,
    modems: Modems,
    running: BTreeMap<String, Running>,
    profiles: Arc<Profiles>,
    tell: mpsc::Sender<Input>,
    tells: VecDeque<Input>,
    /// Who waits for what a network says.
    asking: BTreeMap<String, oneshot::Sender<Answered>>,
    /// Nothing while it is being written.
    diary: Option<Diary>,
    writing: Option<JoinHandle<(Diary, io::Result<()>)>>,
    batch: Vec<Vec<u8>>,
    /// Records that were given out, of which those that are being written are the first.
    given: u64,
    try_again: Option<Instant>,
}

impl Task {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut told: mpsc::Receiver<(String, Told)>,
        mut asks: mpsc::Receiver<Ask>,
    ) {
        let (tell, mut upto) = (self.tell.clone(), 0);
        loop {
            self.obey().await;
            if let Some(writing) = self.write() {
                (self.writing, upto) = (Some(writing), self.given);
            }
            let room = self.tells.len() < MOST_TELLS;
            let deadline = self.modems.deadline().map(Instant::from_std);
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.modems.handle_order(clock::now(), order),
                    None => return,
                },
                Some((sim, told)) = told.recv(), if room => self.told(&sim, told),
                Some(ask) = asks.recv() => self.asked(ask).await,
                permit = tell.reserve(), if !self.tells.is_empty() => {
                    let Ok(permit) = permit else { return };
                    if let Some(input) = self.tells.pop_front() {
                        permit.send(input);
                    }
                }
                written = written(&mut self.writing) => self.written(written, upto),
                () = until(deadline) => self.modems.handle_timeout(clock::now()),
                () = until(self.try_again) => self.try_again = None,
            }
        }
    }

    async fn obey(&mut self) {
        while let Some(output) = self.modems.poll_output() {
            match output {
                Output::Order(sim, order) => {
                    if let Some(running) = self.running.get(&sim) {
                        running.give(order).await;
                    }
                }
                Output::Tell(input) => self.tells.push_back(input),
                Output::Keep(record) => self.keep(&record),
            }
        }
    }

    fn keep(&mut self, record: &Record) {
        self.given += 1;
        // A record is plain data: it can be written as JSON.
        self.batch.push(serde_json::to_vec(record).unwrap_or_default());
    }

    fn told(&mut self, sim: &str, told: Told) {
        if let Told::Ussd { text, more } = &told
            && let Some(asked) = self.asking.remove(sim)
        {
            let answer = text.clone().map(|text| (text, *more));
            // Whoever asked may have gone.
            let _ = asked.send(answer.ok_or_else(|| "the network does not answer".to_owned()));
        }
        self.modems.handle_told(clock::now(), sim, told);
    }

    /// Begins to write what is to be kept, unless that is being done or the disk just took nothing.
    fn write(&mut self) -> Option<JoinHandle<(Diary, io::Result<()>)>> {
        if self.writing.is_some() || self.try_again.is_some() {
            return None;
        }
        let stale = self.diary.as_ref()?.is_stale();
        if !stale && self.batch.is_empty() {
            return None;
        }
        let mut diary = self.diary.take()?;
        let batch = std::mem::take(&mut self.batch);
        let whole = stale.then(|| self.modems.whole());
        Some(tokio::task::spawn_blocking(move || {
            let written = match whole {
                Some(whole) => {
                    let whole = whole.iter().map(serde_json::to_vec).collect::<Result<Vec<_>, _>>();
                    whole.map_err(io::Error::from).and_then(|whole| diary.rewrite(&whole))
                }
                None => diary.append(&batch),
            };
            (diary, written)
        }))
    }

    fn written(&mut self, written: Option<(Diary, io::Result<()>)>, upto: u64) {
        self.writing = None;
        let Some((diary, result)) = written else { return };
        self.diary = Some(diary);
        match result {
            Ok(()) => self.modems.handle_kept(clock::now(), upto),
            Err(error) => {
                // The next one writes all of it anew.
                tracing::error!(channel = %self.channel, %error, "what modems must know cannot be kept");
                self.try_again = Some(Instant::now() + TRY_AGAIN);
            }
        }
    }

    async fn asked(&mut self, ask: Ask) {
        let now = clock::now();
        match ask {
            Ask::List(answer) => {
                let sims: Vec<_> =
                    self.running.iter().map(|(s, r)| (s.clone(), r.clone())).collect();
                let sims: Vec<_> = sims
                    .into_iter()
                    .map(|(sim, running)| {
                        let figures = self.modems.figures(now, &sim);
                        (sim, running, figures)
                    })
                    .collect();
                let channel = self.channel.clone();
                tokio::spawn(async move {
                    let mut lines = Vec::new();
                    for (sim, running, figures) in sims {
                        if let Some((snapshot, _)) = running.look().await {
                            lines.push(line(&channel, &sim, &snapshot, figures.as_ref()));
                        }
                    }
                    let _ = answer.send(lines);
                });
            }
            Ask::Doctor(sim, answer) => {
                let (channel, profiles) = (self.channel.clone(), self.profiles.clone());
                let figures = self.modems.figures(now, &sim);
                let Some(running) = self.running.get(&sim).cloned() else { return };
                tokio::spawn(async move {
                    let looked = running.look().await;
                    let bundle = looked.map(|(snapshot, said)| {
                        let line = line(&channel, &sim, &snapshot, figures.as_ref());
                        Box::new(bundle(line, &snapshot, said, &profiles))
                    });
                    let _ = answer.send(bundle);
                });
            }
            Ask::Ussd(sim, text, answer) => {
                let Some(running) = self.running.get(&sim) else { return };
                let busy = self.asking.get(&sim).is_some_and(|asked| !asked.is_closed());
                if busy {
                    let _ = answer.send(Err("somebody asks by this modem already".to_owned()));
                    return;
                }
                self.asking.insert(sim, answer);
                running.give(sms::Order::Ussd(text)).await;
            }
            Ask::Reset(sim, answer) => {
                if let Some(running) = self.running.get(&sim) {
                    let _ = answer.send(running.give(sms::Order::Reset).await);
                }
            }
        }
    }
}

fn line(
    channel: &ChannelId,
    sim: &str,
    snapshot: &Snapshot,
    figures: Option<&Figures>,
) -> ModemLine {
    let state = serde_json::to_value(snapshot.condition).ok();
    let state = state.and_then(|value| Some(value.get("state")?.as_str()?.to_owned()));
    let identity = &snapshot.identity;
    let used = figures.map(|Figures { used, limits, .. }| {
        [
            ("hour", used.hour, limits.hour),
            ("day", used.day, limits.day),
            ("month", used.month, limits.month),
            ("recipients", used.recipients, limits.recipients),
        ]
    });
    let limit = |(span, used, limit): (&str, u32, Option<u32>)| ModemLimit {
        span: span.to_owned(),
        used,
        limit,
    };
    ModemLine {
        channel: channel.to_string(),
        name: sim.to_owned(),
        state: state.unwrap_or_default(),
        words: snapshot.words.clone(),
        device: format!("{} {}", identity.manufacturer, identity.model).trim().to_owned(),
        imei: identity.imei.clone(),
        iccid: identity.iccid.clone(),
        signal: snapshot.signal,
        full: snapshot.full,
        waiting: snapshot.waiting,
        outstanding: snapshot.outstanding,
        unstored: snapshot.unstored,
        parts: figures.map_or(0, |figures| figures.parts),
        unreadable: figures.map_or(0, |figures| figures.unreadable),
        used: used.into_iter().flatten().map(limit).collect(),
        resets: snapshot.resets,
    }
}

fn bundle(
    mut modem: ModemLine,
    snapshot: &Snapshot,
    said: Vec<Entry>,
    profiles: &Profiles,
) -> Bundle {
    modem.imei = modem.imei.map(|number| last(&number));
    modem.iccid = modem.iccid.map(|number| last(&number));
    let identity = &snapshot.identity;
    let profile: Profile = profiles.fitting(&identity.manufacturer, &identity.model);
    Bundle {
        modem,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: serde_json::to_value(&profile).unwrap_or_default(),
        announcing: snapshot.announcing.clone(),
        signal_history: serde_json::to_value(&snapshot.signal_history).unwrap_or_default(),
        garbage: snapshot.garbage,
        ladder: snapshot.ladder.clone(),
        transcript: said
            .into_iter()
            .map(|entry| Said {
                at: entry.at.to_string(),
                by: if entry.by_modem { "modem" } else { "box" }.to_owned(),
                text: entry.text,
            })
            .collect(),
    }
}

/// The last digits of a serial number: enough to tell two apart.
fn last(number: &str) -> String {
    let from = number.char_indices().rev().nth(LAST - 1).map_or(0, |(at, _)| at);
    format!("...{}", &number[from..])
}

async fn written(
    writing: &mut Option<JoinHandle<(Diary, io::Result<()>)>>,
) -> Option<(Diary, io::Result<()>)> {
    match writing {
        // A thread that panicked ends the whole program.
        Some(writing) => writing.await.ok(),
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
