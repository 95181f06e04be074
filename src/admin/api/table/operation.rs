//! What can be asked for, by name.

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What is asked for; the document's `operationId`, and what the journal calls it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation { $($(#[$doc])* $name),+ }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Operation] = &[$(Operation::$name),+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$name => $text),+ }
            }
        }
    };
}

operations! {
    /// This document.
    Document = "get_document",
    /// Signs in.
    SignIn = "sign_in",
    /// Goes to sign in at the provider.
    Provider = "sign_in_elsewhere",
    /// Comes back from there.
    Back = "return_from_provider",
    /// The provider says that somebody has signed out there.
    SignedOutThere = "end_sessions_at_provider",
    /// Who asks.
    Me = "get_session",
    /// Signs out.
    SignOut = "sign_out",
    /// Everybody's sessions.
    Sessions = "list_sessions",
    /// Ends somebody's session.
    EndSession = "end_session",
    /// The whole box at a glance.
    Status = "get_status",
    /// Calls that are up.
    LiveCalls = "list_live_calls",
    /// Calls that are over.
    Calls = "list_calls",
    /// One call.
    OneCall = "get_call",
    /// How one sounds.
    CallQuality = "get_call_quality",
    /// Makes a call.
    Originate = "make_call",
    /// Ends a call.
    HangUp = "hang_up",
    /// Sends the other party on.
    Transfer = "transfer_call",
    /// Puts the other party on hold.
    Hold = "hold_call",
    /// Takes it off hold.
    Resume = "resume_call",
    /// Begins a recording.
    Record = "start_recording",
    /// Ends it.
    StopRecording = "stop_recording",
    /// Lets nothing onto a recording.
    PauseRecording = "pause_recording",
    /// Lets everything onto it again.
    GoOnRecording = "go_on_recording",
    /// Listens in, heard by nobody.
    Monitor = "monitor_call",
    /// Listens in, heard by the phone of the branch.
    Whisper = "whisper_call",
    /// Listens in, heard by both.
    Barge = "barge_call",
    /// Listens in no more.
    Unsupervise = "end_supervision",
    /// Begins a payment pause.
    BeginPayment = "begin_payment",
    /// Ends it.
    EndPayment = "end_payment",
    /// Plays a prompt.
    Play = "play_prompt",
    /// Asks for keys.
    Collect = "collect_keys",
    /// What happens, as it happens.
    Feed = "read_feed",
    /// Queues.
    Queues = "list_queues",
    /// Those who wait in a queue.
    Waiting = "list_waiting",
    /// Why one of them waits.
    Explain = "explain_waiting",
    /// Lets one wait elsewhere or otherwise.
    MoveWaiting = "move_waiting",
    /// Puts one forward or back.
    Prioritise = "set_priority",
    /// Agents.
    Agents = "list_agents",
    /// Sets an agent's state.
    SetPresence = "set_presence",
    /// Formulas of reports.
    Formulas = "list_formulas",
    /// Figures by interval.
    Report = "get_report",
    /// What a figure counted.
    OpenFigure = "open_figure",
    /// The export for planners of shifts.
    Planners = "export_intervals",
    /// Trunks.
    Trunks = "list_trunks",
    /// Phones.
    Phones = "list_phones",
    /// Ways in which a contact may come out.
    Dispositions = "list_dispositions",
    /// Mailboxes.
    Mailboxes = "list_mailboxes",
    /// Messages that callers left.
    Recordings = "list_recordings",
    /// The sound of one.
    Audio = "get_recording_audio",
    /// What calls out have cost.
    Spending = "get_spending",
    /// Lifts caps on spending.
    LiftCaps = "lift_caps",
    /// Where a number would go.
    DryRun = "try_route",
    /// Sources that are not heard.
    Bans = "list_bans",
    /// Hears a source again.
    Unban = "lift_ban",
    /// The configuration.
    Config = "get_config",
    /// What would come of another.
    CheckConfig = "check_config",
    /// Runs another.
    ApplyConfig = "apply_config",
    /// Lets it stay.
    ConfirmConfig = "confirm_config",
    /// Puts the one before it back.
    RollBackConfig = "roll_back_config",
    /// Those that have run.
    ConfigVersions = "list_config_versions",
    /// One of them.
    ConfigVersion = "get_config_version",
    /// Users.
    Users = "list_users",
    /// Makes a user.
    NewUser = "add_user",
    /// Changes a user.
    ChangeUser = "change_user",
    /// Tokens.
    Tokens = "list_tokens",
    /// Makes a token.
    NewToken = "add_token",
    /// Revokes a token.
    RevokeToken = "revoke_token",
    /// Programs elsewhere that are told what happens.
    Webhooks = "list_webhooks",
    /// Messages to one of them that were given up.
    DeadWebhooks = "list_dead_messages",
    /// Sends it again what happened before.
    ReplayWebhook = "replay_webhook",
    /// Sends it nothing for a time.
    PauseWebhook = "pause_webhook",
    /// Reads the journal from end to end.
    VerifyJournal = "verify_journal",
    /// Who did what.
    Acts = "list_acts",
    /// People by what they are known by.
    FindPeople = "find_people",
    /// Makes a contact.
    NewPerson = "add_person",
    /// One person.
    OnePerson = "get_person",
    /// Everything of one person.
    ExportPerson = "export_person",
    /// What happened with a person.
    Timeline = "list_moments",
    /// People, cases and moments that some words fit.
    Search = "search_people",
    /// Says fields.
    EditPerson = "edit_person",
    /// Erases a person.
    ErasePerson = "erase_person",
    /// Writes a note.
    Note = "add_note",
    /// Says how something came out.
    Dispose = "add_disposition",
    /// Gives an identity.
    LinkIdentity = "link_identity",
    /// Takes it away.
    UnlinkIdentity = "unlink_identity",
    /// Several people share an identity.
    ShareIdentity = "share_identity",
    /// One person has it after all.
    UnshareIdentity = "unshare_identity",
    /// Makes one person of two contacts.
    MergePerson = "merge_person",
    /// And two again.
    UnmergePerson = "unmerge_person",
    /// Puts a tag on.
    Tag = "add_tag",
    /// Takes it off.
    Untag = "remove_tag",
    /// Pins a fact.
    Pin = "add_pin",
    /// Takes it off.
    Unpin = "remove_pin",
    /// Notes consent.
    Consent = "set_consent",
    /// Notes the preferred channel.
    Prefer = "set_preferred_channel",
    /// Notes that somebody was identified.
    Verify = "set_verified",
    /// Opens a case.
    OpenCase = "open_case",
    /// Closes a case, or opens it again.
    ChangeCase = "change_case",
    /// Adds to a case.
    LinkCase = "link_case",
    /// Takes out of a case.
    UnlinkCase = "unlink_case",
    /// Makes two of a case.
    SplitCase = "split_case",
    /// Makes one of two cases.
    MergeCases = "merge_cases",
    /// Lets nothing of a person be erased.
    HoldPerson = "hold_person",
    /// Ends that.
    ReleasePerson = "release_person",
    /// Erasures that were.
    Erasures = "list_erasures",
    /// Tells of events of a site or a shop.
    SiteEvents = "tell_events",
    /// Journeys that run.
    Journeys = "list_journeys",
    /// What came of the last steps.
    JourneySteps = "list_journey_steps",
    /// Stops a journey.
    StopJourney = "stop_journey",
    /// Work that nobody holds a line for.
    Work = "list_work",
    /// Makes a task.
    NewTask = "add_task",
    /// Sends somebody a message.
    SendMessage = "send_message",
    /// Counts a text.
    CountParts = "count_parts",
    /// An agent takes a piece of work.
    TakeWork = "take_work",
    /// An agent does not want it.
    DeclineWork = "decline_work",
    /// It goes back into its queue.
    ReturnWork = "return_work",
    /// It is over.
    FinishWork = "finish_work",
    /// After-work is over.
    WrapUp = "end_wrap_up",
    /// Conversations.
    Conversations = "list_conversations",
    /// One conversation.
    Conversation = "get_conversation",
    /// What was written in one.
    Messages = "list_messages",
    /// One message.
    Message = "get_message",
    /// Messages that wait, or did not arrive.
    Standing = "list_messages_by_state",
    /// Sends one again.
    Replay = "replay_message",
    /// Takes one back.
    Withdraw = "withdraw_message",
    /// Writes in a conversation.
    Reply = "reply_in_conversation",
    /// An agent has a conversation from now on.
    Claim = "claim_conversation",
    /// It goes back into a queue.
    Release = "release_conversation",
    /// It goes to somebody else.
    HandOver = "transfer_conversation",
    /// It is over.
    CloseTalk = "close_conversation",
    /// Somebody writes in it at this moment, or no more.
    Typing = "show_typing",
    /// Somebody has read it.
    SeeTalk = "mark_conversation_seen",
    /// Keeps a file for a message.
    KeepFile = "keep_file",
    /// Replies that are ready.
    Replies = "list_replies",
    /// What the branch knows.
    Knowledge = "search_knowledge",
    /// One article.
    Article = "get_article",
    /// Writes an article.
    PutArticle = "put_article",
    /// Takes it off the shelf.
    RemoveArticle = "remove_article",
    /// Gives the code with which a person goes on by telephone.
    PhoneCode = "make_phone_code",
    /// Shows a visitor that they may go on by voice in their browser.
    InviteToCall = "invite_to_call",
    /// A file of one.
    MessageFile = "get_message_file",
    /// Opens the channel of an agent's page.
    Desk = "open_desk",
    /// Tasks that rules have made.
    Tasks = "list_tasks",
    /// A task is done with.
    TaskDone = "finish_task",
}
