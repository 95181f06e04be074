//! Figures over HTTP, for a Prometheus on the same box: one page, nothing else.
//!
//! HTTP/1.1 with a connection for each question; TLS and whoever is farther away have the web server of their own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::admin::{Command, Reply};
use crate::driver::control::ask;
use crate::driver::mailbox::Sender;
use crate::driver::turn::Letter;

/// Questions at a time: Prometheus asks one.
const MOST: usize = 8;
/// Longest question: a request line and the headers of a scraper.
const MAX_QUESTION: usize = 8 * 1024;
/// How long asking and reading the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Listens at `address`.
pub fn listen(
    runtime: &tokio::runtime::Handle,
    address: SocketAddr,
    mailbox: Sender<Letter>,
) -> io::Result<()> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let _guard = runtime.enter();
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(MOST));
    runtime.spawn(async move {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors: try again when some have been closed.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let mailbox = mailbox.clone();
            tokio::spawn(async move {
                let _ = timeout(PATIENCE, serve(stream, &mailbox)).await;
                drop(place);
            });
        }
    });
    Ok(())
}

async fn serve(mut stream: TcpStream, mailbox: &Sender<Letter>) -> io::Result<()> {
    let mut question = Vec::new();
    let mut buffer = [0; 1024];
    while !question.windows(4).any(|at| at == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count if question.len() + count > MAX_QUESTION => return Ok(()),
            count => question.extend_from_slice(&buffer[..count]),
        }
    }
    let line = question.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let answer = match line {
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => {
            match ask(mailbox, Command::Metrics).await {
                Reply::Metrics(text) => page("200 OK", &text),
                _ => page("503 Service Unavailable", "the gateway's loop does not answer\n"),
            }
        }
        line if line.starts_with(b"GET ") => page("404 Not Found", "there is /metrics\n"),
        _ => page("405 Method Not Allowed", "GET /metrics\n"),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn page(status: &str, text: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    )
}
