//! Tasks and whatever is written, beside calls: offered, taken, returned, finished, wrapped up, over restarts too.

use super::scenes::scene;
use super::*;
use crate::admin::api::bodies::Wanted;
use crate::admin::api::errands::{Doing, EndOfWork, NewTask, WorkLine, WorkState};
use crate::admin::{Command, Reply};
use crate::context::{Channel as Way, Identity, Kind, Order, Who as Whom};
use crate::gateway::errands::{Arrival, NotTaken};
use crate::id::{ContactId, ItemId};
use crate::journal::act::Who;
use crate::journal::errands::Errand;
use crate::journal::work::Step;
use crate::queue::Channel;

const ANN: usize = 2;
const BOB: usize = 3;

/// Two agents, the one without a contact for longest first; after-work of calls takes 30 s, of chats 10 s, of tasks none,
/// and how a call or a chat came out has to be said.
const DESK: [(&str, &str); 2] = [
    (
        "strategy = \"ring-all\"\nwrap_up = 3",
        "strategy = \"longest-idle\"\nwrap_up = 30\nwrap_up_of = { chat = 10 }\ndisposition = \"required\"",
    ),
    (
        "[flow.main]\n",
        "[[disposition]]\ncode = \"sold\"\nrequires = [\"amount\"]\n[[disposition]]\ncode = \"lost\"\n[flow.main]\n",
    ),
];

fn desk() -> World {
    scene(&DESK)
}

impl World {
    fn tell(&mut self, agent: Option<&str>, command: &Command) -> Reply {
        let to = ReplyTo(5_000 + self.replies.len() as u64);
        let own = agent.map(AgentId::from);
        let by = By { who: Who::Console, from: None, own };
        self.gateway.handle_api(self.now, to, &by, command);
        self.seconds(0);
        self.replies.remove(&to.0).expect("an answer")
    }

    fn add(&mut self, text: &str, priority: i32) -> ItemId {
        let (queue, text) = ("support".to_owned(), text.to_owned());
        let (contact, due, skills) = (None, None, BTreeMap::new());
        let task = NewTask { queue, text, contact, priority, skills, due };
        match self.tell(None, &Command::NewTask { task }) {
            Reply::Made(item) => item,
            other => panic!("{other:?}"),
        }
    }

    fn does(&mut self, agent: &str, item: ItemId, doing: Doing) -> Result<(), String> {
        let command = Command::Errand { item, agent: None, doing };
        match self.tell(Some(agent), &command) {
            Reply::Done => Ok(()),
            Reply::Refused(why) => Err(why),
            other => panic!("{other:?}"),
        }
    }

    fn finish_it(&mut self, agent: &str, item: ItemId) -> Result<(), String> {
        self.does(agent, item, Doing::Finish { code: None, fields: BTreeMap::new() })
    }

    fn wraps_up(
        &mut self,
        agent: &str,
        code: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result<(), String> {
        let fields = fields.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let end = EndOfWork { item: None, code: code.map(str::to_owned), fields };
        match self.tell(Some(agent), &Command::WrapUp { agent: agent.into(), end }) {
            Reply::Done => Ok(()),
            Reply::Refused(why) => Err(why),
            other => panic!("{other:?}"),
        }
    }

    fn lines(&mut self) -> Vec<WorkLine> {
        let command = Command::Errands { queue: None, agent: None, limit: 100, after: None };
        match self.tell(None, &command) {
            Reply::Errands(mut lines) => {
                lines.sort_by_key(|line| line.since);
                lines
            }
            other => panic!("{other:?}"),
        }
    }

    fn line(&mut self, item: ItemId) -> WorkLine {
        self.lines().into_iter().find(|line| line.item == item).expect("it is open")
    }

    /// On whose screen something was put since the last look, and why.
    fn offers(&mut self) -> Vec<(ItemId, String, String)> {
        let told = std::mem::take(&mut self.told);
        let offer = |happening| match happening {
            Happening::WorkOffered(offer) => {
                let reason = offer.reason.expect("why").rule;
                Some((offer.work.item, offer.agent.to_string(), reason))
            }
            _ => None,
        };
        told.into_iter().filter_map(offer).collect()
    }

    fn presence(&self, agent: &str) -> Presence {
        self.gateway.roster.presence(&agent.into()).unwrap().clone()
    }

    fn arrives(
        &mut self,
        item: u64,
        channel: Channel,
        contact: Option<u64>,
    ) -> Result<(), NotTaken> {
        let arrival = Arrival {
            item: ItemId(item),
            channel,
            queue: "support".into(),
            contact: contact.map(ContactId),
            arrived: self.now.unix,
            priority: 0,
            skills: BTreeMap::new(),
            errand: Errand::default(),
        };
        let done = self.gateway.errand_arrives(self.now, arrival);
        self.gateway.handle_timeout(self.now);
        self.seconds(0);
        done
    }
}

use crate::agent::Presence;

#[test]
fn a_task_is_offered_taken_returned_and_finished_and_records_tell_of_it() {
    let mut world = desk();
    let item = world.add("Call the plumber.", 0);
    let offers = world.offers();
    assert_eq!(offers, [(item, "ann".to_owned(), "least-in-hand".to_owned())]);
    let line = world.line(item);
    assert_eq!((line.state, line.text.as_deref()), (WorkState::Offered, Some("Call the plumber.")));
    assert_eq!((line.agents[0].as_str(), line.why.as_str()), ("ann", "it rings at ann"));
    assert_eq!(world.presence("ann"), Presence::Ready, "a screen is no phone");
    // Nobody takes for somebody else, and nobody finishes what they have not.
    assert!(world.finish_it("ann", item).unwrap_err().contains("nobody has it"));
    world.does("ann", item, Doing::Take).unwrap();
    assert_eq!(world.line(item).state, WorkState::InHand);
    assert!(world.finish_it("bob", item).unwrap_err().contains("ann has it"));
    world.does("ann", item, Doing::Return).unwrap();
    assert_eq!(
        world.offers(),
        [(item, "bob".to_owned(), "least-in-hand".to_owned())],
        "not ann again"
    );
    world.does("bob", item, Doing::Decline).unwrap();
    assert_eq!(world.offers(), [], "both were asked a moment ago");
    assert!(world.line(item).why.contains("2 asked a moment ago"), "{}", world.line(item).why);
    // Asked or not: whoever has room may take it.
    world.does("bob", item, Doing::Take).unwrap();
    world.seconds(40);
    world
        .does("bob", item, Doing::Finish { code: Some("lost".to_owned()), fields: BTreeMap::new() })
        .unwrap();
    assert_eq!(world.lines(), []);
    assert_eq!(world.told.last(), Some(&Happening::WorkOver { item }));
    let steps = [
        "queued",
        "offered",
        "taken",
        "returned",
        "offered",
        "declined",
        "taken",
        "closed",
        "wrapped_up",
    ];
    assert_eq!(world.steps(), steps);
    let work = world.work();
    assert!(work.iter().all(|work| work.channel == Channel::Task && work.item == item));
    match &work[7].what {
        Step::Closed { agent, talk_ms: 40_000, hold_ms: 0, .. } => {
            assert_eq!(agent.as_str(), "bob")
        }
        other => panic!("{other:?}"),
    }
    assert!(world.gateway.timesheet.is_empty() && world.gateway.work.is_empty());
    assert!(world.does("bob", item, Doing::Take).unwrap_err().starts_with("there is no item"));
}

#[test]
fn what_nobody_looks_at_goes_to_the_next_and_nobody_is_paused_for_it() {
    let mut world = desk();
    let item = world.add("File the forms.", 0);
    assert_eq!(world.offers().len(), 1);
    world.seconds(130);
    assert_eq!(world.offers(), [(item, "bob".to_owned(), "least-in-hand".to_owned())]);
    world.seconds(130);
    assert_eq!(world.offers(), []);
    assert_eq!([world.presence("ann"), world.presence("bob")], [Presence::Ready, Presence::Ready]);
    // Phones ring as if there were no tasks.
    world.call(1, "700");
    world.seconds(2);
    assert_eq!(world.parties[ANN].ringing.len() + world.parties[BOB].ringing.len(), 1);
    world.hang_up(1);
    world.seconds(16 * 60);
    let again: Vec<_> = world.offers().into_iter().map(|offer| offer.1).collect();
    assert_eq!(again, ["ann", "bob"], "after a quarter of an hour they are asked once more");
}

#[test]
fn a_task_waits_for_the_end_of_a_call_and_a_call_does_not_wait_for_a_task() {
    let mut world = scene(&[
        DESK[0],
        DESK[1],
        (
            "id = \"bob\"\nextension = \"203\"\nsigned_in = true",
            "id = \"bob\"\nextension = \"203\"",
        ),
    ]);
    let first = world.add("First.", 0);
    world.does("ann", first, Doing::Take).unwrap();
    world.call(1, "700");
    world.seconds(2);
    assert_eq!(world.parties[ANN].ringing.len(), 1, "a task in hand keeps no call away");
    world.take_call(ANN);
    world.seconds(2);
    world.told.clear();
    let second = world.add("Second.", 0);
    let why = "nobody is free for it: 1 with as much in hand as fits, 1 signed out";
    assert_eq!(world.line(second).why, why);
    let waits = |happening: &Happening| match happening {
        Happening::Waits(waits) => Some(waits.why.clone()),
        _ => None,
    };
    assert_eq!(world.told.iter().find_map(waits).as_deref(), Some(why), "the feed says so too");
    assert!(world.does("ann", second, Doing::Take).unwrap_err().contains("has a voice in hand"));
    world.hang_up(1);
    world.seconds(31);
    assert_eq!(world.presence("ann"), Presence::Ready);
    assert_eq!(world.line(second).agents, [AgentId::from("ann")], "offered when the call is over");
    world.finish_it("ann", first).unwrap_err();
    world
        .does(
            "ann",
            first,
            Doing::Finish { code: Some("lost".to_owned()), fields: BTreeMap::new() },
        )
        .unwrap();
}

#[test]
fn after_work_is_as_long_as_its_channel_has_it_and_wants_to_know_how_it_came_out() {
    let mut world = desk();
    // A call: 30 s, and a code that the site has, with what that requires.
    world.call(1, "700");
    world.seconds(2);
    world.take_call(ANN);
    world.seconds(5);
    world.hang_up(1);
    world.seconds(1);
    assert_eq!(world.presence("ann"), Presence::WrapUp);
    let why = world.wraps_up("ann", None, &[]).unwrap_err();
    assert!(why.contains("say a code (lost, sold)"), "{why}");
    assert_eq!(
        world.wraps_up("ann", Some("sold"), &[]).unwrap_err(),
        "this disposition requires the field `amount`"
    );
    assert_eq!(
        world.wraps_up("ann", Some("gone"), &[]).unwrap_err(),
        "the site has no such disposition"
    );
    assert!(world.wraps_up("ann", Some("auto"), &[]).is_err());
    let ready = Command::SetPresence { agent: "ann".into(), state: Wanted::Ready, reason: None };
    assert!(
        matches!(world.tell(Some("ann"), &ready), Reply::Refused(why) if why.contains("say a code"))
    );
    assert_eq!(world.presence("ann"), Presence::WrapUp);
    // Beside a call's after-work chats ring, and no task does.
    world.told.clear();
    for chat in [100, 103, 104] {
        world.arrives(chat, Channel::Chat, None).unwrap();
        world.does("bob", ItemId(chat), Doing::Take).unwrap();
    }
    world.arrives(101, Channel::Chat, None).unwrap();
    assert_eq!(world.offers().last().map(|offer| offer.1.clone()).as_deref(), Some("ann"));
    world.does("ann", ItemId(101), Doing::Take).unwrap();
    world.arrives(102, Channel::Task, None).unwrap();
    assert_eq!(
        world.line(ItemId(102)).agents,
        [AgentId::from("bob")],
        "ann has a call's after-work"
    );
    world.wraps_up("ann", Some("sold"), &[("amount", "12")]).unwrap();
    assert_eq!(world.presence("ann"), Presence::Ready);
    // The chat: 10 s, which run out.
    world.finish_it("ann", ItemId(101)).unwrap();
    assert_eq!(world.line(ItemId(101)).state, WorkState::WrapUp);
    world.call(1, "700");
    world.seconds(2);
    assert_eq!(world.parties[ANN].ringing.len(), 1, "after-work of a chat keeps no call away");
    world.seconds(9);
    let ends = |world: &World| {
        let end = |work: crate::journal::work::Work| match work.what {
            Step::WrappedUp { code, wrap_ms, .. } => Some((work.channel, code, wrap_ms)),
            _ => None,
        };
        world.work().into_iter().filter_map(end).collect::<Vec<_>>()
    };
    let chat = (Channel::Chat, Some("auto".to_owned()), 10_000);
    assert_eq!(ends(&world).last(), Some(&chat));
    // And a call's run out as well.
    world.take_call(ANN);
    world.seconds(3);
    world.hang_up(1);
    world.seconds(31);
    assert_eq!(ends(&world).last(), Some(&(Channel::Voice, Some("auto".to_owned()), 30_000)));
    assert_eq!(ends(&world)[0].1.as_deref(), Some("sold"));
    // A task has none: how it came out is said with its end, or not at all.
    world.does("bob", ItemId(102), Doing::Take).unwrap();
    assert!(world.finish_it("bob", ItemId(102)).unwrap_err().contains("say a code"));
}

#[test]
fn what_was_open_before_a_restart_is_at_its_place_or_in_the_hand_that_it_was_in() {
    let mut world = desk();
    let [taken, first, second, over] = ["Taken.", "First.", "Second.", "Over."].map(|text| {
        world.seconds(1);
        world.add(text, 0)
    });
    world.does("ann", taken, Doing::Take).unwrap();
    world.arrives(7, Channel::Chat, None).unwrap();
    world.does("bob", ItemId(7), Doing::Take).unwrap();
    world.finish_it("bob", ItemId(7)).unwrap();
    world.does("bob", over, Doing::Take).unwrap();
    world
        .does("bob", over, Doing::Finish { code: Some("lost".to_owned()), fields: BTreeMap::new() })
        .unwrap();
    world.seconds(2);
    world.dies_with(&DESK);
    let lines = world.lines();
    let items: Vec<_> = lines.iter().map(|line| line.item).collect();
    assert_eq!(items, [taken, first, second], "the chat's after-work is over");
    assert_eq!((lines[0].state, lines[0].agents[0].as_str()), (WorkState::InHand, "ann"));
    assert_eq!(lines[1].text.as_deref(), Some("First."));
    assert!(lines[1].position < lines[2].position);
    let auto = world.work().into_iter().rfind(|work| work.item == ItemId(7)).unwrap();
    assert!(matches!(auto.what, Step::WrappedUp { code: Some(code), .. } if code == "auto"));
    world
        .does(
            "ann",
            taken,
            Doing::Finish { code: Some("lost".to_owned()), fields: BTreeMap::new() },
        )
        .unwrap();
    assert!(world.line(first).state == WorkState::Offered, "{:?}", world.line(first));
    // Again, and whoever had it works here no more.
    world.does("ann", first, Doing::Take).unwrap();
    world.does("bob", second, Doing::Take).unwrap();
    world.seconds(1);
    let gone = ("[[agent]]\nid = \"bob\"\nextension = \"203\"\nsigned_in = true\n", "");
    world.dies_with(&[
        DESK[0],
        DESK[1],
        gone,
        ("members = [\"ann\", \"bob\"]", "members = [\"ann\"]"),
    ]);
    assert_eq!(world.line(first).state, WorkState::InHand);
    assert_ne!(world.line(second).state, WorkState::InHand);
}

#[test]
fn a_restart_knows_by_when_it_is_to_be_done_whose_it_is_and_how_long_it_was_in_hand() {
    let hours = ("disposition = \"required\"", "last_agent_hours = 24\nlast_agent_for = 60");
    let changes = [DESK[0], hours, DESK[1]];
    let mut world = scene(&changes);
    let fields = BTreeMap::from([("name".to_owned(), "Ann Lee".to_owned())]);
    let (source, channel, identities) = (Default::default(), None, Vec::new());
    let order = Order::Create { fields, identities, source, channel };
    let person = world.order(order).unwrap().contact;
    let task = |world: &mut World, contact, due| {
        let (queue, text, skills) = ("support".to_owned(), "Write.".to_owned(), BTreeMap::new());
        let task = NewTask { queue, text, contact, priority: 0, skills, due };
        match world.tell(None, &Command::NewTask { task }) {
            Reply::Made(item) => item,
            other => panic!("{other:?}"),
        }
    };
    let before = task(&mut world, person, None);
    world.does("bob", before, Doing::Take).unwrap();
    world.finish_it("bob", before).unwrap();
    let held = task(&mut world, None, None);
    world.does("ann", held, Doing::Take).unwrap();
    for agent in ["ann", "bob"] {
        world.gateway.roster.handle_sign_out(world.now, &agent.into()).unwrap();
    }
    world.gateway.handle_timeout(world.now);
    world.seconds(1);
    let first = task(&mut world, None, None);
    world.seconds(1);
    let theirs = task(&mut world, person, None);
    world.seconds(1);
    let due = Some(world.now.unix + Duration::from_secs(600));
    let pressing = task(&mut world, None, due);
    world.seconds(97);
    world.dies_with(&changes);
    let mut waiting = world.lines();
    waiting.retain(|line| line.position.is_some());
    waiting.sort_by_key(|line| line.position);
    let order: Vec<_> = waiting.iter().map(|line| line.item).collect();
    assert_eq!(order, [pressing, first, theirs], "what is due soon goes first");
    let last = |item| world.gateway.queues.item(item).and_then(|item| item.last_agent.clone());
    assert_eq!((last(theirs), last(first)), (Some("bob".into()), None));
    world.sign_in("ann");
    world.seconds(50);
    world.finish_it("ann", held).unwrap();
    let talked = world.work().into_iter().find_map(|work| match work.what {
        Step::Closed { talk_ms, .. } if work.item == held => Some(talk_ms),
        _ => None,
    });
    assert!(talked.is_some_and(|ms| (150_000..160_000).contains(&ms)), "{talked:?}");
}

#[test]
fn callers_are_told_their_place_among_callers_and_a_task_that_is_due_goes_first() {
    let mut world = scene(&[
        DESK[0],
        DESK[1],
        ("max_wait = 60\noverflow = \"extension:201\"", "max_wait = 600"),
        ("extension = \"202\"\nsigned_in = true", "extension = \"202\""),
        ("extension = \"203\"\nsigned_in = true", "extension = \"203\""),
    ]);
    let slow = world.add("Slow.", 80);
    let due = Some(world.now.unix + Duration::from_secs(3_600));
    let (queue, text) = ("support".to_owned(), "By one.".to_owned());
    let task = NewTask { queue, text, contact: None, priority: 0, skills: BTreeMap::new(), due };
    let Reply::Made(urgent) = world.tell(None, &Command::NewTask { task }) else { panic!() };
    world.call(1, "700");
    world.seconds(2);
    let caller = world.gateway.work.item_of(world.gateway.calls.views()[0].call).unwrap();
    let queues = &world.gateway.queues;
    assert_eq!(
        (queues.position(world.now, caller), queues.place(world.now, caller)),
        (Some(3), Some(1))
    );
    let queue = world.gateway.queue_lines(world.now).remove(0);
    assert_eq!((queue.waiting, queue.tasks), (1, 2));
    world.hang_up(1);
    world.seconds(1_000);
    assert_eq!(world.gateway.queue_lines(world.now)[0].longest_wait_s, 0, "nobody waits");
    assert!(world.line(slow).position < world.line(urgent).position);
    world.seconds(1_000);
    assert!(
        world.line(slow).position > world.line(urgent).position,
        "half an hour before it is due"
    );
    assert!(!world.line(urgent).overdue);
    world.seconds(1_700);
    assert!(world.line(urgent).overdue);
}

#[test]
fn any_written_channel_comes_in_by_the_same_door() {
    let mut world = desk();
    for (item, channel) in
        [(1, Channel::Chat), (2, Channel::Message), (3, Channel::Mail), (4, Channel::Task)]
    {
        world.arrives(item, channel, Some(item)).unwrap();
        world.arrives(item, channel, Some(item)).unwrap();
        let line = world.line(ItemId(item));
        assert_eq!((line.channel.as_str(), line.state), (channel.name(), WorkState::Offered));
        assert_eq!(line.contact, Some(ContactId(item)));
    }
    assert_eq!(world.lines().len(), 4, "said twice, it came once");
    assert_eq!(world.arrives(5, Channel::Voice, None), Err(NotTaken::Spoken));
    assert_eq!(world.arrives(5, Channel::Callback, None), Err(NotTaken::Spoken));
    // A chat rings as a phone does: whoever does not answer is not there.
    let agent = world.line(ItemId(1)).agents[0].clone();
    world.seconds(21);
    assert_eq!(world.presence(agent.as_str()), Presence::Paused(crate::agent::Reason::Missed));
    // While nothing is kept nothing comes in.
    world.disk_works = false;
    world
        .gateway
        .handle_journal(world.now, super::super::Kept::Failed(crate::journal::Failure::Full));
    assert_eq!(world.arrives(6, Channel::Mail, None), Err(NotTaken::NoDisk));
}

#[test]
fn whoever_is_erased_leaves_no_work_behind_and_whoever_had_them_last_is_asked_first() {
    let hours = ("disposition = \"required\"", "last_agent_hours = 24\nlast_agent_for = 60");
    let mut world = scene(&[DESK[0], hours, DESK[1]]);
    let fields = BTreeMap::from([("name".to_owned(), "Ann Lee".to_owned())]);
    let identities = vec![Identity { kind: Kind::Email, value: "ann@example.com".to_owned() }];
    let (source, channel) = (Default::default(), Some(Way::Mail));
    let order = Order::Create { fields, identities, source, channel };
    let person = world.order(order).unwrap().contact.unwrap();
    let task = |text: &str| {
        let (queue, text) = ("support".to_owned(), text.to_owned());
        let (contact, skills) = (Some(person), BTreeMap::new());
        Command::NewTask { task: NewTask { queue, text, contact, priority: 0, skills, due: None } }
    };
    let Reply::Made(first) = world.tell(None, &task("Write to Ann Lee.")) else { panic!() };
    world.does("bob", first, Doing::Take).unwrap();
    world.finish_it("bob", first).unwrap();
    world.told.clear();
    let Reply::Made(second) = world.tell(None, &task("Write to Ann Lee again.")) else { panic!() };
    assert_eq!(world.offers(), [(second, "bob".to_owned(), "last-agent".to_owned())]);
    let Reply::Made(_) = world.tell(None, &task("And again.")) else { panic!() };
    world.does("bob", second, Doing::Take).unwrap();
    world.order(Order::Erase { who: Whom::Contact(person), rule: None }).unwrap();
    world.seconds(1);
    assert_eq!(world.lines(), []);
    assert_eq!(
        world.gateway.journal.live().last_agents.iter().count(),
        0,
        "nor whom they spoke with"
    );
    assert!(world.gateway.timesheet.is_empty() && world.gateway.work.is_empty());
    assert_eq!(world.gateway.queues.in_hand(&"bob".into()), []);
}

impl World {
    fn person_called(&mut self, name: &str, address: &str) -> ContactId {
        let fields = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        let identities = vec![Identity { kind: Kind::Email, value: address.to_owned() }];
        let (source, channel) = (Default::default(), Some(Way::Mail));
        let order = Order::Create { fields, identities, source, channel };
        self.order(order).unwrap().contact.unwrap()
    }
}

fn task_about(contact: ContactId) -> Command {
    let (queue, text) = ("support".to_owned(), "Write to them.".to_owned());
    let (contact, skills) = (Some(contact), BTreeMap::new());
    Command::NewTask { task: NewTask { queue, text, contact, priority: 0, skills, due: None } }
}

#[test]
fn a_task_is_about_somebody_who_is_there_under_the_contact_that_they_go_under() {
    let mut world = desk();
    let kept = world.person_called("Ann Lee", "ann@example.com");
    let gone = world.person_called("A. Lee", "lee@example.com");
    let erased = world.person_called("Bob", "bob@example.com");
    world.order(Order::Merge { kept: Whom::Contact(kept), gone: Whom::Contact(gone) }).unwrap();
    world.order(Order::Erase { who: Whom::Contact(erased), rule: None }).unwrap();
    for nobody in [ContactId(1), erased] {
        let said = world.tell(None, &task_about(nobody));
        assert_eq!(said, Reply::Declined(crate::context::Refused::UnknownContact), "{nobody}");
    }
    assert_eq!(world.lines(), [], "and nothing is kept of it");
    let Reply::Made(item) = world.tell(None, &task_about(gone)) else { panic!() };
    assert_eq!(world.line(item).contact, Some(kept));
    // Erased a moment ago, which the store does not show yet: it is waited for, and then nobody is there.
    world.disk_waits = true;
    let erase = Order::Erase { who: Whom::Contact(kept), rule: None };
    world.gateway.handle_control(
        world.now,
        ReplyTo(1),
        &Command::Contact { order: erase, seen: None },
    );
    world.carry_out();
    world.gateway.handle_control(world.now, ReplyTo(2), &task_about(gone));
    world.carry_out();
    assert!(!world.replies.contains_key(&1) && !world.replies.contains_key(&2));
    world.disk_waits = false;
    world.disk_goes_on();
    world.seconds(1);
    assert!(matches!(world.replies[&1], Reply::Ordered(_)), "{:?}", world.replies[&1]);
    assert!(matches!(world.replies[&2], Reply::Declined(_)), "{:?}", world.replies[&2]);
    assert_eq!(world.lines(), []);
    assert!(world.gateway.orders.is_empty());
}

#[test]
fn a_task_asks_for_skills_that_somebody_could_have() {
    let mut world = desk();
    let asks = |skill: String, level| {
        let (queue, text) = ("support".to_owned(), "Call.".to_owned());
        let skills = BTreeMap::from([(skill.as_str().into(), level)]);
        let (contact, priority, due) = (None, 0, None);
        Command::NewTask { task: NewTask { queue, text, contact, priority, skills, due } }
    };
    for (skill, level) in [(String::new(), 1), ("x".repeat(65), 1), ("x".to_owned(), 0)] {
        assert!(matches!(world.tell(None, &asks(skill, level)), Reply::Refused(_)));
    }
    assert!(matches!(world.tell(None, &asks("x".repeat(64), 10)), Reply::Made(_)));
}

#[test]
fn whoever_is_bound_to_one_agent_acts_for_no_other() {
    let mut world = desk();
    let item = world.add("Call the plumber.", 0);
    let mut may = |own: &str, command: &Command| {
        !matches!(world.tell(Some(own), command), Reply::NotAllowed(_))
    };
    let errand = |doing| Command::Errand { item, agent: Some("bob".into()), doing };
    let finish = Doing::Finish { code: None, fields: BTreeMap::new() };
    for doing in [Doing::Take, Doing::Decline, Doing::Return, finish] {
        assert!(!may("ann", &errand(doing.clone())) && !may("", &errand(doing.clone())));
        assert!(may("bob", &errand(doing)));
    }
    let wrap_up = Command::WrapUp { agent: "bob".into(), end: EndOfWork::default() };
    assert!(!may("ann", &wrap_up) && !may("", &wrap_up) && may("bob", &wrap_up));
    // Somebody with the role who is no agent acts for nobody at all.
    let nobodys = Command::Errand { item, agent: None, doing: Doing::Take };
    assert!(!may("", &nobodys));
}
