//! A box that is a folder, and updates that `image/update` makes for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::site::Folder;

/// Bytes of a slot: more than any root here.
const SLOT: u64 = 1 << 20;

/// A box in slot a with version 1 of `amd64-uefi`, and a key that may sign.
pub struct Made {
    folder: Folder,
}

impl Made {
    /// One whose configuration has this in `[update]`.
    pub fn new(name: &str, update: &str) -> Made {
        let made = Made { folder: Folder::new(&format!("updates-{name}")) };
        let key = made.path("key.pem");
        run(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&key));
        let mut public = Command::new("openssl");
        let public = run(public.args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&key));
        let public = &public.stdout[public.stdout.len() - 32..];
        let hex: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
        for (path, text) in [
            ("run/branchline-slot", "a"),
            ("usr/share/branchline/keys/own", hex.as_str()),
            ("usr/lib/os-release", "IMAGE_VERSION=1\nBRANCHLINE_MODEL=amd64-uefi\n"),
            ("efi/EFI/Linux/branchline_1.efi", "kernel 1"),
            ("etc/branchline/gateway.toml", &format!("[update]\n{update}\n")),
            ("var/lib/nothing", ""),
        ] {
            made.write(path, text);
        }
        made.starts("first");
        for name in ["root-a", "root-b", "hash-a", "hash-b"] {
            let path = made.root().join("dev/branchline").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap().set_len(SLOT).unwrap();
        }
        for version in 1..=2 {
            made.image(version);
        }
        fs::write(made.root().join("dev/branchline/root-a"), root(1)).unwrap();
        made
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// Where its files are.
    pub fn root(&self) -> PathBuf {
        self.path("box")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The machine is started: from now on it is another start than before.
    pub fn starts(&self, boot: &str) {
        let _ = fs::remove_dir_all(self.root().join("run/branchline-update"));
        self.write("proc/sys/kernel/random/boot_id", boot);
    }

    fn image(&self, version: u32) {
        let folder = self.path(&format!("image{version}"));
        fs::create_dir_all(&folder).unwrap();
        for (kind, bytes) in [
            ("root", root(version)),
            ("hash", format!("hash {version}").into_bytes()),
            ("efi", format!("kernel {version}").into_bytes()),
        ] {
            fs::write(folder.join(format!("branchline_{version}.{kind}")), bytes).unwrap();
        }
    }

    /// A signed update to a version, in a folder of that name; `more` for `image/update`.
    pub fn update(&self, name: &str, version: u32, more: &[&str]) -> PathBuf {
        let out = self.path(name);
        let mut update = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/image/update"));
        update.arg("--image").arg(self.path(&format!("image{version}")));
        update.args(["--version", &version.to_string()]).arg("--key").arg(self.path("key.pem"));
        run(update.arg("--out").arg(&out).args(more));
        out
    }

    /// The same as a difference to version 1.
    pub fn difference(&self, name: &str) -> PathBuf {
        let old = self.path("image1");
        let old = old.to_str().unwrap();
        self.update(name, 2, &["--quick", "--from", old, "--from-version", "1"])
    }

    /// `branchline update` on this box.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
        command.arg("update").arg("--root").arg(self.root()).args(arguments);
        command
    }

    /// The same, to its end: exit code and everything that was said.
    pub fn says(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self
            .command(arguments)
            .args(["--order", "false", "--socket", "/nowhere"])
            .output()
            .unwrap();
        let said = [stdout, stderr].concat();
        (status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Whether version 2 is in slot b, whole, with its kernel; nothing of it where it is not.
    pub fn has_it(&self) -> bool {
        let slot = |half: &str| fs::read(self.root().join("dev/branchline").join(half)).unwrap();
        let kernel = fs::read(self.root().join("efi/EFI/Linux/branchline_2+5.efi"));
        let (new, hash) = (slot("root-b"), slot("hash-b"));
        if new.starts_with(&root(2)) {
            assert!(hash.starts_with(b"hash 2"));
            assert_eq!(kernel.unwrap(), b"kernel 2");
            return true;
        }
        assert!(new.iter().chain(&hash).all(|byte| *byte == 0) && kernel.is_err());
        false
    }

    /// What is kept of an update that is under way.
    pub fn fetched(&self) -> Vec<String> {
        let files = fs::read_dir(self.root().join("var/lib/branchline-update/fetched"));
        let files = files.into_iter().flatten().flatten();
        let mut names: Vec<_> =
            files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A root of a version: most of it is as in the others.
pub fn root(version: u32) -> Vec<u8> {
    let mut random = branchline::random::Random::from_number(7);
    let mut bytes: Vec<u8> = (0..400_000).map(|_| random.below(256) as u8).collect();
    bytes.extend(format!("version {version}").bytes());
    bytes
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Changes a file of an update; its signature is of what it was.
pub fn tamper(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}
