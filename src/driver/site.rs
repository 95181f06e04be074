//! The files of set-up: the sheet's secrets, the network that is asked for, and the mark that the box is set up.
//!
//! All of them stand beside `gateway.toml`, so that they follow the version of the box as it does. What becomes of the
//! configuration itself is [`configuring`](crate::driver::configuring)'s. Network cards are root's: what is asked for here is
//! read again, strictly, by who writes it ([`request`]).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::appliance::site::code::Code;
use crate::appliance::site::made::{self, Ground, Made};
use crate::appliance::site::{Network, Password, Sheet};
use crate::config::{self, Problem, sheet};
use crate::driver::{clock, files};
use crate::random::Random;

/// What a box has that nobody has set up.
const FACTORY: &str = include_str!("../../firmware-config/defaults/site.toml");
/// The longest request for a network that is read.
const LONGEST_REQUEST: u64 = 4 << 10;
/// The folder of credentials, which root alone reads; the unit hands what is in it on to the program as `site_NAME`.
const CREDENTIALS: &str = "credentials";
/// The credential with the code.
const CODE: &str = "setup-code";

/// Where the files of a box are: all beside its configuration.
#[derive(Debug, Clone)]
pub struct Beside(PathBuf);

/// What is going to be written.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What was answered.
    pub sheet: Sheet,
    /// What it makes.
    pub made: Made,
    /// What the made configuration has left to say, such as that help is told no place.
    pub warnings: Vec<Problem>,
}

impl Beside {
    /// Beside this configuration.
    pub fn new(config: &Path) -> Beside {
        Beside(config.to_owned())
    }

    /// The configuration.
    pub fn config(&self) -> &Path {
        &self.0
    }

    fn folder(&self) -> &Path {
        self.0.parent().unwrap_or(Path::new("."))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Whether the box is set up: by a sheet or the page, or by whoever wrote a configuration of his own or brought a backup back.
    pub fn is_set_up(&self) -> bool {
        // Who cannot look does not open the door.
        self.at("set-up").try_exists().unwrap_or(true) || self.is_other_than_the_factorys()
    }

    fn is_other_than_the_factorys(&self) -> bool {
        match fs::read_to_string(&self.0) {
            Ok(text) => text != FACTORY,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// The code that is on the screen, for the program itself, which has it as a credential.
    pub fn handed_code() -> Option<Code> {
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
        let text = fs::read_to_string(Path::new(&folder).join(format!("site_{CODE}"))).ok()?;
        Code::parse(&text)
    }

    /// The same for root, who shows it.
    pub fn code(&self) -> Option<Code> {
        Code::parse(&fs::read_to_string(self.at(CREDENTIALS).join(CODE)).ok()?)
    }

    /// Makes a code where there is none and the box is not set up; it is in a file that root alone reads.
    pub fn make_code(&self, random: &mut Random) -> io::Result<Option<Code>> {
        if self.is_set_up() {
            return Ok(None);
        }
        if let Some(code) = self.code() {
            return Ok(Some(code));
        }
        let code = Code::make(random);
        let folder = self.at(CREDENTIALS);
        fs::create_dir_all(&folder)?;
        put(&folder, CODE, &format!("{code}\n"), 0o600, None)?;
        Ok(Some(code))
    }

    /// Takes the code away; it opens nothing any more.
    pub fn forget_code(&self) -> io::Result<()> {
        match fs::remove_file(self.at(CREDENTIALS).join(CODE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Reads a sheet and makes everything, and writes nothing. `file` is what problems call it.
    pub fn plan(&self, file: &Path, text: &str, url: Option<String>) -> Result<Plan, Vec<Problem>> {
        let sheet = sheet::read(file, text)?;
        let mut random = clock::random()
            .ok_or_else(|| vec![Problem::unreadable(file, &io::Error::other("no randomness"))])?;
        let made = made::make(&sheet, &self.ground(url), &mut random);
        let loaded = files::check_text(&self.0, &made.configuration)?.loaded;
        let absent = |problem: &Problem| !problem.what.contains("is not there yet");
        let warnings = loaded.warnings.into_iter().filter(absent).collect();
        Ok(Plan { sheet, made, warnings })
    }

    /// What the box knows and a sheet does not: it goes on listening where it does.
    fn ground(&self, url: Option<String>) -> Ground {
        let usual = Ground::default();
        let now = config::load(&self.0, &|path| fs::read_to_string(path)).ok();
        let listen = now.map(|loaded| loaded.settings.http.listen).unwrap_or_default();
        let listen: Vec<_> = listen.iter().map(ToString::to_string).collect();
        Ground {
            listen: if listen.is_empty() { usual.listen } else { listen },
            url,
            secrets: self.at("secrets").display().to_string(),
        }
    }

    /// Writes the secrets. Answers the password of each phone: one that is there already stays.
    pub fn write_secrets(&self, made: &Made) -> io::Result<Vec<(String, Password)>> {
        let folder = self.at("secrets");
        fs::create_dir_all(&folder)?;
        // As the configuration's, so that the program reads them whoever ran this.
        let owner = fs::metadata(&self.0).or_else(|_| fs::metadata(self.folder()))?;
        let mut phones = Vec::new();
        for secret in &made.secrets {
            let there = fs::read_to_string(folder.join(&secret.name)).ok();
            let value = match there.filter(|_| secret.made) {
                Some(kept) => Password::new(kept.trim_end()),
                None => {
                    let text = secret.value.reveal();
                    put(&folder, &secret.name, text, 0o640, Some((owner.uid(), owner.gid())))?;
                    secret.value.clone()
                }
            };
            if secret.made {
                phones.push((secret.name.clone(), value));
            }
        }
        Ok(phones)
    }

    /// Asks for a network.
    pub fn ask_for_network(&self, network: &Network) -> io::Result<()> {
        // The program's own, whoever asked: it goes into its backups.
        let owner = fs::metadata(&self.0).or_else(|_| fs::metadata(self.folder()))?;
        let text = serde_json::to_string(network)?;
        put(self.folder(), "network.json", &text, 0o640, Some((owner.uid(), owner.gid())))
    }

    /// Says that the box is set up, and how.
    pub fn mark(&self, how: &str) -> io::Result<()> {
        put(self.folder(), "set-up", &format!("{} by {how}\n", clock::now().unix), 0o644, None)
    }
}

/// What the program asks of root for the network: read strictly, since whoever breaks into the program may have written it.
/// Nothing in it but addresses reaches a file of root's.
pub fn request(path: &Path) -> io::Result<Network> {
    let mut text = String::new();
    let file = OpenOptions::new()
        .read(true)
        // A link would lead root to a file that the asker may not read.
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("the request is no file"));
    }
    file.take(LONGEST_REQUEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_REQUEST {
        return Err(io::Error::other("the request is too long"));
    }
    // An object by its names: serde would take a list for one, field after field.
    let named: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)?;
    let network: Network = serde_json::from_value(named.into())?;
    match network.faults().first() {
        None => Ok(network),
        Some(fault) => Err(io::Error::other(format!("{}: {}", fault.what, fault.allowed))),
    }
}

/// Writes a file: all of it is there under its name, or none.
pub fn put(
    folder: &Path,
    name: &str,
    text: &str,
    mode: u32,
    owner: Option<(u32, u32)>,
) -> io::Result<()> {
    let early = folder.join(format!(".{name}.new"));
    // What a cut left behind may have another mode.
    let _ = fs::remove_file(&early);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&early)?;
    file.write_all(text.as_bytes())?;
    if let Some((user, group)) = owner.filter(|_| nix::unistd::geteuid().is_root()) {
        std::os::unix::fs::fchown(&file, Some(user), Some(group))?;
    }
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&early, folder.join(name))?;
    File::open(folder)?.sync_all()
}
