//! SMPP for applications of the branch, put together.

use std::time::Duration;

use ring::hmac;
use tokio::sync::mpsc;
use tokio::time;

use super::{Ground, Joined};
use crate::config::settings::smpp_server::{Application, SmppServer};
use crate::driver::clock;
use crate::driver::smpp::{Centring, Drawer, Listener, Password, Server, Tls, centre, parts};
use crate::driver::turn::Letter;
use crate::gateway::carrier::Numbers;
use crate::gateway::centre::{self as machine, Centre};
use crate::messaging::application::{Input, Order};
use crate::smpp::desk::Account;
use crate::smpp::session::{Limits, Senders};

/// Orders that wait for the task: what is owed to a dozen applications at the start, and the answers of all windows.
const ORDERS: usize = 16_384;
/// What the task has said and the loop has not taken yet: some turns of it. The task waits then, and so do applications.
const TOLD: usize = 256;
/// Requests of an application that may wait for the disk on a link, at most; `window` says how many for each.
const THEIRS: usize = 1_000;
/// Who asks how it is, at a time.
const QUESTIONS: usize = 8;
/// How soon an address is tried again that could not be bound: whoever has it may go.
const AGAIN: Duration = Duration::from_secs(5);

/// Starts the server.
///
/// # Errors
/// In words, when it cannot be started.
pub fn start(ground: &mut Ground<'_>, joined: &mut Joined) -> Result<(), String> {
    let own = &ground.settings.smpp_server;
    let path = ground.data.join("smpp").join("applications.parts");
    let drawer = Drawer::open(path, &ground.files_key, ground.random.fork())
        .map_err(|error| format!("parts of messages cannot be kept: {error}"))?;
    let left = parts(&drawer);
    let centre_of = Centre::new(clock::now(), settings(ground, own), left, ground.random.fork());
    let accounts = own.applications.iter().filter_map(|(name, application)| {
        let password = ground.passwords.get(name)?;
        Some((account(application), Password::of_file(password.text())))
    });
    let limits = Limits {
        theirs: THEIRS,
        response: Duration::from_secs(own.answer_s.into()),
        enquire: Duration::from_secs(own.enquire_s.into()),
        ..Limits::default()
    };
    let accounts = accounts.collect();
    let (server, told) = Server::new(&own.system_id, limits, accounts, ground.random.fork());
    for address in &own.listen {
        open(ground, &server, Listener { address: *address, tls: None });
    }
    for address in &own.listen_tls {
        let identity = ground.identity.ok_or("the box has no certificate")?;
        let identity = identity.clone();
        let tls = Some(Tls::new(move || identity.current()));
        open(ground, &server, Listener { address: *address, tls });
    }
    let (to_task, orders) = mpsc::channel::<Order>(ORDERS);
    let (ask, questions) = mpsc::channel(QUESTIONS);
    let tell = way(ground);
    let all = Centring { centre: centre_of, server, told, orders, tell, drawer, questions };
    ground.runtime.spawn(centre(all));
    joined.applications = Some(to_task);
    joined.smpp.server(own, ask);
    Ok(())
}

fn settings(ground: &Ground<'_>, own: &SmppServer) -> machine::Settings {
    let application = |application: &Application| machine::Application {
        system_id: application.system_id.clone(),
        channels: application.channels.clone(),
        destinations: application.destinations.clone(),
        purpose: application.purpose.clone(),
        wording: application.wording(),
    };
    let applications = own.applications.iter();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &ground.files_key);
    let print = hmac::sign(&key, b"branchline applications v1");
    machine::Settings {
        applications: applications.map(|(name, own)| (name.clone(), application(own))).collect(),
        numbers: Numbers {
            from: None,
            from_kind: (None, None),
            to_kind: (None, None),
            plus: false,
            country: ground.settings.site.country,
        },
        print: hmac::Key::new(hmac::HMAC_SHA256, print.as_ref()),
    }
}

fn account(own: &Application) -> Account {
    Account {
        system_id: own.system_id.clone(),
        networks: own.networks(),
        kinds: own.kinds(),
        most: own.links.into(),
        rate: Some(own.rate),
        window: own.window.into(),
        senders: Senders::Only(own.sources.clone()),
    }
}

/// Listens, as soon as the address is there: one that is not does not keep the box from its calls.
fn open(ground: &Ground<'_>, server: &Server, listener: Listener) {
    let server = server.clone();
    ground.runtime.spawn(async move {
        let mut told = false;
        loop {
            match server.listen(listener.clone()).await {
                Ok((_, accepting)) => return accepting.await,
                Err(error) if !told => {
                    let address = listener.address;
                    tracing::error!(%address, %error, "applications cannot bind there");
                    told = true;
                }
                Err(_) => {}
            }
            time::sleep(AGAIN).await;
        }
    });
}

/// The way by which the task tells the loop.
fn way(ground: &Ground<'_>) -> mpsc::Sender<Input> {
    let (tell, mut told) = mpsc::channel(TOLD);
    let letters = ground.letters.clone();
    ground.runtime.spawn(async move {
        while let Some(input) = told.recv().await {
            if letters.deliver(Letter::Application(input)).await.is_err() {
                return;
            }
        }
    });
    tell
}
