//! Services with an API: what the site has said of an account there, as the adapter that speaks with it.

use std::sync::Arc;
use std::time::Duration;

use super::{Ground, Joined};
use crate::config::settings::{Channel, ChannelKind, Service};
use crate::driver::channels::{Client, Fetching, Runner, Shelf};
use crate::id::ChannelId;
use crate::messaging::adapter::{
    self, Hook, Line, Meta, Plivo, Secret, Sinch, Telegram, Telnyx, Twilio, Viber, Vonage,
};
use crate::messaging::contract::Capabilities;
use crate::messaging::web::Adapter;

/// The version of Meta's API that is spoken: each is there for two years and more.
const GRAPH: &str = "https://graph.facebook.com/v23.0";
/// Instagram's own, for accounts without a page.
const INSTAGRAM: &str = "https://graph.instagram.com/v23.0";
/// How long a program of the site may take when nothing is said: as long as a service.
const PATIENCE_S: u16 = 20;
/// Characters of the longest text that a program takes when nothing is said: as most services have it.
const LONGEST: u32 = 4_096;
/// Megabytes of the largest file that it takes when nothing is said.
const FILE_MB: u16 = 16;

/// Starts one, and has it called.
///
/// # Errors
/// When it cannot be started, with why.
pub fn join(
    ground: &mut Ground<'_>,
    joined: &mut Joined,
    shelf: &Arc<Shelf>,
    (name, own): (&ChannelId, &Channel),
) -> Result<(), String> {
    let service = own.service.as_ref().ok_or("nothing is said of its service")?;
    let account = Account { service, name, ground };
    let adapter = account.adapter(own.kind)?;
    let authorities = service.authorities.as_deref();
    let client = Client::new(service.reach(), authorities).map_err(|error| error.to_string())?;
    let fetching =
        Fetching::new(service.reach(), authorities).map_err(|error| error.to_string())?;
    // Whoever writes chooses where files are: in the branch's own networks, the service alone has any.
    let fetching = fetching.near([&service.url, &service.files_url].into_iter().flatten());
    let way = ground.way(name.clone());
    let runner = Runner::new(name.clone(), adapter, (client, fetching), shelf.clone(), way);
    let orders = joined.orders.add(name.clone());
    ground.runtime.spawn(runner.clone().run(orders, ground.random.fork()));
    joined.called.insert(name.clone(), runner);
    Ok(())
}

/// What the site has said, and what nobody else may know.
struct Account<'a, 'g> {
    service: &'a Service,
    name: &'a ChannelId,
    ground: &'a Ground<'g>,
}

impl Account<'_, '_> {
    fn adapter(&self, kind: ChannelKind) -> Result<Box<dyn Adapter>, String> {
        let own = self.service;
        Ok(match kind {
            ChannelKind::Twilio => Box::new(self.twilio()?),
            ChannelKind::Vonage => Box::new(Vonage {
                api: self.api("https://api.nexmo.com"),
                key: said("account", &own.account)?,
                secret: self.secret("service.token")?,
                signature: self.secret("service.signing")?,
                service: own.network.clone().unwrap_or_else(|| "sms".to_owned()),
                sender: said("sender", &own.sender)?,
            }),
            ChannelKind::Telnyx => Box::new(Telnyx {
                api: self.api("https://api.telnyx.com"),
                public_key: said("public_key", &own.public_key)?,
                access: self.secret("service.token")?,
                sender: said("sender", &own.sender)?,
                callback: own.callback.clone(),
            }),
            ChannelKind::Plivo => Box::new(Plivo {
                api: self.api("https://api.plivo.com"),
                account: said("account", &own.account)?,
                token: self.secret("service.token")?,
                sender: said("sender", &own.sender)?,
                callback: own.callback.clone(),
            }),
            ChannelKind::Sinch => Box::new(Sinch {
                api: self.api("https://eu.conversation.api.sinch.com"),
                project: said("account", &own.account)?,
                app: said("app", &own.app)?,
                key: (said("key", &own.key)?, self.secret("service.key_secret")?),
                signature: self.secret("service.signing")?,
                service: own.network.clone().unwrap_or_else(|| "SMS".to_owned()),
            }),
            ChannelKind::Whatsapp => Box::new(self.meta(adapter::Service::WhatsApp, GRAPH)?),
            ChannelKind::Messenger => Box::new(self.meta(adapter::Service::Messenger, GRAPH)?),
            ChannelKind::Instagram => Box::new(self.meta(adapter::Service::Instagram, INSTAGRAM)?),
            ChannelKind::Telegram => Box::new(Telegram {
                api: self.api("https://api.telegram.org"),
                token: self.secret("service.token")?,
                called: self.known("service.signing").cloned(),
            }),
            ChannelKind::Line => Box::new(Line {
                api: self.api("https://api.line.me"),
                data: own.files_url.clone().unwrap_or_else(|| "https://api-data.line.me".into()),
                secret: self.secret("service.signing")?,
                access: self.secret("service.token")?,
            }),
            ChannelKind::Viber => Box::new(Viber {
                api: self.api("https://chatapi.viber.com"),
                token: self.secret("service.token")?,
                name: said("sender", &own.sender)?,
            }),
            ChannelKind::Hook => Box::new(self.hook()?),
            _ => return Err("it is no service".to_owned()),
        })
    }

    fn twilio(&self) -> Result<Twilio, String> {
        let own = self.service;
        let key = own.key.clone().zip(self.known("service.key_secret").cloned());
        let shared = own.signing_key.clone().zip(self.known("service.signing").cloned());
        Ok(Twilio {
            api: self.api("https://api.twilio.com"),
            account: said("account", &own.account)?,
            token: self.secret("service.token")?,
            key,
            shared: shared.into_iter().collect(),
            sender: said("sender", &own.sender)?,
            callback: own.callback.clone(),
            discard: own.discard,
        })
    }

    fn meta(&self, service: adapter::Service, api: &str) -> Result<Meta, String> {
        Ok(Meta {
            service,
            api: self.api(api),
            id: said("account", &self.service.account)?,
            app_secret: self.secret("service.signing")?,
            verify: self.secret("service.verify")?,
            access: self.secret("service.token")?,
        })
    }

    fn hook(&self) -> Result<Hook, String> {
        let own = self.service;
        let signing = ["service.signing", "service.old_signing"].map(|key| self.known(key));
        let secrets: Vec<_> =
            signing.into_iter().flatten().filter_map(|one| Secret::standard(one.text())).collect();
        if secrets.is_empty() {
            return Err("its `signing` cannot be used".to_owned());
        }
        let hours = |hours: u16| Duration::from_secs(u64::from(hours) * 3_600);
        let capabilities = Capabilities {
            longest: own.longest.unwrap_or(LONGEST) as usize,
            media: u64::from(own.file_mb.unwrap_or(FILE_MB)) << 20,
            templates: own.templates,
            delivered: own.delivered,
            read: own.read,
            typing: own.typing,
            window: own.window_hours.map(hours),
        };
        Ok(Hook {
            url: said("url", &own.url)?,
            service: said("network", &own.network)?,
            secrets,
            capabilities,
            within: Duration::from_secs(own.timeout_s.unwrap_or(PATIENCE_S).into()),
        })
    }

    fn api(&self, provider: &str) -> String {
        self.service.url.clone().unwrap_or_else(|| provider.to_owned())
    }

    fn known(&self, key: &'static str) -> Option<&Secret> {
        self.ground.secret(self.name, key)
    }

    fn secret(&self, key: &'static str) -> Result<Secret, String> {
        self.known(key).cloned().ok_or_else(|| format!("`{key}` is not said"))
    }
}

fn said(key: &str, value: &Option<String>) -> Result<String, String> {
    value.clone().ok_or_else(|| format!("`service.{key}` is not said"))
}
