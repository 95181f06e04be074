//! What `[backup]` says.

use super::{Check, Step};

use Step::Key;

impl Check<'_, '_> {
    pub(super) fn backup(&mut self) {
        let backup = &self.settings.backup;
        let at = |key| [Key("backup"), Key(key)];
        self.within(&at("keep"), backup.keep, 1..=1_000);
        self.within(&at("every_hours"), backup.every_hours, 1..=720);
        for (key, path) in [
            ("folder", &backup.folder),
            ("key_file", &backup.key_file),
            ("passphrase_file", &backup.passphrase_file),
        ] {
            if path.as_ref().is_some_and(|path| !path.is_absolute()) {
                let what = "the timer runs in no folder of yours".to_owned();
                self.tell(&at(key), what, "a path that begins with `/`");
            }
        }
        if backup.key_file.is_some() && backup.passphrase_file.is_some() {
            let what = "a backup is locked with one of both, a key or a passphrase".to_owned();
            self.tell(&at("passphrase_file"), what, "`passphrase_file` or `key_file`");
        }
        let inside = |folder: &std::path::PathBuf| folder.starts_with(&self.settings.site.data_dir);
        if backup.folder.as_ref().is_some_and(inside) {
            let what = "a backup in the data folder is lost with it".to_owned();
            self.tell(&at("folder"), what, "a folder on another disk or a mounted share");
        }
    }
}
