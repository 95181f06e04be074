//! `branchline demo`: a whole branch on loopback, with no configuration and no phone.
//!
//! Writes a site's configuration into a folder, starts the box on it, and lets three simulated parties use it: a
//! carrier that calls in, an agent's desk phone, a colleague's. What they notice is printed with times. Then the phones
//! log off, and the branch stays up for real ones.

pub(crate) mod ear;
mod scenario;
mod site;
pub(crate) mod softphone;
mod texts;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::{exit, restore};
use crate::driver;
use crate::uplink::token::Token;

/// What `branchline demo` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// Keep configuration and data here; a new temporary folder when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print one JSON object on one line when ready, and nothing else.
    #[arg(long)]
    json: bool,
    /// SIP on this port and the next (TLS); RTP on the ports from 100 above it.
    #[arg(long, default_value_t = 15_060, value_parser = clap::value_parser!(u16).range(1_024..=60_000))]
    port_base: u16,
    /// Tell this hub, NAME:PORT, what happens here; see `branchline hub`.
    #[arg(long)]
    hub: Option<String>,
    /// What `branchline hub token SITE` has printed; needed the first time with --hub.
    #[arg(long, requires = "hub")]
    token: Option<Token>,
}

/// Starts the branch, shows it, and stays up until it is told to stop.
pub fn main(options: &Options) -> ExitCode {
    if let Some(dir) = &options.dir
        && let Err(error) = restore::finish(&dir.join("gateway.toml"))
    {
        return exit::fail(exit::IO, error);
    }
    let site = match site::prepare(options.dir.as_deref(), options.port_base) {
        Ok(site) => site,
        Err(error) => {
            return exit::fail(exit::IO, format!("the demo's folder cannot be written: {error}"));
        }
    };
    if let Err(error) =
        options.hub.as_ref().map_or(Ok(()), |hub| site.enrol(hub, options.token.as_ref()))
    {
        site.clean_up();
        return exit::fail(
            exit::UNAVAILABLE,
            format!("the demo is not let in at the hub: {error}"),
        );
    }
    // Both are there until this ends; the demo does without when the system has no pseudo terminal left.
    let (modem, sim) = (site.plug_in_modem(), site.plug_in_sim());
    let settings = match driver::files::load(&site.config) {
        Ok(settings) => settings,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return exit::fail(exit::CONFIG, "the demo's own configuration is wrong");
        }
    };
    let running = match driver::start(settings, std::env::current_exe().ok(), None) {
        Ok(running) => running,
        Err(error) => return exit::fail(exit::SYSTEM, error),
    };
    if let Err(error) = site.make_users(running.socket()) {
        running.stop();
        return exit::fail(exit::SYSTEM, format!("the demo's users cannot be made: {error}"));
    }
    let shown = scenario::play(&site, !options.json);
    let code = match (&shown, options.json) {
        (Err(failure), _) => {
            running.stop();
            return exit::fail(
                exit::SOFTWARE,
                format!("the demo's call did not go through: {failure}"),
            );
        }
        (Ok(_), true) => {
            println!("{}", site.describe(&running, modem.as_ref(), sim.as_ref()));
            ExitCode::SUCCESS
        }
        (Ok(_), false) => {
            print!("{}", site.tour(&running, modem.as_ref(), sim.as_ref()));
            ExitCode::SUCCESS
        }
    };
    if let Some(Err(error)) = sim.as_ref().map(|sim| sim.start(!options.json)) {
        tracing::warn!(%error, "nobody can write to the demo's SIM");
    }
    running.wait();
    site.clean_up();
    code
}
