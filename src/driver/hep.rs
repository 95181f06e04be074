//! Copies of SIP messages on their way to a capture server: a thread of its own with a short queue. What does not fit
//! is lost and counted; no call waits for it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{io, thread};

/// Packets that may wait: a second of a busy box, 2 MB at most of ordinary messages.
const QUEUE: usize = 1_024;
/// How long the server may take to take a packet over TCP.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a server that cannot be reached is left alone.
const REST: Duration = Duration::from_secs(10);

/// The way to the thread.
#[derive(Debug, Clone)]
pub struct Mirror {
    queue: SyncSender<Vec<u8>>,
    lost: Arc<AtomicU64>,
}

impl Mirror {
    /// Starts the thread. `server` is `host:port` or `tcp:host:port`; its name is looked up whenever the way is opened.
    pub fn start(server: &str) -> io::Result<Mirror> {
        let (queue, packets) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        let server = server.to_owned();
        thread::Builder::new()
            .name("hep".to_owned())
            .spawn(move || run(&server, &packets, &counted))?;
        Ok(Mirror { queue, lost })
    }

    /// Sends a copy if there is room.
    pub fn send(&self, packet: Vec<u8>) {
        if self.queue.try_send(packet).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Copies that were not sent.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

enum Way {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

fn run(server: &str, packets: &Receiver<Vec<u8>>, lost: &AtomicU64) {
    let mut way = None;
    let mut again = Instant::now();
    while let Ok(packet) = packets.recv() {
        if way.is_none() && Instant::now() >= again {
            way = open(server).ok();
            again = Instant::now() + REST;
        }
        let sent = match &mut way {
            Some(Way::Datagrams(socket)) => socket.send(&packet).is_ok(),
            Some(Way::Stream(stream)) => stream.write_all(&packet).is_ok(),
            None => false,
        };
        if !sent {
            lost.fetch_add(1, Ordering::Relaxed);
            way = None;
        }
    }
}

fn open(server: &str) -> io::Result<Way> {
    let (stream, host) = match server.strip_prefix("tcp:") {
        Some(host) => (true, host),
        None => (false, server.strip_prefix("udp:").unwrap_or(server)),
    };
    let nobody = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    let address = host.to_socket_addrs()?.next().ok_or_else(nobody)?;
    if stream {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        return Ok(Way::Stream(stream));
    }
    let any: SocketAddr =
        if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(Way::Datagrams(socket))
}
