//! The bytes of an update, out of a folder of which nothing is believed before it is checked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process;

use super::Failure;
use super::place::{Place, at, names};
use crate::appliance::manifest::{self, LONGEST, Manifest, Own, Part, Refused};
use crate::appliance::slot::Slot;

/// Keys of who may sign updates: one file each, 64 hexadecimal digits. In the verified root, so that nobody adds one.
const KEYS: &str = "/usr/share/branchline/keys";
/// The root that runs, and the difference to it, while they are put together: in memory, for the disk may be nearly full of what
/// the branch keeps.
const OLD_ROOT: &str = "/run/branchline-update/root";
const DIFFERENCE: &str = "/run/branchline-update/difference";
/// More than any signature has: what is longer is none.
pub const LONGEST_SIGNATURE: usize = 1 << 10;
/// What describes an update, and its signature.
pub const MANIFEST: &str = "update.json";
pub const SIGNATURE: &str = "update.json.sig";

/// The bytes of an update, every one of them checked.
pub struct Parts {
    pub root: Vec<u8>,
    pub hash: Vec<u8>,
    pub kernel: Vec<u8>,
    /// How much came, for people.
    pub how: String,
}

impl Parts {
    pub fn read(
        place: &Place,
        folder: &Path,
        manifest: &Manifest,
        own: &Own,
        running: Slot,
    ) -> Result<Self, Failure> {
        let (root, how) = root(place, folder, manifest, own, running)?;
        let hash = part(folder, &manifest.hash)?;
        let kernel = part(folder, &manifest.kernel)?;
        Ok(Self { root, hash, kernel, how })
    }
}

/// What the folder has, by the word of who may sign.
pub fn signed(place: &Place, folder: &Path, own: &Own) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    let text = at(path.display(), bounded(&path, LONGEST as u64))?;
    let signature = bounded(&folder.join(SIGNATURE), LONGEST_SIGNATURE as u64).ok();
    accepted(place, &text, signature.as_deref(), own)
}

/// The same of what somebody else has read.
pub fn accepted(
    place: &Place,
    text: &[u8],
    signature: Option<&[u8]>,
    own: &Own,
) -> Result<Manifest, Failure> {
    let folder = place.at(KEYS);
    let keys: Vec<Vec<u8>> = names(&folder)?
        .iter()
        .filter_map(|name| manifest::from_hex(&fs::read_to_string(folder.join(name)).ok()?))
        .collect();
    manifest::accept(text, signature, &keys, own).map_err(Failure::Refused)
}

/// The root: whole, or made of the one that runs and the difference to it.
fn root(
    place: &Place,
    folder: &Path,
    manifest: &Manifest,
    own: &Own,
    running: Slot,
) -> Result<(Vec<u8>, String), Failure> {
    let delta = manifest.delta(own.version).filter(|delta| folder.join(&delta.part.file).exists());
    let Some(delta) = delta.filter(|_| !folder.join(&manifest.root.file).exists()) else {
        return Ok((
            part(folder, &manifest.root)?,
            format!("{} bytes of root", manifest.root.bytes),
        ));
    };
    // The difference is signed as well: no unknown bytes reach the unpacker.
    let difference = part(folder, &delta.part)?;
    let (old, new) = (place.at(OLD_ROOT), place.at(DIFFERENCE));
    let ran = copy_start(&place.partition("root", running), &old, delta.from_bytes)
        // Not from the stick once more, which could answer otherwise the second time.
        .and_then(|_| fs::write(&new, &difference))
        .and_then(|()| {
            process::Command::new("zstd")
                .args(["-d", "-q", "-c", "--long=31"])
                .arg(format!("--patch-from={}", old.display()))
                .arg(&new)
                .output()
        });
    let _gone = [old, new].map(fs::remove_file);
    let made = at("zstd", ran)?.stdout;
    manifest.root.check(&made).map_err(Failure::Refused)?;
    Ok((made, format!("from a difference of {} bytes", delta.part.bytes)))
}

fn copy_start(from: &Path, to: &Path, bytes: u64) -> io::Result<u64> {
    io::copy(&mut File::open(from)?.take(bytes), &mut File::create(to)?)
}

pub fn part(folder: &Path, part: &Part) -> Result<Vec<u8>, Failure> {
    let bytes = match bounded(&folder.join(&part.file), part.bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::Refused(Refused::Missing(part.file.clone())));
        }
        read => at(&part.file, read)?,
    };
    part.check(&bytes).map_err(Failure::Refused)?;
    Ok(bytes)
}

/// A file of whoever put the stick in, before anything of it is believed: no link, which would lead elsewhere, nothing that does
/// not end; and one byte more than there may be, so that a longer one shows as such.
pub fn bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stick_takes_no_more_memory_than_there_may_be() {
        let folder = std::env::temp_dir().join(format!("branchline-stick-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (link, long, plain) = (folder.join("link"), folder.join("long"), folder.join("plain"));
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("/dev/zero", &link).expect("a link");
        File::create(&long).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
        fs::write(&plain, "text").expect("a file");
        assert!(bounded(&link, 10).is_err() && bounded(&folder, 10).is_err());
        assert_eq!(bounded(&long, 10).map(|read| read.len()).ok(), Some(11));
        assert_eq!(bounded(&plain, 10).ok(), Some(b"text".to_vec()));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
