//! What `media_encryption` says of trunks and extensions: whether its keys have a way to travel at all.

use super::{Check, Step};
use crate::config::desk::Way;
use crate::config::settings::{Encryption, Extension, KeysOver, Transport};

use Step::{At, Key};

/// What helps where keys would have to travel in the clear.
const WAYS_OUT: &str =
    "TLS, or `media_keys_over = \"any\"` where the way is protected otherwise (a VPN)";

impl Check<'_, '_> {
    pub(super) fn encryption(&mut self) {
        let settings = self.settings;
        for (index, trunk) in settings.trunks.iter().enumerate() {
            if trunk.media_keys_over == KeysOver::Any {
                continue;
            }
            let what = match (trunk.media_encryption, trunk.transport) {
                (Encryption::Off, _) | (_, Transport::Tls) => continue,
                (policy, Transport::Udp | Transport::Tcp) => format!(
                    "sound over trunk `{}` cannot be encrypted: its keys travel over TLS alone{}",
                    trunk.name,
                    consequence(policy)
                ),
                (policy, Transport::Auto) => format!(
                    "where DNS leads trunk `{}` to a way without TLS, sound cannot be encrypted{}",
                    trunk.name,
                    consequence(policy)
                ),
            };
            let at = [Key("trunk"), At(self.place("trunk", index)), Key("media_encryption")];
            let problem = self.document.problem(&at, what).allowing(WAYS_OUT);
            let certain = trunk.media_encryption == Encryption::Required
                && trunk.transport != Transport::Auto;
            self.out.push(if certain { problem } else { problem.warning() });
        }
        for (index, extension) in settings.extensions.iter().enumerate() {
            self.encryption_of(index, extension);
        }
    }

    fn encryption_of(&mut self, index: usize, extension: &Extension) {
        let settings = self.settings;
        if extension.media_encryption == Encryption::Off
            || extension.media_keys_over == KeysOver::Any
        {
            return;
        }
        let at = [Key("extension"), At(self.place("extension", index)), Key("media_encryption")];
        let number = &extension.number;
        if settings.sip.tls.is_empty() {
            let words = consequence(extension.media_encryption);
            let what = format!(
                "sound of extension {number} cannot be encrypted: nothing listens for TLS{words}"
            );
            let problem = self.document.problem(&at, what).allowing(WAYS_OUT);
            let certain = extension.media_encryption == Encryption::Required;
            self.out.push(if certain { problem } else { problem.warning() });
        }
        let provisioned = settings.phones.iter().any(|phone| phone.lines.contains(number));
        if provisioned && settings.provisioning.transport != Way::Tls {
            let what = format!(
                "the desk phone of extension {number} is told to register without TLS, over which \
                 alone keys travel"
            );
            let problem = self.document.problem(&at, what);
            self.out.push(problem.allowing("`transport = \"tls\"` in [provisioning]").warning());
        }
    }
}

fn consequence(policy: Encryption) -> &'static str {
    match policy {
        Encryption::Required => ", and no call gets through",
        Encryption::Offered | Encryption::Off => "",
    }
}
