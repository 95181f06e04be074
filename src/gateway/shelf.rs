//! What the branch says again and again: kept by people who may, found by agents, said by flows.

use crate::admin::api::knowledge::{ArticleLine, NewArticle};
use crate::admin::{Command, Reply};
use crate::gateway::{By, Gateway};
use crate::id::{ActorId, ArticleId};
use crate::ivr::{ARTICLE, ClipName};
use crate::journal::State;
use crate::journal::event::Event;
use crate::messaging::shelf::{Change, MOST_ARTICLES, Wanted};
use crate::time::Now;

impl Gateway {
    /// Articles that fit, the best first.
    pub(super) fn article_lines(&self, wanted: &Wanted, limit: usize) -> Reply {
        let found = self.journal.live().shelf.find(wanted);
        Reply::Articles(found.into_iter().take(limit).map(ArticleLine::from).collect())
    }

    /// One of them.
    pub(super) fn article_line(&self, name: &ArticleId) -> Reply {
        match self.journal.live().shelf.0.get_key_value(name) {
            Some(one) => Reply::Article(Box::new(one.into())),
            None => Reply::Refused(format!("there is no article {name}")),
        }
    }

    /// Changes the shelf.
    pub(super) fn change_shelf(&mut self, now: Now, by: &By, command: &Command) -> Reply {
        if self.journal.state() != State::Healthy {
            return Reply::NotReady("the disk does not work: nothing would be kept".to_owned());
        }
        let (name, article) = match command {
            Command::PutArticle { name, article } => match self.article(name, article) {
                Ok(article) => (name, Some(article)),
                Err(reply) => return reply,
            },
            Command::RemoveArticle { name } if self.journal.live().shelf.0.contains_key(name) => {
                (name, None)
            }
            Command::RemoveArticle { name } => {
                return Reply::Refused(format!("there is no article {name}"));
            }
            _ => return Reply::Refused("that is no order for the shelf".to_owned()),
        };
        let by = ActorId::from(by.who.to_string().as_str());
        let kept = article.is_some();
        self.keep(now, Event::Shelf(Change { name: name.clone(), article, by }));
        if kept { self.article_line(name) } else { Reply::Done }
    }

    fn article(
        &self,
        name: &ArticleId,
        new: &NewArticle,
    ) -> Result<crate::messaging::shelf::Article, Reply> {
        let shelf = &self.journal.live().shelf.0;
        let known = shelf.get(name);
        if let (Some(seen), Some(known)) = (new.version, known)
            && seen != known.version
        {
            let why = format!("somebody else has changed it: it is at version {}", known.version);
            return Err(Reply::Conflict(why));
        }
        if known.is_none() && shelf.len() >= MOST_ARTICLES {
            return Err(Reply::Refused(format!("there are {MOST_ARTICLES} articles, the most")));
        }
        let channels = "channels are voice, chat, message and mail";
        let article = new.article().ok_or_else(|| Reply::Refused(channels.to_owned()))?;
        article.check().map_err(|wrong| Reply::Refused(wrong.to_string()))?;
        let same = |(own, other): (&ArticleId, &crate::messaging::shelf::Standing)| {
            own != name
                && article.short.is_some()
                && other.article.short == article.short
                && other.article.language == article.language
        };
        match shelf.iter().find(|(own, other)| same((own, other))) {
            Some((other, _)) => {
                Err(Reply::Refused(format!("article {other} has that short name already")))
            }
            None => Ok(article),
        }
    }

    /// The clips of a prompt, with the sounds of articles in the place of their names; one that has none is not heard.
    pub(super) fn with_articles(&self, clips: &[ClipName]) -> Vec<ClipName> {
        let shelf = &self.journal.live().shelf.0;
        let sound = |clip: &ClipName| match clip.as_str().strip_prefix(ARTICLE) {
            None => Some(clip.clone()),
            Some(name) => {
                let prompt = shelf.get(&ArticleId::from(name))?.article.prompt.as_deref();
                prompt.map(ClipName::from)
            }
        };
        clips.iter().filter_map(sound).collect()
    }
}
