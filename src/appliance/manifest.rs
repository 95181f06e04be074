//! What an update is made of, signed: nothing of it is written before every line here was checked.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;

/// A manifest is a page of text; more is not read.
pub const LONGEST: usize = 64 * 1024;
/// What a root and its hash tree may be at most: the size of their partitions in the image's layout.
const LARGEST_PART: u64 = 256 << 20;
/// Bytes of an Ed25519 signature (RFC 8032).
const SIGNATURE: usize = 64;

/// An update as its signed manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The kind of box it is for, such as `amd64-uefi`.
    pub model: String,
    /// Its number; a box takes higher ones only.
    pub version: u32,
    /// The root, a squashfs.
    pub root: Part,
    /// Its hash tree.
    pub hash: Part,
    /// Kernel, initrd and command line in one program.
    pub kernel: Part,
    /// Differences to roots of older versions, which are smaller than the root.
    #[serde(default)]
    pub deltas: Vec<Delta>,
    /// The list of all that it is made of (CycloneDX), for people; the box does not read it.
    #[serde(default)]
    pub sbom: Option<Part>,
}

/// One file beside the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name, without a folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// What makes the root of this version out of an older one (`zstd --patch-from`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The older version.
    pub from: u32,
    /// Length of that version's root: what stands behind it in its slot is of another.
    pub from_bytes: u64,
    /// The difference.
    #[serde(flatten)]
    pub part: Part,
}

/// What the box is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its kind.
    pub model: String,
    /// The version that runs.
    pub version: u32,
}

/// Why an update is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No signature came with it.
    Unsigned,
    /// No key of this box made the signature: the manifest was changed, or is another maker's.
    NotSignedByUs,
    /// It is signed and cannot be read: it is for a later program.
    Unreadable,
    /// It is for another kind of box.
    WrongModel {
        /// The kind it is for.
        theirs: String,
        /// The kind that this is.
        ours: String,
    },
    /// It is as old as what runs, or older.
    NotNewer {
        /// Its version.
        theirs: u32,
        /// What runs.
        ours: u32,
    },
    /// A part's name leads elsewhere, or it does not fit into its slot.
    OddPart(String),
    /// A part has other bytes than were signed.
    Corrupted(String),
    /// A part is not there.
    Missing(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("the update is not signed"),
            Self::NotSignedByUs => f.write_str("the update is not signed by a key of this box"),
            Self::Unreadable => f.write_str("the update's manifest is not for this program"),
            Self::WrongModel { theirs, ours } => {
                write!(f, "the update is for {theirs}, this box is {ours}")
            }
            Self::NotNewer { theirs, ours } => {
                write!(f, "the update is version {theirs}, and {ours} runs already")
            }
            Self::OddPart(file) => write!(f, "the update's part {file:?} does not fit"),
            Self::Corrupted(file) => write!(f, "the update's part {file} is damaged"),
            Self::Missing(file) => write!(f, "the update's part {file} is missing"),
        }
    }
}

/// Checks a manifest with its signature against the box's keys (32 bytes each).
///
/// # Errors
/// The first thing that is wrong. The signature comes first: nothing unsigned is even read.
pub fn accept(
    text: &[u8],
    signature: Option<&[u8]>,
    keys: &[Vec<u8>],
    own: &Own,
) -> Result<Manifest, Refused> {
    let signature = signature.ok_or(Refused::Unsigned)?;
    let by = |key: &Vec<u8>| UnparsedPublicKey::new(&ED25519, key).verify(text, signature).is_ok();
    if signature.len() != SIGNATURE || text.len() > LONGEST || !keys.iter().any(by) {
        return Err(Refused::NotSignedByUs);
    }
    let manifest: Manifest = serde_json::from_slice(text).map_err(|_| Refused::Unreadable)?;
    if manifest.model != own.model {
        return Err(Refused::WrongModel { theirs: manifest.model, ours: own.model.clone() });
    }
    if manifest.version <= own.version {
        return Err(Refused::NotNewer { theirs: manifest.version, ours: own.version });
    }
    let odd = manifest.parts().find(|part| !part.fits()).map(|part| part.file.clone());
    odd.map_or(Ok(manifest), |file| Err(Refused::OddPart(file)))
}

impl Manifest {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        let deltas = self.deltas.iter().map(|delta| &delta.part);
        [&self.root, &self.hash, &self.kernel].into_iter().chain(deltas)
    }

    /// The difference to what runs, where there is one.
    #[must_use]
    pub fn delta(&self, from: u32) -> Option<&Delta> {
        self.deltas.iter().find(|delta| delta.from == from)
    }
}

impl Part {
    /// A plain name in the manifest's folder, and a length that a slot has.
    fn fits(&self) -> bool {
        let plain = !self.file.is_empty()
            && !self.file.starts_with('.')
            && !self.file.contains(['/', '\\', '\0']);
        plain && (1..=LARGEST_PART).contains(&self.bytes)
    }

    /// Whether these are the bytes that were signed.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Refused> {
        let same =
            bytes.len() as u64 == self.bytes && hex(digest(&SHA256, bytes).as_ref()) == self.sha256;
        if same { Ok(()) } else { Err(Refused::Corrupted(self.file.clone())) }
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of a hexadecimal text, as a key file has them; spaces around it do not matter.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim();
    let pairs = digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !pairs {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    fn key(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes")
    }

    fn public(key: &Ed25519KeyPair) -> Vec<Vec<u8>> {
        vec![key.public_key().as_ref().to_vec()]
    }

    fn own() -> Own {
        Own { model: "amd64-uefi".into(), version: 4 }
    }

    fn text(model: &str, version: u32, root: &str) -> Vec<u8> {
        let part = |file: &str| {
            format!(
                r#"{{"file":"{file}","bytes":3,"sha256":"{}"}}"#,
                hex(digest(&SHA256, b"abc").as_ref())
            )
        };
        let text = format!(
            r#"{{"model":"{model}","version":{version},"root":{},"hash":{},"kernel":{},
                "deltas":[{{"from":4,"from_bytes":9,"file":"d","bytes":3,"sha256":""}}]}}"#,
            part(root),
            part("h"),
            part("k")
        );
        text.into_bytes()
    }

    fn signed(text: &[u8], seed: u8) -> Result<Manifest, Refused> {
        accept(text, Some(key(seed).sign(text).as_ref()), &public(&key(1)), &own())
    }

    #[test]
    fn a_newer_one_that_is_signed_is_taken_with_its_delta() {
        let manifest = signed(&text("amd64-uefi", 5, "r"), 1).expect("taken");
        assert_eq!(manifest.delta(4).map(|d| d.part.file.as_str()), Some("d"));
        assert_eq!(manifest.delta(3), None);
    }

    #[test]
    fn unsigned_foreign_and_changed_ones_are_refused() {
        let good = text("amd64-uefi", 5, "r");
        assert_eq!(accept(&good, None, &public(&key(1)), &own()), Err(Refused::Unsigned));
        assert_eq!(signed(&good, 2), Err(Refused::NotSignedByUs));
        let signature = key(1).sign(&good);
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            let verdict = accept(&changed, Some(signature.as_ref()), &public(&key(1)), &own());
            assert_eq!(verdict, Err(Refused::NotSignedByUs), "byte {at}");
        }
        for cut in [0, 1, 63] {
            let verdict = accept(&good, Some(&signature.as_ref()[..cut]), &public(&key(1)), &own());
            assert_eq!(verdict, Err(Refused::NotSignedByUs), "{cut} bytes of signature");
        }
        assert_eq!(
            accept(&good, Some(signature.as_ref()), &[], &own()),
            Err(Refused::NotSignedByUs)
        );
    }

    #[test]
    fn older_equal_and_other_boxes_updates_are_refused() {
        for version in [1, 3, 4] {
            let refused = Refused::NotNewer { theirs: version, ours: 4 };
            assert_eq!(signed(&text("amd64-uefi", version, "r"), 1), Err(refused));
        }
        let other = Refused::WrongModel { theirs: "arm64-uefi".into(), ours: "amd64-uefi".into() };
        assert_eq!(signed(&text("arm64-uefi", 5, "r"), 1), Err(other));
    }

    #[test]
    fn a_part_that_leads_elsewhere_is_refused_though_it_is_signed() {
        for name in ["", "../shadow", "/etc/passwd", ".hidden"] {
            assert_eq!(signed(&text("amd64-uefi", 5, name), 1), Err(Refused::OddPart(name.into())));
        }
    }

    #[test]
    fn every_damaged_byte_of_a_part_shows() {
        let part =
            Part { file: "r".into(), bytes: 3, sha256: hex(digest(&SHA256, b"abc").as_ref()) };
        assert_eq!(part.check(b"abc"), Ok(()));
        for bad in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert_eq!(part.check(bad), Err(Refused::Corrupted("r".into())));
        }
    }

    #[test]
    fn keys_are_read_from_hexadecimal_and_from_nothing_else() {
        assert_eq!(from_hex("00ff10\n"), Some(vec![0, 255, 16]));
        for bad in ["0", "zz", "0é1"] {
            assert_eq!(from_hex(bad), None);
        }
    }
}
