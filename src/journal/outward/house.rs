//! The box and those who run it.

use super::super::act::{Account, Act, Token, User, Who};
use super::super::event::PhoneChoice;
use super::super::health::{Health, Light};
use super::{Outward, maybe_text};
use crate::call::budget::{Lift, Spent, Subject};
use crate::call::help::Called;
use crate::messaging::shelf;
use crate::time::UnixTime;
use crate::uplink::frame::{self, Class as Sort};
use crate::uplink::policy::{Class, Plain, Sheet};
use crate::webhook;

impl Outward {
    pub(super) fn health(&self, at: UnixTime, health: &Health) -> Vec<frame::Event> {
        let Health {
            version,
            started,
            disk,
            draining,
            lamps,
            calls,
            most_calls,
            waiting,
            agents_ready,
            agents_signed_in,
            phones,
        } = health;
        let lamp = |(name, light): (&String, &Light)| {
            // Such as `trunk carrier`.
            let part = self.part().plain("part", Plain::slug(&name.replace(' ', "/")));
            part.plain("lamp", Plain::word(*light))
        };
        let sheet = self.sheet("health", at).plain("version", Plain::slug(version));
        let sheet = sheet.plain("started", *started).plain("disk", *disk);
        let health = sheet.plain("draining", *draining).parts("lamps", lamps.iter().map(lamp));
        let sheet = self.sheet("figures", at).plain("calls", *calls);
        let sheet = sheet.plain("most_calls", *most_calls).plain("waiting", *waiting);
        let sheet = sheet.plain("agents_ready", *agents_ready);
        let figures = sheet.plain("agents_signed_in", *agents_signed_in).plain("phones", *phones);
        vec![health.done(Sort::HEALTH), figures.done(Sort::METRICS)]
    }

    pub(super) fn phone(&self, at: UnixTime, choice: &PhoneChoice) -> Vec<frame::Event> {
        let PhoneChoice { extension, forwards, do_not_disturb, call_waiting } = choice;
        let sheet = self.sheet("phone", at).plain("extension", extension);
        let forwards = forwards.iter().map(|(when, to)| {
            let part = self.part().plain("when", Plain::word(*when)).plain("on", to.is_some());
            part.maybe_field("to", Class::Number, maybe_text(to))
        });
        let sheet = sheet.parts("forwards", forwards);
        let sheet = sheet.maybe("do_not_disturb", *do_not_disturb);
        vec![sheet.maybe("call_waiting", *call_waiting).done(Sort::WORK)]
    }

    pub(super) fn help(&self, called: &Called) -> Vec<frame::Event> {
        let Called { call, at, phone, number, place, callback, proven } = called;
        let sheet = self.sheet("help", *at).plain("call", call);
        // The address of a phone that nobody knows stands there too.
        let sheet = sheet.field("phone", Class::Handle, phone.as_str());
        let sheet = sheet.field("number", Class::Number, number.as_str());
        let sheet = sheet.maybe("place", place.as_ref()).plain("proven", *proven);
        let callback = callback.as_ref().map(|number| number.as_str());
        vec![sheet.maybe_field("callback", Class::Number, callback).done(Sort::AUDIT)]
    }

    pub(super) fn spent(&self, at: UnixTime, spent: &Spent) -> Vec<frame::Event> {
        let Spent { payer, trunk, call, calls, attempts, seconds, money } = spent;
        let sheet = self.sheet("spent", at).maybe("payer", payer.as_ref()).plain("trunk", trunk);
        let sheet = sheet.maybe("call", call.as_ref()).plain("calls", *calls);
        let sheet = sheet.plain("attempts", *attempts).plain("seconds", *seconds);
        vec![sheet.plain("millionths", money.0).done(Sort::WORK)]
    }

    pub(super) fn caps(&self, at: UnixTime, lift: &Lift) -> Vec<frame::Event> {
        let Lift { subject, until } = lift;
        let sheet = self.sheet("caps", at).plain("until", *until);
        let sheet = match subject {
            None => sheet.plain("of", "all"),
            Some(Subject::Site) => sheet.plain("of", "site"),
            Some(Subject::Extension(extension)) => sheet.plain("extension", extension),
            Some(Subject::Trunk(trunk)) => sheet.plain("trunk", trunk),
        };
        vec![sheet.done(Sort::AUDIT)]
    }

    pub(super) fn account(&self, at: UnixTime, account: &Account) -> Vec<frame::Event> {
        let is = |what: &'static str| self.sheet("account", at).plain("what", what);
        let sheet = match account {
            Account::User(user) => {
                // A hash of a password is half a password.
                let User { name, role, agent, password: _, disabled, subject } = user;
                let sheet = is("user").field("name", Class::Agent, name);
                let agent = agent.as_ref().map(|agent| agent.as_str());
                let sheet = sheet.maybe_field("agent", Class::Agent, agent);
                let sheet = sheet.plain("role", role.name()).plain("disabled", *disabled);
                sheet.maybe_field("subject", Class::Handle, subject.as_deref())
            }
            Account::Token(token) => {
                let Token { prefix, hash: _, name, role, scopes, made, expires } = token;
                let sheet = is("token").field("token", Class::Handle, prefix);
                let sheet = sheet.field("name", Class::Note, name).plain("role", role.name());
                let sheet = sheet.list("scopes", scopes.iter().map(|scope| scope.name()));
                sheet.plain("made", *made).maybe("expires", *expires)
            }
            Account::TokenRevoked { prefix } => {
                is("token_revoked").field("token", Class::Handle, prefix)
            }
        };
        vec![sheet.done(Sort::AUDIT)]
    }

    /// What an article says is the branch's own business.
    pub(super) fn shelf(&self, at: UnixTime, change: &shelf::Change) -> Vec<frame::Event> {
        let shelf::Change { name, article, by } = change;
        let sheet = self.sheet("shelf", at).plain("article", name);
        let sheet = sheet.field("by", Class::Agent, by.as_str());
        let sheet = match article {
            Some(shelf::Article {
                title,
                text,
                short,
                language,
                channels,
                tags,
                prompt,
                template,
            }) => {
                let sheet =
                    sheet.field("title", Class::Text, title).field("text", Class::Text, text);
                let sheet = sheet.maybe("short", short.as_deref().map(Plain::slug));
                let sheet = sheet.maybe("language", language.as_deref().map(Plain::slug));
                let channels = channels.iter().map(|channel| Plain::word(*channel));
                let sheet = sheet.list("channels", channels);
                let sheet = sheet.list("tags", tags.iter().map(|tag| Plain::slug(tag)));
                let sheet = sheet.maybe("prompt", prompt.as_deref().map(Plain::slug));
                let template = template.as_ref().map(|template| template.name.as_str());
                sheet.maybe_field("template", Class::Text, template)
            }
            None => sheet.plain("gone", true),
        };
        vec![sheet.done(Sort::WORK)]
    }

    pub(super) fn act(&self, at: UnixTime, act: &Act) -> Vec<frame::Event> {
        let Act { who, from, what, on, done, first } = act;
        let sheet = doer(self.sheet("act", at), who);
        let from = from.map(|from| from.to_string());
        let sheet = sheet.maybe_field("from", Class::Place, from.as_deref());
        let sheet = sheet.plain("what", Plain::slug(what));
        // Among what is acted on are people of the branch.
        let sheet = sheet.maybe_field("on", Class::Agent, on.as_deref());
        vec![sheet.plain("done", *done).maybe("first", *first).done(Sort::AUDIT)]
    }

    pub(super) fn webhook(&self, at: UnixTime, change: &webhook::Change) -> Vec<frame::Event> {
        use webhook::What;
        let webhook::Change { hook, what } = change;
        let is =
            |what: &'static str| self.sheet("webhook", at).plain("hook", hook).plain("what", what);
        let sheet = match what {
            // How far programs of the branch were told is of use here alone.
            What::Upto { record: _ } | What::Again { record: _ } => return Vec::new(),
            What::Dead(webhook::Dead { first, last, at, tries, why }) => {
                let sheet = is("given_up").plain("first", *first).plain("last", *last);
                let sheet = sheet.plain("given_up", *at).plain("tries", *tries);
                sheet.plain("why", Plain::word(*why))
            }
            What::Replay(webhook::Span { next, end, since, until }) => {
                let sheet = is("replay").plain("next", *next).plain("end", *end);
                sheet.plain("since", *since).plain("until", *until)
            }
            What::Paused { why, at } => {
                is("paused").plain("why", Plain::word(*why)).plain("since", *at)
            }
            What::Resumed => is("resumed"),
        };
        vec![sheet.done(Sort::AUDIT)]
    }
}

fn doer<'a>(sheet: Sheet<'a>, who: &Who) -> Sheet<'a> {
    match who {
        Who::User(name) => sheet.plain("by", "user").field("user", Class::Agent, name),
        Who::Token(prefix) => sheet.plain("by", "token").field("token", Class::Handle, prefix),
        Who::Console => sheet.plain("by", "console"),
        Who::Stranger => sheet.plain("by", "stranger"),
        Who::Provider => sheet.plain("by", "provider"),
        Who::Gateway => sheet.plain("by", "box"),
    }
}
