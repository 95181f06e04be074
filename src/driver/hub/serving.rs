//! What a hub does beside taking events in: what keeps them is opened, the page shown, tables and programs filled.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::embedded::{self, Embedded};
use super::engine::{Engine, NotRead};
use super::files;
use super::hooks::{self, NoHook};
use super::jetstream::{self, CannotJoin, JetStream};
use super::page::{self, NoPage};
use super::postgres::{self, NotWritten};
use crate::driver::clock;
use crate::hub::interactions::Interactions;
use crate::hub::settings::{Hub, Settings, Wrong};
use crate::report::interaction::Interaction;
use crate::time::UnixTime;

const DAY: Duration = Duration::from_secs(86_400);

/// Why a hub does not start.
#[derive(Debug)]
pub enum CannotServe {
    /// The file of settings.
    Settings(PathBuf, std::io::Error),
    /// What is wrong in it.
    Wrong(PathBuf, Vec<Wrong>),
    /// This machine's disk.
    Disk(embedded::CannotOpen),
    /// The cluster.
    Cluster(CannotJoin),
    /// The page.
    Page(NoPage),
    /// The database.
    Database(NotWritten),
    /// A program that is to be told.
    Hook(NoHook),
    /// What is kept.
    Read(NotRead),
    /// The system has no randomness to give.
    Random,
    /// Something else of the system's.
    System(std::io::Error),
}

impl fmt::Display for CannotServe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotServe::Settings(path, error) => write!(f, "{}: {error}", path.display()),
            CannotServe::Wrong(path, wrong) => {
                write!(f, "{}:", path.display())?;
                wrong.iter().try_for_each(|wrong| write!(f, "\n{wrong}"))
            }
            CannotServe::Disk(error) => error.fmt(f),
            CannotServe::Cluster(error) => error.fmt(f),
            CannotServe::Page(error) => error.fmt(f),
            CannotServe::Database(error) => error.fmt(f),
            CannotServe::Hook(error) => error.fmt(f),
            CannotServe::Read(error) => error.fmt(f),
            CannotServe::System(error) => write!(f, "the system refused: {error}"),
            CannotServe::Random => f.write_str("the system gives no randomness"),
        }
    }
}

impl std::error::Error for CannotServe {}

/// Reads `hub.toml`.
///
/// # Errors
/// When it cannot be read, or something is wrong in it.
pub fn settings(path: &Path) -> Result<Settings, CannotServe> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| CannotServe::Settings(path.to_owned(), error))?;
    Settings::read(&text).map_err(|wrong| CannotServe::Wrong(path.to_owned(), wrong))
}

/// Whether what is said can be used: secrets and addresses are read, and nothing is connected to.
///
/// # Errors
/// The first thing that cannot.
pub fn check(hub: &Hub) -> Result<(), CannotServe> {
    hooks::open(&hub.webhooks).map_err(CannotServe::Hook)?;
    if let Some(said) = &hub.postgres {
        postgres::read_url(&said.url_file).map_err(CannotServe::Database)?;
    }
    Ok(())
}

/// Opens what keeps events.
///
/// # Errors
/// When it cannot.
pub async fn engine(dir: &Path, hub: &Hub) -> Result<Engine, CannotServe> {
    let keep = (hub.keep_days > 0).then(|| DAY * hub.keep_days);
    match &hub.jetstream {
        None => Embedded::open_for(dir, keep).map(Engine::Embedded).map_err(CannotServe::Disk),
        Some(said) => {
            let settings = jetstream::Settings {
                servers: said.servers.clone(),
                replicas: said.replicas,
                credentials_file: said.credentials_file.clone(),
                authorities: said.authorities.clone(),
                keep,
            };
            let joined = JetStream::join(settings).await;
            joined.map(Engine::JetStream).map_err(CannotServe::Cluster)
        }
    }
}

/// The interactions of all sites since a moment, beside a hub that may run.
///
/// # Errors
/// When events cannot be read.
pub fn interactions(
    dir: &Path,
    hub: &Hub,
    since: UnixTime,
) -> Result<Vec<Interaction>, CannotServe> {
    let mut rows = Interactions::default();
    if hub.jetstream.is_none() {
        embedded::read_all(dir, |kept| rows.take(&kept)).map_err(CannotServe::Disk)?;
        return Ok(rows.finish(since));
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().map_err(CannotServe::System)?;
    runtime.block_on(async {
        let engine = engine(dir, hub).await?;
        for stream in engine.streams().await.map_err(CannotServe::Read)? {
            let mut tail = engine.tail(&stream, 1);
            loop {
                let page = tail.read().await.map_err(CannotServe::Read)?;
                if page.kept.is_empty() {
                    break;
                }
                page.kept.iter().for_each(|kept| rows.take(kept));
            }
        }
        Ok(rows.finish(since))
    })
}

/// What was started.
#[derive(Debug)]
pub struct Serving {
    /// Where the page is.
    pub page: Vec<SocketAddr>,
    /// The file with its password.
    pub password: PathBuf,
}

/// Starts all that [`Hub`] says, on the runtime that this is called on.
///
/// # Errors
/// When something that it says cannot be used.
pub async fn start(dir: &Path, hub: &Hub, engine: &Engine) -> Result<Serving, CannotServe> {
    let mut random = clock::random().ok_or(CannotServe::Random)?;
    let hooks = hooks::open(&hub.webhooks).map_err(CannotServe::Hook)?;
    let database = hub.postgres.as_ref().map(|said| postgres::read_url(&said.url_file));
    let database = database.transpose().map_err(CannotServe::Database)?;
    if let Engine::Embedded(embedded) = engine {
        tokio::spawn(embedded.view().clone().follow(engine.clone(), engine.rows()));
    }
    if let Some(database) = database {
        // How far it is, the database alone knows: until it says so, nothing is deleted.
        engine.hold(postgres::READER, 0);
        tokio::spawn(postgres::run(engine.clone(), database));
    }
    if !hooks.is_empty() {
        hooks.iter().for_each(|hook| engine.hold(hook.name(), 0));
        tokio::spawn(hooks::run(engine.clone(), hooks, random.fork()));
    }
    let files = files::folder(dir, &hub.blobs);
    let page = page::start(dir, (&hub.page, files), &hub.names, engine.clone(), &mut random).await;
    let (page, password) = page.map_err(CannotServe::Page)?;
    Ok(Serving { page, password })
}
