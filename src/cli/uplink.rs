//! `branchline uplink` and `branchline enroll`: the line to head office, and being let in there.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::admin::UplinkLine;
use crate::cli::owner::Owner;
use crate::cli::{check, exit};
use crate::driver;
use crate::driver::uplink::enrolling::{NotEnrolled, enrol};
use crate::uplink::token::Token;

/// What `branchline enroll` takes.
#[derive(Debug, Args)]
pub struct Enroll {
    /// The hub, NAME:PORT; the first of `[uplink] hub` when absent.
    hub: Option<String>,
    /// What `branchline hub token SITE` has printed; `-` reads it from the standard input, where nobody else sees it.
    #[arg(long)]
    token: String,
    /// The configuration file.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
}

/// Lets this box in at its hub.
pub fn enroll(asked: &Enroll) -> ExitCode {
    let checked = match driver::files::check(&asked.config) {
        Ok(checked) => checked,
        Err(problems) => {
            eprint!("{}", check::problems(&problems));
            return exit::fail(exit::CONFIG, "nothing was done; mend the configuration first");
        }
    };
    let settings = checked.loaded.settings;
    let Some(hub) = asked.hub.clone().or_else(|| settings.uplink.hub.first().cloned()) else {
        return exit::fail(exit::USAGE, "which hub? NAME:PORT, here or as [uplink] hub");
    };
    let token = match token(&asked.token) {
        Ok(token) => token,
        Err(error) => return exit::fail(exit::USAGE, error),
    };
    if settings.uplink.site.as_ref().is_some_and(|site| *site != token.site) {
        let words = format!(
            "the token is for the site `{}`, and [uplink] site says `{}`",
            token.site,
            settings.uplink.site.unwrap_or_default()
        );
        return exit::fail(exit::CONFIG, words);
    }
    match enrol_in((&settings.site.data_dir, &asked.config), &hub, &token) {
        Ok(site) => {
            println!("enrolled at {hub} as {site}");
            if settings.uplink.hub.is_empty() {
                println!("now write in {}:\n\n[uplink]\nhub = [\"{hub}\"]", asked.config.display());
            }
            ExitCode::SUCCESS
        }
        Err(why @ NotEnrolled::Keys(_)) => exit::fail(exit::IO, why),
        Err(why @ NotEnrolled::Refused(_)) => exit::fail(exit::REFUSED, why),
        Err(why) => exit::fail(exit::UNAVAILABLE, why),
    }
}

fn token(text: &str) -> io::Result<Token> {
    let mut read = String::new();
    if text == "-" {
        // A token has a hundred characters or so.
        io::stdin().take(4_096).read_to_string(&mut read)?;
    }
    let text = if text == "-" { &read } else { text };
    text.parse().map_err(io::Error::other)
}

/// Enrols the box whose data and configuration these are.
///
/// # Errors
/// When it gets no certificate.
pub fn enrol_in(
    (data, config): (&Path, &Path),
    hub: &str,
    token: &Token,
) -> Result<String, NotEnrolled> {
    let folder = driver::uplink::folder(data);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| NotEnrolled::Name)?;
    let enrol = || runtime.block_on(enrol(&folder, hub, token));
    // Root may enrol a box that runs as somebody else: its keys are that one's, and so is all that lies in its folder.
    match Owner::of_box(data, config) {
        Ok(owner) => owner.acts(enrol).map_err(|_| NotEnrolled::Name)?,
        Err(_) => enrol(),
    }
}

/// The line, for a terminal.
pub fn page(line: Option<&UplinkLine>) -> String {
    let Some(line) = line else {
        return "no hub is configured: nothing leaves the premises ([uplink] hub)\n".to_owned();
    };
    let mut rows = vec![("line", format!("{}, since {}", line.words, line.since))];
    rows.extend(line.hub.clone().map(|hub| ("hub", hub)));
    rows.extend(line.site.clone().map(|site| ("site", site)));
    rows.extend(line.certificate_ends.map(|ends| ("certificate", format!("until {ends}"))));
    rows.push(("the hub has", format!("all events up to {}", line.arrived)));
    let oldest = line.oldest.map(|at| format!(", the oldest from {at}")).unwrap_or_default();
    rows.push(("waiting", format!("{} events{oldest}", line.backlog)));
    if line.files > 0 || line.files_struck > 0 {
        let struck = match line.files_struck {
            0 => String::new(),
            struck => format!("; {struck} did not go: erased, past their time, or not taken"),
        };
        let megabytes = line.files_octets.div_ceil(1 << 20);
        rows.push(("files", format!("{} wait, {megabytes} MB{struck}", line.files)));
    }
    rows.extend(line.acknowledged.map(|at| ("last heard", at.to_string())));
    rows.into_iter().map(|(name, words)| format!("{name:<12} {words}\n")).collect()
}
