//! Who asks: signing in, sessions, users, tokens, and who did what.

use crate::admin::api::bodies::{
    ActLine, EndedThere, LogoutToken, MadeToken, Me, NewToken, NewUser, SessionLine, SignIn,
    TokenLine, UserChange, UserLine,
};
use crate::admin::api::table::query::{BACK, NOTED, PAGED};
use crate::admin::api::table::{
    ADMINS, AUDITORS, Answer, EVERYBODY, Method, Operation, Route, Shape, get, one, page,
};
use crate::admin::verdict::Verdict;
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/openapi.json", Operation::Document, Answer::Document).says("This document."),
    get("/session", Operation::SignIn, one::<Me>(201))
        .with(Method::Post, Some(Shape::of::<SignIn>()))
        .says("Sign in: the answer sets the session's cookie and gives its CSRF token."),
    get("/session/provider", Operation::Provider, Answer::Redirect)
        .says("Sign in at the provider of `[oidc]`: a browser is sent there."),
    get("/session/provider/back", Operation::Back, Answer::Page)
        .asks(BACK)
        .says("Come back from the provider: the answer sets the session's cookie and leads the browser on."),
    get("/session/provider/logout", Operation::SignedOutThere, one::<EndedThere>(200))
        .with_form(Shape::of::<LogoutToken>())
        .says("The provider says that somebody has signed out there: their sessions end here (OpenID Connect Back-Channel Logout)."),
    get("/session", Operation::Me, one::<Me>(200))
        .by(EVERYBODY, Some(Scope::Read))
        .says("Who asks, and what they may do."),
    get("/session", Operation::SignOut, Answer::Nothing)
        .with(Method::Delete, None)
        .by(EVERYBODY, None)
        .says("Sign out."),
    get("/sessions", Operation::Sessions, page::<SessionLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Who is signed in."),
    get("/sessions/{session}", Operation::EndSession, Answer::Nothing)
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("End somebody's session."),
    get("/users", Operation::Users, page::<UserLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Users."),
    get("/users", Operation::NewUser, one::<UserLine>(201))
        .with(Method::Post, Some(Shape::of::<NewUser>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Make a user."),
    get("/users/{user}", Operation::ChangeUser, one::<UserLine>(200))
        .with(Method::Patch, Some(Shape::of::<UserChange>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Change a user's role, password or agent, or keep them from signing in."),
    get("/tokens", Operation::Tokens, page::<TokenLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Tokens, without what is secret of them."),
    get("/tokens", Operation::NewToken, one::<MadeToken>(201))
        .with(Method::Post, Some(Shape::of::<NewToken>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Make a token. It is shown this once."),
    get("/tokens/{token}", Operation::RevokeToken, Answer::Nothing)
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Revoke a token."),
    get("/acts", Operation::Acts, page::<ActLine>())
        .by(AUDITORS, Some(Scope::Audit))
        .asks(PAGED)
        .says("Who did what, the newest first."),
    get("/journal/verification", Operation::VerifyJournal, one::<Verdict>(200))
        .by(AUDITORS, Some(Scope::Audit))
        .asks(NOTED)
        .says("Read the journal from end to end: chain, seals, checksums; and whether what was noted before still stands."),
];
