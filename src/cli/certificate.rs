//! `branchline certificate`: what the box proves itself with, and the renewal of the one that it makes itself.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::owner::Owner;
use crate::cli::{check, exit};
use crate::driver::certificate::{Certificate, Due};
use crate::driver::site::Beside;
use crate::driver::tls::{self, NoIdentity};
use crate::driver::{clock, files};
use crate::time::UnixTime;

/// What `branchline certificate` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    look: Look,
}

/// Where it is found.
#[derive(Debug, Args)]
struct Look {
    /// The configuration file.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Make the box's own certificate anew, with the key that it has, where it ends soon or does not name an address of the
    /// box. One that others signed stays as it is. Nothing has to be started anew, and no connection ends.
    #[command(after_help = "Example: branchline certificate renew")]
    Renew {
        /// Whether it is due or not.
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        look: Look,
    },
}

/// What is shown of it.
#[derive(Debug, Serialize)]
struct Shown {
    certificate: PathBuf,
    /// Whether the box has signed it itself.
    own: bool,
    /// When it ends.
    expires: Option<String>,
    /// SHA-256, as browsers show it.
    sha256: Option<String>,
    /// Whether it was made anew just now.
    renewed: bool,
    /// What was done or is to be done about it.
    words: String,
}

/// Looks, renews where that is asked for, and gives the exit code.
pub fn main(asked: Options) -> ExitCode {
    let (look, renew, anyway) = match asked.order {
        None => (asked.look, false, false),
        Some(Order::Renew { now, look }) => (look, true, now),
    };
    let checked = match files::check(&look.config) {
        Ok(checked) => checked,
        Err(found) => {
            eprint!("{}", check::problems(&found));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let settings = &checked.loaded.settings;
    let own = Certificate::of(settings);
    let now = clock::now().unix;
    let due = match own.due(now) {
        Ok(due) => due,
        Err(NoIdentity::File(path, error)) if error.kind() == ErrorKind::NotFound => {
            let path = path.display();
            return exit::fail(
                exit::NO_INPUT,
                format!("{path}: not there; the box makes one when it starts"),
            );
        }
        // One that others gave, and gave to others to read: nobody's to renew here.
        Err(NoIdentity::File(_, error))
            if error.kind() == ErrorKind::PermissionDenied
                && settings.sip.certificate.is_some()
                && !anyway =>
        {
            Due::NotOurs
        }
        Err(error) => return exit::fail(exit::IO, error),
    };
    // A browser that has just been told to trust the first one goes on meeting it until the box is set up.
    let waits = !anyway && !Beside::new(&look.config).is_set_up();
    let done = match &due {
        Due::NotOurs if anyway => return exit::fail(exit::REFUSED, words(&due, false)),
        Due::NotOurs => false,
        Due::Nothing => anyway,
        Due::Lacks(_) => renew && !waits,
        Due::Dates => renew,
    };
    if done && let Err(error) = as_its_owner((&settings.site.data_dir, &look.config), &own, now) {
        return exit::fail(exit::IO, error);
    }
    let shown = shown(&own.files().certificate, &due, done);
    match look.json {
        true => println!("{}", serde_json::json!(shown)),
        false => print!("{shown}"),
    }
    ExitCode::SUCCESS
}

/// Root does it with no more power than the box has, which may have put a link where the file was.
fn as_its_owner(
    (data, config): (&Path, &Path),
    own: &Certificate,
    now: UnixTime,
) -> Result<(), NoIdentity> {
    let wrong = |error| NoIdentity::File(own.files().certificate.clone(), error);
    let renewed = Owner::of_box(data, config).map_err(wrong)?.acts(|| own.renew(now));
    renewed.map_err(|error| wrong(error.into()))?
}

fn shown(certificate: &Path, due: &Due, done: bool) -> Shown {
    Shown {
        own: *due != Due::NotOurs,
        // The date alone.
        expires: tls::expires(certificate).map(|at| at.to_string().chars().take(10).collect()),
        sha256: tls::print(certificate),
        certificate: certificate.to_owned(),
        renewed: done,
        words: words(due, done),
    }
}

fn words(due: &Due, done: bool) -> String {
    match (due, done) {
        (Due::NotOurs, _) => "others signed it: who did so renews it, and the box takes new files up within seconds".to_owned(),
        (Due::Nothing, true) => "made anew, as asked".to_owned(),
        (Due::Nothing, false) => "nothing is due: it names the box, and lasts".to_owned(),
        (Due::Lacks(name), true) => format!("made anew: it did not name {name}"),
        (Due::Lacks(name), false) => {
            format!("does not name {name}: once the box is set up, it is made anew the next night; at once with `branchline certificate renew --now`")
        }
        (Due::Dates, true) => "made anew: its dates were not good for much longer, or not yet".to_owned(),
        (Due::Dates, false) => "its dates are not good for much longer, or not yet: `branchline certificate renew` makes it anew".to_owned(),
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = "cannot be read";
        writeln!(f, "{}", self.certificate.display())?;
        writeln!(f, "  signed by   {}", if self.own { "the box itself" } else { "others" })?;
        writeln!(f, "  good until  {}", self.expires.as_deref().unwrap_or(unknown))?;
        writeln!(f, "  SHA-256     {}", self.sha256.as_deref().unwrap_or(unknown))?;
        writeln!(f, "  {}", self.words)
    }
}
