//! People whom several branches know: which contacts are the same person, and what each branch is told of them.
//!
//! [`People`] takes up what branches say ([`Event`]), joins contacts by their tokens, answers who is known by a token, and
//! numbers what each site is told until the site has it. It keeps nothing itself: rows are kept by whoever fills [`Book`],
//! an engine of one machine or of several. Any number of hubs may work on one book: a row is only put where it is as it was
//! read, and whatever was begun and not ended is done again when the event comes again.
//!
//! Decisions: nobody speaks in another's name (`writers`). What a site is told is which card has changed; what the card says is read when it is told, so that a site that
//! was away for long is told each card once. A site is told of cards that share a token with one of its own, and of no
//! others. Everything may be told twice: taking it up a second time changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::card::{Asked, Card, Event, Known, LONGEST_NAME as LONGEST_ID, Word};
use crate::uplink::frame::Told;

/// Octets of what a site is told at a time: a second of a slow line.
const MOST_TOLD: usize = 64 << 10;
/// Entries that are looked at for that.
const MOST_LOOKED_AT: u64 = 256;
/// Cards in one answer: a person has a contact at each branch, and now and then two.
const MOST_KNOWN: usize = 32;
/// Octets of one answer; what finds no room in it is told later, once the branch has said that it knows the person.
const LONGEST_ANSWER: usize = 256 << 10;
/// Contacts that may have a token: all of a large house's branches have one of the same person, and now and then two.
const MOST_HOLDERS: usize = 1_024;
/// And of one branch: no branch leaves no room for the others.
const MOST_HOLDERS_OF_A_SITE: usize = 16;
/// Contacts of one erasure, and of one thing that a site is told: a person has no more there.
const MOST_CONTACTS: usize = 64;
/// Characters of why an erasure was refused.
const LONGEST_WHY: usize = 1_000;
/// How often a row is tried that somebody else has changed meanwhile: more than there are hubs at work on one person.
const MOST_RACES: usize = 32;

/// Where rows are kept, each with a revision that another one follows when it is put. Names have letters, digits, `-`, `_`,
/// `=` and `/`, and at most some 200 characters. Whoever fills this makes a row durable before [`Book::put`] answers.
///
/// [`MemoryBook`] is one for tests and for a hub that keeps nothing.
pub trait Book {
    /// A row and its revision, which is above 0; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be read now.
    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, u64)>, Away>;

    /// Puts a row where it is at the revision that was seen; 0: where there is none.
    ///
    /// # Errors
    /// When it is at another one by now, or cannot be kept.
    fn put(&self, name: &str, row: &[u8], seen: u64) -> Result<(), NotPut>;

    /// Deletes a row, if there is one.
    ///
    /// # Errors
    /// When that cannot be done now.
    fn delete(&self, name: &str) -> Result<(), Away>;
}

/// The book cannot be read or written now; what was asked for is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Away;

/// Why a row was not put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPut {
    /// Somebody else has changed it.
    Raced,
    /// It cannot be kept now.
    Away,
}

impl From<Away> for NotPut {
    fn from(Away: Away) -> NotPut {
        NotPut::Away
    }
}

/// A contact at a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Holder {
    site: String,
    contact: String,
}

/// Who may have a token. Their cards say whether they do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    holders: BTreeSet<Holder>,
}

/// How far a site was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Owing {
    /// The newest entry.
    last: u64,
    /// The site has all up to this one.
    upto: u64,
}

/// What a site is to be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// This card is new, or another.
    Card(Holder),
    /// These contacts of the site are to be erased.
    Erase {
        asked: Asked,
        to: Vec<String>,
        #[serde(default)]
        tokens: BTreeSet<String>,
    },
}

/// An erasure that sites were asked for, as far as it has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Erasure {
    /// Who was asked.
    pub asked: BTreeSet<String>,
    /// Who has confirmed it.
    pub done: BTreeSet<String>,
    /// Where a person is asked, and has not said anything.
    pub waits: BTreeSet<String>,
    /// Who has refused, and why.
    pub refused: BTreeMap<String, Option<String>>,
}

impl Erasure {
    /// Who has not said anything.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        let said = |site: &&String| self.done.contains(*site) || self.refused.contains_key(*site);
        self.asked.iter().filter(move |site| !said(site)).map(String::as_str)
    }
}

/// Sites that there is something to tell.
pub type News = BTreeSet<String>;

/// People whom several branches know.
#[derive(Debug, Clone, Default)]
pub struct People<B> {
    book: B,
    /// Where numbers of what sites are told begin, where none were given yet.
    begins: u64,
}

impl<B: Book> People<B> {
    /// What is in a book.
    pub fn new(book: B) -> People<B> {
        People { book, begins: 0 }
    }

    /// The same of a book that may have been lost and begun anew: `epoch` is another one each time, so that what a site says
    /// that it has of the one before is not taken for what it is told by this one.
    pub fn begun(book: B, epoch: u32) -> People<B> {
        People { book, begins: u64::from(epoch) << 32 }
    }

    /// The number of the next event of a stream that was not taken up yet; 0 when none was.
    ///
    /// # Errors
    /// When the book is away.
    pub fn followed(&self, stream: &str) -> Result<u64, Away> {
        Ok(self.row(&followed_name(stream))?.map(|(next, _)| next).unwrap_or_default())
    }

    /// All before this one are taken up.
    ///
    /// # Errors
    /// When the book is away.
    pub fn follow(&self, stream: &str, next: u64) -> Result<(), Away> {
        self.change(&followed_name(stream), |_: Option<u64>| Ok(Some(next)))
    }

    /// A site has told this, an event of class PERSON; the same may come again. What is none of ours is passed over.
    /// Answers whom there is something to tell.
    ///
    /// # Errors
    /// When the book is away: the event has to come again.
    pub fn handle_event(&self, site: &str, body: &[u8]) -> Result<News, Away> {
        match serde_json::from_slice(body) {
            Ok(Event::Card { contact, card }) => {
                self.take_card(Holder { site: site.to_owned(), contact }, card)
            }
            Ok(Event::Erased { erasure, contacts, spreads }) => {
                let asked = Asked { site: site.to_owned(), erasure };
                self.erase(&asked, &contacts, spreads)
            }
            Ok(Event::Confirmed { asked, done, waits, why }) => {
                self.confirm(site, &asked, (done, waits), why)?;
                Ok(News::new())
            }
            Err(_) => Ok(News::new()),
        }
    }

    /// Who is known by any of these tokens at other sites than this one; nothing when nobody is.
    ///
    /// # Errors
    /// When the book is away.
    pub fn ask(&self, site: &str, tokens: &[String]) -> Result<Option<Value>, Away> {
        let mut holders = BTreeSet::new();
        for token in tokens {
            holders.extend(self.line(token)?.0.holders);
        }
        let (mut all, mut size) = (Vec::new(), 0);
        for holder in holders.into_iter().filter(|holder| holder.site != site) {
            let Some((card, _)) = self.card(&holder)? else { continue };
            if all.len() >= MOST_KNOWN || !tokens.iter().any(|token| card.tokens.contains(token)) {
                continue;
            }
            let known = Known { site: holder.site, contact: holder.contact, card };
            let longer = size + serde_json::to_vec(&known).map_or(usize::MAX, |row| row.len());
            if longer <= LONGEST_ANSWER {
                size = longer;
                all.push(known);
            }
        }
        Ok(Some(all).filter(|all| !all.is_empty()).and_then(|all| serde_json::to_value(all).ok()))
    }

    /// What a site is to be told next; nothing when it has all. The same until it says that it has it.
    ///
    /// # Errors
    /// When the book is away.
    pub fn tell(&self, site: &str) -> Result<Option<Told>, Away> {
        let (owing, _) = self.owing(site)?;
        let mut told = Told { upto: owing.upto, changes: Vec::new() };
        let (mut size, mut said) = (0, BTreeSet::new());
        let end = owing.last.min(owing.upto.saturating_add(MOST_LOOKED_AT));
        for number in owing.upto + 1..=end {
            let Some((entry, _)) = self.row::<Entry>(&entry_name(site, number))? else {
                told.upto = number;
                continue;
            };
            let new = said.insert(entry.clone());
            let word = if new { self.word(site, entry)? } else { None };
            let word = word.and_then(|word| serde_json::to_value(word).ok());
            size += word.as_ref().map_or(0, |word| word.to_string().len());
            if size > MOST_TOLD && !told.changes.is_empty() {
                break;
            }
            told.upto = number;
            told.changes.extend(word);
        }
        Ok(Some(told).filter(|told| told.upto > owing.upto))
    }

    /// A site has all up to this one for good.
    ///
    /// # Errors
    /// When the book is away.
    pub fn took(&self, site: &str, upto: u64) -> Result<(), Away> {
        let mut gone = 0..0;
        self.change(&site_name(site), |owing: Option<Owing>| {
            let Some(mut owing) = owing else { return Ok(None) };
            // What was never said nobody has.
            if upto <= owing.upto || upto > owing.last {
                return Ok(None);
            }
            gone = owing.upto + 1..upto + 1;
            owing.upto = upto;
            Ok(Some(owing))
        })?;
        gone.into_iter().try_for_each(|number| self.book.delete(&entry_name(site, number)))
    }

    /// How far an erasure has come that other sites were asked for; nothing if none was.
    ///
    /// # Errors
    /// When the book is away.
    pub fn erasure(&self, asked: &Asked) -> Result<Option<Erasure>, Away> {
        Ok(self.row(&erasure_name(asked))?.map(|(erasure, _)| erasure))
    }
}

/// Cards.
impl<B: Book> People<B> {
    /// The card is put before anybody is told of it, and whoever has a token is looked for after: whoever comes between
    /// finds the card.
    fn take_card(&self, holder: Holder, said: Card) -> Result<News, Away> {
        if holder.contact.len() > LONGEST_ID {
            return Ok(News::new());
        }
        let said = match self.in_their_own_name(&holder, said.bounded())? {
            Ok(said) => said,
            Err(why) => {
                tracing::warn!(site = holder.site, ?why, "a card is not what its site may say");
                return Ok(News::new());
            }
        };
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        self.change(&card_name(&holder), |known: Option<Card>| {
            let mut card = known.unwrap_or_default();
            before.clone_from(&card.tokens);
            card.absorb(said.clone());
            card = card.bounded();
            after.clone_from(&card.tokens);
            Ok(Some(card))
        })?;
        let mut others = BTreeSet::new();
        for token in &after {
            others.extend(self.join(&holder, token)?);
        }
        for token in before.difference(&after) {
            self.part(&holder, token)?;
        }
        let mut news = News::new();
        for site in others.into_iter().map(|other| other.site).filter(|site| *site != holder.site) {
            if news.insert(site.clone()) {
                self.owe(&site, &Entry::Card(holder.clone()))?;
            }
        }
        news.insert(holder.site);
        Ok(news)
    }

    /// A contact has a token from here on, and its site is told who else has it. Answers who.
    fn join(&self, holder: &Holder, token: &str) -> Result<BTreeSet<Holder>, Away> {
        let mut others = BTreeSet::new();
        self.change(&token_name(token), |line: Option<Line>| {
            let mut line = line.unwrap_or_default();
            others.clear();
            let same = line.holders.iter().filter(|other| other.site == holder.site).count();
            let full = same >= MOST_HOLDERS_OF_A_SITE || line.holders.len() >= MOST_HOLDERS;
            if full && !line.holders.contains(holder) {
                tracing::warn!(site = holder.site, "more contacts have one token than people have");
                return Ok(None);
            }
            let new = line.holders.insert(holder.clone());
            others.clone_from(&line.holders);
            others.remove(holder);
            // Before it has the token: if this ends half-way, it is new once more.
            for other in others.iter().filter(|other| new && other.site != holder.site) {
                self.owe(&holder.site, &Entry::Card(other.clone()))?;
            }
            Ok(Some(line).filter(|_| new))
        })?;
        Ok(others)
    }

    fn part(&self, holder: &Holder, token: &str) -> Result<(), Away> {
        self.change(&token_name(token), |line: Option<Line>| {
            Ok(line.and_then(|mut line| line.holders.remove(holder).then_some(line)))
        })
    }

    /// What an entry says by now; nothing when that is no more the site's business.
    fn word(&self, site: &str, entry: Entry) -> Result<Option<Word>, Away> {
        let holder = match entry {
            Entry::Erase { asked, to, tokens } => {
                return Ok(Some(Word::Erase { to, asked, tokens }));
            }
            Entry::Card(holder) => holder,
        };
        let Some((card, _)) = self.card(&holder)? else { return Ok(None) };
        let mut to = Vec::new();
        let own = self.same(&holder, &card)?.into_iter().filter(|other| other.site == site);
        to.extend(own.take(MOST_CONTACTS).map(|own| own.contact));
        let Holder { site, contact } = holder;
        let known = Known { site, contact, card };
        Ok(Some(to).filter(|to| !to.is_empty()).map(|to| Word::Card { to, known }))
    }

    /// Who else has a token of a card.
    fn same(&self, holder: &Holder, card: &Card) -> Result<BTreeSet<Holder>, Away> {
        let mut same = BTreeSet::new();
        for token in &card.tokens {
            for other in self.line(token)?.0.holders {
                let has = |(card, _): (Card, u64)| card.tokens.contains(token);
                if other != *holder && self.card(&other)?.is_some_and(has) {
                    same.insert(other);
                }
            }
        }
        Ok(same)
    }
}

/// Erasure.
impl<B: Book> People<B> {
    /// Contacts of a site are gone. Whoever else knows the person is asked first, and the card goes last: if this ends
    /// half-way, it is done again.
    fn erase(&self, asked: &Asked, contacts: &[String], spreads: bool) -> Result<News, Away> {
        let mut whom: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut cards = Vec::new();
        if asked.erasure.len() > LONGEST_ID {
            return Ok(News::new());
        }
        for contact in contacts.iter().take(MOST_CONTACTS) {
            let holder = Holder { site: asked.site.clone(), contact: contact.clone() };
            let Some((card, _)) = self.card(&holder)? else { continue };
            let others = self.same(&holder, &card)?.into_iter();
            for other in others.filter(|other| spreads && other.site != asked.site) {
                whom.entry(other.site).or_default().insert(other.contact);
            }
            cards.push((holder, card));
        }
        if !whom.is_empty() {
            self.change(&erasure_name(asked), |known: Option<Erasure>| {
                let mut erasure = known.unwrap_or_default();
                erasure.asked.extend(whom.keys().cloned());
                Ok(Some(erasure))
            })?;
        }
        for (site, to) in &whom {
            let to = to.iter().take(MOST_CONTACTS).cloned().collect();
            let tokens = cards.iter().flat_map(|(_, card)| card.tokens.iter().cloned()).collect();
            self.owe(site, &Entry::Erase { asked: asked.clone(), to, tokens })?;
        }
        for (holder, card) in cards {
            card.tokens.iter().try_for_each(|token| self.part(&holder, token))?;
            self.book.delete(&card_name(&holder))?;
        }
        Ok(whom.into_keys().collect())
    }

    fn confirm(
        &self,
        site: &str,
        asked: &Asked,
        (done, waits): (bool, bool),
        why: Option<String>,
    ) -> Result<(), Away> {
        let why = why.map(|why| why.chars().take(LONGEST_WHY).collect::<String>());
        self.change(&erasure_name(asked), |known: Option<Erasure>| {
            // Who was not asked has nothing to confirm.
            let known = known.filter(|known| known.asked.contains(site));
            Ok(known.map(|mut erasure| {
                erasure.waits.remove(site);
                if done {
                    erasure.refused.remove(site);
                    erasure.done.insert(site.to_owned());
                } else if waits {
                    erasure.waits.insert(site.to_owned());
                } else {
                    erasure.refused.insert(site.to_owned(), why.clone());
                }
                erasure
            }))
        })
    }
}

/// Rows.
impl<B: Book> People<B> {
    /// A site is to be told something. The entry is there before it is counted; one that another hub has put there and not
    /// counted is counted with it.
    fn owe(&self, site: &str, entry: &Entry) -> Result<(), Away> {
        let row = serde_json::to_vec(entry).map_err(|_| Away)?;
        for _ in 0..MOST_RACES {
            let (owing, seen) = self.owing(site)?;
            let last = owing.last + 1;
            let put = self.book.put(&entry_name(site, last), &row, 0);
            if put == Err(NotPut::Away) {
                return Err(Away);
            }
            let counted = serde_json::to_vec(&Owing { last, ..owing }).map_err(|_| Away)?;
            match self.book.put(&site_name(site), &counted, seen) {
                // Ours is behind the other's.
                Ok(()) if put.is_err() => {}
                Ok(()) => return Ok(()),
                // Whoever counted has counted ours.
                Err(NotPut::Raced) if put.is_ok() && self.owing(site)?.0.last >= last => {
                    return Ok(());
                }
                Err(NotPut::Raced) if put.is_ok() => self.book.delete(&entry_name(site, last))?,
                Err(NotPut::Raced) => {}
                Err(NotPut::Away) => return Err(Away),
            }
        }
        Err(Away)
    }

    /// Changes a row, as often as somebody else was faster; what `to` answers is put, nothing: it stays as it is.
    fn change<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        mut to: impl FnMut(Option<T>) -> Result<Option<T>, Away>,
    ) -> Result<(), Away> {
        for _ in 0..MOST_RACES {
            let known = self.book.get(name)?;
            let seen = known.as_ref().map_or(0, |(_, seen)| *seen);
            let known = known.and_then(|(row, _)| serde_json::from_slice(&row).ok());
            let Some(new) = to(known)? else { return Ok(()) };
            let row = serde_json::to_vec(&new).map_err(|_| Away)?;
            match self.book.put(name, &row, seen) {
                Ok(()) => return Ok(()),
                Err(NotPut::Raced) => {}
                Err(NotPut::Away) => return Err(Away),
            }
        }
        Err(Away)
    }

    fn row<T: DeserializeOwned>(&self, name: &str) -> Result<Option<(T, u64)>, Away> {
        let row = self.book.get(name)?;
        // A row that is damaged says nothing; the next event puts a whole one there.
        Ok(row.and_then(|(row, seen)| Some((serde_json::from_slice(&row).ok()?, seen))))
    }

    fn card(&self, holder: &Holder) -> Result<Option<(Card, u64)>, Away> {
        self.row(&card_name(holder))
    }

    fn line(&self, token: &str) -> Result<(Line, u64), Away> {
        Ok(self.row(&token_name(token))?.unwrap_or_default())
    }

    fn owing(&self, site: &str) -> Result<(Owing, u64), Away> {
        let none = Owing { last: self.begins, upto: self.begins };
        Ok(self.row(&site_name(site))?.unwrap_or((none, 0)))
    }
}

fn card_name(holder: &Holder) -> String {
    format!("card/{}/{}", plain(&holder.site), plain(&holder.contact))
}

fn token_name(token: &str) -> String {
    format!("token/{}", plain(token))
}

fn site_name(site: &str) -> String {
    format!("owing/{}", plain(site))
}

fn entry_name(site: &str, number: u64) -> String {
    format!("owed/{}/{number}", plain(site))
}

fn erasure_name(asked: &Asked) -> String {
    format!("erasure/{}/{}", plain(&asked.site), plain(&asked.erasure))
}

fn followed_name(stream: &str) -> String {
    format!("followed/{}", plain(stream))
}

/// A name with what belongs in none written in figures; what is too long for one, by its beginning and a hash.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => plain.push(byte.into()),
            _ => plain.push_str(&format!("={byte:02x}")),
        }
    }
    if plain.len() > LONGEST_NAME {
        let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        plain.truncate(LONGEST_NAME / 2);
        hash.as_ref().iter().take(16).for_each(|byte| plain.push_str(&format!("{byte:02x}")));
    }
    plain
}

/// Characters of one part of a name: a site's, an id, a token.
const LONGEST_NAME: usize = 80;

mod memory;
mod writers;
pub use memory::MemoryBook;

#[cfg(test)]
mod tests;
