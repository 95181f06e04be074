//! Written messages, joined: what channels say goes to the ledger, and what the ledger wants is done by who can.
//!
//! Who an address is, the record says; what is written down, the journal keeps; whether somebody may be written to at this
//! moment follows from what they have said and from the clock on their wall. Of channels this knows the phones of the
//! branch (`phone_messages`); every other is a task of the driver.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::admin::api::messages::NewMessage;
use crate::admin::{Command, Lamp, Part, Reply};
use crate::config::Settings;
use crate::config::settings::ChannelKind;
use crate::context::{Act, Change, How, Identity, Kind, Source, View, Who, normalise};
use crate::gateway::applications;
use crate::gateway::chats::{self, PRINT, bytes};
use crate::gateway::journeys::Ruled;
use crate::gateway::message_figures::Counted;
use crate::gateway::orders::NOT_READY;
use crate::gateway::{By, Gateway, LookFor, Output, ReplyTo};
use crate::hours;
use crate::id::{ActorId, ChannelId, ContactId, MessageId};
use crate::journal::context::to_seal;
use crate::journal::event::Event;
use crate::journal::{State as JournalState, Token, message};
use crate::messaging::channel::{Input, NotStored, Order, Receipt, State};
use crate::messaging::chat::Visitor;
use crate::messaging::ledger::{
    self, Ask, CODE, Fact, Found, Going, LONGEST_WAIT, Ledger, Named, Permission, REFUSAL, Rules,
    Wish, Wished,
};
use crate::messaging::{self, Address, Fingerprint, Piece, Stop, Way};
use crate::random::Random;
use crate::store::context::looking::{Answer, Question, Stands, Writer};
use crate::time::Now;

/// The purpose of consents that stands for every other: what STOP refuses.
const EVERYTHING: &str = "all";
/// Characters of a text that somebody orders: what most services carry at once.
const LONGEST_TEXT: usize = 4_096;
/// Who wants something of the ledger, and what.
pub(super) type Asking<'a> = (ReplyTo, &'a By, &'a Command);

/// What the ledger has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Who writes or is written to.
    Writer(u64),
    /// Whether a message may go.
    MayGo(MessageId),
    /// What a message says.
    Words(MessageId),
    /// How the same person is reached by another channel.
    Reach(MessageId),
    /// What its channel calls the message that a message answers.
    Quote(MessageId),
}

/// The ledger and who waits for it.
#[derive(Debug)]
pub(super) struct Messages {
    /// From the start on.
    ledger: Option<Ledger>,
    random: Random,
    shown: Token,
    /// What the store must show before anything is taken in: all of before the start, or of before the disk failed.
    wanted: Option<Token>,
    failed: bool,
    /// Who asked for a message.
    wishes: BTreeMap<u64, (ReplyTo, By, Command)>,
    /// What rules asked for.
    ruled: BTreeMap<u64, Ruled>,
    /// What was told, and since when it waits to be kept.
    told: BTreeMap<(ChannelId, Receipt), Instant>,
    pub(super) counted: Counted,
    next: u64,
    /// What is asked about a message.
    going: BTreeMap<MessageId, Going>,
    /// By which channel another one is to go.
    reaching: BTreeMap<MessageId, ChannelId>,
    /// By which channel one goes that answers another.
    quoting: BTreeMap<MessageId, ChannelId>,
}

impl Messages {
    pub fn new(random: Random) -> Messages {
        Messages {
            ledger: None,
            random,
            shown: Token(0),
            wanted: None,
            failed: false,
            wishes: BTreeMap::new(),
            ruled: BTreeMap::new(),
            told: BTreeMap::new(),
            counted: Counted::default(),
            next: 0,
            going: BTreeMap::new(),
            reaching: BTreeMap::new(),
            quoting: BTreeMap::new(),
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.ledger.as_ref()?.deadline()
    }

    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// A ticket that nobody has.
    pub fn next_ticket(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn poll_output(&mut self) -> Option<ledger::Output> {
        self.ledger.as_mut()?.poll_output()
    }
}

/// The start, and what others tell.
impl Gateway {
    /// Takes up what was to go out before a restart.
    pub(super) fn restore_messages(&mut self, now: Now) {
        let kept = self.journal.live().messages.clone();
        let keys = self.journal.keys();
        let (kept, gone) = kept.map(&mut |peer| keys.read(&peer));
        let random = self.messages.random.fork();
        let mut ledger = Ledger::new(now, rules(&self.settings), kept, random);
        ledger.handle_gone(now, &gone);
        self.messages.ledger = Some(ledger);
        self.restore_unanswered();
        self.messages.wanted = Some(self.journal.stored());
        self.outputs.push_back(Output::Project);
        self.messages_may_begin(now);
        self.phone_channels_begin(now);
        self.restore_applications();
    }

    /// The site has said something else of its channels, or of who is written to and when.
    pub(super) fn take_up_channels(&mut self, now: Now) {
        let (rules, phones) = (rules(&self.settings), has_phones(&self.settings));
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_settings(now, rules);
        }
        self.endpoint.handle_messages(phones);
        self.phone_channels_begin(now);
    }

    /// A channel says something.
    pub fn handle_channel(&mut self, now: Now, channel: &ChannelId, input: Input) {
        self.channel_says(now, channel, input);
        self.settle(now);
    }

    pub(super) fn channel_says(&mut self, now: Now, channel: &ChannelId, input: Input) {
        let input = match input {
            Input::Call { from, ends, said } => {
                return self.visitor_speaks(now, (channel.clone(), from), ends, &said);
            }
            other => other,
        };
        if let Input::Told { receipt, .. } = &input {
            self.messages.told.insert((channel.clone(), *receipt), now.instant);
        }
        let keys = self.journal.keys();
        let print =
            |key: &str| chats::fingerprint(|text, size| keys.token(text, size), channel, key);
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_channel(now, channel, input, &print);
        }
    }

    pub(super) fn messages_time_out(&mut self, now: Now) {
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_timeout(now);
        }
    }

    /// The store shows the journal up to here.
    pub(super) fn messages_are_shown(&mut self, now: Now, position: Token) {
        self.messages.shown = self.messages.shown.max(position);
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_shown(position.0);
        }
        self.messages_may_begin(now);
    }

    fn messages_may_begin(&mut self, now: Now) {
        let (shown, failed) = (self.messages.shown, self.messages.failed);
        let ready = self.messages.wanted.take_if(|wanted| *wanted <= shown && !failed).is_some();
        if let Some(ledger) = self.messages.ledger.as_mut().filter(|_| ready) {
            ledger.handle_ready(now);
            self.look_for_unanswered();
        }
    }

    /// The journal's thread has said something.
    pub(super) fn messages_are_stored(&mut self, now: Now) {
        let healthy = self.journal.state() == JournalState::Healthy;
        let (stored, newest) = (self.journal.stored(), self.journal.newest());
        let messages = &mut self.messages;
        let Some(ledger) = &mut messages.ledger else { return };
        match (healthy, messages.failed) {
            (false, false) => {
                messages.failed = true;
                ledger.handle_failed();
            }
            (true, true) => {
                messages.failed = false;
                // Whatever was on its way to the disk may be there: the store says what is.
                messages.wanted = Some(newest);
                ledger.handle_mended(now);
            }
            (true, false) => ledger.handle_stored(now, stored.0),
            (false, true) => {}
        }
        self.talks_are_stored();
        let messages = &self.messages;
        let (wanted, shown) = (messages.wanted, messages.shown);
        if wanted.is_some_and(|wanted| wanted <= stored && wanted > shown) {
            self.outputs.push_back(Output::Project);
        }
        self.messages_may_begin(now);
    }

    /// What the store shows.
    pub(super) fn messages_shown(&self) -> Token {
        self.messages.shown
    }

    /// These people were erased: nothing goes out to them any more.
    pub(super) fn forget_messages(&mut self, now: Now, gone: &[ContactId]) {
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_erased(now, gone);
        }
    }
}

/// What the ledger says.
impl Gateway {
    pub(super) fn ledger_says(&mut self, now: Now, output: ledger::Output) {
        match output {
            ledger::Output::Look(look, ask) => {
                let question = self.writer(ask);
                self.ask_for_ledger(Asked::Writer(look), question);
            }
            ledger::Output::Record(facts) => self.record_facts(now, facts),
            ledger::Output::Order(channel, order) => self.order_channel(now, channel, order),
            ledger::Output::MayGo(going) => {
                let (message, contact) = (going.message, going.contact);
                self.messages.going.insert(message, *going);
                let question = Question::Stands(Who::Contact(contact));
                self.ask_for_ledger(Asked::MayGo(message), question);
            }
            ledger::Output::Read(message) => {
                self.ask_for_ledger(Asked::Words(message), Question::Message(message));
            }
            ledger::Output::Quote { message, answers, channel } => {
                self.messages.quoting.insert(message, channel);
                self.ask_for_ledger(Asked::Quote(message), Question::Message(answers));
            }
            ledger::Output::Reach { message, contact, channel } => {
                self.messages.reaching.insert(message, channel);
                let question = Question::Stands(Who::Contact(contact));
                self.ask_for_ledger(Asked::Reach(message), question);
            }
            ledger::Output::Wished(ticket, wished) => self.wish_answered(now, ticket, wished),
            ledger::Output::Happened(happened) => self.message_happened(now, happened),
        }
    }

    fn ask_for_ledger(&mut self, asked: Asked, question: Question) {
        self.outputs.push_back(Output::Look { to: LookFor::Ledger(asked), question });
    }

    fn writer(&self, ask: Ask) -> Question {
        let Ask { address, thread, channel, keys, references } = ask;
        let address = address.and_then(|address| self.identity_of(&address));
        Question::Writer { address, thread, channel, keys, references }
    }

    fn record_facts(&mut self, now: Now, facts: Vec<Fact>) {
        let healthy = self.journal.state() == JournalState::Healthy;
        let mut last = if healthy { self.journal.newest() } else { Token(u64::MAX) };
        for fact in facts {
            last = match fact {
                Fact::Entry(entry) => {
                    self.keep(now, Event::Message(Box::new(message::to_seal(*entry))))
                }
                Fact::Met { contact, address, name } => self.meet(now, contact, &address, name),
                Fact::Consent { contact, channel, given } => {
                    let change = Change::Consented {
                        contact,
                        channel: self.consent_channel(&channel),
                        purpose: EVERYTHING.to_owned(),
                        given,
                        source: Source::Customer,
                        through: Some(self.consent_channel(&channel)),
                    };
                    self.change_person(now, contact, vec![change])
                }
            };
        }
        let stored = self.journal.stored();
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_recorded(last.0);
            if healthy && last <= stored {
                // There was nothing to write: nobody would say so again.
                ledger.handle_stored(now, stored.0);
            }
        }
    }

    /// Somebody nobody knew has written, or is written to.
    fn meet(
        &mut self,
        now: Now,
        contact: ContactId,
        address: &Address,
        name: Option<String>,
    ) -> Token {
        let mut changes = vec![Change::Created { contact }];
        let identity = self.identity_of(address);
        changes.extend(identity.map(|identity| Change::Linked {
            contact,
            identity,
            how: How::First,
        }));
        changes.extend(name.map(|name| Change::Field {
            contact,
            name: "name".to_owned(),
            value: Some(name),
            source: Source::Customer,
            channel: None,
        }));
        self.change_person(now, contact, changes)
    }

    fn change_person(
        &mut self,
        now: Now,
        contact: ContactId,
        changes: Vec<Change<String>>,
    ) -> Token {
        let by = ActorId::from(ledger::BOX);
        let new = matches!(changes.first(), Some(Change::Created { .. }));
        // Of a contact that was there it is not known here what it was like; it is told of when it changes next.
        let changes =
            if new { self.with_cards(now, &by, &View::default(), changes) } else { changes };
        let linked = changes.iter().find_map(|change| match change {
            Change::Linked { identity, .. } => Some(identity.clone()),
            _ => None,
        });
        let act = Act { by, at: now.unix, changes };
        let token = self.keep(now, Event::Context(to_seal(act)));
        self.orders.handle_written(contact, token);
        if let Some(identity) = linked {
            self.orders.handle_linked(&identity, token);
            self.ask_office(now, identity, None);
        }
        token
    }

    pub(super) fn order_channel(&mut self, now: Now, channel: ChannelId, order: Order) {
        if let Order::Stored(receipt) | Order::NotStored(receipt, _) = &order {
            let told = self.messages.told.remove(&(channel.clone(), *receipt));
            if let (Some(told), Order::Stored(_)) = (told, &order) {
                self.messages.counted.acknowledged.add(now.instant - told);
            }
        }
        match self.settings.channels.get(&channel).map(|settings| settings.kind) {
            Some(ChannelKind::Sip) => self.order_phones(now, &channel, order),
            _ => self.outputs.push_back(Output::Channel(channel, Box::new(order))),
        }
    }

    /// The store answers the ledger.
    pub(super) fn ledger_looked_up(&mut self, now: Now, asked: Asked, answer: Answer) {
        match asked {
            Asked::Writer(look) => {
                let found = match answer {
                    Answer::Writer(writer) => Some(found(*writer)),
                    _ => None,
                };
                let ledger = self.messages.ledger.as_mut();
                ledger.into_iter().for_each(|ledger| ledger.handle_found(now, look, found.clone()));
            }
            Asked::MayGo(message) => {
                let Some(going) = self.messages.going.remove(&message) else { return };
                let permission = match answer {
                    Answer::Stands(stands) => self.permission(now, &going, stands.as_deref()),
                    _ => Permission::NotKnown,
                };
                if let Some(ledger) = &mut self.messages.ledger {
                    ledger.handle_permission(now, message, permission);
                }
            }
            Asked::Words(message) => {
                let (found, ready) = match answer {
                    Answer::Message(found) => (found.map(|message| *message), true),
                    _ => (None, false),
                };
                if let Some(ledger) = &mut self.messages.ledger {
                    ledger.handle_words(now, found, message, ready);
                }
            }
            Asked::Quote(message) => {
                let Some(channel) = self.messages.quoting.remove(&message) else { return };
                let (name, ready) = match answer {
                    Answer::Message(found) => {
                        (found.and_then(|other| called(&other, &channel)), true)
                    }
                    _ => (None, false),
                };
                if let Some(ledger) = &mut self.messages.ledger {
                    ledger.handle_quote(now, message, name, ready);
                }
            }
            Asked::Reach(message) => {
                let Some(channel) = self.messages.reaching.remove(&message) else { return };
                let way = match answer {
                    Answer::Stands(Some(stands)) => self.way_by(&channel, &stands),
                    _ => None,
                };
                if let Some(ledger) = &mut self.messages.ledger {
                    ledger.handle_reach(now, message, way);
                }
            }
        }
    }

    /// Whether somebody may be written to at this moment.
    fn permission(&self, now: Now, going: &Going, stands: Option<&Stands>) -> Permission {
        if going.purpose == REFUSAL {
            return Permission::Go;
        }
        let Some(stands) = stands else { return Permission::Go };
        let channel = self.consent_channel(&going.way.channel);
        let refused =
            |purpose: &str| stands.consents.get(&(channel, purpose.to_owned())) == Some(&false);
        if refused(EVERYTHING) || refused(&going.purpose) {
            return Permission::Never(Stop::Consent);
        }
        // What is on a page waits there: it wakes nobody.
        let quiet = channel == crate::context::Channel::Chat;
        if going.reply || going.purpose == CODE || quiet {
            return Permission::Go;
        }
        let zones: Vec<_> =
            self.zones_of(stands).iter().filter_map(|name| hours::zone(name)).collect();
        match self.settings.messages.quiet().over_all(now.unix, &zones) {
            at if at <= now.unix => Permission::Go,
            at => Permission::NotBefore(at),
        }
    }

    /// How a person is reached by a channel.
    pub(super) fn way_by(&self, channel: &ChannelId, stands: &Stands) -> Option<Way<String>> {
        let settings = self.settings.channels.get(channel)?;
        let kinds = settings.kind.reaches();
        let good = |one: &&Identity<String>| kinds.contains(&kind_of(one.kind));
        self.written_way(channel, stands.identities.iter().find(good)?)
    }

    /// The way to somebody who is known by this.
    pub(super) fn written_way(
        &self,
        channel: &ChannelId,
        identity: &Identity<String>,
    ) -> Option<Way<String>> {
        let settings = self.settings.channels.get(channel)?;
        if !settings.kind.reaches().contains(&kind_of(identity.kind)) {
            return None;
        }
        Some(Way {
            channel: channel.clone(),
            work: settings.kind.work(),
            kind: kind_of(identity.kind),
            peer: identity.value.clone(),
            thread: None,
            own: None,
        })
    }

    /// By what somebody is known who has an address; nothing for one that nobody could be found by again.
    fn identity_of(&self, address: &Address) -> Option<Identity<String>> {
        let (kind, text) = match address.kind {
            messaging::Kind::Phone => (Kind::Phone, address.value.clone()),
            messaging::Kind::Email => (Kind::Email, address.value.clone()),
            messaging::Kind::Sip => (Kind::Sip, address.value.clone()),
            messaging::Kind::Business => (Kind::Business, address.value.clone()),
            messaging::Kind::Visitor => chats::visitor(&address.value),
            messaging::Kind::Short => {
                let value: String = address.value.split_whitespace().collect();
                (Kind::Business, format!("short:{value}"))
            }
        };
        let country = self.settings.site.country;
        let value = normalise(kind, &text, &|digits| country.full(digits)).ok()?;
        Some(Identity { kind, value })
    }

    /// What consents call a channel.
    fn consent_channel(&self, channel: &ChannelId) -> crate::context::Channel {
        let kind = self.settings.channels.get(channel).map(|settings| settings.kind);
        kind.map_or(crate::context::Channel::Message, ChannelKind::consents)
    }
}

/// Orders.
impl Gateway {
    /// Somebody wants a message sent.
    pub(super) fn send_message(&mut self, now: Now, to: ReplyTo, by: &By, command: &Command) {
        let Command::SendMessage { message, once } = command else { return };
        let wish = match self.wish(now, by, message, once.as_deref()) {
            Ok(wish) => wish,
            Err(why) => return self.reply(now, to, by, command, Reply::Refused(why)),
        };
        self.wish_for(now, (to, by, command), wish);
    }

    /// A wish goes to the ledger; whoever asked is answered once it is.
    pub(super) fn wish_for(&mut self, now: Now, asked: Asking, wish: Wish) {
        let ticket = self.ticket(asked);
        self.messages_wish(now, ticket, wish);
    }

    /// A rule wants a message sent.
    pub(super) fn rule_wishes(&mut self, now: Now, ruled: Ruled, wish: Wish) {
        let ticket = self.messages.next_ticket();
        self.messages.ruled.insert(ticket, ruled);
        self.messages_wish(now, ticket, wish);
    }

    pub(super) fn messages_wish(&mut self, now: Now, ticket: u64, wish: Wish) {
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_wish(now, ticket, wish);
        }
    }

    /// A message is to be sent again.
    pub(super) fn replay_for(
        &mut self,
        now: Now,
        asked: Asking,
        (message, by): (MessageId, ActorId),
    ) {
        let ticket = self.ticket(asked);
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_replay(ticket, message, by, now.unix + LONGEST_WAIT);
        }
    }

    /// A message is to be taken back.
    pub(super) fn withdraw_for(&mut self, now: Now, asked: Asking, message: MessageId) {
        let ticket = self.ticket(asked);
        if let Some(ledger) = &mut self.messages.ledger {
            ledger.handle_withdraw(now, ticket, message);
        }
    }

    fn ticket(&mut self, (to, by, command): Asking) -> u64 {
        let messages = &mut self.messages;
        messages.next += 1;
        messages.wishes.insert(messages.next, (to, by.clone(), command.clone()));
        messages.next
    }

    /// Of a key under which somebody asks for something, and of what they ask for.
    pub(super) fn once(&self, by: &str, key: &str, said: &str) -> (Fingerprint, Fingerprint) {
        let keys = self.journal.keys();
        let print = |text: &str| Fingerprint(bytes(&keys.token(text, PRINT)));
        (print(&format!("once {by} {key}")), print(&format!("said {said}")))
    }

    fn wish(
        &self,
        now: Now,
        by: &By,
        new: &NewMessage,
        once: Option<&str>,
    ) -> Result<Wish, String> {
        let channel = ChannelId::from(new.channel.as_str());
        let Some(settings) = self.settings.channels.get(&channel) else {
            return Err(format!("no channel is called {channel}"));
        };
        let piece = piece(new)?;
        let Some(address) = self.address_for(settings.kind, &new.to) else {
            return Err("that is no address that this channel reaches".to_owned());
        };
        let way = Way {
            channel,
            work: settings.kind.work(),
            kind: address.kind,
            peer: address.value,
            thread: None,
            own: None,
        };
        let said = [&new.channel, &new.to, &new.text, &new.purpose].map(String::as_str).join("\0");
        // The same as before there were templates, so that keys of then are known.
        let said = match &new.template {
            Some(template) => format!("{said}\0{template:?}"),
            None => said,
        };
        Ok(Wish {
            way,
            known: None,
            pieces: vec![piece],
            subject: None,
            answers: None,
            quote: None,
            by: ActorId::from(by.who.to_string().as_str()),
            purpose: new.purpose.clone(),
            reply: false,
            until: new.until.unwrap_or(now.unix + LONGEST_WAIT),
            not_before: None,
            once: once.map(|key| self.once(&by.who.to_string(), key, &said)),
            asker: None,
        })
    }

    /// An address as somebody types it.
    fn address_for(&self, kind: ChannelKind, text: &str) -> Option<Address> {
        let country = self.settings.site.country;
        let full = |digits: &str| country.full(digits);
        kind.reaches().iter().find_map(|kind| {
            if *kind == messaging::Kind::Visitor {
                let name = text.strip_prefix("visitor:").unwrap_or(text);
                return Some(Address::new(*kind, Visitor::parse(name)?.as_str()));
            }
            let context = match kind {
                messaging::Kind::Phone => Kind::Phone,
                messaging::Kind::Email => Kind::Email,
                messaging::Kind::Sip => Kind::Sip,
                _ => Kind::Business,
            };
            Some(Address::new(*kind, normalise(context, text, &full).ok()?))
        })
    }

    fn wish_answered(&mut self, now: Now, ticket: u64, wished: Wished) {
        if let Some(ruled) = self.messages.ruled.remove(&ticket) {
            return self.rule_wished(now, ruled, wished);
        }
        if self.application_wished(ticket, wished) {
            return;
        }
        let Some((to, by, command)) = self.messages.wishes.remove(&ticket) else { return };
        let reply = match wished {
            Wished::Queued(..) if matches!(command, Command::Withdraw { .. }) => Reply::Done,
            Wished::Queued(message, conversation) => Reply::Queued { message, conversation },
            Wished::Different => match command {
                Command::Replay { .. } => Reply::Conflict(
                    "only what failed, is unknown or was stopped is sent again".into(),
                ),
                Command::Withdraw { .. } => {
                    Reply::Conflict("it is on its way already, or done with".into())
                }
                _ => Reply::Conflict("something else was asked for under that key".to_owned()),
            },
            Wished::NoChannel => Reply::Refused("there is no such channel any more".to_owned()),
            Wished::NotNow(NotStored::Disk) => {
                Reply::NotReady("the disk does not work: nothing would be kept".to_owned())
            }
            Wished::NotNow(NotStored::NotReady) => Reply::NotReady(NOT_READY.to_owned()),
            Wished::NotNow(NotStored::TooMuch) => {
                Reply::NotReady("too many messages wait; ask again soon".to_owned())
            }
        };
        self.reply(now, to, &by, &command, reply);
    }
}

/// What a message says: words, or a template.
fn piece(new: &NewMessage) -> Result<Piece<String>, String> {
    let length = new.text.chars().count();
    match &new.template {
        Some(_) if length > 0 => Err("words and a template do not go together".to_owned()),
        Some(filled) => {
            let (name, language) = (filled.name.clone(), filled.language.clone());
            Ok(Piece::Template { name, language, values: filled.values.clone() })
        }
        None if new.text.trim().is_empty() || length > LONGEST_TEXT => {
            Err(format!("a message says something in 1 to {LONGEST_TEXT} characters"))
        }
        None => Ok(Piece::text(new.text.clone())),
    }
}

/// What is said of a channel that is up while nobody knows what came before.
const NOTHING_TAKEN: &str = "up; takes nothing until what was written before is known";

/// How channels do.
impl Gateway {
    /// A line of the status page for each.
    pub(super) fn channel_parts(&self) -> Vec<Part> {
        let figures = self.messages.ledger.iter().flat_map(Ledger::figures);
        let is_ready = self.messages.wanted.is_none() && !self.messages.failed;
        let part = |(channel, figures): (&ChannelId, ledger::Figures)| {
            let (lamp, words) = match figures.state {
                State::Up if is_ready => (Lamp::Green, "up".to_owned()),
                State::Up => (Lamp::Amber, NOTHING_TAKEN.to_owned()),
                State::Degraded(why) => (Lamp::Amber, why),
                State::Down(why) => (Lamp::Red, format!("down: {why}")),
            };
            let words =
                format!("{words}; {} wait, {} on their way", figures.waiting, figures.given);
            Part { name: format!("channel {channel}"), lamp, words }
        };
        figures.map(part).collect()
    }
}

/// Whether phones may write.
pub(super) fn has_phones(settings: &Settings) -> bool {
    settings.channels.values().any(|channel| channel.kind == ChannelKind::Sip)
}

/// What the ledger is told of the site's channels.
fn rules(settings: &Settings) -> ledger::Settings {
    let channels = settings.channels.iter().map(|(name, own)| {
        let after = own.fallback_after_s.map(|s| std::time::Duration::from_secs(s.into()));
        let rules = Rules {
            work: own.kind.work(),
            rate: own.rate,
            window: own.window.into(),
            fallback: own.fallback.clone().map(|to| (to, after)),
            only_after: None,
        };
        (name.clone(), rules)
    });
    ledger::Settings {
        channels: channels.collect(),
        languages: settings.messages.languages.clone(),
        applications: applications::rules(settings),
    }
}

/// What a channel calls a message that somebody wrote, or that it has sent.
fn called(message: &messaging::Message<String>, channel: &ChannelId) -> Option<String> {
    let sent = || message.out.as_ref()?.references.first().cloned();
    let name = message.name.clone().or_else(sent);
    name.filter(|_| message.way.channel == *channel)
}

fn found(writer: Writer) -> Found {
    let named = writer.named.into_iter().map(|named| Named {
        reference: named.reference,
        message: named.message,
        conversation: named.conversation,
        contact: named.contact,
        state: named.state,
    });
    Found {
        seen: writer.seen,
        contact: writer.contact,
        conversation: writer.conversation.map(|(conversation, _)| conversation),
        named: named.collect(),
    }
}

fn kind_of(kind: Kind) -> messaging::Kind {
    match kind {
        Kind::Phone => messaging::Kind::Phone,
        Kind::Email => messaging::Kind::Email,
        Kind::Sip => messaging::Kind::Sip,
        Kind::Handle | Kind::Business | Kind::Account => messaging::Kind::Business,
    }
}

/// A channel of the driver's is there, or not.
pub(super) fn up() -> Input {
    Input::State(State::Up)
}
