//! What `[update]` says.

use super::{Check, Step};
use crate::config::settings::Update;

use Step::Key;

impl Check<'_, '_> {
    pub(super) fn update(&mut self) {
        let update = &self.settings.update;
        let at = |key| [Key("update"), Key(key)];
        if update.from.as_deref().is_some_and(|from| !Update::is_source(from)) {
            let what = "no folder of a server that proves who it is".to_owned();
            self.tell(&at("from"), what, "`https://HOST/FOLDER`");
        }
        if update.authorities.as_ref().is_some_and(|path| !path.is_absolute()) {
            let what = "the timer runs in no folder of yours".to_owned();
            self.tell(&at("authorities"), what, "a path that begins with `/`");
        }
    }
}
