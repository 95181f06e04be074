//! The site's mailbox: what was said of it, as the tasks that fetch and send.

use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use tokio_rustls::TlsConnector;

use super::{Ground, Joined};
use crate::config::settings::{Channel, Security};
use crate::driver::channels::Shelf;
use crate::driver::mail::{Post, Server, Setup, Submission};
use crate::driver::tls;
use crate::id::ChannelId;
use crate::imap::{Login, Settings};
use crate::messaging::mail::{Key, Mailbox};

/// Starts it.
///
/// # Errors
/// When it cannot be started, with why.
pub fn join(
    ground: &mut Ground<'_>,
    joined: &mut Joined,
    shelf: &Arc<Shelf>,
    (name, own): (&ChannelId, &Channel),
) -> Result<(), String> {
    let mail = own.mail.as_ref().ok_or("nothing is said of its mailbox")?;
    let password = ground.secret(name, "mail.password").ok_or("its password is not known")?;
    let login = Login { user: mail.user.clone(), password: password.text().to_owned() };
    let tls = tls::client(mail.authorities.as_deref()).map_err(|error| error.to_string())?;
    let tls = TlsConnector::from(tls.ok_or("there is no authority that could prove its servers")?);
    let server = |at: Option<(String, u16)>, what: &str| match at {
        Some((host, port)) => Ok(Server { host, port, tls: tls.clone() }),
        None => Err(format!("`{what}` is no server")),
    };
    // Of the box's own key: the same after every restart, another for every mailbox.
    let root = hmac::Key::new(hmac::HMAC_SHA256, &ground.files_key);
    let secret = hmac::sign(&root, format!("mailbox {name}").as_bytes());
    let secret = secret.as_ref().try_into().map_err(|_| "there is no key for its tokens")?;
    let mailbox = Mailbox {
        address: mail.address.to_lowercase(),
        name: mail.name.clone(),
        signature: mail.signature.clone(),
        plus: mail.plus,
        trusted: mail.trusted.clone(),
        key: Key::new(secret).ok_or("there is no key for its tokens")?,
    };
    let host = mailbox.address.rsplit_once('@').map_or("localhost", |(_, host)| host).to_owned();
    let setup = Setup {
        mailbox,
        imap: server(mail.imap(), "imap")?,
        watching: Settings {
            login: login.clone(),
            folder: mail.folder.clone(),
            done: mail.done.clone(),
            most: mail.largest(),
            poll: Duration::from_secs(mail.poll_s.into()),
        },
        smtp: Submission {
            server: server(mail.smtp(), "smtp")?,
            starttls: mail.smtp_security == Security::StartTls,
            login,
            name: host,
        },
        most: mail.largest(),
    };
    let post = Post::new(name.clone(), setup, shelf.clone(), ground.way(name.clone()));
    let orders = joined.orders.add(name.clone());
    ground.runtime.spawn(post.run(orders, ground.random.fork()));
    Ok(())
}
