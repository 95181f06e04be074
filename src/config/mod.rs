//! What the admin wrote: `gateway.toml` and the flows it names, read, checked and given out as typed [`Settings`].
//!
//! It owns the file's shape, every check that spans sections, and how mistakes are told. It opens no file itself
//! (reading is an argument), reads no secret, and compiles nothing: the dial plan and the flows do that themselves.

mod check;
pub mod desk;
pub mod document;
mod flows;
pub mod journeys;
pub mod problem;
pub mod schema;
pub mod secret;
pub mod settings;
pub mod sheet;
pub mod trial;
pub mod uptake;
pub mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::id::FlowId;
use crate::journey::rule::Known;
use document::{Document, Step};
pub use problem::{Problem, Severity};
pub use secret::SecretRef;
pub use settings::Settings;

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The sections.
    pub settings: Settings,
    /// The main file as a whole.
    pub whole: Fragment,
    /// Flows, as text for the IVR to read.
    pub flows: Vec<(FlowId, Fragment)>,
    /// Calendars, as text for the IVR to read, in the order of the file.
    pub calendars: Vec<Fragment>,
    /// What works and was probably not meant.
    pub warnings: Vec<Problem>,
    /// Names of queues and numbers of extensions as written, also of those with mistakes.
    names: Names,
}

/// A configuration that was read as far as that goes.
#[derive(Debug)]
pub struct Draft {
    /// What could be read; sections and elements with mistakes are left out.
    pub loaded: Loaded,
    /// Everything that is wrong, in the order of the files, and what was probably not meant.
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, Default)]
struct Names {
    queues: BTreeSet<String>,
    extensions: BTreeSet<String>,
    groups: BTreeSet<String>,
    mailboxes: BTreeSet<String>,
}

impl Loaded {
    /// A problem with what the steps lead to in the main file.
    pub fn problem(&self, path: &[Step<'_>], what: impl Into<String>) -> Problem {
        match Document::parse(&self.whole.file, self.whole.text()) {
            Ok(document) => document.problem(path, what),
            // It was parsed before.
            Err(_) => self.whole.problem(0..0, "", what),
        }
    }
}

/// A part of a configuration file that another module reads with its own types.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// The file.
    pub file: PathBuf,
    text: Arc<str>,
    /// Section and then name or place; empty for a whole file.
    path: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Key(String),
    At(usize),
}

impl Fragment {
    /// Reads it as `T`. Spans in `T` count from the start of the file. Every mistake is listed.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        let document = Document::parse(&self.file, &self.text)?;
        let mut problems = Vec::new();
        let steps: Vec<Step<'_>> = self.path.iter().map(Part::step).collect();
        document.read(&steps, &mut problems).ok_or(problems)
    }

    /// The whole text of its file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A problem with the bytes `span` of the file.
    pub fn problem(
        &self,
        span: std::ops::Range<usize>,
        key: &str,
        what: impl Into<String>,
    ) -> Problem {
        problem::Source::new(&self.file, &self.text).problem(span, key, what)
    }
}

impl Part {
    fn step(&self) -> Step<'_> {
        match self {
            Part::Key(key) => Step::Key(key),
            Part::At(place) => Step::At(*place),
        }
    }
}

/// How files are read: the whole text of the one at a path.
pub type Read<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Reads and checks the configuration at `path`. Every mistake is listed, in the order of the files; warnings are
/// among them when there is at least one error.
pub fn load(path: &Path, read: Read<'_>) -> Result<Loaded, Vec<Problem>> {
    let Draft { loaded, problems } = draft(path, read)?;
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    Ok(Loaded { warnings: problems, ..loaded })
}

/// Reads the configuration at `path` as far as that goes. An error is a file that is no TOML.
pub fn draft(path: &Path, read: Read<'_>) -> Result<Draft, Vec<Problem>> {
    let text = read(path).map_err(|why| vec![Problem::unreadable(path, &why)])?;
    let document = Document::parse(path, &text)?;
    let mut problems = Vec::new();
    let mut places = Places::new();
    let mut settings = sections(&document, &mut places, &mut problems);
    let (flows, calendars) = fragments(&document, read, &mut problems);
    check::check(&document, &settings, &places, &mut problems);
    let text = document.source.text.clone();
    let whole = Fragment { file: path.to_owned(), text, path: Vec::new() };
    let written = |section, key| {
        (0..document.len(&[Step::Key(section)]).unwrap_or(0))
            .filter_map(|i| document.text(&[Step::Key(section), Step::At(i), Step::Key(key)]))
            .map(str::to_owned)
            .collect()
    };
    let names = Names {
        queues: written("queue", "name"),
        extensions: written("extension", "number"),
        groups: written("group", "name"),
        mailboxes: mailboxes(&document),
    };
    let known = Known { queues: names.queues.clone(), ..settings.known_to_rules() };
    settings.journeys = journeys::rules(&document, read, &known, &mut problems);
    problem::order(&mut problems);
    let loaded = Loaded { settings, whole, flows, calendars, warnings: Vec::new(), names };
    Ok(Draft { loaded, problems })
}

/// Extensions that are written with a mailbox, whatever else is wrong with them.
fn mailboxes(document: &Document<'_>) -> BTreeSet<String> {
    let at = |place, key| [Step::Key("extension"), Step::At(place), Step::Key(key)];
    let count = document.len(&[Step::Key("extension")]).unwrap_or(0);
    let with = (0..count).filter(|place| document.value(&at(*place, "voicemail")).is_some());
    with.filter_map(|place| document.text(&at(place, "number"))).map(str::to_owned).collect()
}

/// The sections there are, in the order that files have them.
const SECTIONS: &[&str] = &[
    "site",
    "sip",
    "media",
    "extension",
    "trunk",
    "inbound",
    "internal",
    "outbound",
    "spending",
    "rate",
    "cap",
    "people",
    "disposition",
    "legal_hold",
    "retention",
    "emergency",
    "conference",
    "location",
    "queue",
    "agent",
    "group",
    "page",
    "distribution",
    "parking",
    "supervision",
    "payment",
    "schedule",
    "features",
    "flow",
    "calendar",
    "prompts",
    "http",
    "api",
    "oidc",
    "web",
    "reports",
    "provisioning",
    "phone",
    "admin",
    "limits",
    "trust",
    "capture",
    "metrics",
    "webhook",
    "crm",
    "uplink",
    "backup",
    "update",
    "messages",
    "channels",
    "smpp_server",
    "journey",
    "appliance",
    "log",
];

/// For each list, where the elements that could be read stand in the file: those with mistakes are left out.
type Places = BTreeMap<&'static str, Vec<usize>>;

/// Reads every section that has types here.
fn sections(document: &Document<'_>, places: &mut Places, out: &mut Vec<Problem>) -> Settings {
    for (key, span) in document.keys(&[]) {
        if !SECTIONS.contains(&key) {
            out.push(
                document
                    .source
                    .problem(span, key, format!("unknown section `{key}`"))
                    .suggesting(key, SECTIONS.iter().copied()),
            );
        }
    }
    Settings {
        site: one(document, "site", out),
        sip: one(document, "sip", out),
        media: one(document, "media", out),
        extensions: each(document, "extension", places, out),
        trunks: each(document, "trunk", places, out),
        inbound: each(document, "inbound", places, out),
        internal: each(document, "internal", places, out),
        outbound: each(document, "outbound", places, out),
        spending: one(document, "spending", out),
        rates: each(document, "rate", places, out),
        caps: each(document, "cap", places, out),
        people: one(document, "people", out),
        dispositions: each(document, "disposition", places, out),
        legal_holds: each(document, "legal_hold", places, out),
        retention: one(document, "retention", out),
        emergency: one(document, "emergency", out),
        conferences: each(document, "conference", places, out),
        locations: each(document, "location", places, out),
        queues: each(document, "queue", places, out),
        agents: each(document, "agent", places, out),
        features: one(document, "features", out),
        groups: each(document, "group", places, out),
        pages: each(document, "page", places, out),
        distribution: one(document, "distribution", out),
        parking: one(document, "parking", out),
        supervision: one(document, "supervision", out),
        payment: one(document, "payment", out),
        schedules: each(document, "schedule", places, out),
        // Their mistakes are told with the flows'.
        calendars: each(document, "calendar", places, &mut Vec::new()),
        prompts: one(document, "prompts", out),
        http: one(document, "http", out),
        api: one(document, "api", out),
        oidc: one(document, "oidc", out),
        web: one(document, "web", out),
        reports: one(document, "reports", out),
        provisioning: one(document, "provisioning", out),
        phones: each(document, "phone", places, out),
        admin: one(document, "admin", out),
        limits: one(document, "limits", out),
        trust: one(document, "trust", out),
        capture: one(document, "capture", out),
        metrics: one(document, "metrics", out),
        webhooks: each(document, "webhook", places, out),
        crm: one(document, "crm", out),
        uplink: one(document, "uplink", out),
        backup: one(document, "backup", out),
        update: one(document, "update", out),
        messages: one(document, "messages", out),
        channels: named(document, "channels", out),
        smpp_server: one(document, "smpp_server", out),
        // Read when it is known what they may name.
        journeys: BTreeMap::new(),
        appliance: one(document, "appliance", out),
        log: one(document, "log", out),
    }
}

fn one<T: DeserializeOwned + Default>(
    document: &Document<'_>,
    section: &str,
    out: &mut Vec<Problem>,
) -> T {
    document.read(&[Step::Key(section)], out).unwrap_or_default()
}

/// The tables of `[section.NAME]` that have no mistakes, by name; each is read on its own.
fn named<K: for<'a> From<&'a str> + Ord, T: DeserializeOwned>(
    document: &Document<'_>,
    section: &'static str,
    out: &mut Vec<Problem>,
) -> BTreeMap<K, T> {
    let names = document.keys(&[Step::Key(section)]);
    let read = names.into_iter().filter_map(|(name, _)| {
        let table = document.read(&[Step::Key(section), Step::Key(name)], out)?;
        Some((K::from(name), table))
    });
    read.collect()
}

/// The elements of `[[section]]` that have no mistakes; each is read on its own.
fn each<T: DeserializeOwned>(
    document: &Document<'_>,
    section: &'static str,
    places: &mut Places,
    out: &mut Vec<Problem>,
) -> Vec<T> {
    let here = [Step::Key(section)];
    let Some(count) = document.len(&here) else {
        if document.value(&here).is_some() {
            let what = format!("`{section}` is a list: each one begins with `[[{section}]]`");
            out.push(document.problem(&here, what).allowing(format!("`[[{section}]]`")));
        }
        return Vec::new();
    };
    let mut read = Vec::new();
    for place in 0..count {
        if let Some(element) = document.read(&[Step::Key(section), Step::At(place)], out) {
            read.push(element);
            places.entry(section).or_default().push(place);
        }
    }
    read
}

type Fragments = (Vec<(FlowId, Fragment)>, Vec<Fragment>);

fn fragments(document: &Document<'_>, read: Read<'_>, out: &mut Vec<Problem>) -> Fragments {
    let here = |path| Fragment {
        file: document.source.file.clone(),
        text: document.source.text.clone(),
        path,
    };
    let mut flows = Vec::new();
    for (name, _) in document.keys(&[Step::Key("flow")]) {
        let at = [Step::Key("flow"), Step::Key(name)];
        if document.text(&[Step::Key("flow"), Step::Key(name), Step::Key("file")]).is_none() {
            flows.push((
                FlowId::from(name),
                here(vec![Part::Key("flow".into()), Part::Key(name.into())]),
            ));
        } else if let Some(own) = document.read::<settings::FlowFile>(&at, out) {
            flows.extend(flow_file(document, name, &own.file, read, out));
        }
    }
    let count = document.len(&[Step::Key("calendar")]).unwrap_or(0);
    let calendars =
        (0..count).map(|place| here(vec![Part::Key("calendar".into()), Part::At(place)])).collect();
    (flows, calendars)
}

fn flow_file(
    document: &Document<'_>,
    name: &str,
    file: &Path,
    read: Read<'_>,
    out: &mut Vec<Problem>,
) -> Option<(FlowId, Fragment)> {
    let path = document.source.file.parent().unwrap_or(Path::new("")).join(file);
    match read(&path) {
        Ok(text) => {
            Some((FlowId::from(name), Fragment { file: path, text: text.into(), path: Vec::new() }))
        }
        Err(why) => {
            let at = [Step::Key("flow"), Step::Key(name), Step::Key("file")];
            out.push(
                document.problem(
                    &at,
                    format!("the flow cannot be read from {}: {why}", path.display()),
                ),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
