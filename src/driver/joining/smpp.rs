//! A carrier's SMPP, put together.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{Ground, Joined};
use crate::config::settings::Channel;
use crate::config::settings::channel::smpp::{Smpp, Validity};
use crate::driver::clock;
use crate::driver::smpp::{Carrying, Drawer, carry, link, scraps};
use crate::driver::tls;
use crate::gateway::carrier::{self, Carrier, Numbers};
use crate::id::ChannelId;
use crate::smpp::client;
use crate::smpp::pdu::{Address, Bind, Text};
use crate::smpp::session::Limits;

/// Requests of a carrier that may wait for the disk: a turn of it takes milliseconds, and carriers send some hundred a second.
const THEIRS: usize = 1_000;

/// Who asks how it is, at a time.
const QUESTIONS: usize = 8;

/// Starts the task of a channel.
///
/// # Errors
/// In words, when it cannot be started.
pub fn start(
    ground: &mut Ground<'_>,
    joined: &mut Joined,
    name: &ChannelId,
    own: &Channel,
) -> Result<(), String> {
    let smpp = own.smpp.as_ref().ok_or("nothing says where the carrier is")?;
    let password = ground.secret(name, "smpp.password").ok_or("it has no password")?;
    let password = Text::from(password.text());
    let tls = match smpp.tls {
        true => tls::client(smpp.authorities.as_deref()).map_err(|error| error.to_string())?,
        false => None,
    };
    let path = ground.data.join("smpp").join(format!("{name}.scraps"));
    let drawer = Drawer::open(path, &ground.files_key, ground.random.fork())
        .map_err(|error| format!("its parts cannot be kept: {error}"))?;
    let settings = carrier::Settings {
        binds: smpp.binds().to_vec(),
        wording: smpp.wording(),
        rules: smpp.rules(),
        numbers: Numbers {
            from: smpp.from.clone(),
            from_kind: (smpp.from_ton, smpp.from_npi),
            to_kind: (smpp.to_ton, smpp.to_npi),
            plus: smpp.plus,
            country: ground.settings.site.country,
        },
        service_type: Text::from(smpp.service_type.as_str()),
        receipts: smpp.receipts,
        validity: match smpp.validity {
            Validity::None => carrier::Validity::None,
            Validity::Relative => carrier::Validity::Relative,
            Validity::Absolute => carrier::Validity::Absolute,
        },
    };
    let left = scraps(&drawer);
    let carrier = Carrier::new(clock::now(), settings, left, ground.random.fork());
    let mut links = Vec::new();
    for bind in clients(smpp, &password, own.window.into()) {
        let (link, task) = link(bind, tls.clone(), ground.random.fork());
        ground.runtime.spawn(task);
        links.push(link);
    }
    let (orders, tell) = (joined.orders.add(name.clone()), ground.way(name.clone()));
    let (ask, questions) = mpsc::channel(QUESTIONS);
    joined.smpp.carrier(name.clone(), own.window, ask);
    let all = Carrying { carrier, links, orders, tell, drawer, questions };
    ground.runtime.spawn(carry(all));
    Ok(())
}

/// How each link is kept up.
fn clients(smpp: &Smpp, password: &Text, window: usize) -> Vec<client::Settings> {
    let host = |(name, port)| client::Host { name, port, tls: smpp.tls };
    let hosts: Vec<client::Host> = smpp.addresses().into_iter().map(host).collect();
    let limits = Limits {
        window,
        theirs: THEIRS,
        response: Duration::from_secs(smpp.answer_s.into()),
        enquire: Duration::from_secs(smpp.enquire_s.into()),
        ..Limits::default()
    };
    let range = Address {
        ton: smpp.address_ton,
        npi: smpp.address_npi,
        text: Text::from(smpp.address_range.as_str()),
    };
    let binds = smpp.binds().iter().map(|kind| Bind {
        kind: *kind,
        system_id: Text::from(smpp.system_id.as_str()),
        password: password.clone(),
        system_type: Text::from(smpp.system_type.as_str()),
        version: 0x34,
        range: range.clone(),
    });
    binds.map(|bind| client::Settings { hosts: hosts.clone(), bind, limits }).collect()
}
