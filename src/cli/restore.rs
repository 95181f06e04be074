//! `branchline restore`: a backup, brought back on this box or on new hardware.
//!
//! Everything is written beside its place first, in a folder `.restore`, and checked to its last octet. Then one small file
//! says that it is whole; from there on the new state is the one that counts, and whoever comes next carries it out to the
//! end: this command, or the next start of the box after a power cut. Before that file nothing was changed. What was there
//! goes into folders `before-restore-TIME` and is never deleted.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use flate2::read::GzDecoder;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::appliance::backup::{END, End, HEAD, Head, Place, STAGE, Secret, Wrong, relocated};
use crate::cli::backup::{Failure as KeyFailure, Key, Opened, give_to_owner};
use crate::cli::exit;
use crate::cli::owner::Owner;
use crate::driver::{clock, files, journal, segments, whole};

/// It is being brought beside its place; nothing was changed.
const BEGUN: &str = "begun.json";
/// Everything is beside its place.
const READY: &str = "ready.json";
/// What was there is away, and the new is going in.
const MOVING: &str = "moving.json";
/// What is not in its place yet.
const NEW: &str = "new";
/// Where what was there goes, with the time behind it.
const BEFORE: &str = "before-restore-";
/// Of the first and last entry, which are small.
const LONGEST_ENTRY: u64 = 1 << 20;

/// What `branchline restore` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The backup; without one, a restore that was cut off is carried out to its end.
    file: Option<PathBuf>,
    /// Where the configuration goes.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// Where the data goes. [default: where it was; below the configuration's folder if it was there]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Though this box has data already: it is set aside.
    #[arg(long)]
    over: bool,
    /// Read it to its end, say what is in it, and change nothing.
    #[arg(long)]
    check: bool,
    /// Though this version, or this box, cannot run with the configuration that is in it.
    #[arg(long)]
    unchecked: bool,
    #[command(flatten)]
    key: Key,
}

/// A verdict of the form's, as an error of reading.
#[derive(Debug)]
pub struct Said(pub Wrong);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Said {}

/// Why nothing was changed.
#[derive(Debug)]
pub enum Failure {
    /// It does not open.
    Backup(Wrong),
    /// The key cannot be had.
    Key(KeyFailure),
    /// There is something that would be set aside, and nobody said `--over`.
    HasData(PathBuf),
    /// The box runs.
    Running,
    /// The program would not start with what is in it, and why.
    Unfit(String),
    /// Root may not act as the box's account.
    Account(Errno),
    /// A file or folder.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Backup(wrong) => write!(f, "{wrong}; nothing was changed"),
            Failure::Key(KeyFailure::NoKey(_)) => f.write_str("say what opens it: --key-file FILE with the recovery key, or --passphrase-file FILE"),
            Failure::Key(failure) => failure.fmt(f),
            Failure::HasData(path) => write!(f, "{} is there already: this box has data. With --over it is set aside, not deleted", path.display()),
            Failure::Unfit(problems) => write!(f, "{problems}this box would not start with the configuration in the backup; nothing was changed. Put right what is missing here, or bring it back with --unchecked and mend it then"),
            Failure::Running => f.write_str("the box is running: stop it first, `systemctl stop branchline.target`"),
            Failure::Account(error) => write!(f, "the files' account cannot be taken on: {error}"),
            Failure::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Failure {
        Failure::Account(error)
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |error| match said(&error) {
        Some(wrong) => Failure::Backup(wrong),
        None => Failure::Io(path.clone(), error),
    }
}

/// The verdict inside an error that others have wrapped.
fn said(error: &io::Error) -> Option<Wrong> {
    let mut next: Option<&(dyn Error + 'static)> = error.get_ref().map(|own| own as _);
    while let Some(one) = next {
        if let Some(Said(wrong)) = one.downcast_ref() {
            return Some(*wrong);
        }
        if let Some(wrong) = one.downcast_ref().and_then(said) {
            return Some(wrong);
        }
        next = one.source();
    }
    None
}

/// Brings it back, or says why not.
pub fn main(options: &Options) -> ExitCode {
    let done = match &options.file {
        None => finish(&options.config).map(|finished| match finished {
            true => "the restore that was cut off is carried out".to_owned(),
            false => "no restore was cut off here; name a backup".to_owned(),
        }),
        Some(file) if options.check => look(file, options),
        Some(file) => finish(&options.config).and_then(|_| restore(file, options)),
    };
    match done {
        Ok(words) => {
            println!("{words}");
            ExitCode::SUCCESS
        }
        Err(failure @ (Failure::Backup(_) | Failure::Key(_))) => exit::fail(exit::DATA, failure),
        Err(failure @ Failure::Unfit(_)) => exit::fail(exit::CONFIG, failure),
        Err(failure @ Failure::HasData(_)) => exit::fail(exit::REFUSED, failure),
        Err(failure @ Failure::Running) => exit::fail(exit::UNAVAILABLE, failure),
        Err(failure) => exit::fail(exit::IO, failure),
    }
}

fn look(file: &Path, options: &Options) -> Result<String, Failure> {
    let secret = options.key.read().map_err(Failure::Key)?;
    let (head, end) = verify(File::open(file).map_err(at(file))?, &secret).map_err(at(file))?;
    Ok(told(&head, &end))
}

fn told(head: &Head, end: &End) -> String {
    let mut words = format!(
        "{}, {}: {} files, up to record {} of the journal, made by version {}",
        head.site, head.at, end.files, end.record, head.version
    );
    for out in &head.left_out {
        words.push_str(&format!("\nnot in it: {out}"));
    }
    words
}

/// Reads a backup to its end.
///
/// # Errors
/// When it is not whole, or does not open.
pub fn verify(file: File, secret: &Secret) -> io::Result<(Head, End)> {
    each(file, secret, &mut |_, _, _, content| io::copy(content, &mut io::sink()).map(drop))
}

/// What is done with each file: the head, its place, its mode, what is in it.
type Take<'t> = &'t mut dyn FnMut(&Head, &Place, u32, &mut dyn Read) -> io::Result<()>;

/// Hands over each file of a backup. Nothing of it may be believed before this has come to its end.
fn each(file: File, secret: &Secret, take: Take<'_>) -> io::Result<(Head, End)> {
    let wrong = |wrong| io::Error::other(Said(wrong));
    let mut unpacked = GzDecoder::new(Opened::new(file, secret)?);
    let mut archive = tar::Archive::new(&mut unpacked);
    let (mut head, mut end, mut files) = (None, None, 0_u64);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let mode = entry.header().mode()? & 0o700;
        if !entry.header().entry_type().is_file() || end.is_some() {
            return Err(wrong(Wrong::Entry));
        }
        match (&head, name.to_str()) {
            (None, Some(HEAD)) => head = Some(read_small(&mut entry)?),
            (Some(_), Some(END)) => end = Some(read_small(&mut entry)?),
            (Some(head), _) => {
                let place = Place::from_name(&name).ok_or_else(|| wrong(Wrong::Entry))?;
                take(head, &place, mode, &mut entry)?;
                files += 1;
            }
            (None, _) => return Err(wrong(Wrong::Entry)),
        }
    }
    // To the last octet of the file, which is sealed as the last.
    io::copy(&mut unpacked, &mut io::sink())?;
    io::copy(unpacked.get_mut(), &mut io::sink())?;
    match (head, end) {
        (Some(head), Some(end)) if End { files, ..end } == end => Ok((head, end)),
        _ => Err(wrong(Wrong::Short)),
    }
}

fn read_small<T: serde::de::DeserializeOwned>(from: &mut dyn Read) -> io::Result<T> {
    let mut bytes = Vec::new();
    from.take(LONGEST_ENTRY).read_to_end(&mut bytes)?;
    serde_json::from_slice(&bytes).map_err(|_| io::Error::other(Said(Wrong::Entry)))
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    /// The folder of the configuration.
    config: PathBuf,
    data: PathBuf,
    /// Behind the name of what is set aside.
    time: i64,
}

impl Plan {
    fn new(head: &Head, options: &Options) -> Result<Plan, Failure> {
        let own = options.config.parent().filter(|own| !own.as_os_str().is_empty());
        let config = own.unwrap_or(Path::new("."));
        fs::create_dir_all(config).map_err(at(config))?;
        let config = config.canonicalize().map_err(at(config))?;
        let data =
            options.data.clone().unwrap_or_else(|| match head.data.strip_prefix(head.before()) {
                Ok(below) => config.join(below),
                Err(_) => head.data.clone(),
            });
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&data);
        made.map_err(at(&data))?;
        let data = data.canonicalize().map_err(at(&data))?;
        Ok(Plan { config, data, time: clock::now().unix.seconds() })
    }

    fn folders(&self) -> [&Path; 2] {
        [&self.data, &self.config]
    }

    /// Where a file waits for its place.
    fn staged(&self, place: &Place) -> PathBuf {
        match place {
            Place::Data(below) => self.data.join(STAGE).join(NEW).join(below),
            Place::Config(below) => self.config.join(STAGE).join(NEW).join(below),
        }
    }

    fn mark(&self, name: &str) -> PathBuf {
        self.config.join(STAGE).join(name)
    }

    /// Leaves a mark that the box's account can read too: it may be the one who comes next.
    fn say(&self, name: &str) -> Result<(), Failure> {
        let mark = self.mark(name);
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let said = whole::write(&mark, &bytes, 0o600);
        said.and_then(|()| give_to_owner(&mark, &self.data)).map_err(at(&mark))
    }

    /// Takes away what is beside its place, the mark that says where last.
    fn give_up(&self) -> io::Result<()> {
        forget(&self.data.join(STAGE))?;
        forget(&self.config.join(STAGE).join(NEW))?;
        forget(&self.config.join(STAGE))
    }

    fn lock(&self, how: FlockArg) -> Result<Flock<File>, Failure> {
        let path = self.data.join("lock");
        let mut file = OpenOptions::new();
        file.write(true).create(true).truncate(false).mode(0o600);
        let file = file.custom_flags(nix::libc::O_NOFOLLOW).open(&path);
        let lock = Flock::lock(file.map_err(at(&path))?, how).map_err(|(_, _)| Failure::Running)?;
        give_to_owner(&path, &self.data).map_err(at(&path))?;
        Ok(lock)
    }
}

fn restore(file: &Path, options: &Options) -> Result<String, Failure> {
    let secret = options.key.read().map_err(Failure::Key)?;
    // Once to its end before a folder is made; a file that changes under our hands is found the second time.
    let (head, _) = verify(File::open(file).map_err(at(file))?, &secret).map_err(at(file))?;
    let plan = Plan::new(&head, options)?;
    let has_records = segments::list(&journal::folder(&plan.data)).is_ok_and(|all| !all.is_empty());
    if has_records && !options.over {
        return Err(Failure::HasData(plan.data));
    }
    if options.config.exists() && !options.over {
        return Err(Failure::HasData(options.config.clone()));
    }
    let _lock = plan.lock(FlockArg::LockExclusiveNonblock)?;
    let from = File::open(file).map_err(at(file))?;
    // As the account whose box it is, from here to the end: it may have laid links in the way of all that is written.
    let owner = Owner::of(&plan.data).map_err(at(&plan.data))?;
    owner.does(|| bring((from, file), &secret, &plan, options))
}

/// Lays everything beside its place, looks whether the program starts with it, and moves it there.
fn bring(
    (from, file): (File, &Path),
    secret: &Secret,
    plan: &Plan,
    options: &Options,
) -> Result<String, Failure> {
    for folder in plan.folders() {
        let stage = folder.join(STAGE);
        forget(&stage).map_err(at(&stage))?;
        fs::DirBuilder::new().mode(0o700).create(&stage).map_err(at(&stage))?;
    }
    // Whoever comes after a cut finds both folders by it.
    plan.say(BEGUN)?;
    let staged = stage(from, secret, plan, &options.config).map_err(at(file));
    let staged = staged.and_then(|staged| match options.unchecked {
        true => Ok((staged, String::new())),
        false => staged.judge(plan, options).map(|words| (staged, words)),
    });
    let (Staged { head, end, .. }, missing) = match staged {
        Ok(done) => done,
        Err(failure) => {
            let _ = plan.give_up();
            return Err(failure);
        }
    };
    // Every file and every name of one, before the word that says so.
    nix::unistd::sync();
    plan.say(READY)?;
    carry_out(plan).map_err(at(&plan.data))?;
    let aside = plan.data.join(format!("{BEFORE}{}", plan.time));
    let aside = match aside.exists() {
        true => format!("\nwhat was here before: {}", aside.display()),
        false => String::new(),
    };
    Ok(format!(
        "{}{aside}{missing}\nrestored; start the box: `systemctl start branchline.target`",
        told(&head, &end)
    ))
}

fn forget(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A backup beside its place.
struct Staged {
    head: Head,
    end: End,
    /// The configuration's text as it was on the other box.
    config: String,
}

impl Staged {
    /// Whether the program starts with it, looked at where it lies. Answers what the admin has to bring.
    fn judge(&self, plan: &Plan, options: &Options) -> Result<String, Failure> {
        let (data, config) = (plan.data.join(STAGE).join(NEW), plan.config.join(STAGE).join(NEW));
        let moved = [(self.head.data.as_path(), data.as_path()), (self.head.before(), &config)];
        let path = config.join(options.config.file_name().unwrap_or_default());
        // Problems speak of the place where it would be.
        let waiting = format!("/{STAGE}/{NEW}");
        match files::check_text(&path, &relocated(&self.config, &moved)) {
            Ok(good) => {
                let warnings = good.loaded.warnings.iter().map(|warning| &warning.what);
                let absent = warnings.filter(|what| what.contains("is not there yet"));
                let told: String = absent.map(|what| format!("\nbring it: {what}")).collect();
                Ok(told.replace(&waiting, ""))
            }
            Err(problems) => {
                let told: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
                Err(Failure::Unfit(told.replace(&waiting, "")))
            }
        }
    }
}

/// Paths and a time: no path is longer than 4,096 bytes.
const LONGEST_PLAN: u64 = 64 << 10;

/// Writes everything beside its place.
fn stage(from: File, secret: &Secret, plan: &Plan, config: &Path) -> io::Result<Staged> {
    let mut kept = String::new();
    let (head, end) = each(from, secret, &mut |head, place, mode, content| {
        let mut place = place.clone();
        let own = head.config.file_name().map(PathBuf::from);
        let is_config = matches!((&place, &own), (Place::Config(below), Some(own)) if below == own);
        if is_config && let Some(name) = config.file_name() {
            place = Place::Config(PathBuf::from(name));
        }
        let path = plan.staged(&place);
        folders(&path, plan)?;
        let mut to = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        if is_config {
            kept = io::read_to_string(content)?;
            let moved = [
                (head.data.as_path(), plan.data.as_path()),
                (head.before(), plan.config.as_path()),
            ];
            io::Write::write_all(&mut to, relocated(&kept, &moved).as_bytes())?;
        } else {
            io::copy(content, &mut to)?;
        }
        give_to_owner(&path, &plan.data)
    })?;
    Ok(Staged { head, end, config: kept })
}

/// The folders above a staged file, for the box's account alone.
fn folders(path: &Path, plan: &Plan) -> io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) else { return Ok(()) };
    folders(parent, plan)?;
    fs::DirBuilder::new().mode(0o700).create(parent)?;
    give_to_owner(parent, &plan.data)
}

/// Carries out what is decided, from wherever it was cut off, and takes away what was only begun. Answers whether there was
/// anything to carry out.
///
/// # Errors
/// When a file cannot be moved; it can be tried again.
pub fn finish(config: &Path) -> Result<bool, Failure> {
    let own = config.parent().filter(|own| !own.as_os_str().is_empty());
    let stage = own.unwrap_or(Path::new(".")).join(STAGE);
    let marks = [READY, MOVING, BEGUN].map(|name| stage.join(name));
    let Some(mark) = marks.iter().find(|mark| mark.exists()) else { return Ok(false) };
    let (plan, owner) = read(mark).map_err(at(mark))?;
    // Root's own only for a moment, before it is given away. It is the box's plan then too: root has none.
    let owner = match owner.is_root() {
        true => Owner::of_box(&plan.data, config).map_err(at(mark))?,
        false => owner,
    };
    owner.does(|| finish_as_owner(&plan))
}

/// What a mark says, and whose words they are: of the very file that was read, whatever comes in its place.
fn read(mark: &Path) -> io::Result<(Plan, Owner)> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(mark)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let owner = Owner::of_file(&file)?;
    let mut text = String::new();
    file.take(LONGEST_PLAN).read_to_string(&mut text)?;
    Ok((serde_json::from_str(&text)?, owner))
}

fn finish_as_owner(plan: &Plan) -> Result<bool, Failure> {
    let decided = || plan.mark(READY).exists() || plan.mark(MOVING).exists();
    // Whoever is at it now is waited for, once it is decided; before, it is left to him.
    let how = if decided() { FlockArg::LockExclusive } else { FlockArg::LockExclusiveNonblock };
    let _lock = match plan.lock(how) {
        Err(Failure::Running) => return Ok(false),
        lock => lock?,
    };
    if decided() {
        carry_out(plan).map_err(at(&plan.data))?;
        return Ok(true);
    }
    plan.give_up().map_err(at(&plan.config))?;
    Ok(false)
}

/// Each step may be the last before a power cut, and each may be done again.
fn carry_out(plan: &Plan) -> io::Result<()> {
    if plan.mark(READY).exists() {
        for name in names(&plan.data)? {
            let stays = name == STAGE || name == "lock" || name.starts_with(BEFORE);
            if !stays {
                set_aside(&plan.data, &name, plan)?;
            }
        }
        for name in names(&plan.config.join(STAGE).join(NEW))? {
            if plan.config.join(&name).exists() {
                set_aside(&plan.config, &name, plan)?;
            }
        }
        plan.folders().iter().try_for_each(|folder| sync(folder))?;
        fs::rename(plan.mark(READY), plan.mark(MOVING))?;
        sync(&plan.config.join(STAGE))?;
    }
    for folder in plan.folders() {
        let new = folder.join(STAGE).join(NEW);
        for name in names(&new)? {
            fs::rename(new.join(&name), folder.join(&name))?;
        }
        sync(folder)?;
    }
    if plan.data != plan.config {
        forget(&plan.data.join(STAGE))?;
    }
    // The mark goes last: what is left of the folder then is empty.
    forget(&plan.config.join(STAGE).join(NEW))?;
    fs::remove_file(plan.mark(MOVING))?;
    forget(&plan.config.join(STAGE))
}

/// Names in a folder; none where there is no folder.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?
            .map(|entry| {
                let name = entry?.file_name().into_string();
                name.map_err(|_| io::Error::other("a name that is no text"))
            })
            .collect(),
    }
}

fn set_aside(folder: &Path, name: &str, plan: &Plan) -> io::Result<()> {
    let aside = folder.join(format!("{BEFORE}{}", plan.time));
    match fs::DirBuilder::new().mode(0o700).create(&aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => give_to_owner(&aside, &plan.data)?,
    }
    fs::rename(folder.join(name), aside.join(name))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
