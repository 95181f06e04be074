//! The configuration's files: read, checked, and everything that they name along with them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::admin::access::provider;
use crate::call::conference::Pin;
use crate::config::document::Step::{self, At, Key};
use crate::config::secret::{Owner, Wanted};
use crate::config::{self, Draft, Loaded, Problem, SecretRef};
use crate::driver::{clock, tls};
use crate::gateway::prompts::Prompts;
use crate::gateway::{Secrets, relays};
use crate::ivr::Flows;
use crate::messaging::adapter;
use crate::sip::auth::Secret;
use crate::sip::hep;
use crate::time::UnixTime;
use crate::webhook;

/// A configuration without mistakes, and what it names.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub loaded: Loaded,
    /// Its flows.
    pub flows: Flows,
    /// Every sound.
    pub prompts: Prompts,
}

/// A configuration that can be run.
#[derive(Debug)]
pub struct Ready {
    /// The configuration.
    pub checked: Checked,
    /// Passwords.
    pub secrets: Secrets,
}

/// Reads and checks everything but the secrets. Every mistake is listed; a secret that is not there is a warning, since
/// who checks need not be the one who may read it.
pub fn check(path: &Path) -> Result<Checked, Vec<Problem>> {
    check_with(path, &|path| fs::read_to_string(path))
}

/// The same for a text that is not in the file at `path` yet.
pub fn check_text(path: &Path, text: &str) -> Result<Checked, Vec<Problem>> {
    check_with(path, &|other| match other == path {
        true => Ok(text.to_owned()),
        false => fs::read_to_string(other),
    })
}

fn check_with(path: &Path, read: config::Read<'_>) -> Result<Checked, Vec<Problem>> {
    let Draft { mut loaded, mut problems } = config::draft(path, read)?;
    let before = problems.len();
    let prompts = prompts(&loaded, path, &mut problems);
    let all_sounds = problems.len() == before;
    let flows = loaded.flows(prompts.names());
    let good = !problems.iter().any(Problem::is_error);
    if good {
        certificates(&loaded, &mut problems);
        problems.extend(absent_secrets(&loaded));
    }
    match flows {
        Ok(flows) if !problems.iter().any(Problem::is_error) => {
            loaded.warnings = problems;
            Ok(Checked { loaded, flows, prompts })
        }
        flows => {
            // Without the site's own sounds, every flow that names one would look wrong.
            problems.extend(flows.err().filter(|_| all_sounds).unwrap_or_default());
            config::problem::order(&mut problems);
            Err(problems)
        }
    }
}

/// Reads and checks everything. Every mistake is listed.
pub fn load(path: &Path) -> Result<Ready, Vec<Problem>> {
    with_secrets(check(path)?)
}

/// The same for a text that is not in the file at `path` yet.
pub fn load_text(path: &Path, text: &str) -> Result<Ready, Vec<Problem>> {
    with_secrets(check_text(path, text)?)
}

fn with_secrets(checked: Checked) -> Result<Ready, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut secrets = Secrets::default();
    for wanted in checked.loaded.settings.secrets() {
        match (secret(wanted.from), wanted.owner) {
            (Ok(secret), Owner::Phone(extension)) => {
                secrets.phones.insert(extension.to_string(), Secret::plain(&secret));
            }
            (Ok(secret), Owner::Mailbox(extension)) => match pin(&secret) {
                Some(pin) => drop(secrets.pins.insert(extension, pin)),
                None => {
                    let what = format!("the PIN of the mailbox of {extension} is 4 to 12 digits");
                    problems.push(checked.loaded.problem(&wanted.at, what));
                }
            },
            (Ok(secret), Owner::Trunk(trunk)) => {
                secrets.trunks.insert(trunk, Secret::plain(&secret));
            }
            (Ok(secret), Owner::Conference(conference)) => match Pin::new(&secret) {
                Some(pin) => drop(secrets.conference_pins.insert(conference, pin)),
                None => {
                    let what = "the PIN is not 4 to 12 digits";
                    problems.push(checked.loaded.problem(&wanted.at, what));
                }
            },
            (Ok(secret), Owner::HotDesk(extension)) => match Pin::new(&secret) {
                Some(pin) => drop(secrets.desk_pins.insert(extension, pin)),
                None => {
                    let what = format!("the PIN of {extension} at other phones is 4 to 12 digits");
                    problems.push(checked.loaded.problem(&wanted.at, what));
                }
            },
            (Ok(secret), Owner::Hook(hook)) => match webhook::Secret::parse(&secret) {
                Ok(secret) => drop(secrets.hooks.insert(hook, secret)),
                Err(wrong) => {
                    problems.push(checked.loaded.problem(&wanted.at, wrong.to_string()));
                }
            },
            // The new ones stand before the old ones.
            (Ok(secret), Owner::OldHook(hook)) => match webhook::Secret::parse(&secret) {
                Ok(old) => {
                    let new = secrets.hooks.remove(&hook);
                    secrets.hooks.extend(new.map(|new| (hook, new.beside(old))));
                }
                Err(wrong) => {
                    problems.push(checked.loaded.problem(&wanted.at, wrong.to_string()));
                }
            },
            (Ok(secret), Owner::Account(trunk)) => {
                secrets.accounts.insert(trunk, Secret::plain(&secret));
            }
            (Ok(secret), Owner::Provider) => secrets.provider = Some(provider::Secret::new(secret)),
            (Ok(secret), Owner::Relays) => secrets.relays = Some(relays::Secret::new(&secret)),
            (Ok(secret), Owner::Channel(channel, key)) => {
                let own = checked.loaded.settings.channels.get(&channel);
                if let Some(what) = own.and_then(|own| own.mistake_in(key, &secret)) {
                    problems.push(checked.loaded.problem(&wanted.at, what));
                }
                secrets.channels.insert((channel, key), adapter::Secret::new(secret));
            }
            (Ok(secret), Owner::Application(name)) => {
                secrets.applications.insert(name, adapter::Secret::new(secret));
            }
            (Ok(secret), Owner::Sim(channel, sim)) => {
                let digits = (4..=8).contains(&secret.len());
                if !digits || !secret.bytes().all(|b| b.is_ascii_digit()) {
                    let what = format!("the PIN of the SIM {sim} is not 4 to 8 digits");
                    problems.push(checked.loaded.problem(&wanted.at, what));
                }
                secrets.sims.insert((channel, sim), adapter::Secret::new(secret));
            }
            (Ok(secret), Owner::CaptureServer) => match hep::Key::new(&secret) {
                Some(key) => secrets.capture = Some(key),
                None => {
                    let what = "the key is longer than the 255 bytes that a capture server takes";
                    problems.push(checked.loaded.problem(&wanted.at, what));
                }
            },
            (Err(why), owner) => {
                let what = format!("the secret of {owner} cannot be read: {why}");
                problems.push(checked.loaded.problem(&wanted.at, what));
            }
        }
    }
    if problems.is_empty() { Ok(Ready { checked, secrets }) } else { Err(problems) }
}

/// Files of secrets that are not there. Systemd's credentials exist only for the unit that runs.
fn absent_secrets(loaded: &Loaded) -> Vec<Problem> {
    let absent = |wanted: Wanted<'_>| match wanted.from {
        SecretRef::File(path) if matches!(path.try_exists(), Ok(false)) => {
            let what =
                format!("the secret of {} is not there yet: {}", wanted.owner, path.display());
            Some(loaded.problem(&wanted.at, what).warning())
        }
        _ => None,
    };
    loaded.settings.secrets().into_iter().filter_map(absent).collect()
}

/// The files of TLS that the configuration names.
fn certificates(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let sip = &loaded.settings.sip;
    let mut tell = |key, error: tls::NoIdentity| {
        let hidden = matches!(&error, tls::NoIdentity::File(_, why) if why.kind() == io::ErrorKind::PermissionDenied);
        let problem = loaded.problem(&[Key("sip"), Key(key)], error.to_string());
        problems.push(if hidden { problem.warning() } else { problem });
    };
    if let (Some(certificate), Some(key)) = (&sip.certificate, &sip.private_key) {
        let files = tls::Files { certificate: certificate.clone(), key: key.clone() };
        if let Err(error) = tls::read(&files) {
            let key = if error.file() == Some(key) { "private_key" } else { "certificate" };
            tell(key, error);
        }
    }
    if let Err(error) = tls::Proving::new(sip.authorities.as_deref()) {
        tell("authorities", error);
    }
    for (place, hook) in loaded.settings.webhooks.iter().enumerate() {
        let at = [Key("webhook"), At(place), Key("authorities")];
        problems
            .extend(hook.authorities.as_deref().and_then(|path| authorities(loaded, &at, path)));
    }
    for (name, channel) in &loaded.settings.channels {
        let at = [Key("channels"), Key(name.as_str()), Key("service"), Key("authorities")];
        let service = channel.service.as_ref();
        let path = service.and_then(|service| service.authorities.as_deref());
        problems.extend(path.and_then(|path| authorities(loaded, &at, path)));
        let at = [Key("channels"), Key(name.as_str()), Key("smpp"), Key("authorities")];
        let carrier = channel.smpp.as_ref();
        let own = carrier.and_then(|smpp| smpp.authorities.as_deref());
        problems.extend(own.and_then(|path| authorities(loaded, &at, path)));
    }
    let at = [Key("update"), Key("authorities")];
    let update = loaded.settings.update.authorities.as_deref();
    problems.extend(update.and_then(|path| authorities(loaded, &at, path)));
    let at = [Key("crm"), Key("authorities")];
    let crm = loaded.settings.crm.authorities.as_deref();
    problems.extend(crm.and_then(|path| authorities(loaded, &at, path)));
}

/// What is wrong with a file of authorities: it cannot be read, is no PEM, or all of it has expired. One of several that
/// has expired proves nobody and does no harm.
fn authorities(loaded: &Loaded, at: &[Step<'_>], path: &Path) -> Option<Problem> {
    let now = clock::now().unix;
    let told = |what: String| Some(loaded.problem(at, what));
    match tls::authorities(path) {
        Err(tls::NoIdentity::File(path, error)) => {
            let problem = told(format!("{} cannot be read: {error}", path.display()));
            // Who checks need not be the one who runs it.
            match error.kind() {
                io::ErrorKind::PermissionDenied => problem.map(Problem::warning),
                _ => problem,
            }
        }
        Err(error) => told(error.to_string()),
        Ok(ends) => {
            let over: Vec<_> = ends.iter().flatten().filter(|end| **end <= now).collect();
            let what = |end: &UnixTime| {
                format!("{}: a certificate in it has expired, on {end}", path.display())
            };
            let problem = over.iter().max().and_then(|last| told(what(last)));
            if over.len() == ends.len() { problem } else { problem.map(Problem::warning) }
        }
    }
}

/// The built-in sounds and the site's own.
fn prompts(loaded: &Loaded, path: &Path, problems: &mut Vec<Problem>) -> Prompts {
    let mut prompts = Prompts::builtin();
    let Some(folder) = &loaded.settings.prompts.dir else { return prompts };
    let folder = path.parent().unwrap_or(Path::new("")).join(folder);
    let files = match sound_files(&folder) {
        Ok(files) => files,
        Err(error) => {
            let what = format!("the folder {} cannot be read: {error}", folder.display());
            problems.push(loaded.problem(&[Key("prompts"), Key("dir")], what));
            return prompts;
        }
    };
    for (name, file) in files {
        let added = fs::read(&file).map(|bytes| prompts.add(&name, &bytes));
        let error = match added {
            Ok(Ok(())) => continue,
            Ok(Err(bad)) => io::Error::other(bad.to_string()),
            Err(error) => error,
        };
        problems.push(Problem::unreadable(&file, &error));
    }
    prompts
}

fn sound_files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".wav"));
        if let Some(name) = name {
            files.push((name.to_owned(), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}

/// The PIN of a mailbox, if it is one: 4 to 12 digits.
fn pin(digits: &str) -> Option<String> {
    let good = (4..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    good.then(|| digits.to_owned())
}

fn secret(from: &SecretRef) -> Result<String, String> {
    let path = match from {
        SecretRef::File(path) => path.clone(),
        SecretRef::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => Path::new(&folder).join(name),
            None => {
                return Err(format!(
                    "credential `{name}` needs $CREDENTIALS_DIRECTORY, which systemd sets for LoadCredential="
                ));
            }
        },
    };
    let told = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| told(&error))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(told(&"there is no secret in it")),
        secret => Ok(secret.to_owned()),
    }
}
