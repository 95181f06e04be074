//! `branchline run`: the box itself.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use crate::cli::{check, exit, restore};
use crate::config::trial::Reason;
use crate::driver::held::Held;
use crate::driver::{self, configuring, fence, systemd};

/// Runs until told to stop.
pub fn main(config: &Path) -> ExitCode {
    if let Err(error) = restore::finish(config) {
        return exit::fail(
            exit::IO,
            format!("a restore that was cut off cannot be carried out: {error}"),
        );
    }
    let program = std::env::current_exe().ok();
    let held = Held::take();
    let went_back = configuring::begin(config);
    match attempt(config, program.clone(), went_back, &held) {
        Ok(ended) => ended,
        // What does not start and is on trial goes back; without a trial there is nothing to go back to.
        Err(code) => match configuring::give_up(config) {
            Some((version, reason)) => {
                eprintln!("version {version} of the configuration goes back: {reason}");
                attempt(config, program, Some((version, reason)), &held).unwrap_or_else(|code| code)
            }
            None => code,
        },
    }
}

/// Starts the box and waits for its end; an error is the exit code of one that did not start.
fn attempt(
    config: &Path,
    program: Option<PathBuf>,
    went_back: Option<(u32, Reason)>,
    held: &Held,
) -> Result<ExitCode, ExitCode> {
    let loaded = driver::files::load(config).map_err(|problems| {
        eprint!("{}", check::problems(&problems));
        let words = "nothing was started; mend the configuration and start again";
        exit::fail(exit::CONFIG, words)
    })?;
    driver::log::begin(&loaded.checked.loaded.settings.log);
    for warning in &loaded.checked.loaded.warnings {
        eprintln!("{warning}\n");
    }
    // Whom systemd starts anew it starts without the fence; a program that begins anew by itself would stay behind it.
    let fenced = systemd::watches();
    if fenced {
        say(fence::shut_files(&fence::Files::of(&loaded.checked.loaded.settings, config)));
    }
    let running = driver::start_with(loaded, program.clone(), went_back, held)
        .map_err(|error| exit::fail(exit::SYSTEM, error))?;
    if fenced {
        say(fence::shut_calls().map(|()| fence::Standing::Whole));
    }
    let (code, anew) = running.wait_for_end();
    Ok(if anew { begin_anew(program) } else { code })
}

/// A fence that does not stand is no reason to have no telephone.
fn say(fence: Result<fence::Standing, fence::NoFence>) {
    match fence {
        Ok(fence::Standing::Whole) => {}
        Ok(standing) => tracing::warn!(?standing, "this kernel lacks a part of the fence"),
        Err(error) => tracing::warn!(%error, "a part of the fence does not stand"),
    }
}

/// Becomes a new run of the program with the same arguments. It stays the same process: whoever watches over it sees no
/// end. systemd starts it again itself, with the sockets that it holds and without what the old run had shut itself off from.
fn begin_anew(program: Option<PathBuf>) -> ExitCode {
    if systemd::watches() {
        return ExitCode::from(exit::ANEW);
    }
    let mut arguments = std::env::args_os();
    let own = arguments.next().unwrap_or_else(|| OsString::from("branchline"));
    let program = program.map_or(own, PathBuf::into_os_string);
    let error = process::Command::new(program).args(arguments).exec();
    exit::fail(exit::SYSTEM, format!("the program cannot begin anew: {error}"))
}

/// Reads a look-up store from end to end; the box asks for it before it opens one of an earlier run.
pub fn store_check(folder: &Path) -> ExitCode {
    if driver::store::check(folder) { ExitCode::SUCCESS } else { ExitCode::from(exit::IO) }
}
