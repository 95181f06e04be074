//! What the branch says again and again: one shelf of articles for agents, flows in writing and callers.
//!
//! An article with a short name is a reply that agents put into what they write. What has places to fill in is theirs alone:
//! a flow knows neither the person nor an agent. A template of a service, as the service has approved it, is an article too: its
//! places `{{1}}`, `{{2}}` are filled in by whoever sends it. Search is over words and their beginnings; the title counts most.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::id::{ActorId, ArticleId};
use crate::time::UnixTime;

/// Articles that there may be. All of them are in each checkpoint of the journal: two megabytes at most.
pub const MOST_ARTICLES: usize = 500;
/// Characters of a text: the longest message that most services carry.
pub const LONGEST_TEXT: usize = 4_096;
/// Characters of a title.
pub const LONGEST_TITLE: usize = 200;
/// Tags of one article.
pub const MOST_TAGS: usize = 16;
/// Characters of a short name, of a tag, and of an article's own name.
pub const LONGEST_NAME: usize = 64;
/// Characters of what a service calls a template: as many as WhatsApp has.
pub const LONGEST_TEMPLATE: usize = 512;
/// Words of a question that are looked for.
const MOST_WORDS: usize = 24;
/// Letters of the shortest word that is looked for by its beginning alone: `a` begins too many.
const SHORTEST_BEGINNING: usize = 3;

/// Where a reply says whom it is written to, and who writes it.
pub const CUSTOMER: &str = "{customer}";
/// The same of the agent.
pub const AGENT: &str = "{agent}";

/// An article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// What it is about.
    pub title: String,
    /// What it says.
    pub text: String,
    /// What agents type to have it; nothing where it is no reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// In which language, as BCP 47 has it; in any where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// For which channels; for all where none is said.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// What else it is found by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// The prompt in which callers hear it: the name of a sound of the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The template of a service whose words these are; nothing: they are the branch's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

/// A template that a service has approved, by which a branch may write first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// What the service calls it: 1 to 512 characters.
    pub name: String,
    /// In which language, as the service writes it, such as `en_US`: 1 to 16 characters.
    pub language: String,
}

impl Template {
    fn is_good(&self) -> bool {
        let is = |text: &str, most: usize| {
            (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        is(&self.name, LONGEST_TEMPLATE) && is(&self.language, 16)
    }
}

impl Article {
    /// Whether it may be said by nobody in particular to anybody.
    pub fn is_whole(&self) -> bool {
        self.template.is_none() && !self.text.contains(CUSTOMER) && !self.text.contains(AGENT)
    }

    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Wrong> {
        let name = |text: &String| is_name(text);
        let fits =
            |text: &str, most: usize| !text.trim().is_empty() && text.chars().count() <= most;
        let language = |text: &String| {
            (2..=16).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        match () {
            () if !fits(&self.title, LONGEST_TITLE) => Err(Wrong::Title),
            () if !fits(&self.text, LONGEST_TEXT) => Err(Wrong::Text),
            () if !self.short.as_ref().is_none_or(name) => Err(Wrong::Short),
            () if !self.language.as_ref().is_none_or(language) => Err(Wrong::Language),
            () if self.tags.len() > MOST_TAGS || !self.tags.iter().all(name) => Err(Wrong::Tags),
            () if !self.prompt.as_ref().is_none_or(name) => Err(Wrong::Prompt),
            () if !self.template.as_ref().is_none_or(Template::is_good) => Err(Wrong::Template),
            () => Ok(()),
        }
    }
}

/// Whether a text is a name: 1 to 64 small letters, digits, `-`, `_` and `.`.
pub fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(good)
}

/// What is wrong with an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The title.
    Title,
    /// The text.
    Text,
    /// The short name.
    Short,
    /// The language.
    Language,
    /// The tags.
    Tags,
    /// The prompt.
    Prompt,
    /// The template.
    Template,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Title => write!(f, "a title has 1 to {LONGEST_TITLE} characters"),
            Wrong::Text => write!(f, "a text has 1 to {LONGEST_TEXT} characters"),
            Wrong::Short => {
                f.write_str("a short name has 1 to 64 small letters, digits, `-`, `_` and `.`")
            }
            Wrong::Language => f.write_str("a language is a tag such as `de` or `pt-BR`"),
            Wrong::Tags => write!(
                f,
                "there are at most {MOST_TAGS} tags, each of small letters, digits, `-`, `_` and `.`"
            ),
            Wrong::Prompt => f.write_str("a prompt is the name of one of the site's sounds"),
            Wrong::Template => write!(
                f,
                "a template has the service's name of it, 1 to {LONGEST_TEMPLATE} characters, and its language, 1 to 16"
            ),
        }
    }
}

/// An article as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// It.
    #[serde(flatten)]
    pub article: Article,
    /// Counts its changes from 1.
    pub version: u32,
    /// When it was last changed.
    pub at: UnixTime,
    /// By whom.
    pub by: ActorId,
}

/// A change of the shelf, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which article.
    pub name: ArticleId,
    /// What it is from now on; nothing: it is gone.
    pub article: Option<Article>,
    /// By whom.
    pub by: ActorId,
}

/// All articles, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shelf(pub BTreeMap<ArticleId, Standing>);

/// Which articles are wanted. What is not said is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// That fit these words.
    pub words: Option<String>,
    /// In this language, or in any.
    pub language: Option<String>,
    /// For this channel, or for all.
    pub channel: Option<Channel>,
    /// That are replies.
    pub replies: bool,
}

impl Shelf {
    /// Takes up a change.
    pub fn apply(&mut self, at: UnixTime, change: &Change) {
        let Change { name, article, by } = change;
        let Some(article) = article.clone() else {
            self.0.remove(name);
            return;
        };
        let version = self.0.get(name).map_or(1, |known| known.version.saturating_add(1));
        let standing = Standing { article, version, at, by: by.clone() };
        self.0.insert(name.clone(), standing);
    }

    /// Articles that are wanted: the one that fits best first, by title where no words were said.
    pub fn find(&self, wanted: &Wanted) -> Vec<(&ArticleId, &Standing)> {
        let fits = |(_, standing): &(&ArticleId, &Standing)| wanted.admits(&standing.article);
        let all = self.0.iter().filter(fits);
        let Some(text) = &wanted.words else {
            let mut all: Vec<_> = all.collect();
            all.sort_by_key(|(name, standing)| (standing.article.title.to_lowercase(), *name));
            return all;
        };
        let asked: Vec<_> = words(text).take(MOST_WORDS).collect();
        let weights: Vec<_> = asked.iter().map(|word| self.rarity(word)).collect();
        let score = |article: &Article| -> u32 {
            let by_word = asked.iter().zip(&weights);
            by_word.map(|(word, weight)| weight * article_fit(article, word)).sum()
        };
        let scored = all.map(|one| (score(&one.1.article), one));
        let mut scored: Vec<_> = scored.filter(|(score, _)| *score > 0).collect();
        scored.sort_by_key(|(score, (name, _))| (Reverse(*score), *name));
        scored.into_iter().map(|(_, one)| one).collect()
    }

    /// The article that answers a question best; nothing where none has most of its words.
    pub fn answer(&self, question: &str, channel: Option<Channel>) -> Option<&Article> {
        let wanted = Wanted { words: Some(question.to_owned()), channel, ..Wanted::default() };
        let asked: Vec<_> = words(question).filter(|word| !is_filler(word)).collect();
        let all = self.find(&wanted).into_iter().map(|(_, standing)| &standing.article);
        let mut good = all.filter(|article| article.is_whole());
        good.find(|article| {
            let met = asked.iter().filter(|word| article_fit(article, word) > 0).count();
            met > 0 && met * 2 >= asked.len()
        })
    }

    /// What a word counts: less, the more articles have it.
    fn rarity(&self, word: &str) -> u32 {
        if is_filler(word) {
            return 0;
        }
        let all = self.0.values();
        let having = all.filter(|standing| article_fit(&standing.article, word) > 0).count();
        match having * 4 {
            few if few <= self.0.len() => 4,
            some if some <= self.0.len() * 2 => 2,
            _ => 1,
        }
    }
}

impl Wanted {
    fn admits(&self, article: &Article) -> bool {
        let same = |own: &String, wanted: &String| {
            let first = |text: &str| text.split('-').next().map(str::to_lowercase);
            first(own) == first(wanted)
        };
        let language = match (&article.language, &self.language) {
            (Some(own), Some(wanted)) => same(own, wanted),
            _ => true,
        };
        let channel = article.channels.is_empty()
            || self.channel.is_none_or(|wanted| article.channels.contains(&wanted));
        language && channel && (!self.replies || article.short.is_some())
    }
}

/// How well an article fits one word.
fn article_fit(article: &Article, word: &str) -> u32 {
    let named = article.tags.iter().chain(&article.short).any(|tag| fit(tag, word) > 0);
    4 * fit(&article.title, word) + 3 * u32::from(named) + fit(&article.text, word)
}

/// 2: the text has the word; 1: one that begins so.
fn fit(text: &str, word: &str) -> u32 {
    let beginning = word.chars().count() >= SHORTEST_BEGINNING;
    let one = |own: String| match () {
        () if own == word => 2,
        () if beginning && own.starts_with(word) => 1,
        // `opening` is asked for as `openings`, `invoice` as `invoices`.
        () if own.chars().count() > SHORTEST_BEGINNING && word.starts_with(&own) => 1,
        () => 0,
    };
    words(text).map(one).max().unwrap_or(0)
}

/// Words in small letters, without accents.
fn words(text: &str) -> impl Iterator<Item = String> {
    let plain = |word: &str| word.chars().flat_map(char::to_lowercase).map(bare).collect();
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(plain)
}

/// A letter of Latin without its accent: people leave them out on telephones.
fn bare(letter: char) -> char {
    match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' | 'į' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ś' | 'š' | 'ß' => 's',
        'ź' | 'ż' | 'ž' => 'z',
        'ł' => 'l',
        letter => letter,
    }
}

/// Words of questions that say nothing of what is asked, in the languages that the pages speak.
fn is_filler(word: &str) -> bool {
    const FILLERS: [&str; 64] = [
        "a", "an", "and", "are", "at", "be", "can", "could", "do", "does", "for", "from", "have",
        "how", "i", "if", "in", "is", "it", "me", "my", "of", "on", "or", "please", "that", "the",
        "there", "this", "to", "what", "when", "where", "which", "who", "will", "with", "you",
        "your", "das", "dem", "den", "der", "die", "ein", "eine", "es", "fur", "haben", "hat",
        "ich", "im", "ist", "kann", "man", "mein", "mit", "sie", "sind", "und", "wann", "was",
        "wie", "wo",
    ];
    FILLERS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article(title: &str, text: &str) -> Article {
        Article {
            title: title.to_owned(),
            text: text.to_owned(),
            short: None,
            language: None,
            channels: BTreeSet::new(),
            tags: BTreeSet::new(),
            prompt: None,
            template: None,
        }
    }

    fn shelf(all: &[(&str, Article)]) -> Shelf {
        let mut shelf = Shelf::default();
        for (name, article) in all {
            let (name, by) = (ArticleId::from(*name), "user:lead".into());
            shelf.apply(UnixTime(1), &Change { name, article: Some(article.clone()), by });
        }
        shelf
    }

    fn branch() -> Shelf {
        shelf(&[
            ("hours", article("Opening hours", "Monday to Friday from 8 to 17 o'clock.")),
            ("returns", article("Returning goods", "Within 14 days, with the invoice.")),
            ("invoice", article("Copy of an invoice", "We send it by mail within an hour.")),
            (
                "greeting",
                Article {
                    short: Some("hi".to_owned()),
                    ..article("Greeting", "Good day {customer}, this is {agent}. Opening!")
                },
            ),
            (
                "oeffnungszeiten",
                Article {
                    language: Some("de".to_owned()),
                    tags: ["zeiten".to_owned()].into(),
                    ..article("Öffnungszeiten", "Montag bis Freitag von 8 bis 17 Uhr.")
                },
            ),
        ])
    }

    fn found(shelf: &Shelf, wanted: Wanted) -> Vec<&str> {
        shelf.find(&wanted).into_iter().map(|(name, _)| name.as_str()).collect()
    }

    fn words_of(text: &str) -> Wanted {
        Wanted { words: Some(text.to_owned()), ..Wanted::default() }
    }

    #[test]
    fn the_title_counts_most_and_words_are_met_by_their_beginnings() {
        let shelf = branch();
        assert_eq!(found(&shelf, words_of("invoice")), ["invoice", "returns"]);
        assert_eq!(found(&shelf, words_of("open")), ["hours", "greeting"]);
        assert_eq!(found(&shelf, words_of("INVOICES?")), ["invoice", "returns"]);
        assert_eq!(
            found(&shelf, words_of("offnungszeiten")),
            ["oeffnungszeiten"],
            "no dots needed"
        );
        assert_eq!(found(&shelf, words_of("zeiten")), ["oeffnungszeiten"], "by its tag");
        assert!(found(&shelf, words_of("helicopter")).is_empty());
        let replies = Wanted { replies: true, ..Wanted::default() };
        assert_eq!(found(&shelf, replies), ["greeting"]);
        let german = Wanted { language: Some("de-AT".to_owned()), ..Wanted::default() };
        assert_eq!(found(&shelf, german).len(), 5, "what has no language is in any");
        let french = Wanted { language: Some("fr".to_owned()), ..Wanted::default() };
        assert_eq!(found(&shelf, french).len(), 4);
    }

    #[test]
    fn a_question_is_answered_by_what_has_most_of_its_words_and_no_places_to_fill_in() {
        let shelf = branch();
        let answer = |question| shelf.answer(question, None).map(|own| own.title.as_str());
        assert_eq!(answer("When are you open on Monday?"), Some("Opening hours"));
        assert_eq!(answer("can I return my goods"), Some("Returning goods"));
        assert_eq!(answer("Wann ist am Montag auf? Öffnungszeiten"), Some("Öffnungszeiten"));
        assert_eq!(answer("my boiler leaks and the floor is wet"), None);
        assert_eq!(answer("what is it?"), None, "that asks for nothing");
    }

    #[test]
    fn what_is_changed_has_a_version_and_what_is_wrong_is_said() {
        let mut shelf = branch();
        let name = ArticleId::from("hours");
        let change = |article| Change { name: name.clone(), article, by: "user:ann".into() };
        shelf.apply(UnixTime(2), &change(Some(article("Hours", "Never."))));
        assert_eq!(shelf.0[&name].version, 2);
        let text = serde_json::to_string(&shelf).unwrap();
        assert_eq!(serde_json::from_str::<Shelf>(&text).unwrap(), shelf);
        shelf.apply(UnixTime(3), &change(None));
        assert!(!shelf.0.contains_key(&name));
        let good = article("Hours", "Never.");
        assert_eq!(good.check(), Ok(()));
        let bad = |change: &dyn Fn(&mut Article)| {
            let mut own = good.clone();
            change(&mut own);
            own.check()
        };
        assert_eq!(bad(&|own| own.text = " ".to_owned()), Err(Wrong::Text));
        assert_eq!(bad(&|own| own.title = "x".repeat(201)), Err(Wrong::Title));
        assert_eq!(bad(&|own| own.short = Some("Hi there".to_owned())), Err(Wrong::Short));
        assert_eq!(bad(&|own| own.language = Some("d".to_owned())), Err(Wrong::Language));
        assert_eq!(bad(&|own| own.tags = ["A".to_owned()].into()), Err(Wrong::Tags));
    }
}
