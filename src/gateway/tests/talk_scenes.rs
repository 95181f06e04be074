//! Conversations in a whole branch: who has one, who sees it, what is done in it, and how much fits beside a call.

use super::message_scenes::PHONES;
use super::scenes::scene;
use super::*;
use crate::admin::api::errands::{self, WorkState};
use crate::admin::api::messages::{Doing, MessageLine, NewReply};
use crate::admin::{Command, Reply};
use crate::id::{ConversationId, ItemId, MessageId};
use crate::journal::act::{Role, Who};
use crate::messaging::channel::{Heard, Input, Receipt};
use crate::messaging::contract::Arrived;
use crate::messaging::{Address, Kind, Owner, State as Stands};

const OWNER: usize = 1;
const ANN: usize = 2;

/// Two agents; calls and whatever is written is offered to whoever has least.
pub(super) const DESK: (&str, &str) =
    ("strategy = \"ring-all\"\nwrap_up = 3", "strategy = \"longest-idle\"\nwrap_up = 0");
/// The same with bob away.
pub(super) const ANN_ALONE: (&str, &str) =
    ("id = \"bob\"\nextension = \"203\"\nsigned_in = true", "id = \"bob\"\nextension = \"203\"");

impl World {
    /// Somebody writes, from any number.
    pub(super) fn text_from(&mut self, number: &str, text: &str) {
        let from = Address::new(Kind::Phone, number);
        let told = Arrived::text(format!("{number} {text}"), from, text);
        let receipt = Receipt(1_000_000 + self.told.len() as u64);
        let input = Input::Told { receipt, told: vec![Heard::Arrived(Box::new(told))] };
        self.gateway.handle_channel(self.now, &"phones".into(), input);
        self.seconds(2);
    }

    pub(super) fn orders_as(&mut self, agent: Option<&str>, command: &Command) -> Reply {
        let to = ReplyTo(7_000 + self.replies.len() as u64);
        let own = agent.map(AgentId::from);
        let by = By { who: Who::Console, from: None, own };
        self.gateway.handle_api(self.now, to, &by, command);
        self.seconds(1);
        self.replies.remove(&to.0).expect("an answer")
    }

    pub(super) fn in_talk(
        &mut self,
        agent: Option<&str>,
        talk: ConversationId,
        doing: Doing,
    ) -> Reply {
        self.orders_as(agent, &Command::Talk { conversation: talk, doing })
    }

    pub(super) fn claims(&mut self, agent: &str, talk: ConversationId) -> Reply {
        self.in_talk(Some(agent), talk, Doing::Claim { agent: None })
    }

    pub(super) fn replies_in(
        &mut self,
        agent: Option<&str>,
        talk: ConversationId,
        text: &str,
    ) -> Reply {
        let reply = NewReply { text: Some(text.to_owned()), ..NewReply::default() };
        self.in_talk(agent, talk, Doing::Reply { reply: Box::new(reply), once: None })
    }

    pub(super) fn owner(&self, talk: ConversationId) -> Owner {
        self.gateway.journal.live().talks.owner(talk).clone()
    }

    /// What an agent is told of messages since the last look.
    fn seen_by(&mut self, agent: &str) -> Vec<&'static str> {
        let agent = AgentId::from(agent);
        let told = self.told.iter();
        let own = told.filter(|told| told.is_for(Role::Agent, Some(&agent)));
        let names = own.map(Happening::name);
        let names: Vec<_> =
            names.filter(|name| name.starts_with("message") || *name == "conversation").collect();
        names
    }

    fn written(&self) -> Vec<MessageLine> {
        let line = |told: &Happening| match told {
            Happening::Message(told) => Some(told.line.clone()),
            _ => None,
        };
        self.told.iter().filter_map(line).collect()
    }

    pub(super) fn offered(&self) -> Vec<(ItemId, String)> {
        let offer = |told: &Happening| match told {
            Happening::WorkOffered(offer) => Some((offer.work.item, offer.agent.to_string())),
            _ => None,
        };
        self.told.iter().filter_map(offer).collect()
    }

    /// The conversation of the message that was written last.
    pub(super) fn newest_talk(&self) -> ConversationId {
        self.written().last().expect("a message").conversation
    }

    pub(super) fn works_on(&mut self, agent: &str, item: ItemId, doing: errands::Doing) -> Reply {
        self.orders_as(Some(agent), &Command::Errand { item, agent: None, doing })
    }

    fn stood(&self, message: MessageId) -> Vec<Stands> {
        let own = |told: &Happening| match told {
            Happening::MessageState { message: of, state, .. } if *of == message => Some(*state),
            _ => None,
        };
        self.told.iter().filter_map(own).collect()
    }
}

#[test]
fn beside_a_call_three_fit_and_the_fourth_waits_until_one_is_over() {
    let mut world = scene(&[PHONES, DESK, ANN_ALONE]);
    world.call(OWNER, "700");
    world.seconds(2);
    world.take_call(ANN);
    world.seconds(2);
    for number in 1..=3 {
        world.told.clear();
        world.text_from(&format!("+1555012{number}"), &format!("Question {number}"));
        let told = world.told.iter().find_map(|told| match told {
            Happening::WorkOffered(offer) => Some(offer.clone()),
            _ => None,
        });
        let offer = told.expect("an offer");
        assert_eq!(offer.agent.as_str(), "ann");
        let work = offer.work;
        assert_eq!(work.conversation, Some(world.newest_talk()));
        assert_eq!(work.by_channel.as_ref().map(|name| name.as_str()), Some("phones"));
        assert_eq!(work.text.as_deref(), Some(format!("Question {number}").as_str()));
        assert_eq!(world.works_on("ann", work.item, errands::Doing::Take), Reply::Done);
        let owner = Owner::Agent { agent: "ann".into(), item: Some(work.item) };
        assert_eq!(world.owner(work.conversation.unwrap()), owner);
    }
    world.told.clear();
    world.text_from("+15550124", "Question 4");
    assert_eq!(world.offered(), [], "the fourth waits");
    let fourth = world.newest_talk();
    assert!(matches!(world.owner(fourth), Owner::Queue { .. }));
    assert!(matches!(world.claims("ann", fourth), Reply::Refused(why) if why.contains("in hand")));
    // One is over: the fourth is on the screen at once, the call goes on.
    let first = world
        .gateway
        .journal
        .live()
        .talks
        .open
        .iter()
        .find_map(|(id, talk)| matches!(talk.owner, Owner::Agent { .. }).then_some(*id));
    let close = Doing::Close { code: None, fields: BTreeMap::new() };
    assert_eq!(world.in_talk(Some("ann"), first.unwrap(), close), Reply::Done);
    let offers = world.offered();
    assert_eq!(offers.len(), 1, "{offers:?}");
    assert_eq!(world.works_on("ann", offers[0].0, errands::Doing::Decline), Reply::Done);
    assert!(matches!(world.owner(fourth), Owner::Queue { .. }), "it waits on");
    assert_eq!(world.claims("ann", fourth), Reply::Done);
    assert_eq!(world.parties[ANN].up.len(), 1, "the call is up");
}

#[test]
fn one_agent_has_a_conversation_and_the_second_is_told_who() {
    let mut world = scene(&[PHONES, DESK]);
    world.text_from("+15550121", "Hello?");
    let talk = world.newest_talk();
    assert_eq!(world.seen_by("ann"), ["conversation", "message"]);
    assert_eq!(world.seen_by("bob"), ["conversation", "message"], "both may take it");
    let early = world.replies_in(Some("bob"), talk, "Hi.");
    assert!(matches!(early, Reply::Conflict(why) if why.contains("claim it first")));
    assert_eq!(world.claims("bob", talk), Reply::Done);
    assert_eq!(world.claims("bob", talk), Reply::Done, "said twice it is done once");
    let second = world.claims("ann", talk);
    assert_eq!(second, Reply::Conflict("bob has this conversation".to_owned()));
    assert!(matches!(world.replies_in(Some("ann"), talk, "Hi."), Reply::Conflict(_)));
    world.told.clear();
    let Reply::Queued { message, conversation } = world.replies_in(Some("bob"), talk, "Hi.") else {
        panic!("it is queued")
    };
    assert_eq!(conversation, talk);
    world.seconds(2);
    assert_eq!(world.seen_by("ann"), Vec::<&str>::new(), "it is bob's alone");
    assert!(world.seen_by("bob").contains(&"message"));
    // No phone of the branch has that number.
    assert_eq!(world.stood(message), [Stands::Failed]);
    let standing = Command::Messages { state: Stands::Failed, after: None, limit: 10 };
    let Reply::Messages(dead) = world.orders_as(None, &standing) else { panic!("a list") };
    assert_eq!(dead.iter().map(|line| line.message).collect::<Vec<_>>(), [message]);
    // It is sent again, and fails again; nobody takes back what is done with.
    assert!(matches!(
        world.orders_as(Some("ann"), &Command::Replay { message }),
        Reply::Conflict(_)
    ));
    let again = world.orders_as(Some("bob"), &Command::Replay { message });
    assert_eq!(again, Reply::Queued { message, conversation: talk });
    world.seconds(2);
    assert_eq!(world.stood(message), [Stands::Failed, Stands::Queued, Stands::Failed]);
    assert!(matches!(
        world.orders_as(Some("bob"), &Command::Withdraw { message }),
        Reply::Conflict(_)
    ));
}

#[test]
fn a_conversation_is_handed_over_with_a_note_and_released_and_survives_a_crash() {
    let mut world = scene(&[PHONES, DESK]);
    world.text_from("+15550121", "It leaks.");
    let talk = world.newest_talk();
    world.claims("ann", talk);
    let over = |to: &str, note: &str| Doing::HandOver {
        agent: Some(to.into()),
        queue: None,
        note: Some(note.to_owned()),
    };
    assert!(matches!(world.in_talk(Some("bob"), talk, over("bob", "")), Reply::Conflict(_)));
    world.told.clear();
    assert_eq!(world.in_talk(Some("ann"), talk, over("bob", "knows the house")), Reply::Done);
    let told = world.told.iter().find_map(|told| match told {
        Happening::Conversation(told) => Some(told.clone()),
        _ => None,
    });
    let told = told.expect("it is told");
    assert_eq!(told.note.as_deref(), Some("knows the house"));
    assert_eq!(told.owner.agent.as_ref().map(|agent| agent.as_str()), Some("bob"));
    assert_eq!(world.seen_by("ann"), ["conversation"], "ann sees that it is gone");
    let open = world.gateway.journal.live().errands.0.values().next().unwrap().clone();
    assert_eq!(open.held.unwrap().agent.as_str(), "bob");
    world.is_killed(&super::scenes::config(&[PHONES, DESK]), 9);
    world.seconds(2);
    let has = |world: &World| match world.owner(talk) {
        Owner::Agent { agent, .. } => agent.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(has(&world), "bob");
    let look = Command::Conversation { conversation: talk, after: None, limit: 5 };
    let Reply::Conversation(page) = world.orders_as(None, &look) else { panic!("it is there") };
    assert_eq!(page.conversation.note.as_deref(), Some("knows the house"));
    // What comes now goes to bob, and rings for nobody else.
    world.told.clear();
    world.text_from("+15550121", "Still.");
    assert_eq!(world.seen_by("bob"), ["message"]);
    assert_eq!((world.offered(), world.gateway.journal.live().errands.0.len()), (vec![], 1));
    // Back in the queue it is offered to ann, with the last words.
    assert_eq!(
        world.in_talk(Some("bob"), talk, Doing::Release { queue: None, flow: None }),
        Reply::Done
    );
    let offers = world.told.iter().filter_map(|told| match told {
        Happening::WorkOffered(offer) => Some((offer.agent.to_string(), offer.work.text.clone())),
        _ => None,
    });
    let offers: Vec<_> = offers.collect();
    assert_eq!(offers, [("ann".to_owned(), Some("Still.".to_owned()))]);
    assert!(matches!(world.owner(talk), Owner::Queue { .. }));
    let Reply::Errands(lines) = world
        .orders_as(None, &Command::Errands { queue: None, agent: None, limit: 9, after: None })
    else {
        panic!("a list")
    };
    assert_eq!((lines.len(), lines[0].state), (1, WorkState::Offered));
    // Whoever leads ends it, whoever has it; the next word begins it anew.
    let close = Doing::Close { code: None, fields: BTreeMap::new() };
    assert_eq!(world.in_talk(None, talk, close), Reply::Done);
    assert_eq!(world.owner(talk), Owner::Nobody);
    assert!(world.gateway.journal.live().errands.0.is_empty());
    world.text_from("+15550121", "And again.");
    assert_eq!(world.newest_talk(), talk, "it goes on");
    assert!(matches!(world.owner(talk), Owner::Queue { .. }));
}

#[test]
fn a_message_is_taken_back_while_its_phone_is_away() {
    let mut world = scene(&[PHONES, DESK]);
    world.register(OWNER, 0);
    world.seconds(2);
    let Reply::Queued { message, .. } = world.sends("201@192.0.2.1", "Wait.", None) else {
        panic!("it is queued")
    };
    world.seconds(1);
    assert_eq!(world.orders_as(None, &Command::Withdraw { message }), Reply::Done);
    assert_eq!(world.stood(message).last(), Some(&Stands::Stopped));
    world.register(OWNER, 3_600);
    world.seconds(120);
    assert!(world.parties[OWNER].texts.is_empty(), "nothing is sent");
}

/// Phones may write, the flow answers first.
pub(super) const FLOW: (&str, &str) = (
    "[flow.main]\n",
    "[channels.phones]\nkind = \"sip\"\nqueue = \"support\"\nflow = \"written\"\n[flow.written]\nstart = \"menu\"\n\
     [flow.written.menu.menu]\nprompt = \"office-menu\"\ntext = \"Whom?\"\nlabels = { 1 = \"People\" }\n\
     choices = { 1 = \"queue:support\", 2 = \"bye\" }\nretries = 1\n\
     [flow.written.hang_up.bye]\ntext = \"Good-bye.\"\n[flow.main]\n",
);

impl World {
    /// What the branch has wanted written, since the last look.
    fn answers_written(&mut self) -> Vec<String> {
        let written = self.written();
        self.told.clear();
        let out = written.into_iter().filter(|line| line.by.is_some());
        out.filter_map(|line| line.pieces.into_iter().find_map(|piece| piece.text)).collect()
    }
}

#[test]
fn a_flow_answers_in_writing_over_a_crash_and_hands_over_to_people_and_back() {
    let mut world = scene(&[FLOW, DESK]);
    world.text_from("+15550121", "Hello?");
    let talk = world.newest_talk();
    assert_eq!(world.offered(), [], "nobody is asked yet");
    assert_eq!(world.answers_written(), ["Whom?\n1 People"]);
    assert!(matches!(world.owner(talk), Owner::Flow { .. }));
    // Not understood once, over a crash, and then a person tries.
    world.text_from("+15550121", "What?");
    assert_eq!(world.answers_written(), ["Whom?\n1 People"]);
    world.is_killed(&super::scenes::config(&[FLOW, DESK]), 9);
    world.seconds(2);
    world.told.clear();
    world.text_from("+15550121", "I said hello.");
    assert_eq!(world.offered().len(), 1);
    assert!(matches!(world.owner(talk), Owner::Queue { .. }));
    assert_eq!(world.answers_written(), Vec::<String>::new());
    // An agent has it, and gives it back to the flow.
    assert_eq!(world.claims("ann", talk), Reply::Done);
    let back = Doing::Release { queue: None, flow: Some("written".into()) };
    assert_eq!(world.in_talk(Some("ann"), talk, back), Reply::Done);
    assert!(matches!(world.owner(talk), Owner::Flow { .. }));
    assert!(world.gateway.journal.live().errands.0.is_empty());
    assert_eq!(world.answers_written(), ["Whom?\n1 People"]);
    world.text_from("+15550121", "people");
    assert!(matches!(world.owner(talk), Owner::Queue { .. }));
    // Another one is done without anybody; a word that refuses ends it too, and nobody is asked.
    world.told.clear();
    world.text_from("+15550122", "Hi.");
    let other = world.newest_talk();
    world.told.clear();
    world.text_from("+15550122", "2");
    assert_eq!((world.owner(other), world.offered()), (Owner::Nobody, vec![]));
    assert_eq!(world.answers_written(), ["Good-bye."]);
    world.text_from("+15550123", "Hi.");
    let third = world.newest_talk();
    world.text_from("+15550123", "STOP");
    assert_eq!((world.owner(third), world.offered()), (Owner::Nobody, vec![]));
}

#[test]
fn figures_tell_of_messages_and_phones_hear_that_they_may_write() {
    let mut world = scene(&[PHONES, DESK]);
    world.text_from("+15550121", "Hello?");
    let Some(Reply::Metrics(text)) = world.ask(&Command::Metrics) else { panic!("figures") };
    for line in [
        "branchline_messages_in_total{channel=\"phones\"} 1",
        "branchline_channel_up{channel=\"phones\"} 1",
        "branchline_messages_waiting{channel=\"phones\"} 0",
        "branchline_conversations{owner=\"queue\"} 1",
        "branchline_message_acknowledgement_seconds_count 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// Key 6 of the menu asks for a conversation's code; who has none comes back to the menu.
const CODES: [(&str, &str); 2] = [
    ("choices = { 1", "choices = { 6 = \"code\", 1"),
    (
        "[flow.main.record.message]",
        "[flow.main.conversation_code.code]\nretries = 0\nnext = \"queue:support\"\notherwise = \"menu\"\n\
         [flow.main.record.message]",
    ),
];
const CARRIER: usize = 0;
const BOB: usize = 3;

impl World {
    /// A customer calls and keys this in where a code is asked for.
    fn keys_in(&mut self, code: &str) {
        self.call(CARRIER, "+15550100");
        self.seconds(5);
        for key in std::iter::once('6').chain(code.chars()) {
            self.press_key(key);
        }
        self.seconds(3);
    }

    fn code_of(&mut self, agent: &str, talk: ConversationId) -> String {
        match self.in_talk(Some(agent), talk, Doing::Phone) {
            Reply::PhoneCode(given) => {
                assert_eq!((given.number.as_str(), given.code.len()), ("+15550100", 6));
                given.code
            }
            other => panic!("{other:?}"),
        }
    }

    fn rings_at(&self) -> [usize; 2] {
        [ANN, BOB].map(|at| self.parties[at].ringing.len())
    }

    /// With whom the last call was, and the case that it belongs to.
    fn moments_of(&mut self, who: &str) -> Vec<(String, Option<crate::id::CaseId>)> {
        let who = who.parse().unwrap();
        let person = Command::Person { who, moments: 50 };
        let Reply::Person(dossier) = self.orders_as(None, &person) else { return Vec::new() };
        let told = dossier.timeline.iter().map(|placed| {
            let what = serde_json::to_value(&placed.moment.what).unwrap();
            (what["what"].as_str().unwrap().to_owned(), placed.moment.case)
        });
        told.collect()
    }
}

#[test]
fn a_code_joins_a_call_to_its_conversation_once_and_rings_at_who_answers_there() {
    let settings = [PHONES, DESK, CODES[0], CODES[1]];
    let mut world = scene(&settings);
    world.text_from("+15550121", "It leaks.");
    let talk = world.newest_talk();
    assert!(matches!(world.in_talk(Some("bob"), talk, Doing::Phone), Reply::Conflict(_)));
    world.claims("bob", talk);
    let contact = world.written().last().unwrap().contact;
    let early = world.code_of("bob", talk);
    let code = world.code_of("bob", talk);
    // It was promised: a crash changes nothing.
    world.is_killed(&super::scenes::config(&settings), 9);
    world.seconds(2);
    for phone in 1..=3 {
        world.register(phone, 3_600);
    }
    world.seconds(2);
    // An earlier code, and one that nobody gave: a polite word, and the ordinary menu.
    world.keys_in(&early);
    world.seconds(10);
    assert_eq!(world.rings_at(), [0, 0]);
    world.press_key('1');
    world.seconds(3);
    assert!(world.rings_at() != [0, 0], "the menu goes on");
    world.hang_up(CARRIER);
    world.seconds(5);
    world.told.clear();
    world.keys_in(&code);
    assert_eq!(world.rings_at(), [0, 1], "it rings at who writes with them");
    let offered = world.told.iter().find_map(|told| match told {
        Happening::CallOffered { agent, conversation, .. } => Some((agent.clone(), *conversation)),
        _ => None,
    });
    assert_eq!(offered, Some(("bob".into(), Some(talk))));
    let known = world.told.iter().filter_map(|told| match told {
        Happening::CallerKnown { caller, .. } => Some(caller.contact),
        _ => None,
    });
    assert_eq!(known.collect::<Vec<_>>().last(), Some(&contact), "who it is, while it rings");
    world.take_call(BOB);
    world.seconds(5);
    world.hang_up(CARRIER);
    world.seconds(10);
    let told = world.moments_of(&format!("contact:{contact}"));
    assert!(told.iter().any(|(what, _)| what == "call"), "on their timeline: {told:?}");
    assert_eq!(world.moments_of("phone:+15557654321"), told, "the number is theirs by now");
    let look = Command::Conversation { conversation: talk, after: None, limit: 1 };
    let Reply::Conversation(page) = world.orders_as(None, &look) else { panic!("it is there") };
    assert_eq!(page.conversation.calls.len(), 1);
    assert!(world.gateway.codes.is_empty(), "nothing is left of a call that is over");
    // Once is all that it is good for.
    world.keys_in(&code);
    assert_eq!(world.rings_at(), [0, 0]);
}

#[test]
fn a_code_is_good_for_some_minutes_and_guesses_are_bounded() {
    let mut world = scene(&[PHONES, DESK, CODES[0], CODES[1]]);
    world.text_from("+15550121", "It leaks.");
    let talk = world.newest_talk();
    world.claims("ann", talk);
    let late = world.code_of("ann", talk);
    world.seconds(15 * 60);
    world.keys_in(&late);
    assert_eq!(world.rings_at(), [0, 0], "its time is over");
    world.hang_up(CARRIER);
    world.seconds(5);
    let code = world.code_of("ann", talk);
    let wrong = if code.starts_with('1') { "211111" } else { "111111" };
    for _ in 0..crate::messaging::guesses::MOST_OF_ONE {
        world.keys_in(wrong);
        world.hang_up(CARRIER);
        world.seconds(2);
    }
    world.keys_in(&code);
    assert_eq!(world.rings_at(), [0, 0], "whoever guesses is not listened to for a while");
}

#[test]
fn what_comes_while_one_case_is_open_belongs_to_it() {
    let mut world = scene(&[PHONES, DESK]);
    world.text_from("+15550121", "It leaks.");
    let contact = world.written().last().unwrap().contact;
    let who = crate::context::Who::Contact(contact);
    let open = |title: &str| crate::context::Order::OpenCase {
        who: who.clone(),
        title: Some(title.to_owned()),
        moments: Vec::new(),
    };
    let order = |world: &mut World, order| {
        let command = Command::Contact { order, seen: None };
        match world.orders_as(None, &command) {
            Reply::Ordered(done) => done.case,
            other => panic!("{other:?}"),
        }
    };
    let case = order(&mut world, open("The boiler"));
    world.text_from("+15550121", "Still.");
    order(&mut world, open("An invoice"));
    world.text_from("+15550121", "And the invoice is wrong.");
    let cases: Vec<_> =
        world.moments_of(&format!("contact:{contact}")).into_iter().map(|(_, case)| case).collect();
    assert_eq!(cases, [None, case, None], "the newest first: which of two it is nobody knows");
}
