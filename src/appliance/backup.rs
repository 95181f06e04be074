//! A backup's form: one file that nobody reads without its key, and that is taken whole or not at all.
//!
//! ```text
//! "BRANCHLINE-BACKUP" 17 octets   form 1 octet   lock 1 octet   salt 16 octets   proof 16 octets
//! pieces: up to 65,536 octets each, sealed by ChaCha20-Poly1305 with 16 octets behind them (RFC 8439)
//! ```
//! The key comes from a passphrase by Argon2id (RFC 9106), or from a recovery key by HKDF-SHA256 (RFC 5869); the salt is new
//! for each file. A piece's nonce is its number, and a mark in the last one's; all of them are sealed together with the head.
//! So a piece that was changed, moved, left out, or cut off at the end does not open. The proof tells a wrong key from
//! a damaged file.
//!
//! Inside is a tar that was packed by gzip: [`HEAD`] first, then files named by [`Place`], and [`END`] last, which says how many
//! there were. Owns no file: `cli::backup` writes, `cli::restore` reads.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use serde::{Deserialize, Serialize};

use crate::appliance::manifest::hex;
use crate::random::Random;
use crate::time::{UnixTime, rfc3339};

/// Octets of what is inside that are sealed at once: memory for two of them is all that either way takes.
pub const PIECE: usize = 64 << 10;
/// What a sealed piece is longer by.
pub const TAG: usize = 16;
/// Octets before the first piece.
pub const FRONT: usize = MAGIC.len() + 2 + 16 + PROOF;
/// The first entry: what the backup is of.
pub const HEAD: &str = "backup.json";
/// The last entry: how many files stand before it.
pub const END: &str = "end.json";
/// The form that is written, and the only one so far.
pub const FORM: u8 = 1;
/// What the file of a backup ends with.
pub const ENDING: &str = "blbackup";

const MAGIC: &[u8] = b"BRANCHLINE-BACKUP";
const PROOF: usize = 16;
/// Memory of Argon2id in KiB and turns: a quarter of a second on a small box, once for each backup.
const MEMORY: u32 = 64 << 10;
const TURNS: u32 = 3;

/// What a backup is locked with.
#[derive(Clone)]
pub enum Secret {
    /// What somebody remembers.
    Passphrase(String),
    /// What the box has made: 32 octets, kept on paper too.
    Recovery([u8; 32]),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Secret::Passphrase(_) => "Passphrase(..)",
            Secret::Recovery(_) => "Recovery(..)",
        })
    }
}

impl Secret {
    /// A new recovery key.
    pub fn new(random: &mut Random) -> Secret {
        let mut key = [0; 32];
        random.fill(&mut key);
        Secret::Recovery(key)
    }

    /// A recovery key as it was printed: 64 hexadecimal digits; blanks and hyphens between them do not count.
    pub fn from_paper(text: &str) -> Option<Secret> {
        let digits = |c: &char| !c.is_whitespace() && *c != '-';
        let text: String = text.chars().filter(digits).collect();
        let octets = text.as_bytes().chunks(2).map(|pair| {
            let digits = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
            let text = std::str::from_utf8(pair).ok().filter(|_| digits)?;
            u8::from_str_radix(text, 16).ok()
        });
        let octets = octets.collect::<Option<Vec<u8>>>()?;
        Some(Secret::Recovery(octets.try_into().ok()?))
    }

    /// A recovery key as it is printed, in groups of four; nothing for a passphrase.
    pub fn on_paper(&self) -> Option<String> {
        let Secret::Recovery(key) = self else { return None };
        let group = |pair: &[u8]| pair.iter().map(|octet| format!("{octet:02x}")).collect();
        Some(key.chunks(2).map(group).collect::<Vec<String>>().join("-"))
    }

    fn lock(&self) -> u8 {
        match self {
            Secret::Passphrase(_) => 1,
            Secret::Recovery(_) => 2,
        }
    }

    /// The file's key and its proof.
    fn keys(&self, salt: &[u8; 16]) -> Option<([u8; 32], [u8; PROOF])> {
        let mut both = [0; 32 + PROOF];
        match self {
            Secret::Passphrase(words) => {
                let cost = Params::new(MEMORY, TURNS, 1, Some(both.len())).ok()?;
                let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
                argon.hash_password_into(words.as_bytes(), salt, &mut both).ok()?;
            }
            Secret::Recovery(key) => {
                let spread = Salt::new(HKDF_SHA256, salt).extract(key);
                let filled = spread.expand(&[b"branchline backup"], Octets(both.len())).ok()?;
                filled.fill(&mut both).ok()?;
            }
        }
        Some((both[..32].try_into().ok()?, both[32..].try_into().ok()?))
    }
}

struct Octets(usize);

impl KeyType for Octets {
    fn len(&self) -> usize {
        self.0
    }
}

/// Why a file is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It is not a backup at all, or its beginning is damaged.
    NoBackup,
    /// A newer program has made it.
    Form(u8),
    /// It wants the other sort of key.
    Lock,
    /// The key is not the one.
    Key,
    /// This piece of it, counted from 0, is damaged or not there; of an intact file that was cut short it is the last.
    Damaged(u64),
    /// Something is in it that no backup has.
    Entry,
    /// Files are missing inside.
    Short,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wrong::NoBackup => f.write_str("this is no backup of Branchline, or its beginning is damaged"),
            Wrong::Form(form) => write!(f, "this backup has form {form}: a newer version of Branchline reads it"),
            Wrong::Lock => f.write_str("this backup wants the other sort of key: a passphrase instead of a recovery key, or the reverse"),
            Wrong::Key => f.write_str("the passphrase or recovery key is not the one that this backup was made with"),
            Wrong::Damaged(piece) => write!(f, "the backup is damaged or cut short near octet {}", piece * PIECE as u64),
            Wrong::Entry => f.write_str("something is in this backup that does not belong into one"),
            Wrong::Short => f.write_str("files are missing in this backup"),
        }
    }
}

/// Seals or opens one piece after the other.
#[derive(Debug)]
pub struct Pieces {
    key: LessSafeKey,
    front: [u8; FRONT],
    next: u64,
}

impl Pieces {
    /// For a new file; [`front`](Pieces::front) is written before the first piece. Nothing when there is no memory for the key.
    pub fn new(secret: &Secret, random: &mut Random) -> Option<Pieces> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        let (key, proof) = secret.keys(&salt)?;
        let mut front = [0; FRONT];
        let parts = [MAGIC, &[FORM, secret.lock()], &salt, &proof].concat();
        front.copy_from_slice(&parts);
        Some(Pieces { key: sealing(&key)?, front, next: 0 })
    }

    /// For a file that begins with these octets.
    ///
    /// # Errors
    /// When it is no backup, or another's.
    pub fn open(front: &[u8; FRONT], secret: &Secret) -> Result<Pieces, Wrong> {
        let rest = front.strip_prefix(MAGIC).ok_or(Wrong::NoBackup)?;
        let [form, lock, rest @ ..] = rest else { return Err(Wrong::NoBackup) };
        if *form != FORM {
            return Err(Wrong::Form(*form));
        }
        if !(1..=2).contains(lock) {
            return Err(Wrong::NoBackup);
        }
        if *lock != secret.lock() {
            return Err(Wrong::Lock);
        }
        let salt = rest.first_chunk().ok_or(Wrong::NoBackup)?;
        let (key, proof) = secret.keys(salt).ok_or(Wrong::Key)?;
        if rest.get(salt.len()..) != Some(&proof[..]) {
            return Err(Wrong::Key);
        }
        Ok(Pieces { key: sealing(&key).ok_or(Wrong::Key)?, front: *front, next: 0 })
    }

    /// What stands before the first piece.
    pub fn front(&self) -> &[u8; FRONT] {
        &self.front
    }

    /// Seals the next piece of at most [`PIECE`] octets; every piece but the last is that long.
    pub fn seal(&mut self, piece: &mut Vec<u8>, last: bool) {
        let nonce = self.nonce(last);
        self.next += 1;
        // It fails on pieces of gigabytes alone.
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::from(&self.front), piece);
        debug_assert!(sealed.is_ok());
    }

    /// Opens the next piece, which was the last octet of the file or not.
    ///
    /// # Errors
    /// When it is not as it was sealed.
    pub fn unseal(&mut self, piece: &mut Vec<u8>, last: bool) -> Result<(), Wrong> {
        let (nonce, damaged) = (self.nonce(last), Wrong::Damaged(self.next));
        self.next += 1;
        let opened = self.key.open_in_place(nonce, Aad::from(&self.front), piece);
        let length = opened.map_err(|_| damaged)?.len();
        piece.truncate(length);
        Ok(())
    }

    fn nonce(&self, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&self.next.to_be_bytes());
        nonce[NONCE_LEN - 1] = u8::from(last);
        Nonce::assume_unique_for_key(nonce)
    }
}

fn sealing(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The program that made it.
    pub version: String,
    /// The site's name.
    pub site: String,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// The configuration's file, as the box had it.
    pub config: PathBuf,
    /// The data folder, as the box had it.
    pub data: PathBuf,
    /// What the box has and the backup has not, in words.
    pub left_out: Vec<String>,
}

impl Head {
    /// The folder that the configuration was in.
    pub fn before(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new("/"))
    }
}

/// What stood before the end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct End {
    /// So many files, without head and end.
    pub files: u64,
    /// The last record of the journal that is in it; 0: none.
    pub record: u64,
}

/// Where a file belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Below the data folder.
    Data(PathBuf),
    /// Below the folder that the configuration is in.
    Config(PathBuf),
}

impl Place {
    /// Its name in a backup.
    pub fn name(&self) -> PathBuf {
        match self {
            Place::Data(path) => Path::new("data").join(path),
            Place::Config(path) => Path::new("config").join(path),
        }
    }

    /// The place of that name; nothing for a name that leads anywhere else.
    pub fn from_name(name: &Path) -> Option<Place> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let mut parts = name.components();
        let top = parts.next()?;
        let rest = parts.as_path();
        if rest.as_os_str().is_empty() || !rest.components().all(plain) {
            return None;
        }
        match top.as_os_str().to_str()? {
            "data" => Some(Place::Data(rest.to_owned())),
            "config" => Some(Place::Config(rest.to_owned())),
            _ => None,
        }
    }
}

/// What of the data folder is not in a backup: the lock, the reserve, what is made again from the journal, what was set
/// aside earlier, and what a restore is busy with. Sound only where it is `wanted`.
pub fn belongs(below_data: &Path, recordings: bool) -> bool {
    let Some(Component::Normal(top)) = below_data.components().next() else { return false };
    let Some(top) = top.to_str() else { return false };
    let made_again = ["lock", "ballast", "without-disk", RESULT, STAGE];
    let aside = ["store", "before-restore", "journal.no-key-"];
    let half = below_data.extension().is_some_and(|end| end == "new" || end == "part");
    !made_again.contains(&top)
        && !aside.iter().any(|start| top.starts_with(start))
        && !half
        && (recordings || top != "recordings")
}

/// Below the data folder: how the last backup went.
pub const RESULT: &str = "backup.json";
/// Below each folder that is restored: what is not in its place yet.
pub const STAGE: &str = ".restore";

/// The configuration's text for a box that has its folders elsewhere: paths that begin with one of `moved` begin with
/// the other.
pub fn relocated(text: &str, moved: &[(&Path, &Path)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in moved.iter().filter(|(from, to)| from != to) {
        for end in ["/", "\""] {
            let (from, to) =
                (format!("\"{}{end}", from.display()), format!("\"{}{end}", to.display()));
            text = text.replace(&from, &to);
        }
    }
    text
}

/// The name of a backup's file; names sort as their times do. Digits of the box's own public key, which goes with its data to
/// other hardware, tell it from another one of the same name that shares the folder.
pub fn file_name(site: &str, key: &[u8], at: UnixTime) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let site: String = site.chars().map(plain).take(LONGEST_SITE).collect();
    let time: String = at.to_string().chars().take_while(|c| *c != '.').collect();
    let time = time.trim_end_matches('Z').replace([':', '-'], "");
    let digits = hex(digest(&SHA256, key).as_ref()).chars().take(BOX_DIGITS).collect::<String>();
    format!("branchline-{site}-{digits}-{time}Z.{ENDING}")
}

/// Characters of a site's name in the name of a file.
const LONGEST_SITE: usize = 40;
/// Hexadecimal digits of a box.
const BOX_DIGITS: usize = 8;

/// Which of these files are to go, so that `keep` of this box's stay, the newest among them. Names of other files are never among
/// those that go, nor are names of a time to come: the clock was wrong once, and they count for nothing.
pub fn too_old<'n>(names: &'n [String], newest: &str, keep: usize) -> Vec<&'n str> {
    // `branchline-SITE-BOX`: what stands before the time.
    let Some((series, _)) = newest.rsplit_once('-') else { return Vec::new() };
    let own = |name: &&String| {
        name.as_str() < newest
            && name.rsplit_once('-').is_some_and(|(start, end)| {
                start == series && end.ends_with(&format!("Z.{ENDING}"))
            })
    };
    let mut names: Vec<&str> = names.iter().filter(own).map(String::as_str).collect();
    names.sort_unstable();
    let spare = (names.len() + 1).saturating_sub(keep.max(1));
    names.truncate(spare);
    names
}

/// How the last backup went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// When the last one that is whole was made.
    #[serde(default, with = "rfc3339::option")]
    pub good: Option<UnixTime>,
    /// Its size in octets.
    #[serde(default)]
    pub octets: u64,
    /// Why the last try came to nothing; nothing when it is the one above.
    #[serde(default)]
    pub failed: Option<String>,
}

impl Outcome {
    /// How backups are, in words, and whether somebody should look; `every` is how often there should be one.
    pub fn told(&self, now: UnixTime, every: Duration) -> (bool, String) {
        let last = match self.good {
            Some(good) => {
                let hours = now.since(good).as_secs() / 3_600;
                format!(
                    "the last one is {hours} hours old and has {} kB",
                    self.octets.div_ceil(1_000)
                )
            }
            None => "there is none yet".to_owned(),
        };
        // One that is late by a half was missed.
        let late = self.good.is_none_or(|good| now.since(good) > every + every / 2);
        match &self.failed {
            Some(why) => (false, format!("{last}; the last try failed: {why}")),
            None if late => (
                false,
                format!(
                    "{last}: run `branchline backup`, and see `systemctl status branchline-backup.timer`"
                ),
            ),
            None => (true, last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(secret: &Secret, plain: &[u8]) -> Vec<u8> {
        let mut pieces = Pieces::new(secret, &mut Random::from_number(7)).expect("memory");
        let mut file = pieces.front().to_vec();
        let count = plain.len().div_ceil(PIECE).max(1);
        for (place, piece) in plain.chunks(PIECE).enumerate() {
            let mut piece = piece.to_vec();
            pieces.seal(&mut piece, place + 1 == count);
            file.extend(piece);
        }
        file
    }

    fn opened(secret: &Secret, file: &[u8]) -> Result<Vec<u8>, Wrong> {
        let (front, rest) = file.split_first_chunk().ok_or(Wrong::NoBackup)?;
        let mut pieces = Pieces::open(front, secret)?;
        let (mut plain, mut left) = (Vec::new(), rest);
        loop {
            let (piece, after) = left.split_at(left.len().min(PIECE + TAG));
            let mut piece = piece.to_vec();
            pieces.unseal(&mut piece, after.is_empty())?;
            plain.extend(piece);
            left = after;
            if left.is_empty() {
                return Ok(plain);
            }
        }
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_alone() {
        let plain: Vec<u8> = (0..PIECE * 2 + 99).map(|n| n as u8).collect();
        let words = Secret::Passphrase("correct horse".to_owned());
        let paper = Secret::new(&mut Random::from_number(1));
        for secret in [&words, &paper] {
            let file = sealed(secret, &plain);
            assert_eq!(opened(secret, &file), Ok(plain.clone()));
        }
        let file = sealed(&words, &plain);
        assert_eq!(opened(&Secret::Passphrase("correct".to_owned()), &file), Err(Wrong::Key));
        assert_eq!(opened(&paper, &file), Err(Wrong::Lock));
        assert_eq!(opened(&words, b"something"), Err(Wrong::NoBackup));
    }

    /// Each octet of a small file is changed, and it is cut at each place; of a long one, pieces change places.
    #[test]
    fn no_damage_anywhere_is_taken() {
        let secret = Secret::new(&mut Random::from_number(1));
        let plain: Vec<u8> = (0..300_u32).map(|n| n as u8).collect();
        let file = sealed(&secret, &plain);
        for place in 0..file.len() {
            for flip in [1, 0x80] {
                let mut damaged = file.clone();
                damaged[place] ^= flip;
                assert!(opened(&secret, &damaged).is_err(), "octet {place}");
            }
            assert!(opened(&secret, &file[..place]).is_err(), "cut at {place}");
        }
        assert!(opened(&secret, &[&file[..], &[0]].concat()).is_err(), "something behind it");
        let long = sealed(&secret, &vec![1; PIECE * 3]);
        let whole = PIECE + TAG;
        assert!(opened(&secret, &long[..FRONT + whole * 2]).is_err(), "cut between pieces");
        let mut moved = long.clone();
        moved[FRONT..FRONT + whole * 2].rotate_left(whole);
        assert_eq!(opened(&secret, &moved), Err(Wrong::Damaged(0)));
    }

    #[test]
    fn a_recovery_key_is_read_as_it_was_printed() {
        let secret = Secret::new(&mut Random::from_number(3));
        let paper = secret.on_paper().expect("a recovery key");
        assert_eq!(paper.len(), 79);
        for text in
            [paper.clone(), paper.to_uppercase(), paper.replace('-', " "), format!("{paper}\n")]
        {
            assert_eq!(
                Secret::from_paper(&text).and_then(|key| key.on_paper()),
                Some(paper.clone())
            );
        }
        for text in ["", "1234", &paper[1..], &paper.replace('-', "+"), "ä"] {
            assert!(Secret::from_paper(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_name_leads_into_the_two_folders_alone() {
        for good in ["data/journal/x.blj", "config/gateway.toml"] {
            let place = Place::from_name(Path::new(good)).expect(good);
            assert_eq!(place.name(), Path::new(good));
        }
        for bad in ["data", "data/../x", "/data/x", "config/./../x", "etc/passwd", "../data/x", ""]
        {
            assert_eq!(Place::from_name(Path::new(bad)), None, "{bad}");
        }
    }

    #[test]
    fn what_is_made_again_is_left_out() {
        for kept in
            ["journal/journal-1.blj", "keys/master", "recordings/x", "tls/key.pem", "outbox/epoch"]
        {
            assert!(belongs(Path::new(kept), true), "{kept}");
        }
        for out in [
            "store/db",
            "lock",
            "ballast",
            "store-aside/x",
            "backup.json",
            "before-restore-1/keys/seal",
            ".restore/x",
            "keys/seal.new",
        ] {
            assert!(!belongs(Path::new(out), true), "{out}");
        }
        assert!(!belongs(Path::new("recordings/x"), false));
    }

    #[test]
    fn the_oldest_go_and_nobody_elses() {
        let at = |hours: i64| file_name("Büro 1", b"one", UnixTime(hours * 3_600_000_000));
        let mut names: Vec<String> = (0..4).map(at).collect();
        // Another box of the same name; and one of a day when the clock was wrong.
        names.push(file_name("Büro 1", b"two", UnixTime(0)));
        names.push(at(1_000_000));
        names.push("branchline-other-19700101T000000Z.blbackup".to_owned());
        names.push("letters.doc".to_owned());
        assert_eq!(at(1), "branchline-b-ro-1-7692c3ad-19700101T010000Z.blbackup");
        assert_eq!(too_old(&names, &at(3), 2), [at(0), at(1)]);
        assert!(too_old(&names, &at(3), 9).is_empty());
        assert_eq!(too_old(&names, &at(3), 1), [at(0), at(1), at(2)]);
    }

    #[test]
    fn paths_move_with_their_folders() {
        let text = "data_dir = \"/var/lib/branchline\"\nsecret = { file = \"/etc/branchline/secrets/201\" }\n";
        let moved = [("/var/lib/branchline", "/new/data"), ("/etc/branchline", "/new")];
        let moved = moved.map(|(from, to)| (Path::new(from), Path::new(to)));
        let new = "data_dir = \"/new/data\"\nsecret = { file = \"/new/secrets/201\" }\n";
        assert_eq!(relocated(text, &moved), new);
    }

    #[test]
    fn a_backup_that_is_late_is_told() {
        let day = Duration::from_secs(86_400);
        let outcome = Outcome { good: Some(UnixTime(0)), octets: 12_345, failed: None };
        let at = |hours: i64| UnixTime(hours * 3_600_000_000);
        let words = "the last one is 30 hours old and has 13 kB";
        assert_eq!(outcome.told(at(30), day), (true, words.to_owned()));
        assert!(!outcome.told(at(37), day).0);
        let failed = Outcome { failed: Some("the disk is full".to_owned()), ..outcome };
        let (good, words) = failed.told(at(1), day);
        assert!(!good && words.ends_with("the last try failed: the disk is full"), "{words}");
        assert!(!Outcome::default().told(at(1), day).0);
    }
}
