//! The way to servers elsewhere over HTTP: to the very address that was looked at, and proved where it is TLS.

use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use crate::webhook::{Reach, Target};

/// A connection, whatever it is made of.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreached {
    /// The server is where it may not be.
    Barred,
    /// It cannot be reached, or does not prove that it is who it should be.
    Away,
}

/// Connects. Without `tls` there is no way to prove anybody, and no connection to who has to be proved.
///
/// # Errors
/// When there is no connection.
pub async fn connect(
    target: &Target,
    reach: Reach,
    tls: Option<&TlsConnector>,
) -> Result<Box<dyn Stream>, Unreached> {
    let stream = dial(target, reach).await?;
    match tls {
        Some(tls) if target.tls => {
            let name = ServerName::try_from(target.host.clone()).map_err(|_| Unreached::Away)?;
            let stream = tls.connect(name, stream).await.map_err(|_| Unreached::Away)?;
            Ok(Box::new(stream))
        }
        None if target.tls => Err(Unreached::Away),
        _ => Ok(Box::new(stream)),
    }
}

/// Connects to the very address that was looked at, so that a name cannot lead elsewhere a moment later.
async fn dial(target: &Target, reach: Reach) -> Result<TcpStream, Unreached> {
    let found = lookup_host((target.host.as_str(), target.port)).await;
    let found: Vec<SocketAddr> = found.map_err(|_| Unreached::Away)?.collect();
    let good = |address: &&SocketAddr| reach.admit(target.tls, address.ip()).is_ok();
    let mut why = if found.is_empty() { Unreached::Away } else { Unreached::Barred };
    for address in found.iter().filter(good) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(_) => why = Unreached::Away,
        }
    }
    Err(why)
}
