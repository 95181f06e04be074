//! As much SIP as the ends of a benchmark need: headers, bodies, answers, passwords. Each benchmark takes it in by its
//! path; what it opens and when it repeats is its own.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use md5::{Digest, Md5};

/// A header's value; the first where there are several.
pub fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// The text of a parameter in quotation marks.
fn quoted<'m>(value: &'m str, name: &str) -> &'m str {
    value
        .split_once(&format!("{name}=\""))
        .map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default())
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text");
        hex
    })
}

/// The Authorization that answers a challenge, by MD5.
pub fn authorization(
    challenge: &str,
    method: &str,
    uri: &str,
    user: &str,
    password: &str,
) -> String {
    let offered = challenge
        .lines()
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: "))
        .find(|line| !line.contains("SHA-256"))
        .expect("MD5 is offered");
    let (realm, nonce) = (quoted(offered, "realm"), quoted(offered, "nonce"));
    let secret = md5(&format!("{user}:{realm}:{password}"));
    let response =
        md5(&format!("{secret}:{nonce}:00000001:c:auth:{}", md5(&format!("{method}:{uri}"))));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", qop=auth, \
         nc=00000001, cnonce=\"c\", response=\"{response}\", algorithm=MD5\r\n"
    )
}

/// A message with its session description, or with none.
pub fn with_body(mut message: String, body: &str) -> String {
    if !body.is_empty() {
        message += "Content-Type: application/sdp\r\n";
    }
    write!(message, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("text");
    message
}

/// G.711 at an address.
pub fn sdp(at: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n",
        at.ip(),
        at.port()
    )
}

/// Where the other end takes sound, from its session description.
pub fn sound_of(message: &str) -> Option<SocketAddr> {
    let host: IpAddr = message.split_once("c=IN IP4 ")?.1.lines().next()?.parse().ok()?;
    let port = message.split_once("m=audio ")?.1.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(host, port))
}

/// 200 to a request that came to `at`.
pub fn accept(request: &str, at: SocketAddr, body: &str) -> String {
    let tag = if header(request, "To").contains("tag=") { "" } else { ";tag=phone" };
    let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
    // Every Via of every hop, and every hop that wants to stay in between.
    for line in request.lines().take_while(|line| !line.is_empty()) {
        if ["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"]
            .iter()
            .any(|name| line.starts_with(name))
        {
            write!(answer, "{line}\r\n").expect("text");
        }
    }
    write!(answer, "To: {}{tag}\r\nContact: <sip:phone@{at}>\r\n", header(request, "To"))
        .expect("text");
    with_body(answer, body)
}
