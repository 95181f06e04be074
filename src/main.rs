//! The `branchline` program: reads the arguments and hands over to the command they name.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    branchline::cli::main(branchline::cli::Arguments::parse())
}
