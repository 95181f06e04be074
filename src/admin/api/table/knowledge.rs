//! What the branch says again and again.

use crate::admin::api::knowledge::{ArticleLine, NewArticle};
use crate::admin::api::table::query::OF_ARTICLES;
use crate::admin::api::table::{
    ADMINS, Answer, EVERYBODY, Method, Operation, Route, Shape, get, one, page,
};
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/replies", Operation::Replies, page::<ArticleLine>())
        .by(EVERYBODY, Some(Scope::Read))
        .asks(OF_ARTICLES)
        .says("Replies that are ready: articles with a short name, which agents put into what they write."),
    get("/knowledge", Operation::Knowledge, page::<ArticleLine>())
        .by(EVERYBODY, Some(Scope::Read))
        .asks(OF_ARTICLES)
        .says("What the branch knows: articles and replies, by words, language and channel."),
    get("/knowledge/{article}", Operation::Article, one::<ArticleLine>(200))
        .by(EVERYBODY, Some(Scope::Read))
        .says("One article."),
    get("/knowledge/{article}", Operation::PutArticle, one::<ArticleLine>(200))
        .with(Method::Put, Some(Shape::of::<NewArticle>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Write an article, or another version of it. Agents find it, flows in writing answer from it, and callers hear its prompt, at once."),
    get("/knowledge/{article}", Operation::RemoveArticle, Answer::Nothing)
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Take an article off the shelf."),
];
