//! Feeds systemd's watchdog (`WatchdogSec=`): only when the loop has turned, and an OPTIONS that this box sent to itself
//! was answered by the whole stack. A box that lives and answers nobody is started anew.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

use crate::admin::{Command, Reply};
use crate::driver::mailbox::Sender;
use crate::driver::turn::Letter;
use crate::driver::{control, systemd};
use crate::gateway::Listening;

/// How many times within the time that systemd grants: three may fail before the last one counts.
const TIMES: u32 = 4;
/// A datagram may be lost in a flood: it is sent again after Timer E's first span (RFC 3261 section 17.1.2.2).
const AGAIN: Duration = Duration::from_millis(500);
/// Longest answer that is looked at; ours are some 400 bytes.
const LONGEST: usize = 2048;

/// Where the box asks itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Udp(SocketAddr),
    Tcp(SocketAddr),
    /// No SIP without TLS: the loop is asked by a letter.
    Loop,
}

/// Begins to feed it, if systemd asks for that.
pub fn feed(
    runtime: &tokio::runtime::Handle,
    listening: &Listening,
    turns: Arc<AtomicU64>,
    letters: Sender<Letter>,
) {
    let Some(granted) = systemd::watchdog() else { return };
    let door = door(listening);
    let pause = granted / TIMES;
    runtime.spawn(async move {
        let mut seen = 0;
        for count in 0u64.. {
            let answered = timeout(pause, ask(door, count, &letters)).await;
            let turned = turns.load(Ordering::Relaxed);
            match answered {
                Ok(Ok(())) if turned != seen => systemd::notify("WATCHDOG=1"),
                _ => {
                    tracing::warn!(turns = turned - seen, "the box did not answer its own OPTIONS")
                }
            }
            seen = turned;
            sleep(pause).await;
        }
    });
}

fn door(listening: &Listening) -> Door {
    let udp = listening.udp.first().map(|bound| Door::Udp(reachable(*bound)));
    let tcp = listening.tcp.first().map(|bound| Door::Tcp(reachable(*bound)));
    udp.or(tcp).unwrap_or(Door::Loop)
}

/// An address that is every address is reached by loopback.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

/// Asks, and returns when the answer is there.
async fn ask(door: Door, count: u64, letters: &Sender<Letter>) -> io::Result<()> {
    match door {
        Door::Udp(to) => ask_by_datagram(to, count).await,
        Door::Tcp(to) => ask_by_stream(to, count).await,
        Door::Loop => match control::ask(letters, Command::Status).await {
            Reply::Refused(_) => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        },
    }
}

async fn ask_by_datagram(to: SocketAddr, count: u64) -> io::Result<()> {
    let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await?;
    socket.connect(to).await?;
    let question = options("UDP", socket.local_addr()?, to, count);
    let mut buffer = [0; LONGEST];
    loop {
        socket.send(question.as_bytes()).await?;
        let answer = timeout(AGAIN, socket.recv(&mut buffer)).await;
        if let Ok(Ok(length)) = answer
            && is_answer(&buffer[..length])
        {
            return Ok(());
        }
    }
}

async fn ask_by_stream(to: SocketAddr, count: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let question = options("TCP", stream.local_addr()?, to, count);
    stream.write_all(question.as_bytes()).await?;
    let mut buffer = [0; LONGEST];
    let length = stream.read(&mut buffer).await?;
    if is_answer(&buffer[..length]) { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whoever answers at all has parsed, judged and written: which status it is says nothing of its health.
fn is_answer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SIP/2.0 ")
}

/// RFC 3261 section 11.
fn options(way: &str, own: SocketAddr, to: SocketAddr, count: u64) -> String {
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\n\
         Via: SIP/2.0/{way} {own};branch=z9hG4bK-watchdog-{port}-{count};rport\r\n\
         Max-Forwards: 0\r\n\
         From: <sip:watchdog@{own}>;tag=watchdog{count}\r\n\
         To: <sip:{to}>\r\n\
         Call-ID: watchdog-{port}-{count}@{own}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n",
        port = own.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_where_the_box_listens() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let mut listening = Listening::default();
        assert_eq!(door(&listening), Door::Loop);
        listening.tcp.push(at("192.0.2.7:5070"));
        assert_eq!(door(&listening), Door::Tcp(at("192.0.2.7:5070")));
        listening.udp.push(at("0.0.0.0:5060"));
        assert_eq!(door(&listening), Door::Udp(at("127.0.0.1:5060")));
        listening.udp[0] = at("[::]:5060");
        assert_eq!(door(&listening), Door::Udp(at("[::1]:5060")));
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_and_a_lost_question_asked_again() {
        let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let to = peer.local_addr().expect("bound");
        let asking = tokio::spawn(ask_by_datagram(to, 3));
        let mut buffer = [0; LONGEST];
        let (_, _) = peer.recv_from(&mut buffer).await.expect("it asks");
        let (length, from) = peer.recv_from(&mut buffer).await.expect("it asks again");
        assert!(buffer[..length].starts_with(b"OPTIONS sip:127.0.0.1:"));
        peer.send_to(b"SIP/2.0 200 OK\r\n\r\n", from).await.expect("answered");
        asking.await.expect("no panic").expect("it has its answer");
    }
}
