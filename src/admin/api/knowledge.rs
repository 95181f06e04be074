//! Articles and replies as the API shows them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::channel::Channel;
use crate::id::{ActorId, ArticleId};
use crate::messaging::shelf::{Article, Standing, Template};
use crate::time::{UnixTime, rfc3339};

/// An article: what the branch says again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArticleLine {
    /// What it is called: what callers' prompts and the path name.
    pub article: ArticleId,
    /// What it is about.
    pub title: String,
    /// What it says. A reply may say `{customer}` and `{agent}`, which whoever writes fills in.
    pub text: String,
    /// What agents type to have it: then it is a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub short: Option<String>,
    /// In which language; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub language: Option<String>,
    /// For which of `voice`, `chat`, `message`, `mail`; all when empty.
    pub channels: Vec<String>,
    /// What else it is found by.
    pub tags: Vec<String>,
    /// The prompt in which callers hear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub prompt: Option<String>,
    /// The template of a service whose words these are, with `{{1}}`, `{{2}}` where it is filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub template: Option<ServiceTemplate>,
    /// Counts its changes from 1.
    pub version: u32,
    /// When it was last changed.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// By whom.
    pub by: ActorId,
}

/// A template as the service has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceTemplate {
    /// What the service calls it.
    #[schema(min_length = 1, max_length = 512)]
    pub name: String,
    /// In which language, as the service writes it, such as `en_US`.
    #[schema(min_length = 1, max_length = 16)]
    pub language: String,
}

impl From<(&ArticleId, &Standing)> for ArticleLine {
    fn from((name, standing): (&ArticleId, &Standing)) -> ArticleLine {
        let Standing { article, version, at, by } = standing.clone();
        let Article { title, text, short, language, channels, tags, prompt, template } = article;
        ArticleLine {
            article: name.clone(),
            title,
            text,
            short,
            language,
            channels: channels.into_iter().map(|channel| channel.name().to_owned()).collect(),
            tags: tags.into_iter().collect(),
            prompt,
            template: template
                .map(|Template { name, language }| ServiceTemplate { name, language }),
            version,
            at,
            by,
        }
    }
}

/// An article as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewArticle {
    /// What it is about.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// What it says; `{customer}` and `{agent}` stand for names.
    #[schema(min_length = 1, max_length = 4096)]
    pub text: String,
    /// What agents type to have it.
    #[schema(max_length = 64)]
    pub short: Option<String>,
    /// In which language, such as `de`.
    #[schema(max_length = 16)]
    pub language: Option<String>,
    /// For which of `voice`, `chat`, `message`, `mail`; all when empty.
    #[schema(max_items = 4)]
    pub channels: Vec<String>,
    /// What else it is found by.
    #[schema(max_items = 16)]
    pub tags: Vec<String>,
    /// The prompt in which callers hear it: one of the site's sounds.
    #[schema(max_length = 64)]
    pub prompt: Option<String>,
    /// The template of a service whose words these are, with `{{1}}`, `{{2}}` where it is filled in: agents send it where the
    /// service lets nothing else through.
    pub template: Option<ServiceTemplate>,
    /// The version that was seen; not looked at when absent.
    pub version: Option<u32>,
}

impl NewArticle {
    /// As the shelf has it; nothing where a channel is none.
    pub fn article(&self) -> Option<Article> {
        let none = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let channels = self.channels.iter().map(|name| channel(name));
        Some(Article {
            title: self.title.trim().to_owned(),
            text: self.text.trim().to_owned(),
            short: none(&self.short),
            language: none(&self.language),
            channels: channels.collect::<Option<BTreeSet<_>>>()?,
            tags: self.tags.iter().cloned().collect(),
            prompt: none(&self.prompt),
            template: self.template.clone().map(|own| Template {
                name: own.name.trim().to_owned(),
                language: own.language.trim().to_owned(),
            }),
        })
    }
}

/// A channel by its name, of those for which articles are.
pub fn channel(name: &str) -> Option<Channel> {
    let all = [Channel::Voice, Channel::Chat, Channel::Message, Channel::Mail];
    all.into_iter().find(|channel| channel.name() == name)
}
