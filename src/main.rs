//! The `branchline` program: reads the arguments and hands over to the command they name.

use std::process::ExitCode;

use clap::Parser;

/// SIP is thousands of short strings a second; the C library's allocator takes a fifth of the time of a call for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    branchline::cli::main(branchline::cli::Arguments::parse())
}
