//! A mail server: where it is, and a connection to it that is proved.

use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a connection may take, and its TLS.
const CONNECTING: Duration = Duration::from_secs(15);
/// After so long without a byte the other side is asked whether it is there, by TCP itself.
const KEPT_ALIVE: Duration = Duration::from_secs(60);

/// Where it is, and how it proves that it is who it should be.
#[derive(Clone)]
pub struct Server {
    /// Its name, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whom we believe.
    pub tls: TlsConnector,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Server {
    /// Connects, in clear as yet.
    ///
    /// # Errors
    /// When it cannot be reached: why, for a person.
    pub async fn reach(&self) -> Result<TcpStream, String> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match timeout(CONNECTING, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(format!("{self:?} cannot be reached ({})", error.kind())),
            Err(_) => return Err(format!("{self:?} does not answer")),
        };
        // Without it a dead connection is found out at the next word instead.
        let _ =
            SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEPT_ALIVE));
        Ok(stream)
    }

    /// Proves who is at the other end.
    ///
    /// # Errors
    /// When that is not who it should be: why, for a person.
    pub async fn prove(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let Ok(name) = ServerName::try_from(self.host.clone()) else {
            return Err(format!("{} is no name of a server", self.host));
        };
        match timeout(CONNECTING, self.tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(format!("{self:?} does not prove who it is ({error})")),
            Err(_) => Err(format!("{self:?} does not answer")),
        }
    }
}
