//! Dialogs (RFC 3261 section 12): the tags, numbers, target and route set that two user agents share.
//!
//! Pure state: builds requests within the dialog and judges those that arrive. Sends nothing and waits for nothing.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::message::{Headers, Malformed, Method, Request, Response, Transport};
use crate::sip::uri::{Host, NameAddr, Scheme, Uri, host_port};

/// What every message of a dialog carries (section 12: Call-ID and the two tags).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local: String,
    /// The peer's tag.
    pub remote: String,
}

impl DialogId {
    /// The dialog that a request from the peer belongs to; nothing if it has no To tag.
    pub fn of_request(headers: &Headers) -> Option<DialogId> {
        let local = headers.to().ok()?.tag()?.to_owned();
        let remote = headers.from().ok()?.tag().unwrap_or_default().to_owned();
        Some(DialogId { call_id: headers.call_id().ok()?.to_owned(), local, remote })
    }

    /// The dialog that a request of ours belongs to; nothing if it has no To tag.
    pub fn of_own_request(headers: &Headers) -> Option<DialogId> {
        let DialogId { call_id, local, remote } = DialogId::of_request(headers)?;
        Some(DialogId { call_id, local: remote, remote: local })
    }
}

/// How a request within the dialog stands to those before it (section 12.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newer: to be carried out.
    Next,
    /// Older or repeated: 500.
    Stale,
}

/// One dialog.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// What its messages carry.
    pub id: DialogId,
    local: NameAddr,
    remote: NameAddr,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    target: Uri,
    routes: Vec<NameAddr>,
    flow: Flow,
    /// Whether requests go back along the flow, whatever address the peer gave.
    pinned: bool,
}

/// A dialog as it is kept over a restart. Its connection, if it had one, is gone then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    call_id: String,
    local: String,
    remote: String,
    remote_cseq: Option<u32>,
    target: String,
    #[serde(default)]
    routes: Vec<String>,
    transport: Transport,
    own: SocketAddr,
    peer: SocketAddr,
}

impl Dialog {
    /// What is to be kept. The number of our own last request is not: it changes with each.
    pub fn record(&self) -> Record {
        Record {
            call_id: self.id.call_id.clone(),
            local: self.local.to_string(),
            remote: self.remote.to_string(),
            remote_cseq: self.remote_cseq,
            target: self.target.to_string(),
            routes: self.routes.iter().map(NameAddr::to_string).collect(),
            transport: self.flow.transport,
            own: self.flow.local,
            peer: self.flow.peer,
        }
    }

    /// The dialog again. `local_cseq` must be above every number that we used before.
    pub fn resume(record: &Record, local_cseq: u32) -> Result<Dialog, Malformed> {
        let (local, remote) = (NameAddr::parse(&record.local)?, NameAddr::parse(&record.remote)?);
        let id = DialogId {
            call_id: record.call_id.clone(),
            local: local.tag().unwrap_or_default().to_owned(),
            remote: remote.tag().unwrap_or_default().to_owned(),
        };
        let routes: Result<_, _> = record.routes.iter().map(|text| NameAddr::parse(text)).collect();
        let flow = Flow {
            transport: record.transport,
            local: record.own,
            peer: record.peer,
            connection: ConnectionId(0),
        };
        Ok(Dialog {
            id,
            local,
            remote,
            local_cseq,
            remote_cseq: record.remote_cseq,
            target: Uri::parse(&record.target)?,
            routes: routes?,
            flow,
            pinned: false,
        })
    }

    /// The dialog that our 2xx to `request` makes (section 12.1.1). `tag` is our To tag.
    pub fn of_server(request: &Request, tag: &str, flow: Flow) -> Result<Dialog, Malformed> {
        let (from, to) = (request.from()?, request.headers.to()?);
        let target = match request.contact()? {
            Some(contact) => contact.uri,
            None => from.uri.clone(),
        };
        let id = DialogId {
            call_id: request.call_id()?.to_owned(),
            local: tag.to_owned(),
            remote: from.tag().unwrap_or_default().to_owned(),
        };
        Ok(Dialog {
            id,
            local: to.with_tag(tag),
            remote: from,
            local_cseq: 0,
            remote_cseq: Some(request.cseq()?.number),
            target,
            routes: request.routes("Record-Route"),
            flow,
            pinned: false,
        })
    }

    /// The dialog that the peer's answer to our `request` makes (section 12.1.2).
    pub fn of_client(
        request: &Request,
        response: &Response,
        flow: Flow,
    ) -> Result<Dialog, Malformed> {
        let (from, to) = (request.from()?, response.headers.to()?);
        let target = match response.contact()? {
            Some(contact) => contact.uri,
            None => request.uri.clone(),
        };
        let mut routes = response.routes("Record-Route");
        routes.reverse();
        let id = DialogId {
            call_id: request.call_id()?.to_owned(),
            local: from.tag().unwrap_or_default().to_owned(),
            remote: to.tag().unwrap_or_default().to_owned(),
        };
        Ok(Dialog {
            id,
            local: from,
            remote: to,
            local_cseq: request.cseq()?.number,
            remote_cseq: None,
            target,
            routes,
            flow,
            pinned: false,
        })
    }

    /// The same dialog as `early`, which a provisional answer began: its numbers go on.
    pub fn going_on(self, early: &Dialog) -> Dialog {
        let local_cseq = self.local_cseq.max(early.local_cseq);
        Dialog { local_cseq, remote_cseq: early.remote_cseq, ..self }
    }

    /// The same dialog with requests that go back along its flow: a peer whose answer nobody wanted does not say where.
    pub fn pinned(self) -> Dialog {
        Dialog { pinned: true, ..self }
    }

    /// Whether they do.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// The host of the peer.
    pub fn host(&self) -> std::net::IpAddr {
        self.flow.peer.ip()
    }

    /// A request within the dialog, without its Via (section 12.2.1.1). An ACK carries the number of its INVITE.
    pub fn request(&mut self, method: Method, cseq: Option<u32>) -> Request {
        let number = cseq.unwrap_or_else(|| {
            self.local_cseq += 1;
            self.local_cseq
        });
        let (uri, routes) = self.request_uri_and_routes();
        let mut request = Request::new(method.clone(), self.printable(uri));
        let fixed = [
            ("Max-Forwards", "70".to_owned()),
            ("From", self.local.to_string()),
            ("To", self.remote.to_string()),
            ("Call-ID", self.id.call_id.clone()),
            ("CSeq", format!("{number} {}", method.as_str())),
        ];
        let routes = routes.into_iter().map(|route| ("Route", route.to_string()));
        for (name, value) in fixed.into_iter().chain(routes) {
            // Every value was read from a message or made of digits: none can hold a line break.
            let _ = request.headers.push(name, value);
        }
        request
    }

    /// What may stand in a request line (section 12.2.1.1: no headers, no `method`). A peer can describe itself in a scheme
    /// that nobody reads or in bytes that are no text; it is asked for at the address that it speaks from then.
    fn printable(&self, mut uri: Uri) -> Uri {
        uri.headers = None;
        uri.params.remove("method");
        let known = !matches!(uri.scheme, Scheme::Other(_));
        if known && uri.to_string().bytes().all(|byte| byte.is_ascii_graphic()) {
            return uri;
        }
        let (host, port) = host_port(self.flow.peer);
        Uri::sip(None, host, Some(port))
    }

    /// Loose routing; a first route without `lr` is an RFC 2543 proxy and goes into the Request-URI.
    fn request_uri_and_routes(&self) -> (Uri, Vec<NameAddr>) {
        match self.routes.split_first() {
            Some((first, rest)) if !first.uri.params.has("lr") => {
                let mut routes = rest.to_vec();
                routes.push(NameAddr::new(self.target.clone()));
                (first.uri.clone(), routes)
            }
            _ => (self.target.clone(), self.routes.clone()),
        }
    }

    /// Where requests of ours go: to the first route or the target if that is an address we can reach from here, else
    /// back along the flow that the dialog was made on, which is where a phone behind address translation is.
    pub fn route(&self) -> Route {
        let flow = Route::Flow(self.flow);
        if self.pinned || self.flow.connection != ConnectionId(0) {
            return flow;
        }
        let next = self.routes.first().map_or(&self.target, |route| &route.uri);
        let Host::Ip(ip) = next.host else { return flow };
        let transport = next.transport().unwrap_or(Transport::Udp);
        let same_reach = is_private(ip) == is_private(self.flow.peer.ip());
        let same_family = ip.is_ipv4() == self.flow.peer.is_ipv4();
        if ip == self.flow.peer.ip() || !same_reach || !same_family || transport != Transport::Udp {
            return flow;
        }
        let peer = SocketAddr::new(ip, next.port.unwrap_or(transport.default_port()));
        Route::Address { transport, peer }
    }

    /// Where the peer said that it takes requests.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// The way that the peer's last request came.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Our address within the dialog.
    pub fn local_address(&self) -> SocketAddr {
        self.flow.local
    }

    /// Our own address is another now: a target refresh of our side, which the next request tells the peer (section 12.2).
    /// A connection from the old address is dead; the next request opens another.
    pub fn relocate(&mut self, local: SocketAddr) {
        self.flow = Flow { local, connection: ConnectionId(0), ..self.flow };
    }

    /// The number of our last request.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// The number of the next request of ours.
    pub fn count_up(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// Judges a request of the peer by its number, and remembers it.
    pub fn receive(&mut self, number: u32) -> Order {
        match self.remote_cseq {
            Some(last) if number <= last => Order::Stale,
            _ => {
                self.remote_cseq = Some(number);
                Order::Next
            }
        }
    }

    /// The number of the peer's last request.
    pub fn remote_cseq(&self) -> Option<u32> {
        self.remote_cseq
    }

    /// A target refresh (section 12.2): the peer moved, or its connection did.
    pub fn refresh(&mut self, contact: Option<NameAddr>, flow: Option<Flow>) {
        if let Some(contact) = contact {
            self.target = contact.uri;
        }
        if let Some(flow) = flow {
            self.flow = flow;
        }
    }
}

/// Addresses that mean something on one site alone (RFC 1918, RFC 4193, loopback, link-local).
fn is_private(ip: std::net::IpAddr) -> bool {
    match ip.to_canonical() {
        std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        std::net::IpAddr::V6(ip) => {
            ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Message, parse};

    /// Found by fuzzing: the BYE of such a call had a request line that nobody could read.
    #[test]
    fn a_contact_that_no_request_line_can_hold_is_asked_at_its_address() {
        let flow = Flow {
            transport: Transport::Udp,
            local: SocketAddr::from(([192, 0, 2, 1], 5060)),
            peer: SocketAddr::from(([192, 0, 2, 9], 5062)),
            connection: ConnectionId(0),
        };
        let request_uri = |contact: &[u8]| {
            let mut text = b"INVITE sip:201@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
                From: <sip:a@b>;tag=1\r\nTo: <sip:201@192.0.2.1>\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\nContact: <"
                .to_vec();
            text.extend(contact);
            text.extend(b">\r\nContent-Length: 0\r\n\r\n");
            let Ok(Message::Request(invite)) = parse(&text, false) else {
                panic!("{}", String::from_utf8_lossy(&text))
            };
            let mut dialog = Dialog::of_server(&invite, "2", flow).unwrap();
            let mut bye = dialog.request(Method::BYE, None);
            bye.headers.insert_first("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2").unwrap();
            let Ok(Message::Request(read)) = parse(&bye.encode(), true) else { panic!("{bye:?}") };
            read.uri.to_string()
        };
        assert_eq!(request_uri(b"sip:a@192.0.2.9:5062;x=1"), "sip:a@192.0.2.9:5062;x=1");
        assert_eq!(request_uri(b"sip:a@192.0.2.9;method=BYE?x=y"), "sip:a@192.0.2.9");
        assert_eq!(request_uri(b"siA:201@192.0\xff.2.9"), "sip:192.0.2.9:5062");
        assert_eq!(request_uri(b"sip:a@192.0.2.9;x=\xff"), "sip:192.0.2.9:5062");
    }
}
