//! `branchline run`: the box itself.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::{check, exit};
use crate::driver;

/// Runs until told to stop.
pub fn main(config: &Path) -> ExitCode {
    let loaded = match driver::files::load(config) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprint!("{}", check::problems(&problems));
            return exit::fail(
                exit::CONFIG,
                "nothing was started; mend the configuration and start again",
            );
        }
    };
    driver::log::begin(&loaded.checked.loaded.settings.log);
    for warning in &loaded.checked.loaded.warnings {
        eprintln!("{warning}\n");
    }
    match driver::start(loaded, std::env::current_exe().ok()) {
        Ok(running) => running.wait(),
        Err(error) => exit::fail(exit::SYSTEM, error),
    }
}

/// Reads a look-up store from end to end; the box asks for it before it opens one of an earlier run.
pub fn store_check(folder: &Path) -> ExitCode {
    if driver::store::check(folder) { ExitCode::SUCCESS } else { ExitCode::from(exit::IO) }
}
