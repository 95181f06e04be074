//! Where log lines go: systemd's journal with their fields, or standard error, as text for people or JSON for machines. Lines carry
//! ids, not numbers or texts.

mod journald;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::settings::{Format, Level, Log};

/// Begins to write log lines. The variable `BRANCHLINE_LOG` stands above the configuration, for a closer look without
/// an edit. Once; later calls change nothing.
pub fn begin(log: &Log) {
    let level = match log.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // sled tells of its own business at info.
    let ours = format!("{level},sled=warn,rustls=warn");
    let filter = EnvFilter::try_from_env("BRANCHLINE_LOG").unwrap_or_else(|_| EnvFilter::new(ours));
    if let (Format::Text, Some(journal)) = (log.format, journald::Journald::of_stderr()) {
        // As below.
        let _ = tracing_subscriber::registry().with(filter).with(journal).try_init();
        return;
    }
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let lines = lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // It fails when a program that uses this library has set its own.
    let _ = match log.format {
        Format::Text => lines.with_target(false).with_timer(Clock).try_init(),
        Format::Json => lines.json().with_timer(Clock).try_init(),
    };
}

/// RFC 3339 in UTC with milliseconds.
struct Clock;

impl tracing_subscriber::fmt::time::FormatTime for Clock {
    fn format_time(
        &self,
        writer: &mut tracing_subscriber::fmt::format::Writer<'_>,
    ) -> std::fmt::Result {
        write!(writer, "{}", crate::driver::clock::now().unix)
    }
}
