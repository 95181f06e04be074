//! The start of the channels of messages: a task for each, and what they need of the box.
//!
//! Each kind is put together in a file of its own. A channel that cannot be started is told as down, with why; calls and
//! the other channels do without it.

mod chat;
mod files;
mod mail;
mod modem;
mod services;
mod smpp;
mod smpp_desk;
mod smpp_server;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::channels::{Calls, Runner, Shelf, router};
use super::chat::{Door, router as chat_router};
use super::identity::Identity;
use super::looking::Readers;
use super::mailbox::Sender;
use super::ordering::Channels;
use super::turn::Letter;
use crate::config::Settings;
use crate::config::settings::{Channel, ChannelKind};
use crate::id::{ApplicationId, ChannelId};
use crate::journal::personal::Reading;
use crate::messaging::adapter::Secret;
use crate::messaging::application;
use crate::messaging::channel::{Input, State};
use crate::random::Random;

/// What a channel has told and the loop has not taken yet: some turns of it. The task waits then.
const TOLD: usize = 256;
/// Bytes of all files of messages together: a small part of the smallest disk that a box is sold with.
const FILES: u64 = 4 << 30;
/// Bytes of the key that they are sealed by.
pub const FILES_KEY: usize = 32;

pub use modem::Desk as Modems;
pub use smpp_desk::Desk as SmppDesk;

/// What channels are started on.
pub struct Ground<'a> {
    /// What the site has said.
    pub settings: &'a Settings,
    /// What nobody else may know.
    pub secrets: &'a BTreeMap<(ChannelId, &'static str), Secret>,
    /// PINs of SIMs, by their channels and names.
    pub sims: &'a BTreeMap<(ChannelId, String), Secret>,
    /// Where the tasks run.
    pub runtime: &'a Handle,
    /// The way to the loop.
    pub letters: &'a Sender<Letter>,
    /// For the moments at which something is tried again.
    pub random: &'a mut Random,
    /// The box's own folder.
    pub data: &'a Path,
    /// By what files of messages are sealed.
    pub files_key: [u8; FILES_KEY],
    /// What nobody makes up who does not have the box's keys.
    pub keys: Reading,
    /// Who reads what was written before.
    pub readers: &'a Readers,
    /// What proves applications of the branch.
    pub passwords: &'a BTreeMap<ApplicationId, Secret>,
    /// Who the box is over TLS.
    pub identity: Option<&'a Identity>,
}

/// What came of it.
pub struct Joined {
    /// The ways to them.
    pub orders: Channels,
    /// What is called from outside, over the box's HTTPS.
    pub calls: Router,
    /// Where files of messages are.
    pub shelf: Option<Arc<Shelf>>,
    /// Services that call.
    called: BTreeMap<ChannelId, Arc<Runner>>,
    /// The way to the modems.
    pub modems: Modems,
    /// The way to whoever speaks SMPP.
    pub smpp: SmppDesk,
    /// The way to whoever speaks with applications of the branch.
    pub applications: Option<mpsc::Sender<application::Order>>,
    /// Chats, for the pages that have them.
    chats: BTreeMap<ChannelId, Arc<Door>>,
}

/// A key from its hexadecimal digits.
pub fn key(hex: &str) -> [u8; FILES_KEY] {
    let mut key = [0; FILES_KEY];
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or(0);
    }
    key
}

/// Starts every channel of the site.
pub fn start(ground: &mut Ground<'_>) -> Joined {
    let (called, chats) = (BTreeMap::new(), BTreeMap::new());
    let (orders, modems) = (Channels::default(), Modems::default());
    let (calls, smpp, shelf, applications) = (Router::new(), SmppDesk::default(), None, None);
    let mut joined = Joined { orders, calls, shelf, called, modems, smpp, applications, chats };
    smpp::sweep(ground.data, ground.settings);
    if ground.settings.smpp_server.is_on()
        && let Err(why) = smpp_server::start(ground, &mut joined)
    {
        tracing::error!(%why, "applications cannot bind");
    }
    if ground.settings.channels.values().all(|own| own.kind == ChannelKind::Sip) {
        return joined;
    }
    let shelf = match Shelf::open(ground.data.join("files"), &ground.files_key, FILES) {
        Ok(shelf) => Arc::new(shelf),
        Err(error) => {
            tracing::error!(%error, "files of messages cannot be kept: no channel is started");
            return joined;
        }
    };
    joined.shelf = Some(shelf.clone());
    files::sweep(ground.runtime, ground.readers.clone(), shelf.clone());
    let settings = ground.settings;
    for (name, own) in &settings.channels {
        if let Err(why) = one(ground, &mut joined, &shelf, name, own) {
            tracing::error!(channel = %name, %why, "a channel cannot be started");
            ground.tell(name.clone(), Input::State(State::Down(why)));
        }
    }
    let called = Calls::new(std::mem::take(&mut joined.called));
    let doors = std::mem::take(&mut joined.chats);
    Joined { calls: joined.calls.merge(router(called)).merge(chat_router(doors)), ..joined }
}

fn one(
    ground: &mut Ground<'_>,
    joined: &mut Joined,
    shelf: &Arc<Shelf>,
    name: &ChannelId,
    own: &Channel,
) -> Result<(), String> {
    match own.kind {
        // The gateway speaks to phones itself.
        ChannelKind::Sip => Ok(()),
        ChannelKind::Chat => chat::join(ground, joined, shelf, (name, own)),
        ChannelKind::Mail => mail::join(ground, joined, shelf, (name, own)),
        kind if kind.is_service() => services::join(ground, joined, shelf, (name, own)),
        ChannelKind::Modem => modem::start(ground, joined, name, own),
        ChannelKind::Smpp => smpp::start(ground, joined, name, own),
        _ => Err("this version carries no such channel".to_owned()),
    }
}

impl Ground<'_> {
    /// What stands under a key of a channel, and nobody else may know.
    pub fn secret(&self, channel: &ChannelId, key: &'static str) -> Option<&Secret> {
        self.secrets.get(&(channel.clone(), key))
    }

    /// The way by which a channel tells the loop.
    pub fn way(&self, channel: ChannelId) -> mpsc::Sender<Input> {
        let (tell, mut told) = mpsc::channel(TOLD);
        let letters = self.letters.clone();
        self.runtime.spawn(async move {
            while let Some(input) = told.recv().await {
                if letters.deliver(Letter::Channel(channel.clone(), input)).await.is_err() {
                    return;
                }
            }
        });
        tell
    }

    /// Tells the loop one thing.
    pub fn tell(&self, channel: ChannelId, input: Input) {
        let letters = self.letters.clone();
        self.runtime.spawn(async move {
            // A loop that has stopped has no use for it.
            let _ = letters.deliver(Letter::Channel(channel, input)).await;
        });
    }
}
