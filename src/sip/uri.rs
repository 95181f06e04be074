//! SIP and telephone URIs, name-addr values and their parameters (RFC 3261 sections 19.1, 20.10 and 25.1; RFC 5118).
//!
//! Owns reading and printing of addresses as text. It resolves nothing, routes nothing, and does not judge whether a
//! scheme is one we serve: an unknown scheme is readable, and the transaction user answers 416.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::message::Transport;

/// Most parameters on one URI, one Via or one name-addr: real phones send under ten, hostile messages thousands.
pub const MAX_PARAMS: usize = 32;

/// Raw bytes that are not UTF-8 are carried through text as the characters from here up to U+10FFFF, one for each
/// byte 0x80-0xFF, and become the same bytes again on the wire.
const RAW_BYTE_BASE: u32 = 0x0010_FF00;

/// Why text is not a URI, an address or a parameter list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadUri {
    /// No `scheme:` in front.
    Scheme,
    /// A host that is neither a name, nor an IPv4 address, nor a bracketed IPv6 address.
    Host,
    /// A port that is not a number up to 65535.
    Port,
    /// A `%` without two hexadecimal digits behind it.
    Escape,
    /// White space, a control character, a quote or an angle bracket where none may stand.
    Character,
    /// An empty or broken parameter.
    Parameter,
    /// More than [`MAX_PARAMS`] parameters.
    TooManyParameters,
    /// A quoted string that does not end.
    Quote,
    /// A display name that needed quotes and had none, or brackets that do not match.
    NameAddr,
}

impl fmt::Display for BadUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadUri::Scheme => "the address has no scheme such as sip:",
            BadUri::Host => "the host is neither a name nor an address",
            BadUri::Port => "the port is not a number up to 65535",
            BadUri::Escape => "a % must be followed by two hexadecimal digits",
            BadUri::Character => "a character may not stand here unescaped",
            BadUri::Parameter => "a parameter is empty or broken",
            BadUri::TooManyParameters => "there are too many parameters",
            BadUri::Quote => "a quoted string does not end",
            BadUri::NameAddr => "the display name or the brackets around the address are broken",
        })
    }
}

impl std::error::Error for BadUri {}

/// A host as it stands in a URI or a Via. Compared by address, so `[::ffff:192.0.2.1]` equals `192.0.2.1`; names are
/// compared without regard to case.
#[derive(Debug, Clone)]
pub enum Host {
    /// A literal address.
    Ip(IpAddr),
    /// A name to be resolved.
    Name(String),
}

impl Host {
    /// Reads a host without a port. IPv6 must be in brackets. Three colons before an embedded IPv4 address, which the
    /// grammar of RFC 3261 asked for by mistake, are read as two (RFC 5118 section 4.10).
    pub fn parse(text: &str) -> Result<Host, BadUri> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(BadUri::Host)?;
            let embedded = inner.contains('.').then(|| inner.replacen(":::", "::", 1));
            return embedded
                .as_deref()
                .unwrap_or(inner)
                .parse::<Ipv6Addr>()
                .map(|ip| Host::Ip(ip.into()))
                .map_err(|_| BadUri::Host);
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Host::Ip(ip.into()));
        }
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if text.is_empty() || !text.bytes().all(named) {
            return Err(BadUri::Host);
        }
        Ok(Host::Name(text.to_owned()))
    }

    /// The literal address, IPv4-mapped IPv6 turned into IPv4.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(ip.to_canonical()),
            Host::Name(_) => None,
        }
    }

    /// Reads `host`, `host:port`, with white space allowed around the colon (RFC 3261 25.1, COLON).
    pub(super) fn parse_with_port(text: &str) -> Result<(Host, Option<u16>), BadUri> {
        let colon = match text.find(']') {
            Some(end) => text[end..].find(':').map(|at| end + at),
            None => text.find(':'),
        };
        match colon {
            None => Ok((Host::parse(text.trim())?, None)),
            Some(at) => {
                let port = parse_port(text[at + 1..].trim())?;
                Ok((Host::parse(text[..at].trim())?, Some(port)))
            }
        }
    }
}

fn parse_port(text: &str) -> Result<u16, BadUri> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadUri::Port);
    }
    text.parse().map_err(|_| BadUri::Port)
}

impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Ip(a), Host::Ip(b)) => a.to_canonical() == b.to_canonical(),
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }
}

impl Eq for Host {}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Host::Ip(ip) => ip.to_canonical().hash(state),
            Host::Name(name) => name.to_ascii_lowercase().hash(state),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Host {
        Host::Ip(ip)
    }
}

/// What stands before the first colon of a URI.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// `urn:`, as in `urn:service:sos` (RFC 5031)
    Urn,
    /// Any other, in lower case.
    Other(String),
}

impl Scheme {
    fn parse(text: &str) -> Result<Scheme, BadUri> {
        let rest = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.bytes().all(rest) {
            return Err(BadUri::Scheme);
        }
        Ok(match text.to_ascii_lowercase().as_str() {
            "sip" => Scheme::Sip,
            "sips" => Scheme::Sips,
            "tel" => Scheme::Tel,
            "urn" => Scheme::Urn,
            other => Scheme::Other(other.to_owned()),
        })
    }

    /// The scheme as text, without the colon.
    pub fn as_str(&self) -> &str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Urn => "urn",
            Scheme::Other(other) => other,
        }
    }
}

/// Parameters in their order and with their text; quoted values keep their quotes. Names are found without regard to
/// case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// Reads `;name=value;flag`, with or without the first semicolon.
    pub fn parse(text: &str) -> Result<Params, BadUri> {
        let text = text.trim();
        let text = text.strip_prefix(';').unwrap_or(text);
        let mut params = Vec::new();
        if text.trim().is_empty() {
            return Ok(Params(params));
        }
        for part in split_top(text, b';') {
            if params.len() == MAX_PARAMS {
                return Err(BadUri::TooManyParameters);
            }
            params.push(parse_param(part?)?);
        }
        Ok(Params(params))
    }

    /// The value of `name`; an empty text for a flag.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// The value of `name` without the quotes and backslashes of a quoted string.
    pub fn unquoted(&self, name: &str) -> Option<String> {
        self.get(name).map(unquote)
    }

    /// Whether `name` is there, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Sets `name`, in the place where it stood or at the end; `None` makes it a flag.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(param) => param.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes every `name` out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, name: &str) -> Option<&(String, Option<String>)> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| match value {
            Some(value) => write!(f, ";{name}={value}"),
            None => write!(f, ";{name}"),
        })
    }
}

fn parse_param(text: &str) -> Result<(String, Option<String>), BadUri> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (text.trim(), None),
    };
    if name.is_empty() || name.chars().any(breaks_text) {
        return Err(BadUri::Parameter);
    }
    if let Some(value) = value {
        check_value(value)?;
    }
    Ok((name.to_owned(), value.map(str::to_owned)))
}

fn check_value(value: &str) -> Result<(), BadUri> {
    match value.strip_prefix('"') {
        Some(rest) if quoted_end(rest) == Some(rest.len()) => Ok(()),
        Some(_) => Err(BadUri::Quote),
        None if value.chars().any(breaks_text) => Err(BadUri::Parameter),
        None => Ok(()),
    }
}

/// White space, control characters and the delimiters that no unquoted URI or parameter text may hold.
fn breaks_text(c: char) -> bool {
    c.is_ascii_control() || matches!(c, ' ' | '"' | '<' | '>')
}

/// A URI. For `sip:` and `sips:` the host is meant; for every other scheme `opaque` holds the text up to the
/// parameters and the host is an empty name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    /// What the rest means.
    pub scheme: Scheme,
    /// The user part with escapes taken out; bytes that are no UTF-8 survive and are escaped again when printed.
    pub user: Option<String>,
    /// The password, escapes taken out. Never log it.
    pub password: Option<String>,
    /// Where.
    pub host: Host,
    /// The port, when one is written.
    pub port: Option<u16>,
    /// The parameters behind the host.
    pub params: Params,
    /// What stands after `?`, as text.
    pub headers: Option<String>,
    /// For `tel:`, `urn:` and unknown schemes: all between the colon and the parameters.
    pub opaque: String,
}

impl Uri {
    /// Reads a URI without brackets around it.
    pub fn parse(text: &str) -> Result<Uri, BadUri> {
        if text.chars().any(breaks_text) {
            return Err(BadUri::Character);
        }
        let (scheme, rest) = text.split_once(':').ok_or(BadUri::Scheme)?;
        match Scheme::parse(scheme)? {
            scheme @ (Scheme::Sip | Scheme::Sips) => parse_hierarchical(scheme, rest),
            scheme @ (Scheme::Tel | Scheme::Urn) => parse_opaque(scheme, rest),
            scheme => Ok(Uri { opaque: rest.to_owned(), ..empty(scheme) }),
        }
    }

    /// A `sip:` URI.
    pub fn sip(user: Option<&str>, host: Host, port: Option<u16>) -> Uri {
        Uri { user: user.map(str::to_owned), host, port, ..empty(Scheme::Sip) }
    }

    /// The `transport` parameter, when it names one we know.
    pub fn transport(&self) -> Option<Transport> {
        self.params.get("transport").and_then(Transport::parse)
    }

    /// Whether both name the same resource by the rules of RFC 3261 19.1.4.
    pub fn equivalent(&self, other: &Uri) -> bool {
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                self.scheme == other.scheme
                    && self.user == other.user
                    && self.password == other.password
                    && self.host == other.host
                    && self.port == other.port
                    && same_params(&self.params, &other.params)
                    && same_headers(self.headers.as_deref(), other.headers.as_deref())
            }
            Scheme::Tel => {
                other.scheme == Scheme::Tel && digits(&self.opaque) == digits(&other.opaque)
            }
            Scheme::Urn => {
                other.scheme == Scheme::Urn && self.opaque.eq_ignore_ascii_case(&other.opaque)
            }
            Scheme::Other(_) => self == other,
        }
    }
}

fn empty(scheme: Scheme) -> Uri {
    Uri {
        scheme,
        user: None,
        password: None,
        host: Host::Name(String::new()),
        port: None,
        params: Params::default(),
        headers: None,
        opaque: String::new(),
    }
}

fn parse_opaque(scheme: Scheme, rest: &str) -> Result<Uri, BadUri> {
    let at = rest.find(';').unwrap_or(rest.len());
    if rest[..at].is_empty() {
        return Err(BadUri::Host);
    }
    let params = Params::parse(&rest[at..])?;
    Ok(Uri { opaque: rest[..at].to_owned(), params, ..empty(scheme) })
}

fn parse_hierarchical(scheme: Scheme, rest: &str) -> Result<Uri, BadUri> {
    let (userinfo, rest) = match rest.split_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) => (rest, Some(headers.to_owned())),
        None => (rest, None),
    };
    let at = rest.find(';').unwrap_or(rest.len());
    let (host, port) = Host::parse_with_port(&rest[..at])?;
    let params = Params::parse(&rest[at..])?;
    let (user, password) = match userinfo {
        None => (None, None),
        Some("") => return Err(BadUri::Host),
        Some(userinfo) => match userinfo.split_once(':') {
            Some((user, password)) => (Some(unescape(user)?), Some(unescape(password)?)),
            None => (Some(unescape(userinfo)?), None),
        },
    };
    Ok(Uri { user, password, host, port, params, headers, ..empty(scheme) })
}

/// Parameters that matter even when only one side has them (RFC 3261 19.1.4).
const DECISIVE_PARAMS: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn same_params(a: &Params, b: &Params) -> bool {
    let agrees = |here: &Params, there: &Params| {
        // Of a parameter that stands there twice, which is against the rules, the first counts on both sides.
        here.iter().all(|(name, _)| match (here.get(name), there.get(name)) {
            (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
            (_, None) | (None, _) => !DECISIVE_PARAMS.iter().any(|d| d.eq_ignore_ascii_case(name)),
        })
    };
    agrees(a, b) && agrees(b, a)
}

fn same_headers(a: Option<&str>, b: Option<&str>) -> bool {
    let sorted = |text: Option<&str>| {
        let mut parts: Vec<String> = text
            .unwrap_or("")
            .split('&')
            .filter(|p| !p.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        parts.sort_unstable();
        parts
    };
    sorted(a) == sorted(b)
}

fn digits(number: &str) -> String {
    number
        .chars()
        .filter(|c| !matches!(c, '-' | '.' | '(' | ')'))
        .collect::<String>()
        .to_ascii_lowercase()
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme.as_str())?;
        if !matches!(self.scheme, Scheme::Sip | Scheme::Sips) {
            return write!(f, "{}{}", self.opaque, self.params);
        }
        if let Some(user) = &self.user {
            escape(user, b"&=+$,;?/", f)?;
            if let Some(password) = &self.password {
                f.write_str(":")?;
                escape(password, b"&=+$,", f)?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for Uri {
    type Err = BadUri;
    fn from_str(text: &str) -> Result<Uri, BadUri> {
        Uri::parse(text)
    }
}

/// Turns `%41` into `A`. Bytes that make no UTF-8 become the characters that stand for raw bytes.
pub(super) fn unescape(text: &str) -> Result<String, BadUri> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return Err(BadUri::Escape) };
        let digit = |b: u8| char::from(b).to_digit(16).ok_or(BadUri::Escape);
        bytes.push(((digit(*high)? << 4) | digit(*low)?) as u8);
        rest = tail;
    }
    Ok(text_of(&bytes))
}

fn escape(text: &str, also_plain: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in bytes_of(text) {
        let unreserved = byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        if unreserved || also_plain.contains(&byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Text for any bytes: what is no UTF-8 becomes one stand-in character for each byte, so nothing is lost.
pub(super) fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_stand_in) => text.to_owned(),
        _ => bytes.utf8_chunks().fold(String::with_capacity(bytes.len()), |mut text, chunk| {
            for c in chunk.valid().chars() {
                if is_stand_in(c) {
                    c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| text.push(stand_in(b)));
                } else {
                    text.push(c);
                }
            }
            text.extend(chunk.invalid().iter().map(|b| stand_in(*b)));
            text
        }),
    }
}

/// The bytes that [`text_of`] read.
pub(super) fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if is_stand_in(c) {
            bytes.push((c as u32 - RAW_BYTE_BASE) as u8);
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    bytes
}

pub(super) fn is_stand_in(c: char) -> bool {
    c as u32 >= RAW_BYTE_BASE + 0x80
}

fn stand_in(byte: u8) -> char {
    char::from_u32(RAW_BYTE_BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// One address with what surrounds it: From, To, Contact, Route and their kin. Printed always with brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NameAddr {
    /// The name shown to people, quotes and backslashes taken out.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// The header's own parameters, such as `tag`.
    pub params: Params,
}

impl NameAddr {
    /// An address without a name.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: None, uri, params: Params::default() }
    }

    /// Reads one value, bracketed or bare.
    pub fn parse(text: &str) -> Result<NameAddr, BadUri> {
        let text = text.trim();
        let (display, rest) = match text.strip_prefix('"') {
            Some(rest) => {
                let end = quoted_end(rest).ok_or(BadUri::Quote)?;
                (Some(unquote(&text[..=end])), rest[end..].trim_start())
            }
            None => match text.find('<') {
                Some(at) => (plain_display(text[..at].trim())?, &text[at..]),
                None => return parse_bare(text),
            },
        };
        let rest = rest.strip_prefix('<').ok_or(BadUri::NameAddr)?;
        let (uri, params) = rest.split_once('>').ok_or(BadUri::NameAddr)?;
        Ok(NameAddr { display, uri: Uri::parse(uri)?, params: header_params(params)? })
    }

    /// Reads a comma-separated list.
    pub fn parse_list(text: &str) -> Result<Vec<NameAddr>, BadUri> {
        split_top(text, b',').map(|part| NameAddr::parse(part?)).collect()
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    /// The same address with `tag` set.
    pub fn with_tag(mut self, tag: &str) -> NameAddr {
        self.params.set("tag", Some(tag));
        self
    }
}

fn parse_bare(text: &str) -> Result<NameAddr, BadUri> {
    let at = text.find(';').unwrap_or(text.len());
    let uri = text[..at].trim_end();
    // RFC 3261 20.10: an address with a comma or a question mark must be in brackets.
    if uri.contains([',', '?']) {
        return Err(BadUri::NameAddr);
    }
    Ok(NameAddr { display: None, uri: Uri::parse(uri)?, params: header_params(&text[at..])? })
}

fn header_params(text: &str) -> Result<Params, BadUri> {
    let text = text.trim();
    match text.strip_prefix(';') {
        None if text.is_empty() => Ok(Params::default()),
        None => Err(BadUri::NameAddr),
        Some(rest) if rest.trim().is_empty() => Err(BadUri::Parameter),
        Some(rest) if rest.trim_start().starts_with(';') => Err(BadUri::Parameter),
        Some(rest) => Params::parse(rest),
    }
}

fn plain_display(text: &str) -> Result<Option<String>, BadUri> {
    let broken = |c: char| {
        c.is_ascii_control() && c != '\t' || matches!(c, ',' | ';' | ':' | '"' | '\\' | '>')
    };
    match text {
        "" => Ok(None),
        _ if text.contains(broken) => Err(BadUri::NameAddr),
        _ => Ok(Some(text.to_owned())),
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

impl std::str::FromStr for NameAddr {
    type Err = BadUri;
    fn from_str(text: &str) -> Result<NameAddr, BadUri> {
        NameAddr::parse(text)
    }
}

/// `text` as a quoted string (RFC 3261 25.1).
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        // A control character in a quoted string stands behind a backslash.
        if matches!(c, '"' | '\\') || c.is_ascii_control() {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// The content of a quoted string; text without quotes is answered as it is.
pub fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

/// Where the text behind an opening quote goes on after the closing one.
fn quoted_end(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The parts of `text` between separators that stand neither in quotes nor in angle brackets, untrimmed. One error
/// when a quote or a bracket does not end.
pub(super) fn split_top(text: &str, separator: u8) -> impl Iterator<Item = Result<&str, BadUri>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match top_level_end(text, separator) {
            Ok(Some(at)) => {
                rest = Some(&text[at + 1..]);
                Some(Ok(&text[..at]))
            }
            Ok(None) => {
                rest = None;
                Some(Ok(text))
            }
            Err(bad) => {
                rest = None;
                Some(Err(bad))
            }
        }
    })
}

/// The first top-level `separator`. It is an ASCII byte, so cutting there never splits a character.
fn top_level_end(text: &str, separator: u8) -> Result<Option<usize>, BadUri> {
    let (mut quoted, mut escaped, mut angled) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'<' => angled = true,
            b'>' => angled = false,
            _ if byte == separator && !angled => return Ok(Some(at)),
            _ => {}
        }
    }
    if quoted { Err(BadUri::Quote) } else { Ok(None) }
}

/// An address and port as they stand in SIP text, IPv6 in brackets.
pub fn host_port(address: SocketAddr) -> (Host, u16) {
    (Host::Ip(address.ip().to_canonical()), address.port())
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
