//! The configuration's files: read, checked, and everything that they name along with them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::{self, Loaded, Problem, SecretRef};
use crate::gateway::Secrets;
use crate::gateway::prompts::Prompts;
use crate::ivr::Flows;
use crate::sip::auth::Secret;

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

/// Reads and checks everything but the secrets. Every mistake is listed.
pub fn check(path: &Path) -> Result<Checked, Vec<Problem>> {
    let loaded = config::load(path, &|path| fs::read_to_string(path))?;
    let mut problems = Vec::new();
    let prompts = prompts(&loaded, path, &mut problems);
    match loaded.flows(prompts.names()) {
        Ok(flows) if problems.is_empty() => Ok(Checked { loaded, flows, prompts }),
        Ok(_) => Err(problems),
        Err(mistakes) => {
            problems.extend(mistakes);
            Err(problems)
        }
    }
}

/// Reads and checks everything. Every mistake is listed.
pub fn load(path: &Path) -> Result<Ready, Vec<Problem>> {
    let checked = check(path)?;
    let mut problems = Vec::new();
    let mut secrets = Secrets::default();
    let settings = &checked.loaded.settings;
    for extension in &settings.extensions {
        if let Some(secret) = secret(&extension.secret, &mut problems) {
            secrets.phones.insert(extension.number.to_string(), secret);
        }
    }
    for trunk in &settings.trunks {
        let register = trunk.register.as_ref();
        if let Some(secret) = register.and_then(|register| secret(&register.secret, &mut problems))
        {
            secrets.trunks.insert(trunk.name.clone(), secret);
        }
    }
    if problems.is_empty() { Ok(Ready { checked, secrets }) } else { Err(problems) }
}

/// The built-in sounds and the site's own.
fn prompts(loaded: &Loaded, path: &Path, problems: &mut Vec<Problem>) -> Prompts {
    let mut prompts = Prompts::builtin();
    let Some(folder) = &loaded.settings.prompts.dir else { return prompts };
    let folder = path.parent().unwrap_or(Path::new("")).join(folder);
    let files = match sound_files(&folder) {
        Ok(files) => files,
        Err(error) => {
            problems.push(Problem::unreadable(&folder, &error));
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

fn secret(from: &SecretRef, problems: &mut Vec<Problem>) -> Option<Secret> {
    let path = match from {
        SecretRef::File(path) => path.clone(),
        SecretRef::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => Path::new(&folder).join(name),
            None => {
                let why = io::Error::other(
                    "$CREDENTIALS_DIRECTORY is not set: systemd sets it for LoadCredential=",
                );
                problems.push(Problem::unreadable(Path::new(name), &why));
                return None;
            }
        },
    };
    let found =
        fs::read_to_string(&path).and_then(|text| match text.trim_end_matches(['\r', '\n']) {
            "" => Err(io::Error::other("there is no secret in it")),
            secret => Ok(Secret::plain(secret)),
        });
    match found {
        Ok(secret) => Some(secret),
        Err(error) => {
            problems.push(Problem::unreadable(&path, &error));
            None
        }
    }
}
