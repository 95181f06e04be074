//! `branchline hub`: head office's end of the line.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::owner::Owner;
use crate::cli::{exit, export, text};
use crate::driver::hub::files;
use crate::driver::hub::running::{self, CannotStart};
use crate::driver::hub::serving;
use crate::driver::hub::sites::{Known, Site, Sites};
use crate::driver::{clock, log};
use crate::hub;
use crate::time::UnixTime;
use crate::uplink::blob::Waiting;
use crate::uplink::token::{Token, is_site};

/// What `branchline hub` takes.
#[derive(Debug, Args)]
pub struct Hub {
    /// The hub's folder: its authority, its sites, and what they sent.
    #[arg(long, global = true, env = "BRANCHLINE_HUB", default_value = "/var/lib/branchline-hub")]
    dir: PathBuf,
    /// The hub's settings, hub.toml; what holds without them stands in the sample.
    #[arg(short, long, global = true)]
    config: Option<PathBuf>,
    /// Where sites connect, by UDP and TCP; instead of what the settings say.
    #[arg(long)]
    listen: Vec<SocketAddr>,
    /// Where the page is; instead of what the settings say.
    #[arg(long)]
    page: Vec<SocketAddr>,
    /// Print one JSON object on one line when ready, and nothing else.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    one: Option<One>,
}

#[derive(Debug, Subcommand)]
enum One {
    /// Write the interactions of all sites as JSON lines or Parquet, for any other program.
    #[command(
        after_help = "Example: branchline hub export --since 2026-01-01 --format parquet --out all.parquet"
    )]
    Export(export::How),
    /// Say what is wrong with the settings.
    #[command(after_help = "Example: branchline hub check -c hub.toml")]
    Check,
    /// Print a token that lets one box in as a site, once.
    #[command(after_help = "Example: branchline hub token berne --dir hub")]
    Token {
        /// The site's name: ASCII letters, digits, `-` and `_`.
        site: String,
        /// Hours within which it has to be used.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=720))]
        hours: u16,
    },
    /// Shut a site out, at once. What it sent stays.
    #[command(after_help = "Example: branchline hub revoke berne --dir hub")]
    Revoke {
        /// The site's name.
        site: String,
    },
    /// List the sites that were enrolled.
    #[command(after_help = "Example: branchline hub sites --dir hub")]
    Sites {
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

/// Carries it out.
pub fn main(asked: &Hub) -> ExitCode {
    let done = match &asked.one {
        None => return run(asked),
        Some(One::Check) => return check(asked),
        Some(One::Export(how)) => return export(asked, how),
        Some(One::Token { site, hours }) => {
            as_its_owner(&asked.dir, || token(&asked.dir, site, *hours))
        }
        Some(One::Revoke { site }) => as_its_owner(&asked.dir, || revoke(&asked.dir, site)),
        Some(One::Sites { json }) => match settings(asked) {
            Ok(hub) => sites(&asked.dir, &hub, *json),
            Err(error) => return exit::fail(exit::CONFIG, error),
        },
    };
    done.unwrap_or_else(|error| exit::fail(exit::IO, error))
}

/// The unit's folder is its account's. One that is not there yet becomes whose it is to be when the unit starts.
fn as_its_owner(
    dir: &Path,
    act: impl FnOnce() -> Result<ExitCode, CannotStart>,
) -> Result<ExitCode, CannotStart> {
    match dir.canonicalize().and_then(|dir| Owner::of(&dir)) {
        Ok(owner) => owner.does(act),
        Err(error) if error.kind() == ErrorKind::NotFound => act(),
        Err(error) => Err(CannotStart::Folder(dir.to_owned(), error)),
    }
}

fn run(asked: &Hub) -> ExitCode {
    log::begin(&crate::config::settings::Log::default());
    let hub = match settings(asked) {
        Ok(hub) => hub,
        Err(error) => return exit::fail(exit::CONFIG, error),
    };
    let running = match running::start(&asked.dir, &hub) {
        Ok(running) => running,
        Err(error @ CannotStart::Listen(..)) => return exit::fail(exit::SYSTEM, error),
        Err(error) => return exit::fail(exit::IO, error),
    };
    match asked.json {
        true => println!("{}", ready(&running)),
        false => {
            for at in &running.listens {
                println!("sites connect at {at} (UDP and TCP)");
            }
            for at in &running.serving.page {
                let scheme = if at.ip().is_loopback() { "http" } else { "https" };
                let password = running.serving.password.display();
                println!(
                    "the sites are shown at {scheme}://{at}/ (user hub, password in {password})"
                );
            }
            println!("`branchline hub token SITE --dir {}` lets one in", asked.dir.display());
        }
    }
    running.wait();
    ExitCode::SUCCESS
}

/// The settings, and what the command says instead.
fn settings(asked: &Hub) -> Result<hub::settings::Hub, serving::CannotServe> {
    let mut hub = match &asked.config {
        Some(path) => serving::settings(path)?.hub,
        None => hub::settings::Hub::default(),
    };
    if !asked.listen.is_empty() {
        hub.listen.clone_from(&asked.listen);
    }
    if !asked.page.is_empty() {
        hub.page.listen.clone_from(&asked.page);
    }
    Ok(hub)
}

fn check(asked: &Hub) -> ExitCode {
    let Some(path) = &asked.config else {
        return exit::fail(exit::USAGE, "which settings? `-c hub.toml`");
    };
    let checked = serving::settings(path).and_then(|settings| serving::check(&settings.hub));
    match checked {
        Ok(()) => {
            println!("{}: fine", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => exit::fail(exit::CONFIG, error),
    }
}

fn export(asked: &Hub, how: &export::How) -> ExitCode {
    let hub = match settings(asked) {
        Ok(hub) => hub,
        Err(error) => return exit::fail(exit::CONFIG, error),
    };
    match serving::interactions(&asked.dir, &hub, how.since()) {
        Ok(rows) => how.write(&rows),
        Err(error) => exit::fail(exit::NO_INPUT, error),
    }
}

fn ready(running: &running::Running) -> String {
    #[derive(Serialize)]
    struct Ready<'a> {
        ready: bool,
        listen: &'a [SocketAddr],
        page: &'a [SocketAddr],
        password_file: &'a Path,
    }
    let ready = Ready {
        ready: true,
        listen: &running.listens,
        page: &running.serving.page,
        password_file: &running.serving.password,
    };
    serde_json::to_string(&ready).unwrap_or_default()
}

fn token(dir: &Path, site: &str, hours: u16) -> Result<ExitCode, CannotStart> {
    if !is_site(site) {
        let words = "a site's name has 1 to 63 ASCII letters, digits, `-` and `_`";
        return Ok(exit::fail(exit::USAGE, words));
    }
    let token = hand_out(dir, site, Duration::from_secs(u64::from(hours) * 3_600))?;
    println!("{token}");
    Ok(ExitCode::SUCCESS)
}

/// A new token of a hub.
///
/// # Errors
/// When the hub's files cannot be read or written.
pub fn hand_out(dir: &Path, site: &str, lasts: Duration) -> Result<Token, CannotStart> {
    let (authority, sites) = running::open(dir)?;
    let mut random = clock::random()
        .ok_or_else(|| CannotStart::System(std::io::Error::other("it gives no randomness")))?;
    let token = Token::new(site, authority.fingerprint(), &mut random);
    let lasts = i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX);
    let ends = UnixTime(clock::now().unix.0.saturating_add(lasts));
    sites
        .hand_out(site, token.secret, ends)
        .map_err(|error| CannotStart::Folder(dir.to_owned(), error))?;
    Ok(token)
}

fn revoke(dir: &Path, site: &str) -> Result<ExitCode, CannotStart> {
    let wrong = |error| CannotStart::Folder(dir.to_owned(), error);
    let known = Sites::of(dir).revoke(site, clock::now().unix).map_err(wrong)?;
    Ok(match known {
        true => {
            println!("{site} is shut out; a new token lets it in again");
            ExitCode::SUCCESS
        }
        false => exit::fail(exit::REFUSED, format!("no site `{site}` was ever let in here")),
    })
}

fn sites(dir: &Path, hub: &hub::settings::Hub, json: bool) -> Result<ExitCode, CannotStart> {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        site: &'a Site,
        /// Recordings and files of messages that wait there, as it said last.
        waiting: Waiting,
    }
    let wrong = |error| CannotStart::Folder(dir.to_owned(), error);
    let known = Sites::of(dir).read(&Known::default()).map_err(wrong)?;
    let waiting = files::waiting(&files::folder(dir, &hub.blobs));
    let of = |site: &Site| waiting.get(&site.site).copied().unwrap_or_default();
    let all: Vec<_> = known.values().map(|site| Shown { site, waiting: of(site) }).collect();
    if json {
        println!("{}", serde_json::to_string_pretty(&all).unwrap_or_default());
    } else {
        let head = &["SITE", "LET IN", "UNTIL", "FILES THAT WAIT"];
        let lines = all.into_iter().map(|shown| line(shown.site, shown.waiting));
        print!("{}", text::columns(head, lines, "no site was let in yet"));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(site: &Site, waiting: Waiting) -> Vec<String> {
    let newest = site.certificates.last();
    let in_or_out = match (site.revoked, newest) {
        (Some(at), _) => format!("shut out {at}"),
        (None, Some(given)) => given.given.to_string(),
        (None, None) => "not yet".to_owned(),
    };
    let until = newest.map(|given| given.ends.to_string()).unwrap_or_default();
    let files = match waiting.files {
        0 => String::new(),
        files => format!("{files}, {} MB", waiting.octets.div_ceil(1 << 20)),
    };
    vec![site.site.clone(), in_or_out, until, files]
}
