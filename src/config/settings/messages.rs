//! `[messages]`: who carries the messages that rules send.

use serde::Deserialize;

use crate::journey::{Carriers, Channel};

/// `[messages]`: who carries messages, by channel: `webhook:NAME` or `phone`. Nobody by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
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
}

impl Messages {
    /// What was written for each channel.
    pub fn each(&self) -> impl Iterator<Item = (Channel, &String)> {
        let all =
            [(Channel::Sms, &self.sms), (Channel::Chat, &self.chat), (Channel::Mail, &self.mail)];
        all.into_iter().filter_map(|(channel, carrier)| Some((channel, carrier.as_ref()?)))
    }

    /// Who carries messages; what is written wrong carries none.
    pub fn carriers(&self) -> Carriers {
        self.each().filter_map(|(channel, text)| Some((channel, text.parse().ok()?))).collect()
    }
}
