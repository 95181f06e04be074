//! Every role and every scope against every route, and nobody at all.

use branchline::admin::api::table::Method;
use branchline::admin::api::{BASE, Operation, Route, TABLE};
use branchline::journal::act::{Role, Scope};
use serde_json::Value;

use crate::{Api, Way};

const USERS: [(&str, Role); 4] = [
    ("ann", Role::Agent),
    ("lead", Role::Supervisor),
    ("admin", Role::Admin),
    ("audit", Role::Auditor),
];

/// A request for a route that does no harm where it is let through: nothing it names is there.
fn ask(api: &Api, way: &Way, route: &Route) -> u16 {
    let names = [
        ("call", "0000000000001"),
        ("recording", "0000000000001"),
        ("agent", "ann"),
        ("user", "nobody"),
        ("token", "bl_00000000"),
        ("session", "0000000000000000"),
        ("source", "203.0.113.9"),
        ("queue", "nothing"),
        ("item", "0000000000001"),
        ("contact", "0000000000001"),
        ("case", "0000000000001"),
        ("pin", "0000000000001"),
        ("hold", "0000000000001"),
        ("formula", "F1"),
        ("tag", "vip"),
        ("journey", "0000000000001"),
        ("task", "0000000000001-0"),
        ("webhook", "nobody"),
        ("conversation", "0000000000001"),
        ("message", "0000000000001"),
        ("version", "999999999"),
    ];
    let path = names.iter().fold(route.path.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), value)
    });
    let body = route.body.map(|_| "{}").filter(|_| !route.form);
    let mut way = way.clone();
    if route.operation == Operation::Feed {
        way.0.extend(["--max-time".to_owned(), "0.5".to_owned()]);
    }
    if route.operation == Operation::Desk {
        way.0.extend(["-H".to_owned(), format!("Origin: {}", api.url)]);
    }
    if route.form {
        way.0.extend(["--data".to_owned(), "logout_token=x".to_owned()]);
    }
    api.ask(&way, route.method.name(), &format!("{BASE}{path}"), body).status
}

fn is_let_in(status: u16) -> bool {
    assert!(status != 0 && status < 500, "{status}");
    status != 401 && status != 403
}

#[test]
fn every_role_may_what_the_table_says_and_nothing_else() {
    let api = Api::start();
    let mut tried = 0;
    for (user, role) in USERS {
        let session = api.session(user);
        let token = api.new_token(role.name(), &Scope::ALL.map(Scope::name));
        for route in TABLE.iter().filter(|route| route.roles.is_some()) {
            let role_may = route.roles.is_some_and(|roles| roles.contains(&role));
            let line = format!("{} {} as {role}", route.method.name(), route.path);
            // A token is no agent, who might set their own state; and nobody signs out with it.
            let own = role == Role::Agent && is_for_an_agent(route);
            let token_may = role_may && route.scope.is_some() && !own;
            assert_eq!(is_let_in(ask(&api, &token, route)), token_may, "{line}, by token");
            if route.operation != Operation::SignOut {
                assert_eq!(is_let_in(ask(&api, &session, route)), role_may, "{line}, by session");
            }
            tried += 2;
        }
    }
    eprintln!("{tried} pairs of role and route");
    assert_eq!(tried, 8 * TABLE.iter().filter(|route| route.roles.is_some()).count());
}

#[test]
fn a_token_without_the_scope_is_not_let_in_and_nobody_is() {
    let api = Api::start();
    let nobody = Way::default();
    let others = |scope: Scope| -> Vec<&str> {
        Scope::ALL.iter().filter(|own| **own != scope).map(|own| own.name()).collect()
    };
    let ways: Vec<_> =
        Scope::ALL.iter().map(|scope| (*scope, api.new_token("admin", &others(*scope)))).collect();
    for route in TABLE {
        let line = format!("{} {}", route.method.name(), route.path);
        let status = ask(&api, &nobody, route);
        match route.roles {
            Some(_) => assert_eq!(status, 401, "{line}"),
            None => assert!(matches!(status, 200 | 400 | 422), "{line}: {status}"),
        }
        for (scope, way) in ways.iter().filter(|(scope, _)| route.scope == Some(*scope)) {
            assert_eq!(ask(&api, way, route), 403, "{line} without {scope}");
        }
    }
}

/// Whether something is done there for one agent: whoever has that role does it for themselves alone.
fn is_for_an_agent(route: &Route) -> bool {
    matches!(
        route.operation,
        Operation::SetPresence
            | Operation::WrapUp
            | Operation::TakeWork
            | Operation::DeclineWork
            | Operation::ReturnWork
            | Operation::FinishWork
            | Operation::Claim
    )
}

/// Routes that say for which agent something is done, in the path or in the body, as the document has them.
fn routes_for_agents(document: &Value) -> Vec<&'static Route> {
    let says_agent = |route: &Route| {
        let name = route.body.map(|body| (body.name)());
        let schema = name.map(|name| &document["components"]["schemas"][name]);
        schema.is_some_and(|schema| schema["properties"]["agent"].is_object())
    };
    let changes = |route: &&Route| route.method.changes();
    let all = TABLE.iter().filter(changes);
    all.filter(|route| route.path.contains("{agent}") || says_agent(route)).collect()
}

#[test]
fn an_agent_acts_for_no_other_whichever_route_is_tried() {
    let api = Api::start();
    let document = api.curl("/api/v1/openapi.json", &[]).json();
    let (agent, lead) = (api.session("ann"), api.session("lead"));
    let token = api.new_token("agent", &Scope::ALL.map(Scope::name));
    let mut tried = Vec::new();
    for route in routes_for_agents(&document) {
        let line = format!("{} {}", route.method.name(), route.path);
        if route.operation == Operation::HandOver {
            // There it says who goes on, not who acts.
            continue;
        }
        let path = route.path.replace("{agent}", "bob").replace("{item}", "0000000000001");
        let path = path.replace("{conversation}", "0000000000001");
        let path = format!("{BASE}{}", path.replace("{user}", "nobody"));
        let body = match route.operation {
            Operation::SetPresence => r#"{"state":"paused"}"#,
            Operation::WrapUp => "{}",
            Operation::NewUser => {
                r#"{"name":"eve","role":"admin","password":"a long password","agent":"bob"}"#
            }
            _ => r#"{"agent":"bob"}"#,
        };
        for way in [&agent, &token] {
            let answer = api.ask(way, route.method.name(), &path, Some(body));
            assert!(answer.status == 403, "{line}: {}", answer.body);
            answer.is_problem(403, "not-allowed");
        }
        // Whoever leads may; that bob is no agent here, or there is no such work, is another matter.
        if route.roles.is_some_and(|roles| roles.contains(&Role::Supervisor)) {
            let answer = api.ask(&lead, route.method.name(), &path, Some(body));
            assert!(is_let_in(answer.status), "{line}: {}", answer.body);
        }
        tried.push(route.operation.name());
    }
    tried.sort_unstable();
    let known = ["add_user", "change_user", "claim_conversation", "decline_work", "end_wrap_up"];
    let others = ["finish_work", "return_work", "set_presence", "take_work"];
    let known: Vec<_> = known.into_iter().chain(others).collect();
    assert_eq!(tried, known);
    let own = TABLE.iter().filter(|route| is_for_an_agent(route));
    assert!(
        own.clone().count() == 7 && own.into_iter().all(|r| known.contains(&r.operation.name()))
    );
    // Calls are somebody's own in the same way.
    let from = r#"{"from":"203","to":"600"}"#;
    api.ask(&agent, "POST", "/api/v1/calls", Some(from)).is_problem(403, "not-allowed");
}

/// What opens the channel of a page, without what is left out.
fn opens(api: &Api, leaving: &str) -> Vec<String> {
    let headers = [
        format!("Origin: {}", api.url),
        "Connection: Upgrade".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Sec-WebSocket-Version: 13".to_owned(),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
        "Sec-WebSocket-Protocol: branchline.desk.1".to_owned(),
    ];
    let kept =
        headers.into_iter().filter(|header| leaving.is_empty() || !header.starts_with(leaving));
    kept.flat_map(|header| ["-H".to_owned(), header]).collect()
}

#[test]
fn the_channel_of_a_page_is_answered_as_the_document_says() {
    let api = Api::start();
    let path = "/api/v1/desk";
    let document = api.curl("/api/v1/openapi.json", &[]).json();
    let told = &document["paths"][path]["get"]["responses"];
    let open = |way: &Way, leaving: &str, more: &[&str]| {
        let mut way = way.clone();
        way.0.extend(opens(&api, leaving));
        way.0.extend(more.iter().map(|text| (*text).to_owned()));
        // What is open does not end by itself.
        way.0.extend(["--max-time".to_owned(), "1".to_owned()]);
        let answer = api.ask(&way, "GET", path, None);
        assert!(told[answer.status.to_string()].is_object(), "{} is not told", answer.status);
        answer
    };
    let (ann, lead, nobody) = (api.session("ann"), api.session("lead"), Way::default());
    assert_eq!(open(&ann, "", &[]).status, 101);
    open(&nobody, "", &[]).is_problem(401, "sign-in-needed");
    open(&ann, "Origin", &[]).is_problem(403, "csrf");
    open(&ann, "Origin", &["-H", "Origin: https://evil.example"]).is_problem(403, "csrf");
    open(&Way::token(&api.token), "", &[]).is_problem(403, "not-allowed");
    open(&api.session("audit"), "", &[]).is_problem(403, "not-allowed");
    // Somebody who leads, and is no agent.
    open(&lead, "", &[]).is_problem(403, "not-allowed");
    let plain = open(&ann, "Upgrade", &[]);
    plain.is_problem(426, "upgrade-needed");
    assert_eq!(plain.header("upgrade"), Some("websocket"), "{}", plain.head);
    open(&ann, "Connection", &[]).is_problem(426, "upgrade-needed");
    open(&ann, "Sec-WebSocket-Key", &[]).is_problem(400, "malformed");
    open(&ann, "Sec-WebSocket-Version", &[]).is_problem(400, "malformed");
    open(&ann, "Sec-WebSocket-Protocol", &[]).is_problem(400, "malformed");
    let other = ["-H", "Sec-WebSocket-Protocol: branchline.desk.99"];
    open(&ann, "Sec-WebSocket-Protocol", &other).is_problem(400, "malformed");
    // However many tabs somebody has, others open theirs.
    let eve = r#"{"name":"eve","role":"agent","password":"a long password","agent":"ann"}"#;
    api.order("POST", "/api/v1/users", Some(eve));
    let eve = r#"{"name":"eve","password":"a long password"}"#;
    let signed = api.ask(&Way::default(), "POST", "/api/v1/session", Some(eve));
    let cookie = signed.header("set-cookie").and_then(|text| text.split(';').next());
    let cookie = format!("Cookie: {}", cookie.expect("a cookie"));
    let eve = Way(["-H".to_owned(), cookie].to_vec());
    let all: Vec<u16> = std::thread::scope(|scope| {
        let tabs: Vec<_> = (0..12).map(|_| scope.spawn(|| open(&ann, "", &[]).status)).collect();
        // Those stay open for a second.
        std::thread::scope(|inner| {
            let hers = inner.spawn(|| open(&eve, "", &[]).status);
            assert_eq!(hers.join().expect("asked"), 101);
        });
        tabs.into_iter().map(|tab| tab.join().expect("asked")).collect()
    });
    let refused = all.iter().filter(|status| **status == 429).count();
    assert!(refused == 4 && all.iter().all(|status| matches!(status, 101 | 429)), "{all:?}");
}

#[test]
fn whoever_comes_back_to_the_feed_with_what_is_no_id_of_it_looks_at_everything_anew() {
    let api = Api::start();
    let way = Way::token(&api.token);
    for last in ["x", "é", "0-0", "99999999-99999999999999999999"] {
        let mut way = way.clone();
        way.0.extend(
            ["-H", &format!("Last-Event-ID: {last}"), "--max-time", "1"].map(str::to_owned),
        );
        let answer = api.ask(&way, "GET", "/api/v1/feed", None);
        assert!(answer.body.contains("event: reset\n"), "{last}: {}", answer.body);
    }
}

#[test]
fn a_path_that_takes_other_methods_says_which() {
    let api = Api::start();
    let way = Way::token(&api.token);
    for route in TABLE.iter().filter(|route| route.method == Method::Get).take(12) {
        let path = format!("{BASE}{}", route.path.replace(['{', '}'], "0"));
        let answer = api.ask(&way, "TRACE", &path, None);
        answer.is_problem(405, "wrong-method");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{path}");
    }
    api.curl("/api/v1/nothing", &[]).is_problem(404, "not-found");
    api.curl("/api/v2/status", &[]).is_problem(404, "not-found");
}
