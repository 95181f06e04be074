//! The same octets over one stream of quinn, between two processes, with nothing behind it.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use branchline::driver::hub::authority::Authority;
use branchline::driver::line::{SERVER_NAME, proving};
use branchline::driver::uplink::{self, keys::Keys};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, ServerConfig, TransportConfig, VarInt};

/// As the line's own.
const WINDOW: u32 = 4 << 20;
/// Octets that are written at a time, as the line does.
const PIECE: usize = 128 << 10;

fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .send_window(WINDOW.into());
    Arc::new(transport)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime")
}

/// The other process: takes all of one stream, says how much it was, and ends.
pub fn serve(hub: &Path) {
    runtime().block_on(async {
        let authority = Authority::open(hub).expect("an authority");
        let proof = authority.hub().expect("a certificate");
        let config = proving::hub(authority.certificate(), proof).expect("a server's");
        let crypto = QuicServerConfig::try_from(config).expect("TLS 1.3");
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(transport());
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = Endpoint::server(config, at).expect("a port");
        println!("{}", endpoint.local_addr().expect("an address"));
        let connection = endpoint.accept().await.expect("somebody").await.expect("a connection");
        let (mut going, mut coming) = connection.accept_bi().await.expect("a stream");
        let mut octets = 0u64;
        while let Some(chunk) = coming.read_chunk(usize::MAX, true).await.expect("octets") {
            octets += chunk.bytes.len() as u64;
        }
        going.write_all(&octets.to_be_bytes()).await.expect("an answer");
        going.finish().expect("an end");
        connection.closed().await;
    });
}

/// How long so many octets take until the other process has said that it has them.
pub fn measure(hub: &Path, own: &Path, octets: u64) -> Duration {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .arg("--bare")
        .arg(hub)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the other process");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let to = line.trim().parse().expect("an address");
    let keys = Keys::read(&uplink::folder(own), None).expect("keys");
    let took = runtime().block_on(send(to, keys, octets));
    let _ = child.wait();
    took
}

async fn send(to: SocketAddr, keys: Keys, octets: u64) -> Duration {
    let begun = Instant::now();
    let endpoint = Endpoint::client(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).expect("a port");
    let crypto = QuicClientConfig::try_from(keys.config).expect("TLS 1.3");
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport());
    let connecting = endpoint.connect_with(config, to, SERVER_NAME).expect("a way");
    let connection = connecting.await.expect("a connection");
    let (mut going, mut coming) = connection.open_bi().await.expect("a stream");
    let piece = vec![0x5a; PIECE];
    let mut left = octets;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        going.write_all(&piece[..count]).await.expect("written");
        left -= count as u64;
    }
    going.finish().expect("an end");
    let answer = coming.read_to_end(8).await.expect("an answer");
    assert_eq!(answer, octets.to_be_bytes());
    let took = begun.elapsed();
    connection.close(VarInt::from_u32(0), b"");
    took
}
