//! `branchline backup`: everything that the box knows, in one encrypted file, while it runs.
//!
//! The order makes it consistent: what is sent home before the journal, keys and sound after it. So nothing in the file speaks
//! of a record that the file has not; what happened meanwhile is in the next one. What is made again from the journal
//! stays out. The file is read back before the old ones go.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use nix::fcntl::{Flock, FlockArg};

use crate::appliance::backup::{
    END, End, HEAD, Head, Outcome, PIECE, Pieces, Place, RESULT, Secret, belongs, file_name,
    too_old,
};
use crate::cli::owner::Owner;
use crate::cli::{check, exit, restore};
use crate::config::Settings;
use crate::driver;
use crate::driver::{clock, segments, whole};
use crate::journal::record::{Found, decode};
use crate::random::Random;

/// Files up to this length are read at once, so that one that grows meanwhile is still one whole file. Longer ones are segments
/// and sound, which are written once.
const AT_ONCE: u64 = 8 << 20;
/// What stands beside the configuration and belongs to it whether it names it or not.
const BESIDE: [&str; 4] = ["secrets", "credentials", "set-up", "network.json"];

/// The ending of one that is not whole yet.
const PART: &str = "part";

/// What `branchline backup` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The folder or the file that it goes to. [default: `[backup] folder`]
    #[arg(long)]
    to: Option<PathBuf>,
    /// The configuration file.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// Without sound: neither messages that callers left nor recordings.
    #[arg(long)]
    no_recordings: bool,
    /// As the timer does it: nothing to do without `[backup] folder`, and no recovery key is made.
    #[arg(long, conflicts_with = "to")]
    scheduled: bool,
    #[command(flatten)]
    key: Key,
}

/// What a backup is locked with.
#[derive(Debug, Args)]
pub struct Key {
    /// A file with a passphrase in its first line; `-` reads it from standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    passphrase_file: Option<PathBuf>,
    /// A file with the recovery key. [default: `[backup] key_file`]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Why there is no backup, and nothing of one.
#[derive(Debug)]
pub enum Failure {
    /// Nobody said where it goes.
    NoTarget,
    /// There is no recovery key, and a timer cannot show one to anybody.
    NoKey(PathBuf),
    /// What is in that file is no key, or no passphrase.
    BadKey(PathBuf),
    /// The system gave no randomness or no memory.
    System,
    /// What was written reads back otherwise.
    ReadBack(String),
    /// Where it goes cannot be written to.
    Target(PathBuf, io::Error),
    /// A file or folder.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::NoTarget => {
                f.write_str("say where it goes: --to FOLDER, or `folder` in [backup]")
            }
            Failure::NoKey(path) => write!(
                f,
                "there is no recovery key in {}: run `branchline backup` once by hand and keep what it prints",
                path.display()
            ),
            Failure::BadKey(path) => {
                write!(f, "{} has no recovery key or passphrase in it", path.display())
            }
            Failure::System => f.write_str("the system gave no randomness or memory"),
            Failure::ReadBack(why) => write!(f, "what was written does not read back: {why}"),
            // Where a disk should be, and is not, the box's own root shows, which nobody writes to.
            Failure::Target(path, error) => {
                let path = path.display();
                write!(f, "{path}: {error}; plug the backup disk in, or mount the share")
            }
            // FAT ends at 4 GiB.
            Failure::Io(path, error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let path = path.display();
                write!(f, "{path}: {error} for this disk's file system: format it as exFAT or ext4")
            }
            Failure::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |error| Failure::Io(path.clone(), error)
}

/// Makes one, and says what is in it.
pub fn main(options: &Options) -> ExitCode {
    if let Err(error) = restore::finish(&options.config) {
        return exit::fail(exit::IO, error);
    }
    let settings = match driver::files::check(&options.config) {
        Ok(checked) => checked.loaded.settings,
        Err(problems) => {
            eprint!("{}", check::problems(&problems));
            return exit::fail(exit::CONFIG, "no backup was made; mend the configuration first");
        }
    };
    if options.scheduled && settings.backup.folder.is_none() {
        println!("no folder is set for backups ([backup] folder)");
        return ExitCode::SUCCESS;
    }
    let made = make(options, &settings);
    keep_outcome(&settings.site.data_dir, &options.config, &made);
    match made {
        Ok(made) => {
            println!("{}", made.words());
            ExitCode::SUCCESS
        }
        Err(failure @ Failure::NoTarget) => exit::fail(exit::USAGE, failure),
        Err(failure @ Failure::BadKey(_)) => exit::fail(exit::DATA, failure),
        Err(failure) => exit::fail(exit::IO, failure),
    }
}

/// One that was made.
#[derive(Debug)]
struct Made {
    file: PathBuf,
    octets: u64,
    end: End,
    left_out: Vec<String>,
    gone: usize,
}

impl Made {
    fn words(&self) -> String {
        let mut words = format!(
            "{}: {} files, up to record {} of the journal, {} kB; read back and whole",
            self.file.display(),
            self.end.files,
            self.end.record,
            self.octets.div_ceil(1_000)
        );
        for out in &self.left_out {
            words.push_str(&format!("\nnot in it: {out}"));
        }
        if self.gone > 0 {
            words.push_str(&format!("\n{} older ones are gone", self.gone));
        }
        words
    }
}

/// What the status of the box shows of it. Who made it by hand may be another account than the box's.
fn keep_outcome(data: &Path, config: &Path, made: &Result<Made, Failure>) {
    let path = data.join(RESULT);
    let before = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let before: Outcome = before.unwrap_or_default();
    let outcome = match made {
        Ok(made) => Outcome { good: Some(clock::now().unix), octets: made.octets, failed: None },
        Err(failure) => Outcome { failed: Some(failure.to_string()), ..before },
    };
    let bytes = serde_json::to_vec(&outcome).unwrap_or_default();
    let kept = as_the_box(data, config, || whole::write(&path, &bytes, 0o600));
    if let Err(error) = kept {
        eprintln!("branchline: {}: {error}", path.display());
    }
}

/// Root writes what the configuration names with no more power than the box has, whose account may have written it.
fn as_the_box(data: &Path, config: &Path, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    Owner::of_box(data, config)?.does(act)
}

/// The account that a folder belongs to gets the file too.
pub fn give_to_owner(path: &Path, folder: &Path) -> io::Result<()> {
    let owner = fs::metadata(folder)?;
    let own = fs::symlink_metadata(path)?;
    match (own.uid(), own.gid()) == (owner.uid(), owner.gid()) {
        true => Ok(()),
        false => std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid())),
    }
}

fn make(options: &Options, settings: &Settings) -> Result<Made, Failure> {
    let now = clock::now().unix;
    let mut random = clock::random().ok_or(Failure::System)?;
    let key = fs::read(settings.site.data_dir.join("keys/seal.pub")).unwrap_or_default();
    let name = file_name(&settings.site.name, &key, now);
    let to = options.to.as_ref().or(settings.backup.folder.as_ref()).ok_or(Failure::NoTarget)?;
    // What the configuration names is a folder, and a disk's place when the disk is in.
    let is_file = options.to.is_some() && !to.is_dir();
    let file = if is_file { to.clone() } else { to.join(&name) };
    let folder = file.parent().map_or(PathBuf::from("."), |own| match own.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => own.to_owned(),
    });
    let folder = folder.canonicalize().map_err(|error| Failure::Target(folder, error))?;
    let secret = secret(options, settings, &mut random)?;
    let config = options.config.canonicalize().map_err(at(&options.config))?;
    let mut source = Source::new(settings, &config, folder.clone(), options)?;
    let head = Head {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        site: settings.site.name.clone(),
        at: now,
        config,
        data: source.data.clone(),
        left_out: source.left_out.clone(),
    };
    let own = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let draft = folder.join(format!(".{own}.{PART}"));
    if options.to.is_none() {
        forget_parts(&folder, &name);
    }
    let written = new_draft(&draft).map_err(|error| Failure::Target(draft.clone(), error))?;
    // Until it has its name: nobody takes it for one that was cut off.
    let _lock = written.try_clone().ok().map(|own| Flock::lock(own, FlockArg::LockExclusive));
    let end = match source.write(written, &draft, &head, &secret, &mut random) {
        Ok(end) => end,
        Err(failure) => {
            let _ = fs::remove_file(&draft);
            return Err(failure);
        }
    };
    let read = File::open(&draft).map_err(at(&draft)).and_then(|written| {
        let found = restore::verify(written, &secret);
        found.map_err(|error| Failure::ReadBack(error.to_string()))
    });
    if !read.as_ref().is_ok_and(|(_, found)| *found == end) {
        let _ = fs::remove_file(&draft);
        return Err(read.err().unwrap_or(Failure::ReadBack("files are missing".to_owned())));
    }
    fs::rename(&draft, &file).map_err(at(&file))?;
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(at(&folder))?;
    let octets = fs::metadata(&file).map_err(at(&file))?.len();
    let gone = match options.to {
        None => clear(&folder, &name, settings.backup.keep.into())?,
        Some(_) => 0,
    };
    Ok(Made { file, octets, end, left_out: source.left_out, gone })
}

fn new_draft(draft: &Path) -> io::Result<File> {
    // What lies there from before goes, and is never written through: it may be a link.
    let _nothing_there = fs::remove_file(draft);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)
}

/// Takes away what earlier ones of this box left when they were cut off, and not what another command is writing just now. One that
/// stays is in nobody's way.
fn forget_parts(folder: &Path, name: &str) {
    let series = name.rsplit_once('-').map_or(name, |(series, _)| series);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name().into_string().unwrap_or_default();
        let stem = other.strip_prefix('.').and_then(|other| other.strip_suffix(PART));
        let own = stem.and_then(|stem| stem.rsplit_once('-')).is_some_and(|(own, _)| own == series);
        if own && is_left(&entry.path()) {
            let _it_stays = fs::remove_file(entry.path());
        }
    }
}

fn is_left(draft: &Path) -> bool {
    let mut open = OpenOptions::new();
    open.read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    let file = open.open(draft);
    file.is_ok_and(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok())
}

/// Takes away what is above the number that is kept. Answers how many.
fn clear(folder: &Path, newest: &str, keep: usize) -> Result<usize, Failure> {
    let names = fs::read_dir(folder)
        .map_err(at(folder))?
        .filter_map(|entry| entry.ok().and_then(|entry| entry.file_name().into_string().ok()));
    let names: Vec<String> = names.collect();
    let old = too_old(&names, newest, keep);
    for name in &old {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(at(&path))?;
    }
    Ok(old.len())
}

/// What it is locked with; a recovery key that is not there yet is made, and printed this once.
fn secret(options: &Options, settings: &Settings, random: &mut Random) -> Result<Secret, Failure> {
    if options.key.passphrase_file.is_some()
        || options.key.key_file.as_ref().is_some_and(|path| path.exists())
    {
        return options.key.read();
    }
    if options.key.key_file.is_none()
        && let Some(path) = &settings.backup.passphrase_file
    {
        return Key { passphrase_file: Some(path.clone()), key_file: None }.read();
    }
    let data = &settings.site.data_dir;
    let own = options.key.key_file.as_ref().or(settings.backup.key_file.as_ref());
    let path = own.cloned().unwrap_or_else(|| data.join("keys/backup"));
    let path = std::path::absolute(&path).map_err(at(&path))?;
    match fs::read_to_string(&path) {
        Ok(text) => Secret::from_paper(&text).ok_or(Failure::BadKey(path)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path)(error)),
        Err(_) if options.scheduled => Err(Failure::NoKey(path)),
        Err(_) => {
            let secret = Secret::new(random);
            let paper = secret.on_paper().unwrap_or_default();
            let keep = || whole::write(&path, paper.as_bytes(), 0o600);
            let kept = match options.key.key_file {
                Some(_) => keep().and_then(|()| give_to_owner(&path, data)),
                None => as_the_box(data, &options.config, keep),
            };
            kept.map_err(at(&path))?;
            println!(
                "This is the recovery key of this box's backups. Write it down and keep it away from the box: without it no\n\
                 backup can be read. It is not shown again.\n\n  {paper}\n"
            );
            Ok(secret)
        }
    }
}

impl Key {
    /// Reads what was named.
    ///
    /// # Errors
    /// When nothing was, or there is no key in it.
    pub fn read(&self) -> Result<Secret, Failure> {
        let (path, passphrase) = match (&self.passphrase_file, &self.key_file) {
            (Some(path), _) => (path, true),
            (None, Some(path)) => (path, false),
            (None, None) => return Err(Failure::NoKey(PathBuf::from("--key-file"))),
        };
        let text = match path.as_os_str() == "-" {
            true => io::read_to_string(io::stdin()),
            false => fs::read_to_string(path),
        };
        let text = text.map_err(at(path))?;
        // Some editors begin a file with a mark of its encoding.
        let text = text.trim_start_matches('\u{feff}');
        let words = text.lines().next().unwrap_or_default();
        let secret = match passphrase {
            true => (!words.is_empty()).then(|| Secret::Passphrase(words.to_owned())),
            false => Secret::from_paper(text),
        };
        secret.ok_or_else(|| Failure::BadKey(path.clone()))
    }
}

/// Everything that goes into one.
struct Source {
    data: PathBuf,
    config: PathBuf,
    recordings: bool,
    /// Files beside the configuration, below its folder.
    beside: BTreeSet<PathBuf>,
    left_out: Vec<String>,
    end: End,
}

type Packed = tar::Builder<GzEncoder<Sealed<File>>>;

impl Source {
    fn new(
        settings: &Settings,
        config: &Path,
        target: PathBuf,
        options: &Options,
    ) -> Result<Source, Failure> {
        let data = &settings.site.data_dir;
        let data = data.canonicalize().map_err(at(data))?;
        let folder = config.parent().unwrap_or(Path::new("/")).to_owned();
        let recordings = settings.backup.recordings && !options.no_recordings;
        let mut left_out = Vec::new();
        if !recordings {
            left_out.push("sound: messages that callers left, and recordings".to_owned());
        }
        // The night's backup may not even look.
        let sealed = match fs::read_dir(folder.join("sealed")) {
            Ok(mut sealed) => sealed.next().is_some(),
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        };
        if sealed {
            left_out.push(
                "sealed credentials, which no other machine opens: seal them anew there".to_owned(),
            );
        }
        let text = fs::read_to_string(config).map_err(at(config))?;
        let mut named = BTreeSet::new();
        if let Ok(table) = text.parse::<toml::Table>() {
            strings(&toml::Value::Table(table), &mut named);
        }
        let history = config.with_extension("history");
        let own = [config.to_owned(), history].into_iter();
        let own = own.chain(BESIDE.iter().map(|name| folder.join(name)));
        let named = named.iter().map(|name| folder.join(name)).filter(|path| path.exists());
        // Backups that lie there already are in no backup.
        let inside = target != folder && target.starts_with(&folder);
        let mut beside = BTreeSet::new();
        for path in own.chain(named.collect::<Vec<_>>()) {
            let Ok(path) = path.canonicalize() else { continue };
            // A configuration that names its own folder does not mean everything that is in it.
            let within =
                folder.starts_with(&path) || path.starts_with(&data) || data.starts_with(&path);
            match path.strip_prefix(&folder) {
                _ if within => {}
                Ok(_) => walk(&path, &mut left_out, &mut |file| {
                    if !(inside && file.starts_with(&target)) {
                        beside.extend(file.strip_prefix(&folder).ok().map(Path::to_owned));
                    }
                }),
                Err(_) if path.is_file() => {
                    left_out
                        .push(format!("{}, which is elsewhere: keep a copy of it", path.display()));
                }
                Err(_) => {}
            }
        }
        beside.retain(|path| {
            path.extension().is_none_or(|end| end != crate::appliance::backup::ENDING)
        });
        Ok(Source { data, config: folder, recordings, beside, left_out, end: End::default() })
    }

    fn write(
        &mut self,
        written: File,
        draft: &Path,
        head: &Head,
        secret: &Secret,
        random: &mut Random,
    ) -> Result<End, Failure> {
        let pieces = Pieces::new(secret, random).ok_or(Failure::System)?;
        let sealed = Sealed::new(written, pieces).map_err(at(draft))?;
        let mut packed = tar::Builder::new(GzEncoder::new(sealed, Compression::fast()));
        add(&mut packed, Path::new(HEAD), 0o600, &serde_json::to_vec(head).unwrap_or_default())
            .map_err(at(draft))?;
        self.outbox(&mut packed)?;
        self.journal(&mut packed)?;
        self.rest(&mut packed)?;
        for below in self.beside.clone() {
            self.file(&mut packed, &self.config.join(&below), &Place::Config(below))?;
        }
        add(&mut packed, Path::new(END), 0o600, &serde_json::to_vec(&self.end).unwrap_or_default())
            .map_err(at(draft))?;
        let file = packed.into_inner().and_then(GzEncoder::finish).and_then(Sealed::finish);
        file.and_then(|file| file.sync_all()).map_err(at(draft))?;
        Ok(self.end.clone())
    }

    /// What waits for head office. Where it has less than the journal it is made again from it, so it goes first.
    fn outbox(&mut self, packed: &mut Packed) -> Result<(), Failure> {
        self.below(packed, &driver::outbox::folder(&self.data))
    }

    /// The journal up to its last whole record.
    fn journal(&mut self, packed: &mut Packed) -> Result<(), Failure> {
        let folder = driver::journal::folder(&self.data);
        let segments = match segments::list(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            segments => segments.map_err(at(&folder))?,
        };
        let count = segments.len();
        for (number, segment) in segments.into_iter().enumerate() {
            let below = segment.path.strip_prefix(&self.data).unwrap_or(&segment.path).to_owned();
            if number + 1 < count {
                self.file(packed, &segment.path, &Place::Data(below))?;
                continue;
            }
            let mut bytes = fs::read(&segment.path).map_err(at(&segment.path))?;
            let (whole, record) = whole_records(&bytes);
            bytes.truncate(whole);
            self.end.record = record.unwrap_or(segment.first.saturating_sub(1));
            add(packed, &Place::Data(below).name(), 0o600, &bytes).map_err(at(&segment.path))?;
            self.end.files += 1;
        }
        Ok(())
    }

    /// Keys, sound, certificates, what modems and channels have noted.
    fn rest(&mut self, packed: &mut Packed) -> Result<(), Failure> {
        let mut tops = Vec::new();
        for entry in fs::read_dir(&self.data).map_err(at(&self.data))? {
            tops.push(entry.map_err(at(&self.data))?.path());
        }
        let before = [driver::outbox::folder(&self.data), driver::journal::folder(&self.data)];
        tops.retain(|top| !before.contains(top));
        tops.sort();
        tops.iter().try_for_each(|top| self.below(packed, top))
    }

    fn below(&mut self, packed: &mut Packed, top: &Path) -> Result<(), Failure> {
        let mut files = Vec::new();
        let (data, recordings) = (self.data.clone(), self.recordings);
        let wanted =
            |path: &Path| path.strip_prefix(&data).is_ok_and(|below| belongs(below, recordings));
        if !wanted(top) {
            return Ok(());
        }
        walk(top, &mut self.left_out, &mut |file| {
            files.extend(wanted(file).then(|| file.to_owned()))
        });
        files.sort();
        for file in files {
            let below = file.strip_prefix(&data).unwrap_or(&file).to_owned();
            self.file(packed, &file, &Place::Data(below))?;
        }
        Ok(())
    }

    /// One file. One that went away meanwhile has been forgotten by the box.
    fn file(&mut self, packed: &mut Packed, path: &Path, place: &Place) -> Result<(), Failure> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(path)(error)),
        };
        let about = file.metadata().map_err(at(path))?;
        let mode = about.permissions().mode() & 0o700;
        if about.len() <= AT_ONCE {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(at(path))?;
            add(packed, &place.name(), mode, &bytes).map_err(at(path))?;
        } else {
            let mut header = header(mode, about.len());
            let exactly = Exactly { file, left: about.len() };
            packed.append_data(&mut header, place.name(), exactly).map_err(at(path))?;
        }
        self.end.files += 1;
        Ok(())
    }
}

/// Every string of a configuration: some are paths.
fn strings(value: &toml::Value, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::String(text) if !text.is_empty() => drop(found.insert(text.clone())),
        toml::Value::Array(all) => all.iter().for_each(|one| strings(one, found)),
        toml::Value::Table(all) => all.iter().for_each(|(_, one)| strings(one, found)),
        _ => {}
    }
}

/// Every file at and below a path; what nobody may look into is left out, in words.
fn walk(path: &Path, left_out: &mut Vec<String>, found: &mut dyn FnMut(&Path)) {
    let Ok(about) = fs::symlink_metadata(path) else { return };
    if about.is_file() {
        found(path);
    } else if about.is_dir() {
        match fs::read_dir(path) {
            Ok(entries) => entries
                .filter_map(Result::ok)
                .for_each(|entry| walk(&entry.path(), left_out, found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => left_out.push(format!("{}: {error}", path.display())),
        }
    }
}

/// Octets up to the end of the last whole record, and its number.
fn whole_records(bytes: &[u8]) -> (usize, Option<u64>) {
    let (mut place, mut whole, mut last) = (0, 0, None);
    while let Some(rest) = bytes.get(place..) {
        match decode(rest) {
            Found::Record(record) => {
                place += record.bytes.len();
                (whole, last) = (place, Some(record.seq));
            }
            Found::Damage(length) if length > 0 => place += length,
            _ => break,
        }
    }
    (whole, last)
}

fn header(mode: u32, length: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(mode);
    header.set_mtime(0);
    header
}

fn add(packed: &mut Packed, name: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    packed.append_data(&mut header(mode, bytes.len() as u64), name, bytes)
}

/// So many octets of a file and no more; fewer are an error, since a header has promised them.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read(&mut into[..most])?;
        self.left -= read as u64;
        match read == 0 && self.left > 0 && most > 0 {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(read),
        }
    }
}

/// Seals what is written.
struct Sealed<W> {
    to: W,
    pieces: Pieces,
    piece: Vec<u8>,
}

impl<W: Write> Sealed<W> {
    fn new(mut to: W, pieces: Pieces) -> io::Result<Self> {
        to.write_all(pieces.front())?;
        Ok(Sealed { to, pieces, piece: Vec::with_capacity(PIECE) })
    }

    fn put(&mut self, last: bool) -> io::Result<()> {
        self.pieces.seal(&mut self.piece, last);
        self.to.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits until it is known not to be the last.
        if self.piece.len() == PIECE && !bytes.is_empty() {
            self.put(false)?;
        }
        let take = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend(&bytes[..take]);
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens what is read: fails at the piece that is not as it was sealed.
pub struct Opened<R> {
    from: BufReader<R>,
    pieces: Pieces,
    piece: Vec<u8>,
    place: usize,
    ended: bool,
}

impl<R: Read> Opened<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// A verdict of the form's, as an error that wraps it, or one of reading.
    pub fn new(from: R, secret: &Secret) -> io::Result<Self> {
        use crate::appliance::backup::{FRONT, Wrong};
        let mut from = BufReader::with_capacity(PIECE, from);
        let mut front = [0; FRONT];
        from.read_exact(&mut front).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other(restore::Said(Wrong::NoBackup)),
            _ => error,
        })?;
        let pieces =
            Pieces::open(&front, secret).map_err(|wrong| io::Error::other(restore::Said(wrong)))?;
        Ok(Opened { from, pieces, piece: Vec::new(), place: 0, ended: false })
    }

    fn next(&mut self) -> io::Result<()> {
        use std::io::BufRead;
        let most = (PIECE + crate::appliance::backup::TAG) as u64;
        self.piece.clear();
        (&mut self.from).take(most).read_to_end(&mut self.piece)?;
        self.ended = self.from.fill_buf()?.is_empty();
        self.place = 0;
        let opened = self.pieces.unseal(&mut self.piece, self.ended);
        opened.map_err(|wrong| {
            self.piece.clear();
            io::Error::other(restore::Said(wrong))
        })
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.place == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            self.next()?;
        }
        let rest = &self.piece[self.place..];
        let take = rest.len().min(into.len());
        into[..take].copy_from_slice(&rest[..take]);
        self.place += take;
        Ok(take)
    }
}
