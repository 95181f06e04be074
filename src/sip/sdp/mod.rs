//! Session descriptions (RFC 8866): read leniently, printed strictly; audio negotiation is in `negotiation`.
//!
//! Owns the text form and what each line means to a B2BUA for audio. Lines that it does not know are kept. It resolves
//! no names and opens no ports.

pub mod crypto;
mod negotiation;
mod secured;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::uri::Host;
use crypto::Crypto;

pub use negotiation::{
    Answered, Local, Negotiated, NotAcceptable, Own, Preference, answer, audio_offer, negotiated,
    protect,
};
pub use secured::{Ours, PROFILE, Secured, Setup};

/// Most media lines: audio, video, text, image and content sharing make five.
pub const MAX_MEDIA: usize = 8;

/// Most formats on one media line, and so most rtpmap and fmtp lines: there are 96 payload types at all.
pub const MAX_FORMATS: usize = 64;

/// Most ICE candidates in one description: a browser with many interfaces sends about 30.
pub const MAX_CANDIDATES: usize = 64;

/// Most lines: above what [`MAX_MEDIA`] and [`MAX_FORMATS`] can need in earnest.
pub const MAX_LINES: usize = 1_024;

/// Why a body is no session description that we could use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSdp {
    /// A line without `x=`, or bytes that are no UTF-8 where it matters.
    Line,
    /// No `v=0` in front.
    Version,
    /// No usable `o=`.
    Origin,
    /// A `c=` that cannot be read.
    Connection,
    /// An `m=` that cannot be read.
    Media,
    /// A port above 65535.
    Port,
    /// More than one of the `MAX_` limits here allows.
    TooLarge,
    /// It is among parts that cannot be told apart (RFC 2046 section 5.1).
    Parts,
}

impl fmt::Display for BadSdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadSdp::Line => "a line of the session description cannot be read",
            BadSdp::Version => "the session description does not begin with v=0",
            BadSdp::Origin => "the origin line cannot be read",
            BadSdp::Connection => "a connection line cannot be read",
            BadSdp::Media => "a media line cannot be read",
            BadSdp::Port => "a media port is above 65535",
            BadSdp::TooLarge => "the session description has too many lines",
            BadSdp::Parts => "the body's parts cannot be told apart",
        })
    }
}

impl std::error::Error for BadSdp {}

/// Who made a description, and its version (RFC 8866 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `-` when there is none.
    pub username: String,
    /// The same through the whole session.
    pub id: u64,
    /// One more for each changed description (RFC 3264 8).
    pub version: u64,
    /// Where it was made.
    pub address: Host,
}

impl Origin {
    /// An origin of our own.
    pub fn new(id: u64, version: u64, address: IpAddr) -> Origin {
        Origin { username: "-".to_owned(), id, version, address: address.into() }
    }

    fn parse(text: &str) -> Result<Origin, BadSdp> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [username, id, version, _, _, address] = fields[..] else { return Err(BadSdp::Origin) };
        Ok(Origin {
            username: username.to_owned(),
            id: number(id).ok_or(BadSdp::Origin)?,
            version: number(version).ok_or(BadSdp::Origin)?,
            address: bare_host(address).ok_or(BadSdp::Origin)?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.id, self.version, Net(&self.address))
    }
}

/// Which way media flows, seen from whoever wrote it (RFC 8866 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Only from the writer.
    SendOnly,
    /// Only to the writer.
    RecvOnly,
    /// Not at all.
    Inactive,
}

impl Direction {
    /// From whether the writer sends and whether it receives.
    pub fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Direction {
        Direction::of(self.receives(), self.sends())
    }

    /// What both allow.
    pub fn and(self, other: Direction) -> Direction {
        Direction::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn parse(text: &str) -> Option<Direction> {
        use Direction::*;
        [SendRecv, SendOnly, RecvOnly, Inactive].into_iter().find(|d| d.as_str() == text)
    }
}

/// What a payload type means (RFC 8866 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpMap {
    /// 0 to 127.
    pub payload_type: u8,
    /// The name of the encoding, as written.
    pub encoding: String,
    /// Hertz.
    pub clock_rate: u32,
    /// 1 when none is written.
    pub channels: u8,
}

impl RtpMap {
    fn parse(text: &str) -> Option<RtpMap> {
        let (payload_type, rest) = text.trim().split_once([' ', '\t'])?;
        let mut fields = rest.trim().split('/');
        Some(RtpMap {
            payload_type: payload_type.parse().ok().filter(|pt| *pt < 128)?,
            encoding: fields.next().filter(|name| !name.is_empty())?.to_owned(),
            clock_rate: fields.next()?.trim().parse().ok().filter(|hertz| *hertz > 0)?,
            channels: fields.next().and_then(|n| n.trim().parse().ok()).unwrap_or(1),
        })
    }
}

impl fmt::Display for RtpMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload_type, self.encoding, self.clock_rate)?;
        if self.channels > 1 { write!(f, "/{}", self.channels) } else { Ok(()) }
    }
}

/// A codec with the payload type it has in one description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codec {
    /// The name of the encoding: `PCMU`, `PCMA`, `G722`, `G729`, `opus`.
    pub encoding: String,
    /// Hertz, as in rtpmap (8000 for G.722, RFC 3551 4.5.2).
    pub clock_rate: u32,
    /// 1, or 2 for Opus.
    pub channels: u8,
    /// 0 to 127.
    pub payload_type: u8,
    /// Format parameters, as written.
    pub fmtp: Option<String>,
}

impl Codec {
    /// A codec without format parameters.
    pub fn new(encoding: &str, clock_rate: u32, channels: u8, payload_type: u8) -> Codec {
        Codec { encoding: encoding.to_owned(), clock_rate, channels, payload_type, fmtp: None }
    }

    /// Whether it is one of the two laws of G.711, which we can decode.
    pub fn is_g711(&self) -> bool {
        ["PCMU", "PCMA"].iter().any(|law| self.encoding.eq_ignore_ascii_case(law))
    }

    /// Whether what is in its packets can be decoded here.
    pub fn is_decoded(&self) -> bool {
        self.is_g711() || ["G722", "opus"].iter().any(|n| self.encoding.eq_ignore_ascii_case(n))
    }

    /// G.711 mu-law.
    pub fn pcmu() -> Codec {
        Codec::new("PCMU", 8000, 1, 0)
    }

    /// G.711 A-law.
    pub fn pcma() -> Codec {
        Codec::new("PCMA", 8000, 1, 8)
    }

    /// The meaning of a payload type that needs no rtpmap (RFC 3551 6); only those that we know.
    pub fn of_static(payload_type: u8) -> Option<Codec> {
        match payload_type {
            0 => Some(Codec::pcmu()),
            8 => Some(Codec::pcma()),
            9 => Some(Codec::new("G722", 8000, 1, 9)),
            18 => Some(Codec::new("G729", 8000, 1, 18)),
            _ => None,
        }
    }

    /// Whether both are the same encoding, whatever their payload types.
    pub fn same_encoding(&self, other: &Codec) -> bool {
        self.encoding.eq_ignore_ascii_case(&other.encoding)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }
}

/// One media line with its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image`, …
    pub kind: String,
    /// 0 refuses the line.
    pub port: u16,
    /// `RTP/AVP`, …
    pub proto: String,
    /// Payload types, or other formats.
    pub formats: Vec<String>,
    /// The address of this line, when it has one of its own.
    pub connection: Option<Host>,
    /// The rtpmap lines that could be read.
    pub rtpmaps: Vec<RtpMap>,
    /// The fmtp lines: format and parameters.
    pub fmtps: Vec<(String, String)>,
    /// Milliseconds of audio in a packet.
    pub ptime: Option<u16>,
    /// The direction, when written.
    pub direction: Option<Direction>,
    /// Port and address of `a=rtcp` (RFC 3605).
    pub rtcp: Option<(u16, Option<Host>)>,
    /// Whether RTCP may share the port (RFC 5761).
    pub rtcp_mux: bool,
    /// Keys (RFC 4568), and lines with keys that are of no use to us.
    pub cryptos: Vec<Crypto>,
    /// All other lines: type and text, in order.
    pub lines: Vec<(char, String)>,
}

impl Media {
    /// A line without attributes.
    pub fn new(kind: &str, port: u16, proto: &str, formats: Vec<String>) -> Media {
        Media {
            kind: kind.to_owned(),
            port,
            proto: proto.to_owned(),
            formats,
            connection: None,
            rtpmaps: Vec::new(),
            fmtps: Vec::new(),
            ptime: None,
            direction: None,
            rtcp: None,
            rtcp_mux: false,
            cryptos: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The audio codecs in the writer's order. Payload types without meaning, telephone events and comfort noise are
    /// left out.
    pub fn codecs(&self) -> Vec<Codec> {
        let known = self.formats.iter().filter_map(|format| self.codec(format.parse().ok()?));
        let events = ["telephone-event", "CN", "red"];
        known.filter(|c| !events.iter().any(|e| e.eq_ignore_ascii_case(&c.encoding))).collect()
    }

    /// The payload type of telephone events (RFC 4733) at `clock_rate`.
    pub fn telephone_event(&self, clock_rate: u32) -> Option<u8> {
        let is_event = |m: &&RtpMap| {
            m.encoding.eq_ignore_ascii_case("telephone-event")
                && m.clock_rate == clock_rate
                && self.formats.contains(&m.payload_type.to_string())
        };
        self.rtpmaps.iter().find(is_event).map(|m| m.payload_type)
    }

    /// The payload type of comfort noise at 8 kHz: 13 (RFC 3389 section 4), or whatever is mapped to it.
    pub fn comfort_noise(&self) -> Option<u8> {
        let is_noise = |m: &&RtpMap| m.encoding.eq_ignore_ascii_case("CN") && m.clock_rate == 8_000;
        let mapped = self.rtpmaps.iter().find(is_noise).map(|m| m.payload_type);
        let payload_type = mapped.unwrap_or(13);
        self.formats.contains(&payload_type.to_string()).then_some(payload_type)
    }

    /// Adds comfort noise to a line of ours.
    pub(super) fn add_comfort_noise(&mut self, payload_type: u8) {
        self.formats.push(payload_type.to_string());
        let encoding = "CN".to_owned();
        self.rtpmaps.push(RtpMap { payload_type, encoding, clock_rate: 8_000, channels: 1 });
    }

    fn codec(&self, payload_type: u8) -> Option<Codec> {
        let mapped = self.rtpmaps.iter().find(|m| m.payload_type == payload_type);
        let codec = match mapped {
            Some(m) => Codec::new(&m.encoding, m.clock_rate, m.channels, m.payload_type),
            None => Codec::of_static(payload_type)?,
        };
        let format = payload_type.to_string();
        let fmtp = self.fmtps.iter().find(|(f, _)| *f == format).map(|(_, text)| text.clone());
        Some(Codec { fmtp, ..codec })
    }

    fn parse(text: &str) -> Result<Media, BadSdp> {
        let mut fields = text.split_whitespace();
        let (Some(kind), Some(port), Some(proto)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(BadSdp::Media);
        };
        let port = number(port.split('/').next().unwrap_or(port)).ok_or(BadSdp::Media)?;
        let port = u16::try_from(port).map_err(|_| BadSdp::Port)?;
        let formats: Vec<String> = fields.map(str::to_owned).collect();
        if formats.len() > MAX_FORMATS {
            return Err(BadSdp::TooLarge);
        }
        Ok(Media::new(kind, port, proto, formats))
    }

    fn take_line(&mut self, kind: char, text: &str) -> Result<(), BadSdp> {
        match kind {
            'c' => self.connection = Some(parse_connection(text)?),
            'a' if self.take_attribute(text).is_some() => {}
            _ if holds_key(kind, text) => {}
            _ => self.lines.push((kind, text.to_owned())),
        }
        Ok(())
    }

    /// Nothing when the attribute is not one of those we read, so that it is kept as text.
    fn take_attribute(&mut self, text: &str) -> Option<()> {
        if let Some(direction) = Direction::parse(text) {
            self.direction = Some(direction);
            return Some(());
        }
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        match name {
            "rtpmap" => self.rtpmaps.push(RtpMap::parse(value)?),
            "fmtp" => {
                let (format, parameters) = value.trim().split_once(' ')?;
                self.fmtps.push((format.to_owned(), parameters.trim().to_owned()));
            }
            "ptime" => {
                self.ptime = Some(value.trim().parse::<f32>().ok()?.clamp(1.0, 1000.0) as u16)
            }
            "rtcp" => self.rtcp = Some(parse_rtcp(value)?),
            "rtcp-mux" => self.rtcp_mux = true,
            "crypto" if self.cryptos.len() < crypto::MAX_CRYPTO => {
                self.cryptos.push(Crypto::parse(value)?);
            }
            _ => return None,
        }
        Some(())
    }
}

fn parse_rtcp(value: &str) -> Option<(u16, Option<Host>)> {
    let (port, address) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    let address = (!address.trim().is_empty()).then(|| parse_connection(address)).transpose();
    Some((port.parse().ok()?, address.ok()?))
}

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// Who and which version.
    pub origin: Origin,
    /// The name of the session, `-` when there is none.
    pub name: String,
    /// The address for all media lines without their own.
    pub connection: Option<Host>,
    /// The direction for all media lines without their own.
    pub direction: Option<Direction>,
    /// All other lines of the session: type and text, in order.
    pub lines: Vec<(char, String)>,
    /// The media lines.
    pub media: Vec<Media>,
}

impl SessionDescription {
    /// A description without media.
    pub fn new(origin: Origin, connection: IpAddr) -> SessionDescription {
        SessionDescription {
            origin,
            name: "-".to_owned(),
            connection: Some(connection.into()),
            direction: None,
            lines: Vec::new(),
            media: Vec::new(),
        }
    }

    /// The same at another address of ours: a new version of it (RFC 3264 section 8.3.1). For descriptions of our own,
    /// whose media lines have no address of their own.
    pub fn moved_to(&self, address: IpAddr) -> SessionDescription {
        let mut moved = self.clone();
        moved.origin.version += 1;
        moved.origin.address = address.into();
        moved.connection = Some(address.into());
        moved
    }

    /// The same with another port in the place of one that could not be had: a new version of it. For descriptions of our
    /// own.
    pub fn at_port(&self, lost: u16, port: u16) -> SessionDescription {
        let mut moved = self.clone();
        moved.origin.version += 1;
        for media in moved.media.iter_mut().filter(|media| media.port == lost) {
            media.port = port;
            // One above, unless it shares the port (RFC 3605, RFC 5761).
            let next = if media.rtcp_mux { port } else { port.saturating_add(1) };
            media.rtcp = media.rtcp.take().map(|(_, address)| (next, address));
        }
        moved
    }

    /// Reads a body. Line ends may be LF; lines may stand in any order as long as v comes first; bytes that are no
    /// UTF-8 are replaced.
    pub fn parse(body: &[u8]) -> Result<SessionDescription, BadSdp> {
        let text = String::from_utf8_lossy(body);
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        if lines.next().map(str::trim) != Some("v=0") {
            return Err(BadSdp::Version);
        }
        let mut sdp = SessionDescription::new(
            Origin::new(0, 0, Ipv4Addr::UNSPECIFIED.into()),
            Ipv4Addr::UNSPECIFIED.into(),
        );
        sdp.connection = None;
        let (mut count, mut candidates, mut has_origin) = (0, 0, false);
        for line in lines {
            count += 1;
            candidates += usize::from(line.starts_with("a=candidate:"));
            if count > MAX_LINES || candidates > MAX_CANDIDATES {
                return Err(BadSdp::TooLarge);
            }
            let (kind, text) = cut_line(line)?;
            has_origin |= kind == 'o';
            sdp.take_line(kind, text)?;
        }
        if has_origin { Ok(sdp) } else { Err(BadSdp::Origin) }
    }

    fn take_line(&mut self, kind: char, text: &str) -> Result<(), BadSdp> {
        if kind == 'm' {
            if self.media.len() == MAX_MEDIA {
                return Err(BadSdp::TooLarge);
            }
            self.media.push(Media::parse(text)?);
            return Ok(());
        }
        if let Some(media) = self.media.last_mut() {
            return media.take_line(kind, text);
        }
        match kind {
            'o' => self.origin = Origin::parse(text)?,
            's' => {
                self.name = if text.trim().is_empty() { "-".to_owned() } else { text.to_owned() }
            }
            'c' => self.connection = Some(parse_connection(text)?),
            'a' if Direction::parse(text).is_some() => self.direction = Direction::parse(text),
            _ if holds_key(kind, text) => {}
            _ => self.lines.push((kind, text.to_owned())),
        }
        Ok(())
    }

    /// The direction that holds for `media`.
    pub fn direction_of(&self, media: &Media) -> Direction {
        media.direction.or(self.direction).unwrap_or(Direction::SendRecv)
    }

    /// The address that holds for `media`.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Host> {
        media.connection.as_ref().or(self.connection.as_ref())
    }
}

/// Whether a line that is not read tells a key: the old `k=` (RFC 8866 section 5.12), MIKEY (RFC 4567), or `a=crypto`
/// out of its place. It is not kept, so that nothing can ever print it.
fn holds_key(kind: char, text: &str) -> bool {
    let name = text.split(':').next().unwrap_or_default().trim();
    let telling = ["crypto", "key-mgmt"].iter().any(|other| name.eq_ignore_ascii_case(other));
    kind == 'k' || kind == 'a' && telling
}

fn cut_line(line: &str) -> Result<(char, &str), BadSdp> {
    let (kind, text) = line.split_once('=').ok_or(BadSdp::Line)?;
    let mut chars = kind.trim().chars();
    match (chars.next(), chars.next()) {
        (Some(kind), None) if kind.is_ascii_alphabetic() => Ok((kind, text)),
        _ => Err(BadSdp::Line),
    }
}

fn parse_connection(text: &str) -> Result<Host, BadSdp> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [net, _, address] = fields[..] else { return Err(BadSdp::Connection) };
    // The time to live of a multicast address is of no use here.
    let address = address.split('/').next().unwrap_or(address);
    if net.eq_ignore_ascii_case("IN") {
        bare_host(address).ok_or(BadSdp::Connection)
    } else {
        Err(BadSdp::Connection)
    }
}

/// In SDP an IPv6 address has no brackets; some write them all the same.
fn bare_host(text: &str) -> Option<Host> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map(Host::Ip).ok().or_else(|| Host::parse(text).ok())
}

/// Digits only; what is beyond 64 bits counts as the largest number.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// `IN IP4 192.0.2.1`, `IN IP6 2001:db8::1`.
struct Net<'a>(&'a Host);

impl fmt::Display for Net<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Host::Ip(ip @ IpAddr::V6(_)) => write!(f, "IN IP6 {ip}"),
            Host::Ip(ip) => write!(f, "IN IP4 {ip}"),
            Host::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\ns={}\r\n", self.origin, self.name)?;
        print_lines(f, &self.lines, "iuep")?;
        if let Some(connection) = &self.connection {
            write!(f, "c={}\r\n", Net(connection))?;
        }
        print_lines(f, &self.lines, "b")?;
        if !self.lines.iter().any(|(kind, _)| *kind == 't') {
            f.write_str("t=0 0\r\n")?;
        }
        print_lines(f, &self.lines, "trzk")?;
        print_lines(f, &self.lines, "a")?;
        if let Some(direction) = self.direction {
            write!(f, "a={}\r\n", direction.as_str())?;
        }
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind, self.port, self.proto)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))?;
        f.write_str("\r\n")?;
        print_lines(f, &self.lines, "i")?;
        if let Some(connection) = &self.connection {
            write!(f, "c={}\r\n", Net(connection))?;
        }
        print_lines(f, &self.lines, "bk")?;
        self.rtpmaps.iter().try_for_each(|map| write!(f, "a=rtpmap:{map}\r\n"))?;
        self.fmtps.iter().try_for_each(|(format, text)| write!(f, "a=fmtp:{format} {text}\r\n"))?;
        if let Some(ptime) = self.ptime {
            write!(f, "a=ptime:{ptime}\r\n")?;
        }
        if let Some((port, address)) = &self.rtcp {
            write!(f, "a=rtcp:{port}")?;
            address.iter().try_for_each(|address| write!(f, " {}", Net(address)))?;
            f.write_str("\r\n")?;
        }
        if self.rtcp_mux {
            f.write_str("a=rtcp-mux\r\n")?;
        }
        self.cryptos.iter().try_for_each(|line| line.fmt(f))?;
        if let Some(direction) = self.direction {
            write!(f, "a={}\r\n", direction.as_str())?;
        }
        print_lines(f, &self.lines, "a")
    }
}

fn print_lines(f: &mut fmt::Formatter<'_>, lines: &[(char, String)], kinds: &str) -> fmt::Result {
    let wanted = lines.iter().filter(|(kind, _)| kinds.contains(*kind));
    wanted.into_iter().try_for_each(|(kind, text)| write!(f, "{kind}={text}\r\n"))
}

#[cfg(test)]
mod tests;
