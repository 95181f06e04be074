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
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&draft)?;
    // One that was left behind may have another mode.
    fs::set_permissions(&draft, Permissions::from_mode(mode))?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}
