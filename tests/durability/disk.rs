//! ext4 images on loop devices.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted image; unmounted with the test.
pub struct Disk {
    image: PathBuf,
    pub mount: PathBuf,
}

/// Runs a program that must succeed.
pub fn run(program: &str, arguments: &[&str]) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(arguments).env("PATH", path).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs it"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {} (disks for these tests need root and loop devices)",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Disk {
    /// A fresh disk of some megabytes, its image at `image`.
    pub fn new(image: &Path, mount: &Path, megabytes: u32) -> Disk {
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        run("truncate", &["-s", &format!("{megabytes}M"), text(image)]);
        // No reserve for root: the tests are root, and a full disk has to be full for them as well.
        run("mkfs.ext4", &["-q", "-F", "-m", "0", text(image)]);
        Disk::mount(image, mount)
    }

    /// Mounts an image that is there.
    pub fn mount(image: &Path, mount: &Path) -> Disk {
        fs::create_dir_all(mount).unwrap();
        run("mount", &["-o", "loop", text(image), text(mount)]);
        Disk { image: image.to_owned(), mount: mount.to_owned() }
    }

    /// The disk as it would be found after the power went away now: what has reached the device, and nothing else.
    pub fn cut(&self, image: &Path, mount: &Path) -> Disk {
        run("cp", &["--sparse=always", text(&self.image), text(image)]);
        Disk::mount(image, mount)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", text(&self.mount)]).output();
        let _ = fs::remove_file(&self.image);
    }
}
