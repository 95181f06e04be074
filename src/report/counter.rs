//! What is counted: one number for each kind, interval and group. Formulas are made of nothing else, so each number in
//! a report can be opened to the contacts that it counted.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One kind of count. Times are in microseconds, money in millionths.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Counter {
            $($(#[$doc])* $name,)*
        }

        /// How many kinds there are.
        pub const COUNTERS: usize = [$(Counter::$name),*].len();

        impl Counter {
            /// Every kind with its name, as in files.
            pub const ALL: [(Counter, &'static str); COUNTERS] =
                [$((Counter::$name, stringify!($name))),*];
        }
    };
}

counters! {
    /// Entered the queue.
    Queued,
    /// Answered by a human while waiting.
    Answered,
    /// Of these, in target as it was when they came.
    InTarget,
    /// Of these, in the target of today.
    InTargetToday,
    /// Went away while waiting.
    Abandoned,
    /// Of these, before the limit for short abandons.
    Short,
    /// Of these, in target.
    AbandonedInTarget,
    /// Accepted a call back while waiting.
    Callbacks,
    /// Of these, in target.
    CallbacksInTarget,
    /// Were called back and reached.
    CallbacksKept,
    /// Were called back and not reached.
    CallbacksLost,
    /// Left for somewhere else.
    FlowedOut,
    /// Still wait where the facts end.
    StillWaiting,
    /// Wait of those answered.
    Wait,
    /// Wait until a call back was accepted, of those who were then reached.
    WaitForPromise,
    /// Wait from there until they were reached.
    WaitForCallback,
    /// Not answered within the hours that the site allows; where nobody waits on the line.
    Unanswered,
    /// All that are old enough to say so.
    AnswerDue,
    /// And those that are not.
    AnswerYoung,
    /// Contacts that an agent had.
    Handled,
    /// Of calls: conversation.
    Talk,
    /// Of calls: on hold.
    Hold,
    /// Of calls: after-work.
    AfterWork,
    /// Digital contacts that an agent had.
    HandledDigital,
    /// Of these: attention of the agent, after-work included; never two at a time.
    Focus,
    /// Of these: from the answer to the end.
    Session,
    /// Time of agents with at least one contact.
    Occupied,
    /// Time of agents who are ready and have none.
    Idle,
    /// Time of all contacts of agents, side by side.
    ContactTime,
    /// Issues closed a day ago or longer.
    Closed1,
    /// Of these, solved.
    Solved1,
    /// Issues closed within the day.
    Young1,
    /// Issues closed 7 days ago or longer.
    Closed7,
    /// Of these, solved.
    Solved7,
    /// Issues closed within 7 days.
    Young7,
    /// Issues closed 30 days ago or longer.
    Closed30,
    /// Of these, solved.
    Solved30,
    /// Issues closed within 30 days.
    Young30,
    /// Contacts that people began.
    Inbound,
    /// Of these, from nobody known.
    InboundUnknown,
    /// Of these, within a day of another.
    Repeat1,
    /// Within 7 days.
    Repeat7,
    /// Within 30 days.
    Repeat30,
    /// Entered self-service, and 24 hours are over since they left.
    Sessions,
    /// Of these, reached the goal, without a human and without coming back within 24 hours.
    Contained,
    /// Of these, not passed to a human.
    Untransferred,
    /// Of these, asked for a human.
    OptedOut,
    /// Entered self-service, and 24 hours are not over.
    SessionsYoung,
    /// Journeys.
    Journeys,
    /// Of these, begun in digital or in self-service.
    DigitalFirst,
    /// Of these, begun in digital.
    DigitalStarted,
    /// Of these, that came to a call.
    ReachedVoice,
    /// Journeys that changed channel.
    Changed,
    /// Of these, because the customer chose to.
    ChangedChosen,
    /// Of these, because there was no other way.
    ChangedForced,
    /// Contacts that were handed on.
    Handoffs,
    /// Of these, where context was opened before the first reply, and nothing stored was asked again.
    ContextKept,
    /// Questions asked again after it.
    AskedAgain,
    /// Times somebody had to prove again who they are.
    Reauthenticated,
    /// Until the first useful reply.
    ToUsefulReply,
    /// Of these, those that were replied to.
    Replied,
    /// Surveys of satisfaction sent.
    CsatSent,
    /// Answered.
    CsatAnswered,
    /// With 4 or 5.
    CsatGood,
    /// Surveys of recommendation sent.
    NpsSent,
    /// Answered.
    NpsAnswered,
    /// With 9 or 10.
    Promoters,
    /// With 0 to 6.
    Detractors,
    /// Surveys of effort sent.
    CesSent,
    /// Answered.
    CesAnswered,
    /// Sum of scores.
    CesSum,
    /// Cost of agents' time.
    AgentCost,
    /// Cost of carriers.
    CarrierCost,
    /// Cost of messages.
    MessageCost,
}

/// All counts of one interval and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts([i64; COUNTERS]);

impl Default for Counts {
    fn default() -> Self {
        Counts([0; COUNTERS])
    }
}

impl Counts {
    /// One of them.
    pub fn get(&self, counter: Counter) -> i64 {
        self.0.get(counter as usize).copied().unwrap_or(0)
    }

    /// Adds to one of them.
    pub fn add(&mut self, counter: Counter, amount: i64) {
        if let Some(count) = self.0.get_mut(counter as usize) {
            *count = count.saturating_add(amount);
        }
    }

    /// Adds all of another interval or group.
    pub fn merge(&mut self, other: &Counts) {
        for (counter, _) in Counter::ALL {
            self.add(counter, other.get(counter));
        }
    }
}
