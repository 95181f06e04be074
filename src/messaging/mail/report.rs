//! Reports: what became of a letter of ours (RFC 3464), or that somebody has opened it (RFC 8098).

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::Mailbox;
use super::part::{self, says};
use super::reading::tokens_in;
use super::verdict::fault;
use crate::id::MessageId;
use crate::messaging::contract::{Failure, Status};

/// Bytes of a report that are read: some thousand recipients, of which ours has one.
const MOST_REPORT: usize = 64 << 10;

/// Whether the letter is a report of any kind (RFC 6522).
pub fn is_report(root: &MessagePart<'_>) -> bool {
    part::mime(root).as_deref() == Some("multipart/report")
}

/// The message of ours that a letter reports on, and what became of it. Nothing, where it is no report, or about nothing that
/// bears a token of ours: who made that up could not know it.
pub fn of(mailbox: &Mailbox, letter: &Message<'_>) -> Option<(MessageId, Status)> {
    let root = letter.parts.first().filter(|root| is_report(root))?;
    let kind = root.content_type();
    let status = match () {
        () if says(kind, "report-type", "delivery-status") => {
            delivery(&machine_part(letter, "message/delivery-status")?)?
        }
        () if says(kind, "report-type", "disposition-notification") => {
            opened(&machine_part(letter, "message/disposition-notification")?)?
        }
        () => return None,
    };
    Some((subject(mailbox, letter)?, status))
}

/// The part that is for machines.
fn machine_part(letter: &Message<'_>, mime: &str) -> Option<String> {
    let part = letter.parts.iter().find(|one| part::mime(one).as_deref() == Some(mime))?;
    let bytes = part::bytes(letter, part);
    let bytes = bytes.get(..MOST_REPORT).unwrap_or(&bytes);
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// What a delivery status says (RFC 3464 section 2.3): the worst of its recipients, since a letter of ours has one.
fn delivery(text: &str) -> Option<Status> {
    let mut found = None;
    let (mut code, mut action) = (String::new(), String::new());
    let mut end = |action: &mut String, code: &mut String| {
        let status = match action.as_str() {
            "failed" => Some(Status::Failed(Failure { fault: fault(code), code: code.clone() })),
            "delivered" => Some(Status::Delivered),
            "relayed" | "expanded" => Some(Status::Sent),
            // It is still being tried: nothing has become of it.
            _ => None,
        };
        if !matches!(found, Some(Status::Failed(_))) && status.is_some() {
            found = status;
        }
        action.clear();
        code.clear();
    };
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line.trim(), ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "" => end(&mut action, &mut code),
            "action" => action = value.trim().to_ascii_lowercase(),
            "status" => code = value.split_whitespace().next().unwrap_or_default().to_owned(),
            _ => {}
        }
    }
    end(&mut action, &mut code);
    found
}

/// What a notification says that a person's program sends (RFC 8098 section 3.2.6).
fn opened(text: &str) -> Option<Status> {
    let said = text.lines().filter_map(|line| line.split_once(':'));
    let mut said = said.filter(|(name, _)| name.trim().eq_ignore_ascii_case("disposition"));
    let (_, value) = said.next()?;
    let kind = value.rsplit(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("displayed").then_some(Status::Read)
}

/// Which message of ours: by the letter that comes back with the report, by what the report answers, by where it was sent.
fn subject(mailbox: &Mailbox, letter: &Message<'_>) -> Option<MessageId> {
    let inner = letter.parts.iter().rev().find_map(|one| match &one.body {
        PartType::Message(inner) => tokens_in(mailbox, inner),
        _ if part::mime(one).as_deref() == Some("text/rfc822-headers") => {
            let headers = part::bytes(letter, one);
            let inner = part::parse_headers(&headers)?;
            tokens_in(mailbox, &inner)
        }
        _ if part::mime(one).as_deref() == Some("message/disposition-notification") => {
            let text = String::from_utf8_lossy(&part::bytes(letter, one)).into_owned();
            let said = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.trim()
                    .eq_ignore_ascii_case("original-message-id")
                    .then(|| value.trim().to_owned())
            })?;
            super::reading::message_of(mailbox, said.trim_matches(['<', '>']))
        }
        _ => None,
    });
    inner.or_else(|| tokens_in(mailbox, letter))
}
