//! Asking callers how it was, told by who stays on the line and what the journal says.

use super::scenes::scene;
use super::*;
use crate::journal::facts::Facts;
use crate::report::fact::{Question, What as Fact};

const CARRIER: usize = 0;
const ANN: usize = 2;

const FLOW: &str = "[flow.survey]\nstart = \"ask\"\n\
    [flow.survey.collect.ask]\nprompt = \"goodbye\"\nvariable = \"score\"\nmax = 1\nnext = \"thanks\"\n\
    [flow.survey.hang_up.thanks]\nprompt = \"goodbye\"\n[flow.main]";

fn asking(survey: &str) -> World {
    let survey = format!("max_wait = 60\nsurvey = {survey}");
    scene(&[
        ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]"),
        ("max_wait = 60", &survey),
        ("[flow.main]", FLOW),
    ])
}

impl World {
    /// What reports are told of surveys.
    fn surveys(&self) -> Vec<Fact> {
        let (mut found, mut facts, mut replay) = (Vec::new(), Facts::default(), Replay::default());
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                facts.handle(&entry, &mut |fact| {
                    if matches!(fact.what, Fact::SurveySent { .. } | Fact::SurveyAnswered { .. }) {
                        found.push(fact.what);
                    }
                });
            });
        }
        found
    }

    /// Somebody calls the queue and talks with ann, who hangs up.
    fn talks_with_ann(&mut self, caller: usize, number: &str) {
        self.call(caller, number);
        self.seconds(7);
        self.take_call(ANN);
        self.seconds(20);
        self.hang_up(ANN);
        self.seconds(2);
    }
}

#[test]
fn a_caller_stays_when_the_agent_has_hung_up_and_says_how_it_was() {
    let mut world = asking("{ flow = \"survey\", every_days = 0 }");
    world.talks_with_ann(CARRIER, "+15550101");
    assert_eq!(world.gateway.calls.len(), 1, "the caller is asked");
    world.seconds(4);
    let presence = world.gateway.roster.presence(&"ann".into()).cloned();
    assert_eq!(presence, Some(crate::agent::Presence::Ready), "the agent is free meanwhile");
    world.press_key('4');
    world.seconds(20);
    assert!(world.gateway.calls.is_empty(), "then the box lets go");
    let surveys = world.surveys();
    let [
        Fact::SurveySent { survey, question, place, .. },
        Fact::SurveyAnswered { survey: of, score },
    ] = &surveys[..]
    else {
        panic!("{surveys:?}")
    };
    assert_eq!((survey, *question, *score), (of, Question::Csat, 4));
    assert_eq!(place.agent.as_ref().map(|agent| agent.as_str()), Some("ann"));
    assert_eq!(place.queue.as_ref().map(|queue| queue.as_str()), Some("support"));
    let sent = surveys.len();
    // A second answer of the same call would be none; a second call is asked anew.
    world.talks_with_ann(CARRIER, "+15550101");
    world.hang_up(CARRIER);
    world.seconds(2);
    assert!(world.gateway.calls.is_empty());
    assert_eq!(world.surveys().len(), sent + 1, "asked, and not answered");
}

#[test]
fn colleagues_and_who_hangs_up_or_did_not_agree_are_not_asked() {
    let mut world = asking("{ flow = \"survey\" }");
    world.talks_with_ann(1, "700");
    assert!(world.gateway.calls.is_empty(), "a colleague");
    world.seconds(4);
    world.call(CARRIER, "+15550101");
    world.seconds(7);
    world.take_call(ANN);
    world.seconds(20);
    world.hang_up(CARRIER);
    world.seconds(2);
    assert!(world.gateway.calls.is_empty(), "whoever has hung up");
    assert!(world.surveys().is_empty());
    let mut world = asking("{ flow = \"survey\", consent = \"thanks\" }");
    world.talks_with_ann(CARRIER, "+15550101");
    assert!(world.gateway.calls.is_empty(), "whoever did not agree");
    assert!(world.surveys().is_empty());
}

/// Asked every day, until the star.
#[test]
fn whoever_presses_the_star_is_asked_no_more() {
    let mut world = asking("{ flow = \"survey\", every_days = 0 }");
    for (keyed, asked) in [('4', true), ('*', true), ('1', false)] {
        let before = world.surveys().len();
        world.talks_with_ann(CARRIER, "+15550101");
        assert_eq!(world.gateway.calls.len(), usize::from(asked), "{keyed}");
        world.seconds(4);
        if asked {
            world.press_key(keyed);
        }
        world.seconds(20);
        assert!(world.gateway.calls.is_empty());
        let told = if keyed == '4' { 2 } else { usize::from(asked) };
        assert_eq!(world.surveys().len(), before + told, "{keyed}: a star is no answer");
    }
}

/// The first call of somebody of whom nothing is known, and the second one a minute later.
#[test]
fn whoever_was_asked_at_the_first_call_is_left_alone_at_the_second() {
    let mut world = asking("{ flow = \"survey\" }");
    world.talks_with_ann(CARRIER, "+15550101");
    assert_eq!(world.gateway.calls.len(), 1, "asked");
    world.hang_up(CARRIER);
    world.seconds(20);
    world.talks_with_ann(CARRIER, "+15550101");
    assert!(world.gateway.calls.is_empty(), "left alone");
}
