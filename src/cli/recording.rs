//! `branchline recording`: opens one recording into a WAV file, for whoever may read the data folder.
//!
//! The running box is asked first, and writes down that somebody listens. The keys are read after its answer, so what was
//! erased a moment ago does not open.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::admin::{Command, Reply};
use crate::cli::{ask, exit};
use crate::driver::{journal, tape};
use crate::id::RecordingId;

/// What `branchline recording` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The recording's id, as call records and timelines have it.
    recording: RecordingId,
    /// Write it there; to the standard output when absent.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The data folder of the site.
    #[arg(long, default_value = "/var/lib/branchline")]
    data: PathBuf,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
}

/// Asks, opens, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    let recording = options.recording;
    match ask::ask(&options.socket, &Command::Listen { recording }) {
        Ok(Reply::Done) => {}
        Ok(Reply::Refused(why) | Reply::NotReady(why)) => return exit::fail(exit::REFUSED, why),
        Ok(_) => return exit::fail(exit::REFUSED, "the box does not know what to answer"),
        Err(error) => {
            let socket = options.socket.display();
            let words = format!("no box answers at {socket}, which has to note that: {error}");
            return exit::fail(exit::UNAVAILABLE, words);
        }
    }
    match write(options) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that closed the pipe early has heard enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => exit::fail(exit::NO_INPUT, format!("{recording}: {error}")),
    }
}

fn write(options: &Options) -> io::Result<()> {
    let keys = journal::reading(&options.data).map_err(io::Error::other)?;
    let folder = options.data.join("recordings");
    let opened = tape::Recording::open(&folder, options.recording, &keys)?;
    let mut output: Box<dyn Write> = match &options.output {
        Some(path) => create(path)?,
        None => Box::new(io::stdout().lock()),
    };
    let mut number = 0;
    while let Some(piece) = opened.piece(number)? {
        output.write_all(&piece)?;
        number += 1;
    }
    output.flush()
}

/// A new file that nobody else may read: it is in clear.
fn create(path: &Path) -> io::Result<Box<dyn Write>> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(Box::new(file))
}
