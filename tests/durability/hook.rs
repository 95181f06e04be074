//! One message of a webhook, read off the wire as a program elsewhere reads it, and its signature held against the secret.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

use branchline::webhook::Secret;
use serde_json::Value;

/// The secret of every receiver here.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message.
pub struct Message {
    /// Its `webhook-id`.
    pub id: String,
    /// The events in it.
    pub events: Vec<Value>,
}

/// Reads one; nothing where the box was killed before all of it was sent.
pub fn read(stream: &TcpStream) -> Option<Message> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    assert_eq!(line.trim_end(), "POST /in HTTP/1.1");
    let mut body = vec![0; headers["content-length"].parse().expect("a length")];
    reader.read_exact(&mut body).ok()?;
    let (id, time) = (headers["webhook-id"].clone(), headers["webhook-timestamp"].parse());
    let secret = Secret::parse(SECRET).expect("a secret");
    assert_eq!(headers["webhook-signature"], secret.sign(&id, time.expect("a time"), &body));
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    Some(Message { id, events: body["events"].as_array().expect("events").clone() })
}
