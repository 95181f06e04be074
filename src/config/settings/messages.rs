//! `[messages]`: who carries the messages that rules send.

use serde::Deserialize;

use crate::journey::quiet::{Quiet, minutes};
use crate::journey::{Carriers, Channel};

/// `[messages]`: who carries messages, by channel: `webhook:NAME`, `channel:NAME` or `phone`. Nobody by default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    /// Text messages.
    pub sms: Option<String>,
    /// Messengers and the chat of a page.
    pub chat: Option<String>,
    /// Mail.
    pub mail: Option<String>,
    /// Languages besides English in which STOP and its kin are understood; the first is answered in.
    pub languages: Vec<String>,
    /// From when on nobody is written to who has not written before and waits for no code, by the clock on their wall:
    /// `HH:MM`. Federal law of the USA begins at nine in the evening, some of its states at eight.
    pub quiet_from: String,
    /// Until when; the same time twice: never.
    pub quiet_to: String,
}

impl Default for Messages {
    fn default() -> Self {
        Messages {
            sms: None,
            chat: None,
            mail: None,
            languages: Vec::new(),
            quiet_from: "20:00".to_owned(),
            quiet_to: "08:00".to_owned(),
        }
    }
}

impl Messages {
    /// What was written for each channel.
    pub fn each(&self) -> impl Iterator<Item = (Channel, &String)> {
        let all =
            [(Channel::Sms, &self.sms), (Channel::Chat, &self.chat), (Channel::Mail, &self.mail)];
        all.into_iter().filter_map(|(channel, carrier)| Some((channel, carrier.as_ref()?)))
    }

    /// When nobody is written to; a time that is written wrong is midnight.
    pub fn quiet(&self) -> Quiet {
        let minutes = |text: &str| minutes(text).unwrap_or(0);
        Quiet { from: minutes(&self.quiet_from), to: minutes(&self.quiet_to) }
    }

    /// Who carries messages; what is written wrong carries none.
    pub fn carriers(&self) -> Carriers {
        self.each().filter_map(|(channel, text)| Some((channel, text.parse().ok()?))).collect()
    }
}
