//! Small files that are there whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Writes a file so that it is there whole, or as it was before; its folder is made where there is none, for its owner only.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let draft = path.with_extension("new");
    // One that was left behind may have another mode, or be a link that somebody laid out for whoever has more power.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_way_is_not_written_through() {
        let folder = std::env::temp_dir().join(format!("branchline-whole-{}", std::process::id()));
        let (file, other) = (folder.join("state.json"), folder.join("other"));
        write(&file, b"one", 0o600).expect("written");
        fs::write(&other, "not ours").expect("written");
        std::os::unix::fs::symlink(&other, folder.join("state.new")).expect("a link");
        write(&file, b"two", 0o640).expect("written");
        assert_eq!(fs::read(&file).expect("there"), b"two");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&other).expect("there"), b"not ours");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
