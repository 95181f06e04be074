//! Articles and replies.

use super::Reading;
use crate::admin::Command;
use crate::admin::api::knowledge::channel;
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::table::Operation;
use crate::messaging::shelf::Wanted;

/// What a request about them asks for.
pub fn ask(asked: &Reading) -> Result<Command, Problem> {
    let name = || Ok::<_, Problem>(asked.name("article")?.into());
    Ok(match asked.route.operation {
        Operation::Article => Command::Article { name: name()? },
        Operation::PutArticle => {
            Command::PutArticle { name: name()?, article: Box::new(asked.body()?) }
        }
        Operation::RemoveArticle => Command::RemoveArticle { name: name()? },
        operation => Command::Articles {
            wanted: Wanted {
                words: asked.query("q").map(str::to_owned),
                language: asked.query("language").map(str::to_owned),
                channel: asked.query("channel").map(known).transpose()?,
                replies: operation == Operation::Replies,
            },
            limit: asked.limit(),
        },
    })
}

fn known(name: &str) -> Result<crate::channel::Channel, Problem> {
    let none = || {
        let detail = "articles are for no such channel";
        let advice = "give voice, chat, message or mail";
        Problem::new(Kind::Malformed, detail, advice).at("query/channel")
    };
    channel(name).ok_or_else(none)
}
