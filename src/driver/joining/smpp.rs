//! A carrier's SMPP, put together.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Ground, Joined};
use crate::config::Settings;
use crate::config::settings::channel::smpp::{Smpp, Validity};
use crate::config::settings::{Channel, ChannelKind};
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

/// After which time the scraps of a channel that is gone are of no use: twice what a part waits for others.
const LEFT_BEHIND: Duration = Duration::from_secs(48 * 3_600);
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

/// Takes away what channels have left behind that are carriers no more. What waited in it for other parts is over by then.
pub fn sweep(data: &Path, settings: &Settings) {
    let Ok(files) = fs::read_dir(data.join("smpp")) else { return };
    for path in files.filter_map(Result::ok).map(|file| file.path()) {
        let name = path.file_stem().and_then(|name| name.to_str()).map(ChannelId::from);
        let channel = name.and_then(|name| settings.channels.get(&name));
        let scraps = path.extension().is_some_and(|kind| kind == "scraps");
        if !scraps || channel.is_some_and(|channel| channel.kind == ChannelKind::Smpp) {
            continue;
        }
        let changed = path.metadata().and_then(|about| about.modified());
        let old = changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT_BEHIND));
        if old && fs::remove_file(&path).is_ok() {
            tracing::info!("parts of a channel that is gone are taken away");
        }
    }
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_channel_has_left_that_is_gone_goes_after_two_days() {
        let data = std::env::temp_dir().join(format!("branchline-scraps-{}", std::process::id()));
        fs::create_dir_all(data.join("smpp")).expect("a folder");
        let make = |name: &str, hours: u64| {
            let file = File::create(data.join("smpp").join(name)).expect("a file");
            let at = SystemTime::now() - Duration::from_secs(hours * 3_600);
            file.set_modified(at).expect("a time");
        };
        for (name, hours) in [
            ("old.scraps", 50),
            ("late.scraps", 47),
            ("here.scraps", 50),
            ("applications.parts", 50),
        ] {
            make(name, hours);
        }
        let mut settings = Settings::default();
        let own = "kind = 'smpp'";
        settings.channels.insert("here".into(), toml::from_str(own).expect("a channel"));
        sweep(&data, &settings);
        let left = fs::read_dir(data.join("smpp")).expect("a folder");
        let mut left: Vec<_> = left
            .map(|file| file.expect("a file").file_name().into_string().expect("text"))
            .collect();
        left.sort();
        assert_eq!(left, ["applications.parts", "here.scraps", "late.scraps"]);
        fs::remove_dir_all(&data).expect("it goes");
    }
}
