//! What browsers add to a description: the secrets of ICE and the certificate of DTLS (RFC 8839, RFC 8842, RFC 8122), and
//! that all of it goes over one port (RFC 8843, RFC 5761).
//!
//! Reads and writes the lines; what they are good for is the media thread's.

use std::fmt;
use std::net::SocketAddr;

use super::{Media, SessionDescription};

/// The profile of a browser's sound (RFC 5764 section 8).
pub const PROFILE: &str = "UDP/TLS/RTP/SAVPF";
/// The same without early feedback, which we do not send anyway.
const PLAIN_PROFILE: &str = "UDP/TLS/RTP/SAVP";
/// Certificates of one description that are remembered: a browser has one.
const MOST_FINGERPRINTS: usize = 4;
/// Bounds of a name and of a password (RFC 8839 section 5.4).
const NAME: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD: std::ops::RangeInclusive<usize> = 22..=256;

/// Who opens the DTLS association (RFC 4145 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The writer opens it.
    Active,
    /// The writer waits.
    Passive,
    /// Whatever the other side wants.
    Actpass,
}

impl Setup {
    fn as_str(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::Actpass => "actpass",
        }
    }

    fn parse(text: &str) -> Option<Setup> {
        use Setup::*;
        [Active, Passive, Actpass].into_iter().find(|setup| setup.as_str() == text)
    }
}

/// How the writer of a description is reached and told from strangers.
#[derive(Clone, PartialEq, Eq)]
pub struct Secured {
    /// The name in its checks.
    pub ufrag: String,
    /// The password of checks to it.
    pub password: String,
    /// Hashes of its certificate, with the names of their functions in lower case.
    pub fingerprints: Vec<(String, Vec<u8>)>,
    /// Who opens the association.
    pub setup: Setup,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// The same of ours, to be written.
#[derive(Clone, Copy)]
pub struct Ours<'a> {
    /// Our name.
    pub ufrag: &'a str,
    /// Our password.
    pub password: &'a str,
    /// The SHA-256 of our certificate.
    pub fingerprint: &'a [u8],
    /// Who opens the association.
    pub setup: Setup,
    /// Where we are, best first.
    pub candidates: &'a [SocketAddr],
}

impl Media {
    /// Whether the line wants to go as browsers have it.
    pub fn is_secured(&self) -> bool {
        [PROFILE, PLAIN_PROFILE].contains(&self.proto.as_str())
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.lines, name)
    }
}

impl SessionDescription {
    /// The sound of a browser, if there is any that is switched on.
    pub fn secured_audio(&self) -> Option<Secured> {
        let audio = self.media.iter().filter(|media| media.kind == "audio" && media.port != 0);
        audio.filter_map(|media| self.secured(media)).next()
    }

    /// How the writer is reached for a line of it; nothing if that is not all there, or makes no sense.
    pub fn secured(&self, media: &Media) -> Option<Secured> {
        if !media.is_secured() {
            return None;
        }
        let find = |name| media.attribute(name).or_else(|| attribute(&self.lines, name));
        let token =
            |text: &&str| text.bytes().all(|c| c.is_ascii_alphanumeric() || b"+/-_=".contains(&c));
        let ufrag = find("ice-ufrag").filter(token).filter(|text| NAME.contains(&text.len()))?;
        let password =
            find("ice-pwd").filter(token).filter(|text| PASSWORD.contains(&text.len()))?;
        let own = fingerprints(&media.lines);
        let fingerprints = if own.is_empty() { fingerprints(&self.lines) } else { own };
        Some(Secured {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
            fingerprints: Some(fingerprints).filter(|all| !all.is_empty())?,
            // RFC 4145 section 4: who says nothing in an offer is active.
            setup: find("setup").map_or(Some(Setup::Active), Setup::parse)?,
        })
    }

    /// Writes ours into a description of ours; `to` is the offer that it answers, if it is an answer.
    pub fn secure(&mut self, ours: &Ours<'_>, to: Option<&SessionDescription>) {
        self.lines.push(('a', "ice-lite".to_owned()));
        let mut bundled = Vec::new();
        for (place, media) in self.media.iter_mut().enumerate() {
            let theirs = to.and_then(|to| to.media.get(place)).map(|media| media.attribute("mid"));
            let mid = match theirs {
                None => Some(place.to_string()),
                Some(mid) => mid.filter(|mid| mid.len() <= 64).map(str::to_owned),
            };
            if let Some(mid) = &mid {
                media.lines.push(('a', format!("mid:{mid}")));
            }
            if media.port == 0 {
                continue;
            }
            bundled.extend(mid);
            media.write_secured(ours);
        }
        let wanted = to.is_none_or(|to| {
            attribute(&to.lines, "group").is_some_and(|g| g.starts_with("BUNDLE"))
        });
        if wanted && !bundled.is_empty() {
            self.lines.push(('a', format!("group:BUNDLE {}", bundled.join(" "))));
        }
    }
}

impl Media {
    fn write_secured(&mut self, ours: &Ours<'_>) {
        self.rtcp_mux = true;
        let hex: Vec<String> = ours.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        let mut add = |text: String| self.lines.push(('a', text));
        add(format!("ice-ufrag:{}", ours.ufrag));
        add(format!("ice-pwd:{}", ours.password));
        add(format!("fingerprint:sha-256 {}", hex.join(":")));
        add(format!("setup:{}", ours.setup.as_str()));
        // A name for the stream: some pages hang the sound on it.
        add("msid:branchline audio".to_owned());
        for (place, at) in ours.candidates.iter().enumerate() {
            // RFC 8445 section 5.1.2.1, of a host candidate: those told first are preferred.
            let priority = (126u32 << 24) | ((65_535 - place.min(65_535) as u32) << 8) | 255;
            let (ip, port, foundation) = (at.ip(), at.port(), place + 1);
            add(format!("candidate:{foundation} 1 udp {priority} {ip} {port} typ host"));
        }
        add("end-of-candidates".to_owned());
    }
}

fn attribute<'a>(lines: &'a [(char, String)], name: &str) -> Option<&'a str> {
    let attributes = lines.iter().filter(|(kind, _)| *kind == 'a');
    attributes
        .filter_map(|(_, text)| text.split_once(':'))
        .find(|(own, _)| *own == name)
        .map(|(_, value)| value.trim())
}

fn fingerprints(lines: &[(char, String)]) -> Vec<(String, Vec<u8>)> {
    let attributes = lines.iter().filter(|(kind, _)| *kind == 'a');
    let texts = attributes.filter_map(|(_, text)| text.strip_prefix("fingerprint:"));
    texts.filter_map(fingerprint).take(MOST_FINGERPRINTS).collect()
}

fn fingerprint(text: &str) -> Option<(String, Vec<u8>)> {
    let (hash, value) = text.trim().split_once(' ')?;
    let bytes = value.trim().split(':').map(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes = bytes.collect::<Option<Vec<u8>>>().filter(|bytes| bytes.len() <= 64)?;
    Some((hash.to_ascii_lowercase(), bytes))
}
