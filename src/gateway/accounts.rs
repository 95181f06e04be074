//! Those who ask through the API on one side; the journal, agents, mailboxes and the dial plan on the other.
//!
//! Whoever changes something, or listens to somebody's words, is in the journal before they are answered.

use crate::admin::api::TABLE;
use crate::admin::api::bodies::{
    ActLine, DryRun, Page, RecordingLine, TokenLine, UserLine, Wanted as State,
};
use crate::admin::{Command, Reply};
use crate::agent::{Misfit, Presence, Reason};
use crate::call::plan::{Asked, Origin};
use crate::gateway::{By, Gateway, Output, ReplyTo};
use crate::id::{AgentId, ExtensionId, RecordingId, TrunkId};
use crate::journal;
use crate::journal::act::{Account, Act, Role, Scope, Token, User, Who};
use crate::journal::event::Event;
use crate::journal::personal::Personal;
use crate::journal::voicemail::Kept;
use crate::store::KeptAct;
use crate::time::{Now, UnixTime};

/// Users and tokens that there may be. They are in each checkpoint, and few at a branch.
const MOST_USERS: usize = 1_000;
const MOST_TOKENS: usize = 1_000;
/// Characters of the longest reason for a pause.
const LONGEST_REASON: usize = 64;

impl Gateway {
    /// Replies; whoever has done more than look is written down first.
    pub(super) fn reply(
        &mut self,
        now: Now,
        to: ReplyTo,
        by: &By,
        command: &Command,
        reply: Reply,
    ) {
        let Some((operation, on)) = command.act() else {
            return self.outputs.push_back(Output::Reply(to, reply));
        };
        let done = !matches!(
            reply,
            Reply::Refused(_)
                | Reply::NotAllowed(_)
                | Reply::NotReady(_)
                | Reply::Declined(_)
                | Reply::Conflict(_)
        );
        let what = operation.name().to_owned();
        let act = Act { who: by.who.clone(), from: by.from, what, on, done, first: None };
        let token = self.keep(now, Event::Act(act));
        self.keeping.replies.push((token, to, reply));
        self.send_replies();
    }

    /// Sends replies whose act is on the disk; while that fails, all of them.
    pub(super) fn send_replies(&mut self) {
        let failed = self.journal.state() != journal::State::Healthy;
        let waiting = std::mem::take(&mut self.keeping.replies);
        for (token, to, reply) in waiting {
            if failed || self.journal.is_stored(token) {
                self.outputs.push_back(Output::Reply(to, reply));
            } else {
                self.keeping.replies.push((token, to, reply));
            }
        }
    }

    pub(super) fn user_lines(&self) -> Vec<UserLine> {
        self.journal.live().accounts.users.values().map(UserLine::from).collect()
    }

    pub(super) fn token_lines(&self) -> Vec<TokenLine> {
        self.journal.live().accounts.tokens.values().map(TokenLine::from).collect()
    }

    /// Makes or changes a user or a token. It is in force at once, and answered once it is on the disk.
    pub(super) fn change_accounts(&mut self, now: Now, by: &By, command: &Command) -> Reply {
        if let Err(why) = self.check_strength(by, command) {
            return Reply::Refused(why);
        }
        let change = match command {
            Command::AddUser { user } => self.new_user(user),
            Command::ChangeUser { .. } => self.changed_user(command),
            Command::AddToken { token } => self.new_token(token),
            Command::RevokeToken { prefix } => self.revoked_token(prefix),
            _ => return Reply::Refused("that is no account".to_owned()),
        };
        let change = match change {
            Ok(change) => change,
            Err(why) => return Reply::Refused(why),
        };
        let reply = match &change {
            Account::User(user) => Reply::User(user.into()),
            Account::Token(_) | Account::TokenRevoked { .. } => Reply::Done,
        };
        self.keep(now, Event::Account(change));
        let accounts = self.journal.live().accounts.clone();
        self.outputs.push_back(Output::Accounts(Box::new(accounts)));
        reply
    }

    /// A program's token makes nothing that may do more than the token itself: else whoever gets hold of one that is for
    /// little, or for a day, has everything for good.
    fn check_strength(&self, by: &By, command: &Command) -> Result<(), String> {
        let Who::Token(prefix) = &by.who else { return Ok(()) };
        let accounts = &self.journal.live().accounts;
        let own =
            accounts.tokens.get(prefix).ok_or_else(|| format!("there is no token {prefix}"))?;
        let covers = |what: &str, role: Role, scopes: &[Scope]| {
            let missing: Vec<_> = scopes
                .iter()
                .filter(|scope| !own.scopes.contains(scope))
                .map(|s| s.name())
                .collect();
            match () {
                () if own.role != Role::Admin && own.role != role => {
                    Err(format!("{what} may do more than the token {prefix}"))
                }
                () if !missing.is_empty() => Err(format!(
                    "{what} may do more than the token {prefix}, which is not for {}",
                    missing.join(", ")
                )),
                () => Ok(()),
            }
        };
        match command {
            Command::AddToken { token } => {
                let ends = |end: UnixTime| token.expires.is_none_or(|other| other > end);
                if own.expires.is_some_and(ends) {
                    return Err(format!("the token {prefix} ends before that one would"));
                }
                covers("such a token", token.role, &token.scopes)
            }
            // A person may do all that is for their role.
            Command::AddUser { user } => covers("such a user", user.role, &scopes_of(user.role)),
            Command::ChangeUser { name, role, .. } => {
                let roles = accounts.users.get(name).map(|user| user.role).into_iter().chain(*role);
                let mut all = roles.map(|role| covers("that user", role, &scopes_of(role)));
                all.find(Result::is_err).unwrap_or(Ok(()))
            }
            _ => Ok(()),
        }
    }

    fn new_user(&self, user: &User) -> Result<Account, String> {
        let users = &self.journal.live().accounts.users;
        if !is_name(&user.name) {
            return Err(format!(
                "{:?} is no name: 1 to 64 of a-z, 0-9, dots, dashes, underscores and @",
                user.name
            ));
        }
        if users.contains_key(&user.name) {
            return Err(format!("there is a user {} already", user.name));
        }
        if users.len() >= MOST_USERS {
            return Err(format!("there are {MOST_USERS} users, which is the most"));
        }
        self.check_agent(user.agent.as_ref())?;
        Ok(Account::User(user.clone()))
    }

    fn changed_user(&self, command: &Command) -> Result<Account, String> {
        let Command::ChangeUser { name, role, password, agent, disabled } = command else {
            return Err("that is no user".to_owned());
        };
        let users = &self.journal.live().accounts.users;
        let own = users.get(name).ok_or_else(|| format!("there is no user {name}"))?;
        self.check_agent(agent.as_ref())?;
        Ok(Account::User(User {
            name: name.clone(),
            role: role.unwrap_or(own.role),
            password: password.clone().or_else(|| own.password.clone()),
            agent: agent.clone().or_else(|| own.agent.clone()),
            disabled: disabled.unwrap_or(own.disabled),
            subject: own.subject.clone(),
        }))
    }

    /// Somebody whom the provider has let in: the user that they have been, with the role that the provider gives them
    /// now, or a new one. A user who was made here is nobody's at the provider, whatever they are called there.
    pub(super) fn let_in(&mut self, now: Now, user: &User) -> Reply {
        let users = &self.journal.live().accounts.users;
        let known = users.values().find(|own| own.subject.is_some() && own.subject == user.subject);
        let is_agent = |agent: &&AgentId| self.roster.presence(agent).is_some();
        let agent = user.agent.as_ref().filter(is_agent).cloned();
        let change = match known {
            Some(known) if known.disabled => {
                return Reply::Refused(format!("the user {} may not sign in", known.name));
            }
            Some(known) => User {
                role: user.role,
                agent: agent.or_else(|| known.agent.clone()),
                ..known.clone()
            },
            None => User { agent, ..user.clone() },
        };
        if known != Some(&change) {
            if known.is_none()
                && let Err(why) = self.new_user(&change)
            {
                return Reply::Refused(why);
            }
            self.keep(now, Event::Account(Account::User(change.clone())));
            let accounts = self.journal.live().accounts.clone();
            self.outputs.push_back(Output::Accounts(Box::new(accounts)));
        }
        Reply::User((&change).into())
    }

    fn check_agent(&self, agent: Option<&AgentId>) -> Result<(), String> {
        match agent {
            Some(agent) if self.roster.presence(agent).is_none() => {
                Err(format!("there is no agent {agent}; `branchline agents` lists them"))
            }
            _ => Ok(()),
        }
    }

    fn new_token(&self, token: &Token) -> Result<Account, String> {
        let tokens = &self.journal.live().accounts.tokens;
        if tokens.contains_key(&token.prefix) {
            return Err(format!("there is a token {} already", token.prefix));
        }
        if tokens.len() >= MOST_TOKENS {
            return Err(format!("there are {MOST_TOKENS} tokens, which is the most: revoke some"));
        }
        let short = token.name.chars().count() <= 100 && !token.name.trim().is_empty();
        if !short || token.name.chars().any(is_unseen) {
            return Err("a token's name has 1 to 100 characters that can be seen".to_owned());
        }
        if token.scopes.is_empty() {
            return Err("a token without a scope can do nothing".to_owned());
        }
        Ok(Account::Token(token.clone()))
    }

    fn revoked_token(&self, prefix: &str) -> Result<Account, String> {
        match self.journal.live().accounts.tokens.contains_key(prefix) {
            true => Ok(Account::TokenRevoked { prefix: prefix.to_owned() }),
            false => Err(format!("there is no token {prefix}; `branchline token list` lists them")),
        }
    }

    /// Puts an agent in a state, from wherever they are.
    pub(super) fn set_presence(
        &mut self,
        now: Now,
        agent: &AgentId,
        state: State,
        reason: Option<&str>,
    ) -> Reply {
        let Some(presence) = self.roster.presence(agent).cloned() else {
            return Reply::Refused(format!("there is no agent {agent}"));
        };
        if let Some(why) = self.wants_code(agent).filter(|_| state == State::Ready) {
            return Reply::Refused(why);
        }
        let is_out = presence == Presence::SignedOut;
        let done = match state {
            State::SignedOut if is_out => Ok(()),
            State::SignedOut => self.roster.handle_sign_out(now, agent),
            State::Ready => self.roster.handle_ready(now, agent),
            State::Paused => {
                let why: String = reason.unwrap_or("desk").chars().take(LONGEST_REASON).collect();
                let why = why.replace(char::is_control, " ");
                let signed_in =
                    if is_out { self.roster.handle_sign_in(now, agent) } else { Ok(()) };
                signed_in.and_then(|()| self.roster.handle_pause(now, agent, Reason::Chosen(why)))
            }
        };
        match done {
            Ok(()) => Reply::Done,
            Err(Misfit::Unknown) => Reply::Refused(format!("there is no agent {agent}")),
            Err(Misfit::WrongState) => {
                Reply::Refused(format!("{agent} cannot change to that at this moment"))
            }
        }
    }

    /// Messages that callers left, the newest first.
    pub(super) fn recording_lines(&self, limit: usize, after: Option<RecordingId>) -> Reply {
        let clear = |personal: &Personal| {
            self.journal.keys().read(personal).unwrap_or_else(|| "erased".to_owned())
        };
        let messages = &self.journal.live().mail.messages;
        let mut own: Vec<(&RecordingId, &Kept)> = messages.iter().collect();
        own.sort_by_key(|(recording, kept)| (std::cmp::Reverse(kept.begun.taken), **recording));
        let from = match after {
            Some(after) => match own.iter().position(|(recording, _)| **recording == after) {
                Some(at) => at + 1,
                // It was deleted meanwhile: nobody knows any more where it was.
                None => return Reply::Refused("the page before is gone; begin again".to_owned()),
            },
            None => 0,
        };
        let line = |(recording, kept): &(&RecordingId, &Kept)| RecordingLine {
            recording: **recording,
            mailbox: kept.begun.mailbox.clone(),
            call: kept.begun.call,
            from: clear(&kept.begun.from),
            taken: kept.begun.taken,
            length_ms: kept.length_ms,
            heard: kept.heard,
        };
        let items: Vec<_> = own.iter().skip(from).take(limit).map(line).collect();
        let next = (from + items.len() < own.len()).then(|| items.last()).flatten();
        let next = next.map(|last| last.recording.to_string());
        Reply::Recordings(Page { items, next })
    }

    /// Where a number would go at this moment.
    pub(super) fn dry_run(&self, now: Now, number: &str, from: &str) -> Reply {
        let origin = match from.strip_prefix("trunk:").map(TrunkId::from) {
            Some(trunk) if self.trunks.contains_key(&trunk) => Origin::Trunk(trunk),
            None if self.extension(from).is_some() => Origin::Extension(ExtensionId::from(from)),
            _ => return Reply::Refused(format!("nobody calls from {from} here")),
        };
        let asked = Asked { dialled: number, from: origin, unix: now.unix };
        let decision = self.plan.decide(&asked);
        Reply::Route(DryRun {
            leads_to: decision.destination.to_string(),
            why: decision.because.iter().map(ToString::to_string).collect(),
        })
    }
}

/// Scopes of everything that somebody of this role may do.
fn scopes_of(role: Role) -> Vec<Scope> {
    let theirs =
        TABLE.iter().filter(|route| route.roles.is_some_and(|roles| roles.contains(&role)));
    let mut scopes: Vec<_> = theirs.filter_map(|route| route.scope).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// A page of what was done.
pub(super) fn act_page(acts: Vec<(u64, KeptAct)>, limit: usize) -> Page<ActLine> {
    let next = acts.last().filter(|_| acts.len() >= limit).map(|(number, _)| number.to_string());
    let line = |(number, KeptAct { at, act }): (u64, KeptAct)| ActLine {
        number,
        at,
        who: act.who,
        from: act.from,
        what: act.what,
        on: act.on,
        done: act.done,
    };
    Page { items: acts.into_iter().map(line).collect(), next }
}

/// Whether somebody can be called so: nothing that a page, a log or a path would take for something else.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&name.len())
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || b"._@-".contains(&b))
}

/// Whether a character is no sign, or turns those around it: a name of such looks in a list as another one does.
fn is_unseen(c: char) -> bool {
    let turns =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
    c.is_control() || turns || c == '\u{feff}'
}
