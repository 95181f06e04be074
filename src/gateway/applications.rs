//! Applications of the branch, joined: what they submit goes to the ledger, what they are owed goes to whoever speaks with
//! them, and what they have taken is written down.
//!
//! What is owed is in the journal ([`Owing`](crate::messaging::application::Owing)). Of that each application is handed a
//! part at a time, so that one which is away for days holds no memory beyond it.

use std::collections::{BTreeMap, BTreeSet};

use crate::admin::{Lamp, Part};
use crate::config::Settings;
use crate::config::settings::smpp_server::Application;
use crate::gateway::contexts::LookFor;
use crate::gateway::{Gateway, Output};
use crate::id::{ActorId, ApplicationId, ChannelId, MessageId};
use crate::journal::event::Event;
use crate::journal::message::to_seal;
use crate::journal::personal::Personal;
use crate::messaging::application::{
    Due, Input, Order, Owed, Refused, Submission, TextRule, Ticket,
};
use crate::messaging::ledger::{LONGEST_WAIT, Wish, Wished};
use crate::messaging::{Address, Entry, Kind, Message, Piece, Way, What};
use crate::store::context::looking::{Answer, Question};
use crate::time::Now;

/// What one application is handed at a time: more than it takes in a second.
const MOST_HANDED: usize = 1_000;

/// What is on its way.
#[derive(Debug, Default)]
pub struct Applications {
    /// Who waits for a wish.
    wishes: BTreeMap<u64, Ticket>,
    /// What each was handed and has not taken, by its place.
    handed: BTreeMap<ApplicationId, BTreeSet<u64>>,
    /// Those of whom more is due than they were handed.
    behind: BTreeSet<ApplicationId>,
    state: Option<(bool, String)>,
}

impl Gateway {
    /// Takes up what applications were owed before a restart.
    pub(super) fn restore_applications(&mut self) {
        if !self.settings.smpp_server.is_on() {
            return;
        }
        let live = &self.journal.live().applications;
        let recent = live.recent().cloned().collect();
        self.tell_applications(Order::Recent(recent));
        let names: Vec<_> = self.settings.smpp_server.applications.keys().cloned().collect();
        names.iter().for_each(|name| self.hand_more(name));
    }

    fn tell_applications(&mut self, order: Order) {
        self.outputs.push_back(Output::Application(Box::new(order)));
    }

    /// Whoever speaks with applications says something.
    pub fn handle_application(&mut self, now: Now, input: Input) {
        match input {
            Input::Submit(ticket, submission) => self.submitted(now, ticket, *submission),
            Input::Heard(place) => self.application_has_heard(now, place),
            Input::State(good, words) => self.applications.state = Some((good, words)),
        }
        self.settle(now);
    }

    fn submitted(&mut self, now: Now, ticket: Ticket, submission: Submission) {
        let carries = |channel: &&ChannelId| {
            self.messages.ledger().is_some_and(|ledger| ledger.carries(channel))
        };
        let channels = &submission.channels;
        let channel = channels.iter().find(carries).or(channels.first());
        let own = channel.and_then(|channel| self.settings.channels.get_key_value(channel));
        let Some((channel, own)) = own else {
            return self.tell_applications(Order::NotStored(ticket, Refused::NoChannel));
        };
        let way = Way {
            channel: channel.clone(),
            work: own.kind.work(),
            kind: submission.to.kind,
            peer: submission.to.value,
            thread: None,
            own: own_address(&submission.asker.from),
        };
        let by = format!("application {}", submission.asker.application);
        let ids: Vec<_> = submission.asker.parts.iter().map(|part| part.id.as_str()).collect();
        let once = submission.whole.then(|| self.once(&by, &ids.join(" "), &submission.text));
        let wish = Wish {
            way,
            known: None,
            pieces: vec![Piece::text(submission.text)],
            subject: None,
            answers: None,
            quote: None,
            by: ActorId::from(by.as_str()),
            purpose: submission.purpose,
            reply: false,
            until: submission.until.unwrap_or(now.unix + LONGEST_WAIT),
            not_before: submission.not_before,
            once,
            asker: Some(Box::new(submission.asker)),
        };
        let wanted = self.messages.next_ticket();
        self.applications.wishes.insert(wanted, ticket);
        self.messages_wish(now, wanted, wish);
    }

    /// The ledger has answered a wish. Whether that was an application's.
    pub(super) fn application_wished(&mut self, wanted: u64, wished: Wished) -> bool {
        let Some(ticket) = self.applications.wishes.remove(&wanted) else { return false };
        self.tell_applications(match wished {
            Wished::Queued(..) => Order::Stored(ticket),
            Wished::Different => Order::NotStored(ticket, Refused::Different),
            Wished::NoChannel => Order::NotStored(ticket, Refused::NoChannel),
            Wished::NotNow(why) => Order::NotStored(ticket, Refused::NotNow(why)),
        });
        true
    }

    fn application_has_heard(&mut self, now: Now, place: u64) {
        let Some(due) = self.journal.live().applications.at(place).cloned() else { return };
        let Due { application, message, conversation, contact, what, .. } = due;
        let id = what.id().map(str::to_owned);
        let entry =
            Entry { at: now.unix, conversation, contact, what: What::Heard { message, id } };
        self.keep(now, Event::Message(Box::new(to_seal(entry))));
        if let Some(handed) = self.applications.handed.get_mut(&application) {
            handed.remove(&place);
            let few = handed.len() < MOST_HANDED / 2;
            if few && self.applications.behind.contains(&application) {
                self.hand_more(&application);
            }
        }
    }

    /// Something happened to a message, and is on the disk: applications may be owed something for it. Whether it is a text
    /// that one of them gets.
    pub(super) fn owed_for(&mut self, id: MessageId, message: Option<&Message<String>>) -> bool {
        if !self.settings.smpp_server.is_on() {
            return false;
        }
        let due: Vec<_> = self.journal.live().applications.about(id).map(owned).collect();
        let mut given = false;
        for (place, due) in due {
            given |= matches!(due.what, Owed::Text { .. });
            let handed = self.applications.handed.entry(due.application.clone()).or_default();
            if handed.contains(&place) {
                continue;
            }
            if handed.len() >= MOST_HANDED || self.applications.behind.contains(&due.application) {
                self.applications.behind.insert(due.application);
                continue;
            }
            handed.insert(place);
            self.hand(place, due, message);
        }
        given
    }

    /// Hands an application more of what it is owed, the oldest first.
    fn hand_more(&mut self, application: &ApplicationId) {
        let handed = self.applications.handed.entry(application.clone()).or_default();
        let room = MOST_HANDED.saturating_sub(handed.len());
        let live = &self.journal.live().applications;
        let theirs = live
            .due()
            .filter(|(place, due)| due.application == *application && !handed.contains(place));
        let more: Vec<_> = theirs.take(room + 1).map(owned).collect();
        match more.len() > room {
            true => self.applications.behind.insert(application.clone()),
            false => self.applications.behind.remove(application),
        };
        handed.extend(more.iter().take(room).map(|(place, _)| *place));
        for (place, due) in more.into_iter().take(room) {
            self.hand(place, due, None);
        }
    }

    fn hand(&mut self, place: u64, due: Due<Personal>, message: Option<&Message<String>>) {
        let text = matches!(due.what, Owed::Text { .. });
        let id = due.message;
        let keys = self.journal.keys();
        // Whose key is gone was erased, and is owed to nobody.
        let Some(due) = due.map(|peer| keys.read(&peer)) else { return };
        match message {
            Some(message) if text => {
                let words = Some(words(message));
                self.tell_applications(Order::Tell(place, Box::new(due), words));
            }
            None if text => {
                self.look_when_shown(LookFor::Application(place), Question::Message(id));
            }
            _ => self.tell_applications(Order::Tell(place, Box::new(due), None)),
        }
    }

    /// The store has read what somebody wrote.
    pub(super) fn application_looked_up(&mut self, now: Now, place: u64, answer: Answer) {
        let message = match answer {
            Answer::Message(Some(message)) => message,
            // It was erased.
            Answer::Message(None) => return self.application_has_heard(now, place),
            _ => {
                // It is looked for again after the next thing that it takes, or at the next start.
                let due = self.journal.live().applications.at(place);
                if let Some(application) = due.map(|due| due.application.clone()) {
                    let handed = self.applications.handed.entry(application.clone()).or_default();
                    handed.remove(&place);
                    self.applications.behind.insert(application);
                }
                return;
            }
        };
        let due = self.journal.live().applications.at(place).cloned();
        if let Some(due) = due {
            self.hand(place, due, Some(&message));
        }
    }

    /// A line of the status page.
    pub(super) fn application_part(&self) -> Option<Part> {
        if !self.settings.smpp_server.is_on() {
            return None;
        }
        let (lamp, words) = match &self.applications.state {
            Some((true, words)) => (Lamp::Green, words.clone()),
            Some((false, words)) => (Lamp::Amber, words.clone()),
            None => (Lamp::Red, "it does not listen".to_owned()),
        };
        let (open, due) = self.journal.live().applications.size();
        let words = format!("{words}; {open} messages on their way, {due} things to tell");
        Some(Part { name: "smpp server".to_owned(), lamp, words })
    }
}

/// Which texts are an application's.
pub(super) fn rules(settings: &Settings) -> Vec<TextRule> {
    let applications = settings.smpp_server.applications.iter();
    let applications = applications.filter(|_| settings.smpp_server.is_on());
    let rule = |(name, own): (&ApplicationId, &Application)| TextRule {
        application: name.clone(),
        channels: own.texts_by.clone(),
        numbers: own.texts_to.clone(),
        words: own.texts_words.clone(),
    };
    applications.map(rule).collect()
}

fn owned<P: Clone>((place, due): (u64, &Due<P>)) -> (u64, Due<P>) {
    (place, due.clone())
}

/// An address of the branch as an application writes it; nothing where it did not.
fn own_address(text: &str) -> Option<Address> {
    let kind = if text.starts_with('+') { Kind::Phone } else { Kind::Short };
    (!text.is_empty()).then(|| Address::new(kind, text))
}

/// What a message says.
fn words(message: &Message<String>) -> String {
    let texts = message.pieces.iter().filter_map(|piece| match piece {
        Piece::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
