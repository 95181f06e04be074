//! What `[channels.NAME.mail]` says.

use super::super::{Check, Step};
use crate::config::settings::{Channel, ChannelKind};
use crate::context::{Kind, normalise};

use Step::Key;

impl Check<'_, '_> {
    pub(super) fn mail(&mut self, name: &str, own: &Channel) {
        let kind = [Key("channels"), Key(name), Key("kind")];
        let table = [Key("channels"), Key(name), Key("mail")];
        let at = |key| [Key("channels"), Key(name), Key("mail"), Key(key)];
        let mail = match (own.kind, &own.mail) {
            (ChannelKind::Mail, Some(mail)) => mail,
            (ChannelKind::Mail, None) => {
                let allowed = "a table with `address`, `imap`, `smtp`, `user` and `password`";
                return self.tell(&kind, format!("it needs `[channels.{name}.mail]`"), allowed);
            }
            (_, Some(_)) => {
                return self.tell(&table, "a channel of this kind is no mailbox", "none");
            }
            (_, None) => return,
        };
        let plain =
            mail.address.is_ascii() && !mail.address.contains(['<', '>', ',', ';', '"', '+']);
        if !plain || normalise(Kind::Email, &mail.address, &|_| None).is_err() {
            self.tell(&at("address"), "this is no address of a mailbox", "`name@host`");
        }
        for (key, server) in [("imap", mail.imap()), ("smtp", mail.smtp())] {
            if server.is_none() {
                self.tell(&at(key), "this is no server", "`host` or `host:port`");
            }
        }
        let folders = [("folder", Some(&mail.folder)), ("done", mail.done.as_ref())];
        let lines = [
            ("user", Some(&mail.user)),
            ("name", mail.name.as_ref()),
            ("trusted", mail.trusted.as_ref()),
        ];
        for (key, text) in folders.into_iter().chain(lines) {
            if text.is_some_and(|text| text.trim().is_empty() || text.contains(char::is_control)) {
                self.tell(&at(key), "this is no name", "one line");
            }
        }
        if mail.done.as_ref() == Some(&mail.folder) {
            self.tell(&at("done"), "letters are there already", "another folder than `folder`");
        }
        self.within(&at("largest_mb"), mail.largest_mb, 1..=100);
        self.within(&at("poll_s"), mail.poll_s, 10..=3_600);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::load;

    fn told(mail: &str) -> Vec<String> {
        let text = format!("[channels.post]\nkind = \"mail\"\n{mail}");
        let read = |_: &Path| Ok(text.clone());
        match load(Path::new("g"), &read) {
            Ok(_) => Vec::new(),
            // That help cannot be called is no matter of mail.
            Err(problems) => {
                let ours = problems.iter().map(|problem| problem.what.clone());
                ours.filter(|what| !what.contains("calls for help")).collect()
            }
        }
    }

    const GOOD: &str = "[channels.post.mail]\naddress = \"support@branch.example\"\nimap = \"mail.example\"\n\
                        smtp = \"mail.example:465\"\nuser = \"support\"\npassword = { credential = \"post\" }\n";

    #[test]
    fn a_mailbox_is_checked_before_anybody_writes_to_it() {
        assert_eq!(told(GOOD), Vec::<String>::new());
        for (from, to, what) in [
            ("support@branch.example", "support", "this is no address of a mailbox"),
            ("support@branch.example", "Ann <a@b.example>", "this is no address of a mailbox"),
            ("\"mail.example\"", "\"imaps://mail.example\"", "this is no server"),
            ("user = \"support\"", "user = \"\"", "this is no name"),
            ("user =", "folder = \"Post\"\ndone = \"Post\"\nuser =", "letters are there already"),
            ("user =", "largest_mb = 0\nuser =", "0 is out of range"),
        ] {
            assert_eq!(told(&GOOD.replace(from, to)), [what], "{to}");
        }
        assert_eq!(told(""), ["it needs `[channels.post.mail]`"]);
    }
}
