//! The SIP wire: reads a message without copying, judges it, and prints messages (RFC 3261 section 7 and 25, RFC 4475).
//!
//! Owns where lines begin and end and which messages are too broken to be served. Every header line is found in one
//! pass over the bytes; copies are made only for a message that is kept. It keeps no state and answers nothing by
//! itself: a refusal carries the finished response, or says that silence is right.

use super::message::{
    Headers, Malformed, Message, Method, Request, Response, Status, Via, is_token_byte,
};
use super::uri::{NameAddr, Scheme, Uri, bytes_of, is_stand_in, text_of};

/// Most bytes in one message: the largest UDP datagram, and no honest SIP message comes near it.
pub const MAX_MESSAGE: usize = 65_536;

/// Most bytes in one header with its folded lines, and in the start line: twice what long identity tokens need.
pub const MAX_HEADER: usize = 8_192;

/// Most header lines: a call through many proxies has about 40.
pub const MAX_HEADERS: usize = 128;

/// Most Via values: Max-Forwards starts at 70, and no honest way through the world is that long.
pub const MAX_VIAS: usize = 64;

/// Why a message was refused: the label of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Nothing but line ends, or no blank line behind the headers.
    Incomplete,
    /// The start line is neither a request line nor a status line.
    StartLine,
    /// A SIP version other than 2.0.
    Version,
    /// The Request-URI cannot be read.
    RequestUri,
    /// A line that is no header.
    HeaderLine,
    /// A header beyond [`MAX_HEADER`], more than [`MAX_HEADERS`] or [`MAX_VIAS`], or a message beyond [`MAX_MESSAGE`].
    TooLarge,
    /// Via, From, To, Call-ID or CSeq is missing.
    MissingHeader,
    /// A header that may stand once stands twice.
    RepeatedHeader,
    /// A Via cannot be read.
    Via,
    /// From or To cannot be read.
    Party,
    /// Call-ID cannot be read.
    CallId,
    /// CSeq cannot be read, or its number is out of range.
    CSeq,
    /// CSeq names another method than the request line.
    CSeqMethod,
    /// Max-Forwards is no number up to 255.
    MaxForwards,
    /// A Contact, Route or Record-Route cannot be read.
    Address,
    /// Content-Length is no number, promises more than came, or is missing on a stream.
    ContentLength,
}

/// A message that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// Say nothing.
    Drop(Why),
    /// Send this, and forget it.
    Answer(Box<Response>, Why),
}

impl Rejected {
    /// The reason, for the counter.
    pub fn why(&self) -> Why {
        match self {
            Rejected::Drop(why) | Rejected::Answer(_, why) => *why,
        }
    }
}

/// Reads one datagram, or one message that the stream framer cut out. Line ends in front are skipped (RFC 3261 7.5);
/// on a datagram, bytes behind the body are ignored (18.3).
pub fn parse(bytes: &[u8], transport_is_stream: bool) -> Result<Message, Rejected> {
    let raw = Raw::index(bytes).map_err(Rejected::Drop)?;
    match raw.start {
        start if starts_like_response(start) => {
            read_response(&raw, transport_is_stream).map(Message::Response).map_err(Rejected::Drop)
        }
        start => read_request(&raw, start, transport_is_stream).map(Message::Request),
    }
}

/// One header line as it lies in the message: the value may hold folds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// A message cut into lines, nothing copied.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    pub(super) start: &'a [u8],
    pub(super) fields: Vec<Field<'a>>,
    /// What was found wrong first; the fields before it are there.
    pub(super) flaw: Option<Why>,
    /// All behind the blank line.
    pub(super) rest: &'a [u8],
}

impl<'a> Raw<'a> {
    /// Finds the lines. Fails only when there is no start line.
    pub(super) fn index(bytes: &'a [u8]) -> Result<Raw<'a>, Why> {
        let begin =
            bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).ok_or(Why::Incomplete)?;
        let (start, mut rest) = cut_line(&bytes[begin..]).ok_or(Why::Incomplete)?;
        let mut raw = Raw { start, fields: Vec::with_capacity(24), flaw: None, rest: &[] };
        if start.len() > MAX_HEADER || bytes.len() > MAX_MESSAGE {
            raw.flaw = Some(Why::TooLarge);
        }
        loop {
            let Some((line, tail)) = cut_folded(rest) else {
                raw.note(Why::Incomplete);
                return Ok(raw);
            };
            rest = tail;
            if line.is_empty() {
                raw.rest = rest;
                return Ok(raw);
            }
            if raw.fields.len() == MAX_HEADERS {
                raw.note(Why::TooLarge);
                return Ok(raw);
            }
            raw.take_line(line);
        }
    }

    fn take_line(&mut self, line: &'a [u8]) {
        match cut_field(line) {
            Some(_) if line.len() > MAX_HEADER => self.note(Why::TooLarge),
            Some(field) => self.fields.push(field),
            None => self.note(Why::HeaderLine),
        }
    }

    fn note(&mut self, why: Why) {
        self.flaw = self.flaw.or(Some(why));
    }

    /// The values of a header, by its full name and its compact letter.
    pub(super) fn values(
        &self,
        name: &'static [u8],
        compact: u8,
    ) -> impl Iterator<Item = &'a [u8]> + '_ {
        let named = move |field: &&Field| match field.name {
            [letter] => letter.to_ascii_lowercase() == compact,
            full => full.eq_ignore_ascii_case(name),
        };
        self.fields.iter().filter(named).map(|field| field.value)
    }

    /// What Content-Length says (RFC 3261 20.14); nothing when it is absent.
    pub(super) fn content_length(&self) -> Result<Option<usize>, Why> {
        let mut values = self.values(b"Content-Length", b'l');
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Why::RepeatedHeader);
        }
        let value = value.trim_ascii();
        if value.is_empty() || value.len() > 16 || !value.iter().all(u8::is_ascii_digit) {
            return Err(Why::ContentLength);
        }
        // Sixteen digits fit in 64 bits.
        let length = value.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        usize::try_from(length).map(Some).map_err(|_| Why::ContentLength)
    }

    fn body(&self, is_stream: bool) -> Result<&'a [u8], Why> {
        match self.content_length()? {
            Some(length) => self.rest.get(..length).ok_or(Why::ContentLength),
            None if is_stream => Err(Why::ContentLength),
            None => Ok(self.rest),
        }
    }
}

/// The text up to LF or CR LF, and what follows. Nothing when no line end is there.
fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = find_line_end(bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

/// Like [`cut_line`], and takes along the lines that begin with white space (RFC 3261 7.3.1).
fn cut_folded(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut end = find_line_end(bytes)?;
    let is_blank = matches!(&bytes[..end], b"" | b"\r");
    while !is_blank && matches!(bytes.get(end + 1), Some(b' ' | b'\t')) {
        end += 1 + find_line_end(&bytes[end + 1..])?;
    }
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

fn find_line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == b'\n')
}

fn cut_field(line: &[u8]) -> Option<Field<'_>> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = line[..colon].trim_ascii_end();
    let value = line[colon + 1..].trim_ascii();
    let well_formed =
        !name.is_empty() && name.iter().all(|b| is_token_byte(*b)) && !has_bare_cr(value);
    well_formed.then_some(Field { name, value })
}

/// A CR without LF: some other parser may take it for a line end, so no line with it is let through.
fn has_bare_cr(value: &[u8]) -> bool {
    value.contains(&b'\r')
        && value
            .iter()
            .zip(value.iter().skip(1).chain([&b'\r']))
            .any(|(a, b)| *a == b'\r' && *b != b'\n')
}

/// The value as text: folds become one space, bytes that are no UTF-8 survive.
fn value_text(value: &[u8]) -> String {
    if !value.contains(&b'\n') {
        return text_of(value);
    }
    let lines =
        value.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    text_of(&lines.collect::<Vec<_>>().join(&b' '))
}

fn starts_like_response(start: &[u8]) -> bool {
    start.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"))
}

fn headers_of(raw: &Raw) -> Headers {
    let mut headers = Headers::default();
    for field in &raw.fields {
        let is_length =
            matches!(field.name, b"l" | b"L") || field.name.eq_ignore_ascii_case(b"Content-Length");
        // The name is a token, thus ASCII.
        if let Ok(name) = std::str::from_utf8(field.name)
            && !is_length
        {
            headers.push_read(name, value_text(field.value));
        }
    }
    headers
}

fn read_response(raw: &Raw, is_stream: bool) -> Result<Response, Why> {
    if let Some(flaw) = raw.flaw {
        return Err(flaw);
    }
    let (status, reason) = status_line(raw.start)?;
    let headers = headers_of(raw);
    check(&headers)?;
    let body = raw.body(is_stream)?.to_vec();
    Ok(Response { status, reason, headers, body })
}

fn status_line(start: &[u8]) -> Result<(Status, Option<String>), Why> {
    let (version, rest) = split_once(start, b' ').ok_or(Why::StartLine)?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(Why::Version);
    }
    let (code, reason) = split_once(rest, b' ').unwrap_or((rest, b""));
    let [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] = code else {
        return Err(Why::StartLine);
    };
    let number = [a, b, c].iter().fold(0u16, |sum, digit| sum * 10 + u16::from(**digit - b'0'));
    let status = Status::new(number).ok_or(Why::StartLine)?;
    if reason.iter().any(|b| matches!(b, b'\r' | 0)) {
        return Err(Why::StartLine);
    }
    Ok((status, Some(text_of(reason))))
}

fn read_request(raw: &Raw, start: &[u8], is_stream: bool) -> Result<Request, Rejected> {
    let headers = headers_of(raw);
    let refuse = |why| refusal(&headers, start, why);
    if let Some(flaw) = raw.flaw {
        return Err(refuse(flaw));
    }
    let (method, uri) = request_line(start).map_err(refuse)?;
    check(&headers).map_err(refuse)?;
    check_request(&headers, &method).map_err(refuse)?;
    let body = raw.body(is_stream).map_err(refuse)?.to_vec();
    Ok(Request { method, uri, headers, body })
}

/// Method, URI and version with exactly one space between them (RFC 3261 7.1).
fn request_line(start: &[u8]) -> Result<(Method, Uri), Why> {
    let start = std::str::from_utf8(start).map_err(|_| Why::StartLine)?;
    // The characters that stand for raw bytes would be printed as such: they have no business in a URI.
    if start.chars().any(is_stand_in) {
        return Err(Why::StartLine);
    }
    let mut parts = start.split(' ');
    let (Some(method), Some(uri), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Why::StartLine);
    };
    let method = Method::parse(method).ok_or(Why::StartLine)?;
    check_version(version)?;
    let uri = Uri::parse(uri).map_err(|_| Why::RequestUri)?;
    // RFC 3261 19.1.1: no headers in a Request-URI.
    if matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && uri.headers.is_some() {
        return Err(Why::RequestUri);
    }
    Ok((method, uri))
}

fn check_version(text: &str) -> Result<(), Why> {
    if text.eq_ignore_ascii_case("SIP/2.0") {
        return Ok(());
    }
    let number = text.get(4..).filter(|_| starts_like_response(text.as_bytes()));
    let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    match number.and_then(|n| n.split_once('.')) {
        Some((major, minor)) if is_number(major) && is_number(minor) => Err(Why::Version),
        _ => Err(Why::StartLine),
    }
}

/// What must hold of requests and responses alike.
fn check(headers: &Headers) -> Result<(), Why> {
    for name in MANDATORY {
        if headers.get(name).is_none() {
            return Err(Why::MissingHeader);
        }
    }
    for name in ["From", "To", "Call-ID", "CSeq", "Max-Forwards"] {
        if headers.all(name).nth(1).is_some() {
            return Err(Why::RepeatedHeader);
        }
    }
    headers.call_id().map_err(|_| Why::CallId)?;
    headers.cseq().map_err(|_| Why::CSeq)?;
    headers.from().and(headers.to()).map_err(|_| Why::Party)?;
    check_vias(headers)?;
    let contacts = headers.contacts().map(|_| ());
    contacts.and(check_routes(headers)).map_err(|_| Why::Address)
}

fn check_vias(headers: &Headers) -> Result<(), Why> {
    let mut count = 0;
    for line in headers.all("Via") {
        count += Via::parse_list(line).map_err(|_| Why::Via)?.len();
        if count > MAX_VIAS {
            return Err(Why::TooLarge);
        }
    }
    Ok(())
}

fn check_routes(headers: &Headers) -> Result<(), Malformed> {
    for line in headers.all("Route").chain(headers.all("Record-Route")) {
        NameAddr::parse_list(line)?;
    }
    Ok(())
}

fn check_request(headers: &Headers, method: &Method) -> Result<(), Why> {
    headers.max_forwards().map_err(|_| Why::MaxForwards)?;
    match headers.cseq() {
        Ok(cseq) if cseq.method == *method => Ok(()),
        _ => Err(Why::CSeqMethod),
    }
}

/// What a response must carry back (RFC 3261 8.2.6.2).
const MANDATORY: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

/// The answer to a broken request. An ACK is never answered, nor a request that lacks what an answer carries.
fn refusal(headers: &Headers, start: &[u8], why: Why) -> Rejected {
    let is_ack = start.starts_with(b"ACK ");
    if is_ack || MANDATORY.iter().any(|name| headers.get(name).is_none()) {
        return Rejected::Drop(why);
    }
    let status = match why {
        Why::Version => Status::VERSION_NOT_SUPPORTED,
        Why::TooLarge => Status::MESSAGE_TOO_LARGE,
        _ => Status::BAD_REQUEST,
    };
    let tag = stateless_tag(headers);
    Rejected::Answer(Box::new(error_response(headers, status).with_to_tag(&tag)), why)
}

/// From, To, Call-ID and CSeq as they came, the first of each, however broken; all Vias up to the cap.
fn error_response(headers: &Headers, status: Status) -> Response {
    let mut copied = Headers::default();
    headers.all("Via").take(MAX_VIAS).for_each(|via| copied.push_read("Via", via.to_owned()));
    for name in &MANDATORY[1..] {
        headers.all(name).take(1).for_each(|value| copied.push_read(name, value.to_owned()));
    }
    Response { status, reason: None, headers: copied, body: Vec::new() }
}

/// The same for each retransmission, so that no state is needed (RFC 3261 8.2.7).
fn stateless_tag(headers: &Headers) -> String {
    let mut hash = crc32fast::Hasher::new();
    for name in MANDATORY {
        hash.update(headers.get(name).unwrap_or("").as_bytes());
    }
    format!("r{:08x}", hash.finalize())
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|b| *b == at)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}

/// The bytes of a request.
pub(super) fn encode_request(request: &Request) -> Vec<u8> {
    let start = format!("{} {} SIP/2.0", request.method, request.uri);
    encode(&start, &request.headers, &request.body)
}

/// The bytes of a response.
pub(super) fn encode_response(response: &Response) -> Vec<u8> {
    let reason = response.reason.as_deref().unwrap_or(response.status.reason());
    // A phrase of our own making must not break the line.
    let reason = reason.split(['\r', '\n', '\0']).next().unwrap_or("");
    encode(
        &format!("SIP/2.0 {} {reason}", response.status.code()),
        &response.headers,
        &response.body,
    )
}

fn encode(start: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + body.len());
    push_text(&mut out, start);
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Content-Length") {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        push_text(&mut out, value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out
}

/// Text goes out as it stands, except for the characters that stand for raw bytes; those begin with 0xF4.
fn push_text(out: &mut Vec<u8>, text: &str) {
    if text.as_bytes().contains(&0xF4) {
        out.extend_from_slice(&bytes_of(text));
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
