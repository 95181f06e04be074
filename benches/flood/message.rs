//! As much SIP as this end needs.

use std::fmt::Write as _;
use std::net::SocketAddr;

use md5::{Digest, Md5};

use crate::branch::PASSWORD;

/// A header's value; the first where there are several.
pub fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

pub fn with_body(mut message: String, body: &str) -> String {
    if !body.is_empty() {
        message += "Content-Type: application/sdp\r\n";
    }
    write!(message, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("text");
    message
}

pub fn sdp(at: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n",
        at.ip(),
        at.port()
    )
}

/// Where the box takes sound, from its session description.
pub fn sound_of(message: &str) -> Option<SocketAddr> {
    let port = message.split_once("m=audio ")?.1.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::from(([192, 0, 2, 1], port)))
}

/// 200 to a request.
pub fn accept(request: &str, at: SocketAddr, body: &str) -> String {
    let tag = if header(request, "To").contains("tag=") { "" } else { ";tag=phone" };
    let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        write!(answer, "{name}: {}\r\n", header(request, name)).expect("text");
    }
    write!(answer, "To: {}{tag}\r\nContact: <sip:phone@{at}>\r\n", header(request, "To"))
        .expect("text");
    with_body(answer, body)
}

/// The Authorization that answers a challenge, by MD5.
pub fn authorization(challenge: &str, method: &str, uri: &str, user: &str) -> String {
    let offered = challenge
        .lines()
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: "))
        .find(|line| !line.contains("SHA-256"))
        .expect("MD5 is offered");
    let field = |name: &str| {
        let rest = offered.split_once(&format!("{name}=\"")).map_or("", |(_, rest)| rest);
        rest.split('"').next().unwrap_or_default()
    };
    let (realm, nonce) = (field("realm"), field("nonce"));
    let secret = md5(&format!("{user}:{realm}:{PASSWORD}"));
    let response =
        md5(&format!("{secret}:{nonce}:00000001:c:auth:{}", md5(&format!("{method}:{uri}"))));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", qop=auth, \
         nc=00000001, cnonce=\"c\", response=\"{response}\", algorithm=MD5\r\n"
    )
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text");
        hex
    })
}
