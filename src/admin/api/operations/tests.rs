//! Requests that are read, and those that are not.

use super::*;
use crate::admin::api::TABLE;
use crate::journal::act::Who;

fn route(operation: Operation) -> &'static Route {
    TABLE.iter().find(|route| route.operation == operation).unwrap()
}

fn asked(path: &[(&str, &str)], query: &[(&str, &str)], body: &str) -> Asked {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Asked {
        path: path.iter().map(owned).collect(),
        query: query.iter().map(owned).collect(),
        body: body.as_bytes().to_vec(),
        last_event: None,
        if_match: None,
        away: None,
        file: (None, None),
        once: None,
    }
}

fn refused(operation: Operation, asked: &Asked) -> Problem {
    ask(route(operation), None, asked).expect_err("a refusal")
}

#[test]
fn parameters_are_known_and_say_what_they_may() {
    let calls = |query: &[(&str, &str)]| ask(route(Operation::Calls), None, &asked(&[], query, ""));
    let Ok(Ask::Command(Command::CallRecords { limit, after })) = calls(&[("limit", "7")]) else {
        panic!("calls")
    };
    assert_eq!((limit, after), (7, None));
    let wrong: [&[(&str, &str)]; 8] = [
        &[("limit", "0")],
        &[("limit", "1001")],
        &[("limit", "+7")],
        &[("limit", "")],
        &[("limit", "7"), ("limit", "8")],
        &[("after", "'; DROP TABLE")],
        &[("after", "")],
        &[("order", "asc")],
    ];
    for query in wrong {
        let problem = calls(query).expect_err("a refusal");
        assert_eq!(problem.status, 400, "{query:?}");
        assert_eq!(problem.at, Some(format!("query/{}", query[0].0)));
    }
    let talks =
        |query: &[(&str, &str)]| ask(route(Operation::Conversations), None, &asked(&[], query, ""));
    assert!(talks(&[("unread", "true"), ("closed", "true"), ("channel", "shop.sim_1")]).is_ok());
    let wrong = [("unread", "null"), ("closed", "false"), ("contact", "nobody"), ("after", "7")];
    for (name, value) in wrong {
        let problem = talks(&[(name, value)]).expect_err("a refusal");
        assert_eq!(problem.at, Some(format!("query/{name}")), "{value}");
    }
    let problem = refused(Operation::DryRun, &asked(&[], &[("number", "911")], ""));
    assert_eq!(problem.at.as_deref(), Some("query/from"));
}

#[test]
fn names_that_climb_inject_or_are_no_ids_are_not_found() {
    for name in ["..", "../../etc/passwd", "*)(uid=*", "<script>", "", "ZZZZZZZZZZZZZ", "é"] {
        let problem = refused(Operation::OneCall, &asked(&[("call", name)], &[], ""));
        assert_eq!(problem.status, 404, "{name}");
        let text = serde_json::to_string(&problem).unwrap();
        assert!(!text.contains("<script>"), "{text}");
    }
}

#[test]
fn bodies_that_are_no_json_of_ours_are_refused_with_a_place() {
    let deep = "[".repeat(10_000);
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "{\"name\":\"a\"}",
        "{\"name\":\"a\",\"password\":1}",
        "{\"name\":\"a\",\"password\":\"b\",\"role\":\"admin\"}",
        deep.as_str(),
        "\u{0}",
    ];
    for body in bodies {
        let problem = refused(Operation::SignIn, &asked(&[], &[], body));
        assert_eq!((problem.status, problem.at.as_deref()), (400, Some("body")));
        assert!(problem.detail.len() < 200);
    }
}

#[test]
fn an_agent_sets_their_own_state_alone() {
    let who = |role, agent: &str| Principal {
        who: Who::User("u".to_owned()),
        role,
        scopes: None,
        agent: Some(agent.into()),
        session: None,
    };
    let asked = asked(&[("agent", "ann")], &[], r#"{"state":"ready"}"#);
    let own = |who: &Principal| ask(route(Operation::SetPresence), Some(who), &asked);
    assert!(own(&who(Role::Agent, "ann")).is_ok());
    assert_eq!(own(&who(Role::Agent, "bob")).unwrap_err().status, 403);
    assert!(own(&who(Role::Supervisor, "bob")).is_ok());
}

#[test]
fn a_refusal_names_what_is_not_there() {
    let call = asked(&[("call", "0000000000001")], &[], "");
    let reply = Reply::Refused("there is no call 0000000000001".to_owned());
    let problem = answer(route(Operation::HangUp), &call, reply).unwrap_err();
    assert_eq!((problem.status, problem.at.as_deref()), (404, Some("path/call")));
    let reply = Reply::Refused("there is a user ann already".to_owned());
    let problem = answer(route(Operation::NewUser), &Asked::default(), reply).unwrap_err();
    assert_eq!(problem.status, 409);
}
