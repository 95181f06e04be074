//! The SIP message model: methods, statuses, headers, requests and responses (RFC 3261 sections 7, 8.2.6 and 20).
//!
//! Owns what a message means. The bytes are read and printed by [`super::wire`]; this is the only file that names
//! `rsip`, which gives the vocabulary of methods and statuses and the container of raw-string headers. None of its
//! tokenizers, printers or typed headers is used.

mod fields;
mod parts;

use std::fmt;
use std::hash::{Hash, Hasher};

use rsip::headers::UntypedHeader;

use super::sdp::{BadSdp, SessionDescription};
use super::uri::{NameAddr, Uri, split_top};
use super::wire;

use fields::number_below;

pub use super::wire::{Rejected, Why, parse};
pub use fields::{CSeq, Malformed, Transport, Via};
pub use parts::{BadParts, Part};

/// A request method. Compared with regard to case (RFC 3261 7.1); any token is a method.
#[derive(Clone, PartialEq, Eq)]
pub struct Method(Name);

#[derive(Clone, PartialEq, Eq)]
enum Name {
    Known(rsip::Method),
    Other(Box<str>),
}

macro_rules! methods {
    ($($constant:ident $variant:ident),*) => {
        impl Method {
            $(
                #[doc = concat!("`", stringify!($constant), "`")]
                pub const $constant: Method = Method(Name::Known(rsip::Method::$variant));
            )*

            /// The method that `text` names, known or not; nothing when it is no token.
            pub fn parse(text: &str) -> Option<Method> {
                Some(match text {
                    $(stringify!($constant) => Method::$constant,)*
                    _ if is_token(text) => Method(Name::Other(text.into())),
                    _ => return None,
                })
            }

            /// The method as it is written.
            pub fn as_str(&self) -> &str {
                match &self.0 {
                    $(Name::Known(rsip::Method::$variant) => stringify!($constant),)*
                    Name::Other(text) => text,
                }
            }
        }
    };
}

methods!(
    ACK Ack, BYE Bye, CANCEL Cancel, INFO Info, INVITE Invite, MESSAGE Message, NOTIFY Notify, OPTIONS Options,
    PRACK PRack, PUBLISH Publish, REFER Refer, REGISTER Register, SUBSCRIBE Subscribe, UPDATE Update
);

impl Method {
    /// A method by name; text that is no token becomes `-`, which nobody serves.
    pub fn other(text: &str) -> Method {
        Method::parse(text).unwrap_or_else(|| Method(Name::Other("-".into())))
    }

    /// Whether some RFC that we know of defines it.
    pub fn is_known(&self) -> bool {
        matches!(self.0, Name::Known(_))
    }
}

impl Hash for Method {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Method {
    fn partial_cmp(&self, other: &Method) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Method {
    fn cmp(&self, other: &Method) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `text` is a token (RFC 3261 25.1).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// A status code, 100 to 699.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

macro_rules! statuses {
    ($($constant:ident $variant:ident $code:literal $reason:literal),* $(,)?) => {
        impl Status {
            $(
                #[doc = concat!("`", stringify!($code), " ", $reason, "`")]
                pub const $constant: Status = Status($code);
            )*

            /// The reason phrase in the words of the RFC that defines the code; `Unknown` for others.
            pub fn reason(self) -> &'static str {
                match rsip::StatusCode::from(self.0) {
                    $(rsip::StatusCode::$variant => $reason,)*
                    _ => phrase_outside_vocabulary(self.0),
                }
            }

            #[cfg(test)]
            const NAMED: &'static [Status] = &[$(Status($code)),*];
        }
    };
}

statuses!(
    TRYING Trying 100 "Trying",
    RINGING Ringing 180 "Ringing",
    FORWARDED CallIsBeingForwarded 181 "Call Is Being Forwarded",
    QUEUED Queued 182 "Queued",
    PROGRESS SessionProgress 183 "Session Progress",
    EARLY_DIALOG_TERMINATED EarlyDialogTerminated 199 "Early Dialog Terminated",
    OK OK 200 "OK",
    ACCEPTED Accepted 202 "Accepted",
    NO_NOTIFICATION NoNotification 204 "No Notification",
    MULTIPLE_CHOICES MultipleChoices 300 "Multiple Choices",
    MOVED_PERMANENTLY MovedPermanently 301 "Moved Permanently",
    MOVED_TEMPORARILY MovedTemporarily 302 "Moved Temporarily",
    USE_PROXY UseProxy 305 "Use Proxy",
    ALTERNATIVE_SERVICE AlternativeService 380 "Alternative Service",
    BAD_REQUEST BadRequest 400 "Bad Request",
    UNAUTHORIZED Unauthorized 401 "Unauthorized",
    PAYMENT_REQUIRED PaymentRequired 402 "Payment Required",
    FORBIDDEN Forbidden 403 "Forbidden",
    NOT_FOUND NotFound 404 "Not Found",
    METHOD_NOT_ALLOWED MethodNotAllowed 405 "Method Not Allowed",
    NOT_ACCEPTABLE NotAcceptable 406 "Not Acceptable",
    PROXY_AUTHENTICATION_REQUIRED ProxyAuthenticationRequired 407 "Proxy Authentication Required",
    REQUEST_TIMEOUT RequestTimeout 408 "Request Timeout",
    GONE Gone 410 "Gone",
    CONDITIONAL_REQUEST_FAILED ConditionalRequestFailed 412 "Conditional Request Failed",
    REQUEST_ENTITY_TOO_LARGE RequestEntityTooLarge 413 "Request Entity Too Large",
    REQUEST_URI_TOO_LONG RequestUriTooLong 414 "Request-URI Too Long",
    UNSUPPORTED_MEDIA_TYPE UnsupportedMediaType 415 "Unsupported Media Type",
    UNSUPPORTED_URI_SCHEME UnsupportedUriScheme 416 "Unsupported URI Scheme",
    BAD_EXTENSION BadExtension 420 "Bad Extension",
    EXTENSION_REQUIRED ExtensionRequired 421 "Extension Required",
    SESSION_INTERVAL_TOO_SMALL SessionIntervalTooSmall 422 "Session Interval Too Small",
    INTERVAL_TOO_BRIEF IntervalTooBrief 423 "Interval Too Brief",
    USE_IDENTITY_HEADER UseIdentityHeader 428 "Use Identity Header",
    ANONYMITY_DISALLOWED AnonymityDisallowed 433 "Anonymity Disallowed",
    BAD_IDENTITY_INFO BadIdentityInfo 436 "Bad Identity Info",
    UNSUPPORTED_CREDENTIAL UnsupportedCertificate 437 "Unsupported Credential",
    INVALID_IDENTITY_HEADER InvalidIdentityHeader 438 "Invalid Identity Header",
    FIRST_HOP_LACKS_OUTBOUND FirstHopLacksOutboundSupport 439 "First Hop Lacks Outbound Support",
    BAD_INFO_PACKAGE BadInfoPackage 469 "Bad Info Package",
    TEMPORARILY_UNAVAILABLE TemporarilyUnavailable 480 "Temporarily Unavailable",
    CALL_DOES_NOT_EXIST CallTransactionDoesNotExist 481 "Call/Transaction Does Not Exist",
    LOOP_DETECTED LoopDetected 482 "Loop Detected",
    TOO_MANY_HOPS TooManyHops 483 "Too Many Hops",
    ADDRESS_INCOMPLETE AddressIncomplete 484 "Address Incomplete",
    AMBIGUOUS Ambiguous 485 "Ambiguous",
    BUSY_HERE BusyHere 486 "Busy Here",
    REQUEST_TERMINATED RequestTerminated 487 "Request Terminated",
    NOT_ACCEPTABLE_HERE NotAcceptableHere 488 "Not Acceptable Here",
    BAD_EVENT BadEvent 489 "Bad Event",
    REQUEST_PENDING RequestPending 491 "Request Pending",
    UNDECIPHERABLE Undecipherable 493 "Undecipherable",
    SECURITY_AGREEMENT_REQUIRED SecurityAgreementRequired 494 "Security Agreement Required",
    SERVER_INTERNAL_ERROR ServerInternalError 500 "Server Internal Error",
    NOT_IMPLEMENTED NotImplemented 501 "Not Implemented",
    BAD_GATEWAY BadGateway 502 "Bad Gateway",
    SERVICE_UNAVAILABLE ServiceUnavailable 503 "Service Unavailable",
    SERVER_TIME_OUT ServerTimeOut 504 "Server Time-out",
    VERSION_NOT_SUPPORTED VersionNotSupported 505 "Version Not Supported",
    MESSAGE_TOO_LARGE MessageTooLarge 513 "Message Too Large",
    PRECONDITION_FAILURE PreconditionFailure 580 "Precondition Failure",
    BUSY_EVERYWHERE BusyEverywhere 600 "Busy Everywhere",
    DECLINE Decline 603 "Decline",
    DOES_NOT_EXIST_ANYWHERE DoesNotExistAnywhere 604 "Does Not Exist Anywhere",
    NOT_ACCEPTABLE_GLOBAL NotAcceptableGlobal 606 "Not Acceptable",
    UNWANTED Unwanted 607 "Unwanted",
);

/// Codes that the vocabulary lacks (RFC 6665 8.3.1 for 202; RFC 8599, 8688).
fn phrase_outside_vocabulary(code: u16) -> &'static str {
    match code {
        202 => "Accepted",
        424 => "Bad Location Information",
        555 => "Push Notification Service Not Supported",
        608 => "Rejected",
        _ => "Unknown",
    }
}

impl Status {
    /// `424 Bad Location Information` (RFC 6442 section 4.4).
    pub const BAD_LOCATION: Status = Status(424);

    /// The status with this code; nothing outside 100 to 699.
    pub fn new(code: u16) -> Option<Status> {
        (100..700).contains(&code).then_some(Status(code))
    }

    /// The number.
    pub fn code(self) -> u16 {
        self.0
    }

    /// 1xx.
    pub fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// Anything from 200 up.
    pub fn is_final(self) -> bool {
        !self.is_provisional()
    }

    /// 2xx.
    pub fn is_success(self) -> bool {
        self.0 / 100 == 2
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that may not go into a header: it holds CR, LF or NUL, or the name is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header may not hold line ends or NUL, and its name must be a token")
    }
}

impl std::error::Error for Unprintable {}

/// The headers of one message in their order. Names are found without regard to case, and by their compact form;
/// Content-Length is never among them, because the writer counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(rsip::Headers);

/// Compact forms (RFC 3261 7.3.3 and the RFCs of the extensions, as registered with IANA).
fn full_name(name: &str) -> &str {
    let [letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}

macro_rules! header_table {
    ($($variant:ident $name:literal),* $(,)?) => {
        fn header(name: &str, value: String) -> rsip::Header {
            $(if name.eq_ignore_ascii_case($name) {
                return rsip::Header::$variant(rsip::headers::$variant::new(value));
            })*
            rsip::Header::Other(name.to_owned(), value)
        }

        fn parts(header: &rsip::Header) -> (&str, &str) {
            match header {
                $(rsip::Header::$variant(inner) => ($name, inner.value()),)*
                rsip::Header::Other(name, value) => (name, value),
            }
        }
    };
}

header_table!(
    Via "Via", From "From", To "To", CallId "Call-ID", CSeq "CSeq", Contact "Contact",
    MaxForwards "Max-Forwards", Route "Route", RecordRoute "Record-Route", ContentType "Content-Type",
    Allow "Allow", Supported "Supported", UserAgent "User-Agent", Authorization "Authorization",
    ProxyAuthorization "Proxy-Authorization", WwwAuthenticate "WWW-Authenticate",
    ProxyAuthenticate "Proxy-Authenticate", Expires "Expires", MinExpires "Min-Expires",
    Require "Require", ProxyRequire "Proxy-Require", Unsupported "Unsupported", Accept "Accept",
    AcceptEncoding "Accept-Encoding", AcceptLanguage "Accept-Language", AlertInfo "Alert-Info",
    AuthenticationInfo "Authentication-Info", CallInfo "Call-Info",
    ContentDisposition "Content-Disposition", ContentEncoding "Content-Encoding",
    ContentLanguage "Content-Language", ContentLength "Content-Length", Date "Date",
    ErrorInfo "Error-Info", Event "Event", InReplyTo "In-Reply-To", MimeVersion "MIME-Version",
    Organization "Organization", Priority "Priority", ReplyTo "Reply-To", RetryAfter "Retry-After",
    Server "Server", Subject "Subject", SubscriptionState "Subscription-State",
    Timestamp "Timestamp", Warning "Warning",
);

impl Headers {
    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let name = full_name(name);
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of each `name` line, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let name = full_name(name);
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The members of all `name` lines, cut at commas outside quotes and brackets, trimmed, empty ones left out.
    /// Not for headers in which a comma is no separator, such as Date or WWW-Authenticate.
    pub fn list<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let members = self.all(name).flat_map(|value| split_top(value, b','));
        members
            .filter_map(|part| part.ok().map(str::trim))
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// Whether `name` lists `token`, without regard to case, as in `Supported: 100rel`.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).iter().any(|member| member.eq_ignore_ascii_case(token))
    }

    /// Adds a line at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) -> Result<(), Unprintable> {
        let value = printable(name, value.into())?;
        self.push_read(name, value);
        Ok(())
    }

    /// Puts one line in the place of all that `name` had, where the first stood or at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), Unprintable> {
        let value = printable(name, value.into())?;
        let name = full_name(name);
        let mut lines = self.take();
        let at =
            lines.iter().position(|h| parts(h).0.eq_ignore_ascii_case(name)).unwrap_or(lines.len());
        lines.retain(|h| !parts(h).0.eq_ignore_ascii_case(name));
        lines.insert(at, header(name, value));
        self.0 = lines.into();
        Ok(())
    }

    /// Adds a line in front of all others, as a Via of ours goes.
    pub fn insert_first(
        &mut self,
        name: &str,
        value: impl Into<String>,
    ) -> Result<(), Unprintable> {
        let value = printable(name, value.into())?;
        let mut lines = self.take();
        lines.insert(0, header(full_name(name), value));
        self.0 = lines.into();
        Ok(())
    }

    /// Takes all `name` lines out.
    pub fn remove(&mut self, name: &str) {
        let name = full_name(name);
        self.0.retain(|h| !parts(h).0.eq_ignore_ascii_case(name));
    }

    /// Name and value of each line, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(parts)
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.0.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a line as it was read; line ends are not among what the reader lets through, NUL is.
    pub(super) fn push_read(&mut self, name: &str, value: String) {
        self.0.push(header(full_name(name), value));
    }

    fn take(&mut self) -> Vec<rsip::Header> {
        std::mem::take(&mut self.0).into()
    }

    /// The topmost Via.
    pub fn top_via(&self) -> Result<Via, Malformed> {
        let line = self.get("Via").ok_or(Malformed::Missing)?;
        Via::parse(split_top(line, b',').next().ok_or(Malformed::Missing)??.trim())
    }

    /// All Vias, topmost first.
    pub fn vias(&self) -> Result<Vec<Via>, Malformed> {
        let mut vias = Vec::new();
        for line in self.all("Via") {
            vias.extend(Via::parse_list(line)?);
        }
        Ok(vias)
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr, Malformed> {
        self.address("From")
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr, Malformed> {
        self.address("To")
    }

    /// The one address that `name` holds, as Refer-To or P-Asserted-Identity also do.
    pub fn address(&self, name: &str) -> Result<NameAddr, Malformed> {
        Ok(NameAddr::parse(self.get(name).ok_or(Malformed::Missing)?)?)
    }

    /// Call-ID: neither empty nor with white space.
    pub fn call_id(&self) -> Result<&str, Malformed> {
        let call_id = self.get("Call-ID").ok_or(Malformed::Missing)?;
        let broken =
            call_id.is_empty() || call_id.contains(|c: char| c.is_ascii_control() || c == ' ');
        if broken { Err(Malformed::Syntax) } else { Ok(call_id) }
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq, Malformed> {
        CSeq::parse(self.get("CSeq").ok_or(Malformed::Missing)?)
    }

    /// The first Contact; nothing when there is none or it is `*`.
    pub fn contact(&self) -> Result<Option<NameAddr>, Malformed> {
        Ok(self.contacts()?.into_iter().next())
    }

    /// All Contacts; none when it is `*`, which [`Headers::contact_is_wildcard`] tells.
    pub fn contacts(&self) -> Result<Vec<NameAddr>, Malformed> {
        if self.contact_is_wildcard() {
            return Ok(Vec::new());
        }
        self.addresses("Contact")
    }

    /// Whether the one and only Contact is `*` (RFC 3261 10.2.2).
    pub fn contact_is_wildcard(&self) -> bool {
        let mut lines = self.all("Contact");
        lines.next().is_some_and(|value| value.trim() == "*") && lines.next().is_none()
    }

    /// The addresses of all `name` lines (`Route`, `Record-Route`, `Path`); none when one of them cannot be read,
    /// which [`parse`] has refused for the first two.
    pub fn routes(&self, name: &str) -> Vec<NameAddr> {
        self.addresses(name).unwrap_or_default()
    }

    /// The addresses of all `name` lines.
    pub fn addresses(&self, name: &str) -> Result<Vec<NameAddr>, Malformed> {
        let mut all = Vec::new();
        for line in self.all(name) {
            all.extend(NameAddr::parse_list(line)?);
        }
        Ok(all)
    }

    /// Max-Forwards, 0 to 255 (RFC 3261 20.22); nothing when absent.
    pub fn max_forwards(&self) -> Result<Option<u8>, Malformed> {
        let number = self.get("Max-Forwards").map(|text| number_below(text, 256)).transpose()?;
        Ok(number.map(|n| n as u8))
    }

    /// Expires in seconds; nothing when absent or unreadable, so that the default holds (RFC 3261 10.2.1.1).
    pub fn expires(&self) -> Option<u32> {
        number_below(self.get("Expires")?, u32::MAX).ok()
    }

    /// Seconds after which one may ask again; nothing when absent or unreadable (RFC 3261 section 20.33).
    pub fn retry_after(&self) -> Option<u32> {
        self.get("Retry-After")?.split([';', '(', ' ']).next()?.parse().ok()
    }

    /// The media type in lower case without its parameters, as in `application/sdp`.
    pub fn content_type(&self) -> Option<String> {
        self.get("Content-Type").map(media_type)
    }
}

fn media_type(text: &str) -> String {
    let text = text.split(';').next().unwrap_or(text);
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

fn printable(name: &str, value: String) -> Result<String, Unprintable> {
    if !is_token(name) || value.contains(['\r', '\n', '\0']) { Err(Unprintable) } else { Ok(value) }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom.
    pub uri: Uri,
    /// All headers except Content-Length.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The verdict.
    pub status: Status,
    /// The phrase that came with it, or that shall go; without one the RFC's words go.
    pub reason: Option<String>,
    /// All headers except Content-Length.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// Either of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Request {
    /// A request without headers.
    pub fn new(method: Method, uri: Uri) -> Request {
        Request { method, uri, headers: Headers::default(), body: Vec::new() }
    }

    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode_request(self)
    }
}

impl Response {
    /// A response to `request` with its Vias, From, To, Call-ID and CSeq (RFC 3261 8.2.6.2), and Timestamp in a 100.
    pub fn to(request: &Request, status: Status) -> Response {
        let mut headers = Headers::default();
        for (name, value) in request.headers.iter() {
            let copied = ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name)
                || name == "Timestamp" && status == Status::TRYING;
            if copied {
                headers.push_read(name, value.to_owned());
            }
        }
        Response { status, reason: None, headers, body: Vec::new() }
    }

    /// The same with `tag` on To, unless a tag is there already or To cannot be read.
    pub fn with_to_tag(mut self, tag: &str) -> Response {
        if let Ok(to) = self.headers.to()
            && to.tag().is_none()
        {
            let mut lines = self.headers.take();
            for line in lines.iter_mut().filter(|line| parts(line).0 == "To") {
                *line = header("To", to.clone().with_tag(tag).to_string());
            }
            self.headers.0 = lines.into();
        }
        self
    }

    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode_response(self)
    }
}

impl Message {
    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.encode(),
            Message::Response(response) => response.encode(),
        }
    }

    /// The headers of either.
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    /// The body of either.
    pub fn body(&self) -> &[u8] {
        match self {
            Message::Request(request) => &request.body,
            Message::Response(response) => &response.body,
        }
    }
}

macro_rules! accessors {
    ($kind:ty, $this:ident => $headers:expr, $body:expr) => {
        impl $kind {
            /// See [`Headers::top_via`].
            pub fn top_via(&self) -> Result<Via, Malformed> {
                let $this = self;
                $headers.top_via()
            }

            /// See [`Headers::vias`].
            pub fn vias(&self) -> Result<Vec<Via>, Malformed> {
                let $this = self;
                $headers.vias()
            }

            /// See [`Headers::from`].
            pub fn from(&self) -> Result<NameAddr, Malformed> {
                let $this = self;
                $headers.from()
            }

            /// The To header. See [`Headers::to`].
            pub fn to_header(&self) -> Result<NameAddr, Malformed> {
                let $this = self;
                $headers.to()
            }

            /// See [`Headers::call_id`].
            pub fn call_id(&self) -> Result<&str, Malformed> {
                let $this = self;
                $headers.call_id()
            }

            /// See [`Headers::cseq`].
            pub fn cseq(&self) -> Result<CSeq, Malformed> {
                let $this = self;
                $headers.cseq()
            }

            /// See [`Headers::contact`].
            pub fn contact(&self) -> Result<Option<NameAddr>, Malformed> {
                let $this = self;
                $headers.contact()
            }

            /// See [`Headers::contacts`].
            pub fn contacts(&self) -> Result<Vec<NameAddr>, Malformed> {
                let $this = self;
                $headers.contacts()
            }

            /// See [`Headers::routes`].
            pub fn routes(&self, name: &str) -> Vec<NameAddr> {
                let $this = self;
                $headers.routes(name)
            }

            /// See [`Headers::max_forwards`].
            pub fn max_forwards(&self) -> Result<Option<u8>, Malformed> {
                let $this = self;
                $headers.max_forwards()
            }

            /// See [`Headers::expires`].
            pub fn expires(&self) -> Option<u32> {
                let $this = self;
                $headers.expires()
            }

            /// See [`Headers::content_type`].
            pub fn content_type(&self) -> Option<String> {
                let $this = self;
                $headers.content_type()
            }

            /// The session description in the body, or in the first part of it that is one; nothing when the body is
            /// empty or of another type.
            pub fn sdp(&self) -> Option<Result<SessionDescription, BadSdp>> {
                let $this = self;
                sdp_in($headers.get("Content-Type")?, $body)
            }
        }
    };
}

fn sdp_in(content_type: &str, body: &[u8]) -> Option<Result<SessionDescription, BadSdp>> {
    let kind = media_type(content_type);
    if body.is_empty() {
        return None;
    }
    if kind == "application/sdp" {
        return Some(SessionDescription::parse(body));
    }
    if !parts::is_multipart(&kind) {
        return None;
    }
    match parts::read(content_type, body) {
        Ok(parts) => parts
            .iter()
            .find(|part| media_type(&part.content_type) == "application/sdp")
            .map(|part| SessionDescription::parse(&part.body)),
        // A body that cannot be cut holds no description that could be trusted.
        Err(BadParts) => Some(Err(BadSdp::Parts)),
    }
}

accessors!(Request, this => this.headers, this.body.as_slice());
accessors!(Response, this => this.headers, this.body.as_slice());
accessors!(Message, this => this.headers(), this.body());

macro_rules! body_setters {
    ($kind:ty) => {
        impl $kind {
            /// The same with `sdp` as its body.
            pub fn with_sdp(mut self, sdp: &SessionDescription) -> Self {
                self.headers.remove("Content-Type");
                self.headers.push_read("Content-Type", "application/sdp".to_owned());
                self.body = sdp.to_string().into_bytes();
                self
            }

            /// The same with a body of `content_type`.
            pub fn with_body(
                mut self,
                content_type: &str,
                body: Vec<u8>,
            ) -> Result<Self, Unprintable> {
                self.headers.set("Content-Type", content_type)?;
                self.body = body;
                Ok(self)
            }
        }
    };
}

body_setters!(Request);
body_setters!(Response);

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
