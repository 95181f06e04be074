//! Agents: who is signed in, and what each is doing. The one owner of an agent's state.
//!
//! Deliberately knows nothing of what waits: it says who became ready, and is told what they were offered.

#[cfg(test)]
mod tests;

pub mod desk;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, ExtensionId, ItemId, SkillId};
use crate::time::{Now, UnixTime};

/// One agent, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who.
    pub id: AgentId,
    /// The phone that rings.
    pub extension: ExtensionId,
    /// Level in each skill. Default none.
    #[serde(default)]
    pub skills: BTreeMap<SkillId, u8>,
    /// Seconds of after-work following each contact; 0 for none. Default 0.
    #[serde(default)]
    pub wrap_up: u32,
}

/// Why an agent is on pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// An offer rang out or the phone was not reached, so that a dead phone does not eat calls.
    Missed,
    /// What the agent said, such as `lunch`.
    Chosen(String),
}

/// What an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Not at work.
    SignedOut,
    /// Takes work, unless busy on another call.
    Ready,
    /// A contact rings there.
    Offered,
    /// On a contact.
    Talking,
    /// After-work.
    WrapUp,
    /// Takes no work for now.
    Paused(Reason),
}

/// The verdict on an input that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// No such agent.
    Unknown,
    /// Not in this state.
    WrongState,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The agent can be offered work.
    Ready {
        /** Who. */
        agent: AgentId,
        /** End of the last contact, or sign-in. */
        since: UnixTime,
    },
    /// The agent cannot be offered work any more.
    Unready {
        /** Who. */
        agent: AgentId,
    },
    /// The agent has asked during a contact to take no more work after it: nothing else is offered meanwhile.
    Leaving {
        /** Who. */
        agent: AgentId,
    },
    /// That is taken back.
    Staying {
        /** Who. */
        agent: AgentId,
    },
    /// After-work of a contact that was not on the phone is over.
    WrappedUp {
        /** Who. */
        agent: AgentId,
        /** Which contact. */
        item: ItemId,
        /** Because the time for it was over. */
        ran_out: bool,
    },
    /// After-work of a call is over because the time for it was; said before the change that follows.
    RanOut {
        /** Who. */
        agent: AgentId,
    },
    /// For the journal and the screens.
    Changed {
        /** Who. */
        agent: AgentId,
        /** Before. */
        from: Presence,
        /** After. */
        to: Presence,
        /** When. */
        at: UnixTime,
    },
}

#[derive(Debug)]
struct Agent {
    settings: Settings,
    presence: Presence,
    idle_since: UnixTime,
    busy: bool,
    /// Until when nothing is offered, as nothing would ring: the page is gone that was the telephone.
    away: Option<Instant>,
    /// What follows the contact when not [`Presence::Ready`]: a pause or sign-out asked for meanwhile.
    afterwards: Option<Presence>,
    /// Not in the configuration any more: whoever signs out now does not come back.
    gone: bool,
    wrap_up_ends: Option<Instant>,
    /// After-work of contacts that are not on the phone, several at once: when each ends.
    written: BTreeMap<ItemId, Instant>,
}

impl Agent {
    fn new(settings: Settings) -> Agent {
        Agent {
            settings,
            presence: Presence::SignedOut,
            idle_since: UnixTime::default(),
            busy: false,
            away: None,
            afterwards: None,
            gone: false,
            wrap_up_ends: None,
            written: BTreeMap::new(),
        }
    }

    fn is_free(&self) -> bool {
        self.presence == Presence::Ready && !self.busy && self.away.is_none()
    }
}

/// All agents of the branch.
#[derive(Debug)]
pub struct Roster {
    agents: BTreeMap<AgentId, Agent>,
    outputs: VecDeque<Output>,
}

type Done = Result<(), Misfit>;

impl Roster {
    /// Everybody signed out.
    pub fn new(settings: Vec<Settings>) -> Self {
        let agents = settings.into_iter().map(|s| (s.id.clone(), Agent::new(s))).collect();
        Roster { agents, outputs: VecDeque::new() }
    }

    /// The configuration has changed. Who stays keeps their state; who is new is signed out; who is gone is signed out,
    /// after what they have in hand.
    pub fn handle_settings(&mut self, now: Now, settings: Vec<Settings>) {
        self.agents.values_mut().for_each(|agent| agent.gone = true);
        for settings in settings {
            match self.agents.get_mut(&settings.id) {
                Some(agent) => (agent.settings, agent.gone) = (settings, false),
                None => drop(self.agents.insert(settings.id.clone(), Agent::new(settings))),
            }
        }
        self.agents.retain(|_, agent| !agent.gone || agent.presence != Presence::SignedOut);
        let gone = self.agents.iter().filter(|(_, agent)| agent.gone);
        for id in gone.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            // Whoever is there and not signed out can be signed out.
            let _ = self.handle_sign_out(now, &id);
        }
    }

    /// Comes to work; idle from now. Takes back a sign-out that was asked for during a contact.
    pub fn handle_sign_in(&mut self, now: Now, id: &AgentId) -> Done {
        let agent = self.agents.get_mut(id).filter(|agent| !agent.gone).ok_or(Misfit::Unknown)?;
        if agent.afterwards == Some(Presence::SignedOut) {
            agent.afterwards = None;
            self.outputs.push_back(Output::Staying { agent: id.clone() });
            return Ok(());
        }
        let agent = self.expect(id, |p| *p == Presence::SignedOut)?;
        agent.idle_since = now.unix;
        self.turn(now, id, Presence::Ready)
    }

    /// Leaves; during a contact, after it.
    pub fn handle_sign_out(&mut self, now: Now, id: &AgentId) -> Done {
        self.expect(id, |p| *p != Presence::SignedOut)?;
        self.after_contact(now, id, Presence::SignedOut)
    }

    /// Takes no more work; during a contact, after it. Idle time goes on counting.
    pub fn handle_pause(&mut self, now: Now, id: &AgentId, reason: Reason) -> Done {
        self.expect(id, |p| *p != Presence::SignedOut)?;
        self.after_contact(now, id, Presence::Paused(reason))
    }

    /// Takes work again, or takes back a pause that was asked for during a contact.
    pub fn handle_resume(&mut self, now: Now, id: &AgentId) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        match (&agent.presence, &agent.afterwards) {
            (Presence::Paused(_), _) => self.turn(now, id, Presence::Ready),
            (_, Some(Presence::Paused(_))) => {
                agent.afterwards = None;
                self.outputs.push_back(Output::Staying { agent: id.clone() });
                Ok(())
            }
            _ => Err(Misfit::WrongState),
        }
    }

    /// Is to take work, from wherever they are: a pause or a sign-out that was asked for is taken back, and after-work ends.
    pub fn handle_ready(&mut self, now: Now, id: &AgentId) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        if agent.afterwards.take().is_some() {
            self.outputs.push_back(Output::Staying { agent: id.clone() });
        }
        match agent.presence {
            Presence::SignedOut => self.handle_sign_in(now, id),
            Presence::Paused(_) | Presence::WrapUp => self.turn(now, id, Presence::Ready),
            Presence::Ready | Presence::Offered | Presence::Talking => Ok(()),
        }
    }

    /// A contact rings there.
    pub fn handle_offered(&mut self, now: Now, id: &AgentId) -> Done {
        self.expect(id, |p| *p == Presence::Ready)?;
        self.turn(now, id, Presence::Offered)
    }

    /// The agent has the contact.
    pub fn handle_answered(&mut self, now: Now, id: &AgentId) -> Done {
        self.expect(id, |p| *p == Presence::Offered)?;
        self.turn(now, id, Presence::Talking)
    }

    /// It no longer rings there, through no doing of the agent.
    pub fn handle_withdrawn(&mut self, now: Now, id: &AgentId) -> Done {
        self.expect(id, |p| *p == Presence::Offered)?;
        self.turn(now, id, Presence::Ready)
    }

    /// The offer was not taken; `pauses` as the queue said.
    pub fn handle_missed(&mut self, now: Now, id: &AgentId, pauses: bool) -> Done {
        self.expect(id, |p| *p == Presence::Offered)?;
        let to = if pauses { Presence::Paused(Reason::Missed) } else { Presence::Ready };
        self.turn(now, id, to)
    }

    /// The contact is over: after-work of `wrap_up` seconds (the agent's own when absent), then ready.
    pub fn handle_released(&mut self, now: Now, id: &AgentId, wrap_up: Option<u32>) -> Done {
        let agent = self.expect(id, |p| *p == Presence::Talking)?;
        agent.idle_since = now.unix;
        let seconds = wrap_up.unwrap_or(agent.settings.wrap_up);
        if seconds == 0 {
            return self.settle(now, id);
        }
        agent.wrap_up_ends = Some(now.instant + Duration::from_secs(seconds.into()));
        self.turn(now, id, Presence::WrapUp)
    }

    /// After-work is done early.
    pub fn handle_wrapped_up(&mut self, now: Now, id: &AgentId) -> Done {
        self.expect(id, |p| *p == Presence::WrapUp)?;
        self.settle(now, id)
    }

    /// A contact that was not on the phone is over: after-work of so many seconds, beside whatever else the agent does.
    pub fn handle_written_released(
        &mut self,
        now: Now,
        id: &AgentId,
        item: ItemId,
        seconds: u32,
    ) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        if seconds == 0 {
            self.outputs.push_back(Output::WrappedUp { agent: id.clone(), item, ran_out: false });
        } else {
            agent.written.insert(item, now.instant + Duration::from_secs(seconds.into()));
        }
        Ok(())
    }

    /// After-work of a contact that was not on the phone is done early.
    pub fn handle_written_wrapped_up(&mut self, id: &AgentId, item: ItemId) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        agent.written.remove(&item).ok_or(Misfit::WrongState)?;
        self.outputs.push_back(Output::WrappedUp { agent: id.clone(), item, ran_out: false });
        Ok(())
    }

    /// The phone is on a call that no queue gave.
    pub fn handle_busy(&mut self, id: &AgentId) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        let was = std::mem::replace(&mut agent.busy, true);
        if !was && agent.presence == Presence::Ready {
            self.outputs.push_back(Output::Unready { agent: id.clone() });
        }
        Ok(())
    }

    /// That call is over.
    pub fn handle_idle(&mut self, id: &AgentId) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        let was = std::mem::replace(&mut agent.busy, false);
        if was && agent.is_free() {
            let since = agent.idle_since;
            self.outputs.push_back(Output::Ready { agent: id.clone(), since });
        }
        Ok(())
    }

    /// The page that rings is gone, and nothing else rings there. A page that is loaded anew is back in seconds: until then,
    /// and no longer than `until`, nothing is offered, and what is offered goes back as if it had not been.
    pub fn handle_away(&mut self, id: &AgentId, until: Instant) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        let was = agent.away.replace(until).is_some();
        if !was && matches!(agent.presence, Presence::Ready | Presence::Offered) {
            self.outputs.push_back(Output::Unready { agent: id.clone() });
        }
        Ok(())
    }

    /// Something rings there again.
    pub fn handle_back(&mut self, id: &AgentId) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        if agent.away.take().is_some() && agent.is_free() {
            let since = agent.idle_since;
            self.outputs.push_back(Output::Ready { agent: id.clone(), since });
        }
        Ok(())
    }

    /// Takes up a state kept before a restart. A contact did not survive it: ringing, talking, after-work become ready.
    pub fn restore(
        &mut self,
        now: Now,
        id: &AgentId,
        kept: Presence,
        idle_since: UnixTime,
    ) -> Done {
        let agent = self.expect(id, |p| *p == Presence::SignedOut)?;
        agent.idle_since = idle_since;
        match kept {
            Presence::SignedOut => Ok(()),
            Presence::Paused(_) => self.turn(now, id, kept),
            _ => self.turn(now, id, Presence::Ready),
        }
    }

    /// Ends after-work that is due, and the time that a page has to come back.
    pub fn handle_timeout(&mut self, now: Now) {
        let gone = |a: &&Agent| a.away.is_some_and(|at| at <= now.instant);
        let gone: Vec<_> =
            self.agents.values().filter(gone).map(|a| a.settings.id.clone()).collect();
        for id in gone {
            // From here on it is as with any phone that is not there. Each was just found.
            let _ = self.handle_back(&id);
        }
        let due = |a: &&Agent| a.wrap_up_ends.is_some_and(|at| at <= now.instant);
        let due: Vec<_> = self.agents.values().filter(due).map(|a| a.settings.id.clone()).collect();
        for (id, agent) in &mut self.agents {
            while let Some(item) =
                agent.written.iter().find(|(_, at)| **at <= now.instant).map(|(item, _)| *item)
            {
                agent.written.remove(&item);
                let ran_out = true;
                self.outputs.push_back(Output::WrappedUp { agent: id.clone(), item, ran_out });
            }
        }
        for id in due {
            self.outputs.push_back(Output::RanOut { agent: id.clone() });
            // Only an agent in after-work has such a time, and each was just found.
            let _ = self.settle(now, &id);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let ends = |agent: &Agent| {
            let written = agent.written.values().copied();
            agent.wrap_up_ends.into_iter().chain(agent.away).chain(written).min()
        };
        self.agents.values().filter_map(ends).min()
    }

    /// The next thing to tell.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What the agent is doing.
    pub fn presence(&self, id: &AgentId) -> Option<&Presence> {
        self.agents.get(id).map(|a| &a.presence)
    }

    /// Since when the agent has been without a contact.
    pub fn idle_since(&self, id: &AgentId) -> Option<UnixTime> {
        self.agents.get(id).map(|a| a.idle_since)
    }

    /// The agent as configured.
    pub fn settings(&self, id: &AgentId) -> Option<&Settings> {
        self.agents.get(id).map(|a| &a.settings)
    }

    /// Everybody, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Settings, &Presence)> {
        self.agents.values().map(|a| (&a.settings, &a.presence))
    }

    fn expect(
        &mut self,
        id: &AgentId,
        fits: impl FnOnce(&Presence) -> bool,
    ) -> Result<&mut Agent, Misfit> {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        if fits(&agent.presence) { Ok(agent) } else { Err(Misfit::WrongState) }
    }

    fn after_contact(&mut self, now: Now, id: &AgentId, to: Presence) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        if matches!(agent.presence, Presence::Talking | Presence::WrapUp) {
            agent.afterwards = Some(to);
            self.outputs.push_back(Output::Leaving { agent: id.clone() });
            return Ok(());
        }
        self.turn(now, id, to)
    }

    fn settle(&mut self, now: Now, id: &AgentId) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        let to = agent.afterwards.take().unwrap_or(Presence::Ready);
        self.turn(now, id, to)
    }

    fn turn(&mut self, now: Now, id: &AgentId, to: Presence) -> Done {
        let agent = self.agents.get_mut(id).ok_or(Misfit::Unknown)?;
        if to != Presence::WrapUp {
            agent.wrap_up_ends = None;
        }
        let from = std::mem::replace(&mut agent.presence, to.clone());
        let (was, is) = (from == Presence::Ready, to == Presence::Ready);
        // Ringing and talking come from the queue itself, which needs no telling.
        let leaves = (was || from == Presence::Offered)
            && !matches!(to, Presence::Ready | Presence::Offered | Presence::Talking);
        let (free, since) = (agent.is_free(), agent.idle_since);
        self.outputs.push_back(Output::Changed { agent: id.clone(), from, to, at: now.unix });
        if is && !was && free {
            self.outputs.push_back(Output::Ready { agent: id.clone(), since });
        } else if leaves {
            self.outputs.push_back(Output::Unready { agent: id.clone() });
        }
        Ok(())
    }
}
