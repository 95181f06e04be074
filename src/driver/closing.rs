//! How a WebSocket ends that broke the rules: with the code that says which (RFC 6455 section 7.4.1).

use axum::extract::ws::CloseFrame;
use tungstenite::Error;

/// What the other side is told about a message that could not be read; nothing where its connection is gone.
pub fn frame(broken: axum::Error) -> Option<CloseFrame> {
    let (code, why) = match broken.into_inner().downcast_ref::<Error>()? {
        Error::Capacity(_) => (1009, "that is longer than anything this channel takes"),
        Error::Utf8(_) => (1007, "that is no text"),
        Error::Protocol(_) => (1002, "that is no frame of RFC 6455"),
        _ => return None,
    };
    Some(CloseFrame { code, reason: why.into() })
}
