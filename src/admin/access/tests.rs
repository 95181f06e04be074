//! Signing in and out, in virtual time.

#![allow(clippy::disallowed_methods)]

use std::net::Ipv4Addr;
use std::time::Instant;

use super::*;
use crate::journal::act::Account;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 9));

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_000_000_000) }
}

fn user(name: &str, role: Role, password: &str) -> User {
    User {
        name: name.to_owned(),
        role,
        agent: None,
        password: Some(password.to_owned()),
        disabled: false,
        subject: None,
    }
}

fn access(users: &[User], tokens: &[Token]) -> Access {
    let mut accounts = Accounts::default();
    users.iter().for_each(|user| accounts.apply(&Account::User(user.clone())));
    tokens.iter().for_each(|token| accounts.apply(&Account::Token(token.clone())));
    Access::new(accounts, Random::from_number(3))
}

fn signed_in(access: &mut Access, now: Now) -> Session {
    access.begin_sign_in(now, "ann", HERE).unwrap();
    access.end_sign_in(now, "ann", HERE, true).unwrap().1
}

#[test]
fn a_session_reads_freely_and_writes_with_its_csrf_token_alone() {
    let now = now();
    let mut access = access(&[user("ann", Role::Supervisor, "hash")], &[]);
    let session = signed_in(&mut access, now);
    let read = access.by_session(now, &session.cookie, false, None).unwrap();
    assert_eq!((read.role, read.who), (Role::Supervisor, Who::User("ann".to_owned())));
    assert_eq!(access.by_session(now, &session.cookie, true, None), Err(Denied::Forged));
    assert_eq!(access.by_session(now, &session.cookie, true, Some("x")), Err(Denied::Forged));
    assert!(access.by_session(now, &session.cookie, true, Some(&session.csrf)).is_ok());
    assert_eq!(access.by_session(now, "guess", false, None), Err(Denied::Session));
    assert!(access.sign_out(&session.id) && !access.sign_out(&session.id));
    assert_eq!(access.by_session(now, &session.cookie, false, None), Err(Denied::Session));
}

#[test]
fn sessions_end_when_idle_and_at_the_end_of_a_shift() {
    let start = now();
    let mut access = access(&[user("ann", Role::Agent, "hash")], &[]);
    let session = signed_in(&mut access, start);
    let mut at = start;
    while at.instant < start.instant + sessions::LONGEST - sessions::IDLE {
        at = at.after(sessions::IDLE / 2);
        assert!(access.by_session(at, &session.cookie, false, None).is_ok());
    }
    at = start.after(sessions::LONGEST);
    assert_eq!(access.by_session(at, &session.cookie, false, None), Err(Denied::Session));
    let session = signed_in(&mut access, at);
    at = at.after(sessions::IDLE);
    assert_eq!(access.by_session(at, &session.cookie, false, None), Err(Denied::Session));
}

#[test]
fn sessions_end_with_a_new_password_role_or_when_the_user_is_disabled() {
    let now = now();
    let ann = user("ann", Role::Agent, "hash");
    let changes = [
        User { password: Some("other".to_owned()), ..ann.clone() },
        User { role: Role::Admin, ..ann.clone() },
        User { disabled: true, ..ann.clone() },
        // A feed that was let in as Bob's would go on telling who calls him.
        User { agent: Some(AgentId::from("bob")), ..ann.clone() },
    ];
    for change in changes {
        let mut access = access(std::slice::from_ref(&ann), &[]);
        let session = signed_in(&mut access, now);
        let mut accounts = access.accounts.clone();
        accounts.apply(&Account::User(change));
        access.handle_accounts(accounts);
        assert_eq!(access.by_session(now, &session.cookie, false, None), Err(Denied::Session));
    }
}

#[test]
fn nobody_is_told_which_of_name_and_password_was_wrong() {
    let now = now();
    let disabled = User { disabled: true, ..user("eve", Role::Admin, "hash") };
    let mut access = access(&[user("ann", Role::Admin, "hash"), disabled], &[]);
    assert_eq!(access.begin_sign_in(now, "ann", HERE).unwrap(), "hash");
    for name in ["nobody", "eve"] {
        assert_eq!(access.begin_sign_in(now, name, HERE).unwrap(), password::NOBODY);
    }
    for (name, matched) in [("nobody", true), ("eve", true), ("ann", false)] {
        assert_eq!(access.end_sign_in(now, name, HERE, matched).unwrap_err(), Denied::Password);
    }
}

#[test]
fn guessing_is_slowed_down_and_the_right_password_waits_too() {
    let now = now();
    let mut access = access(&[user("ann", Role::Admin, "hash")], &[]);
    for _ in 0..5 {
        access.begin_sign_in(now, "ann", HERE).unwrap();
        access.end_sign_in(now, "ann", HERE, false).unwrap_err();
    }
    let Err(Denied::TooOften(wait)) = access.begin_sign_in(now, "ann", HERE) else { panic!() };
    assert!(access.begin_sign_in(now, "ann", Ipv4Addr::new(10, 1, 1, 1).into()).is_ok());
    assert!(access.begin_sign_in(now.after(wait), "ann", HERE).is_ok());
}

#[test]
fn a_token_is_known_by_all_of_it_until_it_ends() {
    let now = now();
    let (text, prefix, hash) = new_token(&mut Random::from_number(1));
    assert!(text.starts_with(&prefix) && !hash.contains(&text[PREFIX..]));
    let token = Token {
        prefix,
        hash,
        name: "crm".to_owned(),
        role: Role::Supervisor,
        scopes: vec![Scope::Calls],
        made: now.unix,
        expires: Some(now.unix + Duration::from_secs(60)),
    };
    let mut access = access(&[], std::slice::from_ref(&token));
    let principal = access.by_token(now, &text).unwrap();
    assert!(principal.has(Scope::Calls) && !principal.has(Scope::Control));
    let mut wrong = text.clone();
    wrong.pop();
    for guess in [wrong.as_str(), "", "bl_", "bl_ü", &token.hash, &token.prefix] {
        assert_eq!(access.by_token(now, guess), Err(Denied::Token), "{guess}");
    }
    let later = now.after(Duration::from_secs(60));
    assert_eq!(access.by_token(later, &text), Err(Denied::Token));
    let many = (0..1_000).filter(|_| access.by_token(now, &text).is_ok()).count();
    assert!(many < 300, "{many} in one instant");
}

#[test]
fn guesses_side_by_side_are_counted_before_any_is_looked_at() {
    let now = now();
    let mut access = access(&[user("ann", Role::Admin, "hash")], &[]);
    let passed = (0..100).filter(|_| access.begin_sign_in(now, "ann", HERE).is_ok()).count();
    assert_eq!(passed, 5, "none of them has ended yet");
    // What could not be looked at, and what was right, counts for nothing.
    (0..5).for_each(|_| access.give_up_sign_in("ann", HERE));
    for _ in 0..100 {
        assert!(access.begin_sign_in(now, "ann", HERE).is_ok());
        assert!(access.end_sign_in(now, "ann", HERE, true).is_ok());
    }
    // One's own password does not wash off guesses at others'.
    let mut access = self::access(&[user("ann", Role::Agent, "hash")], &[]);
    let mut guesses = 0;
    for number in 0..100 {
        if access.begin_sign_in(now, &format!("user{number}"), HERE).is_err() {
            break;
        }
        access.end_sign_in(now, "nobody", HERE, false).unwrap_err();
        guesses += 1;
        if access.begin_sign_in(now, "ann", HERE).is_ok() {
            access.end_sign_in(now, "ann", HERE, true).unwrap();
        }
    }
    assert_eq!(guesses, 20);
}

#[test]
fn who_signs_out_at_the_provider_is_signed_out_of_what_began_there() {
    let now = now();
    let there = |name: &str, subject: &str| User {
        subject: Some(format!("https://p {subject}")),
        ..user(name, Role::Agent, "hash")
    };
    let mut access = access(&[there("ann", "u1"), there("bob", "u2")], &[]);
    let back = |access: &mut Access, name: &str, id: &str| {
        access.end_return(now, name, HERE, Some(id.to_owned())).unwrap().1.cookie
    };
    let cookies = [
        back(&mut access, "ann", "a"),
        back(&mut access, "ann", "b"),
        back(&mut access, "bob", "c"),
    ];
    let by_password = signed_in(&mut access, now).cookie;
    let open = |access: &mut Access| {
        let all = cookies.iter().chain([&by_password]);
        all.map(|cookie| access.by_session(now, cookie, false, None).is_ok()).collect::<Vec<_>>()
    };
    let leaver = |subject: Option<&str>, session: Option<&str>| Leaver {
        subject: subject.map(str::to_owned),
        session: session.map(str::to_owned),
    };
    for nobody in [(Some("u9"), None), (Some("u2"), Some("a")), (None, Some("x"))] {
        let gone = access.sign_out_there("https://p", &leaver(nobody.0, nobody.1));
        assert!(gone.is_empty(), "{nobody:?}");
    }
    assert!(access.sign_out_there("https://other", &leaver(Some("u1"), None)).is_empty());
    access.sign_out_there("https://p", &leaver(None, Some("c")));
    access.sign_out_there("https://p", &leaver(Some("u1"), Some("b")));
    assert_eq!(open(&mut access), [true, false, false, true]);
    let gone = access.sign_out_there("https://p", &leaver(Some("u1"), None));
    assert_eq!(gone.into_iter().collect::<Vec<_>>(), ["ann"]);
    assert_eq!(
        open(&mut access),
        [false, false, false, true],
        "a password of the box is the box's"
    );
}

#[test]
fn a_crowd_that_guesses_does_not_fill_the_journal() {
    let now = now();
    let mut access = access(&[user("ann", Role::Agent, "hash")], &[]);
    assert_eq!(access.note_failure(now, "ann"), Some(Some("ann".to_owned())));
    assert_eq!(access.note_failure(now, "my password"), Some(None), "what was typed is not kept");
    let noted = (0..10_000).filter(|_| access.note_failure(now, "ann").is_some()).count();
    assert!(noted < 100, "{noted}");
}
