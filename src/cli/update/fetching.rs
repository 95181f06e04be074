//! `branchline update --fetch`: an update from a server, into a folder that is then taken as if a stick had brought it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use nix::sys::statvfs::statvfs;

use super::parts::{self, LONGEST_SIGNATURE, MANIFEST, SIGNATURE};
use super::place::{Looked, Place, at};
use super::{Failure, Options, anew, failed, take};
use crate::appliance::anew::LONGEST_WAIT;
use crate::appliance::manifest::{LONGEST, Manifest, Own, Part, Refused};
use crate::cli::exit;
use crate::config::settings::Update;
use crate::driver::clock;
use crate::driver::download::{Broken, Folder};

/// Where it is kept until it is written. Of root alone: nobody puts anything beside it.
const FETCHED: &str = "/var/lib/branchline-update/fetched";
/// What has not come to its end yet.
const PART: &str = "part";
/// Room that is left to everything else on the disk: journal and recordings of a night.
const SPARE: u64 = 256 << 20;

/// What a look at the server came to.
enum Found {
    /// What runs is what is there.
    Nothing(u32),
    /// It is written, by this look or by one before, and begins with the next start.
    Written(String),
}

/// Looks, takes what is newer, and writes down what came of it.
pub fn main(place: &Place, options: &Options) -> ExitCode {
    let (settings, zone) = place.settings(&options.config());
    let Some(from) = settings.from.clone().filter(|from| Update::is_source(from)) else {
        return match options.scheduled {
            true => ExitCode::SUCCESS,
            false => exit::fail(exit::CONFIG, "no server is set ([update] from, with https)"),
        };
    };
    let now = clock::now().unix;
    let left = settings.window.left(now, &zone);
    if options.scheduled && left.is_none() {
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let limit = left.unwrap_or(LONGEST_WAIT);
    let found = match left {
        None if !options.now => Err(Failure::OfficeHours(settings.window)),
        _ => look(place, options, &settings, limit),
    };
    let words = match &found {
        Ok(Found::Nothing(version)) => format!("nothing newer than version {version} is there"),
        Ok(Found::Written(words)) => words.clone(),
        Err(failure) => failure.to_string(),
    };
    if let Err(failure) = place.note_looked(&Looked { at: now, words: format!("{from}: {words}") })
    {
        eprintln!("branchline: {failure}");
    }
    match found {
        Err(failure) => failed(failure),
        Ok(found) => {
            println!("{words}");
            let restarts = options.restart && matches!(found, Found::Written(_));
            if !restarts {
                return ExitCode::SUCCESS;
            }
            anew::main(place, options, limit.saturating_sub(begun.elapsed()))
        }
    }
}

/// What came of the last look, for people.
pub fn said(place: &Place, zone: &TimeZone) -> Option<String> {
    let Looked { at, words } = place.looked()?;
    let at = jiff::Timestamp::from_microsecond(at.0).ok()?.to_zoned(zone.clone());
    Some(format!("looked for an update {}, {words}", at.strftime("%Y-%m-%d %H:%M")))
}

fn look(
    place: &Place,
    options: &Options,
    settings: &Update,
    limit: Duration,
) -> Result<Found, Failure> {
    place.running()?;
    let own = place.own()?;
    let folder = place.at(FETCHED);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let brought = at("a runtime", runtime)?.block_on(async {
        let bringing = bring(place, options, settings, &own, &folder);
        let brought = tokio::time::timeout(limit, bringing).await;
        brought.unwrap_or(Err(Failure::NotFetched(Broken::Late)))
    });
    let found = match brought {
        Ok(()) => take(place, &folder, options).map(Found::Written),
        Err(Failure::Refused(Refused::NotNewer { theirs, ours })) if theirs == ours => {
            Ok(Found::Nothing(ours))
        }
        Err(failure) => Err(failure),
    };
    // What did not come whole, or too late to be written, is used the next time; all else would lie there for nothing.
    if !matches!(found, Err(Failure::NotFetched(_) | Failure::Busy | Failure::OfficeHours(_))) {
        let _ = fs::remove_dir_all(&folder);
    }
    found
}

/// Everything of an update that this box needs, into the folder. Nothing but the manifest is asked for before it is signed, for
/// this box, newer, and not one that was taken back.
async fn bring(
    place: &Place,
    options: &Options,
    settings: &Update,
    own: &Own,
    folder: &Path,
) -> Result<(), Failure> {
    let from = settings.from.as_deref().unwrap_or_default();
    let server = Folder::new(from, settings.authorities.as_deref())?;
    let text = server.small(MANIFEST, LONGEST).await?.ok_or(Broken::Status(404))?;
    let signature = server.small(SIGNATURE, LONGEST_SIGNATURE).await?;
    let manifest = parts::accepted(place, &text, signature.as_deref(), own)?;
    if super::taken_before(place, &manifest, options)? {
        return keep(folder, &text, signature.as_deref().unwrap_or_default());
    }
    let wanted = wanted(&manifest, own);
    keep(folder, &text, signature.as_deref().unwrap_or_default())?;
    clear(folder, &wanted)?;
    has_room(folder, &wanted)?;
    for part in wanted {
        fetch(&server, folder, part).await?;
    }
    Ok(())
}

/// The difference to what runs in place of the root, where there is one.
fn wanted<'m>(manifest: &'m Manifest, own: &Own) -> [&'m Part; 3] {
    let root = manifest.delta(own.version).map_or(&manifest.root, |delta| &delta.part);
    [root, &manifest.hash, &manifest.kernel]
}

fn keep(folder: &Path, text: &[u8], signature: &[u8]) -> Result<(), Failure> {
    let kept = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let kept = kept.and_then(|()| fs::write(folder.join(MANIFEST), text));
    at(folder.display(), kept.and_then(|()| fs::write(folder.join(SIGNATURE), signature)))
}

/// Takes away what is of another update than this.
fn clear(folder: &Path, wanted: &[&Part]) -> Result<(), Failure> {
    let stays = |name: &str| {
        let file = name.strip_suffix(PART).and_then(|name| name.strip_suffix('.')).unwrap_or(name);
        [MANIFEST, SIGNATURE].contains(&name) || wanted.iter().any(|part| part.file == file)
    };
    for name in super::place::names(folder)?.iter().filter(|name| !stays(name)) {
        at(name, fs::remove_file(folder.join(name)))?;
    }
    Ok(())
}

fn has_room(folder: &Path, wanted: &[&Part]) -> Result<(), Failure> {
    let length = |path: PathBuf| fs::metadata(path).map_or(0, |file| file.len());
    let here = |part: &&Part| {
        length(folder.join(&part.file)) + length(folder.join(format!("{}.{PART}", part.file)))
    };
    let needed = wanted.iter().map(|part| part.bytes.saturating_sub(here(part))).sum::<u64>();
    let disk = at(folder.display(), statvfs(folder).map_err(Into::into))?;
    let free = disk.blocks_available() * disk.fragment_size();
    if free >= needed + SPARE { Ok(()) } else { Err(Failure::NoRoom(needed)) }
}

/// One part, unless it is here already. What has other bytes than were signed is begun anew the next time.
async fn fetch(server: &Folder, folder: &Path, part: &Part) -> Result<(), Failure> {
    let (whole, early) = (folder.join(&part.file), folder.join(format!("{}.{PART}", part.file)));
    if super::parts::part(folder, part).is_ok() {
        return Ok(());
    }
    let came = server.large(&part.file, part.bytes, &early).await;
    if matches!(came, Err(Broken::TooLong(_))) {
        let _ = fs::remove_file(&early);
    }
    came?;
    let bytes = at(early.display(), fs::read(&early))?;
    if let Err(refused) = part.check(&bytes) {
        let _ = fs::remove_file(&early);
        return Err(Failure::Refused(refused));
    }
    at(whole.display(), fs::rename(&early, &whole))
}
