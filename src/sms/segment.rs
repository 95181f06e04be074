//! A text in parts: which alphabet is cheapest, and where to cut (3GPP TS 23.040 clause 9.2.3.24.1, 23.038 clause 6.2).
//!
//! Owns the choice, the counting that a person sees while writing, and the cuts: never inside a character, so never
//! between the halves of an emoji or of an escape pair; and not between a letter and its accents or inside a flag, if
//! that costs no further part. The number that parts have in common is an argument.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::alphabet::{self, Language, Tables, Written, packing};
use super::pdu::header::MAX_USER_DATA;
use super::pdu::user_data::MAX_SEPTETS;
use super::pdu::{Alphabet, Concatenation, Element, Header, Reference, UserData};

/// Most parts of a message: their number is one octet.
pub const MAX_PARTS: usize = 255;

/// What a site and a line allow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Locking shift tables that may be used. None unless asked for: many networks and phones mishandle them.
    pub locking: Vec<Language>,
    /// Single shift tables that may be used. None unless asked for.
    pub single: Vec<Language>,
    /// Characters may be replaced by others that look alike, where the whole text then needs no UCS-2.
    pub transliterate: bool,
}

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// Septets of these tables.
    Septets(Tables),
    /// UCS-2.
    Ucs2,
}

/// What a text costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How many messages. One for an empty text.
    pub parts: usize,
    /// How many more units fit into the last one: septets, or halves of UCS-2.
    pub units_left: usize,
    /// What it is written in.
    pub encoding: Encoding,
    /// The character that no allowed table has, and which it is, counted from 0; nothing unless it is UCS-2.
    pub forced_by: Option<(usize, char)>,
}

/// One message of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What its user data is made of.
    pub alphabet: Alphabet,
    /// Which part it is; nothing if it is the only one.
    pub part: Option<Concatenation>,
    /// Header and text.
    pub user_data: UserData,
}

/// More than [`MAX_PARTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// How many it would take.
    pub parts: usize,
    /// How many characters of it, from the beginning, could be sent; octets, of data.
    pub longest: usize,
}

/// What a text would cost, with a reference of the width of `reference`.
pub fn count(text: &str, options: &Options, reference: Reference) -> Count {
    let plan = Plan::new(text, options, reference);
    Count {
        parts: plan.cuts.len(),
        units_left: plan.left,
        encoding: plan.encoding,
        forced_by: plan.forced_by,
    }
}

/// The messages of a text, in order. `reference` should not be one that was used with this recipient lately.
pub fn segment(text: &str, options: &Options, reference: Reference) -> Result<Vec<Part>, TooLong> {
    let plan = Plan::new(text, options, reference);
    if plan.cuts.len() > MAX_PARTS {
        let end = plan.cuts[MAX_PARTS];
        let longest = plan.text[..end].chars().count();
        return Err(TooLong { parts: plan.cuts.len(), longest });
    }
    let total = plan.cuts.len();
    Ok((0..total).map(|at| plan.part(at, reference)).collect())
}

/// The messages of octets for a program, each with `elements` (ports, as a rule) in its header. The header must leave
/// room for at least one octet; else all of them are too long.
pub fn segment_octets(
    data: &[u8],
    elements: &[Element],
    reference: Reference,
) -> Result<Vec<Part>, TooLong> {
    let header = |part| {
        let mut header = Header::new(part, Tables::DEFAULT);
        header.elements.extend_from_slice(elements);
        header
    };
    let room = |part| MAX_USER_DATA.saturating_sub(header(part).octets().len());
    let some = Concatenation { reference, total: 1, sequence: 1 };
    let (alone, each) = (room(None), room(Some(some)));
    let parts = if data.len() <= alone { 1 } else { data.len().div_ceil(each.max(1)) };
    let fits = data.len() <= alone || each > 0;
    if parts > MAX_PARTS || !fits {
        return Err(TooLong { parts, longest: each * MAX_PARTS });
    }
    let one = |at: usize| {
        let part = (parts > 1).then_some(numbered(reference, parts, at));
        let piece = if parts > 1 { data.chunks(each).nth(at).unwrap_or(&[]) } else { data };
        let user_data = UserData::octets(&header(part), piece).unwrap_or_default();
        Part { alphabet: Alphabet::Octets, part, user_data }
    };
    Ok((0..parts).map(one).collect())
}

fn numbered(reference: Reference, parts: usize, at: usize) -> Concatenation {
    Concatenation { reference, total: parts as u8, sequence: at as u8 + 1 }
}

/// How a text is sent.
struct Plan<'a> {
    text: Cow<'a, str>,
    encoding: Encoding,
    cuts: Vec<usize>,
    left: usize,
    forced_by: Option<(usize, char)>,
}

impl<'a> Plan<'a> {
    fn new(text: &'a str, options: &Options, reference: Reference) -> Plan<'a> {
        let text = match options.transliterate && lacking(text, Tables::DEFAULT).is_some() {
            true => alphabet::transliterate(text).map_or(Cow::Borrowed(text), Cow::Owned),
            false => Cow::Borrowed(text),
        };
        let Choice { encoding, cuts, left, forced_by } = choose(&text, options, reference);
        Plan { text, encoding, cuts, left, forced_by }
    }

    fn part(&self, at: usize, reference: Reference) -> Part {
        let end = self.cuts.get(at + 1).copied().unwrap_or(self.text.len());
        let piece = &self.text[self.cuts[at]..end];
        let part = (self.cuts.len() > 1).then_some(numbered(reference, self.cuts.len(), at));
        let (alphabet, user_data) = match self.encoding {
            Encoding::Septets(tables) => {
                let septets = tables.encode(piece).unwrap_or_default();
                (Alphabet::Septets, UserData::septets(&Header::new(part, tables), &septets))
            }
            Encoding::Ucs2 => {
                let header = Header::new(part, Tables::DEFAULT);
                (Alphabet::Ucs2, UserData::octets(&header, &alphabet::ucs2(piece)))
            }
        };
        Part { alphabet, part, user_data: user_data.unwrap_or_default() }
    }
}

/// What a text is best written in.
struct Choice {
    encoding: Encoding,
    /// Where each part begins.
    cuts: Vec<usize>,
    /// Units that are left in the last part.
    left: usize,
    forced_by: Option<(usize, char)>,
}

/// The fewest parts; of as many, what stands first: the default alphabet, a single shift, a locking shift, both, UCS-2.
fn choose(text: &str, options: &Options, reference: Reference) -> Choice {
    let written = |encoding, forced_by| {
        let (cuts, left) = cuts(text, encoding, reference);
        Choice { encoding, cuts, left, forced_by }
    };
    let mut cheapest: Option<Choice> = None;
    let mut furthest = None;
    for tables in candidates(options) {
        if let Some(char) = lacking(text, tables) {
            furthest = furthest.max(Some(char));
            continue;
        }
        let choice = written(Encoding::Septets(tables), None);
        if cheapest.as_ref().is_none_or(|before| choice.cuts.len() < before.cuts.len()) {
            cheapest = Some(choice);
        }
        if cheapest.as_ref().is_some_and(|best| best.cuts.len() == 1) {
            break;
        }
    }
    match cheapest {
        // UCS-2 never beats the default alphabet where that has every character.
        Some(choice) if choice.encoding == Encoding::Septets(Tables::DEFAULT) => choice,
        Some(choice) if choice.cuts.len() == 1 => choice,
        Some(choice) => {
            let wide = written(Encoding::Ucs2, lacking(text, Tables::DEFAULT));
            if wide.cuts.len() < choice.cuts.len() { wide } else { choice }
        }
        None => written(Encoding::Ucs2, furthest),
    }
}

fn candidates(options: &Options) -> impl Iterator<Item = Tables> + '_ {
    let single = |language: &Language| Some(*language);
    let locking = || options.locking.iter().copied().filter(|language| language.locks());
    let singles = options.single.iter().map(single);
    let both = locking().flat_map(move |locking| {
        let with = move |single| Tables { locking: Some(locking), single: Some(single) };
        options.single.iter().copied().map(with)
    });
    std::iter::once(Tables::DEFAULT)
        .chain(singles.map(|single| Tables { locking: None, single }))
        .chain(locking().map(|language| Tables { locking: Some(language), single: None }))
        .chain(both)
}

/// The first character that tables lack, and which it is.
fn lacking(text: &str, tables: Tables) -> Option<(usize, char)> {
    text.chars().enumerate().find(|(_, char)| tables.write(*char).is_none())
}

/// How many units a character takes.
fn width(char: char, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Septets(tables) => tables.write(char).map_or(1, Written::len),
        Encoding::Ucs2 => char.len_utf16(),
    }
}

/// Units of a message that is alone, and of a part.
fn rooms(encoding: Encoding, reference: Reference) -> (usize, usize) {
    let part = Concatenation { reference, total: 1, sequence: 1 };
    let room = |part| match encoding {
        Encoding::Septets(tables) => {
            MAX_SEPTETS - packing::behind(Header::new(part, tables).octets().len())
        }
        Encoding::Ucs2 => (MAX_USER_DATA - Header::new(part, Tables::DEFAULT).octets().len()) / 2,
    };
    (room(None), room(Some(part)))
}

/// Where each part begins, and how many units are left in the last one.
fn cuts(text: &str, encoding: Encoding, reference: Reference) -> (Vec<usize>, usize) {
    let (alone, each) = rooms(encoding, reference);
    let whole: usize = text.chars().map(|char| width(char, encoding)).sum();
    if whole <= alone {
        return (vec![0], alone - whole);
    }
    let chars = text.char_indices().map(|(at, char)| (at, width(char, encoding)));
    let tight = fill(chars, each);
    // What the default alphabet has stands alone: no accents, no flags.
    if encoding == Encoding::Septets(Tables::DEFAULT) {
        return tight;
    }
    let clusters = text.grapheme_indices(true).flat_map(|(at, cluster)| {
        let chars =
            cluster.char_indices().map(move |(more, char)| (at + more, width(char, encoding)));
        let whole: usize = chars.clone().map(|(_, width)| width).sum();
        // Longer than a part: a letter with a hundred accents, which is cut between them.
        let (one, many) =
            if whole <= each { (Some((at, whole)), None) } else { (None, Some(chars)) };
        one.into_iter().chain(many.into_iter().flatten())
    });
    let kind = fill(clusters, each);
    if kind.0.len() <= tight.0.len() { kind } else { tight }
}

/// Fills parts of `room` with pieces, none of which is longer.
fn fill(pieces: impl Iterator<Item = (usize, usize)>, room: usize) -> (Vec<usize>, usize) {
    let (mut cuts, mut left) = (vec![0], room);
    for (at, width) in pieces {
        if width > left {
            cuts.push(at);
            left = room;
        }
        left -= width;
    }
    (cuts, left)
}

#[cfg(test)]
pub(super) mod tests;
