//! Outbound (RFC 5626) as a registrar has it: a phone with a name of its own may have several flows to us at a time, each
//! with a number of its own, and is called over one of them.
//!
//! Reads what a REGISTER says of its flow and writes what the answer says of it. Which flows there are is the
//! [`registrar`](super::registrar)'s to know; a flow is the way that its REGISTER came (no token stands for it, for no
//! proxy hands it on), and the driver closes a connection that falls silent.

use std::time::Duration;

use crate::sip::flow::Flow;
use crate::sip::message::{Request, Response, Status};
use crate::sip::uri::NameAddr;

/// The option tag (section 4.1).
pub const OPTION: &str = "outbound";
/// A Contact's parameter with the number of the flow.
pub const REG_ID: &str = "reg-id";

/// What a proxy answers that has lost the flow (section 11.5).
pub const FLOW_FAILED: u16 = 430;

/// How often a phone is to send keep-alives over a connection, as the Flow-Timer tells it (section 4.4): what
/// translation of TCP forgets first, it forgets after minutes.
pub const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// After how much silence a connection is dead: a keep-alive may be late, and the phone may ask once more.
pub const SILENCE: Duration = Duration::from_secs(180);

/// The number of the flow that a REGISTER is for, over which its phone wants to be called; nothing where it asks for no
/// such thing.
///
/// # Errors
/// 400 for a flow that is to lead to several Contacts (section 6); 439 where a proxy stands between that knows nothing of
/// flows.
pub fn flow_number(request: &Request, contacts: &[NameAddr]) -> Result<Option<u32>, Status> {
    let knows = |name| request.headers.lists(name, OPTION);
    if !knows("Supported") && !knows("Require") {
        return Ok(None);
    }
    let number = |contact: &NameAddr| {
        contact.params.get(REG_ID)?.parse::<u32>().ok().filter(|number| *number > 0)
    };
    // Section 6: without an instance the number means nothing.
    let is_flow =
        |contact: &&NameAddr| number(contact).is_some() && contact.params.has("+sip.instance");
    let Some(flow) = contacts.iter().find(is_flow) else { return Ok(None) };
    if contacts.len() > 1 {
        return Err(Status::BAD_REQUEST);
    }
    let hops = request.headers.list("Via").len();
    let path = request.headers.addresses("Path").map_err(|_| Status::BAD_REQUEST)?;
    // The proxy that the phone is connected to is the one whose Path was added first, which is the last.
    if hops > 1 && !path.last().is_some_and(|edge| edge.uri.params.has("ob")) {
        return Err(Status::FIRST_HOP_LACKS_OUTBOUND);
    }
    Ok(number(flow))
}

/// Says in a 200 that the flow is one (section 6), and how it is kept alive where it ends here.
pub fn confirm(response: &mut Response, flow: &Flow, through_proxy: bool) {
    // A constant and digits: no line breaks.
    let _ = response.headers.push("Require", OPTION);
    if flow.transport.is_reliable() && !through_proxy {
        let _ = response.headers.push("Flow-Timer", KEEP_ALIVE.as_secs().to_string());
    }
}
