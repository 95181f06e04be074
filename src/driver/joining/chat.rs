//! The chats of the site's pages.

use std::sync::Arc;
use std::time::Duration;

use super::{FILES_KEY, Ground, Joined, key};
use crate::config::settings::Channel;
use crate::driver::channels::Shelf;
use crate::driver::chat;
use crate::gateway::chats;
use crate::id::ChannelId;
use crate::messaging::chat::{Chat, Seal, Settings};

/// Puts a chat together.
pub(super) fn join(
    ground: &mut Ground<'_>,
    joined: &mut Joined,
    shelf: &Arc<Shelf>,
    (name, own): (&ChannelId, &Channel),
) -> Result<(), String> {
    let own = own.chat.as_ref().ok_or("it has no settings")?;
    let settings = Settings {
        connections: own.connections.into(),
        per_address: own.per_address.into(),
        remembered: Duration::from_secs(u64::from(own.remember_days) * 24 * 3_600),
        largest_file: u64::from(own.file_mb) << 20,
    };
    let keys = ground.keys.clone();
    let secret = key(&keys.token(&format!("chat {name}"), FILES_KEY));
    let site = ground.secret(name, "chat.identity").map(|secret| secret.bytes().to_vec());
    if own.identity.is_some() && site.is_none() {
        return Err("what the site signs with cannot be read".to_owned());
    }
    let seal = || Seal::new(&secret, site.as_deref());
    let channel = name.clone();
    let token = move |text: &str, size: usize| keys.token(text, size);
    let print = Box::new(move |said: &str| chats::fingerprint(&token, &channel, said));
    let machine = Chat::new(settings.clone(), seal(), ground.random.fork(), print);
    let stands = chat::Ground {
        shelf: shelf.clone(),
        tell: ground.way(name.clone()),
        readers: ground.readers.clone(),
        runtime: ground.runtime.clone(),
    };
    let orders = joined.orders.add(name.clone());
    let all = (settings, Arc::new(seal()), machine);
    joined.chats.insert(name.clone(), chat::start(name.clone(), own, all, stands, orders));
    Ok(())
}
