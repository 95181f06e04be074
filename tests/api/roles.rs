//! Every role and every scope against every route, and nobody at all.

use branchline::admin::api::table::Method;
use branchline::admin::api::{BASE, Operation, Route, TABLE};
use branchline::journal::act::{Role, Scope};

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
        ("contact", "0000000000001"),
        ("case", "0000000000001"),
        ("pin", "0000000000001"),
        ("hold", "0000000000001"),
        ("formula", "F1"),
        ("tag", "vip"),
        ("journey", "0000000000001"),
        ("task", "0000000000001-0"),
        ("webhook", "nobody"),
    ];
    let path = names.iter().fold(route.path.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), value)
    });
    let body = route.body.map(|_| "{}").filter(|_| !route.form);
    let mut way = way.clone();
    if route.operation == Operation::Feed {
        way.0.extend(["--max-time".to_owned(), "0.5".to_owned()]);
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
            let token_may = role_may && route.scope.is_some();
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
