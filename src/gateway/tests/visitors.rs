//! Visitors of the site's pages who go on by voice, in virtual time.

use super::scenes::scene;
use super::tabs::OFFER;
use super::talk_scenes::DESK;
use super::*;
use crate::admin::Reply;
use crate::admin::api::feed::Happening;
use crate::admin::api::messages::Doing;
use crate::id::{CallId, ConversationId};
use crate::messaging::channel::{Heard, Input, Receipt};
use crate::messaging::contract::Arrived;
use crate::messaging::voice::{Ends, No, Said, State, Told};
use crate::messaging::{Address, Kind};

const BOB: usize = 3;
const VISITOR: &str = "v0123456789abcdef0123456789abcdef";

/// A chat whose visitors may call as `calls` says, one at a time.
fn branch(calls: &str) -> World {
    let page = format!(
        "[channels.page]\nkind = \"chat\"\nqueue = \"support\"\n[channels.page.chat]\n\
         origins = [\"https://shop.example\"]\ncalls = \"{calls}\"\ncalls_at_once = 1\n[flow.main]\n"
    );
    scene(&[DESK, ("[flow.main]\n", &page)])
}

fn visitor(name: &str) -> Address {
    Address::new(Kind::Visitor, name)
}

impl World {
    fn writes_on_page(&mut self, name: &str) -> ConversationId {
        let told = Arrived::text(format!("{name} a"), visitor(name), "It leaks.");
        let told = vec![Heard::Arrived(Box::new(told))];
        let input = Input::Told { receipt: Receipt(1 + self.told.len() as u64), told };
        self.gateway.handle_channel(self.now, &"page".into(), input);
        self.seconds(2);
        self.newest_talk()
    }

    /// A page says something of a call; what pages were told then.
    fn speaks(&mut self, name: &str, said: Said) -> Vec<Told> {
        self.voiced.clear();
        let ends = Ends { from: [192, 0, 2, 88].into(), local: OURS.ip() };
        let input = Input::Call { from: visitor(name), ends, said };
        self.gateway.handle_channel(self.now, &"page".into(), input);
        self.seconds(1);
        self.voiced.clone()
    }

    fn page_offers(&mut self, name: &str) -> Vec<Told> {
        self.speaks(name, Said::Offer { sdp: OFFER.to_owned() })
    }

    fn is_up(&self) -> bool {
        !self.gateway.calls.is_empty()
    }

    /// Bob has the conversation, and invites its visitor.
    fn is_invited_by_bob(&mut self) -> ConversationId {
        let talk = self.writes_on_page(VISITOR);
        self.claims("bob", talk);
        let reply = self.in_talk(Some("bob"), talk, Doing::Invite);
        assert!(matches!(reply, Reply::Done), "{reply:?}");
        assert_eq!(self.voiced.last(), Some(&Told::Invited { on: true }));
        talk
    }
}

fn refused(why: No) -> Vec<Told> {
    vec![Told::Refused { why }]
}

fn ready() -> Vec<Told> {
    vec![Told::Ready { relays: Vec::new() }]
}

#[test]
fn nobody_calls_where_the_setting_does_not_allow_it() {
    let mut world = branch("never");
    let talk = world.writes_on_page(VISITOR);
    world.claims("bob", talk);
    assert!(matches!(world.in_talk(Some("bob"), talk, Doing::Invite), Reply::Refused(_)));
    assert_eq!(world.speaks(VISITOR, Said::Ask), refused(No::Off));
    assert_eq!(world.page_offers(VISITOR), refused(No::Off), "nor whoever does not ask first");
    assert!(!world.is_up());
    // Where visitors are invited, whoever is not does not call either.
    let mut world = branch("invited");
    world.writes_on_page(VISITOR);
    assert_eq!(world.speaks(VISITOR, Said::Ask), refused(No::Uninvited));
    assert_eq!(world.page_offers(VISITOR), refused(No::Uninvited));
    // And where they may ask, there has to be something that the call goes on with.
    let mut world = branch("always");
    assert_eq!(world.speaks(VISITOR, Said::Ask), refused(No::Unwritten));
    world.writes_on_page(VISITOR);
    assert_eq!(world.speaks(VISITOR, Said::Ask), ready());
    let wrong = Said::Offer { sdp: "v=0".to_owned() };
    assert_eq!(world.speaks(VISITOR, wrong), refused(No::Sound));
    assert!(!world.is_up());
}

#[test]
fn a_visitors_call_belongs_to_the_conversation_and_rings_at_who_has_it() {
    let mut world = branch("invited");
    let talk = world.is_invited_by_bob();
    assert_eq!(world.speaks(VISITOR, Said::Ask), ready());
    world.told.clear();
    let told = world.page_offers(VISITOR);
    assert!(told.iter().any(|told| matches!(told, Told::Answer { .. })), "{told:?}");
    assert!(told.contains(&Told::State { state: State::Waiting }), "music, and nobody: {told:?}");
    world.seconds(3);
    let offered = world.told.iter().find_map(|told| match told {
        Happening::CallOffered { agent, conversation, .. } => Some((agent.clone(), *conversation)),
        _ => None,
    });
    assert_eq!(offered, Some(("bob".into(), Some(talk))));
    let joined = world.told.iter().find_map(|told| match told {
        Happening::Conversation(line) => line.call,
        _ => None,
    });
    assert!(joined.is_some(), "it is on the timeline before anybody answers");
    // One call of a visitor's at a time, and one at a time in this chat.
    assert_eq!(world.page_offers(VISITOR), refused(No::Uninvited));
    let other = world.writes_on_page("vffffffffffffffffffffffffffffffff");
    assert_ne!(other, talk);
    world.voiced.clear();
    world.take_call(BOB);
    world.seconds(3);
    assert!(world.voiced.contains(&Told::State { state: State::Talking }), "{:?}", world.voiced);
    let told = world.speaks(VISITOR, Said::Hangup);
    assert!(matches!(&told[..], [Told::Ended { .. }]), "{told:?}");
    world.seconds(10);
    assert!(!world.is_up() && world.gateway.tabs.is_empty());
    let calls = calls_of(&mut world, talk);
    assert_eq!(calls, joined.into_iter().collect::<Vec<_>>());
    assert_eq!(world.speaks(VISITOR, Said::Ask), refused(No::Uninvited), "good for one call");
}

fn calls_of(world: &mut World, talk: ConversationId) -> Vec<CallId> {
    let look = crate::admin::Command::Conversation { conversation: talk, after: None, limit: 1 };
    let Reply::Conversation(page) = world.orders_as(None, &look) else { panic!("it is there") };
    page.conversation.calls
}

#[test]
fn a_chat_that_is_full_and_a_visitor_who_calls_too_often_are_told_to_wait() {
    const OTHER: &str = "vffffffffffffffffffffffffffffffff";
    let mut world = branch("always");
    world.writes_on_page(VISITOR);
    world.writes_on_page(OTHER);
    world.page_offers(VISITOR);
    assert!(world.is_up());
    assert_eq!(world.speaks(OTHER, Said::Ask), refused(No::Busy), "one at a time in this chat");
    assert_eq!(world.page_offers(VISITOR), refused(No::Busy), "and of one visitor");
    world.speaks(VISITOR, Said::Hangup);
    world.seconds(5);
    for _ in 0..5 {
        assert_eq!(world.speaks(VISITOR, Said::Ask), ready());
        world.page_offers(VISITOR);
        world.speaks(VISITOR, Said::Hangup);
        world.seconds(5);
    }
    assert_eq!(world.speaks(VISITOR, Said::Ask), refused(No::Busy), "six times within minutes");
    assert_eq!(world.speaks(OTHER, Said::Ask), ready(), "others are none the worse");
    world.seconds(11 * 60);
    assert_eq!(world.speaks(VISITOR, Said::Ask), ready());
}

#[test]
fn a_page_that_is_gone_comes_back_in_time_or_the_call_ends() {
    let mut world = branch("always");
    world.writes_on_page(VISITOR);
    world.page_offers(VISITOR);
    world.speaks(VISITOR, Said::Gone);
    world.seconds(5);
    assert!(world.is_up(), "it waits");
    assert_eq!(world.speaks(VISITOR, Said::Ask), ready(), "whoever has one goes on with it");
    let told = world.speaks(VISITOR, Said::Resume { sdp: Some(OFFER.to_owned()) });
    assert!(told.iter().any(|told| matches!(told, Told::Answer { .. })), "{told:?}");
    world.seconds(60);
    assert!(world.is_up(), "its page is there");
    world.speaks(VISITOR, Said::Gone);
    world.seconds(200);
    assert!(!world.is_up() && world.gateway.tabs.is_empty());
    assert!(matches!(world.voiced.last(), Some(Told::Ended { .. })), "{:?}", world.voiced);
}

#[test]
fn an_invitation_is_good_for_minutes_and_gone_when_it_is_declined() {
    let mut world = branch("invited");
    world.is_invited_by_bob();
    world.seconds(9 * 60);
    assert_eq!(world.speaks(VISITOR, Said::Ask), ready());
    world.seconds(90);
    assert_eq!(world.speaks(VISITOR, Said::Ask), refused(No::Uninvited));
    let mut world = branch("invited");
    world.is_invited_by_bob();
    world.speaks(VISITOR, Said::Decline);
    assert_eq!(world.speaks(VISITOR, Said::Ask), refused(No::Uninvited));
}
