//! Messages and conversations.

use super::super::personal::Personal;
use super::{Outward, maybe_text, text};
use crate::messaging::application::{Asker, Given, Part};
use crate::messaging::contract::{Failure, Status};
use crate::messaging::{Address, Entry, Kind, Media, Owner, Piece, Way, What};
use crate::uplink::frame::{self, Class as Sort};
use crate::uplink::policy::{Class, Plain, Sheet};

impl Outward {
    pub(super) fn message(&self, entry: &Entry<Personal>) -> Vec<frame::Event> {
        let Entry { at, conversation, contact, what } = entry;
        let sheet = self.sheet("message", *at).plain("conversation", conversation);
        let sheet = sheet.plain("contact", contact);
        vec![self.step(sheet, what).done(Sort::MESSAGE)]
    }

    fn step<'a>(&'a self, sheet: Sheet<'a>, what: &What<Personal>) -> Sheet<'a> {
        let is = |what: &'static str| sheet.plain("what", what);
        match what {
            What::Arrived { .. } => self.arrived(is("arrived"), what),
            What::Queued { .. } => self.queued(is("queued"), what),
            What::Attempt { message, attempt } => {
                is("attempt").plain("message", message).plain("attempt", *attempt)
            }
            // What a provider calls its parts leads to the person for whoever has an account there.
            What::Accepted { message, references } => {
                let count = u64::try_from(references.len()).unwrap_or(u64::MAX);
                is("accepted").plain("message", message).plain("parts", count)
            }
            What::Retry { message, why, again } => {
                let sheet = is("retry").plain("message", message).plain("again", *again);
                match why {
                    Some(why) => failed(sheet, why),
                    None => sheet,
                }
            }
            What::Became { message, status } => {
                became(is("became").plain("message", message), status)
            }
            What::Part { message, reference: _, status } => {
                became(is("part").plain("message", message), status)
            }
            What::Unknown { message } => is("unknown").plain("message", message),
            What::Stopped { message, why } => {
                is("stopped").plain("message", message).plain("why", Plain::word(*why))
            }
            What::Replayed { message, by } => {
                is("replayed").plain("message", message).field("by", Class::Agent, by.as_str())
            }
            What::Heard { message, id: _ } => is("heard").plain("message", message),
            What::Owner { owner, by, note } => {
                let by = by.as_ref().map(|by| by.as_str());
                let sheet = owned(is("owner"), owner).maybe_field("by", Class::Agent, by);
                sheet.maybe_field("note", Class::Note, maybe_text(note))
            }
            What::Seen { by, upto } => {
                is("seen").field("by", Class::Agent, by.as_str()).plain("upto", upto)
            }
            What::Call { call } => is("call").plain("call", call),
            // Half a secret.
            What::Code { code: _, until } => is("code").plain("until", *until),
            What::Closed { by } => is("closed").field("by", Class::Agent, by.as_str()),
        }
    }

    fn arrived<'a>(&'a self, sheet: Sheet<'a>, what: &What<Personal>) -> Sheet<'a> {
        let What::Arrived {
            message,
            way: by_way,
            key: _,
            sent,
            pieces,
            subject,
            answers,
            refusal,
            automatic,
            name,
            proved,
            given,
        } = what
        else {
            return sheet;
        };
        let sheet = way(sheet.plain("message", message), by_way).maybe("sent", *sent);
        let sheet = sheet.parts("pieces", pieces.iter().map(|piece| self.piece(piece)));
        let sheet = sheet.blobs(Class::File, files(pieces));
        let sheet = sheet.maybe_field("subject", Class::Text, maybe_text(subject));
        let sheet = sheet.maybe("answers", answers.as_ref());
        let sheet = sheet.maybe("refusal", refusal.map(Plain::word));
        let sheet = sheet.plain("automatic", *automatic);
        let sheet = sheet.maybe_field("name", Class::Handle, maybe_text(name));
        let sheet = sheet.maybe("proved", *proved);
        match given.as_deref() {
            Some(Given { application, to }) => {
                let sheet = sheet.plain("application", application);
                sheet.maybe_field("application_to", Class::Number, to.as_deref())
            }
            None => sheet,
        }
    }

    fn queued<'a>(&'a self, sheet: Sheet<'a>, what: &What<Personal>) -> Sheet<'a> {
        let What::Queued {
            message,
            way: by_way,
            pieces,
            subject,
            answers,
            by,
            purpose,
            reply,
            until,
            not_before,
            // What somebody asked for twice is the box's own business.
            once: _,
            instead_of,
            asker,
        } = what
        else {
            return sheet;
        };
        let sheet = way(sheet.plain("message", message), by_way);
        let sheet = sheet.parts("pieces", pieces.iter().map(|piece| self.piece(piece)));
        let sheet = sheet.blobs(Class::File, files(pieces));
        let sheet = sheet.maybe_field("subject", Class::Text, maybe_text(subject));
        let sheet = sheet.maybe("answers", answers.as_ref());
        let sheet = sheet.field("by", Class::Agent, by.as_str());
        let sheet = sheet.plain("purpose", Plain::slug(purpose)).plain("reply", *reply);
        let sheet = sheet.plain("until", *until).maybe("not_before", *not_before);
        let sheet = sheet.maybe("instead_of", instead_of.as_ref());
        match asker.as_deref() {
            Some(Asker { application, from, parts }) => {
                let sheet = sheet.plain("application", application);
                let sheet = sheet.field("application_from", Class::Number, from);
                let hears = |part: &Part| {
                    // What the application calls its parts is between it and the box.
                    let Part { id: _, print: _, hears } = part;
                    Plain::word(*hears)
                };
                sheet.list("hears", parts.iter().map(hears))
            }
            None => sheet,
        }
    }

    fn piece(&self, piece: &Piece<Personal>) -> Sheet<'_> {
        let is = |what: &'static str| self.part().plain("piece", what);
        match piece {
            Piece::Text { text: words } => is("text").maybe_field("text", Class::Text, text(words)),
            Piece::Media { media: Media { content, mime, name, size } } => {
                let sheet = is("media").content("content", &content.to_string());
                let sheet = sheet.plain("mime", Plain::slug(mime)).plain("size", *size);
                sheet.maybe_field("name", Class::Text, maybe_text(name))
            }
            Piece::Missing { name, mime } => {
                let mime = mime.as_deref().map(Plain::slug);
                let sheet = is("missing").maybe("mime", mime);
                sheet.maybe_field("name", Class::Text, maybe_text(name))
            }
            Piece::Location { at, name } => {
                let sheet = is("location").maybe_field("at", Class::Place, text(at));
                sheet.maybe_field("name", Class::Place, maybe_text(name))
            }
            Piece::Choice { id, label } => {
                let sheet = is("choice").field("id", Class::Input, id);
                sheet.maybe_field("label", Class::Input, text(label))
            }
            // What the channel calls the other message leads to the person there.
            Piece::Reaction { to: _, sign } => {
                is("reaction").maybe_field("sign", Class::Text, maybe_text(sign))
            }
            Piece::Template { name, language, values } => {
                let sheet = is("template").plain("name", Plain::slug(name));
                let sheet = sheet.plain("language", Plain::slug(language));
                sheet.fields("values", Class::Text, values.iter().filter_map(text))
            }
        }
    }
}

/// Files among the pieces of a message.
fn files(pieces: &[Piece<Personal>]) -> impl Iterator<Item = (String, Option<u64>)> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Media { media } => Some((media.content.to_string(), Some(media.size))),
        _ => None,
    })
}

/// By which way. What the channel keeps it together by may be a person's: a mail's thread names its sender's host.
fn way<'a>(sheet: Sheet<'a>, by_way: &Way<Personal>) -> Sheet<'a> {
    let Way { channel, work, kind, peer, thread: _, own } = by_way;
    let sheet = sheet.plain("channel", channel).plain("work", Plain::word(*work));
    let sheet = sheet.plain("kind", Plain::word(*kind));
    let sheet = sheet.maybe_field("peer", class_of(*kind), text(peer));
    match own {
        Some(Address { kind, value }) => sheet.field("own", class_of(*kind), value),
        None => sheet,
    }
}

fn class_of(kind: Kind) -> Class {
    match kind {
        Kind::Phone | Kind::Short => Class::Number,
        Kind::Email => Class::Email,
        Kind::Sip | Kind::Business | Kind::Visitor => Class::Handle,
    }
}

fn became<'a>(sheet: Sheet<'a>, status: &Status) -> Sheet<'a> {
    match status {
        Status::Sent => sheet.plain("status", "sent"),
        Status::Delivered => sheet.plain("status", "delivered"),
        Status::Read => sheet.plain("status", "read"),
        Status::Failed(failure) => failed(sheet.plain("status", "failed"), failure),
    }
}

fn failed<'a>(sheet: Sheet<'a>, failure: &Failure) -> Sheet<'a> {
    // A code may be a whole sentence of the other side's, with an address in it.
    let Failure { fault, code } = failure;
    sheet.plain("fault", Plain::word(*fault)).plain("code", Plain::slug(code))
}

fn owned<'a>(sheet: Sheet<'a>, owner: &Owner) -> Sheet<'a> {
    let is = |owner: &'static str| sheet.plain("owner", owner);
    match owner {
        Owner::Nobody => is("nobody"),
        Owner::Flow { flow, node, wrong } => {
            let sheet = is("flow").plain("flow", flow).plain("node", Plain::slug(node));
            sheet.plain("wrong", *wrong)
        }
        Owner::Queue { queue, item } => is("queue").plain("queue", queue).plain("item", item),
        Owner::Agent { agent, item } => {
            is("agent").field("agent", Class::Agent, agent.as_str()).maybe("item", item.as_ref())
        }
    }
}
