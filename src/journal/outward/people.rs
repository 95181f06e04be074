//! What is known of people, their cases, and what sites and shops tell.

use super::super::personal::Personal;
use super::super::site::Site;
use super::{Outward, class_of, maybe_text, text};
use crate::context::{Act, Change, Happening, Identity, Learned, Merge, Moment, Tape};
use crate::uplink::frame::{self, Class as Sort};
use crate::uplink::policy::{Class, Plain, Sheet};

impl Outward {
    /// One event for each change, and what branches share of it.
    pub(super) fn people(&self, act: &Act<Personal>) -> Vec<frame::Event> {
        let Act { by, at, changes } = act;
        let change = |change: &Change<Personal>| {
            let (kind, sort) = sort(change);
            let sheet = self.sheet(kind, *at).field("by", Class::Agent, by.as_str());
            Some(self.change(sheet, change)?.done(sort))
        };
        let mut events: Vec<_> = changes.iter().filter_map(change).collect();
        events.extend(self.cards(act));
        events
    }

    #[expect(clippy::too_many_lines, reason = "one line or two for each kind of change")]
    fn change<'a>(&'a self, sheet: Sheet<'a>, change: &Change<Personal>) -> Option<Sheet<'a>> {
        let is = |what: &'static str| sheet.plain("what", what);
        Some(match change {
            Change::Created { contact } => is("created").plain("contact", contact),
            Change::Field { contact, name, value, source, channel } => {
                let sheet = is("field").plain("contact", contact);
                let sheet = sheet.plain("source", Plain::word(*source));
                let sheet = sheet.maybe("channel", channel.map(Plain::word));
                let value = maybe_text(value);
                match name.as_str() {
                    "name" => sheet.maybe_field("name", Class::Name, value),
                    _ => sheet.named("fields", Class::Field, [(name.as_str(), value)]),
                }
            }
            Change::AskedAgain { contact, name } => {
                is("asked_again").plain("contact", contact).field("field", Class::Field, name)
            }
            Change::Linked { contact, identity: known, how } => {
                let sheet = is("linked").plain("contact", contact).plain("how", Plain::word(*how));
                identity(sheet, known)
            }
            Change::Unlinked { contact, identity: known } => {
                identity(is("unlinked").plain("contact", contact), known)
            }
            Change::Shared { identity: known, sharing, line } => {
                let sheet = is("shared").plain("line", line);
                identity(sheet.plain("sharing", Plain::word(*sharing)), known)
            }
            Change::Unshared { identity: known, contact } => {
                identity(is("unshared").plain("contact", contact), known)
            }
            Change::Suggested { a, b, evidence } => {
                let sheet = is("suggested").list("contacts", [a, b]);
                sheet.list("evidence", evidence.iter().map(|why| Plain::word(*why)))
            }
            Change::Refused { a, b } => is("refused").list("contacts", [a, b]),
            Change::Merged(merge) => merged(is("merged"), merge),
            Change::Unmerged(merge) => merged(is("unmerged"), merge),
            Change::CaseOpened { case, contact, title, moments } => {
                let sheet = is("opened").plain("case", case).plain("contact", contact);
                let sheet = sheet.maybe_field("title", Class::Text, maybe_text(title));
                sheet.plain("moments", count(moments))
            }
            Change::CaseLinked { case, moments } => {
                is("linked").plain("case", case).plain("moments", count(moments))
            }
            Change::CaseUnlinked { case, moments } => {
                is("unlinked").plain("case", case).plain("moments", count(moments))
            }
            Change::CaseSplit { from, case, contact, title, moments } => {
                let sheet = is("split").plain("from", from).plain("case", case);
                let sheet = sheet.plain("contact", contact);
                let sheet = sheet.maybe_field("title", Class::Text, maybe_text(title));
                sheet.plain("moments", count(moments))
            }
            Change::CasesMerged { kept, gone } => {
                is("merged").plain("case", kept).plain("gone", gone)
            }
            Change::CaseSaid { case, contact, fields } => {
                let sheet = is("said").plain("case", case).plain("contact", contact);
                let said = fields.iter().map(|(name, value)| (&**name, maybe_text(value)));
                sheet.named("fields", Class::Field, said)
            }
            Change::CaseClosed { case, closed } => {
                is("closed").plain("case", case).plain("closed", *closed)
            }
            Change::Noted { contact, case, text: note } => {
                let sheet = is("noted").plain("contact", contact).maybe("case", case.as_ref());
                sheet.maybe_field("text", Class::Note, text(note))
            }
            Change::Disposed { contact, case, call, code, fields } => {
                let sheet = is("disposed").plain("contact", contact).maybe("case", case.as_ref());
                let sheet = sheet.maybe("call", call.as_ref()).plain("code", Plain::slug(code));
                let said = fields.iter().map(|(name, value)| (&**name, text(value)));
                sheet.named("fields", Class::Field, said)
            }
            Change::Tagged { contact, tag, on } => {
                let sheet = is("tagged").plain("contact", contact).plain("on", *on);
                sheet.field("tag", Class::Field, tag)
            }
            Change::Pinned { contact, pin, fact, source, channel, until } => {
                let sheet = is("pinned").plain("contact", contact).plain("pin", pin);
                let sheet = sheet.maybe_field("fact", Class::Note, text(fact));
                let sheet = sheet.plain("source", Plain::word(*source));
                sheet.maybe("channel", channel.map(Plain::word)).maybe("until", *until)
            }
            Change::Unpinned { contact, pin } => {
                is("unpinned").plain("contact", contact).plain("pin", pin)
            }
            Change::Consented { contact, channel, purpose, given, source, through } => {
                let sheet = is("consented").plain("contact", contact);
                let sheet = sheet.plain("channel", Plain::word(*channel));
                let sheet = sheet.plain("purpose", Plain::slug(purpose)).plain("given", *given);
                let sheet = sheet.plain("source", Plain::word(*source));
                sheet.maybe("through", through.map(Plain::word))
            }
            Change::Preferred { contact, channel } => {
                let sheet = is("preferred").plain("contact", contact);
                sheet.maybe("channel", channel.map(Plain::word))
            }
            Change::Verified { contact, case, level, until } => {
                let sheet = is("verified").plain("contact", contact).maybe("case", case.as_ref());
                sheet.plain("level", *level).plain("until", *until)
            }
            Change::Happened { contact, at, what } => {
                let sheet = is("happened").plain("contact", contact).plain("when", *at);
                self.happening(sheet, what)
            }
            // A file that was read in: how many, not what. The customers of a file are not head office's by being read.
            Change::Restored { contact } => is("restored").plain("contact", &contact.id),
            Change::Recalled { contact, moments } => {
                let moment = |moment: &Moment<Personal>| moment.at;
                let sheet = is("recalled").plain("contact", contact);
                sheet.list("moments", moments.iter().map(moment))
            }
            Change::CaseRestored { case } => {
                is("restored").plain("case", &case.id).plain("contact", &case.contact)
            }
            Change::Learned { contact, learned } => {
                // Where an agent finds more is an address of the site's own book.
                let Learned { found, id, link: _, fields, at, until } = learned;
                let sheet = is("learned").plain("contact", contact).plain("found", *found);
                let sheet = sheet.maybe_field("id", Class::Handle, maybe_text(id));
                let said = fields.iter().map(|(name, value)| (&**name, text(value)));
                let sheet = sheet.named("fields", Class::Field, said);
                sheet.plain("said_at", *at).plain("until", *until)
            }
            Change::Held { contact, hold, reason } => {
                let sheet = is("held").plain("contact", contact).plain("hold", hold);
                sheet.maybe_field("reason", Class::Note, text(reason))
            }
            Change::Released { contact, hold } => {
                is("released").plain("contact", contact).plain("hold", hold)
            }
            // Said to branches that share contacts, in a form of its own.
            Change::Erased { erasure: _, contacts: _, keys: _, recordings: _, rule: _ }
            | Change::Carded { contact: _, card: _ }
            | Change::Confirmed { asked: _, contact: _, done: _, waits: _, why: _ } => return None,
            // What another branch said is not said back.
            Change::Heard { contact: _, heard: _ } => return None,
            Change::Pruned { contact, before } => {
                is("pruned").plain("contact", contact).plain("before", *before)
            }
            Change::TapesForgotten { tapes, keys, rule } => {
                let sheet = is("tapes_forgotten").plain("keys", *keys);
                let sheet = sheet.field("rule", Class::Note, rule);
                let tape = |tape: &Tape| {
                    let Tape { call, at, contact, recordings } = tape;
                    let part = self.part().plain("call", call).plain("at", *at);
                    part.maybe("contact", contact.as_ref()).list("recordings", recordings)
                };
                sheet.parts("tapes", tapes.iter().map(tape))
            }
        })
    }

    fn happening<'a>(&'a self, sheet: Sheet<'a>, what: &Happening<Personal>) -> Sheet<'a> {
        let is = |what: &'static str| sheet.plain("happening", what);
        match what {
            Happening::Call { call, way, queue, agent, seconds, talked, cause, recordings } => {
                let sheet = is("call").plain("call", call).plain("way", Plain::word(*way));
                let agent = agent.as_ref().map(|agent| agent.as_str());
                let sheet = sheet.maybe("queue", queue.as_ref());
                let sheet = sheet.maybe_field("agent", Class::Agent, agent);
                let sheet = sheet.plain("seconds", *seconds).plain("talked", *talked);
                let sheet = sheet.plain("cause", Plain::slug(cause)).list("recordings", recordings);
                // By this the office knows whose they are.
                sheet.blobs(Class::Recording, recordings.iter().map(|id| (id.to_string(), None)))
            }
            Happening::Message { channel, way, text: words, reference: _ } => {
                let sheet = is("message").plain("channel", Plain::word(*channel));
                let sheet = sheet.plain("way", Plain::word(*way));
                sheet.maybe_field("text", Class::Text, maybe_text(words))
            }
            Happening::Seen { channel, name, detail } => {
                let sheet = is("seen").plain("channel", Plain::word(*channel));
                let sheet = sheet.field("name", Class::Field, name);
                sheet.maybe_field("detail", Class::Text, maybe_text(detail))
            }
            Happening::Note { text: note } => {
                is("note").maybe_field("text", Class::Note, text(note))
            }
            Happening::Disposition { code, call, fields } => {
                let sheet = is("disposition").plain("code", Plain::slug(code));
                let said = fields.iter().map(|(name, value)| (&**name, text(value)));
                sheet.maybe("call", call.as_ref()).named("fields", Class::Field, said)
            }
        }
    }

    pub(super) fn site(&self, site: &Site) -> Vec<frame::Event> {
        let Site { kind, id, at, channel, identities, together, detail } = site;
        let sheet = self.sheet("site", *at).plain("kind", Plain::slug(kind));
        let sheet = sheet.field("id", Class::Handle, id);
        let sheet = sheet.plain("channel", Plain::word(*channel));
        let known = identities.iter().map(|known| identity(self.part(), known));
        let sheet = sheet.parts("identities", known).plain("together", *together);
        vec![sheet.maybe_field("detail", Class::Text, maybe_text(detail)).done(Sort::PERSON)]
    }
}

/// What kind of event a change is, and whether it may ever be dropped.
fn sort(change: &Change<Personal>) -> (&'static str, Sort) {
    match change {
        Change::Consented { .. } => ("consent", Sort::AUDIT),
        Change::Held { .. } | Change::Released { .. } | Change::TapesForgotten { .. } => {
            ("person", Sort::AUDIT)
        }
        Change::CaseOpened { .. }
        | Change::CaseLinked { .. }
        | Change::CaseUnlinked { .. }
        | Change::CaseSplit { .. }
        | Change::CasesMerged { .. }
        | Change::CaseSaid { .. }
        | Change::CaseClosed { .. }
        | Change::CaseRestored { .. } => ("case", Sort::WORK),
        _ => ("person", Sort::PERSON),
    }
}

fn identity<'a>(sheet: Sheet<'a>, known: &Identity<Personal>) -> Sheet<'a> {
    let Identity { kind, value } = known;
    let sheet = sheet.plain("kind", Plain::word(*kind));
    sheet.maybe_field("identity", class_of(*kind), text(value))
}

fn merged<'a>(sheet: Sheet<'a>, merge: &Merge) -> Sheet<'a> {
    let Merge { id, kept, gone, by, at, evidence } = merge;
    let sheet = sheet.plain("merge", id).plain("contact", kept).plain("gone", gone);
    let sheet = sheet.field("merged_by", Class::Agent, by.as_str()).plain("merged_at", *at);
    sheet.list("evidence", evidence.iter().map(|why| Plain::word(*why)))
}

fn count<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}
