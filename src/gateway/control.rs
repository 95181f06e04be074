//! What an admin asks, answered from what the machines know right now.

use crate::admin::api::bodies::OneCall;
use crate::admin::api::errands::NewTask;
use crate::admin::{self, ActiveCall, CallLine, Command, Lamp, Part, Phone, Reply, Status};
use crate::agent::{Presence, Reason};
use crate::call::record::Peer;
use crate::call::{Activity, CallView};
use crate::config::settings::Disposition;
use crate::gateway::accounts::act_page;
use crate::gateway::voicemail::Counts;
use crate::gateway::{By, Ending, Gateway, LookFor, Output, ReplyTo};
use crate::id::{CallId, ExtensionId};
use crate::journal::event::{CallRecord, Direction, LegRecord, Quality};
use crate::journal::{Failure, State};
use crate::sip::registrar::Binding;
use crate::sip::trunk;
use crate::store::context::finding::{self, Hits, Search};
use crate::store::context::looking::Question;
use crate::store::messages::looking::Filter;
use crate::store::{Found, Wanted};
use crate::time::{Now, UnixTime};

/// Most records in one answer; an export of more is made in pieces.
const MOST_RECORDS: usize = 100_000;

/// Most people in one answer: each may have a hundred texts.
const MOST_PEOPLE: usize = 256;

impl Gateway {
    pub(super) fn control(&mut self, now: Now, to: ReplyTo, by: &By, command: &Command) {
        let reply = match command {
            Command::Status => Reply::Status(Box::new(self.status(now))),
            Command::CallQuality { call } => self.call_quality(now, *call),
            Command::ActiveCalls => {
                let mut calls = self.calls.views();
                calls.sort_by_key(|call| (call.arrived, call.call));
                let own = calls.iter().filter(|call| self.may_see(by, call));
                Reply::ActiveCalls(
                    own.map(|call| self.active_call(by.own.is_none(), call)).collect(),
                )
            }
            Command::CallRecords { .. } | Command::OneCall { .. } | Command::Acts { .. } => {
                match self.wanted(command) {
                    Some(wanted) => return self.outputs.push_back(Output::Records { to, wanted }),
                    None => Reply::Refused("that is not where a page begins".to_owned()),
                }
            }
            Command::Recordings { limit, after } => self.recording_lines(*limit, *after),
            // Whether there is such a file, whoever opens it sees.
            Command::Listen { .. } => Reply::Done,
            Command::SetPresence { agent, state, reason } => {
                self.set_presence(now, agent, *state, reason.as_deref())
            }
            Command::Originate { .. }
            | Command::Transfer { .. }
            | Command::Hold { .. }
            | Command::Tape { .. }
            | Command::PauseTape { .. }
            | Command::Payment { .. }
            | Command::Play { .. }
            | Command::Collect { .. } => self.drive(now, by, command),
            Command::CountParts { parts } => self.count_parts(parts),
            Command::Articles { wanted, limit } => self.article_lines(wanted, *limit),
            Command::Article { name } => self.article_line(name),
            Command::PutArticle { .. } | Command::RemoveArticle { .. } => {
                self.change_shelf(now, by, command)
            }
            Command::Route { number, from } => self.dry_run(now, number, from),
            // It is done, or not, by now: this is for the journal.
            Command::Session { done: true, .. } => Reply::Done,
            Command::Session { .. } => Reply::Refused("nobody is let in".to_owned()),
            Command::Enter { user } => self.let_in(now, user),
            Command::Users => Reply::Users(self.user_lines()),
            Command::Tokens => Reply::Tokens(self.token_lines()),
            Command::AddUser { .. }
            | Command::ChangeUser { .. }
            | Command::AddToken { .. }
            | Command::RevokeToken { .. } => self.change_accounts(now, by, command),
            Command::Queues => Reply::Queues(self.queue_lines(now)),
            Command::Waiting { .. }
            | Command::Explain { .. }
            | Command::MoveToQueue { .. }
            | Command::MoveToChannel { .. }
            | Command::Prioritise { .. } => self.place(now, command),
            Command::Agents => Reply::Agents(self.agent_lines()),
            Command::Supervise { call, phone, mode } => {
                self.supervise(now, by, *call, phone.as_ref(), *mode)
            }
            Command::Unsupervise { call } => match self.end_supervision(*call) {
                Ok(()) => Reply::Done,
                Err(why) => Reply::Refused(why),
            },
            Command::Trunks => Reply::Trunks(self.trunk_lines()),
            Command::Phones => Reply::Phones(self.phone_lines(now)),
            Command::ShowCall { call, whole } => self.ladder(*call, *whole),
            Command::Metrics => Reply::Metrics(self.figures(now).into_text()),
            Command::Bans => Reply::Bans(self.ban_lines(now)),
            Command::Unban { address } => self.unban(*address),
            Command::Spending => Reply::Spending(self.spending(now)),
            Command::LiftCaps { of, hours } => self.lift_caps(now, of.as_ref(), *hours),
            Command::PhoneUrl { mac, once, renew } => self.give_phone_url(now, mac, *once, *renew),
            Command::Dispositions => Reply::Dispositions(self.disposition_lines()),
            Command::Mailboxes => Reply::Mailboxes(self.mailbox_lines()),
            Command::People { after, limit } => {
                let question = Question::People(*after, (*limit).min(MOST_PEOPLE));
                return self.outputs.push_back(Output::Look { to: LookFor::Reader(to), question });
            }
            Command::Records { after, limit } => {
                self.note_reader(now, to, by, command);
                let question = Question::Records(*after, (*limit).min(MOST_PEOPLE));
                return self.outputs.push_back(Output::Look { to: LookFor::Reader(to), question });
            }
            Command::Contact { .. } => return self.take_order(now, to, by, command),
            Command::Person { who, moments } => {
                self.note_reader(now, to, by, command);
                self.record_opened(now, by, who);
                return self.look_for_person(to, who, |who| Question::Dossier(who, *moments));
            }
            Command::Timeline { who, limit, after } => {
                return self
                    .look_for_person(to, who, |who| Question::Timeline(who, *after, *limit));
            }
            Command::Conversations { filter, after, limit } => {
                let filter = Filter { viewer: self.viewer(by), ..filter.clone() };
                let question = Question::Conversations(filter, *after, (*limit).min(MOST_PEOPLE));
                return self.look_when_shown(LookFor::Reader(to), question);
            }
            Command::Conversation { conversation, after, limit } => {
                let limit = (*limit).min(MOST_PEOPLE);
                let question = Question::Conversation(*conversation, *after, limit);
                return self.look_when_shown(LookFor::Reader(to), self.seen_by(by, question));
            }
            Command::Messages { state, after, limit } => {
                let question = Question::Messages(*state, *after, (*limit).min(MOST_PEOPLE));
                return self.look_when_shown(LookFor::Reader(to), self.seen_by(by, question));
            }
            Command::Talk { .. } | Command::Replay { .. } | Command::Withdraw { .. } => {
                return self.take_talk(now, to, by, command);
            }
            Command::Message { message } => {
                let question = Question::Message(*message);
                return self.look_when_shown(LookFor::Reader(to), self.seen_by(by, question));
            }
            Command::Search { text, after, limit } => match finding::expression(text) {
                Some(expression) => {
                    let limit = (*limit).clamp(1, MOST_PEOPLE);
                    let search = Search { expression, after: *after, limit };
                    let (to, question) = (LookFor::Reader(to), Question::Search(search));
                    return self.outputs.push_back(Output::Look { to, question });
                }
                // Whoever types has not come further yet.
                None => Reply::Hits(Hits::default()),
            },
            Command::Erasures => {
                let question = Question::Proofs(MOST_RECORDS);
                return self.outputs.push_back(Output::Look { to: LookFor::Reader(to), question });
            }
            Command::Journeys { limit, after } => {
                self.journeys_reply((*limit).min(MOST_RECORDS), *after)
            }
            Command::SiteEvents { .. } => return self.take_site_events(now, to, by, command),
            Command::StopJourney { journey } => self.stop_journey(now, *journey),
            Command::TaskDone { task } => self.task_done(now, by, task),
            Command::Errands { queue, agent, limit, after } => {
                let limit = (*limit).min(MOST_RECORDS);
                self.errand_lines(now, by, (queue.as_ref(), agent.as_ref()), (limit, *after))
            }
            Command::SendMessage { .. } => return self.send_message(now, to, by, command),
            Command::NewTask { task: NewTask { contact: Some(contact), .. } } => {
                return self.take_task_about(now, to, by, (command, *contact));
            }
            Command::NewTask { .. } | Command::Errand { .. } | Command::WrapUp { .. } => {
                self.order_errand(now, by, command)
            }
            Command::Webhooks => Reply::Webhooks(self.webhook_lines()),
            Command::DeadWebhooks { hook } => self.dead_webhooks(hook),
            Command::Crm => self.crm_line(now),
            Command::TestCrm { who, keep } => return self.test_crm(now, to, who, *keep),
            Command::ReplayWebhook { .. } | Command::PauseWebhook { .. } => {
                return self.order_webhook(now, to, by, command);
            }
            // Who keeps the files answers it; it does not come so far.
            Command::Modem { .. } => Reply::Refused("no modem is kept here".to_owned()),
            Command::Smpp => Reply::Refused("nobody speaks SMPP here".to_owned()),
            Command::Uplink | Command::HoldUplink { .. } => {
                Reply::Refused("no line to head office is held here".to_owned())
            }
            Command::Config { .. } => Reply::Refused("no configuration is kept here".to_owned()),
            // It is done, or not, by now: this is for the journal.
            Command::ConfigAct { done: true, .. } => Reply::Done,
            Command::ConfigAct { .. } => Reply::Refused("it was not done".to_owned()),
            Command::Verified { whole: true, .. } => Reply::Done,
            Command::Verified { .. } => Reply::Refused("the journal is damaged".to_owned()),
            Command::Health => {
                let (trunks, phones) = self.health(now);
                Reply::Health(trunks, phones)
            }
            Command::Restart => {
                tracing::info!(
                    calls = self.calls.len(),
                    "the program starts anew once no call is up"
                );
                self.handle_restart(now);
                Reply::Done
            }
            Command::HangUp { call } => self.hang_up_on_order(by, *call),
            Command::Leave => match self.handle_leave(now) {
                true => Reply::Done,
                false => Reply::Refused("nothing here keeps the sockets of calls".to_owned()),
            },
            Command::Drain => {
                tracing::info!(calls = self.calls.len(), "an admin drains the box: no new calls");
                self.handle_drain(now);
                Reply::Done
            }
        };
        self.reply(now, to, by, command, reply);
    }

    /// What a question wants of the store; nothing if it begins a page where there is none.
    fn wanted(&self, command: &Command) -> Option<Wanted> {
        match command {
            Command::CallRecords { limit, after } => {
                let after = match after {
                    Some(text) => {
                        let (arrived, call) = text.split_once('-')?;
                        Some((UnixTime(arrived.parse().ok()?), call.parse().ok()?))
                    }
                    None => None,
                };
                Some(Wanted::Calls { limit: (*limit).min(MOST_RECORDS), after })
            }
            Command::OneCall { call } => Some(Wanted::Call(*call)),
            Command::Acts { limit, after } => {
                Some(Wanted::Acts { limit: (*limit).min(MOST_RECORDS), after: *after })
            }
            _ => None,
        }
    }

    /// What was read as an admin reads it: personal data in clear, for those who may ask.
    pub(super) fn records(&self, found: Option<Found>) -> Reply {
        match found {
            None => Reply::NotReady(super::orders::NOT_READY.to_owned()),
            Some(Found::Calls(records)) => {
                Reply::CallRecords(records.iter().map(|record| self.call_line(record)).collect())
            }
            Some(Found::Call(call, record)) => self.one_call(call, record.as_deref()),
            Some(Found::Acts(acts, limit)) => Reply::Acts(act_page(acts, limit)),
        }
    }

    fn one_call(&self, call: CallId, record: Option<&CallRecord>) -> Reply {
        let views = self.calls.views();
        let live =
            views.iter().find(|view| view.call == call).map(|view| self.active_call(true, view));
        let record = record.or_else(|| self.unshown_record(call));
        let record = record.map(|record| self.call_line(record));
        let live = live.or_else(|| self.ending_call(call).filter(|_| record.is_none()));
        if live.is_none() && record.is_none() {
            return Reply::Refused(format!("there is no call {call}"));
        }
        let ladder = match self.ladder(call, false) {
            Reply::Ladder(ladder) => Some(ladder),
            _ => None,
        };
        Reply::OneCall(Box::new(OneCall { live, record, ladder }))
    }

    fn call_line(&self, record: &CallRecord) -> CallLine {
        let clear =
            |personal| self.journal.keys().read(personal).unwrap_or_else(|| "erased".to_owned());
        let qualities = || record.legs.iter().filter_map(|leg| leg.quality.as_ref());
        let worst = |of: fn(&Quality) -> f64| qualities().map(of).reduce(f64::max);
        CallLine {
            call: record.call,
            arrived: record.arrived,
            direction: match record.direction {
                Direction::Inbound => "inbound",
                Direction::Outbound => "outbound",
                Direction::Internal => "internal",
            }
            .to_owned(),
            from: clear(&record.from),
            to: clear(&record.to),
            diverted_by: record.diverted_by.as_ref().map(clear),
            answered: record.answered,
            connected: record.connected,
            ended: record.ended,
            origin: record.origin.to_string(),
            reached: record
                .legs
                .iter()
                .skip(1)
                .rfind(|leg| leg.answered.is_some())
                .map(|leg| leg.peer.to_string()),
            duration_s: record.ended.since(record.arrived).as_secs_f64(),
            wait_s: record.connected.unwrap_or(record.ended).since(record.arrived).as_secs_f64(),
            talk_s: record
                .connected
                .map_or(0.0, |connected| record.ended.since(connected).as_secs_f64()),
            queue: record.queue.clone(),
            agent: record.agent.clone(),
            conference: record.conference.clone(),
            cause: record.cause.name(),
            class: name(&record.class),
            mos: qualities().filter_map(|quality| quality.mos).reduce(f64::min),
            loss_percent: worst(Quality::loss_percent),
            jitter_ms: worst(|quality| quality.jitter_ms),
            round_trip_ms: qualities().filter_map(|quality| quality.round_trip_ms).reduce(f64::max),
            one_way: qualities().any(|quality| quality.one_way),
            recordings: record.recordings.clone(),
            encryption: record.legs.iter().filter_map(protected).collect(),
            consent: record.consent,
        }
    }

    pub(super) fn status(&self, now: Now) -> Status {
        let signed_in = |presence: &Presence| *presence != Presence::SignedOut;
        let mut parts = self.help_parts(now);
        parts.push(self.journal_part());
        parts.extend(self.disk_part());
        parts.extend(self.spending_part(now));
        parts.extend(self.crm_part(now));
        parts.extend(self.configuration_part());
        parts.extend(self.retention_part());
        parts.extend(self.channel_parts());
        parts.extend(self.application_part());
        parts.extend(self.sound_part());
        parts.extend(self.lateness_part(now.instant));
        parts.extend(self.busy_parts(now));
        parts.extend(self.trunk_lines().into_iter().map(|line| Part {
            name: format!("trunk {}", line.trunk),
            lamp: line.lamp,
            words: line.words,
        }));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            site: self.settings.site.name.clone(),
            started: self.started,
            at: now.unix,
            draining: !matches!(self.ending, Ending::No | Ending::Anew),
            listeners: self.listening.each().collect(),
            calls: self.calls.len(),
            max_calls: self.settings.limits.calls.into(),
            waiting: self.queue_lines(now).iter().map(|queue| queue.waiting).sum(),
            estimates: self.queues.snapshot(now).iter().filter_map(held).collect(),
            agents_ready: self
                .roster
                .iter()
                .filter(|(_, presence)| **presence == Presence::Ready)
                .count(),
            agents_signed_in: self
                .roster
                .iter()
                .filter(|(_, presence)| signed_in(presence))
                .count(),
            phones_registered: self.registrar.iter().count(),
            extensions: self.settings.extensions.len(),
            ports_in_use: self.pool.in_use(),
            ports: self.pool.capacity(),
            parts,
            counters: self.counted(),
        }
    }

    /// What was counted since the start.
    pub(super) fn counted(&self) -> Vec<(String, u64)> {
        let mut counters: Vec<_> =
            self.endpoint.counters().map(|(name, count)| (name.to_owned(), count)).collect();
        counters.push(("STUN requests dropped: too many".to_owned(), self.stun.dropped));
        let lost = self.watching.notifier.dropped;
        counters.push(("lamps lost: phones that took no NOTIFY".to_owned(), lost));
        counters.push(("wrong passwords".to_owned(), self.gate.mistakes));
        counters.push(("requests from sources that are shut out".to_owned(), self.gate.shut_out));
        counters.push(("wrong addresses of configurations".to_owned(), self.phones.mistakes));
        counters.push(("wrong PINs of mailboxes".to_owned(), self.wrong_pins()));
        counters.push(("legs sent sound and not heard".to_owned(), self.faults.one_way_so_far));
        counters.push(("calls decoded and coded now".to_owned(), self.coded_now() as u64));
        counters.push(("fax machines and modems".to_owned(), self.faults.machines));
        counters.push(("calls refused: too many in a second".to_owned(), self.rate.refused));
        counters.push(("calls refused: the box was late".to_owned(), self.lateness.refused));
        let (on, over) = (self.carrying.taken_up, self.carrying.given_up);
        counters.push(("calls that went on over the last restart".to_owned(), on));
        counters.push(("calls left by the last run that could not go on".to_owned(), over));
        let silent = self.keeping.unheard_of;
        counters.push(("legs whose media thread did not say how they sounded".to_owned(), silent));
        counters.extend(self.unread());
        counters
    }

    fn journal_part(&self) -> Part {
        let name = "journal".to_owned();
        let (what, advice) = match self.journal.state() {
            State::Healthy => {
                let words = format!("{} records on the disk", self.journal.stored().0);
                return Part { name, lamp: Lamp::Green, words };
            }
            State::Failed(Failure::Full) => ("is full", "make room in the data folder"),
            State::Failed(Failure::Broken) => ("does not take writes", "look at the kernel's log"),
            State::Failed(Failure::Slow) => ("is too slow", "replace it"),
        };
        let (held, lost) = self.journal.held();
        let lost = if lost > 0 { format!(", {lost} are lost") } else { String::new() };
        let words = format!(
            "the disk {what}: calls go on, what happens is in memory alone ({held} records{lost}); {advice}"
        );
        Part { name, lamp: Lamp::Red, words }
    }

    /// Queues in which callers wait for nobody, and limits that are reached.
    fn busy_parts(&self, now: Now) -> Vec<Part> {
        let amber = |name: String, words: String| Part { name, lamp: Lamp::Amber, words };
        let mut parts = Vec::new();
        for queue in self.queues.snapshot(now) {
            let waiting = queue.waiting.saturating_sub(queue.tasks);
            if waiting > 0 && !self.is_staffed(&queue.queue) {
                let words = format!("{waiting} wait and nobody is signed in");
                parts.push(amber(format!("queue {}", queue.queue), words));
            }
        }
        let most = usize::from(self.settings.limits.calls);
        if self.calls.len() >= most {
            let words = "the limit is reached: new calls are refused (limits.calls)".to_owned();
            parts.push(amber("calls".to_owned(), words));
        }
        if self.pool.in_use() * 10 >= self.pool.capacity() * 9 {
            let words =
                "ports for audio are nearly used up: widen media.port_min to media.port_max";
            parts.push(amber("rtp ports".to_owned(), words.to_owned()));
        }
        parts
    }

    fn is_staffed(&self, queue: &crate::id::QueueId) -> bool {
        let member = |settings: &crate::config::settings::Queue, agent: &crate::agent::Settings| {
            let own = self.settings.agents.iter().find(|known| known.id == agent.id);
            settings.members.contains(&agent.id)
                || own.is_some_and(|own| own.queues.contains(&settings.name))
        };
        let settings = self.settings.queues.iter().find(|settings| settings.name == *queue);
        self.roster.iter().any(|(agent, presence)| {
            *presence != Presence::SignedOut && settings.is_some_and(|queue| member(queue, agent))
        })
    }

    /// Told once there is something to do about it.
    fn disk_part(&self) -> Option<Part> {
        let used = self.keeping.room;
        let words = match used {
            0..90 => return None,
            90..95 => {
                format!("{used} % in use: no messages are recorded; make room in the data folder")
            }
            _ => format!(
                "{used} % in use: no messages, no single events of calls are kept; make room in the data folder"
            ),
        };
        Some(Part { name: "disk".to_owned(), lamp: Lamp::Amber, words })
    }

    pub(super) fn queue_lines(&self, now: Now) -> Vec<admin::Queue> {
        let line = |queue: crate::queue::Snapshot| admin::Queue {
            queue: queue.queue,
            waiting: queue.waiting.saturating_sub(queue.tasks),
            tasks: queue.tasks,
            longest_wait_s: queue.longest.as_secs(),
            ready: queue.ready,
            connected: queue.counters.connected,
            abandoned: queue.counters.abandoned,
            taken_out: queue.counters.taken_out,
            overflowed: queue.counters.overflowed,
            wait_s: queue.wait.map(|wait| [wait.start().as_secs(), wait.end().as_secs()]),
            estimates: queue.hit_rate.of,
            estimates_held: queue.hit_rate.hits,
            estimates_held_percent: queue.hit_rate.percent(),
        };
        self.queues.snapshot(now).into_iter().map(line).collect()
    }

    pub(super) fn agent_lines(&self) -> Vec<admin::Agent> {
        let since = |agent: &crate::id::AgentId| {
            self.journal.live().agents.get(agent).map(|standing| standing.since)
        };
        let line = |(settings, presence): (&crate::agent::Settings, &Presence)| admin::Agent {
            agent: settings.id.clone(),
            extension: settings.extension.clone(),
            state: state(presence),
            since: since(&settings.id).unwrap_or(self.started),
        };
        self.roster.iter().map(line).collect()
    }

    pub(super) fn trunk_lines(&self) -> Vec<admin::Trunk> {
        let line = |(id, trunk): (&crate::id::TrunkId, &trunk::Trunk)| admin::Trunk {
            trunk: id.clone(),
            lamp: match trunk.state() {
                trunk::State::InboundOnly { .. }
                | trunk::State::Unasked { .. }
                | trunk::State::Ready
                | trunk::State::Registered { .. } => Lamp::Green,
                trunk::State::Registering
                | trunk::State::Unheard { .. }
                | trunk::State::Partly { .. }
                | trunk::State::Resting { .. } => Lamp::Amber,
                trunk::State::Unresolved | trunk::State::Silent | trunk::State::Failed { .. } => {
                    Lamp::Red
                }
            },
            words: trunk.state().to_string() + &self.encryption_words(&Peer::Trunk(id.clone())),
            calls: [false, true]
                .map(|help| self.legs.count(&Peer::Trunk(id.clone()), help))
                .iter()
                .sum(),
        };
        self.trunks.iter().map(line).collect()
    }

    fn disposition_lines(&self) -> Vec<admin::DispositionLine> {
        let line = |known: &Disposition| admin::DispositionLine {
            code: known.code.clone(),
            requires: known.requires.clone(),
        };
        self.settings.dispositions.iter().map(line).collect()
    }

    fn mailbox_lines(&self) -> Vec<admin::Mailbox> {
        let line = |(mailbox, counts): (&ExtensionId, Counts)| admin::Mailbox {
            mailbox: mailbox.clone(),
            new: counts.new,
            old: counts.old,
        };
        self.mailboxes().map(line).collect()
    }

    fn phone_lines(&self, now: Now) -> Vec<Phone> {
        let way = |binding: &&Binding| {
            let transport = binding.transport.to_lowercase();
            let until = binding.expires.to_string();
            let clock = until.get(11..16).unwrap_or(&until);
            format!("{transport} {} until {clock} UTC", binding.peer)
        };
        let encryption = |extension: &crate::config::settings::Extension| {
            let words = self.encryption_words(&Peer::Extension(extension.number.clone()));
            (!words.is_empty()).then(|| words.trim_start_matches("; ").to_owned())
        };
        let line = |extension: &crate::config::settings::Extension| Phone {
            extension: extension.number.clone(),
            name: extension.name.clone(),
            bindings: self
                .registrar
                .flows(now, extension.number.as_str())
                .iter()
                .map(way)
                .collect(),
            set: self
                .phone_set(&extension.number)
                .into_iter()
                .chain(encryption(extension))
                .collect(),
            sheets: self.sheets_of(&extension.number),
        };
        self.settings.extensions.iter().map(line).collect()
    }
}

impl Gateway {
    /// A call that is up; `leads` whoever may know what agents may not.
    fn active_call(&self, leads: bool, call: &CallView) -> ActiveCall {
        let mut active = active_call(call);
        let unheard = self.unheard_in(call.call);
        if !unheard.is_empty() {
            active.doing += &format!(", {} not heard", unheard.join(" and "));
        }
        active.coded = self.coded_in(call.call);
        active.consent = self.consents.of_call(call.call);
        active.paying = self.calls.caller(call.call).is_some_and(|leg| self.is_paying(leg));
        active.tape = self.tape_of(call.call);
        active.supervised = self.supervised(leads, call.call);
        active
    }
}

/// How often a queue's estimates were right, where that is known.
fn held(queue: &crate::queue::Snapshot) -> Option<admin::Held> {
    let (estimates, held) = (queue.hit_rate.of, queue.hit_rate.hits);
    let percent = queue.hit_rate.percent()?;
    Some(admin::Held { queue: queue.queue.clone(), estimates, held, percent })
}

/// How one leg was encrypted, in words.
fn protected(leg: &LegRecord) -> Option<String> {
    let protection = leg.quality.as_ref()?.protection?;
    Some(format!("{} {protection}", leg.peer))
}

fn active_call(call: &CallView) -> ActiveCall {
    ActiveCall {
        call: call.call,
        from: call.from.clone(),
        to: call.to.clone(),
        doing: match &call.activity {
            Activity::Ivr => "in the IVR".to_owned(),
            Activity::Originating => "the own phone rings first".to_owned(),
            Activity::Ringing => "ringing".to_owned(),
            Activity::Queued(queue) => format!("waiting in {queue}"),
            Activity::Talking(_) => "talking".to_owned(),
            Activity::Voicemail => "at a mailbox".to_owned(),
            Activity::Admission(_) => "keys a PIN in".to_owned(),
            Activity::Conference(_) => match &call.conference {
                Some(conference) => format!("in conference {conference}"),
                None => "in a conference".to_owned(),
            },
            Activity::Paging(_) => "speaks through loudspeakers".to_owned(),
            Activity::Echo => "echo test".to_owned(),
            Activity::Supervising => "listens in".to_owned(),
            Activity::Parked(slot) => format!("parked at {slot}"),
            Activity::Saying => "hears a last sentence".to_owned(),
            Activity::Ending => "ending".to_owned(),
        },
        with: (!call.with.is_empty()).then(|| {
            let names: Vec<_> = call.with.iter().map(Peer::to_string).collect();
            names.join(", ")
        }),
        arrived: call.arrived,
        coded: Vec::new(),
        paying: false,
        consent: None,
        tape: None,
        supervised: None,
        held_by: call.held_by.iter().map(Peer::to_string).collect(),
    }
}

fn state(presence: &Presence) -> String {
    match presence {
        Presence::SignedOut => "signed out".to_owned(),
        Presence::Ready => "ready".to_owned(),
        Presence::Offered => "ringing".to_owned(),
        Presence::Talking => "talking".to_owned(),
        Presence::WrapUp => "wrap-up".to_owned(),
        Presence::Paused(Reason::Missed) => "paused: did not answer".to_owned(),
        Presence::Paused(Reason::Chosen(why)) => format!("paused: {why}"),
    }
}

/// The name of a unit variant, as JSON has it.
pub(super) fn name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
